"""The mistakes of the catalogue put to gradient checkers, at their defaults:
how many do they accept as right?

    .venv/bin/python benchmarks/checkers.py

Each mistake is made in the backward pass of a ReLU network with half squared
error, whose loss JAX computes right. What comes back as its gradient by the
parameters differs from the right one, which is made sure of first. Then the
function with that gradient is put to

    check_grads               jax.test_util, order 1, reverse mode, in float32 and float64
    assert_numerical_grads    chex, order 1, likewise
    gradcheck                 torch.autograd, in float64, where torch is installed
    gradsheet                 the gradient as the answers of a sheet

A checker that raises nothing, a sheet on which nothing is wrong, has accepted
the mistake.
"""

import argparse
import importlib.util
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import chex
import jax
import numpy as np
from jax.test_util import check_grads

import gradsheet
import ref
from gradsheet.claims.sheet import Sheet
from gradsheet.mistakes.catalogue import Instance, edits_of, instances
from gradsheet.mistakes.layer_pass import Pass, in_front
from gradsheet.network.problem import Problem
from manual import Layer

NETS = {"4-5-3-2, batch 4": ((4, 5, 3, 2), 4), "20-16-16-3, batch 4": ((20, 16, 16, 3), 4)}
DECIMALS = 6  # in which a mistake has to show
Params = tuple[tuple[Any, Any], ...]


def data(widths: tuple[int, ...], batch: int) -> tuple[Params, Any, Any]:
    """Weights as large as training begins with, N(0, 2 / inputs), biases and
    data, in two decimals; no z is 0."""
    rng = np.random.default_rng(0)
    x, y, *arrays = (
        rng.normal(0, (2 / shape[-1]) ** 0.5 if k > 1 else 1, shape).round(2)
        for k, shape in _shapes(widths, batch)
    )
    return tuple(zip(arrays[::2], arrays[1::2], strict=True)), x, y


def _shapes(widths: tuple[int, ...], batch: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    shapes = [(batch, widths[0]), (batch, widths[-1])]
    for inputs, units in itertools.pairwise(widths):
        shapes += [(units, inputs), (units,)]
    yield from enumerate(shapes)


def sheet(params: Params, x: Any, y: Any, gradient: Params | None = None) -> Sheet:
    """The network and data as a sheet; what it claims is the gradient, if one
    is given, in so many decimals."""
    text = f"loss = 'half_squared_error'\nx = {x.tolist()}\ny = {y.tolist()}\n"
    for l, (W, b) in enumerate(params, 1):
        activation = "relu" if l < len(params) else "identity"
        text += f"[[layer]]\nW = {W.tolist()}\nb = {b.tolist()}\nactivation = '{activation}'\n"
    claims = ["[[claim]]\nquantity = 'L'\nvalue = 0.0\n"]
    if gradient is not None:
        claims = [
            f"[[claim]]\nquantity = 'dL/d{name}{l}'\nvalue = {np.round(array, DECIMALS).tolist()}\n"
            for l, layer in enumerate(gradient, 1)
            for name, array in zip("Wb", layer, strict=True)
        ]
    return gradsheet.read(text + "".join(claims))


def mistaken(network: Any, x: Any, y: Any, made: list[Instance]) -> Callable[[Params], Params]:
    """The gradient by the parameters, as somebody gets it who makes some mistakes."""

    def gradient(params: Params) -> Params:
        layers = tuple(Layer(np.asarray(W), np.asarray(b)) for W, b in params)
        dtype = layers[0].W.dtype
        problem = Problem(network, layers, x.astype(dtype), y.astype(dtype)).converted(in_front)
        found = Pass(problem, edits=edits_of(made)).gradients
        return tuple(
            tuple(np.ascontiguousarray(found[f"{name}{l}"][0], dtype) for name in "Wb")
            for l in range(1, len(params) + 1)
        )

    return gradient


def layered(flat: Sequence[Any]) -> Params:
    """The parameters from W1, b1, W2, ..."""
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def loss_at(x: Any, y: Any, activations: Any) -> Callable[..., Any]:
    return lambda *flat: ref.value_and_grad(layered(flat), x, y, activations)[0]


def with_gradient(
    loss: Callable[..., Any], gradient: Callable[[Params], Params]
) -> Callable[..., Any]:
    """A function for JAX whose reverse mode gives another gradient than its own."""
    function = jax.custom_vjp(loss)

    def forward(*flat: Any) -> Any:
        return loss(*flat), flat

    def backward(flat: Any, g: Any) -> Any:
        shapes = tuple(jax.ShapeDtypeStruct(array.shape, array.dtype) for array in flat)
        found = jax.pure_callback(
            lambda *flat: tuple(jax.tree.leaves(gradient(layered(flat)))), shapes, *flat
        )
        return tuple(g * array for array in found)

    function.defvjp(forward, backward)
    return function


def raises(check: Callable[[], Any]) -> bool:
    try:
        check()
    except AssertionError:
        return True
    return False


def torch_accepts(loss: Any, gradient: Any, params: Params) -> bool:
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *flat: Any) -> Any:
            ctx.save_for_backward(*flat)
            return torch.tensor(
                float(loss(*(tensor.detach().numpy() for tensor in flat))), dtype=torch.float64
            )

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            found = gradient(layered([tensor.detach().numpy() for tensor in ctx.saved_tensors]))
            return tuple(g * torch.from_numpy(array) for array in jax.tree.leaves(found))

    inputs = [torch.from_numpy(array).requires_grad_() for layer in params for array in layer]
    return bool(torch.autograd.gradcheck(Function.apply, inputs, raise_exception=False))


def measure(title: str, widths: tuple[int, ...], batch: int) -> None:
    params, x, y = data(widths, batch)
    network = sheet(params, x, y).network
    activations = network.activations
    accepted: dict[str, int] = {}
    planted = 0
    right = mistaken(network, x, y, [])(params)
    # One of several variants.
    kinds = {(i.code, i.layers): i for i in reversed(instances(network, False))}
    for instance in kinds.values():
        gradient = mistaken(network, x, y, [instance])
        wrong = gradient(params)
        pairs = zip(jax.tree.leaves(wrong), jax.tree.leaves(right), strict=True)
        if all((abs(a - b) < 10.0**-DECIMALS).all() for a, b in pairs) or not all(
            np.isfinite(a).all() for a in jax.tree.leaves(wrong)
        ):
            continue
        planted += 1
        for bits in (32, 64):
            with jax.enable_x64(bits == 64):
                args = [np.asarray(array, f"float{bits}") for array in jax.tree.leaves(params)]
                inputs = x.astype(args[0].dtype), y.astype(args[0].dtype)
                loss = loss_at(*inputs, activations)
                function = with_gradient(loss, gradient)
                checks = {
                    "check_grads": lambda f=function, a=args: check_grads(
                        f, a, order=1, modes=("rev",)
                    ),
                    "assert_numerical_grads": lambda f=function, a=args: (
                        chex.assert_numerical_grads(f, a, order=1, modes=("rev",))
                    ),
                }
                for name, check in checks.items():
                    key = f"{name}, float{bits}"
                    accepted[key] = accepted.get(key, 0) + (not raises(check))
                if bits == 64 and importlib.util.find_spec("torch"):
                    accepted["gradcheck, float64"] = accepted.get(
                        "gradcheck, float64", 0
                    ) + torch_accepts(loss, gradient, params)
        judged = gradsheet.judge(sheet(params, x, y, wrong))
        for name, is_so in (
            ("gradsheet", judged.summary["right"] == len(judged.judgements)),
            (
                "gradsheet, too large to tell",
                not judged.summary["wrong"] and judged.summary["cannot_tell"] > 0,
            ),
        ):
            accepted[name] = accepted.get(name, 0) + is_so
    print(f"{title}: {planted} mistakes that change the gradient; accepted as right")
    for name, count in accepted.items():
        print(f"    {name:32} {count:4}")


if __name__ == "__main__":
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    if not importlib.util.find_spec("torch"):
        print("torch is not installed: its gradcheck is left out")
    for title, (widths, batch) in NETS.items():
        measure(title, widths, batch)
