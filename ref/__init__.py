"""The reference: the same networks and families in JAX, forward only. One example
is written; vmap and grad do the rest."""

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ref.hessian import hvp
from ref.jacobians import jacobian, per_example_gradients, per_example_norms, stacked_jacobian
from ref.layers import Layer
from ref.mesh import Shardings, place, sharded_value_and_grad, shardings
from ref.mlp import Cache, Gradients, forward, gradients, value_and_grad
from ref.plan import Plan, compilation_cache

if TYPE_CHECKING:  # what __getattr__ gives, by name, so that others' types are checked
    from ref.attention_heads import attention as attention
    from ref.attention_heads import causal_mask as causal_mask
    from ref.attention_heads import multi_head_attention as multi_head_attention
    from ref.attention_heads import padding_mask as padding_mask
    from ref.attention_heads import rotary as rotary
    from ref.convnet import convnet_loss as convnet_loss
    from ref.convnet import convnet_scores as convnet_scores
    from ref.convolution import conv1d as conv1d
    from ref.convolution import conv2d as conv2d
    from ref.criteria import hinge as hinge
    from ref.criteria import huber as huber
    from ref.criteria import sigmoid_cross_entropy as sigmoid_cross_entropy
    from ref.criteria import softmax_cross_entropy as softmax_cross_entropy
    from ref.criteria import squared_error as squared_error
    from ref.dense import affine as affine
    from ref.elementwise import gelu as gelu
    from ref.elementwise import leaky_relu as leaky_relu
    from ref.elementwise import relu as relu
    from ref.elementwise import sigmoid as sigmoid
    from ref.elementwise import silu as silu
    from ref.elementwise import softmax as softmax
    from ref.elementwise import softplus as softplus
    from ref.elementwise import swiglu as swiglu
    from ref.elementwise import tanh as tanh
    from ref.families import family_hvp as family_hvp
    from ref.families import family_per_example_gradients as family_per_example_gradients
    from ref.language_model import language_model_loss as language_model_loss
    from ref.language_model import language_model_scores as language_model_scores
    from ref.lookup import dropout as dropout
    from ref.lookup import embedding as embedding
    from ref.norm import batch_norm as batch_norm
    from ref.norm import batch_norm_eval as batch_norm_eval
    from ref.norm import group_norm as group_norm
    from ref.norm import layer_norm as layer_norm
    from ref.norm import rms_norm as rms_norm
    from ref.pooling import adaptive_avg_pool2d as adaptive_avg_pool2d
    from ref.pooling import avg_pool2d as avg_pool2d
    from ref.pooling import max_pool2d as max_pool2d
    from ref.recurrent import gru as gru
    from ref.recurrent import lstm as lstm
    from ref.recurrent import rnn as rnn
    from ref.residual import residual_block as residual_block
    from ref.transformer import transformer_loss as transformer_loss
    from ref.transformer import transformer_scores as transformer_scores

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


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _FILES:
            near = [known for known in _FILES if name in (f"{known}_forward", f"{known}_backward")]
            near = near or difflib.get_close_matches(name, __dir__(), 1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise AttributeError(f"module 'ref' has no attribute {name!r}{hint}")
        return getattr(import_module(f"ref.{_FILES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_FILES})
