"""A function is checked: right ones pass in every form, wrong ones are caught, located, and their mistake is named."""

import itertools
import os
import random
import re
from collections import Counter
from typing import Any

import functions
import jax
import numpy as np
import pytest
from functions import FORMS, by_hand, by_jax, in_form, in_jax, in_numpy, in_torch, textbook

import gradsheet
import manual
import ref
from gradsheet.checking.arguments import network_of
from gradsheet.checking.prepared import prepared
from gradsheet.mistakes.catalogue import instances

DEFAULT = network_of((4, 5, 3, 2), None, "half_squared_error", "mean", 4, "units")
ACTIVATIONS = DEFAULT.activations
RIGHT = textbook(DEFAULT)


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
            gradsheet.assert_right(fn, dtype=dtype)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form):
    found = gradsheet.check(in_form(form, RIGHT))
    assert found.right, found
    assert ("dW as (inputs, units)" in found.assumed) == form.startswith("turned")


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
    """EXAMPLES=200 makes it a thousand."""
    assert not false_alarms(5 * int(os.environ.get("EXAMPLES", "1")), seed=1)


@pytest.mark.exhaustive
def test_no_false_alarm_over_a_thousand_right_functions():
    assert not false_alarms(1_000, seed=2)


# Planted mistakes

NETWORKS = {
    "relu": DEFAULT,
    "tanh": network_of(
        (4, 5, 3, 2), ("tanh", "sigmoid", "softmax"), "cross_entropy", "mean", 4, "units"
    ),
    "mixed": network_of(
        (4, 4, 4), ("softplus", ("leaky_relu", 0.25)), "mean_squared_error", "sum", 3, "shared"
    ),
    "single": network_of(
        (4, 5, 3, 2), ("relu", "sigmoid", "sigmoid"), "binary_cross_entropy", "sum", 1, "units"
    ),
}


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
    """Whether a mistake changes a gradient or the loss: dL/dx is not asked for, and no z behind exp is exactly 0."""
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


def test_every_planted_mistake_is_named_in_numpy():
    every = {(instance.code, instance.layers): instance for instance in instances(DEFAULT, False)}
    found = count(DEFAULT, every.values(), in_numpy)
    assert set(found) <= {"named", "named beside equals", "named at the kink", "right"}, found
    assert found["named"] > 5 * found["named beside equals"]


def one_of_each(network: Any) -> list[Any]:
    """The last instance of each code: in the last layer or in all."""
    return list({instance.code: instance for instance in instances(network, False)}.values())


def test_planted_mistakes_are_named_where_floats_are_not_exact():
    found = count(NETWORKS["tanh"], one_of_each(NETWORKS["tanh"]), in_numpy)
    assert set(found) <= {"named", "named beside equals", "named at the kink", "right"}, found


def test_planted_mistakes_are_named_in_jax():
    found = count(
        DEFAULT, one_of_each(DEFAULT)[::3], in_jax, array=jax.numpy.asarray, dtype="float32"
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


# Mistakes as people write them, by hand and not by the catalogue


def written(
    d3: Any = None, d2: Any = None, d1: Any = None, db3: Any = None, dW2: Any = None
) -> Any:
    def fn(params, x, y):
        (W1, b1), (W2, b2), (W3, b3) = params
        z1 = x @ W1.T + b1
        h1 = np.maximum(z1, 0)
        z2 = h1 @ W2.T + b2
        h2 = np.maximum(z2, 0)
        yhat = h2 @ W3.T + b3
        s = {
            "W2": W2,
            "W3": W3,
            "z1": z1,
            "z2": z2,
            "h1": h1,
            "h2": h2,
            "x": x,
            "y": y,
            "yhat": yhat,
            "n": len(x),
        }
        s["d3"] = d3(s) if d3 else (yhat - y) / len(x)
        s["d2"] = d2(s) if d2 else (s["d3"] @ W3) * (z2 > 0)
        s["d1"] = d1(s) if d1 else (s["d2"] @ W2) * (z1 > 0)
        return [
            (s["d1"].T @ x, s["d1"].sum(0)),
            (dW2(s) if dW2 else s["d2"].T @ h1, s["d2"].sum(0)),
            (s["d3"].T @ h2, db3(s) if db3 else s["d3"].sum(0)),
        ]

    return fn


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
    with pytest.raises(AssertionError, match=re.escape(first)):
        gradsheet.assert_right(fn)


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
    assert gradsheet.check(doubled, loss="squared_error", reduction="sum").right


def test_two_broken_steps_are_both_found():
    found = gradsheet.check(
        written(d2=lambda s: s["d3"] @ s["W3"], dW2=lambda s: s["d2"].T @ s["h1"] * 3)
    )
    assert [step.gives for step in found.steps] == ["dL/dz2", "dL/dW2"]
    assert found.follows == ["dL/db2", "dL/dW1", "dL/db1"]


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


# What a function should not do


def faulty(change: Any) -> Any:
    """The right pass with something done to what it gets or gives."""

    def fn(params, x, y):
        return change(params, x, y, RIGHT(params, x, y)[1])

    return fn


def _sets_to_zero(params, x, y, grads):
    x[:] = 0
    return grads


def _descends(params, x, y, grads):
    params[0] = (params[0][0] - grads[0][0], params[0][1])
    return grads


def _raises(params, x, y, grads):
    raise ZeroDivisionError("no such thing")


def _exits(params, x, y, grads):
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_sets_to_zero, "it changes x, which it is given"),
        (_descends, "it changes the list of parameters"),
        (_raises, r"it raises ZeroDivisionError: no such thing \(test_check.py:\d+\)"),
        (_exits, "it raises SystemExit: 3"),
        (lambda p, x, y, g: (a / 0 for a in [1, 2]), "cannot be read: ZeroDivisionError"),
        (lambda p, x, y, g: (np.broadcast_to(0.0, (10**6, 10**6)), g), "entries of float64"),
        (lambda p, x, y, g: None, "it returned None"),
        (lambda p, x, y, g: "gradients", "is str 'gradients', expected an array of numbers"),
        (lambda p, x, y, g: g[:2], "it returned 4 arrays"),
        (lambda p, x, y, g: [], "it returned 0 arrays"),
        (lambda p, x, y, g: {"dW1": g[0][0], "db1": g[0][1]}, "it returned"),
    ],
)
def test_faults_are_told(change, message):
    found = gradsheet.check(faulty(change))
    assert not found.right
    assert re.search(message, " ".join(str(found).split())), found


def test_what_is_kept_between_calls_is_told():
    total = [
        np.zeros_like(a)
        for a in functions.flat_of(prepared("gradients", "yhat", DEFAULT).probes[0].params)
    ]

    def adds_up(params, x, y):
        for kept, new in zip(total, functions.flat_of(RIGHT(params, x, y)[1]), strict=True):
            kept += new
        return [kept.copy() for kept in total]

    found = gradsheet.check(adds_up)
    assert not found.right
    assert any(
        "other answers the second time" in fault and "does it add" in fault
        for fault in found.faults
    )

    def remembers(params, x, y, seen=[]):  # noqa: B006 - the mistake itself
        seen.append(x.copy())
        same = all(np.array_equal(x, old) for old in seen)
        return RIGHT(params, x if same else seen[-2], y)[1]

    found = gradsheet.check(remembers)
    assert not found.right
    assert any("after other data" in fault for fault in found.faults)


def test_a_direction_is_not_to_be_changed():
    def fn(params, x, y, direction):
        found = manual.hvp(params, direction, x, y, ACTIVATIONS)
        for V, _ in direction:
            V *= 0
        return found

    found = gradsheet.check(fn, what="hvp")
    assert any("it changes the direction of W1" in fault for fault in found.faults)


def test_chance_is_told():
    rng = np.random.default_rng(0)

    def dropout(params, x, y):
        return RIGHT(params, x * rng.integers(0, 2, x.shape), y)[1]

    assert any(
        "other answers the second time" in fault for fault in gradsheet.check(dropout).faults
    )


def test_the_same_arrays_every_time_are_allowed_and_said():
    buffers = [
        np.zeros_like(a)
        for a in functions.flat_of(prepared("gradients", "yhat", DEFAULT).probes[0].params)
    ]

    def planned(params, x, y):
        for buffer, new in zip(buffers, functions.flat_of(RIGHT(params, x, y)[1]), strict=True):
            buffer[:] = new
        return buffers

    found = gradsheet.check(planned)
    assert found.right
    assert any("overwrites what it returned before" in text for text in found.assumed)


@pytest.mark.parametrize(
    ("change", "row", "message"),
    [
        (
            lambda W, b: (W.T, b),
            "dL/dW2",
            "has shape (5, 3), expected (3, 5): it is transposed, write .T",
        ),
        (lambda W, b: (W.astype(int), b), "dL/dW2", "has dtype int64, expected a float"),
        (lambda W, b: (W + 0j, b), "dL/dW2", "has dtype complex128, expected real numbers"),
        (lambda W, b: (W, b.sum()), "dL/db2", "has shape (), expected (3,)"),
        (lambda W, b: (W * np.nan, b), "dL/dW2", "nan, true"),
        (lambda W, b: (W, b / 0.0), "dL/db2", "inf, true"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_what_is_no_gradient_is_told_in_its_row(change, row, message):
    def fn(params, x, y):
        _, (first, second, third) = RIGHT(params, x, y)
        return [first, change(*second), third]

    found = gradsheet.check(fn)
    wrong = [r for r in found.rows if not r.is_right]
    assert [r.name for r in wrong] == [row]
    assert message in wrong[0].where


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


# Layouts


def test_weights_as_inputs_by_units_are_given_where_the_function_needs_them():
    def fn(params, x, y):
        L, grads = RIGHT([(W.T, b) for W, b in params], x, y)
        return L, [(W.T, b) for W, b in grads]

    found = gradsheet.check(fn)
    assert found.right, found
    assert found.assumed[0] == "fn takes W as (inputs, units)"
    square = gradsheet.check(
        lambda *data: _transposing(
            textbook(network_of((3, 3, 3), None, "squared_error", "mean", 4, "units")), *data
        ),
        (3, 3, 3),
        loss="squared_error",
    )
    assert square.right, square


def _transposing(fn, params, x, y):
    L, grads = fn([(W.T, b) for W, b in params], x, y)
    return L, [(W.T, b) for W, b in grads]


def test_one_layout_goes_in_and_out():
    def mixed(params, x, y):
        """W as (inputs, units) goes in, dW as (units, inputs) comes out."""
        L, grads = RIGHT([(W.T, b) for W, b in params], x, y)
        return L, grads

    for widths in ((4, 5, 3, 2), (3, 3, 3, 3)):
        assert not gradsheet.check(mixed, widths).right
    turned = in_form("turned", RIGHT)
    assert gradsheet.check(turned).right, "the shapes tell"
    assert not gradsheet.check(turned, (3, 3, 3, 3)).right


def test_square_weights_are_told_apart_by_others_or_by_the_caller():
    """The layout is never chosen by what comes out right."""
    square = (4, 4, 4, 4)

    def takes(params, x, y):
        return _transposing(RIGHT, params, x, y)

    def only_square(fn):
        def given(params, x, y):
            assert all(W.shape == (4, 4) for W, _ in params), "it is written for these widths"
            return fn(params, x, y)

        return given

    found = gradsheet.check(takes, square)
    assert found.right, "with unequal widths it raises on W as (units, inputs)"
    assert found.assumed[0] == "fn takes W as (inputs, units)"
    found = gradsheet.check(only_square(takes), square)
    assert not found.right, "nothing but the verdict speaks for the other layout"
    assert "or write inputs_first=True" in found.assumed[-1]
    assert gradsheet.check(only_square(takes), square, inputs_first=True).right
    assert gradsheet.check(only_square(RIGHT), square).right
    assert not gradsheet.check(only_square(RIGHT), square, inputs_first=True).right
    assert not gradsheet.check(takes, inputs_first=False).right, "told is told"


@pytest.mark.parametrize("what", ["forward and back", "back", "dW"])
def test_a_transpose_does_not_pass_where_shapes_allow_it(what):
    def fn(params, x, y):
        """For square W alone: where W is no square the shapes would not fit."""
        turned = [(W.T if W.shape[0] == W.shape[1] else W, b) for W, b in params]
        if what == "forward and back":
            return [(W.T if W.shape[0] == W.shape[1] else W, b) for W, b in RIGHT(turned, x, y)[1]]
        if what == "dW":
            return [(W.T if W.shape[0] == W.shape[1] else W, b) for W, b in RIGHT(params, x, y)[1]]
        cache = manual.forward(params, x, ACTIVATIONS)
        return manual.backward(turned, cache, (cache.h[-1] - y) / len(x), ACTIVATIONS).params

    for widths in ((4, 4, 4, 4), (3, 3, 3, 3), (5, 4, 4, 2)):
        found = gradsheet.check(fn, widths)
        assert not found.right, widths


def test_the_order_of_square_arrays_is_read_where_widths_differ():
    def last_first(params, x, y):
        return RIGHT(params, x, y)[1][::-1]

    for widths in ((4, 5, 3, 2), (4, 4, 4, 4)):
        found = gradsheet.check(last_first, widths)
        assert found.right
        assert found.assumed == ["pairs (dW, db), the last layer first"]

    def swaps_if_square(params, x, y):
        first, *middle, last = RIGHT(params, x, y)[1]
        return [last, *middle, first] if params[0][0].shape == (4, 4) else [first, *middle, last]

    found = gradsheet.check(swaps_if_square, (4, 4, 4, 4))
    assert not found.right
    assert found.relations["dL/dW1"] == "that is dL/dW3"


def test_a_vector_has_w_as_it_was_given():
    def flat(turn):
        return lambda *data: np.concatenate(
            [np.ravel(a) for W, b in RIGHT(*data)[1] for a in (turn(W), b)]
        )

    assert gradsheet.check(flat(lambda W: W)).right
    assert not gradsheet.check(flat(lambda W: W.T)).right


# What small whole numbers do not show


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


def test_a_wrong_gradient_without_a_bias_of_its_own_breaks_nothing_else():
    network = network_of((3, 1, 3), ("tanh", "identity"), "half_squared_error", "mean", 4, "shared")

    def fn(params, x, y):
        first, (dW2, db2) = by_hand(network)(params, x, y)[1]
        return [first, (np.ones_like(dW2), db2)]

    found = gradsheet.check(fn, network.widths, network.activations, biases="shared")
    assert [step.gives for step in found.steps] == ["dL/dW2"]


# No entry of the truth is 0 everywhere


WIDE_NETWORKS = [
    network_of((64, 64, 2), None, "half_squared_error", "mean", 4, "units"),
    network_of((64, 64, 10), None, "half_squared_error", "mean", 4, "units"),
    network_of((40, 1, 30), ("relu", "relu"), "squared_error", "sum", 1, "shared"),
    network_of((50, 20, 30, 1), ("leaky_relu", "relu", "identity"), "output", "mean", 2, None),
    network_of((64, 32, 10), ("relu", "softmax"), "cross_entropy", "mean", 4, "units"),
    network_of((2, 3, 3, 1), None, "half_squared_error", "mean", 1, "units"),
]


@pytest.mark.parametrize(
    "network", WIDE_NETWORKS, ids=lambda network: "-".join(map(str, network.widths))
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


# Bounds that would let anything pass


@pytest.mark.parametrize("examples", [1000, 3000])
def test_whole_data_with_a_z_at_0_are_judged_sharply(examples):
    """Whole numbers are added up exactly, whatever number of examples the sums are divided by."""
    rng = np.random.default_rng(0)
    params = [
        (rng.integers(-2, 3, (5, 4)) * 1.0, rng.integers(-2, 3, 5) * 1.0),
        (np.ones((1, 5)), np.zeros(1)),
    ]
    x, y = rng.integers(-3, 4, (examples, 4)) * 1.0, rng.integers(-3, 4, (examples, 1)) * 1.0
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


# Types of few bits


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


@pytest.mark.parametrize("name", FEW_BITS)
@pytest.mark.parametrize("widths", [(4, 5, 3, 2), (2, 3, 3, 1), (64, 64, 4)])
@pytest.mark.parametrize("given", [True, False])
def test_few_bits_are_judged_exactly(name, widths, given):
    """At numbers that fit, whether the function is given the type or takes it by itself."""
    dtype, options = FEW_BITS[name], {"dtype": name} if given else {}
    found = gradsheet.check(in_type(dtype), widths, **options)
    assert found.right, found
    assert {row.exact for row in found.rows} == {"yes"}
    for factor in (1.02, 0.98, 1.05):
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


# The loss that comes along


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


# At the kink


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0, 0.25])
def test_any_derivative_at_the_kink_is_told_and_can_be_asked_for(value):
    def at_zero(z):
        return np.where(z == 0, value, z > 0)

    fn = written(
        d2=lambda s: (s["d3"] @ s["W3"]) * at_zero(s["z2"]),
        d1=lambda s: (s["d2"] @ s["W2"]) * at_zero(s["z1"]),
    )
    found = gradsheet.check(fn)
    assert found.right
    assert found.kink.where.startswith(f"relu'(0) = {value:g}")
    assert gradsheet.check(fn, at_zero=value).right
    assert not gradsheet.check(fn, at_zero=0.75).right


def test_layers_may_differ_at_the_kink():
    found = gradsheet.check(written(d1=lambda s: (s["d2"] @ s["W2"]) * (s["z1"] >= 0)))
    assert found.right
    assert found.kink.where.startswith("relu'(0) = 1 in layer 1, relu'(0) = 0 in layer 2")


def test_beyond_both_slopes_nothing_is_a_derivative():
    fn = written(d1=lambda s: (s["d2"] @ s["W2"]) * np.where(s["z1"] == 0, 7, s["z1"] > 0))
    found = gradsheet.check(fn)
    assert not found.right
    assert "relu'(0) in layer 1 is 7, beyond both slopes" in str(found)
    found = gradsheet.check(
        written(d1=lambda s: (s["d2"] @ s["W2"]) * np.where(s["z1"] == 0, np.nan, s["z1"] > 0))
    )
    assert not found.right


# Other things than gradients


ROOMS = pytest.mark.parametrize("room", [manual, ref], ids=["manual", "ref"])
OPTIONS = {"loss": "half_squared_error"}


@ROOMS
def test_per_example_gradients(room):
    def fn(params, x, y):
        return room.per_example_gradients(params, x, y, ACTIVATIONS, **OPTIONS)

    found = gradsheet.check(fn, what="per_example_gradients")
    assert found.right, found
    assert found.rows[0].name == "L[n]"
    scaled = gradsheet.check(
        lambda params, x, y: jax.tree.map(lambda a: a / len(x), fn(params, x, y)),
        what="per_example_gradients",
    )
    assert not scaled.right
    assert "everywhere 0.25 times the truth" in str(scaled).replace("\n", " ") or "0.25" in str(
        scaled
    )


def test_a_mistake_in_per_example_gradients_is_named():
    def fn(params, x, y):
        rows = [
            written(d2=lambda s: s["d3"] @ s["W3"])(params, x[[n]], y[[n]]) for n in range(len(x))
        ]
        return [
            tuple(np.stack(arrays) for arrays in zip(*layers, strict=True))
            for layers in zip(*rows, strict=True)
        ]

    found = gradsheet.check(fn, what="per_example_gradients")
    assert found.mistakes == [("slope-missing",)], found


@ROOMS
@pytest.mark.parametrize("of", ["yhat", "z2"])
def test_jacobians(room, of):
    names = [
        f"{letter}{l}" for l in range(1, 4) for letter in "Wb" if l <= {"yhat": 3, "z2": 2}[of]
    ]

    def fn(params, x, y):
        options = {"of": of, "y": y}
        return {name: room.jacobian(params, x, ACTIVATIONS, by=name, **options) for name in names}

    fn = jax.jit(fn) if room is ref else fn
    found = gradsheet.check(fn, what="jacobian", of=of)
    assert found.right, found
    assert [row.name for row in found.rows][-1] == f"d{of}/db1"
    turned = gradsheet.check(
        lambda *data: {**fn(*data), "W1": -fn(*data)["W1"]}, what="jacobian", of=of
    )
    assert [row.name for row in turned.rows if not row.is_right] == [f"d{of}/dW1"]


@ROOMS
def test_products_with_the_hessian(room):
    for activations in (ACTIVATIONS, ("tanh", "softplus", "identity")):

        def fn(params, x, y, direction, activations=activations):
            return room.hvp(params, direction, x, y, activations, **OPTIONS)

        fn = jax.jit(fn) if room is ref else fn
        found = gradsheet.check(fn, activations=activations, what="hvp")
        assert found.right, found

    def gauss_newton(params, x, y, direction):
        """Without the terms in which a second derivative stands."""
        step = 1e-3
        moved = [
            tuple(p + step * d for p, d in zip(*pair, strict=True))
            for pair in zip(params, direction, strict=True)
        ]
        base = manual.value_and_grad(params, x, y, ACTIVATIONS, **OPTIONS)[1]
        return [
            tuple((b - a) / step for a, b in zip(*pair, strict=True))
            for pair in zip(
                base, manual.value_and_grad(moved, x, y, ACTIVATIONS, **OPTIONS)[1], strict=True
            )
        ]

    assert not gradsheet.check(gauss_newton, what="hvp").right


# Wide networks and data of one's own


def test_a_wide_network_is_judged_and_its_mistake_named_on_a_narrow_one():
    network = network_of((64, 128, 64, 10), None, "half_squared_error", "mean", 4, "units")
    widths = network.widths
    found = gradsheet.check(by_hand(network), widths)
    assert found.right, found
    assert {row.exact for row in found.rows} == {"yes"}
    found = gradsheet.check(written(d2=lambda s: s["d3"] @ s["W3"]), widths)
    assert found.mistakes == [("slope-missing",)]
    assert "named on a 4-5-3-2 network" in " ".join(str(found).split())


def test_data_of_ones_own():
    rng = np.random.default_rng(4)
    params = [(rng.normal(size=(5, 4)), rng.normal(size=5)), (rng.normal(size=(2, 5)), None)]
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
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


def test_data_at_a_kink():
    """The first example is 0 and there is no bias, so that every z of it is 0."""
    params = [(np.array([[1.0, 2], [3, -1], [2, 1]]), np.zeros(3)), (np.ones((1, 3)), np.zeros(1))]
    data = {"params": params, "x": np.array([[0.0, 0], [1, 2], [-1, 3]]), "y": np.ones((3, 1))}

    def taking(value, off=0.0):
        def fn(params, x, y):
            (W1, b1), (W2, b2) = params
            z = x @ W1.T + b1
            h = np.maximum(z, 0)
            d2 = (h @ W2.T + b2 - y) / len(x)
            d1 = (d2 @ W2) * np.where(z == 0, value, z > 0)
            return [(d1.T @ x, d1.sum(0) + off), (d2.T @ h, d2.sum(0))]

        return fn

    for value in (0.0, 0.5, 1.0):
        found = gradsheet.check(taking(value), **data)
        assert found.right, found
        assert value == 0 or found.kink.where.startswith(f"relu'(0) = {value:g}")
        assert gradsheet.check(taking(value), at_zero=value, **data).right
        assert not gradsheet.check(taking(value), at_zero=0.75, **data).right
    assert not gradsheet.check(taking(1.4), **data).right
    assert not gradsheet.check(taking(0.0, off=0.3), **data).right


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": (4,)}, "write (4, 5, 3, 2)"),
        ({"widths": (4, 0, 2)}, "widths is (4, 0, 2)"),
        ({"activations": ("relu",)}, "expected one name for each of the 3 layers"),
        (
            {"activations": ("relu", "rleu", "identity")},
            "activation 2 is 'rleu', expected one of identity",
        ),
        ({"loss": "mse"}, "loss is 'mse', expected one of half_squared_error"),
        ({"loss": "cross_entropy"}, "end with sigmoid or softmax"),
        ({"loss": "output"}, "needs a single output"),
        ({"reduction": "none"}, "expected one of mean, sum"),
        ({"batch": 0}, "batch is 0, expected a number of examples"),
        ({"biases": "none"}, "biases is 'none', expected 'units', 'shared', None"),
        ({"what": "hessian"}, "what is 'hessian', expected one of gradients"),
        ({"what": "jacobian", "of": "L"}, "of is 'L', expected a node of the network: z1, h1"),
        (
            {"dtype": "float8"},
            "dtype is 'float8', expected one of bfloat16, float16, float32, float64",
        ),
        (
            {"inputs_first": "yes"},
            "inputs_first is 'yes', expected True for W as (inputs, units), False, or None",
        ),
        ({"params": [(np.ones((2, 2)), None)]}, "x is None, expected all of params, x and y"),
        ({"params": [1, 2], "x": np.ones((2, 2))}, "params cannot be read as a list of (W, b)"),
        ({"widths": 4}, "widths is 4, expected whole numbers above 0"),
        ({"widths": "4532"}, "widths is '4532'"),
        ({"array": "torch"}, "array is 'torch', expected a function that makes fn's arrays"),
        ({"at_zero": "none"}, "at_zero is 'none', expected a number"),
        (
            {"fn": [1]},
            "fn is a list, expected a function of (params, x, y): pass it, do not call it",
        ),
        ({"widths": (True, True)}, "widths is (True, True)"),
        ({"activations": (None,) * 3}, "activation 1 is None, expected one of identity"),
        ({"activations": ("relu", (), "identity")}, "activation 2 is (), expected one of identity"),
        (
            {"activations": (("leaky_relu", "x"), "relu", "identity")},
            "activation 1 is ('leaky_relu', 'x')",
        ),
        ({"loss": ["mse"]}, "loss is ['mse'], expected one of"),
        ({"what": ["hvp"]}, "what is ['hvp'], expected one of"),
        ({"biases": True}, "biases is True, expected 'units'"),
        ({"biases": 5}, "biases is 5, expected 'units'"),
        (
            {
                "params": [(np.ones((2, 4)), None)],
                "x": np.full((1, 4), np.inf),
                "y": np.ones((1, 2)),
            },
            "x has an entry that is not finite",
        ),
    ],
)
def test_what_does_not_fit_is_said(options, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        gradsheet.check(**{"fn": RIGHT, **options})


# The report


def test_the_last_line_is_the_verdict():
    for fn, last in (
        (RIGHT, "right"),
        (faulty(_sets_to_zero), "wrong"),
        (faulty(_raises), "wrong"),
    ):
        assert repr(gradsheet.check(fn)).splitlines()[-1] == last


def test_the_report_fits_80_columns_and_acts_on_no_terminal():
    for fn in (
        RIGHT,
        written(d2=lambda s: s["d3"] @ s["W3"]),
        faulty(_raises),
        faulty(_sets_to_zero),
    ):
        text = str(gradsheet.check(fn))
        assert max(map(len, text.splitlines())) <= 80
    text = str(
        gradsheet.check(faulty(lambda *_: (_ for _ in ()).throw(ValueError("\x1b[31mred\n" * 100))))
    )
    assert "\x1b" not in text
    assert len(text) < 1_000


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


# Data of one's own, at a kink and beyond what floats can tell


def _own(activations: Any, widths: tuple[int, ...] = (4, 5, 4, 2), seed: int = 0) -> dict[str, Any]:
    """A blank example and biases that are 0, as they are at the start: a z of every layer is 0."""
    rng = np.random.default_rng(seed)
    params = [(rng.normal(size=(o, i)), np.zeros(o)) for i, o in itertools.pairwise(widths)]
    x = rng.normal(size=(6, widths[0]))
    x[2] = 0
    return {
        "params": params,
        "x": x,
        "y": rng.normal(size=(6, widths[-1])),
        "activations": activations,
    }


def _taking(slopes: Any, below: float = 0.0, per_example: bool = False) -> Any:
    """The pass with f'(0) as given, layer by layer."""

    def fn(params, x, y):
        zs, hs = [], [x]
        for l, (W, b) in enumerate(params):
            zs.append(hs[-1] @ W.T + b)
            hs.append(
                zs[-1] if l == len(params) - 1 else np.where(zs[-1] > 0, zs[-1], below * zs[-1])
            )
        delta, grads = (hs[-1] - y) / (1 if per_example else len(x)), []
        for l in range(len(params) - 1, -1, -1):
            if per_example:
                grads.append((delta[:, :, None] * hs[l][:, None, :], delta))
            else:
                grads.append((delta.T @ hs[l], delta.sum(0)))
            if l:
                slope = np.where(zs[l - 1] == 0, slopes[l - 1], np.where(zs[l - 1] > 0, 1.0, below))
                delta = (delta @ params[l][0]) * slope
        return grads[::-1]

    return fn


@pytest.mark.parametrize("slopes", [(0, 0), (1, 1), (1, 0), (0.25, 0.75)])
def test_own_data_at_a_kink_take_any_slope_between_in_every_layer(slopes):
    data = _own(("relu", "relu", "identity"))
    found = gradsheet.check(_taking(slopes), **data)
    assert found.right, found
    # Where the second layer takes 0, the first has no say: its z is 0 for the blank example alone.
    assert f"relu'(0) = {slopes[1]:g}" in found.kink.where
    assert not slopes[1] or f"relu'(0) = {slopes[0]:g}" in found.kink.where
    fn = _taking(slopes, per_example=True)
    assert gradsheet.check(fn, what="per_example_gradients", **data).right
    assert gradsheet.check(_taking(slopes), at_zero=0.4, **data).verdict == "wrong"
    if len(set(slopes)) == 1:
        assert gradsheet.check(_taking(slopes), at_zero=slopes[0], **data).right
    assert gradsheet.check(_taking((slopes[0], 1.5)), **data).verdict == "wrong", (
        "beyond both slopes"
    )


def test_own_data_at_the_kink_of_leaky_relu_take_its_own_slope():
    """The slope on the left is what everybody takes there, and no 0 is asked for; at_zero is about relu."""
    data = _own((("leaky_relu", 0.01), ("leaky_relu", 0.01), "identity"))
    for slopes in ((0.01, 0.01), (1.0, 0.01), (0.5, 1.0)):
        for options in ({}, {"at_zero": 0.0}):
            found = gradsheet.check(_taking(slopes, below=0.01), **options, **data)
            assert found.right, found
    assert gradsheet.check(_taking((0.0, 0.01), below=0.01), **data).verdict == "wrong"


def test_the_kink_is_looked_at_in_wide_networks_too():
    def fn(params, x, y):
        return manual.value_and_grad(params, x, y, ("relu", "identity"))

    found = gradsheet.check(fn, (64, 64, 10))
    assert found.kink.where == "relu'(0) = 0"
    assert gradsheet.check(fn, (64, 64, 10), at_zero=0.0).right
    assert not gradsheet.check(fn, (64, 64, 10), at_zero=1.0).right


def test_the_direction_of_a_hessian_is_another_than_the_parameters():
    data, activations = _own(("tanh", "identity"), (4, 5, 2)), ("tanh", "identity")
    right = gradsheet.check(
        lambda p, x, y, d: manual.hvp(p, d, x, y, activations), what="hvp", **data
    )
    assert right.right, right
    ignoring = gradsheet.check(
        lambda p, x, y, d: manual.hvp(p, p, x, y, activations), what="hvp", **data
    )
    assert ignoring.verdict == "wrong"


def test_numbers_beyond_all_floats_are_not_called_right():
    data = _own(("relu", "identity"), (4, 5, 2))
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


def test_saturated_cross_entropies_are_judged():
    """Nothing is divided by what rounds to 0 where loss and activation are taken together."""
    rng = np.random.default_rng(0)
    for last, loss, y in (
        ("sigmoid", "binary_cross_entropy", rng.integers(0, 2, (16, 2)) * 1.0),
        ("softmax", "cross_entropy", np.eye(2)[rng.integers(2, size=16)]),
    ):
        params = [
            (rng.normal(size=(5, 4)), np.zeros(5)),
            (30 * rng.normal(size=(2, 5)), rng.normal(size=2)),
        ]
        x, activations = rng.normal(size=(16, 4)), ("tanh", last)

        def fn(params, x, y, activations=activations, loss=loss):
            return manual.value_and_grad(params, x, y, activations, loss=loss)

        data = {"params": params, "x": x, "y": y, "activations": activations, "loss": loss}
        found = gradsheet.check(fn, **data)
        assert found.right, found
        too_large = gradsheet.check(
            lambda *data, fn=fn: [(1.01 * W, b) for W, b in fn(*data)[1]], **data
        )
        assert not too_large.right


def test_what_only_some_examples_show_is_not_put_on_the_batch():
    """Example 40 of 64 is clipped: no word on how examples are put together."""
    rng = np.random.default_rng(0)
    params = [(rng.normal(size=(5, 4)), np.zeros(5)), (rng.normal(size=(2, 5)), rng.normal(size=2))]
    x, y = 0.3 * rng.normal(size=(64, 4)), 0.3 * rng.normal(size=(64, 2))
    x[40] *= 100

    def clipping(params, x, y):
        cache = manual.forward(params, x, ("relu", "identity"))
        d_yhat = np.clip(cache.h[-1] - y, -5, 5) / len(x)
        return manual.backward(params, cache, d_yhat, ("relu", "identity")).params

    found = gradsheet.check(clipping, params=params, x=x, y=y)
    assert found.verdict == "wrong"
    assert not found.remarks


def test_noise_is_not_called_weight_decay():
    data = _own(("relu", "relu", "identity"))
    rng = np.random.default_rng(3)

    def noisy(params, x, y):
        grads = manual.value_and_grad(params, x, y, ("relu", "relu", "identity"))[1]
        return [(W + 3e-14 * abs(W).max() * rng.normal(size=W.shape), b) for W, b in grads]

    for _ in range(5):
        assert not gradsheet.check(noisy, **data).relations


def test_a_mistake_on_a_narrow_network_is_named_only_where_the_same_arrays_are_wrong():
    def fn(params, x, y):
        (dW1, db1), (dW2, db2) = manual.value_and_grad(params, x, y, ("relu", "identity"))[1]
        if len(dW1) > 32:
            dW1[32:] = 0
            return [(dW1, db1), (dW2, db2)]
        return [(dW1, db1), (dW2, db2 * len(x))]

    found = gradsheet.check(fn, (64, 64, 10))
    assert found.relations == {"dL/dW1": "32 of 64 rows are left 0"}
    assert not found.mistakes
    assert "mistake  dL/dW1: 32 of 64 rows are left 0" in str(found)


def test_whole_numbers_leave_no_room_in_float32_either():
    """Weight decay of 1e-4 is less than the worst that floats may do, and more than they likely do here."""

    def decaying(params, x, y):
        first, (dW2, db2) = manual.value_and_grad(params, x, y, ("relu", "identity"))[1]
        return [first, (dW2 + np.float32(1e-4) * params[1][0], db2)]

    found = gradsheet.check(decaying, (64, 64, 2), dtype="float32")
    assert [(row.name, row.exact) for row in found.rows if row.exact != "yes"] == [
        ("dL/dW2", "untold")
    ]
