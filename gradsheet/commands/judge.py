"""`gradsheet SHEET ...`: the verdict on every claim, printed, and written for other programs."""

import argparse
import difflib
import gc
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction

from gradsheet.claims.judgement import Report
from gradsheet.claims.sheet import VERDICTS
from gradsheet.commands.cli import COMMANDS
from gradsheet.commands.exports import Export, Gradescope, Json, JUnit
from gradsheet.commands.files import complain, same_file, sheet_files, silence_stdout, with_problems
from gradsheet.commands.keys import judge_by_key, key_of
from gradsheet.commands.report import FULL, Printer, Progress, Tally
from gradsheet.mistakes.judging import judge
from gradsheet.numbers.printed import NumberError, printed

RARELY = 10_000  # objects more, from which on a collection looks for circles among them
HOMEWORKS = (
    "The two homeworks that come with gradsheet, judged claim by claim, with reasons for what is "
    'wrong. "gradsheet SHEET" judges one of yours; --help has the rest.'
)


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Judge the sheets named and return the exit status of the contract.

    `gradsheet -q class/ --junit report.xml` returns 0 where every claim has the
    verdict on record, 1 where one has not, and 2 where something could not be
    read or written; raises SystemExit where the options are wrong.
    """
    credit = dict(_credit(parser, text) for text in options.credit)
    if options.key is not None:
        credit = dict.fromkeys(FULL, Fraction(1)) | credit  # who has a key counts points
        _object_to_key(parser, options)
    _object_to_words(parser, options.sheets)
    files = list(sheet_files(options.sheets))
    keys = [key_of(path, options.key) for path, _ in files if options.key is not None]
    _object_to_reports(parser, options, [*(path for path, _ in files), *keys])
    tally, progress, exports = Tally(credit), Progress(len(files)), list[Export]()
    try:
        _judge_all(options, files, tally, progress, exports)
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
    except KeyboardInterrupt:
        progress.clear()
        raise
    except OSError as error:
        complain(error.filename or "standard output", str(error.strerror))
        return 2
    failures = [(export.path, export.failed) for export in exports if export.failed is not None]
    for path, failure in failures:
        complain(str(path), str(failure.strerror))
    return 2 if failures else tally.status()


def _judge_all(
    options: argparse.Namespace,
    files: Sequence[tuple[str, str]],
    tally: Tally,
    progress: Progress,
    exports: list[Export],
) -> None:
    """Judge every file, print it, and add it to the tally and to the reports that it opens.

    A caller has those in `exports` also where something ends the judging.
    """
    colour, several = not os.environ.get("NO_COLOR"), len(files) > 1
    printer = Printer(colour=colour, verbose=options.verbose, quiet=options.quiet)

    def told(report: Report) -> None:
        tally.add(report)
        for export in exports:
            export.add(report)
        if not options.json or report.error is not None:
            if sys.stdout.isatty() or report.error is not None:
                progress.clear()
            printer.sheet(report)
        if not options.json and several:
            printer.credit(report, tally.credit)

    with ExitStack() as stack:
        exports += [stack.enter_context(export) for export in _exports(options)]
        for export in exports:
            export.credit, export.several = tally.credit, several
        if not (options.sheets or options.json):
            printer.say(HOMEWORKS)
            print()
        for number, (path, shown) in enumerate(files):
            if number == 1:  # what the first sheet imported stays: collections pass over it
                gc.freeze()
                stack.callback(gc.set_threshold, *gc.get_threshold())
                gc.set_threshold(max(RARELY, gc.get_threshold()[0]))  # little is in circles
            progress.show(tally.sheets)
            if options.key is None:
                reports = with_problems(path, shown, judge)
            else:
                reports = judge_by_key(path, shown, options.key)
            for report in reports:
                told(report.hinted() if options.hint else report)
    progress.clear()
    if not options.json:
        printer.summary(tally)


def _object_to_words(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """End with a usage message where a word that is no file looks like a command."""
    for word in itertools.filterfalse(os.path.exists, words):
        if near := difflib.get_close_matches(word, COMMANDS, 1, 0.75):
            advice = f"did you mean {near[0]}?"
            if word in COMMANDS:
                advice = f"the command comes first: gradsheet {word}"
            parser.error(f"there is no file {word!a}: {advice}")


def _object_to_key(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with a usage message where --key has no sheets to judge, or is not there."""
    if not options.sheets:
        parser.error("--key is for sheets that were handed in: name them, or their folder")
    if not os.path.exists(options.key):
        parser.error(f"argument --key: there is no file or folder {options.key!a}")


def _object_to_reports(
    parser: argparse.ArgumentParser, options: argparse.Namespace, sheets: Sequence[str]
) -> None:
    """End with a usage message where a report would be written over another, or over a sheet."""
    if options.junit and options.junit == options.gradescope:
        parser.error(f"--junit and --gradescope cannot both write {options.junit!a}")
    for option, target in (("junit", options.junit), ("gradescope", options.gradescope)):
        if any(same_file(target, sheet) for sheet in sheets):
            parser.error(f"--{option} {target!a} is a sheet itself: give the report another name")


def _credit(parser: argparse.ArgumentParser, text: str) -> tuple[str, Fraction]:
    """A verdict and the share of its points that it earns, as in lucky=0.5."""
    verdict, _, number = text.partition("=")
    verdict = verdict.strip()
    if verdict not in VERDICTS:
        write = f"write lucky=0.5 or another of {', '.join(VERDICTS)}"
        parser.error(f"argument --credit: {verdict!a} is no verdict: {write}")
    try:
        share = printed(number).value
    except NumberError:
        share = None
    if share is None or not 0 <= share <= 1:
        write = f"write {verdict}=0.5 or another number from 0 to 1"
        parser.error(f"argument --credit: {number!a} is no share: {write}")
    return verdict, share


def _exports(options: argparse.Namespace) -> Iterator[Export]:
    """The reports for other programs, each opened as it is asked for; raises OSError."""
    if options.json:
        yield Json(sys.stdout)
    if options.gradescope:
        yield Gradescope.to(options.gradescope)
    if options.junit:
        yield JUnit.to(options.junit)
