"""A residual block: by hand, in JAX, and with mistakes planted in it."""

from typing import Any

import jax
import numpy as np
import pytest

import manual
import ref
from tests.family import Case, faults, refused, rough, together, with_mistake

CASES = together(
    [
        Case("residual_block", [(2, 4, 3), (5, 3), (3, 5)], rational=True),
        Case("residual_block", [(3,), (1, 3), (3, 1)], rational=True),
    ]
)
PLANTED = [
    ("out = x + h @ W2.T", "out = h @ W2.T"),
    ("d_x = dout + delta @ W1", "d_x = delta @ W1"),
    ("d_x = dout + delta @ W1", "d_x = dout"),
    ("d_x = dout + delta @ W1", "d_x = dout * (1 + delta @ W1)"),
    ("(dout @ W2) * d_relu(z)", "(dout @ W2)"),
    ("(dout @ W2) * d_relu(z)", "(dout @ W2) * relu(z)"),
    ("@ h.reshape(-1, units)", "@ z.reshape(-1, units)"),
    ("d_W1 = delta.reshape", "d_W1 = h.reshape"),
    ("return out, (x, W1, W2, z)", "return out, (out, W1, W2, z)"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_by_hand_is_jax_and_the_truth(case: Case) -> None:
    assert [*faults(manual, [case])] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(1, 11))
def test_more_numbers(seed: int) -> None:
    assert [*faults(manual, [case._replace(short=True) for case in CASES], seed)] == []


@pytest.mark.parametrize(("old", "new"), PLANTED)
def test_a_mistake_is_caught(old: str, new: str) -> None:
    room = with_mistake("residual", old, new)
    assert any(faults(room, CASES))


def test_jax_has_it_under_jit_and_vmap_and_in_bfloat16() -> None:
    assert [*rough(CASES[0])] == []


def test_both_rooms_refuse_in_the_same_words() -> None:
    said = refused("residual_block", np.ones((4, 3)), np.ones((2, 3)), np.ones((2, 3)))
    assert said == "W2 has the shape (2, 3), expected (D, H) with D = 3, as x has it"


@pytest.mark.parametrize("z", [0.0, -2.0])
def test_dead_units_and_units_at_the_kink_hand_on_x_alone(z: float) -> None:
    x, W1, W2 = np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([[2.0, -1.0 + z]]), np.ones((2, 1))
    dout = np.array([[3.0, 5.0], [7.0, 11.0]])
    out, cache = manual.residual_block_forward(x, W1, W2)

    @jax.jit
    def in_jax(*arrays: Any) -> Any:
        out, back = jax.vjp(ref.residual_block, *arrays)
        return out, back(dout)

    theirs, by_jax = in_jax(x, W1, W2)
    assert np.array_equal(out, x)
    assert np.array_equal(theirs, x)
    by_hand = manual.residual_block_backward(dout, cache)
    for wanted, mine, theirs in zip((dout, 0 * W1, 0 * W2), by_hand, by_jax, strict=True):
        assert np.array_equal(mine, wanted)
        assert np.array_equal(theirs, wanted)
