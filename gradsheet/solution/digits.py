"""How a solution writes its numbers: exactly where they are short, else rounded to the digits that the sheet prints."""

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
    """How many significant digits are printed."""
    return len(number.text.lower().split("e")[0].lstrip("+-").replace(".", "").lstrip("0"))


class Digits:
    """The way in which one sheet's solution writes numbers, each with whether it had to be rounded."""

    def __init__(self, sheet: Sheet):
        entries = (
            entry for claim in sheet.claims if claim.value for entry in printed_entries(claim.value)
        )
        counts = Counter(significant(entry) for entry in entries if entry.places is not None)
        usual = max(counts, key=lambda digits: (counts[digits], digits), default=USUAL)
        self.digits, self.decimals = min(max(usual, LEAST), MOST), sheet.decimals

    def number(self, value: Any) -> tuple[Printed, bool]:
        """A Fraction or Real as it is written, and whether rounded. Raises Undecided where its digits stay open."""
        exact = exact_of(value)
        if exact is not None and (found := self._exactly(exact)) is not None:
            return found, False
        found = self._rounded(value)
        if _equal(value, found.value):
            return self._exactly(found.value) or found, False
        return found, True

    def _exactly(self, value: Fraction) -> Printed | None:
        """A number in full, None where that is long."""
        if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
            return None
        # A decimal of the sheet stays one, and 1/3 or the like is no decimal.
        for text in dict.fromkeys(
            (decimal_text(value) if self.decimals else str(value), str(value))
        ):
            if len(text.lstrip("-")) <= (
                MAX_EXACT if "/" not in text or not self.decimals else MAX_EXACT // 2
            ):
                return printed(text)
        return None

    def _rounded(self, value: Any) -> Printed:
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
            text = f"{wide.quantize(decimal, Decimal(1).scaleb(-max(1, self.digits - 1 - exponent))):f}"
        found = printed(text)
        if not found.agrees(value):
            raise Undecided(f"{found.text} cannot be told from its neighbours")
        return found

    def value(self, array: Array) -> tuple[Value, bool]:
        """An array as a sheet holds it, a number or nested tuples of them, and whether any is rounded."""
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
    """A value as it stands behind `value =` in a sheet."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return toml_number(value.text)
