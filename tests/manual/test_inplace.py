"""The steps of a plan, in buffers made once: each is the function that it stands for."""

from typing import Any

import numpy as np
import pytest

from manual.activations import ACTIVATIONS, activate, pull_back
from manual.inplace import Answers, Buffers, by_functions, in_place, loss_in_place
from manual.losses import LOSSES


@pytest.mark.parametrize("units", [0, 1])
@pytest.mark.parametrize(
    "activation", [*ACTIVATIONS, ("leaky_relu", 0.25), ("leaky_relu", 3), ("leaky_relu", -2)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", [in_place, by_functions])
def test_an_activation_in_place_is_that_activation(
    form: Any, activation: Any, units: int, dtype: str
) -> None:
    """In the form that it has in place, and in the one that all have that have none."""
    rng = np.random.default_rng(1)
    rows = (rng.normal(size=(40, 30)) * 8).astype(dtype)
    rows[rng.random(rows.shape) < 0.1] = 0
    d_rows = rng.normal(size=rows.shape).astype(dtype)

    def lying(array: Any) -> Any:
        return np.array(array if units else array.T, order="C")

    name, *parameters = [activation] if isinstance(activation, str) else activation
    function, pull, keeps_z = form(name)
    z, d = lying(rows), lying(d_rows)
    h = np.empty_like(z) if keeps_z else z
    row = np.empty((40, 1) if units else (1, 40), dtype)
    buffers = Buffers(z, h, d, np.empty_like(z), np.empty(z.shape, bool), row, units)
    for step in function(buffers, *parameters):
        step()
    value = h.copy()
    for step in pull(buffers, *parameters):
        step()
    expected = lying(activate(activation, rows)), lying(pull_back(activation, rows, d_rows))
    if name == "softmax" and not units:  # sums over the other axis add in another order
        np.testing.assert_allclose(value, expected[0], rtol=1e-6)
        np.testing.assert_allclose(d, expected[1], rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(value, expected[0])
        np.testing.assert_array_equal(d, expected[1])
    # The gradient by the next layer's weights may still want it.
    np.testing.assert_array_equal(h, value)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("has_form", [True, False])
def test_a_loss_in_place_is_that_loss(has_form: bool, loss: str, order: Any) -> None:
    rng = np.random.default_rng(2)
    yhat = np.asarray(rng.random((6, 1 if loss == "output" else 4)), order=order)
    y = (rng.random(yhat.shape) < 0.4).astype(float)
    answers = Answers(yhat, np.empty_like(yhat))
    answers.y = None if loss == "output" else y
    of_functions = LOSSES[loss]
    found = loss_in_place(loss if has_form else "another", None, of_functions)(answers)
    np.testing.assert_allclose(found, of_functions.value(y, yhat).sum(), rtol=1e-14)
    np.testing.assert_array_equal(answers.d, of_functions.d(y, yhat))
