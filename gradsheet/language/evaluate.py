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
import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, ClassVar, Protocol

import numpy as np

from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.language.functions import FUNCTIONS
from gradsheet.language.text import index_text, show_index
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import GLANCES, Budget, length_factor
from gradsheet.numbers.reasons import (
    DivisionByZero,
    EvaluationError,
    NotRead,
    OtherEntry,
    OutsideDomain,
    Undecided,
)
from manual.activations import Array

MAX_WORK = 50_000
MAX_AXES = 8
MAX_BITS = 20_000
LONG = 1_000  # bits of fractions that are paid for one by one
EXACT_ROOT = 50  # bits of a root that floats find exactly
MAX_DOTS = 4  # in a line, whose products are looked for
NO_RANGE = "{} is no quantity, and as an index it stands at no axis that gives it a range"

Binding = Mapping[str, int]
Scope = Mapping[str, f.Sum]  # the sums around a part of a formula, by their letters
# An index at which a letter stands, the size of its axis, what has it, and the sums around it.
Place = tuple[f.Node, int, str, Scope]


class Shapes(Protocol):
    """What a formula must know of the network that it speaks of."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of every quantity under its one name."""

    @property
    def shares(self) -> int | None:
        """How many shares the loss has, L[k]; None where that is an entry of a
        quantity like any other."""

    @property
    def bases(self) -> Mapping[tuple[str, int, int], str]:
        """The nodes that stand at an index below 1 of a recurrence, as h[0]
        does: by its name, the axis of its steps, and the index there."""

    def canonical(self, name: str) -> str:
        """The one name of a quantity."""

    def has_examples(self, name: str) -> bool | None:
        """Whether the first axis of a quantity is that of the examples; None
        where there is one example alone, and so no such axis."""


class Environment(Protocol):
    """The values that a formula's names stand for: exact numbers, or floats
    where `floats` says so. `leaves` keeps them by their names and derivatives,
    and how far letters run; it is None where they change."""

    leaves: dict[tuple[Any, ...], Any] | None
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

    def differential(self, node: f.DerivativeOf, binding: Binding) -> Array:
        """The derivative of a formula."""

    def function(self, name: str) -> tuple[str, f.Node] | None:
        """The argument of a function of the sheet's own, and the formula in it;
        None where there is no such function."""

    def own_slope(self, name: str, argument: Array) -> Array:
        """The derivative of such a function, entry by entry."""


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}


def row_words(matrix: tuple[int, ...]) -> str:
    """How a row goes with a matrix entry by entry."""
    return f"the row of {matrix[1]} stands for every row of the {shape_text(matrix)} matrix"


def column_words(matrix: tuple[int, ...]) -> str:
    """How a column goes with one."""
    return f"the column of {matrix[0]} stands for every column of the {shape_text(matrix)} matrix"


def of_several_meanings(
    operator: str, matrix: tuple[int, ...], size: int, written: str, otherwise: str = ""
) -> NotRead:
    """What to raise of a matrix and a vector, an operator `written` between them."""
    ways = f"W {operator} v.T for the same in every row{otherwise}"
    if operator in "*/":
        ways = "W @ v for the product, W*v.T to scale the columns, diag(v) @ W to scale the rows"
    return NotRead(
        f"{written} between a {shape_text(matrix)} matrix and a vector of {size} has more than "
        f"one meaning: write {ways}"
    )


def of_unequal_shapes(operator: str, a: tuple[int, ...], b: tuple[int, ...]) -> EvaluationError:
    """What to raise of arrays that do not go together entry by entry."""
    hint = ": @ is the product of matrices and vectors" if operator in "*/" else ""
    return EvaluationError(
        f"{operator} between shapes {a} and {b}, expected equal shapes or a number{hint}"
    )


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
    dotted = [part for part in parts if isinstance(part, f.Chain) and "·" in part.operators]
    dots = sum(part.operators.count("·") for part in dotted)
    if not 1 <= dots <= MAX_DOTS:
        return line, ()
    ones = dict.fromkeys(quantity.letters | line.letters, 1)
    shape = Evaluator(point).value(quantity, ones).shape
    evaluator, readings = Evaluator(point), []
    for products in itertools.product("@*", repeat=dots):
        signs = iter(products)
        others: dict[f.Node, str] = {
            part: "".join(next(signs) if sign == "·" else sign for sign in part.operators)
            for part in dotted
        }
        other = _with_operators(line, others)
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


def _with_operators(node: f.Node, others: Mapping[f.Node, str]) -> f.Node:
    """A formula with other operators in some of its products."""
    other = f.rebuilt(node, [_with_operators(part, others) for part in node.below])
    return f.Chain(others[node], other.below) if node in others else other


def _bits(values: Iterable[Any]) -> int:
    """The length of the longest fraction among some numbers."""
    longest = 0
    for v in values:
        if isinstance(v, Fraction):
            longest = max(longest, v.numerator.bit_length() + v.denominator.bit_length())
    return longest


def _own_letters(index: f.Index) -> set[str]:
    """The letters of an index but for those that stand within another, as t in w[t]."""
    if isinstance(index, int):
        return set()
    within = {id(part) for part in f.walk(index) if isinstance(part, f.Quantity)}
    return {part.name for part in f.walk(index, but=within) if isinstance(part, f.Letter)}


def _exact_root(v: Any, degree: int) -> Fraction | None:
    """The root of a fraction, where it is one of not too long numbers."""
    if not isinstance(v, Fraction):
        return None
    parts = v.numerator, v.denominator
    if any(part.bit_length() > EXACT_ROOT * degree for part in parts):
        return None
    roots = [round(part ** (1 / degree)) for part in parts]
    return (
        Fraction(*roots)
        if all(root**degree == part for root, part in zip(roots, parts, strict=True))
        else None
    )


def _filled(shape: tuple[int, ...], values: list[Any]) -> Array:
    """An array of objects."""
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)


class Evaluator:
    """Evaluates formulas at one point; the work they may do together is limited.

    `sizes` are how far letters run that are free, where something else than the
    formula says so. Where it is `strict`, as in the definitions of a network,
    only numbers and rows (1, n) over a matrix broadcast.
    """

    def __init__(
        self,
        point: Environment,
        numbers: Mapping[int, Any] = {},
        ranges: dict[Any, int] | None = None,
        *,
        sizes: Mapping[str, int] = {},
        strict: bool = False,
    ):
        self.point, self.work, self.sizes, self.strict = point, 0, sizes, strict
        # Of letters in nodes that outlive this, found before.
        self.ranges = {} if ranges is None else ranges
        # The whole formula, and what the letters of the sums around a part of it run over.
        self.whole: f.Node | None = None
        self.running = {letter: range(1, size + 1) for letter, size in sizes.items()}
        self.pending: set[tuple[str, int]] = set()  # letters whose range is being found
        self.local: dict[str, Array] = {}  # the argument of an own function, in its formula
        self.numbers = numbers  # other values for the numbers of a formula, by the id of their node
        self.leaves = point.leaves
        # Sums, by their nodes and the values of the letters that they depend on.
        self.sums: dict[tuple[Any, ...], Array] = {}
        # What relu, step and abs were applied to, and how far what max and where chose is from
        # what they did not.
        self.kinks: list[Any] = []
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
        """The value as an object array; raises EvaluationError, or what `GraphPoint` raises."""
        if self.whole is not None:
            return self._value(node, binding)
        self.whole = node
        try:
            return self._value(node, binding)
        finally:
            self.whole = None

    def say(self, node: f.Node, text: str) -> None:
        """Keep how a part of a formula was read, where that is not the only way to read it."""
        self.said[id(node), text] = text

    def _value(self, node: f.Node, binding: Binding) -> Array:
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
        if node.name in self.local:
            return self._index(self.local[node.name], node.indices, binding, node.name)
        return self._known(node, binding, self._node)

    def _known(
        self, node: f.Node, binding: Binding, find: Callable[[Any, Binding], Array]
    ) -> Array:
        """The value of a name or derivative, found once for the values of its letters."""
        if self.leaves is None:
            return find(node, binding)
        key = node, *[binding.get(letter) for letter in node.in_order]
        if (known := self.leaves.get(key)) is None:
            known = self.leaves[key] = as_array(find(node, binding))
        return known

    def _node(self, node: f.Quantity, binding: Binding) -> Array:
        name, indices = self.named(node, binding, ("L", f"L{NEW}"))
        try:
            array = self.point.node(name)
        except EvaluationError as error:
            raise _of_entry(node, error) from error.__cause__
        return self._index(array, indices, binding, node.name)

    def named(
        self, node: f.Quantity, binding: Binding, shared: tuple[str, ...]
    ) -> tuple[str, tuple[f.Index, ...]]:
        """The node that a quantity is of, and its indices there: L[k] is of the
        shares of the outputs, and h[0,i] of the base of a recurrence."""
        name, indices, network = node.name, node.indices, self.point.network
        if indices and name in shared and network.shares is not None:
            return "shares" + name[1:], indices
        if network.bases:
            for axis, index in enumerate(indices):
                if base := network.bases.get((name, axis, self.whole_number(index, binding))):
                    return base, indices[:axis] + indices[axis + 1 :]
        return name, indices

    def _derivative(self, node: f.Derivative, binding: Binding) -> Array:
        for end in (node.of, node.by):
            if end.name in self.local:
                raise NotRead(f"{end.name} is a number in a function: write {end.name} alone")
        return self._known(node, binding, self._derived)

    def _derived(self, node: f.Derivative, binding: Binding) -> Array:
        of, by = self.place_of(node.of, binding, ("L",)), self.place_of(node.by, binding)
        try:
            return self.point.derivative(*of, *by)
        except EvaluationError as error:
            raise _of_entry(node.of, error) from error.__cause__

    def place_of(
        self, node: f.Quantity, binding: Binding, shared: tuple[str, ...] = ()
    ) -> tuple[str, tuple[int, ...]]:
        """The node that an end of a derivative is of, and its indices there, from 0."""
        name, indices = self.named(node, binding, shared)
        shares = self.point.network.shares if name == "shares" else None
        shape = self._shape(name) if shares is None else (shares,)
        return name, self.positions(shape, indices, binding, node.name)

    def _derivative_of(self, node: f.DerivativeOf, binding: Binding) -> Array:
        if any(isinstance(p, f.Quantity) and p.name in self.local for p in f.walk(node)):
            raise NotRead("a derivative of what the argument of a function enters is not read")
        return self.point.differential(node, binding)

    def _negative(self, node: f.Negative, binding: Binding) -> Array:
        return as_array(-self.value(node.operand, binding))

    def _chain(self, node: f.Chain, binding: Binding) -> Array:
        value = self._value(node.operands[0], binding)
        for k, operand in enumerate(node.operands[1:]):
            value = self._joined(node, k, value, self._value(operand, binding))
        return value

    def _power(self, node: f.Power, binding: Binding) -> Array:
        base = self.value(node.base, binding)
        self.spend(base.size)
        bits = _bits(getattr(v, "exact", v) for v in base.flat)
        size = node.exponent if node.exponent >= 0 else -node.exponent
        if bits * size > MAX_BITS:
            raise Undecided(f"a power with numbers of over {MAX_BITS} bits")
        if isinstance(size, Fraction):
            power = self._root(base, size)
        else:
            power = self._weighed(as_array(base**size))
        return power if node.exponent >= 0 else self._entrywise("/", as_array(Fraction(1)), power)

    def _root(self, base: Array, exponent: Fraction) -> Array:
        """A power that is no whole number, of numbers that are not negative."""

        def of(v: Any) -> Any:
            if v < 0:
                raise EvaluationError(
                    f"the power {exponent} of a negative number, which only whole numbers have"
                )
            if self.point.floats:
                return float(v) ** float(exponent)
            if v == 0:
                return Fraction(0)
            if (root := _exact_root(getattr(v, "exact", v), exponent.denominator)) is not None:
                return root**exponent.numerator
            real = self.point.arithmetic(v)
            if exponent.denominator == 2:
                return real.sqrt() ** exponent.numerator
            return (real.log() * exponent).exp()

        return as_array(np.frompyfunc(of, 1, 1)(base))

    def _call(self, node: f.Call, binding: Binding) -> Array:
        if node.function == "where":
            return self._where(node, binding)
        arguments = [self.value(argument, binding) for argument in node.arguments]
        if own := self.point.function(node.function.removesuffix("'")):
            return self._own(node.function, *own, *arguments)
        match node.function:
            case "outer":
                return self._outer(*arguments)
            case "diag":
                return self._diagonal(*arguments)
            case "kronecker":
                return as_array(Fraction(int(arguments[0].item() == arguments[1].item())))
            case "concat":
                return self._concat(*arguments)
            case "max" | "min" if len(arguments) == 2:
                return self._extreme(node.function, arguments)
            case "sum" | "mean" | "max" | "min":
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
        if name in ("max", "min"):
            return self._extreme(name, [as_array(v) for v in array.flat])
        total = as_array(array.sum())
        return total if name == "sum" else self._divided(total, array.size)

    def _own(self, function: str, argument: str, formula: f.Node, array: Array) -> Array:
        """A function of the sheet's own, or its derivative: its formula for every entry."""
        if function.endswith("'"):
            return self.point.own_slope(function[:-1], array)
        outer, values = self.local, []
        try:
            for v in array.flat:
                self.local = {argument: as_array(v)}
                value = self.value(formula, {})
                if value.ndim:
                    raise NotRead(
                        f"{function} gives an array of {shape_text(value.shape)} for a number: "
                        "functions of a sheet's own go entry by entry"
                    )
                values.append(value.item())
        finally:
            self.local = outer
        return _filled(array.shape, values)

    def _concat(self, a: Array, b: Array) -> Array:
        a, b = (array if array.ndim else array.reshape(1) for array in (a, b))
        if a.shape[1:] != b.shape[1:]:
            raise EvaluationError(
                f"concat of shapes {a.shape} and {b.shape}, expected all but the first axis alike"
            )
        self.spend(a.size + b.size)
        return np.concatenate([a, b])

    def _alike(self, name: str, arrays: Collection[Array]) -> tuple[int, ...]:
        """The shape of arrays that go together entry by entry; some may be numbers."""
        shapes = sorted({array.shape for array in arrays if array.ndim})
        if len(shapes) > 1:
            raise EvaluationError(
                f"{name} of shapes {' and '.join(map(str, shapes))}, expected equal shapes or "
                "numbers"
            )
        shape = shapes[0] if shapes else ()
        self.spend(len(arrays) * math.prod(shape))
        return shape

    def _extreme(self, name: str, arrays: list[Array]) -> Array:
        """The largest or smallest of several, entry by entry."""
        shape, values = self._alike(name, arrays), []
        is_better = operator.gt if name == "max" else operator.lt
        for entries in zip(*(np.broadcast_to(a, shape).flat for a in arrays), strict=True):
            best = 0
            for k in range(1, len(entries)):
                if is_better(entries[k], entries[best]):
                    best = k
            self.kinks += [v - entries[best] for k, v in enumerate(entries) if k != best]
            values.append(entries[best])
        return _filled(shape, values)

    def _where(self, node: f.Call, binding: Binding) -> Array:
        """where(a > b, u, v), entry by entry; of numbers a and b the side that is not
        taken need not have a value."""
        compare, *chosen = node.arguments
        assert isinstance(compare, f.Compare)
        sides = [self.value(part, binding) for part in (compare.left, compare.right)]
        holds = _COMPARISONS[compare.operator]
        is_first = None if any(side.shape for side in sides) else holds(*(s.item() for s in sides))

        def found(part: f.Node, *, is_taken: bool | None) -> Array | None:
            try:
                return self.value(part, binding)
            except NotRead:
                raise
            except (EvaluationError, ArithmeticError) as error:
                if is_taken is None:  # in some entries, or nowhere
                    raise OtherEntry(f"{error}, on a side of `where`") from error
                if is_taken:
                    raise
                return None

        one = found(chosen[0], is_taken=is_first)
        two = found(chosen[1], is_taken=None if is_first is None else not is_first)
        arrays: list[Any] = [*sides, two if one is None else one, one if two is None else two]
        shape, values = self._alike("where", arrays), []
        for a, b, u, v in zip(*(np.broadcast_to(x, shape).flat for x in arrays), strict=True):
            self.kinks.append(a - b)
            values.append(u if holds(a, b) else v)
        return _filled(shape, values)

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
        if self.local:  # it may depend on the argument
            return self._added_up(node, binding)
        key = id(node), *[binding.get(letter) for letter in node.in_order]
        if key not in self.sums:
            self.sums[key] = self._added_up(node, binding)
        return self.sums[key]

    def _added_up(self, node: f.Sum, binding: Binding) -> Array:
        letter, values = node.letter.name, self.limits(node, binding)
        outer = self.running.get(letter)
        self.running[letter] = values
        terms = (self.value(node.term, {**binding, letter: k}) for k in values)
        try:
            if isinstance(node, f.Largest | f.Smallest):
                return self._extreme("max" if isinstance(node, f.Largest) else "min", [*terms])
            total = next(terms)
            for term in terms:
                total = self._entrywise("+", total, term)
        finally:
            del self.running[letter]
            if outer is not None:
                self.running[letter] = outer
        return self._divided(total, len(values)) if isinstance(node, f.Mean) else total

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
        f.DerivativeOf: _derivative_of,
        f.Negative: _negative,
        f.Chain: _chain,
        f.Power: _power,
        f.Call: _call,
        f.Sum: _sum,
        f.Mean: _sum,
        f.Largest: _sum,
        f.Smallest: _sum,
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

    def whole_number(self, index: f.Index, binding: Binding) -> int:
        """The value of an index."""
        if isinstance(index, int):
            return index
        if isinstance(index, f.Letter):
            return self._bound(index.name, binding)
        if (whole := self._of_letters(index, binding)) is not None:
            return whole
        value = self.value(index, binding)
        number: Any = None if value.ndim else value.item()
        exact = getattr(number, "exact", number)
        while hasattr(exact, "value"):  # a dual number, or a ball
            exact = exact.value
        if exact is not None and not isinstance(exact, Fraction) and math.isfinite(exact):
            exact = Fraction(float(exact))
        if not isinstance(exact, Fraction) or exact.denominator > 1:
            found = f"an array of {shape_text(value.shape)}" if value.ndim else number
            raise NotRead(f"the index {index_text(index)} is {found}, expected a whole number")
        return exact.numerator

    def _of_letters(self, index: f.Node, binding: Binding) -> int | None:
        """A sum of letters with whole coefficients, as most indices are, in plain
        whole numbers; None where it is anything else."""
        match index:
            case f.Letter(name):
                return self._bound(name, binding)
            case f.Number(printed) if printed.value.denominator == 1 and not self.numbers:
                return printed.value.numerator
            case f.Chain(operators, operands) if not operators.strip("+-*"):
                numbers = [self._of_letters(operand, binding) for operand in operands]
                whole = numbers[0]
                for operator, number in zip(operators, numbers[1:], strict=True):
                    if whole is None or number is None:
                        return None
                    whole = _OPERATORS[operator](whole, number)
                return whole
        return None

    def positions(
        self, shape: tuple[int, ...], indices: tuple[f.Index, ...], binding: Binding, name: str
    ) -> tuple[int, ...]:
        """The indices counted from 0; a quantity takes all its indices or none,
        or the first ones."""
        self._fit(indices, shape, name)
        positions = []
        for axis, index in enumerate(indices):
            number = self.whole_number(index, binding)
            if not 1 <= number <= shape[axis]:
                letters = () if isinstance(index, int) else sorted(index.letters)
                values = ", ".join(f"{letter} = {binding[letter]}" for letter in letters)
                at = f" at {values}" if values else ""
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
            is_single = self.point.network.has_examples(name) is None
            if is_single and isinstance(indices[0], f.Letter):
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

        def joined(operator: str, left: bool, right: bool) -> bool:
            # The first axis is that of the left side, the last that of the right.
            return (right if last else left) if operator == "@" else left or right

        match node:
            case f.Chain():
                return node.fold(lambda part: self._has_examples(part, last=last), joined)
            case f.Quantity(name, ()):
                return not last and bool(self.point.network.has_examples(name))
            case f.Derivative(of, by) if not last:
                return self._has_examples(of) or (
                    self._shape(of.name)[len(of.indices) :] == () and self._has_examples(by)
                )
            case f.Transpose(inner):
                return self._has_examples(inner, last=not last)
            case f.Negative(inner) | f.Power(inner) | f.Sum(_, inner):
                return self._has_examples(inner, last=last)
            case f.Compare(_, left, right):
                return any(self._has_examples(side, last=last) for side in (left, right))
            case f.Call("max" | "min" | "where", (_, _, *_) as several):
                return any(self._has_examples(inner, last=last) for inner in several)
            case f.Call(function, (inner, *_)):
                return function in (*f.KINKED, *f.SMOOTH) and self._has_examples(inner, last=last)
        return False

    def _joined(self, node: f.Chain, k: int, a: Array, b: Array) -> Array:
        """The value of one of the operations of a chain."""
        operator = node.operators[k]
        if operator == "@":
            return self._matmul(node, a, b)
        if operator == "·" and (a.ndim or b.ndim):
            return self._dot(node, k, a, b)
        return self._broadcast(node, k, a, b)

    def _broadcast(self, node: f.Chain, k: int, a: Array, b: Array) -> Array:
        """Entry by entry, where the shapes are equal or may be made so."""
        operator = node.operators[k].replace("·", "*")
        if a.shape == b.shape or not a.ndim or not b.ndim:
            return self._entrywise(operator, a, b)
        # A single number is a scalar whatever its axes, and the result keeps the axes of
        # the other side.
        one_number = operator in "*/" or a.size == b.size == 1
        if one_number and a.size == 1 and not (b.size == 1 and b.ndim < a.ndim):
            return self._entrywise(operator, as_array(a.item()), b)
        if one_number and b.size == 1:
            return self._entrywise(operator, a, as_array(b.item()))
        left, written, right = node.operation(k)
        for matrix, other, side in ((a, b, left), (b, a, right)):
            if matrix.ndim == 2 and (words := self._stretched(operator, matrix, other, side)):
                self.say(node, words)
                return self._entrywise(operator, a, b)
            if matrix.ndim == 2 and other.ndim == 1:
                if matrix is b and len(matrix) == 1 and operator == "*":
                    raise NotRead(
                        f"{written} between a vector and a row: write @ for their outer product"
                    )
                if other.size in matrix.shape:
                    raise of_several_meanings(operator, matrix.shape, other.size, written)
        raise of_unequal_shapes(operator, a.shape, b.shape)

    def _stretched(self, operator: str, matrix: Array, other: Array, side: f.Node) -> str:
        """How an array goes with the matrix of one `side` entry by entry, in
        words; "" where it does not."""
        rows, columns = matrix.shape
        if other.shape == (1, columns):
            return row_words(matrix.shape)
        if self.strict:
            return ""
        if columns == 1 and other.ndim == 2 and len(other) == 1:
            sign = {"+": "sum", "-": "difference", "*": "product", "/": "quotient"}[operator]
            return f"a column and a row: every {sign} of their entries, {rows}x{other.size}"
        if other.shape == (rows, 1):
            return column_words(matrix.shape)
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

    def _dot(self, node: f.Chain, k: int, a: Array, b: Array) -> Array:
        """What · stands for: a factor, or the one of matrix product and entry
        by entry that fits."""
        if 1 in (a.size, b.size):
            return self._broadcast(node, k, a, b)
        fitting: dict[str, Array] = {}
        unfit: list[EvaluationError] = []
        products: dict[str, Callable[[], Array]] = {
            "the matrix product": lambda: self._matmul(node, a, b),
            "entry by entry": lambda: self._broadcast(node, k, a, b),
        }
        for words, product in products.items():
            try:
                fitting[words] = product()
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

    def _matmul(self, node: f.Chain, a: Array, b: Array) -> Array:
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
            raise EvaluationError(str(error)) from error

    @staticmethod
    def _stack(items: list[Array]) -> Array:
        shapes = sorted({item.shape for item in items})
        if len(shapes) > 1:
            raise EvaluationError(
                f"a list of unequal shapes, {' and '.join(map(str, shapes))}: rows have to be of "
                "equal length"
            )
        return np.stack(items)

    def _places(self, letter: str, node: f.Node, binding: Binding, scope: Scope) -> Iterator[Place]:
        """Every index of a formula in which a letter stands."""
        for part, around in f.walk_in_sums(node, letter, scope):
            if not isinstance(part, f.Quantity | f.Subscript):
                continue
            # In E[w[t]] it is w that t stands at.
            mentions = [letter in _own_letters(index) for index in part.indices]
            if not any(mentions):
                continue
            if isinstance(part, f.Subscript):
                letters = {one.name for one in f.walk(node) if isinstance(one, f.Letter)}
                ones = {**dict.fromkeys(letters, 1), **binding}
                shape, name = self.value(part.base, ones).shape, "the bracket"
            else:
                shape, name = self._axes(part), part.name
            self._fit(part.indices, shape, name)
            for index, size, is_there in zip(part.indices, shape, mentions, strict=False):
                if is_there and isinstance(index, f.Node):
                    yield index, size, name, around

    def _axes(self, quantity: f.Quantity) -> tuple[int, ...]:
        """The shape that the indices of a quantity are of."""
        shares = self.point.network.shares
        if quantity.name in ("L", f"L{NEW}") and shares is not None:
            return (shares,)
        return () if quantity.name in self.local else self._shape(quantity.name)

    def limits(self, node: f.Sum, binding: Binding, scope: Mapping[str, f.Sum] = {}) -> range:
        """What the letter of a sum runs over."""
        if node.bounds is None:
            return range(1, self._range(node.letter.name, node.term, binding, scope) + 1)
        lowest, highest = node.bounds
        return range(lowest, highest + 1)

    def range_of(self, letter: str, node: f.Node, binding: Binding) -> int:
        """How far a free letter runs in a formula: the size of the axes that it
        indexes alone, which have to be of one size; else, in sums like i+a-1, as
        far as every index stays inside."""
        return self.sizes.get(letter) or self._range(letter, node, binding, {})

    def _range(self, letter: str, node: f.Node, binding: Binding, scope: Scope) -> int:
        key = (letter, id(node))
        if key in self.ranges:
            return self.ranges[key]
        if self.leaves is not None and (known := self.leaves.get((letter, node))) is not None:
            return int(known)
        if key in self.pending:
            raise self._no_limits(letter)
        self.pending.add(key)
        try:
            return self._found_range(letter, node, binding, scope)
        finally:
            self.pending.remove(key)

    def _found_range(self, letter: str, node: f.Node, binding: Binding, scope: Scope) -> int:
        places = [*self._places(letter, node, binding, scope)]
        sizes = {size: name for index, size, name, _ in places if isinstance(index, f.Letter)}
        if len(sizes) > 1:
            axes = ", ".join(f"{n} in {name}" for n, name in sizes.items())
            raise EvaluationError(f"the index {letter} runs over axes of different size: {axes}")
        if sizes:
            (size,) = sizes
            self.ranges[letter, id(node)] = size
            if self.leaves is not None and not self.local:
                self.leaves[letter, node] = size
            return size
        if not places:
            raise NotRead(NO_RANGE.format(letter))
        return self._inside(letter, places, node, binding)

    def _inside(self, letter: str, places: list[Place], node: f.Node, binding: Binding) -> int:
        """How far every index stays inside, whatever the other letters in it are."""
        most: dict[int, str] = {}
        for index, size, name, scope in places:
            form = f.linear(index)
            if form is None:
                raise self._no_limits(letter)
            low = high = form.pop("", 0)
            step = form.pop(letter, 0)
            for other, times in form.items():
                values = self._values(other, node, binding, scope)
                ends = times * values[0], times * values[-1]
                low, high = low + min(ends), high + max(ends)
            if step:
                last = (size - high) // step if step > 0 else (low - 1) // -step
                most[last] = f"the index {index_text(index)} of {name}"
        if not most:
            raise self._no_limits(letter)
        if min(most) < 1:
            raise EvaluationError(f"{most[min(most)]} is inside for no {letter} from 1")
        return min(most)

    def _values(self, letter: str, node: f.Node, binding: Binding, scope: Scope) -> range:
        """What a letter beside another one runs over."""
        if letter in scope:
            return self.limits(scope[letter], binding, scope)
        if any(letter == other for other, _ in self.pending):
            raise self._no_limits(letter)
        if letter in self.running:
            return self.running[letter]
        return range(1, self._range(letter, self.whole or node, binding, {}) + 1)

    @staticmethod
    def _no_limits(letter: str) -> NotRead:
        return NotRead(
            f"nothing says how far {letter} runs, it stands at no axis alone: give it bounds, as "
            f"in sum({letter}=1..3, ...)"
        )

    def bindings(self, node: f.Node, bound: Collection[str] = ()) -> Iterator[Binding]:
        """Every combination of values of the letters that are free in a
        formula, but for those already bound."""
        letters = sorted(node.letters - set(bound))
        ranges = [range(1, self.range_of(letter, node, {}) + 1) for letter in letters]
        self.spend(math.prod(map(len, ranges)))
        for values in itertools.product(*ranges):
            yield dict(zip(letters, values, strict=True))

    def is_inside(self, line: f.Node, quantity: f.Node, binding: Binding) -> bool:
        """Whether every index of a line is inside its axis, where the quantity
        has a letter in sums alone: it runs as far as all indices stay inside."""
        if not _loose_letters(quantity):
            return True
        for part in f.walk(line):
            if not isinstance(part, f.Quantity) or part.name in self.local:
                continue
            for axis, (index, size) in enumerate(
                zip(part.indices, self._shape(part.name), strict=False)
            ):
                if isinstance(index, f.Node) and index.letters <= binding.keys():
                    number = self.whole_number(index, binding)
                    base = (part.name, axis, number) in self.point.network.bases
                    if not 1 <= number <= size and not base:
                        return False
        return True


def _of_entry(node: f.Quantity, error: EvaluationError) -> EvaluationError:
    """Why an entry has no value where its array has none: another one may be at fault."""
    if not node.indices or isinstance(error, NotRead):
        return error
    return OtherEntry(f"{error}, at {node.name}{show_index(node.indices)} or beside it")


def _loose_letters(quantity: f.Node) -> set[str]:
    """The letters of a quantity that index no axis alone."""
    indices = [i for part in f.walk(quantity) for i in getattr(part, "indices", ())]
    alone = {index.name for index in indices if isinstance(index, f.Letter)}
    return {letter for i in indices if isinstance(i, f.Node) for letter in i.letters} - alone
