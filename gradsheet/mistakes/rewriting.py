"""The mistakes that can be made on the way forward: a definition that is
carried out with something of its formula left out, or taken otherwise."""

from collections.abc import Iterator
from dataclasses import replace

from gradsheet.language import formula as f
from gradsheet.language.text import formula_text
from gradsheet.mistakes.edges import StepMistake
from gradsheet.mistakes.omission import omissions
from gradsheet.network.graph import Definition, Graph
from gradsheet.numbers.slips import Slip

MOST = 200  # formulas that are tried


def forward_mistakes(graph: Graph) -> list[StepMistake]:
    """Every network that is this one with one definition carried out wrongly."""
    made: list[StepMistake] = []
    for definition in graph.definitions:
        hint = f"the formula of {definition.name}, on the way forward"
        for slip, changed in _changes(definition):
            definitions = tuple(
                changed if other is definition else other for other in graph.definitions
            )
            other = replace(graph, definitions=definitions)
            made.append(StepMistake(slip.code, "forward", slip.text, hint, graph=other))
    return made[:MOST]


def _changes(definition: Definition) -> Iterator[tuple[Slip, Definition]]:
    name, formula = definition.name, definition.formula
    for slip, line in omissions(formula, f"the formula of {name}"):
        yield slip, replace(definition, formula=line)
    for node in dict.fromkeys(f.walk(formula)):
        for code, words, other in _taken(node):
            text = f"{words}, in the formula of {name}"
            line = f.replaced(formula, {node: other})
            yield Slip(code, text), replace(definition, formula=line)


def _taken(node: f.Node) -> Iterator[tuple[str, str, f.Node]]:
    """What is taken in the place of a part of a formula."""
    text = formula_text(node)
    match node:
        case f.Call(function, (argument,)) if function not in (*f.OVER_LETTERS, "diag"):
            yield "function-missing", f"{text} is taken without {function}", argument
        case f.Call("mean", arguments):
            yield "sum-for-mean", f"the sum stands for {text}", f.Call("sum", arguments)
        case f.Call("sum", arguments):
            yield "mean-for-sum", f"the mean stands for {text}", f.Call("mean", arguments)
        case f.Mean(letter, term, bounds):
            yield "sum-for-mean", f"the sum stands for {text}", f.Sum(letter, term, bounds)
        case f.Largest() | f.Smallest():
            pass
        case f.Sum(letter, term, bounds):
            yield "mean-for-sum", f"the mean stands for {text}", f.Mean(letter, term, bounds)
        case f.Chain(operators, operands) if "+" in operators:
            for k in reversed(range(len(operators))):
                if operators[k] == "+":
                    minus = f.Chain(f"{operators[:k]}-{operators[k + 1 :]}", operands)
                    words = f"{formula_text(operands[k + 1])} is subtracted, not added"
                    yield "sign-wrong", words, minus
        case f.Transpose(operand):
            yield "transpose-missing", f"{formula_text(operand)} stands for {text}", operand
        case f.Chain(signs, (f.Quantity() as a, f.Quantity() as b, *rest)) if signs[0] == "/":
            text, turned = map(formula_text, (f.Chain("/", (a, b)), f.Chain("/", (b, a))))
            words = f"{turned} stands for {text}"
            yield "quotient-turned", words, f.Chain(signs, (b, a, *rest))
