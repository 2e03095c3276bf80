"""The activations and losses of this package into buffers made once: each one
as the list of steps that it takes.

A step is a call without arguments that writes into a buffer. The formulas, and
the order of their operations, are those of `activations` and `losses`; a
pull-back stands below its function. Constants are arrays without an axis: a
Python number costs NumPy as much again as a small operation does.

What stands here is an optimisation: an activation or loss without a form in
place is computed by its own functions, into arrays that are made anew, and
copied.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from manual.activations import ACTIVATIONS, Array
from manual.losses import Loss

Step = Callable[[], Any]

FEW = 512  # entries; below, a mask of floats is faster than one of bools


class Buffers(NamedTuple):
    """What a layer computes with, all of one shape and contiguous: (units, N)
    if `units` is axis 0, (N, units) if 1.

    z may be h itself, for those activations of which the pull-back asks for no
    z.
    """

    z: Array
    h: Array
    d: Array  # dL/dh, and then dL/dz
    spare: Array
    mask: Array  # of bools
    row: Array  # one number an example, (1, N) or (N, 1)
    units: int

    def number(self, value: float) -> Array:
        """A number as an array without an axis, of the buffers' number type."""
        return np.asarray(value, self.h.dtype)


def identity(_: Buffers) -> list[Step]:
    """Nothing to do, forward or back."""
    return []


def relu(b: Buffers) -> list[Step]:
    """max(z, 0)"""
    z, zero, maximum = b.z, b.number(0), np.maximum
    return [lambda: maximum(z, zero, out=z)]  # a keyword costs a partial half as much again


def relu_pull_back(b: Buffers) -> list[Step]:
    """[h > 0] d"""
    if b.h.size < FEW:
        return [partial(np.sign, b.h, b.spare), partial(np.multiply, b.d, b.spare, b.d)]
    return [partial(np.greater, b.h, b.number(0), b.mask), partial(np.multiply, b.d, b.mask, b.d)]


def leaky_relu(b: Buffers, slope: float = 0.01) -> list[Step]:
    """The larger of z and slope z, or the smaller where the slope is above 1."""
    larger = np.maximum if slope <= 1 else np.minimum
    return [partial(np.multiply, b.z, b.number(slope), b.h), partial(larger, b.z, b.h, out=b.h)]


def leaky_relu_pull_back(b: Buffers, slope: float = 0.01) -> list[Step]:
    """d ([z <= 0] slope + [z > 0]): to copy by a mask would take ten times as long."""
    return [
        partial(np.greater, b.z, b.number(0), b.mask),
        partial(np.logical_not, b.mask, b.mask),
        partial(np.multiply, b.mask, b.number(slope), b.spare),
        partial(np.logical_not, b.mask, b.mask),
        partial(np.add, b.spare, b.mask, b.spare),
        partial(np.multiply, b.d, b.spare, b.d),
    ]


def _sigmoid(b: Buffers, h: Array, e: Array) -> list[Step]:
    """h = e^min(z, 0) / (1 + e^-|z|), and e = e^-|z|; h may be z, and e the
    other of z and the spare buffer."""
    return [
        partial(np.absolute, b.z, b.spare),
        partial(np.subtract, b.z, b.spare, h),
        partial(np.divide, h, b.number(2), h),
        partial(np.exp, h, h),
        partial(np.negative, b.spare, e),
        partial(np.exp, e, e),
        partial(np.add, e, b.number(1), b.spare),
        partial(np.divide, h, b.spare, h),
    ]


def sigmoid(b: Buffers) -> list[Step]:
    """z becomes e = e^-|z|."""
    return _sigmoid(b, b.h, b.z)


def sigmoid_pull_back(b: Buffers) -> list[Step]:
    """e / (1 + e)^2 d"""
    return [
        partial(np.add, b.z, b.number(1), b.spare),
        partial(np.multiply, b.spare, b.spare, b.spare),
        partial(np.divide, b.z, b.spare, b.spare),
        partial(np.multiply, b.d, b.spare, b.d),
    ]


def tanh(b: Buffers) -> list[Step]:
    """tanh(z)"""
    return [partial(np.tanh, b.z, b.h)]


def tanh_pull_back(b: Buffers) -> list[Step]:
    """4 e / (1 + e)^2 d, with e = e^-2|z|, which z becomes."""
    return [
        partial(np.absolute, b.z, b.z),
        partial(np.multiply, b.z, b.number(-2), b.z),
        partial(np.exp, b.z, b.z),
        partial(np.add, b.z, b.number(1), b.spare),
        partial(np.multiply, b.spare, b.spare, b.spare),
        partial(np.multiply, b.z, b.number(4), b.z),
        partial(np.divide, b.z, b.spare, b.z),
        partial(np.multiply, b.d, b.z, b.d),
    ]


def softplus(b: Buffers) -> list[Step]:
    """max(z, 0) + log(1 + e^-|z|), as (z + |z|) / 2 + log1p(e^-|z|)"""
    return [
        partial(np.absolute, b.z, b.spare),
        partial(np.add, b.z, b.spare, b.h),
        partial(np.divide, b.h, b.number(2), b.h),
        partial(np.negative, b.spare, b.spare),
        partial(np.exp, b.spare, b.spare),
        partial(np.log1p, b.spare, b.spare),
        partial(np.add, b.h, b.spare, b.h),
    ]


def softplus_pull_back(b: Buffers) -> list[Step]:
    """s(z) d; z becomes s(z)."""
    return [*_sigmoid(b, b.z, b.spare), partial(np.multiply, b.d, b.z, b.d)]


def _exponentials(b: Buffers) -> list[Step]:
    """h = e^(z - m), with m the largest z in row; what the difference rounds
    off is put back, as in `activations`."""
    lost, h = b.spare, b.h
    return [
        partial(np.maximum.reduce, b.z, b.units, None, b.row, True),
        partial(np.subtract, b.z, b.row, h),
        partial(np.subtract, h, b.z, lost),
        partial(np.subtract, h, lost, h),
        partial(np.subtract, b.z, h, h),
        partial(np.add, lost, b.row, lost),
        partial(np.subtract, h, lost, lost),
        partial(np.fmin, lost, b.number(1), lost),
        partial(np.subtract, b.z, b.row, h),
        partial(np.exp, h, h),
        partial(np.multiply, lost, h, lost),
        partial(np.add, h, lost, h),
    ]


def softmax(b: Buffers) -> list[Step]:
    """e^(z - m) / sum_k e^(z_k - m)"""
    return [
        *_exponentials(b),
        partial(np.add.reduce, b.h, b.units, None, b.row, True),
        partial(np.divide, b.h, b.row, b.h),
    ]


def softmax_pull_back(b: Buffers) -> list[Step]:
    """h (d - sum_k d_k h_k)"""
    return [
        partial(np.multiply, b.d, b.h, b.spare),
        partial(np.add.reduce, b.spare, b.units, None, b.row, True),
        partial(np.subtract, b.d, b.row, b.d),
        partial(np.multiply, b.h, b.d, b.d),
    ]


class InPlace(NamedTuple):
    """An activation, its pull-back, and whether that asks for z, which then
    needs a buffer of its own."""

    function: Callable[..., list[Step]]
    pull_back: Callable[..., list[Step]]
    keeps_z: bool


FORMS = {
    "identity": InPlace(identity, identity, keeps_z=False),
    "relu": InPlace(relu, relu_pull_back, keeps_z=False),
    "leaky_relu": InPlace(leaky_relu, leaky_relu_pull_back, keeps_z=True),
    "sigmoid": InPlace(sigmoid, sigmoid_pull_back, keeps_z=True),
    "tanh": InPlace(tanh, tanh_pull_back, keeps_z=True),
    "softplus": InPlace(softplus, softplus_pull_back, keeps_z=True),
    "softmax": InPlace(softmax, softmax_pull_back, keeps_z=True),
}


def in_place(name: str) -> InPlace:
    """The form that an activation has here, or one of its functions."""
    return FORMS[name] if name in FORMS else by_functions(name)


def by_functions(name: str) -> InPlace:
    """An activation without a form in place, which all can be computed like.

    Its functions take the units as the last axis.
    """
    record = ACTIVATIONS[name]

    def rows(b: Buffers, array: Array) -> Array:
        return array if b.units else array.T

    def function(b: Buffers, *parameters: Any) -> list[Step]:
        z, h = rows(b, b.z), rows(b, b.h)
        return [lambda: np.copyto(h, record.value(z, *parameters))]

    def back(b: Buffers, *parameters: Any) -> list[Step]:
        z, d = rows(b, b.z), rows(b, b.d)
        return [lambda: np.copyto(d, record.pull_back(z, d, *parameters))]

    return InPlace(function, back, keeps_z=True)


class Answers:
    """What a loss computes with: y, yhat and d, which becomes dL/dyhat, (N, O)
    each, and buffers of that shape.

    Of a fused loss yhat is z, and d becomes dL/dz. `flat` is d as it lies in
    memory, in one axis: the dot product with itself is the quickest sum of
    squares.
    """

    def __init__(self, yhat: Array, d: Array):
        order: Any = "C" if d.flags.c_contiguous else "F"
        self.y: Any = None
        self.yhat, self.d = yhat, d
        self.flat = d.reshape(-1, order=order)
        self.t, self.other_y, self.other_yhat, self.other_d = (np.empty_like(d) for _ in range(4))
        self.mask = np.empty(d.shape, bool, order)
        self.zero, self.one, self.two, self.outputs = (
            np.asarray(k, d.dtype) for k in (0, 1, 2, d.shape[1])
        )
        self.half = d.dtype.type(0.5)
        self.row, self.other_row = (np.empty((len(d), 1), d.dtype) for _ in range(2))
        self.exponentials = _exponentials(
            Buffers(yhat, self.other_yhat, d, self.t, self.mask, self.row, units=1)
        )


def half_squared_error(a: Answers) -> Any:
    """|yhat - y|^2 / 2, and d = yhat - y"""
    np.subtract(a.yhat, a.y, a.d)
    return a.flat.dot(a.flat) * a.half


def squared_error(a: Answers) -> Any:
    """|yhat - y|^2, and d = 2 (yhat - y)"""
    np.subtract(a.yhat, a.y, a.d)
    L = a.flat.dot(a.flat)
    np.multiply(a.d, a.two, a.d)
    return L


def mean_squared_error(a: Answers) -> Any:
    """|yhat - y|^2 / O, and d = 2 (yhat - y) / O"""
    L = squared_error(a) / a.outputs
    np.divide(a.d, a.outputs, a.d)
    return L


def _cross_entropy(a: Answers, y: Array, yhat: Array, d: Array) -> Any:
    """sum -y log(yhat), and d = -y / yhat, both 0 where y is 0."""
    np.multiply(yhat, a.zero, a.t)
    np.add(a.t, a.one, a.t)
    np.not_equal(y, a.zero, a.mask)
    np.copyto(a.t, yhat, where=a.mask)
    np.divide(y, a.t, d)
    np.negative(d, d)
    np.log(a.t, a.t)
    np.multiply(y, a.t, a.t)
    return -np.add.reduce(a.t, None)


def cross_entropy(a: Answers) -> Any:
    """sum -y log(yhat), and d = -y / yhat"""
    with np.errstate(divide="ignore"):
        return _cross_entropy(a, a.y, a.yhat, a.d)


def binary_cross_entropy(a: Answers) -> Any:
    """The cross-entropy of y, yhat plus that of 1 - y, 1 - yhat, whose d counts
    negative."""
    np.subtract(a.one, a.y, a.other_y)
    np.subtract(a.one, a.yhat, a.other_yhat)
    with np.errstate(divide="ignore"):
        L = _cross_entropy(a, a.y, a.yhat, a.d) + _cross_entropy(
            a, a.other_y, a.other_yhat, a.other_d
        )
    np.subtract(a.d, a.other_d, a.d)
    return L


def output(a: Answers) -> Any:
    """sum yhat, and d = 1"""
    a.d.fill(1)
    return np.add.reduce(a.yhat, None)


def softmax_cross_entropy(a: Answers) -> Any:
    """sum -y log softmax(z), and d = softmax(z) sum_i y_i - y

    All that are as large as the largest give e^0 = 1, of which log1p adds one.
    """
    log_softmax, e, rest = a.d, a.other_yhat, a.row
    with np.errstate(invalid="ignore"):  # of a class whose z is -inf
        for step in a.exponentials:
            step()
    np.subtract(a.yhat, a.row, log_softmax)
    np.equal(log_softmax, a.zero, a.mask)
    np.add.reduce(a.mask, 1, a.d.dtype, a.other_row, keepdims=True)
    np.subtract(a.other_row, a.one, a.other_row)
    np.subtract(e, a.mask, a.t)
    np.add.reduce(a.t, 1, None, rest, keepdims=True)
    np.add(rest, a.other_row, rest)
    np.log1p(rest, a.other_row)
    np.subtract(log_softmax, a.other_row, log_softmax)
    np.equal(a.y, a.zero, a.mask)
    np.copyto(log_softmax, a.zero, where=a.mask)  # 0 log 0 = 0
    np.multiply(a.y, log_softmax, a.t)
    np.add(rest, a.one, rest)
    np.divide(e, rest, e)  # yhat
    np.add.reduce(a.y, 1, None, a.row, keepdims=True)
    np.multiply(e, a.row, a.d)
    np.subtract(a.d, a.y, a.d)
    return -np.add.reduce(a.t, None)


def _prepare_sigmoid(a: Answers) -> tuple[Array, Array, Array]:
    """|z|, e^-|z| and log(1 + e^-|z|), in buffers."""
    size, e, log = a.other_d, a.t, a.other_yhat
    np.absolute(a.yhat, size)
    np.negative(size, e)
    np.exp(e, e)
    np.log1p(e, log)
    return size, e, log


def _softplus(a: Answers, size: Array, log: Array, out: Array, sign: Any) -> None:
    """softplus(z) = (|z| + z) / 2 + log(1 + e^-|z|) where `sign` is np.add,
    softplus(-z) where it is np.subtract."""
    sign(size, a.yhat, out)
    np.divide(out, a.two, out)
    np.add(out, log, out)


def _sigmoid_of(a: Answers, twice: Array, one_and_e: Array) -> None:
    """s(z) in place of `twice`, z - |z|, or s(-z) in place of -z - |z|."""
    np.divide(twice, a.two, twice)
    np.exp(twice, twice)
    np.divide(twice, one_and_e, twice)


def sigmoid_binary_cross_entropy(a: Answers) -> Any:
    """sum y softplus(-z) + (1 - y) softplus(z), and d = (1 - y) s(z) - y s(-z)"""
    size, e, log = _prepare_sigmoid(a)
    _softplus(a, size, log, a.d, np.subtract)
    np.multiply(a.y, a.d, a.d)
    _softplus(a, size, log, a.other_y, np.add)
    np.subtract(a.one, a.y, log)
    np.multiply(log, a.other_y, a.other_y)
    np.add(a.d, a.other_y, a.d)
    L = np.add.reduce(a.d, None)
    yes, no = log, size  # s(-z) and s(z)
    np.add(a.yhat, size, yes)
    np.negative(yes, yes)
    np.subtract(a.yhat, size, no)
    np.add(e, a.one, e)
    _sigmoid_of(a, yes, e)
    _sigmoid_of(a, no, e)
    np.subtract(a.one, a.y, a.other_y)
    np.multiply(a.other_y, no, no)
    np.multiply(a.y, yes, yes)
    np.subtract(no, yes, a.d)
    return L


def sigmoid_cross_entropy(a: Answers) -> Any:
    """sum y softplus(-z), and d = -y s(-z)"""
    size, e, log = _prepare_sigmoid(a)
    _softplus(a, size, log, a.d, np.subtract)
    np.multiply(a.y, a.d, a.d)
    L = np.add.reduce(a.d, None)
    np.add(a.yhat, size, size)
    np.negative(size, size)
    np.add(e, a.one, e)
    _sigmoid_of(a, size, e)
    np.multiply(a.y, size, a.d)
    np.negative(a.d, a.d)
    return L


def _by_formula(loss: Loss, a: Answers) -> Any:
    """A loss without a form in place: what it computes with is made anew."""
    np.copyto(a.d, loss.d(a.y, a.yhat))
    return loss.value(a.y, a.yhat).sum()


# Each returns the sum of its shares over outputs and examples, and leaves its dL/dyhat in d.
LOSSES: dict[str, Callable[[Answers], Any]] = {
    "half_squared_error": half_squared_error,
    "squared_error": squared_error,
    "mean_squared_error": mean_squared_error,
    "binary_cross_entropy": binary_cross_entropy,
    "cross_entropy": cross_entropy,
    "output": output,
}
# The fused ones, of z: these leave dL/dz in d.
FUSED: dict[tuple[str, str], Callable[[Answers], Any]] = {
    ("cross_entropy", "softmax"): softmax_cross_entropy,
    ("binary_cross_entropy", "sigmoid"): sigmoid_binary_cross_entropy,
    ("cross_entropy", "sigmoid"): sigmoid_cross_entropy,
}


def loss_in_place(name: str, fused_with: str | None, loss: Loss) -> Callable[[Answers], Any]:
    """The form that a loss has here, alone or fused, or one of its functions."""
    form = LOSSES.get(name) if fused_with is None else FUSED.get((name, fused_with))
    return form or partial(_by_formula, loss)
