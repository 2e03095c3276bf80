"""Formulas as text: the other way round from `formula.parse`."""

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction

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
        case f.Chain(operators):
            return LEVELS[operators[0]]
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
        case f.Negative(operand):
            return f"-{part(operand, POWER)}"
        case f.Chain(operators, (first, *others) as operands):
            mine = level(node)
            text = part(first, mine)
            for operator, before, operand in zip(operators, operands, others, strict=False):
                after = part(operand, mine + 1 if mine == SUM else POWER)
                if operator == "/" and after[0] == "d" and _ends_with_d(before):
                    after = f"({after})"  # a quotient, which would be read as a derivative
                text += (f" {operator} " if operator in "+-@·" else operator) + after
            return text
        case f.Power(base, exponent):
            raised = exponent if isinstance(exponent, int) else f"({exponent})"
            return f"{part(base, POSTFIX)}**{raised}"
        case f.Subscript(base, indices):
            # Behind a name an index would be its own.
            bare = isinstance(base, f.List | f.Call | f.Subscript)
            return (formula_text(base) if bare else f"({formula_text(base)})") + show_index(indices)
        case f.Transpose(f.Number(printed)):  # 2.T would begin with the number 2.
            return f"({printed.text}).T"
        case f.Transpose(operand):
            return f"{part(operand, POSTFIX)}.T"
    return _without_operator(node)


def _without_operator(node: f.Node) -> str:
    """The text of what is a name, or is made of whole formulas between brackets."""
    match node:
        case f.Number(printed):
            return printed.text
        case f.Letter(name):
            return name
        case f.Quantity(name, indices):
            return name + show_index(indices)
        case f.Derivative(of, by):
            return f"d{formula_text(of)}/d{formula_text(by)}"
        case f.DerivativeOf(term, by):
            return f"d({formula_text(term)})/d{formula_text(by)}"
        case f.Call("max" | "min" as function, (f.Letter(name), other)):
            return f"{function}(({name}), {formula_text(other)})"  # of two, not over a letter
        case f.Call(function, arguments):
            return f"{function}({', '.join(map(formula_text, arguments))})"
        case f.Compare(operator, left, right):
            return f"{formula_text(left)} {operator} {formula_text(right)}"
        case f.Sum(letter, term, bounds):
            over = letter.name if bounds is None else f"{letter.name}={bounds[0]}..{bounds[1]}"
            return f"{_OVER[type(node)]}({over}, {formula_text(term)})"
        case f.List(items):
            return f"[{', '.join(map(formula_text, items))}]"
    raise TypeError(f"no text for {type(node).__name__}")


_OVER: dict[type[f.Node], str] = {
    f.Sum: "sum",
    f.Mean: "mean",
    f.Largest: "max",
    f.Smallest: "min",
}


def _ends_with_d(node: f.Node) -> bool:
    """Whether the last factor of a product is a quantity with a name that begins with d."""
    while isinstance(node, f.Chain | f.Negative):
        node = node.below[-1]
    return isinstance(node, f.Quantity) and node.name[0] == "d"


def show_index(indices: tuple[f.Index | str, ...]) -> str:
    """Indices as they stand behind a name: [1,j], [i+a-1,2*j]."""
    return f"[{','.join(map(index_text, indices))}]" if indices else ""


def index_text(index: f.Index | str) -> str:
    """An index as it stands between brackets: 1, j, 2*i+a-2, w[t]."""
    return formula_text(index).replace(" ", "") if isinstance(index, f.Node) else str(index)
