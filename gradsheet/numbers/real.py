"""Real numbers that are enclosed: between two decimals, as narrow as one likes, and with a mark that proves equality.

Where exp or log enters, no fraction holds the truth. A `Real` holds it all the same: exactly as a Fraction as long as
no transcendental function is applied, and from there on between two decimals that every operation rounds outwards
(interval arithmetic; R. Moore, Interval Analysis, 1966). Enclosures that are apart prove that two numbers differ, and
which is larger; more digits set apart what a few do not.

That two numbers are equal no enclosure proves. So each carries a mark, its image in a prime field; see `marks`.
"""

import functools
from collections.abc import Callable
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    InvalidOperation,
)
from fractions import Fraction
from typing import Any

from gradsheet.numbers.marks import Logs, Marks, Share

MAX_EXPONENT = 100_000  # of exp: beyond it the result is enclosed by 0 or infinity
MAX_BITS = 4_096  # of a fraction that is kept; longer ones are enclosed, and known by their marks

_INFINITY = Decimal("Infinity")  # an upper bound that says nothing

Number = Any  # an int, a Fraction or a Real


class Undecided(Exception):
    """No verdict is honest here; the message says why."""


class TooClose(Undecided):
    """Two numbers that no number of digits tried sets apart, and that nothing shows to be equal."""


class Imprecise(Exception):
    """Two numbers that these digits do not set apart; more may."""


class OutsideDomain(ArithmeticError):
    """The logarithm of a number that is not positive."""


def apart(a: Number, b: Number) -> bool:
    """Whether two numbers are known to differ: by their values where they are exact, else by their enclosures."""
    if not isinstance(a, Real) and not isinstance(b, Real):
        return bool(a != b)
    home = a.home if isinstance(a, Real) else b.home
    one, two = home(a), home(b)
    if one.exact is not None and two.exact is not None:
        return one.exact != two.exact
    (low, high), (lowest, highest) = one.bounds(), two.bounds()
    return high < lowest or highest < low


class Arithmetic:
    """How many digits enclosures are rounded to, and the marks. `final`: more digits will not be tried."""

    def __init__(self, digits: int, final: bool = True):
        limits: Any = {
            "prec": digits,
            "Emax": MAX_EMAX,
            "Emin": MIN_EMIN,
            "traps": [InvalidOperation],
        }
        self.digits, self.final = digits, final
        self.down = Context(rounding=ROUND_FLOOR, **limits)
        self.up = Context(rounding=ROUND_CEILING, **limits)
        self.near = Context(rounding=ROUND_HALF_EVEN, **limits)
        self.marks = Marks()

    def __call__(self, value: Number) -> "Real":
        """An int or a Fraction as a Real."""
        return value if isinstance(value, Real) else Real(self, Fraction(value))

    def unsure(self, what: str) -> Exception:
        if self.final:
            return TooClose(f"{what} cannot be decided with {self.digits} digits")
        return Imprecise(what)


def _bounded(operation: Callable[["Real", Any], "Real"]) -> Callable[["Real", Any], "Real"]:
    """An operation that gives no verdict where its bounds are infinite."""

    @functools.wraps(operation)
    def bounded(self: "Real", other: Any) -> "Real":
        try:
            return operation(self, other)
        except InvalidOperation:
            raise TooClose("a number too large to be enclosed") from None

    return bounded


class Real:
    """A number of an `Arithmetic`: exact, or within [low, high]; the mark is None where none is known."""

    __slots__ = ("_logs", "_mark", "_power", "exact", "high", "home", "low")

    def __init__(
        self,
        home: Arithmetic,
        exact: Fraction | None,
        low: Decimal | None = None,
        high: Decimal | None = None,
        mark: int | None = None,
        power: int | None = None,
        logs: Logs = (),
    ):
        self.home, self.exact, self.low, self.high = home, exact, low, high
        self._mark, self._power, self._logs = mark, power, logs

    def _exactly(self, value: Fraction) -> "Real":
        """A fraction, enclosed where it is too long to be kept."""
        found = Real(self.home, value)
        if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
            found = Real(self.home, None, *found.bounds(), found.mark, found.power)
        return found

    @property
    def mark(self) -> int | None:
        if self._mark is None and self.exact is not None:
            self._mark = self.home.marks.of(self.exact)
        return self._mark

    @property
    def power(self) -> int | None:
        """What it adds to the exponent of g where it stands in one, but for logarithms."""
        if self._power is None:
            if self.exact is not None:
                self._power = self.home.marks.power_of(self.exact)
            elif self._mark is not None:
                self._power = self.home.marks.power(self._mark)
        return self._power

    def bounds(self) -> tuple[Decimal, Decimal]:
        if self.low is None or self.high is None:
            assert self.exact is not None
            top, bottom = Decimal(self.exact.numerator), Decimal(self.exact.denominator)
            self.low, self.high = (
                self.home.down.divide(top, bottom),
                self.home.up.divide(top, bottom),
            )
        return self.low, self.high

    def _like(self, other: Any) -> "Real | None":
        if isinstance(other, Real):
            return other
        return Real(self.home, Fraction(other)) if isinstance(other, int | Fraction) else None

    @_bounded
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
        (a, b), (c, d), home = self.bounds(), that.bounds(), self.home
        m, n, marks = self.mark, that.mark, home.marks
        low, high = home.down.add(a, c), home.up.add(b, d)
        if m is None or n is None:
            return Real(home, None, low, high)
        power = (self.power + that.power) % marks.order  # type: ignore[operator]
        return Real(
            home, None, low, high, (m + n) % marks.prime, power, marks.plus(self._logs, that._logs)
        )

    __radd__ = __add__

    def __neg__(self) -> "Real":
        if self.exact is not None:
            return Real(self.home, -self.exact)
        low, high = self.bounds()
        if self.mark is None:
            return Real(self.home, None, high.copy_negate(), low.copy_negate())
        mark, power = (
            -self.mark % self.home.marks.prime,
            None if self._power is None else -self._power,
        )
        logs = tuple((m, -times) for m, times in self._logs)
        return Real(self.home, None, high.copy_negate(), low.copy_negate(), mark, power, logs)

    def __sub__(self, other: Any) -> "Real":
        return NotImplemented if (that := self._like(other)) is None else self + -that

    def __rsub__(self, other: Any) -> "Real":
        return (-self).__add__(other)

    @_bounded
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
        (a, b), (c, d), home = self.bounds(), that.bounds(), self.home
        down, up = home.down.multiply, home.up.multiply
        if a >= 0 and c >= 0:
            low, high = down(a, c), up(b, d)
        elif b <= 0 and d <= 0:
            low, high = down(b, d), up(a, c)
        else:
            low = min(down(a, c), down(a, d), down(b, c), down(b, d))
            high = max(up(a, c), up(a, d), up(b, c), up(b, d))
        m, n, marks = self.mark, that.mark, home.marks
        if m is None or n is None:
            return Real(home, None, low, high)
        found = Real(home, None, low, high, m * n % marks.prime)
        for one, two in ((self, that), (that, self)):
            if one.exact is not None:  # a multiple
                found._power = one.power * two.power % marks.order  # type: ignore[operator]
                found._logs = tuple((log, times * one.exact) for log, times in two._logs)
        return found

    __rmul__ = __mul__

    def _reciprocal(self) -> "Real":
        if self.exact is not None:
            return Real(self.home, 1 / self.exact)  # ZeroDivisionError where it is 0
        low, high = self.bounds()
        if low <= 0 <= high:
            if self.mark == 0:
                raise ZeroDivisionError
            raise self.home.unsure("a division by a number near 0")
        one = Decimal(1)
        mark = pow(self.mark, -1, self.home.marks.prime) if self.mark else None
        return Real(
            self.home, None, self.home.down.divide(one, high), self.home.up.divide(one, low), mark
        )

    def __truediv__(self, other: Any) -> "Real":
        return NotImplemented if (that := self._like(other)) is None else self * that._reciprocal()

    def __rtruediv__(self, other: Any) -> "Real":
        return self._reciprocal().__mul__(other)

    def __pow__(self, exponent: int) -> "Real":
        if self.exact is not None:
            return self._exactly(self.exact**exponent)
        power = Real(self.home, Fraction(1))
        for _ in range(exponent):
            power = power * self
        if exponent % 2 == 0 and power.exact is None and power.bounds()[0] < 0:
            power.low = Decimal(0)
        return power

    def __abs__(self) -> "Real":
        if self.exact is not None:
            return Real(self.home, abs(self.exact))
        low, high = self.bounds()
        if low >= 0:
            return self
        return -self if high <= 0 or self < 0 else self

    def compare(self, other: Any) -> int:
        """-1, 0 or 1 as this number is smaller than the other, equal or larger; raises where that is open."""
        that = self._like(other)
        if that is None:
            raise TypeError(f"a Real cannot be compared with {type(other).__name__}")
        if self.exact is not None and that.exact is not None:
            return (self.exact > that.exact) - (self.exact < that.exact)
        (a, b), (c, d) = self.bounds(), that.bounds()
        if b < c or a > d:
            return -1 if b < c else 1
        if self.mark is not None and self.mark == that.mark:
            return 0
        raise self.home.unsure("which of two numbers is larger")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Real | int | Fraction) and self.compare(other) == 0

    def __lt__(self, other: Any) -> bool:
        return self.compare(other) < 0

    def __le__(self, other: Any) -> bool:
        return self.compare(other) <= 0

    def __gt__(self, other: Any) -> bool:
        return self.compare(other) > 0

    def __ge__(self, other: Any) -> bool:
        return self.compare(other) >= 0

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return self != 0

    def __float__(self) -> float:
        try:
            if self.exact is not None:
                return float(self.exact)
            low, high = self.bounds()
            return float(self.home.near.divide(self.home.near.add(low, high), Decimal(2)))
        except OverflowError:
            return float("inf") if self > 0 else float("-inf")

    def exp(self) -> "Real":
        if self.exact == 0:
            return Real(self.home, Fraction(1))
        low, high = self.bounds()
        near = self.home.near  # rounds correctly: the true value is between the neighbours
        least = (
            Decimal(0)
            if low < -MAX_EXPONENT
            else near.next_minus(near.exp(min(low, Decimal(MAX_EXPONENT))))
        )
        most = (
            _INFINITY
            if high > MAX_EXPONENT
            else near.next_plus(near.exp(max(high, Decimal(-MAX_EXPONENT))))
        )
        mark = None
        if self.mark is not None and self.power is not None:
            mark = self.home.marks.exp(Share(self.mark, self.power, self._logs))
        return Real(self.home, None, least, most, mark)

    def log(self) -> "Real":
        if self.exact == 1:
            return Real(self.home, Fraction(0))
        if self <= 0:
            raise OutsideDomain("the logarithm of a number that is not positive")
        near, (low, high) = self.home.near, self.bounds()
        share = None if self.mark is None else self.home.marks.log(self.mark)
        return Real(
            self.home,
            None,
            near.next_minus(near.ln(low)),
            near.next_plus(near.ln(high)),
            *(share or ()),
        )

    def log1p(self) -> "Real":
        return (self + 1).log()

    def tanh(self) -> "Real":
        squared = (self + self).exp()
        return (squared - 1) / (squared + 1)
