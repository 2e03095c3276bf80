"""What digits can carry: truths to the digits claimed, and cut and floating
numbers.
"""

import json
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradsheet.commands.cli import main
from tests.sheets import NUMBERS, judged, judgements

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


def sigmoid(z: Decimal) -> Decimal:
    return 1 / (1 + (-z).exp())


# Truths


def test_seventeen_digits() -> None:
    """The printed truth is no float: sigmoid(0.3) = 0.574442516811658987...,
    and float64 has ...65903."""
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
    """h1 is printed with five digits; 0.59869*0.4 + 0.34299*0.5 = 0.410971,
    truly 0.410970; z2[2] = 0.255698."""
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
