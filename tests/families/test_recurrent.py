"""RNN, LSTM and GRU: by hand, in JAX, and with mistakes planted in them."""

import itertools
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import flint
import jax
import numpy as np
import pytest

import manual
import ref
from tests.family import (
    DIGITS,
    Case,
    by_hand,
    faults,
    off,
    on_digits,
    outs,
    refused,
    rough,
    rounding,
    together,
    typed,
    with_mistake,
)
from tests.rounds import every

N, T, D, H = 4, 3, 5, 2
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def shapes(family: str, *, n: int = N, t: int = T) -> list[tuple[int, ...]]:
    """Those of x, h0, for an LSTM c0, W, U and b."""
    units, states = GATES[family] * H, 2 if family == "lstm" else 1
    return [(n, t, D), *[(n, H)] * states, (units, D), (units, H), (units,)]


SETTINGS: dict[str, dict[str, Any]] = {"rnn": {}, "lstm": {"cells": True}, "gru": {}}
# From the middle of the functions to where the slopes are 0 in every type.
CASES = {
    family: [Case(family, shapes(family), SETTINGS[family], size=size) for size in (1, 3, 20, 1e4)]
    for family in GATES
}
together([case for cases in CASES.values() for case in cases])
PLANTED = {
    "rnn": [
        ("pre.append(of_x[:, t] + states[-1] @ U.T)  # (6)", "pre.append(of_x[:, t])  # (6)"),
        ("states.append(np.tanh(pre[-1]))", "states.append(np.tanh(of_x[:, t]))"),
        ("_over_time(pre, of_x))\n", "of_x)\n"),
        ("slope, delta = d_tanh(a)", "slope, delta = 1 + 0 * a"),
        ("slope, delta = d_tanh(a)", "slope, delta = 1 - np.tanh(a) ** 2"),
        ("delta[:, t] = d_h * slope[:, t]", "delta[:, t] = dout[:, t] * slope[:, t]"),
        ("d_h = delta[:, t] @ U  # (8)", "d_h = d_h @ U  # (8)"),
        ("d_h = delta[:, t] @ U  # (8)", "d_h = delta[:, t] @ U.T  # (8)"),
        ("_weights(delta, before)  # (3), (4): (H, D)", "_weights(delta, np.tanh(a))  #"),
    ],
    "lstm": [
        ("a_i, a_f, a_g, a_o = np.split(pre", "a_f, a_i, a_g, a_o = np.split(pre"),
        ("a_i, a_f, a_g, a_o = np.split(a, 4", "a_i, a_f, a_o, a_g = np.split(a, 4"),
        ("states.append(sigmoid(a_o) * np.tanh(cs[-1]))", "states.append(sigmoid(a_o) * cs[-1])"),
        ("d_h * c_in_h[:, t] + d_c  # (12)", "d_h * c_in_h[:, t]  # (12)"),
        ("d_c = from_c[:, t] + d_h", "d_c = d_h"),
        ("c_in_h = o * d_tanh(c)", "c_in_h = o"),
        ("d_c = f[:, t] * d_c", "d_c = d_c"),
        ("c_before * d_sigmoid(a_f)", "c * d_sigmoid(a_f)"),
        ("np.concatenate([d_c, d_c, d_c, d_h], 1)", "np.concatenate([d_c, d_c, d_c, d_c], 1)"),
        ("d_h = from_h[:, t] + d_h", "d_h = from_h[:, t]"),
        ("np.tanh(c) * d_sigmoid(a_o)", "np.tanh(c) * o * (1 - o)"),
    ],
    "gru": [
        ("p_n = a_n + sigmoid(p_r) * u_n", "p_n = a_n + sigmoid(p_z) * u_n"),
        (
            "sigmoid(-p_z) * np.tanh(p_n) + sigmoid(p_z)",
            "sigmoid(p_z) * np.tanh(p_n) + sigmoid(-p_z)",
        ),
        ("by_n = sigmoid(-p_z)", "by_n = sigmoid(p_z)"),
        ("(before - n) * d_sigmoid(p_z)", "before * d_sigmoid(p_z)"),
        ("by_n * u_n * d_sigmoid(p_r)", "by_n * d_sigmoid(p_r)"),
        ("by_n * u_n * d_sigmoid(p_r)", "by_n * u_n * r * (1 - r)"),
        ("[by_r, by_z, r * by_n]", "[by_r, by_z, by_n]"),
        ("[by_r, by_z, by_n]", "[by_r, by_z, r * by_n]"),
        ("d_h = z[:, t] * d_h + d_u", "d_h = d_u"),
        ("_weights(d_u, before)", "_weights(delta, before)"),
    ],
}
ALL = [(family, *planted) for family in PLANTED for planted in PLANTED[family]]


def lost_digits(room: ModuleType, family: str) -> Iterator[str]:
    """Where the gradients of a single saturated step have lost digits: of sums
    over several, those that are not saturated are all that one sees."""
    arrays = [np.full([1] * len(shape), 0.5) for shape in shapes(family)]
    case = Case(family, [a.shape for a in arrays], SETTINGS[family])
    for b in (-30.0, 30.0):
        arrays[-1] = np.full(GATES[family], b)
        arrays[-3] = arrays[-2] = np.full((GATES[family], 1), 0.5)
        seeds = [np.ones((1, 1, 1))] * (2 if SETTINGS[family] else 1)
        info = np.finfo(float)
        bounds = rounding(case, arrays, seeds, info.eps, info.smallest_subnormal)
        passed = by_hand(room, case, arrays, seeds)
        for name, ratio in off(passed, on_digits(case, arrays, seeds), bounds).items():
            if not ratio <= 1:
                yield f"{family} at {b}: {name} is off by {ratio:.3g} times what rounding may do"


@pytest.mark.parametrize("family", GATES)
def test_a_saturated_step_loses_no_digits(family: str) -> None:
    assert [*lost_digits(manual, family)] == []


@pytest.mark.parametrize("case", every(2, [c for cases in CASES.values() for c in cases]), ids=str)
def test_by_hand_is_jax_and_the_truth(case: Case) -> None:
    assert [*faults(manual, [case])] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(1, 11))
def test_more_numbers(seed: int) -> None:
    cases = [case._replace(short=True) for cases in CASES.values() for case in cases]
    assert [*faults(manual, cases, seed)] == []


@pytest.mark.parametrize(("family", "old", "new"), ALL)
def test_a_mistake_is_caught(family: str, old: str, new: str) -> None:
    room = with_mistake("recurrent", old, new)
    assert any(itertools.chain(lost_digits(room, family), faults(room, CASES[family])))


@pytest.mark.parametrize("family", every(3, ["rnn", "gru", "lstm"]))
def test_jax_has_it_under_jit_and_vmap_and_in_bfloat16(family: str) -> None:
    assert [*rough(CASES[family][0])] == []


def drawn(family: str, **lengths: int) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, shape) for shape in shapes(family, **lengths)]


def test_an_lstm_without_cells_is_the_same_and_has_the_last_cells_in_its_cache() -> None:
    arrays, dout = drawn("lstm"), np.ones((N, T, H))
    out, cache = manual.lstm_forward(*arrays)
    (h, c), both = manual.lstm_forward(*arrays, cells=True)
    assert np.array_equal(out, h)
    assert np.array_equal(cache.c[:, -1], c[:, -1])
    one, two = manual.lstm_backward(dout, cache), manual.lstm_backward((dout, 0 * dout), both)
    assert all(map(np.array_equal, one, two))
    h, (both_h, _) = jax.jit(lambda *a: (ref.lstm(*a), ref.lstm(*a, cells=True)))(*arrays)
    assert np.array_equal(h, both_h)


@pytest.mark.parametrize("family", GATES)
def test_two_parts_of_a_sequence_are_the_whole(family: str) -> None:
    """The state that the first part leaves is the one that the second starts from,
    and its gradient is added to what the first part gets at its last time. On
    enclosures of 60 digits, in which all that is equal overlaps."""
    forward, backward = (getattr(manual, f"{family}_{way}") for way in ("forward", "backward"))
    cells = {"cells": True} if family == "lstm" else {}

    def step_back(douts: list[Any], cache: Any) -> Any:
        return backward(tuple(douts) if cells else douts[0], cache)

    with flint.ctx.workdps(DIGITS):
        arrays = typed(drawn(family, n=2), flint.arb)
        x, *states = arrays[:-3]
        weights = arrays[-3:]
        whole, cache = forward(*arrays, **cells)
        first, to_first = forward(x[:, :1], *states, *weights, **cells)
        second, to_second = forward(x[:, 1:], *(o[:, 0] for o in outs(first)), *weights, **cells)
        douts = [out + 2 for out in outs(whole)]
        wanted = step_back(douts, cache)
        later = step_back([d[:, 1:] for d in douts], to_second)
        of_states = later[1 : 1 + len(states)]
        sooner = step_back(
            [d[:, :1] + back[:, None] for d, back in zip(douts, of_states, strict=True)], to_first
        )
        pairs = [
            *((w[:, :1], f) for w, f in zip(outs(whole), outs(first), strict=True)),
            *((w[:, 1:], s) for w, s in zip(outs(whole), outs(second), strict=True)),
            *zip(wanted[1:-3], sooner[1:-3], strict=True),
            *((w, s + t) for w, s, t in zip(wanted[-3:], sooner[-3:], later[-3:], strict=True)),
        ]
        for one, other in pairs:
            assert all(a.overlaps(b) for a, b in zip(one.flat, other.flat, strict=True))


@pytest.mark.parametrize("family", GATES)
def test_without_any_time_there_is_no_out_and_no_gradient(family: str) -> None:
    arrays = drawn(family, t=0)
    forward, backward = (getattr(manual, f"{family}_{way}") for way in ("forward", "backward"))
    out, cache = forward(*arrays)
    assert out.shape == jax.eval_shape(getattr(ref, family), *arrays).shape == (N, 0, H)
    for array, mine in zip(arrays, backward(out, cache), strict=True):
        assert mine.shape == array.shape
        assert not mine.any()


def test_without_any_time_jax_has_no_gradient_either() -> None:
    arrays = drawn("rnn", t=0)

    @jax.jit
    def gradients(arrays: list[Any]) -> Any:
        out, back = jax.vjp(ref.rnn, *arrays)
        return back(out)

    assert not any(map(np.any, gradients(arrays)))


@pytest.mark.parametrize("family", GATES)
def test_one_example_and_one_time_are_those_of_the_batch(family: str) -> None:
    arrays = drawn(family, t=1)
    x, *states = arrays[:-3]
    forward = getattr(manual, f"{family}_forward")
    one, _ = forward(x[:1], *(s[:1] for s in states), *arrays[-3:])
    every, _ = forward(*arrays)
    assert one.shape == (1, 1, H)
    # A product of matrices may add up in another order where there are fewer rows.
    assert abs(one - every[:1]).max() <= 4 * (D + H) * np.finfo(float).eps


@pytest.mark.parametrize("family", GATES)
def test_both_rooms_refuse_in_the_same_words(family: str) -> None:
    arrays = [np.ones(shape) for shape in shapes(family)]
    times, units = {"rnn": "", "lstm": "4", "gru": "3"}[family], GATES[family] * H
    of = f"expected ({times}H, D) with {times}H = {units}, as h0 has "
    said = refused(family, *arrays[:-3], np.ones((9, D)), *arrays[-2:])
    assert said == f"W has the shape (9, 5), {of}{'H = 2' if times else 'it'}"
    said = refused(family, np.ones((N, D)), *arrays[1:])
    assert said == "x has the shape (4, 5), expected (N, T, D)"
