"""From a sheet to its report: the verdict on every claim, and what is the
matter with those that are wrong."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from gradsheet.claims.counting import affordable
from gradsheet.claims.identity import Everywhere, IdentityComparison
from gradsheet.claims.judgement import Judgement, Report
from gradsheet.claims.sheet import Claim, Sheet
from gradsheet.claims.verdict import reading_of, verdicts
from gradsheet.language import formula as f
from gradsheet.language.parsing import FormulaError, parse
from gradsheet.mistakes.derivation import true_formula
from gradsheet.mistakes.diagnosis import diagnose
from gradsheet.mistakes.probes import probes_for
from gradsheet.mistakes.readings import Readings
from gradsheet.mistakes.search import Beside, nowhere
from gradsheet.numbers.budget import MAX_FURTHER, MAX_OPERATIONS, Budget
from gradsheet.numbers.reasons import NO_ANSWER, OutOfWork
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.truth.graph_point import GraphPoint


def judge(sheet: Sheet, most: int = MAX_OPERATIONS, session: Session = LIBRARY) -> Report:
    """Judge a sheet: the verdicts on all of its claims, and the causes of what
    is wrong.

    Raises SheetError where what it asks takes more than `most` operations,
    before any of them is done. Sheets that share a `session` are judged faster.

        >>> report = gradsheet.judge(gradsheet.load("sheet.toml"))
        >>> report.summary["right"]
        5
    """
    needed, budget = affordable(sheet, most, session=session), Budget()
    budget.start(most - needed + MAX_FURTHER)
    # The time that JAX takes to import is not the sheet's.
    import gradsheet.truth.autodiff  # noqa: F401

    judgements, points, history = verdicts(sheet, budget, session)
    point: Any = points if isinstance(points, GraphPoint) else None
    readings = Readings(sheet.network, point, sheet.exact_rate, budget, session)
    for judgement in judgements:
        if judgement.compared and judgement.verdict in ("wrong", "carried_forward"):
            judgement.readings = readings.fitting(judgement.claim)
    there: Any = points
    further: Sequence[GraphPoint] = ()
    beside: Beside = nowhere
    if isinstance(points, Everywhere):
        there = points.first
        if sheet.own is None:
            _tell_true_formulas(judgements, points, sheet)
            there = probes_for(sheet.network, sheet.exact_rate, session)
            there.budget.take_over(budget)
        elif any(judgement.verdict == "wrong" for judgement in judgements):
            with contextlib.suppress(OutOfWork):
                there, further = points.mixed()
                beside = points.beside
                for judgement in judgements:
                    judgement.fails_at = [*map(points.unheard, judgement.fails_at)]
    causes = diagnose(judgements, there, history, further, beside)
    return Report(
        sheet.path,
        sheet.title,
        reading_of(sheet),
        judgements=judgements,
        causes=causes,
        problem=sheet.number,
    )


def _tell_true_formulas(judgements: Sequence[Judgement], points: Everywhere, sheet: Sheet) -> None:
    """Tell the true formula of every wrong claim over all weights of layers."""
    for judgement in judgements:
        if judgement.verdict == "wrong" and (judgement.compared or judgement.working):
            judgement.truth = judgement.told = _true_formula(judgement.claim, points, sheet)


def _true_formula(claim: Claim, points: Everywhere, sheet: Sheet) -> str | None:
    """The true formula for a claim, judged like any other before it is shown."""
    notation = sheet.notation
    lines = [line.text for line in claim.working]
    used = sorted(notation, key=lambda name: all(name not in line for line in lines))
    known = {name: notation[name] for name in used}

    def find() -> str | None:
        return _proved(claim, points, sheet, known)

    return points.found(("true formula", claim.tree, claim.quantity, *known.items()), find)


def _proved(
    claim: Claim, points: Everywhere, sheet: Sheet, known: Mapping[str, f.Node]
) -> str | None:
    """The formula that the chain rule gives, if it is the truth."""
    network, notation = sheet.network, sheet.notation
    result = true_formula(claim.tree, network, known)
    if result is None:
        return None
    quantity, formula = result
    try:
        asked, line = (parse(text, network.names, notation) for text in result)
        if IdentityComparison(asked, points).mismatch_of_line(line).mismatch is not None:
            return None
    except (FormulaError, *NO_ANSWER):
        return None  # it is too long, or there is nothing left to pay with
    return formula if quantity == claim.quantity.replace(" ", "") else f"{quantity} = {formula}"
