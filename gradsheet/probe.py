"""The points at which a claim over all weights is put to the test.

Once it is settled which units are live and which are dead, both sides of a claim are polynomials (or quotients of
them) in the weights and data. Two different polynomials of degree d agree at a random point with whole coordinates
from 2^62 values with a probability of at most d / 2^62 (Schwartz 1980, Zippel 1979). One such point is drawn for each
pattern of live and dead units, and given it by turning the signs of units' rows: that leaves the draw uniform among the
2^-k of all points with this pattern of k units, so that 2^k d / 2^62 bounds the probability of an error.

Beyond MAX_PATTERNS patterns, MANY of them are drawn. The difference of two sides is a polynomial in the bits of the
pattern, too; one of degree D in them that is not 0 differs from 0 on at least 2^-D of all patterns (the distance of
the Reed-Muller code), so MANY draws all miss it with a probability of at most (1 - 2^-D)^MANY.

Small whole numbers come first: there JAX is exact too, and a claim that fails there has a witness that fits on a line.
Those points have all witnesses, and so vouch for the hand-written pass, which is alone at the large ones.
"""

import functools
import itertools
import random
from collections.abc import Callable, Collection, Iterator
from fractions import Fraction

import numpy as np

from gradsheet import formula as f
from gradsheet.network import KINKED, NEW, Network
from gradsheet.point import DIGITS, Point
from gradsheet.real import Arithmetic
from manual import Layer
from manual.activations import Array, activate, split

MAX_PATTERNS = 64
MANY = 224
MAX_DEGREE = 4  # (1 - 2^-4)^224 is 5e-7
MAX_OWN_DEGREE = 2  # (1 - 2^-2)^FREE is 1e-8
FREE = 64  # small points without a wanted pattern, with zeros among their numbers, for kinks of a formula's own
LARGE = 2**61

Draw = Callable[[], int | Fraction]


def _numbers(draw: Draw, *shape: int) -> Array:
    """An array of drawn numbers; `draw` may give fractions, too."""
    array = np.empty(shape, object)
    for index in np.ndindex(shape):
        array[index] = Fraction(draw())
    return array


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
    """Live or dead by its row alone, longer if need be: the bias is shared. Behind dead units only that has a say."""
    if unit == 0 and b[()] * sign < 0:
        b[()] = -b[()]
    slope = W[unit] @ h
    if slope * sign < 0:
        W[unit], slope = -W[unit], -slope
    while slope and (slope + b[()]) * sign < 0:
        W[unit], slope = 2 * W[unit], 2 * slope


def draw_point(
    network: Network,
    draw: Draw,
    signs: Iterator[int],
    jax_of: Collection[str] | None,
    kink: int | None = None,
    *,
    rate: Fraction | None = None,
    arithmetic: Arithmetic | None = None,
) -> Point:
    """A point whose kinked units are live or dead as `signs` says, where that can be; the z of unit `kink` is 0.

    The learning rate is drawn where it is None. `arithmetic` is that of a network that is not rational.
    """
    x = _numbers(draw, network.widths[0])
    h, params, number = x if network.rational else np.vectorize(arithmetic, [object])(x), [], 0
    for l, activation in enumerate(network.activations):
        W = _numbers(draw, network.widths[l + 1], network.widths[l])
        kind = network.biases[l]
        b = None if kind is None else _numbers(draw, *(() if kind == "shared" else (network.widths[l + 1],)))
        if split(activation)[0] in KINKED:
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
        z = W @ h
        h = activate(activation, z if b is None else z + b)
        params.append(Layer(W, b))
    y = None if network.loss in (None, "output") else _numbers(draw, 1, network.widths[-1])
    d_yhat = _numbers(draw, network.widths[-1]) if network.loss is None else None
    return Point(
        network, params, x[None, :], y, d_yhat, jax_of, rate=rate or Fraction(draw()), arithmetic=arithmetic
    )


class Probes:
    """The points for a sheet, drawn when they are first asked for."""

    def __init__(self, network: Network, jax_of: Collection[str], rate: Fraction | None, deadline: float):
        self._drawn: list[Point] = []
        self._source = _probes(network, jax_of, rate)
        self._deadline = deadline

    def __iter__(self) -> Iterator[Point]:
        at = 0
        while True:
            if at == len(self._drawn):
                point = next(self._source, None)
                if point is None:
                    return
                point.deadline = self._deadline
                self._drawn.append(point)
            yield self._drawn[at]
            at += 1


def _probes(network: Network, jax_of: Collection[str], rate: Fraction | None) -> Iterator[Point]:
    """Small points for every pattern and every kink and some more, then large ones for every pattern."""
    small = random.Random(17)
    secret = random.SystemRandom()  # a sheet's author cannot know these points
    units = network.kinked_units
    if 2**units <= MAX_PATTERNS:
        patterns = list(itertools.product((1, -1), repeat=units))
    else:
        drawn = (tuple(secret.choice((1, -1)) for _ in range(units)) for _ in range(MANY))
        patterns = [(1,) * units, (-1,) * units, *drawn]
    draw = functools.partial(draw_point, network, rate=rate, arithmetic=Arithmetic(DIGITS))

    def little() -> int:
        return small.choice((-3, -2, -1, 1, 2, 3))

    def free() -> int:
        return small.choice((-3, -2, -2, -1, -1, 0, 1, 1, 2, 2, 3))

    def large() -> int | Fraction:
        number = secret.randrange(-LARGE, LARGE)
        return number if network.rational else Fraction(number, LARGE // 4)  # no larger than exp takes

    for pattern in patterns[:MAX_PATTERNS]:
        yield draw(little, iter(pattern), jax_of)
    for kink in range(min(units, MAX_PATTERNS)):
        yield draw(little, itertools.cycle((1, -1)), jax_of, kink)
    for _ in range(FREE):
        point = draw(free, iter([small.choice((1, -1)) for _ in range(units)]), jax_of)
        point.free = True
        yield point
    for pattern in patterns:
        yield draw(large, iter(pattern), None)


def pattern_degree(node: f.Node, network: Network) -> int:
    """A bound on the degree of a formula as a polynomial in the bits of the pattern of live and dead units."""

    def kinked(name: str) -> int:
        """How many kinked layers a quantity has behind it."""
        stage = network.stage(name)
        return sum(split(a)[0] in KINKED and 3 * l <= stage for l, a in enumerate(network.activations, 1))

    def both(a: f.Node, b: f.Node) -> int:
        return pattern_degree(a, network) + pattern_degree(b, network)

    match node:
        case f.Quantity(name) if name.endswith(NEW):
            return 2 * sum(split(a)[0] in KINKED for a in network.activations) * (1 if name[0] in "Wb" else network.depth)
        case f.Quantity(name):
            return 2 * kinked(name) if name == "L" else kinked(name)
        case f.Derivative(of):
            return (1 + (of.name == "L" and network.loss is not None)) * kinked(of.name)
        case f.Binary("+" | "-", a, b):
            return max(pattern_degree(a, network), pattern_degree(b, network))
        case f.Binary(_, a, b):
            return both(a, b)
        case f.Power(base, exponent):
            return exponent * pattern_degree(base, network)
        case f.Call("relu", (argument,)):
            return 1 + pattern_degree(argument, network)
        case f.Call("drelu" | "step"):
            return 1
        case f.Call(_, (a, b)):
            return both(a, b)
        case f.Sum(_, inner) | f.Subscript(inner) | f.Negative(inner) | f.Transpose(inner):
            return pattern_degree(inner, network)
        case f.List(items):
            return max(pattern_degree(item, network) for item in items)
    return 0
