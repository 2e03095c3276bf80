"""`multi_head_attention` of `manual.attention_heads`, planned: with few passes over
the scores, of which there are T for every query.

With a = x Wqkv^T + bqkv in three, q, k and v, c the scale, s = c q k^T where the mask
allows, and any m for each row:

    e = exp(s - m)    Z = sum_u e_u    y = e v / Z                         (1)

m is 0, and nothing is subtracted, where the lengths of q and k say that no s is large;
elsewhere it is the largest of the row. The division is on the narrow side, and so it
is in what comes back: p = e / Z is not made. With dy = dL/dy / Z,

    dL/dv = e^T dy    dp = dy v^T    dL/ds = e * (dp - sum_i dy_i y_i)     (2)
    dL/dq = c dL/ds k    dL/dk = c dL/ds^T q                               (3)

c goes into the rows of Wqkv that make q. What has one factor for each row and head
goes to the entries of that head by a product with the heads' ones (heads, D), and
the sums over the entries of a head come back by its transpose.

The difference in (2) has few digits left where one p is nearly 1. In rows with such a
p, those with a large sum of squares, what belongs to that key is taken from all dp
first, as `manual.attention_heads` does it everywhere.
"""

from typing import Any

import numpy as np

from manual.activations import Array
from manual.attention_heads import fit_mask
from manual.fast.arrays import floats, taken

NEAR = 2**19  # bytes of scores up to which all heads of an example are one block
LARGE = 40  # of s: up to here float32 has all e, their squares, and the sums of these
SURE = 0.6  # of sum p^2, without which no p is above the root of it


class MultiHeadAttention:
    """`multi_head_attention` of x (N, T, D) into buffers made once.

        attention = MultiHeadAttention(x.shape, heads=4, dtype=x.dtype)
        out = attention.forward(x, Wqkv, bqkv, Wo, bo)
        d_x, d_Wqkv, d_bqkv, d_Wo, d_bo = attention.backward(dout)

    `forward` overwrites the last out, `backward` the last gradients; it reads x and
    Wo again. The mask, of bools, is copied. ValueError for other shapes than those
    that it was made for, for heads that do not divide D and for a mask that does
    not fit; TypeError for other numbers than float32 and float64.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        heads: int,
        mask: Array | None = None,
        dtype: Any = float,
    ):
        kind, (N, T, D) = floats(dtype), shape
        if heads < 1 or D % heads:
            raise ValueError(f"heads is {heads}, expected a divisor of D = {D}")
        self._out: Array
        self._out, self._d_x = np.empty((2, N, T, D), kind)
        self._W, self._d_W = np.empty((2, 3 * D, D), kind)  # W with c in its first rows
        self._b, self._d_b = np.empty((2, 3 * D), kind)
        self._d_Wo, self._d_bo = np.empty((D, D), kind), np.empty(D, kind)
        self._c, self._least = kind.type(1 / np.sqrt(D // heads)), np.finfo(kind).min
        self._ones, self._ones_T = np.ones(N * T, kind), np.ones((T, 1), kind)
        self._heads = np.repeat(np.eye(heads, dtype=kind), D // heads, 1)  # (heads, D)
        self._a, self._d_a = np.empty((2, N * T, 3 * D), kind)
        self._y, self._d_y, self._t = np.empty((3, N * T, D), kind)

        def by_head(array: Array) -> Any:
            """Views (N, heads, T, D / heads) of (NT, D), one or three side by side."""
            return array.reshape(N, T, -1, heads, D // heads).transpose(2, 0, 3, 1, 4)

        (self._q, self._k, self._v), (self._d_q, self._d_k, self._d_v) = (
            by_head(array) for array in (self._a, self._d_a)
        )
        (self._y_h,), (self._d_y_h,) = by_head(self._y), by_head(self._d_y)
        self._e, self._d_s = np.empty((2, N, heads, T, T), kind)
        self._m, self._Z = np.empty((2, N, heads, T, 1), kind)
        self._squares, self._is_sure = (
            np.empty((2, N, heads, T), kind),
            np.empty((N, heads, T), bool),
        )
        self._r, self._sums = np.empty((2, N * T, heads), kind)
        self._r_h, self._sums_h = (
            array.reshape(N, T, heads, 1).swapaxes(1, 2) for array in (self._r, self._sums)
        )  # views (N, heads, T, 1)
        self._bars: Array | None = None  # 0 where the mask allows, -inf elsewhere
        if mask is not None:
            fit_mask(mask, (N, T, T), "x x^T")
            bars = np.where(mask, kind.type(0), kind.type(-np.inf))
            self._bars = np.broadcast_to(np.broadcast_to(bars, (N, T, T))[:, None], self._e.shape)
        near = heads * T * T * kind.itemsize <= NEAR
        self._blocks = list(np.ndindex((N,) if near else (N, heads)))

    def forward(self, x: Any, Wqkv: Any, bqkv: Any, Wo: Any, bo: Any) -> Array:
        """Attention of every row of x (N, T, D) to every other, of its shape; Wqkv (3D,
        D), bqkv (3D,) or None, Wo (D, D), bo (D,) or None."""
        y, D = self._y, len(self._d_bo)
        self._x = taken("x", x, self._out).reshape(y.shape)  # (NT, D)
        self._W[:], self._Wo = taken("Wqkv", Wqkv, self._W), taken("Wo", Wo, self._d_Wo)
        self._has_b, self._has_bo = bqkv is not None, bo is not None
        np.multiply(self._W[:D], self._c, self._W[:D])
        np.matmul(self._x, self._W.T, self._a)  # (NT, D) @ (D, 3D) -> (NT, 3D)
        if self._has_b:
            self._b[:] = taken("bqkv", bqkv, self._b)
            np.multiply(self._b[:D], self._c, self._b[:D])
            np.add(self._a, self._b, self._a)
        q_2, k_2 = (
            np.vecdot(h, h, s) for h, s in zip((self._q, self._k), self._squares, strict=True)
        )
        is_small = np.sqrt(q_2.max()) * np.sqrt(k_2.max()) <= LARGE
        for i in self._blocks:
            e, m = self._e[i], self._m[i]
            np.matmul(self._q[i], self._k[i].swapaxes(-1, -2), e)  # (T, -) @ (-, T) -> (T, T)
            if self._bars is not None:
                np.add(e, self._bars[i], e)
            if not is_small:
                np.maximum(np.maximum.reduce(e, -1, None, m, keepdims=True), self._least, out=m)
                np.subtract(e, m, e)
            np.exp(e, e)  # (1)
            np.vecdot(e, e, self._squares[0][i])
            np.matmul(e, self._ones_T, self._Z[i])  # (1): (T, T) @ (T, 1) -> (T, 1)
            np.matmul(e, self._v[i], self._y_h[i])  # (T, T) @ (T, -) -> (T, -)
        np.add(self._Z, self._Z == 0, self._Z)  # of a query that may look nowhere
        np.divide(1, self._Z, self._r_h)
        np.greater(self._squares[0], SURE * self._Z[..., 0] ** 2, self._is_sure)
        np.multiply(y, np.matmul(self._r, self._heads, self._t), y)  # (1): (NT, D)
        out = np.matmul(y, self._Wo.T, self._out.reshape(y.shape))  # (NT, D) @ (D, D) -> (NT, D)
        if self._has_bo:
            np.add(out, taken("bo", bo, self._d_bo), out)
        return self._out

    def backward(self, dout: Any) -> tuple[Array, Array, Array | None, Array, Array | None]:
        """The gradients by x, Wqkv, bqkv, Wo and bo, of their shapes; None by a bias
        that is None."""
        y, d_y, D = self._y, self._d_y, len(self._d_bo)
        dout = taken("dout", dout, self._out).reshape(y.shape)  # (NT, D)
        np.matmul(dout, self._Wo, d_y)  # (NT, D) @ (D, D) -> (NT, D)
        np.matmul(dout.T, y, self._d_Wo)  # (D, NT) @ (NT, D) -> (D, D)
        np.multiply(d_y, np.matmul(self._r, self._heads, self._t), d_y)  # dy: (NT, D)
        np.multiply(d_y, y, self._t)
        np.matmul(self._t, self._heads.T, self._sums)  # (2): (NT, D) @ (D, heads) -> (NT, heads)
        for i in self._blocks:
            e, d_s, d_y_i = self._e[i], self._d_s[i], self._d_y_h[i]
            np.matmul(e.swapaxes(-1, -2), d_y_i, self._d_v[i])  # (2): (T, T) @ (T, -) -> (T, -)
            np.matmul(d_y_i, self._v[i].swapaxes(-1, -2), d_s)  # (2): (T, -) @ (-, T) -> (T, T)
            sure = self._is_sure[i]
            d_sure = self._of_sure(i) if sure.any() else None
            np.subtract(d_s, self._sums_h[i], d_s)
            np.multiply(d_s, e, d_s)  # (2)
            if d_sure is not None:
                d_s[sure] = d_sure
            np.matmul(d_s, self._k[i], self._d_q[i])  # (3): (T, T) @ (T, -) -> (T, -)
            np.matmul(d_s.swapaxes(-1, -2), self._q[i], self._d_k[i])  # (3)
        np.matmul(self._d_a.T, self._x, self._d_W)  # (3D, NT) @ (NT, D) -> (3D, D)
        np.multiply(self._d_W[:D], self._c, self._d_W[:D])
        np.matmul(self._d_a, self._W, self._d_x.reshape(y.shape))  # (NT, 3D) @ (3D, D) -> (NT, D)
        np.matmul(self._ones, self._d_a, self._d_b)  # (NT,) @ (NT, 3D) -> (3D,)
        np.multiply(self._d_b[:D], self._c, self._d_b[:D])
        np.matmul(self._ones, dout, self._d_bo)  # (NT,) @ (NT, D) -> (D,)
        d_b, d_bo = self._d_b if self._has_b else None, self._d_bo if self._has_bo else None
        return self._d_x, self._d_W, d_b, self._d_Wo, d_bo

    def _of_sure(self, i: tuple[int, ...]) -> Array:
        """dL/ds of the sure rows of a block, from dp: (n, T)."""
        e, d_p, Z = (array[i][self._is_sure[i]] for array in (self._e, self._d_s, self._Z))
        d_p -= np.take_along_axis(d_p, e.argmax(-1, keepdims=True), -1)
        return np.asarray(e * (d_p - (e * d_p).sum(-1, keepdims=True) / Z))
