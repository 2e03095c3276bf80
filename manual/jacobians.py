"""The Jacobian of any node by any earlier node or parameter: one backward pass for each entry of the node."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from manual.activations import Activation, Array, number
from manual.door import Layer, check_data, check_loss, check_params
from manual.losses import LOSSES, d_reduce
from manual.mlp import backward_pass, forward_pass


def _locate(name: str, depth: int) -> tuple[str, int]:
    """A node's or parameter's letter and layer: "W2" is ("W", 2), "x" is ("h", 0), "L" is ("L", depth)."""
    if name in ("L", "shares"):
        return name[0].upper(), depth
    alias = {"x": "h0", "yhat": f"h{depth}"}.get(name, name)
    letter, layer = alias[:1], alias[1:]
    first = 0 if letter == "h" else 1
    if letter not in "zhWb" or not layer.isdecimal() or not first <= int(layer) <= depth:
        raise ValueError(
            f"{name!r} is nothing in a network of {depth} layers, expected x, z1, h1, ..., yhat, W1, b1, ..., L, shares"
        )
    return letter, int(layer)


def _seeds(like: Array) -> Iterator[Array]:
    """The unit arrays of `like`'s shape, one for each of its entries."""
    for entry in np.ndindex(like.shape):
        seed = np.full(like.shape, number(like, 0), like.dtype)
        seed[entry] = number(like, 1)
        yield seed


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
) -> Array:
    """d of / d by, of shape (shape of `of`) + (shape of `by`): one backward pass, (2)-(4), for each entry of `of`.

    `of` is "z1", "h1", ..., "yhat", or "L", or "shares", the (O,) shares of the outputs in L; `by` is any earlier one
    of the nodes, "x", or a parameter, "W1", "b1", .... Nodes are (N, units). A derivative by a node counts every path
    from it. The other arguments, and the errors, are those of `gradients`; a `by` that `of` does not depend on is a
    ValueError.
    """
    params = check_params(params, activations)
    x = check_data("x", x, params)
    (letter, layer), (by_letter, by_layer) = _locate(of, len(params)), _locate(by, len(params))
    order = {"h": 2, "L": 3, "S": 3}
    if by_letter in "LS" or 2 * by_layer + order.get(by_letter, 1) > 2 * layer + order.get(letter, 1) or letter in "Wb":
        raise ValueError(f"{by} does not come before {of} in the forward pass, so there is no derivative d{of}/d{by}")
    # The network is cut off behind `of`; where that is a z, its layer ends without activation.
    params, activations = params[:layer], list(activations[:layer])
    cache = forward_pass(params, x, activations)
    yhat = cache.h[-1]
    if letter == "z":
        activations[-1] = "identity"
    if letter in "LS":
        y = check_loss(loss, reduction, y, params, rows=len(x))
        d_yhat = d_reduce(LOSSES[loss][1](y, yhat), reduction)
        outputs = np.eye(yhat.shape[1], dtype=yhat.dtype)
        seeds = [d_yhat] if letter == "L" else [d_yhat * output for output in outputs]
        shape: tuple[int, ...] = () if letter == "L" else (len(outputs),)
    else:
        seeds, shape = list(_seeds(yhat)), yhat.shape
    rows = []
    for seed in seeds:
        grads = backward_pass(params, cache, seed, activations)
        if by_letter in "Wb":
            row = getattr(grads.params[by_layer - 1], by_letter)
        else:
            row = grads.h[by_layer] if by_letter == "h" else grads.z[by_layer - 1]
        if row is None:
            raise ValueError(f"layer {by_layer} has no bias, so there is no derivative by {by}")
        rows.append(row)
    return np.stack(rows).reshape(shape + rows[0].shape)
