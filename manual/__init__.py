"""Backpropagation of a multilayer perceptron written by hand, in NumPy only."""

from manual.door import Layer
from manual.jacobians import jacobian, jacobians
from manual.mlp import (
    Cache,
    Gradients,
    backward,
    forward,
    gradients,
    value_and_grad,
)

__all__ = [
    "Cache",
    "Gradients",
    "Layer",
    "backward",
    "forward",
    "gradients",
    "jacobian",
    "jacobians",
    "value_and_grad",
]
