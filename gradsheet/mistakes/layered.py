"""Points of networks of layers, for who looks at them layer by layer: the graph
is what their tables are shorthand for, and the problem is what they say."""

from collections.abc import Collection
from typing import Any

from gradsheet.language.formula import NEW
from gradsheet.network.layers import given_arrays, program_of
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.numbers.budget import DIGITS, Budget
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.truth.graph_point import Asked, GraphPoint
from manual import Layer


def point_of(
    problem: Problem,
    derived: Collection[str] | None,
    *,
    nudges: int | None = None,
    arithmetic: Arithmetic | None = None,
    budget: Budget | None = None,
    session: Session = LIBRARY,
) -> GraphPoint:
    """The point of a problem whose numbers are Fractions or Reals.

    `derived` names the nodes whose derivatives will be asked for, under the
    sheet's names, by anything; where it is None the sweep is alone.
    """
    network, asked = problem.network, None
    if derived is not None:
        of = frozenset(map(network.canonical, derived))
        old = {name for name in network.shapes if not name.endswith((NEW, "learning_rate"))}
        asked = Asked(frozenset(old) | of, of, frozenset(old - {"L"}))
    return GraphPoint(
        program_of(network, session),
        given_arrays(problem),
        arithmetic or Arithmetic(DIGITS),
        budget or Budget(),
        session,
        asked=asked,
        nudges=nudges,
    )


def layers_of(point: Any) -> Network | None:
    """The layers that a network is shorthand for, None where it is one of its own."""
    layers: Network | None = point.program.graph.layers
    return layers


def network_of(point: Any) -> Network:
    """The layers of a network that is shorthand for some."""
    layers = layers_of(point)
    assert layers is not None
    return layers


def problem_of(point: GraphPoint) -> Problem:
    """What the tables of layers say at a point of theirs, in the numbers of the pass."""
    network = network_of(point)

    def find() -> Problem:
        given, single = point.given, network.examples is None
        rows = {n: given[n][None] if single else given[n] for n in ("x", "y") if n in given}
        params = (Layer(given[f"W{l}"], given.get(f"b{l}")) for l in range(1, network.depth + 1))
        return Problem(
            network, tuple(params), rows["x"], rows.get("y"), given.get("d_yhat"), point.rate
        )

    return point.found("problem", find, lambda _: 1)
