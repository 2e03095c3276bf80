"""The command `gradsheet`. Everything heavy is imported where it is needed, so that `--help` answers at once."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from gradsheet.files import found, with_sheet

if TYPE_CHECKING:
    from gradsheet.exports import Export

COMMANDS = ("solve", "blind", "fill", "new")

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

further commands, each with its own --help:
  gradsheet solve SHEET  the complete worked solution, with a remark where the sheet went astray
  gradsheet blind SHEET  the mistakes that a sheet's questions cannot see
  gradsheet fill SHEET   the sheet with the true values of all that it asks for
  gradsheet new          a fresh exercise in small whole numbers, and its key"""


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


def _exports(options: argparse.Namespace, stack: ExitStack) -> "list[Export]":
    """The reports for other programs that are asked for; without any, what they need is not imported."""
    if not (options.json or options.gradescope or options.junit):
        return []
    from gradsheet.exports import Gradescope, Json, JUnit

    found: list[Export] = [stack.enter_context(Json(sys.stdout))] if options.json else []
    files = ((Gradescope, options.gradescope), (JUnit, options.junit))
    return found + [stack.enter_context(kind.to(path)) for kind, path in files if path]


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
    warnings.formatwarning = lambda message, *_, **__: f"gradsheet: warning: {message}\n"
    if arguments and arguments[0] in COMMANDS:
        from gradsheet import commands

        return int(getattr(commands, arguments[0])(arguments[1:]))
    parser = _parser()
    options = parser.parse_args(arguments)
    for word in options.sheets:
        if os.path.exists(word):
            continue
        import difflib

        if near := difflib.get_close_matches(word, COMMANDS, 1, 0.75):
            what = f"the command comes first: gradsheet {word}" if word in COMMANDS else f"did you mean {near[0]}?"
            parser.error(f"there is no file {word!a}: {what}")
    if options.junit and options.junit == options.gradescope:
        parser.error(f"--junit and --gradescope cannot both write {options.junit!a}")
    files = list(found(options.sheets))
    from gradsheet.report import Printer, Progress, Tally, clean
    from gradsheet.verdict import judge

    printer = Printer(colour=not os.environ.get("NO_COLOR"), verbose=options.verbose, quiet=options.quiet)
    tally, progress = Tally(), Progress(len(files))
    try:
        with ExitStack() as stack:
            exports = _exports(options, stack)
            for path, shown in files:
                progress.show(tally.sheets)
                report = with_sheet(path, shown, judge)
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
