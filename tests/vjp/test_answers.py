"""Functions and answers of unusual kinds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradsheet

X = np.array([1.5, -2.0, 0.25])


def doubled(x):
    return x * 2


def test_a_function_that_gives_whole_numbers_too():
    def largest(x):
        return x * 2, jnp.argmax(x)

    assert gradsheet.check_vjp(largest, X, backward=lambda args, d: 2 * d[0]).right


@pytest.mark.parametrize("most", [200_000, 0])
def test_random_numbers_need_no_switch_of_jax(most, monkeypatch):
    monkeypatch.setattr("gradsheet.vjp.truth.MOST_IN_BALLS", most)  # at 0 in floats

    def drawn():
        return jax.random.bernoulli(jax.random.key(0), 0.5, (3, 2))

    def dropout(x):
        return x * drawn()

    x = np.arange(6.0).reshape(3, 2)
    with jax.enable_x64(True):
        mask = np.asarray(jax.jit(drawn)())
    with jax.enable_x64(False):
        assert gradsheet.check_vjp(dropout, x, backward=lambda args, d: d * mask).right
    with jax.enable_x64(True):
        check = gradsheet.check_vjp(dropout, x, backward=lambda args, d: 2 * d * mask)
        assert check.mistakes[0] == "x: everywhere 2 times the truth"


def test_complex_numbers_are_refused():
    with pytest.raises(TypeError, match="x is of complex128, expected real numbers"):
        gradsheet.check_vjp(doubled, X + 1j, backward=lambda args, d: 2 * d)


def test_what_is_no_array_is_not_taken_for_zeros():
    check = gradsheet.check_vjp(doubled, X, backward=lambda args, d: "2 * d")
    assert check.arguments[0].where == "a str of <U5, expected an array of floats"
    assert check.mistakes == []


def test_two_rules_are_one_too_many():
    with pytest.raises(TypeError, match="backward= and jvp= are given, expected one of "):
        gradsheet.check_vjp(doubled, X, backward=doubled, jvp=doubled)
