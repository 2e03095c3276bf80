"""What is right, in float64, on the word of several witnesses, and how far
floats may be from it.

Small networks are computed on fractions, or enclosed where exp or log enters,
by the three witnesses of `point`. Large ones are computed in float64 by hand
and by JAX, which have to agree to their error bounds, or exactly where nothing
is rounded; and at a sample of the entries to forty digits by `enclosed`.
"""

import contextlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import manual
from gradsheet.checking.asked import Arrays, ParameterGradients, asked_for
from gradsheet.checking.enclosed import gradient_at
from gradsheet.checking.probes import Data
from gradsheet.checking.rounding import rounding_of, unit_roundoff, within
from gradsheet.network.network import Network
from gradsheet.numbers.printed import as_float
from gradsheet.numbers.reasons import AtKink, Undecided
from manual.activations import Array

SAMPLE = 4  # entries of a tensor that are computed to forty digits
MOST_NODES = 1_000_000  # of a network over all examples, for that


@dataclass(eq=False)
class ErrorBounds:
    """How far answers to a question at some data may be off, found once for
    every type of floats."""

    asked: ParameterGradients
    data: Data
    _known: dict[tuple[str, bool], tuple[Arrays, frozenset[str]]] = field(default_factory=dict)

    def of(self, dtype: str, *, sharp: bool = False) -> tuple[Arrays, frozenset[str]]:
        """The bounds, and the arrays that may not be off at all.

        In a large network a bound may be as much as the numbers are; the
        `sharp` one is what answers likely keep to.
        """
        if (key := (dtype, sharp)) not in self._known:
            self._known[key] = errors_of(self.asked, self.data, dtype, sharp=sharp)
        return self._known[key]


@dataclass
class Truth:
    """The right arrays by name, in float64, and how far these may be off; how
    far answers may, by type of floats; `sampled` counts entries of forty
    digits."""

    values: Arrays
    errors: Arrays
    bounds: ErrorBounds
    witnesses: str
    sampled: int = 0


def truth_at(asked: ParameterGradients, data: Data) -> Truth:
    """Find the truth; where a z is exactly 0, its derivative is taken to be 0.

    Raises ValueError where the witnesses disagree.
    """
    try:
        return _truth_at(asked, data)
    except Undecided as error:
        raise ValueError(
            f"there is no verdict on these numbers, {error}: smaller ones may do"
        ) from None


def _truth_at(asked: ParameterGradients, data: Data) -> Truth:
    bounds = ErrorBounds(asked, data)
    if asked.is_small(whole=_are_short(data)):
        with contextlib.suppress(AtKink):  # where exact witnesses are not asked
            exact = asked.exact(data)
            values = {name: np.vectorize(as_float, [float])(a) for name, a in exact.items()}
            errors = {name: unit_roundoff("float64") * abs(a) for name, a in values.items()}
            words = "on the word of three exact witnesses"
            if asked.what == "hvp":
                _agreed(bounds, values)
                words = "by hand in exact arithmetic, and by JAX"
            return Truth(values, errors, bounds, words)
    with np.errstate(all="ignore"):
        mine = {name: np.asarray(array) for name, array in asked.by(manual, data).items()}
    errors = _agreed(bounds, mine)
    sampled = _sample(asked, data, mine, errors) if asked.what == "gradients" else 0
    words = "by hand and by JAX in float64"
    if sampled:
        words += f", {sampled} entries to 40 digits"
    return Truth(mine, errors, bounds, words, sampled)


def _are_short(data: Data) -> bool:
    """Whether the numbers are such as people write, so that fractions of them stay short."""
    arrays = [data.x, data.y, *(array for layer in data.params for array in layer)]
    return all(
        (1024 * array == np.round(1024 * array)).all() for array in arrays if array is not None
    )


def _by_ref(what: str, of: str, network: Network, *arrays: Any) -> Arrays:
    import ref

    return asked_for(what, of, network).by(ref, Data(*arrays))


def by_jax(asked: ParameterGradients, data: Data) -> Arrays:
    """In float64, compiled as a whole, once for every question and shape."""
    import jax

    arrays = data.params, data.x, data.y, data.direction
    with jax.enable_x64(True):
        answer = jax.jit(_by_ref, static_argnums=(0, 1, 2))
        found = answer(asked.what, asked.of, asked.network, *arrays)
        return {name: np.asarray(array) for name, array in found.items()}


def errors_of(
    asked: ParameterGradients, data: Data, dtype: str, *, sharp: bool = False
) -> tuple[Arrays, frozenset[str]]:
    """How far an answer in floats of a type may be off, and the arrays on whose
    way nothing is rounded at all."""
    rounding = rounding_of(data.problem(asked.network), dtype, sharp=sharp)
    with np.errstate(all="ignore"):
        balls = asked.errors(rounding, data)
    errors = {
        name: np.nan_to_num(ball.error, nan=np.inf, posinf=np.inf) for name, ball in balls.items()
    }
    return errors, frozenset(name for name, ball in balls.items() if ball.is_exact)


def _agreed(bounds: ErrorBounds, mine: Arrays) -> Arrays:
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
    if (exact := gradient_at(data.problem(asked.network), entries)) is None:
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
