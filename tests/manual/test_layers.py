"""Gradients come back in the containers that the parameters came in, so that
what people write over trees works."""

import functools
import re
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from typing import Any, NamedTuple

import chex
import jax
import numpy as np
import optax
import pytest

import gradsheet
import manual
import ref

W1, b1 = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]), np.array([1.0, -1.0, 1.0])
W2, b2 = np.array([[1.0, 1.0, -2.0]]), np.array([0.5])
X, Y, ACTIVATIONS = (
    np.array([[2.0, 1.0], [-1.0, 3.0]]),
    np.array([[1.5], [-1.0]]),
    ("relu", "identity"),
)
RIGHT = manual.value_and_grad([manual.Layer(W1, b1), manual.Layer(W2, b2)], X, Y, ACTIVATIONS)


class Pair(NamedTuple):
    b: Any  # the other way round
    W: Any


class Named(NamedTuple):
    weight: Any
    bias: Any


@jax.tree_util.register_dataclass
@dataclass
class Dense:
    W: Any
    b: Any


Network = namedtuple("Network", ["hidden", "out"])

TREES: dict[str, Any] = {
    "list of tuples": [(W1, b1), (W2, b2)],
    "tuple of lists": ([W1, b1], [W2, b2]),
    "dicts": [{"W": W1, "b": b1}, {"b": b2, "W": W2}],
    "ordered dicts": (OrderedDict(b=b1, W=W1), OrderedDict(W=W2, b=b2)),
    "layers": (manual.Layer(W1, b1), manual.Layer(W2, b2)),
    "layers of the other room": [ref.Layer(W1, b1), ref.Layer(W2, b2)],
    "named tuples, b first": [Pair(b1, W1), Pair(b2, W2)],
    "named tuples of other names": [Named(W1, b1), Named(W2, b2)],
    "named tuple of dicts": Network({"W": W1, "b": b1}, {"W": W2, "b": b2}),
    "dataclasses": [Dense(W1, b1), Dense(W2, b2)],
    "default dicts": [defaultdict(list, {"W": W1, "b": b1}), defaultdict(list, {"W": W2, "b": b2})],
    "mixed": [(W1, b1), {"W": W2, "b": b2}],
}
# Of these each sort once, where a program is compiled or a check is made for every one.
OF_EVERY_SORT = ("named tuple of dicts", "named tuples, b first", "dataclasses", "layers", "mixed")
OTHERS = [kind for kind in TREES if kind not in OF_EVERY_SORT[:3]]


def arrays(tree: Any) -> list[Any]:
    return sorted((np.asarray(leaf).tolist() for leaf in jax.tree.leaves(tree)), key=str)


@pytest.mark.parametrize(
    ("kind", "room"),
    [(kind, manual) for kind in TREES]
    + [(kind, ref) for kind in OF_EVERY_SORT[:3]]
    + [pytest.param(kind, ref, marks=pytest.mark.exhaustive) for kind in OTHERS],
)
def test_the_gradient_is_the_same_pytree(kind: str, room: Any) -> None:
    params = TREES[kind]

    def of_all(params: Any) -> Any:
        return (
            room.value_and_grad(params, X, Y, ACTIVATIONS),
            room.gradients(params, X, Y, ACTIVATIONS)[1].params,
            room.hvp(params, params, X, Y, ACTIVATIONS),
            room.per_example_gradients(params, X, Y, ACTIVATIONS)[1],
        )

    (L, grads), *named, each = (jax.jit(of_all) if room is ref else of_all)(params)
    assert float(L) == RIGHT[0]
    assert jax.tree.structure(grads) == jax.tree.structure(params)
    assert arrays(grads) == arrays(RIGHT[1])
    stepped = jax.tree.map(lambda p, d: p - 0.5 * np.asarray(d), params, grads)
    assert jax.tree.structure(stepped) == jax.tree.structure(params)
    for other in named:
        assert jax.tree.structure(other) == jax.tree.structure(params)
    assert jax.tree.structure(each) == jax.tree.structure(params)
    assert arrays(jax.tree.map(lambda a: np.asarray(a).mean(0), each)) == arrays(grads)


@pytest.mark.parametrize("room", [manual, ref])
def test_a_layer_without_bias_has_no_gradient_by_one(room: Any) -> None:
    for params in (
        [(W1,), (W2,)],
        [(W1, None), (W2, None)],
        [{"W": W1}, {"W": W2, "b": None}],
        [[W1], [W2, None]],
    ):
        value_and_grad = functools.partial(room.value_and_grad, activations=ACTIVATIONS)
        if room is ref:  # of which no number is asked
            value_and_grad = functools.partial(jax.eval_shape, value_and_grad)
        _, grads = value_and_grad(params, X, Y)
        assert jax.tree.structure(grads) == jax.tree.structure(params)
        chex.assert_trees_all_equal_shapes(grads, params)


@pytest.mark.parametrize(
    ("room", "kind"),
    [(ref, "dicts"), (manual, "named tuples, b first")],
)
def test_optax_trains_with_it(kind: str, room: Any) -> None:
    params = jax.tree.map(lambda a: a.astype(np.float32), TREES[kind])
    optimiser = optax.adam(0.05)
    value_and_grad = functools.partial(room.value_and_grad, activations=ACTIVATIONS)
    value_and_grad = jax.jit(value_and_grad) if room is ref else value_and_grad
    state, step = optimiser.init(params), jax.jit(optimiser.update)
    apply = jax.jit(optax.apply_updates)
    losses = []
    for _ in range(60):
        L, grads = value_and_grad(jax.tree.map(np.asarray, params), X.astype(np.float32), Y)
        with jax.numpy_dtype_promotion("standard"):  # of optax's own numbers
            updates, state = step(grads, state, params)
            params = apply(params, updates)
        losses.append(float(L))
    assert losses[-1] < losses[0] / 100


def test_plans_and_checks_take_the_same_containers() -> None:
    for params in TREES.values():
        L, grads = manual.Plan(params, 2, ACTIVATIONS).value_and_grad(X, Y)
        assert (L, arrays(grads)) == (RIGHT[0], arrays(RIGHT[1]))
        packed = ref.Plan(params, ACTIVATIONS).pack(params)
        assert packed.tolist() == [*W1.flat, *b1, *W2.flat, *b2]
    for params in map(TREES.get, OF_EVERY_SORT):
        found = gradsheet.check(
            lambda params, x, y: manual.value_and_grad(params, x, y, ACTIVATIONS),
            params=params,
            x=X,
            y=Y,
        )
        assert found.right, found


@pytest.mark.parametrize("room", [manual, ref])
@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"W1": W1, "b1": b1},
            'params has the keys W1, b1, expected a list, one entry a layer: write [{"W": W1',
        ),
        (
            [{"kernel": W1, "bias": b1}],
            "layer 1 of params has the keys kernel, bias, expected W and b: W is (units, inputs)",
        ),
        ([W1, W2], "layer 1 of params is a ndarray, expected (W, b), or (W, None) for no bias"),
        ([(W1, b1), (W2, b2, 0)], "layer 2 of params is 3 entries, expected (W, b)"),
        (W1, "params is a ndarray, expected a list of (W, b), one a layer"),
        (
            (layer for layer in [(W1, b1)]),
            "params is a generator, expected a list of (W, b), one a layer",
        ),
        (deque([(W1, b1), (W2, b2)]), "params is a deque, expected a list of (W, b), one a layer"),
        (None, "params is a NoneType, expected a list of (W, b), one a layer"),
    ],
)
def test_what_is_no_list_of_layers_is_told_what_to_write(
    room: Any, params: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        room.value_and_grad(params, X, Y, ACTIVATIONS)


class ReLU:
    def __call__(self, z: Any) -> Any:
        return z


@pytest.mark.parametrize("room", [manual, ref])
@pytest.mark.parametrize(
    ("activations", "message"),
    [
        (
            (jax.nn.relu, "identity"),
            "activation 1 is the function relu, expected one of identity, relu, {more}: write "
            '"relu"',
        ),
        (
            ("relu", np.tanh),
            "activation 2 is the function tanh, expected one of identity, relu, {more}: write "
            '"tanh"',
        ),
        (
            (ReLU(), "identity"),
            "activation 1 is the function ReLU, expected one of identity, relu, {more}: write "
            '"relu"',
        ),
        (
            (lambda z: z, "identity"),
            "activation 1 is the function <lambda>, expected one of identity, relu, {more}: a "
            "name says whose",
        ),
        ((None, "identity"), "activation 1 is None, expected one of identity"),
        (
            (("leaky_relu", 0.1, 0.2), "identity"),
            "activation 1 is ('leaky_relu', 0.1, 0.2), expected one of identity",
        ),
        (
            ((jax.nn.leaky_relu, 0.1), "identity"),
            "activation 1 is the function leaky_relu, expected one of identity",
        ),
        ((5, "identity"), "activation 1 is 5, expected one of identity"),
        (
            ("relu",),
            "activations is ('relu',), expected one name for each of the 2 layers: write ('relu', "
            "'identity')",
        ),
        ("relu", "activations is 'relu', expected one name for each of the 2 layers"),
        (None, "activations is None, expected one name for each of the 2 layers"),
        (
            jax.nn.relu,
            "expected one name for each of the 2 layers: write ('relu', 'identity'), for example",
        ),
    ],
)
def test_an_activation_is_a_name(room: Any, activations: Any, message: str) -> None:
    known = "leaky_relu, sigmoid, tanh, softplus, silu, softmax or ('leaky_relu', slope)"
    with pytest.raises((TypeError, ValueError), match=re.escape(message.replace("{more}", known))):
        room.value_and_grad(TREES["layers"], X, Y, activations)
