"""The reference: the same multilayer perceptron in JAX. One example is written; vmap and grad do the rest."""

from ref.door import Layer
from ref.hessian import hvp
from ref.jacobians import jacobian, per_example_gradients, stacked_jacobian
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
    "hvp",
    "jacobian",
    "per_example_gradients",
    "stacked_jacobian",
    "value_and_grad",
]
