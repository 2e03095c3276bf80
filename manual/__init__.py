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
    "attention_heads": ("attention", "multi_head_attention", "rotary"),
    "convolution": ("conv1d", "conv2d"),
    "criteria": (
        "squared_error",
        "softmax_cross_entropy",
        "sigmoid_cross_entropy",
        "hinge",
        "huber",
    ),
    "dense": ("affine",),
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
    "lookup": ("dropout", "embedding"),
    "norm": ("batch_norm", "batch_norm_eval", "layer_norm", "group_norm", "rms_norm"),
    "pooling": ("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d"),
    "recurrent": ("rnn", "lstm", "gru"),
    "residual": ("residual_block",),
}
# And what else there is: masks, whole networks, and what every family has.
OTHERS = {
    "attention_heads": ("causal_mask", "padding_mask"),
    "convnet": ("convnet_forward", "convnet_backward", "convnet_value_and_grad"),
    "families": ("family_hvp", "family_per_example_gradients", "jvp"),
    "language_model": (
        "language_model_forward",
        "language_model_backward",
        "language_model_value_and_grad",
    ),
    "transformer": ("transformer_forward", "transformer_backward", "transformer_value_and_grad"),
}
_FILES = {
    name: file
    for file, families in FAMILIES.items()
    for family in families
    for name in (f"{family}_forward", f"{family}_backward")
} | {name: file for file, names in OTHERS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module 'manual' has no attribute {name!r}")
    return getattr(import_module(f"manual.{_FILES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_FILES})
