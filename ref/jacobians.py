"""The Jacobian of any node by any node or parameter, by reverse mode through
the taps of the forward pass.

The gradients of the examples' own losses are `grad` of one example's under
`vmap`.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ref.activations import Activations
from ref.door import check_loss, check_network
from ref.fused import fuse
from ref.layers import Layer, Params, like
from ref.losses import LOSSES, Shares
from ref.mlp import Cache, Gradients, batch_forward, example_forward, loss_shares, zero_taps


def _pick(name: str, params: Sequence[Layer], nodes: Cache) -> jax.Array:
    """A node or parameter by its name: "x", "z1", "h1", "yhat", "W1", "b1"."""
    alias = {"x": "h0", "yhat": f"h{len(params)}"}.get(name, name)
    letter, layer = alias[:1], alias[1:]
    first = 0 if letter == "h" else 1
    if letter not in "zhWb" or not layer.isdecimal() or not first <= int(layer) <= len(params):
        raise ValueError(
            f"{name!r} names nothing in a network of {len(params)} layers, expected x, z1, h1, "
            "..., yhat, W1, b1, ..."
        )
    l = int(layer)
    if letter in "zh":
        return nodes.z[l - 1] if letter == "z" else nodes.h[l]
    array: jax.Array | None = getattr(params[l - 1], letter)
    if array is None:
        raise ValueError(f"{name!r} names nothing: layer {l} has no bias")
    return array


def stacked_jacobian(
    params: Params,
    x: Any,
    activations: Activations,
    *,
    of: Sequence[str],
    y: Any = None,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> tuple[jax.Array, Gradients]:
    """The values of several nodes in one vector (R,), and its Jacobian by every
    parameter and node, (R, ...) each.

    The entries of the nodes follow each other in the order of `of`. One reverse
    pass over the vector compiles in a fraction of the time that a pass for each
    node takes. Arguments and errors are those of `jacobian`.
    """
    params, x = check_network(params, x, activations)
    if asks_loss := "L" in of or "shares" in of:
        y = check_loss(loss, reduction, y, params, len(x))
    _, shares, is_fused = fuse(activations, loss if asks_loss else "output")

    def stacked(nodes: Cache, last: jax.Array, shares: Shares) -> jax.Array:
        def node(name: str) -> jax.Array:
            if name not in ("L", "shares"):
                return _pick(name, params, nodes)
            of_outputs = loss_shares(y, last, shares, reduction)
            return of_outputs.sum() if name == "L" else of_outputs

        return jnp.concatenate([jnp.ravel(node(name)) for name in of])

    def value(params: tuple[Layer, ...], taps: Cache) -> tuple[jax.Array, tuple[jax.Array, Cache]]:
        nodes = batch_forward(params, x, activations, taps)
        vector = stacked(nodes, nodes.z[-1] if is_fused else nodes.h[-1], shares)
        return vector, (vector, nodes)

    by_both = jax.jacrev(value, argnums=(0, 1), has_aux=True)
    (d_params, d_nodes), (vector, nodes) = by_both(params, zero_taps(params, x, activations))
    d_hs = d_nodes.h
    if is_fused:  # a loss that does not look at yhat
        by_yhat = jax.jacrev(
            lambda yhat: stacked(Cache(nodes.z, (*nodes.h[:-1], yhat)), yhat, LOSSES[loss])
        )
        d_hs = (*d_hs[:-1], by_yhat(nodes.h[-1]))
    return vector, Gradients(d_params, d_nodes.z, d_hs)


def jacobian(
    params: Params,
    x: Any,
    activations: Activations,
    *,
    of: str,
    by: str,
    y: Any = None,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> jax.Array:
    """d of / d by, of shape (shape of `of`) + (shape of `by`), by reverse mode.

    `of` is "z1", "h1", ..., "yhat", or "L", or "shares", the (O,) shares of the
    outputs in L; `by` is a node, "x", or a parameter, "W1", "b1", .... Nodes
    are (N, units). A derivative by a node counts every path from it, and is 0
    where `of` does not depend on it. The other arguments, and the errors, are
    those of `gradients`.
    """
    params, x = check_network(params, x, activations)
    nodes = jax.eval_shape(lambda: batch_forward(params, x, activations))
    shapes: dict[str, tuple[int, ...]] = {"L": (), "shares": nodes.h[-1].shape[1:]}
    shape = shapes[of] if of in shapes else _pick(of, params, nodes).shape
    _, rows = stacked_jacobian(params, x, activations, of=[of], y=y, loss=loss, reduction=reduction)
    by_rows = _pick(by, rows.params, Cache(rows.z, rows.h))
    return by_rows.reshape(shape + by_rows.shape[1:])


def per_example_gradients(
    params: Params, x: Any, y: Any, activations: Activations, *, loss: str = "half_squared_error"
) -> tuple[jax.Array, Any]:
    """The loss of every example, (N,), and its gradient: the parameters'
    pytree, with an axis of the examples in front.

    W is (N, O, I), b is (N, O), or (N,) where it is shared. Arguments and
    errors are those of `gradients`.
    """
    layers, x = check_network(params, x, activations)
    y = check_loss(loss, "sum", y, layers, len(x))

    to_loss, shares, _ = fuse(activations, loss)

    def value(params: tuple[Layer, ...], x: jax.Array, y: jax.Array | None) -> jax.Array:
        return shares(y, example_forward(params, x, to_loss).h[-1]).sum()

    losses, grads = jax.vmap(jax.value_and_grad(value), (None, 0, 0))(layers, x, y)
    return losses, like(params, grads)


def per_example_norms(
    params: Params, x: Any, y: Any, activations: Activations, *, loss: str = "half_squared_error"
) -> tuple[jax.Array, jax.Array]:
    """The loss of every example, and the Euclidean norm of its gradient by all
    parameters, (N,) each.

    From the gradients themselves, which takes N times the memory of one;
    `ref.Plan` does without. Arguments and errors are those of `gradients`.
    """
    losses, grads = per_example_gradients(params, x, y, activations, loss=loss)
    squares = sum((array.reshape(len(losses), -1) ** 2).sum(1) for array in jax.tree.leaves(grads))
    return losses, jnp.sqrt(squares)
