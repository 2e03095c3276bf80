"""Mistakes in what is written down: in the figures of a number, in the form of an answer, in a formula."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from gradsheet import figures
from gradsheet import formula as f
from gradsheet.compare import same_shape
from gradsheet.evaluate import NO_VALUE, Evaluator
from gradsheet.judgement import Explanation, Judgement
from gradsheet.number import Printed
from gradsheet.point import OutOfTime
from gradsheet.repair import Change, repaired
from gradsheet.search import Search, agree_at, agree_everywhere
from gradsheet.sheet import fractions, printed_entries
from gradsheet.simulation import Combination

ARITHMETIC = Explanation(
    "arithmetic-slip", "an arithmetic slip", "figures", "a slip from the last line of the working to the number"
)


class Writing:
    """What is written wrongly on a sheet, given the `stories`, the mistakes in the pass that several claims share."""

    def __init__(self, search: Search):
        self.search, self.judgements = search, search.judgements
        self.stories: list[Combination] = []
        wrong = [number for number, judgement in enumerate(self.judgements) if judgement.verdict == "wrong"]
        strayed = [number for number, judgement in enumerate(self.judgements) if not judgement.own]
        self._off = {*wrong, *strayed}
        # Whoever swaps two true answers has made one mistake, and none in the pass.
        self.swaps = self._find_swaps([number for number in wrong if number not in strayed])

    def learn(self, stories: Sequence[Combination]) -> None:
        """Take in the mistakes in the pass; what is swapped may have come from them."""
        self.stories = list(stories)
        self.swaps |= self._find_swaps(sorted(self._off - set(self.swaps)))

    def swaps_truths(self, number: int) -> bool:
        """Whether a judgement's answer is that of another one, and both would be right in each other's place."""
        return self.judgements[number].own and number in self.swaps and not self.swaps[number][1]

    def _meant(self, judgement: Judgement) -> Iterator[tuple[Combination, list[Any]]]:
        """What the number of a claim may have been meant to be, and the mistakes in the pass that lead there.

        Where the claim's own working leads to something else than the number, that was meant.
        """
        if not judgement.own:
            last = judgement.working[-1].array
            if last is not None:
                yield (), list(last.flat)
            return
        for chosen in ((), *self.stories):
            point = self.search.seen(chosen)
            try:
                bindings = list(Evaluator(point).bindings(judgement.claim.tree))
                if len(bindings) == 1:
                    yield chosen, list(Evaluator(point).value(judgement.claim.tree, bindings[0]).flat)
            except NO_VALUE:
                continue

    def _slips(self, judgement: Judgement) -> list[tuple[Combination, figures.Slip]]:
        """The slips that explain a number, each with the mistakes in the pass before it."""
        assert judgement.claim.value is not None
        printed = printed_entries(judgement.claim.value)
        for chosen, meant in self._meant(judgement):
            try:
                if len(meant) == len(printed) and (found := figures.all_slips(printed, meant)):
                    return [(chosen, slip) for slip in found]
            except NO_VALUE:
                continue
        return []

    def _find_swaps(self, among: Sequence[int]) -> dict[int, tuple[int, Combination]]:
        """The judgements whose answers stand in each other's place: the other one, and the mistakes before that."""
        found: dict[int, tuple[int, Combination]] = {}
        if self.search.probes is not None:
            lines = {n: self.judgements[n].claim.working[-1].tree for n in among if self.judgements[n].claim.working}
            for a, b in itertools.combinations([n for n, line in lines.items() if line], 2):
                if a not in found and b not in found and self._is_formula_of(a, b) and self._is_formula_of(b, a):
                    found |= {a: (b, ()), b: (a, ())}
            return found
        meant = {n: list(self._meant(self.judgements[n])) for n in among}
        said = {n: said_by(self.judgements[n]) for n in among}
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
        if line.letters != quantity.letters:
            return False
        return agree_everywhere(self.search.probes, quantity, line)

    def pens(self, number: int) -> list[tuple[Combination, Explanation]]:
        """The mistakes in the figures that explain a judgement's number, each with those in the pass before it."""
        judgement = self.judgements[number]
        if number in self.swaps:
            other, chosen = self.swaps[number]
            claim = self.judgements[other].claim
            text = f"its answer and that of {claim.quantity} (line {claim.line}) are swapped"
            hint = f"two answers, compare with line {claim.line}"
            return [(chosen, Explanation("answers-swapped", text, "figures", hint))]
        if judgement.claim.value is None or self.search.probes is not None:
            return []
        if judgement.own and judgement.working and judgement.working[-1].array is not None:
            return []  # the number is what its own last line gives: it has been written rightly
        found = [(chosen, _of(slip)) for chosen, slip in self._slips(judgement)]
        if not found and not judgement.own:
            found = [((), ARITHMETIC)]
        return found

    def forms(self, judgement: Judgement) -> list[Explanation]:
        """The forms of the truth that are what a claim gives in another form."""
        claim, probes, point = judgement.claim, self.search.probes, self.search.point
        tree = claim.working[-1].tree if claim.working else None
        named: list[Explanation] = []
        if claim.tree.letters:
            return named
        try:
            found = list(figures.forms(Evaluator(point).value(claim.tree, {})))
        except NO_VALUE:
            return named
        for k, (slip, array) in enumerate(found):
            if claim.value is not None:
                fits = same_shape(fractions(claim.value).shape, array.shape)
                fits = fits and _agree(printed_entries(claim.value), list(array.flat))
            else:
                fits = probes is not None and tree is not None and agree_everywhere(probes, claim.tree, tree, form=k)
            if fits:
                named.append(_of(slip))
        return named

    def repairs(self, judgement: Judgement) -> list[Explanation]:
        """The changes that make a formula true which cannot be evaluated as it stands."""
        claim, point, probes = judgement.claim, self.search.point, self.search.probes
        line = claim.working[-1].tree if claim.working else None
        if line is None:
            return []

        def is_true(changed: f.Node) -> bool:
            point.budget.check()
            try:
                return agree_at(point, point, claim.tree, changed) and (
                    probes is None or agree_everywhere(probes, claim.tree, changed)
                )
            except OutOfTime:
                raise
            except NO_VALUE:
                return False

        def find() -> list[Explanation]:
            found = repaired(line, claim.tree, point.network, is_true)
            return [Explanation.together([_of_change(change) for change in changes]) for changes in found]

        return find() if probes is None else probes.kept(("repairs", claim.tree, line), find)


def _of_change(change: Change) -> Explanation:
    return Explanation(change.code, f"{change.found} stands for {change.wanted}", "formula", change.hint)


def _of(slip: figures.Slip) -> Explanation:
    return Explanation(slip.code, slip.text, slip.kind, slip.hint)


def said_by(judgement: Judgement) -> list[Printed]:
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
