"""Mistakes in what is written: another derivative than the one asked for, or a
finite difference.
"""

import math

import numpy as np
import pytest

import gradsheet
from tests.rounds import every
from tests.sheets import GRADED, NET, SYMBOLS, codes, judged, judgements

PAIR = """
loss = "half_squared_error"
x = [1.5]
y = [1, 0]
[[layer]]
W = [[0.2], [-0.3]]
b = [0.1, -0.2]
activation = "sigmoid"
[[layer]]
W = [[0.4, 0.5], [1, -1]]
activation = "sigmoid"
"""

SOFTMAX = """
loss = "cross_entropy"
x = [1, 2]
y = [0, 1, 0]
[[layer]]
W = [[1, 0], [0.5, 1], [1, 1]]
activation = "softmax"
"""


def test_the_derivative_by_z_printed_as_that_by_yhat() -> None:
    path = GRADED / "derivative-by-z-printed-as-by-yhat.toml"
    (found,) = gradsheet.judge(gradsheet.load(path)).judgements
    assert codes(found) == ["derivative-by-z"]
    assert found.explanations[0].text == "that is dL/dz1[1], not dL/dyhat[1]"
    assert codes(judged(SOFTMAX, "dL/dyhat", "yhat - y")) == ["derivative-by-z"]
    symbols = 'loss = "cross_entropy"\n[[layer]]\nshape = [3, 2]\nactivation = "softmax"\n'
    assert codes(judged(symbols, "dL/dyhat[k]", "yhat[k] - y[k]")) == ["derivative-by-z"]
    assert codes(judged(symbols, "dL/dyhat", "yhat - y")) == ["derivative-by-z"]


def test_the_target_not_subtracted() -> None:
    assert codes(judged(SOFTMAX, "dL/dz1", "yhat")) == ["target-not-subtracted"]
    (found,) = judgements(SOFTMAX, ("dL/dz1", "[0.09, 0.4223, 0.4877]"))
    assert "wrong" in found.verdict
    symbols = 'loss = "binary_cross_entropy"\n[[layer]]\nshape = [3, 2]\nactivation = "sigmoid"\n'
    assert codes(judged(symbols, "dL/dz1[k]", "yhat[k]")) == ["target-not-subtracted"]
    assert codes(judged(symbols, "dL/dW1[k,j]", "yhat[k]*x[j]")) == ["target-not-subtracted"]


@pytest.mark.parametrize("step", [0.01, 0.001, 0.0001])
@pytest.mark.parametrize("kind", ["forward", "backward", "symmetric"])
@pytest.mark.parametrize("by", every(2, ["W2[1,1]", "W1[2,1]", "x[1]", "b1[1]"]))
def test_finite_differences(by: str, kind: str, step: float) -> None:
    if kind == "symmetric" and step < 0.01:  # no longer told from the derivative by ten digits
        return
    sigma = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731

    def loss(by_step: float) -> float:
        x, W1, b1 = np.array([1.5]), np.array([[0.2], [-0.3]]), np.array([0.1, -0.2])
        W2 = np.array([[0.4, 0.5], [1, -1]])
        place = {
            "W2[1,1]": (W2, (0, 0)),
            "W1[2,1]": (W1, (1, 0)),
            "b1[1]": (b1, 0),
            "x[1]": (x, 0),
        }[by]
        place[0][place[1]] += by_step
        return float(((sigma(W2 @ sigma(W1 @ x + b1)) - [1, 0]) ** 2).sum() / 2)

    sides = {"forward": (step, 0.0), "backward": (0.0, -step), "symmetric": (step, -step)}[kind]
    value = (loss(sides[0]) - loss(sides[1])) / (sides[0] - sides[1])
    (found,) = judgements(PAIR, (f"dL/d{by}", f"{value:.10f}"))
    assert (found.verdict, codes(found)) == ("wrong", ["finite-difference"])
    word = "symmetric" if kind == "symmetric" else "one-sided"
    assert f"a {word} finite difference of step {step:g}" in found.all_messages()


def test_finite_differences_of_whole_arrays_and_nodes() -> None:
    head = (
        'loss = "output"\nx = [2, 1]\n[[layer]]\nW = [[1, 3]]\n[[layer]]\nW = '
        '[[1]]\nactivation = "softplus"\n'
    )
    h = 0.01
    z = np.array([2.0, 1.0]) @ np.array([1.0, 3.0])
    values = [
        f"{(math.log1p(math.exp(z + h * x)) - math.log1p(math.exp(z))) / h:.9f}" for x in (2, 1)
    ]
    (found,) = judgements(head, ("dL/dW1", f"[{', '.join(values)}]"))
    assert codes(found) == ["finite-difference"]
    value = (math.log1p(math.exp(z + h)) - math.log1p(math.exp(z - h))) / (2 * h)
    (found,) = judgements(head, ("dL/dz1", f"{value:.10f}"))
    assert codes(found) == ["finite-difference"]


def test_what_is_no_finite_difference_is_not_called_one() -> None:
    (found,) = judgements(PAIR, ("dL/dW2[1,1]", "-0.05764"))
    assert "finite-difference" not in codes(found)
    assert judged(SYMBOLS, "dL/dW2[i,j]", "0").verdict == "wrong"
    (found,) = judgements(NET, ("dL/dW2", "1.02"))
    assert "finite-difference" not in codes(found)


def test_what_floats_settle_leaves_enough_for_all_other_mistakes() -> None:
    pair = PAIR.replace("[1.5]", "[1.5, 0.5]").replace("[0.2], [-0.3]", "[0.2, 0.1], [-0.3, 0.4]")
    found = judgements(
        "learning_rate = 0.5\n" + pair,
        ("dL/dW1", "[[0.0376, 0.0119], [-0.0656, -0.0219]]"),
        ("dL/dW2", "[[-0.0591, -0.0364], [0.0837, 0.0534]]"),
        ("dL/dx", "[0.0179, -0.0161]"),
        ("dL/dz1", "[0.0251, -0.0437]"),
        ("W1_new", "[[0.1822, 0.0041], [-0.2672, 0.4109]]"),
        ("W2_new", "[[0.4285, 0.5282], [0.9581, -1.0267]]"),
    )
    assert [judgement.verdict for judgement in found] == ["wrong"] * 6
    assert "not looked for" not in "".join(judgement.all_messages() for judgement in found)


@pytest.mark.parametrize("value", ["0.07280", "0.07278"])
def test_a_slip_in_the_last_digit_is_no_finite_difference(value: str) -> None:
    """The truth is 0.0727924; steps of 0.0001 from either side give these."""
    head = """
loss = "half_squared_error"
x = [1, 2]
y = 1
[[layer]]
W = [[0.5, -0.25]]
b = [0.3]
activation = "sigmoid"
[[layer]]
W = [[2]]
"""
    (found,) = judgements(head, ("dL/dz1", value))
    assert (found.verdict, codes(found)) == ("wrong", [])
