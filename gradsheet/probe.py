"""The points at which a claim over all weights is put to the test.

Once it is settled which units are live and which are dead, both sides of a claim are polynomials (or quotients of
them) in the weights and data. Two different polynomials of degree d agree at a random point with whole coordinates
from 2^62 values with a probability of at most d / 2^62 (Schwartz 1980, Zippel 1979), so one such point for every
pattern of live and dead units decides. The pattern is brought about by turning the sign of a unit's row, which keeps
the draw uniform among those with that pattern.

Small whole numbers come first: there JAX is exact too, and a claim that fails there has a witness that fits on a line.
"""

import itertools
import random
from collections.abc import Callable, Collection, Iterator
from fractions import Fraction

import numpy as np

from gradsheet.network import KINKED, Network
from gradsheet.point import Point
from manual import Layer
from manual.activations import Array, activate, split

MAX_PATTERNS = 64
LARGE = 2**61

Draw = Callable[[], int]


def _numbers(draw: Draw, *shape: int) -> Array:
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


def draw_point(
    network: Network, draw: Draw, signs: Iterator[int], jax_of: Collection[str] | None, kink: int | None = None
) -> Point:
    """A point whose kinked units are live or dead as `signs` says, where that can be; the z of unit `kink` is 0."""
    x = _numbers(draw, network.widths[0])
    h, params, number = x, [], 0
    for l, activation in enumerate(network.activations):
        W = _numbers(draw, network.widths[l + 1], network.widths[l])
        kind = network.biases[l]
        b = None if kind is None else _numbers(draw, *(() if kind == "shared" else (network.widths[l + 1],)))
        if split(activation)[0] in KINKED:
            for unit in range(len(W)):
                z = W[unit] @ h + (0 if b is None else b if not b.ndim else b[unit])
                if z * next(signs) < 0:
                    W[unit] = -W[unit]
                    if b is not None and b.ndim:
                        b[unit] = -b[unit]
                if number == kink:
                    _onto_kink(W, b, h, unit)
                number += 1
        z = W @ h
        h = activate(activation, z if b is None else z + b)
        params.append(Layer(W, b))
    y = None if network.loss in (None, "output") else _numbers(draw, 1, network.widths[-1])
    d_yhat = _numbers(draw, network.widths[-1]) if network.loss is None else None
    return Point(network, params, x[None, :], y, d_yhat, jax_of)


def probes(network: Network, jax_of: Collection[str]) -> Iterator[Point]:
    """Small points for every pattern and every kink, then large ones for every pattern.

    `jax_of` names the nodes whose derivatives will be asked for. Over MAX_PATTERNS patterns, as many are drawn at
    random instead.
    """
    small = random.Random(17)
    secret = random.SystemRandom()  # a sheet's author cannot know these points
    units = network.kinked_units
    if 2**units <= MAX_PATTERNS:
        patterns = list(itertools.product((1, -1), repeat=units))
    else:
        patterns = [tuple(secret.choice((1, -1)) for _ in range(units)) for _ in range(MAX_PATTERNS)]

    def little() -> int:
        return small.choice((-3, -2, -1, 1, 2, 3))

    def large() -> int:
        return secret.randrange(-LARGE, LARGE)

    for pattern in [*patterns, *patterns[:1] * (4 - len(patterns))]:
        yield draw_point(network, little, iter(pattern), jax_of)
    for kink in range(min(units, MAX_PATTERNS)):
        yield draw_point(network, little, itertools.cycle((1, -1)), jax_of, kink)
    for pattern in patterns:
        yield draw_point(network, large, iter(pattern), None)
