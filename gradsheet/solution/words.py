"""What a tutor says at each step, in a sentence."""

from collections.abc import Sequence

import numpy as np

from gradsheet.language.formula import NEW
from gradsheet.language.functions import facts_of
from gradsheet.network import losses
from gradsheet.network.network import Network
from gradsheet.numbers.reasons import Undecided
from gradsheet.solution.quantities import layer_of
from gradsheet.solution.rules import Rules, is_given
from gradsheet.truth.graph_point import GraphPoint
from gradsheet.truth.values import Tensor


def why(tensor: Tensor, rules: Rules, point: GraphPoint | None = None) -> str:
    """Say the rule behind a step, in a sentence; at a `point` also which units are dead."""
    network = rules.network
    if isinstance(tensor, tuple):
        return _backward(tensor[1], rules)
    if is_given(tensor):
        return "The sheet gives it."
    if tensor.endswith(NEW):
        return _updated(tensor.removesuffix(NEW), network)
    batch = (network.examples or 1) > 1
    if tensor == "L":
        over = f"; the {network.reduction} over the examples" if batch else ""
        return f"{losses.of(network.loss or 'output').words}{over}."
    l = layer_of(tensor, network)
    if tensor[0] == "z":
        start = "Every row is an example. " if batch and l == 1 else ""
        bias = ", plus the bias" if network.biases[l - 1] else ""
        if bias and batch:
            bias += ", which a column of ones gives to every example"
        return f"{start}Layer {l}: the weights times what comes in{bias}."
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
    if name == "L":
        return "The loss after the step."
    return "The same pass, with what there is after the step."


def _dead(l: int, network: Network, point: GraphPoint | None) -> str:
    """Which units of a layer are dead, where there are such and not too many to name."""
    if point is None or not facts_of(network.activations[l - 1]).dead:
        return ""
    try:
        z = point.node(f"z{l}")
        dead = [index for index in np.ndindex(z.shape) if z[index] <= 0]
    except Undecided:
        return ""
    if not dead or len(dead) > 12:
        return ""
    plural = len(dead) > 1
    if network.examples is None:
        units = ("units " if plural else "unit ") + _listed([str(i + 1) for (i,) in dead])
    else:
        units = _listed([f"unit {i + 1} of example {n + 1}" for n, i in dead])
    return f"; {units} {'are' if plural else 'is'} dead: z is not positive"


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _backward(name: str, rules: Rules) -> str:
    """What is to be said of the gradient by a node or parameter."""
    network = rules.network
    over = ", added up over the examples" if (network.examples or 1) > 1 else ""
    if name == "yhat":
        return "The derivative of the loss by the output."
    l = layer_of(name, network)
    if name[0] in "xh":
        start = f"a unit of layer {l}" if l else "an input"
        return f"Back through the weights of layer {l + 1}, over every path from {start}."
    if name[0] == "W":
        return f"To the weights of layer {l}: ∂L/∂z of the unit times what came in{over}."
    if name[0] == "b":
        units = ", added up over the units" if network.biases[l - 1] == "shared" else ""
        return f"To the bias of layer {l}: ∂L/∂z itself{units}{over}."
    activation = network.activations[l - 1]
    if activation == "identity":
        return f"Layer {l} has no activation: nothing to go through."
    together = ""
    if rules.cancels and l == network.depth:
        together = f"; {losses.of(network.loss).together}"
    return f"Through the activation of layer {l}: {facts_of(activation).slope_words}{together}."
