"""Backward passes of products, convolutions and pooling."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from tests.vjp.operations import Draw, backward_of


def _layer(draw: Draw):
    n, i, o = draw.sizes(3)
    return draw(n, i), draw(o, i), draw(o)


@backward_of(
    lambda x, W, b: x @ W.T + b[None],
    _layer,
    ("g @ W", "g @ W.T.reshape(W.shape)"),
    ("g.T @ x", "(x.T @ g).reshape(W.shape)"),
    ("g.T @ x", "g.T @ x / len(x)"),
    ("g.T @ x", "g[-1:].T @ x[-1:]", "last example"),
    ("g.sum(0)", "g.mean(0)"),
    ("g.sum(0)", "g[0]", "first example"),
    ("g.sum(0)", "g"),
    ("g.sum(0)", "np.ones_like(b)"),
)
def affine(g, x, W, b):
    return g @ W, g.T @ x, g.sum(0)


@backward_of(
    lambda a, b: a @ b,
    lambda draw: (draw(3, 3), draw(3, 3)),
    ("g @ b.T", "g @ b"),
    ("g @ b.T", "b.T @ g"),
    ("a.T @ g", "g.T @ a", "transposed"),
    ("a.T @ g", "a @ g"),
)
def matmul(g, a, b):
    return g @ b.T, a.T @ g


@backward_of(
    jnp.matmul,
    lambda draw: (draw(2, 3, 4), draw(4, 2)),
    (".sum(0)", ".mean(0)", "1/2"),
    (".sum(0)", "[0]", ""),
    (".sum(0)", "", ""),
    ("g @ b.T", "g[::-1] @ b.T"),
)
def batched_matmul(g, a, b):
    return g @ b.T, (a.swapaxes(1, 2) @ g).sum(0)


@backward_of(
    lambda a, b, c: jnp.einsum("bij,bjk,k->bi", a, b, c),
    lambda draw: (draw(2, 3, 4), draw(2, 4, 5), draw(5)),
    ('"bi,bij,bjk->k"', '"bi,bij,bjk->bk"'),
    ("g, a, c)", "g, a, 1 / c)"),
    (", a, c)", ", a * a, c)"),
    ("g, b, c", "g, b, c[::-1]"),
)
def einsum(g, a, b, c):
    d_a = np.einsum("bi,bjk,k->bij", g, b, c)
    d_b = np.einsum("bi,bij,k->bjk", g, a, c)
    return d_a, d_b, np.einsum("bi,bij,bjk->k", g, a, b)


@backward_of(
    lambda a, b: a[:, None] * b[None, :],
    lambda draw: (draw(3), draw(4)),
    ("g @ b", "g.sum(1)"),
    ("g.T @ a", "g.T @ np.abs(a)"),
    ("g @ b", "(g * a[:, None]) @ b"),
)
def outer(g, a, b):
    return g @ b, g.T @ a


@backward_of(
    lambda x, W, y: jnp.einsum("ni,oij,nj->no", x, W, y),
    lambda draw: (draw(2, 3), draw(4, 3, 2), draw(2, 2)),
    ('"no,oij,nj->ni"', '"no,oij,nj->i"'),
    ("g, x, y", "g, x, y[::-1]"),
    ("g, x, W", "-g, x, W", "negative"),
    ("g, W, y", "g, np.ones_like(W), y"),
)
def bilinear(g, x, W, y):
    d_x = np.einsum("no,oij,nj->ni", g, W, y)
    return d_x, np.einsum("no,ni,nj->oij", g, x, y), np.einsum("no,ni,oij->nj", g, x, W)


@backward_of(
    lambda x, b: x + b,
    lambda draw: (draw(3, 4), draw(1, 4)),
    ("g.sum(0, keepdims=True)", "g.mean(0, keepdims=True)", "1/3"),
    ("g.sum(0, keepdims=True)", "g[:1]"),
    ("g.sum(0, keepdims=True)", "g.sum(0)"),
    ("g.sum(0, keepdims=True)", "g"),
)
def bias(g, x, b):
    return g, g.sum(0, keepdims=True)


@backward_of(
    lambda x, scale: x * scale[None, :, None],
    lambda draw: (draw(2, 3, 4), draw(3)),
    ("(g * x).sum((0, 2))", "(g * x).sum((0, 2)) / len(x)", "1/2"),
    ("(g * x).sum((0, 2))", "(g * x).sum((0, 1))[:3]"),
    ("(g * x)", "g"),
    ("g * scale[:, None]", "g"),
)
def scale(g, x, scale):
    return g * scale[:, None], (g * x).sum((0, 2))


@backward_of(
    lambda L, b: jax.scipy.linalg.solve_triangular(L, b, lower=True),
    lambda draw: (np.tril(draw(3, 3)) + 3 * np.eye(3), draw(3, 2)),
    ("np.tril(-d_b @ x.T)", "-d_b @ x.T"),
    ("-d_b", "d_b", "negative"),
    ('trans="T"', 'trans="N"'),
    ("x.T", "b.T"),
)
def triangular_solve(g, L, b):
    x = scipy.linalg.solve_triangular(L, b, lower=True)
    d_b = scipy.linalg.solve_triangular(L, g, lower=True, trans="T")
    return np.tril(-d_b @ x.T), d_b


def _regular(draw):
    return draw(3, 3) + 4 * np.eye(3)


@backward_of(
    lambda A: jnp.linalg.inv(A),
    lambda draw: (_regular(draw),),
    ("-X.T @ g @ X.T", "X.T @ g @ X.T", "negative"),
    ("-X.T @ g @ X.T", "-X @ g @ X"),
    ("-X.T @ g @ X.T", "-X.T @ g"),
)
def inverse(g, A):
    X = np.linalg.inv(A)
    return -X.T @ g @ X.T


@backward_of(
    lambda A, b: jnp.linalg.solve(A, b),
    lambda draw: (_regular(draw), draw(3, 2)),
    ("-d_b @ x.T", "d_b @ x.T", "negative"),
    ("solve(A.T, g)", "solve(A, g)"),
)
def solve(g, A, b):
    x = np.linalg.solve(A, b)
    d_b = np.linalg.solve(A.T, g)
    return -d_b @ x.T, d_b


@backward_of(
    lambda A: jnp.linalg.slogdet(A)[1],
    lambda draw: (_regular(draw),),
    ("inv(A).T", "inv(A)", "transposed"),
    ("g * ", ""),
)
def log_determinant(g, A):
    return g * np.linalg.inv(A).T


def _positive(draw):
    A = draw(3, 3)
    return A @ A.T + np.eye(3)


@backward_of(
    lambda A: jnp.linalg.cholesky(A),
    lambda draw: (_positive(draw),),
    ("np.tril(L.T @ g)", "L.T @ g"),
    ("* (1 - np.eye(len(A)) / 2)", ""),
)
def cholesky(g, A):
    L = np.linalg.cholesky(A)
    inner = np.tril(L.T @ g) * (1 - np.eye(len(A)) / 2)
    X = np.linalg.inv(L)
    S = X.T @ inner @ X
    return (S + S.T) / 2


# Windows


def _conv1d(x, w):
    return jax.lax.conv_general_dilated(x, w, (2,), [(1, 1)], rhs_dilation=(2,))


@backward_of(
    _conv1d,
    lambda draw: (draw(2, 3, 9), draw(2, 3, 3)),
    ("d_w[:, :, k] = np", "d_w[:, :, -1 - k] = np", "columns 0 and 2 are changed over"),
    ("d_x[:, :, at] +=", "d_x[:, :, at] ="),
    ("return d_x[:, :, 1:-1]", "return d_x[:, :, :-2]"),
    ("slice(2 * k, 2 * k + 2", "slice(k, k + 2"),
    ('"not,nct->oc", g, padded', '"not,nct->oc", g[:1], padded[:1]'),
    ("2 * k + 2 * out - 1, 2", "2 * k + out, 1"),
)
def conv1d(g, x, w):
    out = g.shape[2]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    d_x, d_w = np.zeros_like(padded), np.zeros_like(w)
    for k in range(w.shape[2]):
        at = slice(2 * k, 2 * k + 2 * out - 1, 2)
        d_w[:, :, k] = np.einsum("not,nct->oc", g, padded[:, :, at])
        d_x[:, :, at] += np.einsum("not,oc->nct", g, w[:, :, k])
    return d_x[:, :, 1:-1], d_w


def _conv2d(x, w, b):
    out = jax.lax.conv_general_dilated(
        x, w, (2, 1), [(1, 1), (2, 0)], rhs_dilation=(1, 2), feature_group_count=2
    )
    return out + b[None, :, None, None]


@backward_of(
    _conv2d,
    lambda draw: (draw(2, 4, 5, 4), draw(6, 2, 3, 2), draw(6)),
    ("g.sum((0, 2, 3))", "g.mean((0, 2, 3))", ""),
    ("g.sum((0, 2, 3))", "g.sum((2, 3))", ""),
    ("d_x[:, :, down, right] +=", "d_x[:, :, down, right] =", ""),
    ("groups, w[", "groups[:, ::-1], w["),
    ("w[..., i, j]", "w[..., -1 - i, -1 - j]"),
    ("[:, :, 1:-1, 2:]", "[:, :, 1:-1, :-2]"),
    ("[:, :, 1:-1, 2:]", "[:, :, :-2, 2:]"),
    ("slice(2 * j, 2 * j + v)", "slice(j, j + v)"),
    ("range(w.shape[3])", "range(1)"),
)
def conv2d(g, x, w, b):
    n, (h, v) = len(x), g.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 0)))
    d_x, d_w = np.zeros_like(padded), np.zeros_like(w)
    groups = g.reshape(n, 2, -1, *g.shape[2:])
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            down, right = slice(i, i + 2 * h - 1, 2), slice(2 * j, 2 * j + v)
            seen = padded[:, :, down, right]
            d = np.einsum("ngohw,ngchw->goc", groups, seen.reshape(n, 2, -1, h, v))
            d_w[..., i, j] = d.reshape(len(w), -1)
            of = np.einsum("ngohw,goc->ngchw", groups, w[..., i, j].reshape(2, -1, w.shape[1]))
            d_x[:, :, down, right] += of.reshape(seen.shape)
    return d_x[:, :, 1:-1, 2:], d_w, g.sum((0, 2, 3))


def _conv_transpose(x, w):
    return jax.lax.conv_transpose(x, w, (2,), "VALID", dimension_numbers=("NCH", "IOH", "NCH"))


@backward_of(
    _conv_transpose,
    lambda draw: (draw(2, 3, 4), draw(3, 2, 3)),
    ("w[..., ::-1]", "w", ""),
    ("d_w[..., 2 - k]", "d_w[..., k]", "changed over"),
    ("k + 2 * len_x - 1 : 2", "k + len_x"),
    ("d_x +=", "d_x ="),
)
def conv_transpose(g, x, w):
    d_x, d_w, len_x, w = np.zeros_like(x), np.zeros_like(w), x.shape[2], w[..., ::-1]
    for k in range(3):
        part = g[..., k : k + 2 * len_x - 1 : 2]
        d_x += np.einsum("noh,co->nch", part, w[..., k])
        d_w[..., 2 - k] = np.einsum("noh,nch->co", part, x)
    return d_x, d_w


def _max_pool(x):
    window, strides = (1, 1, 2, 3), (1, 1, 2, 2)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, strides, "VALID")


@backward_of(
    _max_pool,
    lambda draw: draw(2, 2, 5, 7),
    ("d[a, c, top + r, left + s] +=", "d[a, c, top + r, left + s] =", ""),
    ("argmax", "argmin"),
    ("2 * j", "3 * j"),
    ("g[a, c, i, j]", "1"),
    ("divmod(int(window.argmax()), 3)", "divmod(int(window.argmax()), 2)"),
)
def max_pool(g, x):
    d = np.zeros_like(np.pad(x, ((0, 0), (0, 0), (0, 3), (0, 3))))
    for a, c, i, j in np.ndindex(g.shape):
        top, left = 2 * i, 2 * j
        window = x[a, c, top : top + 2, left : left + 3]
        r, s = divmod(int(window.argmax()), 3)
        d[a, c, top + r, left + s] += g[a, c, i, j]
    return d[:, :, : x.shape[2], : x.shape[3]]


def _avg_pool(x):
    window, strides = (1, 2, 2, 1), (1, 1, 2, 1)
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, window, strides, "VALID") / 4


@backward_of(
    _avg_pool,
    lambda draw: draw(2, 4, 6, 2),
    ("/ 4", "", "4 times"),
    ("/ 4", "/ 2", "2 times"),
    ("[:, i : i + 2, 2 * j : 2 * j + 2] +=", "[:, i : i + 2, 2 * j : 2 * j + 2] ="),
    ("2 * j + 2]", "2 * j + 1]"),
)
def avg_pool(g, x):
    d = np.zeros_like(x)
    for i in range(g.shape[1]):
        for j in range(g.shape[2]):
            d[:, i : i + 2, 2 * j : 2 * j + 2] += g[:, i : i + 1, j : j + 1] / 4
    return d


@backward_of(
    lambda x: jnp.repeat(jnp.repeat(x, 2, 1), 3, 2),
    lambda draw: draw(2, 3, 2),
    (".sum((2, 4))", ".mean((2, 4))", "1/6"),
    (".sum((2, 4))", "[:, :, 0, :, 0]"),
)
def upsample(g, x):
    return g.reshape(len(x), x.shape[1], 2, x.shape[2], 3).sum((2, 4))
