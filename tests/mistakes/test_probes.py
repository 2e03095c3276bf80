"""Points at which mistakes are looked for: every pattern of live and dead units,
the same ones for all sheets on a network.
"""

from hypothesis import assume, given
from hypothesis import strategies as st

import manual
from gradsheet.mistakes import probes as probe
from gradsheet.network.network import Network
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.session import LIBRARY
from tests.networks import examples
from tests.sheets import judged


@examples(20)
@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.data())
def test_probes_bring_about_every_pattern(widths, data):
    depth = len(widths) - 1
    biases = tuple(
        data.draw(
            st.lists(st.sampled_from(["units", "shared", None]), min_size=depth, max_size=depth)
        )
    )
    network = Network(tuple(widths), biases, ("relu",) * depth, None, "mean", None)
    assume(network.kinked_units <= 6)
    patterns = set()
    for point in probe.Probes(network, None, Budget()):
        zs = manual.forward(point.problem.params, point.problem.x, network.activations).z
        patterns.add(tuple(bool(v > 0) for z in zs for v in z[0]))
    # Without a bias a layer behind dead units is dead: only the first layer is free, whatever
    # comes behind.
    if biases[0] != "shared":
        assert len(patterns) >= 2 ** widths[1]
    if set(biases) == {"units"}:
        assert len(patterns) == 2**network.kinked_units


def test_probes_reach_the_kink_of_every_unit():
    network = Network((2, 3, 2), ("shared", None), ("relu", "relu"), None, "mean", None)
    at_kink = set()
    for point in probe.Probes(network, None, Budget()):
        zs = manual.forward(point.problem.params, point.problem.x, network.activations).z
        at_kink |= {(l, k) for l, z in enumerate(zs) for k, v in enumerate(z[0]) if v == 0}
    assert at_kink == {(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)}


DEEP = "[[layer]]\nshape = [1, 1]\nbias = true\nactivation = 'relu'\n" * 8


def test_patterns_that_decide_are_the_same_in_every_run():
    """Of 256 patterns one in 128 tells these apart: a draw alone would miss it now and then."""
    found = []
    for _ in range(2):
        LIBRARY.clear("probes")
        found.append(judged(DEEP, "dL/dz1", "dL/dh1"))
    assert [j.verdict for j in found] == ["wrong", "wrong"]
    assert found[0].witness == found[1].witness
    assert len(found[0].witness) < 300, "in small numbers"
