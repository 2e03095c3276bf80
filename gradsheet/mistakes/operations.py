"""The mistakes that can be made on the way back through any operation, each as
an edit of what comes back from one step at one of its inputs.

They know no network: what is missing is a factor of a product, the slope of a
function, a path, a term of a sum.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet.mistakes.wording import Words
from gradsheet.network.lowering import LoweredStep, Program
from gradsheet.numbers.arrays import as_array
from gradsheet.truth.sweep import Backward, Edit
from manual.activations import Array, number
from manual.ops import OPERATIONS, function_named, softmax

MAX_TERMS = 6  # of a sum, of which each is taken alone
MOVES = ("reshape", "transpose", "stretch", "take", "stack", "concat")
Edge = tuple[int, int]  # a step, and the number of one of its inputs


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


def nothing(part: Array, b: Backward) -> Array:
    """Nothing comes back."""
    return np.full(part.shape, number(part, 0), part.dtype)


def _only(array: Array, axis: int, at: int) -> Array:
    """The array with 0 everywhere but at one place of an axis."""
    here = np.arange(array.shape[axis]) == at
    shape = [1] * array.ndim
    shape[axis] = -1
    return np.where(here.reshape(shape), array, number(array, 0))


def _value(slot: int, at: int) -> Callable[[Backward], Array]:
    """The value of another slot in the place of an array, if it has been computed."""
    return lambda b: b.values[slot] if slot in b.values else b.arrays[at]


def _diagonal(part: Array, b: Backward) -> Array:
    """What comes back through softmax if each entry had its own input alone."""
    return as_array(b.cotangent * b.value * (1 - b.value))


def _term(k: int, axis: int, at: int) -> Edit:
    """What comes back from one place of an axis of the step alone."""
    return _instead(k, cotangent=lambda b: _only(b.cotangent, axis, at))


def _term_of_part(axis: int, at: int) -> Edit:
    """What comes back to one place of an axis of the input alone."""
    return lambda part, b: _only(part, axis, at)


def _divided(by: int | Fraction) -> Edit:
    return lambda part, b: part / number(part, by)


def _divided_by(slot: int) -> Edit:
    return lambda part, b: part / b.values[slot]


def _taken_once(*, last: bool) -> Edit:
    """What comes back to an entry taken several times, of one time alone: the
    last or the first that anything comes back from."""

    def edit(part: Array, b: Backward) -> Array:
        result = np.full((len(b.cotangent), *part.shape[1:]), number(part, 0), part.dtype)
        index = np.broadcast_arrays(*b.step.arguments["index"])
        places = list(np.ndindex(index[0].shape))
        for place in places if last else places[::-1]:
            to: Any = slice(None), *(at[place] for at in index)
            here: Any = slice(None), *place
            comes = b.cotangent[here]
            result[to] = np.where(comes != 0, comes, result[to])
        return result

    return edit


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

    @property
    def is_of_name(self) -> bool:
        """Whether what has a name is used by that name."""
        return self.program.steps[self.slot].operation == "name"

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
            case "maximum" | "minimum" | "where":
                yield from self._of_choice(whole)
            case "largest" | "smallest":
                yield from self._of_extreme(whole)
            case "take":
                yield from self._of_take()
            case "total":
                yield from self._of_total(whole)
        if step.operation == softmax.__name__:
            yield from self._of_softmax(whole)
        yield from self._of_stretch(whole)

    def _of_name(self) -> Iterator[Made]:
        if not self.words.uses[self.slot]:  # the end of all, to which nothing comes back
            return
        name = self.words.names[self.slot]
        only = f"only the derivative of {name} itself is given"
        text = f"what comes back to {name} is missing, {only}"
        yield "upstream-missing", "chain", text, lambda part, b: _ones(part)
        text = f"nothing comes back through {name}, as if it were constant"
        yield "held-constant", "chain", text, nothing
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
        fits = (*mine[:-2], *mine[:-3:-1]) if swapped else mine
        if step.inputs[0] != step.inputs[1] and fits == theirs:
            own = self.words.short(step.inputs[k])
            text = f"{own} itself stands where its factor {other} in {whole} belongs"
            axes = (-1, -2) if swapped else (-1, -1)
            edit = _with(k, at, lambda b: np.swapaxes(b.arrays[k], *axes))
            yield "operand-wrong", "input", text, edit
        for name, slot in self._beside(step.inputs[at]):
            text = f"{name} stands for {other} in {whole}"
            yield "operand-other", "input", text, _with(k, at, _value(slot, at))
        if swapped and theirs[-1] == theirs[-2] != 1:
            text = f"{other} stands for its transpose in {whole}"
            edit = _with(k, at, lambda b: np.swapaxes(b.arrays[at], -1, -2))
            yield "transpose-missing", "weights", text, edit
        yield from self._before_function(at, whole)

    def _beside(self, operand: int) -> Iterator[tuple[str, int]]:
        """The other names of the same shape in the same definition, and its own."""
        steps, words = self.program.steps, self.words
        beside = words.beside.get(words.owners.get(self.slot, ""), set())
        for slot in sorted(beside - {*steps[self.slot].inputs}):
            if steps[slot].shape == steps[operand].shape:
                yield words.names[slot], slot

    def _before_function(self, at: int, whole: str) -> Iterator[Made]:
        """What a function is of, in the place of its value."""
        steps, words = self.program.steps, self.words
        slot = value = steps[self.slot].inputs[at]
        moves = list[LoweredStep]()
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

    def _of_factors(self, at: int, where: str, *, divides: bool = False) -> Iterator[Made]:
        """A factor of a factor left out, or of what something is divided by; or a
        number that it is divided by put in twice."""
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
            if what.isidentifier():
                text = text.replace(f"1/({what})", f"1/{what}")
            yield "factor-missing", "factor", text, _with(self.k, at, make)
            if below != divides and self._is_number(slot):
                text = text.replace("is missing", "is put in twice")
                yield "division-twice", "factor", text, _divided_by(slot)

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
            terms = self.words.terms_of_mean(self.program.steps[self.slot])
            if terms:
                text = f"the 1/{other} of {whole} is left out"
            yield "division-missing", "factor", text, _with(0, 1, lambda b: _ones(b.arrays[1]))
            yield from self._of_parts(dict.fromkeys(terms) if len(terms) > 1 else (), whole, other)
            yield from self._of_factors(1, f"1/({{}}) of {whole}", divides=True)
            if self._is_number(self.program.steps[self.slot].inputs[1]):
                text = text.replace("is left out", "is put in twice")
                yield "division-twice", "factor", text, lambda part, b: part / b.arrays[1]
            return
        text = f"the minus sign of the derivative of {whole} by its denominator is missing"
        yield "sign-lost-back", "sign", text, lambda part, b: -part
        text = f"the square of the denominator is missing in the derivative of {whole}"
        yield "square-missing", "factor", text, lambda part, b: part * b.arrays[1]
        text = f"the numerator {other} of {whole} is missing"
        value = _instead(1, value=lambda b: 1 / b.arrays[1] + 0 * b.value)
        yield "factor-missing", "factor", text, value

    def _of_parts(self, terms: Iterable[int], whole: str, other: str) -> Iterator[Made]:
        """The division by the terms of one of the letters that a mean is over."""
        for n in terms:
            text = f"of the 1/{other} of {whole} the 1/{n} is left out"
            yield "division-missing", "factor", text, _divided(Fraction(1, n))
            text = text.replace("is left out", "is put in twice")
            yield "division-twice", "factor", text, _divided(n)

    def _is_number(self, slot: int) -> bool:
        """Whether something is made of numbers alone, sizes among them."""
        step = self.program.steps[slot]
        made = step.operation in ("add", "subtract", "multiply", "power", "reshape")
        return step.operation == "constant" or (made and all(map(self._is_number, step.inputs)))

    def _of_power(self, whole: str, exponent: object) -> Iterator[Made]:
        def lowered(part: Array, b: Backward) -> Array:
            return as_array(b.cotangent * number(part, exponent))

        text = f"the factor {exponent} of the derivative of {whole} is missing"
        yield "exponent-missing", "factor", text, lambda part, b: part / number(part, exponent)
        text = f"the exponent of {whole} is not lowered"
        yield "exponent-kept", "factor", text, lambda part, b: lowered(part, b) * b.value
        text = f"the base is missing in the derivative of {whole}"
        yield "base-missing", "factor", text, lowered

    def _of_function(self, whole: str, name: str) -> Iterator[Made]:
        text = f"the slope of {whole} is missing"
        yield "slope-missing", "activation", text, lambda part, b: b.cotangent
        if function_named(name).kinked:
            text = f"what comes back through {whole} goes where nothing has gone through"
            yield "mask-inverted", "activation", text, lambda part, b: b.cotangent - part
            return
        text = f"{whole} itself stands for its slope"
        yield "value-for-slope", "activation", text, lambda part, b: b.cotangent * b.value
        text = f"the slope of {name} is taken at its value {whole}, not where {name} is taken"
        again = OPERATIONS["function"].value
        edit = _instead(0, arrays=lambda b: [b.value], value=lambda b: again(b.value, name=name))
        yield "slope-at-output", "activation", text, edit
        text = f"1 minus {whole} stands for its slope"
        yield "slope-wrong", "activation", text, lambda part, b: b.cotangent * (1 - b.value)

    def _of_softmax(self, whole: str) -> Iterator[Made]:
        text = f"only the diagonal of the Jacobian of {whole} is taken"
        yield "softmax-diagonal", "activation", text, _diagonal
        text = f"the derivative of {whole} is missing"
        yield "slope-missing", "activation", text, lambda part, b: b.cotangent
        text = f"the sum is missing in the derivative of {whole}"
        yield "softmax-sum-missing", "activation", text, lambda part, b: b.cotangent * b.value

    def _of_choice(self, whole: str) -> Iterator[Made]:
        passed = _instead(0, operation="add", arrays=lambda b: [b.arrays[self.k], b.value])
        text = f"what comes back through {whole} is given whether or not this side was taken"
        yield "mask-missing", "activation", text, passed
        text = f"what comes back through {whole} goes to the side that was not taken"
        yield "mask-inverted", "activation", text, lambda part, b: passed(part, b) - part

    def _of_extreme(self, whole: str) -> Iterator[Made]:
        axes = self.program.steps[self.slot].arguments["axes"]

        def everywhere(part: Array, b: Backward) -> Array:
            back = np.expand_dims(b.cotangent, axes)
            return as_array(np.broadcast_to(back, (len(back), *part.shape[1:])))

        def shared(part: Array, b: Backward) -> Array:
            count = math.prod(part.shape[axis] for axis in axes)
            return as_array(everywhere(part, b) / number(part, count))

        text = f"what comes back through {whole} is given to every entry, not to the one chosen"
        yield "mask-missing", "activation", text, everywhere
        text = f"what comes back through {whole} is shared among all entries"
        yield "shared-equally", "activation", text, shared

    def _of_take(self) -> Iterator[Made]:
        step = self.program.steps[self.slot]
        index = np.broadcast_arrays(*step.arguments["index"])
        places = list(zip(*(at.flat for at in index), strict=True))
        if len(set(places)) < len(places):
            name = self.words.short(step.inputs[0])
            text = f"an entry of {name} that is used several times is counted once"
            yield "counted-once", "chain", text, _taken_once(last=True)
            yield "counted-once", "chain", text, _taken_once(last=False)

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
        elif step.operation in ("total", "largest", "smallest", "name", *MOVES[:2], *MOVES[3:]):
            return
        else:
            mine = (1,) * (len(full) - len(mine)) + mine
            axes = [a - len(full) for a, n in enumerate(full) if n != mine[a]]
        name = self.words.short(step.inputs[self.k])
        for axis in axes:
            count = full[axis]
            if count == 1:
                continue
            for n in range(count if count <= MAX_TERMS else 0):
                text = f"of the {count} terms that come back to {name} only number {n + 1} is taken"
                yield "one-term", "chain", text, _term(self.k, axis, n)
            text = f"the mean, not the sum, of the {count} terms that come back to {name} is taken"
            yield "mean-for-sum", "factor", text, _divided(count)
