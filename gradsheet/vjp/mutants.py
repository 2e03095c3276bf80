"""Mistakes that need no catalogue: JAX's own program of the derivative, with
one thing left out.

Every equation of the program that somebody may forget, or write in another way,
makes a mutant: a path of a sum, a factor, a minus, the division of a mean, what
is added in the forward pass. A mutant that gives the answer, at every probe, is
what was done, and the line of f from which JAX made the equation says where.
"""

import linecache
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flint import arb

from gradsheet.checking.rounding import FEW_BITS, float_type
from gradsheet.truth import primitives
from gradsheet.truth.autodiff import Arrays, Function, Numbers, run_exactly
from gradsheet.vjp.balls import FUNCTIONS, Balls, RoundedBalls, run
from gradsheet.vjp.program import called, exactly, work_of
from manual.activations import Array

MOST = 700  # mutants that are tried
MOST_WORK = 150_000_000  # that all of them may take, in numbers computed
EACH = 1_000  # numbers that take as long as an equation takes to begin
_LIBRARIES = (str(Path(__file__).parent.parent) + os.sep, "site-packages")

Change = Callable[[Arrays, list[Array]], list[Array]]


@dataclass(frozen=True, eq=False)
class Mutant:
    """Changes of some equations, by their ids, and what they are in words."""

    changes: Mapping[int, Change]
    words: str


class Plain(Numbers):
    """Floats as NumPy has them: in these mutants are looked for."""

    def __init__(self, changes: Mapping[int, Change]):
        self.changes = changes

    def exact(self, array: Array) -> Array:
        """An array of floats."""
        return np.asarray(array, float)

    def holds(self, a: Array) -> bool:
        """Whether an array is of floats."""
        return getattr(a.dtype, "kind", "") == "f"  # keys of random numbers have none

    def order(self, a: Array, b: Array, *, locates: bool = False) -> Array:
        """The order of pairs."""
        return np.sign(np.subtract(a, b, dtype=float)).astype(np.int8)

    def ranks(self, a: Array) -> Array:
        """The ranks of the entries."""
        return np.unique(a, return_inverse=True)[1].reshape(a.shape)

    def function(self, name: str) -> Function | None:
        """A function of floats; Python has not all of them."""
        if name in FLOATS or name not in FUNCTIONS:
            return FLOATS.get(name)
        return lambda *values: float(FUNCTIONS[name](*map(arb, map(float, values))).mid())


class Honest(Plain):
    """Floats of a type, in which every result is rounded to it, and sums are taken
    one term after the other, as in a loop: what one honest evaluation makes of a
    program. Those of few bits are held in more, as sums of them are."""

    def __init__(self, dtype: str):
        super().__init__({})
        self.dtype = float_type(dtype)
        self.held = np.float32 if dtype in FEW_BITS else self.dtype

    def exact(self, array: Array) -> Array:
        """An array of floats of the type."""
        return np.asarray(array, float).astype(self.dtype).astype(self.held)

    def product(self, a: Array, b: Array) -> Array:
        """The products of matrices, one term after the other."""
        total = np.zeros((*a.shape[:-1], b.shape[-1]), a.dtype)
        for k in range(a.shape[-1]):
            total = total + a[..., :, k, None] * b[..., k, None, :]
        return total

    def computed(self, name: str, inputs: Arrays, result: Array, params: Any) -> Array:
        """A result in the type."""
        if name == "reduce_sum" and inputs[0].size:
            axes = params["axes"]
            terms = np.moveaxis(inputs[0], axes, range(-len(axes), 0))
            result = np.add.accumulate(terms.reshape(*result.shape, -1), -1)[..., -1]
        return self.exact(result) if self.holds(result) else result


def _finite(function: Callable[..., float]) -> Callable[..., float]:
    """A function that gives nan where Python's raises."""

    def value(*arguments: float) -> float:
        try:
            return function(*arguments)
        except (ValueError, OverflowError, ZeroDivisionError):
            return math.nan

    return value


FLOATS: Mapping[str, Callable[..., Any]] = {
    **{
        name: _finite(getattr(math, name))
        for name in (
            *("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh"),
            *("asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh", "erf", "erfc", "lgamma"),
            *("pow", "cbrt", "exp2", "floor", "ceil"),
        )
    },
    "rsqrt": lambda v: 1 / np.sqrt(v),
    "logistic": lambda v: 1 / (1 + np.exp(-v)),
    "round": round,
    "exp_neg_sq": lambda v: np.exp(-v * v),
    "rem": _finite(math.fmod),
    "is_finite": math.isfinite,
}


def floats_of(program: Any, given: Arrays, changes: Mapping[int, Change]) -> list[Array]:
    """What a program gives in floats, with equations changed."""
    with np.errstate(all="ignore"), exactly():
        return run_exactly(program, given, Plain(changes))


def honest(program: Any, given: Arrays, dtype: str) -> list[Array]:
    """What one honest evaluation of a program in floats of a type gives."""
    floats = Honest(dtype)
    arrays = [floats.exact(a) if a.dtype.kind == "f" else a for a in given]
    with np.errstate(all="ignore"), exactly():
        return run_exactly(program, arrays, floats)


def bounds_of(
    program: Any, given: Arrays, changes: Mapping[int, Change], bits: int, tiny: float
) -> list[Array]:
    """What floats of a type may make of a program with equations changed."""
    balls = Balls()
    balls.changes = changes
    run(program, given, balls)
    floats = RoundedBalls(bits, tiny, balls.decisions)
    floats.changes = changes
    return run(program, given, floats)


# What may be left out


@dataclass(frozen=True, eq=False)
class TracedStep:
    """An equation of a program, the line of f from which JAX made it, those of its inputs,
    and through which of these a cotangent flows."""

    equation: Any
    line: str
    sources: Sequence[str]
    moving: Sequence[bool]

    @property
    def flows(self) -> bool:
        """Whether a cotangent flows through."""
        return any(self.moving)

    @property
    def where(self) -> str:
        """Where it stands, in words."""
        return f"in what flows back through {self.line}" if self.flows else f"in {self.line}"

    def mutant(self, change: Change, words: str) -> Mutant:
        """A mutant of it."""
        return Mutant({id(self.equation): change}, words)


def steps_of(program: Any, directions: int) -> list[TracedStep]:
    """The equations of a program that give floats, those of loops and calls in
    their places; the last inputs, so many, are the cotangents."""
    jaxpr = program.jaxpr
    moving = {id(variable) for variable in jaxpr.invars[len(jaxpr.invars) - directions :]}
    return list(_steps(jaxpr, moving, {}))


def mutants(steps: Sequence[TracedStep]) -> list[Mutant]:
    """The mutants of a program: those that leave out more come first, and those of
    what flows before those of what f computes."""
    flowing = [step for step in steps if step.flows]
    still = [step for step in steps if not step.flows]
    paths = [step for step in flowing if step.equation.primitive.name == "add_any"]
    others = [step for step in flowing if step.equation.primitive.name != "add_any"]
    of_tanh = [*_of_tanh(steps)]
    its_own = {where for mutant in of_tanh for where in mutant.changes}
    added = [step for step in paths if id(step.equation) not in its_own]
    found = [*_without_lines(flowing), *of_tanh, *_one_fewer(steps), *_summed_otherwise(flowing)]
    found += [*_with_paths_assigned(added), *_of_kinds(_LEFT_OUT, [*paths, *others])]
    found += [*_in_one_use(flowing), *_without_single_paths(flowing)]
    for kinds in (_CHOSEN, _LEFT_OUT, _TURNED):
        found += _of_kinds(kinds, still if kinds is _LEFT_OUT else [*paths, *others, *still])
    found += _with_paths_assigned(added, are_whole=True)
    return [*found, *_together(found)][:MOST]


def _of_kinds(
    kinds: Mapping[str, Callable[[TracedStep], Iterator[Mutant]]], steps: Sequence[TracedStep]
) -> Iterator[Mutant]:
    for step in steps:
        if (rule := kinds.get(step.equation.primitive.name)) is not None:
            yield from rule(step)


def _together(single: Sequence[Mutant]) -> Iterator[Mutant]:
    """Mutants with the same words in one, as what is done in each round of a loop."""
    groups: dict[tuple[str, int], dict[int, Change]] = {}
    counts: Counter[tuple[str, int]] = Counter()
    for mutant in single:
        if len(mutant.changes) == 1:
            (where,) = mutant.changes
            number = counts[mutant.words, where]  # of those of one equation
            counts[mutant.words, where] += 1
            groups.setdefault((mutant.words, number), {}).update(mutant.changes)
    for (words, _), changes in groups.items():
        if len(changes) > 1:
            yield Mutant(changes, words)


def _steps(
    jaxpr: Any, moving: set[int], made_at: dict[int, str], home: str = ""
) -> Iterator[TracedStep]:
    """The steps of a program; what JAX's own functions are made of is said to be
    at `home`, the line of f that calls them."""
    for equation in jaxpr.eqns:
        flags = [id(variable) in moving for variable in equation.invars]
        line = place_of(equation) or home or f"the operation {equation.primitive.name}"
        sources = [made_at.get(id(variable), line) for variable in equation.invars]
        made_at.update((id(variable), line) for variable in equation.outvars)
        if any(flags):
            moving.update(map(id, equation.outvars))
        inner = called(equation)
        for inside in inner:
            skipped = len(equation.invars) - len(inside.invars)
            pairs = zip(inside.invars, flags[skipped:], strict=True)
            flowing = {id(variable) for variable, flag in pairs if flag}
            called_at = "" if line.startswith("the operation ") else line
            yield from _steps(inside, flowing, made_at, called_at)
        if not inner and _gives_floats(equation):
            yield TracedStep(equation, line, sources, flags)


def _gives_floats(equation: Any) -> bool:
    return any(jnp.issubdtype(v.aval.dtype, np.floating) for v in equation.outvars[:1])


def _one_fewer(steps: Sequence[TracedStep]) -> Iterator[Mutant]:
    """A mean over N that is divided by N - 1, in a line of f and back through it."""
    counts = {(step.line, count) for step in steps if (count := _count(step)) > 1}
    for line, count in sorted(counts):
        by = count / (count - 1)
        changes = {
            id(s.equation): _scaled(by) for s in steps if (s.line, _count(s)) == (line, count)
        }
        yield Mutant(changes, f"the division is by {count - 1}, not by {count}, in {line}")


def _count(step: TracedStep) -> int:
    """The whole number that a step divides by; 0 where there is none."""
    if step.equation.primitive.name != "div" or not _constant(step.equation.invars[1]):
        return 0
    value = float(step.equation.invars[1].val)
    return int(value) if value.is_integer() else 0


def _zeros(inputs: Arrays, outputs: list[Array]) -> list[Array]:
    return [output * 0 for output in outputs]


def _without_lines(flowing: Sequence[TracedStep]) -> Iterator[Mutant]:
    """Nothing flows back through a line of f; those next to the inputs come first."""
    steps = [step for step in flowing if step.equation.primitive.name != "add_any"]
    for line in dict.fromkeys(step.line for step in reversed(steps)):
        changes = {id(step.equation): _zeros for step in steps if step.line == line}
        yield Mutant(changes, f"nothing flows back through {line}")


def _without_single_paths(flowing: Sequence[TracedStep]) -> Iterator[Mutant]:
    for step in flowing:
        if step.equation.primitive.name != "add_any":
            yield step.mutant(_zeros, f"one of the paths back through {step.line} is missing")


def _only(k: int) -> Change:
    """The result is one of the inputs."""
    return lambda inputs, outputs: [np.broadcast_to(inputs[k], outputs[0].shape)]


def _without_a_factor(step: TracedStep) -> Iterator[Mutant]:
    is_product = step.equation.primitive.name == "mul"
    for k in (1, 0) if is_product else (1,):
        if not step.moving[k]:
            constant = _constant(step.equation.invars[k])
            source = "" if step.sources[k] == step.line else f" from {step.sources[k]}"
            kind = "factor" if is_product else "division by"
            what = (
                f"the {kind} {constant}"
                if constant
                else f"a {'factor' if is_product else 'division'}{source}"
            )
            yield step.mutant(_only(1 - k), f"{what} is missing {step.where}")


def _without_a_term(step: TracedStep) -> Iterator[Mutant]:
    name = step.equation.primitive.name
    for k in (1, 0) if name == "add" else (1,):
        what = _constant(step.equation.invars[k]) or "a term"
        yield step.mutant(_only(1 - k), f"{what} is missing {step.where}")


def _without_a_path(step: TracedStep) -> Iterator[Mutant]:
    for k in (0, 1):
        yield step.mutant(_only(1 - k), f"one of the paths back through {step.line} is missing")


def _without_a_minus(step: TracedStep) -> Iterator[Mutant]:
    yield step.mutant(_only(0), f"the minus is missing {step.where}")


def _in_one_use(flowing: Sequence[TracedStep]) -> Iterator[Mutant]:
    """A product of a cotangent and a factor that is used more than once: without
    the factor in one of its uses."""
    for step in flowing:
        if step.equation.primitive.name != "mul" or all(step.moving):
            continue
        out, k = step.equation.outvars[0], int(step.moving[0])  # the place of the factor
        uses = [use for use in flowing if any(v is out for v in use.equation.invars)]
        for use in uses if len(uses) > 1 else ():
            if use.equation.primitive.name == "mul":
                at = next(j for j, v in enumerate(use.equation.invars) if v is out)
                keep, put = _undone(1 - k, at)
                source = "" if step.sources[k] == step.line else f" from {step.sources[k]}"
                words = f"a factor{source} is missing in one of the terms {step.where}"
                yield Mutant({id(step.equation): keep, id(use.equation): put}, words)


def _undone(moving: int, at: int) -> tuple[Change, Change]:
    """Changes of a product, whose moving factor is kept, and of another, which
    takes this in place of the product."""
    kept: list[Array] = []

    def keep(inputs: Arrays, outputs: list[Array]) -> list[Array]:
        kept[:] = [np.broadcast_to(inputs[moving], outputs[0].shape)]
        return outputs

    def put(inputs: Arrays, outputs: list[Array]) -> list[Array]:
        return [inputs[1 - at] * kept[0]]

    return keep, put


def _with_another_operand(step: TracedStep) -> Iterator[Mutant]:
    """A product with an array that is transposed, in reverse, or not there."""
    for k, flag in enumerate(step.moving):
        shape = step.equation.invars[k].aval.shape
        if flag or not shape:
            continue
        if len(shape) == 2 and shape[0] == shape[1]:
            words = f"a matrix is transposed {step.where}"
            yield step.mutant(_with_operand(step, k, np.transpose), words)
        words = f"a factor is taken without its sign {step.where}"
        yield step.mutant(_with_operand(step, k, abs), words)
        yield step.mutant(_with_operand(step, k, _ones), f"a factor is missing {step.where}")
        for axis in (axis for axis, size in enumerate(shape) if size > 1):
            words = f"a factor is in reverse along axis {axis} {step.where}"
            yield step.mutant(_with_operand(step, k, partial(np.flip, axis=axis)), words)


def _with_windows_assigned(step: TracedStep) -> Iterator[Mutant]:
    """A convolution in which what overlaps is not added up: one place of the
    kernel after the other is written, in its order or against it."""
    if step.moving != [True, False]:
        return
    rule, params = primitives.SUMS_OF_PRODUCTS[step.equation.primitive.name], step.equation.params
    axes = params["dimension_numbers"].rhs_spec[2:]
    product = primitives.matrix_product

    def change(inputs: Arrays, outputs: list[Array], order: int = 1) -> list[Array]:
        a, w = inputs
        result = outputs[0] * 0
        for place in [*np.ndindex(*(w.shape[k] for k in axes))][::order]:
            at = [slice(None)] * w.ndim
            for axis, k in zip(axes, place, strict=True):
                at[axis] = slice(k, k + 1)
            seen, alone = np.zeros(w.shape), w * 0
            seen[tuple(at)], alone[tuple(at)] = 1, w[tuple(at)]
            is_met = rule(np.ones(a.shape), seen, product=product, **params) != 0
            result = np.where(is_met, rule(a, alone, product=product, **params), result)
        return [result]

    words = f"what overlaps is assigned, not added up, {step.where}"
    yield step.mutant(change, words)
    yield step.mutant(partial(change, order=-1), words)


def _ones(a: Array) -> Array:
    return a * 0 + 1


def _of_a_convolution(step: TracedStep) -> Iterator[Mutant]:
    yield from _with_another_operand(step)
    yield from _with_windows_assigned(step)


def _with_operand(step: TracedStep, k: int, changed: Callable[[Array], Array]) -> Change:
    rule, params = primitives.SUMS_OF_PRODUCTS[step.equation.primitive.name], step.equation.params

    def change(inputs: Arrays, outputs: list[Array]) -> list[Array]:
        arrays = [changed(a) if j == k else a for j, a in enumerate(inputs)]
        return [rule(*arrays, product=primitives.matrix_product, **params)]

    return change


def _from_the_other_end(step: TracedStep) -> Iterator[Mutant]:
    params, rule = dict(step.equation.params), primitives.SUMS["cumsum"]
    params["reverse"] = not params["reverse"]
    yield step.mutant(
        lambda inputs, outputs: [rule(*inputs, **params)],
        f"it is added up from the other end {step.where}",
    )


def _with_a_square(step: TracedStep) -> Iterator[Mutant]:
    for k, flag in enumerate(step.moving):
        if not flag and not _constant(step.equation.invars[k]):

            def change(inputs: Arrays, outputs: list[Array], k: int = k) -> list[Array]:
                return [outputs[0] * np.broadcast_to(inputs[k], outputs[0].shape)]

            yield step.mutant(change, f"a factor is there twice {step.where}")


def _of_a_product(step: TracedStep) -> Iterator[Mutant]:
    yield from _with_a_square(step)
    yield from _multiplied(step)


def _multiplied(step: TracedStep) -> Iterator[Mutant]:
    """What flows is divided, not multiplied, by a factor, or the other way round."""
    is_product = step.equation.primitive.name == "mul"
    for k in (0, 1) if is_product else (1,):
        if step.moving[k] or not step.moving[1 - k]:
            continue

        def change(inputs: Arrays, outputs: list[Array], k: int = k) -> list[Array]:
            a, factor = inputs[1 - k], inputs[k]
            return [np.broadcast_to(a / factor if is_product else a * factor, outputs[0].shape)]

        by = _constant(step.equation.invars[k]) or "a factor"
        words = "divided, not multiplied" if is_product else "multiplied, not divided"
        yield step.mutant(change, f"it is {words}, by {by} {step.where}")


def _to_another_power(step: TracedStep) -> Iterator[Mutant]:
    power = int(step.equation.params["y"])
    for other in (power - 1, power + 1):

        def change(inputs: Arrays, outputs: list[Array], other: int = other) -> list[Array]:
            return [primitives.whole_power(inputs[0], other)]

        if other:
            yield step.mutant(change, f"the power is {other}, not {power}, {step.where}")


def _of_tanh(steps: Sequence[TracedStep]) -> Iterator[Mutant]:
    """JAX has d (1 - h) + d (1 - h) h for tanh, from 0.12 on d times a slope of its
    own, and the books d (1 - h^2): 1 - h and h (1 - h) are what somebody may have
    taken for that."""
    made = {id(step.equation.outvars[0]): step.equation for step in steps}
    words = "1 - h stands for 1 - h^2", "h (1 - h), as of the sigmoid, stands for 1 - h^2"
    for step in steps:
        changes: tuple[Change, Change] = _only(0), _only(1)
        if step.equation.primitive.name == "one_minus_square":
            changes = lambda of, _: [1 - of[0]], lambda of, _: [of[0] * (1 - of[0])]
        elif step.equation.primitive.name != "add_any":
            continue
        else:
            whole, part = step.equation.invars
            product = made.get(id(part))
            if product is None or product.primitive.name != "mul" or product.invars[0] is not whole:
                continue
        for change, word in zip(changes, words, strict=True):
            back = f"in what flows back through {step.line}"
            yield step.mutant(change, f"{word}, the slope of tanh, {back}")


def _with_paths_assigned(
    paths: Sequence[TracedStep], *, are_whole: bool = False
) -> Iterator[Mutant]:
    """What comes back along several paths is assigned, not added up: where the
    last of them gives something, or the first. `are_whole` where they do so
    everywhere, as in the rounds of a loop: of two of them one is then missing."""
    groups: dict[Any, list[TracedStep]] = {}
    for step in paths:
        groups.setdefault((step.line, step.equation.outvars[0].aval.shape), []).append(step)
    for (line, _), steps in groups.items():
        for k in (0, 1) if len(steps) > 1 or not are_whole else ():

            def change(inputs: Arrays, outputs: list[Array], k: int = k) -> list[Array]:
                is_there = np.asarray(inputs[k] != 0, bool)
                if is_there.all() and not are_whole:
                    return outputs
                return [np.where(is_there, inputs[k], inputs[1 - k])]

            words = f"what overlaps is assigned, not added up, in what flows back through {line}"
            yield Mutant({id(step.equation): change for step in steps}, words)


def with_another_array(steps: Sequence[TracedStep]) -> Iterator[Mutant]:
    """A product of a cotangent with another array of the same shape than f has
    there, such as somebody keeps in place of it."""
    known: dict[int, tuple[Any, TracedStep, int | None]] = {}  # where arrays are found
    for step in steps:
        equation, count = step.equation, sum(step.moving)
        if count == 1 and equation.primitive.name in ("mul", "div", "dot_general"):
            k = 1 - step.moving.index(True)
            mine = equation.invars[k]
            for other, home, place in [*known.values()] if getattr(mine, "aval", None) else []:
                is_like = other is not mine and other.aval.shape == mine.aval.shape
                if is_like and mine.aval.shape and home is not step:
                    keep, put = _in_place(step, k, place)
                    source = "an argument" if place is not None else home.line
                    instead = f"what {source} gives" if place is None else source
                    words = f"{instead} is in another array's place {step.where}"
                    yield Mutant({id(home.equation): keep, id(equation): put}, words)
        for place, variable in enumerate(equation.invars):
            if not step.moving[place] and not hasattr(variable, "val"):
                known.setdefault(id(variable), (variable, step, place))
        if not step.flows:
            known[id(equation.outvars[0])] = equation.outvars[0], step, None


def _in_place(step: TracedStep, k: int, place: int | None) -> tuple[Change, Change]:
    """Changes of an equation, of which an input or what it gives is kept, and of
    a product, which takes this in place of an operand."""
    kept: list[Array] = []

    def keep(inputs: Arrays, outputs: list[Array]) -> list[Array]:
        kept[:] = [outputs[0] if place is None else inputs[place]]
        return outputs

    def put(inputs: Arrays, outputs: list[Array]) -> list[Array]:
        if not kept:  # of a branch that is not taken
            return outputs
        name, (a, b) = step.equation.primitive.name, inputs
        if name == "dot_general":
            return _with_operand(step, k, lambda _: kept[0])(inputs, outputs)
        a, b = (kept[0], b) if k == 0 else (a, kept[0])
        return [a * b if name == "mul" else a / b]

    return keep, put


def _without_a_turn(step: TracedStep) -> Iterator[Mutant]:
    yield step.mutant(_only(0), f"an array that has to be turned round is not {step.where}")


def _mean_for_sum(step: TracedStep) -> Iterator[Mutant]:
    sizes = (step.equation.invars[0].aval.shape, step.equation.outvars[0].aval.shape)
    count = math.prod(sizes[0]) // max(1, math.prod(sizes[1]))
    if count > 1 and step.flows:
        words = f"the mean over {count} is taken for the sum {step.where}"
        yield step.mutant(lambda inputs, outputs: [outputs[0] / count], words)


def _summed_otherwise(flowing: Sequence[TracedStep]) -> Iterator[Mutant]:
    """What is summed up and then spread out again: not summed up at all, entry
    by entry, or along other axes."""
    homes: dict[int, TracedStep] = {}  # sums, by what is made of them
    for step in flowing:
        equation = step.equation
        out, name = equation.outvars[0], equation.primitive.name
        is_sum = name == "reduce_sum"
        is_same = is_sum and equation.invars[0].aval.size == out.aval.size
        if is_sum and not is_same:
            homes[id(out)] = step
        place = next((k for k, v in enumerate(equation.invars) if id(v) in homes), None)
        if place is None or not (is_same or name in _SPREADING):
            continue
        home = homes[id(equation.invars[place])]
        if home is step:
            continue
        summed = home.equation.invars[0].aval.shape
        if out.aval.shape != summed:
            homes[id(out)] = home
            continue
        axes = tuple(home.equation.params["axes"])
        every = tuple(range(len(summed)))
        for along in dict.fromkeys([(), *((k,) for k in every), every]):
            if along != axes:
                what = f"summed along {_axes(along)}, not {_axes(axes)}" if along else "not summed"
                keep, spread = _instead(axes, along, name, place)
                changes = {id(home.equation): keep, id(equation): spread}
                yield Mutant(changes, f"what flows back through {home.line} is {what}")


_ADDING = ("sub", "add", "add_any")
_SPREADING = ("reshape", "squeeze", "neg", "mul", "div", "broadcast_in_dim", *_ADDING)


def _axes(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"


def _instead(
    axes: tuple[int, ...], along: tuple[int, ...], name: str, place: int
) -> tuple[Change, Change]:
    """Changes of a sum, which is kept, and of what it is spread out to."""
    kept: list[Array] = []

    def keep(inputs: Arrays, outputs: list[Array]) -> list[Array]:
        a = inputs[0]
        other = a.sum(along, keepdims=True) if along else a
        kept[:] = [other / a.sum(axes, keepdims=True)]
        return outputs

    def spread(inputs: Arrays, outputs: list[Array]) -> list[Array]:
        (out,) = outputs
        ratio = np.broadcast_to(kept[0], out.shape)
        if name not in _ADDING:
            return [out * ratio]
        more = np.broadcast_to(inputs[place], out.shape) * (ratio - 1)
        return [out - more if name == "sub" and place else out + more]

    return keep, spread


def _assigned(step: TracedStep) -> Iterator[Mutant]:
    assign, params = primitives.MOVES["scatter"], step.equation.params
    yield step.mutant(
        lambda inputs, outputs: [assign(*inputs, **params)],
        f"what belongs to an index twice is assigned, not added up, back through {step.line}",
    )


def _without_the_function(step: TracedStep) -> Iterator[Mutant]:
    name = step.equation.primitive.name
    if not step.flows:
        words = {"integer_pow": "the power", "square": "the square", "logistic": "the sigmoid"}
        yield step.mutant(_only(0), f"{words.get(name, name)} is missing {step.where}")


def _without_the_choice(step: TracedStep) -> Iterator[Mutant]:
    for k, flag in enumerate(step.moving):
        if k and flag:
            words = f"a mask, or a slope of 0, is missing {step.where}"
            yield step.mutant(_only(k), words)
    if step.flows and len(step.moving) == 3:
        yield step.mutant(
            lambda inputs, outputs: [np.where(inputs[0], inputs[1], inputs[2])],
            f"a mask is the wrong way round {step.where}",
        )


def _turned(step: TracedStep) -> Iterator[Mutant]:
    for k, source in enumerate(step.sources):

        def change(inputs: Arrays, outputs: list[Array], k: int = k) -> list[Array]:
            return [2 * np.broadcast_to(inputs[1 - k], outputs[0].shape) - outputs[0]]

        if step.equation.primitive.name == "add_any":
            yield step.mutant(change, f"what flows back through {source} has the wrong sign")
        elif k:
            yield step.mutant(change, f"a term has the wrong sign {step.where}")


_LEFT_OUT: Mapping[str, Callable[[TracedStep], Iterator[Mutant]]] = {
    **dict.fromkeys(("mul", "div"), _without_a_factor),
    **dict.fromkeys(("add", "sub"), _without_a_term),
    **dict.fromkeys(("scatter-add", "scatter_add"), _assigned),
    **dict.fromkeys(
        ("exp", "tanh", "logistic", "rsqrt", "sqrt", "log", "integer_pow", "square"),
        _without_the_function,
    ),
    "add_any": _without_a_path,
    "cumsum": _from_the_other_end,
    "dot_general": _with_another_operand,
    "conv_general_dilated": _of_a_convolution,
    "neg": _without_a_minus,
    "rev": _without_a_turn,
    "reduce_sum": _mean_for_sum,
}
_CHOSEN: Mapping[str, Callable[[TracedStep], Iterator[Mutant]]] = {"select_n": _without_the_choice}
_TURNED: Mapping[str, Callable[[TracedStep], Iterator[Mutant]]] = {
    **dict.fromkeys(("add_any", "add", "sub"), _turned),
    "mul": _of_a_product,
    "div": _multiplied,
    "integer_pow": _to_another_power,
}


def values(program: Any, steps: Sequence[TracedStep], given: Arrays) -> list[tuple[str, Array]]:
    """The numbers that a program computes on the way that are no gradients, and
    the lines of f that do."""
    found: dict[int, tuple[str, Array]] = {}
    changes: dict[int, Change] = {}
    for step in steps:

        def keep(inputs: Arrays, outputs: list[Array], step: TracedStep = step) -> list[Array]:
            found[id(step.equation)] = step.line, outputs[0]
            return outputs

        if not step.flows:
            changes[id(step.equation)] = keep
    floats_of(program, given, changes)
    return list(found.values())


# Constants


def _constant(variable: Any) -> str:
    """A number that stands in the program, as it is written."""
    value = getattr(variable, "val", None)
    return f"{float(value):.10g}" if value is not None and np.ndim(value) == 0 else ""


def constants(steps: Sequence[TracedStep]) -> dict[float, str]:
    """The numbers that stand in the formulas of a program, and the lines of f
    where they do."""
    found: dict[float, str] = {}
    for step in steps:
        for variable in step.equation.invars:
            if step.equation.primitive.name in _BY_CONSTANT and _constant(variable):
                found.setdefault(float(variable.val), step.line)
    return {value: line for value, line in found.items() if value not in (0, 1, -1)}


def with_constant(steps: Sequence[TracedStep], old: float, new: float) -> dict[int, Change]:
    """The changes that put another number for one, wherever it stands."""
    changes: dict[int, Change] = {}
    for step in steps:
        name = step.equation.primitive.name
        for k, variable in enumerate(step.equation.invars):
            if name in _BY_CONSTANT and _constant(variable) and float(variable.val) == old:
                changes[id(step.equation)] = _BY_CONSTANT[name](k, old, new)
    return changes


def _scaled(by: float) -> Change:
    return lambda inputs, outputs: [outputs[0] * by]


def _shifted(by: float) -> Change:
    return lambda inputs, outputs: [outputs[0] + by]


def _compared(name: str, k: int, old: float, new: float) -> Change:
    """A comparison with another number, or the larger or smaller of that and an array."""

    def change(inputs: Arrays, outputs: list[Array]) -> list[Array]:
        a = inputs[1 - k]
        order = np.asarray(a > new).astype(int) - np.asarray(a < new).astype(int)
        if name in ("max", "min"):
            return [np.where(order > 0 if name == "max" else order < 0, a, new)]
        return [primitives.compared(name, -order if k == 0 else order)]

    return change


_BY_CONSTANT: Mapping[str, Callable[[int, float, float], Change]] = {
    "mul": lambda k, old, new: _scaled(new / old),
    "div": lambda k, old, new: _scaled(old / new if k else new / old),
    "add": lambda k, old, new: _shifted(new - old),
    "sub": lambda k, old, new: _shifted(old - new if k else new - old),
    **{name: partial(_compared, name) for name in ("max", "min", "lt", "le", "gt", "ge")},
}


# Lines


def place_of(equation: Any) -> str:
    """The line of somebody's code from which JAX made an equation, if there is one."""
    frames = getattr(getattr(equation.source_info, "traceback", None), "frames", ())
    for frame in frames:
        if any(library in frame.file_name for library in _LIBRARIES):
            continue
        text = linecache.getline(frame.file_name, frame.line_num).strip().rstrip(",")
        where = f"{Path(frame.file_name).name}:{frame.line_num}"
        return f"`{text}` ({where})" if text else where
    return ""


def affordable(program: Any, probes: int) -> int:
    """How many mutants of a program may be tried at so many probes."""
    work = work_of(program.jaxpr) + EACH * _equations(program.jaxpr)
    return max(1, MOST_WORK // (work * probes))


def _equations(jaxpr: Any) -> int:
    """How many equations a program carries out."""
    total = len(jaxpr.eqns)
    for equation in jaxpr.eqns:
        times = equation.params["length"] if equation.primitive.name == "scan" else 1
        total += times * sum(map(_equations, called(equation)))
    return total
