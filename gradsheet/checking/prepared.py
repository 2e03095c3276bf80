"""What is known of a network before any function is called: probes, the truth at each, mistakes made there."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

import manual
from gradsheet.checking.asked import (
    KINDS,
    Arrays,
    Gradients,
    Jacobian,
    Mistaken,
    PerExampleGradients,
)
from gradsheet.checking.corner import CORNER, Corner, corners_of
from gradsheet.checking.probes import Data, chosen, covering, of_fractions
from gradsheet.checking.telling import Telling
from gradsheet.checking.truth import Truth, truth_at
from gradsheet.mistakes.catalogue import Instance, instances
from gradsheet.mistakes.simulation import Run, Simulation, changed, numbers_of, simulate
from gradsheet.network.network import Network
from gradsheet.numbers.session import LIBRARY, Session
from manual.activations import Array

MAX_PREPARED = 16  # networks
MAX_EACH = 16  # examples of whose gradients each is kept
MAX_SIMULATED = 3_000_000  # numbers, in all mistakes at a point


@dataclass(eq=False)
class Prepared:
    """All that can be known of a network before any function is called.

    `simulations` has for every probe where mistakes can be made, none where the network is too wide for that; `shown`
    counts the mistakes that show at the first `whole` probes, `hidden` those that change no gradient there. Where these
    are of whole numbers, one more is of fractions. `covered` is of how many entries of the answer how many are other
    than 0 at some probe.
    """

    asked: Gradients
    probes: list[Data]
    truths: list[Truth]
    simulations: list[list[tuple[Simulation, Mistaken]]] = field(default_factory=list)
    shown: int = 0
    hidden: int = 0
    corners: list[Corner] = field(default_factory=list)
    whole: int = 0
    _each: dict[int, Arrays] = field(default_factory=dict)

    def bound(
        self, probe: int, dtype: str, *, sharp: bool = False
    ) -> tuple[Arrays, frozenset[str]]:
        """How far answers at a probe may be off, as `Bounds` has it."""
        return self.truths[probe].bounds.of(dtype, sharp=sharp)

    @functools.cached_property
    def covered(self) -> tuple[int, int]:
        """How many entries of the right answer floats can tell from 0 at some probe, and how many there are."""
        covered = every = 0
        for name in self.asked.shapes:
            seen = [
                abs(truth.values[name]) > self.bound(probe, "float64", sharp=True)[0][name]
                for probe, truth in enumerate(self.truths)
            ]
            mask = np.any(seen, 0)
            covered, every = covered + int(mask.sum()), every + mask.size
        return covered, every

    def each(self, probe: int) -> Arrays | None:
        """The gradient of every example alone; None where it was not that of all together that was asked for."""
        if self.asked.what != "gradients" or len(self.probes[probe].x) > MAX_EACH:
            return None
        if probe not in self._each:
            network = replace(self.asked.network, reduction="sum")
            self._each[probe] = PerExampleGradients(network).by(manual, self.probes[probe])
        return self._each[probe]

    def is_extra(self, probe: int) -> bool:
        """Whether it is the probe of fractions, at which floats cannot be exact."""
        return bool(self.simulations) and probe >= self.whole


def _simulable(asked: Gradients, data: Data) -> list[tuple[Simulation, Mistaken]]:
    """Where the mistakes of the catalogue can be made; nowhere in a network so wide that it takes long."""
    network, lead = asked.network, int(np.prod(asked.lead))
    if len(instances(network, False)) * numbers_of(network, len(data.x)) * lead > MAX_SIMULATED:
        return []
    return [(simulate(mistaken.point), mistaken) for mistaken in asked.mistaken(data)]


def _shows(simulations: Sequence[tuple[Simulation, Mistaken]]) -> Array:
    """Which mistakes change an answer."""
    seen = np.zeros(len(simulations[0][0].instances) if simulations else 0, bool)
    for simulation, mistaken in simulations:
        run = Run(simulation, [(), *simulation.singles])
        with np.errstate(all="ignore"):
            for name, values in mistaken.of_run(run).items():
                if name != "L" and len(values) > 1:
                    seen |= changed(values.reshape(len(values), -1)).any(-1)
    return seen


def prepared(
    what: str,
    of: str,
    network: Network,
    dtype: str = "float32",
    telling: Telling | None = None,
    session: Session = LIBRARY,
) -> Prepared:
    """The probes of a network for floats of a type, with the truth at each.

    Raises ValueError where there are none, or `of` is no node. Where exp or log enters no probe is exact, and none is
    looked for that is so in few bits.
    """
    dtype = dtype if network.rational else "float32"
    question = what, of, network, dtype
    everything = session.cache("prepared", MAX_PREPARED)
    found: Prepared = everything.get(question, lambda: _prepare(*question, telling or Telling()))
    return found


def _prepare(what: str, of: str, network: Network, dtype: str, telling: Telling) -> Prepared:
    telling.at("draws numbers at which to try the function")
    asked = asked_for(what, of, network)
    simulations: dict[Data, list[tuple[Simulation, Mistaken]]] = {}

    def shows(data: Data) -> Array:
        simulations[data] = _simulable(asked, data)
        return _shows(simulations[data])

    def covers(data: Data) -> Array:
        with np.errstate(all="ignore"):
            arrays = asked.by(manual, data)
        return np.concatenate([np.ravel(arrays[name]) != 0 for name in asked.shapes])

    probes, seen = chosen(network, dtype, shows)
    if not probes:
        raise ValueError(
            f"no small numbers are found at which a network of the widths {network.widths} has no z at 0"
        )
    for data in covering(network, dtype, probes, covers):
        seen = seen | shows(data)
        probes.append(data)
    extra = of_fractions(network) if network.rational and dtype == "float32" else None
    everything = [*probes, *([extra] if extra is not None else [])]
    telling.at("finds the truth there, by hand and by JAX")
    truths = [truth_at(asked, data) for data in everything]
    made = [simulations.get(data, []) for data in everything]
    found = Prepared(asked, everything, truths, made, int(seen.sum()), whole=len(probes))
    if found.simulations[0]:
        instances = found.simulations[0][0][0].instances
        later = [instance for instance, shown in zip(instances, seen, strict=True) if not shown]
        found.hidden = sum(
            instance.code != CORNER and not _is_aside(instance) for instance in later
        )
    if what != "hvp":
        found.corners = list(corners_of(asked, dtype))
    return found


def _is_aside(instance: Instance) -> bool:
    """Whether a mistake is in the loss alone or in dL/dx, so that no parameter's gradient can show it."""
    step = instance.mistake.step.split(".")[0]
    return step == "shares" or (step == "d_h" and instance.layers == (1,))


def asked_for(what: str, of: str, network: Network) -> Gradients:
    return Jacobian(network, of) if what == "jacobian" else KINDS[what](network)
