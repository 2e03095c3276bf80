"""Backward passes to be checked: mistakes of the catalogue in NumPy, torch and
JAX, and right ones of many forms."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

import manual
import ref
from gradsheet.checking.arguments import network_of
from gradsheet.mistakes.catalogue import Instance, edits_of
from gradsheet.mistakes.layer_pass import Pass, in_front
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from manual import Layer

Made = Sequence[Instance]


def in_numpy(network: Network, made: Made) -> Callable[..., Any]:
    """The loss and its gradients, as somebody gets them who makes some mistakes."""

    def fn(params: Any, x: Any, y: Any) -> Any:
        layers = tuple(Layer(W, b) for W, b in params)
        dtype = layers[0].W.dtype
        problem = Problem(network, layers, x, y).converted(in_front)
        with np.errstate(all="ignore"):
            passed = Pass(problem, edits=edits_of(made))
            found = passed.gradients
            L = passed.node("L")[0]
        names = [
            [f"W{l}", *([] if layer.b is None else [f"b{l}"])] for l, layer in enumerate(layers, 1)
        ]
        return L, [tuple(np.array(found[name][0], dtype) for name in group) for group in names]

    return fn


def flat_of(params: Any) -> list[Any]:
    return [array for layer in params for array in layer if array is not None]


def nested_like(flat: Sequence[Any], params: Any) -> list[tuple[Any, ...]]:
    rest = iter(flat)
    return [tuple(None if array is None else next(rest) for array in layer) for layer in params]


def in_torch(network: Network, made: Made) -> Callable[..., Any]:
    """The same as the backward of a torch.autograd.Function, whose gradients
    torch then brings to the parameters."""
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
    """The same as the reverse mode that JAX is given for the loss, in
    `jax.value_and_grad` under `jit`."""
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
        L, grads = jax.pure_callback(
            both, (jax.ShapeDtypeStruct((), x.dtype), shapes), params, x, y
        )
        return L, nested_like(flat_of(grads), params)

    def backward(grads: Any, g: Any) -> Any:
        return jax.tree.map(lambda a: g * a, grads), None, None

    loss.defvjp(forward, backward)
    return jax.jit(jax.value_and_grad(loss))


# Right ones, of many kinds


def textbook(network: Network) -> Callable[..., Any]:
    """The pass by other formulas than ours: f' from h, yhat - y where that is
    all, one example after the other."""

    def f(activation: Any, z: Any) -> Any:
        name, *slope = (activation,) if isinstance(activation, str) else activation
        match name:
            case "relu":
                return z * (z > 0), (z > 0).astype(z.dtype)
            case "leaky_relu":
                factor = np.where(z > 0, 1, slope[0]).astype(z.dtype)
                return z * factor, factor
            case "sigmoid":
                h = 1 / (1 + np.exp(-z))
                return h, h * (1 - h)
            case "tanh":
                h = np.tanh(z)
                return h, 1 - h**2
            case "softplus":
                return np.log(1 + np.exp(z)), 1 / (1 + np.exp(-z))
            case "silu":
                h, s = z / (1 + np.exp(-z)), 1 / (1 + np.exp(-z))
                return h, h + s * (1 - h)
            case "softmax":
                return np.exp(z) / np.exp(z).sum(), None
        return z, np.ones_like(z)

    def loss_of(y: Any, yhat: Any) -> Any:
        """The loss of an example, and dL/dyhat; None where dL/dz is yhat - y."""
        match network.loss:
            case "output":
                return yhat[0], np.ones_like(yhat)
            case "half_squared_error":
                return ((y - yhat) ** 2).sum() / 2, yhat - y
            case "squared_error":
                return ((y - yhat) ** 2).sum(), -2 * (y - yhat)
            case "mean_squared_error":
                return ((y - yhat) ** 2).mean(), 2 / len(y) * (yhat - y)
            case "binary_cross_entropy":
                L = -(y * np.log(yhat) + (1 - y) * np.log(1 - yhat)).sum()
                return L, None if network.activations[-1] == "sigmoid" else (yhat - y) / (
                    yhat * (1 - yhat)
                )
        return -(y * np.log(yhat)).sum(), None if network.activations[
            -1
        ] == "softmax" else -y / yhat

    def fn(params: Any, x: Any, y: Any) -> Any:
        total = x.dtype.type(0)
        grads = [tuple(None if a is None else np.zeros_like(a) for a in layer) for layer in params]
        for n in range(len(x)):
            hs, slopes = [x[n]], []
            for (W, b), activation in zip(params, network.activations, strict=True):
                h, slope = f(activation, W @ hs[-1] + (0 if b is None else b))
                hs.append(h)
                slopes.append(slope)
            L, d_h = loss_of(None if y is None else y[n], hs[-1])
            total += L
            for l in range(len(params), 0, -1):
                W, b = params[l - 1]
                if d_h is None:
                    delta = hs[-1] - y[n]
                elif slopes[l - 1] is None:
                    delta = (np.diag(hs[l]) - np.outer(hs[l], hs[l])) @ d_h
                else:
                    delta = d_h * slopes[l - 1]
                d_W, d_b = grads[l - 1]
                d_W += np.outer(delta, hs[l - 1])
                if b is not None:
                    d_b += delta if b.ndim else delta.sum()
                d_h = W.T @ delta
        over = x.dtype.type(len(x) if network.reduction == "mean" else 1)
        return total / over, [
            tuple(None if a is None else a / over for a in layer) for layer in grads
        ]

    return fn


def by_hand(network: Network) -> Callable[..., Any]:
    options: Any = {"loss": network.loss, "reduction": network.reduction}
    return lambda params, x, y: manual.value_and_grad(params, x, y, network.activations, **options)


def by_jax(network: Network) -> Callable[..., Any]:
    options: Any = {"loss": network.loss, "reduction": network.reduction}
    return jax.jit(
        lambda params, x, y: ref.value_and_grad(params, x, y, network.activations, **options)
    )


# How the answer comes


def _names(grads: Any, template: str, first: int) -> dict[str, Any]:
    return {
        template.format(letter=letter, l=l): array
        for l, layer in enumerate(grads, first)
        for letter, array in zip("Wb", layer, strict=True)
        if array is not None
    }


def _turned(grads: Any) -> list[Any]:
    return [(W.T, b) for W, b in grads]


FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "gradients": lambda L, grads: grads,
    "loss first": lambda L, grads: (L, grads),
    "loss last": lambda L, grads: (grads, float(L)),
    "tuples": lambda L, grads: (L, tuple(tuple(layer) for layer in grads)),
    "layers": lambda L, grads: (L, [manual.Layer(*layer) for layer in grads]),
    "dict": lambda L, grads: _names(grads, "d{letter}{l}", 1),
    "dict from 0": lambda L, grads: (L, _names(grads, "layers.{l}.{letter}", 0)),
    "dict with loss": lambda L, grads: {"loss": L, **_names(grads, "grad_{letter}_{l}", 1)},
    "dicts": lambda L, grads: [{"W": W, "b": b} for W, b in grads],
    "nested dicts": lambda L, grads: {
        f"layer{l}": {"kernel": W} if b is None else {"kernel": W, "bias": b}
        for l, (W, b) in enumerate(grads)
    },
    "flat list": lambda L, grads: flat_of(grads),
    "two lists": lambda L, grads: ([W for W, _ in grads], [b for _, b in grads if b is not None]),
    "turned": lambda L, grads: (L, _turned(grads)),
    "turned dict": lambda L, grads: _names(_turned(grads), "d{letter}{l}", 1),
    "columns": lambda L, grads: [
        (W, b[:, None] if b is not None and b.ndim else b) for W, b in grads
    ],
    "vector": lambda L, grads: np.concatenate([np.ravel(array) for array in flat_of(grads)]),
    "lists": lambda L, grads: [
        [np.asarray(a).tolist() for a in layer if a is not None] for layer in grads
    ],
    "fortran": lambda L, grads: [(np.asfortranarray(W), b) for W, b in grads],
}


def in_form(form: str, fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *data: FORMS[form](*fn(*data))


DEFAULT = network_of((4, 5, 3, 2), None, "half_squared_error", "mean", 4, "units")

RIGHT = textbook(DEFAULT)

NETWORKS = {
    "relu": DEFAULT,
    "tanh": network_of(
        (4, 5, 3, 2), ("tanh", "sigmoid", "softmax"), "cross_entropy", "mean", 4, "units"
    ),
    "mixed": network_of(
        (4, 4, 4), ("softplus", ("leaky_relu", 0.25)), "mean_squared_error", "sum", 3, "shared"
    ),
    "single": network_of(
        (4, 5, 3, 2), ("relu", "sigmoid", "sigmoid"), "binary_cross_entropy", "sum", 1, "units"
    ),
}


# Mistakes as people write them, by hand and not by the catalogue


def written(
    d3: Any = None, d2: Any = None, d1: Any = None, db3: Any = None, dW2: Any = None
) -> Any:
    def fn(params, x, y):
        (W1, b1), (W2, b2), (W3, b3) = params
        z1 = x @ W1.T + b1
        h1 = np.maximum(z1, 0)
        z2 = h1 @ W2.T + b2
        h2 = np.maximum(z2, 0)
        yhat = h2 @ W3.T + b3
        s = {
            "W2": W2,
            "W3": W3,
            "z1": z1,
            "z2": z2,
            "h1": h1,
            "h2": h2,
            "x": x,
            "y": y,
            "yhat": yhat,
            "n": len(x),
        }
        s["d3"] = d3(s) if d3 else (yhat - y) / len(x)
        s["d2"] = d2(s) if d2 else (s["d3"] @ W3) * (z2 > 0)
        s["d1"] = d1(s) if d1 else (s["d2"] @ W2) * (z1 > 0)
        return [
            (s["d1"].T @ x, s["d1"].sum(0)),
            (dW2(s) if dW2 else s["d2"].T @ h1, s["d2"].sum(0)),
            (s["d3"].T @ h2, db3(s) if db3 else s["d3"].sum(0)),
        ]

    return fn


def faulty(change: Any) -> Any:
    """The right pass with something done to what it gets or gives."""

    def fn(params, x, y):
        return change(params, x, y, RIGHT(params, x, y)[1])

    return fn


def with_a_blank_example(
    activations: Any, widths: tuple[int, ...] = (4, 5, 3, 2), seed: int = 0
) -> dict[str, Any]:
    """A blank example and biases that are 0, as they are at the start: a z of every layer is 0."""
    rng = np.random.default_rng(seed)
    params = [(rng.normal(size=(o, i)), np.zeros(o)) for i, o in itertools.pairwise(widths)]
    x = rng.normal(size=(6, widths[0]))
    x[2] = 0
    return {
        "params": params,
        "x": x,
        "y": rng.normal(size=(6, widths[-1])),
        "activations": activations,
    }
