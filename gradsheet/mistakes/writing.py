"""Mistakes in what is written down: in the figures of a number, in the form of an answer, in a formula."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet.claims.comparison import agree_at
from gradsheet.claims.composing import formula_text
from gradsheet.claims.judgement import Explanation, Judgement
from gradsheet.claims.sheet import fractions, printed_entries
from gradsheet.language import formula as f
from gradsheet.language.evaluate import NO_VALUE, Evaluator, same_shape
from gradsheet.mistakes.omission import MAX_PARTS, has_names, omissions
from gradsheet.mistakes.repair import Change, repaired
from gradsheet.mistakes.search import Search, Statement, agree_everywhere
from gradsheet.mistakes.simulation import Combination
from gradsheet.numbers import slips as figures
from gradsheet.numbers.printed import Printed, all_agree, all_overlap, as_float
from gradsheet.truth.carry import Carried, nudged
from gradsheet.truth.target import core_of, entries_of
from gradsheet.truth.work import FLOAT_PASS, OutOfWork
from manual.activations import Array

STEPS = [
    Fraction(1, 100),
    Fraction(1, 1000),
    Fraction(1, 10_000),
]  # of finite differences that are looked for
MAX_DIFFERENCES = 64  # entries of a quantity of which they are
NEAR = 0.2  # how far off a finite difference may be
LEAST = 2  # digits of a number in which something left out of its line is looked for
FAR = 12  # how many halves of its last unit it is off at least
SLACK = 1e-9  # of a number, that floats are granted
TELLING = 3  # digits that a number has at least which tells what it was worked out from
ARITHMETIC = Explanation(
    "arithmetic-slip",
    "an arithmetic slip",
    "figures",
    "a slip from the last line of the working to the number",
)


@dataclass(frozen=True)
class LeftOut:
    """What the last line of a working has and its number has not; all that fit, of so many that were `tried`."""

    explanations: list[Explanation]
    of_names: bool
    tried: int


class Writing:
    """What is written wrongly on a sheet, given the `stories`, the mistakes in the pass that several claims share."""

    def __init__(self, search: Search):
        self.search, self.judgements = search, search.judgements
        self.stories: list[Combination] = []
        wrong = [
            number
            for number, judgement in enumerate(self.judgements)
            if judgement.verdict == "wrong"
        ]
        strayed = [number for number, judgement in enumerate(self.judgements) if not judgement.own]
        self._off = {*wrong, *strayed}
        # Whoever swaps two true answers has made one mistake, and none in the pass.
        self.swaps = self._find_swaps([number for number in wrong if number not in strayed])
        self._left_out: dict[int, LeftOut | None] = {}

    def left_out(self, number: int) -> LeftOut | None:
        """What of the last line of a working was left out to get a wrong number, where one such thing gives it."""
        if number not in self._left_out:
            judgement = self.judgements[number]
            looked_for = (
                judgement.verdict == "wrong" and not judgement.own and number not in self.swaps
            )
            self._left_out[number] = self._find_left_out(judgement) if looked_for else None
        return self._left_out[number]

    def explains(self, statement: Statement) -> bool:
        """Whether a slip in the figures explains a statement, which is then no mistake in the pass."""
        judgement = statement.judgement
        number = next(k for k, other in enumerate(self.judgements) if other is judgement)
        if number in self.swaps:
            return True
        left_out = self.left_out(number) if statement.is_of_number else None
        return left_out is not None and not left_out.of_names

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
                    yield (
                        chosen,
                        list(Evaluator(point).value(judgement.claim.tree, bindings[0]).flat),
                    )
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

    def _find_left_out(self, judgement: Judgement) -> LeftOut | None:
        value, history, point = judgement.claim.value, self.search.history, self.search.point
        last = judgement.claim.working[-1].tree
        if value is None or history is None or last is None:
            return None
        printed, tried = printed_entries(value), 0
        if sum(figures.significant(p) for p in printed) < LEAST and any(
            p.places is not None for p in printed
        ):
            return None
        ones, found = dict.fromkeys(last.letters, 1), dict[str, Explanation]()
        floats = Evaluator(Carried(point, floats=True))  # for a first look
        for tried, (slip, line) in enumerate(omissions(last), 1):  # noqa: B007
            point.budget.spend(point.formula_work(line))
            try:
                with np.errstate(all="ignore"):
                    if not _are_near(printed, floats.value(line, ones)):
                        continue
                fits = all_overlap(
                    printed, *history.reach(judgement.claim, point).spread(line, ones)
                )
            except OutOfWork:
                raise
            except NO_VALUE:
                continue
            if fits:
                found[slip.text] = Explanation(
                    slip.code, slip.text, "figures", "something that its own last line has"
                )
        return LeftOut(list(found.values()), has_names(last), tried) if found else None

    def difference(self, judgement: Judgement) -> list[Explanation]:
        """The finite difference that a number is, in place of the derivative asked for."""
        claim, point = judgement.claim, self.search.point
        if claim.value is None or self.search.history is None or claim.tree.letters:
            return []
        printed, core = printed_entries(claim.value), core_of(claim.tree, point.rate)
        if core is None or not isinstance(core[1], f.Derivative) or len(printed) > MAX_DIFFERENCES:
            return []
        if sum(figures.significant(p) for p in printed) < TELLING:
            return []
        try:
            truth = list(Evaluator(point).value(claim.tree, {}).flat)
            if len(truth) != len(printed):
                return []
            pairs = [
                (p, as_float(t), abs(as_float(p.value) - as_float(t)))
                for p, t in zip(printed, truth, strict=True)
            ]
            if any(off > NEAR * abs(t) + as_float(p.half) for p, t, off in pairs):
                return []
            if all(
                off < FAR * as_float(p.half) for p, _, off in pairs
            ):  # any slip in the last digit is so near
                return []
            return self._differences(core[1], core[0], printed)
        except OutOfWork:
            raise
        except NO_VALUE:
            return []

    def _differences(
        self, core: f.Derivative, factor: Any, printed: Sequence[Printed]
    ) -> list[Explanation]:
        point = self.search.point
        (of, of_entries), (by, by_entries) = (
            entries_of(end, point, {}) for end in (core.of, core.by)
        )
        assert isinstance(of, str)
        assert isinstance(by, str)

        def node(step: Fraction, index: Any) -> list[Any]:
            point.budget.spend(point.pass_work.both)
            seen = nudged(point, by, index, step)
            return [v * factor for v in seen.entries(of, of_entries)]

        here = [v * factor for v in nudged(point, by, by_entries[0], 0).entries(of, of_entries)]
        for step in STEPS:
            after = [node(step, index) for index in by_entries]
            before = [node(-step, index) for index in by_entries]
            kinds = (
                (
                    "a one-sided",
                    [[(a - h) / step for a, h in zip(row, here, strict=True)] for row in after],
                ),
                (
                    "a one-sided",
                    [[(h - b) / step for b, h in zip(row, here, strict=True)] for row in before],
                ),
                (
                    "a symmetric",
                    [
                        [(a - b) / (2 * step) for a, b in zip(*rows, strict=True)]
                        for rows in zip(after, before, strict=True)
                    ],
                ),
            )
            for kind, columns in kinds:
                values = [column[k] for k in range(len(of_entries)) for column in columns]
                if _agree(printed, values):
                    text = f"it is {kind} finite difference of step {float(step):g}, not the derivative"
                    hint = "whether the derivative itself was taken"
                    return [Explanation("finite-difference", text, "form", hint)]
        return []

    def _find_swaps(self, among: Sequence[int]) -> dict[int, tuple[int, Combination]]:
        """The judgements whose answers stand in each other's place: the other one, and the mistakes before that."""
        found: dict[int, tuple[int, Combination]] = {}
        if self.search.probes is not None:
            lines = {
                n: self.judgements[n].claim.working[-1].tree
                for n in among
                if self.judgements[n].claim.working
            }
            for a, b in itertools.combinations([n for n, line in lines.items() if line], 2):
                if (
                    a not in found
                    and b not in found
                    and self._is_formula_of(a, b)
                    and self._is_formula_of(b, a)
                ):
                    found |= {a: (b, ()), b: (a, ())}
            return found
        self.search.point.budget.spend(len(among) * (1 + len(self.stories)) * FLOAT_PASS / 10)
        meant = {n: list(self._meant(self.judgements[n])) for n in among}
        said = {n: said_by(self.judgements[n]) for n in among}
        near = _near(said, meant)
        for a, b in itertools.combinations([n for n in among if said[n]], 2):
            if (a, b) not in near or (b, a) not in near:
                continue
            for (chosen, mine), (others, theirs) in itertools.product(meant[a], meant[b]):
                if (
                    a not in found
                    and b not in found
                    and chosen == others
                    and _crossed(said[a], said[b], mine, theirs)
                ):
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
        if not judgement.own:
            found = found or [((), ARITHMETIC)]
        return found

    def forms(self, judgement: Judgement) -> list[Explanation]:
        """The forms of the truth that are what a claim gives in another form."""
        claim, probes, point = judgement.claim, self.search.probes, self.search.point
        tree = claim.working[-1].tree if claim.working else None
        named: list[Explanation] = []
        if claim.tree.letters:
            return self._others(judgement, tree)
        try:
            found = list(figures.forms(Evaluator(point).value(claim.tree, {})))
        except NO_VALUE:
            return named
        for k, (slip, array) in enumerate(found):
            if claim.value is not None:
                fits = same_shape(fractions(claim.value).shape, array.shape)
                fits = fits and _agree(printed_entries(claim.value), list(array.flat))
            else:
                fits = (
                    probes is not None
                    and tree is not None
                    and agree_everywhere(probes, claim.tree, tree, form=k)
                )
            if fits:
                named.append(_of(slip))
        return named + self._others(judgement, tree)

    def _others(self, judgement: Judgement, line: f.Node | None) -> list[Explanation]:
        """The quantity that is given for another one: the derivative by a z for that by its h, yhat for yhat - y."""
        claim, point, probes = judgement.claim, self.search.point, self.search.probes
        network = point.network
        match claim.tree:
            case f.Derivative(of, f.Quantity(by, indices)) if (inner := point.inner(by))[
                0
            ] == "h" and inner != "h0":
                other: f.Node = f.Derivative(of, f.Quantity(f"z{inner[1:]}", indices))
                found = "derivative-by-z", f"that is {formula_text(other)}, not {claim.quantity}"
            case f.Derivative(f.Quantity("L", ()), f.Quantity(by, indices)) if (
                by == f"z{network.depth}" and network.cancels
            ):
                other = f.Quantity("yhat", indices)
                found = "target-not-subtracted", "the target is left out, yhat stands for yhat - y"
            case _:
                return []
        try:
            if claim.value is not None:
                fits = _agree(
                    printed_entries(claim.value), list(Evaluator(point).value(other, {}).flat)
                )
            else:
                fits = line is not None and agree_at(point, point, other, line)
                fits = (
                    fits
                    and line is not None
                    and (probes is None or agree_everywhere(probes, other, line))
                )
        except NO_VALUE:
            return []
        return (
            [Explanation(*found, "form", "what the derivative is of, and by what")] if fits else []
        )

    def repairs(self, judgement: Judgement) -> list[Explanation]:
        """The changes that make a formula true which cannot be evaluated as it stands."""
        claim, point, probes = judgement.claim, self.search.point, self.search.probes
        line = claim.working[-1].tree if claim.working else None
        if line is None or len(list(f.walk(line))) > MAX_PARTS:
            return []

        def is_true(changed: f.Node) -> bool:
            point.budget.spend(point.formula_work(changed))
            try:
                return agree_at(point, point, claim.tree, changed) and (
                    probes is None or agree_everywhere(probes, claim.tree, changed)
                )
            except OutOfWork:
                raise
            except NO_VALUE:
                return False

        def find() -> list[Explanation]:
            found = repaired(line, claim.tree, point.network, is_true)
            return [
                Explanation.together([_of_change(change) for change in changes])
                for changes in found
            ]

        if probes is None:
            return find()

        def paid() -> tuple[list[Explanation], float]:
            before = point.budget.left
            return find(), before - point.budget.left

        key = "repairs", claim.tree, line
        if (known := probes.known(key)) is not None:  # who asks again pays as much
            point.budget.spend(known[1])
        explanations: list[Explanation] = probes.kept(key, paid)[0]
        return explanations


def _of_change(change: Change) -> Explanation:
    return Explanation(
        change.code, f"{change.found} stands for {change.wanted}", "formula", change.hint
    )


def _of(slip: figures.Slip) -> Explanation:
    return Explanation(slip.code, slip.text, slip.kind, slip.hint)


def said_by(judgement: Judgement) -> list[Printed]:
    """The numbers that a claim gives, those of its last line where there is no value."""
    if judgement.claim.value is not None:
        return printed_entries(judgement.claim.value)
    last = judgement.working[-1].array if judgement.working else None
    return [] if last is None else [Printed("", value, None) for value in last.flat]


def _are_near(printed: Sequence[Printed], values: Array) -> bool:
    """Whether floats leave it open that a line of rounded decimals gives numbers."""
    pairs = zip(printed, values.flat, strict=False)
    return len(printed) == values.size and all(
        abs(as_float(p.value) - float(v)) <= NEAR * abs(as_float(p.value)) + as_float(2 * p.half)
        for p, v in pairs
    )


def _agree(printed: Sequence[Printed], values: Sequence[Any]) -> bool:
    """Whether numbers are known to have the digits printed."""
    try:
        return all_agree(printed, values)
    except NO_VALUE:
        return False


def _near(
    said: Mapping[int, Sequence[Printed]],
    meant: Mapping[int, Sequence[tuple[Combination, list[Any]]]],
) -> set[tuple[int, int]]:
    """Of which judgements the numbers may be what others were meant to be, as far as floats tell: (said, meant)."""
    found = set[tuple[int, int]]()
    ways = [(n, values) for n, several in meant.items() for _, values in several]
    for size in {len(printed) for printed in said.values()}:
        numbers = [n for n, printed in said.items() if len(printed) == size]
        some = [(n, [as_float(v) for v in values]) for n, values in ways if len(values) == size]
        if not some:
            continue
        theirs = np.array([values for _, values in some], float).reshape(len(some), size)
        for n in numbers:
            mine = np.array([as_float(p.value) for p in said[n]])
            half = np.array([as_float(p.half) for p in said[n]])
            with np.errstate(all="ignore"):
                far = abs(theirs - mine) > half + SLACK * (abs(mine) + abs(theirs))
            found |= {(n, some[k][0]) for k in np.flatnonzero(~far.any(1)).tolist()}
    return found


def _crossed(
    one: Sequence[Printed], two: Sequence[Printed], mine: Sequence[Any], theirs: Sequence[Any]
) -> bool:
    """Whether two numbers are each what was meant to be the other."""
    return (
        _agree(one, theirs)
        and _agree(two, mine)
        and not _agree(one, mine)
        and not _agree(two, theirs)
    )
