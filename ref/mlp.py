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


def _example(
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


def _batch(
    params: Sequence[Layer], x: jax.Array, activations: Sequence[Activation], taps: Cache | None = None
) -> Cache:
    return jax.vmap(lambda x, taps: _example(params, x, activations, taps))(x, taps)


def _shares(y: jax.Array | None, yhat: jax.Array, loss: str, reduction: str) -> jax.Array:
    """The (O,) shares of the outputs in L, reduced over the examples."""
    return REDUCTIONS[reduction](jax.vmap(LOSSES[loss])(y, yhat), axis=0)


def forward(params: Sequence[Layer], x: Any, activations: Sequence[Activation]) -> Cache:
    """Every z and h of the network.

    x is (N, I); `activations` has one entry a layer: identity, relu, leaky_relu, sigmoid, tanh, softplus, on the
    last layer also softmax; ("leaky_relu", slope) sets the slope. Raises ValueError on shapes that do not fit,
    saying what was found, what was expected and what to write.
    """
    params, x = check_network(params, x, activations)
    return _batch(params, x, activations)


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
    return jax.value_and_grad(lambda params: _shares(y, _batch(params, x, activations).h[-1], loss, reduction).sum())(
        params
    )


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
    taps = jax.tree.map(jnp.zeros_like, jax.eval_shape(lambda: _batch(params, x, activations)))

    def value(params: tuple[Layer, ...], taps: Cache) -> jax.Array:
        return _shares(y, _batch(params, x, activations, taps).h[-1], loss, reduction).sum()

    L, (d_params, d_nodes) = jax.value_and_grad(value, argnums=(0, 1))(params, taps)
    return L, Gradients(d_params, d_nodes.z, d_nodes.h)


def _pick(name: str, params: Sequence[Layer], nodes: Cache) -> jax.Array:
    """A node or parameter by its name: "x", "z1", "h1", "yhat", "W1", "b1"."""
    alias = {"x": "h0", "yhat": f"h{len(params)}"}.get(name, name)
    letter, layer = alias[:1], alias[1:]
    first = 0 if letter == "h" else 1
    if letter not in "zhWb" or not layer.isdecimal() or not first <= int(layer) <= len(params):
        raise ValueError(
            f"{name!r} names nothing in a network of {len(params)} layers, expected x, z1, h1, ..., yhat, W1, b1, ..."
        )
    l = int(layer)
    found = {"z": nodes.z[l - 1], "h": nodes.h[l], "W": params[l - 1].W, "b": params[l - 1].b}[letter]
    if found is None:
        raise ValueError(f"{name!r} names nothing: layer {l} has no bias")
    return found


def stacked_jacobian(
    params: Sequence[Layer],
    x: Any,
    activations: Sequence[Activation],
    *,
    of: Sequence[str],
    y: Any = None,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> tuple[jax.Array, Gradients]:
    """The values of several nodes in one vector (R,), and its Jacobian by every parameter and node, (R, ...) each.

    The entries of the nodes follow each other in the order of `of`. One reverse pass over the vector compiles in a
    fraction of the time that a pass for each node takes. Arguments and errors are those of `jacobian`.
    """
    params, x = check_network(params, x, activations)
    if "L" in of or "shares" in of:
        y = check_loss(loss, reduction, y, params, len(x))

    def value(params: tuple[Layer, ...], taps: Cache) -> tuple[jax.Array, jax.Array]:
        nodes = _batch(params, x, activations, taps)

        def node(name: str) -> jax.Array:
            if name not in ("L", "shares"):
                return _pick(name, params, nodes)
            shares = _shares(y, nodes.h[-1], loss, reduction)
            return shares.sum() if name == "L" else shares

        vector = jnp.concatenate([jnp.ravel(node(name)) for name in of])
        return vector, vector

    taps = jax.tree.map(jnp.zeros_like, jax.eval_shape(lambda: _batch(params, x, activations)))
    (d_params, d_nodes), vector = jax.jacrev(value, argnums=(0, 1), has_aux=True)(params, taps)
    return vector, Gradients(d_params, d_nodes.z, d_nodes.h)


def jacobian(
    params: Sequence[Layer],
    x: Any,
    activations: Sequence[Activation],
    *,
    of: str,
    by: str,
    y: Any = None,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> jax.Array:
    """d of / d by, of shape (shape of `of`) + (shape of `by`), by reverse mode.

    `of` is "z1", "h1", ..., "yhat", or "L", or "shares", the (O,) shares of the outputs in L; `by` is a node, "x", or a
    parameter, "W1", "b1", .... Nodes are (N, units). A derivative by a node counts every path from it, and is 0
    where `of` does not depend on it. The other arguments, and the errors, are those of `gradients`.
    """
    params, x = check_network(params, x, activations)
    nodes = jax.eval_shape(lambda: _batch(params, x, activations))
    shapes: dict[str, tuple[int, ...]] = {"L": (), "shares": nodes.h[-1].shape[1:]}
    shape = shapes[of] if of in shapes else _pick(of, params, nodes).shape
    _, rows = stacked_jacobian(params, x, activations, of=[of], y=y, loss=loss, reduction=reduction)
    found = _pick(by, rows.params, Cache(rows.z, rows.h))
    return found.reshape(shape + found.shape[1:])
