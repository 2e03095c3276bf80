"""Forty digits of some entries, by whole numbers alone."""

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import manual
from gradsheet.checking import fixed
from gradsheet.checking.fixed import BITS, ONE, exp_of_minus, gradient_at, log1p, product
from gradsheet.checking.probes import Data
from gradsheet.numbers.printed import as_float
from tests.networks import Problem, examples, network_of, printable_problems


def test_products_of_long_numbers_are_exact() -> None:
    rng = np.random.default_rng(0)

    def long(*shape: int) -> Any:
        return (
            np.array(
                [int(v) << 100 for v in rng.integers(-(2**60), 2**60, shape).flat], object
            ).reshape(shape)
            + 7
        )

    a, b = long(5, 300), long(300, 4)
    assert (product(a, b) == (a @ b) >> BITS).all()
    assert (product(a * 0, b) == 0).all()


@pytest.mark.parametrize("value", ["0", "1e-30", "0.001", "0.5", "1", "7.25", "33", "80"])
def test_exp_and_log_have_forty_digits(value: str) -> None:
    at = np.array([int(Fraction(value) * ONE)], object)
    with localcontext(prec=80):
        exact = (-Decimal(int(at[0])) / ONE).exp()
        assert abs(Decimal(int(exp_of_minus(at)[0])) / ONE - exact) < Decimal("1e-44")
        if Fraction(value) <= 1:
            exact = (1 + Decimal(int(at[0])) / ONE).ln()
            assert abs(Decimal(int(log1p(at)[0])) / ONE - exact) < Decimal("1e-44")


@examples(12)
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
    for name, found in gradient_at(network, problem.params, problem.x, problem.y, entries).items():
        exact = point.derivative("L", (), name, ())
        for value, index in zip(found, entries[name], strict=True):
            assert value == pytest.approx(as_float(exact[index]), rel=1e-15, abs=1e-38)


def test_a_wrong_slope_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the witness loses the derivative of tanh, and contradicts the others."""
    from gradsheet.checking.asked import ParameterGradients
    from gradsheet.checking.truth import truth_at
    from gradsheet.network.network import Network

    rng = np.random.default_rng(1)
    network = Network(
        (40, 30, 2), ("units",) * 2, ("tanh", "identity"), "squared_error", "mean", 64
    )
    params = tuple(
        manual.Layer(rng.normal(0, 0.2, (o, i)), np.zeros(o)) for i, o in ((40, 30), (30, 2))
    )
    data = Data(params, rng.normal(size=(64, 40)), rng.normal(size=(64, 2)), params)
    assert truth_at(ParameterGradients(network), data).sampled == 14
    monkeypatch.setattr(fixed, "_pulled", lambda activation, z, h, d_h: d_h)
    with pytest.raises(ValueError, match="against forty digits"):
        truth_at(ParameterGradients(network), data)
