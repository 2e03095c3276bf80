"""Numbers put into a formula: every quantity in it replaced by its value, as it is written on paper."""

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import reduce
from types import MappingProxyType
from typing import Any

from gradsheet import formula as f
from gradsheet.evaluate import Evaluator
from gradsheet.number import Printed, printed
from gradsheet.point import Point
from gradsheet.sheet import Value
from gradsheet.solution.digits import Digits

MAX_TERMS = 12  # of a sum that is written out
MAX_NUMBERS = 144  # that are put into one formula

Binding = Mapping[str, int]
NONE: Binding = MappingProxyType({})


class TooLong(Exception):
    """More numbers than anybody wants to see in one formula."""


def tree_of(value: Value) -> f.Node:
    """A value as a formula: a number, or lists of them."""
    return f.Number(value) if isinstance(value, Printed) else f.List(tuple(map(tree_of, value)))


def _minus(number: Printed) -> Printed:
    """The number with the other sign."""
    if not number.value:
        return number
    text = number.text[1:] if number.text.startswith("-") else f"-{number.text}"
    return Printed(text, -number.value, number.places)


class Numbers:
    """The numbers of one point, as a solution writes them."""

    def __init__(self, point: Point, digits: Digits):
        self.point, self.digits, self.evaluator = point, digits, Evaluator(point)
        self.left = MAX_NUMBERS

    def value(self, node: f.Node, binding: Binding = NONE) -> tuple[Value, bool]:
        """A formula's value as it is written, and whether that is rounded. Raises as `Evaluator` does."""
        array = self.evaluator.value(node, binding)
        self.digits.rounded = False
        return self.digits.value(array), self.digits.rounded

    def put_in(self, node: f.Node, binding: Binding = NONE) -> tuple[f.Node, bool]:
        """The formula with numbers for its quantities, and whether any of those is rounded. Raises TooLong."""
        self.digits.rounded, self.left = False, MAX_NUMBERS
        return self._put(node, binding), self.digits.rounded

    def product_done(self, node: f.Node) -> f.Node | None:
        """A sum of a product and something else, with the value of the product; None where that has to be rounded."""
        match node:
            case f.Binary("+", f.Binary("@") as product, rest):
                self.digits.rounded, self.left = False, MAX_NUMBERS
                found = f.Binary("+", self._number(product, {}), self._put(rest, {}))
                return None if self.digits.rounded else found
        return None

    def _number(self, node: f.Node, binding: Binding) -> f.Node:
        array = self.evaluator.value(node, binding)
        self.left -= array.size
        if self.left < 0:
            raise TooLong
        return tree_of(self.digits.value(array))

    def _put(self, node: Any, binding: Binding) -> f.Node:
        match node:
            case f.Quantity() | f.Derivative() | f.Call("drelu" | "step"):
                return self._number(node, binding)
            case f.Letter(name):
                return f.Number(printed(str(binding[name]))) if name in binding else node
            case f.Sum(letter, term):
                number = self.evaluator.range_of(letter.name, term, binding)
                if number > MAX_TERMS:
                    raise TooLong
                terms = [self._put(term, {**binding, letter.name: k}) for k in range(1, number + 1)]
                return reduce(lambda left, right: f.Binary("+", left, right), terms)
            case f.Negative(operand):
                inner = self._put(operand, binding)
                return f.Number(_minus(inner.printed)) if isinstance(inner, f.Number) else f.Negative(inner)
            case f.Subscript(base, indices):
                places = tuple(binding[i.name] if isinstance(i, f.Letter) else i for i in indices)
                return f.Subscript(self._put(base, binding), places)
        changed: dict[str, Any] = {}
        for field in fields(node):
            part = getattr(node, field.name)
            if isinstance(part, f.Node):
                changed[field.name] = self._put(part, binding)
            elif isinstance(part, tuple):
                changed[field.name] = tuple(self._put(item, binding) for item in part)
        found: f.Node = replace(node, **changed)
        return found
