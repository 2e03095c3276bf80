"""The small change that makes a formula true.

A formula whose index is outside its axis, or whose shapes do not fit, has no
value that a mistake in the pass could give. There it is the formula that is
edited, once or twice: an index for another, a transpose more or less, `@` for
`*`. A change is named only if the formula is then the truth, as an identity or
in the sheet's numbers.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from gradsheet.language import formula as f
from gradsheet.language.text import show_index
from gradsheet.network.network import Network

MAX_SECOND = 600  # pairs of changes that are tried


@dataclass(frozen=True)
class Change:
    """A formula with one thing changed, and what that is."""

    line: f.Node
    code: str
    found: str
    wanted: str
    hint: str


def repaired(
    line: f.Node, quantity: f.Node, network: Network, is_true: Callable[[f.Node], bool]
) -> list[tuple[Change, ...]]:
    """The single changes that make a formula true, or if there are none the pairs of them."""
    first = list(_changes(line, quantity.letters, network))
    if any(found := [is_true(change.line) for change in first]):
        return [(change,) for change, holds in zip(first, found, strict=True) if holds]
    pairs = (
        (one, two)
        for one in first
        for two in _changes(one.line, quantity.letters, network)
        if _apart(one, two)
    )
    seen: dict[frozenset[Any], tuple[Change, ...]] = {}
    for one, two in itertools.islice(pairs, MAX_SECOND):
        key = frozenset(((one.found, one.wanted), (two.found, two.wanted)))
        if key not in seen and is_true(two.line):
            seen[key] = one, two
    return list(seen.values())


def _apart(one: Change, two: Change) -> bool:
    """Whether two changes are made in different places, as far as their words tell."""
    return {one.found, one.wanted}.isdisjoint((two.found, two.wanted))


def _changes(node: Any, letters: frozenset[str], network: Network) -> Iterator[Change]:
    """Every formula that differs from this one in one place."""
    yield from _here(node, letters, network)
    inner = letters | {node.letter.name} if isinstance(node, f.Sum) else letters
    if isinstance(node, f.Derivative | f.Quantity) or isinstance(
        getattr(node, "operand", None), f.Quantity
    ):
        return
    for field in fields(node):
        part = getattr(node, field.name)
        if isinstance(part, f.Node) and not isinstance(part, f.Letter):
            for change in _changes(part, inner, network):
                yield replace(change, line=replace(node, **{field.name: change.line}))
        elif isinstance(part, tuple):
            for k, item in enumerate(part):
                if isinstance(item, f.Node) and not isinstance(item, f.Letter):
                    for change in _changes(item, inner, network):
                        items = (*part[:k], change.line, *part[k + 1 :])
                        yield replace(change, line=replace(node, **{field.name: items}))


def _here(node: f.Node, letters: frozenset[str], network: Network) -> Iterator[Change]:
    match node:
        case f.Quantity(name, indices):
            shape = network.shapes.get(network.canonical(name), ())
            for others in _indices(shape, letters):
                if others != indices:
                    other = replace(node, indices=others)
                    code = "index-wrong" if indices else "index-missing"
                    found, wanted = name + show_index(indices), name + show_index(others)
                    yield Change(other, code, found, wanted, f"the indices of {name}")
            if len(shape) == 2 and not indices:
                yield Change(
                    f.Transpose(node),
                    "transpose-missing",
                    name,
                    f"{name}.T",
                    f"whether {name} is to be turned",
                )
        case f.Transpose(f.Quantity(name, ()) as inner):
            yield Change(
                inner, "transpose-added", f"{name}.T", name, f"whether {name} is to be turned"
            )
        case f.Binary("@", left, right):
            yield Change(
                f.Binary("*", left, right), "product-wrong", "@", "*", "the kind of a product"
            )
            yield Change(
                f.Binary("@", right, left),
                "order-wrong",
                "a @ b",
                "b @ a",
                "the order of a product",
            )
            yield Change(
                f.Call("outer", (left, right)),
                "product-wrong",
                "@",
                "outer",
                "the kind of a product",
            )
        case f.Binary("*", left, right):
            yield Change(
                f.Binary("@", left, right), "product-wrong", "*", "@", "the kind of a product"
            )
            yield Change(
                f.Call("outer", (left, right)),
                "product-wrong",
                "*",
                "outer",
                "the kind of a product",
            )
        case f.Call("outer", (left, right)):
            turned = f.Call("outer", (right, left))
            yield Change(
                turned, "order-wrong", "outer(a, b)", "outer(b, a)", "the order of a product"
            )


def _indices(shape: Sequence[int], letters: frozenset[str]) -> Iterator[tuple[f.Index, ...]]:
    """All indices for all axes: the letters at hand, and 1 where that is the only one."""
    names: list[f.Index] = [f.Letter(name) for name in sorted(letters)]
    choices = [[1, *names] if n == 1 else names for n in shape]
    if shape:
        yield from itertools.islice(itertools.product(*choices), 30)
