"""A language model with an LSTM: it reads one token after the other, and says
which one comes next.

    x_t = E[token_t]                      the row of a token                (1)
    h, c = LSTM(x)                        over all steps, from 0 on         (2)
    s_t = W h_t + b                       a score for every token           (3)
    L = mean over t of the cross-entropy of softmax(s_t) and token_(t+1)    (4)

The row of a token that is read several times gets back the sum of what comes
back at all of its places.
"""

from typing import Any, NamedTuple

import numpy as np

from manual.activations import Array, number
from manual.criteria import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from manual.dense import affine_backward, affine_forward
from manual.lookup import embedding_backward, embedding_forward
from manual.recurrent import lstm_backward, lstm_forward


class LanguageModel(NamedTuple):
    """The parameters, or their gradients: E (V, D) with a row for every token;
    W_x (4H, D), W_h (4H, H) and b_h (4H,) of the LSTM; W (V, H), b (V,)."""

    E: Array
    W_x: Array
    W_h: Array
    b_h: Array
    W: Array
    b: Array | None


def language_model_forward(params: LanguageModel, tokens: Array) -> tuple[Array, Any]:
    """The scores (N, T, V) of what comes after each of the tokens (N, T), and what
    the way back needs."""
    E, W_x, W_h, b_h, W, b = params
    x, rows = embedding_forward(E, tokens)  # (1) (N, T, D)
    start = np.full((len(tokens), W.shape[1]), number(E, 0), E.dtype)  # (N, H)
    h, lstm = lstm_forward(x, start, start, W_x, W_h, b_h)  # (2) (N, T, H)
    s, dense = affine_forward(h, W, b)  # (3) (N, T, V)
    return s, (rows, lstm, dense)


def language_model_backward(dout: Array, cache: Any) -> LanguageModel:
    """The gradients by all parameters from those by the scores, (N, T, V)."""
    rows, lstm, dense = cache
    d_h, d_W, d_b = affine_backward(dout, dense)  # (3)
    d_x, _, _, d_W_x, d_W_h, d_b_h = lstm_backward(d_h, lstm)  # (2)
    d_E, _ = embedding_backward(d_x, rows)  # (1)
    return LanguageModel(d_E, d_W_x, d_W_h, d_b_h, d_W, d_b)


def language_model_value_and_grad(
    params: LanguageModel, tokens: Array
) -> tuple[Any, LanguageModel]:
    """The loss of tokens (N, T + 1), each but the first to be told from those before
    it, and its gradient by every parameter."""
    scores, cache = language_model_forward(params, tokens[:, :-1])
    loss, criterion = softmax_cross_entropy_forward(scores, tokens[:, 1:])  # (4)
    d_scores, _ = softmax_cross_entropy_backward(loss**0, criterion)  # dL/dL = 1
    return loss, language_model_backward(d_scores, cache)
