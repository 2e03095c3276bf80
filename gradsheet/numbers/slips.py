"""Mistakes in the figures: the right number, written down wrongly; and the
right entries in the wrong form.

They need no pass, only the value that was meant: the truth, what a pass with a
mistake in it gives, or what the claim's own working gives.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from gradsheet.numbers.printed import MAX_DIGITS, Printed, significant_digits
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
    return max(1, len(significant_digits(printed.text)))


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
        yield Slip(
            "truncated", f"the further digits are cut off where the last is to be rounded{sign}"
        )
        return
    a, b = str(mine), str(true)
    if len(a) == len(b):
        off = [k for k, (p, q) in enumerate(zip(a, b, strict=True)) if p != q]
        if (
            len(off) == 2
            and off[1] == off[0] + 1
            and a[off[0]] == b[off[1]]
            and a[off[1]] == b[off[0]]
            and len(a) > 2
        ):
            yield Slip(
                "digits-swapped", f"the digits {b[off[0]]} and {b[off[1]]} are swapped{sign}"
            )
        elif len(off) == 1 and len(a) >= ENOUGH and off[0] < len(a) - 1:
            yield Slip("digit-mistyped", f"a digit is mistyped, {a[off[0]]} for {b[off[0]]}{sign}")
    longer = [b, str(round(scaled * 10))] if printed.places is not None else [b]
    if len(a) >= ENOUGH and any(
        len(c) == len(a) + 1 and a in {c[:k] + c[k + 1 :] for k in range(len(c) - 1)}
        for c in longer
    ):
        yield Slip("digit-missing", f"a digit is missing{sign}")


def all_slips(printed: Sequence[Printed], meant: Sequence[Any]) -> list[Slip]:
    """The slips by which the numbers that were meant become those printed, in
    all entries that are off."""
    off = [k for k, (p, m) in enumerate(zip(printed, meant, strict=True)) if not p.agrees(m)]
    if len(printed) == 1:
        return list(slips(printed[0], meant[0]))
    if (
        len(off) == 2
        and printed[off[0]].agrees(meant[off[1]])
        and printed[off[1]].agrees(meant[off[0]])
    ):
        return [Slip("entries-swapped", f"entries {off[0] + 1} and {off[1] + 1} are swapped")]
    each = [list(slips(printed[k], meant[k])) for k in off]
    if not each or not all(each):
        return []
    first: dict[str, list[int]] = {}  # entries by their first slip
    for k, found in zip(off, each, strict=True):
        first.setdefault(found[0].code, []).append(k)
    words = [
        (next(f[0].text for f in each if f[0].code == code) if len(ks) == 1 else _OF_MANY[code])
        + (
            " in every entry"
            if len(ks) == len(printed)
            else f" in entry {', '.join(str(k + 1) for k in ks)}"
        )
        for code, ks in first.items()
    ]
    return [Slip("+".join(first), "; ".join(words))]


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
        yield (
            Slip("form-summed", "the entries are added up, though their index stays free"),
            truth.sum(keepdims=True),
        )
        for k in range(len(truth)):
            yield (
                Slip("form-one-entry", f"it is only entry {k + 1} of {len(truth)}"),
                truth[k : k + 1],
            )
    if truth.ndim != 2:
        return
    rows, columns = truth.shape
    yield Slip("form-transposed", "it is the transpose"), truth.T
    for k in range(rows):
        yield (
            Slip(
                "form-one-row", f"it is only row {k + 1} of a {rows}x{columns} Jacobian or matrix"
            ),
            truth[k],
        )
    for k in range(columns):
        text = f"it is only column {k + 1} of a {rows}x{columns} Jacobian or matrix"
        yield Slip("form-one-column", text), truth[:, k]
    if rows == columns:
        yield Slip("form-diagonal", "only the diagonal is given"), np.diagonal(truth)
    yield Slip("form-summed", "its rows are added up"), truth.sum(0)
    yield Slip("form-summed", "its columns are added up"), truth.sum(1)
