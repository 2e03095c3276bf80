"""The planned LSTM is the readable one, in saturation and from state to state."""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import manual.fast.recurrent
from tests.families.test_recurrent import lost_digits
from tests.family import Case
from tests.manual.test_planted import copy_of_manual
from tests.planned import allocated, passed, room, unkept, unlike
from tests.rounds import every

ARRAYS = [(4, 3, 5), (4, 2), (4, 2), (8, 5), (8, 2), (8,)]
CASES = [
    *[Case("lstm", ARRAYS, {"cells": True}, size=size) for size in (0.5, 1, 3)],
    Case("lstm", ARRAYS, size=1),
    Case("lstm", [(1, 1, 1), (1, 1), (1, 1), (4, 1), (4, 1), (4,)]),
]
PLANTED = [
    ("np.array([-1, -1, -2, -1], kind)", "np.array([-1, -2, -1, -1], kind)"),
    ("np.ones((T * N, D + 1), kind)", "np.zeros((T * N, D + 1), kind)"),
    ("np.add(self._u_x[:, t], e, e)", "e"),
    ("np.minimum(np.add(self._u_x[:, t], e, e), self._most, out=e)", "e += self._u_x[:, t]"),
    ("np.multiply(e[2], minus_half, g)", "np.multiply(e[2], -1, g)"),
    ("np.matmul(self._h[t], self._U_T, e)", "np.matmul(self._h[0], self._U_T, e)"),
    ("np.multiply(f, self._c[t], c)", "c[:] = self._c[t]"),
    ("by_f[:], self._f[t] = self._c[t], f", "by_f[:], self._f[t] = c, f"),
    ("by_f[:], self._f[t] = self._c[t], f", "by_f[:], self._f[t] = self._c[t], i"),
    ("np.multiply(i, four, by_g)", "by_g[:] = i"),
    ("np.multiply(np.multiply(e, s, e), s, e)", "np.multiply(s, 1 - s, e)"),
    ("np.multiply(k, np.multiply(", "np.multiply(1, np.multiply("),
    ("np.multiply(p, p, p), p)", "p, p)"),
    (
        "np.divide(np.multiply(spare, four, spare), np.multiply(p, p, p), p)",
        "np.subtract(1, by_o * by_o, p)",
    ),
    ("np.multiply(p, o, p)", "pass"),
    ("return (out, cells)", "return (out, out)"),
    ("d_h.fill(0)", "pass"),
    ("d_c.fill(0)", "pass"),
    ("np.add(d_h, from_h[t], d_h)", "d_h[:] = from_h[t]"),
    ("np.add(d_c, np.multiply(d_h, self._p[t], spare), d_c)", "pass"),
    ("np.add(d_c, d[t], d_c)", "pass"),
    (
        "np.multiply(self._k[t, 3], d_h, delta[3, t])",
        "np.multiply(self._k[t, 3], d_c, delta[3, t])",
    ),
    ("np.multiply(d_c, self._f[t], d_c)", "pass"),
    ("h, delta_T = self._h[:-1]", "h, delta_T = self._h[1:]"),
]


def make(module: ModuleType) -> Any:
    def planned(x: Any, h0: Any, *_: Any, **settings: Any) -> Any:
        return module.LSTM(x.shape, h0.shape[1], dtype=x.dtype, **settings)

    return planned


def faults(module: ModuleType) -> Iterator[str]:
    """What is not as in the readable pass."""
    planned = make(module)
    for case in CASES:
        yield from unlike(room("lstm", planned), case)
        yield from unkept(planned, case, np.float32)
        yield from unkept(planned, case, np.float64)
    far = [np.full(shape, 1e4 if k < 3 else -1e4, "f") for k, shape in enumerate(ARRAYS)]
    if any(np.isnan(array).any() for array in passed(planned(*far), far, [far[0][:, :, :2]])):
        yield "far from 0 there is no number"
    yield from lost_digits(room("lstm", planned), "lstm")


def test_it_is_the_readable_one():
    assert [*faults(manual.fast.recurrent)] == []


@pytest.mark.parametrize(("old", "new"), every(2, PLANTED))
def test_a_mistake_is_caught(tmp_path, old: str, new: str) -> None:
    with copy_of_manual(tmp_path, "fast/recurrent", old, new), np.errstate(all="ignore"):
        assert any(faults(import_module("manual.fast.recurrent")))


@pytest.mark.parametrize("empty", [0, 1])
def test_without_examples_or_times_the_gradients_are_0(empty: int) -> None:
    shapes = [list(shape) for shape in ARRAYS]
    shapes[0][empty] = 0
    if empty == 0:
        shapes[1][0] = shapes[2][0] = 0
    arrays = [np.ones(shape) for shape in shapes]
    planned = make(manual.fast.recurrent)(*arrays)
    out = planned.forward(*arrays)
    assert out.shape == (*shapes[0][:2], 2)
    for gradient, array in zip(planned.backward(out), arrays, strict=True):
        assert gradient.shape == array.shape
        assert not gradient.any()


def test_a_pass_allocates_nothing() -> None:
    rng = np.random.default_rng(0)
    shapes = [(32, 40, 48), (32, 64), (32, 64), (256, 48), (256, 64), (256,)]
    arrays = [rng.normal(size=shape).astype("f") for shape in shapes]
    planned = make(manual.fast.recurrent)(*arrays)
    # Two arrays whose 8,192 entries NumPy lays side by side at a time, and the signs.
    most, gates = 2 * 4 * 8192 + 4000, 4 * 40 * 32 * 256
    assert allocated(planned, arrays, [planned._h[1:].swapaxes(0, 1)]) < most < gates / 8


def test_what_does_not_fit_is_said():
    lstm, ones = manual.fast.recurrent.LSTM((4, 3, 5), 2), [np.ones(shape) for shape in ARRAYS]
    for k, other, says in (
        (0, ones[0][:2], "x has the shape (2, 3, 5), expected (4, 3, 5), for which the buffers"),
        (2, ones[2][:1], "c0 has the shape (1, 2), expected (4, 2), for which the buffers were"),
        (3, ones[3][:4], "W has the shape (4, 5), expected (8, 5), for which the buffers were"),
        (5, ones[5][:1], "b has the shape (1,), expected (8,), for which the buffers were made"),
    ):
        with pytest.raises(ValueError) as error:  # noqa: PT011  the words are compared
            lstm.forward(*ones[:k], other, *ones[k + 1 :])
        assert str(error.value).startswith(says)
    lstm.forward(*ones)
    with pytest.raises(ValueError, match="dout has the shape"):
        lstm.backward(ones[0])
