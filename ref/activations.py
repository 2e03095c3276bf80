"""Activation functions of one example: z (O,) in, h (O,) out. Their derivatives
are JAX's business.

Each is written so that its automatic derivative is accurate in saturation too,
which that of `jax.nn.sigmoid` at 40 (0.0) and that of `jnp.tanh` at 18 are not:
exponentials of -|z| only, and no difference of nearly equal numbers.
|z| is taken by `where`, whose derivative at 0 is 1 and not 0.

Behind them all is their table, `ACTIVATIONS`: a new one is written here, and in
no other file.
"""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp

Activation = str | tuple[str, Any]  # a name, or ("leaky_relu", slope)
Activations = Sequence[Activation]  # one for every layer
Function = Callable[..., jax.Array]


def _absolute(z: jax.Array) -> jax.Array:
    return jnp.where(z >= 0, z, -z)


def identity(z: jax.Array) -> jax.Array:
    """z"""
    return z


def relu(z: jax.Array) -> jax.Array:
    """max(z, 0), by `where`: the derivative at 0 is 0, where that of
    `jnp.maximum` would be a half. NaN stays NaN."""
    return jnp.where(z <= 0, 0, z)


def leaky_relu(z: jax.Array, slope: Any = 0.01) -> jax.Array:
    """z above 0, else slope z (A. Maas et al., 2013)."""
    return jnp.where(z > 0, z, slope * z)


def sigmoid(z: jax.Array) -> jax.Array:
    """1 / (1 + e^-z), as e^min(z, 0) / (1 + e^-|z|)"""
    e = jnp.exp(-_absolute(z))
    return jnp.where(z >= 0, 1, e) / (1 + e)


def tanh(z: jax.Array) -> jax.Array:
    """(1 - e^-2|z|) / (1 + e^-2|z|) with the sign of z; near 0, where that
    subtracts equal numbers, JAX's own."""
    e = jnp.exp(-2 * _absolute(z))
    far = (1 - e) / (1 + e)
    return jnp.where(z > 0.5, far, jnp.where(z < -0.5, -far, jnp.tanh(z)))


def softplus(z: jax.Array) -> jax.Array:
    """log(1 + e^z), as max(z, 0) + log(1 + e^-|z|)"""
    return jnp.where(z >= 0, z, 0) + jnp.log1p(jnp.exp(-_absolute(z)))


def silu(z: jax.Array) -> jax.Array:
    """z s(z)"""
    return z * sigmoid(z)


def softmax(z: jax.Array) -> jax.Array:
    """e^z_i / sum_k e^z_k"""
    e, _, _ = exponentials(z)
    return e / e.sum()


def exponentials(z: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """e^(z - m), where the largest entry m stands, and m, which is a constant
    to JAX: any shift gives the same.

    What floats round off of z - m is known exactly (O. Moller, 1965; D. Knuth)
    and put back: of an exponential it is up to some hundred units of the last
    digit.
    """
    constant = jax.lax.stop_gradient(z)
    m = constant.max()
    d = z - m
    rounded = jax.lax.stop_gradient(d)
    back = rounded - constant
    lost = (constant - (rounded - back)) - (m + back)
    e = jnp.exp(d)
    return e + e * jnp.where(lost < 1, lost, 0), jnp.arange(z.size) == constant.argmax(), m


_ALL = (identity, relu, leaky_relu, sigmoid, tanh, softplus, silu, softmax)  # as messages have it
ACTIVATIONS: dict[str, Function] = {function.__name__: function for function in _ALL}


def parameters_of(name: str) -> int:
    """How many numbers an activation may take besides z."""
    return len(signature(ACTIVATIONS[name]).parameters) - 1


def activate(activation: Activation, z: jax.Array) -> jax.Array:
    """h = f(z), of z's shape."""
    name, *parameters = [activation] if isinstance(activation, str) else activation
    return ACTIVATIONS[name](z, *parameters)
