"""The numbers a function is called with: chosen, so that a mistake shows.

Beside the data of the caller: small whole numbers, which floats add up and
multiply without rounding; fractions; indices that repeat, drawn from those of
the caller; and numbers with ties
and zeros, at the kinks. Cotangents are dense and uneven: a wrong backward pass
gives the right answer for ones often enough.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from gradsheet.vjp.program import Leaf, Traced
from gradsheet.vjp.truth import Probe
from manual.activations import Array

Draw = Callable[[tuple[int, ...], np.random.Generator], Array]


def _whole(shape: tuple[int, ...], draw: np.random.Generator) -> Array:
    return draw.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], shape)


def _fractions(shape: tuple[int, ...], draw: np.random.Generator) -> Array:
    return draw.choice([-1.0, 1.0], shape) * (2 * draw.integers(1, 24, shape) + 1) / 16


def _tied(shape: tuple[int, ...], draw: np.random.Generator) -> Array:
    return draw.choice([-1.0, 0.0, 1.0], shape)


_DRAWS: dict[str, Draw] = {
    "small whole numbers": _whole,
    "fractions": _fractions,
    "zeros and ties": _tied,
}
WHOLE, FRACTIONS, TIED = _DRAWS


def _as_like(example: Array, drawn: Array, draw: np.random.Generator) -> Array:
    """Numbers of the kind that an argument has: masks stay masks, what is
    positive stays positive, a part of 1 a part of 1, and a matrix of some
    structure keeps it."""
    if not np.isfinite(example).all():
        return example
    zeros_and_ones = np.isin(example, (0, 1)).all()
    if zeros_and_ones and example.any() and not example.all():
        return draw.permutation(example.reshape(-1)).reshape(example.shape)
    if structure := structure_of(example):
        turned = np.swapaxes(drawn, -1, -2)
        match structure:
            case "symmetric":
                return drawn + turned
            case "positive definite":
                return np.asarray(drawn @ turned + np.eye(drawn.shape[-1]))
        return np.tril(drawn) if structure == "lower triangular" else np.triu(drawn)
    if example.size and (example > 0).all() and not zeros_and_ones:
        positive = abs(drawn) + (drawn == 0)
        return np.asarray(positive / 4 if (example < 1).all() else positive)
    return drawn


def structure_of(example: Array) -> str:
    """What a matrix is that its numbers are given for, where one that is drawn
    would not be; nothing of diagonal ones, which weights may start from."""
    if example.ndim < 2 or example.shape[-1] != example.shape[-2] or not np.ptp(example):
        return ""
    lower, upper = np.tril(example, -1).any(), np.triu(example, 1).any()
    if not lower or not upper:
        return "lower triangular" if lower else "upper triangular" if upper else ""
    if not np.array_equal(example, np.swapaxes(example, -1, -2)):
        return ""
    return "positive definite" if (np.linalg.eigvalsh(example) > 0).all() else "symmetric"


def redrawn(array: Array, draw: np.random.Generator) -> Array:
    """Whole numbers of an argument drawn again, so that some repeat. The least and
    the greatest stay among them: such is what has a meaning of its own, a label
    of -100 or 255 that is to be ignored."""
    found = draw.choice(array.reshape(-1), array.size)
    if array.size > 2:
        found[draw.permutation(array.size)[:2]] = array.min(), array.max()
    return np.asarray(found.reshape(array.shape))


def cotangents(leaves: Sequence[Leaf], draw: np.random.Generator) -> list[Array]:
    """Dense, uneven, small whole numbers."""
    return [draw.choice([-5.0, -3.0, -2.0, -1.0, 1.0, 2.0, 4.0, 5.0], l.shape) for l in leaves]


def probes(
    program: Traced, examples: Sequence[Sequence[Array]], moved: Sequence[Leaf]
) -> Iterator[Probe]:
    """The caller's own data, then numbers like them; `moved` are the leaves that
    have a direction."""
    for seed, example in enumerate(examples):
        directions = cotangents(moved, np.random.default_rng(seed))
        yield Probe([*example], directions, "the numbers given")
    first = examples[0]
    for seed, (words, drawn) in enumerate(_DRAWS.items(), 101):
        draw = np.random.default_rng(seed)
        inputs = []
        for leaf, array in zip(program.inputs, first, strict=True):
            if leaf.is_float:
                inputs.append(_as_like(array, drawn(leaf.shape, draw), draw))
            elif words == FRACTIONS and array.ndim and array.size:
                inputs.append(redrawn(array, draw))
            else:
                inputs.append(array)
        yield Probe(inputs, cotangents(moved, draw), words)
