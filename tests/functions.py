"""Backward passes to be checked: mistakes of the catalogue in NumPy, torch and JAX."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

import ref
from gradsheet.mistakes import Instance, edits_of
from gradsheet.network import Network
from gradsheet.steps import Pass, in_front
from manual import Layer

Made = Sequence[Instance]


def in_numpy(network: Network, made: Made) -> Callable[..., Any]:
    """The loss and its gradients, as somebody gets them who makes some mistakes."""

    def fn(params: Any, x: Any, y: Any) -> Any:
        layers = [Layer(in_front(W), in_front(b)) for W, b in params]
        dtype = layers[0].W.dtype
        with np.errstate(all="ignore"):
            passed = Pass(network, layers, in_front(x), in_front(y), None, None, edits=edits_of(made))
            found = passed.gradients
            L = passed.node("L")[0]
        names = [[f"W{l}", *([] if layer.b is None else [f"b{l}"])] for l, layer in enumerate(layers, 1)]
        return L, [tuple(np.array(found[name][0], dtype) for name in group) for group in names]

    return fn


def flat_of(params: Any) -> list[Any]:
    return [array for layer in params for array in layer if array is not None]


def nested_like(flat: Sequence[Any], params: Any) -> list[tuple[Any, ...]]:
    rest = iter(flat)
    return [tuple(None if array is None else next(rest) for array in layer) for layer in params]


def in_torch(network: Network, made: Made) -> Callable[..., Any]:
    """The same as the backward of a torch.autograd.Function, whose gradients torch then brings to the parameters."""
    import torch

    numpy = in_numpy(network, made)

    def fn(params: Any, x: Any, y: Any) -> Any:
        def arrays(flat: Any) -> Any:
            return nested_like([tensor.detach().numpy() for tensor in flat], params)

        class Loss(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *flat: Any) -> Any:
                L, grads = numpy(arrays(flat), x.numpy(), None if y is None else y.numpy())
                ctx.grads = grads
                return torch.as_tensor(L)

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return tuple(g * torch.as_tensor(array) for array in flat_of(ctx.grads))

        leaves = [tensor.clone().requires_grad_() for tensor in flat_of(params)]
        loss = Loss.apply(*leaves)
        loss.backward()
        return loss, nested_like([leaf.grad for leaf in leaves], params)

    return fn


def in_jax(network: Network, made: Made) -> Callable[..., Any]:
    """The same as the reverse mode that JAX is given for the loss, in `jax.value_and_grad` under `jit`."""
    numpy = in_numpy(network, made)

    def both(params: Any, x: Any, y: Any) -> Any:
        params, x, y = jax.tree.map(np.asarray, (params, x, y))
        L, grads = numpy(params, x, y)
        return np.asarray(L, x.dtype), [tuple(layer) for layer in grads]

    @jax.custom_vjp
    def loss(params: Any, x: Any, y: Any) -> Any:
        arithmetic = {"loss": network.loss, "reduction": network.reduction}
        return ref.value_and_grad(params, x, y, network.activations, **arithmetic)[0]

    def forward(params: Any, x: Any, y: Any) -> Any:
        shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), params)
        shapes = [tuple(a for a in layer if a is not None) for layer in shapes]
        L, grads = jax.pure_callback(both, (jax.ShapeDtypeStruct((), x.dtype), shapes), params, x, y)
        return L, nested_like(flat_of(grads), params)

    def backward(grads: Any, g: Any) -> Any:
        return jax.tree.map(lambda a: g * a, grads), None, None

    loss.defvjp(forward, backward)
    return jax.jit(jax.value_and_grad(loss))
