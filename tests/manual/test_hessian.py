"""Second derivatives and the gradients of single examples: by hand against JAX, and against exact arithmetic."""

from fractions import Fraction
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given

import manual
import manual.hessian
import ref
from tests.networks import Problem, all_problems, exact_problems, examples, rational_problems


def direction(problem: Problem, seed: int = 5) -> tuple[manual.Layer, ...]:
    """A direction of whole numbers, like the parameters."""
    rng = np.random.default_rng(seed)

    def like(array: Any) -> Any:
        return None if array is None else rng.integers(-3, 4, array.shape).astype(float)

    return tuple(manual.Layer(like(W), like(b)) for W, b in problem.params)


def fractions(layers: Any) -> Any:
    return tuple(
        manual.Layer(*(None if a is None else np.vectorize(Fraction, [object])(a) for a in layer))
        for layer in layers
    )


def leaves(layers: Any) -> list[Any]:
    return [np.asarray(a) for layer in layers for a in layer if a is not None]


def hand(problem: Problem, along: Any) -> Any:
    return manual.hvp(problem.params, along, *problem.arguments[1:], **problem.options)


def auto(problem: Problem, along: Any) -> Any:
    function = jax.jit(
        lambda p, v, x, y: ref.hvp(p, v, x, y, problem.activations, **problem.options)
    )
    return function(problem.params, along, problem.x, problem.y)


@examples(4)
@given(all_problems)
def test_the_hessian_along_a_direction_is_that_of_jax(problem: Problem) -> None:
    along = direction(problem)
    for mine, theirs in zip(
        leaves(hand(problem, along)), leaves(auto(problem, along)), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9 * max(1, abs(theirs).max()))


@examples(5)
@given(exact_problems)
def test_on_whole_numbers_the_hessian_is_exact(problem: Problem) -> None:
    along = direction(problem)
    exact = hand(problem.exact(), fractions(along))
    rows = zip(
        leaves(exact), leaves(hand(problem, along)), leaves(auto(problem, along)), strict=True
    )
    for truth, mine, theirs in rows:
        assert all(type(value) is Fraction for value in truth.flat)
        assert truth.astype(float).tolist() == mine.tolist() == theirs.tolist()


def along_the_line(problem: Problem, along: Any, s: Fraction) -> list[Any]:
    """The gradient at the parameters plus s times the direction."""
    moved = tuple(
        manual.Layer(*(None if p is None else p + s * v for p, v in zip(layer, rates, strict=True)))
        for layer, rates in zip(problem.params, along, strict=True)
    )
    return leaves(manual.value_and_grad(moved, *problem.arguments[1:], **problem.options)[1])


@examples(20)
@given(rational_problems)
def test_it_is_the_rate_of_the_gradient_which_is_a_polynomial_along_a_line(
    problem: Problem,
) -> None:
    """No limit: a polynomial of degree 8 has its derivative at 0 from eight values, by an exact rule."""
    problem, along = problem.exact(), fractions(direction(problem))
    zs = manual.forward(problem.params, problem.x, problem.activations).z
    kinked = [z for z, a in zip(zs, problem.activations, strict=True) if a != "identity"]
    if any((z == 0).any() for z in kinked):
        return  # the gradient jumps
    step = Fraction(1, 10**9)
    rule = {1: Fraction(4, 5), 2: Fraction(-1, 5), 3: Fraction(4, 105), 4: Fraction(-1, 280)}
    rate: Any = [0] * len(leaves(problem.params))
    for k, weight in rule.items():
        ahead, behind = (along_the_line(problem, along, sign * k * step) for sign in (1, -1))
        rate = [r + weight * (a - b) / step for r, a, b in zip(rate, ahead, behind, strict=True)]
    for mine, theirs in zip(leaves(hand(problem, along)), rate, strict=True):
        assert np.all(mine == theirs)


@examples(5)
@given(all_problems)
def test_the_hessian_is_symmetric_and_linear(problem: Problem) -> None:
    u, v = direction(problem, 1), direction(problem, 2)
    both = tuple(
        manual.Layer(*(None if p is None else p + 2 * q for p, q in zip(*pair, strict=True)))
        for pair in zip(u, v, strict=True)
    )
    Hu, Hv, H_both = (leaves(hand(problem, along)) for along in (u, v, both))
    scale = 1e-9 * (1 + max(abs(array).max() for array in (*Hu, *Hv)))
    for a, b, c in zip(Hu, Hv, H_both, strict=True):
        np.testing.assert_allclose(a + 2 * b, c, rtol=0, atol=10 * scale)
    uHv, vHu = (
        sum((p * q).sum() for p, q in zip(leaves(w), H, strict=True)) for w, H in ((u, Hv), (v, Hu))
    )
    np.testing.assert_allclose(uHv, vHu, rtol=1e-9, atol=1e3 * scale)


CURVED = Problem(
    (
        manual.Layer(np.array([[0.5, -1.0], [1.0, 0.25]]), np.array([0.5, -0.5])),
        manual.Layer(np.array([[1.0, -2.0]])),
    ),
    np.array([[1.0, -0.5], [0.25, 2.0]]),
    np.array([[1.0], [-1.0]]),
    ("tanh", "identity"),
    "half_squared_error",
    "mean",
)


@pytest.mark.parametrize("term", ["bend", "pull_back"])
def test_a_term_left_out_is_noticed(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the curvature of the activation is forgotten, or its slope."""
    along = direction(CURVED)
    monkeypatch.setattr(
        manual.hessian, term, lambda activation, z, d_h, *_: 0 * z if term == "bend" else d_h
    )
    pairs = zip(leaves(hand(CURVED, along)), leaves(auto(CURVED, along)), strict=True)
    assert any(abs(mine - theirs).max() > 0.01 for mine, theirs in pairs)


def test_a_direction_has_to_be_like_the_parameters() -> None:
    for room in (manual, ref):
        (V1, c1), second = direction(CURVED)
        for wrong, message in (
            ([(V1, c1)], "direction has 1 layers, expected 2"),
            ([(V1.T[:1], c1), second], r"W1 .*\(1, 2\).*, expected .*\(2, 2\)"),
            ([(V1, None), second], r"b1 None, expected .*\(2,\)"),
        ):
            with pytest.raises(ValueError, match=message):
                room.hvp(CURVED.params, wrong, *CURVED.arguments[1:], **CURVED.options)


# The gradients of single examples


@examples(4)
@given(all_problems)
def test_the_gradient_of_an_example_is_that_of_a_batch_of_one(problem: Problem) -> None:
    arguments, loss = problem.arguments, problem.loss
    losses, grads = manual.per_example_gradients(*arguments, loss=loss)
    their_losses, theirs = jax.jit(
        lambda p, x, y: ref.per_example_gradients(p, x, y, problem.activations, loss=loss)
    )(*arguments[:3])
    np.testing.assert_allclose(losses, their_losses, rtol=1e-12, atol=1e-12)
    for mine, other in zip(leaves(grads), leaves(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-11)
    for n in range(len(problem.x)):
        y = None if problem.y is None else problem.y[[n]]
        L, alone = manual.value_and_grad(
            problem.params, problem.x[[n]], y, problem.activations, loss=loss
        )
        np.testing.assert_allclose(losses[n], L, rtol=1e-12, atol=1e-12)
        for mine, single in zip(leaves(grads), leaves(alone), strict=True):
            np.testing.assert_allclose(mine[n], single, rtol=1e-12, atol=1e-12)


@examples(4)
@given(exact_problems)
def test_on_whole_numbers_they_are_exact_and_add_up(problem: Problem) -> None:
    exact = problem.exact()
    losses, grads = manual.per_example_gradients(*exact.arguments, loss=problem.loss)
    L, whole = manual.value_and_grad(*exact.arguments, loss=problem.loss, reduction="sum")
    assert losses.sum() == L
    _, theirs = jax.jit(
        lambda p, x, y: ref.per_example_gradients(p, x, y, problem.activations, loss=problem.loss)
    )(*problem.arguments[:3])
    for each, total, auto_each in zip(leaves(grads), leaves(whole), leaves(theirs), strict=True):
        assert (each.sum(0) == total).all()
        assert each.astype(float).tolist() == auto_each.tolist()


def test_both_rooms_have_the_same_names() -> None:
    of_devices = {"Shardings", "join", "launch", "place", "sharded_value_and_grad", "shardings"}
    only_ref = {"compilation_cache", "stacked_jacobian"} | of_devices
    assert set(ref.__all__) - only_ref == set(manual.__all__) - {"backward", "jacobians"}
