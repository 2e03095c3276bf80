"""Values as a person sees them who carries on with other numbers than the right ones."""

from collections.abc import Callable
from typing import Any

from gradsheet.truth.carried import Carried
from gradsheet.truth.graph_values import GraphCarried, GraphValues
from gradsheet.truth.steps import Changes
from gradsheet.truth.values import Values


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
    if edits is None and isinstance(point, GraphValues):
        return GraphCarried(point, changes, **options)
    return Carried(point, changes, edits, **options)
