"""The Hessian times a direction, without the Hessian: the R-operator (B.
Pearlmutter, 1994), by hand.

Let every parameter move, W_l at the rate V_l and b_l at the rate c_l, and write
R{q} for the rate at which a quantity q then changes. R{dL/dW} is the Hessian of
L times the direction (V, c). R is a derivative along a line, so it obeys the
product rule, and (1) to (4) of `mlp` become

    (R1)  R{z_l} = W_l R{h_(l-1)} + V_l h_(l-1) + c_l
          R{h_l} = f_l'(z_l) R{z_l}
    (R2)  R{delta_l} = f_l'(z_l) R{dL/dh_l} + f_l''(z_l) R{z_l} dL/dh_l
    (R3)  R{dL/dW_l} = R{delta_l} h_(l-1)^T + delta_l R{h_(l-1)}^T
          R{dL/db_l} = R{delta_l}
    (R4)  R{dL/dh_(l-1)} = W_l^T R{delta_l} + V_l^T delta_l

from R{x} = 0 on, and back from R{dL/dyhat} = L''(yhat) R{yhat}, where L'' is
the second derivative of a share of the loss by its own output, or R{delta_L}
where loss and activation are computed together (`fused`). It takes one pass
forward and one back, twice the work of the gradient. A softmax has its Jacobian
in place of f', which is symmetric, so that what pulls back in (2) also pushes
forward in (R1).

    N examples    I inputs of a layer    O units of a layer
"""

from typing import Any

import numpy as np

from manual.activations import Activations, bend, pull_back
from manual.door import check_data, check_direction, check_loss, check_params
from manual.fused import fuse
from manual.layers import Layer, Params, like
from manual.losses import d_reduce
from manual.mlp import forward_pass


def hvp(
    params: Params,
    direction: Params,
    x: Any,
    y: Any,
    activations: Activations,
    *,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> Any:
    """The Hessian of the loss by the parameters, times a direction: the same
    pytree as the parameters.

    `direction` is (V, c) a layer, of the shapes and the number type of the
    parameters. At a kink the second derivative is taken to be 0, like the
    first. Further arguments and errors are those of `mlp.gradients`.
    """
    layers = check_params(params, activations)
    direction = check_direction(direction, layers, activations)
    x = check_data("x", x, layers)
    y = check_loss(loss, reduction, y, layers, rows=len(x))
    activations, end, _ = fuse(activations, loss)
    zs, hs = forward_pass(layers, x, activations)

    r_zs, r_hs = [], [0 * x]
    outward = zip(layers, direction, zs, hs[:-1], activations, strict=True)
    for (W, _), (V, c), z, h, activation in outward:
        r_z = r_hs[-1] @ W.T + h @ V.T  # (R1): (N, I) @ (I, O) -> (N, O)
        r_zs.append(r_z if c is None else r_z + c)
        r_hs.append(pull_back(activation, z, r_zs[-1]))

    d_h = d_reduce(end.d(y, hs[-1]), reduction)
    r_d_h = d_reduce(end.r(y, hs[-1], r_hs[-1]), reduction)
    r_params = []
    steps = zip(layers, direction, zs, hs[:-1], r_zs, r_hs[:-1], activations, strict=True)
    for (W, b), (V, _), z, h, r_z, r_h, activation in reversed(list(steps)):
        delta = pull_back(activation, z, d_h)
        r_delta = pull_back(activation, z, r_d_h) + bend(activation, z, d_h, r_z)  # (R2): (N, O)
        r_W = r_delta.T @ h + delta.T @ r_h  # (R3): (O, N) @ (N, I) -> (O, I)
        r_b = None if b is None else np.asarray(r_delta.sum(0 if b.ndim else None))  # (R3)
        r_params.append(Layer(r_W, r_b))
        d_h, r_d_h = delta @ W, r_delta @ W + delta @ V  # (R4): (N, O) @ (O, I) -> (N, I)
    return like(params, r_params[::-1])
