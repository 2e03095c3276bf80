"""A language model with an LSTM, forward only."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ref.criteria import softmax_cross_entropy
from ref.dense import affine
from ref.lookup import embedding
from ref.recurrent import lstm


class LanguageModel(NamedTuple):
    """The parameters: E (V, D) with a row for every token; W_x (4H, D), W_h (4H, H)
    and b_h (4H,) of the LSTM; W (V, H), b (V,)."""

    E: jax.Array
    W_x: jax.Array
    W_h: jax.Array
    b_h: jax.Array
    W: jax.Array
    b: jax.Array | None


def language_model_scores(params: LanguageModel, tokens: jax.Array) -> jax.Array:
    """The scores (N, T, V) of what comes after each of the tokens (N, T)."""
    E, W_x, W_h, b_h, W, b = params
    start = jnp.zeros((len(tokens), W.shape[1]), E.dtype)
    return affine(lstm(embedding(E, tokens), start, start, W_x, W_h, b_h), W, b)


def language_model_loss(params: LanguageModel, tokens: jax.Array) -> jax.Array:
    """The mean cross-entropy of tokens (N, T + 1), each but the first to be told
    from those before it."""
    scores = language_model_scores(params, tokens[:, :-1])
    return softmax_cross_entropy(scores, tokens[:, 1:])
