"""A transformer as GPT-2 has it (A. Radford et al., 2019), forward only."""

from typing import NamedTuple

import jax

from ref.attention_heads import causal_mask, multi_head_attention
from ref.criteria import softmax_cross_entropy
from ref.dense import affine
from ref.elementwise import gelu
from ref.lookup import embedding
from ref.norm import layer_norm


class Block(NamedTuple):
    """The parameters of a block: gamma1, beta1, gamma2, beta2 (D,) of its norms;
    Wqkv (3D, D), bqkv (3D,), Wo (D, D), bo (D,) of its attention; W1 (F, D), b1 (F,),
    W2 (D, F), b2 (D,) of its dense network."""

    gamma1: jax.Array
    beta1: jax.Array
    Wqkv: jax.Array
    bqkv: jax.Array | None
    Wo: jax.Array
    bo: jax.Array | None
    gamma2: jax.Array
    beta2: jax.Array
    W1: jax.Array
    b1: jax.Array | None
    W2: jax.Array
    b2: jax.Array | None


class Transformer(NamedTuple):
    """The parameters: E (V, D) with a row for every token and P (T, D) with one for
    every place; the blocks; gamma, beta (D,) of the last norm."""

    E: jax.Array
    P: jax.Array
    blocks: tuple[Block, ...]
    gamma: jax.Array
    beta: jax.Array


def block(params: Block, x: jax.Array, *, heads: int) -> jax.Array:
    """x (N, T, D) behind one block."""
    gamma1, beta1, Wqkv, bqkv, Wo, bo, gamma2, beta2, W1, b1, W2, b2 = params
    mask = causal_mask(x.shape[1])
    n1 = layer_norm(x, gamma1, beta1)
    x = x + multi_head_attention(n1, Wqkv, bqkv, Wo, bo, heads=heads, mask=mask)
    return x + affine(gelu(affine(layer_norm(x, gamma2, beta2), W1, b1)), W2, b2)


def transformer_scores(params: Transformer, tokens: jax.Array, *, heads: int) -> jax.Array:
    """The scores (N, T, V) of what comes after each of the tokens (N, T)."""
    x = embedding(params.E, tokens) + params.P[None, : tokens.shape[1]]
    for parameters in params.blocks:
        x = block(parameters, x, heads=heads)
    return affine(layer_norm(x, params.gamma, params.beta), params.E)


def transformer_loss(params: Transformer, tokens: jax.Array, *, heads: int) -> jax.Array:
    """The mean cross-entropy of tokens (N, T + 1), each but the first to be told
    from those before it."""
    scores = transformer_scores(params, tokens[:, :-1], heads=heads)
    return softmax_cross_entropy(scores, tokens[:, 1:])
