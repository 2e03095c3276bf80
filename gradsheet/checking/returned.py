"""What a function gave back, read as it comes: lists, tuples, dicts, flat
vectors, any library's arrays, either layout.

Whatever has to be guessed is guessed from names and shapes, and said.
`Returned.assumed` has the sentences.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from numbers import Number
from typing import Any, NamedTuple

import numpy as np

from manual.activations import Array

VECTOR = "one flat vector"  # what an answer of a single array is read as
_MISFIT = 1_000  # more than all shapes together that can be taken for others
_MOST_READINGS = 6
_MOST_NUMBERS = 100_000_000
_DEEPEST = 8  # keys that lead to an array

Shape = tuple[int, ...]
Path = tuple[Any, ...]

_GRADIENT = r"(?i)(^|[^a-z])(d|g|grad_?|d_|dl_?d|dl/d|nabla_?)?"
_LOSS = re.compile(r"(?i)^(l|loss|losses|value|cost|objective)$")
_WEIGHT = re.compile(_GRADIENT + r"(w|weights?|kernels?|coefs?|theta)_?(?=\d|$|[^a-z])")
_BIAS = re.compile(_GRADIENT + r"(b|bias|biases|intercepts?)_?(?=\d|$|[^a-z])")


class NotUnderstood(ValueError):
    """An answer is nothing like gradients; the message says what was found,
    what is expected, what to write."""


@dataclass
class Returned:
    """An answer in one reading: arrays by name, "L", "W1", "b1", ..., copied;
    `types` are the types they came in; `assumed` how it is read; `faults` what
    is wrong, by name; `originals` what the function returned itself."""

    arrays: dict[str, Array] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    originals: list[Any] = field(default_factory=list)


def plain_array(value: Any) -> Array:
    """Make a NumPy array of what any library calls an array; a view of it where
    there can be one."""
    if hasattr(value, "detach"):  # torch
        value = value.detach()
        value = value.cpu() if hasattr(value, "cpu") else value
        if "bfloat16" in str(value.dtype):
            value = value.float()
    elif hasattr(value, "get") and hasattr(value, "device") and not isinstance(value, Mapping):
        value = value.get()  # CuPy
    return np.asarray(value)


def array_again(value: Any) -> Array | None:
    """Read an array once more; None where somebody's code does not allow it."""
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
    """Name the number type that a library gives its array: "float32", also
    where NumPy has none like it."""
    dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
    return str(dtype).rpartition(".")[2]


def _axes(value: Any, deepest: int) -> int | None:
    """How many axes a list of Python's numbers has as an array; None where it is none."""
    if not isinstance(value, list) or not value or not deepest:
        return 0 if isinstance(value, Number) else None
    axes = {_axes(item, deepest - 1) for item in value}
    lengths = {len(item) if isinstance(item, list) else 0 for item in value}
    if len(axes) > 1 or len(lengths) > 1:
        return None
    inner = axes.pop()
    return None if inner is None else 1 + inner


def _leaves(value: Any, axes: int, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The arrays in nested lists, tuples and dicts, each with the keys that
    lead to it; None is nothing.

    Lists of numbers are arrays where they have at most so many axes.
    """
    if value is None:
        return
    if len(path) > _DEEPEST:
        raise NotUnderstood(
            "what it returned is nested too deeply, expected lists or dicts of arrays"
        )
    items: Iterable[tuple[Any, Any]]
    value = value if isinstance(value, Mapping) else _opened(value)
    if isinstance(value, Mapping):
        items = value.items()
    elif _is_array(value, axes):
        yield path, value
        return
    else:
        items = enumerate(value)
    for key, inner in items:
        yield from _leaves(inner, axes, (*path, key))


def _is_array(value: Any, axes: int) -> bool:
    if isinstance(value, list) and _axes(value, axes) is not None:
        return True
    is_text = isinstance(value, str | bytes)
    return is_text or hasattr(value, "shape") or not isinstance(value, Iterable)


def _opened(value: Any) -> Any:
    """An object with named fields as a dict of them, an array of arrays as a list."""
    if hasattr(value, "_asdict"):
        return value._asdict()
    if isinstance(value, np.ndarray):
        is_ragged = value.dtype.hasobject and any(np.ndim(item) for item in value.flat)
        return list(value) if is_ragged else value
    if hasattr(value, "shape"):
        return value
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    for weight, bias in (("weight", "bias"), ("W", "b")):
        if hasattr(value, weight):
            return {weight: getattr(value, weight), bias: getattr(value, bias, None)}
    return value


@dataclass
class _Leaf:
    """An array, the keys that lead to it, the object it was, and its type."""

    path: Path
    original: Any
    array: Array
    type: str

    @property
    def words(self) -> list[str]:
        return [key for key in self.path if isinstance(key, str)]

    @property
    def places(self) -> list[int]:
        return [key for key in self.path if isinstance(key, int)]


def _read_leaf(path: Path, value: Any) -> _Leaf:
    """The array of an object; raises NotUnderstood where it has no numbers."""
    try:
        return _Leaf(path, value, *_numbers(value))
    except NotUnderstood as error:
        where = "".join(f"[{key!r}]" for key in path) or "what it returned"
        raise NotUnderstood(f"{where} {error}") from None


def _numbers(value: Any) -> tuple[Array, str]:
    """The array as numbers of NumPy's types, and the type that it had."""
    try:
        array = plain_array(value)
    except Exception as error:  # a library's own way to say no
        kind = type(value).__name__
        raise NotUnderstood(f"is a {kind}, expected an array: {error}") from None
    name, is_object = type_name(value), array.dtype.hasobject
    if np.ma.is_masked(value):
        masked = np.ma.getmaskarray(value)
        raise NotUnderstood(
            f"has {masked.sum()} of {masked.size} entries masked, expected numbers everywhere"
        )
    has_text = is_object and any(isinstance(entry, str | bytes) for entry in array.flat)
    if array.dtype.kind in "US" or has_text:
        raise NotUnderstood(f"is {_short(value)}, expected an array of numbers, not of text")
    if array.size > _MOST_NUMBERS or array.dtype.kind in "mM":
        raise NotUnderstood(
            f"has {array.size:,} entries of {array.dtype}, expected an array of numbers"
        )
    if is_object or array.dtype.kind not in "biufcV":
        try:
            return array.astype(float), "float64"
        except (TypeError, ValueError):
            raise NotUnderstood(f"is {_short(value)}, expected an array of numbers") from None
    if array.dtype.kind == "V":  # bfloat16 and its like, as JAX hands them out
        array = array.astype("float32")
    return array, name


def _short(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:37] + '...'}"


class _AnswerReading(NamedTuple):
    """How far off the shapes are, whether dW is (inputs, units), and how that is said."""

    misfit: int
    turned: bool
    words: str
    named: Mapping[str, _Leaf]


@dataclass
class Reader:
    """Reads what a function returns for a network: `shapes` are those expected,
    "W1", "b1", ..., without "L".

    `lead` are the axes in front of a parameter's own; `loss` is the shape of
    the value that may come along, None where none may. W is given as (inputs,
    units) where it is `turned`, and then comes back like that; else dW is also
    taken as (inputs, units) where its shapes tell. `examples` is how many there
    are.
    """

    shapes: Mapping[str, Shape]
    lead: Shape = ()
    loss: Shape | None = ()
    turned: bool = False
    examples: int = 1

    def __post_init__(self) -> None:
        self.weights = [name for name in self.shapes if name[0] == "W"]
        self.biases = [name for name in self.shapes if name[0] == "b"]
        telling = any(self.shapes[name] != self.shapes[name][::-1] for name in self.weights)
        self.layouts = [True] if self.turned else [False, True] if telling else [False]

    @property
    def expected(self) -> str:
        """The usual structure, in words."""
        pairs = [f"({', '.join(str(self.shapes[n]) for n in group)})" for group in self._layers()]
        return f"a list of (dW, db), of the shapes [{', '.join(pairs)}]"

    def _layers(self) -> list[list[str]]:
        return [[name, *(b for b in self.biases if b[1:] == name[1:])] for name in self.weights]

    def read(self, value: Any) -> list[Returned]:
        """Read an answer in all ways whose shapes fit, the likeliest first;
        where none does, in the one that is nearest.

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
        by_name = self._by_name(leaves)
        candidates = [] if by_name is None else [(_keys_in_words(by_name), by_name)]
        candidates += self._by_place(leaves)
        readings = []
        for (words, named), turned in itertools.product(candidates, self.layouts):
            misfit = sum(self._misfit(name, leaf, turned) for name, leaf in named.items())
            readings.append(_AnswerReading(misfit, turned, words, named))
        readings.sort(key=lambda reading: reading.misfit)
        # A vector's shape does not tell how W lies in it: as it was given.
        fitting = [_AnswerReading(0, self.turned, *vector) for vector in self._vectors(leaves)]
        fitting += [reading for reading in readings if reading.misfit < _MISFIT]
        if not fitting and not readings:
            shapes = ", ".join(str(leaf.array.shape) for leaf in leaves) or "none"
            hint = ": is it the loss alone?" if shapes == "()" and self.loss == () else ""
            arrays = "array" if len(leaves) == 1 else "arrays"
            raise NotUnderstood(
                f"it returned {len(leaves)} {arrays} of the shapes {shapes}, expected "
                f"{self.expected}{hint}"
            )
        originals = [leaf.original for leaf in leaves]
        nearest = fitting[:_MOST_READINGS] or readings[:1]
        return [self._taken(reading, originals) for reading in nearest]

    # Who is who

    def _by_name(self, leaves: Sequence[_Leaf]) -> dict[str, _Leaf] | None:
        """By what the keys say; None where they do not say it of all."""
        numbered: dict[tuple[str, int], _Leaf] = {}
        loss = None
        for leaf in leaves:
            if self._is_loss(leaf, alone=loss is None):
                loss = leaf
                continue
            if not leaf.words:
                return None
            if not (letter := _letter(leaf.words[-1])):
                continue  # something else, which nobody asked for
            number = self._number(leaf)
            if number is None or (letter, number) in numbered:
                return None
            numbered[letter, number] = leaf
        if (named := self._counted(numbered)) is None:
            return None
        if missing := sorted(set(self.shapes) - set(named)):
            raise NotUnderstood(
                f"it returned nothing for {', '.join(missing)}, expected {self.expected}"
            )
        gradients = {name: named[name] for name in self.shapes}
        return gradients if loss is None else {"L": loss, **gradients}

    def _is_loss(self, leaf: _Leaf, *, alone: bool) -> bool:
        """Whether it is called so, or is the only one beside a dict."""
        if leaf.array.shape != self.loss:
            return False
        if leaf.words:
            return bool(_LOSS.match(leaf.words[-1]))
        return len(leaf.path) == 1 and alone

    def _number(self, leaf: _Leaf) -> int | None:
        """The last number in its keys, else its last place; None where it needs one."""
        numbers = [int(digits) for word in leaf.words for digits in re.findall(r"\d+", word)]
        numbers = numbers or leaf.places
        if numbers:
            return numbers[-1]
        return 1 if len(self.weights) <= 1 else None

    def _counted(self, numbered: Mapping[tuple[str, int], _Leaf]) -> dict[str, _Leaf] | None:
        """The same numbered from 1 on; None where these are not all layers."""
        order = sorted(number for letter, number in numbered if letter == "W")
        biases = {number for letter, number in numbered if letter == "b"}
        if len(order) != len(self.weights) or biases - set(order):
            return None
        layers = {number: layer for layer, number in enumerate(order, 1)}
        return {f"{letter}{layers[number]}": leaf for (letter, number), leaf in numbered.items()}

    def _orders(self) -> list[tuple[str, list[str]]]:
        """The ways in which arrays may follow each other, the likely ones
        first, each with its words."""
        layers, dW, db = self._layers(), self.weights, self.biases
        arrays, several = "pairs (dW, db)" if db else "dW", len(layers) > 1
        orders = [
            (True, f"{arrays}, one a layer", layers),
            (db and several, "all dW, then all db", [dW, db]),
            (db and several, "all db, then all dW", [db, dW]),
            (several, f"{arrays}, the last layer first", layers[::-1]),
            (db and several, "all dW, then all db, the last layer first", [dW[::-1], db[::-1]]),
            (db, "pairs (db, dW), one a layer", [group[::-1] for group in layers]),
        ]
        return [(words, [*itertools.chain(*names)]) for applies, words, names in orders if applies]

    def _places(self, names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        """Where the loss may stand beside others, each with its words."""
        yield "", [*names]
        if self.loss is not None:
            yield "(loss, gradients); ", ["L", *names]
            yield "(gradients, loss); ", [*names, "L"]

    def _by_place(self, leaves: Sequence[_Leaf]) -> Iterator[tuple[str, dict[str, _Leaf]]]:
        """By the order alone."""
        for words, names in self._orders():
            for prefix, order in self._places(names):
                if len(order) == len(leaves):
                    yield prefix + words, dict(zip(order, leaves, strict=True))

    def _vectors(self, leaves: Sequence[_Leaf]) -> Iterator[tuple[str, dict[str, _Leaf]]]:
        """All parameters in one vector."""
        total = sum(int(np.prod(shape)) for shape in self.shapes.values())
        shapes = ((*self.lead, total), (*self.lead, total, 1))
        for prefix, order in self._places([VECTOR]):
            if len(leaves) != len(order):
                continue
            loss = dict(zip(order, leaves, strict=True))
            flat = loss.pop(VECTOR)
            if flat.array.shape not in shapes:
                continue
            for words, names in self._orders()[: 2 if self.biases else 1]:
                all_first = words.startswith("all")
                layout = "W1, W2, ..., b1, b2, ..." if all_first else "W1, b1, W2, ..."
                yield f"{prefix}{VECTOR}, {layout}", {**loss, **self._unravelled(flat, names)}

    def _unravelled(self, flat: _Leaf, names: Sequence[str]) -> dict[str, _Leaf]:
        named, start = {}, 0
        for name in names:
            shape = self._shape(name, self.turned)
            size = int(np.prod(self.shapes[name]))
            entries = flat.array.reshape((*self.lead, -1))[..., start : start + size]
            named[name] = _Leaf(flat.path, flat.original, entries.reshape(shape), flat.type)
            start += size
        return named

    def _shape(self, name: str, turned: bool = False) -> Shape:
        """The shape that is expected, of W turned if it is (inputs, units)."""
        if name == "L":
            return self.loss or ()
        shape = self.shapes[name]
        return (*self.lead, *(shape[::-1] if turned and name[0] == "W" else shape))

    def _misfit(self, name: str, leaf: _Leaf, turned: bool) -> int:
        """0 where a shape is as expected, 1 where it can be taken for that,
        _MISFIT where it cannot."""
        shape, expected = leaf.array.shape, self._shape(name, turned)
        if shape == expected:
            return 0
        if name == "L":
            alike = leaf.array.size == np.prod(expected)
        else:
            columns = (*expected, 1), (*self.lead, 1, *self.shapes[name])
            alike = name[0] == "b" and shape in columns
        return 1 if alike else _MISFIT

    # Taking it as it is

    def _taken(self, reading: _AnswerReading, originals: list[Any]) -> Returned:
        turned = reading.turned
        assumed = [reading.words, "dW as (inputs, units)"] if turned else [reading.words]
        returned = Returned(assumed=assumed, originals=originals)
        for name, leaf in reading.named.items():
            array, expected = leaf.array, self._shape(name)
            returned.types[name] = leaf.type
            if turned and name[0] == "W":
                array = np.swapaxes(array, -1, -2)
            elif self._misfit(name, leaf, turned) == 1:
                which = "the loss" if name == "L" else "db"
                words = f"{which} of shape {array.shape} for {expected}"
                if words not in assumed:
                    assumed.append(words)
                array = array.reshape(expected)
            if fault := self._fault(name, leaf, array, turned):
                returned.faults[name] = fault
            else:
                returned.arrays[name] = np.array(array, float)
        return returned

    def _fault(self, name: str, leaf: _Leaf, array: Array, turned: bool) -> str:
        """Why an array cannot be compared, as it came or turned."""
        expected = self._shape(name)
        if array.shape != expected:
            hint = ""
            if name[0] == "W" and array.shape == self._shape(name, True):
                hint = ": it is transposed, write .T"
            elif array.shape == (self.examples, *expected):
                hint = ": one for each example, not summed over the batch"
            shape = self._shape(name, turned)
            return f"has shape {leaf.array.shape}, expected {shape}{hint}"
        if array.dtype.kind == "c":
            return f"has dtype {leaf.type}, expected real numbers"
        if array.dtype.kind in "biu" and name != "L":  # a whole loss is as good
            return f"has dtype {leaf.type}, expected a float: fractions would be lost"
        return ""


def _letter(word: str) -> str:
    """Whether a key is of weights or of biases."""
    if _WEIGHT.search(word):
        return "W"
    return "b" if _BIAS.search(word) else ""


def _keys_in_words(named: Mapping[str, _Leaf]) -> str:
    """The keys by which arrays are known."""
    leaves = list(named.values())
    keys = [".".join(leaf.words) for leaf in leaves]
    loss = "(loss, gradients); " if keys and not keys[0] else ""
    distinct = dict.fromkeys(key for key in keys if key)
    listed = ", one a layer" if leaves and leaves[-1].places else ""
    return f"{loss}{', '.join(distinct)} by name{listed}"
