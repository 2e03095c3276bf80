"""What functions return is read as it comes, and what is nothing like gradients is told."""

from dataclasses import dataclass, make_dataclass
from typing import Any

import numpy as np
import pytest

import gradsheet
import manual
from gradsheet.checking.returned import NotUnderstood, Reader

SHAPES = {"W1": (3, 2), "b1": (3,), "W2": (1, 3), "b2": (1,)}
ARRAYS = {
    name: np.arange(np.prod(shape), dtype=float).reshape(shape) + k
    for k, (name, shape) in enumerate(SHAPES.items())
}
W1, b1, W2, b2 = ARRAYS.values()


@dataclass
class Dense:
    W: Any
    b: Any


@dataclass
class Like:
    """An array of some library, which NumPy can read."""

    array: Any

    @property
    def shape(self) -> Any:
        return self.array.shape

    @property
    def dtype(self) -> str:
        return "lib.float32"

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.array


Whole = make_dataclass("Whole", ["dW1", "db1", "dW2", "db2"])


class Module:
    def __init__(self, weight: Any, bias: Any):
        self.weight, self.bias = weight, bias


def ragged(*arrays: Any) -> Any:
    found = np.empty(len(arrays), object)
    found[:] = arrays
    return found


@pytest.mark.parametrize(
    "value",
    [
        [(W1, b1), (W2, b2)],
        ((W1, b1), (W2, b2)),
        [[W1, b1], [W2, b2]],
        [W1, b1, W2, b2],
        ([W1, W2], [b1, b2]),
        ([b1, b2], [W1, W2]),
        [Dense(W2, b2), Dense(W1, b1)],
        [Module(W1, b1), Module(W2, b2)],
        Whole(W1, b1, W2, b2),
        ragged(W1, b1, W2, b2),
        {"dW1": W1, "db1": b1, "dA1": W1, "dZ2": b1, "dW2": W2, "db2": b2},
        np.concatenate([a.ravel() for a in ARRAYS.values()])[:, None],
        [(W2, b2), (W1, b1)],
        [(b1, W1), (b2, W2)],
        {"W1": W1, "b1": b1, "W2": W2, "b2": b2},
        {"b2": b2, "W2": W2, "b1": b1, "W1": W1},
        {"dW1": W1, "db1": b1, "dW2": W2, "db2": b2},
        {"dL/dW1": W1, "dL/db1": b1, "dL/dW2": W2, "dL/db2": b2},
        {"grad_w1": W1, "grad_b1": b1, "grad_w2": W2, "grad_b2": b2},
        {"W0": W1, "b0": b1, "W1": W2, "b1": b2},
        {"fc1.weight": W1, "fc1.bias": b1, "fc2.weight": W2, "fc2.bias": b2},
        {"0.weight": W1, "0.bias": b1, "2.weight": W2, "2.bias": b2},
        {"layers_0": {"kernel": W1, "bias": b1}, "layers_1": {"kernel": W2, "bias": b2}},
        {"weights": [W1, W2], "biases": [b1, b2]},
        {"coefs_": [W1, W2], "intercepts_": [b1, b2]},
        [{"W": W1, "b": b1}, {"W": W2, "b": b2}],
        [Dense(W1, b1), Dense(W2, b2)],
        (layer for layer in [(W1, b1), (W2, b2)]),
        [(W1.T, b1), (W2.T, b2)],
        [(W1, b1[:, None]), (W2, b2[None])],
        [(Like(W1), Like(b1)), (Like(W2), Like(b2))],
        [(W1.tolist(), b1.tolist()), (W2.tolist(), b2.tolist())],
        np.concatenate([a.ravel() for a in ARRAYS.values()]),
        [[W1.astype(object), b1], [W2, b2]],
    ],
)
@pytest.mark.parametrize("loss", [None, "first", "last", "named"])
def test_it_is_read(value: Any, loss: str | None) -> None:
    if hasattr(value, "send"):
        value = [(W1, b1), (W2, b2)] if loss else value  # a generator gives its layers once
    if loss == "named":
        value = {**value, "loss": 2.5} if isinstance(value, dict) else (np.float64(2.5), value)
    elif loss:
        value = (2.5, value) if loss == "first" else (value, 2.5)
    found = Reader(SHAPES).read(value)[0]
    assert not found.faults
    assert found.assumed
    for name, array in ARRAYS.items():
        assert found.arrays[name].tolist() == array.tolist(), name
    assert ("L" in found.arrays) == (loss is not None)
    assert loss is None or found.arrays["L"] == 2.5


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "returned None, expected a list of"),
        (3.0, r"returned 1 array of the shapes \(\), .*: is it the loss alone\?"),
        ("text", "is str 'text', expected an array of numbers"),
        ([(W1, b1)], "returned 2 arrays"),
        ({"W1": W1, "b1": b1, "W2": W2}, "returned 3 arrays|nothing for b2"),
        ([(W1, b1), (W2, b2), (W2, b2)], "returned 6 arrays"),
        ([(W1, "b"), (W2, b2)], r"\[0\]\[1\] is str 'b'"),
        (object(), "expected an array of numbers"),
        ({}, "returned 0 arrays"),
    ],
)
def test_what_is_no_gradient_is_told(value: Any, message: str) -> None:
    with pytest.raises(NotUnderstood, match=message):
        Reader(SHAPES).read(value)


def test_a_copy_is_taken() -> None:
    mine = W1.copy()
    found = Reader(SHAPES).read([(mine, b1), (W2, b2)])[0]
    mine[:] = 0
    assert found.arrays["W1"].tolist() == W1.tolist()


def test_what_goes_round_in_circles_is_told() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotUnderstood, match="nested too deeply"):
        Reader(SHAPES).read(circle)


class Wrapped:
    """No array, but something that says it is one; it exits, at once or the second time."""

    def __init__(self, array: np.ndarray, times: list[int]):
        self.array, self.shape, self.dtype, self.times = array, array.shape, array.dtype, times

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        self.times[0] -= 1
        if self.times[0] < 0:
            raise SystemExit(3)
        return self.array


def answered(change):
    """What `check` says of the right gradients after a change to every array."""

    def fn(params, x, y):
        _, grads = manual.gradients(
            params, x, y, ["relu", "relu", "identity"], loss="half_squared_error"
        )
        return [(change(W), change(b)) for W, b in grads.params]

    return gradsheet.check(fn)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.astype(str), "expected an array of numbers, not of text"),
        (lambda a: a.astype("S"), "expected an array of numbers, not of text"),
        (lambda a: np.array(np.vectorize(str, otypes=[object])(a), object), "not of text"),
        (lambda a: np.ma.masked_array(a, mask=np.ones(a.shape, bool)), "20 of 20 entries masked"),
        (
            lambda a: np.ma.masked_array(a, mask=np.arange(a.size).reshape(a.shape) == 0),
            "1 of 20 entries masked",
        ),
        (lambda a: Wrapped(a, [0]), "what it returned cannot be read: SystemExit: 3"),
    ],
)
def test_what_is_no_array_of_numbers_is_not_right(change, words):
    found = answered(change)
    assert not found.right
    assert any(words in fault for fault in found.faults)


def test_a_masked_array_without_a_mask_is_an_array():
    assert answered(np.ma.masked_array).right


def test_an_array_that_exits_later_does_not_end_the_caller():
    times = [12]
    found = answered(lambda a: Wrapped(a, times))
    assert not found.right
    assert "what it returned cannot be read" in " ".join(found.faults)
