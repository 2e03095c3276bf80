"""The witness JAX for graphs: its own derivative program of the formulas.

The definitions are carried out on JAX's arrays as they are written, with no
step in between that anybody lowered them to. JAX differentiates what it saw,
and the program that it writes runs on exact numbers; see `autodiff`.

A derivative by a node B counts every path from B on. So to B, as soon as it is
defined, something is added that is 0,

    B = formula + e                      dA/dB = dA/de,

and where a formula holds a derivative, what lies between B and A is carried out
once more with an e of its own, within what JAX differentiates: derivatives
nest.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gradsheet.language import formula as f
from gradsheet.network.graph import Block, Graph, OwnFunction, Shape
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.truth.autodiff import Reals, run_exactly
from gradsheet.truth.jax_functions import (
    ENTRYWISE,
    OF_ARRAYS,
    OF_TWO,
    OPERATORS,
    OVER,
    joined,
    power,
    slope,
    stack,
    transposed,
)
from gradsheet.truth.letter_ranges import LetterRanges
from gradsheet.truth.lettered import (
    FLOAT,
    Lettered,
    Scope,
    entrywise,
    grids_of,
    lifted,
    over_letter,
    taken,
)
from gradsheet.truth.unrolled import Location, Unit, Unrolled, Untraceable, base_number
from manual.activations import Array

MAX_PROGRAMS = 64  # for graphs that a session has

Values = Mapping[str, jax.Array]

_OVER_LETTER = {f.Sum: "sum", f.Mean: "mean", f.Largest: "max", f.Smallest: "min"}


@dataclass(frozen=True)
class _Pass:
    """The forward pass: the values of the nodes so far, and what is added to
    nodes; the numbers in formulas; the shapes of bases."""

    unrolled: Unrolled
    numbers: Mapping[Fraction, jax.Array]
    values: dict[str, jax.Array]
    added: Values
    base_shapes: dict[str, Shape]
    jacobians: dict[Any, tuple[int, dict[str, jax.Array]]] = field(default_factory=dict)

    def carry_out(self, units: Iterable[Unit]) -> None:
        """Find the values of some nodes."""
        for unit in units:
            value = self._defined(unit)
            if unit.name in self.added:
                value = value + self.added[unit.name]
            self.values[unit.name] = value

    def _defined(self, unit: Unit) -> jax.Array:
        definition = unit.definition
        if definition is None:
            steps = [self.values[name] for name in self.unrolled.steps(unit.name)]
            return jnp.stack(steps, self.unrolled.recurrences[unit.name].axis)
        formula, scope = definition.formula, dict[str, range | int](unit.step)
        letters = [letter for letter in definition.letters if letter not in scope]
        is_base = base_number(definition) is not None
        for letter in letters:
            if letter in formula.letters or not is_base:
                scope[letter] = self._ranges.of(letter, formula, scope)
        value = self.value(formula, scope)
        if is_base and not value.array.ndim:
            return jnp.broadcast_to(value.array, self._shape_of_steps(unit))
        return value.filled(letters, scope)

    def _shape_of_steps(self, base: Unit) -> Shape:
        """The shape of a first step, found with bases that are numbers; it is
        theirs, too."""
        if base.name not in self.base_shapes:
            numbers: dict[str, Shape] = {unit.name: () for unit in base.first if not unit.step}
            trial = replace(
                self, values=dict(self.values), added={}, base_shapes=numbers, jacobians={}
            )

            def steps() -> dict[str, jax.Array]:
                trial.carry_out(base.first)
                return {u.definition.name: trial.values[u.name] for u in base.first if u.definition}

            assert base.definition is not None
            self.base_shapes[base.name] = jax.eval_shape(steps)[base.definition.name].shape
        return self.base_shapes[base.name]

    # The value of a formula

    def value(self, node: f.Node, scope: Scope) -> Lettered:
        """The value of a formula, for all values of its letters."""
        match node:
            case f.Chain():
                return node.fold(lambda part: self.value(part, scope), joined)
            case f.Number(number):
                return Lettered(self.numbers[number.value])
            case f.Letter(name):
                return _letter(name, scope[name])
            case f.Quantity():
                place = self.unrolled.place(node, scope)
                all_steps = place.axis is not None and place.nodes == self.unrolled.steps(node.name)
                array = self.values[node.name] if all_steps else _stacked(place, self.values)
                return self._at(Lettered(array), place, scope)
            case f.Derivative(term, by) | f.DerivativeOf(term, by):
                return self._derivative(term, by, scope)
            case f.Negative(operand):
                return entrywise(lax.neg, self.value(operand, scope))
            case f.Power(base, exponent):
                return entrywise(lambda a: power(a, exponent), self.value(base, scope))
            case f.Compare(sign, left, right):
                return entrywise(OPERATORS[sign], self.value(left, scope), self.value(right, scope))
            case f.Call(function, arguments):
                return self._call(function, [self.value(a, scope) for a in arguments])
            case f.Sum():
                return self._over_letter(node, scope)
            case f.List(items):
                return lifted(stack, *(self.value(item, scope) for item in items))
            case f.Subscript(base, indices):
                return self._at(self.value(base, scope), Location((), indices), scope)
            case f.Transpose(operand):
                return lifted(transposed, self.value(operand, scope))
        raise Untraceable(f"a formula of the kind {type(node).__name__}")

    def _at(self, value: Lettered, place: Location, scope: Scope) -> Lettered:
        """The entries of an array at the indices of a place."""
        indices, start = place.indices, 1 if place.axis is None else place.start
        if not indices or not value.shape:  # a number stands for a vector of length 1
            return value
        names = [index.name for index in indices if isinstance(index, f.Letter)]
        runs = [range(1, size + 1) for size in value.shape[: len(indices)]]
        is_bare = len({*value.letters, *names}) == len(value.letters) + len(indices)
        if is_bare and start == 1 and [scope[name] for name in names] == runs:
            return Lettered(value.array, (*value.letters, *names))  # letters for the axes
        letters = [sorted(index.letters) for index in indices if isinstance(index, f.Node)]
        grids = grids_of(dict.fromkeys(sum(letters, list(value.letters))), scope)
        numbers = [self.unrolled.whole(index, grids) for index in indices]
        if place.axis is not None and place.axis < len(numbers):
            numbers[place.axis] = numbers[place.axis] - start + 1
        return taken(value, numbers, grids)

    def _call(self, name: str, arguments: list[Lettered]) -> Lettered:
        bare = name.removesuffix("'")
        if bare in self.unrolled.functions:
            return self._own(self.unrolled.functions[bare], bare != name, *arguments)
        if name in OVER and len(arguments) == 1:
            return lifted(OVER[name], *arguments)
        if name in OF_ARRAYS:
            return lifted(OF_ARRAYS[name], *arguments)
        function = OF_TWO.get(name) or ENTRYWISE.get(bare)
        if function is None:
            raise Untraceable(f"the function {name}")
        return entrywise(function if bare == name else slope(function), *arguments)

    def _own(self, own: OwnFunction, is_derivative: bool, argument: Lettered) -> Lettered:
        """A function of the sheet's own, or its derivative, of every number."""

        def function(number: jax.Array) -> jax.Array:
            inner = replace(self, values={**self.values, own.argument: number}, jacobians={})
            return inner.value(own.formula, {}).array

        of_all = jax.grad(function) if is_derivative else function
        for _ in range(argument.array.ndim):
            of_all = jax.vmap(of_all)
        return Lettered(of_all(argument.array), argument.letters)

    def _over_letter(self, node: f.Sum, scope: Scope) -> Lettered:
        letter, kind = node.letter.name, _OVER_LETTER[type(node)]
        run = self._ranges.of_sum(node, scope)
        term = self.value(node.term, {**scope, letter: run})
        if letter in term.letters:
            return over_letter(OVER[kind], term, letter)
        return entrywise(lambda a: a * float(len(run)), term) if kind == "sum" else term

    # Derivatives in formulas

    def _derivative(self, term: f.Node, by: f.Quantity, scope: Scope) -> Lettered:
        letters = tuple(name for name in sorted(term.letters) if isinstance(scope[name], range))
        goal, place = self.unrolled.reads(term, scope), self.unrolled.place(by, scope)

        def function(added: Values) -> tuple[jax.Array, None]:
            return self._moved(added, goal).value(term, scope).filled(letters, scope), None

        # By all that the formulas derive this by, since one pass back gives them all.
        key = term, tuple(sorted(scope.items(), key=str))
        if key not in self.jacobians or not {*place.nodes} <= self.jacobians[key][1].keys():
            nodes = {n for n in self.unrolled.derived_by(term) if n in self.values}
            point = {name: jnp.zeros_like(self.values[name]) for name in nodes | {*place.nodes}}
            self.jacobians[key] = _jacobians(function, point)[:2]
        rank, jacobians = self.jacobians[key]
        array = _stacked(place, jacobians, rank)
        # The axes of `by` that are indexed go in front of those that the term has by itself.
        place = replace(place, indices=place.indices[: array.ndim - rank])
        count = len(place.indices)
        axes = range(len(letters), len(letters) + count)
        array = jnp.moveaxis(array, range(rank, rank + count), axes)
        return self._at(Lettered(array, letters), place, scope)

    def _moved(self, added: Values, goal: frozenset[str]) -> "_Pass":
        """The pass with more added to some nodes, carried out again as far as
        the nodes of the goal depend on them."""
        moved, path = set(added), []
        for unit in self.unrolled.units:
            if unit.name in self.values and unit.reads & moved:
                path.append(unit)
                moved.add(unit.name)
        needed, again = set(goal), []
        for unit in reversed(path):
            if unit.name in needed:
                again.append(unit)
                needed |= unit.reads
        values = {name: self.values[name] + more for name, more in added.items()}
        sums = {name: self.added.get(name, 0) + more for name, more in added.items()}
        other = replace(
            self, values={**self.values, **values}, added={**self.added, **sums}, jacobians={}
        )
        other.carry_out(reversed(again))
        return other

    # How far letters run

    @property
    def _ranges(self) -> LetterRanges:
        return LetterRanges(self.unrolled, self._shape)

    def _shape(self, node: f.Quantity | f.Subscript, scope: Scope) -> Shape:
        """The shape of what has the indices; () where it is not known yet."""
        if isinstance(node, f.Subscript):
            first = dict.fromkeys(node.base.letters, 1)
            return tuple(jax.eval_shape(lambda: self.value(node.base, first).array).shape)
        nodes = self.unrolled.place(node, scope).nodes
        shape = next((self.values[name].shape for name in nodes if name in self.values), ())
        recurrence = self.unrolled.recurrences.get(node.name)
        if recurrence is None:
            return shape
        before, behind = shape[: recurrence.axis], shape[recurrence.axis :]
        return (*before, len(recurrence.steps), *behind) if len(before) == recurrence.axis else ()


def _letter(name: str, run: range | int) -> Lettered:
    """The numbers that a letter stands for."""
    if isinstance(run, int):
        return Lettered(jnp.asarray(run, FLOAT))
    return Lettered(jnp.arange(run.start, run.stop, dtype=FLOAT), (name,))


def _stacked(place: Location, arrays: Values, rank: int = 0) -> jax.Array:
    """What is at a place, of whose nodes there are arrays with so many axes in
    front of the nodes' own."""
    if place.axis is None:
        return arrays[place.nodes[0]]
    return jnp.stack([arrays[name] for name in place.nodes], rank + place.axis)


def _jacobians(
    function: Callable[[Values], tuple[jax.Array, Any]], point: Values
) -> tuple[int, dict[str, jax.Array], Any]:
    """How many axes a function's first result has, its Jacobians, by one
    backward pass for all entries, and the second result."""
    value, pullback, rest = jax.vjp(function, point, has_aux=True)
    if not value.ndim:
        return 0, pullback(jnp.ones_like(value))[0], rest
    units = jnp.eye(value.size, dtype=FLOAT).reshape(value.size, *value.shape)
    (rows,) = jax.vmap(pullback)(units)
    return (
        value.ndim,
        {n: row.reshape(value.shape + row.shape[1:]) for n, row in rows.items()},
        rest,
    )


# The program, and what it gives


def _numbers(graph: Graph) -> list[Fraction]:
    """The numbers in the formulas, which the program is given: 1/10 is no float."""
    formulas = [*(d.formula for d in graph.definitions), *(own.formula for own in graph.functions)]
    parts = (part for formula in formulas for part in f.walk(formula))
    return sorted({part.printed.value for part in parts if isinstance(part, f.Number)})


def traced(
    graph: Graph,
    blocks: tuple[Block, ...],
    of: tuple[str, ...],
    by: tuple[str, ...],
    shapes: Mapping[str, Shape] = {},
) -> tuple[Any, Any]:
    """JAX's program for a graph, with the steps of its blocks told: a jaxpr, and
    the structure of what it returns.

    It takes what is given, by name in order, and the numbers in the formulas. It
    returns the values of all nodes by name; and for every name in `by` the
    Jacobian of all entries of the nodes in `of`, one after the other: (entries,)
    + shape, without the first axis where there is one number. The `shapes` of
    nodes need not be found where they are known. Raises Untraceable.
    """
    unrolled, numbers, base_shapes = Unrolled(graph, blocks), _numbers(graph), dict[str, Shape]()
    nodes = {name: unrolled.steps(name) for name in by}

    def forward(given: Values, constants: Any, added: Values) -> dict[str, jax.Array]:
        values = {name: jnp.asarray(size, FLOAT) for name, size in graph.sizes}
        values |= {name: x + added[name] if name in added else x for name, x in given.items()}
        known = dict(zip(numbers, constants, strict=True))
        forward_pass = _Pass(unrolled, known, values, added, base_shapes)
        forward_pass.carry_out(unrolled.units)
        return values

    def program(given: Values, constants: Any) -> Any:
        if not (of and by):
            return forward(given, constants, {}), {}

        def function(added: Values) -> tuple[jax.Array, Values]:
            values = forward(given, constants, added)
            if len(of) == 1 and not values[of[0]].ndim:
                return values[of[0]], values
            return jnp.concatenate([values[name].reshape(-1) for name in of]), values

        known = {**shapes, **dict(graph.given)}
        if not all(name in known for names in nodes.values() for name in names):
            found = jax.eval_shape(lambda: forward(given, constants, {}))
            known = {name: value.shape for name, value in found.items()}
        point = {n: jnp.zeros(known[n], FLOAT) for names in nodes.values() for n in names}
        rank, jacobians, values = _jacobians(function, point)
        places = {name: unrolled.place(f.Quantity(name), {}) for name in by}
        return values, {name: _stacked(place, jacobians, rank) for name, place in places.items()}

    empty = {name: _empty(shape) for name, shape in graph.given}
    try:
        make = jax.make_jaxpr(program, return_shape=True)
        with jax.disable_jit():  # jnp's functions are programs of their own otherwise
            closed, structure = make(empty, [_empty(())] * len(numbers))
    except (KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        raise Untraceable(f"JAX cannot carry out this network: {error}") from error
    return closed, jax.tree.structure(structure)


def _empty(shape: Shape) -> Any:
    return jax.ShapeDtypeStruct(shape, FLOAT)  # type: ignore[no-untyped-call]


def graph_autodiff(
    graph: Graph,
    blocks: tuple[Block, ...],
    given: Mapping[str, Array],
    of: tuple[str, ...],
    by: tuple[str, ...],
    arithmetic: Arithmetic,
    session: Session = LIBRARY,
    shapes: Mapping[str, Shape] = {},
) -> "GraphAutodiff":
    """JAX's opinion of a graph at what is given, Fractions or Reals of `arithmetic`.

    `of` and `by` name the nodes whose derivatives will be asked for: "h" all
    steps of a recurrence, "h[0]" its base, "h[2]" a step.
    """
    programs = session.cache("programs of JAX for graphs", MAX_PROGRAMS)
    closed, structure = programs.get((graph, of, by), lambda: traced(graph, blocks, of, by, shapes))
    arguments = [given[name] for name, _ in sorted(graph.given)] + [
        as_array(n) for n in _numbers(graph)
    ]
    results = run_exactly(closed, arguments, Reals(arithmetic))
    return GraphAutodiff(of, *jax.tree.unflatten(structure, results))


@dataclass(frozen=True, eq=False)
class GraphAutodiff:
    """JAX's opinion at one point: the values of the nodes, and the Jacobians of
    those in `of`, one below the other."""

    of: tuple[str, ...]
    nodes: Mapping[str, Array]
    rows: Mapping[str, Array]

    def node(self, name: str) -> Array:
        """The value of a node, "h[2]" of one step of a recurrence."""
        return self.nodes[name]

    def derivative(self, of: str, by: str) -> Array:
        """d of / d by, (shape of `of`) + (shape of `by`)."""
        shape, sizes = self.nodes[by].shape, [self.nodes[name].size for name in self.of]
        start = sum(sizes[: self.of.index(of)])
        rows = self.rows[by].reshape(-1, *shape)[start : start + self.nodes[of].size]
        return rows.reshape(self.nodes[of].shape + shape)
