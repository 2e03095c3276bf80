"""Second derivatives: by hand against JAX, and against exact arithmetic."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import manual
import manual.hessian
import ref
from manual.activations import bend, pull_back
from tests import agreement
from tests.agreement import direction, in_jax
from tests.networks import Problem, all_problems, exact_problems, examples, rational_problems


def fractions(layers: Any) -> Any:
    return tuple(
        manual.Layer(*(None if a is None else np.vectorize(Fraction, [object])(a) for a in layer))
        for layer in layers
    )


def leaves(layers: Any) -> list[Any]:
    return [np.asarray(a) for layer in layers for a in layer if a is not None]


def hand(problem: Problem, along: Any) -> Any:
    return manual.hvp(problem.params, along, *problem.arguments[1:], **problem.options)


@examples(2)
@given(all_problems)
def test_the_hessian_along_a_direction_is_that_of_jax(problem: Problem) -> None:
    along = direction(problem)
    theirs = in_jax(problem, lambda p: agreement.hessian(ref, p, along))
    for name, mine in agreement.hessian(manual, problem, along).items():
        atol = 1e-9 * max(1, abs(theirs[name]).max())
        one, other = {name: mine}, {name: theirs[name]}
        assert agreement.differences(one, other, rtol=1e-9, atol=atol) == []


@examples(2)
@given(exact_problems)
def test_on_whole_numbers_the_hessian_is_exact(problem: Problem) -> None:
    along = direction(problem)
    exact = agreement.hessian(manual, problem.exact(), fractions(along))
    assert all(type(value) is Fraction for array in exact.values() for value in array.flat)
    by_hand = agreement.hessian(manual, problem, along)
    assert agreement.differences(by_hand, exact) == []
    by_jax = in_jax(problem, lambda p: agreement.hessian(ref, p, along))
    assert agreement.differences(by_jax, exact) == []


def along_the_line(problem: Problem, along: Any, s: Fraction) -> list[Any]:
    """The gradient at the parameters plus s times the direction."""
    moved = tuple(
        manual.Layer(*(None if p is None else p + s * v for p, v in zip(layer, rates, strict=True)))
        for layer, rates in zip(problem.params, along, strict=True)
    )
    return leaves(manual.value_and_grad(moved, *problem.arguments[1:], **problem.options)[1])


@examples(10)
@given(rational_problems)
def test_it_is_the_rate_of_the_gradient_which_is_a_polynomial_along_a_line(
    problem: Problem,
) -> None:
    """No limit: a polynomial of degree 8 has its derivative at 0 from eight
    values, by an exact rule."""
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


def test_a_term_left_out_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the curvature of the activation is forgotten, or its slope."""
    along = direction(CURVED)
    theirs = in_jax(CURVED, lambda p: agreement.hessian(ref, p, along))
    for term, left in (
        ("bend", lambda activation, z, *_: 0 * z),
        ("pull_back", lambda activation, z, d_h: d_h),
    ):
        with monkeypatch.context() as planted:
            planted.setattr(manual.hessian, term, left)
            mine = agreement.hessian(manual, CURVED, along)
        assert agreement.differences(mine, theirs, atol=0.01), term
    mine = agreement.hessian(manual, CURVED, along)
    assert not agreement.differences(mine, theirs, atol=1e-12)


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


def test_both_rooms_have_the_same_names() -> None:
    of_devices = {"Shardings", "join", "launch", "place", "sharded_value_and_grad", "shardings"}
    only_ref = {"compilation_cache", "stacked_jacobian"} | of_devices
    assert set(ref.__all__) - only_ref == set(manual.__all__) - {"backward", "jacobians"}


@pytest.mark.parametrize("n", [2, 3, 5])
def test_how_the_pullback_of_softmax_bends_is_its_difference(n: int) -> None:
    """In complex steps: the imaginary part of f(z + ih r)/h is the derivative
    along r, to the last digits."""
    rng = np.random.default_rng(n)
    z, d_h, r = rng.normal(size=(3, 2, n))

    def pulled(z: np.ndarray) -> np.ndarray:
        e = np.exp(z)
        h = e / e.sum(-1, keepdims=True)
        return np.asarray(h * (d_h - (d_h * h).sum(-1, keepdims=True)))

    np.testing.assert_allclose(pull_back("softmax", z, d_h), pulled(z), rtol=1e-13)
    expected = np.imag(pulled(z + 1e-30j * r)) / 1e-30
    np.testing.assert_allclose(bend("softmax", z, d_h, r), expected, rtol=1e-12, atol=1e-15)
    assert abs(expected).max() > 1e-3
