"""The causes of what is wrong on a sheet.

For every claim that is not right the ways of explaining it are asked for
`Candidate`s, in the order of their kinds; `candidate` has the table that says
which of them wins and why. What explains a claim as well as any other is named
beside it, and where nothing does, that is said. What the winners of several
claims have in common is a cause.
"""

import functools
import math
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradsheet.claims.history import FEW, History
from gradsheet.claims.judgement import QUOTES, UNSEARCHED, Cause, Explanation, Judgement
from gradsheet.claims.sheet import Claim
from gradsheet.mistakes.candidate import HALF, RANKS, SURE, Candidate, Kind, are_sure, winners
from gradsheet.mistakes.forms import difference, forms, repairs
from gradsheet.mistakes.layered import layers_of, problem_of
from gradsheet.mistakes.probes import Probes
from gradsheet.mistakes.relations import related
from gradsheet.mistakes.search import Beside, Hypothesis, Search, Statement, nowhere, search
from gradsheet.mistakes.simulation import Combination
from gradsheet.mistakes.stories import FITS, Stories
from gradsheet.mistakes.writing import ARITHMETIC, Writing, said_by
from gradsheet.network.network import improbable
from gradsheet.numbers.reasons import OutOfWork
from gradsheet.numbers.slips import significant
from gradsheet.truth.graph_point import GraphPoint

PER_NUMBER = 40  # operations of explaining a claim, for each number that it gives
LOOSE = 2  # digits that a number tells less where it is off by rounding
BEHIND = "the earlier {} is carried on"
ROUNDED = Explanation("rounding", "rounding on the way", "rounding", "")


def diagnose(
    judgements: Sequence[Judgement],
    points: GraphPoint | Probes,
    history: History | None = None,
    further: Sequence[GraphPoint] = (),
    beside: Beside = nowhere,
) -> list[Cause]:
    """Give every wrong or lucky judgement its explanations, and return the
    causes that several have in common.

    `points` is the point with the sheet's numbers, or the probes of a sheet
    over all weights; of a sheet for all values it is one point, and there are
    `further` ones, and those `beside` the kinks of formulas. What the time does
    not suffice for is left out.
    """
    if all(judgement.verdict not in ("wrong", "lucky") for judgement in judgements):
        return []
    # Where the rules that people use do not hold, what they give is no mistake of theirs.
    if isinstance(points, GraphPoint) and layers_of(points):
        problem = problem_of(points)
        if problem.y is not None and improbable(problem.network, problem.y):
            return []
    causes, is_paid = list[Cause](), False
    try:
        points.budget.spend(sum(judgement.claim.numbers for judgement in judgements))
        searched = search(judgements, points, history, further, beside)
        causes, is_paid = _Diagnosis(searched).causes(), searched.is_paid
    except OutOfWork:  # what has been explained by now is
        pass
    except Exception as error:  # the verdicts stand all the same
        text = "the search for mistakes failed, which is a fault of gradsheet"
        warnings.warn(f"{text}: {type(error).__name__}: {error}", RuntimeWarning, 2)
        return []
    for judgement in judgements:
        if judgement.verdict == "wrong" and judgement.explanations is None and not is_paid:
            judgement.messages.append(f"the mistake behind it {UNSEARCHED}")
    return causes


@dataclass(frozen=True)
class _Case:
    """A judgement that is to be explained, by its number; the statement that
    mistakes in the pass have to make true, and the story that does."""

    number: int
    judgement: Judgement
    statement: Statement | None
    story: Hypothesis | None

    @property
    def is_split(self) -> bool:
        """Whether its working is one thing to explain, and its number another."""
        of_number = self.statement is not None and self.statement.is_of_number
        return not (self.judgement.own or of_number)

    @property
    def said(self) -> int:
        """How many digits the claim gives."""
        return sum(map(significant, said_by(self.judgement)))


class _Diagnosis:
    def __init__(self, search: Search):
        self.search, self.judgements = search, search.judgements
        self.statements = {id(s.judgement): k for k, s in enumerate(search.wrong)}
        self.writing = Writing(search)
        self.stories = Stories(search, self.writing)
        # Of every cause its judgements, and how many of their digits speak for it.
        self.members: defaultdict[Combination, list[int]] = defaultdict(list)
        self.evidence: defaultdict[Combination, float] = defaultdict(float)

    def causes(self) -> list[Cause]:
        """Explain every judgement; the causes that several have in common."""
        self.writing.find_swaps()
        self.stories.find()
        for number, judgement in enumerate(self.judgements):
            if judgement.verdict in ("wrong", "lucky", "carried_forward"):
                self._explain(self._case(number, judgement))
        return [
            Cause(self._named(cause), claims, self._is_sure(cause, self.evidence[cause]))
            for cause, claims in sorted(self.members.items(), key=lambda pair: -len(pair[1]))
            if len(claims) > 1
        ]

    def _case(self, number: int, judgement: Judgement) -> _Case:
        k = self.statements.get(id(judgement))
        if k is None or self.writing.swaps_truths(number):  # those are no mistake in the pass
            return _Case(number, judgement, None, None)
        return _Case(number, judgement, self.search.wrong[k], self.stories.of(k))

    def _explain(self, case: _Case) -> None:
        """Give a judgement its explanations, and its cause the judgement."""
        self.search.point.budget.spend(PER_NUMBER * max(1, case.judgement.claim.numbers))
        best = winners(self._candidates(case))
        judgement = case.judgement
        if best or (self.search.is_complete and id(judgement) in self.statements):
            texts = {c.explanation.text: c.explanation for c in best}
            judgement.explanations = list(texts.values())
        judgement.sure = are_sure(best)
        causes = {candidate.cause: candidate.evidence for candidate in best if candidate.cause}
        if case.story is not None:
            causes = {case.story.chosen: self._evidence(case)}
        if len(causes) > 1:  # of equals the one that other claims share
            causes = {c: digits for c, digits in causes.items() if c in self.stories.combinations}
        if len(causes) == 1:
            ((cause, digits),) = causes.items()
            self.members[cause].append(case.number)
            self.evidence[cause] += digits

    def _evidence(self, case: _Case) -> float:
        """How many digits of a claim speak for its story."""
        if self.writing.left_out(case.number) is not None:
            return case.said
        assert case.statement is not None
        return 0.0 if case.statement.is_carried else case.statement.digits

    def _candidates(self, case: _Case) -> list[Candidate]:
        """Whatever may win: by `key` nothing of a further row does."""
        ways = (
            self._left_out,
            self._shared,
            self._carried,
            self._difference,
            self._fewest,
            self._arithmetic,
            self._forms,
            self._repairs,
            self._behind,
        )
        for kinds, way in zip(RANKS, ways, strict=True):
            candidates = list(way(case))
            assert {candidate.kind for candidate in candidates} <= kinds
            if candidates:
                return candidates
        return []

    # The kinds, in the order of the table

    def _left_out(self, case: _Case) -> Iterator[Candidate]:
        """What a number lacks of its own line, and mistakes that come to that: of
        a line of quantities the same in other words, and said first."""
        if (left_out := self.writing.left_out(case.number)) is None:
            return
        digits = case.said
        in_pass = [c for c in self._in_pass(case) if c.size == 1]
        if not left_out.of_names:
            in_pass = [c for c in in_pass if self._is_sure(c.cause, digits)]
        same, of_line = [c.explanation for c in in_pass], left_out.explanations
        for explanation in same + of_line if left_out.of_names else of_line + same:
            beyond = digits - math.log10(left_out.tried)
            yield Candidate(Kind.LEFT_OUT, explanation, digits=beyond)

    def _shared(self, case: _Case) -> Iterator[Candidate]:
        """The mistakes of the claim's story, as far as it needs them."""
        if case.story is not None:
            yield from self._with_pens(case, self._in_pass(case))

    def _carried(self, case: _Case) -> Iterator[Candidate]:
        """Right steps from an earlier wrong claim, whose cause is its cause."""
        judgement, given = case.judgement, case.judgement.given
        follows = judgement.verdict == "carried_forward" or (judgement.own and given)
        if case.story is None and follows:
            yield Candidate(Kind.CARRIED, _carried_on(given), cause=self._cause_of(given))

    def _difference(self, case: _Case) -> Iterator[Candidate]:
        """The finite difference that a number is."""
        if case.story is None and case.judgement.verdict == "wrong":
            for explanation in difference(self.search, case.judgement):
                yield Candidate(Kind.DIFFERENCE, explanation)

    def _fewest(self, case: _Case) -> Iterator[Candidate]:
        """Mistakes, slips, and a mistake with rounding where these are more."""
        candidates = [] if case.story else self._with_pens(case, self._in_pass(case))
        if not candidates or not case.is_split:
            candidates += [pen for pen in self._pens(case) if pen.kind is Kind.PEN]
        doubtful = [c for c in candidates if c.spoils and c.digits < SURE]
        is_open = all(c in doubtful or c.size > 1 + HALF for c in candidates)
        if is_open and (rounded := self._rounded(case)):
            candidates = [c for c in candidates if c not in doubtful] + rounded
        yield from candidates

    def _arithmetic(self, case: _Case) -> Iterator[Candidate]:
        """A slip from the last line to the number, whatever it was."""
        yield from (pen for pen in self._pens(case) if pen.kind is Kind.ARITHMETIC)

    def _forms(self, case: _Case) -> Iterator[Candidate]:
        """The truth in another form."""
        if case.judgement.verdict == "wrong":
            for explanation in forms(self.search, case.judgement):
                yield Candidate(Kind.FORM, explanation)
            if not layers_of(self.search.point):
                for explanation, tried in related(case.judgement, self.search.point):
                    digits = case.said - math.log10(tried)
                    is_there = functools.partial(_is_related, case.judgement, explanation)
                    if self.search.holds_elsewhere(case.judgement, is_there):
                        yield Candidate(Kind.FORM, explanation, digits=digits)

    def _repairs(self, case: _Case) -> Iterator[Candidate]:
        """The changes that make a formula true which says something; not sure at
        one point alone."""
        judgement = case.judgement
        quotes = any(line.message == QUOTES for line in judgement.working[-1:])
        if judgement.verdict == "wrong" and judgement.claim.value is None and not quotes:
            digits = math.inf if self.search.probes is not None else 0.0
            for explanation in repairs(self.search, judgement):
                yield Candidate(Kind.REPAIR, explanation, digits=digits)

    def _behind(self, case: _Case) -> Iterator[Candidate]:
        """A mistake behind an earlier wrong number, where it tells more than
        chance would."""
        statement = case.statement
        if statement is None or case.judgement.verdict != "wrong":
            return
        digits = self.stories.beyond((0,), statement.digits) - math.log10(FEW)
        fitting = self.search.behind(statement) if digits >= FITS else []
        for chosen in self.stories.narrow(statement, [chosen for chosen, _ in fitting]):
            given = next(claims for other, claims in fitting if other == chosen)
            both = Explanation.together([self._named(chosen), _carried_on(given, BEHIND)])
            yield Candidate(Kind.BEHIND, both, digits=digits)

    # What they are made of

    def _in_pass(self, case: _Case) -> list[Candidate]:
        """The mistakes that make the statement true: the story's, or any."""
        statement, story = case.statement, case.story
        if statement is None:
            return []
        if story is not None:
            kind, evidence, digits = Kind.SHARED, 0.0, self.stories.digits(story.explains)
            fitting = [(chosen, story) for chosen in self.stories.shared(statement, story)]
        else:
            kind, evidence, digits = Kind.PASS, statement.digits, statement.digits
            fitting = [(h.chosen, h) for h in self.stories.alone(statement)]
        return [
            Candidate(
                kind,
                self._named(chosen),
                size=len(chosen),
                reach=hypothesis.fewest,
                spoils=self.search.spoils(hypothesis.chosen),
                digits=self.stories.beyond(hypothesis.chosen, digits),
                cause=chosen,
                evidence=evidence,
            )
            for chosen, hypothesis in fitting
        ]

    def _with_pens(self, case: _Case, candidates: list[Candidate]) -> list[Candidate]:
        """Candidates, each with a slip where the number is another thing."""
        pens = self._pens(case) if case.is_split else []
        return [c.then(pen) for c in candidates for pen in pens] if pens else candidates

    def _pens(self, case: _Case) -> list[Candidate]:
        """The slips to a number, from the truth, its line or shared mistakes. Of
        several none is sure, nor that it was cut: rounding on the way looks like it."""
        if case.judgement.own and case.story is not None:
            return []  # its mistakes give the number, or all but for rounding
        pens = self.writing.pens(case.number)
        said: float = case.said
        if case.is_split or case.judgement.claim.value is None:
            said = math.inf  # the number is known not to be what its line gives, or there is none
        elif len(pens) > 1 or any("truncated" in pen.code for _, pen in pens):
            said = 0.0
        candidates: list[Candidate] = []
        for chosen, pen in pens:
            kind = Kind.ARITHMETIC if pen == ARITHMETIC else Kind.PEN
            together = Explanation.together([self._named(chosen), pen]) if chosen else pen
            size = len(chosen) + 1 + pen.code.count("+")
            digits = said - size + 1  # each but one took a digit
            candidates.append(Candidate(kind, together, size=size, digits=digits, cause=chosen))
        return candidates

    def _rounded(self, case: _Case) -> list[Candidate]:
        """The mistakes that give a number but for rounding on the way."""
        if case.statement is None:
            return []
        loose = self.stories.loosely(case.statement)
        digits = case.statement.digits - LOOSE * len(case.statement.bounds)
        return [
            Candidate(
                Kind.ROUNDING,
                Explanation.together([self._named(chosen), ROUNDED]),
                size=len(chosen) + HALF,
                digits=self.stories.beyond(chosen, digits) if len(loose) == 1 else 0.0,
                spoils=self.search.spoils(chosen),
                cause=chosen,
                evidence=digits,
            )
            for chosen in loose
        ]

    def _named(self, chosen: Combination) -> Explanation:
        """Mistakes in the pass as they are told."""
        made = self.search.simulation.made(chosen)
        return Explanation.together(
            [Explanation(i.code, i.text, i.mistake.kind, i.hint) for i in made]
        )

    def _is_sure(self, chosen: Combination, digits: float) -> bool:
        """Whether so many digits for it are no chance, and nothing is against it."""
        return not self.search.spoils(chosen) and self.stories.beyond(chosen, digits) >= SURE

    def _cause_of(self, claims: Sequence[Claim]) -> Combination:
        """The cause that earlier claims have in common, () where there is none."""
        causes = set[Combination]()
        for number, judgement in enumerate(self.judgements):
            if any(judgement.claim is claim for claim in claims):
                members = self.members.items()
                causes.add(next((cause for cause, some in members if number in some), ()))
        return causes.pop() if len(causes) == 1 else ()


def _is_related(judgement: Judgement, explanation: Explanation, point: GraphPoint) -> bool:
    """Whether a number has to do with the truth at a point as is said."""
    return any(said == explanation for said, _ in related(judgement, point))


def _carried_on(claims: Sequence[Claim], told: str = "right given the earlier {}") -> Explanation:
    """What follows from earlier claims, as it is told."""
    earlier = " and ".join(f"{claim.quantity} (line {claim.line})" for claim in claims)
    lines = " and ".join(f"line {claim.line}" for claim in claims)
    code = "carried-on"
    return Explanation(code, told.format(earlier), code, f"what it follows from, {lines}")
