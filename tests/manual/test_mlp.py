"""The two rooms against each other and against exact arithmetic: forward, then loss, then each gradient by name."""

from fractions import Fraction
from typing import Any

import chex
import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manual
import ref
from gradsheet.truth.nudge import Walk
from tests.networks import Problem, all_problems, exact_problems, examples, rational_problems


def named(tree: Any) -> dict[str, Any]:
    """Every array of a result by its name: z1, h1, W1, b1, ..."""
    if isinstance(tree, manual.Cache | ref.Cache | manual.Gradients | ref.Gradients):
        names = {f"z{l}": z for l, z in enumerate(tree.z, 1)} | {
            f"h{l}": h for l, h in enumerate(tree.h)
        }
        return names | (named(tree.params) if hasattr(tree, "params") else {})
    return {
        f"{name}{l}": a
        for l, layer in enumerate(tree, 1)
        for name, a in layer._asdict().items()
        if a is not None
    }


def walk(problem: Problem) -> Walk:
    layers = [
        (
            W.tolist(),
            None if b is None else b.tolist(),
            a if isinstance(a, str) else (a[0], Fraction(a[1])),
        )
        for (W, b), a in zip(problem.params, problem.activations, strict=True)
    ]
    y = [] if problem.y is None else problem.y.tolist()
    return Walk(layers, problem.x.tolist(), y, problem.loss, problem.reduction, rational=True)


def in_jax(problem: Problem, function: Any) -> Any:
    """A function of (params, x, y), compiled as a whole: op by op, every new shape costs a compilation for each op."""
    return jax.tree.map(np.asarray, jax.jit(function)(problem.params, problem.x, problem.y))


@examples(9)
@given(all_problems)
def test_the_rooms_agree_in_float64(problem: Problem) -> None:
    params, x, _, activations = problem.arguments
    cache = manual.forward(params, x, activations)
    other, (other_L, other_grads) = in_jax(
        problem,
        lambda p, x, y: (
            ref.forward(p, x, activations),
            ref.gradients(p, x, y, activations, **problem.options),
        ),
    )
    for name, array in named(cache).items():
        np.testing.assert_allclose(array, named(other)[name], rtol=1e-12, atol=1e-12, err_msg=name)
    L, grads = manual.gradients(*problem.arguments, **problem.options)
    np.testing.assert_allclose(L, other_L, rtol=1e-12, atol=1e-12)
    for name, array in named(grads).items():
        np.testing.assert_allclose(
            array, named(other_grads)[name], rtol=1e-9, atol=1e-11, err_msg=f"d_{name}"
        )
    # The short way gives the same parameters' gradients, in the parameters' own type.
    value, d_params = manual.value_and_grad(*problem.arguments, **problem.options)
    assert value == L
    chex.assert_trees_all_equal(d_params, grads.params)
    chex.assert_trees_all_equal_shapes_and_dtypes(d_params, problem.params)


@examples(8)
@given(exact_problems, st.sampled_from([np.float32, np.float64]))
def test_on_whole_numbers_floats_equal_fractions(problem: Problem, dtype: type) -> None:
    L, exact = manual.gradients(*problem.exact().arguments, **problem.options)
    floats = problem.astype(dtype)
    by_hand = manual.gradients(*floats.arguments, **problem.options)
    by_jax = in_jax(
        floats, lambda p, x, y: ref.gradients(p, x, y, floats.activations, **problem.options)
    )
    for room, (value, grads) in (("manual", by_hand), ("ref", by_jax)):
        assert float(value) == L, room
        for name, array in named(grads).items():
            assert array.tolist() == named(exact)[name].astype(float).tolist(), f"{room}: d_{name}"
            assert array.dtype == dtype, name


@examples(12)
@given(rational_problems)
def test_the_exact_difference_equals_the_derivation(problem: Problem) -> None:
    problem = problem.exact()
    L, grads = manual.gradients(*problem.arguments, **problem.options)
    witness = walk(problem)
    assert sum(witness.shares(witness.nodes)) == L
    for name, array in named(
        manual.forward(problem.params, problem.x, problem.activations)
    ).items():
        assert array.tolist() == witness.nodes[name], name
    kinks = 0
    for name, array in named(grads).items():
        for entry in np.ndindex(array.shape):
            left, right, kink = witness.derivative("L", (), name, entry)
            kinks += kink
            assert kink or left == right == array[entry], (name, entry)
    zs = manual.forward(problem.params, problem.x, problem.activations).z
    assert not kinks or any((z == 0).any() for z in zs)


@examples(4)
@given(rational_problems)
def test_every_jacobian_is_that_of_jax(problem: Problem) -> None:
    exact, depth = problem.exact(), len(problem.params)
    by = ["x", "z1", "W1", *(["b1"] * (problem.params[0].b is not None))]
    pairs = [(of, name) for of in ("L", "shares", f"h{depth}", "z1") for name in by]
    pairs += [("L", f"z{depth}"), ("shares", f"h{depth}"), (f"h{depth}", f"W{depth}")]

    def jacobians(params: Any, x: Any, y: Any) -> Any:
        return [
            ref.jacobian(params, x, problem.activations, of=of, by=by, y=y, **problem.options)
            for of, by in pairs
        ]

    for (of, name), theirs in zip(pairs, in_jax(problem, jacobians), strict=True):
        mine = manual.jacobian(
            exact.params, exact.x, exact.activations, of=of, by=name, y=exact.y, **exact.options
        )
        assert mine.shape == theirs.shape, (of, name)
        np.testing.assert_allclose(
            mine.astype(float), theirs, rtol=1e-12, atol=1e-12, err_msg=f"d{of}/d{name}"
        )


def test_the_jacobian_of_unequal_widths_in_a_batch_has_the_axes_of_both() -> None:
    params = [
        manual.Layer(np.arange(8.0).reshape(4, 2) - 3),
        manual.Layer(np.arange(12.0).reshape(3, 4) - 5),
    ]
    x = np.array([[1.0, 2.0], [-1.0, 1.0]])
    for room in (manual, ref):
        found = np.asarray(room.jacobian(params, x, ("relu", "identity"), of="yhat", by="h1"))
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


@examples(20)
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


@examples(20)
@given(rational_problems)
def test_exactly_so_on_fractions(problem: Problem) -> None:
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
    for name, array in named(grads).items():
        assert (array == sum(named(g)[name] for _, g in one_by_one) * share).all(), name


@examples(20)
@given(all_problems)
def test_backward_twice_gives_the_same_and_changes_nothing(problem: Problem) -> None:
    cache = manual.forward(problem.params, problem.x, problem.activations)
    before = jax.tree.map(np.copy, (problem.params, cache))
    d_yhat = np.ones_like(cache.h[-1])
    first = manual.backward(problem.params, cache, d_yhat, problem.activations)
    kept = jax.tree.map(np.copy, first)
    second = manual.backward(problem.params, cache, d_yhat, problem.activations)
    chex.assert_trees_all_equal(first, second)
    chex.assert_trees_all_equal(first, kept)
    chex.assert_trees_all_equal((problem.params, cache), before)
    assert (d_yhat == 1).all()


@examples(20)
@given(exact_problems)
def test_fractions_stay_fractions(problem: Problem) -> None:
    exact = problem.exact()
    L, grads = manual.gradients(*exact.arguments, **exact.options)
    assert type(L) is Fraction
    for name, array in {
        **named(grads),
        **named(manual.forward(exact.params, exact.x, exact.activations)),
    }.items():
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
    for loss, y in (("output", None), ("half_squared_error", np.zeros((27, 1)))):
        _, grads = manual.gradients(
            params, lattice, y, ("relu", "identity"), loss=loss, reduction="sum"
        )
        _, other = ref.gradients(
            params, lattice, y, ("relu", "identity"), loss=loss, reduction="sum"
        )
        assert (grads.z[0][lattice <= 0] == 0).all()
        for name, array in named(grads).items():
            assert array.tolist() == named(other)[name].tolist(), name
    assert grads.z[0][lattice > 0].all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_reference_works_under_jit_in_both_precisions(dtype: type) -> None:
    rng = np.random.default_rng(3)
    params = [
        ref.Layer(rng.integers(-2, 3, (4, 3)).astype(dtype), np.ones(4, dtype)),
        ref.Layer(np.ones((2, 4), dtype)),
    ]
    x, y = rng.integers(-2, 3, (2, 3)).astype(dtype), np.ones((2, 2), dtype)
    jitted = jax.jit(ref.value_and_grad, static_argnames=("activations", "loss", "reduction"))
    found = jitted(
        params, x, y, activations=("relu", "identity"), loss="squared_error", reduction="sum"
    )
    plain = ref.value_and_grad(
        params, x, y, ("relu", "identity"), loss="squared_error", reduction="sum"
    )
    chex.assert_trees_all_equal(found, plain)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(dtype)}


def test_confident_right_answers_have_a_gradient() -> None:
    """A sigmoid that has rounded to 1 where y is 1 has a loss, and a gradient."""
    for room in (manual, ref):
        L, grads = room.value_and_grad(
            [room.Layer(np.array([[40.0]]))],
            np.array([[1.0]]),
            np.array([[1.0]]),
            ("sigmoid",),
            loss="binary_cross_entropy",
        )
        assert float(L) == pytest.approx(4.248354255291589e-18, rel=1e-15, abs=0)
        assert float(grads[0].W[0, 0]) == pytest.approx(-4.248354255291589e-18, rel=1e-15, abs=0)
