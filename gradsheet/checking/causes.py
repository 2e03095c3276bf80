"""Why an answer is wrong: where backpropagation breaks first, what follows from
that, and the mistakes that give it.

A single example shows every step: its dL/dW_l is an outer product delta_l
h_(l-1)^T and its dL/db_l is delta_l, so that delta_l can be read off what the
function returned. From there the right step gives what comes next; where that
is what was returned, nothing new is wrong.

The mistakes are those of the catalogue, as many together as are needed, that
give every array at every probe. They are found tensor by tensor in the order of
backpropagation: what gives the first ones is kept, more is added for the next.
"""

import itertools
from collections.abc import Iterator, Sequence
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
FOLLOWED = 12  # beginnings that are extended
PAIRED = 4  # of these, with two mistakes more
# Floats of all passes that are made in search of the mistakes, on any machine.
MAX_NUMBERS = 300_000_000
LOOSE = 256  # times the unit roundoff, what a wrong pass may err by


@dataclass
class Evidence:
    """A simulation, what the function answered there, how far floats may be
    off, and their unit roundoff."""

    simulation: Simulation
    mistaken: Mistaken
    answer: Arrays
    errors: Arrays
    u: float


@dataclass
class Naming:
    """Mistakes, all those that are made together, that give the whole answer;
    several such where they do equally well.

    `tried` are combinations; `complete` whether all were tried; `elsewhere`
    whether it was in another network.
    """

    equals: list[list[Instance]] = field(default_factory=list)
    tried: int = 0
    complete: bool = True
    elsewhere: bool = False


class _TooMany(Exception):
    """All numbers that a search may compute are spent."""


class MistakeSearch:
    """Looks for the mistakes that give an answer, whose arrays stand in the
    order of backpropagation."""

    def __init__(self, evidence: Sequence[Evidence], order: Sequence[str]):
        self.evidence = evidence
        self.order = [name for name in order if all(name in e.answer for e in evidence)]
        self.left = MAX_NUMBERS
        self.tried = 0

    def run(self) -> Naming:
        """Find what gives the whole answer, as far as the numbers go."""
        try:
            combinations, complete = self._combinations(), True
        except _TooMany:
            combinations, complete = [], False
        made = self.evidence[0].simulation.made
        return Naming([made(combination) for combination in combinations], self.tried, complete)

    def _combinations(self) -> list[Combination]:
        """Those that give all arrays; none where that takes no mistake."""
        leading: list[Combination] = [()]
        reached = self._prefixes(leading)[0]
        while reached < len(self.order):
            if not (ahead := self._ahead(leading, reached)):
                return []
            reached = max(length for length, _ in ahead)
            leading = [combination for length, combination in ahead if length == reached]
            leading = leading[:FOLLOWED] if reached < len(self.order) else leading
        return [] if leading == [()] else leading

    def _ahead(self, leading: Sequence[Combination], reached: int) -> list[tuple[int, Combination]]:
        """Combinations that give more arrays than were reached, each with their
        number: with one mistake more, or where none does, with two."""
        for more, beginnings in ((1, leading), (2, leading[:PAIRED])):
            wider = list(self._extended(beginnings, more))
            if not wider or len(wider[0]) > MOST_MISTAKES or len(wider) > MAX_VARIANTS:
                break
            lengths = zip(self._prefixes(wider), wider, strict=True)
            if ahead := [(length, chosen) for length, chosen in lengths if length > reached]:
                return ahead
        return []

    def _extended(self, beginnings: Sequence[Combination], more: int) -> Iterator[Combination]:
        """Beginnings with so many mistakes more, none twice in one place."""
        simulation, seen = self.evidence[0].simulation, set()
        additions = itertools.combinations(range(len(simulation.instances)), more)
        for combination, added in itertools.product(beginnings, additions):
            wider = tuple(sorted({*combination, *added}))
            if len(wider) == len(combination) + more and wider not in seen:
                seen.add(wider)
                if simulation.is_possible(wider):
                    yield wider

    def _prefixes(self, chosen: Sequence[Combination]) -> list[int]:
        """How many arrays, in order, each combination gives as answered."""
        self.tried += len(chosen)
        same = np.ones((len(chosen), len(self.order)), bool)
        for evidence in self.evidence:
            size = evidence.simulation.batch
            for start in range(0, len(chosen), size):
                batch = chosen[start : start + size]
                self.left -= len(batch) * evidence.simulation.numbers
                if self.left < 0:
                    raise _TooMany
                with np.errstate(all="ignore"):
                    values = evidence.mistaken.of_pass(Run(evidence.simulation, batch).passed)
                    for column, name in enumerate(self.order):
                        rows = same[start : start + size, column]
                        rows &= _same(values[name], evidence, name)
        return [int(np.argmin([*row, False])) for row in same]


def _same(values: Array, evidence: Evidence, name: str) -> Array:
    """Which variants of an array are as answered; one for all alike."""
    answer, axes = evidence.answer[name], tuple(range(1, values.ndim))
    scale = np.max(abs(values), axis=axes, keepdims=True, initial=0)
    scale = np.maximum(scale, abs(answer).max(initial=0))
    allowed = 8 * evidence.errors[name] + LOOSE * evidence.u * scale
    return np.asarray(within(values, answer, allowed).all(axis=axes))


# Step by step, on a single example


@dataclass(frozen=True)
class BrokenStep:
    """A step of backpropagation that is wrong: what it gives, a delta or a
    parameter's gradient, and how."""

    gives: str
    text: str


def broken_steps(network: Network, data: Data, answer: Arrays, accuracy: float) -> list[BrokenStep]:
    """Say which steps are wrong in an answer for one example, in the order of
    backpropagation.

    Where dL/dW_l and dL/db_l are not those of the right delta_l, that is taken
    for it, of those that they are of and the right one, with which the fewest
    steps are wrong.
    """
    cache = manual.forward(data.params, data.x, network.activations)
    arguments = data.params, data.x, data.y, network.activations
    _, grads = manual.gradients(*arguments, loss=str(network.loss), reduction="sum")
    return _Following(network, data, cache, answer, accuracy).broken(network.depth, grads.h[-1])


@dataclass
class _Following:
    """Follows an answer for one example back through the layers."""

    network: Network
    data: Data
    cache: manual.Cache
    answer: Arrays
    accuracy: float

    def _close(self, a: Array, b: Array) -> bool:
        largest = max(abs(a).max(initial=0), abs(b).max(initial=0))
        return bool((abs(a - b) <= self.accuracy * largest).all())

    def broken(self, l: int, d_h: Array) -> list[BrokenStep]:
        """The steps that are wrong from dL/dh_l on."""
        if not l:
            return []
        b = self.data.params[l - 1].b
        activation, z = self.network.activations[l - 1], self.cache.z[l - 1]
        expected = pull_back(activation, z, d_h)[0]
        by_W = self._read_off(self.answer[f"W{l}"], self.cache.h[l - 1][0])
        by_b = self.answer[f"b{l}"] if b is not None and b.ndim else None
        deltas = [delta for delta in (by_W, by_b) if delta is not None]
        if any(self._close(delta, expected) for delta in deltas):
            deltas = []
        return min((self._broken_with(l, d, expected) for d in [*deltas, expected]), key=len)

    def _broken_with(self, l: int, delta: Array, expected: Array) -> list[BrokenStep]:
        """The same where so much is taken for delta_l."""
        (W, b), h = self.data.params[l - 1], self.cache.h[l - 1][0]
        steps = []
        if not self._close(delta, expected):
            steps.append(BrokenStep(f"dL/dz{l}", _way_back(self.network, l)))
        if not self._close(self.answer[f"W{l}"], np.outer(delta, h)):
            source = f"h{l - 1}" if l > 1 else "x"
            steps.append(BrokenStep(f"dL/dW{l}", f"from dL/dz{l} and {source}"))
        if b is not None:
            d_b = delta if b.ndim else np.asarray(delta.sum())
            if not self._close(self.answer[f"b{l}"], d_b):
                steps.append(BrokenStep(f"dL/db{l}", f"from dL/dz{l}"))
        return steps + self.broken(l - 1, delta[None] @ W)

    def _read_off(self, d_W: Array, h: Array) -> Array | None:
        """The delta that gives d_W as its outer product with h, if any does."""
        at = int(abs(h).argmax())
        if h[at] == 0:
            return None
        delta: Array = d_W[:, at] / h[at]
        return delta if self._close(np.outer(delta, h), d_W) else None


def _way_back(network: Network, l: int) -> str:
    """How dL/dz_l comes from what stands after it."""
    f = split(network.activations[l - 1])[0]
    slope = [] if f == "identity" else [f"{f}'"]
    if l == network.depth:
        return " back through ".join(["from the loss", *slope])
    return f"from dL/dz{l + 1} back through {' and '.join([f'W{l + 1}', *slope])}"
