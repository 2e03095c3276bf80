"""What functions return is read as it comes, and what is nothing like gradients is told."""

from dataclasses import dataclass, make_dataclass
from typing import Any

import numpy as np
import pytest

import gradsheet
import manual
from gradsheet.checking.returned import NotUnderstood, Reader
from tests.functions import DEFAULT, FORMS, RIGHT, in_form

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


ACTIVATIONS = DEFAULT.activations
SQUARE = (3, 3, 3, 3)  # widths at which no shape tells the layout


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form):
    found = gradsheet.check(in_form(form, RIGHT))
    assert found.right, found
    assert ("dW as (inputs, units)" in found.assumed) == form.startswith("turned")


@pytest.mark.parametrize(
    ("change", "row", "message"),
    [
        (
            lambda W, b: (W.T, b),
            "dL/dW2",
            "has shape (5, 3), expected (3, 5): it is transposed, write .T",
        ),
        (lambda W, b: (W.astype(int), b), "dL/dW2", "has dtype int64, expected a float"),
        (lambda W, b: (W + 0j, b), "dL/dW2", "has dtype complex128, expected real numbers"),
        (lambda W, b: (W, b.sum()), "dL/db2", "has shape (), expected (3,)"),
        (lambda W, b: (W * np.nan, b), "dL/dW2", "nan, true"),
        (lambda W, b: (W, b / 0.0), "dL/db2", "inf, true"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_what_is_no_gradient_is_told_in_its_row(change, row, message):
    def fn(params, x, y):
        _, (first, second, third) = RIGHT(params, x, y)
        return [first, change(*second), third]

    found = gradsheet.check(fn)
    wrong = [r for r in found.rows if not r.is_right]
    assert [r.name for r in wrong] == [row]
    assert message in wrong[0].where


def _takes_inputs_by_units(params, x, y):
    L, grads = RIGHT([(W.T, b) for W, b in params], x, y)
    return L, [(W.T, b) for W, b in grads]


def test_weights_as_inputs_by_units_are_given_where_the_function_needs_them():
    found = gradsheet.check(_takes_inputs_by_units)
    assert found.right, found
    assert found.assumed[0] == "fn takes W as (inputs, units)"


@pytest.mark.usefixtures("unexplained")
def test_one_layout_goes_in_and_out():
    def mixed(params, x, y):
        """W as (inputs, units) goes in, dW as (units, inputs) comes out."""
        L, grads = RIGHT([(W.T, b) for W, b in params], x, y)
        return L, grads

    assert not gradsheet.check(mixed, SQUARE).right
    turned = in_form("turned", RIGHT)
    assert gradsheet.check(turned).right, "the shapes tell"
    assert not gradsheet.check(turned, SQUARE).right


@pytest.mark.usefixtures("unexplained")
def test_square_weights_are_told_apart_by_others_or_by_the_caller():
    """The layout is never chosen by what comes out right."""
    takes = _takes_inputs_by_units

    def only_square(fn):
        def given(params, x, y):
            assert all(W.shape == (3, 3) for W, _ in params), "it is written for these widths"
            return fn(params, x, y)

        return given

    found = gradsheet.check(takes, SQUARE)
    assert found.right, "with unequal widths it raises on W as (units, inputs)"
    assert found.assumed[0] == "fn takes W as (inputs, units)"
    found = gradsheet.check(only_square(takes), SQUARE)
    assert not found.right, "nothing but the verdict speaks for the other layout"
    assert "or write inputs_first=True" in found.assumed[-1]
    assert gradsheet.check(only_square(takes), SQUARE, inputs_first=True).right
    assert gradsheet.check(only_square(RIGHT), SQUARE).right
    assert not gradsheet.check(only_square(RIGHT), SQUARE, inputs_first=True).right
    assert not gradsheet.check(takes, inputs_first=False).right, "told is told"


@pytest.mark.usefixtures("unexplained")
@pytest.mark.parametrize("what", ["forward and back", "back", "dW"])
def test_a_transpose_does_not_pass_where_shapes_allow_it(what):
    def fn(params, x, y):
        """For square W alone: where W is no square the shapes would not fit."""
        turned = [(W.T if W.shape[0] == W.shape[1] else W, b) for W, b in params]
        if what == "forward and back":
            return [(W.T if W.shape[0] == W.shape[1] else W, b) for W, b in RIGHT(turned, x, y)[1]]
        if what == "dW":
            return [(W.T if W.shape[0] == W.shape[1] else W, b) for W, b in RIGHT(params, x, y)[1]]
        cache = manual.forward(params, x, ACTIVATIONS)
        return manual.backward(turned, cache, (cache.h[-1] - y) / len(x), ACTIVATIONS).params

    # Square in every layer, or in one.
    widths = (3, 2, 2, 1) if what == "dW" else SQUARE
    assert not gradsheet.check(fn, widths).right


def test_the_order_of_square_arrays_is_read_where_widths_differ():
    def last_first(params, x, y):
        return RIGHT(params, x, y)[1][::-1]

    for widths in ((4, 5, 3, 2), SQUARE):
        found = gradsheet.check(last_first, widths)
        assert found.right
        assert found.assumed == ["pairs (dW, db), the last layer first"]

    def swaps_if_square(params, x, y):
        first, *middle, last = RIGHT(params, x, y)[1]
        return [last, *middle, first] if params[0][0].shape == (3, 3) else [first, *middle, last]

    found = gradsheet.check(swaps_if_square, SQUARE)
    assert not found.right
    assert found.relations["dL/dW1"] == "that is dL/dW3"


@pytest.mark.usefixtures("unexplained")
def test_a_vector_has_w_as_it_was_given():
    def flat(turn):
        return lambda *data: np.concatenate(
            [np.ravel(a) for W, b in RIGHT(*data)[1] for a in (turn(W), b)]
        )

    assert gradsheet.check(flat(lambda W: W)).right
    assert not gradsheet.check(flat(lambda W: W.T)).right
