"""The formula language: text to a tree. Nothing here evaluates anything.

    formula   term (("+" | "-") term)*
    term      sign (("*" | "/" | "@" | "·") sign)*; 2(x - y) is 2*(x - y)
    sign      ("-" | "+") sign | power
    power     postfix ("**" exponent)?
    postfix   primary ("[" index, ... "]" | ".T" | "^T")*
    primary   number | quantity | derivative | notation | letter | call | "(" formula ")"
              | "[" formula, ... "]"
    derivative  "d" name indices? "/" by | "d" "(" formula ")" "/" by,  by: "d" name indices?
    call      name ("'")? "(" formula, ... ")"
              | ("sum" | "mean" | "max" | "min") "(" (letter bounds? ",")* formula ")"
              | "where" "(" formula comparison formula "," formula "," formula ")"
    bounds    "=" whole number ".." whole number
    exponent  ("-" | "+") exponent | number | "(" exponent ("/" exponent)* ")"
    index     a sum of whole numbers, letters, their whole multiples, and entries of quantities

What people type otherwise, ŷ, ∂L/∂W1, x², is read as `SYNONYMS` has it.
"""

import difflib
import itertools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from fractions import Fraction
from typing import TypeVar

from gradsheet.language import formula as f
from gradsheet.language.formula import FUNCTIONS, MAX_NODES, OVER_LETTERS, TAKES_TWO
from gradsheet.language.functions import DERIVATIVES
from gradsheet.language.text import formula_text
from gradsheet.numbers.printed import NumberError, printed

MAX_LENGTH = 1_000
MAX_DEPTH, MAX_LEVELS = 50, 150
MAX_POWER, MAX_ROOT = 16, 12
COMPARISONS = (">", ">=", "<", "<=", "==")
FAR, MAX_ALIKE = 4, 200  # letters that a name meant differs in, and names that are looked at
SIGMA = "Sigma"  # the sign of a sum, as it is typed


T = TypeVar("T")


class FormulaError(ValueError):
    """A text that is no formula of the language; the message says where and what to write."""


_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<symbol>\*\*|\.\.|==|>=|<=|[-+*/@·()\[\],.'=<>]))",
    re.ASCII,
)


# One table for all spellings: what people type and the one way in which the language has it.
SYNONYMS = {
    "^": "**",
    **dict.fromkeys("−–", "-"),
    **dict.fromkeys("∗⊙∘", "*"),
    **dict.fromkeys("×⋅∙•", "·"),
    **dict.fromkeys("÷∕⁄", "/"),
    **dict.fromkeys("′’", "'"),
    "½": "(1/2)",
    "¼": "(1/4)",
    "¾": "(3/4)",
    "⅓": "(1/3)",
    "⅔": "(2/3)",
    "∂": "d",
    "ŷ": "yhat",
    **dict.fromkeys("ᵀ⊤", ".T"),
    "σ": "sigma",
    "δ": "delta",
    "η": "eta",
    **dict.fromkeys("∑Σ", "Sigma"),
}


_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))


_INSTEAD = {"√": "sqrt(...)", "≥": ">=", "≤": "<="}


# Names that people write, and what they are to write instead: everywhere, and beside layers.
_UNKNOWN = {
    "log2": "write log(u)/log(2), log is the natural logarithm",
    "log10": "write log(u)/log(10), log is the natural logarithm",
}
_UNKNOWN_BESIDE_LAYERS = {
    "X": "did you mean x?",
    "Y": "did you mean y?",
    "delta": "write dL/dz2 or the like, or name it in [notation]",
    "sigma": "write dL/dz2 or the like, or name it in [notation]",
    "eta": "write learning_rate, or name it in [notation]",
}


def _in_ascii(text: str) -> Iterator[tuple[str, int]]:
    """Every character in the language's own spelling, with the column of what it was written as."""
    raised = False
    text = re.sub("\\^([ᵀ⊤])", r"\1", unicodedata.normalize("NFC", text))
    for column, character in enumerate(text, 1):
        if character.isspace():  # a no-break space, too
            yield " ", column
        elif character in _RAISED:
            yield from ((c, column) for c in ("" if raised else "**") + _RAISED[character])
        else:
            yield from ((c, column) for c in SYNONYMS.get(character, character))
        raised = character in _RAISED


def _tokens(text: str) -> list[tuple[str, str]]:
    """(kind, text) of every token, closed by an ("end", "") that the parser cannot step over."""
    spelt = list(_in_ascii(text.rstrip()))
    ascii_text = "".join(character for character, _ in spelt)
    tokens, at, end = [], 0, len(ascii_text.rstrip())
    while at < end:
        token = _TOKEN.match(ascii_text, at)
        if not token:
            while ascii_text[at].isspace():
                at += 1
            character, column = spelt[at]
            hint = f": write {_INSTEAD[character]}" if character in _INSTEAD else ""
            raise FormulaError(
                f"character {character!r} at column {column} is not in the formula language{hint}"
            )
        tokens.append((str(token.lastgroup), token[str(token.lastgroup)]))
        at = token.end()
    return [*tokens, ("end", "")]


class _Parser:
    def __init__(
        self,
        text: str,
        names: Collection[str],
        notation: Mapping[str, f.Node],
        sigma: str | None,
        functions: Collection[str],
        sizes: Collection[str],
        suggests: bool,
        layers: bool,
    ):
        self.tokens, self.at, self.depth = _tokens(text), 0, 0
        self.names, self.notation, self.sigma, self.suggests = names, notation, sigma, suggests
        self.functions, self.sizes, self.layers = functions, sizes, layers

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)][1]

    def take(self) -> str:
        text = self.peek()
        self.at += 1
        return text

    def expect(self, symbol: str) -> None:
        self.no_comparison()
        if self.peek() != symbol:
            raise FormulaError(f"found {self.here()}, expected '{symbol}'")
        self.take()

    def no_comparison(self) -> None:
        if self.peek() in COMPARISONS:
            raise FormulaError(
                f"found {self.here()}: a comparison stands only at the beginning of where: "
                "where(a > b, u, v)"
            )

    def here(self) -> str:
        before = " ".join(text for _, text in self.tokens[max(0, self.at - 4) : self.at])
        text = f"'{self.peek()}'" if self.peek() else "the end"
        return f"{text} after '{before}'" if before else text

    def formula(self) -> f.Node:
        return self.chain(("+", "-"), self.term)

    def term(self) -> f.Node:
        return self.chain(("*", "/", "@", "·"), self.sign)

    def chain(self, known: tuple[str, ...], operand: Callable[[], f.Node]) -> f.Node:
        """Operands with operators between them."""
        operators, operands = "", [operand()]
        while self.peek() in known or self.multiplies(operators, operands[-1]):
            operators += self.take() if self.peek() in known else "*"
            operands.append(operand())
        return f.chain(operators, operands)

    def multiplies(self, operators: str, factor: f.Node) -> bool:
        """Whether a number stands directly before a parenthesis, 2(x - y): a factor
        of it, but not in 1/2(x - y) or W @ 2(x - y), which have two meanings."""
        while isinstance(factor, f.Negative):
            factor = factor.below[0]
        behind_number = self.tokens[self.at - 1][0] == "number" and isinstance(factor, f.Number)
        return self.peek() == "(" and behind_number and operators[-1:] in ("", "*")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FormulaError(f"nested deeper than {MAX_DEPTH}")

    def sign(self) -> f.Node:
        self.deeper()
        if self.peek() in ("-", "+"):
            node: f.Node = f.Negative(self.sign()) if self.take() == "-" else self.sign()
        else:
            node = self.power()
        self.depth -= 1
        return node

    def power(self) -> f.Node:
        base = self.postfix()
        if self.peek() != "**":
            return base
        self.take()
        begin = self.at
        exponent = self.exponent()
        size, root = abs(exponent.numerator), exponent.denominator
        if size > MAX_POWER or root > MAX_ROOT:
            raise self.no_exponent("".join(text for _, text in self.tokens[begin : self.at]))
        power = f.Power(base, exponent.numerator if root == 1 else exponent)
        if self.peek() == "**":
            raise FormulaError("a power of a power: write parentheses")
        return power

    def exponent(self) -> Fraction:
        """A constant: a number with a sign, or in parentheses a quotient of such."""
        self.deeper()
        kind, text = self.tokens[self.at]
        if text in ("-", "+"):
            self.take()
            value = -self.exponent() if text == "-" else self.exponent()
        elif text == "(":
            self.take()
            value = self.exponent()
            while self.peek() == "/":
                self.take()
                divisor = self.exponent()
                if not divisor:
                    raise FormulaError("the exponent of ** is a division by 0")
                value /= divisor
            self.expect(")")
        elif kind == "number" and len(text) <= MAX_POWER:
            value = self.number().printed.value
        else:
            raise self.no_exponent(text)
        self.depth -= 1
        return value

    @staticmethod
    def no_exponent(text: str) -> FormulaError:
        return FormulaError(
            f"the exponent of ** is {text or 'missing'!r}, expected a whole number up to "
            f"{MAX_POWER}, or a quotient in parentheses, of a number up to {MAX_POWER} by one up "
            f"to {MAX_ROOT}: write exp(z) for a power of e"
        )

    def postfix(self) -> f.Node:
        node = self.primary()
        for _ in range(MAX_DEPTH):
            if self.peek() == "[":
                node = f.Subscript(node, self.indices())
            elif self.peek() == ".":
                self.take()
                if (text := self.take()) != "T":
                    missing = f": a sign is missing before {text[1:]}" if text[:1] == "T" else ""
                    raise FormulaError(f"only .T, the transpose, may follow a point{missing}")
                node = f.Transpose(node)
            elif self.peek() == "**" and self.peek(1) == "T" and self.is_letter("T"):
                self.at += 2  # W^T
                node = f.Transpose(node)
            else:
                return node
        raise FormulaError(f"nested deeper than {MAX_DEPTH}")

    def primary(self) -> f.Node:
        kind, text = self.tokens[self.at]
        if kind == "number":
            return self.number()
        if kind == "name":
            return self.name()
        if text == "(":
            self.take()
            node = self.formula()
            self.expect(")")
            return node
        if text == "[":
            return f.List(self.listed("[", self.formula, "]"))
        raise FormulaError(f"found {self.here()}, expected a number, a quantity or a bracket")

    def number(self) -> f.Number:
        try:
            return f.Number(printed(self.take()))
        except NumberError as error:
            raise FormulaError(str(error)) from None

    def listed(self, opening: str, one: Callable[[], T], closing: str) -> tuple[T, ...]:
        """Things with commas between them, in brackets."""
        self.expect(opening)
        items = [one()]
        while self.peek() == ",":
            self.take()
            items.append(one())
        self.expect(closing)
        return tuple(items)

    def indices(self) -> tuple[f.Index, ...]:
        return self.listed("[", self.index, "]")

    def index(self) -> f.Index:
        node = self.index_sum()
        constant = _constant(node)
        if constant is not None:
            if constant < 0:
                raise FormulaError(f"the index {constant} is negative: indices start at 1")
            return constant
        form = f.linear(node) or {}
        terms = {name: times for name, times in form.items() if times}
        return f.Letter(*terms) if [*terms.values()] == [1] and "" not in terms else node

    def index_sum(self) -> f.Node:
        return self.chain(("+", "-"), self.multiple)

    def multiple(self) -> f.Node:
        node = self.chain(("*", "·"), self.index_part)
        if isinstance(node, f.Chain) and node.operators[0] in "*·":
            node = f.Chain("*" * len(node.operators), node.operands)
            if [_constant(factor) for factor in node.operands].count(None) > 1:
                raise FormulaError(
                    f"the index {formula_text(node)} is no sum of letters with whole coefficients"
                )
        return node

    def index_part(self) -> f.Node:
        self.deeper()
        kind, text = self.tokens[self.at]
        node: f.Node
        if text in ("-", "+"):
            self.take()
            node = f.Negative(self.index_part()) if text == "-" else self.index_part()
        elif text == "(":
            self.take()
            node = self.index_sum()
            self.expect(")")
        elif text.isdecimal() and len(text) <= 9:
            node = self.number()
        elif kind == "name" and text in self.names:
            node = self.quantity(self.take())
        else:
            node = self.letter("a whole number from 1, a letter, or a sum such as i+1 or 2*j-1")
        self.depth -= 1
        return node

    def letter(self, expected: str = "a single letter") -> f.Letter:
        """An index that is free, or that a sum binds."""
        text = self.peek()
        if self.is_letter(text):
            return f.Letter(self.take())
        if len(text) == 1 and text.isalpha():
            raise FormulaError(
                f"{text} is {self.kind(text)}, and cannot be an index as well: take another letter"
            )
        raise FormulaError(f"found {self.here()}, expected an index: {expected}")

    def is_letter(self, text: str) -> bool:
        """Whether a text may be an index: a single letter that stands for nothing else."""
        known = text in self.names or text in self.notation or text in self.functions
        return len(text) == 1 and text.isalpha() and not known

    def kind(self, name: str) -> str:
        if name in self.functions:
            return "a function of this sheet"
        if name in self.sizes:
            return "a size"
        return "a quantity" if name in self.names else "a name of [notation]"

    def name(self) -> f.Node:
        name = self.take()
        if name == "d" and self.peek() == "(":
            return self.derivative_of_formula()
        of = self.differentiable(name[1:]) if name[0] == "d" else None
        if of and self.is_derivative():
            return self.derivative(of)
        if name in self.notation:
            return self.notation[name]
        match self.notation.get(name.removesuffix("_new")):  # the sheet's own w5 after the update
            case f.Quantity(base, indices) if f"{base}_new" in self.names and name.endswith("_new"):
                return f.Quantity(f"{base}_new", indices)
        if name in self.names:
            return self.quantity(name)
        if self.peek() == "(" or (self.peek() == "'" and self.peek(1) == "("):
            return self.call(name)
        if of:
            return self.derivative(of)
        reserved = "yXY" if self.layers else ""
        if self.is_letter(name) and self.peek() != "[" and name not in reserved:
            return f.Letter(name)
        raise self.unknown(name)

    def call(self, name: str) -> f.Node:
        """A function of something, or f'(u), where the name is followed by an apostrophe."""
        if prime := self.peek() == "'":
            self.take()
        if name in self.functions:
            arguments = self.listed("(", self.formula, ")")
            self.count(name, arguments, 1)
            return f.Call(f"{name}'" if prime else name, arguments)
        if name in (*OVER_LETTERS, SIGMA) and not prime:
            return self.over_letters(name)
        if name == "where" and not prime:
            return self.where()
        name = self.function(name)
        if prime and name in _SLOPES:
            arguments = self.listed("(", self.formula, ")")
            self.count(f"{name}'", arguments, 1)
            return _SLOPES[name](*arguments)
        if prime:
            if name not in DERIVATIVES:
                known = ", ".join(f"{other}'" for other in DERIVATIVES)
                raise FormulaError(f"{name}' is not known, expected one of {known}")
            name = DERIVATIVES[name]
        arguments = self.listed("(", self.formula, ")")
        self.count(name, arguments, 2 if name in TAKES_TWO else 1)
        if name == "kronecker" and not all(_is_index(argument) for argument in arguments):
            raise FormulaError(
                "kronecker compares two indices: kronecker(i, j), kronecker(k, y[n])"
            )
        return f.Call(name, arguments)

    @staticmethod
    def count(name: str, arguments: tuple[f.Node, ...], takes: int) -> None:
        """Refuse a function of more or fewer arguments than it takes."""
        if len(arguments) != takes:
            number = "1 argument" if len(arguments) == 1 else f"{len(arguments)} arguments"
            raise FormulaError(f"{name} has {number}, expected {takes}")

    def where(self) -> f.Node:
        """where(a > b, u, v)"""
        self.expect("(")
        left = self.formula()
        if self.peek() not in COMPARISONS:
            raise FormulaError(
                f"found {self.here()}, where begins with a comparison: where(a > b, u, v), with "
                f"one of {' '.join(COMPARISONS)}"
            )
        compare = f.Compare(self.take(), left, self.formula())
        arguments = self.listed(",", self.formula, ")")
        self.count("where", (compare, *arguments), 3)
        return f.Call("where", (compare, *arguments))

    def function(self, name: str) -> str:
        """The function that a name stands for."""
        if name == "sigma":
            if self.sigma is None:
                raise FormulaError(
                    "σ has two meanings in this network, a sigmoid and the activation of a layer: "
                    "write sigmoid(z1), relu(z1) or the like"
                )
            return self.sigma
        if name == "ln":
            return "log"
        if name not in FUNCTIONS:
            raise self.unknown(name)
        return name

    def over_letters(self, name: str) -> f.Node:
        """sum(k, formula), sum(i, j=1..2, formula) or sum(array), and so for mean,
        max and min; max and min are of two formulas, too."""
        self.expect("(")
        over: list[tuple[f.Letter, tuple[int, int] | None]] = []
        of_two = name in ("max", "min")
        while self.peek(1) in (",", "="):
            if self.peek(1) == "," and of_two and not self.is_letter(self.peek()):
                break
            if self.tokens[self.at][0] != "name":
                raise FormulaError(
                    f"{name} starts with {self.peek()}, expected a letter: {name}(k, formula)"
                )
            letter = self.letter()
            over.append((letter, self.bounds(letter.name) if self.peek() == "=" else None))
            self.expect(",")
        arguments = [self.formula()]
        if of_two and not over and self.peek() == ",":
            self.take()
            arguments.append(self.formula())
        self.expect(")")
        if name == SIGMA and self.peek() == "**":
            raise FormulaError(
                "Σ(...)² may be a sum of squares or the square of a sum: write sum((...)**2)"
            )
        if not over:
            return f.Call("sum" if name == SIGMA else name, tuple(arguments))
        (node,) = arguments
        for letter, bounds in reversed(over):
            node = _OVER[name](letter, node, bounds)
        return node

    def bounds(self, letter: str) -> tuple[int, int]:
        """How far a letter runs: =1..3"""
        self.expect("=")
        lowest = self.bound(letter)
        if self.peek() != "..":
            raise self.no_bounds(letter)
        self.take()
        highest = self.bound(letter)
        if highest < lowest:
            raise FormulaError(f"{letter}={lowest}..{highest}: expected the smaller bound first")
        return lowest, highest

    def bound(self, letter: str) -> int:
        sign = -1 if self.peek() == "-" else 1
        if sign < 0:
            self.take()
        text = self.peek()
        if not text.isdecimal() or len(text) > 9:
            raise self.no_bounds(letter)
        self.take()
        return sign * int(text)

    def no_bounds(self, letter: str) -> FormulaError:
        return FormulaError(
            f"found {self.here()}, expected whole numbers as the bounds of {letter}: {letter}=1..3"
        )

    def quantity(self, name: str) -> f.Quantity:
        return f.Quantity(name, self.indices() if self.peek() == "[" else ())

    def differentiable(self, name: str) -> f.Quantity | None:
        """The quantity that may stand behind a d: one of the network's, or one
        that the notation names."""
        if name in self.notation:
            node = self.notation[name]
            return node if isinstance(node, f.Quantity) else None
        return f.Quantity(name) if name in self.names else None

    def indexed(self, quantity: f.Quantity) -> f.Quantity:
        if self.peek() != "[":
            return quantity
        if quantity.indices:
            raise FormulaError(f"found {self.here()}: the notation has given its indices already")
        return f.Quantity(quantity.name, self.indices())

    def is_derivative(self) -> bool:
        """Whether dA is followed by its indices, if any, and by /dB, with B a quantity."""
        ahead, open_brackets = 0, 0
        if self.peek() == "[":
            while self.peek(ahead):
                open_brackets += {"[": 1, "]": -1}.get(self.peek(ahead), 0)
                ahead += 1
                if not open_brackets:
                    break
        above, below = self.peek(ahead), self.peek(ahead + 1)
        return above == "/" and below[:1] == "d" and self.differentiable(below[1:]) is not None

    def derivative_of_formula(self) -> f.Node:
        """d(formula)/dB, behind the d"""
        self.expect("(")
        term = self.formula()
        self.expect(")")
        by = self.denominator("d(W1 @ x)/dW1, d(dL/dw)/dv")
        return f.Derivative(term, by) if isinstance(term, f.Quantity) else f.DerivativeOf(term, by)

    def derivative(self, of: f.Quantity) -> f.Node:
        """dA/dB, behind the name dA"""
        return f.Derivative(self.indexed(of), self.denominator("dL/dW2, dh2[1]/dW2[1,j]"))

    def denominator(self, examples: str) -> f.Quantity:
        """What a derivative is by: /dB"""
        if self.peek() != "/" or not self.peek(1).startswith("d"):
            raise FormulaError(f"found {self.here()}: a derivative is written {examples}")
        self.take()
        below = self.take()
        if below == "d" and self.peek() == "(":
            name = self.peek(1)
            what = f"d{name}" if self.differentiable(name) else "du for a definition u = ..."
            raise FormulaError(
                f"found 'd(' below a derivative, which is by a name without brackets: write {what}"
            )
        by = self.differentiable(below[1:])
        if by is None:
            entry = re.fullmatch(r"d([A-Za-z]+\d*)_(\d)(\d)", below)
            if entry is None or entry[1] not in self.names:
                raise self.unknown(below)
            base, row, column = entry.groups()
            raise FormulaError(
                f"{below} may be the entry {base}[{row},{column}] or {base}[{row}{column}]: "
                f"write d{base}[{row},{column}]"
            )
        return self.indexed(by)

    def unknown(self, name: str) -> FormulaError:
        if name.startswith(SIGMA):
            return FormulaError(
                "Σ stands for sum: write sum(k, ...), with the letter that it runs over"
            )
        hints = _UNKNOWN | (_UNKNOWN_BESIDE_LAYERS if self.layers else {})
        if name in hints:
            return FormulaError(f"unknown name {name}: {hints[name]}")
        if name in (*FUNCTIONS, *self.functions, "ln"):
            written = f"{name}'" if name != "ln" and self.peek() == "'" else name
            return FormulaError(f"{written} stands alone, expected {written}(...)")
        if self.layers and (name == "learning_rate" or name.endswith("_new")):
            return FormulaError(
                f"{name} needs a step of gradient descent: write learning_rate = 0.1 and a loss "
                "at the top"
            )
        if self.layers and name == "y":
            return FormulaError("y has no value: only a loss that compares with a target has a y")
        bare = re.sub(r"(?<=\d)_\d+$", "", name.removeprefix("d"))  # of an entry written W2_11
        if not self.layers and (hint := self._of_own_names(name)):
            return FormulaError(f"unknown name {name[:40]}: {hint}")
        kin = [
            name[: name.startswith("d")] + other
            for other in self.names
            if other[0] == bare[:1] and (bare + "0")[1:].isdecimal() and other[1:].isdecimal()
        ]
        if kin:  # a layer that is not there, or none: the nearest name would be a guess
            return FormulaError(f"unknown name {name[:40]}: expected one of {', '.join(kin[:12])}")
        near = self.near(name) if self.suggests else None
        some = f"expected one of {', '.join([*self.names][:12])}, ..., or a name of [notation]"
        hint = f"did you mean {near}?" if near else some
        return FormulaError(f"unknown name {name[:40]}: {hint}")

    def _of_own_names(self, name: str) -> str:
        """What to write for a name of a network that its sheet defines, "" where
        nothing is known."""
        if name.startswith("d") and self.peek() in ("/", "[") and name[1:] not in self.names:
            return f"there is no {name[1:]} to derive, it is neither given nor defined"
        entry = re.fullmatch(r"(d?)([A-Za-z]+)_?(\d)(\d?)", name)
        if entry is not None and entry[2] in self.names:
            indices = ",".join(filter(None, entry.groups()[2:]))
            return f"write {entry[1]}{entry[2]}[{indices}] for an entry"
        if self.peek() == "(":
            alike = _alike(name, [*self.functions, *FUNCTIONS])
            functions = ", ".join([*self.functions, *FUNCTIONS])
            return f"did you mean {alike[0]}?" if alike else f"the functions are {functions}"
        near = self.near(name) if self.suggests else None
        hint = f"; did you mean {near}?" if near else ""
        return f"it is neither given nor defined{hint}"

    def near(self, name: str) -> str | None:
        """A name that may be meant, that of a function where a bracket follows."""
        functions = [*self.functions, *FUNCTIONS]
        known = [*self.names, *self.notation, *functions]
        known += ["d" + name for name in [*self.names, *self.notation]]
        near = _alike(name, functions) if self.peek() == "(" else []
        near += [other for other in known if other.lower() == name.lower()] + _alike(name, known)
        return near[0] if near else None


_ONE, _TWO = f.Number(printed("1")), f.Number(printed("2"))
# The derivatives that have no name of their own.
_SLOPES: dict[str, Callable[[f.Node], f.Node]] = {
    "log": lambda u: f.Chain("/", (_ONE, u)),
    "sqrt": lambda u: f.Chain("/", (_ONE, f.Chain("*", (_TWO, f.Call("sqrt", (u,)))))),
    "cos": lambda u: f.Negative(f.Call("sin", (u,))),
    "abs": lambda u: f.Chain("-", (f.Call("step", (u,)), f.Call("step", (f.Negative(u),)))),
}


_OVER: dict[str, type[f.Sum]] = {
    "sum": f.Sum,
    SIGMA: f.Sum,
    "mean": f.Mean,
    "max": f.Largest,
    "min": f.Smallest,
}


def _alike(name: str, known: Collection[str]) -> list[str]:
    """The one of some names that is most like another, if any is."""
    alike = (other for other in known if abs(len(other) - len(name)) <= FAR)
    return difflib.get_close_matches(name[:40], list(itertools.islice(alike, MAX_ALIKE)), 1)


def _constant(node: f.Node) -> int | None:
    """The value of an index that names no letter and no quantity."""
    form = f.linear(node)
    return form.get("", 0) if form is not None and set(form) <= {""} else None


def _is_index(node: f.Node) -> bool:
    """Whether a formula could stand as an index: whole numbers, letters, entries
    of something given, and their sums."""
    match node:
        case f.Letter() | f.Quantity():
            return True
        case f.Number(number):
            return number.text.isdecimal()
        case f.Negative(operand):
            return _is_index(operand)
        case f.Chain(operators, operands):
            return set(operators) <= set("+-*") and all(map(_is_index, operands))
    return False


def parse(
    text: str,
    names: Collection[str],
    notation: Mapping[str, f.Node] = {},
    sigma: str | None = "sigmoid",
    functions: Collection[str] = (),
    *,
    sizes: Collection[str] = (),
    suggests: bool = True,
    layers: bool = True,
) -> f.Node:
    """The tree of a formula.

    `names` are the quantities of the network, `notation` maps the sheet's own
    names to the trees they stand for; `sigma` is the function that σ(z) stands
    for, None where that has more than one meaning; `functions` are the sheet's
    own, of one argument, and `sizes` those of the names that stand for a size.
    Raises FormulaError on a text that is not in the language or over its
    limits; one that knows no name `suggests` another, which takes time, and
    where the network has `layers` what those of a layer are called.
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"a formula of {len(text)} characters, expected at most {MAX_LENGTH}")
    parser = _Parser(text, names, notation, sigma, functions, sizes, suggests, layers)
    node = parser.formula()
    parser.no_comparison()
    if parser.peek() == "=":
        raise FormulaError(
            f"found {parser.here()}: write one formula a line, without an equals sign"
        )
    if parser.peek() in (")", "]"):
        raise FormulaError(f"found {parser.here()}, a closing bracket too many")
    if parser.peek() == "(" and parser.tokens[parser.at - 1][1] in names:
        raise FormulaError(
            f"found {parser.here()}: indices stand in square brackets, a factor behind *"
        )
    if parser.peek():
        raise FormulaError(
            f"found {parser.here()}, expected an operator or the end: write * or @ between two "
            "factors"
        )
    if node.levels > MAX_LEVELS:
        raise FormulaError(f"nested deeper than {MAX_LEVELS}, with what its notation stands for")
    if node.size > MAX_NODES:
        raise FormulaError(
            f"a formula of more than {MAX_NODES} parts, with what its notation stands for"
        )
    return node
