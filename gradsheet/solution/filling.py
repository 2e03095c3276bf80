"""Answering the questions of a sheet: the true values are written below what it asks for."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from gradsheet.claims.counting import affordable
from gradsheet.claims.reader import read
from gradsheet.claims.sheet import Claim, Sheet, SheetError
from gradsheet.claims.verdict import LADDER, arithmetic_of
from gradsheet.language.evaluate import Evaluator
from gradsheet.mistakes.judging import judge
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.reasons import NO_VALUE, EvaluationError, Imprecise, Missing
from gradsheet.solution.digits import Digits, value_text
from gradsheet.truth.point import point_of

_HEADER = re.compile(r"""\s*\[\[\s*["']?claim["']?\s*\]\]""")


def fill(text: str, path: str = "-") -> str:
    """The text of a sheet with the true value below every question, a claim of neither value nor working.

    All else stays as it is, to the letter. What is a fraction is written exactly, other numbers are rounded to the
    digits that the sheet prints. Raises SheetError, with the line of the claim, where a question has no answer: at a
    kink, or where free letters ask for many numbers at once; and where the sheet has no numbers, or no [[claim]] tables
    that a line can be added to. What is returned has been judged: every value in it is right.
    """
    sheet = read(text, path)
    if sheet.params is None:
        raise SheetError(
            "the sheet has no numbers: its answers are formulas, which `gradsheet solve` writes"
        )
    asked = [number for number, claim in enumerate(sheet.claims) if claim.is_open]
    if not asked:
        return text
    for number in asked:
        _object(sheet.claims[number], text)
    affordable(sheet, what="answering")
    values = _values(sheet, [sheet.claims[number] for number in asked])
    lines = text.split("\n")
    ends = [*(claim.line - 1 for claim in sheet.claims[1:]), len(lines)]
    for number, value in reversed(list(zip(asked, values, strict=True))):
        first = sheet.claims[number].line - 1
        table = slice(first, ends[number])
        lines[table] = _with_value(lines[table], value, sheet.claims[number])
    filled = "\n".join(lines)
    _judge(read(filled, path), asked)
    return filled


def _object(claim: Claim, text: str) -> None:
    """Raise SheetError where a claim cannot be answered, whatever the numbers."""
    if claim.error:
        raise SheetError(claim.error, claim.line)
    if letters := sorted(claim.tree.letters):
        raise SheetError(
            f"{claim.quantity} asks for all values of {' and '.join(letters)} at once: "
            "ask for the whole array, without indices, or for one entry",
            claim.line,
        )
    if not _HEADER.match(text.split("\n")[claim.line - 1]):
        raise SheetError(
            "no line can be added to this claim: write every claim as a [[claim]] table", claim.line
        )


def _values(sheet: Sheet, claims: Sequence[Claim]) -> list[str]:
    """The true values as a sheet has them, by hand and by the nudge; with as many digits as it takes."""
    budget, found = Budget(), list[str]()
    budget.start()
    for rung in range(len(LADDER)):
        point = point_of(
            sheet.problem, ["L"], jax=False, arithmetic=arithmetic_of(rung), budget=budget
        )
        for claim in claims[len(found) :]:
            try:
                value, _ = Digits(sheet).value(Evaluator(point).value(claim.tree, {}))
                found.append(value_text(value))
            except Imprecise:
                break
            except NO_VALUE as error:
                raise _unanswered(claim, error) from None
        else:
            return found
    raise AssertionError("the last rung decides or raises Undecided")


def _unanswered(claim: Claim, reason: object) -> SheetError:
    own = isinstance(reason, EvaluationError | Missing) and str(reason).startswith(claim.quantity)
    return SheetError(
        f"{reason or 'a division by 0'}" if own else f"{claim.quantity}: {reason}", claim.line
    )


def _with_value(lines: Sequence[str], value: str, claim: Claim) -> list[str]:
    """The lines of a claim's table and of what stands behind it, with one more."""
    meant = _parsed(lines)
    if meant is not None:
        meant["claim"][0] |= _parsed([f"value = {value}"]) or {}
        for at in _places(lines):
            above = lines[at - 1]
            indent = above[: len(above) - len(above.lstrip(" \t"))]
            # The last line of a file may have no end: what follows takes it over.
            end = "\r" * lines[0].endswith("\r")
            line = f"{indent}value = {value}" + "\r" * above.endswith("\r")
            found = [*lines[: at - 1], above.removesuffix("\r") + end, line, *lines[at:]]
            if _parsed(found) == meant:
                return found
    raise SheetError("no line can be added to this claim: write its keys one a line", claim.line)


def _places(lines: Sequence[str]) -> Iterator[int]:
    """Where a line may go: below the quantity; else, since that may go on over lines, below the header."""
    for at, line in enumerate(lines):
        # The line may stand within a text, as what is found there would tell.
        if "quantity" in (_parsed([line]) or {}):
            yield at + 1
    yield 1


def _parsed(lines: Sequence[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads("\n".join(lines) + "\n", parse_float=str)
    except tomllib.TOMLDecodeError:
        return None


def _judge(sheet: Sheet, asked: Sequence[int]) -> None:
    """Raise where a value that was written is not right: SheetError where nobody can tell."""
    claims = tuple(sheet.claims[number] for number in asked)
    for claim, judgement in zip(
        claims, judge(replace(sheet, claims=claims)).judgements, strict=True
    ):
        if judgement.verdict == "cannot_tell":
            raise _unanswered(claim, judgement.message)
        if judgement.verdict != "right":
            raise AssertionError(
                f"{claim.quantity} was filled in and is {judgement.verdict}: {judgement.message}"
            )
