"""Dual numbers on their side: the infinitesimal is positive.

A dual number of value 0 is on the side of 0 to which its slope takes it, and
whatever has a kink there goes to that side. All else is that of `manual.dual`.
"""

from collections.abc import Callable
from typing import Any

from manual import dual
from manual.dual import Number, slope_of

__all__ = ["Dual", "slope_of"]


class Dual(dual.Dual):
    """value + slope e, compared by value, and where these are equal by slope."""

    __slots__ = ()

    def _order(self, other: Number, compared: Callable[[Any, Any], bool]) -> Any:
        """Whether it is before or behind another, as the first parts tell that differ."""
        if (pair := self._pair(other)) is None:
            return NotImplemented
        a, b = pair
        return bool(compared(*((a.slope, b.slope) if a.value == b.value else (a.value, b.value))))
