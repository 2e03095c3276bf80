"""What digits can carry: truths to the digits claimed, cut and floating numbers, and mere coincidences."""

import json
import math
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sheets import NET, NUMBERS, SYMBOLS, codes, judged, judgements

import gradsheet
from gradsheet.commands.cli import main
from gradsheet.language.evaluate import Evaluator
from gradsheet.language.parsing import parse
from gradsheet.mistakes.omission import omissions
from gradsheet.numbers.ball import Ball
from gradsheet.truth.carried import Carried
from gradsheet.truth.point import point_of

GRADED = Path(__file__).parent / "graded"
ONE = """
loss = "output"
x = 1
[[layer]]
W = [[0.3]]
activation = "sigmoid"
"""
PAIR = """
loss = "half_squared_error"
x = [1.5]
y = [1, 0]
[[layer]]
W = [[0.2], [-0.3]]
b = [0.1, -0.2]
activation = "sigmoid"
[[layer]]
W = [[0.4, 0.5], [1, -1]]
activation = "sigmoid"
"""
SOFTMAX = """
loss = "cross_entropy"
x = [1, 2]
y = [0, 1, 0]
[[layer]]
W = [[1, 0], [0.5, 1], [1, 1]]
activation = "softmax"
"""


def sigmoid(z: Decimal) -> Decimal:
    return 1 / (1 + (-z).exp())


# Truths


def test_seventeen_digits() -> None:
    """The printed truth is no float: sigmoid(0.3) = 0.574442516811658987..., and float64 has ...65903."""
    with localcontext() as context:
        context.prec = 50
        truth = sigmoid(Decimal("0.3"))
    assert str(truth).startswith("0.574442516811658987")
    floats, off, right = judgements(
        ONE,
        ("L", "0.57444251681165903"),
        ("L", "0.57444251681165803"),
        ("L", "0.57444251681165899"),
    )
    assert [j.verdict for j in (floats, off, right)] == ["rounded", "wrong", "right"]
    assert "no further than floating point may be off" in floats.message
    assert floats.told == "0.5744425168116589872"
    assert len(floats.truth_digits) >= 21
    assert str(truth).startswith(floats.truth_digits)
    assert floats.truth == float(truth)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("0.64", "0.5744"),
        ("0.640", "0.57444"),
        ("0.6400", "0.574443"),
        ("6e-1", "0.574"),
        ("0.0064", "0.5744"),
    ],
)
def test_a_person_is_told_two_digits_more(value: str, told: str) -> None:
    assert judged(ONE, "L", value=value).told == told


@pytest.mark.parametrize(
    ("value", "told"), [("6.2", "6.125"), ("6.12", "6.125"), ("7", "49/8"), ("0.1", "6.12")]
)
def test_exact_truths_are_told_exactly_where_they_are_short(value: str, told: str) -> None:
    found = judged(NUMBERS, "L", value=value)
    assert (found.told, found.truth, found.truth_digits) == (told, "49/8", None)


@given(st.integers(1, 25), st.fractions(-3, 3, max_denominator=50).filter(bool))
def test_all_digits_of_a_truth_are_true(digits: int, weight: Fraction) -> None:
    """Cut and rounded they are the same, and there are at least two more than were claimed."""
    claimed = "0." + "5" * digits
    found = judged(ONE.replace("0.3", f"'{weight}'"), "L", value=claimed)
    with localcontext() as context:
        context.prec = 80
        truth = sigmoid(Decimal(weight.numerator) / Decimal(weight.denominator))
    if found.truth_digits is None:
        return
    shown = Decimal(found.truth_digits)
    assert (
        len(shown.as_tuple().digits) >= min(digits + 2, 40)
        or str(truth)[len(found.truth_digits)] == "0"
    )
    assert 0 <= truth - shown < Decimal(5).scaleb(shown.as_tuple().exponent - 1)


def test_vectors_have_digits_entry_by_entry(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sheet = tmp_path / "s.toml"
    sheet.write_text(PAIR + "[[claim]]\nquantity = 'h1'\nvalue = [0.61, 0.3]\n")
    main(["--json", str(sheet)])
    (claim,) = json.loads(capsys.readouterr().out)["sheets"][0]["claims"]
    assert claim["truth_digits"] == ["0.59868766", "0.3429895"]
    assert all(
        abs(t - s) < 1e-9 for t, s in zip(claim["truth"], (0.5986876601, 0.3429895373), strict=True)
    )
    main([str(sheet)])
    assert "h1 = [0.61, 0.3], true [0.5987, 0.343]" in capsys.readouterr().out


# Cut


@pytest.mark.parametrize(
    ("quantity", "value", "verdict"),
    [
        ("h1[1]", "0.598", "rounded"),  # 0.59868...
        ("h1[1]", "0.5986", "rounded"),
        ("h1[1]", "0.59868", "rounded"),  # 0.598687...
        ("h1[1]", "0.5987", "right"),
        ("h1[1]", "0.59", "wrong"),  # two digits
        ("h1[1]", "0.597", "wrong"),
        ("h1[1]", "-0.598", "wrong"),
        ("h1", "[0.598, 0.343]", "rounded"),
        ("h1", "[0.598, 0.342]", "rounded"),
        ("h1", "[0.598, 0.344]", "wrong"),
    ],
)
def test_a_cut_number_is_told_as_that(quantity: str, value: str, verdict: str) -> None:
    found = judged(PAIR, quantity, value=value)
    assert found.verdict == verdict
    assert ("cut off where the last is to be rounded" in found.message) == (verdict == "rounded")


def test_a_cut_number_ends_in_no_zero_and_has_no_false_line() -> None:
    assert judged(NUMBERS, "L/3", value="2.04").verdict == "right"  # 2.041666
    assert judged(NUMBERS, "L/7", value="0.875").verdict == "right"
    assert judged(NUMBERS, "100/L", value="16.32").verdict == "rounded"  # 16.3265...
    assert judged(NUMBERS, "100*100/L", value="1630.0").verdict == "wrong"  # 1632.65
    assert judged(NUMBERS, "10/(8*L)", value="0.2040").verdict == "wrong"  # 0.20408
    assert judged(NUMBERS, "1/L", "8/49", value="0.163").verdict == "right"  # 0.16326
    assert judged(NUMBERS, "100/L", "800/49", value="16.32").verdict == "rounded"
    assert judged(NUMBERS, "100/L", "800/50", value="16.32").verdict == "wrong"


def test_a_vector_may_be_cut_in_one_entry_and_rounded_on_the_way_in_another() -> None:
    """h1 is printed with five digits; 0.59869*0.4 + 0.34299*0.5 = 0.410971, truly 0.410970; z2[2] = 0.255698."""
    found = judgements(PAIR, ("h1", "[0.59869, 0.34299]"), ("z2", "[0.410971, 0.2556]"))
    assert [j.verdict for j in found] == ["right", "rounded"]
    assert "the further digits of entry 2 are cut off" in found[1].message
    assert "rounding the values printed before explains the rest" in found[1].message
    assert judgements(PAIR, ("z2", "[0.410971, 0.2556]"))[0].verdict == "wrong"


# Floating point


def test_what_floats_give_of_an_exact_number() -> None:
    head = 'loss = "output"\nx = 3\n[[layer]]\nW = [[0.7]]\n'
    assert judged(head, "L", value="2.1").verdict == "right"
    assert judged(head, "L", value="2.0999999999999996").verdict == "rounded"
    assert judged(head, "L", value="2.099999999999996").verdict == "wrong"
    assert judged(head, "L", value="2.0999999999999").verdict == "wrong"  # fourteen digits


@given(
    st.lists(st.fractions(-3, 3, max_denominator=9), min_size=9, max_size=9),
    st.sampled_from(["sigmoid", "tanh"]),
)
def test_a_float_is_within_its_forward_error_bound(
    numbers: list[Fraction], activation: str
) -> None:
    """The pass in float64, whatever the order of its operations, against the same on exact numbers."""
    w = [str(number) for number in numbers]
    head = f"""
loss = "squared_error"
x = ["{w[0]}", "{w[1]}"]
y = "{w[2]}"
[[layer]]
W = [["{w[3]}", "{w[4]}"]]
b = ["{w[5]}"]
activation = "{activation}"
[[layer]]
W = [["{w[6]}"]]
b = ["{w[7]}"]
"""
    sheet = gradsheet.read(head + "[[claim]]\nquantity = 'L'\nvalue = 1\n")
    point = point_of(sheet.problem, None)
    ours, floats = Carried(point, kind=Ball.of), Carried(point, floats=True)
    for quantity in ("z1", "h1", "yhat", "L", "dL/dyhat", "dL/dW2", "dL/dW1", "dL/dx", "L - yhat"):
        tree = parse(quantity, sheet.network.names)
        with np.errstate(all="ignore"):
            values = Evaluator(floats).value(tree, {})
        balls, truths = Evaluator(ours).value(tree, {}), Evaluator(point).value(tree, {})
        for value, ball, truth in zip(
            values.flat, map(Ball.of, balls.flat), truths.flat, strict=True
        ):
            assert abs(Fraction(value) - truth) <= Fraction(ball.error), quantity
            assert abs(Fraction(ball.value) - truth) <= Fraction(ball.error), quantity
            assert ball.error <= 1e-12


def test_a_bound_that_is_too_small_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail: without the errors of the operations 2.0999999999999996 is no float for 2.1."""
    monkeypatch.setattr("gradsheet.numbers.ball.UNIT_ROUNDOFF", 0.0)
    head = 'loss = "output"\nx = 3\n[[layer]]\nW = [[0.7]]\n'
    assert judged(head, "L", value="2.0999999999999996").verdict == "wrong"


# Coincidences


def test_few_digits_are_not_explained_by_several_mistakes_at_once() -> None:
    head = """
loss = "half_squared_error"
x = [[1, 2], [3, -1], [2, 2]]
y = [[1, 0], [2, 2], [1, 1]]
[[layer]]
W = [[1, -2], [3, 1]]
b = [0, 0]
activation = "relu"
[[layer]]
W = [[1, 2], [-1, 1]]
"""
    (found,) = judgements(head, ("dL[1]/dW1[1,1]", "1"))  # three pairs of mistakes give this
    assert (found.verdict, codes(found)) == ("wrong", [])


def test_what_follows_tells_nothing_more_of_the_first_mistake() -> None:
    """z2[1] = 0.049 stands for 0.0998: whatever gives the two digits gives all that follows."""
    report = gradsheet.judge(gradsheet.load(GRADED / "a-slip-is-no-double-mistake.toml"))
    assert [codes(j) for j in report.judgements] == [[], *[["carried-on"]] * 6]
    assert report.causes == []


def test_what_the_line_lacks_is_looked_for_first() -> None:
    report = gradsheet.judge(gradsheet.load(GRADED / "factor-of-the-line-not-multiplied.toml"))
    for judgement in report.judgements:
        assert judgement.explanations[0].text == "the factor 1.5 of its own line was not multiplied"
        assert judgement.sure


@pytest.mark.parametrize(
    ("line", "value", "code", "words"),
    [
        ("2*3.5*6/2", "42", "factor-not-multiplied", "the division by 2"),
        ("3.5*6 + 0", "21", None, ""),
        ("3.5*(5 + 1)*1", "17.5", "term-not-added", "the term 1"),
        ("-3.5*(-6)", "-21", "sign-not-taken", "the minus sign before 6"),
        ("3.5*6*(7 - 6)", "147", "term-not-added", "the term 6"),
        ("3.5*6", "3.5", "factor-not-multiplied", "the factor 6"),
        ("3.5*2**2*1.5", "10.5", "power-not-taken", "the power 2 of 2"),
        ("3.5*6", "20.5", None, ""),
    ],
)
def test_something_left_out_of_the_line(
    line: str, value: str, code: str | None, words: str
) -> None:
    """dL/dW3[1,2] = 3.5 * 6 = 21."""
    found = judged(NUMBERS, "dL/dW3[1,2]", line, value=value)
    of_the_line = [
        e for e in found.explanations or [] if e.kind == "figures" and "own line" in e.text
    ]
    assert [e.code for e in of_the_line][:1] == ([code] if code else [])
    assert any(words in e.text for e in of_the_line) == bool(code)


def test_every_omission_leaves_out_one_thing() -> None:
    assert [slip.text.split()[2] for slip, _ in omissions(parse("2*3*4", ()))] == ["4", "3", "2"]
    names = ("W1", "x", "b1")
    texts = {slip.text for slip, _ in omissions(parse("-W1 @ x + b1*2/3", names))}
    assert texts == {
        "the term b1*2/3 of its own line was not added",
        "the term -W1 @ x of its own line was not added",
        "the minus sign before W1 in its own line was lost",
        "the factor x of its own line was not multiplied",
        "the factor -W1 of its own line was not multiplied",
        "the division by 3 in its own line was not made",
        "the factor 2 of its own line was not multiplied",
        "the factor b1 of its own line was not multiplied",
    }


# What is named


def test_the_derivative_by_z_printed_as_that_by_yhat() -> None:
    path = GRADED / "derivative-by-z-printed-as-by-yhat.toml"
    (found,) = gradsheet.judge(gradsheet.load(path)).judgements
    assert codes(found) == ["derivative-by-z"]
    assert found.explanations[0].text == "that is dL/dz1[1], not dL/dyhat[1]"
    assert codes(judged(SOFTMAX, "dL/dyhat", "yhat - y")) == ["derivative-by-z"]
    symbols = 'loss = "cross_entropy"\n[[layer]]\nshape = [3, 2]\nactivation = "softmax"\n'
    assert codes(judged(symbols, "dL/dyhat[k]", "yhat[k] - y[k]")) == ["derivative-by-z"]
    assert codes(judged(symbols, "dL/dyhat", "yhat - y")) == ["derivative-by-z"]


def test_the_target_not_subtracted() -> None:
    assert codes(judged(SOFTMAX, "dL/dz1", "yhat")) == ["target-not-subtracted"]
    (found,) = judgements(SOFTMAX, ("dL/dz1", "[0.09, 0.4223, 0.4877]"))
    assert "wrong" in found.verdict
    symbols = 'loss = "binary_cross_entropy"\n[[layer]]\nshape = [3, 2]\nactivation = "sigmoid"\n'
    assert codes(judged(symbols, "dL/dz1[k]", "yhat[k]")) == ["target-not-subtracted"]
    assert codes(judged(symbols, "dL/dW1[k,j]", "yhat[k]*x[j]")) == ["target-not-subtracted"]


@pytest.mark.parametrize("step", [0.01, 0.001, 0.0001])
@pytest.mark.parametrize("kind", ["forward", "backward", "symmetric"])
@pytest.mark.parametrize("by", ["W2[1,1]", "W1[2,1]", "b1[1]", "x[1]"])
def test_finite_differences(by: str, kind: str, step: float) -> None:
    if kind == "symmetric" and step < 0.01:  # no longer told from the derivative by ten digits
        return
    sigma = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731

    def loss(by_step: float) -> float:
        x, W1, b1 = np.array([1.5]), np.array([[0.2], [-0.3]]), np.array([0.1, -0.2])
        W2 = np.array([[0.4, 0.5], [1, -1]])
        place = {
            "W2[1,1]": (W2, (0, 0)),
            "W1[2,1]": (W1, (1, 0)),
            "b1[1]": (b1, 0),
            "x[1]": (x, 0),
        }[by]
        place[0][place[1]] += by_step
        return float(((sigma(W2 @ sigma(W1 @ x + b1)) - [1, 0]) ** 2).sum() / 2)

    sides = {"forward": (step, 0.0), "backward": (0.0, -step), "symmetric": (step, -step)}[kind]
    value = (loss(sides[0]) - loss(sides[1])) / (sides[0] - sides[1])
    (found,) = judgements(PAIR, (f"dL/d{by}", f"{value:.10f}"))
    assert (found.verdict, codes(found)) == ("wrong", ["finite-difference"])
    word = "symmetric" if kind == "symmetric" else "one-sided"
    assert f"a {word} finite difference of step {step:g}" in found.all_messages()


def test_finite_differences_of_whole_arrays_and_nodes() -> None:
    head = 'loss = "output"\nx = [2, 1]\n[[layer]]\nW = [[1, 3]]\n[[layer]]\nW = [[1]]\nactivation = "softplus"\n'
    h = 0.01
    z = np.array([2.0, 1.0]) @ np.array([1.0, 3.0])
    values = [
        f"{(math.log1p(math.exp(z + h * x)) - math.log1p(math.exp(z))) / h:.9f}" for x in (2, 1)
    ]
    (found,) = judgements(head, ("dL/dW1", f"[{', '.join(values)}]"))
    assert codes(found) == ["finite-difference"]
    value = (math.log1p(math.exp(z + h)) - math.log1p(math.exp(z - h))) / (2 * h)
    (found,) = judgements(head, ("dL/dz1", f"{value:.10f}"))
    assert codes(found) == ["finite-difference"]


def test_what_is_no_finite_difference_is_not_called_one() -> None:
    (found,) = judgements(PAIR, ("dL/dW2[1,1]", "-0.05764"))
    assert "finite-difference" not in codes(found)
    assert judged(SYMBOLS, "dL/dW2[i,j]", "0").verdict == "wrong"
    (found,) = judgements(NET, ("dL/dW2", "1.02"))
    assert "finite-difference" not in codes(found)


@pytest.mark.parametrize("value", ["0.07280", "0.07278"])
def test_a_slip_in_the_last_digit_is_no_finite_difference(value: str) -> None:
    """The truth is 0.0727924; steps of 0.0001 from either side give these."""
    head = """
loss = "half_squared_error"
x = [1, 2]
y = 1
[[layer]]
W = [[0.5, -0.25]]
b = [0.3]
activation = "sigmoid"
[[layer]]
W = [[2]]
"""
    (found,) = judgements(head, ("dL/dz1", value))
    assert (found.verdict, codes(found)) == ("wrong", [])


def test_a_claim_for_all_indices_is_judged_at_all_of_them() -> None:
    """The first entry alone would be cut, or what floats make of it."""
    head = (
        'loss = "half_squared_error"\nx = [1, 0.5]\ny = 1\n[[layer]]\nW = [[1, 0.4698], [1, 1]]\n'
    )
    head += 'activation = "sigmoid"\n[[layer]]\nW = [[1, 1]]\n'
    assert judged(head, "z1[j]", value="1.234").verdict == "wrong"
    assert judged(head, "h1[j]", value="0.77467503803203679").verdict == "wrong"
    assert judged(head, "z1[1]", value="1.234").verdict == "rounded"
    assert judged(head, "h1[1]", value="0.77467503803203679").verdict == "rounded"


def test_truths_keep_their_last_zeros() -> None:
    """h1 = 0.50000 with five digits: tanh(0.549306) = 0.4999999..."""
    head = 'loss = "output"\nx = 1\n[[layer]]\nW = [[0.549306]]\nactivation = "tanh"\n'
    found = judged(head, "L", value="0.501")
    assert (found.told, found.truth_digits) == ("0.50000", "0.49999989")
    found = judged(ONE.replace("0.3", "0"), "L", value="0.501")
    assert (found.told, found.truth) == ("0.5", "1/2")


def test_a_claim_of_many_digits_gets_two_more() -> None:
    found = judged(ONE, "L", value="0.57444251681165898711425512345678901")
    assert len(found.truth_digits) >= 2 + 37
    with localcontext() as context:
        context.prec = 60
        assert str(sigmoid(Decimal("0.3"))).startswith(found.truth_digits)


def test_a_vector_of_floats_may_have_short_entries() -> None:
    head = 'loss = "squared_error"\nx = 3\ny = [0, 0]\n[[layer]]\nW = [[0.7], [0.5]]\n'
    assert judged(head, "z1", value="[2.0999999999999996, 1.5]").verdict == "rounded"
    assert judged(head, "z1", value="[2.0999999999999996, 1.4]").verdict == "wrong"
