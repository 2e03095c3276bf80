"""What JAX has of every family: the Hessian along a direction, forward over reverse,
and what every example alone sends back, a pull-back under vmap."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

import ref

Gradients = tuple[jax.Array | None, ...]


def family_hvp(
    family: str, arrays: Sequence[Any], directions: Sequence[Any], dout: Any, **settings: Any
) -> Gradients:
    """The Hessian of sum dout out by all arrays of a family, times a direction: of
    the arrays' shapes, None where a family has no gradient.

    `directions` has an array of the same shape for every array, or None where that
    stays. ValueError for a family that there is not.
    """
    forward, moving, arrays = _forward(family, arrays, settings)
    along = [directions[k] for k in moving]
    tangents = [
        jnp.zeros_like(a) if v is None else jnp.asarray(v, a.dtype)
        for a, v in zip(arrays, along, strict=True)
    ]

    def gradients(*arrays: jax.Array) -> Any:
        return jax.vjp(forward, *arrays)[1](dout)

    _, rates = jax.jvp(gradients, tuple(arrays), tuple(tangents))
    return _placed(rates, moving, len(directions))


def family_per_example_gradients(
    family: str, arrays: Sequence[Any], dout: Any, **settings: Any
) -> Gradients:
    """What every example alone sends back to the arrays of a family: of their shapes,
    with an axis of the examples in front, None where a family has no gradient.

    Examples are the rows of out and dout; of a loss with reduction="none".
    ValueError for a family that there is not, and where out has no rows.
    """
    count = len(arrays)
    forward, moving, arrays = _forward(family, arrays, settings)
    out, pull_back = jax.vjp(forward, *arrays)
    _check_examples([one.shape for one in jax.tree.leaves(out)])

    def alone(dout: Any) -> jax.Array:
        dout, n = jnp.asarray(dout), jnp.arange(len(dout))
        return jnp.zeros((len(dout), *dout.shape), dout.dtype).at[n, n].set(dout)

    return _placed(jax.vmap(pull_back)(jax.tree.map(alone, dout)), moving, count)


def _check_examples(shapes: Sequence[tuple[int, ...]]) -> None:
    """ValueError where what comes out, of these shapes, has no examples in front."""
    for shape in shapes:
        if not shape:
            raise ValueError('out is a number, expected examples in front: write reduction="none"')
        if not shape[0]:
            raise ValueError(f"out has the shape {shape}, expected at least one example in front")


def _forward(
    family: str, arrays: Sequence[Any], settings: dict[str, Any]
) -> tuple[Callable[..., Any], list[int], list[jax.Array]]:
    """A family as a function of those of its arrays that hold floats, their places,
    and these; ValueError where there is none of the name."""
    names = [name for families in ref.FAMILIES.values() for name in families]
    if family not in names:
        raise ValueError(f"family is {family!r}, expected one of {', '.join(names)}")
    every = [None if a is None else jnp.asarray(a) for a in arrays]
    floats = {
        k: a for k, a in enumerate(every) if a is not None and jnp.issubdtype(a.dtype, jnp.floating)
    }

    def forward(*moved: jax.Array) -> Any:
        placed = dict(zip(floats, moved, strict=True))
        return getattr(ref, family)(*(placed.get(k, a) for k, a in enumerate(every)), **settings)

    return forward, [*floats], [*floats.values()]


def _placed(found: Sequence[jax.Array], places: Sequence[int], count: int) -> Gradients:
    """What belongs to these places, None at the others."""
    at = dict(zip(places, found, strict=True))
    return tuple(at.get(k) for k in range(count))
