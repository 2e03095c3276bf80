"""The planned embedding with its cross-entropy is the readable ones in a row."""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest

import manual
import manual.fast.embedding_cross_entropy
from tests.family import TRUTH, Case
from tests.manual.test_planted import copy_of_manual
from tests.planned import allocated, passed, room, unkept, unlike
from tests.rounds import every

FAMILY = "embedding_cross_entropy"


def forward(table: Any, tokens: Any, W: Any, b: Any, labels: Any, **reduction: Any) -> Any:
    """The readable passes in a row."""
    h, of_table = TRUTH.embedding_forward(table, tokens)
    z, dense = TRUTH.affine_forward(h, W, b)
    L, criterion = TRUTH.softmax_cross_entropy_forward(z, labels, **reduction)
    return L, (of_table, dense, criterion)


def backward(dout: Any, cache: Any) -> Any:
    of_table, dense, criterion = cache
    d_z, _ = TRUTH.softmax_cross_entropy_backward(dout, criterion)
    d_h, d_W, d_b = TRUTH.affine_backward(d_z, dense)
    return *TRUTH.embedding_backward(d_h, of_table), d_W, d_b, None


TRUTH.embedding_cross_entropy_forward, TRUTH.embedding_cross_entropy_backward = forward, backward

TOKENS, LABELS = np.array([[0, 6, 2], [2, 2, 6]]), np.array([[4, 0, 1], [2, 3, 3]])
ARRAYS = [(7, 3), TOKENS, (5, 3), (5,), LABELS]
CASES = [
    *[Case(FAMILY, ARRAYS, size=size) for size in (1, 3, 30, 1e4)],
    Case(FAMILY, ARRAYS, {"reduction": "sum"}, size=1),
    Case(FAMILY, ARRAYS, {"reduction": "none"}, size=1),
    Case(FAMILY, [(7, 3), TOKENS, (5, 3), None, LABELS], size=1),
    Case(FAMILY, [(7, 3), TOKENS, (1, 3), (1,), 0 * LABELS], size=1),
    # Sure of the right class, and of a wrong one.
    *[
        Case(FAMILY, [(7, 3), TOKENS, (5, 3), (5,), 0 * LABELS + k], through={3: lambda b: b + UP})
        for k in (0, 1)
    ],
]
UP = np.array([60.0, 0, 0, 0, 0])
PLANTED = [
    ("flat[largest] = 0", "pass"),
    ("flat[largest] = 1", "pass"),
    ("np.subtract(e_n, m, e_n)", "e_n"),
    ("np.log1p(rest, self._Z)", "np.log(1 + rest)"),
    ("np.subtract(self._m, losses, losses)", "np.subtract(0, losses, losses)"),
    ('None, e_y, "clip"), 1, e_y)', 'None, e_y, "clip"), 0, e_y)'),
    ("np.subtract(e_y, rest, e_y)[:, 0]", "e_y[:, 0]"),
    ("np.subtract(W_c, W_y, W_c)", "W_c"),
    ("np.multiply(W_y, rest, W_y)", "W_y"),
    ("first[n : n + ROWS], place)", "first[: len(place)], place)"),
    ("np.divide(d_losses, self._Z, self._w)", "d_losses"),
    ("np.multiply(self._h, w, self._wh)", "np.copyto(self._wh, self._h)"),
    ("self._d_W[:] = self._d_b_W_T[1:].T", "self._d_W.T.flat = self._d_b_W_T[:-1]"),
    ("self._d_table[self._touched] = 0", "pass"),
    ('np.argsort(self._tokens, kind="stable")', "np.arange(len(self._tokens))"),
    ("np.add(rest, 1, self._Z)", "np.copyto(self._Z, rest)"),
]


def make(module: ModuleType) -> Any:
    def planned(table: Any, tokens: Any, W: Any, b: Any, labels: Any, **settings: Any) -> Any:
        return module.EmbeddingCrossEntropy(
            tokens.shape, table.shape, len(W), dtype=W.dtype, **settings
        )

    return planned


def faults(module: ModuleType) -> Iterator[str]:
    """What is not as in the readable passes, in blocks of two rows."""
    planned = make(module)
    with mock.patch.object(module, "ROWS", 2):
        for case in CASES:
            yield from unlike(room(FAMILY, planned), case)
            yield from unkept(planned, case, np.float32)
            yield from unkept(planned, case, np.float64)
    network = None
    for tokens in (TOKENS, TOKENS + 0, 6 - TOKENS):
        arrays = [np.eye(7, 3), tokens, np.eye(5, 3), np.ones(5), LABELS]
        network = network or planned(*arrays)
        again, anew = passed(network, arrays, [1.0]), passed(planned(*arrays), arrays, [1.0])
        yield from (
            f"{a} after others, {b} anew"
            for a, b in zip(again, anew, strict=True)
            if (a != b).any()
        )


def test_it_is_the_readable_one():
    assert [*faults(manual.fast.embedding_cross_entropy)] == []


@pytest.mark.parametrize(("old", "new"), every(2, PLANTED))
def test_a_mistake_is_caught(tmp_path, old: str, new: str) -> None:
    file = "fast/embedding_cross_entropy"
    with copy_of_manual(tmp_path, file, old, new), np.errstate(all="ignore"):
        assert any(faults(import_module("manual.fast.embedding_cross_entropy")))


def test_a_pass_allocates_nothing() -> None:
    rng = np.random.default_rng(0)
    table, W = rng.normal(size=(2, 500, 32)).astype("f")
    tokens, labels = rng.integers(500, size=(2, 400))
    arrays = [table, tokens, W, W[:, 0], labels]
    planned = make(manual.fast.embedding_cross_entropy)(*arrays)
    # The 8,192 entries that NumPy turns into others at a time, and some numbers a token.
    most, scores = 4 * 8192 + 16 * tokens.nbytes, 4 * 400 * 500
    assert allocated(planned, arrays, [1.0]) < most < scores / 8


def test_what_does_not_fit_is_said():
    network = manual.fast.embedding_cross_entropy.EmbeddingCrossEntropy((2, 3), (7, 3), 5)
    arrays = [np.ones((7, 3)), TOKENS, np.ones((5, 3)), np.ones(5), LABELS]
    for k, other, says in (
        (0, np.ones((6, 3)), "table has the shape (6, 3), expected (7, 3), for which the buffers"),
        (1, TOKENS - 1, "tokens hold -1, expected 0 to 6"),
        (1, TOKENS[0], "tokens have the shape (3,) and dtype int64, expected (2, 3) and whole num"),
        (
            1,
            TOKENS / 1,
            "tokens have the shape (2, 3) and dtype float64, expected (2, 3) and whole",
        ),
        (3, np.ones(1), "b has the shape (1,), expected (5,), for which the buffers were made"),
        (4, LABELS + 1, "labels hold 5, expected 0 to 4"),
    ):
        with pytest.raises(ValueError) as error:  # noqa: PT011  the words are compared
            network.forward(*arrays[:k], other, *arrays[k + 1 :])
        assert str(error.value).startswith(says)
    for arguments in (((0,), (7, 3), 5), ((2,), (7, 3), 0)):
        with pytest.raises(ValueError, match="expected at least 1 of each"):
            manual.fast.embedding_cross_entropy.EmbeddingCrossEntropy(*arguments, reduction="sum")
