"""A classifier of tokens, planned: `embedding`, `affine` and `softmax_cross_entropy`
of `manual` one behind the other, with few passes over the scores, which are many.

Token k_n has a row of the table, and the right class is y_n:

    h_n = table_(k_n)    z_n = W h_n + b                                   (1)

With m the largest z of a row, at the class c, e_k = exp(z_k - m) and rest the sum of
all e but e_c, which is 1:

    l_n = -log softmax(z_n)_y = m - z_y + log(1 + rest)                    (2)
    dl_n/dz_nk = (e_k - Z [k = y]) / Z    Z = 1 + rest                     (3)

The scores are (N, K), and what is done to them costs as much as a product does: so
they are never divided by Z. That waits for the narrow side. With w = dL/dl_n / Z,

    dL/dh_n = w (sum_(k != c) e_k W_k - rest W_y + (W_c - W_y))            (4)
    dL/dW_k = sum_n (e_k - Z [k = y]) (w h_n)                              (5)

The sum in (4) and rest are columns of one product, of e and (W 1); z is one of (1 h)
and (b W); dL/db and dL/dW are columns of one of e and (1 h). A row of the table gets
back the sum over all its places (6): those of a token are brought together first.
"""

import math
from typing import Any

import numpy as np

from manual.activations import Array
from manual.criteria import check_reduction, d_reduce, reduce
from manual.fast.arrays import floats, taken

ROWS = 16  # of a block: what is done to their scores stays near


class EmbeddingCrossEntropy:
    """The cross-entropy of labels for tokens, by their rows of a table (V, D) and a
    dense layer W (K, D), b (K,), into buffers made once, for `tokens` (...) of
    that shape.

        network = EmbeddingCrossEntropy(tokens.shape, table.shape, len(W), dtype=W.dtype)
        L = network.forward(table, tokens, W, b, labels)
        d_table, _, d_W, d_b, _ = network.backward(1)

    `backward` overwrites the last gradients. The reductions are those of
    `softmax_cross_entropy`. ValueError for other shapes than those that it was made
    for, where there is no token or no class, and for whole numbers that are no row or
    no class; TypeError for other numbers than float32 and float64.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        table: tuple[int, int],
        classes: int,
        *,
        reduction: str = "mean",
        dtype: Any = float,
    ):
        kind = floats(dtype)
        check_reduction(reduction, shape)
        N, (V, D), K = math.prod(shape), table, classes
        if not (N and K):
            raise ValueError(f"found {N} tokens and {K} classes, expected at least 1 of each")
        self._reduction, self._losses = reduction, np.empty(shape, kind)
        self._tokens, self._labels, self._largest = np.empty((3, N), int)
        self._first = np.arange(N) * K  # where the rows of e begin in memory
        self._h, self._b_W_1 = np.ones((N, 1 + D), kind), np.ones((K, 1 + D + 1), kind)
        self._e, self._sums = np.empty((N, K), kind), np.empty((N, D + 1), kind)
        self._m, self._Z, self._e_y, self._w = np.empty((4, N, 1), kind)
        self._wh, self._d_W = np.empty((N, 1 + D), kind), np.empty((K, D), kind)
        self._d_b_W_T = np.empty((1 + D, K), kind)
        self._d_table, self._W_c, self._W_y = np.zeros((V, D), kind), *np.empty((2, N, D), kind)
        self._touched = self._tokens[:0]  # the rows of d_table that are not 0

    def forward(self, table: Any, tokens: Any, W: Any, b: Any, labels: Any) -> Any:
        """L, of tokens and labels (...); b may be None."""
        e, flat, first, (N, D) = self._e, self._e.reshape(-1), self._first, self._W_c.shape
        table, W = taken("table", table, self._d_table), taken("W", W, self._b_W_1[:, 1:-1])
        self._has_b = b is not None
        self._b_W_1[:, 1:-1] = W
        self._b_W_1[:, 0] = taken("b", b, self._b_W_1[:, 0]) if self._has_b else 0
        self._choose("tokens", tokens, self._tokens, len(table))
        self._choose("labels", labels, self._labels, len(W))
        self._h[:, 1:] = np.take(table, self._tokens, 0, self._W_c, "clip")  # (1): (N, D)
        np.matmul(self._h, self._b_W_1[:, :-1].T, e)  # (1): (N, 1 + D) @ (1 + D, K) -> (N, K)
        right, largest, losses = self._labels + first, self._largest, self._losses.reshape(-1, 1)
        np.take(flat, right[:, None], None, losses, "clip")  # z_y: (N, 1)
        for n in range(0, N, ROWS):
            e_n, m, place = (array[n : n + ROWS] for array in (e, self._m, largest))
            np.add(np.argmax(e_n, 1, place), first[n : n + ROWS], place)
            np.take(flat, place[:, None], None, m, "clip")
            np.exp(np.subtract(e_n, m, e_n), e_n)  # (N, K)
        flat[largest] = 0
        np.matmul(e, self._b_W_1[:, 1:], self._sums)  # (N, K) @ (K, D + 1) -> (N, D + 1)
        flat[largest] = 1
        d_h, rest, e_y = self._sums[:, :D], self._sums[:, D:], self._e_y  # (N, D), (N, 1), (N, 1)
        np.subtract(self._m, losses, losses)
        np.add(losses, np.log1p(rest, self._Z), losses)  # (2)
        np.add(rest, 1, self._Z)
        np.subtract(np.take(flat, right[:, None], None, e_y, "clip"), 1, e_y)
        flat[right] = np.subtract(e_y, rest, e_y)[:, 0]  # (3), without the division
        W_c = np.take(W, largest - first, 0, self._W_c, "clip")
        W_y = np.take(W, self._labels, 0, self._W_y, "clip")
        np.add(d_h, np.subtract(W_c, W_y, W_c), d_h)
        np.subtract(d_h, np.multiply(W_y, rest, W_y), d_h)  # (4), without w
        return reduce(self._losses, self._reduction)

    def _choose(self, name: str, whole: Any, into: Array, count: int) -> None:
        """Copies tokens or labels, which have to be whole numbers below a count."""
        whole = np.asarray(whole)
        if whole.shape != self._losses.shape or whole.dtype.kind not in "iu":
            raise ValueError(
                f"{name} have the shape {whole.shape} and dtype {whole.dtype}, expected "
                f"{self._losses.shape} and whole numbers"
            )
        into[:] = whole.reshape(-1)
        if (outside := (into < 0) | (into >= count)).any():
            raise ValueError(f"{name} hold {into[outside][0]}, expected 0 to {count - 1}")

    def backward(self, dout: Any) -> tuple[Array, None, Array, Array | None, None]:
        """The gradients by table, W and b, of their shapes; None by tokens, labels and
        a b that is None."""
        d_losses = d_reduce(dout, self._losses, self._reduction).reshape(-1, 1)
        w = np.divide(d_losses, self._Z, self._w)  # (N, 1)
        np.multiply(self._h, w, self._wh)  # (N, 1 + D)
        # (5), which is faster transposed: (1 + D, N) @ (N, K) -> (1 + D, K)
        np.matmul(self._wh.T, self._e, self._d_b_W_T)
        self._d_W[:] = self._d_b_W_T[1:].T
        d_h = np.multiply(self._sums[:, :-1], w, self._W_c)  # (4): (N, D)
        order = np.argsort(self._tokens, kind="stable")
        sorted_ = self._tokens[order]
        starts = np.flatnonzero(np.diff(sorted_, prepend=-1))
        d_h = np.take(d_h, order, 0, self._W_y, "clip")
        self._d_table[self._touched] = 0
        self._touched = sorted_[starts]
        sums = np.add.reduceat(d_h, starts, 0, None, self._W_c[: len(starts)])
        self._d_table[self._touched] = sums  # (6): (N, D) -> (V, D)
        d_b = self._d_b_W_T[0] if self._has_b else None
        return self._d_table, None, self._d_W, d_b, None
