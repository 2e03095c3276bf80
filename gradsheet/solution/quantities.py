"""Quantities of the language as tensors with indices, and back."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gradsheet.language import formula as f
from gradsheet.network.network import Network
from gradsheet.truth.derivation import Index
from gradsheet.truth.steps import Tensor


def indexed(tensor: Tensor, indices: Sequence[Index]) -> f.Node:
    """A node, or dL by one, with indices."""
    own = tuple(f.Letter(index) if isinstance(index, str) else index for index in indices)
    if isinstance(tensor, str):
        return f.Quantity(tensor, own)
    return f.Derivative(f.Quantity(tensor[0]), f.Quantity(tensor[1], own))


def tensor_of(core: f.Node, network: Network) -> tuple[Tensor, tuple[Index, ...]]:
    """The tensor that a quantity or derivative speaks of, and all its indices, those of the node above first."""

    def one(quantity: f.Quantity) -> str:
        return (
            "shares"
            if quantity.name == "L" and quantity.indices
            else network.canonical(quantity.name)
        )

    if isinstance(core, f.Derivative):
        return (one(core.of), one(core.by)), _plain((*core.of.indices, *core.by.indices))
    assert isinstance(core, f.Quantity)
    return one(core), _plain(core.indices)


def _plain(indices: Sequence[f.Index]) -> tuple[Index, ...]:
    return tuple(index.name if isinstance(index, f.Letter) else index for index in indices)


def open_axes(core: f.Node, network: Network) -> tuple[int, ...]:
    """The lengths of the axes that a quantity or derivative leaves open, those of the node above first."""
    if isinstance(core, f.Derivative):
        above = () if core.of.name == "L" else open_axes(core.of, network)
        return above + open_axes(core.by, network)
    assert isinstance(core, f.Quantity)
    if core.name == "L":
        return ()
    return network.shapes[network.canonical(core.name)][len(core.indices) :]


def filled(core: f.Node, rest: Sequence[int], network: Network) -> f.Node:
    """The quantity or derivative with indices for the axes that it leaves open."""

    def full(quantity: f.Quantity, further: Sequence[int]) -> f.Quantity:
        return replace(quantity, indices=(*quantity.indices, *further))

    if isinstance(core, f.Derivative):
        above = 0 if core.of.name == "L" else len(open_axes(core.of, network))
        return f.Derivative(full(core.of, rest[:above]), full(core.by, rest[above:]))
    assert isinstance(core, f.Quantity)
    return full(core, rest)


def canonical(tree: f.Node, network: Network) -> f.Node:
    """The formula with one name for every node, and no index on an axis of length 1 that may be left out."""
    match tree:
        case f.Quantity(name, indices):
            shape = network.shapes.get(network.canonical(name), ())
            bare = name != "L" and shape == (1,) and indices in ((1,), ())
            return f.Quantity(network.canonical(name), () if bare else indices)
        case f.Derivative(of, by):
            above = f.Quantity(network.canonical(of.name), of.indices)
            return f.Derivative(above, canonical(by, network))  # type: ignore[arg-type]
    return tree


def alike(core: f.Node, other: f.Node) -> bool:
    """Whether two entries differ in their letters only, as dL/dW1[i,j] and dL/dW1[k,m] do."""

    def pattern(node: f.Node) -> list[Any]:
        parts = (
            part
            for part in (getattr(node, "of", node), getattr(node, "by", None))
            if part is not None
        )
        indices = [index for part in parts for index in getattr(part, "indices", ())]
        letters = list(dict.fromkeys(index for index in indices if isinstance(index, f.Letter)))
        return [
            letters.index(index) + 0.5 if isinstance(index, f.Letter) else index
            for index in indices
        ]

    return bool(core.letters) and pattern(core) == pattern(other)


def nested(axes: Sequence[int], entry: Callable[[tuple[int, ...]], f.Node | None]) -> f.Node | None:
    """Lists of the formulas of all entries, None where one has none."""

    def at(rest: tuple[int, ...]) -> f.Node | None:
        if len(rest) == len(axes):
            return entry(rest)
        items = [at((*rest, k)) for k in range(1, axes[len(rest)] + 1)]
        found = [item for item in items if item is not None]
        return f.List(tuple(found)) if len(found) == len(items) else None

    return at(())
