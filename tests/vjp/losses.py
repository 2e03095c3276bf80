"""Backward passes of softmax and of losses."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.vjp.operations import Draw, backward_of


def plane(draw: Draw) -> np.ndarray:
    return draw(*draw.sizes(2))


def softmaxed(z, axis=-1):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@backward_of(
    lambda z: jax.nn.softmax(z, -1),
    plane,
    ("s * (g - (g * s).sum(-1, keepdims=True))", "s * (1 - s) * g"),
    ("(g * s).sum(-1, keepdims=True)", "(g * s).sum(0, keepdims=True)"),
    ("(g * s).sum(-1, keepdims=True)", "(g * s).sum()"),
    ("(g * s).sum(-1, keepdims=True)", "(g * s).mean(-1, keepdims=True)"),
    ("(g * s).sum(-1, keepdims=True)", "g.sum(-1, keepdims=True)"),
    ("softmaxed(z)", "softmaxed(z, 0)"),
    ("g - ", "g + "),
)
def softmax(g, z):
    s = softmaxed(z)
    return s * (g - (g * s).sum(-1, keepdims=True))


@backward_of(
    lambda z: jax.nn.log_softmax(z, 0),
    plane,
    ("g.sum(0)", "1"),
    ("g.sum(0)", "g.sum()"),
    ("softmaxed(z, 0)", "softmaxed(z, 1)"),
    ("g - ", "-g + ", "negative"),
)
def log_softmax(g, z):
    return g - softmaxed(z, 0) * g.sum(0)


@backward_of(
    lambda z: jax.nn.logsumexp(z, -1),
    plane,
    ("g[:, None] *", ""),
    ("softmaxed(z)", "softmaxed(z, 0)"),
    ("softmaxed(z)", "np.exp(z)"),
)
def logsumexp(g, z):
    return g[:, None] * softmaxed(z)


def _cross_entropy(z, labels):
    logs = jax.nn.log_softmax(z, -1)
    return -jnp.take_along_axis(logs, labels[:, None], -1).mean()


def _scores(draw: Draw):
    n, classes = draw.sizes(2)
    return draw(n, classes), draw.whole(classes, n)


@backward_of(
    _cross_entropy,
    _scores,
    ("/ len(z)", "", "times the truth"),
    ("/ len(z)", "/ z.size"),
    ("-= 1", "+= 1"),
    ("-= 1", "-= 0"),
    ("np.arange(len(z)), labels", "0, labels"),
    ("np.arange(len(z)), labels", "slice(None), labels"),
    ("g * d", "d"),
    ("softmaxed(z)", "softmaxed(z, 0)"),
)
def cross_entropy(g, z, labels):
    d = softmaxed(z)
    d[np.arange(len(z)), labels] -= 1
    return g * d / len(z), None


@backward_of(
    lambda z, y: -(y * jax.nn.log_softmax(z, -1)).sum(-1),
    lambda draw: (draw(3, 4), draw.parts(3, 4)),
    ("y.sum(-1, keepdims=True) * softmaxed(z)", "softmaxed(z)"),
    (" - y)", ")"),
    ("-g[:, None] * (z", "g[:, None] * (z", "negative"),
    (" - logs", ""),
)
def soft_labels(g, z, y):
    largest = z.max(-1, keepdims=True)
    logs = largest + np.log(np.exp(z - largest).sum(-1, keepdims=True))
    d_z = g[:, None] * (y.sum(-1, keepdims=True) * softmaxed(z) - y)
    return d_z, -g[:, None] * (z - logs)


@backward_of(
    lambda z, y: (jax.nn.softplus(z) - y * z).mean(),
    lambda draw: (draw(3, 4), draw.mask(3, 4).astype(float)),
    ("/ z.size", "/ len(z)"),
    ("- y)", "+ y)"),
    (" - y)", ")"),
    ("-g * z", "g * z", "negative"),
    ("np.exp(-z)", "np.exp(z)"),
)
def bce_with_logits(g, z, y):
    return g * (1 / (1 + np.exp(-z)) - y) / z.size, -g * z / z.size


@backward_of(
    lambda p, y: -jnp.where(y, jnp.log(p), jnp.log(1 - p)).sum(),
    lambda draw: (draw.parts(4, 3), draw.mask(4, 3)),
    ("p - y", "y - p", "negative"),
    ("/ (p * (1 - p))", ""),
    ("p * (1 - p)", "p"),
)
def bce(g, p, y):
    return g * (p - y) / (p * (1 - p)), None


def _hinge(z, labels):
    right = jnp.take_along_axis(z, labels[:, None], 1)
    return (jax.nn.relu(1 + z - right).sum(1) - 1).mean()


@backward_of(
    _hinge,
    _scores,
    ("-over.sum(1) + 1", "-1"),
    ("-over.sum(1) + 1", "-over.sum(1)"),
    ("1 + z - right > 0", "z - right > 0"),
    ("/ len(z)", ""),
    ("-over.sum(1) + 1", "over.sum(1) - 1"),
)
def hinge(g, z, labels):
    rows = np.arange(len(z))
    right = z[rows, labels][:, None]
    over = (1 + z - right > 0).astype(z.dtype)
    over[rows, labels] = -over.sum(1) + 1
    return g * over / len(z), None


def _huber(x, y):
    r = x - y
    return jnp.where(abs(r) <= 0.75, r * r / 2, 0.75 * (abs(r) - 0.375))


@backward_of(
    _huber,
    lambda draw: (draw(3, 2), draw(3, 2)),
    ("0.75 * np.sign(r)", "np.sign(r)"),
    ("np.sign(r)", "1"),
    ("<= 0.75", "<= 1.75"),
    ("d, -d", "d, d", "negative"),
)
def huber(g, x, y):
    r = x - y
    d = g * np.where(abs(r) <= 0.75, r, 0.75 * np.sign(r))
    return d, -d


@backward_of(
    lambda x, y: ((x - y) ** 2).mean(),
    lambda draw: (draw(3, 4), draw(3, 4)),
    ("2 *", "1 *", "1/2"),
    ("x.size", "len(x)", "4 times"),
    ("(x - y)", "(y - x)", "negative"),
    ("d, -d", "d, d", "negative"),
    ("2 * g", "2"),
    ("d, -d", "d, None", ""),
)
def mse(g, x, y):
    d = 2 * g * (x - y) / x.size
    return d, -d


@backward_of(
    lambda p, q: (p * (jnp.log(p) - jnp.log(q))).sum(-1),
    lambda draw: (draw.parts(3, 4), draw.parts(3, 4)),
    (" + 1", ""),
    ("-g[:, None] * p", "-g[:, None]"),
    ("-g[:, None] * p / q", "g[:, None] * p / q", "negative"),
    ("np.log(p / q)", "np.log(p)"),
)
def kl(g, p, q):
    return g[:, None] * (np.log(p / q) + 1), -g[:, None] * p / q
