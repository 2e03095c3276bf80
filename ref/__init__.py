"""The reference: the same multilayer perceptron in JAX. One example is written; vmap and grad do the rest."""

from ref.mlp import (
    Cache,
    Gradients,
    Layer,
    forward,
    gradients,
    jacobian,
    jacobians,
    value_and_grad,
)

__all__ = [
    "Cache",
    "Gradients",
    "Layer",
    "forward",
    "gradients",
    "jacobian",
    "jacobians",
    "value_and_grad",
]
