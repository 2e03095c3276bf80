"""A first look at whether a formula may be a quantity: at one point, for one choice of
the letters, modulo a prime.

Where two numbers differ modulo a prime they differ, and residues are added and
multiplied many times as fast as fractions. Where they do not differ, or a
formula has more in it than is looked at here, exact numbers decide.
"""

import functools
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from gradsheet.claims.comparison import truths_at
from gradsheet.language import formula as f
from gradsheet.language.evaluate import Evaluator, same_shape
from gradsheet.numbers.reasons import NO_VALUE
from gradsheet.truth.values import Values
from manual.activations import Array

PRIME = 2**61 - 1
MOST = 2_000  # parts of a formula that are looked at, as often as sums go through them
_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}

_LEAVES = (f.Quantity, f.Derivative, f.Number, f.Call)  # whose values are asked for exactly

# A residue, or those of a vector, or of a list of vectors.
Residue = int | tuple[Any, ...]


class _Open(Exception):
    """Something that is not looked at here."""


class _NoValue(Exception):
    """A formula has no value for this choice of the letters."""


class FirstLook:
    """Formulas for a quantity, at a point whose numbers are fractions; raises
    as finding the quantity does."""

    def __init__(self, point: Values, quantity: f.Node):
        self.point, self.network, self.steps = point, point.network, 0
        truths = truths_at(point, quantity)
        # Where letters stand for different numbers, one is not taken for another.
        self.binding, self.truth = max(truths, key=lambda side: len({*side[0].values()}))
        self.known: dict[tuple[Any, ...], Residue | Exception] = {}
        self.axes: dict[f.Quantity, list[tuple[str, int]]] = {}
        self.sizes: dict[tuple[str, f.Node], int] = {}

    def fails(self, line: f.Node) -> bool:
        """Whether a formula is known not to be the quantity, or to have no value."""
        self.steps = 0
        try:
            further = {letter: 1 for letter in line.letters - self.binding.keys()}
            for letter in further:
                _ = self._size(letter, line)
            mine = self._value(line, {**self.binding, **further})
            theirs = self._entries
        except _Open:
            return False
        except _NoValue:
            return True
        return not same_shape(_shape(mine), self.truth.shape) or _flat(mine) != theirs

    @functools.cached_property
    def _entries(self) -> list[int]:
        return _flat(_residues(self.truth))

    def _value(self, node: f.Node, binding: Mapping[str, int]) -> Residue:
        if isinstance(node, f.Chain):
            total = self._value(node.operands[0], binding)
            for sign, operand in zip(node.operators, node.operands[1:], strict=True):
                total = _joined(sign, total, self._value(operand, binding))
            return total
        if isinstance(node, _LEAVES):
            return self._leaf(node, binding)
        if isinstance(node, f.List):
            items = tuple([self._once(item, binding) for item in node.items])
            if len({*map(_shape, items)}) > 1:
                raise _NoValue
            return items
        if type(node) is f.Sum and node.bounds is None:
            letter, term = node.letter.name, node.term
            running = range(1, self._size(letter, term) + 1)
            terms = (self._value(term, {**binding, letter: k}) for k in running)
            return functools.reduce(functools.partial(_joined, "+"), terms)
        if isinstance(node, f.Negative):
            return _joined("-", 0, self._value(node.operand, binding))
        raise _Open

    def _leaf(self, node: f.Node, binding: Mapping[str, int]) -> Residue:
        """From the exact value."""
        self.steps += 1
        if self.steps > MOST:
            raise _Open

        def find() -> Residue:
            try:
                return _residues(Evaluator(self.point).value(node, binding))
            except NO_VALUE:
                raise _NoValue from None

        return self._found(node, binding, find)

    def _once(self, item: f.Node, binding: Mapping[str, int]) -> Residue:
        """The value of an item of a list, of which most stay what they are."""
        if isinstance(item, (f.List, *_LEAVES)):
            return self._value(item, binding)
        return self._found(item, binding, lambda: self._value(item, binding))

    def _found(
        self, node: f.Node, binding: Mapping[str, int], find: Callable[[], Residue]
    ) -> Residue:
        """What was found before for the values of a node's letters, or is found now."""
        key = node, *[binding.get(letter) for letter in node.in_order]
        if (known := self.known.get(key)) is None:
            try:
                known = find()
            except (_NoValue, _Open) as error:
                known = error
            self.known[key] = known
        if isinstance(known, Exception):
            raise known
        return known

    def _size(self, letter: str, node: f.Node) -> int:
        """How far a letter runs that is free in a formula."""
        if (size := self.sizes.get((letter, node))) is None:
            size = self.sizes[letter, node] = self._find_size(letter, node)
        return size

    def _find_size(self, letter: str, node: f.Node) -> int:
        sizes, waiting = set[int](), [node]
        while waiting:
            part = waiting.pop()
            if isinstance(part, f.Quantity):
                sizes.update([size for name, size in self._axes(part) if name == letter])
            elif isinstance(part, f.Subscript) or (
                isinstance(part, f.Sum) and part.letter.name == letter
            ):
                raise _Open
            else:
                waiting += part.below
        if len(sizes) != 1:
            raise _NoValue
        return sizes.pop()

    def _axes(self, quantity: f.Quantity) -> list[tuple[str, int]]:
        """The letters that are its indices, each with the size of the axis."""
        if (axes := self.axes.get(quantity)) is None:
            shape = self.network.shapes.get(self.network.canonical(quantity.name), ())
            indices = quantity.indices
            if len(indices) > len(shape) or not all(isinstance(i, int | f.Letter) for i in indices):
                raise _Open
            sized = zip(indices, shape, strict=False)
            axes = [(i.name, n) for i, n in sized if isinstance(i, f.Letter)]
            self.axes[quantity] = axes
        return axes


def _joined(sign: str, a: Residue, b: Residue) -> Residue:
    """Entry by entry, where the two are equally long or numbers."""
    if isinstance(a, int) and isinstance(b, int):
        if sign == "@":
            raise _NoValue
        if sign not in _OPERATORS:
            raise _Open
        return _OPERATORS[sign](a, b) % PRIME
    if sign == "@" and (isinstance(a, int) or isinstance(b, int)):
        raise _NoValue
    if isinstance(a, int):
        assert isinstance(b, tuple)
        return tuple(_joined(sign, a, v) for v in b)
    if isinstance(b, int):
        return tuple(_joined(sign, v, b) for v in a)
    if sign == "@" or _shape(a) != _shape(b):
        raise _Open
    return tuple(_joined(sign, u, v) for u, v in zip(a, b, strict=True))


def _residues(array: Array) -> Residue:
    """Fractions as residues; raises _Open where one has none."""

    def of(v: Any) -> int:
        if not isinstance(v, Fraction) or not v.denominator % PRIME:
            raise _Open
        return v.numerator * pow(v.denominator, -1, PRIME) % PRIME

    def several(part: Any) -> Residue:
        return tuple(map(several, part)) if isinstance(part, list) else of(part)

    return several(array.tolist())


def _shape(value: Residue) -> tuple[int, ...]:
    return () if isinstance(value, int) else (len(value), *_shape(value[0]))


def _flat(value: Residue) -> list[int]:
    return [value] if isinstance(value, int) else [v for part in value for v in _flat(part)]
