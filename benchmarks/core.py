"""The jit benchmark of the core: loss and all gradients of a ReLU network, half squared error, mean over the batch.

    floor             the 3 L - 1 matrix products of the pass and nothing else, into buffers made beforehand
    manual            NumPy, the gradients derived by hand
    ref, op by op     JAX without jit
    ref, jit          JAX, compiled for the shapes

Nothing is timed before all of them have agreed with `manual` in float64, on the very numbers that are then timed. Those
are whole, and most weights are 0, so that every sum of magnitudes stays below 2^24 (and the batches are powers of 2):
no operation rounds, in whatever order it adds, and agreement is ==, in every entry. A bound on rounding errors could
not stand in for that. It grows with the sums of |W| from layer to layer, at L to 10^10 times the gradients, and knows
nothing of units that rounding carries over their kink: it would accept anything.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import math
import os
import platform
import random
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

Call = Callable[[], Any]

SIZES = {  # widths, batch
    "H": ((2, 3, 3, 1), 1),
    "H1024": ((2, 3, 3, 1), 1024),
    "M": ((784, 256, 128, 10), 128),
    "L": ((784, 1024, 1024, 1024, 1024, 10), 512),
}
SHORTEST = 5e-3  # seconds that a measurement lasts at least, by repeating the call


class Problem(NamedTuple):
    """A network, its data, its loss and gradients by name: float64, nothing rounded."""

    params: Sequence[Any]
    x: Any  # (N, I)
    y: Any  # (N, O)
    activations: tuple[str, ...]
    expected: dict[str, Any]


@dataclass
class Case:
    """What is timed at one size."""

    name: str
    calls: dict[str, Call]
    repeats: dict[str, int]
    round_s: float
    first_s: float  # the first call of the jit, which compiles
    entries: int  # of the gradient
    live: int  # of them, not 0
    times: dict[str, list[float]] = field(default_factory=dict)  # seconds a call, one for each round


def named(loss: Any, grads: Sequence[Any]) -> dict[str, Any]:
    return {"L": loss} | {f"d{x}{l}": d for l, layer in enumerate(grads, 1) for x, d in zip("Wb", layer, strict=True)}


def make_problem(widths: Sequence[int], batch: int) -> Problem:
    """That of the first seed with something other than 0 in each tensor of the gradient: most have dead layers at H."""
    import numpy as np

    import manual

    activations = ("relu",) * (len(widths) - 2) + ("identity",)
    seeds = map(np.random.default_rng, itertools.count())
    while True:
        rng = next(seeds)
        # About 4 weights into each unit and 1 out of it: with fewer, units die, with more, sums pass 2^24.
        shapes = [(O, I, max(4 / I, 1 / O)) for I, O in itertools.pairwise(widths)]
        weights = [rng.choice((-1.0, 1.0), (O, I)) * (rng.random((O, I)) < density) for O, I, density in shapes]
        params = [manual.Layer(W, rng.integers(-1, 2, len(W)) * 1.0) for W in weights]
        x, y = (rng.integers(-1, 2, (batch, width)) * 1.0 for width in (widths[0], widths[-1]))
        expected = named(*manual.value_and_grad(params, x, y, activations))
        if all(np.any(tensor) for tensor in expected.values()):
            return Problem(params, x, y, activations, expected)


def make_calls(problem: Problem, dtype: str) -> dict[str, Call]:
    import jax
    import jax.numpy as jnp
    import numpy as np

    import manual
    import ref

    activations = problem.activations
    params = [manual.Layer(W.astype(dtype), b.astype(dtype)) for W, b in problem.params]
    x, y = problem.x.astype(dtype), problem.y.astype(dtype)
    # Made once: converting NumPy's arrays on the way in would cost each call 2 microseconds an array.
    j_params = tuple(ref.Layer(jnp.asarray(W), jnp.asarray(b)) for W, b in params)
    j_x, j_y = jnp.asarray(x), jnp.asarray(y)
    op_by_op = partial(ref.value_and_grad, activations=activations)
    jitted = jax.jit(op_by_op)

    h = manual.forward(params, x, activations).h
    delta = manual.gradients(params, x, y, activations)[1].z
    products = []
    for l, (W, _) in enumerate(params):
        products += [(h[l], W.T), (delta[l].T, h[l])] + ([(delta[l], W)] if l else [])
    buffers = [np.empty((len(a), b.shape[1]), dtype) for a, b in products]

    def floor() -> None:
        for (a, b), out in zip(products, buffers, strict=True):
            np.matmul(a, b, out=out)

    return {
        "floor": floor,
        "manual": lambda: manual.value_and_grad(params, x, y, activations),
        "ref, op by op": lambda: jax.block_until_ready(op_by_op(j_params, j_x, j_y)),
        "ref, jit": lambda: jax.block_until_ready(jitted(j_params, j_x, j_y)),
    }


def disagreement(found: dict[str, Any], expected: dict[str, Any], dtype: str) -> str | None:
    """The first tensor that is not what was expected in every entry, and where."""
    import numpy as np

    if found.keys() != expected.keys():
        return f"found {', '.join(found)}, expected {', '.join(expected)}"
    for name, right in expected.items():
        tensor = np.asarray(found[name])
        if tensor.dtype != dtype or tensor.shape != right.shape:
            return f"{name} is {tensor.dtype}{list(tensor.shape)}, expected {dtype}{list(right.shape)}"
        if len(wrong := np.argwhere(tensor != right)):
            at = tuple(wrong[0].tolist())
            where = f" in {len(wrong)} of {right.size} entries, first at {list(at)}" if at else ""
            return f"{name} differs{where}: found {float(tensor[at])!r}, expected {float(right[at])!r}"
    return None


def seconds(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return time.perf_counter() - start


def calibrate(call: Call) -> tuple[int, float]:
    """How often to repeat a call, and the seconds that takes: the best of three, lest an interruption pass for work."""
    repeats = 1
    while (best := min(seconds(call, repeats) for _ in range(3))) < SHORTEST:
        repeats *= max(2, min(100, math.ceil(SHORTEST / best)))
    return repeats, best


def prepare(name: str, dtype: str) -> Case:
    """Everything before the clock: the numbers, the agreement of all, and how often each call is repeated."""
    problem = make_problem(*SIZES[name])
    calls = make_calls(problem, dtype)
    first_s = seconds(calls["ref, jit"], 1)
    for competitor, call in calls.items():
        if competitor != "floor" and (difference := disagreement(named(*call()), problem.expected, dtype)):
            progress("")
            sys.exit(f"{name}: {competitor} does not agree with manual in float64, nothing is timed: {difference}")
    grads = [tensor for tensor_name, tensor in problem.expected.items() if tensor_name != "L"]
    entries, live = sum(d.size for d in grads), sum(int((d != 0).sum()) for d in grads)
    calibrated = {competitor: calibrate(call) for competitor, call in calls.items()}
    repeats = {competitor: times for competitor, (times, _) in calibrated.items()}
    return Case(name, calls, repeats, sum(s for _, s in calibrated.values()), first_s, entries, live)


def progress(text: str, *, line: bool = False) -> None:
    """Over the same line of a terminal, "" clears it; elsewhere only what is worth a `line` of its own."""
    if sys.stderr.isatty():
        print(f"\r{text:<60}", end="" if text else "\r", file=sys.stderr, flush=True)
    elif line:
        print(text, file=sys.stderr, flush=True)


def measure(cases: Sequence[Case], rounds: int) -> None:
    left = rounds * sum(case.round_s for case in cases)
    rng = random.Random(0)
    for case in cases:
        progress(f"{case.name}: {rounds} rounds, about {math.ceil(rounds * case.round_s)} s", line=True)
        case.times = {competitor: [] for competitor in case.calls}
        for number in range(1, rounds + 1):
            progress(f"{case.name}: round {number} of {rounds}, about {math.ceil(left)} s left in all")
            for competitor in rng.sample(list(case.calls), len(case.calls)):
                repeats = case.repeats[competitor]
                case.times[competitor].append(seconds(case.calls[competitor], repeats) / repeats)
            left -= case.round_s
    progress("")


def duration(s: float) -> str:
    scale, unit = (1e6, "µs") if s < 1e-3 else (1e3, "ms")
    return f"{s * scale:.2f} {unit}"


def block(case: Case) -> str:
    widths, batch = SIZES[case.name]
    medians = {competitor: statistics.median(times) for competitor, times in case.times.items()}
    lines = [
        f"{case.name}: {'-'.join(map(str, widths))}, batch {batch}",
        f"  {'':14}{'median':>12}{'to the floor: median':>25}{'min':>10}{'max':>10}",
    ]
    for competitor, times in case.times.items():
        ratios = [s / floor for s, floor in zip(times, case.times["floor"], strict=True)]
        numbers = f"{statistics.median(ratios):25.2f}{min(ratios):10.2f}{max(ratios):10.2f}"
        lines.append(f"  {competitor:14}{duration(medians[competitor]):>12}{numbers}")
    compiling = duration(max(0.0, case.first_s - medians["ref, jit"]))
    agreed = f"agreed by == on the loss and {case.entries} gradient entries, {case.live} of them not 0"
    little = ": shows little, see H1024" if case.name == "H" else ""
    return "\n".join([*lines, f"  compile time of the jit, first call less median: {compiling}", f"  {agreed}{little}"])


def machine() -> str:
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            return next(line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def available() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(threads: int) -> None:
    """Has to come before NumPy and JAX are imported: they read all this once."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    if threads == 1:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"
    # All run on the processor that has the floor, and a program out of a cache would make the compile time a lie.
    os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_COMPILATION_CACHE": "false"}
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])  # all that XLA's executor heeds


def sizes(text: str) -> list[str]:
    names = list(dict.fromkeys(text.split(",")))
    if unknown := [name for name in names if name not in SIZES]:
        raise argparse.ArgumentTypeError(f"found {', '.join(map(repr, unknown))}, expected some of {','.join(SIZES)}")
    return names


def count(text: str, most: int | None = None) -> int:
    if not text.isdecimal() or int(text) < 1 or (most and int(text) > most):
        expected = f"a whole number from 1 to {most}" if most else "a whole number from 1 on"
        raise argparse.ArgumentTypeError(f"found {text!r}, expected {expected}")
    return int(text)


def run(sizes: Sequence[str], dtype: str, rounds: int, threads: int) -> None:
    cores = f"{threads} thread{'s' if threads > 1 else ''}, {available()} cores"
    set_threads(threads)
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", dtype == "float64")
    # What JAX does once in a process is no part of the first size's compile time.
    jax.block_until_ready(jax.jit(jax.value_and_grad(lambda a: a @ a))(np.ones(2, dtype)))
    cases = []
    for name in sizes:
        progress(f"{name}: agreement and calibration")
        cases.append(prepare(name, dtype))
    measure(cases, rounds)
    print(f"{machine()}, {cores}, {dtype}, {rounds} rounds, {datetime.date.today()}")
    versions = [f"{package} {version(package)}" for package in ("numpy", "jax", "jaxlib")]
    print(f"Python {platform.python_version()}, {', '.join(versions)}", *map(block, cases), sep="\n\n")


def interrupted(*_: Any) -> None:
    """Exits on the spot: a KeyboardInterrupt in the middle of an import comes out as an ImportError."""
    progress("")
    print("interrupted, nothing to report", file=sys.stderr, flush=True)
    os._exit(130)


def main() -> None:
    parser = argparse.ArgumentParser(description="Times loss and gradients: manual, ref and ref under jit.")
    parser.add_argument("--sizes", type=sizes, default=list(SIZES), help=f"some of {','.join(SIZES)}; default: all")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default: %(default)s")
    parser.add_argument("--rounds", type=count, default=30, help="of all competitors in a new order; default: 30")
    parser.add_argument("--threads", type=partial(count, most=available()), default=1, help="default: 1")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, interrupted)
    run(**vars(options))


if __name__ == "__main__":
    main()
