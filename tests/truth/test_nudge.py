"""The nudge: a derivative as a difference, exact, from both sides."""

from fractions import Fraction
from typing import Any

import pytest

from gradsheet.numbers.real import Arithmetic, apart
from gradsheet.truth import nudge as difference
from gradsheet.truth.nudge import Dual, Walk


def test_dual_numbers_follow_the_rules_of_differentiation() -> None:
    a, b = Dual(Fraction(6), Fraction(5)), Dual(Fraction(3), Fraction(2))

    def parts(dual: Dual) -> tuple[Any, Any]:
        return dual.value, dual.slope

    assert parts(a + b) == (9, 7)
    assert parts(a + 1) == parts(1 + a) == (7, 5)
    assert parts(a - b) == (3, 3)
    assert parts(a - 1) == (5, 5)
    assert parts(1 - a) == (-5, -5)
    assert parts(a * b) == (18, 27)
    assert parts(a * 2) == parts(2 * a) == (12, 10)
    assert parts(a / b) == (2, Fraction(1, 3))
    assert parts(a / 2) == (3, Fraction(5, 2))
    assert parts(3 / b) == (1, Fraction(-2, 3))
    found = [Dual(0, slope) > 0 for slope in (-1, 0, 1)]
    assert found == [False, False, True]
    assert (a > 6, a > 7, Dual(Fraction(6), -1) > 6) == (True, False, False)


def test_away_from_a_kink_both_sides_are_one() -> None:
    real = Arithmetic(40)
    smooth = Walk(
        [([[real(3)]], None, "sigmoid")], [[real(2)]], [], "output", "mean", rational=False
    )
    s = 1 / (1 + real(-6).exp())
    left, right, kink = smooth.derivative("L", (), "W1", (0, 0))
    assert not kink
    assert left == right == 2 * s * (1 - s)
    line = Walk([([[3]], None, "identity")], [[2]], [], "output", "mean", rational=True)
    assert line.derivative("L", (), "W1", (0, 0)) == (2, 2, False)
    bent = Walk(
        [([[Fraction(1, 3)]], None, "relu")], [[2]], [[5]], "squared_error", "mean", rational=True
    )
    assert bent.derivative("L", (), "W1", (0, 0)) == (Fraction(-52, 3), Fraction(-52, 3), False)


@pytest.mark.parametrize(
    ("activation", "loss", "y"),
    [
        ("softmax", "cross_entropy", [0, 1]),
        ("sigmoid", "binary_cross_entropy", [1, Fraction(1, 4)]),
    ],
)
def test_the_nudge_knows_the_cross_entropies(activation: str, loss: str, y: list[Any]) -> None:
    """Through its usual activation either has the derivative h - y by z."""
    real = Arithmetic(40)
    walk = Walk(
        [([[real(1)], [real(-2)]], None, activation)], [[real(1)]], [y], loss, "sum", rational=False
    )
    h = walk.nodes["h1"][0]
    for k in range(2):
        assert walk.derivative("L", (), "z1", (0, k)) == (h[k] - y[k], h[k] - y[k], False)
    shares = [
        -t * o.log() if loss == "cross_entropy" else -t * o.log() - (1 - t) * (1 - o).log()
        for t, o in zip(y, h, strict=True)
    ]
    assert all(bool(a == b) for a, b in zip(walk.shares(walk.nodes), shares, strict=True))


def test_at_a_kink_of_a_quadratic_the_step_sees_both_slopes() -> None:
    """(1 - 3 relu(2 w))^2 / 2 at w = 0."""
    layers = [([[0]], None, "relu"), ([[3]], None, "identity")]
    walk = Walk(layers, [[2]], [[1]], "half_squared_error", "mean", rational=True)
    assert walk.derivative("L", (), "W1", (0, 0)) == (0, -6, True)


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


def test_the_nudge_errs_alone_when_its_rule_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the dual exponential without its inner derivative."""
    monkeypatch.setattr(
        difference.Dual, "exp", lambda self: difference.Dual(self.value.exp(), self.value.exp())
    )
    real = Arithmetic(40)
    walk = Walk([([[real(3)]], None, "sigmoid")], [[real(2)]], [], "output", "mean", rational=False)
    s = 1 / (1 + real(-6).exp())
    assert apart(walk.derivative("L", (), "W1", (0, 0)).right, 2 * s * (1 - s))
