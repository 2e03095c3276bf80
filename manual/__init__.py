"""Backpropagation of a multilayer perceptron written by hand, in NumPy only."""

from manual.hessian import hvp
from manual.jacobians import jacobian, jacobians, per_example_gradients, per_example_norms
from manual.layers import Layer
from manual.mlp import Cache, Gradients, backward, forward, gradients, value_and_grad
from manual.plan import Plan

__all__ = [
    "Cache",
    "Gradients",
    "Layer",
    "Plan",
    "backward",
    "forward",
    "gradients",
    "hvp",
    "jacobian",
    "jacobians",
    "per_example_gradients",
    "per_example_norms",
    "value_and_grad",
]
