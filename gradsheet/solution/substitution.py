"""Numbers put into a formula: every quantity in it replaced by its value, as on paper."""

from collections.abc import Mapping
from types import MappingProxyType

from gradsheet.language import formula as f
from gradsheet.language.evaluate import Evaluator
from gradsheet.numbers.printed import Printed, Value, printed
from gradsheet.solution.rounding_off import Digits
from gradsheet.truth.graph_point import GraphPoint

MAX_TERMS = 12  # of a sum that is written out
MAX_NUMBERS = 144  # that are put into one formula

Binding = Mapping[str, int]
NONE: Binding = MappingProxyType({})


class TooLong(Exception):
    """More numbers than anybody wants to see in one formula."""


def tree_of(value: Value) -> f.Node:
    """Return a value as a formula: a number, or lists of them."""
    return f.Number(value) if isinstance(value, Printed) else f.List(tuple(map(tree_of, value)))


def _minus(number: Printed) -> Printed:
    if not number.value:
        return number
    text = number.text[1:] if number.text.startswith("-") else f"-{number.text}"
    return Printed(text, -number.value, number.places)


class Substitution:
    """The numbers of one point, as a solution writes them."""

    def __init__(self, point: GraphPoint, digits: Digits):
        self.digits, self.evaluator = digits, Evaluator(point)

    def value(self, node: f.Node, binding: Binding = NONE) -> tuple[Value, bool]:
        """Return a value as written, and whether that is rounded; raises as `Evaluator` does."""
        return self.digits.value(self.evaluator.value(node, binding))

    def put_in(self, node: f.Node, binding: Binding = NONE) -> tuple[f.Node, bool]:
        """Return the formula with numbers for its quantities, and whether any is rounded.

        `binding` has the values of its free letters. Raises TooLong where there
        are too many numbers, and what `Evaluator` raises.
        """
        filler = _Filler(self.evaluator, self.digits)
        return filler.put(node, binding), filler.rounded

    def product_done(self, node: f.Node) -> f.Node | None:
        """Return a sum of a product and something else, with the value of the product.

        None where the formula is no such sum, or where a number in it has to be
        rounded. Raises as `put_in` does.
        """
        match node:
            case f.Chain("+", (f.Chain(last=(_, "@", _)) as product, rest)):
                filler = _Filler(self.evaluator, self.digits)
                total = f.Chain("+", (filler.number(product, NONE), filler.put(rest, NONE)))
                return None if filler.rounded else total
        return None


class _Filler:
    """Puts numbers into one formula, `left` more at most; `rounded` where one was."""

    def __init__(self, evaluator: Evaluator, digits: Digits):
        self.evaluator, self.digits, self.left, self.rounded = evaluator, digits, MAX_NUMBERS, False

    def number(self, node: f.Node, binding: Binding) -> f.Node:
        """Return the value of a part, to stand in its place."""
        array = self.evaluator.value(node, binding)
        self.left -= array.size
        if self.left < 0:
            raise TooLong
        value, rounded = self.digits.value(array)
        self.rounded |= rounded
        return tree_of(value)

    def put(self, node: f.Node, binding: Binding) -> f.Node:
        """Return the formula with its numbers."""
        match node:
            case f.Quantity() | f.Derivative() | f.Call("drelu" | "step"):
                return self.number(node, binding)
            case f.Letter(name):
                return f.Number(printed(str(binding[name]))) if name in binding else node
            case f.Sum(letter, term):
                values = self.evaluator.limits(node, binding)
                if len(values) > MAX_TERMS:
                    raise TooLong
                terms = [self.put(term, {**binding, letter.name: k}) for k in values]
                if isinstance(node, f.Largest | f.Smallest):
                    name = "max" if isinstance(node, f.Largest) else "min"
                    return f.Call(name, (f.List(tuple(terms)),))
                return f.chain("+" * (len(terms) - 1), terms)
            case f.Negative(operand):
                inner = self.put(operand, binding)
                if isinstance(inner, f.Number):
                    return f.Number(_minus(inner.printed))
                return f.Negative(inner)
            case f.Subscript(base, indices):
                places = tuple(self.evaluator.whole_number(i, binding) for i in indices)
                return f.Subscript(self.put(base, binding), places)
        return f.rebuilt(node, [self.put(part, binding) for part in node.below])
