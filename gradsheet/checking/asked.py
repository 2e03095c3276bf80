"""What a function is asked for: gradients, those of every example, a Jacobian, or the Hessian times a direction.

Each kind says what the right answer is, by every witness, how far floats may be off, and what comes out when mistakes
of the catalogue are made. Arrays stand under the names of the parameters they are derivatives by, "L" is the loss.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import manual
from gradsheet.checking.probes import Data, fractional
from gradsheet.checking.rounding import Ball, Rounding
from gradsheet.mistakes.simulation import Run
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.truth.point import Point
from gradsheet.truth.steps import Edits, Pass, in_front
from manual import Layer
from manual.activations import Array

Arrays = dict[str, Array]
MAX_WORK = 500_000  # numbers multiplied by the slowest witness, which takes a pass for every entry


def by_name(layers: Any) -> Arrays:
    """The arrays of (W, b), one a layer, as W1, b1, W2, ...; without those that are None."""
    pairs = [
        (f"{name}{l}", a)
        for l, layer in enumerate(layers, 1)
        for name, a in zip("Wb", layer, strict=True)
    ]
    return {name: array for name, array in pairs if array is not None}


class Mistaken(NamedTuple):
    """A point, what a run there answers, every array with the variants in front, and the part of an answer it is."""

    point: Point
    of_run: Callable[[Run], Arrays]
    part: Callable[[Mapping[str, Array]], Arrays]


def _pass_with_slopes(network: Network, data: Data, slopes: Mapping[int, float]) -> Pass:

    def at_zero(value: float) -> Any:
        return lambda right, s: np.where(s.z == 0, value, right)

    edits: Edits = {("slope", l): [(at_zero(value), None)] for l, value in slopes.items()}
    with np.errstate(all="ignore"):
        return Pass(Problem(network, data.params, data.x, data.y).converted(in_front), edits=edits)


class Gradients:
    """The loss, and its gradient by every parameter."""

    what = "gradients"

    def __init__(self, network: Network):
        self.network = network

    @property
    def _options(self) -> dict[str, Any]:
        assert self.network.loss is not None
        return {"loss": self.network.loss, "reduction": self.network.reduction}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: shape for name, shape in self.network.shapes.items() if name[0] in "Wb"}

    @property
    def lead(self) -> tuple[int, ...]:
        """The axes in front of a parameter's own."""
        return ()

    @property
    def loss(self) -> tuple[int, ...] | None:
        """The shape of the value that may come along."""
        return ()

    def at(self, network: Network) -> "Gradients":
        """The same question to another network."""
        return type(self)(network)

    def order(self) -> list[str]:
        """The names in the order of backpropagation."""
        loss = [] if self.loss is None else ["L"]
        return [*loss, *sorted(self.shapes, key=lambda name: (-int(name[1:]), name))]

    def label(self, name: str) -> str:
        return name if name == "L" else f"dL/d{name}"

    # The truth

    def is_small(self, *, whole: bool) -> bool:
        """Whether all witnesses can be heard on every entry; of numbers with long fractions it takes longer."""
        products = sum(int(np.prod(shape)) for shape in self.shapes.values())
        slower = (1 if self.network.rational else 10) * (1 if whole else 20)
        return products**2 * (self.network.examples or 1) * slower <= MAX_WORK

    def exact(self, data: Data) -> Arrays:
        """On the word of three witnesses, as Fractions or Reals; raises Undecided where they cannot be heard."""
        return self._of_point(data.point(self.network))

    def _of_point(self, point: Point) -> Arrays:
        return {
            "L": point.node("L"),
            **{name: point.derivative("L", (), name, ()) for name in self.shapes},
        }

    def by(self, room: Any, data: Data) -> Arrays:
        """By `manual` or `ref`, in the type of the data."""
        L, grads = room.value_and_grad(
            data.params, data.x, data.y, self.network.activations, **self._options
        )
        return {"L": L, **by_name(grads)}

    def errors(self, rounding: Rounding, data: Data) -> dict[str, Ball]:
        return {"L": rounding.loss(), **rounding.gradients()}

    # With mistakes

    def mistaken(self, data: Data) -> list[Mistaken]:
        """Where mistakes can be made, and compared with an answer."""
        return [Mistaken(data.point(self.network), self._of_run, dict)]

    def _of_run(self, run: Run) -> Arrays:
        return self._of_pass(run.passed)

    def _of_pass(self, passed: Pass) -> Arrays:
        """The answer in all variants of a pass."""
        found = passed.gradients
        return {"L": passed.node("L"), **{name: found[name] for name in self.shapes}}

    # At a kink

    def with_slopes(self, data: Data, slopes: Mapping[int, float]) -> Arrays:
        """The answer in float64 where f' is this in a layer at every z that is exactly 0."""
        passed = self._of_pass(_pass_with_slopes(self.network, data, slopes))
        return {name: array[0] for name, array in passed.items()}


class PerExampleGradients(Gradients):
    """The loss of every example, and its gradient."""

    what = "per_example_gradients"

    @property
    def lead(self) -> tuple[int, ...]:
        return (self.network.examples or 1,)

    @property
    def loss(self) -> tuple[int, ...] | None:
        return self.lead

    def label(self, name: str) -> str:
        return "L[n]" if name == "L" else f"dL[n]/d{name}"

    def exact(self, data: Data) -> Arrays:
        each = [self._of_point(data.point(self._single, alone=n)) for n in range(len(data.x))]
        return {name: np.stack([found[name] for found in each]) for name in each[0]}

    @property
    def _single(self) -> Network:
        return replace(self.network, examples=1)

    def by(self, room: Any, data: Data) -> Arrays:
        activations, loss = self.network.activations, self.network.loss
        losses, grads = room.per_example_gradients(
            data.params, data.x, data.y, activations, loss=loss
        )
        return {"L": losses, **by_name(grads)}

    def errors(self, rounding: Rounding, data: Data) -> dict[str, Ball]:
        return {"L": rounding.losses(), **rounding.per_example_gradients()}

    def with_slopes(self, data: Data, slopes: Mapping[int, float]) -> Arrays:
        each = []
        for n in range(len(data.x)):
            each.append(self._of_pass(_pass_with_slopes(self._single, data.alone(n), slopes)))
        return {name: np.concatenate([arrays[name] for arrays in each]) for name in each[0]}

    def mistaken(self, data: Data) -> list[Mistaken]:
        def part(n: int) -> Callable[[Mapping[str, Array]], Arrays]:
            return lambda arrays: {name: array[n] for name, array in arrays.items()}

        return [
            Mistaken(data.point(self._single, alone=n), self._of_run, part(n))
            for n in range(len(data.x))
        ]


class Jacobian(Gradients):
    """The derivatives of a node by every parameter before it."""

    what = "jacobian"

    def __init__(self, network: Network, of: str):
        super().__init__(network)
        self.of = network.canonical(of)
        nodes = [name for name in network.shapes if name[0] in "zh" or name == "yhat"]
        if self.of not in nodes:
            raise ValueError(f"of is {of!r}, expected a node of the network: {', '.join(nodes)}")
        self.letter = "z" if self.of[0] == "z" else "h"
        self.top = network.depth if self.of == "yhat" else int(self.of[1:])

    def at(self, network: Network) -> "Jacobian":
        return Jacobian(network, self.of)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: shape for name, shape in super().shapes.items() if int(name[1:]) <= self.top}

    @property
    def lead(self) -> tuple[int, ...]:
        return self.network.examples or 1, self.network.widths[self.top]

    @property
    def loss(self) -> tuple[int, ...] | None:
        return None

    def label(self, name: str) -> str:
        return f"d{self.of}/d{name}"

    def exact(self, data: Data) -> Arrays:
        point = data.point(self.network, of=[self.of])
        return {name: point.derivative(self.of, (), name, ()) for name in self.shapes}

    def by(self, room: Any, data: Data) -> Arrays:
        options: Any = {"of": f"{self.letter}{self.top}", "y": data.y, **self._options}
        arguments = data.params, data.x, self.network.activations
        return {name: room.jacobian(*arguments, by=name, **options) for name in self.shapes}

    def errors(self, rounding: Rounding, data: Data) -> dict[str, Ball]:
        return rounding.jacobian(self.letter, self.top)

    def _of_pass(self, passed: Pass) -> Arrays:
        found = {}
        for name in self.shapes:
            rows = [
                passed.row(f"{self.letter}{self.top}", entry, name)
                for entry in np.ndindex(self.lead)
            ]
            stacked = np.stack(rows, 1)
            found[name] = stacked.reshape(stacked.shape[0], *self.lead, *stacked.shape[2:])
        return found


class HessianVector(Gradients):
    """The Hessian of the loss times a direction."""

    what = "hvp"

    @property
    def loss(self) -> tuple[int, ...] | None:
        return None

    def label(self, name: str) -> str:
        return f"(H v) {name}"

    def exact(self, data: Data) -> Arrays:
        """By hand; JAX is heard in floats."""
        point = data.point(self.network)
        real: Any = np.asarray if point.exact else np.vectorize(point.arithmetic, [object])
        typed = fractional(data.direction)
        direction = [
            Layer(real(V), None if c is None else np.asarray(real(c), object)) for V, c in typed
        ]
        options = self._options
        problem = point.problem
        arguments = problem.params, direction, problem.x, problem.y, problem.network.activations
        return by_name(manual.hvp(*arguments, **options))

    def by(self, room: Any, data: Data) -> Arrays:
        arguments = data.params, data.direction, data.x, data.y, self.network.activations
        return by_name(room.hvp(*arguments, **self._options))

    def errors(self, rounding: Rounding, data: Data) -> dict[str, Ball]:
        return rounding.hvp(data.direction)

    def mistaken(self, data: Data) -> list[Mistaken]:
        return []  # the catalogue is of first derivatives


KINDS: dict[str, type[Gradients]] = {
    kind.what: kind for kind in (Gradients, PerExampleGradients, Jacobian, HessianVector)
}
