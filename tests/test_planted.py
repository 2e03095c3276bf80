"""Every check has been seen to fail: planted mistakes against the cross-check that the suite relies on."""

import numpy as np
import pytest

import manual
import ref
from gradsheet.mistakes.catalogue import CATALOGUE, edits_of, instances
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.truth.steps import Pass, in_front

# Chosen, not drawn: unequal widths, a batch of 4, live and dead units in each layer, and one z that
# is exactly 0: that of unit 5 of layer 1 in example 1.
PARAMS = (
    manual.Layer(
        np.array(
            [[1, -2, 3, 1], [2, 1, -1, 3], [-3, 2, 1, -1], [1, 3, -2, -1], [2, -1, 1, -3]], float
        ),
        np.array([1, -1, 3, -1, 9], float),
    ),
    manual.Layer(
        np.array([[1, -1, 2, 3, -2], [-2, 3, 1, -1, 1], [3, 2, -1, 1, -3]], float),
        np.array([-4, 2, 1], float),
    ),
    manual.Layer(np.array([[2, -1, 3], [1, 3, -2]], float), np.array([1, -1], float)),
)
X = np.array([[1, 2, 3, 4], [-2, 1, 3, -1], [3, -1, 1, 2], [2, 3, -1, -2]], float)
Y = np.array([[1, -2], [2, 1], [-1, 3], [4, 2]], float)
ACTIVATIONS = ("relu", "relu", "identity")

NETWORK = Network((4, 5, 3, 2), ("units",) * 3, ACTIVATIONS, "half_squared_error", "mean", 4)
FORWARD = ("z", "h", "shares")  # steps that a gradient of its own would follow


def by_hand(params, x, y, made=()):
    """All gradients by the pass of the catalogue, with some mistakes in it, by name."""
    problem = Problem(NETWORK, tuple(params), x, y).converted(in_front)
    found = Pass(problem, edits=edits_of(made)).gradients
    return {name: array[0] for name, array in found.items()}


def by_jax(params, x, y):
    """The truth that the suite cross-checks against, by name."""
    _, grads = ref.gradients(params, x, y, ACTIVATIONS)
    found = {
        f"{name}{l}": a
        for l, layer in enumerate(grads.params, 1)
        for name, a in layer._asdict().items()
    }
    return {name: np.asarray(a) for name, a in {**found, "h0": grads.h[0]}.items() if a is not None}


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
    assert disagreements(by_hand(PARAMS, X, Y), by_jax(PARAMS, X, Y)) == []


BACKWARD = [
    instance for instance in instances(NETWORK, False) if instance.mistake.step not in FORWARD
]


@pytest.mark.parametrize("instance", BACKWARD, ids=lambda i: f"{i.code} {i.layers} {i.variant}")
def test_every_planted_mistake_is_caught(instance):
    found = disagreements(by_hand(PARAMS, X, Y, [instance]), by_jax(PARAMS, X, Y))
    if instance.code == "mask-at-zero" and instance.layers == (2,):
        assert not found, "no z of the second layer is 0"
    else:
        assert found, instance.text


def test_the_mask_of_the_kink_shows_only_where_z_is_0():
    away = (PARAMS[0]._replace(b=PARAMS[0].b + np.array([0, 0, 0, 0, 0.25])), *PARAMS[1:])
    kinked = [instance for instance in BACKWARD if instance.code == "mask-at-zero"]
    assert len(kinked) == 3
    for instance in kinked:
        assert disagreements(by_hand(away, X, Y, [instance]), by_jax(away, X, Y)) == []


def test_the_codes_are_the_catalogues_own_and_each_stands_once():
    codes = [mistake.code for mistake in CATALOGUE]
    assert len(set(codes)) == len(codes)


def test_every_code_can_be_made_somewhere():
    def network(**changes):
        kinds = {"reduction": "mean", "examples": 3, "update": "all"} | changes
        return Network(
            (4, 4, 4),
            (kinds.pop("bias", "units"),) * 2,
            kinds.pop("activations"),
            kinds.pop("loss"),
            **kinds,
        )

    networks = [
        network(activations=("relu", "identity"), loss="half_squared_error", examples=None),
        network(activations=("tanh", "sigmoid"), loss="binary_cross_entropy", update="weights"),
        network(activations=("relu", "softmax"), loss="cross_entropy", bias="shared"),
        network(activations=("sigmoid", "identity"), loss="mean_squared_error", reduction="sum"),
    ]
    made = {instance.code for n in networks for instance in instances(n, True)}
    assert {mistake.code for mistake in CATALOGUE} == made
