"""What is carried on from an earlier mistake: a verdict of its own, with the
cause of what it follows from."""

import functools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import gradsheet
import gradsheet.solution
from gradsheet.claims.following import Floats
from gradsheet.claims.judgement import Report
from gradsheet.claims.reach import InFloats
from gradsheet.claims.sheet import Sheet
from gradsheet.numbers.printed import Printed
from gradsheet.truth.graph_values import GraphCarried
from tests.rounds import every
from tests.sheets import NET, NUMBERS, ONE_OUTPUT, codes, judgements, report_on, solution_of

ROOT = Path(__file__).parents[2]


def told(head: str, *claims: tuple) -> list[tuple[str, list[int]]]:
    """Every verdict, and the lines that a claim carries on, counted from the first claim."""
    found = judgements(head, *claims)
    lines = {j.claim.line: number for number, j in enumerate(found, 1)}
    return [(j.verdict, [lines[claim.line] for claim in j.given]) for j in found]


FORGOTTEN = [
    ("z1", "[1, 2]", "'W1 @ x + b1'"),
    ("h1", "[1, 2]", "'relu(z1)'"),
    ("yhat", "5", "'W2 @ h1'"),
    ("L", "8", "'(y - yhat)**2/2'"),
]


def test_a_forgotten_bias_is_one_mistake_and_all_else_follows() -> None:
    found = judgements(ONE_OUTPUT, *FORGOTTEN)
    assert [j.verdict for j in found] == ["wrong", *["carried_forward"] * 3]
    assert codes(found[0]) == ["bias-forgotten", "term-not-added"]
    assert all("arithmetic" not in j.all_messages() for j in found)
    assert all("its own last line" not in j.all_messages() for j in found[1:])


@pytest.mark.parametrize("working", [True, False])
def test_what_follows_belongs_to_the_cause_of_the_first(working: bool) -> None:
    claims = [claim if working else claim[:2] for claim in FORGOTTEN]
    text = ONE_OUTPUT + "".join(
        f"[[claim]]\nquantity = '{claim[0]}'\nvalue = {claim[1]}\n"
        + (f"working = [{claim[2]}]\n" if len(claim) > 2 else "")
        for claim in claims
    )
    report = gradsheet.judge(gradsheet.read(text))
    assert report.summary["carried_forward"] == 3
    (cause,) = report.causes
    assert cause.claims == [0, 1, 2, 3]
    assert cause.explanation.code == "bias-forgotten"
    assert "1 of 1 wrong claims, and 3 carried forward" in cause.sentence(report.judgements)


def test_the_origin_is_what_the_working_uses() -> None:
    head = """
loss = "squared_error"
x = [3000]
y = 0
learning_rate = 0.00001
[[layer]]
W = [[0.001]]
b = [0.1]
activation = "sigmoid"
"""
    wrong = ("dL/dW1[1,1]", "238.5"), ("dL/db1[1]", "0.0795")
    update = ("W1_new[1,1]", "-0.001385")
    of_W = [("wrong", []), ("wrong", []), ("carried_forward", [1])]
    assert told(head, *wrong, (*update, "'0.001 - 0.00001*238.5'")) == of_W
    assert told(head, *wrong, (*update, "'W1[1,1] - learning_rate*dL/dW1[1,1]'")) == of_W
    assert told(head, *wrong, update) == of_W  # one step before it
    assert told(head, *wrong[::-1], update)[2] == ("carried_forward", [2])
    through_b = (*update, "'0.001 - 0.00001*0.0795*3000'")
    assert told(head, *wrong, through_b)[2] == ("carried_forward", [2])


def test_it_follows_from_the_nearest_before_it() -> None:
    found = told(
        NUMBERS,
        ("yhat", "4"),
        ("dL/dyhat", "2.5"),
        ("dL/dz3", "2.5"),
        ("dL/dW3", "[22.5, 15, -10]"),
    )
    assert found == [
        ("wrong", []),
        ("carried_forward", [1]),
        ("carried_forward", [2]),
        ("carried_forward", [3]),
    ]


def test_nothing_follows_from_what_comes_later_or_has_no_part_in_it() -> None:
    assert told(NUMBERS, ("dL/dyhat", "2.5"), ("yhat", "4")) == [("wrong", []), ("wrong", [])]
    assert told(NUMBERS, ("dL/dW3[1,1]", "7"), ("dL/dW2[1,1]", "7"))[1] == ("wrong", [])


@pytest.mark.parametrize(
    ("value", "line", "verdict"),
    [
        ("2.5", "'yhat - y'", "carried_forward"),
        ("2.5", "'4 - 1.5'", "carried_forward"),
        ("2.5", "'yhat - y', '4 - 1.5'", "carried_forward"),
        ("2.5", "'(yhat - y)·1'", "carried_forward"),
        ("2.5", "'4 ⊞ 1.5'", "carried_forward"),  # not read, and so not false
        ("2.5", "'yhat + y', '4 - 1.5'", "wrong"),  # a line is false, whatever yhat is
        ("2.5", "'2*(yhat - y)'", "wrong"),
        ("2.5", "'5 - 1.5 - 2'", "wrong"),
        ("2.6", "'yhat - y'", "wrong"),
        ("3.5", "'yhat - y'", "right"),  # the truth itself
        ("3.5", "'4 - 1.5'", "lucky"),
    ],
)
def test_every_line_has_to_be_true_of_what_is_carried_on(
    value: str, line: str, verdict: str
) -> None:
    assert told(NUMBERS, ("yhat", "4"), ("dL/dyhat", value, line))[1][0] == verdict


def test_a_formula_alone_is_never_carried_forward() -> None:
    assert told(NUMBERS, ("yhat", "4"), ("dL/dyhat", "", "'4 - 1.5'"))[1][0] == "wrong"
    assert told(NUMBERS, ("yhat", "4"), ("dL/dyhat", "", "'yhat - y'"))[1][0] == "right"


def test_digits_enough_to_tell() -> None:
    """h1 = 0.774 and dh1/dz1 = 0.175; from 0.874 come 0.110 and 0.1."""
    assert told(NET, ("h1", "0.874"), ("dh1/dz1", "0.11"))[1] == ("carried_forward", [1])
    assert told(NET, ("h1", "0.874"), ("dh1/dz1", "0.1"))[1] == ("wrong", [])


def test_wrong_digits_in_a_line_are_told_whatever_the_verdict() -> None:
    found = judgements(
        NUMBERS.replace("y = 1.5", "y = 1.25"),
        ("yhat", "4.5"),
        ("dL/dyhat", "3.25", "'4.5 - 1.25'"),
        ("dL/dz3", "3.75", "'4.5 - 1.25'"),
        ("dL/dz3", "3.35", "'4.5 - 1.25'"),
    )
    assert [j.verdict for j in found] == ["wrong", "carried_forward", "lucky", "wrong"]
    words = "its working uses 4.5, which is not the true yhat (line 14)"
    assert [words in j.messages for j in found] == [False, False, True, True]


def test_a_hint_says_what_is_carried_on_without_a_number() -> None:
    _, second, *_ = judgements(ONE_OUTPUT, *FORGOTTEN)
    hinted = second.hinted()
    assert "follows from line 11" in hinted.all_messages()
    assert (hinted.verdict, hinted.truth, hinted.told, hinted.truth_digits) == (
        "carried_forward",
        None,
        None,
        None,
    )


def test_the_verdict_on_record_may_be_wrong_or_carried_forward() -> None:
    text = ONE_OUTPUT + "".join(
        f"[[claim]]\nquantity = '{quantity}'\nvalue = {value}\nexpect = '{expect}'\n"
        for quantity, value, expect in [
            ("z1", "[1, 2]", "wrong"),
            ("h1", "[1, 2]", "wrong"),
            ("yhat", "5", "carried_forward"),
            ("z1", "[1, 2]", "carried_forward"),
            ("h1", "[1, 2]", "right"),
        ]
    )
    found = gradsheet.judge(gradsheet.read(text)).judgements
    assert [j.as_expected for j in found] == [True, True, True, False, False]


# More working never makes a diagnosis worse

SHEETS = [
    ROOT / "gradsheet" / "homework" / "numbers.toml",
    *sorted((ROOT / "tests" / "published").glob("*.toml")),
    *sorted((ROOT / "tests" / "graded").glob("*.toml")),
]
OF_THE_LINE = {
    "factor-not-multiplied",
    "term-not-added",
    "sign-not-taken",
    "power-not-taken",
    "digits-swapped",
}


def without_working(sheet: Sheet) -> Sheet:
    claims = (
        replace(claim, working=()) if claim.value is not None else claim for claim in sheet.claims
    )
    return replace(sheet, claims=tuple(claims))


def with_true_working(sheet: Sheet, solution: gradsheet.Solution) -> Sheet:
    """The sheet with the formula of the worked solution as the working of every
    claim that it has one for."""
    solution = gradsheet.read(gradsheet.solution.answer_sheet(solution))
    lines = {claim.quantity.replace(" ", ""): claim.working[:1] for claim in solution.claims}
    return replace(
        sheet,
        claims=tuple(
            replace(claim, working=lines.get(claim.quantity.replace(" ", ""), ()))
            if claim.value is not None and not claim.error
            else claim
            for claim in sheet.claims
        ),
    )


@functools.cache
def judged(path: Path, which: str) -> Report:
    if which == "as it is":
        return report_on(path)
    sheet = gradsheet.load(path)
    if which == "deleted":
        return gradsheet.judge(without_working(sheet))
    return gradsheet.judge(with_true_working(sheet, solution_of(path)))


@pytest.mark.parametrize(
    ("path", "which"),
    every(9, [(path, "as it is") for path in SHEETS])
    + every(11, [(path, "added") for path in SHEETS]),
)
def test_more_working_never_makes_a_diagnosis_worse(path: Path, which: str) -> None:
    """Whatever is found of a number alone is found beside its working, too, or
    what the working shows instead."""
    if gradsheet.load(path).params is None:
        return
    for bare, more in zip(
        judged(path, "deleted").judgements, judged(path, which).judgements, strict=True
    ):
        if bare.claim.value is None:
            continue
        # A working can only show that a right number is so by accident.
        assert more.verdict == bare.verdict or (bare.verdict, more.verdict) == ("right", "lucky"), (
            bare.claim.quantity
        )
        found, expected = set(codes(more)), set(codes(bare))
        assert expected <= found or found & OF_THE_LINE, (bare.claim.quantity, expected, found)
        assert bool(more.given) == bool(bare.given)


def test_a_planted_carelessness_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where changes are not carried on nothing follows from anything."""
    original = GraphCarried.__init__

    def careless(self, point, changes=None, edits=None, **options):
        original(self, point, None, edits, **options)

    assert (
        told(NUMBERS, ("yhat", "4"), ("dL/dyhat", "2.5", "'yhat - y'"))[1][0] == "carried_forward"
    )
    monkeypatch.setattr(GraphCarried, "__init__", careless)
    assert told(NUMBERS, ("yhat", "3"), ("dL/dyhat", "1.5", "'yhat - y'"))[1][0] == "wrong"


def test_only_the_nearest_value_of_a_quantity_is_carried_on() -> None:
    """z1 was corrected: who goes on with the old one does not carry on what stands above."""
    head = ONE_OUTPUT.replace("b = [0, -1]", "b = [10, 5]")  # z1 = [11, 7], yhat = 40
    assert told(head, ("z1", "[17, 29]"), ("z1", "[11, 7]"), ("h1", "[17, 29]"))[2] == ("wrong", [])
    assert told(head, ("z1", "[17, 29]"), ("z1", "[18, 9]"), ("h1", "[17, 29]"))[2] == ("wrong", [])
    found = told(head, ("z1[1]", "70"), ("z1[1]", "17"), ("z1[2]", "29"), ("yhat", "80"))
    assert found[3] == ("carried_forward", [2, 3])


def test_a_gradient_by_a_bias_is_that_by_its_z() -> None:
    head = ONE_OUTPUT.replace("y = 1", "y = 2")  # dL/dz1 = [6, 2]
    assert told(head, ("dL/db1", "[60, 20]"), ("dL/dz1", "[60, 20]"))[1] == ("carried_forward", [1])
    assert told(head, ("dL/dz1", "[60, 20]"), ("dL/db1", "[60, 20]"))[1] == ("carried_forward", [1])
    assert told(head, ("dL/db1", "[60, 20]"), ("dL/db1", "[60, 20]"))[1] == ("wrong", [])


def test_the_true_entries_of_a_wrong_vector_are_not_called_untrue() -> None:
    head = NET.replace("W = [[1]]", "W = [[1], [2]]").replace("W = [[3]]", "W = [[3, 1]]")
    found = judgements(head, ("h1", "[0.87, 0.92]"), ("yhat", "3.24", "'3*0.774 + 0.92'"))
    assert (found[0].verdict, found[1].message) == ("wrong", "")


def test_nothing_is_said_of_a_last_line_that_was_not_read() -> None:
    found = judgements(NUMBERS, ("z2", "[9, 7, -4]", "'W2 @ h1 + b1', 'W2 ⊞ h1 + b2'"))[0]
    assert (found.verdict, found.own) == ("wrong", True)
    assert "last line" not in found.all_messages()
    found = judgements(NUMBERS, ("z1", "[-1, 2, 3]", "'W1 @ x + b1', 'W1 * x + b1'"))[0]
    assert (found.verdict, found.own, found.unread_lines) == ("right", True, 1)


def test_rounding_on_the_way_is_granted_to_a_line_of_quantities() -> None:
    """3.66*(1 - 0.774) = 0.8272 from what was printed, 0.8277 from the truth: no digit was cut."""
    head = NET.replace("W = [[3]]", "W = [[2.9135]]")
    found = judgements(
        head, ("h1", "0.774"), ("dL/dh1", "3.66"), ("dL/dz1", "0.827", "'dL/dh1*(1 - h1)'")
    )
    assert [j.verdict for j in found] == ["right", "right", "wrong"]
    assert found[2].own
    assert "cut off" not in found[2].all_messages()


TWO_LAYERS = """
loss = "mean_squared_error"
x = [-0.14]
y = [1.07, 0.72]
[[layer]]
W = [[-0.50], [-0.11]]
activation = "sigmoid"
[[layer]]
W = [[-0.63, 0.22], [-0.93, 1.48]]
b = [-0.45, -0.11]
activation = "relu"
"""


def test_a_line_may_use_several_wrong_values_though_one_explains_the_number() -> None:
    found = told(
        TWO_LAYERS,
        ("z1", "[-0.1800, -0.2346]", "'[[-0.50], [-0.11]] @ [-0.14]'"),
        ("h1", "[0.4551, 0.4416]", "'sigmoid([-0.1800, -0.2346])'"),
        ("dL/dh1", "[0.5577, -0.8876]", "'[[-0.63, 0.22], [-0.93, 1.48]].T @ [0, -0.5997]'"),
        (
            "dL/dz1",
            "[0.1383, -0.2189]",
            "'[0.5577, -0.8876]*[0.4551, 0.4416]*(1 - [0.4551, 0.4416])'",
        ),
    )
    assert [verdict for verdict, _ in found] == ["wrong", *["carried_forward"] * 3]
    assert found[3][1] == [2, 3]


@pytest.mark.parametrize("working", [(), ("'outer(dL/dyhat, z2)'",)])
def test_what_led_to_a_right_value_is_not_carried_on_past_it(working: tuple) -> None:
    """dL/dyhat = 3.5 stands above and is right: [22.5, 15, -10] is what 2.5 would have given."""
    found = told(
        NUMBERS, ("yhat", "4"), ("dL/dyhat", "3.5"), ("dL/dW3", "[22.5, 15, -10]", *working)
    )
    assert found[2] == ("wrong", [])


def test_the_number_has_to_be_what_its_own_working_gives() -> None:
    assert told(NUMBERS, ("yhat", "4"), ("dL/dyhat", "2.5", "'5 - 1.5'"))[1][0] == "wrong"
    head = """
loss = "half_squared_error"
x = [1.5, -0.4]
y = [1]
learning_rate = 0.1
[[layer]]
W = [[0.2, 0.8]]
b = [0.3]
activation = "tanh"
[[layer]]
W = [[1.4]]
b = [0.5]
"""
    uphill = "W2_new", "1.39678", "'W2 - learning_rate*dL/dW2', '1.4 - 0.1*(-0.03218)'"
    found = told(head, ("dL/dW2", "-0.03218"), ("dL/db2", "0.11793"), uphill)
    assert found[2] == ("wrong", []), "dL/db2 has no part in it"


def test_partial_results_in_the_working_may_be_rounded() -> None:
    """0.89*1.27 = 1.1303 and 1.33*1.41 = 1.8753; 1.13 - 1.88 is -0.75, truly -0.745."""
    head = """
loss = "half_squared_error"
x = [1.27, -1.41]
y = 1
[[layer]]
W = [[0.89, 1.33]]
activation = "sigmoid"
"""
    found = judgements(
        head,
        ("z1", "-0.750", "'0.89*1.27 + 1.33*(-1.41)', '1.13 - 1.88'"),
        ("z1", "-0.755", "'0.89*1.27 + 1.33*(-1.41)', '1.13 - 1.88'"),
        ("z1", "-0.790", "'0.89*1.27 + 1.33*(-1.41)', '1.13 - 1.92'"),
    )
    assert [j.verdict for j in found] == ["rounded", "rounded", "wrong"]
    assert "which rounding in its working explains" in found[0].message


def test_a_number_printed_may_be_one_that_is_given_as_well() -> None:
    """-0.10 is the gradient, rounded, and 0.1 the learning rate."""
    head = """
loss = "half_squared_error"
x = 1
y = 1.399
learning_rate = 0.1
[[layer]]
W = [[0.4]]
activation = "sigmoid"
[[layer]]
W = [[0.5]]
b = [1]
"""
    assert [
        v for v, _ in told(head, ("dL/db2", "-0.10"), ("b2_new", "1.010", "'1 - 0.1*(-0.10)'"))
    ] == ["right"] * 2


def test_what_nearly_cancels_is_off_by_more_than_its_last_digits() -> None:
    """yhat = 0.598688 is printed as 0.599, and 0.599 - 0.598 = 0.001 is what is carried on."""
    head = (
        'loss = "half_squared_error"\nx = 1\ny = 0.598\n[[layer]]\nW = [[0.4]]\nactivation = '
        '"sigmoid"\n'
    )
    claims = ("yhat", "0.599"), ("dL/dyhat", "0.001", "'yhat - y', '0.599 - 0.598'")
    assert [v for v, _ in told(head, *claims, ("dL/dz1", "0.00024"))] == [
        "right",
        "right",
        "rounded",
    ]
    assert told(head, *claims, ("dL/dz1", "0.00025"))[2][0] == "wrong"


def test_a_kink_on_the_way_leaves_what_was_found_before_it() -> None:
    """5 * 2 = 10 given dL/dh1; z1 = 0, which the working names as well, is no
    place for a derivative."""
    head = """
loss = "half_squared_error"
x = 2
y = 1
[[layer]]
W = [[1]]
b = [-1]
activation = "relu"
[[layer]]
W = [[3]]
"""
    working = "'dL/dz1*x*5', 'z1*dL/dh1*x + 7'"
    assert told(head, ("z1", "0"), ("dL/dh1", "5"), ("dL/dW1", "10", working))[-1] == ("wrong", [2])


RECURRENT = """network = '''
h[0] = 0
h[t] = tanh(u*x[t] + w*h[t-1])
L = (h[2] - y)**2/2'''
given = { x = [1, 2], y = 1, u = 0.5, w = 2 }
"""


def test_a_number_that_its_line_gives_with_a_wrong_value_is_no_arithmetic_slip() -> None:
    """h[2] is misprinted, and the line takes it as it stands, and forgets h[1]."""
    line = "'(h[2] - y)*(1 - h[2]^2)*x[2]'"
    _, found = judgements(RECURRENT, ("h[2]", "0.9586"), ("dL/du", "-0.0067", line))
    assert found.verdict == "wrong"
    assert found.messages[-1] == (
        "with the earlier h[2] = 0.9586 (line 6) its own last line gives -0.0067"
    )
    assert "arithmetic" not in found.all_messages()
    _, slipped = judgements(RECURRENT, ("h[2]", "0.9586"), ("dL/du", "-0.0077", line))
    assert "its own last line gives -0.006822, not -0.0077" in slipped.messages


def test_a_mistake_behind_a_wrong_value_is_named_with_it() -> None:
    """dL/du is (h[2] - y)(1 - h[2]^2)x[2] with the wrong h[2]: what comes over h[1] is missing."""
    _, found = judgements(RECURRENT, ("h[2]", "0.9586"), ("dL/du", "-0.0067139"))
    assert "held-constant+carried-on" in codes(found)
    assert found.explanations[0].text.endswith("; and the earlier h[2] (line 6) is carried on")
    _, few = judgements(RECURRENT, ("h[2]", "0.9586"), ("dL/du", "-0.0067"))
    assert codes(few) == [], "so few digits tell nothing"


def test_what_is_infinite_in_floats_is_not_off_for_sure():
    there = Floats(np.array([[np.inf, 3.0]]), np.array([[np.inf, 0.5]]), np.array([True]))
    off = InFloats.of([Printed("1", Fraction(1), None)] * 2).off(there)
    assert not (off[:, 0] > 0).any()
    assert (off[:, 1] > 1).all()


LAYERS = """loss = "half_squared_error"
x = [0.5, 0.25]
y = [1]
[[layer]]
W = [[1, 2], [-1, 1]]
activation = "sigmoid"
[[layer]]
W = [[2, 3]]
"""


def test_a_mistake_behind_a_wrong_value_of_layers_is_named_with_it() -> None:
    """dL/dW1 is (yhat - y) W2^T x^T with the wrong yhat: the slope of the sigmoid is missing."""
    gradient = "[[2.617490, 1.308745], [3.926235, 1.963118]]"
    _, found = judgements(LAYERS, ("yhat[1]", "3.61749"), ("dL/dW1", gradient))
    assert codes(found) == ["slope-missing+carried-on"]
