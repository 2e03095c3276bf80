"""Everything that comes in is checked here, once: inside, shapes and types fit
and nothing broadcasts by accident."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from manual.activations import ACTIVATIONS, Activation, Array, split
from manual.layers import Layer, Params, layers_of
from manual.losses import LOSSES, REDUCTIONS


def check_names(activations: Any, layers: int, known: Sequence[str]) -> None:
    """Whether there is an activation for every layer, by one of the known
    names; says what to write where not."""
    if not isinstance(activations, tuple | list) or len(activations) != layers:
        raise ValueError(
            f"activations is {activations!r}, expected one name for each of the {layers} layers: "
            f"write {('relu',) * (layers - 1) + ('identity',)!r}, for example"
        )
    for number, activation in enumerate(activations, 1):
        if isinstance(activation, str) and activation in known:
            continue
        expected = f"expected one of {', '.join(known)} or ('leaky_relu', slope)"
        function = (
            activation[0] if isinstance(activation, tuple | list) and activation else activation
        )
        if callable(function):
            name = getattr(function, "__name__", type(function).__name__)
            write = (
                f'write "{name.lower()}"'
                if name.lower() in known
                else "a name says whose derivative it is"
            )
            raise TypeError(f"activation {number} is the function {name}, {expected}: {write}")
        name, parameters = _parts(activation)
        if name not in known or len(parameters) > ACTIVATIONS[name].parameters:
            raise ValueError(f"activation {number} is {activation!r}, {expected}")


def _parts(activation: Any) -> tuple[Any, Sequence[Any]]:
    if isinstance(activation, tuple | list) and activation and isinstance(activation[0], str):
        return activation[0], activation[1:]
    return (activation if isinstance(activation, str) else None), ()


def _exact(value: Any) -> Any:
    """A whole number as a Fraction: an int would turn a division into a float,
    and so would a float among them."""
    if isinstance(value, float | np.floating):
        raise TypeError(
            f"found the float {value} among exact numbers, expected Fractions: write "
            f"Fraction({str(value)!r})"
        )
    return Fraction(int(value)) if isinstance(value, int | np.integer) else value


def _typed(name: str, value: Any, dtype: np.dtype[Any]) -> Array:
    """`value` as an array of the parameters' number type; whole numbers among
    objects become Fractions."""
    try:
        found = np.asarray(value, object if dtype.hasobject else None)
        if found.dtype.kind not in "biufO":
            raise TypeError(f"found {found.dtype}, expected real numbers")
        array = found.astype(dtype, copy=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} cannot be read as an array of {dtype}: {error}") from None
    return np.asarray(np.frompyfunc(_exact, 1, 1)(array), object) if dtype.hasobject else array


def _number_type(W: Any) -> np.dtype[Any]:
    dtype = np.asarray(W).dtype
    if dtype.name not in ("float32", "float64", "object"):
        raise TypeError(
            f"W1 has dtype {dtype}, expected float32, float64 or object (Fractions): write "
            "W1.astype(float)"
        )
    return dtype


def _irrational(what: str, dtype: np.dtype[Any], sample: Array) -> None:
    if dtype.hasobject and isinstance(sample.flat[0], Fraction):
        exact = ", ".join(name for name, record in ACTIVATIONS.items() if record.rational)
        raise TypeError(f"{what} has no exact value on Fractions: use float64, or one of {exact}")


def check_params(params: Params, activations: Sequence[Activation]) -> tuple[Layer, ...]:
    """The parameters as a tuple of Layer of one number type; ValueError or
    TypeError where something does not fit."""
    params = layers_of(params)
    if not params:
        raise ValueError("params is empty, expected at least one Layer(W, b)")
    check_names(activations, len(params), tuple(ACTIVATIONS))
    dtype = _number_type(params[0][0])
    checked: list[Layer] = []
    for number, (pair, activation) in enumerate(zip(params, activations, strict=True), 1):
        layer = _check_layer(number, pair.W, pair.b, dtype)
        if checked and layer.W.shape[1] != checked[-1].W.shape[0]:
            raise ValueError(
                f"W{number} has shape {layer.W.shape}, expected "
                f"{(layer.W.shape[0], checked[-1].W.shape[0])}: "
                f"layer {number - 1} has {checked[-1].W.shape[0]} units, and W is (units, inputs); "
                "if yours is (inputs, units), write W.T"
            )
        if not ACTIVATIONS[name := split(activation)[0]].rational:
            _irrational(name, dtype, layer.W)
        checked.append(layer)
    return tuple(checked)


def _check_layer(number: int, W: Any, b: Any, dtype: np.dtype[Any]) -> Layer:
    if np.asarray(W).dtype != dtype:
        raise TypeError(
            f"W{number} has dtype {np.asarray(W).dtype}, expected that of W1, {dtype}: write "
            f"W{number}.astype({dtype})"
        )
    W = _typed(f"W{number}", W, dtype)
    if W.ndim != 2 or 0 in W.shape:
        raise ValueError(
            f"W{number} has shape {W.shape}, expected (units, inputs), neither of them 0"
        )
    if b is None:
        return Layer(W)
    if np.asarray(b).dtype != dtype:
        raise TypeError(
            f"b{number} has dtype {np.asarray(b).dtype}, expected that of W1, {dtype}: write "
            f"b{number}.astype({dtype})"
        )
    b = _typed(f"b{number}", b, dtype)
    if b.shape not in ((W.shape[0],), ()):
        raise ValueError(
            f"b{number} has shape {b.shape}, expected {(W.shape[0],)}, one bias a unit; "
            "or write a number for one shared bias, None for no bias"
        )
    return Layer(W, b)


def check_direction(
    direction: Params, params: Sequence[Layer], activations: Sequence[Activation]
) -> tuple[Layer, ...]:
    """A direction to move the parameters in: a tuple of Layer of their shapes
    and their number type."""
    direction = layers_of(direction, "direction")
    if len(direction) != len(params):
        raise ValueError(
            f"direction has {len(direction)} layers, expected {len(params)}, one for each of params"
        )
    for number, (mine, theirs) in enumerate(zip(direction, params, strict=True), 1):
        for name, rate, parameter in zip("Wb", mine, theirs, strict=True):
            found = None if rate is None else (np.shape(rate), np.asarray(rate).dtype)
            expected = None if parameter is None else (parameter.shape, parameter.dtype)
            if found != expected:
                words = [
                    "None" if pair is None else f"shape {pair[0]} and dtype {pair[1]}"
                    for pair in (found, expected)
                ]
                raise ValueError(
                    f"direction has for {name}{number} {words[0]}, expected {words[1]}: it is "
                    "like the parameters"
                )
    return check_params(direction, activations)


def check_data(name: str, data: Any, params: Sequence[Layer], *, rows: int | None = None) -> Array:
    """x (N, I), or with `rows` what belongs to the outputs, (rows, O), in the
    parameters' number type."""
    W = params[0].W if rows is None else params[-1].W
    width = W.shape[1] if rows is None else W.shape[0]
    array = _typed(name, data, W.dtype)
    if (
        array.ndim != 2
        or array.shape[1] != width
        or len(array) != (rows or len(array))
        or not len(array)
    ):
        expected = f"({'N' if rows is None else rows}, {width})"
        hint = ""
        if array.shape == (width,):
            hint = f": for one example write {name}[None, :]"
        elif array.ndim == 1:
            labels = (
                f"class labels write np.eye({width})[{name}]" if width > 1 and name == "y" else ""
            )
            hint = f": for {labels or f'one number an example write {name}[:, None]'}"
        elif array.ndim == 2 and array.T.shape == (rows or array.shape[1], width):
            hint = f": a batch is rows, write {name}.T"
        raise ValueError(
            f"{name} has shape {array.shape}, expected {expected}, one example a row{hint}"
        )
    return array


def check_loss(
    loss: str, reduction: str, y: Any, params: Sequence[Layer], *, rows: int
) -> Array | None:
    """The targets y (rows, O) that go with the loss; None where the loss is "output"."""
    if loss not in LOSSES:
        raise ValueError(f"loss is {loss!r}, expected one of {', '.join(LOSSES)}")
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, expected one of {', '.join(REDUCTIONS)}")
    if not LOSSES[loss].rational:
        _irrational(loss, params[0].W.dtype, params[0].W)
    if loss == "output":
        if (units := params[-1].W.shape[0]) != 1:
            raise ValueError(
                f'the loss "output" needs a single output, the last layer has {units} units'
            )
        if y is not None:
            raise ValueError('y is given, expected None: the loss "output" has no target')
        return None
    if y is None:
        raise ValueError(
            f"y is None, expected the targets of the loss {loss}, of shape ({rows}, "
            f"{params[-1].W.shape[0]})"
        )
    return check_data("y", y, params, rows=rows)
