"""The benchmark of the core: loss and all gradients of a ReLU network, half
squared error, mean over the batch.

    floor             the 3 L - 1 matrix products of the pass and nothing else, into buffers made
                      beforehand
    manual            NumPy, the gradients derived by hand
    manual, planned   the same into buffers made once, manual.Plan
    ref, op by op     JAX without jit
    ref, jit          JAX, compiled for the shapes
    ref, planned      the same with the parameters packed for speed, ref.Plan
    peers             torch, torch.compile, scikit-learn, HIPS autograd, micrograd: as far as they
                      are installed

Nothing is timed before all of them have agreed with manual in float64, by == in
every entry of loss and gradients, on the very numbers that are then timed. All
are timed in turn in one process, with one thread, and then with all in another.
A compile time is the first call less the median. The whole table takes about
ten minutes on two cores, half of it XL, and a minute for torch.compile to
compile; --quick leaves out L, XL and torch.compile, and takes less than one.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import command
import peers  # noqa: F401  enters them into COMPETITORS
from competitors import COMPETITORS, entered
from machine import busy, cores, set_threads
from measuring import Disagreement, measure, prepare, progress
from problems import SIZES, make_problem, work
from results import count, read
from table import block, notes, record, targets

GROUPS = list(dict.fromkeys(entry.group for entry in COMPETITORS.values()))
WHOLE = {"sizes": list(SIZES), "groups": GROUPS, "rounds": 30}
QUICK = {
    "sizes": ["H", "H1024", "M", "D"],
    "groups": [g for g in GROUPS if g != "torch.compile"],
    "rounds": 5,
}


BUSY = 0.15  # share of the machine that others may use while several threads are timed


def run(
    sizes: Sequence[str],
    groups: Sequence[str],
    dtype: str,
    rounds: int,
    threads: int,
    later: int = 0,
) -> dict[str, Any]:
    """Measures in this process, prints the table, and returns it. Raises
    Disagreement.

    `later` runs like this one are still to come, which tells how much time is
    left in all.
    """
    set_threads(threads)
    # Who waits for one thread that is kept waiting waits with all of them.
    others = busy() if threads > 1 else None
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", dtype == "float64")
    # What JAX does once in a process is no part of the first size's compile time.
    jax.block_until_ready(jax.jit(jax.value_and_grad(lambda a: a @ a))(np.ones(2, dtype)))
    start, cases = time.perf_counter(), []
    for name in sizes:
        progress(f"{name}: drawing its numbers")
        problem = make_problem(*SIZES[name]).astype(dtype)
        cases.append(prepare(name, problem, entered(groups, name)))
    measure(cases, rounds, later=later, later_s=later * (time.perf_counter() - start))
    table = {case.name: record(case, *SIZES[case.name], work(*SIZES[case.name])) for case in cases}
    found = {"dtype": dtype, "threads": threads, "rounds": rounds, "sizes": table}
    blocks = [block(name, case) for name, case in table.items()]
    last = [text for text in ("\n".join(notes(found)), targets(found)) if text]
    title = f"{dtype}, {count(threads, 'thread')}, {count(rounds, 'round')}"
    blocks = [*blocked(others), *blocks]
    print(title, *blocks, *last, "", sep="\n\n", end="", flush=True)
    return found


def blocked(others: float | None) -> list[str]:
    """What there is to say where others use so large a share of the machine."""
    if others is None or others <= BUSY:
        return []
    return [
        f"{others:.0%} of the machine is busy with something else:\nwith several threads these "
        "figures tell nothing."
    ]


def run_apart(options: argparse.Namespace, threads: int, later: int) -> dict[str, Any]:
    """`run` in a process of its own: the number of threads is read once, at import."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "run.json")
        given = {"sizes": ",".join(options.sizes), "groups": ",".join(options.groups)}
        given |= {
            "dtype": options.dtype,
            "rounds": options.rounds,
            "threads": threads,
            "later": later,
            "json": file,
        }
        child = subprocess.Popen(
            [sys.executable, __file__, *(f"--{name}={value}" for name, value in given.items())]
        )
        try:
            child.wait()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)  # harmless where the terminal has told it already
            sys.exit(child.wait())
        if child.returncode:
            sys.exit(child.returncode)
        (found,) = read(file, "core")["runs"]
        return found


def parse() -> argparse.Namespace:
    parser = command.make_parser(__doc__)
    parser.add_argument(
        "--sizes", type=partial(command.some_of, list(SIZES)), help=f"some of {','.join(SIZES)}"
    )
    parser.add_argument(
        "--groups", type=partial(command.some_of, GROUPS), help=f"some of {','.join(GROUPS)}"
    )
    parser.add_argument(
        "--dtype", choices=("float32", "float64"), default="float32", help="default: %(default)s"
    )
    parser.add_argument(
        "--rounds", type=command.number, help="of all competitors in a new order; default: 30"
    )
    parser.add_argument("--threads", type=command.threads, help="default: one, and then all")
    # What `run_apart` tells a part of a whole.
    parser.add_argument("--later", type=partial(command.number, least=0), help=argparse.SUPPRESS)
    return command.parse(parser, "core", WHOLE, QUICK)


def main() -> None:
    options = parse()
    whole = options.later is None
    found = command.begin("core", quiet=not whole)
    missing = [
        name
        for name, entry in COMPETITORS.items()
        if entry.group in options.groups and not entry.installed
    ]
    if whole and missing:
        print(
            f"not installed: {', '.join(missing)}: pip install -e '.[peers]'",
            end="\n\n",
            flush=True,
        )
    if options.threads:
        command.exit_on_interrupt()
        chosen = {
            name: getattr(options, name)
            for name in ("sizes", "groups", "dtype", "rounds", "threads")
        }
        try:
            found["runs"] = [run(**chosen, later=options.later or 0)]
        except Disagreement as error:
            progress("")
            sys.exit(str(error))
    else:
        counts = sorted({1, cores()})
        found["runs"] = [
            run_apart(options, n, later)
            for n, later in zip(counts, range(len(counts))[::-1], strict=True)
        ]
    command.finish(options, found)


if __name__ == "__main__":
    main()
