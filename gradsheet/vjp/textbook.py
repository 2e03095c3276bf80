"""Functions whose derivative people write in another way than JAX does: the same
f, with the rules of the books in it.

    tanh         d_u = d (1 - h^2)
    logistic     d_u = d h (1 - h)
    sqrt, rsqrt  d_u = d / (2 h),  d_u = -d h^3 / 2
    softmax      d_u = p (d - sum of d p)
    log softmax  d_u = d - exp(h) sum of d

They give the same gradients; what somebody leaves out of them shows as a part
of the program that is left out.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr

from gradsheet.vjp.program import Traced, abstract, exactly, rewritten

Backward = Callable[..., tuple[jax.Array, ...]]  # of d, what came out, and what went in

_OF_NUMBERS: dict[str, Backward] = {
    "tanh": lambda d, h, u: (d * (1 - h * h),),
    "logistic": lambda d, h, u: (d * h * (1 - h),),
    "sqrt": lambda d, h, u: (d / (2 * h),),
    "rsqrt": lambda d, h, u: (-d * h * h * h / 2,),
}


def _softmax(axis: int) -> Backward:
    """Of e / s, where e are exponentials and s is their sum: what is due to s goes
    to e, too, and no more to s."""

    def backward(d: jax.Array, p: jax.Array, e: jax.Array, s: jax.Array) -> tuple[jax.Array, ...]:
        return (d - (d * p).sum(axis, keepdims=True)) / s, jnp.zeros_like(s)

    return backward


def _log_softmax(axis: int) -> Backward:
    """Of u - l, where l is the logarithm of the sum of exponentials of u."""

    def backward(d: jax.Array, h: jax.Array, u: jax.Array, l: jax.Array) -> tuple[jax.Array, ...]:
        return d - jnp.exp(h) * d.sum(axis, keepdims=True), jnp.zeros_like(l)

    return backward


def with_textbook_rules(program: Traced) -> Traced | None:
    """f with such rules; None where no such function is in it."""
    made: dict[int, Any] = {}  # equations, by what they give
    found: list[Any] = []

    def called(equation: Any) -> ClosedJaxpr | None:
        made.update((id(variable), equation) for variable in equation.outvars)
        if (backward := _rule_of(equation, made)) is None:
            return None
        found.append(equation)
        return _with_rule(equation, backward)

    with exactly():
        forward = rewritten(program.forward, called)
    return program.with_forward(forward) if found else None


def _rule_of(equation: Any, made: Mapping[int, Any]) -> Backward | None:
    name = equation.primitive.name
    if name in _OF_NUMBERS:
        return _OF_NUMBERS[name]
    if name not in ("div", "sub") or equation.invars[0].aval.ndim == 0:
        return None
    first, second = equation.invars
    steps = []
    for wanted in ("reduce_sum",) if name == "div" else ("log", "reduce_sum", "exp"):
        step = _made(second, made)
        if step is None or step.primitive.name != wanted:
            return None
        steps.append(step)
        second = step.invars[0]
    axes = next(step for step in steps if step.primitive.name == "reduce_sum").params["axes"]
    if second is not first or len(axes) != 1:
        return None
    return _softmax(axes[0]) if name == "div" else _log_softmax(axes[0])


def _made(variable: Any, made: Mapping[int, Any]) -> Any:
    """The equation that gives a variable, but for its shape."""
    step = made.get(id(variable))
    while step is not None and step.primitive.name in ("broadcast_in_dim", "reshape"):
        step = made.get(id(step.invars[0]))
    return step


def _with_rule(equation: Any, backward: Backward) -> ClosedJaxpr:
    def value(*arrays: jax.Array) -> jax.Array:
        return jnp.asarray(equation.primitive.bind(*arrays, **equation.params))

    @jax.custom_vjp
    def function(*arrays: jax.Array) -> jax.Array:
        return value(*arrays)

    def forward(*arrays: jax.Array) -> tuple[jax.Array, Any]:
        out = value(*arrays)
        return out, (out, arrays)

    def of_cotangent(kept: Any, d: jax.Array) -> tuple[jax.Array, ...]:
        out, arrays = kept
        return backward(d, out, *arrays)

    function.defvjp(forward, of_cotangent)
    given = [abstract(variable.aval) for variable in equation.invars]
    return jax.make_jaxpr(lambda *arrays: [function(*arrays)])(*given)
