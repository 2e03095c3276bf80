"""A dense layer, one example written and vmap for the others."""

import jax

from ref.shapes import fit


def affine(x: jax.Array, W: jax.Array, b: jax.Array | None = None) -> jax.Array:
    """x W^T + b, as W x + b of every example; x (..., I), W (O, I), b (O,) or None.

    ValueError where the shapes do not fit.

        >>> affine(jnp.array([[1, 2]]), jnp.array([[3, 4], [5, 6]]))
        Array([[11, 17]], dtype=int32)
    """
    fit("x (..., I), W (O, I), b (O)", x=x, W=W, b=b)

    def one(x: jax.Array) -> jax.Array:
        return W @ x if b is None else W @ x + b  # (O, I) @ (I,) -> (O,)

    rows = jax.vmap(one)(x.reshape(-1, x.shape[-1]))
    return rows.reshape(*x.shape[:-1], len(W))
