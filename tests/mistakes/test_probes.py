"""Points at which mistakes are looked for: every pattern of live and dead units."""

from hypothesis import assume, given
from hypothesis import strategies as st

import manual
from gradsheet.mistakes import probes as probe
from gradsheet.mistakes.layered import problem_of
from gradsheet.network.network import Network
from gradsheet.numbers.budget import Budget
from tests.networks import examples


@examples(10)
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
        problem = problem_of(point)
        zs = manual.forward(problem.params, problem.x, network.activations).z
        patterns.add(tuple(bool(v > 0) for z in zs for v in z[0]))
    # Without a bias a layer behind dead units is dead: only the first layer is free, whatever
    # comes behind.
    if biases[0] != "shared":
        assert len(patterns) >= 2 ** widths[1]
    if set(biases) == {"units"}:
        assert len(patterns) == 2**network.kinked_units
