"""What a function gave back, read as it comes: lists, tuples, dicts, flat vectors, any library's arrays, either layout.

Whatever has to be guessed is guessed from names and shapes, and said. `Returned.assumed` has the sentences.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from numbers import Number
from typing import Any

import numpy as np

from manual.activations import Array

VECTOR = "one flat vector"  # what an answer of a single array is read as
_MISFIT = 1_000  # more than all shapes together that can be taken for others
_MOST_READINGS = 6
_MOST_NUMBERS = 100_000_000
_DEEPEST = 8  # keys that lead to an array

Shape = tuple[int, ...]
Path = tuple[Any, ...]

_LOSS = re.compile(r"(?i)^(l|loss|losses|value|cost|objective)$")
_WEIGHT = re.compile(
    r"(?i)(^|[^a-z])(d|g|grad_?|d_|dl_?d|dl/d|nabla_?)?(w|weights?|kernels?|coefs?|theta)_?(?=\d|$|[^a-z])"
)
_BIAS = re.compile(
    r"(?i)(^|[^a-z])(d|g|grad_?|d_|dl_?d|dl/d|nabla_?)?(b|bias|biases|intercepts?)_?(?=\d|$|[^a-z])"
)


class NotUnderstood(ValueError):
    """What was found, what is expected, what to write."""


@dataclass
class Returned:
    """Arrays by name, "L", "W1", "b1", ..., copied; `types` are the types they came in; `faults` what is wrong."""

    arrays: dict[str, Array] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    originals: list[Any] = field(default_factory=list)


def plain_array(value: Any) -> Array:
    """A NumPy array of what any library calls an array; a view of it where there can be one."""
    if hasattr(value, "detach"):  # torch
        value = value.detach()
        value = value.cpu() if hasattr(value, "cpu") else value
        if "bfloat16" in str(value.dtype):
            value = value.float()
    elif (
        hasattr(value, "get") and hasattr(value, "device") and not isinstance(value, Mapping)
    ):  # CuPy
        value = value.get()
    return np.asarray(value)


def array_again(value: Any) -> Array | None:
    """The array that was read before; None where somebody's code does not give it a second time."""
    try:
        return plain_array(value)
    except KeyboardInterrupt:
        raise
    except BaseException:  # it may even exit
        return None


def equal(a: Array, b: Array) -> bool:
    """Whether arrays of any type are the same, NaN included."""
    try:
        return bool(np.array_equal(a, b, equal_nan=True))
    except TypeError:
        return bool(np.array_equal(a, b))


def type_name(value: Any) -> str:
    """The number type that a library gives its array: "float32", also where NumPy has none like it."""
    dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
    return str(dtype).rpartition(".")[2]


def _axes(value: Any, deepest: int) -> int | None:
    """How many axes the array has that a list of Python's numbers stands for; None where it stands for none."""
    if isinstance(value, list) and value and deepest:
        inner = {_axes(part, deepest - 1) for part in value}
        same = (
            len(inner) == 1
            and len({len(part) if isinstance(part, list) else 0 for part in value}) == 1
        )
        return None if not same or None in inner else 1 + inner.pop()  # type: ignore[operator]
    return 0 if isinstance(value, Number) else None


def _leaves(value: Any, axes: int, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The arrays in nested lists, tuples and dicts, each with the keys that lead to it; None is nothing.

    Lists of numbers are arrays where they have at most so many axes.
    """
    if value is None:
        return
    if len(path) > _DEEPEST:
        raise NotUnderstood(
            "what it returned is nested too deeply, expected lists or dicts of arrays"
        )
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, axes, (*path, key))
    elif hasattr(value, "_asdict"):
        yield from _leaves(value._asdict(), axes, path)
    elif is_dataclass(value) and not hasattr(value, "shape"):
        yield from _leaves(
            {part.name: getattr(value, part.name) for part in fields(value)}, axes, path
        )
    elif hasattr(value, "weight") and not hasattr(value, "shape"):
        yield from _leaves(
            {"weight": value.weight, "bias": getattr(value, "bias", None)}, axes, path
        )
    elif hasattr(value, "W") and not hasattr(value, "shape"):
        yield from _leaves({"W": value.W, "b": getattr(value, "b", None)}, axes, path)
    elif (
        isinstance(value, np.ndarray)
        and value.dtype.hasobject
        and any(np.ndim(part) for part in value.flat)
    ):
        yield from _leaves(list(value), axes, path)
    elif isinstance(value, list) and _axes(value, axes) is not None:
        yield path, value
    elif (
        isinstance(value, Iterable)
        and not hasattr(value, "shape")
        and not isinstance(value, str | bytes)
    ):
        for key, inner in enumerate(value):
            yield from _leaves(inner, axes, (*path, key))
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
        raise NotUnderstood(
            f"{where} is a {type(value).__name__}, expected an array: {error}"
        ) from None
    name = type_name(value)
    if np.ma.is_masked(value):
        masked = np.ma.getmaskarray(value)
        raise NotUnderstood(
            f"{where} has {masked.sum()} of {masked.size} entries masked, expected numbers everywhere"
        )
    if array.dtype.kind in "US" or (
        array.dtype.hasobject and any(isinstance(v, str | bytes) for v in array.flat)
    ):
        raise NotUnderstood(
            f"{where} is {_short(value)}, expected an array of numbers, not of text"
        )
    if array.size > _MOST_NUMBERS or array.dtype.kind in "mM":
        raise NotUnderstood(
            f"{where} has {array.size:,} entries of {array.dtype}, expected an array of numbers"
        )
    if array.dtype.hasobject or array.dtype.kind not in "biufcV":
        try:
            array, name = array.astype(float), "float64"
        except (TypeError, ValueError):
            raise NotUnderstood(
                f"{where} is {_short(value)}, expected an array of numbers"
            ) from None
    if array.dtype.kind == "V":  # bfloat16 and its like, as JAX hands them out
        array = array.astype("float32")
    return _Leaf(path, value, array, name)


def _short(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:37] + '...'}"


class Reader:
    """Reads what a function returns for a network: `shapes` are those expected, "W1", "b1", ..., without "L".

    `lead` are the axes in front of a parameter's own; `loss` is the shape of the value that may come along, None
    where none may. W is given as (inputs, units) where it is `turned`, and then comes back like that; else dW is also
    taken as (inputs, units) where its shapes tell. `examples` is how many there are.
    """

    def __init__(
        self,
        shapes: Mapping[str, Shape],
        lead: Shape = (),
        loss: Shape | None = (),
        *,
        turned: bool = False,
        examples: int = 1,
    ):
        self.shapes, self.lead, self.loss, self.examples = dict(shapes), lead, loss, examples
        self.weights = [name for name in shapes if name[0] == "W"]
        self.biases = [name for name in shapes if name[0] == "b"]
        self.turned = turned
        telling = any(shapes[name] != shapes[name][::-1] for name in self.weights)
        self.layouts = (True,) if turned else (False, True) if telling else (False,)

    @property
    def expected(self) -> str:
        pairs = [f"({', '.join(str(self.shapes[n]) for n in group)})" for group in self._layers()]
        return f"a list of (dW, db), of the shapes [{', '.join(pairs)}]"

    def _layers(self) -> list[list[str]]:
        return [[name, *(b for b in self.biases if b[1:] == name[1:])] for name in self.weights]

    def read(self, value: Any) -> list[Returned]:
        """All readings whose shapes fit, the likeliest first; where none does, the one that is nearest.

        Raises NotUnderstood where it is nothing like gradients.
        """
        if value is None:
            raise NotUnderstood(f"it returned None, expected {self.expected}: is a return missing?")
        if isinstance(value, Iterator):
            value = list(itertools.islice(value, _MISFIT))
        most = max(len(shape) for shape in self.shapes.values()) + len(self.lead)
        try:
            return self._read(value, most)
        except NotUnderstood as error:
            try:
                return self._read(value, 0)  # a list of shared biases is no vector
            except NotUnderstood:
                raise error from None

    def _read(self, value: Any, axes: int) -> list[Returned]:
        leaves = [_read_leaf(path, leaf) for path, leaf in _leaves(value, axes)]
        named = self._by_name(leaves)
        candidates = [] if named is None else [(self._names_in_words(named), named)]
        candidates += self._by_place(leaves)
        rated = sorted(
            (
                (
                    sum(self._misfit(name, leaf, turned) for name, leaf in named.items()),
                    turned,
                    said,
                    named,
                )
                for said, named in candidates
                for turned in self.layouts
            ),
            key=lambda reading: reading[0],
        )
        # A vector's shape does not tell how W lies in it: as it was given.
        vectors = [(0, self.turned, *candidate) for candidate in self._vectors(leaves)]
        fitting = [*vectors, *(reading for reading in rated if reading[0] < _MISFIT)][
            :_MOST_READINGS
        ]
        if not fitting and not rated:
            shapes = ", ".join(str(leaf.array.shape) for leaf in leaves) or "none"
            hint = ": is it the loss alone?" if shapes == "()" and self.loss == () else ""
            raise NotUnderstood(
                f"it returned {len(leaves)} array{'s' * (len(leaves) != 1)} of the shapes {shapes}, expected "
                f"{self.expected}{hint}"
            )
        originals = [leaf.original for leaf in leaves]
        return [self._taken(*reading[1:], originals) for reading in fitting or rated[:1]]

    # Who is who

    @staticmethod
    def _names_in_words(named: Mapping[str, _Leaf]) -> str:
        """The keys by which arrays were found."""
        keys = [
            ".".join(key for key in leaf.path if isinstance(key, str)) for leaf in named.values()
        ]
        loss = "(loss, gradients); " if keys and not keys[0] else ""
        distinct = list(dict.fromkeys(key for key in keys if key))
        listed = any(
            isinstance(key, int) for leaf in list(named.values())[-1:] for key in leaf.path
        )
        return f"{loss}{', '.join(distinct)} by name{', one a layer' if listed else ''}"

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
            if not words:
                return None
            letter = next(
                (c for c, p in (("W", _WEIGHT), ("b", _BIAS)) if p.search(words[-1])), None
            )
            if letter is None:
                continue  # something else, which nobody asked for
            numbers = [int(n) for word in words for n in re.findall(r"\d+", word)]
            numbers += (
                [key for key in leaf.path if isinstance(key, int)][-1:] if not numbers else []
            )
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
            raise NotUnderstood(
                f"it returned nothing for {', '.join(missing)}, expected {self.expected}"
            )
        named = {name: named[name] for name in self.shapes}
        return named if loss is None else {"L": loss, **named}

    def _orders(self) -> Iterator[tuple[str, list[str]]]:
        """The ways in which arrays may follow each other, the likely ones first, each with its words."""
        layers = self._layers()
        yield (
            "pairs (dW, db), one a layer" if self.biases else "dW, one a layer",
            [n for group in layers for n in group],
        )
        if self.biases and len(layers) > 1:
            yield "all dW, then all db", [*self.weights, *self.biases]
            yield "all db, then all dW", [*self.biases, *self.weights]
        if len(layers) > 1:
            yield (
                f"{'pairs (dW, db)' if self.biases else 'dW'}, the last layer first",
                [n for group in layers[::-1] for n in group],
            )
            if self.biases:
                yield (
                    "all dW, then all db, the last layer first",
                    [*self.weights[::-1], *self.biases[::-1]],
                )
        if self.biases:
            yield "pairs (db, dW), one a layer", [n for group in layers for n in group[::-1]]

    def _places(self) -> dict[str, str]:
        """Where the loss may stand, and how that is said."""
        return (
            {"": "", "first": "(loss, gradients); ", "last": "(gradients, loss); "}
            if self.loss is not None
            else {"": ""}
        )

    def _by_place(self, leaves: Sequence[_Leaf]) -> Iterator[tuple[str, dict[str, _Leaf]]]:
        """By the order alone."""
        for words, names in self._orders():
            for place, said in self._places().items():
                order = [*["L"] * (place == "first"), *names, *["L"] * (place == "last")]
                if len(order) == len(leaves):
                    yield said + words, dict(zip(order, leaves, strict=True))

    def _vectors(self, leaves: Sequence[_Leaf]) -> Iterator[tuple[str, dict[str, _Leaf]]]:
        """All parameters in one vector."""
        total = sum(int(np.prod(shape)) for shape in self.shapes.values())
        for place, said in self._places().items():
            at = 1 if place == "first" else 0
            if len(leaves) == 1 + bool(place) and leaves[at].array.shape in (
                (*self.lead, total),
                (*self.lead, total, 1),
            ):
                named = {"L": leaves[1 - at]} if place else {}
                for words, names in itertools.islice(self._orders(), 2 if self.biases else 1):
                    order = (
                        "W1, b1, W2, ..."
                        if not words.startswith("all")
                        else "W1, W2, ..., b1, b2, ..."
                    )
                    yield (
                        f"{said}{VECTOR}, {order}",
                        {**named, **self._unravelled(leaves[at], names)},
                    )

    def _unravelled(self, flat: _Leaf, names: Sequence[str]) -> dict[str, _Leaf]:
        named, start = {}, 0
        for name in names:
            shape = self._shape(name, self.turned)
            size = int(np.prod(self.shapes[name]))
            part = flat.array.reshape((*self.lead, -1))[..., start : start + size].reshape(shape)
            named[name] = _Leaf(flat.path, flat.original, part, flat.type)
            start += size
        return named

    def _shape(self, name: str, turned: bool = False) -> Shape:
        """The shape that is expected, of a W as (inputs, units) where it is turned."""
        if name == "L":
            return self.loss or ()
        shape = self.shapes[name]
        return (*self.lead, *(shape[::-1] if turned and name[0] == "W" else shape))

    def _misfit(self, name: str, leaf: _Leaf, turned: bool) -> int:
        """0 where a shape is as expected, 1 where it can be taken for that, _MISFIT where it cannot."""
        found, expected = leaf.array.shape, self._shape(name, turned)
        if found == expected:
            return 0
        if name == "L":
            alike = leaf.array.size == np.prod(expected)
        else:
            own = self.shapes[name]
            alike = name[0] == "b" and found in ((*self.lead, *own, 1), (*self.lead, 1, *own))
        return 1 if alike else _MISFIT

    # Taking it as it is

    def _taken(
        self, turned: bool, said: str, named: Mapping[str, _Leaf], originals: list[Any]
    ) -> Returned:
        found = Returned(assumed=[said, *["dW as (inputs, units)"] * turned], originals=originals)
        for name, leaf in named.items():
            array, expected = leaf.array, self._shape(name)
            found.types[name] = leaf.type
            if turned and name[0] == "W":
                array = np.swapaxes(array, -1, -2)
            elif self._misfit(name, leaf, turned) == 1:
                words = (
                    f"{'the loss' if name == 'L' else 'db'} of shape {array.shape} for {expected}"
                )
                found.assumed += [words] if words not in found.assumed else []
                array = array.reshape(expected)
            if array.shape != expected:
                hint = ""
                if name[0] == "W" and array.shape == self._shape(name, True):
                    hint = ": it is transposed, write .T"
                elif array.shape == (self.examples, *expected):
                    hint = ": one for each example, not summed over the batch"
                found.faults[name] = (
                    f"has shape {leaf.array.shape}, expected {self._shape(name, turned)}{hint}"
                )
            elif array.dtype.kind == "c":
                found.faults[name] = f"has dtype {leaf.type}, expected real numbers"
            elif array.dtype.kind in "biu" and name != "L":  # a whole loss is as good
                found.faults[name] = (
                    f"has dtype {leaf.type}, expected a float: fractions would be lost"
                )
            else:
                found.arrays[name] = np.array(array, float)
        return found
