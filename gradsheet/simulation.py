"""Mistakes made on purpose: which of the catalogue, alone or together, give what a sheet claims.

All are made in one hand-written pass, side by side in floats. What comes out as claimed there is checked once more in
exact arithmetic, digit by digit or as an identity, before anybody says so.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradsheet import formula as f
from gradsheet.carry import Carried
from gradsheet.compare import printed_value, same_shape
from gradsheet.evaluate import EvaluationError, Evaluator
from gradsheet.figures import forms, significant
from gradsheet.history import History
from gradsheet.judgement import Judgement
from gradsheet.mistakes import Instance, edits_of, instances
from gradsheet.number import as_float
from gradsheet.point import Missing, OutOfTime, Point, as_array
from gradsheet.probe import Probes
from gradsheet.real import Imprecise, Undecided
from gradsheet.sheet import Value, printed_entries
from gradsheet.steps import Index, Pass, Tensor, in_front
from gradsheet.target import core_of, entries_of
from manual import Layer
from manual.activations import Array

MOST_TOGETHER = 3  # mistakes that are tried together
MAX_NUMBERS = 3_000_000  # floats that the variants of one batch may have among them
MAX_VARIANTS = 60_000  # of a level: with more mistakes than that gives, the level is left out
NEAR = 0.02  # how far off rounding on the way may be, for a first look
CLOSE = 1e-9  # of floats that may be equal
CONFIRMED_AT = 64  # points at which an identity is tried

Combination = tuple[int, ...]
NO_VALUE = (EvaluationError, Missing, Undecided, Imprecise, ArithmeticError)
_Ends = Callable[[Mapping[str, int], Array], Iterable[Sequence[tuple[Any, Any]]]]


@dataclass
class Statement:
    """What a claim says of some entries of a tensor: from `low` to `high` each, exactly, whatever digits they have."""

    judgement: Judgement
    tensor: Tensor
    indices: list[Index]
    low: list[Any]
    high: list[Any]
    digits: float
    line: f.Node | None = None  # where it is a formula over all weights
    fits: list["Hypothesis"] = field(default_factory=list)

    def floats(self) -> tuple[Array, Array]:
        low, high = (np.array([as_float(v) for v in ends]) for ends in (self.low, self.high))
        slack = CLOSE * np.maximum(abs(low), abs(high)) + 1e-300
        return low - slack, high + slack


@dataclass(eq=False)
class Hypothesis:
    """Mistakes made together, and how much of the sheet they explain and spoil."""

    chosen: Combination
    explains: frozenset[int]  # statements
    spoils: int

    fewest: int = 0  # statements among those that no fewer mistakes explain

    def rank(self) -> tuple[int, int, int]:
        """What comes first explains best: with the fewest mistakes, what most claims need, and spoils fewest."""
        return len(self.chosen), -self.fewest, self.spoils


class _Simulation:
    """The mistakes of a network made in one pass at a point, in floats, many variants side by side."""

    def __init__(self, point: Point, found: Sequence[Instance]):
        self.instances, self.network = found, point.network

        def floats(array: Any) -> Any:
            return None if array is None else in_front(np.vectorize(as_float, [float])(array))

        rate = None if point.rate is None else float(point.rate)
        params = [Layer(floats(W), floats(b)) for W, b in point.params]
        self._data: Any = params, floats(point.x), floats(point.y), floats(point.d_yhat), rate
        sizes = [W.size + 3 * len(point.x) * sum(W.shape) for W, _ in point.params]
        self.batch = max(1, MAX_NUMBERS // sum(sizes))  # variants at a time

    def run(self, chosen: Sequence[Combination]) -> Pass:
        """The pass with a variant for each combination."""
        made = np.zeros((len(chosen), len(self.instances)), bool)
        for size in {len(combination) for combination in chosen}:
            rows = [row for row, combination in enumerate(chosen) if len(combination) == size]
            made[np.repeat(rows, size), np.array([chosen[row] for row in rows], int).ravel()] = True
        edits: dict[Any, list[Any]] = {}
        for number, instance in enumerate(self.instances):
            rows_of = np.flatnonzero(made[:, number])
            if len(rows_of):
                for step, edit in instance.edits():
                    edits.setdefault(step, []).append((edit, rows_of))
        return Pass(self.network, *self._data, edits=edits, variants=len(chosen))


class Search:
    """The mistakes that explain the claims of a sheet.

    `point` is where the sheet's numbers are; a sheet over all weights has `probes` instead. `history` is what a sheet
    with numbers has printed.
    """

    def __init__(
        self,
        judgements: Sequence[Judgement],
        points: Point | Probes,
        history: History | None = None,
    ):
        self.judgements, self.history = judgements, history
        self.probes = points if isinstance(points, Probes) else None
        self.point = mixed(points) if isinstance(points, Probes) else points
        self.network = self.point.network
        self.instances = instances(self.network, self.point.rate is not None and self.network.update is not None)
        self.simulation = _Simulation(self.point, self.instances)
        self.hypotheses: list[Hypothesis] = []
        self.tried: dict[int, int] = {}  # combinations of so many mistakes
        self._confirmed: dict[Any, bool] = {}
        self.wrong = self._statements(("wrong", "lucky"))
        try:
            if self.wrong:
                self._search(self.wrong, self._statements(("right", "rounded")))
        except OutOfTime:
            pass  # what was found by now is true all the same

    # What is claimed

    def _statement(self, judgement: Judgement) -> Statement | None:
        """What there is to explain in a claim that is wrong, or what a right one says."""
        claim, working = judgement.claim, judgement.working
        right = judgement.verdict in ("right", "rounded")
        if claim.value is not None and (right or (judgement.verdict == "wrong" and judgement.own)):
            printed = printed_entries(claim.value)
            entries = [(p.value - p.half, p.value + p.half) for p in printed]
            return self._of_entries(judgement, entries, _digits(claim.value))
        if right and self.probes is None:
            return None
        lines = [k for k, line in enumerate(working) if right or line.verdict == "wrong"]
        if not lines:
            return None
        tree = claim.working[lines[-1]].tree
        return None if tree is None else self._of_line(judgement, tree)

    def _of_entries(self, judgement: Judgement, entries: Sequence[tuple[Any, Any]], digits: float) -> Statement | None:
        """A statement on the entries that a quantity has, the same for all values of its free letters."""

        def ends(binding: Mapping[str, int], truth: Array) -> Iterator[Sequence[tuple[Any, Any]]]:
            if judgement.verdict == "rounded":  # it is as good as the truth
                yield [(min(a, t), max(b, t)) for (a, b), t in zip(entries, truth.flat, strict=True)]
            else:
                yield entries

        return self._gathered(judgement, ends, digits)

    def _of_line(self, judgement: Judgement, line: f.Node) -> Statement | None:
        """A statement that a line of working makes of the claim's quantity."""
        evaluator, printed = Evaluator(self.point), printed_value(line)
        digits = math.inf if self.probes is not None else 0.0 if printed is None else _digits(printed)

        def ends(binding: Mapping[str, int], truth: Array) -> Iterator[Sequence[tuple[Any, Any]]]:
            nonlocal digits
            for more in evaluator.bindings(line, f.free_letters(judgement.claim.tree)):
                bound = {**binding, **more}
                low = high = evaluator.value(line, bound)
                if not same_shape(low.shape, truth.shape):
                    raise EvaluationError("another shape")
                if printed is not None:
                    yield [(p.value - p.half, p.value + p.half) for p in printed_entries(printed)]
                    continue
                if self.history is not None:
                    low, high = self.history.spread(judgement.claim, line, self.point, bound)
                    digits = sum(_size(v) for v in low.flat)
                yield list(zip(low.flat, high.flat, strict=True))

        statement = self._gathered(judgement, ends, math.inf)
        if statement is not None:
            statement.digits = digits
            statement.line = line if self.probes is not None else None
        return statement

    def _gathered(self, judgement: Judgement, ends: _Ends, digits: float) -> Statement | None:
        """The statement on all entries, for all values of the free letters; None where it is on no single quantity."""
        tree = judgement.claim.tree
        if (found := core_of(tree, self.point.rate)) is None or not found[0]:
            return None
        factor, core = found
        statement: Statement | None = None
        for binding in Evaluator(self.point).bindings(tree):
            tensor, indices = entries_of(core, self.point, binding)
            for entries in ends(binding, as_array(Evaluator(self.point).value(core, binding) * factor)):
                if len(entries) != len(indices):
                    return None
                statement = statement or Statement(judgement, tensor, [], [], [], digits)
                statement.indices += indices
                statement.low += [min(a / factor, b / factor) for a, b in entries]
                statement.high += [max(a / factor, b / factor) for a, b in entries]
        return statement

    def _statements(self, verdicts: Iterable[str]) -> list[Statement]:
        found = []
        for judgement in self.judgements:
            if judgement.verdict in verdicts:
                try:
                    statement = self._statement(judgement)
                except NO_VALUE:
                    continue
                if statement is not None:
                    found.append(statement)
        return found

    # The search

    def _search(self, wrong: Sequence[Statement], right: Sequence[Statement]) -> None:
        """All combinations of the fewest mistakes that explain every statement, as far as there are any."""
        relevant = range(len(self.instances))
        for size in range(1, MOST_TOGETHER + 1):
            open_ones = [s for s in wrong if not s.fits and (size < MOST_TOGETHER or s.digits >= 6)]
            if not open_ones:
                continue
            if size > 1:
                relevant = self._relevant(open_ones)  # type: ignore[assignment]
            if math.comb(len(relevant), size) > MAX_VARIANTS:
                return
            self.point.budget.check()
            chosen = [
                combination
                for combination in itertools.combinations(relevant, size)
                if not any(
                    self.instances[a].excludes(self.instances[b]) for a, b in itertools.combinations(combination, 2)
                )
            ]
            self.tried[size] = max(1, len(chosen))
            self._try(chosen, wrong, right)

    def _relevant(self, statements: Sequence[Statement]) -> list[int]:
        """The mistakes that alone change what some statements speak of."""
        singles = [(), *((number,) for number in range(len(self.instances)))]
        run = self.simulation.run(singles)
        moved = np.zeros(len(singles), bool)
        with np.errstate(all="ignore"):
            for statement in statements:
                values = run.entries(statement.tensor, statement.indices)
                scale = abs(values[:1]) * CLOSE
                moved |= ~(abs(values - values[:1]) <= scale).all(-1)
        return [int(row) - 1 for row in np.flatnonzero(moved)]

    def _try(self, chosen: list[Combination], wrong: Sequence[Statement], right: Sequence[Statement]) -> None:
        for start in range(0, len(chosen), self.simulation.batch):
            self.point.budget.check()
            batch = chosen[start : start + self.simulation.batch]
            with np.errstate(all="ignore"):
                run = self.simulation.run(batch)
                fit = np.stack([_inside(run, statement) for statement in wrong], -1)
                rows = np.flatnonzero(fit.any(-1))
                if not len(rows):
                    continue
                if len(rows) < len(batch):
                    run = self.simulation.run([batch[row] for row in rows])
                spoilt = np.zeros(len(rows), int)
                for statement in right:
                    spoilt += ~_inside(run, statement)
            for k, row in enumerate(rows):
                found = Hypothesis(batch[row], frozenset(np.flatnonzero(fit[row]).tolist()), int(spoilt[k]))
                self.hypotheses.append(found)
                for number in found.explains:
                    if not wrong[number].fits or len(wrong[number].fits[0].chosen) == len(found.chosen):
                        wrong[number].fits.append(found)
                        found.fewest += 1

    # Exactly

    def confirm(self, chosen: Combination, statement: Statement) -> bool:
        """Whether mistakes give what is claimed exactly, in all digits or as an identity."""
        key = chosen, id(statement)
        if key not in self._confirmed:
            self.point.budget.check()
            edits = edits_of([self.instances[number] for number in chosen])
            try:
                if statement.line is None:
                    self._confirmed[key] = self._gives(Carried(self.point, None, edits), statement)
                else:
                    self._confirmed[key] = self._is_identity(edits, statement)
            except NO_VALUE:
                self._confirmed[key] = False
        return self._confirmed[key]

    def loosely(self, statement: Statement, among: Sequence[Combination]) -> list[Combination]:
        """The combinations that give a number but for the rounding of the values printed before it."""
        judgement, history = statement.judgement, self.history
        if history is None or judgement.verdict != "wrong" or not judgement.own or not among:
            return []
        low, high = statement.floats()
        with np.errstate(all="ignore"):
            values = self.simulation.run(among).entries(statement.tensor, statement.indices)
            moved = (abs(values - self.simulation.run([()]).entries(statement.tensor, statement.indices)) > 0).any(-1)
            near = (abs(values - (low + high) / 2) <= NEAR * abs(values) + 2 * (high - low)).all(-1)
        found = []
        for row in np.flatnonzero(near & moved).tolist():
            self.point.budget.check()
            edits = edits_of([self.instances[number] for number in among[row]])
            if history.rounded(judgement.claim, self.point, edits):
                found.append(among[row])
        return found

    @staticmethod
    def _gives(carried: Carried, statement: Statement) -> bool:
        values = carried.entries(statement.tensor, statement.indices)
        return all(a <= v <= b for v, a, b in zip(values, statement.low, statement.high, strict=True))

    def _is_identity(self, edits: Any, statement: Statement) -> bool:
        assert self.probes is not None
        assert statement.line is not None
        tree = statement.judgement.claim.tree
        return agree_everywhere(self.probes, tree, statement.line, lambda point: Carried(point, None, edits))


def _inside(run: Pass, statement: Statement) -> Array:
    """In which variants a statement holds, as far as floats tell."""
    low, high = statement.floats()
    values = run.entries(statement.tensor, statement.indices)
    return np.asarray(((low <= values) & (values <= high)).all(-1))


def _digits(value: Value) -> float:
    """How many digits are claimed, by which chance is judged."""
    return sum(significant(printed) for printed in printed_entries(value))


def _size(value: Any) -> float:
    """About how many digits a value has that a formula gave."""
    exact = getattr(value, "exact", value)
    if exact is None:
        return 6.0
    return max(1, len(str(abs(exact.numerator)).rstrip("0")) + len(str(exact.denominator)) - 1)


def mixed(probes: Probes) -> Point:
    """A point with generic numbers, about half of its units live."""
    points = [point for point in itertools.islice(probes, 9) if point.jax_of is None]
    return min(points, key=lambda point: abs(2 * sum(point.live_units()) - len(point.live_units())))


def agree_everywhere(
    probes: Probes,
    quantity: f.Node,
    line: f.Node,
    seen: Callable[[Point], Point] = lambda point: point,
    form: int | None = None,
) -> bool:
    """Whether a formula is a quantity, as points are `seen`, wherever both are defined; in the form of that number."""
    defined = False
    smooth = (point for point in probes if not point.free)
    for point in itertools.islice(smooth, CONFIRMED_AT):
        evaluator = Evaluator(point)
        try:
            for binding in evaluator.bindings(quantity):
                truth = Evaluator(seen(point)).value(quantity, binding)
                truth = truth if form is None else [array for _, array in forms(truth)][form]
                for more in evaluator.bindings(line, f.free_letters(quantity)):
                    mine = evaluator.value(line, {**binding, **more})
                    if not same_shape(mine.shape, truth.shape):
                        return False
                    if any(a != b for a, b in zip(mine.flat, truth.flat, strict=True)):
                        return False
        except (ArithmeticError, Undecided, EvaluationError):
            point.budget.check()
            continue
        defined = True
    return defined
