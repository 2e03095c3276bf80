"""`layer_norm` of `manual.norm`, planned: with few passes over x and dL/dout.

With mu, v and s = sqrt(v + eps) of a row of x, r = 1 / s, g = dL/dout gamma and <.>
for the mean over a row, `manual.norm` has

    out   = gamma xhat + beta    xhat = r (x - mu)                         (1)
    dL/dx = r (g - <g> - xhat <g xhat>)                                    (2)

A product of thin matrices writes an array as fast as anything does, and twice as
fast as what gives every row a factor of its own. So xhat is not made, and what has
a factor for each row and one for each column is such a product:

    out = (r gamma^T) x + (-mu r  1) (gamma  beta)^T                       (3)
    v   = <x^2> - mu^2                                                     (4)

And on the way back, with t = x dL/dout entry by entry:

    <g xhat>  = r (<gamma t> - mu <g>)    q = r^2 <g xhat>                 (5)
    dL/dx     = (r gamma^T) dL/dout - q x - (r <g> - q mu)                 (6)
    dL/dgamma = sum_n r_n t_n - sum_n mu_n r_n dL/dout_n                   (7)
    dL/dbeta  = sum_n dL/dout_n                                            (8)

(3) to (7) subtract, which does no harm where mu is small beside s. Where it is not,
the rows are moved by their means first, as often as in `manual.norm`: a row moved
by any number has the same xhat.
"""

from typing import Any

import numpy as np

from manual.activations import Array
from manual.fast.arrays import floats, taken

ROWS = 128  # of a block: what one step writes is near for the next
SMALL = 1 / 16  # of v: up to that, mu^2 is left as it is


class LayerNorm:
    """`layer_norm` of x (..., D) into buffers made once.

        norm = LayerNorm(x.shape, dtype=x.dtype)
        out = norm.forward(x, gamma, beta)
        d_x, d_gamma, d_beta = norm.backward(dout)

    `forward` overwrites the last out, `backward` the last gradients; it reads x
    again. ValueError for other shapes than those that it was made for, where there
    is no feature, and where eps is not above 0; TypeError for other numbers than
    float32 and float64.
    """

    def __init__(self, shape: tuple[int, ...], *, eps: Any = 1e-5, dtype: Any = float):
        kind = floats(dtype)
        if not shape or not shape[-1]:
            raise ValueError(f"shape is {shape}, expected (..., D) with D at least 1")
        if not eps > 0:
            raise ValueError(f"eps is {eps!r}, expected a number above 0, such as 1e-5")
        self._out, self._d_x = np.empty(shape, kind), np.empty(shape, kind)
        D = shape[-1]
        N = self._out.size // D
        self._D, self._eps = kind.type(D), kind.type(eps)
        self._ones, self._moved = np.ones(D, kind), np.empty((N, D), kind)
        self._mu, self._mu_2, self._v, self._r, self._r_3 = np.empty((5, N), kind)
        self._r_0, self._mu_1 = np.zeros((N, 2), kind), np.ones((N, 2), kind)  # (r 0), (-mu r 1)
        self._gamma_0, self._gamma_beta = np.zeros((2, D), kind), np.empty((2, D), kind)
        self._d_gamma_beta, self._part = np.empty((2, D), kind), np.empty((2, D), kind)
        self._gamma_mean = np.empty(D, kind)  # gamma / D
        self._t, self._spare = np.empty((ROWS, D), kind), np.empty((3, ROWS), kind)
        self._blocks = [slice(n, min(n + ROWS, N)) for n in range(0, N, ROWS)]
        self._x: Array  # of the last call, moved where its means are large

    def forward(self, x: Any, gamma: Any, beta: Any) -> Array:
        """gamma xhat + beta, of x's shape; gamma and beta (D,)."""
        out = self._out.reshape(self._moved.shape)  # (N, D)
        x = taken("x", x, self._out).reshape(out.shape)
        self._gamma_beta[0] = self._gamma_0[0] = taken("gamma", gamma, self._ones)
        self._gamma_beta[1] = taken("beta", beta, self._ones)
        np.divide(self._gamma_beta[0], self._D, self._gamma_mean)
        self._x = x = self._near_0(x)
        np.add(self._v, self._eps, self._v)
        np.divide(1, np.sqrt(self._v, self._v), self._r)  # (N,)
        np.multiply(np.multiply(self._r, self._r, self._r_3), self._r, self._r_3)
        self._r_0[:, 0] = self._r
        np.multiply(np.negative(self._mu, self._mu_2), self._r, self._mu_1[:, 0])
        for block in self._blocks:
            out_b = out[block]
            t = self._t[: len(out_b)]
            np.matmul(self._r_0[block], self._gamma_0, out_b)  # (N, 2) @ (2, D) -> (N, D)
            np.multiply(out_b, x[block], out_b)
            np.matmul(self._mu_1[block], self._gamma_beta, t)  # (N, 2) @ (2, D) -> (N, D)
            np.add(out_b, t, out_b)  # (3)
        return self._out

    def _near_0(self, x: Array) -> Array:
        """x (N, D) itself, or moved to means that are small, which are in mu then."""
        mu, mu_2, v = self._mu, self._mu_2, self._v
        for moves in range(3):
            np.divide(np.matmul(x, self._ones, mu), self._D, mu)  # (N, D) @ (D,) -> (N,)
            with np.errstate(over="ignore", invalid="ignore"):  # of what is to be moved yet
                np.divide(np.vecdot(x, x, v), self._D, v)
                np.subtract(v, np.multiply(mu, mu, mu_2), v)  # (4)
            if moves == 2 or (mu_2 <= SMALL * v).all():
                break
            x = np.subtract(x, mu[:, None], self._moved)
        np.maximum(v, 0, out=v)
        return x

    def backward(self, dout: Any) -> tuple[Array, Array, Array]:
        """The gradients by x, gamma and beta, of their shapes."""
        d_x, x = self._d_x.reshape(self._moved.shape), self._x  # (N, D)
        dout = taken("dout", dout, self._d_x).reshape(d_x.shape)
        d_params, part = self._d_gamma_beta, self._part
        d_params.fill(0)
        for block in self._blocks:
            x_b, dout_b, d_x_b, mu, r = (a[block] for a in (x, dout, d_x, self._mu, self._r))
            t, (g, q, spare) = self._t[: len(mu)], self._spare[:, : len(mu)]
            np.multiply(x_b, dout_b, t)
            np.add(d_params[0], np.matmul(r, t, part[0]), d_params[0])  # (N,) @ (N, D) -> (D,)
            np.matmul(self._mu_1[block].T, dout_b, part)  # (2, N) @ (N, D) -> (2, D)
            np.add(d_params, part, d_params)  # (7), (8)
            np.matmul(dout_b, self._gamma_mean, g)  # <g>: (N, D) @ (D,) -> (N,)
            np.matmul(t, self._gamma_mean, q)  # <gamma t>: (N, D) @ (D,) -> (N,)
            np.subtract(q, np.multiply(mu, g, spare), q)
            np.multiply(q, self._r_3[block], q)  # (5)
            np.multiply(g, r, g)
            np.subtract(g, np.multiply(mu, q, spare), g)
            np.matmul(self._r_0[block], self._gamma_0, d_x_b)  # (N, 2) @ (2, D) -> (N, D)
            np.multiply(d_x_b, dout_b, d_x_b)
            np.multiply(x_b, q[:, None], t)
            np.add(t, g[:, None], t)
            np.subtract(d_x_b, t, d_x_b)  # (6)
        return self._d_x, d_params[0], d_params[1]
