"""Real numbers that are enclosed, as narrowly as one likes, and with a mark
that proves equality.

Where exp or log enters, no fraction holds the truth. A `Real` holds it all the
same: exactly as a Fraction as long as no transcendental function is applied,
and from there on within a ball, a midpoint and a radius, that every operation
makes as wide as it has to be (R. Moore, Interval Analysis, 1966). Balls that
are apart prove that two numbers differ, and which is larger; more digits set
apart what a few do not.

That two numbers are equal no enclosure proves. So each carries a mark, its
image in a prime field; see `marks`. What a ball is, `enclosures` alone knows.
"""

import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flint import arb, fmpz

from gradsheet.numbers.enclosures import at, ball_of, bits_of, ends, magnitude
from gradsheet.numbers.marks import Logs, Mark, Marks, Share
from gradsheet.numbers.reasons import Imprecise, OutsideDomain, TooClose

MAX_EXPONENT = 4_096  # bits of an exponent: what is beyond exp of it is not enclosed
MAX_BITS = 4_096  # of a fraction that is kept; longer ones are enclosed, and known by their marks
MORE_DIGITS = 10  # that the ends of an enclosure have beyond its own

Number = Any  # an int, a Fraction or a Real


def apart(a: Number, b: Number) -> bool:
    """Whether two numbers are known to differ: by their values where they are
    exact, else by their enclosures."""
    if not isinstance(a, Real) and not isinstance(b, Real):
        return bool(a != b)
    home = a.home if isinstance(a, Real) else b.home
    one, two = home(a), home(b)
    if one.exact is not None and two.exact is not None:
        return one.exact != two.exact
    return one.ball < two.ball or one.ball > two.ball


class Arithmetic:
    """How narrow enclosures are, and the marks. `final`: more digits will not be tried."""

    def __init__(self, digits: int, final: bool = True):
        self.digits, self.final = digits, final
        self.bits = bits_of(digits)
        self.marks = Marks()

    def __call__(self, value: Number) -> "Real":
        """An int or a Fraction as a Real."""
        return value if isinstance(value, Real) else Real(self, Fraction(value))

    def compute(self, operation: Callable[..., arb], *balls: arb) -> arb:
        """What an operation on balls gives with these digits. What has no bounds is no answer."""
        ball = at(self.bits, operation, *balls)
        if not ball.is_finite():
            raise too_large()
        return ball

    def unsure(self, what: str) -> Exception:
        """What to raise where these digits do not tell."""
        if self.final:
            return TooClose(f"{what} cannot be decided with {self.digits} digits")
        return Imprecise(what)


def too_large() -> Exception:
    """What to raise where there are no bounds."""
    return TooClose("a number too large to be enclosed")


class Real:
    """A number of an `Arithmetic`: exact, or in a ball; the mark is None where none is known."""

    __slots__ = ("_ball", "_ends", "_logs", "_mark", "_power", "exact", "home")

    def __init__(
        self,
        home: Arithmetic,
        exact: Fraction | None,
        ball: arb | None = None,
        mark: Mark | None = None,
        power: int | None = None,
        logs: Logs = (),
    ):
        self.home, self.exact, self._ball = home, exact, ball
        self._mark, self._power, self._logs = mark, power, logs
        self._ends: tuple[Decimal, Decimal] | None = None

    def _exactly(self, value: Fraction) -> "Real":
        """A fraction, enclosed where it is too long to be kept."""
        real = Real(self.home, value)
        if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
            return Real(self.home, None, real.ball, real.mark, real.power_mark)
        return real

    @property
    def mark(self) -> Mark | None:
        """Its image in the prime field, None where none is known."""
        if self._mark is None and self.exact is not None:
            self._mark = self.home.marks.of(self.exact)
        return self._mark

    @property
    def power_mark(self) -> int | None:
        """What it adds to the exponent of g where it stands in one, but for logarithms."""
        if self._power is None:
            if self.exact is not None:
                self._power = self.home.marks.power_of(self.exact)
            elif self._mark is not None:
                self._power = self.home.marks.power(self._mark)
        return self._power

    @property
    def ball(self) -> arb:
        """What encloses it. Of two that overlap every comparison is False, and shows nothing."""
        if self._ball is None:
            assert self.exact is not None
            self._ball = ball_of(self.exact, self.home.bits)
        return self._ball

    def bounds(self) -> tuple[Decimal, Decimal]:
        """The ends of the enclosure, rounded outwards, as they are printed, found once."""
        if self._ends is None:
            self._ends = ends(self.ball, self.home.digits + MORE_DIGITS)
        return self._ends

    def _like(self, other: Any) -> "Real | None":
        if isinstance(other, Real):
            return other
        return Real(self.home, Fraction(other)) if isinstance(other, int | Fraction) else None

    def __add__(self, other: Any) -> "Real":
        if (that := self._like(other)) is None:
            return NotImplemented
        if self.exact is not None:
            if that.exact is not None:
                return self._exactly(self.exact + that.exact)
            if not self.exact:
                return that
        elif that.exact is not None and not that.exact:
            return self
        m, n, home, marks = self.mark, that.mark, self.home, self.home.marks
        ball = home.compute(operator.add, self.ball, that.ball)
        if m is None or n is None:
            return Real(home, None, ball)
        power = (self.power_mark + that.power_mark) % marks.order  # type: ignore[operator]
        logs = marks.plus(self._logs, that._logs)
        return Real(home, None, ball, marks.reduced(m + n), power, logs)

    __radd__ = __add__

    def __neg__(self) -> "Real":
        if self.exact is not None:
            return Real(self.home, -self.exact)
        ball = self.home.compute(operator.neg, self.ball)
        if self.mark is None:
            return Real(self.home, None, ball)
        mark = self.home.marks.reduced(-self.mark)
        power = None if self._power is None else -self._power
        logs = tuple((m, -times) for m, times in self._logs)
        return Real(self.home, None, ball, mark, power, logs)

    def __sub__(self, other: Any) -> "Real":
        return NotImplemented if (that := self._like(other)) is None else self + -that

    def __rsub__(self, other: Any) -> "Real":
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> "Real":
        if (that := self._like(other)) is None:
            return NotImplemented
        for one, two in ((self, that), (that, self)):
            if one.exact is not None:
                if two.exact is not None:
                    return self._exactly(one.exact * two.exact)
                if not one.exact:
                    return one
                if one.exact == 1:
                    return two
        m, n, home, marks = self.mark, that.mark, self.home, self.home.marks
        ball = home.compute(operator.mul, self.ball, that.ball)
        if m is None or n is None:
            return Real(home, None, ball)
        product = Real(home, None, ball, mark := marks.reduced(m * n))
        for one, two in ((self, that), (that, self)):
            if one.exact is not None:  # a multiple
                product._power = one.power_mark * two.power_mark % marks.order  # type: ignore[operator]
                product._logs = tuple((log, times * one.exact) for log, times in two._logs)
        if m == n and m and (self.ball > 0 or self.ball < 0):  # one number times itself
            marks.squared(m if self.ball > 0 else marks.reduced(-m), mark)
        return product

    __rmul__ = __mul__

    def _reciprocal(self) -> "Real":
        if self.exact is not None:
            return Real(self.home, 1 / self.exact)  # ZeroDivisionError where it is 0
        if not (self.ball < 0 or self.ball > 0):
            if self.mark == 0:
                raise ZeroDivisionError
            raise self.home.unsure("a division by a number near 0")
        mark = self.home.marks.raised(self.mark, -1) if self.mark else None
        return Real(self.home, None, self.home.compute(operator.truediv, arb(1), self.ball), mark)

    def __truediv__(self, other: Any) -> "Real":
        return NotImplemented if (that := self._like(other)) is None else self * that._reciprocal()

    def __rtruediv__(self, other: Any) -> "Real":
        return self._reciprocal().__mul__(other)

    def __pow__(self, exponent: int) -> "Real":
        if exponent < 0:
            return 1 / self**-exponent
        if self.exact is not None:
            return self._exactly(self.exact**exponent)
        power = Real(self.home, Fraction(1))
        for _ in range(exponent):
            power = power * self
        if exponent % 2 == 0 and power.exact is None:
            power._ball = self.home.compute(arb.nonnegative_part, power.ball)
        return power

    def __abs__(self) -> "Real":
        if self.exact is not None:
            return Real(self.home, abs(self.exact))
        if self.ball >= 0:
            return self
        return -self if self.ball <= 0 or self < 0 else self

    def compare(self, other: Any) -> int:
        """-1, 0 or 1 as this number is smaller than the other, equal or larger;
        raises where that is open."""
        that = self._like(other)
        if that is None:
            raise TypeError(f"a Real cannot be compared with {type(other).__name__}")
        if self.exact is not None and that.exact is not None:
            return (self.exact > that.exact) - (self.exact < that.exact)
        if self.ball < that.ball:
            return -1
        if self.ball > that.ball:
            return 1
        if self.mark is not None and self.mark == that.mark:
            return 0
        raise self.home.unsure("which of two numbers is larger")

    def __eq__(self, other: object) -> bool:
        return NotImplemented if (that := self._like(other)) is None else self.compare(that) == 0

    def __lt__(self, other: Any) -> bool:
        return NotImplemented if (that := self._like(other)) is None else self.compare(that) < 0

    def __le__(self, other: Any) -> bool:
        return NotImplemented if (that := self._like(other)) is None else self.compare(that) <= 0

    def __gt__(self, other: Any) -> bool:
        return NotImplemented if (that := self._like(other)) is None else self.compare(that) > 0

    def __ge__(self, other: Any) -> bool:
        return NotImplemented if (that := self._like(other)) is None else self.compare(that) >= 0

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return self != 0

    def __float__(self) -> float:
        try:
            return float(self.ball if self.exact is None else self.exact)
        except OverflowError:
            return float("inf") if self > 0 else float("-inf")

    def exp(self) -> "Real":
        """The exponential."""
        if self.exact == 0:
            return Real(self.home, Fraction(1))
        mark = None
        if self.mark is not None and self.power_mark is not None:
            mark = self.home.marks.exp(Share(self.mark, self.power_mark, self._logs))
        return Real(self.home, None, self._exp(), mark)

    def _exp(self) -> arb:
        """What encloses exp: also of a large fraction to as many digits as there are."""
        size = magnitude(self.ball)
        if size > MAX_EXPONENT:
            if not self.ball < 0:
                raise too_large()
            return at(self.home.bits, _below_all)
        bits = self.home.bits + max(0, size)
        exponent = self.ball if self.exact is None else ball_of(self.exact, bits)
        return at(bits, _exp, exponent)

    def log(self) -> "Real":
        """The natural logarithm; OutsideDomain where there is none."""
        if self.exact == 1:
            return Real(self.home, Fraction(0))
        if self <= 0:
            raise OutsideDomain("the logarithm of a number that is not positive")
        self._remember()
        share = None if self.mark is None else self.home.marks.log(self.mark)
        return Real(self.home, None, self.home.compute(arb.log, self.ball), *(share or ()))

    def _remember(self) -> None:
        """Tell the marks which fraction this is, if it is one."""
        if self.exact is not None:
            self.home.marks.remember(self.exact)

    def sqrt(self) -> "Real":
        """The square root, a fraction where it is one; OutsideDomain of a
        negative number."""
        if self < 0:
            raise OutsideDomain("the square root of a negative number")
        root = Fraction(0) if self == 0 else _exact_root(self.exact, 2)
        if root is not None:
            return Real(self.home, root)
        self._remember()
        mark = None if self.mark is None else self.home.marks.sqrt(self.mark)
        return Real(self.home, None, self.home.compute(arb.sqrt, self.ball), mark)

    def power(self, exponent: Fraction) -> "Real":
        """A power: of any number where the exponent is whole, else of one that
        is not negative."""
        if exponent.denominator == 1:
            return self ** int(exponent)
        if exponent < 0:
            return 1 / self.power(-exponent)
        if self < 0:
            raise OutsideDomain(f"a negative number to the power {exponent}")
        if exponent.denominator == 2:
            return self.sqrt() ** exponent.numerator
        root = Fraction(0) if self == 0 else _exact_root(self.exact, exponent.denominator)
        if root is not None:
            return Real(self.home, root) ** exponent.numerator
        return (self.log() * exponent).exp()

    def sin(self) -> "Real":
        """The sine."""
        return self._on_circle(arb.sin, 1)

    def cos(self) -> "Real":
        """The cosine."""
        return self._on_circle(arb.cos, 0)

    def _on_circle(self, function: Callable[..., arb], coordinate: int) -> "Real":
        if self.exact == 0:
            return Real(self.home, Fraction(1 - coordinate))
        mark = None
        if self.mark is not None and self.power_mark is not None:
            mark = self.home.marks.circle(Share(self.mark, self.power_mark, self._logs))[coordinate]
        size = magnitude(self.ball)
        if size > MAX_EXPONENT:
            raise too_large()
        bits = self.home.bits + max(0, size)
        angle = self.ball if self.exact is None else ball_of(self.exact, bits)
        return Real(self.home, None, at(bits, function, angle), mark)

    def log1p(self) -> "Real":
        """log(1 + x)"""
        return (self + 1).log()

    def tanh(self) -> "Real":
        """The hyperbolic tangent."""
        squared = (self + self).exp()
        return (squared - 1) / (squared + 1)


def _exp(exponent: arb) -> arb:
    """exp, and nothing below 0, where the ball around all of a wide exponent's reaches."""
    ball = exponent.exp()
    return ball if ball > 0 else ball.nonnegative_part()


def _below_all() -> arb:
    """What encloses exp of numbers so far below 0 that they are not computed with."""
    return arb(0, arb((-1, MAX_EXPONENT)).exp().upper()).nonnegative_part()


def _exact_root(value: Fraction | None, degree: int) -> Fraction | None:
    """The root of a fraction that is not negative, None where it is no fraction."""
    if value is None or degree > MAX_BITS:
        return None
    above, below = (int(fmpz(part).root(degree)) for part in (value.numerator, value.denominator))
    return Fraction(above, below) if Fraction(above, below) ** degree == value else None
