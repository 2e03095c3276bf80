"""What the tests ask of a planned pass, a class of `manual.fast` beside its
readable family, which the functions of `tests.family` know.

    room         the class as a room that has the family, made anew for every pass
    unequal      where it is not equal to the readable pass, on whole numbers
    unlike       where it is further off 60 digits than the rounding of the readable
                 pass may be, for families that only `TRUTH` has: several in a row
    unkept       what one object gives of several arrays in turn, out of buffers that
                 are the same ones every time, is what a new one gives of each; the
                 arrays themselves may not be written to
    allocated    bytes at most that a pass takes besides what is there already
"""

import functools
import tracemalloc
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.family import (
    TRUTH,
    Case,
    Passed,
    by_hand,
    drawn,
    off,
    on_digits,
    outs,
    rounding,
    seeds_of,
    typed,
)

Make = Callable[..., Any]  # an object for arrays, with the settings of a case


def room(family: str, make: Make) -> SimpleNamespace:
    """The room that `tests.family` asks for the family."""

    def forward(*arrays: Any, **settings: Any) -> tuple[Any, Any]:
        planned = make(*arrays, **settings)
        return planned.forward(*arrays), planned

    def backward(dout: Any, planned: Any) -> Any:
        return planned.backward(dout)

    return SimpleNamespace(**{f"{family}_forward": forward, f"{family}_backward": backward})


def unequal(planned: SimpleNamespace, case: Case) -> Iterator[str]:
    """Where a room gives something else than the readable pass, on whole numbers."""
    rng = np.random.default_rng(0)
    arrays, seeds = drawn(case, rng, whole=True), seeds_of(case, rng, whole=True)
    readable = by_hand(TRUTH, case, arrays, seeds)
    for dtype in (np.float64, np.float32):
        found = by_hand(planned, case, typed(arrays, dtype), typed(seeds, dtype))
        for name, array in found.items():
            if array.tolist() != readable[name].tolist():
                yield f"{case}: {name} is {array.tolist()}, readable {readable[name].tolist()}"


@functools.cache
def known(case: Case, dtype: type) -> tuple[list[Any], list[Any], Passed, Passed]:
    """Arrays and cotangents, what the readable formulas give on 60 digits, and how far
    off that floats may be."""
    rng = np.random.default_rng(0)
    arrays, seeds = drawn(case, rng, whole=False), seeds_of(case, rng, whole=False)
    arrays, seeds, info = typed(arrays, dtype), typed(seeds, dtype), np.finfo(dtype)
    bounds = rounding(case, arrays, seeds, info.eps, info.smallest_subnormal)
    return arrays, seeds, on_digits(case, arrays, seeds), bounds


def unlike(planned: SimpleNamespace, case: Case) -> Iterator[str]:
    """Where a room gives something else than the readable pass."""
    for dtype in (np.float64, np.float32):
        arrays, seeds, true, bounds = known(case, dtype)
        for name, ratio in off(by_hand(planned, case, arrays, seeds), true, bounds).items():
            if not ratio <= 1:
                yield (
                    f"{case}: {name} in {dtype.__name__} is off by {ratio:.3g} times what "
                    "rounding may do"
                )


def passed(planned: Any, arrays: Any, seeds: Any) -> list[Any]:
    """Out and the gradients, in the buffers of the object."""
    out = planned.forward(*arrays)
    gradients = planned.backward(tuple(seeds) if isinstance(out, tuple) else seeds[0])
    return [*outs(out), *(g for g in gradients if g is not None)]


def unkept(make: Make, case: Case, dtype: type, passes: int = 3) -> Iterator[str]:
    """Where a pass depends on the one before it, or has buffers of its own."""
    planned, before = None, None
    for seed in range(passes):
        rng = np.random.default_rng(seed)
        arrays = typed(drawn(case, rng, whole=False), dtype)
        seeds = typed(seeds_of(case, rng, whole=False), dtype)
        for array in (*arrays, *seeds):
            if array is not None:
                array.setflags(write=False)
        planned = planned or make(*arrays, **case.settings)
        anew = passed(make(*arrays, **case.settings), arrays, seeds)
        again = passed(planned, arrays, seeds)
        for k, (one, other) in enumerate(zip(again, anew, strict=True)):
            if one.tobytes() != other.tobytes():
                yield f"{case}: in pass {seed} array {k} is {one.tolist()}, anew {other.tolist()}"
            if before is not None and one.ndim and not np.shares_memory(one, before[k]):
                yield f"{case}: in pass {seed} array {k} lies somewhere else"
        before = again


def allocated(planned: Any, arrays: Any, seeds: Any) -> int:
    """How much memory a second pass takes at most."""
    passed(planned, arrays, seeds)
    tracemalloc.start()
    passed(planned, arrays, seeds)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
