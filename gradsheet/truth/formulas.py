"""The witness that knows no backward rule and no lowered step: the formulas of a
network's definitions, evaluated once more after a nudge.

The nudge is an infinitesimal e with e^2 = 0, which is carried through the
formulas as they stand on the sheet (dual numbers; W. Clifford 1873): f(a + e) =
f(a) + f'(a) e. It is positive, or negative where the other side of a kink is
asked about. A derivative within a definition is a nudge within a nudge, by an
infinitesimal of its own.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet.language import formula as f
from gradsheet.language.evaluate import Binding, Evaluator
from gradsheet.network.graph import Block, Definition
from gradsheet.network.lowering import Program
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.dual import Dual, slope_of
from gradsheet.numbers.reasons import EvaluationError, Undecided
from manual.activations import Array

Index = tuple[int, ...]
Step = tuple[str, int]  # of a recurrence: its name and the step's number


def _at_step(axis: int, number: int) -> Any:
    """The place of a step of a recurrence among all its steps."""
    return *[slice(None)] * axis, number - 1, ...


class FormulaWalk:
    """The values of a network after a nudge to one entry of a name, or without.

    `given` are the arrays that it starts from. What the nudge does not reach is
    that of the walk `base`. `slope` is 1 for a nudge to the right, -1 to the
    left, and `level` the number of the infinitesimal; nudges within formulas
    go to the `side`. A walk within a step of a recurrence ends before that: at
    `end`, a name and the number of the step.
    """

    floats = False
    leaves: dict[tuple[Any, ...], Any] | None = None  # within a nudge they are others
    exact = False

    def __init__(
        self,
        program: Program,
        given: Mapping[str, Array],
        arithmetic: Any,
        budget: Budget,
        *,
        base: "FormulaWalk | None" = None,
        nudge: tuple[str, Index] | None = None,
        slope: int = 1,
        side: int = 1,
    ):
        self.side = side
        self.at: Step | None = None  # the step that is being evaluated
        self.end: Step | None = None if base is None else base.at or base.end
        self.graph, self.network, self.given = program.graph, program, given
        self.real, self.budget, self.base = arithmetic, budget, base
        self.nudge, self.slope = nudge, slope
        self.level: int = 0 if base is None else base.level + (nudge is not None)
        self._values: dict[str, Array] = {}

    def nudged(self, name: str, index: Index, slope: int = 1) -> "FormulaWalk":
        """The walk after a nudge to an entry of a name, indices from 0."""
        name = self.network.canonical(name)
        return FormulaWalk(
            self.network,
            self.given,
            self.real,
            self.budget,
            base=self,
            nudge=(name, index),
            slope=slope,
            side=self.side,
        )

    def arithmetic(self, number: Any) -> Any:
        """A number that exp and log are taken of."""
        if isinstance(number, Dual):
            return Dual(self.arithmetic(number.value), number.slope, number.level)
        return self.real(number)

    def slope_of(self, number: Any) -> Any:
        """What the nudge does to a number."""
        return slope_of(number, self.level)

    # Names

    def node(self, name: str) -> Array:
        """The value of a name, or of a base as h[0]."""
        name = self.network.canonical(name)
        if name not in self._values:
            if self.base is not None and not self._is_moved(name):
                return self.base.node(name)
            if self.base is not None and self._is_nudged(name):
                self._values[name] = self._moved(name, self.base.node(name))
            elif name in self.given:
                self._values[name] = self.given[name]
            elif name in self._sizes:
                self._values[name] = as_array(Fraction(self._sizes[name]))
            else:
                for earlier in self._in_order(name):  # deeper than Python's stack
                    _ = self.node(earlier)
                if name not in self._values:
                    self._evaluate(self._blocks[name])
        return self._values[name]

    def _in_order(self, name: str) -> list[str]:
        """What a name is made of, in the order of the forward pass, but for
        what has a value and what is part of its own recurrence."""
        needed, waiting = set[str](), [self._blocks[name]]
        own = {id(waiting[0])}
        while waiting:
            block = waiting.pop()
            for definition in (*block.bases, *block.definitions):
                for other in self.graph.uses(definition):
                    other_block = self._blocks.get(other)
                    if other_block is None or other in needed or other in self._values:
                        continue
                    if id(other_block) not in own:
                        own.add(id(other_block))
                        needed.add(other)
                        waiting.append(other_block)
        return sorted(needed, key=self._number_of)

    def _number_of(self, name: str) -> int:
        return self._order[id(self._blocks[name])]

    @functools.cached_property
    def _order(self) -> dict[int, int]:
        if self.base is not None:
            return self.base._order
        return {id(block): number for number, block in enumerate(self.network.blocks)}

    @functools.cached_property
    def _sizes(self) -> dict[str, int]:
        return dict(self.graph.sizes)

    @functools.cached_property
    def _blocks(self) -> dict[str, Block]:
        if self.base is not None:
            return self.base._blocks
        blocks: dict[str, Block] = {}
        for block in self.network.blocks:
            blocks |= {definition.name: block for definition in block.definitions}
            for base in block.bases:
                blocks[f"{base.name}[{base.axes[block.axis or 0]}]"] = block
        return blocks

    @functools.cached_property
    def _nudged_slot(self) -> int:
        assert self.nudge is not None
        return self.network.entry(*self.nudge)[0]

    def _is_moved(self, name: str) -> bool:
        """Whether the nudge reaches a name."""
        return any(map(self._reaches, self.network.places[name].all))

    def _is_nudged(self, name: str) -> bool:
        """Whether the nudge is to a name that is no recurrence, as a whole."""
        place = self.network.places[name]
        return place.entries is None and place.slot == self._nudged_slot

    def _reaches(self, slot: int) -> bool:
        """Whether the nudge reaches a slot of the program, whose order is
        that of the formulas."""
        return self._nudged_slot in self.network.before(slot)

    def _moved(self, name: str, array: Array, at: int | None = None, axis: int = 0) -> Array:
        """An array after the nudge, if that is to it; of a recurrence that of
        the step `at`."""
        if self.nudge is None or self.nudge[0] != name:
            return array
        index = self.nudge[1]
        if at is not None:
            if index[axis] != at - 1:
                return array
            index = index[:axis] + index[axis + 1 :]
        array = array.astype(object)
        # A sum: what a nudge within this one has moved is of a higher level.
        array[index] = array[index] + Dual(Fraction(0), Fraction(self.slope), self.level)
        return array

    def _moved_before(self, name: str, array: Array, *at: int) -> Array:
        """What is evaluated anew, after the nudges that this one is within."""
        if self.base is None:
            return array
        return self.base._moved(name, self.base._moved_before(name, array, *at), *at)

    def _evaluate(self, block: Block) -> None:
        if block.axis is None:
            (definition,) = block.definitions
            array = self._entire(definition, {})
            self._values[definition.name] = self._moved_before(definition.name, array)
            return
        for definition in block.definitions:
            shape = self.network.shapes[definition.name]
            self._values[definition.name] = np.empty(shape, object)
        try:
            self._unroll(block, block.axis)
        except BaseException:  # some steps have no value: whoever asks again hears it again
            for definition in block.definitions:
                del self._values[definition.name]
            raise

    def _unroll(self, block: Block, axis: int) -> None:
        for base in block.bases:
            self._based(base, axis)
        based = {(base.name, base.axes[axis]) for base in block.bases}
        for number in range(1, block.steps[-1] + 1):
            for definition in block.definitions:
                if (definition.name, number) == self.end:
                    return
                if (definition.name, number) not in based:
                    self._step(definition, axis, number)

    def _based(self, base: Definition, axis: int) -> None:
        """Evaluate a base of a recurrence: what comes before its first step, or,
        numbered from 1, a step itself."""
        number = base.axes[axis]
        assert isinstance(number, int)
        name = f"{base.name}[{number}]"
        shape, slot = self.network.node_shapes[name], self.network.places[name].slot
        is_kept = self.base is not None and (slot == self._nudged_slot or not self._reaches(slot))
        if number >= 1:
            if is_kept:
                array = self._before(base.name, axis, number)
            else:
                array = np.broadcast_to(self._entire(base, {}), shape)
                array = self._moved_before(base.name, array, number, axis)
            self._put(base.name, axis, number, array)
        elif self.base is not None and is_kept:
            self._values[name] = self._moved(name, self.base.node(name))
        else:
            array = np.broadcast_to(self._entire(base, {}), shape)
            self._values[name] = self._moved_before(name, array)

    def _step(self, definition: Definition, axis: int, number: int) -> None:
        """Evaluate a step of a recurrence; what the nudge is to, or does not
        reach, is that of the walk before."""
        slot = (self.network.places[definition.name].entries or {})[number]
        if self.base is not None and (slot == self._nudged_slot or not self._reaches(slot)):
            array = self._before(definition.name, axis, number)
        else:
            before, self.at = self.at, (definition.name, number)
            try:
                array = self._entire(definition, {str(definition.axes[axis]): number})
            finally:
                self.at = before
            array = self._moved_before(definition.name, array, number, axis)
        self._put(definition.name, axis, number, array)

    def _before(self, name: str, axis: int, number: int) -> Array:
        """A step of a recurrence in the walk before."""
        assert self.base is not None
        return as_array(self.base.node(name)[_at_step(axis, number)])

    def _put(self, name: str, axis: int, number: int, array: Array) -> None:
        self._values[name][_at_step(axis, number)] = self._moved(name, array, number, axis)

    def _entire(self, definition: Definition, fixed: Mapping[str, int]) -> Array:
        """A definition's value, entry by entry where it is written so."""
        letters = [axis for axis in definition.letters if axis not in fixed]
        if not {*letters} <= definition.formula.letters:  # the base of a recurrence, a number
            letters = []
        ranges = self.network.letters[definition.name]
        sizes = {letter: ranges[letter][1] for letter in letters} | dict(fixed)
        evaluator = Evaluator(self, sizes=sizes, strict=True)
        if not letters:
            return evaluator.value(definition.formula, fixed)
        entries = [
            evaluator.value(definition.formula, {**fixed, **dict(zip(letters, at, strict=True))})
            for at in itertools.product(*(range(1, ranges[letter][1] + 1) for letter in letters))
        ]
        lengths = [ranges[letter][1] for letter in letters]
        return np.stack(entries).reshape(*lengths, *entries[0].shape)

    # Derivatives in definitions

    def derivative(self, of: str, of_index: Index, by: str, by_index: Index) -> Array:
        """The derivative of a name by another, by a nudge within this one."""
        return self._by_entries(by, by_index, lambda walk: as_array(walk.node(of)[of_index]))

    def differential(self, node: f.DerivativeOf, binding: Binding) -> Array:
        """The derivative of a formula."""
        by, index = Evaluator(self).place_of(node.by, binding)

        def value(walk: FormulaWalk) -> Array:
            return Evaluator(walk, strict=True).value(node.term, binding)

        return self._by_entries(by, index, value)

    def _by_entries(
        self,
        by: str,
        by_index: Index,
        value: Callable[["FormulaWalk"], Array],
    ) -> Array:
        shape = self.network.shapes[self.network.canonical(by)][len(by_index) :]
        columns = []
        for rest in np.ndindex(shape):
            walk = self._walk(by, by_index + rest, self.side)
            column = np.frompyfunc(walk.slope_of, 1, 1)(value(walk))
            columns.append(as_array(column * self.side))
        if not shape:
            return columns[0]
        return np.stack(columns, -1).reshape(*columns[0].shape, *shape)

    def function(self, name: str) -> tuple[str, f.Node] | None:
        """The argument and the formula of a function of the sheet's own."""
        own = self.graph.by_function.get(name)
        return None if own is None else (own.argument, own.formula)

    def own_slope(self, name: str, argument: Array) -> Array:
        """The derivative of such a function, entry by entry."""
        own = self.graph.by_function[name]
        level = self.level + 1

        def slope(number: Any) -> Any:
            evaluator = Evaluator(self, strict=True)
            evaluator.local = {own.argument: as_array(Dual(number, Fraction(self.side), level))}
            return slope_of(evaluator.value(own.formula, {}).item(), level) * self.side

        return as_array(np.frompyfunc(slope, 1, 1)(argument))

    # The derivative of one entry by one

    def slopes(self, of: str, of_index: Index, by: str, by_index: Index) -> Iterator[Any]:
        """d of[of_index] / d by[by_index] from the right, then from the left."""
        for side in (1, -1):
            walk = self._walk(by, by_index, side)
            try:
                _ = walk.node(of)
            except EvaluationError as error:  # which has a value here, and none beside
                raise Undecided(f"d{of}/d{by} is not finite here: {error}") from None
            yield walk.slope_of(walk.node(of)[of_index]) * side

    @functools.cached_property
    def _walks(self) -> dict[Any, "FormulaWalk"]:
        return {}

    def _walk(self, by: str, by_index: Index, side: int) -> "FormulaWalk":
        key = by, by_index, side, self.at
        if key not in self._walks:
            self._walks[key] = self.nudged(by, by_index, side)
        return self._walks[key]
