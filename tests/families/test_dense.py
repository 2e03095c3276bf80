"""The dense layer: by hand, in JAX, and with mistakes planted in it."""

import pytest

import manual
from tests.family import Case, faults, together, with_mistake

CASES = together(
    [
        Case("affine", [(4, 3), (2, 3), (2,)], rational=True),
        Case("affine", [(1, 3), (5, 3), (5,)], rational=True),
        Case("affine", [(2, 4, 3), (2, 3), None], rational=True),
        Case("affine", [(3,), (3, 3), (3,)], rational=True),  # where a transposed d_W fits
    ]
)
PLANTED = [
    ("out = x @ W.T", "out = x @ W.T * 2"),
    ("out if b is None else out + b", "out"),
    ("d_x = dout @ W", "d_x = 0 * dout @ W"),
    ("rows.T @ examples", "rows.T @ (0 * examples)"),
    ("rows.sum(0)", "rows.mean(0)"),
    ("rows.sum(0)", "rows[0]"),
    ("rows.sum(0)", "dout.sum(0)"),
    ("rows.T @ examples", "examples.T @ rows"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_by_hand_is_jax_and_the_truth(case: Case) -> None:
    assert [*faults(manual, [case])] == []


@pytest.mark.parametrize(("old", "new"), PLANTED)
def test_a_mistake_is_caught(old: str, new: str) -> None:
    room = with_mistake("dense", old, new)
    assert any(faults(room, CASES))
