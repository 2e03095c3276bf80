"""Losses, each directly above its gradient, the rate of that, and its
derivative by the target.

Every loss is a sum over the outputs, so each function here gives the share of
every output: y and yhat are (N, O), and so is the result. The derivatives d_
are those of a share by its own yhat, the rates r_ say how these change where
yhat changes at the rate r_yhat, and those `by_y` are by its own y. `reduce`
adds the shares up.

Right below its functions each loss has its record in `LOSSES`: a new one is
written here, and in no other file.
"""

import difflib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Loss(NamedTuple):
    """A loss as a function of y and of what stands in front of it.

    It has the shares, their derivative, and the rate of that; `by_y` is the
    derivative by the target, None where there is no target. `rational` says
    whether all of it is exact on Fractions.
    """

    value: Callable[..., Array]
    d: Callable[..., Array]
    r: Callable[..., Array]
    by_y: Callable[..., Array] | None = None
    rational: bool = False


LOSSES: dict[str, Loss] = {}  # by name


def _exchanged(d: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """The derivative by y where y and yhat may change places: that by yhat, of these exchanged."""
    return lambda y, yhat: d(yhat, y)


def half_squared_error(y: Array, yhat: Array) -> Array:
    """(yhat - y)^2 / 2"""
    return (yhat - y) ** 2 / 2


def d_half_squared_error(y: Array, yhat: Array) -> Array:
    """yhat - y"""
    return yhat - y


def r_half_squared_error(y: Array, yhat: Array, r_yhat: Array) -> Array:
    """r_yhat"""
    return r_yhat


LOSSES["half_squared_error"] = Loss(
    half_squared_error,
    d_half_squared_error,
    r_half_squared_error,
    _exchanged(d_half_squared_error),
    rational=True,
)


def squared_error(y: Array, yhat: Array) -> Array:
    """(yhat - y)^2, which the family of this name halves unless half=False."""
    return (yhat - y) ** 2


def d_squared_error(y: Array, yhat: Array) -> Array:
    """2 (yhat - y)"""
    return 2 * (yhat - y)


def r_squared_error(y: Array, yhat: Array, r_yhat: Array) -> Array:
    """2 r_yhat"""
    return 2 * r_yhat


LOSSES["squared_error"] = Loss(
    squared_error, d_squared_error, r_squared_error, _exchanged(d_squared_error), rational=True
)


def mean_squared_error(y: Array, yhat: Array) -> Array:
    """The mean over the outputs: a share is (yhat - y)^2 / O."""
    return (yhat - y) ** 2 / yhat.shape[-1]


def d_mean_squared_error(y: Array, yhat: Array) -> Array:
    """2 (yhat - y) / O"""
    return 2 * (yhat - y) / yhat.shape[-1]


def r_mean_squared_error(y: Array, yhat: Array, r_yhat: Array) -> Array:
    """2 r_yhat / O"""
    return 2 * r_yhat / yhat.shape[-1]


LOSSES["mean_squared_error"] = Loss(
    mean_squared_error,
    d_mean_squared_error,
    r_mean_squared_error,
    _exchanged(d_mean_squared_error),
    rational=True,
)


def binary_cross_entropy(y: Array, yhat: Array) -> Array:
    """-y log(yhat) - (1 - y) log(1 - yhat), with 0 log 0 = 0."""
    return cross_entropy(y, yhat) + cross_entropy(1 - y, 1 - yhat)


def d_binary_cross_entropy(y: Array, yhat: Array) -> Array:
    """-y / yhat + (1 - y) / (1 - yhat)"""
    return d_cross_entropy(y, yhat) - d_cross_entropy(1 - y, 1 - yhat)


def r_binary_cross_entropy(y: Array, yhat: Array, r_yhat: Array) -> Array:
    """(y / yhat^2 + (1 - y) / (1 - yhat)^2) r_yhat"""
    return r_cross_entropy(y, yhat, r_yhat) + r_cross_entropy(1 - y, 1 - yhat, r_yhat)


def d_binary_cross_entropy_by_y(y: Array, yhat: Array) -> Array:
    """-log(yhat) + log(1 - yhat), also where y is 0 or 1."""
    return d_cross_entropy_by_y(y, yhat) - d_cross_entropy_by_y(1 - y, 1 - yhat)


LOSSES["binary_cross_entropy"] = Loss(
    binary_cross_entropy,
    d_binary_cross_entropy,
    r_binary_cross_entropy,
    d_binary_cross_entropy_by_y,
)


def cross_entropy(y: Array, yhat: Array) -> Array:
    """-y log(yhat), with 0 log 0 = 0; infinite where yhat is 0 and y is not."""
    with np.errstate(divide="ignore", over="ignore"):
        return -y * np.log(np.where(y == 0, 1 + 0 * yhat, yhat))


def d_cross_entropy(y: Array, yhat: Array) -> Array:
    """-y / yhat, and 0 where y is 0."""
    with np.errstate(divide="ignore", over="ignore"):
        return -y / np.where(y == 0, 1 + 0 * yhat, yhat)


def r_cross_entropy(y: Array, yhat: Array, r_yhat: Array) -> Array:
    """y / yhat^2 r_yhat, and 0 where y is 0."""
    with np.errstate(divide="ignore", over="ignore"):
        return y / np.where(y == 0, 1 + 0 * yhat, yhat) ** 2 * r_yhat


def d_cross_entropy_by_y(y: Array, yhat: Array) -> Array:
    """-log(yhat), also where y is 0: there 0 log 0 = 0 is about the value, not about its slope."""
    with np.errstate(divide="ignore", over="ignore"):
        return -np.log(yhat)


LOSSES["cross_entropy"] = Loss(
    cross_entropy, d_cross_entropy, r_cross_entropy, d_cross_entropy_by_y
)


def output(y: Array | None, yhat: Array) -> Array:
    """The single output itself: the network's value is its loss."""
    return yhat


def d_output(y: Array | None, yhat: Array) -> Array:
    """1"""
    return yhat**0


def r_output(y: Array | None, yhat: Array, r_yhat: Array) -> Array:
    """0"""
    return 0 * r_yhat


LOSSES["output"] = Loss(output, d_output, r_output, rational=True)

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

REDUCTIONS = ("mean", "sum")


def near_name(loss: Any) -> str:
    """Which loss is most likely meant by a name that none has, as a question; "" where none is."""
    name = str(loss).lower()
    near = difflib.get_close_matches(ALSO_CALLED.get(name, name), LOSSES, 1)
    return f": did you mean {near[0]!r}?" if near else ""


def reduce(shares: Array, reduction: str) -> Any:
    """L from the shares (N, O): the sum over the outputs, and the mean or the
    sum over the N examples."""
    total = shares.sum()
    return total / len(shares) if reduction == "mean" else total


def d_reduce(d_shares: Array, reduction: str) -> Array:
    """dL/dyhat (N, O) from the gradients of the shares: 1/N of each for the mean."""
    return d_shares / len(d_shares) if reduction == "mean" else d_shares
