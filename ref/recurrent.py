"""Recurrent layers: one step and one example, lax.scan for the others in time,
vmap for those in the batch."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ref.activations import sigmoid, tanh
from ref.shapes import fit

Weights = tuple[jax.Array, jax.Array, jax.Array]  # W, U and b
Step = Callable[[Weights, Any, jax.Array], tuple[Any, Any]]


@partial(jax.jit, static_argnums=0)
def _through_time(step: Step, weights: Weights, first: Any, x: jax.Array) -> Any:
    """What a step gives at every time of every example; x (N, T, D), and `first`
    the state before, of arrays (N, H). Compiled once for the shapes."""

    def one(first: Any, x: jax.Array) -> Any:
        return jax.lax.scan(partial(step, weights), first, x)[1]

    return jax.vmap(one)(first, x)


def _rnn(weights: Weights, h: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    W, U, b = weights
    h = tanh(W @ x + U @ h + b)
    return h, h


def rnn(x: jax.Array, h0: jax.Array, W: jax.Array, U: jax.Array, b: jax.Array) -> jax.Array:
    """The states of an RNN (J. Elman, 1990), h_t = tanh(W x_t + U h_(t-1) + b); x
    (N, T, D), h0 (N, H), W (H, D), U (H, H), b (H,), out (N, T, H).

    ValueError where the shapes do not fit.

        >>> x, one = jnp.ones((1, 3, 1)), jnp.ones((1, 1))
        >>> print((100 * rnn(x, one, one, -one, jnp.zeros(1))).round().ravel())
        [ 0. 76. 23.]
    """
    fit("x (N, T, D), h0 (N, H), W (H, D), U (H, H), b (H)", x=x, h0=h0, W=W, U=U, b=b)
    out: jax.Array = _through_time(_rnn, (W, U, b), h0, x)
    return out


def _lstm(weights: Weights, state: Any, x: jax.Array) -> tuple[Any, Any]:
    (W, U, b), (h, c) = weights, state
    a = W @ x + U @ h + b
    i, f, _, o = jnp.split(sigmoid(a), 4)
    c = f * c + i * tanh(jnp.split(a, 4)[2])
    h = o * tanh(c)
    return (h, c), (h, c)


def lstm(
    x: jax.Array,
    h0: jax.Array,
    c0: jax.Array,
    W: jax.Array,
    U: jax.Array,
    b: jax.Array,
    *,
    cells: bool = False,
) -> Any:
    """The states of an LSTM (F. Gers et al., 2000); x (N, T, D), h0 (N, H), c0
    (N, H), W (4H, D), U (4H, H), b (4H,), gates i, f, g, o; out (N, T, H).

    With `cells`, out is a pair, of the states and the cells at all times, each
    (N, T, H): the last cells are out[1][:, -1]. ValueError where the shapes do
    not fit.

        >>> x, one = jnp.ones((1, 2, 1)), jnp.ones((1, 1))
        >>> W, U, b = jnp.ones((4, 1)), jnp.zeros((4, 1)), jnp.zeros(4)
        >>> h, c = lstm(x, one, one, W, U, b, cells=True)
        >>> print((100 * h).round().ravel(), (100 * c).round().ravel())
        [63. 66.] [129. 150.]
    """
    shapes = "x (N, T, D), h0 (N, H), c0 (N, H), W (4H, D), U (4H, H), b (4H)"
    fit(shapes, x=x, h0=h0, c0=c0, W=W, U=U, b=b)
    h, c = _through_time(_lstm, (W, U, b), (h0, c0), x)
    return (h, c) if cells else h


def _gru(weights: Weights, h: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    W, U, b = weights
    a, u, units = W @ x + b, U @ h, len(h)
    p = (a + u)[: 2 * units]
    (r, z), (_, no_z) = jnp.split(sigmoid(p), 2), jnp.split(sigmoid(-p), 2)  # 1 - s(p) is s(-p)
    h = no_z * tanh(a[2 * units :] + r * u[2 * units :]) + z * h
    return h, h


def gru(x: jax.Array, h0: jax.Array, W: jax.Array, U: jax.Array, b: jax.Array) -> jax.Array:
    """The states of a GRU (K. Cho et al., 2014), in the variant of cuDNN and torch,
    n = tanh(W_n x + b_n + r * (U_n h)); x (N, T, D), h0 (N, H), W (3H, D), U (3H,
    H), b (3H,), gates r, z, n; out (N, T, H).

    ValueError where the shapes do not fit.

        >>> x, one = jnp.ones((1, 2, 1)), jnp.ones((1, 1))
        >>> W, U, b = jnp.ones((3, 1)), jnp.zeros((3, 1)), jnp.zeros(3)
        >>> print((100 * gru(x, one, W, U, b)).round().ravel())
        [94. 89.]
    """
    fit("x (N, T, D), h0 (N, H), W (3H, D), U (3H, H), b (3H)", x=x, h0=h0, W=W, U=U, b=b)
    out: jax.Array = _through_time(_gru, (W, U, b), h0, x)
    return out
