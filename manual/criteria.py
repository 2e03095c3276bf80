"""Losses: how far what a network gives is from what it should give.

Every example has a loss, and these are added up at the end: L is their sum, their
mean over the N examples, or all of them ("sum", "mean", "none"). An example's
loss l_n is a sum over its outputs and never a mean over these: "mean" is over the
examples alone. With dL the cotangent of L, that of l_n is

    dL/dl_n = dL / N, dL or dL_n                                           (1)

Squared error, with r = yhat - y, halved where `half` is true:

    l_n = sum_o r_no^2 / 2                                                 (2)
    dl_n/dyhat_no = r_no,  dl_n/dy_no = -r_no                              (3)

Huber's, square up to delta and linear beyond; c is r, cut off at -delta and delta:

    l_n = sum_o c_no (r_no - c_no / 2)                                     (4)
    dl_n/dyhat_no = c_no,  dl_n/dy_no = -c_no                              (5)

since beyond delta c is constant and within r - c is 0. Cross-entropy of a softmax,
with p_k = e^z_k / sum_i e^z_i and y the probabilities that are right, which are 1
for the label and 0 for the others where there is a label:

    l = -sum_k y_k log p_k                                                 (6)
    dl/dz_k = p_k sum_i y_i - y_k,  dl/dy_k = -log p_k                     (7)

since d log p_i / dz_k = [i = k] - p_k. Of many answers, each yes or no, with y the
probability of the yes and s(z) = 1 / (1 + e^-z):

    l_n = -sum_o (y_no log s(z_no) + (1 - y_no) log s(-z_no))              (8)
    dl_n/dz_no = s(z_no) - y_no,  dl_n/dy_no = -z_no                       (9)

since log s(z) - log s(-z) = z. The hinge of several classes, with the label y:

    v_k = s_k - s_y + margin,  l = sum_(k != y) max(v_k, 0)               (10)
    dl/ds_k = [v_k > 0] for k != y,  dl/ds_y = -sum_(k != y) [v_k > 0]    (11)

What is a matter of choice: at v = 0 the slope of the hinge is 0. A class at -inf
whose probability y is 0 adds nothing to the loss or to a gradient; a row of z that
is -inf throughout has no softmax, and its loss is NaN. Of no examples "sum" is 0,
and "mean" an error.

huber: P. Huber, 1964; hinge: J. Weston and C. Watkins, 1999.
"""

from typing import Any

import numpy as np

from manual import fused
from manual.activations import Array, number, relu
from manual.door import fit_dout
from manual.shapes import alike, are_arrays, fit

REDUCTIONS = ("mean", "sum", "none")

Cache = tuple[Any, ...]


def check_reduction(reduction: str, examples: tuple[int, ...]) -> None:
    """ValueError for a reduction that does not exist, and for the mean of no
    examples; `examples` is the shape of their losses."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, expected one of {', '.join(REDUCTIONS)}")
    if reduction == "mean" and 0 in examples:
        raise ValueError('found no examples, expected at least one for a mean: write "sum"')


def reduce(losses: Array, reduction: str) -> Any:
    """L from the losses of the examples, of any shape: their mean, their sum, or
    themselves.

        >>> reduce(np.array([1.0, 3.0]), "mean")
        np.float64(2.0)
    """
    if reduction == "none":
        return losses
    total = losses.sum()
    return total / number(losses, losses.size) if reduction == "mean" else total


def d_reduce(dout: Any, losses: Array, reduction: str) -> Array:
    """The gradients by the losses, of their shape, from that by L."""
    fit_dout(dout, losses.shape if reduction == "none" else ())
    every = np.broadcast_to(np.asarray(dout, losses.dtype), losses.shape)
    return every / number(losses, losses.size) if reduction == "mean" else every  # (1)


def squared_error_forward(
    yhat: Array, y: Array, *, half: bool = True, reduction: str = "mean"
) -> tuple[Any, Cache]:
    """The squares of yhat - y, halved unless `half` is false, and what the way back
    needs; yhat and y (N, ...) of one shape.

    "mean" is the mean over the examples, the first axis, of the sum over the
    outputs; "sum" adds up the examples, "none" gives them, (N,). ValueError
    for another reduction, and where shapes or types of numbers do not fit.
    Halved it is `loss="half_squared_error"` of `value_and_grad`, and with
    half=False `loss="squared_error"`.

        >>> squared_error_forward(np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros((2, 2)))[0]
        np.float64(7.5)
    """
    alike(yhat=yhat, y=y)
    check_reduction(reduction, examples(yhat, "yhat"))
    r = yhat - y  # (N, ...)
    losses = of_examples(r * r / 2 if half else r * r)  # (2): (N, ...) -> (N,)
    return reduce(losses, reduction), (r, losses, half, reduction)


def squared_error_backward(dout: Any, cache: Cache) -> tuple[Array, Array]:
    """The gradients by yhat and y, of their shape; dout of the shape of what the
    forward pass gave."""
    r, losses, half, reduction = cache
    d_losses = over_outputs(d_reduce(dout, losses, reduction), r)  # (1): (N,) -> (N, 1, ...)
    # In the forward pass this was l = sum r^2 / 2 with r = yhat - y, so now
    d_r = d_losses * r if half else d_losses * (2 * r)  # (3): (N, ...)
    return d_r, -d_r


def huber_forward(
    yhat: Array, y: Array, *, delta: Any = 1, reduction: str = "mean"
) -> tuple[Any, Cache]:
    """Half the square of yhat - y up to delta, linear beyond, and what the way back
    needs; yhat and y (N, ...) of one shape.

    "mean" is the mean over the examples, the first axis, of the sum over the
    outputs; "sum" adds up the examples, "none" gives them, (N,). ValueError
    for another reduction, for a delta that is not above 0, and where shapes or types
    of numbers do not fit.

        >>> huber_forward(np.array([[0.5, 3.0]]), np.zeros((1, 2)))[0]
        np.float64(2.625)
    """
    alike(yhat=yhat, y=y)
    check_reduction(reduction, examples(yhat, "yhat"))
    if not delta > 0:
        raise ValueError(f"delta is {delta}, expected a number above 0: write delta=1")
    r = yhat - y  # (N, ...)
    c = np.minimum(np.maximum(r, number(r, -delta)), number(r, delta))
    losses = of_examples(c * (r - c / 2))  # (4): (N, ...) -> (N,)
    return reduce(losses, reduction), (c, losses, reduction)


def huber_backward(dout: Any, cache: Cache) -> tuple[Array, Array]:
    """The gradients by yhat and y, of their shape; dout of the shape of what the
    forward pass gave."""
    c, losses, reduction = cache
    d_losses = over_outputs(d_reduce(dout, losses, reduction), c)  # (1): (N,) -> (N, 1, ...)
    # In the forward pass this was l = sum c (r - c / 2) with r = yhat - y, so now
    d_r = d_losses * c  # (5): (N, ...)
    return d_r, -d_r


def softmax_cross_entropy_forward(
    z: Array, y: Array, *, reduction: str = "mean"
) -> tuple[Any, Cache]:
    """-log softmax(z)_y, and what the way back needs; z (..., K), and y labels, whole
    numbers (...,) from 0 to K - 1, or probabilities (..., K), one-hot ones too.

    "mean" is the mean over the examples, all axes but the last; "sum" adds them
    up, "none" gives them, (...,). The largest z is taken away in front of the
    exponentials, so that any z is right. ValueError for another reduction, for a
    label that is no class, and where shapes or types of numbers do not fit.

        >>> softmax_cross_entropy_forward(np.array([[0.0, 0.0], [1e4, 0.0]]), np.array([0, 1]))[0]
        np.float64(5000.34657359028)
    """
    are_arrays(z=z, y=y)
    check_reduction(reduction, z.shape[:-1])
    labelled = y.ndim == z.ndim - 1
    if labelled:
        right = choose(y, "y", z, "z")
        y = np.where(right, number(z, 1), number(z, 0))  # (..., K)
    else:
        classes(z, "z")
        alike(z=z, y=y)
    losses = np.asarray(fused.softmax_cross_entropy(y, z).sum(-1))  # (6): (..., K) -> (...,)
    return reduce(losses, reduction), (z, y, losses, labelled, reduction)


def softmax_cross_entropy_backward(dout: Any, cache: Cache) -> tuple[Array, Array | None]:
    """The gradients by z and y, (..., K); None by y where it is labels. dout of the
    shape of what the forward pass gave."""
    z, y, losses, labelled, reduction = cache
    d_losses = d_reduce(dout, losses, reduction)[..., None]  # (1): (...,) -> (..., 1)
    # In the forward pass this was l = -sum y log softmax(z), so now
    d_z = fused.d_softmax_cross_entropy(y, z, d_losses)  # (7): (..., K)
    if labelled:
        return d_z, None
    surprise = fused.softmax_cross_entropy(number(z, 1) + 0 * y, z)  # -log p: (..., K)
    surprise = np.where((y == 0) & (z == -np.inf), number(z, 0), surprise)
    return d_z, d_losses * surprise  # (7): (..., K)


def sigmoid_cross_entropy_forward(
    z: Array, y: Array, *, reduction: str = "mean"
) -> tuple[Any, Cache]:
    """-y log s(z) - (1 - y) log s(-z), the binary cross-entropy of logits, and what
    the way back needs; z and y (N, ...) of one shape, y from 0 to 1.

    "mean" is the mean over the examples, the first axis, of the sum over the
    outputs; "sum" adds up the examples, "none" gives them, (N,). ValueError
    for another reduction, and where shapes or types of numbers do not fit.

        >>> sigmoid_cross_entropy_forward(np.array([0.0, 1e4]), np.array([1.0, 0.0]))[0]
        np.float64(5000.34657359028)
    """
    alike(z=z, y=y)
    check_reduction(reduction, examples(z, "z"))
    losses = of_examples(fused.sigmoid_binary_cross_entropy(y, z))  # (8): (N, ...) -> (N,)
    return reduce(losses, reduction), (z, y, losses, reduction)


def sigmoid_cross_entropy_backward(dout: Any, cache: Cache) -> tuple[Array, Array]:
    """The gradients by z and y, of their shape; dout of the shape of what the forward
    pass gave."""
    z, y, losses, reduction = cache
    d_losses = over_outputs(d_reduce(dout, losses, reduction), z)  # (1): (N,) -> (N, 1, ...)
    # In the forward pass this was l = -sum (y log s(z) + (1 - y) log s(-z)), so now
    d_z = fused.d_sigmoid_binary_cross_entropy(y, z, d_losses)  # (9): (N, ...)
    d_y = -z * d_losses  # (9): (N, ...)
    return d_z, d_y


def hinge_forward(
    s: Array, labels: Array, *, margin: Any = 1, reduction: str = "mean"
) -> tuple[Any, Cache]:
    """How far the scores of wrong classes come within `margin` of that of the right
    one, summed up, and what the way back needs; s (..., K), and labels (...,) whole
    numbers from 0 to K - 1.

    "mean" is the mean over the examples, all axes but the last; "sum" adds them
    up, "none" gives them, (...,). ValueError for another reduction, for a label
    that is no class, for a margin below 0, and where shapes or types of numbers do
    not fit.

        >>> hinge_forward(np.array([[3.0, 2.5, 0.0]]), np.array([0]))[0]
        np.float64(0.5)
    """
    are_arrays(s=s, labels=labels)
    check_reduction(reduction, s.shape[:-1])
    if not margin >= 0:
        raise ValueError(
            f"margin is {margin}, expected a number that is not below 0: write margin=1"
        )
    right = choose(labels, "labels", s, "s")  # (..., K)
    s_y = np.take_along_axis(s, labels[..., None], -1)  # (..., 1)
    v = np.where(right, number(s, 0), s - s_y + number(s, margin))  # (10): (..., K)
    losses = np.asarray(relu(v).sum(-1))  # (10): (..., K) -> (...,)
    return reduce(losses, reduction), (v, right, losses, reduction)


def hinge_backward(dout: Any, cache: Cache) -> tuple[Array, None]:
    """The gradient by s, of its shape (..., K), and None by the labels; dout of the
    shape of what the forward pass gave."""
    v, right, losses, reduction = cache
    d_losses = d_reduce(dout, losses, reduction)[..., None]  # (1): (...,) -> (..., 1)
    # In the forward pass this was l = sum max(v_k, 0) with v_k = s_k - s_y + margin, so now
    d_v = np.where(v > 0, d_losses, number(v, 0))  # (11): (..., K)
    d_s_y = -d_v.sum(-1, keepdims=True)  # (11): (..., K) -> (..., 1)
    return np.where(right, d_s_y, d_v), None


# Of examples, of outputs, of classes


def examples(x: Array, name: str) -> tuple[int, ...]:
    """The shape of the examples of x (N, ...), (N,); ValueError where it has no axis."""
    if not x.ndim:
        raise ValueError(
            f"{name} has the shape (), expected (N, ...), one example a row: write {name}[None]"
        )
    return x.shape[:1]


def of_examples(shares: Array) -> Array:
    """The losses of the examples, (N,), from the shares of their outputs, (N, ...)."""
    return np.asarray(shares.sum(tuple(range(1, shares.ndim))))


def over_outputs(losses: Array, like: Array) -> Array:
    """What belongs to the examples, (N,), beside all outputs of each, (N, 1, ...)."""
    return losses.reshape(losses.shape + (1,) * (like.ndim - 1))


def classes(z: Array, name: str) -> int:
    """How many classes there are, K of z (..., K); ValueError where there is none or
    where z is not of floats or exact numbers."""
    alike(**{name: z})
    count = fit(f"{name} (..., K)", **{name: z})["K"]
    if not count:
        raise ValueError(f"{name} has the shape {z.shape}, expected (..., K) with K at least 1")
    return count


def choose(labels: Array, name: str, z: Array, of: str) -> Array:
    """Which entries of z (..., K) are those of the labels (...,), as (..., K) of true
    and false; ValueError where the labels do not fit."""
    count = classes(z, of)
    if labels.shape != z.shape[:-1]:
        raise ValueError(
            f"{name} has the shape {tuple(labels.shape)}, expected {tuple(z.shape[:-1])}, a label "
            f"for every row of {of}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"{name} has dtype {labels.dtype}, expected labels that are whole numbers: write "
            f"{name}.astype(int)"
        )
    outside = labels[(labels < 0) | (labels >= count)]
    if outside.size:
        raise ValueError(f"{name} has {outside[0]}, expected labels from 0 to {count - 1}")
    return np.asarray(labels[..., None] == np.arange(count))
