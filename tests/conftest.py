"""JAX as strict as it gets: float64, no promotion between number types or ranks
that nobody wrote."""

import gc

import hypothesis
import jax
import pytest

from gradsheet.numbers.session import LIBRARY

# JAX keeps what it has compiled, millions of objects in the end, and to look for cycles among
# them takes ever longer.
gc.set_threshold(50_000, 20, 100)

hypothesis.settings.register_profile("default", max_examples=40, deadline=None, derandomize=True)
hypothesis.settings.load_profile("default")


@pytest.fixture(autouse=True)
def strict_jax():
    with (
        jax.enable_x64(True),
        jax.numpy_rank_promotion("raise"),
        jax.numpy_dtype_promotion("strict"),
    ):
        yield


@pytest.fixture(autouse=True)
def nothing_shared():
    """A test that breaks a witness is not to find what others have heard."""
    LIBRARY.clear("points", "identities")
