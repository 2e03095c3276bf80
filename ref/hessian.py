"""The Hessian times a direction, forward over reverse: the rate of the gradient along a line (B. Pearlmutter, 1994)."""

from collections.abc import Sequence
from typing import Any

import jax

from ref.activations import Activation
from ref.door import Layer, check_direction, check_loss, check_network
from ref.mlp import batch_forward, loss_shares


def hvp(
    params: Sequence[Layer],
    direction: Sequence[Layer],
    x: Any,
    y: Any,
    activations: Sequence[Activation],
    *,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> tuple[Layer, ...]:
    """The Hessian of the loss by the parameters, times a direction: a tuple of `Layer` like the parameters.

    `direction` is like the parameters. Further arguments and errors are those of `mlp.gradients`.
    """
    params, x = check_network(params, x, activations)
    direction = check_direction(direction, params)
    y = check_loss(loss, reduction, y, params, len(x))

    def value(params: tuple[Layer, ...]) -> jax.Array:
        return loss_shares(y, batch_forward(params, x, activations).h[-1], loss, reduction).sum()

    return jax.jvp(jax.grad(value), (params,), (direction,))[1]  # type: ignore[no-any-return]
