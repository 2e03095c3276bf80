"""Plain training steps from a random start, with inputs as they come: no step
gives anything but numbers."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import manual
import ref
from tests.rounds import every

ACTIVATIONS = ("relu", "softmax")


def drawn_digits() -> tuple[Any, Any]:
    """Pictures of 8 by 8 grey levels from 0 to 16, of ten kinds."""
    rng = np.random.default_rng(0)
    kinds, label = rng.integers(0, 17, (10, 64)), rng.integers(10, size=400)
    return np.clip(kinds[label] + rng.integers(-3, 4, (400, 64)), 0, 16), label


def scikit_learns_digits() -> tuple[Any, Any]:
    """The 1,797 handwritten ones."""
    data = pytest.importorskip(
        "sklearn.datasets", reason="comes with the extra peers, which is not installed"
    ).load_digits()
    return data.data, data.target


def start(widths: tuple[int, ...], scale: float) -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    return [
        {"W": (scale * rng.normal(size=(o, i))).astype(np.float32), "b": np.zeros(o, np.float32)}
        for i, o in itertools.pairwise(widths)
    ]


STEPS: dict[str, Callable[..., Any]] = {
    "manual": manual.value_and_grad,
    "ref": jax.jit(ref.value_and_grad, static_argnames=("activations", "loss")),
}


@pytest.mark.parametrize("room", STEPS)
@pytest.mark.parametrize("digits", [drawn_digits, scikit_learns_digits])
@pytest.mark.parametrize("scale", every(2, [3.0, 1.0]))
def test_digits_are_learnt_from_a_random_start_with_unscaled_inputs(
    room: str, digits: Any, scale: float
) -> None:
    """float32, logits of hundreds and thousands at the start: an output that is
    0 to all digits has a gradient."""
    x, label = digits()
    x, y = x.astype(np.float32), np.eye(10, dtype=np.float32)[label]
    params = start((64, 32, 10), scale)
    yhat = manual.forward(params, x, ACTIVATIONS).h[-1]
    assert (yhat[y == 1] == 0).any(), "the logarithm of the outputs alone would be infinite"
    losses = []
    for _ in range(100):
        L, grads = STEPS[room](params, x, y, activations=ACTIVATIONS, loss="cross_entropy")
        assert np.isfinite(L)
        assert all(np.isfinite(array).all() for array in jax.tree.leaves(grads))
        params = jax.tree.map(lambda p, d: p - np.float32(0.002) * np.asarray(d), params, grads)
        losses.append(float(L))
    assert losses[-1] < losses[0] / 5
    accuracy = (manual.forward(params, x, ACTIVATIONS).h[-1].argmax(1) == label).mean()
    assert accuracy > 0.5


def test_the_plans_learn_the_same() -> None:
    x, label = drawn_digits()
    x, y = x.astype(np.float32), np.eye(10, dtype=np.float32)[label]
    params = start((64, 32, 10), 1.0)
    by_hand = manual.Plan(params, len(x), ACTIVATIONS, loss="cross_entropy")
    compiled = ref.Plan(params, ACTIVATIONS, loss="cross_entropy")
    packed = jax.jit(compiled.pack)(params)
    for _ in range(50):
        L, _ = by_hand.value_and_grad(x, y)
        other, gradient = compiled.value_and_grad(packed, x, y)
        np.testing.assert_allclose(L, other, rtol=1e-3)
        by_hand.vector -= np.float32(0.002) * by_hand.gradient
        packed = np.asarray(packed) - np.float32(0.002) * np.asarray(gradient)
        assert np.isfinite(by_hand.vector).all()
