"""Cold start, and memory: how long a fresh process takes to its first gradient,
and what one pass holds at most.

    .venv/bin/python benchmarks/start.py

From the start of the process to loss and gradients at M, everything included:
Python's own start, imports, reading the numbers from a file, compiling. "From a
cache" finds its compiled program on the disk, where JAX keeps it if asked to.
Memory is the peak of a process for one pass at L, and what it was when imports
and data were in. Every process compares its gradient with manual in float64, by
==, after its clock has stopped. Takes about a minute and a half.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import command
import peers  # noqa: F401  enters them into COMPETITORS
from competitors import COMPETITORS, entered
from machine import set_threads
from measuring import duration, progress
from problems import SIZES, make_problem
from table import seconds_as

IMPORTS = ("numpy", "manual", "ref", "torch")
FROM_A_CACHE = " from a cache"


class Broken(Exception):
    """A process came to another gradient, or to none."""


def save(size: str, folder: Path) -> Path:
    """A problem in float32, and what it expects, for processes that do not draw it themselves."""
    import numpy as np

    problem = make_problem(*SIZES[size]).astype("float32")
    numbers = {
        f"{x}{l}": a
        for l, layer in enumerate(problem.params, 1)
        for x, a in zip("Wb", layer, strict=True)
    }
    np.savez(
        file := folder / f"{size}.npz", **numbers, x=problem.x, y=problem.y, **problem.expected
    )
    return file


def fresh(arguments: Sequence[str], environment: dict[str, str]) -> tuple[float, dict[str, Any]]:
    """Seconds from the start of a process to the time that it prints, and all
    that it prints. Raises Broken."""
    start = time.time()
    done = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Broken(
            done.stderr.strip().splitlines()[-1]
            if done.stderr.strip()
            else f"exit status {done.returncode}"
        )
    found = json.loads(done.stdout)
    return found["at"] - start, found


def importing(module: str | None) -> list[str]:
    statement = f"import {module}" if module else ""
    return ["-c", f"""{statement}\nimport time\nprint('{{"at": %r}}' % time.time())"""]


def first(competitor: str, file: Path) -> list[str]:
    return [str(Path(__file__).with_name("first.py")), competitor, str(file)]


def cold_starts(folder: Path, competitors: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """Seconds of each process in each round; the floor is Python's own start."""
    file = save("M", folder)
    cache = {
        "JAX_ENABLE_COMPILATION_CACHE": "true",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "cache"),
        # It keeps none as small as these otherwise.
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    processes = {"floor": (importing(None), {})}
    processes |= {f"import {name}": (importing(name), {}) for name in IMPORTS if find_spec(name)}
    for name in competitors:
        processes[name] = (first(name, file), {})
        if COMPETITORS[name].group == "ref":
            processes[name + FROM_A_CACHE] = (first(name, file), cache)
    times, rng, start = {name: [] for name in processes}, random.Random(0), time.monotonic()
    for number in range(rounds + 1):
        elapsed = time.monotonic() - start
        left = (
            f", about {duration(elapsed / number * (rounds + 1 - number))} left" if number else ""
        )
        progress(f"cold start: round {number} of {rounds}{left}")
        for name in rng.sample(list(processes), len(processes)):
            s, _ = fresh(*processes[name])
            # Round 0 fills the cache, and has files read from the disk for the first time.
            if number:
                times[name].append(s)
    progress("")
    return times


def memory(folder: Path, competitors: Sequence[str]) -> dict[str, dict[str, int]]:
    """Bytes before and at the peak."""
    file, found = save("L", folder), {}
    for name in competitors:
        progress(f"memory: {name}")
        _, printed = fresh(first(name, file), {})
        found[name] = {key: printed[key] for key in ("before", "peak")}
    progress("")
    return found


def table(times: dict[str, list[float]], held: dict[str, dict[str, int]], rounds: int) -> str:
    lines = [
        f"Cold start, one thread, median of {rounds}: imports, and the first gradient at M",
        f"  {'':24}{'median':>12}{'min':>12}{'max':>12}{'over Python':>14}",
    ]
    for name, all_s in times.items():
        over = statistics.median(
            s - python for s, python in zip(all_s, times["floor"], strict=True)
        )
        numbers = "".join(
            f"{seconds_as(s):>12}" for s in (statistics.median(all_s), min(all_s), max(all_s))
        )
        title, last = ("Python alone", "") if name == "floor" else (name, seconds_as(over))
        lines.append(f"  {title:24}{numbers}{last:>14}".rstrip())
    lines += [
        "",
        "Memory of a process at L, MB",
        f"  {'':24}{'before':>12}{'peak':>12}{'the pass':>12}",
    ]
    for name, found in held.items():
        numbers = (found["before"], found["peak"], found["peak"] - found["before"])
        lines.append(f"  {name:24}" + "".join(f"{number / 1e6:>12,.0f}" for number in numbers))
    return "\n".join(lines)


def main() -> None:
    parser = command.make_parser(__doc__)
    parser.add_argument(
        "--rounds", type=command.number, help="of all processes in a new order; default: 7"
    )
    options = command.parse(parser, "start", {"rounds": 7}, {"rounds": 2})
    found = command.begin("start")
    set_threads(1)
    everywhere = [
        name for name in entered(("manual", "ref", "torch")) if COMPETITORS[name].sizes is None
    ]
    competitors = [name for name in everywhere if name != "floor"]
    try:
        with tempfile.TemporaryDirectory() as folder:
            times = cold_starts(Path(folder), competitors, options.rounds)
            held = memory(Path(folder), competitors)
    except (Broken, KeyboardInterrupt) as error:
        progress("")
        reason, status = (str(error), 1) if isinstance(error, Broken) else ("interrupted", 130)
        print(f"{reason}: nothing is reported", file=sys.stderr)
        sys.exit(status)
    print(table(times, held, options.rounds))
    sizes = {
        "cold start": {"competitors": {name: {"times": all_s} for name, all_s in times.items()}}
    }
    found["runs"] = [
        {"dtype": "float32", "threads": 1, "rounds": options.rounds, "sizes": sizes, "memory": held}
    ]
    command.finish(options, found)


if __name__ == "__main__":
    main()
