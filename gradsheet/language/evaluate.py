"""The value of a formula at a point, exactly. A limit on the work stops hostile
input.

`+ - * /` are entry by entry: between equal shapes; with a number; between a
matrix and a row (1, n) or a column (m, 1); between a vector (n,) and a row (1,
n), which gives a row; and between a batch and a vector of one example. What
else NumPy would broadcast, a vector along the rows of a matrix, has two
meanings on paper and is not read. What was broadcast, and which product a `·`
was taken for, is kept to be said (`Evaluator.said`).
"""

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, ClassVar, Protocol

import numpy as np

from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.language.functions import FUNCTIONS
from gradsheet.language.text import show_index
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import GLANCES, Budget, length_factor
from gradsheet.numbers.reasons import (
    DivisionByZero,
    EvaluationError,
    NotRead,
    OutsideDomain,
    Undecided,
)
from manual.activations import Array

MAX_WORK = 50_000
MAX_AXES = 8
MAX_BITS = 20_000
LONG = 1_000  # bits of fractions that are paid for one by one
MAX_DOTS = 4  # in a line, whose products are looked for
NO_RANGE = "{} is no quantity, and as an index it stands at no axis that gives it a range"

Binding = Mapping[str, int]


class Shapes(Protocol):
    """What a formula must know of the network that it speaks of."""

    @property
    def widths(self) -> tuple[int, ...]:
        """The inputs and every layer's units."""

    @property
    def examples(self) -> int | None:
        """The size of the batch, None where nodes have no example axis."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of every quantity under its one name."""

    def canonical(self, name: str) -> str:
        """The one name of a quantity."""


class Environment(Protocol):
    """The values that a formula's names stand for: exact numbers, or floats
    where `floats` says so."""

    budget: Budget
    floats: bool

    @property
    def network(self) -> Shapes:
        """What the names mean."""

    @property
    def exact(self) -> bool:
        """Whether all values are fractions."""

    @property
    def arithmetic(self) -> Any:
        """What makes a number one that exp and log are taken of."""

    def node(self, name: str) -> Array:
        """The value of a node or parameter."""

    def derivative(
        self, of: str, of_index: tuple[int, ...], by: str, by_index: tuple[int, ...]
    ) -> Array:
        """The derivative of an entry by an entry, indices from 0; the first ones
        alone give an array."""


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as messages have it: 3x2."""
    return "x".join(map(str, shape)) or "of a number"


def same_shape(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two shapes are one; an axis of length 1 may be left out on both sides of a claim."""
    return [n for n in a if n != 1] == [n for n in b if n != 1]


def without_dots(
    line: f.Node, quantity: f.Node, point: Environment
) -> tuple[f.Node, tuple[str, ...]]:
    """A line with the only product for each `·` with which it has a value, and
    what was read in this way.

    If several have one it is that with the shape of the quantity. Where several
    products would do, or none, the line is left as it is.
    """
    parts = dict.fromkeys(f.walk(line))
    dots = [part for part in parts if isinstance(part, f.Binary) and part.operator == "·"]
    if not 1 <= len(dots) <= MAX_DOTS:
        return line, ()
    ones = dict.fromkeys(quantity.letters | line.letters, 1)
    shape = Evaluator(point).value(quantity, ones).shape
    evaluator, readings = Evaluator(point), []
    for products in itertools.product("@*", repeat=len(dots)):
        other = _with_products(line, dict(zip(dots, products, strict=True)))
        try:
            value = evaluator.value(other, ones)
        except DivisionByZero:  # it fits all the same, only not with these numbers
            return line, ()
        except EvaluationError:
            continue
        readings.append((same_shape(value.shape, shape), other, products))
    if len(readings) > 1:
        readings = [reading for reading in readings if reading[0]]
    if len(readings) != 1:
        return line, ()
    _, other, products = readings[0]
    words = {"@": "the matrix product", "*": "entry by entry, or a factor"}
    return other, tuple(dict.fromkeys(f"· is {words[product]}" for product in products))


def _with_products(node: Any, products: Mapping[f.Node, str]) -> Any:
    """A formula with other operators for some of its products."""
    if isinstance(node, tuple):
        return tuple(_with_products(item, products) for item in node)
    if not isinstance(node, f.Node):
        return node
    changed = {name: _with_products(part, products) for name, part in node.fields.items()}
    if node in products:
        changed["operator"] = products[node]
    return type(node)(**changed)


def _bits(values: Iterable[Any]) -> int:
    """The length of the longest fraction among some numbers."""
    fractions = (v for v in values if isinstance(v, Fraction))
    lengths = (v.numerator.bit_length() + v.denominator.bit_length() for v in fractions)
    return max(lengths, default=0)


class Evaluator:
    """Evaluates formulas at one point; the work they may do together is limited."""

    def __init__(
        self,
        point: Environment,
        numbers: Mapping[int, Any] = {},
        ranges: dict[Any, int] | None = None,
    ):
        self.point, self.work = point, 0
        # Of letters in nodes that outlive this, found before.
        self.ranges = {} if ranges is None else ranges
        self.numbers = numbers  # other values for the numbers of a formula, by the id of their node
        self.letters: dict[int, list[str]] = {}  # that sums depend on, by the ids of their nodes
        # Sums, by their nodes and the values of those letters.
        self.sums: dict[tuple[Any, ...], Array] = {}
        self.kinks: list[Any] = []  # what relu, drelu and step were applied to
        # How parts of formulas were read that may be read otherwise.
        self.said: dict[tuple[int, str], str] = {}

    def spend(self, amount: int) -> None:
        """Count some work; raises Undecided where it is too much."""
        self.work += amount
        if self.work > MAX_WORK:
            raise Undecided("this takes more work than a worked example needs")
        if amount > GLANCES:
            self.point.budget.check()
        else:
            self.point.budget.glance()

    def value(self, node: f.Node, binding: Binding) -> Array:
        """The value as an object array; raises EvaluationError, or what `Point` raises."""
        spine = []
        while isinstance(node, f.Binary):  # a long sum is deeper than Python's stack
            spine.append(node)
            node = node.left
        value = self._leaf(node, binding)
        for binary in reversed(spine):
            value = self._binary(binary, value, self.value(binary.right, binding))
        return value

    def say(self, node: f.Node, text: str) -> None:
        """Keep how a part of a formula was read, where that is not the only way to read it."""
        self.said[id(node), text] = text

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
        bits = _bits(getattr(v, "exact", v) for v in base.flat)
        if bits * abs(node.exponent) > MAX_BITS:
            raise Undecided(f"a power with numbers of over {MAX_BITS} bits")
        power = self._weighed(as_array(base ** abs(node.exponent)))
        return power if node.exponent >= 0 else self._entrywise("/", as_array(Fraction(1)), power)

    def _call(self, node: f.Call, binding: Binding) -> Array:
        arguments = [self.value(argument, binding) for argument in node.arguments]
        match node.function:
            case "outer":
                return self._outer(*arguments)
            case "diag":
                return self._diagonal(*arguments)
            case "kronecker":
                return as_array(Fraction(int(arguments[0].item() == arguments[1].item())))
            case "sum" | "mean":
                return self._over_entries(node, *arguments)
        if FUNCTIONS[node.function].over_axis and arguments[0].ndim > 1:
            self.say(node, f"{node.function} goes over the last axis")
        return self._apply(node.function, *arguments)

    def _over_entries(self, node: f.Call, array: Array) -> Array:
        name = node.function
        if not array.ndim:
            raise NotRead(f"{name} of a single number: write {name}(k, ...) with the letter")
        self.spend(array.size)
        if self._has_examples(node.arguments[0]):
            self.say(node, f"{name} is over all entries, those of all examples")
        total = as_array(array.sum())
        return total if name == "sum" else self._divided(total, array.size)

    def _diagonal(self, vector: Array) -> Array:
        if vector.ndim != 1:
            raise NotRead(f"diag of an array of {vector.ndim} axes, expected a vector")
        self.spend(vector.size**2)
        matrix = np.full((vector.size, vector.size), Fraction(0), object)
        np.fill_diagonal(matrix, vector)
        return matrix

    def _sum(self, node: f.Sum, binding: Binding) -> Array:
        """A sum, which is added up once for all values of the indices that it
        does not depend on."""
        if id(node) not in self.letters:
            self.letters[id(node)] = sorted(node.letters)
        key = (id(node), *(binding.get(name) for name in self.letters[id(node)]))
        if key not in self.sums:
            self.sums[key] = self._added_up(node, binding)
        return self.sums[key]

    def _added_up(self, node: f.Sum, binding: Binding) -> Array:
        letter = node.letter.name
        number = self.range_of(letter, node.term, binding)
        total = self.value(node.term, {**binding, letter: 1})
        for k in range(2, number + 1):
            total = self._entrywise("+", total, self.value(node.term, {**binding, letter: k}))
        return self._divided(total, number) if isinstance(node, f.Mean) else total

    def _divided(self, total: Array, number: int) -> Array:
        return self._entrywise("/", total, as_array(Fraction(number)))

    def _list(self, node: f.List, binding: Binding) -> Array:
        items = [self.value(item, binding) for item in node.items]
        self._few_axes(items[0].ndim + 1)
        return self._stack(items)

    def _subscript(self, node: f.Subscript, binding: Binding) -> Array:
        return self._index(self.value(node.base, binding), node.indices, binding, "the bracket")

    def _transpose(self, node: f.Transpose, binding: Binding) -> Array:
        """A vector becomes a row, a matrix its transpose."""
        array = self.value(node.operand, binding)
        if array.ndim > 2:
            raise NotRead(f".T of an array of {array.ndim} axes, expected a vector or a matrix")
        return array.reshape(1, -1) if array.ndim == 1 else array.T

    _rules: ClassVar[dict[type, Callable[..., Array]]] = {
        f.Number: _number,
        f.Letter: _letter,
        f.Quantity: _quantity,
        f.Derivative: _derivative,
        f.Negative: _negative,
        f.Power: _power,
        f.Call: _call,
        f.Sum: _sum,
        f.Mean: _sum,
        f.List: _list,
        f.Subscript: _subscript,
        f.Transpose: _transpose,
    }

    def _shape(self, name: str) -> tuple[int, ...]:
        return self.point.network.shapes[self.point.network.canonical(name)]

    @staticmethod
    def _bound(name: str, binding: Binding) -> int:
        if name not in binding:
            raise NotRead(NO_RANGE.format(name))
        return binding[name]

    def positions(
        self, shape: tuple[int, ...], indices: tuple[f.Index, ...], binding: Binding, name: str
    ) -> tuple[int, ...]:
        """The indices counted from 0; a quantity takes all its indices or none,
        or the first ones."""
        self._fit(indices, shape, name)
        positions = []
        for axis, index in enumerate(indices):
            number = self._bound(index.name, binding) if isinstance(index, f.Letter) else index
            if not 1 <= number <= shape[axis]:
                at = f" at {index.name} = {number}" if isinstance(index, f.Letter) else ""
                raise EvaluationError(
                    f"{name}{show_index(indices)}: index {axis + 1} is {number}{at}, outside 1 to "
                    f"{shape[axis]}" + (", indices start at 1" if number == 0 else "")
                )
            positions.append(number - 1)
        return tuple(positions)

    def _fit(self, indices: tuple[f.Index, ...], shape: tuple[int, ...], name: str) -> None:
        """Raise where there are more indices than axes."""
        if len(indices) > len(shape):
            entry, number = f"{name}{show_index(indices)}", len(indices)
            message = f"{entry} has {number} indices, {name} has {len(shape)} axes"
            is_node = self.point.network.examples is None and name[0] in "xyzh"
            if is_node and isinstance(indices[0], f.Letter):
                raise NotRead(f"{message}: the sheet has one example, and so no index for it")
            raise EvaluationError(message)

    def _index(
        self, array: Array, indices: tuple[f.Index, ...], binding: Binding, name: str
    ) -> Array:
        if not indices:
            return array
        return as_array(array[self.positions(array.shape, indices, binding, name)])

    def _has_examples(self, node: f.Node, *, last: bool = False) -> bool:
        """Whether the first axis of a formula's value, or the last, is that of the examples."""
        while isinstance(node, f.Binary):  # a long sum is deeper than Python's stack
            # The first axis is that of the left side, the last that of the right.
            if node.operator == "@":
                node = node.right if last else node.left
                continue
            if self._has_examples(node.right, last=last):
                return True
            node = node.left
        match node:
            case f.Quantity(name, ()):
                return self.point.network.examples is not None and name[0] in "xyzh" and not last
            case f.Derivative(of, by) if not last:
                return self._has_examples(of) or (
                    self._shape(of.name)[len(of.indices) :] == () and self._has_examples(by)
                )
            case f.Transpose(inner):
                return self._has_examples(inner, last=not last)
            case f.Negative(inner) | f.Power(inner) | f.Sum(_, inner):
                return self._has_examples(inner, last=last)
            case f.Call(function, (inner, *_)):
                return function in (*f.KINKED, *f.SMOOTH) and self._has_examples(inner, last=last)
        return False

    def _binary(self, node: f.Binary, a: Array, b: Array) -> Array:
        """The value of left and right joined by the operator of a node."""
        operator = node.operator
        if operator == "@":
            return self._matmul(node, a, b)
        if operator == "·" and (a.ndim or b.ndim):
            return self._dot(node, a, b)
        return self._broadcast(node, a, b)

    def _broadcast(self, node: f.Binary, a: Array, b: Array) -> Array:
        """Entry by entry, where the shapes are equal or may be made so."""
        operator = node.operator if node.operator != "·" else "*"
        if a.shape == b.shape or not a.ndim or not b.ndim:
            return self._entrywise(operator, a, b)
        # A single number is a scalar whatever its axes, and the result keeps the axes of
        # the other side.
        one_number = operator in "*/" or a.size == b.size == 1
        if one_number and a.size == 1 and not (b.size == 1 and b.ndim < a.ndim):
            return self._entrywise(operator, as_array(a.item()), b)
        if one_number and b.size == 1:
            return self._entrywise(operator, a, as_array(b.item()))
        for matrix, other, side in ((a, b, node.left), (b, a, node.right)):
            if matrix.ndim == 2 and (words := self._stretched(operator, matrix, other, side)):
                self.say(node, words)
                return self._entrywise(operator, a, b)
            if matrix.ndim == 2 and other.ndim == 1:
                if matrix is b and len(matrix) == 1 and operator == "*":
                    raise NotRead(
                        f"{node.operator} between a vector and a row: write @ for their outer "
                        "product"
                    )
                if other.size in matrix.shape:
                    ways = f"W {operator} v.T for the same in every row"
                    if operator in "*/":
                        ways = "W*v.T to scale the columns, diag(v) @ W to scale the rows, or W @ v"
                    raise NotRead(
                        f"{node.operator} between a {shape_text(matrix.shape)} matrix and a vector "
                        f"of {other.size} has more than one meaning: write {ways}"
                    )
        hint = ": @ is the product of matrices and vectors" if operator in "*/" else ""
        raise EvaluationError(
            f"{operator} between shapes {a.shape} and {b.shape}, expected equal shapes or a "
            f"number{hint}"
        )

    def _stretched(self, operator: str, matrix: Array, other: Array, side: f.Node) -> str:
        """How an array goes with the matrix of one `side` entry by entry, in
        words; "" where it does not."""
        rows, columns = matrix.shape
        if other.shape == (1, columns):
            shape = shape_text(matrix.shape)
            return f"the row of {columns} stands for every row of the {shape} matrix"
        if columns == 1 and other.ndim == 2 and len(other) == 1:
            sign = {"+": "sum", "-": "difference", "*": "product", "/": "quotient"}[operator]
            return f"a column and a row: every {sign} of their entries, {rows}x{other.size}"
        if other.shape == (rows, 1):
            shape = shape_text(matrix.shape)
            return f"the column of {rows} stands for every column of the {shape} matrix"
        if rows == 1 and other.shape == (columns,):
            return f"the vector of {columns} stands for a row"
        if other.shape == (columns,) and self._has_examples(side):
            return f"the vector of {columns} stands for every example"
        return ""

    def _weighed(self, array: Array) -> Array:
        """The array, after long fractions in it have been paid for, here and by the sheet."""
        if self.point.exact and not self.point.floats and (bits := _bits(array.flat)) > LONG:
            self.spend(extra := int(array.size * length_factor(bits)))
            self.point.budget.spend(extra)
        return array

    def _entrywise(self, operator: str, a: Array, b: Array) -> Array:
        self.spend(max(a.size, b.size))
        numbers = not a.ndim and not b.ndim
        left, right = (a.item(), b.item()) if numbers else (a, b)
        try:
            return self._weighed(as_array(_OPERATORS[operator](left, right)))
        except ZeroDivisionError:
            raise DivisionByZero("a division by 0") from None

    def _dot(self, node: f.Binary, a: Array, b: Array) -> Array:
        """What · stands for: a factor, or the one of matrix product and entry
        by entry that fits."""
        if 1 in (a.size, b.size):
            return self._broadcast(node, a, b)
        fitting: dict[str, Array] = {}
        unfit: list[EvaluationError] = []
        products = {"the matrix product": self._matmul, "entry by entry": self._broadcast}
        for words, product in products.items():
            try:
                fitting[words] = product(node, a, b)
            except EvaluationError as error:
                unfit.append(error)
        if len(fitting) == 2:
            raise NotRead(
                "· may be the matrix product or entry by entry here: write a @ b or a * b"
            )
        if not fitting:
            if isinstance(unfit[1], NotRead) and max(a.shape) == a.size and max(b.shape) == b.size:
                # a column and a vector may be meant to be alike; a matrix and a vector are not.
                raise unfit[1]
            # As the matrix product it is.
            raise EvaluationError(str(unfit[0]).replace("@ between", "· between", 1))
        ((words, value),) = fitting.items()
        self.say(node, f"· is {words}")
        return value

    @staticmethod
    def _few_axes(number: int) -> None:
        if number > MAX_AXES:
            raise EvaluationError(f"an array of {number} axes, expected at most {MAX_AXES}")

    def _matmul(self, node: f.Binary, a: Array, b: Array) -> Array:
        """The last axis of one contracted with the first of the other; a vector
        before a row is the outer product."""
        if not a.ndim or not b.ndim:
            raise EvaluationError(
                "@ with a number, expected vectors or matrices: write * for a factor"
            )
        if a.shape[-1] != b.shape[0] and a.ndim == b.ndim == 1 and 1 in (a.size, b.size):
            return self._entrywise("*", a, b)  # a vector of length 1 is a number in a product
        if a.ndim == 1 and b.ndim == 2 and len(b) == 1 != a.size:
            self.say(node, f"a vector before a row: the {a.size}x{b.size} outer product")
            return self._outer(a, b[0])
        if a.shape[-1] != b.shape[0]:
            outer = a.ndim == b.ndim == 1 or 1 in a.shape
            hint = ": write outer(a, b) for a column times a row" if outer else ""
            raise EvaluationError(
                f"@ between shapes {a.shape} and {b.shape}, expected the last axis of one to fit "
                "the first of the other" + hint
            )
        self._few_axes(a.ndim + b.ndim - 2)
        self.spend(a.size * b.size // b.shape[0])
        # The last axis with the first, as the chain rule has it for Jacobians.
        return self._weighed(as_array(np.tensordot(a, b, 1)))

    def _outer(self, a: Array, b: Array) -> Array:
        # a row is a vector here.
        a, b = (v.reshape(-1) if v.size == max(v.shape, default=0) else v for v in (a, b))
        if a.ndim > 1 or b.ndim > 1:
            raise EvaluationError(f"outer of shapes {a.shape} and {b.shape}, expected two vectors")
        self.spend(a.size * b.size)
        return a.reshape(-1, 1) * b.reshape(1, -1)

    def _apply(self, name: str, argument: Array, *slopes: Array) -> Array:
        self.spend(argument.size)
        function = FUNCTIONS[name]
        if function.kinked:
            self.kinks += argument.flat
            if any(slope.size != 1 for slope in slopes):
                raise NotRead(f"the slope of {name} is an array, expected a number")
            given = [slope.item() for slope in slopes]
            return as_array(np.frompyfunc(lambda v: function.exact(v, *given), 1, 1)(argument))
        if self.point.floats:
            assert function.on_floats is not None
            return as_array(function.on_floats(argument.astype(float)))
        reals = as_array(np.frompyfunc(self.point.arithmetic, 1, 1)(argument))
        if function.over_axis:
            if not reals.ndim:
                raise EvaluationError(
                    f"{name} of a number, expected a vector: write {name}(z2)[1] for an entry"
                )
            return as_array(function.exact(reals))
        try:
            return as_array(np.frompyfunc(function.exact, 1, 1)(reals))
        except OutsideDomain as error:
            raise EvaluationError(str(error)) from None

    @staticmethod
    def _stack(items: list[Array]) -> Array:
        shapes = sorted({item.shape for item in items})
        if len(shapes) > 1:
            raise EvaluationError(
                f"a list of unequal shapes, {' and '.join(map(str, shapes))}: rows have to be of "
                "equal length"
            )
        return np.stack(items)

    def _sites(self, letter: str, node: f.Node, binding: Binding) -> Iterator[tuple[int, str]]:
        """The size of every axis that the letter indexes in a formula, with the
        name of what has the axis."""
        letters = {part.name for part in f.walk(node) if isinstance(part, f.Letter)}
        one = {**dict.fromkeys(letters, 1), **binding}
        for part in f.walk(node, letter):
            match part:
                case f.Quantity("L" | "L_new" as name, indices) if indices:
                    shape: tuple[int, ...] = (self.point.network.widths[-1],)
                case f.Quantity(name, indices):
                    shape = self._shape(name)
                case f.Subscript(base, indices) if f.Letter(letter) in indices:
                    shape, name = self.value(base, one).shape, "the bracket"
                case _:
                    continue
            if f.Letter(letter) in indices:
                self._fit(indices, shape, name)
            for index, size in zip(indices, shape, strict=False):
                if index == f.Letter(letter):
                    yield size, name

    def range_of(self, letter: str, node: f.Node, binding: Binding) -> int:
        """How far a letter runs in a formula: the size of the axes that it
        indexes, which have to be of one size."""
        key = (letter, id(node))
        if key not in self.ranges:
            self.ranges[key] = self._find_range(letter, node, binding)
        return self.ranges[key]

    def _find_range(self, letter: str, node: f.Node, binding: Binding) -> int:
        sizes = dict(self._sites(letter, node, binding))
        if not sizes:
            raise NotRead(NO_RANGE.format(letter))
        if len(sizes) > 1:
            axes = ", ".join(f"{n} in {name}" for n, name in sizes.items())
            raise EvaluationError(f"the index {letter} runs over axes of different size: {axes}")
        return next(iter(sizes))

    def bindings(self, node: f.Node, bound: Collection[str] = ()) -> Iterator[Binding]:
        """Every combination of values of the letters that are free in a
        formula, but for those already bound."""
        letters = sorted(node.letters - set(bound))
        ranges = [range(1, self.range_of(letter, node, {}) + 1) for letter in letters]
        self.spend(math.prod(map(len, ranges)))
        for values in itertools.product(*ranges):
            yield dict(zip(letters, values, strict=True))
