"""Dropout and embedding: by hand, in JAX, and with mistakes planted in them."""

from typing import Any

import jax
import numpy as np
import pytest

import manual
import ref
from tests.family import Case, faults, refused, rough, together, with_mistake

MASK = [[1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 0]]
INDICES = [[1, 4, 1], [0, 1, 3]]  # 1 three times, 2 never
CASES = {
    "dropout": [
        Case("dropout", [(2, 4, 3), MASK], {"rate": 0.5}, rational=True),
        Case("dropout", [(2, 4, 3), MASK], {"rate": 0.75}, rational=True),
        Case("dropout", [(2, 4, 3), MASK], {"rate": 0.1}),
        Case("dropout", [(2, 4, 3), [[1], [0], [0], [1]]], {"rate": 0}, rational=True),
    ],
    "embedding": [
        Case("embedding", [(5, 4), INDICES], rational=True),
        Case("embedding", [(5, 4), 2], rational=True),
    ],
}
together([case for cases in CASES.values() for case in cases])
PLANTED = {
    "dropout": [
        ("1 - Fraction(str(rate))", "Fraction(str(rate))"),
        ("1 - Fraction(str(rate))", "1"),
        ("np.where(stays, x / keep, number(x, 0))", "x / keep"),
        ("np.where(stays, dout / keep, number(dout, 0))", "dout / keep"),
        ("np.where(stays, dout / keep, number(dout, 0))", "np.where(stays, dout, 0 * dout)"),
        ("np.where(stays, dout / keep, number(dout, 0))", "dout * stays.mean()"),
        ("return out, (stays, keep)", "return out, (stays, 1 / keep)"),
        ("return out, (stays, keep)", "return out, (~stays, keep)"),
    ],
    "embedding": [
        ("np.add.at(d_table, indices, dout)", "d_table[indices] += dout"),
        ("np.add.at(d_table, indices, dout)", "d_table[indices] = dout"),
        ("np.add.at(d_table, indices, dout)", "np.add.at(d_table, indices, table[indices])"),
        ("np.full(table.shape, number(table, 0), dout.dtype)", "0 * table + 1"),
        ("np.full(table.shape, number(table, 0), dout.dtype)", "table"),
        ("return table[indices],", "return table[::-1][indices],"),
    ],
}
ALL = [(family, *planted) for family in PLANTED for planted in PLANTED[family]]


@pytest.mark.parametrize("case", [c for cases in CASES.values() for c in cases], ids=str)
def test_by_hand_is_jax_and_the_truth(case: Case) -> None:
    assert [*faults(manual, [case])] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(1, 11))
def test_more_numbers(seed: int) -> None:
    cases = [case._replace(short=True) for cases in CASES.values() for case in cases]
    assert [*faults(manual, cases, seed)] == []


@pytest.mark.parametrize(("family", "old", "new"), ALL)
def test_a_mistake_is_caught(family: str, old: str, new: str) -> None:
    room = with_mistake("lookup", old, new)
    assert any(faults(room, CASES[family]))


@pytest.mark.parametrize("family", CASES)
def test_jax_has_it_under_jit_and_vmap_and_in_bfloat16(family: str) -> None:
    assert [*rough(CASES[family][0])] == []


@pytest.mark.parametrize(
    ("family", "arrays", "settings", "text"),
    [
        ("dropout", [np.ones(3), np.ones(3)], {"rate": 1}, "rate is 1, expected 0 <= rate < 1: "),
        ("dropout", [np.ones(3), np.ones(3)], {"rate": -0.5}, "rate is -0.5, expected"),
        ("dropout", [np.ones(3), [0, 2, 1]], {"rate": 0}, "mask holds 2, expected 0 and 1: "),
        ("dropout", [np.ones((4, 3)), np.ones(4)], {"rate": 0}, "(4,), expected one that stretch"),
        ("dropout", [np.ones(3), np.ones((4, 3))], {"rate": 0}, "stretches to (3,), as x has it"),
        ("embedding", [np.ones((5, 4)), [4, 5]], {}, "indices hold 5, expected 0 to 4: the table"),
        ("embedding", [np.ones((5, 4)), [-1, 0]], {}, "indices hold -1, expected 0 to 4: "),
        ("embedding", [np.ones((5, 4)), [1.0]], {}, "indices are float64, expected whole numbers"),
        ("embedding", [np.ones((5, 4)), [True]], {}, "indices are bool, expected whole numbers"),
        ("embedding", [np.ones(5), [1]], {}, "table has the shape (5,), expected (V, D)"),
    ],
)
def test_both_rooms_refuse_in_the_same_words(family, arrays, settings, text) -> None:
    assert text in refused(family, *arrays, **settings)


def test_what_is_dropped_is_0_whatever_it_was() -> None:
    x, mask = np.array([np.inf, np.nan, 3.0]), np.array([False, False, True])
    out, cache = manual.dropout_forward(x, mask, rate=0.5)
    d_x, _ = manual.dropout_backward(x, cache)

    @jax.jit
    def in_jax(x: Any) -> Any:
        out, back = jax.vjp(lambda x: ref.dropout(x, mask, rate=0.5), x)
        return out, *back(x)

    assert [a.tolist() for a in (out, d_x, *in_jax(x))] == [[0, 0, 6]] * 4


def test_a_rate_is_the_decimal_that_it_was_written_as() -> None:
    """1 - 0.9 is 0.09999999999999998 in floats."""
    x, mask = np.array([0.1, 1.0]), np.array([1, 1])
    assert [*manual.dropout_forward(x, mask, rate=0.9)[0]] == [1, 10]
    assert jax.jit(lambda x: ref.dropout(x, mask, rate=0.9))(x).tolist() == [1, 10]


def test_integers_are_not_cut_off() -> None:
    x, mask = np.array([3, 4]), np.array([1, 0])
    assert [*manual.dropout_forward(x, mask, rate=0.5)[0]] == [6, 0]
    with jax.numpy_dtype_promotion("standard"):
        assert jax.jit(lambda x: ref.dropout(x, mask, rate=0.5))(x).tolist() == [6, 0]


def test_no_index_gives_no_row_and_no_gradient() -> None:
    table, none = np.ones((5, 4)), np.zeros((2, 0), int)
    out, cache = manual.embedding_forward(table, none)
    assert (
        out.shape
        == jax.eval_shape(lambda table: ref.embedding(table, none), table).shape
        == (2, 0, 4)
    )
    d_table, nothing = manual.embedding_backward(out, cache)
    assert not d_table.any()
    assert nothing is None


def test_under_jit_a_row_that_is_not_there_is_no_number() -> None:
    rows = jax.jit(ref.embedding)(np.ones((3, 1)), np.array([-1, 2, 3], np.int8))
    assert np.isnan(rows).tolist() == [[True], [False], [True]]
