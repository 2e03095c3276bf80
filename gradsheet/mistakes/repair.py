"""The small change that makes a formula true.

A formula whose index is outside its axis, or whose shapes do not fit, has no
value that a mistake in the pass could give. There it is the formula that is
edited, once or twice: an index for another, a transpose more or less, `@` for
`*`. A change is named only if the formula is then the truth, as an identity or
in the sheet's numbers.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from gradsheet.claims.judgement import Explanation
from gradsheet.language import formula as f
from gradsheet.language.text import formula_text, show_index
from gradsheet.network.network import Network

MAX_SECOND = 600  # pairs of changes that are tried


class Change(NamedTuple):
    """A formula with one thing changed, and what that is."""

    line: f.Node
    code: str
    written: str
    wanted: str
    hint: str

    @property
    def explanation(self) -> Explanation:
        """The change as it is told."""
        text = f"{self.written} stands for {self.wanted}"
        return Explanation(self.code, text, "formula", self.hint)


def repaired(
    line: f.Node,
    quantity: f.Node,
    network: Network,
    is_true: Callable[[f.Node], bool],
    right: Collection[int] = (),
) -> list[tuple[Change, ...]]:
    """The single changes that make a formula true, or if there are none the pairs of them.

    Of a list the items of the numbers `right` are known to be, and stay as they are.
    """
    edits = _Edits(quantity.letters, network, right)
    first = list(edits.of(line))
    if singles := [(change,) for change in first if is_true(change.line)]:
        return list(singles)
    pairs = (
        (one, two)
        for one in first
        for two in edits.of(one.line)
        # Made in different places, as far as their words tell.
        if one.written not in two[2:4] and one.wanted not in two[2:4]
    )
    seen: dict[frozenset[Any], tuple[Change, ...]] = {}
    for one, two in itertools.islice(pairs, MAX_SECOND):
        key = frozenset(((one.written, one.wanted), (two.written, two.wanted)))
        if key not in seen and is_true(two.line):
            seen[key] = one, two
    return list(seen.values())


# Where a part stands: every node above it, from within outwards, with the number of what leads
# to it below that.
_Path = tuple[tuple[f.Node, int], ...]


@dataclass(frozen=True)
class _Edits:
    """The changes that may be made to formulas for a quantity with some `letters`;
    of a list not to the items of the numbers `right`."""

    letters: frozenset[str]
    network: Network
    right: Collection[int]
    # Those of names, by these and the letters at hand: most formulas have the same ones.
    _of_names: dict[tuple[f.Node, frozenset[str]], list[Change]] = field(default_factory=dict)

    def of(self, line: f.Node) -> Iterator[Change]:
        """Every formula that differs from this one in one place."""
        for node, path, inner in self._places(line, (), self.letters):
            for change in self._here(node, inner):
                changed = change.line
                for parent, k in path:
                    others = (*parent.below[:k], changed, *parent.below[k + 1 :])
                    changed = f.rebuilt(parent, others)
                yield change._replace(line=changed)

    def _here(self, node: f.Node, letters: frozenset[str]) -> Iterable[Change]:
        if not isinstance(node, f.Quantity):
            return _here(node, letters, self.network)
        key = node, letters
        if key not in self._of_names:
            self._of_names[key] = list(_here(node, letters, self.network))
        return self._of_names[key]

    def _places(
        self, node: f.Node, path: _Path, letters: frozenset[str]
    ) -> Iterator[tuple[f.Node, _Path, frozenset[str]]]:
        """Every part of a formula that may be changed, with the letters at hand there."""
        yield node, path, letters
        inner = letters | {node.letter.name} if isinstance(node, f.Sum) else letters
        named = f.Derivative | f.Quantity
        if isinstance(node, named) or (
            isinstance(node, f.Transpose) and isinstance(node.operand, named)
        ):
            return
        # What a formula is derived by stays a name.
        below = (node.term,) if isinstance(node, f.DerivativeOf) else node.below
        for k, part in enumerate(below):
            if path or k not in self.right:
                yield from self._places(part, ((node, k), *path), inner)


def _here(node: f.Node, letters: frozenset[str], network: Network) -> Iterator[Change]:
    match node:
        case f.Quantity(name, indices):
            shape = network.shapes.get(network.canonical(name), ())
            for others in _indices(shape, letters):
                if others != indices:
                    other = replace(node, indices=others)
                    code = "index-wrong" if indices else "index-missing"
                    words = name + show_index(indices), name + show_index(others)
                    yield Change(other, code, *words, f"the indices of {name}")
            if len(shape) == 2 and not indices:
                yield _turned(node)
        case f.Derivative(of, by) if len(_shape(of, network) + _shape(by, network)) == 2:
            yield _turned(node)
        case f.Transpose(f.Quantity(_, ()) | f.Derivative() as inner):
            yield _turned(inner)._replace(
                line=inner,
                code="transpose-added",
                written=formula_text(node),
                wanted=formula_text(inner),
            )
        case f.Chain(operators, operands):
            for k in reversed(range(len(operators))):
                for change in _of_product(*node.operation(k)):
                    rest = (change.line, *operands[k + 2 :])
                    yield change._replace(line=f.chain(operators[k + 1 :], rest))
        case f.Call("outer", (left, right)):
            turned, hint = f.Call("outer", (right, left)), "the order of a product"
            yield Change(turned, "order-wrong", "outer(a, b)", "outer(b, a)", hint)


def _shape(node: f.Quantity, network: Network) -> tuple[int, ...]:
    """The shape of a name behind its indices."""
    return network.shapes.get(network.canonical(node.name), ())[len(node.indices) :]


def _turned(node: f.Node) -> Change:
    """A matrix with its transpose in its place."""
    name, turned = formula_text(node), f.Transpose(node)
    hint = f"whether {name} is to be turned"
    return Change(turned, "transpose-missing", name, formula_text(turned), hint)


def _of_product(left: f.Node, operator: str, right: f.Node) -> Iterator[Change]:
    """Every operation that may be meant where an operator is one of a product."""
    if operator in "@*":
        sign, kind = "*" if operator == "@" else "@", "the kind of a product"
        yield Change(f.chain(sign, (left, right)), "product-wrong", operator, sign, kind)
        if operator == "@":
            swapped, order = f.Chain("@", (right, left)), "the order of a product"
            yield Change(swapped, "order-wrong", "a @ b", "b @ a", order)
        outer = f.Call("outer", (left, right))
        yield Change(outer, "product-wrong", operator, "outer", kind)


def _indices(shape: Sequence[int], letters: frozenset[str]) -> Iterator[tuple[f.Index, ...]]:
    """All indices for all axes: the letters at hand, and 1 where that is the only one."""
    names: list[f.Index] = [f.Letter(name) for name in sorted(letters)]
    choices = [[1, *names] if n == 1 else names for n in shape]
    if shape:
        yield from itertools.islice(itertools.product(*choices), 30)
