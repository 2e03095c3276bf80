"""The planned norms are the readable ones, of any numbers and in any blocks."""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest

import manual.fast.norm
from tests.families.test_norm import lost
from tests.family import Case
from tests.manual.test_planted import copy_of_manual
from tests.planned import allocated, room, unkept, unlike
from tests.rounds import every

SHAPES = {
    "layer_norm": ("LayerNorm", [(2, 3, 5), (5,), (5,)], {"eps": 0.5}),
    "rms_norm": ("RMSNorm", [(2, 3, 5), (5,)], {"eps": 0.5}),
    "batch_norm": ("BatchNorm", [(3, 2, 2, 4), (2,), (2,)], {"eps": 0.5}),
    "group_norm": ("GroupNorm", [(2, 6, 3), (6,), (6,)], {"eps": 0.5, "groups": 2}),
}
CASES = [
    *[
        Case(family, shapes, settings, size=s)
        for family, (_, shapes, settings) in SHAPES.items()
        for s in (3, 1e-3, 1e4)
    ],
    *[
        Case(family, shapes, settings | {"eps": 1e-5}, through={0: through})
        for family, (_, shapes, settings) in SHAPES.items()
        for through in (lambda x: 0 * x + 3, lambda x: x + 1e4)
    ],
    # Of many numbers the mean is small, and no set is moved.
    Case("layer_norm", [(7, 200), (200,), (200,)]),
    Case("rms_norm", [(7, 200), (200,)]),
    Case("batch_norm", [(7, 3, 40), (3,), (3,)]),
    Case("group_norm", [(2, 6, 70), (6,), (6,)], {"groups": 3}),
    # Sets of one, and rows of one.
    Case("layer_norm", [(4, 1), (1,), (1,)]),
    Case("rms_norm", [(4, 1), (1,)]),
    Case("batch_norm", [(1, 4), (4,), (4,)]),
    Case("batch_norm", [(5, 3), (3,), (3,)]),
    Case("group_norm", [(3, 4), (4,), (4,)], {"groups": 4}),
    Case("group_norm", [(3, 4), (4,), (4,)], {"groups": 1}),
]
PLANTED = [
    ("np.subtract(v, np.multiply(mu, mu, mu_2), v)", "np.multiply(mu, mu, mu_2)"),
    ("x = self._moved", "break"),
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
    ("return self._out\n\n    def _backward", "return self._out.copy()\n\n    def _backward"),
    # Of all features, or of all channels.
    ("self._mean(self._dot(x, x), self._v)", "super()._near_0(x)"),
    ("return self._backward(dout, False)[:2]", "return self._backward(dout, True)[:2]"),
    ("np.subtract(x[block], mu, out_b)", "out_b[:] = x[block]"),
    ("np.multiply(of_gamma, self._r[:, None], a)", "a[:] = self._r[:, None]"),
    ("np.subtract(q, np.multiply(mu, g, self._mu_2), q)", "pass"),
    ("np.multiply(q, self._r_3, q)", "np.multiply(q, r, q)"),
    ("np.vecdot(of_gamma, d_beta, g)", "d_beta.sum(1, out=g)"),
    ("np.vecdot(of_gamma, d_gamma, q)", "d_gamma.sum(1, out=q)"),
    ("np.add.reduce(self._of_channels[5], 0, out", "np.copyto(src=self._of_channels[5, 0], dst"),
    ("np.subtract(g, np.multiply(mu, q, self._mu_2), g)", "pass"),
    ("np.subtract(d_gamma, np.multiply(d_beta, mu[:, None], k), d_gamma)", "pass"),
    ("np.multiply(d_gamma, r[:, None], d_gamma)", "pass"),
    ("np.multiply(x[block], of_q, t)", "t.fill(0)"),
    ("np.add(t, k, t)", "pass"),
    ("return self._out\n\n    def backward", "return self._out.copy()\n\n    def backward"),
    ("(N, C, 1), eps", "(1, N * C, 1), eps"),
    ("(1, N * groups, C // groups)", "(1, N * C // groups, groups)"),
]


def make(norm: ModuleType, family: str) -> Any:
    planned = getattr(norm, SHAPES[family][0])
    return lambda x, *others, **settings: planned(x.shape, dtype=x.dtype, **settings)


def apart(norm: ModuleType, family: str) -> float:
    """How far equal numbers far from 0 and one by a unit larger are off what they
    are near to 0, in units of the roundings of their sums."""
    shape, settings = {
        "layer_norm": ((1, 5000), {}),
        "batch_norm": ((50, 1, 100), {}),
        "group_norm": ((1, 2, 2500), {"groups": 1}),
    }[family]
    x, ones = np.full(shape, 12345.678, np.float32), np.ones(shape[1], np.float32)
    first = x.flat[0].copy()
    x.flat[0] = np.nextafter(first, np.float32(np.inf))
    far, near = (
        make(norm, family)(a, eps=1e-20, **settings).forward(a, ones, ones) for a in (x, x - first)
    )
    return abs(far / near - 1).max() / (5000 * np.finfo(np.float32).eps)


def faults(norm: ModuleType) -> Iterator[str]:
    """What is not as in the readable pass, in blocks of a few rows."""
    with mock.patch.object(norm, "ENTRIES", 10):
        for case in CASES:
            planned = make(norm, case.family)
            yield from unlike(room(case.family, planned), case)
            for dtype in (np.float32, np.float64):
                yield from unkept(planned, case, dtype)
        for dtype in (np.float32, np.float64):
            yield from lost(room("layer_norm", make(norm, "layer_norm")), dtype)
    for family in SHAPES:
        if family != "rms_norm" and not apart(norm, family) <= 1:
            yield f"{family}: a set far from 0 is not the same near to it"


def test_they_are_the_readable_ones():
    assert [*faults(manual.fast.norm)] == []


@pytest.mark.parametrize(("old", "new"), every(3, PLANTED))
def test_a_mistake_is_caught(tmp_path, old: str, new: str) -> None:
    with copy_of_manual(tmp_path, "fast/norm", old, new), np.errstate(all="ignore"):
        assert any(faults(import_module("manual.fast.norm")))


def test_what_writes_to_an_array_of_the_caller_is_caught(tmp_path):
    old, new = (
        "mu[:, None, None], self._moved.reshape(sets))",
        "mu[:, None, None], x.reshape(sets))",
    )
    with copy_of_manual(tmp_path, "fast/norm", old, new):
        planned = make(import_module("manual.fast.norm"), "layer_norm")
        with pytest.raises(ValueError, match="output array is read-only"):
            assert not any(unkept(planned, CASES[0], np.float64))


@pytest.mark.parametrize(
    "case",
    [Case("layer_norm", [(300, 3), (3,), (3,)]), Case("batch_norm", [(24, 3, 16), (3,), (3,)])],
    ids=str,
)
def test_of_many_rows_they_are_the_readable_ones_too(case: Case) -> None:
    with mock.patch.object(manual.fast.norm, "ENTRIES", 400):
        assert [*unlike(room(case.family, make(manual.fast.norm, case.family)), case)] == []


@pytest.mark.parametrize("family", ["layer_norm", "rms_norm", "group_norm"])
def test_an_empty_batch_gives_nothing_and_moves_nothing(family: str) -> None:
    _, (whole, *others), settings = SHAPES[family]
    x, *arrays = np.ones((0, *whole[1:])), *map(np.ones, others)
    norm = make(manual.fast.norm, family)(x, **settings)
    assert norm.forward(x, *arrays).shape == x.shape
    d_x, *gradients = norm.backward(x)
    assert d_x.shape == x.shape
    assert [g.tolist() for g in gradients] == [(0 * a).tolist() for a in arrays]


@pytest.mark.parametrize("far", [0, 100])
@pytest.mark.parametrize(
    ("family", "shape", "channels"),
    [
        ("layer_norm", (512, 768), 768),
        ("rms_norm", (512, 768), 768),
        ("batch_norm", (32, 16, 28, 28), 16),
        ("group_norm", (32, 16, 28, 28), 16),
    ],
)
def test_a_pass_allocates_nothing(
    family: str, shape: tuple[int, ...], channels: int, far: float
) -> None:
    x, ones = np.random.default_rng(0).normal(size=shape).astype("f") + far, np.ones(channels, "f")
    settings = {"groups": 4} if family == "group_norm" else {}
    norm = make(manual.fast.norm, family)(x, **settings)
    arrays = (x, *[ones] * (len(SHAPES[family][1]) - 1))
    # The 8,192 entries in which NumPy turns a Python number into floats, and Python's own.
    assert allocated(norm, arrays, [x]) < 4 * 8192 + 6000 < x.nbytes / 40


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
            lambda: manual.fast.norm.BatchNorm((0, 3)),
            "shape is (0, 3), expected (N, C, ...) with 1 number or more in every mean",
        ),
        (
            lambda: manual.fast.norm.GroupNorm((2, 3), groups=2),
            "groups is 2, expected a divisor of C = 3: write 1 or 3",
        ),
        (
            lambda: manual.fast.norm.RMSNorm((2, 3), eps=0),
            "eps is 0, expected a number above 0, such as 1e-5",
        ),
    ):
        with pytest.raises(ValueError) as error:  # noqa: PT011  the words are compared
            call()
        assert str(error.value) == says
    with pytest.raises(TypeError, match="dtype is object, expected float32 or float64"):
        manual.fast.norm.LayerNorm((2, 3), dtype=object)
