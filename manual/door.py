"""Everything that comes in is checked here, once: inside, shapes and types fit
and nothing broadcasts by accident."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from manual.activations import ACTIVATIONS, Activations, Array, split
from manual.layers import Layer, Params, layers_of
from manual.losses import LOSSES, REDUCTIONS, near_name
from manual.shapes import are_arrays


def check_names(activations: Any, layers: int) -> None:
    """Whether every layer has an activation that is known; TypeError or
    ValueError says what to write where not."""
    if not isinstance(activations, tuple | list) or len(activations) != layers:
        raise ValueError(
            f"activations is {activations!r}, expected one name for each of the {layers} layers: "
            f"write {('relu',) * (layers - 1) + ('identity',)!r}, for example"
        )
    for number, activation in enumerate(activations, 1):
        if isinstance(activation, str) and activation in ACTIVATIONS:
            continue
        parts = activation if isinstance(activation, tuple | list) and activation else [activation]
        name, *parameters = parts
        expected = f"expected one of {', '.join(ACTIVATIONS)} or ('leaky_relu', slope)"
        if callable(name):
            called = getattr(name, "__name__", type(name).__name__)
            write = "a name says whose derivative it is"
            if called.lower() in ACTIVATIONS:
                write = f'write "{called.lower()}"'
            raise TypeError(f"activation {number} is the function {called}, {expected}: {write}")
        is_known = isinstance(name, str) and name in ACTIVATIONS
        is_number = all(hasattr(parameter, "__neg__") for parameter in parameters)
        if not is_known or not is_number or len(parameters) > ACTIVATIONS[name].parameters:
            write = "" if is_number else ": a slope is a number"
            raise ValueError(f"activation {number} is {activation!r}, {expected}{write}")


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
        array = np.asarray(value, object if dtype.hasobject else None)
        if array.dtype.kind not in "biufO":
            raise TypeError(f"found {array.dtype}, expected real numbers")
        array = array.astype(dtype, copy=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} cannot be read as an array of {dtype}: {error}") from None
    return np.asarray(np.frompyfunc(_exact, 1, 1)(array), object) if dtype.hasobject else array


def _check_exact(name: str, rational: bool, W: Array) -> None:
    if not rational and W.dtype.hasobject and isinstance(W.flat[0], Fraction):
        exact = ", ".join(known for known, record in ACTIVATIONS.items() if record.rational)
        raise TypeError(f"{name} has no exact value on Fractions: use float64, or one of {exact}")


def check_params(params: Params, activations: Activations) -> tuple[Layer, ...]:
    """The parameters as a tuple of Layer of one number type; ValueError or
    TypeError where something does not fit."""
    params = layers_of(params)
    if not params:
        raise ValueError("params is empty, expected at least one Layer(W, b)")
    check_names(activations, len(params))
    dtype = np.asarray(params[0].W).dtype
    if dtype.name not in ("float32", "float64", "object"):
        raise TypeError(
            f"W1 has dtype {dtype}, expected float32, float64 or object (Fractions): write "
            "W1.astype(float)"
        )
    checked: list[Layer] = []
    before = None  # how many units the layer before has
    for number, (pair, activation) in enumerate(zip(params, activations, strict=True), 1):
        layer = _check_layer(number, pair.W, pair.b, dtype)
        units, inputs = layer.W.shape
        if before not in (None, inputs):
            raise ValueError(
                f"W{number} has shape {layer.W.shape}, expected {(units, before)}: layer "
                f"{number - 1} has {before} units, and W is (units, inputs); if yours is (inputs, "
                "units), write W.T"
            )
        before, name = units, split(activation)[0]
        _check_exact(name, ACTIVATIONS[name].rational, layer.W)
        checked.append(layer)
    return tuple(checked)


def _check_layer(number: int, W: Any, b: Any, dtype: np.dtype[Any]) -> Layer:
    W = _parameter(f"W{number}", W, dtype)
    if W.ndim != 2 or 0 in W.shape:
        raise ValueError(
            f"W{number} has shape {W.shape}, expected (units, inputs), neither of them 0"
        )
    if b is None:
        return Layer(W)
    b = _parameter(f"b{number}", b, dtype)
    if b.shape == (W.shape[1],) != (W.shape[0],):
        raise ValueError(
            f"W{number} has shape {W.shape}, expected {len(b)} rows, as b{number} has {len(b)} "
            f"entries: W is (units, inputs); if yours is (inputs, units), write W{number}.T"
        )
    if b.shape not in ((W.shape[0],), ()):
        raise ValueError(
            f"b{number} has shape {b.shape}, expected {(W.shape[0],)}, one bias a unit; "
            "or write a number for one shared bias, None for no bias"
        )
    return Layer(W, b)


def _parameter(name: str, value: Any, dtype: np.dtype[Any]) -> Array:
    if (given := np.asarray(value).dtype) != dtype:
        raise TypeError(
            f"{name} has dtype {given}, expected that of W1, {dtype}: write {name}.astype({dtype})"
        )
    return _typed(name, value, dtype)


def check_direction(
    direction: Params, params: Sequence[Layer], activations: Activations
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
            if (given := _kind(rate)) != (expected := _kind(parameter)):
                raise ValueError(
                    f"direction has for {name}{number} {given}, expected {expected}: it is like "
                    "the parameters"
                )
    return check_params(direction, activations)


def _kind(value: Any) -> str:
    array = np.asarray(value)
    return "None" if value is None else f"shape {array.shape} and dtype {array.dtype}"


def check_data(name: str, data: Any, params: Sequence[Layer], *, rows: int | None = None) -> Array:
    """x (N, I), or with `rows` what belongs to the outputs, (rows, O), in the
    parameters' number type."""
    W = params[0].W if rows is None else params[-1].W
    width = W.shape[1] if rows is None else W.shape[0]
    array = _typed(name, data, W.dtype)
    if array.ndim == 2 and len(array) and array.shape == (rows or len(array), width):
        return array
    hint = ""
    if array.shape == (width,):
        hint = f": for one example write {name}[None, :]"
    elif array.ndim == 1 and width > 1 and name == "y":
        hint = f": for class labels write np.eye({width})[y]"
    elif array.ndim == 1:
        hint = f": for one number an example write {name}[:, None]"
    elif array.ndim == 2 and not len(array):
        hint = ": N is 1 or more"
    elif array.ndim == 2 and array.shape[1] == width:
        hint = f": x has {rows} rows, {name} has {len(array)}"
    elif array.ndim == 2 and array.T.shape == (rows or array.shape[1], width):
        hint = f": a batch is rows, write {name}.T"
    raise ValueError(
        f"{name} has shape {array.shape}, expected ({rows or 'N'}, {width}), one example a "
        f"row{hint}"
    )


def check_loss(
    loss: str, reduction: str, y: Any, params: Sequence[Layer], *, rows: int
) -> Array | None:
    """The targets y (rows, O) that go with the loss; None where the loss is "output"."""
    if loss not in LOSSES:
        raise ValueError(f"loss is {loss!r}, expected one of {', '.join(LOSSES)}{near_name(loss)}")
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, expected one of {', '.join(REDUCTIONS)}")
    _check_exact(loss, LOSSES[loss].rational, params[0].W)
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


def fit_dout(dout: Any, shape: tuple[int, ...]) -> None:
    """Whether the gradient by what a family gave is of its shape; ValueError where
    not, and TypeError where it is no array, nor a number where out is one."""
    if shape:
        are_arrays(dout=dout)
    if (given := tuple(getattr(dout, "shape", ()))) != tuple(shape):
        raise ValueError(f"dout has the shape {given}, expected {tuple(shape)}, as out has it")
