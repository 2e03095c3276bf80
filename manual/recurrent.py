"""Recurrent layers: one step after another, each from the state that the step
before left, with the same weights at all times.

x (N, T, D), example by example and time by time; the states h_t (N, H), of which
h0 is given and out (N, T, H) has all others; W (GH, D), U (GH, H), b (GH,) for
G gates one below the other; a (N, T, GH) pre-activations. Below, the index of
examples is left out, s is the sigmoid, * goes entry by entry.

What all have in common. h_t leaves the layer as out_t and goes on to time t + 1,
so what comes back to it is

    dh_t = dL/dout_t + (what time t + 1 sends back)                        (1)

from the last time to the first; behind the last there is nothing. Where
a_t = W x_t + U h_(t-1) + b, with delta_t = dL/da_t,

    dL/dx_t = W^T delta_t                                                  (2)
    dL/dW   = sum_nt delta_t x_t^T                                         (3)
    dL/dU   = sum_nt delta_t h_(t-1)^T                                     (4)
    dL/db   = sum_nt delta_t                                               (5)

since the weights are the same at all times: every time adds to their gradient.
The slopes s' and tanh' are taken from the pre-activation, where they keep their
digits in saturation; 1 - h^2 and s (1 - s) do not.

RNN (J. Elman, 1990), G = 1:

    a_t = W x_t + U h_(t-1) + b                                            (6)
    h_t = tanh(a_t)                                                        (7)

    delta_t = dh_t tanh'(a_t),  and back to h_(t-1) goes U^T delta_t       (8)

LSTM (S. Hochreiter, J. Schmidhuber, 1997, with the forget gate of F. Gers et
al., 2000), G = 4, the gates in the order i, f, g, o, and cells c_t (N, H):

    i, f, o = s(a_i), s(a_f), s(a_o),  g = tanh(a_g)                       (9)
    c_t = f c_(t-1) + i g                                                  (10)
    h_t = o tanh(c_t)                                                      (11)

c_t goes on to time t + 1 too, and sends back what h_t and c_(t+1) send to it:

    dc_t = dL/dc_t + dh_t o tanh'(c_t) + (f_(t+1) dc_(t+1))                (12)
    da_i = dc_t g s'(a_i)         da_f = dc_t c_(t-1) s'(a_f)
    da_g = dc_t i tanh'(a_g)      da_o = dh_t tanh(c_t) s'(a_o)            (13)

and back to c_(t-1) goes f_t dc_t. dL/dc_t is 0 where L sees out only.

GRU (K. Cho et al., 2014), G = 3, the gates in the order r, z, n, in the variant
of cuDNN and torch: the reset gate multiplies U_n h, behind the product. (In the
paper it multiplies h, in front of it: U_n (r * h). The two are different
functions.) There is one bias, that of W x; torch's second one is 0 here. With
u_t = U h_(t-1) and a_t = W x_t + b:

    r, z = s(a_r + u_r), s(a_z + u_z)                                      (14)
    n = tanh(a_n + r * u_n)                                                (15)
    h_t = (1 - z) n + z h_(t-1)                                            (16)

so that a z of 1 keeps the state (in the paper, too; some texts have z and 1 - z
the other way round). 1 - s(v) is s(-v). With p_r, p_z, p_n for what s and tanh
are taken of in (14) and (15):

    dp_n = dh_t (1 - z) tanh'(p_n)
    dp_z = dh_t (h_(t-1) - n) s'(p_z)
    dp_r = dp_n u_n s'(p_r)                                                (17)

(2), (3) and (5) have these for delta. u has the same slopes but for u_n, which r
multiplies, so (4) has (dp_r, dp_z, r dp_n) for delta, and back to h_(t-1) goes

    z dh_t + U^T (dp_r, dp_z, r dp_n)                                      (18)

Conventions: without any time out is (N, 0, H), dL/dh0 is what comes from behind,
0, and so are the gradients of the weights.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from manual.activations import Array, d_sigmoid, d_tanh, sigmoid
from manual.door import fit_dout
from manual.shapes import fit

Cache = tuple[Array, ...]


class LSTMCache(NamedTuple):
    """What the way back of an LSTM needs: what went in, states and cells before
    every time (N, T, H), the pre-activations (N, T, 4H), the cells c (N, T, H),
    of which c[:, -1] is the last, and whether out has them."""

    x: Array
    W: Array
    U: Array
    before: Array
    c_before: Array
    a: Array
    c: Array
    cells: bool


def _over_time(steps: Sequence[Array], like: Array) -> Array:
    """T arrays (N, G) as one, (N, T, G); where there are none, `like` (N, ..., G)
    without any time."""
    return np.stack(steps, 1) if steps else like[:, :0]


def _weights(delta: Array, inputs: Array) -> Array:
    """sum_nt delta_nt inputs_nt^T, as one product: (N, T, G), (N, T, I) -> (G, I)."""
    rows = delta.shape[0] * delta.shape[1]
    return delta.reshape(rows, delta.shape[2]).T @ inputs.reshape(rows, inputs.shape[2])


def rnn_forward(x: Array, h0: Array, W: Array, U: Array, b: Array) -> tuple[Array, Cache]:
    """The states of an RNN with tanh and what the way back needs; x (N, T, D), h0
    (N, H), W (H, D), U (H, H), b (H,), out (N, T, H).

    ValueError where the shapes do not fit.

        >>> x, one = np.ones((1, 3, 1)), np.ones((1, 1))
        >>> out, cache = rnn_forward(x, one, one, -one, np.zeros(1))
        >>> out.round(2).tolist()
        [[[0.0], [0.76], [0.23]]]
    """
    fit("x (N, T, D), h0 (N, H), W (H, D), U (H, H), b (H)", x=x, h0=h0, W=W, U=U, b=b)
    of_x = x @ W.T + b  # (6), of all times: (N, T, D) @ (D, H) -> (N, T, H)
    pre, states = [], [h0]
    for t in range(x.shape[1]):
        pre.append(of_x[:, t] + states[-1] @ U.T)  # (6): (N, H) @ (H, H) -> (N, H)
        states.append(np.tanh(pre[-1]))  # (7): (N, H)
    before, out = _over_time(states[:-1], h0[:, None]), _over_time(states[1:], h0[:, None])
    return out, (x, W, U, before, _over_time(pre, of_x))


def rnn_backward(dout: Array, cache: Cache) -> tuple[Array, Array, Array, Array, Array]:
    """The gradients by x, h0, W, U and b, of their shapes."""
    x, W, U, before, a = cache
    fit_dout(dout, a.shape)
    slope, delta = d_tanh(a), np.empty_like(a)  # (N, T, H)
    d_h = np.zeros((len(x), len(U)), dout.dtype)
    for t in reversed(range(x.shape[1])):
        # In the forward pass h_t went to out_t and to time t + 1, so now
        d_h = dout[:, t] + d_h  # (1): (N, H)
        delta[:, t] = d_h * slope[:, t]  # (8): (N, H)
        d_h = delta[:, t] @ U  # (8): (N, H) @ (H, H) -> (N, H)
    # In the forward pass this was a = W x + U before + b, so now
    d_x = delta @ W  # (2): (N, T, H) @ (H, D) -> (N, T, D)
    d_W, d_U = _weights(delta, x), _weights(delta, before)  # (3), (4): (H, D), (H, H)
    d_b = np.asarray(delta.sum((0, 1)))  # (5): (N, T, H) -> (H,)
    return d_x, d_h, d_W, d_U, d_b


def lstm_forward(
    x: Array, h0: Array, c0: Array, W: Array, U: Array, b: Array, *, cells: bool = False
) -> tuple[Any, LSTMCache]:
    """The states of an LSTM and what the way back needs; x (N, T, D), h0 (N, H),
    c0 (N, H), W (4H, D), U (4H, H), b (4H,), gates i, f, g, o; out (N, T, H).

    With `cells`, out is a pair, of the states and the cells at all times, each
    (N, T, H), and dout is one, too: so L may depend on the last cells. Without
    it they are in cache.c[:, -1], for whoever goes on from them as from a
    constant. ValueError where the shapes do not fit.

        >>> x, one = np.ones((1, 2, 1)), np.ones((1, 1))
        >>> W, U, b = np.ones((4, 1)), np.zeros((4, 1)), np.zeros(4)
        >>> (h, c), cache = lstm_forward(x, one, one, W, U, b, cells=True)
        >>> h.round(2).tolist(), c.round(2).tolist()
        ([[[0.63], [0.66]]], [[[1.29], [1.5]]])
    """
    shapes = "x (N, T, D), h0 (N, H), c0 (N, H), W (4H, D), U (4H, H), b (4H)"
    fit(shapes, x=x, h0=h0, c0=c0, W=W, U=U, b=b)
    of_x = x @ W.T + b  # (9), of all times: (N, T, D) @ (D, 4H) -> (N, T, 4H)
    pre, states, cs = [], [h0], [c0]
    for t in range(x.shape[1]):
        pre.append(of_x[:, t] + states[-1] @ U.T)  # (9): (N, H) @ (H, 4H) -> (N, 4H)
        a_i, a_f, a_g, a_o = np.split(pre[-1], 4, 1)  # (N, H) each
        cs.append(sigmoid(a_f) * cs[-1] + sigmoid(a_i) * np.tanh(a_g))  # (10): (N, H)
        states.append(sigmoid(a_o) * np.tanh(cs[-1]))  # (11): (N, H)
    before, out = _over_time(states[:-1], h0[:, None]), _over_time(states[1:], h0[:, None])
    c_before, c = _over_time(cs[:-1], c0[:, None]), _over_time(cs[1:], c0[:, None])
    cache = LSTMCache(x, W, U, before, c_before, _over_time(pre, of_x), c, cells)
    return (out, c) if cells else out, cache


def lstm_backward(dout: Any, cache: LSTMCache) -> tuple[Array, Array, Array, Array, Array, Array]:
    """The gradients by x, h0, c0, W, U and b, of their shapes; dout is dL/dout
    (N, T, H), or the pair of dL/dh and dL/dc where out was one."""
    x, W, U, before, c_before, a, c, cells = cache
    from_h, from_c = dout if cells else (dout, np.zeros_like(dout))
    fit_dout(from_h, c.shape)
    fit_dout(from_c, c.shape)
    a_i, a_f, a_g, a_o = np.split(a, 4, 2)  # (N, T, H) each
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    by_i, by_f, by_g = g * d_sigmoid(a_i), c_before * d_sigmoid(a_f), i * d_tanh(a_g)
    slopes = np.concatenate([by_i, by_f, by_g, np.tanh(c) * d_sigmoid(a_o)], 2)  # of (13)
    c_in_h = o * d_tanh(c)  # of (12): (N, T, H)
    delta = np.empty_like(a)  # (N, T, 4H)
    d_h = d_c = np.zeros((len(x), U.shape[1]), from_h.dtype)
    for t in reversed(range(x.shape[1])):
        # In the forward pass h_t went to out_t and to time t + 1, so now
        d_h = from_h[:, t] + d_h  # (1): (N, H)
        # In the forward pass c_t went to h_t and to time t + 1, so now
        d_c = from_c[:, t] + d_h * c_in_h[:, t] + d_c  # (12): (N, H)
        delta[:, t] = np.concatenate([d_c, d_c, d_c, d_h], 1) * slopes[:, t]  # (13): (N, 4H)
        d_h = delta[:, t] @ U  # of h_(t-1): (N, 4H) @ (4H, H) -> (N, H)
        d_c = f[:, t] * d_c  # of c_(t-1): (N, H)
    # In the forward pass this was a = W x + U before + b, so now
    d_x = delta @ W  # (2): (N, T, 4H) @ (4H, D) -> (N, T, D)
    d_W, d_U = _weights(delta, x), _weights(delta, before)  # (3), (4): (4H, D), (4H, H)
    d_b = np.asarray(delta.sum((0, 1)))  # (5): (N, T, 4H) -> (4H,)
    return d_x, d_h, d_c, d_W, d_U, d_b


def gru_forward(x: Array, h0: Array, W: Array, U: Array, b: Array) -> tuple[Array, Cache]:
    """The states of a GRU and what the way back needs; x (N, T, D), h0 (N, H), W
    (3H, D), U (3H, H), b (3H,), gates r, z, n; out (N, T, H).

    n = tanh(W_n x + b_n + r * (U_n h)), as cuDNN and torch have it. ValueError
    where the shapes do not fit.

        >>> x, one = np.ones((1, 2, 1)), np.ones((1, 1))
        >>> out, cache = gru_forward(x, one, np.ones((3, 1)), np.zeros((3, 1)), np.zeros(3))
        >>> out.round(2).tolist()
        [[[0.94], [0.89]]]
    """
    fit("x (N, T, D), h0 (N, H), W (3H, D), U (3H, H), b (3H)", x=x, h0=h0, W=W, U=U, b=b)
    of_x = x @ W.T + b  # of all times: (N, T, D) @ (D, 3H) -> (N, T, 3H)
    pre, us_n, states = [], [], [h0]
    for t in range(x.shape[1]):
        a_r, a_z, a_n = np.split(of_x[:, t], 3, 1)  # (N, H) each
        u_r, u_z, u_n = np.split(states[-1] @ U.T, 3, 1)  # (N, H) @ (H, 3H) -> (N, H) each
        p_r, p_z = a_r + u_r, a_z + u_z  # (14): (N, H)
        p_n = a_n + sigmoid(p_r) * u_n  # (15): (N, H)
        states.append(sigmoid(-p_z) * np.tanh(p_n) + sigmoid(p_z) * states[-1])  # (16): (N, H)
        pre.append(np.concatenate([p_r, p_z, p_n], 1))  # (N, 3H)
        us_n.append(u_n)
    before, out = _over_time(states[:-1], h0[:, None]), _over_time(states[1:], h0[:, None])
    return out, (x, W, U, before, _over_time(pre, of_x), _over_time(us_n, h0[:, None]))


def gru_backward(dout: Array, cache: Cache) -> tuple[Array, Array, Array, Array, Array]:
    """The gradients by x, h0, W, U and b, of their shapes."""
    x, W, U, before, p, u_n = cache
    fit_dout(dout, before.shape)
    p_r, p_z, p_n = np.split(p, 3, 2)  # (N, T, H) each
    r, z, n = sigmoid(p_r), sigmoid(p_z), np.tanh(p_n)
    by_n = sigmoid(-p_z) * d_tanh(p_n)
    by_z, by_r = (before - n) * d_sigmoid(p_z), by_n * u_n * d_sigmoid(p_r)
    slopes = np.concatenate([by_r, by_z, by_n], 2)  # of (17), to a: (N, T, 3H)
    slopes_u = np.concatenate([by_r, by_z, r * by_n], 2)  # of (18), to u: (N, T, 3H)
    delta, d_u = np.empty_like(p), np.empty_like(p)  # (N, T, 3H)
    d_h = np.zeros((len(x), U.shape[1]), dout.dtype)
    for t in reversed(range(x.shape[1])):
        # In the forward pass h_t went to out_t and to time t + 1, so now
        d_h = dout[:, t] + d_h  # (1): (N, H)
        all_gates = np.concatenate([d_h, d_h, d_h], 1)  # (N, 3H)
        delta[:, t], d_u[:, t] = all_gates * slopes[:, t], all_gates * slopes_u[:, t]  # (17)
        d_h = z[:, t] * d_h + d_u[:, t] @ U  # (18): (N, 3H) @ (3H, H) -> (N, H)
    # In the forward pass this was a = W x + b and u = U before, so now
    d_x = delta @ W  # (2): (N, T, 3H) @ (3H, D) -> (N, T, D)
    d_W, d_U = _weights(delta, x), _weights(d_u, before)  # (3), (4): (3H, D), (3H, H)
    d_b = np.asarray(delta.sum((0, 1)))  # (5): (N, T, 3H) -> (3H,)
    return d_x, d_h, d_W, d_U, d_b
