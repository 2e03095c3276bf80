"""`conv2d` of `manual.convolution`, planned: three products an image and few passes.

With the pixels that the weight (c, p, q) meets in a row of their own, for all places
(i, j) of the output, an image is a matrix, and so is the kernel:

    out = w columns + b        columns_(cpq)(ij) = x_crs                   (1)

where (r, s) is the pixel that (1) of `manual.convolution` says. A row of ones below
the columns makes b a column of w. On the way back

    dL/dw = sum_n dL/dout columns^T    dL/dcolumns = w^T dL/dout           (2)
    dL/dx_crs = sum of dL/dcolumns_(cpq)(ij) over all that met (r, s)      (3)

The columns are one copy, of a view with two more axes. (3) is one, too, the other way:
every (p, q) has an image of its own, with zeros where it met nothing, and these are
added up, since NumPy takes long to add short stretches of memory, and not to copy them.
Columns are made anew on the way back: to keep those of all images takes longer.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from manual.activations import Array
from manual.fast.arrays import floats, taken
from manual.windows import convolved


class Conv2d:
    """`conv2d` of images x (N, C, H, W) with w (O, C / groups, kh, kw) into buffers
    made once.

        conv = Conv2d(x.shape, w.shape, padding=1, dtype=x.dtype)
        out = conv.forward(x, w, b)
        d_x, d_w, d_b = conv.backward(dout)

    `forward` overwrites the last out, `backward` the last gradients; it reads x
    again. The settings are those of `conv2d`. ValueError where they do not fit, and
    for other shapes than those that it was made for; TypeError for other numbers
    than float32 and float64.
    """

    def __init__(
        self,
        shape: tuple[int, int, int, int],
        kernel: tuple[int, int, int, int],
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: Any = 1,
        dtype: Any = float,
    ):
        kind, (N, C, H, W), (O, I, kh, kw) = floats(dtype), shape, kernel
        over, G = convolved(shape, kernel, stride, padding, dilation, groups)
        (top, left), K, pixels = over.padding, I * kh * kw, over.counts[0] * over.counts[1]
        self._out, self._d_x = np.empty((N, O, *over.counts), kind), np.empty(shape, kind)
        self._out_g = self._out.reshape(N, G, O // G, pixels)
        self._d_w, self._d_b = np.empty(kernel, kind), np.empty(O, kind)
        self._w_b = np.empty((G, O // G, K + 1), kind)  # (w b)
        self._d_w_b, self._part = np.empty((2, G, K + 1, O // G), kind)  # transposed
        self._columns = np.ones((G, K + 1, pixels), kind)  # (columns 1)
        self._d_columns = np.empty((G, K, pixels), kind)
        image, self._d_image = np.zeros((2, C, H + 2 * top, W + 2 * left), kind)
        self._d_images = np.zeros((kh, kw, *image.shape), kind)  # one for every (p, q)
        inside = np.s_[:, top : top + H, left : left + W]
        self._inside, self._d_inside = image[inside], self._d_image[inside]

        def met(of_weights: tuple[int, ...]) -> Any:
            """Shape and strides of what the weights of one or more images meet."""
            channel, row, pixel = image.strides
            weights = (
                of + gap * one
                for of, gap, one in zip(of_weights, over.dilation, (row, pixel), strict=True)
            )
            steps = over.stride[0] * row, over.stride[1] * pixel
            strides = (I * channel, channel, *weights, *steps)
            return (G, I, kh, kw, *over.counts), strides

        self._met = as_strided(image, *met((0, 0)))
        self._d_met = as_strided(self._d_images, *met(self._d_images.strides[:2]))
        self._columns_met = self._columns[:, :K].reshape(self._met.shape)
        self._d_columns_met = self._d_columns.reshape(self._met.shape)

    def forward(self, x: Any, w: Any, b: Any = None) -> Array:
        """The convolution (N, O, H', W') of x (N, C, H, W), w (O, C / groups, kh, kw) and b
        (O,) or None."""
        self._x, self._has_b = taken("x", x, self._d_x), b is not None
        G, outs, _ = self._w_b.shape
        self._w_b[:, :, :-1] = taken("w", w, self._d_w).reshape(G, outs, -1)
        self._w_b[:, :, -1] = taken("b", b, self._d_b).reshape(G, outs) if self._has_b else 0
        for x_n, out_n in zip(self._x, self._out_g, strict=True):
            self._make_columns(x_n)
            np.matmul(self._w_b, self._columns, out_n)  # (1): (O, K+1) @ (K+1, H'W') -> (O, H'W')
        return self._out

    def _make_columns(self, x: Array) -> None:
        """The columns of an image (C, H, W)."""
        np.copyto(self._inside, x)
        np.copyto(self._columns_met, self._met)

    def backward(self, dout: Any) -> tuple[Array, Array, Array | None]:
        """The gradients by x, w and b, of their shapes; None by a b that is None."""
        dout = taken("dout", dout, self._out).reshape(self._out_g.shape)
        w_T, d_images = self._w_b[:, :, :-1].swapaxes(1, 2), self._d_images
        d_images = d_images.reshape(-1, *self._d_image.shape)
        self._d_w_b.fill(0)
        for x_n, dout_n, d_x_n in zip(self._x, dout, self._d_x, strict=True):
            self._make_columns(x_n)
            # (2), the long side first: (K+1, H'W') @ (H'W', O) -> (K+1, O)
            np.matmul(self._columns, dout_n.swapaxes(1, 2), self._part)
            np.add(self._d_w_b, self._part, self._d_w_b)
            np.matmul(w_T, dout_n, self._d_columns)  # (2): (K, O) @ (O, H'W') -> (K, H'W')
            np.copyto(self._d_met, self._d_columns_met)
            np.add.reduce(d_images, 0, None, self._d_image)  # (3)
            np.copyto(d_x_n, self._d_inside)
        d_w_b = self._d_w_b.swapaxes(1, 2)  # (G, O/G, K+1)
        self._d_w.reshape(d_w_b[:, :, :-1].shape)[:] = d_w_b[:, :, :-1]
        self._d_b.reshape(d_w_b.shape[:2])[:] = d_w_b[:, :, -1]
        return self._d_x, self._d_w, self._d_b if self._has_b else None
