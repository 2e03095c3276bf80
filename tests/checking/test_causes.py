"""Why an answer is wrong: the step that breaks first, what follows from it, and
the mistake by its name.
"""

import re
from collections import Counter
from typing import Any

import jax
import numpy as np
import pytest

import gradsheet
import manual
from gradsheet.checking.arguments import network_of
from gradsheet.checking.prepared import prepared
from gradsheet.mistakes.catalogue import instances
from tests.functions import DEFAULT, NETWORKS, RIGHT, by_hand, in_jax, in_numpy, in_torch, written


def outcome(network: Any, instance: Any, plant: Any, **options: Any) -> str:
    """What is said of a function in which a mistake is planted."""
    arguments = (
        network.widths,
        network.activations,
        network.loss,
        network.reduction,
        network.examples,
    )
    found = gradsheet.check(
        plant(network, [instance]), *arguments, biases=network.biases, **options
    )
    assert not found.faults
    if found.right:
        corner = found.kink is not None and "(mask-at-zero)" in found.kink.where
        return "named at the kink" if corner else "right"
    texts = {tuple(made.text for made in together) for together in found.naming.equals}
    if (instance.text,) in texts:
        return "named" if len(texts) == 1 else "named beside equals"
    return f"caught, not named: {instance.code} {instance.layers} {instance.variant}"


def is_seen(network: Any, instance: Any) -> bool:
    """Whether a mistake changes a gradient or the loss: dL/dx is not asked for,
    and no z behind exp is exactly 0."""
    step = instance.mistake.step.split(".")[0]
    return (step, instance.layers) != ("d_h", (1,)) and not (
        instance.code == "mask-at-zero" and not prepared("gradients", "yhat", network).corners
    )


def count(network: Any, planted: Any, plant: Any, **options: Any) -> Counter[str]:
    found: Counter[str] = Counter()
    for instance in planted:
        what = outcome(network, instance, plant, **options)
        assert (what == "right") == (not is_seen(network, instance)), (
            instance.code,
            instance.layers,
        )
        found[what] += 1
    return found


def test_planted_mistakes_are_named_in_numpy():
    """Every thirteenth; all of them are in the exhaustive test below."""
    made = {(instance.code, instance.layers): instance for instance in instances(DEFAULT, False)}
    found = count(DEFAULT, [*made.values()][::13], in_numpy)
    assert set(found) <= {"named", "named beside equals", "named at the kink", "right"}, found
    assert found["named"] > 5 * found["named beside equals"]


def one_of_each(network: Any) -> list[Any]:
    """The last instance of each code: in the last layer or in all."""
    return list({instance.code: instance for instance in instances(network, False)}.values())


def test_planted_mistakes_are_named_where_floats_are_not_exact():
    found = count(NETWORKS["tanh"], one_of_each(NETWORKS["tanh"])[::12], in_numpy)
    assert set(found) <= {"named", "named beside equals", "named at the kink", "right"}, found


def test_planted_mistakes_are_named_in_jax():
    found = count(
        DEFAULT, one_of_each(DEFAULT)[::27], in_jax, array=jax.numpy.asarray, dtype="float32"
    )
    assert set(found) <= {"named", "named beside equals", "named at the kink", "right"}, found


def test_planted_mistakes_are_named_in_torch():
    torch = pytest.importorskip(
        "torch", reason="comes with the extra peers, which is not installed"
    )
    found = count(DEFAULT, one_of_each(DEFAULT), in_torch, array=torch.tensor)
    assert set(found) <= {"named", "named beside equals", "named at the kink", "right"}, found


@pytest.mark.exhaustive
@pytest.mark.parametrize("plant", [in_numpy, in_torch, in_jax], ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_planted_mistake_is_named_everywhere(name, plant):
    options: dict[str, Any] = {}
    if plant is in_torch:
        torch = pytest.importorskip(
            "torch", reason="comes with the extra peers, which is not installed"
        )
        options["array"] = torch.tensor
    if plant is in_jax:
        options["array"] = jax.numpy.asarray
    found = count(NETWORKS[name], instances(NETWORKS[name], False), plant, **options)
    print(name, plant.__name__, dict(found))
    assert set(found) <= {"named", "named beside equals", "named at the kink", "right"}, found


def test_mistakes_are_named_together():
    chosen = {("slope-missing", (1,)), ("bias-mean", (3,)), ("input-missing", (2,))}
    made = [i for i in instances(DEFAULT, False) if (i.code, i.layers) in chosen]
    found = gradsheet.check(in_numpy(DEFAULT, made))
    assert found.mistakes == [tuple(made.code for made in found.naming.equals[0])]
    assert set(found.mistakes[0]) == {"slope-missing", "bias-mean", "input-missing"}


LATER = ["dL/dW2", "dL/db2", "dL/dW1", "dL/db1"]


@pytest.mark.parametrize(
    ("fn", "mistakes", "first", "follows"),
    [
        (written(d3=lambda s: s["yhat"] - s["y"]), "mean-missing", "dL/dW3", []),
        (
            written(d3=lambda s: (s["y"] - s["yhat"]) / s["n"]),
            "error-sign",
            "dL/dz3",
            ["dL/dW3", "dL/db3", *LATER],
        ),
        (written(d2=lambda s: s["d3"] @ s["W3"]), "slope-missing", "dL/dz2", LATER),
        (written(d2=lambda s: (s["d3"] @ s["W3"]) * s["z2"]), None, "dL/dz2", LATER),
        (
            written(d2=lambda s: (s["d3"] @ s["W3"]) * s["h2"]),
            "function-for-slope",
            "dL/dz2",
            LATER,
        ),
        (written(d1=lambda s: s["d2"] @ s["W2"]), "slope-missing", "dL/dz1", LATER[2:]),
        (written(db3=lambda s: s["d3"].mean(0)), "bias-mean", "dL/db3", []),
        (written(dW2=lambda s: s["d2"].T @ s["z1"]), "z-for-h", "dL/dW2", []),
        (written(dW2=lambda s: -s["d2"].T @ s["h1"]), None, "dL/dW2", []),
    ],
)
def test_mistakes_as_they_are_written(fn, mistakes, first, follows):
    found = gradsheet.check(fn)
    assert not found
    assert found.first == first, found
    assert found.follows == follows, found
    assert found.mistakes == ([] if mistakes is None else [(mistakes,)]), found


def test_what_breaks_first_is_in_the_assertion():
    with pytest.raises(AssertionError, match=re.escape("dL/dz2")):
        gradsheet.assert_right(written(d2=lambda s: s["d3"] @ s["W3"]))


def test_what_only_the_batch_shows_is_said():
    text = str(gradsheet.check(written(db3=lambda s: s["d3"].mean(0))))
    assert "dL/db3 is right one example at a time" in text


def test_what_single_examples_do_show_is_not_put_on_the_batch():
    """At the first probe alone no z lies between 0 and 1 where it matters."""
    found = gradsheet.check(written(d2=lambda s: (s["d3"] @ s["W3"]) * (s["z2"] > 1)))
    assert found.first == "dL/dz2"
    assert "one example at a time" not in str(found)


def test_another_loss_for_which_it_is_right_is_told():
    doubled = written(d3=lambda s: 2 * (s["yhat"] - s["y"]))
    found = gradsheet.check(doubled)
    assert 'it is right for loss="squared_error", reduction="sum"' in found.remarks
    assert gradsheet.check(doubled, (3, 2, 2, 1), loss="squared_error", reduction="sum").right


def test_two_broken_steps_are_both_found():
    found = gradsheet.check(
        written(d2=lambda s: s["d3"] @ s["W3"], dW2=lambda s: s["d2"].T @ s["h1"] * 3)
    )
    assert [step.gives for step in found.steps] == ["dL/dz2", "dL/dW2"]
    assert found.follows == ["dL/db2", "dL/dW1", "dL/db1"]


def test_a_wrong_gradient_without_a_bias_of_its_own_breaks_nothing_else():
    network = network_of((3, 1, 3), ("tanh", "identity"), "half_squared_error", "mean", 4, "shared")

    def fn(params, x, y):
        first, (dW2, db2) = by_hand(network)(params, x, y)[1]
        return [first, (np.ones_like(dW2), db2)]

    found = gradsheet.check(fn, network.widths, network.activations, biases="shared")
    assert [step.gives for step in found.steps] == ["dL/dW2"]


def test_another_loss_is_told_before_any_step():
    def fn(change):
        return lambda *data: change(*RIGHT(*data))

    found = gradsheet.check(fn(lambda L, grads: (2 * L, [(2 * W, 2 * b) for W, b in grads])))
    assert "your loss is not this network's" in found.loss
    assert "everywhere 2 times the truth" in found.loss
    assert found.remarks == ['it is right for loss="squared_error", reduction="mean"']
    assert not found.steps
    lines = str(found).splitlines()
    heads = [
        line.split()[0]
        for line in lines[lines.index("") + 1 :]
        if line and line[0] != " " and "|" not in line
    ]
    assert heads[0] == "loss"
    found = gradsheet.check(fn(lambda L, grads: (L + 1, [(-W, -b) for W, b in grads])))
    assert "your loss is not this network's" in found.loss
    text = str(found)
    assert text.index("your loss is not") < text.index("breaks")
    assert not gradsheet.check(RIGHT).loss


def test_a_wide_network_is_judged_and_its_mistake_named_on_a_narrow_one():
    network = network_of((40, 60, 30, 10), None, "half_squared_error", "mean", 4, "units")
    widths = network.widths
    found = gradsheet.check(by_hand(network), widths)
    assert found.right, found
    assert {row.exact for row in found.rows} == {"yes"}
    found = gradsheet.check(written(d2=lambda s: s["d3"] @ s["W3"]), widths)
    assert found.mistakes == [("slope-missing",)]
    assert "named on a 4-5-3-2 network" in " ".join(str(found).split())


def test_what_only_some_examples_show_is_not_put_on_the_batch():
    """Example 40 of 64 is clipped: no word on how examples are put together."""
    rng = np.random.default_rng(0)
    params = [(rng.normal(size=(5, 4)), np.zeros(5)), (rng.normal(size=(1, 5)), rng.normal(size=1))]
    x, y = 0.3 * rng.normal(size=(64, 4)), 0.3 * rng.normal(size=(64, 1))
    x[40] *= 100

    def clipping(params, x, y):
        cache = manual.forward(params, x, ("relu", "identity"))
        d_yhat = np.clip(cache.h[-1] - y, -5, 5) / len(x)
        return manual.backward(params, cache, d_yhat, ("relu", "identity")).params

    found = gradsheet.check(clipping, params=params, x=x, y=y)
    assert found.verdict == "wrong"
    assert not found.remarks


def test_a_mistake_on_a_narrow_network_is_named_only_where_the_same_arrays_are_wrong():
    def fn(params, x, y):
        (dW1, db1), (dW2, db2) = manual.value_and_grad(params, x, y, ("relu", "identity"))[1]
        if len(dW1) > 32:
            dW1[32:] = 0
            return [(dW1, db1), (dW2, db2)]
        return [(dW1, db1), (dW2, db2 * len(x))]

    found = gradsheet.check(fn, (64, 64, 1))
    assert found.relations == {"dL/dW1": "32 of 64 rows are left 0"}
    assert not found.mistakes
    assert "mistake  dL/dW1: 32 of 64 rows are left 0" in str(found)
