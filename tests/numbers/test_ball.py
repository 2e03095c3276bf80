"""How far floats may be off: a forward error bound that holds, and is seen to
fail where it is too small.
"""

import math
from decimal import Decimal
from fractions import Fraction

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradsheet
from gradsheet.language.evaluate import Evaluator
from gradsheet.language.parsing import parse
from gradsheet.mistakes.layer_values import Carried
from gradsheet.mistakes.layered import point_of
from gradsheet.numbers.ball import UNIT_ROUNDOFF, Ball
from gradsheet.numbers.real import Arithmetic
from tests.sheets import judged


def sigmoid(z: Decimal) -> Decimal:
    return 1 / (1 + (-z).exp())


@given(
    st.lists(st.fractions(-3, 3, max_denominator=9), min_size=9, max_size=9),
    st.sampled_from(["sigmoid", "tanh"]),
)
def test_a_float_is_within_its_forward_error_bound(
    numbers: list[Fraction], activation: str
) -> None:
    """The pass in float64, whatever the order of its operations, against the
    same on exact numbers."""
    w = [str(number) for number in numbers]
    head = f"""
loss = "squared_error"
x = ["{w[0]}", "{w[1]}"]
y = "{w[2]}"
[[layer]]
W = [["{w[3]}", "{w[4]}"]]
b = ["{w[5]}"]
activation = "{activation}"
[[layer]]
W = [["{w[6]}"]]
b = ["{w[7]}"]
"""
    sheet = gradsheet.read(head + "[[claim]]\nquantity = 'L'\nvalue = 1\n")
    point = point_of(sheet.problem, None)
    ours, floats = Carried(point, kind=Ball.of), Carried(point, floats=True)
    for quantity in ("z1", "h1", "yhat", "L", "dL/dyhat", "dL/dW2", "dL/dW1", "dL/dx", "L - yhat"):
        tree = parse(quantity, sheet.network.names)
        with np.errstate(all="ignore"):
            values = Evaluator(floats).value(tree, {})
        balls, truths = Evaluator(ours).value(tree, {}), Evaluator(point).value(tree, {})
        for value, ball, truth in zip(
            values.flat, map(Ball.of, balls.flat), truths.flat, strict=True
        ):
            assert abs(Fraction(value) - truth) <= Fraction(ball.error), quantity
            assert abs(Fraction(ball.value) - truth) <= Fraction(ball.error), quantity
            # It is of use: a hundred operations on numbers up to a thousand err by no more.
            assert ball.error <= 100 * UNIT_ROUNDOFF * 1_000


def test_a_bound_that_is_too_small_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail: without the errors of the operations 2.0999999999999996 is no float for 2.1."""
    monkeypatch.setattr("gradsheet.numbers.ball.UNIT_ROUNDOFF", 0.0)
    head = 'loss = "output"\nx = 3\n[[layer]]\nW = [[0.7]]\n'
    assert judged(head, "L", value="2.0999999999999996").verdict == "wrong"


@given(st.fractions(Fraction(1, 50), 50, max_denominator=99), st.integers(0, 40))
def test_the_bounds_of_roots_powers_and_angles_hold(p: Fraction, off: int) -> None:
    """Of a float, and of one that is off by so many units: against reals."""
    near = Ball.of(p)
    ball = Ball(
        near.value + off * math.ulp(near.value), near.error + (off + 1) * math.ulp(float(p))
    )
    for number in (near, ball):
        for real in (Arithmetic(60)(p), Arithmetic(60)(Fraction(number.value))):
            for found, truth in (
                (number.sqrt(), real.sqrt()),
                (number.sin(), real.sin()),
                (number.cos(), real.cos()),
                (number.power(Fraction(3, 2)), real.power(Fraction(3, 2))),
                (number.power(Fraction(-2, 3)), real.power(Fraction(-2, 3))),
                (number.power(Fraction(-2)), real.power(Fraction(-2))),
            ):
                assert abs(truth - Fraction(found.value)) <= Fraction(found.error)
                size = 1 + abs(found.value)
                assert found.error <= 1000 * (off + 2) * UNIT_ROUNDOFF * size * (1 + 1 / float(p))


def test_roots_that_are_floats_are_exact() -> None:
    for found, expected in (
        (Ball.of(Fraction(9, 4)).sqrt(), 1.5),
        (Ball.of(0).sqrt(), 0.0),
        (Ball.of(4).power(Fraction(-3, 2)), 0.125),
        (Ball.of(0).power(Fraction(2, 3)), 0.0),
        (Ball.of(0).sin(), 0.0),
        (Ball.of(0).cos(), 1.0),
        (abs(Ball.of(-3)), 3.0),
    ):
        assert (found.value, found.error) == (expected, 0.0)
    assert Ball.of(2).sqrt().error > 0
    assert Ball.of(-1).sqrt().error == math.inf
    near = Ball(0.0, 1e-20).sqrt()  # whose slope has no bound
    assert 1e-10 <= near.error < 2e-10


@given(st.floats(-30, 30), st.integers(0, 40))
def test_the_bound_of_the_error_function_holds(x: float, off: int) -> None:
    """Of a float, and of one that is off by so many units: against 40 digits."""
    ball = Ball(x + off * math.ulp(x), (off + 1) * math.ulp(x)).erfc()
    with flint.ctx.workdps(40):
        error = abs(float(flint.arb(ball.value) - flint.arb(x).erfc()))
    assert error <= ball.error
