"""What float64 makes of a quantity: the number type of a pass that keeps how
far off each float may be.

Every operation on floats errs by at most a factor 1 + d, |d| <= u = 2^-53, and
exp, log and tanh by at most a unit in the last place, 2u. A `Ball` carries a
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

    def _rounded(
        self, value: float, error: float, size: float | None = None, units: float = 1
    ) -> "Ball":
        most = abs(value) if size is None else size
        return Ball(value, error + units * UNIT_ROUNDOFF * (most + error) + TINY, size)

    @classmethod
    def _like(cls, other: Any) -> "Ball | None":
        return cls.of(other) if isinstance(other, Ball | int | Fraction) else None

    def _exactly(self, other: "Ball", operation: Callable[[Any, Any], Any]) -> "Ball | None":
        """The result of an operation on floats that are not off, where it is a
        float itself: nothing is rounded."""
        if (
            self.error
            or other.error
            or not math.isfinite(value := operation(self.value, other.value))
        ):
            return None
        exact = operation(Fraction(self.value), Fraction(other.value)) == Fraction(value)
        return Ball(value, 0.0) if exact else None

    def __neg__(self) -> "Ball":
        return Ball(-self.value, self.error, self.size)

    def __abs__(self) -> "Ball":
        return self if self.value >= 0 else -self

    def __add__(self, other: Any) -> "Ball":
        if (that := self._like(other)) is None:
            return NotImplemented
        if (exact := self._exactly(that, operator.add)) is not None:
            return exact
        return self._rounded(
            self.value + that.value, self.error + that.error, self.size + that.size
        )

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
        if (exact := self._exactly(that, operator.mul)) is not None:
            return exact
        error = abs(self.value) * that.error + self.error * (abs(that.value) + that.error)
        return self._rounded(self.value * that.value, error)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Ball":
        if (that := self._like(other)) is None:
            return NotImplemented
        if not that.value:
            raise ZeroDivisionError
        if (exact := self._exactly(that, operator.truediv)) is not None:
            return exact
        value, least = self.value / that.value, abs(that.value) - that.error
        error = (self.error + abs(value) * that.error) / least if least > 0 else math.inf
        return self._rounded(value, error)

    def __rtruediv__(self, other: Any) -> "Ball":
        return NotImplemented if (that := self._like(other)) is None else that / self

    def __pow__(self, exponent: int) -> "Ball":
        power = Ball(1.0, 0.0)
        for _ in range(exponent):
            power = power * self
        return power

    def _through(self, function: Callable[[float], float], rate: float) -> "Ball":
        """A function whose slope nearby is at most `rate`."""
        try:
            return self._rounded(function(self.value), rate * self.error, units=2)
        except (OverflowError, ValueError):
            return Ball(math.nan, math.inf)

    def exp(self) -> "Ball":
        if not self.value and not self.error:
            return Ball(1.0, 0.0)
        most = self.value + self.error
        return self._through(math.exp, math.exp(most) if most < MAX_EXPONENT else math.inf)

    def log(self) -> "Ball":
        least = self.value - self.error
        return self._through(math.log, 1 / least if least > 0 else math.inf)

    def log1p(self) -> "Ball":
        least = 1 + self.value - self.error
        return self._through(math.log1p, 1 / least if least > 0 else math.inf)

    def tanh(self) -> "Ball":
        return self._through(math.tanh, 1.0)

    def __float__(self) -> float:
        return self.value

    def __bool__(self) -> bool:
        return bool(self.value)

    def __eq__(self, other: object) -> bool:
        return self.value == float(other)  # type: ignore[arg-type]

    def __lt__(self, other: Any) -> bool:
        return self.value < float(other)

    def __le__(self, other: Any) -> bool:
        return self.value <= float(other)

    def __gt__(self, other: Any) -> bool:
        return self.value > float(other)

    def __ge__(self, other: Any) -> bool:
        return self.value >= float(other)

    __hash__ = None  # type: ignore[assignment]
