"""A claim's two sides at every point: what its quantity truly is, and what a
number or a formula says it is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from gradsheet.language import formula as f
from gradsheet.language.evaluate import Binding, Evaluator, same_shape, shape_text
from gradsheet.language.formula import NEW
from gradsheet.language.functions import facts_of
from gradsheet.network.network import Network
from gradsheet.numbers.printed import Printed, Value, as_float, fractions, printed_entries
from gradsheet.numbers.reasons import (
    AtKink,
    DivisionByZero,
    EvaluationError,
    Missing,
    NotRead,
    TooClose,
    Undecided,
)
from gradsheet.numbers.slips import forms
from gradsheet.truth.degrees import degree, pattern_degree
from gradsheet.truth.point import Point
from gradsheet.truth.probes import MAX_DEGREE, MAX_OWN_DEGREE, MAX_PATTERNS, MOST, Probes
from gradsheet.truth.values import Values
from manual.activations import Array

MAX_SIMPLE = 64


def _simple_multiple(v: Any, unit: Any) -> bool:
    """Whether v is unit times a ratio of small whole numbers."""
    close = as_float(v) / (as_float(unit) or 1.0)
    if not abs(close) <= MAX_SIMPLE:
        return False
    try:
        return bool(v == unit * Fraction(close).limit_denominator(MAX_SIMPLE))
    except Undecided:
        return False


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


def has_own_kink(tree: f.Node, network: Network) -> bool:
    """Whether relu, drelu, step or abs is applied to anything but the z or h of a
    layer that has the kink already.

    Or a multiple of that. Or log or sqrt to anything: they are not defined everywhere.
    """
    for part in f.walk(tree):
        if isinstance(part, f.Call) and part.function in f.KINKED:
            part = f.Call(part.function, (_without_factor(part.arguments[0]),))
        match part:
            case f.Call(function, (f.Quantity(name), *_)) if (
                function in f.KINKED and name[0] in "zh" and name != "h0"
            ):
                if (
                    name.endswith(NEW)
                    or not facts_of(network.activations[int(name[1:]) - 1]).kinked
                ):
                    return True
            case f.Call(function) if function in (*f.KINKED, "log", "sqrt", "max", "min", "where"):
                return True
            case f.Largest() | f.Smallest() | f.Power(_, Fraction()):
                return True
    return False


def _without_factor(node: f.Node) -> f.Node:
    """What a formula is a multiple of, by a number that is not 0."""
    match node:
        case f.Negative(inner):
            return _without_factor(inner)
        case f.Binary("*", f.Number(number), inner) | f.Binary(
            "*" | "/", inner, f.Number(number)
        ) if number.value:
            return _without_factor(inner)
    return node


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


@dataclass
class Mismatch:
    """Where the two sides differ: at which point and index values, and what
    stands there.

    `reason` says why there is no comparing them; then `mine` is None.
    """

    point: Point
    binding: Binding
    truth: Array | None = None
    mine: Array | None = None
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


class Sides(NamedTuple):
    """The truth and what is claimed, at one point and for one choice of the indices."""

    point: Point
    binding: Binding
    truth: Array
    mine: Array


class Comparison:
    """The truth of one quantity at every point, and what is claimed against it.

    A claim over all weights (`symbolic`) says nothing of points where a side of
    it is undefined: they are passed over.
    """

    def __init__(self, quantity: f.Node, points: Probes | list[Point]):
        self.quantity, self.points = quantity, points
        self.symbolic = isinstance(points, Probes)
        self.first_point = next(iter(points))
        self._ranges: dict[Any, int] = {}
        self._sides: dict[f.Node, bool] = {}  # whether they have kinks of their own
        self._own_kinks: set[str] = set()  # those of the quantity
        self._degree = 0  # of the identities tried, as polynomials

    def truths(self, point: Point) -> list[tuple[Binding, Array]]:
        """The truth at a point for all index values. Raises as `Evaluator.value` does."""
        point.budget.glance()
        if not self.symbolic:  # kinks of a formula's own are asked about over all weights only
            return truths_at(point, self.quantity)

        def find() -> tuple[list[tuple[Binding, Array]], set[str]]:
            evaluator = Evaluator(point, ranges=self._ranges)
            bindings = evaluator.bindings(self.quantity)
            truths = [(binding, evaluator.value(self.quantity, binding)) for binding in bindings]
            return truths, self._kinks(point, evaluator, self.quantity)

        truths, kinks = point.found(self.quantity, find, _size)
        self._own_kinks |= kinks
        return truths

    def _has_own_kink(self, side: f.Node) -> bool:
        if side not in self._sides:
            self._sides[side] = has_own_kink(side, self.first_point.network)
        return self._sides[side]

    def _kinks(self, point: Point, evaluator: Evaluator, side: f.Node) -> set[str]:
        """What a side applied relu, drelu and step to at a generic point, but
        for the network's own kinked units.

        The probes try every pattern of those. "nodes" are data and other nodes,
        which have both signs among the probes, but not in every combination; of
        a kink "elsewhere" no point is sure to have been on either side.
        """
        if not self.symbolic or point.is_witnessed or not self._has_own_kink(side):
            return set()
        units, others = point.signed_values()
        return {
            "nodes" if any(_simple_multiple(v, other) for other in others) else "elsewhere"
            for v in evaluator.kinks
            if not any(_simple_multiple(v, unit) for unit in (Fraction(1), *units))
        }

    def a_truth(self) -> Array:
        """The truth at the first point that has one, with all witnesses heard.
        Raises as `truths` where none has."""

        def first_of(points: Iterable[Point]) -> Array:
            first, *_ = self._trials(
                lambda p: [Sides(p, b, truth, truth) for b, truth in self.truths(p)], points
            )
            return first.truth

        self.first_point.budget.glance()
        points = self.points
        if not isinstance(points, Probes):
            return first_of(points)
        truth: Array = points.kept(("a truth", self.quantity), lambda: first_of(points.small))
        return truth

    def _trials(
        self,
        at_point: Callable[[Point], list[Sides]],
        points: Iterable[Point],
        line: f.Node | None = None,
    ) -> Iterator[Sides]:
        """The trials of every point that has them; raises what kept the points
        from having any where none has."""
        own_kinks = self.symbolic and any(
            self._has_own_kink(side) for side in (self.quantity, line) if side
        )
        nowhere: Exception | None = None
        # a point that did not tell proves nothing, though another may refute.
        untold: Exception | None = None
        defined = False
        for point in points:
            if point.free and not own_kinks:
                continue
            try:
                trials = at_point(point)
            except (DivisionByZero, AtKink, TooClose) as error:
                # At a generic point a division by 0 is no accident: the side is
                # undefined for a whole pattern.
                if not self.symbolic or (
                    isinstance(error, DivisionByZero) and not point.is_witnessed
                ):
                    raise
                nowhere = error
                untold = untold or (
                    error if isinstance(error, TooClose) and self._proves(point) else None
                )
                continue
            defined = True
            yield from trials
        if untold is not None or (nowhere is not None and not defined):
            raise untold or nowhere  # type: ignore[misc]

    def mismatch_of_line(self, line: f.Node) -> Outcome:
        """The first place where a formula is not the truth, its value and how it was read."""
        if not isinstance(self.points, Probes):
            return self._compare(line)

        def find() -> tuple[Any, int]:
            try:
                return self._compare(line), self._degree
            except Undecided as error:
                return error, 0

        outcome, known = self.points.kept((self.quantity, line), find)
        self._degree = max(self._degree, known)
        if isinstance(outcome, Undecided):
            raise type(outcome)(*outcome.args)
        return outcome  # type: ignore[no-any-return]

    def _compare(self, line: f.Node) -> Outcome:
        compared: list[Sides] = []
        read_as: dict[str, None] = {}
        kinks: set[str] = set()

        def at_point(point: Point) -> list[Sides]:
            def find() -> tuple[list[tuple[Binding, Array, Array]], set[str], tuple[str, ...]]:
                evaluator = Evaluator(point, ranges=self._ranges)
                further = list(evaluator.bindings(line, self.quantity.letters))
                sides: list[tuple[Binding, Array, Array]] = []
                for binding, truth in self.truths(point):
                    for more in further:
                        everywhere = {**binding, **more}
                        sides.append((everywhere, truth, evaluator.value(line, everywhere)))
                return sides, self._kinks(point, evaluator, line), tuple(evaluator.said.values())

            pairs, of_line, said = (
                find() if self.symbolic else point.found((self.quantity, line), find, _size)
            )
            sides = [Sides(point, *pair) for pair in pairs]
            compared.extend(sides)
            read_as.update(dict.fromkeys(said))
            kinks.update(of_line)
            return sides

        try:
            value = printed_value(line)
            entries = None if value is None else printed_entries(value)
            mismatch = self._first(at_point, entries, line)
        except (EvaluationError, Missing) as error:
            mismatch = Mismatch(
                self.first_point, {}, reason=str(error), is_unread=isinstance(error, NotRead)
            )
        if mismatch is None:
            self._prove(line, kinks)
        if not compared:
            return Outcome(mismatch, None, None, tuple(read_as))
        _, _, truth, mine = compared[0]
        single = like(mine, truth) if not self.symbolic and len(compared) == 1 else None
        return Outcome(mismatch, single, mine.shape, tuple(read_as))

    def _prove(self, line: f.Node, kinks: set[str]) -> None:
        """Raise Undecided where agreement at all points does not show that a
        formula is the truth."""
        if not self.symbolic:
            return
        network, kinks = self.first_point.network, kinks | self._own_kinks
        self._degree = max(self._degree, degree(self.quantity, network) + degree(line, network))
        names = [
            part.name
            for part in (*f.walk(self.quantity), *f.walk(line))
            if isinstance(part, f.Quantity)
        ]
        pattern = max(pattern_degree(self.quantity, network), pattern_degree(line, network))
        many = 2**network.kinked_units > MAX_PATTERNS
        but = ""
        if network.kinked_units and any(n.endswith(NEW) and n[0] not in "Wb" for n in names):
            but = "nothing sees to the kinks after the update"
        elif "elsewhere" in kinks:
            but = "has a kink where nothing in the network has one"
        elif (many and pattern > MAX_DEGREE) or (kinks and pattern > MAX_OWN_DEGREE):
            but = "tells more patterns of signs apart than that"
        if but:
            raise Undecided(f"holds wherever it was tried, but {but}")

    def proof(self) -> str:
        """How sure it is that what was found to be an identity is one."""
        units = self.first_point.network.kinked_units
        error = self._degree * 2.0 ** min(units, 6) / 2**62
        text = f"holds for all numbers but for a probability of error below {error:.0e}"
        if 2**units > MAX_PATTERNS:
            patterns = "for each pattern of live and dead units tried"
            text += f", {patterns}, and for all {2**units} but for 5e-07"
        return text

    def mismatch_of_value(self, value: Value) -> Mismatch | None:
        """The first place where a printed number, or lists of them, are not the truth."""
        mine, entries = fractions(value), printed_entries(value)
        letters = " and ".join(sorted(self.quantity.letters))
        # The list of all entries.
        if letters and mine.ndim and not same_shape(mine.shape, self.a_truth().shape):
            raise NotRead(
                f"a list, though {letters} may be any index: write the quantity without {letters}"
            )
        mismatch = self._first(
            lambda p: [Sides(p, b, truth, mine) for b, truth in self.truths(p)], entries
        )
        if mismatch is None:
            self._prove(f.Number(entries[0]), set())
        return mismatch

    def _first(
        self,
        at_point: Callable[[Point], list[Sides]],
        printed: list[Printed] | None,
        line: f.Node | None = None,
    ) -> Mismatch | None:
        """The first place where two sides differ, at small numbers where they do there."""
        if not isinstance(self.points, Probes):
            return self._search(self._trials(at_point, self.points, line), printed)
        network = self.first_point.network
        sides = self.quantity if line is None else f.List((self.quantity, line))
        known = pattern_degree(sides, network) > MAX_DEGREE
        points = self.points.at_known() if known else self.points
        mismatch = self._search(self._trials(at_point, points, line), printed)
        point = self.first_point
        if mismatch is None or mismatch.point is point:
            return mismatch
        work = [point.formula_work(side) for side in (self.quantity, line) if side]
        one = point.pass_work.both + sum(work)
        for small, number in ((self.points.small, MOST), (self.points.further, MAX_PATTERNS)):
            point.budget.spend(number * one)
            if shown := self._search(self._trials(at_point, small, line), printed):
                return shown
        return mismatch

    def _proves(self, point: Point) -> bool:
        """Whether a proof needs this point: small numbers only serve to show
        what is wrong, and to hear witnesses."""
        return not self.symbolic or not point.is_witnessed or point.free

    def _search(self, trials: Iterable[Sides], printed: list[Printed] | None) -> Mismatch | None:
        too_close: TooClose | None = None
        for point, binding, truth, mine in trials:
            if not same_shape(mine.shape, truth.shape):
                shapes = shape_text(mine.shape), shape_text(truth.shape)
                reason = "has shape {}, the quantity {}".format(*shapes)
                return Mismatch(point, binding, truth, reason=reason)
            try:
                if off_entries(mine, truth, printed):
                    return Mismatch(point, binding, truth, mine)
            except TooClose as error:  # here; another point may tell
                if self._proves(point):
                    too_close = error
        if too_close:
            raise too_close
        return None


def agree_at(
    point: Values, seen: Values, quantity: f.Node, line: f.Node, form: int | None = None
) -> bool:
    """Whether a formula at a point is a quantity as that point is `seen`;
    raises as evaluating them does.

    With a `form` the quantity is in the form of that number, of
    `slips.forms`.
    """
    evaluator = Evaluator(point)
    for binding, truth in truths_at(seen, quantity):
        truth = truth if form is None else [array for _, array in forms(truth)][form]
        for more in evaluator.bindings(line, quantity.letters):
            mine = evaluator.value(line, {**binding, **more})
            if not same_shape(mine.shape, truth.shape) or (mine.ravel() != truth.ravel()).any():
                return False
    return True


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
