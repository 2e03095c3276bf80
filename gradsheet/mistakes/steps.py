"""The mistakes that can be made in a network of definitions, simulated side by
side: the search for them is that for networks of layers.

Two mistakes often come to the same: whether nothing comes back through a name,
or to it, is one thing where there is one way. They are one wherever the numbers
of the sheet are others, which a twin of it tells: the same network with other
numbers.
"""

import functools
import itertools
import math
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet.language import formula as f
from gradsheet.mistakes.edges import StepMistake, step_mistakes
from gradsheet.mistakes.operations import Edge
from gradsheet.mistakes.rewriting import forward_mistakes
from gradsheet.mistakes.simulation import CLOSE, Combination, Run, Simulation
from gradsheet.network.lowering import Program, lowered
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.reasons import NO_ANSWER
from gradsheet.truth.graph_point import GraphPoint
from gradsheet.truth.graph_values import GraphCarried
from gradsheet.truth.sweep import Backward, Edit, Edits
from gradsheet.truth.values import Index, Tensor
from manual.activations import Array

LOWERED = 10  # operations that a step takes to be made, and twice that in a recurrence
DUAL = 100  # floats of an array that take the time of a dual number
PART = 1 / 4  # of the operations that are left, for what is carried out otherwise
MOST_ALIKE = 200  # combinations that are told apart by other numbers


def steps_at(point: GraphPoint, derived: Collection[str] = ()) -> "StepSimulation":
    """A simulation of the mistakes that can be made at a point, of those on the way
    forward as many as can be paid for where some names are `derived`."""
    budget = point.budget
    budget.spend(_lowering_work(point.program))
    forward = forward_mistakes(point.program.graph)
    each = _lowering_work(point.program) + point.float_work.forward
    shapes = (point.program.shapes.get(point.program.canonical(name), ()) for name in derived)
    each += point.float_work.back * sum(map(math.prod, shapes))
    affordable = int(min(len(forward), PART * budget.left / each))
    made = [*step_mistakes(point.program), *forward[:affordable]]
    return StepSimulation(point, made, is_whole=affordable == len(forward))


def _lowering_work(program: Program) -> int:
    """The operations of making the steps of a program."""
    recurs = any(block.axis is not None for block in program.blocks)
    return LOWERED * len(program.steps) * (1 + recurs)


def _numbers_of(program: Program) -> int:
    """What a variant of the pass takes, in floats of an array: those behind a derivative
    are dual numbers, one by one."""
    derivatives = (n for n, step in enumerate(program.steps) if step.is_derivative)
    return program.work + len(program.steps) + DUAL * sum(map(program.work_of, derivatives))


class StepSimulation(Simulation):
    """The mistakes that can be made in a network of definitions."""

    def __init__(
        self, point: GraphPoint, instances: Sequence[StepMistake], *, is_whole: bool = True
    ):
        super().__init__(point, instances, _numbers_of(point.program))
        self.is_whole = is_whole
        self._programs: dict[int, Program | None] = {}  # of definitions carried out otherwise

    def passed(self, chosen: Sequence[Combination]) -> "_Variants":
        """The pass with a variant for each combination; where a definition is
        carried out otherwise a pass of its own."""
        rows: dict[int | None, list[int]] = {}
        for row, combination in enumerate(chosen):
            rows.setdefault(self._forward(combination), []).append(row)
        parts = []
        self.point.budget.spend(len(rows) * self.point.float_work.forward)
        for number, some in rows.items():
            point = self.point if number is None else self._point_of(number, self.point)
            if point is not None:
                edits = {} if number is not None else self._edits([chosen[row] for row in some])
                variants = 1 if number is not None else len(some)
                passed = GraphCarried(point, None, edits, floats=True, variants=variants)
                parts.append((some, passed))
        return _Variants(parts, len(chosen))

    def entries(self, passed: Any, tensor: Tensor, indices: Sequence[Index]) -> Array:
        """Some entries of a tensor in all variants of such a pass, (V, entries)."""
        entries: Array = passed.entries(tensor, indices)
        return entries

    def evaluated(self, run: Run, tree: f.Node) -> list[Array | None]:
        """A formula's entries in every variant of a run."""
        entries: list[Array | None] = [None] * len(run.chosen)
        for rows, passed in run.passed.parts:
            for k, row in enumerate(rows):
                entries[row] = self.evaluated_at(passed.variant(k), tree)
        return entries

    def altered(self, chosen: Combination, point: Any = None) -> tuple[Any, Any]:
        """The point, of another network where a definition is carried out
        otherwise, and the edits."""
        point, number = point or self.point, self._forward(chosen)
        if number is not None:
            return self._point_of(number, point) or point, {}
        made = self.made(chosen)  # at different edges
        return point, {edge: edit for one in made for edge, edit in one.edits.items()}

    def distinct(self, tree: f.Node, combinations: Sequence[Combination]) -> list[Combination]:
        """Of combinations that give the same for a quantity, whatever the data,
        the first; of a value one on the way forward, if there is one."""
        some = list(combinations)
        if len(some) < 2 or len(some) > MOST_ALIKE:
            return some
        values = Run(self._twin, some).values(tree)
        is_forward = [self._forward(chosen) is not None for chosen in some]
        first: list[int] = []
        for row, mine in enumerate(values):
            same = (k for k in first if np.allclose(mine, values[k], CLOSE, 0, equal_nan=True))
            if (k := next(same, None)) is None:
                first.append(row)
            elif isinstance(tree, f.Quantity) and is_forward[row] and not is_forward[k]:
                first[first.index(k)] = row
        return [some[row] for row in first]

    def likeliest(self, combinations: Sequence[Combination]) -> list[Combination]:
        """Without those that hardly anybody makes, if there are others."""
        rarities = [max(self.instances[n].rarity for n in c) for c in combinations]
        least = min(rarities, default=0)
        return [c for c, rarity in zip(combinations, rarities, strict=True) if rarity == least]

    def number_of(self, size: int, among: tuple[int, ...] | None = None) -> int:
        """How many combinations of so many mistakes there are at most; several
        at once are of those that people make on the way back."""
        return super().number_of(size, self._some_of(size, among))

    def combinations(self, size: int, among: Sequence[int] | None = None) -> Iterator[Combination]:
        """So many mistakes together, in different places."""
        for chosen in super().combinations(size, self._some_of(size, among)):
            pairs = itertools.combinations(self.made(chosen), 2)
            if not any(one.excludes(other) for one, other in pairs):
                yield chosen

    def _some_of(self, size: int, among: Sequence[int] | None) -> tuple[int, ...]:
        numbers = range(len(self.instances)) if among is None else among
        if size == 1:
            return tuple(numbers)
        made = self.instances
        return tuple(n for n in numbers if not made[n].rarity and made[n].graph is None)

    @functools.cached_property
    def _twin(self) -> "StepSimulation":
        """The same with other numbers, of the same signs."""
        chance, point = random.Random(0), self.point
        whole = dict(point.program.graph.whole_numbers)

        def other(number: Fraction) -> Fraction:
            return number * Fraction(chance.randint(80, 120), 100) or Fraction(
                chance.randint(5, 20), 100
            )

        stated = {
            name: array if name in whole else as_array(np.frompyfunc(other, 1, 1)(array))
            for name, array in point.stated.items()
        }
        options = point.arithmetic, point.budget, point.session
        return self.at(GraphPoint(point.program, stated, *options))

    def at(self, point: GraphPoint) -> "StepSimulation":
        """The same mistakes at a point with other numbers."""
        other = StepSimulation(point, self.instances)
        other._programs = self._programs
        return other

    def _forward(self, chosen: Combination) -> int | None:
        """The mistake on the way forward among some."""
        return next((n for n in chosen if self.instances[n].graph is not None), None)

    def _point_of(self, number: int, point: GraphPoint) -> GraphPoint | None:
        """The point of the network that somebody has carried out, None where
        there is none of the same shapes."""
        if number not in self._programs:
            self._programs[number] = self._lowered(number)
        if (program := self._programs[number]) is None:
            return None
        options = point.arithmetic, point.budget, point.session
        return GraphPoint(program, point.stated, *options)

    def _lowered(self, number: int) -> Program | None:
        self.point.budget.spend(_lowering_work(self.point.program))
        try:
            program = lowered(self.instances[number].graph)
        except NO_ANSWER:
            return None
        return program if program.shapes == self.point.program.shapes else None

    def _edits(self, chosen: Sequence[Combination]) -> Edits:
        """The edits of all combinations, each in its own variant."""
        several: dict[Edge, list[tuple[Edit, Array]]] = {}
        rows: dict[int, list[int]] = {}
        for row, combination in enumerate(chosen):
            for number in combination:
                rows.setdefault(number, []).append(row)
        for number, some in sorted(rows.items()):
            mine = np.array(some)
            for edge, edit in self.instances[number].edits.items():
                several.setdefault(edge, []).append((edit, mine))
        return {
            edge: functools.partial(_in_variants, edits, len(chosen))
            for edge, edits in several.items()
        }


def _in_variants(
    edits: Sequence[tuple[Edit, Array]], variants: int, part: Array, b: Backward
) -> Array:
    """What comes back where each edit is made in some variants."""
    result = np.repeat(part, variants, 0) if len(part) < variants else part.copy()
    for edit, rows in edits:
        those = functools.partial(_rows_of, rows, variants)
        arrays, values = list(map(those, b.arrays)), _Rows(b.values, those)
        mine = Backward(b.step, those(b.cotangent), those(b.value), arrays, values)
        result[rows] = edit(those(result), mine)
    return as_array(result)


def _rows_of(rows: Array, variants: int, array: Array) -> Array:
    """Some variants of an array, which has one where all are the same."""
    return array[rows] if len(array) == variants > 1 else array


@dataclass(frozen=True)
class _Rows(Mapping[int, Array]):
    """Some variants of the values of all steps."""

    values_of: Mapping[int, Array]
    those: Callable[[Array], Array]

    def __getitem__(self, slot: int) -> Array:
        return self.those(self.values_of[slot])

    def __iter__(self) -> Iterator[int]:
        return iter(self.values_of)

    def __len__(self) -> int:
        return len(self.values_of)


class _Variants:
    """The variants of several passes, each in its rows."""

    def __init__(self, parts: Sequence[tuple[list[int], GraphCarried]], variants: int):
        self.parts, self.variants = parts, variants

    def entries(self, tensor: Tensor, indices: Sequence[Index]) -> Array:
        """Some entries of a tensor in every variant, (V, entries); no numbers
        where there are none."""
        whole = np.full((self.variants, len(indices)), np.nan)
        for rows, passed in self.parts:
            whole[rows] = passed.in_all(tensor, indices)
        return whole
