"""A network with numbers in it, and the truth there: of every quantity, on the word of three witnesses.

The hand-written pass, the nudge of `difference`, and JAX have to agree; otherwise nobody is believed. All three work on
Fractions, or where exp and log enter on `real.Real`, and so without rounding or with bounds on it.
"""

import copy
import functools
import math
import warnings
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import manual
from gradsheet.network.network import NEW, Network
from gradsheet.numbers.cache import Kept
from gradsheet.numbers.marks import Marks
from gradsheet.numbers.printed import exact_text, plain
from gradsheet.numbers.real import Arithmetic, Imprecise, OutsideDomain, Undecided, apart
from gradsheet.truth.nudge import Slopes, Walk
from gradsheet.truth.work import DIGITS, MAX_OPERATIONS, Budget, FormulaWork, PassWork
from manual.activations import Array
from manual.losses import BY_TARGET, LOSSES, d_reduce

if TYPE_CHECKING:
    from gradsheet.claims.sheet import Sheet
    from gradsheet.language import formula as f
    from gradsheet.truth.autodiff import Autodiff

T = TypeVar("T")

MAX_BITS = 4_096  # of fractions that are worked with as they are
MAX_ENTRIES = 4_096
MAX_FOUND = 500_000  # numbers that are kept of what was found at a point
MAX_SHARED = 20_000  # derivatives of one thing by another at a point that sheets share; of more none is shared
MAX_SHARED_TOGETHER, LEAST_SHARED = (
    60_000,
    1_000,
)  # at all of those points, and as how many a small one counts


class AtKink(Undecided):
    """There is no derivative here: a z is exactly 0."""


class Missing(ValueError):
    """A quantity that this network does not have; the message says why."""


def _entry(value: Any) -> Array:
    """A number as an array of no axes: NumPy hands out the bare object otherwise."""
    array = np.empty((), object)
    array[()] = value
    return array


def _differ(mine: Iterable[Any], theirs: Iterable[Any]) -> bool:
    """Whether two lists of arrays are known to differ anywhere."""
    return any(
        apart(a, b)
        for one, two in zip(mine, theirs, strict=True)
        for a, b in zip(np.ravel(one), np.ravel(np.asarray(two, object)), strict=True)
    )


def any_d_yhat(network: Network) -> Array | None:
    """A dL/dyhat where a sheet with numbers has no loss, and so no claim on dL: any will do. None where it has one."""
    return np.array([Fraction(1)] * network.widths[-1], object) if network.loss is None else None


def as_array(value: Any) -> Array:
    return value if isinstance(value, np.ndarray) else _entry(value)


def length_of(arrays: Iterable[Array], depth: int) -> int | None:
    """How many bits the fractions of data have above and below; None where those that a pass makes get too long."""
    top, bottom = 1, 1
    for value in (value for array in arrays for value in array.flat):
        if not isinstance(value, Fraction):
            return None
        top = max(top, abs(value.numerator))
        if bottom % value.denominator:
            bottom = math.lcm(bottom, value.denominator)
            if bottom.bit_length() > MAX_BITS:
                return None
    bits = top.bit_length() + bottom.bit_length()
    return bits if bits * (depth + 1) <= MAX_BITS else None


_shared: Kept["Point"] = Kept(MAX_SHARED_TOGETHER)


def shared_point_of(
    sheet: "Sheet", jax_of: frozenset[str], arithmetic: Arithmetic, budget: Budget
) -> "Point":
    """The point of a sheet with numbers, with all that was found there for sheets with the same numbers.

    They share what all witnesses have told, and nothing that a sheet's own answers have a part in: every sheet finds
    the point as the first one did. Where the pass has no value here, or is a large one, nothing is shared.
    """
    options: Any = {"arithmetic": arithmetic, "budget": budget}
    assert sheet.params is not None
    network, examples = sheet.network, len(sheet.x) if sheet.x is not None else 1
    nodes = 2 * examples * sum(network.widths)
    size = max(LEAST_SHARED, nodes * (nodes + sum(W.size for W, _ in sheet.params)))
    if size > MAX_SHARED:
        return point_of(sheet, jax_of, **options)

    def find() -> Point:
        point = point_of(sheet, jax_of, **options)
        point.share(4 * size)
        return point

    arrays = (sheet.x, sheet.y, *(array for layer in sheet.params for array in layer))
    numbers = tuple(None if array is None else tuple(array.flat) for array in arrays)
    question = network, numbers, sheet.exact_rate, jax_of, arithmetic.digits, arithmetic.final
    point = _shared.get(
        question, find, lambda point: size if point.is_shared else MAX_SHARED_TOGETHER + 1
    )
    return point.again(budget) if point.is_shared else point


def point_of(sheet: "Sheet", jax_of: Collection[str] | None, **options: Any) -> "Point":
    """The network of a sheet with its numbers in it; what else there is to say is said as to `Point`."""
    assert sheet.params is not None
    assert sheet.x is not None
    data = sheet.params, sheet.x, sheet.y, any_d_yhat(sheet.network)
    return Point(sheet.network, *data, jax_of, rate=sheet.exact_rate, **options)


class Point:
    """The network of a sheet with values for everything in it.

    params are manual.Layer of object arrays of Fractions; x is (N, I), y (N, O) or None; d_yhat (O,) is dL/dyhat where
    the loss is unspecified; `rate` is the learning rate. `jax_of` names the nodes whose derivatives JAX will be asked
    for, None where the hand-written pass is alone (see `probe`); without `jax` it has the nudge beside it only. The
    nudge is asked about every entry, or about so many of a derivative as `nudges` says.
    Quantities come and go under the sheet's names and shapes: one example has no example axis. Where the network is not
    rational, or its numbers are so wild that fractions of them get long, everything is Reals of `arithmetic`.
    """

    floats = (
        False  # whether the numbers are floats, as only `carry.Carried` has them for a first look
    )

    def __init__(
        self,
        network: Network,
        params: Sequence[manual.Layer],
        x: Array,
        y: Array | None,
        d_yhat: Array | None,
        jax_of: Collection[str] | None,
        *,
        jax: bool = True,
        rate: Any = None,
        arithmetic: Arithmetic | None = None,
        budget: Budget | None = None,
        nudges: int | None = None,
    ):
        self.budget, self.jax, self.nudges = budget or Budget(), jax, nudges
        self._found: Kept[Any] = Kept(MAX_FOUND)
        self._marks: Marks | None = (
            None  # as they were before any sheet, at a point that sheets share
        )
        self.arithmetic = arithmetic or Arithmetic(DIGITS)

        given = [x, *(array for array in (y, d_yhat) if array is not None)]
        given += [array for layer in params for array in layer if array is not None]
        self.bits = length_of(given, network.depth) if network.rational else None
        self.exact = self.bits is not None

        def typed(array: Array | None) -> Array | None:
            return (
                array
                if self.exact or array is None
                else np.vectorize(self.arithmetic, [object])(array)
            )

        self.network, self.x, self.y, self.d_yhat = (
            network,
            as_array(typed(x)),
            typed(y),
            typed(d_yhat),
        )
        self.params = tuple(manual.Layer(as_array(typed(W)), typed(b)) for W, b in params)
        self.rate = rate
        self.jax_of: tuple[str, ...] | None = None
        self.jax_of_updated: tuple[str, ...] | None = None
        if jax_of is not None:
            inner = {self.inner(network.canonical(name)) for name in jax_of}
            self.jax_of_updated = tuple(
                sorted(name.removesuffix(NEW) for name in inner if name.endswith(NEW))
            )
            inner = {name for name in inner if not name.endswith(NEW)}
            self.jax_of = tuple(sorted(inner | ({"L"} if "shares" in inner else set())))
        self._updated: Point | None = None
        self.free = False  # drawn for formulas with kinks of their own
        self._by_hand: dict[str, dict[str, Array]] = {}
        # An unspecified loss is the network's own output behind one more linear layer, whose weights are dL/dyhat.
        self.layers, self.activations, self.loss = (
            self.params,
            network.activations,
            network.loss or "output",
        )
        if self.d_yhat is not None:
            self.layers, self.activations = (
                (*self.params, manual.Layer(self.d_yhat[None, :])),
                (*network.activations, "identity"),
            )

    def found(
        self, question: Hashable, find: Callable[[], T], cost: Callable[[Any], int] = np.size
    ) -> T:
        """What was found here before, or is found now.

        At a point that sheets share an answer serves the others as well, unless it has to do with an exponential that
        the network has not: such a one has its mark from this sheet.
        """
        kept = self._found
        if self._marks is not None and question not in kept:
            if question in self._common:
                kept = self._common
            else:
                before = len(self.arithmetic.marks)
                answer = find()
                clean = before == len(self._marks) == len(self.arithmetic.marks)
                kept, find = self._common if clean else kept, lambda: answer
        found: T = kept.get(question, find, cost)
        return found

    def share(self, most: int) -> None:
        """Be ready for other sheets with the same numbers, which share so many of them, if the pass has a value."""
        try:
            _ = self._forward, "L" in (self.jax_of or ()) and self._shares
            for of in self.jax_of or ():
                self._hand(of)
        except (Undecided, Imprecise, ArithmeticError):  # who asks hears it again
            return
        self._common: Kept[Any] = Kept(most)
        self._marks = self.arithmetic.marks.copy()

    def typed(self, number: Any) -> Any:
        """A number as the pass here has it: a fraction, or where exp or log enter a Real."""
        return number if self.exact else self.arithmetic(number)

    @property
    def is_shared(self) -> bool:
        return self._marks is not None

    def again(self, budget: Budget) -> "Point":
        """This point for another sheet."""
        assert self._marks is not None
        self.arithmetic.marks = self._marks.copy()
        point = copy.copy(self)
        point.budget, point._found, point._by_hand = budget, Kept(MAX_FOUND), dict(self._by_hand)
        if not self.exact:  # what it sees next has marks of the sheet
            point.__dict__.pop("_walk", None)
        return point

    @functools.cached_property
    def _walk(self) -> Walk:
        def numbers(array: Array | None) -> Any:
            whole = np.frompyfunc(
                lambda v: int(v) if isinstance(v, Fraction) and v.denominator == 1 else v, 1, 1
            )
            return None if array is None else as_array(whole(array)).tolist()

        layers = zip(self.layers, self.activations, strict=True)
        rows = [(numbers(W), numbers(b), activation) for (W, b), activation in layers]
        data, reduction = (numbers(self.x), numbers(self.y) or []), self.network.reduction
        return Walk(rows, *data, self.loss, reduction, rational=self.exact)

    @functools.cached_property
    def _autodiff(self) -> "Autodiff":
        return self._by_jax(self.jax_of or ())

    def _by_jax(self, of: tuple[str, ...]) -> "Autodiff":
        from gradsheet.truth.autodiff import (
            Autodiff,  # JAX takes a second to import: only where it is asked
        )

        self._afford("JAX's derivatives", of)
        reduction = self.network.reduction
        return Autodiff(
            self.layers, self.x, self.y, self.activations, self.loss, reduction, of, self.arithmetic
        )

    def _ask_jax(
        self, question: Callable[["Autodiff"], Sequence[Any]], *, forward: bool = False
    ) -> dict[str, Sequence[Any]]:
        """JAX's answer under its name, if it is asked; none, with a warning, where JAX is too new to be understood.

        A question on the `forward` pass has an answer also where there are no derivatives.
        """
        from gradsheet.truth.autodiff import UnknownOperation

        if not self.jax:
            return {}
        try:
            try:
                return {"JAX": question(self._autodiff)}
            except (OutsideDomain, ZeroDivisionError, Undecided):
                if not forward:
                    raise
                return {"JAX": question(self._by_jax(()))}
        except UnknownOperation as error:
            warnings.warn(
                f"{error}; the verdicts rest on the other two witnesses",
                RuntimeWarning,
                stacklevel=2,
            )
            return {}

    @functools.cached_property
    def pass_work(self) -> PassWork:
        """What a pass costs here."""
        return PassWork(self.network, len(self.x), self.bits, self.arithmetic.digits)

    def formula_work(self, tree: "f.Node") -> int:
        """The operations of the value of a formula here."""
        return self.found(
            ("work", tree), lambda: FormulaWork(self.network, self.bits).of(tree), lambda _: 1
        )

    def _afford(self, what: str, of: Sequence[str]) -> None:
        """Raise Undecided where a backward pass for every entry of some nodes takes too many operations."""
        self.budget.check()
        work = sum(map(self.pass_work.jacobian, of))
        if work > MAX_OPERATIONS:
            raise Undecided(
                f"{what} take {work:,} operations, and at most {MAX_OPERATIONS:,} are done"
            )

    @functools.cached_property
    def _forward(self) -> manual.Cache:
        """The forward pass by hand, and Undecided where a witness sees another."""
        self._afford("the forward pass", ["L"])
        cache = manual.forward(self.layers, self.x, self.activations)
        if self.jax_of is not None:
            nodes, depth = self._walk.nodes, len(cache.z)
            theirs = [
                *(nodes[f"z{l + 1}"] for l in range(depth)),
                *(nodes[f"h{l}"] for l in range(depth + 1)),
            ]
            jax = self._ask_jax(lambda jax: [*jax.nodes.z, *jax.nodes.h], forward=True)
            self._hear("the forward pass", [*cache.z, *cache.h], {"plain Python": theirs, **jax})
        return cache

    @functools.cached_property
    def _shares(self) -> Array:
        """The shares of the outputs in the loss by hand, and Undecided where a witness sees others."""
        shares = LOSSES[self.loss][0](self.y, self._forward.h[-1]).sum(0)
        if self.network.reduction == "mean":
            shares = shares / len(self.x)
        if self.jax_of is not None:
            theirs = self._walk.shares(self._walk.nodes)
            self._hear(
                "the loss", [shares, _entry(shares.sum())], {"plain Python": [theirs, sum(theirs)]}
            )
            self._hear("the loss", [shares.sum()], self._ask_jax(lambda jax: [jax.value("L")]))
        return np.asarray(shares)

    def _hear(self, what: str, mine: Sequence[Any], witnesses: Mapping[str, Sequence[Any]]) -> None:
        """Raise Undecided where a witness contradicts the hand-written pass."""
        others = [name for name, theirs in witnesses.items() if _differ(mine, theirs)]
        if others:
            raise Undecided(
                f"the witnesses disagree on {what}: NumPy by hand against {' and '.join(others)}"
            )

    @property
    def updated(self) -> "Point":
        """The network after one step of gradient descent: every W less rate times dL/dW, and b unless it is kept."""
        if self.exact:
            point = self.found("updated", self._update, lambda _: LEAST_SHARED)
            point.budget = self.budget
            return point
        if self._updated is None:
            self._updated = self._update()
        return self._updated

    def _update(self) -> "Point":
        names = self.network.shapes
        params = [
            manual.Layer(
                self.node(f"W{l}{NEW}"), self.node(f"b{l}{NEW}") if f"b{l}" in names else None
            )
            for l in range(1, self.network.depth + 1)
        ]
        options: Any = {
            "jax": self.jax,
            "rate": self.rate,
            "arithmetic": self.arithmetic,
            "budget": self.budget,
        }
        return Point(
            self.network, params, self.x, self.y, self.d_yhat, self.jax_of_updated, **options
        )

    def _stepped(self, name: str) -> Array:
        """A parameter after one step of gradient descent."""
        if self.rate is None:
            raise Missing(
                "the sheet gives no learning rate: write learning_rate = 0.1 or another at its top"
            )
        if name[0] == "b" and self.network.update == "weights":
            return self.node(name)
        return as_array(self.node(name) - self.rate * self.derivative("L", (), name, ()))

    def inner(self, name: str) -> str:
        """The name of a node as a z or h of its layer."""
        return {"x": "h0", "yhat": f"h{self.network.depth}"}.get(name, name)

    def _own_axes(self, name: str, array: Array, first: int = 0) -> Array:
        """Without the example axis, which stands at `first`, where the sheet has a single example."""
        return (
            array
            if self.network.examples is not None or name[0] not in "xyzh"
            else array.take(0, axis=first)
        )

    def node(self, name: str) -> Array:
        """The value of a node or parameter, in the sheet's shape; "shares" gives the L[k]."""
        return self.found(name, lambda: self._node(name))

    def _node(self, name: str) -> Array:
        name = self.network.canonical(name)
        if name.endswith(NEW):
            bare = name.removesuffix(NEW)
            return self._stepped(bare) if bare[0] in "Wb" else self.updated.node(bare)
        if name == "learning_rate":
            return _entry(self.rate)
        if name == "y" and self.y is not None:
            return self._own_axes(name, self.y)
        if name[0] in "Wb":
            return as_array(getattr(self.params[int(name[1:]) - 1], name[0]))
        if name in ("L", "shares"):
            if self.network.loss is None:
                raise Missing(
                    'L has no value, the sheet gives no loss: write loss = "half_squared_error" or another at its top'
                )
            shares = self._finite(lambda: self._shares)
            return _entry(shares.sum()) if name == "L" else shares
        inner, cache = self.inner(name), self._forward
        l = int(inner[1:])
        return self._own_axes(name, cache.h[l] if inner[0] == "h" else cache.z[l - 1])

    @staticmethod
    def _finite(value: Callable[[], Array], what: str = "the loss") -> Array:
        """A value that has to do with the loss, which is not finite everywhere."""
        try:
            return value()
        except (OutsideDomain, ZeroDivisionError):
            raise Undecided(
                f"{what} is not finite here: a logarithm of a number that is not positive"
            ) from None

    def _derivative(self, of: str, by: str) -> Array:
        """By hand, with every example axis; JAX has been asked."""

        def find() -> Array:
            _ = self._shares if of[0] in "Ls" else self._forward
            hand = self._by_target(of) if by == "y" else self._hand(of, f"d{of}/d{by}")[by]
            if self.jax_of is not None:
                self._hear(
                    f"d{of}/d{by}", [hand], self._ask_jax(lambda jax: [jax.derivative(of, by)])
                )
            return hand

        return self.found((of, by), find)

    def _hand(self, of: str, what: str = "the gradients") -> dict[str, Array]:
        """All derivatives of a node by hand."""
        if of not in self._by_hand:
            self._afford(what, [of])
            options: Any = {
                "of": of,
                "y": self.y,
                "loss": self.loss,
                "reduction": self.network.reduction,
            }
            self._by_hand[of] = manual.jacobians(self.layers, self.x, self.activations, **options)
        return self._by_hand[of]

    def _by_target(self, of: str) -> Array:
        """By hand the derivative by y of the loss, or of "shares", each of which has its own output's part of that."""
        whole = d_reduce(BY_TARGET[self.loss](self.y, self._forward.h[-1]), self.network.reduction)
        return (
            whole
            if of == "L"
            else np.stack([whole * output for output in np.eye(whole.shape[-1], dtype=object)])
        )

    def derivative(
        self, of: str, of_index: tuple[int, ...], by: str, by_index: tuple[int, ...]
    ) -> Array:
        """d of[of_index] / d by[by_index]; indices count from 0, and axes that they leave open stay.

        Raises Missing where there is no such derivative, Undecided at a kink or where the witnesses disagree.
        """
        return self.found(
            (of, of_index, by, by_index), lambda: self._witnessed(of, of_index, by, by_index)
        )

    def _witnessed(
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
        picked = pick(self._finite(lambda: self._derivative(self.inner(of), self.inner(by)), what))
        if self.jax_of is not None:
            self._ask_difference(of, of_index, of_axes, by, by_index, picked)
        elif (
            by != "y"
            and self._kinks
            and pick(self._through_kinks(self.inner(of), self.inner(by))).any()
        ):
            raise AtKink("a kink is in the way, a z is exactly 0")
        return picked

    def _ask_difference(
        self,
        of: str,
        of_index: tuple[int, ...],
        of_axes: int,
        by: str,
        by_index: tuple[int, ...],
        hand: Array,
    ) -> None:
        if hand.size > MAX_ENTRIES:
            raise Undecided(
                f"d{of}/d{by} has {hand.size} entries, at most {MAX_ENTRIES} are judged: name some by their indices"
            )
        entries = list(np.ndindex(hand.shape))
        for rest in entries[:: max(1, len(entries) // (self.nudges or len(entries) or 1))]:
            split_at = of_axes - len(of_index)
            of_entry, by_entry = (*of_index, *rest[:split_at]), (*by_index, *rest[split_at:])
            self.budget.check()
            left, right, kink = self._difference(of, of_entry, by, by_entry)
            if not apart(left, hand[rest]) and (left is right or not apart(right, hand[rest])):
                continue
            if kink:
                sides = f"from the left d{of}/d{by} is {exact_text(left)}, from the right {exact_text(right)}"
                raise AtKink(f"a kink is in the way, a z is exactly 0: {sides}")
            raise Undecided(
                f"the witnesses disagree on d{of}/d{by}: by hand {exact_text(hand[rest])}, by the exact difference "
                f"{exact_text(left)}"
            )

    def _difference(
        self, of: str, of_entry: tuple[int, ...], by: str, by_entry: tuple[int, ...]
    ) -> Slopes:
        def full(name: str, entry: tuple[int, ...]) -> tuple[int, ...]:
            single = self.network.examples is None and self.inner(name)[0] in "zhy"
            return (0, *entry) if single else entry

        return self._walk.derivative(
            self.inner(of), full(of, of_entry), self.inner(by), full(by, by_entry)
        )

    @functools.cached_property
    def _kinks(self) -> list[int]:
        """The layers of which a unit stands at its kink."""
        return [l for l in self.network.kinked if (self._forward.z[l - 1] == 0).any()]

    def _through_kinks(self, of: str, by: str) -> Array:
        """Whether a path of an entry of a derivative, with every example axis, leads through a unit at its kink.

        Through two such units in a row the chain rule sees no path, since it takes one of their slopes for 0; so where
        several layers have some, all entries are taken to.
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

    def live_units(self) -> list[bool]:
        """Which of the units with a kink are live, over all examples and layers."""
        return [bool(v > 0) for l in self.network.kinked for v in self._forward.z[l - 1].flat]

    def signed_values(self) -> tuple[list[Any], list[Any]]:
        """What the probes give both signs: the z of every kinked unit; every other entry of x, z, y and dL/dyhat."""
        zs, hs = self._forward
        kinked = [l in self.network.kinked for l in range(1, len(zs) + 1)]
        others = [hs[0], *(array for array in (self.y, self.d_yhat) if array is not None)]
        others += [z for z, kink in zip(zs, kinked, strict=True) if not kink]
        units = [z for z, kink in zip(zs, kinked, strict=True) if kink]
        return [v for array in units for v in array.flat if v], [
            v for array in others for v in array.flat if v
        ]

    def data_text(self) -> str:
        """The parameters and data here, on one line."""
        return self.found("data", self._data_text)

    def _data_text(self) -> str:
        names = [
            name
            for name in self.network.shapes
            if name[0] in "xyWb" and name[:4] != "yhat" and not name.endswith(NEW)
        ]
        data = [f"{name} = {plain(exact_text(self.node(name)))}" for name in names]
        if self.network.update is not None:
            data.append(f"learning_rate = {plain(exact_text(self.rate))}")
        return ", ".join(
            data if self.d_yhat is None else [*data, f"dL/dyhat = {plain(exact_text(self.d_yhat))}"]
        )
