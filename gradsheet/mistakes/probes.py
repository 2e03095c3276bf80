"""The points at which mistakes are looked for that explain a formula over all
weights.

A mistake reproduces a formula if both are the same wherever they are tried: at
one point in small whole numbers, and at one in large secret ones for each
pattern of live and dead units, which two different polynomials of degree d pass
with a probability of at most d / 2^62 (Schwartz 1980, Zippel 1979). A pattern
is given to a point by turning the signs of units' rows. Beyond MAX_PATTERNS of
them MANY are drawn. Verdicts do not rest on these points: `claims.identity` has
them.
"""

import contextlib
import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet.language.functions import facts_of
from gradsheet.mistakes.layered import point_of
from gradsheet.network import losses
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.numbers.budget import DIGITS, Budget
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.reasons import OutOfWork, TooClose, Undecided
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.truth.graph_point import GraphPoint
from manual import Layer
from manual.activations import Array, activate

MAX_PATTERNS = 64
MANY = 224
REDRAWN = 5  # times
LARGE = 2**61
LEAST = 3  # large points
MAX_OUTCOMES = 2_000  # kept for further sheets on the same network
SEED = 17  # of what is the same in every run
MAX_PROBES = 16  # networks whose points are cached

Draw = Callable[[], int | Fraction]


def numbers(draw: Draw, *shape: int) -> Array:
    """An array of drawn numbers; `draw` may give fractions, too."""
    drawn = [Fraction(draw()) for _ in range(math.prod(shape))]
    return np.array(drawn, object).reshape(shape)


def _give_sign(W: Array, b: Array, h: Array, unit: int, sign: int) -> None:
    """Live or dead by its row alone, longer if need be: the bias is shared.
    Behind dead units only that has a say."""
    if unit == 0 and b[()] * sign < 0:
        b[()] = -b[()]
    slope = W[unit] @ h
    if slope * sign < 0:
        W[unit], slope = -W[unit], -slope
    while slope and (slope + b[()]) * sign < 0:
        W[unit], slope = 2 * W[unit], 2 * slope


def _draw_problem(
    network: Network,
    draw: Draw,
    signs: Iterator[int],
    rate: Fraction | None,
    arithmetic: Arithmetic,
) -> Problem:
    """A problem whose kinked units are live or dead as `signs` says, where that
    can be. A rate that is None is drawn, too."""
    x = numbers(draw, network.widths[0])
    h, params = x, list[Layer]()
    for l, activation in enumerate(network.activations):
        W = numbers(draw, network.widths[l + 1], network.widths[l])
        kind, b = network.biases[l], None
        if kind is not None:
            b = numbers(draw, *(() if kind == "shared" else (len(W),)))
        if facts_of(activation).kinked:
            for unit in range(len(W)):
                sign = next(signs)
                if b is not None and not b.ndim:
                    _give_sign(W, b, h, unit, sign)
                elif sign * (W[unit] @ h + (0 if b is None else b[unit])) < 0:
                    W[unit] = -W[unit]
                    if b is not None:
                        b[unit] = -b[unit]
        z = W @ h if b is None else W @ h + b
        h = activate(activation, z if network.rational else np.vectorize(arithmetic, [object])(z))
        params.append(Layer(W, b))
    y = None if network.loss in (None, "output") else numbers(draw, 1, network.widths[-1])
    if y is not None and losses.of(network.loss).add_up:
        # Probabilities: on all numbers that add up to 1 the same identities hold.
        y[0, -1] += 1 - y.sum()
    d_yhat = numbers(draw, network.widths[-1]) if network.loss is None else None
    rate = Fraction(draw()) if rate is None else rate
    return Problem(network, tuple(params), x[None, :], y, d_yhat, rate)


class Probes:
    """The points, drawn when they are first asked for, and kept."""

    def __init__(
        self,
        network: Network,
        rate: Fraction | None,
        budget: Budget,
        session: Session = LIBRARY,
    ):
        self.network, self.budget, self.session = network, budget, session
        self._rate, self._outcomes = rate, LRUCache[Any](MAX_OUTCOMES)  # of comparisons here
        self._secret = random.SystemRandom()  # a sheet's author cannot know the large points
        self._drawn, self._source = list[GraphPoint](), self._points()

    def kept(self, key: Any, find: Callable[[], Any]) -> Any:
        """What was found here before, or is found now: many sheets of a class claim the same."""
        return self._outcomes.get(key, find)

    def known(self, key: Any) -> Any:
        """What was found here before; None where nothing was."""
        return self._outcomes.known(key)

    def __iter__(self) -> Iterator[GraphPoint]:
        for at in itertools.count():
            if at == len(self._drawn):
                try:
                    point = next(self._source, None)
                except (Undecided, OutOfWork):
                    self._source = self._points(at)  # which is at its end now
                    raise
                if point is None:
                    return
                self._drawn.append(point)
            yield self._drawn[at]

    def _points(self, start: int = 0) -> Iterator[GraphPoint]:
        """One point in small numbers, then large ones, from one of them on."""
        units, few = self.network.kinked_units, _few()
        patterns = _patterns(units, self._secret)
        if 2**units <= MAX_PATTERNS:
            patterns = list(itertools.product((1, -1), repeat=units))

        def large() -> int | Fraction:
            drawn = self._secret.randrange(-LARGE, LARGE)
            # So that nothing saturates.
            return drawn if self.network.rational else Fraction(drawn, 2 * LARGE)

        number = 1 + max(len(patterns), LEAST)
        for k, pattern in enumerate(itertools.islice(itertools.cycle(patterns), number)):
            if k >= start:
                yield self._draw(large if k else few, pattern)

    def _draw(self, draw: Draw, signs: Sequence[int]) -> GraphPoint:
        """A drawn point; another one where a z is too close to 0 to have a sign."""
        # Each point has marks of its own: few, and so all laws of powers among them are found.
        real = Arithmetic(DIGITS)

        def once() -> GraphPoint:
            cycle = itertools.cycle(signs or (1,))
            problem = _draw_problem(self.network, draw, cycle, self._rate, real)
            options: Any = {"arithmetic": real, "budget": self.budget, "session": self.session}
            return point_of(problem, None, **options)

        for _ in range(REDRAWN):
            with contextlib.suppress(TooClose):
                return once()
        return once()


def _few() -> Draw:
    """Small whole numbers, the same ones in every run and whatever else has been drawn."""
    source = random.Random(SEED)
    return lambda: source.choice((-3, -2, -1, 1, 2, 3))


def _patterns(units: int, source: random.Random) -> list[tuple[int, ...]]:
    """Patterns of live and dead units: all alike, one that is not like the
    others, and many that are drawn."""
    patterns: list[tuple[int, ...]] = [(1,) * units, (-1,) * units]
    for sign, unit in itertools.product((-1, 1), range(units)):
        patterns.append((-sign,) * unit + (sign,) + (-sign,) * (units - unit - 1))
    return patterns + [tuple(source.choice((1, -1)) for _ in range(units)) for _ in range(MANY)]


def probes_for(network: Network, rate: Fraction | None, session: Session = LIBRARY) -> Probes:
    """The points for all sheets on one network: a class hands in many."""
    probes = session.cache("probes", MAX_PROBES)
    question = network, rate
    points: Probes = probes.get(question, lambda: Probes(*question, Budget(), session))
    return points
