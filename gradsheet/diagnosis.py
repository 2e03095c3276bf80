"""The causes of what is wrong on a sheet.

One claim is often explained by several mistakes, some of them by chance. The sheet as a whole tells them apart: those
that explain the most claims are taken first, and among equals those that spoil the fewest right ones. What explains a
claim as well as any other is named beside it, and where nothing does, that is said.
"""

import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from gradsheet import formula as f
from gradsheet.compare import same_shape
from gradsheet.evaluate import Evaluator
from gradsheet.figures import Slip, all_slips, forms, significant
from gradsheet.history import History
from gradsheet.judgement import Cause, Explanation, Judgement
from gradsheet.number import Printed
from gradsheet.point import OutOfTime, Point
from gradsheet.probe import Probes
from gradsheet.repair import repaired
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
        self.stories: list[Hypothesis] = []
        wrong = [number for number, judgement in enumerate(self.judgements) if judgement.verdict == "wrong"]
        strayed = [number for number, judgement in enumerate(self.judgements) if not judgement.own]
        # Whoever swaps two true answers has made one mistake, and none in the pass.
        self.swaps = self._swaps([number for number in wrong if number not in strayed])
        self.stories = self._stories()
        self.swaps |= self._swaps(sorted({*wrong, *strayed} - set(self.swaps)))

    # Mistakes in the pass

    def _stories(self) -> list[Hypothesis]:
        """The few combinations of mistakes that explain the most statements, each of them several."""
        wrong, stories = self.search.wrong, list[Hypothesis]()
        left = {n for n, statement in enumerate(wrong) if self.number[id(statement.judgement)] not in self.swaps}
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
            point = self.search.seen(chosen)
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

    def _swaps(self, among: Sequence[int]) -> dict[int, tuple[int, Combination]]:
        """The judgements whose answers stand in each other's place: the other one, and the mistakes before that."""
        found: dict[int, tuple[int, Combination]] = {}
        if self.search.probes is not None:
            lines = {n: self.judgements[n].claim.working[-1].tree for n in among if self.judgements[n].claim.working}
            for a, b in itertools.combinations([n for n, line in lines.items() if line], 2):
                if a not in found and b not in found and self._is_formula_of(a, b) and self._is_formula_of(b, a):
                    found |= {a: (b, ()), b: (a, ())}
            return found
        meant = {n: list(self._meant(self.judgements[n])) for n in among}
        said = {n: _said(self.judgements[n]) for n in among}
        for a, b in itertools.combinations([n for n in among if said[n]], 2):
            for (chosen, mine), (others, theirs) in itertools.product(meant[a], meant[b]):
                if a not in found and b not in found and chosen == others and _crossed(said[a], said[b], mine, theirs):
                    found |= {a: (b, chosen), b: (a, chosen)}
        return found

    def _is_formula_of(self, a: int, b: int) -> bool:
        """Whether the formula of one judgement is the truth for the quantity of another."""
        line, quantity = self.judgements[a].claim.working[-1].tree, self.judgements[b].claim.tree
        assert line is not None
        assert self.search.probes is not None
        if f.free_letters(line) != f.free_letters(quantity):
            return False
        return agree_everywhere(self.search.probes, quantity, line)

    def _pens(self, number: int) -> list[tuple[Combination, Explanation]]:
        """The mistakes in the figures that explain a judgement's number, each with those in the pass before it."""
        judgement = self.judgements[number]
        if number in self.swaps:
            other, chosen = self.swaps[number]
            claim = self.judgements[other].claim
            text = f"its answer and that of {claim.quantity} (line {claim.line}) are swapped"
            return [
                (
                    chosen,
                    Explanation("answers-swapped", text, "figures", f"two answers, compare with line {claim.line}"),
                )
            ]
        if judgement.claim.value is None or self.search.probes is not None:
            return []
        found = [
            (chosen, Explanation(slip.code, slip.text, slip.kind, slip.hint)) for chosen, slip in self._slips(judgement)
        ]
        if not found and not judgement.own:
            found = [
                (
                    (),
                    Explanation(
                        "arithmetic-slip", "an arithmetic slip", "figures", "a slip from the last line to the number"
                    ),
                )
            ]
        return found

    def _forms(self, judgement: Judgement) -> list[Explanation]:
        """The forms of the truth that are what a claim gives in another form."""
        claim, probes, point = judgement.claim, self.search.probes, self.search.point
        tree = claim.working[-1].tree if claim.working else None
        named: list[Explanation] = []
        if f.free_letters(claim.tree):
            return named
        try:
            found = list(forms(Evaluator(point).value(claim.tree, {})))
        except NO_VALUE:
            return named
        for k, (slip, array) in enumerate(found):
            if claim.value is not None:
                fits = same_shape(fractions(claim.value).shape, array.shape)
                fits = fits and _agree(printed_entries(claim.value), list(array.flat))
            else:
                fits = probes is not None and tree is not None and agree_everywhere(probes, claim.tree, tree, form=k)
            if fits:
                named.append(Explanation(slip.code, slip.text, slip.kind, slip.hint))
        return named

    def _repairs(self, judgement: Judgement) -> list[Explanation]:
        """The changes that make a formula true which cannot be evaluated as it stands."""
        claim, point, probes = judgement.claim, self.search.point, self.search.probes
        line = claim.working[-1].tree if claim.working else None
        if line is None:
            return []

        def is_true(changed: f.Node) -> bool:
            point.budget.check()
            try:
                for binding in Evaluator(point).bindings(claim.tree):
                    truth = Evaluator(point).value(claim.tree, binding)
                    for more in Evaluator(point).bindings(changed, f.free_letters(claim.tree)):
                        mine = Evaluator(point).value(changed, {**binding, **more})
                        if not same_shape(mine.shape, truth.shape) or (mine.ravel() != truth.ravel()).any():
                            return False
            except NO_VALUE:
                return False
            return probes is None or agree_everywhere(probes, claim.tree, changed)

        found = []
        for changes in repaired(line, claim.tree, self.search.point.network, is_true):
            parts = [
                Explanation(change.code, f"{change.found} stands for {change.wanted}", "formula", change.hint)
                for change in changes
            ]
            found.append(Explanation.together(parts))
        return found

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
        swapped = judgement.own and number in self.swaps and not self.swaps[number][1]
        story = None if statement is None or swapped else self._story_of(at)
        in_pass = self._best(at, statement) if statement is not None and not swapped else []
        named = [self._explained(chosen) for chosen in in_pass]
        judgement.sure = bool(in_pass) and statement is not None and self._sure(story, in_pass[0], statement)
        pens = self._pens(number) if not judgement.own or (story is None and not judgement.given) else []
        if pens:
            named, judgement.sure = self._with_pens(judgement, pens, named, judgement.sure, statement)
        elif story is None and judgement.given:
            earlier = " and ".join(f"{c.quantity} (line {c.line})" for c in judgement.given)
            lines = " and ".join(f"line {claim.line}" for claim in judgement.given)
            named = [
                Explanation(
                    "carried-on", f"right given the earlier {earlier}", "carried-on", f"what it follows from, {lines}"
                )
            ]
            judgement.sure = True
        if not named and statement is not None:
            rounding = Explanation("rounding", "rounding on the way", "rounding", "")
            named = [Explanation.together([self._explained(c), rounding]) for c in self._loosely(statement)]
        if not named and judgement.verdict == "wrong":
            named = self._forms(judgement)
            judgement.sure = bool(named)
        if not named and judgement.claim.value is None and judgement.verdict == "wrong":
            named = self._repairs(judgement)
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
        digits = math.inf if judgement.claim.value is None else sum(map(significant, _said(judgement)))
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


def _said(judgement: Judgement) -> list[Printed]:
    """The numbers that a claim gives, those of its last line where there is no value."""
    if judgement.claim.value is not None:
        return printed_entries(judgement.claim.value)
    last = judgement.working[-1].array if judgement.working else None
    return [] if last is None else [Printed("", value, None) for value in last.flat]


def _agree(printed: Sequence[Printed], values: Sequence[Any]) -> bool:
    """Whether numbers are known to have the digits printed."""
    try:
        return len(printed) == len(values) and all(p.agrees(v) for p, v in zip(printed, values, strict=True))
    except NO_VALUE:
        return False


def _crossed(one: Sequence[Printed], two: Sequence[Printed], mine: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Whether two numbers are each what was meant to be the other."""
    return _agree(one, theirs) and _agree(two, mine) and not _agree(one, mine) and not _agree(two, theirs)
