"""Enclosures at their ends: signs, exact numbers beside enclosed ones, and what
sets two numbers apart.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from flint import arb

from gradsheet.numbers.real import Arithmetic, Real, apart
from gradsheet.numbers.reasons import Undecided


def test_apart_takes_numbers_of_any_kind() -> None:
    real = Arithmetic(40)
    tiny = Fraction(1, 10**60)
    assert apart(1, 2)
    assert not apart(1, Fraction(2, 2))
    assert apart(real(1), 1 + tiny)  # exact numbers need no digits
    assert apart(1 + tiny, real(1))
    assert not apart(real(1), 1)
    assert not apart(1, real(1))
    assert apart(2, real(1).exp())
    assert apart(real(1).exp(), 3)


def test_exact_numbers_on_the_left() -> None:
    real = Arithmetic(40)
    e = real(1).exp()
    for exact in (real(2), real(Fraction(-1, 3))):
        assert exact + e == e + exact
        assert apart(exact + e, e)
        assert exact * e == e * exact
        assert apart(exact * e, e)
    assert real(0) + e is e
    assert e + real(0) is e
    assert real(1) * e is e


def test_even_powers_are_not_negative_and_no_others_are_touched() -> None:
    real = Arithmetic(40)
    e = real(1).exp()
    low, high = (e - real(2).exp() / e).bounds()
    assert low < 0 < high
    assert ((e - real(2).exp() / e) ** 2).bounds()[0] == 0
    assert ((e - real(2).exp() / e) ** 3).bounds()[0] < 0
    assert (1 / e) ** 2 > Fraction(13, 100)
    assert (-e) ** 3 < -20
    assert (-e) ** 2 > 7


def test_the_sign_that_digits_do_not_tell_is_no_absolute_value() -> None:
    real = Arithmetic(40)
    e = real(1).exp()
    with pytest.raises(Undecided):
        abs(e - e - Fraction(1, 10**60))
    assert abs(e - e) == 0
    assert abs(-e) == e


def test_products_of_small_numbers_of_either_sign_hold_the_truth() -> None:
    real = Arithmetic(20)
    small, exact = real(-1).exp(), real(-2).exp()
    for one, two in ((small, small), (small, -small), (-small, small), (-small, -small)):
        low, high = (one * two).bounds()
        assert low < high
        truth = exact if (one is small) == (two is small) else -exact
        assert low <= truth.bounds()[1]
        assert truth.bounds()[0] <= high


def between(real: Arithmetic, low: float, high: float, mark: int | None = None) -> Real:
    return Real(real, None, arb((low + high) / 2, (high - low) / 2), mark)


@pytest.mark.parametrize(
    ("one", "two", "product"),
    [
        ((1, 2), (3, 5), (3, 10)),
        ((0.25, 0.5), (-3, -1), (-1.5, -0.25)),
        ((-3, -1), (0.25, 0.5), (-1.5, -0.25)),
        ((-3, -1), (-0.5, -0.25), (0.25, 1.5)),
        ((-0.5, 0.25), (-3, -1), (-0.75, 1.5)),
        ((-2, 3), (-5, 7), (-15, 21)),
    ],
)
def test_products_of_enclosures_have_the_least_and_the_largest(
    one: Any, two: Any, product: Any
) -> None:
    real = Arithmetic(40)
    a, b = between(real, *one), between(real, *two)
    for low, high in ((a * b).bounds(), (b * a).bounds()):
        assert low <= product[0] <= product[1] <= high
        assert high - low <= Decimal("1.25") * Decimal(product[1] - product[0])


def test_enclosures_that_touch_do_not_set_apart() -> None:
    real = Arithmetic(40)
    assert between(real, 1, 1, 1) == 1
    assert not apart(between(real, 1, 2, 5), real(1))
    assert not apart(between(real, 0, 1, 5), real(1))


def test_without_a_mark_nothing_is_shown_to_be_equal() -> None:
    real = Arithmetic(40)
    e = real(1).exp()
    unmarked = Real(real, None, e.ball)
    for found in (unmarked + e, e + unmarked, unmarked * e, e * unmarked, -unmarked, 1 / unmarked):
        assert found.mark is None
    assert unmarked.exp().mark is unmarked.log().mark is None
    with pytest.raises(Undecided):
        _ = unmarked == e
    assert unmarked != 3
