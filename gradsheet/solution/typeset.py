"""A formula as mathematics: one walk over the tree, and what each kind of part looks like in LaTeX and in MathML.

Layers stand above a symbol and indices below it, as in W^(3)_12. In parentheses where numbers are about, so that nobody
takes a layer for a power. dL/dz_l is written delta unless the sheet's own notation has a delta. An index that can only
be 1, as that of a single output, is not written.
"""

import html
import re
from abc import ABC, abstractmethod
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from gradsheet.claims.sheet import Sheet
from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.language.functions import DERIVATIVES
from gradsheet.language.text import LEVELS, POSTFIX, POWER, TERM, level
from gradsheet.solution.notation import Notation

BARE = ("x", "y", "yhat", "L", "learning_rate")  # what has no layer above it
NETWORK = ("x", "y", "z", "h", "W", "b", "L")  # the letters of the network
MAX_SHOWN = 10  # rows or columns of a matrix; of a larger one the first and the last
FIRST = 5

_LETTERS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho final-sigma sigma tau "
    "upsilon phi chi psi omega"
)
GREEK = {name: chr(code) for code, name in enumerate(_LETTERS.split(), ord("α"))}
_FUNCTIONS = {"log": "ln"} | {
    prime: f"{name}′"
    for name, prime in DERIVATIVES.items()
    if prime == f"d{name}" and name not in f.TAKES_TWO
}

# Between a sum and a product: what may stand behind + and -, and a sum over an index, which may and is no factor.
BEHIND_SIGN, OVER_INDEX = 1.5, 1.7

T = TypeVar("T")


class Typesetter(ABC, Generic[T]):
    """Sets formulas of one sheet. The abstract methods are the parts that a formula is put together from."""

    divides_on_one_line = False

    def __init__(self, sheet: Sheet):
        self.sheet, self.network = sheet, sheet.network
        self.numeric = sheet.params is not None
        self.deltas = not any(name.startswith("delta") for name in sheet.notation)
        self._names: dict[f.Node, list[f.Node]] = {}  # all for the same, first the most used
        for name in Notation(sheet).order:
            for tree, own in self._meanings(name):
                self._names.setdefault(tree, []).append(own)
        self._first = {tree: names[0] for tree, names in self._names.items()}

    # The parts

    @abstractmethod
    def symbol(self, base: str, below: str = "", above: str = "") -> T: ...

    @abstractmethod
    def number(self, text: str) -> T: ...

    @abstractmethod
    def row(self, *parts: T) -> T: ...

    @abstractmethod
    def sign(self, text: str, *, unary: bool = False) -> T: ...

    @abstractmethod
    def fraction(self, above: T, below: T) -> T: ...

    @abstractmethod
    def raised(self, base: T, exponent: str) -> T: ...

    @abstractmethod
    def fenced(self, inner: T) -> T: ...

    @abstractmethod
    def matrix(self, rows: Sequence[Sequence[T]]) -> T: ...

    @abstractmethod
    def total(self, letter: str, term: T) -> T: ...

    @abstractmethod
    def function(self, name: str, inner: T) -> T: ...

    # The walk

    def formula(self, tree: f.Node, names: Sequence[str] = ()) -> T:
        """A formula in the sheet's notation, where several names stand for the same in the first of `names`."""
        return self._set(f.replaced(tree, self._notation(names)))

    def defined(self, tree: f.Node, names: Sequence[str] = ()) -> list[T]:
        """A quantity as a step begins with it: of one that has a short name, the name and what it stands for."""
        short = f.replaced(tree, self._notation(names))
        # Other names for the same are introduced as well.
        found = [
            self._set(short),
            *(self._set(other) for other in self._names.get(tree, ()) if other != short),
        ]
        if self._is_delta(short) or short != tree:
            deltas, self.deltas = self.deltas, False
            found.append(self._set(tree))
            self.deltas = deltas
        return found

    def _notation(self, names: Sequence[str]) -> Mapping[f.Node, f.Node]:
        """The sheet's own names for what they stand for, first of all some."""
        preferred = {tree: own for name in reversed(names) for tree, own in self._meanings(name)}
        return ChainMap(preferred, self._first)

    def _meanings(self, name: str) -> Iterator[tuple[f.Node, f.Node]]:
        """What a name of the sheet's notation stands for, with what is written for it."""
        tree = self.sheet.notation[name]
        if not isinstance(tree, f.Quantity | f.Derivative):
            return  # a name for a number or a formula says less than these do
        yield tree, f.Quantity(name)
        match tree:
            case f.Derivative(of, f.Quantity(by, (1,))) if self._single(by):
                yield f.Derivative(of, f.Quantity(by)), f.Quantity(name)
            case f.Quantity(base, indices) if (
                base + NEW in self.network.names and name + NEW not in self.sheet.notation
            ):
                yield f.Quantity(base + NEW, indices), f.Quantity(name + NEW)

    def _single(self, name: str) -> bool:
        """Whether a node has a single entry, whose index goes without saying."""
        return self.network.shapes.get(self.network.canonical(name)) == (1,)

    def _is_delta(self, node: f.Node) -> bool:
        match node:
            case f.Derivative(f.Quantity("L", ()), f.Quantity(by)):
                return self.deltas and by[0] == "z" and by in self.network.shapes
        return False

    def _part(self, node: f.Node, least: float) -> T:
        """A part of a formula, in parentheses where it holds together less tightly than its place asks for."""
        node, found = _alone(node), self._set(node)
        own: float = level(node)
        match node:
            case f.Number(printed) if "e" in printed.text.lower() and printed.value > 0:
                own = TERM  # a power of ten stands behind it
            case f.Binary("/") if not self.divides_on_one_line:
                own = POSTFIX
            case f.Number(printed) if printed.value > 0 and not self.divides_on_one_line:
                own = POSTFIX
            case f.Call("outer"):
                own = TERM  # it is set as a product
            case f.Sum():
                own = OVER_INDEX
        return found if own >= least else self.fenced(found)

    def _set(self, node: Any) -> T:
        match _alone(node):
            case f.Number(printed):
                return self._number(printed.text)
            case f.Letter(name):
                return self.symbol(name)
            case f.Quantity(name, indices):
                return self._quantity(name, indices)
            case f.Derivative(of, by):
                return self._derivative(of, by)
            case f.Negative(operand):
                inner = (
                    self._set(operand) if isinstance(operand, f.Sum) else self._part(operand, POWER)
                )
                return self.row(self.sign("−", unary=True), inner)
            case f.Binary("/", left, right):
                if self.divides_on_one_line:
                    below = (
                        self.fenced(self._set(right))
                        if self._divides(right)
                        else self._part(right, POWER)
                    )
                    return self.fraction(self._part(left, TERM), below)
                return self.fraction(self._set(left), self._set(right))
            case f.Binary("@", left, right):
                if _is_vector(left):
                    first = self._row_vector(left)
                elif self.rank(left) == 1:  # a row, which a transposed vector is already
                    first = self._set(left if isinstance(left, f.Transpose) else f.Transpose(left))
                else:
                    first = self._factor(left, TERM, "@")
                return self.row(first, self.sign(_between(right)), self._factor(right, POWER, "@"))
            case f.Binary(operator, left, right):
                own = LEVELS[operator]
                sign = {"-": "−", "*": self._times(left, right)}.get(operator, operator)
                if operator in "+-":
                    second = (
                        self.fenced(self._set(right))
                        if _begins_with_minus(right)
                        else self._part(right, BEHIND_SIGN)
                    )
                    return self.row(self._part(left, own), self.sign(sign), second)
                kind = "⊙" if sign == "⊙" else "*"
                return self.row(
                    self._factor(left, own, kind), self.sign(sign), self._factor(right, POWER, kind)
                )
            case f.Power(base, exponent):
                own_layer = isinstance(base, f.Quantity) and base.name not in BARE
                return self.raised(self._base(base, fenced=own_layer), str(exponent))
            case f.Call("outer", (left, right)):
                second = (
                    self._row_vector(right) if _is_vector(right) else self._set(f.Transpose(right))
                )
                return self.row(self._part(left, POWER), self.sign(_between(right)), second)
            case f.Call(name, arguments):
                return self.function(_FUNCTIONS.get(name, name), self._listed(arguments))
            case f.Mean(letter, term):
                return self.function("mean", self._listed((letter, term)))
            case f.Sum(letter, term):
                return self.total(letter.name, self._part(term, TERM))
            case f.List(items):
                rows = [item.items if isinstance(item, f.List) else (item,) for item in items]
                return self.matrix(
                    self._elided([[self._set(entry) for entry in row] for row in rows])
                )
            case f.Subscript(base, indices):
                places = ",".join(i.name if isinstance(i, f.Letter) else str(i) for i in indices)
                return self.subscripted(
                    self._base(base, fenced=isinstance(base, f.Quantity)), places
                )
            case f.Transpose(operand) if isinstance(_alone(operand), f.Number):
                return self._part(operand, POWER)
            case f.Transpose(operand):
                return self.raised(self._base(operand), "⊤")
        raise TypeError(f"no mathematics for {type(node).__name__}")

    def _listed(self, items: Sequence[f.Node]) -> T:
        """Formulas with commas between them."""
        found = self._set(items[0])
        for item in items[1:]:
            found = self.row(found, self.sign(","), self._set(item))
        return found

    def subscripted(self, base: T, below: str) -> T:
        return self.row(base, self.symbol("", below))

    def _number(self, text: str) -> T:
        sign = [self.sign("−", unary=True)] if text.startswith("-") else []
        bare = text.lstrip("+-")
        if "/" in bare:
            above, below = (self.number(part) for part in bare.split("/"))
            found = self.fraction(above, below)
        elif "e" in bare.lower():
            digits, exponent = bare.lower().split("e")
            power = self.raised(
                self.number("10"), exponent.lstrip("+").replace("-", "−").lstrip("0")
            )
            found = self.row(self.number(digits), self.sign("·"), power)
        else:
            found = self.number(bare)
        return self.row(*sign, found) if sign else found

    def _elided(self, rows: list[list[T]]) -> list[list[T]]:
        """A matrix with what is too much of it left out."""

        def cut(items: list[Any], dots: Any) -> list[Any]:
            return items if len(items) <= MAX_SHOWN else [*items[:FIRST], dots, items[-1]]

        wide = [cut(row, self.symbol("⋯")) for row in rows]
        return cut(wide, [self.symbol("⋮") for _ in wide[0]])

    def _row_vector(self, node: f.Node) -> T:
        assert isinstance(node, f.List)
        return self.matrix(self._elided([[self._set(item) for item in node.items]]))

    def _factor(self, node: f.Node, least: float, kind: str) -> T:
        """A factor, in parentheses where it is itself a product of the other kind, of matrices or entry by entry."""
        own = "@" if isinstance(node, f.Call) and node.function == "outer" else ""
        if isinstance(node, f.Binary):
            own = (
                "⊙"
                if node.operator == "*" and self._times(node.left, node.right) == "⊙"
                else node.operator
            )
        return (
            self.fenced(self._set(node)) if {own, kind} == {"⊙", "@"} else self._part(node, least)
        )

    def _divides(self, node: f.Node) -> bool:
        """Whether there is a slash in what is set for a derivative."""
        return isinstance(node, f.Derivative) and not self._is_delta(node)

    def _base(self, base: f.Node, *, fenced: bool = False) -> T:
        """What an exponent, a ⊤ or an index stands behind, in parentheses where it has several parts."""
        match _alone(base):
            case f.Number(printed):
                fenced = printed.value < 0 or bool(set("/e") & set(printed.text.lower()))
            case f.Derivative() as derivative:
                fenced = self._divides(derivative)
            case f.Binary() | f.Transpose() | f.Power() | f.Negative() | f.Sum() | f.Call("outer"):
                fenced = True
        return self.fenced(self._set(base)) if fenced else self._set(base)

    def _times(self, left: f.Node, right: f.Node) -> str:
        left, right = _alone(left), _alone(right)
        if self.rank(left) and self.rank(right):
            return "⊙"
        if self.divides_on_one_line and (self._divides(left) or _has_slash(left)):
            return "·"  # what follows is not to be taken for a part of what is below
        return (
            "·" if isinstance(right, f.Number | f.Negative) or _begins_with_number(right) else " "
        )

    def space(self, axes: Sequence[int]) -> T:
        """The space of arrays with these axes."""
        return self.raised(self.symbol("ℝ"), "×".join(map(str, axes)))

    def rank(self, node: Any) -> int:
        """How many axes a formula's value has, as far as its form tells."""
        match node:
            case f.Quantity(name, indices):
                if name in self.sheet.notation:
                    return self.rank(self.sheet.notation[name])
                return max(
                    0, len(self.network.shapes.get(self.network.canonical(name), ())) - len(indices)
                )
            case f.Derivative(of, by):
                return (0 if of.name == "L" else self.rank(of)) + self.rank(by)
            case f.Binary("@", left, right):
                return max(0, self.rank(left) + self.rank(right) - 2)
            case f.Binary(_, left, right):
                return max(self.rank(left), self.rank(right))
            case f.Negative(inner) | f.Transpose(inner) | f.Sum(_, inner) | f.Power(inner):
                return self.rank(inner)
            case f.Call("outer" | "diag"):
                return 2
            case f.Call("sum" | "mean" | "kronecker"):
                return 0
            case f.Call(_, (argument, *_)):
                return self.rank(argument)
            case f.List(items):
                if _alone(node) is not node:
                    return 0
                return 1 + (
                    1 + self.rank(items[0].items[0])
                    if isinstance(items[0], f.List)
                    else self.rank(items[0])
                )
            case f.Subscript(base, indices):
                return max(0, self.rank(base) - len(indices))
        return 0

    def _quantity(self, name: str, indices: Sequence[f.Index], base: str = "") -> T:
        """A node or parameter, or with a `base` what is written for one."""
        new = name.endswith(NEW)
        if self._single(name) and tuple(indices) == (1,):
            indices = ()
        plain = name.removesuffix(NEW)
        below = [i.name if isinstance(i, f.Letter) else str(i) for i in indices]
        joined = ("" if all(len(i) == 1 for i in below) else ",").join(below)
        if name not in self.network.names and plain not in self.network.names:
            letter, digits = _own_name(plain)
            own = digits + ("," * bool(digits and joined)) + joined
            # A name that would look like one of the network's is written as it is.
            return self.symbol(name) if letter in NETWORK else self.symbol(letter, own, "+" * new)
        if plain in BARE:
            rate = "rate" if "eta" in self.sheet.notation else "η"
            letter = {"yhat": "ŷ", "learning_rate": rate}.get(plain, plain)
            return self.symbol(base or letter, joined, "+" * new)
        layer = f"({plain[1:]})" if self.numeric else plain[1:]
        return self.symbol(base or plain[0], joined, layer + "+" * new)

    def _derivative(self, of: f.Quantity, by: f.Quantity) -> T:
        if self._is_delta(f.Derivative(of, by)):
            return self._quantity(by.name, by.indices, "δ")
        above, below = (self.row(self.symbol("∂"), self._set(end)) for end in (of, by))
        return self.fraction(above, below)


def _alone(node: Any) -> Any:
    """What stands in a list of one, or of a list of one: the brackets go without saying."""
    while isinstance(node, f.List) and len(node.items) == 1 and not _is_row(node):
        node = node.items[0]
    return node


def _between(right: f.Node) -> str:
    """What stands between the factors of a product of matrices: something where the second is a number."""
    return "·" if isinstance(_alone(right), f.Number) else " "


def _is_row(node: f.List) -> bool:
    return isinstance(node.items[0], f.List) and len(node.items[0].items) > 1


def _is_vector(node: f.Node) -> bool:
    return (
        isinstance(node, f.List) and len(node.items) > 1 and not isinstance(node.items[0], f.List)
    )


def _first_factor(node: f.Node) -> f.Node:
    while isinstance(node, f.Binary) and node.operator not in "+-":
        node = node.left
    return node


def _begins_with_minus(node: f.Node) -> bool:
    return isinstance(_first_factor(node), f.Negative)


def _has_slash(node: f.Node) -> bool:
    return (isinstance(node, f.Binary) and node.operator == "/") or (
        isinstance(node, f.Number) and "/" in node.printed.text
    )


def _begins_with_number(node: f.Node) -> bool:
    first = _first_factor(node)
    return isinstance(_alone(first.base if isinstance(first, f.Power) else first), f.Number)


def _own_name(name: str) -> tuple[str, str]:
    """A name of the sheet's notation as a symbol and its index: w5, delta, net_h1."""
    found = re.fullmatch(r"([A-Za-z]+)_?([A-Za-z0-9]*(?:_[A-Za-z0-9]+)*)", name)
    if found is None:
        return name, ""
    base = GREEK.get(found[1], found[1])
    return base, found[2].strip("_").replace("_", ",")


_LATEX = {
    "ŷ": r"\hat y",
    "−": "-",
    "·": r"\cdot ",
    "⊙": r"\odot ",
    " ": r"\, ",
    "⋯": r"\cdots",
    "⋮": r"\vdots",
}
_LATEX |= {"ℝ": r"\mathbb{R}", "∂": r"\partial ", "⊤": r"\top"}
_LATEX |= {
    character: f"\\{name}"
    for name, character in GREEK.items()
    if name not in ("omicron", "final-sigma")
}


class Latex(Typesetter[str]):
    """LaTeX as amsmath, MathJax and KaTeX read it."""

    def symbol(self, base: str, below: str = "", above: str = "") -> str:
        written = base.replace("_", r"\_")
        letter = _LATEX.get(base, written if len(base) == 1 else rf"\mathit{{{written}}}")
        return letter + (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")

    def number(self, text: str) -> str:
        return text

    def row(self, *parts: str) -> str:
        return "".join(parts)

    def sign(self, text: str, *, unary: bool = False) -> str:
        return _LATEX.get(text, text)

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def raised(self, base: str, exponent: str) -> str:
        written = _LATEX.get(exponent, exponent.replace("−", "-").replace("×", r" \times "))
        return f"{{{base}}}^{{{written}}}"

    def fenced(self, inner: str) -> str:
        return rf"\left({inner}\right)"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        lines = [" & ".join(row) for row in rows]
        gap = r" \\[6pt] " if any(r"\frac" in line for line in lines) else r" \\ "
        return r"\begin{bmatrix} " + gap.join(lines) + r" \end{bmatrix}"

    def total(self, letter: str, term: str) -> str:
        return rf"\sum_{{{letter}}} {term}"

    def function(self, name: str, inner: str) -> str:
        prime = "'" * name.endswith("′")
        return rf"\mathrm{{{name.rstrip('′')}}}{prime}\left({inner}\right)"


class MathML(Typesetter[str]):
    """Presentation MathML, of the elements that browsers have in common."""

    def symbol(self, base: str, below: str = "", above: str = "") -> str:
        letter = f"<mi>{html.escape(base)}</mi>" if base else "<mrow></mrow>"
        if base == "ŷ":
            letter = "<mover><mi>y</mi><mo>^</mo></mover>"
        lower, upper = (f"<mrow>{self._script(text)}</mrow>" for text in (below, above))
        if below and above:
            return f"<msubsup>{letter}{lower}{upper}</msubsup>"
        return (
            f"<msub>{letter}{lower}</msub>"
            if below
            else f"<msup>{letter}{upper}</msup>"
            if above
            else letter
        )

    @staticmethod
    def _script(text: str) -> str:
        found = []
        for part in re.findall(r"\d+|.", text):
            tag = "mn" if part.isdecimal() else "mi" if part.isalpha() else "mo"
            fixed = ' stretchy="false"' * (part in "()")
            found.append(f"<{tag}{fixed}>{html.escape(part)}</{tag}>")
        return "".join(found)

    def number(self, text: str) -> str:
        return f"<mn>{html.escape(text)}</mn>"

    def row(self, *parts: str) -> str:
        return f"<mrow>{''.join(parts)}</mrow>"

    def sign(self, text: str, *, unary: bool = False) -> str:
        form = ' form="prefix"' * unary
        return '<mspace width="0.17em"/>' if text == " " else f"<mo{form}>{html.escape(text)}</mo>"

    def fraction(self, above: str, below: str) -> str:
        return f"<mfrac><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>"

    def raised(self, base: str, exponent: str) -> str:
        tag = "mn" if exponent.strip("−").isdecimal() else "mo"
        return f"<msup><mrow>{base}</mrow><{tag}>{exponent}</{tag}></msup>"

    def fenced(self, inner: str) -> str:
        return f"<mrow><mo>(</mo>{inner}<mo>)</mo></mrow>"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        cells = "".join(
            f"<mtr>{''.join(f'<mtd>{cell}</mtd>' for cell in row)}</mtr>" for row in rows
        )
        return f"<mrow><mo>[</mo><mtable>{cells}</mtable><mo>]</mo></mrow>"

    def total(self, letter: str, term: str) -> str:
        return f"<mrow><munder><mo>∑</mo><mi>{html.escape(letter)}</mi></munder>{term}</mrow>"

    def function(self, name: str, inner: str) -> str:
        return f"<mrow><mi>{name}</mi>{self.fenced(inner)}</mrow>"
