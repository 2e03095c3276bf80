"""At a kink: what a function takes for the derivative of an activation at a z
that is exactly 0.

An answer is linear in the f'(0) of a layer: (1 - c) times what it is with the
slope for negative z, plus c times what it is with that for positive z. So c can
be read off, and every entry has to agree. Of data in which several layers have
a z at 0 it is read off from the last layer on: dL/dW_l knows of no earlier
f'(0).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gradsheet.checking.asked import Arrays, ParameterGradients
from gradsheet.checking.probes import Data, at_kink
from gradsheet.checking.truth import ErrorBounds
from gradsheet.language.functions import facts_of
from manual.activations import Activation, Array, split

CORNER = "mask-at-zero"
USUAL = (0.0, 0.5, 1.0)  # values of c


@dataclass(eq=False)
class Corner:
    """A probe with a z that is 0 in a layer whose activation `f` has a kink,
    with the slope `below` it and 1 above, and the right answers with either for
    f'(0)."""

    data: Data
    bounds: ErrorBounds
    layer: int
    f: str
    below: float
    sides: tuple[Arrays, Arrays]

    @property
    def matters(self) -> bool:
        """Whether the answer depends on the derivative there."""
        low, high = self.sides
        return any((low[name] != high[name]).any() for name in low)

    def derivative(self, answer: Arrays, loose: float, errors: Arrays) -> float | None:
        """What was taken for f'(0), where floats err by up to `loose` of the
        largest entry, or by so much.

        None where no value gives the answer.
        """
        low, high = self.sides
        triples = [(array, low[name], high[name]) for name, array in answer.items()]
        is_finite = all(np.isfinite(array).all() for array in answer.values())
        if not is_finite or (c := read_off(triples, loose)) is None:
            return None
        for name, array in answer.items():
            slack = np.maximum(loose * (1 + abs(array).max(initial=0)), 4 * errors[name])
            if not (abs(array - low[name] - c * (high[name] - low[name])) <= slack).all():
                return None
        return slope_at(c, self.below)


def read_off(triples: Sequence[tuple[Array, Array, Array]], loose: float) -> float | None:
    """The c of arrays that are (1 - c) low + c high, from (array, low, high);
    None where low is high."""
    for array, low, high in triples:
        gap = high - low
        if gap.any():
            at = np.unravel_index(abs(gap).argmax(), gap.shape)
            c = float((array[at] - low[at]) / gap[at])
            doubt = loose * (1 + abs(array).max()) / abs(gap[at])
            return next((usual for usual in USUAL if abs(c - usual) <= doubt), c)
    return None


def slope_at(c: float, below: float) -> float:
    """Turn c into a slope."""
    return below + c * (1 - below)


def slope_below(activation: Activation) -> float:
    """Find that of a kinked activation for negative z."""
    return float((*split(activation)[1], 0)[0])


def is_between(slope: float, below: float) -> bool:
    """Whether a slope at 0 lies between those of both sides."""
    return min(below, 1) <= slope <= max(below, 1)


def slopes_taken(
    asked: ParameterGradients, data: Data, layers: Sequence[int], answer: Arrays, loose: float
) -> dict[int, float]:
    """What was taken for f'(0) in layers that have a z at 0; without those in
    which it does not matter."""
    taken: dict[int, float] = {}
    for l in sorted(layers, reverse=True):
        below = slope_below(asked.network.activations[l - 1])
        low, high = (asked.with_slopes(data, {**taken, l: slope}) for slope in (below, 1.0))
        names = [name for name in (f"W{l}", f"b{l}") if name in answer and name in low]
        c = read_off([(answer[name], low[name], high[name]) for name in names], loose)
        if c is not None and np.isfinite(c):
            taken[l] = slope_at(c, below)
    return taken


def corners_of(asked: ParameterGradients, dtype: str) -> Iterator[Corner]:
    """Find one for each layer with a kink that exact numbers reach."""
    for l, activation in enumerate(asked.network.activations, 1):
        name, below = split(activation)[0], slope_below(activation)
        if not facts_of(name).rational:
            return
        for data in at_kink(asked.network, l, dtype) if facts_of(name).kinked else ():
            sides = asked.with_slopes(data, {l: below}), asked.with_slopes(data, {l: 1.0})
            corner = Corner(data, ErrorBounds(asked, data), l, name, below, sides)
            if corner.matters:
                yield corner
                break


def at_once(taken: Sequence[tuple[str, int, float]]) -> str:
    """The activations, layers and derivatives in one line."""
    texts = list(dict.fromkeys(f"{f}'(0) = {value:.6g}" for f, _, value in taken))
    if len(texts) > len({f for f, _, _ in taken}):  # not the same in all layers
        texts = [f"{f}'(0) = {value:.6g} in layer {layer}" for f, layer, value in taken]
    unusual = any(facts_of(f).dead and value == 1 for f, _, value in taken)
    return ", ".join(texts) + (f"; 0 is the usual choice ({CORNER})" if unusual else "")
