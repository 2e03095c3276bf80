"""The multilayer perceptron in JAX: one example, forward only.

    z_l = W_l h_(l-1) + b_l          h_l = f_l(z_l)          h_0 = x, yhat the last h          W is (units, inputs)

`vmap` makes a batch of it, and JAX its derivatives. To be differentiated by a node, the forward pass takes a tap at
every node: a zero that is added there. The derivative by the tap is the derivative by the node, every path counted.

Everything works under `jit` with `activations`, `loss`, `reduction`, `of` and `by` static. The number type is JAX's:
float32, or float64 inside `with jax.enable_x64(True)`, in which the arrays have to be made too.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ref.activations import Activation, activate
from ref.door import Layer, check_loss, check_network
from ref.losses import LOSSES, REDUCTIONS


class Cache(NamedTuple):
    """The forward pass: z[l-1] is z_l (N, O); h[l] is h_l (N, O) with h[0] = x and h[-1] = yhat."""

    z: tuple[jax.Array, ...]
    h: tuple[jax.Array, ...]


class Gradients(NamedTuple):
    """dL by everything: `params` and `z`, `h` shaped like the parameters and the `Cache`; h[0] is dL/dx."""

    params: tuple[Layer, ...]
    z: tuple[jax.Array, ...]
    h: tuple[jax.Array, ...]


def example_forward(
    params: Sequence[Layer], x: jax.Array, activations: Sequence[Activation], taps: Cache | None = None
) -> Cache:
    """Every z (O,) and h (O,) of one example x (I,)."""
    zs, hs = [], [x if taps is None else x + taps.h[0]]
    for l, ((W, b), activation) in enumerate(zip(params, activations, strict=True)):
        z = W @ hs[-1] if b is None else W @ hs[-1] + b
        zs.append(z if taps is None else z + taps.z[l])
        h = activate(activation, zs[-1])
        hs.append(h if taps is None else h + taps.h[l + 1])
    return Cache(tuple(zs), tuple(hs))


def batch_forward(
    params: Sequence[Layer], x: jax.Array, activations: Sequence[Activation], taps: Cache | None = None
) -> Cache:
    return jax.vmap(lambda x, taps: example_forward(params, x, activations, taps))(x, taps)


def loss_shares(y: jax.Array | None, yhat: jax.Array, loss: str, reduction: str) -> jax.Array:
    """The (O,) shares of the outputs in L, reduced over the examples."""
    return REDUCTIONS[reduction](jax.vmap(LOSSES[loss])(y, yhat), axis=0)


def forward(params: Sequence[Layer], x: Any, activations: Sequence[Activation]) -> Cache:
    """Every z and h of the network.

    x is (N, I); `activations` has one entry a layer: identity, relu, leaky_relu, sigmoid, tanh, softplus, or
    softmax over a layer; ("leaky_relu", slope) sets the slope. Raises ValueError on shapes that do not fit,
    saying what was found, what was expected and what to write.
    """
    params, x = check_network(params, x, activations)
    return batch_forward(params, x, activations)


def value_and_grad(
    params: Sequence[Layer],
    x: Any,
    y: Any,
    activations: Sequence[Activation],
    *,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> tuple[jax.Array, tuple[Layer, ...]]:
    """The loss and its gradient, a tuple of `Layer` like the parameters.

    params is a sequence of (W, b), W (units, inputs), b (units,), one number or None; x is (N, I) and y (N, O). Further
    arguments and errors are those of `gradients`. Under jit:

        jax.jit(ref.value_and_grad, static_argnames=("activations", "loss", "reduction"))
    """
    params, x = check_network(params, x, activations)
    y = check_loss(loss, reduction, y, params, len(x))
    return jax.value_and_grad(
        lambda params: loss_shares(y, batch_forward(params, x, activations).h[-1], loss, reduction).sum()
    )(params)


def gradients(
    params: Sequence[Layer],
    x: Any,
    y: Any,
    activations: Sequence[Activation],
    *,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> tuple[jax.Array, Gradients]:
    """The loss, and its gradients by every parameter, every z and every h (h[0] is x).

    x is (N, I), y is (N, O), or None where the loss is "output". `loss` is one of half_squared_error, squared_error,
    mean_squared_error, binary_cross_entropy, cross_entropy, output; `reduction` over the batch is mean or sum.
    Raises as `forward` does.
    """
    params, x = check_network(params, x, activations)
    y = check_loss(loss, reduction, y, params, len(x))
    taps = jax.tree.map(jnp.zeros_like, jax.eval_shape(lambda: batch_forward(params, x, activations)))

    def value(params: tuple[Layer, ...], taps: Cache) -> jax.Array:
        return loss_shares(y, batch_forward(params, x, activations, taps).h[-1], loss, reduction).sum()

    L, (d_params, d_nodes) = jax.value_and_grad(value, argnums=(0, 1))(params, taps)
    return L, Gradients(d_params, d_nodes.z, d_nodes.h)
