"""Every array operation that a network is made of, each directly above its
backward rule.

Where L depends on out, and out on a, each entry of a counts through every entry
of out that it enters:

    dL/da[i] = sum over o of dL/dout[o] dout[o]/da[i]                        (1)

A rule is (1) with the operation's own derivative put in, and the sum written as
an array operation. It gets d_out = dL/dout, out and what the operation got, and
returns dL/d of every array, None where there is none (A. Griewank, A. Walther,
Evaluating Derivatives, 2008, chapter 3).

Every array has one axis in front, for the variants of a pass; operations act on
the axes behind it. It has length 1 where all variants are the same, and the
arrays of one operation may differ in that: d_out has several variants where the
inputs have one if several outputs are asked for at once. A rule never adds up
over it, and leaves it at 1 where nothing that it reads has more.

    F front axis, 1 or V variants       P, K, Q rows and columns of matrices

The number type is kept: floats, or objects such as `fractions.Fraction`; for
exp, log, sqrt, sin, cos, tanh and what is made of them, objects have these as
methods. No array is written into once it is made, and a gradient may be d_out
itself, or a read-only view of it.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from manual import activations
from manual.activations import (
    ACTIVATIONS,
    Array,
    Elementwise,
    d_identity,
    d_relu,
    identity,
    number,
    zero,
)

Axes = tuple[int, ...]
Shape = tuple[int, ...]


class Operation(NamedTuple):
    """An operation, and its rule.

    value     out, of the arrays and by name the settings
    backward  their gradients, a tuple, of d_out, out, the arrays and the
              settings
    """

    value: Callable[..., Array]
    backward: Callable[..., tuple[Array | None, ...]]


def has_kink(operation: str, /, **settings: Any) -> bool:
    """Whether an operation has a kink or a jump for some of its arrays."""
    if operation == "function":
        return function_named(**settings).kinked
    return operation in ("maximum", "minimum", "where", "largest", "smallest")


def at_kink(operation: str, /, *arrays: Array, **settings: Any) -> bool:
    """Whether an operation stands anywhere at a kink or a jump: there its rule
    gives one slope of several, by convention."""
    return has_kink(operation, **settings) and bool(ties(operation, *arrays, **settings).any())


def ties(operation: str, /, *arrays: Array, **settings: Any) -> Array:
    """Which entries of an operation's value stand at a kink or a jump, of one that
    has some: where the argument is 0, two sides are equal, or several entries are
    the largest."""
    if operation == "function":
        return np.asarray(arrays[0] == 0)
    if operation in ("largest", "smallest"):
        (a,), axes = arrays, settings["axes"]
        out = OPERATIONS[operation].value(a, axes=axes)
        return np.asarray((a == np.expand_dims(out, axes)).sum(axes) > 1)
    return np.asarray(arrays[0] == arrays[1])


def _unstretched(d: Array, a: Array) -> Array:
    """The gradient by an array that was stretched: an entry that went to many
    places gets back from all of them, so the stretched axes are added up."""
    axes = tuple(k for k in range(1, a.ndim) if a.shape[k] != d.shape[k])
    return d.sum(axes, keepdims=True) if axes else d


def _where(chosen: Array, d_out: Array) -> Array:
    """What comes back to the entries that were chosen, and 0 to the others."""
    return np.where(chosen, d_out, number(d_out, 0))


# Entry by entry: axes of length 1 stretch


def add(a: Array, b: Array) -> Array:
    """a + b"""
    return a + b


def add_backward(d_out: Array, out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """d_a = d_out, d_b = d_out"""
    return _unstretched(d_out, a), _unstretched(d_out, b)


def subtract(a: Array, b: Array) -> Array:
    """a - b"""
    return a - b


def subtract_backward(d_out: Array, out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """d_a = d_out, d_b = -d_out"""
    return _unstretched(d_out, a), _unstretched(-d_out, b)


def multiply(a: Array, b: Array) -> Array:
    """a b"""
    return a * b


def multiply_backward(d_out: Array, out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """d_a = d_out b, d_b = d_out a"""
    return _unstretched(d_out * b, a), _unstretched(d_out * a, b)


def divide(a: Array, b: Array) -> Array:
    """a / b"""
    return a / b


def divide_backward(d_out: Array, out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """d_a = d_out / b, d_b = -d_out a / b^2, where a / b is out."""
    d_a = d_out / b
    return _unstretched(d_a, a), _unstretched(-d_a * out, b)


def negative(a: Array) -> Array:
    """-a"""
    return -a


def negative_backward(d_out: Array, out: Array, a: Array) -> tuple[Array]:
    """d_a = -d_out"""
    return (-d_out,)


def power(a: Array, *, exponent: int | Fraction) -> Array:
    """a^r with a constant fraction r: a product of a's, or one over it, if r is
    whole, so that it is exact on fractions; the same of sqrt(a) for halves; else
    e^(r log a)."""
    whole, parts = exponent.as_integer_ratio()
    if parts == 2:
        return power(np.sqrt(a), exponent=whole)
    if parts > 1:
        return np.exp(number(a, exponent) * np.log(a))
    if whole < 0:
        return 1 / power(a, exponent=-whole)
    return functools.reduce(operator.mul, [a] * whole) if whole else d_identity(a)


def power_backward(d_out: Array, out: Array, a: Array, *, exponent: int | Fraction) -> tuple[Array]:
    """d_a = d_out r a^(r - 1)

    From a and not from out, r out / a, which is 0/0 at a = 0. There a^0 is 1 by
    convention, so the slope of a^1 is 1, and a^0 itself has the slope 0,
    without its factor a^-1.
    """
    if not exponent:
        return (d_out * zero(a),)
    return (d_out * (number(a, exponent) * power(a, exponent=exponent - 1)),)


class Function(NamedTuple):
    """A function of single entries: its value of z, its slope of z and of the
    value, and whether it is `kinked`: has a kink or a jump at 0."""

    value: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]
    kinked: bool = False


# Beside those of `ACTIVATIONS`
FUNCTIONS = {
    # The slope of the jump is 0 as on both sides of it.
    "step": Function(d_relu, lambda z, out: zero(z), kinked=True),
    "exp": Function(np.exp, lambda z, out: out),
    "log": Function(np.log, lambda z, out: 1 / z),
    "sqrt": Function(np.sqrt, lambda z, out: 1 / (2 * out)),
    # The sign of z; at the kink 0, in the middle of its slopes -1 and 1.
    "abs": Function(abs, lambda z, out: d_relu(z) - d_relu(-z), kinked=True),
    "sin": Function(np.sin, lambda z, out: np.cos(z)),
    "cos": Function(np.cos, lambda z, out: -np.sin(z)),
}


def function_named(name: str) -> Function:
    """One of `FUNCTIONS`; or an activation of single units, or with a d in front
    its slope, by the forms that hold in saturation."""
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    f = ACTIVATIONS.get(name) or ACTIVATIONS[name.removeprefix("d")]
    assert isinstance(f, Elementwise), f"{name} is no function of single entries"
    # Straight pieces, if there are two.
    kinked = f.dd is zero and f.value is not identity
    if name in ACTIVATIONS:
        return Function(f.value, lambda z, out: f.d(z), kinked)
    return Function(f.d, lambda z, out: f.dd(z), kinked)


def function(a: Array, *, name: str) -> Array:
    """f(a), with f by its name."""
    return function_named(name).value(a)


def function_backward(d_out: Array, out: Array, a: Array, *, name: str) -> tuple[Array]:
    """d_a = d_out f'(a)

    At a kink f' is what the function's own file says: 0 for relu and for abs.
    """
    return (d_out * function_named(name).slope(a, out),)


def maximum(a: Array, b: Array) -> Array:
    """The larger of a and b."""
    return np.maximum(a, b)


def maximum_backward(d_out: Array, out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """d_out goes to the larger one.

    At a tie it goes to the first: `largest` says why.
    """
    first = a >= b
    return _unstretched(_where(first, d_out), a), _unstretched(_where(~first, d_out), b)


def minimum(a: Array, b: Array) -> Array:
    """The smaller of a and b."""
    return np.minimum(a, b)


def minimum_backward(d_out: Array, out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """d_out goes to the smaller one, at a tie to the first."""
    first = a <= b
    return _unstretched(_where(first, d_out), a), _unstretched(_where(~first, d_out), b)


RELATIONS: dict[str, Callable[[Array, Array], Array]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}


def where(left: Array, right: Array, a: Array, b: Array, *, relation: str) -> Array:
    """a where the relation holds between left and right, b elsewhere."""
    return np.where(RELATIONS[relation](left, right), a, b)


def where_backward(
    d_out: Array, out: Array, left: Array, right: Array, a: Array, b: Array, *, relation: str
) -> tuple[None, None, Array, Array]:
    """d_out goes to the one that was taken, and nothing to left and right: out
    does not move with them, but for a jump where they are equal."""
    taken = RELATIONS[relation](left, right)
    d_a, d_b = _where(taken, d_out), _where(~taken, d_out)
    return None, None, _unstretched(d_a, a), _unstretched(d_b, b)


# Over axes


def softmax(a: Array) -> Array:
    """e^a_i / sum_k e^a_k along the last axis"""
    return activations.softmax(a)


def softmax_backward(d_out: Array, out: Array, a: Array) -> tuple[Array]:
    """d_a_i = out_i (d_out_i - sum_k d_out_k out_k)

    since dout_k/da_i = out_k ([i = k] - out_i).
    """
    return (out * (d_out - (d_out * out).sum(-1, keepdims=True)),)


def matmul(a: Array, b: Array) -> Array:
    """a b, the product of matrices; the axes in front of them stretch."""
    return a @ b  # (F, ..., P, K) @ (F, ..., K, Q) -> (F, ..., P, Q)


def matmul_backward(d_out: Array, out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """d_a = d_out b^T, d_b = a^T d_out (M. Giles, Collected Matrix Derivative
    Results for Forward and Reverse Mode Algorithmic Differentiation, 2008)."""
    d_a = d_out @ np.swapaxes(b, -1, -2)  # (F, ..., P, Q) @ (F, ..., Q, K) -> (F, ..., P, K)
    d_b = np.swapaxes(a, -1, -2) @ d_out  # (F, ..., K, P) @ (F, ..., P, Q) -> (F, ..., K, Q)
    return _unstretched(d_a, a), _unstretched(d_b, b)


def total(a: Array, *, axes: Axes) -> Array:
    """The sum over some axes, negative numbers, which go."""
    return a.sum(axes)


def total_backward(d_out: Array, out: Array, a: Array, *, axes: Axes) -> tuple[Array]:
    """d_a = d_out, the same at all that was added up."""
    d_a = np.expand_dims(d_out, axes)
    return (np.broadcast_to(d_a, (len(d_a), *a.shape[1:])),)


def _first(a: Array, axes: Axes, find: Callable[..., Any]) -> Array:
    """Whether an entry is the one that np.argmax or np.argmin finds over some
    axes: of equal ones the first, in the order of the array."""
    gone = sorted(axis % a.ndim for axis in axes)
    behind = range(-len(gone), 0)
    moved = np.moveaxis(a, gone, behind)
    rows = moved.reshape(*moved.shape[: a.ndim - len(gone)], -1)  # all of them as one axis
    first = np.arange(rows.shape[-1]) == find(rows, -1, keepdims=True)
    return np.moveaxis(first.reshape(moved.shape), behind, gone)


def largest(a: Array, *, axes: Axes) -> Array:
    """The largest entry over some axes, negative numbers, which go."""
    return a.max(axes)


def largest_backward(d_out: Array, out: Array, a: Array, *, axes: Axes) -> tuple[Array]:
    """d_out goes to the largest entry, and 0 to the others.

    Of several that tie the first gets all of it. Any choice would do: where
    entries tie there is no derivative, and whoever judges by these rules asks
    `at_kink` and decides nothing there. This one is what a max pooling written
    by hand does, which remembers one place, that of np.argmax.
    """
    return (_where(_first(a, axes, np.argmax), np.expand_dims(d_out, axes)),)


def smallest(a: Array, *, axes: Axes) -> Array:
    """The smallest entry over some axes, negative numbers, which go."""
    return a.min(axes)


def smallest_backward(d_out: Array, out: Array, a: Array, *, axes: Axes) -> tuple[Array]:
    """d_out goes to the smallest entry, of several that tie to the first."""
    return (_where(_first(a, axes, np.argmin), np.expand_dims(d_out, axes)),)


# Where entries stand: axes are counted from 0 behind the front one


def transpose(a: Array, *, order: Sequence[int]) -> Array:
    """a with its axes in another order: axis k of out is axis order[k] of a."""
    return a.transpose(0, *(k + 1 for k in order))


def transpose_backward(d_out: Array, out: Array, a: Array, *, order: Sequence[int]) -> tuple[Array]:
    """In the forward pass axis order[k] went to k, so now k goes to order[k]."""
    back = sorted(range(len(order)), key=order.__getitem__)
    return (transpose(d_out, order=back),)


def reshape(a: Array, *, shape: Shape) -> Array:
    """The same entries in the same order, in another shape."""
    return a.reshape(len(a), *shape)


def reshape_backward(d_out: Array, out: Array, a: Array, *, shape: Shape) -> tuple[Array]:
    """d_a = d_out, in a's shape."""
    return (reshape(d_out, shape=a.shape[1:]),)


def _widened(a: Array, shape: Shape) -> Array:
    """a with as many axes as the shape has: new ones of length 1 in front, as
    NumPy has it, but behind the axis of the variants."""
    return a.reshape(len(a), *[1] * (1 + len(shape) - a.ndim), *a.shape[1:])


def stretch(a: Array, *, shape: Shape) -> Array:
    """a repeated along axes of length 1, and along new ones in front, to the
    whole of a shape."""
    return np.broadcast_to(_widened(a, shape), (len(a), *shape))


def stretch_backward(d_out: Array, out: Array, a: Array, *, shape: Shape) -> tuple[Array]:
    """d_a is the sum of d_out over the axes along which a was repeated."""
    return (reshape(_unstretched(d_out, _widened(a, shape)), shape=a.shape[1:]),)


def take(a: Array, *, index: tuple[Array, ...]) -> Array:
    """out[n] = a[index_0[n], index_1[n], ...], with arrays of whole numbers for
    the first axes of a; n goes over their common shape."""
    places: Any = slice(None), *index
    return a[places]


def take_backward(d_out: Array, out: Array, a: Array, *, index: tuple[Array, ...]) -> tuple[Array]:
    """d_a[index_0[n], ...] is the sum of d_out[n] over all n that lead there,
    so that an entry taken twice gets both, and 0 where none does."""
    d_a = np.full((len(d_out), *a.shape[1:]), number(d_out, 0), d_out.dtype)
    places: Any = slice(None), *index
    np.add.at(d_a, places, d_out)
    return (d_a,)


def _alike(arrays: Sequence[Array]) -> list[Array]:
    """The arrays, all with as many variants as any has."""
    variants = max(map(len, arrays))
    return [np.broadcast_to(a, (variants, *a.shape[1:])) for a in arrays]


def stack(*arrays: Array, axis: int) -> Array:
    """Arrays of one shape side by side, along a new axis."""
    return np.stack(_alike(arrays), axis + 1)


def stack_backward(d_out: Array, out: Array, *arrays: Array, axis: int) -> tuple[Array, ...]:
    """Array k gets d_out at k."""
    return tuple(np.moveaxis(d_out, axis + 1, 0))


def concat(*arrays: Array, axis: int) -> Array:
    """Arrays one behind the other, along an axis that they have."""
    return np.concatenate(_alike(arrays), axis + 1)


def concat_backward(d_out: Array, out: Array, *arrays: Array, axis: int) -> tuple[Array, ...]:
    """Each array gets its part of d_out."""
    ends = np.cumsum([a.shape[axis + 1] for a in arrays])
    return tuple(np.split(d_out, ends[:-1], axis + 1))


OPERATIONS = {
    operation.value.__name__: operation
    for operation in (
        Operation(add, add_backward),
        Operation(subtract, subtract_backward),
        Operation(multiply, multiply_backward),
        Operation(divide, divide_backward),
        Operation(negative, negative_backward),
        Operation(power, power_backward),
        Operation(function, function_backward),
        Operation(maximum, maximum_backward),
        Operation(minimum, minimum_backward),
        Operation(where, where_backward),
        Operation(softmax, softmax_backward),
        Operation(matmul, matmul_backward),
        Operation(total, total_backward),
        Operation(largest, largest_backward),
        Operation(smallest, smallest_backward),
        Operation(transpose, transpose_backward),
        Operation(reshape, reshape_backward),
        Operation(stretch, stretch_backward),
        Operation(take, take_backward),
        Operation(stack, stack_backward),
        Operation(concat, concat_backward),
    )
}
