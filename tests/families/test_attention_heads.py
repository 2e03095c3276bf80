"""Attention, of one head and of several, and rotary positions: by hand, in JAX,
and with mistakes planted in them."""

import math
import re
from typing import Any

import jax
import numpy as np
import pytest

import manual
import ref
from manual import causal_mask, padding_mask
from tests.family import Case, faults, refused, rough, together, with_mistake
from tests.rounds import every

QKV = [(2, 3, 2), (2, 4, 2), (2, 4, 5)]
MASK = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0]]) == 1  # the second may look nowhere
HEADS = [(3, 5, 4), (12, 4), (12,), (4, 4), (4,)]
CAUSAL = causal_mask(5) & padding_mask(np.array([5, 1, 0]), 5)  # the third is all padding
POSITIONS = np.array([[5, 0, 100_000], [1000, -7, 0]])
CASES = {
    "attention": [
        Case("attention", QKV, size=1),
        *[Case("attention", QKV, {"mask": MASK}, size=size) for size in (1, 3, 30, 1e4)],
        Case("attention", QKV, {"mask": MASK, "scale": 0.3}, size=1),
    ],
    "multi_head_attention": [
        Case("multi_head_attention", HEADS, {"heads": 2, "mask": CAUSAL}, size=size)
        for size in (1, 30, 1e4)
    ],
    "rotary": [
        Case("rotary", [(2, 3, 4)]),
        Case("rotary", [(2, 3, 4)], {"positions": POSITIONS}),
        Case("rotary", [(2, 3, 4)], {"positions": np.array([5, 0.25, 0.1]), "base": 500_000}),
    ],
}
together([case for cases in CASES.values() for case in cases])
PLANTED = {
    "attention": [
        ("c = 1 / np.sqrt(number(q, q.shape[-1]))", "c = 1 / number(q, q.shape[-1])"),
        ("    e = np.where(mask, e, number(s, 0))\n", ""),
        ("p = _softmax(s, mask)", "p = _softmax(s, None) * (1 if mask is None else mask)"),
        ("(d_p - (p * d_p).sum(-1, keepdims=True))", "d_p"),
        ("(d_p - (p * d_p).sum(-1, keepdims=True))", "(1 - p) * d_p"),
        ("(p * d_p).sum(-1, keepdims=True)", "(p * d_p).sum(-2, keepdims=True)"),
        ("        d_p = d_p - np.take_along_axis(d_p, largest, -1)", "        pass"),
        ("d_q = c * (d_s @ k)", "d_q = d_s @ k"),
        ("d_k = c * (d_s.swapaxes(-1, -2) @ q)", "d_k = d_s.swapaxes(-1, -2) @ q"),
        (
            "d_v = p.swapaxes(-1, -2) @ dout",
            "d_v = (q @ k.swapaxes(-1, -2)).swapaxes(-1, -2) @ dout",
        ),
        (
            "e, _ = exponentials(np.where(mask, s, largest))",
            "e = np.exp(np.where(mask, s, largest))",
        ),
    ],
    "multi_head_attention": [
        (".transpose(2, 0, 3, 1, 4)", ".transpose(2, 0, 3, 1, 4)[[1, 0, 2]]"),
        (".transpose(1, 3, 0, 2, 4)", ".transpose(1, 3, 2, 0, 4)"),
        ("y.swapaxes(1, 2).reshape(N, T, D)", "y.reshape(N, T, D)"),
        ("d_y.reshape(N, T, heads, entries).swapaxes(1, 2)", "d_y.reshape(N, heads, T, entries)"),
        ("attention_backward(d_heads, to_y)", "attention_backward(d_heads, to_y)[::-1]"),
        ("mask = np.broadcast_to(mask, (N, T, T))[:, None]", "mask = None"),
        ("affine_forward(side_by_side, Wo, bo)", "affine_forward(side_by_side, Wo.T, bo)"),
        ("return d_x, d_Wqkv, d_bqkv, d_Wo, d_bo", "return d_x, d_Wqkv, d_bqkv, d_Wo.T, d_bo"),
        (
            "return d_x, d_Wqkv",
            "D = heads * entries\n    return d_a[..., :D] @ to_qkv[1][:D], d_Wqkv",
        ),
    ],
    "rotary": [
        ("even * cos - odd * sin", "even * cos + odd * sin"),
        ("even, odd = x[..., ::2], x[..., 1::2]", "even, odd = np.split(x, 2, -1)"),
        ("_turned(dout, cos, -sin)", "_turned(dout, cos, sin)"),
        ("_turned(dout, cos, -sin)", "dout"),
        ("* i2 / D)", "* i2 / 2 / D)"),
        ("np.arange(T) if positions is None", "np.arange(1, T + 1) if positions is None"),
        (
            "    positions = np.arange(T) if positions is None else positions",
            "    positions = np.arange(T)",
        ),
    ],
}
ALL = [(family, *planted) for family in PLANTED for planted in PLANTED[family]]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.exhaustive) if case.size == 30 else case
        for cases in CASES.values()
        for case in cases
    ],
    ids=str,
)
def test_by_hand_is_jax_and_the_truth(case: Case) -> None:
    assert [*faults(manual, [case])] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(1, 11))
def test_more_numbers(seed: int) -> None:
    cases = [case._replace(short=True) for cases in CASES.values() for case in cases]
    assert [*faults(manual, cases, seed)] == []


@pytest.mark.parametrize(("family", "old", "new"), ALL)
def test_a_mistake_is_caught(family: str, old: str, new: str) -> None:
    with np.errstate(all="ignore"):
        assert any(faults(with_mistake("attention_heads", old, new), CASES[family]))


@pytest.mark.parametrize(
    "case",
    every(
        2,
        [
            CASES["attention"][1],
            Case(
                "multi_head_attention",
                [*HEADS[:2], None, HEADS[3], None],
                {"heads": 4, "mask": CAUSAL},
                size=1,
            ),
            CASES["rotary"][1],
        ],
    ),
    ids=str,
)
def test_jax_has_it_under_jit_and_vmap_and_in_bfloat16(case: Case) -> None:
    assert [*rough(case)] == []


def test_jax_makes_no_array_with_an_axis_for_queries_keys_and_values() -> None:
    """It would take longer than all products together."""
    T, S, E = 11, 13, 7
    shapes = [(T, 2), (S, 2), (S, E)]
    program = jax.make_jaxpr(jax.grad(lambda *qkv: ref.attention(*qkv).sum(), (0, 1, 2)))
    text = str(program(*map(np.ones, shapes)))
    sizes = [math.prod(map(int, axes.split(","))) for axes in re.findall(r"\[([\d,]+)\]", text)]
    assert T * S <= max(sizes) < T * S * E


def drawn(*shapes: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, shape) for shape in shapes]


@jax.jit
def _in_jax(q: Any, k: Any, v: Any, mask: Any) -> tuple[Any, Any]:
    out, back = jax.vjp(lambda *qkv: ref.attention(*qkv, mask=mask), q, k, v)
    return out, back(out)


def in_jax(q: Any, k: Any, v: Any, mask: Any) -> tuple[Any, Any]:
    """Out and the gradients for the cotangent out."""
    return jax.tree.map(np.asarray, _in_jax(q, k, v, mask))


def test_a_query_that_may_look_nowhere_has_out_0_and_no_gradient() -> None:
    (q, k, v), mask = drawn(*QKV), np.zeros((3, 4), bool)
    mask[0] = True
    out, cache = manual.attention_forward(q, k, v, mask=mask)
    dout = np.ones_like(out)
    theirs, (d_q, *_) = in_jax(q, k, v, mask)
    for array in (out, manual.attention_backward(dout, cache)[0], theirs, d_q):
        assert array[:, 0].all()
        assert not array[:, 1:].any()
    # Whatever comes back to them goes nowhere.
    once, more = (manual.attention_backward(d, cache) for d in (dout, dout + mask[:, :1] - 1))
    assert all(map(np.array_equal, once, more))


def test_without_keys_out_is_0_and_there_is_no_gradient() -> None:
    q, k, v = drawn((2, 3, 5), (2, 0, 5), (2, 0, 6))
    for mask in (None, np.ones((3, 0), bool)):
        out, cache = manual.attention_forward(q, k, v, mask=mask)
        theirs, (their_d_q, *_) = in_jax(q, k, v, mask)
        assert out.shape == theirs.shape == (2, 3, 6)
        assert not out.any()
        assert not theirs.any()
        d_q, d_k, d_v = manual.attention_backward(out, cache)
        assert not d_q.any()
        assert (d_k.shape, d_v.shape) == (k.shape, v.shape)
        assert not their_d_q.any()


def test_a_single_key_is_taken_whole_and_no_query_moves_it() -> None:
    (q, k, v), mask = drawn(*QKV), np.broadcast_to(np.arange(4) == 2, (3, 4))
    out, cache = manual.attention_forward(q, k, v, mask=mask)
    theirs, gradients = in_jax(q, k, v, mask)
    assert np.array_equal(out, np.repeat(v[:, 2:3], 3, 1))
    assert np.array_equal(theirs, out)
    for d_q, d_k, d_v in (manual.attention_backward(out, cache), gradients):
        assert not d_q.any()
        assert not d_k.any()
        assert np.array_equal(d_v[:, 2], out.sum(1))
        assert not d_v[:, [0, 1, 3]].any()


def test_a_mask_that_allows_all_is_none() -> None:
    q, k, v = drawn(*QKV)
    one, to_one = manual.attention_forward(q, k, v)
    two, to_two = manual.attention_forward(q, k, v, mask=np.ones((1, 1), bool))
    assert np.array_equal(one, two)
    both = (manual.attention_backward(one, cache) for cache in (to_one, to_two))
    assert all(map(np.array_equal, *both))


def test_infinite_scores_that_are_not_allowed_do_no_harm() -> None:
    (q, k, v), mask = drawn(*QKV), np.broadcast_to(np.arange(4) == 2, (3, 4))
    q, k[:, 0], k[:, 1] = np.full(q.shape, 1e300), 1e300, -1e300
    with np.errstate(over="ignore"):
        out, cache = manual.attention_forward(q, k, v, mask=mask)
    theirs, gradients = in_jax(q, k, v, mask)
    assert np.array_equal(out, np.repeat(v[:, 2:3], 3, 1))
    assert np.array_equal(theirs, out)
    for gradient in (*manual.attention_backward(out, cache), *gradients):
        assert np.isfinite(gradient).all()


def test_what_comes_later_or_is_padding_has_no_influence() -> None:
    x, Wqkv, bqkv, Wo, bo = drawn(*HEADS)
    mask = causal_mask(5) & padding_mask(np.array([5, 3, 2]), 5)
    out, cache = manual.multi_head_attention_forward(x, Wqkv, bqkv, Wo, bo, heads=2, mask=mask)
    dout = np.zeros_like(out)
    dout[:, 1] = 1
    d_x = manual.multi_head_attention_backward(dout, cache)[0]
    assert d_x[:, :2].all()
    assert not d_x[:, 2:].any()


def test_the_masks_are_the_same_in_both_rooms() -> None:
    lengths = np.array([2, 0, 5])
    both = jax.jit(lambda n: {T: (ref.causal_mask(T), ref.padding_mask(n, T)) for T in (0, 4)})
    for T, (causal, padding) in both(lengths).items():
        assert np.array_equal(causal_mask(T), causal)
        assert np.array_equal(padding_mask(lengths, T), padding)
    assert padding_mask(lengths, 4)[:, 0].astype(int).tolist() == [
        [1, 1, 0, 0],
        [0, 0, 0, 0],
        [1, 1, 1, 1],
    ]


def test_products_of_rotated_rows_know_the_distance_alone() -> None:
    q, k = drawn((1, 6), (1, 6))
    products = [
        float(
            manual.rotary_forward(q, positions=np.array([m]))[0][0]
            @ manual.rotary_forward(k, positions=np.array([m + 3]))[0][0]
        )
        for m in (0, 2, 9)
    ]
    # Six products of numbers up to 1, of angles up to 12 that are off by their unit.
    assert np.ptp(products) <= 6 * (12 + 6) * np.finfo(float).eps


def test_angles_of_far_positions_keep_their_digits_in_short_floats() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (3, 8)).astype(np.float32)
    positions = np.array([100_000, 99_999, 1_000_003])
    true, _ = manual.rotary_forward(x.astype(float), positions=positions)
    out, _ = manual.rotary_forward(x, positions=positions)
    by_jax = jax.jit(ref.rotary)(x, positions=positions)
    # Two cosines, two products and a sum are rounded, of numbers up to 1.
    for found in (out, by_jax):
        assert found.dtype == np.float32
        assert abs(np.asarray(found, float) - true).max() <= 3 * np.finfo(np.float32).eps


def test_integers_are_not_cut_off() -> None:
    x = np.array([[1, 2], [3, 4]])
    assert np.array_equal(manual.rotary_forward(x)[0], manual.rotary_forward(x * 1.0)[0])
    for scale in (None, 0.5):
        one, two = (manual.attention_forward(a, a, a, scale=scale)[0] for a in (x, x * 1.0))
        assert np.array_equal(one, two)


ONES = np.ones


@pytest.mark.parametrize(
    ("family", "arrays", "settings", "text"),
    [
        (
            "attention",
            [ONES((2, 3, 5)), ONES((4, 4, 5)), ONES((4, 4, 6))],
            {},
            "k has the shape (4, 4, 5), expected (N0, S, D) with N0 = 2, as q has it",
        ),
        (
            "attention",
            [ONES((3, 5)), ONES((4, 5)), ONES((5, 6))],
            {},
            "v has the shape (5, 6), expected (S, E) with S = 4, as k has it",
        ),
        ("attention", [ONES(5), ONES((4, 5)), ONES((4, 6))], {}, "q has the shape (5,), expected"),
        (
            "attention",
            [ONES(QKV[0]), ONES(QKV[1]), ONES(QKV[2])],
            {"mask": ONES((3, 4))},
            "mask is float64, expected bool: write mask == 1 if 1 is allowed",
        ),
        (
            "attention",
            [ONES(QKV[0]), ONES(QKV[1]), ONES(QKV[2])],
            {"mask": ONES((4, 3), bool)},
            "mask has the shape (4, 3), expected one that stretches to (2, 3, 4), as q k^T has it",
        ),
        (
            "multi_head_attention",
            [ONES(shape) for shape in HEADS],
            {"heads": 3},
            "heads is 3, expected a divisor of D = 4, as x has it",
        ),
        (
            "multi_head_attention",
            [ONES(HEADS[0]), ONES((4, 4)), *(ONES(shape) for shape in HEADS[2:])],
            {"heads": 2},
            "Wqkv has the shape (4, 4), expected (3D, D) with 3D = 12, as x has D = 4",
        ),
        (
            "multi_head_attention",
            [ONES(shape) for shape in HEADS],
            {"heads": 2, "mask": ONES((3, 2, 5, 5), bool)},
            "mask has the shape (3, 2, 5, 5), expected one that stretches to (3, 5, 5), as x x^T",
        ),
        ("rotary", [ONES((3, 5))], {}, "x has the shape (3, 5), expected (..., T, D) with an even"),
        (
            "rotary",
            [ONES((3, 4))],
            {"positions": np.arange(4)},
            "positions has the shape (4,), expected one that stretches to (3,), as x (..., T) has",
        ),
    ],
)
def test_both_rooms_refuse_in_the_same_words(family, arrays, settings, text) -> None:
    assert text in refused(family, *arrays, **settings)
