"""Backward passes of recurrences, loops, branches, and of trees of parameters."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from tests.vjp.operations import Draw, backward_of


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _rnn(x, h, W, U):
    def step(h, x_t):
        h = jnp.tanh(x_t @ W.T + h @ U.T)
        return h, h

    return jax.lax.scan(step, h, x)[1]


@backward_of(
    _rnn,
    lambda draw: (draw(3, 2, 2), draw(2, 3), draw(3, 2), draw(3, 3)),
    ("d_W += ", "d_W = "),
    ("d_U += ", "d_U = "),
    ("d_h = d_z @ U", "d_h = d_z @ U.T"),
    ("d_h = d_z @ U", "d_h = 0 * d_z"),
    ("g[t] + d_h", "g[t]"),
    ("(1 - hs[t + 1] ** 2)", "(1 - hs[t] ** 2)"),
    ("d_z.T @ hs[t]", "d_z.T @ hs[t + 1]"),
    ("d_z @ W", "d_z[::-1] @ W", ""),
    ("reversed(range(len(x)))", "range(len(x))"),
)
def rnn(g, x, h, W, U):
    hs = [h]
    for x_t in x:
        hs.append(np.tanh(x_t @ W.T + hs[-1] @ U.T))
    d_x, d_h, d_W, d_U = np.zeros_like(x), np.zeros_like(h), np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(len(x))):
        d_z = (g[t] + d_h) * (1 - hs[t + 1] ** 2)
        d_x[t] = d_z @ W
        d_W += d_z.T @ x[t]
        d_U += d_z.T @ hs[t]
        d_h = d_z @ U
    return d_x, d_h, d_W, d_U


def _lstm(x, h, c, W):
    def step(state, x_t):
        h, c = state
        i, f, o, u = jnp.split(jnp.concatenate([x_t, h], 1) @ W.T, 4, 1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(u)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    (_, c), hs = jax.lax.scan(step, (h, c), x)
    return hs, c


@backward_of(
    _lstm,
    lambda draw: (draw(2, 2, 2), draw(2, 2), draw(2, 2), draw(8, 4)),
    ("d_W += d_z.T @ both", "d_W = d_z.T @ both", ""),
    ("d_c = d_c + d_h * o", "d_c = d_h * o"),
    ("d_c = d_c * f", "d_c = d_c"),
    ("d_h = g[0][t] + d_h", "d_h = g[0][t]"),
    ("f * (1 - f)", "(1 - f)"),
    ("d_c * u * i * (1 - i)", "d_c * i * (1 - i)"),
    ("d_c, d_W = g[1],", "d_c, d_W = 0 * g[1],", ""),
    ("np.tanh(after) ** 2", "after**2"),
    ("d_c * before * f", "d_c * after * f"),
    ("(1 - u**2)", "u * (1 - u)"),
)
def lstm(g, x, h, c, W):
    n, kept = h.shape[1], []
    for x_t in x:
        both = np.concatenate([x_t, h], 1)
        z = both @ W.T
        i, f, o = (_sigmoid(z[:, k * n : k * n + n]) for k in range(3))
        u, before = np.tanh(z[:, 3 * n :]), c
        c = f * c + i * u
        h = o * np.tanh(c)
        kept.append((both, i, f, o, u, before, c))
    d_x, d_h = np.zeros_like(x), np.zeros_like(h)
    d_c, d_W = g[1], np.zeros_like(W)
    for t in reversed(range(len(x))):
        both, i, f, o, u, before, after = kept[t]
        d_h = g[0][t] + d_h
        d_c = d_c + d_h * o * (1 - np.tanh(after) ** 2)
        d_i, d_f = d_c * u * i * (1 - i), d_c * before * f * (1 - f)
        d_o, d_u = d_h * np.tanh(after) * o * (1 - o), d_c * i * (1 - u**2)
        d_z = np.concatenate([d_i, d_f, d_o, d_u], 1)
        d_W += d_z.T @ both
        d_both = d_z @ W
        d_x[t], d_h = d_both[:, :-n], d_both[:, -n:]
        d_c = d_c * f
    return d_x, d_h, d_c, d_W


def _gru(x, h, W, U):
    def step(h, x_t):
        a, b = jnp.split(x_t @ W.T, 3, 1), jnp.split(h @ U.T, 3, 1)
        r, z = jax.nn.sigmoid(a[0] + b[0]), jax.nn.sigmoid(a[1] + b[1])
        h = (1 - z) * jnp.tanh(a[2] + r * b[2]) + z * h
        return h, None

    return jax.lax.scan(step, h, x)[0]


@backward_of(
    _gru,
    lambda draw: (draw(2, 3, 2), draw(3, 2), draw(6, 2), draw(6, 2)),
    ("d_W += ", "d_W = "),
    ("d_U += ", "d_U = ", ""),
    ("g * z + ", ""),
    ("d_n * r", "d_n"),
    ("d_n * b", "d_n"),
    ("before - n", "n - before"),
    ("(1 - z) * (1 - n**2)", "z * (1 - n**2)"),
    ("r * (1 - r)", "r"),
)
def gru(g, x, h, W, U):
    m, kept = h.shape[1], []
    for x_t in x:
        a, b = x_t @ W.T, h @ U.T
        r, z = _sigmoid(a[:, :m] + b[:, :m]), _sigmoid(a[:, m : 2 * m] + b[:, m : 2 * m])
        n = np.tanh(a[:, 2 * m :] + r * b[:, 2 * m :])
        kept.append((h, r, z, n, b[:, 2 * m :]))
        h = (1 - z) * n + z * h
    d_x, d_W, d_U = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(len(x))):
        before, r, z, n, b = kept[t]
        d_n = g * (1 - z) * (1 - n**2)
        d_r, d_z = d_n * b * r * (1 - r), g * (before - n) * z * (1 - z)
        by_x = np.concatenate([d_r, d_z, d_n], 1)
        by_h = np.concatenate([d_r, d_z, d_n * r], 1)
        d_x[t] = by_x @ W
        d_W += by_x.T @ x[t]
        d_U += by_h.T @ before
        g = g * z + by_h @ U
    return d_x, g, d_W, d_U


def _mlp(params, x):
    for layer in params["hidden"]:
        x = jnp.tanh(x @ layer["W"].T + layer["b"][None])
    return x @ params["last"].T


def _tree(draw: Draw):
    sizes = (2, 4, 3)
    hidden = [{"W": draw(o, i), "b": draw(o)} for i, o in itertools.pairwise(sizes)]
    return {"hidden": hidden, "last": draw(2, 3)}, draw(3, 2)


@backward_of(
    _mlp,
    _tree,
    ('d @ layer["W"]', 'd @ abs(layer["W"])'),
    ("d.sum(0)", "d.mean(0)"),
    ("d.T @ before", "d[:1].T @ before[:1]"),
    ("(1 - after**2)", "(1 - after)"),
    ('"last": d_last', '"last": 0 * d_last', "0 everywhere"),
    ("g.T @ hs[-1]", "g.T @ hs[-1] / len(x)", "1/3"),
)
def mlp(g, params, x):
    hs = [x]
    for layer in params["hidden"]:
        hs.append(np.tanh(hs[-1] @ layer["W"].T + layer["b"]))
    d_last, d, hidden = g.T @ hs[-1], g @ params["last"], []
    for layer, before, after in reversed([*zip(params["hidden"], hs[:-1], hs[1:], strict=True)]):
        d = d * (1 - after**2)
        hidden.append({"W": d.T @ before, "b": d.sum(0)})
        d = d @ layer["W"]
    return {"hidden": hidden[::-1], "last": d_last}, d


@backward_of(
    lambda x, W: x + jax.nn.relu(x @ W.T),
    lambda draw: (draw(3, 4), draw(4, 4)),
    ("g + d @ W", "d @ W"),
    ("g + d @ W", "g * (d @ W)"),
    ("d.T @ x", "x.T @ d", "transposed"),
    ("d.T @ x", "g.T @ x"),
    ("> 0", "> 1"),
)
def residual_block(g, x, W):
    d = g * (x @ W.T > 0)
    return g + d @ W, d.T @ x


_TABLE = np.arange(12.0).reshape(3, 4) / 8 - 0.5


@backward_of(
    lambda x: jnp.sin(x @ jnp.asarray(_TABLE)),
    lambda draw: draw(2, 3),
    ("np.cos(x @ table)", "np.sin(x @ table)"),
    ("table.T", "table.T * 1.001"),
    (" * np.cos(x @ table)", ""),
)
def closed_over(g, x):
    table = _TABLE.astype(x.dtype)
    return (g * np.cos(x @ table)) @ table.T


@backward_of(
    lambda x, c: jax.lax.fori_loop(0, 4, lambda _, y: (y + c / y) / 2, x),
    lambda draw: (draw.positive(3), draw.positive(3)),
    ("d_c +=", "d_c ="),
    ("1 - c / y**2", "c / y**2"),
    ("/ 2 / y", "/ y", "2 times"),
    ("ys[::-1]", "ys[:0:-1]"),
)
def loop(g, x, c):
    ys, d_c = [x], np.zeros_like(c)
    for _ in range(3):
        ys.append((ys[-1] + c / ys[-1]) / 2)
    for y in ys[::-1]:
        d_c += g / 2 / y
        g = g / 2 * (1 - c / y**2)
    return g, d_c


@backward_of(
    lambda which, x: jax.lax.switch(which, [jnp.sin, jnp.cos, lambda x: x * x], x),
    lambda draw: (np.array(1), draw(2, 3)),
    ("-np.sin(x)", "np.sin(x)", "negative"),
    ("[which]", "[0]"),
    ("g *", "2 * g *", "2 times"),
)
def branch(g, which, x):
    return None, g * [np.cos(x), -np.sin(x), 2 * x][which]


def _powers(x, count):
    """x to the power of a count, which a loop counts down."""
    n = jax.lax.while_loop(lambda n: n < 3, lambda n: n + 1, count)
    return x ** n.astype(x.dtype)


@backward_of(
    _powers,
    lambda draw: (draw.positive(3, 2), np.array(1)),
    ("3 *", "2 *", "2/3"),
    ("x**2", "x"),
    ("3 * g", "3 * g[0]"),
)
def counted(g, x, count):
    return 3 * g * x**2, None


@backward_of(
    lambda pair: {"sum": pair[0] + pair[1]["b"], "product": pair[0] * pair[1]["b"]},
    lambda draw: ((draw(2, 3), {"b": draw(2, 3), "unused": draw(2)}),),
    ('g["sum"] + g["product"] * b', 'g["product"] * b'),
    ('g["product"] * a', "g['product']"),
    ('g["sum"] + g["product"] * a', 'g["sum"] - g["product"] * a'),
    ("np.zeros_like", "np.ones_like"),
)
def nested(g, pair):
    a, b = pair[0], pair[1]["b"]
    d_b = {"b": g["sum"] + g["product"] * a, "unused": np.zeros_like(pair[1]["unused"])}
    return ((g["sum"] + g["product"] * b, d_b),)
