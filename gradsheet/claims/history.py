"""What the judge asks of all that a sheet has printed before a claim.

A sheet prints values with so many digits, and whoever works by hand goes on
with what is printed. So a number may be off the truth without any mistake in
it, and a claim is `rounded` if what was printed before explains how far it is
off; `reach` tells how far that is.

The same pass with an earlier *wrong* value in it tells whether a claim carries
that on: its number is then what the right steps make of what stands on the
sheet, and so is every line of its working that is not simply true.
"""

import contextlib
import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradsheet.claims.comparison import printed_value, truths_at
from gradsheet.claims.following import SLACK, Carry, Column, Moves, alone_in, in_floats
from gradsheet.claims.reach import InFloats, Reach, ones_for, target_of
from gradsheet.claims.record import TELLING, Record, WrongClaim
from gradsheet.claims.sheet import Claim
from gradsheet.language import formula as f
from gradsheet.language.evaluate import Binding
from gradsheet.numbers.budget import PER_VARIANT
from gradsheet.numbers.printed import Printed, all_overlap, as_float, printed_entries
from gradsheet.numbers.reasons import NO_ANSWER, NO_VALUE, AtKink
from gradsheet.numbers.slips import significant
from gradsheet.truth.graph_values import GraphValues
from gradsheet.truth.target import mentions
from gradsheet.truth.values import Tensor
from manual.activations import Array

MAX_TOGETHER = 20  # wrong claims that may explain another one together
FEW = 4  # of such claims are followed one by one
SAME = 1e-12  # of a number, that is no other one


class History:
    """What a sheet has printed so far; `data` are the numbers that it gives."""

    def __init__(self, data: Iterable[Any]) -> None:
        self.record = Record(data)
        self._latest: tuple[int, Reach] | None = None

    def reach(self, claim: Claim, point: GraphValues) -> Reach:
        """What has been printed so far leaves open of a claim; the same for all
        that is asked of it in a row."""
        if self._latest is not None:
            size, reach = self._latest
            if reach.claim is claim and reach.point is point and size == self.record.size:
                return reach
        self._latest = self.record.size, Reach(self.record, claim, point)
        return self._latest[1]

    # Rounding

    def rounded(
        self,
        claim: Claim,
        point: GraphValues,
        edits: Any = None,
        *,
        but: Collection[int] = (),
    ) -> bool:
        """Whether every entry that is not the truth, or what a pass with
        `edits` gives, is reached by carrying on.

        Of the entries `but` for those that something else explains.
        """
        return self.reach(claim, point).has_number((), edits, but)

    def line_rounded(self, claim: Claim, line: f.Node, point: GraphValues) -> bool:
        """Whether a line is true but for rounding, in it and before it."""
        if (value := printed_value(line)) is not None:
            return self.rounded(replace(claim, value=value), point)
        reach = self.reach(claim, point)

        def overlap(binding: Binding, everywhere: Binding, truth: Array) -> bool:
            """Whether known decimals and what was printed before meet."""
            low, high = reach.spread(line, everywhere, known=True)
            spreads = enumerate(zip(low.flat, truth.flat, high.flat, strict=True))
            off = [k for k, (a, t, b) in spreads if not a <= t <= b]
            return _overlap(reach.moves(claim.tree, binding), off, low, high)

        return bool(reach.decimals(line)) and reach.has_line(line, overlap)

    def rounded_in_working(self, claim: Claim, point: GraphValues) -> bool:
        """Whether rounding within its last line explains a number."""
        line = claim.working[-1].tree if claim.working else None
        if line is None or claim.value is None or claim.tree.letters:
            return False
        reach = self.reach(claim, point)
        try:
            ((_, truth),) = truths_at(point, claim.tree)
            low, high = reach.spread(line, ones_for(line), known=True)
            if not all_overlap(reach.printed, low, high) or low.size != truth.size:
                return False
            overlap = _overlap(reach.moves(claim.tree, {}), range(low.size), low, high)
            return overlap and all(map(Printed.is_close, reach.printed, truth.flat))
        except (ValueError, *NO_VALUE):
            return False

    def wrong_decimals(self, line: f.Node) -> dict[str, Claim]:
        """The false decimals of a line, with the claims that printed them."""
        claims: dict[str, Claim] = {}
        for part in f.walk(line):
            if isinstance(part, f.Number) and part.printed.places is not None:
                claim = self.record.false_claim(part.printed.value)
                if claim is not None:
                    claims[part.printed.text] = claim
        return claims

    # Carrying on what is wrong

    def given(
        self, claim: Claim, point: GraphValues, working: Sequence[f.Node] = ()
    ) -> tuple[list[Claim], bool]:
        """The earlier wrong claims given which this one is right: a single one,
        or as few as will do, or none.

        And whether every line of `working`, the lines that are not true as they
        stand, is what right steps make of them, too. Where the working uses any
        of them it is one of those; the nearest above come first.
        """
        point.budget.spend(self.record.standing)
        wrong = self.record.wrong_claims()
        if claim.value is None or not wrong or not _is_telling(claim.value):
            return [], False
        try:
            target = target_of(claim.tree, point)
        except NO_ANSWER:
            return [], False
        before = [other for other in reversed(wrong) if other.tensor != target]
        before.sort(key=lambda other: other.is_taken_for_delta)
        used = [other for other in before if _is_used(other, claim, point)]
        supposed = _Supposed(self.reach(claim, point), target, working, alone=bool(used))
        number_alone: list[Claim] = []
        with contextlib.suppress(AtKink):  # of what was tried before a kink the number counts
            for one, lines_follow in supposed.singles(used or before):
                if lines_follow:
                    return [one], True
                number_alone = number_alone or [one]
            several, lines_follow = supposed.several(used or before)
            return (several, True) if lines_follow else (number_alone or several, False)
        return number_alone, False

    def before(self, claim: Claim, point: GraphValues) -> tuple[list[WrongClaim], bool]:
        """The earlier wrong claims that somebody may have gone on from: the
        nearest above on the way to a claim, or those that its working uses, and
        whether it does."""
        try:
            target = target_of(claim.tree, point)
        except NO_ANSWER:
            return [], False
        above = [
            one
            for one in reversed(self.record.wrong_claims())
            if one.claim.line < claim.line
            and one.tensor != target
            and point.leads(one.tensor, target)
        ]
        used = [one for one in above if _is_used(one, claim, point)]
        return used[:FEW] or above[:1], bool(used)

    def given_behind(
        self,
        claim: Claim,
        point: GraphValues,
        edits: Any,
        before: tuple[list[WrongClaim], bool],
        settled: Iterable[float] = itertools.repeat(0),
    ) -> list[Claim]:
        """The one of some earlier wrong claims that somebody carries on who makes
        mistakes, those of `point` and `edits`, behind it; empty where that does
        not give the number. Where a first look has `settled` that, there stands
        what asking takes."""
        wrong, alone = before
        supposed = self._behind(claim, point, edits, alone=alone)
        for one, work in zip(wrong, settled, strict=False):
            if work:
                point.budget.spend(work)
            elif supposed.gives_number([one]):
                return [one.claim]
        return []

    def look_behind(
        self,
        claim: Claim,
        point: GraphValues,
        edits: Any,
        several: int,
        before: tuple[list[WrongClaim], bool],
    ) -> list[list[float]]:
        """For each of several mistakes, and of some earlier wrong claims, what
        asking takes where floats settle that who makes it behind the claim does
        not get the number, else 0; in `edits` they are made side by side, twice
        each."""
        wrong, alone = before
        supposed = self._behind(claim, point, edits, alone=alone)
        return np.stack([supposed.look_behind(one, several) for one in wrong], -1).tolist()  # type: ignore[no-any-return]

    def _behind(self, claim: Claim, point: GraphValues, edits: Any, *, alone: bool) -> "_Supposed":
        """A claim against what steps with mistakes make of earlier wrong claims."""
        target = target_of(claim.tree, point)
        return _Supposed(self.reach(claim, point), target, (), alone, edits)

    def carried(self, claim: Claim, point: GraphValues, working: Sequence[f.Node]) -> bool:
        """Whether lines are what the wrong values that they use make of them."""
        if working and (used := self._used(claim, point)):
            with contextlib.suppress(AtKink, *NO_ANSWER):
                return all(map(self.reach(claim, point).at(_values_of(used)).has_line, working))
        return False

    def is_own(self, claim: Claim, point: GraphValues, given: Sequence[Claim] = ()) -> bool:
        """Whether a number is what the last line of its working gives, as it
        stands or given earlier claims.

        But for the rounding of what was printed before.
        """
        reach = self.reach(claim, point)
        if reach.gives_number():
            return True
        supposed = [other for other in self.record.wrong_claims() if other.claim in given]
        return bool(supposed) and reach.gives_number(_values_of(supposed))

    def _used(self, claim: Claim, point: GraphValues) -> list[WrongClaim]:
        """The earlier wrong claims that the working of a claim uses."""
        return [one for one in self.record.wrong_claims() if _is_used(one, claim, point)]

    def given_by_line(self, claim: Claim, point: GraphValues) -> list[Claim]:
        """The earlier wrong claims that the working uses, where its last line
        gives the number with their values."""
        used = self._used(claim, point)
        with contextlib.suppress(AtKink):
            if used and self.reach(claim, point).gives_number(_values_of(used)):
                return sorted((other.claim for other in used), key=lambda claim: claim.line)
        return []


def _overlap(moves: Moves, entries: Iterable[int], low: Array, high: Array) -> bool:
    """Whether a line, from low to high, meets what its quantity can be: first
    as far as floats tell."""
    some = list(entries)
    if (there := moves.floats) is not None and not there.unsure.any():
        least, most = moves.reach_in_floats(there, some)
        lows, highs = (np.array([as_float(end.flat[k]) for k in some]) for end in (low, high))
        with np.errstate(all="ignore"):  # beyond all floats nothing is told
            slack = SLACK * (abs(lows) + abs(highs))
            is_apart = (highs + slack < least) | (lows - slack > most)
        if is_apart.any():
            return False
    reach = [(k, *moves.reach(k)) for k in some]
    return all(high.flat[k] >= least and low.flat[k] <= most for k, least, most in reach)


@dataclass(frozen=True)
class _Supposed:
    """A claim against what right steps make of earlier wrong claims.

    Of all else that the sheet has printed the truth is carried on, so that what
    stands nearest above counts, and not what led to it; where a working uses
    the wrong values, they stand `alone`.
    """

    reach: Reach
    target: Tensor | None
    working: Sequence[f.Node]
    alone: bool
    edits: Any = None

    def singles(self, wrong: Sequence[WrongClaim]) -> Iterator[tuple[Claim, bool]]:
        """Those given which alone the number is right, and whether the lines follow."""
        for one in itertools.compress(wrong, self._may_give(wrong)):
            if self.gives_number([one]):
                yield one.claim, self._gives_lines([one])

    def several(self, wrong: Sequence[WrongClaim]) -> tuple[list[Claim], bool]:
        """As few as will do together, and whether the lines follow from them."""
        if not 2 <= len(wrong) <= MAX_TOGETHER or not self.gives_number(wrong):
            return [], False
        lines_follow = self._gives_lines(wrong)
        fewest = list(wrong)
        for one in wrong:
            rest = [other for other in fewest if other is not one]
            if rest and self.gives_number(rest) and self._gives_lines(rest) >= lines_follow:
                fewest = rest
        return sorted((other.claim for other in fewest), key=lambda c: c.line), lines_follow

    def gives_number(self, wrong: Sequence[WrongClaim]) -> bool:
        """Whether the number is what the values of wrong claims lead to."""
        return self.reach.has_number(self._carried(wrong), self.edits)

    def look_behind(self, one: WrongClaim, several: int) -> Array:
        """What `Reach.has_number` asks first, of the value of a wrong claim
        behind each of several mistakes: one pass has them all, the second time
        with what is printed."""
        tree, variants = self.reach.claim.tree, 2 * several
        moves = self.reach.moves(tree, {}, self._carried([one]), self.edits)
        columns: list[Column] = [(v, as_float(number)) for v, number in moves.start]
        columns += [
            (v, alone_in(as_float(number), slice(several, None), variants))
            for v, number in moves.as_printed
        ]
        there = in_floats(tree, moves.point, {}, columns, variants, self.edits)
        numbers = InFloats.of(self.reach.printed)
        if there is None or there.values.shape[-1] != len(numbers.value):
            return np.zeros(several)
        near = numbers.near(there, several)
        is_near = near[:several] | near[several:]
        for k in np.flatnonzero(~is_near.all(0)).tolist():
            is_near[:, k] |= self.reach.is_rounded_again({}, k)
        unsure = there.unsure[:several] | there.unsure[several:]
        return np.where(is_near.all(-1) | unsure, 0, moves.floats_work)

    def _gives_lines(self, wrong: Sequence[WrongClaim]) -> bool:
        """Whether all lines hold then, and the last one gives the number."""
        carried = self._carried(wrong)
        there = self.reach.at(carried) if self.working else self.reach
        return all(map(there.has_line, self.working)) and self.reach.gives_number(carried)

    def _carried(self, wrong: Sequence[WrongClaim]) -> list[Carry]:
        """What somebody carries on who takes some wrong values from the sheet."""
        values = _values_of(wrong)
        taken = {(value.tensor, value.index) for value in values}
        return values + [t for t in self._truths(wrong) if (t.tensor, t.index) not in taken]

    def _truths(self, wrong: Sequence[WrongClaim]) -> list[Carry]:
        """The truth of all that was printed and hangs on wrong claims: all else is
        what it was, but for its rounding."""
        hanging = frozenset[Tensor]().union(*map(self._hanging, wrong))
        return [t for tensor, some in self._printed.items() if tensor in hanging for t in some]

    @functools.cached_property
    def _printed(self) -> dict[Tensor, list[Carry]]:
        """The truth of all that was printed but the quantity, by its tensor."""
        printed: dict[Tensor, list[Carry]] = {}
        for truth in () if self.alone else self.reach.record.truths():
            if truth.tensor != self.target:
                printed.setdefault(truth.tensor, []).append(truth)
        return printed

    @functools.cached_property
    def _hangs(self) -> dict[Tensor, frozenset[Tensor]]:
        return {}

    def _hanging(self, one: WrongClaim) -> frozenset[Tensor]:
        """The tensors among these that hang on a wrong claim."""
        tensor = one.values[0].tensor
        if tensor not in self._hangs:
            leads = functools.partial(self.reach.point.leads, tensor)
            self._hangs[tensor] = frozenset(filter(leads, self._printed))
        return self._hangs[tensor]

    def _may_give(self, wrong: Sequence[WrongClaim]) -> Sequence[bool]:
        """Given which single ones the number may be right, as far as floats
        tell.

        One pass has them all, each twice: as `Reach.has_number` has it, the
        number is near what comes out, or has its digits where what is printed
        is carried on as well.
        """
        several, tree, point = len(wrong), self.reach.claim.tree, self.reach.point
        if several < FEW:
            return [True] * several
        columns = self._columns(wrong)
        point.budget.spend(point.float_pass + PER_VARIANT * (2 * several + len(columns)))
        numbers = InFloats.of(self.reach.printed)
        may = np.ones(2 * several, bool)
        for binding, truth in truths_at(point, tree):
            there = in_floats(tree, point, binding, columns, 2 * several)
            if there is None or there.values.shape[-1] != len(numbers.value):
                return [True] * several
            far = ~numbers.near(there, several)
            truths = np.array([as_float(t) for t in truth.flat])
            # Where nothing changes they have no say in this.
            same = (abs(there.values - truths) <= SAME * abs(truths)).all(-1)
            may &= ~(far.any(-1) | same) | there.unsure
        return (may[:several] | may[several:]).tolist()  # type: ignore[no-any-return]

    def _columns(self, wrong: Sequence[WrongClaim]) -> list[Column]:
        """What the variants carry on: each claim, then with what is printed."""
        several, variants = len(wrong), 2 * len(wrong)
        columns, hanging = list[Column](), [*map(self._hanging, wrong)]
        for tensor, truths in self._printed.items():
            hangs = [k for k, tensors in enumerate(hanging) if tensor in tensors]
            rows = hangs + [k + several for k in hangs]
            columns += [(t, alone_in(t.as_float, rows, variants)) for t in truths if rows]
        for number, one in enumerate(wrong):
            rows = [number, number + several]
            columns += [(v, alone_in(v.as_float, rows, variants)) for v in one.values]
        for value in self.reach.record.ranges(self.target, self.reach.point):
            if not value.plus:
                columns.append((value, alone_in(value.as_float, slice(several, None), variants)))
        return columns


def _is_telling(value: Any) -> bool:
    """Whether a number has digits enough to tell where it comes from."""
    printed = printed_entries(value)
    return any(p.places is None for p in printed) or sum(map(significant, printed)) >= TELLING


def _is_used(other: WrongClaim, claim: Claim, point: GraphValues) -> bool:
    """Whether a working names an earlier claim, or has one of its numbers."""
    printed = {abs(p.value) for p in printed_entries(other.claim.value) if p.value}  # type: ignore[arg-type]

    def uses(line: f.Node) -> bool:
        numbers = point.found(("numbers", line), lambda: _numbers(line), len, marked=False)
        return not printed.isdisjoint(numbers) or point.found(
            ("mentions", line, other.claim.tree),
            lambda: mentions(line, other.claim.tree, point.network),
            marked=False,
        )

    return any(uses(line.tree) for line in claim.working if line.tree is not None)


def _numbers(line: f.Node) -> frozenset[Any]:
    """The numbers in a formula, without sign."""
    return frozenset(abs(part.printed.value) for part in f.walk(line) if isinstance(part, f.Number))


def _values_of(wrong: Sequence[WrongClaim]) -> list[Carry]:
    """What is carried on of wrong claims, the likeliest last, which counts."""
    return [value for other in reversed(wrong) for value in other.values]
