"""Quantities of the language as tensors with indices, and back."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from gradsheet.language import formula as f
from gradsheet.network.network import Network
from gradsheet.truth.derivation import Index
from gradsheet.truth.steps import Tensor


def indexed(tensor: Tensor, indices: Sequence[Index]) -> f.Node:
    """Return a node, or dL by one, with indices: ("L", "W1") and i, 2 give dL/dW1[i,2]."""
    places = tuple(f.Letter(index) if isinstance(index, str) else index for index in indices)
    if isinstance(tensor, str):
        return f.Quantity(tensor, places)
    return f.Derivative(f.Quantity(tensor[0]), f.Quantity(tensor[1], places))


def tensor_of(core: f.Node, network: Network) -> tuple[Tensor, tuple[Index, ...]]:
    """Return the tensor that a quantity or derivative speaks of, and all its indices.

    Those of the node above come first. L[k] is the share of one output.
    """

    def node(quantity: f.Quantity) -> str:
        if quantity.name == "L" and quantity.indices:
            return "shares"
        return network.canonical(quantity.name)

    if isinstance(core, f.Derivative):
        return (node(core.of), node(core.by)), _plain((*core.of.indices, *core.by.indices))
    assert isinstance(core, f.Quantity)
    return node(core), _plain(core.indices)


def _plain(indices: Sequence[f.Index]) -> tuple[Index, ...]:
    return tuple(index.name if isinstance(index, f.Letter) else index for index in indices)


def layer_of(name: str, network: Network) -> int:
    """Return the number of the layer that a node or parameter belongs to, 0 for x."""
    return 0 if name == "x" else network.depth if name == "yhat" else int(name[1:])


def open_axes(core: f.Node, network: Network) -> tuple[int, ...]:
    """Return the lengths of the axes that are left open, of a derivative first those above."""
    if isinstance(core, f.Derivative):
        above = () if core.of.name == "L" else open_axes(core.of, network)
        return above + open_axes(core.by, network)
    assert isinstance(core, f.Quantity)
    if core.name == "L":
        return ()
    return network.shapes[network.canonical(core.name)][len(core.indices) :]


def filled(core: f.Node, rest: Sequence[int], network: Network) -> f.Node:
    """Return the quantity or derivative with indices for the axes that it leaves open."""

    def full(quantity: f.Quantity, further: Sequence[int]) -> f.Quantity:
        return replace(quantity, indices=(*quantity.indices, *further))

    if isinstance(core, f.Derivative):
        above = 0 if core.of.name == "L" else len(open_axes(core.of, network))
        return f.Derivative(full(core.of, rest[:above]), full(core.by, rest[above:]))
    assert isinstance(core, f.Quantity)
    return full(core, rest)


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
    """The indices of an entry, with the place of its first use, and a half, for each letter."""
    nodes = (node.of, node.by) if isinstance(node, f.Derivative) else (node,)
    indices = [index for quantity in nodes for index in getattr(quantity, "indices", ())]
    letters = list(dict.fromkeys(index for index in indices if isinstance(index, f.Letter)))
    return [letters.index(i) + 0.5 if isinstance(i, f.Letter) else i for i in indices]


def nested(axes: Sequence[int], entry: Callable[[tuple[int, ...]], f.Node | None]) -> f.Node | None:
    """Put what `entry` gives at all indices into nested lists; None where one gets none."""

    def at(place: tuple[int, ...]) -> f.Node | None:
        if len(place) == len(axes):
            return entry(place)
        formulas = [at((*place, k)) for k in range(1, axes[len(place)] + 1)]
        items = tuple(formula for formula in formulas if formula is not None)
        return f.List(items) if len(items) == len(formulas) else None

    return at(())
