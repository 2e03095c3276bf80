"""The formula language: text to a tree. Nothing here evaluates anything.

    formula   term (("+" | "-") term)*
    term      sign (("*" | "/" | "@" | "·") sign)*
    sign      ("-" | "+") sign | power
    power     postfix ("**" exponent)?
    postfix   primary ("[" index, ... "]" | ".T" | "^T")*
    primary   number | quantity | derivative | notation | index | call | "(" formula ")"
              | "[" formula, ... "]"
    call      name ("'")? "(" formula, ... ")" | ("sum" | "mean") "(" (letter ",")* formula ")"
    exponent  ("-")? whole number | "(" exponent ")"

Indices are whole numbers from 1 and single letters. What people type otherwise,
ŷ, ∂L/∂W1, x², is read as `SYNONYMS` has it.
"""

import difflib
import itertools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeVar

from gradsheet.language import formula as f
from gradsheet.language.formula import FUNCTIONS, MAX_NODES, OVER_LETTERS, TAKES_TWO
from gradsheet.language.functions import DERIVATIVES
from gradsheet.numbers.printed import NumberError, printed

MAX_LENGTH = 1_000
MAX_DEPTH = 50
MAX_POWER = 16
FAR, MAX_ALIKE = 4, 200  # letters that a name meant differs in, and names that are looked at
SIGMA = "Sigma"  # the sign of a sum, as it is typed


T = TypeVar("T")


class FormulaError(ValueError):
    """A text that is no formula of the language; the message says where and what to write."""


_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<symbol>\*\*|[-+*/@·()\[\],.']))",
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


_INSTEAD = {"=": "one formula a line, without an equals sign", "√": "the number itself"}


_UNKNOWN = {  # names that people write, and what they are to write instead
    "log2": "write log(u)/log(2), log is the natural logarithm",
    "log10": "write log(u)/log(10), log is the natural logarithm",
    "X": "did you mean x?",
    "Y": "did you mean y?",
    "max": "write relu(z) for max(0, z)",
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
        suggests: bool,
    ):
        self.tokens, self.at, self.depth = _tokens(text), 0, 0
        self.names, self.notation, self.sigma, self.suggests = names, notation, sigma, suggests

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)][1]

    def take(self) -> str:
        text = self.peek()
        self.at += 1
        return text

    def expect(self, symbol: str) -> None:
        if self.peek() != symbol:
            raise FormulaError(f"found {self.here()}, expected '{symbol}'")
        self.take()

    def here(self) -> str:
        before = " ".join(text for _, text in self.tokens[max(0, self.at - 4) : self.at])
        text = f"'{self.peek()}'" if self.peek() else "the end"
        return f"{text} after '{before}'" if before else text

    def formula(self) -> f.Node:
        node = self.term()
        while self.peek() in ("+", "-"):
            node = f.Binary(self.take(), node, self.term())
        return node

    def term(self) -> f.Node:
        node = self.sign()
        while self.peek() in ("*", "/", "@", "·"):
            node = f.Binary(self.take(), node, self.sign())
        return node

    def sign(self) -> f.Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FormulaError(f"nested deeper than {MAX_DEPTH}")
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
        power = f.Power(base, self.exponent())
        if self.peek() == "**":
            raise FormulaError("a power of a power: write parentheses")
        return power

    def exponent(self) -> int:
        closing = 0
        while self.peek() == "(" and closing < MAX_DEPTH:
            self.take()
            closing += 1
        sign = -1 if self.peek() == "-" else 1
        if self.peek() in ("-", "+"):
            self.take()
        text = self.take()
        if not text.isdecimal() or len(text) > 2 or int(text) > MAX_POWER:
            raise FormulaError(
                f"the exponent of ** is {text or 'missing'!r}, expected a whole number up to "
                f"{MAX_POWER}: write exp(z) for a power of e"
            )
        for _ in range(closing):
            self.expect(")")
        return sign * int(text)

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
            try:
                return f.Number(printed(self.take()))
            except NumberError as error:
                raise FormulaError(str(error)) from None
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
        text = self.peek()
        if text.isdecimal() and len(text) <= 9:
            self.take()
            return int(text)
        if self.is_letter(text):
            self.take()
            return f.Letter(text)
        if len(text) == 1 and text.isalpha():
            raise FormulaError(
                f"{text} is {self.kind(text)}, and cannot be an index as well: take another letter"
            )
        raise FormulaError(
            f"found {self.here()}, expected an index: a whole number from 1 or a single letter"
        )

    def is_letter(self, text: str) -> bool:
        """Whether a text may be an index: a single letter that stands for nothing else."""
        known = text in self.names or text in self.notation
        return len(text) == 1 and text.isalpha() and not known

    def kind(self, name: str) -> str:
        return "a quantity" if name in self.names else "a name of [notation]"

    def name(self) -> f.Node:
        name = self.take()
        if name in self.notation:
            return self.notation[name]
        match self.notation.get(name.removesuffix("_new")):  # the sheet's own w5 after the update
            case f.Quantity(base, indices) if f"{base}_new" in self.names and name.endswith("_new"):
                return f.Quantity(f"{base}_new", indices)
        if name in self.names:
            return self.quantity(name)
        if self.peek() == "(" or (self.peek() == "'" and self.peek(1) == "("):
            return self.call(name)
        if name[0] == "d" and (of := self.differentiable(name[1:])):
            return self.derivative(of)
        if len(name) == 1 and self.peek() != "[" and name not in "yXY":
            return f.Letter(name)
        raise self.unknown(name)

    def call(self, name: str) -> f.Node:
        """A function of something, or f'(u), where the name is followed by an apostrophe."""
        if prime := self.peek() == "'":
            self.take()
        if name in (*OVER_LETTERS, SIGMA) and not prime:
            return self.over_letters(name)
        name = self.function(name)
        if prime and name == "log":
            (argument,) = self.listed("(", self.formula, ")")
            return f.Binary("/", f.Number(printed("1")), argument)
        if prime:
            if name not in DERIVATIVES:
                known = ", ".join(f"{other}'" for other in DERIVATIVES)
                raise FormulaError(f"{name}' is not known, expected one of {known}")
            name = DERIVATIVES[name]
        arguments = self.listed("(", self.formula, ")")
        if len(arguments) != (takes := 2 if name in TAKES_TWO else 1):
            number = "1 argument" if len(arguments) == 1 else f"{len(arguments)} arguments"
            raise FormulaError(f"{name} has {number}, expected {takes}")
        if name == "kronecker" and not all(_is_index(argument) for argument in arguments):
            raise FormulaError("kronecker compares two indices: kronecker(i, j)")
        return f.Call(name, arguments)

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
        """sum(k, formula), sum(i, j, formula) or sum(array), and so for mean."""
        self.expect("(")
        letters = []
        while self.peek(1) == ",":
            letter = self.index()
            if not isinstance(letter, f.Letter):
                raise FormulaError(
                    f"{name} starts with {letter}, expected a letter: {name}(k, formula)"
                )
            letters.append(letter)
            self.take()
        node = self.formula()
        self.expect(")")
        if name == SIGMA and self.peek() == "**":
            raise FormulaError(
                "Σ(...)² may be a sum of squares or the square of a sum: write sum((...)**2)"
            )
        for letter in reversed(letters):
            node = (f.Mean if name == "mean" else f.Sum)(letter, node)
        return node if letters else f.Call("sum" if name == SIGMA else name, (node,))

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

    def derivative(self, of: f.Quantity) -> f.Node:
        of = self.indexed(of)
        if self.peek() != "/" or not self.peek(1).startswith("d"):
            raise FormulaError(
                f"found {self.here()}: a derivative is written dL/dW2, dh2[1]/dW2[1,j]"
            )
        self.take()
        below = self.take()
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
        return f.Derivative(of, self.indexed(by))

    def unknown(self, name: str) -> FormulaError:
        if name.startswith(SIGMA):
            return FormulaError(
                "Σ stands for sum: write sum(k, ...), with the letter that it runs over"
            )
        if name in _UNKNOWN:
            return FormulaError(f"unknown name {name}: {_UNKNOWN[name]}")
        if name in (*FUNCTIONS, "ln"):
            written = f"{name}'" if name != "ln" and self.peek() == "'" else name
            return FormulaError(f"{written} stands alone, expected {written}(...)")
        if name == "learning_rate" or name.endswith("_new"):
            return FormulaError(
                f"{name} needs a step of gradient descent: write learning_rate = 0.1 and a loss "
                "at the top"
            )
        if name == "y":
            return FormulaError("y has no value: only a loss that compares with a target has a y")
        bare = re.sub(r"(?<=\d)_\d+$", "", name.removeprefix("d"))  # of an entry written W2_11
        kin = [other for other in self.names if other[0] == bare[:1] and bare[1:].isdecimal()]
        if kin:  # a layer that is not there: the nearest name would be a guess
            return FormulaError(f"unknown name {name[:40]}: expected one of {', '.join(kin[:12])}")
        near = self.near(name) if self.suggests else None
        some = f"expected one of {', '.join([*self.names][:12])}, ..., or a name of [notation]"
        hint = f"did you mean {near}?" if near else some
        return FormulaError(f"unknown name {name[:40]}: {hint}")

    def near(self, name: str) -> str | None:
        """A name that may be meant."""
        known = [*self.names, *self.notation, *FUNCTIONS]
        known += ["d" + name for name in [*self.names, *self.notation]]
        near = [other for other in known if other.lower() == name.lower()]
        alike = (other for other in known if abs(len(other) - len(name)) <= FAR)
        near += difflib.get_close_matches(name[:40], list(itertools.islice(alike, MAX_ALIKE)), 1)
        return near[0] if near else None


def _is_index(node: f.Node) -> bool:
    """Whether a formula could stand as an index: a letter or a whole number from 1."""
    return isinstance(node, f.Letter) or (
        isinstance(node, f.Number) and node.printed.text.isdecimal()
    )


def parse(
    text: str,
    names: Collection[str],
    notation: Mapping[str, f.Node] = {},
    sigma: str | None = "sigmoid",
    *,
    suggests: bool = True,
) -> f.Node:
    """The tree of a formula.

    `names` are the quantities of the network, `notation` maps the sheet's own
    names to the trees they stand for; `sigma` is the function that σ(z) stands
    for, None where that has more than one meaning. Raises FormulaError on a
    text that is not in the language or over its limits; one that knows no name
    `suggests` another, which takes time.
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"a formula of {len(text)} characters, expected at most {MAX_LENGTH}")
    parser = _Parser(text, names, notation, sigma, suggests)
    node = parser.formula()
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
    if node.levels > 2 * MAX_DEPTH:
        raise FormulaError(f"nested deeper than {2 * MAX_DEPTH}, with what its notation stands for")
    if node.size > MAX_NODES:
        raise FormulaError(
            f"a formula of more than {MAX_NODES} parts, with what its notation stands for"
        )
    return node
