"""Losses of one example: y (O,) and yhat (O,) in, the outputs' shares (O,) out.
Their gradients are JAX's business."""

import difflib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Shares = Callable[[Any, jax.Array], jax.Array]  # of y, which is None for some losses, and yhat


def half_squared_error(y: jax.Array, yhat: jax.Array) -> jax.Array:
    """(y - yhat)^2 / 2"""
    return (y - yhat) ** 2 / 2


def squared_error(y: jax.Array, yhat: jax.Array) -> jax.Array:
    """(y - yhat)^2, which the family of this name halves unless half=False."""
    return (y - yhat) ** 2


def mean_squared_error(y: jax.Array, yhat: jax.Array) -> jax.Array:
    """The mean over the outputs: a share is (y - yhat)^2 / O."""
    return (y - yhat) ** 2 / yhat.size


def binary_cross_entropy(y: jax.Array, yhat: jax.Array) -> jax.Array:
    """-y log(yhat) - (1 - y) log(1 - yhat), with 0 log 0 = 0."""
    return cross_entropy(y, yhat) + cross_entropy(1 - y, 1 - yhat)


def cross_entropy(y: jax.Array, yhat: jax.Array) -> jax.Array:
    """-y log(yhat), with 0 log 0 = 0; infinite where yhat is 0 and y is not."""
    # The logarithm of 1 where y is 0: a gradient through log(0) is NaN even if its factor is 0.
    return -y * jnp.log(jnp.where(y == 0, 1, yhat))


def output(y: jax.Array | None, yhat: jax.Array) -> jax.Array:
    """The single output itself: the network's value is its loss."""
    return yhat


_ALL: tuple[Shares, ...] = (
    half_squared_error,
    squared_error,
    mean_squared_error,
    binary_cross_entropy,
    cross_entropy,
    output,
)
LOSSES = {loss.__name__: loss for loss in _ALL}
REDUCTIONS: dict[str, Callable[..., jax.Array]] = {"mean": jnp.mean, "sum": jnp.sum}

# What else people call a loss.
ALSO_CALLED = {
    "mse": "mean_squared_error",
    "sse": "squared_error",
    "bce": "binary_cross_entropy",
    "log_loss": "binary_cross_entropy",
    "sigmoid_cross_entropy": "binary_cross_entropy",
    "ce": "cross_entropy",
    "nll": "cross_entropy",
    "categorical_crossentropy": "cross_entropy",
}


def near_name(loss: Any) -> str:
    """Which loss is most likely meant by a name that none has, as a question; "" where none is."""
    name = str(loss).lower()
    near = difflib.get_close_matches(ALSO_CALLED.get(name, name), LOSSES, 1)
    return f": did you mean {near[0]!r}?" if near else ""
