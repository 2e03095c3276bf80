"""The three networks, from the loss to the first weight: by hand and by JAX, one
step and a hundred.

On whole numbers the convolutional network is exact, so that every entry is
asked for by `==`; of the others one step is off by no more than rounding may
do, and after a hundred steps the losses are still the same to a multiple of it.
"""

import functools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import manual
import ref
from gradsheet.numbers.ball import Ball
from manual.convnet import Convnet
from manual.language_model import LanguageModel
from manual.transformer import Block, Transformer
from tests.family import OF_JAX, with_mistake

STEPS, RATE = 100, 0.1

Params = Any


class Network(NamedTuple):
    """A network with its parameters and what it learns from."""

    name: str
    params: Params
    data: tuple[Any, ...]
    settings: dict[str, Any]


def leaves(params: Params) -> Iterator[np.ndarray]:
    """Every array of parameters."""
    for part in params:
        if isinstance(part, tuple):
            yield from leaves(part)
        else:
            yield part


def made(params: Params, change: Callable[[Any], Any]) -> Params:
    """The parameters with something else in the place of every array."""
    parts = (made(p, change) if isinstance(p, tuple) else change(p) for p in params)
    return type(params)(*parts) if hasattr(params, "_fields") else tuple(parts)


def networks() -> Iterator[Network]:
    rng = np.random.default_rng(3)

    def small(*shape: int) -> np.ndarray:
        return rng.uniform(-0.5, 0.5, shape)

    images, labels = rng.uniform(-1, 1, (4, 2, 8, 4)), np.array([0, 2, 1, 2])
    shapes = [(3, 2, 3, 3), (3,), (2, 3, 3, 3), (2,), (5, 2 * 2 * 1), (5,), (3, 5), (3,)]
    params = Convnet(*(small(*s) for s in shapes))
    # So that some windows are dead, too.
    params = params._replace(b1=params.b1 - 0.5, b2=params.b2 - 0.5)
    yield Network("convnet", params, (images, labels), {})
    tokens = rng.integers(0, 5, (3, 6))
    shapes = [(5, 3), (8, 3), (8, 2), (8,), (5, 2), (5,)]
    yield Network("language_model", LanguageModel(*(small(*s) for s in shapes)), (tokens,), {})
    D, F = 4, 6
    of_block = [(D,), (D,), (3 * D, D), (3 * D,), (D, D), (D,)]
    of_block += [(D,), (D,), (F, D), (F,), (D, F), (D,)]
    blocks = tuple(Block(*(small(*s) for s in of_block)) for _ in range(2))
    params = Transformer(small(5, D), small(7, D), blocks, small(D), small(D))
    yield Network("transformer", params, (tokens,), {"heads": 2})


NETWORKS = [*networks()]


def by_hand(room: ModuleType, network: Network, params: Params) -> tuple[Any, list[Any]]:
    value_and_grad = getattr(room, f"{network.name}_value_and_grad")
    loss, gradients = value_and_grad(params, *network.data, **network.settings)
    return loss, [*leaves(gradients)]


@functools.cache
def in_jax(name: str) -> Callable[[Params], tuple[Any, Params]]:
    """The loss of a network and its gradient, compiled once."""
    network = next(network for network in NETWORKS if network.name == name)
    loss = getattr(ref, f"{network.name}_loss")

    def of(params: Params) -> Any:
        return loss(params, *map(jnp.asarray, network.data), **network.settings)

    return jax.jit(jax.value_and_grad(of))


@functools.cache
def known(name: str) -> tuple[list[Any], list[Any]]:
    """The loss and every gradient by JAX, and how far they may be apart from those
    by hand: both have rounded."""
    network = next(network for network in NETWORKS if network.name == name)
    entries = np.frompyfunc(Ball.of, 1, 1)
    data = tuple(entries(d) if d.dtype == float else d for d in network.data)
    loss, gradients = by_hand(manual, network._replace(data=data), made(network.params, entries))
    errors = [
        (1 + OF_JAX) * np.array([ball.error for ball in np.asarray(array, object).flat])
        for array in (loss, *gradients)
    ]
    loss, gradients = in_jax(network.name)(network.params)
    return [loss, *leaves(gradients)], errors


def off(network: Network, passed: tuple[Any, list[Any]]) -> float:
    """How far the loss and every gradient are off JAX's, against what rounding may do."""
    found = 0.0
    theirs, bounds = known(network.name)
    for mine, other, bound in zip([passed[0], *passed[1]], theirs, bounds, strict=True):
        assert np.shape(mine) == np.shape(other)
        apart, exact = abs(np.ravel(mine) - np.ravel(other)), bound == 0
        if apart[exact].any():
            return np.inf
        with np.errstate(over="ignore"):  # far beyond a bound
            found = max(found, float((apart[~exact] / bound[~exact]).max(initial=0)))
    return found


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_a_step_is_that_of_jax_but_for_rounding(network: Network) -> None:
    assert off(network, by_hand(manual, network, network.params)) <= 1


def test_whole_numbers_give_the_same_in_every_entry() -> None:
    rng = np.random.default_rng(5)
    network = NETWORKS[0]
    params = made(network.params, lambda a: rng.integers(-2, 3, a.shape).astype(float))
    x = rng.integers(-2, 3, network.data[0].shape).astype(float)
    scores, cache = manual.convnet_forward(params, x)
    seed = rng.integers(-3, 4, scores.shape).astype(float)

    @jax.jit
    def both(params: Params) -> Any:
        theirs, pull_back = jax.vjp(lambda p: ref.convnet_scores(p, jnp.asarray(x)), params)
        return theirs, *pull_back(jnp.asarray(seed))

    theirs, gradients = both(params)
    assert np.array_equal(scores, theirs)
    for name, mine, other in zip(
        params._fields, manual.convnet_backward(seed, cache), gradients, strict=True
    ):
        assert np.any(mine != 0), name
        assert np.array_equal(mine, other), name


def trained(network: Network) -> tuple[list[float], list[float]]:
    """The losses by hand of a hundred steps of gradient descent, and how far those
    in JAX are apart from them."""
    mine = theirs = network.params
    losses, apart = [], []
    for _ in range(STEPS):
        loss, gradients = by_hand(manual, network, mine)
        other, slopes = in_jax(network.name)(theirs)
        theirs = jax.tree.map(lambda p, g: p - RATE * np.asarray(g), theirs, slopes)
        each = iter(gradients)
        mine = made(mine, lambda array: array - RATE * next(each))  # noqa: B023
        apart.append(abs(float(loss) - float(other)))
        losses.append(float(loss))
    return losses, apart


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_a_hundred_steps_by_hand_are_those_of_jax(network: Network) -> None:
    losses, apart = trained(network)
    assert losses[-1] < 0.9 * losses[0]
    assert apart[0] <= float(known(network.name)[1][0][0])


# (file, what stands there, what somebody writes)
PLANTED = [
    ("convnet", "relu_backward(d_h3, relu3)", "d_h3"),
    ("convnet", "relu_backward(d_h2, relu2)", "d_h2"),
    ("convnet", "max_pool2d_backward(d_p1, pool1)", "max_pool2d_backward(0 * d_p1, pool1)"),
    ("convnet", "s, dense4 = affine_forward(h3, W4, b4)", "s, dense4 = affine_forward(z3, W4, b4)"),
    ("convnet", "p1, w2, b2, padding", "p1, w2, 0 * b2, padding"),
    ("language_model", "lstm_backward(d_h, lstm)", "lstm_backward(d_h[:, ::-1], lstm)"),
    ("language_model", "embedding_backward(d_x, rows)", "embedding_backward(d_x[:1], rows)"),
    ("language_model", "scores, tokens[:, 1:])", "scores, tokens[:, :-1])"),
    ("language_model", "affine_forward(h, W, b)", "affine_forward(h, W, 0 * b)"),
    ("language_model", "(loss**0, criterion)", "(2 * loss**0, criterion)"),
    ("transformer", "d_x = dout + d_x  #", "d_x = d_x  #"),
    ("transformer", "d_x + d_n1  #", "d_n1  #"),
    ("transformer", "d_E + d_E_of_scores", "d_E"),
    ("transformer", "tuple(blocks[::-1])", "tuple(blocks)"),
    ("transformer", "x = x + P[: tokens.shape[1]]", "x = x + 2 * P[: tokens.shape[1]]"),
    ("transformer", "gelu_backward(d_h, gelu)", "d_h"),
]


def is_caught(room: ModuleType, network: Network) -> bool:
    """Whether a step in a room with a mistake is not that of JAX."""
    try:
        mine = by_hand(room, network, network.params)
    except (ValueError, IndexError):
        return True
    return off(network, mine) > 1


@pytest.mark.parametrize(("file", "old", "new"), PLANTED)
def test_a_mistake_is_caught(file: str, old: str, new: str) -> None:
    network = next(network for network in NETWORKS if network.name == file)
    assert is_caught(with_mistake(file, old, new), network)
