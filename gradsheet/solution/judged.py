"""A solution written as an answer sheet, and judged as one.

What the judge does not find right is no part of a solution.
"""

import contextlib
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
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.solution.rounding_off import value_text
from gradsheet.solution.solution import Solution, Step

MOST = 2 * MAX_OPERATIONS  # for judging a solution, which claims more than a sheet does
TITLE = "solution: "


def answer_sheet(solution: Solution) -> str:
    """Write the solution as an answer sheet, a claim a step, which can be judged again.

        judge(read(answer_sheet(solution))).summary  # all right

    Raises nothing: of more claims than a sheet may have, the last are left out,
    and a comment at its end says how many.
    """
    return _as_sheet(solution.sheet, list(solution.steps()))


def _as_sheet(sheet: Sheet, steps: Sequence[Step]) -> str:
    """The steps as the claims of a sheet, as many as a sheet may have."""
    claims = [_claim(step) for step in steps if step.says_something]
    title = sheet.title if sheet.title.startswith(TITLE) else TITLE + sheet.title
    text = head(sheet, title) + "".join(claims[:MAX_CLAIMS])
    if (left := len(claims) - MAX_CLAIMS) > 0:
        text += f"\n# a sheet has at most {MAX_CLAIMS} claims: the last {left} are left out\n"
    return text


def _claim(step: Step) -> str:
    value = "" if step.value is None else value_text(step.value)
    working = [formula_text(line.tree) for line in step.lines]
    questions = dict.fromkeys(remark.question for remark in step.remarks if remark.question)
    return claim(formula_text(step.quantity), value, working, question=", ".join(questions))


def checked(sheet: Sheet, steps: Sequence[Step], session: Session = LIBRARY) -> int:
    """Have every step judged and take out what is not right; returns how many had no verdict.

    A line with rounded numbers need not be true to the digits that its result
    has: such a line just goes. Anything else that is not right would be a fault
    of gradsheet, and goes with a RuntimeWarning.
    """
    doubtful, says = [], [step for step in steps if step.says_something]
    for step, judgement in _judged(sheet, says, session):
        if judgement is None or judgement.verdict != "right":
            doubtful.append(step)
        if judgement is not None:
            verdicts = (line.verdict for line in judgement.working)
            step.lines = [
                line
                for line, verdict in itertools.zip_longest(step.lines, verdicts)
                if not line.rounded or verdict in ("right", "rounded")
            ]
    unchecked = 0
    exact = [replace(step, lines=[l for l in step.lines if not l.rounded]) for step in doubtful]
    again = (judgement for _, judgement in _judged(sheet, exact, session))
    for step, judgement in zip(doubtful, again, strict=True):
        if judgement is None or judgement.verdict == "cannot_tell":
            unchecked += 1
        elif judgement.verdict != "right":
            warnings.warn(
                f"the judge does not find the step to {formula_text(step.quantity)} right, "
                f"it is left out: {judgement.message}",
                RuntimeWarning,
                stacklevel=3,
            )
            step.lines, step.value = [], None
            step.missing = "The judge did not find this step right."
    return unchecked


def _judged(
    sheet: Sheet, steps: Sequence[Step], session: Session
) -> Iterator[tuple[Step, Judgement | None]]:
    """Every step with its judgement, None where it says nothing or is too much for a sheet."""
    for start in range(0, len(steps), MAX_CLAIMS):
        batch = steps[start : start + MAX_CLAIMS]
        judgements = iter(list[Judgement]())
        # A solution may be larger than a sheet, or without a claim.
        with contextlib.suppress(SheetError):
            written = read(_as_sheet(sheet, batch), sheet.path, session)
            judgements = iter(judge(written, MOST, session).judgements)
        for step in batch:
            yield step, next(judgements, None) if step.says_something else None
