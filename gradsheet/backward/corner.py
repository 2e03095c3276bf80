"""At a kink: what a function takes for the derivative of an activation at a z that is exactly 0.

One z of a probe is 0, and the answer is linear in f'(0): (1 - c) times what it is with the slope for negative z, plus c
times what it is with that for positive z. So c can be read off, and every entry has to agree.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gradsheet.backward.asked import Arrays, Gradients, Mistaken
from gradsheet.backward.probes import Data, at_kink
from gradsheet.network import KINKED
from gradsheet.simulation import Run, Simulation
from manual.activations import RATIONAL, split

CORNER = "mask-at-zero"
USUAL = (0.0, 0.5, 1.0)  # values of c


class Sides(NamedTuple):
    """An answer with the derivative at the kink as below it, and as above it, and the part of an answer that it is."""

    mistaken: Mistaken
    below: Arrays
    above: Arrays


@dataclass(eq=False)
class Corner:
    """A probe with a z that is 0 in a layer whose activation `f` has a kink, with the slope `below` it and 1 above."""

    data: Data
    layer: int
    f: str
    below: float
    sides: list[Sides]

    @property
    def matters(self) -> bool:
        """Whether the answer depends on the derivative there."""
        return any((s.below[name] != s.above[name]).any() for s in self.sides for name in s.below)

    def derivative(self, found: Arrays, loose: float) -> float | None:
        """What was taken for f'(0), where floats err by up to `loose`; None where no value gives the answer."""
        c: float | None = None
        for mistaken, below, above in self.sides:
            part = mistaken.part(found)
            triples = [(array, below[name], above[name]) for name, array in part.items()]
            if not all(np.isfinite(array).all() for array, _, _ in triples):
                return None
            for array, low, high in triples:
                gap = high - low
                if gap.any() and c is None:
                    at = np.unravel_index(abs(gap).argmax(), gap.shape)
                    c = float((array[at] - low[at]) / gap[at])
                    doubt = loose * (1 + abs(array).max()) / abs(gap[at])
                    c = next((usual for usual in USUAL if abs(c - usual) <= doubt), c)
            for array, low, high in triples if c is not None else ():
                if not (abs(array - low - c * (high - low)) <= loose * (1 + abs(array).max(initial=0))).all():
                    return None
        return None if c is None else self.below + c * (1 - self.below)


def corners_of(asked: Gradients, dtype: str) -> Iterator[Corner]:
    """One for each layer with a kink that exact numbers reach."""
    for l, activation in enumerate(asked.network.activations, 1):
        name, slopes = split(activation)
        if name not in RATIONAL:
            return
        if name in KINKED:
            corners = (
                Corner(data, l, name, float((*slopes, 0)[0]), _sides(asked, data, l))
                for data in at_kink(asked.network, l, dtype)
            )
            yield from [corner for corner in (next((c for c in corners if c.matters), None),) if corner]


def _sides(asked: Gradients, data: Data, layer: int) -> list[Sides]:
    found = []
    for mistaken in asked.mistaken(data):
        simulation = Simulation(mistaken.point)
        codes = [(instance.code, instance.layers) for instance in simulation.instances]
        values = mistaken.of_run(Run(simulation, [(), (codes.index((CORNER, (layer,))),)]))
        below, above = ({name: array[min(row, len(array) - 1)] for name, array in values.items()} for row in (0, 1))
        found.append(Sides(mistaken, below, above))
    return found


def at_once(taken: Sequence[tuple[Corner, float]]) -> str:
    """The derivatives of all layers in one line."""
    texts = list(dict.fromkeys(f"{corner.f}'(0) = {value:.6g}" for corner, value in taken))
    if len(texts) > len({corner.f for corner, _ in taken}):  # not the same in all layers
        texts = [f"{corner.f}'(0) = {value:.6g} in layer {corner.layer}" for corner, value in taken]
    usual = f"; 0 is the usual choice ({CORNER})" if any(c.f == "relu" and v == 1 for c, v in taken) else ""
    return ", ".join(texts) + usual
