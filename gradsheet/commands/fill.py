"""`gradsheet fill SHEET`: the sheet with its answers."""

import argparse

from gradsheet.claims.judgement import Report
from gradsheet.commands.files import put_out, with_text
from gradsheet.commands.report import print_error
from gradsheet.solution.filling import fill


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Write a sheet with its answers.

    Returns 0, or 2 where the sheet cannot be answered or the file not be
    written: `gradsheet fill questions.toml -o answers.toml`.
    """
    filled = with_text(options.sheet, options.sheet, lambda text: fill(text, options.sheet))
    return print_error(filled) if isinstance(filled, Report) else put_out(filled, options.o)
