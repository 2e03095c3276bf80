"""Attention: one query and vmap for the others, one head and vmap for the
others, one example and vmap for the others. What is behind the checks of shapes
is compiled once for the shapes."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ref.activations import exponentials
from ref.dense import affine
from ref.shapes import are_arrays, fit, stretched


def causal_mask(T: int) -> jax.Array:
    """Which of T places a place may look at: itself and those before; (T, T).

    >>> causal_mask(2).astype(int)
    Array([[1, 0],
           [1, 1]], dtype=int32)
    """
    return jnp.tri(T, dtype=bool)


def padding_mask(lengths: jax.Array, T: int) -> jax.Array:
    """Which of T places are in a sequence, of the lengths (N,) of N sequences that
    were filled up to T: (N, 1, T), the same for every query.

    `causal_mask(T) & padding_mask(lengths, T)` is (N, T, T). ValueError where
    `lengths` does not have one axis.

        >>> padding_mask(jnp.array([1, 3]), 3).astype(int).tolist()
        [[[1, 0, 0]], [[1, 1, 1]]]
    """
    fit("lengths (N)", lengths=lengths)
    return jnp.arange(T)[None, None] < lengths[:, None, None]


def _mean(s: jax.Array, mask: jax.Array | None, v: jax.Array) -> jax.Array:
    """The mean of v (S, E) with the weights softmax(s), s (S,), of what the mask
    allows; 0 where it allows nothing.

    The largest weight is 1 before the division, and the others move against it: of
    a sure query nothing large is subtracted in the automatic derivative then. An
    entry that is not allowed is replaced before the exponential and not behind it:
    there infinite times 0 would be NaN.
    """
    some = len(s) > 0 if mask is None else mask.any()
    if mask is not None:
        s = jnp.where(mask, s, jnp.where(some, -jnp.inf, 0))
    e, largest, m = exponentials(s)
    moved = jnp.exp(m - jnp.where(largest, s, 0).sum())  # 1: to `exponentials` m is a constant
    e = jnp.where(largest, 1, e * moved)
    if mask is not None:
        e = jnp.where(mask, e, 0)
    p = e / jnp.where(some, e.sum(), 1)  # (S,)
    return p @ v  # (S,) @ (S, E) -> (E,)


def fit_mask(mask: jax.Array, shape: tuple[int, ...], of: str) -> None:
    """Raises ValueError where a mask is not of bools or does not stretch to a shape.

    >>> fit_mask(jnp.ones((3, 3), bool), (2, 3, 3), "q k^T")
    """
    if mask.dtype != bool:
        raise ValueError(f"mask is {mask.dtype}, expected bool: write mask == 1 if 1 is allowed")
    stretched("mask", mask, of, shape)


def attention(
    q: jax.Array,
    k: jax.Array,
    v: jax.Array,
    *,
    mask: jax.Array | None = None,
    scale: Any = None,
) -> jax.Array:
    """The means of the values that the queries ask for (A. Vaswani et al., 2017), of
    one query softmax(c K q) V; q (..., T, D), k (..., S, D), v (..., S, E), mask of
    bools, which stretches to (..., T, S), True where a query may look; out (..., T,
    E).

    The scale c is 1 / sqrt(D) where None is given. A query that may look nowhere
    has out 0 and no gradient. ValueError where the shapes do not fit and where
    the mask is not of bools.

        >>> q, k, v = jnp.zeros((2, 1)), jnp.ones((3, 1)), jnp.array([[1.0], [3.0], [8.0]])
        >>> attention(q, k, v, mask=jnp.array([[1, 1, 0], [1, 1, 1]]) == 1).tolist()
        [[2.0], [4.0]]
    """
    are_arrays(q=q, mask=mask)
    front = "".join(f"N{axis}, " for axis in range(q.ndim - 2))
    fit(f"q ({front}T, D), k ({front}S, D), v ({front}S, E)", q=q, k=k, v=v)
    shape = (*q.shape[:-1], k.shape[-2])
    if mask is not None:
        fit_mask(mask, shape, "q k^T")
        mask = jnp.broadcast_to(mask, shape)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    out: jax.Array = _attention(q, k, v, mask, scale)
    return out


@jax.jit
def _attention(
    q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array | None, c: Any
) -> jax.Array:
    def query(q: jax.Array, mask: jax.Array | None, k: jax.Array, v: jax.Array) -> jax.Array:
        if not len(k):
            return jnp.zeros_like(v, shape=v.shape[1:])
        return _mean(c * (k @ q), mask, v)  # (S, D) @ (D,) -> (S,)

    head = jax.vmap(query, (0, None if mask is None else 0, None, None))
    for _ in range(q.ndim - 2):
        head = jax.vmap(head, (0, None if mask is None else 0, 0, 0))
    return head(q, mask, k, v)


def multi_head_attention(
    x: jax.Array,
    Wqkv: jax.Array,
    bqkv: jax.Array | None,
    Wo: jax.Array,
    bo: jax.Array | None,
    *,
    heads: int,
    mask: jax.Array | None = None,
) -> jax.Array:
    """Attention among the rows of every example, by several heads (A. Vaswani et
    al., 2017); x (N, T, D), Wqkv (3D, D), bqkv (3D,) or None, Wo (D, D), bo (D,) or
    None, mask of bools, which stretches to (N, T, T), the same for all heads; out
    (N, T, D).

    ValueError where the shapes do not fit, where the mask is not of bools, and
    where D is no multiple of the heads.

        >>> x, one = jnp.array([[[1.0, 2.0], [3.0, 8.0]]]), jnp.eye(2)
        >>> Wqkv = jnp.concatenate([0 * one, one, one])
        >>> multi_head_attention(x, Wqkv, None, one, None, heads=2).tolist()
        [[[2.0, 5.0], [2.0, 5.0]]]
    """
    shapes = "x (N, T, D), Wqkv (3D, D), bqkv (3D), Wo (D, D), bo (D)"
    N, T, D = fit(shapes, x=x, Wqkv=Wqkv, bqkv=bqkv, Wo=Wo, bo=bo).values()
    if heads < 1 or D % heads:
        raise ValueError(f"heads is {heads}, expected a divisor of D = {D}, as x has it")
    if mask is not None:
        fit_mask(mask, (N, T, T), "x x^T")
        mask = jnp.broadcast_to(mask, (N, T, T))

    out: jax.Array = _multi_head_attention(x, Wqkv, bqkv, Wo, bo, mask, heads)
    return out


@partial(jax.jit, static_argnums=6)
def _multi_head_attention(
    x: jax.Array,
    Wqkv: jax.Array,
    bqkv: jax.Array | None,
    Wo: jax.Array,
    bo: jax.Array | None,
    mask: jax.Array | None,
    heads: int,
) -> jax.Array:
    def one(x: jax.Array, mask: jax.Array | None) -> jax.Array:
        q, k, v = jnp.split(affine(x, Wqkv, bqkv), 3, 1)  # (T, D) each

        def head(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
            return attention(q, k, v, mask=mask)

        each = [
            a.reshape(len(x), heads, x.shape[1] // heads) for a in (q, k, v)
        ]  # (T, heads, D / heads)
        y = jax.vmap(head, 1, 1)(*each)
        return affine(y.reshape(x.shape), Wo, bo)

    return jax.vmap(one, (0, None if mask is None else 0))(x, mask)


def rotary(x: jax.Array, *, base: Any = 10000, positions: jax.Array | None = None) -> jax.Array:
    """The rows of x turned by their positions (J. Su et al., 2021): the pair 2i and
    2i + 1 at m by the angle m base^(-2i/D); x (..., T, D), positions that stretch to
    (..., T), or None for 0 to T - 1; out (..., T, D).

    ValueError where D is odd, and where the shapes do not fit.

        >>> print((100 * rotary(jnp.array([[1.0, 0.0], [1.0, 0.0]]))).round().tolist())
        [[100.0, 0.0], [54.0, 84.0]]
    """
    T, D = fit("x (..., T, D)", x=x).values()
    if D % 2:
        raise ValueError(f"x has the shape {x.shape}, expected (..., T, D) with an even D")
    places = jnp.arange(T) if positions is None else positions
    stretched("positions", places, "x (..., T)", x.shape[:-1])
    out: jax.Array = _rotary(x, jnp.broadcast_to(places, x.shape[:-1]), base)
    return out


@jax.jit
def _rotary(x: jax.Array, positions: jax.Array, base: Any) -> jax.Array:
    D = x.shape[-1]
    rates = jnp.exp(-jnp.log(jnp.asarray(base, float)) * jnp.arange(0, D, 2).astype(float) / D)

    def row(x: jax.Array, position: jax.Array) -> jax.Array:
        angles = position.astype(float) * rates  # (D / 2,)
        cos, sin = jnp.cos(angles).astype(x.dtype), jnp.sin(angles).astype(x.dtype)
        even, odd = x[::2], x[1::2]
        return jnp.stack([even * cos - odd * sin, even * sin + odd * cos], 1).reshape(D)

    for _ in range(x.ndim - 1):
        row = jax.vmap(row)
    return row(x, positions)
