"""The planned layer norm is the readable one, of any numbers and in any blocks."""

from importlib import import_module
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest

import manual.fast.norm
from tests.families.test_norm import lost
from tests.family import Case, unlike
from tests.manual.test_planted import copy_of_manual
from tests.planned import allocated, room, unkept

CASES = [
    *[Case("layer_norm", [(2, 3, 5), (5,), (5,)], {"eps": 0.5}, size=s) for s in (3, 1e-3, 1e4)],
    # Of many numbers the mean is small, and no row is moved.
    Case("layer_norm", [(7, 200), (200,), (200,)]),
    Case("layer_norm", [(4, 1), (1,), (1,)]),
    Case("layer_norm", [(3, 4), (4,), (4,)], through={0: lambda x: 0 * x + 3}),
    Case("layer_norm", [(3, 4), (4,), (4,)], through={0: lambda x: x + 1e4}),
]
PLANTED = [
    ("np.subtract(v, np.multiply(mu, mu, mu_2), v)", "np.multiply(mu, mu, mu_2)"),
    ("x = np.subtract(x, mu[:, None], self._moved)", "break"),
    ("SMALL * v", "4 * v"),
    ("moves == 2 or", "moves == 1 or"),
    ("np.add(self._v, self._eps, self._v)", "pass"),
    ("np.multiply(np.negative(self._mu, self._mu_2)", "np.multiply(self._mu"),
    ("np.subtract(q, np.multiply(mu, g, spare), q)", "np.multiply(mu, g, spare)"),
    ("np.multiply(q, self._r_3[block], q)", "np.multiply(q, r, q)"),
    ("np.subtract(g, np.multiply(mu, q, spare), g)", "np.multiply(mu, q, spare)"),
    ("np.add(t, g[:, None], t)", "pass"),
    ("np.multiply(x_b, q[:, None], t)", "t.fill(0)"),
    ("np.matmul(self._mu_1[block].T, dout_b, part)", "np.matmul(self._r_0[block].T, t, part)"),
    ("np.add(d_params, part, d_params)", "d_params[:] = part"),
    ("d_params.fill(0)", "pass"),
    ("np.matmul(self._r_0[block], self._gamma_0, d_x_b)", "d_x_b[:] = self._gamma_0[0]"),
    ("return self._out\n", "return self._out.copy()\n"),
]


def make(norm: ModuleType) -> Any:
    return lambda x, gamma, beta, **settings: norm.LayerNorm(x.shape, dtype=x.dtype, **settings)


def apart(norm: ModuleType) -> float:
    """How far equal numbers far from 0 and one by a unit larger are off what they
    are near to 0, in units of the roundings of their sums."""
    x, ones = np.full((1, 5000), 12345.678, np.float32), np.ones(5000, np.float32)
    x[0, 0] = np.nextafter(x[0, 0], np.float32(np.inf))
    far, near = (
        make(norm)(x, ones, ones, eps=1e-20).forward(a, ones, ones) for a in (x, x - x[:, 1:2])
    )
    return abs(far / near - 1).max() / (5000 * np.finfo(np.float32).eps)


def faults(norm: ModuleType) -> list[str]:
    """What is not as in the readable pass, in blocks of two rows."""
    said, planned = [], make(norm)
    with mock.patch.object(norm, "ROWS", 2):
        for case in CASES:
            said += unlike(room("layer_norm", planned), case)
            said += [*unkept(planned, case, np.float32), *unkept(planned, case, np.float64)]
        for dtype in (np.float32, np.float64):
            said += lost(room("layer_norm", planned), dtype)
    if not apart(norm) <= 1:
        said.append("a row far from 0 is not the same near to it")
    return said


def test_it_is_the_readable_one():
    assert faults(manual.fast.norm) == []


@pytest.mark.parametrize(("old", "new"), PLANTED)
def test_a_mistake_is_caught(tmp_path, old: str, new: str) -> None:
    with copy_of_manual(tmp_path, "fast/norm", old, new), np.errstate(all="ignore"):
        assert faults(import_module("manual.fast.norm"))


def test_what_writes_to_an_array_of_the_caller_is_caught(tmp_path):
    old, new = "np.subtract(x, mu[:, None], self._moved)", "np.subtract(x, mu[:, None], x)"
    with copy_of_manual(tmp_path, "fast/norm", old, new):
        planned = make(import_module("manual.fast.norm"))
        with pytest.raises(ValueError, match="output array is read-only"):
            assert not any(unkept(planned, CASES[0], np.float64))


def test_of_many_rows_it_is_the_readable_one_too():
    case = Case("layer_norm", [(300, 3), (3,), (3,)])
    assert [*unlike(room("layer_norm", make(manual.fast.norm)), case)] == []


def test_an_empty_batch_gives_nothing_and_moves_nothing():
    norm, ones = manual.fast.norm.LayerNorm((0, 4)), np.ones(4)
    assert norm.forward(np.ones((0, 4)), ones, ones).shape == (0, 4)
    d_x, d_gamma, d_beta = norm.backward(np.ones((0, 4)))
    assert (d_x.shape, d_gamma.tolist(), d_beta.tolist()) == ((0, 4), [0] * 4, [0] * 4)


@pytest.mark.parametrize("far", [0, 100])
def test_a_pass_allocates_nothing(far: float) -> None:
    x, ones = np.random.default_rng(0).normal(size=(512, 768)).astype("f") + far, np.ones(768, "f")
    norm = manual.fast.norm.LayerNorm(x.shape, dtype=x.dtype)
    # The 8,192 entries in which NumPy turns a Python number into floats, and Python's own.
    assert allocated(norm, (x, ones, ones), [x]) < 4 * 8192 + 4000 < x.nbytes / 40


def test_what_does_not_fit_is_said():
    norm, ones = manual.fast.norm.LayerNorm((2, 3)), np.ones(3)
    for call, says in (
        (
            lambda: norm.forward(np.ones((2, 4)), ones, ones),
            "x has the shape (2, 4), expected (2, 3), for which the buffers were made",
        ),
        (
            lambda: norm.forward(np.ones((2, 3)), ones, np.ones(1)),
            "beta has the shape (1,), expected (3,), for which the buffers were made",
        ),
        (
            lambda: manual.fast.norm.LayerNorm((2, 0)),
            "shape is (2, 0), expected (..., D) with D at least 1",
        ),
        (
            lambda: manual.fast.norm.LayerNorm((2, 3), eps=0),
            "eps is 0, expected a number above 0, such as 1e-5",
        ),
    ):
        with pytest.raises(ValueError) as error:  # noqa: PT011  the words are compared
            call()
        assert str(error.value) == says
    with pytest.raises(TypeError, match="dtype is object, expected float32 or float64"):
        manual.fast.norm.LayerNorm((2, 3), dtype=object)
