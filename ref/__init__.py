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
    "convnet": ("convnet_scores", "convnet_loss"),
    "families": ("family_hvp", "family_per_example_gradients"),
    "language_model": ("language_model_scores", "language_model_loss"),
    "transformer": ("transformer_scores", "transformer_loss"),
}
_FILES = {family: file for file, families in FAMILIES.items() for family in families} | {
    name: file for file, names in OTHERS.items() for name in names
}


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module 'ref' has no attribute {name!r}")
    return getattr(import_module(f"ref.{_FILES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_FILES})
