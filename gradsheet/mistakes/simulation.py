"""Mistakes made on purpose: many variants of one hand-written pass side by side, in floats."""

import functools
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradsheet.language import formula as f
from gradsheet.language.evaluate import Evaluator
from gradsheet.mistakes.catalogue import Instance, edits_of, instances
from gradsheet.mistakes.layer_pass import Pass, Taken, in_front
from gradsheet.mistakes.layer_values import LayerEdits, within_layers
from gradsheet.mistakes.layered import problem_of
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.printed import as_float
from gradsheet.numbers.reasons import NO_VALUE
from gradsheet.truth.carrying import carried as carried_at
from gradsheet.truth.graph_point import GraphPoint
from gradsheet.truth.target import core_of, entries_of
from gradsheet.truth.values import Index, Tensor
from manual.activations import Array

MAX_NUMBERS = 1_000_000  # floats that the variants of one batch may have among them
# Combinations of so many mistakes as are tried; where there are more, none is.
MAX_VARIANTS = 60_000
MAX_CATALOGUES = 64  # networks whose possible mistakes are cached
MAX_SIMULATIONS = 16  # for further sheets with the same numbers
MAX_KEPT_VARIANTS = 2_000  # of a batch whose pass is kept beside others
MAX_RUNS = 5 * MAX_VARIANTS  # combinations in all runs of a session
MAX_ANSWERS = 2_000_000  # numbers that are kept of what its runs gave
CLOSE = 1e-9  # how far apart floats are that may be equal

Combination = tuple[int, ...]  # of mistakes, by their numbers among the instances


class Together(Sequence[Combination]):
    """Combinations of equally many mistakes, `numbers` of them, (V, mistakes),
    of which those beyond all stand for none."""

    def __init__(self, numbers: Array):
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, row: Any) -> Any:
        some = self.numbers[row]
        return Together(some) if isinstance(row, slice) else tuple(some.tolist())


class Run:
    """The pass at a point in floats, with one variant for each combination of mistakes."""

    def __init__(self, simulation: "Simulation", chosen: Sequence[Combination]):
        self.simulation, self.chosen = simulation, chosen
        self._token = object()
        self._pass: Any = None
        self._narrow: dict[frozenset[int], tuple[Run | None, Array]] = {}

    def kept(self, question: Hashable, find: Callable[[], Array]) -> Array:
        """What the run gave before, or gives now: an array that nobody changes."""
        answers = self.simulation._answers
        array: Array = answers.get((self._token, question), find, lambda array: array.size)
        return array

    @property
    def passed(self) -> Any:
        """The pass itself; a large one is forgotten for the next large one, and then made anew."""
        if len(self.chosen) > MAX_KEPT_VARIANTS:
            large = self.simulation._passes.get(self._token, self._make)
            return large
        if self._pass is None:
            self._pass = self._make()
        return self._pass

    def _make(self) -> Any:
        with np.errstate(all="ignore"):  # what comes out of a mistake may be no number
            return self.simulation.passed(self.chosen)

    def forget(self) -> None:
        """Free the memory of the pass."""
        self._pass = None

    def values(self, tree: f.Node) -> Array:
        """A quantity's entries for all values of its free letters, (V,
        entries); of no number where they are none.

        Formulas of several quantities take longer, and are left out where there
        are many variants.
        """
        return self.kept(tree, lambda: self._find(tree))

    def _find(self, tree: f.Node) -> Array:
        target = self.simulation.target(tree)
        if target is not None:
            if isinstance(self.chosen, Together) and len(self.chosen) > MAX_KEPT_VARIANTS:
                distinct, among = self._narrowed(self.chosen, self.simulation.touching(tree))
                if distinct is not None:
                    return np.asarray(distinct.values(tree)[among])
            factor, tensor, indices = target
            with np.errstate(all="ignore"):
                entries = self.simulation.entries(self.passed, tensor, indices)
                return np.asarray(factor * entries)
        if len(self.chosen) > len(self.simulation.instances) + 1:
            return np.full((len(self.chosen), 1), np.nan)
        rows = self.simulation.evaluated(self, tree)
        length = max((len(row) for row in rows if row is not None), default=1)
        none = np.full(length, np.nan)
        return np.stack([none if row is None or len(row) != length else row for row in rows])

    def _narrowed(self, whole: Together, touching: frozenset[int]) -> tuple["Run | None", Array]:
        """A run of the combinations that differ in what they touch, and which of
        them each combination comes to; None where all of them differ."""
        if touching not in self._narrow:
            for run, _ in self._narrow.values():
                if run is not None:
                    run.forget()
            none = len(self.simulation.instances)
            as_none = np.full(none + 1, none)
            as_none[list(touching)] = list(touching)
            numbers = np.sort(as_none[whole.numbers])
            if np.array_equal(numbers, whole.numbers):
                self._narrow[touching] = None, numbers
            else:
                key = numbers @ (none + 1) ** np.arange(numbers.shape[1])
                _, first, among = np.unique(key, return_index=True, return_inverse=True)
                self._narrow[touching] = Run(self.simulation, Together(numbers[first])), among
        return self._narrow[touching]


def simulation_at(point: GraphPoint) -> "LayerSimulation":
    """The simulation at a point, found again for sheets with the same numbers."""
    problem = problem_of(point).converted(np.vectorize(_plain, [object]))
    simulations = point.session.cache("simulations", MAX_SIMULATIONS)
    simulation: LayerSimulation = simulations.get(problem.key, lambda: simulate(point))
    simulation.point = point
    return simulation


def simulate(point: GraphPoint) -> "LayerSimulation":
    """A simulation of the mistakes that can be made at a point."""
    problem = problem_of(point)
    network = problem.network
    question = network, point.rate is not None and network.update is not None
    made = point.session.cache("mistakes", MAX_CATALOGUES).get(
        question, lambda: instances(*question)
    )

    def floats(array: Array) -> Array:
        return np.asarray(in_front(np.vectorize(as_float, [float])(array)))

    rate = None if point.rate is None else float(point.rate)
    return LayerSimulation(point, replace(problem.converted(floats), rate=rate), made)


class Simulation(ABC):
    """The mistakes that can be made at a point, `instances` of them; a variant
    of the pass has so many `numbers`. `is_whole` where they are all that are
    known."""

    is_whole = True

    def __init__(self, point: Any, instances: Sequence[Any], numbers: int):
        self.point, self.instances, self.numbers = point, instances, numbers
        self.batch = max(1, MAX_NUMBERS // self.numbers)  # variants that are run at a time
        session = point.session
        self._runs = session.cache("runs", MAX_RUNS)
        self._answers = session.cache("answers of runs", MAX_ANSWERS)
        self._passes = session.cache("large passes", 1)
        self._token = object()
        self._some: LRUCache[Run] = LRUCache(MAX_ANSWERS // 10)
        self._targets: dict[f.Node, tuple[float, Tensor, list[Index]] | None] = {}

    @property
    def singles(self) -> list[Combination]:
        """Each mistake alone."""
        return [(number,) for number in range(len(self.instances))]

    def runs(self, size: int, among: tuple[int, ...] | None = None) -> Iterator[Run]:
        """Runs of all combinations of so many mistakes, of some of them or of
        all; none where there are too many."""
        if not self.number_of(size, among):
            return

        def batches() -> list[Run]:
            chosen = self.together(size, among)
            starts = range(0, len(chosen), self.batch)
            return [Run(self, chosen[start : start + self.batch]) for start in starts]

        question = self._token, size, among
        runs = self._runs.get(question, batches, lambda runs: sum(len(run.chosen) for run in runs))
        for run in runs:
            yield run
            if among is not None:
                run.forget()

    def number_of(self, size: int, among: tuple[int, ...] | None = None) -> int:
        """How many combinations of so many mistakes there are at most, or 0 where none is tried."""
        number = math.comb(len(self.instances if among is None else among), size)
        return number if number <= MAX_VARIANTS else 0

    def run(self, chosen: tuple[Combination, ...]) -> Run:
        """The run of some combinations."""
        return self._some.get(
            chosen, lambda: Run(self, chosen), lambda _: len(chosen) * self.numbers
        )

    def combinations(self, size: int, among: Sequence[int] | None = None) -> Iterator[Combination]:
        """So many mistakes together, of some or of all, but for one made twice
        in the same place."""
        numbers = range(len(self.instances)) if among is None else among
        chosen = itertools.combinations(numbers, size)
        if size == 2:
            return (pair for pair in chosen if pair not in self._clashes)
        return filter(self.is_possible, chosen)

    def together(self, size: int, among: Sequence[int] | None = None) -> Sequence[Combination]:
        """All combinations of so many mistakes."""
        return list(self.combinations(size, among))

    def touching(self, tree: f.Node) -> frozenset[int]:
        """The mistakes that can have a say in a quantity, in whatever numbers."""
        return frozenset(range(len(self.instances)))

    @functools.cached_property
    def _clashes(self) -> set[Combination]:
        """The pairs that are one mistake made twice in the same place."""
        alike: dict[int, list[int]] = {}
        for number, instance in enumerate(self.instances):
            alike.setdefault(id(instance.mistake), []).append(number)
        pairs = (pair for numbers in alike.values() for pair in itertools.permutations(numbers, 2))
        return {(a, b) for a, b in pairs if self.instances[a].excludes(self.instances[b])}

    def is_possible(self, chosen: Combination) -> bool:
        """Whether none of some mistakes is made twice in the same place."""
        return self._clashes.isdisjoint(itertools.combinations(chosen, 2))

    def made(self, chosen: Sequence[int]) -> list[Any]:
        """The mistakes of a combination."""
        return [self.instances[number] for number in chosen]

    def target(self, tree: f.Node) -> tuple[float, Tensor, list[Index]] | None:
        """The factor, the tensor and the entries that a quantity is; None for a
        formula of several, and for values in several tensors: dL/dc[t-1] where
        c[0] is given."""
        if tree not in self._targets:
            self._targets[tree] = None
            if (core := core_of(tree, self.point.rate)) and core[0]:
                bindings = Evaluator(self.point).bindings(tree)
                entries = [entries_of(core[1], self.point, binding) for binding in bindings]
                (tensor, _), *others = entries
                if all(other == tensor for other, _ in others):
                    indices = [index for _, some in entries for index in some]
                    self._targets[tree] = as_float(core[0]), tensor, indices
        return self._targets[tree]

    def evaluated(self, run: Run, tree: f.Node) -> list[Array | None]:
        """A formula's entries in every variant of a run."""
        altered = map(self.altered, run.chosen)
        return [
            self.evaluated_at(carried_at(point, None, edits, floats=True), tree)
            for point, edits in altered
        ]

    def evaluated_at(self, carried: Any, tree: f.Node) -> Array | None:
        """A formula's entries in floats; None where it has no value."""
        try:
            bindings = Evaluator(self.point).bindings(tree)
            with np.errstate(all="ignore"):
                rows = [Evaluator(carried).value(tree, binding) for binding in bindings]
            return np.concatenate([np.ravel(row) for row in rows]).astype(float)
        except NO_VALUE:
            return None

    def distinct(self, tree: f.Node, combinations: Sequence[Combination]) -> list[Combination]:
        """Of combinations that give the same for a quantity, whatever the data, the first."""
        return list(combinations)

    def at(self, point: Any) -> "Simulation":
        """The same mistakes at a point with other numbers."""
        raise NotImplementedError

    def likeliest(self, combinations: Sequence[Combination]) -> list[Combination]:
        """Of combinations that explain as much those that people make."""
        return list(combinations)

    @abstractmethod
    def passed(self, chosen: Sequence[Combination]) -> Any:
        """The pass with a variant for each combination; it gives `entries` of tensors."""

    def side_by_side(self, chosen: Sequence[Combination]) -> Any:
        """The edits of combinations, each in a variant of one pass; None where that cannot be."""
        return None

    @abstractmethod
    def entries(self, passed: Any, tensor: Tensor, indices: Sequence[Index]) -> Array:
        """Some entries of a tensor in all variants of such a pass, (V, entries)."""

    @abstractmethod
    def altered(self, chosen: Combination, point: Any = None) -> tuple[Any, Any]:
        """What somebody sees who makes some mistakes: the values that are right but
        for edits, and the edits; at this point or another."""


class LayerSimulation(Simulation):
    """The mistakes that can be made in a network of layers, whose `problem` has
    floats with the axis of variants."""

    def __init__(self, point: GraphPoint, problem: Problem, instances: Sequence[Instance]):
        super().__init__(point, instances, numbers_of(problem.network, problem.x.shape[-2]))
        self.problem = problem
        self._touching: dict[f.Node, frozenset[int]] = {}

    def together(self, size: int, among: Sequence[int] | None = None) -> Sequence[Combination]:
        """All combinations of so many mistakes, in the order of their numbers."""
        some = np.arange(len(self.instances)) if among is None else np.array(among, int)
        clash = np.zeros((len(self.instances),) * 2, bool)
        for pair in self._clashes:
            clash[pair] = True
        at = np.arange(len(some))[:, None]
        for _ in range(1, size):  # each with every further one
            more = len(some) - 1 - at[:, -1]
            further = np.arange(more.sum()) - np.repeat(more.cumsum() - more - at[:, -1] - 1, more)
            at = np.column_stack([np.repeat(at, more, 0), further])
            clashes = clash[some[at[:, :-1]], some[further][:, None]].any(-1)
            at = at[~clashes]
        return Together(some[at])

    def touching(self, tree: f.Node) -> frozenset[int]:
        """The mistakes in the steps that a pass takes on the way to a quantity."""
        if tree not in self._touching:
            target, taken = self.target(tree), Taken()
            assert target is not None
            with np.errstate(all="ignore"):
                self.entries(Pass(self.problem, edits=taken), *target[1:])
            self._touching[tree] = frozenset(
                number for number, steps in enumerate(self._steps) if not steps.isdisjoint(taken)
            )
        return self._touching[tree]

    @functools.cached_property
    def _steps(self) -> list[set[Any]]:
        """Of every mistake the steps that it edits."""
        return [{step for step, _ in instance.edits()} for instance in self.instances]

    def passed(self, chosen: Sequence[Combination]) -> Pass:
        """The pass with a variant for each combination."""
        edits = self.side_by_side(chosen).edits
        return Pass(self.problem, edits=edits, variants=len(chosen))

    def side_by_side(self, chosen: Sequence[Combination]) -> LayerEdits:
        """The edits of combinations, each in a variant of one pass."""
        if isinstance(chosen, Together):
            is_made = chosen.numbers < len(self.instances)
            made, sizes = chosen.numbers[is_made], is_made.sum(1)
        else:
            made, sizes = np.array([*itertools.chain(*chosen)], int), [*map(len, chosen)]
        order = np.argsort(made.astype(np.uint16), kind="stable")
        numbers, first = np.unique(made[order], return_index=True)
        # The variants that each mistake is made in.
        rows = np.repeat(np.arange(len(chosen)), sizes)[order]
        return LayerEdits(edits_of(self.made(numbers.tolist()), np.split(rows, first[1:])))

    def entries(self, passed: Any, tensor: Tensor, indices: Sequence[Index]) -> Array:
        """Some entries of a tensor in all variants of such a pass, (V, entries)."""
        places = [within_layers(self.problem.network, tensor, index) for index in indices]
        entries: Array = passed.entries(places[0][0], [index for _, index in places])
        return entries

    def altered(self, chosen: Combination, point: Any = None) -> tuple[Any, Any]:
        """The point, and the edits to its pass."""
        return point or self.point, LayerEdits(edits_of(self.made(chosen)))


def numbers_of(network: Network, examples: int) -> int:
    """The floats of a variant of the pass."""
    shapes = zip(network.widths, network.widths[1:], strict=False)
    return sum(inputs * units + 3 * examples * (inputs + units) for inputs, units in shapes)


def _plain(value: Any) -> Any:
    """A number that says by itself whether it is the same."""
    exact = getattr(value, "exact", value)
    return as_float(value) if exact is None else exact


def changed(values: Array) -> Array:
    """Which entries differ in which variants from those of the first variant,
    where that has numbers."""
    first = values[:1]
    with np.errstate(all="ignore"):
        same = abs(values[1:] - first) <= CLOSE * abs(first)
    return np.asarray(~same & np.isfinite(first))
