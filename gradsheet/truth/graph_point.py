"""A network of definitions with numbers in it, and the truth there: of every
name and derivative, on the word of three witnesses.

The sweep over the lowered steps, the nudge through the formulas, and JAX's
program of the formulas have to agree; otherwise nobody is believed. All three
work on Fractions, or where exp and log enter on `real.Real`.
"""

import contextlib
import copy
import functools
import math
import warnings
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from gradsheet.language import formula as f
from gradsheet.language.evaluate import Binding, Evaluator
from gradsheet.language.functions import ACTIVATIONS, facts_of
from gradsheet.language.text import formula_text
from gradsheet.network.graph import Definition
from gradsheet.network.lowering import LoweredStep, Program, lowered
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import ENCLOSED, Budget
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.marks import Marks
from gradsheet.numbers.printed import exact_text, plain
from gradsheet.numbers.real import Arithmetic, apart
from gradsheet.numbers.reasons import (
    NO_ANSWER,
    NO_VALUE,
    AtKink,
    DivisionByZero,
    EvaluationError,
    Imprecise,
    OtherEntry,
    OutOfWork,
    OutsideDomain,
    Undecided,
)
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.truth.formulas import FormulaWalk
from gradsheet.truth.graph_values import GraphValues
from gradsheet.truth.sweep import Sweep
from gradsheet.truth.values import MAX_FOUND, Index, Tensor
from gradsheet.truth.work import VISIT, FormulaWork, SweepWork, formula_work, sweep_work
from manual.activations import Array
from manual.ops import at_kink, has_kink

if TYPE_CHECKING:
    from gradsheet.truth.program import GraphAutodiff

# Derivatives of one thing by another at a point that sheets share; of more none is shared.
MAX_SHARED = 20_000
# At all of those points, and as how many a small one counts.
MAX_SHARED_TOGETHER, LEAST_SHARED = 60_000, 1_000
MAX_BITS = 4_096  # of fractions that are worked with as they are
MAX_ENTRIES = 4_096  # of a derivative
# Operations that an entry of what moves takes, where it is tried if it leaves a kink, and where
# the formulas are evaluated on either side.
TRIED, NUDGED = 1 / 3, 8
MAX_NUDGED = 400_000  # entries of steps, times entries nudged, of one derivative


# What stands at the kink of an operation.
_KINKS = {
    "function": "the argument of {name} is exactly 0",
    "maximum": "both sides of a maximum are equal",
    "minimum": "both sides of a minimum are equal",
    "where": "both sides of a comparison are equal",
    "largest": "several entries are the largest",
    "smallest": "several entries are the smallest",
}

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """Of which names the values will be asked for, and which derivatives `of`
    some names `by` others."""

    names: frozenset[str] = frozenset()
    of: frozenset[str] = frozenset()
    by: frozenset[str] = frozenset()


def length_of(arrays: Iterable[Array], depth: int) -> int | None:
    """How many bits the fractions of data have above and below; None where
    those that a pass makes get too long."""
    top, bottom = 1, 1
    for value in (value for array in arrays for value in array.flat):
        if not isinstance(value, Fraction):
            return None
        top = max(top, abs(value.numerator))
        if bottom % value.denominator:
            bottom = math.lcm(bottom, value.denominator)
            if bottom.bit_length() > MAX_BITS:
                return None
    bits = top.bit_length() + bottom.bit_length()
    return bits if bits * (depth + 1) <= MAX_BITS else None


def bits_of(program: Program, stated: Mapping[str, Array], asked: Asked | None) -> int | None:
    """How long the numbers of a network are, None where what is asked is enclosed."""
    if not program.is_rational:
        return None
    levels, depth = program.levels, program.depth
    if asked is not None:
        slots = program.made_of(asked.names | asked.of)
        depth = max((levels[slot] for slot in slots), default=1)
    return length_of((*stated.values(), *program.constants), depth)


def shared_point_of(
    program: Program,
    stated: Mapping[str, Array],
    asked: Asked,
    arithmetic: Arithmetic,
    budget: Budget,
    session: Session = LIBRARY,
) -> "GraphPoint":
    """The point of a sheet with numbers, with all that was found there for
    sheets with the same numbers.

    They share what all witnesses have told, and nothing that a sheet's own
    answers have a part in: every sheet finds the point as the first one did.
    Where the pass has no value here, or is a large one, nothing is shared.
    """

    def new() -> GraphPoint:
        return GraphPoint(program, stated, arithmetic, budget, session, asked=asked)

    numbers = sum(math.prod(shape) for shape in program.shapes.values())
    nodes = numbers - sum(math.prod(shape) for _, shape in program.graph.given)
    size = max(LEAST_SHARED, nodes * numbers)
    if size > MAX_SHARED:
        return new()

    def find() -> GraphPoint:
        point = new()
        point.share(4 * size, asked.of)
        return point

    key = *((name, array.shape, *array.flat) for name, array in stated.items()), program.graph
    question = key, asked, arithmetic.digits, arithmetic.final
    points = session.cache("points", MAX_SHARED_TOGETHER)
    point: GraphPoint = points.get(
        question, find, lambda point: size if point.is_shared else MAX_SHARED_TOGETHER + 1
    )
    return point.again(budget) if point.is_shared else point


@dataclass
class _Common:
    """What sheets with the same numbers share: answers, and the marks of the
    exponentials and logarithms in them."""

    answers: LRUCache[Any]
    marks: Marks


class GraphPoint(GraphValues):
    """The truth of a program with the numbers `stated`.

    What will be `asked` is put to the other witnesses, too; where it is None
    the sweep is alone, but for what decides at a kink. `nudges` says of how many
    entries of a derivative the nudge is asked, None for all that it can be.
    """

    arithmetic: Arithmetic

    def __init__(
        self,
        program: Program,
        stated: Mapping[str, Array],
        arithmetic: Arithmetic,
        budget: Budget,
        session: Session = LIBRARY,
        *,
        asked: Asked | None = None,
        nudges: int | None = None,
    ):
        bits = bits_of(program, stated, asked)
        super().__init__(program, arithmetic, budget, bits=bits, exact=bits is not None)
        self.stated, self.session, self.nudges = stated, session, nudges
        self.witnesses = asked
        self._common: _Common | None = None  # at a point that sheets share

    # What sheets with the same numbers share

    def found(
        self,
        question: Hashable,
        find: Callable[[], T],
        cost: Callable[[Any], int] = np.size,
        *,
        marked: bool = True,
    ) -> T:
        """What was found here before, or is found now.

        At a point that sheets share an answer serves the others as well, unless
        it has to do with an exponential that the network has not: such a one
        has its mark from this sheet.
        """
        if (common := self._common) is None:
            known: T = self._found.get(question, find, cost)
            return known
        for answers in (common.answers, self._found):
            if (answered := answers.known(question)) is not None:
                known = answered
                return known
        answer = find()
        is_common = not marked or len(self.arithmetic.marks) == len(common.marks)
        (common.answers if is_common else self._found).get(question, lambda: answer, cost)
        return answer

    def _of_network(
        self, question: Hashable, find: Callable[[], T], cost: Callable[[Any], int] = np.size
    ) -> T:
        """The same, of a question that is no sheet's own: the exponentials that a
        witness meets on the way to the answer are all sheets'."""
        common = self._common
        if common is None or len(self.arithmetic.marks) != len(common.marks):
            return self.found(question, find, cost)

        def find_and_mark() -> T:
            answer = find()
            common.marks = self.arithmetic.marks.copy()
            return answer

        return self.found(question, find_and_mark, cost)

    def decided(self, question: Hashable, find: Callable[[], bool]) -> bool:
        """The same at a point that sheets share: yes and no have no mark in them."""
        if self._common is None:
            return find()
        if (known := self._common.answers.known(question)) is not None:
            self.budget.spend(known[1])
            return bool(known[0])
        before = self.budget.spent
        answer = find()
        work = self.budget.spent - before
        return bool(self._common.answers.get(question, lambda: (answer, work))[0])

    def share(self, most: int, of: Collection[str]) -> None:
        """Be ready for other sheets with the same numbers, which share so many
        of them, if the pass has a value. The names that are asked for are heard first."""
        try:
            for name in of:
                self.sweep.value(self.place(name).slot)
                for entry in np.ndindex(self.program.shapes[self.program.canonical(name)]):
                    self._row(self.program.canonical(name), entry)
        except (Undecided, Imprecise, OutOfWork, ArithmeticError):  # who asks hears it again
            return
        with contextlib.suppress(ArithmeticError):  # beyond all floats
            _ = self.float_sweep
        self._common = _Common(LRUCache(most), self.arithmetic.marks.copy())
        for name in sorted(self.witnesses.names) if self.witnesses else ():
            with contextlib.suppress(*NO_ANSWER):
                self.node(name)

    @property
    def is_shared(self) -> bool:
        """Whether sheets with the same numbers share it."""
        return self._common is not None

    def again(self, budget: Budget) -> Self:
        """This point for another sheet."""
        assert self._common is not None
        self.arithmetic.marks = self._common.marks.copy()
        return self._with(budget)

    def asking(self, asked: Asked | None, arithmetic: Arithmetic, budget: Budget) -> Self:
        """This point, whose numbers are fractions, where other witnesses are asked:
        the pass is the same."""
        assert self.exact
        _ = self.sweep
        point = self._with(budget)
        point.witnesses, point.arithmetic = asked, arithmetic
        return point

    def _with(self, budget: Budget) -> Self:
        """This point without what was found here: other witnesses than the pass
        spend the budget, and have marks of the sheet."""
        point = copy.copy(self)
        point.budget, point._found, point.leaves = budget, LRUCache(MAX_FOUND), {}
        for name in ("walk", "left_walk", "_programs", "_without_value"):
            point.__dict__.pop(name, None)
        return point

    @functools.cached_property
    def formulas_work(self) -> FormulaWork:
        """What formulas cost here, counted once for all sheets on the network."""
        return formula_work(self.network, self.bits, self.session)

    @functools.cached_property
    def pass_work(self) -> SweepWork:
        """What a sweep costs here, counted once for all sheets on the network."""
        return sweep_work(self.program, self.bits, self.session, self.arithmetic.digits)

    # The witnesses

    @functools.cached_property
    def given(self) -> dict[str, Array]:
        """What is given, in the numbers of the pass."""
        typed = np.frompyfunc(self.typed, 1, 1)
        return {name: as_array(typed(array)) for name, array in self.stated.items()}

    @functools.cached_property
    def sweep(self) -> Sweep:
        """The pass by hand."""
        return Sweep(self.program, self.given, self.typed)

    @functools.cached_property
    def walk(self) -> FormulaWalk:
        """The formulas, evaluated."""
        return self._walk_to(1)

    @functools.cached_property
    def left_walk(self) -> FormulaWalk:
        """The formulas, whose derivatives are those from the left."""
        return self._walk_to(-1)

    def _walk_to(self, side: int) -> FormulaWalk:
        return FormulaWalk(self.program, self.given, self.arithmetic, self.budget, side=side)

    @functools.cached_property
    def rate(self) -> Any:
        """The learning rate that is given, None where there is none."""
        rate = self.stated.get("learning_rate")
        return rate.item() if rate is not None and rate.size == 1 else None

    # Names

    def node(self, name: str) -> Array:
        """The value of a name, and Undecided where a witness sees another."""
        name = self.program.canonical(name)
        return self._of_network(("node", name), lambda: self._heard(name))

    def _heard(self, name: str) -> Array:
        mine = self._defined(name, lambda: super(GraphPoint, self).node(name))
        if self.witnesses is not None:
            if self._derives(name) and self.at_kink(name):
                left = self.left_walk.node(name)
                if _differ(mine, left) or _differ(mine, self.walk.node(name)):
                    raise AtKink(f"a kink is in the way of a derivative that {name} is made of")
                return mine
            self._hear(name, mine, "the formulas", self.walk.node(name))
            if (jax := self._ask_jax(lambda jax: jax.node(name), [name])) is not None:
                self._hear(name, mine, "JAX", jax)
        return mine

    def _derives(self, name: str) -> bool:
        """Whether a derivative is among what a name is made of."""
        steps = self.program.steps
        before = self.program.before(self.place(name).slot)
        return any(steps[slot].is_derivative for slot in before)

    def _defined(self, what: str, value: Callable[[], Array]) -> Array:
        """A value; raises EvaluationError where there is none, with the reason:
        that of a side that `where` does not take is nobody's fault."""
        try:
            return value()
        except (ZeroDivisionError, OutsideDomain) as error:
            is_zero = isinstance(error, ZeroDivisionError)
            reason = f"{what} has no value here: {'a division by 0' if is_zero else error}"
            if self.program.graph.chooses:
                aside = "or a side that `where` does not take has none"
                raise OtherEntry(f"{reason}, {aside}: both have to have one") from error
            if not self.program.graph.written:  # nobody's formula: what layers are given
                raise Undecided(reason) from error
            raise (DivisionByZero if is_zero else EvaluationError)(reason) from error

    @staticmethod
    def _hear(what: str, mine: Array, witness: str, theirs: Array) -> None:
        """Raise Undecided where a witness sees something else."""
        if _differ(mine, theirs):
            raise Undecided(f"the witnesses disagree on {what}: NumPy by hand against {witness}")

    def _ask_jax(
        self, question: Callable[["GraphAutodiff"], Array], names: Sequence[str], *derived: str
    ) -> Array | None:
        """JAX's answer, None where it is not heard; with a warning where it is
        too new to be understood, or cannot carry the network out."""
        if self.witnesses is None:
            return None
        from gradsheet.truth.autodiff import UnknownOperation
        from gradsheet.truth.unrolled import Untraceable

        asked = self.witnesses
        is_among = asked.names.issuperset(names) and (
            not derived or (derived[0] in asked.of and derived[1] in asked.by)
        )
        try:
            if is_among and asked not in self._without_value:
                try:
                    return question(self._jax(asked))
                except (OutsideDomain, ZeroDivisionError, Undecided):  # of something else, maybe
                    self._without_value.add(asked)
            return question(self._jax(_only(names, derived)))
        except (UnknownOperation, Untraceable) as error:
            text = f"{error}; the verdicts rest on the other two witnesses"
            warnings.warn(text, RuntimeWarning, stacklevel=2)
            return None

    def _jax(self, asked: Asked) -> "GraphAutodiff":
        """JAX's program of what is asked, carried out here."""
        from gradsheet.truth.program import graph_autodiff

        if asked not in self._programs:
            names = {name.partition("[")[0] for name in asked.names | asked.of | asked.by}
            graph = self.program.graph.needed_for(names)
            there = {definition.name for definition in graph.definitions}
            blocks = tuple(b for b in self.program.blocks if b.definitions[0].name in there)
            of, by = tuple(sorted(asked.of)), tuple(sorted(asked.by))
            options = self.arithmetic, self.session, self.program.node_shapes
            self._programs[asked] = graph_autodiff(graph, blocks, self.given, of, by, *options)
        return self._programs[asked]

    @functools.cached_property
    def _programs(self) -> dict[Asked, "GraphAutodiff"]:
        return {}

    @functools.cached_property
    def _without_value(self) -> set[Asked]:
        """What has no value together, though some of it may have one."""
        return set()

    # Derivatives

    def _picked(self, of: str, of_index: Index, by: str, by_index: Index) -> Array:
        what = f"d{of}/d{by}"
        _ = self.node(of)
        picked = self._defined(
            what, lambda: super(GraphPoint, self)._picked(of, of_index, by, by_index)
        )
        at_kink = self.at_kink(of, by)
        is_left = at_kink and self._leaves_kink(of, of_index, by)
        if self.witnesses is not None or is_left:
            self._hear_nudges(what, (of, of_index, by, by_index), picked, at_kink=is_left)
        if not at_kink:  # there JAX has conventions of its own
            jax = self._ask_jax(lambda jax: jax.derivative(of, by), [], of, by)
            if jax is not None:
                rest: Any = [slice(None)] * (len(self.program.shapes[of]) - len(of_index))
                self._hear(what, picked, "JAX", as_array(jax[(*of_index, *rest, *by_index)]))
        return picked

    def _hear_nudges(self, what: str, asked: Any, picked: Array, *, at_kink: bool) -> None:
        """Raise AtKink where there is no derivative, Undecided where a nudge
        finds another one."""
        of, of_index, by, by_index = asked
        axes = len(self.program.shapes[of]) - len(of_index)
        entries = list(np.ndindex(picked.shape))
        if len(entries) > MAX_ENTRIES and self.witnesses is not None:
            raise Undecided(
                f"{what} has {len(entries)} entries, at most {MAX_ENTRIES} are judged: name some "
                "by their indices"
            )
        most = max(1, min(MAX_NUDGED // max(1, self.program.work), self.nudges or len(entries)))
        spread = {*entries[:: math.ceil(len(entries) / most)]} if self.witnesses else set()
        # Where the witnesses are heard it is paid for beforehand.
        is_paid = at_kink and self.nudges is not None and self.witnesses is None
        between = self.program.between(self.place(by).all, self.place(of).slot)
        work = sum(map(self.program.work_of, between)) * (1 if self.exact else ENCLOSED)
        for rest in entries:
            self.budget.check()
            here = of, of_index + rest[:axes], by, by_index + rest[axes:]
            # Each entry has a way of its own, through a kink or not.
            if is_paid:
                self.budget.spend(TRIED * work + VISIT * len(between))
            is_left = at_kink and self._leaves_kink(*here)
            if not is_left and rest not in spread:
                continue
            if is_left and is_paid:
                self.budget.spend(NUDGED * work)
            sides = self.walk.slopes(*here)
            mine, right = picked[rest], next(sides)
            differs = apart(right, mine)
            left = next(sides) if differs or is_left else right
            if not differs and not apart(left, mine):
                continue
            if is_left:
                both = f"from the left {what} is {exact_text(left)}, from the right "
                kink = f"a kink is in the way, {self.kink(of, by)}"
                raise AtKink(f"{kink}: {both}{exact_text(right)}")
            both = f"by hand {exact_text(mine)}, by the nudge {exact_text(right)}"
            raise Undecided(f"the witnesses disagree on {what}: {both}")

    def at_kink(self, of: str, by: str | None = None) -> bool:
        """Whether anything stands at a kink that a name is made of; of that what
        is made of another name, where there is one."""
        return bool(self.kink(of, by))

    def kink(self, of: str, by: str | None = None) -> str:
        """What makes the first of those kinks one; empty where there is none."""

        def find() -> str:
            before = self.program.before(self.place(of).slot)
            moved = {*before} if by is None else {*self.place(by).all}
            for slot in before:
                step = self.program.steps[slot]
                if moved.isdisjoint(step.inputs):
                    continue
                moved.add(slot)
                if not has_kink(step.operation, **step.arguments):
                    continue
                arrays = [self.sweep.value(other) for other in step.inputs]
                if at_kink(step.operation, *arrays, **step.arguments):
                    if step.operation == "where" and not self.program.graph.chooses:
                        return "an argument is exactly 0"  # of a function that is lowered to it
                    return _KINKS[step.operation].format(**step.arguments)
            return ""

        return self._of_network(("at kink", of, by), find, lambda _: 1)

    def _leaves_kink(
        self, of: str, of_index: Index, by: str, by_index: Index | None = None
    ) -> bool:
        """Whether some derivatives may be others on either side of a kink: something
        leaves it as a name moves, or an entry of it, and comes back from what is derived.

        So a unit that is dead has no say in which of equal numbers is the largest.
        """
        steps, slots = self.program.steps, self.place(by).all
        moved = (
            dict.fromkeys(slots) if by_index is None else dict([self.program.entry(by, by_index)])
        )
        try:
            for rest in np.ndindex(self.program.shapes[of][len(of_index) :]):
                slot, entry = self.program.entry(of, of_index + rest)
                between = self.program.between([*moved], slot)
                if any(steps[other].is_derivative for other in between):
                    return True
                question = "ties", slot, by, by_index
                ties = self.found(question, functools.partial(self.sweep.ties, moved, slot), len)
                comes = self.sweep.from_entry(slot, entry).chain
                for other, tied in ties.items():
                    if _jumps(steps[other]) or (other in comes and (comes[other][tied] != 0).any()):
                        return True
        except NO_VALUE:
            return True
        return False

    def own_slope(self, name: str, argument: Array) -> Array:
        """The derivative of such a function, entry by entry; raises AtKink where it has none."""
        right, left = (walk.own_slope(name, argument) for walk in (self.walk, self.left_walk))
        if _differ(right, left):
            raise AtKink(
                f"a kink is in the way: {name}' is another one on the left and on the right"
            )
        return right

    def differential(self, node: f.DerivativeOf, binding: Binding) -> Array:
        """The derivative of a formula, as that of one more definition."""
        letters = tuple(sorted(node.term.letters))
        extended, name = self.found(("extended", node.term), lambda: self._extended(node.term))
        index = tuple(binding[letter] - 1 for letter in letters)
        return extended.derivative(name, index, *Evaluator(self).place_of(node.by, binding))

    def _extended(self, term: f.Node) -> tuple["GraphPoint", str]:
        """The point of the graph with one more definition."""
        name = f"d({formula_text(term)})"
        letters = tuple(sorted(term.letters))
        definition = Definition(name, letters, term)
        graph = self.program.graph
        graph = replace(graph, definitions=(*graph.definitions, definition))
        options = self.arithmetic, self.budget, self.session
        point = GraphPoint(lowered(graph), self.stated, *options)
        return point, name

    # What a person takes a tensor for

    def taken_for(self, tensor: Tensor, indices: list[Index]) -> tuple[Tensor, list[Index]]:
        """dL/dz for dL/db, where z is a sum with b as one of its terms and b
        stands nowhere else on the way to L: they are the same."""
        if isinstance(tensor, str):
            return tensor, indices
        of, by = tensor
        shapes, other = self.program.shapes, self.program.sum_with(by, of)
        if other is None:
            return tensor, indices
        axes, prefix = len(shapes[of]), (0,) * (len(shapes[other]) - len(shapes[by]))
        if shapes[other] != (*(1 for _ in prefix), *shapes[by]):
            return tensor, indices
        return (of, other), [index[:axes] + prefix + index[axes:] for index in indices]

    def of_share(self, tensor: Tensor, index: Index) -> Index | None:
        """An output's share has that output's part of dL/dyhat, and of dL/dz
        where no softmax mixes them."""
        if isinstance(tensor, str) or tensor[0] != "L" or tensor[1] not in self._outputs:
            return None
        return (index[-1], *index)

    @functools.cached_property
    def _outputs(self) -> frozenset[str]:
        """The names of which every output's share has an entry of its own."""
        if self.program.shares is None:
            return frozenset()
        last = next(d.formula for d in self.program.graph.definitions if d.name == "yhat")
        is_mixed = isinstance(last, f.Call) and facts_of(last.function).mixes
        return frozenset({"yhat"} if is_mixed else {"yhat", *last.names})

    def data_text(self) -> str:
        """What is given, on one line."""

        def find() -> str:
            symbols = {"d_yhat": "dL/dyhat"} if self.program.graph.aliases else {}  # of no loss
            named = ((symbols.get(name, name), array) for name, array in self.stated.items())
            return ", ".join(f"{name} = {plain(exact_text(array))}" for name, array in named)

        return self.found("data", find)


def _jumps(step: LoweredStep) -> bool:
    """Whether a step that has a kink may jump there: what follows is another one behind it."""
    if step.operation == "function":
        return step.arguments["name"] not in ("abs", *ACTIVATIONS)
    return step.operation == "where"


def _differ(mine: Array, theirs: Array) -> bool:
    """Whether two arrays are known to differ anywhere."""
    return mine.shape != theirs.shape or any(
        apart(a, b) for a, b in zip(mine.flat, theirs.flat, strict=True)
    )


def _only(names: Sequence[str], derived: Sequence[str]) -> Asked:
    """What nobody has asked for before."""
    of, by = derived or ("", "")
    ends = (frozenset({of}), frozenset({by})) if derived else (frozenset(), frozenset())
    return Asked(frozenset(names), *ends)
