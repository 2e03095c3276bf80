"""How much work there is in a sheet, counted before any of it is done, and the
budget that pays for what follows.

The unit is an operation: about as much as adding or multiplying two fractions
takes. What a pass, a Jacobian or the value of a formula costs follows from
shapes alone. So the same sheet costs the same on every machine, on a busy one
as on a fast one, and with whatever has been found for other sheets before.

    exact numbers       an operation each, and VISIT for a part of a formula
    enclosures          ENCLOSED operations each, more with more digits,
                        an exponential or logarithm CURVED
    arrays of floats    FLOATS of them an operation
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.language.functions import facts_of
from gradsheet.network import losses
from gradsheet.network.network import Network
from gradsheet.numbers.budget import DIGITS, curved, enclosed, length_factor
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.session import Session

VISIT = 3  # operations that a part of a formula takes besides its numbers
LAYER = 8  # operations that a layer takes, however few units it has
JAX = 2_000  # for JAX's program of a layer, whatever it computes
JAX_STEP = 60  # and of a step of a network of definitions, thrice that with a pass back
JAX_DERIVATIVE = 1_000  # and of one that is a derivative

MAX_NETWORKS, MAX_COUNTED = 64, 2_000  # whose formulas are counted once for all sheets, and those

Shape = tuple[int, ...]


class PassWork:
    """What passes through a network cost, on fractions of data with so many
    bits, or where that is None on enclosures.

    forward    one forward pass
    both       one forward and one backward pass from the loss
    """

    def __init__(self, network: Network, examples: int, bits: int | None, digits: int = DIGITS):
        self.network, self.examples = network, examples
        layers = list(zip(network.widths, network.widths[1:], network.activations, strict=False))
        times = length_factor(2 * bits * network.depth) if bits is not None else enclosed(digits)
        each = (examples * times * (2 * i * units + 3 * units) + LAYER for i, units, _ in layers)
        self._backward = [0, *map(int, itertools.accumulate(each))]  # through so many layers
        self.forward = self._backward[-1]
        if bits is None:
            curves = ((facts_of(activation), units) for _, units, activation in layers)
            functions = sum(
                units * facts.exponentials for facts, units in curves if not facts.rational
            )
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
        return self.network.inner("yhat" if name == "y" else name)  # y is as large as yhat


class FormulaWork:
    """The operations that evaluating a formula once for all values of its free
    letters takes, at one point."""

    def __init__(self, network: Any, bits: int | None, digits: int = DIGITS):
        self.network, self.curved = network, curved(digits) * 2 // 3  # most of them are met again
        self.each = enclosed(digits) if bits is None else length_factor(2 * bits * network.depth)
        self.work = 0.0
        self._counted: LRUCache[int] = LRUCache(MAX_COUNTED)
        self._ranges: LRUCache[dict[str, int]] = LRUCache(MAX_COUNTED)

    def of(self, tree: f.Node, bound: Mapping[str, int] = {}) -> int:
        """The operations; `bound` are letters that run over more than the formula says."""

        def count() -> int:
            self.ranges, self.work = {**self.ranges_of(tree), **bound}, 0
            self._visit(tree, self._times(tree.letters | bound.keys()))
            return int(self.work)

        return self._counted.get((tree, *bound.items()), count)

    def counted(self, question: tuple[Any, ...], count: Callable[[], int]) -> int:
        """What was counted here before, or is now: a class writes the same."""
        return self._counted.get(question, count)

    def _times(self, letters: Iterable[str]) -> int:
        return math.prod(self.ranges.get(letter, 1) for letter in letters)

    def ranges_of(self, tree: f.Node) -> dict[str, int]:
        """How far every letter runs: as far as the longest axis that it stands at."""
        return self._ranges.get(tree, lambda: self._ranges_of(tree))

    def _ranges_of(self, tree: f.Node) -> dict[str, int]:
        ranges: dict[str, int] = {}
        for node in f.walk(tree):
            if isinstance(node, f.Quantity | f.Subscript):
                shape: Shape = (max(self.network.widths),) * 8
                if isinstance(node, f.Quantity):
                    shape = self._shape(node.name)
                for size, index in zip(shape, node.indices, strict=False):
                    for letter in () if isinstance(index, int) else index.letters:
                        ranges[letter] = max(ranges.get(letter, 1), size)
            elif isinstance(node, f.Sum) and node.bounds is not None:
                lowest, highest = node.bounds
                count = highest - lowest + 1
                ranges[node.letter.name] = max(ranges.get(node.letter.name, 1), count)
        return ranges

    def _shape(self, name: str) -> Shape:
        if name.removesuffix(NEW) == "L" and self.network.shares is not None:
            return (self.network.shares,)  # as it has them where it has an index
        shape: Shape = self.network.shapes.get(self.network.canonical(name), ())
        return shape

    def _visit(self, node: f.Node, times: int) -> Shape:
        """Count a part that is evaluated so many times; its shape, as far as it has one."""

        def joined(operator: str, a: Shape, b: Shape) -> Shape:
            sizes = math.prod(a), math.prod(b)
            if operator in "@·" and a and b:
                inner = max(1, min(a[-1], b[0]))
                self._spend(times, 2 * sizes[0] * sizes[1] // inner)
                return (*a[:-1], *b[1:])
            self._spend(times, max(sizes))
            return a if sizes[0] >= sizes[1] else b

        match node:
            case f.Chain():
                return node.fold(lambda part: self._visit(part, times), joined)
            case f.Quantity(name, indices):
                self._spend(times, 0)
                if name.removesuffix(NEW) == "L" and self.network.shares is not None:
                    return ()
                return self._shape(name)[len(indices) :]
            case f.Derivative(of, by):
                self._spend(2 * times, 0)
                shapes = [
                    self._shape(q.name) if q.name != "L" or q.indices else () for q in (of, by)
                ]
                return shapes[0][len(of.indices) :] + shapes[1][len(by.indices) :]
            case f.DerivativeOf(term, by):
                return self._visit(term, 3 * times) + self._shape(by.name)[len(by.indices) :]
            case f.Compare(_, left, right):
                return max(self._visit(left, times), self._visit(right, times), key=math.prod)
            case f.Sum(letter, term):
                count = self.ranges.get(letter.name, 1)
                # Once for all letters that it does not depend on.
                inner = min(times, self._times(node.letters))
                self._spend(times, 0)
                shape = self._visit(term, inner * count)
                self._spend(inner * count, math.prod(shape))
                return shape
            case f.Call(function, arguments):
                return self._call(function, [self._visit(a, times) for a in arguments], times)
            case f.List(items):
                several = [self._visit(item, times) for item in items]
                self._spend(times, sum(map(math.prod, several)), 1)
                return (len(items), *several[0])
            case f.Subscript(base, indices):
                return self._visit(base, times)[len(indices) :]
            case f.Transpose(operand):
                shape = self._visit(operand, times)
                return (1, *shape) if len(shape) == 1 else shape[::-1]
            case f.Power(operand) | f.Negative(operand):
                exponent, shape = getattr(node, "exponent", 1), self._visit(operand, times)
                is_root = isinstance(exponent, Fraction)
                products = self.curved if is_root else max(1, abs(exponent).bit_length())
                self._spend(times, math.prod(shape) * products)
                return shape
        self._spend(times, 0)
        return ()

    def _spend(self, times: int, numbers: int, each: float | None = None) -> None:
        self.work += times * (VISIT + numbers * (self.each if each is None else each))

    def _call(self, function: str, shapes: list[Shape], times: int) -> Shape:
        """Count a function of parts with these shapes; its own shape."""
        size = math.prod(shapes[0])
        if function == "outer":
            self._spend(times, size * math.prod(shapes[1]))
            return (size, math.prod(shapes[1]))
        if function == "diag":
            self._spend(times, size * size)
            return (size, size)
        self._spend(times, size, self.curved if function in f.SMOOTH else None)
        if function == "kronecker" or (function in f.OVER_LETTERS and len(shapes) == 1):
            return ()
        return max(shapes, key=math.prod)


def formula_work(network: Any, bits: int | None, session: Session) -> FormulaWork:
    """The same for all sheets on a network, or on the program of one."""
    counted: LRUCache[FormulaWork] = session.cache("formulas counted", MAX_NETWORKS)
    question = getattr(network, "graph", network), bits
    return counted.get(question, lambda: FormulaWork(network, bits))
