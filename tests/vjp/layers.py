"""Backward passes of normalisations and of attention."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.vjp.losses import softmaxed
from tests.vjp.operations import Draw, backward_of


def _layer_norm(x, gamma, beta):
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5) * gamma[None] + beta[None]


def _scaled(draw: Draw):
    return draw(3, 5), draw(5), draw(5)


@backward_of(
    _layer_norm,
    _scaled,
    (" + 1e-5)", ")"),
    ("np.sqrt(x.var(-1, keepdims=True) + 1e-5)", "(np.sqrt(x.var(-1, keepdims=True)) + 1e-5)"),
    (" - d.mean(-1, keepdims=True)", ""),
    (" - h * (d * h).mean(-1, keepdims=True)", ""),
    ("(d * h).mean(-1, keepdims=True)", "(d * h).sum(-1, keepdims=True)"),
    ("(d * h).mean(-1, keepdims=True)", "(d * h).mean(0, keepdims=True)"),
    ("d = g * gamma", "d = g"),
    (") / r", ")"),
    ("(g * h).sum(0)", "(g * x).sum(0)"),
    ("g.sum(0)", "g.mean(0)", "1/3"),
)
def layer_norm(g, x, gamma, beta):
    r = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    h = (x - x.mean(-1, keepdims=True)) / r
    d = g * gamma
    d_x = (d - d.mean(-1, keepdims=True) - h * (d * h).mean(-1, keepdims=True)) / r
    return d_x, (g * h).sum(0), g.sum(0)


def _batch_norm(x, gamma, beta):
    centred = x - x.mean(0, keepdims=True)
    return centred / jnp.sqrt(x.var(0, keepdims=True) + 0.01) * gamma[None] + beta[None]


@backward_of(
    _batch_norm,
    lambda draw: (draw(4, 3), draw(3), draw(3)),
    ("n * d - d.sum(0)", "n * d"),
    (" - h * (d * h).sum(0)", ""),
    (" - h * ", " + h * "),
    ("/ (n * r)", "/ r", "4 times"),
    ("g * gamma", "g / gamma"),
    ("x.var(0)", "x.var(0, ddof=1)"),
    ("x.var(0)", "x.var()"),
)
def batch_norm(g, x, gamma, beta):
    n, r = len(x), np.sqrt(x.var(0) + 0.01)
    h = (x - x.mean(0)) / r
    d = g * gamma
    return (n * d - d.sum(0) - h * (d * h).sum(0)) / (n * r), (g * h).sum(0), g.sum(0)


def _group_norm(x, gamma):
    of = x.reshape(len(x), 2, -1)
    of = (of - of.mean(-1, keepdims=True)) / jnp.sqrt(of.var(-1, keepdims=True) + 1e-3)
    return of.reshape(x.shape) * gamma[None, :, None]


@backward_of(
    _group_norm,
    lambda draw: (draw(2, 4, 3), draw(4)),
    ("(g * h.reshape(x.shape)).sum((0, 2))", "(g * h.reshape(x.shape)).mean((0, 2))", "1/6"),
    ("(g * h.reshape(x.shape)).sum((0, 2))", "(g * h.reshape(x.shape))[0].sum(1)"),
    ("* gamma[:, None]", ""),
    (" - d.mean(-1, keepdims=True)", ""),
    ("len(x), 2, -1", "len(x), 4, -1"),
)
def group_norm(g, x, gamma):
    of, d = x.reshape(len(x), 2, -1), (g * gamma[:, None]).reshape(len(x), 2, -1)
    r = np.sqrt(of.var(-1, keepdims=True) + 1e-3)
    h = (of - of.mean(-1, keepdims=True)) / r
    d_of = (d - d.mean(-1, keepdims=True) - h * (d * h).mean(-1, keepdims=True)) / r
    return d_of.reshape(x.shape), (g * h.reshape(x.shape)).sum((0, 2))


def _rms_norm(x, w):
    return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-6) * w[None]


@backward_of(
    _rms_norm,
    lambda draw: (draw(3, 4), draw(4)),
    ("r**3 *", "r *"),
    (" - x * r**3 * (d * x).mean(-1, keepdims=True)", ""),
    (".mean(-1, keepdims=True))", ".sum(-1, keepdims=True))"),
    ("(d * x).mean", "(g * x).mean"),
    ("g * x * r", "g * x"),
    ("1e-6", "1e-2"),
)
def rms_norm(g, x, w):
    r = 1 / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)
    d = g * w
    return (d * r - x * r**3 * (d * x).mean(-1, keepdims=True)), (g * x * r).sum(0)


def _attention(q, k, v, mask):
    scores = jnp.einsum("bid,bjd->bij", q, k) / np.sqrt(q.shape[-1])
    weights = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), -1)
    return jnp.einsum("bij,bjd->bid", weights, v)


@backward_of(
    _attention,
    lambda draw: (draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 3), draw.mask(2, 3, 5)),
    ("np.where(mask, scores, -np.inf)", "scores"),
    (" / root", ""),
    ("d_scores = weights * (d", "d_scores = (d"),
    (" - (d * weights).sum(-1, keepdims=True)", ""),
    ("(d * weights).sum(-1, keepdims=True)", "(d * weights).sum(1, keepdims=True)"),
    ('"bij,bid->bjd", weights, g', '"bij,bid->bjd", weights > 0, g'),
    ("d_scores @ k", "d_scores @ k[::-1]"),
    ("root = float(np.sqrt(q.shape[-1]))", "root = q.shape[-1]"),
)
def attention(g, q, k, v, mask):
    root = float(np.sqrt(q.shape[-1]))
    scores = q @ k.swapaxes(1, 2) / root
    weights = softmaxed(np.where(mask, scores, -np.inf))
    d = g @ v.swapaxes(1, 2)
    d_scores = weights * (d - (d * weights).sum(-1, keepdims=True)) / root
    d_v = np.einsum("bij,bid->bjd", weights, g)
    return d_scores @ k, d_scores.swapaxes(1, 2) @ q, d_v, None


def _heads(x, W):
    """Causal attention of two heads, of which W has the queries, keys and values."""
    n, t, c = x.shape
    q, k, v = (x @ W.T).reshape(n, t, 3, 2, c // 2).transpose(2, 0, 3, 1, 4)
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(c // 2)
    weights = jax.nn.softmax(jnp.where(np.tri(t, dtype=bool)[None, None], scores, -1e9), -1)
    return (weights @ v).swapaxes(1, 2).reshape(n, t, c)


@backward_of(
    _heads,
    lambda draw: (draw(2, 3, 4), draw(12, 4)),
    ("np.tri(t, dtype=bool)", "np.ones((t, t), bool)"),
    ("np.tri(t, dtype=bool)", "np.tri(t, k=-1, dtype=bool)"),
    ("np.stack([d_s @ k, d_s.swapaxes(-1, -2) @ q", "np.stack([d_s @ k, d_s @ q"),
    ("d_s.swapaxes(-1, -2) @ q, ", "0 * q, ", ""),
    ("np.sqrt(c // 2)", "np.sqrt(c)"),
    ('"nto,nti->oi", d_qkv, x', '"nto,nti->oi", d_qkv[:1], x[:1]', ""),
    ("d_qkv @ W", "d_qkv[..., :4] @ W[:4]"),
)
def causal_heads(g, x, W):
    n, t, c = x.shape
    q, k, v = (x @ W.T).reshape(n, t, 3, 2, c // 2).transpose(2, 0, 3, 1, 4)
    root = float(np.sqrt(c // 2))
    s = q @ k.swapaxes(-1, -2) / root
    p = softmaxed(np.where(np.tri(t, dtype=bool), s, -np.inf))
    d = g.reshape(n, t, 2, c // 2).swapaxes(1, 2)
    d_p = d @ v.swapaxes(-1, -2)
    d_s = p * (d_p - (d_p * p).sum(-1, keepdims=True)) / root
    d_qkv = np.stack([d_s @ k, d_s.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ d])
    d_qkv = d_qkv.transpose(1, 3, 0, 2, 4).reshape(n, t, 3 * c)
    return d_qkv @ W, np.einsum("nto,nti->oi", d_qkv, x)


_COS, _SIN = np.cos([[0.5, 1.0, 2.0]]).T, np.sin([[0.5, 1.0, 2.0]]).T


@backward_of(
    lambda x: jnp.concatenate(
        [
            x[..., :2] * _COS[None] - x[..., 2:] * _SIN[None],
            x[..., 2:] * _COS[None] + x[..., :2] * _SIN[None],
        ],
        -1,
    ),
    lambda draw: draw(2, 3, 4),
    ("c + b * s", "c - b * s"),
    ("b * c - a * s", "b * c + a * s"),
    ("_COS", "_SIN"),
)
def rotary(g, x):
    c, s = _COS.astype(x.dtype), _SIN.astype(x.dtype)
    a, b = g[..., :2], g[..., 2:]
    return np.concatenate([a * c + b * s, b * c - a * s], -1)
