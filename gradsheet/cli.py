"""The command `gradsheet`. Everything heavy is imported where it is needed, so that `--help` answers at once."""

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from gradsheet.judgement import Report
    from gradsheet.sheet import Sheet

HOMEWORK = ("numbers.toml", "symbols.toml")

EPILOG = """\
verdicts:
  right        true in every digit printed, and so is every line of the working
  rounded      off in the last digits, as rounding the values printed before explains
  lucky        the number is true, the working is not
  wrong        not the truth, or nothing that can be evaluated
  cannot_tell  no verdict is honest: a kink in the way, or witnesses that disagree

exit status:
  0  every claim has the verdict on record ("expect"; without one: right or rounded)
  1  some claim has not
  2  a sheet could not be read, or the command was used wrongly

A sheet is a TOML file of at most 256 kB, with up to 500 claims, 32 layers and 4,096 parameters.
A formula has up to 1,000 characters, a number up to 40 digits, a power an exponent up to 16.
A sheet may take a second; what is not judged by then is cannot_tell.
docs/writing-a-sheet.md has the keys and the formula language, with an example.

gradsheet blind SHEET lists the mistakes that a sheet's questions cannot see."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gradsheet",
        description="Judge the claims of answer sheets on backpropagation, exactly and without tolerances.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sheets",
        nargs="*",
        metavar="SHEET",
        help="an answer sheet, or a folder of them (*.toml); - is standard input; none: the two homeworks shipped",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print only the claims that are not as expected")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show every line of the working with what it gives, and the proofs"
    )
    parser.add_argument(
        "--hint", action="store_true", help="tell kind and place of a mistake, and neither the truth nor a formula"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument("--gradescope", metavar="FILE", help="write results.json for Gradescope, a test a claim")
    parser.add_argument("--junit", metavar="FILE", help="write JUnit XML, a test case a claim")
    return parser


T = TypeVar("T")


def _with_sheet(path: str, shown: str, use: "Callable[[Sheet], T]") -> "T | Report":
    """What comes of a sheet, or why nothing does: nothing that a file contains may end in a traceback."""
    from gradsheet.judgement import Report
    from gradsheet.real import Undecided
    from gradsheet.sheet import MAX_BYTES, SheetError, decode, load

    if not path:
        return Report(shown, error="no sheet in this folder, expected files *.toml")
    if "\0" in path:
        return Report(shown, error="no file has a NUL byte in its name")
    try:
        if path == "-" and sys.stdin is None:
            return Report(shown, error="standard input is closed")
        return use(decode(sys.stdin.buffer.read(MAX_BYTES + 1), shown) if path == "-" else load(path, shown))
    except SheetError as error:
        return Report(shown, error=str(error), error_line=error.line)
    except OSError as error:
        return Report(shown, error=error.strerror or str(error))
    except Undecided as error:
        return Report(shown, error=str(error))
    except Exception as error:
        return Report(
            shown,
            error=f"the judge failed on this sheet, which is a fault of gradsheet: {type(error).__name__}: {error}",
        )


def _files(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every file to judge, and what reports call it: those named, and in folders every *.toml."""
    if not arguments:
        shipped = Path(__file__).parent / "homework"
        yield from ((str(shipped / name), f"homework/{name}") for name in HOMEWORK)
    for argument in arguments:
        if argument == "-" or "\0" in argument or not os.path.isdir(argument):
            yield argument, argument
            continue
        found = False
        for folder, inner, names in os.walk(argument):
            inner.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                if name.endswith(".toml") and os.path.isfile(path):  # no pipe or device, which may never end
                    found = True
                    yield path, path
        if not found:
            yield "", argument


def _blind(arguments: Sequence[str]) -> int:
    """Say of every sheet which mistakes it cannot see, and what would see them."""
    parser = argparse.ArgumentParser(
        prog="gradsheet blind",
        description="List the mistakes that leave every number that a sheet asks for as it is, and propose small whole "
        "numbers of the same shapes at which they show.",
        epilog="exit status: 0 every sheet sees every mistake, 1 some sheet does not, 2 a sheet could not be read",
    )
    parser.add_argument("sheets", nargs="*", metavar="SHEET", help="as for gradsheet itself")
    options = parser.parse_args(arguments)
    from gradsheet.blind import blindness, told
    from gradsheet.judgement import Report
    from gradsheet.report import clean, print_error

    status = 0
    try:
        for path, shown in _files(options.sheets):
            found = _with_sheet(path, shown, blindness)
            if isinstance(found, Report):
                print_error(found)
                status = 2
                continue
            print(f"{clean(shown)}: ", end="")
            print(*(clean(line) for line in told(found)), sep="\n", end="\n\n")
            status = max(status, int(bool(found.unseen)))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the sheets named on the command line and return the exit status of the contract."""
    try:
        return _main(arguments)
    except KeyboardInterrupt:
        print("gradsheet: interrupted", file=sys.stderr)
        return 130


def _main(arguments: Sequence[str] | None) -> int:
    for name in ("stdout", "stderr"):  # closed by whoever called
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if arguments[:1] == ["blind"]:
        return _blind(arguments[1:])
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.junit and options.junit == options.gradescope:
        parser.error(f"--junit and --gradescope cannot both write {options.junit!a}")
    files = list(_files(options.sheets))
    warnings.formatwarning = lambda message, *_, **__: f"gradsheet: warning: {message}\n"
    from gradsheet.exports import Export, Gradescope, Json, JUnit
    from gradsheet.report import Printer, Progress, Tally, clean
    from gradsheet.verdict import judge

    printer = Printer(colour=not os.environ.get("NO_COLOR"), verbose=options.verbose, quiet=options.quiet)
    tally, progress = Tally(), Progress(len(files))
    try:
        with ExitStack() as stack:
            exports: list[Export] = [stack.enter_context(Json(sys.stdout))] if options.json else []
            exports += [
                stack.enter_context(kind.to(path))
                for kind, path in ((Gradescope, options.gradescope), (JUnit, options.junit))
                if path
            ]
            for path, shown in files:
                progress.show(tally.sheets)
                report = _with_sheet(path, shown, judge)
                if options.hint:
                    report = report.hinted()
                tally.add(report)
                for export in exports:
                    export.add(report)
                if not options.json or report.error is not None:
                    if sys.stdout.isatty() or report.error is not None:
                        progress.clear()
                    printer.sheet(report)
        progress.clear()
        if not options.json:
            print(tally.line())
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        progress.clear()
        raise
    except OSError as error:
        print(f"gradsheet: {clean(error.filename or 'standard output')}: {error.strerror}", file=sys.stderr)
        return 2
    return 2 if tally.unread else int(tally.unexpected > 0)
