"""An answer against the truth, entry by entry: inside of what floats of its
type make of it, or not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from flint import arb

from gradsheet.vjp.balls import ball, entries, midpoints, radii
from gradsheet.vjp.calling import Answer, Rule
from gradsheet.vjp.program import Leaf
from gradsheet.vjp.result import Judged
from gradsheet.vjp.truth import Bounds, Truth
from manual.activations import Array

COARSER = {"float64": "float32", "float32": "float32"}  # what is called rounded
INSIDE = {"bfloat16": "float32", "float16": "float32"}  # what a type in memory is computed in
_WORDS = ("right", "rounded", "untold", "wrong")
BITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}


@dataclass(eq=False)
class Seen:
    """A rule's answer at a probe, beside the truth there."""

    truth: Truth
    answer: Answer
    dtype: str
    _bounds: dict[str, Bounds] = field(default_factory=dict)
    _errors: dict[int, Array] = field(default_factory=dict)

    def bounds(self, dtype: str) -> Bounds:
        """What floats of a type may make of the truth."""
        if dtype not in self._bounds:
            self._bounds[dtype] = self.truth.floats(dtype)
        return self._bounds[dtype]

    def errors(self, k: int) -> Array:
        """How far floats may be off."""
        if k not in self._errors:
            self._errors[k] = radii(self.bounds(self.dtype).asked[k])
        return self._errors[k]

    @cached_property
    def right(self) -> list[Array]:
        """The truth, as floats."""
        return [midpoints(a) for a in self.truth.asked]

    @cached_property
    def is_exact(self) -> bool:
        """Whether floats round nothing on the way to any entry."""
        return all(v.is_exact() for a in self.bounds(self.dtype).asked for v in entries(a))

    def array(self, k: int) -> Array | None:
        """An array of the answer; None where it has none of the right shape;
        zeros where the answer is None."""
        array = self.answer.asked[k]
        if array is None:
            return np.zeros(self.truth.asked[k].shape)
        return None if array.shape != self.truth.asked[k].shape else np.asarray(array, float)

    def verdicts(self, k: int) -> Array:
        """For each entry 0 where it is right, 1 rounded, 2 untold, 3 wrong."""
        array = self.array(k)
        assert array is not None
        tight = self.bounds(INSIDE.get(self.dtype, self.dtype))
        verdicts = np.where(inside(array, stored(tight.asked[k], self.dtype)), 0, 3)
        if verdicts.any():
            coarse = self.bounds(COARSER.get(self.dtype, self.dtype))
            wide = coarse.asked[k]
            is_coarse = inside(array, stored(wide, self.dtype))
            if coarse is not tight:
                verdicts = np.where((verdicts == 3) & is_coarse, 1, verdicts)
                size = abs(self.right[k]).max(initial=0)
                if self.dtype in INSIDE and radii(wide).max(initial=0) >= size:
                    verdicts = np.where(verdicts == 1, 2, verdicts)
        if tight.unsure:
            verdicts = np.where(verdicts == 3, 2, verdicts)
        return verdicts

    def beside_a_kink(self, k: int) -> Array:
        """Which entries lie between what is right on the sides of a kink."""
        array = self.array(k)
        assert array is not None
        sides = np.array([midpoints(side[k]) for side in self.truth.sides])
        slack = 4 * 2.0 ** -BITS[self.dtype] * abs(sides).max(0) + self.errors(k)
        return np.asarray((array >= sides.min(0) - slack) & (array <= sides.max(0) + slack))


def stored(wide: Array, dtype: str) -> Array:
    """Balls of results that are stored in a type of few bits."""
    if dtype not in INSIDE:
        return wide
    once = arb(1, 2.0 ** -BITS[dtype])
    return np.asarray(
        np.frompyfunc(lambda v: _kept(ball(v), once, BITS[dtype]), 1, 1)(wide), object
    )


def _kept(v: arb, once: arb, bits: int) -> arb:
    if v.is_exact() and int(v.man_exp()[0]).bit_length() <= bits:
        return v
    return v * once


def inside(array: Array, wide: Array) -> Array:
    """Which floats lie in balls."""

    def is_inside(a: float, v: arb) -> bool:
        return bool(np.isfinite(a)) and bool(ball(v).contains(arb(a)))

    return np.asarray(np.frompyfunc(is_inside, 2, 1)(array, wide)).astype(bool)


def judged(seen: Sequence[Seen], k: int, name: str, *, between: bool) -> tuple[Judged, list[str]]:
    """The verdict on an array of the answers, and remarks on it; `between`: at a
    kink any gradient between those on its sides is right."""
    for one in seen:
        if fault := one.answer.faults.get(name):
            return Judged(name, "wrong", None, fault), []
    worst, bad, remarks = 0, list[int](), list[str]()
    for number, one in enumerate(seen, 1):
        verdicts = one.verdicts(k)
        if between and one.truth.at_kink and verdicts.max(initial=0) > 1:
            beside = one.beside_a_kink(k)
            if (beside & (verdicts > 1)).any():
                at = f"at probe {number}, at a kink, {name}"
                remarks.append(f"{at} is between the gradients on its sides")
            verdicts = np.where(beside, 0, verdicts)
        most = int(verdicts.max(initial=0))
        if most > worst:
            worst, bad = most, []
        if most == worst:
            bad.append(number)
    difference, where = max(_largest(seen[number - 1], k, number) for number in bad)
    if worst and all(one.answer.asked[k] is None for one in seen):
        where = f"None; {where}"
    return Judged(name, _WORDS[worst], difference, where if worst else ""), remarks


def _largest(one: Seen, k: int, number: int) -> tuple[float, str]:
    """The largest difference of an array from the truth, and where it is."""
    array = one.array(k)
    assert array is not None
    if not array.size:
        return 0.0, ""
    differences = np.asarray(
        np.frompyfunc(lambda a, v: abs(float((arb(a) - ball(v)).mid())), 2, 1)(
            array, one.truth.asked[k]
        )
    ).astype(float)
    differences = np.where(np.isfinite(array), differences, np.inf)
    at = np.unravel_index(int(differences.argmax()), array.shape)
    found, true = array[at], one.right[k][at]
    digits = ".6g" if f"{found:.6g}" != f"{true:.6g}" else ".17g"
    place = f"{[*map(int, at)]} " if at else ""
    where = f"{place}at probe {number}: {found:{digits}}, true {true:{digits}}"
    return float(differences[at]), where


def forward_fault(rule: Rule, seen: Sequence[Seen]) -> None:
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
            coarse = one.bounds("float32").outputs[place]  # f is not what is judged
            if not inside(found.astype(float), stored(coarse, one.dtype)).all():
                rule.accuse(f"its forward pass gives another {leaf.name} than f")
                return


def covered(seen: Sequence[Seen], leaves: Sequence[Leaf]) -> tuple[int, int]:
    """How many entries there are, and how many of them are 0 in the truth at
    every probe."""
    total = zeros = 0
    for k, leaf in enumerate(leaves):
        is_zero = np.ones(leaf.shape, bool)
        for one in seen:
            is_zero &= one.right[k] == 0
        total, zeros = total + is_zero.size, zeros + int(is_zero.sum())
    return total, zeros
