"""A network with letters in it, computed once for all values: the sweep and the
formulas on formal numbers.

Whatever has a kink, and asks on which side of it a number is, has rules of its
own here: a formal number is on both, with a bit s for the side.

    relu(z)      = s z                         s: z > 0
    max(a, b)    = b + s (a - b)               s: a > b                    (1)
    where(c,u,v) = v + s (u - v)               s: c

    dL/da = s dL/dout,  dL/db = (1 - s) dL/dout                            (2)
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet.language import formula as f
from gradsheet.language.evaluate import Binding, Evaluator
from gradsheet.language.functions import FUNCTIONS, on_formal
from gradsheet.language.text import formula_text
from gradsheet.network.graph import Definition
from gradsheet.network.lowering import Program, lowered
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.dual import Dual
from gradsheet.numbers.formal import FormalField, holds, larger, side
from gradsheet.numbers.reasons import EvaluationError, OutsideDomain
from gradsheet.truth.graph_values import GraphValues
from gradsheet.truth.sweep import Sweep
from manual.activations import Array
from manual.ops import OPERATIONS, Axes, Operation, function_named

BITS = 256  # what arithmetic on marks costs is like that of fractions of so many


def _entrywise(function: Callable[..., Any], *arrays: Any) -> Array:
    return as_array(np.frompyfunc(function, len(arrays), 1)(*arrays))


def _shared(d_out: Array, taken: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """(2): what comes back to a, which is taken as far as `taken` says, and to b."""
    back = OPERATIONS["multiply"].backward
    _, d_a = back(d_out, d_out, taken, a)
    _, d_b = back(d_out, d_out, 1 - taken, b)
    assert d_a is not None
    assert d_b is not None
    return d_a, d_b


def _function(a: Array, *, name: str) -> Array:
    return _entrywise(on_formal(name), a)


def _function_backward(d_out: Array, out: Array, a: Array, *, name: str) -> tuple[Array]:
    return (d_out * _entrywise(on_formal(f"d{name}"), a),)


def _maximum(a: Array, b: Array) -> Array:
    return _entrywise(larger, a, b)


def _maximum_backward(d_out: Array, out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    return _shared(d_out, _entrywise(side, a - b), a, b)


def _minimum(a: Array, b: Array) -> Array:
    return as_array(-_maximum(-a, -b))


def _minimum_backward(d_out: Array, out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    return _maximum_backward(d_out, out, -a, -b)


def _where(left: Array, right: Array, a: Array, b: Array, *, relation: str) -> Array:
    return as_array(b + _entrywise(functools.partial(holds, relation), left, right) * (a - b))


def _where_backward(
    d_out: Array, out: Array, left: Array, right: Array, a: Array, b: Array, *, relation: str
) -> tuple[None, None, Array, Array]:
    taken = _entrywise(functools.partial(holds, relation), left, right)
    return None, None, *_shared(d_out, taken, a, b)


def _rows(a: Array, axes: Axes) -> tuple[Array, tuple[int, ...], list[int]]:
    """An array with some axes as one, the last; its shape before, and which they were."""
    gone = sorted(axis % a.ndim for axis in axes)
    moved = np.moveaxis(a, gone, range(-len(gone), 0))
    return moved.reshape(*moved.shape[: a.ndim - len(gone)], -1), moved.shape, gone


def _largest(a: Array, *, axes: Axes) -> Array:
    rows, _, _ = _rows(a, axes)
    return functools.reduce(lambda best, k: _maximum(k, best), np.moveaxis(rows, -1, 0))


def _largest_backward(d_out: Array, out: Array, a: Array, *, axes: Axes) -> tuple[Array]:
    rows, shape, gone = _rows(a, axes)
    entries = np.moveaxis(rows, -1, 0)
    best, sides = entries[0], []
    for entry in entries[1:]:
        sides.append(_entrywise(side, entry - best))
        best = _maximum(entry, best)
    parts, rest = list[Array](), d_out
    for taken in reversed(sides):  # the last one is taken, or one before it is
        parts.append(rest * taken)
        rest = rest * (1 - taken)
    whole = np.stack([rest, *reversed(parts)], -1)
    back = whole.reshape(len(whole), *shape[1:])
    return (np.moveaxis(back, range(-len(gone), 0), gone),)


def _smallest(a: Array, *, axes: Axes) -> Array:
    return as_array(-_largest(-a, axes=axes))


def _smallest_backward(d_out: Array, out: Array, a: Array, *, axes: Axes) -> tuple[Array]:
    return _largest_backward(d_out, out, -a, axes=axes)


RULES = {
    **OPERATIONS,
    "function": Operation(_function, _function_backward),
    "maximum": Operation(_maximum, _maximum_backward),
    "minimum": Operation(_minimum, _minimum_backward),
    "where": Operation(_where, _where_backward),
    "largest": Operation(_largest, _largest_backward),
    "smallest": Operation(_smallest, _smallest_backward),
}


class FormalEvaluator(Evaluator):
    """Evaluates formulas on formal numbers."""

    def _apply(self, name: str, argument: Array, *slopes: Array) -> Array:
        if FUNCTIONS[name].over_axis:
            return super()._apply(name, argument)
        self.spend(argument.size)
        formal = as_array(np.frompyfunc(self.point.arithmetic, 1, 1)(argument))
        given = [slope.item() for slope in slopes]
        try:
            return _entrywise(lambda v: on_formal(name)(v, *given), formal)
        except OutsideDomain as error:
            raise EvaluationError(str(error)) from error

    def _root(self, base: Array, exponent: Fraction) -> Array:
        try:
            return _entrywise(lambda v: self.point.arithmetic(v).power(exponent), base)
        except OutsideDomain as error:
            raise EvaluationError(str(error)) from error

    def _extreme(self, name: str, arrays: list[Array]) -> Array:
        shape = self._alike(name, arrays)
        one = _maximum if name == "max" else _minimum
        full = [np.broadcast_to(array, shape) for array in arrays]
        return functools.reduce(lambda best, k: one(k, best), full)

    def _where(self, node: f.Call, binding: Binding) -> Array:
        compare, *chosen = node.arguments
        assert isinstance(compare, f.Compare)
        parts = (compare.left, compare.right, *chosen)
        arrays = [self.value(part, binding) for part in parts]
        _ = self._alike("where", arrays)
        return _where(*arrays, relation=compare.operator)


class FormalPoint(GraphValues):
    """The values of a graph for all values of its letters: `given` has formal
    numbers, or fractions."""

    arithmetic: FormalField

    def __init__(
        self, program: Program, given: Mapping[str, Array], field: FormalField, budget: Budget
    ):
        super().__init__(program, field, budget, bits=BITS, exact=False)
        self.given = {name: _entrywise(field, array) for name, array in given.items()}

    @functools.cached_property
    def sweep(self) -> Sweep:
        """The pass that has the values."""
        return Sweep(self.program, self.given, self.arithmetic, operations=RULES)

    def function(self, name: str) -> tuple[str, f.Node] | None:
        """The argument and the formula of a function of the sheet's own."""
        own = self.program.graph.by_function.get(name)
        return None if own is None else (own.argument, own.formula)

    def own_slope(self, name: str, argument: Array) -> Array:
        """The derivative of such a function, entry by entry."""
        own = self.program.graph.by_function[name]

        def slope(number: Any) -> Any:
            evaluator = FormalEvaluator(self, strict=True)
            level = getattr(number, "level", 0) + 1
            evaluator.local = {own.argument: as_array(Dual(number, Fraction(1), level))}
            value = evaluator.value(own.formula, {}).item()
            return value.slope if isinstance(value, Dual) and value.level == level else Fraction(0)

        return _entrywise(slope, argument)

    def differential(self, node: f.DerivativeOf, binding: Binding) -> Array:
        """The derivative of a formula, as that of one more definition."""
        letters = tuple(sorted(node.term.letters))
        name = f"d({formula_text(node.term)})"
        point = self.found(("extended", node.term), lambda: self._extended(name, node.term))
        index = tuple(binding[letter] - 1 for letter in letters)
        return point.derivative(name, index, *FormalEvaluator(self).place_of(node.by, binding))

    def _extended(self, name: str, term: f.Node) -> "FormalPoint":
        """The point of the graph with one more definition."""
        graph = self.program.graph
        definition = Definition(name, tuple(sorted(term.letters)), term)
        graph = replace(graph, definitions=(*graph.definitions, definition))
        return FormalPoint(lowered(graph), self.given, self.arithmetic, self.budget)

    def live_units(self) -> list[bool]:
        """None: everything is on both sides of its kink."""
        return []


def degree(program: Program) -> float:
    """A bound on the degree, as fractions of polynomials, of what a network's
    steps have; a smooth function of something is a letter more."""
    is_fraction = not program.is_rational or any(
        step.operation == "divide" or (step.operation == "power" and step.arguments["exponent"] < 0)
        for step in program.steps
    )
    degrees: list[float] = []
    for step in program.steps:
        each = [degrees[slot] for slot in step.inputs]
        entries = 1
        if step.operation in ("total", "matmul", *FUNCTIONS) and is_fraction:
            entries = math.prod(program.steps[step.inputs[0]].shape[-1:])
        match step.operation:
            case "given":
                here = 1.0
            case "power":
                here = sum(each) * sum(map(abs, step.arguments["exponent"].as_integer_ratio()))
            case "function" if not function_named(**step.arguments).kinked:
                here = 2.0
            case _:
                here = sum(each) + 1
        degrees.append(here * entries)
    return max(degrees, default=1.0)
