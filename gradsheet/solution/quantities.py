"""Quantities of the language as tensors with indices, and back."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

from gradsheet.language import formula as f
from gradsheet.language.text import index_text
from gradsheet.mistakes.derivation import Index
from gradsheet.network.network import Network
from gradsheet.truth.values import Tensor


def indexed(tensor: Tensor, indices: Sequence[Index]) -> f.Node:
    """Return a node, or dL by one, with indices: ("L", "W1") and i, 2 give dL/dW1[i,2]."""
    places = tuple(f.Letter(index) if isinstance(index, str) else index for index in indices)
    if isinstance(tensor, str):
        return f.Quantity(tensor, places)
    return f.Derivative(f.Quantity(tensor[0]), f.Quantity(tensor[1], places))


def _ends(core: f.Node) -> tuple[f.Quantity, ...]:
    """The quantity itself, or those above and below in a derivative."""
    if isinstance(core, f.Derivative):
        return core.of, core.by
    assert isinstance(core, f.Quantity)
    return (core,)


def tensor_of(core: f.Node, network: Network) -> tuple[Tensor, tuple[Index, ...]]:
    """Return the tensor that a quantity or derivative speaks of, and all its indices.

    Those of the node above come first. L[k] is the share of one output.
    """
    names, indices = list[str](), list[Index]()
    for end in _ends(core):
        is_share = end.name == "L" and bool(end.indices)
        names.append("shares" if is_share else network.canonical(end.name))
        indices += [i if isinstance(i, int) else index_text(i) for i in end.indices]
    return (names[0] if len(names) == 1 else (names[0], names[1])), tuple(indices)


def layer_of(name: str, network: Network) -> int:
    """Return the number of the layer that a node or parameter belongs to, 0 for x."""
    return 0 if name == "x" else network.depth if name == "yhat" else int(name[1:])


def open_axes(core: f.Node, network: Network) -> tuple[int, ...]:
    """Return the lengths of the axes that are left open, of a derivative first those above."""
    axes: tuple[int, ...] = ()
    for end in _ends(core):
        if end.name != "L":
            axes += network.shapes[network.canonical(end.name)][len(end.indices) :]
    return axes


def filled(core: f.Node, rest: Sequence[int], network: Network) -> f.Node:
    """Return the quantity or derivative with indices for the axes that it leaves open."""
    indices = iter(rest)
    ends = []
    for end in _ends(core):
        further = itertools.islice(indices, len(open_axes(end, network)))
        ends.append(replace(end, indices=(*end.indices, *further)))
    return ends[0] if len(ends) == 1 else f.Derivative(*ends)


def canonical(tree: f.Node, network: Network) -> f.Node:
    """Return the quantity or derivative as all ways to write it have in common.

    Every node has one name, and the index on an axis of length 1 is left out.
    """
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
    """Tell whether two entries differ in their letters only, as dL/dW1[i,j] and dL/dW1[k,m] do."""
    return bool(core.letters) and _index_pattern(core) == _index_pattern(other)


def _index_pattern(node: f.Node) -> list[float]:
    """The indices of an entry, with the place of its first use, and a half, for
    each letter, or sum of letters."""
    indices = [index for end in _ends(node) for index in end.indices]
    letters = list(dict.fromkeys(index for index in indices if isinstance(index, f.Node)))
    return [letters.index(i) + 0.5 if isinstance(i, f.Node) else i for i in indices]


def nested(axes: Sequence[int], entry: Callable[[tuple[int, ...]], f.Node | None]) -> f.Node | None:
    """Put what `entry` gives at all indices into nested lists; None where one gets none."""

    def at(place: tuple[int, ...]) -> f.Node | None:
        if len(place) == len(axes):
            return entry(place)
        formulas = [at((*place, k)) for k in range(1, axes[len(place)] + 1)]
        items = tuple(formula for formula in formulas if formula is not None)
        return f.List(items) if len(items) == len(formulas) else None

    return at(())
