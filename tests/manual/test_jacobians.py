"""Jacobians of every node, and the gradients of single examples: by hand
against JAX, and against exact arithmetic.
"""

import functools
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given

import manual
import manual.hessian
import ref
from tests import agreement
from tests.agreement import in_jax
from tests.networks import Problem, all_problems, exact_problems, examples, rational_problems


@examples(1)
@given(rational_problems)
def test_every_jacobian_is_that_of_jax(problem: Problem) -> None:
    theirs = in_jax(problem, lambda p: agreement.jacobians(ref, p))
    mine = agreement.jacobians(manual, problem.exact())
    assert agreement.differences(mine, theirs, rtol=1e-12, atol=1e-12) == []


def test_the_jacobian_of_unequal_widths_in_a_batch_has_the_axes_of_both() -> None:
    params = [
        manual.Layer(np.arange(8.0).reshape(4, 2) - 3),
        manual.Layer(np.arange(12.0).reshape(3, 4) - 5),
    ]
    x = np.array([[1.0, 2.0], [-1.0, 1.0]])
    for room in (manual, ref):
        jacobian = functools.partial(
            room.jacobian, activations=("relu", "identity"), of="yhat", by="h1"
        )
        found = np.asarray((jax.jit(jacobian) if room is ref else jacobian)(params, x))
        assert found.shape == (2, 3, 2, 4)
        assert found[0, :, 0].tolist() == params[1].W.tolist()
        assert not found[0, :, 1].any()  # examples do not mix


@pytest.mark.parametrize(
    ("of", "by"), [("z1", "h1"), ("z1", "W2"), ("h1", "z2"), ("W1", "x"), ("L", "L"), ("h1", "h2")]
)
def test_no_jacobian_by_what_comes_later(of: str, by: str) -> None:
    params = [manual.Layer(np.ones((2, 2))), manual.Layer(np.ones((1, 2)))]
    with pytest.raises(ValueError, match=f"{by} does not come before {of}"):
        manual.jacobian(
            params, np.ones((1, 2)), ("relu", "identity"), of=of, by=by, y=np.ones((1, 1))
        )


# The gradients of single examples


def leaves(layers: Any) -> list[Any]:
    return [np.asarray(a) for layer in layers for a in layer if a is not None]


@examples(2)
@given(all_problems)
def test_the_gradient_of_an_example_is_that_of_a_batch_of_one(problem: Problem) -> None:
    losses, grads = manual.per_example_gradients(*problem.arguments, loss=problem.loss)
    mine = agreement.each_example(manual, problem)
    theirs = in_jax(problem, lambda p: agreement.each_example(ref, p))
    assert agreement.differences(mine, theirs, rtol=1e-9, atol=1e-11) == []
    np.testing.assert_allclose(losses, theirs["L[n]"], rtol=1e-12, atol=1e-12)
    for n in range(len(problem.x)):
        y = None if problem.y is None else problem.y[[n]]
        L, alone = manual.value_and_grad(
            problem.params, problem.x[[n]], y, problem.activations, loss=problem.loss
        )
        np.testing.assert_allclose(losses[n], L, rtol=1e-12, atol=1e-12)
        for mine, single in zip(leaves(grads), leaves(alone), strict=True):
            np.testing.assert_allclose(mine[n], single, rtol=1e-12, atol=1e-12)


@examples(2)
@given(exact_problems)
def test_on_whole_numbers_they_are_exact_and_add_up(problem: Problem) -> None:
    exact = problem.exact()
    losses, grads = manual.per_example_gradients(*exact.arguments, loss=problem.loss)
    L, whole = manual.value_and_grad(*exact.arguments, loss=problem.loss, reduction="sum")
    assert losses.sum() == L
    for each, total in zip(leaves(grads), leaves(whole), strict=True):
        assert (each.sum(0) == total).all()
    theirs = in_jax(problem, lambda p: agreement.each_example(ref, p))
    assert agreement.differences(agreement.each_example(manual, exact), theirs) == []
