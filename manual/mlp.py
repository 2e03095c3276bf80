"""The multilayer perceptron and its gradients, derived by hand.

For one example, with W (units, inputs), h_0 = x and yhat the last h:

    (1)  z_l = W_l h_(l-1) + b_l           h_l = f_l(z_l)            forward
    (2)  delta_l = dL/dz_l = f_l'(z_l) dL/dh_l                       through the activation
    (3)  dL/dW_l = delta_l h_(l-1)^T       dL/db_l = delta_l         to the parameters
    (4)  dL/dh_(l-1) = W_l^T delta_l                                 to the layer before

(2)-(4) are applied from the last layer to the first, beginning with dL/dyhat. A
batch is rows, so h_(l-1)^T stands as h: x is (N, I), z and h are (N, units),
and the gradients of (3) are added up over the N examples.

    N examples    I inputs of a layer    O units of a layer

The same lines run on float32, float64 and, exactly, on object arrays of
`fractions.Fraction`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from manual.activations import Activations, Array, activate, pull_back
from manual.door import check_data, check_loss, check_params
from manual.fused import fuse
from manual.layers import Layer, Params, like
from manual.losses import LOSSES, d_reduce, reduce


class Cache(NamedTuple):
    """The forward pass: z[l-1] is z_l (N, O), h[l] is h_l (N, O), h[0] = x,
    h[-1] = yhat. Read, never written to."""

    z: tuple[Array, ...]
    h: tuple[Array, ...]


class Gradients(NamedTuple):
    """dL by everything: `params` in the containers of the parameters, `z` and
    `h` as in the `Cache`; h[0] is dL/dx."""

    params: Any
    z: tuple[Array, ...]
    h: tuple[Array, ...]


def forward_pass(params: Sequence[Layer], x: Array, activations: Activations) -> Cache:
    """`forward`, behind the door."""
    zs, hs = [], [x]
    for (W, b), activation in zip(params, activations, strict=True):
        z = hs[-1] @ W.T  # (1): (N, I) @ (I, O) -> (N, O)
        zs.append(z if b is None else z + b)
        hs.append(activate(activation, zs[-1]))
    return Cache(tuple(zs), tuple(hs))


def backward_pass(
    params: Sequence[Layer], cache: Cache, d_yhat: Array, activations: Activations
) -> Gradients:
    """`backward`, behind the door."""
    d_params, d_zs, d_hs = [], [], [d_yhat]
    layers = zip(params, cache.z, cache.h[:-1], activations, strict=True)
    for (W, b), z, h, activation in reversed(list(layers)):
        delta = pull_back(activation, z, d_hs[-1])  # (2): (N, O)
        d_W = delta.T @ h  # (3): (O, N) @ (N, I) -> (O, I)
        d_b = None if b is None else np.asarray(delta.sum(0 if b.ndim else None))  # (3): (O,) or ()
        d_params.append(Layer(d_W, d_b))
        d_zs.append(delta)
        d_hs.append(delta @ W)  # (4): (N, O) @ (O, I) -> (N, I)
    return Gradients(tuple(d_params[::-1]), tuple(d_zs[::-1]), tuple(d_hs[::-1]))


def forward(params: Params, x: Any, activations: Activations) -> Cache:
    """Every z and h of the network, equation (1).

    x is (N, I); `activations` has one entry a layer, a name in
    `manual.activations.ACTIVATIONS`: relu, tanh, softmax, ...; ("leaky_relu",
    slope) sets the slope. Raises ValueError on shapes that do not fit and
    TypeError on number types that do not, saying what was found, what was
    expected and what to write.
    """
    params = check_params(params, activations)
    return forward_pass(params, check_data("x", x, params), activations)


def backward(params: Params, cache: Cache, d_yhat: Any, activations: Activations) -> Gradients:
    """The gradients of a scalar by every parameter, z and h, (2)-(4), from its
    gradient by yhat, d_yhat (N, O).

    Raises as `forward` does.
    """
    layers = check_params(params, activations)
    d_yhat = check_data("d_yhat", d_yhat, layers, rows=len(cache.h[0]))
    return backward_pass(layers, cache, d_yhat, activations)


def gradients(
    params: Params,
    x: Any,
    y: Any,
    activations: Activations,
    *,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> tuple[Any, Gradients]:
    """The loss, and its gradients by every parameter, every z and every h (h[0]
    is x).

    x is (N, I), y is (N, O), or None where the loss is "output". `loss` is a
    name in `manual.losses.LOSSES`: half_squared_error, cross_entropy, ...;
    `reduction` over the batch is mean or sum. Raises as `forward` does.
    """
    return _pass(params, x, y, activations, loss, reduction, by_yhat=True)


def _pass(
    params: Params,
    x: Any,
    y: Any,
    activations: Activations,
    loss: str,
    reduction: str,
    by_yhat: bool,
) -> tuple[Any, Gradients]:
    """The loss and its gradients; that by yhat, from which behind a fused
    activation no other comes, if it is asked."""
    layers = check_params(params, activations)
    x = check_data("x", x, layers)
    y = check_loss(loss, reduction, y, layers, rows=len(x))
    to_loss, end, is_fused = fuse(activations, loss)
    cache = forward_pass(layers, x, to_loss)
    L = reduce(end.value(y, cache.h[-1]), reduction)
    grads = backward_pass(layers, cache, d_reduce(end.d(y, cache.h[-1]), reduction), to_loss)
    if is_fused and by_yhat:
        d_yhat = LOSSES[loss].d(y, activate(activations[-1], cache.z[-1]))
        grads = grads._replace(h=(*grads.h[:-1], d_reduce(d_yhat, reduction)))
    return L, grads._replace(params=like(params, grads.params))


def value_and_grad(
    params: Params,
    x: Any,
    y: Any,
    activations: Activations,
    *,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> tuple[Any, Any]:
    """The loss and its gradient, the same pytree as the parameters, so that a
    step of gradient descent is one line:

        L, grads = manual.value_and_grad(params, x, y, ("relu", "identity"))
        params = jax.tree.map(lambda p, d: p - 0.1 * d, params, grads)

    params is a sequence with one entry a layer, (W, b) or {"W": W, "b": b} or a
    NamedTuple of these; W is (units, inputs), b (units,), one number or None. x
    is (N, I) and y (N, O), or None where the loss is "output"; activations, loss
    and reduction are those of `gradients`. Raises ValueError where a shape or a
    name does not fit, or where the loss takes logarithms of what the last
    activation may give without any, and TypeError where a number type does not
    fit, saying what was found, what was expected and what to write.
    """
    L, grads = _pass(params, x, y, activations, loss, reduction, by_yhat=False)
    return L, grads.params
