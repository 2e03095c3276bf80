"""What is given in place of a quantity: no mistake in the pass to it, and no
slip in its figures.

It is the finite difference that approaches the derivative, the truth in
another form (transposed, one row of it), another quantity that is taken for
this one, or a formula that a small change makes true.
"""

import contextlib
import functools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet.claims.comparison import agree_at, are_equal, truths_at
from gradsheet.claims.judgement import Explanation, Judgement
from gradsheet.claims.sheet import Claim
from gradsheet.language import formula as f
from gradsheet.language.evaluate import Evaluator, same_shape
from gradsheet.language.text import formula_text
from gradsheet.mistakes.first_look import FirstLook
from gradsheet.mistakes.layered import layers_of
from gradsheet.mistakes.omission import MAX_PARTS
from gradsheet.mistakes.repair import repaired
from gradsheet.mistakes.search import IN_A_PASS, Search, agree_everywhere
from gradsheet.numbers import slips
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import PER_VARIANT
from gradsheet.numbers.printed import Printed, all_agree, as_float, fractions, printed_entries
from gradsheet.numbers.reasons import NO_ANSWER, NO_VALUE
from gradsheet.numbers.slips import Slip, significant
from gradsheet.truth.carrying import nudged
from gradsheet.truth.graph_values import GraphCarried
from gradsheet.truth.target import core_of, entries_of
from gradsheet.truth.values import Index, Values

# Steps of finite differences that are looked for.
STEPS = [Fraction(1, 100), Fraction(1, 1000), Fraction(1, 10_000)]
MAX_DIFFERENCES = 64  # entries of a quantity of which they are
NEAR = 0.2  # how far off a finite difference may be
LARGE, EXACT = 1e4, 1e-10  # how large numbers are of which floats have that part right
FAR = 12  # how many halves of its last unit it is off at least
TELLING = 3  # digits that a number has at least which tells what it was worked out from


def difference(search: Search, judgement: Judgement) -> list[Explanation]:
    """The finite difference that a number is, in place of the derivative."""
    claim, point = judgement.claim, search.point
    if claim.value is None or search.history is None or claim.tree.letters:
        return []
    printed, core = printed_entries(claim.value), core_of(claim.tree, point.rate)
    if core is None or not isinstance(core[1], f.Derivative) or len(printed) > MAX_DIFFERENCES:
        return []
    if sum(map(significant, printed)) < TELLING:
        return []
    try:
        truth = list(Evaluator(point).value(claim.tree, {}).flat)
        if not _is_near(printed, truth):
            return []
        return _differences(point, core[1], core[0], printed)
    except NO_VALUE:
        return []


def _is_near(printed: Sequence[Printed], truth: Sequence[Any]) -> bool:
    """Whether it is near the truth, but further than a slip in a last digit."""
    if len(truth) != len(printed):
        return False
    halves = [as_float(p.half) for p in printed]
    off = [abs(as_float(p.value) - as_float(t)) for p, t in zip(printed, truth, strict=True)]
    near = [NEAR * abs(as_float(t)) + half for t, half in zip(truth, halves, strict=True)]
    if any(distance > most for distance, most in zip(off, near, strict=True)):
        return False
    return any(distance >= FAR * half for distance, half in zip(off, halves, strict=True))


def _differences(
    point: Any, core: f.Derivative, factor: Any, printed: Sequence[Printed]
) -> list[Explanation]:
    """The finite difference with the digits printed, of the usual steps."""
    of, of_entries = entries_of(core.of, point, {})
    by, by_entries = entries_of(core.by, point, {})
    assert isinstance(of, str)
    assert isinstance(by, str)

    point.budget.spend(point.float_pass + PER_VARIANT * (2 * len(STEPS) + 1) * len(by_entries))
    if not _leave_open(point, (of, of_entries), (by, by_entries), factor, printed):
        return []
    work = point.pass_work.swept(point.program.made_of([of]))

    def moved(step: Fraction) -> list[list[Any]]:
        """The node, with each entry that it is derived by moved by a step."""
        rows = []
        for index in by_entries:
            point.budget.spend(work)
            rows.append(nudged(point, by, index, step, of, of_entries))
        return rows

    here = [nudged(point, by, by_entries[0], 0, of, of_entries)] * len(by_entries)
    for step in STEPS:
        after, before = moved(step), moved(-step)
        for kind, ends, width in (
            ("a one-sided", (after, here), step),
            ("a one-sided", (here, before), step),
            ("a symmetric", (after, before), 2 * step),
        ):
            values = []
            for k in range(len(of_entries)):
                values += [(a[k] - b[k]) * factor / width for a, b in zip(*ends, strict=True)]
            if agree(printed, values):
                size = f"step {float(step):g}"
                text = f"it is {kind} finite difference of {size}, not the derivative"
                hint = "whether the derivative itself was taken"
                return [Explanation("finite-difference", text, "form", hint)]
    return []


def _leave_open(
    point: Any,
    of: tuple[str, Sequence[Index]],
    by: tuple[str, Sequence[Index]],
    factor: Any,
    printed: Sequence[Printed],
) -> bool:
    """Whether floats leave it open that numbers are a finite difference: one
    pass has every entry moved by every step, and by none."""
    several, moves = len(by[1]), np.array([0.0, *map(float, STEPS), *(-float(s) for s in STEPS)])
    changes: dict[Index, Any] = {}
    for k, index in enumerate(by[1]):
        column = np.zeros((len(moves), several))
        column[:, k] = moves
        changes[index] = functools.partial(np.add, column.ravel())
    with np.errstate(all="ignore"):
        seen = GraphCarried(point, {by[0]: changes}, floats=True, variants=len(moves) * several)
        nodes = seen.in_all(*of).reshape(len(moves), several, -1)
        largest, at_kink = seen.scale()
        if at_kink.any() or not largest.max() < LARGE:
            return True
        here, after, before = nodes[0], nodes[1 : len(STEPS) + 1], nodes[len(STEPS) + 1 :]
        steps = moves[1 : len(STEPS) + 1, None, None]
        differences = np.stack([after - here, here - before, (after - before) / 2]) / steps
        values = np.moveaxis(differences * as_float(factor), -1, -2).reshape(3 * len(STEPS), -1)
        slack = abs(as_float(factor)) * EXACT * largest.max() / float(min(STEPS))
        halves = np.array([as_float(p.half) for p in printed])
        off = abs(values - np.array([as_float(p.value) for p in printed]))
        return not (off > halves * (1 + EXACT) + slack).any(-1).all()


def forms(search: Search, judgement: Judgement) -> list[Explanation]:
    """The truth in the form that a claim gives, or what is taken for it."""
    claim, probes = judgement.claim, search.probes
    line = claim.working[-1].tree if claim.working else None
    named: list[Explanation] = []
    if claim.tree.letters:
        return _taken_for_it(search, judgement, line)
    try:
        truth = Evaluator(search.point).value(claim.tree, {})
    except NO_ANSWER:
        return named

    for k, (slip, _) in enumerate(slips.forms(truth)):
        fits = False
        if claim.value is not None:
            is_there = functools.partial(_is_in_form, claim, k)
            fits = is_there(search.point) and search.holds_elsewhere(judgement, is_there)
        elif probes is not None and line is not None:
            fits = agree_everywhere(probes, claim.tree, line, form=k, given=search.given)
        if fits:
            named.append(explanation_of(slip))
    return named + _taken_for_it(search, judgement, line)


def _is_in_form(claim: Claim, k: int, point: Values) -> bool:
    """Whether the numbers claimed are the truth at a point in the form of that number."""
    assert claim.value is not None
    array = [array for _, array in slips.forms(Evaluator(point).value(claim.tree, {}))][k]
    is_like = same_shape(fractions(claim.value).shape, array.shape)
    return is_like and agree(printed_entries(claim.value), list(array.flat))


def _taken_for_it(search: Search, judgement: Judgement, line: f.Node | None) -> list[Explanation]:
    """What is given for it: the derivative by z for that by h, or yhat."""
    claim, point, probes = judgement.claim, search.point, search.probes
    if (layers := layers_of(point)) is None:
        return []
    hidden = [f"h{l}" for l in range(1, layers.depth + 1)]
    match claim.tree:
        case f.Derivative(of, f.Quantity(by, indices)) if layers.inner(by) in hidden:
            other: f.Node = f.Derivative(of, f.Quantity(f"z{layers.inner(by)[1:]}", indices))
            named = "derivative-by-z", f"that is {formula_text(other)}, not {claim.quantity}"
        case f.Derivative(f.Quantity("L", ()), f.Quantity(by, indices)) if (
            by == f"z{layers.depth}" and layers.cancels
        ):
            other = f.Quantity("yhat", indices)
            named = "target-not-subtracted", "the target is left out, yhat stands for yhat - y"
        case _:
            return []
    try:
        if claim.value is not None:
            values = list(Evaluator(point).value(other, {}).flat)
            fits = agree(printed_entries(claim.value), values)
        else:
            fits = line is not None and agree_at(point, point, other, line, given=search.given)
            if fits and line is not None and probes is not None:
                fits = agree_everywhere(probes, other, line, given=search.given)
    except NO_ANSWER:
        return []
    hint = "what the derivative is of, and by what"
    return [Explanation(*named, "form", hint)] if fits else []


def repairs(search: Search, judgement: Judgement) -> list[Explanation]:
    """The changes that make a formula true which has no value as it stands."""
    claim, point, probes = judgement.claim, search.point, search.probes
    line = claim.working[-1].tree if claim.working else None
    if line is None or line.size > MAX_PARTS:
        return []

    work = point.formula_work(line)
    look: FirstLook | None = None
    if point.exact:
        with contextlib.suppress(*NO_VALUE):
            look = FirstLook(point, claim.tree)

    def is_true(changed: f.Node) -> bool:
        point.budget.spend(work / IN_A_PASS)
        if look is not None and look.fails(changed):
            return False
        try:
            return (
                agree_at(point, point, claim.tree, changed)
                and (probes is None or agree_everywhere(probes, claim.tree, changed))
                and search.holds_elsewhere(
                    judgement,
                    lambda other: agree_at(other, other, claim.tree, changed),
                    [line, claim.tree],
                )
            )
        except NO_VALUE:
            return False

    def find() -> tuple[list[Explanation], float]:
        before, right = point.budget.left, _right_items(point, claim.tree, line)
        explanations = [
            Explanation.together([change.explanation for change in changes])
            for changes in repaired(line, claim.tree, point.network, is_true, right)
        ]
        return explanations, before - point.budget.left

    key = "repairs", claim.tree, line
    if probes is not None and (known := probes.known(key)) is not None:
        point.budget.spend(known[1])  # who asks again pays as much
    return (find() if probes is None else probes.kept(key, find))[0]


def _right_items(point: Values, quantity: f.Node, line: f.Node) -> set[int]:
    """The numbers of the items of a list that are what they stand for, at a point."""
    if not isinstance(line, f.List) or quantity.letters:
        return set()
    try:
        ((_, truth),) = truths_at(point, quantity)
    except NO_VALUE:
        return set()
    right, evaluator = set[int](), Evaluator(point)
    for k, (item, entry) in enumerate(zip(line.items, truth, strict=False)):
        if item.letters:
            continue
        with contextlib.suppress(*NO_VALUE):
            if are_equal(evaluator.value(item, {}), as_array(entry)):
                right.add(k)
    return right


def explanation_of(slip: Slip) -> Explanation:
    """A slip as it is told."""
    return Explanation(slip.code, slip.text, slip.kind, slip.hint)


def agree(printed: Sequence[Printed], values: Sequence[Any]) -> bool:
    """Whether numbers are known to have the digits printed."""
    try:
        return all_agree(printed, values)
    except NO_ANSWER:
        return False
