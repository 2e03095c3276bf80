"""At a kink whoever takes one of its sides is right, and nobody else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradsheet

X = np.random.default_rng(0).normal(size=90)


@pytest.fixture(params=["small", "large"])
def size(request, monkeypatch):
    """Both ways in which functions are carried out."""
    if request.param == "large":
        monkeypatch.setattr("gradsheet.vjp.truth.MOST_IN_BALLS", 0)
    return request.param


def pooled(x):
    return x.reshape(-1, 3).max(-1)


def pooling(of_three):
    """The backward pass of it that gives all to one of the largest."""

    def backward(args, d):
        windows = args[0].reshape(-1, 3)
        found = np.zeros_like(windows)
        found[np.arange(len(windows)), of_three(windows)] = d
        return found.reshape(-1)

    return backward


first = pooling(lambda windows: windows.argmax(-1))
last = pooling(lambda windows: 2 - windows[:, ::-1].argmax(-1))


@pytest.mark.parametrize("backward", [first, last])
def test_one_of_the_largest_may_have_it_all(size, backward):
    check = gradsheet.check_vjp(pooled, X, backward=backward)
    assert check.right
    words = "is between the gradients" if size == "small" else "is not judged in "
    assert any(words in remark for remark in check.remarks)


def test_the_others_have_nothing(size):
    def wrong(args, d):
        found = first(args, d)
        found[7] += 1
        return found

    check = gradsheet.check_vjp(pooled, X, backward=wrong)
    assert check.verdict == "wrong"
    assert check.remarks[-1] == "x: 1 of its 90 entries is wrong: [7]"


@pytest.mark.parametrize("at_zero", [0, 0.5, 1])
def test_the_slope_of_relu_at_0(size, at_zero):
    def backward(args, d):
        return d * np.heaviside(args[0], at_zero)

    assert gradsheet.check_vjp(jax.nn.relu, X, backward=backward).right
    found = gradsheet.check_vjp(jax.nn.relu, X, backward=backward, at_kinks="jax")
    assert found.right == (at_zero == 0)


def test_equal_numbers_may_be_sorted_in_any_order(size):
    def backward(args, d):
        order = np.argsort(args[0][::-1], kind="stable")
        found = np.empty_like(d)
        found[order] = d
        return found[::-1]

    assert gradsheet.check_vjp(jnp.sort, X, backward=backward).right
