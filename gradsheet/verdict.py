"""The verdicts: every claim of a sheet against the truth, every line of its working too."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from gradsheet import formula as f
from gradsheet.compare import Comparison, Mismatch, like, line_message, value_message
from gradsheet.derivation import true_formula
from gradsheet.diagnosis import diagnose
from gradsheet.evaluate import EvaluationError
from gradsheet.history import History
from gradsheet.judgement import Judgement, LineVerdict, Report
from gradsheet.network import NEW, Network
from gradsheet.number import Text, exact_text, like_claim, plain
from gradsheet.point import Budget, Missing, Point, shared_point_of
from gradsheet.probe import Probes, probes_for
from gradsheet.readings import Readings
from gradsheet.real import Arithmetic, Imprecise, Undecided
from gradsheet.sheet import Claim, Line, Sheet, Value, fractions, printed_entries
from manual.activations import split

LADDER = (40, 160, 640)  # digits of enclosures: more where those before do not decide
MAX_SECONDS = 1.0  # for a sheet; what is not judged by then is `cannot_tell`
DIAGNOSIS_SECONDS = 0.5  # for what is wrong on it; what has no explanation by then gets none


def _overlap(a: f.Quantity, b: f.Quantity, network: Network) -> bool:
    """Whether two quantities may have an entry in common; L and its shares L[k] have none."""
    if network.canonical(a.name) != network.canonical(b.name) or (a.name == "L" and bool(a.indices) != bool(b.indices)):
        return False
    pairs = zip(a.indices, b.indices, strict=False)
    return all(not (isinstance(i, int) and isinstance(j, int)) or i == j for i, j in pairs)


def quotes(line: f.Node, quantity: f.Node, network: Network) -> bool:
    """Whether a line of working quotes the quantity that it is claimed to equal: such a line says nothing."""
    if not isinstance(quantity, f.Quantity | f.Number) and quantity in {*f.walk(line)}:
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


class _Judge:
    """Judges one claim, at `points`; `history` has what a sheet with numbers has printed before."""

    def __init__(
        self,
        claim: Claim,
        points: Probes | list[Point],
        notation: Mapping[str, f.Node],
        readings: Readings,
        history: History | None = None,
    ):
        self.claim, self.points, self.notation, self.readings, self.history = claim, points, notation, readings, history
        self.mismatches: list[Mismatch] = []
        self.messages: list[str] = []
        self.given: list[Claim] = []
        self.own = True

    def judgement(self) -> Judgement:
        """The verdict; `cannot_tell` where something on the way to it cannot be told."""
        claim = self.claim
        claimed = claim.working[-1].text if claim.value is None else _printed_text(claim.value)
        try:
            self.comparison = Comparison(claim.tree, self.points)
            return self._judgement(claim, claimed)
        except (Undecided, ArithmeticError) as error:
            return Judgement(claim, claimed, None, "cannot_tell", str(error) or "a division by 0")

    def _judgement(self, claim: Claim, claimed: Text) -> Judgement:
        """The verdict, from that on the number and those on every line of the working."""
        try:
            truth = self.comparison.a_truth()
            number = "" if claim.value is None else self._number(claim.value)
        except (EvaluationError, Missing) as error:
            place = "" if str(error).startswith(claim.quantity) else f"{claim.quantity}: "
            return Judgement(claim, claimed, None, "wrong", f"{place}{error}")
        if self.mismatches and self.mismatches[0].truth is not None:
            truth = self.mismatches[0].truth
        working = [self._line(line) for line in claim.working]
        verdict = self._verdict(number, working, claimed)
        compared = any(mismatch.mine is not None for mismatch in self.mismatches)
        readings = self.readings.fitting(claim) if verdict == "wrong" and compared else []
        told: Text
        if isinstance(self.points, Probes):
            told = _true_formula(claim, self.points, self.notation) if verdict == "wrong" else None
        else:
            told = exact_text(truth if claim.value is None else like(truth, fractions(claim.value)))
        witnesses = [mismatch.point for mismatch in self.mismatches if mismatch.mine is not None]
        return Judgement(
            claim,
            claimed,
            truth=told,
            verdict=verdict,
            message="; ".join(self.messages),
            witness=witnesses[0].data_text() if self.history is None and witnesses else "",
            working=working,
            readings=readings,
            proof=self.comparison.proof() if self.history is None and verdict == "right" else "",
            own=self.own,
            given=self.given,
        )

    def _number(self, value: Value) -> str:
        mismatch = self.comparison.mismatch_of_value(value)
        if mismatch is None:
            return "right"
        self.mismatches.append(mismatch)
        self.messages.append(value_message(mismatch, value))
        if self.history is None or mismatch.mine is None:
            return "wrong"
        if self.history.rounded(self.claim, mismatch.point):
            self.messages[-1] += ", which rounding the values printed before explains"
            return "rounded"
        self.given = self.history.given(self.claim, mismatch.point)
        if self.given:
            given = " and ".join(f"{c.quantity} = {plain(_printed_text(c.value))} (line {c.line})" for c in self.given)
            self.messages.append(f"right given the earlier {given}")
        return "wrong"

    def _line(self, line: Line) -> LineVerdict:
        """A line's verdict, and what it gives where it has a single value."""
        if line.tree is None:
            return LineVerdict(line.text, None, "wrong", f"cannot be read: {line.error}")
        if self._quotes(line.tree):
            return LineVerdict(line.text, None, "wrong", "quotes the quantity that it is claimed to equal")
        try:
            mismatch, value = self.comparison.mismatch_of_line(line.tree)
        except Undecided as error:
            return LineVerdict(line.text, None, "cannot_tell", str(error))
        text = None if value is None else exact_text(value)
        if mismatch is None:
            return LineVerdict(line.text, text, "right", array=value)
        try:
            rounded = self.history is not None and self.history.line_rounded(self.claim, line.tree, mismatch.point)
        except Undecided as error:
            return LineVerdict(line.text, text, "cannot_tell", str(error), value)
        if rounded:
            return LineVerdict(line.text, text, "rounded", array=value)
        self.mismatches.append(mismatch)
        message = line_message(mismatch, line.text, self.comparison.symbolic)
        return LineVerdict(line.text, text, "wrong", message, value)

    def _quotes(self, line: f.Node) -> bool:
        quantity, point = self.claim.tree, self.comparison.first_point
        return point.found(("quotes", line, quantity), lambda: quotes(line, quantity, point.network))

    def _verdict(self, number: str, working: list[LineVerdict], claimed: Text) -> str:
        """The verdict on the claim; what there is to say of its working joins the messages."""
        broken = next((k for k, line in enumerate(working) if line.verdict == "wrong"), None)
        if broken is not None:
            place = f"line {broken + 1}, {_quote(working[broken].text)}, " if number or len(working) > 1 else ""
            self.messages.append(place + working[broken].message)
        if number in ("right", "wrong") and working and not self._is_own(working[-1]):
            self.own = False
            own = plain(like_claim(working[-1].value, claimed))
            self.messages.append(f"its own last line gives {own}, not {plain(claimed)}")
        result = number or working[-1].verdict
        if result in ("right", "rounded"):
            if broken is not None:
                return "lucky"
            for line in working:
                if line.verdict == "cannot_tell":
                    self.messages.append(line.message)
                    return "cannot_tell"
        elif result == "cannot_tell":
            self.messages.append(working[-1].message)
        return result

    def _is_own(self, last: LineVerdict) -> bool:
        """Whether the claimed number is what the last line of its working gives, where that gives one."""
        tree, value = self.claim.working[-1].tree, self.claim.value
        if last.array is None or tree is None or value is None or self.history is None:
            return True
        entries = printed_entries(value)
        if len(entries) != last.array.size:
            return False
        if all(p.agrees(v) for p, v in zip(entries, last.array.flat, strict=True)):
            return True
        ones = dict.fromkeys(tree.letters, 1)  # it has a single value: that is all that its letters run over
        try:
            low, high = self.history.spread(self.claim, tree, self.comparison.first_point, ones)
        except (EvaluationError, Missing, Undecided, ArithmeticError):  # with other decimals it has no value
            return False
        return all(p.overlaps(a, b) for p, a, b in zip(entries, low.flat, high.flat, strict=True))


def _true_formula(claim: Claim, points: Probes, notation: Mapping[str, f.Node]) -> str | None:
    """The true formula for a claim over all weights, judged like any other before it is shown."""
    network = next(iter(points)).network
    used = sorted(notation, key=lambda name: all(name not in line.text for line in claim.working))
    if (found := true_formula(claim.tree, network, {name: notation[name] for name in used})) is None:
        return None
    quantity, formula = found

    def is_true() -> bool:
        comparison = Comparison(f.parse(quantity, network.names, notation), points)
        return comparison.mismatch_of_line(f.parse(formula, network.names, notation))[0] is None

    try:
        if not points.kept(("true", quantity, formula, *notation.items()), is_true):
            return None
    except (f.FormulaError, EvaluationError, Missing, Undecided):  # too long, or no time left
        return None
    return formula if quantity == claim.quantity.replace(" ", "") else f"{quantity} = {formula}"


def _quote(text: str) -> str:
    return f"'{text if len(text) <= 60 else text[:57] + '...'}'"


def _printed_text(value: Any) -> Text:
    return [_printed_text(item) for item in value] if isinstance(value, tuple) else value.text


def arithmetic_of(rung: int) -> Arithmetic:
    """The arithmetic with as many digits as a rung of the ladder has."""
    return Arithmetic(LADDER[rung], final=rung + 1 == len(LADDER))


def derived(sheet: Sheet) -> set[str]:
    """The nodes whose derivatives a sheet speaks of, or that are updated on the way to what it speaks of."""
    trees = [tree for claim in sheet.claims for tree in (claim.tree, *(line.tree for line in claim.working)) if tree]
    quantities = [part for tree in trees for part in f.walk(tree) if isinstance(part, f.Derivative | f.Quantity)]
    jax_of = {part.of.name for part in quantities if isinstance(part, f.Derivative)}
    named = [part.of if isinstance(part, f.Derivative) else part for part in quantities]
    jax_of |= {"shares" for part in named if part.name == "L" and part.indices}
    jax_of |= {"L" for part in named if part.name == "L" or part.name.endswith(NEW)}
    jax_of |= {part.name for part in named if part.name == f"L{NEW}"}
    return jax_of - {"shares"} if sheet.network.loss is None else jax_of


def judge(sheet: Sheet, seconds: float | None = None) -> Report:
    """The verdicts on every claim of a sheet, in so many seconds of the processor's time; left out, in MAX_SECONDS."""
    seconds = MAX_SECONDS if seconds is None else seconds
    jax_of, rate = derived(sheet), sheet.exact_rate
    import gradsheet.autodiff  # noqa: F401  # the time that JAX takes to import is not the sheet's

    if sheet.params is None:
        points = probes_for(sheet.network, frozenset(jax_of), rate)
        points.budget.start(seconds)
        readings = Readings(sheet.network, None, rate, points.budget)
        judgements = [_Judge(claim, points, sheet.notation, readings).judgement() for claim in sheet.claims]
        points.budget.start(DIAGNOSIS_SECONDS)
        causes = diagnose(judgements, points)
        return Report(sheet.path, sheet.title, reading_of(sheet), judgements=judgements, causes=causes)
    budget, rungs = Budget(), list[Point]()
    budget.start(seconds)

    def rung(number: int) -> Point:
        if number == len(rungs):
            rungs.append(shared_point_of(sheet, frozenset(jax_of), arithmetic_of(number), budget))
        return rungs[number]

    history, readings = History(_data(sheet)), Readings(sheet.network, rung(0), rate, budget)

    def judged(claim: Claim) -> Judgement:
        for number in range(len(LADDER)):
            try:
                found = _Judge(claim, [rung(number)], sheet.notation, readings, history).judgement()
            except Imprecise:
                continue
            history.add(claim, found.verdict, rung(number))
            return found
        raise AssertionError("the last rung decides or raises Undecided")

    judgements = [judged(claim) for claim in sheet.claims]
    budget.start(DIAGNOSIS_SECONDS)
    causes = diagnose(judgements, rung(0), history)
    return Report(sheet.path, sheet.title, reading_of(sheet), judgements=judgements, causes=causes)


def reading_of(sheet: Sheet) -> str:
    """The reading in one line, as every report states it."""
    if sheet.rate is None or sheet.network.update is None:
        return sheet.network.reading()
    on = "all parameters" if sheet.network.update == "all" else "the weights"
    return f"{sheet.network.reading()}; one step of {sheet.rate.text} on {on}"


def _data(sheet: Sheet) -> Iterator[Fraction]:
    """Every number that a sheet gives."""
    arrays = [sheet.x, sheet.y, *(array for layer in sheet.params or () for array in layer)]
    yield from (v for array in arrays if array is not None for v in array.flat)
    yield from (sheet.rate.value,) if sheet.rate else ()
    yield from (slope for a in sheet.network.activations for slope in split(a)[1])
