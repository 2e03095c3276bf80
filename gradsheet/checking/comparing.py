"""Compares an answer with the truth, array by array: equal where nothing is
rounded, else within the error bound of its floats."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gradsheet.checking.prepared import Prepared
from gradsheet.checking.result import VERDICTS, Row
from gradsheet.checking.returned import Returned
from gradsheet.checking.rounding import BITS, unit_roundoff
from gradsheet.checking.truth import ErrorBounds
from manual.activations import Array

CANCELLED = 1e-30  # is 0, also of the largest number
COARSEST = 1 / 64  # of the largest entry may floats be off, where anything is told
AS_BY_FLOAT32 = "; as little off as by float32 on the way, a numerical derivative or an epsilon"


class TruthComparison:
    """Compares the answers of a function, which is `given` a type of arrays."""

    def __init__(self, prepared: Prepared, given: str):
        self.prepared, self.asked, self.given = prepared, prepared.asked, given

    def dtype(self, answer: Returned, name: str) -> str:
        """The coarsest type of floats on the way that is known of; a loss has
        been on the way of the gradients."""
        types = answer.types.values() if name == "L" else [answer.types.get(name, "float64")]
        return coarsest([self.given, *types])

    def errors(self, probe: int, answer: Returned, name: str) -> tuple[Array, bool]:
        """How far an array may be off, and whether not at all."""
        errors, exact = self._bounds(probe).of(self.dtype(answer, name))
        return errors[name], name in exact

    def likely(self, probe: int, dtype: str, name: str) -> Array:
        """How far those who are right are likely off."""
        return self._bounds(probe).of(dtype, sharp=True)[0][name]

    def _bounds(self, probe: int) -> ErrorBounds:
        return self.prepared.truths[probe].bounds

    def worst(self, name: str, answers: Sequence[tuple[int, Returned]]) -> Row:
        """What is told of an array by all probes.

        Where numbers nearly cancel at one, others tell. What shows at small
        numbers is easier to follow there.
        """
        rows = [(self.row(probe, name, answer), probe) for probe, answer in answers]
        telling = [(row, probe) for row, probe in rows if not row.silent] or rows
        small = [row for row, probe in telling if not self.prepared.is_extra(probe)]
        extra = [row for row, probe in telling if self.prepared.is_extra(probe)]
        rank = VERDICTS.index
        worst = max(small or extra, key=lambda row: (rank(row.exact), row.difference or 0))
        return next((row for row in extra if not row.is_right), worst) if worst.is_right else worst

    def row(self, probe: int, name: str, answer: Returned) -> Row:
        """What there is to say of an array at one probe."""
        truth, array = self.prepared.truths[probe], answer.arrays[name]
        right, (errors, exact) = truth.values[name], self.errors(probe, answer, name)
        with np.errstate(invalid="ignore"):
            off = np.where(array == right, 0, abs(array - right))
        label = self.asked.label(name)
        largest = float(np.nan_to_num(off, nan=np.inf).max(initial=0))
        if exact and largest == 0:
            return Row(label, "yes", 0.0)
        if not np.isfinite(right).all():
            return Row(label, "untold", None, "the true number is beyond all floats here")
        dtype, most = self.dtype(answer, name), COARSEST * self._size(probe, name)

        def tells(bound: Array) -> bool:  # whoever keeps within it is right
            return bool(bound.max(initial=0) <= most)

        # Who rounds a right answer to coarser floats at the end errs by that alone.
        given = self.given if self.given in BITS else "float64"
        on_the_way = self._allowed(probe, given, name) + truth.errors[name]
        at_the_end = 2 * unit_roundoff(dtype) * abs(right)
        if tells(on_the_way) and (off <= on_the_way + at_the_end).all():
            return Row(label, "rounded", largest)
        wrong = ~(off <= errors + truth.errors[name])
        if wrong.any():
            return self._wrong(probe, name, array, off, wrong)
        likely = self.likely(probe, dtype, name)
        for bound in (self._allowed(probe, dtype, name), likely):
            if tells(bound) and (off <= bound + truth.errors[name]).all():
                return Row(label, "rounded", largest)
        finer = "" if dtype == "float64" else ': dtype="float64" may tell'
        where = f"{dtype} may be off by {errors.max():.3g} at worst, too coarse to tell{finer}"
        return Row(label, "untold", largest, where, silent=not tells(likely))

    def _wrong(self, probe: int, name: str, array: Array, off: Array, wrong: Array) -> Row:
        """What there is to say of the wrong entry that is farthest off."""
        right = self.prepared.truths[probe].values[name]
        far = np.where(wrong, np.nan_to_num(off, nan=np.inf), -1)
        at = tuple(map(int, np.unravel_index(np.argmax(far), far.shape)))
        places = [in_brackets(at)] if at else []
        counted = probe + 1 if len(self.prepared.probes) > 1 else None
        if counted:
            places.append(f"at probe {counted}")
        number, true = distinct_digits(array[at], right[at])
        where = f"{' '.join(places)}: " if places else ""
        where += f"{number}, true {true}"
        bound = self._bounds(probe).of("float32")[0][name]
        coarse = self.given != "float32" and bool((off <= bound).all() and bound.any())
        if coarse:
            where += AS_BY_FLOAT32
        return Row(self.asked.label(name), "no", float(off[at]), where, coarse, probe=counted)

    def _size(self, probe: int, name: str) -> float:
        """The largest entry of an array; where all that is added up for it
        cancels, that of all arrays.

        Behind a softmax over one output, which is 1 whatever comes in, all
        arrays are 0, and 1 stands for their size.
        """
        arrays = self.prepared.truths[probe].values
        sizes = {name: float(abs(array).max(initial=0)) for name, array in arrays.items()}
        most = max(sizes.values())
        most = most if most > CANCELLED else 1.0
        noise = float(self.likely(probe, "float64", name).max(initial=0))
        return most if sizes[name] <= max(CANCELLED * most, noise) else sizes[name]

    def _allowed(self, probe: int, dtype: str, name: str) -> Array:
        """By how much a right answer may be off: where the usual formulas round
        nothing, by what others likely do."""
        errors, exact = self._bounds(probe).of(dtype)
        return self.likely(probe, dtype, name) if name in exact else errors[name]


def coarsest(dtypes: Iterable[str]) -> str:
    """The type of the fewest bits; float64 where none is a type of floats."""
    floats = [dtype for dtype in dtypes if dtype in BITS]
    return min(floats, key=BITS.__getitem__, default="float64")


def in_brackets(index: Sequence[int]) -> str:
    """The place of an entry; nothing of a single number."""
    return f"[{', '.join(map(str, index))}]" if len(index) else ""


def distinct_digits(one: Any, other: Any) -> tuple[str, str]:
    """Two numbers with ten digits, or with all where these are the same."""
    for digits in (10, 17):
        texts = f"{float(one):.{digits}g}", f"{float(other):.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts
