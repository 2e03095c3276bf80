"""How many answer sheets a second the judge gets through, and what memory that
takes.

    .venv/bin/python benchmarks/sheets.py [--sheets 2000]

A class's worth of files is written to a temporary folder, once of each kind:
the homework with numbers, the one with symbols, the published examples. No two
sheets are the same, and each has a slip of its own: another digit in a number,
another index, number or sign in a line of working, and a second and third one
where that sheet is there already. One process judges them all for the first
time, on one core; the figures leave out its start. Memory is read after a tenth
of the sheets and at the end: it should not grow.
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


VALUE = re.compile(r"^value\s*=\s*(.*)$", re.MULTILINE)
WORKING = re.compile(r'^working\s*=\s*\["(.*)"\]', re.MULTILINE)
ALIKE = ("ijkm", "123", "+-")  # what one takes for the other in a formula


def slipped(text: str, rng: random.Random) -> str:
    """A sheet with one slip: another digit in a value, or where it has none
    another sign of a line of working."""
    digits = [
        at for found in VALUE.finditer(text) for at in range(*found.span(1)) if text[at].isdigit()
    ]
    if digits:
        at, others = rng.choice(digits), "123456789"  # a 0 in front would be no number
    else:
        lines = [found.span(1) for found in WORKING.finditer(text)]
        at = rng.choice([at for span in lines for at in range(*span) if text[at] in "".join(ALIKE)])
        others = next(signs for signs in ALIKE if text[at] in signs)
    return text[:at] + rng.choice(others.replace(text[at], "")) + text[at + 1 :]


def write_class(folder: Path, number: int, kinds: list[Path]) -> None:
    """`number` sheets, no two alike, each like one of `kinds` but for a slip of its own."""
    rng, seen = random.Random(7), {path.read_text() for path in kinds}
    for k in range(number):
        text = slipped(kinds[k % len(kinds)].read_text(), rng)
        while text in seen:
            text = slipped(text, rng)
        seen.add(text)
        (folder / f"{k:05d}.toml").write_text(text)


def memory() -> float:
    """The largest resident size so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def measure(title: str, number: int, kinds: list[Path]) -> None:
    from gradsheet.commands.cli import main

    def judge(paths: list[str]) -> None:
        if (status := main(paths)) > 2:  # interrupted, which it has said
            sys.exit(status)

    with tempfile.TemporaryDirectory() as name:
        write_class(Path(name), number, kinds)
        paths = sorted(str(path) for path in Path(name).iterdir())
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            judge(list(map(str, kinds)))  # the start: imports, and the programs of JAX
            wall, cpu = time.perf_counter(), time.process_time()
            judge(paths[: number // 10])
            early = memory()
            judge(paths[number // 10 :])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    speed = f"{number / wall:6.1f} a second by the clock, {number / cpu:6.1f} by the processor"
    print(
        f"{title:24s} {number:5d} sheets  {speed}  memory {early:.0f} MB after a tenth, "
        f"{memory():.0f} MB at the end"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sheets", type=int, default=2000)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core
    homework = sorted((ROOT / "gradsheet" / "homework").glob("*.toml"))
    published = sorted((ROOT / "tests" / "published").glob("*.toml"))
    for path in homework:
        measure(f"homework, {path.stem}", options.sheets, [path])
    measure("published examples", options.sheets // 4, published)
