"""The planned attention is the readable one, with sure queries and without, behind
any mask."""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest

import manual.fast.attention_heads
from manual import causal_mask, padding_mask
from tests.family import Case
from tests.manual.test_planted import copy_of_manual
from tests.planned import allocated, room, unkept, unlike
from tests.rounds import every

FAMILY = "multi_head_attention"
ARRAYS = [(3, 4, 6), (18, 6), (18,), (6, 6), (6,)]
MASK = causal_mask(4) & padding_mask(np.array([4, 1, 0]), 4)  # the third is all padding
CASES = [
    *[Case(FAMILY, ARRAYS, {"heads": 2}, size=size) for size in (0.5, 1, 3, 30, 1e4)],
    *[Case(FAMILY, ARRAYS, {"heads": 3, "mask": MASK}, size=size) for size in (0.5, 30, 1e4)],
    Case(FAMILY, ARRAYS, {"heads": 1, "mask": causal_mask(4)}, size=1),
    Case(FAMILY, [*ARRAYS[:2], None, ARRAYS[3], None], {"heads": 2}, size=1),
    Case(FAMILY, [(1, 1, 2), (6, 2), (6,), (2, 2), (2,)], {"heads": 2}),
]
PLANTED = [
    ("np.multiply(self._W[:D], self._c, self._W[:D])", "pass"),
    ("np.multiply(self._b[:D], self._c, self._b[:D])", "pass"),
    ("np.add(self._a, self._b, self._a)", "pass"),
    ("np.sqrt(q_2.max()) * np.sqrt(k_2.max()) <= LARGE", "True"),
    ("np.sqrt(q_2.max()) * np.sqrt(k_2.max()) <= LARGE", "np.sqrt(q_2.max()) <= LARGE"),
    ("np.add(e, self._bars[i], e)", "np.add(e, self._bars[(0, *i[1:])], e)"),
    (", self._least, out=m)", ", -np.inf, out=m)"),
    ("np.add(self._Z, self._Z == 0, self._Z)", "pass"),
    ("np.add(out, taken(", "np.add(0, taken("),
    ("SURE * self._Z", "2 * self._Z"),
    ("np.vecdot(e, e, self._squares[0][i])", "self._squares[0][i] = 0"),
    ("                d_s[sure] = d_sure", "                pass"),
    ("d_p -= np.take_along_axis", "np.take_along_axis"),
    ("(e * d_p).sum(-1, keepdims=True) / Z", "(e * d_p).sum(-1, keepdims=True)"),
    ("np.multiply(d_y, np.matmul(self._r, self._heads, self._t), d_y)", "pass"),
    ("np.subtract(d_s, self._sums_h[i], d_s)", "pass"),
    ("np.multiply(d_s, e, d_s)", "pass"),
    ("np.multiply(self._d_W[:D], self._c, self._d_W[:D])", "pass"),
    ("np.multiply(self._d_b[:D], self._c, self._d_b[:D])", "pass"),
    ("self._k[i], self._d_q[i])", "self._q[i], self._d_q[i])"),
    ("np.matmul(dout.T, y, self._d_Wo)", "np.matmul(y.T, dout, self._d_Wo)"),
]


def make(module: ModuleType) -> Any:
    def planned(x: Any, *_: Any, **settings: Any) -> Any:
        return module.MultiHeadAttention(x.shape, dtype=x.dtype, **settings)

    return planned


def faults(module: ModuleType) -> Iterator[str]:
    """What is not as in the readable pass, by example and by head."""
    planned = make(module)
    for near in (0, 2**19):
        with mock.patch.object(module, "NEAR", near):
            for case in CASES:
                yield from unlike(room(FAMILY, planned), case)
                yield from unkept(planned, case, np.float32)
                yield from unkept(planned, case, np.float64)


def test_it_is_the_readable_one():
    assert [*faults(manual.fast.attention_heads)] == []


@pytest.mark.parametrize(("old", "new"), every(2, PLANTED))
def test_a_mistake_is_caught(tmp_path, old: str, new: str) -> None:
    with copy_of_manual(tmp_path, "fast/attention_heads", old, new), np.errstate(all="ignore"):
        assert any(faults(import_module("manual.fast.attention_heads")))


def test_a_pass_allocates_nothing() -> None:
    """Where no query is sure; what belongs to those that are is made anew."""
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(-0.1, 0.1, shape).astype("f") for shape in ((4, 96, 32), (96, 32), (96,))]
    arrays += [arrays[1][:32], arrays[2][:32]]
    planned = manual.fast.attention_heads.MultiHeadAttention((4, 96, 32), heads=2, dtype="f")
    # The 8,192 entries that NumPy turns into others at a time, and some numbers a query and head.
    most, scores = 4 * 8192 + 8 * 4 * (4 * 2 * 96), 4 * 4 * 2 * 96 * 96
    assert allocated(planned, arrays, arrays[:1]) < most < scores / 4


def test_what_does_not_fit_is_said():
    attention = manual.fast.attention_heads.MultiHeadAttention
    ones = [np.ones(shape) for shape in ARRAYS]
    planned = attention((3, 4, 6), heads=2)
    for call, says in (
        (lambda: attention((3, 4, 6), heads=4), "heads is 4, expected a divisor of D = 6"),
        (
            lambda: attention((3, 4, 6), heads=2, mask=np.ones((4, 4))),
            "mask is float64, expected bool: write mask == 1 if 1 is allowed",
        ),
        (
            lambda: planned.forward(ones[0][:2], *ones[1:]),
            "x has the shape (2, 4, 6), expected (3, 4, 6), for which the buffers were made",
        ),
        (
            lambda: planned.forward(*ones[:4], ones[4][:1]),
            "bo has the shape (1,), expected (6,), for which the buffers were made",
        ),
    ):
        with pytest.raises(ValueError) as error:  # noqa: PT011  the words are compared
            call()
        assert str(error.value) == says
