"""A transformer as GPT-2 has it (A. Radford et al., Language Models are
Unsupervised Multitask Learners, 2019): blocks of attention and a dense network,
each behind a layer norm and added to what it was given.

    x_t = E[token_t] + P[t]                                                (1)
    x = x + attention(norm(x))        in every block, each token looks      (2)
    x = x + W2 gelu(W1 norm(x))       at itself and those before it         (3)
    s_t = E norm(x)_t                 with the same E as in (1)             (4)
    L = mean over t of the cross-entropy of softmax(s_t) and token_(t+1)    (5)

Where something is added to x, what comes back goes both ways: through the
block, and past it. E stands in (1) and in (4), so its gradient is the sum of two.
"""

from typing import Any, NamedTuple

import numpy as np

from manual.activations import Array
from manual.attention_heads import (
    causal_mask,
    multi_head_attention_backward,
    multi_head_attention_forward,
)
from manual.criteria import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from manual.dense import affine_backward, affine_forward
from manual.elementwise import gelu_backward, gelu_forward
from manual.lookup import embedding_backward, embedding_forward
from manual.norm import layer_norm_backward, layer_norm_forward


class Block(NamedTuple):
    """The parameters of a block, or their gradients: gamma1, beta1, gamma2, beta2
    (D,) of its norms; Wqkv (3D, D), bqkv (3D,), Wo (D, D), bo (D,) of its attention;
    W1 (F, D), b1 (F,), W2 (D, F), b2 (D,) of its dense network."""

    gamma1: Array
    beta1: Array
    Wqkv: Array
    bqkv: Array | None
    Wo: Array
    bo: Array | None
    gamma2: Array
    beta2: Array
    W1: Array
    b1: Array | None
    W2: Array
    b2: Array | None


class Transformer(NamedTuple):
    """The parameters, or their gradients: E (V, D) with a row for every token and P
    (T, D) with one for every place; the blocks; gamma, beta (D,) of the last norm."""

    E: Array
    P: Array
    blocks: tuple[Block, ...]
    gamma: Array
    beta: Array


def block_forward(params: Block, x: Array, *, heads: int) -> tuple[Array, Any]:
    """x (N, T, D) behind one block, and what the way back needs."""
    gamma1, beta1, Wqkv, bqkv, Wo, bo, gamma2, beta2, W1, b1, W2, b2 = params
    n1, norm1 = layer_norm_forward(x, gamma1, beta1)  # (2) (N, T, D)
    mask = causal_mask(x.shape[1])
    a, attention = multi_head_attention_forward(n1, Wqkv, bqkv, Wo, bo, heads=heads, mask=mask)
    x = x + a
    n2, norm2 = layer_norm_forward(x, gamma2, beta2)  # (3)
    z, dense1 = affine_forward(n2, W1, b1)  # (N, T, F)
    h, gelu = gelu_forward(z)
    f, dense2 = affine_forward(h, W2, b2)  # (N, T, D)
    return x + f, (norm1, attention, norm2, dense1, gelu, dense2)


def block_backward(dout: Array, cache: Any) -> tuple[Block, Array]:
    """The gradients by the parameters of a block and by its x from that by what is
    behind it, (N, T, D)."""
    norm1, attention, norm2, dense1, gelu, dense2 = cache
    d_h, d_W2, d_b2 = affine_backward(dout, dense2)  # (3)
    d_n2, d_W1, d_b1 = affine_backward(gelu_backward(d_h, gelu), dense1)
    d_x, d_gamma2, d_beta2 = layer_norm_backward(d_n2, norm2)
    d_x = dout + d_x  # past the dense network, and through it
    d_n1, d_Wqkv, d_bqkv, d_Wo, d_bo = multi_head_attention_backward(d_x, attention)  # (2)
    d_n1, d_gamma1, d_beta1 = layer_norm_backward(d_n1, norm1)
    gradients = Block(
        d_gamma1, d_beta1, d_Wqkv, d_bqkv, d_Wo, d_bo, d_gamma2, d_beta2, d_W1, d_b1, d_W2, d_b2
    )
    return gradients, d_x + d_n1  # past the attention, and through it


def transformer_forward(params: Transformer, tokens: Array, *, heads: int) -> tuple[Array, Any]:
    """The scores (N, T, V) of what comes after each of the tokens (N, T), and what
    the way back needs."""
    E, P, blocks, gamma, beta = params
    x, rows = embedding_forward(E, tokens)  # (1) (N, T, D)
    x = x + P[: tokens.shape[1]]
    caches = []
    for block in blocks:
        x, cache = block_forward(block, x, heads=heads)
        caches.append(cache)
    n, norm = layer_norm_forward(x, gamma, beta)
    s, dense = affine_forward(n, E)  # (4) (N, T, D) @ (D, V) -> (N, T, V)
    return s, (rows, P, caches, norm, dense)


def transformer_backward(dout: Array, cache: Any) -> Transformer:
    """The gradients by all parameters from those by the scores, (N, T, V)."""
    rows, P, caches, norm, dense = cache
    d_n, d_E_of_scores, _ = affine_backward(dout, dense)  # (4)
    d_x, d_gamma, d_beta = layer_norm_backward(d_n, norm)
    blocks = []
    for block in reversed(caches):
        d_block, d_x = block_backward(d_x, block)
        blocks.append(d_block)
    d_P = np.concatenate([d_x.sum(0), 0 * P[d_x.shape[1] :]])  # (1): no token, nothing back
    d_E, _ = embedding_backward(d_x, rows)
    return Transformer(d_E + d_E_of_scores, d_P, tuple(blocks[::-1]), d_gamma, d_beta)


def transformer_value_and_grad(
    params: Transformer, tokens: Array, *, heads: int
) -> tuple[Any, Transformer]:
    """The loss of tokens (N, T + 1), each but the first to be told from those before
    it, and its gradient by every parameter."""
    scores, cache = transformer_forward(params, tokens[:, :-1], heads=heads)
    loss, criterion = softmax_cross_entropy_forward(scores, tokens[:, 1:])  # (5)
    d_scores, _ = softmax_cross_entropy_backward(loss**0, criterion)  # dL/dL = 1
    return loss, transformer_backward(d_scores, cache)
