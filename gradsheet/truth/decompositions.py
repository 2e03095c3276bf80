"""Triangular factors of a matrix, by the operations that numbers have.

A = L L^T       L[j, j]^2 = A[j, j] - sum over k < j of L[j, k]^2
                L[i, j] L[j, j] = A[i, j] - sum over k < j of L[i, k] L[j, k]
P A = L U       one column after the other, the largest of what is left on
                top (N. Higham, Accuracy and Stability of Numerical
                Algorithms, 2002, chapters 9 and 10)
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradsheet.truth.primitives import zero_like
from manual.activations import Array

Operate = Callable[..., Array]  # an operation by its name, on arrays
Ranked = Callable[[Array], Array]  # the ranks of the sizes of numbers


def of_each(a: Array, factor: Callable[[Array], Sequence[Array]]) -> list[Array]:
    """The factors of every matrix of an array of them."""
    found = [factor(matrix) for matrix in a.reshape(-1, *a.shape[-2:])]
    return [
        np.stack(arrays).reshape(*a.shape[:-2], *arrays[0].shape)
        for arrays in zip(*found, strict=True)
    ]


def cholesky(a: Array, operate: Operate) -> list[Array]:
    """L of a symmetric matrix, of which the lower half is looked at."""
    n = len(a)
    L = np.full((n, n), zero_like(a), a.dtype)
    for j in range(n):
        column = a[j:, j]
        for k in range(j):
            column = operate("sub", column, operate("mul", L[j:, k], L[j : j + 1, k]))
        top = operate("sqrt", column[:1])
        L[j : j + 1, j] = top
        L[j + 1 :, j] = operate("div", column[1:], np.broadcast_to(top, (n - j - 1,)))
    return [L]


def lu(a: Array, operate: Operate, ranked: Ranked) -> list[Array]:
    """L below the diagonal and U from it on; which row went to the top at each
    step; and the order of the rows in the end."""
    a = np.array(a)
    n, m = a.shape
    order, pivots = np.arange(n, dtype=np.int32), np.zeros(min(n, m), np.int32)
    for k in range(min(n, m)):
        top = k + int(ranked(a[k:, k]).argmax())
        pivots[k] = top
        for rows in (a, order):
            rows[[k, top]] = rows[[top, k]]
        factors = operate("div", a[k + 1 :, k], np.broadcast_to(a[k, k], (n - k - 1,)))
        a[k + 1 :, k] = factors
        products: Any = operate("mul", factors[:, None], a[k : k + 1, k + 1 :])
        a[k + 1 :, k + 1 :] = operate("sub", a[k + 1 :, k + 1 :], products)
    return [a, pivots, order]
