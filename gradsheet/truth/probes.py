"""The points at which a claim over all weights is put to the test.

Once it is settled which units are live and which are dead, both sides of a
claim are polynomials (or quotients of them) in the weights and data. Two
different polynomials of degree d agree at a random point with whole coordinates
from 2^62 values with a probability of at most d / 2^62 (Schwartz 1980, Zippel
1979). One such point is drawn for each pattern of live and dead units, and
given it by turning the signs of units' rows: that leaves the draw uniform among
the 2^-k of all points with this pattern of k units, so that 2^k d / 2^62 bounds
the probability of an error.

Beyond MAX_PATTERNS patterns, MANY of them are drawn. The difference of two
sides is a polynomial in the bits of the pattern, too; one of degree D in them
that is not 0 differs from 0 on at least 2^-D of all patterns (the distance of
the Reed-Muller code), so MANY draws all miss it with a probability of at most
(1 - 2^-D)^MANY.

A claim whose difference may have a higher degree in the bits is not proved by
that. It is tried at patterns that are the same in every run, so that what is
said of it does not hang on the draw; those that are drawn are secret.

Small whole numbers are tried as well: a claim that fails there has a witness
that fits on a line, and the other witnesses are heard there, who so vouch for
the hand-written pass, which is alone at the large ones.
"""

import contextlib
import itertools
import math
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet.language.functions import facts_of
from gradsheet.network import losses
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.numbers.budget import DIGITS, Budget
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.reasons import OutOfWork, TooClose, Undecided
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.truth.point import Point, point_of
from manual import Layer
from manual.activations import Array, activate

MAX_PATTERNS = 64
MANY = 224
MAX_DEGREE = 4  # (1 - 2^-4)^224 is 5e-7
MAX_OWN_DEGREE = 2  # (1 - 2^-2)^FREE is 1e-8
REDRAWN = 5  # times
# Small points without a wanted pattern, with zeros among their numbers, for kinks of a formula's
# own.
FREE = 64
LARGE = 2**61
# Large points, and those for formulas that are not defined or not smooth everywhere.
LEAST, FREE_LARGE = (3, 24)
# Small points at which all witnesses are heard; at the others JAX is not, it takes longest.
ALL_HEARD = 4
MAX_OUTCOMES = 2_000  # kept for further sheets on the same network
SEED = 17  # of what is the same in every run
MAX_PROBES = 16  # networks whose points are cached
MOST = 8  # small points, and points at a kink

Draw = Callable[[], int | Fraction]


def numbers(draw: Draw, *shape: int) -> Array:
    """An array of drawn numbers; `draw` may give fractions, too."""
    drawn = [Fraction(draw()) for _ in range(math.prod(shape))]
    return np.array(drawn, object).reshape(shape)


def _onto_kink(W: Array, b: Array | None, h: Array, unit: int) -> None:
    """Change one unit's row, or its own bias, so that its z is exactly 0 at h."""
    if b is not None and b.ndim:
        b[unit] -= W[unit] @ h + b[unit]
        return
    offset = Fraction(0) if b is None else b[()]
    at = next((k for k, value in enumerate(h) if value), None)
    if at is not None:
        W[unit] = W[unit] * h[at]
        W[unit, at] -= (W[unit] @ h + offset) / h[at]


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
    kink: int | None,
    rate: Fraction | None,
    arithmetic: Arithmetic,
) -> Problem:
    """A problem whose kinked units are live or dead as `signs` says, where that
    can be; the z of unit `kink` is 0. A rate that is None is drawn, too."""
    x = numbers(draw, network.widths[0])
    h, params, number = x, [], 0
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
                if number == kink:
                    _onto_kink(W, b, h, unit)
                number += 1
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


class Drawn:
    """Points that are drawn when they are first asked for, and kept."""

    def __init__(self, source: Iterator[Point]):
        self._source, self._drawn = source, list[Point]()
        self._failure: Undecided | OutOfWork | None = None

    def __iter__(self) -> Iterator[Point]:
        for at in itertools.count():
            if at == len(self._drawn):
                if self._failure is not None:
                    raise self._failure
                try:
                    point = next(self._source, None)
                except (Undecided, OutOfWork) as error:
                    # The source is at its end then, and what is missing would not be missed.
                    self._failure = error
                    raise
                if point is None:
                    return
                self._drawn.append(point)
            yield self._drawn[at]


class Probes:
    """The points for claims over all weights: `small` ones, and all at which a
    claim is tried, in that order."""

    def __init__(
        self,
        network: Network,
        jax_of: Collection[str] | None,
        rate: Fraction | None,
        budget: Budget,
        session: Session = LIBRARY,
    ):
        self.network, self.jax_of, self.budget, self.session = network, jax_of, budget, session
        self._rate, self._outcomes = rate, LRUCache[Any](MAX_OUTCOMES)  # of comparisons here
        self._secret = random.SystemRandom()  # a sheet's author cannot know the large points
        units = network.kinked_units
        self._every = 2**units <= MAX_PATTERNS
        if self._every:
            self._known = self._patterns = list(itertools.product((1, -1), repeat=units))
        else:
            self._known = _patterns(units, random.Random(SEED))
            self._patterns = _patterns(units, self._secret)
        self.small = Drawn(self._small())
        self.further = Drawn(self._further())
        large = self._large(self._patterns)
        self._others = Drawn(itertools.chain(large, self._kinks(), self._free()))
        self._at_known = Drawn(self._large(self._known))

    def kept(self, key: Any, find: Callable[[], Any]) -> Any:
        """What was found here before, or is found now: many sheets of a class claim the same."""
        return self._outcomes.get(key, find)

    def known(self, key: Any) -> Any:
        """What was found here before; None where nothing was."""
        return self._outcomes.get(key, lambda: None) if key in self._outcomes else None

    def __iter__(self) -> Iterator[Point]:
        yield next(iter(self.small))
        yield from self._others

    def at_known(self) -> Iterator[Point]:
        """The points for a claim that cannot be proved at as many patterns as
        are drawn: the same ones in every run."""
        yield next(iter(self.small))
        yield from self._others if self._every else self._at_known

    def _draw(
        self,
        draw: Draw,
        signs: Sequence[int],
        jax_of: Any,
        kink: int | None = None,
        *,
        jax: bool = False,
    ) -> Point:
        """A drawn point; another one where a z is too close to 0 to have a sign."""
        # Each point has marks of its own: few, and so all laws of powers among them are found.
        real = Arithmetic(DIGITS)

        def once() -> Point:
            cycle = itertools.cycle(signs or (1,))
            problem = _draw_problem(self.network, draw, cycle, kink, self._rate, real)
            options: Any = {"arithmetic": real, "budget": self.budget, "session": self.session}
            return point_of(problem, jax_of, jax=jax, **options)

        for _ in range(REDRAWN):
            with contextlib.suppress(TooClose):
                return once()
        return once()

    def _small(self) -> Iterator[Point]:
        few = _few()
        number = max(ALL_HEARD, min(len(self._patterns), MOST))
        for k, pattern in enumerate(itertools.islice(itertools.cycle(self._patterns), number)):
            yield self._draw(few, pattern, self.jax_of, jax=k < ALL_HEARD)

    def _further(self) -> Iterator[Point]:
        """More small points, where only a large one has shown that a claim
        fails: its numbers are for no line."""
        few = _few()
        for pattern in itertools.islice(self._known, MAX_PATTERNS):
            yield self._draw(few, pattern, None)

    def _large(self, patterns: Sequence[Sequence[int]]) -> Iterator[Point]:
        def number() -> int | Fraction:
            drawn = self._secret.randrange(-LARGE, LARGE)
            # So that nothing saturates.
            return drawn if self.network.rational else Fraction(drawn, 2 * LARGE)

        for pattern in itertools.islice(itertools.cycle(patterns), max(len(patterns), LEAST)):
            yield self._draw(number, pattern, None)
        for _ in range(FREE_LARGE):
            signs = [self._secret.choice((1, -1)) for _ in range(self.network.kinked_units)]
            point = self._draw(number, signs, None)
            point.free = True
            yield point

    def _kinks(self) -> Iterator[Point]:
        few = _few()
        for kink in range(min(self.network.kinked_units, MOST)):
            yield self._draw(few, (1, -1), self.jax_of, kink)

    def _free(self) -> Iterator[Point]:
        source = random.Random(SEED)

        def number() -> int | Fraction:
            drawn = source.choice((-3, -2, -2, -1, -1, 0, 1, 1, 2, 2, 3))
            return drawn if self.network.rational else Fraction(drawn, 4)

        for _ in range(FREE):
            signs = [source.choice((1, -1)) for _ in range(self.network.kinked_units)]
            point = self._draw(number, signs, self.jax_of)
            point.free = True
            yield point


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


def points_of(network: Network, *, free: bool) -> int:
    """At how many points an identity is tried, those for kinks of a formula's
    own among them or not."""
    units = network.kinked_units
    patterns = max(2**units if 2**units <= MAX_PATTERNS else MANY + 2 + 2 * units, LEAST)
    return 1 + patterns + min(units, MOST) + (FREE + FREE_LARGE) * free


def probes_for(
    network: Network,
    jax_of: frozenset[str] | None,
    rate: Fraction | None,
    session: Session = LIBRARY,
) -> Probes:
    """The points for all sheets on one network: a class hands in many."""
    probes = session.cache("probes", MAX_PROBES)
    question = network, jax_of, rate
    points: Probes = probes.get(question, lambda: Probes(*question, Budget(), session))
    return points
