"""What a sheet has printed so far: one record, an `Entry` for every number.

A claim prints numbers for the entries of a tensor of the pass, each with a
factor in front: of `learning_rate*dL/dW2 = 0.10` the entry dL/dW2[1,1] is
printed as 0.10/learning_rate. An entry is

    exact       a decimal that is the truth in all its digits
    rounded     a decimal that rounds to the truth, or is as good
    wrong       of a claim that is wrong or follows from one that is

and whole numbers and fractions round nothing. A person goes on with what is
printed. So everything that is asked here is asked of this record: what may
stand for an entry from now on, which wrong claims still stand, what a decimal
in a line of working may stand for.

What is printed once more replaces what stood there before: of an entry the
nearest above is carried on, and a rounded one is carried on with more digits
once it has been printed with more.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradsheet.claims.comparison import truths_at
from gradsheet.claims.following import Carry
from gradsheet.claims.sheet import Claim
from gradsheet.numbers.kept import kept
from gradsheet.numbers.printed import Printed, printed_entries
from gradsheet.numbers.reasons import NO_ANSWER
from gradsheet.numbers.slips import significant
from gradsheet.truth.graph_values import GraphValues
from gradsheet.truth.target import core_of, entries_of
from gradsheet.truth.values import Index, Tensor

MAX_VALUES = 200  # printed earlier, that one claim is followed through
TELLING = 2  # significant digits from which on a number tells what it was carried on from

Place = tuple[Tensor, Index]


@dataclass(eq=False)  # frozen it takes as long again to be made, and there are many
class Entry:
    """A number that a claim has printed for an entry of a tensor.

    `named` is the tensor that the claim speaks of: dL/db, where `tensor` is the
    dL/dz that a person takes for it. The number stands for `factor` times the
    entry, whose truth is `truth`. `before` is what was printed of the same
    entry before.
    """

    claim: Claim
    named: Tensor
    tensor: Tensor
    index: Index
    printed: Printed
    factor: Any
    truth: Any
    is_wrong: bool
    before: "Entry | None"
    point: GraphValues

    @property
    def place(self) -> Place:
        """The entry that the number is of."""
        return self.tensor, self.index

    @kept
    def value(self) -> Any:
        """The entry as it is printed."""
        return self.printed.value / self.factor

    @kept
    def half(self) -> Any:
        """Half a unit of the last digit, of the entry."""
        return self.printed.half / abs(self.factor)

    @kept
    def is_exact(self) -> bool:
        """Whether it is a decimal that is the truth in all its digits."""
        is_right = not self.is_wrong and self.printed.places is not None
        return is_right and self._found("is exact", lambda: bool(self.value == self.truth))

    @property
    def is_rounded(self) -> bool:
        """Whether it is a decimal that stands for the truth."""
        return not self.is_wrong and self.printed.places is not None and not self.is_exact

    @kept
    def is_false_decimal(self) -> bool:
        """Whether it is a decimal that is known not to be true."""
        try:
            decimal = self.is_wrong and self.printed.places is not None
            return decimal and not self.printed.agrees(self.truth * self.factor)
        except NO_ANSWER:
            return False

    @kept
    def was_exact(self) -> bool:
        """Whether it has been printed exactly, now or before."""
        return self.is_exact or (self.before is not None and self.before.was_exact)

    @kept
    def spread(self) -> Any:
        """How far the printed number may be off what it stands for."""
        return max(self.printed.half, abs(self.value - self.truth) * abs(self.factor))

    @kept
    def range(self) -> Carry | None:
        """All that may be carried on for the entry, if it was rounded."""
        earlier = None if self.before is None else self.before.range
        if self.is_rounded:
            low, high = self._found("ends", lambda: (min(self._ends), max(self._ends)))
            if earlier is not None:
                low, high = min(low, earlier.low), max(high, earlier.high)
            return Carry(*self.place, low, high, self.value)
        if self.is_exact and earlier is not None and earlier.high - self.truth > self.half:
            return None
        return earlier

    @property
    def _ends(self) -> tuple[Any, ...]:
        return self.truth - self.half, self.truth + self.half, self.value

    def _found(self, what: str, find: Callable[[], Any]) -> Any:
        """What many sheets ask that print the same."""
        question = what, *self.place, self.printed, self.factor
        return self.point.found(question, find, lambda _: 2, marked=False)

    @kept
    def as_true(self) -> Carry:
        """The truth in its place, carried on."""
        return Carry(*self.place, self.truth, self.truth, self.truth, is_true=True)

    @kept
    def as_printed(self) -> Carry:
        """What is carried on of a wrong number: if it tells, what rounds to it."""
        half = self.half if significant(self.printed) >= TELLING else 0
        return Carry(*self.place, self.value - half, self.value + half, self.value)


@dataclass(frozen=True, eq=False)
class Said:
    """All that was printed of a tensor and is not wrong, the last first: a
    question that is asked over and over, and hashed once."""

    last: tuple[Any, ...]
    before: "Said | None"

    @kept
    def _hash(self) -> int:
        return hash((self.last, self.before))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        mine: Any = self
        while mine is not other:
            if not (isinstance(mine, Said) and isinstance(other, Said)):
                return False
            if hash(mine) != hash(other) or mine.last != other.last:
                return False
            mine, other = mine.before, other.before
        return True


@dataclass(frozen=True)
class WrongClaim:
    """A claim whose numbers for `tensor` are wrong, as they are carried on."""

    claim: Claim
    tensor: Tensor
    values: list[Carry]

    @property
    def is_taken_for_delta(self) -> bool:
        """Whether it is on a dL/db, which a person takes for the dL/dz."""
        return self.values[0].tensor != self.tensor


class Record:
    """Everything that a sheet has printed; `data` are the numbers it gives."""

    def __init__(self, data: Iterable[Any]) -> None:
        self.data = set(map(abs, data))  # exact; without sign, as numbers in formulas are
        self.size = 0  # how many numbers were printed
        self._last: dict[Place, Entry] = {}
        self._last_named: dict[tuple[Tensor, Place], Entry] = {}  # in the order of printing
        self._said: dict[Tensor, Said] = {}
        # Of every tensor that was rounded half a unit of the last digit, the most.
        self._halves: dict[Tensor, Any] = {}
        # By number, without sign: those that stand for the truth, and those of wrong claims.
        self._rounded_as: defaultdict[Any, list[Entry]] = defaultdict(list)
        self._wrong_as: defaultdict[Any, list[Entry]] = defaultdict(list)

    def add(self, claim: Claim, verdict: str, point: GraphValues) -> None:
        """Take in a claim that has been judged."""
        core = core_of(claim.tree, point.rate)
        if claim.value is None or verdict == "cannot_tell" or core is None or not core[0]:
            return
        factor, quantity = core
        printed, is_wrong = printed_entries(claim.value), verdict in ("wrong", "carried_forward")
        try:
            for binding, truth in truths_at(point, quantity):
                named, indices = entries_of(quantity, point, binding)
                tensor, indices = point.taken_for(named, indices)
                if len(indices) != len(printed):
                    return
                for index, number, true in zip(indices, printed, truth.flat, strict=True):
                    before = self._last.get((tensor, index))
                    said = claim, named, tensor, index, number, factor, true, is_wrong
                    self._take(Entry(*said, before, point))
        except NO_ANSWER:
            return

    def _take(self, entry: Entry) -> None:
        _ = entry.range  # raises where it cannot be told whether anything was rounded
        self.size += 1
        self._last[entry.place] = entry
        self._last_named.pop((entry.named, entry.place), None)
        self._last_named[entry.named, entry.place] = entry
        tensor, number = entry.tensor, abs(entry.printed.value)
        if entry.is_wrong:
            self._wrong_as[number].append(entry)
            return
        said = entry.index, entry.printed, entry.factor
        self._said[tensor] = Said(said, self._said.get(tensor))
        if entry.is_rounded:
            self._halves[tensor] = max(entry.half, self._halves.get(tensor, entry.half))
            self._rounded_as[number].append(entry)

    @property
    def has_rounded(self) -> bool:
        """Whether any number has been rounded."""
        return bool(self._halves)

    def said_before(self, target: Tensor | None, point: GraphValues) -> tuple[Any, ...]:
        """All that was printed of a target, and on the way to it, but for what
        is wrong: what rounding leaves open hangs on nothing else."""
        return tuple(
            (tensor, self._said[tensor])
            for tensor in {**self._halves, **self._said}
            if tensor == target or point.leads(tensor, target)
        )

    # By place

    def range_of(self, place: Place) -> Carry | None:
        """All that may be carried on for an entry which has been rounded."""
        return self._last[place].range if place in self._last else None

    def truths(self) -> list[Carry]:
        """The truth of everything that has been printed."""
        return [entry.as_true for entry in self._last.values()]

    @property
    def standing(self) -> int:
        """How many numbers were not printed again."""
        return len(self._last_named)

    def wrong_claims(self) -> list[WrongClaim]:
        """The wrong claims, with their entries that were not printed again."""
        claims: dict[int, WrongClaim] = {}
        for entry in self._last_named.values():
            if entry.is_wrong:
                wrong = WrongClaim(entry.claim, entry.named, [])
                claims.setdefault(id(entry.claim), wrong).values.append(entry.as_printed)
        return list(claims.values())

    def ranges(self, target: Tensor | None, point: GraphValues) -> list[Carry]:
        """All that may be carried on on the way to a target, but for itself.

        The entries of a tensor that are not printed are rounded as the others
        are.
        """
        ranges: list[Carry] = []
        for tensor, half in self._halves.items():
            if tensor == target or not point.leads(tensor, target):
                continue
            unprinted: list[Carry] = []
            for index in np.ndindex(point.tensor_shape(tensor)):
                last = self._last.get((tensor, index))
                if last is not None and last.range is not None:
                    ranges.append(last.range)
                elif last is None or not last.was_exact:
                    unprinted.append(Carry(tensor, index, -half, half, plus=True))
            ranges += unprinted
        return ranges[:MAX_VALUES]

    # By number, without sign

    def is_rounded(self, number: Any) -> bool:
        """Whether a number was printed for something that rounds to it."""
        return number in self._rounded_as

    def is_given(self, number: Any) -> bool:
        """Whether a number is one of the data, and rounded from nothing."""
        return number in self.data and not self.is_rounded(number)

    def spread(self, printed: Printed) -> Any:
        """How far a decimal of a line may be off what it stands for."""
        if not self.is_rounded(printed.value):
            return printed.half
        entries = self._rounded_as[printed.value]
        entries[:] = [max(entries, key=lambda entry: entry.spread)]  # of which it is asked again
        return entries[0].spread

    def false_claim(self, number: Any) -> Claim | None:
        """The first claim that has printed a decimal which is not true."""
        if self.is_rounded(number) or number not in self._wrong_as or number in self.data:
            return None
        entries = self._wrong_as[number]
        false = (entry for entry in entries if entry.is_false_decimal)
        entries[:] = itertools.islice(false, 1)  # of which it is asked again
        return entries[0].claim if entries else None
