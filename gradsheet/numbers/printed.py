"""Numbers as they are printed, in a sheet and in a report. The digits are the
claim, so a number keeps its text."""

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from gradsheet.numbers.kept import kept
from gradsheet.numbers.reasons import Imprecise
from manual.activations import Array

MAX_DIGITS = 40
MAX_EXPONENT = 300
MAX_BITS_SHOWN = 10_000
MAX_SHOWN = 40  # characters of a number in a message

LEAST_CUT = 3  # digits of a number that is told to have been cut, not rounded
USUAL_DIGITS = 10  # of a number beside which none is claimed
MORE_DIGITS = 2  # of a truth than were claimed

_DECIMAL = re.compile(
    r"[+-]?(?P<whole>\d*)(?P<point>\.(?P<places>\d*))?(?:[eE](?P<exponent>[+-]?\d{1,9}))?", re.ASCII
)
_RATIO = re.compile(r"(?P<top>[+-]?\d+)\s*/\s*(?P<bottom>\d+)", re.ASCII)


class NumberError(ValueError):
    """A text that is no number; the message says what a number looks like."""


@dataclass(frozen=True)
class Printed:
    """A number with its text. `places` counts the decimals printed; it is None
    where the text is exact (7, 49/8)."""

    text: str
    value: Fraction
    places: int | None

    # The text has the value in it, and that of a fraction takes long.
    def __hash__(self) -> int:
        return hash((self.text, self.places))

    @kept
    def half(self) -> Fraction:
        """Half a unit of the last digit printed, 0 where the text is exact."""
        return Fraction(0) if self.places is None else Fraction(10) ** -self.places / 2

    @kept
    def ends(self) -> tuple[Fraction, Fraction]:
        """The least and the largest number with these digits."""
        return self.value - self.half, self.value + self.half

    @kept
    def digits(self) -> str:
        """The digits printed, from the first that is not 0."""
        return significant_digits(self.text)

    def agrees(self, truth: Any) -> bool:
        """Whether `truth`, a Fraction or Real, has exactly the digits printed:
        rounds to them, from half either way."""
        if self.places is None:
            return bool(truth == self.value)
        # Side by side with each end: whether the truth is off at all may take more digits
        # than there are.
        low, high = self.ends
        return bool(low <= truth) and bool(truth <= high)

    def is_cut(self, truth: Any) -> bool:
        """Whether it is the truth with its further digits cut off, of at least
        three digits, the last of them not 0."""
        if self.places is None or len(self.digits) < LEAST_CUT or self.digits.endswith("0"):
            return False
        if (self.value < 0) != bool(truth < 0):
            return False
        size = abs(self.value)
        return bool(size <= abs(truth)) and bool(abs(truth) < size + 2 * self.half)

    def is_close(self, truth: Any) -> bool:
        """Whether the number is off in its last digits at most: by a quarter,
        or by two units of the last."""
        return bool(abs(self.value - truth) <= abs(truth) / 4 + 4 * self.half)

    def overlaps(self, low: Any, high: Any) -> bool:
        """Whether some number from `low` to `high` has exactly the digits printed."""
        return self.agrees(low) or self.agrees(high) or bool(low <= self.value <= high)


def significant_digits(text: str) -> str:
    """The digits of a number from the first that is not 0."""
    return "".join(c for c in text.lower().split("e")[0] if c.isdigit()).lstrip("0")


def all_agree(printed: Sequence[Printed], values: Sequence[Any]) -> bool:
    """Whether there are as many values as numbers, each with exactly the digits printed."""
    return len(printed) == len(values) and all(
        p.agrees(v) for p, v in zip(printed, values, strict=True)
    )


def all_overlap(printed: Sequence[Printed], low: Any, high: Any) -> bool:
    """Whether there are as many ranges as numbers, each with some value that
    has exactly the digits printed."""
    ends = zip(printed, low.flat, high.flat, strict=False)
    return low.size == len(printed) and all(p.overlaps(a, b) for p, a, b in ends)


@lru_cache(maxsize=4096)
def printed(text: str) -> Printed:
    """Read `12`, `-0.10`, `.12`, `6e-3`, `49/8`; raises NumberError on anything
    else and over the limits."""
    bare = text.strip().replace("_", "")
    if len(bare) > 2 * MAX_DIGITS + 2:
        raise NumberError(
            f"a number of {len(bare)} characters, expected at most {MAX_DIGITS} digits"
        )
    long = f"{bare[:20]}... is too long, expected at most {MAX_DIGITS} digits"
    if ratio := _RATIO.fullmatch(bare):
        if max(len(ratio["top"]), len(ratio["bottom"])) > MAX_DIGITS + 1:
            raise NumberError(f"{long} above and below")
        top, bottom = int(ratio["top"]), int(ratio["bottom"])
        if bottom == 0:
            raise NumberError(f"{bare} divides by 0")
        return Printed(bare, Fraction(top, bottom), None)
    match = _DECIMAL.fullmatch(bare)
    if not match or not (match["whole"] or match["places"]):
        raise NumberError(f"{bare[:20]!r} is no number, expected one like 12, -0.10, 6e-3 or 49/8")
    decimals, exponent = match["places"] or "", int(match["exponent"] or 0)
    digits = match["whole"] + decimals
    if len(digits) > MAX_DIGITS or abs(exponent) > MAX_EXPONENT:
        raise NumberError(f"{long} and an exponent up to {MAX_EXPONENT}")
    places = None
    if match["point"] or match["exponent"] is not None:
        # 4e3 claims its units: no digit is printed in vain.
        places = max(0, len(decimals) - exponent)
    value = int(digits) * Fraction(10) ** (exponent - len(decimals))
    return Printed(bare, -value if bare.startswith("-") else value, places)


def as_float(value: Any) -> float:
    """The float nearest to a Fraction or Real, infinite where it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def exact_of(value: Any) -> Fraction | None:
    """A Fraction or Real as a fraction, None where it is not known as one; what
    is 0 by its mark is 0."""
    exact: Fraction | None = getattr(value, "exact", value)
    return Fraction(0) if exact is None and value.mark == 0 else exact


# a number, or lists of them: an exact one is text, any other a float.
Text = str | float | list[Any] | None


def exact_text(values: Any) -> Text:
    """Exact numbers as text, 21 or 49/8, others as floats; lists and arrays of them as lists."""
    values = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(values, list):
        return [exact_text(item) for item in values]
    exact = exact_of(values)
    if exact is None:
        number = float(values)
        return number if math.isfinite(number) else "beyond all floats"
    bits = _bits(exact)
    # Python itself refuses to print numbers much larger, and nobody reads them.
    return str(exact) if bits <= MAX_BITS_SHOWN else f"a fraction of {bits * 3 // 10} digits"


def _bits(value: Fraction) -> int:
    """How long a fraction is, above or below."""
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def plain(text: Text, digits: int = 10) -> str:
    """A number or lists of numbers on one line, floats with so many digits; of
    very long numbers the size."""
    if isinstance(text, list):
        return f"[{', '.join(plain(item, digits) for item in text)}]"
    if isinstance(text, float):
        return f"{text:.{digits}g}"
    shown = str(text)
    ratio = _RATIO.fullmatch(shown) or re.fullmatch(r"(?P<top>-?\d+)", shown)
    if len(shown) <= MAX_SHOWN or not ratio:
        return shown
    top, bottom = Decimal(ratio["top"]), Decimal(ratio.groupdict().get("bottom", 1))
    return f"about {Context(prec=6, Emax=MAX_EMAX, Emin=MIN_EMIN).divide(top, bottom):.6g}"


def decimal_text(value: Fraction) -> str:
    """A fraction as a decimal where it is one of at most 12 places, else as it
    is; about, where that is too long."""
    if _bits(value) > MAX_BITS_SHOWN:
        return str(exact_text(value))
    for places in range(13):
        scaled = value * 10**places
        if scaled.denominator == 1 and abs(scaled) < 10**30:
            digits = f"{abs(scaled.numerator):0{places + 1}d}"
            point = f".{digits[len(digits) - places :]}" if places else ""
            sign = "-" if value < 0 else ""
            return sign + digits[: len(digits) - places] + point
    return str(value)


def digits_text(truth: Any, claimed: Sequence[Printed]) -> Text:
    """Numbers that are no fractions as decimals, each with at least two digits
    more than were claimed of it.

    All digits are true: there are so many that the number is the same rounded
    and cut, or where it is about one of few digits they are it rounded. None
    where all are exact.
    """
    if all(exact_of(value) is not None for value in np.ravel(truth)):
        return None
    return _each(truth, claimed, _true_digits)


def told_text(truth: Any, claimed: Sequence[Printed]) -> Text:
    """Numbers as a person is told them: exact where that is short, else
    rounded, with two digits more than claimed."""
    return _each(truth, claimed, _told)


def _each(
    truth: Any, claimed: Sequence[Printed], text_of: Callable[[Any, Printed | None, int], str]
) -> Text:
    """The texts of numbers, each beside what was claimed of it, with as many
    digits as it should have."""
    values = np.ravel(truth)
    if len(claimed) == len(values):
        digits = (max(1, len(p.digits)) + MORE_DIGITS for p in claimed)
        texts = list(map(text_of, values, claimed, digits))
    else:
        texts = [text_of(value, None, USUAL_DIGITS) for value in values]
    shape = np.shape(truth)
    return np.array(texts, object).reshape(shape).tolist() if shape else texts[0]


def _true_digits(value: Any, claimed: Printed | None, digits: int) -> str:
    exact = exact_of(value)
    if exact is not None:
        return decimal_text(exact)
    ways = list(itertools.product(value.bounds(), (ROUND_DOWN, ROUND_HALF_EVEN)))
    for number in range(digits, value.home.digits):
        texts = {_rounded(end, number, rounding) for end, rounding in ways}
        if len(texts) == 1:
            return texts.pop()
    # About a number of few digits, as 1 or 0: more digits would not tell rounded from cut.
    ends = [end for end in value.bounds() if end.is_finite()]
    if (
        len(ends) == 2
        and len(texts := {_rounded(end, digits, ROUND_HALF_EVEN) for end in ends}) == 1
    ):
        return texts.pop()
    places = digits if claimed is None or claimed.places is None else claimed.places + MORE_DIGITS
    if places >= 0 and len(ends) == 2 and max(map(abs, ends)).adjusted() < -places - 1:
        return f"{0:.{places}f}"
    if not value.home.final:
        raise Imprecise("as many digits as were claimed")
    return f"{as_float(value):.15g}"


def _told(value: Any, claimed: Printed | None, digits: int) -> str:
    exact = exact_of(value)
    if exact is None:
        low, high = value.bounds()
        if not (low.is_finite() and high.is_finite()):
            return str(exact_text(value))
        return _rounded(low, digits, ROUND_HALF_EVEN)
    if claimed is None or claimed.places is None:
        return str(exact_text(exact))
    text = decimal_text(exact)
    if "/" not in text and len(significant_digits(text)) <= digits:
        return text
    wide = Context(prec=2 * digits, Emax=MAX_EMAX, Emin=MIN_EMIN)
    decimal = wide.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return _rounded(decimal, digits, ROUND_HALF_EVEN)


def _rounded(value: Decimal, digits: int, rounding: str) -> str:
    """A decimal with so many digits, without an exponent where that is short."""
    context = Context(prec=digits, rounding=rounding, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
    number = context.plus(value)
    return f"{number:f}" if -6 <= number.adjusted() <= 20 else f"{number:e}"


def like_claim(truth: Text, claimed: Text) -> Text:
    """The truth as the claim is written: a single number without brackets,
    fractions as decimals where it has any."""
    while isinstance(truth, list) and len(truth) == 1 and not isinstance(claimed, list):
        truth = truth[0]
    if isinstance(truth, list):
        return [like_claim(item, claimed) for item in truth]
    if isinstance(truth, str) and _RATIO.fullmatch(truth) and "." in plain(claimed):
        decimal = decimal_text(Fraction(truth))
        is_long = "/" in decimal and len(decimal) > 16
        return f"{as_float(Fraction(truth)):.10g}" if is_long else decimal
    return truth


Value = Printed | tuple[Any, ...]  # a number, or nested tuples of numbers of one shape


def _shape(value: Value) -> tuple[int, ...]:
    return () if isinstance(value, Printed) else (len(value), *_shape(value[0]))


def fractions(value: Value) -> Array:
    """The object array of the numbers' exact values."""
    return np.array([p.value for p in printed_entries(value)], object).reshape(_shape(value))


def printed_entries(value: Value) -> list[Printed]:
    """The numbers in the order of their array."""
    if isinstance(value, Printed):
        return [value]
    return [entry for item in value for entry in printed_entries(item)]


def index_text(k: int, shape: tuple[int, ...]) -> str:
    """The indices of an entry that is so many after the first, counted from 1."""
    return ",".join(str(i + 1) for i in np.unravel_index(k, shape))


def place_text(k: int, value: Value) -> str:
    """Which entry is so many after the first: 2 of a vector, [1,2] of a matrix."""
    place = index_text(k, _shape(value))
    return f"[{place}]" if "," in place else place
