"""A function is checked: no right one is called wrong, and nothing else is
called right.
"""

import os
import random
from typing import Any

import jax
import numpy as np
import pytest

import gradsheet
import manual
from gradsheet.checking.arguments import network_of
from tests.functions import (
    DEFAULT,
    FORMS,
    RIGHT,
    by_hand,
    by_jax,
    in_form,
    textbook,
    with_a_blank_example,
)

# Right functions


def test_manual_and_ref_are_right():
    for fn in (by_hand(DEFAULT), by_jax(DEFAULT)):
        for dtype in ("float32", "float64"):
            found = gradsheet.check(fn, dtype=dtype)
            assert found.right, found
            assert {row.exact for row in found.rows} == {"yes"}, (
                "on whole numbers nothing is rounded"
            )
            assert found.kink.where == "relu'(0) = 0"
    gradsheet.assert_right(by_hand(DEFAULT))


WIDE = 0.1  # of the networks are up to 64 wide


def random_network(draw: random.Random) -> tuple[tuple[Any, ...], str | None]:
    depth = draw.randint(1, 4)
    hidden = (
        "identity",
        "relu",
        ("leaky_relu", 0.25),
        ("leaky_relu", 0.01),
        "sigmoid",
        "tanh",
        "softplus",
        "silu",
    )
    losses = ("half_squared_error", "squared_error", "mean_squared_error", "output")
    ends = [(a, loss) for a in hidden for loss in losses]
    ends += 5 * [
        ("sigmoid", "binary_cross_entropy"),
        ("softmax", "cross_entropy"),
        ("softmax", "squared_error"),
    ]
    last, loss = draw.choice(ends)
    most = 64 if draw.random() < WIDE else 6
    widths = [draw.randint(1, most) for _ in range(depth + 1)]
    widths[-1] = 1 if loss == "output" else widths[-1]
    activations = (*(draw.choice(hidden) for _ in range(depth - 1)), last)
    arguments = (tuple(widths), activations, loss, draw.choice(("mean", "sum")), draw.randint(1, 4))
    return arguments, draw.choice(("units", "shared", None))


def false_alarms(number: int, seed: int) -> list[str]:
    """Reports on random right functions that say they are wrong."""
    draw, found = random.Random(seed), []
    for k in range(number):
        arguments, biases = random_network(draw)
        network = network_of(*arguments, biases)
        square = len(set(arguments[0])) == 1  # then dW is (units, inputs)
        forms = [form for form in FORMS if not (square and form.startswith("turned"))]
        pass_, form = draw.choice((by_hand, textbook)), draw.choice(forms)
        options: dict[str, Any] = {"dtype": draw.choice(("float32", "float64"))}
        if k % 10 == 0:
            pass_, options["array"] = by_jax, jax.numpy.asarray
        check = gradsheet.check(in_form(form, pass_(network)), *arguments, biases=biases, **options)
        found += (
            []
            if check.right
            else [f"{arguments} {biases} {pass_.__name__} {form} {options}\n{check}"]
        )
    return found


def test_no_false_alarm():
    """Two small networks come first; a thousand are in the exhaustive test below."""
    assert not false_alarms(2 * int(os.environ.get("EXAMPLES", "1")), seed=18)


@pytest.mark.exhaustive
def test_no_false_alarm_over_a_thousand_right_functions():
    assert not false_alarms(1_000, seed=2)


@pytest.mark.usefixtures("unexplained")
def test_finite_differences_are_no_gradient():
    def fn(params, x, y):
        flat = np.concatenate([a.ravel() for layer in params for a in layer])

        def loss(vector):
            parts = iter(
                np.split(vector, np.cumsum([a.size for layer in params for a in layer])[:-1])
            )
            return RIGHT(
                [tuple(next(parts).reshape(a.shape) for a in layer) for layer in params], x, y
            )[0]

        steps = 1e-6 * np.eye(len(flat))
        return np.array([(loss(flat + step) - loss(flat - step)) / 2e-6 for step in steps])

    found = gradsheet.check(fn)
    assert not found.right
    assert max(row.difference for row in found.rows) < 1e-3


# Data of one's own


def test_of_data_of_ones_own_the_report_says_where_the_truth_is_0():
    params = [(np.array([[1.0, 1.0], [-1.0, -1.0]]), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))]
    data = {"params": params, "x": np.array([[1.0, 2.0], [3.0, 1.0]]), "y": np.zeros((2, 1))}
    found = gradsheet.check(
        lambda *data: manual.value_and_grad(*data, ("relu", "identity")), **data
    )
    assert found.right
    assert (
        "4 of the 9 entries of the true answer are 0 to floats, where no omission shows"
        in found.tried
    )


@pytest.mark.usefixtures("unexplained")
def test_data_of_ones_own():
    rng = np.random.default_rng(4)
    params = [(rng.normal(size=(3, 2)), rng.normal(size=3)), (rng.normal(size=(2, 3)), None)]
    x, y = rng.normal(size=(50, 2)), rng.normal(size=(50, 2))
    activations = ("tanh", "identity")

    def fn(params, x, y):
        return manual.value_and_grad(params, x, y, activations)

    found = gradsheet.check(fn, params=params, x=x, y=y, activations=activations)
    assert found.right, found
    assert "data of your own, 50 examples" in found.tried
    assert {row.exact for row in found.rows} == {"rounded"}
    wrong = gradsheet.check(
        lambda *data: (fn(*data)[0], [(2 * W, b) for W, b in fn(*data)[1]]),
        params=params,
        x=x,
        y=y,
        activations=activations,
    )
    assert [row.name for row in wrong.rows if not row.is_right] == ["dL/dW2", "dL/dW1"]
    assert "everywhere 2 times the truth" in wrong.rows[1].where


def test_saturated_data_get_no_false_verdict():
    rng = np.random.default_rng(0)
    params = [(rng.normal(size=(3, 2)), np.zeros(3)), (3000 * rng.normal(size=(2, 3)), np.zeros(2))]
    activations = ("sigmoid", "softmax")

    def stable(params, x, y):
        (W1, b1), (W2, b2) = params
        h = 1 / (1 + np.exp(-(x @ W1.T + b1)))
        z = h @ W2.T + b2
        z = z - z.max(1, keepdims=True)
        log = z - np.log(np.exp(z).sum(1, keepdims=True))
        d2 = (np.exp(log) - y) / len(x)
        d1 = d2 @ W2 * h * (1 - h)
        return -(y * log).sum() / len(x), [(d1.T @ x, d1.sum(0)), (d2.T @ h, d2.sum(0))]

    data = {"params": params, "x": rng.normal(size=(4, 2)), "y": np.eye(2)[[0, 1, 0, 1]]}
    found = gradsheet.check(stable, activations=activations, loss="cross_entropy", **data)
    assert not found.faults, found
    assert not any(row.exact == "no" for row in found.rows), found


def test_numbers_beyond_all_floats_are_not_called_right():
    data = with_a_blank_example(("relu", "identity"), (4, 5, 2))
    data["x"] = 1e200 * data["x"]

    def zeros(params, x, y):
        return [tuple(np.zeros_like(a) for a in layer) for layer in params]

    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="there is no verdict on these numbers"),
    ):
        gradsheet.check(zeros, **data)
    with pytest.raises(ValueError, match="x has an entry that is infinite in float16"):
        gradsheet.check(zeros, dtype="float16", **(data | {"x": 1e6 * np.ones((6, 4))}))


@pytest.mark.usefixtures("unexplained")
def test_saturated_cross_entropies_are_judged():
    """Nothing is divided by what rounds to 0 where loss and activation are taken together."""
    rng = np.random.default_rng(0)
    for last, loss, y in (
        ("sigmoid", "binary_cross_entropy", rng.integers(0, 2, (16, 2)) * 1.0),
        ("softmax", "cross_entropy", np.eye(2)[rng.integers(2, size=16)]),
    ):
        params = [
            (rng.normal(size=(3, 2)), np.zeros(3)),
            (30 * rng.normal(size=(2, 3)), rng.normal(size=2)),
        ]
        x, activations = rng.normal(size=(16, 2)), ("tanh", last)

        def fn(params, x, y, activations=activations, loss=loss):
            return manual.value_and_grad(params, x, y, activations, loss=loss)

        data = {"params": params, "x": x, "y": y, "activations": activations, "loss": loss}
        found = gradsheet.check(fn, **data)
        assert found.right, found
        too_large = gradsheet.check(
            lambda *data, fn=fn: [(1.01 * W, b) for W, b in fn(*data)[1]], **data
        )
        assert not too_large.right
