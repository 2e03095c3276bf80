"""What JAX's primitive operations do to arrays of any numbers: of fractions, of
enclosed numbers, of floats.

A rule takes the arrays and JAX's own parameters of an operation. What moves
numbers about, adds or multiplies them needs to know nothing of them; `linear`
has those of the rules that only add up entries, or products of entries of two
arrays. Where numbers are compared, the rule is given `ranks`, whole numbers in
the order of the entries, or `order`, -1, 0 or 1 for each pair.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from manual.activations import Array

Rule = Callable[..., Any]
Product = Callable[[Array, Array], Array]  # of matrices, batch by batch
Ints = Sequence[int]
Padding = Sequence[tuple[int, int]]

_TRUTHS = {
    "eq": lambda order: order == 0,
    "ne": lambda order: order != 0,
    "lt": lambda order: order < 0,
    "le": lambda order: order <= 0,
    "gt": lambda order: order > 0,
    "ge": lambda order: order >= 0,
    "eq_to": lambda order: order == 0,  # in an order that nan has a place in, too
    "lt_to": lambda order: order < 0,
    "le_to": lambda order: order <= 0,
}


# Sums of products


def matrix_product(a: Array, b: Array) -> Array:
    """a @ b, batch by batch; of zeros where nothing is added up."""
    if a.shape[-1]:
        return np.asarray(a @ b)
    return np.full((*a.shape[:-1], b.shape[-1]), zero_like(a), a.dtype)


def _dot_general(a: Array, b: Array, product: Product, dimension_numbers: Any, **_: Any) -> Array:
    (a_sums, b_sums), (a_batch, b_batch) = dimension_numbers
    a_rest = [k for k in range(a.ndim) if k not in (*a_sums, *a_batch)]
    b_rest = [k for k in range(b.ndim) if k not in (*b_sums, *b_batch)]
    batch = [a.shape[k] for k in a_batch]
    rows = a.transpose(*a_batch, *a_rest, *a_sums)
    columns = b.transpose(*b_batch, *b_sums, *b_rest)
    summed = math.prod(a.shape[k] for k in a_sums)
    outer = [a.shape[k] for k in a_rest], [b.shape[k] for k in b_rest]
    found = product(
        rows.reshape(*batch, math.prod(outer[0]), summed),
        columns.reshape(*batch, summed, math.prod(outer[1])),
    )
    return found.reshape((*batch, *outer[0], *outer[1]))


def _windows(
    a: Array, sizes: Ints, strides: Ints, dilation: Ints, axes: Ints | None = None
) -> Array:
    """The windows over some axes of an array, in as many axes at the end."""
    axes = range(a.ndim) if axes is None else axes
    spans = [(size - 1) * d + 1 for size, d in zip(sizes, dilation, strict=True)]
    if any(a.shape[axis] < span for axis, span in zip(axes, spans, strict=True)):
        shape = [0 if k in axes else n for k, n in enumerate(a.shape)]
        return np.empty((*shape, *sizes), a.dtype)
    seen = np.lib.stride_tricks.sliding_window_view(a, spans, tuple(axes))
    steps = dict(zip(axes, strides, strict=True))
    at = [slice(None, None, steps.get(k, 1)) for k in range(a.ndim)]
    return np.asarray(seen[(*at, *[slice(None, None, d) for d in dilation])])


def _conv_general_dilated(
    a: Array,
    w: Array,
    product: Product,
    window_strides: Ints,
    padding: Padding,
    lhs_dilation: Ints,
    rhs_dilation: Ints,
    dimension_numbers: Any,
    feature_group_count: int,
    batch_group_count: int,
    **_: Any,
) -> Array:
    d = dimension_numbers
    a, w = a.transpose(d.lhs_spec), w.transpose(d.rhs_spec)
    padded = _dilated(a, zero_like(a), [(0, 0), (0, 0), *padding], [1, 1, *lhs_dilation])
    axes = range(2, a.ndim)
    seen = _windows(padded, w.shape[2:], window_strides, rhs_dilation, axes)  # (N, C, *out, *k)
    groups = feature_group_count * batch_group_count
    examples, channels = len(a) // batch_group_count, a.shape[1] // feature_group_count
    out, features = seen.shape[2 : a.ndim], len(w) // groups
    # (groups, N, C, *out, *k), then (groups, N, *out, C, *k)
    split = seen.reshape(
        batch_group_count, examples, feature_group_count, channels, *seen.shape[2:]
    )
    split = split.swapaxes(1, 2).reshape(groups, examples, channels, *seen.shape[2:])
    rows = np.moveaxis(split, 2, 2 + len(out)).reshape(groups, examples * math.prod(out), w[0].size)
    columns = w.reshape(groups, features, w[0].size).swapaxes(1, 2)
    found = product(rows, columns).reshape(groups, examples, *out, features)
    laid_out = np.moveaxis(found, -1, 1).reshape(groups * features, examples, *out).swapaxes(0, 1)
    return np.asarray(laid_out.transpose(np.argsort(d.out_spec)))


# Sums


def _reduce_sum(a: Array, axes: Ints, **_: Any) -> Array:
    if a.size:
        return np.asarray(a.sum(tuple(axes)), a.dtype)
    return np.full([n for k, n in enumerate(a.shape) if k not in axes], zero_like(a), a.dtype)


def _along(a: Array, axis: int, reverse: bool, accumulate: Callable[..., Any]) -> Array:
    turned = np.flip(a, axis) if reverse else a
    result = np.asarray(accumulate(turned, axis=axis), a.dtype)
    return np.flip(result, axis) if reverse else result


def _cumsum(a: Array, axis: int, reverse: bool) -> Array:
    return _along(a, axis, reverse, np.add.accumulate)


def _cumprod(a: Array, axis: int, reverse: bool) -> Array:
    return _along(a, axis, reverse, np.multiply.accumulate)


def _reduce_window_sum(
    a: Array,
    window_dimensions: Ints,
    window_strides: Ints,
    padding: Padding,
    base_dilation: Ints,
    window_dilation: Ints,
) -> Array:
    padded = _dilated(a, zero_like(a), padding, base_dilation)
    seen = _windows(padded, window_dimensions, window_strides, window_dilation)
    return _reduce_sum(seen, range(a.ndim, 2 * a.ndim))


# What moves numbers about


def zero_like(a: Array) -> Any:
    """The number 0 among those of an array."""
    return 0 if a.dtype == object else a.dtype.type(0)


def pad(a: Array, value: Any, padding_config: Sequence[tuple[int, int, int]], **_: Any) -> Array:
    """Numbers around an array and between its entries; negative ones cut off."""
    sizes, places, inside = [], [], []
    for n, (low, high, inner) in zip(a.shape, padding_config, strict=True):
        sizes.append(low + n + max(0, n - 1) * inner + high)
        axis = low + (inner + 1) * np.arange(n)
        inside.append(np.flatnonzero((axis >= 0) & (axis < sizes[-1])))
        places.append(axis[inside[-1]])
    padded = np.full(sizes, value, a.dtype)
    padded[np.ix_(*places)] = a[np.ix_(*inside)]
    return padded


def _dilated(a: Array, value: Any, padding: Padding, dilation: Ints) -> Array:
    """An array with a value around it, and between entries that stand `dilation` apart."""
    pairs = zip(padding, dilation, strict=True)
    return pad(a, value, [(low, high, by - 1) for (low, high), by in pairs])


def _padded(a: Array, value: Array, padding_config: Any, **_: Any) -> Array:
    return pad(a, np.asarray(value)[()], padding_config)


def _broadcast(x: Array, shape: Ints, broadcast_dimensions: Ints, **_: Any) -> Array:
    sizes = [1] * len(shape)
    for axis, size in zip(broadcast_dimensions, x.shape, strict=True):
        sizes[axis] = size
    return np.broadcast_to(x.reshape(sizes), shape)


def _iota(dtype: Any, shape: Ints, dimension: int, **_: Any) -> Array:
    sizes = [-1 if axis == dimension else 1 for axis in range(len(shape))]
    return np.broadcast_to(np.arange(shape[dimension], dtype=dtype).reshape(sizes), shape)


def _window_corners(
    indices: Array,
    shape: Ints,
    starts: Ints,
    alone: Ints,
    batches: Iterable[tuple[int, int]],
    windows: Ints,
    window_axes: Ints,
    mode: Any,
) -> tuple[Array, Array]:
    """Where the entries of windows stand in a flat array of a shape, and
    whether a window is inside of it: JAX's gather reads there, its scatter
    writes there.

    The last axis of the indices has the corner of a window along the axes
    `starts`; a window has the sizes `windows` along all axes but those `alone`,
    which are `window_axes` of the result; `batches` pairs axes of the array
    with those of the indices that go with them. Out of bounds, a mode that
    clips moves the window to the edge; else it counts for nothing.
    """
    count, spanned = indices.ndim - 1, [k for k in range(len(shape)) if k not in alone]
    grids = np.ogrid[tuple(map(slice, (*indices.shape[:-1], *windows)))]
    sizes = dict(zip(spanned, windows, strict=True))
    places: list[Any] = [0] * len(shape)
    within: Any = np.bool_(True)
    for k, axis in enumerate(starts):
        most = shape[axis] - sizes.get(axis, 1)
        corner = indices[..., k].astype(int)
        inside = (corner >= 0) & (corner <= most)
        if "clip" in str(mode).lower():
            inside = np.ones_like(inside)
        corner = np.clip(corner, 0, max(most, 0))
        places[axis] = places[axis] + corner.reshape(corner.shape + (1,) * len(windows))
        within = within & inside.reshape(inside.shape + (1,) * len(windows))
    for axis, of_indices in batches:
        places[axis] = places[axis] + grids[of_indices]
    for axis, grid in zip(spanned, grids[count:], strict=True):
        places[axis] = places[axis] + grid
    *arrays, within = np.broadcast_arrays(*places, *grids, within)
    flat = np.ravel_multi_index(arrays[: len(shape)], tuple(shape)) if shape else arrays[0] * 0
    return (
        np.moveaxis(flat, range(count, flat.ndim), window_axes),
        np.moveaxis(within, range(count, flat.ndim), window_axes),
    )


def _gather(
    a: Array,
    indices: Array,
    dimension_numbers: Any,
    slice_sizes: Any,
    mode: Any = None,
    fill_value: Any = None,
    **_: Any,
) -> Array:
    d = dimension_numbers
    alone = (*d.collapsed_slice_dims, *d.operand_batching_dims)
    windows = [size for k, size in enumerate(slice_sizes) if k not in alone]
    batches = zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True)
    places, within = _window_corners(
        indices, a.shape, d.start_index_map, alone, batches, windows, d.offset_dims, mode
    )
    found = np.asarray(a.reshape(-1)[places])
    if within.all():
        return found
    return np.where(within, found, np.nan if fill_value is None else fill_value)


def _scattered(
    a: Array, indices: Array, updates: Array, dimension_numbers: Any, mode: Any
) -> tuple[Array, Array]:
    d = dimension_numbers
    alone = (*d.inserted_window_dims, *d.operand_batching_dims)
    windows = [updates.shape[k] for k in d.update_window_dims]
    batches = zip(d.operand_batching_dims, d.scatter_indices_batching_dims, strict=True)
    starts, axes = d.scatter_dims_to_operand_dims, d.update_window_dims
    return _window_corners(indices, a.shape, starts, alone, batches, windows, axes, mode)


def _scatter_with(join: np.ufunc) -> Rule:
    """What is written to an entry is added to it, or multiplied with it."""

    def joined(
        a: Array, indices: Array, updates: Array, dimension_numbers: Any, mode: Any = None, **_: Any
    ) -> Array:
        places, within = _scattered(a, indices, updates, dimension_numbers, mode)
        total = np.array(a).reshape(-1)
        join.at(total, places[within], updates[within])
        return total.reshape(a.shape)

    return joined


def scatter_extreme(
    a: Array,
    indices: Array,
    updates: Array,
    ranks: Array,
    best: Any,
    dimension_numbers: Any,
    mode: Any = None,
    **_: Any,
) -> Array:
    """The best of an entry and of what is written to it, the largest or the smallest;
    `ranks` are those of the entries and of the updates in one row."""
    places, within = _scattered(a, indices, updates, dimension_numbers, mode)
    both = np.concatenate([a.reshape(-1), updates.reshape(-1)])
    held = ranks[: a.size].copy()
    best.at(held, places[within], ranks[a.size :].reshape(updates.shape)[within])
    order, first = np.unique(ranks, return_index=True)
    return np.asarray(both[first[np.searchsorted(order, held)]]).reshape(a.shape)


def _scatter(
    a: Array, indices: Array, updates: Array, dimension_numbers: Any, mode: Any = None, **_: Any
) -> Array:
    places, within = _scattered(a, indices, updates, dimension_numbers, mode)
    result = np.array(a).reshape(-1)
    result[places[within]] = updates[within]
    return result.reshape(a.shape)


def _reshape(a: Array, new_sizes: Ints, dimensions: Ints | None = None, **_: Any) -> Array:
    return (a if dimensions is None else a.transpose(dimensions)).reshape(new_sizes)


def _slice(a: Array, start_indices: Any, limit_indices: Any, strides: Any, **_: Any) -> Array:
    steps = strides or [1] * a.ndim
    return a[tuple(map(slice, start_indices, limit_indices, steps))]


def _corner(a: Array, starts: Sequence[Array], sizes: Ints) -> tuple[slice, ...]:
    corners = [
        min(max(int(start), 0), n - size)
        for start, n, size in zip(starts, a.shape, sizes, strict=True)
    ]
    return tuple(slice(k, k + size) for k, size in zip(corners, sizes, strict=True))


def _dynamic_slice(a: Array, *starts: Array, slice_sizes: Ints, **_: Any) -> Array:
    return a[_corner(a, starts, slice_sizes)]


def _dynamic_update_slice(a: Array, update: Array, *starts: Array, **_: Any) -> Array:
    result = np.array(a)
    result[_corner(a, starts, update.shape)] = update
    return result


def _select_n(which: Array, *cases: Array, **_: Any) -> Array:
    if which.dtype == bool:
        return np.where(which, cases[1], cases[0])
    which = np.broadcast_to(which, cases[0].shape)
    return np.choose(which, cases) if cases[0].dtype != object else _chosen(which, cases)


def _chosen(which: Array, cases: Sequence[Array]) -> Array:
    result = np.array(cases[0])
    for k, case in enumerate(cases):
        result[which == k] = case[which == k]
    return result


def _triangular_solve(
    a: Array,
    b: Array,
    left_side: bool,
    lower: bool,
    transpose_a: bool,
    unit_diagonal: bool,
    **_: Any,
) -> Array:
    """X with op(A) X = B, or X op(A) = B, row by row."""
    if not left_side:  # X A = B is A^T X^T = B^T
        a, b = a.swapaxes(-1, -2), b.swapaxes(-1, -2)
        lower = not lower
    if transpose_a:
        a, lower = a.swapaxes(-1, -2), not lower
    x = np.array(b)
    n = a.shape[-1]
    for i in range(n) if lower else range(n - 1, -1, -1):
        known = slice(0, i) if lower else slice(i + 1, n)
        row = a[..., i : i + 1, known]
        if row.shape[-1]:
            x[..., i, :] = x[..., i, :] - (row @ x[..., known, :])[..., 0, :]
        if not unit_diagonal:
            x[..., i, :] = x[..., i, :] / a[..., i, i, None]
    return x if left_side else x.swapaxes(-1, -2)


def _stack(*arrays: Array, axis: int, **_: Any) -> Array:
    return np.stack(arrays, axis)


SUMS_OF_PRODUCTS: Mapping[str, Rule] = {
    "dot_general": _dot_general,
    "conv_general_dilated": _conv_general_dilated,
}
SUMS: Mapping[str, Rule] = {
    "add": lambda a, b, **_: a + b,
    "add_any": lambda a, b, **_: a + b,
    "sub": lambda a, b, **_: a - b,
    "reduce_sum": _reduce_sum,
    "cumsum": _cumsum,
    "reduce_window_sum": _reduce_window_sum,
    "scatter-add": _scatter_with(np.add),
    "scatter_add": _scatter_with(np.add),
}


def whole_power(a: Any, n: int) -> Any:
    """A number, or an array of them, to the power of a whole number: a product,
    since a ball around 0 to some power has no bounds."""
    if n < 0:
        return 1 / whole_power(a, -n)
    if n < 2:
        return a if n else a**0
    root = whole_power(a, n // 2)
    return root * root * a if n % 2 else root * root


PRODUCTS: Mapping[str, Rule] = {
    "mul": lambda a, b, **_: a * b,
    "div": lambda a, b, **_: a / b,
    "square": lambda a, **_: a * a,
    "one_minus_square": lambda a, **_: 1 - a * a,
    "integer_pow": lambda a, y, **_: whole_power(a, y),
    "cumprod": _cumprod,
    "scatter-mul": _scatter_with(np.multiply),
    "scatter_mul": _scatter_with(np.multiply),
    "reduce_prod": lambda a, axes, **_: np.asarray(np.multiply.reduce(a, tuple(axes)), a.dtype),
    "triangular_solve": _triangular_solve,
}
MOVES: Mapping[str, Rule] = {
    "neg": lambda a, **_: -a,
    "and": lambda a, b, **_: a & b,
    "or": lambda a, b, **_: a | b,
    "xor": lambda a, b, **_: a ^ b,
    "not": lambda a, **_: ~a,
    "reduce_and": lambda a, axes, **_: a.all(tuple(axes)),
    "reduce_or": lambda a, axes, **_: a.any(tuple(axes)),
    "select_n": _select_n,
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": lambda a, dimensions, **_: a.squeeze(tuple(dimensions)),
    "expand_dims": lambda a, dimensions, **_: np.expand_dims(a, tuple(dimensions)),
    "transpose": lambda a, permutation, **_: a.transpose(permutation),
    "concatenate": lambda *arrays, dimension, **_: np.concatenate(arrays, dimension),
    "stack": _stack,
    "unstack": lambda a, axis, **_: list(np.moveaxis(a, axis, 0)),
    "split": lambda a, sizes, axis, **_: np.split(a, np.cumsum(sizes)[:-1], axis),
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "pad": _padded,
    "tile": lambda a, reps, **_: np.tile(a, reps),
    "rev": lambda a, dimensions, **_: np.flip(a, tuple(dimensions)),
    "gather": _gather,
    "scatter": _scatter,
    "iota": _iota,
    **dict.fromkeys(
        ("copy", "copy_p", "optimization_barrier", "reduce_precision"),
        lambda *arrays, **_: arrays[0] if len(arrays) == 1 else list(arrays),
    ),
}


# What JAX does to numbers that only count: sums that go around where they do not fit, as NumPy's.
# To compile each of them for a single run takes JAX a thousand times as long.
COUNTS: Mapping[str, Rule] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": lambda a, b, out_dtype=None: np.multiply(a, b, dtype=out_dtype),
    "max": np.maximum,
    "min": np.minimum,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "clamp": lambda low, a, high: np.minimum(np.maximum(a, low), high),
    "reduce_sum": lambda a, axes, **_: np.add.reduce(a, tuple(axes), a.dtype),
}


# What compares numbers


def compared(name: str, order: Array) -> Array:
    """What a comparison says of numbers in an order, -1, 0 or 1 for each pair."""
    return np.asarray(_TRUTHS[name](order))


def _taken(a: Array, ranks: Array, axes: Ints, best: Callable[..., Any]) -> Array:
    """The entries of which the ranks are best along some axes, the first of several."""
    kept = [k for k in range(a.ndim) if k not in axes]
    shape = [a.shape[k] for k in kept]
    flat, at = (array.transpose(*kept, *axes).reshape(*shape, -1) for array in (a, ranks))
    return np.asarray(np.take_along_axis(flat, best(at, -1)[..., None], -1)[..., 0])


def _reduce_extreme(best: Callable[..., Any]) -> Rule:
    return lambda a, ranks, axes, **_: _taken(a, ranks, axes, best)


def _argument(best: Callable[..., Any]) -> Rule:
    return lambda a, ranks, axes, index_dtype, **_: best(ranks, axes[0]).astype(index_dtype)


def _cumulative(best: Callable[..., Any], accumulate: Callable[..., Any]) -> Rule:
    def rule(a: Array, ranks: Array, axis: int, reverse: bool) -> Array:
        held = _along(ranks, axis, reverse, accumulate)
        flat, first = np.unique(ranks, return_index=True)
        return np.asarray(a.reshape(-1)[first[np.searchsorted(flat, held)]])

    return rule


def _window_places(
    shape: Ints, sizes: Ints, strides: Ints, padding: Padding, base: Ints, dilation: Ints
) -> Array:
    """The flat places of the entries of windows, -1 for what stands around."""
    places = np.arange(math.prod(shape)).reshape(shape)
    seen = _windows(_dilated(places, -1, padding, base), sizes, strides, dilation)
    return seen.reshape(*seen.shape[: len(shape)], -1)


def _best_places(places: Array, ranks: Array, best: Callable[..., Any], worst: int) -> Array:
    at = np.where(places < 0, worst, ranks.reshape(-1)[places])
    return np.asarray(np.take_along_axis(places, best(at, -1)[..., None], -1)[..., 0])


def _reduce_window(best: Callable[..., Any], sign: int) -> Rule:
    def rule(
        a: Array,
        ranks: Array,
        window_dimensions: Ints,
        window_strides: Ints,
        padding: Padding,
        base_dilation: Ints,
        window_dilation: Ints,
    ) -> Array:
        places = _window_places(
            a.shape, window_dimensions, window_strides, padding, base_dilation, window_dilation
        )
        found = _best_places(places, ranks, best, -sign * (a.size + 1))
        result = np.asarray(a.reshape(-1)[found])
        return np.where(found < 0, -sign * math.inf, result) if (found < 0).any() else result

    return rule


def _selected(
    a: Array,
    ranks: Array,
    select_prim: Any,
    window_dimensions: Ints,
    window_strides: Ints,
    padding: Padding,
    base_dilation: Ints | None = None,
    window_dilation: Ints | None = None,
) -> Array:
    """The flat places of the largest entries of windows, or the smallest; -1
    where one lies outside."""
    ones = (1,) * a.ndim
    places = _window_places(
        a.shape,
        window_dimensions,
        window_strides,
        padding,
        base_dilation or ones,
        window_dilation or ones,
    )
    is_max = select_prim.name == "ge"
    worst = -1 if is_max else a.size + 1
    return _best_places(places, ranks, np.argmax if is_max else np.argmin, worst)


def select_and_scatter_add(source: Array, a: Array, ranks: Array, **params: Any) -> Array:
    """Each entry of `source` added to where its window of `a` has the largest."""
    found = _selected(a, ranks, **params)
    total = np.full(a.size, zero_like(source), source.dtype)
    np.add.at(total, found[found >= 0], source[found >= 0])
    return total.reshape(a.shape)


def select_and_gather_add(source: Array, a: Array, ranks: Array, **params: Any) -> Array:
    """The entries of `source` where each window of `a` has the largest."""
    return np.asarray(source.reshape(-1)[_selected(a, ranks, **params)])


# Each is given an array and its ranks.
BY_RANKS: Mapping[str, Rule] = {
    "reduce_max": _reduce_extreme(np.argmax),
    "reduce_min": _reduce_extreme(np.argmin),
    "argmax": _argument(np.argmax),
    "argmin": _argument(np.argmin),
    "cummax": _cumulative(np.argmax, np.maximum.accumulate),
    "cummin": _cumulative(np.argmin, np.minimum.accumulate),
    "reduce_window_max": _reduce_window(np.argmax, 1),
    "reduce_window_min": _reduce_window(np.argmin, -1),
}


def sorted_by(ranks: Sequence[Array], arrays: Sequence[Array], dimension: int) -> list[Array]:
    """Arrays in the order of the ranks of the first of them, then of the others,
    those that are alike as they stand."""
    order = np.lexsort([*ranks][::-1], axis=dimension)
    return [np.take_along_axis(array, order, dimension) for array in arrays]


def top_k(a: Array, ranks: Array, k: int, axis: int = -1, **_: Any) -> list[Array]:
    """The k largest along an axis, and where they stand."""
    order = np.argsort(-ranks, axis, kind="stable")
    order = np.take(order, np.arange(k), axis)
    return [np.take_along_axis(a, order, axis), order.astype(np.int32)]
