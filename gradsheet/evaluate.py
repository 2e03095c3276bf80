"""The value of a formula at a point, exactly. Only scalars broadcast; a limit on the work stops hostile input."""

import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from gradsheet import formula as f
from gradsheet.network import NEW
from gradsheet.point import STEPS, Missing, Point, as_array
from gradsheet.real import Imprecise, OutsideDomain, Real, Undecided
from manual import activations
from manual.activations import Array, softmax

MAX_WORK = 50_000
MAX_AXES = 8
MAX_BITS = 20_000

Binding = Mapping[str, int]


class EvaluationError(ValueError):
    """A formula that has no value here: a shape, an index, a division by 0. The message says which and why."""


class DivisionByZero(EvaluationError):
    """A formula that has no value at this point, though it may have one at others."""


# Whatever keeps a formula from having a value that can be told.
NO_VALUE = (EvaluationError, Missing, Undecided, Imprecise, ArithmeticError)


def _step(v: Any) -> Fraction:
    return Fraction(int(v > 0))


def _sigmoid(v: Real) -> Real:
    return ((v - abs(v)) * Fraction(1, 2)).exp() / (1 + (-abs(v)).exp())


_KINKED: dict[str, Callable[[Any], Any]] = {
    "relu": lambda v: v if v > 0 else Fraction(0),
    "drelu": _step,
    "step": _step,
}
_SMOOTH: dict[str, Callable[[Real], Any]] = {
    "exp": Real.exp,
    "log": Real.log,
    "sigmoid": _sigmoid,
    "dsigmoid": lambda v: _sigmoid(v) * _sigmoid(-v),
    "tanh": Real.tanh,
    "dtanh": lambda v: 4 * _sigmoid(2 * v) * _sigmoid(-2 * v),
}
_ON_FLOATS: dict[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "log": np.log,
    "sigmoid": activations.sigmoid,
    "dsigmoid": activations.d_sigmoid,
    "tanh": activations.tanh,
    "dtanh": activations.d_tanh,
}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def show_index(indices: tuple[Any, ...]) -> str:
    return f"[{','.join(i.name if isinstance(i, f.Letter) else str(i) for i in indices)}]" if indices else ""


class Evaluator:
    """Evaluates formulas at one point; the work they may do together is limited."""

    def __init__(self, point: Point, numbers: Mapping[int, Any] = {}, ranges: dict[Any, int] | None = None):
        self.point, self.work = point, 0
        self.ranges = {} if ranges is None else ranges  # of letters in nodes that outlive this, found before
        self.numbers = numbers  # other values for the numbers of a formula, by the id of their node
        self.letters: dict[int, list[str]] = {}  # that sums depend on, by the ids of their nodes
        self.sums: dict[tuple[Any, ...], Array] = {}  # by their nodes and the values of those letters
        self.kinks: list[Any] = []  # what relu, drelu and step were applied to

    def spend(self, amount: int) -> None:
        self.work += amount
        if self.work > MAX_WORK:
            raise Undecided("this takes more work than a worked example needs")
        if amount > STEPS:
            self.point.budget.check()
        else:
            self.point.budget.glance()

    def value(self, node: f.Node, binding: Binding) -> Array:
        """The value as an object array; raises EvaluationError, or what `Point` raises."""
        spine = []
        while isinstance(node, f.Binary):  # a long sum leans to the left, deeper than Python's stack
            spine.append(node)
            node = node.left
        found = self._leaf(node, binding)
        for binary in reversed(spine):
            found = self._binary(binary.operator, found, self.value(binary.right, binding))
        return found

    def _leaf(self, node: f.Node, binding: Binding) -> Array:
        self.spend(1)
        rule = self._rules.get(type(node))
        if rule is None:
            raise TypeError(f"no rule for {type(node).__name__}")
        return rule(self, node, binding)

    def _number(self, node: f.Number, binding: Binding) -> Array:
        return as_array(self.numbers.get(id(node), node.printed.value))

    def _letter(self, node: f.Letter, binding: Binding) -> Array:
        return as_array(Fraction(self._bound(node.name, binding)))

    def _quantity(self, node: f.Quantity, binding: Binding) -> Array:
        name = node.name
        if node.indices and name in ("L", f"L{NEW}"):  # the share of an output
            name = "shares" + name[1:]
        return self._index(self.point.node(name), node.indices, binding, node.name)

    def _derivative(self, node: f.Derivative, binding: Binding) -> Array:
        of, by = node.of, node.by
        shares = of.name == "L" and of.indices
        of_shape = (self.point.network.widths[-1],) if shares else self._shape(of.name)
        of_index = self.positions(of_shape, of.indices, binding, of.name)
        by_index = self.positions(self._shape(by.name), by.indices, binding, by.name)
        return self.point.derivative("shares" if shares else of.name, of_index, by.name, by_index)

    def _negative(self, node: f.Negative, binding: Binding) -> Array:
        return as_array(-self.value(node.operand, binding))

    def _power(self, node: f.Power, binding: Binding) -> Array:
        base = self.value(node.base, binding)
        self.spend(base.size)
        exact = [v for v in (getattr(v, "exact", v) for v in base.flat) if isinstance(v, Fraction)]
        bits = max((v.numerator.bit_length() + v.denominator.bit_length() for v in exact), default=0)
        if bits * node.exponent > MAX_BITS:
            raise Undecided(f"a power with numbers of over {MAX_BITS} bits")
        return as_array(base**node.exponent)

    def _call(self, node: f.Call, binding: Binding) -> Array:
        arguments = [self.value(argument, binding) for argument in node.arguments]
        return self._outer(*arguments) if node.function == "outer" else self._apply(node.function, *arguments)

    def _sum(self, node: f.Sum, binding: Binding) -> Array:
        """A sum, which is added up once for all values of the indices that it does not depend on."""
        if id(node) not in self.letters:
            self.letters[id(node)] = sorted(node.letters)
        key = (id(node), *(binding.get(name) for name in self.letters[id(node)]))
        if key not in self.sums:
            self.sums[key] = self._added_up(node, binding)
        return self.sums[key]

    def _added_up(self, node: f.Sum, binding: Binding) -> Array:
        letter = node.letter.name
        total: Array | None = None
        for k in range(1, self.range_of(letter, node.term, binding) + 1):
            term = self.value(node.term, {**binding, letter: k})
            total = term if total is None else self._binary("+", total, term)
        return total if total is not None else as_array(Fraction(0))

    def _list(self, node: f.List, binding: Binding) -> Array:
        items = [self.value(item, binding) for item in node.items]
        self._few_axes(items[0].ndim + 1)
        return self._stack(items)

    def _subscript(self, node: f.Subscript, binding: Binding) -> Array:
        return self._index(self.value(node.base, binding), node.indices, binding, "the bracket")

    def _transpose(self, node: f.Transpose, binding: Binding) -> Array:
        return self.value(node.operand, binding).T

    _rules: ClassVar[dict[type, Callable[..., Array]]] = {
        f.Number: _number,
        f.Letter: _letter,
        f.Quantity: _quantity,
        f.Derivative: _derivative,
        f.Negative: _negative,
        f.Power: _power,
        f.Call: _call,
        f.Sum: _sum,
        f.List: _list,
        f.Subscript: _subscript,
        f.Transpose: _transpose,
    }

    def _shape(self, name: str) -> tuple[int, ...]:
        return self.point.network.shapes[self.point.network.canonical(name)]

    @staticmethod
    def _bound(name: str, binding: Binding) -> int:
        if name not in binding:
            raise EvaluationError(f"{name} is no quantity, and as an index it stands at no axis that gives it a range")
        return binding[name]

    def positions(
        self, shape: tuple[int, ...], indices: tuple[f.Index, ...], binding: Binding, name: str
    ) -> tuple[int, ...]:
        """The indices counted from 0; a quantity takes all its indices or none, or the first ones."""
        if len(indices) > len(shape):
            raise EvaluationError(
                f"{name}{show_index(indices)} has {len(indices)} indices, {name} has {len(shape)} axes"
            )
        positions = []
        for axis, index in enumerate(indices):
            number = self._bound(index.name, binding) if isinstance(index, f.Letter) else index
            if not 1 <= number <= shape[axis]:
                at = f" at {index.name} = {number}" if isinstance(index, f.Letter) else ""
                raise EvaluationError(
                    f"{name}{show_index(indices)}: index {axis + 1} is {number}{at}, outside 1 to {shape[axis]}"
                    + (", indices start at 1" if number == 0 else "")
                )
            positions.append(number - 1)
        return tuple(positions)

    def _index(self, array: Array, indices: tuple[f.Index, ...], binding: Binding, name: str) -> Array:
        return as_array(array[self.positions(array.shape, indices, binding, name)]) if indices else array

    def _binary(self, operator: str, a: Array, b: Array) -> Array:
        if operator == "@":
            return self._matmul(a, b)
        if not a.ndim and not b.ndim:
            return self._scalar(operator, a.item(), b.item())
        if a.shape != b.shape:
            # A single number is a scalar whatever its axes, and the result keeps the axes of the other side.
            if a.size == 1 and (operator in "*/" or b.size == 1) and not (b.size == 1 and b.ndim < a.ndim):
                a = as_array(a.item())
            elif b.size == 1 and (operator in "*/" or a.size == 1):
                b = as_array(b.item())
            else:
                raise EvaluationError(self._unequal(operator, a, b))
        self.spend(max(a.size, b.size))
        try:
            return as_array(_OPERATORS[operator](a, b))
        except ZeroDivisionError:
            raise DivisionByZero("a division by 0") from None

    @staticmethod
    def _unequal(operator: str, a: Array, b: Array) -> str:
        if operator in "+-" and 1 in (a.size, b.size):
            return (
                f"{operator} between shapes {a.shape} and {b.shape}: only * and / take a number and an array; "
                f"write it entry by entry, 1 {operator} h1[i], or with a list, [1, 1] {operator} h1"
            )
        shapes = f"{operator} between shapes {a.shape} and {b.shape}, expected equal shapes"
        return shapes + " or a scalar: @ is the product of matrices and vectors" * (operator in "*/")

    def _scalar(self, operator: str, a: Any, b: Any) -> Array:
        self.spend(1)
        try:
            return as_array(_OPERATORS[operator](a, b))
        except ZeroDivisionError:
            raise DivisionByZero("a division by 0") from None

    @staticmethod
    def _few_axes(number: int) -> None:
        if number > MAX_AXES:
            raise EvaluationError(f"an array of {number} axes, expected at most {MAX_AXES}")

    def _matmul(self, a: Array, b: Array) -> Array:
        if not a.ndim or not b.ndim:
            raise EvaluationError("@ with a number, expected vectors or matrices: write * for a factor")
        if a.shape[-1] != b.shape[0]:
            hint = ": write outer(a, b) for a column times a row" if a.ndim == b.ndim == 1 or 1 in a.shape else ""
            raise EvaluationError(
                f"@ between shapes {a.shape} and {b.shape}, expected the last axis of one to fit the first of the other"
                + hint
            )
        self._few_axes(a.ndim + b.ndim - 2)
        self.spend(a.size * b.size // b.shape[0])
        return as_array(np.tensordot(a, b, 1))  # the last axis with the first, as the chain rule has it for Jacobians

    def _outer(self, a: Array, b: Array) -> Array:
        if a.ndim > 1 or b.ndim > 1:
            raise EvaluationError(f"outer of shapes {a.shape} and {b.shape}, expected two vectors")
        self.spend(a.size * b.size)
        return a.reshape(-1, 1) * b.reshape(1, -1)

    def _apply(self, name: str, argument: Array) -> Array:
        self.spend(argument.size)
        if name in _KINKED:
            self.kinks += argument.flat
            return as_array(np.frompyfunc(_KINKED[name], 1, 1)(argument))
        if self.point.floats:
            return as_array(softmax(argument) if name == "softmax" else _ON_FLOATS[name](argument.astype(float)))
        reals = as_array(np.frompyfunc(self.point.arithmetic, 1, 1)(argument))
        if name == "softmax":
            if not reals.ndim:
                raise EvaluationError("softmax of a number, expected a vector: write softmax(z2)[1] for an entry")
            return softmax(reals)
        try:
            return as_array(np.frompyfunc(_SMOOTH[name], 1, 1)(reals))
        except OutsideDomain as error:
            raise EvaluationError(str(error)) from None

    @staticmethod
    def _stack(items: list[Array]) -> Array:
        shapes = sorted({item.shape for item in items})
        if len(shapes) > 1:
            raise EvaluationError(
                f"a list of unequal shapes, {' and '.join(map(str, shapes))}: rows have to be of equal length"
            )
        return np.stack(items)

    def _sites(self, letter: str, node: f.Node, binding: Binding) -> Iterator[tuple[int, str]]:
        """The size of every axis that the letter indexes in a formula, with the name of what has the axis."""
        one = {**{name: 1 for name in self._letters(node)}, **binding}
        for part in f.walk(node, letter):
            match part:
                case f.Quantity(name, indices):
                    shape = (
                        (self.point.network.widths[-1],) if name in ("L", f"L{NEW}") and indices else self._shape(name)
                    )
                case f.Subscript(base, indices) if f.Letter(letter) in indices:
                    shape, name = self.value(base, one).shape, "the bracket"
                case _:
                    continue
            yield from ((size, name) for index, size in zip(indices, shape, strict=False) if index == f.Letter(letter))

    @staticmethod
    def _letters(node: f.Node) -> set[str]:
        return {part.name for part in f.walk(node) if isinstance(part, f.Letter)}

    def range_of(self, letter: str, node: f.Node, binding: Binding) -> int:
        """How far a letter runs in a formula: the size of the axes that it indexes, which have to be of one size."""
        key = (letter, id(node))
        if key not in self.ranges:
            self.ranges[key] = self._find_range(letter, node, binding)
        return self.ranges[key]

    def _find_range(self, letter: str, node: f.Node, binding: Binding) -> int:
        sizes = dict((size, name) for size, name in self._sites(letter, node, binding))
        if not sizes:
            raise EvaluationError(
                f"{letter} is no quantity, and as an index it stands at no axis that gives it a range"
            )
        if len(sizes) > 1:
            raise EvaluationError(
                f"the index {letter} runs over axes of different size: "
                + ", ".join(f"{n} in {name}" for n, name in sizes.items())
            )
        return next(iter(sizes))

    def bindings(self, node: f.Node, bound: Collection[str] = ()) -> Iterator[Binding]:
        """Every combination of values of the letters that are free in a formula, but for those already bound."""
        letters = sorted(node.letters - set(bound))
        ranges = [range(1, self.range_of(letter, node, {}) + 1) for letter in letters]
        self.spend(math.prod(map(len, ranges)))
        for values in itertools.product(*ranges):
            yield dict(zip(letters, values, strict=True))
