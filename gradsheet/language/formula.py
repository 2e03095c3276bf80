"""The tree of a formula: its nodes, and what can be said of them without any value."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

from gradsheet.language.functions import FUNCTIONS as ENTRYWISE
from gradsheet.numbers.kept import kept
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

    def __hash__(self) -> int:
        return self._hash

    @kept
    def _hash(self) -> int:
        return hash((type(self), self._values))

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(self) is type(other)
            and self._hash == other._hash
            and self._values == other._values
        )

    @kept
    def _values(self) -> tuple[Any, ...]:
        mine = self.__dict__
        return tuple([mine[name] for name in self.__dataclass_fields__])  # type: ignore[attr-defined]

    @property
    def fields(self) -> dict[str, Any]:
        """What it is made of, by name."""
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}  # type: ignore[attr-defined]

    @kept
    def below(self) -> tuple["Node", ...]:
        """The nodes that it is made of."""
        nodes: list[Node] = []
        for part in self._values:
            if isinstance(part, Node):
                nodes.append(part)
            elif isinstance(part, tuple):
                nodes += [item for item in part if isinstance(item, Node)]
        return tuple(nodes)

    @kept
    def letters(self) -> frozenset[str]:
        """The letters that no sum in the formula binds."""
        return frozenset[str]().union(*[part.letters for part in self.below])

    @kept
    def in_order(self) -> tuple[str, ...]:
        """The same letters, sorted."""
        return tuple(sorted(self.letters))

    @kept
    def named(self) -> "tuple[Quantity | Derivative | DerivativeOf, ...]":
        """The quantities and derivatives in it, as often as they stand there."""
        kinds = Quantity | Derivative | DerivativeOf
        return tuple(part for part in walk(self) if isinstance(part, kinds))

    @kept
    def names(self) -> frozenset[str]:
        """The names of all quantities in it, those that it derives by among them."""
        own = frozenset((self.name,)) if isinstance(self, Quantity) else frozenset[str]()
        return own.union(*[part.names for part in self.below])

    @property
    def derived(self) -> frozenset[str]:
        """The names that derivatives in it are of."""
        return frozenset(part.of.name for part in self.named if isinstance(part, Derivative))

    @kept
    def size(self) -> int:
        """How many parts the tree has, every operator one of them."""
        return 1 + sum([part.size for part in self.below])

    @kept
    def levels(self) -> int:
        """How deep the tree is."""
        return 1 + max([part.levels for part in self.below], default=0)


@dataclass(frozen=True, eq=False)
class Number(Node):
    """A number, with its digits."""

    printed: Printed


@dataclass(frozen=True, eq=False)
class Letter(Node):
    """An index: free, or bound by a sum around it."""

    name: str

    @kept
    def letters(self) -> frozenset[str]:
        """Itself."""
        return frozenset((self.name,))


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
class Chain(Node):
    """a + b - c, or a * b / c @ d: operands with operators of one kind between
    them, worked out from the left.

    It is flat, so that a tree is as deep as its parentheses are nested.
    """

    operators: str
    operands: tuple[Node, ...]

    @property
    def derived(self) -> frozenset[str]:
        """The names that derivatives in it are of."""
        return frozenset(part.of.name for part in self.named if isinstance(part, Derivative))

    @kept
    def size(self) -> int:
        """How many parts the tree has, every operator one of them."""
        return len(self.operators) + sum([part.size for part in self.operands])

    def fold(self, of: Callable[[Node], T], join: Callable[[str, T, T], T]) -> T:
        """What joins the values of all operands, from the left."""
        total = of(self.operands[0])
        for operator, operand in zip(self.operators, self.operands[1:], strict=True):
            total = join(operator, total, of(operand))
        return total

    def operation(self, k: int) -> tuple[Node, str, Node]:
        """One of the operations, from 0: all that stands before the operator,
        the operator, and the operand behind it."""
        before = chain(self.operators[:k], self.operands[: k + 1])
        return before, self.operators[k], self.operands[k + 1]

    def without(self, k: int) -> Node:
        """The chain without one operand behind the first, and without its operator."""
        operators = self.operators[: k - 1] + self.operators[k:]
        return chain(operators, (*self.operands[:k], *self.operands[k + 1 :]))

    @property
    def last(self) -> tuple[Node, str, Node]:
        """The operation that is worked out last."""
        return self.operation(len(self.operators) - 1)


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

    @kept
    def letters(self) -> frozenset[str]:
        """The letters of the term but for its own."""
        return self.term.letters - {self.letter.name}


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


def chain(operators: str, operands: Sequence[Node]) -> Node:
    """Operands with operators between them: a single one is itself, and a chain
    that begins with one of its kind goes on with it."""
    first, *others = operands
    if not operators:
        return first
    if isinstance(first, Chain) and (first.operators[0] in "+-") == (operators[0] in "+-"):
        return Chain(first.operators + operators, (*first.operands, *others))
    return Chain(operators, (first, *others))


def walk(node: Node, but: Collection[int] = ()) -> Iterator[Node]:
    """The node and every node below it.

    Parts whose ids are in `but` are left out, with all that is below them.
    """
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if id(item) not in but:
            yield item
            waiting += item.below


def parts(node: Node) -> Iterator[Node]:
    """The node and every part of it that has a value: those below it, and what
    chains begin with."""
    for part in walk(node):
        yield part
        if isinstance(part, Chain):
            yield from (part.operation(k)[0] for k in range(1, len(part.operators)))


def walk_in_sums(
    node: Node, letter: str = "", around: Mapping[str, Sum] = {}
) -> Iterator[tuple[Node, Mapping[str, Sum]]]:
    """The node and every node below it, from the left, each with the sums
    around it by their letters; with a letter, only those where that is free."""
    waiting = [(node, around)]
    while waiting:
        item, sums = waiting.pop()
        if not letter or letter in item.letters:
            yield item, sums
            if isinstance(item, Sum):
                sums = {**sums, item.letter.name: item}
            waiting += [(part, sums) for part in reversed(item.below)]


def rebuilt(node: Node, below: Iterable[Node]) -> Node:
    """The node with others in the place of all those that it is made of."""
    if not node.below:
        return node
    below = tuple(below)
    others, fields = iter(below), node.fields
    for name, part in fields.items():
        if isinstance(part, Node):
            fields[name] = next(others)
        elif isinstance(part, tuple):
            fields[name] = tuple([next(others) if isinstance(p, Node) else p for p in part])
    other = object.__new__(type(node))
    vars(other).update(fields, below=below)
    return other


def replaced(node: Node, others: Mapping[Node, Node]) -> Node:
    """The formula with others in the place of some of its parts; what stands in
    their place is left as it is. What something is derived by stays a name."""
    if node in others:
        return others[node]
    if isinstance(node, Derivative | DerivativeOf):
        of, by = [replaced(part, others) for part in node.below]
        by = by if isinstance(by, Quantity) else node.by
        return Derivative(of, by) if isinstance(of, Quantity) else DerivativeOf(of, by)
    return rebuilt(node, [replaced(part, others) for part in node.below])


def linear(index: Index) -> dict[str, int] | None:
    """An index as a sum: the coefficient of every letter, and under "" what is
    added; None where it is none of letters and whole numbers alone."""
    match index:
        case int(number):
            return {"": number}
        case Number(printed):
            return {"": int(printed.value)}
        case Letter(name):
            return {name: 1}
        case Negative(operand):
            return _joined("-", {}, linear(operand))
        case Chain():
            return index.fold(linear, _joined)
    return None


def _joined(
    operator: str, a: dict[str, int] | None, b: dict[str, int] | None
) -> dict[str, int] | None:
    """Two such sums with an operator between them."""
    if a is None or b is None:
        return None
    if operator in "*·":
        a, b = (b, a) if set(a) <= {""} else (a, b)
        return {name: n * b.get("", 0) for name, n in a.items()} if set(b) <= {""} else None
    sign = 1 if operator == "+" else -1
    return {name: a.get(name, 0) + sign * b.get(name, 0) for name in (*a, *b)}
