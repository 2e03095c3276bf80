"""What a pass costs against its work, over batch, width and depth, and how
compile time grows with depth.

    .venv/bin/python benchmarks/sweeps.py [--plots docs]

Those that take part at every size are timed, as by core.py: in turn, in one
process, with one thread, after agreement. Work is the floating-point operations
of the matrix products. A compile time is the median of three. Takes about a
minute, --quick a fraction. --plots FOLDER draws cost.svg and compile.svg and
needs matplotlib (the extra `plots`).
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import command
import peers  # noqa: F401  enters them into COMPETITORS
from competitors import COMPETITORS, entered
from machine import set_threads
from measuring import Case, Disagreement, compile_s, measure, prepare, progress, seconds
from problems import make_problem, work
from results import median_s, of_sweep
from table import flop_as, record, seconds_as, shape

Shape = tuple[tuple[int, ...], int]  # widths, batch

SWEEPS: dict[str, tuple[Callable[[int], Shape], Sequence[int]]] = {
    "batch": (lambda n: ((784, 256, 128, 10), n), [2**k for k in range(11)]),
    "width": (lambda n: ((n,) * 4, 128), [2**k for k in range(3, 11)]),
    "depth": (lambda n: ((32,) * (n + 1), 128), [2**k for k in range(9)]),
}
GROUPS = ("manual", "ref", "torch")
COLUMN = 10


def taking_part() -> list[str]:
    return [name for name in entered(GROUPS) if COMPETITORS[name].sizes is None]


def compile_times(case: Case) -> dict[str, float]:
    """In seconds, of those that compile: made anew twice, and the median with the first."""
    found = {}
    for name, times in case.times.items():
        if COMPETITORS[name].compiles:
            again = [seconds(COMPETITORS[name].make(case.problem)) for _ in range(2)]
            found[name] = compile_s(statistics.median([case.first_s[name], *again]), times)
    return found


def run(chosen: dict[str, Sequence[int]], rounds: int) -> dict[str, Any]:
    """Measures everything, and returns it as a run whose sizes are called
    "batch 1" and so on. Raises Disagreement."""
    set_threads(1)
    cases, shapes = [], {}
    for sweep, values in chosen.items():
        for value in values:
            name = f"{sweep} {value}"
            shapes[name] = SWEEPS[sweep][0](value)
            cases.append(
                prepare(name, make_problem(*shapes[name]).astype("float32"), taking_part())
            )
    measure(cases, rounds)
    sizes = {
        case.name: record(case, *shapes[case.name], work(*shapes[case.name])) for case in cases
    }
    for case in cases:
        if case.name.startswith("depth"):
            progress(f"{case.name}: compiling twice more")
            sizes[case.name]["compile_s"] = compile_times(case)
    progress("")
    return {"dtype": "float32", "threads": 1, "rounds": rounds, "sizes": sizes}


def heads(names: Sequence[str]) -> list[str]:
    """The names above the columns, in two lines: there is room for six."""
    words = [name.replace(",", "").rpartition(" ") for name in names]
    return ["".join(f"{word[part]:>{COLUMN}}" for word in words) for part in (0, 2)]


def table(run: dict[str, Any], sweep: str) -> str:
    """Seconds a pass, and at the end how fast that is where there is most work."""
    cases = of_sweep(run, sweep)
    widths, batch = SWEEPS[sweep][0](value := max(cases))
    names = list(cases[value]["competitors"])
    lines = [
        f"{sweep}, up to {shape(widths)} with batch {batch}: median of a pass",
        *(
            f"{first:>7}{second:>12}{line}"
            for first, second, line in zip(("", sweep), ("", "work"), heads(names), strict=True)
        ),
    ]
    for value, case in cases.items():
        times = "".join(f"{seconds_as(median_s(case, name)):>{COLUMN}}" for name in names)
        lines.append(f"{value:>7}{flop_as(case['flop']):>12}{times}")
    rates = "".join(f"{case['flop'] / median_s(case, name) / 1e9:>{COLUMN}.1f}" for name in names)
    return "\n".join([*lines, f"{'GFLOP/s at the last':>19}{rates}"])


def compile_table(run: dict[str, Any]) -> str:
    cases = of_sweep(run, "depth")
    names = list(next(iter(cases.values()))["compile_s"])
    lines = [
        "compile time, first call less median",
        f"{'depth':>7}" + "".join(f"{name:>16}" for name in names),
    ]
    for value, case in cases.items():
        lines.append(
            f"{value:>7}" + "".join(f"{seconds_as(case['compile_s'][name]):>16}" for name in names)
        )
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = command.make_parser(__doc__)
    parser.add_argument(
        "--rounds", type=command.number, help="of all competitors in a new order; default: 7"
    )
    parser.add_argument("--plots", metavar="FOLDER", help="draw cost.svg and compile.svg there")
    whole = {sweep: values for sweep, (_, values) in SWEEPS.items()}
    quick = {sweep: values[:: 3 if sweep == "batch" else 2] for sweep, values in whole.items()}
    options = command.parse(
        parser, "sweeps", {"rounds": 7, "sweeps": whole}, {"rounds": 3, "sweeps": quick}
    )
    if options.plots and not find_spec("matplotlib"):
        parser.error("--plots needs matplotlib, which is not installed: pip install -e '.[plots]'")
    if options.plots and not Path(options.plots).is_dir():
        parser.error(f"--plots is {options.plots}, expected a folder that exists")
    return options


def main() -> None:
    options = parse()
    found = command.begin("sweeps")
    command.exit_on_interrupt()
    try:
        found["runs"] = [run(options.sweeps, options.rounds)]
    except Disagreement as error:
        progress("")
        sys.exit(str(error))
    (measured,) = found["runs"]
    print(
        *(table(measured, sweep) for sweep in options.sweeps), compile_table(measured), sep="\n\n"
    )
    if options.plots:
        import plots

        plots.draw(measured, found["setting"]["machine"], Path(options.plots))
    command.finish(options, found)


if __name__ == "__main__":
    main()
