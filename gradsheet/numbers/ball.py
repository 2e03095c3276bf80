"""What float64 makes of a quantity: the number type of a pass that keeps how
far off each float may be.

Every operation on floats errs by at most a factor 1 + d, |d| <= u = 2^-53, and
exp, log, tanh, sin, cos and pow by at most a unit in the last place, 2u; IEEE
754 has the square root rounded as + is. A `Ball` carries a
float and a bound on its error. Sums are taken in any order: a sum of k numbers
errs by at most (k - 1) u times the sum of their sizes (N. Higham, Accuracy and
Stability of Numerical Algorithms, section 4.2), so a ball keeps that sum of
sizes, too. The hand-written pass runs on balls as it does on fractions.
"""

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from manual.dual import Dual

UNIT_ROUNDOFF = 2.0**-53
MAX_EXPONENT = 709.0  # of which exp is a float
TINY = 2.0**-1074  # what underflow may lose


class Ball:
    """A float, at most `error` off; `size` bounds the absolute values that were added up to it."""

    __slots__ = ("error", "size", "value")

    def __init__(self, value: float, error: float, size: float | None = None):
        self.value, self.error = value, error
        self.size = abs(value) if size is None else size

    @classmethod
    def of(cls, number: Any) -> "Ball":
        """The float nearest to an int, a Fraction or a Real."""
        if isinstance(number, Ball):
            return number
        value = float(number)
        exact = getattr(number, "exact", number)
        if exact is None or not math.isfinite(value) or Fraction(value) != exact:
            return cls(value, abs(value) * UNIT_ROUNDOFF + TINY)
        return cls(value, 0.0)

    @staticmethod
    def _rounded(value: float, error: float, size: float | None = None, units: float = 1) -> "Ball":
        most = abs(value) if size is None else size
        return Ball(value, error + units * UNIT_ROUNDOFF * (most + error) + TINY, size)

    @classmethod
    def _like(cls, other: Any) -> "Ball | None":
        return cls.of(other) if isinstance(other, Ball | int | Fraction) else None

    def _with(
        self,
        other: "Ball",
        operation: Callable[[Any, Any], Any],
        error: float,
        size: float | None = None,
    ) -> "Ball":
        """The result of an operation, which is exact where it is a float itself
        and those that it is made of are not off."""
        value = operation(self.value, other.value)
        may_be_exact = not (self.error or other.error) and math.isfinite(value)
        if may_be_exact and operation(*map(Fraction, (self.value, other.value))) == Fraction(value):
            return Ball(value, 0.0)
        return self._rounded(value, error, size)

    def __neg__(self) -> "Ball":
        return Ball(-self.value, self.error, self.size)

    def __abs__(self) -> "Ball":
        return self if self.value >= 0 else -self

    def __add__(self, other: Any) -> "Ball":
        if (that := self._like(other)) is None:
            return NotImplemented
        return self._with(that, operator.add, self.error + that.error, self.size + that.size)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Ball":
        if other is self:  # z - |z| of a positive z
            return Ball(0.0, 0.0)
        return NotImplemented if (that := self._like(other)) is None else self + -that

    def __rsub__(self, other: Any) -> "Ball":
        return NotImplemented if (that := self._like(other)) is None else that + -self

    def __mul__(self, other: Any) -> "Ball":
        if (that := self._like(other)) is None:
            return NotImplemented
        error = abs(self.value) * that.error + self.error * (abs(that.value) + that.error)
        return self._with(that, operator.mul, error)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Ball":
        if (that := self._like(other)) is None:
            return NotImplemented
        if not that.value:
            raise ZeroDivisionError
        value, least = self.value / that.value, abs(that.value) - that.error
        error = (self.error + abs(value) * that.error) / least if least > 0 else math.inf
        return self._with(that, operator.truediv, error)

    def __rtruediv__(self, other: Any) -> "Ball":
        return NotImplemented if (that := self._like(other)) is None else that / self

    def __pow__(self, exponent: int) -> "Ball":
        if exponent < 0:
            return 1 / self**-exponent
        power = Ball(1.0, 0.0)
        for _ in range(exponent):
            power = power * self
        return power

    def _through(self, function: Callable[[float], float], rate: float, units: float = 2) -> "Ball":
        """A function whose slope nearby is at most `rate`, and which errs by `units` of u."""
        try:
            return self._rounded(function(self.value), rate * self.error, units=units)
        except (OverflowError, ValueError):
            return Ball(math.nan, math.inf)

    def exp(self) -> "Ball":
        """The exponential."""
        if self._is_zero():
            return Ball(1.0, 0.0)
        most = self.value + self.error
        return self._through(math.exp, math.exp(most) if most < MAX_EXPONENT else math.inf)

    def log(self) -> "Ball":
        """The natural logarithm."""
        least = self.value - self.error
        return self._through(math.log, 1 / least if least > 0 else math.inf)

    def log1p(self) -> "Ball":
        """log(1 + x)"""
        least = 1 + self.value - self.error
        return self._through(math.log1p, 1 / least if least > 0 else math.inf)

    def tanh(self) -> "Ball":
        """The hyperbolic tangent."""
        least = max(abs(self.value) - self.error, 0.0)
        return self._through(math.tanh, min(1.0, 4 * math.exp(-2 * least)))  # 1 / cosh^2

    def erfc(self) -> "Ball":
        """The complementary error function: six units in the last place are granted
        to C libraries, of which glibc took four on 10^10 random numbers."""
        least = max(abs(self.value) - self.error, 0.0)
        return self._through(math.erfc, 2 / math.sqrt(math.pi) * math.exp(-least * least), 12)

    def sqrt(self) -> "Ball":
        """The square root, exact where that is a float."""
        if self.value < 0:
            return Ball(math.nan, math.inf)
        root = math.sqrt(self.value)
        if not self.error and math.isfinite(root) and Fraction(root) ** 2 == Fraction(self.value):
            return Ball(root, 0.0)
        # |sqrt(a) - sqrt(b)| = |a - b| / (sqrt(a) + sqrt(b)), which is sqrt(a) or more.
        least = self.value - self.error
        rate = 1 / (root + math.sqrt(least)) if least > 0 else math.inf
        return self._rounded(root, min(rate * self.error, math.sqrt(self.error)))

    def power(self, exponent: Fraction) -> "Ball":
        """A power: of any number where the exponent is whole, else of one that
        is not negative."""
        if exponent.denominator == 1:
            return self ** int(exponent)
        if exponent < 0:
            return 1 / self.power(-exponent)
        if exponent.denominator == 2:
            return self.sqrt() ** exponent.numerator
        if self._is_zero():
            return Ball(0.0, 0.0)
        return (self.log() * exponent).exp()

    def sin(self) -> "Ball":
        """The sine."""
        return self if self._is_zero() else self._through(math.sin, 1.0)

    def cos(self) -> "Ball":
        """The cosine."""
        return Ball(1.0, 0.0) if self._is_zero() else self._through(math.cos, 1.0)

    def _is_zero(self) -> bool:
        return not self.value and not self.error

    def __float__(self) -> float:
        return self.value

    def __bool__(self) -> bool:
        return bool(self.value)

    def _order(self, other: Any, compared: Callable[[float, float], bool]) -> Any:
        """By the floats alone. A dual number knows better."""
        return NotImplemented if isinstance(other, Dual) else compared(self.value, float(other))

    def __eq__(self, other: object) -> Any:
        return self._order(other, operator.eq)

    def __lt__(self, other: Any) -> Any:
        return self._order(other, operator.lt)

    def __le__(self, other: Any) -> Any:
        return self._order(other, operator.le)

    def __gt__(self, other: Any) -> Any:
        return self._order(other, operator.gt)

    def __ge__(self, other: Any) -> Any:
        return self._order(other, operator.ge)

    __hash__ = None  # type: ignore[assignment]
