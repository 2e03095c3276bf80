"""`gradsheet fill SHEET`: the sheet with its answers."""

import argparse

from gradsheet.claims.judgement import Report
from gradsheet.commands.files import put_out, with_text
from gradsheet.commands.report import print_error
from gradsheet.solution.filling import fill


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Write a sheet with its answers."""
    text = with_text(options.sheet, options.sheet, lambda text: fill(text, options.sheet))
    return print_error(text) if isinstance(text, Report) else put_out(text, options.o)
