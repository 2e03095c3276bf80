"""`gradsheet blind SHEET ...`: the mistakes that a sheet's questions cannot see."""

import argparse
import sys

from gradsheet.claims.judgement import Report
from gradsheet.commands.files import sheet_files, silence_stdout, with_problems
from gradsheet.commands.report import print_error
from gradsheet.language.shown import clean
from gradsheet.mistakes.blind import blindness, told


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Say of every sheet which mistakes it cannot see, and what would see them.

    Returns 0 where every sheet sees every mistake, 1 where one does not, and 2
    where one cannot be read: `gradsheet blind gradsheet/homework/numbers.toml`.
    """
    status = 0
    try:
        for path, shown in sheet_files(options.sheets):
            problems = with_problems(path, shown, blindness)
            for number, blind_spots in enumerate(problems, 1):
                if isinstance(blind_spots, Report):
                    status = print_error(blind_spots)
                    continue
                which = f", problem {number}" if len(problems) > 1 else ""
                print(f"{clean(shown)}{which}: ", end="")
                print(*(clean(line) for line in told(blind_spots)), sep="\n", end="\n\n")
                if blind_spots.unseen:
                    status = max(status, 1)
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
    return status
