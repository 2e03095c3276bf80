"""From a sheet to its worked solution."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from gradsheet.claims.judgement import Judgement
from gradsheet.claims.sheet import Claim, Sheet
from gradsheet.claims.verdict import LADDER
from gradsheet.mistakes.judging import judge
from gradsheet.numbers.reasons import Imprecise
from gradsheet.solution.checking import checked
from gradsheet.solution.plan import sections
from gradsheet.solution.reckoner import Reckoner
from gradsheet.solution.solution import Section, Solution
from gradsheet.solution.writer import Writer


def solve(sheet: Sheet) -> Solution:
    """The worked solution of a sheet, with a remark on every claim at the step that it speaks of.

    Claims may only ask; those that cannot be read are left out. Every step has been judged: what the judge finds wrong,
    which would be a fault of gradsheet, is left out with a RuntimeWarning.
    """
    sheet = sheet.readable
    answered = [not claim.is_open for claim in sheet.claims]
    report = judge(replace(sheet, claims=tuple(itertools.compress(sheet.claims, answered))))
    judgements = iter(report.judgements)
    paired = [
        (claim, next(judgements) if own else None)
        for claim, own in zip(sheet.claims, answered, strict=True)
    ]
    writer, found = _written(sheet, paired)
    steps = [step for section in found for step in section.steps]
    unchecked = checked(sheet, steps)
    causes = [cause.sentence(report.judgements) for cause in report.causes]
    return Solution(sheet, report.reading, found, causes, writer.digits.digits, unchecked)


def _written(
    sheet: Sheet, claims: Sequence[tuple[Claim, Judgement | None]]
) -> tuple[Writer, list[Section]]:
    """The steps, with as many digits on the way as it takes."""
    if sheet.params is None:
        writer = Writer(sheet)
        return writer, sections(sheet, writer, claims)
    for rung in range(len(LADDER)):
        try:
            reckoner = Reckoner(sheet, rung)
            return reckoner, sections(sheet, reckoner, claims)
        except Imprecise:
            continue
    raise AssertionError("the last rung decides or raises Undecided")
