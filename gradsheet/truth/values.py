"""The value of every quantity of a network, under the sheet's names and shapes.

`Point` has the truth, on the word of three witnesses; `Carried` has what comes
of it where somebody carries on with other numbers, or takes other steps.
Formulas are evaluated on both alike.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import numpy as np

import manual
from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.language.text import formula_text
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.reasons import AtKink, Missing, NotRead, OutsideDomain, Undecided
from gradsheet.truth.work import FormulaWork, PassWork
from manual.activations import Array

T = TypeVar("T")
Tensor = str | tuple[str, str]  # a node, "z1", or a derivative, ("L", "z1")
Index = tuple[int, ...]
Asked = tuple[str, Index, str, Index]  # d of[index] / d by[index]

MAX_FOUND = 500_000  # numbers that are kept of what was found at a point


class Values(ABC):
    """The values of a network: of nodes, parameters and derivatives.

    Quantities come and go under the sheet's names and shapes. `exact` says
    whether the numbers are Fractions, `bits` how long the given ones are; they
    are numbers of `arithmetic` otherwise, or floats where `floats` says so.
    """

    floats = False
    witnesses: Any = None

    def __init__(self, arithmetic: Any, budget: Budget, *, bits: int | None, exact: bool):
        self.arithmetic, self.budget = arithmetic, budget
        self.bits, self.exact = bits, exact
        self._found: LRUCache[Any] = LRUCache(MAX_FOUND)

    @property
    @abstractmethod
    def network(self) -> Any:
        """What the names mean."""

    @property
    def rate(self) -> Any:
        """The learning rate, None where there is none."""
        return None

    def found(
        self, question: Hashable, find: Callable[[], T], cost: Callable[[Any], int] = np.size
    ) -> T:
        """What was found here before, or is found now."""
        answer: T = self._found.get(question, find, cost)
        return answer

    def typed(self, number: Any) -> Any:
        """A number as the pass here has it: a fraction, or where exp or log enter a Real."""
        return number if self.exact else self.arithmetic(number)

    @abstractmethod
    def node(self, name: str) -> Array:
        """The value of a node or parameter, in the sheet's shape."""

    @abstractmethod
    def derivative(
        self, of: str, of_index: tuple[int, ...], by: str, by_index: tuple[int, ...]
    ) -> Array:
        """d of[of_index] / d by[by_index]; indices count from 0, and axes that
        they leave open stay.

        Raises Missing where there is no such derivative, Undecided at a kink or
        where the witnesses disagree.
        """

    # What only networks of their own have

    def differential(self, node: f.DerivativeOf, binding: Mapping[str, int]) -> Array:
        """The derivative of a formula."""
        raise NotRead(
            f"the derivative of a formula, {formula_text(node)}, cannot be taken yet: name it as a "
            "quantity"
        )

    def function(self, name: str) -> tuple[str, f.Node] | None:
        """A function of the sheet's own; a sheet of layers has none."""
        return None

    def own_slope(self, name: str, argument: Array) -> Array:
        """The derivative of such a function."""
        raise NotRead(f"{name} is no function of this sheet")

    # Kinks

    @abstractmethod
    def is_as_live_as(self, other: Any) -> bool:
        """Whether everything that has a kink stands on the side of it where it
        stands in other values."""

    def keep_kinks(self, other: "Values") -> None:
        """Take those of another point for what stands at its kink."""
        return

    # What it costs

    @functools.cached_property
    @abstractmethod
    def pass_work(self) -> Any:
        """What a pass costs here: `forward`, `both`, and a `jacobian` of a node."""

    def formula_work(self, tree: f.Node) -> int:
        """The operations of the value of a formula here."""
        work = FormulaWork(self.network, self.bits)
        return self.found(("work", tree), lambda: work.of(tree), lambda _: 1)


class LayerValues(Values):
    """The values of a network of layers; one example has no example axis."""

    def __init__(
        self, problem: Problem, arithmetic: Any, budget: Budget, *, bits: int | None, exact: bool
    ):
        super().__init__(arithmetic, budget, bits=bits, exact=exact)
        self.problem = problem

    @property
    def network(self) -> Network:
        """The network of the problem."""
        return self.problem.network

    @property
    def rate(self) -> Any:
        """The learning rate, None where there is none."""
        return self.problem.rate

    # What the two kinds of values come by in their own ways

    @functools.cached_property
    @abstractmethod
    def _forward(self) -> manual.Cache:
        """z and h of every layer."""

    @functools.cached_property
    @abstractmethod
    def _shares(self) -> Array:
        """The shares of the outputs in the loss, (O,)."""

    @abstractmethod
    def _derivative(self, of: str, by: str) -> Array:
        """d of / d by with every example axis, of a z, h, "L" or "shares"."""

    @property
    @abstractmethod
    def updated(self) -> "LayerValues":
        """The network after one step of gradient descent."""

    @abstractmethod
    def _stepped(self, name: str) -> Array:
        """A parameter after one step of gradient descent."""

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

    def derivative(
        self, of: str, of_index: tuple[int, ...], by: str, by_index: tuple[int, ...]
    ) -> Array:
        """d of[of_index] / d by[by_index]; indices count from 0, and axes that
        they leave open stay.

        Raises Missing where there is no such derivative, Undecided at a kink or
        where the witnesses disagree.
        """

        asked = of, of_index, by, by_index
        return self.found(asked, lambda: self._picked(*asked))

    def _picked(
        self, of: str, of_index: tuple[int, ...], by: str, by_index: tuple[int, ...]
    ) -> Array:
        of, by = self.network.canonical(of), self.network.canonical(by)
        if reason := self.network.no_derivative(of, by):
            raise Missing(reason)
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
    def pass_work(self) -> PassWork:
        """What a pass costs here."""
        return PassWork(self.network, len(self.problem.x), self.bits, self.arithmetic.digits)


def _finite(value: Callable[[], Array], what: str = "the loss") -> Array:
    """A value that has to do with the loss, which is not finite everywhere."""
    try:
        return value()
    except (OutsideDomain, ZeroDivisionError):
        raise Undecided(
            f"{what} is not finite here: a logarithm of a number that is not positive"
        ) from None
