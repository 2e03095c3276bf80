"""A graph as a list of nodes by name, in which every step of a recurrence is a
node of its own: h[0], h[1], h[2], and behind them h, their stack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradsheet.language import formula as f
from gradsheet.network.graph import Block, Definition, Graph
from gradsheet.truth.jax_functions import OPERATORS
from gradsheet.truth.lettered import Scope, grids_of


class Untraceable(NotImplementedError):
    """A graph that JAX cannot be given here: this witness has no opinion of it."""


@dataclass(frozen=True)
class Unit:
    """A node, by the definition of it or of the recurrence that it is a step
    of; None where it is the stack of all steps.

    `reads` are the nodes that it is made of. With a base go the units of all
    bases and of the first step, which shows the shape that a number takes.
    """

    name: str
    definition: Definition | None
    reads: frozenset[str]
    step: Mapping[str, int] = field(default_factory=dict)
    first: tuple["Unit", ...] = ()


@dataclass(frozen=True)
class Location:
    """Where the value of a quantity is found: a node, or several stacked along
    an axis, of which the first has the number `start`; and the indices there."""

    nodes: tuple[str, ...]
    indices: tuple[f.Index, ...]
    axis: int | None = None
    start: int = 1


@dataclass(frozen=True)
class Recurrence:
    """The axis of the steps; the numbers of all entries, and those from 1, which
    the name alone stands for."""

    axis: int
    numbers: range

    @property
    def steps(self) -> range:
        """The numbers from 1."""
        return range(max(1, self.numbers.start), self.numbers.stop)


def step_name(name: str, number: int) -> str:
    """The name of a step: h[2]"""
    return f"{name}[{number}]"


def base_number(definition: Definition) -> int | None:
    """The number of a base, None of what is none."""
    return next((axis for axis in definition.axes if isinstance(axis, int)), None)


class Unrolled:
    """The nodes of a graph, in the order in which they are found."""

    def __init__(self, graph: Graph, blocks: tuple[Block, ...]):
        self.graph, self.aliases = graph, dict(graph.aliases)
        self.functions = {own.name: own for own in graph.functions}
        self.sizes = dict(graph.sizes)
        self.whole_numbers = {name: np.array(entries) for name, entries in graph.whole_numbers}
        self.recurrences: dict[str, Recurrence] = {}
        for block in blocks:
            for definition in block.definitions if block.axis is not None else ():
                self.recurrences[definition.name] = _recurrence(block, definition.name)
        self._steps_of: dict[str, tuple[str, ...]] = {}
        self.units = [unit for block in blocks for unit in self._units(block)]

    def _units(self, block: Block) -> Iterator[Unit]:
        if block.axis is None:
            for definition in block.definitions:
                yield Unit(definition.name, definition, self.reads(definition.formula, {}))
            return
        bases = [self._step(base, base_number(base) or 0, {}) for base in block.bases]
        steps = [
            self._step(definition, number, {str(definition.axes[block.axis]): number})
            for number in block.steps
            for definition in block.definitions
        ]
        first = (*bases, *steps[: len(block.definitions)])
        yield from (replace(base, first=first) for base in bases)
        yield from steps
        for definition in block.definitions:
            yield Unit(definition.name, None, frozenset(self.steps(definition.name)))

    def _step(self, definition: Definition, number: int, step: Mapping[str, int]) -> Unit:
        reads = self.reads(definition.formula, step)
        return Unit(step_name(definition.name, number), definition, reads, step)

    def steps(self, name: str) -> tuple[str, ...]:
        """The nodes that a name stands for: all steps of a recurrence, else itself."""
        if name not in self.recurrences:
            return (name,)
        if name not in self._steps_of:
            numbers = self.recurrences[name].steps
            self._steps_of[name] = tuple(step_name(name, number) for number in numbers)
        return self._steps_of[name]

    def reads(self, node: f.Node, scope: Scope) -> frozenset[str]:
        """The nodes that a formula is made of."""
        names: set[str] = set()
        for part, sums in f.walk_in_sums(node):
            match part:
                case f.Quantity(name):
                    known = {letter: run for letter, run in scope.items() if letter not in sums}
                    place = self.place(part, known)
                    names.update(place.nodes)
                    if place.axis is not None:  # of all steps, or of those a letter picks
                        names.add(name)
                case f.Call(function) if own := self.functions.get(function.removesuffix("'")):
                    names |= self.reads(own.formula, {}) - {own.argument}
        return frozenset(names)

    def derived_by(self, term: f.Node) -> set[str]:
        """The nodes that formulas derive something by, but for steps."""
        nodes: set[str] = set()
        for definition in self.graph.definitions:
            for part in f.walk(definition.formula):
                if isinstance(part, f.Derivative) and part.of == term:
                    name = self.aliases.get(part.by.name, part.by.name)
                    nodes |= {name} - self.recurrences.keys()
        return nodes

    def place(self, quantity: f.Quantity, scope: Scope) -> Location:
        """Where the value of a quantity is found."""
        name, indices = self.aliases.get(quantity.name, quantity.name), quantity.indices
        if name not in self.recurrences:
            return Location((name,), indices)
        recurrence = self.recurrences[name]
        axis, start = recurrence.axis, recurrence.steps.start
        if len(indices) <= axis:
            return Location(self.steps(name), indices, axis, start)
        index = indices[axis]
        letters = () if isinstance(index, int) else index.letters
        if all(isinstance(scope.get(letter), int) for letter in letters):
            number = int(self.whole(index, grids_of(letters, scope)))
            return Location((step_name(name, number),), indices[:axis] + indices[axis + 1 :])
        if isinstance(index, f.Letter) and scope.get(index.name) == recurrence.steps:
            return Location(self.steps(name), indices, axis, start)
        nodes = tuple(step_name(name, number) for number in recurrence.numbers)
        return Location(nodes, indices, axis, recurrence.numbers.start)

    def whole(self, index: f.Index, grids: Mapping[str, Any]) -> Any:
        """The whole numbers that an index is, on the grids of its letters."""
        match index:
            case int():
                return index
            case f.Letter(name):
                return grids[name]
            case f.Number(number):
                return int(number.value)
            case f.Negative(operand):
                return -self.whole(operand, grids)
            case f.Chain():
                return index.fold(
                    lambda part: self.whole(part, grids), lambda sign, a, b: OPERATORS[sign](a, b)
                )
            case f.Quantity(name, indices) if name in self.whole_numbers:
                places = tuple(self.whole(inner, grids) - 1 for inner in indices)
                return self.whole_numbers[name][places]
            case f.Quantity(name) if name in self.sizes:
                return self.sizes[name]
        raise Untraceable(f"an index of the kind {type(index).__name__}")


def _recurrence(block: Block, name: str) -> Recurrence:
    assert block.axis is not None
    bases = [base_number(base) for base in block.bases if base.name == name]
    numbers = [*block.steps, *(number for number in bases if number is not None)]
    return Recurrence(block.axis, range(min(numbers), max(numbers) + 1))
