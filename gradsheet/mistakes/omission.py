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
        for node in parts_of(line):
            for code, words, other in left_out(node, where):
                yield Slip(code, words), f.replaced(line, {node: other})


def parts_of(line: f.Node) -> list[f.Node]:
    """All parts of a formula, each once, but for those of indices."""
    parts, waiting = dict[f.Node, None](), [line]
    while waiting:
        if (node := waiting.pop()) in parts:
            continue
        parts[node] = None
        match node:
            case f.Quantity() | f.Call("kronecker"):
                continue
            case f.Subscript(base):
                waiting.append(base)
            case _:
                waiting += node.below
    return [*parts]


def has_names(line: f.Node) -> bool:
    """Whether a line is of quantities, not of numbers alone: what it leaves out
    is then a step of the pass as well."""
    return any(isinstance(node, f.Quantity) for node in f.walk(line))


def left_out(node: f.Node, where: str) -> Iterator[tuple[str, str, f.Node]]:
    """Everything that can be left out at the top of a formula."""

    def minus(lost: f.Node, rest: f.Node) -> tuple[str, str, f.Node]:
        text = f"the minus sign before {short_text(lost)} in {where} was lost"
        return "sign-not-taken", text, rest

    match node:
        case f.Chain(operators, (first, second, *others) as operands):
            for k in reversed(range(len(operators))):
                operand = operands[k + 1]
                yield _operand(operators[k], operand, node.without(k + 1), where)
                if operators[k] == "-":
                    plus = f"{operators[:k]}+{operators[k + 1 :]}"
                    yield minus(operand, f.Chain(plus, operands))
            if operators[0] != "/":
                head = f.Negative(second) if operators[0] == "-" else second
                rest = f.chain(operators[1:], (head, *others))
                yield _operand(operators[0], first, rest, where)
        case f.Negative(operand):
            yield minus(operand, operand)
        case f.Power(base, exponent):
            text = f"the power {exponent} of {short_text(base)} in {where} was not taken"
            yield "power-not-taken", text, base


def _operand(operator: str, lost: f.Node, rest: f.Node, where: str) -> tuple[str, str, f.Node]:
    """What is left where an operand is, and its operator with it."""
    if operator in "+-":
        return "term-not-added", f"the term {short_text(lost)} of {where} was not added", rest
    text = f"the factor {short_text(lost)} of {where} was not multiplied"
    if operator == "/":
        text = f"the division by {short_text(lost)} in {where} was not made"
    return "factor-not-multiplied", text, rest


def short_text(node: f.Node) -> str:
    """A formula as it stands in a sentence."""
    text = formula_text(node)
    return text if len(text) <= 40 else text[:37] + "..."
