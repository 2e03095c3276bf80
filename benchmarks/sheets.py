"""How many answer sheets a second the judge gets through, and what memory that takes.

    .venv/bin/python benchmarks/sheets.py [--sheets 2000]

A class's worth of files is written to a temporary folder: the two homeworks and the published examples in turn, each
with a digit or a letter of one claim changed at random, as students' sheets differ. One process judges them all, on one
core; the figures leave out its start. Memory is read after a tenth of the sheets and at the end: it should not grow.
"""

import argparse
import contextlib
import os
import random
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def write_class(folder: Path, number: int, kinds: list[Path]) -> None:
    """`number` sheets, each like one of `kinds` but for one digit of one claim, or where there are none for one slip in
    a line of working: another index, the other sign."""
    rng = random.Random(7)
    for k in range(number):
        text = kinds[k % len(kinds)].read_text()
        digits = [found.start(1) for found in re.finditer(r"^value\s*=\s*-?\d*\.?(\d)", text, re.MULTILINE)]
        if digits:
            at = rng.choice(digits)
            text = text[:at] + rng.choice("0123456789") + text[at + 1 :]
        else:
            lines = [line.span(1) for line in re.finditer(r'^working\s*=\s*\["(.*)"\]', text, re.MULTILINE)]
            slips = [at for start, end in lines for at in range(start, end) if text[at] in "ijkm123+-"]
            at = rng.choice(slips)
            alike = next(letters for letters in ("ijkm", "123", "+-") if text[at] in letters)
            text = text[:at] + rng.choice(alike.replace(text[at], "")) + text[at + 1 :]
        (folder / f"{k:05d}.toml").write_text(text)


def memory() -> float:
    """The largest resident size so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def measure(title: str, number: int, kinds: list[Path]) -> None:
    from gradsheet.cli import main

    def judge(paths: list[str]) -> None:
        if (status := main(paths)) > 2:  # interrupted, which it has said
            sys.exit(status)

    with tempfile.TemporaryDirectory() as name:
        write_class(Path(name), number, kinds)
        paths = sorted(str(path) for path in Path(name).iterdir())
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            judge(paths[: len(kinds)])  # the start: imports, and the programs of JAX
            judge(paths[: number // 10])
            early, wall, cpu = memory(), time.perf_counter(), time.process_time()
            judge(paths)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    speed = f"{number / wall:6.1f} a second by the clock, {number / cpu:6.1f} by the processor"
    print(f"{title:18s} {number:5d} sheets  {speed}  memory {early:.0f} MB after a tenth, {memory():.0f} MB at the end")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheets", type=int, default=2000)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core
    homework = sorted((ROOT / "gradsheet" / "homework").glob("*.toml"))
    published = sorted((ROOT / "tests" / "published").glob("*.toml"))
    measure("the two homeworks", options.sheets, homework)
    measure("published examples", options.sheets // 4, published)
