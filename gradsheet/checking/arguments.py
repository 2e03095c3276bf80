"""The arguments of a check, checked: every message says what was found, what is
expected and what to write."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradsheet.checking.asked import KINDS, by_name
from gradsheet.checking.probes import Data, each
from gradsheet.checking.returned import plain_array
from gradsheet.checking.rounding import BITS, float_type
from gradsheet.language.functions import ACTIVATIONS, facts_of
from gradsheet.network import losses
from gradsheet.network.network import Network
from manual import Layer
from manual.activations import Array, split
from manual.door import check_data, check_loss, check_params
from manual.layers import layers_of
from manual.losses import LOSSES

MAX_WEIGHTS = 2_000_000  # which take about a minute


def check_options(
    fn: Any, what: Any, dtype: Any, array: Any, at_zero: Any, inputs_first: Any
) -> None:
    """Whether what is not about the network is what it should be."""
    if not callable(fn):
        raise TypeError(
            f"fn is a {type(fn).__name__}, expected a function of (params, x, y): pass it, do not "
            "call it"
        )
    if not callable(array):
        raise TypeError(
            f"array is {array!r}, expected a function that makes fn's arrays: torch.tensor, "
            "jax.numpy.asarray"
        )
    if not isinstance(what, str) or what not in KINDS:
        raise ValueError(f"what is {what!r}, expected one of {', '.join(KINDS)}")
    if not isinstance(dtype, str) or dtype not in BITS:
        raise ValueError(f"dtype is {dtype!r}, expected one of {', '.join(BITS)}")
    if at_zero is not None and not isinstance(at_zero, int | float):
        raise TypeError(
            f"at_zero is {at_zero!r}, expected a number, what relu'(0) has to be, or None for any"
        )
    if inputs_first not in (None, True, False):
        raise TypeError(
            f"inputs_first is {inputs_first!r}, expected True for W as (inputs, units), False, or "
            "None"
        )


def network_of(
    widths: Sequence[int], activations: Any, loss: str, reduction: str, batch: int, biases: Any
) -> Network:
    """Describe the network that is meant; raises ValueError or TypeError where none is."""
    whole = isinstance(widths, Sequence) and all(
        isinstance(w, int | np.integer) and not isinstance(w, bool) and w > 0 for w in widths
    )
    if not whole or len(widths) < 2:
        raise ValueError(
            f"widths is {widths!r}, expected whole numbers above 0, inputs and units: write (4, "
            "5, 3, 2)"
        )
    if not isinstance(batch, int | np.integer) or batch < 1:
        raise ValueError(f"batch is {batch!r}, expected a number of examples, 1 or more")
    number = sum(inputs * units for inputs, units in itertools.pairwise(map(int, widths)))
    if number > MAX_WEIGHTS:
        raise ValueError(
            f"widths is {widths!r}, {number:,} weights, expected at most {MAX_WEIGHTS:,}: the "
            "same function goes through narrower layers as well"
        )
    depth = len(widths) - 1
    activations = _activations(activations, depth)
    kinds = tuple(biases) if isinstance(biases, list | tuple) else (biases,) * depth
    if len(kinds) != depth or any(kind not in ("units", "shared", None) for kind in kinds):
        raise ValueError(
            f"biases is {biases!r}, expected 'units', 'shared', None, or one of them for each layer"
        )
    layers = []
    for (inputs, units), kind in zip(itertools.pairwise(widths), kinds, strict=True):
        b = {"units": np.ones(units), "shared": np.ones(()), None: None}[kind]
        layers.append(Layer(np.ones((units, inputs)), b))
    if not isinstance(loss, str):
        raise ValueError(f"loss is {loss!r}, expected one of {', '.join(LOSSES)}")
    check_params(layers, activations)  # which raises, too
    y = None if loss == "output" else np.ones((1, widths[-1]))
    check_loss(loss, reduction, y, layers, rows=1)
    safe = sorted(_safe_in_front_of(loss))
    if split(activations[-1])[0] not in safe:
        raise ValueError(
            f"the loss {loss} takes logarithms of the outputs: end with {' or '.join(safe)}"
        )
    activations = tuple(map(_spelt_out, activations))
    return Network(tuple(map(int, widths)), kinds, activations, loss, reduction, int(batch))


def _safe_in_front_of(loss: str) -> list[str]:
    """The activations whose outputs all lie where the loss has a value."""
    low, high = losses.of(loss).domain
    return [n for n, f in ACTIVATIONS.items() if low <= f.between[0] and f.between[1] <= high]


def _activations(activations: Any, depth: int) -> Any:
    """The usual ones where none are given; their number is left to `check_params`."""
    if activations is None:
        return ("relu",) * (depth - 1) + ("identity",)
    given = activations if isinstance(activations, list | tuple) else ()
    for number, activation in enumerate(given, 1):
        if not _is_activation(activation):
            known = f"{', '.join(ACTIVATIONS)} or ('leaky_relu', slope)"
            raise ValueError(f"activation {number} is {activation!r}, expected one of {known}")
    return activations


def _is_activation(activation: Any) -> bool:
    match activation:
        case str() | [str()]:
            return True
        case [str(), slope]:
            return isinstance(slope, int | float | np.number) and bool(np.isfinite(slope))
    return False


def given_data(
    params: Any, x: Any, y: Any, activations: Any, loss: str, reduction: str
) -> tuple[Network, Data]:
    """Read the network and the data that the caller brings along."""
    if params is None or x is None:
        missing = "params" if params is None else "x"
        raise ValueError(f"{missing} is None, expected all of params, x and y for data of your own")

    def floats(array: Any) -> Array:
        return plain_array(array).astype(float)

    try:
        layers = list(each(layers_of(params), floats))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"params cannot be read as a list of (W, b), one a layer: {error}"
        ) from None
    layers = list(check_params(layers, _activations(activations, len(layers))))
    data_x = check_data("x", floats(x), layers)
    y = None if y is None else floats(y)
    data_y = check_loss(loss, reduction, y, layers, rows=len(data_x))
    rng = np.random.default_rng(0)
    # Small whole numbers, the same ones each time: another direction than the parameters.
    direction = each(layers, lambda a: rng.choice([-2.0, -1.0, 1.0, 2.0, 3.0], a.shape))
    data = Data(tuple(layers), data_x, data_y, direction)
    _expect_finite(data, "an entry that is not finite, expected numbers")
    widths = [layers[0].W.shape[1], *(len(layer.W) for layer in layers)]
    biases = [None if b is None else "units" if b.ndim else "shared" for _, b in layers]
    return network_of(widths, activations, loss, reduction, len(data_x), biases), data


def _expect_finite(data: Data, otherwise: str) -> None:
    for name, array in {"x": data.x, "y": data.y, **by_name(data.params)}.items():
        if array is not None and not np.isfinite(array).all():
            raise ValueError(f"{name} has {otherwise}")


def _spelt_out(activation: Any) -> Any:
    """An activation with its slope, where it has one."""
    name, parameters = split(activation)
    return (name, *(parameters or (0.01,))) if facts_of(name).parameters else name


def in_type(data: Data, dtype: str) -> Data:
    """Round the data to a type of floats: what is judged is what fn is given."""
    with np.errstate(over="ignore"):
        typed = data.converted(lambda array: array.astype(float_type(dtype)).astype(float))
    _expect_finite(typed, f"an entry that is infinite in {dtype}, expected numbers that it has")
    return typed
