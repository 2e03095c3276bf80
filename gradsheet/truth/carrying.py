"""Values as a person sees them who carries on with other numbers than the right ones."""

from collections.abc import Callable, Sequence
from typing import Any

from gradsheet.truth.carried import Carried
from gradsheet.truth.carried import nudged as nudged_layers
from gradsheet.truth.graph_values import GraphCarried, GraphValues
from gradsheet.truth.point import Point
from gradsheet.truth.steps import Changes
from gradsheet.truth.values import Index, Values


def carried(
    point: Values,
    changes: Changes | None = None,
    edits: Any = None,
    *,
    floats: bool = False,
    kind: Callable[[Any], Any] | None = None,
    variants: int = 1,
) -> Any:
    """The values at a point with changes to numbers, in `floats` for a first
    look or in numbers of a `kind`; with `edits` to the steps of a pass through
    layers."""
    options: Any = {"floats": floats, "kind": kind, "variants": variants}
    if isinstance(point, GraphValues) and (edits is None or not isinstance(point, Point)):
        return GraphCarried(point, changes, edits, **options)
    return Carried(point, changes, edits, **options)


def nudged(
    point: Values, name: str, index: Index, by: Any, of: str, entries: Sequence[Index]
) -> list[Any]:
    """Some entries of a node where one entry of another is changed by so much."""
    if isinstance(point, GraphValues) and not isinstance(point, Point):
        change: Any = {name: {index: lambda computed: computed + by}}
        return list(GraphCarried(point, change).in_all(of, entries)[0])
    return nudged_layers(point, name, index, by).entries(of, entries)
