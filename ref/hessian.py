"""The Hessian times a direction, forward over reverse: the rate of the gradient
along a line (B. Pearlmutter, 1994)."""

from typing import Any

import jax

from ref.activations import Activations
from ref.door import check_direction, check_loss, check_network
from ref.fused import fuse
from ref.layers import Layer, Params, like
from ref.mlp import batch_forward, loss_shares


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

    `direction` is like the parameters. Further arguments and errors are those
    of `mlp.gradients`.
    """
    layers, x = check_network(params, x, activations)
    direction = check_direction(direction, layers)
    y = check_loss(loss, reduction, y, layers, len(x))

    to_loss, shares, _ = fuse(activations, loss)

    def value(params: tuple[Layer, ...]) -> jax.Array:
        return loss_shares(y, batch_forward(params, x, to_loss).h[-1], shares, reduction).sum()

    return like(params, jax.jvp(jax.grad(value), (layers,), (direction,))[1])
