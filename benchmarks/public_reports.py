"""Eight backward passes that were wrong in public, each rebuilt in a few lines
of our own from what the report says; beside each the function, as JAX has it,
and arguments at which the mistake shows.

The reports are issues and pull requests on GitHub, from which nothing is copied.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

EPS = 1e-5


@dataclass(frozen=True)
class PublicReport:
    """f, a pair (forward, backward) in NumPy, and arguments; the mistake in words,
    and a part of how a check names it, which is empty where it does not."""

    f: Callable[..., Any]
    pair: tuple[Callable[..., Any], Callable[..., Any]]
    args: tuple[Any, ...]
    mistake: str
    named: str = ""


def _draw(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


# A loss whose gradient is computed in its forward pass and multiplied, in the
# backward pass, by the cotangent: as one number, though there is one a row.


def losses(logits, labels):
    picked = jnp.take_along_axis(logits, labels[:, None], 1)[:, 0]
    return jax.nn.logsumexp(logits, 1) - picked


def _losses_forward(logits, labels):
    shifted = logits - logits.max(1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
    rows = np.arange(len(labels))
    out = -np.log(p[rows, labels])
    p[rows, labels] -= 1
    return out, p


def _one_cotangent(d, p):
    return d[0] * p, None


# One entry in a thousand of a gradient is one per cent too large.


def exponentials(x):
    return jnp.exp(x / 3)


def _exponentials_forward(x):
    return np.exp(x / 3), x


def _one_entry(d, x):
    found = d * np.exp(x / 3) / 3
    found[17] *= 1.01
    return found


# Layer norm by a kernel with a block a row, of which there are at most 65,535: a
# row beyond is left as it was. (In the report, results are; here gradients.)

MOST_ROWS = 65_535


def layer_norm(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + EPS)


def _layer_norm_forward(x):
    centred = x - x.mean(-1, keepdims=True)
    r = np.sqrt((centred**2).mean(-1, keepdims=True) + EPS)
    return centred / r, (centred / r, r)


def _to_most_rows(d, cache):
    out, r = cache
    found = (d - d.mean(-1, keepdims=True) - out * (d * out).mean(-1, keepdims=True)) / r
    found[MOST_ROWS:] = 0
    return found


# SwiGLU: the gradients of all rows are written to row 0, one over the other.


def swiglu(a, b):
    return jax.nn.silu(a) * b


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _swiglu_forward(a, b):
    s = _sigmoid(a)
    return a * s * b, (a, b, s)


def _to_row_0(d, cache):
    a, b, s = cache
    d_a, d_b = np.zeros_like(a), np.zeros_like(b)
    for row in range(len(a)):
        d_a[0] = d[row] * b[row] * (s + a * s * (1 - s))[row]
        d_b[0] = d[row] * (a * s)[row]
    return d_a, d_b


# RMS norm without the weight in the part that goes through the norm.


def rms_norm(x, weight):
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + EPS) * weight[None]


def _rms_forward(x, weight):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + EPS)
    return x * r * weight, (x, weight, r)


def _factor_missing(d, cache):
    x, weight, r = cache
    through = (d * x).mean(-1, keepdims=True)  # d * weight * x
    return r * (d * weight - x * r * r * through), (d * x * r).sum(0)


# Two steps of an LSTM whose gates share a weight: the second assigns.


def lstm(x, w):
    h = c = jnp.zeros(w.shape[0] // 4, x.dtype)
    for t in range(2):
        i, f, g, o = jnp.split(w @ jnp.concatenate([x[t], h]), 4)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return h


def _lstm_forward(x, w):
    h = c = np.zeros(len(w) // 4, w.dtype)
    steps = []
    for t in range(2):
        v, before = np.concatenate([x[t], h]), c
        i, f, g, o = np.split(w @ v, 4)
        i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
        c = f * before + i * g
        h = o * np.tanh(c)
        steps.append((v, before, i, f, g, o, np.tanh(c)))
    return h, (x, w, steps)


def _assigned(d_h, cache):
    x, w, steps = cache
    d_x, d_c = np.zeros_like(x), np.zeros(len(w) // 4, w.dtype)
    for t, (v, before, i, f, g, o, tanh_c) in reversed([*enumerate(steps)]):
        d_c = d_c + d_h * o * (1 - tanh_c**2)
        gates = (d_c * g * i * (1 - i), d_c * before * f * (1 - f), d_c * i * (1 - g * g))
        d_z = np.concatenate([*gates, d_h * tanh_c * o * (1 - o)])
        d_w = np.outer(d_z, v)  # +=
        d_v = w.T @ d_z
        d_x[t], d_h, d_c = d_v[: x.shape[1]], d_v[x.shape[1] :], d_c * f
    return d_x, d_w


# A cell of an LSTM with a bias for each gate: two get the gradient of a third.


def cell(c, g, b_f, b_i, b_o):
    c = jax.nn.sigmoid(b_f) * c + jax.nn.sigmoid(b_i) * jnp.tanh(g)
    return jax.nn.sigmoid(b_o) * jnp.tanh(c)


def _cell_forward(c, g, b_f, b_i, b_o):
    f, i, o = map(_sigmoid, (b_f, b_i, b_o))
    tanh_c = np.tanh(f * c + i * np.tanh(g))
    return o * tanh_c, (c, np.tanh(g), f, i, o, tanh_c)


def _bias_copied(d, cache):
    c, tanh_g, f, i, o, tanh_c = cache
    d_c = d * o * (1 - tanh_c**2)
    d_f = d_c * c * f * (1 - f)
    return d_c * f, d_c * i * (1 - tanh_g**2), d_f, d_f, d_f


# RMS norm again: the gradient is written into the cotangent, which others need.


def _overwritten(d, cache):
    x, weight, r = cache
    d_weight = (d * x * r).sum(0)
    through = (d * weight * x).mean(-1, keepdims=True)
    d *= r * weight
    d -= r**3 * x * through
    return d, d_weight


REPORTS = {
    "linkedin/Liger-Kernel#968": PublicReport(
        losses,
        (_losses_forward, _one_cotangent),
        (_draw(3, 4), np.array([2, 0, 1])),
        "a loss a row: the first entry of the cotangent is taken for all",
        "of the cotangent only the first entry is used",
    ),
    "jax-ml/jax#3130": PublicReport(
        exponentials,
        (_exponentials_forward, _one_entry),
        (_draw(1000),),
        "one entry of 1,000 is 1 % too large",
        "x: 1.01 times the truth at [17], and right everywhere else",
    ),
    "NVIDIA/apex#411": PublicReport(
        layer_norm,
        (_layer_norm_forward, _to_most_rows),
        (_draw(MOST_ROWS + 1, 3),),
        "layer norm: row 65,536 is left out",
        "x: the last row, 65535, is left 0",
    ),
    "ByteDance-Seed/Triton-distributed#180": PublicReport(
        swiglu,
        (_swiglu_forward, _to_row_0),
        (_draw(3, 4), _draw(3, 4, seed=1)),
        "SwiGLU: the gradients of all rows go to row 0",
    ),
    "karpathy/llm.c#763": PublicReport(
        rms_norm,
        (_rms_forward, _factor_missing),
        (_draw(3, 4), _draw(4, seed=1)),
        "RMS norm: the weight is missing in one of two terms",
        "a factor is missing in one of the terms in what flows back",
    ),
    "apache/mxnet#4057": PublicReport(
        lstm,
        (_lstm_forward, _assigned),
        (_draw(2, 3), _draw(8, 5, seed=1)),
        "LSTM: a shared weight's gradient is assigned, not added up",
        "jnp.split(w @ jnp.concatenate([x[t], h]), 4)",
    ),
    "hanbt/learn_dl#53": PublicReport(
        cell,
        (_cell_forward, _bias_copied),
        tuple(_draw(3, seed=seed) for seed in range(5)),
        "LSTM: two biases get the gradient of a third",
        "b_i, b_o: that is the gradient of b_f",
    ),
    "linkedin/Liger-Kernel#1305": PublicReport(
        rms_norm,
        (_rms_forward, _overwritten),
        (_draw(3, 4), _draw(4, seed=1)),
        "RMS norm: the cotangent is written over",
        "it writes into cotangent, which it is given",
    ),
}
