"""Every comparison of the rooms has been seen to fail: mistakes planted in the
source of manual/ itself.

Each is a line of a file in other words. A copy of the package with that line is
compared with `ref` as the tests compare `manual`, by the functions of
tests/agreement.py.
"""

import functools
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import manual
import ref
from tests import agreement
from tests.agreement import Room, Tensors
from tests.networks import KINKED, Problem
from tests.rounds import every

SOURCE = Path(manual.__file__).parent

# (file, what stands there, what somebody writes)
PLANTED = [
    # Forward
    ("mlp", "zs.append(z if b is None else z + b)", "zs.append(z)"),
    ("mlp", "hs.append(activate(activation, zs[-1]))", "hs.append(zs[-1])"),
    ("activations", "return e / e.sum(-1, keepdims=True)", "return e / e.sum()"),
    # The loss
    ("losses", "return (yhat - y) ** 2 / 2", "return (yhat - y) ** 2"),
    ("losses", "return total / len(shares) if", "return total / shares.size if"),
    (
        "mlp",
        "reduce(end.value(y, cache.h[-1]), reduction)",
        'reduce(end.value(y, cache.h[-1]), "sum")',
    ),
    ("fused", "return y * softplus(-z) + (1 - y) * softplus(z)", "return y * softplus(-z)"),
    ("fused", "return -y * np.where(y == 0", "return np.where(y == 0"),
    # dL/dyhat
    ("losses", "return yhat - y\n", "return y - yhat\n"),
    ("losses", "return 2 * (yhat - y)\n", "return yhat - y\n"),
    ("losses", "return 2 * (yhat - y) / yhat.shape[-1]", "return 2 * (yhat - y)"),
    ("losses", "return yhat**0", "return yhat"),
    ("losses", "return -y / np.where(", "return y / np.where("),
    (
        "losses",
        "return d_cross_entropy(y, yhat) - d_cross_entropy(1 - y, 1 - yhat)",
        "return d_cross_entropy(y, yhat) + d_cross_entropy(1 - y, 1 - yhat)",
    ),
    ("losses", "return d_shares / len(d_shares) if", "return d_shares / d_shares.size if"),
    (
        "mlp",
        "d_reduce(end.d(y, cache.h[-1]), reduction), to_loss",
        "end.d(y, cache.h[-1]), to_loss",
    ),
    ("mlp", "(y, activate(activations[-1], cache.z[-1]))", "(y, cache.z[-1])"),
    ("mlp", "(*grads.h[:-1], d_reduce(d_yhat, reduction))", "(*grads.h[:-1], d_yhat)"),
    # Through the activation
    ("mlp", "delta = pull_back(activation, z, d_hs[-1])", "delta = d_hs[-1]"),
    ("activations", "return (z > 0) * number(z, 1)", "return d_identity(z)"),
    ("activations", "return (z > 0) * number(z, 1)", "return (z >= 0) * number(z, 1)"),
    (
        "activations",
        "return np.where(z > 0, number(z, 1), number(z, slope))",
        "return np.where(z >= 0, number(z, 1), number(z, slope))",
    ),
    ("activations", "return e / ((1 + e) * (1 + e))", "return e / (1 + e)"),
    ("activations", "return 4 * e / (", "return 2 * e / ("),
    ("activations", "e = np.exp(-2 * abs(z))", "e = np.exp(-abs(z))"),
    ("activations", "(softplus, sigmoid, d_sigmoid)", "(softplus, d_sigmoid, d_sigmoid)"),
    ("activations", "* (1 + z * sigmoid(-z))", ""),
    (
        "activations",
        "return h * (d_h - (d_h * h).sum(-1, keepdims=True))",
        "return h * d_h",
    ),
    (
        "activations",
        "return h * (d_h - (d_h * h).sum(-1, keepdims=True))",
        "return h * (1 - h) * d_h",
    ),
    ("activations", "return d_h * self.d(z", "return self.d(z"),
    # To the parameters, and to the layer before
    ("mlp", "d_W = delta.T @ h", "d_W = h.T @ delta"),
    ("mlp", "d_W = delta.T @ h", "d_W = d_hs[-1].T @ h"),
    ("mlp", "d_W = delta.T @ h", "d_W = delta[:1].T @ h[:1]"),
    ("mlp", "delta.sum(0 if b.ndim else None)", "delta.mean(0 if b.ndim else None)"),
    ("mlp", "d_hs.append(delta @ W)", "d_hs.append(d_hs[-1] @ W)"),
    ("mlp", "d_zs.append(delta)", "d_zs.append(d_hs[-1])"),
    # Loss and activation together
    ("fused", "* weights.sum(-1, keepdims=True) - weights", "* weights - weights"),
    (
        "fused",
        "return ((1 - y) * sigmoid(z) - y * sigmoid(-z))",
        "return (sigmoid(z) - y * sigmoid(-z))",
    ),
    ("fused", "return -y * sigmoid(-z) * d_shares", "return (sigmoid(z) - y) * d_shares"),
    ("fused", "return -y * _d_log_softplus(z) * d_shares", "return -y * sigmoid(z) * d_shares"),
    ("fused", " + others - no", " + others"),
    ("fused", 'return (*activations[:-1], "identity"), fused', "return tuple(activations), fused"),
    # The Hessian along a direction
    ("hessian", "r_z = r_hs[-1] @ W.T + h @ V.T", "r_z = r_hs[-1] @ W.T"),
    ("hessian", "r_zs.append(r_z if c is None else r_z + c)", "r_zs.append(r_z)"),
    ("hessian", "r_hs.append(pull_back(activation, z, r_zs[-1]))", "r_hs.append(r_zs[-1])"),
    ("hessian", "d_reduce(end.r(y, hs[-1], r_hs[-1]), reduction)", "end.r(y, hs[-1], r_hs[-1])"),
    ("hessian", " + bend(activation, z, d_h, r_z)", ""),
    ("hessian", "bend(activation, z, d_h, r_z)", "bend(activation, z, r_d_h, r_z)"),
    ("hessian", "r_delta.T @ h + delta.T @ r_h", "r_delta.T @ h"),
    ("hessian", "np.asarray(r_delta.sum(", "np.asarray(delta.sum("),
    ("hessian", "r_delta @ W + delta @ V", "r_delta @ W"),
    ("losses", "return 2 * r_yhat\n", "return r_yhat\n"),
    ("losses", "return 2 * r_yhat / yhat.shape[-1]", "return 2 * r_yhat"),
    ("losses", "return 0 * r_yhat", "return r_yhat"),
    (
        "activations",
        "return -d_sigmoid(z) * np.tanh(z / 2)",
        "return d_sigmoid(z) * np.tanh(z / 2)",
    ),
    ("activations", "return -2 * d_tanh(z) * np.tanh(z)", "return -d_tanh(z) * np.tanh(z)"),
    ("activations", "(softplus, sigmoid, d_sigmoid)", "(softplus, sigmoid, zero)"),
    ("activations", " - h * (d_h * r_h).sum(-1, keepdims=True)", ""),
    ("activations", "return d_h * r_z * self.dd(z", "return d_h * self.dd(z"),
    ("activations", "* (2 - z * np.tanh(z / 2))", "* 2"),
    ("fused", "return softmax_pullback(z, r_z) * y.sum", "return softmax(z) * r_z * y.sum"),
    ("fused", "return d_sigmoid(z) * r_z", "return sigmoid(z) * r_z"),
    ("fused", "return y * d_sigmoid(z) * r_z", "return d_sigmoid(z) * r_z"),
    ("fused", "* (sigmoid(-z) - slope) * r_z", "* sigmoid(-z) * r_z"),
    (
        "fused",
        "(y - 1) * softmax(z), (y - 1) * softmax_pullback(z, r_z)",
        "(y - 1) * softmax(z), 0 * z",
    ),
    # Jacobians, and the gradients of single examples
    ("jacobians", "d_reduce(LOSSES[loss].d(y, yhat), reduction)", "LOSSES[loss].d(y, yhat)"),
    ("jacobians", "end.d(y, cache.z[-1], output)", "end.d(y, cache.z[-1])"),
    ("jacobians", 'activations = (*activations[:-1], "identity")', "activations = (*activations,)"),
    ("jacobians", "seed[entry] = number(like, 1)", "seed[entry[:1]] = number(like, 1)"),
    ("jacobians", "delta[:, :, None] * h[:, None, :]", "delta[:, :, None] * h.mean(0)"),
    (
        "jacobians",
        "else delta if b.ndim else delta.sum(-1)",
        "else delta if b.ndim else delta[:, 0]",
    ),
    ("jacobians", "end.value(y, cache.h[-1]).sum(-1)", "end.value(y, cache.h[-1]).mean(-1)"),
    ("jacobians", "squares += delta_squares * h_squares", "squares += delta_squares"),
    ("jacobians", "else delta.sum(-1) ** 2", "else delta_squares"),
]


@contextmanager
def copy_of_manual(folder: Path, file: str, old: str, new: str) -> Iterator[ModuleType]:
    """The package read a second time, with one text of a file changed, which has
    to stand there exactly once.
    """
    text = (SOURCE / f"{file}.py").read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in manual/{file}.py"
    changed, path = text.replace(old, new), folder / "manual" / f"{file}.py"
    path.parent.mkdir(parents=True)
    path.write_text(changed)
    # All other files are those of the package itself, where they are compiled already.
    for package in {SOURCE, (SOURCE / file).parent}:
        others = f"__path__.append({str(package)!r})\n"
        init = folder / "manual" / package.relative_to(SOURCE) / "__init__.py"
        init.write_text(others + (package / "__init__.py").read_text())
    compile(changed, path, "exec")  # what nobody could run is no mistake
    modules = {name: sys.modules[name] for name in sys.modules if name.split(".")[0] == "manual"}
    for name in modules:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        copy = importlib.import_module("manual")
        assert Path(copy.__file__).parent == folder / "manual"
        yield copy
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == "manual"]:
            del sys.modules[name]
        sys.modules |= modules


def drawn(
    activations: tuple[Any, ...], loss: str, *widths: int, biases: str = "", reduction: str = "mean"
) -> Problem:
    """A network with a letter for each bias, (u)nits, (s)hared or (-) none, a
    batch of whole numbers, and targets from 0 to 1.
    """
    rng, params = np.random.default_rng(7), []

    def numbers(*shape: int) -> Any:
        return rng.choice([-2.0, -1, 1, 2], shape)

    for inputs, units, bias in zip(widths, widths[1:], biases, strict=False):
        b = {"u": numbers(units), "s": numbers(), "-": None}[bias]
        params.append(manual.Layer(numbers(units, inputs), b))
    y = None if loss == "output" else rng.integers(0, 5, (4, widths[-1])) / 4
    return Problem(tuple(params), numbers(4, widths[0]), y, activations, loss, reduction)


# On whole numbers floats are exact: there == is asked for. The second has leaky units at z = 0.
EXACT = {
    "relu": KINKED,
    "leaky": Problem(
        (
            manual.Layer(np.array([[1.0, -1], [2, 1], [-1, -1]]), np.array(1.0)),
            manual.Layer(np.array([[1.0, 2, -1], [3, 1, 2]])),
        ),
        np.array([[1.0, 2], [-1, 1], [2, 1], [1, -2]]),
        np.array([[1.0, -1], [2, 3], [0, 1], [1, 2]]),
        (("leaky_relu", 0.25), "identity"),
        "squared_error",
        "sum",
    ),
    "output": drawn(("identity",), "output", 2, 1, biases="-"),
}
ROUNDED = {
    "softmax": drawn(
        ("sigmoid", "tanh", "softplus", "softmax"),
        "squared_error",
        *(3, 4, 3, 2, 3),
        biases="us-u",
        reduction="sum",
    ),
    "mean": drawn(("silu", "identity"), "mean_squared_error", 2, 3, 3, biases="us"),
    "softmax cross_entropy": drawn(("tanh", "softmax"), "cross_entropy", 2, 3, 3, biases="uu"),
    **{
        f"{last} {loss}": drawn((last,), loss, 2, 3, biases="u")
        for loss, last in (
            ("binary_cross_entropy", "sigmoid"),
            ("cross_entropy", "sigmoid"),
            ("cross_entropy", "softplus"),
            ("binary_cross_entropy", "softmax"),
        )
    },
}


def everything(room: Room, name: str, problem: Problem) -> Tensors:
    """What the tests compare: forward, then loss, then each gradient, and what
    is made of them.
    """
    found = agreement.forward(room, problem) | agreement.gradients(room, problem)
    found |= agreement.hessian(room, problem, agreement.direction(problem))
    if name == "mean":
        found |= agreement.each_example(room, problem) | agreement.norms(room, problem)
    if name == "softmax cross_entropy":
        found |= agreement.jacobians(room, problem)
    return found


@functools.cache
def by_jax(name: str) -> Tensors:
    problem = (EXACT | ROUNDED)[name]
    return agreement.in_jax(problem, functools.partial(everything, ref, name))


def disagreements(room: Room) -> Iterator[str]:
    """What the comparisons say of `manual`, or of a copy of it: nothing, where
    it is right.
    """
    for name, problem in EXACT.items():
        yield from agreement.differences(everything(room, name, problem), by_jax(name))
    for name, problem in ROUNDED.items():
        mine = everything(room, name, problem)
        yield from agreement.differences(mine, by_jax(name), rtol=1e-10, atol=1e-11)


def test_nothing_is_said_of_a_copy_without_a_mistake(tmp_path: Path) -> None:
    assert list(disagreements(manual)) == []
    with copy_of_manual(tmp_path, "mlp", "d_W = delta.T @ h", "d_W = (h.T @ delta).T") as copy:
        assert copy is not manual
        assert list(disagreements(copy)) == []


@pytest.mark.parametrize(
    ("file", "old", "new"), every(3, PLANTED), ids=lambda text: " ".join(text.split())[:60]
)
def test_a_mistake_in_the_source_is_seen(file: str, old: str, new: str, tmp_path: Path) -> None:
    with copy_of_manual(tmp_path, file, old, new) as copy, np.errstate(all="ignore"):
        assert next(disagreements(copy), None) is not None
