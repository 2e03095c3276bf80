"""Normalisation: numbers moved and scaled to mean 0 and variance 1, then by what
is learned to any other, gamma and beta.

**A set of numbers** x_1, ..., x_m becomes

    mu = 1/m sum_k x_k    d_k = x_k - mu    v = 1/m sum_k d_k^2            (1)
    xhat_k = d_k / s    s = sqrt(v + eps)                                  (2)

v is the biased variance, with 1/m. Every x_k stands in all xhat: in its own d, in
mu and in v. With g_k = dL/dxhat_k, and <a> for the mean 1/m sum_k a_k:

    ds/dx_k = dv/dx_k / (2 s) = (2 d_k / m) / (2 s) = xhat_k / m

where mu adds nothing to dv/dx_k, since the d_k add up to 0. Therefore

    dL/dx_k = (g_k - <g>) / s - sum_l g_l d_l / s^2 ds/dx_k
            = (g_k - <g> - xhat_k <g xhat>) / s                            (3)

From g is taken away what lies along 1 and along xhat: moving or stretching all x
changes nothing in xhat, but for eps.

**Which numbers make a set** is all in which the norms differ:

    batch_norm    a channel c, over all examples and pixels: x_ncp with this c
    layer_norm    an example, over its features: x_ni with this n
    group_norm    a group of channels of an example, over these and all pixels

(S. Ioffe, C. Szegedy, 2015; J. Ba, J. Kiros, G. Hinton, 2016; Y. Wu, K. He, 2018.)
Behind them out = gamma xhat + beta, with a gamma and beta for every channel or
feature, so with sums over everything else

    g = dL/dout gamma                                                      (4)
    dL/dgamma = sum dL/dout xhat                                           (5)
    dL/dbeta  = sum dL/dout                                                (6)

**With statistics that are given**, batch_norm_eval, xhat = (x - mean) / s with s =
sqrt(var + eps) (7), and mean and var stand in all xhat of their channel:

    dL/dx = g / s                                                          (8)
    dL/dmean = -sum g / s                                                  (9)
    dL/dvar = -sum g (x - mean) / s^2 1 / (2 s)
            = -1 / (2 (var + eps)) sum g xhat                             (10)

**Without moving**, rms_norm (B. Zhang, R. Sennrich, 2019), of an example:

    xhat_k = x_k / s    s = sqrt(1/m sum_k x_k^2 + eps)                   (11)
    dL/dx_k = (g_k - xhat_k <g xhat>) / s                                 (12)

which is (3) without the mean.

The mean in (1) is rounded, by units of the last digit of x. Where x is large and
its spread small that would be an error in all d_k: of equal numbers of about 1e4
in float32, every xhat could be 0.3. So the mean is taken twice: the first one moves
x near to 0, where x - mu is a float, and the second one is that of what is left.

Conventions: eps is above 0. So a variance of 0 is nothing special: xhat is 0, out
is beta, dL/dgamma is 0, and by (3) dL/dx = (g - <g>) / sqrt(eps), which is large
but right. In a set of one, such as a batch of one example without pixels, that is
0: out is beta whatever x is. rms_norm of zeros is 0, with dL/dx = g / sqrt(eps).
Without a number there is no mean, and ValueError is raised: in batch_norm for an
empty batch. All others give an empty out for it, and gradients of 0 by all but x.
"""

import math
from typing import Any

import numpy as np

from manual.activations import Array, number
from manual.door import fit_dout
from manual.shapes import fit
from manual.windows import divided

Axes = tuple[int, ...]
Normalised = tuple[Array, Array, Axes]
Scaled = tuple[Array, Normalised, Array]
Given = tuple[Array, Array, Array]
Gradients = tuple[Array, Array, Array]


def normalise_forward(x: Array, eps: Any, axes: Axes) -> tuple[Array, Normalised]:
    """xhat, x with mean 0 and variance v / (v + eps) over some axes, and what the
    way back needs."""
    d = x - _mean(x, axes)  # (1): x's shape
    d = d - _mean(d, axes)  # what rounding left of the mean
    v = _mean(d * d, axes)  # (1): x's shape, with a 1 for every one of the axes
    s = np.sqrt(v + number(v, eps))  # (2)
    xhat = d / s  # (2)
    return xhat, (xhat, s, axes)


def normalise_backward(g: Array, cache: Normalised) -> Array:
    """The gradient by x from g, that by xhat."""
    xhat, s, axes = cache
    # In the forward pass this was xhat = (x - mu) / s, so now
    return np.asarray((g - _mean(g, axes) - xhat * _mean(g * xhat, axes)) / s)  # (3)


def batch_norm_forward(
    x: Array, gamma: Array, beta: Array, *, eps: Any = 1e-5
) -> tuple[Array, Scaled]:
    """Every channel of x (N, C, ...) normalised over the batch and the pixels,
    times gamma (C,), plus beta (C,), and what the way back needs; out of x's shape.

    ValueError where the shapes do not fit, where there is no example or no pixel,
    or where eps is not above 0.

        >>> x = np.array([[1.0, 0], [3, 0]])
        >>> batch_norm_forward(x, np.array([2, 1]), np.array([5, 7]), eps=3)[0]
        array([[4., 7.],
               [6., 7.]])
    """
    fit("x (N, C, ...), gamma (C), beta (C)", x=x, gamma=gamma, beta=beta)
    axes = (0, *range(2, x.ndim))
    _check(x, math.prod(x.shape[axis] for axis in axes), eps)
    xhat, cache = normalise_forward(x, eps, axes)  # (1), (2)
    return _channels(gamma, x) * xhat + _channels(beta, x), (xhat, cache, gamma)


def batch_norm_backward(dout: Array, cache: Scaled) -> Gradients:
    """The gradients by x, gamma and beta, of their shapes."""
    xhat, normalised, gamma = cache
    fit_dout(dout, xhat.shape)
    # In the forward pass this was out = gamma xhat + beta, so now
    d_x = normalise_backward(dout * _channels(gamma, dout), normalised)  # (4), (3)
    d_gamma, d_beta = _totals(dout * xhat, 1), _totals(dout, 1)  # (5), (6): (N, C, ...) -> (C,)
    return d_x, d_gamma, d_beta


def layer_norm_forward(
    x: Array, gamma: Array, beta: Array, *, eps: Any = 1e-5
) -> tuple[Array, Scaled]:
    """Every example of x (..., D) normalised over its features, times gamma (D,),
    plus beta (D,), and what the way back needs; out of x's shape.

    ValueError where the shapes do not fit, where there is no feature, or where eps
    is not above 0.

        >>> layer_norm_forward(np.array([[1.0, 3]]), np.array([2, 4]), np.array([5, 7]), eps=3)[0]
        array([[4., 9.]])
    """
    fit("x (..., D), gamma (D), beta (D)", x=x, gamma=gamma, beta=beta)
    _check(x, x.shape[-1], eps)
    xhat, cache = normalise_forward(x, eps, (-1,))  # (1), (2)
    return gamma * xhat + beta, (xhat, cache, gamma)


def layer_norm_backward(dout: Array, cache: Scaled) -> Gradients:
    """The gradients by x, gamma and beta, of their shapes."""
    xhat, normalised, gamma = cache
    fit_dout(dout, xhat.shape)
    # In the forward pass this was out = gamma xhat + beta, so now
    d_x = normalise_backward(dout * gamma, normalised)  # (4), (3)
    d_gamma, d_beta = _totals(dout * xhat, -1), _totals(dout, -1)  # (5), (6): (..., D) -> (D,)
    return d_x, d_gamma, d_beta


def group_norm_forward(
    x: Array, gamma: Array, beta: Array, *, groups: Any, eps: Any = 1e-5
) -> tuple[Array, Scaled]:
    """Every group of channels of every example of x (N, C, ...) normalised, times
    gamma (C,), plus beta (C,), and what the way back needs; out of x's shape.

    Channels are dealt out to the groups in order. ValueError where the shapes do
    not fit, where groups does not divide C, where there is no pixel, or where eps
    is not above 0.

        >>> x = np.array([[1.0, 3, 8, 8]])
        >>> group_norm_forward(x, np.ones(4), np.zeros(4), groups=2, eps=3)[0]
        array([[-0.5,  0.5,  0. ,  0. ]])
    """
    fit("x (N, C, ...), gamma (C), beta (C)", x=x, gamma=gamma, beta=beta)
    groups = divided(groups, C=x.shape[1])
    each = math.prod(x.shape[1:]) // groups
    _check(x, each, eps)
    sets = x.reshape(len(x), groups, each)  # (N, C, ...) -> (N, G, C/G ...)
    xhat, cache = normalise_forward(sets, eps, (-1,))  # (1), (2)
    xhat = xhat.reshape(x.shape)  # (N, G, C/G ...) -> (N, C, ...)
    return _channels(gamma, x) * xhat + _channels(beta, x), (xhat, cache, gamma)


def group_norm_backward(dout: Array, cache: Scaled) -> Gradients:
    """The gradients by x, gamma and beta, of their shapes."""
    xhat, normalised, gamma = cache
    fit_dout(dout, xhat.shape)
    # In the forward pass this was out = gamma xhat + beta, so now
    g = dout * _channels(gamma, dout)  # (4): (N, C, ...)
    d_sets = normalise_backward(g.reshape(normalised[0].shape), normalised)  # (3): (N, G, C/G ...)
    d_gamma, d_beta = _totals(dout * xhat, 1), _totals(dout, 1)  # (5), (6): (N, C, ...) -> (C,)
    return d_sets.reshape(dout.shape), d_gamma, d_beta


def batch_norm_eval_forward(
    x: Array, gamma: Array, beta: Array, mean: Array, var: Array, *, eps: Any = 1e-5
) -> tuple[Array, Given]:
    """Every channel of x (N, C, ...) moved by the mean and scaled by the variance
    that are given, (C,) each, times gamma (C,), plus beta (C,), and what the way
    back needs; out of x's shape.

    ValueError where the shapes do not fit or eps is not above 0.

        >>> x, one = np.array([[1.0], [3]]), np.array([1.0])
        >>> batch_norm_eval_forward(x, 4 * one, 5 * one, one, one, eps=3)[0]
        array([[5.],
               [9.]])
    """
    expected = "x (N, C, ...), gamma (C), beta (C), mean (C), var (C)"
    fit(expected, x=x, gamma=gamma, beta=beta, mean=mean, var=var)
    _check(x, 1, eps)
    s = np.sqrt(var + number(var, eps))  # (7): (C,)
    xhat = (x - _channels(mean, x)) / _channels(s, x)  # (7): (N, C, ...)
    return _channels(gamma, x) * xhat + _channels(beta, x), (xhat, s, gamma)


def batch_norm_eval_backward(dout: Array, cache: Given) -> tuple[Array, Array, Array, Array, Array]:
    """The gradients by x, gamma, beta, mean and var, of their shapes."""
    xhat, s, gamma = cache
    fit_dout(dout, xhat.shape)
    # In the forward pass this was out = gamma (x - mean) / s + beta, so now
    d_gamma, d_beta = _totals(dout * xhat, 1), _totals(dout, 1)  # (5), (6): (N, C, ...) -> (C,)
    d_x = dout * _channels(gamma / s, dout)  # (4), (8): (N, C, ...)
    d_mean = -gamma * d_beta / s  # (4), (9): (C,)
    d_var = -gamma * d_gamma / (2 * s * s)  # (4), (10): (C,)
    return d_x, d_gamma, d_beta, d_mean, d_var


def rms_norm_forward(x: Array, gamma: Array, *, eps: Any = 1e-5) -> tuple[Array, Given]:
    """Every example of x (..., D) over the root of the mean of its squares, times
    gamma (D,), and what the way back needs; out of x's shape.

    ValueError where the shapes do not fit, where there is no feature, or where eps
    is not above 0.

        >>> rms_norm_forward(np.array([[1.0, 5]]), np.array([2, 4]), eps=3)[0]
        array([[0.5, 5. ]])
    """
    fit("x (..., D), gamma (D)", x=x, gamma=gamma)
    _check(x, x.shape[-1], eps)
    squares = _mean(x * x, (-1,))  # (..., 1)
    s = np.sqrt(squares + number(squares, eps))  # (11)
    xhat = x / s  # (11): (..., D)
    return gamma * xhat, (xhat, s, gamma)


def rms_norm_backward(dout: Array, cache: Given) -> tuple[Array, Array]:
    """The gradients by x and gamma, of their shapes."""
    xhat, s, gamma = cache
    fit_dout(dout, xhat.shape)
    # In the forward pass this was out = gamma xhat, so now
    g = dout * gamma  # (4): (..., D)
    d_x = np.asarray((g - xhat * _mean(g * xhat, (-1,))) / s)  # (12): (..., D)
    return d_x, _totals(dout * xhat, -1)  # (5): (..., D) -> (D,)


def _mean(a: Array, axes: Axes) -> Array:
    """The mean over some axes, which stay with length 1."""
    count = math.prod(a.shape[axis] for axis in axes)
    return np.asarray(a.sum(axes, keepdims=True) / number(a, count))


def _totals(a: Array, axis: int) -> Array:
    """The sums over all axes but one."""
    return np.asarray(a.sum(tuple(k for k in range(a.ndim) if k != axis % a.ndim)))


def _channels(of_each: Array, x: Array) -> Array:
    """What every channel has, (C,), as it goes with x (N, C, ...)."""
    return of_each.reshape(-1, *[1] * (x.ndim - 2))


def _check(x: Array, count: int, eps: Any) -> None:
    """ValueError where there is nothing to take a mean of, or eps is not above 0."""
    if not count:
        raise ValueError(f"x has the shape {x.shape}, expected 1 number or more in every mean")
    if not eps > 0:
        raise ValueError(
            f"eps is {eps!r}, expected a number above 0, such as 1e-5, so that no variance is 0"
        )
