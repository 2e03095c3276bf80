"""The sweep: a graph's steps carried out forward, and back by the rules of `manual.ops`.

One pass serves every number type: exact fractions, enclosures, floats, error
balls, dual numbers. Every array has an axis in front, of length 1, or of as
many variants of the pass as run side by side.

    forward     the value of each step from those before it
    back        from a seed at one slot what comes back at every slot before it:
                the cotangent of a step, times its operation's own backward
                rule, is added to those of its arrays (reverse mode; Griewank
                and Walther, Evaluating Derivatives, chapter 3)

A definition may hold a derivative, so that a step looks back itself. What comes
back through such a step is a second derivative: along the cotangent c of
dL/dw, d(c dL/dw) is what the sweep gives where w moves along c, of which the
infinitesimal part is taken (the R-operator: Pearlmutter 1994, Fast Exact
Multiplication by the Hessian).
"""

import dataclasses
import functools
import random
from collections import ChainMap
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet.language.functions import ACTIVATIONS
from gradsheet.network.lowering import LoweredStep, Program
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.dual import Dual, slope_of
from manual.activations import Array, number
from manual.ops import OPERATIONS, Operation

Index = tuple[int, ...]
Change = Callable[[Array], Any]  # the values carried on in all variants, from those computed
# What is carried on otherwise: at a slot, or of what comes back from one slot at another.
Changes = Mapping[int | tuple[int, int], Mapping[Index, Change]]
# What comes back from a step at one of its inputs, from what is right and all that enters it.
Edit = Callable[[Array, "Backward"], Array]
Edits = Mapping[tuple[int, int], Edit]

SEED, DRAWN = 17, 120  # bits of the numbers by which what is drawn moves


@dataclass(frozen=True)
class Backward:
    """One use of a rule: the step, what comes back to it, its value and its
    arrays, and the values of all steps by their slots."""

    step: LoweredStep
    cotangent: Array
    value: Array
    arrays: Sequence[Array]
    values: Mapping[int, Array]


@dataclass(eq=False)
class Sweep:
    """One pass over the steps of a program.

    `given` has the arrays that it starts from, without the front axis; `typed`
    makes numbers of the pass's type of constants. What is changed of the
    derivatives of the slots `apart` has no say behind them. `level` is how many
    infinitesimals there are among them, `operations` what is to be done otherwise
    with numbers of this type. `right` is the pass without changes, if there is
    one.
    """

    program: Program
    given: Mapping[str, Array]
    typed: Callable[[Any], Any]
    changes: Changes = field(default_factory=dict)
    edits: Edits = field(default_factory=dict)
    apart: Collection[int] = ()
    variants: int = 1
    level: int = 0
    floats: bool = False
    operations: Mapping[str, Operation] = field(default_factory=lambda: OPERATIONS)
    values: MutableMapping[int, Array] = field(default_factory=dict)
    right: "Sweep | None" = None

    @functools.cached_property
    def shown(self) -> dict[int, int]:
        """The slots whose value a person sees under a name, and carries on
        otherwise: a slope is worked out from what stands there."""
        return {
            self.program.steps[slot].inputs[0]: slot
            for slot in self.changes
            if isinstance(slot, int) and self.program.steps[slot].operation == "name"
        }

    @functools.cached_property
    def derived(self) -> dict[int, list[tuple[int, int]]]:
        """The derivatives that are carried on otherwise, by the slot that they
        are of, where what comes back from behind it follows."""
        derived: dict[int, list[tuple[int, int]]] = {}
        for key in self.changes:
            if not isinstance(key, int) and key[0] not in self.apart:
                derived.setdefault(key[0], []).append(key)
        return derived

    # Forward

    def value(self, slot: int) -> Array:
        """The array of a slot, (1 or V, ...)."""
        values = self.values
        if slot not in values:
            for other in self.program.before(slot):
                if other not in values:
                    if (known := self._known(other)) is None:
                        known = self._changed(other, self._computed(other))
                    values[other] = known
        return values[slot]

    def _known(self, slot: int) -> Array | None:
        """The array of a slot that the pass without changes has already, or in floats finds."""
        if self.right is None or self._moves(slot):
            return None
        return self.right.value(slot) if self.floats else self.right.values.get(slot)

    def _moves(self, slot: int) -> bool:
        """Whether changes may make the array of a slot another one; asked in the
        order of the slots."""
        step = self.program.steps[slot]
        if (
            slot in self.changes
            or step.is_derivative  # the way back may be another one
            or not self._moved_slots.isdisjoint(step.inputs)
        ):
            self._moved_slots.add(slot)
            return True
        return False

    @functools.cached_property
    def _moved_slots(self) -> set[int]:
        return set()

    def _computed(self, slot: int) -> Array:
        step = self.program.steps[slot]
        arrays = [self.values[other] for other in step.inputs]
        if (operation := self.operations.get(step.operation)) is not None:
            return operation.value(*arrays, **step.arguments)
        match step.operation:
            case "given":
                return as_array(self.given[step.arguments["name"]])[None]
            case "constant":
                return self._constant(step)
            case "name":
                return arrays[0]
            case "jacobian":
                return self._jacobian(step)
            case "slope":
                of, by = step.inputs
                through = self.program.between([by], of)
                return self.back(of, self._ones(arrays[0]), None, through)[by]
        raise AssertionError(f"no operation is called {step.operation}")

    def _constant(self, step: LoweredStep) -> Array:
        value = step.arguments["value"]
        if not step.shape:
            return np.array([self.typed(value)], float if self.floats else object)
        numbers = np.empty(len(value), float if self.floats else object)
        numbers[:] = [self.typed(v) for v in value]
        return numbers.reshape(1, *step.shape)

    def _changed(self, key: int | tuple[int, int], array: Array, at: Index = ()) -> Array:
        """The array with those entries changed that are carried on otherwise;
        of a derivative those of one entry `at` of what is derived."""
        if not (changes := self.changes.get(key)):
            return array
        array = array.copy() if len(array) == self.variants else np.repeat(array, self.variants, 0)
        for index, change in changes.items():
            if index[: len(at)] == at:
                place: Any = slice(None), *index[len(at) :]
                array[place] = change(array[place])
        return array

    # Back

    def from_entry(self, of: int, entry: Index, by: Sequence[int] = ()) -> "Cotangents":
        """What comes back from one entry of a slot, found once; of some slots on
        the way to them alone."""
        key = of, entry, *by
        if key not in self.entries:
            through = self.program.between(by, of) if by else None
            self.entries[key] = self.back(of, self.unit(of, entry), entry, through)
        return self.entries[key]

    @functools.cached_property
    def entries(self) -> dict[tuple[Any, ...], "Cotangents"]:
        """What has come back so far, from which entry of which slot, and to which."""
        return {}

    def back(
        self,
        of: int,
        seed: Array,
        at: Index | None = None,
        through: Sequence[int] | None = None,
    ) -> "Cotangents":
        """What comes back from a seed (1 or V, ...) at a slot, at every slot before it.

        `at` says which entry of the slot it is from, where it is from one;
        with `through` it goes through the steps of these slots alone.
        """
        _ = self.value(of)
        cotangents = Cotangents(self, {of: seed})
        for slot in reversed(self.program.before(of) if through is None else through):
            if (comes := cotangents.chain.get(slot)) is None:
                continue
            if at is not None and (of, slot) in self.changes:
                comes = cotangents.chain[slot] = self._changed((of, slot), comes, at)
            for k, (other, part) in enumerate(self._through(slot, comes, cotangents)):
                if part is None:
                    continue
                if (edit := self.edits.get((slot, k))) is not None:
                    arrays = [self.values[i] for i in self.program.steps[slot].inputs]
                    step, value = self.program.steps[slot], self.values[slot]
                    part = edit(part, Backward(step, comes, value, arrays, self.values))
                cotangents.add(other, part)
            if slot != of and slot in self.derived:
                self._carry_on(slot, comes, cotangents)
        return cotangents

    def _carry_on(self, slot: int, comes: Array, cotangents: "Cotangents") -> None:
        """Where the derivative of a slot is carried on otherwise than it is,
        add to what comes back what that makes: dL/dA (carried dA/dB - dA/dB)."""
        for key in self.derived[slot]:
            for entry in {index[: comes.ndim - 1] for index in self.changes[key]}:
                through = self.program.between([key[1]], slot)
                right = self.back(slot, self.unit(slot, entry), None, through)[key[1]]
                off = self._changed(key, right, entry) - right
                place: Any = slice(None), *entry
                factor = comes[place].reshape(-1, *[1] * (off.ndim - 1))
                cotangents.add(key[1], as_array(factor * off))

    def _through(
        self, slot: int, comes: Array, cotangents: "Cotangents"
    ) -> Iterator[tuple[int, Array | None]]:
        """What comes back through one step, at each of its inputs; None where
        nothing can, as at the sides of a comparison."""
        step = self.program.steps[slot]
        match step.operation:
            case "given" | "constant":
                return
            case "name":
                yield step.inputs[0], comes
            case "jacobian":
                shape = self.program.steps[step.inputs[0]].shape
                for entry in np.ndindex(shape):
                    place: Any = slice(None), *entry
                    seed = self.unit(step.inputs[0], entry)
                    self._second(step.inputs[0], seed, self._parts(step, comes[place]), cotangents)
            case "slope":
                of, by = step.inputs
                self._second(of, self._ones(self.values[of]), {by: comes}, cotangents)
            case operation:
                arrays = [self.values[other] for other in step.inputs]
                value = self.value(self.shown.get(slot, slot))
                if slot in self.shown and operation == "function":
                    name = step.arguments["name"]
                    if name in ACTIVATIONS and (from_h := ACTIVATIONS[name].from_h):
                        yield step.inputs[0], as_array(comes * from_h(value, number(value, 1)))
                        return
                rule = self.operations[operation].backward
                parts = rule(comes, value, *arrays, **step.arguments)
                yield from zip(step.inputs, parts, strict=True)

    # Derivatives in definitions

    def _jacobian(self, step: LoweredStep) -> Array:
        """The derivative of a slot by others, for each of its entries."""
        of, *by = step.inputs
        shape, through = self.program.steps[of].shape, self.program.between(by, of)
        rows = []
        for entry in np.ndindex(shape):
            cotangents = self.back(of, self.unit(of, entry), entry, through)
            parts = [cotangents[slot] for slot in by]
            rows.append(parts[0] if len(by) == 1 else self._stacked(parts, step))
        if not shape:
            return rows[0]
        longest = max(map(len, rows))
        rows = [np.repeat(row, longest, 0) if len(row) < longest else row for row in rows]
        return np.stack(rows, 1).reshape(longest, *step.shape)

    @staticmethod
    def _stacked(parts: Sequence[Array], step: LoweredStep) -> Array:
        """The steps of a recurrence side by side."""
        longest = max(map(len, parts))
        full = [np.broadcast_to(part, (longest, *part.shape[1:])) for part in parts]
        return np.stack(full, 1 + step.arguments["axis"])

    @staticmethod
    def _parts(step: LoweredStep, whole: Array) -> dict[int, Array]:
        """What belongs to each slot that a step derives by."""
        _, *by = step.inputs
        if len(by) == 1:
            return {by[0]: whole}
        axis = 1 + step.arguments["axis"]
        return {slot: whole.take(k, axis) for k, slot in enumerate(by)}

    def _second(
        self, of: int, seed: Array, along: Mapping[int, Array], cotangents: "Cotangents"
    ) -> None:
        """Add what comes back of a derivative: the infinitesimal part of a sweep
        in which the slots `along` move.

        It goes through the steps behind these alone. What comes out before
        them is handed on.
        """
        level, through = self.level + 1, self.program.between(sorted(along), of)
        moving, within = self._moved(through, along, level), {*through}
        for slot, part in moving.back(of, seed, None, through).total():
            slopes = as_array(_slopes(level)(part))
            slopes = slopes.astype(float) if self.floats else slopes
            (cotangents.add_final if slot in within else cotangents.add)(slot, slopes)

    def _moved(self, through: Sequence[int], along: Mapping[int, Array], level: int) -> "Sweep":
        """A sweep in which some slots move, each along an array, and with them
        all of those that are made of them."""
        moving = Sweep(
            self.program,
            self.given,
            self.typed,
            level=level,
            operations=self.operations,
            values=ChainMap({}, self.values),
            edits=self.edits,
        )

        def moved_along(v: Any, slope: Any) -> Dual:
            v = np.float64(v) if isinstance(v, float) else v  # which divides by 0, too
            return Dual.of(v, level) + Dual(0, slope, level)

        dual = np.frompyfunc(moved_along, 2, 1)
        moved = set[int]()
        for slot in through:
            value = self.values[slot]
            if not moved.isdisjoint(self.program.steps[slot].inputs):
                value = moving._computed(slot)
            if slot in along:
                value = as_array(dual(value.astype(object), along[slot]))
            moving.values[slot] = value
            moved.add(slot)
        return moving

    # Kinks

    def ties(self, by: Mapping[int, Index | None], of: int) -> dict[int, Array]:
        """Where steps on the way from some slots to another stand at a kink, or a
        jump, and leave it as the slots move: by the step the entries of its value.

        One entry of a slot moves, or all at once, each by a number drawn for it. So
        does what leaves a kink: which way it goes hangs on how the slots move.
        """
        level, chance = self.level + 1, random.Random(SEED)
        moving = dataclasses.replace(
            self, level=level, values=ChainMap({}, self.values), right=None
        )
        drawn = np.frompyfunc(lambda v: v + Dual(0, chance.getrandbits(DRAWN), level), 1, 1)
        moved, ties = set[int](), dict[int, Array]()
        for slot in self.program.between([*by], of):
            step, value = self.program.steps[slot], self.values[slot]
            if not moved.isdisjoint(step.inputs):
                value = moving._computed(slot)
                if slot in self.program.kinked and (tied := self._leaving(step, moving)).any():
                    ties[slot] = tied
                    value = np.where(tied, drawn(self.values[slot]), value)
            if slot in by:
                value = value.astype(object)
                place: Any = slice(None), *(by[slot] or ())
                value[place] = drawn(value[place])
            moving.values[slot] = value
            moved.add(slot)
        return ties

    def _leaving(self, step: LoweredStep, moving: "Sweep") -> Array:
        """Which entries of a step's value stand at a kink that another sweep leaves."""
        here, there = ([sweep.values[slot] for slot in step.inputs] for sweep in (self, moving))
        match step.operation:
            case "function":
                return as_array((here[0] == 0) & (there[0] != 0))
            case "largest" | "smallest":
                axes, operation = step.arguments["axes"], self.operations[step.operation]
                best, first = (operation.value(a[0], axes=axes) for a in (here, there))
                tied = here[0] == np.expand_dims(best, axes)
                return as_array((tied & (there[0] != np.expand_dims(first, axes))).any(axes))
        return as_array((here[0] == here[1]) & (there[0] != there[1]))

    # Seeds

    def _ones(self, like: Array) -> Array:
        return as_array(np.full((1, *like.shape[1:]), self.typed(Fraction(1)), dtype=like.dtype))

    def unit(self, slot: int, entry: Index) -> Array:
        """1 at one entry of a slot, else 0: (1, ...)."""
        like = self.value(slot)
        seed = np.full((1, *like.shape[1:]), self.typed(Fraction(0)), dtype=like.dtype)
        seed[(0, *entry)] = self.typed(Fraction(1))
        return as_array(seed)


def _slopes(level: int) -> Any:
    """The infinitesimal part of numbers, of one infinitesimal."""
    return np.frompyfunc(lambda v: slope_of(v, level), 1, 1)


@dataclass(eq=False)
class Cotangents:
    """What comes back at every slot: `chain` is handed on to the inputs of its
    step, `final` has arrived, having gone through a derivative in a definition."""

    sweep: Sweep
    chain: dict[int, Array]
    final: dict[int, Array] = field(default_factory=dict)

    def add(self, slot: int, part: Array) -> None:
        """Add what is handed on."""
        known = self.chain.get(slot)
        self.chain[slot] = part if known is None else as_array(known + part)

    def add_final(self, slot: int, part: Array) -> None:
        """Add what has arrived."""
        known = self.final.get(slot)
        self.final[slot] = part if known is None else as_array(known + part)

    def total(self) -> Iterator[tuple[int, Array]]:
        """All slots that anything comes back to."""
        for slot in {**self.chain, **self.final}:
            yield slot, self[slot]

    def __getitem__(self, slot: int) -> Array:
        parts = [part for of in (self.chain, self.final) if (part := of.get(slot)) is not None]
        if not parts:
            like = self.sweep.value(slot)
            zero = np.full((1, *like.shape[1:]), self.sweep.typed(Fraction(0)), dtype=like.dtype)
            return as_array(zero)
        return parts[0] if len(parts) == 1 else as_array(parts[0] + parts[1])
