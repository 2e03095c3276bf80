"""From a sheet to its worked solution."""

from collections.abc import Sequence
from dataclasses import replace

from gradsheet.claims.judgement import Judgement
from gradsheet.claims.sheet import Claim, Sheet
from gradsheet.claims.verdict import LADDER
from gradsheet.mistakes.judging import judge
from gradsheet.numbers.reasons import Imprecise
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.solution.judged import checked
from gradsheet.solution.reckoner import Reckoner
from gradsheet.solution.sections import sections
from gradsheet.solution.solution import Section, Solution
from gradsheet.solution.writer import Writer


def solve(sheet: Sheet, session: Session = LIBRARY) -> Solution:
    """Work out the solution of a sheet, with a remark on every claim at its step.

        solution = solve(load("gradsheet/homework/numbers.toml"))
        [section.title for section in solution.sections]  # Forward pass, ...

    Claims may only ask; those that cannot be read are left out. Every step has
    been judged: what the judge finds wrong, which would be a fault of
    gradsheet, is left out with a RuntimeWarning. Where a quantity has no value,
    as at a kink, its step says why. Raises SheetError where the sheet takes
    more operations than one may, or has a network of its own.
    """
    sheet.of_layers("solved")
    sheet = sheet.readable
    answered = tuple(claim for claim in sheet.claims if not claim.is_open)
    report = judge(replace(sheet, claims=answered), session=session)
    judgements = iter(report.judgements)
    judged_claims = [(c, None if c.is_open else next(judgements)) for c in sheet.claims]
    writer, written = _written(sheet, judged_claims, session)
    steps = [step for section in written for step in section.steps]
    unchecked = checked(sheet, steps, session)
    causes = [cause.sentence(report.judgements) for cause in report.causes]
    return Solution(sheet, report.reading, written, causes, writer.digits.digits, unchecked)


def _written(
    sheet: Sheet, claims: Sequence[tuple[Claim, Judgement | None]], session: Session
) -> tuple[Writer, list[Section]]:
    """The steps, with as many digits on the way as it takes."""
    if sheet.params is None:
        writer = Writer(sheet)
        return writer, sections(sheet, writer, claims)
    for rung in range(len(LADDER)):
        try:
            reckoner = Reckoner(sheet, rung, session)
            return reckoner, sections(sheet, reckoner, claims)
        except Imprecise:
            continue
    raise AssertionError("the last rung decides or raises Undecided")
