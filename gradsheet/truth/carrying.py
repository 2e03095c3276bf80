"""Values as a person sees them who carries on with other numbers than the right ones."""

from collections.abc import Callable, Sequence
from typing import Any

from gradsheet.truth.carried import Carried
from gradsheet.truth.carried import nudged as nudged_layers
from gradsheet.truth.graph_values import GraphCarried, GraphValues
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
    """The values at a point with changes to numbers and edits to steps, in
    `floats` for a first look or in numbers of a `kind`."""
    options: Any = {"floats": floats, "kind": kind, "variants": variants}
    if isinstance(point, GraphValues):
        return GraphCarried(point, changes, edits, **options)
    return Carried(point, changes, edits, **options)  # type: ignore[arg-type]


def nudged(
    point: Values, name: str, index: Index, by: Any, of: str, entries: Sequence[Index]
) -> list[Any]:
    """Some entries of a node where one entry of another is changed by so much."""
    if isinstance(point, GraphValues):
        change: Any = {name: {index: lambda computed: computed + by}}
        return list(GraphCarried(point, change).entries(of, entries)[0])
    return nudged_layers(point, name, index, by).entries(of, entries)  # type: ignore[arg-type]
