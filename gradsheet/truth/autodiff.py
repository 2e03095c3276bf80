"""The witness JAX: its own derivative program, evaluated without rounding.

JAX writes the program of a derivative before it compiles it, a jaxpr: a list of
primitive operations on arrays. Here the list is not compiled for floats but
carried out on exact numbers, Fractions or `real.Real`. What JAX differentiated
is thereby held against the other witnesses with `==`, or to as many digits as
one likes, and nothing has to be granted to rounding.
"""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from operator import methodcaller
from typing import Any

import jax
import numpy as np

from gradsheet.language.functions import FUNCTIONS
from gradsheet.numbers.real import Real
from manual.activations import Array

MAX_PROGRAMS = 64  # of JAX's that a session has

Arrays = Sequence[Array]


class UnknownOperation(NotImplementedError):
    """JAX's program has an operation that has no rule here: a JAX newer than this witness."""


def _exact(array: Any) -> Array:
    """An array of JAX's: numbers become Fractions, whole numbers that count and
    truth values stay."""
    array = np.asarray(array)
    return np.asarray(np.vectorize(Fraction, [object])(array) if array.dtype.kind == "f" else array)


def _dot_general(a: Array, b: Array, dimension_numbers: Any, **_: Any) -> Array:
    (a_sums, b_sums), (a_batch, b_batch) = dimension_numbers
    letters = iter(range(a.ndim + b.ndim))
    batch = [next(letters) for _ in a_batch]
    sums = [next(letters) for _ in a_sums]
    a_known = dict(zip([*a_batch, *a_sums], batch + sums, strict=True))
    b_known = dict(zip([*b_batch, *b_sums], batch + sums, strict=True))
    a_axes = [a_known[k] if k in a_known else next(letters) for k in range(a.ndim)]
    b_axes = [b_known[k] if k in b_known else next(letters) for k in range(b.ndim)]
    rest = [k for k in a_axes + b_axes if k not in batch + sums]
    return np.asarray(np.einsum(a, a_axes, b, b_axes, [*batch, *rest], optimize=False), object)


def _broadcast(
    x: Array, shape: Sequence[int], broadcast_dimensions: Sequence[int], **_: Any
) -> Array:
    sizes = [1] * len(shape)
    for axis, size in zip(broadcast_dimensions, x.shape, strict=True):
        sizes[axis] = size
    return np.broadcast_to(x.reshape(sizes), shape)


def _iota(dtype: Any, shape: Sequence[int], dimension: int, **_: Any) -> Array:
    sizes = [-1 if axis == dimension else 1 for axis in range(len(shape))]
    return np.broadcast_to(np.arange(shape[dimension]).reshape(sizes), shape)


def _convert(x: Array, new_dtype: Any, **_: Any) -> Array:
    if np.dtype(new_dtype).kind != "f":
        return x.astype(new_dtype)
    return x if x.dtype == object else np.vectorize(Fraction, [object])(x.astype(int))


def _window_places(
    indices: Array,
    shape: Sequence[int],
    starts: Sequence[int],
    alone: Sequence[int],
    batches: Iterable[tuple[int, int]],
    windows: Sequence[int],
    window_axes: Sequence[int],
) -> Array:
    """Where the entries of windows stand in a flat array of a shape: JAX's
    gather reads there, its scatter-add adds there.

    The last axis of the indices has the corner of a window along the axes
    `starts`; a window has the sizes `windows` along all axes but those `alone`,
    which are `window_axes` of the result; `batches` pairs axes of the array
    with those of the indices that go with them.
    """
    count, spanned = indices.ndim - 1, [k for k in range(len(shape)) if k not in alone]
    grids = np.ogrid[tuple(map(slice, (*indices.shape[:-1], *windows)))]
    places: list[Any] = [0] * len(shape)
    for k, axis in enumerate(starts):
        corner = indices[..., k]
        places[axis] = places[axis] + corner.reshape(corner.shape + (1,) * len(windows))
    for axis, of_indices in batches:
        places[axis] = places[axis] + grids[of_indices]
    for axis, grid in zip(spanned, grids[count:], strict=True):
        places[axis] = places[axis] + grid
    flat = np.ravel_multi_index(np.broadcast_arrays(*places, *grids)[: len(shape)], tuple(shape))
    return np.moveaxis(flat, range(count, flat.ndim), window_axes)


def _gather(a: Array, indices: Array, dimension_numbers: Any, slice_sizes: Any, **_: Any) -> Array:
    d = dimension_numbers
    alone = (*d.collapsed_slice_dims, *d.operand_batching_dims)
    windows = [size for k, size in enumerate(slice_sizes) if k not in alone]
    batches = zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True)
    places = _window_places(
        indices, a.shape, d.start_index_map, alone, batches, windows, d.offset_dims
    )
    return np.asarray(a.reshape(-1)[places])


def _scatter_add(
    a: Array, indices: Array, updates: Array, dimension_numbers: Any, **_: Any
) -> Array:
    d = dimension_numbers
    alone = (*d.inserted_window_dims, *d.operand_batching_dims)
    windows = [updates.shape[k] for k in d.update_window_dims]
    batches = zip(d.operand_batching_dims, d.scatter_indices_batching_dims, strict=True)
    starts, axes = d.scatter_dims_to_operand_dims, d.update_window_dims
    places = _window_places(indices, a.shape, starts, alone, batches, windows, axes)
    total = np.array(a, object).reshape(-1)
    np.add.at(total, places.reshape(-1), updates.reshape(-1))
    return total.reshape(a.shape)


def _pad(a: Array, value: Array, padding_config: Sequence[tuple[int, int, int]]) -> Array:
    sizes, places, inside = [], [], []
    for n, (low, high, inner) in zip(a.shape, padding_config, strict=True):
        sizes.append(low + n + max(0, n - 1) * inner + high)  # negative ones cut off
        axis = low + (inner + 1) * np.arange(n)
        inside.append(np.flatnonzero((axis >= 0) & (axis < sizes[-1])))
        places.append(axis[inside[-1]])
    padded = np.full(sizes, value.item(), object)
    padded[np.ix_(*places)] = a[np.ix_(*inside)]
    return padded


def _slice(a: Array, start_indices: Any, limit_indices: Any, strides: Any, **_: Any) -> Array:
    steps = strides or [1] * a.ndim
    return a[tuple(map(slice, start_indices, limit_indices, steps))]


def _sign(a: Array, **_: Any) -> Array:
    return np.asarray((a > 0).astype(int) - (a < 0).astype(int) + Fraction(0))


# `real` makes a Real of a number, for the functions that only Reals have.
_RULES: dict[str, Callable[..., Any]] = {
    "add": lambda a, b, **_: a + b,
    "add_any": lambda a, b, **_: a + b,
    "sub": lambda a, b, **_: a - b,
    "mul": lambda a, b, **_: a * b,
    "div": lambda a, b, **_: a / b,
    "neg": lambda a, **_: -a,
    "square": lambda a, **_: a * a,
    "one_minus_square": lambda a, **_: 1 - a * a,
    "integer_pow": lambda a, y, **_: a**y if y >= 0 else 1 / a**-y,
    "eq": lambda a, b, **_: a == b,
    "ne": lambda a, b, **_: a != b,
    "lt": lambda a, b, **_: a < b,
    "le": lambda a, b, **_: a <= b,
    "gt": lambda a, b, **_: a > b,
    "ge": lambda a, b, **_: a >= b,
    "and": lambda a, b, **_: a & b,
    "or": lambda a, b, **_: a | b,
    "not": lambda a, **_: ~a,
    "select_n": lambda which, a, b, **_: np.where(which, b, a),
    "dot_general": _dot_general,
    "reduce_sum": lambda a, axes, **_: np.asarray(a.sum(tuple(axes)), a.dtype),
    "reduce_max": lambda a, axes, **_: np.maximum.reduce(a, tuple(axes)),
    "reduce_min": lambda a, axes, **_: np.minimum.reduce(a, tuple(axes)),
    "broadcast_in_dim": _broadcast,
    "reshape": lambda a, new_sizes, **_: a.reshape(new_sizes),
    "squeeze": lambda a, dimensions, **_: a.squeeze(tuple(dimensions)),
    "expand_dims": lambda a, dimensions, **_: np.expand_dims(a, tuple(dimensions)),
    "transpose": lambda a, permutation, **_: a.transpose(permutation),
    "concatenate": lambda *arrays, dimension, **_: np.concatenate(arrays, dimension),
    "stack": lambda *arrays, axis, **_: np.stack(arrays, axis),
    "unstack": lambda a, axis, **_: list(np.moveaxis(a, axis, 0)),
    "split": lambda a, sizes, axis, **_: np.split(a, np.cumsum(sizes)[:-1], axis),
    "max": lambda a, b, **_: np.where(a > b, a, b),
    "min": lambda a, b, **_: np.where(a < b, a, b),
    "abs": lambda a, **_: abs(a),
    "sign": _sign,
    "slice": _slice,
    "pad": _pad,
    "rev": lambda a, dimensions, **_: np.flip(a, tuple(dimensions)),
    "gather": _gather,
    "scatter-add": _scatter_add,
    "scatter_add": _scatter_add,
    "iota": _iota,
    "convert_element_type": _convert,
    **dict.fromkeys(("stop_gradient", "copy", "copy_p"), lambda a, **_: a),
}
_OF_REALS: dict[str, Callable[[Real], Any]] = {
    **{name: methodcaller(name) for name in ("exp", "log", "log1p", "tanh", "sqrt", "sin", "cos")},
    "rsqrt": lambda v: 1 / v.sqrt(),
    "logistic": FUNCTIONS["sigmoid"].exact,
}


def run_exactly(closed: Any, arguments: Arrays, real: Callable[[Any], Real]) -> list[Array]:
    """What a jaxpr with its constants gives for arrays of exact numbers."""
    jaxpr, consts = closed.jaxpr, map(_exact, closed.consts)
    variables = [*jaxpr.constvars, *jaxpr.invars]
    values: dict[Any, Array] = dict(zip(variables, [*consts, *arguments], strict=True))

    def read(variable: Any) -> Array:
        return _exact(variable.val) if hasattr(variable, "val") else values[variable]

    for equation in jaxpr.eqns:
        name, inputs = equation.primitive.name, [read(variable) for variable in equation.invars]
        inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
        if inner is not None:
            result: Any = run_exactly(inner, inputs, real)
        elif name in _OF_REALS:
            result = np.frompyfunc(lambda v, name=name: _OF_REALS[name](real(v)), 1, 1)(inputs[0])
        elif name in _RULES:
            result = _RULES[name](*inputs, **equation.params)
        else:
            version = f"JAX {jax.__version__}"
            raise UnknownOperation(f"{version} has an operation without a rule here: {name}")
        outputs = result if isinstance(result, list) else [result]
        for variable, value in zip(equation.outvars, outputs, strict=True):
            is_array = isinstance(value, np.ndarray | np.generic)  # of truth values, too
            values[variable] = np.asarray(value, None if is_array else object)
    return [read(variable) for variable in jaxpr.outvars]
