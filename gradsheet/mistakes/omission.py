"""What is left out between a line of working and its number: a factor, a term,
a power or a sign of the line itself."""

from collections.abc import Iterator
from typing import Any

from gradsheet.language import formula as f
from gradsheet.language.text import formula_text
from gradsheet.numbers.slips import Slip

MAX_PARTS = 200  # of a line that is looked through


def omissions(line: f.Node) -> Iterator[tuple[Slip, f.Node]]:
    """Every formula that is the line with one thing left out, and what that is."""
    parts = list(f.walk(line))
    if len(parts) > MAX_PARTS:
        return
    for part in dict.fromkeys(parts):
        for code, words, other in _left_out(part):
            yield Slip(code, words), f.replaced(line, {part: other})


def has_names(line: f.Node) -> bool:
    """Whether a line is of quantities, not of numbers alone: what it leaves out
    is then a step of the pass as well."""
    return any(isinstance(part, f.Quantity) for part in f.walk(line))


def _left_out(node: f.Node) -> Iterator[tuple[str, str, f.Node]]:
    match node:
        case f.Binary("*" | "@" | "·" as operator, left, right):
            yield _factor(right, left)
            if not _is(left, operator, "/"):
                yield _factor(left, right)
        case f.Binary("/", left, right):
            yield (
                "factor-not-multiplied",
                f"the division by {_text(right)} in its own line was not made",
                left,
            )
        case f.Binary("+" | "-" as operator, left, right):
            yield _term(right, left)
            if not _is(left, "+", "-"):
                yield _term(left, right if operator == "+" else f.Negative(right))
            if operator == "-":
                lost = f"the minus sign before {_text(right)} in its own line was lost"
                yield "sign-not-taken", lost, f.Binary("+", left, right)
        case f.Negative(operand):
            yield (
                "sign-not-taken",
                f"the minus sign before {_text(operand)} in its own line was lost",
                operand,
            )
        case f.Power(base, exponent):
            yield (
                "power-not-taken",
                f"the power {exponent} of {_text(base)} in its own line was not taken",
                base,
            )


def _is(node: f.Node, *operators: str) -> bool:
    return isinstance(node, f.Binary) and node.operator in operators


def _factor(left_out: f.Node, rest: f.Node) -> tuple[str, str, f.Node]:
    return (
        "factor-not-multiplied",
        f"the factor {_text(left_out)} of its own line was not multiplied",
        rest,
    )


def _term(left_out: f.Node, rest: f.Node) -> tuple[str, str, f.Node]:
    return "term-not-added", f"the term {_text(left_out)} of its own line was not added", rest


def _text(node: Any) -> str:
    text = formula_text(node)
    return text if len(text) <= 40 else text[:37] + "..."
