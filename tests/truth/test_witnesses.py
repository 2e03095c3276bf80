"""The witnesses agree on every net, each by its own way, and each is contradicted when it errs."""

import random
from fractions import Fraction

import numpy as np
from hypothesis import given

import manual
from gradsheet.network import problem as problems
from gradsheet.network.network import Network
from gradsheet.numbers.real import Arithmetic, apart
from gradsheet.numbers.reasons import AtKink
from gradsheet.truth.autodiff import Autodiff, autodiff_at
from gradsheet.truth.nudge import Walk
from gradsheet.truth.point import point_of
from tests.networks import Problem, all_problems, examples, rational_problems, stated_problem

OF = ("L", "shares")


def exact(problem: Problem, real=Fraction):
    """A problem on Fractions, or on Reals."""

    def typed(array):
        return None if array is None else np.vectorize(lambda v: real(Fraction(v)), [object])(array)

    params = tuple(manual.Layer(typed(W), typed(b)) for W, b in problem.params)
    activations = tuple(
        a if isinstance(a, str) else (a[0], Fraction(a[1])) for a in problem.activations
    )
    return problem._replace(
        params=params, x=typed(problem.x), y=typed(problem.y), activations=activations
    )


def by_jax(problem: Problem, real) -> Autodiff:
    return autodiff_at(stated_problem(problem), OF, real)


def by_walk(problem: Problem, *, rational: bool) -> Walk:
    layers = [
        (W.tolist(), None if b is None else b.tolist(), a)
        for (W, b), a in zip(problem.params, problem.activations, strict=True)
    ]
    y = [] if problem.y is None else problem.y.tolist()
    return Walk(layers, problem.x.tolist(), y, problem.loss, problem.reduction, rational=rational)


def names(problem: Problem):
    for l, layer in enumerate(problem.params, 1):
        yield from (f"z{l}", f"h{l}", f"W{l}", *(() if layer.b is None else (f"b{l}",)))


def same(mine, theirs) -> bool:
    """Equal in every entry: by value on Fractions, by enclosure and mark on Reals."""
    return all(bool(a == b) for a, b in zip(np.ravel(mine), np.ravel(theirs), strict=True))


@examples(15)
@given(rational_problems)
def test_jax_differentiates_as_the_hand_does_without_any_rounding(problem: Problem) -> None:
    problem = exact(problem)
    jax_says, arithmetic = by_jax(problem, Arithmetic(40)), problem.options
    cache = manual.forward(problem.params, problem.x, problem.activations)
    assert all(same(a, b) for a, b in zip(cache.z, jax_says.nodes.z, strict=True))
    for of in OF:
        for by in names(problem):
            hand = manual.jacobian(
                problem.params,
                problem.x,
                problem.activations,
                of=of,
                by=by,
                y=problem.y,
                **arithmetic,
            )
            assert same(hand, jax_says.derivative(of, by)), (of, by)


@examples(15)
@given(all_problems)
def test_three_witnesses_agree_where_exp_and_log_enter(problem: Problem) -> None:
    """Not to some digits only: the marks say that hand, JAX and the nudge give
    the same expression."""
    real = Arithmetic(40)
    problem = exact(problem, real)
    cache = manual.forward(problem.params, problem.x, problem.activations)
    jax_says, walk = by_jax(problem, real), by_walk(problem, rational=False)
    for l, (z, h) in enumerate(zip(cache.z, cache.h[1:], strict=True), 1):
        for node, array in ((f"z{l}", z), (f"h{l}", h)):
            assert not any(
                apart(a, b) for a, b in zip(array.flat, np.ravel(walk.nodes[node]), strict=True)
            )
    for by in names(problem):
        hand = manual.jacobian(
            problem.params,
            problem.x,
            problem.activations,
            of="L",
            by=by,
            y=problem.y,
            **problem.options,
        )
        assert same(hand, jax_says.derivative("L", by)), by
        for entry in list(np.ndindex(hand.shape))[:3]:
            left, right, kink = walk.derivative("L", (), by, entry)
            if not kink:
                assert not apart(left, hand[entry])
                assert not apart(right, hand[entry])


def test_where_the_hand_sees_no_kink_in_the_way_there_is_none():
    """Small numbers put many units at 0. By hand a kink counts where a path
    leads through it; the nudge looks from both sides. Whatever the hand lets
    pass, the nudge finds equal on both sides."""
    draw, passed, stopped = random.Random(3), 0, 0
    network = Network(
        (2, 2, 2, 1), ("units", None, None), ("relu", "relu", "identity"), "output", "mean", None
    )
    for _ in range(120):
        params = [
            manual.Layer(
                np.array(
                    [[Fraction(draw.randint(-1, 1)) for _ in range(inputs)] for _ in range(units)],
                    object,
                ),
                np.array([Fraction(draw.randint(-1, 1)) for _ in range(units)], object)
                if l == 0
                else None,
            )
            for l, (inputs, units) in enumerate(((2, 2), (2, 2), (2, 1)))
        ]
        x = np.array([[Fraction(draw.randint(-1, 1)), Fraction(1)]], object)
        by_hand, witnessed = (
            point_of(problems.Problem(network, tuple(params), x), asked, jax=False)
            for asked in (None, ["L"])
        )
        for by in ("x", "W1", "z1", "h1", "W2", "z2"):
            for entry in np.ndindex(network.shapes[by]):
                try:
                    found = by_hand.derivative("L", (), by, entry)
                except AtKink:
                    stopped += 1
                    continue
                passed += 1
                assert found == witnessed.derivative("L", (), by, entry), (by, entry)
    assert passed > 300
    assert stopped > 300
