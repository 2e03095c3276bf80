"""The reference by itself: the same under `jit`, in both precisions."""

import chex
import jax
import numpy as np
import pytest

import ref
from tests.rounds import every


@pytest.mark.parametrize("dtype", every(2, [np.float32, np.float64]))
def test_the_reference_works_under_jit_in_both_precisions(dtype: type) -> None:
    rng = np.random.default_rng(3)
    params = [ref.Layer(rng.integers(-2, 3, (3, 2)).astype(dtype), np.ones(3, dtype))]
    x, y = rng.integers(-2, 3, (4, 2)).astype(dtype), np.ones((4, 3), dtype)
    jitted = jax.jit(ref.value_and_grad, static_argnames=("activations", "loss", "reduction"))
    found = jitted(params, x, y, activations=("relu",), loss="squared_error", reduction="sum")
    plain = ref.value_and_grad(params, x, y, ("relu",), loss="squared_error", reduction="sum")
    chex.assert_trees_all_equal(found, plain)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(dtype)}
