"""Losses, each directly above its gradient, the rate of that, and its derivative by the target.

Every loss is a sum over the outputs, so each function here gives the share of every output: y and yhat are
(N, O), and so is the result. The derivatives d_ are those of a share by its own yhat, the rates r_ say how these change
where yhat changes at the rate r_yhat, and those `by_y` are by its own y. `reduce` adds the shares up.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def half_squared_error(y: Array, yhat: Array) -> Array:
    return (yhat - y) ** 2 / 2


def d_half_squared_error(y: Array, yhat: Array) -> Array:
    return yhat - y


def r_half_squared_error(y: Array, yhat: Array, r_yhat: Array) -> Array:
    return r_yhat


def d_half_squared_error_by_y(y: Array, yhat: Array) -> Array:
    return y - yhat


def squared_error(y: Array, yhat: Array) -> Array:
    return (yhat - y) ** 2


def d_squared_error(y: Array, yhat: Array) -> Array:
    return 2 * (yhat - y)


def r_squared_error(y: Array, yhat: Array, r_yhat: Array) -> Array:
    return 2 * r_yhat


def d_squared_error_by_y(y: Array, yhat: Array) -> Array:
    return 2 * (y - yhat)


def mean_squared_error(y: Array, yhat: Array) -> Array:
    """The mean over the outputs: a share is (yhat - y)^2 / O."""
    return (yhat - y) ** 2 / yhat.shape[-1]


def d_mean_squared_error(y: Array, yhat: Array) -> Array:
    return 2 * (yhat - y) / yhat.shape[-1]


def r_mean_squared_error(y: Array, yhat: Array, r_yhat: Array) -> Array:
    return 2 * r_yhat / yhat.shape[-1]


def d_mean_squared_error_by_y(y: Array, yhat: Array) -> Array:
    return 2 * (y - yhat) / yhat.shape[-1]


def binary_cross_entropy(y: Array, yhat: Array) -> Array:
    """-y log(yhat) - (1 - y) log(1 - yhat), with 0 log 0 = 0."""
    return cross_entropy(y, yhat) + cross_entropy(1 - y, 1 - yhat)


def d_binary_cross_entropy(y: Array, yhat: Array) -> Array:
    return d_cross_entropy(y, yhat) - d_cross_entropy(1 - y, 1 - yhat)


def r_binary_cross_entropy(y: Array, yhat: Array, r_yhat: Array) -> Array:
    return r_cross_entropy(y, yhat, r_yhat) + r_cross_entropy(1 - y, 1 - yhat, r_yhat)


def d_binary_cross_entropy_by_y(y: Array, yhat: Array) -> Array:
    """-log(yhat) + log(1 - yhat), also where y is 0 or 1."""
    return d_cross_entropy_by_y(y, yhat) - d_cross_entropy_by_y(1 - y, 1 - yhat)


def cross_entropy(y: Array, yhat: Array) -> Array:
    """-y log(yhat), with 0 log 0 = 0; infinite where yhat is 0 and y is not."""
    with np.errstate(divide="ignore", over="ignore"):
        return -y * np.log(np.where(y == 0, 1 + 0 * yhat, yhat))


def d_cross_entropy(y: Array, yhat: Array) -> Array:
    with np.errstate(divide="ignore", over="ignore"):
        return -y / np.where(y == 0, 1 + 0 * yhat, yhat)


def r_cross_entropy(y: Array, yhat: Array, r_yhat: Array) -> Array:
    with np.errstate(divide="ignore", over="ignore"):
        return y / np.where(y == 0, 1 + 0 * yhat, yhat) ** 2 * r_yhat


def d_cross_entropy_by_y(y: Array, yhat: Array) -> Array:
    """-log(yhat), also where y is 0: there 0 log 0 = 0 is about the value, not about its slope."""
    with np.errstate(divide="ignore", over="ignore"):
        return -np.log(yhat)


def output(y: Array | None, yhat: Array) -> Array:
    """The single output itself: the network's value is its loss."""
    return yhat


def d_output(y: Array | None, yhat: Array) -> Array:
    return yhat**0


def r_output(y: Array | None, yhat: Array, r_yhat: Array) -> Array:
    return 0 * r_yhat


# The loss, its gradient, and the rate of that.
LOSSES: dict[str, tuple[Callable[..., Array], Callable[..., Array], Callable[..., Array]]] = {
    "half_squared_error": (half_squared_error, d_half_squared_error, r_half_squared_error),
    "squared_error": (squared_error, d_squared_error, r_squared_error),
    "mean_squared_error": (mean_squared_error, d_mean_squared_error, r_mean_squared_error),
    "binary_cross_entropy": (binary_cross_entropy, d_binary_cross_entropy, r_binary_cross_entropy),
    "cross_entropy": (cross_entropy, d_cross_entropy, r_cross_entropy),
    "output": (output, d_output, r_output),
}
# The derivative by y, of the losses that have one.
BY_TARGET: dict[str, Callable[..., Array]] = {
    "half_squared_error": d_half_squared_error_by_y,
    "squared_error": d_squared_error_by_y,
    "mean_squared_error": d_mean_squared_error_by_y,
    "binary_cross_entropy": d_binary_cross_entropy_by_y,
    "cross_entropy": d_cross_entropy_by_y,
}
RATIONAL = (
    "half_squared_error",
    "squared_error",
    "mean_squared_error",
    "output",
)  # exact on Fractions
REDUCTIONS = ("mean", "sum")


def reduce(shares: Array, reduction: str) -> Any:
    """L from the shares (N, O): the sum over the outputs, and the mean or the sum over the N examples."""
    total = shares.sum()
    return total / len(shares) if reduction == "mean" else total


def d_reduce(d_shares: Array, reduction: str) -> Array:
    """dL/dyhat (N, O) from the gradients of the shares: 1/N of each for the mean."""
    return d_shares / len(d_shares) if reduction == "mean" else d_shares
