"""Arrays of numbers that are objects."""

from typing import Any

import numpy as np

from manual.activations import Array


def as_array(value: Any) -> Array:
    """An array as it is, and a number as one of no axes: NumPy hands out the
    bare object otherwise."""
    if isinstance(value, np.ndarray):
        return value
    array = np.empty((), object)
    array[()] = value
    return array
