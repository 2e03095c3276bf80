"""The witnesses agree on every net of layers, each by its own way: the sweep
over the lowered steps, the nudge through the formulas, JAX on the formulas; and
with all of them the pass as it is written out, by hand and in JAX."""

import random
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manual
import ref
from gradsheet.mistakes.layered import point_of
from gradsheet.network import problem as problems
from gradsheet.network.network import Network
from gradsheet.numbers.real import Arithmetic, apart
from gradsheet.numbers.reasons import AtKink
from gradsheet.truth.autodiff import Reals, run_exactly
from gradsheet.truth.carrying import nudged
from gradsheet.truth.graph_point import GraphPoint
from tests.agreement import by_name
from tests.networks import Problem, all_problems, examples, rational_problems, stated_problem
from tests.rounds import every

OF = ("L", "shares")


def exact(problem: Problem, real: Any = Fraction) -> Problem:
    """A problem on Fractions, or on Reals."""

    def typed(array: Any) -> Any:
        return None if array is None else np.vectorize(lambda v: real(Fraction(v)), [object])(array)

    params = tuple(manual.Layer(typed(W), typed(b)) for W, b in problem.params)
    activations = tuple(
        a if isinstance(a, str) else (a[0], Fraction(a[1])) for a in problem.activations
    )
    return problem._replace(
        params=params, x=typed(problem.x), y=typed(problem.y), activations=activations
    )


def written_out(problem: Problem, of: str) -> dict[str, Any]:
    """d of / d by for every `by` before it, by hand."""
    params, x, y, activations = problem.arguments
    return manual.jacobians(params, x, activations, of=of, y=y, **problem.options)


def by_ref(problem: Problem, floats: Problem) -> tuple[Any, Any]:
    """The values of L and the shares, and their derivatives: JAX's program of the
    pass written out, carried out on the exact numbers of a problem."""
    arrays, structure = jax.tree.flatten(floats.arguments[:3])

    def run(*arrays: jax.Array) -> Any:
        params, x, y = jax.tree.unflatten(structure, arrays)
        options = floats.options
        return ref.stacked_jacobian(params, x, floats.activations, of=OF, y=y, **options)

    closed, result = jax.make_jaxpr(run, return_shape=True)(*arrays)
    given = jax.tree.leaves(problem.arguments[:3])
    return jax.tree.unflatten(
        jax.tree.structure(result), run_exactly(closed, given, Reals(Arithmetic(40)))
    )


def names(problem: Problem) -> Iterator[str]:
    for l, layer in enumerate(problem.params, 1):
        yield from (f"z{l}", f"h{l}", f"W{l}", *(() if layer.b is None else (f"b{l}",)))


def swept(point: GraphPoint, of: str, by: str) -> Any:
    """d of / d by, by the sweep over the steps."""
    of, by = point.network.canonical(of), point.network.canonical(by)
    shapes = point.program.shapes
    rows = [point.comes_back(of, entry, by)[0] for entry in np.ndindex(shapes[of])]
    return np.array(rows, object).reshape(shapes[of] + shapes[by])


def same(mine: Any, theirs: Any) -> bool:
    """Equal in every entry: by value on Fractions, by enclosure and mark on Reals."""
    return all(bool(a == b) for a, b in zip(np.ravel(mine), np.ravel(theirs), strict=True))


@examples(3)
@given(rational_problems)
def test_the_sweep_is_the_pass_as_written_out_without_any_rounding(floats: Problem) -> None:
    problem = exact(floats)
    point = point_of(stated_problem(problem), None)
    cache = manual.forward(problem.params, problem.x, problem.activations)
    for l, (z, h) in enumerate(zip(cache.z, cache.h[1:], strict=True), 1):
        assert same(z, point.node(f"z{l}"))
        assert same(h, point.node(f"h{l}"))
    value, _ = manual.value_and_grad(*problem.arguments, **problem.options)
    assert point.node("L") == value
    vector, rows = by_ref(problem, floats)
    assert same(vector, [value, *point.node("shares")])
    for k, of in enumerate((*OF, f"z{len(problem.params)}")):
        by_hand = written_out(problem, of)
        for by in by_hand:
            found = swept(point, of, by)
            assert same(found, by_hand[by]), (of, by)
            if k < len(OF):
                layer = rows.params[int(by[1:]) - 1] if by[0] in "Wb" else None
                column = getattr(layer, by[0]) if layer else _node(rows, by)
                assert same(found, column[:1] if of == "L" else column[1:]), (of, by)


def _node(rows: Any, by: str) -> Any:
    """What JAX's rows have for a node: z counts from 1, h from 0."""
    return rows.z[int(by[1:]) - 1] if by[0] == "z" else rows.h[int(by[1:])]


@examples(3)
@given(all_problems, st.data())
def test_the_witnesses_agree_where_exp_and_log_enter(problem: Problem, data: Any) -> None:
    """A point raises where they disagree. With the pass written out the sweep
    agrees not to some digits only: the marks say that it is the same expression."""
    real = Arithmetic(40)
    problem = exact(problem, real)
    point = point_of(stated_problem(problem), [*OF], nudges=2, arithmetic=real)
    cache = manual.forward(problem.params, problem.x, problem.activations)
    for l, (z, h) in enumerate(zip(cache.z, cache.h[1:], strict=True), 1):
        assert same(z, point.node(f"z{l}"))
        assert not any(map(apart, h.flat, point.node(f"h{l}").flat))
    by_hand = written_out(problem, "L")
    for by in names(problem):
        found = swept(point, "L", by)
        assert not any(map(apart, found.flat, by_hand[by].flat)), by
    by = data.draw(st.sampled_from([*names(problem)]))
    try:
        heard = point.derivative("L", (), by, ())
    except AtKink:
        return
    assert same(heard, swept(point, "L", by))


@examples(5)
@given(rational_problems, st.sampled_from(["all", "weights"]), st.booleans())
def test_a_step_of_descent_is_the_step_as_written_out(
    problem: Problem, update: str, single: bool
) -> None:
    problem, rate = exact(problem), Fraction(1, 8)
    if single:
        y = None if problem.y is None else problem.y[:1]
        problem = problem._replace(x=problem.x[:1], y=y)
    stated = stated_problem(problem)
    network = replace(stated.network, update=update, examples=None if single else len(problem.x))
    _, grads = manual.value_and_grad(*problem.arguments, **problem.options)

    def stepped(b: Any, d_b: Any) -> Any:
        return b if b is None or update == "weights" else np.asarray(b - rate * d_b, object)

    params = tuple(
        manual.Layer(W - rate * d_W, stepped(b, d_b))
        for (W, b), (d_W, d_b) in zip(problem.params, grads, strict=True)
    )
    new = problem._replace(params=params)
    L, _ = manual.value_and_grad(*new.arguments, **new.options)
    cache = manual.forward(new.params, new.x, new.activations)
    expected = by_name(params) | {"L": L, "z1": cache.z[0], "yhat": cache.h[-1]}
    alone = point_of(replace(stated, network=network, rate=rate), None)
    for name, array in expected.items():
        assert same(alone.node(f"{name}_new"), array), name


def test_the_three_agree_on_a_step_of_descent() -> None:
    """Each by its own way: a derivative in a definition, a nudge in a formula,
    grad within what JAX carries out."""
    draw = random.Random(5)
    for single in (True, False):
        params = [
            manual.Layer(fractions(draw, 3, 2), fractions(draw, 3)),
            manual.Layer(fractions(draw, 2, 3), fractions(draw, 2)),
        ]
        x, y = (fractions(draw, 1 if single else 2, 2) for _ in range(2))
        network = Network(
            (2, 3, 2),
            ("units", "units"),
            ("tanh", "identity"),
            "squared_error",
            "mean",
            None if single else 2,
            update="all",
        )
        rate = Fraction(1, 10)
        problem = problems.Problem(network, tuple(params), x, y, rate=rate)
        point = point_of(problem, ["L", "L_new"])
        for name in ("W1_new", "b2_new", "z1_new", "yhat_new", "L_new"):
            assert point.node(name).size > 0


def fractions(draw: random.Random, *shape: int) -> Any:
    """Small whole numbers as Fractions."""
    numbers = [Fraction(draw.randint(-2, 2)) for _ in range(int(np.prod(shape)))]
    return np.array(numbers, object).reshape(shape)


@pytest.mark.parametrize("nets", every(2, [20, 100]))
def test_where_a_unit_is_at_its_kink_there_is_a_derivative_if_both_sides_agree(nets: int) -> None:
    """Small numbers put many units at 0. The net is piecewise linear in each of
    its numbers, so that a short step to either side has the slope of that side.
    There is a derivative where the two are the same and the chain rule finds it,
    and nowhere else."""
    draw, passed, stopped, step = random.Random(3), 0, 0, Fraction(1, 10**6)
    network = Network(
        (2, 2, 2, 1), ("units", None, None), ("relu", "relu", "identity"), "output", "mean", None
    )
    for _ in range(nets):
        params = (
            manual.Layer(fractions(draw, 2, 2) / 2, fractions(draw, 2) / 2),
            manual.Layer(fractions(draw, 2, 2) / 2),
            manual.Layer(fractions(draw, 1, 2) / 2),
        )
        x = np.array([[Fraction(draw.randint(-1, 1)), Fraction(1)]], object)
        point = point_of(problems.Problem(network, params, x), None)
        here = point.node("L").item()
        for by in ("x", "W1", "z1", "h1", "W2", "z2"):
            for entry in np.ndindex(network.shapes[by]):
                sides = {
                    (nudged(point, by, entry, s, "L", [()])[0] - here) / s for s in (step, -step)
                }
                is_derivative = sides == {swept(point, "L", by)[entry]}
                try:
                    found = point.derivative("L", (), by, entry)
                except AtKink:
                    stopped += 1
                    assert not is_derivative, (by, entry)
                    continue
                passed += 1
                assert sides == {found.item()}, (by, entry)
    assert passed > 5 * nets
    assert stopped > 2 * nets
