"""Normalisation: by hand, in JAX, and with mistakes planted in it."""

from collections.abc import Iterator
from functools import partial
from types import ModuleType

import jax
import numpy as np
import pytest

import manual
import ref
from tests.family import (
    OF_JAX,
    Case,
    by_hand,
    faults,
    in_jax,
    off,
    on_digits,
    refused,
    rough,
    rounding,
    together,
    typed,
    with_mistake,
)
from tests.rounds import every

# An eps that is seen beside the variance, and the usual one.
CASES = [
    Case("batch_norm", [(3, 2, 2, 4), (2,), (2,)], {"eps": 0.5}),
    Case("batch_norm", [(5, 3), (3,), (3,)]),
    Case("batch_norm_eval", [(3, 2, 4), (2,), (2,), (2,), (2,)], {"eps": 0.5}, through={4: abs}),
    Case("layer_norm", [(2, 3, 5), (5,), (5,)], {"eps": 0.5}),
    Case("group_norm", [(2, 6, 3), (6,), (6,)], {"groups": 2, "eps": 0.5}),
    Case("rms_norm", [(2, 3, 5), (5,)], {"eps": 0.5}),
]
LARGE = [case._replace(size=1e4) for case in CASES]
# The x of every set are equal, or 0 where its root would be none.
EQUAL = [
    case._replace(
        through={
            **case.through,
            0: lambda x, level=0.0 if case.family == "rms_norm" else 3.0: 0 * x + level,
        }
    )
    for case in CASES
]
together(CASES + LARGE + EQUAL)
SETS = [
    ("v = _mean(d * d, axes)", "v = _mean(x * x, axes)"),
    ("v = _mean(d * d, axes)", "v = _mean(d * d, axes) * 12 / 11"),
    ("np.sqrt(v + number(v, eps))", "(np.sqrt(v) + number(v, eps))"),
    ("(g - _mean(g, axes) - xhat * _mean(g * xhat, axes))", "(g - _mean(g, axes))"),
    ("(g - _mean(g, axes) - xhat * _mean(g * xhat, axes))", "(g - xhat * _mean(g * xhat, axes))"),
    ("_mean(g * xhat, axes)) / s", "_mean(g * xhat, axes))"),
    ("a.sum(tuple(k for k in range(a.ndim) if k != axis % a.ndim))", "a.sum(0)"),
]
PLANTED = {
    "batch_norm": [
        *SETS,
        ("axes = (0, *range(2, x.ndim))", "axes = (0,)"),
        ("normalise_backward(dout * _channels(gamma, dout), n", "normalise_backward(dout, n"),
    ],
    "batch_norm_eval": [
        ("(x - _channels(mean, x)) / _channels(s, x)", "x / _channels(s, x)"),
        ("np.sqrt(var + number(var, eps))", "np.sqrt(var)"),
        ("dout * _channels(gamma / s, dout)", "dout * _channels(gamma, dout)"),
        (
            "dout * _channels(gamma / s, dout)",
            "normalise_backward(dout * _channels(gamma, dout), "
            "(xhat, _channels(s, dout), (0, *range(2, dout.ndim))))",
        ),
        ("d_mean = -gamma * d_beta / s", "d_mean = gamma * d_beta / s"),
        ("d_mean = -gamma * d_beta / s", "d_mean = -d_beta / s"),
        ("-gamma * d_gamma / (2 * s * s)", "-gamma * d_gamma / (2 * s)"),
        ("-gamma * d_gamma / (2 * s * s)", "-d_gamma / (2 * s * s)"),
    ],
    "layer_norm": [
        *SETS,
        ("normalise_forward(x, eps, (-1,))", "normalise_forward(x, eps, (-2, -1))"),
        ("normalise_backward(dout * gamma, normalised)", "normalise_backward(dout, normalised)"),
        (
            "_totals(dout * xhat, -1), _totals(dout",
            "_totals(dout * gamma * xhat, -1), _totals(dout",
        ),
        ("(g - _mean(g, axes) - xhat", "(g - 2 * _mean(g, axes) - xhat"),
    ],
    "group_norm": [
        *SETS,
        (
            "sets = x.reshape(len(x), groups, each)",
            "sets = x.reshape(len(x), each, groups).swapaxes(1, 2)",
        ),
        ("g = dout * _channels(gamma, dout)", "g = dout"),
        (
            "g = dout * _channels(gamma, dout)",
            "g, (xhats, s, axes) = dout, normalised\n"
            "    each = np.broadcast_to(_channels(gamma, dout), dout.shape).reshape(xhats.shape)\n"
            "    normalised = xhats, s / each, axes  #",
        ),
    ],
    "rms_norm": [
        ("squares = _mean(x * x, (-1,))", "squares = (x * x).sum(-1, keepdims=True)"),
        ("np.sqrt(squares + number(squares, eps))", "np.sqrt(squares)"),
        ("(g - xhat * _mean(g * xhat, (-1,))) / s", "g / s"),
        ("(g - xhat * _mean(g", "(g - _mean(g, (-1,)) - xhat * _mean(g"),
        ("(g - xhat * _mean(g * xhat, (-1,))) / s", "g - xhat * _mean(g * xhat, (-1,))"),
        ("g = dout * gamma  # (4): (..., D)", "g = dout"),
        ("return gamma * xhat, (xhat, s, gamma)", "return xhat, (xhat, s, gamma)"),
    ],
}


def of(family: str) -> list[Case]:
    return [case for case in CASES if case.family == family]


@pytest.mark.parametrize("case", CASES + LARGE, ids=str)
def test_by_hand_is_jax_and_the_truth(case: Case) -> None:
    assert [*faults(manual, [case])] == []


@pytest.mark.parametrize("family", every(2, PLANTED))
def test_jax_maps_and_compiles_it_in_bfloat16(family: str) -> None:
    assert [*rough(of(family)[0])] == []


@pytest.mark.parametrize(
    ("family", "old", "new"), [(f, *two) for f, mistakes in PLANTED.items() for two in mistakes]
)
def test_a_mistake_is_caught(family: str, old: str, new: str) -> None:
    room = with_mistake("norm", old, new)
    assert any(faults(room, of(family)))


@pytest.mark.parametrize("case", EQUAL, ids=str)
def test_a_variance_of_0_is_nothing_special(case: Case) -> None:
    assert [*faults(manual, [case])] == []


def test_equal_numbers_give_beta_and_a_gradient_over_the_root_of_eps():
    case = Case("layer_norm", [(1, 4), (4,), (4,)], {"eps": 0.25})
    arrays = [np.full((1, 4), 7.0), np.array([1.0, 2, 4, 1]), np.array([5.0, 6, 7, 8])]
    for passed in (
        by_hand(manual, case, arrays, [np.ones((1, 4))]),
        in_jax(case, arrays, [np.ones((1, 4))]),
    ):
        assert passed["out0"].tolist() == [[5, 6, 7, 8]]
        assert passed["gradient0"].tolist() == [[-2, 0, 4, -2]]  # (gamma - 2) / sqrt(1/4)
        assert passed["gradient1"].tolist() == [0, 0, 0, 0]
        assert passed["gradient2"].tolist() == [1, 1, 1, 1]


def test_one_example_says_nothing_of_its_batch():
    case = Case("batch_norm", [(1, 3), (3,), (3,)])
    arrays = [np.array([[1.0, -2, 1e4]]), np.array([3.0, 4, 5]), np.array([6.0, 7, 8])]
    seeds = [np.array([[1.0, 10, 100]])]
    for passed in (by_hand(manual, case, arrays, seeds), in_jax(case, arrays, seeds)):
        assert passed["out0"].tolist() == [[6, 7, 8]]
        assert passed["gradient0"].tolist() == [[0, 0, 0]]
        assert passed["gradient1"].tolist() == [0, 0, 0]
        assert passed["gradient2"].tolist() == [1, 10, 100]


def test_a_feature_alone_is_a_set_of_one():
    arrays = [np.array([[5.0], [-2]]), np.array([3.0]), np.array([6.0])]
    out, cache = manual.layer_norm_forward(*arrays)
    assert out.tolist() == [[6], [6]] == jax.jit(ref.layer_norm)(*arrays).tolist()
    assert manual.layer_norm_backward(out, cache)[0].tolist() == [[0], [0]]


def lost(room: ModuleType, dtype: type) -> Iterator[str]:
    """Where x of a small spread, far from 0, are normalised less exactly than they
    would be near 0: x - mean is a float, whatever float of about the mean is taken."""
    case, rng = Case("layer_norm", [(4, 5), (5,), (5,)]), np.random.default_rng(2)
    x = (1e4 + rng.uniform(-1, 1, (4, 5)) / 64).astype(dtype)
    about = x.mean(-1, keepdims=True)
    near = x - about
    assert (near.astype(float) == x.astype(float) - about.astype(float)).all()
    assert (near + about == x).all()
    others = typed([rng.uniform(-3, 3, 5) for _ in range(2)], dtype)
    seeds = typed([rng.uniform(-2, 2, (4, 5))], dtype)
    true, far = on_digits(case, [near, *others], seeds), [x, *others]
    info = np.finfo(dtype)
    for where, passed, times, least in (
        ("by hand", by_hand(room, case, far, seeds), 1, info.smallest_subnormal),
        ("in JAX", in_jax(case, far, seeds), OF_JAX, info.tiny),
    ):
        bounds = rounding(case, [near, *others], seeds, times * info.eps, least)
        for name, ratio in off(passed, true, bounds).items():
            if not ratio <= 1:
                yield f"{name} {where} is off by {ratio:.3g} times what rounding may do"


def test_equal_numbers_far_from_0_are_equal_still():
    """Their mean is rounded, by more than a quarter of the root of eps."""
    x = np.full((1, 7), 12345.678, np.float32)
    assert (abs(x - x.sum() / np.float32(7)) > 1e-5**0.5 / 4).all()
    ones = np.ones(7, np.float32)
    for out in (
        manual.layer_norm_forward(x, ones, ones)[0],
        jax.jit(ref.layer_norm)(x, ones, ones),
    ):
        assert abs(np.asarray(out) - 1).max() <= np.finfo(np.float32).eps


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_small_spread_far_from_0_loses_no_digits(dtype: type) -> None:
    assert [*lost(manual, dtype)] == []
    once = with_mistake("norm", "d = d - _mean(d, axes)", "d = d - 0")
    assert [line.split(" is ")[0] for line in lost(once, dtype)][:1] == ["out0 by hand"]


@pytest.mark.parametrize("family", ["layer_norm", "group_norm", "rms_norm", "batch_norm_eval"])
def test_an_empty_batch_gives_nothing_and_moves_nothing(family: str) -> None:
    case = of(family)[0]
    shape = (0, *case.arrays[0][1:])
    arrays = [np.ones(s) for s in (shape, *case.arrays[1:])]
    out, cache = getattr(manual, f"{family}_forward")(*arrays, **case.settings)
    theirs = jax.eval_shape(partial(getattr(ref, family), **case.settings), *arrays)
    assert out.shape == shape == theirs.shape
    d_x, *others = getattr(manual, f"{family}_backward")(out, cache)
    assert d_x.shape == shape
    assert [d.tolist() for d in others] == [np.zeros(s).tolist() for s in case.arrays[1:]]


X, C = np.ones((2, 4, 3)), np.ones(4)


@pytest.mark.parametrize(
    ("family", "arrays", "settings", "said"),
    [
        ("batch_norm", (C, C, C), {}, "x has the shape (4,), expected (N, C, ...)"),
        (
            "batch_norm",
            (X, C, C[:3]),
            {},
            "beta has the shape (3,), expected (C) with C = 4, as x has it",
        ),
        (
            "batch_norm",
            (X[:0], C, C),
            {},
            "x has the shape (0, 4, 3), expected 1 number or more in every mean",
        ),
        (
            "batch_norm_eval",
            (X, C, C, C, C),
            {"eps": -1},
            "eps is -1, expected a number above 0, such as 1e-5, so that no variance is 0",
        ),
        (
            "layer_norm",
            (X[..., :0], C[:0], C[:0]),
            {},
            "x has the shape (2, 4, 0), expected 1 number or more in every mean",
        ),
        (
            "layer_norm",
            (X.swapaxes(1, 2), C, C),
            {"eps": 0},
            "eps is 0, expected a number above 0, such as 1e-5, so that no variance is 0",
        ),
        (
            "group_norm",
            (X, C, C),
            {"groups": 3},
            "groups is 3, expected a divisor of C = 4: write 1 or 2 or 4",
        ),
        (
            "group_norm",
            (X[..., :0], C, C),
            {"groups": 2},
            "x has the shape (2, 4, 0), expected 1 number or more in every mean",
        ),
        ("rms_norm", (X, C), {}, "gamma has the shape (4,), expected (D) with D = 3, as x has it"),
        (
            "rms_norm",
            (X[..., :0], C[:0]),
            {},
            "x has the shape (2, 4, 0), expected 1 number or more in every mean",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_the_same_words(family, arrays, settings, said):
    assert refused(family, *arrays, **settings) == said


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(40))
def test_any_shape(seed: int) -> None:
    rng = np.random.default_rng(seed)
    batch, groups, more, high, wide = (int(n) for n in rng.integers(1, 5, 5))
    c = (groups * more,)
    x = (batch, *c, high, wide)[: 2 + seed % 3]
    eps = {"eps": float(rng.choice([1e-5, 1e-3, 1.0]))}
    cases = [
        Case("batch_norm", [x, c, c], eps),
        Case("batch_norm_eval", [x, c, c, c, c], eps, through={4: abs}),
        Case("layer_norm", [x, x[-1:], x[-1:]], eps),
        Case("group_norm", [x, c, c], {"groups": groups, **eps}),
        Case("rms_norm", [x, x[-1:]], eps),
    ]
    for size in (3.0, 1e-3, 1e4):
        assert [*faults(manual, [case._replace(size=size) for case in cases])] == []
