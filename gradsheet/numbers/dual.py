"""Dual numbers: a derivative, carried through a calculation.

value + slope e, with an infinitesimal e of which e^2 = 0 (W. Clifford, 1873):

    f(a + b e) = f(a) + f'(a) b e                                      (1)

so that the slope is a derivative wherever each f below knows its own. The
infinitesimal is positive: a dual number of value 0 is on the side of 0 to which
its slope takes it, and whatever has a kink there goes to that side.

Value and slope are of any numbers: ints, Fractions, Reals, Balls, floats, and
dual numbers of another infinitesimal, for second derivatives:

    >>> inner = Dual(Dual(Fraction(3), 1), 1, level=2)
    >>> (inner**3).slope.slope
    Fraction(18, 1)

Each infinitesimal has a level, and a number of a lower level is constant at a
higher one. Were they not told apart, d/dx (x d/dy (x + y)) would be 2, not 1 (J.
Siskind and B. Pearlmutter, Perturbation confusion and referential transparency,
2005).
"""

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

Number = Any  # an int, a Fraction, a Real, a Ball, a float or a Dual


class Dual:
    """value + slope e, in which value and slope are of lower levels than e."""

    __slots__ = ("level", "slope", "value")

    def __init__(self, value: Number, slope: Number, level: int = 1):
        self.value, self.slope, self.level = value, slope, level

    @staticmethod
    def of(number: Number, level: int = 1) -> "Dual":
        """A number as one of a level: where it is of none or of a lower one, it does not move."""
        if isinstance(number, Dual) and number.level == level:
            return number
        return Dual(number, 0, level)

    def _pair(self, other: Number) -> tuple["Dual", "Dual"] | None:
        """Both at the higher one of their levels; None where the other is no number."""
        if isinstance(other, Dual):
            level = max(self.level, other.level)
            return Dual.of(self, level), Dual.of(other, level)
        return None if isinstance(other, np.ndarray) else (self, Dual(other, 0, self.level))

    def __add__(self, other: Number) -> "Dual":
        if (pair := self._pair(other)) is None:
            return NotImplemented
        a, b = pair
        return Dual(a.value + b.value, a.slope + b.slope, a.level)

    __radd__ = __add__

    def __neg__(self) -> "Dual":
        return Dual(-self.value, -self.slope, self.level)

    def __sub__(self, other: Number) -> "Dual":
        return self.__add__(-other)

    def __rsub__(self, other: Number) -> "Dual":
        return (-self).__add__(other)

    def __mul__(self, other: Number) -> "Dual":
        if (pair := self._pair(other)) is None:
            return NotImplemented
        a, b = pair
        return Dual(a.value * b.value, a.value * b.slope + a.slope * b.value, a.level)

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> "Dual":
        if (pair := self._pair(other)) is None:
            return NotImplemented
        a, b = pair
        ratio = a.value / b.value
        return Dual(ratio, (a.slope - ratio * b.slope) / b.value, a.level)

    def __rtruediv__(self, other: Number) -> "Dual":
        return Dual.of(other, self.level) / self

    def __pow__(self, exponent: int) -> "Dual":
        if exponent < 0:
            return 1 / self**-exponent
        rate = exponent * self.value ** max(0, exponent - 1)
        return Dual(self.value**exponent, rate * self.slope, self.level)

    def __abs__(self) -> "Dual":
        return -self if self < 0 else self

    # Comparisons: by value, and where these are equal by slope

    def _order(self, other: Number, compared: Callable[[Any, Any], bool]) -> Any:
        """Whether it is before or behind another, as the first parts tell that differ."""
        if (pair := self._pair(other)) is None:
            return NotImplemented
        a, b = pair
        return bool(compared(*((a.slope, b.slope) if a.value == b.value else (a.value, b.value))))

    def __eq__(self, other: object) -> bool:
        if (pair := self._pair(other)) is None:
            return NotImplemented
        a, b = pair
        return bool(a.value == b.value and a.slope == b.slope)

    def __lt__(self, other: Number) -> Any:
        return self._order(other, operator.lt)

    def __le__(self, other: Number) -> Any:
        return self._order(other, operator.le)

    def __gt__(self, other: Number) -> Any:
        return self._order(other, operator.gt)

    def __ge__(self, other: Number) -> Any:
        return self._order(other, operator.ge)

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return self != 0

    def __float__(self) -> float:
        return float(self.value)

    # Functions, by (1)

    def _through(self, value: Number, rate: Callable[[], Number]) -> "Dual":
        """f(value), and f'(value) times the slope: nothing of what does not
        move, also where there is no f'."""
        moves = not (isinstance(self.slope, int) and self.slope == 0)
        return Dual(value, rate() * self.slope if moves else 0, self.level)

    def exp(self) -> "Dual":
        """The exponential, its own derivative."""
        e = _apply("exp", self.value)
        return self._through(e, lambda: e)

    def log(self) -> "Dual":
        """The natural logarithm; log'(v) = 1/v."""
        return self._through(_apply("log", self.value), lambda: 1 / self.value)

    def log1p(self) -> "Dual":
        """log(1 + v); its derivative is 1/(1 + v)."""
        return self._through(_apply("log1p", self.value), lambda: 1 / (1 + self.value))

    def sqrt(self) -> "Dual":
        """The square root; sqrt'(v) = 1/(2 sqrt(v))."""
        root = _apply("sqrt", self.value)
        return self._through(root, lambda: 1 / (2 * root))

    def power(self, exponent: Fraction) -> "Dual":
        """v^q, which changes with v by q v^(q - 1)."""
        if exponent.denominator == 1:
            return self ** int(exponent)
        rate = exponent - 1
        return self._through(
            _power(self.value, exponent), lambda: exponent * _power(self.value, rate)
        )

    def sin(self) -> "Dual":
        """The sine; sin' = cos."""
        return self._through(_apply("sin", self.value), lambda: _apply("cos", self.value))

    def cos(self) -> "Dual":
        """The cosine; cos' = -sin."""
        return self._through(_apply("cos", self.value), lambda: -_apply("sin", self.value))

    def tanh(self) -> "Dual":
        """The hyperbolic tangent; tanh' = 1 - tanh^2."""
        h = math.tanh(self.value) if isinstance(self.value, float) else self.value.tanh()
        return self._through(h, lambda: 1 - h * h)


def slope_of(number: Number, level: int = 1) -> Number:
    """How a number changes with the infinitesimal of a level, also where there
    are others in it, of whatever level."""
    if not isinstance(number, Dual) or number.level < level:
        return 0
    if number.level == level:
        return number.slope
    value, slope = (slope_of(part, level) for part in (number.value, number.slope))
    return Dual(value, slope, number.level)


def _apply(function: str, number: Number) -> Number:
    """A function of a number, by its own method; floats have none."""
    if isinstance(number, float):
        return getattr(math, function)(number)
    return getattr(number, function)()


def _power(number: Number, exponent: Fraction) -> Number:
    if isinstance(number, float):
        return number ** float(exponent)
    return number.power(exponent)
