"""A point as a person sees it who carries on with other numbers, or takes other steps, than the right ones."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import manual
from gradsheet.language.functions import facts_of
from gradsheet.numbers.cache import Kept
from gradsheet.truth.point import MAX_FOUND, Point, as_array
from gradsheet.truth.steps import Changes, Edits, Index, Pass, Tensor, in_front
from manual.activations import Array


class Carried(Point):
    """A point whose values are those of a `steps.Pass` with changes and edits; in `floats` for a first look.

    With a `kind` its numbers are of another type, which that makes of them.

    Of several `variants` the point is the first one, and `passed` has them all.
    """

    def __init__(
        self,
        point: Point,
        changes: Changes | None = None,
        edits: Edits | None = None,
        *,
        floats: bool = False,
        kind: Callable[[Any], Any] | None = None,
        variants: int = 1,
    ):
        self.__dict__.update(
            network=point.network,
            arithmetic=kind or point.arithmetic,
            rate=point.rate,
            activations=point.network.activations,
            budget=point.budget,
            exact=point.exact and kind is None,
            bits=point.bits,
            jax_of=None,
            _found=Kept(MAX_FOUND),
            _marks=None,
        )
        self.floats = floats

        def typed(array: Array | None) -> Any:
            if array is None:
                return None
            if kind is not None:
                return as_array(np.frompyfunc(kind, 1, 1)(array))
            return array.astype(float) if floats else array

        self.x, self.y, self.d_yhat = typed(point.x), typed(point.y), typed(point.d_yhat)
        self.params = tuple(manual.Layer(typed(W), typed(b)) for W, b in point.params)
        self.changes, self.edits, self.variants = changes, edits, variants

    @functools.cached_property
    def passed(self) -> Pass:
        params = [manual.Layer(in_front(W), in_front(b)) for W, b in self.params]
        rate = float(self.rate) if self.floats and self.rate is not None else self.rate
        data = in_front(self.x), in_front(self.y), in_front(self.d_yhat)
        real: Any = (
            np.vectorize(self.arithmetic, [object])
            if self.exact and not self.floats
            else np.asarray
        )
        options: Any = {
            "changes": self.changes,
            "edits": self.edits,
            "variants": self.variants,
            "real": real,
        }
        return Pass(self.network, params, *data, rate, **options)

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
            shape = (
                self._forward.h[int(of[1:])] if of[0] == "h" else self._forward.z[int(of[1:]) - 1]
            ).shape
        rows = [self.passed.row(of, entry, by) for entry in np.ndindex(shape)]
        stacked = np.stack(rows, 1).reshape(1, *shape, *rows[0].shape[1:])
        return np.asarray(self.passed.changed((of, by), stacked)[0])

    @functools.cached_property
    def updated(self) -> "Carried":
        point = Carried(self, self.changes, self.edits, floats=self.floats)
        point.passed = self.passed.updated
        layers = point.passed.params
        point.params = tuple(
            manual.Layer(W[0], None if b is None else np.asarray(b[0])) for W, b in layers
        )
        return point

    def _stepped(self, name: str) -> Array:
        return self.updated.node(name)

    def entries(self, tensor: Tensor, indices: Sequence[Index]) -> list[Any]:
        """Some entries of a tensor."""
        return list(self.passed.entries(tensor, indices)[0])

    def everything(self) -> Iterator[Array]:
        """Every node, every slope of an activation, and where there is a loss yhat - y and its derivatives."""
        yield from (*self._forward.z, *self._forward.h)
        for l, activation in enumerate(self.network.activations, 1):
            if not facts_of(activation).mixes:
                yield self.passed.slope(l)[0]
        if self.network.loss is not None:
            yield from (array[0] for array in self.passed.gradients.values())
        if self.y is not None:
            yield from (self._forward.h[-1] - self.y, self.passed.by_target()[0])


def nudged(point: Point, name: str, index: Index, by: Any) -> Carried:
    """The point with one entry of a node or parameter changed by so much; of "h0" it is x."""
    if name[0] in "zh" and name != "h0":
        return Carried(point, {name: {index: lambda computed: computed + by}})
    carried = Carried(point)

    def moved(array: Array) -> Array:
        array = array.copy()
        array[index] = array[index] + by
        return array

    if name == "h0":
        carried.x = moved(point.x)
    elif name == "y":
        carried.y = moved(as_array(point.y))
    else:
        l, params = int(name[1:]) - 1, list(carried.params)
        params[l] = params[l]._replace(**{name[0]: moved(as_array(getattr(params[l], name[0])))})
        carried.params = tuple(params)
    return carried
