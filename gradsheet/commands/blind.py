"""`gradsheet blind SHEET ...`: the mistakes that a sheet's questions cannot see."""

import argparse
import os
import sys

from gradsheet.claims.judgement import Report
from gradsheet.commands.files import found, with_sheet
from gradsheet.commands.report import print_error
from gradsheet.language.shown import clean
from gradsheet.mistakes.blind import blindness, told


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Say of every sheet which mistakes it cannot see, and what would see them."""
    status = 0
    try:
        for path, shown in found(options.sheets):
            seen = with_sheet(path, shown, blindness)
            if isinstance(seen, Report):
                status = print_error(seen)
                continue
            print(f"{clean(shown)}: ", end="")
            print(*(clean(line) for line in told(seen)), sep="\n", end="\n\n")
            status = max(status, int(bool(seen.unseen)))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status
