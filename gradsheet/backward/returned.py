"""What a function gave back, read as it comes: lists, tuples, dicts, flat vectors, any library's arrays, either layout.

Whatever has to be guessed is guessed from names and shapes, and said. `Returned.assumed` has the sentences.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Number
from typing import Any

import numpy as np

from manual.activations import Array

Shape = tuple[int, ...]
Path = tuple[Any, ...]

_LOSS = re.compile(r"(?i)^(l|loss|losses|value|cost|objective)$")
_WEIGHT = re.compile(
    r"(?i)(^|[^a-z])(d|g|grad_?|d_|dl_?d|dl/d|nabla_?)?(w|weights?|kernels?|coefs?|theta)_?(?=\d|$|[^a-z])"
)
_BIAS = re.compile(r"(?i)(^|[^a-z])(d|g|grad_?|d_|dl_?d|dl/d|nabla_?)?(b|bias|biases|intercepts?)_?(?=\d|$|[^a-z])")


class NotUnderstood(ValueError):
    """What was found, what is expected, what to write."""


@dataclass
class Returned:
    """Arrays by name, "L", "W1", "b1", ..., copied; `types` are the types they came in; `faults` what is wrong."""

    arrays: dict[str, Array] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    transposed: bool = False
    originals: list[Any] = field(default_factory=list)

    def transpose(self) -> None:
        """Take every dW as (inputs, units)."""
        self.transposed = True
        self.assumed.append("dW as (inputs, units)")
        for name, array in self.arrays.items():
            if name[0] == "W":
                self.arrays[name] = np.swapaxes(array, -1, -2)


def plain_array(value: Any) -> Array:
    """A NumPy array of what any library calls an array; a view of it where there can be one."""
    if hasattr(value, "detach"):  # torch
        value = value.detach()
        value = value.cpu() if hasattr(value, "cpu") else value
        if "bfloat16" in str(value.dtype):
            value = value.float()
    elif hasattr(value, "get") and hasattr(value, "device") and not isinstance(value, Mapping):  # CuPy
        value = value.get()
    return np.asarray(value)


def type_name(value: Any) -> str:
    """The number type that a library gives its array: "float32", also where NumPy has none like it."""
    dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
    return str(dtype).rpartition(".")[2]


def _is_numbers(value: Any) -> bool:
    """Whether a list has nothing but Python's numbers in it, at any depth: then it stands for an array."""
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return len(value) > 0 and all(map(_is_numbers, value))
    return isinstance(value, Number)


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The arrays in nested lists, tuples and dicts, each with the keys that lead to it; None is nothing."""
    if value is None:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif hasattr(value, "_asdict"):
        yield from _leaves(value._asdict(), path)
    elif isinstance(value, list | tuple) and not (isinstance(value, list) and _is_numbers(value)):
        for key, inner in enumerate(value):
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, Iterable) and not hasattr(value, "shape") and not isinstance(value, list | str | bytes):
        yield from _leaves(list(value), path)
    elif hasattr(value, "W") and not hasattr(value, "shape"):
        yield from _leaves({"W": value.W, "b": getattr(value, "b", None)}, path)
    else:
        yield path, value


@dataclass
class _Leaf:
    path: Path
    original: Any
    array: Array
    type: str


def _read_leaf(path: Path, value: Any) -> _Leaf:
    where = "".join(f"[{key!r}]" for key in path) or "what it returned"
    try:
        array = plain_array(value)
    except Exception as error:  # a library's own way to say no
        raise NotUnderstood(f"{where} is a {type(value).__name__}, expected an array: {error}") from None
    name = type_name(value)
    if array.dtype.hasobject or array.dtype.kind not in "biufcV":
        try:
            array, name = array.astype(float), "float64"
        except (TypeError, ValueError):
            raise NotUnderstood(f"{where} is {_short(value)}, expected an array of numbers") from None
    if array.dtype.kind == "V":  # bfloat16 and its like, as JAX hands them out
        array = array.astype("float32")
    return _Leaf(path, value, array, name)


def _short(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:37] + '...'}"


class Reader:
    """Reads what a function returns for a network: `shapes` are those expected, "W1", "b1", ..., without "L".

    `lead` are the axes in front of a parameter's own; `loss` is the shape of the value that may come along, None
    where none may. `structure` is said in messages: what to return.
    """

    def __init__(self, shapes: Mapping[str, Shape], lead: Shape = (), loss: Shape | None = ()):
        self.shapes, self.lead, self.loss = dict(shapes), lead, loss
        self.weights = [name for name in shapes if name[0] == "W"]
        self.biases = [name for name in shapes if name[0] == "b"]

    @property
    def expected(self) -> str:
        pairs = [f"({', '.join(str(self.shapes[n]) for n in group)})" for group in self._layers()]
        return f"a list of (dW, db), of the shapes [{', '.join(pairs)}]"

    def _layers(self) -> list[list[str]]:
        return [[name, *(b for b in self.biases if b[1:] == name[1:])] for name in self.weights]

    def read(self, value: Any) -> Returned:
        """Raises NotUnderstood where it is nothing like gradients."""
        if value is None:
            raise NotUnderstood(f"it returned None, expected {self.expected}: is a return missing?")
        leaves = [_read_leaf(path, leaf) for path, leaf in _leaves(value)]
        found = Returned(originals=[leaf.original for leaf in leaves])
        named = self._by_name(leaves)
        if named is not None:
            found.assumed.append(self._names_in_words(named))
        else:
            named = self._by_place(leaves, found)
        self._take(named, found)
        return found

    # Who is who

    @staticmethod
    def _names_in_words(named: Mapping[str, _Leaf]) -> str:
        """The keys by which arrays were found."""
        keys = [".".join(key for key in leaf.path if isinstance(key, str)) for leaf in named.values()]
        loss = "(loss, gradients); " if keys and not keys[0] else ""
        distinct = list(dict.fromkeys(key for key in keys if key))
        listed = any(isinstance(key, int) for leaf in list(named.values())[-1:] for key in leaf.path)
        return f"{loss}{'a list with ' if listed else ''}{', '.join(distinct)} by name"

    def _by_name(self, leaves: Sequence[_Leaf]) -> dict[str, _Leaf] | None:
        """By what the keys say; None where they do not say it of all."""
        found: dict[tuple[str, int], _Leaf] = {}
        loss = None
        for leaf in leaves:
            words = [key for key in leaf.path if isinstance(key, str)]
            if words and _LOSS.match(words[-1]) and leaf.array.shape == self.loss:
                loss = leaf
                continue
            if not words and leaf.array.shape == self.loss and len(leaf.path) == 1 and loss is None:
                loss = leaf  # (loss, {...})
                continue
            letter = next((c for c, p in (("W", _WEIGHT), ("b", _BIAS)) if words and p.search(words[-1])), None)
            numbers = [int(n) for word in words for n in re.findall(r"\d+", word)]
            numbers += [key for key in leaf.path if isinstance(key, int)][-1:] if not numbers else []
            if letter is None or not words:
                return None
            if not numbers:
                if len(self.weights) > 1:
                    return None
                numbers = [1]
            if (letter, numbers[-1]) in found:
                return None
            found[letter, numbers[-1]] = leaf
        order = sorted({number for letter, number in found if letter == "W"})
        if len(order) != len(self.weights) or {n for c, n in found if c == "b"} - set(order):
            return None
        numbered = {number: k for k, number in enumerate(order, 1)}
        named = {f"{letter}{numbered[number]}": leaf for (letter, number), leaf in found.items()}
        if not set(named) >= set(self.shapes):
            missing = sorted(set(self.shapes) - set(named))
            raise NotUnderstood(f"it returned nothing for {', '.join(missing)}, expected {self.expected}")
        named = {name: named[name] for name in self.shapes}
        return named if loss is None else {"L": loss, **named}

    def _orders(self) -> Iterator[tuple[str, list[str]]]:
        """The ways in which arrays may follow each other, the likely ones first, each with its words."""
        layers = self._layers()
        yield "a list of (dW, db)" if self.biases else "a list of dW", [n for group in layers for n in group]
        if self.biases and len(layers) > 1:
            yield "all dW, then all db", [*self.weights, *self.biases]
        if len(layers) > 1:
            yield "a list of (dW, db), the last layer first", [n for group in layers[::-1] for n in group]
            if self.biases:
                yield "all dW, then all db, the last layer first", [*self.weights[::-1], *self.biases[::-1]]
        if self.biases:
            yield "a list of (db, dW)", [n for group in layers for n in group[::-1]]

    def _by_place(self, leaves: Sequence[_Leaf], found: Returned) -> dict[str, _Leaf]:
        """By the order and the shapes."""
        tries: list[tuple[int, str, dict[str, _Leaf]]] = []
        spoken = {"": "", "first": "(loss, gradients); ", "last": "(gradients, loss); "}
        places = spoken if self.loss is not None else ("",)
        for words, names in self._orders():
            for place in places:
                order = [*["L"] * (place == "first"), *names, *["L"] * (place == "last")]
                if len(order) == len(leaves):
                    named = dict(zip(order, leaves, strict=True))
                    tries.append((sum(map(self._misfit, named, named.values())), spoken[place] + words, named))
        total = sum(int(np.prod(shape)) for shape in self.shapes.values())
        for place in places:
            at = {"": 0, "first": 1, "last": 0}[place]
            if len(leaves) == 1 + bool(place) and leaves[at].array.shape == (*self.lead, total):
                named = {"L": leaves[1 - at]} if place else {}
                named |= self._unravelled(leaves[at])
                tries.append((0, f"{spoken[place]}one flat vector, W1, b1, W2, ..., row by row", named))
        if not tries:
            shapes = ", ".join(str(leaf.array.shape) for leaf in leaves) or "none"
            raise NotUnderstood(
                f"it returned {len(leaves)} array{'s' * (len(leaves) != 1)} ({shapes}), expected {self.expected}"
            )
        _, said, named = min(tries, key=lambda found: found[0])
        found.assumed.append(said)
        return named

    def _unravelled(self, flat: _Leaf) -> dict[str, _Leaf]:
        named, start = {}, 0
        for group in self._layers():
            for name in group:
                shape = self.shapes[name]
                size = int(np.prod(shape))
                part = flat.array[..., start : start + size].reshape(*self.lead, *shape)
                named[name] = _Leaf(flat.path, flat.original, part, flat.type)
                start += size
        return named

    def _misfit(self, name: str, leaf: _Leaf) -> int:
        """0 where a shape is as expected, 1 where it can be taken for that, more where it cannot."""
        if name == "L":
            return 0 if leaf.array.shape == self.loss else 1 if leaf.array.size == np.prod(self.loss or ()) else 100
        expected = (*self.lead, *self.shapes[name])
        if leaf.array.shape == expected:
            return 0
        return 1 if any(shape == leaf.array.shape for shape, _ in self._alike(name)) else 100

    def _alike(self, name: str) -> Iterator[tuple[Shape, Callable[[Array], Array]]]:
        """Other shapes that can be taken for the one of a tensor, and how."""
        shape = self.shapes[name]
        if name[0] == "W":
            yield (*self.lead, *shape[::-1]), lambda array: np.swapaxes(array, -1, -2)
        else:
            for other in {(*shape, 1), (1, *shape)}:
                yield (*self.lead, *other), lambda array: array.reshape((*self.lead, *shape))

    # Taking it as it is

    def _take(self, named: Mapping[str, _Leaf], found: Returned) -> None:
        telling = [n for n in self.weights if len(set(self.shapes[n])) == 2]
        turned = [n for n in telling if named[n].array.shape == (*self.lead, *self.shapes[n][::-1])]
        if turned and turned == telling:
            found.transpose()
        for name, leaf in named.items():
            expected = self.loss if name == "L" else (*self.lead, *self.shapes[name])
            assert expected is not None
            array = np.swapaxes(leaf.array, -1, -2) if name[0] == "W" and found.transposed else leaf.array
            found.types[name] = leaf.type
            if name[0] != "W" and array.shape != expected and self._misfit(name, leaf) == 1:
                said = f"{'the loss' if name == 'L' else 'db'} of shape {array.shape} for {expected}"
                found.assumed += [said] if said not in found.assumed else []
                array = array.reshape(expected)
            if array.shape != expected:
                turned_too = name[0] == "W" and array.shape == (*self.lead, *self.shapes[name][::-1])
                hint = ": it is transposed, write .T" if turned_too else ""
                found.faults[name] = f"has shape {leaf.array.shape}, expected {expected}{hint}"
            elif array.dtype.kind == "c":
                found.faults[name] = f"has dtype {leaf.type}, expected real numbers"
            elif array.dtype.kind in "biu" and name != "L":  # a whole loss is as good
                found.faults[name] = f"has dtype {leaf.type}, expected a float: fractions would be lost"
            else:
                found.arrays[name] = np.array(array, float)
