"""Dual numbers: a derivative, carried through a calculation.

value + slope e, with an infinitesimal e of which e^2 = 0 (W. Clifford, 1873):

    f(a + b e) = f(a) + f'(a) b e                                      (1)

so that the slope is a derivative wherever each f below knows its own. Numbers are
compared by their values: whatever has a kink goes the way it would without e.

Value and slope are of any numbers: ints, Fractions, floats, and dual numbers of
another infinitesimal, for second derivatives:

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
from typing import Any, Self

import numpy as np

from manual.elementwise import PI

Number = Any  # an int, a Fraction, a float, a Dual, or whatever else has exp, log and the like


class Dual:
    """value + slope e, in which value and slope are of lower levels than e."""

    __slots__ = ("level", "slope", "value")

    def __init__(self, value: Number, slope: Number, level: int = 1):
        self.value, self.slope, self.level = value, slope, level

    @classmethod
    def of(cls, number: Number, level: int = 1) -> Self:
        """A number as one of a level: where it is of none or of a lower one, it does not move."""
        if isinstance(number, cls) and number.level == level:
            return number
        return cls(number, 0, level)

    def _pair(self, other: Number) -> tuple[Self, Self] | None:
        """Both at the higher one of their levels; None where the other is no number."""
        if isinstance(other, Dual):
            level = max(self.level, other.level)
            return self.of(self, level), self.of(other, level)
        return None if isinstance(other, np.ndarray) else (self, type(self)(other, 0, self.level))

    def __add__(self, other: Number) -> Self:
        if (pair := self._pair(other)) is None:
            return NotImplemented
        a, b = pair
        return type(self)(a.value + b.value, a.slope + b.slope, a.level)

    __radd__ = __add__

    def __neg__(self) -> Self:
        return type(self)(-self.value, -self.slope, self.level)

    def __sub__(self, other: Number) -> Self:
        return self.__add__(-other)

    def __rsub__(self, other: Number) -> Self:
        return (-self).__add__(other)

    def __mul__(self, other: Number) -> Self:
        if (pair := self._pair(other)) is None:
            return NotImplemented
        a, b = pair
        return type(self)(a.value * b.value, a.value * b.slope + a.slope * b.value, a.level)

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> Self:
        if (pair := self._pair(other)) is None:
            return NotImplemented
        a, b = pair
        ratio = a.value / b.value
        return type(self)(ratio, (a.slope - ratio * b.slope) / b.value, a.level)

    def __rtruediv__(self, other: Number) -> Self:
        return self.of(other, self.level) / self

    def __pow__(self, exponent: int) -> Self:
        if exponent < 0:
            return 1 / self**-exponent
        rate = exponent * self.value ** max(0, exponent - 1)
        return type(self)(self.value**exponent, rate * self.slope, self.level)

    def __abs__(self) -> Self:
        return -self if self < 0 else self

    # Comparisons, by value

    def _order(self, other: Number, compared: Callable[[Any, Any], bool]) -> Any:
        """Whether it is before, behind or equal to another."""
        if (pair := self._pair(other)) is None:
            return NotImplemented
        return bool(compared(*(number.value for number in pair)))

    def __eq__(self, other: object) -> Any:
        return self._order(other, operator.eq)

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

    def _through(self, value: Number, rate: Callable[[], Number]) -> Self:
        """f(value), and f'(value) times the slope: nothing of what does not
        move, also where there is no f'."""
        moves = not (isinstance(self.slope, int) and self.slope == 0)
        return type(self)(value, rate() * self.slope if moves else 0, self.level)

    def exp(self) -> Self:
        """The exponential, its own derivative."""
        e = _apply("exp", self.value)
        return self._through(e, lambda: e)

    def log(self) -> Self:
        """The natural logarithm; log'(v) = 1/v."""
        return self._through(_apply("log", self.value), lambda: 1 / self.value)

    def log1p(self) -> Self:
        """log(1 + v); its derivative is 1/(1 + v)."""
        return self._through(_apply("log1p", self.value), lambda: 1 / (1 + self.value))

    def sqrt(self) -> Self:
        """The square root; sqrt'(v) = 1/(2 sqrt(v))."""
        root = _apply("sqrt", self.value)
        return self._through(root, lambda: 1 / (2 * root))

    def power(self, exponent: Fraction) -> Self:
        """v^q, which changes with v by q v^(q - 1)."""
        if exponent.denominator == 1:
            return self ** int(exponent)
        rate = exponent - 1
        return self._through(
            _power(self.value, exponent), lambda: exponent * _power(self.value, rate)
        )

    def sin(self) -> Self:
        """The sine; sin' = cos."""
        return self._through(_apply("sin", self.value), lambda: _apply("cos", self.value))

    def cos(self) -> Self:
        """The cosine; cos' = -sin."""
        return self._through(_apply("cos", self.value), lambda: -_apply("sin", self.value))

    def erfc(self) -> Self:
        """1 - erf(v); its derivative is -2 e^(-v^2) / sqrt(pi)."""
        pi = (0 * self.value + PI.numerator) / PI.denominator
        return self._through(
            _apply("erfc", self.value),
            lambda: -2 * _apply("exp", -self.value * self.value) / _apply("sqrt", pi),
        )

    def tanh(self) -> Self:
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
    return type(number)(value, slope, number.level)


def _apply(function: str, number: Number) -> Number:
    """A function of a number, by its own method; floats have none. Those of
    NumPy are no number outside its domain, as arrays of them are."""
    if isinstance(number, np.float64) and function != "erfc":
        return getattr(np, function)(number)
    if isinstance(number, float):
        return getattr(math, function)(number)
    return getattr(number, function)()


def _power(number: Number, exponent: Fraction) -> Number:
    if isinstance(number, float):
        return number ** float(exponent)
    return number.power(exponent)
