"""A network as a list of definitions, each a formula in names that stand above it.

mu[j]  = mean(n, x[n,j])          entry by entry: letters are the axes
S      = Q @ K.T / sqrt(2)        whole: with the shape that the formula has
h[0]   = 0                        the base of a recurrence
h[t]   = tanh(w*x[t] + u*h[t-1])  and its steps
f(u)   = u/(1 + exp(-u))          a function of the sheet's own
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gradsheet.language import formula as f

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Definition:
    """name[axes] = formula.

    `axes` are the letters that it goes over, () where it is whole; a whole
    number at the axis of a recurrence makes it a base. `line` is where it
    stands in the file.
    """

    name: str
    axes: tuple[int | str, ...]
    formula: f.Node
    line: int = field(default=0, compare=False)

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters among its axes."""
        return tuple(axis for axis in self.axes if isinstance(axis, str))


@dataclass(frozen=True)
class OwnFunction:
    """name(argument) = formula, entry by entry; in the formula the argument is
    the quantity of that name."""

    name: str
    argument: str
    formula: f.Node
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Block:
    """Definitions that are evaluated together, in this order.

    One alone, where `axis` is None; or the steps of a recurrence: at each of
    `steps` the definitions in this order, with that number at their axis
    `axis`. `bases` are evaluated before, each at its own number.
    """

    definitions: tuple[Definition, ...]
    axis: int | None = None
    steps: tuple[int, ...] = ()
    bases: tuple[Definition, ...] = ()


@dataclass(frozen=True)
class Graph:
    """The definitions of a network, and what it starts from.

    `given` has the shape of everything given; `whole_numbers` the entries, as
    nested tuples, of what serves as an index; `sizes` the letters that shapes
    are given with, each with the size that is tried.
    """

    given: tuple[tuple[str, Shape], ...]
    definitions: tuple[Definition, ...]
    functions: tuple[OwnFunction, ...] = ()
    sizes: tuple[tuple[str, int], ...] = ()
    whole_numbers: tuple[tuple[str, Any], ...] = ()
