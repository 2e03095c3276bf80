"""The tree of a formula: its nodes, and what can be said of them without any value."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeVar

from gradsheet.language.functions import FUNCTIONS as ENTRYWISE
from gradsheet.numbers.printed import Printed

NEW = "_new"  # ends the names of what there is after one step of gradient descent
MAX_NODES = 1_000  # of a tree, with what the notation stands for

# Functions with a kink or a jump at 0.
KINKED = tuple(name for name, function in ENTRYWISE.items() if function.kinked)
SMOOTH = tuple(name for name in ENTRYWISE if name not in KINKED)
TAKES_TWO = (
    "outer",
    "kronecker",
    "concat",
    *(name for name, f in ENTRYWISE.items() if f.arguments == 2),
)
# Of a formula over letters, or of all entries of an array; max and min are of two arrays, too.
OVER_LETTERS = ("sum", "mean", "max", "min")
FUNCTIONS = (*ENTRYWISE, "outer", "diag", "kronecker", "concat", "where", *OVER_LETTERS)

T = TypeVar("T")


class Node:
    """A node of the tree; the classes below are all there are. It never
    changes, and keeps what is found of it."""

    # A dataclass would hash the whole tree every time, and both on a stack that a long sum is
    # deeper than.

    def __hash__(self) -> int:
        known: int | None = self.__dict__.get("_hash")
        return self._find_hash() if known is None else known

    def _find_hash(self) -> int:
        spine, node = [], self
        while isinstance(node, Binary) and "_hash" not in node.__dict__:
            spine.append(node)
            node = node.left
        for item in (node, *reversed(spine)):
            item.__dict__.setdefault("_hash", hash((type(item), *item.fields.values())))
        return int(self.__dict__["_hash"])

    def __eq__(self, other: object) -> bool:
        waiting: list[tuple[Any, Any]] = [(self, other)]
        while waiting:
            mine, theirs = waiting.pop()
            if mine is theirs:
                continue
            if type(mine) is not type(theirs):
                return False
            if isinstance(mine, Node):
                if hash(mine) != hash(theirs):
                    return False
                waiting += zip(mine.fields.values(), theirs.fields.values(), strict=True)
            elif isinstance(mine, tuple):
                if len(mine) != len(theirs):
                    return False
                waiting += zip(mine, theirs, strict=True)
            elif mine != theirs:
                return False
        return True

    @property
    def fields(self) -> dict[str, Any]:
        """What it is made of, by name."""
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}  # type: ignore[attr-defined]

    @cached_property
    def below(self) -> tuple["Node", ...]:
        """The nodes that it is made of."""
        parts = (part if isinstance(part, tuple) else (part,) for part in self.fields.values())
        return tuple(item for part in parts for item in part if isinstance(item, Node))

    def _folded(
        self, name: str, leaf: Callable[["Node"], T], join: Callable[["Binary", T, T], T]
    ) -> T:
        """A property of the tree from those of its parts, which keep theirs:
        what a notation stands for is seen once.

        The left spine of a long sum is deeper than Python's stack.
        """
        spine, node = [], self
        while isinstance(node, Binary) and name not in node.__dict__:
            spine.append(node)
            node = node.left
        value: T = node.__dict__[name] if name in node.__dict__ else leaf(node)
        for binary in reversed(spine):
            value = binary.__dict__[name] = join(binary, value, getattr(binary.right, name))
        return value

    @cached_property
    def letters(self) -> frozenset[str]:
        """The letters that no sum in the formula binds."""

        def leaf(node: Node) -> frozenset[str]:
            if isinstance(node, Letter):
                return frozenset((node.name,))
            if isinstance(node, Sum):
                return node.term.letters - {node.letter.name}
            return frozenset[str]().union(*(part.letters for part in node.below))

        return self._folded("letters", leaf, lambda _, a, b: a | b)

    @cached_property
    def in_order(self) -> tuple[str, ...]:
        """The same letters, sorted."""
        return tuple(sorted(self.letters))

    @cached_property
    def named(self) -> "tuple[Quantity | Derivative | DerivativeOf, ...]":
        """The quantities and derivatives in it, as often as they stand there."""
        kinds = Quantity | Derivative | DerivativeOf
        return tuple(part for part in walk(self) if isinstance(part, kinds))

    @cached_property
    def size(self) -> int:
        """How many parts the tree has."""

        def leaf(node: Node) -> int:
            return 1 + sum(part.size for part in node.below)

        return self._folded("size", leaf, lambda _, a, b: 1 + a + b)

    @cached_property
    def levels(self) -> int:
        """How deep the tree is, where a long sum or product counts as one level."""

        def leaf(node: Node) -> int:
            return 1 + max((part.levels for part in node.below), default=0)

        def join(binary: Binary, left: int, right: int) -> int:
            return max(left + (not isinstance(binary.left, Binary)), 1 + right)

        return self._folded("levels", leaf, join)


@dataclass(frozen=True, eq=False)
class Number(Node):
    """A number, with its digits."""

    printed: Printed


@dataclass(frozen=True, eq=False)
class Letter(Node):
    """An index: free, or bound by a sum around it."""

    name: str


# A whole number from 1, a letter, a sum of letters with whole coefficients, or an entry of
# something given that holds whole numbers.
Index = int | Node


@dataclass(frozen=True, eq=False)
class Quantity(Node):
    """A node or parameter of the network, whole or an entry of it: W2, z1[2],
    W3[1,i], x[i+a-1], E[w[t],k]."""

    name: str
    indices: tuple[Index, ...] = ()


@dataclass(frozen=True, eq=False)
class Derivative(Node):
    """d of / d by"""

    of: Quantity
    by: Quantity


@dataclass(frozen=True, eq=False)
class DerivativeOf(Node):
    """d(term) / d by, of a formula; derivatives may be nested."""

    term: Node
    by: Quantity


@dataclass(frozen=True, eq=False)
class Negative(Node):
    """-operand"""

    operand: Node


@dataclass(frozen=True, eq=False)
class Binary(Node):
    """left + right, and so for - * / @"""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, eq=False)
class Power(Node):
    """base ** exponent, with any rational constant; it is an int where it is whole."""

    base: Node
    exponent: int | Fraction


@dataclass(frozen=True, eq=False)
class Call(Node):
    """A function of something: relu(z1)."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Compare(Node):
    """left > right, and so for >= < <= ==: what `where` asks, in Call("where",
    (compare, u, v))."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, eq=False)
class Sum(Node):
    """The sum of a term over how far its letter runs, or from one of the bounds
    to the other, both included."""

    letter: Letter
    term: Node
    bounds: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Mean(Sum):
    """That sum over the number of its terms."""


@dataclass(frozen=True, eq=False)
class Largest(Sum):
    """The largest of those terms."""


@dataclass(frozen=True, eq=False)
class Smallest(Sum):
    """The smallest of those terms."""


@dataclass(frozen=True, eq=False)
class List(Node):
    """[item, ...]"""

    items: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Subscript(Node):
    """Entries of a formula: (W2 @ h1)[1]."""

    base: Node
    indices: tuple[Index, ...]


@dataclass(frozen=True, eq=False)
class Transpose(Node):
    """operand.T"""

    operand: Node


def left_spine(node: Node) -> tuple[Node, list[Binary]]:
    """What stands leftmost, and the operations that come after it, one after
    the other: a long sum is deeper than Python's stack."""
    spine = []
    while isinstance(node, Binary):
        spine.append(node)
        node = node.left
    return node, spine[::-1]


def walk(node: Node, letter: str = "", but: Collection[int] = ()) -> Iterator[Node]:
    """The node and every node below it; with a letter, only those where no
    inner sum binds it anew.

    Parts whose ids are in `but` are left out, with all that is below them.
    """
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if id(item) in but:
            continue
        if letter and isinstance(item, Sum) and item.letter.name == letter:
            continue
        yield item
        waiting += item.below


def replaced(node: Any, others: Mapping[Node, Node]) -> Any:
    """The formula with others in the place of some of its parts; what stands in
    their place is left as it is."""
    if node in others:
        return others[node]
    changed: dict[str, Any] = {}
    for name, part in node.fields.items():
        if isinstance(part, Node) and not isinstance(part, Letter):
            changed[name] = replaced(part, others)
        elif isinstance(part, tuple):
            changed[name] = tuple(
                replaced(item, others) if isinstance(item, Node) else item for item in part
            )
    return replace(node, **changed) if changed else node


def linear(index: Node) -> dict[str, int] | None:
    """An index as a sum: the coefficient of every letter, and under "" what is
    added; None where it is none of letters and whole numbers alone."""
    match index:
        case Number(printed):
            return {"": int(printed.value)}
        case Letter(name):
            return {name: 1}
        case Negative(operand):
            return _combined({}, linear(operand), -1)
        case Binary("+" | "-" as sign, left, right):
            return _combined(linear(left), linear(right), 1 if sign == "+" else -1)
        case Binary("*", left, right):
            a, b = linear(left), linear(right)
            if a is not None and set(a) <= {""}:
                a, b = b, a
            return None if b is None or set(b) - {""} else _combined({}, a, b.get("", 0))
    return None


def _combined(
    a: Mapping[str, int] | None, b: Mapping[str, int] | None, times: int
) -> dict[str, int] | None:
    """One sum and a multiple of another."""
    if a is None or b is None:
        return None
    return {name: a.get(name, 0) + times * b.get(name, 0) for name in (*a, *b)}
