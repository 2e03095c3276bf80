"""Backpropagation written by hand, in NumPy only: the multilayer perceptron, and
family by family what other networks are made of, each `x_forward(...) -> out,
cache` above its `x_backward(dout, cache) -> gradients`."""

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from manual.hessian import hvp
from manual.jacobians import jacobian, jacobians, per_example_gradients, per_example_norms
from manual.layers import Layer
from manual.mlp import Cache, Gradients, backward, forward, gradients, value_and_grad
from manual.plan import Plan

if TYPE_CHECKING:  # what __getattr__ gives, by name, so that others' types are checked
    from manual.attention_heads import attention_backward as attention_backward
    from manual.attention_heads import attention_forward as attention_forward
    from manual.attention_heads import causal_mask as causal_mask
    from manual.attention_heads import (
        multi_head_attention_backward as multi_head_attention_backward,
    )
    from manual.attention_heads import multi_head_attention_forward as multi_head_attention_forward
    from manual.attention_heads import padding_mask as padding_mask
    from manual.attention_heads import rotary_backward as rotary_backward
    from manual.attention_heads import rotary_forward as rotary_forward
    from manual.convnet import convnet_backward as convnet_backward
    from manual.convnet import convnet_forward as convnet_forward
    from manual.convnet import convnet_value_and_grad as convnet_value_and_grad
    from manual.convolution import conv1d_backward as conv1d_backward
    from manual.convolution import conv1d_forward as conv1d_forward
    from manual.convolution import conv2d_backward as conv2d_backward
    from manual.convolution import conv2d_forward as conv2d_forward
    from manual.criteria import hinge_backward as hinge_backward
    from manual.criteria import hinge_forward as hinge_forward
    from manual.criteria import huber_backward as huber_backward
    from manual.criteria import huber_forward as huber_forward
    from manual.criteria import sigmoid_cross_entropy_backward as sigmoid_cross_entropy_backward
    from manual.criteria import sigmoid_cross_entropy_forward as sigmoid_cross_entropy_forward
    from manual.criteria import softmax_cross_entropy_backward as softmax_cross_entropy_backward
    from manual.criteria import softmax_cross_entropy_forward as softmax_cross_entropy_forward
    from manual.criteria import squared_error_backward as squared_error_backward
    from manual.criteria import squared_error_forward as squared_error_forward
    from manual.dense import affine_backward as affine_backward
    from manual.dense import affine_forward as affine_forward
    from manual.elementwise import gelu_backward as gelu_backward
    from manual.elementwise import gelu_forward as gelu_forward
    from manual.elementwise import leaky_relu_backward as leaky_relu_backward
    from manual.elementwise import leaky_relu_forward as leaky_relu_forward
    from manual.elementwise import relu_backward as relu_backward
    from manual.elementwise import relu_forward as relu_forward
    from manual.elementwise import sigmoid_backward as sigmoid_backward
    from manual.elementwise import sigmoid_forward as sigmoid_forward
    from manual.elementwise import silu_backward as silu_backward
    from manual.elementwise import silu_forward as silu_forward
    from manual.elementwise import softmax_backward as softmax_backward
    from manual.elementwise import softmax_forward as softmax_forward
    from manual.elementwise import softplus_backward as softplus_backward
    from manual.elementwise import softplus_forward as softplus_forward
    from manual.elementwise import swiglu_backward as swiglu_backward
    from manual.elementwise import swiglu_forward as swiglu_forward
    from manual.elementwise import tanh_backward as tanh_backward
    from manual.elementwise import tanh_forward as tanh_forward
    from manual.families import family_hvp as family_hvp
    from manual.families import family_per_example_gradients as family_per_example_gradients
    from manual.families import jvp as jvp
    from manual.language_model import language_model_backward as language_model_backward
    from manual.language_model import language_model_forward as language_model_forward
    from manual.language_model import language_model_value_and_grad as language_model_value_and_grad
    from manual.lookup import dropout_backward as dropout_backward
    from manual.lookup import dropout_forward as dropout_forward
    from manual.lookup import embedding_backward as embedding_backward
    from manual.lookup import embedding_forward as embedding_forward
    from manual.norm import batch_norm_backward as batch_norm_backward
    from manual.norm import batch_norm_eval_backward as batch_norm_eval_backward
    from manual.norm import batch_norm_eval_forward as batch_norm_eval_forward
    from manual.norm import batch_norm_forward as batch_norm_forward
    from manual.norm import group_norm_backward as group_norm_backward
    from manual.norm import group_norm_forward as group_norm_forward
    from manual.norm import layer_norm_backward as layer_norm_backward
    from manual.norm import layer_norm_forward as layer_norm_forward
    from manual.norm import rms_norm_backward as rms_norm_backward
    from manual.norm import rms_norm_forward as rms_norm_forward
    from manual.pooling import adaptive_avg_pool2d_backward as adaptive_avg_pool2d_backward
    from manual.pooling import adaptive_avg_pool2d_forward as adaptive_avg_pool2d_forward
    from manual.pooling import avg_pool2d_backward as avg_pool2d_backward
    from manual.pooling import avg_pool2d_forward as avg_pool2d_forward
    from manual.pooling import max_pool2d_backward as max_pool2d_backward
    from manual.pooling import max_pool2d_forward as max_pool2d_forward
    from manual.recurrent import gru_backward as gru_backward
    from manual.recurrent import gru_forward as gru_forward
    from manual.recurrent import lstm_backward as lstm_backward
    from manual.recurrent import lstm_forward as lstm_forward
    from manual.recurrent import rnn_backward as rnn_backward
    from manual.recurrent import rnn_forward as rnn_forward
    from manual.residual import residual_block_backward as residual_block_backward
    from manual.residual import residual_block_forward as residual_block_forward
    from manual.transformer import transformer_backward as transformer_backward
    from manual.transformer import transformer_forward as transformer_forward
    from manual.transformer import transformer_value_and_grad as transformer_value_and_grad

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


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _FILES:
            near = [known for known in _FILES if known.startswith(f"{name}_")]
            near = near or difflib.get_close_matches(name, __dir__(), 1)
            hint = f": did you mean {' or '.join(near)}?" if near else ""
            raise AttributeError(f"module 'manual' has no attribute {name!r}{hint}")
        return getattr(import_module(f"manual.{_FILES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_FILES})
