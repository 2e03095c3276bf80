"""`lstm` of `manual.recurrent`, planned: only what has to wait for a state is done step
by step, in few passes over the gates, each of which lies in one piece.

The rows of W, U and b are given signs, and those of g the factor 2, which rounds
nothing: u = -a for i, f and o, and u = -2 a for g. Then of all four gates

    e = exp(u)    s = 1 / (1 + e)                                          (1)

i, f and o are s, g is tanh(-u / 2), and the slopes are

    s'(a) = e s^2    tanh'(a_g) = 4 e s^2                                  (2)

which keeps their digits in saturation; u is cut off where e would overflow. What
(12) and (13) of `manual.recurrent` multiply by is known on the way there already:

    p = o tanh'(c_t)    k = e s^2 (g, c_(t-1), 4 i, tanh(c_t))             (3)

and is all that is kept, with f:

    dc_t = dL/dc_t + dh_t p + (f_(t+1) dc_(t+1))                           (4)
    delta = k (dc_t, dc_t, dc_t, dh_t)                                     (5)

Arrays have times before examples; what is returned are views with the examples first.
"""

from typing import Any

import numpy as np

from manual.activations import Array
from manual.fast.arrays import floats, taken


class LSTM:
    """`lstm` of x (N, T, D) with `units` H into buffers made once.

        lstm = LSTM(x.shape, h0.shape[1], dtype=x.dtype)
        out = lstm.forward(x, h0, c0, W, U, b)
        d_x, d_h0, d_c0, d_W, d_U, d_b = lstm.backward(dout)

    `forward` overwrites the last out, `backward` the last gradients; it reads W and U
    again. With `cells`, out and dout are pairs, as of `lstm`. ValueError for other
    shapes than those that it was made for; TypeError for other numbers than float32
    and float64.
    """

    def __init__(
        self, shape: tuple[int, int, int], units: int, *, cells: bool = False, dtype: Any = float
    ):
        kind, (N, T, D), H = floats(dtype), shape, units
        self._cells = cells
        self._signs = np.array([-1, -1, -2, -1], kind)[:, None, None]
        self._numbers = np.array([[-0.5], [-2], [1], [4]], kind)  # a Python number takes longer
        self._x_1 = np.ones((T * N, D + 1), kind)
        self._x, self._d_x = self._x_1[:, :-1].reshape(T, N, D), np.empty((T, N, D), kind)
        self._h, self._c = np.empty((2, T + 1, N, H), kind)  # the first are h0 and c0
        self._u_x, self._k = np.empty((4, T, N, H), kind), np.empty((T, 4, N, H), kind)
        self._p, self._f = np.empty((2, T, N, H), kind)
        self._e, self._s = np.empty((2, 4, N, H), kind)
        self._d_h, self._d_c, self._spare = np.empty((3, N, H), kind)
        self._most = np.full((N, H), int(np.log(np.finfo(kind).max)), kind)
        self._W_b, self._d_W_b = np.empty((2, 4, H, D + 1), kind)
        self._U_T, self._d_U = np.empty((2, 4, H, H), kind)
        self._part = np.empty((4, T * N, D), kind)

    def forward(self, x: Any, h0: Any, c0: Any, W: Any, U: Any, b: Any) -> Any:
        """The states (N, T, H), with `cells` a pair, of states and cells; x (N, T, D),
        h0, c0 (N, H), W (4H, D), U (4H, H), b (4H,), gates i, f, g, o."""
        (_, H, D_1), e, s, spare = self._W_b.shape, self._e, self._s, self._spare
        self._x[:] = taken("x", x, self._d_x.swapaxes(0, 1)).swapaxes(0, 1)
        self._h[0], self._c[0] = taken("h0", h0, spare), taken("c0", c0, spare)
        self._W = taken("W", W, self._W_b.reshape(4 * H, D_1)[:, :-1]).reshape(4, H, -1)
        self._U = taken("U", U, self._d_U.reshape(4 * H, H)).reshape(4, H, H)
        b = taken("b", b, self._signs.repeat(H)).reshape(4, H)
        np.multiply(self._W, self._signs, self._W_b[:, :, :-1])
        np.multiply(b, self._signs[:, 0], self._W_b[:, :, -1])
        np.multiply(self._U.swapaxes(1, 2), self._signs, self._U_T)
        u_x = self._u_x.reshape(4, len(self._x_1), H)
        np.matmul(self._x_1, self._W_b.swapaxes(1, 2), u_x)  # (TN, D+1) @ (D+1, H) -> (TN, H)
        (i, f, _, o), (minus_half, minus_2, one, four) = s, self._numbers
        steps = zip(self._k, self._p, self._h[1:], self._c[1:], strict=True)
        for t, (k, p, h, c) in enumerate(steps):
            g, by_f, by_g, by_o = k  # (N, H) each
            np.matmul(self._h[t], self._U_T, e)  # (N, H) @ (H, H) -> (N, H), of four gates
            np.minimum(np.add(self._u_x[:, t], e, e), self._most, out=e)
            np.tanh(np.multiply(e[2], minus_half, g), g)
            np.divide(one, np.add(np.exp(e, e), one, s), s)  # (1): (4, N, H)
            np.multiply(f, self._c[t], c)
            np.add(c, np.multiply(i, g, spare), c)  # c_t = f c_(t-1) + i g
            np.multiply(o, np.tanh(c, by_o), h)  # h_t = o tanh(c_t)
            by_f[:], self._f[t] = self._c[t], f
            np.multiply(i, four, by_g)
            np.multiply(k, np.multiply(np.multiply(e, s, e), s, e), k)  # (2), (3)
            np.exp(np.multiply(np.absolute(c, spare), minus_2, spare), spare)
            np.add(spare, one, p)
            np.divide(np.multiply(spare, four, spare), np.multiply(p, p, p), p)  # tanh'(c_t)
            np.multiply(p, o, p)  # (3)
        out, cells = (array[1:].swapaxes(0, 1) for array in (self._h, self._c))
        return (out, cells) if self._cells else out

    def backward(self, dout: Any) -> tuple[Array, Array, Array, Array, Array, Array]:
        """The gradients by x, h0, c0, W, U and b, of their shapes; dout is a pair where
        out was one."""
        d_h, d_c, spare, T = self._d_h, self._d_c, self._spare, len(self._p)
        from_h, *from_c = (
            taken("dout", d, self._h[1:].swapaxes(0, 1)).swapaxes(0, 1)
            for d in (dout if self._cells else (dout,))
        )
        d_h.fill(0)
        d_c.fill(0)
        delta, through_gates = self._u_x, self._e
        for t in reversed(range(T)):
            np.add(d_h, from_h[t], d_h)
            np.add(d_c, np.multiply(d_h, self._p[t], spare), d_c)  # (4): (N, H)
            for d in from_c:
                np.add(d_c, d[t], d_c)
            np.multiply(self._k[t, :3], d_c, delta[:3, t])
            np.multiply(self._k[t, 3], d_h, delta[3, t])  # (5): (N, H), of four gates
            np.matmul(delta[:, t], self._U, through_gates)  # (N, H) @ (H, H) -> (N, H)
            np.add.reduce(through_gates, 0, out=d_h)
            np.multiply(d_c, self._f[t], d_c)
        delta = delta.reshape(4, len(self._x_1), d_h.shape[1])
        h, delta_T = self._h[:-1].reshape(delta.shape[1:]), delta.swapaxes(1, 2)
        np.matmul(delta, self._W, self._part)  # (TN, H) @ (H, D) -> (TN, D)
        np.add.reduce(self._part, 0, out=self._d_x.reshape(self._part.shape[1:]))
        np.matmul(delta_T, self._x_1, self._d_W_b)  # (H, TN) @ (TN, D+1) -> (H, D+1)
        np.matmul(delta_T, h, self._d_U)  # (H, TN) @ (TN, H) -> (H, H)
        d_W_b, d_U = (array.reshape(-1, array.shape[2]) for array in (self._d_W_b, self._d_U))
        return self._d_x.swapaxes(0, 1), d_h, d_c, d_W_b[:, :-1], d_U, d_W_b[:, -1]
