"""A point as a person sees it who carries on with other numbers, or takes other
steps, than the right ones."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import manual
from gradsheet.language.formula import NEW
from gradsheet.language.functions import facts_of
from gradsheet.mistakes.layer_pass import Change, Changes, Edits, Pass, in_front
from gradsheet.mistakes.layered import problem_of
from gradsheet.network.layers import program_of
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.reasons import AtKink, Missing, OutsideDomain, Undecided
from gradsheet.truth.graph_point import GraphPoint
from gradsheet.truth.values import Asked, Index, Tensor, Values
from gradsheet.truth.work import FormulaWork, SweepWork
from manual.activations import Array

NODES = "the nodes of the pass through layers"  # as points have found it


class Carried(Values):
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
        super().__init__(kind or point.arithmetic, point.budget, bits=point.bits, exact=exact)
        self.problem = _of_type(problem or _problem_of(point), floats, kind)
        self.floats = floats
        self.changes, self.edits, self.variants = changes, edits, variants
        self._as_much = point if kind is None and problem is None else None
        as_there = not (floats or kind or changes or problem) and edits is not None
        self._right = point if as_there and isinstance(point, GraphPoint) else None

    @property
    def network(self) -> Network:
        """The network of the problem."""
        return self.problem.network

    @property
    def rate(self) -> Any:
        """The learning rate, None where there is none."""
        return self.problem.rate

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
            nodes=None if self._right is None else self._right.found(NODES, self._nodes, len),
            real=real,
        )

    def _nodes(self) -> tuple[list[Array], list[Array]]:
        """The z and h of the point itself."""
        passed = Carried(self._right).passed
        return passed.z, passed.h

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

    def _confirm(self, asked: Asked, pick: Callable[[Array], Array], picked: Array) -> None:
        """Raise AtKink where a derivative that the chain rule gives is none."""
        of, _, by, _ = asked
        if by == "y" or not self._kinks:
            return
        if pick(self._through_kinks(self.network.inner(of), self.network.inner(by))).any():
            raise AtKink("a kink is in the way, a z is exactly 0")

    # Nodes

    def _own_axes(self, name: str, array: Array, first: int = 0) -> Array:
        """Without the example axis, which stands at `first`, where the sheet
        has a single example."""
        single = self.network.examples is None and name[0] in "xyzh"
        return array.take(0, axis=first) if single else array

    def node(self, name: str) -> Array:
        """The value of a node or parameter, in the sheet's shape; "shares" gives the L[k]."""
        return self.found(name, lambda: self._node(name))

    def _node(self, name: str) -> Array:
        name = self.network.canonical(name)
        if name.endswith(NEW):
            bare = name.removesuffix(NEW)
            return self._stepped(bare) if bare[0] in "Wb" else self.updated.node(bare)
        if name == "learning_rate":
            return as_array(self.rate)
        if name == "y" and self.problem.y is not None:
            return self._own_axes(name, self.problem.y)
        if name[0] in "Wb":
            return as_array(getattr(self.problem.params[int(name[1:]) - 1], name[0]))
        if name in ("L", "shares"):
            if self.network.loss is None:
                raise Missing(
                    'L has no value, the sheet gives no loss: write loss = "half_squared_error" '
                    "or another at its top"
                )
            shares = _finite(lambda: self._shares)
            return as_array(shares.sum()) if name == "L" else shares
        inner, cache = self.network.inner(name), self._forward
        l = int(inner[1:])
        return self._own_axes(name, cache.h[l] if inner[0] == "h" else cache.z[l - 1])

    # Derivatives

    def _picked(
        self, of: str, of_index: tuple[int, ...], by: str, by_index: tuple[int, ...]
    ) -> Array:
        of_axes = 1 if of == "shares" else len(self.network.shapes[of])
        axes: Any = (*of_index, *[slice(None)] * (of_axes - len(of_index)), *by_index)

        def pick(whole: Array) -> Array:
            own = whole if of in ("L", "shares") else self._own_axes(of, whole)
            return as_array(self._own_axes(by, own, of_axes)[axes])

        # By y the loss may have no slope where it has a value: -y log(yhat) is 0 where both are.
        what = "the derivative by y" if by == "y" else "the loss"
        picked = pick(
            _finite(lambda: self._derivative(self.network.inner(of), self.network.inner(by)), what)
        )
        self._confirm((of, of_index, by, by_index), pick, picked)
        return picked

    # Kinks

    @functools.cached_property
    def _kinks(self) -> list[int]:
        """The layers of which a unit stands at its kink."""
        return [l for l in self.network.kinked if (self._forward.z[l - 1] == 0).any()]

    def _through_kinks(self, of: str, by: str) -> Array:
        """Whether a path of an entry of a derivative, with every example axis,
        leads through a unit at its kink.

        Through two of them in a row the chain rule sees no path, one slope being
        0: where several layers have some, all entries are taken to.
        """
        above, below = (self.network.stage("L" if name == "shares" else name) for name in (of, by))
        layers = [l for l in self._kinks if below <= self.network.stage(f"z{l}") < above]
        shape = self._derivative(of, by).shape
        if len(layers) != 1:
            return np.full(shape, bool(layers))
        at_kink = (self._forward.z[layers[0] - 1] == 0).ravel().astype(bool)
        up = self._derivative(of, f"h{layers[0]}").reshape(-1, at_kink.size)[:, at_kink] != 0
        down = self._derivative(f"z{layers[0]}", by).reshape(at_kink.size, -1)[at_kink] != 0
        return np.asarray(up.astype(bool) @ down.astype(bool)).reshape(shape)

    def keep_kinks(self, other: Values) -> None:
        """Take those of another point for the units that stand at their kink."""
        self._kinks = other._kinks  # type: ignore[attr-defined]

    def is_as_live_as(self, other: Any) -> bool:
        """Whether the same units are live as in other values of these layers."""
        return self._live() == other._live()  # type: ignore[no-any-return]

    def _live(self) -> list[bool]:
        return [bool(v > 0) for l in self.network.kinked for v in self._forward.z[l - 1].flat]

    # What it costs

    @functools.cached_property
    def pass_work(self) -> SweepWork:
        """What a pass costs here: with other numbers, or other steps, as much as there."""
        if self._as_much is not None:
            return self._as_much.pass_work  # type: ignore[no-any-return]
        return SweepWork(program_of(self.network), self.bits, self.arithmetic.digits)

    @functools.cached_property
    def formulas_work(self) -> FormulaWork:
        """What formulas cost here."""
        return super().formulas_work if self._as_much is None else self._as_much.formulas_work


def _finite(value: Callable[[], Array], what: str = "the loss") -> Array:
    """A value that has to do with the loss, which is not finite everywhere."""
    try:
        return value()
    except (OutsideDomain, ZeroDivisionError):
        raise Undecided(
            f"{what} is not finite here: a logarithm of a number that is not positive"
        ) from None


@dataclass(frozen=True)
class LayerEdits:
    """Edits to the steps of a pass through layers, which `Carried` carries out."""

    edits: Edits

    def carried_at(self, point: Any, changes: Changes | None = None, **options: Any) -> "Carried":
        """The values at a point with changes to numbers besides."""
        return Carried(point, changes, self.edits, **options)


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


def _problem_of(values: Any) -> Problem:
    """The problem of a point of layers, or of somebody's values there."""
    return values.problem if isinstance(values, Carried) else problem_of(values)


def _of_type(problem: Problem, floats: bool, kind: Callable[[Any], Any] | None) -> Problem:
    """The problem with its numbers as floats, or of another kind."""
    if kind is not None:
        return problem.converted(lambda array: as_array(np.frompyfunc(kind, 1, 1)(array)))
    if not floats:
        return problem
    rate = None if problem.rate is None else float(problem.rate)
    return replace(problem.converted(lambda array: array.astype(float)), rate=rate)
