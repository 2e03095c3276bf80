"""Functions of single numbers, arrays without axes."""

import jax.numpy as jnp
import numpy as np
import pytest

import gradsheet


@pytest.mark.parametrize("x", [np.array(2.0), 2.0, np.float32(2), jnp.float32(2)])
def test_a_function_of_a_number(x):
    def square(x):
        return x * x

    assert gradsheet.check_vjp(square, x, backward=lambda args, d: 2 * args[0] * d).right
    check = gradsheet.check_vjp(square, x, backward=lambda args, d: args[0] * d)
    assert check.mistakes[0] == "x: everywhere 1/2 = 0.5 times the truth"
