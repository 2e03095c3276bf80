"""The planned pass equals the readable one: in every shape, number type and
layout, and by every way it may take."""

import copy
import itertools
import pickle
import tracemalloc
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manual
from gradsheet.checking.asked import ParameterGradients
from gradsheet.checking.truth import errors_of
from tests.networks import (
    Problem,
    all_problems,
    data_of,
    exact_problems,
    examples,
    named,
    network_of,
)
from tests.rounds import every

layouts = st.sampled_from(["rows", "columns"])

dtypes = st.sampled_from(["float32", "float64"])

# What a plan decides by size: small networks would never see the ways that are for large ones.
sizes = st.sampled_from(
    [{}, {"NARROW": 0}, {"SMALL": 0}, {"FEW": 0}, {"NARROW": 0, "SMALL": 0}, {"SMALL": 0, "FEW": 0}]
)


def planned(problem: Problem, layout: str | None = None) -> manual.Plan:
    params, x, _, activations = problem.arguments
    return manual.Plan(params, len(x), activations, layout=layout, **problem.options)


def found_by_plan(problem: Problem, layout: str, sizes: dict[str, int]) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        for name, size in sizes.items():
            patch.setattr(f"manual.{'inplace' if name == 'FEW' else 'plan'}.{name}", size)
        return named(*planned(problem, layout).value_and_grad(problem.x, problem.y))


def medium(dtype: str, *, bias: str = "units", batch: int = 33) -> Problem:
    """Wide enough for every choice by size, in a batch, with live and dead units: 70-40-30-3."""
    rng = np.random.default_rng(5)
    widths, params = (70, 40, 30, 3), []
    for I, O in itertools.pairwise(widths):
        b = {"units": rng.normal(size=O), "shared": rng.normal(size=()), "none": None}[bias]
        params.append(manual.Layer(rng.normal(size=(O, I)) / np.sqrt(I), b))
    x, y = rng.normal(size=(batch, 70)), rng.normal(size=(batch, 3))
    problem = Problem(
        tuple(params), x, y, ("relu", "tanh", "identity"), "half_squared_error", "mean"
    )
    return problem.astype(dtype)


@examples(40)
@given(exact_problems, layouts, dtypes, sizes)
def test_on_whole_numbers_it_is_the_same_to_the_last_bit(
    problem: Problem, layout: str, dtype: str, sizes: Any
) -> None:
    problem = problem.astype(dtype)
    expected = named(*manual.value_and_grad(*problem.arguments, **problem.options))
    found = found_by_plan(problem, layout, sizes)
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert array.dtype == dtype, name
        assert array.tolist() == expected[name].tolist(), name


@examples(40)
@given(all_problems, layouts, dtypes, sizes)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_on_any_numbers_it_is_within_the_error_bound(
    problem: Problem, layout: str, dtype: str, sizes: Any
) -> None:
    typed = problem.astype(dtype)
    data = data_of(problem, dtype)
    right = named(
        *manual.value_and_grad(data.params, data.x, data.y, problem.activations, **problem.options)
    )
    asked = ParameterGradients(network_of(problem))
    allowed, finer = errors_of(asked, data, dtype)[0], errors_of(asked, data, "float64")[0]
    found = found_by_plan(typed, layout, sizes)
    for name, array in found.items():
        if np.isfinite(array).all() and np.isfinite(allowed[name]).all():
            assert (abs(array.astype(float) - right[name]) <= allowed[name] + finer[name]).all(), (
                name
            )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_in_rows_the_weights_gradients_are_the_same_to_the_last_bit(dtype: str) -> None:
    """The same products in the same order; only the sums over the batch, L and
    dL/db, are taken in another."""
    problem = medium(dtype)
    expected = named(*manual.value_and_grad(*problem.arguments, **problem.options))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("manual.plan.SMALL", 0)
        plan = planned(problem, "rows")
    found = named(*plan.value_and_grad(problem.x, problem.y))
    for name in ("W1", "W2", "W3"):
        assert found[name].tobytes() == expected[name].tobytes(), name


@pytest.mark.parametrize(
    ("hidden", "layout"),
    every(
        3,
        itertools.product(
            ["relu", "leaky_relu", "sigmoid", "tanh", "softplus"], ["rows", "columns"]
        ),
    ),
)
def test_a_pass_allocates_nothing(hidden: str, layout: str) -> None:
    """No array: only Python's own objects, and two blocks of 8,192 entries in
    which NumPy turns bools into floats."""
    batch = 4000
    problem = medium("float32", batch=batch)
    problem = problem._replace(activations=("relu", hidden, "softmax"), loss="cross_entropy")
    problem.y[:] = np.eye(3)[np.arange(batch) % 3]
    plan = planned(problem, layout)
    plan.value_and_grad(problem.x, problem.y)

    def allocated(call: Any) -> int:
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    activations_of_a_layer = 4 * 30 * batch
    assert (
        allocated(lambda: plan.value_and_grad(problem.x, problem.y))
        < 8 * 8192 + 4000
        < activations_of_a_layer / 5
    )
    assert (
        allocated(lambda: manual.value_and_grad(*problem.arguments, **problem.options))
        > 10 * activations_of_a_layer
    )


@examples(20)
@given(all_problems, layouts)
def test_a_call_knows_nothing_of_the_call_before(problem: Problem, layout: str) -> None:
    plan, fresh = planned(problem, layout), planned(problem, layout)
    before = problem.x.copy(), None if problem.y is None else problem.y.copy()
    plan.value_and_grad(2 * problem.x + 1, problem.y)
    plan.per_example_norms(problem.x, problem.y)
    found, expected = (named(*p.value_and_grad(problem.x, problem.y)) for p in (plan, fresh))
    for name, array in found.items():
        assert array.tolist() == expected[name].tolist(), name
    for now, then in zip((problem.x, problem.y), before, strict=True):
        assert np.array_equal(now, then) if then is not None else now is None
    for mine, theirs in zip(plan.params, problem.params, strict=True):
        assert [None if a is None else a.tolist() for a in mine] == [
            None if a is None else a.tolist() for a in theirs
        ]


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_parameters_and_gradient_are_views_of_two_vectors(layout: str) -> None:
    problem = medium("float64")
    plan = planned(problem, layout)
    loss, _ = plan.value_and_grad(problem.x, problem.y)
    plan.vector -= 1e-3 * plan.gradient
    stepped, grads = plan.value_and_grad(problem.x, problem.y)
    assert stepped < loss
    right = named(*manual.value_and_grad(plan.params, *problem.arguments[1:]))
    np.testing.assert_allclose(stepped, right["L"], rtol=1e-12)
    np.testing.assert_allclose(
        plan.gradient @ plan.gradient, sum((a * a).sum() for n, a in right.items() if n != "L")
    )
    plan.params[0].W[...] = problem.params[0].W
    plan.load(problem.params)
    assert plan.value_and_grad(problem.x, problem.y)[0] == loss
    assert grads is plan.grads
    plan.vector = 0 * plan.vector  # copied into it, too
    assert not plan.params[1].W.any()
    assert plan.value_and_grad(problem.x, problem.y)[0] == (problem.y**2).sum() / 2 / len(problem.y)


@pytest.mark.parametrize(
    "make", [copy.copy, copy.deepcopy, lambda plan: pickle.loads(pickle.dumps(plan))]
)
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_a_copy_is_a_plan_of_its_own(layout: str, make: Any) -> None:
    problem = medium("float64")
    plan = planned(problem, layout)
    expected = named(*plan.value_and_grad(problem.x, problem.y))
    other = make(plan)
    assert (repr(other), other.reduction, other.activations) == (
        repr(plan),
        plan.reduction,
        plan.activations,
    )
    found = named(*other.value_and_grad(problem.x, problem.y))
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    other.vector *= 0
    other.value_and_grad(problem.x, problem.y)
    again = named(*plan.value_and_grad(problem.x, problem.y))
    assert all(np.array_equal(again[name], expected[name]) for name in expected)
    assert not np.array_equal(other.grads[2].b, plan.grads[2].b)


@pytest.mark.parametrize("bias", ["units", "shared", "none"])
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_per_example_gradients_and_their_norms(layout: str, bias: str) -> None:
    problem = medium("float64", bias=bias)
    expected, right = manual.per_example_gradients(*problem.arguments, loss=problem.loss)
    squares = sum(
        (a.reshape(33, -1) ** 2).sum(1) for layer in right for a in layer if a is not None
    )
    for matrix in (0, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("manual.plan.MATRIX", matrix)
            plan = planned(problem, layout)
            losses, grads = plan.per_example_gradients(problem.x, problem.y)
        np.testing.assert_allclose(losses, expected, rtol=1e-12)
        for name, array in named(0, grads).items():
            np.testing.assert_allclose(
                array, named(0, right)[name], rtol=1e-10, atol=1e-13, err_msg=name
            )
    for losses, norms in (
        plan.per_example_norms(problem.x, problem.y),
        manual.per_example_norms(*problem.arguments),
    ):
        np.testing.assert_allclose(losses, expected, rtol=1e-12)
        np.testing.assert_allclose(norms, np.sqrt(squares), rtol=1e-12)


@examples(20)
@given(exact_problems, layouts)
def test_per_example_gradients_on_whole_numbers(problem: Problem, layout: str) -> None:
    losses, grads = planned(problem, layout).per_example_gradients(problem.x, problem.y)
    expected, right = manual.per_example_gradients(*problem.arguments, loss=problem.loss)
    assert losses.tolist() == expected.tolist()
    for name, array in named(0, grads).items():
        assert array.tolist() == named(0, right)[name].tolist(), name


def test_the_layout_is_chosen_by_number_type_and_widths() -> None:
    for dtype, layout in (("float32", "columns"), ("float64", "rows")):
        assert planned(medium(dtype)).layout == layout
    narrow = manual.Plan([manual.Layer(np.ones((2, 3)))], 4, ["relu"])
    assert narrow.layout == "columns"
    assert repr(narrow) == "Plan(3-2, 4 examples, float64, half_squared_error, in columns)"


def test_other_arrays_come_through_the_door() -> None:
    problem = medium("float32")
    plan = planned(problem)
    expected = named(*plan.value_and_grad(problem.x, problem.y))
    again = named(*plan.value_and_grad(problem.x.astype(float).tolist(), problem.y.astype(float)))
    assert all(np.array_equal(again[name], expected[name]) for name in expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_as_they_were_planned_are_not_looked_at_again(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The door takes longer than a small network."""
    problem = medium(dtype)
    plan = planned(problem)
    for door in ("check_data", "check_loss"):
        monkeypatch.setattr(f"manual.plan.{door}", lambda *_, **__: pytest.fail("through the door"))
    plan.value_and_grad(problem.x, problem.y)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"examples": 0}, ValueError, "examples is 0, expected the number of rows of x"),
        ({"examples": True}, ValueError, "examples is True, expected the number of rows of x"),
        (
            {"examples": np.ones((4, 3))},
            ValueError,
            r"examples is an array of shape \(4, 3\), .* write len\(x\)",
        ),
        ({"layout": "diagonal"}, ValueError, "layout is 'diagonal', expected rows or columns"),
        ({"loss": "absolute"}, ValueError, "loss is 'absolute', expected one of"),
        (
            {"params": [manual.Layer(np.full((2, 3), Fraction(1)))]},
            TypeError,
            "expected float32 or float64: exact",
        ),
        (
            {"params": [manual.Layer(np.ones((2, 3), np.float16))]},
            TypeError,
            "W1 has dtype float16",
        ),
    ],
)
def test_what_cannot_be_planned(change: dict[str, Any], error: type[Exception], words: str) -> None:
    arguments: dict[str, Any] = {
        "params": [manual.Layer(np.ones((2, 3)))],
        "examples": 4,
        "activations": ["relu"],
    }
    with pytest.raises(error, match=words):
        manual.Plan(**(arguments | change))


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.ones((5, 3)), np.ones((5, 2)), "x has 5 rows, expected 4"),
        (np.ones((4, 2)), np.ones((4, 2)), r"x has shape \(4, 2\), expected \(N, 3\)"),
        (np.ones((4, 3)), np.ones((4, 1)), r"y has shape \(4, 1\), expected \(4, 2\)"),
        (np.ones((4, 3)), None, "y is None, expected the targets"),
    ],
)
def test_a_batch_that_does_not_fit(x: Any, y: Any, words: str) -> None:
    plan = manual.Plan([manual.Layer(np.ones((2, 3)))], 4, ["relu"])
    with pytest.raises(ValueError, match=words):
        plan.value_and_grad(x, y)


def test_the_loss_output_has_no_target() -> None:
    plan = manual.Plan([manual.Layer(np.ones((1, 3)))], np.int64(4), ["relu"], loss="output")
    assert plan.value_and_grad(np.ones((4, 3)))[0] == 3
    with pytest.raises(ValueError, match="y is given, expected None"):
        plan.value_and_grad(np.ones((4, 3)), np.ones((4, 1)))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (
            [manual.Layer(np.zeros((2, 2))), manual.Layer(np.zeros((3, 2)))],
            r"W2 .* \(3, 2\), expected \(2, 2\)",
        ),
        (
            [manual.Layer(np.zeros((2, 2))), manual.Layer(np.zeros((2, 2)), np.zeros(2))],
            "b2 has shape .* expected None",
        ),
        ([manual.Layer(np.zeros((2, 2)))], "expected one name for each of the 1 layers"),
    ],
)
def test_parameters_that_do_not_fit_leave_all_as_it_was(params: Any, words: str) -> None:
    plan = manual.Plan([manual.Layer(np.ones((2, 2)))] * 2, 4, ["relu"] * 2)
    with pytest.raises(ValueError, match=words):
        plan.load(params)
    assert (plan.vector == 1).all()


def test_its_own_parameters_can_be_loaded_in_another_order() -> None:
    layers = [manual.Layer(np.full((2, 2), value)) for value in (1.0, 2.0)]
    plan = manual.Plan(layers, 4, ["relu"] * 2)
    plan.load(plan.params[::-1])
    assert plan.vector.tolist() == [2] * 4 + [1] * 4


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_numbers_in_another_byte_order_will_do(layout: str) -> None:
    problem = medium("float64")
    swapped = [manual.Layer(W.astype(">f8"), b.astype(">f8")) for W, b in problem.params]
    plan = manual.Plan(swapped, len(problem.x), problem.activations, layout=layout)
    found = named(*plan.value_and_grad(problem.x.astype(">f8"), problem.y.astype(">f8")))
    expected = named(*planned(problem, layout).value_and_grad(problem.x, problem.y))
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
