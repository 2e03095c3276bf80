"""Functions whose derivative people write in another way than JAX does: the same
f, with the rules of the books in it.

    tanh         d_u = d (1 - h^2)
    logistic     d_u = d h (1 - h)
    sqrt, rsqrt  d_u = d / (2 h),  d_u = -d h^3 / 2
    softmax      d_u = p (d - sum of d p)
    log_softmax  d_u = d - exp(h) sum of d
    logsumexp    d_u = d softmax(u)

They give the same gradients; what somebody leaves out of them shows as a part
of the program that is left out.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from gradsheet.vjp.program import Traced, abstract, exactly, rewritten

Backward = Callable[[jax.Array, jax.Array, jax.Array, int], jax.Array]  # of d, h, u and an axis


def _softmax(d: jax.Array, h: jax.Array, u: jax.Array, axis: int) -> jax.Array:
    return h * (d - (d * h).sum(axis, keepdims=True))


def _log_softmax(d: jax.Array, h: jax.Array, u: jax.Array, axis: int) -> jax.Array:
    return d - jnp.exp(h) * d.sum(axis, keepdims=True)


def _logsumexp(d: jax.Array, h: jax.Array, u: jax.Array, axis: int) -> jax.Array:
    return jnp.expand_dims(d, axis) * jnp.exp(u - jnp.expand_dims(h, axis))


_OF_NUMBERS: dict[str, Backward] = {
    "tanh": lambda d, h, u, axis: d * (1 - h * h),
    "logistic": lambda d, h, u, axis: d * h * (1 - h),
    "sqrt": lambda d, h, u, axis: d / (2 * h),
    "rsqrt": lambda d, h, u, axis: -d * h * h * h / 2,
}
_OF_ROWS: dict[str, Backward] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
}


def with_textbook_rules(program: Traced) -> Traced | None:
    """f with such rules; None where no such function is in it."""
    found: list[Any] = []

    def called(equation: Any) -> ClosedJaxpr | None:
        if (backward := _rule_of(equation)) is None:
            return None
        found.append(equation)
        return _with_rule(equation, *backward)

    with exactly():
        forward = rewritten(program.forward, called)
    return program.with_forward(forward) if found else None


def _rule_of(equation: Any) -> tuple[Backward, int] | None:
    """The backward pass of an equation, and the axis along which it sums."""
    name = equation.primitive.name
    if name in _OF_NUMBERS:
        return _OF_NUMBERS[name], 0
    name = equation.params.get("name", "")
    if name not in _OF_ROWS or len(equation.invars) != 1 or len(equation.outvars) != 1:
        return None
    inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
    axes = _summed(getattr(inner, "jaxpr", inner), equation.invars[0].aval.shape)
    return (_OF_ROWS[name], axes[0]) if len(axes) == 1 else None


def _summed(jaxpr: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes along which a program sums what is as large as what it is given."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "reduce_sum" and equation.invars[0].aval.shape == shape:
            return tuple(equation.params["axes"])
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", None)
            if inner is not None and (axes := _summed(inner, shape)):
                return axes
    return ()


def _with_rule(equation: Any, backward: Backward, axis: int) -> ClosedJaxpr:
    inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")

    def value(u: jax.Array) -> jax.Array:
        if inner is None:
            return jnp.asarray(equation.primitive.bind(u, **equation.params))
        return jnp.asarray(jaxpr_as_fun(inner)(u)[0])

    @jax.custom_vjp
    def function(u: jax.Array) -> jax.Array:
        return value(u)

    def forward(u: jax.Array) -> tuple[jax.Array, Any]:
        h = value(u)
        return h, (h, u)

    def of_cotangent(kept: Any, d: jax.Array) -> tuple[jax.Array]:
        h, at = kept
        return (backward(d, h, at, axis),)

    function.defvjp(forward, of_cotangent)
    return jax.make_jaxpr(lambda u: [function(u)])(abstract(equation.invars[0].aval))
