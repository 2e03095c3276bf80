"""Attention: every query takes a mean of the values, weighted by how well the
keys fit it (A. Vaswani et al., 2017).

One head, q (..., T, D), k (..., S, D), v (..., S, E), out (..., T, E), the axes in
front the same for all; c is the scale, 1 / sqrt(D) unless another is given:

    s   = c q k^T                                                          (1)
    p   = softmax(s) row by row, over the keys that the mask allows        (2)
    out = p v                                                              (3)

The mask (..., T, S) is True where a query may look, and a constant. p_ts is 0
where it may not, and e^s_ts / sum_(allowed u) e^s_tu elsewhere: the largest
allowed s is taken from all before the exponentials. With dp = dL/dp:

    dL/dv = p^T dL/dout                                                    (4)
    dp    = dL/dout v^T                                                    (5)
    dL/ds = p * (dp - (sum_u p_u dp_u) of the row)                         (6)
    dL/dq = c dL/ds k                                                      (7)
    dL/dk = c dL/ds^T q                                                    (8)

(6) is the Jacobian of the softmax, dp_u/ds_w = p_u ([u = w] - p_w), and 0 where p
is. The sum in it is that of dL/dout * out over the entries of a row, too, which
kernels use that do not keep p (T. Dao et al., 2022). Since the p of a row add up
to 1, (6) stays the same if one number is taken from all its dp. Of a sure query,
whose largest p is 1 to all digits, dp - sum p dp would be 0 or some rounding for
that key; with its dp taken from all first, the sum has the small p only, and all
digits that they have.

Several heads, x (N, T, D), Wqkv (3D, D), bqkv (3D,), Wo (D, D), bo (D,): three
dense layers in one, the queries first, then the keys, then the values; the h-th
D / heads entries of each are head h; the results side by side go through a last
dense layer.

    a = x Wqkv^T + bqkv,  q, k, v = a in three                             (9)
    y = attention of q, k, v of every head, side by side                   (10)
    out = y Wo^T + bo                                                      (11)

On the way back these are a dense layer, (1) to (8) for every head, and a dense
layer, with nothing new but the order of the axes:

    dL/dy  = dL/dout Wo      dL/dWo   = sum_nt dL/dout_nt y_nt^T           (12)
    dL/da  = (dL/dq, dL/dk, dL/dv) side by side                            (13)
    dL/dx  = dL/da Wqkv      dL/dWqkv = sum_nt dL/da_nt x_nt^T             (14)

The bias of the keys has the gradient 0, whatever the rest is: it adds the same to
all scores of a row, which the softmax does not see.

Rotary positions (J. Su et al., 2021): the entries 2i and 2i + 1 of a row at the
position m are turned by the angle m base^(-2i/D), as one complex number would be,
so that a product q . k depends on the distance of the two positions only.

    out_2i     = x_2i cos - x_2i+1 sin
    out_2i + 1 = x_2i sin + x_2i+1 cos                                     (15)

Neighbours are pairs, as in the paper and in Llama's first code; GPT-NeoX and
Hugging Face have i and i + D/2 for pairs. The transpose of a rotation turns
back:

    dL/dx_2i     =  dL/dout_2i cos + dL/dout_2i+1 sin
    dL/dx_2i + 1 = -dL/dout_2i sin + dL/dout_2i+1 cos                      (16)

Conventions: a query that may look nowhere, or where there are no keys, has out =
0, and all gradients through it are 0 (softmax would divide 0 by 0). Keys and
values where nothing may look have no influence, but are multiplied by 0, so they
have to be finite. Rotary angles are found in float64 for floats of any length.
"""

from typing import Any

import numpy as np

from manual.activations import Array, exponentials, number, softmax
from manual.dense import affine_backward, affine_forward
from manual.door import fit_dout
from manual.shapes import are_arrays, fit, stretched

Cache = tuple[Any, ...]


def causal_mask(T: int) -> Array:
    """Which of T places a place may look at: itself and those before; (T, T).

    >>> causal_mask(2)
    array([[ True, False],
           [ True,  True]])
    """
    return np.tri(T, dtype=bool)


def padding_mask(lengths: Array, T: int) -> Array:
    """Which of T places are in a sequence, of the lengths (N,) of N sequences that
    were filled up to T: (N, 1, T), the same for every query.

    `causal_mask(T) & padding_mask(lengths, T)` is (N, T, T). ValueError where
    `lengths` does not have one axis.

        >>> padding_mask(np.array([1, 3]), 3).astype(int).tolist()
        [[[1, 0, 0]], [[1, 1, 1]]]
    """
    fit("lengths (N)", lengths=lengths)
    return np.arange(T) < lengths[:, None, None]


def _softmax(s: Array, mask: Array | None) -> Array:
    """(2), of scores (..., T, S) and a mask that stretches to them."""
    if not s.shape[-1]:
        return s
    if mask is None:
        return softmax(s)
    mask = np.broadcast_to(mask, s.shape)
    place = np.where(mask, s.astype(float), -np.inf).argmax(-1, keepdims=True)
    some = mask.any(-1, keepdims=True)
    largest = np.where(some, np.take_along_axis(s, place, -1), number(s, 0))
    e, _ = exponentials(np.where(mask, s, largest))
    e = np.where(mask, e, number(s, 0))
    return np.asarray(e / np.where(some, e.sum(-1, keepdims=True), number(s, 1)))


def attention_forward(
    q: Array, k: Array, v: Array, *, mask: Array | None = None, scale: Any = None
) -> tuple[Array, Cache]:
    """The means of the values that the queries ask for, and what the way back needs;
    q (..., T, D), k (..., S, D), v (..., S, E), mask of bools, which stretches to
    (..., T, S), True where a query may look; out (..., T, E).

    The scale is 1 / sqrt(D) where None is given. ValueError where the shapes do
    not fit and where the mask is not of bools.

        >>> q, k, v = np.zeros((2, 1)), np.ones((3, 1)), np.array([[1.0], [3.0], [8.0]])
        >>> out, cache = attention_forward(q, k, v, mask=np.array([[1, 1, 0], [1, 1, 1]]) == 1)
        >>> out.tolist()
        [[2.0], [4.0]]
    """
    are_arrays(q=q, mask=mask)
    front = "".join(f"N{axis}, " for axis in range(q.ndim - 2))
    fit(f"q ({front}T, D), k ({front}S, D), v ({front}S, E)", q=q, k=k, v=v)
    if mask is not None:
        fit_mask(mask, (*q.shape[:-1], k.shape[-2]), "q k^T")
    c = 1 / np.sqrt(number(q, q.shape[-1])) if scale is None else number(q, scale)
    s = c * (q @ k.swapaxes(-1, -2))  # (1): (..., T, D) @ (..., D, S) -> (..., T, S)
    p = _softmax(s, mask)  # (2): (..., T, S)
    out = p @ v  # (3): (..., T, S) @ (..., S, E) -> (..., T, E)
    return out, (q, k, v, p, c)


def fit_mask(mask: Array, shape: tuple[int, ...], of: str) -> None:
    """Raises ValueError where a mask is not of bools or does not stretch to a shape.

    >>> fit_mask(np.ones((3, 3), bool), (2, 3, 3), "q k^T")
    """
    if mask.dtype != bool:
        raise ValueError(f"mask is {mask.dtype}, expected bool: write mask == 1 if 1 is allowed")
    stretched("mask", mask, of, shape)


def attention_backward(dout: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """The gradients by q, k and v, of their shapes."""
    q, k, v, p, c = cache
    fit_dout(dout, (*p.shape[:-1], v.shape[-1]))
    # In the forward pass this was out = p v, so now
    d_v = p.swapaxes(-1, -2) @ dout  # (4): (..., S, T) @ (..., T, E) -> (..., S, E)
    d_p = dout @ v.swapaxes(-1, -2)  # (5): (..., T, E) @ (..., E, S) -> (..., T, S)
    if p.shape[-1]:
        largest = p.astype(float).argmax(-1, keepdims=True)  # (..., T, 1)
        d_p = d_p - np.take_along_axis(d_p, largest, -1)  # the same to (6): (..., T, S)
    # In the forward pass this was p = softmax(s), so now
    d_s = p * (d_p - (p * d_p).sum(-1, keepdims=True))  # (6): (..., T, S)
    # In the forward pass this was s = c q k^T, so now
    d_q = c * (d_s @ k)  # (7): (..., T, S) @ (..., S, D) -> (..., T, D)
    d_k = c * (d_s.swapaxes(-1, -2) @ q)  # (8): (..., S, T) @ (..., T, D) -> (..., S, D)
    return d_q, d_k, d_v


def multi_head_attention_forward(
    x: Array,
    Wqkv: Array,
    bqkv: Array | None,
    Wo: Array,
    bo: Array | None,
    *,
    heads: int,
    mask: Array | None = None,
) -> tuple[Array, Cache]:
    """Attention among the rows of every example, by several heads, and what the
    way back needs; x (N, T, D), Wqkv (3D, D), bqkv (3D,) or None, Wo (D, D), bo
    (D,) or None, mask of bools, which stretches to (N, T, T), the same for all
    heads; out (N, T, D).

    ValueError where the shapes do not fit, where the mask is not of bools, and
    where D is no multiple of the heads.

        >>> x, one = np.array([[[1.0, 2.0], [3.0, 8.0]]]), np.eye(2)
        >>> Wqkv = np.concatenate([0 * one, one, one])
        >>> out, cache = multi_head_attention_forward(x, Wqkv, None, one, None, heads=2)
        >>> out.tolist()
        [[[2.0, 5.0], [2.0, 5.0]]]
    """
    shapes = "x (N, T, D), Wqkv (3D, D), bqkv (3D), Wo (D, D), bo (D)"
    N, T, D = fit(shapes, x=x, Wqkv=Wqkv, bqkv=bqkv, Wo=Wo, bo=bo).values()
    if heads < 1 or D % heads:
        raise ValueError(f"heads is {heads}, expected a divisor of D = {D}, as x has it")
    if mask is not None:
        fit_mask(mask, (N, T, T), "x x^T")
        mask = np.broadcast_to(mask, (N, T, T))[:, None]  # (N, 1, T, T)
    a, to_qkv = affine_forward(x, Wqkv, bqkv)  # (9): (N, T, D) -> (N, T, 3D)
    q, k, v = a.reshape(N, T, 3, heads, D // heads).transpose(2, 0, 3, 1, 4)  # (N, heads, T, -)
    y, to_y = attention_forward(q, k, v, mask=mask)  # (10): (N, heads, T, D / heads)
    side_by_side = y.swapaxes(1, 2).reshape(N, T, D)
    out, to_out = affine_forward(side_by_side, Wo, bo)  # (11): (N, T, D)
    return out, (to_qkv, to_y, to_out)


def multi_head_attention_backward(
    dout: Array, cache: Cache
) -> tuple[Array, Array, Array | None, Array, Array | None]:
    """The gradients by x, Wqkv, bqkv, Wo and bo, of their shapes; None by a bias
    that is None."""
    to_qkv, to_y, to_out = cache
    N, heads, T, entries = to_y[0].shape
    # In the forward pass this was out = y Wo^T + bo, so now
    d_y, d_Wo, d_bo = affine_backward(dout, to_out)  # (12): (N, T, D)
    # In the forward pass head h became the h-th part of y, so now
    d_heads = d_y.reshape(N, T, heads, entries).swapaxes(1, 2)  # (N, heads, T, D / heads)
    d_qkv = np.stack(attention_backward(d_heads, to_y))  # (3, N, heads, T, D / heads)
    # In the forward pass a became q, k and v, and these the heads, so now
    d_a = d_qkv.transpose(1, 3, 0, 2, 4).reshape(N, T, -1)  # (13): (N, T, 3D)
    # In the forward pass this was a = x Wqkv^T + bqkv, so now
    d_x, d_Wqkv, d_bqkv = affine_backward(d_a, to_qkv)  # (14): (N, T, D), (3D, D), (3D,)
    return d_x, d_Wqkv, d_bqkv, d_Wo, d_bo


def _turned(x: Array, cos: Array, sin: Array) -> Array:
    """(15): the pairs of x (..., T, D) turned, with cos and sin (..., T, D / 2)."""
    even, odd = x[..., ::2], x[..., 1::2]  # (..., T, D / 2)
    pairs = np.stack([even * cos - odd * sin, even * sin + odd * cos], -1)  # (..., T, D / 2, 2)
    return pairs.reshape(x.shape)


def rotary_forward(
    x: Array, *, base: Any = 10000, positions: Array | None = None
) -> tuple[Array, Cache]:
    """The rows of x turned by their positions and what the way back needs; x (...,
    T, D), positions that stretch to (..., T), or None for 0 to T - 1; out (..., T,
    D).

    The pairs are 2i and 2i + 1. ValueError where D is odd, and where the shapes
    do not fit.

        >>> out, cache = rotary_forward(np.array([[1.0, 0.0], [1.0, 0.0]]))
        >>> out.round(2).tolist()
        [[1.0, 0.0], [0.54, 0.84]]
    """
    T, D = fit("x (..., T, D)", x=x).values()
    if D % 2:
        raise ValueError(f"x has the shape {x.shape}, expected (..., T, D) with an even D")
    positions = np.arange(T) if positions is None else positions
    stretched("positions", positions, "x (..., T)", x.shape[:-1])
    like = x if x.dtype == object else np.zeros(1)  # float64 for all floats
    exact = np.frompyfunc(lambda value: number(like, value), 1, 1)
    m, i2 = (exact(places).astype(like.dtype) for places in (positions, np.arange(0, D, 2)))
    rates = np.exp(-np.log(number(like, base)) * i2 / D)  # base^(-2i/D): (D / 2,)
    angles = m[..., None] * rates  # (..., T, D / 2)
    cos, sin = np.cos(angles), np.sin(angles)
    if x.dtype.kind == "f":
        cos, sin = cos.astype(x.dtype), sin.astype(x.dtype)
    return _turned(x, cos, sin), (cos, sin, x.shape)


def rotary_backward(dout: Array, cache: Cache) -> Array:
    """The gradient by x, of its shape."""
    cos, sin, shape = cache
    fit_dout(dout, shape)
    # In the forward pass the pairs were turned by an angle, so now they turn back
    return _turned(dout, cos, -sin)  # (16): (..., T, D)
