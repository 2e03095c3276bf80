"""A loss of logarithms and the activation in front of it, computed together,
from z.

Apart they are easy to read, and of no use where the outputs are sure:
softmax(60, -60) is (1, 8e-53), which float32 has as (1, 0), so that -log yhat_2
is infinite and dL/dyhat_2 = -1/yhat_2 as well, whose product with the slope, 0,
is no number. Together the exponentials and the logarithms cancel on paper,
before anything can underflow. Each function here has the formula that it is
above the one that it computes; y and z are (N, O), and so are the shares of the
loss.

    name(y, z)              the shares of the outputs in the loss
    d_name(y, z, d_shares)  the gradient by z from that by the shares, 1 for their sum
    r_name(y, z, r_z)       how d_name(y, z) changes where z changes at the rate r_z

For floats of unit roundoff u, the shares are right to a few u, relative, and
the gradients to a few u of max(|yhat|, |y|); `docs/accuracy.md` has how many. A
number below the least that floats have is 0.
"""

from typing import Any

import numpy as np

from manual.activations import (
    Activation,
    Activations,
    Array,
    d_sigmoid,
    exponentials,
    sigmoid,
    softmax,
    softmax_pullback,
    softplus,
    split,
)
from manual.losses import LOSSES, Loss

# Softmax and cross-entropy, for one of several classes


def softmax_cross_entropy(y: Array, z: Array) -> Array:
    """-y_i log softmax(z)_i = y_i log sum_k e^(z_k - z_i)

    as y_i (m - z_i + log(1 + rest)), with m the largest z and rest the sum of
    e^(z_k - m) over the others: two numbers that are not negative, of which the
    second is right to its last digit also where it is close to 0.
    """
    m, log = _log_sum(z)
    return -y * np.where(y == 0, 0 * y, z - m - log)  # 0 log 0 = 0, of a class at -inf too


def d_softmax_cross_entropy(y: Array, z: Array, d_shares: Any = 1) -> Array:
    """dL/dz_k = softmax(z)_k sum_i y_i - y_k, which is yhat - y where the y add up to 1."""
    weights = y * d_shares
    return softmax(z) * weights.sum(-1, keepdims=True) - weights


def r_softmax_cross_entropy(y: Array, z: Array, r_z: Array) -> Array:
    """softmax'(z) r_z sum_i y_i, where softmax' is the Jacobian."""
    return softmax_pullback(z, r_z) * y.sum(-1, keepdims=True)


def _log_sum(z: Array) -> tuple[Array, Array]:
    """log sum_k e^z_k as m and log(1 + rest), (..., 1) each."""
    e, largest = exponentials(z)
    m = np.take_along_axis(z, largest, -1)
    np.put_along_axis(e, largest, 0 * m, -1)  # it is 1, which log1p adds
    return m, np.log1p(e.sum(-1, keepdims=True))


# Sigmoid and binary cross-entropy, for yes or no


def sigmoid_binary_cross_entropy(y: Array, z: Array) -> Array:
    """-y log s(z) - (1 - y) log(1 - s(z))

    as y softplus(-z) + (1 - y) softplus(z), since log s(z) = -log(1 + e^-z) and
    1 - s(z) = s(-z).
    """
    return y * softplus(-z) + (1 - y) * softplus(z)


def d_sigmoid_binary_cross_entropy(y: Array, z: Array, d_shares: Any = 1) -> Array:
    """(-y / yhat + (1 - y) / (1 - yhat)) s'(z), which is yhat - y, since s' =
    yhat (1 - yhat)

    as (1 - y) s(z) - y s(-z): where y is 1 and yhat rounds to 1, -s(-z) is
    there still.
    """
    return ((1 - y) * sigmoid(z) - y * sigmoid(-z)) * d_shares


def r_sigmoid_binary_cross_entropy(y: Array, z: Array, r_z: Array) -> Array:
    """s'(z) r_z"""
    return d_sigmoid(z) * r_z


# Sigmoid and cross-entropy: the same without the term of the "no"


def sigmoid_cross_entropy(y: Array, z: Array) -> Array:
    """-y log s(z) as y softplus(-z)"""
    return y * softplus(-z)


def d_sigmoid_cross_entropy(y: Array, z: Array, d_shares: Any = 1) -> Array:
    """-y / yhat s'(z), which is -y s(-z)."""
    return -y * sigmoid(-z) * d_shares


def r_sigmoid_cross_entropy(y: Array, z: Array, r_z: Array) -> Array:
    """y s'(z) r_z"""
    return y * d_sigmoid(z) * r_z


# Softplus and cross-entropy


def softplus_cross_entropy(y: Array, z: Array) -> Array:
    """-y log softplus(z), with z for the logarithm where softplus(z) = e^z -
    e^2z / 2 + ... is e^z to all digits."""
    tiny = _is_tiny(z)
    return -y * np.where(tiny, z, np.log(np.where(tiny, 1 + 0 * z, softplus(z))))


def d_softplus_cross_entropy(y: Array, z: Array, d_shares: Any = 1) -> Array:
    """-y s(z) / softplus(z), which is -y where the logarithm is z."""
    return -y * _d_log_softplus(z) * d_shares


def r_softplus_cross_entropy(y: Array, z: Array, r_z: Array) -> Array:
    """-y g (s(-z) - g) r_z with the slope g = s(z) / softplus(z)"""
    slope = _d_log_softplus(z)
    return -y * slope * (sigmoid(-z) - slope) * r_z


def _is_tiny(z: Array) -> Array:
    """Where e^2z is below all floats; nowhere, for exact numbers."""
    e = np.exp((z - abs(z)) / 2)
    return np.asarray(e * e == 0)


def _d_log_softplus(z: Array) -> Array:
    tiny = _is_tiny(z)
    return np.where(tiny, 1 + 0 * z, sigmoid(z) / np.where(tiny, 1 + 0 * z, softplus(z)))


# Softmax and binary cross-entropy: each class against all others


def softmax_binary_cross_entropy(y: Array, z: Array) -> Array:
    """-y_i log softmax(z)_i - (1 - y_i) log(1 - softmax(z)_i)

    where 1 - softmax(z)_i = sum_(k != i) e^z_k / sum_k e^z_k: a difference of
    two logarithms of sums, unless it is so near to 1 that log1p(-softmax(z)_i)
    is better.
    """
    no = 1 - y
    return softmax_cross_entropy(y, z) - no * np.where(no == 0, 0 * z, _log_of_others(z))


def d_softmax_binary_cross_entropy(y: Array, z: Array, d_shares: Any = 1) -> Array:
    """d log(1 - softmax_i) / dz_k = p_ik - softmax_k, with p_i the softmax over
    all but z_i, and p_ii = 0

    which is p_ik softmax_i for the others, since p_ik = softmax_k / (1 -
    softmax_i), and -softmax_i for i itself.
    """
    no = (y - 1) * d_shares * softmax(z)
    others = (no[..., None] * _softmax_of_others(z)).sum(-2)
    return d_softmax_cross_entropy(y, z, d_shares) + others - no


def r_softmax_binary_cross_entropy(y: Array, z: Array, r_z: Array) -> Array:
    """That of the cross-entropy and, with n_i = (y_i - 1) softmax_i,
    sum_i (n_i r_p_ik + r_n_i p_ik) - r_n_k."""
    p = _softmax_of_others(z)
    r_p = p * (r_z[..., None, :] - (p * r_z[..., None, :]).sum(-1, keepdims=True))
    no, r_no = (y - 1) * softmax(z), (y - 1) * softmax_pullback(z, r_z)
    r_others = (no[..., None] * r_p + r_no[..., None] * p).sum(-2)
    return r_softmax_cross_entropy(y, z, r_z) + r_others - r_no


def _others(z: Array) -> tuple[Array, Array]:
    """For every i all entries of z but z_i, (N, O, O - 1), and their places, (O, O - 1)."""
    outputs = range(z.shape[-1])
    places = np.array([[k for k in outputs if k != i] for i in outputs], int)
    return z[..., places], places


def _softmax_of_others(z: Array) -> Array:
    """p, (N, O, O); of a single output there are no others."""
    p = np.repeat(0 * z[..., None, :], z.shape[-1], -2)
    if z.shape[-1] > 1:
        others, places = _others(z)
        p[..., np.arange(z.shape[-1])[:, None], places] = softmax(others)
    return p


def _log_of_others(z: Array) -> Array:
    """log(1 - softmax(z))"""
    if z.shape[-1] == 1:
        return np.full(z.shape, -np.inf)
    yhat, (others, _) = softmax(z), _others(z)
    near_0 = yhat.astype(float) <= 0.25
    small = np.where(near_0, yhat, 0 * z)
    (m, log), (m_others, log_others) = _log_sum(z), _log_sum(others)
    of_sums = (m_others[..., 0] - m) + (log_others[..., 0] - log)
    return np.where(near_0, np.log1p(-small), of_sums)


FUSED: dict[tuple[str, str], Loss] = {
    ("cross_entropy", "softmax"): Loss(
        softmax_cross_entropy, d_softmax_cross_entropy, r_softmax_cross_entropy
    ),
    ("binary_cross_entropy", "sigmoid"): Loss(
        sigmoid_binary_cross_entropy, d_sigmoid_binary_cross_entropy, r_sigmoid_binary_cross_entropy
    ),
    ("cross_entropy", "sigmoid"): Loss(
        sigmoid_cross_entropy, d_sigmoid_cross_entropy, r_sigmoid_cross_entropy
    ),
    ("cross_entropy", "softplus"): Loss(
        softplus_cross_entropy, d_softplus_cross_entropy, r_softplus_cross_entropy
    ),
    ("binary_cross_entropy", "softmax"): Loss(
        softmax_binary_cross_entropy, d_softmax_binary_cross_entropy, r_softmax_binary_cross_entropy
    ),
}


def fuse(activations: Activations, loss: str) -> tuple[tuple[Activation, ...], Loss, bool]:
    """The activations with which the loss is a function of the last h, that
    function, and whether it is a fused one.

    Where it is, the last activation went into the loss: its layer ends with z.
    ValueError where the loss would take a logarithm of what has none.
    """
    last = split(activations[-1])[0]
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
