"""How a solution writes its numbers: exactly where they are short, else
rounded to as many significant digits as the sheet itself prints."""

from collections import Counter
from contextlib import suppress
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


def exactly(value: Fraction, decimals: bool, most: int, most_of_ratio: int) -> str:
    """Write a number in so few characters, but for its sign; nothing where that takes more.

    With `decimals` one that has a short decimal is written as one.
    """
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        return ""
    for text in (decimal_text(value), str(value)) if decimals else (str(value),):
        if len(text.lstrip("-")) <= (most_of_ratio if "/" in text else most):
            return text
    return ""


def _significant(number: Printed) -> int:
    return len(number.text.lower().split("e")[0].lstrip("+-").replace(".", "").lstrip("0"))


class Digits:
    """Writes the numbers of one sheet's solution, each with whether it had to be rounded.

    `digits` is how many significant ones a rounded number has; `decimals` are
    as for `exactly`.
    """

    def __init__(self, sheet: Sheet):
        counts = Counter[int]()
        for claim in sheet.claims:
            if claim.value:
                entries = printed_entries(claim.value)
                counts.update(_significant(entry) for entry in entries if entry.places is not None)
        usual = max(counts, key=lambda digits: (counts[digits], digits), default=USUAL)
        self.digits, self.decimals = min(max(usual, LEAST), MOST), sheet.decimals

    def number(self, value: Any) -> tuple[Printed, bool]:
        """Return a Fraction or Real as it is written, and whether that is rounded.

        Raises Undecided where its digits stay open, and Imprecise where more
        digits on the way may tell.
        """
        exact = exact_of(value)
        if exact is not None and (in_full := self._exactly(exact)) is not None:
            return in_full, False
        rounded = self._rounded(value)
        with suppress(Undecided, Imprecise):  # what is not known to be equal is rounded
            if value == rounded.value:
                return self._exactly(rounded.value) or rounded, False
        return rounded, True

    def _exactly(self, value: Fraction) -> Printed | None:
        """A number in full, None where that is long; where others are decimals, 1/3 is short."""
        most_of_ratio = MAX_EXACT // 2 if self.decimals else MAX_EXACT
        text = exactly(value, self.decimals, MAX_EXACT, most_of_ratio)
        return printed(text) if text else None

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
            about = Context(prec=2).plus(decimal).adjusted()  # 1e-600 may be 9.99...e-601 here
            raise Undecided(f"a number of about 1e{about}, which a sheet cannot have")
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
        """Return an array as nested tuples of numbers, and whether any of them is rounded.

        Raises as `number` does.
        """
        if not array.ndim:
            return self.number(array.item())
        rows = [self.value(as_array(row)) for row in array]
        return tuple(value for value, _ in rows), any(rounded for _, rounded in rows)


def value_text(value: Value) -> str:
    """Write a value as it stands behind `value =` in a sheet."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return toml_number(value.text)
