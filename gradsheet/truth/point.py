"""A network of layers with numbers in it: the graph that its tables are
shorthand for, and the problem that they state."""

import functools
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from gradsheet.language.formula import NEW
from gradsheet.language.functions import facts_of
from gradsheet.network.layers import given_arrays, graph_of
from gradsheet.network.lowering import Program, lowered
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import DIGITS, Budget
from gradsheet.numbers.printed import exact_text, plain
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.reasons import OutsideDomain, Undecided
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.truth.graph_point import Asked, GraphPoint
from gradsheet.truth.values import Index, Tensor
from gradsheet.truth.work import PassWork
from manual.activations import Array

# Derivatives of one thing by another at a point that sheets share; of more none is shared.
MAX_SHARED = 20_000
# At all of those points, and as how many a small one counts.
MAX_SHARED_TOGETHER, LEAST_SHARED = 60_000, 1_000
MAX_PROGRAMS = 64  # networks whose steps a session has


def program_of(network: Network, session: Session = LIBRARY) -> Program:
    """The steps of a network of layers."""
    programs = session.cache("steps of layers", MAX_PROGRAMS)
    program: Program = programs.get(network, lambda: lowered(graph_of(network)))
    return program


def point_of(
    problem: Problem,
    derived: Collection[str] | None,
    *,
    jax: bool = True,
    nudges: int | None = None,
    arithmetic: Arithmetic | None = None,
    budget: Budget | None = None,
    session: Session = LIBRARY,
    asked: Asked | None = None,
) -> "Point":
    """The point of a problem whose numbers are Fractions or Reals.

    `derived` names the nodes whose derivatives will be asked for, under the
    sheet's names, by anything; `asked` says so in more detail. Where both are
    None the sweep is alone.
    """
    network = problem.network
    if derived is not None:
        names = frozenset(map(network.canonical, derived))
        old = {name for name in network.shapes if not name.endswith((NEW, "learning_rate"))}
        asked = Asked(frozenset(old) | names, names, frozenset(old - {"L"}))
    return Point(
        problem,
        arithmetic or Arithmetic(DIGITS),
        budget or Budget(),
        session,
        asked=asked,
        jax=jax,
        nudges=nudges,
    )


def shared_point_of(
    problem: Problem,
    asked: Asked,
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
        return point_of(problem, None, asked=asked, **options)

    def find() -> Point:
        point = point_of(problem, None, asked=asked, **options)
        point.share(4 * size, asked.of)
        return point

    question = problem.key, asked, arithmetic.digits, arithmetic.final
    points = session.cache("points", MAX_SHARED_TOGETHER)
    point: Point = points.get(
        question, find, lambda point: size if point.is_shared else MAX_SHARED_TOGETHER + 1
    )
    return point.again(budget) if point.is_shared else point


class Point(GraphPoint):
    """The truth at a problem of layers."""

    kink = "a kink is in the way, a z is exactly 0"

    def __init__(
        self,
        problem: Problem,
        arithmetic: Arithmetic,
        budget: Budget,
        session: Session,
        *,
        asked: Asked | None = None,
        jax: bool = True,
        nudges: int | None = None,
    ):
        self.problem = problem
        super().__init__(
            program_of(problem.network, session),
            given_arrays(problem),
            arithmetic,
            budget,
            session,
            asked=asked,
            jax=jax,
            nudges=nudges,
            depth=problem.network.depth,
        )
        typed = np.frompyfunc(self.typed, 1, 1)
        self.problem = problem.converted(lambda array: as_array(typed(array)))

    @property
    def network(self) -> Any:
        """The network of the problem."""
        return self.problem.network

    @property
    def rate(self) -> Any:
        """The learning rate, None where there is none."""
        return self.problem.rate

    @functools.cached_property
    def pass_work(self) -> Any:
        """What a pass through the layers costs."""
        return PassWork(self.network, len(self.problem.x), self.bits, self.arithmetic.digits)

    def taken_for(self, tensor: Tensor, indices: list[Index]) -> tuple[Tensor, list[Index]]:
        """dL/dz for dL/db of one example."""
        of, by = (tensor, "") if isinstance(tensor, str) else tensor
        if (
            of == "L"
            and by[:1] == "b"
            and len(self.problem.x) == 1
            and self.network.biases[int(by[1:]) - 1] == "units"
        ):
            prefix = () if self.network.examples is None else (0,)
            return ("L", f"z{by[1:]}"), [prefix + index for index in indices]
        return tensor, indices

    def of_share(self, tensor: Tensor, index: Index) -> Index | None:
        """An output's share has that output's part of dL/dyhat, and of dL/dz
        where no softmax mixes them."""
        last = facts_of(self.network.activations[-1])
        names = ("yhat",) if last.mixes else ("yhat", f"z{self.network.depth}")
        if isinstance(tensor, str) or tensor[0] != "L" or tensor[1] not in names:
            return None
        return (index[-1], *index)

    def _defined(self, what: str, value: Callable[[], Array]) -> Array:
        """A value, which only a loss may not have, and its derivatives."""
        try:
            return value()
        except (OutsideDomain, ZeroDivisionError):
            of = "the derivative by y" if what.endswith("/dy") else "the loss"
            raise Undecided(
                f"{of} is not finite here: a logarithm of a number that is not positive"
            ) from None

    # Kinks

    def live_units(self) -> list[bool]:
        """Which of the units with a kink are live, over all examples and layers."""
        return [bool(v > 0) for l in self.network.kinked for v in self.node(f"z{l}").flat]

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
