"""Norms of `manual.norm`, planned: with few passes over x and dL/dout.

With mu, v and s = sqrt(v + eps) of a set of x, r = 1 / s, g = dL/dout gamma and <.>
for the mean over a set, `manual.norm` has

    out   = gamma xhat + beta    xhat = r (x - mu)                         (1)
    dL/dx = r (g - <g> - xhat <g xhat>)                                    (2)

xhat is not made. **Where a set is a row of x**, a product of thin matrices writes an
array as fast as anything does, and twice as fast as what gives every row a factor of
its own. So what has a factor for each row and one for each column is such a product:

    out = (r gamma^T) x + (-mu r  1) (gamma  beta)^T                       (3)
    v   = <x^2> - mu^2                                                     (4)

And on the way back, with t = x dL/dout entry by entry:

    <g xhat>  = r (<gamma t> - mu <g>)    q = r^2 <g xhat>                 (5)
    dL/dx     = (r gamma^T) dL/dout - q x - (r <g> - q mu)                 (6)
    dL/dgamma = sum_n r_n t_n - sum_n mu_n r_n dL/dout_n                   (7)
    dL/dbeta  = sum_n dL/dout_n                                            (8)

RMSNorm moves nothing: without mu, <g> and beta. **Where gamma is of channels**, the
pixels of a channel of an example are a row, and all factors are of rows:

    out = a (x - mu) + beta    a = gamma r                                 (9)

and a in (6). Sets are made of whole rows then, and so are their sums.

(3) to (9) subtract, which does no harm where mu is small beside s. Where it is not,
the sets are moved by their means first, as often as in `manual.norm`: a set moved
by any number has the same xhat.
"""

import math
from typing import Any

import numpy as np

from manual.activations import Array
from manual.fast.arrays import floats, taken
from manual.windows import divided

ENTRIES = 128 * 768  # of a block: what one step writes is near for the next
SMALL = 1 / 16  # of v: up to that, mu^2 is left as it is


class Norm:
    """Buffers for x of a shape, and r, mu and v of its sets.

    x is rows of a width, (A, S, B) of them for S sets: set s has the rows (a, s, b).
    ValueError where a set has no number, or eps is not above 0.
    """

    FORM: str  # of x, in words

    def __init__(
        self, shape: tuple[int, ...], rows: tuple[int, int, int], width: int, eps: Any, dtype: Any
    ):
        kind = floats(dtype)
        A, S, B = rows
        count, N = A * B * width, A * S * B
        if not count:
            raise ValueError(f"shape is {shape}, expected {self.FORM}")
        if not eps > 0:
            raise ValueError(f"eps is {eps!r}, expected a number above 0, such as 1e-5")
        self._out, self._d_x = np.empty(shape, kind), np.empty(shape, kind)
        self._count, self._eps = kind.type(count), kind.type(eps)
        self._ones, self._moved = np.ones(width, kind), np.empty((N, width), kind)
        self._rows, self._sums = rows, np.empty(N, kind)
        self._mu, self._mu_2, self._v, self._r, self._r_3 = np.zeros((5, S), kind)
        each = max(1, ENTRIES // width)
        self._t = np.empty((min(each, N), width), kind)
        self._each = each  # rows of a block
        self._x: Array  # (N, width), of the last call, moved where its means are large

    def _sum(self, x: Array) -> Array:
        """The sums over rows, (N,)."""
        if len(self._ones) == 1:  # for which BLAS is slow
            return x[:, 0]
        return np.matmul(x, self._ones, self._sums)  # (N, width) @ (width,) -> (N,)

    def _dot(self, x: Array, y: Array) -> Array:
        """The sums of x y over rows, (N,)."""
        if len(self._ones) == 1:
            return np.multiply(x[:, 0], y[:, 0], self._sums)
        return np.vecdot(x, y, self._sums)

    def _mean(self, sums: Array, mean: Array) -> Array:
        """The mean over every set, (S,), by the sums of its rows."""
        np.add.reduce(sums.reshape(self._rows), (0, 2), out=mean)  # (A, S, B) -> (S,)
        np.divide(mean, self._count, mean)
        return mean

    def _measure(self, x: Array) -> None:
        """Keeps x (N, width), near to 0, and r."""
        self._x = self._near_0(x)
        np.add(self._v, self._eps, self._v)
        np.divide(1, np.sqrt(self._v, self._v), self._r)  # (S,)
        np.multiply(np.multiply(self._r, self._r, self._r_3), self._r, self._r_3)

    def _near_0(self, x: Array) -> Array:
        """x itself, or moved to means that are small, which are in mu then."""
        mu, mu_2, v = self._mu, self._mu_2, self._v
        sets = *self._rows, len(self._ones)
        for moves in range(3):
            self._mean(self._sum(x), mu)
            with np.errstate(over="ignore", invalid="ignore"):  # of what is to be moved yet
                self._mean(self._dot(x, x), v)
                np.subtract(v, np.multiply(mu, mu, mu_2), v)  # (4)
            if moves == 2 or (mu_2 <= SMALL * v).all():
                break
            np.subtract(x.reshape(sets), mu[:, None, None], self._moved.reshape(sets))
            x = self._moved
        np.maximum(v, 0, out=v)
        return x


def slices(count: int, each: int) -> list[slice]:
    """Everything of a count, in blocks of `each` and one of the rest."""
    return [slice(n, min(n + each, count)) for n in range(0, count, each)]


class OverFeatures(Norm):
    """Each row of x (..., D) is a set."""

    FORM = "(..., D) with D at least 1"

    def __init__(self, shape: tuple[int, ...], *, eps: Any = 1e-5, dtype: Any = float):
        D = shape[-1] if shape else 0
        N = math.prod(shape[:-1])
        super().__init__(shape, (1, N, 1), D, eps, dtype)
        kind = self._out.dtype
        self._r_0, self._mu_1 = np.zeros((N, 2), kind), np.ones((N, 2), kind)  # (r 0), (-mu r 1)
        self._gamma_0, self._gamma_beta = np.zeros((2, D), kind), np.empty((2, D), kind)
        self._d_gamma_beta, self._part = np.empty((2, D), kind), np.empty((2, D), kind)
        self._gamma_mean = np.empty(D, kind)  # gamma / D
        self._spare = np.empty((3, len(self._t)), kind)
        self._blocks = slices(N, self._each)

    def _forward(self, x: Any, gamma: Any, beta: Any = None) -> Array:
        out = self._out.reshape(self._moved.shape)  # (N, D)
        x = taken("x", x, self._out).reshape(out.shape)
        self._gamma_0[0] = taken("gamma", gamma, self._ones)
        np.divide(self._gamma_0[0], self._count, self._gamma_mean)
        if beta is not None:
            self._gamma_beta[0] = self._gamma_0[0]
            self._gamma_beta[1] = taken("beta", beta, self._ones)
        self._measure(x)
        self._r_0[:, 0] = self._r
        np.multiply(np.negative(self._mu, self._mu_2), self._r, self._mu_1[:, 0])
        for block in self._blocks:
            out_b = out[block]
            np.matmul(self._r_0[block], self._gamma_0, out_b)  # (N, 2) @ (2, D) -> (N, D)
            np.multiply(out_b, self._x[block], out_b)
            if beta is not None:
                t = self._t[: len(out_b)]
                np.matmul(self._mu_1[block], self._gamma_beta, t)  # (N, 2) @ (2, D) -> (N, D)
                np.add(out_b, t, out_b)  # (3)
        return self._out

    def _backward(self, dout: Any, moved: bool) -> tuple[Array, Array, Array]:
        d_x, x = self._d_x.reshape(self._moved.shape), self._x  # (N, D)
        dout = taken("dout", dout, self._d_x).reshape(d_x.shape)
        d_params, part = self._d_gamma_beta, self._part
        d_params.fill(0)
        for block in self._blocks:
            x_b, dout_b, d_x_b, mu, r = (a[block] for a in (x, dout, d_x, self._mu, self._r))
            t, (g, q, spare) = self._t[: len(mu)], self._spare[:, : len(mu)]
            np.multiply(x_b, dout_b, t)
            np.add(d_params[0], np.matmul(r, t, part[0]), d_params[0])  # (N,) @ (N, D) -> (D,)
            np.matmul(t, self._gamma_mean, q)  # <gamma t>: (N, D) @ (D,) -> (N,)
            if moved:
                np.matmul(self._mu_1[block].T, dout_b, part)  # (2, N) @ (N, D) -> (2, D)
                np.add(d_params, part, d_params)  # (7), (8)
                np.matmul(dout_b, self._gamma_mean, g)  # <g>: (N, D) @ (D,) -> (N,)
                np.subtract(q, np.multiply(mu, g, spare), q)
            np.multiply(q, self._r_3[block], q)  # (5)
            np.matmul(self._r_0[block], self._gamma_0, d_x_b)  # (N, 2) @ (2, D) -> (N, D)
            np.multiply(d_x_b, dout_b, d_x_b)
            np.multiply(x_b, q[:, None], t)
            if moved:
                np.multiply(g, r, g)
                np.subtract(g, np.multiply(mu, q, spare), g)
                np.add(t, g[:, None], t)
            np.subtract(d_x_b, t, d_x_b)  # (6)
        return self._d_x, d_params[0], d_params[1]


class LayerNorm(OverFeatures):
    """`layer_norm` of x (..., D) into buffers made once.

        norm = LayerNorm(x.shape, dtype=x.dtype)
        out = norm.forward(x, gamma, beta)
        d_x, d_gamma, d_beta = norm.backward(dout)

    `forward` overwrites the last out, `backward` the last gradients; it reads x
    again. ValueError for other shapes than those that it was made for, where there
    is no feature, and where eps is not above 0; TypeError for other numbers than
    float32 and float64. So with the norms below.
    """

    def forward(self, x: Any, gamma: Any, beta: Any) -> Array:
        """gamma xhat + beta, of x's shape; gamma and beta (D,)."""
        return self._forward(x, gamma, beta)

    def backward(self, dout: Any) -> tuple[Array, Array, Array]:
        """The gradients by x, gamma and beta, of their shapes."""
        return self._backward(dout, True)


class RMSNorm(OverFeatures):
    """`rms_norm` of x (..., D) into buffers made once; LayerNorm's interface, without beta."""

    def _near_0(self, x: Array) -> Array:
        """x itself: mu stays 0, and the mean of squares is in v then."""
        self._mean(self._dot(x, x), self._v)
        return x

    def forward(self, x: Any, gamma: Any) -> Array:
        """gamma xhat, of x's shape; gamma (D,)."""
        return self._forward(x, gamma)

    def backward(self, dout: Any) -> tuple[Array, Array]:
        """The gradients by x and gamma, of their shapes."""
        return self._backward(dout, False)[:2]


class OverChannels(Norm):
    """Each row of x is the P pixels of a channel of an example, x (N, C, ...)."""

    FORM = "(N, C, ...) with 1 number or more in every mean"

    def __init__(self, shape: tuple[int, ...], rows: tuple[int, int, int], eps: Any, dtype: Any):
        width = math.prod(shape[2:]) if len(shape) > 1 else 0
        super().__init__(shape, rows, width, eps, dtype)
        kind, (N, C), (A, S, B) = self._out.dtype, shape[:2], rows
        self._whole = A, S * B, width
        # gamma; a; beta, then r <g> - q mu; mu, then q; sums of dL/dout and of t
        self._factors = np.empty((6, S, B), kind)
        self._of_channels = self._factors.reshape(6, N // A, C)
        self._columns = self._factors.reshape(6, S * B, 1)
        self._g, self._q = np.empty((2, S), kind)
        self._d_gamma, self._d_beta = np.empty((2, C), kind)
        self._blocks = [
            (a, r)
            for r in slices(S * B, self._each)
            for a in slices(A, max(1, self._each // max(1, S * B)))
        ]

    def forward(self, x: Any, gamma: Any, beta: Any) -> Array:
        """gamma xhat + beta, of x's shape; gamma and beta (C,)."""
        self._of_channels[0] = taken("gamma", gamma, self._d_gamma)
        self._of_channels[2] = taken("beta", beta, self._d_beta)
        self._measure(taken("x", x, self._out).reshape(self._moved.shape))  # (N C, P)
        of_gamma, a, _, mu, *_ = self._factors  # (S, B)
        np.multiply(of_gamma, self._r[:, None], a)
        mu[:] = self._mu[:, None]
        out, x = self._out.reshape(self._whole), self._x.reshape(self._whole)  # (A, S B, P)
        for block in self._blocks:
            out_b, (_, a, b, mu, *_) = out[block], self._columns[:, block[1]]
            np.subtract(x[block], mu, out_b)
            np.multiply(out_b, a, out_b)
            np.add(out_b, b, out_b)  # (9)
        return self._out

    def backward(self, dout: Any) -> tuple[Array, Array, Array]:
        """The gradients by x, gamma and beta, of their shapes."""
        dout = taken("dout", dout, self._d_x).reshape(self._moved.shape)  # (N C, P)
        of_gamma, _, k, of_q, d_beta, d_gamma = self._factors
        g, q, mu, r = self._g, self._q, self._mu, self._r
        np.add.reduce(self._sum(dout).reshape(self._rows), 0, out=d_beta)  # (A, S, B) -> (S, B)
        np.add.reduce(self._dot(self._x, dout).reshape(self._rows), 0, out=d_gamma)  # t
        np.divide(np.vecdot(of_gamma, d_beta, g), self._count, g)  # <g>: (S,)
        np.divide(np.vecdot(of_gamma, d_gamma, q), self._count, q)  # <gamma t>: (S,)
        np.subtract(q, np.multiply(mu, g, self._mu_2), q)
        np.multiply(q, self._r_3, q)  # (5)
        np.multiply(g, r, g)
        np.subtract(g, np.multiply(mu, q, self._mu_2), g)
        np.subtract(d_gamma, np.multiply(d_beta, mu[:, None], k), d_gamma)
        np.multiply(d_gamma, r[:, None], d_gamma)
        np.add.reduce(self._of_channels[4], 0, out=self._d_beta)  # (8): (S B / C, C) -> (C,)
        np.add.reduce(self._of_channels[5], 0, out=self._d_gamma)  # (7)
        of_q[:], k[:] = q[:, None], g[:, None]
        x, dout, d_x = (a.reshape(self._whole) for a in (self._x, dout, self._d_x))  # (A, S B, P)
        for block in self._blocks:
            d_x_b, (_, a, k, of_q, *_) = d_x[block], self._columns[:, block[1]]
            t = self._t.reshape(-1)[: d_x_b.size].reshape(d_x_b.shape)
            np.multiply(dout[block], a, d_x_b)
            np.multiply(x[block], of_q, t)
            np.add(t, k, t)
            np.subtract(d_x_b, t, d_x_b)  # (6)
        return self._d_x, self._d_gamma, self._d_beta


class BatchNorm(OverChannels):
    """`batch_norm` of x (N, C, ...), with the statistics of the batch, into buffers
    made once; the interface is LayerNorm's, with gamma and beta (C,)."""

    def __init__(self, shape: tuple[int, ...], *, eps: Any = 1e-5, dtype: Any = float):
        N, C = shape[:2] if len(shape) > 1 else (0, 0)
        super().__init__(shape, (N, C, 1), eps, dtype)


class GroupNorm(OverChannels):
    """`group_norm` of x (N, C, ...) into buffers made once; the interface is
    LayerNorm's, with gamma and beta (C,). ValueError where groups does not divide
    C, too."""

    def __init__(self, shape: tuple[int, ...], *, groups: Any, eps: Any = 1e-5, dtype: Any = float):
        N, C = shape[:2] if len(shape) > 1 else (0, 0)
        groups = divided(groups, C=C)
        super().__init__(shape, (1, N * groups, C // groups), eps, dtype)
