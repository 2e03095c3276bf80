"""Enclosures once more, between two decimals: what those of `real` are held
against.

Every operation rounds its lower end down and its upper end up (R. Moore,
Interval Analysis, 1966), on the decimals of Python's library and with no
thought in common with balls. There are no marks: nothing is shown to be equal.
"""

from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

LIMITS = {"prec": 40, "Emax": MAX_EMAX, "Emin": MIN_EMIN}
DOWN, UP = Context(rounding=ROUND_FLOOR, **LIMITS), Context(rounding=ROUND_CEILING, **LIMITS)
NEAR = Context(**LIMITS)  # rounds correctly: the true value is between the neighbours
ONE = Decimal(1)


class Open(Exception):
    """The decimals do not tell a sign that has to be known."""


class Enclosure(NamedTuple):
    """A number within [low, high]."""

    low: Decimal
    high: Decimal

    def plus(self, other: "Enclosure") -> "Enclosure":
        return Enclosure(DOWN.add(self.low, other.low), UP.add(self.high, other.high))

    def minus(self, other: "Enclosure") -> "Enclosure":
        return self.plus(Enclosure(other.high.copy_negate(), other.low.copy_negate()))

    def times(self, other: "Enclosure") -> "Enclosure":
        pairs = [(a, b) for a in self for b in other]
        least = min(DOWN.multiply(a, b) for a, b in pairs)
        return Enclosure(least, max(UP.multiply(a, b) for a, b in pairs))

    def over(self, other: "Enclosure") -> "Enclosure":
        if other.sign() == 0:
            raise Open
        return self.times(Enclosure(DOWN.divide(ONE, other.high), UP.divide(ONE, other.low)))

    def exp(self) -> "Enclosure":
        return self._between_neighbours(NEAR.exp)

    def log(self) -> "Enclosure":
        if self.sign() <= 0:
            raise Open
        return self._between_neighbours(NEAR.ln)

    def _between_neighbours(self, function: Callable[[Decimal], Decimal]) -> "Enclosure":
        low, high = map(function, self)
        return Enclosure(NEAR.next_minus(low), NEAR.next_plus(high))

    def sign(self) -> int:
        """1 or -1 where all numbers within have this sign, else 0."""
        return (self.low > 0) - (self.high < 0)


def enclosed(value: Fraction) -> Enclosure:
    top, bottom = Decimal(value.numerator), Decimal(value.denominator)
    return Enclosure(DOWN.divide(top, bottom), UP.divide(top, bottom))
