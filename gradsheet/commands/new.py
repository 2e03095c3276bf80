"""`gradsheet new`: fresh exercises and their keys."""

import argparse
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradsheet.claims.sheet import SheetError
from gradsheet.commands.files import text_in, write
from gradsheet.commands.report import Progress
from gradsheet.language.shown import clean
from gradsheet.solution.exercise import Exercise, ExerciseError, Plan, class_list, exercise, stems

MAX_LIST = 1_000_000  # bytes of a class list


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Write fresh exercises and their keys."""
    seed = options.seed or str(random.SystemRandom().randrange(1_000_000))

    done, total, progress = 0, 1, Progress(0)
    try:
        total, made = _exercises(options, seed)
        progress = Progress(total, "exercises", least=1)
        if not options.seed:
            print(f"seed {seed}")
        progress.show(0)
        for files in made:
            progress.clear()
            for path, text in files:
                path.parent.mkdir(parents=True, exist_ok=True)
                write(path, text)
                print(clean(str(path)), flush=True)
            done += 1
            progress.show(done)
        progress.clear()
    except (ExerciseError, OSError, ValueError, KeyboardInterrupt) as error:
        progress.clear()
        if isinstance(error, OSError | UnicodeError):
            where = getattr(error, "filename", None) or options.o or "here"
            print(
                f"gradsheet: {clean(str(where))}: {getattr(error, 'strerror', None) or error}",
                file=sys.stderr,
            )
        elif not isinstance(error, KeyboardInterrupt):
            print(f"gradsheet: {clean(str(error))}", file=sys.stderr)
        if done:
            seeded = f"; --seed {clean(seed)} gives the same ones again"
            print(f"gradsheet: {done} of {total} exercises are written{seeded}", file=sys.stderr)
        if isinstance(error, KeyboardInterrupt):
            raise
        return 2
    return 0


def _exercises(options: Any, seed: str) -> tuple[int, Iterator[list[tuple[Path, str]]]]:
    """How many exercises are to be written, and the files of each, drawn when it is asked for."""

    try:
        widths = tuple(int(part) for part in options.widths.split(","))
    except ValueError:
        raise ExerciseError(
            f"--widths {options.widths!r}, expected whole numbers with commas: 2,3,3,1"
        ) from None
    depth = len(widths) - 1
    named = options.activations or ",".join(["relu"] * (depth - 1) + ["identity"])
    activations = tuple(part.strip() for part in named.split(","))
    plan = Plan(
        widths, activations, options.loss, options.examples, not options.no_biases, options.title
    )
    options.title.encode()  # what no file can hold is told before there is a folder
    if options.names is None:
        own = [f"exercise-{re.sub(r'[^A-Za-z0-9_-]+', '-', seed)[:60]}"]
        made: Iterator[tuple[str, Exercise]] = ((stem, exercise(plan, seed)) for stem in own)
    else:
        try:
            lines = text_in(options.names, MAX_LIST).splitlines()
        except SheetError as error:
            raise ExerciseError(f"{options.names}: {error}") from None
        names = [line.strip() for line in lines if line.strip()]
        if not names:
            raise ExerciseError(f"no name in {options.names}, expected one a line")
        own, made = stems(names), class_list(plan, names, seed)
    folder = Path(options.o)
    keys = folder / "keys" if folder.name in ("", "..") else folder.with_name(f"{folder.name}-keys")
    for path in (place / f"{stem}.toml" for stem in own for place in (folder, keys)):
        if path.exists():
            raise ExerciseError(
                f"{path} is there already: name another folder with -o, or another --seed"
            )
    return len(own), (
        [(folder / f"{stem}.toml", one.problem), (keys / f"{stem}.toml", one.key)]
        for stem, one in made
    )
