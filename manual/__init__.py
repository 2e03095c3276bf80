"""Backpropagation of a multilayer perceptron written by hand, in NumPy only."""

from manual.door import Layer
from manual.hessian import hvp
from manual.jacobians import jacobian, jacobians, per_example_gradients
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
    "hvp",
    "jacobian",
    "jacobians",
    "per_example_gradients",
    "value_and_grad",
]
