"""Pooling: by hand, in JAX, and with mistakes planted in it."""

from functools import partial

import jax
import numpy as np
import pytest

import manual
import ref
from tests.family import (
    Case,
    by_hand,
    faults,
    in_jax,
    refused,
    rough,
    together,
    unequal,
    with_mistake,
)

# Sizes whose averages are exact: windows of 2, 4 and 8 pixels.
CASES = [
    Case(
        "max_pool2d",
        [(2, 3, 5, 4)],
        {"size": (3, 2), "stride": (2, 1), "padding": (1, 1)},
        rational=True,
    ),
    Case(
        "avg_pool2d",
        [(2, 3, 4, 7)],
        {"size": (2, 4), "stride": (1, 2), "padding": (1, 2)},
        rational=True,
    ),
    Case("adaptive_avg_pool2d", [(2, 3, 6, 2)], {"size": (4, 3)}, rational=True),
]
TIES = [CASES[0]._replace(through={0: flat}) for flat in (lambda a: 0 * a, np.sign)]
together(CASES + TIES)
PLANTED = {
    "max_pool2d": [
        ("first = each.argmax(-1)", "first = each.shape[-1] - 1 - each[..., ::-1].argmax(-1)"),
        ("np.take_along_axis(each, first[..., None], -1)[..., 0]", "each[..., 0]"),
        (
            "np.clip(begins[:, None] + np.arange(over.size[axis]), 0, length - 1)",
            "(begins[:, None] + np.arange(over.size[axis])) % length",
        ),
        ("np.divmod(first, over.size[1])", "np.divmod(first, over.size[0])"),
        ("r = rows[np.arange(len(rows))[:, None], p]", "r = rows[0, p]"),
        ("np.add.at(d_x, (n, c, r, s), dout)", "d_x[n, c, r, s] = dout"),
    ],
    "avg_pool2d": [
        ("out += padded[met]", "out = padded[met]"),
        ("out / number(x, math.prod(over.size))", "out / number(x, over.size[0])"),
        ("dout / number(dout, math.prod(over.size))", "dout"),
        (
            "each = dout / number(dout, math.prod(over.size))",
            "inside = framed(unframed(np.ones(shape, int), over), over)\n"
            "    each = dout / sum(inside[met] for _, _, met in offsets(over))",
        ),
        ("d_padded[met] += each", "d_padded[met] = each"),
        ("return unframed(d_padded, over)", "return 0 * unframed(d_padded, over)"),
        (
            "over = pooled(x.shape, size, stride, padding)\n    padded",
            "over = pooled(x.shape, size, stride, 0)\n    padded",
        ),
    ],
    "adaptive_avg_pool2d": [
        ("i * length // windows  # (5)", "i * (length // windows)"),
        ("-(-(i + 1) * length // windows)", "(i + 1) * length // windows"),
        ("_sums(_sums(x, 2, h), 3, w) / pixels", "_sums(_sums(x, 2, h), 3, w) / pixels[:, :1]"),
        (
            "_sums(_sums(dout / pixels, 2, height), 3, width)",
            "_sums(_sums(dout, 2, height), 3, width)",
        ),
        ("np.arange(0, len(cuts), 2)", "np.arange(1, len(cuts), 2)"),
        ("np.stack([begins, ends], 1).ravel()", "np.stack([begins, ends - 1], 1).ravel()"),
    ],
}


def of(family: str) -> list[Case]:
    return [case for case in CASES if case.family == family]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_by_hand_is_jax_and_the_truth(case: Case) -> None:
    assert [*faults(manual, [case])] == []
    assert [*rough(case)] == []


@pytest.mark.parametrize(
    ("family", "old", "new"), [(f, *two) for f, mistakes in PLANTED.items() for two in mistakes]
)
def test_a_mistake_is_caught(family: str, old: str, new: str) -> None:
    room = with_mistake("pooling", old, new)
    assert any(faults(room, of(family)))


def passed(family: str, x: np.ndarray, dout: np.ndarray, **settings) -> list[tuple[list, list]]:
    """Out and the gradient, by hand and in JAX."""
    case = Case(family, [x.shape], settings)
    return [
        (np.asarray(p["out0"]).tolist(), np.asarray(p["gradient0"]).tolist())
        for p in (by_hand(manual, case, [x], [dout]), in_jax(case, [x], [dout]))
    ]


def test_the_first_of_equal_ones_gets_all():
    """Row by row; and nothing goes to the padding, which lies in front of it."""
    x, dout = np.full((1, 1, 2, 2), -7.0), np.array([[[[1.0, 10], [100, 1000]]]])
    for out, d_x in passed("max_pool2d", x, dout, size=2, stride=2, padding=1):
        assert out == x.tolist()
        assert d_x == dout.tolist()
    for out, d_x in passed("max_pool2d", x, np.array([[[[5.0]]]]), size=2):
        assert out == [[[[-7]]]]
        assert d_x == [[[[5, 0], [0, 0]]]]
    # Planes of one number, and of two: whole images of ties.
    for case in TIES:
        assert [*unequal(manual, case)] == []


def test_the_padding_does_not_win_where_all_is_as_small_as_can_be():
    x, dout = np.full((1, 1, 1, 3), -np.inf), np.array([[[[1.0, 10]]]])
    for out, d_x in passed("max_pool2d", x, dout, size=(1, 3), stride=2, padding=(0, 1)):
        assert out == [[[[-np.inf, -np.inf]]]]
        assert d_x == [[[[1, 10, 0]]]]


def test_what_is_no_number_wins_and_the_first_of_it_gets_the_gradient():
    x, dout = np.array([[[[9.0, np.nan, np.nan, 1, 2]]]]), np.array([[[[1.0, 10]]]])
    for out, d_x in passed("max_pool2d", x, dout, size=(1, 3), stride=2):
        assert np.isnan(out).tolist() == [[[[True, True]]]]
        assert d_x == [[[[0, 1, 10, 0, 0]]]]


def test_the_largest_are_those_of_jax_itself():
    x = np.random.default_rng(1).integers(-3, 4, (2, 3, 5, 4)).astype(float)
    window = ((1, 1, 3, 2), (1, 1, 2, 1), [(0, 0), (0, 0), (1, 1), (1, 1)])
    theirs = jax.lax.reduce_window(x, -np.inf, jax.lax.max, *window)
    out, _ = manual.max_pool2d_forward(x, **CASES[0].settings)
    assert out.tolist() == theirs.tolist()


def test_averages_keep_a_pixel_to_its_windows():
    """An infinite one, which a product with 0 would carry into all others."""
    x, dout = np.array([[[[np.inf, 1.0, 3]]]]), np.array([[[[2.0, 4]]]])
    for out, d_x in passed("adaptive_avg_pool2d", x, dout, size=(1, 2)):
        assert out == [[[[np.inf, 2]]]]
        assert d_x == [[[[1, 3, 2]]]]


def test_one_window_is_global_pooling():
    x, dout = np.arange(8.0).reshape(1, 2, 2, 2), np.array([[[[4.0]], [[8.0]]]])
    for out, d_x in passed("adaptive_avg_pool2d", x, dout, size=1):
        assert out == [[[[1.5]], [[5.5]]]]
        assert d_x == np.repeat([1.0, 2], 4).reshape(x.shape).tolist()


@pytest.mark.parametrize("family", PLANTED)
def test_an_empty_batch_gives_nothing(family: str) -> None:
    x, dout = np.ones((0, 2, 4, 4)), np.ones((0, 2, 2, 2))
    out, cache = getattr(manual, f"{family}_forward")(x, size=2)
    theirs = jax.eval_shape(partial(getattr(ref, family), size=2), x)
    assert out.shape == (0, 2, 2, 2) == theirs.shape
    assert getattr(manual, f"{family}_backward")(dout, cache).shape == x.shape


IMAGES = np.ones((2, 3, 5, 4))


@pytest.mark.parametrize("family", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize(
    ("x", "settings", "said"),
    [
        (IMAGES[0], {"size": 2}, "x has the shape (3, 5, 4), expected (N, C, H, W)"),
        (
            IMAGES,
            {"size": 0},
            "size is 0, expected a whole number, 1 or more, or one for each of H and W, such as "
            "(1, 1)",
        ),
        (
            IMAGES,
            {"size": 2, "stride": (1, 0)},
            "stride is (1, 0), expected a whole number, 1 or more, or one for each of H and W, "
            "such as (1, 1)",
        ),
        (
            IMAGES,
            {"size": (2, 3), "padding": (1, 2)},
            "padding is (1, 2), expected at most half the size (2, 3): write padding=(1, 1) or "
            "less",
        ),
        (
            IMAGES,
            {"size": (4, 7), "padding": (2, 1)},
            "a window spans 7 pixels along W, and the image has 4 and 2 of padding: expected 7 or "
            "more, so write a smaller window or padding=2",
        ),
        (
            IMAGES[:, :, :0],
            {"size": 2, "padding": 1},
            "the image has no pixels along H, expected 1 or more",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_the_same_words(family, x, settings, said):
    assert refused(family, x, **settings) == said


def test_a_number_of_windows_that_does_not_fit_is_told():
    assert refused("adaptive_avg_pool2d", IMAGES, size=(2, None)) == (
        "size is (2, None), expected a whole number, 1 or more, or one for each of H and W, such "
        "as (1, 1)"
    )
    assert refused("adaptive_avg_pool2d", IMAGES[..., :0], size=1) == (
        "the image has no pixels along W, expected 1 or more"
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(40))
def test_any_setting(seed: int) -> None:
    rng = np.random.default_rng(seed)
    batch, channels = (int(n) for n in rng.integers(1, 4, 2))
    sizes, strides = ([int(n) for n in rng.integers(1, 5, 2)] for _ in range(2))
    pads = [int(rng.integers(0, k // 2 + 1)) for k in sizes]
    lengths = [
        max(k - 2 * p, 1) + int(rng.integers(0, 5)) for k, p in zip(sizes, pads, strict=True)
    ]
    x, over = (batch, channels, *lengths), {"size": sizes, "stride": strides, "padding": pads}
    exact = not any(k & (k - 1) for k in sizes)
    cases = [
        Case("max_pool2d", [x], over, rational=True),
        Case("avg_pool2d", [x], over, rational=exact),
        Case("adaptive_avg_pool2d", [x], {"size": strides}),
    ]
    assert [*faults(manual, cases)] == []
