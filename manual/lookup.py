"""Dropout and embedding: out holds entries of x or of a table, some of them not
at all and some of them more than once.

Dropout, of a rate r, with a mask m of 0 and 1 that somebody drew (N. Srivastava
et al., 2014; "inverted": what stays is made larger during training, so that
nothing is left to do afterwards):

    out_i = m_i x_i / (1 - r)                                              (1)

x and out have the same shape, and m stretches to it. The mask is a constant, so

    dL/dx_i = m_i dL/dout_i / (1 - r)                                      (2)

Conventions: what is dropped is 0 whatever it was, also infinite or no number.
The rate is below 1; the mask alone says what is dropped, not the rate.

Embedding, of whole numbers k (...), in a table (V, D), a row for each number:

    out_n = table_(k_n)                                                    (3)

That is a product with the one-hot rows [k_n = v], which nobody writes out. Row v
of the table went to every place n that asked for it, so it gets back from all:

    dL/dtable_v = sum_(n: k_n = v) dL/dout_n                               (4)

Conventions: a number that stands in k twice adds up twice, one that does not
stand there has the gradient 0, and numbers that are negative or not in the table
are refused: -1 is not the last row.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from manual.activations import Array, number
from manual.door import fit_dout
from manual.shapes import are_arrays, fit, stretched

Dropped = tuple[Array, Any]
Looked = tuple[Array, Array]


def dropout_forward(x: Array, mask: Array, *, rate: Any) -> tuple[Array, Dropped]:
    """x mask / (1 - rate) and what the way back needs; x (...), mask of 0 and 1,
    or of bools, of a shape that stretches to that of x.

    ValueError where it does not, where the mask holds other numbers, and where
    the rate is not 0 or more and below 1.

        >>> out, cache = dropout_forward(np.array([3.0, 4.0]), np.array([1, 0]), rate=0.5)
        >>> out
        array([6., 0.])
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate is {rate}, expected 0 <= rate < 1: write 0 * x to drop all")
    are_arrays(x=x, mask=mask)
    stretched("mask", mask, "x", x.shape)
    if (other := (mask != 0) & (mask != 1)).any():
        found = mask[other].flat[0]
        raise ValueError(
            f"mask holds {found}, expected 0 and 1: dropout divides by 1 - rate itself"
        )
    stays = np.broadcast_to(mask != 0, x.shape)
    keep = number(x, 1 - Fraction(str(rate)))  # 1 - 0.9 in floats is off by two units
    out = np.where(stays, x / keep, number(x, 0))  # (1): (...)
    return out, (stays, keep)


def dropout_backward(dout: Array, cache: Dropped) -> tuple[Array, None]:
    """The gradient by x, of its shape; None by the mask."""
    stays, keep = cache
    fit_dout(dout, stays.shape)
    # In the forward pass this was out = mask x / (1 - rate), so now
    d_x = np.where(stays, dout / keep, number(dout, 0))  # (2): (...)
    return d_x, None


def embedding_forward(table: Array, indices: Array) -> tuple[Array, Looked]:
    """The rows of a table (V, D) at indices (...), and what the way back needs;
    out (..., D).

    ValueError where the table does not have two axes, and where the indices are not
    whole numbers from 0 to V - 1.

        >>> out, cache = embedding_forward(np.array([[1.0], [2.0], [3.0]]), np.array([2, 0, 2]))
        >>> out.tolist()
        [[3.0], [1.0], [3.0]]
    """
    rows = fit("table (V, D)", table=table)["V"]
    are_arrays(indices=indices)
    if indices.dtype.kind not in "iu":
        raise ValueError(f"indices are {indices.dtype}, expected whole numbers: write astype(int)")
    if (beside := (indices < 0) | (indices >= rows)).any():
        found = indices[beside].flat[0]
        raise ValueError(
            f"indices hold {found}, expected 0 to {rows - 1}: the table has {rows} rows"
        )
    return table[indices], (table, indices)  # (3): (V, D), (...) -> (..., D)


def embedding_backward(dout: Array, cache: Looked) -> tuple[Array, None]:
    """The gradient by the table, (V, D); None by the indices."""
    table, indices = cache
    fit_dout(dout, (*indices.shape, table.shape[1]))
    d_table = np.full(table.shape, number(table, 0), dout.dtype)
    # In the forward pass this was out_n = table_(k_n), so now. `d_table[indices] += dout` would
    # add to every row once only.
    np.add.at(d_table, indices, dout)  # (4): (..., D) -> (V, D)
    return d_table, None
