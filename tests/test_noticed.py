"""Small faults in the deciding code that no other test would see, each with the sheet that shows it."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from gradsheet.numbers.printed import MAX_DIGITS, NumberError, printed
from gradsheet.truth import autodiff
from gradsheet.truth.point import MAX_BITS, length_of
from manual.activations import bend, pull_back
from tests.sheets import NET, NUMBERS, ONE_OUTPUT, codes, judged, judgements


def test_the_last_line_is_the_one_that_the_number_follows_from() -> None:
    found = judged(NUMBERS, "z1[1]", "x[2] - 3", "x[2] - 4", value="-1")
    assert "its own last line gives -3, not -1" in found.message


def test_digits_have_an_end() -> None:
    """At the last rung what is too close has no verdict; there is no further one to ask for."""
    found = judged(NET, "x[1] - x[1]", "exp(-9000) - exp(-9000 - exp(-9000))")
    assert (found.verdict, "cannot be decided with 640 digits" in found.message) == (
        "cannot_tell",
        True,
    )


@pytest.mark.parametrize("n", [2, 3, 5])
def test_how_the_pullback_of_softmax_bends_is_its_difference(n: int) -> None:
    """In complex steps: the imaginary part of f(z + ih r)/h is the derivative along r, to the last digits."""
    rng = np.random.default_rng(n)
    z, d_h, r = rng.normal(size=(3, 2, n))

    def pulled(z: np.ndarray) -> np.ndarray:
        e = np.exp(z)
        h = e / e.sum(-1, keepdims=True)
        return np.asarray(h * (d_h - (d_h * h).sum(-1, keepdims=True)))

    np.testing.assert_allclose(pull_back("softmax", z, d_h), pulled(z), rtol=1e-13)
    expected = np.imag(pulled(z + 1e-30j * r)) / 1e-30
    np.testing.assert_allclose(bend("softmax", z, d_h, r), expected, rtol=1e-12, atol=1e-15)
    assert abs(expected).max() > 1e-3


def test_numbers_of_the_sheet_are_exact_in_a_line_and_printed_ones_are_not() -> None:
    """x is 1.23 and nothing else: in a line it does not stand for 1.234."""
    wrong = judged(NET, "z1[1]", "1.23*1.003", value="1.234")
    assert wrong.working[0].verdict == "wrong"
    _, rounded = judgements(NET, ("h1[1]", "0.77"), ("yhat[1]", "2.31"))
    assert rounded.verdict == "rounded"


def test_both_parts_of_a_ratio_may_be_forty_digits_long() -> None:
    long = "1" * MAX_DIGITS
    assert printed(f"{long}/{long}").value == 1
    for text in (f"{long}11/3", f"3/{long}11"):
        with pytest.raises(NumberError, match="too long"):
            printed(text)


def test_fractions_are_worked_with_up_to_their_length() -> None:
    """So many bits above and below, for every layer and once more."""
    for depth, more in itertools.product((0, 1, 3), (0, 1)):
        top = MAX_BITS // (depth + 1) - 1 + more
        number = np.array([Fraction(2 ** (top - 1))], object)
        assert length_of([number], depth) == (top + 1 if not more else None)
    assert length_of([np.array([0.5], object)], 1) is None


def test_of_mistakes_that_explain_a_number_the_one_that_explains_more_numbers_is_named() -> None:
    """Two mistakes give dL/dW2[1,1] = 4; only one of them gives L = 8 as well."""
    assert codes(judged(ONE_OUTPUT, "dL/dW2[1,1]", value="4")) == [
        "target-missing",
        "bias-forgotten",
    ]
    found = judgements(ONE_OUTPUT, ("dL/dW2[1,1]", "4"), ("L", "8"))
    assert [codes(j) for j in found] == [["bias-forgotten"]] * 2


def test_a_jax_too_new_is_told_and_the_other_two_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(autodiff._RULES, "dot_general")
    with pytest.warns(RuntimeWarning, match="the verdicts rest on the other two witnesses"):
        found = judged(NUMBERS, "dL/dW2[2,2]", value="7")
    assert found.verdict == "right"
