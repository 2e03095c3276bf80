"""An answer sheet as it was read, and the error of one that cannot be read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from gradsheet.language.formula import Derivative, DerivativeOf, Node, Quantity
from gradsheet.network.lowering import Program
from gradsheet.network.network import Network, improbable
from gradsheet.network.problem import Problem, stated
from gradsheet.numbers.printed import Printed, Value, printed_entries
from manual import Layer
from manual.activations import Array

VERDICTS = (
    "right",
    "rounded",
    "lucky",
    "carried_forward",
    "wrong",
    "cannot_tell",
    "open",
    "unread",
)


class SheetError(ValueError):
    """A sheet that cannot be read: what was found, what it should be.

    `line` is 0 where no line is to blame. Of several faults the first one is
    told here; `problems` has all of them, each with its line.
    """

    def __init__(self, message: str, line: int = 0, problems: Sequence[tuple[int, str]] = ()):
        super().__init__(message)
        self.line = line
        self.problems = tuple(problems) or ((line, message),)


@dataclass(frozen=True)
class Line:
    """A line of working. `tree` is None where the text is no formula, and
    `error` says why.

    `read_as` tells which products it was read with, where its text leaves that
    open.
    """

    text: str
    tree: Node | None
    error: str = ""
    read_as: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A claim as read; `points` is its weight for graders. `error` says why it
    cannot be read; its tree is empty."""

    question: str
    quantity: str
    tree: Node
    value: Value | None
    working: tuple[Line, ...]
    expect: str | None
    note: str
    line: int
    points: Fraction = Fraction(1)
    error: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is a question that is not answered yet."""
        return self.value is None and not self.working

    @property
    def numbers(self) -> int:
        """How many numbers it gives."""
        return 0 if self.value is None else len(printed_entries(self.value))

    @property
    def trees(self) -> Iterator[Node]:
        """The quantity and every line of its working that can be read."""
        yield self.tree
        yield from (line.tree for line in self.working if line.tree is not None)


@dataclass(frozen=True)
class Free:
    """Something given by its shape alone, where letters are sizes: claims are
    for all values of it, that are positive, or whose entries add up to
    `sums_to`."""

    shape: tuple[int | str, ...]
    sums_to: Fraction | None = None
    positive: bool = False

    def sized(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape, with numbers for the letters."""
        return tuple(sizes[n] if isinstance(n, str) else n for n in self.shape)


@dataclass(frozen=True)
class Stated:
    """A network of its own as it was read: its steps, the numbers given, and
    what is given by its shape alone; `layers` says how layers among it are
    read, and `others` are its steps at further sizes that are tried for letters."""

    program: Program
    arrays: Mapping[str, Array]
    free: Mapping[str, Free]
    layers: str = ""
    others: tuple[Program, ...] = ()

    @property
    def sized(self) -> tuple[Program, ...]:
        """The steps at every size that is tried."""
        return (self.program, *self.others)


@dataclass(frozen=True)
class Sheet:
    """A sheet as read. `params`, `x`, `y` are object arrays of Fractions,
    examples as rows; None if symbolic.

    `rate` is the learning rate, None where the sheet gives none. `decimals`
    says whether any number is written as one. A sheet with a network of its own
    has it in `own`, and in `network` one without layers. `number` counts the
    problems of a file that has several; else it is 0.
    """

    path: str
    title: str
    network: Network
    params: tuple[Layer, ...] | None
    x: Array | None
    y: Array | None
    rate: Printed | None
    notation: Mapping[str, Node]
    claims: tuple[Claim, ...]
    decimals: bool = False
    own: Stated | None = None
    number: int = 0

    def of_layers(self, what: str) -> None:
        """Raise SheetError where the network is one of its own: `what` is for
        layers so far."""
        if self.own is not None:
            raise SheetError(
                f"a network of its own can be judged, filled and shown, but not {what} yet: that "
                "takes [[layer]] tables"
            )

    @property
    def has_numbers(self) -> bool:
        """Whether it gives all numbers, and its claims are on these."""
        return self.params is not None if self.own is None else not self.own.free

    @cached_property
    def readable(self) -> "Sheet":
        """The sheet with those claims alone that can be read."""
        return replace(self, claims=tuple(claim for claim in self.claims if not claim.error))

    @cached_property
    def parts(self) -> tuple[Quantity | Derivative | DerivativeOf, ...]:
        """Every quantity and derivative in the claims that can be read, as often
        as it stands there."""
        trees = (tree for claim in self.readable.claims for tree in claim.trees)
        return tuple(part for tree in trees for part in tree.named)

    @cached_property
    def distinct_parts(self) -> tuple[Quantity | Derivative | DerivativeOf, ...]:
        """The same, each once."""
        return tuple(dict.fromkeys(self.parts))

    def arrays(self) -> Iterator[Array]:
        """Every array of numbers that it gives."""
        given = (self.x, self.y, *(array for layer in self.params or () for array in layer))
        if self.own is not None:
            given = (*given, *self.own.arrays.values())
        yield from (array for array in given if array is not None)

    @property
    def exact_rate(self) -> Fraction | None:
        """The learning rate as a number."""
        return None if self.rate is None else self.rate.value

    def reading_of_layers(self) -> str:
        """How the layers are read, in one line."""
        reading = self.network.reading()
        if self.y is not None and (odd := improbable(self.network, self.y)):
            reading += f"; {odd}"
        if self.rate is None or self.network.update is None:
            return reading
        on = "all parameters" if self.network.update == "all" else "the weights"
        return f"{reading}; one step of {self.rate.text} on {on}"

    @property
    def problem(self) -> Problem:
        """The problem that a sheet with numbers states."""
        assert self.params is not None
        assert self.x is not None
        return stated(self.network, self.params, self.x, self.y, self.exact_rate)
