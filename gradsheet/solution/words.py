"""What a tutor says at each step, in a sentence."""

from collections.abc import Sequence

import numpy as np

from gradsheet.language.formula import NEW
from gradsheet.language.functions import facts_of
from gradsheet.network import losses
from gradsheet.network.network import Network
from gradsheet.numbers.reasons import Undecided
from gradsheet.solution.rules import is_given
from gradsheet.truth.point import Point
from gradsheet.truth.steps import Tensor


def why(
    tensor: Tensor, network: Network, point: Point | None = None, *, cancels: bool = False
) -> str:
    """The rule behind a step. `cancels` says whether the last activation and the loss are taken together."""
    name = tensor if isinstance(tensor, str) else tensor[1]
    if isinstance(tensor, tuple):
        return _backward(name, network, cancels)
    if is_given(tensor):
        return "The sheet gives it."
    if name.endswith(NEW):
        return _updated(name.removesuffix(NEW), network)
    batch = (network.examples or 1) > 1
    if name == "L":
        return (
            losses.of(network.loss or "output").words
            + f"; the {network.reduction} over the examples" * batch
            + "."
        )
    l = network.depth if name == "yhat" else int(name[1:])
    if name[0] == "z":
        rows = "Every row is an example. " * (batch and l == 1)
        bias = ", plus the bias" + ", which a column of ones gives to every example" * batch
        return (
            f"{rows}Layer {l}: the weights times what comes in{bias * bool(network.biases[l - 1])}."
        )
    activation = network.activations[l - 1]
    if activation == "identity":
        return f"Layer {l} has no activation."
    return f"Through {facts_of(activation).words}{_dead(l, network, point)}."


def _updated(name: str, network: Network) -> str:
    if name[0] == "b" and network.update == "weights":
        return f"The bias of layer {name[1:]} is kept."
    if name[0] in "Wb":
        what = "weights" if name[0] == "W" else "bias"
        return f"The {what} of layer {name[1:]} less the learning rate times the gradient."
    return (
        "The loss after the step."
        if name == "L"
        else "The same pass, with what there is after the step."
    )


def _dead(l: int, network: Network, point: Point | None) -> str:
    if point is None or not facts_of(network.activations[l - 1]).dead:
        return ""
    try:
        z = point.node(f"z{l}")
        dead = [index for index in np.ndindex(z.shape) if z[index] <= 0]
    except Undecided:
        return ""
    if not dead or len(dead) > 12:
        return ""
    return f"; {_units(dead, network)} {'is' if len(dead) == 1 else 'are'} dead: z is not positive"


def _units(places: Sequence[tuple[int, ...]], network: Network) -> str:
    if network.examples is None:
        return f"unit{'s' * (len(places) > 1)} " + _listed([str(i + 1) for (i,) in places])
    return _listed([f"unit {i + 1} of example {n + 1}" for n, i in places])


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _backward(name: str, network: Network, cancels: bool) -> str:
    over = ", added up over the examples" * ((network.examples or 1) > 1)
    if name == "yhat":
        return "The derivative of the loss by the output."
    l = 0 if name == "x" else int(name[1:])
    if name[0] in "xh":
        start = f"a unit of layer {l}" if l else "an input"
        return f"Back through the weights of layer {l + 1}, over every path from {start}."
    if name[0] == "W":
        return f"To the weights of layer {l}: ∂L/∂z of the unit times what came in{over}."
    if name[0] == "b":
        shared = network.biases[l - 1] == "shared"
        return (
            f"To the bias of layer {l}: ∂L/∂z itself{', added up over the units' * shared}{over}."
        )
    activation = network.activations[l - 1]
    if activation == "identity":
        return f"Layer {l} has no activation: nothing to go through."
    together = ""
    if cancels and l == network.depth:
        together = f"; {losses.of(network.loss).together}"
    return f"Through the activation of layer {l}: {facts_of(activation).slope_words}{together}."
