"""The mistakes that can be made on the way back through any operation, each as
an edit of what comes back from one step at one of its inputs.

They know no network: what is missing is a factor of a product, the slope of a
function, a path, a term of a sum. In their words a step is the formula that it
stands for, up to the names in it.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradsheet.language.text import (
    LEVELS,
    POSTFIX,
    POWER,
    SIGN,
    number_text,
    show_index,
)
from gradsheet.mistakes.catalogue import KINDS
from gradsheet.network.graph import Graph
from gradsheet.network.lowering import Program, Step
from gradsheet.numbers.arrays import as_array
from gradsheet.truth.sweep import Backward, Edit
from manual.activations import Array, number
from manual.ops import OPERATIONS

MAX_TERMS = 6  # of a sum, of which each is taken alone
MAX_WORDS = 40  # characters of a formula in a sentence
MAX_HELD = 12  # names of which two at once are held constant
MOVES = ("reshape", "transpose", "stretch", "take", "stack", "concat")
Edge = tuple[int, int]  # a step, and the number of one of its inputs


@dataclass(frozen=True, eq=False)
class StepMistake:
    """A mistake made in one place, or at every step of a recurrence: edits of
    the way back, or the `graph` that somebody has carried out instead."""

    code: str
    kind: str
    text: str
    hint: str
    edits: Mapping[Edge, Edit] = field(default_factory=dict)
    graph: Graph | None = None

    layers = ()  # it belongs to none

    @property
    def mistake(self) -> "StepMistake":
        """What it is an instance of, which is itself."""
        return self

    @property
    def is_rare(self) -> bool:
        """Whether hardly anybody makes it."""
        return self.code in RARE

    def excludes(self, other: "StepMistake") -> bool:
        """Whether the two cannot be made at once, or are one made twice in the same place."""
        if self.graph is not None or other.graph is not None:
            return True
        return not set(self.edits).isdisjoint(other.edits)


# Words for steps

SIGNS = {"add": " + ", "subtract": " - ", "multiply": "*", "divide": "/", "matmul": " @ "}


class Words:
    """The formulas that the steps of a program stand for."""

    def __init__(self, program: Program):
        self.program = program
        self._texts: dict[int, str] = {}
        self.names: dict[int, str] = {}  # of the slots that have one
        for name, place in program.places.items():
            self.names.setdefault(place.slot, name)
        for slot, step in enumerate(program.steps):
            if step.operation == "name":
                self.names[slot] = step.arguments["name"].split(" ")[0]
        self.owners: dict[int, str] = {}  # of every step the name whose definition it is part of
        for slot, step in enumerate(program.steps):
            if step.operation == "name":
                self._own(slot, self.names[slot])

    def _own(self, slot: int, name: str) -> None:
        waiting = [slot]
        while waiting:
            at = waiting.pop()
            if at in self.owners or (at != slot and at in self.names):
                continue
            self.owners[at] = name
            waiting += self.program.steps[at].inputs

    def of(self, slot: int) -> str:
        """The formula of a step, or its name."""
        if slot not in self._texts:
            self._texts[slot] = self.names.get(slot) or self._formula(self.program.steps[slot])
        return self._texts[slot]

    def _formula(self, step: Step) -> str:
        parts = [self.of(other) for other in step.inputs]
        last = len(step.shape) - 1
        match step.operation:
            case "constant":
                return number_text(step.arguments["value"]) if not step.shape else "[...]"
            case "add" | "subtract" | "multiply" | "divide" | "matmul":
                one, two = step.inputs
                sign = SIGNS[step.operation]
                least = LEVELS[sign.strip()]
                return self._part(one, least) + sign + self._part(two, least + 1)
            case "negative":
                return "-" + self._part(step.inputs[0], POWER)
            case "power":
                exponent = step.arguments["exponent"]
                power = str(exponent) if isinstance(exponent, int) else f"({exponent})"
                return f"{self._part(step.inputs[0], POSTFIX)}**{power}"
            case "function":
                return f"{step.arguments['name']}({parts[0]})"
            case "maximum" | "minimum":
                return f"{step.operation[:3]}({', '.join(parts)})"
            case "where":
                left, right, *rest = parts
                shown = f"{left} {step.arguments['relation']} {right}"
                return f"where({', '.join([shown, *rest])})"
            case "total" | "largest" | "smallest":
                name = {"total": "sum", "largest": "max", "smallest": "min"}[step.operation]
                return f"{name}({parts[0]})"
            case "take" if not step.shape and (index := step.arguments["index"]):
                return parts[0] + show_index(tuple(int(at) + 1 for at in index))
            case "transpose" if step.arguments["order"][-2:] == (last, last - 1):
                return self._part(step.inputs[0], POSTFIX) + ".T"
            case "transpose" | "reshape" | "stretch" | "take":
                return parts[0]
            case "jacobian":
                return f"d{parts[0]}/d{parts[1]}"
        return f"{step.operation}({', '.join(parts)})"

    def short(self, slot: int) -> str:
        """The same, as it stands in a sentence."""
        text = self.of(slot)
        return text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 3] + "..."

    def _part(self, slot: int, least: int) -> str:
        """The formula as a part of another that holds together at least so tightly."""
        text = self.of(slot)
        while slot not in self.names:
            step = self.program.steps[slot]
            if step.operation not in ("reshape", "stretch", "take"):
                holds = _holds(step)
                return text if holds >= least else f"({text})"
            (slot,) = step.inputs
        return text


def _holds(step: Step) -> int:
    """How tightly the formula of a step holds together."""
    if step.operation in SIGNS:
        return LEVELS[SIGNS[step.operation].strip()]
    return {"negative": SIGN, "power": POWER}.get(step.operation, POSTFIX)


# What is done instead


def _instead(
    k: int,
    *,
    cotangent: Callable[[Backward], Array] = lambda b: b.cotangent,
    value: Callable[[Backward], Array] = lambda b: b.value,
    arrays: Callable[[Backward], Sequence[Array]] = lambda b: b.arrays,
    operation: str = "",
) -> Edit:
    """The operation's own rule with something else put into it."""

    def edit(right: Array, b: Backward) -> Array:
        rule = OPERATIONS[operation or b.step.operation].backward
        settings = {} if operation else b.step.arguments
        part = as_array(rule(cotangent(b), value(b), *arrays(b), **settings)[k])
        return as_array(np.broadcast_to(part, (len(part), *right.shape[1:])))

    return edit


def _with(k: int, other: int, make: Callable[[Backward], Array]) -> Edit:
    """The rule with another array in the place of one."""

    def arrays(b: Backward) -> list[Array]:
        return [make(b) if i == other else array for i, array in enumerate(b.arrays)]

    return _instead(k, arrays=arrays)


def _ones(array: Array) -> Array:
    return np.full(array.shape, number(array, 1), array.dtype)


def _nothing(part: Array, b: Backward) -> Array:
    return np.full(part.shape, number(part, 0), part.dtype)


def _only(array: Array, axis: int, at: int) -> Array:
    """The array with 0 everywhere but at one place of an axis."""
    here = np.arange(array.shape[axis]) == at
    shape = [1] * array.ndim
    shape[axis] = -1
    return np.where(here.reshape(shape), array, number(array, 0))


def _term(k: int, axis: int, at: int) -> Edit:
    """What comes back from one place of an axis of the step alone."""
    return _instead(k, cotangent=lambda b: _only(b.cotangent, axis, at))


def _term_of_part(axis: int, at: int) -> Edit:
    """What comes back to one place of an axis of the input alone."""
    return lambda part, b: _only(part, axis, at)


def _divided(by: int) -> Edit:
    return lambda part, b: part / number(part, by)


def _last_taken(part: Array, b: Backward) -> Array:
    """What comes back to an entry taken several times, of the last time alone."""
    result = np.full((len(b.cotangent), *part.shape[1:]), number(part, 0), part.dtype)
    index: tuple[Array, ...] = b.step.arguments["index"]
    shape = np.broadcast_shapes(*(at.shape for at in index))
    for place in np.ndindex(shape):
        to: Any = slice(None), *(np.broadcast_to(at, shape)[place] for at in index)
        here: Any = slice(None), *place
        result[to] = b.cotangent[here]
    return result


# The mistakes at one use of a step's input

Made = tuple[str, str, str, Edit]  # code, kind, text, edit


@dataclass(frozen=True)
class Use:
    """The use of an array by a step: its k-th."""

    program: Program
    words: Words
    slot: int
    k: int

    @property
    def edge(self) -> Edge:
        """The step and the number."""
        return self.slot, self.k

    def mistakes(self) -> Iterator[Made]:
        """Whatever can go wrong here."""
        step, k = self.program.steps[self.slot], self.k
        whole, words = self.words.short(self.slot), self.words
        other = words.short(step.inputs[1 - k]) if len(step.inputs) == 2 and k < 2 else ""
        match step.operation:
            case "name":
                yield from self._of_name()
            case "multiply" | "matmul":
                yield from self._of_product(whole, other)
            case "divide":
                yield from self._of_quotient(whole, other)
            case "subtract" if k == 1:
                text = f"the minus sign of {words.short(step.inputs[1])} in {whole} is lost"
                yield "sign-lost-back", "sign", text, lambda part, b: -part
            case "negative":
                text = f"the minus sign of {whole} is lost"
                yield "sign-lost-back", "sign", text, lambda part, b: -part
            case "power":
                yield from self._of_power(whole, step.arguments["exponent"])
            case "function":
                yield from self._of_function(whole, step.arguments["name"])
            case "softmax":
                yield from self._of_softmax(whole)
            case "maximum" | "minimum" | "where":
                yield from self._of_choice(whole)
            case "largest" | "smallest":
                yield from self._of_extreme(whole)
            case "take":
                yield from self._of_take()
            case "total":
                yield from self._of_total(whole)
        yield from self._of_stretch(whole)

    def _of_name(self) -> Iterator[Made]:
        name = self.words.names[self.slot]
        only = f"only the derivative of {name} itself is given"
        text = f"what comes back to {name} is missing, {only}"
        yield "upstream-missing", "chain", text, lambda part, b: _ones(part)
        text = f"nothing comes back through {name}, as if it were constant"
        yield "held-constant", "chain", text, _nothing
        text = f"what comes back to {name} has the wrong sign"
        yield "sign-wrong-back", "sign", text, lambda part, b: -part

    def _of_product(self, whole: str, other: str) -> Iterator[Made]:
        step, k, steps = self.program.steps[self.slot], self.k, self.program.steps
        at = 1 - k
        mine, theirs = (steps[step.inputs[i]].shape for i in (k, at))
        text = f"the factor {other} of {whole} is missing"
        yield "factor-missing", "factor", text, _with(k, at, lambda b: _ones(b.arrays[at]))
        yield from self._of_factors(at, f"{{}} of {whole}")
        swapped = step.operation == "matmul"
        if step.inputs[0] != step.inputs[1] and (mine[::-1] if swapped else mine) == theirs:
            own = self.words.short(step.inputs[k])
            text = f"{own} itself stands where its factor {other} in {whole} belongs"
            turned: Callable[[Array], Array] = (
                (lambda a: np.swapaxes(a, -1, -2)) if swapped else lambda a: a
            )
            yield "operand-wrong", "input", text, _with(k, at, lambda b: turned(b.arrays[k]))
        if swapped and theirs[-1] == theirs[-2] != 1:
            text = f"{other} stands for its transpose, on the way back through {whole}"
            edit = _with(k, at, lambda b: np.swapaxes(b.arrays[at], -1, -2))
            yield "transpose-missing", "weights", text, edit
        yield from self._before_function(at, whole)

    def _before_function(self, at: int, whole: str) -> Iterator[Made]:
        """What a function is of, in the place of its value."""
        steps, words = self.program.steps, self.words
        slot = value = steps[self.slot].inputs[at]
        moves = list[Step]()
        while steps[slot].operation in ("name", "reshape", "transpose"):
            moves.append(steps[slot])
            (slot,) = steps[slot].inputs
        if steps[slot].operation != "function":
            return
        (before,) = steps[slot].inputs

        def make(b: Backward) -> Array:
            array = b.values[before]
            for move in reversed(moves):
                if move.operation != "name":
                    array = OPERATIONS[move.operation].value(array, **move.arguments)
            return array

        text = f"{words.short(before)} stands for {words.short(value)} in {whole}"
        yield "argument-for-value", "input", text, _with(self.k, at, make)

    def _of_factors(self, at: int, where: str) -> Iterator[Made]:
        """A factor of a factor left out."""
        factors = list(self._factors(self.program.steps[self.slot].inputs[at]))
        if len(factors) < 2:
            return
        for n, (slot, below) in enumerate(factors):
            rest = factors[:n] + factors[n + 1 :]

            def make(b: Backward, rest: Sequence[tuple[int, bool]] = rest) -> Array:
                product = _ones(b.arrays[at])
                for other, is_below in rest:
                    value = b.values[other]
                    product = product / value if is_below else product * value
                return product

            what = f"1/{self.words.short(slot)}" if below else self.words.short(slot)
            text = f"the factor {where.format(what)} is missing"
            yield "factor-missing", "factor", text, _with(self.k, at, make)

    def _factors(self, slot: int, below: bool = False) -> Iterator[tuple[int, bool]]:
        """The factors that an array is made of, and whether it is divided by them."""
        step = self.program.steps[slot]
        if slot in self.words.names or step.operation not in ("multiply", "divide"):
            yield slot, below
            return
        one, two = step.inputs
        yield from self._factors(one, below)
        yield from self._factors(two, below ^ (step.operation == "divide"))

    def _of_quotient(self, whole: str, other: str) -> Iterator[Made]:
        if self.k == 0:
            text = f"the division by {other} of {whole} is left out"
            yield "division-missing", "factor", text, _with(0, 1, lambda b: _ones(b.arrays[1]))
            yield from self._of_factors(1, f"1/({{}}) of {whole}")
            return
        text = f"the minus sign of the derivative of {whole} by its denominator is missing"
        yield "sign-lost-back", "sign", text, lambda part, b: -part
        text = f"the square of the denominator is missing in the derivative of {whole}"
        yield "square-missing", "factor", text, lambda part, b: part * b.arrays[1]
        text = f"the numerator {other} of {whole} is missing"
        value = _instead(1, value=lambda b: 1 / b.arrays[1] + 0 * b.value)
        yield "factor-missing", "factor", text, value

    def _of_power(self, whole: str, exponent: object) -> Iterator[Made]:
        text = f"the factor {exponent} of the derivative of {whole} is missing"
        yield "exponent-missing", "factor", text, lambda part, b: part / number(part, exponent)
        text = f"the exponent of {whole} is not lowered"
        yield (
            "exponent-kept",
            "factor",
            text,
            lambda part, b: b.cotangent * b.value * number(part, exponent),
        )
        text = f"the base is missing in the derivative of {whole}"
        yield "base-missing", "factor", text, lambda part, b: b.cotangent * number(part, exponent)

    def _of_function(self, whole: str, name: str) -> Iterator[Made]:
        text = f"the slope of {whole} is missing"
        yield "slope-missing", "activation", text, lambda part, b: b.cotangent
        if name in ("relu", "step", "abs"):
            text = (
                f"what comes back through {whole} goes where it was 0, and not where it was passed"
            )
            yield "mask-inverted", "activation", text, lambda part, b: b.cotangent - part
            return
        if name != "exp":
            text = f"{whole} itself stands for its slope"
            yield "value-for-slope", "activation", text, lambda part, b: b.cotangent * b.value
        text = f"the slope of {name} is taken at its value {whole}, not where {name} is taken"
        again = OPERATIONS["function"].value
        edit = _instead(0, arrays=lambda b: [b.value], value=lambda b: again(b.value, name=name))
        yield "slope-at-output", "activation", text, edit
        if name in ("sigmoid", "tanh"):
            text = f"1 minus {whole} stands for its slope"
            yield "slope-wrong", "activation", text, lambda part, b: b.cotangent * (1 - b.value)

    def _of_softmax(self, whole: str) -> Iterator[Made]:
        text = f"only the diagonal of the Jacobian of {whole} is taken"
        yield (
            "softmax-diagonal",
            "activation",
            text,
            lambda part, b: b.cotangent * b.value * (1 - b.value),
        )
        text = f"the derivative of {whole} is missing"
        yield "slope-missing", "activation", text, lambda part, b: b.cotangent
        text = f"the sum is missing in the derivative of {whole}"
        yield "softmax-sum-missing", "activation", text, lambda part, b: b.cotangent * b.value

    def _of_choice(self, whole: str) -> Iterator[Made]:
        passed = _instead(
            0,
            operation="add",
            arrays=lambda b: [b.arrays[self.k], b.value],
        )
        text = f"what comes back through {whole} is given whether or not this side was taken"
        yield "mask-missing", "activation", text, passed
        text = f"what comes back through {whole} goes to the side that was not taken"
        yield "mask-inverted", "activation", text, lambda part, b: passed(part, b) - part

    def _of_extreme(self, whole: str) -> Iterator[Made]:
        axes = self.program.steps[self.slot].arguments["axes"]

        def everywhere(part: Array, b: Backward) -> Array:
            back = np.expand_dims(b.cotangent, axes)
            return as_array(np.broadcast_to(back, (len(back), *part.shape[1:])))

        def count(part: Array) -> int:
            return math.prod(part.shape[axis] for axis in axes)

        text = f"what comes back through {whole} is given to every entry, not to the one chosen"
        yield "mask-missing", "activation", text, everywhere
        text = f"what comes back through {whole} is shared among all entries"
        yield (
            "shared-equally",
            "activation",
            text,
            lambda part, b: everywhere(part, b) / number(part, count(part)),
        )

    def _of_take(self) -> Iterator[Made]:
        step = self.program.steps[self.slot]
        index = np.broadcast_arrays(*step.arguments["index"])
        places = list(zip(*(at.flat for at in index), strict=True))
        if len(set(places)) < len(places):
            name = self.words.short(step.inputs[0])
            text = f"an entry of {name} that is used several times is counted once"
            yield "counted-once", "chain", text, _last_taken

    def _of_total(self, whole: str) -> Iterator[Made]:
        step = self.program.steps[self.slot]
        shape, axes = self.program.steps[step.inputs[0]].shape, step.arguments["axes"]
        if len(axes) == 1 and 1 < shape[axes[0]] <= MAX_TERMS:
            for n in range(shape[axes[0]]):
                text = f"only term {n + 1} of {whole} is followed back"
                yield "one-term", "chain", text, _term_of_part(axes[0], n)
        count = math.prod(shape[axis] for axis in axes)
        text = f"{whole} is taken for the mean, divided by {count}"
        yield "mean-for-sum", "factor", text, _divided(count)

    def _of_stretch(self, whole: str) -> Iterator[Made]:
        """The sum over what an array was stretched along, or a matrix product goes over."""
        step = self.program.steps[self.slot]
        mine, full = self.program.steps[step.inputs[self.k]].shape, step.shape
        if step.operation == "matmul":
            axes = [-2 if self.k else -1]
        elif step.operation in ("total", "largest", "smallest", *MOVES) and (
            step.operation != "stretch"
        ):
            return
        else:
            mine = (1,) * (len(full) - len(mine)) + mine
            axes = [a - len(full) for a, n in enumerate(full) if n != mine[a]]
        name = self.words.short(step.inputs[self.k])
        for axis in axes:
            count = full[axis]
            if not count > 1:
                continue
            for n in range(count if count <= MAX_TERMS else 0):
                text = f"of the {count} terms that come back to {name} only number {n + 1} is taken"
                yield "one-term", "chain", text, _term(self.k, axis, n)
            text = f"the mean, not the sum, of the {count} terms that come back to {name} is taken"
            yield "mean-for-sum", "factor", text, _divided(count)


# All of them


def step_mistakes(program: Program) -> list[StepMistake]:
    """Every mistake on the way back through a program, the likeliest first, and
    of one kind those nearest to what is given."""
    words, single = Words(program), list[tuple[str, str, StepMistake]]()
    for use in _uses(program, words):
        owner = words.owners.get(use.slot, "")
        for code, kind, text, edit in (*use.mistakes(), *_left_out(use, owner)):
            at = f" on the way back from {owner}" if owner else ""
            said = text if owner in re.findall(r"[\w\[\]]+", text) else f"{text},{at}"
            edits = {use.edge: edit}
            single.append((code, owner, StepMistake(code, kind, said, KINDS[kind] + at, edits)))
    made = [mistake for *_, mistake in single] + _together(single) + _held(single)
    return sorted(made, key=lambda mistake: LIKELY.index(mistake.code))


LIKELY = (
    "upstream-missing",
    "factor-missing",
    "division-missing",
    "exponent-missing",
    "slope-missing",
    "mask-missing",
    "sign-lost-back",
    "sign-wrong-back",
    "held-constant",
    "path-left-out",
    "counted-once",
    "mean-for-sum",
    "operand-wrong",
    "argument-for-value",
    "value-for-slope",
    "slope-at-output",
    "slope-wrong",
    "softmax-diagonal",
    "softmax-sum-missing",
    "mask-inverted",
    "shared-equally",
    "transpose-missing",
    "square-missing",
    "exponent-kept",
    "base-missing",
    "one-term",
)
RARE = LIKELY[LIKELY.index("square-missing") :]


def _uses(program: Program, words: Words) -> Iterator[Use]:
    for slot, step in enumerate(program.steps):
        if step.operation in ("jacobian", "slope"):
            continue
        for k, other in enumerate(step.inputs):
            if program.steps[other].operation != "constant":
                yield Use(program, words, slot, k)


def _left_out(use: Use, owner: str) -> Iterator[Made]:
    """A path left out, where there are others."""
    steps, words = use.program.steps, use.words
    step, to = steps[use.slot], steps[use.slot].inputs[use.k]
    if step.operation in ("name", *MOVES) or not owner:
        return
    uses = sum(step.inputs.count(to) for step in steps)
    if uses > 1 or sum(steps[other].operation != "constant" for other in step.inputs) > 1:
        way = "to" if to in words.names else "through"
        text = f"the path from {owner} back {way} {words.short(to)} is left out"
        yield "path-left-out", "chain", text, _nothing


def _together(single: Sequence[tuple[str, str, StepMistake]]) -> list[StepMistake]:
    """The same mistake everywhere in a definition, and at every step of a recurrence."""
    alike: dict[tuple[str, str], list[tuple[str, StepMistake]]] = {}
    for code, owner, mistake in single:
        said = mistake.text
        if at := re.search(r"\[(\d+)\]$", owner):
            t = int(at[1])
            said = said.replace(f"[{t}]", "[t]").replace(f"[{t - 1}]", "[t-1]")
        alike.setdefault((code, said), []).append((owner, mistake))
    made = []
    for (code, said), several in alike.items():
        if len({edge for _, mistake in several for edge in mistake.edits}) < 2:
            continue
        first = several[0][1]
        text = said if said == first.text else f"{said}, at every step"
        edits = {edge: edit for _, mistake in several for edge, edit in mistake.edits.items()}
        hint = first.hint if said == first.text else re.sub(r"\[\d+\]$", "", first.hint)
        made.append(StepMistake(code, first.kind, text, hint, edits))
    return made


def _held(single: Sequence[tuple[str, str, StepMistake]]) -> list[StepMistake]:
    """Two names held constant at once."""
    held = [(owner, mistake) for code, owner, mistake in single if code == "held-constant"]
    made = []
    for (a, one), (b, two) in itertools.combinations(held[:MAX_HELD], 2):
        text = f"nothing comes back through {a} and {b}, as if they were constant"
        edits = {**one.edits, **two.edits}
        made.append(StepMistake(one.code, one.kind, text, KINDS[one.kind], edits))
    return made
