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
    """Write the worked solution of a sheet.

    Returns 0, or 2 where the sheet cannot be read or the file not be written;
    raises SystemExit where the options are wrong:
    `gradsheet solve sheet.toml -o solution.html`.
    """
    kinds = {ending: kind for kind, ending in FORMATS.items()}
    ending = FORMATS["text"] if options.o is None else Path(options.o).suffix.lower()
    kind = options.format or kinds.get(ending)
    if kind is None:
        formats = " or ".join(FORMATS)
        parser.error(f"the ending of {options.o!a} is that of no format: write --format {formats}")
    if same_file(options.o, options.sheet):
        parser.error(f"-o {options.o!a} is the sheet itself: give the solution another name")

    def written(sheet: Sheet) -> str:
        return WRITERS[kind](solution.solve(sheet))

    text = with_sheet(options.sheet, options.sheet, written)
    return print_error(text) if isinstance(text, Report) else put_out(text, options.o)
