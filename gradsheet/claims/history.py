"""What a sheet has printed so far, and how far off the truth carrying it on explains.

A sheet prints values with so many digits, and whoever works by hand goes on with what is printed. So a number may be
off the truth without any mistake in it. How far is not a matter of taste: every value that the sheet has printed
earlier may stand anywhere within half a unit of its last digit printed, and so may the other entries of the vector or
matrix that it is printed of; the quantity claimed follows. Over such a box of values it takes every value between
those at two corners, since it is continuous, and a claim is `rounded` if its digits allow a value that is reached.
The corners are those that the slopes in each value point to, where the quantity is smallest and largest.

The same pass with an earlier *wrong* value in it tells whether a claim carries that on: its number is then what the
right steps make of what stands on the sheet, and so is every line of its working that is not simply true.
"""

import contextlib
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from gradsheet.claims.comparison import printed_value, truths_at
from gradsheet.claims.following import (
    SLACK,
    Carry,
    Column,
    Floats,
    Moves,
    alone_in,
    changes_of,
    follow,
    follow_work,
    in_floats,
)
from gradsheet.claims.sheet import Claim
from gradsheet.language import formula as f
from gradsheet.language.evaluate import Binding, Evaluator, same_shape
from gradsheet.language.formula import NEW
from gradsheet.numbers.budget import FLOAT_PASS, PER_VARIANT
from gradsheet.numbers.printed import Printed, all_agree, all_overlap, as_float, printed_entries
from gradsheet.numbers.real import apart
from gradsheet.numbers.reasons import NO_VALUE, AtKink, OutOfWork
from gradsheet.numbers.slips import significant
from gradsheet.truth.carried import Carried
from gradsheet.truth.steps import Edits, Index, Tensor
from gradsheet.truth.target import as_delta, core_of, entries_of, mentions, tensor_shape
from gradsheet.truth.values import Values
from manual.activations import Array

MAX_VALUES = 200  # printed earlier, that one claim is followed through
MAX_TOGETHER = 20  # wrong claims that may explain another one together
FEW = 4  # of such claims are followed one by one
SAME = 1e-12  # of a number, that is no other one
TELLING = 2  # significant digits from which on a number tells what it was carried on from


@dataclass(frozen=True)
class _Off:
    """An earlier claim whose value is not the truth, on which `tensor`, and the values as they are carried on."""

    claim: Claim
    tensor: Tensor
    values: list["Carry"]


def _parts(tree: f.Node | None, point: Values) -> Iterator[float]:
    """The values of all parts of a formula that have a single one."""
    for node in f.walk(tree) if tree is not None else ():
        if not isinstance(node, f.Number | f.Letter):
            with contextlib.suppress(*NO_VALUE):
                value = Evaluator(point).value(node, {})
                if value.size == 1:
                    yield float(value.item())


class History:
    """What a sheet has printed so far: true values that may have been rounded, and wrong ones."""

    def __init__(self, data: Iterable[Any]) -> None:
        self._data = set(map(abs, data))  # the numbers given, which are exact, without sign
        self._printed: dict[
            Any, Any
        ] = {}  # the decimals printed, without sign, and how far off what they stand for
        self._true: dict[Tensor, dict[Index, Carry]] = {}
        self._halves: dict[
            Tensor, Any
        ] = {}  # half a unit of the last digit, the largest of a tensor's entries
        self._exactly: set[tuple[Tensor, Index]] = set()  # entries printed without rounding
        self._off: list[_Off] = []
        self._truths: dict[tuple[Tensor, Index], Carry] = {}  # of all that has been printed
        self._wrong_decimals: dict[
            Any, Claim
        ] = {}  # those printed without being true, without sign

    def add(self, claim: Claim, verdict: str, point: Values) -> None:
        """Take in a claim that has been judged."""
        if (
            claim.value is None
            or verdict == "cannot_tell"
            or (found := core_of(claim.tree, point.rate)) is None
        ):
            return
        (factor, core), printed = found, printed_entries(claim.value)
        try:
            for binding in Evaluator(point).bindings(core):
                own, indices = entries_of(core, point, binding)
                tensor, indices = as_delta(own, indices, point)
                if len(indices) != len(printed) or not factor:
                    return
                self._replace(own, tensor, indices)
                entries = list(
                    zip(indices, printed, Evaluator(point).value(core, binding).flat, strict=True)
                )
                for index, _, truth in entries:
                    self._truths[tensor, index] = Carry(
                        tensor, index, truth, truth, truth, is_true=True
                    )
                if verdict in ("wrong", "carried_forward"):
                    values = [
                        _wrong_value(tensor, index, number, factor) for index, number, _ in entries
                    ]
                    self._off.append(_Off(claim, own, values))
                    for _, number, truth in entries:
                        if number.places is not None and not number.agrees(truth * factor):
                            self._wrong_decimals.setdefault(abs(number.value), claim)
                    continue
                for index, number, truth in entries:
                    self._take(tensor, index, number, truth, factor)
        except NO_VALUE:
            return

    def _replace(self, own: Tensor, tensor: Tensor, indices: Sequence[Index]) -> None:
        """Let what is printed now stand for wrong values that were printed before: the nearest above is carried on."""
        for other in self._off:
            if other.tensor == own:
                other.values[:] = [
                    v for v in other.values if v.tensor != tensor or v.index not in indices
                ]
        self._off = [other for other in self._off if other.values]

    def _take(
        self, tensor: Tensor, index: Index, printed: Printed, truth: Any, factor: Any
    ) -> None:
        if printed.places is None:
            return
        half = printed.half / abs(factor)
        value = printed.value / factor
        if value == truth:  # nothing was rounded
            self._exactly.add((tensor, index))
            if (
                earlier := self._earlier(tensor, index)
            ) is not None and earlier.high - truth > half:
                del self._true[tensor][index]  # it is carried on with more digits now
            return
        ends = [truth - half, truth + half, value]
        if (earlier := self._earlier(tensor, index)) is not None:
            ends += [earlier.low, earlier.high]
        self._true.setdefault(tensor, {})[index] = Carry(tensor, index, min(ends), max(ends), value)
        self._halves[tensor] = max(half, self._halves.get(tensor, half))
        key = abs(printed.value)
        self._printed[key] = max(
            half * abs(factor), abs(value - truth) * abs(factor), self._printed.get(key, half)
        )

    def _earlier(self, tensor: Tensor, index: Index) -> Carry | None:
        """What an entry was printed as before, if it was rounded."""
        return self._true.get(tensor, {}).get(index)

    def _values(self, target: Tensor | None, point: Values) -> list[Carry]:
        """Everything that may have been carried on on the way to a target, which is itself no such thing."""
        values: list[Carry] = []
        for tensor, printed in self._true.items():
            # The gradients by parameters lead to the parameters after the update, and nowhere else.
            leads = (
                isinstance(tensor, str)
                or tensor[1][0] not in "Wb"
                or (isinstance(target, str) and NEW in target)
            )
            if tensor == target or not leads:
                continue
            half = self._halves[tensor]
            values += printed.values()
            values += [
                Carry(tensor, index, -half, half, plus=True)
                for index in np.ndindex(tensor_shape(tensor, point))
                if index not in printed and (tensor, index) not in self._exactly
            ]
        return values[:MAX_VALUES]

    def _decimals(self, line: f.Node) -> dict[int, Printed]:
        """The decimals of a line of working, by the id of their nodes: each stands for anything that rounds to it.

        But for those that the sheet gives, which are exact, unless it has printed them as rounded numbers as well.
        """
        exact = self._data - self._printed.keys()
        return {
            id(node): node.printed
            for node in f.walk(line)
            if isinstance(node, f.Number)
            and node.printed.places is not None
            and node.printed.value not in exact
        }

    def _known(self, claim: Claim, line: f.Node, point: Values) -> dict[int, Printed]:
        """Those decimals of a line that something on the way rounds to; others may be meant as they are, 0.5 as a half.

        They are those that the sheet has printed, or that a node or a derivative of the loss rounds to, or a part of a
        line before.
        """
        found = self._decimals(line)
        unknown = {
            key: printed for key, printed in found.items() if printed.value not in self._printed
        }
        if not unknown:
            return found
        before = list(itertools.takewhile(lambda earlier: earlier.tree is not line, claim.working))
        for earlier in before:
            parts = len(list(f.walk(earlier.tree))) if earlier.tree is not None else 0
            point.budget.spend(parts * parts / 2)
        pool = [
            *self._values_here(point),
            *(v for earlier in before for v in _parts(earlier.tree, point)),
        ]
        for key, printed in unknown.items():
            half, value = float(printed.half), float(printed.value)
            if significant(printed) < 2 or not any(
                abs(value - abs(v)) <= half * (1 + 1e-9) for v in pool
            ):
                del found[key]
        return found

    def _values_here(self, point: Values) -> list[float]:
        """Every node, every derivative of the loss by one, every slope of an activation, and yhat - y, as floats."""

        def find() -> list[float]:
            with np.errstate(all="ignore"):
                carried = Carried(point, getattr(point, "changes", None), floats=True)
                return [float(v) for array in carried.everything() for v in array.flat]

        return point.found("everything", find)

    def spread(
        self,
        claim: Claim,
        line: f.Node,
        point: Values,
        binding: Mapping[str, int],
        *,
        known: bool = False,
    ) -> tuple[Array, Array]:
        """The least and the largest that a line of working can give, whatever its decimals, or the known ones, are."""
        decimals = self._known(claim, line, point) if known else self._decimals(line)
        halves = {
            p.value: self._printed.get(p.value, p.half) for p in decimals.values()
        }  # the same stand for the same

        def value(off: Mapping[Any, Any]) -> Array:
            numbers = {key: p.value + off[p.value] for key, p in decimals.items() if p.value in off}
            return Evaluator(point, numbers).value(line, binding)

        here = point.found(("line", line, *binding.items()), lambda: value({}))
        if not halves:
            return here, here
        point.budget.spend((len(halves) + 2 * here.size) * point.formula_work(line))
        moved = {key: value({key: half}) for key, half in halves.items()}
        low, high = np.array(here, object), np.array(here, object)
        for index in np.ndindex(here.shape):
            for rising in (True, False):
                corner = value(
                    {
                        k: half if (moved[k][index] > here[index]) == rising else -half
                        for k, half in halves.items()
                    }
                )[index]
                low[index], high[index] = min(low[index], corner), max(high[index], corner)
        return low, high

    def line_rounded(self, claim: Claim, line: f.Node, point: Values) -> bool:
        """Whether a line of working is true but for the rounding of its decimals, and of what was printed before."""
        if (value := printed_value(line)) is not None:
            return self.rounded(replace(claim, value=value), point)
        if not self._decimals(line):
            return False

        def overlap(binding: Binding, everywhere: Binding, truth: Array) -> bool:
            """Whether the known decimals, and the rounding of what was printed before, explain what is off."""
            low, high = self.spread(claim, line, point, everywhere, known=True)
            spreads = list(zip(low.flat, high.flat, strict=True))
            off = [
                k
                for k, (t, (a, b)) in enumerate(zip(truth.flat, spreads, strict=True))
                if not a <= t <= b
            ]
            moves = self._moves(claim.tree, point, binding, [])
            reach = [moves.reach(k) for k in off]
            return all(
                b >= c and a <= d
                for (a, b), (c, d) in zip((spreads[k] for k in off), reach, strict=True)
            )

        return self._holds(claim, line, point, overlap)

    def _holds(
        self,
        claim: Claim,
        line: f.Node,
        point: Values,
        otherwise: Callable[[Binding, Binding, Array], bool],
    ) -> bool:
        """Whether a line holds the value of its quantity at a point, whatever its decimals stand for, at all indices.

        Where it does not, `otherwise` is asked, with the indices of the quantity, and those of the line, too.
        """
        try:
            evaluator = Evaluator(point)
            for binding, value in truths_at(point, claim.tree):
                for more in evaluator.bindings(line, claim.tree.letters):
                    everywhere = {**binding, **more}
                    low, high = self.spread(claim, line, point, everywhere)
                    if not same_shape(low.shape, value.shape):
                        return False
                    held = all(
                        a <= v <= b for a, v, b in zip(low.flat, value.flat, high.flat, strict=True)
                    )
                    if not held and not otherwise(binding, everywhere, value):
                        return False
        except (AtKink, OutOfWork):
            raise
        except NO_VALUE:
            return False
        return True

    def rounded(
        self, claim: Claim, point: Values, edits: Edits | None = None, *, but: Collection[int] = ()
    ) -> bool:
        """Whether every entry that is not the truth, or what a pass with `edits` gives, is reached by carrying on.

        Of the entries `but` for those that something else explains.
        """
        return self._reached(claim, point, [], edits, but)

    def given(
        self, claim: Claim, point: Values, working: Sequence[f.Node] = ()
    ) -> tuple[list[Claim], bool]:
        """The earlier wrong claims given which this one is right: a single one, or as few as will do, or none.

        And whether every line of `working`, the lines that are not true as they stand, is what right steps make of
        them, too. Where the working uses any of them it is one of those; the nearest above come first.
        """
        if claim.value is None or not self._off or not self._is_telling(claim.value):
            return [], False
        try:
            own = self._target(claim.tree, point)
        except NO_VALUE:
            return [], False
        off = [other for other in reversed(self._off) if other.tensor != own]
        off.sort(key=_is_db)
        used = [other for other in off if self._is_used(other, claim, point)]
        number_alone: list[Claim] = []  # given which the number is right, though some line is not

        def reached(chosen: Sequence[_Off]) -> bool:
            return self._reached(claim, point, self._carried(chosen, own, alone=bool(used)))

        def lines_follow(chosen: Sequence[_Off]) -> bool:
            return self._all_follow(
                claim, working, point, self._carried(chosen, own, alone=bool(used))
            )

        with contextlib.suppress(AtKink):  # without an explanation the claim is as wrong
            chosen = used or off
            for one in itertools.compress(
                chosen, self._may_be_reached(claim, point, own, chosen, alone=bool(used))
            ):
                if reached([one]):
                    if lines_follow([one]):
                        return [one.claim], True
                    number_alone = number_alone or [one.claim]
            if 2 <= len(chosen) <= MAX_TOGETHER and reached(chosen):
                all_follow = lines_follow(chosen)
                for one in list(chosen):
                    rest = [other for other in chosen if other is not one]
                    if rest and reached(rest) and lines_follow(rest) >= all_follow:
                        chosen = rest
                found = [
                    other.claim for other in sorted(chosen, key=lambda other: other.claim.line)
                ]
                return (found, True) if all_follow else (number_alone or found, False)
        return number_alone, False

    def _may_be_reached(
        self,
        claim: Claim,
        point: Values,
        own: Tensor | None,
        chosen: Sequence[_Off],
        *,
        alone: bool,
    ) -> Sequence[bool]:
        """Given which of some wrong claims alone floats leave it open that this one is right: one pass has them all.

        As in `_reached` the number is near what comes out, or has its digits where what is printed is carried on.
        """
        if len(chosen) < FEW:
            return [True] * len(chosen)
        variants = 2 * len(chosen)  # given each, and then with what is printed
        columns: list[Column] = []
        for value in () if alone else self._truths.values():
            if value.tensor != own:
                columns.append((value, np.full(variants, value.as_float)))
        for number, one in enumerate(chosen):
            for value in one.values:
                columns.append(
                    (value, alone_in(value.as_float, [number, number + len(chosen)], variants))
                )
        for value in self._values(own, point):
            if not value.plus:
                columns.append(
                    (value, alone_in(value.as_float, slice(len(chosen), None), variants))
                )
        point.budget.spend(FLOAT_PASS + PER_VARIANT * (variants + len(columns)))
        printed = _InFloats.of(claim)
        may = np.ones(variants, bool)
        for binding, truth in truths_at(point, claim.tree):
            there = in_floats(claim.tree, point, binding, columns, variants)
            if there is None or there.values.shape[-1] != len(printed.value):
                return [True] * len(chosen)
            off = printed.off(there)
            far = off > abs(there.values) / 4 + 4 * printed.half
            far[len(chosen) :] = (off > printed.half)[len(chosen) :]
            truths = np.array([as_float(t) for t in truth.flat])
            same = (abs(there.values - truths) <= SAME * abs(truths)).all(
                -1
            )  # then they have no say in this
            may &= ~(far.any(-1) | same) | there.unsure
        return (may[: len(chosen)] | may[len(chosen) :]).tolist()  # type: ignore[no-any-return]

    def _carried(
        self, chosen: Sequence[_Off], own: Tensor | None, *, alone: bool = False
    ) -> list[Carry]:
        """What somebody carries on who takes some wrong values from the sheet, of which the likeliest come first.

        Of all else that the sheet has it is the truth, so that what stands nearest above counts, and not what led to
        it; where a working uses the values, they stand `alone`. The quantity itself is not among it.
        """
        values = [value for other in reversed(chosen) for value in other.values]
        if alone:
            return values
        taken = {(value.tensor, value.index) for value in values}
        return values + [
            truth
            for place, truth in self._truths.items()
            if truth.tensor != own and place not in taken
        ]

    @staticmethod
    def _is_telling(value: Any) -> bool:
        """Whether a number has digits enough to tell where it comes from; an exact one has them all."""
        printed = printed_entries(value)
        return any(p.places is None for p in printed) or sum(map(significant, printed)) >= TELLING

    def carried(self, claim: Claim, point: Values, working: Sequence[f.Node]) -> bool:
        """Whether lines of a working, which are not true, are what the wrong values that they use make of them."""
        used = [other for other in self._off if self._is_used(other, claim, point)]
        with contextlib.suppress(AtKink, *NO_VALUE):
            there = _with_values(point, self._carried(used, None, alone=True))
            return bool(used and working) and all(
                self._holds(claim, line, there, _never) for line in working
            )
        return False

    @staticmethod
    def _is_used(other: _Off, claim: Claim, point: Values) -> bool:
        """Whether the working of a claim names an earlier one, or has one of its numbers."""
        printed = {abs(p.value) for p in printed_entries(other.claim.value) if p.value}  # type: ignore[arg-type]
        lines = [line.tree for line in claim.working if line.tree is not None]

        def uses(line: f.Node) -> bool:
            numbers = point.found(("numbers", line), lambda: _numbers(line), len)
            return not printed.isdisjoint(numbers) or point.found(
                ("mentions", line, other.claim.tree),
                lambda: mentions(line, other.claim.tree, point.network),
            )

        return any(map(uses, lines))

    def _all_follow(
        self, claim: Claim, lines: Sequence[f.Node], point: Values, carried: Sequence[Carry]
    ) -> bool:
        """Whether lines give what their quantity is where some values are carried on, and the last one the number."""
        there = _with_values(point, carried) if lines else point
        return all(self._holds(claim, line, there, _never) for line in lines) and self._gives(
            claim, point, carried
        )

    def is_own(self, claim: Claim, point: Values, given: Sequence[Claim]) -> bool:
        """Whether a number is what the last line of its working gives, as it stands or given earlier claims.

        But for the rounding of what was printed before.
        """
        chosen = [other for other in self._off if other.claim in given]
        return self._gives(claim, point, []) or (
            bool(chosen) and self._gives(claim, point, self._carried(chosen, None, alone=True))
        )

    def _gives(self, claim: Claim, point: Values, carried: Sequence[Carry]) -> bool:
        """Whether the last line of a working gives the number where some values are carried on; or nothing at all."""
        line = claim.working[-1].tree if claim.working else None
        if line is None or claim.value is None:
            return True
        printed = printed_entries(claim.value)
        ones = dict.fromkeys(
            line.letters, 1
        )  # it has a single value: that is all that its letters run over
        try:
            there = _with_values(point, carried) if carried else point
            values = list(Evaluator(there).value(line, ones).flat)
            if all_agree(printed, values) or all_overlap(
                printed, *self.spread(claim, line, there, ones, known=True)
            ):
                return True
            if len(values) != len(printed):
                return False
            off = [k for k, p in enumerate(printed) if not p.agrees(values[k])]
            if any(not printed[k].is_close(values[k]) for k in off):
                return False
            moves = self._moves(line, point, ones, carried)
            return all(moves.reaches(k, printed[k]) for k in off)
        except (AtKink, OutOfWork):
            raise
        except NO_VALUE:
            return True

    def rounded_in_working(self, claim: Claim, point: Values) -> bool:
        """Whether the rounding of decimals in the last line of a true working explains that a number is off."""
        line = claim.working[-1].tree if claim.working else None
        if line is None or claim.value is None or claim.tree.letters:
            return False
        printed, ones = printed_entries(claim.value), dict.fromkeys(line.letters, 1)
        try:
            ((_, truth),) = truths_at(point, claim.tree)
            low, high = self.spread(claim, line, point, ones, known=True)
            if not all_overlap(printed, low, high) or len(printed) != truth.size:
                return False
            moves = self._moves(claim.tree, point, {}, [])
            reach = [moves.reach(k) for k in range(len(printed))]
            ends = zip(low.flat, high.flat, reach, strict=True)
            return all(p.is_close(t) for p, t in zip(printed, truth.flat, strict=True)) and all(
                b >= c and a <= d for a, b, (c, d) in ends
            )
        except OutOfWork:
            raise
        except (ValueError, *NO_VALUE):
            return False

    def wrong_decimals(self, line: f.Node) -> dict[str, Claim]:
        """The decimals of a line that an earlier claim has printed without their being true, and those claims."""
        if not self._wrong_decimals:
            return {}
        numbers = [
            part.printed
            for part in f.walk(line)
            if isinstance(part, f.Number) and part.printed.places is not None
        ]
        return {
            printed.text: self._wrong_decimals[printed.value]
            for printed in numbers
            if printed.value in self._wrong_decimals
            and printed.value not in self._printed
            and printed.value not in self._data
        }

    def _target(self, tree: f.Node, point: Values) -> Tensor | None:
        """The tensor that a quantity is of; None where it is a formula in several."""
        found = core_of(tree, point.rate)
        return found and entries_of(found[1], point, dict.fromkeys(tree.letters, 1))[0]

    def _reached(
        self,
        claim: Claim,
        point: Values,
        wrong: Sequence[Carry],
        edits: Edits | None = None,
        but: Collection[int] = (),
    ) -> bool:
        """Whether every entry of a claim is reached, with some wrong values fixed."""
        if claim.value is None or not (wrong or self._true):
            return False
        printed = printed_entries(claim.value)
        try:
            for binding, truth in truths_at(point, claim.tree):
                truths = list(truth.flat)
                if len(truths) != len(printed):
                    return False
                moves = self._moves(claim.tree, point, binding, wrong, edits)
                if not self._may_reach(claim, point, binding, moves, but):
                    return False
                start = moves.start
                if start or edits:
                    point.budget.spend(follow_work(claim.tree, point))
                exact = (
                    follow(claim.tree, point, binding, start, edits) if start or edits else truths
                )
                if wrong and not any(apart(a, b) for a, b in zip(exact, truths, strict=True)):
                    return False  # they have no say in this
                off = [k for k, p in enumerate(printed) if k not in but and not p.agrees(exact[k])]
                off = [
                    k for k in off if not self._rounded_again(claim, point, binding, k, printed[k])
                ]
                # A number that is off in more than its last digits is not off by rounding, unless it is what the very
                # numbers printed give, as where two of them nearly cancel.
                if far := [k for k in off if not printed[k].is_close(exact[k])]:
                    as_printed = [*start, *moves.as_printed]
                    there = follow(claim.tree, point, binding, as_printed, edits, same_units=True)
                    if not there or not all(printed[k].agrees(there[k]) for k in far):
                        return False
                    off = [k for k in off if k not in far]
                if not all(moves.reaches(k, printed[k]) for k in off):
                    return False
        except (AtKink, OutOfWork):
            raise
        except NO_VALUE:
            return False
        return True

    def _rounded_again(
        self, claim: Claim, point: Values, binding: Mapping[str, int], k: int, printed: Printed
    ) -> bool:
        """Whether a number is what the same quantity was printed as before, rounded to fewer digits."""
        if (found := core_of(claim.tree, point.rate)) is None:
            return False
        tensor, indices = as_delta(*entries_of(found[1], point, binding), point)
        earlier = self._earlier(tensor, indices[k])
        return earlier is not None and printed.agrees(earlier.printed * found[0])

    def _moves(
        self,
        tree: f.Node,
        point: Values,
        binding: Mapping[str, int],
        wrong: Sequence[Carry],
        edits: Edits | None = None,
    ) -> Moves:
        """How a quantity moves with whatever may have been carried on, some wrong values among it."""
        fixed = {(value.tensor, value.index) for value in wrong if not value.is_true}
        printed = self._values(self._target(tree, point), point)
        values = [value for value in printed if (value.tensor, value.index) not in fixed]
        values += [value for value in wrong if value.low < value.high]
        as_printed = [(value, value.printed) for value in printed if not value.plus]
        return Moves(
            tree,
            point,
            binding,
            [(value, value.printed) for value in wrong],
            values,
            as_printed,
            edits,
        )

    def _may_reach(
        self,
        claim: Claim,
        point: Values,
        binding: Mapping[str, int],
        moves: Moves,
        but: Collection[int],
    ) -> bool:
        """Whether floats leave it open that every entry of a claim is reached; see `_reached`, which tells exactly."""
        if (there := moves.floats) is None or there.unsure.any():
            return True
        printed = _InFloats.of(claim)
        off = printed.off(there)
        open_here, printed_here = off[0] <= printed.half, off[1] <= printed.half
        close = off[0] <= abs(there.values[0]) / 4 + 4 * printed.half
        doubtful = [
            k
            for k in np.flatnonzero(~open_here).tolist()
            if k not in but
            and not self._rounded_again(claim, point, binding, k, printed_entries(claim.value)[k])  # type: ignore[arg-type]
        ]
        if any(not close[k] and not printed_here[k] for k in doubtful):
            return False
        doubtful = [k for k in doubtful if close[k]]
        low, high = moves.reach_in_floats(there, doubtful)
        value, half = printed.value[doubtful], printed.half[doubtful]
        return bool(((low <= value + half) & (high >= value - half)).all())


class _InFloats(NamedTuple):
    """The numbers of a claim and half a unit of their last digits as floats."""

    value: Array
    half: Array

    @classmethod
    def of(cls, claim: Claim) -> "_InFloats":
        printed = printed_entries(claim.value)  # type: ignore[arg-type]
        return cls(
            np.array([float(p.value) for p in printed]), np.array([float(p.half) for p in printed])
        )

    def off(self, there: Floats) -> Array:
        """How far off every variant is at least, (V, entries)."""
        return np.asarray(abs(there.values - self.value) - there.slack - SLACK * abs(self.value))


def _is_db(other: _Off) -> bool:
    """Whether a claim is on a dL/db, which a person takes for the dL/dz."""
    return other.values[0].tensor != other.tensor


def _with_values(point: Values, wrong: Sequence[Carry]) -> Carried:
    """The point with some values carried on as they are printed."""
    point.budget.spend(point.pass_work.both)
    return Carried(point, changes_of([(value, value.printed) for value in wrong], point.typed))


def _never(*_: Any) -> bool:
    return False


def _numbers(line: f.Node) -> frozenset[Any]:
    """The numbers in a formula, without sign."""
    return frozenset(abs(part.printed.value) for part in f.walk(line) if isinstance(part, f.Number))


def _wrong_value(tensor: Tensor, index: Index, printed: Printed, factor: Any) -> Carry:
    """A wrong value as it is carried on: as it is printed, or if it tells anything, as something that rounds to it."""
    value = printed.value / factor
    half = printed.half / abs(factor) if significant(printed) >= TELLING else 0
    return Carry(tensor, index, value - half, value + half, value)
