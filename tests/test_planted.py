"""Every check has been seen to fail: planted mistakes against the cross-check that the suite relies on."""

import numpy as np
import pytest
from mistakes import MISTAKES, MaskAtZero, NoMask, Pass

import manual
import ref

# Chosen, not drawn: unequal widths, a batch of 4, live and dead units in each layer, and one z that
# is exactly 0: that of unit 5 of layer 1 in example 1.
PARAMS = (
    manual.Layer(
        np.array([[1, -2, 3, 1], [2, 1, -1, 3], [-3, 2, 1, -1], [1, 3, -2, -1], [2, -1, 1, -3]], float),
        np.array([1, -1, 3, -1, 9], float),
    ),
    manual.Layer(
        np.array([[1, -1, 2, 3, -2], [-2, 3, 1, -1, 1], [3, 2, -1, 1, -3]], float), np.array([-4, 2, 1], float)
    ),
    manual.Layer(np.array([[2, -1, 3], [1, 3, -2]], float), np.array([1, -1], float)),
)
X = np.array([[1, 2, 3, 4], [-2, 1, 3, -1], [3, -1, 1, 2], [2, 3, -1, -2]], float)
Y = np.array([[1, -2], [2, 1], [-1, 3], [4, 2]], float)
ACTIVATIONS = ("relu", "relu", "identity")

# The homework's network and data, and the three gradients that it asks for.
HOMEWORK = (
    manual.Layer(np.array([[0, 1], [1, 1], [1, 0]], float), np.array([-2, -1, 1], float)),
    manual.Layer(np.array([[0, 1, 2], [1, 1, 1], [2, -1, -1]], float), np.ones(3)),
    manual.Layer(np.array([[-1, 1, -2]], float)),
)
ASKED = (("W3", (0, 1)), ("W2", (1, 1)), ("W1", (1, 0)))


def by_jax(params, x, y, activations):
    """The truth that the suite cross-checks against, by name."""
    _, grads = ref.gradients(params, x, y, activations)
    found = {f"{name}{l}": a for l, layer in enumerate(grads.params, 1) for name, a in layer._asdict().items()}
    return {name: np.asarray(a) for name, a in {**found, "x": grads.h[0]}.items() if a is not None}


def disagreements(mine, truth):
    """The names of the tensors that are not equal, entry for entry."""
    return [name for name in truth if mine[name].tolist() != truth[name].tolist()]


def test_the_probe_has_live_dead_and_zero_units():
    z, _ = manual.forward(PARAMS, X, ACTIVATIONS)
    for l in (0, 1):
        assert (z[l] > 0).any(0).all(), "every unit lives for some example"
        assert (z[l] <= 0).any(), "and some are dead"
    assert sum((array == 0).sum() for array in z) == 1
    assert (z[0] < 0).any(0).sum() >= 4


def test_the_pass_without_a_mistake_is_right():
    assert disagreements(Pass().gradients(PARAMS, X, Y, ACTIVATIONS), by_jax(PARAMS, X, Y, ACTIVATIONS)) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_planted_mistake_is_caught(mistake):
    found = mistake().gradients(PARAMS, X, Y, ACTIVATIONS)
    assert disagreements(found, by_jax(PARAMS, X, Y, ACTIVATIONS)), mistake.__doc__


def test_the_mask_of_the_kink_shows_only_where_z_is_0():
    away = (PARAMS[0]._replace(b=PARAMS[0].b + np.array([0, 0, 0, 0, 0.25])), *PARAMS[1:])
    found = MaskAtZero().gradients(away, X, Y, ACTIVATIONS)
    assert disagreements(found, by_jax(away, X, Y, ACTIVATIONS)) == []


def blind(mistake) -> bool:
    """Whether a mistake leaves all three numbers that the homework asks for as they are."""
    data = HOMEWORK, np.array([[2.0, 1.0]]), np.array([[1.5]]), ("relu", "identity", "identity")
    found, truth = mistake().gradients(*data), by_jax(*data)
    return all(found[name][entry] == truth[name][entry] for name, entry in ASKED)


def test_what_the_homeworks_own_numbers_cannot_see():
    assert {mistake.__name__ for mistake in MISTAKES if blind(mistake)} == {
        "SumForMean",  # one example: N = 1
        "MeanTwice",
        "NoMask",  # the unit asked for lives
        "MaskAtZero",
        "MaskOfUpstream",  # dL/dh1_2 is positive
        "MaskSkipped",
        "PreActivation",  # h = z there: h1_2 is live and layer 2 has no activation
        "BiasNotSummed",  # no bias is asked for
        "BiasMean",
        "BiasShared",
    }
    assert blind(NoMask)
    assert disagreements(
        NoMask().gradients(HOMEWORK, np.array([[2.0, 1.0]]), np.array([[1.5]]), ("relu", "identity", "identity")),
        by_jax(HOMEWORK, np.array([[2.0, 1.0]]), np.array([[1.5]]), ("relu", "identity", "identity")),
    ), "one more number asked for would have shown it"
