"""The benchmark of the core: loss and all gradients of a ReLU network, half squared error, mean over the batch.

    floor             the 3 L - 1 matrix products of the pass and nothing else, into buffers made beforehand
    manual            NumPy, the gradients derived by hand
    ref, op by op     JAX without jit
    ref, jit          JAX, compiled for the shapes
    peers             torch, torch.compile, scikit-learn, HIPS autograd, micrograd: as far as they are installed

Nothing is timed before all of them have agreed with manual in float64, by == in every entry of loss and gradients, on
the very numbers that are then timed. All are timed in turn in one process, with one thread, and then with all in
another. The whole table takes about ten minutes on two cores, half of it XL, and a minute for torch.compile to compile;
--quick leaves out L, XL and torch.compile, and takes less than one.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import peers  # noqa: F401  enters them into COMPETITORS
from competitors import COMPETITORS, entered
from machine import cores, heading, set_threads, setting
from measuring import Disagreement, measure, prepare, progress
from problems import SIZES, make_problem, work
from results import UnreadableError, check_writable, comparison, count, read, write
from table import block, notes, record, targets

GROUPS = list(dict.fromkeys(entry.group for entry in COMPETITORS.values()))
QUICK = {"sizes": ["H", "H1024", "M", "D"], "groups": [g for g in GROUPS if g != "torch.compile"], "rounds": 5}


def run(
    sizes: Sequence[str], groups: Sequence[str], dtype: str, rounds: int, threads: int, later: int
) -> dict[str, Any]:
    """Measures in this process, prints the table, and returns it. Raises Disagreement."""
    set_threads(threads)
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
    print(title, *blocks, *last, "", sep="\n\n", end="", flush=True)
    return found


def run_apart(options: argparse.Namespace, threads: int, later: int) -> dict[str, Any]:
    """`run` in a process of its own: the number of threads is read once, at import."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "run.json")
        given = {"sizes": ",".join(options.sizes), "groups": ",".join(options.groups)}
        given |= {"dtype": options.dtype, "rounds": options.rounds, "threads": threads, "later": later, "json": file}
        child = subprocess.Popen([sys.executable, __file__, *(f"--{name}={value}" for name, value in given.items())])
        try:
            child.wait()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)  # harmless where the terminal has told it already
            sys.exit(child.wait())
        if child.returncode:
            sys.exit(child.returncode)
        (found,) = read(file)["runs"]
        return found


def interrupted(*_: Any) -> None:
    """Exits on the spot: a KeyboardInterrupt in the middle of an import comes out as an ImportError."""
    progress("")
    print("interrupted, nothing to report", file=sys.stderr, flush=True)
    os._exit(130)


def some_of(known: Sequence[str], text: str) -> list[str]:
    names = list(dict.fromkeys(text.split(",")))
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"found {', '.join(map(repr, unknown))}, expected some of {','.join(known)}")
    return names


def number(text: str, most: int | None = None, least: int = 1) -> int:
    if not text.isdecimal() or int(text) < least or (most and int(text) > most):
        expected = f"a whole number from {least} to {most}" if most else f"a whole number from {least} on"
        raise argparse.ArgumentTypeError(f"found {text!r}, expected {expected}")
    return int(text)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=partial(some_of, list(SIZES)), help=f"some of {','.join(SIZES)}; default: all")
    parser.add_argument("--groups", type=partial(some_of, GROUPS), help=f"some of {','.join(GROUPS)}; default: all")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default: %(default)s")
    parser.add_argument("--rounds", type=number, help="of all competitors in a new order; default: 30")
    parser.add_argument("--threads", type=partial(number, most=cores()), help="default: one, and then all")
    parser.add_argument("--quick", action="store_true", help=f"{','.join(QUICK['sizes'])}, {QUICK['rounds']} rounds")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured to a file")
    parser.add_argument("--against", metavar="FILE", help="say what got slower since an earlier --json")
    parser.add_argument("--later", type=partial(number, least=0), help=argparse.SUPPRESS)  # further runs, of a part
    options = parser.parse_args()
    for name, default in (QUICK if options.quick else {"sizes": list(SIZES), "groups": GROUPS, "rounds": 30}).items():
        setattr(options, name, getattr(options, name) or default)
    try:
        if options.json:
            check_writable(options.json)
        options.earlier = options.against and read(options.against)
    except UnreadableError as error:
        parser.error(str(error))
    return options


def main() -> None:
    options = parse()
    found = {"benchmark": "core", "setting": setting()}
    if options.later is None:
        print(heading(found["setting"]))
        missing = [name for name, entry in COMPETITORS.items() if entry.group in options.groups and not entry.installed]
        if missing:
            print(f"not installed: {', '.join(missing)}: python -m pip install -e '.[peers]'")
        print(flush=True)
    if options.threads:
        signal.signal(signal.SIGINT, interrupted)
        chosen = {name: getattr(options, name) for name in ("sizes", "groups", "dtype", "rounds", "threads")}
        try:
            found["runs"] = [run(**chosen, later=options.later or 0)]
        except Disagreement as error:
            progress("")
            sys.exit(str(error))
    else:
        counts = sorted({1, cores()})
        found["runs"] = [
            run_apart(options, n, later) for n, later in zip(counts, range(len(counts))[::-1], strict=True)
        ]
    if options.json:
        write(options.json, found)
    if options.earlier:
        print(comparison(options.earlier, found, options.against))


if __name__ == "__main__":
    main()
