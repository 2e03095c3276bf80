"""Dropout with a mask that is given, and embedding.

Conventions are as `manual.lookup` says it.
"""

from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp

from ref.shapes import are_arrays, fit, stretched


def _known(array: Any) -> bool:
    """Whether JAX knows the entries of an array already, so that they can be checked."""
    return not isinstance(array, jax.core.Tracer)


def dropout(x: jax.Array, mask: jax.Array, *, rate: Any) -> jax.Array:
    """x mask / (1 - rate), and 0 where mask is, whatever x is there; x (...),
    mask of 0 and 1, or of bools, of a shape that stretches to that of x.

    ValueError where it does not, where the mask holds other numbers (under jit
    and vmap nobody knows), and where the rate is not 0 or more and below 1.

        >>> dropout(jnp.array([3.0, 4.0]), jnp.array([1, 0]), rate=0.5)
        Array([6., 0.], dtype=float32)
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate is {rate}, expected 0 <= rate < 1: write 0 * x to drop all")
    are_arrays(x=x, mask=mask)
    stretched("mask", mask, "x", x.shape)
    if _known(mask):
        with jax.ensure_compile_time_eval():
            other = (mask != 0) & (mask != 1)
            if other.any():
                found = mask[other][0]
                raise ValueError(
                    f"mask holds {found}, expected 0 and 1: dropout divides by 1 - rate itself"
                )
    keep = float(1 - Fraction(str(rate)))
    return jnp.where(jnp.broadcast_to(mask != 0, x.shape), x / keep, 0)


def embedding(table: jax.Array, indices: jax.Array) -> jax.Array:
    """The rows of a table (V, D) at indices (...); out (..., D).

    ValueError where the table does not have two axes, and where the indices are not
    whole numbers from 0 to V - 1. Under jit and vmap nobody knows them: there a
    row that is not in the table is NaN.

        >>> embedding(jnp.array([[1.0], [2.0], [3.0]]), jnp.array([2, 0, 2])).tolist()
        [[3.0], [1.0], [3.0]]
    """
    rows = fit("table (V, D)", table=table)["V"]
    are_arrays(indices=indices)
    if indices.dtype.kind not in "iu":
        raise ValueError(f"indices are {indices.dtype}, expected whole numbers: write astype(int)")
    indices = indices.astype(int)  # V need not be a number of theirs
    if _known(indices):
        with jax.ensure_compile_time_eval():
            beside = (indices < 0) | (indices >= rows)
            if beside.any():
                found = indices[beside][0]
                raise ValueError(
                    f"indices hold {found}, expected 0 to {rows - 1}: the table has {rows} rows"
                )
    beyond = jnp.where(indices < 0, rows, indices)  # JAX would count these from the end
    return jnp.take(table, beyond, axis=0, mode="fill")
