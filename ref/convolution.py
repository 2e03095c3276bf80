"""A convolution of one image, and vmap for the others.

Weights meet pixels as `manual.convolution` says it: the kernel is not mirrored,
what the stride leaves over at the end is in no window, groups are convolutions
side by side.
"""

from typing import Any

import jax

from ref.shapes import fit
from ref.windows import Windows, convolved


def conv1d(
    x: jax.Array,
    w: jax.Array,
    b: jax.Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> jax.Array:
    """The convolution of signals x (N, C, L) with w (O, C / groups, k), b (O,) or
    None; out (N, O, L').

    ValueError where shapes or settings do not fit.

        >>> conv1d(jnp.array([[[1., 2, 4, 8]]]), jnp.array([[[1., -1]]]))
        Array([[[-1., -2., -4.]]], dtype=float32)
    """
    fit("x (N, C, L), w (O, I, k), b (O)", x=x, w=w, b=b)
    over, groups = convolved(x.shape, w.shape, stride, padding, dilation, groups)
    return _convolution(x, w, b, over, groups)


def conv2d(
    x: jax.Array,
    w: jax.Array,
    b: jax.Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> jax.Array:
    """The convolution of images x (N, C, H, W) with w (O, C / groups, kh, kw), b
    (O,) or None; out (N, O, H', W').

    Settings are a number, or a pair for height and width. ValueError where shapes
    or settings do not fit.

        >>> image = jnp.arange(9.).reshape(1, 1, 3, 3)
        >>> conv2d(image, jnp.array([[[[1., 0], [0, -1]]]]))
        Array([[[[-4., -4.],
                 [-4., -4.]]]], dtype=float32)
    """
    fit("x (N, C, H, W), w (O, I, kh, kw), b (O)", x=x, w=w, b=b)
    over, groups = convolved(x.shape, w.shape, stride, padding, dilation, groups)
    return _convolution(x, w, b, over, groups)


def _convolution(
    x: jax.Array, w: jax.Array, b: jax.Array | None, over: Windows, groups: int
) -> jax.Array:
    def one(image: jax.Array) -> jax.Array:
        out = jax.lax.conv_general_dilated(
            image[None],  # a batch of one, (1, C, H, W)
            w,
            window_strides=over.stride,
            padding=[(pad, pad) for pad in over.padding],
            rhs_dilation=over.dilation,
            feature_group_count=groups,
        )[0]  # (O, H', W')
        return out if b is None else out + b.reshape(-1, *[1] * len(over.counts))

    return jax.vmap(one)(x)
