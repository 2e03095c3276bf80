"""Mistakes in the figures: the right number, written down wrongly; and the
right entries in the wrong form.

They need no pass, only the value that was meant: the truth, what a pass with a
mistake in it gives, or what the claim's own working gives.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from gradsheet.numbers.printed import MAX_DIGITS, Printed, Value, place_text, printed_entries
from manual.activations import Array

ENOUGH = 4  # digits of a number in which a single wrong one is told from chance
FLOAT = 15  # digits that a float has, and nobody works with by hand
MAX_MOVE = 4  # places that a decimal point is moved by


class Slip(NamedTuple):
    """A mistake in the figures."""

    code: str
    text: str

    @property
    def kind(self) -> str:
        """Whether the figures are off, or the form."""
        return "form" if self.code.startswith("form") else "figures"

    @property
    def hint(self) -> str:
        """Where to look, without the truth."""
        if self.kind == "form":
            return "the form of the answer, how many rows and columns it has"
        return "how the number is written, its sign, its point and its digits"


def _scaled(value: Any, places: int) -> Fraction:
    """A value in units of its last place; of an enclosed one as near as a float."""
    exact = getattr(value, "exact", value)
    return Fraction(float(value) if exact is None else exact) * Fraction(10) ** places


def significant(printed: Printed) -> int:
    """How many digits a number claims, by which chance is judged; of 0 and of a
    single digit one."""
    return max(1, len(printed.digits))


def slips(printed: Printed, meant: Any) -> Iterator[Slip]:
    """The slips by which a number that was meant becomes the one printed."""
    if printed.agrees(meant) or not printed.value:
        return
    if printed.agrees(-meant):
        yield Slip("sign-lost", "the sign is lost" if meant < 0 else "a minus sign has slipped in")
        return
    sign = "" if (printed.value < 0) == bool(meant < 0) else ", and the sign is lost"
    size = abs(meant)
    positive = Printed(printed.text.lstrip("+-"), abs(printed.value), printed.places)
    if significant(printed) > 1:
        for move in (n for k in range(1, MAX_MOVE + 1) for n in (k, -k)):
            # The digits of one are those of the other, as many as both show.
            if positive.agrees(size * Fraction(10) ** move):
                places = "1 place" if abs(move) == 1 else f"{abs(move)} places"
                where = f"{places} to the {'right' if move > 0 else 'left'} of where it belongs"
                yield Slip("point-moved", f"the decimal point is {where}{sign}")
                return
    yield from _wrong_digits(positive, size, sign)


def _wrong_digits(printed: Printed, size: Any, sign: str) -> Iterator[Slip]:
    places = printed.places or 0
    if places > 15:
        return
    scaled = _scaled(size, places)
    if scaled >= 10**MAX_DIGITS or (printed.places is None and scaled.denominator != 1):
        return
    mine = int(printed.value * Fraction(10) ** places)
    cut, true = int(scaled), round(scaled)
    if mine == cut and cut != true:
        text = "the further digits are cut off where the last is to be rounded"
        yield Slip("truncated", text + sign)
        return
    a, b = str(mine), str(true)
    if len(a) == len(b):
        off = [k for k, (p, q) in enumerate(zip(a, b, strict=True)) if p != q]
        k = off[0] if off else 0
        if off == [k, k + 1] and a[k : k + 2] == b[k : k + 2][::-1] and len(a) > 2:
            yield Slip("digits-swapped", f"the digits {b[k]} and {b[k + 1]} are swapped{sign}")
        elif len(off) == 1 and len(a) >= ENOUGH and k < len(a) - 1:
            yield Slip("digit-mistyped", f"a digit is mistyped, {a[k]} for {b[k]}{sign}")
    longer = [b, str(round(scaled * 10))] if printed.places is not None else [b]
    if len(a) >= ENOUGH and any(
        len(c) == len(a) + 1 and a in {c[:k] + c[k + 1 :] for k in range(len(c) - 1)}
        for c in longer
    ):
        yield Slip("digit-missing", f"a digit is missing{sign}")


def all_slips(value: Value, meant: Sequence[Any]) -> list[Slip]:
    """The slips by which the numbers that were meant become those of a value, in
    all entries that are off."""
    printed = printed_entries(value)
    pairs = list(zip(printed, meant, strict=True))
    if len(printed) == 1:
        return list(slips(*pairs[0]))
    off = [k for k, (p, m) in enumerate(pairs) if not p.agrees(m)]
    if len(off) == 2:
        a, b = off
        if printed[a].agrees(meant[b]) and printed[b].agrees(meant[a]):
            both = f"{place_text(a, value)} and {place_text(b, value)}"
            return [Slip("entries-swapped", f"entries {both} are swapped")]
    alike: dict[str, dict[int, str]] = {}  # the entries with one first slip, and its words
    for k in off:
        slip = next(slips(*pairs[k]), None)
        if slip is None:
            return []
        alike.setdefault(slip.code, {})[k] = slip.text
    words = []
    for code, entries in alike.items():
        text, *more = entries.values()
        every = len(entries) == len(printed)
        places = ", ".join(place_text(k, value) for k in entries)
        where = "every entry" if every else f"entry {places}"
        words.append(f"{_OF_MANY[code] if more else text} in {where}")
    return [Slip("+".join(alike), "; ".join(words))] if words else []


_OF_MANY = {
    "sign-lost": "the sign is lost",
    "point-moved": "the decimal point is moved",
    "truncated": "the further digits are cut off where the last is to be rounded,",
    "digits-swapped": "two digits are swapped",
    "digit-mistyped": "a digit is mistyped",
    "digit-missing": "a digit is missing",
}


def forms(truth: Array) -> Iterator[tuple[Slip, Array]]:
    """An array in the forms that are mistaken for it: turned, one row of it,
    its diagonal, a sum of it."""
    truth = truth.reshape([n for n in truth.shape if n != 1])  # an axis of length 1 may be left out
    if truth.ndim == 1:
        text = "the entries are added up, though their index stays free"
        yield Slip("form-summed", text), truth.sum(keepdims=True)
        for k in range(len(truth)):
            text = f"it is only entry {k + 1} of {len(truth)}"
            yield Slip("form-one-entry", text), truth[k : k + 1]
    if truth.ndim != 2:
        return
    rows, columns = truth.shape
    yield Slip("form-transposed", "it is the transpose"), truth.T
    for k, row in enumerate(truth, 1):
        text = f"it is only row {k} of a {rows}x{columns} Jacobian or matrix"
        yield Slip("form-one-row", text), row
    for k, column in enumerate(truth.T, 1):
        text = f"it is only column {k} of a {rows}x{columns} Jacobian or matrix"
        yield Slip("form-one-column", text), column
    if rows == columns:
        yield Slip("form-diagonal", "only the diagonal is given"), np.diagonal(truth)
    yield Slip("form-summed", "its rows are added up"), truth.sum(0)
    yield Slip("form-summed", "its columns are added up"), truth.sum(1)
