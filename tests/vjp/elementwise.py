"""Backward passes of functions of each entry, of sums, and of what moves entries
about."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import erf

from tests.vjp.operations import Draw, backward_of


def plane(draw: Draw) -> np.ndarray:
    return draw(*draw.sizes(2))


def positive_plane(draw: Draw) -> np.ndarray:
    return draw.positive(*draw.sizes(2))


@backward_of(jax.nn.relu, plane, ("x > 0", "x < 0"), ("g * (x > 0)", "g * x", "parameter"))
def relu(g, x):
    return g * (x > 0)


@backward_of(
    lambda x: jax.nn.leaky_relu(x, 0.2),
    plane,
    ("0.2", "0.02"),
    ("0.2 * g", "0.2"),
    ("x > 0", "g > 0"),
)
def leaky_relu(g, x):
    return np.where(x > 0, g, 0.2 * g)


@backward_of(jax.nn.elu, plane, ("np.exp(x)", "(np.exp(x) - 1)"), ("x > 0", "x > -1"), ("g * ", ""))
def elu(g, x):
    return g * np.where(x > 0, np.ones_like(x), np.exp(x))


@backward_of(
    lambda x: jax.nn.gelu(x, approximate=True),
    plane,
    ("0.044715 * x**3", "0.44715 * x**3"),
    ("0.134145", "0.044715"),
    (" * (1 - t**2)", " * (1 - t)"),
    ("0.5 * (1 + t) + ", ""),
    ("np.sqrt(2 / np.pi)", "np.sqrt(2 * np.pi)"),
    ("np.sqrt(2 / np.pi)", "0.7978"),
)
def gelu_tanh(g, x):
    c = float(np.sqrt(2 / np.pi))
    t = np.tanh(c * (x + 0.044715 * x**3))
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 0.134145 * x**2))


@backward_of(
    lambda x: jax.nn.gelu(x, approximate=False),
    plane,
    ("2 * np.pi", "np.pi"),
    ("-(x**2) / 2", "-(x**2)"),
    ("x * density", "density"),
    ("below + ", ""),
)
def gelu_erf(g, x):
    below = 0.5 * (1 + erf(x / float(np.sqrt(2))))
    density = np.exp(-(x**2) / 2) / float(np.sqrt(2 * np.pi))
    return g * (below + x * density)


@backward_of(
    jax.nn.silu,
    plane,
    ("(1 - s)", "(1 + s)"),
    (" * (1 - s)", ""),
    ("1 + x", "x"),
    ("1 + x *", "1 + 2 * x *"),
)
def silu(g, x):
    s = 1 / (1 + np.exp(-x))
    return g * s * (1 + x * (1 - s))


@backward_of(
    lambda a, b: jax.nn.silu(a) * b,
    lambda draw: (draw(3, 4), draw(3, 4)),
    ("g * b * s", "g * s"),
    ("g * a * s", "g * s"),
    ("a * (1 - s)", "a * s * (1 - s)"),
    ("s * (1 + a * (1 - s)), g * a * s", "s, g * a * s * (1 + a * (1 - s))"),
)
def swiglu(g, a, b):
    s = 1 / (1 + np.exp(-a))
    return g * b * s * (1 + a * (1 - s)), g * a * s


@backward_of(
    jax.nn.sigmoid,
    plane,
    (" * (1 - s)", ""),
    ("1 - s", "1 + s"),
    ("s * (1 - s)", "x * (1 - x)"),
    ("s * (1 - s)", "s * (1 - s**2)"),
)
def sigmoid(g, x):
    s = 1 / (1 + np.exp(-x))
    return g * s * (1 - s)


@backward_of(
    jnp.tanh,
    plane,
    ("t**2", "t"),
    ("1 - t**2", "1 + t**2"),
    ("np.tanh(x)", "x"),
    ("(1 - t**2)", "(1 - t) ** 2"),
)
def tanh(g, x):
    t = np.tanh(x)
    return g * (1 - t**2)


@backward_of(jax.nn.softplus, plane, ("-x", "x"), ("g / (1 ", "g / (2 "), ("np.exp", "-np.exp"))
def softplus(g, x):
    return g / (1 + np.exp(-x))


@backward_of(jnp.exp, plane, ("np.exp(x)", "np.exp(x) * x"), ("np.exp(x)", "x"))
def exp(g, x):
    return g * np.exp(x)


@backward_of(jnp.log, positive_plane, ("g / x", "g / x**2"), ("g / x", "g * x"), ("g /", "1 /"))
def log(g, x):
    return g / x


@backward_of(
    jnp.sqrt,
    positive_plane,
    ("2 * np.sqrt(x)", "np.sqrt(x)", "2 times the truth"),
    ("np.sqrt(x)", "x"),
    ("(2 *", "(-2 *", "negative"),
)
def sqrt(g, x):
    return g / (2 * np.sqrt(x))


@backward_of(jnp.abs, plane, ("np.sign(x)", "x"), ("np.sign(x)", "abs(np.sign(x))"))
def absolute(g, x):
    return g * np.sign(x)


@backward_of(
    lambda x: jnp.clip(x, -0.5, 1.5),
    plane,
    ("(x > -0.5) & ", ""),
    (" & (x < 1.5)", ""),
    ("1.5", "0.5"),
    (" & ", " | ", ""),
)
def clip(g, x):
    return g * ((x > -0.5) & (x < 1.5))


@backward_of(
    lambda x, p: x**p,
    lambda draw: (draw.positive(2, 3), draw(2, 3)),
    ("p - 1", "p"),
    ("p * x", "x"),
    (" * np.log(x)", ""),
    ("np.log(x)", "np.log(p**2)"),
)
def power(g, x, p):
    return g * p * x ** (p - 1), g * x**p * np.log(x)


@backward_of(
    lambda x: x**3, plane, ("3 *", "2 *", "2/3"), ("x**2", "x**3"), ("x**2", "x"), ("3 *", "-3 *")
)
def cube(g, x):
    return 3 * g * x**2


@backward_of(
    lambda x: jnp.sin(x) * jnp.exp(-x),
    plane,
    ("- np.sin(x)", "+ np.sin(x)"),
    (" - np.sin(x)", ""),
    ("np.exp(-x)", "np.exp(x)"),
)
def damped(g, x):
    return g * (np.cos(x) - np.sin(x)) * np.exp(-x)


@backward_of(
    lambda a, b: a / b,
    lambda draw: (draw(2, 3), draw.positive(2, 3)),
    ("b**2", "b"),
    ("-g", "g", "negative"),
    ("g / b, ", "g * b, "),
    ("g * a", "g"),
)
def quotient(g, a, b):
    return g / b, -g * a / b**2


@backward_of(
    jnp.maximum,
    lambda draw: (draw(2, 3), draw(2, 3)),
    ("g * (a >= b)", "g"),
    ("g * (a < b)", "g * (a > b)"),
)
def larger(g, a, b):
    return g * (a >= b), g * (a < b)


@backward_of(
    lambda keep, a, b: jnp.where(keep, a, b * b),
    lambda draw: (draw.mask(3, 2), draw(3, 2), draw(3, 2)),
    ("g * keep", "g"),
    ("~keep", "keep"),
    ("2 * b", "b"),
    ("2 * b * g * ~keep", "2 * b * g"),
)
def where(g, keep, a, b):
    return None, g * keep, 2 * b * g * ~keep


@backward_of(
    lambda x, keep: jnp.where(keep, x, 0) / 0.75,
    lambda draw: (draw(3, 4), draw.mask(3, 4)),
    ("* keep", ""),
    ("/ 0.75", "", "3/4"),
    ("/ 0.75", "/ 0.25"),
    ("keep /", "~keep /"),
)
def dropout(g, x, keep):
    return g * keep / 0.75, None


# Sums, and what is measured by them


@backward_of(
    lambda x: x.mean((0, 2)),
    lambda draw: draw(2, 3, 4),
    ("/ (n * m)", ""),
    ("/ (n * m)", "/ n"),
    ("/ (n * m)", "/ m"),
    ("/ (n * m)", "/ x.size", "1/3"),
)
def mean(g, x):
    n, _, m = x.shape
    return np.broadcast_to(g[:, None], x.shape) / (n * m)


@backward_of(
    lambda x: x.var(-1),
    plane,
    ("x - x.mean(-1, keepdims=True)", "x"),
    ("2 *", "1 *", "1/2"),
    ("/ x.shape[-1]", "/ (x.shape[-1] - 1)"),
    ("/ x.shape[-1]", "/ x.shape[0]"),
    ("x.mean(-1, keepdims=True)", "x.mean()"),
)
def variance(g, x):
    return 2 * g[:, None] * (x - x.mean(-1, keepdims=True)) / x.shape[-1]


@backward_of(
    lambda x: jnp.sqrt(x.var(0, ddof=1) + 1e-5),
    lambda draw: draw(5, 3),
    (" + 1e-5", ""),
    ("len(x) - 1", "len(x)"),
    ("d / ", "2 * d / ", "2 times"),
    ("np.sqrt(v + 1e-5)", "(np.sqrt(v) + 1e-5)"),
    ("x - x.mean(0)", "x"),
)
def deviation(g, x):
    d = x - x.mean(0)
    v = (d**2).sum(0) / (len(x) - 1)
    return g * d / (len(x) - 1) / np.sqrt(v + 1e-5)


@backward_of(
    lambda x: x / jnp.sqrt((x * x).sum(-1, keepdims=True)),
    lambda draw: draw.positive(3, 4),
    (" - y * (g * y).sum(-1, keepdims=True)", ""),
    ("- y", "+ y"),
    (" / r", ""),
    ("(g * y).sum(-1, keepdims=True)", "(g * y).sum()"),
    ("(g * y).sum(-1, keepdims=True)", "(g * x).sum(-1, keepdims=True)"),
)
def l2_normalise(g, x):
    r = np.sqrt((x**2).sum(-1, keepdims=True))
    y = x / r
    return (g - y * (g * y).sum(-1, keepdims=True)) / r


def _cosine(a, b):
    return (a * b).sum(-1) / jnp.sqrt((a * a).sum(-1) * (b * b).sum(-1))


@backward_of(
    _cosine,
    lambda draw: (draw.positive(3, 4), draw.positive(3, 4)),
    ("c * a / r", "c * a / s"),
    (" - c * b / s", ""),
    ("c * b / s", "b / s"),
    ("a / n - c", "b / n - c"),
    ("g[:, None]", "g.sum()"),
)
def cosine_similarity(g, a, b):
    r, s = (a**2).sum(-1, keepdims=True), (b**2).sum(-1, keepdims=True)
    n = np.sqrt(r * s)
    c = (a * b).sum(-1, keepdims=True) / n
    return g[:, None] * (b / n - c * a / r), g[:, None] * (a / n - c * b / s)


@backward_of(
    lambda x: x.max(1),
    lambda draw: draw(2, 4, 3),
    ("argmax", "argmin"),
    ("g[:, None]", "1.0"),
    ("x.argmax(1, keepdims=True)", "x.argmax(1, keepdims=True) * 0"),
)
def largest(g, x):
    d = np.zeros_like(x)
    np.put_along_axis(d, x.argmax(1, keepdims=True), g[:, None], 1)
    return d


@backward_of(
    lambda x: jnp.cumsum(x, 1),
    plane,
    ("g[:, ::-1].cumsum(1)[:, ::-1]", "g.cumsum(1)"),
    ("g[:, ::-1].cumsum(1)[:, ::-1]", "g[:, ::-1].cumsum(1)", ""),
    ("cumsum(1)", "cumsum(0)"),
)
def cumsum(g, x):
    return g[:, ::-1].cumsum(1)[:, ::-1]


@backward_of(
    lambda x: jnp.cumprod(x, -1),
    positive_plane,
    ("k in range(j, n)", "k in range(n)"),
    ("k in range(j, n)", "k in range(j + 1, n)"),
    ("i != j", "True"),
    ("d[:, j] +=", "d[:, j] ="),
)
def cumprod(g, x):
    d, n = np.zeros_like(x), x.shape[1]
    for j in range(n):
        for k in range(j, n):
            d[:, j] += g[:, k] * x[:, [i for i in range(k + 1) if i != j]].prod(1)
    return d


@backward_of(
    lambda x: jnp.sort(x, -1),
    lambda draw: draw(*draw.sizes(1), 5),
    ("np.put_along_axis(d, order, g, -1)", "d = np.take_along_axis(g, order, -1)"),
    ("argsort(-1", "argsort(0"),
    ("(d, order, g, -1)", "(d, order[:, ::-1], g, -1)"),
)
def sort(g, x):
    d, order = np.zeros_like(x), x.argsort(-1, kind="stable")
    np.put_along_axis(d, order, g, -1)
    return d


@backward_of(
    lambda x: jax.lax.top_k(x, 2)[0],
    lambda draw: draw(3, 5),
    ("(-x)", "x"),
    ("(-1, kind", "(0, kind"),
    ("(d, order, g, -1)", "(d, order, g[:, ::-1], -1)", ""),
    ("[:, :2]", "[:, 1:3]"),
)
def top_k(g, x):
    d, order = np.zeros_like(x), (-x).argsort(-1, kind="stable")[:, :2]
    np.put_along_axis(d, order, g, -1)
    return d


# What moves entries about


@backward_of(
    lambda table, rows: table[rows],
    lambda draw: (draw(5, 3), draw.whole(5, 2, 6)),
    ("np.add.at(d, rows, g)", "d[rows] = g", ""),
    ("np.add.at(d, rows, g)", "d[rows] += g", ""),
    ("np.add.at(d, rows, g)", "np.subtract.at(d, rows, g)", "negative"),
    ("(d, rows, g)", "(d, rows[:-1], g[:-1])"),
    ("(d, rows, g)", "(d, rows, g.mean(-1, keepdims=True))"),
)
def embedding(g, table, rows):
    d = np.zeros_like(table)
    np.add.at(d, rows, g)
    return d, None


@backward_of(
    lambda x, at: jnp.take_along_axis(x, at, 1),
    lambda draw: (draw(3, 4), draw.whole(4, 3, 5)),
    ("d[i, at[i, j]] +=", "d[i, at[i, j]] ="),
    ("at[i, j]", "j % 4"),
    ("range(at.shape[1])", "range(at.shape[1] - 1)"),
)
def gather(g, x, at):
    d = np.zeros_like(x)
    for i in range(len(at)):
        for j in range(at.shape[1]):
            d[i, at[i, j]] += g[i, j]
    return d, None


@backward_of(
    lambda x, at, v: x.at[at].add(v * v),
    lambda draw: (draw(4, 3), draw.whole(4, 6), draw(6, 3)),
    ("return g,", "return 0 * g,", "0 everywhere"),
    ("2 * v", "v", "1/2"),
    ("g[at]", "g[np.sort(at)]"),
    ("return g, None", "return g * (np.bincount(at, minlength=len(x)) == 0)[:, None], None"),
)
def scatter_add(g, x, at, v):
    return g, None, 2 * v * g[at]


@backward_of(
    lambda x, v: x.at[jnp.array([2, 0])].set(v),
    lambda draw: (draw(4, 3), draw(2, 3)),
    ("d[[2, 0]] = 0", "pass"),
    ("g[[2, 0]]", "g[[0, 2]]", "changed over"),
)
def scatter_set(g, x, v):
    d = g.copy()
    d[[2, 0]] = 0
    return d, g[[2, 0]]


@backward_of(
    lambda a, b: jnp.concatenate([a, b * b], 1),
    lambda draw: (draw(2, 3), draw(2, 4)),
    ("2 * b", "b", "1/2"),
    ("g[:, :n]", "g[:, -n:]"),
    ("g[:, n:]", "g[:, : b.shape[1]]"),
)
def concat(g, a, b):
    n = a.shape[1]
    return g[:, :n], 2 * b * g[:, n:]


@backward_of(
    lambda x: (x[:, :2] ** 2, {"rest": x[:, 2:]}),
    lambda draw: draw(3, 5),
    ("2 * x[:, :2]", "x[:, :2]"),
    ('g[1]["rest"]', '0 * g[1]["rest"]'),
    ("g[0]", "g[1]['rest'][:, :2]"),
)
def split(g, x):
    return np.concatenate([2 * x[:, :2] * g[0], g[1]["rest"]], 1)


@backward_of(
    lambda x: jnp.pad(x, ((1, 2), (0, 1)), mode="edge"),
    lambda draw: draw(3, 4),
    ("d[0] += g[0]", "pass"),
    ("d[-1] += g[-1] + g[-2]", "d[-1] += g[-1]"),
    ("d[:, -1] += d_right", "d[:, -1] = d_right"),
)
def edge_pad(g, x):
    g, right = g[:, :-1], g[:, -1]
    d = g[1:-2].copy()
    d[0] += g[0]
    d[-1] += g[-1] + g[-2]
    d_right = right[1:-2].copy()
    d_right[0] += right[0]
    d_right[-1] += right[-1] + right[-2]
    d[:, -1] += d_right
    return d


@backward_of(
    lambda x: jnp.roll(x, 1, 0).transpose(1, 2, 0),
    lambda draw: draw(3, 2, 4),
    ("-1, 0", "1, 0"),
    ("transpose(2, 0, 1)", "reshape(x.shape)"),
    (", -1, 0)", ", -1, 1)"),
)
def roll(g, x):
    return np.roll(g.transpose(2, 0, 1), -1, 0)


@backward_of(
    lambda x: jnp.tril(x) @ jnp.triu(x),
    lambda draw: draw(4, 4),
    ("np.tril(g @", "(g @"),
    ("np.triu(np.tril(x).T @ g)", "np.triu(np.tril(x) @ g)"),
    (" + np.triu", " - np.triu"),
    ("np.triu(x).T", "np.triu(x)"),
)
def triangles(g, x):
    return np.tril(g @ np.triu(x).T) + np.triu(np.tril(x).T @ g)
