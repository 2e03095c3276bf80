"""A network with numbers in it, and the truth there: of every quantity, on the
word of three witnesses.

The hand-written pass, the `nudge`, and JAX have to agree; otherwise nobody is
believed. All three work on Fractions, or where exp and log enter on
`real.Real`, and so without rounding or with bounds on it.
"""

import copy
import functools
import math
import warnings
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import manual
from gradsheet.language.formula import NEW
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import DIGITS, MAX_OPERATIONS, Budget
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.marks import Marks
from gradsheet.numbers.printed import exact_text, plain
from gradsheet.numbers.real import Arithmetic, apart
from gradsheet.numbers.reasons import (
    AtKink,
    Imprecise,
    Missing,
    OutOfWork,
    OutsideDomain,
    Undecided,
)
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.truth.nudge import Slopes, Walk
from gradsheet.truth.values import MAX_FOUND, Asked, LayerValues
from manual.activations import Array
from manual.losses import LOSSES, d_reduce

if TYPE_CHECKING:
    from gradsheet.truth.autodiff import Autodiff

T = TypeVar("T")

MAX_BITS = 4_096  # of fractions that are worked with as they are
MAX_ENTRIES = 4_096
# Derivatives of one thing by another at a point that sheets share; of more none is shared.
MAX_SHARED = 20_000
# At all of those points, and as how many a small one counts.
MAX_SHARED_TOGETHER, LEAST_SHARED = 60_000, 1_000


@dataclass(frozen=True)
class Witnesses:
    """Who is heard beside the hand-written pass: the nudge, and JAX unless it
    is left out.

    JAX is asked for the derivatives of the nodes `of`, and after an update of
    those of `of_updated`. The nudge is asked about every entry of a derivative,
    or about so many as `nudges` says.
    """

    of: tuple[str, ...]
    of_updated: tuple[str, ...] = ()
    jax: bool = True
    nudges: int | None = None


def length_of(arrays: Iterable[Array], depth: int) -> int | None:
    """How many bits the fractions of data have above and below; None where
    those that a pass makes get too long."""
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


def point_of(
    problem: Problem,
    derived: Collection[str] | None,
    *,
    jax: bool = True,
    nudges: int | None = None,
    arithmetic: Arithmetic | None = None,
    budget: Budget | None = None,
    session: Session = LIBRARY,
) -> "Point":
    """The point of a problem whose numbers are Fractions or Reals.

    `derived` names the nodes whose derivatives will be asked for, under the
    sheet's names; where it is None the hand-written pass is alone. Where the
    network is not rational, or its numbers are so wild that fractions of them
    get long, everything becomes Reals of `arithmetic`.
    """
    network, arithmetic = problem.network, arithmetic or Arithmetic(DIGITS)
    bits = length_of(problem.arrays(), network.depth) if network.rational else None
    if bits is None:
        reals = np.vectorize(arithmetic, [object])
        problem = problem.converted(lambda array: as_array(reals(array)))
    else:
        problem = problem.converted(as_array)
    witnesses = None if derived is None else _witnesses(network, derived, jax, nudges)
    return Point(problem, bits, witnesses, arithmetic, budget or Budget(), session)


def _witnesses(
    network: Network, derived: Collection[str], jax: bool, nudges: int | None
) -> Witnesses:
    inner = {network.inner(network.canonical(name)) for name in derived}
    updated = tuple(sorted(name.removesuffix(NEW) for name in inner if name.endswith(NEW)))
    now = {name for name in inner if not name.endswith(NEW)}
    if "shares" in now:
        now.add("L")
    return Witnesses(tuple(sorted(now)), updated, jax, nudges)


def shared_point_of(
    problem: Problem,
    derived: frozenset[str],
    arithmetic: Arithmetic,
    budget: Budget,
    session: Session = LIBRARY,
) -> "Point":
    """The point of a sheet with numbers, with all that was found there for
    sheets with the same numbers.

    They share what all witnesses have told, and nothing that a sheet's own
    answers have a part in: every sheet finds the point as the first one did.
    Where the pass has no value here, or is a large one, nothing is shared.
    """
    nodes = 2 * len(problem.x) * sum(problem.network.widths)
    size = max(LEAST_SHARED, nodes * (nodes + sum(W.size for W, _ in problem.params)))
    options: Any = {"arithmetic": arithmetic, "budget": budget, "session": session}
    if size > MAX_SHARED:
        return point_of(problem, derived, **options)

    def find() -> Point:
        point = point_of(problem, derived, **options)
        point.share(4 * size)
        return point

    question = problem.key, derived, arithmetic.digits, arithmetic.final
    points = session.cache("points", MAX_SHARED_TOGETHER)
    point: Point = points.get(
        question, find, lambda point: size if point.is_shared else MAX_SHARED_TOGETHER + 1
    )
    return point.again(budget) if point.is_shared else point


class Point(LayerValues):
    """The truth at a problem. `witnesses` is None where the hand-written pass
    is alone (see `probes`).

    `bits` is how long the fractions of its numbers are, None where they are
    Reals.
    """

    arithmetic: Arithmetic

    def __init__(
        self,
        problem: Problem,
        bits: int | None,
        witnesses: Witnesses | None,
        arithmetic: Arithmetic,
        budget: Budget,
        session: Session,
    ):
        super().__init__(problem, arithmetic, budget, bits=bits, exact=bits is not None)
        self.witnesses, self.session = witnesses, session
        self.free = False  # drawn for formulas with kinks of their own
        # As they were before any sheet, at a point that sheets share.
        self._marks: Marks | None = None
        self._common: LRUCache[Any] = LRUCache(0)  # of those sheets
        self._updated: Point | None = None
        self._by_hand: dict[str, dict[str, Array]] = {}

    # What sheets with the same numbers share

    def found(
        self, question: Hashable, find: Callable[[], T], cost: Callable[[Any], int] = np.size
    ) -> T:
        """What was found here before, or is found now.

        At a point that sheets share an answer serves the others as well, unless
        it has to do with an exponential that the network has not: such a one
        has its mark from this sheet.
        """
        cache = self._found
        if self._marks is not None and question not in cache:
            if question in self._common:
                cache = self._common
            else:
                before = len(self.arithmetic.marks)
                answer = find()
                clean = before == len(self._marks) == len(self.arithmetic.marks)
                cache, find = self._common if clean else cache, lambda: answer
        known: T = cache.get(question, find, cost)
        return known

    def share(self, most: int) -> None:
        """Be ready for other sheets with the same numbers, which share so many
        of them, if the pass has a value."""
        of = self.witnesses.of if self.witnesses is not None else ()
        try:
            _ = self._shares if "L" in of else self._forward
            for name in of:
                self._hand(name)
        except (Undecided, Imprecise, OutOfWork, ArithmeticError):  # who asks hears it again
            return
        self._common = LRUCache(most)
        self._marks = self.arithmetic.marks.copy()

    @property
    def is_shared(self) -> bool:
        """Whether sheets with the same numbers share it."""
        return self._marks is not None

    def again(self, budget: Budget) -> "Point":
        """This point for another sheet."""
        assert self._marks is not None
        self.arithmetic.marks = self._marks.copy()
        point = copy.copy(self)
        point.budget, point._found = budget, LRUCache(MAX_FOUND)
        point._by_hand = dict(self._by_hand)
        if not self.exact:  # what it sees next has marks of the sheet
            point.__dict__.pop("_walk", None)
        return point

    # The witnesses

    @functools.cached_property
    def _walk(self) -> Walk:
        def whole(v: Any) -> Any:
            return int(v) if isinstance(v, Fraction) and v.denominator == 1 else v

        def numbers(array: Array | None) -> Any:
            return None if array is None else as_array(np.frompyfunc(whole, 1, 1)(array)).tolist()

        problem = self.problem.with_loss
        network = problem.network
        layers = zip(problem.params, network.activations, strict=True)
        rows = [(numbers(W), numbers(b), activation) for (W, b), activation in layers]
        loss, data = str(network.loss), (numbers(problem.x), numbers(problem.y) or [])
        return Walk(rows, *data, loss, network.reduction, rational=self.exact)

    @functools.cached_property
    def _autodiff(self) -> "Autodiff":
        return self._by_jax(self.witnesses.of if self.witnesses is not None else ())

    def _by_jax(self, of: tuple[str, ...]) -> "Autodiff":
        # JAX takes a second to import: only where it is asked.
        from gradsheet.truth.autodiff import autodiff_at

        self._afford("JAX's derivatives", of)
        return autodiff_at(self.problem.with_loss, of, self.arithmetic, self.session)

    def _ask_jax(
        self, question: Callable[["Autodiff"], Sequence[Any]], *, forward: bool = False
    ) -> dict[str, Sequence[Any]]:
        """JAX's answer under its name, if it is asked; none, with a warning,
        where JAX is too new to be understood. A question on the `forward` pass
        has an answer also where there are no derivatives."""
        from gradsheet.truth.autodiff import UnknownOperation

        if self.witnesses is None or not self.witnesses.jax:
            return {}
        try:
            try:
                return {"JAX": question(self._autodiff)}
            except (OutsideDomain, ZeroDivisionError, Undecided):
                if not forward:
                    raise
                return {"JAX": question(self._by_jax(()))}
        except UnknownOperation as error:
            text = f"{error}; the verdicts rest on the other two witnesses"
            warnings.warn(text, RuntimeWarning, stacklevel=2)
            return {}

    def _hear(self, what: str, mine: Sequence[Any], witnesses: Mapping[str, Sequence[Any]]) -> None:
        """Raise Undecided where a witness contradicts the hand-written pass."""
        if others := [name for name, theirs in witnesses.items() if _differ(mine, theirs)]:
            against = f"NumPy by hand against {' and '.join(others)}"
            raise Undecided(f"the witnesses disagree on {what}: {against}")

    def _confirm(self, asked: Asked, pick: Callable[[Array], Array], picked: Array) -> None:
        """Raise AtKink where there is no derivative, Undecided where the nudge
        finds another one."""
        if self.witnesses is None:
            super()._confirm(asked, pick, picked)
            return
        of, of_index, by, by_index = asked
        if picked.size > MAX_ENTRIES:
            raise Undecided(
                f"d{of}/d{by} has {picked.size} entries, at most {MAX_ENTRIES} are judged: "
                "name some by their indices"
            )
        entries = list(np.ndindex(picked.shape))
        of_axes = (1 if of == "shares" else len(self.network.shapes[of])) - len(of_index)
        step = max(1, len(entries) // (self.witnesses.nudges or len(entries) or 1))
        for rest in entries[::step]:
            self.budget.check()
            slopes = self._walk.derivative(
                *self._with_example(of, (*of_index, *rest[:of_axes])),
                *self._with_example(by, (*by_index, *rest[of_axes:])),
            )
            _hear_nudge(f"d{of}/d{by}", picked[rest], slopes)

    def _with_example(self, name: str, entry: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        """A node as the nudge calls it, and an entry with the axis of the examples."""
        inner = self.network.inner(name)
        single = self.network.examples is None and inner[0] in "zhy"
        return inner, (0, *entry) if single else entry

    # What it costs

    def _afford(self, what: str, of: Sequence[str]) -> None:
        """Raise Undecided where a backward pass for every entry of some nodes
        takes too many operations."""
        self.budget.check()
        work = sum(map(self.pass_work.jacobian, of))
        if work > MAX_OPERATIONS:
            raise Undecided(
                f"{what} take {work:,} operations, and at most {MAX_OPERATIONS:,} are done"
            )

    # The pass by hand

    @functools.cached_property
    def _forward(self) -> manual.Cache:
        """The forward pass by hand, and Undecided where a witness sees another."""
        self._afford("the forward pass", ["L"])
        problem = self.problem.with_loss
        cache = manual.forward(problem.params, problem.x, problem.network.activations)
        if self.witnesses is not None:
            names = [f"z{l + 1}" for l in range(len(cache.z))]
            names += [f"h{l}" for l in range(len(cache.h))]
            theirs = [self._walk.nodes[name] for name in names]
            jax = self._ask_jax(lambda jax: [*jax.nodes.z, *jax.nodes.h], forward=True)
            self._hear("the forward pass", [*cache.z, *cache.h], {"plain Python": theirs, **jax})
        return cache

    @functools.cached_property
    def _shares(self) -> Array:
        """The shares of the outputs in the loss by hand, and Undecided where a
        witness sees others."""
        problem = self.problem.with_loss
        shares = LOSSES[str(problem.network.loss)].value(problem.y, self._forward.h[-1]).sum(0)
        if self.network.reduction == "mean":
            shares = shares / len(problem.x)
        if self.witnesses is not None:
            theirs = self._walk.shares(self._walk.nodes)
            both = [shares, as_array(shares.sum())]
            self._hear("the loss", both, {"plain Python": [theirs, sum(theirs)]})
            self._hear("the loss", [shares.sum()], self._ask_jax(lambda jax: [jax.value("L")]))
        return np.asarray(shares)

    def _derivative(self, of: str, by: str) -> Array:
        """By hand, with every example axis; JAX has been asked."""

        def find() -> Array:
            _ = self._shares if of[0] in "Ls" else self._forward
            hand = self._by_target(of) if by == "y" else self._hand(of, f"d{of}/d{by}")[by]
            jax = self._ask_jax(lambda jax: [jax.derivative(of, by)])
            self._hear(f"d{of}/d{by}", [hand], jax)
            return hand

        return self.found((of, by), find)

    def _hand(self, of: str, what: str = "the gradients") -> dict[str, Array]:
        """All derivatives of a node by hand."""
        if of not in self._by_hand:
            self._afford(what, [of])
            problem, network = self.problem.with_loss, self.problem.with_loss.network
            options: Any = {"loss": network.loss, "reduction": network.reduction}
            self._by_hand[of] = manual.jacobians(
                problem.params, problem.x, network.activations, of=of, y=problem.y, **options
            )
        return self._by_hand[of]

    def _by_target(self, of: str) -> Array:
        """By hand the derivative by y of the loss, or of "shares", each of
        which has its own output's part of that."""
        loss, y = str(self.problem.with_loss.network.loss), self.problem.y
        by_y = LOSSES[loss].by_y
        assert by_y is not None
        whole = d_reduce(by_y(y, self._forward.h[-1]), self.network.reduction)
        if of == "L":
            return whole
        return np.stack([whole * output for output in np.eye(whole.shape[-1], dtype=object)])

    # The update

    @property
    def updated(self) -> "Point":
        """The network after one step of gradient descent: every W less rate
        times dL/dW, and b unless it is kept."""
        if self.exact:
            point = self.found("updated", self._update, lambda _: LEAST_SHARED)
            point.budget = self.budget
            return point
        if self._updated is None:
            self._updated = self._update()
        return self._updated

    def _update(self) -> "Point":
        def new(name: str) -> Array | None:
            return self.node(name + NEW) if name in self.network.shapes else None

        numbers = range(1, self.network.depth + 1)
        params = tuple(manual.Layer(self.node(f"W{l}{NEW}"), new(f"b{l}")) for l in numbers)
        heard, of = self.witnesses, None if self.witnesses is None else self.witnesses.of_updated
        return point_of(
            replace(self.problem, params=params),
            of,
            jax=heard is not None and heard.jax,
            arithmetic=self.arithmetic,
            budget=self.budget,
            session=self.session,
        )

    def _stepped(self, name: str) -> Array:
        if self.rate is None:
            raise Missing(
                "the sheet gives no learning rate: write learning_rate = 0.1 or another at its top"
            )
        if name[0] == "b" and self.network.update == "weights":
            return self.node(name)
        return as_array(self.node(name) - self.rate * self.derivative("L", (), name, ()))

    # What there is to say of it

    def data_text(self) -> str:
        """The parameters and data here, on one line."""

        def find() -> str:
            names = [n for n in self.network.shapes if n[0] in "xyWb" and not n.endswith(NEW)]
            data = {name: self.node(name) for name in names if name != "yhat"}
            if self.network.update is not None:
                data["learning_rate"] = self.rate
            if self.problem.d_yhat is not None:
                data["dL/dyhat"] = self.problem.d_yhat
            return ", ".join(f"{name} = {plain(exact_text(v))}" for name, v in data.items())

        return self.found("data", find)


def _hear_nudge(what: str, hand: Any, slopes: Slopes) -> None:
    """Raise where the slopes on both sides of a point are not the derivative by hand."""
    left, right, kink = slopes
    if not apart(left, hand) and (left is right or not apart(right, hand)):
        return
    if kink:
        sides = f"from the left {what} is {exact_text(left)}, from the right {exact_text(right)}"
        raise AtKink(f"a kink is in the way, a z is exactly 0: {sides}")
    both = f"by hand {exact_text(hand)}, by the exact difference {exact_text(left)}"
    raise Undecided(f"the witnesses disagree on {what}: {both}")


def _differ(mine: Iterable[Any], theirs: Iterable[Any]) -> bool:
    """Whether two lists of arrays are known to differ anywhere."""
    return any(
        apart(a, b)
        for one, two in zip(mine, theirs, strict=True)
        for a, b in zip(np.ravel(one), np.ravel(np.asarray(two, object)), strict=True)
    )
