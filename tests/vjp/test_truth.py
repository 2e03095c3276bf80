"""What is right at a probe, and next to it where it stands at a kink."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradsheet
from tests.rounds import in_turn

X = np.random.default_rng(0).normal(size=(4, 9))


def test_a_gradient_that_is_zero_leaves_what_is_of_second_order() -> None:
    """At the ends of a parabola a nudge of h gives h, and not 0."""
    x = np.array([0.0, 1.0, -1.0])
    assert gradsheet.check_vjp(
        lambda x: (x**2 - 1) ** 2, x, backward=lambda args, g: 4 * g * args[0] * (args[0] ** 2 - 1)
    )


@pytest.mark.parametrize(("seed", "at_zero"), in_turn(range(3), [0.0, 0.5, 1.0]))
def test_any_choice_of_a_slope_at_a_kink_is_right(seed: int, at_zero: float) -> None:
    """Of relu, in a network whose inputs cannot be moved so that all units are alive."""
    draw = np.random.default_rng(seed)

    def backward(args, g):
        x, W, V = args
        z = x @ W.T
        d = (g @ V) * np.where(z == 0, at_zero, z > 0)
        return d @ W, d.T @ x, g.T @ np.maximum(z, 0)

    check = gradsheet.check_vjp(
        lambda x, W, V: jax.nn.relu(x @ W.T) @ V.T,
        *(draw.normal(size=shape) for shape in ((4, 3), (5, 3), (2, 5))),
        backward=backward,
    )
    assert check.verdict == "right", check
    assert not at_zero or any("at the kink" in remark for remark in check.remarks)


@pytest.mark.parametrize("which", [0, -1, slice(None)], ids=["first", "last", "mean"])
def test_any_of_several_that_tie_is_the_largest(which) -> None:
    def backward(args, g):
        d = np.zeros_like(args[0])
        for row, x, g_row in zip(d, args[0], g, strict=True):
            chosen = np.atleast_1d(np.flatnonzero(x == x.max())[which])
            row[chosen] = g_row / len(chosen)
        return d

    assert gradsheet.check_vjp(lambda x: x.max(1), X, backward=backward)


@pytest.mark.parametrize("low", [np.greater, np.greater_equal])
@pytest.mark.parametrize("high", [np.less, np.less_equal])
def test_two_kinks_of_a_function_are_looked_at_apart(low, high) -> None:
    def backward(args, g):
        return g * (low(args[0], -1) & high(args[0], 1))

    for f in (lambda x: jnp.clip(x, -1, 1), lambda x: jnp.minimum(jnp.maximum(x, -1), 1)):
        assert gradsheet.check_vjp(f, X, backward=backward)


def test_beyond_the_slopes_on_both_sides_nothing_is_right() -> None:
    def backward(args, g):
        return g * np.where(args[0] == 0, 1.5, args[0] > 0)

    assert gradsheet.check_vjp(jax.nn.relu, X, backward=backward).verdict == "wrong"
    half = lambda args, g: g * np.where(args[0] == 0, 0.5, args[0] > 0)  # noqa: E731
    assert gradsheet.check_vjp(jax.nn.relu, X, backward=half)
    assert not gradsheet.check_vjp(jax.nn.relu, X, backward=half, at_kinks="jax")


@pytest.mark.parametrize("at_zero", [-1.0, 0.0, 1.0])
def test_no_entry_at_a_kink_is_left_out(at_zero: float) -> None:
    """However many there are, both sides of each are looked at."""
    x = np.random.default_rng(1).normal(size=(20, 30))
    check = gradsheet.check_vjp(
        jnp.abs, x, backward=lambda args, g: g * np.where(args[0] == 0, at_zero, np.sign(args[0]))
    )
    assert check.verdict == "right", check


@pytest.mark.parametrize(
    ("step", "slope"),
    [(jnp.floor, 0), (jnp.ceil, 0), (jnp.round, 0), (lambda x: x % 0.5, 1)],
    ids=["floor", "ceil", "round", "rem"],
)
def test_a_jump_is_no_disagreement(step, slope: int) -> None:
    """Small whole numbers are among the probes."""

    def backward(args, g):
        return g * (np.asarray(step(args[0])) + slope * args[0])

    check = gradsheet.check_vjp(lambda x: x * step(x), X, backward=backward)
    assert check.verdict == "right", check


def test_results_of_whole_numbers_have_no_gradient() -> None:
    def backward(args, g):
        d = np.zeros_like(args[0])
        np.put_along_axis(d, np.argsort(-args[0], 1, kind="stable")[:, :2], g[0], 1)
        return d

    check = gradsheet.check_vjp(lambda x: jax.lax.top_k(x, 2), X, backward=backward)
    assert check.verdict == "right", check


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: jnp.tile(x, (2, 1)), None),
        (lambda x: x * jnp.searchsorted(jnp.arange(4.0), x), lambda x: np.ceil(x).clip(0, 4)),
    ],
    ids=["tile", "searchsorted"],
)
def test_operations_that_were_without_a_rule(f, slope) -> None:
    def backward(args, g):
        return g[: len(args[0])] + g[len(args[0]) :] if slope is None else g * slope(args[0])

    assert gradsheet.check_vjp(f, X, backward=backward).verdict == "right"


def test_a_linear_system_that_is_solved_in_ones_own_way() -> None:
    diagonal = jnp.arange(1.0, 10.0)

    def f(b):
        def times(v):
            return diagonal * v

        return jax.lax.custom_linear_solve(times, b, lambda _, b: b / diagonal, symmetric=True)

    def backward(args, g):
        return g / np.arange(1.0, 10.0)

    assert gradsheet.check_vjp(f, X[0], backward=backward).verdict == "right"
