"""A formula as mathematics: one walk over the tree, whatever its parts are
written in.

Layers stand above a symbol and indices below it, as in W^(3)_12; the layers in
parentheses where numbers are about, so that nobody takes them for powers.
dL/dz_l is written delta unless the sheet's own notation has a delta. An index
that can only be 1, as that of a single output, is not written.

What the parts look like is in `tex`, `mathml` and `boxes`.
"""

import re
from abc import ABC, abstractmethod
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, Generic, TypeVar

from gradsheet.claims.sheet import Sheet
from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.language.functions import DERIVATIVES
from gradsheet.language.text import LEVELS, POSTFIX, POWER, TERM, index_text, level
from gradsheet.solution.notation import Notation

BARE = ("x", "y", "yhat", "L", "learning_rate")  # what has no layer above it
NETWORK = ("x", "y", "z", "h", "W", "b", "L")  # the letters of the network
MAX_SHOWN = 10  # rows or columns of a matrix; of a larger one the first and the last
FIRST = 5

_LETTERS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho "
    "final-sigma sigma tau upsilon phi chi psi omega"
)
GREEK = {name: chr(code) for code, name in enumerate(_LETTERS.split(), ord("α"))}
_FUNCTIONS = {"log": "ln"} | {
    prime: f"{name}′"
    for name, prime in DERIVATIVES.items()
    if prime == f"d{name}" and name not in f.TAKES_TWO
}

# Between a sum and a product: what may stand behind + and -, and a sum over an index, which may
# and is no factor.
BEHIND_SIGN, OVER_INDEX = 1.5, 1.7

T = TypeVar("T")


class Typesetter(ABC, Generic[T]):
    """Sets the formulas of one sheet.

        Latex(sheet).formula(tree)  # dL/dW1[1,2], in LaTeX

    The abstract methods set the parts that a formula is put together from.
    """

    divides_on_one_line = False

    def __init__(self, sheet: Sheet):
        self.sheet, self.network = sheet, sheet.network
        self.numeric = sheet.params is not None
        self.deltas = not any(name.startswith("delta") for name in sheet.notation)
        self._names: dict[f.Node, list[f.Node]] = {}  # all for the same, first the most used
        for name in Notation(sheet).order:
            for tree, symbol in self._meanings(name):
                self._names.setdefault(tree, []).append(symbol)
        self._first = {tree: names[0] for tree, names in self._names.items()}

    # The parts

    @abstractmethod
    def _symbol(self, base: str, below: str = "", above: str = "") -> T: ...

    @abstractmethod
    def _number(self, text: str) -> T: ...

    @abstractmethod
    def _row(self, *parts: T) -> T: ...

    @abstractmethod
    def _sign(self, text: str, *, unary: bool = False) -> T:
        """An operator, or a blank between factors; `unary` stands in front."""

    @abstractmethod
    def _fraction(self, above: T, below: T) -> T: ...

    @abstractmethod
    def _raised(self, base: T, exponent: str) -> T:
        """A power, or ⊤ or the axes of a space in its place."""

    @abstractmethod
    def _fenced(self, inner: T) -> T: ...

    @abstractmethod
    def _matrix(self, rows: Sequence[Sequence[T]]) -> T:
        """A matrix, or a vector as one of single entries."""

    @abstractmethod
    def _total(self, letter: str, term: T) -> T: ...

    def _function(self, name: str, inner: T) -> T:
        """A function of what stands in its parentheses."""
        return self._row(self._symbol(name), self._fenced(inner))

    # The walk

    def formula(self, tree: f.Node, names: Sequence[str] = ()) -> T:
        """Set a formula in the sheet's notation.

        Where several names stand for the same, the first of `names` is taken.
        """
        return self._set(f.replaced(tree, self._notation(names)))

    def defined(self, tree: f.Node, names: Sequence[str] = ()) -> list[T]:
        """Set a quantity as a step begins with it: all its names, then what they stand for."""
        short = f.replaced(tree, self._notation(names))
        # Other names for the same are introduced as well.
        others = (other for other in self._names.get(tree, ()) if other != short)
        equal = [self._set(short), *map(self._set, others)]
        if self._is_delta(short) or short != tree:
            deltas, self.deltas = self.deltas, False
            equal.append(self._set(tree))
            self.deltas = deltas
        return equal

    def _notation(self, names: Sequence[str]) -> Mapping[f.Node, f.Node]:
        """The sheet's own names, by what they stand for, `names` before all others."""
        preferred: dict[f.Node, f.Node] = {}
        for name in reversed(names):
            preferred.update(self._meanings(name))
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
        """A part of a formula, in parentheses where it holds together less tightly than `least`."""
        node, written = _alone(node), self._set(node)
        tightness: float = level(node)
        match node:
            case f.Number(printed) if "e" in printed.text.lower() and printed.value > 0:
                tightness = TERM  # a power of ten stands behind it
            case f.Chain(last=(_, "/", _)) if not self.divides_on_one_line:
                tightness = POSTFIX
            case f.Number(printed) if printed.value > 0 and not self.divides_on_one_line:
                tightness = POSTFIX
            case f.Call("outer"):
                tightness = TERM  # it is set as a product
            case f.Sum():
                tightness = OVER_INDEX
        return written if tightness >= least else self._fenced(written)

    def _set(self, node: Any) -> T:
        match _alone(node):
            case f.Number(printed):
                return self._printed(printed.text)
            case f.Letter(name):
                return self._symbol(name)
            case f.Quantity(name, indices):
                return self._quantity(name, indices)
            case f.Derivative(_, by) as derivative if self._is_delta(derivative):
                return self._quantity(by.name, by.indices, "δ")
            case f.Derivative(of, by) | f.DerivativeOf(of, by):
                d, above = self._symbol("∂"), self._set(of)
                above = above if isinstance(of, f.Quantity) else self._fenced(above)
                return self._fraction(self._row(d, above), self._row(d, self._set(by)))
            case f.Negative(operand):
                least = OVER_INDEX if isinstance(operand, f.Sum) else POWER
                return self._row(self._sign("−", unary=True), self._part(operand, least))
            case f.Chain(last=operation):
                return self._operation(*operation)
            case f.Power(base, exponent):
                has_layer = isinstance(base, f.Quantity) and base.name not in BARE
                return self._raised(self._base(base, fenced=has_layer), str(exponent))
            case f.Call(name, arguments):
                word, inner = _FUNCTIONS.get(name, name), self._listed(arguments)
                return self._outer(*arguments) if name == "outer" else self._function(word, inner)
            case f.Compare(operator, left, right):
                return self._row(self._set(left), self._sign(operator), self._set(right))
            case f.Sum():
                return self._over_letter(_alone(node))
            case f.List(items):
                rows = [item.items if isinstance(item, f.List) else (item,) for item in items]
                return self._elided(rows)
            case f.Subscript(base, indices):
                places = ",".join(index_text(i) for i in indices)
                written = self._base(base, fenced=isinstance(base, f.Quantity))
                return self._row(written, self._symbol("", places))
            case f.Transpose(operand):
                is_number, written = isinstance(_alone(operand), f.Number), self._base(operand)
                return self._part(operand, POWER) if is_number else self._raised(written, "⊤")
        raise TypeError(f"no mathematics for {type(node).__name__}")

    def _over_letter(self, node: f.Sum) -> T:
        """A sum, or the mean or the largest of what it adds up."""
        letter, bounds = node.letter.name, node.bounds
        if type(node) in _OVER:
            return self._function(_OVER[type(node)], self._listed((node.letter, node.term)))
        over = letter if bounds is None else f"{letter}={bounds[0]}..{bounds[1]}"
        return self._total(over, self._part(node.term, TERM))

    def _operation(self, left: f.Node, operator: str, right: f.Node) -> T:
        if operator == "/":
            return self._quotient(left, right)
        if operator == "@":
            return self._matrix_product(left, right)
        tightness = LEVELS[operator]
        if operator in "+-":
            first, second = self._part(left, tightness), self._part(right, BEHIND_SIGN)
            if isinstance(_first_factor(right), f.Negative):
                second = self._fenced(self._set(right))
            return self._row(first, self._sign("−" if operator == "-" else "+"), second)
        times = self._times(left, right) if operator == "*" else operator
        kind = "⊙" if times == "⊙" else "*"
        first, second = self._factor(left, tightness, kind), self._factor(right, POWER, kind)
        return self._row(first, self._sign(times), second)

    def _quotient(self, left: f.Node, right: f.Node) -> T:
        if not self.divides_on_one_line:
            return self._fraction(self._set(left), self._set(right))
        below = self._fenced(self._set(right)) if self._divides(right) else self._part(right, POWER)
        return self._fraction(self._part(left, TERM), below)

    def _matrix_product(self, left: f.Node, right: f.Node) -> T:
        if _is_vector(left):
            first = self._row_vector(left)
        elif self.rank(left) == 1:  # a row, which a transposed vector is already
            first = self._set(left if isinstance(left, f.Transpose) else f.Transpose(left))
        else:
            first = self._factor(left, TERM, "@")
        return self._row(first, self._sign(_between(right)), self._factor(right, POWER, "@"))

    def _outer(self, left: f.Node, right: f.Node) -> T:
        """An outer product, as the product of a column and a row."""
        row = self._row_vector(right) if _is_vector(right) else self._set(f.Transpose(right))
        return self._row(self._part(left, POWER), self._sign(_between(right)), row)

    def _listed(self, items: Sequence[f.Node]) -> T:
        """Formulas with commas between them."""
        listed = map(self._set, items)
        return reduce(lambda left, item: self._row(left, self._sign(","), item), listed)

    def _printed(self, text: str) -> T:
        """A printed number: with a sign, a fraction or a power of ten where it has one."""
        bare = text.lstrip("+-").lower()
        if "/" in bare:
            number = self._fraction(*map(self._number, bare.split("/")))
        elif "e" in bare:
            digits, exponent = bare.split("e")
            exponent = exponent.lstrip("+").replace("-", "−").lstrip("0")
            power = self._raised(self._number("10"), exponent)
            number = self._row(self._number(digits), self._sign("·"), power)
        else:
            number = self._number(bare)
        is_negative = text.startswith("-")
        return self._row(self._sign("−", unary=True), number) if is_negative else number

    def _elided(self, rows: Sequence[Sequence[f.Node]]) -> T:
        """A matrix with what is too much of it left out."""

        def cut(items: list[Any], dots: Any) -> list[Any]:
            return items if len(items) <= MAX_SHOWN else [*items[:FIRST], dots, items[-1]]

        wide = [cut(list(map(self._set, row)), self._symbol("⋯")) for row in rows]
        return self._matrix(cut(wide, [self._symbol("⋮") for _ in wide[0]]))

    def _row_vector(self, node: f.Node) -> T:
        assert isinstance(node, f.List)
        return self._elided([node.items])

    def _factor(self, node: f.Node, least: float, kind: str) -> T:
        """A factor of a product of matrices, @, or entry by entry, ⊙, or of numbers, *.

        It stands in parentheses where it is itself a product of the other kind.
        """
        factor_kind = ""
        match node:
            case f.Call("outer") | f.Chain(last=(_, "@", _)):
                factor_kind = "@"
            case f.Chain(last=(left, "*", right)):
                factor_kind = self._times(left, right)
        if {factor_kind, kind} == {"⊙", "@"}:
            return self._fenced(self._set(node))
        return self._part(node, least)

    def _divides(self, node: f.Node) -> bool:
        return isinstance(node, f.Derivative) and not self._is_delta(node)

    def _base(self, base: f.Node, *, fenced: bool = False) -> T:
        """What an exponent, a ⊤ or an index stands behind, in parentheses where it has parts."""
        match _alone(base):
            case f.Number(printed):
                fenced = printed.value < 0 or bool(set("/e") & set(printed.text.lower()))
            case f.Derivative() as derivative:
                fenced = self._divides(derivative)
            case f.Chain() | f.Transpose() | f.Power() | f.Negative() | f.Sum() | f.Call("outer"):
                fenced = True
        return self._fenced(self._set(base)) if fenced else self._set(base)

    def _times(self, left: f.Node, right: f.Node) -> str:
        left, right = _alone(left), _alone(right)
        if self.rank(left) and self.rank(right):
            return "⊙"
        if self.divides_on_one_line and (self._divides(left) or _has_slash(left)):
            return "·"  # what follows is not to be taken for a part of what is below
        first = _first_factor(right)
        first = _alone(first.base if isinstance(first, f.Power) else first)
        return "·" if isinstance(right, f.Negative) or isinstance(first, f.Number) else " "

    def space(self, axes: Sequence[int]) -> T:
        """Set the space of arrays with these axes."""
        return self._raised(self._symbol("ℝ"), "×".join(map(str, axes)))

    def multiplies_entries(self, tree: f.Node) -> bool:
        """Tell whether there is a product in a formula that is set with ⊙."""
        operations = (part.last for part in f.parts(tree) if isinstance(part, f.Chain))
        return any(sign == "*" and self.rank(a) and self.rank(b) for a, sign, b in operations)

    def rank(self, node: f.Node) -> int:
        """Count the axes of a formula's value, as far as its form tells."""
        match node:
            case f.Quantity(name, indices):
                if name in self.sheet.notation:
                    return self.rank(self.sheet.notation[name])
                axes = self.network.shapes.get(self.network.canonical(name), ())
                return max(0, len(axes) - len(indices))
            case f.Derivative(of, by):
                return (0 if of.name == "L" else self.rank(of)) + self.rank(by)
            case f.Chain():
                return node.fold(self.rank, _rank_of)
            case f.Negative(inner) | f.Transpose(inner) | f.Sum(_, inner) | f.Power(inner):
                return self.rank(inner)
            case f.Call("outer" | "diag"):
                return 2
            case f.Call("sum" | "mean" | "kronecker") | f.Call("max" | "min", (_,)):
                return 0
            case f.Call(_, (argument, *_)):
                return self.rank(argument)
            case f.List() if _alone(node) is not node:
                return 0
            case f.List((f.List((first, *_)), *_)):
                return 2 + self.rank(first)
            case f.List((first, *_)):
                return 1 + self.rank(first)
            case f.Subscript(base, indices):
                return max(0, self.rank(base) - len(indices))
        return 0

    def _quantity(self, name: str, indices: Sequence[f.Index], base: str = "") -> T:
        """A node or parameter, or with a `base` what is written for one."""
        plus = "+" if name.endswith(NEW) else ""
        if self._single(name) and tuple(indices) == (1,):
            indices = ()
        plain = name.removesuffix(NEW)
        below = [index_text(i) for i in indices]
        joined = ("" if all(len(i) == 1 for i in below) else ",").join(below)
        if name not in self.network.names and plain not in self.network.names:
            letter, index = _own_name(plain)
            if letter in NETWORK:  # it would look like one of the network's
                return self._symbol(name)
            return self._symbol(letter, ",".join(filter(None, (index, joined))), plus)
        if plain in BARE:
            rate = "rate" if "eta" in self.sheet.notation else "η"
            letter = {"yhat": "ŷ", "learning_rate": rate}.get(plain, plain)
            return self._symbol(base or letter, joined, plus)
        layer = f"({plain[1:]})" if self.numeric else plain[1:]
        return self._symbol(base or plain[0], joined, layer + plus)


_OVER: dict[type[f.Sum], str] = {f.Mean: "mean", f.Largest: "max", f.Smallest: "min"}


def _rank_of(operator: str, left: int, right: int) -> int:
    return max(0, left + right - 2) if operator == "@" else max(left, right)


def _alone(node: Any) -> Any:
    """What stands in a list of one, or of a list of one: the brackets go without saying."""
    while isinstance(node, f.List) and len(node.items) == 1 and not _is_row(node):
        node = node.items[0]
    return node


def _between(right: f.Node) -> str:
    """What stands between the factors of a product of matrices: a dot in front of a number."""
    return "·" if isinstance(_alone(right), f.Number) else " "


def _is_row(node: f.List) -> bool:
    return isinstance(node.items[0], f.List) and len(node.items[0].items) > 1


def _is_vector(node: f.Node) -> bool:
    if not isinstance(node, f.List):
        return False
    return len(node.items) > 1 and not isinstance(node.items[0], f.List)


def _first_factor(node: f.Node) -> f.Node:
    """What a product or quotient begins with."""
    while isinstance(node, f.Chain) and node.operators[0] not in "+-":
        node = node.operands[0]
    return node


def _has_slash(node: f.Node) -> bool:
    if isinstance(node, f.Number):
        return "/" in node.printed.text
    return isinstance(node, f.Chain) and node.operators[-1] == "/"


def _own_name(name: str) -> tuple[str, str]:
    """A name of the sheet's notation as a symbol and its index: w5, delta, net_h1."""
    match = re.fullmatch(r"([A-Za-z]+)_?([A-Za-z0-9]*(?:_[A-Za-z0-9]+)*)", name)
    if match is None:
        return name, ""
    letter, index = match.groups()
    return GREEK.get(letter, letter), index.strip("_").replace("_", ",")
