"""The mistakes are named: on the homeworks, on what is in print, and wherever they are planted."""

import itertools
from fractions import Fraction
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import gradsheet
from gradsheet.claims.history import History
from gradsheet.mistakes.diagnosis import diagnose
from gradsheet.mistakes.simulation import Run
from gradsheet.numbers.printed import as_float, printed
from gradsheet.numbers.reasons import OutOfWork
from gradsheet.numbers.slips import slips
from tests.planting import BATCH, HOMEWORK, OUTCOMES, Solution, count, outcome, pairs, singles
from tests.sheets import NET, NUMBERS, SYMBOLS, codes, judgements, report_on

ROOT = Path(__file__).parents[2]
HOMEWORKS = ROOT / "gradsheet" / "homework"


def by_line(path: Path) -> dict[int, list[str]]:
    """The codes of every claim that is not right, by its line."""
    return {
        j.claim.line: codes(j)
        for j in report_on(path).judgements
        if j.verdict in ("wrong", "lucky", "carried_forward")
    }


# The homeworks


def test_the_first_homework_one_dropped_half_and_one_swap() -> None:
    report = report_on(HOMEWORKS / "numbers.toml")
    assert by_line(HOMEWORKS / "numbers.toml") == {
        62: ["two-kept"],
        75: ["two-kept+answers-swapped"],
        87: ["two-kept+answers-swapped"],
    }
    assert [cause.explanation.code for cause in report.causes] == ["two-kept"]
    assert report.causes[0].sentence(report.judgements) == (
        "one cause explains 3 of 3 wrong or lucky claims: "
        "the 2 of the square is kept, though the 1/2 of the loss cancels it"
    )


def test_the_second_homework_a_sum_too_many_and_two_factors_missing() -> None:
    found = by_line(HOMEWORKS / "symbols.toml")
    assert found[123] == ["slope-missing+input-missing+delta-summed"]  # item 16
    assert found[130] == ["slope-missing+delta-summed"]  # item 17
    assert found[102] == ["form-one-row"]  # item 13
    assert found[66] == found[73] == ["delta-missing", "delta-summed"]  # items 8 and 9
    # Item 10: W3[i,j] for W3[1,i], relu(z1) for relu(z1[j]).
    assert found[80] == ["index-wrong+index-missing"]


# In print


def test_every_wrong_claim_in_print_has_its_recorded_cause_or_none() -> None:
    """What the sheets' own notes say of the cause, as codes."""
    found = {}
    for path in sorted((ROOT / "tests" / "published").glob("*.toml")):
        for mistakes in by_line(path).values():
            found.setdefault(path.name.split("-")[0], []).append(mistakes)
    assert found == {
        # "paths from output 1 through unit 2 and from output 2 through unit 1 left out";
        # "half of one unit delta"
        "anotsorandomwalk": [["own-path"], []],
        "hmkcode": [["old-weights"]] * 2,  # "keeps the first-pass result beside the new weights"
        "lynch": [["error-sign"]] * 4,  # "sign: derivative of half (yt-y)^2 by y is -(yt-y)"
        "mazur": [["weights-updated"]],  # "through the already updated output weights"
        "whathowwhy": [["two-missing"]] * 21,  # "factor 2 missing"
    }


def test_one_cause_is_behind_21_claims() -> None:
    """Only the first of them is wrong by itself: two digits, which chance might have, too."""
    report = report_on(next((ROOT / "tests" / "published").glob("whathowwhy-mse*")))
    assert [cause.sentence(report.judgements) for cause in report.causes] == [
        "one cause fits 1 of 1 wrong claims, and 20 carried forward: "
        "the 2 of the square is missing, and the loss has no 1/2 that would cancel it"
    ]


# Planted


@pytest.mark.parametrize(("head", "step", "least"), [(HOMEWORK, 3, 25), (BATCH, 20, 7)])
def test_single_mistakes_are_named_where_they_show(head: str, step: int, least: int) -> None:
    """Every third, every twentieth in the batch; all of them are in the exhaustive test below."""
    solution = Solution(head)
    found = count(solution, itertools.islice(singles(solution), 0, None, step))
    assert found["named otherwise"] == found["not named"] == 0
    assert found["named first"] >= least


@pytest.mark.parametrize(("head", "every"), [(HOMEWORK, 394), (BATCH, 1597)])
def test_two_mistakes_are_named_together(head: str, every: int) -> None:
    solution = Solution(head)
    found = count(solution, itertools.islice(pairs(solution), 0, None, every))
    assert found["named otherwise"] + found["not named"] <= found.total() / 25
    assert found["named first"] >= found.total() * 0.7


@pytest.mark.exhaustive
def test_every_pair_of_mistakes(capsys) -> None:
    """All of them; prints the table that the README has."""
    for name, head in (("homework", HOMEWORK), ("batch", BATCH)):
        solution = Solution(head)
        for kind, planted in (("single", singles(solution)), ("pairs", pairs(solution))):
            found = count(solution, planted)
            with capsys.disabled():
                print(
                    f"\n{name} {kind}: {found.total()} planted, "
                    + ", ".join(f"{found[o]} {o}" for o in OUTCOMES)
                )
            assert found["not named"] + found["named otherwise"] <= found.total() / 50


def test_a_planted_carelessness_in_the_naming_is_caught(monkeypatch) -> None:
    """Without the exact check the tests above would see that other mistakes are named."""
    solution = Solution(HOMEWORK)
    monkeypatch.setattr(
        "gradsheet.mistakes.search.Statement.holds",
        lambda self, run: run.values(self.tree)[:, 0] == 0,
    )
    assert outcome(solution, (0,)) in ("named otherwise", "not named")


@pytest.mark.parametrize("head", [HOMEWORK, BATCH, NET], ids=["homework", "batch", "sigmoid"])
def test_variants_side_by_side_are_those_made_alone(head: str) -> None:
    """In floats, many at a time, comes out what exact arithmetic gives for each mistake."""
    solution = Solution(head)
    chosen = [*singles(solution), *itertools.islice(pairs(solution), 0, None, 421)]
    chosen = chosen[::9] if head is BATCH else chosen[::2]
    run = Run(solution.simulation, chosen)
    for row, combination in enumerate(chosen):
        for name, exact in solution.values(combination).items():
            mine = run.values(solution.trees[name])[row]
            truth = [as_float(v) for v in exact.flat]
            assert mine == pytest.approx(truth, rel=1e-9, abs=1e-9, nan_ok=True), (
                name,
                combination,
            )


# No false accusation


@hypothesis.given(st.data())
def test_what_is_right_is_not_diagnosed_and_what_is_named_reproduces(data: st.DataObject) -> None:
    """A wrong number anywhere on the homework's sheet, among right ones."""
    solution = Solution(HOMEWORK)
    values = dict(solution.truth)
    name = data.draw(st.sampled_from(sorted(values)))
    array = values[name].copy()
    index = data.draw(st.sampled_from(list(np.ndindex(array.shape))))
    array[index] += data.draw(st.fractions(-5, 5, max_denominator=7).filter(bool))
    found = solution.judgements({**values, name: array})
    diagnose(found, solution.point, History(()))
    texts = {instance.text for instance in solution.simulation.instances}
    for judgement in found:
        if judgement.verdict == "right":
            assert judgement.explanations is None
        for explanation in judgement.explanations or []:
            if explanation.text in texts:
                ways = [
                    (k,)
                    for k, i in enumerate(solution.simulation.instances)
                    if i.text == explanation.text
                ]
                again = [solution.values(way)[name].tolist() for way in ways]
                assert array.tolist() in again, explanation


def test_where_nothing_fits_that_is_said() -> None:
    (judgement,) = judgements(NUMBERS, ("dL/dW2[2,2]", "123.456"))
    assert judgement.mistakes == []
    assert judgement.reasons() == ["no known mistake gives this", "off by 116.456"]


def test_where_there_is_nothing_to_compare_the_reason_is_enough() -> None:
    found = judgements(NUMBERS, ("dL/dW2[9,1]", "3"), ("z1", "[1, 2]"), ("yhat", "", "'W3 @ x'"))
    assert all(judgement.verdict == "wrong" for judgement in found)
    assert not any("no known mistake" in judgement.all_messages() for judgement in found)


def test_few_digits_only_fit() -> None:
    """The truth is 7; 14 may be the 2 of the square, and may be chance."""
    (judgement,) = judgements(NUMBERS, ("dL/dW2[2,2]", "14"))
    assert "two-kept" in codes(judgement)
    assert "fits: " in judgement.all_messages()
    assert "mistake: " not in judgement.all_messages()


def test_many_digits_are_sure() -> None:
    # (yhat - 1) * 3, the slope h (1 - h) is missing.
    (judgement,) = judgements(NET, ("dL/dz1", "3.964367"))
    assert codes(judgement) == ["slope-missing"]
    assert (
        "mistake: the derivative of the activation, sigmoid'(z1), is missing"
        in judgement.all_messages()
    )


# Roots and consequences


def test_what_follows_from_a_mistake_is_no_second_one() -> None:
    """h1 is typed wrongly, 0.7783 for 0.7738; 3 h1 follows from that."""
    found = judgements(NET, ("h1", "0.7783"), ("yhat", "2.3349"))
    assert [codes(judgement) for judgement in found] == [["digits-swapped"], ["carried-on"]]


def test_a_mistake_and_rounding_besides() -> None:
    """Without the slope, and with 1.321 printed for 1.32146 before: 3 * 1.321 =
    3.963, and not 3.964."""
    found = judgements(NET, ("dL/dyhat", "1.321"), ("dL/dz1", "3.963"))
    assert codes(found[1]) == ["slope-missing+rounding"]


def test_what_follows_from_a_mistake_and_rounding_has_its_cause() -> None:
    """The slope is missing, 3.963 for 3.9644, since 1.321 was carried on; 3.963
    * 1.23 = 4.874 follows."""
    text = "".join(
        f"[[claim]]\nquantity = '{quantity}'\nvalue = {value}\n"
        for quantity, value in (("dL/dyhat", "1.321"), ("dL/dz1", "3.963"), ("dL/dW1", "4.874"))
    )
    report = gradsheet.judge(gradsheet.read(NET + text))
    assert [codes(judgement) for judgement in report.judgements[1:]] == [
        ["slope-missing+rounding"],
        ["carried-on"],
    ]
    assert [(cause.explanation.code, cause.claims) for cause in report.causes] == [
        ("slope-missing", [1, 2])
    ]


def test_the_rest_of_the_sheet_decides_between_equals() -> None:
    """-1.32146 for 1.32146 is a lost sign where all else is right, and y - yhat
    where the rest follows from that."""
    alone = judgements(NET, ("dL/dyhat", "-1.32146"), ("dL/dz1", "0.693857"), ("dL/dW1", "0.85344"))
    assert codes(alone[0]) == ["sign-lost"]
    throughout = judgements(
        NET, ("dL/dyhat", "-1.32146"), ("dL/dz1", "-0.693857"), ("dL/dW1", "-0.85344")
    )
    assert [codes(judgement) for judgement in throughout] == [["error-sign"]] * 3


# The figures


@pytest.mark.parametrize(
    ("text", "meant", "code"),
    [
        ("-7", Fraction(7), "sign-lost"),
        ("0.1234", Fraction("0.0123401"), "point-moved"),
        ("12.34", Fraction("0.12341"), "point-moved"),
        ("0.1848", Fraction("0.1488"), "digits-swapped"),
        ("1845", Fraction(1485), "digits-swapped"),
        ("0.3275", Fraction("0.3775"), "digit-mistyped"),
        ("0.5944", Fraction("0.59448"), "truncated"),
        ("1845", Fraction(18745), "digit-missing"),
        ("1.345", Fraction("12.345"), "digit-missing"),
        ("0.7716", Fraction("0.78716"), "digit-missing"),
        ("-0.1848", Fraction("0.1488"), "digits-swapped"),
    ],
)
def test_slips(text: str, meant: Fraction, code: str) -> None:
    assert [slip.code for slip in slips(printed(text), meant)] == [code]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0.1488", Fraction("0.14881")),
        ("42", Fraction(43)),
        ("3", Fraction(1)),
        ("0.14", Fraction("0.19")),
        ("0", 5),
    ],
)
def test_no_slips(text: str, meant: Fraction) -> None:
    assert list(slips(printed(text), meant)) == []


def test_a_bias_forgotten_and_a_kink_nearby() -> None:
    (judgement,) = judgements(NUMBERS, ("z1", "[1, 3, 2]"))
    assert codes(judgement) == ["bias-forgotten"]
    kinked = (
        "loss = 'half_squared_error'\nx = [1, 1]\ny = [0, 0]\n[[layer]]\nW = [[1, -1], [2, "
        "1]]\nactivation = 'relu'\n"
    )
    (judgement,) = judgements(kinked + "[[layer]]\nW = [[1, 3], [2, 5]]\n", ("dL/dh1", "[9, 27]"))
    assert "one-path" in codes(judgement)


def test_rounding_explains_nothing_that_a_right_claim_contradicts() -> None:
    """dL/db1 is right to six digits, so nothing on the way to it was mistaken;
    the other number is random."""
    head = "loss = 'half_squared_error'\nx = [0.5, -0.2]\ny = [-0.1, -0.1]\nlearning_rate = 0.5\n"
    head += "[[layer]]\nW = [[-0.1, 0.2], [-1.2, 0.5]]\nb = [-1.2, 0.8]\nactivation = 'sigmoid'\n"
    head += "[[layer]]\nW = [[1, -1], [1.3, -0.2]]\nb = [0, -1.1]\n"
    found = judgements(head, ("dL/db1[1]", "-0.216794"), ("W1_new[1,2]", "0.171656"))
    assert [judgement.verdict for judgement in found] == ["right", "wrong"]
    assert codes(found[1]) == []


def test_a_number_that_its_own_line_gives_is_no_slip_of_the_pen() -> None:
    head = "loss = 'half_squared_error'\nx = [1, 1]\ny = 0\n[[layer]]\nW = [[123, 1]]\n"
    (judgement,) = judgements(head, ("dL/dz1", "142", "'100 + 42'"))
    assert "digits-swapped" not in codes(judgement)


def test_two_entries_swapped_and_two_answers_swapped() -> None:
    (judgement,) = judgements(NUMBERS, ("z2", "[6, 9, -4]"))
    assert codes(judgement) == ["entries-swapped"]
    found = judgements(NUMBERS, ("dL/dW3[1,1]", "21"), ("dL/dW3[1,2]", "31.5"))
    assert [codes(judgement) for judgement in found] == [["answers-swapped"]] * 2
    formulas = judgements(
        SYMBOLS, ("dL/dW3[1,1]", "", "'delta*h2[2]'"), ("dL/dW3[1,2]", "", "'delta*h2[1]'")
    )
    assert [codes(judgement) for judgement in formulas] == [["answers-swapped"]] * 2


def test_a_number_that_its_own_formula_does_not_give() -> None:
    (judgement,) = judgements(NUMBERS, ("dL/dW3[1,2]", "22", "'(yhat - y)*z2[2]'"))
    assert codes(judgement) == ["arithmetic-slip"]


# Formulas


@pytest.mark.parametrize(
    ("quantity", "formula", "code"),
    [
        ("dL/dW1[i,j]", "sum(k, delta*W3[1,k]*W2[k,i])*x[j]", "slope-missing"),
        ("dL/dW1[i,j]", "sum(k, delta*W3[1,k]*W2[k,i])*drelu(z1[i])", "input-missing"),
        ("dL/dW1[i,j]", "delta*W3[1,1]*W2[1,i]*drelu(z1[i])*x[j]", "one-path"),
        ("dL/dW1[i,j]", "sum(k, delta*W3[1,k])*drelu(z1[i])*x[j]", "path-weights-missing"),
        ("dL/dW1[i,j]", "sum(k, delta*W3[1,k]*W2[k,i])*relu(z1[i])*x[j]", "function-for-slope"),
        ("dL/dW2[i,j]", "delta*W3[1,i]*z1[j]", "z-for-h"),
        ("dL/dW2[i,j]", "h1[j]", "delta-missing"),
        ("dL/dW3[1,i]", "h2[i]", "upstream-missing"),
    ],
)
def test_a_wrong_formula_is_named(quantity: str, formula: str, code: str) -> None:
    (judgement,) = judgements(SYMBOLS, (quantity, "", f"'{formula}'"))
    assert code in codes(judgement)
    assert "mistake: " in judgement.all_messages()


@pytest.mark.parametrize(
    ("quantity", "formula", "code"),
    [
        ("dL/dW2[i,j]", "delta*W3[i,1]*h1[j]", "index-wrong"),
        ("dL/dW2[i,j]", "delta*W3[1,i]*h1[i]", "index-wrong"),
        ("dL/dW2[i,j]", "delta*W3[1,i]*h1", "index-missing"),
        ("dL/dh1[j]", "sum(i, delta*W3[1,i]*W2[j,i])", "index-wrong"),
        ("dL/dh1", "W2 @ dL/dh2", "transpose-missing"),
        ("dL/dh1", "dL/dh2 @ W2.T", "transpose-added"),
        ("dL/dW2", "dL/dh2 * h1", "product-wrong"),
        ("dL/dW2", "outer(h1, dL/dh2)", "form-transposed"),
        ("dL/dW2", "W3 * h1", None),
    ],
)
def test_a_formula_that_one_change_makes_true(
    quantity: str, formula: str, code: str | None
) -> None:
    (judgement,) = judgements(SYMBOLS, (quantity, "", f"'{formula}'"))
    assert judgement.verdict == "wrong"
    assert code in codes(judgement) if code else codes(judgement) == []


# What it costs


def test_a_fault_of_the_search_loses_no_verdict(monkeypatch) -> None:
    monkeypatch.setattr("gradsheet.mistakes.diagnosis.search", lambda *_: 1 // 0)
    with pytest.warns(RuntimeWarning, match="a fault of gradsheet: ZeroDivisionError"):
        (judgement,) = judgements(NUMBERS, ("dL/dW2[2,2]", "14"))
    assert judgement.verdict == "wrong"


def test_without_operations_there_are_verdicts_and_no_names(monkeypatch) -> None:
    def none_left(*_):
        raise OutOfWork("none left")

    monkeypatch.setattr("gradsheet.mistakes.search.Search._pay", none_left)
    (judgement,) = judgements(NUMBERS, ("dL/dW2[2,2]", "14"))
    assert judgement.verdict == "wrong"
    assert judgement.mistakes == []
    assert "no known mistake" not in judgement.all_messages()
