"""The data that a function is tried on: every entry and every mistake shows,
and floats are exact.
"""

import numpy as np
import pytest

import gradsheet
import manual
from gradsheet.checking.arguments import network_of
from gradsheet.checking.prepared import prepared
from tests.functions import DEFAULT, RIGHT, by_hand
from tests.rounds import every

ACTIVATIONS = DEFAULT.activations

WIDE_NETWORKS = [
    network_of((64, 64, 10), None, "half_squared_error", "mean", 4, "units"),
    network_of((40, 1, 30), ("relu", "relu"), "squared_error", "sum", 1, "shared"),
    network_of((50, 20, 30, 1), ("leaky_relu", "relu", "identity"), "output", "mean", 2, None),
    network_of((16, 8, 6), ("relu", "softmax"), "cross_entropy", "mean", 4, "units"),
    network_of((2, 3, 3, 1), None, "half_squared_error", "mean", 1, "units"),
]


@pytest.mark.parametrize(
    "network", every(3, WIDE_NETWORKS), ids=lambda network: "-".join(map(str, network.widths))
)
def test_every_entry_left_out_shows(network):
    """Entry by entry: the truth at the probes is all that such a check can see."""
    ready = prepared("gradients", "yhat", network)
    covered, every = ready.covered
    assert covered == every
    for name, shape in ready.asked.shapes.items():
        seen = np.any([truth.values[name] != 0 for truth in ready.truths], 0)
        assert seen.shape == shape
        assert seen.all(), name
    arguments = (
        network.widths,
        network.activations,
        network.loss,
        network.reduction,
        network.examples,
    )
    found = gradsheet.check(by_hand(network), *arguments, biases=network.biases)
    assert found.right, found
    words = " ".join(found.tried.split())
    assert f"none of the {every:,} entries of the true answer is 0 at all of them" in words


@pytest.mark.usefixtures("unexplained")
@pytest.mark.parametrize("part", ["row", "column", "entry"])
def test_the_last_unit_left_out_of_a_wide_network_is_caught(part):
    def fn(params, x, y):
        (dW1, db1), (dW2, db2) = manual.value_and_grad(params, x, y, ("relu", "identity"))[1]
        if part == "row":
            dW1[-1], db1[-1] = 0, 0
        elif part == "column":
            dW1[:, -1] = 0
        else:
            dW2[3, 17] = 0
        return [(dW1, db1), (dW2, db2)]

    found = gradsheet.check(fn, (64, 64, 10))
    assert not found.right
    expected = {
        "row": {"dL/dW1": "the last row, 63, is left 0", "dL/db1": "the last entry, 63, is left 0"},
        "column": {"dL/dW1": "the last column, 63, is left 0"},
        "entry": {},
    }[part]
    assert found.relations == expected


def test_the_probes_show_everything_and_are_exact_in_float32():
    found = gradsheet.check(RIGHT)
    assert "all 133 mistakes of the catalogue show" in found.tried
    assert "floats round nothing" in gradsheet.check(RIGHT, dtype="float32").tried
    for data in found.probes[:3]:
        zs = manual.forward(data.params, data.x, ACTIVATIONS).z
        assert all((z != 0).all() for z in zs[:2])
        assert all(((z > 0).any(0) & (z < 0).any(0)).sum() > z.shape[1] / 2 for z in zs[:2]), (
            "live and dead"
        )
