"""The search for mistakes that explain what a sheet claims.

What comes out as claimed in floats is checked once more in exact arithmetic,
digit by digit or as an identity, before anybody says so.
"""

import contextlib
import functools
import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradsheet.claims.comparison import Given, agree_at, printed_value, truths_at
from gradsheet.claims.following import follow_work
from gradsheet.claims.history import History
from gradsheet.claims.judgement import QUOTES, Judgement
from gradsheet.claims.record import WrongClaim
from gradsheet.claims.sheet import Claim
from gradsheet.language import formula as f
from gradsheet.language.evaluate import Binding, Evaluator, same_shape
from gradsheet.mistakes.layer_values import Carried
from gradsheet.mistakes.layered import layers_of
from gradsheet.mistakes.probes import Probes
from gradsheet.mistakes.simulation import (
    CLOSE,
    Combination,
    Run,
    Simulation,
    changed,
    simulation_at,
)
from gradsheet.mistakes.steps import steps_at
from gradsheet.numbers.budget import FLOAT_PASS, FLOATS
from gradsheet.numbers.printed import Value, as_float, printed_entries
from gradsheet.numbers.reasons import (
    NO_ANSWER,
    NO_VALUE,
    AtKink,
    EvaluationError,
    Missing,
    OutOfWork,
)
from gradsheet.numbers.slips import significant
from gradsheet.truth.carrying import carried as carried_at
from gradsheet.truth.graph_point import GraphPoint
from gradsheet.truth.target import core_of
from gradsheet.truth.values import Values
from manual.activations import Array

IN_A_PASS = 4  # operations of exact arithmetic, which take the time of one elsewhere in the search
MOST_TOGETHER = 3  # mistakes that are tried together
ENOUGH_DIGITS = 6  # that a number has to have for so many
FEW = 20  # combinations that are tried at further points before others are
FEW_PARTS = 8  # of which each is simulated by itself
NEAR = 0.02  # how far apart floats are that may be equal but for rounding on the way
PART = 3  # operations that a part of a formula takes in each variant
CHARGED = 6  # points that trying an identity is charged for
CONFIRMED_AT = 64  # points at which an identity is tried

Interval = tuple[Any, Any]
# The points beside the kinks of some formulas.
Beside = Callable[[Sequence[f.Node]], Sequence[GraphPoint]]


def nowhere(_: Sequence[f.Node]) -> Sequence[GraphPoint]:
    """No points: a sheet with numbers has one."""
    return ()


class Intervals(list[Interval]):
    """The bounds of entries, one after the other; many sheets say the same."""

    @functools.cached_property
    def floats(self) -> tuple[Array, Array]:
        """The lower and the upper ones, a little wider."""
        ends = [[as_float(low), as_float(high)] for low, high in self]
        low, high = np.array(ends, float).reshape(-1, 2).T
        slack = CLOSE * np.maximum(abs(low), abs(high)) + 1e-300
        with np.errstate(all="ignore"):  # beyond all floats nothing is compared
            return low - slack, high + slack

    @functools.cached_property
    def key(self) -> tuple[bytes, bytes]:
        """The same, to tell them from others."""
        low, high = self.floats
        return low.tobytes(), high.tobytes()


@dataclass
class Statement:
    """What a claim says: that its quantity's entries, for all values of its
    free letters, are within these bounds.

    `digits` tells how unlikely chance is; `line` is the formula of a claim over
    all weights.
    """

    judgement: Judgement
    bounds: Intervals
    digits: float
    line: f.Node | None = None
    is_of_number: bool = False  # and not of a line of the working
    fits: list["Hypothesis"] = field(default_factory=list)

    @property
    def is_carried(self) -> bool:
        """Whether it follows from a mistake before it: it tells which of
        several that was, and needs none itself."""
        return self.judgement.verdict == "carried_forward"

    @property
    def tree(self) -> f.Node:
        """The quantity that it speaks of."""
        return self.judgement.claim.tree

    @property
    def key(self) -> tuple[Any, ...]:
        """What it says, to tell it from others."""
        return self.tree, *self.bounds.key

    def holds(self, run: Run) -> Array:
        """In which variants it holds, as far as floats tell."""

        def find() -> Array:
            low, high = self.bounds.floats
            values = run.values(self.tree)
            if values.shape[-1] != len(low):
                return np.zeros(len(values), bool)
            # Not where there is no number.
            return np.asarray(((low <= values) & (values <= high)).all(-1), bool)

        return run.kept(self.key, find)


@dataclass(eq=False)
class Hypothesis:
    """Mistakes made together: the statements that they explain, how many of
    those no fewer explain, and the right claims that they spoil."""

    chosen: Combination
    explains: frozenset[int]
    spoils: int
    fewest: int = 0

    def rank(self) -> tuple[int, int, int]:
        """What comes first explains best: with the fewest mistakes, the most
        that needs them, and spoils least."""
        return len(self.chosen), -self.fewest, self.spoils


@dataclass(eq=False)
class Search:
    """The mistakes that explain the claims of a sheet, as far as `run` got.

    `probes` are those of a sheet over all weights, and `point` is one of them
    then; of a sheet for all values there are `further` points, and those
    `beside` the kinks of formulas; `history` is what a sheet with numbers has printed.
    """

    judgements: Sequence[Judgement]
    history: History | None
    probes: Probes | None
    point: Any
    simulation: Simulation
    further: Sequence[GraphPoint] = ()
    beside: Beside = nowhere
    wrong: list[Statement] = field(default_factory=list)
    right: list[Statement] = field(default_factory=list)
    hypotheses: list[Hypothesis] = field(default_factory=list)
    tried: dict[int, int] = field(default_factory=dict)  # combinations of so many mistakes
    is_complete: bool = True  # whether all combinations could be paid for
    is_paid: bool = True  # whether the search came to its end
    _confirmed: dict[Any, bool] = field(default_factory=dict)
    # The simulations that were paid for.
    _paid: set[tuple[int, tuple[int, ...] | None]] = field(default_factory=set)
    _seen: dict[Any, Values] = field(default_factory=dict)
    _passed: set[Any] = field(default_factory=set)  # what of it was paid for
    # What lines gave at the probes: one is held against many quantities.
    given: Given = field(default_factory=dict)
    _spoils: dict[Combination, int] = field(default_factory=dict)

    def run(self) -> None:
        """Search until the operations are spent."""
        try:
            self.wrong = self._statements(("wrong", "lucky", "carried_forward"))
            if any(not statement.is_carried for statement in self.wrong):
                # What is claimed twice, once right, was claimed by two people.
                asked = {statement.tree for statement in self.wrong}
                right = self._statements(("right", "rounded"))
                self.is_complete = self.simulation.is_whole
                self.right = [statement for statement in right if statement.tree not in asked]
                self._search()
        except OutOfWork:
            self.is_complete = self.is_paid = False

    # What is claimed

    def _statements(self, verdicts: Collection[str]) -> list[Statement]:
        statements = []
        for judgement in self.judgements:
            if judgement.verdict in verdicts:
                with contextlib.suppress(*NO_VALUE):
                    statements.append(self._statement(judgement))
        return [statement for statement in statements if statement is not None]

    def _statement(self, judgement: Judgement) -> Statement | None:
        """What a right claim says; of another one what there is to explain, its
        number or its last wrong line."""
        claim = judgement.claim
        right = judgement.verdict in ("right", "rounded")
        false = any(line.verdict == "wrong" for line in judgement.working)
        of_number = judgement.verdict == "wrong" and (judgement.own or not false)
        if claim.value is not None and (
            right or of_number or judgement.verdict == "carried_forward"
        ):
            statement = self._of_value(judgement, claim.value)
            statement.is_of_number = True
            if judgement.verdict == "rounded":  # it is as good as the truth
                truths = [v for _, truth in truths_at(self.point, claim.tree) for v in truth.flat]
                pairs = zip(statement.bounds, truths, strict=True)
                statement.bounds = Intervals(
                    (min(low, t), max(high, t)) for (low, high), t in pairs
                )
            return statement
        lines = [k for k, line in enumerate(judgement.working) if right or line.verdict == "wrong"]
        if not lines or (right and self.probes is None):
            return None
        line = claim.working[lines[-1]].tree
        if judgement.working[lines[-1]].message == QUOTES:  # then every mistake fits
            return None
        return None if line is None else self._of_line(judgement, line)

    def _of_value(self, judgement: Judgement, value: Value) -> Statement:
        """A statement that printed numbers make: each is within half a unit of its last digit."""
        printed = printed_entries(value)
        ends = [p.ends for p in printed]
        bounds = self._for_each(judgement.claim.tree, lambda *_: [ends])
        return Statement(judgement, bounds, sum(map(significant, printed)))

    def _of_line(self, judgement: Judgement, line: f.Node) -> Statement:
        """A statement that a line of working makes; raises as evaluating it does."""
        if (value := printed_value(line)) is not None:
            return self._of_value(judgement, value)
        claim = judgement.claim

        def find() -> Intervals:
            evaluator = Evaluator(self.point)
            several = list(evaluator.bindings(line, claim.tree.letters))
            if len(several) > 1:  # then it says as many things of one entry
                raise EvaluationError("a letter that the quantity has not")
            return self._for_each(claim.tree, functools.partial(said, evaluator, several))

        def said(
            evaluator: Evaluator, several: list[Binding], binding: Binding, truth: Array
        ) -> Iterator[list[Interval]]:
            for more in several:
                everywhere = {**binding, **more}
                if self.history is None:
                    low = high = evaluator.value(line, everywhere)
                else:
                    reach = self.history.reach(claim, self.point)
                    low, high = reach.spread(line, everywhere, known=True)
                fits = same_shape(low.shape, truth.shape)
                yield list(zip(low.flat, high.flat, strict=True)) if fits else []

        if self.probes is not None:
            bounds = self.probes.kept(("said", claim.tree, line), find)
            return Statement(judgement, bounds, math.inf, line)
        bounds = find()
        if self.further:
            return Statement(judgement, bounds, math.inf, line)
        return Statement(judgement, bounds, sum(_size(low, high) for low, high in bounds))

    def _for_each(
        self, tree: f.Node, bounds: Callable[[Binding, Array], Iterable[list[Interval]]]
    ) -> Intervals:
        """The bounds of all entries of a quantity, for all values of its free
        letters; EvaluationError where they do not fit."""
        entries = Intervals()
        for binding, truth in truths_at(self.point, tree):
            for some in bounds(binding, truth):
                if len(some) != truth.size:
                    raise EvaluationError("another shape")
                entries += some
        return entries

    # The search

    def _search(self) -> None:
        """All combinations of the fewest mistakes that explain the statements; of
        two as well where any single one that would do spoils what is right."""
        wrong = [statement for statement in self.wrong if not statement.is_carried]
        for size in range(1, MOST_TOGETHER + 1):
            left = [s for s in wrong if not s.fits]
            if size == 2:
                left += [s for s in wrong if s.fits and all(h.spoils for h in s.fits)]
            if size == MOST_TOGETHER:  # what fits by chance is not even looked for
                left = [s for s in left if s.digits >= ENOUGH_DIGITS]
            parts = [tuple(fitting) for fitting in self._fitting(left, size) if fitting]
            found = tuple(dict.fromkeys(itertools.chain(*parts)))
            # What fits one statement often does so on the next sheet; but of many,
            # formulas are left out.
            few = len(parts) <= FEW_PARTS and len(found) <= len(self.simulation.instances) + 1
            self._add(parts if few else [found], size)

    def _fitting(self, statements: Sequence[Statement], size: int) -> list[list[Combination]]:
        """For every statement the combinations of so many mistakes that give
        what is claimed, as far as floats tell."""
        among = [self._relevant(s) if size == MOST_TOGETHER else None for s in statements]
        for statement, some in zip(statements, among, strict=True):
            self._pay(size, some, len(statement.bounds))
            if size == 1 and self.simulation.target(statement.tree) is None:
                parts = PART * statement.tree.size
                self.point.budget.spend(parts * self.simulation.number_of(size, some))

        def key(statement: Statement) -> Any:
            return "fitting", statement.tree, statement.line, size

        known = [self.probes.known(key(s)) if self.probes and s.line else None for s in statements]
        fitting: list[list[Combination]] = [some or [] for some in known]
        # Each run serves all statements before the next one: there may be too many to be kept.
        for some in dict.fromkeys(among):
            asked = [k for k, other in enumerate(among) if other == some and known[k] is None]
            tried = 0
            for run in self.simulation.runs(size, some) if asked else ():
                tried += len(run.chosen)
                for k in asked:
                    rows = np.flatnonzero(statements[k].holds(run)).tolist()
                    fitting[k] += [run.chosen[row] for row in rows]
            if tried:
                self.tried[size] = max(self.tried.get(size, 0), tried)
        for k, (statement, combinations) in enumerate(zip(statements, fitting, strict=True)):
            if self.further:
                combinations = self._seem_to_fit(statement, combinations)
                if len(combinations) <= FEW:
                    combinations = [c for c in combinations if self.confirm(c, statement)]
                fitting[k] = combinations
            if self.probes and statement.line:
                self.probes.kept(key(statement), functools.partial(list, combinations))
        return fitting

    def _holds(self, statement: Statement, run: Run) -> Array:
        """In which variants a statement holds, at the further points, too."""
        holds = statement.holds(run)
        if self.further and holds.any():
            rows = np.flatnonzero(holds).tolist()
            seem = {*self._seem_to_fit(statement, [run.chosen[row] for row in rows])}
            holds = np.array([fits and run.chosen[k] in seem for k, fits in enumerate(holds)])
        return holds

    def _seem_to_fit(
        self, statement: Statement, combinations: Sequence[Combination]
    ) -> list[Combination]:
        """The combinations that give what is claimed at the further points and beside
        kinks, as far as floats tell: at one, whatever the masks there hide seems to."""
        some, tree = list(combinations), statement.tree
        sides = [side for side in (statement.line, tree) if side is not None]
        points = [p for p in self._elsewhere(statement.judgement) if self._is_of_this_size(p)]
        for point in [*points, *self.beside(sides)]:
            if not some:
                break
            cost = 1 + (2 * self.simulation.numbers + len(statement.bounds)) / FLOATS
            self.point.budget.spend(self.point.float_pass + len(some) * cost)
            with np.errstate(all="ignore"):
                low, high = self._floats_at(point, statement)
                values = Run(self.simulation.at(point), some).values(tree)
                slack = CLOSE * (1 + np.maximum(abs(low), abs(high)))
                fits = (low - slack <= values) & (values <= high + slack)
                fits |= ~np.isfinite(values) | ~np.isfinite(low)
            some = [some[row] for row in np.flatnonzero(fits.all(-1)).tolist()]
        return some

    def _floats_at(self, point: GraphPoint, statement: Statement) -> tuple[Array, Array]:
        """The bounds of what is claimed at another point, which are no numbers
        where it has no value."""
        if (line := statement.line) is None:
            return statement.bounds.floats
        seen, bindings = carried_at(point, None, {}, floats=True), Evaluator(self.point).bindings
        values = np.full(len(statement.bounds), np.nan)
        with contextlib.suppress(*NO_VALUE):
            rows = [Evaluator(seen).value(line, binding) for binding in bindings(statement.tree)]
            values[:] = np.concatenate([np.ravel(row) for row in rows]).astype(float)
        return values, values

    def _is_of_this_size(self, point: GraphPoint) -> bool:
        """Whether the mistakes are those that can be made at a point, too."""
        return bool(point.program.graph == self.point.program.graph)

    def _pay(self, size: int, among: tuple[int, ...] | None, numbers: int) -> None:
        """Spend what comparing so many numbers takes for all combinations, the
        first time with the pass itself; whatever was simulated for other sheets."""
        variants = self.simulation.number_of(size, among)
        if (size, among) not in self._paid:
            self._paid.add((size, among))
            self.point.budget.spend(
                self.point.float_pass + variants * (1 + 2 * self.simulation.numbers / FLOATS)
            )
        self.point.budget.spend(FLOAT_PASS / 10 + variants * (1 + numbers) / FLOATS)

    def _relevant(self, statement: Statement) -> tuple[int, ...]:
        """The mistakes that alone change what a statement speaks of."""
        run = self.simulation.run(((), *self.simulation.singles))
        return tuple(np.flatnonzero(changed(run.values(statement.tree)).any(-1)).tolist())

    def _add(self, parts: Sequence[tuple[Combination, ...]], size: int) -> None:
        """Take in combinations of so many mistakes, with all that they explain and spoil."""
        statements = len(self.wrong) + len(self.right)
        self.point.budget.spend(len(parts) * (FLOAT_PASS + statements * FLOAT_PASS / 8))
        added = set[Combination]()
        # Of those explained for the first time: with more mistakes none is.
        unexplained = [
            number
            for number, statement in enumerate(self.wrong)
            if not statement.fits or len(statement.fits[0].chosen) == size
        ]
        sets: dict[tuple[bool, ...], tuple[frozenset[int], list[list[Hypothesis]]]] = {}
        for run in map(self.simulation.run, parts):
            # Lists: there are thousands of short rows, and NumPy takes its time for each.
            holds = np.stack([self._holds(statement, run) for statement in self.wrong], -1).tolist()
            for chosen, holding, spoils in zip(run.chosen, holds, self._spoilt(run), strict=True):
                if chosen in added:
                    continue
                added.add(chosen)
                if (known := sets.get(key := tuple(holding))) is None:
                    explains = frozenset(itertools.compress(itertools.count(), key))
                    new = [self.wrong[number].fits for number in unexplained if key[number]]
                    known = sets[key] = explains, new
                hypothesis = Hypothesis(chosen, known[0], spoils, len(known[1]))
                self.hypotheses.append(hypothesis)
                for fits in known[1]:
                    fits.append(hypothesis)

    # Exactly

    def seen(self, chosen: Combination, point: GraphPoint | None = None) -> Values:
        """The point, the sheet's own or another, as it is for somebody who makes some mistakes."""
        point = point or self.point
        key = chosen, id(point)
        if key not in self._seen:
            altered, edits = self.simulation.altered(chosen, point)
            self._seen[key] = carried_at(altered, None, edits) if chosen else point
        return self._seen[key]

    def confirm(self, chosen: Combination, statement: Statement) -> bool:
        """Whether mistakes give what is claimed exactly, in all digits or as an identity."""
        key = chosen, id(statement)
        if key not in self._confirmed:
            if statement.line is not None and self.probes is not None:
                asked = self.probes, statement.tree, statement.line
                seen = functools.partial(self.seen, chosen)
                confirmed = _is_true(agree_everywhere, *asked, seen, chosen, given=self.given)
            else:
                self._pay_for(chosen, statement, [self.point])
                confirmed = _is_true(self._gives, chosen, statement)
                if confirmed and self.further:
                    elsewhere = self._elsewhere(statement.judgement)
                    self._pay_for(chosen, statement, filter(self._is_of_this_size, elsewhere))
                    confirmed = _is_true(self._gives_elsewhere, chosen, statement)
            self._confirmed[key] = confirmed
        return self._confirmed[key]

    def _pay_for(
        self, chosen: Combination, statement: Statement, points: Iterable[GraphPoint]
    ) -> None:
        """Spend what a pass takes for somebody who makes some mistakes, and way back
        from what a statement derives; both are made once for all statements."""
        tree, rows = statement.tree, statement.tree.derived
        for point in points:
            seen = self.seen(chosen, point)
            is_new = (chosen, rows, id(point)) not in self._passed
            self._passed.add((chosen, rows, id(point)))
            work = follow_work(tree, seen) if is_new else int(seen.formula_work(tree))
            self.point.budget.spend(work / IN_A_PASS)

    def _gives(self, chosen: Combination, statement: Statement) -> bool:
        """Whether mistakes give what is claimed at the point."""
        carried = self.seen(chosen)
        target = self.simulation.target(statement.tree)
        core = core_of(statement.tree, self.point.rate)
        if target and core and isinstance(carried, Carried):
            # Somebody who works by hand takes relu'(0) = 0 and goes on, so a z that
            # is 0 is not in the way here.
            values = [core[0] * v for v in carried.entries(*target[1:])]
        else:
            bindings = Evaluator(self.point).bindings(statement.tree)
            rows = [Evaluator(carried).value(statement.tree, binding) for binding in bindings]
            values = [v for row in rows for v in row.flat]
        pairs = zip(values, statement.bounds, strict=True)
        return all(low <= v <= high for v, (low, high) in pairs)

    def _gives_elsewhere(self, chosen: Combination, statement: Statement) -> bool:
        """Whether mistakes give what is claimed for all values at other points, too."""
        judgement = statement.judgement
        if not judgement.fails_at:
            return False  # it is the truth where it has a value
        return self.holds_elsewhere(
            judgement, lambda point: self._gives_at(chosen, statement, point)
        )

    def _gives_at(self, chosen: Combination, statement: Statement, point: GraphPoint) -> bool:
        """Whether mistakes give what is claimed at another point; raises where that cannot be."""
        if not self._is_of_this_size(point):
            raise Missing("the mistakes are those of another size")
        seen = self.seen(chosen, point)
        if statement.line is not None:
            return agree_at(point, seen, statement.tree, statement.line)
        values = [v for _, truth in truths_at(seen, statement.tree) for v in truth.flat]
        pairs = zip(values, statement.bounds, strict=True)
        return all(low <= v <= high for v, (low, high) in pairs)

    def holds_elsewhere(
        self,
        judgement: Judgement,
        holds: Callable[[GraphPoint], bool],
        sides: Sequence[f.Node] = (),
    ) -> bool:
        """Whether what is said of a claim holds beyond the point looked at, as far
        as there is a value: at the further points, beside the kinks of some
        `sides`, and where the claim is seen to fail.

        Where it does not, the truth and whatever comes to that would explain it.
        """
        points, told = self._elsewhere(judgement), 0
        points += self.beside(sides) if sides else []
        for point in points:
            with contextlib.suppress(*NO_VALUE):
                if not holds(point):
                    return False
                told += point in judgement.fails_at
        return told > 0 or not self.further or not judgement.fails_at

    def _elsewhere(self, judgement: Judgement) -> list[GraphPoint]:
        """The points besides that at which what explains a claim for all values is tried."""
        return [*judgement.fails_at, *self.further] if self.further else []

    def loosely(self, statement: Statement, among: Sequence[Combination]) -> list[Combination]:
        """The combinations that give a number but for the rounding of the
        values printed before it.

        None that spoils a right claim: whoever has printed that has not made
        the mistake.
        """
        judgement, history = statement.judgement, self.history
        if history is None or judgement.verdict != "wrong" or not judgement.own or not among:
            return []
        low, high = statement.bounds.floats
        values = self.simulation.run(((), *among)).values(statement.tree)
        with np.errstate(all="ignore"):
            near = abs(values[1:] - (low + high) / 2) <= NEAR * abs(values[1:]) + 2 * (high - low)
        rows = np.flatnonzero(near.all(-1) & changed(values).any(-1)).tolist()
        loose = []
        for row in rows:
            altered, edits = self.simulation.altered(among[row])
            with contextlib.suppress(AtKink):
                if history.rounded(judgement.claim, altered, edits):
                    loose.append(among[row])
        spoilt = self._spoilt(self.simulation.run(tuple(loose))) if loose else []
        return [chosen for chosen, spoils in zip(loose, spoilt, strict=True) if not spoils]

    def behind(self, statement: Statement) -> list[tuple[Combination, list[Claim]]]:
        """Single mistakes that give a number behind an earlier wrong value, which
        is carried on, each with the claim of that; none that spoils a right claim."""
        judgement, history, found = statement.judgement, self.history, []
        if history is None or not judgement.own or not statement.is_of_number:
            return []
        before = history.before(judgement.claim, self.point)
        numbers = self._relevant(statement) if before[0] else ()
        settled = self._look_behind(judgement.claim, numbers, before)
        for number, works in zip(numbers, settled, strict=False):
            altered, edits = self.simulation.altered((number,))
            with contextlib.suppress(*NO_ANSWER):
                if given := history.given_behind(judgement.claim, altered, edits, before, works):
                    found.append(((number,), given))
        return [one for one in found if not self.spoils(one[0])]

    def _look_behind(
        self, claim: Claim, numbers: Sequence[int], before: tuple[list[WrongClaim], bool]
    ) -> Iterable[Iterable[float]]:
        """For each mistake, and each earlier wrong value, what asking takes where one
        pass in floats settles that it is not one behind the other, else 0."""
        if self.history is not None and len(numbers) > 1 and not claim.tree.letters:
            edits = self.simulation.side_by_side([(number,) for number in numbers] * 2)
            with contextlib.suppress(*NO_ANSWER):
                if edits is not None:
                    several = len(numbers)
                    return self.history.look_behind(claim, self.point, edits, several, before)
        return itertools.repeat(itertools.repeat(0))

    def spoils(self, chosen: Combination) -> int:
        """How many right claims some mistakes would spoil."""
        if chosen not in self._spoils:
            self._spoils[chosen] = self._spoilt(self.simulation.run((chosen,)))[0]
        return self._spoils[chosen]

    def _spoilt(self, run: Run) -> list[int]:
        """How many right claims the variants of a run spoil."""

        def find() -> Array:
            spoilt = np.zeros(len(run.chosen), int)
            for statement in self.right:
                spoilt += ~statement.holds(run)
            return spoilt

        return run.kept(("spoilt", *(s.key for s in self.right)), find).tolist()  # type: ignore[no-any-return]


def _is_true(asked: Callable[..., bool], *of: Any, **more: Any) -> bool:
    """Whether something is true; what has no value is not."""
    try:
        return asked(*of, **more)
    except NO_ANSWER:
        return False


def search(
    judgements: Sequence[Judgement],
    points: GraphPoint | Probes,
    history: History | None,
    further: Sequence[GraphPoint] = (),
    beside: Beside = nowhere,
) -> Search:
    """Search for the mistakes that explain the claims of a sheet.

    `points` is the point with the sheet's numbers, or the probes of a sheet
    over all weights; what a formula is explained by does so at `further` points
    and `beside` kinks as well. Ends where the operations are spent, with what it has by then.
    """
    probes, point = (points, mixed(points)) if isinstance(points, Probes) else (None, points)
    if layers_of(point):
        simulation: Simulation = simulation_at(point)
    else:
        wrong = (j.claim.tree for j in judgements if j.verdict in ("wrong", "lucky"))
        simulation = steps_at(point, {name for tree in wrong for name in tree.derived})
    searched = Search(judgements, history, probes, point, simulation, further, beside)
    searched.run()
    return searched


def _size(value: Any, high: Any) -> float:
    """About how many digits a value has that a formula gave, between these bounds."""
    low = as_float(value)
    if (width := as_float(high) - low) > 0:
        return max(
            0.0, min(ENOUGH_DIGITS, math.log10(max(abs(low), abs(as_float(high)), 1e-300) / width))
        )
    exact = getattr(value, "exact", value)
    if exact is None:
        return ENOUGH_DIGITS
    top, bottom = exact.numerator, exact.denominator
    while top and top % 10 == 0:
        top //= 10
    return max(1.0, float(top.bit_length() + bottom.bit_length() - 1) * math.log10(2))


def mixed(probes: Probes) -> GraphPoint:
    """A point with generic numbers, about half of its units live."""

    def unevenness(point: GraphPoint) -> int:
        live = [bool(v > 0) for l in probes.network.kinked for v in point.node(f"z{l}").flat]
        return abs(2 * sum(live) - len(live))

    return min(itertools.islice(probes, 1, 9), key=unevenness)


def agree_everywhere(
    probes: Probes,
    quantity: f.Node,
    line: f.Node,
    seen: Callable[[GraphPoint], Values] = lambda point: point,
    made: Combination = (),
    form: int | None = None,
    given: Given | None = None,
) -> bool:
    """Whether a formula is a quantity, as points are `seen`, wherever both are
    defined; in the form of that number.

    `made` stands for the mistakes that points are seen with. Most formulas fail
    at the first points, and so each is charged for a few, whether or not it was
    asked before.
    """
    point = next(iter(probes))
    one = follow_work(quantity, point) + point.formula_work(line)  # as it is seen takes as much
    point.budget.spend(CHARGED * one)

    def find() -> bool:
        defined = False
        for point in itertools.islice(probes, CONFIRMED_AT):
            point.budget.glance()
            try:
                if not agree_at(point, seen(point), quantity, line, form, given):
                    return False
            except NO_VALUE:
                continue
            defined = True
        return defined

    agrees = bool(probes.kept(("agree", quantity, line, made, form), find))
    if agrees:
        point.budget.spend((CONFIRMED_AT - CHARGED) * one)
    return agrees
