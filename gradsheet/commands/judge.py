"""`gradsheet SHEET ...`: the verdict on every claim, printed, and written for other programs."""

import argparse
import difflib
import os
import sys
from contextlib import ExitStack
from fractions import Fraction

from gradsheet.claims.sheet import VERDICTS
from gradsheet.commands.cli import COMMANDS
from gradsheet.commands.exports import Export, Gradescope, Json, JUnit
from gradsheet.commands.files import found, same_file, with_sheet
from gradsheet.commands.report import Printer, Progress, Tally
from gradsheet.language.shown import clean
from gradsheet.mistakes.judging import judge
from gradsheet.numbers.printed import NumberError, printed


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Judge the sheets named and return the exit status of the contract."""
    try:
        credit = dict(map(_credit, options.credit))
    except argparse.ArgumentTypeError as error:
        parser.error(f"argument --credit: {error}")
    for word in options.sheets:
        if os.path.exists(word):
            continue
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


def _credit(text: str) -> tuple[str, Fraction]:
    """A verdict and the share of its points that it earns."""
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
    options: argparse.Namespace, stack: ExitStack, credit: dict[str, Fraction], *, several: bool
) -> list[Export]:
    """The reports on one sheet or several for other programs."""
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
