"""A loss of logarithms and the activation in front of it, computed together,
from z: one example, y (O,) and z (O,).

Apart, softmax(60, -60) is (1, 8e-53), which float32 has as (1, 0): the loss is
then infinite, and its gradient, infinite times 0, no number. Together the
exponentials and the logarithms cancel on paper, before anything can underflow.
Each function has the formula that it is above the one that it computes; JAX
differentiates that, and the gradient is right to a few units of the last digit
of max(|yhat|, |y|), as `docs/accuracy.md` has it.
"""

from functools import partial

import jax
import jax.numpy as jnp

from ref.activations import Activation, Activations, exponentials, softmax, softplus
from ref.losses import LOSSES, Shares


def softmax_cross_entropy(y: jax.Array, z: jax.Array) -> jax.Array:
    """-y_i log softmax(z)_i

    as -y_i (z_i - m - log(1 + rest)), with m the largest z and rest the sum of
    e^(z_k - m) over the others.
    """
    m, log = log_sum(z)
    return -y * jnp.where(y == 0, 0, z - m - log)  # 0 log 0 = 0, of a class at -inf too


def log_sum(z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """log sum_k e^z_k as m and log(1 + rest)."""
    e, largest, m = exponentials(z)
    # That of m is 1, which log1p adds: taken away, not left out, so that its gradient stays.
    return m, jnp.log1p(jnp.where(largest, e - 1, e).sum())


def sigmoid_binary_cross_entropy(y: jax.Array, z: jax.Array) -> jax.Array:
    """-y log s(z) - (1 - y) log(1 - s(z)) as y softplus(-z) + (1 - y) softplus(z)"""
    return y * softplus(-z) + (1 - y) * softplus(z)


def sigmoid_cross_entropy(y: jax.Array, z: jax.Array) -> jax.Array:
    """-y log s(z) as y softplus(-z)"""
    return y * softplus(-z)


def softplus_cross_entropy(y: jax.Array, z: jax.Array) -> jax.Array:
    """-y log softplus(z), with z for the logarithm where softplus(z) = e^z -
    e^2z / 2 + ... is e^z to all digits."""
    e = jnp.exp(jnp.where(z < 0, z, 0))
    tiny = e * e == 0  # for exact numbers nowhere
    return -y * jnp.where(tiny, z, jnp.log(jnp.where(tiny, 1, softplus(z))))


def softmax_binary_cross_entropy(y: jax.Array, z: jax.Array) -> jax.Array:
    """-y_i log softmax(z)_i - (1 - y_i) log(1 - softmax(z)_i)

    where 1 - softmax(z)_i = sum_(k != i) e^z_k / sum_k e^z_k: a difference of
    two logarithms of sums, unless it is so near to 1 that log1p(-softmax(z)_i)
    is better.
    """
    yhat, no = softmax(z), 1 - y
    m, log = log_sum(z)
    m_others, log_others = jax.vmap(partial(_log_sum_without, z))(jnp.arange(z.size))
    of_sums = (m_others - m) + (log_others - log)
    # Beyond that 1 - yhat is too rough, and so is XLA's log1p of what is below -1/3.
    near_0 = yhat <= 0.25
    log_no = jnp.where(near_0, jnp.log1p(-jnp.where(near_0, yhat, 0)), of_sums)
    return softmax_cross_entropy(y, z) - no * jnp.where(no == 0, 0, log_no)


def _log_sum_without(z: jax.Array, i: jax.Array) -> tuple[jax.Array, jax.Array]:
    """log sum_(k != i) e^z_k as m and another logarithm."""
    others = jnp.arange(z.size) != i
    m = jax.lax.stop_gradient(jnp.where(others, z, -(-z).max()).max())
    return m, jnp.log(jnp.where(others, jnp.exp(jnp.where(others, z - m, 0)), 0).sum())


FUSED: dict[tuple[str, str], Shares] = {
    ("cross_entropy", "softmax"): softmax_cross_entropy,
    ("binary_cross_entropy", "sigmoid"): sigmoid_binary_cross_entropy,
    ("cross_entropy", "sigmoid"): sigmoid_cross_entropy,
    ("cross_entropy", "softplus"): softplus_cross_entropy,
    ("binary_cross_entropy", "softmax"): softmax_binary_cross_entropy,
}


def fuse(activations: Activations, loss: str) -> tuple[tuple[Activation, ...], Shares, bool]:
    """The activations with which the loss is a function of the last h, that
    function, and whether it is a fused one.

    Where it is, the last activation went into the loss: its layer ends with z.
    ValueError where the loss would take a logarithm of what has none.
    """
    last = activations[-1] if isinstance(activations[-1], str) else activations[-1][0]
    fused = FUSED.get((loss, last))
    if fused is None:
        # Of a loss of logarithms every pair is here in which yhat stays where these are defined.
        if ends := [f for known, f in FUSED if known == loss]:
            raise ValueError(
                f"the last activation is {last}, expected {' or '.join(ends)}: the loss {loss} "
                f"takes logarithms of yhat; what comes as logits needs {ends[0]}"
            )
        return tuple(activations), LOSSES[loss], False
    return (*activations[:-1], "identity"), fused, True
