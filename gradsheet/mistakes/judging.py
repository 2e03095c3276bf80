"""From a sheet to its report: the verdict on every claim, and what is the
matter with those that are wrong."""

from gradsheet.claims.counting import affordable
from gradsheet.claims.judgement import Report
from gradsheet.claims.sheet import Sheet
from gradsheet.claims.verdict import reading_of, verdicts
from gradsheet.mistakes.diagnosis import diagnose
from gradsheet.numbers.budget import MAX_FURTHER, MAX_OPERATIONS, Budget
from gradsheet.numbers.session import LIBRARY, Session


def judge(sheet: Sheet, most: int = MAX_OPERATIONS, session: Session = LIBRARY) -> Report:
    """Judge a sheet: the verdicts on all of its claims, and the causes of what
    is wrong.

    Raises SheetError where what it asks takes more than `most` operations,
    before any of them is done. Sheets that share a `session` are judged faster.

        >>> report = gradsheet.judge(gradsheet.load("sheet.toml"))
        >>> report.summary["right"]
        5
    """
    needed, budget = affordable(sheet, most), Budget()
    budget.start(most - needed + MAX_FURTHER)
    # The time that JAX takes to import is not the sheet's.
    import gradsheet.truth.autodiff  # noqa: F401

    judgements, points, history = verdicts(sheet, budget, session)
    causes = diagnose(judgements, points, history)
    return Report(
        sheet.path,
        sheet.title,
        reading_of(sheet),
        judgements=judgements,
        causes=causes,
        problem=sheet.number,
    )
