"""The causes of what is wrong on a sheet.

One claim is often explained by several mistakes, some of them by chance. The sheet as a whole tells them apart: those
that explain the most claims are taken first, and among equals those that spoil the fewest right ones. What explains a
claim as well as any other is named beside it, and where nothing does, that is said.
"""

import itertools
import math
import warnings
from collections.abc import Sequence

from gradsheet.figures import significant
from gradsheet.history import History
from gradsheet.judgement import Cause, Explanation, Judgement
from gradsheet.point import OutOfTime, Point
from gradsheet.probe import Probes
from gradsheet.search import Hypothesis, Search, Statement
from gradsheet.simulation import Combination
from gradsheet.writing import Writing, said_by

SURE = 2.0  # digits that a cause explains beyond those that choosing it took, from which on it is no chance
MANY = 20  # explanations of one claim that are kept
ROUNDING = Explanation("rounding", "rounding on the way", "rounding", "")


def diagnose(judgements: Sequence[Judgement], points: Point | Probes, history: History | None = None) -> list[Cause]:
    """Give every wrong or lucky judgement its explanations, and return the causes that several have in common.

    `points` is the point with the sheet's numbers, or the probes of a sheet over all weights. What the time does not
    suffice for is left out.
    """
    if all(judgement.verdict not in ("wrong", "lucky") for judgement in judgements):
        return []
    try:
        return _Diagnosis(Search(judgements, points, history)).causes()
    except OutOfTime:  # what has been explained by now is
        return []
    except Exception as error:  # the verdicts stand all the same
        fault = f"{type(error).__name__}: {error}"
        warnings.warn(f"the search for mistakes failed, which is a fault of gradsheet: {fault}", RuntimeWarning, 2)
        return []


class _Diagnosis:
    def __init__(self, search: Search):
        self.search, self.judgements = search, search.judgements
        self.number = {id(judgement): number for number, judgement in enumerate(self.judgements)}
        self.statements = {id(s.judgement): (number, s) for number, s in enumerate(search.wrong)}
        self.writing = Writing(search)
        self.stories = self._stories()
        self.writing.learn([story.chosen for story in self.stories])

    # Mistakes in the pass

    def _stories(self) -> list[Hypothesis]:
        """The few combinations of mistakes that explain the most statements, each of them several."""
        wrong, stories = self.search.wrong, list[Hypothesis]()
        left = {
            n for n, statement in enumerate(wrong) if self.number[id(statement.judgement)] not in self.writing.swaps
        }
        pool = [h for h in self.search.hypotheses if len(h.explains) > 1]

        def worth(h: Hypothesis) -> tuple[float, int, int]:
            return len(h.explains & left) - len(h.chosen) - h.spoils / 2, -h.spoils, -len(h.chosen)

        while pool:
            best = max(pool, key=worth)
            if len(best.explains & left) < 2:
                break
            pool.remove(best)
            confirmed = frozenset(n for n in best.explains if self.search.confirm(best.chosen, wrong[n]))
            if confirmed == best.explains:
                stories.append(best)
                left -= best.explains
            else:
                pool.append(Hypothesis(best.chosen, confirmed, best.spoils))
        return stories

    def _story_of(self, number: int) -> int | None:
        return next((k for k, story in enumerate(self.stories) if number in story.explains), None)

    def _best(self, number: int, statement: Statement) -> list[Combination]:
        """The combinations of mistakes that explain a statement, all that do equally well."""
        confirm, fits = self.search.confirm, statement.fits
        if (k := self._story_of(number)) is not None:
            story = self.stories[k]
            for size in range(1, len(story.chosen) + 1):
                if own := [part for part in itertools.combinations(story.chosen, size) if confirm(part, statement)]:
                    rank = (size, *story.rank()[1:])
                    equal = [h.chosen for h in fits if h.rank() == rank and h.chosen not in own]
                    return self._narrow(own + [chosen for chosen in equal if confirm(chosen, statement)])
        best: list[Hypothesis] = []
        for hypothesis in sorted(fits, key=lambda h: h.rank()):
            if len(best) > MANY or (best and hypothesis.rank() != best[0].rank()):
                break
            if confirm(hypothesis.chosen, statement):
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
        return self.search.loosely(statement, stories) or self._narrow(self.search.loosely(statement, singles))

    def _explained(self, chosen: Combination) -> Explanation:
        made = self.search.simulation.made(chosen)
        return Explanation.together([Explanation(i.code, i.text, i.mistake.kind, i.hint) for i in made])

    def _sure(self, story: int | None, chosen: Combination, statement: Statement | None = None) -> bool:
        """Whether there are more digits than make it likely that some combination fits by chance."""
        statements = [] if statement is None else [statement]
        if story is not None:
            statements = [self.search.wrong[n] for n in self.stories[story].explains]
            chosen = self.stories[story].chosen
        digits = sum(explained.digits for explained in statements)
        return digits - math.log10(self.search.tried.get(len(chosen), 1)) >= SURE

    # All together

    def causes(self) -> list[Cause]:
        """The causes that several judgements have in common; each judgement gets its explanations."""
        members: list[list[int]] = [[] for _ in self.stories]
        story_of: dict[int, int] = {}
        for number, judgement in enumerate(self.judgements):
            if judgement.verdict not in ("wrong", "lucky"):
                continue
            story = self._explain(number, judgement)
            roots = [self.number[id(j)] for j in self.judgements if any(j.claim is claim for claim in judgement.given)]
            if story is None and roots and len(found := {story_of.get(root) for root in roots}) == 1:
                story = found.pop()
            if story is not None:
                story_of[number] = story
                members[story].append(number)
        causes = []
        for number, (hypothesis, claims) in enumerate(zip(self.stories, members, strict=True)):
            sure = self._sure(number, hypothesis.chosen)
            causes.append(Cause(self._explained(hypothesis.chosen), claims, sure))
        return sorted((cause for cause in causes if len(cause.claims) > 1), key=lambda cause: -len(cause.claims))

    def _explain(self, number: int, judgement: Judgement) -> int | None:
        """Give a judgement its explanations; the story that it belongs to, if to any."""
        at, statement = self.statements.get(id(judgement), (-1, None))
        swapped = self.writing.swaps_truths(number)
        story = None if statement is None or swapped else self._story_of(at)
        in_pass = self._best(at, statement) if statement is not None and not swapped else []
        named = [self._explained(chosen) for chosen in in_pass]
        judgement.sure = bool(in_pass) and statement is not None and self._sure(story, in_pass[0], statement)
        pens = self.writing.pens(number) if not judgement.own or (story is None and not judgement.given) else []
        if pens:
            named, judgement.sure = self._with_pens(judgement, pens, named, judgement.sure, statement)
        elif story is None and judgement.given:
            named = [_carried_on(judgement)]
            judgement.sure = True
        if not named and statement is not None:
            named = [Explanation.together([self._explained(c), ROUNDING]) for c in self._loosely(statement)]
        if not named and judgement.verdict == "wrong":
            named = self.writing.forms(judgement)
            judgement.sure = bool(named)
        if not named and judgement.claim.value is None and judgement.verdict == "wrong":
            named = self.writing.repairs(judgement)
            judgement.sure = bool(named) and self.search.probes is not None
        if named or self.search.is_complete:
            judgement.explanations = list({explanation.text: explanation for explanation in named}.values())
        return story

    def _with_pens(
        self,
        judgement: Judgement,
        pens: list[tuple[Combination, Explanation]],
        named: list[Explanation],
        sure: bool,
        statement: Statement | None,
    ) -> tuple[list[Explanation], bool]:
        """The explanations of a number that may have been written wrongly, and whether they are sure."""
        digits = math.inf if judgement.claim.value is None else sum(map(significant, said_by(judgement)))
        if not judgement.own:  # its working is one thing, and its number another
            ways = [[*before, pen] for before in ([[n] for n in named] or [[]]) for _, pen in pens]
            return [Explanation.together(way) for way in ways], sure or not named
        chosen, size = pens[0][0], len(pens[0][0]) + 1
        written = [Explanation.together([*([self._explained(chosen)] if chosen else []), pen]) for _, pen in pens]
        if statement is None or not named or (best := statement.fits[0].rank())[0] > size:
            return written, digits > size
        # The smaller one explains it; a slip, too, where the mistake in the pass would spoil what is right.
        spoils = min(h.spoils for h in statement.fits)
        if best[0] < size:
            return named, sure
        return (written, digits > size) if spoils else (named + written, False)


def _carried_on(judgement: Judgement) -> Explanation:
    earlier = " and ".join(f"{claim.quantity} (line {claim.line})" for claim in judgement.given)
    lines = " and ".join(f"line {claim.line}" for claim in judgement.given)
    return Explanation(
        "carried-on", f"right given the earlier {earlier}", "carried-on", f"what it follows from, {lines}"
    )
