"""What parameters come in, and gradients go out: one pytree or another, with
the arrays of every layer."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple

from manual.activations import Array


class Layer(NamedTuple):
    """The parameters of a layer, or their gradient: W (O, I); b (O,), () for
    one shared bias, or None for no bias."""

    W: Array
    b: Array | None = None


# What parameters come in, and gradients go out: a list, tuple or NamedTuple with an entry for
# every layer, which is (W, b) or (W,), a Layer or another NamedTuple of these, {"W": W, "b": b},
# or a dataclass with these fields.
Params = Any


def layers_of(params: Any, name: str = "params") -> list[Layer]:
    """The layers in the order of the pass, of what they come in; see `Params`.
    TypeError where it is something else."""
    if isinstance(params, Mapping):
        raise TypeError(
            f"{name} has the keys {_keys(params)}, expected a list, one entry a layer: "
            'write [{"W": W1, "b": b1}, {"W": W2, "b": b2}]'
        )
    if not isinstance(params, list | tuple):
        raise TypeError(
            f"{name} is a {type(params).__name__}, expected a list of (W, b), one a layer"
        )
    return [
        layer if isinstance(layer, Layer) else _layer_of(f"layer {number} of {name}", layer)
        for number, layer in enumerate(params, 1)
    ]


def _layer_of(name: str, layer: Any) -> Layer:
    if is_dataclass(layer) and not isinstance(layer, type):
        layer = {field.name: getattr(layer, field.name) for field in fields(layer)}
    elif hasattr(layer, "_asdict") and set(layer._fields) == set("Wb"):
        layer = layer._asdict()
    if isinstance(layer, Mapping):
        if not {"W"} <= set(layer) <= {"W", "b"}:
            raise TypeError(
                f"{name} has the keys {_keys(layer)}, expected W and b: W is (units, inputs)"
            )
        return Layer(layer["W"], layer.get("b"))
    if isinstance(layer, tuple | list) and 1 <= len(layer) <= 2:
        return Layer(*layer)
    given = f"a {type(layer).__name__}"
    if isinstance(layer, tuple | list):
        given = f"{len(layer)} entries"
    raise TypeError(f"{name} is {given}, expected (W, b), or (W, None) for no bias")


def _keys(mapping: Mapping[Any, Any]) -> str:
    return ", ".join(map(str, mapping))


def like(params: Any, layers: Sequence[Layer]) -> Any:
    """Layers, most likely gradients, in the containers in which `params` came,
    so that both are the same pytree."""
    alike = [_like_layer(given, layer) for given, layer in zip(params, layers, strict=True)]
    if hasattr(params, "_fields"):
        return type(params)(*alike)
    return tuple(alike) if isinstance(params, tuple) else alike


def _like_layer(given: Any, layer: Layer) -> Any:
    if isinstance(given, Layer):
        return layer
    named = layer._asdict()
    if is_dataclass(given) and not isinstance(given, type):
        return replace(given, **{field.name: named[field.name] for field in fields(given)})
    if isinstance(given, Mapping):
        alike: Any = copy(given)
        alike.update({name: named[name] for name in given})
        return alike
    if hasattr(given, "_fields"):
        by_name = set(given._fields) == set("Wb")
        return type(given)(**named) if by_name else type(given)(*layer[: len(given)])
    entries = layer[: len(given)]
    return entries if isinstance(given, tuple) else list(entries)
