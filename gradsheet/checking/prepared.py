"""What is known of a network before any function is called: probes, the truth
at each, mistakes made there."""

import functools
import itertools
from dataclasses import dataclass, field, replace

import numpy as np

import manual
from gradsheet.checking.asked import Arrays, Mistaken, ParameterGradients, asked_for
from gradsheet.checking.corner import CORNER, Corner, corners_of
from gradsheet.checking.probes import Data, chosen, covering, of_fractions
from gradsheet.checking.telling import Telling
from gradsheet.checking.truth import Truth, truth_at
from gradsheet.mistakes.catalogue import Instance, instances
from gradsheet.mistakes.simulation import Run, Simulation, changed, numbers_of, simulate
from gradsheet.network.network import Network
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.session import LIBRARY, Session
from manual.activations import Array

MAX_PREPARED = 16  # networks
MAX_EACH = 16  # examples, each of whose gradients is computed alone
MAX_SIMULATED = 3_000_000  # numbers, in all mistakes at a point

Simulations = list[tuple[Simulation, Mistaken]]


@dataclass(eq=False)
class Prepared:
    """All that can be known of a network before any function is called.

    `simulations` has for every probe where mistakes can be made, none where the
    network is too wide for that; without probes of ours it is empty. `shown`
    counts the mistakes that show at the first `whole` probes, `hidden` those
    that change no gradient there. Where these are of whole numbers, one more is
    of fractions.
    """

    asked: ParameterGradients
    probes: list[Data]
    truths: list[Truth]
    simulations: list[Simulations] = field(default_factory=list)
    shown: int = 0
    hidden: int = 0
    corners: list[Corner] = field(default_factory=list)
    whole: int = 0

    @functools.cached_property
    def covered(self) -> tuple[int, int]:
        """How many entries of the right answer floats can tell from 0 at some
        probe, and how many there are."""
        covered = every = 0
        for name in self.asked.shapes:
            distinct = [
                abs(truth.values[name]) > truth.bounds.of("float64", sharp=True)[0][name]
                for truth in self.truths
            ]
            mask = np.any(distinct, 0)
            covered, every = covered + int(mask.sum()), every + mask.size
        return covered, every

    @functools.cached_property
    def examples(self) -> list[Arrays | None]:
        """The gradients of every example alone, at every probe; None where they
        are too many, or gradients of all together were not asked for."""
        if self.asked.what != "gradients":
            return [None] * len(self.probes)
        network = replace(self.asked.network, reduction="sum")
        alone = asked_for("per_example_gradients", "", network)
        return [alone.by(manual, data) if len(data.x) <= MAX_EACH else None for data in self.probes]

    @property
    def is_drawn(self) -> bool:
        """Whether the probes are ours, not the caller's own data."""
        return bool(self.simulations)

    def is_extra(self, probe: int) -> bool:
        """Whether it is the probe of fractions, where floats are not exact."""
        return self.is_drawn and probe >= self.whole


def prepared(
    what: str,
    of: str,
    network: Network,
    dtype: str = "float32",
    telling: Telling | None = None,
    session: Session = LIBRARY,
) -> Prepared:
    """Choose the probes of a network for floats of a type, and find the truth
    at each.

    Raises ValueError where there are none, or `of` is no node. Where exp or log
    enters no probe is exact, and none is looked for that is so in few bits.
    """
    dtype = dtype if network.rational else "float32"
    question = what, of, network, dtype
    library: LRUCache[Prepared] = session.cache("prepared", MAX_PREPARED)
    return library.get(question, lambda: _prepare(*question, telling or Telling()))


def _prepare(what: str, of: str, network: Network, dtype: str, telling: Telling) -> Prepared:
    telling.at("draws numbers at which to try the function")
    asked = asked_for(what, of, network)
    simulations: dict[Data, Simulations] = {}

    def shows(data: Data) -> Array:
        simulations[data] = _simulable(asked, data)
        return _shows(simulations[data])

    def covers(data: Data) -> Array:
        with np.errstate(all="ignore"):
            arrays = asked.by(manual, data)
        return np.concatenate([np.ravel(arrays[name]) != 0 for name in asked.shapes])

    probes, shown = chosen(network, dtype, shows)
    if not probes:
        raise ValueError(
            "no small numbers are found at which a network of the widths "
            f"{network.widths} has no z at 0"
        )
    for data in covering(network, dtype, probes, covers):
        shown = shown | shows(data)
        probes.append(data)
    whole = len(probes)
    if network.rational and dtype == "float32" and (extra := of_fractions(network)) is not None:
        probes.append(extra)
    telling.at("finds the truth there, by hand and by JAX")
    return Prepared(
        asked,
        probes,
        [truth_at(asked, data) for data in probes],
        [simulations.get(data, []) for data in probes],
        shown=int(shown.sum()),
        hidden=_hidden(simulations[probes[0]], shown),
        corners=[] if what == "hvp" else list(corners_of(asked, dtype)),
        whole=whole,
    )


def _simulable(asked: ParameterGradients, data: Data) -> Simulations:
    """Where mistakes of the catalogue can be made, if that does not take long."""
    network, lead = asked.network, int(np.prod(asked.lead))
    if len(instances(network, False)) * numbers_of(network, len(data.x)) * lead > MAX_SIMULATED:
        return []
    return [(simulate(mistaken.point), mistaken) for mistaken in asked.mistaken(data)]


def _shows(simulations: Simulations) -> Array:
    """Which mistakes change an answer."""
    shown = np.zeros(len(simulations[0][0].instances) if simulations else 0, bool)
    for simulation, mistaken in simulations:
        run = Run(simulation, [(), *simulation.singles])
        with np.errstate(all="ignore"):
            for name, values in mistaken.of_pass(run.passed).items():
                if name != "L" and len(values) > 1:
                    shown |= changed(values.reshape(len(values), -1)).any(-1)
    return shown


def _hidden(simulations: Simulations, shown: Array) -> int:
    """How many mistakes show nowhere, but those at a corner, which show there,
    and those aside of all parameters."""
    if not simulations:
        return 0
    unseen = itertools.compress(simulations[0][0].instances, ~shown)
    return sum(made.code != CORNER and not _is_aside(made) for made in unseen)


def _is_aside(instance: Instance) -> bool:
    """Whether a mistake is in the loss alone or in dL/dx, so that no
    parameter's gradient can show it."""
    step = instance.mistake.step.split(".")[0]
    return step == "shares" or (step == "d_h" and instance.layers == (1,))
