"""Mistakes in the figures of a number: slips of the pen, two answers swapped,
something of its own last line left out.
"""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradsheet.claims.judgement import Explanation, Judgement
from gradsheet.claims.reach import ones_for
from gradsheet.language.evaluate import Evaluator
from gradsheet.mistakes.forms import agree, explanation_of
from gradsheet.mistakes.omission import has_names, omissions
from gradsheet.mistakes.search import Search, Statement, agree_everywhere
from gradsheet.mistakes.simulation import Combination
from gradsheet.numbers.budget import FLOAT_PASS
from gradsheet.numbers.printed import Printed, all_overlap, as_float, printed_entries
from gradsheet.numbers.reasons import NO_ANSWER, NO_VALUE
from gradsheet.numbers.slips import Slip, all_slips, significant
from gradsheet.truth.carrying import carried
from manual.activations import Array

NEAR = 0.2  # of a number, that a line of rounded decimals may be off at a first look
LEAST = 2  # digits of a number in which something left out of its line is looked for
SLACK = 1e-9  # of a number, that floats are granted
ARITHMETIC = Explanation(
    "arithmetic-slip",
    "an arithmetic slip",
    "figures",
    "a slip from the last line of the working to the number",
)


# The other judgement whose answer stands in place of one, and the mistakes in the pass before that.
Swap = tuple[int, Combination]


@dataclass(frozen=True)
class LeftOut:
    """What the last line of a working has and its number has not: all that fit,
    of so many `tried`.

    `of_names` says whether the line is of quantities, and not of numbers alone.
    """

    explanations: list[Explanation]
    of_names: bool
    tried: int


class Writing:
    """What is written wrongly on a sheet, given the `stories` of the pass."""

    def __init__(self, search: Search):
        self.search, self.judgements = search, search.judgements
        self.stories: list[Combination] = []
        self.swaps: dict[int, Swap] = {}
        self._left_out: dict[int, LeftOut | None] = {}

    def find_swaps(self) -> None:
        """Find the true answers that are swapped: who does that has made one
        mistake, and none in the pass."""
        judged = enumerate(self.judgements)
        self.swaps = self._swapped([n for n, j in judged if j.verdict == "wrong" and j.own])

    def left_out(self, number: int) -> LeftOut | None:
        """What of its own last line was left out to get a wrong number."""
        if number not in self._left_out:
            judgement = self.judgements[number]
            strayed = judgement.verdict == "wrong" and not judgement.own
            is_open = strayed and number not in self.swaps
            self._left_out[number] = self._find_left_out(judgement) if is_open else None
        return self._left_out[number]

    def explains(self, statement: Statement) -> bool:
        """Whether a slip explains a statement: then no mistake in the pass does."""
        judgement = statement.judgement
        number = next(k for k, other in enumerate(self.judgements) if other is judgement)
        if number in self.swaps:
            return True
        left_out = self.left_out(number) if statement.is_of_number else None
        return left_out is not None and not left_out.of_names

    def learn(self, stories: Sequence[Combination]) -> None:
        """Take in the stories; what is swapped may have come from them."""
        self.stories = list(stories)
        off = {n for n, j in enumerate(self.judgements) if j.verdict == "wrong" or not j.own}
        self.swaps |= self._swapped(sorted(off - set(self.swaps)))

    def swaps_truths(self, number: int) -> bool:
        """Whether an answer and another are right in each other's place."""
        return self.judgements[number].own and number in self.swaps and not self.swaps[number][1]

    def _meant(self, judgement: Judgement) -> Iterator[tuple[Combination, list[Any]]]:
        """What a number may have been meant to be, by which mistakes: what the
        claim's own working leads to, where that is something else."""
        if not judgement.own:
            last = judgement.working[-1].array
            if last is not None:
                yield (), list(last.flat)
            return
        for chosen in ((), *self.stories):
            point = self.search.seen(chosen)
            try:
                evaluator, tree = Evaluator(point), judgement.claim.tree
                bindings = list(evaluator.bindings(tree))
                if len(bindings) == 1:
                    yield chosen, list(evaluator.value(tree, bindings[0]).flat)
            except NO_ANSWER:
                continue

    def _slips(self, judgement: Judgement) -> list[tuple[Combination, Slip]]:
        """The slips that explain a number, each with the mistakes before it."""
        value = judgement.claim.value
        assert value is not None
        size = len(printed_entries(value))
        for chosen, meant in self._meant(judgement):
            with contextlib.suppress(*NO_ANSWER):
                slips = all_slips(value, meant) if len(meant) == size else []
                if slips:
                    return [(chosen, slip) for slip in slips]
        return []

    def _find_left_out(self, judgement: Judgement) -> LeftOut | None:
        value, history, point = judgement.claim.value, self.search.history, self.search.point
        last = judgement.claim.working[-1].tree
        if value is None or history is None or last is None:
            return None
        printed = printed_entries(value)
        is_rounded = any(p.places is not None for p in printed)
        if is_rounded and sum(map(significant, printed)) < LEAST:
            return None
        reach, ones = history.reach(judgement.claim, point), ones_for(last)
        floats = Evaluator(carried(point, floats=True))  # for a first look
        hint, tried = "something that its own last line has", 0
        fitting: dict[str, Explanation] = {}
        for slip, line in omissions(last):
            tried += 1
            point.budget.spend(point.formula_work(line))
            with contextlib.suppress(*NO_VALUE):
                with np.errstate(all="ignore"):
                    may_fit = _are_near(printed, floats.value(line, ones))
                if may_fit and all_overlap(printed, *reach.spread(line, ones)):
                    fitting[slip.text] = Explanation(slip.code, slip.text, "figures", hint)
        return LeftOut(list(fitting.values()), has_names(last), tried) if fitting else None

    def _swapped(self, among: Sequence[int]) -> dict[int, Swap]:
        """The judgements whose answers stand in each other's place."""
        if self.search.probes is not None:
            return self._swapped_formulas(among)
        self.search.point.budget.spend(len(among) * (1 + len(self.stories)) * FLOAT_PASS / 10)
        meant = {n: list(self._meant(self.judgements[n])) for n in among}
        said = {n: said_by(self.judgements[n]) for n in among}
        near = _near(said, meant)
        swaps: dict[int, Swap] = {}
        for a, b in itertools.combinations([n for n in among if said[n]], 2):
            if (a, b) not in near or (b, a) not in near:
                continue
            for (chosen, mine), (others, theirs) in itertools.product(meant[a], meant[b]):
                if a in swaps or b in swaps:
                    break
                if chosen == others and _crossed(said[a], said[b], mine, theirs):
                    swaps |= {a: (b, chosen), b: (a, chosen)}
        return swaps

    def _swapped_formulas(self, among: Sequence[int]) -> dict[int, Swap]:
        """The judgements on formulas that are the truth in each other's place."""
        swaps: dict[int, Swap] = {}
        working = {n: self.judgements[n].claim.working for n in among}
        formulas = [n for n, lines in working.items() if lines and lines[-1].tree]
        for a, b in itertools.combinations(formulas, 2):
            is_free = a not in swaps and b not in swaps
            if is_free and self._is_formula_of(a, b) and self._is_formula_of(b, a):
                swaps |= {a: (b, ()), b: (a, ())}
        return swaps

    def _is_formula_of(self, a: int, b: int) -> bool:
        """Whether the formula of one is the truth for the other's quantity."""
        line, quantity = self.judgements[a].claim.working[-1].tree, self.judgements[b].claim.tree
        assert line is not None
        assert self.search.probes is not None
        if line.letters != quantity.letters:
            return False
        return agree_everywhere(self.search.probes, quantity, line, given=self.search.given)

    def pens(self, number: int) -> list[tuple[Combination, Explanation]]:
        """The slips that explain a number, each with the mistakes before it."""
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
        slips = [(chosen, explanation_of(slip)) for chosen, slip in self._slips(judgement)]
        return slips or ([] if judgement.own else [((), ARITHMETIC)])


def said_by(judgement: Judgement) -> list[Printed]:
    """The numbers that a claim gives, or those of its last line."""
    if judgement.claim.value is not None:
        return printed_entries(judgement.claim.value)
    last = judgement.working[-1].array if judgement.working else None
    return [] if last is None else [Printed("", value, None) for value in last.flat]


def _are_near(printed: Sequence[Printed], values: Array) -> bool:
    """Whether a line of rounded decimals may give numbers, in floats."""
    pairs = zip(printed, values.flat, strict=False)
    return len(printed) == values.size and all(
        abs(as_float(p.value) - float(v)) <= NEAR * abs(as_float(p.value)) + as_float(2 * p.half)
        for p, v in pairs
    )


def _near(
    said: Mapping[int, Sequence[Printed]],
    meant: Mapping[int, Sequence[tuple[Combination, list[Any]]]],
) -> set[tuple[int, int]]:
    """Whose numbers may be what others were meant to be, (said, meant), as far as
    floats tell: all of one length are compared at once."""
    near = set[tuple[int, int]]()
    ways = [(n, values) for n, several in meant.items() for _, values in several]
    for size in {len(printed) for printed in said.values()}:
        some = [(n, [as_float(v) for v in values]) for n, values in ways if len(values) == size]
        if not some:
            continue
        theirs = np.array([values for _, values in some], float).reshape(len(some), size)
        for n, printed in said.items():
            if len(printed) != size:
                continue
            mine = np.array([as_float(p.value) for p in printed])
            half = np.array([as_float(p.half) for p in printed])
            with np.errstate(all="ignore"):
                far = abs(theirs - mine) > half + SLACK * (abs(mine) + abs(theirs))
            near |= {(n, some[k][0]) for k in np.flatnonzero(~far.any(1)).tolist()}
    return near


def _crossed(
    one: Sequence[Printed], two: Sequence[Printed], mine: Sequence[Any], theirs: Sequence[Any]
) -> bool:
    """Whether two numbers are each what was meant to be the other."""
    crossed = agree(one, theirs) and agree(two, mine)
    return crossed and not agree(one, mine) and not agree(two, theirs)
