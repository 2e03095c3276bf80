"""How much work there is in a sheet, counted before any of it is done, and the budget that pays for what follows.

The unit is an operation: about as much as adding or multiplying two fractions takes. What a pass, a Jacobian or the
value of a formula costs follows from shapes alone. So the same sheet costs the same on every machine, on a busy one
as on a fast one, and with whatever has been found for other sheets before.

    exact numbers       an operation each, and VISIT for a part of a formula
    enclosures          ENCLOSED operations each, more with more digits, an exponential or logarithm CURVED
    arrays of floats    FLOATS of them an operation
"""

import itertools
import math
import time
from collections.abc import Iterable, Mapping

from gradsheet.language import formula as f
from gradsheet.language.functions import facts_of
from gradsheet.network import losses
from gradsheet.network.network import NEW, Network
from gradsheet.numbers.real import Undecided
from manual.activations import Activation

MAX_OPERATIONS = 500_000  # of what a sheet asks, counted beforehand
MAX_FURTHER = 150_000  # at least, to find out how what is not true came about
MAX_SECONDS = (
    60.0  # of the processor's time: the last line of defence, which no sheet should ever come to
)
ENCLOSED, CURVED, FLOATS = 3, 50, 500
VISIT = 3  # operations that a part of a formula takes besides its numbers
LAYER = 8  # operations that a layer takes, however few units it has
DIGITS = 40  # of enclosures, where nobody asks for more
JAX = 2_000  # for JAX's program of a layer, whatever it computes
FLOAT_PASS = 200  # operations that a pass in floats takes, however few variants it has
PER_VARIANT = 6  # and with each further one
GLANCES = 20  # small steps between looks at the clock

Shape = tuple[int, ...]


class OutOfWork(Undecided):
    """Something takes more operations than there are for it; or more time than anything should."""


class Budget:
    """The operations that are left; all that is done for one sheet shares a budget. Without a start nothing ends it."""

    def __init__(self) -> None:
        self.left: float = math.inf
        self.end = math.inf
        self._glances = 0

    def start(self, operations: float = math.inf) -> None:
        """Begin with so many operations, and MAX_SECONDS of the processor's time, which only end what went wrong."""
        self.left, self.end, self._glances = operations, time.process_time() + MAX_SECONDS, 0

    def take_over(self, other: "Budget") -> None:
        """Go on with what another budget has."""
        self.left, self.end, self._glances = other.left, other.end, 0

    def spend(self, operations: float) -> None:
        """Take operations from those that are left, before they are done; raise OutOfWork where there are too few."""
        self.glance()
        if operations > self.left:
            self.left = 0
            raise OutOfWork(
                "to find out how it came about takes more operations than are left for this sheet"
            )
        self.left -= operations

    def check(self) -> None:
        """Raise OutOfWork where the time is over."""
        if time.process_time() > self.end:
            raise OutOfWork(
                f"the sheet has taken {MAX_SECONDS:g} seconds, which is a fault of gradsheet"
            )

    def glance(self) -> None:
        """The same, for small steps: most of them are let pass."""
        if not self._glances:
            self.check()
            self._glances = GLANCES
        self._glances -= 1


class PassWork:
    """What passes through a network cost, on fractions of data with so many bits, or where that is None on enclosures.

    forward    one forward pass
    both       one forward and one backward pass from the loss
    """

    def __init__(self, network: Network, examples: int, bits: int | None, digits: int = DIGITS):
        self.network, self.examples = network, examples
        layers = list(zip(network.widths, network.widths[1:], network.activations, strict=False))
        times = length_factor(2 * bits * network.depth) if bits is not None else enclosed(digits)
        each = [
            examples * times * (2 * inputs * units + 3 * units) + LAYER
            for inputs, units, _ in layers
        ]
        self._backward = [0, *map(int, itertools.accumulate(each))]  # through so many layers
        self.forward = self._backward[-1]
        if bits is None:
            functions = sum(_exponentials(activation) * units for _, units, activation in layers)
            if not losses.of(network.loss).rational:
                functions += network.widths[-1]
            self.forward += examples * functions * curved(digits)
        self.both = self.forward + self._backward[-1]

    def jacobian(self, node: str) -> int:
        """A backward pass from every entry of a node."""
        name = self._inner(node)
        if name in ("L", "shares"):
            return self._backward[-1] * (1 if name == "L" else self.network.widths[-1])
        return 0 if name[0] not in "zh" else self.entries(name) * self._backward[int(name[1:])]

    def entries(self, node: str) -> int:
        """How many entries a node or parameter has, over all examples."""
        name = self._inner(node)
        if name == "L":
            return 1
        if name[0] in "zh":
            return self.examples * self.network.widths[int(name[1:])]
        return math.prod(self.network.shapes.get(name, ()))

    def _inner(self, node: str) -> str:
        name = self.network.canonical(node).removesuffix(NEW)
        return {"x": "h0", "yhat": f"h{self.network.depth}", "y": f"h{self.network.depth}"}.get(
            name, name
        )


def _exponentials(activation: Activation) -> int:
    """How many exponentials and logarithms an activation takes."""
    facts = facts_of(activation)
    return 0 if facts.rational else facts.exponentials


def curved(digits: int) -> int:
    """How many operations an exponential or logarithm with so many digits is."""
    return int(CURVED * (digits / DIGITS) ** 1.4)


def enclosed(digits: int) -> float:
    """How many operations one on enclosures of so many digits is."""
    return ENCLOSED * max(1.0, digits / 130)


def length_factor(bits: int) -> float:
    """How many operations one on fractions of so many bits is."""
    return 1 + bits / 400


class FormulaWork:
    """The operations that evaluating a formula once for all values of its free letters takes, at one point."""

    def __init__(self, network: Network, bits: int | None, digits: int = DIGITS):
        self.network, self.curved = network, curved(digits) * 2 // 3  # most of them are met again
        self.each = enclosed(digits) if bits is None else length_factor(2 * bits * network.depth)
        self.work = 0.0

    def of(self, tree: f.Node, bound: Mapping[str, int] | None = None) -> int:
        """The operations; `bound` are letters that run over more than the formula says."""
        self.ranges = {**self.ranges_of(tree), **(bound or {})}
        self.work = 0
        self._visit(tree, self._times(tree.letters | set(bound or ())))
        return int(self.work)

    def _times(self, letters: Iterable[str]) -> int:
        return math.prod(self.ranges.get(letter, 1) for letter in letters)

    def ranges_of(self, tree: f.Node) -> dict[str, int]:
        """How far every letter runs: as far as the longest axis that it stands at."""
        found: dict[str, int] = {}
        for part in f.walk(tree):
            if isinstance(part, f.Quantity | f.Subscript):
                whole = (
                    self._shape(part.name)
                    if isinstance(part, f.Quantity)
                    else (max(self.network.widths),) * 8
                )
                for size, index in zip(whole, part.indices, strict=False):
                    if isinstance(index, f.Letter):
                        found[index.name] = max(found.get(index.name, 1), size)
        return found

    def _shape(self, name: str) -> Shape:
        if name.removesuffix(NEW) == "L":
            return self.network.widths[-1:]  # as it has them where it has an index
        return self.network.shapes.get(self.network.canonical(name), ())

    def _visit(self, node: f.Node, times: int) -> Shape:
        """Count a part that is evaluated so many times; its shape, as far as it has one."""
        spine = []
        while isinstance(node, f.Binary):
            spine.append(node)
            node = node.left
        shape = self._leaf(node, times)
        for binary in reversed(spine):
            shape = self._binary(binary.operator, shape, self._visit(binary.right, times), times)
        return shape

    def _spend(self, times: int, numbers: int, each: float | None = None) -> None:
        self.work += times * (VISIT + numbers * (self.each if each is None else each))

    def _binary(self, operator: str, a: Shape, b: Shape, times: int) -> Shape:
        sizes = math.prod(a), math.prod(b)
        if operator in "@·" and a and b:
            inner = max(1, min(a[-1], b[0]))
            self._spend(times, 2 * sizes[0] * sizes[1] // inner)
            return (*a[:-1], *b[1:])
        self._spend(times, max(sizes))
        return a if sizes[0] >= sizes[1] else b

    def _leaf(self, node: f.Node, times: int) -> Shape:
        match node:
            case f.Quantity(name, indices):
                self._spend(times, 0)
                return () if name.removesuffix(NEW) == "L" else self._shape(name)[len(indices) :]
            case f.Derivative(of, by):
                self._spend(2 * times, 0)
                ends = (
                    (self._shape(q.name) if q.name != "L" or q.indices else ())[len(q.indices) :]
                    for q in (of, by)
                )
                return tuple(n for end in ends for n in end)
            case f.Sum(letter, term):
                count = self.ranges.get(letter.name, 1)
                inner = min(
                    times, self._times(node.letters)
                )  # once for all letters that it does not depend on
                self._spend(times, 0)
                shape = self._visit(term, inner * count)
                self._spend(inner * count, math.prod(shape))
                return shape
            case f.Call(function, arguments):
                shapes = [self._visit(argument, times) for argument in arguments]
                size = math.prod(shapes[0])
                if function == "outer":
                    self._spend(times, size * math.prod(shapes[1]))
                    return (size, math.prod(shapes[1]))
                if function == "diag":
                    self._spend(times, size * size)
                    return (size, size)
                self._spend(times, size, self.curved if function in f.SMOOTH else None)
                return () if function in ("sum", "mean", "kronecker") else shapes[0]
            case f.List(items):
                several = [self._visit(item, times) for item in items]
                self._spend(times, sum(map(math.prod, several)), 1)
                return (len(items), *several[0])
            case f.Subscript(base, indices):
                return self._visit(base, times)[len(indices) :]
            case f.Transpose(operand):
                shape = self._visit(operand, times)
                return (1, *shape) if len(shape) == 1 else shape[::-1]
            case f.Power(base, exponent):
                shape = self._visit(base, times)
                self._spend(times, math.prod(shape) * max(1, abs(exponent).bit_length()))
                return shape
            case f.Negative(operand):
                shape = self._visit(operand, times)
                self._spend(times, math.prod(shape))
                return shape
        self._spend(times, 0)
        return ()
