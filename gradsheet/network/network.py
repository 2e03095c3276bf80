"""What a sheet says of its network without any number in it: shapes, activations, loss."""

import itertools
from dataclasses import dataclass
from functools import cached_property

from gradsheet.language.formula import NEW
from gradsheet.language.functions import ACTIVATIONS, facts_of
from gradsheet.network import losses
from manual.activations import Activation, Array, split


@dataclass(frozen=True)
class Network:
    """The structure. `widths` are the inputs and every layer's units; `biases`
    has "units", "shared" or None a layer.

    `examples` is the size of the batch, None where the sheet has one example
    and its nodes no example axis. `loss` is None where it is unspecified:
    dL/dyhat is then a free symbol. `update` says which parameters a step of
    gradient descent changes, "all" or "weights"; it is None where the sheet has
    no such step.
    """

    widths: tuple[int, ...]
    biases: tuple[str | None, ...]
    activations: tuple[Activation, ...]
    loss: str | None
    reduction: str
    examples: int | None
    update: str | None = None

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.activations)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every quantity under its one name; `aliases` has the other names."""
        batch = () if self.examples is None else (self.examples,)
        shapes: dict[str, tuple[int, ...]] = {"x": (*batch, self.widths[0])}
        for l, (inputs, units) in enumerate(zip(self.widths, self.widths[1:], strict=False), 1):
            shapes[f"W{l}"] = (units, inputs)
            if bias := self.biases[l - 1]:
                shapes[f"b{l}"] = () if bias == "shared" else (units,)
            shapes[f"z{l}"] = (*batch, units)
            shapes["yhat" if l == self.depth else f"h{l}"] = (*batch, units)
        if self.loss not in (None, "output"):
            shapes["y"] = (*batch, self.widths[-1])
        shapes["L"] = ()
        if self.update is not None:
            fixed = ("x", "y") if self.loss is not None else ("x", "y", "L")
            shapes |= {name + NEW: shape for name, shape in shapes.items() if name not in fixed}
            shapes["learning_rate"] = ()
        return shapes

    @cached_property
    def aliases(self) -> dict[str, str]:
        """The other names of quantities, with the one that `shapes` has."""
        aliases = {"h0": "x", f"h{self.depth}": "yhat"}
        return aliases if self.update is None else {**aliases, f"h{self.depth}{NEW}": f"yhat{NEW}"}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Everything that a formula may name."""
        return (*self.shapes, *self.aliases)

    def canonical(self, name: str) -> str:
        """The one name of a quantity."""
        return self.aliases.get(name, name)

    @property
    def shares(self) -> int:
        """How many shares the loss has: one an output."""
        return self.widths[-1]

    @property
    def bases(self) -> dict[tuple[str, int, int], str]:
        """No layer is a recurrence."""
        return {}

    def has_examples(self, name: str) -> bool | None:
        """Whether the first axis of a quantity is that of the examples; None
        where there is one example alone, and so no such axis."""
        if name[0] not in "xyzh":
            return False
        return None if self.examples is None else True

    def inner(self, name: str) -> str:
        """The name of a node as a z or h of its layer: x is h0, yhat the last h."""
        return {"x": "h0", "yhat": f"h{self.depth}"}.get(name, name)

    @property
    def sigma(self) -> str | None:
        """The function that σ stands for; None where it may be a sigmoid or the
        layers' own activation."""
        kinds = {split(activation)[0] for activation in self.activations} - {"identity"}
        return "sigmoid" if not kinds or "sigmoid" in kinds else None

    def stage(self, name: str) -> int:
        """Where a quantity stands in the forward pass: nothing depends on what
        comes at a later stage."""
        name = self.canonical(name).removesuffix(NEW)
        if name in ("x", "y", "learning_rate"):
            return 0
        if name in ("yhat", "L"):
            return 3 * self.depth + (name == "L")
        return 3 * int(name[1:]) - {"W": 2, "b": 2, "z": 1, "h": 0}[name[0]]

    def no_derivative(self, of: str, by: str) -> str | None:
        """Why d of / d by does not exist, None where it does; "shares" stands for the L[k]."""
        of, by = ("L" if of == "shares" else self.canonical(of)), self.canonical(by)
        is_of_step = any(n.endswith((NEW, "learning_rate")) for n in (of, by))
        if of[0] in "Wb" or of == "y" or by == "L" or is_of_step:
            return f"d{of}/d{by} is no derivative of a node by an earlier node or a parameter"
        if by == "y":  # the target stands beside the pass: only the loss looks at it
            return None if of == "L" else f"d{of}/dy: {of} does not depend on y"
        if self.stage(by) > self.stage(of):
            return f"d{of}/d{by}: {by} comes after {of} in the forward pass"
        return None

    @property
    def cancels(self) -> bool:
        """Whether the last activation cancels against the loss: dL/dz is yhat - y."""
        return losses.of(self.loss).behind == split(self.activations[-1])[0]

    @property
    def rational(self) -> bool:
        """Whether everything in this network is a fraction of the numbers in it."""
        return losses.of(self.loss).rational and all(facts_of(a).rational for a in self.activations)

    @cached_property
    def kinked(self) -> tuple[int, ...]:
        """The layers whose activation has a kink at 0."""
        return tuple(l for l, a in enumerate(self.activations, 1) if facts_of(a).kinked)

    @property
    def kinked_units(self) -> int:
        """The units, over all examples, whose activation has a kink at 0."""
        return sum(self.widths[l] for l in self.kinked) * (self.examples or 1)

    def reading(self, *, kinks: bool = True) -> str:
        """The reading in one line, as every report states it; with what is
        taken for the derivatives at `kinks`."""
        if self.loss is None:
            loss = "unspecified, dL/dyhat is a free symbol"
        elif (n := self.examples or 1) > 1:
            loss = f"{self.loss.replace('_', ' ')}, {self.reduction} over the {n} examples"
        else:
            loss = f"{self.loss.replace('_', ' ')}, one example"
        names = [a if isinstance(a, str) else f"{a[0]} with slope {a[1]}" for a in self.activations]
        biases = {None: "none", "units": "one a unit", "shared": "one shared a layer"}
        several = len({*self.biases}) > 1
        bias = ", ".join(biases[kind] for kind in (self.biases if several else self.biases[:1]))
        used = {split(a)[0] for a in self.activations}
        at_kinks = (facts.at_kink for name, facts in ACTIVATIONS.items() if name in used)
        kink = "".join(f"; {words}" for words in at_kinks if words)
        return f"loss {loss}; layers {', '.join(names)}; biases {bias}{kink if kinks else ''}"


def improbable(network: Network, y: Array) -> str:
    """What keeps targets of a cross-entropy, exact numbers (N, O), from being
    probabilities; empty where nothing does.

    Such a sheet is judged as it stands: the derivative by z of softmax and
    cross-entropy is then not yhat - y.
    """
    loss = losses.of(network.loss)
    if not loss.probabilities:
        return ""
    which = (f" of example {n}" if len(y) > 1 else "" for n in itertools.count(1))
    for row, where in zip(y, which, strict=False):
        if off := next((v for v in row if not 0 <= v <= 1), None):
            return f"y{where} has {off}, which is no probability"
        if loss.add_up and (total := sum(row)) != 1:
            return f"y{where} adds up to {total}, not to 1"
    return ""
