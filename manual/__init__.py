"""Backpropagation written by hand, in NumPy only: the multilayer perceptron, and
family by family what other networks are made of, each `x_forward(...) -> out,
cache` above its `x_backward(dout, cache) -> gradients`."""

from importlib import import_module
from typing import Any

from manual.hessian import hvp
from manual.jacobians import jacobian, jacobians, per_example_gradients, per_example_norms
from manual.layers import Layer
from manual.mlp import Cache, Gradients, backward, forward, gradients, value_and_grad
from manual.plan import Plan

__all__ = [
    "Cache",
    "Gradients",
    "Layer",
    "Plan",
    "backward",
    "forward",
    "gradients",
    "hvp",
    "jacobian",
    "jacobians",
    "per_example_gradients",
    "per_example_norms",
    "value_and_grad",
]

# The families of every file, which is read when the first of them is asked for.
FAMILIES = {
    "convolution": ("conv1d", "conv2d"),
    "dense": ("affine",),
    "norm": ("batch_norm", "batch_norm_eval", "layer_norm", "group_norm", "rms_norm"),
    "pooling": ("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d"),
    "elementwise": (
        "relu",
        "leaky_relu",
        "sigmoid",
        "tanh",
        "softplus",
        "silu",
        "gelu",
        "swiglu",
        "softmax",
    ),
    "criteria": (
        "squared_error",
        "softmax_cross_entropy",
        "sigmoid_cross_entropy",
        "hinge",
        "huber",
    ),
}
# Whole networks, each a file.
NETWORKS = ("convnet", "language_model", "transformer")


def __getattr__(name: str) -> Any:
    family = name.removesuffix("_forward").removesuffix("_backward")
    if family != name:
        for file, families in FAMILIES.items():
            if family in families:
                return getattr(import_module(f"manual.{file}"), name)
    for file in NETWORKS:
        if name.startswith(f"{file}_"):
            return getattr(import_module(f"manual.{file}"), name)
    raise AttributeError(f"module 'manual' has no attribute {name!r}")
