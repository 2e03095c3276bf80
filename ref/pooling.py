"""Pooling of one channel of one image, and vmap for the others.

Windows, ties, borders and NaN are as `manual.pooling` says it.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ref.shapes import fit
from ref.windows import Windows, pooled, spread


def max_pool2d(x: jax.Array, *, size: Any, stride: Any = None, padding: Any = 0) -> jax.Array:
    """The largest pixel of every window of x (N, C, H, W); out (N, C, H', W').

    Settings are a number, or a pair for height and width; a stride of None is the
    size. ValueError where shapes or settings do not fit.

        >>> max_pool2d(jnp.array([[[[1, 5, 2, 2], [3, 4, 2, 0]]]]), size=2)
        Array([[[[5, 2]]]], dtype=int32)
    """
    fit("x (N, C, H, W)", x=x)
    over = pooled(x.shape, size, stride, padding)
    rows, columns = _inside(x.shape[2], over, 0), _inside(x.shape[3], over, 1)

    def one(image: jax.Array) -> jax.Array:
        pixels = image[rows[:, None, :, None], columns[None, :, None]]  # (H', W', kh, kw)
        each = pixels.reshape(*over.counts, math.prod(over.size))
        # One of them is picked, and gets the whole gradient; `max` would share it at a tie.
        return jnp.take_along_axis(each, each.argmax(-1)[..., None], -1)[..., 0]

    return _of_channels(one, x)


def _inside(length: int, over: Windows, axis: int) -> np.ndarray[Any, Any]:
    """The pixels along an axis that every window holds, (windows, pixels).

    Beyond the border it is the nearest one in the image, which the window holds,
    too, since the padding is at most half of it: no maximum changes.
    """
    begins = np.arange(over.counts[axis]) * over.stride[axis] - over.padding[axis]
    return np.asarray(np.clip(begins[:, None] + np.arange(over.size[axis]), 0, length - 1))


def avg_pool2d(x: jax.Array, *, size: Any, stride: Any = None, padding: Any = 0) -> jax.Array:
    """The average of every window of x (N, C, H, W), zeros beyond the border
    counted; out (N, C, H', W').

    Settings are a number, or a pair for height and width; a stride of None is the
    size. ValueError where shapes or settings do not fit.

        >>> avg_pool2d(jnp.array([[[[1., 5, 2, 2], [3, 7, 4, 0]]]]), size=2)
        Array([[[[4., 2.]]]], dtype=float32)
    """
    fit("x (N, C, H, W)", x=x)
    over = pooled(x.shape, size, stride, padding)
    frame = [(pad, pad) for pad in over.padding]

    def one(image: jax.Array) -> jax.Array:
        zero = image.dtype.type(0)
        sums: jax.Array = jax.lax.reduce_window(
            image, zero, jax.lax.add, over.size, over.stride, frame
        )
        return sums / math.prod(over.size)

    return _of_channels(one, x)


def adaptive_avg_pool2d(x: jax.Array, *, size: Any) -> jax.Array:
    """The averages of h times w windows over all of x (N, C, H, W); out (N, C, h, w).

    `size` is (h, w), or a number for both: 1 is global pooling. ValueError where
    it is neither, or where x has no pixels.

        >>> adaptive_avg_pool2d(jnp.array([[[[1., 5, 3], [3, 7, 1]]]]), size=2)
        Array([[[[3., 4.],
                 [5., 4.]]]], dtype=float32)
    """
    fit("x (N, C, H, W)", x=x)
    h, w = spread(x.shape, size)
    rows, columns = _holds(h, x.shape[2]), _holds(w, x.shape[3])  # (h, H), (w, W)

    def one(image: jax.Array) -> jax.Array:
        def average(row: jax.Array, column: jax.Array) -> jax.Array:
            inside = row[:, None] & column[None]  # (H, W)
            return jnp.where(inside, image, 0).sum() / inside.sum().astype(image.dtype)

        along = jax.vmap(jax.vmap(average, (None, 0)), (0, None))
        return along(jnp.asarray(rows), jnp.asarray(columns))  # (h, w)

    return _of_channels(one, x)


def _holds(windows: int, length: int) -> np.ndarray[Any, Any]:
    """Whether a window holds a pixel, (windows, length)."""
    i, r = np.arange(windows)[:, None], np.arange(length)
    return (i * length // windows <= r) & (r < -(-(i + 1) * length // windows))


def _of_channels(one: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """A pooling of one channel, (H, W) -> (H', W'), of all of x (N, C, H, W)."""
    return jax.vmap(jax.vmap(one))(x)
