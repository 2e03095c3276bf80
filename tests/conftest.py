"""JAX as strict as it gets: float64, no promotion between number types or ranks
that nobody wrote."""

import gc
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of which others wait, and count

import hypothesis
import jax
import pytest

from gradsheet.numbers.session import LIBRARY

# JAX keeps what it has compiled, millions of objects in the end, and to look for cycles among
# them takes ever longer.
gc.set_threshold(50_000, 20, 100)

# What is compiled here runs once or twice: XLA is to optimise where accuracy is measured, and no
# more than it must elsewhere, in the scripts that tests start, too.
QUICKLY = "jax_disable_most_optimizations"
os.environ[QUICKLY.upper()] = "true"
jax.config.update(QUICKLY, True)

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


@pytest.fixture
def optimised():
    """Let XLA optimise as it does for everybody else."""
    jax.config.update(QUICKLY, False)
    yield
    jax.config.update(QUICKLY, True)


@pytest.fixture(autouse=True)
def nothing_shared():
    """A test that breaks a witness is not to find what others have heard."""
    LIBRARY.clear("points", "identities")
