"""The command `gradsheet`. Everything heavy is imported where it is needed, so that `--help` answers at once."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradsheet.verdict import Report

HOMEWORK = ("numbers.toml", "symbols.toml")

EPILOG = """\
verdicts:
  right        true in every digit printed, and so is every line of the working
  lucky        the number is true, the working is not
  wrong        not the truth, or nothing that can be evaluated
  cannot_tell  no verdict is honest: a kink in the way, or witnesses that disagree

exit status:
  0  every claim has the verdict on record ("expect"; without one: right)
  1  some claim has not
  2  a sheet could not be read, or the command was used wrongly

A sheet is a TOML file of at most 256 kB, with up to 500 claims and 4,096 parameters.
A formula has up to 1,000 characters, a number up to 40 digits."""


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
        help="an answer sheet; - is standard input; none: the two homeworks shipped",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show every line of the working with what it gives"
    )
    return parser


def _judge_file(path: str, shown: str) -> "Report":
    """The report on one file, or why there is none: nothing that a file contains may end in a traceback."""
    from gradsheet.sheet import MAX_BYTES, SheetError, decode, load
    from gradsheet.verdict import Report, judge

    if "\0" in path:
        return Report(shown, error="no file has a NUL byte in its name")
    try:
        sheet = decode(sys.stdin.buffer.read(MAX_BYTES + 1), shown) if path == "-" else load(path, shown)
        return judge(sheet)
    except SheetError as error:
        return Report(shown, error=str(error), error_line=error.line)
    except OSError as error:
        return Report(shown, error=error.strerror or str(error))
    except Exception as error:
        return Report(
            shown,
            error=f"the judge failed on this sheet, which is a fault of gradsheet: {type(error).__name__}: {error}",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the sheets named on the command line and return the exit status of the contract."""
    options = _parser().parse_args(arguments)
    files = [(path, path) for path in options.sheets]
    if not files:
        files = [(str(Path(__file__).parent / "homework" / name), f"homework/{name}") for name in HOMEWORK]
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    from gradsheet.report import Printer, as_json, summary_line

    printer = Printer(colour=not os.environ.get("NO_COLOR"), verbose=options.verbose)
    reports = []
    try:
        for path, shown in files:
            reports.append(_judge_file(path, shown))
            if not options.json or reports[-1].error is not None:
                printer.sheet(reports[-1])
        if options.json:
            import json

            print(json.dumps(as_json(reports), indent=1))
        else:
            print(summary_line(reports))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("gradsheet: interrupted", file=sys.stderr)
        return 130
    if any(report.error is not None for report in reports):
        return 2
    return int(any(not judgement.as_expected for report in reports for judgement in report.judgements))
