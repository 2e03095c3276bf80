"""A sheet as the text of a file: the other way round from `sheet.read`."""

import json
import re
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import Any

from gradsheet.claims.sheet import Sheet
from gradsheet.language import formula as f
from gradsheet.language.evaluate import show_index
from gradsheet.numbers.printed import MAX_DIGITS, MAX_EXPONENT, decimal_text
from manual import Layer
from manual.activations import split

_BARE = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)


def toml_number(text: str) -> str:
    """A number as it stands in a file: bare where TOML knows it as one, else in quotes."""
    return text if _BARE.fullmatch(text) else f'"{text}"'


def number_text(value: Fraction) -> str:
    """A number in full, as a sheet may give it: 7, -0.25, 1/3, 1e-200."""
    found = decimal_text(value)
    if len(found) <= MAX_DIGITS and "/" not in found:
        return found
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


def string(text: str) -> str:
    """Text in quotes, on one line."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def array(values: Any) -> str:
    """Numbers, or nested lists of them; what is text already stands as it is."""
    values = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(values, list | tuple):
        return f"[{', '.join(array(item) for item in values)}]"
    return values if isinstance(values, str) else toml_number(number_text(values))


SUM, TERM, SIGN, POWER, POSTFIX = range(1, 6)  # how tightly the parts of a formula hold together
LEVELS = {"+": SUM, "-": SUM, "*": TERM, "/": TERM, "@": TERM, "·": TERM}


def level(node: f.Node) -> int:
    """How tightly a formula holds together: what holds less tightly than its place asks for needs parentheses."""
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
            own = LEVELS[operator]
            space = " " * (operator in "+-@·")
            return f"{part(left, own)}{space}{operator}{space}{part(right, own + 1 if own == SUM else POWER)}"
        case f.Power(base, exponent):
            return f"{part(base, POSTFIX)}**{exponent}"
        case f.Call(function, arguments):
            return f"{function}({', '.join(map(formula_text, arguments))})"
        case f.Sum(letter, term):
            return f"{'mean' if isinstance(node, f.Mean) else 'sum'}({letter.name}, {formula_text(term)})"
        case f.List(items):
            return f"[{', '.join(map(formula_text, items))}]"
        case f.Subscript(base, indices):
            bare = isinstance(
                base, f.List | f.Call | f.Subscript
            )  # behind a name an index would be its own
            return (formula_text(base) if bare else f"({formula_text(base)})") + show_index(indices)
        case f.Transpose(operand):
            return f"{part(operand, POSTFIX)}.T"
    raise TypeError(f"no text for {type(node).__name__}")


def head(sheet: Sheet, title: str = "", note: str = "") -> str:
    """All of a sheet but its claims."""
    network, single = sheet.network, sheet.network.examples is None
    texts = [("title", title or sheet.title), ("note", note)]
    lines = [f"{key} = {string(text)}" for key, text in texts if text]
    if network.loss is not None:
        lines.append(f"loss = {string(network.loss)}")
    if network.reduction != "mean":
        lines.append(f"reduction = {string(network.reduction)}")
    for key, rows in (("x", sheet.x), ("y", sheet.y)):
        if rows is not None:
            lines.append(f"{key} = {array(rows[0] if single else rows)}")
    if sheet.rate is not None:
        lines.append(f"learning_rate = {toml_number(sheet.rate.text)}")
    if network.update == "weights":
        lines.append('update = "weights"')
    shapes = list(zip(network.widths[1:], network.widths, strict=False))
    for l, activation in enumerate(network.activations):
        lines += ["", "[[layer]]"]
        bias = network.biases[l]
        if sheet.params is None:
            lines.append(f"shape = [{shapes[l][0]}, {shapes[l][1]}]")
            lines += ["bias = true"] * (bias == "units")
        else:
            W, b = Layer(*sheet.params[l])
            lines.append(f"W = {array(W)}")
            lines += [] if b is None else [f"b = {array(b)}"]
        lines += ["shared_bias = true"] * (bias == "shared")
        name, slopes = split(activation)
        lines += [f"activation = {string(name)}"] * (name != "identity")
        lines += [f"slope = {toml_number(number_text(Fraction(slope)))}" for slope in slopes]
    if sheet.notation:
        names = (f"{name} = {string(formula_text(tree))}" for name, tree in sheet.notation.items())
        lines += ["", "[notation]", *names]
    return "\n".join(lines) + "\n"


def claim(
    quantity: str,
    value: str = "",
    working: Sequence[str] = (),
    *,
    question: str = "",
    expect: str = "",
    note: str = "",
) -> str:
    """One claim; its value is the text that stands behind `value =`."""
    texts = [("question", question), ("quantity", quantity)]
    lines = ["", "[[claim]]", *(f"{key} = {string(text)}" for key, text in texts if text)]
    if working:
        one_line = ", ".join(map(string, working))
        lines.append(
            f"working = [{one_line}]"
            if len(one_line) < 100
            else "\n".join(["working = [", *(f"    {string(line)}," for line in working), "]"])
        )
    lines += [f"value = {value}"] * bool(value)
    lines += [
        f"{key} = {string(text)}" for key, text in (("expect", expect), ("note", note)) if text
    ]
    return "\n".join(lines) + "\n"
