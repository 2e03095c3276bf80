"""Activations: entry by entry, and a softmax of every row."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from ref import activations
from ref.shapes import alike, fit

# From there on s(v) is 0 or 1 in every float type, and z^3 is far from overflowing.
FAR = 100


def relu(z: jax.Array) -> jax.Array:
    """max(z, 0), of any shape; at 0 the slope is 0.

    ValueError where z is not of floats.

        >>> relu(jnp.array([-1.0, 0.0, 2.0]))
        Array([0., 0., 2.], dtype=float32)
    """
    alike(z=z)
    return activations.relu(z)


def leaky_relu(z: jax.Array, *, slope: Any = 0.01) -> jax.Array:
    """z where it is above 0, else slope z, of any shape; at 0 the slope is `slope`.

    ValueError where z is not of floats.

        >>> leaky_relu(jnp.array([-1.0, 0.0, 2.0]), slope=0.25)
        Array([-0.25,  0.  ,  2.  ], dtype=float32)
    """
    alike(z=z)
    return activations.leaky_relu(z, slope)


def sigmoid(z: jax.Array) -> jax.Array:
    """1 / (1 + e^-z), of any shape.

    ValueError where z is not of floats.

        >>> sigmoid(jnp.array([-1000.0, 0.0, 1000.0]))
        Array([0. , 0.5, 1. ], dtype=float32)
    """
    alike(z=z)
    return activations.sigmoid(z)


def tanh(z: jax.Array) -> jax.Array:
    """The hyperbolic tangent, of any shape.

    ValueError where z is not of floats.

        >>> tanh(jnp.array([-1000.0, 0.0, 1000.0]))
        Array([-1.,  0.,  1.], dtype=float32)
    """
    alike(z=z)
    return activations.tanh(z)


def softplus(z: jax.Array) -> jax.Array:
    """log(1 + e^z), of any shape.

    ValueError where z is not of floats.

        >>> softplus(jnp.array([-1000.0, 1000.0]))
        Array([   0., 1000.], dtype=float32)
    """
    alike(z=z)
    return activations.softplus(z)


def silu(z: jax.Array) -> jax.Array:
    """z / (1 + e^-z), also called swish, of any shape.

    ValueError where z is not of floats.

        >>> silu(jnp.array([-1000.0, 0.0, 1000.0]))
        Array([  -0.,    0., 1000.], dtype=float32)
    """
    alike(z=z)
    return activations.silu(z)


def gelu(z: jax.Array, *, approximate: str = "tanh") -> jax.Array:
    """z times the normal distribution function at z, of any shape. `approximate` is
    "tanh", as in GPT-2, or "none".

    ValueError for another `approximate`, and where z is not of floats.

        >>> gelu(jnp.array([-1000.0, 0.0, 1000.0]), approximate="none")
        Array([  -0.,    0., 1000.], dtype=float32)
    """
    alike(z=z)
    if approximate not in ("tanh", "none"):
        raise ValueError(
            f"approximate is {approximate!r}, expected 'tanh' or 'none', which is by erf"
        )
    if approximate == "none":
        return z * jax.lax.erfc(-z / math.sqrt(2)) / 2
    near = jnp.clip(z, -FAR, FAR)
    # 1 + tanh(v/2) = 2 s(v), without a difference of equal numbers
    return z * activations.sigmoid(math.sqrt(8 / math.pi) * near * (1 + 0.044715 * near**2))


def swiglu(a: jax.Array, b: jax.Array) -> jax.Array:
    """silu(a) b; a and b of one shape, the two halves of what a layer gives.

    ValueError where a and b differ in shape or type, or are not of floats.

        >>> swiglu(jnp.array([0.0, 1000.0]), jnp.array([3.0, 4.0]))
        Array([   0., 4000.], dtype=float32)
    """
    alike(a=a, b=b)
    return activations.silu(a) * b


def softmax(z: jax.Array) -> jax.Array:
    """e^z_i / sum_k e^z_k along the last axis; z (..., K) with K at least 1. A row
    that is -inf throughout, all of it masked, is 0 throughout.

    ValueError where K is 0 and where z is not of floats.

        >>> softmax(jnp.array([[0.0, 0.0, -jnp.inf], [1000.0, 0.0, 0.0]]))
        Array([[0.5, 0.5, 0. ],
               [1. , 0. , 0. ]], dtype=float32)
    """
    alike(z=z)
    if not fit("z (..., K)", z=z)["K"]:
        raise ValueError(f"z has the shape {z.shape}, expected (..., K) with K at least 1")

    def one(z: jax.Array) -> jax.Array:
        masked = (z == -jnp.inf).all()
        # 0 for -inf inside, too: a gradient through -inf - -inf is NaN even if nobody takes it.
        return jnp.where(masked, 0, activations.softmax(jnp.where(masked, 0, z)))

    return jax.vmap(one)(z.reshape(-1, z.shape[-1])).reshape(z.shape)
