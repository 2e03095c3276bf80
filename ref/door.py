"""Everything that comes in is checked here, once, on shapes alone: so it works
under `jit` and costs nothing there."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ref.activations import ACTIVATIONS, Activations, parameters_of
from ref.layers import Layer, Params, layers_of
from ref.losses import LOSSES, REDUCTIONS, near_name


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
        if not is_known or not is_number or len(parameters) > parameters_of(name):
            write = "" if is_number else ": a slope is a number"
            raise ValueError(f"activation {number} is {activation!r}, {expected}{write}")


def _expect(name: str, array: jax.Array, *shapes: tuple[int, ...], write: str) -> None:
    if array.shape not in shapes:
        raise ValueError(
            f"{name} has shape {array.shape}, expected {' or '.join(map(str, shapes))}: {write}"
        )


def check_network(
    params: Params, x: Any, activations: Activations
) -> tuple[tuple[Layer, ...], jax.Array]:
    """The parameters as a tuple of Layer and x as an array (N, I); ValueError
    where a shape or a name does not fit."""
    layers = check_params(params, activations)
    return layers, check_x(x, layers[0].W.shape[1], layers[0].W.dtype)


def check_x(x: Any, inputs: int, dtype: Any) -> jax.Array:
    """The data as an array (N, I) of the parameters' number type."""
    data = jnp.asarray(x)
    if data.ndim == 2 and not len(data):
        raise ValueError(f"x has shape {data.shape}, expected (N, {inputs}): N is 1 or more")
    if data.ndim != 2:
        raise ValueError(
            f"x has shape {data.shape}, expected (N, {inputs}), one example a row: for one "
            "example write x[None, :]"
        )
    if data.shape[1] != inputs:
        raise ValueError(
            f"x has shape {data.shape}, expected (N, {inputs}): layer 1 takes {inputs} numbers, "
            "W1 is (units, inputs)"
        )
    return data.astype(dtype)


def check_params(params: Params, activations: Activations) -> tuple[Layer, ...]:
    """The parameters as a tuple of Layer; ValueError where a shape, a number
    type or a name does not fit."""
    layers = tuple(
        Layer(jnp.asarray(W), None if b is None else jnp.asarray(b)) for W, b in layers_of(params)
    )
    if not layers:
        raise ValueError("params is empty, expected at least one Layer(W, b)")
    check_names(activations, len(layers))
    inputs = 0
    for l, (W, b) in enumerate(layers, 1):
        if W.ndim != 2 or 0 in W.shape:
            raise ValueError(
                f"W{l} has shape {W.shape}, expected (units, inputs), neither of them 0"
            )
        if l > 1:
            write = f"{inputs} numbers come into layer {l}, and W is (units, inputs), not W.T"
            _expect(f"W{l}", W, (W.shape[0], inputs), write=write)
        if b is not None:
            if b.shape == (W.shape[1],) != (W.shape[0],):
                write = f"W is (units, inputs); if yours is (inputs, units), write W{l}.T"
                raise ValueError(
                    f"W{l} has shape {W.shape}, expected {len(b)} rows, as b{l} has {len(b)} "
                    f"entries: {write}"
                )
            write = "one bias a unit, () for one shared bias, or None for no bias"
            _expect(f"b{l}", b, (W.shape[0],), (), write=write)
        if not jnp.issubdtype(W.dtype, jnp.floating):
            raise ValueError(
                f"W{l} has dtype {W.dtype}, expected a floating one: write W{l}.astype(float)"
            )
        inputs = W.shape[0]
    return layers


def check_direction(direction: Params, params: Sequence[Layer]) -> tuple[Layer, ...]:
    """A direction to move the parameters in: a tuple of Layer of their shapes and number type."""
    pairs = layers_of(direction, "direction")
    if len(pairs) != len(params):
        raise ValueError(
            f"direction has {len(pairs)} layers, expected {len(params)}, one for each of params"
        )
    for l, (mine, theirs) in enumerate(zip(pairs, params, strict=True), 1):
        for name, rate, parameter in zip("Wb", mine, theirs, strict=True):
            given, expected = (a if a is None else jnp.asarray(a).shape for a in (rate, parameter))
            if given != expected:
                raise ValueError(
                    f"direction has for {name}{l} {given}, expected {expected}: it is like the "
                    "parameters"
                )
    typed = [
        [None if a is None else jnp.asarray(a, parameters.W.dtype) for a in layer]
        for layer, parameters in zip(pairs, params, strict=True)
    ]
    return tuple(Layer(*layer) for layer in typed)  # type: ignore[arg-type]


def check_loss(
    loss: str, reduction: str, y: Any, params: Sequence[Layer], examples: int
) -> jax.Array | None:
    """The targets y (N, O) that go with the loss; None where the loss is "output"."""
    if loss not in LOSSES:
        raise ValueError(f"loss is {loss!r}, expected one of {', '.join(LOSSES)}{near_name(loss)}")
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, expected one of {', '.join(REDUCTIONS)}")
    outputs = len(params[-1].W)
    if loss == "output":
        if y is not None or outputs != 1:
            raise ValueError(
                f'the loss "output" takes one output and no y, found {outputs} and y '
                f"{'None' if y is None else 'given'}"
            )
        return None
    if y is None:
        raise ValueError(
            f"y is None, expected the targets of the loss {loss}, of shape {(examples, outputs)}"
        )
    targets = jnp.asarray(y, params[-1].W.dtype)
    hint = "y[:, None] makes a column of a vector"
    if outputs > 1:
        hint = f"np.eye({outputs})[y] makes rows of class labels"
    write = f"one row an example, one column an output; {hint}"
    if targets.ndim == 2 and targets.shape[1] == outputs:
        write = f"x has {examples} rows, y has {len(targets)}"
    _expect("y", targets, (examples, outputs), write=write)
    return targets
