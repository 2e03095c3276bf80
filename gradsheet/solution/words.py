"""What a tutor says at each step, in a sentence."""

from collections.abc import Sequence

from gradsheet.network import NEW, Network
from gradsheet.point import Point
from gradsheet.real import Undecided
from gradsheet.steps import Tensor
from manual.activations import split

_LOSS = {
    "half_squared_error": "Half the square of how far the output is off the target",
    "squared_error": "The square of how far the output is off the target",
    "mean_squared_error": "The square of how far the output is off the target, the mean over the outputs",
    "binary_cross_entropy": "The binary cross-entropy, with the natural logarithm",
    "cross_entropy": "The cross-entropy, with the natural logarithm",
    "output": "The loss is the output itself",
}
_SLOPE = {
    "relu": "the slope is 1 for live units and 0 for dead ones",
    "leaky_relu": "the slope is 1 for live units, and theirs for the others",
    "sigmoid": "the slope of the sigmoid is h(1 − h)",
    "tanh": "the slope of tanh is 1 − h²",
    "softplus": "the slope of softplus is the sigmoid of z",
    "softmax": "every output of a softmax depends on every z",
}


def why(tensor: Tensor, network: Network, point: Point | None = None) -> str:
    """The rule behind a step."""
    name = tensor if isinstance(tensor, str) else tensor[1]
    if isinstance(tensor, tuple):
        return _backward(name, network)
    if name.endswith(NEW):
        kept = name[0] == "b" and network.update == "weights"
        what = {"W": "One step downhill", "b": "The bias is kept" if kept else "One step downhill"}
        return what.get(name[0], "The same pass with the new parameters") + "."
    if name == "L":
        words = _LOSS[network.loss or "output"]
        if (network.examples or 1) > 1:
            words += f"; over the {network.examples} examples the {network.reduction}"
        return words + "."
    l = network.depth if name == "yhat" else int(name[1:])
    if name[0] == "z":
        return f"Layer {l}: the weights times what comes in" + ", plus the bias" * bool(network.biases[l - 1]) + "."
    activation = split(network.activations[l - 1])[0].replace("_", " ")
    if activation == "identity":
        return f"Layer {l} has no activation."
    return f"Through {activation}" + _dead(l, network, point) + "."


def _dead(l: int, network: Network, point: Point | None) -> str:
    if point is None or split(network.activations[l - 1])[0] != "relu":
        return ""
    try:
        z = point.node(f"z{l}")
        dead = [index for index in _places(z.shape) if z[index] <= 0]
    except Undecided:
        return ""
    if not dead or len(dead) > 12:
        return ""
    return f"; {_units(dead, network)} {'is' if len(dead) == 1 else 'are'} dead, z is not positive"


def _units(places: Sequence[tuple[int, ...]], network: Network) -> str:
    if network.examples is None:
        return f"unit{'s' * (len(places) > 1)} " + _listed([str(i + 1) for (i,) in places])
    return _listed([f"unit {i + 1} of example {n + 1}" for n, i in places])


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    import numpy as np

    return list(np.ndindex(shape))


def _backward(name: str, network: Network) -> str:
    over = ", added up over the examples" * ((network.examples or 1) > 1)
    if name == "yhat":
        return "The loss by the output."
    l = 0 if name == "x" else int(name[1:])
    if name[0] in "xh":
        start = f"a unit of layer {l}" if l else "an input"
        return f"Back through W of layer {l + 1}: every path from {start}."
    if name[0] == "W":
        return f"To the weights of layer {l}: ∂L/∂z of the unit times what came in{over}."
    if name[0] == "b":
        shared = network.biases[l - 1] == "shared"
        return f"To the bias of layer {l}: ∂L/∂z itself{', added up over the units' * shared}{over}."
    activation = split(network.activations[l - 1])[0]
    if activation == "identity":
        return f"Layer {l} has no activation: nothing to go through."
    return f"Through the activation of layer {l}: {_SLOPE[activation]}."
