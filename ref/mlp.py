"""The multilayer perceptron in JAX: one example, forward only.

    z_l = W_l h_(l-1) + b_l      h_l = f_l(z_l)      h_0 = x, yhat the last h

with W (units, inputs). `vmap` makes a batch of it, and JAX its derivatives. To
be differentiated by a node, the forward pass takes a tap at every node: a zero
that is added there. The derivative by the tap is the derivative by the node,
every path counted.

Everything works under `jit` with `activations`, `loss`, `reduction`, `of` and
`by` static. The number type is JAX's: float32, or float64 inside `with
jax.enable_x64(True)`, in which the arrays have to be made too.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ref.activations import Activations, activate
from ref.door import check_loss, check_network
from ref.fused import fuse
from ref.layers import Layer, Params, like
from ref.losses import LOSSES, REDUCTIONS, Shares


class Cache(NamedTuple):
    """The forward pass: z[l-1] is z_l (N, O); h[l] is h_l (N, O) with h[0] = x and h[-1] = yhat."""

    z: tuple[jax.Array, ...]
    h: tuple[jax.Array, ...]


class Gradients(NamedTuple):
    """dL by everything: `params` in the containers of the parameters, `z` and
    `h` as in the `Cache`; h[0] is dL/dx."""

    params: Any
    z: tuple[jax.Array, ...]
    h: tuple[jax.Array, ...]


def example_forward(
    params: Sequence[Layer], x: jax.Array, activations: Activations, taps: Cache | None = None
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
    params: Sequence[Layer], x: jax.Array, activations: Activations, taps: Cache | None = None
) -> Cache:
    """Every z (N, O) and h (N, O) of a batch x (N, I)."""
    return jax.vmap(lambda x, taps: example_forward(params, x, activations, taps))(x, taps)


def zero_taps(params: Sequence[Layer], x: jax.Array, activations: Activations) -> Cache:
    """A tap for every node of a batch."""
    nodes = jax.eval_shape(lambda: batch_forward(params, x, activations))
    taps: Cache = jax.tree.map(jnp.zeros_like, nodes)
    return taps


def loss_shares(y: jax.Array | None, last: jax.Array, shares: Shares, reduction: str) -> jax.Array:
    """The (O,) shares of the outputs in L, reduced over the examples; `last` is
    yhat, or z for a fused loss."""
    return REDUCTIONS[reduction](jax.vmap(shares)(y, last), axis=0)


def forward(params: Params, x: Any, activations: Activations) -> Cache:
    """Every z and h of the network.

    x is (N, I); `activations` has one entry a layer, a name in
    `ref.activations.ACTIVATIONS`: relu, tanh, softmax, ...; ("leaky_relu",
    slope) sets the slope. Raises ValueError on shapes that do not fit, saying
    what was found, what was expected and what to write.
    """
    params, x = check_network(params, x, activations)
    return batch_forward(params, x, activations)


def value_and_grad(
    params: Params,
    x: Any,
    y: Any,
    activations: Activations,
    *,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> tuple[jax.Array, Any]:
    """The loss and its gradient, the same pytree as the parameters, so that a
    step of gradient descent is one line:

        L, grads = ref.value_and_grad(params, x, y, ("relu", "identity"))
        params = jax.tree.map(lambda p, d: p - 0.1 * d, params, grads)

    params is a sequence with one entry a layer, (W, b) or {"W": W, "b": b} or a
    NamedTuple of these; W is (units, inputs), b (units,), one number or None. x
    is (N, I) and y (N, O), or None where the loss is "output"; activations, loss
    and reduction are those of `gradients`. Raises ValueError where a shape, a
    name or a number type does not fit, or where the loss takes logarithms of what
    the last activation may give without any, saying what was found, what was
    expected and what to write; TypeError where params are no layers. Under jit:

        jax.jit(ref.value_and_grad, static_argnames=("activations", "loss", "reduction"))
    """
    layers, x = check_network(params, x, activations)
    y = check_loss(loss, reduction, y, layers, len(x))
    to_loss, shares, _ = fuse(activations, loss)

    def value(layers: tuple[Layer, ...]) -> jax.Array:
        return loss_shares(y, batch_forward(layers, x, to_loss).h[-1], shares, reduction).sum()

    L, grads = jax.value_and_grad(value)(layers)
    return L, like(params, grads)


def gradients(
    params: Params,
    x: Any,
    y: Any,
    activations: Activations,
    *,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> tuple[jax.Array, Gradients]:
    """The loss, and its gradients by every parameter, every z and every h (h[0]
    is x).

    x is (N, I), y is (N, O), or None where the loss is "output". `loss` is a
    name in `ref.losses.LOSSES`: half_squared_error, cross_entropy, ...;
    `reduction` over the batch is mean or sum. Raises as `forward` does.
    """
    layers, x = check_network(params, x, activations)
    y = check_loss(loss, reduction, y, layers, len(x))
    to_loss, shares, is_fused = fuse(activations, loss)

    def value(layers: tuple[Layer, ...], taps: Cache) -> tuple[jax.Array, jax.Array]:
        nodes = batch_forward(layers, x, to_loss, taps)
        return loss_shares(y, nodes.h[-1], shares, reduction).sum(), nodes.z[-1]

    by_both = jax.value_and_grad(value, argnums=(0, 1), has_aux=True)
    (L, z), (d_params, d_nodes) = by_both(layers, zero_taps(layers, x, to_loss))
    d_hs = d_nodes.h
    if is_fused:  # which does not look at yhat
        d_yhat = jax.grad(lambda yhat: loss_shares(y, yhat, LOSSES[loss], reduction).sum())
        d_hs = (*d_hs[:-1], d_yhat(jax.vmap(partial(activate, activations[-1]))(z)))
    return L, Gradients(like(params, d_params), d_nodes.z, d_hs)
