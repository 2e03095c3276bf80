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

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.network.lowering import Program, is_rational
from gradsheet.numbers.budget import DIGITS, curved, enclosed, length_factor
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.session import Session

VISIT = 3  # operations that a part of a formula takes besides its numbers
VISITED = 1 / 2  # within a nudge, where most of what it rests on is known
JAX = 2_000  # for JAX's program of a network, whatever it computes
JAX_STEP = 75  # and for each of its steps, thrice that with a pass back
JAX_DERIVATIVE = 1_000  # and of one that is a derivative

MAX_NETWORKS, MAX_COUNTED = 64, 2_000  # whose formulas are counted once for all sheets, and those

Shape = tuple[int, ...]


class SweepWork:
    """What passes through the steps of a program cost, on fractions of data with
    so many bits, or where that is None on enclosures.

    forward    one pass forward
    both       one forward and one back
    """

    def __init__(self, program: Program, bits: int | None, digits: int = DIGITS):
        self.program, self.bits, self.digits = program, bits, digits
        self._swept: dict[int, float] = {}
        self._walked: dict[int, float] = {}

    @functools.cached_property
    def forward(self) -> int:
        """All steps, one by one."""
        return self.swept(range(len(self.program.steps)))

    @property
    def both(self) -> int:
        """All steps, and back through them."""
        return 3 * self.forward

    def jacobian(self, name: str) -> int:
        """A sweep back from every entry of a name."""
        entries = math.prod(self.program.shapes.get(self.program.canonical(name), ()))
        return 2 * entries * self.swept(self.program.made_of([name]))

    def swept(self, slots: Iterable[int]) -> int:
        """Steps as they are lowered, a derivative among them a sweep back from
        every entry of what it is of."""
        return int(sum(map(self._swept_step, slots)))

    def walked(self, slots: Iterable[int]) -> int:
        """The same in the formulas, after a nudge: a derivative is there a nudge
        to every entry of what it is by."""
        return int(sum(map(self._walked_step, slots)))

    def _swept_step(self, slot: int) -> float:
        if slot not in self._swept:
            if (through := self._derived(slot)) is None:
                work = sum(self._numbers(slot))
            else:
                of = self.program.steps[slot].inputs[0]
                work = 3 * math.prod(self.program.steps[of].shape) * self.swept(through)
            self._swept[slot] = work + 1
        return self._swept[slot]

    def _walked_step(self, slot: int) -> float:
        if slot not in self._walked:
            if (through := self._derived(slot)) is None:
                arithmetic, curves = self._numbers(slot)
                work = 2 * arithmetic + curves  # an exponential is met again in its slope
                work += VISITED * self._visits.get(slot, 0)
            else:
                by = self.program.steps[slot].inputs[1:]
                entries = sum(math.prod(self.program.steps[other].shape) for other in by)
                work = entries * self.walked(through)
            self._walked[slot] = work + 1
        return self._walked[slot]

    @functools.cached_property
    def _visits(self) -> dict[int, int]:
        """The parts of formulas that are visited for the slot of a name: all of
        them for every entry that is written by itself."""
        program, visits = self.program, dict[int, int]()
        for block in program.blocks:
            for definition in block.definitions:
                letters = len(definition.letters) - (block.axis is not None)
                ranges = {letter: high for letter, _, high in program.runs[definition.name]}
                parts = _visited(definition.formula, ranges)
                for slot in program.places[definition.name].slots:
                    visits[slot] = math.prod(program.steps[slot].shape[:letters]) * parts
        return visits

    def _derived(self, slot: int) -> list[int] | None:
        """What stands between the ends of a derivative; None where a step is none."""
        step = self.program.steps[slot]
        if not step.is_derivative:
            return None
        of, *by = step.inputs
        return self.program.between(by, of)

    def _numbers(self, slot: int) -> tuple[float, float]:
        """What the sums and products of a step cost, and its exponentials or logarithms."""
        step, work = self.program.steps[slot], self.program.work_of(slot)
        if step.operation in ("given", "constant", "name", "reshape"):
            return 0, 0
        if self.bits is not None:
            return work * length_factor(2 * self.bits * self.program.levels[slot]), 0
        curves = 0 if is_rational(step) else math.prod(step.shape) * curved(self.digits)
        return work * enclosed(self.digits), curves


def _visited(node: f.Node, ranges: Mapping[str, int]) -> int:
    """The parts of a formula, those in a sum as often as its letter has values."""
    inner = sum(_visited(part, ranges) for part in node.below)
    return 1 + inner * (ranges.get(node.letter.name, 1) if isinstance(node, f.Sum) else 1)


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


def sweep_work(
    program: Program, bits: int | None, session: Session, digits: int = DIGITS
) -> SweepWork:
    """The same for all sheets on a program."""
    counted: LRUCache[SweepWork] = session.cache("sweeps counted", MAX_NETWORKS)
    question = program, bits, digits
    return counted.get(question, lambda: SweepWork(program, bits, digits))
