"""Normalisation of one set of numbers, and vmap for the others.

Which numbers make a set, and the conventions, are as `manual.norm` says it: the
variance is the biased one, and eps is above 0.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from ref.shapes import fit
from ref.windows import divided


def normalised(x: jax.Array, eps: Any) -> jax.Array:
    """x with mean 0 and variance v / (v + eps), v the variance of x, of any shape.

    Moved first by about its mean, a constant to JAX since any shift gives the
    same d, so that of a large x with a small spread no digits are lost.
    """
    d = x - jax.lax.stop_gradient(x.mean())
    d = d - d.mean()
    return d / jnp.sqrt((d * d).mean() + eps)


def batch_norm(x: jax.Array, gamma: jax.Array, beta: jax.Array, *, eps: Any = 1e-5) -> jax.Array:
    """Every channel of x (N, C, ...) normalised over the batch and the pixels,
    times gamma (C,), plus beta (C,); out of x's shape.

    ValueError where the shapes do not fit, where there is no example or no pixel,
    or where eps is not above 0.

        >>> batch_norm(jnp.array([[1.], [3.]]), jnp.array([2.]), jnp.array([5.]), eps=3)
        Array([[4.],
               [6.]], dtype=float32)
    """
    fit("x (N, C, ...), gamma (C), beta (C)", x=x, gamma=gamma, beta=beta)
    _check(x, math.prod((x.shape[0], *x.shape[2:])), eps)

    def one(channel: jax.Array, gamma: jax.Array, beta: jax.Array) -> jax.Array:
        return gamma * normalised(channel, eps) + beta  # (N, ...)

    return jax.vmap(one, (1, 0, 0), 1)(x, gamma, beta)


def layer_norm(x: jax.Array, gamma: jax.Array, beta: jax.Array, *, eps: Any = 1e-5) -> jax.Array:
    """Every example of x (..., D) normalised over its features, times gamma (D,),
    plus beta (D,); out of x's shape.

    ValueError where the shapes do not fit, where there is no feature, or where eps
    is not above 0.

        >>> layer_norm(jnp.array([[1., 3]]), jnp.array([2., 4]), jnp.array([5., 7]), eps=3)
        Array([[4., 9.]], dtype=float32)
    """
    fit("x (..., D), gamma (D), beta (D)", x=x, gamma=gamma, beta=beta)
    _check(x, x.shape[-1], eps)

    def one(example: jax.Array) -> jax.Array:
        return gamma * normalised(example, eps) + beta  # (D,)

    return jax.vmap(one)(x.reshape(-1, x.shape[-1])).reshape(x.shape)


def group_norm(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, *, groups: Any, eps: Any = 1e-5
) -> jax.Array:
    """Every group of channels of every example of x (N, C, ...) normalised, times
    gamma (C,), plus beta (C,); out of x's shape.

    Channels are dealt out to the groups in order. ValueError where the shapes do
    not fit, where groups does not divide C, where there is no pixel, or where eps
    is not above 0.

        >>> x = jnp.array([[1., 3, 8, 8]])
        >>> group_norm(x, jnp.ones(4), jnp.zeros(4), groups=2, eps=3)
        Array([[-0.5,  0.5,  0. ,  0. ]], dtype=float32)
    """
    fit("x (N, C, ...), gamma (C), beta (C)", x=x, gamma=gamma, beta=beta)
    groups = divided(groups, C=x.shape[1])
    _check(x, math.prod(x.shape[1:]) // groups, eps)

    def of_group(channels: jax.Array, gamma: jax.Array, beta: jax.Array) -> jax.Array:
        of_each = (-1, *[1] * (channels.ndim - 1))  # (C/G, ...)
        return gamma.reshape(of_each) * normalised(channels, eps) + beta.reshape(of_each)

    def one(example: jax.Array) -> jax.Array:
        each = (groups, len(gamma) // groups)
        parts = (a.reshape(*each, *a.shape[1:]) for a in (example, gamma, beta))
        return jax.vmap(of_group)(*parts).reshape(example.shape)  # (C, ...)

    return jax.vmap(one)(x)


def batch_norm_eval(
    x: jax.Array,
    gamma: jax.Array,
    beta: jax.Array,
    mean: jax.Array,
    var: jax.Array,
    *,
    eps: Any = 1e-5,
) -> jax.Array:
    """Every channel of x (N, C, ...) moved by the mean and scaled by the variance
    that are given, (C,) each, times gamma (C,), plus beta (C,); out of x's shape.

    ValueError where the shapes do not fit or eps is not above 0.

        >>> x, one = jnp.array([[1.], [3.]]), jnp.array([1.])
        >>> batch_norm_eval(x, 4 * one, 5 * one, one, one, eps=3)
        Array([[5.],
               [9.]], dtype=float32)
    """
    expected = "x (N, C, ...), gamma (C), beta (C), mean (C), var (C)"
    fit(expected, x=x, gamma=gamma, beta=beta, mean=mean, var=var)
    _check(x, 1, eps)

    def one(
        channel: jax.Array, gamma: jax.Array, beta: jax.Array, mean: jax.Array, var: jax.Array
    ) -> jax.Array:
        return gamma * ((channel - mean) / jnp.sqrt(var + eps)) + beta  # (...)

    example = jax.vmap(one)
    return jax.vmap(example, (0, None, None, None, None))(x, gamma, beta, mean, var)


def rms_norm(x: jax.Array, gamma: jax.Array, *, eps: Any = 1e-5) -> jax.Array:
    """Every example of x (..., D) over the root of the mean of its squares, times
    gamma (D,); out of x's shape.

    ValueError where the shapes do not fit, where there is no feature, or where eps
    is not above 0.

        >>> rms_norm(jnp.array([[1., 5]]), jnp.array([2., 4]), eps=3)
        Array([[0.5, 5. ]], dtype=float32)
    """
    fit("x (..., D), gamma (D)", x=x, gamma=gamma)
    _check(x, x.shape[-1], eps)

    def one(example: jax.Array) -> jax.Array:
        return gamma * (example / jnp.sqrt((example * example).mean() + eps))  # (D,)

    return jax.vmap(one)(x.reshape(-1, x.shape[-1])).reshape(x.shape)


def _check(x: jax.Array, count: int, eps: Any) -> None:
    """ValueError where there is nothing to take a mean of, or eps is not above 0."""
    if not count:
        raise ValueError(f"x has the shape {x.shape}, expected 1 number or more in every mean")
    if not eps > 0:
        raise ValueError(
            f"eps is {eps!r}, expected a number above 0, such as 1e-5, so that no variance is 0"
        )
