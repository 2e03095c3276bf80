"""The Jacobian of any node by any earlier node or parameter: one backward pass
for each entry of the node.

The gradients of the examples' own losses come from a single pass, since the
examples do not mix.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from manual.activations import Activations, Array, number
from manual.door import check_data, check_loss, check_params
from manual.fused import fuse
from manual.layers import Layer, Params, layers_of, like
from manual.losses import LOSSES, d_reduce
from manual.mlp import Cache, backward_pass, forward_pass


def _locate(name: str, depth: int) -> tuple[str, int]:
    """A node's or parameter's letter and layer: "W2" is ("W", 2), "x" is ("h",
    0), "L" is ("L", depth)."""
    if name in ("L", "shares"):
        return name[0].upper(), depth
    alias = {"x": "h0", "yhat": f"h{depth}"}.get(name, name)
    letter, layer = alias[:1], alias[1:]
    first = 0 if letter == "h" else 1
    if letter not in "zhWb" or not layer.isdecimal() or not first <= int(layer) <= depth:
        raise ValueError(
            f"{name!r} is nothing in a network of {depth} layers, expected x, z1, h1, ..., yhat, "
            "W1, b1, ..., L, shares"
        )
    return letter, int(layer)


def unit_array(like: Array, entry: tuple[int, ...]) -> Array:
    """An array of `like`'s shape and number type, 1 at an entry and 0 elsewhere."""
    seed = np.full(like.shape, number(like, 0), like.dtype)
    seed[entry] = number(like, 1)
    return seed


def unit_arrays(like: Array) -> Iterator[Array]:
    """The unit arrays of `like`'s shape, one for each of its entries."""
    yield from (unit_array(like, entry) for entry in np.ndindex(like.shape))


def jacobians(
    params: Params,
    x: Any,
    activations: Activations,
    *,
    of: str,
    y: Any = None,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> dict[str, Array]:
    """d of / d by for every `by` that comes before, under its name: one
    backward pass, (2)-(4), for each entry of `of`.

    `of` is "z1", "h1", ..., "yhat", or "L", or "shares", the (O,) shares of the
    outputs in L. The names are those of the nodes, "h0" for x and "h2" for yhat
    in a network of two layers, and of the parameters, "W1", "b1", ...; nodes
    are (N, units). Each array has the shape of `of` followed by that of `by`. A
    derivative by a node counts every path from it. The other arguments, and the
    errors, are those of `gradients`.
    """
    params = check_params(params, activations)
    x = check_data("x", x, params)
    letter, layer = _locate(of, len(params))
    if letter in "Wb":
        raise ValueError(
            f"{of} comes before every node in the forward pass, so there is no derivative of it"
        )
    # The network ends at `of`, and its last layer without activation where that is a z.
    params, activations = params[:layer], tuple(activations[:layer])
    cache = forward_pass(params, x, activations)
    yhat, by_yhat = cache.h[-1], list[Array]()
    if letter in "LS":
        y = check_loss(loss, reduction, y, params, rows=len(x))
        outputs = np.eye(yhat.shape[1], dtype=yhat.dtype)  # a row a share
        if letter == "L":  # which is their sum
            outputs = outputs.sum(0, keepdims=True)
        d_yhat = d_reduce(LOSSES[loss].d(y, yhat), reduction)
        seeds = by_yhat = [np.where(output == 1, d_yhat, 0 * yhat) for output in outputs]
        activations, end, is_fused = fuse(activations, loss)
        if is_fused:
            seeds = [d_reduce(end.d(y, cache.z[-1], output), reduction) for output in outputs]
        shape: tuple[int, ...] = () if letter == "L" else (len(outputs),)
    else:
        seeds, shape = list(unit_arrays(yhat)), yhat.shape
    if letter == "z":
        activations = (*activations[:-1], "identity")
    passes = [backward_pass(params, cache, seed, activations) for seed in seeds]

    def stacked(rows: list[Array]) -> Array:
        return np.stack(rows).reshape(shape + rows[0].shape)

    by = {f"h{l}": stacked([grads.h[l] for grads in passes]) for l in range(layer)}
    if letter != "z":
        by[f"h{layer}"] = stacked(by_yhat or seeds)
    for l, (_, b) in enumerate(params, 1):
        by[f"z{l}"] = stacked([grads.z[l - 1] for grads in passes])
        by[f"W{l}"] = stacked([grads.params[l - 1].W for grads in passes])
        if b is not None:
            by[f"b{l}"] = stacked([np.asarray(grads.params[l - 1].b) for grads in passes])
    return by


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
) -> Array:
    """d of / d by, of shape (shape of `of`) + (shape of `by`).

    `by` is any earlier one of the nodes, "x", or a parameter. The other
    arguments, and the errors, are those of `jacobians`; a `by` that `of` does
    not depend on is a ValueError.
    """
    depth = len(layers_of(params))
    (letter, layer), (by_letter, by_layer) = _locate(of, depth), _locate(by, depth)
    order = {"h": 2, "L": 3, "S": 3}
    if (
        by_letter in "LS"
        or 2 * by_layer + order.get(by_letter, 1) > 2 * layer + order.get(letter, 1)
        or letter in "Wb"
    ):
        raise ValueError(
            f"{by} does not come before {of} in the forward pass, so there is no derivative "
            f"d{of}/d{by}"
        )
    by_all = jacobians(params, x, activations, of=of, y=y, loss=loss, reduction=reduction)
    if (name := f"{by_letter}{by_layer}") not in by_all:
        raise ValueError(f"layer {by_layer} has no bias, so there is no derivative by {by}")
    return by_all[name]


def _each(
    params: Sequence[Layer], x: Any, y: Any, activations: Activations, loss: str
) -> tuple[tuple[Layer, ...], Cache, tuple[Array, ...], Array]:
    """Parameters, forward pass, the deltas of every example's own loss, (N, O)
    each, and these losses, (N,)."""
    params = check_params(params, activations)
    x = check_data("x", x, params)
    y = check_loss(loss, "sum", y, params, rows=len(x))
    activations, end, _ = fuse(activations, loss)
    cache = forward_pass(params, x, activations)
    deltas = backward_pass(params, cache, end.d(y, cache.h[-1]), activations).z
    return params, cache, deltas, end.value(y, cache.h[-1]).sum(-1)


def per_example_gradients(
    params: Params, x: Any, y: Any, activations: Activations, *, loss: str = "half_squared_error"
) -> tuple[Array, Any]:
    """The loss of every example, (N,), and its gradient: the parameters'
    pytree, with an axis of the examples in front.

    W is (N, O, I), b is (N, O), or (N,) where it is shared: (3) of `mlp` before
    anything is added up. The gradient of the whole batch is their mean or their
    sum. Arguments and errors are those of `mlp.gradients`.
    """
    checked, cache, deltas, losses = _each(params, x, y, activations, loss)
    layers = []
    for (_, b), delta, h in zip(checked, deltas, cache.h[:-1], strict=True):
        d_W = delta[:, :, None] * h[:, None, :]  # (3): (N, O, 1) * (N, 1, I) -> (N, O, I)
        layers.append(Layer(d_W, None if b is None else delta if b.ndim else delta.sum(-1)))
    return losses, like(params, layers)


def per_example_norms(
    params: Params, x: Any, y: Any, activations: Activations, *, loss: str = "half_squared_error"
) -> tuple[Array, Array]:
    """The loss of every example, and the Euclidean norm of its gradient by all
    parameters, (N,) each.

    No gradient is formed: |delta h^T|^2 = |delta|^2 |h|^2, and dL/db is delta.
    Arguments and errors are those of `mlp.gradients`. Floats only, since there
    is a root.
    """
    layers, cache, deltas, losses = _each(params, x, y, activations, loss)
    return losses, gradient_norms(layers, deltas, cache.h[:-1])


def gradient_norms(params: Sequence[Layer], deltas: Sequence[Array], hs: Sequence[Array]) -> Array:
    """The norms (N,) of the examples' gradients, from every layer's delta (N,
    O) and the h (N, I) that goes into it."""
    squares = np.zeros(len(deltas[0]), deltas[0].dtype)
    for (_, b), delta, h in zip(params, deltas, hs, strict=True):
        delta_squares, h_squares = (np.einsum("ni,ni->n", a, a) for a in (delta, h))
        squares += delta_squares * h_squares
        if b is not None:
            squares += delta_squares if b.ndim else delta.sum(-1) ** 2
    return np.asarray(np.sqrt(squares))
