"""How far carrying on with what is printed explains that a number, or a line,
is not the truth.

Every value that the sheet has printed earlier may stand anywhere within half a
unit of its last digit, and so may the other entries of the vector or matrix
that it is printed of; the quantity claimed follows. Over such a box of values
it takes every value between those at two corners, since it is continuous, and a
number is reached if its digits allow a value that is. The corners are those
that the slopes in each value point to, where the quantity is smallest and
largest.

A decimal in a line of working has been rounded, too, and stands for anything
that rounds to it, the same decimal for the same number wherever it occurs; data
of the sheet are exact. So a line gives a range, from the corner where every
decimal makes it smallest to that where it is largest.
"""

import contextlib
import functools
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gradsheet.claims.comparison import truths_at
from gradsheet.claims.following import SLACK, Carry, Floats, Moves, changes_of, follow, follow_work
from gradsheet.claims.record import Record
from gradsheet.claims.sheet import Claim
from gradsheet.language import formula as f
from gradsheet.language.evaluate import Binding, Evaluator, same_shape
from gradsheet.numbers.printed import Printed, all_agree, all_overlap, printed_entries
from gradsheet.numbers.real import apart
from gradsheet.numbers.reasons import NO_ANSWER, NO_VALUE, AtKink
from gradsheet.numbers.slips import significant
from gradsheet.truth.carrying import carried as carried_with
from gradsheet.truth.graph_values import GraphValues
from gradsheet.truth.target import core_of, entries_of
from gradsheet.truth.values import Tensor
from manual.activations import Array

CLOSE = 1e-9  # of half a unit, that floats are granted
LEAST = 2  # digits of a decimal that is looked for among all that is on the way


@dataclass(frozen=True)
class Reach:
    """What printed values leave open of a claim's number and lines."""

    record: Record
    claim: Claim
    point: GraphValues
    _moves: dict[Any, Moves] = field(default_factory=dict, compare=False)

    @functools.cached_property
    def printed(self) -> list[Printed]:
        """The numbers of the claim."""
        return printed_entries(self.claim.value)  # type: ignore[arg-type]

    # The number

    def has_number(
        self, wrong: Sequence[Carry] = (), edits: Any = None, but: Collection[int] = ()
    ) -> bool:
        """Whether every entry is reached, with some wrong values fixed.

        From the truth, or from what a pass with `edits` gives; of the entries
        `but` for some.
        """
        if self.claim.value is None or not (wrong or self.record.has_rounded):
            return False

        def find() -> bool:
            return all(
                self._has_number_at(binding, list(truth.flat), wrong, edits, but)
                for binding, truth in truths_at(self.point, self.claim.tree)
            )

        try:
            if edits is not None:
                return find()
            before = self.record.said_before(target_of(self.claim.tree, self.point), self.point)
            asked = self.claim.tree, *self.printed, *before, *(value.key for value in wrong), *but
            return self.point.decided(("has number", *asked), find)
        except AtKink:
            raise
        except NO_VALUE:
            return False

    def _has_number_at(
        self,
        binding: Binding,
        truths: list[Any],
        wrong: Sequence[Carry],
        edits: Any,
        but: Collection[int],
    ) -> bool:
        tree, point, printed = self.claim.tree, self.point, self.printed
        if len(truths) != len(printed):
            return False
        moves = self.moves(tree, binding, wrong, edits)
        if not self._may_have_number(binding, moves, but):
            return False
        start = truths
        if wrong or edits:
            point.budget.spend(follow_work(tree, point))
            start = follow(tree, point, binding, moves.start, edits)
        moves.begin_at(start)
        if wrong and not any(apart(a, b) for a, b in zip(start, truths, strict=True)):
            return False  # they have no say in this
        off = [k for k, p in enumerate(printed) if k not in but and not p.agrees(start[k])]
        off = [k for k in off if not self.is_rounded_again(binding, k)]
        # A number that is off in more than its last digits is not off by rounding, unless it is
        # what the very numbers printed give, as where two of them nearly cancel.
        if far := [k for k in off if not printed[k].is_close(start[k])]:
            carried = [*moves.start, *moves.as_printed]
            there = follow(tree, point, binding, carried, edits, same_units=True)
            if not there or not all(printed[k].agrees(there[k]) for k in far):
                return False
        return all(moves.reaches(k, printed[k]) for k in off if k not in far)

    def _may_have_number(self, binding: Binding, moves: Moves, but: Collection[int]) -> bool:
        """Whether floats leave it open that every entry is reached."""
        if (there := moves.floats) is None or there.unsure.any():
            return True
        numbers = InFloats.of(self.printed)
        off = numbers.off(there)
        agrees, agrees_as_printed = off[:2] <= numbers.half
        is_close = off[0] <= numbers.last_digits(there.values[0])
        doubtful = [k for k in np.flatnonzero(~agrees).tolist() if k not in but]
        doubtful = [k for k in doubtful if not self.is_rounded_again(binding, k)]
        if not all(is_close[k] or agrees_as_printed[k] for k in doubtful):
            return False
        doubtful = [k for k in doubtful if is_close[k]]
        low, high = moves.reach_in_floats(there, doubtful)
        value, half = numbers.value[doubtful], numbers.half[doubtful]
        return bool(((low <= value + half) & (high >= value - half)).all())

    def is_rounded_again(self, binding: Binding, k: int) -> bool:
        """Whether an entry was printed like this before, with more digits."""
        if (core := core_of(self.claim.tree, self.point.rate)) is None:
            return False
        tensor, indices = self.point.taken_for(*entries_of(core[1], self.point, binding))
        earlier = self.record.range_of((tensor, indices[k]))
        return earlier is not None and self.printed[k].agrees(earlier.printed * core[0])

    def moves(
        self,
        tree: f.Node,
        binding: Mapping[str, int],
        wrong: Sequence[Carry] = (),
        edits: Any = None,
    ) -> Moves:
        """How a formula moves with all that may have been carried on: for every
        line of a working the same."""
        if wrong or edits:
            return self._moved(tree, binding, wrong, edits)
        asked = tree, *sorted(binding.items())
        if asked not in self._moves:
            self._moves[asked] = self._moved(tree, binding, wrong, edits)
        return self._moves[asked]

    def _moved(
        self, tree: f.Node, binding: Mapping[str, int], wrong: Sequence[Carry], edits: Any
    ) -> Moves:
        fixed = {(value.tensor, value.index) for value in wrong if not value.is_true}
        ranges = self.record.ranges(target_of(tree, self.point), self.point)
        values = [value for value in ranges if (value.tensor, value.index) not in fixed]
        values += [value for value in wrong if value.low < value.high]
        start = [(value, value.printed) for value in wrong]
        as_printed = [(value, value.printed) for value in ranges if not value.plus]
        return Moves(tree, self.point, binding, start, values, as_printed, edits)

    # Lines of working

    def at(self, carried: Sequence[Carry]) -> "Reach":
        """The same where some values are carried on as they are printed."""
        point = self.point
        point.budget.spend(point.pass_work.both)
        changes = changes_of([(value, value.printed) for value in carried], point.typed)
        return Reach(self.record, self.claim, carried_with(point, changes))

    def has_line(
        self, line: f.Node, otherwise: Callable[[Binding, Binding, Array], bool] | None = None
    ) -> bool:
        """Whether a line holds the value of its quantity, at all indices.

        Where it does not, `otherwise` is asked, with the indices of the
        quantity, those of the line besides, and the value.
        """
        tree = self.claim.tree
        try:
            evaluator = Evaluator(self.point)
            for binding, value in truths_at(self.point, tree):
                for more in evaluator.bindings(line, tree.letters):
                    everywhere = {**binding, **more}
                    low, high = self.spread(line, everywhere)
                    if not same_shape(low.shape, value.shape):
                        return False
                    ends = zip(low.flat, value.flat, high.flat, strict=True)
                    if all(a <= v <= b for a, v, b in ends):
                        continue
                    if otherwise is None or not otherwise(binding, everywhere, value):
                        return False
        except AtKink:
            raise
        except NO_VALUE:
            return False
        return True

    def gives_number(self, carried: Sequence[Carry] = ()) -> bool:
        """Whether the last line gives the number where values are carried on.

        Or nothing at all, so that there is nothing to say against the number.
        """
        line = self.claim.working[-1].tree if self.claim.working else None
        if line is None or self.claim.value is None:
            return True
        printed, ones = self.printed, ones_for(line)
        try:
            there = self.at(carried) if carried else self
            values = list(Evaluator(there.point).value(line, ones).flat)
            if all_agree(printed, values):
                return True
            if all_overlap(printed, *there.spread(line, ones, known=True)):
                return True
            if len(values) != len(printed):
                return False
            off = [k for k, p in enumerate(printed) if not p.agrees(values[k])]
            if any(not printed[k].is_close(values[k]) for k in off):
                return False
            moves = self.moves(line, ones, carried)
            return all(moves.reaches(k, printed[k]) for k in off)
        except AtKink:
            raise
        except NO_VALUE:
            return True

    def spread(
        self, line: f.Node, binding: Mapping[str, int], *, known: bool = False
    ) -> tuple[Array, Array]:
        """The least and the largest that a line gives where its decimals vary."""
        point = self.point
        decimals = self._known(line) if known else self.decimals(line)
        spreads = {p.value: self.record.spread(p) for p in decimals.values()}

        def moved(off: Mapping[Any, Any]) -> Array:
            numbers = {key: p.value + off[p.value] for key, p in decimals.items() if p.value in off}
            return Evaluator(point, numbers).value(line, binding)

        here = point.found(("line", line, *binding.items()), lambda: moved({}))
        if not spreads:
            return here, here
        point.budget.spend((len(spreads) + 2 * here.size) * point.formula_work(line))
        alone = {number: moved({number: spread}) for number, spread in spreads.items()}
        low, high = np.array(here, object), np.array(here, object)
        for index in np.ndindex(here.shape):
            rises = {number: there[index] > here[index] for number, there in alone.items()}
            for upwards in (True, False):
                ends = {n: s if rises[n] == upwards else -s for n, s in spreads.items()}
                corner = moved(ends)[index]
                low[index], high[index] = min(low[index], corner), max(high[index], corner)
        return low, high

    def decimals(self, line: f.Node) -> dict[int, Printed]:
        """The decimals of a line that are no data, by the id of their nodes."""
        return {
            id(node): node.printed
            for node in f.walk(line)
            if isinstance(node, f.Number)
            and node.printed.places is not None
            and not self.record.is_given(node.printed.value)
        }

    def _known(self, line: f.Node) -> dict[int, Printed]:
        """Those decimals of a line that something on the way rounds to.

        Others may be meant as they are, 0.5 as a half. On the way are what the
        sheet has printed, every node and derivative of the loss, and all that
        is in the lines before.
        """
        decimals = self.decimals(line)
        unknown = {k: p for k, p in decimals.items() if not self.record.is_rounded(p.value)}
        if not unknown:
            return decimals
        before = itertools.takewhile(lambda earlier: earlier.tree is not line, self.claim.working)
        trees = [earlier.tree for earlier in before if earlier.tree is not None]
        for tree in trees:
            self.point.budget.spend(tree.size**2 / 2)
        parts = (part for tree in trees for part in _parts(tree, self.point))
        sizes = abs(np.array([*_everything(self.point), *parts]))
        for key, printed in unknown.items():
            near = abs(float(printed.value) - sizes) <= float(printed.half) * (1 + CLOSE)
            if significant(printed) < LEAST or not near.any():
                del decimals[key]
        return decimals


class InFloats(NamedTuple):
    """The numbers of a claim and half a unit of their last digits as floats."""

    value: Array
    half: Array

    @classmethod
    def of(cls, printed: Sequence[Printed]) -> "InFloats":
        """The numbers of a claim."""
        value, half = [float(p.value) for p in printed], [float(p.half) for p in printed]
        return cls(np.array(value), np.array(half))

    def off(self, there: Floats) -> Array:
        """How far off every variant is at least, (V, entries)."""
        with np.errstate(invalid="ignore"):  # of what is infinite nothing is sure
            return np.asarray(
                abs(there.values - self.value) - there.slack - SLACK * abs(self.value)
            )

    def last_digits(self, values: Array) -> Array:
        """By how much numbers are off that are off in their last digits, as
        `Printed.is_close` has it."""
        return np.asarray(abs(values) / 4 + 4 * self.half)

    def near(self, there: Floats, several: int) -> Array:
        """Where each of the first variants is off in its last digits at most, and
        where each of those behind them has the digits, (V, entries)."""
        off = self.off(there)
        near = off <= self.last_digits(there.values)
        near[several:] = (off <= self.half)[several:]
        return np.asarray(near)


def target_of(tree: f.Node, point: GraphValues) -> Tensor | None:
    """The tensor that a quantity is of; None where it is a formula in several."""
    core = core_of(tree, point.rate)
    return core and entries_of(core[1], point, ones_for(tree))[0]


def ones_for(tree: f.Node) -> dict[str, int]:
    """A value for every free letter, where any will do."""
    return dict.fromkeys(tree.letters, 1)


def _everything(point: GraphValues) -> list[float]:
    """Every node, derivative of the loss, slope, and yhat - y, as floats."""

    def find() -> list[float]:
        with np.errstate(all="ignore"):
            seen = carried_with(point, getattr(point, "changes", None), floats=True)
            return [float(v) for array in seen.everything() for v in array.flat]

    return point.found("everything", find)


def _parts(tree: f.Node, point: GraphValues) -> Iterator[float]:
    """The values of all parts of a formula that have a single one."""
    for node in f.parts(tree):
        if not isinstance(node, f.Number | f.Letter):
            with contextlib.suppress(*NO_ANSWER):
                value = Evaluator(point).value(node, {})
                if value.size == 1:
                    yield float(value.item())
