"""Windows that slide over images, and groups of channels: their settings axis by
axis, how many windows there are, and what is said of settings that do not fit."""

import operator
from typing import Any, NamedTuple

Axes = tuple[int, ...]


class Windows(NamedTuple):
    """Windows over the axes of an image, every setting one number an axis.

    Window i begins at pixel i stride - padding and holds `size` pixels, each
    `dilation` behind the one before; of them there are `counts`.
    """

    size: Axes
    stride: Axes
    padding: Axes
    dilation: Axes
    counts: Axes


def whole(name: str, value: Any, least: int) -> int:
    """A setting as the int that it is, `least` or more.

    ValueError where it is anything else.

        >>> whole("groups", 2, 1)
        2
    """
    if not _is_whole(value, least):
        raise ValueError(f"{name} is {value!r}, expected a whole number, {least} or more")
    return operator.index(value)


def along(axes: str, name: str, value: Any, least: int) -> Axes:
    """A setting for every axis: one for each, or a single one for all.

    `axes` has the letters of the axes. ValueError where a number is not whole or
    less than `least`.

        >>> along("HW", "stride", 2, 1), along("HW", "stride", (2, 3), 1)
        ((2, 2), (2, 3))
    """
    if len(axes) == 1:
        return (whole(name, value, least),)
    each = tuple(value) if isinstance(value, tuple | list) else (value,) * len(axes)
    if len(each) != len(axes) or not all(_is_whole(v, least) for v in each):
        example = f"({', '.join([str(max(least, 1))] * len(axes))})"
        raise ValueError(
            f"{name} is {value!r}, expected a whole number, {least} or more, or one for each of "
            f"{' and '.join(axes)}, such as {example}"
        )
    return tuple(map(operator.index, each))


def _is_whole(value: Any, least: int) -> bool:
    return hasattr(value, "__index__") and operator.index(value) >= least


def windows(
    axes: str, lengths: Axes, size: Axes, stride: Axes, padding: Axes, dilation: Axes
) -> Windows:
    """The windows over an image whose axes are so long:

        count = floor((length + 2 padding - dilation (size - 1) - 1) / stride) + 1

    What the stride leaves over at the end is in no window. ValueError where not
    even one fits.

        >>> windows("L", (6,), (3,), (2,), (0,), (1,)).counts
        (2,)
    """
    counts = []
    for axis, length, k, step, pad, gap in zip(
        axes, lengths, size, stride, padding, dilation, strict=True
    ):
        span = gap * (k - 1) + 1
        if not length:
            raise ValueError(f"the image has no pixels along {axis}, expected 1 or more")
        if span > length + 2 * pad:
            raise ValueError(
                f"a window spans {span} pixels along {axis}, and the image has {length} and "
                f"{2 * pad} of padding: expected {span} or more, so write a smaller window or "
                f"padding={-(-(span - length) // 2)}"
            )
        counts.append((length + 2 * pad - span) // step + 1)
    return Windows(size, stride, padding, dilation, tuple(counts))


def convolved(
    x_shape: Axes,
    w_shape: Axes,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> tuple[Windows, int]:
    """The windows of a convolution of x (N, C, ...) with w (O, C / groups, ...),
    and its groups.

    ValueError where the settings do not fit these shapes, or each other.

        >>> convolved((5, 2, 6), (4, 1, 3), 2, 0, 1, groups=2)[0].counts
        (2,)
    """
    axes, kernel = ("L", "k") if len(x_shape) == 3 else ("HW", "kh, kw")
    number = divided(groups, C=x_shape[1], O=w_shape[0])
    if w_shape[1] != x_shape[1] // number or 0 in w_shape:
        raise ValueError(
            f"w has the shape {w_shape}, expected (O, C / groups, {kernel}) with C / groups = "
            f"{x_shape[1] // number}, and no axis of length 0"
        )
    strides = along(axes, "stride", stride, 1)
    pads, gaps = along(axes, "padding", padding, 0), along(axes, "dilation", dilation, 1)
    return windows(axes, x_shape[2:], w_shape[2:], strides, pads, gaps), number


def pooled(x_shape: Axes, size: Any, stride: Any, padding: Any) -> Windows:
    """The windows of a pooling of images (N, C, H, W); a stride of None is the size.

    ValueError where the settings do not fit the images, or where the padding is
    more than half a window: then some windows would hold nothing else.

        >>> pooled((1, 1, 4, 6), 2, None, 0).counts
        (2, 3)
    """
    sizes, pads = along("HW", "size", size, 1), along("HW", "padding", padding, 0)
    strides = sizes if stride is None else along("HW", "stride", stride, 1)
    if any(2 * pad > k for pad, k in zip(pads, sizes, strict=True)):
        most = tuple(k // 2 for k in sizes)
        raise ValueError(
            f"padding is {padding!r}, expected at most half the size {sizes}: write "
            f"padding={most} or less"
        )
    return windows("HW", x_shape[2:], sizes, strides, pads, (1, 1))


def spread(x_shape: Axes, size: Any) -> tuple[int, int]:
    """How many windows there are over the height and the width of images (N, C,
    H, W), as `size` says.

    ValueError where `size` is no number of windows, or where there are no pixels.

        >>> spread((1, 1, 4, 6), 2)
        (2, 2)
    """
    high, wide = along("HW", "size", size, 1)
    windows("HW", x_shape[2:], (1, 1), (1, 1), (0, 0), (1, 1))
    return high, wide


def divided(groups: Any, **channels: int) -> int:
    """How many groups there are, a divisor of every number of channels.

    ValueError where it is none, or where there are no channels.

        >>> divided(2, C=4, O=6)
        2
    """
    number = whole("groups", groups, 1)
    for letter, length in channels.items():
        if not length:
            raise ValueError(f"there are no channels, {letter} = 0, expected 1 or more")
        if length % number:
            most = min(channels.values())
            fitting = [k for k in range(1, most + 1) if not any(c % k for c in channels.values())]
            raise ValueError(
                f"groups is {number}, expected a divisor of {letter} = {length}: write "
                f"{' or '.join(map(str, fitting))}"
            )
    return number
