"""The verdict on every claim of a sheet: its number against the truth, every
line of its working too.

A verdict is decided in this order (methods of `_Judge`):

    unread           the claim, its quantity, or all of its working says nothing
                     that can be read (`judgement`, `_verdict`)
    open             neither value nor working (`judgement`)
    cannot_tell      a comparison raises Undecided: a kink, witnesses that
                     disagree, digits that decide nothing (`judgement`, `_line`)
    wrong            the quantity has no value, of its own making (`_judgement`)

    and of a number that is not the truth (`_number`, where the first fits):

    rounded          rounding what was printed before explains it, or rounding
                     in its working, or floating point; `history` knows
    carried_forward  it is what right steps make of earlier wrong values
    rounded          its further digits were cut off (`_cut`)
    wrong            nothing of this

    A true number is right, and lucky where a line of its working is wrong
    (`_verdict`). A claim without a number has the verdict of its last line.

Where 40 digits do not decide, a claim is judged again with more (`LADDER`).
"""

import contextlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from gradsheet.claims.comparison import Comparison, Mismatch, like, truths_at
from gradsheet.claims.counting import asked_of, claim_work, witness_work
from gradsheet.claims.definitions import stated_of
from gradsheet.claims.history import History
from gradsheet.claims.identity import Everywhere, IdentityComparison, sizes_tried
from gradsheet.claims.judgement import QUOTES, UNSEARCHED, Judgement, LineVerdict
from gradsheet.claims.messages import hint_of_value, line_message, value_message
from gradsheet.claims.sheet import Claim, Line, Sheet, Stated
from gradsheet.language import formula as f
from gradsheet.language.evaluate import Evaluator, shape_text, without_dots
from gradsheet.language.shown import short
from gradsheet.numbers.ball import Ball
from gradsheet.numbers.budget import FOR_VERDICTS, Budget
from gradsheet.numbers.printed import (
    Text,
    Value,
    digits_text,
    exact_text,
    fractions,
    place_text,
    plain,
    printed,
    printed_entries,
    told_text,
)
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.reasons import (
    NO_ANSWER,
    EvaluationError,
    Imprecise,
    Missing,
    NotRead,
    OtherEntry,
    OutOfWork,
    Undecided,
)
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.numbers.slips import FLOAT, significant
from gradsheet.truth.carrying import carried
from gradsheet.truth.graph_point import GraphPoint, shared_point_of
from gradsheet.truth.target import mentions
from gradsheet.truth.values import Values
from gradsheet.truth.work import FormulaWork
from manual.activations import Array, split

SEVERAL = 6  # times that the working of a number is gone through which is not the truth
LADDER = (40, 160, 640)  # digits of enclosures: more where those before do not decide


@dataclass
class _Judge:
    """Judges one claim, at `points`; `history` has what a sheet with numbers has printed before."""

    claim: Claim
    points: GraphPoint | Everywhere
    history: History | None = None
    mismatches: list[Mismatch] = field(default_factory=list, init=False)
    messages: list[str] = field(default_factory=list, init=False)
    given: list[Claim] = field(default_factory=list, init=False)
    own: bool = field(default=True, init=False)
    off: str = field(default="", init=False)
    comparison: Comparison | IdentityComparison = field(init=False)

    def judgement(self) -> Judgement:
        """The verdict; `cannot_tell` where something on the way to it cannot be told."""
        claim = self.claim
        if claim.error:
            return _untold(claim, "unread", claim.error)
        if claim.is_open:
            return Judgement(claim, None, None, "open")
        try:
            if isinstance(self.points, Everywhere):
                self.comparison = IdentityComparison(claim.tree, self.points)
            else:
                self.comparison = Comparison(claim.tree, self.points)
            return self._judgement(claim, _claimed(claim))
        except NotRead as error:
            return _untold(claim, "unread", f"the quantity is not read: {error}")
        except (Undecided, OutOfWork, ArithmeticError) as error:
            by_zero = isinstance(error, ZeroDivisionError)
            return _untold(claim, "cannot_tell", "a division by 0" if by_zero else str(error))

    def _judgement(self, claim: Claim, claimed: Text) -> Judgement:
        """The verdict, from that on the number and those on every line of the working."""
        try:
            truth = self.comparison.a_truth()
            mismatch = (
                None if claim.value is None else self.comparison.mismatch_of_value(claim.value)
            )
        except NotRead:
            raise
        except OtherEntry as error:
            raise Undecided(str(error)) from error
        except (EvaluationError, Missing) as error:
            place = "" if str(error).startswith(claim.quantity) else f"{claim.quantity}: "
            return _untold(claim, "wrong", f"{place}{error}")
        if mismatch is not None:
            self.mismatches.append(mismatch)
        working = [self._line(line) for line in claim.working]
        if self.mismatches and self.mismatches[0].truth is not None:
            truth = self.mismatches[0].truth
        number = ""
        if claim.value is not None:
            number = "right" if mismatch is None else self._number(claim.value, mismatch, working)
        verdict = self._verdict(number, working, claimed)
        witnesses = [mismatch.point for mismatch in self.mismatches if mismatch.mine is not None]
        texts = _Texts(None, None, None)
        if isinstance(self.points, GraphPoint):
            if claim.value is None:
                truth = self._whole(truth)
            if claim.tree.letters:
                texts = _texts(truth, claim.value)
            else:  # many sheets print the same
                question = "texts", claim.tree, claim.value
                texts = self.points.found(
                    question,
                    lambda: _texts(truth, claim.value),
                    lambda _: truth.size,
                    marked=False,
                )
        return Judgement(
            claim,
            claimed,
            truth=texts.exact,
            truth_digits=texts.digits,
            told=texts.told,
            verdict=verdict,
            messages=self.messages,
            witness=witnesses[0].data_text() if self.history is None and witnesses else "",
            fails_at=witnesses if self.history is None else (),
            working=working,
            compared=bool(witnesses),
            off=self.off,
            proof=self.comparison.proof() if verdict == "right" else "",
            own=self.own,
            given=self.given,
        )

    def _whole(self, truth: Array) -> Array:
        """The truth for all values of the free letters, whose axes are in the
        order in which the quantity has them."""
        tree, point = self.claim.tree, self.comparison.first_point
        letters = sorted(tree.letters)
        if not letters:
            return truth
        evaluator = Evaluator(point)
        sizes = [evaluator.range_of(letter, tree, {}) for letter in letters]
        whole = np.stack([value for _, value in truths_at(point, tree)]).reshape(
            *sizes, *truth.shape
        )
        order = [i.name for part in _ends(tree) for i in part.indices if isinstance(i, f.Letter)]
        if sorted(order) != letters:
            return whole
        return whole.transpose(
            [letters.index(name) for name in order] + list(range(len(letters), whole.ndim))
        )

    def _number(self, value: Value, mismatch: Mismatch, working: list[LineVerdict]) -> str:
        """The verdict on a number that is not the truth."""
        history, claim, point = self.history, self.claim, mismatch.point
        point.budget.spend(
            SEVERAL * sum(point.formula_work(line.tree) for line in claim.working if line.tree)
        )
        self.messages.append(value_message(mismatch, value))
        self.off = hint_of_value(mismatch, value)
        if history is None or mismatch.mine is None or mismatch.truth is None:
            return "wrong"
        if history.rounded(claim, point) and history.is_own(claim, point):
            self.messages[-1] += ", which rounding the values printed before explains"
            return "rounded"
        if history.rounded_in_working(claim, point):
            self.messages[-1] += ", which rounding in its working explains"
            return "rounded"
        if not claim.tree.letters and self._is_of_floats(value, mismatch):
            self.messages[-1] += ", which is no further than floating point may be off"
            return "rounded"
        false = [judged for judged in working if judged.verdict == "wrong"]
        lines = [
            line.tree
            for line, judged in zip(claim.working, working, strict=True)
            if line.tree and judged.verdict == "wrong"
        ]
        carried = False
        try:
            with point.budget.keeping(FOR_VERDICTS):
                self.given, carried = history.given(claim, point, lines)
                # Else only its number does not follow.
                follow = carried or (not self.given and history.carried(claim, point, lines))
        except OutOfWork:
            self.messages.append(f"whether it follows from a wrong claim before it {UNSEARCHED}")
            follow = False
        for judged in false if follow else ():
            judged.verdict, judged.message = "carried_forward", ""
        if self.given:
            self.messages.append(f"right given the earlier {_told(self.given)}")
        if carried:
            return "carried_forward"
        return self._cut(value, mismatch) if not false and not claim.tree.letters else "wrong"

    def _cut(self, value: Value, mismatch: Mismatch) -> str:
        """The verdict on a number that may have been cut where it is to be
        rounded; `wrong` where it has not."""
        assert self.history is not None
        assert mismatch.truth is not None
        pairs = list(zip(printed_entries(value), mismatch.truth.flat, strict=True))
        off = list(mismatch.off)
        cut = [k for k in off if pairs[k][0].is_cut(pairs[k][1])]
        if cut and (cut == off or self.history.rounded(self.claim, mismatch.point, but=cut)):
            places = " and ".join(place_text(k, value) for k in cut)
            of = f" of entry {places}" if len(pairs) > 1 else ""
            message = f": the further digits{of} are cut off where the last is to be rounded"
            self.messages[-1] += message
            if cut != off:
                self.messages[-1] += ", and rounding the values printed before explains the rest"
            return "rounded"
        return "wrong"

    def _is_of_floats(self, value: Value, mismatch: Mismatch) -> bool:
        """Whether a number of so many digits is off no further than float64 may
        be, in any order of the operations."""
        printed, truth = printed_entries(value), mismatch.truth
        if truth is None:
            return False
        pairs = list(zip(printed, truth.flat, strict=True))
        if any((p.places is None or significant(p) < FLOAT) and not p.agrees(t) for p, t in pairs):
            return False
        mismatch.point.budget.spend(mismatch.point.pass_work.both)
        try:
            errors = Evaluator(carried(mismatch.point, kind=Ball.of)).value(
                self.claim.tree, mismatch.binding
            )
        except NO_ANSWER:
            return False
        balls = [Ball.of(ball) for ball in errors.flat]
        return all(math.isfinite(ball.error) for ball in balls) and all(
            abs(p.value - t) <= Fraction(ball.error) + p.half
            for (p, t), ball in zip(pairs, balls, strict=True)
        )

    def _line(self, line: Line) -> LineVerdict:
        """A line's verdict, and what it gives where it has a single value."""
        tree, quantity = line.tree, self.claim.tree
        if tree is None:
            return LineVerdict(line.text, None, "unread", line.error)
        network = self.comparison.first_point.network
        if self.points.found(("quotes", tree, quantity), lambda: mentions(tree, quantity, network)):
            return LineVerdict(line.text, None, "wrong", QUOTES)
        try:
            mismatch, value, shape, read_as = self.comparison.mismatch_of_line(tree)
            verdict = "right" if mismatch is None else "wrong"
            history = self.history
            if mismatch and history and history.line_rounded(self.claim, tree, mismatch.point):
                verdict = "rounded"
        except (Undecided, OutOfWork) as error:
            return LineVerdict(line.text, None, "cannot_tell", str(error))
        text, read_as = None if value is None else exact_text(value), line.read_as + read_as
        if mismatch is None or verdict == "rounded":
            read_as += self._tell_shape(shape)
            return LineVerdict(line.text, text, verdict, "", value, read_as)
        if mismatch.is_unread:
            return LineVerdict(line.text, None, "unread", mismatch.reason)
        self.mismatches.append(mismatch)
        message = line_message(mismatch, line.text, self.comparison.symbolic)
        if free := sorted(tree.letters - quantity.letters):
            are = "is" if len(free) == 1 else "are"
            message = f"{' and '.join(free)} {are} free in the formula and not in the quantity"
        return LineVerdict(line.text, text, "wrong", message, value, read_as)

    def _tell_shape(self, shape: tuple[int, ...] | None) -> tuple[str, ...]:
        """How a true line has another shape than its quantity, by axes of
        length 1: that of its transpose is told."""
        wanted = self.comparison.a_truth().shape
        if shape is None or len(shape) != 2 or shape == wanted:
            return ()
        mine, that = shape_text(shape), shape_text(wanted)
        if shape == wanted[::-1]:
            self.messages.append(
                f"its shape is {mine}, that of the quantity {that}: only the numbers are the same"
            )
        return (f"the {mine} matrix stands for a vector of {that}",) if len(wanted) == 1 else ()

    def _verdict(self, number: str, working: list[LineVerdict], claimed: Text) -> str:
        """The verdict on the claim; what there is to say of its working joins the messages."""
        read = [line for line in working if line.verdict != "unread"]

        def at_line(k: int, message: str) -> str:
            """Which line is spoken of, where that needs to be said."""
            if not number and len(working) == 1:
                return message
            return f"line {k + 1}, '{short(working[k].text)}', {message}"

        if not number and not read:
            self.messages += [at_line(k, line.message) for k, line in enumerate(working)]
            return "unread"
        broken = next((k for k, line in enumerate(working) if line.verdict == "wrong"), None)
        if broken is not None:
            self.messages.append(at_line(broken, working[broken].message))
        if number in ("right", "wrong"):
            self._tell_other_number(working, claimed)
        self._tell_wrong_decimals()
        self.messages += [
            at_line(k, f"is not read: {line.message}")
            for k, line in enumerate(working)
            if line.verdict == "unread"
        ]
        result = number or read[-1].verdict
        if result in ("right", "rounded"):
            if broken is not None:
                return "lucky"
            for line in read:
                if line.verdict == "cannot_tell":
                    self.messages.append(line.message)
                    return "cannot_tell"
        elif result == "cannot_tell":
            self.messages.append(read[-1].message)
        return result

    def _tell_other_number(self, working: list[LineVerdict], claimed: Text) -> None:
        """Say where the claimed number is not what the last line of its working
        gives, but for rounding on the way."""
        array, value = working[-1].array if working else None, self.claim.value
        if array is None or value is None or self.history is None:
            return
        point = self.comparison.first_point
        if self.history.is_own(self.claim, point, self.given):
            return
        if used := self.history.given_by_line(self.claim, point):
            gives = f"its own last line gives {plain(claimed)}"
            self.messages.append(f"with the earlier {_told(used)} {gives}")
        else:
            self.own = False
            gives = plain(told_text(like(array, fractions(value)), printed_entries(value)))
            self.messages.append(f"its own last line gives {gives}, not {plain(claimed)}")

    def _tell_wrong_decimals(self) -> None:
        """Say where a line of the working uses a number that an earlier claim
        has printed wrongly."""
        if self.history is None:
            return
        used: dict[str, Claim] = {}
        for line in self.claim.working:
            if line.tree is not None:
                used |= self.history.wrong_decimals(line.tree)
        given = {abs(p.value) for claim in self.given for p in printed_entries(claim.value)}  # type: ignore[arg-type]
        for text, claim in used.items():
            if printed(text).value not in given:
                where = f"{claim.quantity} (line {claim.line})"
                self.messages.append(f"its working uses {text}, which is not the true {where}")


class _Texts(NamedTuple):
    """A truth as it is told: exactly, with digits that are true, and to a person."""

    exact: Text
    digits: Text
    told: Text


def _texts(truth: Array, value: Value | None) -> _Texts:
    """The texts of a truth beside the number claimed, where there is one."""
    entries = [] if value is None else printed_entries(value)
    truth = truth if value is None else like(truth, fractions(value))
    return _Texts(exact_text(truth), digits_text(truth, entries), told_text(truth, entries))


def _untold(claim: Claim, verdict: str, message: str) -> Judgement:
    """The verdict on a claim of which no truth is told."""
    return Judgement(claim, _claimed(claim), None, verdict, [message])


def _claimed(claim: Claim) -> Text:
    """What a claim says, its number or else its last line."""
    if claim.value is not None:
        return _printed_text(claim.value)
    return claim.working[-1].text if claim.working else None


def _told(claims: Iterable[Claim]) -> str:
    """Earlier claims, each with its number and its line."""
    return " and ".join(f"{c.quantity} = {plain(_claimed(c))} (line {c.line})" for c in claims)


def _ends(tree: f.Node) -> list[f.Quantity]:
    """The quantities that a derivative or a quantity is written with, from left to right."""
    if isinstance(tree, f.Derivative):
        return [tree.of, tree.by]
    return [tree] if isinstance(tree, f.Quantity) else []


def _printed_text(value: Any) -> Text:
    return [_printed_text(item) for item in value] if isinstance(value, tuple) else value.text


def arithmetic_of(rung: int) -> Arithmetic:
    """The arithmetic with as many digits as a rung of the ladder has."""
    return Arithmetic(LADDER[rung], final=rung + 1 == len(LADDER))


def _without_dots(claim: Claim, point: Values) -> Claim:
    """The claim with the only products that its lines can mean."""

    def resolved(line: Line) -> Line:
        if line.tree is None or line.text.isascii():  # · and × are not ASCII
            return line
        try:
            tree, read_as = without_dots(line.tree, claim.tree, point)
        except NO_ANSWER:  # which the comparison will tell
            return line
        return replace(line, tree=tree, read_as=read_as)

    if claim.error or not claim.working:
        return claim
    return replace(claim, working=tuple(map(resolved, claim.working)))


class Verdicts(NamedTuple):
    """The judgements of a sheet, and where they were found: at its point, or
    everywhere, and what it has printed."""

    judgements: list[Judgement]
    points: GraphPoint | Everywhere
    history: History | None


def verdicts(sheet: Sheet, budget: Budget, session: Session = LIBRARY) -> Verdicts:
    """The verdict on every claim of a sheet, one after the other."""
    judged = _with_numbers if sheet.has_numbers else _over_all_values
    return judged(sheet, stated_of(sheet, session), budget, session)


def _over_all_values(sheet: Sheet, stated: Stated, budget: Budget, session: Session) -> Verdicts:
    """The judgements of a sheet of which something is given by its shape alone."""
    asked = asked_of(sheet, stated.program, session)
    points = Everywhere(stated, asked, budget, session)
    claims = [_without_dots(claim, points.first) for claim in sheet.claims]
    judgements = [_Judge(claim, points).judgement() for claim in claims]
    return Verdicts(judgements, points, None)


def _with_numbers(sheet: Sheet, stated: Stated, budget: Budget, session: Session) -> Verdicts:
    """The judgements of a sheet with numbers."""
    rungs = list[GraphPoint]()

    def rung(number: int) -> GraphPoint:
        if number == len(rungs):
            rungs.append(point_at(sheet, stated, number, budget, session))
        return rungs[number]

    history = History(_data(sheet))

    def judged(claim: Claim) -> Judgement:
        for number in range(len(LADDER)):
            try:
                if number:
                    formulas = FormulaWork(rung(number).network, None, LADDER[number])
                    budget.spend(claim_work(claim, formulas, 4))
                judge = _Judge(claim, rung(number), history)
                judgement = judge.judgement()
            except Imprecise:
                continue
            except OutOfWork as error:  # more digits than the sheet can pay for
                few = f"{LADDER[number - 1]} digits do not decide it, and more take too long here"
                return _untold(claim, "cannot_tell", few if number else str(error))
            history.record.add(claim, judgement.verdict, rung(number))
            return judgement
        raise AssertionError("the last rung decides or raises Undecided")

    claims = [_without_dots(claim, rung(0)) for claim in sheet.claims]
    if rung(0).is_shared:  # before anything of this sheet's own is met, so that all share them
        for claim in claims:
            with contextlib.suppress(*NO_ANSWER):
                if not (claim.error or claim.is_open):
                    truths_at(rung(0), claim.tree)
    return Verdicts(list(map(judged, claims)), rung(0), history)


def point_at(
    sheet: Sheet, stated: Stated, rung: int, budget: Budget, session: Session = LIBRARY
) -> GraphPoint:
    """The point of a sheet with numbers, in the arithmetic of a rung of the ladder."""
    asked, arithmetic = asked_of(sheet, stated.program, session), arithmetic_of(rung)
    if rung:
        budget.spend(witness_work(sheet, stated, asked, None, LADDER[rung]))
    return shared_point_of(stated.program, stated.arrays, asked, arithmetic, budget, session)


def reading_of(sheet: Sheet) -> str:
    """The reading in one line, as every report states it."""
    if sheet.own is None:
        return sheet.reading_of_layers()
    reading = "; then ".join(filter(None, [sheet.own.layers, sheet.own.program.reading()]))
    tried = sizes_tried(sheet.own)
    return f"{reading}; tried at {tried}" if tried else reading


def _data(sheet: Sheet) -> Iterator[Fraction]:
    """Every number that a sheet gives."""
    yield from (v for array in sheet.arrays() for v in array.flat)
    yield from (sheet.rate.value,) if sheet.rate else ()
    yield from (slope for a in sheet.network.activations for slope in split(a)[1])
