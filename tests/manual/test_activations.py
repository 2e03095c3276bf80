"""Each activation in both rooms against the defining formula in 60 digits, at
the kink and deep in saturation."""

import functools
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import partial
from typing import Any

import jax
import numpy as np
import pytest

import manual.activations as hand
import ref.activations as auto

POINTS = [
    -700.0,
    -40.0,
    -18.0,
    -3.5,
    -1.0,
    -1e-3,
    -1e-12,
    0.0,
    1e-12,
    1e-3,
    0.5,
    0.75,
    1.0,
    3.5,
    18.0,
    33.0,
    35.0,
    40.0,
    700.0,
]


DIGITS = 350  # as many as log(1 + e^-700) needs to tell 60 digits of it


@functools.cache
def _e(z: Decimal) -> Decimal:
    with localcontext(prec=DIGITS):
        return (-z).exp()


# f, f' and f'' as they are written on paper, in decimals
DEFINITIONS = {
    "sigmoid": (
        lambda z: 1 / (1 + _e(z)),
        lambda z: _e(z) / (1 + _e(z)) ** 2,
        lambda z: _e(z) * (_e(z) - 1) / (1 + _e(z)) ** 3,
    ),
    "tanh": (
        lambda z: (1 - _e(2 * z)) / (1 + _e(2 * z)),
        lambda z: 4 * _e(2 * z) / (1 + _e(2 * z)) ** 2,
        lambda z: 8 * _e(2 * z) * (_e(2 * z) - 1) / (1 + _e(2 * z)) ** 3,
    ),
    "softplus": (
        lambda z: (1 + _e(-z)).ln(),
        lambda z: 1 / (1 + _e(z)),
        lambda z: _e(z) / (1 + _e(z)) ** 2,
    ),
    "silu": (
        lambda z: z / (1 + _e(z)),
        lambda z: 1 / (1 + _e(z)) * (1 + z * _e(z) / (1 + _e(z))),
        lambda z: _e(z) / (1 + _e(z)) ** 2 * (2 + z * (_e(z) - 1) / (1 + _e(z))),
    ),
}


def ulps(found: float, exact: Decimal) -> float:
    return float(abs(Decimal(found) - exact) / Decimal(float(np.spacing(abs(float(exact))))))


@functools.cache
def by_jax(name: str) -> dict[float, tuple[float, float]]:
    """Value and derivative at all points, compiled once."""
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(auto.ACTIVATIONS[name])))(np.array(POINTS))
    pairs = zip(values.tolist(), slopes.tolist(), strict=True)
    return dict(zip(POINTS, pairs, strict=True))


@pytest.mark.usefixtures("optimised")
@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("z", POINTS)
def test_value_and_derivatives_are_right_to_a_few_ulp(name: str, z: float) -> None:
    by_hand = hand.ACTIVATIONS[name]
    with localcontext(prec=DIGITS):
        value, derivative, second = (definition(Decimal(z)) for definition in DEFINITIONS[name])
    array = np.array([z])
    assert ulps(by_hand.value(array)[0], value) <= 4
    assert ulps(by_hand.d(array)[0], derivative) <= 4
    assert ulps(by_hand.dd(array)[0], second) <= 5
    in_jax, slope = by_jax(name)[z]
    assert ulps(in_jax, value) <= 8
    assert ulps(slope, derivative) <= 8


def test_the_textbook_forms_fail_where_ours_hold() -> None:
    """What the accuracy test is able to see: the usual formulas lose every digit in saturation."""
    with localcontext(prec=DIGITS):
        at_18, at_40 = DEFINITIONS["tanh"][1](Decimal(18)), DEFINITIONS["sigmoid"][1](Decimal(40))
    assert ulps(1 - np.tanh(18.0) ** 2, at_18) > 1e9
    s = hand.sigmoid(np.array([40.0]))[0]
    assert ulps(s * (1 - s), at_40) > 1e9


@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
def test_relu_has_the_derivative_0_at_the_kink(dtype: type) -> None:
    z = np.array([Fraction(v) for v in (-2, 0, 3)], object).astype(dtype)
    assert hand.relu(z).tolist() == [0, 0, 3]
    assert hand.d_relu(z).tolist() == [0, 0, 1]
    assert hand.relu(z).dtype == hand.d_relu(z).dtype == z.dtype


def slopes(f: Callable[..., Any]) -> Callable[..., Any]:
    return jax.jit(jax.vmap(jax.grad(f)))


def test_relu_has_the_derivative_0_at_the_kink_in_jax() -> None:
    z = np.array([-2.0, 0.0, 3.0])
    assert slopes(auto.relu)(z).tolist() == [0, 0, 1]
    # The form that is not used.
    assert slopes(lambda z: jax.numpy.maximum(z, 0))(z).tolist() == [0, 0.5, 1]


def test_leaky_relu_has_its_slope_up_to_and_at_the_kink() -> None:
    z = np.array([-2.0, 0.0, 3.0])
    assert hand.leaky_relu(z, 0.25).tolist() == [-0.5, 0, 3]
    assert hand.d_leaky_relu(z, 0.25).tolist() == [0.25, 0.25, 1]
    assert slopes(partial(auto.leaky_relu, slope=0.25))(z).tolist() == [0.25, 0.25, 1]


def test_relu_of_infinities_is_no_nan() -> None:
    assert hand.relu(np.array([-np.inf, np.inf])).tolist() == [0, np.inf]


def test_nan_is_never_swallowed() -> None:
    z, names = np.array([np.nan]), [*hand.ACTIVATIONS]
    in_jax = jax.jit(lambda z: {name: auto.activate(name, z) for name in names})(z)
    for name in names:
        assert np.isnan(hand.activate(name, z)).all(), name
        assert np.isnan(in_jax[name]).all(), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", hand.ACTIVATIONS)
def test_the_number_type_is_kept(name: str, dtype: type) -> None:
    z = np.array([[-1, 0, 2]], dtype)
    assert hand.activate(name, z).dtype == dtype
    assert hand.pull_back(name, z, z).dtype == dtype
    assert jax.eval_shape(partial(auto.activate, name), z[0]).dtype == dtype


def test_softmax_does_not_overflow_and_its_pullback_is_its_jacobian() -> None:
    z, d_h = np.array([[1000.0, 999.0, -1000.0]]), np.array([[2.0, -3.0, 5.0]])
    h = hand.softmax(z)
    assert h.sum() == pytest.approx(1, abs=1e-15)
    jacobian = np.diag(h[0]) - np.outer(h[0], h[0])
    np.testing.assert_allclose(hand.softmax_pullback(z, d_h)[0], jacobian @ d_h[0], rtol=1e-13)
    pulled = jax.jit(lambda z, d_h: jax.vjp(auto.softmax, z)[1](d_h)[0])(z[0], d_h[0])
    np.testing.assert_allclose(pulled, jacobian @ d_h[0], rtol=1e-12)
