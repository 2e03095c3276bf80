"""How far the letters of a formula run, for the witness JAX alone.

A letter that indexes an axis alone runs over that axis. One that stands only in
sums, the i and j of x[i+a-1, j+b-1], runs as far as every index stays inside.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gradsheet.language import formula as f
from gradsheet.network.graph import Shape
from gradsheet.truth.lettered import Scope
from gradsheet.truth.unrolled import Unrolled, Untraceable

Sums = Mapping[str, f.Sum]  # by the letters that they bind


@dataclass(frozen=True)
class LetterRanges:
    """The ranges of letters in formulas of a graph, where the shape of all that
    has indices is known, the empty one where it is not yet."""

    unrolled: Unrolled
    shape: Callable[[f.Quantity | f.Subscript, Scope], Shape]

    def of_sum(self, node: f.Sum, scope: Scope, asked: frozenset[str] = frozenset()) -> range:
        """How far the letter of a sum runs."""
        if node.bounds is not None:
            return range(node.bounds[0], node.bounds[1] + 1)
        return self.of(node.letter.name, node.term, scope, asked)

    def of(
        self, letter: str, node: f.Node, scope: Scope, asked: frozenset[str] = frozenset()
    ) -> range:
        """How far a letter runs in a formula; `asked` are those that this
        depends on already."""
        scope = {name: run for name, run in scope.items() if name != letter}
        sites = list(self._sites(letter, node, scope))
        sizes = {size for index, size, _ in sites if isinstance(index, f.Letter)}
        if not sizes and sites and letter not in asked:
            asked |= {letter}
            ends = []
            for index, size, sums in sites:
                others = {
                    name: self._other(name, node, sums, scope, asked)
                    for name in index.letters - {letter}
                }
                ends.append(self._end(letter, index, size, others))
            sizes = {min(ends)}
        if len(sizes) != 1:
            raise Untraceable(f"how far {letter} runs")
        return range(1, sizes.pop() + 1)

    def _other(
        self, name: str, node: f.Node, sums: Sums, scope: Scope, asked: frozenset[str]
    ) -> range | int:
        if name in sums:
            return self.of_sum(sums[name], scope, asked)
        return scope[name] if name in scope else self.of(name, node, scope, asked)

    def _end(self, letter: str, index: f.Node, size: int, others: Scope) -> int:
        """The last value of a letter with which an index is inside, for all
        values of the others."""
        ends = []
        extremes = [
            (run, run) if isinstance(run, int) else (run[0], run[-1]) for run in others.values()
        ]
        for values in itertools.product(*extremes):
            at = dict(zip(others, values, strict=True))
            start, next_one = (self.unrolled.whole(index, {**at, letter: k}) for k in (0, 1))
            factor = next_one - start  # the index is start + factor k, from 1 to size
            ends.append((size - start) // factor if factor > 0 else (start - 1) // -factor)
        return int(min(ends))

    def _sites(self, letter: str, node: f.Node, scope: Scope) -> Iterator[tuple[f.Node, int, Sums]]:
        """The indices with a letter in them, the size of the axis of each, and
        the sums that it stands in."""
        for part, sums in f.walk_in_sums(node, letter):
            if not isinstance(part, f.Quantity | f.Subscript):
                continue
            for index, size in zip(part.indices, self.shape(part, scope), strict=False):
                if isinstance(index, f.Node) and letter in index.letters and _is_sum(index):
                    yield index, size, sums


def _is_sum(index: f.Node) -> bool:
    """Whether an index is made of letters and numbers, not of what is given."""
    return not any(isinstance(part, f.Quantity) and part.indices for part in f.walk(index))
