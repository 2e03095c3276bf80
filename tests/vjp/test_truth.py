"""What is right at a probe."""

import numpy as np

import gradsheet


def test_a_gradient_that_is_zero_leaves_what_is_of_second_order() -> None:
    """At the ends of a parabola a nudge of h gives h, and not 0."""
    x = np.array([0.0, 1.0, -1.0])
    assert gradsheet.check_vjp(
        lambda x: (x**2 - 1) ** 2, x, backward=lambda args, g: 4 * g * args[0] * (args[0] ** 2 - 1)
    )
