"""Other things that a function is asked for: gradients of every example,
Jacobians, the Hessian times a direction.
"""

import jax
import numpy as np
import pytest

import gradsheet
import manual
import ref
from tests.functions import (
    DEFAULT,
    with_a_blank_example,
    written,
)
from tests.rounds import every

ACTIVATIONS = DEFAULT.activations

ROOMS = pytest.mark.parametrize("room", [manual, ref], ids=["manual", "ref"])

OPTIONS = {"loss": "half_squared_error"}
SMALL = {"widths": (2, 3, 2, 1), "batch": 2}


@ROOMS
def test_per_example_gradients(room):
    def fn(params, x, y):
        return room.per_example_gradients(params, x, y, ACTIVATIONS, **OPTIONS)

    fn = jax.jit(fn) if room is ref else fn
    found = gradsheet.check(fn, what="per_example_gradients", **SMALL)
    assert found.right, found
    assert found.rows[0].name == "L[n]"


def test_gradients_of_examples_divided_by_their_number_are_wrong():
    def fn(params, x, y):
        found = manual.per_example_gradients(params, x, y, ACTIVATIONS, **OPTIONS)
        return jax.tree.map(lambda a: a / len(x), found)

    scaled = gradsheet.check(fn, what="per_example_gradients", **SMALL)
    assert not scaled.right
    assert "everywhere 1/2 = 0.5 times the truth" in str(scaled)


def test_a_mistake_in_per_example_gradients_is_named():
    def fn(params, x, y):
        rows = [
            written(d2=lambda s: s["d3"] @ s["W3"])(params, x[[n]], y[[n]]) for n in range(len(x))
        ]
        return [
            tuple(np.stack(arrays) for arrays in zip(*layers, strict=True))
            for layers in zip(*rows, strict=True)
        ]

    found = gradsheet.check(fn, what="per_example_gradients", **SMALL)
    assert found.mistakes == [("slope-missing",)], found


def jacobians(room, of):
    """A function that gives the Jacobians of a node by all parameters before it."""
    names = [
        f"{letter}{l}" for l in range(1, 4) for letter in "Wb" if l <= {"yhat": 3, "z2": 2}[of]
    ]

    def fn(params, x, y):
        options = {"of": of, "y": y}
        return {name: room.jacobian(params, x, ACTIVATIONS, by=name, **options) for name in names}

    return jax.jit(fn) if room is ref else fn


@ROOMS
@pytest.mark.parametrize("of", every(2, ["z2", "yhat"]))
def test_jacobians(room, of):
    found = gradsheet.check(jacobians(room, of), what="jacobian", of=of, **SMALL)
    assert found.right, found
    assert [row.name for row in found.rows][-1] == f"d{of}/db1"


@pytest.mark.parametrize("of", every(2, ["z2", "yhat"]))
def test_a_jacobian_of_the_other_sign_is_wrong(of):
    fn = jacobians(manual, of)
    turned = gradsheet.check(
        lambda *data: {**fn(*data), "W1": -fn(*data)["W1"]}, what="jacobian", of=of, **SMALL
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


def test_a_hessian_without_second_derivatives_is_wrong():
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


def test_the_direction_of_a_hessian_is_another_than_the_parameters():
    data, activations = with_a_blank_example(("tanh", "identity"), (4, 5, 2)), ("tanh", "identity")
    right = gradsheet.check(
        lambda p, x, y, d: manual.hvp(p, d, x, y, activations), what="hvp", **data
    )
    assert right.right, right
    ignoring = gradsheet.check(
        lambda p, x, y, d: manual.hvp(p, p, x, y, activations), what="hvp", **data
    )
    assert ignoring.verdict == "wrong"
