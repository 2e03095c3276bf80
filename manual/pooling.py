"""Pooling: of every window of an image one number, channel by channel.

x (N, C, H, W), out (N, C, H', W'). Window (i, j) holds the pixels in the rows
i stride_h - padding_h + p and the columns j stride_w - padding_w + q with p < kh
and q < kw; H' and W' are as in a convolution.

**The largest.** With (r, s) the place of the largest pixel of window (i, j),

    out_ncij = x_ncrs                                                      (1)

so a pixel counts in all windows that it is the largest of, and

    dL/dx_ncrs = sum of dL/dout_ncij over the (i, j) with largest (r, s)   (2)

At a tie the first of the largest, row by row, is taken for (r, s) and gets all.
Where several are equal there is no derivative, and this is what a pooling does
that remembers one place. Pixels beyond the border are never the largest, not
even of a window full of -infinity. A window with a NaN in it gives NaN, whose
gradient goes to the first NaN.

The code has no pixels beyond the border: in their place stands the nearest one
of the image. Since the padding is at most half a window, that one is in the
window too, so it changes no maximum; and the order of the pixels remains.

**The average.** Pixels beyond the border are 0 and count (as others have it, the
padding is included):

    out_ncij = 1 / (kh kw) sum_(p, q) x_ncrs                               (3)
    dL/dx_ncrs = 1 / (kh kw) sum of dL/dout_ncij over the (i, j)
                 whose windows hold (r, s)                                 (4)

**The average of a given number of windows.** To h of H rows the windows are

    rows floor(i H / h) to ceil((i + 1) H / h) - 1                         (5)

as in PyTorch, and to w of W columns likewise: all of equal size where h divides
H, else some of them one longer, and they overlap. With h > H pixels are in
several windows, and h = 1 is the average of everything: global pooling.

    out_ncij = 1 / (rows_i columns_j) sum over window (i, j) of x_ncrs     (6)

Row r is in window i where floor(i H / h) <= r and r + 1 <= ceil((i + 1) H / h).
For whole numbers that is i H / h < r + 1 and r < (i + 1) H / h, so i lies in

    windows floor(r h / H) to ceil((r + 1) h / H) - 1                      (7)

which is (5) with H and h exchanged. So the way back adds up over the windows
from h to H as the way there does from H to h:

    dL/dx_ncrs = sum over the windows (7) of dL/dout_ncij / (rows_i columns_j)
                                                                           (8)

Conventions: what a stride leaves over at the end has the gradient 0. Of an
empty batch out is empty. Without pixels there is no window, and ValueError is
raised.
"""

import math
from typing import Any

import numpy as np

from manual.activations import Array, number
from manual.convolution import framed, offsets, unframed
from manual.door import fit_dout
from manual.shapes import fit
from manual.windows import Windows, pooled, spread

Shape = tuple[int, ...]
Places = tuple[Array, Array, Shape]


def max_pool2d_forward(
    x: Array, *, size: Any, stride: Any = None, padding: Any = 0
) -> tuple[Array, Places]:
    """The largest pixel of every window of x (N, C, H, W), and where it stands;
    out (N, C, H', W').

    Settings are a number, or a pair for height and width; a stride of None is the
    size. ValueError where shapes or settings do not fit.

        >>> out, cache = max_pool2d_forward(np.array([[[[1, 5, 2, 2], [3, 4, 2, 0]]]]), size=2)
        >>> out
        array([[[[5, 2]]]])
    """
    fit("x (N, C, H, W)", x=x)
    over = pooled(x.shape, size, stride, padding)
    rows, columns = _inside(x.shape[2], over, 0), _inside(x.shape[3], over, 1)  # (H', kh), (W', kw)
    pixels = x[:, :, rows[:, None, :, None], columns[:, None, :]]  # (N, C, H', W', kh, kw)
    each = pixels.reshape(*pixels.shape[:4], math.prod(over.size))  # (N, C, H', W', kh kw)
    first = each.argmax(-1)  # (N, C, H', W')
    out = np.take_along_axis(each, first[..., None], -1)[..., 0]  # (1)
    p, q = np.divmod(first, over.size[1])
    r = rows[np.arange(len(rows))[:, None], p]  # (N, C, H', W')
    s = columns[np.arange(len(columns)), q]
    return out, (r, s, x.shape)


def max_pool2d_backward(dout: Array, cache: Places) -> Array:
    """The gradient by x, of its shape."""
    r, s, shape = cache
    fit_dout(dout, r.shape)
    n, c = np.arange(shape[0])[:, None, None, None], np.arange(shape[1])[:, None, None]
    d_x = np.full(shape, number(dout, 0), dout.dtype)
    # In the forward pass this was out = x[n, c, r, s], so now
    np.add.at(d_x, (n, c, r, s), dout)  # (2): (N, C, H', W') -> (N, C, H, W)
    return d_x


def _inside(length: int, over: Windows, axis: int) -> Array:
    """The pixels along an axis that every window holds, or next to them the
    nearest in the image, (windows, pixels)."""
    begins = np.arange(over.counts[axis]) * over.stride[axis] - over.padding[axis]
    return np.asarray(np.clip(begins[:, None] + np.arange(over.size[axis]), 0, length - 1))


def avg_pool2d_forward(
    x: Array, *, size: Any, stride: Any = None, padding: Any = 0
) -> tuple[Array, tuple[Windows, Shape]]:
    """The average of every window of x (N, C, H, W), zeros beyond the border
    counted, and what the way back needs; out (N, C, H', W').

    Settings are a number, or a pair for height and width; a stride of None is the
    size. ValueError where shapes or settings do not fit.

        >>> out, cache = avg_pool2d_forward(np.array([[[[1, 5, 2, 2], [3, 7, 4, 0]]]]), size=2)
        >>> out
        array([[[[4., 2.]]]])
    """
    fit("x (N, C, H, W)", x=x)
    over = pooled(x.shape, size, stride, padding)
    padded = framed(x, over)  # (N, C, H+, W+)
    out = np.full((*x.shape[:2], *over.counts), number(x, 0), x.dtype)
    for _, _, met in offsets(over):
        out += padded[met]  # (3): (N, C, H', W')
    return out / number(x, math.prod(over.size)), (over, padded.shape)


def avg_pool2d_backward(dout: Array, cache: tuple[Windows, Shape]) -> Array:
    """The gradient by x, of its shape."""
    over, shape = cache
    fit_dout(dout, (*shape[:2], *over.counts))
    d_padded = np.full(shape, number(dout, 0), dout.dtype)
    each = dout / number(dout, math.prod(over.size))  # (4): (N, C, H', W')
    for _, _, met in offsets(over):
        # In the forward pass this was out += pixels, so now
        d_padded[met] += each  # (4): (N, C, H', W')
    return unframed(d_padded, over)


def adaptive_avg_pool2d_forward(x: Array, *, size: Any) -> tuple[Array, tuple[Shape, Array]]:
    """The averages of h times w windows over all of x (N, C, H, W), and what the
    way back needs; out (N, C, h, w).

    `size` is (h, w), or a number for both: 1 is global pooling. ValueError where
    it is neither, or where x has no pixels.

        >>> out, cache = adaptive_avg_pool2d_forward(np.array([[[[1, 5, 3], [3, 7, 1]]]]), size=2)
        >>> out
        array([[[[3., 4.],
                 [5., 4.]]]])
    """
    fit("x (N, C, H, W)", x=x)
    h, w = spread(x.shape, size)
    rows, columns = (np.subtract(*_bounds(k, m)) for k, m in zip((h, w), x.shape[2:], strict=True))
    pixels = (rows[:, None] * columns).astype(x.dtype)  # (h, w)
    out = _sums(_sums(x, 2, h), 3, w) / pixels  # (6): (N, C, H, W) -> (N, C, h, W) -> (N, C, h, w)
    return out, (x.shape, pixels)


def adaptive_avg_pool2d_backward(dout: Array, cache: tuple[Shape, Array]) -> Array:
    """The gradient by x, of its shape."""
    (N, C, height, width), pixels = cache
    fit_dout(dout, (N, C, *pixels.shape))
    # In the forward pass this was out = sums from H to h and from W to w / pixels, so now
    return _sums(_sums(dout / pixels, 2, height), 3, width)  # (8): (N, C, h, w) -> (N, C, H, W)


def _bounds(windows: int, length: int) -> tuple[Array, Array]:
    """Where every window ends, the pixel behind it, and where it begins."""
    i = np.arange(windows)
    return -(-(i + 1) * length // windows), i * length // windows  # (5)


def _sums(a: Array, axis: int, windows: int) -> Array:
    """The sums over so many windows along an axis, of which each is added up by itself."""
    ends, begins = _bounds(windows, a.shape[axis])  # (5) on the way there, (7) on the way back
    cuts = np.stack([begins, ends], 1).ravel()
    longer = np.concatenate([a, a.take([0], axis)], axis)  # an end may be behind the last pixel
    added = np.add.reduceat(longer, cuts, axis)
    return added.take(np.arange(0, len(cuts), 2), axis)  # from begin to end, not from end to begin
