"""Both homeworks item by item, in both rooms, with the printed numbers in the margin."""

import itertools
from fractions import Fraction

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manual
import ref


def exact(values) -> np.ndarray:
    return np.vectorize(Fraction, otypes=[object])(values)


PARAMS = (
    manual.Layer(exact([[0, 1], [1, 1], [1, 0]]), exact([-2, -1, 1])),
    manual.Layer(exact([[0, 1, 2], [1, 1, 1], [2, -1, -1]]), exact([1, 1, 1])),
    manual.Layer(exact([[-1, 1, -2]])),
)
X, Y, ACTIVATIONS = exact([[2, 1]]), exact([[1.5]]), ("relu", "identity", "identity")


def rooms():
    """The homework's forward pass, loss and gradients: by hand on Fractions, by JAX in float64."""
    floats = [
        manual.Layer(W.astype(float), None if b is None else b.astype(float)) for W, b in PARAMS
    ]
    for room, params, x, y in (
        (manual, PARAMS, X, Y),
        (ref, floats, X.astype(float), Y.astype(float)),
    ):

        def both(params, x, y, room=room):
            return room.forward(params, x, ACTIVATIONS), *room.gradients(params, x, y, ACTIVATIONS)

        yield (jax.jit(both) if room is ref else both)(params, x, y)


def test_the_numbers_of_17_april_2024():
    for cache, L, grads in rooms():
        assert cache.z[0].tolist() == [[-1, 2, 3]]  # printed -1, 2, 3
        assert cache.h[1].tolist() == [[0, 2, 3]]  # printed 0, 2, 3
        assert cache.z[1].tolist() == [[9, 6, -4]]  # printed 9, 6, -4
        assert cache.h[3].tolist() == [[5]]  # printed 5
        assert float(L) == Fraction(49, 8)  # printed 6.125
        d_W1, d_W2, d_W3 = (layer.W for layer in grads.params)
        assert d_W3[0, 1] == 21  # printed 42
        assert d_W2[1, 1] == 7  # printed 28, and its own last line gives 14
        assert d_W1[1, 0] == 14  # printed 14, and its own last line gives 28


# The symbols: relu / identity / identity without biases, dL/dh3 = delta. Right items first, each
# as printed.
WIDTHS = (4, 3, 2, 1)
RIGHT = {
    "1": ("L", "W3", lambda n: [[n.h2[0] * n.delta, ...]]),
    "2": ("L", "W3", lambda n: [[..., n.h2[1] * n.delta]]),
    "3": ("L", "W3", lambda n: [[n.h2[0] * n.delta, n.h2[1] * n.delta]]),
    "4": ("L", "h2", lambda n: [n.W3[0, 0] * n.delta, ...]),
    "5": ("L", "h2", lambda n: [n.W3[0, 0] * n.delta, n.W3[0, 1] * n.delta]),
    "7": ("h2_1", "W2", lambda n: [list(n.h1), [...] * 3]),
    "11": (
        "L",
        "W2",
        lambda n: [[n.delta * n.W3[0, i] * n.h1[j] for j in range(3)] for i in range(2)],
    ),
    "12": ("h2_1", "h1", lambda n: list(n.W2[0])),
    "14, 15": (
        "L",
        "h1",
        lambda n: [sum(n.delta * n.W3[0, i] * n.W2[i, j] for i in range(2)) for j in range(3)],
    ),
}
WRONG = {
    "8": ("h2_1", "W2", lambda n: [[...] * 3, list(n.h1)]),
    "9": ("h2_1", "W2", lambda n: [list(n.h1), list(n.h1)]),
    "10": (
        "L",
        "W2",
        lambda n: [
            [n.delta * n.W3[0, j] * n.h1[j] if j < 2 else 0 for j in range(3)] for _ in range(2)
        ],
    ),
    "13": ("h2", "h1", lambda n: [list(n.W2[0]), list(n.W2[0])]),
    "16": ("L", "W1", lambda n: [[sum(n.back)] * 4] * 3),
    "17": ("L", "W1", lambda n: [[sum(n.back) * x for x in n.x]] * 3),
}


in_jax = jax.jit(ref.jacobian, static_argnames=("activations", "of", "by", "loss"))


class Numbers:
    """One network of the homework with whole numbers in it, on which floats are exact."""

    def __init__(self, values):
        it = iter(values)
        self.W1, self.W2, self.W3 = (
            np.array([[next(it) for _ in range(i)] for _ in range(u)], float)
            for i, u in itertools.pairwise(WIDTHS)
        )
        self.x = np.array([next(it) for _ in range(4)], float)
        self.delta = float(next(it))
        self.z1 = self.W1 @ self.x
        self.h1 = self.z1 * (self.z1 > 0)
        self.h2 = self.W2 @ self.h1
        self.back = [
            sum(self.delta * self.W3[0, m] * self.W2[m, k] for m in range(2)) for k in range(3)
        ]

    def truths(self, of: str, by: str):
        """The Jacobian in both rooms. L is delta h3, so that dL/dh3 = delta."""
        params = [manual.Layer(W) for W in (self.W1, self.W2, self.W3, np.array([[self.delta]]))]
        activations = ("relu", "identity", "identity", "identity")
        for jacobian in (manual.jacobian, in_jax):
            node = {"L": "L", "h2": "h2", "h2_1": "h2"}[of]
            found = np.asarray(
                jacobian(
                    params, self.x[None, :], activations=activations, of=node, by=by, loss="output"
                )
            )
            found = found if of == "L" else found[0]  # the only example
            found = found.take(0, axis=int(of != "L")) if by[0] == "h" else found
            yield found[0] if of == "h2_1" else found


def agrees(claimed, truth) -> bool:
    """Entry for entry, but for those that the item does not speak of (...)."""
    flat = [c for row in claimed for c in (row if isinstance(row, list) else [row])]
    return all(c is ... or c == t for c, t in zip(flat, np.ravel(truth), strict=True))


networks = st.lists(st.integers(-3, 3).filter(bool), min_size=25, max_size=25).map(Numbers)


@pytest.mark.parametrize("item", RIGHT)
def test_the_right_items_hold_on_random_networks(item):
    of, by, claimed = RIGHT[item]
    rng = np.random.default_rng(7)
    for _ in range(2):
        numbers = Numbers(rng.choice([-3, -2, -1, 1, 2, 3], 25))
        for truth in numbers.truths(of, by):
            assert agrees(claimed(numbers), truth)


@pytest.mark.parametrize("item", WRONG)
def test_the_wrong_items_fail_on_some(item):
    of, by, claimed = WRONG[item]
    rng = np.random.default_rng(7)
    drawn = [Numbers(rng.choice([-3, -2, -1, 1, 2, 3], 25)) for _ in range(8)]
    for k in range(2):
        assert not all(agrees(claimed(n), list(n.truths(of, by))[k]) for n in drawn)


@given(networks)
def test_item_16_as_it_should_read(numbers):
    """dL/dW1_ij = (sum_m delta W3_1m W2_mi) relu'(z1_i) x_j"""
    truth = next(numbers.truths("L", "W1"))
    claimed = [
        [numbers.back[i] * (numbers.z1[i] > 0) * numbers.x[j] for j in range(4)] for i in range(3)
    ]
    assert agrees(claimed, truth)


def test_item_6_fixes_the_derivative_at_0():
    assert manual.activations.d_relu(np.array([-1.0, 0.0, 1.0])).tolist() == [0, 0, 1]
