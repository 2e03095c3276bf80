"""How a solution writes its numbers: exactly where they are short, else
rounded.

They are rounded to as many significant digits as the sheet itself prints.
"""

from collections import Counter
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any

from gradsheet.claims.composing import toml_number
from gradsheet.claims.sheet import Sheet
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.printed import (
    MAX_DIGITS,
    MAX_EXPONENT,
    Printed,
    Value,
    decimal_text,
    exact_of,
    printed,
    printed_entries,
)
from gradsheet.numbers.reasons import Imprecise, Undecided
from manual.activations import Array

USUAL = 6  # significant digits, where a sheet prints no decimals
LEAST, MOST = 4, 12
MAX_EXACT = 11  # characters of a number that is written exactly
MAX_BITS = 200  # of a fraction that may be short in decimals
LEAST_PLAIN = -5  # the exponent of a leading digit below which a number is written with one


def significant(number: Printed) -> int:
    """Count the significant digits that are printed."""
    return len(number.text.lower().split("e")[0].lstrip("+-").replace(".", "").lstrip("0"))


class Digits:
    """Writes the numbers of one sheet's solution, each with whether it had to
    be rounded.

    `digits` is how many significant ones a rounded number has; with `decimals`
    a fraction that has a short decimal is written as one.
    """

    def __init__(self, sheet: Sheet):
        counts = Counter[int]()
        for claim in sheet.claims:
            if claim.value:
                entries = printed_entries(claim.value)
                counts.update(significant(entry) for entry in entries if entry.places is not None)
        usual = max(counts, key=lambda digits: (counts[digits], digits), default=USUAL)
        self.digits, self.decimals = min(max(usual, LEAST), MOST), sheet.decimals

    def number(self, value: Any) -> tuple[Printed, bool]:
        """Return a Fraction or Real as it is written, and whether that is
        rounded.

        Raises Undecided where its digits stay open, and Imprecise where more
        digits on the way may tell.
        """
        exact = exact_of(value)
        if exact is not None and (in_full := self._exactly(exact)) is not None:
            return in_full, False
        rounded = self._rounded(value)
        if _equal(value, rounded.value):
            return self._exactly(rounded.value) or rounded, False
        return rounded, True

    def _exactly(self, value: Fraction) -> Printed | None:
        """A number in full, None where that is long."""
        if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
            return None
        ratio = str(value)
        # A decimal of the sheet stays one, and 1/3 or the like is no decimal.
        for text in (decimal_text(value), ratio) if self.decimals else (ratio,):
            most = MAX_EXACT // 2 if self.decimals and "/" in text else MAX_EXACT
            if len(text.lstrip("-")) <= most:
                return printed(text)
        return None

    def _rounded(self, value: Any) -> Printed:
        """A number to so many digits, as it is printed."""
        wide = Context(prec=4 * MOST, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN)
        if isinstance(value, Fraction):
            decimal = wide.divide(Decimal(value.numerator), Decimal(value.denominator))
        else:
            low, high = value.bounds()
            if not (low.is_finite() and high.is_finite()):
                raise Undecided("a number beyond all bounds")
            decimal = wide.divide(wide.add(low, high), Decimal(2))
        exponent = decimal.adjusted() if decimal else 0
        if exponent + 2 > MAX_DIGITS or exponent - self.digits < -MAX_EXPONENT:
            raise Undecided(f"a number of about 1e{exponent}, which a sheet cannot have")
        if exponent < LEAST_PLAIN:
            text = f"{Context(prec=self.digits, rounding=ROUND_HALF_EVEN).plus(decimal):e}"
        else:
            # At least one decimal: without a point a number claims to be exact.
            places = max(1, self.digits - 1 - exponent)
            text = f"{wide.quantize(decimal, Decimal(1).scaleb(-places)):f}"
        number = printed(text)
        if not number.agrees(value):
            raise Undecided(f"{number.text} cannot be told from its neighbours")
        return number

    def value(self, array: Array) -> tuple[Value, bool]:
        """Return an array as a sheet holds it, and whether any number in it is
        rounded.

        That is a number, or nested tuples of them. Raises as `number` does.
        """
        if not array.ndim:
            return self.number(array.item())
        rows = [self.value(as_array(row)) for row in array]
        return tuple(value for value, _ in rows), any(rounded for _, rounded in rows)


def _equal(value: Any, number: Fraction) -> bool:
    """Whether a number is known to be exactly this one."""
    try:
        return bool(value == number)
    except (Undecided, Imprecise):
        return False


def value_text(value: Value) -> str:
    """Write a value as it stands behind `value =` in a sheet."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return toml_number(value.text)
