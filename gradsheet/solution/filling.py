"""Answering the questions of a sheet: the true values are written below what it asks for."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from gradsheet.claims.counting import affordable
from gradsheet.claims.definitions import stated_of
from gradsheet.claims.reader import read
from gradsheet.claims.sheet import Claim, Sheet, SheetError
from gradsheet.claims.verdict import LADDER, point_at
from gradsheet.language.evaluate import Evaluator
from gradsheet.mistakes.judging import judge
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.reasons import NO_ANSWER, EvaluationError, Imprecise, Missing
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.solution.rounding_off import Digits, value_text

_NO_LINE = "no line can be added to this claim"
_HEADER = re.compile(r"""\s*\[\[\s*["']?claim["']?\s*\]\]""")


def fill(text: str, path: str = "-", session: Session = LIBRARY) -> str:
    """Return a sheet's text with the true value below every question.

        answered = fill(Path("questions.toml").read_text())

    A question is a claim of neither value nor working. All else stays as it is,
    to the letter. What is a fraction is written exactly, other numbers are
    rounded to the digits that the sheet prints. `path` is what messages call
    the sheet.

    Raises SheetError, with the line of the claim, where a question has no
    answer: at a kink, or where free letters ask for many numbers at once; and
    where the sheet has no numbers, or no [[claim]] tables that a line can be
    added to. What is returned has been judged: every value in it is right.
    """
    sheet = read(text, path, session)
    if not sheet.has_numbers:
        way_out = "write yours as the working of each claim, and `gradsheet` judges them"
        if sheet.own is None:
            way_out = "`gradsheet solve` writes them"
        raise SheetError(f"the sheet has no numbers, its answers are formulas: {way_out}")
    asked = [number for number, claim in enumerate(sheet.claims) if claim.is_open]
    if not asked:
        return text
    questions, lines = [sheet.claims[number] for number in asked], text.split("\n")
    for claim in questions:
        _object(claim, lines)
    affordable(sheet, what="answering", session=session)
    ends = [*(claim.line - 1 for claim in sheet.claims[1:]), len(lines)]
    answered = zip(asked, questions, _values(sheet, questions, session), strict=True)
    for number, claim, value in reversed(list(answered)):
        table = slice(claim.line - 1, ends[number])
        lines[table] = _with_value(lines[table], value, claim)
    filled = "\n".join(lines)
    _judge(read(filled, path, session), asked, session)
    return filled


def _object(claim: Claim, lines: Sequence[str]) -> None:
    """Raise SheetError where a claim cannot be answered, whatever the numbers."""
    if claim.error:
        raise SheetError(claim.error, claim.line)
    if letters := sorted(claim.tree.letters):
        asked = f"{claim.quantity} asks for all values of {' and '.join(letters)} at once"
        advice = "ask for the whole array, without indices, or for one entry"
        raise SheetError(f"{asked}: {advice}", claim.line)
    if not _HEADER.match(lines[claim.line - 1]):
        raise SheetError(f"{_NO_LINE}: write every claim as a [[claim]] table", claim.line)


def _values(sheet: Sheet, claims: Sequence[Claim], session: Session) -> list[str]:
    """The true values as a sheet has them, in digits enough."""
    budget, values = Budget(), list[str]()
    budget.start()
    stated = stated_of(sheet, session)
    for rung in range(len(LADDER)):
        point = point_at(sheet, stated, rung, budget, session)
        for claim in claims[len(values) :]:
            try:
                value, _ = Digits(sheet).value(Evaluator(point).value(claim.tree, {}))
                values.append(value_text(value))
            except Imprecise:
                break
            except NO_ANSWER as error:
                raise _unanswered(claim, error) from None
        else:
            return values
    raise AssertionError("the last rung decides or raises Undecided")


def _unanswered(claim: Claim, reason: object) -> SheetError:
    """The error that a question has no answer; its message names the quantity once."""
    names_it = isinstance(reason, EvaluationError | Missing)
    names_it = names_it and str(reason).startswith(claim.quantity)
    return SheetError(str(reason) if names_it else f"{claim.quantity}: {reason}", claim.line)


def _with_value(lines: Sequence[str], value: str, claim: Claim) -> list[str]:
    """The lines of a claim's table and of what stands behind it, with one more."""
    meant = _parsed(lines)
    if meant is not None:
        meant["claim"][0] |= _parsed([f"value = {value}"]) or {}
        for at in _places(lines):
            above = lines[at - 1]
            indent = above[: len(above) - len(above.lstrip(" \t"))]
            # The last line of a file may have no end: what follows takes it over.
            end = "\r" if lines[0].endswith("\r") else ""
            line = f"{indent}value = {value}" + ("\r" if above.endswith("\r") else "")
            filled = [*lines[: at - 1], above.removesuffix("\r") + end, line, *lines[at:]]
            if _parsed(filled) == meant:
                return filled
    raise SheetError(f"{_NO_LINE}: write its keys one a line", claim.line)


def _places(lines: Sequence[str]) -> Iterator[int]:
    """Where a line may go: below the quantity; else, where that takes several, below the header."""
    for at, line in enumerate(lines):
        # The line may stand within a text, as what is found there would tell.
        if "quantity" in (_parsed([line]) or {}):
            yield at + 1
    yield 1


def _parsed(lines: Sequence[str]) -> dict[str, Any] | None:
    """What lines mean by themselves, None where they are no TOML."""
    try:
        return tomllib.loads("\n".join(lines) + "\n", parse_float=str)
    except tomllib.TOMLDecodeError:
        return None


def _judge(sheet: Sheet, asked: Sequence[int], session: Session) -> None:
    """Raise where a value that was written is not right: SheetError where nobody can tell."""
    claims = tuple(sheet.claims[number] for number in asked)
    judgements = judge(replace(sheet, claims=claims), session=session).judgements
    for claim, judgement in zip(claims, judgements, strict=True):
        if judgement.verdict == "cannot_tell":
            raise _unanswered(claim, judgement.message)
        if judgement.verdict != "right":
            fault = f"{judgement.verdict}: {judgement.message}"
            raise AssertionError(f"{claim.quantity} was filled in and is {fault}")
