"""The data that a function is tried on: small whole numbers, chosen so that
floats are exact and mistakes show.

Units are drawn one after the other, and again where a z with a kink is 0, and
most until they are live for some example and dead for another. Rows have a few
entries that are not 0, which together reach all inputs, and the targets are
near the outputs, so that numbers stay small in wide and deep networks too; for
float16 and bfloat16 they are smaller still. Where exp or log enters, which
floats cannot have exactly, the numbers are halves and quarters at which nothing
saturates.

Every mistake of the catalogue is made at the point, and another point is taken
as well while some do not show. Then points are added at which all units are
live, until no entry of the right answer is 0 at all of them: where it is, what
a function leaves out does not show. A probe for a kink has one z that is
exactly 0.
"""

import contextlib
import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet.checking.rounding import BITS, Rounding, rounding_of, unit_roundoff
from gradsheet.mistakes.layered import point_of
from gradsheet.network import losses
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.truth.graph_point import GraphPoint
from manual import Layer
from manual.activations import Array, activate

SEED = 20  # the same network gets the same probes
LEAST, MOST = 3, 6  # probes
# Of points, of which few are taken, by the bits that they are to fit in.
DRAWS = {24: 40, 11: 200, 8: 400}
MANY = 2_000  # weights, from which on no more draws are made for few bits than for others
COVERING = 12  # probes at most are added for entries that are 0
IDLE = 4  # draws that cover nothing more, before that is given up
REDRAWN = 200  # times, a unit
ENTRIES, FEW = 5, 2  # in a row of weights that are not 0, and where numbers are to be small
FAR = 1_000.0  # times, a target of fractions from its output
NUDGES = 4  # entries of an array for the slowest witness, where exp or log make it slow
MIXED = 0.85  # of the units are to be live for some examples and dead for others
TINY = 1e-9  # is 0, but for a slope like 0.01 that floats do not have
SAFE = 4  # times the error that floats may make, at least, a z is away from a kink


@dataclass(eq=False)
class Data:
    """Numbers for a network, in float64: params are (W, b), W (units, inputs);
    x (N, I); y (N, O) or None.

    `direction` is like the parameters, for products with the Hessian.
    """

    params: tuple[Layer, ...]
    x: Array
    y: Array | None
    direction: tuple[Layer, ...]

    def alone(self, n: int) -> "Data":
        """One example."""
        return replace(self, x=self.x[[n]], y=None if self.y is None else self.y[[n]])

    def converted(self, convert: Callable[[Array], Any]) -> "Data":
        """The data with every array converted."""
        y = None if self.y is None else convert(self.y)
        params, direction = each(self.params, convert), each(self.direction, convert)
        return Data(params, convert(self.x), y, direction)

    def problem(self, network: Network) -> Problem:
        """State them for a network."""
        return Problem(network, self.params, self.x, self.y)

    def point(self, network: Network, *, of: Sequence[str] = ("L",)) -> GraphPoint:
        """The same with fractions, for all witnesses."""
        nudges = None if network.rational else NUDGES
        return point_of(self.problem(exactly(network)).converted(fractions), of, nudges=nudges)


def each(layers: Iterable[Layer], convert: Callable[[Array], Any]) -> tuple[Layer, ...]:
    """Convert every array of the layers."""
    return tuple(Layer(convert(W), None if b is None else convert(b)) for W, b in layers)


def exactly(network: Network) -> Network:
    """The network with the slopes of its activations as fractions; 0.01 is meant as 1/100."""
    activations = tuple(
        a if isinstance(a, str) else (a[0], Fraction(str(a[1]))) for a in network.activations
    )
    return replace(network, activations=activations)


def fractions(array: Array) -> Array:
    """The numbers that floats are, exactly."""
    return np.asarray(np.frompyfunc(Fraction, 1, 1)(array), object)


class Unlucky(Exception):
    """Another draw is needed."""


class Drawing:
    """Draws the data of a network: of any `fractional` numbers, or of such as
    fit in floats of a type; `live` where all units with a kink are to be so for
    all examples."""

    def __init__(
        self, network: Network, dtype: str, *, fractional: bool = False, live: bool = False
    ):
        self.network, self.random, self.fractional = network, random.Random(SEED + live), fractional
        self.whole, self.small = network.rational, BITS[dtype] < 24
        self.live = live and bool(network.kinked)

    def _number(self, *wide: int) -> float:
        """A small number, whole, or for exp quarters, or any fraction; never 0."""
        if self.fractional:
            return self.random.choice((-1, 1)) * self.random.randint(1, 128) / 64
        size = self.random.choice((1, 1, 2) if self.small else (1, 1, 2, 2, 3, *wide))
        sign = self.random.choice((-1, 1, 1, 1) if self.live else (-1, 1))
        return size * sign / (1 if self.whole else 4)

    def _array(self, *shape: int) -> Array:
        return np.array([self._number() for _ in range(math.prod(shape))]).reshape(shape)

    def _row(self, inputs: int, reached: Sequence[int]) -> Array:
        """Weights that are not 0 for the inputs to be reached, and for a few more."""
        row, few = np.zeros(inputs), FEW if self.small else ENTRIES
        others = self.random.sample(range(inputs), min(inputs, few))
        for j in [*reached, *others[: max(0, few - len(reached))]]:
            row[j] = self._number()
        return row

    def data(self, kinked_layer: int | None = None) -> Data:
        """Data of which no z is 0 where there is a kink, or one in a layer; raises Unlucky."""
        network, n = self.network, self.network.examples or 1
        x = self._array(n, network.widths[0]) * (1 if self.whole else 2)
        x = abs(x) if self.live else x
        h, params = x, []
        for l, (activation, bias) in enumerate(
            zip(network.activations, network.biases, strict=True), 1
        ):
            inputs, units = network.widths[l - 1 : l + 1]
            shared = self._number() if bias == "shared" else 0.0
            offset = None if bias == "units" else shared
            W, b, z = np.empty((units, inputs)), np.zeros(units), np.empty((n, units))
            at_zero = self.random.randrange(units) if l == kinked_layer else None
            order = self.random.sample(range(inputs), inputs)
            for unit in range(units):
                reached, zeros = order[unit::units], int(unit == at_zero)
                W[unit], b[unit] = self._unit(h, l in network.kinked, offset, reached, zeros)
                z[:, unit] = h @ W[unit] + b[unit]
            h = activate(activation, z)
            params.append(Layer(W, {None: None, "units": b, "shared": np.asarray(shared)}[bias]))
        direction = each(params, lambda array: self._array(*array.shape))
        return Data(tuple(params), x, self._targets(h), direction)

    def _unit(
        self, h: Array, kinked: bool, offset: float | None, reached: Sequence[int], zeros: int
    ) -> tuple[Array, float]:
        """A row of weights and a bias, where it is no `offset`; at a kink so
        many z are to be 0.

        Most units are to be live for some examples and dead for others, some to
        be live for all: behind a layer that is dead as a whole every z of a
        layer without bias is 0.
        """
        best, mixed = None, self.random.random() < MIXED
        for _ in range(REDRAWN):
            row = self._row(h.shape[1], reached)
            b = self._number() if offset is None else offset
            z = h @ row + b
            if kinked and (abs(z) < TINY).sum() != zeros:
                continue
            best = row, b
            if not kinked or (len(z) == 1 and not self.live):
                good = (z != 0).all()
            elif self.live:
                good = (z > 0).all()
            else:
                good = (z > 0).any() and (z < 0).any() if mixed else (z >= 0).all()
            if good and (self.live or len(z) == 1 or len(set(z)) > 1):
                break
        if best is None:
            raise Unlucky
        return best

    def _targets(self, yhat: Array) -> Array | None:
        loss = losses.of(self.network.loss)
        if self.network.loss == "output":
            return None
        if loss.add_up:
            classes = yhat.shape[1]
            return np.eye(classes)[[self.random.randrange(classes) for _ in yhat]]
        if loss.probabilities:
            return np.array([[float(self.random.random() < 0.5) for _ in row] for row in yhat])
        off = np.array([[self._number(4, 5, 6) for _ in row] for row in yhat])
        off *= FAR if self.fractional else 1
        return np.asarray(yhat - off if self.whole else np.round(4 * (yhat - off)) / 4)


def _draws(
    network: Network, kinked_layer: int | None = None, dtype: str = "float32", **kind: bool
) -> Iterator[tuple[Data, Rounding]]:
    """Data, with the errors that floats may make there."""
    drawing = Drawing(network, dtype, **kind)
    wide = sum(inputs * units for inputs, units in itertools.pairwise(network.widths)) > MANY
    for _ in range(DRAWS[24] if wide or not network.rational else DRAWS[BITS[dtype]]):
        with contextlib.suppress(Unlucky):
            data = drawing.data(kinked_layer)
            yield data, rounding_of(data.problem(network), dtype)


def _near_kinks(rounding: Rounding) -> int:
    """How many z with a kink are 0, or so close to it that floats cannot tell."""
    near = 0
    for l in rounding.network.kinked:
        z = rounding.z[l - 1]
        near += int((~(abs(z.value) > (0 if z.is_exact else SAFE * z.error))).sum())
    return near


def _is_exact(rounding: Rounding) -> bool:
    """Whether nothing is rounded on the way to the gradients, nor to the loss,
    for which floats of few bits are few."""
    few = rounding.precision.u > unit_roundoff("float32")
    return (few or rounding.loss().is_exact) and all(
        ball.is_exact for ball in rounding.gradients().values()
    )


def of_fractions(network: Network) -> Data | None:
    """Data of fractions, with targets far off: whole numbers do not show
    whoever rounds or clips."""
    draws = _draws(network, fractional=True)
    return next((data for data, rounding in draws if not _near_kinks(rounding)), None)


def drawn(network: Network, dtype: str, *, live: bool = False) -> Iterator[Data]:
    """Points to choose from, those first at which floats of a type are exact;
    there may be none.

    In few bits nothing can be told at the others, which come only where there
    is no exact one.
    """
    later, count = [], 0
    for data, rounding in _draws(network, dtype=dtype, live=live):
        if _near_kinks(rounding):
            continue
        if network.rational and not _is_exact(rounding):
            later.append(data)
            continue
        count += 1
        yield data
        if count == DRAWS[24]:
            return
    if not count or BITS[dtype] >= 24:
        yield from later


def at_kink(network: Network, layer: int, dtype: str) -> Iterator[Data]:
    """Points at which one z of a layer is 0 to everybody, and no other with a
    kink is so to anybody.

    Floats of few bits have to be exact there.
    """
    for data, rounding in _draws(network, layer, dtype):
        is_certain = _near_kinks(rounding) == 1 and rounding.z[layer - 1].is_exact
        if is_certain and (BITS[dtype] >= 24 or _is_exact(rounding)):
            yield data


def chosen(
    network: Network, dtype: str, shows: Callable[[Data], Array]
) -> tuple[list[Data], Array]:
    """Probes, and which mistakes show at any of them; `shows` says it for one.

    There are LEAST, and more up to MOST while one shows something new.
    """
    probes: list[Data] = []
    seen = np.zeros(0, bool)
    for data in drawn(network, dtype):
        new = shows(data)
        if len(probes) >= LEAST and not (new & ~seen).any():
            if seen.all():
                break
            continue
        probes.append(data)
        seen = new if len(probes) == 1 else seen | new
        if len(probes) == MOST:
            break
    return probes, seen


def covering(
    network: Network, dtype: str, probes: Sequence[Data], covers: Callable[[Data], Array]
) -> list[Data]:
    """More probes, so that no entry of the answer is 0 at all of them; `covers`
    says for one which are not."""
    covered = np.any([covers(data) for data in probes], 0)
    added: list[Data] = []
    idle = 0
    for data in itertools.chain(drawn(network, dtype, live=True), drawn(network, dtype)):
        if covered.all() or len(added) == COVERING or idle == IDLE:
            break
        new = covers(data)
        if (new & ~covered).any():
            added.append(data)
            covered |= new
        else:
            idle += 1
    return added
