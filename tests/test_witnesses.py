"""The witnesses agree on every net, each by its own way, and each is contradicted when it errs."""

import random
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from networks import Problem, all_problems, examples, rational_problems, stated_problem

import manual
from gradsheet.network import problem as problems
from gradsheet.network.network import Network
from gradsheet.numbers.real import Arithmetic, apart
from gradsheet.numbers.reasons import AtKink
from gradsheet.numbers.session import LIBRARY
from gradsheet.truth import autodiff
from gradsheet.truth import nudge as difference
from gradsheet.truth.autodiff import Autodiff, autodiff_at
from gradsheet.truth.nudge import Walk
from gradsheet.truth.point import point_of

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
    """Not to some digits only: the marks say that hand, JAX and the nudge give the same expression."""
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


def test_at_a_kink_the_infinitesimal_sees_both_sides() -> None:
    """sigmoid(relu(w x)) at w = 0: the slope is 0 from the left and x/4 from the right."""
    real = Arithmetic(40)
    layers = [([[real(0)]], None, "relu"), ([[real(1)]], None, "sigmoid")]
    walk = Walk(layers, [[real(2)]], [], "output", "mean", rational=False)
    left, right, kink = walk.derivative("L", (), "W1", (0, 0))
    assert kink
    assert left == 0
    assert right == Fraction(1, 2)


def test_at_a_kink_the_step_sees_both_sides() -> None:
    walk = Walk(
        [([[0]], None, "relu"), ([[3]], None, "identity")],
        [[2]],
        [],
        "output",
        "mean",
        rational=True,
    )
    assert walk.derivative("L", (), "W1", (0, 0)) == (0, 6, True)


def test_an_operation_without_a_rule_is_named() -> None:
    closed = jax.make_jaxpr(jnp.sinc)(1.0)
    with pytest.raises(
        autodiff.UnknownOperation,
        match=f"JAX {jax.__version__} has an operation without a rule here",
    ):
        autodiff._run(
            closed.jaxpr, closed.consts, [np.asarray(Fraction(1), object)], Arithmetic(40)
        )


def test_programs_are_written_once_for_a_structure() -> None:
    LIBRARY.clear()
    for slope in (Fraction(1, 4), Fraction(1, 3)):
        problem = Problem(
            (manual.Layer(np.array([[Fraction(1)]])),),
            np.array([[Fraction(-2)]]),
            np.array([[Fraction(1)]]),
            (("leaky_relu", slope),),
            "squared_error",
            "mean",
        )
        assert (
            by_jax(problem, Arithmetic(40)).derivative("L", "W1").item()
            == 2 * (-2 * slope - 1) * slope * -2
        )
    assert len(LIBRARY.cache("programs of JAX", 0)) == 1


def test_the_nudge_errs_alone_when_its_rule_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the dual exponential without its inner derivative."""
    monkeypatch.setattr(
        difference.Dual, "exp", lambda self: difference.Dual(self.value.exp(), self.value.exp())
    )
    real = Arithmetic(40)
    walk = Walk([([[real(3)]], None, "sigmoid")], [[real(2)]], [], "output", "mean", rational=False)
    s = 1 / (1 + real(-6).exp())
    assert apart(walk.derivative("L", (), "W1", (0, 0)).right, 2 * s * (1 - s))


def test_where_the_hand_sees_no_kink_in_the_way_there_is_none():
    """Small numbers put many units at 0. By hand a kink counts where a path leads through it; the nudge looks from both
    sides. Whatever the hand lets pass, the nudge finds equal on both sides."""
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
