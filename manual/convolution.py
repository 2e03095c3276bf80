"""A convolution: the same small kernel of weights at every place of an image.

Output pixel (i, j) lies over a window of the image. The weight at (p, q) in the
kernel meets the pixel in row r and column s,

    r = i stride_h + p dilation_h - padding_h
    s = j stride_w + q dilation_w - padding_w                              (1)

and the pixels that it meets are added up, each times its weight:

    out_noij = sum_(c, p, q) x_ncrs w_ocpq + b_o                           (2)

x (N, C, H, W), w (O, C / groups, kh, kw), b (O,) or None, out (N, O, H', W'),

    H' = floor((H + 2 padding_h - dilation_h (kh - 1) - 1) / stride_h) + 1 (3)

and W' likewise. Pixels beyond the border are 0. Groups are convolutions side by
side: the channels of image and output are dealt out in order, and c goes over
those of the group that o is in. As in nearly all of deep learning the kernel is
not mirrored, so (2) is what others call a cross-correlation.

Read (2) weight by weight: w_ocpq stands in all outputs of channel o, with the
pixel that it meets for a factor, and pixel (r, s) in all those (i, j) for which
some (p, q) leads to it by (1), with that weight for a factor. So

    dL/dx_ncrs = sum_(o, p, q, i, j: (1)) dL/dout_noij w_ocpq              (4)
    dL/dw_ocpq = sum_(n, i, j) dL/dout_noij x_ncrs                         (5)
    dL/db_o    = sum_(n, i, j) dL/dout_noij                                (6)

The code goes over the places (p, q) in the kernel and at each over everything
else at once, one matrix product: the pixels met there are every stride-th one
of the padded image, from p dilation on.

Conventions: pixels that no window holds, those that the stride leaves over at
the end, have the gradient 0. An image of one pixel, a batch of one and a kernel
of one weight are nothing special. Of an empty batch out is empty, and the
gradients by w and b are 0. Without pixels, channels or weights there is no
convolution, and ValueError is raised.

conv1d is all this for images one pixel high.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from manual.activations import Array, number
from manual.door import fit_dout
from manual.shapes import fit
from manual.windows import Windows, convolved

Cache = tuple[Array, Array, Array | None, Windows, int]
Gradients = tuple[Array, Array, Array | None]


def conv1d_forward(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> tuple[Array, Cache]:
    """The convolution of signals x (N, C, L) with w (O, C / groups, k), b (O,) or
    None, and what the way back needs; out (N, O, L').

    ValueError where shapes or settings do not fit.

        >>> out, cache = conv1d_forward(np.array([[[1, 2, 4, 8]]]), np.array([[[1, -1]]]))
        >>> out
        array([[[-1, -2, -4]]])
    """
    fit("x (N, C, L), w (O, I, k), b (O)", x=x, w=w, b=b)
    convolved(x.shape, w.shape, stride, padding, dilation, groups)
    out, cache = conv2d_forward(
        x[:, :, None],  # (N, C, L) -> (N, C, 1, L)
        w[:, :, None],  # (O, C/G, k) -> (O, C/G, 1, k)
        b,
        stride=(1, stride),
        padding=(0, padding),
        dilation=(1, dilation),
        groups=groups,
    )
    return out[:, :, 0], cache  # (N, O, 1, L') -> (N, O, L')


def conv1d_backward(dout: Array, cache: Cache) -> Gradients:
    """The gradients by x, w and b, of their shapes; None by a b that is None."""
    padded, w, _, over, _ = cache
    fit_dout(dout, (len(padded), len(w), over.counts[1]))
    # In the forward pass this was a convolution of images one pixel high, so now
    d_x, d_w, d_b = conv2d_backward(dout[:, :, None], cache)
    return d_x[:, :, 0], d_w[:, :, 0], d_b


def conv2d_forward(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> tuple[Array, Cache]:
    """The convolution of images x (N, C, H, W) with w (O, C / groups, kh, kw), b
    (O,) or None, and what the way back needs; out (N, O, H', W').

    Settings are a number, or a pair for height and width. ValueError where shapes
    or settings do not fit.

        >>> image, kernel = np.arange(9).reshape(1, 1, 3, 3), np.array([[[[1, 0], [0, -1]]]])
        >>> conv2d_forward(image, kernel)[0]
        array([[[[-4, -4],
                 [-4, -4]]]])
    """
    fit("x (N, C, H, W), w (O, I, kh, kw), b (O)", x=x, w=w, b=b)
    over, groups = convolved(x.shape, w.shape, stride, padding, dilation, groups)
    padded, kernel = framed(x, over), _by_group(w, groups)  # (N, C, H+, W+), (G, O/G, C/G, kh, kw)
    out = np.full((len(x), groups, kernel.shape[1], 1), number(x, 0), x.dtype)
    for p, q, met in offsets(over):
        pixels = _pixels(padded[met], groups)  # (1): (N, G, C/G, H'W')
        # (2): (G, O/G, C/G) @ (N, G, C/G, H'W') -> (N, G, O/G, H'W')
        out = out + kernel[..., p, q] @ pixels
    out = out.reshape(len(x), len(w), *over.counts)  # (N, O, H', W')
    out = out if b is None else out + b[:, None, None]  # (2)
    return out, (padded, w, b, over, groups)


def conv2d_backward(dout: Array, cache: Cache) -> Gradients:
    """The gradients by x, w and b, of their shapes; None by a b that is None."""
    padded, w, b, over, groups = cache
    fit_dout(dout, (len(padded), len(w), *over.counts))
    kernel = _by_group(w, groups)  # (G, O/G, C/G, kh, kw)
    delta = _pixels(dout, groups)  # (N, G, O/G, H'W')
    d_padded = np.full(padded.shape, number(padded, 0), padded.dtype)
    d_kernel = np.full(kernel.shape, number(kernel, 0), kernel.dtype)
    for p, q, met in offsets(over):
        pixels = _pixels(padded[met], groups)  # (1): (N, G, C/G, H'W')
        # In the forward pass this was out += kernel @ pixels, so now
        d_pixels = np.swapaxes(kernel[..., p, q], -1, -2) @ delta  # (4): (N, G, C/G, H'W')
        d_padded[met] += d_pixels.reshape(padded[met].shape)  # (4): (N, C, H', W')
        d_kernel[..., p, q] = (delta @ np.swapaxes(pixels, -1, -2)).sum(0)  # (5): (G, O/G, C/G)
    d_b = None if b is None else np.asarray(dout.sum((0, 2, 3)))  # (6): (N, O, H', W') -> (O,)
    return unframed(d_padded, over), d_kernel.reshape(w.shape), d_b


def offsets(over: Windows) -> Iterator[tuple[int, int, Any]]:
    """Every place (p, q) in a window, and where in the padded images the pixels
    stand that it meets: an index of (N, C, H+, W+) that gives (N, C, H', W')."""
    for p, q in np.ndindex(*over.size):
        rows, columns = (
            slice(k * gap, k * gap + step * count, step)
            for k, gap, step, count in zip(
                (p, q), over.dilation, over.stride, over.counts, strict=True
            )
        )
        yield p, q, (..., rows, columns)


def framed(x: Array, over: Windows) -> Array:
    """The images with a frame of zeros around them, (N, C, H, W) -> (N, C, H+, W+)."""
    frame = [(0, 0), (0, 0), *((pad, pad) for pad in over.padding)]
    return np.pad(x, frame, constant_values=number(x, 0))


def unframed(padded: Array, over: Windows) -> Array:
    """What stands inside the frame, (N, C, H+, W+) -> (N, C, H, W)."""
    top, left = over.padding
    return padded[:, :, top : padded.shape[2] - top, left : padded.shape[3] - left]


def _by_group(w: Array, groups: int) -> Array:
    """w with its output channels group by group, (O, C/G, ...) -> (G, O/G, C/G, ...)."""
    return w.reshape(groups, len(w) // groups, *w.shape[1:])


def _pixels(images: Array, groups: int) -> Array:
    """Images as rows of pixels, group by group, (N, K, H', W') -> (N, G, K/G, H'W')."""
    n, channels, height, width = images.shape
    return images.reshape(n, groups, channels // groups, height * width)
