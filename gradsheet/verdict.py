"""The verdicts: every claim of a sheet against the truth, every line of its working too."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet import formula as f
from gradsheet.compare import Comparison, Mismatch, like, line_message, value_message
from gradsheet.derivation import true_formula
from gradsheet.evaluate import EvaluationError
from gradsheet.network import Network
from gradsheet.number import Text, exact_text, plain
from gradsheet.point import Missing, Point, Undecided
from gradsheet.probe import Probes
from gradsheet.sheet import VERDICTS, Claim, Line, Sheet, fractions, printed_entries
from manual.activations import Array

MAX_SECONDS = 10.0  # for a sheet; what is not judged by then is `cannot_tell`


@dataclass
class LineVerdict:
    """A line of working: what it gives, where it has a single value, and whether that is the truth."""

    text: str
    value: Text
    verdict: str
    message: str = ""


@dataclass
class Judgement:
    """A claim's verdict. `witness` is data at which a claim over all weights fails; `mistakes` are {"code", "text"}."""

    claim: Claim
    claimed: Text
    truth: Text
    verdict: str
    message: str = ""
    witness: str = ""
    working: list[LineVerdict] = field(default_factory=list)
    mistakes: list[dict[str, str]] = field(default_factory=list)

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one on record, or without a record one that needs no explanation."""
        return self.verdict == self.claim.expect if self.claim.expect else self.verdict in ("right", "rounded")


@dataclass
class Report:
    """A sheet's judgements, or the error for which it could not be read and the line of that."""

    path: str
    title: str = ""
    reading: str = ""
    error: str | None = None
    error_line: int = 0
    judgements: list[Judgement] = field(default_factory=list)

    @property
    def summary(self) -> dict[str, int]:
        """How many claims have which verdict."""
        counts = Counter(judgement.verdict for judgement in self.judgements)
        return {verdict: counts[verdict] for verdict in VERDICTS}


def _overlap(a: f.Quantity, b: f.Quantity, network: Network) -> bool:
    """Whether two quantities may have an entry in common; L and its shares L[k] have none."""
    if network.canonical(a.name) != network.canonical(b.name) or (a.name == "L" and bool(a.indices) != bool(b.indices)):
        return False
    pairs = zip(a.indices, b.indices, strict=False)
    return all(not (isinstance(i, int) and isinstance(j, int)) or i == j for i, j in pairs)


def quotes(line: f.Node, quantity: f.Node, network: Network) -> bool:
    """Whether a line of working quotes the quantity that it is claimed to equal: such a line says nothing."""
    if not isinstance(quantity, f.Quantity | f.Number) and any(part == quantity for part in f.walk(line)):
        return True
    while isinstance(quantity, f.Negative):
        quantity = quantity.operand
    # The ends of a derivative are quantities in the tree, too, but their values do not enter.
    ends = {id(end) for part in f.walk(line) if isinstance(part, f.Derivative) for end in (part.of, part.by)}
    derivatives = [part for part in f.walk(quantity) if isinstance(part, f.Derivative)]
    for part in f.walk(line):
        if isinstance(part, f.Derivative):
            if any(_overlap(part.of, d.of, network) and _overlap(part.by, d.by, network) for d in derivatives):
                return True
        elif (
            isinstance(part, f.Quantity)
            and isinstance(quantity, f.Quantity)
            and id(part) not in ends
            and _overlap(part, quantity, network)
        ):
            return True
    return False


def _judge_line(line: Line, comparison: Comparison) -> tuple[LineVerdict, Mismatch | None, Array | None]:
    """A line's verdict, where it fails, and what it gives."""
    if line.tree is None:
        return LineVerdict(line.text, None, "wrong", f"cannot be read: {line.error}"), None, None
    if quotes(line.tree, comparison.quantity, comparison.first_point.network):
        return LineVerdict(line.text, None, "wrong", "quotes the quantity that it is claimed to equal"), None, None
    try:
        mismatch, value = comparison.mismatch_of_line(line.tree)
    except Undecided as error:
        return LineVerdict(line.text, None, "cannot_tell", str(error)), None, None
    text = None if value is None else exact_text(value)
    if mismatch is None:
        return LineVerdict(line.text, text, "right"), None, value
    return LineVerdict(line.text, text, "wrong", line_message(mismatch, comparison.symbolic)), mismatch, value


def judge_claim(claim: Claim, points: Iterable[Point], notation: Mapping[str, f.Node], symbolic: bool) -> Judgement:
    """The verdict on one claim, from the verdict on its number and on every line of its working."""
    comparison = Comparison(claim.tree, points, symbolic)
    claimed = claim.working[-1].text if claim.value is None else _printed_text(claim.value)
    try:
        truth = comparison.a_truth()
        mismatch = None if claim.value is None else comparison.mismatch_of_value(claim.value)
    except Undecided as error:
        return Judgement(claim, claimed, None, "cannot_tell", str(error))
    except (EvaluationError, Missing) as error:
        return Judgement(claim, claimed, None, "wrong", f"{claim.quantity}: {error}")
    if mismatch is not None and mismatch.truth is not None:
        truth = mismatch.truth
    lines = [_judge_line(line, comparison) for line in claim.working]
    working = [line for line, _, _ in lines]
    broken = next((k for k, line in enumerate(working) if line.verdict == "wrong"), None)
    messages = []
    if mismatch is not None and claim.value is not None:
        messages.append(value_message(mismatch, claim.value))
    if broken is not None:
        quoted = (
            f"line {broken + 1}, {_quote(working[broken].text)}, "
            if claim.value is not None or len(working) > 1
            else ""
        )
        messages.append(quoted + working[broken].message)
    if claim.value is not None and working and not _is_own(claim, lines[-1][2]):
        messages.append(f"its own last line gives {plain(working[-1].value)}, not {plain(claimed)}")
    found_wrong = mismatch is not None if claim.value is not None else working[-1].verdict == "wrong"
    undecided = next((line.message for line in working if line.verdict == "cannot_tell"), "")
    if found_wrong:
        verdict = "wrong"
    elif broken is not None and (claim.value is not None or working[-1].verdict == "right"):
        verdict = "lucky"
    elif undecided:
        verdict = "cannot_tell"
        messages.append(undecided)
    else:
        verdict = "right"
    witnesses = [m.point for m in (mismatch, *(m for _, m, _ in lines)) if m is not None and m.mine is not None]
    if symbolic:
        told: Text = _true_formula(claim, points, notation) if verdict == "wrong" else None
    else:
        told = exact_text(truth if claim.value is None else like(truth, fractions(claim.value)))
    return Judgement(
        claim,
        claimed,
        truth=told,
        verdict=verdict,
        message="; ".join(messages),
        witness=witnesses[0].data_text() if symbolic and witnesses else "",
        working=working,
    )


def _true_formula(claim: Claim, points: Iterable[Point], notation: Mapping[str, f.Node]) -> str | None:
    """The true formula for a claim over all weights, judged like any other before it is shown."""
    network = next(iter(points)).network
    used = sorted(notation, key=lambda name: all(name not in line.text for line in claim.working))
    if (found := true_formula(claim.tree, network, {name: notation[name] for name in used})) is None:
        return None
    quantity, formula = found
    try:
        comparison = Comparison(f.parse(quantity, network.names, notation), points, symbolic=True)
        mismatch, _ = comparison.mismatch_of_line(f.parse(formula, network.names, notation))
    except (f.FormulaError, EvaluationError, Missing, Undecided):  # too long, or no time left
        return None
    if mismatch is not None:
        return None
    return formula if quantity == claim.quantity.replace(" ", "") else f"{quantity} = {formula}"


def _quote(text: str) -> str:
    return f"'{text if len(text) <= 60 else text[:57] + '...'}'"


def _printed_text(value: Any) -> Text:
    return [_printed_text(item) for item in value] if isinstance(value, tuple) else value.text


def _is_own(claim: Claim, own: Array | None) -> bool:
    """Whether the claimed number is what the last line of its working gives, where that gives one."""
    if own is None or claim.value is None:
        return True
    entries = printed_entries(claim.value)
    return len(entries) == own.size and all(p.agrees(v) for p, v in zip(entries, own.flat, strict=True))


def judge(sheet: Sheet) -> Report:
    """The verdicts on every claim of a sheet."""
    trees = [tree for claim in sheet.claims for tree in (claim.tree, *(line.tree for line in claim.working)) if tree]
    heads = {part.of for tree in trees for part in f.walk(tree) if isinstance(part, f.Derivative)}
    jax_of = {"shares" if head.name == "L" and head.indices else head.name for head in heads}
    symbolic = sheet.params is None
    deadline = time.monotonic() + MAX_SECONDS
    points: Iterable[Point]
    if sheet.params is None or sheet.x is None:
        points = Probes(sheet.network, jax_of, deadline)
    else:
        # Without a loss no claim speaks of dL: any dL/dyhat will do.
        d_yhat = np.array([Fraction(1)] * sheet.network.widths[-1], object) if sheet.network.loss is None else None
        points = [Point(sheet.network, sheet.params, sheet.x, sheet.y, d_yhat, jax_of)]
        points[0].deadline = deadline
    judgements = [judge_claim(claim, points, sheet.notation, symbolic) for claim in sheet.claims]
    return Report(sheet.path, sheet.title, sheet.network.reading(), judgements=judgements)
