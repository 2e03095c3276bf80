"""What is right, in float64, on the word of several witnesses, and how far
floats may be from it.

Small networks are computed on fractions, or enclosed where exp or log enters,
by the three witnesses of `point`. Large ones are computed in float64 by hand
and by JAX, which have to agree to their error bounds, or exactly where nothing
is rounded; and at a sample of the entries to forty digits by `enclosed`.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import manual
from gradsheet.checking.asked import Arrays, ParameterGradients
from gradsheet.checking.enclosed import gradient_at
from gradsheet.checking.probes import Data
from gradsheet.checking.rounding import Rounding, unit_roundoff, within
from gradsheet.numbers.printed import as_float
from gradsheet.numbers.reasons import AtKink, Undecided
from manual.activations import Array

SAMPLE = 4  # entries of a tensor that are computed to forty digits
MOST_NODES = 1_000_000  # of a network over all examples, for that


@dataclass(eq=False)
class Bounds:
    """How far answers to a question at some data may be off, found once for
    every type of floats."""

    asked: ParameterGradients
    data: Data
    _found: dict[tuple[str, bool], tuple[Arrays, frozenset[str]]] = field(default_factory=dict)

    def of(self, dtype: str, *, sharp: bool = False) -> tuple[Arrays, frozenset[str]]:
        """The bounds, and the arrays that may not be off at all.

        In a large network a bound may be as much as the numbers are; the
        `sharp` one is what answers likely keep to.
        """
        if (key := (dtype, sharp)) not in self._found:
            self._found[key] = errors_of(self.asked, self.data, dtype, sharp=sharp)
        return self._found[key]


@dataclass
class Truth:
    """The right arrays by name, in float64, and how far these may be off; how
    far answers may, by type of floats; `sampled` counts entries of forty
    digits."""

    values: Arrays
    errors: Arrays
    bounds: Bounds
    witnesses: str
    sampled: int = 0


def truth_at(asked: ParameterGradients, data: Data) -> Truth:
    """Raises ValueError where the witnesses disagree. Where a z is exactly 0,
    its derivative is taken to be 0."""
    try:
        return _truth_at(asked, data)
    except Undecided as error:
        raise ValueError(
            f"there is no verdict on these numbers, {error}: smaller ones may do"
        ) from None


def _truth_at(asked: ParameterGradients, data: Data) -> Truth:
    bounds = Bounds(asked, data)
    if asked.is_small(whole=_are_short(data)) and (exact := _exact(asked, data)) is not None:
        values = {name: np.vectorize(as_float, [float])(array) for name, array in exact.items()}
        errors = {name: unit_roundoff("float64") * abs(array) for name, array in values.items()}
        if asked.what == "hvp":
            _agreed(bounds, values)
            return Truth(values, errors, bounds, "by hand in exact arithmetic, and by JAX")
        return Truth(values, errors, bounds, "on the word of three exact witnesses")
    with np.errstate(all="ignore"):
        mine = {name: np.asarray(array) for name, array in asked.by(manual, data).items()}
    errors = _agreed(bounds, mine)
    sampled = _sample(asked, data, mine, errors) if asked.what == "gradients" else 0
    words = "by hand and by JAX in float64"
    return Truth(
        mine,
        errors,
        bounds,
        f"{words}, {sampled} entries to 40 digits" if sampled else words,
        sampled,
    )


def _are_short(data: Data) -> bool:
    """Whether the numbers are such as people write, so that fractions of them stay short."""
    arrays = [
        data.x,
        *([] if data.y is None else [data.y]),
        *(a for layer in data.params for a in layer if a is not None),
    ]
    return all((1024 * array == np.round(1024 * array)).all() for array in arrays)


def _exact(asked: ParameterGradients, data: Data) -> Arrays | None:
    """On the word of all witnesses; None at a kink, where they are not asked."""
    try:
        return asked.exact(data)
    except AtKink:
        return None


def by_jax(asked: ParameterGradients, data: Data) -> Arrays:
    """In float64, compiled as a whole."""
    import jax

    import ref

    with jax.enable_x64(True):
        arguments = data.params, data.x, data.y, data.direction

        def answer(params: Any, x: Any, y: Any, direction: Any) -> Any:
            return asked.by(ref, replace(data, params=params, x=x, y=y, direction=direction))

        return {name: np.asarray(array) for name, array in jax.jit(answer)(*arguments).items()}


def errors_of(
    asked: ParameterGradients, data: Data, dtype: str, *, sharp: bool = False
) -> tuple[Arrays, frozenset[str]]:
    """How far an answer in floats of a type may be off, and the arrays on whose
    way nothing is rounded at all."""
    rounding = Rounding(asked.network, data.params, data.x, data.y, dtype, sharp=sharp)
    with np.errstate(all="ignore"):
        balls = asked.errors(rounding, data)
    errors = {
        name: np.nan_to_num(ball.error, nan=np.inf, posinf=np.inf) for name, ball in balls.items()
    }
    return errors, frozenset(name for name, ball in balls.items() if ball.is_exact)


def _agreed(bounds: Bounds, mine: Arrays) -> Arrays:
    """The bound to which an answer in float64 agrees with JAX's, the likely one
    where it does to that.

    Raises Undecided where it does not agree.
    """
    theirs = by_jax(bounds.asked, bounds.data)
    (worst, exact), (likely, _) = bounds.of("float64"), bounds.of("float64", sharp=True)
    errors = {}
    for name, array in mine.items():
        errors[name] = 0 * worst[name] if name in exact else worst[name]
        if within(array, theirs[name], 2 * likely[name]).all():
            errors[name] = np.minimum(errors[name], 2 * likely[name])
        if not within(array, theirs[name], 2 * errors[name]).all():
            raise Undecided(
                f"the witnesses disagree on {bounds.asked.label(name)}: by hand against JAX"
            )
    return errors


def _sample(asked: ParameterGradients, data: Data, mine: Arrays, bounds: Arrays) -> int:
    """Hold some entries against forty digits: the largest, the smallest that is
    not 0, and some between.

    None of a data set so large that it takes long.
    """
    if len(data.x) * sum(asked.network.widths) > MOST_NODES:
        return 0
    entries = {name: _spread(array) for name, array in mine.items() if name != "L"}
    exact = gradient_at(asked.network, data.params, data.x, data.y, entries)
    if exact is None:
        return 0
    for name, indices in entries.items():
        for index, value in zip(indices, exact[name], strict=True):
            allowed = bounds[name][index] + unit_roundoff("float64") * abs(value)
            if abs(mine[name][index] - value) > allowed:
                where = f"{asked.label(name)} at {list(index)}"
                raise Undecided(
                    f"the witnesses disagree on {where}: in float64 against forty digits"
                )
    return sum(map(len, entries.values()))


def _spread(array: Array) -> list[tuple[int, ...]]:
    order = np.argsort(abs(array), axis=None)
    order = order[np.count_nonzero(array == 0) :] if array.any() else order
    places = np.unique(np.linspace(0, len(order) - 1, SAMPLE).astype(int))
    return [tuple(map(int, np.unravel_index(order[place], array.shape))) for place in places]
