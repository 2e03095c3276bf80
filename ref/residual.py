"""A residual block, one example written and vmap for the others; compiled once
for the shapes."""

import jax

from ref.activations import relu
from ref.shapes import fit


def residual_block(x: jax.Array, W1: jax.Array, W2: jax.Array) -> jax.Array:
    """x + W2 relu(W1 x) of every example; x (..., D), W1 (H, D), W2 (D, H), out
    (..., D).

    ValueError where the shapes do not fit.

        >>> W1, W2 = jnp.array([[1.0, 0.0], [0.0, -1.0]]), jnp.array([[1.0, 1.0], [2.0, 2.0]])
        >>> residual_block(jnp.array([[3.0, 4.0]]), W1, W2)
        Array([[ 6., 10.]], dtype=float32)
    """
    fit("x (..., D), W1 (H, D), W2 (D, H)", x=x, W1=W1, W2=W2)
    out: jax.Array = _residual_block(x, W1, W2)
    return out


@jax.jit
def _residual_block(x: jax.Array, W1: jax.Array, W2: jax.Array) -> jax.Array:
    def one(x: jax.Array) -> jax.Array:
        return x + W2 @ relu(W1 @ x)  # (D, H) @ (H,) -> (D,)

    for _ in range(x.ndim - 1):
        one = jax.vmap(one)
    return one(x)
