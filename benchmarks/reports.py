"""Eight backward passes that were wrong in public, put to gradient checkers at
their defaults: what does each say?

    .venv/bin/python benchmarks/reports.py

Prints the table of docs/checking-a-function.md. The backward passes are rebuilt
in benchmarks/public_reports.py, and all are put to

    check_grads               jax.test_util, order 1, reverse mode, in float32 and float64
    assert_numerical_grads    chex, order 1, likewise
    gradcheck                 torch.autograd, in float64, where torch is installed
    gradsheet.check_vjp       in float64

with the same arguments: as jax.custom_vjp whose rule calls the NumPy functions,
as torch.autograd.Function, and as they are. Cotangents come as copies that may
be written to. A checker that raises nothing has accepted a mistake; where one of
JAX's refuses JAX's own derivative of the function as well, that is said.
"""

import argparse
import importlib.util
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import chex
import jax
import numpy as np
from jax.test_util import check_grads
from public_reports import REPORTS, PublicReport

import gradsheet

MOST = 10**9  # entries of a Jacobian that somebody writes out


def floats_of(args: tuple[Any, ...]) -> list[int]:
    return [k for k, a in enumerate(args) if a.dtype.kind == "f"]


def for_jax(report: PublicReport, args: tuple[Any, ...]) -> Callable[..., Any]:
    """The function of the arguments that are floats, with the rule of the report."""
    forward, backward = report.pair
    asked = floats_of(args)

    def whole(some: Any) -> list[Any]:
        arrays = [*args]
        for k, array in zip(asked, some, strict=True):
            arrays[k] = array
        return arrays

    @jax.custom_vjp
    def f(*some: Any) -> Any:
        return report.f(*whole(some))

    def rule(some: Any, d: Any) -> Any:
        def called(d: Any, *some: Any) -> Any:
            cache = forward(*[np.array(a) for a in whole(some)])[1]
            found = backward(np.array(d), cache)
            found = found if isinstance(found, tuple) else (found,)
            return tuple(np.asarray(found[k], args[k].dtype) for k in asked)

        shapes = tuple(jax.ShapeDtypeStruct(args[k].shape, args[k].dtype) for k in asked)
        return jax.pure_callback(called, shapes, d, *some)

    f.defvjp(lambda *some: (report.f(*whole(some)), some), rule)
    return f


def of_jax(check: Callable[..., Any], report: PublicReport, dtype: str) -> str:
    """What a checker of JAX's functions says."""
    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", dtype == "float64")  # for the threads of callbacks, too
    try:
        args = tuple(a.astype(dtype) if a.dtype.kind == "f" else a for a in report.args)
        some = [args[k] for k in floats_of(args)]
        if accepts(check, for_jax(report, args), some):
            return "accepts"
        by_jax = for_jax(report, args).__wrapped__
        return "refuses" if accepts(check, by_jax, some) else "refuses what is right, too"
    finally:
        jax.config.update("jax_enable_x64", before)


def accepts(check: Callable[..., Any], f: Callable[..., Any], args: list[Any]) -> bool:
    try:
        check(f, args, order=1, modes=("rev",))
    except AssertionError:
        return False
    return True


def of_torch(report: PublicReport) -> str:
    """What torch's gradcheck says; it is not run where the Jacobian that it
    writes out has more than MOST entries."""
    import torch

    forward, backward = report.pair
    results = np.asarray(forward(*report.args)[0]).size
    entries = results * sum(report.args[k].size for k in floats_of(report.args))
    if entries > MOST:
        return f"not run: a Jacobian of {entries * 8 / 1e9:.0f} GB"

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            out, ctx.cache = forward(*[t.detach().numpy() for t in tensors])
            return torch.tensor(out)

        @staticmethod
        def backward(ctx: Any, d: Any) -> Any:
            found = backward(d.contiguous().numpy(), ctx.cache)
            found = found if isinstance(found, tuple) else (found,)
            return tuple(None if a is None else torch.tensor(a) for a in found)

    tensors = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in report.args]
    is_right = torch.autograd.gradcheck(Function.apply, tensors, raise_exception=False)
    return "accepts" if is_right else "refuses"


def answers(report: PublicReport) -> list[str]:
    """What each of them says, and ours in its own words."""
    found = [
        of_jax(check, report, dtype)
        for check in (check_grads, chex.assert_numerical_grads)
        for dtype in ("float32", "float64")
    ]
    has_torch = importlib.util.find_spec("torch") is not None
    found.append(of_torch(report) if has_torch else "not installed")
    return [*found, said(gradsheet.check_vjp(report.f, *report.args, pair=report.pair))]


def said(check: Any) -> str:
    """What ours says: the fault, the mistake, or which entries are wrong."""
    rows = [f"{row.name}: {row.where}" for row in check.arguments if row.verdict != "right"]
    words = next(iter([*check.faults, *check.mistakes, *check.remarks, *rows]))
    return re.sub(r"`(.{32})[^`]*` \(.*?\)", r"`\1...`", words)


HEAD = """\
| after | the mistake | `check_grads`, float32, 64 | `assert_numerical_grads` | `gradcheck` | \
`gradsheet` |
| --- | --- | --- | --- | --- | --- |"""


def row(name: str, report: PublicReport) -> str:
    jax32, jax64, chex32, chex64, torch, ours = answers(report)
    pairs = [
        one if one == two else f"{one}; {two}" for one, two in ((jax32, jax64), (chex32, chex64))
    ]
    return f"| {name} | {report.mistake} | {' | '.join(pairs)} | {torch} | {ours} |"


if __name__ == "__main__":
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    print(HEAD, flush=True)
    for name, report in REPORTS.items():
        start = time.perf_counter()
        print(row(name, report), flush=True)
        print(f"{name}: {time.perf_counter() - start:.1f} s", file=sys.stderr)
