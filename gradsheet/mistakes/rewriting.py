"""The mistakes that can be made on the way forward: a definition that is
carried out with something of its formula left out, or taken otherwise, and
several of which the same is left out."""

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from gradsheet.language import formula as f
from gradsheet.language.functions import FUNCTIONS
from gradsheet.language.text import formula_text
from gradsheet.mistakes.edges import StepMistake
from gradsheet.mistakes.omission import MAX_PARTS, left_out, parts_of, short_text
from gradsheet.network.graph import Definition, Graph
from gradsheet.numbers.printed import printed

MOST = 400  # networks that are tried
ZERO, ONE = f.Number(printed("0")), f.Number(printed("1"))
# What two steps may differ in, and two things in one step.
POWERS = re.compile(r"\*\*\d+")
NUMBERS = re.compile(r"(?<=[A-Za-z_])\d+|\[[^]]*\]")
NAMES = re.compile(r"[A-Za-z_]\w*(?!\w*\()(\[[^]]*\])?")


@dataclass(frozen=True)
class _Change:
    """A part of a definition's formula that is carried out otherwise."""

    definition: Definition
    code: str
    text: str
    part: f.Node
    other: f.Node

    def but(self, pattern: re.Pattern[str]) -> tuple[str, ...]:
        """What it has in common with changes that differ in what fits a pattern,
        and in powers."""
        parts: tuple[f.Node, ...] = self.part, self.other
        if isinstance(self.part, f.Chain):
            for k, operator in enumerate(self.part.operators):
                divisor = self.part.operands[k + 1]
                is_lost = operator == "/" and self.part.without(k + 1) == self.other
                if is_lost and isinstance(divisor, f.Chain):
                    parts = (divisor,)  # whatever it is that is not divided by it
        return self.code, *(pattern.sub("#", POWERS.sub("", formula_text(part))) for part in parts)

    @property
    def step(self) -> str:
        """The number in the name that is defined."""
        return "".join(filter(str.isdecimal, self.definition.name))


def forward_mistakes(graph: Graph) -> list[StepMistake]:
    """Every network that is this one with one definition carried out wrongly,
    or several in the same way."""
    changes = [change for definition in graph.definitions for change in _changes(definition)]
    made = [(change,) for change in changes] + sorted(_together(changes), key=len)
    mistakes = (_mistake(graph, several) for several in made)
    found = [mistake for mistake in mistakes if mistake is not None]
    return [*found, *_left_out_everywhere(graph)][:MOST]


def _left_out_everywhere(graph: Graph) -> Iterator[StepMistake]:
    """A given number taken to be 1, or 0, that nothing is derived by."""
    parts = [part for d in graph.definitions for part in f.walk(d.formula)]
    by = {part.by.name for part in parts if isinstance(part, f.Derivative | f.DerivativeOf)}
    by |= {name for name, _ in graph.whole_numbers}
    for name in (name for name, shape in graph.given if not shape and name not in by):
        for number in (ONE, ZERO):
            other = graph.carried_out(
                {
                    d: replace(d, formula=f.replaced(d.formula, {f.Quantity(name): number}))
                    for d in graph.definitions
                    if name in graph.uses(d)
                }
            )
            text = f"{name} is left out, as if it were {formula_text(number)}"
            hint = f"where {name} stands, on the way forward"
            yield StepMistake("number-left-out", "forward", text, hint, graph=other)


def _mistake(graph: Graph, changes: Sequence[_Change]) -> StepMistake | None:
    """The network with some changes; None where one undoes another."""
    changed: dict[Definition, f.Node] = {}
    for change in sorted(changes, key=lambda change: -change.part.size):
        before = changed.get(change.definition, change.definition.formula)
        after = f.replaced(before, {change.part: change.other})
        if after == before:
            return None
        changed[change.definition] = after
    first, *others = dict.fromkeys(change.definition.name for change in changes)
    texts = [change.text for change in changes if change.definition.name == first]
    text = "; and ".join(dict.fromkeys(texts))
    if len({*texts}) < len(texts):
        text += ", everywhere"
    if others:
        those = f"that of {others[0]}"
        if len(others) > 1:
            those = f"those of {', '.join(others[:-1])} and {others[-1]}"
        text += f", and likewise in {those}"
    hint = f"the formula of {first}, on the way forward"
    other = graph.carried_out({d: replace(d, formula=changed[d]) for d in changed})
    return StepMistake(changes[0].code, "forward", text, hint, {}, other, len(changes))


def _together(changes: Sequence[_Change]) -> Iterator[tuple[_Change, ...]]:
    """Changes that are made at once because they are alike: everywhere, in all
    steps, or to all that is in one step."""
    seen = set[tuple[_Change, ...]]()
    for group in _alike(changes, lambda change: change.but(NAMES)):
        everywhere = [group]
        for kind in (lambda c: c.but(NUMBERS), lambda c: c.but(POWERS), lambda c: c.step):
            everywhere += _alike(group, kind)
        for some in everywhere:
            if len(some) > 1 and some not in seen:
                seen.add(some)
                yield some


def _alike(
    changes: Sequence[_Change], kind: Callable[[_Change], Hashable]
) -> list[tuple[_Change, ...]]:
    groups: dict[Hashable, list[_Change]] = {}
    for change in changes:
        groups.setdefault(kind(change), []).append(change)
    return [tuple(group) for group in groups.values()]


def _changes(definition: Definition) -> Iterator[_Change]:
    name, formula = definition.name, definition.formula
    parts = parts_of(formula)
    for node in parts if formula.size <= MAX_PARTS else ():
        for code, words, other in left_out(node, f"the formula of {name}"):
            yield _Change(definition, code, words, node, other)
    for node in parts:
        for code, words, other in _taken(node):
            yield _Change(definition, code, f"{words}, in the formula of {name}", node, other)


def _taken(node: f.Node) -> Iterator[tuple[str, str, f.Node]]:
    """What is taken in the place of a part of a formula."""
    text = short_text(node)
    match node:
        case f.Call():
            yield from _taken_for_call(node, text)
        case f.Mean(letter, term, bounds):
            yield from _taken_for_mean(term, text, lambda part: f.Sum(letter, part, bounds))
        case f.Largest() | f.Smallest():
            pass
        case f.Sum(letter, term, bounds):
            yield "mean-for-sum", f"the mean stands for {text}", f.Mean(letter, term, bounds)
        case f.Transpose(operand):
            yield "transpose-missing", f"{short_text(operand)} stands for {text}", operand
        case f.Chain(operators):
            for k in reversed(range(len(operators))):
                yield from _taken_for_operation(node, k)
            yield from _exchanged(node)


def _taken_for_operation(node: f.Chain, k: int) -> Iterator[tuple[str, str, f.Node]]:
    operators, operands = node.operators, node.operands
    before, operand, behind = operands[: k + 1], operands[k + 1], operands[k + 2 :]
    if operators[k] == "+":
        minus = f.Chain(f"{operators[:k]}-{operators[k + 1 :]}", operands)
        yield "sign-wrong", f"{short_text(operand)} is subtracted, not added", minus
    if operators[k] != "/":
        return
    if isinstance(operand, f.Sum) or (isinstance(operand, f.Call) and operand.function == "sum"):
        words = f"the number of its terms stands for {short_text(operand)}"
        other = f.Chain(operators, (*before, _number_of_terms(operand), *behind))
        yield "number-for-sum", words, other
    if k == 0 and all(isinstance(side, f.Quantity) for side in operands[:2]):
        turned = f.Chain("/", (operand, *before))
        words = f"{formula_text(turned)} stands for {formula_text(f.Chain('/', operands[:2]))}"
        yield "quotient-turned", words, f.Chain(operators, (operand, *before, *behind))


def _taken_for_call(node: f.Call, text: str) -> Iterator[tuple[str, str, f.Node]]:
    match node:
        case f.Call("where", (compare, one, two)):
            for side in (one, two):
                yield "side-kept", f"{short_text(side)} is taken on both sides of {text}", side
            exchanged = f.Call("where", (compare, two, one))
            yield "sides-exchanged", f"the two sides of {text} are exchanged", exchanged
        case f.Call("max" | "min", (one, two)):
            for side in (one, two):
                if not isinstance(side, f.Number):
                    yield "function-missing", f"{short_text(side)} stands for {text}", side
        case f.Call("mean", (term,)):
            yield from _taken_for_mean(term, text, lambda part: f.Call("sum", (part,)))
        case f.Call("sum", arguments):
            yield "mean-for-sum", f"the mean stands for {text}", f.Call("mean", arguments)
        case f.Call(function, (argument,)) if function not in (*f.OVER_LETTERS, "diag"):
            yield "function-missing", f"{text} is taken without {function}", argument
            if function in FUNCTIONS and FUNCTIONS[function].over_axis:
                turned = f.Transpose(f.Call(function, (f.Transpose(argument),)))
                yield "axis-wrong", f"{text} goes over the first axis, not the last", turned


def _taken_for_mean(
    term: f.Node, text: str, summed: Callable[[f.Node], f.Sum | f.Call]
) -> Iterator[tuple[str, str, f.Node]]:
    total = summed(term)
    yield "sum-for-mean", f"the sum stands for {text}", total
    match term:
        case f.Power(_, 2):  # of a sample, and not of all
            other = f.Chain("/", (total, f.Chain("-", (_number_of_terms(total), ONE))))
            yield "one-less", f"{text} is divided by one less than the number of its terms", other


def _number_of_terms(total: f.Sum | f.Call) -> f.Node:
    """The sum of as many ones."""
    term = total.arguments[0] if isinstance(total, f.Call) else total.term
    one = f.Chain("+", (f.Chain("*", (ZERO, term)), ONE))
    if isinstance(total, f.Call):
        return replace(total, arguments=(one,))
    return replace(total, term=one)


def _exchanged(node: f.Node) -> Iterator[tuple[str, str, f.Node]]:
    """1 - z for z, and z for 1 - z, in a sum that they weigh the terms of."""
    factors = _factors(node)
    for one in factors:
        match one:
            case f.Chain("-", (f.Number(number), rest)) if number.value == 1 and rest in factors:
                words = f"{short_text(rest)} and {short_text(one)} stand in each other's place"
                yield "weights-exchanged", words, f.replaced(node, {rest: one, one: rest})


def _factors(node: f.Node) -> list[f.Node]:
    """The factors of both terms of a sum."""
    match node:
        case f.Chain(operators, operands) if len({*operators}) == 1 and operators[0] in "+*":
            return [factor for operand in operands for factor in _factors(operand)]
    return [node]
