"""Why an answer is wrong: where backpropagation breaks first, what follows from that, and the mistakes that give it.

A single example shows every step: its dL/dW_l is an outer product delta_l h_(l-1)^T and its dL/db_l is delta_l, so that
delta_l can be read off what the function returned. From there the right step gives what comes next; where that is what
was returned, nothing new is wrong.

The mistakes are those of the catalogue, as many together as are needed, that give every array at every probe. They are
found tensor by tensor in the order of backpropagation: what gives the first ones is kept, more is added for the next.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

import manual
from gradsheet.checking.asked import Arrays, Mistaken
from gradsheet.checking.probes import Data
from gradsheet.checking.rounding import within
from gradsheet.mistakes.catalogue import Instance
from gradsheet.mistakes.simulation import MAX_VARIANTS, Combination, Run, Simulation
from gradsheet.network.network import Network
from manual.activations import Array, pull_back, split

MOST_MISTAKES = 4  # in one answer
KEPT = 12  # beginnings that are followed
PAIRED = 4  # of these, with two mistakes more
MAX_NUMBERS = (
    300_000_000  # floats of all passes that are made in search of the mistakes, on any machine
)
LOOSE = 256  # times the unit roundoff, what a wrong pass may err by


@dataclass
class Evidence:
    """A simulation, what the function answered there, how far floats may be off, and their unit roundoff."""

    simulation: Simulation
    mistaken: Mistaken
    found: Arrays
    errors: Arrays
    u: float


@dataclass
class Naming:
    """Mistakes, all those that are made together, that give the whole answer; several such where they do equally well.

    `tried` are combinations; `complete` whether all were tried; `elsewhere` whether it was in another network.
    """

    equals: list[list[Instance]] = field(default_factory=list)
    tried: int = 0
    complete: bool = True
    elsewhere: bool = False


class _TooMany(Exception):
    pass


class MistakeSearch:
    """For the mistakes that give an answer, whose arrays stand in the order of backpropagation."""

    def __init__(self, evidence: Sequence[Evidence], order: Sequence[str]):
        self.evidence = evidence
        self.order = [name for name in order if all(name in e.found for e in evidence)]
        self.left = MAX_NUMBERS
        self.result = Naming()
        if self.order:
            try:
                self._search()
            except _TooMany:
                self.result.complete = False

    def _search(self) -> None:
        simulation = self.evidence[0].simulation
        alive: list[Combination] = [()]
        reached = self._prefixes(alive)[0]
        while alive and reached < len(self.order):
            ahead: list[tuple[int, Combination]] = []
            for more in (1, 2):
                wider = list(self._extended(alive if more == 1 else alive[:PAIRED], more))
                if not wider or len(wider[0]) > MOST_MISTAKES or len(wider) > MAX_VARIANTS:
                    break
                lengths = self._prefixes(wider)
                ahead = [
                    (length, c)
                    for length, c in zip(lengths, wider, strict=True)
                    if length > reached
                ]
                if ahead:
                    break
            if not ahead:
                return
            ahead.sort(key=lambda found: -found[0])
            reached = ahead[0][0]
            alive = [combination for length, combination in ahead if length == reached]
            if reached < len(self.order):
                alive = alive[:KEPT]
        if alive != [()]:
            self.result.equals = [simulation.made(combination) for combination in alive]

    def _extended(self, alive: Sequence[Combination], more: int) -> Iterator[Combination]:
        """Beginnings with so many mistakes more, none twice in the same place."""
        simulation, seen = self.evidence[0].simulation, set()
        for combination in alive:
            for added in itertools.combinations(range(len(simulation.instances)), more):
                wider = tuple(sorted({*combination, *added}))
                if len(wider) < len(combination) + more or wider in seen:
                    continue
                seen.add(wider)
                if simulation.is_possible(wider):
                    yield wider

    def _prefixes(self, chosen: Sequence[Combination]) -> list[int]:
        """How many arrays, in their order, each combination gives as they were found."""
        self.result.tried += len(chosen)
        same = np.ones((len(chosen), len(self.order)), bool)
        for evidence in self.evidence:
            batch = evidence.simulation.batch
            for start in range(0, len(chosen), batch):
                part = chosen[start : start + batch]
                self.left -= len(part) * evidence.simulation.numbers
                if self.left < 0:
                    raise _TooMany
                run = Run(evidence.simulation, part)
                with np.errstate(all="ignore"):
                    values = evidence.mistaken.of_run(run)
                    for column, name in enumerate(self.order):
                        same[start : start + len(part), column] &= self._same(
                            values[name], evidence, name
                        )
        return [int(np.argmin([*row, False])) for row in same]

    @staticmethod
    def _same(values: Array, evidence: Evidence, name: str) -> Array:
        found, axes = evidence.found[name], tuple(range(1, values.ndim))
        scale = np.max(abs(values), axis=axes, keepdims=True, initial=0)
        allowed = 8 * evidence.errors[name] + LOOSE * evidence.u * np.maximum(
            scale, abs(found).max(initial=0)
        )
        return np.asarray(within(values, found, allowed).all(axis=axes))


# Step by step, on a single example


@dataclass(frozen=True)
class BrokenStep:
    """A step of backpropagation: what it gives, a delta or a parameter's gradient, and how."""

    gives: str
    text: str


def broken_steps(network: Network, data: Data, found: Arrays, accuracy: float) -> list[BrokenStep]:
    """The steps that are wrong in an answer for one example, in the order of backpropagation.

    Where dL/dW_l and dL/db_l are not those of the right delta_l, that is taken for it, of those that they are of and
    the right one, with which the fewest steps are wrong.
    """
    cache = manual.forward(data.params, data.x, network.activations)
    _, grads = manual.gradients(
        data.params, data.x, data.y, network.activations, loss=str(network.loss), reduction="sum"
    )

    def close(a: Array, b: Array) -> bool:
        return is_close(a, b, accuracy)

    def broken(l: int, d_h: Array) -> list[BrokenStep]:
        if not l:
            return []
        (W, b), h = data.params[l - 1], cache.h[l - 1][0]
        expected = pull_back(network.activations[l - 1], cache.z[l - 1], d_h)[0]
        by_W = _read_off(found[f"W{l}"], h, close)
        by_b = found[f"b{l}"] if b is not None and b.ndim else None
        read = [delta for delta in (by_W, by_b) if delta is not None]
        read = [expected] if any(close(delta, expected) for delta in read) else [*read, expected]

        def of(delta: Array) -> list[BrokenStep]:
            steps = (
                [] if close(delta, expected) else [BrokenStep(f"dL/dz{l}", _way_back(network, l))]
            )
            if not close(found[f"W{l}"], np.outer(delta, h)):
                steps.append(
                    BrokenStep(f"dL/dW{l}", f"from dL/dz{l} and {f'h{l - 1}' if l > 1 else 'x'}")
                )
            if b is not None and not close(
                found[f"b{l}"], delta if b.ndim else np.asarray(delta.sum())
            ):
                steps.append(BrokenStep(f"dL/db{l}", f"from dL/dz{l}"))
            return steps + broken(l - 1, delta[None] @ W)

        return min((of(delta) for delta in read), key=len)

    return broken(network.depth, grads.h[-1])


def is_close(a: Array, b: Array, accuracy: float) -> bool:
    return bool((abs(a - b) <= accuracy * max(abs(a).max(initial=0), abs(b).max(initial=0))).all())


def _read_off(d_W: Array, h: Array, close: Callable[[Array, Array], bool]) -> Array | None:
    """The delta of which d_W is the outer product with h; None where it is of none."""
    at = int(abs(h).argmax())
    if h[at] == 0:
        return None
    delta: Array = d_W[:, at] / h[at]
    return delta if close(np.outer(delta, h), d_W) else None


def _way_back(network: Network, l: int) -> str:
    f = split(network.activations[l - 1])[0]
    through = "" if f == "identity" else f" and {f}'"
    if l == network.depth:
        return f"from the loss{through.replace(' and', ' back through')}"
    return f"from dL/dz{l + 1} back through W{l + 1}{through}"
