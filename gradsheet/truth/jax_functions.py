"""What the functions and operators of the language are to JAX."""

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gradsheet.truth.lettered import FLOAT, Lettered, entrywise, lifted
from ref.activations import ACTIVATIONS

Function = Callable[..., jax.Array]

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}


def slope(function: Function) -> Function:
    """The derivative of a function that goes entry by entry."""

    def derivative(z: jax.Array, *rest: jax.Array) -> jax.Array:
        tangent: jax.Array = jax.jvp(lambda z: function(z, *rest), (z,), (jnp.ones_like(z),))[1]
        return tangent

    return derivative


def power(base: jax.Array, exponent: int | Fraction) -> jax.Array:
    """base ** exponent, of square roots where they do, else by exp and log."""
    if exponent.denominator == 1:
        return lax.integer_pow(base, exponent.numerator)
    if exponent.denominator == 2:
        return lax.integer_pow(lax.sqrt(base), exponent.numerator)
    return lax.exp(lax.log(base) * exponent.numerator / exponent.denominator)


def _softmax(z: jax.Array) -> jax.Array:
    powers = lax.exp(z)
    return powers / powers.sum(-1, keepdims=True)


def _outer(a: jax.Array, b: jax.Array) -> jax.Array:
    return a.reshape(-1, 1) * b.reshape(1, -1)


def _concat(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.concatenate([jnp.atleast_1d(a), jnp.atleast_1d(b)])


def transposed(a: jax.Array) -> jax.Array:
    """a.T, of a vector (n,) a row (1, n)"""
    return a.reshape(1, -1) if a.ndim == 1 else a.T


def stack(*items: jax.Array) -> jax.Array:
    """[item, ...]"""
    return jnp.stack(items)


OF_ARRAYS: dict[str, Function] = {
    "softmax": _softmax,
    "outer": _outer,
    "diag": lambda v: v[:, None] * jnp.eye(len(v), dtype=FLOAT),
    "concat": _concat,
}
ENTRYWISE: dict[str, Function] = {
    **{name: function for name, function in ACTIVATIONS.items() if name not in OF_ARRAYS},
    "sigmoid": lax.logistic,
    "silu": lambda z: z * lax.logistic(z),
    "exp": lax.exp,
    "log": lax.log,
    "sqrt": lax.sqrt,
    "tanh": lax.tanh,
    "sin": lax.sin,
    "cos": lax.cos,
    "abs": lax.abs,
    "step": lambda z: (z > 0).astype(FLOAT),
    "kronecker": lambda a, b: (a == b).astype(FLOAT),
    "where": jnp.where,
}
for _name in ACTIVATIONS.keys() & ENTRYWISE.keys():
    ENTRYWISE[f"d{_name}"] = slope(ENTRYWISE[_name])
OF_TWO: dict[str, Function] = {
    "max": lambda a, b: jnp.where(a > b, a, b),
    "min": lambda a, b: jnp.where(a < b, a, b),
}
# Over one axis, that of a letter, or over all.
OVER: dict[str, Function] = {
    "sum": lambda a, axis=None: a.sum(axis),
    "mean": lambda a, axis=None: a.sum(axis) / (a.size if axis is None else a.shape[axis]),
    "max": lambda a, axis=None: a.max(axis),
    "min": lambda a, axis=None: a.min(axis),
}


def _matmul(a: jax.Array, b: jax.Array) -> jax.Array:
    """a @ b, where a number, as it may be the base of a recurrence, takes the
    shape that fits."""
    a = a if a.ndim else jnp.full(b.shape[:1], a)
    b = b if b.ndim else jnp.full(a.shape[-1:], b)
    if a.shape[-1] != b.shape[0] and a.ndim == b.ndim == 1:
        return a * b  # one of them of length 1, a number
    if a.ndim == 1 and b.ndim == 2 and len(b) == 1 != a.size:
        return _outer(a, b)
    return jnp.tensordot(a, b, 1)


def _as_factor(value: Lettered) -> Lettered:
    """A single number in a product is a number, whatever its axes."""
    if math.prod(value.shape) != 1:
        return value
    return Lettered(value.array.reshape(value.array.shape[: len(value.letters)]), value.letters)


def joined(sign: str, a: Lettered, b: Lettered) -> Lettered:
    """Left and right with an operator between them."""
    sizes = math.prod(a.shape), math.prod(b.shape)
    if sign == "·":
        sign = "*" if a.shape == b.shape or 1 in sizes else "@"
    if sign == "@":
        return lifted(_matmul, a, b)
    if sign in "*/" and sizes[0] != sizes[1]:
        a, b = _as_factor(a), _as_factor(b)
    return entrywise(OPERATORS[sign], a, b)
