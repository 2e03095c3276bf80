"""The mistakes of the catalogue, made in the pass that the judge edits: each is
seen by the cross-check with JAX.
"""

import functools

import numpy as np
import pytest

import manual
import ref
from gradsheet.mistakes.catalogue import CATALOGUE, edits_of, instances
from gradsheet.mistakes.layer_pass import Pass, in_front
from gradsheet.network.network import Network
from tests import agreement
from tests.networks import KINKED, network_of, stated_problem

NETWORK = network_of(KINKED)
FORWARD = ("z", "h", "shares")  # steps that a gradient of its own would follow


def by_hand(problem, made=()):
    """All gradients by the pass of the catalogue, with some mistakes in it, by name."""
    passed = Pass(stated_problem(problem).converted(in_front), edits=edits_of(made))
    return {f"dL/d{name}": array[0] for name, array in passed.gradients.items()}


def without_a_kink():
    """The same away from z = 0."""
    first, *others = KINKED.params
    moved = first._replace(b=first.b + np.array([0, 0, 0, 0, 0.25]))
    return KINKED._replace(params=(moved, *others))


PROBLEMS = {"kinked": KINKED, "away": without_a_kink()}


@functools.cache
def by_jax(name):
    """The gradients by JAX."""
    return agreement.in_jax(PROBLEMS[name], functools.partial(agreement.gradients, ref))


def disagreements(made=(), name="kinked"):
    """Where that differs from JAX, in the gradients by the parameters and by x."""
    theirs, mine = by_jax(name), by_hand(PROBLEMS[name], made)
    names = [name for name in theirs if name[4:5] in ("W", "b") or name == "dL/dh0"]
    return agreement.differences(
        {name: mine[name] for name in names}, {name: theirs[name] for name in names}
    )


def test_the_probe_has_live_dead_and_zero_units():
    z, _ = manual.forward(KINKED.params, KINKED.x, KINKED.activations)
    for l in (0, 1):
        assert (z[l] > 0).any(0).all(), "every unit lives for some example"
        assert (z[l] <= 0).any(), "and some are dead"
    assert sum((array == 0).sum() for array in z) == 1
    assert (z[0] < 0).any(0).sum() >= 4


def test_the_pass_without_a_mistake_is_right():
    assert disagreements() == []


BACKWARD = [
    instance for instance in instances(NETWORK, False) if instance.mistake.step not in FORWARD
]


@pytest.mark.parametrize("instance", BACKWARD, ids=lambda i: f"{i.code} {i.layers} {i.variant}")
def test_every_planted_mistake_is_caught(instance):
    found = disagreements([instance])
    if instance.code == "mask-at-zero" and instance.layers == (2,):
        assert not found, "no z of the second layer is 0"
    else:
        assert found, instance.text


def test_the_mask_of_the_kink_shows_only_where_z_is_0():
    kinked = [instance for instance in BACKWARD if instance.code == "mask-at-zero"]
    assert len(kinked) == 3
    for instance in kinked:
        assert disagreements([instance], "away") == []


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
