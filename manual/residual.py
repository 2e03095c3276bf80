"""A residual block: what a small network of two layers makes of x is added to x.

    z   = W1 x                                                             (1)
    h   = relu(z)                                                          (2)
    out = x + W2 h                                                         (3)

x and out (..., D), one example a row, W1 (H, D), W2 (D, H), z and h (..., H).
K. He et al. (2016): layers have to learn only how out differs from x, and

    d out = d x + W2 diag(relu'(z)) W1 d x

holds the identity, so that what comes back reaches x in full however many blocks
it goes through. x entered (3) twice, by itself and through h, so its gradient has
two terms. Of row n, with delta = dL/dz:

    dL/dW2     = sum_n dL/dout_n h_n^T                                     (4)
    delta_n    = (W2^T dL/dout_n) relu'(z_n)                               (5)
    dL/dW1     = sum_n delta_n x_n^T                                       (6)
    dL/dx_n    = dL/dout_n + W1^T delta_n                                  (7)

Convention: at z = 0 the slope of relu is 0. A block whose units are all dead
hands out = x on, and dL/dx = dL/dout.
"""

from manual.activations import Array, d_relu, relu
from manual.door import fit_dout
from manual.shapes import fit

Cache = tuple[Array, Array, Array, Array]


def residual_block_forward(x: Array, W1: Array, W2: Array) -> tuple[Array, Cache]:
    """x + W2 relu(W1 x) of every example and what the way back needs; x (..., D),
    W1 (H, D), W2 (D, H), out (..., D).

    ValueError where the shapes do not fit.

        >>> W1, W2 = np.array([[1.0, 0.0], [0.0, -1.0]]), np.array([[1.0, 1.0], [2.0, 2.0]])
        >>> out, cache = residual_block_forward(np.array([[3.0, 4.0]]), W1, W2)
        >>> out
        array([[ 6., 10.]])
    """
    fit("x (..., D), W1 (H, D), W2 (D, H)", x=x, W1=W1, W2=W2)
    z = x @ W1.T  # (1): (..., D) @ (D, H) -> (..., H)
    h = relu(z)  # (2): (..., H)
    out = x + h @ W2.T  # (3): (..., H) @ (H, D) -> (..., D)
    return out, (x, W1, W2, z)


def residual_block_backward(dout: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """The gradients by x, W1 and W2, of their shapes."""
    x, W1, W2, z = cache
    fit_dout(dout, x.shape)
    h, (units, inputs) = relu(z), W1.shape
    # In the forward pass this was out = x + W2 h, so now
    d_W2 = dout.reshape(-1, inputs).T @ h.reshape(-1, units)  # (4): (D, N) @ (N, H) -> (D, H)
    delta = (dout @ W2) * d_relu(z)  # (5): (..., D) @ (D, H) -> (..., H)
    # In the forward pass this was z = W1 x, so now
    d_W1 = delta.reshape(-1, units).T @ x.reshape(-1, inputs)  # (6): (H, N) @ (N, D) -> (H, D)
    d_x = dout + delta @ W1  # (7): (..., H) @ (H, D) -> (..., D)
    return d_x, d_W1, d_W2
