"""Where f has kinks, the lines in which numbers are compared, and what is asked
there: any gradient between those on the sides, JAX's, or one of a slope.

A slope s at the tie of a maximum, a minimum, an absolute value or relu is put
into the program itself, which JAX then differentiates, so that its gradient is
the one that is asked for:

    max(a, b)    a where a > b, b where a < b, s a + (1 - s) b where they are equal
    abs(a)       a where a > 0, -a where a < 0, s a where it is 0
"""

import itertools
import numbers
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr

from gradsheet.truth.autodiff import name_of
from gradsheet.vjp.mutants import place_of
from gradsheet.vjp.program import Traced, abstract, called, calls_jax, exactly, rewritten

ANY, JAX = "any", "jax"
Path = tuple[Any, ...]  # an equation, those that call it in front
Asked = Mapping[str, str | float]

_RULED = "custom_jvp_call"  # JAX's own functions that have a rule
_ORDERED = ("eq", "ne", "lt", "le", "gt", "ge", "max", "min", "abs", "sign", "clamp")
_RANKED = ("sort", "top_k", "argmax", "argmin", "cummax", "cummin", "reduce_max", "reduce_min")
_WINDOWS = ("reduce_window_max", "reduce_window_min", "select_and_scatter_add")
_KINKED = {
    *_ORDERED,
    *_RANKED,
    *_WINDOWS,
    "select_and_gather_add",
    "floor",
    "ceil",
    "round",
    "rem",
    "bessel_i0e",
}
_LEAST = {
    "max": 0.0,
    "min": 0.0,
    "abs": -1.0,
    jax.nn.relu.__name__: 0.0,
}  # slopes at a tie; the largest is 1


@dataclass(frozen=True)
class AtKinks:
    """What counts as right at the kinks of a program: where it `is_any`, what lies
    between the gradients on their sides, but at those of the lines `held` only
    the program's own."""

    is_any: bool = True
    held: frozenset[str] = frozenset()


def at_kinks_of(program: Traced, asked: str | Asked) -> tuple[Traced, AtKinks]:
    """What is asked at the kinks of a program, which gets the slopes asked for.

    Raises ValueError where that is nothing that can be asked, or the program
    has no such kink.
    """
    if isinstance(asked, str):
        if asked not in (ANY, JAX):
            raise ValueError(f'at_kinks is {asked!r}, expected "any", "jax", or {{place: ...}}')
        return program, AtKinks(asked == ANY)
    kinks: dict[str, list[Any]] = {}
    for path in _equations(program.forward.jaxpr, ()):
        if _is_kink(path[-1]):
            kinks.setdefault(line_at(path), []).append(path)
    held, slopes = set[str](), dict[str, float]()
    for place, what in asked.items():
        lines = [line for line in kinks if _is_at(line, place)]
        if not lines:
            there = ", ".join(kinks) or "nowhere"
            raise ValueError(f"at_kinks: f has no kink at {place!r}, only at {there}")
        if isinstance(what, numbers.Real) and not isinstance(what, bool):
            slopes |= dict.fromkeys(lines, float(what))
        elif what not in (ANY, JAX):
            raise ValueError(
                f'at_kinks: {place!r} is {what!r}, expected "any", "jax", or a slope, a number'
            )
        held.update(lines if what != ANY else ())
    for line, slope in slopes.items():
        _require_slope(line, slope, kinks[line])
    if slopes:
        program = program.with_forward(_with_slopes(program.forward, slopes))
    return program, AtKinks(held=frozenset(held))


def line_at(path: Path) -> str:
    """The line of f to which an equation belongs. What JAX's own functions are made
    of belongs to the line that calls them."""
    line = ""
    for equation in path:
        line = place_of(equation) or line
        if _is_of_jax(equation):
            break
    return line or f"the operation {path[-1].primitive.name}"


def _is_of_jax(equation: Any) -> bool:
    """Whether an equation calls a function of JAX's, traced once for all its calls."""
    return equation.primitive.name in ("jit", "pjit", _RULED) and calls_jax(equation)


def _is_at(line: str, place: str) -> bool:
    """Whether a line is the one that is meant: by a part of its text, or file and number."""
    text, _, where = line.rpartition(" (")
    return place == where.rstrip(")") or place in text


def _equations(jaxpr: Any, outer: Path) -> Iterator[Path]:
    for equation in jaxpr.eqns:
        path = (*outer, equation)
        yield path
        if equation.primitive.name != _RULED:
            for inner in called(equation):
                yield from _equations(inner, path)


def _is_kink(equation: Any) -> bool:
    """Whether an equation compares numbers, and not only those that count."""
    name = equation.primitive.name
    if name == _RULED:
        inner = itertools.chain.from_iterable(_equations(j, ()) for j in called(equation))
        return any(_is_kink(path[-1]) for path in inner)
    return name in _KINKED and jnp.issubdtype(equation.invars[0].aval.dtype, jnp.inexact)


def _tie_of(equation: Any) -> str:
    """What has a slope at a tie, by its name; nothing of anything else."""
    is_ruled = equation.primitive.name == _RULED
    name = name_of(equation.params) if is_ruled else equation.primitive.name
    return name if name in _LEAST and _is_kink(equation) else ""


def _require_slope(line: str, slope: float, paths: list[Path]) -> None:
    names = [name for path in paths if (name := _tie_of(path[-1]))]
    if not names:
        raise ValueError(f'at_kinks: {line} has no max, min, abs or relu, expected "any" or "jax"')
    least = max(_LEAST[name] for name in names)
    if not least <= slope <= 1:
        raise ValueError(
            f"at_kinks: the slope at {line} is {slope:g}, expected one between {least:g} and 1"
        )


def _with_slopes(closed: ClosedJaxpr, slopes: Mapping[str, float]) -> ClosedJaxpr:
    """A program that has these slopes at the ties of these lines."""
    moving = {*map(id, closed.jaxpr.invars)}
    _note_moving(closed.jaxpr, moving)

    def within(closed: ClosedJaxpr, outer: Path) -> ClosedJaxpr:
        def with_slope(equation: Any) -> ClosedJaxpr | None:
            path = (*outer, equation)
            slope = slopes.get(line_at(path))
            if slope is None:
                return None
            if name := _tie_of(equation):
                is_second = id(equation.invars[0]) not in moving
                return _in_place_of(equation, _ties(name, slope, is_second=is_second))
            if _is_of_jax(equation) and equation.primitive.name != _RULED:
                return within(equation.params["jaxpr"], path)
            return None

        return rewritten(closed, with_slope)

    return within(closed, ())


def _note_moving(jaxpr: Any, moving: set[int]) -> None:
    """Note the variables that hang on those noted before."""
    for equation in jaxpr.eqns:
        flags = [id(variable) in moving for variable in equation.invars]
        moving.update(map(id, equation.outvars) if any(flags) else ())
        for inner in called(equation):
            if equation.primitive.name not in ("jit", "pjit"):  # what loops moves in circles
                flags = [any(flags)] * len(inner.invars)
            pairs = zip(inner.invars, flags, strict=True)
            moving.update(id(variable) for variable, flag in pairs if flag)
            _note_moving(inner, moving)


def _in_place_of(equation: Any, function: Callable[..., Any]) -> ClosedJaxpr:
    """The program of a function, in the line of an equation."""
    with exactly():
        made = jax.make_jaxpr(function)(*[abstract(v.aval) for v in equation.invars])
    equations = [inner.replace(source_info=equation.source_info) for inner in made.jaxpr.eqns]
    jaxpr = made.jaxpr.replace(eqns=equations, debug_info=made.jaxpr.debug_info)
    return ClosedJaxpr(jaxpr, made.consts)


def _ties(name: str, slope: float, *, is_second: bool) -> Callable[..., list[jax.Array]]:
    """A function with a slope at its tie; of two arguments by the first, or the second."""

    def function(a: jax.Array, b: Any = 0.0) -> list[jax.Array]:
        a, b = jnp.broadcast_arrays(a, b)
        if is_second:
            a, b = b, a
        if name == "min":
            above, below = b, a
        else:
            above, below = a, -a if name == "abs" else b
        tie = slope * a if name == "abs" else slope * a + (1 - slope) * b
        return [lax.select(a > b, above, lax.select(a < b, below, tie))]

    return function
