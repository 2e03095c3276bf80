"""The gradients of single examples, N times as large as one gradient, and their
norms without forming them; at M.

    .venv/bin/python benchmarks/examples.py [--rounds 20]

    floor                 clearing the memory that the gradients take, made beforehand
    manual                the readable outer products
    manual, planned       manual.Plan, into buffers made once
    ref, vmap(grad)       JAX's gradient of one example, for all of them, under jit
    ref, planned          ref.Plan: the outer products of what JAX has at every z
    ref, planned, into    the same into the memory of the call before
    ..., norms            |delta| |h|, a number an example

Nothing is timed before all have agreed with manual in float64, by == in every
entry; norms have a root in them, and agree to a rounding.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import command
from competitors import Call, on_device
from machine import set_threads
from measuring import Case, calibrate, measure, progress, ratios
from problems import SIZES, Problem, disagreement, make_problem, named
from table import seconds_as, shape

NORMS = ", norms"


def make_calls(problem: Problem) -> dict[str, tuple[Call, Callable[[Any], Any]]]:
    """Who takes part: the call, and what is to be compared in what it returns."""
    import jax
    import numpy as np

    import manual
    import ref

    params, x, y, activations, _ = problem
    memory = [np.empty((len(x), *array.shape), x.dtype) for layer in params for array in layer]
    by_hand = manual.Plan(params, len(x), activations)
    compiled, kept = ref.Plan(params, activations), {}
    of_one = jax.jit(partial(ref.per_example_gradients, activations=activations))
    data = on_device(problem)
    packed, *rest = jax.device_put((compiled.pack(params), x, y))

    def clear() -> None:
        for array in memory:
            array.fill(0)

    def into() -> Any:
        kept["grads"] = jax.block_until_ready(
            compiled.per_example_gradients(packed, *rest, into=kept.pop("grads", None))
        )[1]
        return kept["grads"]

    def norms(result: Any) -> Any:
        return np.asarray(result[1])

    def grads(result: Any) -> Any:
        return result[1]

    return {
        "floor": (clear, lambda _: None),
        "manual": (lambda: manual.per_example_gradients(params, x, y, activations), grads),
        "manual, planned": (lambda: by_hand.per_example_gradients(x, y), grads),
        "ref, vmap(grad)": (lambda: jax.block_until_ready(of_one(*data)), grads),
        "ref, planned": (
            lambda: jax.block_until_ready(compiled.per_example_gradients(packed, *rest)),
            grads,
        ),
        "ref, planned, into": (into, lambda result: result),
        "manual, planned" + NORMS: (lambda: by_hand.per_example_norms(x, y), norms),
        "ref, planned" + NORMS: (
            lambda: jax.block_until_ready(compiled.per_example_norms(packed, *rest)),
            norms,
        ),
    }


def check(problem: Problem, calls: dict[str, tuple[Call, Callable[[Any], Any]]]) -> str | None:
    """The first that differs from manual in float64, and where."""
    import numpy as np

    import manual

    exact = problem.astype("float64")
    _, right = manual.per_example_gradients(exact.params, exact.x, exact.y, exact.activations)
    squares = sum(
        (array.reshape(len(exact.x), -1) ** 2).sum(1) for layer in right for array in layer
    )
    expected = {name: array for name, array in named(0, right).items() if name != "L"}
    for who, (call, read) in calls.items():
        if who == "floor":
            continue
        found = read(call())
        if who.endswith(NORMS):
            if not np.allclose(found, np.sqrt(squares), rtol=1e-5):
                return f"{who} differs"
        elif wrong := disagreement(
            {n: a for n, a in named(0, found).items() if n != "L"}, expected, problem.dtype
        ):
            return f"{who}: {wrong}"
    return None


def run(rounds: int) -> None:
    set_threads(1)
    widths, batch = SIZES["M"]
    progress("M: drawing its numbers, agreement")
    problem = make_problem(widths, batch).astype("float32")
    calls = make_calls(problem)
    if difference := check(problem, calls):
        progress("")
        sys.exit(f"nothing is timed, there is no agreement with manual in float64: {difference}")
    calibrated = {who: calibrate(call) for who, (call, _) in calls.items()}
    repeats = {who: times for who, (times, _) in calibrated.items()}
    case = Case("M", problem, {who: call for who, (call, _) in calls.items()}, {}, repeats, 0.0)
    case.round_s = sum(s for _, s in calibrated.values())
    measure([case], rounds)
    megabytes = 4 * batch * sum(array.size for layer in problem.params for array in layer) / 1e6
    print(
        f"M: {shape(widths)}, batch {batch}, float32, one thread, {rounds} rounds; "
        f"{megabytes:.0f} MB of gradients"
    )
    print(f"  {'':24}{'median':>12}{'to the floor':>15}{'min':>8}{'max':>8}{'to vmap':>10}")
    for who, times in case.times.items():
        to_floor, to_vmap = (
            ratios(times, case.times[other]) for other in ("floor", "ref, vmap(grad)")
        )
        print(
            "  "
            f"{who:24}{seconds_as(statistics.median(times)):>12}{statistics.median(to_floor):>15.2f}"
            f"{min(to_floor):>8.2f}{max(to_floor):>8.2f}{statistics.median(to_vmap):>10.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=command.number, default=20, help="default: %(default)s")
    options = parser.parse_args()
    command.exit_on_interrupt()
    command.begin("examples")
    run(options.rounds)


if __name__ == "__main__":
    main()
