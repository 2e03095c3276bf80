"""JAX's arrays with letters: x[n,j] - mu[j] for all n and j at once.

A formula in letters is traced once, and not for every value of them: each
letter that a part of it depends on is an axis of that part's array, in front of
the axes that the part has by itself. How far a letter runs is known, so every
index is a whole number when the program is written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

FLOAT = np.dtype("float32")  # what JAX is told of every number, whatever it is when a program runs

# How far letters run; a whole number where it is that of one step of a recurrence.
Scope = Mapping[str, range | int]


@dataclass(frozen=True)
class Lettered:
    """An array whose first axes are letters, one each."""

    array: jax.Array
    letters: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that it has for one value of the letters."""
        return self.array.shape[len(self.letters) :]

    def spread(self, letters: Sequence[str], rank: int) -> jax.Array:
        """The array with these letters as axes, of length 1 where it has none
        of them, and with so many further axes, those that it lacks in front."""
        own = [letter for letter in letters if letter in self.letters]
        axes = [*map(self.letters.index, own), *range(len(own), self.array.ndim)]
        array = self.array if axes == sorted(axes) else self.array.transpose(axes)
        sizes = dict(zip(own, array.shape, strict=False))
        shape = (*(sizes.get(letter, 1) for letter in letters), *self._padded(rank))
        return array if shape == array.shape else array.reshape(shape)

    def _padded(self, rank: int) -> tuple[int, ...]:
        return (1,) * (rank - len(self.shape)) + self.shape

    def filled(self, letters: Sequence[str], scope: Scope) -> jax.Array:
        """The array with these letters as axes, each as long as the letter runs."""
        sizes = tuple(len(run) for l in letters if isinstance(run := scope[l], range))
        array = self.spread(letters, len(self.shape))
        return array if array.shape[: len(sizes)] == sizes else _to(array, sizes + self.shape)


def _to(array: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jnp.broadcast_to(array, shape)


def _letters_of(values: Iterable[Lettered]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(letter for value in values for letter in value.letters))


def entrywise(function: Callable[..., jax.Array], *values: Lettered) -> Lettered:
    """A function that goes entry by entry, and broadcasts as NumPy does."""
    letters, rank = _letters_of(values), max(len(value.shape) for value in values)
    return Lettered(function(*(value.spread(letters, rank) for value in values)), letters)


def lifted(function: Callable[..., jax.Array], *values: Lettered) -> Lettered:
    """A function of whole arrays, for every value of the letters."""
    letters = _letters_of(values)
    for at in reversed(range(len(letters))):
        inner = [[letter for letter in v.letters if letter in letters[at:]] for v in values]
        axes = [own.index(letters[at]) if letters[at] in own else None for own in inner]
        function = jax.vmap(function, axes)
    return Lettered(function(*(value.array for value in values)), letters)


def over_letter(
    function: Callable[[jax.Array, int], jax.Array], value: Lettered, letter: str
) -> Lettered:
    """A function that takes the axis of a letter away, a sum say."""
    rest = tuple(other for other in value.letters if other != letter)
    return Lettered(function(value.array, value.letters.index(letter)), rest)


def grids_of(letters: Iterable[str], scope: Scope) -> dict[str, Any]:
    """The values of some letters, each letter along an axis of its own; that of
    a step is a number."""
    runs = {letter: scope[letter] for letter in letters}
    open_runs = {letter: run for letter, run in runs.items() if isinstance(run, range)}
    return {**runs, **dict(zip(open_runs, np.ix_(*map(np.array, open_runs.values())), strict=True))}


def taken(value: Lettered, indices: Sequence[Any], grids: Mapping[str, Any]) -> Lettered:
    """The entries at indices from 1, numbers or arrays on the `grids` of all
    letters that they and the array have.

    A letter of the array that stands in an index, too, is one and the same: of
    `d(x[i]**2)/dx[i]` the diagonal is taken.
    """
    letters = tuple(letter for letter, grid in grids.items() if np.ndim(grid))
    own = [grids[letter] - grids[letter].min() for letter in value.letters]
    places = np.broadcast_arrays(*own, *(np.asarray(index) - 1 for index in indices))
    head, rest = value.array.shape[: len(places)], value.array.shape[len(places) :]
    flat = np.asarray(np.ravel_multi_index(places, head), np.int32)
    numbers = lax.GatherDimensionNumbers(
        offset_dims=tuple(range(flat.ndim, flat.ndim + len(rest))),
        collapsed_slice_dims=(0,),
        start_index_map=(0,),
    )
    array = lax.gather(
        value.array.reshape(-1, *rest),
        flat[..., None],
        numbers,
        (1, *rest),
        mode=lax.GatherScatterMode.PROMISE_IN_BOUNDS,
    )
    return Lettered(array, letters)
