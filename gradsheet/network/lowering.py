"""A graph lowered to steps: operations on arrays, in the order of the forward pass.

Letters become axes. A formula in letters i and j is an array with an axis for
each of the two, in front of the axes that its value has for itself:

    x[i+a-1]           a take: an axis for i, one for a
    K[a]*x[i+a-1]      a product of two arrays whose axes are brought in line
    sum(a, ...)        a total over the axis of a

A recurrence is unrolled: each of its steps is an array. The operations are
those of `manual.ops`; whoever carries the steps out has the arrays. Steps that
are the same are one. Shapes are known here, and no value is, but for the whole
numbers that serve as indices.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from gradsheet.language import formula as f
from gradsheet.language.evaluate import (
    column_words,
    of_several_meanings,
    of_unequal_shapes,
    row_words,
)
from gradsheet.language.text import show_index
from gradsheet.network.graph import (
    Block,
    Definition,
    Graph,
    OwnFunction,
    Shape,
    in_definition,
    names_in,
)
from gradsheet.network.ranges import Range, Ranges
from gradsheet.numbers.printed import printed
from gradsheet.numbers.reasons import EvaluationError, NotRead, OutOfWork
from manual.activations import Array
from manual.ops import function_named, has_kink

MAX_ENTRIES = 100_000  # of all steps of a graph together
MAX_AXES = 12

Settings = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class LoweredStep:
    """One operation: its name in `manual.ops`, the slots of its arrays, and its settings.

    Besides there are "given" (by name), "constant", "name" (what is named is a
    step of its own), "jacobian": the derivative of the first slot by the
    others, side by side along an axis, and "slope": of the sum of one by
    another.
    """

    operation: str
    inputs: tuple[int, ...]
    settings: Settings
    shape: Shape

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """The settings as keyword arguments."""
        return {name: _thawed(value) for name, value in self.settings}

    @property
    def is_derivative(self) -> bool:
        """Whether it is a derivative within a definition."""
        return self.operation in ("jacobian", "slope")


@dataclass(frozen=True)
class Place:
    """Where a name's value is: in a slot, and for the entries of a recurrence
    along an axis in one each, with its bases."""

    slot: int
    axis: int = 0
    entries: Mapping[int, int] | None = None

    @property
    def slots(self) -> list[int]:
        """The slots of its entries from 1, in order, or its own alone."""
        if self.entries is None:
            return [self.slot]
        return [slot for number, slot in sorted(self.entries.items()) if number >= 1]

    @property
    def all(self) -> list[int]:
        """Its slots, that of its bases among them."""
        return [self.slot, *(self.entries or {}).values()]


def is_rational(step: LoweredStep) -> bool:
    """Whether a step makes fractions of fractions."""
    if step.operation == "power":
        return isinstance(step.arguments["exponent"], int)
    if step.operation == "function":
        return bool(function_named(**step.arguments).kinked)
    return step.operation != "softmax"


@dataclass(frozen=True, eq=False)
class Program:
    """The steps of a graph.

    `places` has every name, `letters` how far those of its left side run, but
    for that of a recurrence, `runs` how far all of its formula run, and `said`
    how parts of that were read which may be read otherwise.
    """

    graph: Graph
    steps: Sequence[LoweredStep]
    places: Mapping[str, Place]
    blocks: tuple[Block, ...]
    said: Mapping[str, tuple[str, ...]]
    letters: Mapping[str, Mapping[str, Range]]
    runs: Mapping[str, tuple[tuple[str, int, int], ...]]

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """The shape of every name."""
        return {name: self.steps[place.slot].shape for name, place in self.places.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that a formula may name."""
        return (*(name for name in self.places if "[" not in name), *dict(self.graph.aliases))

    @cached_property
    def bases(self) -> dict[tuple[str, int, int], str]:
        """The bases of recurrences that are no step, by their axis and their
        number there: of h[0] the name "h[0]"."""
        return {
            (name, place.axis, number): f"{name}[{number}]"
            for name, place in self.places.items()
            for number in place.entries or ()
            if number < 1
        }

    sigma = "sigmoid"  # what σ(z) stands for

    @cached_property
    def shares(self) -> int | None:
        """How many shares the loss of a network of layers has, L[k]."""
        is_of_layers = self.graph.aliases and "shares" in self.places
        return self.shapes["shares"][0] if is_of_layers else None

    def canonical(self, name: str) -> str:
        """The one name of a quantity."""
        return self._aliases.get(name, name)

    @cached_property
    def _aliases(self) -> dict[str, str]:
        return dict(self.graph.aliases)

    def has_examples(self, name: str) -> bool | None:
        """Whether a name's first axis is that of examples, as far as anybody
        knows; None in layers with one example alone, and so no such axis."""
        is_single = self.shares is not None and not self.graph.batched
        return None if is_single and name[0] in "xyzh" else name in self.graph.batched

    def no_derivative(self, of: str, by: str) -> str | None:
        """Why d of / d by does not exist, None where it does."""
        of, by = self.canonical(of), self.canonical(by)
        for name in (of, by):
            if name not in self.places:
                return f"d{of}/d{by}: the network has no {name}"
            if self.steps[self.places[name].slot].operation == "constant":
                return f"d{of}/d{by}: {name} is a size, and no quantity to derive"
        slots = {s for slot in self.places[of].all for s in self.before(slot)}
        if slots.isdisjoint(self.places[by].all) and self._number_of(by) > self._number_of(of):
            return f"d{of}/d{by}: {by} comes after {of} in the forward pass"
        return None

    def _number_of(self, name: str) -> int:
        """Which of the definitions a name has, as the sheet has them; 0 of what is given."""
        return self._numbers.get(name.partition("[")[0], 0)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        numbered = [*enumerate(self.graph.definitions, 1)]
        return {definition.name: number for number, definition in reversed(numbered)}

    def entry(self, name: str, index: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        """The slot that has an entry of a name, indices from 0, and the rest of the index."""
        place = self.places[name]
        if place.entries is None or len(index) <= place.axis:
            return place.slot, index
        slot = place.entries[index[place.axis] + 1]
        return slot, index[: place.axis] + index[place.axis + 1 :]

    @cached_property
    def is_rational(self) -> bool:
        """Whether everything is a fraction of what is given."""
        return all(map(is_rational, self.steps))

    def reading(self) -> str:
        """The equations in one line, as every report states them, but for those
        that layers are shorthand for."""
        if not (own := self.graph.written):
            return ""
        equations = "1 equation" if len(own) == 1 else f"{len(own)} equations"
        said = dict.fromkeys(words for d in own for words in self.said.get(d.name, ()))
        return "; ".join([f"a network of {equations}", *said])

    @cached_property
    def levels(self) -> list[int]:
        """A bound on how many numbers that are given or typed are multiplied
        in any number of a step, for every step: how long the fractions get."""
        levels: list[int] = []
        for step in self.steps:
            before = [levels[slot] for slot in step.inputs]
            match step.operation:
                case "multiply" | "divide" | "matmul":
                    level = sum(before)
                case "power":
                    level = before[0] * math.ceil(abs(step.arguments["exponent"]))
                case "jacobian" | "slope":
                    level = max(1, before[0] - min(before[1:])) + 1
                case _:
                    level = max(before, default=1)
            levels.append(max(1, level))
        return levels

    @property
    def depth(self) -> int:
        """The largest of the levels."""
        return max(self.levels, default=1)

    def made_of(self, names: Iterable[str]) -> set[int]:
        """The slots that names are made of, those that there are."""
        places = (self.places.get(self.canonical(name)) for name in names)
        ends = (last for place in places if place is not None for last in place.all)
        return {slot for last in ends for slot in self.before(last)}

    @property
    def constants(self) -> list[Array]:
        """The numbers typed in formulas."""
        steps = (step for step in self.steps if step.operation == "constant")
        return [np.array(step.arguments["value"], object) for step in steps]

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """The lengths of all axes of names."""
        return tuple(n for shape in self.shapes.values() for n in shape) or (1,)

    @cached_property
    def node_shapes(self) -> dict[str, Shape]:
        """The shape of every name, and of every step of a recurrence: h[2]."""
        shapes = dict(self.shapes)
        for name, place in self.places.items():
            for number, slot in (place.entries or {}).items():
                shapes[f"{name}[{number}]"] = self.steps[slot].shape
        return shapes

    @cached_property
    def work(self) -> int:
        """How many entries all steps have together, products counted one by one."""
        return sum(map(self.work_of, range(len(self.steps))))

    def work_of(self, slot: int) -> int:
        """The entries of a step."""
        if slot not in self._work_of:
            self._work_of[slot] = self._find_work_of(slot)
        return self._work_of[slot]

    @cached_property
    def _work_of(self) -> dict[int, int]:
        return {}

    def _find_work_of(self, slot: int) -> int:
        step = self.steps[slot]
        size = math.prod(step.shape)
        if step.operation == "matmul":
            size *= 2 * self.steps[step.inputs[0]].shape[-1]
        elif step.operation in ("total", "largest", "smallest"):
            size = math.prod(self.steps[step.inputs[0]].shape)
        elif step.is_derivative:
            of, *by = step.inputs
            through = self.between(by, of)
            size += 3 * math.prod(self.steps[of].shape) * sum(map(self.work_of, through))
        return size

    @cached_property
    def kinked(self) -> frozenset[int]:
        """The slots of steps that have a kink."""
        steps = enumerate(self.steps)
        return frozenset(n for n, step in steps if has_kink(step.operation, **step.arguments))

    def before(self, slot: int) -> list[int]:
        """The slots that one depends on, itself the last, in order."""
        known = self._before.get(slot)
        if known is None:
            known = self._before[slot] = self._before_from(0, slot)
        return known

    def _before_from(self, least: int, last: int) -> list[int]:
        """The slots that one depends on through those from `least` on alone, in order."""
        waiting, seen = [last], {last}
        while waiting:
            for other in self.steps[waiting.pop()].inputs:
                if other >= least and other not in seen:
                    seen.add(other)
                    waiting.append(other)
        return sorted(seen)

    def between(self, first: Sequence[int], last: int) -> list[int]:
        """The slots on the way from some to a later one, those among them, in order."""
        key = *first, last
        if key not in self._between:
            slots = self._before_from(min(first), last)
            reached = {*first} & {*slots}
            for slot in slots:
                if not reached.isdisjoint(self.steps[slot].inputs):
                    reached.add(slot)
            self._between[key] = sorted(reached)
        return self._between[key]

    def sum_with(self, name: str, of: str) -> str | None:
        """The name of a sum, entry by entry, of which something given is a term and
        which it stands in alone on the way to another; None where there is none.

        The derivative of a term that is computed is carried on as its own.
        """
        if (name, of) not in self._sums:
            self._sums[name, of] = self._find_sum(name, of)
        return self._sums[name, of]

    def leads(self, tensor: str | tuple[str, str], target: str | tuple[str, str]) -> bool:
        """Whether anything on the way to a target, a name or a derivative, is made
        of another."""
        if (tensor, target) not in self._leads:
            self._leads[tensor, target] = self._find_lead(tensor, target)
        return self._leads[tensor, target]

    @cached_property
    def _leads(self) -> dict[Any, bool]:
        return {}

    def _find_lead(self, tensor: str | tuple[str, str], target: str | tuple[str, str]) -> bool:
        of = target if isinstance(target, str) else target[0]
        before = self.made_of([of])
        if isinstance(tensor, str):
            return not before.isdisjoint(self.places[tensor].all)
        slots = {*self.places[tensor[1]].all}
        steps = [self.steps[slot] for slot in before]
        if any(s.operation == "jacobian" and not slots.isdisjoint(s.inputs[1:]) for s in steps):
            return True
        # What comes back at something given leads no further.
        is_given = self.steps[self.places[tensor[1]].slot].operation == "given"
        return not is_given and not isinstance(target, str) and not before.isdisjoint(slots)

    @cached_property
    def _sums(self) -> dict[tuple[str, str], str | None]:
        return {}

    def _find_sum(self, name: str, of: str) -> str | None:
        slot, last = self.places[name].slot, self.places[of].slot
        if self.steps[slot].operation != "given":
            return None
        size, through, is_sum = math.prod(self.shapes[name]), self.between([slot], last), False
        while True:
            uses = [other for other in through if slot in self.steps[other].inputs]
            if len(uses) != 1 or self.steps[uses[0]].inputs.count(slot) > 1:
                return None
            (slot,) = uses
            step = self.steps[slot]
            if step.operation not in ("add", "reshape", "name") or math.prod(step.shape) != size:
                return None
            is_sum |= step.operation == "add"
            if step.operation == "name":
                names = [other for other, place in self.places.items() if place.slot == slot]
                return names[0] if is_sum and names and slot != last else None

    @cached_property
    def _before(self) -> dict[int, list[int]]:
        return {}

    @cached_property
    def _between(self) -> dict[tuple[int, ...], list[int]]:
        return {}


@dataclass(frozen=True)
class _Indices:
    """An array of whole numbers, kept where settings are compared."""

    numbers: bytes
    shape: Shape


def _frozen(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _Indices(value.astype(np.int64).tobytes(), value.shape)
    return tuple(map(_frozen, value)) if isinstance(value, tuple | list) else value


def _thawed(value: Any) -> Any:
    if isinstance(value, _Indices):
        return np.frombuffer(value.numbers, np.int64).reshape(value.shape)
    return tuple(map(_thawed, value)) if isinstance(value, tuple) else value


def _likely_joined(operator: str, one: Shape | None, two: Shape | None) -> Shape | None:
    """The shape of an operation as far as it is known from those of its sides."""
    if operator != "@":
        return max((shape for shape in (one, two) if shape is not None), key=len, default=None)
    if one:
        return one[:-1] + (two[1:] if two else ())
    return None if two is None or len(two) < 2 else two[1:]


def _parted(
    indices: tuple[f.Index, ...], axis: int
) -> tuple[tuple[f.Index, ...], f.Index, tuple[f.Index, ...]]:
    """The index at an axis, and those before and behind it."""
    return indices[:axis], indices[axis], indices[axis + 1 :]


@dataclass(frozen=True)
class _Term:
    """The array in a slot: its first axes are those of the letters, the others its own."""

    slot: int
    letters: tuple[str, ...]
    shape: Shape


@dataclass(frozen=True)
class _Scope:
    """What names and letters stand for in a part of a formula.

    `axes` has the axis that a letter is, `fixed` the number that one stands
    for, `ranges` how far they run, `local` the arguments of a sheet's own
    functions.
    """

    ranges: Ranges
    axes: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, int] = field(default_factory=dict)
    local: Mapping[str, _Term] = field(default_factory=dict)


def lowered(graph: Graph) -> Program:
    """The steps of a graph.

    Raises EvaluationError, with the name that is defined there in its
    `definition`, where shapes or letters do not fit; OutOfWork where the steps
    have too many entries.
    """
    return _Lowering(graph).program()


def indices_in(formula: f.Node) -> set[str]:
    """The letters that stand in indices."""
    indices = (index for part in f.walk(formula) for index in getattr(part, "indices", ()))
    return {letter for index in indices if isinstance(index, f.Node) for letter in index.letters}


class _Lowering:
    def __init__(self, graph: Graph):
        self.graph = graph
        self.steps: list[LoweredStep] = []
        self.slots: dict[LoweredStep, int] = {}
        self.entries = 0
        self.places: dict[str, Place] = {}
        self.unfinished: dict[str, tuple[int, dict[int, int]]] = {}  # recurrences: axis, entries
        self.likely: dict[str, Shape] = {}  # the shapes that those will have, as far as known
        self.aliases = dict(graph.aliases)
        self.functions = {function.name: function for function in graph.functions}
        self.whole_numbers = dict(graph.whole_numbers)
        self.sizes: dict[str, Range] = {}  # of the axes of letters
        self.letters: dict[str, dict[str, Range]] = {}
        self.runs: dict[str, tuple[tuple[str, int, int], ...]] = {}
        self.said: dict[str, None] = {}
        self.named = 0  # arguments of own functions whose derivative is taken

    def program(self) -> Program:
        """Every given array, then every definition."""
        for name, shape in self.graph.given:
            self.places[name] = Place(self.step("given", (), shape, name=name))
        for name, size in self.graph.sizes:
            # A step of its own: a number in a formula that is as large is another.
            self.places[name] = Place(self.step("constant", (), (), value=Fraction(size), of=name))
        said: dict[str, tuple[str, ...]] = {}
        blocks: list[Block] = []
        for block in self.graph.blocks:
            self.said = {}
            first = (block.bases or block.definitions)[0]
            try:
                if block.axis is None:
                    (definition,) = block.definitions
                    self.places[definition.name] = Place(self.entire(definition))
                else:
                    block = self.recurrence(block)
            except (EvaluationError, OutOfWork) as error:
                in_definition(first, error)
                raise
            blocks.append(block)
            for definition in block.definitions:
                said[definition.name] = tuple(self.said)
        return Program(
            self.graph, self.steps, self.places, tuple(blocks), said, self.letters, self.runs
        )

    # Steps

    def step(self, operation: str, inputs: tuple[int, ...], full: Shape, /, **settings: Any) -> int:
        """The slot of a step, a new one where there is none like it."""
        if len(full) > MAX_AXES:
            raise EvaluationError(f"an array of {len(full)} axes, expected at most {MAX_AXES}")
        step = LoweredStep(
            operation, inputs, tuple((k, _frozen(v)) for k, v in settings.items()), full
        )
        if step not in self.slots:
            self.entries += 1 + math.prod(full)
            if operation == "matmul":
                self.entries += math.prod(full) * self.steps[inputs[0]].shape[-1]
            if self.entries > MAX_ENTRIES:
                raise OutOfWork(
                    f"the network takes more than {MAX_ENTRIES:,} numbers on the way: "
                    "take smaller arrays, or fewer steps"
                )
            self.slots[step] = len(self.steps)
            self.steps.append(step)
        return self.slots[step]

    def constant(self, value: Any, shape: Shape = ()) -> _Term:
        """A number, or an array of them as a tuple in order."""
        return _Term(self.step("constant", (), shape, value=value), (), shape)

    def whole(self, term: _Term) -> Shape:
        """The shape of the array in a term's slot."""
        return self.steps[term.slot].shape

    def numbers(self, letter: str) -> Array:
        """What a letter's axis runs over."""
        low, high = self.sizes[letter]
        return np.arange(low, high + 1)

    def lengths(self, letters: Sequence[str]) -> Shape:
        """How many entries the axes of letters have."""
        return tuple(self.sizes[letter][1] - self.sizes[letter][0] + 1 for letter in letters)

    def name(self, slot: int, name: str) -> int:
        """A step of its own for what has a name: two names may be equal, and
        their derivatives are not."""
        return self.step("name", (slot,), self.steps[slot].shape, name=name)

    def transposed(self, slot: int, order: Sequence[int]) -> int:
        """The axes of an array in another order."""
        if [*order] == [*range(len(order))]:
            return slot
        shape = self.steps[slot].shape
        return self.step("transpose", (slot,), tuple(shape[k] for k in order), order=tuple(order))

    def reshaped(self, slot: int, shape: Shape) -> int:
        """The numbers of an array in another shape."""
        if self.steps[slot].shape == shape:
            return slot
        return self.step("reshape", (slot,), shape, shape=shape)

    def in_line(self, term: _Term, letters: Sequence[str], axes: int) -> int:
        """The array with an axis for each of the letters, of length 1 where it
        has none, and so many axes of its own, to which further ones of length 1
        are added in front."""
        order = [term.letters.index(letter) for letter in letters if letter in term.letters]
        order += range(len(term.letters), len(term.letters) + len(term.shape))
        slot = self.transposed(term.slot, order)
        lengths = [
            *(self.lengths([letter])[0] if letter in term.letters else 1 for letter in letters),
            *(1,) * (axes - len(term.shape)),
            *term.shape,
        ]
        return self.reshaped(slot, tuple(lengths))

    def joint(self, *terms: _Term) -> tuple[str, ...]:
        """The letters of several terms."""
        return tuple(dict.fromkeys(letter for term in terms for letter in term.letters))

    def stretched(self, term: _Term, letters: Sequence[str], shape: Shape) -> _Term:
        """The term with exactly these letters, in this order, and this shape of its own."""
        slot = self.in_line(term, letters, len(shape))
        full = self.lengths(letters) + shape
        if self.steps[slot].shape != full:
            slot = self.step("stretch", (slot,), full, shape=full)
        return _Term(slot, tuple(letters), shape)

    # Definitions

    def shape_of(self, node: f.Node) -> Shape:
        """The shape of a name, or of a part of a formula in a bracket; () where
        that is not known yet."""
        if isinstance(node, f.Quantity) and not node.indices:
            name = self.aliases.get(node.name, node.name)
            if name in self.unfinished:  # where it is (), other axes tell how far a letter runs
                return self.likely.get(name, ())
            return self.steps[self.places[name].slot].shape
        letters = dict.fromkeys(node.letters, 1)
        bare = _Scope(Ranges(node, self.shape_of, {k: (1, 1) for k in letters}), fixed=letters)
        return self.value(node, bare).shape

    def entire(self, definition: Definition, fixed: Mapping[str, int] = {}) -> int:
        """The slot of a definition that is no recurrence, or of one of its steps."""
        known = {letter: (number, number) for letter, number in fixed.items()}
        ranges = Ranges(definition.formula, self.shape_of, known)
        letters = [letter for letter in definition.letters if letter not in fixed]
        for letter in letters:
            if letter not in definition.formula.letters:
                raise NotRead(
                    f"nothing says how far {letter} runs: it stands on the left and not on the "
                    "right"
                )
            if letter not in ranges:
                raise NotRead(
                    f"nothing says how far {letter} runs, it indexes no axis alone: give a list to "
                    f"take it from, as in k = [1, 2, 3], and write k[{letter}] for {letter}"
                )
            self.sizes[letter] = ranges[letter]
        scope = _Scope(ranges, axes={letter: letter for letter in letters}, fixed=fixed)
        if free := sorted(definition.formula.letters - {*letters, *fixed}):
            if unknown := [
                letter for letter in free if letter not in indices_in(definition.formula)
            ]:
                raise NotRead(f"{unknown[0]} is neither given nor defined above")
            are = "is free" if len(free) == 1 else "are free"
            raise NotRead(
                f"{' and '.join(free)} {are} in the formula and not on the left: "
                f"write {definition.name}[{','.join([*definition.letters, *free])}], or a sum"
            )
        term = self.value(definition.formula, scope)
        term = self.stretched(term, letters, term.shape)
        name = definition.name + "".join(f"[{number}]" for number in fixed.values())
        self.runs[definition.name] = tuple(run for run in ranges.told() if run[0] not in fixed)
        self.letters[definition.name] = {letter: ranges[letter] for letter in letters}
        return self.name(term.slot, name)

    def recurrence(self, block: Block) -> Block:
        """Every base, then every step of a recurrence in turn; the block with the steps told."""
        assert block.axis is not None
        axis = block.axis
        for definition in block.definitions:
            self.unfinished[definition.name] = (axis, {})
        numbers = [base for base in block.bases if not base.formula.letters]
        for base in block.bases:
            if base not in numbers:
                self._keep(base, axis, self._entry(base, {}))
        alone = {base: self._entry(replace(base, axes=()), {}) for base in numbers}
        for base, slot in alone.items():
            self._keep(base, axis, slot)
        steps = self._steps_of(block)
        is_lettered = any(len(definition.axes) > 1 for definition in block.definitions)
        shapes = self._shapes_of(block, steps) if alone or is_lettered else {}
        for base, slot in alone.items():
            if not (own := self.steps[slot].shape):  # a number takes the steps' shape
                term = self.stretched(_Term(slot, (), own), (), shapes[base.name])
                self._keep(base, axis, term.slot)
        for number in steps:
            for definition in block.definitions:
                letter = definition.axes[axis]
                assert isinstance(letter, str)
                entries = self.unfinished[definition.name][1]
                if number not in entries:
                    entries[number] = self._entry(definition, {letter: number})
        for definition in block.definitions:
            _, entries = self.unfinished.pop(definition.name)
            self._finish(definition, axis, entries)
        based = {base.axes[axis] for base in block.bases} if len(block.definitions) == 1 else set()
        return replace(block, steps=tuple(number for number in steps if number not in based))

    def _entry(self, definition: Definition, fixed: Mapping[str, int]) -> int:
        try:
            return self.entire(definition, fixed)
        except (EvaluationError, OutOfWork) as error:
            in_definition(definition, error)
            raise

    def _keep(self, base: Definition, axis: int, slot: int) -> None:
        """A base under its own name as well: h[0]."""
        number = base.axes[axis]
        assert isinstance(number, int)
        slot = self.name(slot, f"{base.name}[{number}]")
        self.unfinished[base.name][1][number] = slot
        self.places[f"{base.name}[{number}]"] = Place(slot)

    def _finish(self, definition: Definition, axis: int, entries: dict[int, int]) -> None:
        """The entries of a recurrence side by side."""
        slots = [slot for number, slot in sorted(entries.items()) if number >= 1]
        shapes = {self.steps[slot].shape for slot in slots}
        if len(shapes) > 1:
            several = " and ".join(map(str, sorted(shapes)))
            message = f"the steps of {definition.name} have different shapes: {several}"
            raise in_definition(definition, EvaluationError(message))
        self.places[definition.name] = Place(self.stacked(slots, axis), axis, entries)

    def _steps_of(self, block: Block) -> range:
        """How far a recurrence runs."""
        assert block.axis is not None
        found: dict[int, Definition] = {}
        for definition in block.definitions:
            letter = definition.axes[block.axis]
            assert isinstance(letter, str)
            try:
                ranges = Ranges(definition.formula, self.shape_of)
                found[ranges[letter][1]] = definition
            except NotRead:
                continue
        found = found or self._read_below(block)
        if not found:
            first = block.definitions[0]
            letter = first.axes[block.axis]
            message = (
                f"nothing says how far {letter} runs: some formula of the recurrence has to index "
                f"an axis of what is given with it, as in x[{letter}], or one below that takes "
                f"{first.name}[{letter}]"
            )
            raise in_definition(first, NotRead(message))
        if len(found) > 1:
            several = " and ".join(f"{n} in {d.name}" for n, d in found.items())
            raise EvaluationError(f"a recurrence runs over axes of different size: {several}")
        return range(1, next(iter(found)) + 1)

    def _read_below(self, block: Block) -> dict[int, Definition]:
        """How many steps of a recurrence the definitions further down take: as
        many as an axis of what is known has, beside which a step stands there."""
        found: dict[int, Definition] = {}
        for definition in self.graph.definitions:
            if definition in block.definitions:
                continue
            letters, ends = set[str](), list[tuple[str, int]]()
            for part in names_in(definition.formula):
                name = self.aliases.get(part.name, part.name)
                alone = {k: i.name for k, i in enumerate(part.indices) if isinstance(i, f.Letter)}
                if name in self.unfinished:
                    letters |= {letter for k, letter in alone.items() if k == block.axis}
                elif name in self.places:
                    shape = self.shape_of(f.Quantity(name))
                    ends += ((letter, shape[k]) for k, letter in alone.items() if k < len(shape))
            found |= {size: definition for letter, size in ends if letter in letters}
        return found

    def _shapes_of(self, block: Block, steps: range) -> dict[str, Shape]:
        """The shapes of the steps, for bases that are numbers and take them."""
        shapes: dict[str, Shape | None] = {d.name: None for d in block.definitions}
        for _ in block.definitions:
            for definition in block.definitions:
                letter = definition.axes[block.axis or 0]
                assert isinstance(letter, str)
                own = self._likely(definition.formula, shapes, {letter: steps[0]})
                rest = [axis for axis in definition.letters if axis != letter]
                if rest:
                    known = {letter: (steps[0], steps[0])}
                    ranges = Ranges(definition.formula, self.shape_of, known)
                    if any(axis not in ranges for axis in rest):
                        continue  # a later round may know
                    ends = [ranges[axis] for axis in rest]
                    own = (*(high - low + 1 for low, high in ends), *(own or ()))
                if own is not None:
                    shapes[definition.name] = own
                    at = block.axis or 0
                    self.likely[definition.name] = (*own[:at], len(steps), *own[at:])
        return {name: shape or () for name, shape in shapes.items()}

    def _likely(
        self, node: f.Node, shapes: Mapping[str, Shape | None], fixed: Mapping[str, int]
    ) -> Shape | None:
        """The shape of a formula as far as it is known, None where it is not."""

        def of(inner: f.Node) -> Shape | None:
            return self._likely(inner, shapes, fixed)

        names = {part.name for part in f.walk(node) if isinstance(part, f.Quantity)}
        if names.isdisjoint(shapes):
            letters = {**dict.fromkeys(node.letters, 1), **fixed}
            known = {letter: (number, number) for letter, number in letters.items()}
            ranges = Ranges(node, self.shape_of, known)
            return self.value(node, _Scope(ranges, fixed=letters)).shape
        match node:
            case f.Quantity(name, indices):
                shape = shapes.get(name)
                return None if shape is None else shape[len(indices) - 1 :]
            case f.Chain():
                return node.fold(of, _likely_joined)
            case f.Negative(inner) | f.Power(inner) | f.Sum(_, inner):
                return of(inner)
            case f.Call(_, (*_, argument)):
                return of(argument)
        return None

    # Formulas

    def value(self, node: f.Node, scope: _Scope) -> _Term:
        """The term of a part of a formula."""
        match node:
            case f.Number(printed):
                return self.constant(printed.value)
            case f.Letter(name):
                return self.letter(name, scope)
            case f.Quantity(name, indices):
                return self.quantity(name, indices, scope)
            case f.Negative(operand):
                return self.entrywise("negative", [self.value(operand, scope)])
            case f.Chain():
                return node.fold(lambda part: self.value(part, scope), self.binary)
            case f.Power(base, exponent):
                term = self.value(base, scope)
                return self.entrywise("power", [term], exponent=exponent)
            case f.Sum():
                return self.over_letter(node, scope)
            case f.Call(function, arguments):
                return self.call(function, arguments, scope)
            case f.List(items):
                return self.listed([self.value(item, scope) for item in items])
            case f.Subscript(base, indices):
                return self.indexed(self.value(base, scope), indices, scope, "the bracket")
            case f.Transpose(operand):
                return self.turned(self.value(operand, scope))
            case f.Derivative(of, by):
                return self.derivative(self.quantity(of.name, of.indices, scope), by, scope)
            case f.DerivativeOf(term, by):
                return self.derivative(self.value(term, scope), by, scope)
        raise NotRead(f"{type(node).__name__} has no meaning in a definition")

    def letter(self, name: str, scope: _Scope) -> _Term:
        """A letter as a number."""
        if name in scope.fixed:
            return self.constant(Fraction(scope.fixed[name]))
        if name not in scope.axes:
            raise NotRead(f"{name} is no quantity, and as an index it stands at no axis")
        axis = scope.axes[name]
        values = tuple(map(Fraction, self.numbers(axis).tolist()))
        term = self.constant(values, (len(values),))
        return _Term(term.slot, (axis,), ())

    def quantity(self, name: str, indices: tuple[f.Index, ...], scope: _Scope) -> _Term:
        """A name, whole or with indices."""
        if name in scope.local:
            return self.indexed(scope.local[name], indices, scope, name)
        name = self.aliases.get(name, name)
        if name in self.unfinished:
            return self.of_recurrence(name, indices, scope)
        place = self.places[name]
        slot = place.slot
        if place.entries is not None and len(indices) > place.axis:
            before, index, behind = _parted(indices, place.axis)
            letters, numbers = self.index(index, scope)
            if not letters and int(numbers) in place.entries:
                slot, indices = place.entries[int(numbers)], before + behind
            elif (first := int(numbers.min())) < 1 and first in place.entries:
                slot = self.with_bases(place, first)
                shifted: f.Node = f.Number(printed(str(1 - first)))
                if isinstance(index, f.Node):
                    shifted = f.Chain("+", (index, shifted))
                indices = (*before, shifted, *behind)
        return self.indexed(_Term(slot, (), self.steps[slot].shape), indices, scope, name)

    def with_bases(self, place: Place, first: int) -> int:
        """The entries of a recurrence from a base on, side by side."""
        assert place.entries is not None
        slots = [slot for number, slot in sorted(place.entries.items()) if number >= first]
        return self.stacked(slots, place.axis)

    def stacked(self, slots: Sequence[int], axis: int) -> int:
        """Steps of one shape side by side."""
        one = self.steps[slots[0]].shape
        shape = (*one[:axis], len(slots), *one[axis:])
        return self.step("stack", tuple(slots), shape, axis=axis)

    def of_recurrence(self, name: str, indices: tuple[f.Index, ...], scope: _Scope) -> _Term:
        """An entry of a recurrence that is being unrolled."""
        axis, entries = self.unfinished[name]
        if len(indices) <= axis:
            raise EvaluationError(
                f"{name} stands whole in the formula of one of its own steps: write the step "
                f"that is meant, as in {name}[t-1]"
            )
        letters, number = self.index(indices[axis], scope)
        if letters or number.ndim:
            raise EvaluationError(
                f"{name}{show_index(indices)} depends on steps that are not there yet"
            )
        at = int(number)
        if at not in entries:
            raise EvaluationError(
                f"{name}{show_index(indices)} is {name}[{at}] here, which nothing defines: write "
                f"{name}[{at}] = ... on a line of its own"
            )
        rest = indices[:axis] + indices[axis + 1 :]
        return self.indexed(
            _Term(entries[at], (), self.steps[entries[at]].shape), rest, scope, name
        )

    def index(self, node: f.Index, scope: _Scope) -> tuple[tuple[str, ...], Array]:
        """An index as an array of whole numbers, with the letters of its axes."""
        match node:
            case int(number):
                return (), np.array(number)
            case f.Number(printed) if printed.value.denominator == 1:
                return (), np.array(int(printed.value))
            case f.Letter(name):
                if name in scope.fixed:
                    return (), np.array(scope.fixed[name])
                if name not in scope.axes:
                    raise NotRead(f"{name} is no quantity, and as an index it stands at no axis")
                return (scope.axes[name],), self.numbers(scope.axes[name])
            case f.Negative(operand):
                letters, numbers = self.index(operand, scope)
                return letters, -numbers
            case f.Chain():
                return node.fold(lambda part: self.index(part, scope), self.joined_indices)
            case f.Quantity(name, indices) if name in self.whole_numbers:
                table = np.array(self.whole_numbers[name])
                if len(indices) != table.ndim:
                    raise EvaluationError(
                        f"{name}{show_index(indices)} is no single number, and cannot be an index"
                    )
                letters, at = self.aligned(*(self.index(i, scope) for i in indices))
                return letters, table[tuple(self.inside(at, table.shape, name, indices))]
            case f.Quantity(name) if name in dict(self.graph.sizes):
                return (), np.array(dict(self.graph.sizes)[name])
        raise NotRead(
            "an index is a whole number, a letter, a sum of these, or an entry of something given "
            "that holds whole numbers"
        )

    def joined_indices(
        self, operator: str, *sides: tuple[tuple[str, ...], Array]
    ) -> tuple[tuple[str, ...], Array]:
        """Two such indices joined by + - or *."""
        letters, numbers = self.aligned(*sides)
        return letters, {"+": np.add, "-": np.subtract, "*": np.multiply}[operator](*numbers)

    def aligned(
        self, *several: tuple[tuple[str, ...], Array]
    ) -> tuple[tuple[str, ...], list[Array]]:
        """Arrays of indices with an axis for each letter of all."""
        letters = tuple(dict.fromkeys(letter for own, _ in several for letter in own))
        arrays = []
        for own, array in several:
            array = np.transpose(array, [own.index(letter) for letter in letters if letter in own])
            lengths = [self.lengths([l])[0] if l in own else 1 for l in letters]
            arrays.append(array.reshape(lengths))
        return letters, arrays

    @staticmethod
    def inside(
        numbers: Sequence[Array], shape: Shape, name: str, indices: Sequence[f.Index]
    ) -> list[Array]:
        """The indices counted from 0; raises where one is outside its axis."""
        for axis, (array, size) in enumerate(zip(numbers, shape, strict=False), 1):
            outside = array[(array < 1) | (array > size)]
            if outside.size:
                raise EvaluationError(
                    f"{name}{show_index(tuple(indices))}: index {axis} is {outside.flat[0]}, "
                    f"outside 1 to {size}"
                )
        return [array - 1 for array in numbers]

    def indexed(self, term: _Term, indices: tuple[f.Index, ...], scope: _Scope, name: str) -> _Term:
        """Entries of a term."""
        if not indices:
            return term
        if len(indices) > len(term.shape):
            raise EvaluationError(
                f"{name}{show_index(indices)} has {len(indices)} indices, {name} has "
                f"{len(term.shape)} axes"
            )
        several = [self.index(index, scope) for index in indices]
        plain = [letters[0] if len(letters) == 1 else "" for letters, _ in several]
        rest = term.shape[len(indices) :]
        if (
            not term.letters
            and len({*plain}) == len(plain)
            and all(
                letter and np.array_equal(numbers, np.arange(1, size + 1))
                for letter, (_, numbers), size in zip(plain, several, term.shape, strict=False)
            )
        ):
            return _Term(term.slot, tuple(plain), rest)  # every axis is a letter's
        own = [((letter,), np.arange(self.lengths([letter])[0])) for letter in term.letters]
        letters, numbers = self.aligned(*own, *several)
        if any(array.size == 0 for array in numbers):
            raise EvaluationError(f"{name}{show_index(indices)} has no entries")
        at = numbers[: len(own)]
        at += self.inside(numbers[len(own) :], term.shape, name, indices)
        shape = self.lengths(letters) + rest
        if not any(array.ndim for array in at):
            shape = rest
        return _Term(self.step("take", (term.slot,), shape, index=tuple(at)), letters, rest)

    # Operations

    def entrywise(self, operation: str, terms: Sequence[_Term], **settings: Any) -> _Term:
        """An operation entry by entry, on terms of one shape or with numbers."""
        letters = self.joint(*terms)
        shape = max((term.shape for term in terms), key=lambda s: (len(s), math.prod(s)))
        for term in terms:
            if term.shape not in ((), shape):
                raise EvaluationError(
                    f"shapes {term.shape} and {shape}, expected equal shapes or a number"
                )
        slots = tuple(self.in_line(term, letters, len(shape)) for term in terms)
        full = np.broadcast_shapes(*(self.steps[slot].shape for slot in slots))
        return _Term(self.step(operation, slots, tuple(full), **settings), letters, shape)

    def binary(self, operator: str, a: _Term, b: _Term) -> _Term:
        """Two terms joined by + - * / or @."""
        if operator == "@":
            return self.product(a, b)
        if operator == "·":
            if () in (a.shape, b.shape):
                operator = "*"
            else:
                raise NotRead("· is the matrix product or entry by entry: write @ or *")
        operation = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}[operator]
        a, b = self.fitting(operator, a, b)
        letters, axes = self.joint(a, b), max(len(a.shape), len(b.shape))
        slots = self.in_line(a, letters, axes), self.in_line(b, letters, axes)
        full = tuple(np.broadcast_shapes(*(self.steps[slot].shape for slot in slots)))
        return _Term(self.step(operation, slots, full), letters, full[len(letters) :])

    def fitting(self, operator: str, a: _Term, b: _Term) -> tuple[_Term, _Term]:
        """Two terms that go together entry by entry; raises where they do not."""
        if a.shape == b.shape or () in (a.shape, b.shape):
            return a, b
        sizes = math.prod(a.shape), math.prod(b.shape)
        one_number = operator in "*/" or sizes == (1, 1)
        if one_number and sizes[0] == 1 and not (sizes[1] == 1 and len(b.shape) < len(a.shape)):
            return self.as_number(a), b
        if one_number and sizes[1] == 1:
            return a, self.as_number(b)
        for matrix, other in ((a, b), (b, a)):
            if len(matrix.shape) == 2 and other.shape == (1, matrix.shape[1]):
                self.say(row_words(matrix.shape))
                return a, b
            if len(matrix.shape) == 2 and other.shape == (matrix.shape[0], 1):
                self.say(column_words(matrix.shape))
                return a, b
            is_column = len(matrix.shape) == 2 and matrix.shape[1] == 1
            if is_column and len(other.shape) == 2 and other.shape[0] == 1:
                self.say("a column and a row: every pair of their entries")
                return a, b
            if len(matrix.shape) == 2 and matrix.shape[0] == 1 and other.shape == matrix.shape[1:]:
                self.say(f"the vector of {other.shape[0]} stands for a row")
                return a, b
            if len(matrix.shape) == 2 and len(other.shape) == 1 and other.shape[0] in matrix.shape:
                more = ", or indices: W[i,j], v[j]"
                raise of_several_meanings(operator, matrix.shape, other.shape[0], operator, more)
        raise of_unequal_shapes(operator, a.shape, b.shape)

    def say(self, words: str) -> None:
        """Keep how something was read."""
        self.said[words] = None

    def as_number(self, term: _Term) -> _Term:
        """A term of one entry without axes of its own."""
        slot = self.reshaped(term.slot, self.lengths(term.letters))
        return _Term(slot, term.letters, ())

    def product(self, a: _Term, b: _Term) -> _Term:
        """The last axis of one contracted with the first of the other; a vector
        before a row is the outer product."""
        if not a.shape or not b.shape:
            raise EvaluationError(
                "@ with a number, expected vectors or matrices: write * for a factor"
            )
        sizes = math.prod(a.shape), math.prod(b.shape)
        if len(a.shape) == len(b.shape) == 1 and a.shape != b.shape and 1 in sizes:
            return self.binary("*", a, b)
        if len(a.shape) == 1 and len(b.shape) == 2 and b.shape[0] == 1 != a.shape[0]:
            self.say(f"a vector before a row: the {a.shape[0]}x{b.shape[1]} outer product")
            return self.outer(a, _Term(self.in_line(b, b.letters, 2), b.letters, b.shape))
        if a.shape[-1] != b.shape[0]:
            hint = ""
            if len(a.shape) == len(b.shape) == 1:
                hint = ": write outer(a, b) for a column times a row"
            raise EvaluationError(
                f"@ between shapes {a.shape} and {b.shape}, expected the last axis of one to fit "
                f"the first of the other{hint}"
            )
        letters = self.joint(a, b)
        one = self.in_line(a, letters, len(a.shape))
        two = self.in_line(b, letters, len(b.shape))
        front_a, front_b = (self.steps[slot].shape[: len(letters)] for slot in (one, two))
        rows, columns = math.prod(a.shape[:-1]), math.prod(b.shape[1:])
        one = self.reshaped(one, (*front_a, rows, a.shape[-1]))
        two = self.reshaped(two, (*front_b, b.shape[0], columns))
        front = tuple(np.broadcast_shapes(front_a, front_b))
        slot = self.step("matmul", (one, two), (*front, rows, columns))
        shape = a.shape[:-1] + b.shape[1:]
        return _Term(self.reshaped(slot, front + shape), letters, shape)

    def outer(self, a: _Term, b: _Term) -> _Term:
        """Every entry of one times every entry of the other."""
        for term in (a, b):
            if len([n for n in term.shape if n != 1]) > 1:
                raise EvaluationError(
                    f"outer of shapes {a.shape} and {b.shape}, expected two vectors"
                )
        letters = self.joint(a, b)
        one = self.reshaped(
            self.in_line(a, letters, len(a.shape)),
            (*self._fronts(a, letters), math.prod(a.shape), 1),
        )
        two = self.reshaped(
            self.in_line(b, letters, len(b.shape)),
            (*self._fronts(b, letters), 1, math.prod(b.shape)),
        )
        full = tuple(np.broadcast_shapes(self.steps[one].shape, self.steps[two].shape))
        return _Term(self.step("multiply", (one, two), full), letters, full[len(letters) :])

    def _fronts(self, term: _Term, letters: Sequence[str]) -> Shape:
        return tuple(self.lengths([l])[0] if l in term.letters else 1 for l in letters)

    def over_letter(self, node: f.Sum, scope: _Scope) -> _Term:
        """A sum, mean, largest or smallest over a letter; a mean over several is
        one division."""
        term, number = self.undivided(node, scope)
        return self.binary("/", term, self.constant(Fraction(number))) if number else term

    def undivided(self, node: f.Sum, scope: _Scope) -> tuple[_Term, int]:
        """The same, and what a mean has still to be divided by, 0 where it has not."""
        key = (node.letter.name, id(node))
        low, high = scope.ranges[key]
        axis = f"{node.letter.name} {len(self.sizes)}"  # a name of its own for its axis
        self.sizes[axis] = (low, high)
        fixed = {name: n for name, n in scope.fixed.items() if name != node.letter.name}
        axes = {**scope.axes, node.letter.name: axis}
        inner, number, terms = replace(scope, axes=axes, fixed=fixed), 0, high - low + 1
        if isinstance(node, f.Mean) and isinstance(node.term, f.Mean):
            term, number = self.undivided(node.term, inner)
        else:
            term = self.value(node.term, inner)
        if axis not in term.letters:  # all terms are the same
            if isinstance(node, f.Mean | f.Largest | f.Smallest):
                return term, number
            return self.binary("*", self.constant(Fraction(terms)), term), 0
        at = term.letters.index(axis)
        rest = term.letters[:at] + term.letters[at + 1 :]
        kinds = {f.Largest: "largest", f.Smallest: "smallest"}
        full = self.whole(term)
        slot = self.step(
            kinds.get(type(node), "total"),
            (term.slot,),
            full[:at] + full[at + 1 :],
            axes=(at - len(full),),
        )
        result = _Term(slot, rest, term.shape)
        return result, (number or 1) * terms if isinstance(node, f.Mean) else 0

    def over_entries(self, name: str, term: _Term) -> _Term:
        """The sum, mean, largest or smallest of all entries."""
        if not term.shape:
            raise NotRead(f"{name} of a single number: write {name}(k, ...) with the letter")
        axes = tuple(range(-len(term.shape), 0))
        kinds = {"max": "largest", "min": "smallest"}
        slot = self.step(
            kinds.get(name, "total"), (term.slot,), self.lengths(term.letters), axes=axes
        )
        total = _Term(slot, term.letters, ())
        if name == "mean":
            return self.binary("/", total, self.constant(Fraction(math.prod(term.shape))))
        return total

    def call(self, name: str, arguments: tuple[f.Node, ...], scope: _Scope) -> _Term:
        """A function of something."""
        if name == "where":
            compare = arguments[0]
            assert isinstance(compare, f.Compare)
            sides = [self.value(side, scope) for side in (compare.left, compare.right)]
            sides += [self.value(argument, scope) for argument in arguments[1:]]
            return self.entrywise("where", sides, relation=compare.operator)
        if name == "kronecker":
            return self.kronecker(arguments[0], arguments[1], scope)
        terms = [self.value(argument, scope) for argument in arguments]
        if own := self.functions.get(name.removesuffix("'")):
            return (self.own_slope if name.endswith("'") else self.applied)(own, terms[0])
        if name in ("max", "min") and len(terms) == 2:
            return self.entrywise(f"{name}imum", terms)
        if name in f.OVER_LETTERS:
            return self.over_entries(name, terms[0])
        if name == "outer":
            return self.outer(*terms)
        if name == "diag":
            return self.diagonal(terms[0])
        if name == "concat":
            return self.joined(terms)
        if name == "leaky_relu":
            zero = self.constant(Fraction(0))
            scaled = self.binary("*", terms[1], terms[0])
            return self.entrywise("where", [terms[0], zero, terms[0], scaled], relation=">")
        if name == "softmax":
            return self.softmax(terms[0])
        return self.entrywise("function", terms, name=name)

    def softmax(self, term: _Term) -> _Term:
        """Softmax over the last axis."""
        if not term.shape:
            raise EvaluationError(
                "softmax of a number, expected a vector: write softmax(z)[1] for an entry"
            )
        if len(term.shape) > 1:
            self.say("softmax goes over the last axis")
        return replace(term, slot=self.step("softmax", (term.slot,), self.whole(term)))

    def kronecker(self, one: f.Node, two: f.Node, scope: _Scope) -> _Term:
        """1 where two indices are equal, else 0."""

        def as_index(node: f.Node) -> f.Index:
            return int(node.printed.value) if isinstance(node, f.Number) else node

        letters, (a, b) = self.aligned(
            self.index(as_index(one), scope), self.index(as_index(two), scope)
        )
        equal = np.asarray(a == b)
        values: Any = tuple(Fraction(int(v)) for v in equal.flat)
        term = self.constant(values if equal.ndim else values[0], equal.shape)
        return _Term(term.slot, letters, ())

    def diagonal(self, term: _Term) -> _Term:
        """A vector as a diagonal matrix."""
        if len(term.shape) != 1:
            raise NotRead(f"diag of an array of {len(term.shape)} axes, expected a vector")
        (n,) = term.shape
        unit = tuple(Fraction(int(i == j)) for i in range(n) for j in range(n))
        column = self.reshaped(term.slot, (*self.lengths(term.letters), n, 1))
        return self.binary("*", _Term(column, term.letters, (n, 1)), self.constant(unit, (n, n)))

    def listed(self, terms: Sequence[_Term]) -> _Term:
        """Terms side by side along a new first axis."""
        shapes = sorted({term.shape for term in terms})
        if len(shapes) > 1:
            raise EvaluationError(
                f"a list of unequal shapes, {' and '.join(map(str, shapes))}: rows have to be of "
                "equal length"
            )
        letters = self.joint(*terms)
        slots = tuple(self.stretched(term, letters, shapes[0]).slot for term in terms)
        shape = (len(terms), *shapes[0])
        slot = self.step("stack", slots, self.lengths(letters) + shape, axis=len(letters))
        return _Term(slot, letters, shape)

    def joined(self, terms: Sequence[_Term]) -> _Term:
        """Terms one behind the other along their first axis."""
        terms = [self.reshaped_own(term, term.shape or (1,)) for term in terms]
        if len({term.shape[1:] for term in terms}) > 1:
            shapes = " and ".join(str(term.shape) for term in terms)
            raise EvaluationError(f"concat of shapes {shapes}, expected vectors")
        letters = self.joint(*terms)
        slots = tuple(self.stretched(term, letters, term.shape).slot for term in terms)
        shape = (sum(term.shape[0] for term in terms), *terms[0].shape[1:])
        slot = self.step("concat", slots, self.lengths(letters) + shape, axis=len(letters))
        return _Term(slot, letters, shape)

    def reshaped_own(self, term: _Term, shape: Shape) -> _Term:
        """The term with another shape of its own."""
        slot = self.reshaped(term.slot, self.lengths(term.letters) + shape)
        return _Term(slot, term.letters, shape)

    def turned(self, term: _Term) -> _Term:
        """A vector as a row, a matrix as its transpose."""
        if len(term.shape) > 2:
            raise NotRead(
                f".T of an array of {len(term.shape)} axes, expected a vector or a matrix"
            )
        if len(term.shape) < 2:
            return self.reshaped_own(term, (1, *term.shape)) if term.shape else term
        front = len(term.letters)
        slot = self.transposed(term.slot, [*range(front), front + 1, front])
        return _Term(slot, term.letters, term.shape[::-1])

    # Derivatives in definitions

    def derivative(self, of: _Term, by: f.Quantity, scope: _Scope) -> _Term:
        """d of / d by, a step that looks back at those before it."""
        name, indices = self.aliases.get(by.name, by.name), by.indices
        if name in self.unfinished and by.name not in scope.local:
            axis, entries = self.unfinished[name]
            place = Place(-1, axis, entries)
        elif name in self.places and by.name not in scope.local:
            place = self.places[name]
        else:
            raise NotRead(f"d{name} has no meaning here: {name} stands nowhere above")
        slots = place.slots
        if place.entries is not None and len(indices) > place.axis:
            before, index, behind = _parted(indices, place.axis)
            letters, number = self.index(index, scope)
            if not letters and int(number) in place.entries:
                slots, indices = [place.entries[int(number)]], before + behind
        if len(slots) == 1 and slots != [place.slot]:
            shape = self.steps[slots[0]].shape
        elif place.slot < 0:
            raise NotRead(f"d{name} is of steps that are not there yet: name one, as {name}[t-1]")
        else:
            shape = self.steps[place.slot].shape
        full = self.whole(of) + shape
        slot = self.step("jacobian", (of.slot, *slots), full, axis=place.axis)
        own = tuple(f"{axis} of" for axis in range(len(of.shape)))
        self.sizes |= {axis: (1, size) for axis, size in zip(own, of.shape, strict=True)}
        # For a while these are letters' axes.
        term = self.indexed(_Term(slot, of.letters + own, shape), indices, scope, by.name)
        letters = tuple(letter for letter in term.letters if letter not in own)
        slot = self.in_line(term, (*letters, *own), len(term.shape))
        return _Term(slot, letters, of.shape + term.shape)

    def own_slope(self, function: OwnFunction, term: _Term) -> _Term:
        """The derivative of a function of the sheet's own, entry by entry."""
        self.named += 1
        argument = replace(term, slot=self.name(term.slot, f"{function.argument} {self.named}"))
        value = self.applied(function, argument)
        full = self.whole(argument)
        return replace(argument, slot=self.step("slope", (value.slot, argument.slot), full))

    def applied(self, function: OwnFunction, term: _Term) -> _Term:
        """A function of the sheet's own, entry by entry."""
        axes = tuple(f"{axis} in {len(self.sizes)}" for axis in range(len(term.shape)))
        self.sizes |= {axis: (1, n) for axis, n in zip(axes, term.shape, strict=True)}
        # For a while these are letters' axes, and the argument is a number.
        entry = _Term(term.slot, (*term.letters, *axes), ())
        scope = _Scope(Ranges(function.formula, lambda node: ()), local={function.argument: entry})
        value = self.stretched(self.value(function.formula, scope), entry.letters, ())
        return replace(term, slot=value.slot)
