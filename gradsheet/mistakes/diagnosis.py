"""The causes of what is wrong on a sheet.

One claim is often explained by several mistakes, some of them by chance. The sheet as a whole tells them apart: those
that explain the most claims are taken first, and among equals those that spoil the fewest right ones. What explains a
claim as well as any other is named beside it, and where nothing does, that is said.
"""

import itertools
import math
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from gradsheet.claims.history import History
from gradsheet.claims.judgement import Cause, Explanation, Judgement
from gradsheet.claims.sheet import Claim
from gradsheet.mistakes.search import Hypothesis, Search, Statement
from gradsheet.mistakes.simulation import Combination
from gradsheet.mistakes.writing import ARITHMETIC, LeftOut, Writing, said_by
from gradsheet.network.network import improbable
from gradsheet.numbers.reasons import OutOfWork
from gradsheet.numbers.slips import significant
from gradsheet.truth.point import Point
from gradsheet.truth.probes import Probes

SURE = 2.0  # digits that a cause explains beyond those that choosing it took, from which on it is no chance
FITS = 1.0  # such digits from which on several mistakes at once are told at all
LOOSE = 2  # digits that a number tells less where it is off by rounding
MANY = 20  # explanations of one claim that are kept
ROUNDING = Explanation("rounding", "rounding on the way", "rounding", "")


def diagnose(
    judgements: Sequence[Judgement], points: Point | Probes, history: History | None = None
) -> list[Cause]:
    """Give every wrong or lucky judgement its explanations, and return the causes that several have in common.

    `points` is the point with the sheet's numbers, or the probes of a sheet over all weights. What the time does not
    suffice for is left out.
    """
    if all(judgement.verdict not in ("wrong", "lucky") for judgement in judgements):
        return []
    if (
        isinstance(points, Point)
        and points.problem.y is not None
        and improbable(points.network, points.problem.y)
    ):
        return []  # the rules that people use do not hold there, and what they give is no mistake of theirs
    try:
        return _Diagnosis(Search(judgements, points, history)).causes()
    except OutOfWork:  # what has been explained by now is
        return []
    except Exception as error:  # the verdicts stand all the same
        fault = f"{type(error).__name__}: {error}"
        warnings.warn(
            f"the search for mistakes failed, which is a fault of gradsheet: {fault}",
            RuntimeWarning,
            2,
        )
        return []


class _Diagnosis:
    def __init__(self, search: Search):
        self.search, self.judgements = search, search.judgements
        self.number = {id(judgement): number for number, judgement in enumerate(self.judgements)}
        self.statements = {id(s.judgement): (number, s) for number, s in enumerate(search.wrong)}
        self.members: defaultdict[Combination, list[int]] = defaultdict(
            list
        )  # of causes, the judgements
        self.digits: defaultdict[Combination, float] = defaultdict(
            float
        )  # and how many digits they explain
        self.writing = Writing(search)
        self.stories = self._stories()
        self.writing.learn([story.chosen for story in self.stories])

    # Mistakes in the pass

    def _stories(self) -> list[Hypothesis]:
        """The few combinations of mistakes that explain the most statements, each of them several."""
        wrong, stories = self.search.wrong, list[Hypothesis]()
        left = {n for n, statement in enumerate(wrong) if not self._is_written(statement)}
        pool = [
            h
            for h in self.search.hypotheses
            if self._is_story(h.explains & left) and self._tells(h.chosen, h.explains)
        ]

        def worth(h: Hypothesis) -> tuple[float, int, int]:
            return len(h.explains & left) - len(h.chosen) - h.spoils / 2, -h.spoils, -len(h.chosen)

        while pool:
            best = max(pool, key=worth)
            if not self._is_story(best.explains & left):
                break
            pool.remove(best)
            confirmed = frozenset(
                n for n in best.explains if self.search.confirm(best.chosen, wrong[n])
            )
            if confirmed == best.explains:
                stories.append(self._simpler(best))
                left -= best.explains
            else:
                pool.append(Hypothesis(best.chosen, confirmed, best.spoils))
        return stories

    def _is_written(self, statement: Statement) -> bool:
        """Whether a slip in the figures explains a statement, which is then no mistake in the pass."""
        number = self.number[id(statement.judgement)]
        if number in self.writing.swaps:
            return True
        left_out = self.writing.left_out(number) if statement.is_of_number else None
        return left_out is not None and not left_out.of_names

    def _is_story(self, statements: Collection[int]) -> bool:
        """Whether they are several, and not all of them follow from others."""
        return len(statements) > 1 and any(not self.search.wrong[n].is_carried for n in statements)

    def _digits(self, statements: Iterable[int]) -> float:
        """How many digits some statements have; what follows from others tells nothing more."""
        return sum(
            self.search.wrong[n].digits for n in statements if not self.search.wrong[n].is_carried
        )

    def _tells(self, chosen: Combination, statements: Iterable[int]) -> bool:
        """Whether several mistakes together explain more digits than chance would, or there is but one."""
        digits = self._digits(statements)
        return len(chosen) < 2 or digits - math.log10(self.search.tried.get(len(chosen), 1)) >= FITS

    def _simpler(self, story: Hypothesis) -> Hypothesis:
        """One of several mistakes alone, where that and rounding on the way explain as much."""
        for part in [(number,) for number in story.chosen if len(story.chosen) > 1]:
            statements = [self.search.wrong[n] for n in story.explains]
            if all(
                self.search.confirm(part, s) or self.search.loosely(s, [part]) for s in statements
            ):
                return Hypothesis(part, story.explains, story.spoils)
        return story

    def _best(self, statement: Statement, story: Hypothesis | None) -> list[Combination]:
        """The combinations of mistakes that explain a statement, all that do equally well."""
        confirm, fits = self.search.confirm, statement.fits
        if story is not None:
            for size in range(1, len(story.chosen) + 1):
                if own := [
                    part
                    for part in itertools.combinations(story.chosen, size)
                    if confirm(part, statement)
                ]:
                    rank = (size, *story.rank()[1:])
                    equal = [h.chosen for h in fits if h.rank() == rank and h.chosen not in own]
                    return self._narrow(
                        own + [chosen for chosen in equal if confirm(chosen, statement)]
                    )
            return []  # it does but for rounding
        best: list[Hypothesis] = []
        for hypothesis in sorted(fits, key=lambda h: h.rank()):
            if len(best) > MANY or (best and hypothesis.rank() != best[0].rank()):
                break
            if self._tells(hypothesis.chosen, hypothesis.explains) and confirm(
                hypothesis.chosen, statement
            ):
                best.append(hypothesis)
        return self._narrow([hypothesis.chosen for hypothesis in best])

    def _narrow(self, found: list[Combination]) -> list[Combination]:
        """Without those that differ from another one only by making a mistake in further layers."""
        made = {chosen: self.search.simulation.made(chosen) for chosen in found}

        def within(a: Combination, b: Combination) -> bool:
            pairs = list(zip(made[a], made[b], strict=True))
            same = all(i.mistake is j.mistake and set(i.layers) <= set(j.layers) for i, j in pairs)
            return same and any(len(i.layers) < len(j.layers) for i, j in pairs)

        return [b for b in found if not any(len(a) == len(b) and within(a, b) for a in found)]

    def _loosely(self, statement: Statement) -> list[Combination]:
        """The same, for a number that is off by rounding besides."""
        stories, singles = [story.chosen for story in self.stories], self.search.simulation.singles
        return self.search.loosely(statement, stories) or self._narrow(
            self.search.loosely(statement, singles)
        )

    def _explained(self, chosen: Combination) -> Explanation:
        made = self.search.simulation.made(chosen)
        return Explanation.together(
            [Explanation(i.code, i.text, i.mistake.kind, i.hint) for i in made]
        )

    def _sure(self, chosen: Combination, digits: float) -> bool:
        """Whether that many digits are more than chance would explain, and no right claim speaks against it."""
        return (
            not self.search.spoils(chosen)
            and digits - math.log10(self.search.tried.get(len(chosen), 1)) >= SURE
        )

    # All together

    def causes(self) -> list[Cause]:
        """The causes that several judgements have in common; each judgement gets its explanations."""
        for number, judgement in enumerate(self.judgements):
            if judgement.verdict in ("wrong", "lucky", "carried_forward"):
                cause = self._explain(number, judgement)
                if cause is not None:
                    self.members[cause].append(number)
        shared = [(cause, claims) for cause, claims in self.members.items() if len(claims) > 1]
        shared.sort(key=lambda pair: -len(pair[1]))
        return [
            Cause(self._explained(c), claims, self._sure(c, self.digits[c])) for c, claims in shared
        ]

    def _cause_of(self, claims: Sequence[Claim]) -> Combination | None:
        """The cause that earlier claims have in common."""
        numbers = [
            number
            for number, j in enumerate(self.judgements)
            if any(j.claim is claim for claim in claims)
        ]
        found = {
            next((c for c, members in self.members.items() if number in members), None)
            for number in numbers
        }
        return found.pop() if len(found) == 1 else None

    def _explain(self, number: int, judgement: Judgement) -> Combination | None:
        """Give a judgement its explanations; the mistakes in the pass that are its cause, where one is to be told."""
        at, statement = self.statements.get(id(judgement), (-1, None))
        story: Hypothesis | None = None
        in_pass: list[Combination] = []
        if (left_out := self.writing.left_out(number)) is not None:
            return self._tell_left_out(judgement, left_out, at, statement)
        if statement is not None and not self.writing.swaps_truths(number):
            story = next((story for story in self.stories if at in story.explains), None)
            in_pass = self._best(statement, story)
            if story is not None and not statement.is_carried:
                self.digits[story.chosen] += statement.digits
        if story is not None or (
            judgement.verdict != "carried_forward" and (not judgement.own or not judgement.given)
        ):
            cause = self._named(number, judgement, statement, story, in_pass)
        else:  # what follows from something wrong is no mistake of its own
            judgement.explanations, judgement.sure = [_carried_on(judgement)], True
            cause = self._cause_of(judgement.given)
        if judgement.explanations or (self.search.is_complete and statement is not None):
            found = {explanation.text: explanation for explanation in judgement.explanations or []}
            judgement.explanations = list(found.values())
        return cause

    def _tell_left_out(
        self, judgement: Judgement, left_out: LeftOut, at: int, statement: Statement | None
    ) -> Combination | None:
        """Name what a number lacks of its own line; beside it a mistake in the pass that comes to the same.

        Of a line of quantities that is the same mistake in other words, and said first; returns the cause.
        """
        story = next((story for story in self.stories if at in story.explains), None)
        digits = sum(map(significant, said_by(judgement)))
        in_pass = (
            [] if statement is None else [c for c in self._best(statement, story) if len(c) == 1]
        )
        in_pass = [c for c in in_pass if left_out.of_names or self._sure(c, digits)]
        same, named = [self._explained(chosen) for chosen in in_pass], left_out.explanations
        judgement.explanations = same + named if left_out.of_names else named + same
        judgement.sure = digits - math.log10(left_out.tried) >= SURE
        if story is not None:
            self.digits[story.chosen] += digits
        return None if story is None else story.chosen

    def _named(
        self,
        number: int,
        judgement: Judgement,
        statement: Statement | None,
        story: Hypothesis | None,
        in_pass: list[Combination],
    ) -> Combination | None:
        """Name what reproduces a judgement's claim, from the pass to the pen; return the cause."""
        cause = None if story is None else story.chosen
        named = [self._explained(chosen) for chosen in in_pass]
        pens = self.writing.pens(number) if not judgement.own or story is None else []
        of_number = (
            statement is not None and statement.is_of_number and number not in self.writing.swaps
        )
        if (
            of_number
            and in_pass
            and (story is not None or [pen for _, pen in pens] == [ARITHMETIC])
        ):
            pens = []  # the number tells more than that it is not what its line gives
        if in_pass and statement is not None:
            digits = statement.digits if story is None else self._digits(story.explains)
            judgement.sure = self._sure(cause or in_pass[0], digits)
            if story is None and len(in_pass) == 1:
                (cause,) = in_pass
                self.digits[cause] += digits
        if (
            story is None
            and judgement.verdict == "wrong"
            and (found := self.writing.difference(judgement))
        ):
            judgement.explanations, judgement.sure = found, True
            return None
        loose = self._loosely(statement) if statement is not None and not named else []
        if pens and not (
            loose and (pens[0][0] or "+" in pens[0][1].code)
        ):  # rounding is likelier than several slips
            named, judgement.sure = self._with_pens(
                judgement, pens, named, judgement.sure, statement
            )
            cause = cause or pens[0][0] or None
        elif loose and statement is not None:
            named = [Explanation.together([self._explained(chosen), ROUNDING]) for chosen in loose]
            if len(loose) == 1:
                cause, digits = loose[0], statement.digits - LOOSE * len(statement.bounds)
                self.digits[cause] += digits
                judgement.sure = self._sure(cause, digits)
        if not named and judgement.verdict == "wrong":
            named = self.writing.forms(judgement)
            judgement.sure = bool(named)
        if not named and judgement.claim.value is None and judgement.verdict == "wrong":
            named = self.writing.repairs(judgement)
            judgement.sure = bool(named) and self.search.probes is not None
        judgement.explanations = named or None
        return cause

    def _with_pens(
        self,
        judgement: Judgement,
        pens: list[tuple[Combination, Explanation]],
        named: list[Explanation],
        sure: bool,
        statement: Statement | None,
    ) -> tuple[list[Explanation], bool]:
        """The explanations of a number that may have been written wrongly, and whether they are sure."""
        digits = (
            math.inf if judgement.claim.value is None else sum(map(significant, said_by(judgement)))
        )
        if not judgement.own and (statement is None or not statement.is_of_number):
            # Its working is one thing, and its number another.
            ways = [[*before, pen] for before in ([[n] for n in named] or [[]]) for _, pen in pens]
            return [Explanation.together(way) for way in ways], sure or not named
        chosen, size = pens[0][0], len(pens[0][0]) + 1
        doubtful = len(pens) > 1 or any(
            "truncated" in pen.code for _, pen in pens
        )  # rounding on the way looks like it
        written = [
            Explanation.together([*([self._explained(chosen)] if chosen else []), pen])
            for _, pen in pens
        ]
        if statement is None or not named or (best := statement.fits[0].rank())[0] > size:
            return written, digits > size and not doubtful
        # The smaller one explains it; a slip, too, where the mistake in the pass would spoil what is right.
        spoils = min(h.spoils for h in statement.fits)
        if best[0] < size:
            return named, sure
        return (written, digits > size and not doubtful) if spoils else (named + written, False)


def _carried_on(judgement: Judgement) -> Explanation:
    earlier = " and ".join(f"{claim.quantity} (line {claim.line})" for claim in judgement.given)
    lines = " and ".join(f"line {claim.line}" for claim in judgement.given)
    return Explanation(
        "carried-on",
        f"right given the earlier {earlier}",
        "carried-on",
        f"what it follows from, {lines}",
    )
