"""The causes of what is wrong on a sheet.

One claim is often explained by several mistakes, some of them by chance. The sheet as a whole tells them apart: those
that explain the most claims are taken first, and among equals those that spoil the fewest right ones. What explains a
claim as well as any other is named beside it, and where nothing does, that is said.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from gradsheet import formula as f
from gradsheet.carry import Carried
from gradsheet.compare import same_shape
from gradsheet.evaluate import Evaluator
from gradsheet.figures import Slip, all_slips, forms
from gradsheet.history import History
from gradsheet.judgement import Cause, Explanation, Judgement
from gradsheet.mistakes import edits_of
from gradsheet.number import Printed
from gradsheet.point import OutOfTime, Point
from gradsheet.probe import Probes
from gradsheet.sheet import fractions, printed_entries
from gradsheet.simulation import NO_VALUE, Combination, Hypothesis, Search, Statement, agree_everywhere

SURE = 2.0  # digits that a cause explains beyond those that choosing it took, from which on it is no chance
MANY = 20  # explanations of one claim that are kept


def diagnose(judgements: Sequence[Judgement], points: Point | Probes, history: History | None = None) -> list[Cause]:
    """Give every wrong or lucky judgement its explanations, and return the causes that several have in common.

    `points` is the point with the sheet's numbers, or the probes of a sheet over all weights. What the time does not
    suffice for is left out.
    """
    if all(judgement.verdict not in ("wrong", "lucky") for judgement in judgements):
        return []
    diagnosis = _Diagnosis(Search(judgements, points, history))
    try:
        return diagnosis.causes()
    except OutOfTime:
        return []


class _Diagnosis:
    def __init__(self, search: Search):
        self.search, self.judgements = search, search.judgements
        self.number = {id(judgement): number for number, judgement in enumerate(self.judgements)}
        self.statements = {id(s.judgement): (number, s) for number, s in enumerate(search.wrong)}
        self.stories = self._stories()
        self.swaps = self._swaps() if search.probes is None else {}

    # Mistakes in the pass

    def _stories(self) -> list[Hypothesis]:
        """The few combinations of mistakes that explain the most statements, each of them several."""
        wrong, left, stories = self.search.wrong, set(range(len(self.search.wrong))), list[Hypothesis]()
        pool = [h for h in self.search.hypotheses if len(h.explains) > 1]

        def worth(h: Hypothesis) -> tuple[int, int, int]:
            return len(h.explains & left) - len(h.chosen), -h.spoils, -len(h.chosen)

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
        made = {chosen: [self.search.instances[number] for number in chosen] for chosen in found}

        def within(a: Combination, b: Combination) -> bool:
            pairs = zip(made[a], made[b], strict=True)
            return a != b and all(i.mistake is j.mistake and set(i.layers) <= set(j.layers) for i, j in pairs)

        return [b for b in found if not any(len(a) == len(b) and within(a, b) for a in found)]

    def _explained(self, chosen: Combination) -> Explanation:
        made = [self.search.instances[number] for number in chosen]
        return Explanation.together([Explanation(i.code, i.text, i.hint) for i in made])

    def _sure(self, chosen: Combination, statements: Sequence[Statement]) -> bool:
        """Whether statements have more digits than make it likely that some combination fits by chance."""
        tried = self.search.tried.get(len(chosen), 1)
        return sum(statement.digits for statement in statements) - math.log10(tried) >= SURE

    # Mistakes in the figures

    def _meant(self, judgement: Judgement) -> Iterator[tuple[Combination, list[Any]]]:
        """What the number of a claim may have been meant to be, and the mistakes in the pass that lead there.

        Where the claim's own working leads to something else than the number, that was meant.
        """
        if not judgement.own:
            last = judgement.working[-1].array
            if last is not None:
                yield (), list(last.flat)
            return
        for chosen in ((), *(story.chosen for story in self.stories)):
            edits = edits_of([self.search.instances[number] for number in chosen])
            point = Carried(self.search.point, None, edits) if chosen else self.search.point
            try:
                bindings = list(Evaluator(point).bindings(judgement.claim.tree))
                if len(bindings) == 1:
                    yield chosen, list(Evaluator(point).value(judgement.claim.tree, bindings[0]).flat)
            except NO_VALUE:
                continue

    def _slips(self, judgement: Judgement) -> list[tuple[Combination, Slip]]:
        """The slips that explain a number, each with the mistakes in the pass before it."""
        assert judgement.claim.value is not None
        printed = printed_entries(judgement.claim.value)
        for chosen, meant in self._meant(judgement):
            try:
                if len(meant) == len(printed) and (found := all_slips(printed, meant)):
                    return [(chosen, slip) for slip in found]
            except NO_VALUE:
                continue
        return []

    def _swaps(self) -> dict[int, tuple[int, Combination]]:
        """The judgements whose numbers stand in each other's place: the other one, and the mistakes before that."""
        found: dict[int, tuple[int, Combination]] = {}
        meant = {
            number: list(self._meant(judgement))
            for number, judgement in enumerate(self.judgements)
            if judgement.claim.value is not None and (judgement.verdict == "wrong" or not judgement.own)
        }
        for a, b in itertools.combinations(meant, 2):
            one, two = (printed_entries(self.judgements[n].claim.value) for n in (a, b))  # type: ignore[arg-type]
            for (chosen, mine), (others, theirs) in itertools.product(meant[a], meant[b]):
                if a not in found and b not in found and chosen == others and _crossed(one, two, mine, theirs):
                    found |= {a: (b, chosen), b: (a, chosen)}
        return found

    def _pens(self, number: int) -> list[tuple[Combination, Explanation]]:
        """The mistakes in the figures that explain a judgement's number, each with those in the pass before it."""
        judgement = self.judgements[number]
        if judgement.claim.value is None or self.search.probes is not None:
            return []
        if number in self.swaps:
            other, chosen = self.swaps[number]
            claim = self.judgements[other].claim
            text = f"its number and that of {claim.quantity} (line {claim.line}) are swapped"
            return [(chosen, Explanation("answers-swapped", text, f"two answers: compare with line {claim.line}"))]
        found = [(chosen, Explanation(slip.code, slip.text, slip.hint)) for chosen, slip in self._slips(judgement)]
        if not found and not judgement.own:
            text = "an arithmetic slip, the number is not what its own last line gives"
            found = [((), Explanation("arithmetic-slip", text, "the arithmetic from the last line to the number"))]
        return found

    def _forms(self, judgement: Judgement) -> list[Explanation]:
        """The forms of the truth that are what a claim gives in another form."""
        claim, probes, point = judgement.claim, self.search.probes, self.search.point
        tree = claim.working[-1].tree if claim.working else None
        if f.free_letters(claim.tree):
            return []
        named = []
        for k, (slip, array) in enumerate(forms(Evaluator(point).value(claim.tree, {}))):
            if claim.value is not None:
                fits = same_shape(fractions(claim.value).shape, array.shape)
                fits = fits and _agree(printed_entries(claim.value), list(array.flat))
            else:
                fits = probes is not None and tree is not None and agree_everywhere(probes, claim.tree, tree, form=k)
            if fits:
                named.append(Explanation(slip.code, slip.text, slip.hint))
        return named

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
        for hypothesis, claims in zip(self.stories, members, strict=True):
            statements = [self.search.wrong[number] for number in hypothesis.explains]
            sure = self._sure(hypothesis.chosen, statements)
            causes.append(Cause(self._explained(hypothesis.chosen), claims, sure))
        return sorted((cause for cause in causes if len(cause.claims) > 1), key=lambda cause: -len(cause.claims))

    def _explain(self, number: int, judgement: Judgement) -> int | None:
        """Give a judgement its explanations; the story that it belongs to, if to any."""
        at, statement = self.statements.get(id(judgement), (-1, None))
        in_pass = self._best(at, statement) if statement is not None else []
        story = None if statement is None else self._story_of(at)
        pens = self._pens(number)
        named = [self._explained(chosen) for chosen in in_pass]
        if not judgement.own:  # its working is one thing, and its number another
            pen = [explanation for _, explanation in pens]
            named = [Explanation.together([*before, last]) for before in ([[n] for n in named] or [[]]) for last in pen]
        elif story is None and judgement.given:
            earlier = " and ".join(f"{c.quantity} (line {c.line})" for c in judgement.given)
            lines = " and ".join(f"line {claim.line}" for claim in judgement.given)
            named = [Explanation("carried-on", f"right given the earlier {earlier}", f"it follows from {lines}")]
        elif pens and story is None:
            chosen, _ = pens[0]
            fits = statement.fits[0] if statement is not None and in_pass else None
            if fits is None or (len(fits.chosen), fits.spoils) > (len(chosen) + 1, 0):
                named = []
            if fits is None or len(fits.chosen) >= len(chosen) + 1:
                named += [
                    Explanation.together([*([self._explained(chosen)] if chosen else []), last]) for _, last in pens
                ]
        if not named and judgement.verdict == "wrong":
            try:
                named = self._forms(judgement)
            except NO_VALUE:
                named = []
        judgement.explanations = list({explanation.text: explanation for explanation in named}.values())
        judgement.sure = self._is_sure(judgement, story, in_pass, statement)
        return story

    def _is_sure(
        self, judgement: Judgement, story: int | None, in_pass: list[Combination], statement: Statement | None
    ) -> bool:
        if statement is None or not in_pass:
            return bool(judgement.explanations)
        if story is not None:
            explains = self.stories[story].explains
            return self._sure(self.stories[story].chosen, [self.search.wrong[n] for n in explains])
        return self._sure(in_pass[0], [statement])


def _agree(printed: Sequence[Printed], values: Sequence[Any]) -> bool:
    return len(printed) == len(values) and all(p.agrees(v) for p, v in zip(printed, values, strict=True))


def _crossed(one: Sequence[Printed], two: Sequence[Printed], mine: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Whether two numbers are each what was meant to be the other."""
    try:
        crossed = _agree(one, theirs) and _agree(two, mine)
        return crossed and not _agree(one, mine) and not _agree(two, theirs)
    except NO_VALUE:
        return False
