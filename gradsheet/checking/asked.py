"""What a function is asked for: gradients, those of every example, a Jacobian,
or the Hessian times a direction.

Each kind says what the right answer is, by every witness, how far floats may be
off, and what comes out when mistakes of the catalogue are made. Arrays stand
under the names of the parameters they are derivatives by, "L" is the loss.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import manual
from gradsheet.checking.probes import Data, each, fractions
from gradsheet.checking.rounding import Balls, Rounding
from gradsheet.mistakes.layer_pass import Edits, Pass, in_front
from gradsheet.mistakes.layered import problem_of
from gradsheet.network.network import Network
from gradsheet.truth.graph_point import GraphPoint
from manual.activations import Array

Arrays = dict[str, Array]
Shape = tuple[int, ...]
# Numbers multiplied by the slowest witness, which takes a pass for every entry.
MAX_WORK = 500_000


def by_name(layers: Any) -> Arrays:
    """Name the arrays of (W, b), one a layer, W1, b1, W2, ...; without None."""
    arrays: Arrays = {}
    for l, layer in enumerate(layers, 1):
        for letter, array in zip("Wb", layer, strict=True):
            if array is not None:
                arrays[f"{letter}{l}"] = array
    return arrays


class Mistaken(NamedTuple):
    """A point where mistakes are made; what a pass there answers, arrays with
    the variants in front; and the example that it is of, if of one alone."""

    point: GraphPoint
    of_pass: Callable[[Pass], Arrays]
    example: int | None

    def of_answer(self, arrays: Mapping[str, Array]) -> Arrays:
        """Take what of a function's answer stands beside it."""
        return {name: a if self.example is None else a[self.example] for name, a in arrays.items()}


def _pass_with_slopes(network: Network, data: Data, slopes: Mapping[int, float]) -> Pass:
    """The pass in float64 with these f' at every z of a layer that is 0."""

    def at_zero(value: float) -> Any:
        return lambda right, s: np.where(s.z == 0, value, right)

    edits: Edits = {("slope", l): [(at_zero(value), None)] for l, value in slopes.items()}
    with np.errstate(all="ignore"):
        return Pass(data.problem(network).converted(in_front), edits=edits)


class ParameterGradients:
    """Asks for the loss, and its gradient by every parameter.

    A report calls these by the names in `labels`, the second in front of the
    parameter's.
    """

    what = "gradients"
    has_loss = True
    of = "L"
    labels = "L", "dL/d"

    def __init__(self, network: Network):
        self.network = network

    @property
    def _options(self) -> dict[str, Any]:
        assert self.network.loss is not None
        return {"loss": self.network.loss, "reduction": self.network.reduction}

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shapes, by name, of the parameters that derivatives are by."""
        return {name: shape for name, shape in self.network.shapes.items() if name[0] in "Wb"}

    @property
    def lead(self) -> Shape:
        """The axes in front of a parameter's own."""
        return ()

    @property
    def loss(self) -> Shape | None:
        """The shape of the value that may come along; None where none may."""
        return self.lead if self.has_loss else None

    def at(self, network: Network) -> "ParameterGradients":
        """The same question to another network."""
        return type(self)(network)

    def order(self) -> list[str]:
        """The names in the order of backpropagation."""
        loss = [] if self.loss is None else ["L"]
        return [*loss, *sorted(self.shapes, key=lambda name: (-int(name[1:]), name))]

    def label(self, name: str) -> str:
        """What a report calls an array."""
        return self.labels[0] if name == "L" else self.labels[1] + name

    # The truth

    def is_small(self, *, whole: bool) -> bool:
        """Whether all witnesses can be heard on every entry; of numbers with
        long fractions it takes longer."""
        products = sum(int(np.prod(shape)) for shape in self.shapes.values())
        slower = (1 if self.network.rational else 10) * (1 if whole else 20)
        return products**2 * (self.network.examples or 1) * slower <= MAX_WORK

    def exact(self, data: Data) -> Arrays:
        """Compute the answer on the word of three witnesses, as Fractions or
        Reals.

        Raises Undecided where they cannot be heard.
        """
        answers = []
        for network, part, _ in self._parts(data):
            point = part.point(network, of=[self.of])
            derivatives = {name: point.derivative(self.of, (), name, ()) for name in self.shapes}
            answers.append({"L": point.node("L"), **derivatives} if self.has_loss else derivatives)
        return self._joined(answers)

    def _parts(self, data: Data) -> Iterator[tuple[Network, Data, int | None]]:
        """The networks and data whose passes give the answer, and of which example."""
        yield self.network, data, None

    def _joined(self, answers: Sequence[Arrays]) -> Arrays:
        return answers[0]

    def by(self, room: Any, data: Data) -> Arrays:
        """Compute the answer by `manual` or `ref`, in the type of the data."""
        arguments = data.params, data.x, data.y, self.network.activations
        L, grads = room.value_and_grad(*arguments, **self._options)
        return {"L": L, **by_name(grads)}

    def errors(self, rounding: Rounding, data: Data) -> Balls:
        """Bound how far floats may be off."""
        return {"L": rounding.loss(), **rounding.gradients()}

    # With mistakes

    def mistaken(self, data: Data) -> list[Mistaken]:
        """Where mistakes can be made, and compared with an answer."""
        parts = self._parts(data)
        return [Mistaken(part.point(network), self._of_pass, n) for network, part, n in parts]

    def _of_pass(self, passed: Pass) -> Arrays:
        """The answer in all variants of a pass."""
        gradients = passed.gradients
        return {"L": passed.node("L"), **{name: gradients[name] for name in self.shapes}}

    # At a kink

    def with_slopes(self, data: Data, slopes: Mapping[int, float]) -> Arrays:
        """The answer in float64 with these f' where a z of a layer is 0."""
        answers = []
        for network, part, _ in self._parts(data):
            passed = self._of_pass(_pass_with_slopes(network, part, slopes))
            answers.append({name: array[0] for name, array in passed.items()})
        return self._joined(answers)


class PerExampleGradients(ParameterGradients):
    """Asks for the loss of every example, and its gradient."""

    what = "per_example_gradients"
    labels = "L[n]", "dL[n]/d"

    @property
    def lead(self) -> Shape:
        """One axis, of the examples."""
        return (self.network.examples or 1,)

    def _parts(self, data: Data) -> Iterator[tuple[Network, Data, int | None]]:
        single = replace(self.network, examples=1)
        yield from ((single, data.alone(n), n) for n in range(len(data.x)))

    def _joined(self, answers: Sequence[Arrays]) -> Arrays:
        return {name: np.stack([arrays[name] for arrays in answers]) for name in answers[0]}

    def by(self, room: Any, data: Data) -> Arrays:
        """Compute the answer by `manual` or `ref`, in the type of the data."""
        arguments = data.params, data.x, data.y, self.network.activations
        losses, grads = room.per_example_gradients(*arguments, loss=self.network.loss)
        return {"L": losses, **by_name(grads)}

    def errors(self, rounding: Rounding, data: Data) -> Balls:
        """Bound how far floats may be off."""
        return {"L": rounding.losses(), **rounding.per_example_gradients()}


class Jacobian(ParameterGradients):
    """Asks for the derivatives of a node by every parameter before it."""

    what = "jacobian"
    has_loss = False

    def __init__(self, network: Network, of: str):
        super().__init__(network)
        self.of = network.canonical(of)
        nodes = [name for name in network.shapes if name[0] in "zh" or name == "yhat"]
        if self.of not in nodes:
            raise ValueError(f"of is {of!r}, expected a node of the network: {', '.join(nodes)}")
        self.top = network.depth if self.of == "yhat" else int(self.of[1:])
        self.labels = "", f"d{self.of}/d"
        self.node = f"{'z' if self.of[0] == 'z' else 'h'}{self.top}"  # yhat is h of the last layer

    def at(self, network: Network) -> "Jacobian":
        """The same question to another network."""
        return Jacobian(network, self.of)

    @property
    def shapes(self) -> dict[str, Shape]:
        """Those of the parameters before the node."""
        return {name: shape for name, shape in super().shapes.items() if int(name[1:]) <= self.top}

    @property
    def lead(self) -> Shape:
        """The axes of the node: examples, units."""
        return self.network.examples or 1, self.network.widths[self.top]

    def by(self, room: Any, data: Data) -> Arrays:
        """Compute the answer by `manual` or `ref`, in the type of the data."""
        options: Any = {"of": self.node, "y": data.y, **self._options}
        arguments = data.params, data.x, self.network.activations
        return {name: room.jacobian(*arguments, by=name, **options) for name in self.shapes}

    def errors(self, rounding: Rounding, data: Data) -> Balls:
        """Bound how far floats may be off."""
        return rounding.jacobian(self.node[0], self.top)

    def _of_pass(self, passed: Pass) -> Arrays:
        arrays = {}
        for name in self.shapes:
            rows = [passed.row(self.node, entry, name) for entry in np.ndindex(self.lead)]
            stacked = np.stack(rows, 1)
            arrays[name] = stacked.reshape(stacked.shape[0], *self.lead, *stacked.shape[2:])
        return arrays


class HessianVector(ParameterGradients):
    """Asks for the Hessian of the loss times a direction."""

    what = "hvp"
    has_loss = False
    labels = "", "(H v) "

    def exact(self, data: Data) -> Arrays:
        """Compute the answer by hand; JAX is heard in floats."""
        point = data.point(self.network)
        direction, problem = each(data.direction, fractions), problem_of(point)
        if not point.exact:
            real = np.vectorize(point.arithmetic, [object])
            direction = each(direction, lambda array: np.asarray(real(array), object))
        arguments = problem.params, direction, problem.x, problem.y, problem.network.activations
        return by_name(manual.hvp(*arguments, **self._options))

    def by(self, room: Any, data: Data) -> Arrays:
        """Compute the answer by `manual` or `ref`, in the type of the data."""
        arguments = data.params, data.direction, data.x, data.y, self.network.activations
        return by_name(room.hvp(*arguments, **self._options))

    def errors(self, rounding: Rounding, data: Data) -> Balls:
        """Bound how far floats may be off."""
        return rounding.hvp(data.direction)

    def mistaken(self, data: Data) -> list[Mistaken]:
        """Nowhere: the catalogue is of first derivatives."""
        return []


KINDS: dict[str, type[ParameterGradients]] = {
    kind.what: kind for kind in (ParameterGradients, PerExampleGradients, Jacobian, HessianVector)
}


def asked_for(what: str, of: str, network: Network) -> ParameterGradients:
    """Make the question of a kind; raises ValueError where `of` is no node."""
    return Jacobian(network, of) if what == "jacobian" else KINDS[what](network)
