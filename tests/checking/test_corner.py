"""At a kink: any derivative between both slopes is right, and is told."""

from typing import Any

import numpy as np
import pytest

import gradsheet
import manual
from tests.functions import (
    with_a_blank_example,
    written,
)
from tests.rounds import every


@pytest.mark.parametrize("value", every(2, [0.0, 0.5, 1.0, 0.25]))
def test_any_derivative_at_the_kink_is_told_and_can_be_asked_for(value):
    def at_zero(z):
        return np.where(z == 0, value, z > 0)

    fn = written(
        d2=lambda s: (s["d3"] @ s["W3"]) * at_zero(s["z2"]),
        d1=lambda s: (s["d2"] @ s["W2"]) * at_zero(s["z1"]),
    )
    found = gradsheet.check(fn)
    assert found.right
    assert found.kink.where.startswith(f"relu'(0) = {value:g}")
    assert gradsheet.check(fn, at_zero=value).right
    assert not gradsheet.check(fn, at_zero=0.75).right


def test_layers_may_differ_at_the_kink():
    found = gradsheet.check(written(d1=lambda s: (s["d2"] @ s["W2"]) * (s["z1"] >= 0)))
    assert found.right
    assert found.kink.where.startswith("relu'(0) = 1 in layer 1, relu'(0) = 0 in layer 2")


def test_beyond_both_slopes_nothing_is_a_derivative():
    fn = written(d1=lambda s: (s["d2"] @ s["W2"]) * np.where(s["z1"] == 0, 7, s["z1"] > 0))
    found = gradsheet.check(fn)
    assert not found.right
    assert "relu'(0) in layer 1 is 7, beyond both slopes" in str(found)
    found = gradsheet.check(
        written(d1=lambda s: (s["d2"] @ s["W2"]) * np.where(s["z1"] == 0, np.nan, s["z1"] > 0))
    )
    assert not found.right


@pytest.mark.usefixtures("unexplained")
def test_data_at_a_kink():
    """The first example is 0 and there is no bias, so that every z of it is 0."""
    params = [(np.array([[1.0, 2], [3, -1], [2, 1]]), np.zeros(3)), (np.ones((1, 3)), np.zeros(1))]
    data = {
        "params": params,
        "x": np.array([[0.0, 0], [1, 2], [-1, 3], [2, 1]]),
        "y": np.ones((4, 1)),
    }

    def taking(value, off=0.0):
        def fn(params, x, y):
            (W1, b1), (W2, b2) = params
            z = x @ W1.T + b1
            h = np.maximum(z, 0)
            d2 = (h @ W2.T + b2 - y) / len(x)
            d1 = (d2 @ W2) * np.where(z == 0, value, z > 0)
            return [(d1.T @ x, d1.sum(0) + off), (d2.T @ h, d2.sum(0))]

        return fn

    for value in (0.0, 0.5, 1.0):
        found = gradsheet.check(taking(value), **data)
        assert found.right, found
        assert value == 0 or found.kink.where.startswith(f"relu'(0) = {value:g}")
    assert gradsheet.check(taking(0.5), at_zero=0.5, **data).right
    assert not gradsheet.check(taking(0.0), at_zero=0.75, **data).right
    assert not gradsheet.check(taking(1.4), **data).right
    assert not gradsheet.check(taking(0.0, off=0.3), **data).right


def _taking(slopes: Any, below: float = 0.0, per_example: bool = False) -> Any:
    """The pass with f'(0) as given, layer by layer."""

    def fn(params, x, y):
        zs, hs = [], [x]
        for l, (W, b) in enumerate(params):
            zs.append(hs[-1] @ W.T + b)
            hs.append(
                zs[-1] if l == len(params) - 1 else np.where(zs[-1] > 0, zs[-1], below * zs[-1])
            )
        delta, grads = (hs[-1] - y) / (1 if per_example else len(x)), []
        for l in range(len(params) - 1, -1, -1):
            if per_example:
                grads.append((delta[:, :, None] * hs[l][:, None, :], delta))
            else:
                grads.append((delta.T @ hs[l], delta.sum(0)))
            if l:
                slope = np.where(zs[l - 1] == 0, slopes[l - 1], np.where(zs[l - 1] > 0, 1.0, below))
                delta = (delta @ params[l][0]) * slope
        return grads[::-1]

    return fn


@pytest.mark.parametrize("slopes", every(3, [[0.25, 0.75], [1, 1], [1, 0]]))
def test_own_data_at_a_kink_take_any_slope_between_in_every_layer(slopes):
    data = with_a_blank_example(("relu", "relu", "identity"))
    found = gradsheet.check(_taking(slopes), **data)
    assert found.right, found
    # Where the second layer takes 0, the first has no say: its z is 0 for the blank example alone.
    assert f"relu'(0) = {slopes[1]:g}" in found.kink.where
    assert not slopes[1] or f"relu'(0) = {slopes[0]:g}" in found.kink.where
    fn = _taking(slopes, per_example=True)
    assert gradsheet.check(fn, what="per_example_gradients", **data).right
    assert gradsheet.check(_taking(slopes), at_zero=0.4, **data).verdict == "wrong"
    if len(set(slopes)) == 1:
        assert gradsheet.check(_taking(slopes), at_zero=slopes[0], **data).right
    assert gradsheet.check(_taking((slopes[0], 1.5)), **data).verdict == "wrong", (
        "beyond both slopes"
    )


@pytest.mark.usefixtures("unexplained")
def test_own_data_at_the_kink_of_leaky_relu_take_its_own_slope():
    """The slope on the left is what everybody takes there, and no 0 is asked
    for; at_zero is about relu."""
    leaky = ("leaky_relu", 0.01)
    data = with_a_blank_example((leaky, leaky, "identity"), (2, 3, 2, 1))
    for slopes, options in (((0.01, 0.01), {"at_zero": 0.0}), ((0.5, 1.0), {})):
        found = gradsheet.check(_taking(slopes, below=0.01), **options, **data)
        assert found.right, found
    assert gradsheet.check(_taking((0.0, 0.01), below=0.01), **data).verdict == "wrong"


def test_the_kink_is_looked_at_in_wide_networks_too():
    def fn(params, x, y):
        return manual.value_and_grad(params, x, y, ("relu", "identity"))

    found = gradsheet.check(fn, (64, 64, 1))
    assert found.kink.where == "relu'(0) = 0"
    assert gradsheet.check(fn, (64, 64, 10), at_zero=0.0).right
    assert not gradsheet.check(fn, (64, 64, 10), at_zero=1.0).right
