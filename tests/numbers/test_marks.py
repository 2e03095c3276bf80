"""The marks of real numbers: in a group of prime order, and equal wherever a
law of exp and log says so.
"""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradsheet.numbers.marks import SMALL_PRIMES, Mark, Marks, Share, _secret_primes
from gradsheet.numbers.real import Arithmetic, Real
from gradsheet.numbers.reasons import TooClose
from tests.rounds import every


def test_the_marks_of_exponentials_of_fractions_are_in_a_group_of_prime_order() -> None:
    marks = Marks()
    assert 2**140 < marks.order < 2**150
    assert marks.prime == 2 * marks.order + 1
    assert marks.prime % 8 == 7
    # As L. Euler has it, each of these is a square.
    assert all(pow(l, marks.order, marks.prime) == 1 for l in (2, *SMALL_PRIMES))
    assert all(pow(3, n - 1, n) == 1 for n in (marks.prime, marks.order))  # as P. Fermat has it
    assert (marks.exp(Share(0, 0)), marks.log(1), marks.log(0)) == (1, Share(0, 0), None)
    real = Arithmetic(40)
    m = real(1).exp().mark
    assert m != 1
    assert pow(m, real.marks.order, real.marks.prime) == 1


def test_marks_know_all_laws_for_exponentials_of_fractions() -> None:
    real = Arithmetic(40)
    third, half = real(Fraction(1, 3)).exp(), real(Fraction(1, 2)).exp()
    assert third**3 == half**2 == real(1).exp()
    assert third * half == real(Fraction(5, 6)).exp()
    assert third / half == real(Fraction(-1, 6)).exp()
    assert real(Fraction(100, 7)).exp() == real(Fraction(1, 7)).exp() ** 100


def test_marks_know_multiples_powers_and_sums_of_three() -> None:
    real = Arithmetic(40)
    a, b, c = real(1).exp(), real(2).exp(), real(Fraction(1, 3)).exp()
    assert (a + b + c).exp() == a.exp() * b.exp() * c.exp()
    assert (64 * a).exp() == a.exp() ** 64
    m = 1 + b
    once = m.log()
    for power in (4, 3, 2):
        assert (m**power).log() == power * once


def test_marks_know_sums_however_many_exponentials_there_are() -> None:
    real = Arithmetic(40)
    a, b = (real(Fraction(1, k)).exp() for k in (2, 3))
    for k in range(4, 64):
        real(Fraction(1, k)).exp().exp()
    assert (a + b).exp() == a.exp() * b.exp()


# Roots and angles

PRIME = 1009  # no square in half of the fields, unlike small ones
wholes = st.integers(1, 10**6)
fractions = st.fractions(-5, 5, max_denominator=20)


def unlike(real: Arithmetic) -> list[Real]:
    """Positive numbers that have nothing to do with each other, of which half
    have no square for a mark."""
    return [1 + real(Fraction(1, 3)).exp(), real(2).exp() + 3, real(PRIME), real(5).log() + 2]


def fresh(seed: int) -> Arithmetic:
    """An arithmetic with another prime than others: what holds for a half of them would show."""
    _secret_primes.cache_clear()
    return Arithmetic(40)


primes = pytest.mark.parametrize("seed", every(4, range(8)))


@given(wholes, wholes, wholes)
def test_roots_of_fractions_agree_whatever_they_are_factors_of(a: int, b: int, c: int) -> None:
    real = Arithmetic(40)
    roots = [real(n).sqrt() for n in (a, b, c)]
    assert roots[0] * roots[1] == real(a * b).sqrt()
    assert roots[0] / roots[1] == real(Fraction(a, b)).sqrt()
    assert roots[0] * roots[1] * roots[2] == real(a * b * c).sqrt()
    assert real(a * a * b).sqrt() == a * roots[1]
    assert 1 / roots[0] == roots[0] / a
    assert roots[0] * roots[0] == a


@primes
def test_roots_of_all_numbers_agree(seed: int) -> None:
    real = fresh(seed)
    for x in unlike(real):
        root = x.sqrt()
        assert root * root == x
        assert x / root == root
        assert 1 / root**3 == root / x**2
        assert root.log() * 2 == x.log()
        assert (x.log() * Fraction(1, 2)).exp() == root
        assert root.sqrt() ** 4 == x
        assert x.power(Fraction(3, 4)) == root * root.sqrt()
        assert x.power(Fraction(-5, 6)) ** 6 * x**5 == 1


@primes
def test_a_root_of_a_product_is_the_product_of_the_roots(seed: int) -> None:
    real = fresh(seed)
    x, y, *_ = unlike(real)
    assert (x * y).sqrt() == x.sqrt() * y.sqrt()  # before either is known
    assert (x / y).sqrt() == x.sqrt() / y.sqrt()
    x, y, *_ = unlike(fresh(seed))
    assert x.sqrt() * y.sqrt() == (x * y).sqrt()
    x, y, *_ = unlike(fresh(seed))
    assert ((-x) ** 2).sqrt() == (x * x).sqrt() == x
    assert (x**2 * y).sqrt() == x * y.sqrt()
    assert (PRIME**2 * x).sqrt() == PRIME * x.sqrt()
    assert (x / 3).sqrt() * x.home(3).sqrt() == x.sqrt()
    mean = (x + y) / 2
    variance = ((x - mean) ** 2 + (y - mean) ** 2) / 2
    assert (y - mean) / variance.sqrt() == 1  # of a batch of two


@primes
def test_roots_of_sums_with_roots_in_them(seed: int) -> None:
    real = fresh(seed)
    for x, y in itertools.combinations_with_replacement(unlike(real), 2):
        inner = 1 + x.sqrt() + y.sqrt()
        assert inner.sqrt() ** 2 == inner
        assert inner / inner.sqrt() == inner.sqrt()


@primes
def test_the_root_of_an_exponential_is_that_of_half(seed: int) -> None:
    real = fresh(seed)
    for a in (real(Fraction(7, 5)), *unlike(real), real(PRIME).log() + real(1).exp()):
        assert a.exp().sqrt() == (a * Fraction(1, 2)).exp()
        assert a.exp().power(Fraction(2, 3)) == (a * Fraction(2, 3)).exp()


@given(fractions, fractions)
def test_angles_add_up(p: Fraction, q: Fraction) -> None:
    real = Arithmetic(40)
    for a, b in ((real(p), real(q)), (p * real(1).exp(), real(2).sqrt() + q * real(3).log())):
        assert a.sin() ** 2 + a.cos() ** 2 == 1
        assert (a + b).sin() == a.sin() * b.cos() + a.cos() * b.sin()
        assert (a + b).cos() == a.cos() * b.cos() - a.sin() * b.sin()
        assert (a - b).cos() == a.cos() * b.cos() + a.sin() * b.sin()
        assert (-a).sin() == -a.sin()
        assert (-a).cos() == a.cos()
        assert (a * Fraction(1, 2)).cos() ** 2 == (1 + a.cos()) / 2


@primes
def test_what_nearly_agrees_is_not_shown_to(seed: int) -> None:
    real, near = fresh(seed), Fraction(1, 10**60)
    root, x = real(2).sqrt(), unlike(real)[0]
    for one, other in (
        (root * real(3).sqrt(), real(6).sqrt()),
        (x / x.sqrt(), x.sqrt()),
        (real(PRIME).sqrt() ** 2, real(PRIME)),
        (x.sin() ** 2 + x.cos() ** 2, real(1)),
    ):
        assert one == other
        with pytest.raises(TooClose):
            _ = one == other + near
        assert one != -other
    assert root != Fraction(141421356237309504880168872420969807, 10**35)


def test_a_secret_root_knows_that_it_is_itself() -> None:
    """Where a sum of roots of roots has no square for a mark, in half of all
    fields, its root has one that nothing is known of."""

    def deep(real: Arithmetic) -> tuple[Real, Mark | None]:
        inner = 1 + (2 + real(PRIME).sqrt()).sqrt() + (3 + real(10007).sqrt()).sqrt()
        return inner.sqrt(), inner.mark

    for seed in range(40):
        root, squared = deep(real := fresh(seed))
        assert root == deep(real)[0]
        if real.marks.reduced(root.mark * root.mark) != squared:
            with pytest.raises(TooClose):
                _ = root**2 == deep(real)[0] ** 2 + 0 * root + Fraction(1, 10**60)
            return
    raise AssertionError("there was a root in each of forty fields")
