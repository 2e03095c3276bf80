"""The reference: the same multilayer perceptron in JAX. One example is written; vmap and grad do the rest."""

from ref.door import Layer
from ref.jacobians import jacobian, stacked_jacobian
from ref.mlp import (
    Cache,
    Gradients,
    forward,
    gradients,
    value_and_grad,
)

__all__ = [
    "Cache",
    "Gradients",
    "Layer",
    "forward",
    "gradients",
    "jacobian",
    "stacked_jacobian",
    "value_and_grad",
]
