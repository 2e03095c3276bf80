"""Values as a person sees them who carries on with other numbers than the right ones."""

from collections.abc import Callable, Sequence
from typing import Any

from gradsheet.truth.graph_values import GraphCarried, GraphValues
from gradsheet.truth.sweep import Change
from gradsheet.truth.values import Index, Tensor

Changes = dict[Tensor, dict[Index, Change]]


def carried(
    point: GraphValues,
    changes: Any = None,
    edits: Any = None,
    *,
    floats: bool = False,
    kind: Callable[[Any], Any] | None = None,
    variants: int = 1,
) -> Any:
    """The values at a point with changes to numbers, in `floats` for a first
    look or in numbers of a `kind`; with `edits` to steps, of the sweep or of
    another pass, which they carry out themselves."""
    options: Any = {"floats": floats, "kind": kind, "variants": variants}
    if hasattr(edits, "carried_at"):
        return edits.carried_at(point, changes, **options)
    return GraphCarried(point, changes, edits, **options)


def nudged(
    point: GraphValues, name: str, index: Index, by: Any, of: str, entries: Sequence[Index]
) -> list[Any]:
    """Some entries of a node where one entry of another is changed by so much."""
    change: Any = {name: {index: lambda computed: computed + by}}
    return list(GraphCarried(point, change).in_all(of, entries)[0])
