"""A solution written as an answer sheet, and judged as one: what the judge does not find right is no part of it."""

import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradsheet.claims.composing import claim, head
from gradsheet.claims.judgement import Judgement
from gradsheet.claims.reader import MAX_CLAIMS, read
from gradsheet.claims.sheet import Sheet, SheetError
from gradsheet.language.text import formula_text
from gradsheet.mistakes.judging import judge
from gradsheet.numbers.budget import MAX_OPERATIONS
from gradsheet.solution.digits import value_text
from gradsheet.solution.solution import Solution, Step

MOST = 2 * MAX_OPERATIONS  # for judging a solution, which claims more than a sheet does
TITLE = "solution: "


def answer_sheet(solution: Solution) -> str:
    """The solution as an answer sheet, a claim a step."""
    return _as_sheet(solution.sheet, list(solution.steps()))


def _as_sheet(sheet: Sheet, steps: Sequence[Step]) -> str:
    """The steps as the claims of a sheet, as many as a sheet may have."""
    claims = [_claim(step) for step in steps if step.says_something]
    left = len(claims) - MAX_CLAIMS
    note = (
        f"\n# a sheet has at most {MAX_CLAIMS} claims: the last {left} are left out\n"
        if left > 0
        else ""
    )
    title = sheet.title if sheet.title.startswith(TITLE) else TITLE + sheet.title
    return head(sheet, title) + "".join(claims[:MAX_CLAIMS]) + note


def _claim(step: Step) -> str:
    questions = dict.fromkeys(remark.question for remark in step.remarks if remark.question)
    return claim(
        formula_text(step.quantity),
        "" if step.value is None else value_text(step.value),
        [formula_text(line.tree) for line in step.lines],
        question=", ".join(questions),
    )


def checked(sheet: Sheet, steps: Sequence[Step]) -> int:
    """Have every step judged, and take out what is not found right; returns how many steps had no verdict.

    A line with rounded numbers need not be true to the digits that its result has: such a line just goes. Anything else
    that is not right would be a fault of gradsheet, and goes with a RuntimeWarning.
    """
    claims = [step for step in steps if step.says_something]
    doubtful = []
    for step, judgement in _judged(sheet, claims):
        if judgement is None or judgement.verdict != "right":
            doubtful.append(step)
        if judgement is not None:
            found = itertools.zip_longest(step.lines, (own.verdict for own in judgement.working))
            step.lines = [
                line for line, own in found if not line.rounded or own in ("right", "rounded")
            ]
    without = [
        replace(step, lines=[line for line in step.lines if not line.rounded]) for step in doubtful
    ]
    unchecked = 0
    again = (judgement for _, judgement in _judged(sheet, without))
    for step, judgement in zip(doubtful, again, strict=True):
        if judgement is None or judgement.verdict == "cannot_tell":
            unchecked += 1
        elif judgement.verdict != "right":
            warnings.warn(
                f"the judge does not find the step to {formula_text(step.quantity)} right, it is left out: "
                f"{judgement.message}",
                RuntimeWarning,
                stacklevel=3,
            )
            step.lines, step.value, step.missing = (
                [],
                None,
                "The judge did not find this step right.",
            )
    return unchecked


def _judged(sheet: Sheet, steps: Sequence[Step]) -> Iterator[tuple[Step, Judgement | None]]:
    """Every step with its judgement, None where it says nothing or there is too much for a sheet."""
    for start in range(0, len(steps), MAX_CLAIMS):
        some = steps[start : start + MAX_CLAIMS]
        try:
            judgements: Iterator[Judgement] = iter(
                judge(read(_as_sheet(sheet, some), sheet.path), MOST).judgements
            )
        except SheetError:  # larger than a sheet may be, or without a claim
            judgements = iter(())
        yield from (
            (step, next(judgements, None) if step.says_something else None) for step in some
        )
