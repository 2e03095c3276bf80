"""Claims for all values of what a sheet gives by its shape alone.

Two kinds of points decide them. On formal numbers a true formula is the truth:
that proves an identity, on either side of every kink, at every size tried. With
numbers drawn for everything, a formula that is not the truth shows it: `wrong`
always has such a witness. What neither proves nor fails anywhere is undecided.
"""

import contextlib
import functools
import itertools
import math
import random
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, TypeVar, cast

import numpy as np

from gradsheet.claims.comparison import (
    Mismatch,
    Outcome,
    claimed_numbers,
    off_entries,
    truths_at,
)
from gradsheet.claims.counting import HEARD
from gradsheet.claims.sheet import Free, Stated
from gradsheet.language import formula as f
from gradsheet.language.evaluate import Binding, Evaluator, same_shape, shape_text
from gradsheet.network.lowering import Program
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.formal import FormalField
from gradsheet.numbers.printed import Printed, Value, printed
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.reasons import (
    NO_VALUE,
    AtKink,
    DivisionByZero,
    EvaluationError,
    Imprecise,
    Missing,
    NotRead,
    OutsideDomain,
    TooClose,
    Undecided,
)
from gradsheet.numbers.session import Session
from gradsheet.numbers.sides import CHANCE, Sides
from gradsheet.truth.graph_point import Asked, GraphPoint
from gradsheet.truth.graph_values import GraphCarried, GraphValues
from gradsheet.truth.identities import FormalEvaluator, FormalPoint, degree
from manual.activations import Array

FEW, MANY = 3, 16  # points with numbers: beside a proof, and to find out what is not equal
PART = 1 / 4  # of the points, at so many of which a formula has no value by no chance
_BUT = "holds wherever it was tried, but nothing here proves it"
_BY_ZERO = f"{_BUT}: there is a division by 0 for some signs of what has a kink"
LONGER = 10  # times the operations of one term are those of many
MOST_ZEROS = 8  # points at which something is 0
MOST_TURNED = 32  # points at which something alone is negative
MOST_BESIDE, WORK_BESIDE = 32, 10_000  # points beside numbers at kinks, operations for them
MOST_NUMBERS = 6  # of those numbers
MOST_TIES = 6  # comparisons of which the sides are made equal
OTHERS = ("0", "0", "1", "1", "drawn", "beside")  # what else is free there
MAX_NETWORKS, MAX_KEPT = 16, 2_000  # answers that are kept for further sheets
# As how many of those a point counts, and how many numbers the witnesses tell there.
PER_POINT, MAX_HEARD = 20, 2_000
KINDS = 5  # of points, see below
SIGNED = (0, 2, KINDS, KINDS + 2, 2 * KINDS)  # some of those with numbers of both signs
LARGEST = 5  # among the numbers drawn
SEED = 17
DIGITS = 160
FIELD = 120  # bits by which an element of the field is drawn, at the least

FACTORS = functools.partial(FormalField, 1)  # that keep the laws of products alone

T = TypeVar("T")
Draw = Callable[[], Any]
# What cannot be told at one point, and may be at another.
PASSED_OVER = (EvaluationError, ArithmeticError, AtKink, TooClose, Imprecise)


def _drawn(spec: Free, shape: tuple[int, ...], draw: Draw) -> Array:
    """Entries drawn one by one; where they add up, of a matrix in every row, to
    a total, the last of them is what the others leave."""
    values = np.empty(math.prod(shape), object)
    values[:] = [draw() for _ in values]
    if spec.sums_to is not None:
        rows = values.reshape(-1, shape[-1] if shape else 1)
        rows[:, -1] = [spec.sums_to - sum(row[:-1]) for row in rows]
    return values.reshape(shape)


@dataclass(eq=False)
class Everywhere:
    """The points at which the claims of a sheet are tried; what is `asked` is
    put to the witnesses, if anything is."""

    own: Stated
    asked: Asked | None
    budget: Budget
    session: Session
    _numbers: list[GraphPoint] = field(default_factory=list, init=False)
    _formal: dict[Callable[[], FormalField], list[FormalPoint]] = field(
        default_factory=dict, init=False
    )
    paid: set[Hashable] = field(default_factory=set, init=False)  # at how many points passes are
    _passes: dict[Hashable, float] = field(default_factory=dict, init=False)  # that were asked for
    _beside: dict[Hashable, list[GraphPoint]] = field(default_factory=dict, init=False)

    @functools.cached_property
    def _kept(self) -> LRUCache[Any]:
        """What was found for earlier sheets on the same network: a class claims
        the same of it."""
        own = self.own
        numbers = [(name, a.shape, *a.flat) for name, a in own.arrays.items()]
        graphs = [program.graph for program in own.sized]
        network = *graphs, *numbers, *own.free.items(), self.asked is None
        networks = self.session.cache("identities", MAX_NETWORKS)
        known: LRUCache[Any] = networks.get(network, lambda: LRUCache(MAX_KEPT))
        return known

    def found(self, question: Hashable, find: Callable[[], T]) -> T:
        """What was found here before, or is found now. What it takes is spent
        either way, so that no verdict hangs on other sheets."""
        if (known := self._kept.known(question)) is not None:
            answer: T
            answer, work, passes = known
            self.budget.spend(work)
            for times, pass_work in passes.items():
                self.pay(times, pass_work)
            return answer
        earlier, self._passes, before = self._passes, {}, self.budget.spent
        paid = set(self.paid)
        answer = find()
        passes = self._passes
        self._passes = earlier | passes
        work = self.budget.spent - before - sum(passes[times] for times in self.paid - paid)
        self._kept.get(question, lambda: (answer, work, passes))
        return answer

    def pay(self, times: Hashable, work: float) -> None:
        """Pay for the passes at so many points, once for all claims."""
        self._passes[times] = work
        if times not in self.paid:
            self.paid.add(times)
            self.budget.spend(work)

    def formal(self, kind: Callable[[], FormalField]) -> list[FormalPoint]:
        """The network of every size with letters for what is free, in formal
        numbers of one kind."""
        if kind not in self._formal:
            self._formal[kind] = [self._lettered(program, kind()) for program in self.own.sized]
        return self._formal[kind]

    def _lettered(self, program: Program, numbers: FormalField) -> FormalPoint:
        given: dict[str, Array] = {**self.own.arrays}
        numbers.budget = self.budget
        for name, spec in self.own.free.items():
            letter = functools.partial(numbers.letter, positive=spec.positive)
            given[name] = _drawn(spec, program.shapes[name], letter)
        return FormalPoint(program, given, numbers, self.budget)

    @functools.cached_property
    def degree(self) -> float:
        """The degree of all that is worked out, at every size."""
        return sum(degree(program) for program in self.own.sized)

    @property
    def first(self) -> GraphPoint:
        """The first point with numbers."""
        return self.numbers(0)

    def mixed(self) -> tuple[GraphPoint, list[GraphPoint]]:
        """A point of the first size where about half of what has a kink stands on
        either side of it, and nothing at it if that can be, and others with numbers
        of both signs."""
        points = [self.numbers(k * len(self.own.sized)) for k in SIGNED]
        self.budget.spend(len(points) * self.first.float_pass)
        with np.errstate(all="ignore"):
            seen = [GraphCarried(point, floats=True) for point in points]
            slots = range(len(self.own.program.steps))
            off = [(passed.is_at_kink(slots), passed.imbalance()) for passed in seen]
        best, *others = sorted(range(len(points)), key=off.__getitem__)
        return points[best], [points[k] for k in others[: FEW - 1]]

    def numbers(self, k: int) -> GraphPoint:
        """A point with numbers, one of every size after the other; no witness is heard."""
        while len(self._numbers) <= k:
            self._numbers.append(self._number(len(self._numbers)))
        return self._numbers[k]

    def _number(self, number: int) -> GraphPoint:
        question, program = ("point", number), self.own.sized[number % len(self.own.sized)]
        point: GraphPoint = self._kept.known(question) or self._point(
            program, self._given(number), heard=False
        )
        if not point.exact:
            return point
        # Its pass serves other sheets, too.
        return self._kept.get(question, lambda: point, lambda _: PER_POINT).asking(  # type: ignore[no-any-return]
            None, Arithmetic(DIGITS), self.budget
        )

    @functools.cached_property
    def zeros(self) -> list[GraphPoint]:
        """Points where one of what is free is 0, and where all vectors and numbers are."""
        few = [name for name in self._signed if len(self.own.free[name].shape) < 2]
        return self._altered(0, [few, *([name] for name in self._signed)][:MOST_ZEROS], 0)

    @functools.cached_property
    def turned(self) -> list[GraphPoint]:
        """Points where one of what is free is negative and all else positive:
        most units are live there, and those of one layer dead."""
        positive = len(self.own.sized)
        return self._altered(positive, [[name] for name in self._signed][:MOST_TURNED], -1)

    def beside(self, sides: Sequence[f.Node], *, exactly: bool = False) -> list[GraphPoint]:
        """Points on either side of the numbers at which some formulas, or the
        network, may have kinks, between them and beyond; or `exactly` there."""
        program, numbers = self.own.program, self._numbers_at_kinks(sides)
        before = {slot for side in sides for slot in _slots_before(program, side)}
        free = (name for name, spec in self.own.free.items() if spec.sums_to is None)
        names = tuple(name for name in free if not before.isdisjoint(program.places[name].all))
        question = numbers, names, exactly
        if question not in self._beside:
            around = [s * n for n in numbers for s in (1, -1)] if exactly else _around(numbers)
            self._beside[question] = [*self._points_beside(around, names)]
        points = self._beside[question]
        self.pay(question, len(points) * self.first.pass_work.both)
        return points

    def _numbers_at_kinks(self, sides: Sequence[f.Node]) -> tuple[Fraction, ...]:
        """Some such numbers; none where nothing has a kink."""
        graph = self.own.program.graph
        if not self.own.program.kinked and not any(map(_has_kink, sides)):
            return ()
        formulas = [*sides, *(definition.formula for definition in graph.definitions)]
        formulas += (function.formula for function in graph.functions)
        given = (abs(array.item()) for array in self.own.arrays.values() if array.size == 1)
        return tuple(dict.fromkeys([*_compared(formulas), *given]))[:MOST_NUMBERS]

    def ties(self, claimed: f.Node) -> list[GraphPoint]:
        """Points at which the two sides of a comparison in what is claimed are equal:
        a number that they hang on as on a straight line is what makes them so."""
        pairs = dict.fromkeys(pair for part in f.walk(claimed) if (pair := _sides_of(part)))
        points = list[GraphPoint | None]()
        for k, (left, right) in enumerate(itertools.islice(pairs, MOST_TIES)):
            given = self._given(k * len(self.own.sized))
            for name in self.own.free:
                if given[name].size == 1:
                    self.budget.spend(4 * self.first.pass_work.both)
                    points.append(self._tie(given, name, left, right))
        return [point for point in points if point is not None]

    def _tie(
        self, given: Mapping[str, Array], name: str, left: f.Node, right: f.Node
    ) -> GraphPoint | None:
        """The point at which one number makes two sides equal; None where there is none."""

        def point(number: Fraction) -> GraphPoint:
            array = as_array(np.full(given[name].shape, number, object))
            return self._point(self.own.program, {**given, name: array}, heard=False)

        def gap(number: int) -> Any:
            evaluator = Evaluator(point(Fraction(number)))
            one, two = (evaluator.value(side, {}).item() for side in (left, right))
            return one - two

        try:
            one, two, three = map(gap, (1, 2, 3))
            slope = two - one
            if not isinstance(slope, Fraction) or three - two != slope or slope == 0:
                return None
        except (*NO_VALUE, ValueError):
            return None
        root = 1 - one / slope
        return None if self.own.free[name].positive and root <= 0 else point(root)

    def _points_beside(
        self, around: Sequence[Fraction], names: Sequence[str]
    ) -> Iterator[GraphPoint]:
        """One name after the other is one of some numbers, and the others are simple
        for the most part: then what they are added to or multiplied by is, too."""
        chance = random.Random(SEED)
        beside = {name: itertools.cycle(around) for name in names}
        affordable = WORK_BESIDE / self.first.pass_work.both
        for k in range(int(min(MOST_BESIDE, affordable, len(around) * len(names)))):
            given = self._given(k * len(self.own.sized))
            for n, name in enumerate(names):
                spec, shape = self.own.free[name], given[name].shape
                kind = "beside" if n == k % len(names) else chance.choice(OTHERS)
                if kind == "beside":
                    array = _drawn(spec, shape, beside[name].__next__)
                    given[name] = as_array(abs(array)) if spec.positive else array
                elif kind != "drawn" and not (kind == "0" and spec.positive):
                    given[name] = _drawn(spec, shape, functools.partial(Fraction, kind))
            yield self._point(self.own.program, given, heard=False)

    @property
    def _signed(self) -> list[str]:
        """What may be 0 or negative."""
        return [n for n, s in self.own.free.items() if s.sums_to is None and not s.positive]

    def _altered(self, number: int, several: list[list[str]], times: int) -> list[GraphPoint]:
        """The point of a number with what some names stand for multiplied; the
        passes are paid for once for all claims."""
        points = list[GraphPoint]()
        for names in several:
            given = self._given(number)
            given |= {name: as_array(given[name] * times) for name in names}
            points.append(self._point(self.own.program, given, heard=False))
        self.budget.spend(sum(point.pass_work.both for point in points))
        return points

    def heard(self, point: GraphPoint) -> GraphPoint:
        """The same point, where all witnesses are heard."""

        def find() -> GraphPoint:
            if not point.exact or point not in self._numbers:
                return self._point(point.program, point.stated)
            question = "heard", self._numbers.index(point), self.asked
            shared: GraphPoint = self._kept.get(question, ready, lambda _: PER_POINT)
            return shared.again(self.budget)

        def ready() -> GraphPoint:
            """What the witnesses tell serves other sheets, too."""
            heard = point.asking(self.asked, Arithmetic(DIGITS), self.budget)
            heard.share(MAX_HEARD, ())
            return heard

        return point.found("heard", find, lambda _: 1)

    def unheard(self, point: GraphPoint) -> GraphPoint:
        """The same point, where no witness is heard, for this sheet."""
        self.budget.spend(point.pass_work.both)
        return self._point(point.program, point.stated, heard=False)

    def _point(
        self, program: Program, given: Mapping[str, Array], *, heard: bool = True
    ) -> GraphPoint:
        options = Arithmetic(DIGITS), self.budget, self.session
        asked = self.asked if heard else None
        return GraphPoint(program, given, *options, asked=asked, nudges=HEARD)

    def _given(self, number: int) -> dict[str, Array]:
        """What is given, with small numbers for what is free: of five points at
        one positive ones, at one such below 1, and at one the same everywhere."""
        program = self.own.sized[number % len(self.own.sized)]
        chance, kind = random.Random(SEED + number), number // len(self.own.sized) % KINDS
        parts = 1 if program.is_rational else 2

        def number_of(spec: Free) -> Fraction:
            if kind == KINDS - 1:
                return Fraction(1)
            signs = (1,) if spec.positive or kind % 2 else (1, -1)
            size = Fraction(chance.randint(1, LARGEST), 2 * LARGEST if kind == 3 else parts)
            return size * chance.choice(signs)

        given: dict[str, Array] = {**self.own.arrays}
        for name, spec in self.own.free.items():
            shape, total = program.shapes[name], spec.sums_to if spec.positive else None
            free = spec if total is None else replace(spec, sums_to=None)
            array = _drawn(free, shape, functools.partial(number_of, spec))
            if total is not None:  # parts of it
                rows = array.reshape(-1, shape[-1] if shape else 1)
                array = (rows * (total / rows.sum(-1, keepdims=True))).reshape(shape)
            given[name] = array
        return given


def _sides_of(part: f.Node) -> tuple[f.Node, f.Node] | None:
    """What a part of a formula compares, or where it jumps with 0; None where it does
    not, or there is one comparison for each value of a letter."""
    match part:
        case f.Compare(_, left, right):
            sides = left, right
        case f.Call("step" | "drelu", (left,)):
            sides = left, f.Number(printed("0"))
        case _:
            return None
    return None if part.letters else sides


def _around(numbers: Collection[Fraction]) -> list[Fraction]:
    """Numbers between some and beyond the largest, and then on either side of each."""
    ordered = sorted({*numbers, *(-number for number in numbers), Fraction(0)})
    gaps, top = [*itertools.pairwise(ordered)], ordered[-1]
    if not top:
        return []
    beyond = [2 * top + Fraction(1, 8), 10 * top + 1]
    around = [(low + high) / 2 for low, high in gaps] + beyond + [-number for number in beyond]
    near = [low + (high - low) * part / 8 for low, high in gaps for part in (1, 7)]
    chance = random.Random(SEED)
    chance.shuffle(around)
    chance.shuffle(near)
    return [*around, *near, top * 9 / 8, -top * 9 / 8]


def _compared(trees: Iterable[f.Node]) -> Iterator[Fraction]:
    """The numbers that something is compared with in formulas, or that are
    added to it: there their kinks are."""
    for part in (part for tree in trees for part in f.walk(tree)):
        is_sum = isinstance(part, f.Chain) and part.operators[0] in "+-"
        if is_sum or isinstance(part, f.Compare | f.Call):
            numbers = map(_number, part.below)
            yield from (abs(number) for number in numbers if number is not None)


def _number(node: f.Node) -> Fraction | None:
    """The number that is written so, a fraction or one with a sign among them."""
    match node:
        case f.Number(number):
            return Fraction(number.value)
        case f.Negative(f.Number(number)):
            return -Fraction(number.value)
        case f.Chain("/", (f.Number(above), f.Number(below))) if below.value:
            return Fraction(above.value) / Fraction(below.value)
    return None


def sizes_tried(own: Stated) -> str:
    """At which sizes claims are tried, "" where none is a letter."""
    tried: dict[str, list[str]] = {}
    for program in own.sized:
        for letter, size in program.graph.sizes:
            tried.setdefault(letter, []).append(str(size))
    several = [f"{letter} = {' and '.join(sizes)}" for letter, sizes in tried.items()]
    return ", ".join(several)


# What is claimed, for one value of the indices and for all of those it has besides.
Claimed = Callable[[Evaluator, Binding], Iterator[tuple[Binding, Array]]]


class IdentityComparison:
    """The truth of one quantity for all values, and what is claimed against it."""

    symbolic = True

    def __init__(self, quantity: f.Node, points: Everywhere):
        self.quantity, self.points = quantity, points
        self.first_point: Any = points.first
        self._parts = 0  # of the formulas that were proved
        self._line: f.Node | None = None  # that is being compared

    def a_truth(self) -> Array:
        """The truth at the first point that has one, with all witnesses heard."""
        return self.points.found(("truth", self.quantity), self._a_truth)

    def _a_truth(self) -> Array:
        nowhere: Exception | None = None
        for k in range(MANY):
            point = self.points.numbers(k)
            try:
                truth, *_ = self._heard(self.points.heard(point))
            except NotRead:
                raise
            except PASSED_OVER as error:
                nowhere = nowhere or error
            else:
                return truth
        assert nowhere is not None
        raise nowhere

    def _heard(self, point: GraphPoint) -> list[Array]:
        """The truth for some values of the indices, spread evenly."""
        evaluator = Evaluator(point)
        bindings = [*evaluator.bindings(self.quantity)]
        spread = bindings[:: math.ceil(len(bindings) / HEARD)]
        return point.found(
            ("heard", self.quantity),
            lambda: [evaluator.value(self.quantity, binding) for binding in spread],
            len,
        )

    def mismatch_of_value(self, value: Value) -> Mismatch | None:
        """The first place where a printed number, or lists of them, are not the truth."""
        mine, entries = claimed_numbers(value, self.quantity, self.a_truth)
        self._parts = max(self._parts, 1)
        return self._mismatch(lambda evaluator, binding: iter([(binding, mine)]), entries)

    def mismatch_of_line(self, line: f.Node) -> Outcome:
        """Where a line is not the truth, and how it was read."""
        self._parts = max(self._parts, line.size)
        return self.points.found(("line", self.quantity, line), lambda: self._of_line(line))

    def _of_line(self, line: f.Node) -> Outcome:
        """The first place where a formula is not the truth, its shape and how it was read."""
        read_as: dict[str, None] = {}
        shapes: list[tuple[int, ...]] = []

        def claimed(evaluator: Evaluator, binding: Binding) -> Iterator[tuple[Binding, Array]]:
            for more in evaluator.bindings(line, self.quantity.letters):
                if not evaluator.is_inside(line, self.quantity, {**binding, **more}):
                    continue
                mine = evaluator.value(line, {**binding, **more})
                shapes.append(mine.shape)
                yield {**binding, **more}, mine
            read_as.update(dict.fromkeys(evaluator.said.values()))

        self._line = line
        try:
            mismatch = self._mismatch(claimed, None)
        except (EvaluationError, Missing) as error:
            unread = isinstance(error, NotRead)
            mismatch = Mismatch(self.first_point, {}, reason=str(error), is_unread=unread)
        return Outcome(mismatch, None, shapes[0] if shapes else None, tuple(read_as))

    def _mismatch(self, claimed: Claimed, printed: list[Printed] | None) -> Mismatch | None:
        """Where numbers show a difference; Undecided where they show none, and
        nothing shows that there is none."""
        search = _Search(self, claimed, printed)
        # Most of what is not true differs at the first point, and needs no formal numbers.
        if (mismatch := search.first()) is not None and mismatch.mine is not None:
            return mismatch
        doubt = self._unproved(claimed, printed, FACTORS)
        asks_equality = any(map(_has_equality, self._sides))
        if mismatch := mismatch or search.upto(FEW):
            return mismatch
        many = bool(doubt) or asks_equality or any(map(_has_domain, self._sides))
        if many:
            self._spend(MANY, [self.first_point])
            if mismatch := search.upto(MANY):
                return mismatch
        if doubt and (mismatch := self._at(search, self.points.turned)):
            return mismatch
        if search.where is not None and not search.tried:  # it has no value anywhere
            return Mismatch(self.first_point, {}, reason=str(search.where))
        doubt = doubt and self._still_unproved(claimed, printed)
        if doubt and (
            mismatch := self._at(search, self.points.beside(self._sides[::-1]), generic=True)
        ):
            return mismatch
        if many and (doubt or asks_equality):
            # At a kink of its own the truth is one of two, and no claim is about both.
            is_slope = any(isinstance(part, f.Derivative) for part in f.walk(self.quantity))
            if mismatch := search.at_kinks(own=bool(doubt) or not is_slope):
                return mismatch
        if any(map(_has_jump, self._sides)):
            exactly = self.points.beside(self._sides[::-1], exactly=True)
            points = [*self.points.zeros, *exactly, *self.points.ties(self._sides[-1])]
            points = [point for point in points if not search.is_between_equals(point)]
            if mismatch := self._at(search, points):
                return mismatch
        if doubt == _BY_ZERO and search.without > PART * search.tried:
            return Mismatch(self.first_point, {}, reason=str(search.where))
        if doubt:
            raise Undecided(doubt)
        if search.where is not None and search.is_short:
            where = (
                f"is the truth where it has a value, but for some numbers there is {search.where}"
            )
            raise Undecided(where)
        return None

    def _at(
        self, search: "_Search", points: list[GraphPoint], *, generic: bool = False
    ) -> Mismatch | None:
        """The first mismatch at some further points."""
        works = map(self.first_point.formula_work, self._sides)
        self.first_point.budget.spend(len(points) * sum(works))
        return search.at(points, generic=generic)

    def _spend(self, times: int, points: Sequence[GraphValues]) -> None:
        """Pay for trying the claim at so many points like these, and once for
        all claims for the passes there."""
        work = sum(point.formula_work(side) for point in points for side in self._sides)
        self.points.pay(times, times * sum(point.pass_work.both for point in points))
        self.first_point.budget.spend(times * work)

    @property
    def _sides(self) -> list[f.Node]:
        """The formulas that are compared."""
        return [side for side in (self.quantity, self._line) if side is not None]

    @functools.cached_property
    def _is_a_number(self) -> bool:
        """Whether nothing that is free is on the way to the quantity."""
        program = self.points.own.program
        free = {program.places[name].slot for name in self.points.own.free}
        free |= {program.places[letter].slot for letter, _ in program.graph.sizes}
        return free.isdisjoint(_slots_before(program, self.quantity))

    def _still_unproved(self, claimed: Claimed, printed: list[Printed] | None) -> str:
        """The same with the laws of sums and of sides, which takes longer."""
        doubt = _BUT
        for kind in (FormalField, Sides):
            if doubt:
                self._spend(LONGER, self.points.formal(FACTORS))
                doubt = self._unproved(claimed, printed, kind)
        return doubt

    def _unproved(
        self, claimed: Claimed, printed: list[Printed] | None, kind: Callable[[], FormalField]
    ) -> str:
        """Why equality is not shown on formal numbers at every size; "" where it
        is, or where printed digits are those of one number."""
        if printed and self._is_a_number:
            return ""
        for point in self.points.formal(kind):
            try:
                evaluator = FormalEvaluator(point)
                for binding in evaluator.bindings(self.quantity):
                    truth = evaluator.value(self.quantity, binding)
                    for _, mine in claimed(evaluator, binding):
                        if not same_shape(mine.shape, truth.shape):
                            raise EvaluationError(_shapes(mine, truth))
                        exact = as_array(
                            np.frompyfunc(lambda v: getattr(v, "exact", v), 1, 1)(truth)
                        )
                        known = printed and all(v is not None for v in exact.flat)
                        pair = (exact, printed) if known else (truth, None)
                        if off_entries(mine, *pair):
                            return _BUT
            except (DivisionByZero, ZeroDivisionError):
                return _BY_ZERO
            except OutsideDomain as error:
                return f"{_BUT}: {error}"
            except Undecided as error:
                return f"{_BUT}: {error}"
        return ""

    def proof(self) -> str:
        """How sure it is that what was found to be an identity is one."""
        degree = 2 * self.points.degree  # of a derivative
        error = self._parts * degree * 2.0**-FIELD + CHANCE
        text = f"holds for all values but for a probability of error below {error:.0e}"
        sizes = sizes_tried(self.points.own)
        return f"{text}, at {sizes}" if sizes else text


@dataclass
class _Search:
    """The points with numbers, gone through for one where a claim is not true."""

    comparison: IdentityComparison
    claimed: Claimed
    printed: list[Printed] | None
    tried: int = 0
    without: int = 0  # points where the truth has a value, and what is claimed has none
    where: Exception | None = None  # and why
    is_outside: bool = False  # whether it is a logarithm or a root that has none
    truth_is_outside: bool = False  # whether such a one is in the truth somewhere
    seen: int = 0
    passed_over: list[int] = field(default_factory=list)  # as they stand at kinks

    @property
    def is_short(self) -> bool:
        """Whether what is claimed has no value at too many points.

        Where the truth has none everywhere either, as log(a b) has not, a sheet
        is about those numbers that have one: log(a) + log(b) is the same.
        """
        return not self.truth_is_outside if self.is_outside else self.without > self.tried

    def first(self) -> Mismatch | None:
        """The mismatch at the first point, where there is one; what cannot be
        read has none."""
        with contextlib.suppress(NotRead):
            return self.upto(1, most_seen=1)
        return None

    def upto(self, most: int, most_seen: int = 2 * MANY) -> Mismatch | None:
        """The first mismatch among so many points where both sides have a value,
        and which does not stand at a kink."""
        while self.tried < most and self.seen < most_seen:
            self.seen += 1
            if mismatch := self._mismatch_at(self.seen - 1, generic=True):
                return mismatch
        return None

    def at_kinks(self, *, own: bool) -> Mismatch | None:
        """The first mismatch among the points passed over that stand at a kink,
        also where the truth is at one of its `own`."""
        points = (self.comparison.points.numbers(k) for k in self.passed_over)
        quantity = self.comparison.quantity
        return self.at(
            point
            for point in points
            if own or not point.is_at_kink(_slots_before(point.program, quantity))
        )

    def is_between_equals(self, point: GraphPoint) -> bool:
        """Whether a slope goes to one of several equal numbers there, where a claim
        that compares gives it to all: sum(i, where(z[i] == M, W[i,j], 0))."""
        canonical, quantity = point.program.canonical, self.comparison.quantity
        slopes = (part for part in f.walk(quantity) if isinstance(part, f.Derivative))
        with contextlib.suppress(*PASSED_OVER):
            return any(
                point.is_between_equals(canonical(slope.of.name), canonical(slope.by.name))
                for slope in slopes
            )
        return False

    def at(self, points: Iterable[GraphPoint], *, generic: bool = False) -> Mismatch | None:
        """The first mismatch at points of a kind: where something is 0 a step
        has a value, too, unless they are `generic`."""
        for point in points:
            with contextlib.suppress(AtKink):
                if mismatch := self._mismatch_of(point, generic=generic):
                    return mismatch
        return None

    def _mismatch_at(self, k: int, *, generic: bool) -> Mismatch | None:
        try:
            return self._mismatch_of(self.comparison.points.numbers(k), generic=generic)
        except AtKink:
            self.passed_over += [k] if generic else []
            return None

    def _mismatch_of(self, point: GraphPoint, *, generic: bool) -> Mismatch | None:
        quantity, points = self.comparison.quantity, self.comparison.points
        try:
            truths = truths_at(point, quantity)
        except NO_VALUE as error:
            self.truth_is_outside |= _is_outside(error)
            return None
        try:
            mismatch = self._first(point, truths, generic=generic)
        except NotRead:
            raise
        except (EvaluationError, ArithmeticError) as error:
            self.without, self.where = self.without + 1, error
            self.is_outside |= _is_outside(error)
            return None
        except AtKink:
            if generic:
                raise
            return None
        except (TooClose, Imprecise):
            return None
        self.tried += 1
        if mismatch is None:
            return None
        heard = points.heard(point)  # by all witnesses
        binding = {letter: mismatch.binding[letter] for letter in sorted(quantity.letters)}
        truth = Evaluator(heard).value(quantity, binding)
        return self._first(heard, [(binding, truth)], generic=generic)

    def _first(
        self, point: GraphPoint, truths: list[tuple[Binding, Array]], *, generic: bool
    ) -> Mismatch | None:
        """The first place at a point where what is claimed is not the truth."""
        evaluator, here = Evaluator(point), cast(Any, point)
        for binding, truth in truths:
            for everywhere, mine in self.claimed(evaluator, binding):
                if not same_shape(mine.shape, truth.shape):
                    return Mismatch(here, everywhere, truth, reason=_shapes(mine, truth))
                if off := off_entries(mine, truth, self.printed):
                    _ = evaluator.value(self.comparison.quantity, binding)  # whose kinks count, too
                    if generic and any(v == 0 for v in evaluator.kinks):
                        raise AtKink("something has its kink here")
                    return Mismatch(here, everywhere, truth, mine, off)
        return None


def _slots_before(program: Program, quantity: f.Node) -> set[int]:
    """The steps on the way to a quantity."""
    names = (part.name for part in f.walk(quantity) if isinstance(part, f.Quantity))
    places = (program.places.get(program.canonical(name)) for name in names)
    slots = (slot for place in places if place is not None for slot in place.all)
    return {before for slot in slots for before in program.before(slot)}


def _is_outside(error: Exception) -> bool:
    """Whether it is a logarithm or a root that has no value."""
    return isinstance(error.__cause__ or error, OutsideDomain)


def _has_jump(tree: f.Node) -> bool:
    """Whether a formula has a step in it, which has a value where it jumps."""
    calls = (part.function for part in f.walk(tree) if isinstance(part, f.Call))
    return any(name in ("drelu", "step", "where") for name in calls)


def _has_kink(tree: f.Node) -> bool:
    """Whether a formula has a kink or a jump in it."""
    kinked = (*f.KINKED, "max", "min", "where")
    return any(
        isinstance(part, f.Largest | f.Smallest)
        or (isinstance(part, f.Call) and part.function in kinked)
        for part in f.walk(tree)
    )


def _has_domain(tree: f.Node) -> bool:
    """Whether a formula has a logarithm or a root, which some numbers have not."""
    return any(
        (isinstance(part, f.Call) and part.function in ("log", "sqrt"))
        or (isinstance(part, f.Power) and not isinstance(part.exponent, int))
        for part in f.walk(tree)
    )


def _has_equality(tree: f.Node) -> bool:
    """Whether a formula asks if two numbers are equal, which for most they are not."""
    return any(isinstance(part, f.Compare) and part.operator == "==" for part in f.walk(tree))


def _shapes(mine: Array, truth: Array) -> str:
    return f"has shape {shape_text(mine.shape)}, the quantity {shape_text(truth.shape)}"
