"""The planned convolution is the readable one: on whole numbers every entry is equal."""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import manual.fast.convolution
from tests.family import Case
from tests.manual.test_planted import copy_of_manual
from tests.planned import allocated, room, unequal, unkept, unlike
from tests.rounds import every

ODD = {"stride": (2, 3), "padding": (3, 2), "dilation": (3, 2), "groups": 2}
CASES = [
    Case("conv2d", [(2, 3, 5, 4), (2, 3, 3, 3), (2,)], {"padding": 1}),
    Case("conv2d", [(2, 4, 7, 6), (6, 2, 2, 3), (6,)], ODD),
    Case("conv2d", [(2, 3, 5, 4), (4, 3, 3, 2), None], {"stride": 2}),  # pixels are left over
    Case("conv2d", [(1, 2, 1, 1), (2, 1, 1, 1), (2,)], {"groups": 2}),
]
LEAST = {"stride": 1, "padding": 0, "dilation": 1}
PLANTED = [
    ("over.dilation, (row, pixel)", "(1, 1), (row, pixel)"),
    ("over.dilation, (row, pixel)", "over.dilation, (pixel, row)"),
    ("over.stride[0] * row", "row"),
    ("I * channel, channel", "channel, channel"),
    ("np.s_[:, top : top + H, left : left + W]", "np.s_[:, :H, :W]"),
    ("np.ones((G, K + 1, pixels), kind)", "np.zeros((G, K + 1, pixels), kind)"),
    ("if self._has_b else 0", "if self._has_b else 1"),
    ("self._d_w_b.fill(0)", "pass"),
    ("np.add(self._d_w_b, self._part, self._d_w_b)", "np.copyto(self._d_w_b, self._part)"),
    ("            self._make_columns(x_n)\n            # (2)", "            # (2)"),
    ("np.copyto(self._d_met, self._d_columns_met)", "self._d_met[:] += self._d_columns_met"),
    ("np.add.reduce(d_images, 0, None, self._d_image)", "np.copyto(self._d_image, d_images[0])"),
    ("np.zeros((kh, kw, *image.shape), kind)", "np.ones((kh, kw, *image.shape), kind)"),
    ("return self._out\n", "return self._out.copy()\n"),
]


def make(module: ModuleType) -> Any:
    def planned(x: Any, w: Any, b: Any, **settings: Any) -> Any:
        return module.Conv2d(x.shape, w.shape, dtype=x.dtype, **settings)

    return planned


def faults(module: ModuleType) -> Iterator[str]:
    """What is not as in the readable pass."""
    planned = make(module)
    for case in CASES:
        yield from unequal(room("conv2d", planned), case)
        yield from unlike(room("conv2d", planned), case)
        yield from unkept(planned, case, np.float32)
        yield from unkept(planned, case, np.float64)


def test_it_is_the_readable_one():
    assert [*faults(manual.fast.convolution)] == []


@pytest.mark.parametrize(("old", "new"), every(2, PLANTED))
def test_a_mistake_is_caught(tmp_path, old: str, new: str) -> None:
    with copy_of_manual(tmp_path, "fast/convolution", old, new), np.errstate(all="ignore"):
        assert any(faults(import_module("manual.fast.convolution")))


@pytest.mark.parametrize("seed", range(30))
def test_any_shape(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, groups, inner, outer, kh, kw = (int(k) for k in rng.integers(1, 4, 6))
    each = {name: tuple(rng.integers(least, 4, 2).tolist()) for name, least in LEAST.items()}
    reach = [d * (k - 1) + 1 for d, k in zip(each["dilation"], (kh, kw), strict=True)]
    size = [
        max(1, r - 2 * p) + int(rng.integers(4))
        for r, p in zip(reach, each["padding"], strict=True)
    ]
    case = Case(
        "conv2d",
        [(n, groups * inner, *size), (groups * outer, inner, kh, kw), (groups * outer,)],
        {**each, "groups": groups},
    )
    assert [*unequal(room("conv2d", make(manual.fast.convolution)), case)] == []


def test_of_no_images_the_gradients_are_0():
    case = Case("conv2d", [(0, 2, 3, 3), (4, 2, 2, 2), (4,)])
    assert [*unequal(room("conv2d", make(manual.fast.convolution)), case)] == []


def test_a_pass_allocates_nothing() -> None:
    arrays = [np.ones(shape, "f") for shape in ((2, 16, 40, 40), (16, 16, 3, 3), (16,))]
    conv = manual.fast.convolution.Conv2d((2, 16, 40, 40), (16, 16, 3, 3), padding=1, dtype="f")
    assert allocated(conv, arrays, arrays[:1]) < 4000 < arrays[0].nbytes / 20


def test_what_does_not_fit_is_said():
    conv2d = manual.fast.convolution.Conv2d
    conv, ones = conv2d((1, 2, 4, 4), (3, 2, 2, 2)), np.ones((1, 2, 4, 4))
    for call, says in (
        (
            lambda: conv2d((1, 2, 4, 4), (3, 1, 2, 2)),
            "w has the shape (3, 1, 2, 2), expected (O, C / groups, kh, kw) with C / groups = 2, "
            "and no axis of length 0",
        ),
        (
            lambda: conv2d((1, 2, 4, 4), (3, 2, 2, 2), stride=0),
            "stride is 0, expected a whole number, 1 or more, or one for each of H and W, such as "
            "(1, 1)",
        ),
        (
            lambda: conv.forward(ones[:, :1], np.ones((3, 2, 2, 2))),
            "x has the shape (1, 1, 4, 4), expected (1, 2, 4, 4), for which the buffers were made",
        ),
    ):
        with pytest.raises(ValueError) as error:  # noqa: PT011  the words are compared
            call()
        assert str(error.value) == says
