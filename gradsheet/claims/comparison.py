"""A claim's two sides at every point: what its quantity truly is, and what a
number or a formula says it is."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gradsheet.language import formula as f
from gradsheet.language.evaluate import Binding, Evaluator, same_shape, shape_text
from gradsheet.numbers.printed import Printed, Value, fractions, printed_entries
from gradsheet.numbers.reasons import (
    EvaluationError,
    Missing,
    NotRead,
    OtherEntry,
    Undecided,
)
from gradsheet.numbers.slips import forms
from gradsheet.truth.graph_point import GraphPoint
from gradsheet.truth.values import Values
from manual.activations import Array


def like(array: Array, other: Array) -> Array:
    """The array with the other's axes of length 1, where that is all they differ in."""
    return array.reshape(other.shape) if same_shape(array.shape, other.shape) else array


def truths_at(point: Values, quantity: f.Node) -> list[tuple[Binding, Array]]:
    """The truth at a point for all index values. Raises as `Evaluator.value` does."""

    def find() -> list[tuple[Binding, Array]]:
        evaluator = Evaluator(point)
        return [
            (binding, evaluator.value(quantity, binding))
            for binding in evaluator.bindings(quantity)
        ]

    return point.found(("truth", quantity), find, lambda truths: _size((truths, set())))


def printed_value(tree: f.Node) -> Value | None:
    """The numbers of a line that is nothing but a number or lists of numbers:
    such a line claims their digits."""
    match tree:
        case f.Number(number):
            return number
        case f.Negative(f.Number(number)):
            return Printed(f"-{number.text}", -number.value, number.places)
        case f.List(items):
            parts = [printed_value(item) for item in items]
            return None if None in parts else tuple(parts)
    return None


# The truth and what is claimed, for one choice of the indices.
Side = tuple[Binding, Array, Array]


@dataclass
class Mismatch:
    """Where the two sides differ: at which point and index values, what stands
    there, and the entries that are `off`.

    `reason` says why there is no comparing them; then `mine` is None.
    """

    point: GraphPoint
    binding: Binding
    truth: Array | None = None
    mine: Array | None = None
    off: Sequence[int] = ()
    reason: str = ""
    is_unread: bool = False  # there is no telling what one side says


class Outcome(NamedTuple):
    """What there is to say of a line: where it is not the truth, its value
    where it has a single one, its shape, and how parts of it were read that may
    be read otherwise."""

    mismatch: Mismatch | None
    value: Array | None
    shape: tuple[int, ...] | None
    read_as: tuple[str, ...]


def claimed_numbers(
    value: Value, quantity: f.Node, a_truth: Callable[[], Array]
) -> tuple[Array, list[Printed]]:
    """Printed numbers as an array, and one by one; raises NotRead of a list of
    all entries where the quantity is of one."""
    mine, letters = fractions(value), " and ".join(sorted(quantity.letters))
    if letters and mine.ndim and not same_shape(mine.shape, a_truth().shape):
        raise NotRead(
            f"a list, though {letters} may be any index: write the quantity without {letters}"
        )
    return mine, printed_entries(value)


class Comparison:
    """The truth of one quantity at a point with numbers, and what is claimed against it."""

    symbolic = False

    def __init__(self, quantity: f.Node, point: Any):
        self.quantity, self.first_point = quantity, point
        self._known: list[tuple[Binding, Array]] = []

    def a_truth(self) -> Array:
        """The truth, for the first values of its indices. Raises as `Evaluator.value` does."""
        return self._truths()[0][1]

    def _truths(self) -> list[tuple[Binding, Array]]:
        if not self._known:
            self.first_point.budget.glance()
            self._known = truths_at(self.first_point, self.quantity)
        return self._known

    def mismatch_of_value(self, value: Value) -> Mismatch | None:
        """The first place where a printed number, or lists of them, are not the truth."""
        mine, entries = claimed_numbers(value, self.quantity, self.a_truth)
        return self._first(((b, truth, mine) for b, truth in self._truths()), entries)

    def mismatch_of_line(self, line: f.Node) -> Outcome:
        """The first place where a formula is not the truth, its value and how it was read."""
        point, sides, said = self.first_point, list[Side](), tuple[str, ...]()

        def find() -> tuple[list[Side], tuple[str, ...]]:
            evaluator = Evaluator(point)
            further = list(evaluator.bindings(line, self.quantity.letters))
            found: list[Side] = [
                ({**binding, **more}, truth, evaluator.value(line, {**binding, **more}))
                for binding, truth in self._truths()
                for more in further
                if evaluator.is_inside(line, self.quantity, {**binding, **more})
            ]
            return found, tuple(evaluator.said.values())

        try:
            sides, said = point.found((self.quantity, line), find, _size)
            value = printed_value(line)
            mismatch = self._first(sides, None if value is None else printed_entries(value))
        except OtherEntry as error:
            raise Undecided(str(error)) from error
        except (EvaluationError, Missing) as error:
            unread = isinstance(error, NotRead)
            mismatch = Mismatch(point, {}, reason=str(error), is_unread=unread)
        if not sides:
            return Outcome(mismatch, None, None, said)
        _, truth, mine = sides[0]
        return Outcome(mismatch, like(mine, truth) if len(sides) == 1 else None, mine.shape, said)

    def proof(self) -> str:
        """How sure it is that the two are the same: with numbers there is nothing to say."""
        return ""

    def _first(self, sides: Iterable[Side], printed: list[Printed] | None) -> Mismatch | None:
        """The first place where two sides differ."""
        point = self.first_point
        for binding, truth, mine in sides:
            if not same_shape(mine.shape, truth.shape):
                shapes = shape_text(mine.shape), shape_text(truth.shape)
                reason = "has shape {}, the quantity {}".format(*shapes)
                return Mismatch(point, binding, truth, reason=reason)
            if off := self._off(binding, truth, mine, printed):
                return Mismatch(point, binding, truth, mine, off)
        return None

    def _off(
        self, binding: Binding, truth: Array, mine: Array, printed: list[Printed] | None
    ) -> list[int]:
        """The entries that are not the truth; many sheets print the same."""
        if not printed:
            return off_entries(mine, truth, None)
        question = "off", self.quantity, *binding.items(), *printed
        point: Values = self.first_point
        return point.found(question, lambda: off_entries(mine, truth, printed), len, marked=False)


# What a formula gives at a point, for some values of its letters, and the work that it took.
Given = dict[tuple[Any, ...], tuple[Array, int]]


def agree_at(
    point: Values,
    seen: Values,
    quantity: f.Node,
    line: f.Node,
    form: int | None = None,
    given: Given | None = None,
) -> bool:
    """Whether a formula at a point is a quantity as that point is `seen`;
    raises as evaluating them does.

    With a `form` the quantity is in the form of that number, of
    `slips.forms`. In `given` stands what formulas gave before.
    """
    evaluator, given = Evaluator(point), {} if given is None else given
    for binding, truth in truths_at(seen, quantity):
        truth = truth if form is None else [array for _, array in forms(truth)][form]
        for more in evaluator.bindings(line, quantity.letters):
            everywhere = {**binding, **more}
            key = id(point), line, *everywhere.items()
            if key in given:
                evaluator.spend(given[key][1])
            else:
                before = evaluator.work
                given[key] = evaluator.value(line, everywhere), evaluator.work - before
            if not are_equal(given[key][0], truth):
                return False
    return True


def are_equal(mine: Array, truth: Array) -> bool:
    """Whether two arrays are the same, but for axes of length 1."""
    return same_shape(mine.shape, truth.shape) and not (mine.ravel() != truth.ravel()).any()


def _size(outcome: tuple[Any, ...]) -> int:
    """How many numbers there are among the truths of a quantity, or what is claimed of it."""
    return sum(place[-1].size + 1 for place in outcome[0])


def off_entries(mine: Array, truth: Array, printed: list[Printed] | None) -> list[int]:
    """The entries, counted along the flat array, that are not the truth: by
    their digits where they are printed."""
    pairs = list(zip(mine.flat, truth.flat, strict=True))
    return [
        k for k, (m, t) in enumerate(pairs) if not (printed[k].agrees(t) if printed else m == t)
    ]
