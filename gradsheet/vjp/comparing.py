"""An answer against the truth, entry by entry: inside of what floats of its
type make of it, or not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gradsheet.checking.rounding import BITS, FEW_BITS, TINY, unit_roundoff
from gradsheet.vjp.balls import SLACK
from gradsheet.vjp.calling import Answer, Rule
from gradsheet.vjp.enclosed import Enclosed
from gradsheet.vjp.kinks import AtKinks
from gradsheet.vjp.mutants import honest
from gradsheet.vjp.program import Leaf
from gradsheet.vjp.result import VERDICTS, Judged
from gradsheet.vjp.truth import Bounds, ProbeTruth
from manual.activations import Array

COARSER = {"float64": "float32", "float32": "float32"}  # what is called rounded
INSIDE = dict.fromkeys(FEW_BITS, "float32")  # what a type in memory is computed in
UNITS = 16  # of an honest evaluation, or roundings of the largest entry, that are right
NEAR = 64  # roundings of the largest entry within which there is no doubt
FAR = 256  # such units beyond which nothing is right
_WORDS = tuple(VERDICTS.values())
_FORGIVEN = -1  # among the verdicts: right at a kink, and not the truth
MOST_LISTED = 4  # entries that are named
MOST_LINES = 3  # in which there are kinks, that are named


@dataclass(eq=False)
class Observed:
    """A rule's answer at a probe, beside the truth there; the `number` of the probe
    among all of a check."""

    truth: ProbeTruth
    answer: Answer
    dtype: str
    number: int
    _bounds: dict[str, Bounds] = field(default_factory=dict)

    def bounds(self, dtype: str) -> Bounds:
        """What floats of a type may make of the truth."""
        if dtype not in self._bounds:
            self._bounds[dtype] = self.truth.floats(dtype)
        return self._bounds[dtype]

    def errors(self, k: int) -> Array:
        """How far floats may be off."""
        return self.bounds(self.dtype).asked[k].radius

    @cached_property
    def right(self) -> list[Array]:
        """The truth, as floats."""
        return [a.middle for a in self.truth.asked]

    @cached_property
    def is_exact(self) -> bool:
        """Whether floats round nothing on the way to any entry."""
        return all(a.is_exact for a in self.bounds(self.dtype).asked)

    @cached_property
    def honest(self) -> list[float]:
        """How far off one honest evaluation in the type is, in that entry of each
        array in which it is farthest; inf where nobody knows."""
        truth = self.truth
        if not truth.in_balls and self.dtype not in INSIDE:
            return [math.inf] * len(truth.asked)  # one term after the other takes too long
        given = [*truth.probe.inputs, *truth.probe.directions]
        found = honest(truth.closed, given, self.dtype)[len(truth.program.outputs) :]
        off = [
            float(a.difference(b.astype(float)).max(initial=0))
            for a, b in zip(truth.asked, found, strict=True)
        ]
        return [math.inf if math.isnan(far) else far for far in off]

    def unit(self, k: int) -> float:
        """That, or a rounding of the largest entry, if it is more."""
        least = unit_roundoff(self.dtype) * abs(self.right[k]).max(initial=0)
        return float(max(self.honest[k], least))

    def units(self, k: int) -> Array:
        """How far off each entry is, in such units."""
        off, unit = self.truth.asked[k].difference(np.asarray(self.array(k))), self.unit(k)
        units = off / unit if unit else np.where(off > 0, np.inf, 0)
        return np.asarray(np.nan_to_num(units, nan=np.inf, posinf=np.inf))

    def is_sharp(self, k: int) -> bool:
        """Whether floats tell the truth from anything else."""
        size = abs(self.right[k]).max(initial=0)
        errors = self._inside(self.bounds(INSIDE.get(self.dtype, self.dtype)).asked[k]).radius
        off = errors.max(initial=0)
        if self.dtype not in INSIDE:  # bounds grow faster than errors, as in long recurrences
            off = min(off, UNITS * self.unit(k))
        if off < size or size == 0:
            return True
        if self.dtype in INSIDE and self._is_honest(k).all():
            return True
        off = self.truth.asked[k].difference(np.asarray(self.array(k)))
        units = 1 if self.dtype in INSIDE else NEAR
        return bool((off <= units * unit_roundoff(self.dtype) * size).all())

    def array(self, k: int) -> Array | None:
        """An array of the answer; None where it has none of the right shape;
        zeros where the answer is None."""
        array, shape = self.answer.asked[k], self.right[k].shape
        if array is None:
            return np.zeros(shape)
        return None if array.shape != shape else np.asarray(array, float)

    def verdicts(self, k: int) -> Array:
        """For each entry 0 where it is right, 1 rounded, 2 untold, 3 wrong."""
        verdicts = self._by_bounds(k)
        return np.where((verdicts < 2) & self._is_far(k), 2, verdicts)

    def _by_bounds(self, k: int) -> Array:
        """The verdicts as bounds and an honest evaluation have them."""
        array = np.asarray(self.array(k))
        tight = self.bounds(INSIDE.get(self.dtype, self.dtype))
        is_right = self._inside(tight.asked[k]).contains(array)
        if self.dtype not in INSIDE:
            is_right &= self.units(k) <= UNITS
        verdicts = np.where(is_right, 0, 3)
        if not verdicts.any():
            return verdicts
        wide = self._inside(self.bounds(COARSER.get(self.dtype, self.dtype)).asked[k])
        is_coarse = wide.contains(array)
        if self.dtype == "float32":
            is_coarse &= self.units(k) <= FAR
        if self.dtype in INSIDE:
            is_coarse |= self._is_honest(k)
        else:
            off = self.truth.asked[k].difference(array)
            size = UNITS * abs(self.right[k]).max(initial=0)
            if not self.truth.program.is_cast:  # a constant of few digits, and no other constant
                is_coarse &= off - tight.asked[k].radius <= 2.0**-24 * size
            is_coarse |= off <= unit_roundoff(self.dtype) * size  # formulas that cancel
        verdicts = np.where((verdicts == 3) & is_coarse, 1, verdicts)
        if self.dtype in INSIDE and wide.radius.max(initial=0) >= abs(self.right[k]).max(initial=0):
            verdicts = np.where((verdicts == 1) & ~self._is_honest(k), 2, verdicts)
        return np.where(verdicts == 3, 2, verdicts) if tight.unsure else verdicts

    def _is_far(self, k: int) -> Array:
        """Which entries have lost more than half of the digits that JAX itself has
        in that type, where bounds are wider than all entries and tell nothing."""
        size, u = abs(self.right[k]).max(initial=0), unit_roundoff(self.dtype)
        off = self.truth.asked[k].difference(np.asarray(self.array(k)))
        is_blunt = ~(self.errors(k) < size) & (off > NEAR * u * size)
        if self.dtype in INSIDE or size == 0 or not is_blunt.any():
            return np.zeros(off.shape, bool)
        part = self.honest[k] / size
        return np.asarray(is_blunt & (part < 1) & (off > math.sqrt(part + u) * size))

    def _is_honest(self, k: int) -> Array:
        """Which entries are no farther from the truth than a few times what one
        honest evaluation is off."""
        array, off = np.asarray(self.array(k)), self.honest[k]
        if not off < abs(self.right[k]).max(initial=0) / SLACK:
            return np.zeros(array.shape, bool)
        return np.asarray(self.truth.asked[k].difference(array) <= SLACK * off)

    def _inside(self, enclosed: Enclosed) -> Enclosed:
        """What is computed in a type and stored in another."""
        is_inside = self.dtype in INSIDE
        return enclosed.stored(BITS[self.dtype], TINY[self.dtype]) if is_inside else enclosed

    def gives_the_output(self, place: int, array: Array) -> bool:
        """Whether an array is what f gives, as exactly as float32 would, or the
        type throughout: f is not what is judged."""
        wide = self.bounds(self.dtype if self.dtype in INSIDE else "float32").outputs[place]
        return bool(self._inside(wide).contains(np.asarray(array, float)).all())

    def beside_a_kink(self, k: int, held: frozenset[str]) -> Array:
        """Which entries lie between what is right on the sides of a kink, but for
        those of the lines `held`; of a large function those that differ on its
        sides, whose ends nobody knows."""
        if not self.truth.in_balls:
            return self.truth.differs(held)[k]
        array = np.asarray(self.array(k))
        sides = np.array([side[k] for side in self.truth.sides(held)])
        sides[~np.isfinite(sides)] = np.nan  # what nobody gets
        low, high = np.fmin.reduce(sides), np.fmax.reduce(sides)
        slack = 4 * unit_roundoff(self.dtype) * np.maximum(abs(low), abs(high)) + self.errors(k)
        return np.asarray((array >= low - slack) & (array <= high + slack))


def judged(
    seen: Sequence[Observed], k: int, name: str, at_kinks: AtKinks
) -> tuple[Judged, list[str]]:
    """The verdict on an array of the answers, and remarks on it."""
    for one in seen:
        if fault := one.answer.faults.get(name):
            return Judged(name, "wrong", None, fault), []
    verdicts, remarks = list[Array](), list[str]()
    for one in seen:
        found = one.verdicts(k)
        if at_kinks.is_any and one.truth.at_kink and found.max(initial=0) > 1:
            beside = one.beside_a_kink(k, at_kinks.held)
            if (beside & (found > 1)).any():
                lines = one.truth.kinks(k, beside & (found > 1), at_kinks.held)
                at = f"at probe {one.number}, at {_kinks(lines)}, {name}"
                is_judged = "is between the gradients on its sides"
                if not one.truth.in_balls:
                    is_judged = f"is not judged in {int(beside.sum()):,} entries that differ there"
                remarks.append(f"{at} {is_judged}")
            found = np.where(beside, _FORGIVEN, found)
        verdicts.append(found)
    counted = [one.units(k) for one in seen if not one.truth.at_kink and one.unit(k) < math.inf]
    units = max((float(np.max(found, initial=0)) for found in counted), default=None)
    worst = max(0, *(int(found.max(initial=0)) for found in verdicts))
    difference, where, probe = max(
        _largest(one, k, found == worst)
        for one, found in zip(seen, verdicts, strict=True)
        if worst in found or not worst
    )
    if worst and all(one.answer.asked[k] is None for one in seen):
        where = f"None; {where}"
    if worst < 2 and not any(one.is_sharp(k) for one in seen):
        worst, where, probe = 2, "floats are too coarse at these numbers", None
    elif worst == 2:
        remarks.append(f"{name}: {_untold(seen)}")
    if worst == 3:
        remarks += _which(name, np.any([found == worst for found in verdicts], 0))
    elif worst == 1:
        size = max(abs(one.right[k]).max(initial=0) for one in seen)
        remarks.append(f"{name}: {_rounded(seen[0].dtype, difference / size, units)}")
    where, probe = (where, probe) if worst else ("", None)
    return Judged(name, _WORDS[worst], difference, where, units, probe), remarks


def _kinks(lines: Sequence[str]) -> str:
    """Kinks, by the lines of f in which they are."""
    some = " and ".join([*lines[:MOST_LINES], *(["others"] if len(lines) > MOST_LINES else [])])
    return f"the kink{'s' if len(lines) > 1 else ''} of {some}" if lines else "a kink"


def _which(name: str, wrong: Array) -> list[str]:
    """Which entries are wrong, where it is not all of them."""
    count = int(wrong.sum())
    if count == wrong.size:
        return []
    are = "is" if count == 1 else "are"
    which = ""
    if count <= MOST_LISTED:
        which = ": " + ", ".join(str([*map(int, at)]) for at in np.argwhere(wrong))
    return [f"{name}: {count:,} of its {wrong.size:,} entries {are} wrong{which}"]


def _untold(seen: Sequence[Observed]) -> str:
    dtype = seen[0].dtype
    if any(one.bounds(INSIDE.get(dtype, dtype)).unsure for one in seen):
        return "what f compares lies so close together that floats may decide otherwise"
    words = f"{dtype} may be off by more than its largest entry"
    return f'{words}: ask with dtype="{INSIDE[dtype]}"' if dtype in INSIDE else words


def _rounded(dtype: str, part: float, units: float | None) -> str:
    """What is off by a part of the largest entry, no more than is called rounded."""
    if dtype in INSIDE:
        return f"as far off as arithmetic in {dtype} may be; computed in float32 it would be closer"
    if part <= UNITS * unit_roundoff(dtype):
        return (
            f"off by less than {UNITS} roundings of its largest entry, as formulas that cancel are"
        )
    if dtype == "float32":
        return f"{units:.3g} times as far off as one honest evaluation in {dtype}"
    return f"farther off than {dtype} explains, no farther than {COARSER[dtype]} does"


def _largest(one: Observed, k: int, counted: Array) -> tuple[float, str, int | None]:
    """The largest difference of an array from the truth, among the entries that
    are counted, and where it is."""
    array = np.asarray(one.array(k))
    if not array.size:
        return 0.0, "", None
    differences = one.truth.asked[k].difference(array)
    differences = np.where(np.isfinite(array), differences, np.inf)
    differences = np.where(counted, differences, 0)
    at = np.unravel_index(int(differences.argmax()), array.shape)
    found, true = array[at], one.right[k][at]
    digits = ".6g" if f"{found:.6g}" != f"{true:.6g}" else ".17g"
    place = f"{[*map(int, at)]} " if at else ""
    where = f"{place}at probe {one.number}: {found:{digits}}, true {true:{digits}}"
    return float(differences[at]), where, one.number


def forward_fault(rule: Rule, seen: Sequence[Observed]) -> None:
    """Accuse a rule whose forward pass gives something else than f."""
    for one in seen:
        for place, leaf in enumerate(rule.program.outputs):
            found = one.answer.outputs[place] if one.answer.outputs is not None else None
            if found is None or not leaf.is_float:
                continue
            if found.shape != leaf.shape:
                rule.accuse(
                    f"{leaf.name} of its forward pass has the shape {found.shape}, expected"
                    f" {leaf.shape}"
                )
                return
            if not one.gives_the_output(place, found):
                rule.accuse(f"its forward pass gives another {leaf.name} than f")
                return


def covered(seen: Sequence[Observed], leaves: Sequence[Leaf]) -> tuple[int, int]:
    """How many entries there are, and how many of them are 0 in the truth at
    every probe."""
    total = zeros = 0
    for k, leaf in enumerate(leaves):
        is_zero = np.ones(leaf.shape, bool)
        for one in seen:
            is_zero &= one.right[k] == 0
        total, zeros = total + is_zero.size, zeros + int(is_zero.sum())
    return total, zeros
