"""Convolutions: by hand, in JAX, and with mistakes planted in them."""

from pathlib import Path

import numpy as np
import pytest

import manual
import ref
from tests.family import Case, by_hand, faults, in_jax, refused, rough, together, with_mistake

UNEVEN = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
CASES = together(
    [
        Case("conv2d", [(2, 4, 4, 5), (4, 2, 3, 2), (4,)], UNEVEN, rational=True),
        Case(
            "conv1d",
            [(2, 4, 8), (6, 2, 3), None],
            {"stride": 2, "padding": 1, "dilation": 2, "groups": 2},
            rational=True,
        ),
    ]
)
SHARED = [
    ("out = out + kernel[..., p, q] @ pixels", "out = out + kernel[..., ~p, ~q] @ pixels"),
    ("np.swapaxes(kernel[..., p, q], -1, -2) @", "np.swapaxes(kernel[..., ~p, ~q], -1, -2) @"),
    ("d_padded[met] += d_pixels", "d_padded[met] = d_pixels"),
    ("np.swapaxes(pixels, -1, -2)).sum(0)", "np.swapaxes(pixels, -1, -2)).mean(0)"),
    ("slice(k * gap, k * gap + step * count, step)", "slice(k, k + step * count, step)"),
    (
        "w.reshape(groups, len(w) // groups, *w.shape[1:])",
        "w.reshape(len(w) // groups, groups, *w.shape[1:]).swapaxes(0, 1)",
    ),
]
PLANTED = {
    "conv2d": [
        *SHARED,
        ("out + b[:, None, None]", "out"),
        ("dout.sum((0, 2, 3))", "dout[0].sum((1, 2))"),
        (
            "top : padded.shape[2] - top, left : padded.shape[3] - left",
            ": padded.shape[2] - 2 * top, : padded.shape[3] - 2 * left",
        ),
    ],
    "conv1d": [
        *SHARED,
        ("stride=(1, stride)", "stride=(stride, 1)"),
        ("padding=(0, padding)", "padding=(0, 0)"),
        ("dilation=(1, dilation)", "dilation=(dilation, 1)"),
        ("d_w[:, :, 0], d_b", "d_w[:, :, 0, ::-1], d_b"),
        ("d_x[:, :, 0], d_w", "d_x[:, :, -1] * 2, d_w"),
    ],
}


def of(family: str) -> list[Case]:
    return [case for case in CASES if case.family == family]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_by_hand_is_jax_and_the_truth(case: Case) -> None:
    assert [*faults(manual, [case])] == []


def test_jax_maps_and_compiles_it_in_bfloat16():
    assert [*rough(CASES[0])] == []


@pytest.mark.parametrize(
    ("family", "old", "new"), [(f, *two) for f, mistakes in PLANTED.items() for two in mistakes]
)
def test_a_mistake_is_caught(family: str, old: str, new: str) -> None:
    room = with_mistake("convolution", old, new)
    assert any(faults(room, of(family)))


def test_it_is_the_sum_that_the_equation_says():
    """Equation (2), pixel by pixel and weight by weight."""
    rng = np.random.default_rng(1)
    x, w = rng.integers(-3, 4, (2, 4, 4, 5)), rng.integers(-3, 4, (4, 2, 3, 2))
    out, _ = manual.conv2d_forward(x, w, **UNEVEN)
    slow = np.zeros_like(out)
    for n, o, i, j in np.ndindex(out.shape):
        for c, p, q in np.ndindex(w.shape[1:]):
            r, s = 2 * i + p - 1, j + 2 * q - 2
            if 0 <= r < 4 and 0 <= s < 5:
                slow[n, o, i, j] += x[n, c + 2 * (o // 2), r, s] * w[o, c, p, q]
    assert out.shape == (2, 4, 2, 7)
    assert (out == slow).all()


def test_what_the_stride_leaves_over_has_no_gradient():
    case = Case("conv1d", [(1, 1, 6), (1, 1, 2), None], {"stride": 3}, rational=True)
    arrays, seeds = [np.ones((1, 1, 6)), np.array([[[2.0, 3]]]), None], [np.array([[[1.0, 10]]])]
    for passed in (by_hand(manual, case, arrays, seeds), in_jax(case, arrays, seeds)):
        assert passed["out0"].tolist() == [[[5, 5]]]
        assert passed["gradient0"].tolist() == [[[2, 3, 0, 20, 30, 0]]]


def test_an_empty_batch_gives_nothing_and_moves_nothing():
    case = Case("conv1d", [(0, 2, 5), (3, 2, 2), (3,)])
    arrays, seeds = [np.ones(shape) for shape in case.arrays], [np.ones((0, 3, 4))]
    for passed in (by_hand(manual, case, arrays, seeds), in_jax(case, arrays, seeds)):
        assert passed["out0"].shape == (0, 3, 4)
        assert passed["gradient1"].tolist() == np.zeros((3, 2, 2)).tolist()
        assert passed["gradient2"].tolist() == [0, 0, 0]


def test_one_pixel_and_one_weight_are_nothing_special():
    case = Case("conv2d", [(1, 1, 1, 1), (1, 1, 1, 1), (1,)])
    out, cache = manual.conv2d_forward(*(np.full(s, 3.0) for s in case.arrays))
    assert out.item() == 12
    assert [d.item() for d in manual.conv2d_backward(out, cache)] == [36, 36, 12]


IMAGE, KERNEL = np.ones((2, 4, 5, 6)), np.ones((6, 4, 3, 2))


@pytest.mark.parametrize(
    ("arrays", "settings", "said"),
    [
        ((IMAGE[0], KERNEL), {}, "x has the shape (4, 5, 6), expected (N, C, H, W)"),
        (
            (IMAGE, KERNEL, np.ones(5)),
            {},
            "b has the shape (5,), expected (O) with O = 6, as w has it",
        ),
        (
            (IMAGE, KERNEL),
            {"groups": 2},
            "w has the shape (6, 4, 3, 2), expected (O, C / groups, kh, kw) with C / groups = 2, "
            "and no axis of length 0",
        ),
        (
            (IMAGE, KERNEL[..., :0]),
            {},
            "w has the shape (6, 4, 3, 0), expected (O, C / groups, kh, kw) with C / groups = 4, "
            "and no axis of length 0",
        ),
        (
            (IMAGE, KERNEL),
            {"groups": 3},
            "groups is 3, expected a divisor of C = 4: write 1 or 2",
        ),
        ((IMAGE, KERNEL), {"groups": 0}, "groups is 0, expected a whole number, 1 or more"),
        ((IMAGE[:, :0], KERNEL), {}, "there are no channels, C = 0, expected 1 or more"),
        (
            (IMAGE, KERNEL),
            {"stride": 0},
            "stride is 0, expected a whole number, 1 or more, or one for each of H and W, such as "
            "(1, 1)",
        ),
        (
            (IMAGE, KERNEL),
            {"padding": (1, 2, 3)},
            "padding is (1, 2, 3), expected a whole number, 0 or more, or one for each of H and W, "
            "such as (1, 1)",
        ),
        (
            (IMAGE, KERNEL),
            {"dilation": 1.5},
            "dilation is 1.5, expected a whole number, 1 or more, or one for each of H and W, such "
            "as (1, 1)",
        ),
        (
            (IMAGE, KERNEL),
            {"dilation": 4, "padding": 1},
            "a window spans 9 pixels along H, and the image has 5 and 2 of padding: expected 9 or "
            "more, so write a smaller window or padding=2",
        ),
        (
            (IMAGE[:, :, :, :0], KERNEL),
            {"padding": 2},
            "the image has no pixels along W, expected 1 or more",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_the_same_words(arrays, settings, said):
    assert refused("conv2d", *arrays, **settings) == said


def test_a_signal_is_told_by_its_own_axes():
    x, w = np.ones((2, 4, 5)), np.ones((6, 4, 3))
    assert refused("conv1d", x[0], w) == "x has the shape (4, 5), expected (N, C, L)"
    assert refused("conv1d", x, w, stride=(1, 2)) == (
        "stride is (1, 2), expected a whole number, 1 or more"
    )
    assert refused("conv1d", x, w, groups=2) == (
        "w has the shape (6, 4, 3), expected (O, C / groups, k) with C / groups = 2, and no axis "
        "of length 0"
    )
    assert "along L, and the image has 5" in refused("conv1d", x, w, dilation=3)


@pytest.mark.parametrize("file", ["shapes.py", "windows.py"])
def test_both_rooms_have_one_text_of_what_does_not_fit(file: str) -> None:
    texts = [(Path(room.__file__).parent / file).read_text() for room in (manual, ref)]
    assert texts[0] == texts[1]


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(40))
def test_any_setting(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, batch, more, out = (int(n) for n in rng.integers(1, 4, 4))
    sizes, strides, gaps = ([int(n) for n in rng.integers(1, 4, 2)] for _ in range(3))
    pads = [int(n) for n in rng.integers(0, 3, 2)]
    spans = [gap * (k - 1) + 1 for k, gap in zip(sizes, gaps, strict=True)]
    lengths = [
        max(s - 2 * p, 1) + int(rng.integers(0, 4)) for s, p in zip(spans, pads, strict=True)
    ]
    w, b = (groups * out, more, *sizes), (groups * out,) if seed % 2 else None
    settings = {"stride": strides, "padding": pads, "dilation": gaps, "groups": groups}
    whole = Case("conv2d", [(batch, groups * more, *lengths), w, b], settings, rational=True)
    assert [*faults(manual, [whole])] == []
    first = {name: value if name == "groups" else value[0] for name, value in settings.items()}
    arrays = [(batch, groups * more, lengths[0]), w[:3], b]
    assert [*faults(manual, [Case("conv1d", arrays, first, rational=True)])] == []
