"""The first gradient of a fresh process, as start.py asks for it: it imports no
more than that takes.

    python benchmarks/first.py COMPETITOR FILE.npz

Prints as JSON the time at which loss and gradients are there, and the process's
peak of memory before and after the pass. Then, after the clock, compares with
what the file expects. Exits with 1 where that is something else.
"""

from __future__ import annotations

import json
import sys
import time

import peers  # noqa: F401  enters them into COMPETITORS
from competitors import COMPETITORS
from problems import Problem, disagreement


def peak() -> int:
    """Bytes of memory that this process has held at most."""
    try:
        with open(
            "/proc/self/status"
        ) as status:  # getrusage on Linux counts what the parent held before exec
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
            1 if sys.platform == "darwin" else 1024
        )


def main(name: str, file: str) -> None:
    import numpy as np

    data, entry = np.load(file), COMPETITORS[name]
    layers = sum(key.startswith("W") for key in data)
    params = [(data[f"W{l}"], data[f"b{l}"]) for l in range(1, layers + 1)]
    problem = Problem(params, data["x"], data["y"], ("relu",) * (layers - 1) + ("identity",), {})
    call, before = entry.make(problem), peak()
    result = call()
    print(json.dumps({"at": time.time(), "before": before, "peak": peak()}))
    problem = problem._replace(
        expected={key: data[key] for key in data if key not in {"x", "y"} and key[0] in "Ld"}
    )
    if difference := disagreement(entry.named(result), entry.expected(problem), "float32"):
        sys.exit(f"{name} does not agree with manual in float64: {difference}")


if __name__ == "__main__":
    main(*sys.argv[1:])
