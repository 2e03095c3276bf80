"""Mistakes in the pass: those that several claims of a sheet share, and those
that explain one.

One claim is often explained by several mistakes, some of them by chance. The
sheet as a whole tells them apart: a story is a combination of mistakes that
explains several claims. Those that explain the most are taken first, and among
equals those that spoil the fewest right claims.
"""

import itertools
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from gradsheet.mistakes.search import MOST_TOGETHER, Hypothesis, Search, Statement
from gradsheet.mistakes.simulation import Combination
from gradsheet.mistakes.writing import Writing

FITS = 1.0  # digits beyond those that choosing took, from which on several mistakes are told at all
MANY = 20  # explanations of one claim that are looked at


class Stories:
    """The stories of a sheet, and what explains each statement."""

    def __init__(self, search: Search, writing: Writing):
        self.search, self.writing = search, writing
        self.stories: list[Hypothesis] = []

    def find(self) -> None:
        """Find the stories, and let the writing know them."""
        self.stories = self._find()
        self.writing.learn(self.combinations)

    @property
    def combinations(self) -> list[Combination]:
        """The mistakes of each story."""
        return [story.chosen for story in self.stories]

    def _find(self) -> list[Hypothesis]:
        """The few combinations that explain the most, each several statements."""
        wrong, stories = self.search.wrong, list[Hypothesis]()
        left = {n for n, statement in enumerate(wrong) if not self.writing.explains(statement)}
        # Most explain the same few statements.
        sets = {h.explains for h in self.search.hypotheses}
        digits = {s: self.digits(s) for s in sets if self._is_story(s & left)}
        tells = {
            (explains, size): self._tells(range(size), several)
            for explains, several in digits.items()
            for size in range(1, MOST_TOGETHER + 1)
        }
        pool = [h for h in self.search.hypotheses if tells.get((h.explains, len(h.chosen)), False)]

        while pool:
            new = {explains: len(explains & left) for explains in {h.explains for h in pool}}
            worth = [
                (new[h.explains] - len(h.chosen) - h.spoils / 2, -h.spoils, -len(h.chosen))
                for h in pool
            ]
            best = pool[worth.index(max(worth))]
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

    def _is_story(self, statements: Collection[int]) -> bool:
        """Whether they are several, and not all of them follow from others."""
        return len(statements) > 1 and any(not self.search.wrong[n].is_carried for n in statements)

    def _simpler(self, story: Hypothesis) -> Hypothesis:
        """One of its mistakes alone, where that and rounding explain as much."""
        statements = [self.search.wrong[n] for n in story.explains]
        confirm, loosely = self.search.confirm, self.search.loosely
        for one in [(number,) for number in story.chosen if len(story.chosen) > 1]:
            if all(confirm(one, s) or loosely(s, [one]) for s in statements):
                return replace(story, chosen=one, fewest=0)
        return story

    # How much they tell

    def digits(self, statements: Iterable[int]) -> float:
        """How many digits statements have; what is carried tells nothing more."""
        wrong = [self.search.wrong[number] for number in statements]
        return sum(statement.digits for statement in wrong if not statement.is_carried)

    def beyond(self, chosen: Sequence[int], digits: float) -> float:
        """How many of so many digits choosing some mistakes did not take."""
        return digits - math.log10(self.search.tried.get(len(chosen), 1))

    def _tells(self, chosen: Sequence[int], digits: float) -> bool:
        """Whether several mistakes explain more than chance, where they explain so
        many digits; a single one may."""
        return len(chosen) < 2 or self.beyond(chosen, digits) >= FITS

    # What explains a statement

    def of(self, number: int) -> Hypothesis | None:
        """The story that the statement of this number belongs to."""
        return next((story for story in self.stories if number in story.explains), None)

    def shared(self, statement: Statement, story: Hypothesis) -> list[Combination]:
        """As much of a story as it takes, and all else that does as well.

        None where it explains the statement but for rounding.
        """
        confirm = self.search.confirm
        for size in range(1, len(story.chosen) + 1):
            subsets = itertools.combinations(story.chosen, size)
            if enough := [chosen for chosen in subsets if confirm(chosen, statement)]:
                rank = (size, *story.rank()[1:])
                equal = [h.chosen for h in statement.fits if h.rank() == rank]
                others = [c for c in equal if c not in enough and confirm(c, statement)]
                return self.narrow(statement, enough + others)
        return []

    def alone(self, statement: Statement) -> list[Hypothesis]:
        """The mistakes that explain a statement best, all that do equally well.

        The exact check is slow, and so it is made in order, as far as another
        one may be equal.
        """
        best: list[Hypothesis] = []
        fits = {h.chosen: h for h in sorted(statement.fits, key=lambda h: h.rank())}
        distinct = self.search.simulation.distinct(statement.tree, list(fits))
        for hypothesis in map(fits.__getitem__, distinct):
            if len(best) > MANY or (best and hypothesis.rank() != best[0].rank()):
                break
            chosen = hypothesis.chosen
            tells = self._tells(chosen, self.digits(hypothesis.explains))
            if tells and self.search.confirm(chosen, statement):
                best.append(hypothesis)
        narrow = self.narrow(statement, [hypothesis.chosen for hypothesis in best])
        return [hypothesis for hypothesis in best if hypothesis.chosen in narrow]

    def loosely(self, statement: Statement) -> list[Combination]:
        """Stories, or else single mistakes, that give a number but for rounding."""
        loosely = self.search.loosely
        return loosely(statement, self.combinations) or self.narrow(
            statement, loosely(statement, self.search.simulation.singles)
        )

    def narrow(
        self, statement: Statement, combinations: Sequence[Combination]
    ) -> list[Combination]:
        """Combinations without those that only make another's mistakes in further layers, or
        are another in other words."""
        simulation = self.search.simulation
        some = [b for b in combinations if not any(self._is_within(a, b) for a in combinations)]
        return simulation.likeliest(simulation.distinct(statement.tree, some))

    def _is_within(self, a: Combination, b: Combination) -> bool:
        """Whether b makes the same mistakes as a, some of them in more layers."""
        made = self.search.simulation.made
        if len(a) != len(b):
            return False
        pairs = list(zip(made(a), made(b), strict=True))
        same = all(i.mistake is j.mistake and set(i.layers) <= set(j.layers) for i, j in pairs)
        return same and any(len(i.layers) < len(j.layers) for i, j in pairs)
