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
    "dense": ("affine",),
    "lookup": ("dropout", "embedding"),
    "recurrent": ("rnn", "lstm", "gru"),
    "residual": ("residual_block",),
}
# What belongs to them and is a constant, without a gradient.
CONSTANTS = {"attention_heads": ("causal_mask", "padding_mask")}


def __getattr__(name: str) -> Any:
    family = name.removesuffix("_forward").removesuffix("_backward")
    for file, families in FAMILIES.items():
        if (family in families and family != name) or name in CONSTANTS.get(file, ()):
            return getattr(import_module(f"manual.{file}"), name)
    raise AttributeError(f"module 'manual' has no attribute {name!r}")
