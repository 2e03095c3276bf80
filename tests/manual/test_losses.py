"""The losses at the ends of their domains, and their gradients."""

import math

import numpy as np

from manual.losses import (
    binary_cross_entropy,
    cross_entropy,
    d_binary_cross_entropy,
    d_cross_entropy,
)


def test_an_output_whose_target_is_0_costs_nothing_in_the_cross_entropy() -> None:
    y, yhat = np.zeros((1, 3)), np.array([[0.0, 0.25, 1.0]])
    assert cross_entropy(y, yhat).tolist() == [[0, 0, 0]]
    assert d_cross_entropy(y, yhat).tolist() == [[0, 0, 0]]
    assert cross_entropy(1 - y, yhat).tolist() == [[math.inf, 2 * math.log(2), 0]]
    assert d_cross_entropy(1 - y, yhat).tolist() == [[-math.inf, -4, -1]]


def test_the_binary_cross_entropy_is_that_of_both_outcomes() -> None:
    y, yhat = np.array([[0.0, 1.0, 0.5, 0.25]]), np.array([[0.25, 0.25, 0.5, 0.5]])
    log_3 = math.log(3)
    found = binary_cross_entropy(y, yhat)[0] - [
        2 * math.log(2) - log_3,
        2 * math.log(2),
        math.log(2),
        math.log(2),
    ]
    assert abs(found).max() < 1e-15
    assert d_binary_cross_entropy(y, yhat).tolist() == [[1 / 0.75, -4, 0, 1]]
