"""The two rooms against each other and against exact arithmetic: forward, then
loss, then each gradient by name.
"""

from fractions import Fraction
from functools import partial
from typing import Any

import chex
import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manual
import ref
from gradsheet.mistakes.layered import point_of
from tests import agreement
from tests.agreement import by_name, in_jax
from tests.networks import (
    Problem,
    all_problems,
    exact_problems,
    examples,
    rational_problems,
    stated_problem,
)


@examples(2)
@given(all_problems)
def test_the_rooms_agree_in_float64(problem: Problem) -> None:
    forward, backward = in_jax(
        problem, lambda p: (agreement.forward(ref, p), agreement.gradients(ref, p))
    )
    mine = agreement.forward(manual, problem)
    assert agreement.differences(mine, forward, rtol=1e-12, atol=1e-12) == []
    mine = agreement.gradients(manual, problem)
    loss, their_loss = {"L": mine["L"]}, {"L": backward["L"]}
    assert agreement.differences(loss, their_loss, rtol=1e-12, atol=1e-12) == []
    assert agreement.differences(mine, backward, rtol=1e-9, atol=1e-11) == []
    # The short way gives the same parameters' gradients, in the parameters' own type.
    value, d_params = manual.value_and_grad(*problem.arguments, **problem.options)
    assert value == mine["L"]
    short = {f"dL/d{name}": array for name, array in by_name(d_params).items()}
    assert agreement.differences(short, {name: mine[name] for name in short}) == []
    chex.assert_trees_all_equal_shapes_and_dtypes(d_params, problem.params)


@examples(2)
@given(exact_problems, st.sampled_from([np.float32, np.float64]))
def test_on_whole_numbers_floats_equal_fractions(problem: Problem, dtype: type) -> None:
    exact = agreement.gradients(manual, problem.exact())
    floats = problem.astype(dtype)
    by_hand = agreement.gradients(manual, floats)
    by_jax = in_jax(floats, lambda p: agreement.gradients(ref, p))
    for room, tensors in (("manual", by_hand), ("ref", by_jax)):
        assert agreement.differences(tensors, exact) == [], room
        assert {np.asarray(array).dtype for array in tensors.values()} == {np.dtype(dtype)}


@examples(6)
@given(rational_problems, st.data())
def test_a_nudge_through_the_formulas_equals_the_derivation(problem: Problem, data: Any) -> None:
    activations = tuple(
        a if isinstance(a, str) else (a[0], Fraction(a[1])) for a in problem.activations
    )
    problem = problem.exact()._replace(activations=activations)
    L, grads = manual.gradients(*problem.arguments, **problem.options)
    point = point_of(stated_problem(problem), None)
    walk, canonical = point.walk, point.network.canonical
    assert walk.node("L").item() == L
    for name, array in agreement.forward(manual, problem).items():
        assert (array == walk.node(canonical(name))).all(), name
    for name, array in by_name(grads).items():
        entry = data.draw(st.sampled_from([*np.ndindex(array.shape)]))
        right, left = walk.slopes("L", (), canonical(name), entry)
        assert left == right == array[entry] or point.at_kink("L", canonical(name)), (name, entry)


@examples(10)
@given(all_problems)
def test_a_batch_is_the_mean_of_its_examples(problem: Problem) -> None:
    one_by_one = [
        manual.value_and_grad(
            problem.params,
            problem.x[[n]],
            None if problem.y is None else problem.y[[n]],
            problem.activations,
            **problem.options,
        )
        for n in range(len(problem.x))
    ]
    share = 1 / len(problem.x) if problem.reduction == "mean" else 1
    total = jax.tree.map(lambda *parts: sum(parts) * share, *one_by_one)
    chex.assert_trees_all_close(
        manual.value_and_grad(*problem.arguments, **problem.options), total, rtol=1e-10, atol=1e-10
    )


@examples(10)
@given(rational_problems)
def test_a_batch_is_exactly_the_mean_of_its_examples_on_fractions(problem: Problem) -> None:
    exact = problem.exact()
    rows = range(len(exact.x))
    one_by_one = [
        manual.value_and_grad(
            exact.params,
            exact.x[[n]],
            None if exact.y is None else exact.y[[n]],
            exact.activations,
            **exact.options,
        )
        for n in rows
    ]
    share = Fraction(1, len(rows)) if problem.reduction == "mean" else 1
    value, grads = manual.value_and_grad(*exact.arguments, **exact.options)
    assert value == sum(L for L, _ in one_by_one) * share
    for name, array in by_name(grads).items():
        assert (array == sum(by_name(g)[name] for _, g in one_by_one) * share).all(), name


@examples(10)
@given(all_problems)
def test_backward_twice_gives_the_same_and_changes_nothing(problem: Problem) -> None:
    cache = manual.forward(problem.params, problem.x, problem.activations)
    before = jax.tree.map(np.copy, (problem.params, cache))
    d_yhat = np.ones_like(cache.h[-1])
    first = manual.backward(problem.params, cache, d_yhat, problem.activations)
    copied = jax.tree.map(np.copy, first)
    second = manual.backward(problem.params, cache, d_yhat, problem.activations)
    chex.assert_trees_all_equal(first, second)
    chex.assert_trees_all_equal(first, copied)
    chex.assert_trees_all_equal((problem.params, cache), before)
    assert (d_yhat == 1).all()


@examples(10)
@given(exact_problems)
def test_fractions_stay_fractions(problem: Problem) -> None:
    exact = problem.exact()
    L, grads = manual.gradients(*exact.arguments, **exact.options)
    assert type(L) is Fraction
    for name, array in (by_name(grads) | agreement.forward(manual, exact)).items():
        assert all(type(value) is Fraction for value in array.flat), name


def test_whole_numbers_among_objects_become_fractions_at_the_door() -> None:
    params = [manual.Layer(np.array([[2]], object), np.array([0], object))]
    L, grads = manual.value_and_grad(params, [[1], [0], [0]], [[0], [0], [0]], ["relu"])
    assert (L, grads[0].W[0, 0]) == (Fraction(2, 3), Fraction(2, 3))
    assert type(L) is type(grads[0].W[0, 0]) is Fraction


@pytest.mark.parametrize("bias", [(), (3,)])
def test_at_z_exactly_0_both_rooms_take_the_derivative_0(bias: tuple[int, ...]) -> None:
    """The kink lattice: every combination of z in {-1, 0, 1} over three units, as a batch."""
    lattice = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3), -1).reshape(-1, 3)
    params = [manual.Layer(np.eye(3), np.zeros(bias)), manual.Layer(np.array([[2.0, 3.0, 5.0]]))]

    def by_every_loss(room: Any, params: Any, x: Any) -> list[Any]:
        asked = {"output": None, "half_squared_error": np.zeros((27, 1))}
        options = {"activations": ("relu", "identity"), "reduction": "sum"}
        return [room.gradients(params, x, y, loss=loss, **options)[1] for loss, y in asked.items()]

    by_hand = by_every_loss(manual, params, lattice)
    in_jax = jax.jit(partial(by_every_loss, ref))(params, lattice)
    for grads, other in zip(by_hand, in_jax, strict=True):
        assert (grads.z[0][lattice <= 0] == 0).all()
        assert agreement.differences(by_name(grads), by_name(other)) == []
    assert by_hand[-1].z[0][lattice > 0].all()


def test_confident_right_answers_have_a_gradient() -> None:
    """A sigmoid that has rounded to 1 where y is 1 has a loss, and a gradient."""
    for room in (manual, ref):
        confident = partial(
            room.value_and_grad, activations=("sigmoid",), loss="binary_cross_entropy"
        )
        confident = jax.jit(confident) if room is ref else confident
        one = np.array([[1.0]])
        L, grads = confident([room.Layer(40 * one)], one, one)
        assert float(L) == pytest.approx(4.248354255291589e-18, rel=1e-15, abs=0)
        assert float(grads[0].W[0, 0]) == pytest.approx(-4.248354255291589e-18, rel=1e-15, abs=0)


def test_backward_gives_the_gradients_of_the_output() -> None:
    first = manual.Layer(np.array([[1.0, -2.0], [3.0, 1.0]]), np.array([1.0, 0.0]))
    params = [first, manual.Layer(np.array([[2.0, 5.0]]))]
    x, activations = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 1.0]]), ("relu", "identity")
    cache = manual.forward(params, x, activations)
    found = manual.backward(params, cache, np.ones((3, 1)), activations)
    _, grads = manual.gradients(params, x, None, activations, loss="output", reduction="sum")
    assert found.params[0].W.tolist() == grads.params[0].W.tolist() == [[7.0, 0.0], [22.5, 10.0]]
    assert found.params[0].b.tolist() == grads.params[0].b.tolist() == [4.0, 15.0]
    assert found.params[1].W.tolist() == grads.params[1].W.tolist()
    assert found.params[1].b is None
    for mine, theirs in ((found.z, grads.z), (found.h, grads.h)):
        assert [array.tolist() for array in mine] == [array.tolist() for array in theirs]
    with pytest.raises(ValueError, match="d_yhat"):
        manual.backward(params, cache, np.ones((2, 1)), activations)
