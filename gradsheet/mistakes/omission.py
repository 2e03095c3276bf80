"""What is left out between a line of working and its number: a factor, a term,
a power or a sign of the line itself."""

from collections.abc import Iterator

from gradsheet.language import formula as f
from gradsheet.language.text import formula_text
from gradsheet.numbers.slips import Slip

MAX_PARTS = 200  # of a line that is looked through


def omissions(line: f.Node, where: str = "its own line") -> Iterator[tuple[Slip, f.Node]]:
    """Every formula that is the line with one thing left out, and what that is,
    told with `where`."""
    if line.size <= MAX_PARTS:
        for node in dict.fromkeys(f.walk(line)):
            for code, words, other in _left_out(node, where):
                yield Slip(code, words), f.replaced(line, {node: other})


def has_names(line: f.Node) -> bool:
    """Whether a line is of quantities, not of numbers alone: what it leaves out
    is then a step of the pass as well."""
    return any(isinstance(node, f.Quantity) for node in f.walk(line))


def _left_out(node: f.Node, where: str) -> Iterator[tuple[str, str, f.Node]]:
    def minus(lost: f.Node, rest: f.Node) -> tuple[str, str, f.Node]:
        text = f"the minus sign before {_text(lost)} in {where} was lost"
        return "sign-not-taken", text, rest

    match node:
        case f.Chain(operators, (first, second, *others) as operands):
            for k in reversed(range(len(operators))):
                before, behind, operand = operators[:k], operators[k + 1 :], operands[k + 1]
                rest = f.chain(before + behind, (*operands[: k + 1], *operands[k + 2 :]))
                yield _operand(operators[k], operand, rest, where)
                if operators[k] == "-":
                    yield minus(operand, f.Chain(f"{before}+{behind}", operands))
            if operators[0] != "/":
                head = f.Negative(second) if operators[0] == "-" else second
                rest = f.chain(operators[1:], (head, *others))
                yield _operand(operators[0], first, rest, where)
        case f.Negative(operand):
            yield minus(operand, operand)
        case f.Power(base, exponent):
            text = f"the power {exponent} of {_text(base)} in {where} was not taken"
            yield "power-not-taken", text, base


def _operand(operator: str, lost: f.Node, rest: f.Node, where: str) -> tuple[str, str, f.Node]:
    """What is left where an operand is, and its operator with it."""
    if operator in "+-":
        return "term-not-added", f"the term {_text(lost)} of {where} was not added", rest
    text = f"the factor {_text(lost)} of {where} was not multiplied"
    if operator == "/":
        text = f"the division by {_text(lost)} in {where} was not made"
    return "factor-not-multiplied", text, rest


def _text(node: f.Node) -> str:
    text = formula_text(node)
    return text if len(text) <= 40 else text[:37] + "..."
