"""The commands behind `gradsheet solve`, `blind`, `fill` and `new`. Each takes arguments and gives its exit status."""

import argparse
import os
import random
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradsheet.commands.files import found, same_file, text_in, with_sheet, with_text, write

if TYPE_CHECKING:
    from gradsheet.claims.judgement import Report
    from gradsheet.solution.exercise import Exercise

FORMATS = {"text": ".txt", "markdown": ".md", "html": ".html", "latex": ".tex", "sheet": ".toml"}
MAX_LIST = 1_000_000  # bytes of a class list


def _told(report: "Report") -> int:
    from gradsheet.commands.report import print_error

    print_error(report)
    return 2


def _put_out(text: str, path: str | None) -> int:
    """Print a text, or write it to a file whole."""
    from gradsheet.language.shown import clean

    try:
        if path is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            write(Path(path), text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        print(f"gradsheet: {clean(path or 'standard output')}: {clean(reason)}", file=sys.stderr)
        return 2
    return 0


def _parser(command: str, description: str, sheet: str) -> argparse.ArgumentParser:
    """The parser of a command that reads a sheet and writes a text."""
    parser = argparse.ArgumentParser(
        prog=f"gradsheet {command}",
        description=description,
        epilog="exit status: 0 done, 2 the sheet could not be read or the file not be written",
    )
    parser.add_argument("sheet", metavar="SHEET", help=f"{sheet}; - is standard input")
    parser.add_argument(
        "-o",
        metavar="FILE",
        help="write to a file, whole or not at all, instead of standard output",
    )
    return parser


def solve(arguments: Sequence[str]) -> int:
    """Write the worked solution of a sheet."""
    parser = _parser(
        "solve",
        "Write the complete worked solution of a sheet: forward pass, loss, backward pass layer by layer, and every "
        "claim answered, with a remark where the sheet went astray. Its claims may be questions, without value and "
        "working.",
        "an answer sheet",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="what to write; left out, FILE's ending tells (.txt .md .html .tex .toml), without FILE it is text; sheet "
        "is an answer sheet with a claim for every step",
    )
    options = parser.parse_args(arguments)
    kind = options.format or _format_of(options.o)
    if kind is None:
        parser.error(
            f"the ending of {options.o!a} is that of no format: write --format {' or '.join(FORMATS)}"
        )
    if same_file(options.o, options.sheet):
        parser.error(f"-o {options.o!a} is the sheet itself: give the solution another name")
    from gradsheet.claims.judgement import Report
    from gradsheet.claims.sheet import Sheet

    def solved(sheet: Sheet) -> str:
        solution = sheet.solve()
        return solution.answer_sheet() if kind == "sheet" else str(getattr(solution, kind)())

    text = with_sheet(options.sheet, options.sheet, solved)
    return _told(text) if isinstance(text, Report) else _put_out(text, options.o)


def _format_of(path: str | None) -> str | None:
    if path is None:
        return "text"
    ending = Path(path).suffix.lower()
    return next((kind for kind, own in FORMATS.items() if own == ending), None)


def fill(arguments: Sequence[str]) -> int:
    """Write a sheet with its answers."""
    parser = _parser(
        "fill",
        "Write a sheet with the true value below every claim that has a quantity and no value. Everything else stays "
        "as it is.",
        "a sheet with numbers",
    )
    options = parser.parse_args(arguments)
    from gradsheet.claims.judgement import Report
    from gradsheet.solution import filling

    text = with_text(options.sheet, options.sheet, lambda text: filling.fill(text, options.sheet))
    return _told(text) if isinstance(text, Report) else _put_out(text, options.o)


def blind(arguments: Sequence[str]) -> int:
    """Say of every sheet which mistakes it cannot see, and what would see them."""
    parser = argparse.ArgumentParser(
        prog="gradsheet blind",
        description="List the mistakes that leave every number that a sheet asks for as it is, and propose small whole "
        "numbers of the same shapes at which they show.",
        epilog="exit status: 0 every sheet sees every mistake, 1 some sheet does not, 2 a sheet could not be read",
    )
    parser.add_argument("sheets", nargs="*", metavar="SHEET", help="as for gradsheet itself")
    options = parser.parse_args(arguments)
    from gradsheet.claims.judgement import Report
    from gradsheet.commands.report import print_error
    from gradsheet.language.shown import clean
    from gradsheet.mistakes.blind import blindness, told

    status = 0
    try:
        for path, shown in found(options.sheets):
            seen = with_sheet(path, shown, blindness)
            if isinstance(seen, Report):
                print_error(seen)
                status = 2
                continue
            print(f"{clean(shown)}: ", end="")
            print(*(clean(line) for line in told(seen)), sep="\n", end="\n\n")
            status = max(status, int(bool(seen.unseen)))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def new(arguments: Sequence[str]) -> int:
    """Write fresh exercises and their keys."""
    parser = argparse.ArgumentParser(
        prog="gradsheet new",
        description="Write a fresh exercise in small whole numbers: a sheet that asks, and in a folder beside it the "
        "same sheet with the answers. Every mistake of the catalogue that can be made on the way changes something "
        "that is asked for. The same seed gives the same exercise.",
        epilog="exit status: 0 done, 2 no exercise of this kind, or a file could not be read or written",
    )
    parser.add_argument(
        "--widths",
        required=True,
        metavar="N,N,...",
        help="the inputs, then the units of every layer",
    )
    parser.add_argument(
        "--activations",
        metavar="NAME,...",
        help="one a layer; left out, relu and on the last layer identity",
    )
    parser.add_argument(
        "--loss", default="half_squared_error", metavar="NAME", help="left out: half_squared_error"
    )
    parser.add_argument(
        "--examples", type=int, metavar="N", help="a batch of so many; left out, a single example"
    )
    parser.add_argument("--no-biases", action="store_true", help="layers without biases")
    parser.add_argument("--title", default="", help="the title of the sheets")
    parser.add_argument(
        "--seed", metavar="SEED", help="a number or a word; left out, one is drawn and told"
    )
    parser.add_argument(
        "--class",
        dest="names",
        metavar="FILE",
        help="a list of names, one a line; - is standard input: an exercise for each, no two alike",
    )
    parser.add_argument(
        "-o",
        default="",
        metavar="FOLDER",
        help="where to write, keys into FOLDER-keys; left out, here and into keys",
    )
    options = parser.parse_args(arguments)
    seed = options.seed or str(random.SystemRandom().randrange(1_000_000))
    from gradsheet.commands.report import Progress
    from gradsheet.language.shown import clean
    from gradsheet.solution.exercise import ExerciseError

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
    from gradsheet.claims.sheet import SheetError
    from gradsheet.solution.exercise import ExerciseError, Plan, class_list, exercise, stems

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
