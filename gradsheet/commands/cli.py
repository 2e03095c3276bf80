"""The command `gradsheet`.

Everything heavy is imported where it is needed, so that `--help` answers at once.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from gradsheet.commands.files import found, same_file, with_sheet

if TYPE_CHECKING:
    from fractions import Fraction

    from gradsheet.commands.exports import Export

COMMANDS = ("solve", "blind", "fill", "new")

EPILOG = """\
verdicts:
  right            true in every digit printed, and so is every line of the working
  rounded          off in the last digits, as rounding the values printed before explains
  lucky            the number is true, the working is not
  carried_forward  not the truth, but a right step from an earlier value that is not it either
  wrong            not the truth, or nothing that can be evaluated
  open             a question without an answer yet
  cannot_tell      no verdict is honest: a kink in the way, or witnesses that disagree
  unread           what is asked or claimed cannot be read; the others are judged

exit status:
  0  every claim has the verdict on record ("expect"; without one: right or rounded)
  1  some claim has not, an open one among them
  2  a sheet, a claim or a line could not be read, or the command was used wrongly

A sheet is a TOML file of at most 256 kB, with up to 500 claims, 32 layers and 4,096 parameters.
A formula has up to 1,000 characters, a number up to 40 digits, a power an exponent up to 16.
A sheet may take 500,000 operations, counted before any is done; a larger one is refused whole.
docs/writing-a-sheet.md has the keys and the formula language, with an example.

further commands, each with its own --help:
  gradsheet solve SHEET  the complete worked solution, with a remark where the sheet went astray
  gradsheet blind SHEET  the mistakes that a sheet's questions cannot see
  gradsheet fill SHEET   the sheet with the true values of all that it asks for
  gradsheet new          a fresh exercise in small whole numbers, and its key"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gradsheet",
        description="Judge answer sheets on backpropagation, exactly and without tolerances.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sheets",
        nargs="*",
        metavar="SHEET",
        help="an answer sheet or a folder of them (*.toml), - for standard input, "
        "none at all for the two homeworks that come with gradsheet",
    )
    parser.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="leave out the claims that are right, or as on record",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="show every line of the working, what it gives and how it was read, and the proofs",
    )
    parser.add_argument(
        "--hint",
        action="store_true",
        help="tell kind and place of a mistake, and neither the truth nor a formula",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument(
        "--gradescope", metavar="FILE", help="write results.json for Gradescope, a test a claim"
    )
    parser.add_argument("--junit", metavar="FILE", help="write JUnit XML, a test case a claim")
    parser.add_argument(
        "--credit",
        metavar="VERDICT=SHARE",
        type=_credit,
        action="append",
        default=[],
        help="what share of its points a claim with this verdict earns, from 0 to 1, once or more; "
        "left out: right, rounded and carried_forward 1, the others 0",
    )
    return parser


def _credit(text: str) -> "tuple[str, Fraction]":
    """A verdict and the share of its points that it earns."""
    from gradsheet.claims.sheet import VERDICTS
    from gradsheet.numbers.printed import NumberError, printed

    verdict, _, number = text.partition("=")
    verdict = verdict.strip()
    if verdict not in VERDICTS:
        write = f"write lucky=0.5 or another of {', '.join(VERDICTS)}"
        raise argparse.ArgumentTypeError(f"{verdict!a} is no verdict: {write}")
    try:
        share = printed(number).value
    except NumberError:
        share = None
    if share is None or not 0 <= share <= 1:
        write = f"write {verdict}=0.5 or another number from 0 to 1"
        raise argparse.ArgumentTypeError(f"{number!a} is no share: {write}")
    return verdict, share


def _exports(
    options: argparse.Namespace, stack: ExitStack, credit: "dict[str, Fraction]", *, several: bool
) -> "list[Export]":
    """The reports on one sheet or several for other programs; only then what they need is imported."""
    if not (options.json or options.gradescope or options.junit):
        return []
    from gradsheet.commands.exports import Gradescope, Json, JUnit

    found: list[Export] = []
    if options.json:
        found.append(stack.enter_context(Json(sys.stdout)))
    if options.gradescope:
        found.append(stack.enter_context(Gradescope.to(options.gradescope)))
    if options.junit:
        found.append(stack.enter_context(JUnit.to(options.junit)))
    for export in found:
        export.credit, export.several = credit, several
    return found


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
        from gradsheet.commands import further as commands

        return int(getattr(commands, arguments[0])(arguments[1:]))
    parser = _parser()
    options = parser.parse_args(arguments)
    credit = dict(options.credit)
    for word in options.sheets:
        if os.path.exists(word):
            continue
        import difflib

        if near := difflib.get_close_matches(word, COMMANDS, 1, 0.75):
            what = f"did you mean {near[0]}?"
            if word in COMMANDS:
                what = f"the command comes first: gradsheet {word}"
            parser.error(f"there is no file {word!a}: {what}")
    if options.junit and options.junit == options.gradescope:
        parser.error(f"--junit and --gradescope cannot both write {options.junit!a}")
    files = list(found(options.sheets))
    for option in ("junit", "gradescope"):
        if any(same_file(getattr(options, option), path) for path, _ in files):
            parser.error(
                f"--{option} {getattr(options, option)!a} is a sheet itself: give the report another name"
            )
    from gradsheet.claims.verdict import judge
    from gradsheet.commands.report import Printer, Progress, Tally
    from gradsheet.language.shown import clean

    colour = not os.environ.get("NO_COLOR")
    printer = Printer(colour=colour, verbose=options.verbose, quiet=options.quiet)
    tally, progress, exports = Tally(credit), Progress(len(files)), list["Export"]()
    try:
        with ExitStack() as stack:
            exports += _exports(options, stack, credit, several=len(files) > 1)
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
                if not options.json and len(files) > 1:
                    printer.credit(report, credit)
        progress.clear()
        if not options.json:
            printer.summary(tally)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        progress.clear()
        raise
    except OSError as error:
        name = clean(error.filename or "standard output")
        print(f"gradsheet: {name}: {error.strerror}", file=sys.stderr)
        return 2
    for export in exports:
        if export.failed is not None:
            print(
                f"gradsheet: {clean(str(export.path))}: {export.failed.strerror}", file=sys.stderr
            )
    return 2 if any(export.failed is not None for export in exports) else tally.status()
