"""Forty digits of some entries, by balls."""

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import ctx
from hypothesis import given

import manual
from gradsheet.checking import enclosed
from gradsheet.checking.asked import ParameterGradients
from gradsheet.checking.enclosed import BITS, gradient_at
from gradsheet.checking.probes import Data
from gradsheet.network import problem as stated
from gradsheet.network.network import Network
from gradsheet.numbers.enclosures import at, balls, matrix, product
from gradsheet.numbers.printed import as_float
from tests.networks import Problem, examples, network_of, printable_problems


def test_products_of_floats_are_exact() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-(2**50), 2**50, shape).astype(float) for shape in ((5, 300), (300, 4)))
    found = at(BITS, product, a, matrix(b))
    exact = np.vectorize(int, [object])(a) @ np.vectorize(int, [object])(b)
    assert all(ball == int(value) for ball, value in zip(found.flat, exact.flat, strict=True))
    assert (at(BITS, product, balls(a), matrix(b)) == found).all()


@examples(3)
@given(printable_problems)
def test_the_gradient_is_the_exact_one(problem: Problem) -> None:
    network = network_of(problem)
    data = Data(problem.params, problem.x, problem.y, problem.params)
    entries = {
        f"{name}{l}": list(np.ndindex(np.shape(array)))
        for l, layer in enumerate(problem.params, 1)
        for name, array in zip("Wb", layer, strict=True)
        if array is not None
    }
    point = data.point(network)
    if any((z == 0).any() for z in manual.forward(*problem.arguments[:2], problem.activations).z):
        return  # at a kink no exact witness answers
    sums = gradient_at(data.problem(network), entries)
    assert sums is not None
    for name, found in sums.items():
        exact = point.derivative("L", (), name, ())
        for value, index in zip(found, entries[name], strict=True):
            assert value == pytest.approx(as_float(exact[index]), rel=1e-15, abs=1e-38)


def test_a_wrong_slope_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the witness loses the derivative of tanh, and contradicts the others."""

    from gradsheet.checking.truth import truth_at

    rng = np.random.default_rng(1)
    network = Network(
        (40, 30, 2), ("units",) * 2, ("tanh", "identity"), "squared_error", "mean", 64
    )
    params = tuple(
        manual.Layer(rng.normal(0, 0.2, (o, i)), np.zeros(o)) for i, o in ((40, 30), (30, 2))
    )
    data = Data(params, rng.normal(size=(64, 40)), rng.normal(size=(64, 2)), params)
    assert truth_at(ParameterGradients(network), data).sampled == 14
    monkeypatch.setattr(enclosed, "pull_back", lambda activation, z, d_h: d_h)
    with pytest.raises(ValueError, match="against forty digits"):
        truth_at(ParameterGradients(network), data)


def ask(widths: tuple[int, ...], activations: Any, loss: str, params: Any, x: Any, y: Any) -> Any:
    network = Network(widths, (None,) * len(activations), activations, loss, "mean", len(x))
    layers = [manual.Layer(np.array(W, float)) for W in params]
    entries = {f"W{l}": list(np.ndindex(W.shape)) for l, (W, _) in enumerate(layers, 1)}
    problem = stated.Problem(network, tuple(layers), np.array(x, float), np.array(y, float))
    return gradient_at(problem, entries)


def test_a_slope_is_the_float_that_it_is() -> None:
    leaky = (("leaky_relu", 0.01),)
    found = ask((1, 1), leaky, "half_squared_error", [[[1]]], [[-3]], [[0]])
    assert found == {"W1": [float(Fraction(0.01) ** 2 * 9)]}


def test_what_so_many_bits_do_not_tell_is_not_answered() -> None:
    """tanh(w x) - tanh(w x) is 0, but no digits show it; and softmax(200, -200)
    is (1, 0) to all."""
    relu = ((2, 2, 1), ("tanh", "relu"), "squared_error")
    assert ask(*relu, [[[0.1, 0], [0, 0.1]], [[1, -1]]], [[1, 1]], [[1]]) is None
    assert ask(*relu, [[[0.1, 0], [0, 0.1]], [[1, -1]]], [[0, 0]], [[1]]) == {
        "W1": [0, 0, 0, 0],
        "W2": [0, 0],
    }
    softmax = ((1, 2), ("softmax",), "binary_cross_entropy", [[[200], [-200]]], [[1]])
    assert ask(*softmax, [[0.5, 0.5]]) is None
    sigmoid = ((1, 1), ("sigmoid",), "binary_cross_entropy", [[[200]]], [[1]])
    assert ask(*sigmoid, [[1]])["W1"] == [pytest.approx(-math.exp(-200), rel=1e-15)]
    assert ask(*sigmoid, [[0.5]])["W1"] == [0.5]


def test_targets_are_the_floats_that_they_are() -> None:
    """s(z) - y near 0, where floats have lost 1 - y already."""
    z = math.log(3 / 7)
    sigmoid = ((1, 1), ("sigmoid",), "binary_cross_entropy", [[[z]]], [[1]])
    with localcontext(prec=60):
        exact = 1 / (1 + (-Decimal(z)).exp()) - Decimal.from_float(0.3)
    assert ask(*sigmoid, [[0.3]])["W1"] == [float(exact)]


def test_the_precision_of_the_library_is_put_back() -> None:
    before = ctx.prec
    ask((1, 1), ("tanh",), "squared_error", [[[1]]], [[2]], [[0]])
    assert ctx.prec == before
