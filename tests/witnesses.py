"""Errors planted in one witness: the other two have to contradict it."""

import operator
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import jax
import pytest

from gradsheet.language import functions
from gradsheet.numbers.dual import Dual
from gradsheet.numbers.session import LIBRARY
from gradsheet.truth import jax_functions, primitives
from manual import ops

ROOMS = ("by hand", "the nudge", "JAX", "JAX's program carried out")
TINY = Fraction(1, 2**40)


def plant(monkeypatch: pytest.MonkeyPatch, room: str) -> None:
    """Let one witness err on derivatives by one part in a million million, and
    not on values."""
    if room == "by hand":
        _rule(monkeypatch, "matmul", lambda parts: (parts[0] * (1 + TINY), parts[1]))
    elif room == "the nudge":
        right = Dual.__mul__
        for name in ("__mul__", "__rmul__"):
            monkeypatch.setattr(Dual, name, lambda a, b: _steeper(right(a, b), 1 + TINY))
    elif room == "JAX":
        right = jax_functions._matmul
        _forget(monkeypatch)
        monkeypatch.setattr(jax_functions, "_matmul", lambda a, b: right(_tilted(a, 1 + TINY), b))
    else:
        # Of a network without a minus sign of its own the derivative alone has one.
        monkeypatch.setitem(primitives.MOVES, "neg", lambda a, **_: -a * (1 + TINY))


def plant_in_differences(monkeypatch: pytest.MonkeyPatch, room: str) -> None:
    """Let one witness lose the sign of the derivative by what stands in front of
    a minus sign, and of -y by y."""

    def lost(parts: Any) -> Any:
        return (-parts[0], *parts[1:])

    if room == "by hand":
        for name in ("subtract", "negative"):
            _rule(monkeypatch, name, lost)
    elif room == "the nudge":
        right, opposite = Dual.__sub__, Dual.__neg__
        monkeypatch.setattr(Dual, "__sub__", lambda a, b: right(_steeper(a, -1), b))
        monkeypatch.setattr(Dual, "__neg__", lambda a: opposite(_steeper(a, -1)))
    else:
        _forget(monkeypatch)
        monkeypatch.setitem(
            jax_functions.OPERATORS, "-", lambda a, b: operator.sub(_tilted(a, -1), b)
        )
        right_neg = jax.lax.neg
        monkeypatch.setattr(jax.lax, "neg", lambda a: right_neg(_tilted(a, -1)))


def plant_in_values(monkeypatch: pytest.MonkeyPatch, room: str) -> None:
    """Let one witness take relu for the identity."""
    if room == "by hand":
        wrong = ops.OPERATIONS["function"]._replace(value=lambda a, *, name: a)
        monkeypatch.setitem(ops.OPERATIONS, "function", wrong)
    elif room == "the nudge":
        relu = replace(functions.FUNCTIONS["relu"], exact=lambda v: v)
        monkeypatch.setitem(functions.FUNCTIONS, "relu", relu)
    else:
        _forget(monkeypatch)
        monkeypatch.setitem(jax_functions.ENTRYWISE, "relu", lambda z: z)


def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs that are cached are those of the right room."""
    monkeypatch.setattr(LIBRARY, "_caches", {})


def _rule(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Any], Any]) -> None:
    """What comes back by a rule of an operation, changed."""
    operation = ops.OPERATIONS[name]

    def wrong(*arrays: Any, **settings: Any) -> Any:
        return change(operation.backward(*arrays, **settings))

    monkeypatch.setitem(ops.OPERATIONS, name, operation._replace(backward=wrong))


def _steeper(dual: Dual, factor: Any) -> Dual:
    return Dual(dual.value, dual.slope * factor, dual.level)


def _tilted(a: jax.Array, factor: Any) -> jax.Array:
    """The same value, and to JAX another derivative."""
    constant = jax.lax.stop_gradient(a)
    return a + float(factor - 1) * (a - constant)
