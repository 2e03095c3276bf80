"""JAX as strict as it gets: float64, no promotion between number types or ranks
that nobody wrote."""

import gc
import mmap
import os
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of which others wait, and count

import hypothesis
import jax
import pytest

from gradsheet.numbers.session import LIBRARY

# JAX keeps what it has compiled, millions of objects in the end, and to look for cycles among
# them takes ever longer.
gc.set_threshold(500_000, 20, 100)

# What is compiled here runs once or twice: XLA is to optimise where accuracy is measured, and no
# more than it must elsewhere, in the scripts that tests start, too.
QUICKLY = "jax_disable_most_optimizations"
os.environ[QUICKLY.upper()] = "true"
jax.config.update(QUICKLY, True)


def explained_in_xla(flag: bytes) -> bool:
    """Whether the installed XLA has a flag with these words of help; one that it does not
    know ends the process."""
    spec = find_spec("jaxlib")
    for path in Path(str(spec and spec.origin)).parent.glob("libjax*"):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            if text.find(flag) >= 0:
                return True
    return False


# XLA for processors makes code for fused operations in one of two ways, of which the newer one
# takes twice as long; and it cuts what it compiles into parts for many threads, which is more work
# for all of them together.
for flag, words in (
    ("--xla_cpu_use_fusion_emitters=false", b"Use fusion emitters for code generation in the CPU"),
    ("--xla_cpu_parallel_codegen_split_count=1", b"Split LLVM module into at most this many parts"),
):
    if explained_in_xla(words):
        os.environ["XLA_FLAGS"] = f"{flag} {os.environ.get('XLA_FLAGS', '')}"

hypothesis.settings.register_profile("default", max_examples=20, deadline=None, derandomize=True)
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


@pytest.fixture(autouse=True, scope="module")
def frozen():
    """What a file of tests leaves behind, compiled functions above all, nobody looks through
    for cycles again."""
    yield
    gc.freeze()
