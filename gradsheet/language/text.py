"""Formulas as text: the other way round from `formula.parse`."""

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import Any

from gradsheet.language import formula as f
from gradsheet.numbers.printed import MAX_DIGITS, MAX_EXPONENT, decimal_text


def number_text(value: Fraction) -> str:
    """A number in full, as a sheet may give it: 7, -0.25, 1/3, 1e-200."""
    decimals = decimal_text(value)
    if len(decimals) <= MAX_DIGITS and "/" not in decimals:
        return decimals
    ratio = str(value)
    if "/" in ratio and max(len(part.lstrip("-")) for part in ratio.split("/")) <= MAX_DIGITS:
        return ratio
    exact = Context(prec=2 * MAX_EXPONENT, Emax=MAX_EMAX, Emin=MIN_EMIN)
    decimal = exact.divide(Decimal(value.numerator), Decimal(value.denominator)).normalize(exact)
    sign, digits, exponent = decimal.as_tuple()
    text = f"{'-' * sign}{''.join(map(str, digits))}e{exponent}"
    if Fraction(decimal) != value or len(digits) > MAX_DIGITS:
        raise ValueError(f"no text of at most {MAX_DIGITS} digits is {text[:20]}...")
    return text


SUM, TERM, SIGN, POWER, POSTFIX = range(1, 6)  # how tightly the parts of a formula hold together
LEVELS = {"+": SUM, "-": SUM, "*": TERM, "/": TERM, "@": TERM, "·": TERM}


def level(node: f.Node) -> int:
    """How tightly a formula holds together: what holds less tightly than its
    place asks for needs parentheses."""
    match node:
        case f.Binary(operator):
            return LEVELS[operator]
        case f.Negative():
            return SIGN
        case f.Number(printed):
            # A negative number stands in parentheses but at the very beginning.
            return SUM if printed.value < 0 else TERM if "/" in printed.text else POSTFIX
        case f.Power():
            return POWER
    return POSTFIX


def formula_text(node: f.Node) -> str:
    """A formula as a sheet writes it; read again, it is the same formula but for parentheses."""

    def part(inner: f.Node, least: int) -> str:
        text = formula_text(inner)
        return text if level(inner) >= least else f"({text})"

    match node:
        case f.Number(printed):
            return printed.text
        case f.Letter(name):
            return name
        case f.Quantity(name, indices):
            return name + show_index(indices)
        case f.Derivative(of, by):
            return f"d{formula_text(of)}/d{formula_text(by)}"
        case f.Negative(operand):
            return f"-{part(operand, POWER)}"
        case f.Binary(operator, left, right):
            mine = LEVELS[operator]
            sign = f" {operator} " if operator in "+-@·" else operator
            return part(left, mine) + sign + part(right, mine + 1 if mine == SUM else POWER)
        case f.Power(base, exponent):
            return f"{part(base, POSTFIX)}**{exponent}"
        case f.Call(function, arguments):
            return f"{function}({', '.join(map(formula_text, arguments))})"
        case f.Sum(letter, term):
            name = "mean" if isinstance(node, f.Mean) else "sum"
            return f"{name}({letter.name}, {formula_text(term)})"
        case f.List(items):
            return f"[{', '.join(map(formula_text, items))}]"
        case f.Subscript(base, indices):
            # Behind a name an index would be its own.
            bare = isinstance(base, f.List | f.Call | f.Subscript)
            return (formula_text(base) if bare else f"({formula_text(base)})") + show_index(indices)
        case f.Transpose(operand):
            return f"{part(operand, POSTFIX)}.T"
    raise TypeError(f"no text for {type(node).__name__}")


def show_index(indices: tuple[Any, ...]) -> str:
    """Indices as they stand behind a name: [1,j]."""
    names = (i.name if isinstance(i, f.Letter) else str(i) for i in indices)
    return f"[{','.join(names)}]" if indices else ""
