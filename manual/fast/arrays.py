"""What a planned pass takes: floats of one type, arrays of the shapes that it was
made for."""

from typing import Any

import numpy as np

from manual.activations import Array


def floats(dtype: Any) -> np.dtype[Any]:
    """float32 or float64, as NumPy's own object; TypeError for all others."""
    kind: np.dtype[Any] = np.dtype(dtype)
    if kind not in (np.float32, np.float64):
        raise TypeError(
            f"dtype is {kind}, expected float32 or float64: exact numbers are for the readable pass"
        )
    return kind


def taken(name: str, array: Any, like: Array) -> Array:
    """The array itself where it has the shape and the type of numbers of `like`,
    and converted where it has another type; ValueError where its shape is
    another.

        >>> taken("x", np.ones((2, 3)), np.empty((2, 4)))
        Traceback (most recent call last):
        ValueError: x has the shape (2, 3), expected (2, 4), for which the buffers were made
    """
    converted: Array = np.asarray(array, like.dtype)
    if converted.shape != like.shape:
        raise ValueError(
            f"{name} has the shape {converted.shape}, expected {like.shape}, for which the "
            "buffers were made"
        )
    return converted
