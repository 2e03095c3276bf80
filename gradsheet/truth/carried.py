"""A point as a person sees it who carries on with other numbers, or takes other
steps, than the right ones."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import manual
from gradsheet.language.formula import NEW
from gradsheet.language.functions import facts_of
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.numbers.arrays import as_array
from gradsheet.truth.steps import Change, Changes, Edits, Pass, in_front
from gradsheet.truth.values import Index, LayerValues, Tensor
from manual.activations import Array


class Carried(LayerValues):
    """The values of a `steps.Pass` with changes and edits; in `floats` for a
    first look.

    With a `kind` its numbers are of another type, which that makes of them. Of
    several `variants` the values are the first one's, and `in_all` has them
    all.
    """

    def __init__(
        self,
        point: Any,
        changes: Changes | None = None,
        edits: Edits | None = None,
        *,
        floats: bool = False,
        kind: Callable[[Any], Any] | None = None,
        variants: int = 1,
        problem: Problem | None = None,
    ):
        exact = point.exact and kind is None
        super().__init__(
            _of_type(problem or point.problem, floats, kind),
            kind or point.arithmetic,
            point.budget,
            bits=point.bits,
            exact=exact,
        )
        self.floats = floats
        self.changes, self.edits, self.variants = changes, edits, variants

    @functools.cached_property
    def passed(self) -> Pass:
        """The pass, with the axis of the variants in front of every array."""
        real: Any = (
            np.vectorize(self.arithmetic, [object])
            if self.exact and not self.floats
            else np.asarray
        )
        return Pass(
            self.problem.converted(in_front),
            changes=_within(self.network, self.changes or {}),
            edits=self.edits,
            variants=self.variants,
            real=real,
        )

    @functools.cached_property
    def _forward(self) -> manual.Cache:
        return manual.Cache(tuple(z[0] for z in self.passed.z), tuple(h[0] for h in self.passed.h))

    @functools.cached_property
    def _shares(self) -> Array:
        return np.asarray(self.passed.shares()[0])

    def _derivative(self, of: str, by: str) -> Array:
        if of == "L":
            return np.asarray(self.passed.row(of, (), by)[0])
        if of == "shares":
            shape = self._shares.shape
        else:
            l = int(of[1:])
            shape = (self._forward.h[l] if of[0] == "h" else self._forward.z[l - 1]).shape
        rows = [self.passed.row(of, entry, by) for entry in np.ndindex(shape)]
        stacked = np.stack(rows, 1).reshape(1, *shape, *rows[0].shape[1:])
        return np.asarray(self.passed.changed((of, by), stacked)[0])

    @functools.cached_property
    def updated(self) -> "Carried":
        """The values after one step of gradient descent, as the person takes it."""
        passed = self.passed.updated
        layers = (
            manual.Layer(W[0], None if b is None else np.asarray(b[0])) for W, b in passed.params
        )
        values = Carried(self, self.changes, self.edits, floats=self.floats)
        values.passed, values.problem = passed, replace(self.problem, params=tuple(layers))
        return values

    def _stepped(self, name: str) -> Array:
        return self.updated.node(name)

    def in_all(self, tensor: Tensor, indices: Sequence[Index]) -> Array:
        """Some entries of a tensor in every variant, (V, entries)."""
        places = [within_layers(self.network, tensor, index) for index in indices]
        return self.passed.entries(places[0][0], [index for _, index in places])

    def entries(self, tensor: Tensor, indices: Sequence[Index]) -> list[Any]:
        """Some entries of a tensor."""
        return list(self.in_all(tensor, indices)[0])

    def scale(self) -> tuple[Array, Array]:
        """The largest number of every variant, and whether a z is about 0."""
        return self.passed.scale()

    def everything(self) -> Iterator[Array]:
        """Every node, every slope of an activation, and where there is a loss
        yhat - y and its derivatives."""
        yield from (*self._forward.z, *self._forward.h)
        for l, activation in enumerate(self.network.activations, 1):
            if not facts_of(activation).mixes:
                yield self.passed.slope(l)[0]
        if self.network.loss is not None:
            yield from (array[0] for array in self.passed.gradients.values())
        if self.problem.y is not None:
            yield from (self._forward.h[-1] - self.problem.y, self.passed.by_target()[0])


def within_layers(network: Network, tensor: Tensor, index: Index) -> tuple[Tensor, Index]:
    """What a pass through layers calls an entry of a tensor of the sheet: yhat
    is the last h, and one example has an axis of its own."""

    def one(name: str, index: Index) -> tuple[str, Index]:
        if name == "shares":
            return name, index
        bare = network.canonical(name).removesuffix(NEW)
        prefix = (0,) if network.examples is None and bare[0] in "xzhy" else ()
        return network.inner(bare) + (NEW if name.endswith(NEW) else ""), prefix + index

    if isinstance(tensor, str):
        return one(tensor, index)
    of, by = tensor
    axes = 1 if of == "shares" else len(network.shapes[network.canonical(of)])
    (of, first), (by, second) = one(of, index[:axes]), one(by, index[axes:])
    return (of, by), first + second


def _within(network: Network, changes: Changes) -> Changes:
    """Changes under the names of a pass through layers."""
    within: dict[Tensor, dict[Index, Change]] = {}
    for tensor, several in changes.items():
        for index, change in several.items():
            name, place = within_layers(network, tensor, index)
            within.setdefault(name, {})[place] = change
    return within


def _of_type(problem: Problem, floats: bool, kind: Callable[[Any], Any] | None) -> Problem:
    """The problem with its numbers as floats, or of another kind."""
    if kind is not None:
        return problem.converted(lambda array: as_array(np.frompyfunc(kind, 1, 1)(array)))
    if not floats:
        return problem
    rate = None if problem.rate is None else float(problem.rate)
    return replace(problem.converted(lambda array: array.astype(float)), rate=rate)


def nudged(point: Any, name: str, index: Index, by: Any) -> Carried:
    """The point with one entry of a node or parameter changed by so much."""
    inner, place = within_layers(point.network, name, index)
    if inner[0] in "zh" and inner != "h0":
        return Carried(point, {name: {index: lambda computed: computed + by}})
    name, index = str(inner), place

    def moved(array: Array | None) -> Array:
        array = as_array(array).copy()
        array[index] = array[index] + by
        return array

    carried, problem = Carried(point), point.problem
    if name == "h0":
        carried.problem = replace(problem, x=moved(problem.x))
    elif name == "y":
        carried.problem = replace(problem, y=moved(problem.y))
    else:
        params, l = list(problem.params), int(name[1:]) - 1
        params[l] = params[l]._replace(**{name[0]: moved(getattr(params[l], name[0]))})
        carried.problem = replace(problem, params=tuple(params))
    return carried
