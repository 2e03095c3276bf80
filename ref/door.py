"""Everything that comes in is checked here, once, on shapes alone: so it works
under `jit` and costs nothing there."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ref.activations import ACTIVATIONS, Activation, parameters_of
from ref.layers import Layer, Params, layers_of
from ref.losses import LOSSES, REDUCTIONS


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
        if name not in known or len(parameters) > parameters_of(name):
            raise ValueError(f"activation {number} is {activation!r}, {expected}")


def _parts(activation: Any) -> tuple[Any, Sequence[Any]]:
    if isinstance(activation, tuple | list) and activation and isinstance(activation[0], str):
        return activation[0], activation[1:]
    return (activation if isinstance(activation, str) else None), ()


def _expect(name: str, array: jax.Array, *shapes: tuple[int, ...], write: str) -> None:
    if array.shape not in shapes:
        raise ValueError(
            f"{name} has shape {array.shape}, expected {' or '.join(map(str, shapes))}: {write}"
        )


def check_network(
    params: Params, x: Any, activations: Sequence[Activation]
) -> tuple[tuple[Layer, ...], jax.Array]:
    """The parameters as a tuple of Layer and x as an array (N, I); ValueError
    where a shape or a name does not fit."""
    layers = check_params(params, activations)
    return layers, check_x(x, layers[0].W.shape[1], layers[0].W.dtype)


def check_x(x: Any, inputs: int, dtype: Any) -> jax.Array:
    """The data as an array (N, I) of the parameters' number type."""
    data = jnp.asarray(x)
    if data.ndim != 2 or not len(data):
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


def check_params(params: Params, activations: Sequence[Activation]) -> tuple[Layer, ...]:
    """The parameters as a tuple of Layer; ValueError where a shape, a number
    type or a name does not fit."""
    layers = tuple(
        Layer(jnp.asarray(W), None if b is None else jnp.asarray(b)) for W, b in layers_of(params)
    )
    if not layers:
        raise ValueError("params is empty, expected at least one Layer(W, b)")
    check_names(activations, len(layers), tuple(ACTIVATIONS))
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
            _expect(
                f"b{l}",
                b,
                (W.shape[0],),
                (),
                write="one bias a unit, () for one shared bias, or None for no bias",
            )
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
            found = None if rate is None else jnp.asarray(rate).shape
            expected = None if parameter is None else parameter.shape
            if found != expected:
                raise ValueError(
                    f"direction has for {name}{l} {found}, expected {expected}: it is like the "
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
    if loss not in LOSSES or reduction not in REDUCTIONS:
        raise ValueError(
            f"found loss {loss!r} and reduction {reduction!r}, expected one of "
            f"{', '.join(LOSSES)} and mean or sum"
        )
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
    _expect(
        "y",
        targets,
        (examples, outputs),
        write="one row an example, one column an output; "
        + (
            f"np.eye({outputs})[y] makes rows of class labels"
            if outputs > 1
            else "y[:, None] makes a column of a vector"
        ),
    )
    return targets
