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
    "attention_heads": ("attention", "multi_head_attention", "rotary"),
    "dense": ("affine",),
    "lookup": ("dropout", "embedding"),
    "recurrent": ("rnn", "lstm", "gru"),
    "residual": ("residual_block",),
}
# What belongs to them and is a constant, without a gradient.
CONSTANTS = {"attention_heads": ("causal_mask", "padding_mask")}


def __getattr__(name: str) -> Any:
    for file, families in FAMILIES.items():
        if name in families or name in CONSTANTS.get(file, ()):
            return getattr(import_module(f"ref.{file}"), name)
    raise AttributeError(f"module 'ref' has no attribute {name!r}")
