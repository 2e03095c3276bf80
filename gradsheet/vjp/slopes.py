"""Mistakes in the derivative of one function inside of f: its slope left out,
taken at another place, or its value in place of its slope.

f is changed so that its values stay and only the slope is another,

    g(u) = stop(g(u)) + (u - stop(u)) stop(slope),

and JAX differentiates what came of it.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from gradsheet.vjp.balls import FUNCTIONS, STEPS
from gradsheet.vjp.mutants import place_of
from gradsheet.vjp.program import Traced, abstract, exactly, rewritten

_NAMES = {
    "integer_pow": "the power",
    "logistic": "the sigmoid",
    "square": "the square",
    "max": "the maximum",
    "abs": "the absolute value",
}
_OF_ONE = {*FUNCTIONS} - {*STEPS} | {"integer_pow", "square", "abs"}

Slope = Callable[[Callable[[jax.Array], jax.Array], jax.Array], jax.Array]


def _derivative(g: Callable[[jax.Array], jax.Array], u: jax.Array) -> jax.Array:
    _, slope = jax.jvp(g, (u,), (jnp.ones_like(u),))
    return jnp.asarray(slope)


_WAYS: dict[str, Slope] = {
    "the slope of {} is missing": lambda g, u: jnp.ones_like(u),
    "the slope of {} is taken at its value": lambda g, u: _derivative(g, g(u)),
    "{} itself stands in place of its slope": lambda g, u: g(u),
}


def with_other_slopes(program: Traced, most: int) -> Iterator[tuple[str, Traced]]:
    """f with another slope of one of its functions, and what that is in words; at
    most so many."""
    found: list[Any] = []

    def note(equation: Any) -> None:
        if _is_function(equation):
            found.append(equation)

    with exactly():
        rewritten(program.forward, note)
        groups: dict[tuple[str, str], list[Any]] = {}  # those of a loop are together
        for equation in found:
            name = equation.params.get("name", equation.primitive.name)
            groups.setdefault((name, place_of(equation)), []).append(equation)
        chosen = [(key, some) for key, some in groups.items()]
        chosen += [(key, [one]) for key, some in groups.items() if len(some) > 1 for one in some]
        for ((name, line), some), words in itertools.islice(itertools.product(chosen, _WAYS), most):
            changed = rewritten(program.forward, _replacing(some, _WAYS[words]))
            text = f"{words.format(_NAMES.get(name, name))}, back through {line}"
            yield text, program.with_forward(changed)


def _is_function(equation: Any) -> bool:
    """Whether an equation applies a function to each entry of one array."""
    name = equation.primitive.name
    if len(equation.invars) != 1 or len(equation.outvars) != 1:
        return False
    is_entrywise = equation.invars[0].aval.shape == equation.outvars[0].aval.shape
    return is_entrywise and (name == "custom_jvp_call" or name in _OF_ONE)


def _replacing(some: Sequence[Any], slope: Slope) -> Callable[[Any], ClosedJaxpr | None]:
    def called(equation: Any) -> ClosedJaxpr | None:
        return _with_slope(equation, slope) if any(equation is one for one in some) else None

    return called


def _with_slope(equation: Any, slope: Slope) -> ClosedJaxpr:
    def g(u: jax.Array) -> jax.Array:
        params = equation.params
        if equation.primitive.name == "custom_jvp_call":
            (value,) = jaxpr_as_fun(params["call_jaxpr"])(u)
            return value  # type: ignore[no-any-return]
        return equation.primitive.bind(u, **params)  # type: ignore[no-any-return]

    def with_slope(u: jax.Array) -> list[jax.Array]:
        at = lax.stop_gradient(u)
        return [lax.stop_gradient(g(at)) + (u - at) * lax.stop_gradient(slope(g, at))]

    return jax.make_jaxpr(with_slope)(abstract(equation.invars[0].aval))
