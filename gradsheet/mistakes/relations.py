"""What a number has to do with the truth where no step explains it: a simple
multiple, the truth turned round, another derivative or quantity in its place."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet.claims.judgement import Explanation, Judgement
from gradsheet.language import formula as f
from gradsheet.language.evaluate import Evaluator
from gradsheet.network.graph import Shape
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.printed import Printed, all_agree, fractions, printed_entries
from gradsheet.numbers.reasons import NO_ANSWER
from gradsheet.truth.graph_point import GraphPoint
from gradsheet.truth.graph_values import GraphCarried
from manual.activations import Array
from manual.ops import OPERATIONS

MOST = 12  # above and below in a simple multiple
Related = tuple[str, str, Array]  # code, words, what is given then

MULTIPLES = sorted(
    {Fraction(n, m) for n in range(1, MOST + 1) for m in range(1, MOST + 1)} - {Fraction(1)},
    key=lambda ratio: ratio.numerator * ratio.denominator,
)
TRIED = 20  # operations that trying a multiple and its negative takes
HINT = "what the number has to do with the right one"


def related(judgement: Judgement, point: GraphPoint) -> Iterator[tuple[Explanation, float]]:
    """What a claimed number is, and of how many things that were tried."""
    claim = judgement.claim
    if claim.value is None or claim.tree.letters:
        return
    printed, shape = printed_entries(claim.value), fractions(claim.value).shape
    try:
        truth = Evaluator(point).value(claim.tree, {})
        if truth.size != len(printed):
            yield from _not_summed(claim.tree, printed, shape, point)
            return
        point.budget.spend(TRIED * len(MULTIPLES))
        in_itself = _in_itself(truth.reshape(shape), printed)
        for ways in (in_itself, _by_others(claim.tree, truth, point)):
            tried = list(ways)
            fitting = [(code, text) for code, text, value in tried if _agree(printed, value)]
            for code, text in fitting:
                yield Explanation(code, text, "form", HINT), len(tried)
            if fitting:
                return
    except NO_ANSWER:
        return


def _in_itself(truth: Array, printed: Sequence[Printed]) -> Iterator[Related]:
    yield "zero-given", "0 is given, as if nothing came back", 0 * truth
    if truth.ndim and truth.size > 1:
        text = "it is turned by 180 degrees: its entries are in the reverse order"
        yield "form-reversed", text, np.flip(truth)
    # Hardly any fits in the first entry that is not 0, and those alone are seen in all.
    first = next((k for k, number in enumerate(printed) if number.value), 0)
    for ratio in MULTIPLES:
        for signed in (ratio, -ratio):
            one = np.ravel(truth)[first : first + 1]
            given = truth * signed if _agree([printed[first]], one * signed) else one[:0]
            yield "simple-factor", f"it is the truth times {signed}", given


def _by_others(tree: f.Node, truth: Array, point: GraphPoint) -> Iterator[Related]:
    """Other quantities of the sheet in its place, or together with it."""
    point.budget.spend(point.pass_work.both)
    seen = GraphCarried(point)  # what stands there needs no witness
    shapes = {name: shape for name, shape in point.program.shapes.items() if "[" not in name}
    if isinstance(tree, f.Derivative) and not tree.of.indices and not tree.by.indices:
        of, by = tree.of.name, tree.by.name
        for name, shape in shapes.items():
            is_other = name not in (of, by) and shape == shapes[by]
            if is_other and point.program.no_derivative(of, name) is None:
                value = seen.derivative(of, (), name, ())
                yield "other-derivative", f"that is d{of}/d{name}, not d{of}/d{by}", value
    for name, shape in shapes.items():
        if shape in ((), truth.shape):
            value = seen.node(name)
            yield "quantity-added", f"it is the truth plus {name}", truth + value
            yield "quantity-added", f"it is the truth minus {name}", truth - value
            yield "named-factor", f"it is the truth times {name}", truth * value
            if all(value.flat):
                yield "named-factor", f"it is the truth divided by {name}", truth / value


def _not_summed(
    tree: f.Node, printed: Sequence[Printed], shape: Shape, point: GraphPoint
) -> Iterator[tuple[Explanation, float]]:
    """What comes back to an array that was stretched, before it is added up."""
    if not isinstance(tree, f.Derivative) or tree.by.indices or point.program.shapes[tree.of.name]:
        return
    sweep, steps, to = point.sweep, point.program.steps, {point.place(tree.by.name).slot}
    of = point.place(tree.of.name).slot
    cotangents = sweep.back(of, sweep.unit(of, ()))
    for slot in point.program.before(of):
        step = steps[slot]
        if step.operation in ("reshape", "name") and to.issuperset(step.inputs):
            to.add(slot)
        if step.operation not in ("add", "subtract", "multiply", "divide"):
            continue
        for k, other in enumerate(step.inputs):
            if other in to and steps[other].shape != step.shape and slot in cotangents.chain:
                arrays = [sweep.value(i) for i in step.inputs]
                arrays[k] = as_array(np.broadcast_to(arrays[k], (1, *step.shape)))
                rule = OPERATIONS[step.operation].backward
                part = rule(cotangents.chain[slot], sweep.value(slot), *arrays)[k]
                # Its axes may have come in another order.
                ways = [] if part is None else [part[0], part[0].T]
                if any(way.shape == shape and _agree(printed, way) for way in ways):
                    text = f"what comes back to {tree.by.name} is not added up over what shares it"
                    yield Explanation("not-summed", text, "chain", HINT), 1
                    return


def _agree(printed: Sequence[Printed], values: Any) -> bool:
    try:
        return all_agree(printed, list(as_array(values).flat))
    except NO_ANSWER:
        return False
