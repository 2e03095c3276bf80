"""The reference: the same networks and families in JAX, forward only. One example
is written; vmap and grad do the rest."""

from importlib import import_module
from typing import Any

from ref.hessian import hvp
from ref.jacobians import jacobian, per_example_gradients, per_example_norms, stacked_jacobian
from ref.layers import Layer
from ref.mesh import Shardings, place, sharded_value_and_grad, shardings
from ref.mlp import Cache, Gradients, forward, gradients, value_and_grad
from ref.plan import Plan, compilation_cache

__all__ = [
    "Cache",
    "Gradients",
    "Layer",
    "Plan",
    "Shardings",
    "compilation_cache",
    "forward",
    "gradients",
    "hvp",
    "jacobian",
    "per_example_gradients",
    "per_example_norms",
    "place",
    "sharded_value_and_grad",
    "shardings",
    "stacked_jacobian",
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
    for file, families in FAMILIES.items():
        if name in families:
            return getattr(import_module(f"ref.{file}"), name)
    for file in NETWORKS:
        if name.startswith(f"{file}_"):
            return getattr(import_module(f"ref.{file}"), name)
    raise AttributeError(f"module 'ref' has no attribute {name!r}")
