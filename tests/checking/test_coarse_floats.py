"""Functions that round: on the way, at the end, or because their type has few
bits.
"""

import itertools
from typing import Any

import jax
import numpy as np
import pytest

import gradsheet
import manual
from tests import functions
from tests.functions import DEFAULT, NETWORKS, RIGHT, by_hand, by_jax, textbook, written
from tests.rounds import every

ACTIVATIONS = DEFAULT.activations


def test_the_smallest_difference_is_told_and_a_small_one_is_wrong():
    def off_by(change):
        def fn(params, x, y):
            grads = RIGHT(params, x, y)[1]
            grads[0][0][2, 1] = change(grads[0][0][2, 1])
            return grads

        return gradsheet.check(fn)

    found = off_by(lambda value: np.nextafter(value, np.inf))
    assert found.right, "it may be another formula"
    assert [row.exact for row in found.rows] == ["yes", "yes", "yes", "yes", "rounded", "yes"]
    found = off_by(lambda value: value + 1e-11)
    assert [row.name for row in found.rows if not row.is_right] == ["dL/dW1"]
    assert found.rows[4].where.startswith("[2, 1] at probe")


def test_coarser_floats_are_said_and_judged_as_such():
    def fn(params, x, y):
        return [
            tuple(a.astype(np.float32) for a in layer)
            for layer in by_hand(NETWORKS["tanh"])(params, x, y)[1]
        ]

    network = NETWORKS["tanh"]
    arguments = network.widths, network.activations, network.loss
    found = gradsheet.check(fn, *arguments)
    assert found.right, found
    assert "gradients as float32, float64 is given" in found.assumed

    def inside(params, x, y):
        return [tuple(a.astype(float) for a in layer) for layer in fn(params, x, y)]

    found = gradsheet.check(inside, *arguments)
    assert not found.right
    assert "as little off as by float32 on the way" in found.rows[0].where
    assert not found.steps
    assert not found.mistakes


@pytest.mark.usefixtures("unexplained")
@pytest.mark.parametrize(
    "change",
    [
        lambda a: np.round(a, 3),
        lambda a: np.round(8 * a) / 8,
        lambda a: np.clip(a, -1000, 1000),
        lambda a: a.astype(np.float32).astype(float),
    ],
)
def test_who_rounds_or_clips_is_caught(change):
    found = gradsheet.check(lambda *data: [tuple(map(change, layer)) for layer in RIGHT(*data)[1]])
    assert not found.right


@pytest.mark.usefixtures("unexplained")
def test_who_rounds_on_the_way_is_caught():
    assert not gradsheet.check(
        lambda params, x, y: RIGHT(params, x.astype(int).astype(float), y)
    ).right
    assert not gradsheet.check(written(d2=lambda s: (s["d3"] @ s["W3"]) * (s["z2"] > 0.5))).right
    assert not gradsheet.check(
        written(d3=lambda s: np.clip(s["yhat"] - s["y"], -6, 6) / s["n"])
    ).right


def test_formulas_that_round_are_right():
    def fn(params, x, y):
        """The loss by a root, the gradient by a running mean."""
        mean, total = None, 0.0
        for n in range(len(x)):
            one = RIGHT(params, x[[n]], y[[n]])[1]
            total += (
                0.5
                * np.linalg.norm(manual.forward(params, x[[n]], ACTIVATIONS).h[-1] - y[n]) ** 2
                / len(x)
            )
            flat = functions.flat_of(one)
            mean = (
                flat
                if mean is None
                else [m + (a - m) / (n + 1) for m, a in zip(mean, flat, strict=True)]
            )
        return total, mean

    found = gradsheet.check(fn)
    assert found.right, found


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_floats_too_coarse_to_tell_are_not_called_right(dtype):
    network = NETWORKS["tanh"]

    def zeros(params, x, y):
        return [tuple(np.zeros(a.shape, dtype) for a in layer) for layer in params]

    found = gradsheet.check(zeros, network.widths, network.activations, network.loss)
    assert not found.right
    assert {row.exact for row in found.rows} == {"untold"} if dtype == "float16" else {"no"}

    def rounded(params, x, y):
        return [
            tuple(a.astype(dtype) for a in layer) for layer in textbook(network)(params, x, y)[1]
        ]

    assert gradsheet.check(rounded, network.widths, network.activations, network.loss).right


def test_a_loss_in_pythons_floats_is_as_coarse_as_its_gradients():
    network = NETWORKS["tanh"]
    fn = by_jax(network)

    def floats(params, x, y):
        with jax.enable_x64(False):
            L, grads = fn(*jax.tree.map(lambda a: np.asarray(a, np.float32), (params, x, y)))
            return float(L), grads

    found = gradsheet.check(floats, network.widths, network.activations, network.loss)
    assert found.right, found


def test_float32_from_float64_breaks_no_step_that_is_right():
    def fn(params, x, y):
        (dW1, db1), *others = textbook(NETWORKS["tanh"])(params, x, y)[1]
        return [
            tuple(a.astype(np.float32) for a in layer) for layer in [(dW1, db1 / len(x)), *others]
        ]

    network = NETWORKS["tanh"]
    found = gradsheet.check(fn, network.widths, network.activations, network.loss)
    assert found.first == "dL/db1"
    assert not found.steps
    assert found.mistakes == [("bias-mean",)]


@pytest.mark.usefixtures("unexplained")
@pytest.mark.parametrize("examples", every(2, [60, 3000]))
def test_whole_data_with_a_z_at_0_are_judged_sharply(examples):
    """Whole numbers are added up exactly, whatever number of examples the sums are divided by."""
    rng = np.random.default_rng(0)
    params = [
        (rng.integers(-2, 3, (3, 2)) * 1.0, rng.integers(-2, 3, 3) * 1.0),
        (np.ones((1, 3)), np.zeros(1)),
    ]
    x, y = rng.integers(-3, 4, (examples, 2)) * 1.0, rng.integers(-3, 4, (examples, 1)) * 1.0
    assert (x @ params[0][0].T + params[0][1] == 0).any()

    def times(factor):
        def fn(params, x, y):
            return [
                (factor * W, factor * b)
                for W, b in manual.value_and_grad(params, x, y, ("relu", "identity"))[1]
            ]

        return gradsheet.check(fn, params=params, x=x, y=y)

    assert times(1.0).right
    found = times(1.05)
    assert found.verdict == "wrong"
    assert set(found.relations.values()) == {"everywhere 1.05 times the truth"}
    assert times(1 + 1e-9).verdict == "wrong"


@pytest.mark.usefixtures("unexplained")
def test_a_bound_as_large_as_the_numbers_is_not_right():
    """A z that is 0 but for rounding: floats do not tell whether its unit is live."""
    params = [
        (np.array([[0.1, 0.2], [1.0, 0.5]]), np.array([-0.3, 0.1])),
        (np.array([[1.0, 2.0]]), np.zeros(1)),
    ]
    x, y = np.array([[1.0, 1.0], [0.3, -0.7], [1.1, 0.2]]), np.array([[0.3], [0.7], [-0.2]])
    assert 0 < abs(manual.forward(params, x, ("relu", "identity")).z[0][0, 0]) < 1e-15

    def taking(alive, factor=1.0):
        """With the mask by another sign of z; the rest is as it should be."""

        def fn(params, x, y):
            (W1, b1), (W2, b2) = params
            z = x @ W1.T + b1
            d2 = (np.maximum(z, 0) @ W2.T + b2 - y) / len(x)
            d1 = d2 @ W2 * alive(z)
            return [(factor * d1.T @ x, factor * d1.sum(0)), (d2.T @ np.maximum(z, 0), d2.sum(0))]

        return gradsheet.check(fn, params=params, x=x, y=y)

    assert taking(lambda z: z > 0).right, "it is what it is in exact numbers"
    found = taking(lambda z: z > 1e-12)
    assert found.verdict == "untold", "it may be rounding that decides"
    assert [row.name for row in found.rows if row.exact == "untold"] == ["dL/dW1", "dL/db1"]
    assert "cannot be told to be right" in _raised(found)
    assert not taking(lambda z: z > 0, 1.05).right


def _raised(found):
    def again(*_args, **_options):
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gradsheet.checking.backward.check", again)
        with pytest.raises(AssertionError) as error:
            gradsheet.assert_right(RIGHT)
    return str(error.value)


def in_type(dtype: Any, factor: float = 1.0) -> Any:
    """The pass with every array rounded to a type, and the result too large."""

    def fn(params, x, y):
        params = [(W.astype(dtype), b.astype(dtype)) for W, b in params]
        hs = [x.astype(dtype)]
        for l, (W, b) in enumerate(params, 1):
            z = (hs[-1] @ W.T + b).astype(dtype)
            hs.append(z if l == len(params) else np.maximum(z, dtype(0)))
        delta, grads = ((hs[-1] - y.astype(dtype)) / dtype(len(x))).astype(dtype), []
        for l in range(len(params), 0, -1):
            grads.append(
                ((dtype(factor) * (delta.T @ hs[l - 1])).astype(dtype), delta.sum(0).astype(dtype))
            )
            delta = ((delta @ params[l - 1][0]) * (hs[l - 1] > 0)).astype(dtype)
        return grads[::-1]

    return fn


FEW_BITS = {"float16": np.float16, "bfloat16": jax.numpy.bfloat16.dtype.type}


@pytest.mark.usefixtures("unexplained")
@pytest.mark.parametrize(
    ("widths", "name", "given"),
    every(
        7,
        itertools.product([(4, 5, 3, 2), (3, 2, 2, 1), (64, 64, 4)], FEW_BITS, [True, False]),
    ),
)
def test_few_bits_are_judged_exactly(name, widths, given):
    """At numbers that fit, whether the function is given the type or takes it by itself."""
    dtype, options = FEW_BITS[name], {"dtype": name} if given else {}
    found = gradsheet.check(in_type(dtype), widths, **options)
    assert found.right, found
    assert {row.exact for row in found.rows} == {"yes"}
    for factor in (1.02, 0.98, 1.05) if given else (1.02,):
        found = gradsheet.check(in_type(dtype, factor), widths, **options)
        assert found.verdict == "wrong", factor
        assert not any("parameter" in text for text in found.relations.values()), (
            "within a bit of many things"
        )


def test_a_mistake_in_few_bits_is_named():
    def fn(params, x, y):
        return [
            tuple(a.astype(np.float16) for a in layer)
            for layer in written(d2=lambda s: s["d3"] @ s["W3"])(params, x, y)
        ]

    found = gradsheet.check(fn, dtype="float16")
    assert found.mistakes == [("slope-missing",)], found


def test_where_exp_enters_few_bits_tell_nothing():
    network = NETWORKS["tanh"]
    fn = textbook(network)
    found = gradsheet.check(fn, network.widths, network.activations, network.loss, dtype="float16")
    assert found.verdict == "untold", found


@pytest.mark.usefixtures("unexplained")
def test_whole_numbers_leave_no_room_in_float32_either():
    """Weight decay of 1e-4 is less than the worst that floats may do, and more
    than they likely do here."""

    def decaying(params, x, y):
        first, (dW2, db2) = manual.value_and_grad(params, x, y, ("relu", "identity"))[1]
        return [first, (dW2 + np.float32(1e-4) * params[1][0], db2)]

    found = gradsheet.check(decaying, (64, 64, 1), dtype="float32")
    assert [(row.name, row.exact) for row in found.rows if row.exact != "yes"] == [
        ("dL/dW2", "untold")
    ]
