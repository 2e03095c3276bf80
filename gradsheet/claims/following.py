"""What comes of a quantity where values are carried on that are not the truth:
exactly, or in floats for a first look.

Floats follow many variants in one pass, each with other values carried on; a
`Column` says of one value what stands for it in each of them.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from gradsheet.language import formula as f
from gradsheet.language.evaluate import Evaluator
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import PER_VARIANT
from gradsheet.numbers.kept import kept
from gradsheet.numbers.printed import Printed, as_float
from gradsheet.truth.carrying import carried
from gradsheet.truth.graph_values import GraphValues
from gradsheet.truth.sweep import Change
from gradsheet.truth.target import core_of, entries_of
from gradsheet.truth.values import Index, Tensor
from manual.activations import Array

SLACK = 1e-6  # of the largest number on the way, that floats are granted


@dataclass  # frozen it takes as long again to be made, and there are many
class Carry:
    """An entry that a person carries on with: anything from low to high, or
    with `plus` that much off what he gets."""

    tensor: Tensor
    index: Index
    low: Any
    high: Any
    printed: Any = 0  # as it stands in the sheet; of one that does not, no deviation
    plus: bool = False
    is_true: bool = False  # the truth of what was printed as well, and may have been rounded

    @kept
    def _hash(self) -> int:
        return hash((self.tensor, self.index, self.low, self.high, self.printed))

    # That of fractions takes long, and values are asked for it over and over.
    def __hash__(self) -> int:
        return self._hash

    @property
    def key(self) -> Any:
        """What tells it from others at one point, without the truth there."""
        return (self.tensor, self.index, self.plus) if self.is_true else self

    @kept
    def as_float(self) -> float:
        """What stands in the sheet, for a first look."""
        return as_float(self.printed)

    @property
    def middle(self) -> float:
        """What is in the middle of its range."""
        return (as_float(self.low) + as_float(self.high)) / 2

    def change(self, value: Any, kind: Callable[[Any], Any]) -> Change:
        """What a pass makes of what it computes, to carry on with a number of some kind."""
        value = kind(value)
        return (lambda computed: computed + value) if self.plus else (lambda computed: value)


Chosen = Sequence[tuple[Carry, Any]]  # what is carried on, each with the number that stands for it
# Of each variant the number that stands for a value; nan where it is computed. A number alone
# stands for it in all.
Column = tuple[Carry, Array | float]


class Floats(NamedTuple):
    """The entries of a quantity in every variant, (V, entries), how far they
    may be off, and where nothing is sure."""

    values: Array
    slack: Array
    unsure: Array


@dataclass(frozen=True, eq=False)
class Moves:
    """How a quantity moves where each of some values may be anything from its
    `low` to its `high`.

    `start` is carried on in any case; of `as_printed` the numbers stand in the
    sheet.
    """

    tree: f.Node
    point: GraphValues
    binding: Mapping[str, int]
    start: Chosen
    values: Sequence[Carry]
    as_printed: Chosen
    edits: Any
    _corner: dict[Any, list[Any]] = field(default_factory=dict, init=False)

    def begin_at(self, entries: list[Any]) -> None:
        """Take what the quantity is with `start` alone, where that is known."""
        self._corner[()] = entries

    def _work(self, variants: int) -> float:
        """What a pass in floats takes with so many variants, and all that they carry on."""
        return self.point.float_pass + PER_VARIANT * (variants + len(self.start))

    @property
    def floats_work(self) -> float:
        """What the `floats` take."""
        return self._work(len(self.values) + 3)

    def _columns(self, columns: Iterable[Column], variants: int) -> Floats | None:
        start = [(value, as_float(number)) for value, number in self.start]
        return in_floats(
            self.tree, self.point, self.binding, [*start, *columns], variants, self.edits
        )

    @kept
    def floats(self) -> Floats | None:
        """In floats as it starts, as it is printed, with all values in the middle,
        and with each of them from there at its upper end."""
        variants = len(self.values) + 3
        self.point.budget.spend(self.floats_work)
        printed = [(v, alone_in(as_float(number), [1], variants)) for v, number in self.as_printed]
        moved = [(v, alone_in(v.middle, slice(2, None), variants)) for v in self.values]
        for row, (value, column) in enumerate(moved, 3):
            column[row] = as_float(value.high)
        return self._columns(printed + moved, variants)

    @kept
    def _rises(self) -> list[Array]:
        """Of every value which entries rise with it, where the others are carried on
        as well: 1, or -1 where they fall, or 0."""
        if self.floats is not None and not self.floats.unsure.any():
            here, *each = self.floats.values[2:]
        else:
            self.point.budget.spend(self.point.float_pass * (len(self.values) + 1))
            middle = [*self.start, *((value, value.middle) for value in self.values)]
            ways = [middle, *([*middle, (value, value.high)] for value in self.values)]
            here, *each = (
                np.array(
                    follow(self.tree, self.point, self.binding, way, self.edits, floats=True), float
                )
                for way in ways
            )
        with np.errstate(all="ignore"):
            return [np.nan_to_num(np.sign(there - here), nan=1.0) for there in each]

    def reach_in_floats(self, here: Floats, entries: Sequence[int]) -> tuple[Array, Array]:
        """The least and the largest that entries can be, as far as floats tell:
        no less and no more.

        `here` are the `floats`.
        """
        columns: list[Column] = []
        self.point.budget.spend(self._work(len(self.values) + len(entries)))
        corners = len(entries)  # at the upper ends, at the lower ones, and as printed
        for value, rises in zip(self.values, self._rises, strict=True):
            rise = rises[list(entries)]
            ends = [
                np.where(rise * sign > 0, as_float(value.high), as_float(value.low))
                for sign in (1, -1)
            ]
            column = np.concatenate([*ends, np.full(corners, value.as_float)])
            column[np.tile(rise == 0, 3)] = np.nan
            columns.append((value, column))
        there = self._columns(columns, 3 * corners) if corners else None
        low, high = (
            here.values[0, list(entries)] + sign * here.slack[0, list(entries)] for sign in (-1, 1)
        )
        if there is None:
            return low, high
        at = np.arange(3 * corners), np.tile(list(entries), 3)
        value, slack = there.values[at], there.slack[at]
        least = np.where(there.unsure, -np.inf, value - slack).reshape(3, corners).min(0)
        most = np.where(there.unsure, np.inf, value + slack).reshape(3, corners).max(0)
        return np.minimum(low, least), np.maximum(high, most)

    def reaches(self, k: int, printed: Printed) -> bool:
        """Whether an entry can have the digits printed, exactly; it takes every
        value between any two that it has."""
        here = self._there(())[k]
        low = high = here
        if printed.overlaps(low, high):
            return True
        for there in self._corners(k, upwards_first=bool(here <= printed.value)):
            low, high = min([low, *there]), max([high, *there])
            if printed.overlaps(low, high):
                return True
        return False

    def reach(self, k: int) -> tuple[Any, Any]:
        """The least and the largest that an entry can be, exactly: at the
        corners that the slopes point to."""
        ends = [self._there(())[k], *itertools.chain(*self._corners(k))]
        return min(ends), max(ends)

    def _corners(self, k: int, *, upwards_first: bool = True) -> Iterator[list[Any]]:
        """What an entry is at one end, as printed (what is between need not be
        within the ends), and at the other."""
        rises = {number: rise[k] > 0 for number, rise in enumerate(self._rises) if rise[k]}
        for upwards in (upwards_first, None, not upwards_first) if rises else ():
            ends = {n: None if upwards is None else rise == upwards for n, rise in rises.items()}
            yield self._there(tuple(ends.items()))[k : k + 1]

    def _there(self, chosen: tuple[tuple[int, bool | None], ...]) -> list[Any]:
        """The entries with some values at their upper or lower ends, or as
        printed; none if other units are live."""
        if chosen not in self._corner:
            ends = {True: "high", False: "low", None: "printed"}
            carried = [*self.start]
            for number, end in chosen:
                carried.append((self.values[number], getattr(self.values[number], ends[end])))
            self.point.budget.spend(follow_work(self.tree, self.point))
            self._corner[chosen] = follow(
                self.tree, self.point, self.binding, carried, self.edits, same_units=bool(chosen)
            )
        return self._corner[chosen]


def alone_in(number: float, rows: Sequence[int] | slice, variants: int) -> Array:
    """A column with a number in some rows."""
    column = np.full(variants, np.nan)
    column[rows] = number
    return column


def in_floats(
    tree: f.Node,
    point: GraphValues,
    binding: Mapping[str, int],
    columns: Iterable[Column],
    variants: int,
    edits: Any = None,
) -> Floats | None:
    """The entries of a quantity where every variant carries on with its own
    values; None where one pass has them not.

    Of a variant nothing is sure where a z is about 0, or its numbers are no
    floats.
    """
    if (core := core_of(tree, point.rate)) is None:
        return None
    tensor, indices = entries_of(core[1], point, binding)
    by_place: dict[tuple[Tensor, Index], list[Column]] = {}
    for value, column in columns:
        by_place.setdefault((value.tensor, value.index), []).append((value, column))
    changes: dict[Tensor, dict[Index, Change]] = {}
    for (name, index), several in by_place.items():
        changes.setdefault(name, {})[index] = functools.partial(_in_columns, several)
    with np.errstate(all="ignore"):
        seen = carried(point, changes, edits, floats=True, variants=variants)
        values = float(core[0]) * seen.in_all(tensor, indices)
        largest, at_kink = seen.scale()
        slack = SLACK * (abs(values) + largest[:, None])
        return Floats(values, slack, at_kink | ~np.isfinite(values + slack).all(-1))


def _in_columns(columns: Sequence[Column], computed: Array) -> Any:
    """What every variant carries on: what is computed, or what the last column
    that has a number for it says."""
    result: Any = computed
    for value, column in columns:
        there = computed + column if value.plus else column
        if isinstance(column, float) or not (is_computed := np.isnan(column)).any():
            result = there
        else:
            result = np.where(is_computed, result, there)
    return result


def changes_of(chosen: Chosen, kind: Callable[[Any], Any]) -> dict[Tensor, dict[Index, Change]]:
    """What a pass makes of every entry that is carried on otherwise."""
    changes: dict[Tensor, dict[Index, Change]] = {}
    for value, number in chosen:
        changes.setdefault(value.tensor, {})[value.index] = value.change(number, kind)
    return changes


def follow_work(tree: f.Node, point: Any) -> int:
    """The operations of `follow`, exactly: a pass forward, and one backward
    from every entry that is derived."""

    def count() -> int:
        rows = tree.derived
        names = {part.name for part in tree.named if isinstance(part, f.Quantity)}
        work = point.pass_work
        passes: int = work.swept(work.program.made_of(names | rows)) + sum(map(work.jacobian, rows))
        return passes + int(point.formula_work(tree))

    counted: int = point.found(("follow work", tree), count, marked=False)
    return counted


def follow(
    tree: f.Node,
    point: GraphValues,
    binding: Mapping[str, int],
    chosen: Chosen,
    edits: Any = None,
    *,
    floats: bool = False,
    same_units: bool = False,
) -> list[Any]:
    """The entries of a quantity where some values are carried on otherwise.

    With `same_units` none if other units are live then: across a kink
    derivatives jump, and take no value between. A dead unit that is carried on
    as 0 stays on its side of the kink, where the derivative at 0 is taken from.
    """
    kind: Callable[[Any], Any] = float if floats else point.typed

    def find() -> list[Any]:
        seen = carried(point, changes_of(chosen, kind), edits, floats=floats)
        if same_units:
            here = point if edits is None else carried(point, None, edits, floats=floats)
            if not seen.is_as_live_as(here):
                return []
            seen.keep_kinks(here)
        with np.errstate(all="ignore"):  # floats only show the way
            return list(as_array(Evaluator(seen).value(tree, binding)).flat)

    # A mistake may make fractions of what has none: then the truths carried on are none either.
    are_fractions = point.exact and all(isinstance(number, Fraction) for _, number in chosen)
    if floats or edits or not are_fractions:
        return find()
    # Many sheets print the same.
    return point.found(("carried", tree, *binding.items(), *chosen, same_units), find)
