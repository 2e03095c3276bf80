"""The compiled plans of the reference equal the reference, packed in every way."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

import manual
import ref
from ref.plan import FORMULATIONS, longest_run
from tests.agreement import compiled_pass
from tests.networks import Problem, all_problems, exact_problems, examples, named
from tests.rounds import every


def formulations(problem: Problem) -> list[str]:
    run = longest_run(problem.params, problem.activations)
    return [name for name in FORMULATIONS if name != "scan" or run.start < run.stop]


def deep(layers: int, *, width: int = 4, bias: str = "units", dtype: str = "float64") -> Problem:
    """3 inputs, `layers` hidden layers of one width, 2 outputs; whole numbers
    that stay small, live and dead units."""
    rng = np.random.default_rng(3)
    params = []
    for I, O in [(3, width), *[(width, width)] * (layers - 1), (width, 2)]:
        W = np.eye(O, I)[rng.permutation(O)]
        b = {"units": rng.choice((-1.0, 0, 1, 1), O), "shared": np.array(1.0), "none": None}[bias]
        params.append(manual.Layer(W, b))
    x, y = rng.integers(-1, 3, (4, 3)) * 1.0, rng.integers(-2, 3, (4, 2)) * 1.0
    activations = ("relu",) * layers + ("identity",)
    return Problem(tuple(params), x, y, activations, "half_squared_error", "mean").astype(dtype)


def by_every_packing(problem: Problem) -> Iterator[tuple[str, dict[str, Any]]]:
    for formulation in formulations(problem):
        plan = ref.Plan(
            problem.params, problem.activations, formulation=formulation, **problem.options
        )
        yield formulation, named(*compiled_pass(plan)(problem.params, problem.x, problem.y))


@examples(1)
@given(exact_problems)
def test_on_whole_numbers_every_packing_gives_what_the_hand_gives(problem: Problem) -> None:
    expected = named(*manual.value_and_grad(*problem.arguments, **problem.options))
    for formulation, found in by_every_packing(problem):
        assert found.keys() == expected.keys()
        for name, array in found.items():
            assert array.tolist() == expected[name].tolist(), (formulation, name)


@examples(1)
@given(all_problems)
def test_on_any_numbers_too(problem: Problem) -> None:
    expected = named(*manual.value_and_grad(*problem.arguments, **problem.options))
    for formulation, found in by_every_packing(problem):
        for name, array in found.items():
            np.testing.assert_allclose(
                array, expected[name], rtol=1e-9, atol=1e-11, err_msg=f"{formulation} {name}"
            )


@pytest.mark.parametrize(
    ("bias", "dtype"),
    every(
        2, [("units", "float32"), ("units", "float64"), ("none", "float64"), ("shared", "float64")]
    ),
)
def test_a_deep_network_is_scanned_and_equals_the_hand(bias: str, dtype: str) -> None:
    problem = deep(40, bias=bias, dtype=dtype)
    plan = ref.Plan(problem.params, problem.activations)
    assert plan.formulation == "scan"
    before, stacks, after = jax.eval_shape(plan.pack, problem.params)
    assert stacks.W.shape == (39, 4, 4)
    assert len(before) == len(after) == (1 if bias == "none" else 2)
    found = named(*compiled_pass(plan)(problem.params, problem.x, problem.y))
    expected = named(*manual.value_and_grad(*problem.arguments, **problem.options))
    assert np.abs(expected["W1"]).any()
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert array.dtype == dtype
        assert array.tolist() == expected[name].tolist(), name


def test_what_is_unpacked_is_what_was_packed() -> None:
    problem = deep(5)
    for formulation in FORMULATIONS:
        plan = ref.Plan(problem.params, problem.activations, formulation=formulation)
        unpacked = jax.jit(lambda params, plan=plan: plan.unpack(plan.pack(params)))
        for name, array in named(0, unpacked(problem.params)).items():
            assert array.tolist() == named(0, problem.params)[name].tolist(), (formulation, name)


def test_the_packing_is_chosen_from_the_shapes() -> None:
    def chosen(*widths: int, activation: str = "relu") -> str:
        pairs = itertools.pairwise(widths)
        params = [
            manual.Layer(np.zeros((O, I), np.float32), np.zeros(O, np.float32)) for I, O in pairs
        ]
        return ref.Plan(params, (activation,) * len(params)).formulation

    assert chosen(2, 3, 3, 1) == "vector"
    assert chosen(784, 256, 128, 10) == "layers"
    assert chosen(8, *(32,) * 33) == "scan"
    assert chosen(8, *(256,) * 33) == "layers"  # wide: the products take all the time
    assert "packed as vector" in repr(ref.Plan([manual.Layer(np.ones((2, 3)))], ["relu"]))


def test_a_run_ends_where_anything_but_the_numbers_changes() -> None:
    square, other = manual.Layer(np.ones((3, 3)), np.ones(3)), manual.Layer(np.ones((3, 3)))
    wide = manual.Layer(np.ones((3, 5)))
    assert longest_run([wide, square, square, other, square], ["relu"] * 5) == slice(1, 3)
    assert longest_run([square, square, square], ["relu", "tanh", "tanh"]) == slice(1, 3)
    assert longest_run([wide], ["relu"]) == slice(0, 0)


@pytest.mark.parametrize(
    ("formulation", "bias"),
    [("layers", "units"), ("vector", "shared"), *every(2, [("scan", "none"), ("scan", "shared")])],
)
def test_per_example_gradients_and_their_norms(formulation: str, bias: str) -> None:
    problem = deep(2, width=5, bias=bias)
    plan = ref.Plan(problem.params, problem.activations, formulation=formulation)
    packed = plan.pack(problem.params)

    @jax.jit
    def both(packed: Any, x: Any, y: Any) -> Any:
        return plan.per_example_gradients(packed, x, y), plan.per_example_norms(packed, x, y)

    (losses, grads), (again, norms) = both(packed, problem.x, problem.y)
    expected, right = manual.per_example_gradients(*problem.arguments)
    assert losses.tolist() == expected.tolist()
    for name, array in named(0, grads).items():
        assert array.tolist() == named(0, right)[name].tolist(), name
    squares = sum(
        (np.asarray(a).reshape(4, -1) ** 2).sum(1)
        for layer in right
        for a in layer
        if a is not None
    )
    assert again.tolist() == expected.tolist()
    np.testing.assert_allclose(norms, np.sqrt(squares), rtol=1e-14)


@pytest.mark.parametrize("formulation", every(2, FORMULATIONS))
def test_a_gradient_given_up_leaves_its_memory_to_the_next(formulation: str) -> None:
    problem = deep(3)
    plan = ref.Plan(problem.params, problem.activations, formulation=formulation)
    packed = plan.pack(problem.params)
    expected = L, gradient = plan.value_and_grad(packed, problem.x, problem.y)
    _, other = plan.value_and_grad(packed, problem.x + 1, problem.y)
    again = plan.value_and_grad(packed, problem.x, problem.y, into=other)
    assert all(array.is_deleted() for array in jax.tree.leaves(other))
    assert not any(array.is_deleted() for array in jax.tree.leaves((packed, gradient)))
    chex.assert_trees_all_equal(again, expected)
    with pytest.raises(
        ValueError, match="write into=gradient, with one that an earlier call returned"
    ):
        plan.value_and_grad(packed, problem.x, problem.y, into=L)


def test_gradients_of_examples_given_up_leave_their_memory_to_the_next() -> None:
    problem = deep(3)
    plan = ref.Plan(problem.params, problem.activations)
    packed = plan.pack(problem.params)
    _, grads = plan.per_example_gradients(packed, problem.x, problem.y)
    kept = jax.tree.map(np.copy, grads)
    _, reused = plan.per_example_gradients(packed, problem.x, problem.y, into=grads)
    assert all(array.is_deleted() for array in jax.tree.leaves(grads))
    assert all(map(np.array_equal, jax.tree.leaves(reused), jax.tree.leaves(kept)))
    with pytest.raises(
        ValueError, match="write into=grads, with those that an earlier call returned"
    ):
        plan.per_example_gradients(packed, problem.x, problem.y, into=problem.params)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"formulation": "stack"}, "formulation is 'stack', expected one of layers, vector, scan"),
        ({"formulation": "scan"}, "expected at least one layer with as many units as inputs"),
        ({"activations": ["relu", "relu"]}, "expected one name for each of the 1 layers"),
        ({"loss": "absolute"}, "loss is 'absolute'"),
        ({"loss": "output"}, 'the loss "output" takes one output'),
    ],
)
def test_what_cannot_be_planned(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ref.Plan([manual.Layer(np.ones((2, 3)))], **({"activations": ["relu"]} | arguments))


def test_numbers_of_two_types_are_not_packed() -> None:
    with pytest.raises(
        ValueError, match="params has the number types float32, float64, expected one for all"
    ):
        ref.Plan([manual.Layer(np.ones((2, 3)), np.ones(2, np.float32))], ["relu"])


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), ref.compilation_cache(tmp_path / "file"):
        pass


def test_what_does_not_fit_the_plan() -> None:
    params = [manual.Layer(np.ones((2, 3)))]
    plan = ref.Plan(params, ["relu"])
    packed, x, y = plan.pack(params), np.ones((4, 3)), np.ones((4, 2))
    with pytest.raises(ValueError, match=r"write plan.pack\(params\)"):
        plan.value_and_grad(params, x, y)
    with pytest.raises(ValueError, match=r"x has shape \(4, 2\), expected \(N, 3\)"):
        plan.value_and_grad(packed, y, y)
    with pytest.raises(
        ValueError, match=r"params has float64\[9\], expected float64\[6\]: a plan is for one set"
    ):
        plan.pack([manual.Layer(np.ones((3, 3)))])
    with pytest.raises(
        ValueError, match=r"packed has float32\[6\], expected float64\[6\]: .* `with jax.enable_x64"
    ):
        plan.value_and_grad(packed.astype(np.float32), x, y)
    with pytest.raises(ValueError, match="y is None"):
        plan.value_and_grad(packed, x)


def test_programs_are_kept_in_a_folder_and_the_settings_put_back(tmp_path: Path) -> None:
    """In a process of its own, which forgets what it has compiled: a cache that
    was used once is not to change how other tests compile."""
    code = f"""
import jax, numpy as np, pathlib, ref
before = dict(jax.config.values)
kept = []
for _ in range(2):
    params = [ref.Layer(np.ones((2, 3), np.float32))]
    plan = ref.Plan(params, ["relu"])
    with ref.compilation_cache({str(tmp_path)!r}):
        print(plan.value_and_grad(plan.pack(params), np.ones((4, 3)), np.ones((4, 2)))[0])
    assert dict(jax.config.values) == before
    jax.jit(lambda a: a * 3)(1.0)
    files = pathlib.Path({str(tmp_path)!r}).glob("*-cache")
    kept.append({{path.name: path.stat().st_mtime_ns for path in files}})
    jax.clear_caches()
assert kept[0]
assert kept[0] == kept[1]  # nothing was compiled anew, and what is outside is not kept
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "4.0\n4.0\n"), done.stderr


def test_a_plan_holds_no_parameters() -> None:
    params = [manual.Layer(np.ones((2, 3)))]
    plan = ref.Plan(params, ["relu"])
    leaves = jax.tree.leaves(vars(plan) | {"packing": vars(plan._packing)})
    assert not any(isinstance(leaf, jax.Array | np.ndarray) for leaf in leaves)
    assert jnp.shape(plan.pack(params)) == (6,)


def test_help_has_what_is_compiled() -> None:
    plan = ref.Plan([(np.ones((2, 3)), None)], ("identity",))
    for name in ("value_and_grad", "per_example_gradients", "per_example_norms"):
        assert getattr(ref.Plan, name).__doc__ == getattr(plan, name).__doc__
        assert isinstance(getattr(plan, name), type(jax.jit(len)))
