"""What a function should not do: change what it is given, raise, exit,
remember, throw dice.
"""

import re

import numpy as np
import pytest

import gradsheet
import manual
from gradsheet.checking.prepared import prepared
from tests import functions
from tests.functions import DEFAULT, RIGHT, faulty

ACTIVATIONS = DEFAULT.activations


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
        (_raises, r"it raises ZeroDivisionError: no such thing \(test_subject.py:\d+\)"),
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


def test_labels_in_place_of_one_hot_rows():
    """A function that takes W as (inputs, units), too: what it raises there is
    what helps."""

    def of_labels(params, x, y):
        ((W, b),) = params
        p = np.exp(x @ W + b)
        p /= p.sum(1, keepdims=True)
        p[np.arange(len(x)), y] -= 1
        return [(x.T @ p / len(x), p.mean(0))]

    network = {"widths": (4, 3), "activations": ("softmax",), "loss": "cross_entropy"}
    first, second = gradsheet.check(of_labels, **network).faults
    assert first.startswith("it raises ValueError: matmul")
    assert second.startswith("with W as (inputs, units): it raises IndexError: arrays used as")
    assert second.endswith("; y has a row an example, no labels: write y.argmax(1)")
    assert gradsheet.check(lambda p, x, y: of_labels(p, x, y.argmax(1)), **network)
