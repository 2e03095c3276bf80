"""`gradsheet new`: fresh exercises and their keys."""

import argparse
import itertools
import random
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gradsheet.claims.composing import string
from gradsheet.claims.sheet import SheetError
from gradsheet.commands.files import complain, text_in, write
from gradsheet.commands.report import Progress
from gradsheet.language.shown import clean
from gradsheet.solution.exercise import (
    Exercise,
    ExerciseError,
    Outline,
    class_list,
    exercise,
    stems,
)

MAX_LIST = 1_000_000  # bytes of a class list


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Write fresh exercises and their keys.

    Files of the same seed that are there already stay. Returns 0, or 2 where
    there is no such exercise or a file cannot be read or written; those written
    by then stay, also where somebody interrupts:
    `gradsheet new --widths 2,3,1 --seed 7 -o sheets`.
    """
    seed = options.seed or str(random.SystemRandom().randrange(1_000_000))
    done, progress = 0, Progress(0)
    try:
        source = _source(options, seed)
        file_stems, exercises = _exercises(options, seed, source)
        places, kept = _places(options.o, file_stems, source), 0
        progress = Progress(len(places), "exercises", least=1)
        if not options.seed:
            print(f"seed {seed}")
        progress.show(0)
        for paths, fresh in zip(places, exercises, strict=True):
            progress.clear()
            kept += not _written(paths, (fresh.problem, fresh.key))
            done += 1
            progress.show(done)
        progress.clear()
        if kept:
            print(f"{kept} of {done} exercises were there already")
    except (ExerciseError, OSError, ValueError, KeyboardInterrupt) as error:
        progress.clear()
        if isinstance(error, OSError | UnicodeError):
            where = getattr(error, "filename", None) or options.o or "here"
            complain(str(where), getattr(error, "strerror", None) or str(error))
        elif not isinstance(error, KeyboardInterrupt):
            print(f"gradsheet: {clean(str(error))}", file=sys.stderr)
        if done:
            written = f"{done} of {progress.total} exercises are written"
            again = f"--seed {clean(seed)} gives the same ones again"
            print(f"gradsheet: {written}; {again}", file=sys.stderr)
        if isinstance(error, KeyboardInterrupt):
            raise
        return 2
    return 0


def _outline(options: argparse.Namespace) -> Outline:
    """The kind of exercise that the options ask for; raises ExerciseError where there is none."""
    try:
        widths = tuple(int(width) for width in options.widths.split(","))
    except ValueError:
        expected = "expected whole numbers with commas: 2,3,3,1"
        raise ExerciseError(f"--widths {options.widths!r}, {expected}") from None
    depth = len(widths) - 1
    named = options.activations or ",".join(["relu"] * (depth - 1) + ["identity"])
    activations = tuple(name.strip() for name in named.split(","))
    return Outline(
        widths, activations, options.loss, options.examples, not options.no_biases, options.title
    )


def _source(options: argparse.Namespace, seed: str) -> str:
    """The command that makes the same exercises again; names may be added to the list."""
    words = ["gradsheet", "new", "--widths", options.widths]
    for name in ("activations", "loss", "examples", "title"):
        if value := getattr(options, name):
            words += [f"--{name}", str(value)]
    if options.no_biases:
        words.append("--no-biases")
    words += ["--seed", seed]
    if options.names is not None:
        words += ["--class", "FILE"]
    return shlex.join(words)


def _exercises(
    options: argparse.Namespace, seed: str, source: str
) -> tuple[list[str], Iterator[Exercise]]:
    """The stems of the files to write, and the exercises, each drawn when it is asked for."""
    outline = _outline(options)
    source.encode()  # what no file can hold is told before there is a folder
    if options.names is None:
        stem = f"exercise-{re.sub(r'[^A-Za-z0-9_-]+', '-', seed)[:60]}"
        return [stem], map(exercise, [outline], [seed], [source])
    try:
        lines = text_in(options.names, MAX_LIST).splitlines()
    except SheetError as error:
        raise ExerciseError(f"{options.names}: {error}") from None
    names = [line for line in map(str.strip, lines) if line and not line.startswith("#")]
    if not names:
        raise ExerciseError(f"no name in {options.names}, expected one a line")
    return stems(names), (fresh for _, fresh in class_list(outline, names, seed, source))


def _places(out: str, file_stems: Iterable[str], source: str) -> list[tuple[Path, Path]]:
    """Where every exercise goes, and its key; raises ExerciseError where something
    is there that does not come from the same command."""
    folder = Path(out)
    keys = folder / "keys" if folder.name in ("", "..") else folder.with_name(f"{folder.name}-keys")
    places = [(folder / f"{stem}.toml", keys / f"{stem}.toml") for stem in file_stems]
    for path in itertools.chain.from_iterable(places):
        if path.exists() and f"source = {string(source)}\n" not in _text(path):
            raise _taken(path)
    return places


def _written(paths: Sequence[Path], texts: Sequence[str]) -> bool:
    """Write those files that are not there yet; returns whether there were any.

    Raises ExerciseError where one has another text.
    """
    missing = [(path, text) for path, text in zip(paths, texts, strict=True) if not path.exists()]
    for path, text in zip(paths, texts, strict=True):
        if path.exists() and _text(path) != text:
            raise _taken(path)
    for path, text in missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, text)
        print(clean(str(path)), flush=True)
    return bool(missing)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _taken(path: Path) -> ExerciseError:
    advice = "name another folder with -o, or write the command that stands in its source"
    return ExerciseError(f"{path} is there already, with other content: {advice}")
