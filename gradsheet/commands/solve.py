"""`gradsheet solve SHEET`: the complete worked solution."""

import argparse
from pathlib import Path

from gradsheet import solution
from gradsheet.claims.judgement import Report
from gradsheet.claims.sheet import Sheet
from gradsheet.commands.cli import FORMATS
from gradsheet.commands.files import put_out, same_file, with_sheet
from gradsheet.commands.report import print_error

WRITERS = {
    "text": solution.text,
    "markdown": solution.markdown,
    "html": solution.html,
    "latex": solution.latex,
    "sheet": solution.answer_sheet,
}


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Write the worked solution of a sheet."""
    kind = options.format or _format_of(options.o)
    if kind is None:
        parser.error(
            f"the ending of {options.o!a} is that of no format: write --format {' or '.join(FORMATS)}"
        )
    if same_file(options.o, options.sheet):
        parser.error(f"-o {options.o!a} is the sheet itself: give the solution another name")

    def solved(sheet: Sheet) -> str:
        return WRITERS[kind](solution.solve(sheet))

    text = with_sheet(options.sheet, options.sheet, solved)
    return print_error(text) if isinstance(text, Report) else put_out(text, options.o)


def _format_of(path: str | None) -> str | None:
    if path is None:
        return "text"
    ending = Path(path).suffix.lower()
    return next((kind for kind, own in FORMATS.items() if own == ending), None)
