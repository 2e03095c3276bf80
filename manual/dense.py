"""A dense layer: every output is a sum of all inputs, each times a weight.

    out_no = sum_i x_ni W_oi + b_o                                         (1)

x (..., I), one example a row, W (O, I), b (O,) or None, out (..., O). A weight
W_oi stands in out_no alone, in every example n, with the factor x_ni; an input
x_ni stands in all outputs of its example, with the factors W_oi. So

    dL/dx_ni = sum_o dL/dout_no W_oi                                       (2)
    dL/dW_oi = sum_n dL/dout_no x_ni                                       (3)
    dL/db_o  = sum_n dL/dout_no                                            (4)
"""

import numpy as np

from manual.activations import Array
from manual.door import fit_dout
from manual.shapes import fit

Cache = tuple[Array, Array, Array | None]


def affine_forward(x: Array, W: Array, b: Array | None = None) -> tuple[Array, Cache]:
    """x W^T + b and what the way back needs; x (..., I), W (O, I), b (O,) or None.

    ValueError where the shapes do not fit.

        >>> out, cache = affine_forward(np.array([[1, 2]]), np.array([[3, 4], [5, 6]]))
        >>> out
        array([[11, 17]])
    """
    fit("x (..., I), W (O, I), b (O)", x=x, W=W, b=b)
    out = x @ W.T  # (1): (..., I) @ (I, O) -> (..., O)
    return out if b is None else out + b, (x, W, b)


def affine_backward(dout: Array, cache: Cache) -> tuple[Array, Array, Array | None]:
    """The gradients by x, W and b, of their shapes; None by a b that is None."""
    x, W, b = cache
    fit_dout(dout, (*x.shape[:-1], len(W)))
    rows, examples = dout.reshape(-1, len(W)), x.reshape(-1, x.shape[-1])  # (N, O), (N, I)
    # In the forward pass this was out = x W^T + b, so now
    d_x = dout @ W  # (2): (..., O) @ (O, I) -> (..., I)
    d_W = rows.T @ examples  # (3): (O, N) @ (N, I) -> (O, I)
    d_b = None if b is None else np.asarray(rows.sum(0))  # (4): (N, O) -> (O,)
    return d_x, d_W, d_b
