"""Enclosures hold the truth, prove what differs and what is larger, and marks
prove what is equal."""

import itertools
from decimal import Decimal, getcontext, localcontext
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from flint import ctx
from hypothesis import assume, given
from hypothesis import strategies as st

from gradsheet.numbers.printed import digits_text, told_text
from gradsheet.numbers.real import Arithmetic, Real, apart
from gradsheet.numbers.reasons import Imprecise, OutsideDomain, TooClose, Undecided
from tests.decimal_enclosures import Open, enclosed

numbers = st.fractions(-20, 20, max_denominator=50)


def holds(found: Real, truth: Decimal) -> bool:
    """Whether an enclosure holds a truth that is known to 60 digits, and is narrow."""
    low, high = found.bounds()
    slack = abs(truth) * Decimal("1e-55") + Decimal("1e-55")
    return low - slack <= truth <= high + slack and high - low <= (abs(truth) + 1) * Decimal(
        "1e-30"
    )


def decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


@given(numbers, numbers)
def test_every_operation_holds_the_truth(p: Fraction, q: Fraction) -> None:
    """Against decimals of 60 digits, with the functions by their definitions."""
    real = Arithmetic(40)
    a, b = real(p).exp(), real(q).exp() + real(q)
    with localcontext() as context:
        context.prec = 80
        x, y = decimal(p).exp(), decimal(q).exp() + decimal(q)
        assert holds(a + b, x + y)
        assert holds(a - b, x - y)
        assert holds(b - a, y - x)
        assert holds(a * b, x * y)
        assert holds(b * b, y * y)
        assert holds(b**3, y**3)
        assert holds(-b, -y)
        assert holds(abs(b), abs(y))
        assert holds(2 - a, 2 - x)
        assert holds(Fraction(1, 3) * a, x / 3)
        assert holds(1 / a, 1 / x)
        assert holds(a.log(), decimal(p))
        assert holds(a.log1p(), (1 + x).ln())
        assert holds(real(p).tanh(), (x - 1 / x) / (x + 1 / x))
        if abs(y) > Decimal("0.001"):
            assert holds(a / b, x / y)


@given(numbers)
def test_more_digits_are_narrower_and_lie_within(p: Fraction) -> None:
    assume(p)
    few, many = ((Arithmetic(digits)(p).exp() + 1).log() for digits in (20, 60))
    (a, d), (b, c) = few.bounds(), many.bounds()
    assert a <= b <= c <= d
    assert c - b < d - a


@given(numbers, numbers)
def test_fractions_stay_exact_until_a_function_is_applied(p: Fraction, q: Fraction) -> None:
    real = Arithmetic(40)
    assert (real(p) * q + p - q).exact == p * q + p - q
    assert (real(p) < q, real(p) == q, real(p) >= q) == (p < q, p == q, p >= q)
    assert (real(0).exp().exact, real(1).log().exact, real(0).tanh().exact) == (1, 0, 0)
    assert (real(0) * real(p).exp()).exact == 0  # a dead unit is exactly dead


small = st.fractions(-3, 3, max_denominator=7).filter(bool)


@given(small)
def test_marks_know_the_laws_of_powers(p: Fraction) -> None:
    real = Arithmetic(40)
    a, b = p * real(1).exp(), real(5).log()
    e = a.exp()
    assert (a + b).exp() == e * b.exp()
    assert (a - b).exp() == e / b.exp()
    assert (3 * a).exp() == e**3
    assert (-a).exp() * e == 1
    assert (a * Fraction(1, 2)).exp() ** 2 == e
    assert e.log() == a
    assert (e * b.exp()).log() == a + b
    assert (1 + e).log() == a + (1 + (-a).exp()).log()  # softplus in two ways
    assert a.tanh() == (e - 1 / e) / (e + 1 / e)
    assert 1 - a.tanh() ** 2 == 4 / (e + 1 / e) ** 2
    assert e - e == 0
    assert (e - e).mark == 0


@pytest.mark.parametrize("off", [Fraction(1, 10**30), -Fraction(1, 10**30)])
def test_what_differs_in_the_thirtieth_place_is_apart(off: Fraction) -> None:
    real = Arithmetic(40)
    e = real(1).exp()
    assert apart(e, e + off)
    assert (e < e + off) == (off > 0)
    assert not apart(e, real(2).exp() / e)


def test_what_the_digits_do_not_set_apart_wants_more_or_no_verdict() -> None:
    for final, expected in ((False, Imprecise), (True, Undecided)):
        real = Arithmetic(20, final)
        e = real(1).exp()
        with pytest.raises(expected):
            _ = e == e + Fraction(1, 10**30)
        with pytest.raises(expected):
            _ = 1 / (e - e - Fraction(1, 10**30))
    assert Arithmetic(40)(1).exp() != Arithmetic(40)(1).exp() + Fraction(1, 10**30)


def test_marks_are_secret_and_differ_from_run_to_run() -> None:
    """What is 0 only modulo the prime of one run would pass for 0 there; nobody
    can write it into a sheet."""
    first, second = Arithmetic(40)(1).exp(), Arithmetic(40)(1).exp()
    assert first.mark != second.mark
    assert first.home.marks.prime > 2**126


def test_a_planted_mark_would_be_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """That equality rests on marks is seen where they lie: enclosures alone do
    not tell 0 from 1e-60."""
    real = Arithmetic(40)
    e = real(1).exp()
    assert e - e == 0
    near = e - e + Fraction(1, 10**60)
    with pytest.raises(Undecided):
        _ = near == 0
    near._mark = 0
    assert near == 0


def test_long_fractions_are_enclosed_and_still_equal_themselves() -> None:
    real = Arithmetic(40)
    long = real(Fraction(3, 7)) ** 2000
    assert long.exact is None
    assert long == long * 1
    assert long / real(Fraction(3, 7)) ** 1999 == Fraction(3, 7)
    assert not apart(long * Fraction(7, 3) ** 2000, Fraction(1))


def test_domains() -> None:
    real = Arithmetic(40)
    for value in (real(0), real(-1), -real(1).exp()):
        with pytest.raises(OutsideDomain):
            value.log()
    with pytest.raises(ZeroDivisionError):
        _ = 1 / (real(1).exp() - real(1).exp())
    with pytest.raises(TypeError):
        _ = real(1) + 0.5  # a float would end exactness silently


def test_exponentials_of_large_numbers_are_enclosed() -> None:
    real = Arithmetic(40)
    huge = real(10**6).exp()
    assert huge > 10**1000
    assert 1 / huge < Fraction(1, 10**1000)
    assert huge.log() == 10**6
    assert (real(10**6) / 3).exp() < huge < huge * 2
    assert real(-(10**300)).exp() < 1 / huge
    assert real(10**300).exp() + huge - real(10**300).exp() == huge
    assert str(real(10**300).exp().bounds()[1]) == "Infinity"
    assert real(-(10**300)).exp().bounds() == (0, Decimal("1e-1000000000000000048"))


def test_beyond_all_size_bounds_still_hold() -> None:
    """Nothing is computed of exp of more than MAX_EXPONENT bits: it would take all memory."""
    real = Arithmetic(40)
    beyond = real(10**300).exp()
    assert beyond > 10**300
    assert (-beyond).exp() < real(-(10**6)).exp()
    assert (-beyond).exp().bounds()[0] == 0
    wide = 10**60 * real(1).exp() - 10**60 * real(1).exp()  # 0, to 20 digits
    assert wide.exp().bounds()[0] == 0
    assert abs(wide.exp()) > -1
    for too_large in (beyond, real(10**2000), 10**300 * (real(2) ** 2000).exp()):
        with pytest.raises(TooClose, match="a number too large to be enclosed"):
            too_large.exp()
    assert (told_text(beyond, []), digits_text(beyond, [])) == ("beyond all floats", "inf")
    assert (told_text(-beyond, []), digits_text(-beyond, [])) == ("beyond all floats", "-inf")
    assert (told_text(1 / beyond, []), digits_text(1 / beyond, [])) == ("0", "0")
    assert float(beyond) == float("inf")
    assert float(-beyond) == float("-inf")


def test_arithmetics_of_different_digits_do_not_disturb_each_other() -> None:
    """The library has one precision for all, and each operation puts it back,
    also where it fails."""
    before = ctx.prec
    few, many = Arithmetic(10), Arithmetic(100)
    a, b = few(Fraction(1, 3)).exp(), many(Fraction(1, 3)).exp()
    for _ in range(3):
        a, b = (a + 1).log() * a, (b + 1).log() * b
    for real, digits in ((a, 10), (b, 100)):
        low, high = real.bounds()
        assert Decimal(10) ** (-digits - 8) < high - low < Decimal(10) ** (3 - digits)
    with pytest.raises(ZeroDivisionError):
        _ = 1 / (a - a)
    with pytest.raises(TooClose):
        many(10**2000).exp()
    assert ctx.prec == before


# Against the enclosures in decimals


class Step(NamedTuple):
    """What is done next, to which of the numbers that there are."""

    operation: str
    left: int
    right: int


OPERATIONS = ("plus", "minus", "times", "over", "exp", "log")
steps = st.lists(
    st.builds(Step, st.sampled_from(OPERATIONS), st.integers(0, 9), st.integers(0, 9)), max_size=8
)


def carried_out(step: Step, numbers: list[Real]) -> Real:
    one, two = numbers[step.left % len(numbers)], numbers[step.right % len(numbers)]
    match step.operation:
        case "plus":
            return one + two
        case "minus":
            return one - two
        case "times":
            return one * two
        case "over":
            return one / two
        case "exp":
            return one.exp()
    return one.log()


@given(st.lists(numbers, min_size=2, max_size=4), steps)
def test_balls_and_decimals_enclose_the_same_numbers(start: list[Fraction], steps: Any) -> None:
    real = Arithmetic(40)
    mine, theirs = [real(v) for v in start], [enclosed(v) for v in start]
    for step in steps:
        one, two = theirs[step.left % len(theirs)], theirs[step.right % len(theirs)]
        if step.operation == "exp" and one.high > 1000:
            continue
        try:
            theirs.append(
                getattr(one, step.operation)(*[two] * (step.operation not in ("exp", "log")))
            )
        except Open:
            continue
        mine.append(carried_out(step, mine))
        low, high = mine[-1].bounds()
        assert low <= theirs[-1].high
        assert theirs[-1].low <= high
        assert high - low <= 1000 * (theirs[-1].high - theirs[-1].low) + abs(low) * Decimal("1e-38")
    for (a, x), (b, y) in itertools.combinations(zip(mine, theirs, strict=True), 2):
        if sign := x.minus(y).sign():
            assert a.compare(b) == sign
            assert b.compare(a) == -sign
            assert apart(a, b)
            assert (a < b, a == b, a > b) == (sign < 0, False, sign > 0)


def test_floats_are_the_nearest() -> None:
    getcontext().prec = 28
    assert float(Arithmetic(40)(1).exp()) == 2.718281828459045
    assert float(Arithmetic(40)(Fraction(1, 3))) == 1 / 3
    assert float(Arithmetic(40)(-(10**400))) == float("-inf")


# Roots and angles


def machin() -> Decimal:
    """pi by J. Machin's formula, 16 arctan(1/5) - 4 arctan(1/239)."""

    def arctan(n: int) -> Decimal:
        return sum(
            (Decimal((-1) ** k) / ((2 * k + 1) * Decimal(n) ** (2 * k + 1)) for k in range(80)),
            Decimal(0),
        )

    return 16 * arctan(5) - 4 * arctan(239)


def series(angle: Decimal, first: int) -> Decimal:
    """The terms of exp(angle) from the first on, every other one, with their signs."""
    total, term = Decimal(0), angle**first if first else Decimal(1)
    for k in range(first, 160, 2):
        total += term
        term *= -angle * angle / ((k + 1) * (k + 2))
    return total


@given(numbers)
def test_roots_and_angles_hold_the_truth(p: Fraction) -> None:
    real = Arithmetic(40)
    with localcontext() as context:
        context.prec = 90
        x, truth = real(p).exp() + real(Fraction(1, 7)), decimal(p).exp() + Decimal(1) / 7
        assert holds(x.sqrt(), truth.sqrt())
        assert holds(x.power(Fraction(-3, 2)), 1 / truth.sqrt() ** 3)
        assert holds(x.power(Fraction(2, 3)), (truth.ln() * 2 / 3).exp())
        assert holds(real(p).sin(), series(decimal(p), 1))
        assert holds(real(p).cos(), series(decimal(p), 0))


def test_the_sine_of_large_angles_is_enclosed_as_narrowly() -> None:
    real = Arithmetic(40)
    with localcontext() as context:
        context.prec = 110
        angle = 10**40 + Fraction(1, 3)
        rest = decimal(angle) % (2 * machin())
        assert holds(real(angle).sin(), series(rest, 1))
        assert holds(real(angle).cos(), series(rest, 0))
    with pytest.raises(TooClose, match="too large"):
        (real(10) ** 1000 + real(10) ** 1000 * real(1).exp()).exp().cos()


@given(numbers, st.integers(1, 6), st.integers(-6, 6))
def test_a_root_of_a_perfect_power_is_a_fraction(p: Fraction, n: int, k: int) -> None:
    real, p = Arithmetic(40), abs(p)
    assert (real(p) ** 2).sqrt().exact == p
    assume(p or k >= 0)
    assert (real(p) ** n).power(Fraction(k, n)).exact == p**k
    assert (real(0).sin().exact, real(0).cos().exact, real(0).sqrt().exact) == (0, 1, 0)
    assert real(2).sqrt().exact is None
    assert real(-p).power(Fraction(3)).exact == -(p**3)


def test_the_domains_of_roots() -> None:
    real = Arithmetic(40)
    zero = real(1).exp() - real(1).exp()
    for value in (real(-1), -real(1).exp(), zero - 1):
        with pytest.raises(OutsideDomain, match="square root of a negative"):
            value.sqrt()
        for exponent in (Fraction(1, 2), Fraction(1, 3), Fraction(-2, 5)):
            with pytest.raises(OutsideDomain, match="negative number"):
                value.power(exponent)
    for none in (zero, real(0)):
        assert none.sqrt().exact == none.power(Fraction(2, 3)).exact == 0
        for exponent in (Fraction(-1, 2), Fraction(-1), Fraction(-1, 3)):
            with pytest.raises(ZeroDivisionError):
                none.power(exponent)
    near = zero + Fraction(1, 10**60)  # of which these digits do not tell that it is positive
    for final, reason in ((True, TooClose), (False, Imprecise)):
        near.home.final = final
        with pytest.raises(reason):
            near.sqrt()
