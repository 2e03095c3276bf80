"""What there is of every family by one rule, without a derivation of its own.

**Along a line.** Let arrays a move, to a + v e with e^2 = 0. A function of this
package takes numbers of any type, so it takes these (`dual`), and gives

    f(a + v e) = f(a) + f'(a) v e                                          (1)

A pass forward and back is such a function, from a to the gradient of L = sum dout
out. So it gives the Hessian H of L by all arrays, times v, without H itself (the
R-operator: B. Pearlmutter, 1994):

    dL/da (a + v e) = dL/da + H v e                                        (2)

`hessian` has that written out for layers. It is exact on exact numbers; floats are
worked with in float64, entry by entry in Python, and not fast.

**Example by example.** dout_n at example n and 0 at all others sends back

    d/da sum dout_n out_n                                                  (3)

the share of example n in the gradient, which is their sum over n. Nothing is asked
of the examples but that out has them in front: in batch_norm, where an out_n is made
of all x, these are its gradients all the same. It takes one pass forward and N back.

Conventions: at a kink, (1) goes the way that out goes there, so that the second
derivative is that of one side; relu(z) at z = 0 is the constant 0.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import manual
from manual.activations import Array, number
from manual.dual import Dual, slope_of

Gradients = tuple[Array | None, ...]

# Every call has an infinitesimal of its own, above those of the calls that it is made in.
_levels = itertools.count(1)


def jvp(function: Callable[..., Any], arrays: Sequence[Any], directions: Sequence[Any]) -> Any:
    """What a function gives of some arrays, and how fast that changes where they move
    along the directions: two of what the function returns.

    Arrays are of floats or exact numbers, or tuples of arrays, such as the parameters
    of a network. A direction is of its array's shape, or None where the array stays,
    as whole numbers and bools do. Floats that the function takes from elsewhere do
    not go together with those that move: give data as an array that stays.
    ValueError where a shape does not fit.

        >>> def f(x):
        ...     return x * x * x
        >>> out, rate = jvp(f, (np.array([2.0, 3.0]),), (np.array([1.0, 10.0]),))
        >>> out.tolist(), rate.tolist()
        ([8.0, 27.0], [12.0, 270.0])
    """
    level, dtypes = next(_levels), set[Any]()

    def move(array: Any, direction: Any) -> Any:
        if isinstance(array, tuple):
            return _each(move, array, direction or [None] * len(array))
        if array is None or (array := np.asarray(array)).dtype.kind not in "fO":
            return array
        dtypes.add(array.dtype)
        direction = np.zeros(array.shape, int) if direction is None else np.asarray(direction)
        if direction.shape != array.shape:
            raise ValueError(
                f"a direction has the shape {direction.shape}, expected {array.shape}, as its "
                "array has it"
            )
        dual = np.frompyfunc(lambda value, slope: Dual(value, slope, level), 2, 1)
        return np.asarray(dual(array.astype(object), direction.astype(object)), object)

    def part(of: Callable[[Any], Any], out: Any) -> Any:
        if out is None:
            return None
        if isinstance(out, tuple):
            return _each(lambda one, _: part(of, one), out, out)
        numbers = np.asarray(np.frompyfunc(of, 1, 1)(np.asarray(out, object)), object)
        if np.dtype(object) in dtypes or any(type(n) not in (float, int) for n in numbers.flat):
            return numbers
        return numbers.astype(np.result_type(*dtypes))

    out = function(*move(tuple(arrays), tuple(directions)))  # (1)
    values = part(lambda number: Dual.of(number, level).value, out)
    return values, part(lambda number: slope_of(number, level), out)


def _each(change: Callable[[Any, Any], Any], arrays: Any, directions: Any) -> Any:
    """The tuple, NamedTuples too, of what becomes of each entry and its direction."""
    parts = [change(*both) for both in zip(arrays, directions, strict=True)]
    return type(arrays)(*parts) if hasattr(arrays, "_fields") else tuple(parts)


def family_hvp(
    family: str, arrays: Sequence[Any], directions: Sequence[Any], dout: Any, **settings: Any
) -> Gradients:
    """The Hessian of sum dout out by all arrays of a family, times a direction: of
    the arrays' shapes, None where a family has no gradient.

    `directions` has an array of the same shape for every array, or None where that
    stays. ValueError for a family that there is not, and where shapes do not fit.

        >>> x, v = np.array([[2.0, 3.0]]), np.array([[1.0, 0.0]])
        >>> family_hvp("squared_error", (x, 0 * x), (v, None), 1.0, reduction="sum")
        (array([[1., 0.]]), array([[-1., -0.]]))
    """
    forward, backward = _passes(family)

    def gradients(dout: Any, *arrays: Any) -> Gradients:
        _, cache = forward(*arrays, **settings)
        return _tuple(backward(dout, cache))

    rates: Gradients = jvp(gradients, (dout, *arrays), (None, *directions))[1]  # (2)
    return rates


def family_per_example_gradients(
    family: str, arrays: Sequence[Any], dout: Any, **settings: Any
) -> Gradients:
    """What every example alone sends back to the arrays of a family: of their shapes,
    with an axis of the examples in front, None where a family has no gradient.

    Examples are the rows of out and dout; of a loss with reduction="none". The sum
    over them is what the backward pass gives. ValueError for a family that there is
    not, and where out has no axis.

        >>> x, W = np.array([[2.0], [3.0]]), np.array([[5.0]])
        >>> _, d_W, _ = family_per_example_gradients("affine", (x, W), np.ones((2, 1)))
        >>> d_W.tolist()
        [[[2.0]], [[3.0]]]
    """
    forward, backward = _passes(family)
    out, cache = forward(*arrays, **settings)
    _check_examples([np.shape(one) for one in _tuple(out)])

    each = []
    for n in range(len(_tuple(out)[0])):
        seeds = tuple(_alone(n, one) for one in _tuple(dout))
        each.append(_tuple(backward(seeds if isinstance(dout, tuple) else seeds[0], cache)))  # (3)
    return tuple(None if rows[0] is None else np.stack(rows) for rows in zip(*each, strict=True))


def _alone(n: int, dout: Array) -> Array:
    """dout of example n, and 0 for all others."""
    only = np.full(dout.shape, number(dout, 0), dout.dtype)
    only[n] = dout[n]
    return only


def _check_examples(shapes: Sequence[tuple[int, ...]]) -> None:
    """ValueError where what comes out, of these shapes, has no examples in front."""
    for shape in shapes:
        if not shape:
            raise ValueError('out is a number, expected examples in front: write reduction="none"')
        if not shape[0]:
            raise ValueError(f"out has the shape {shape}, expected at least one example in front")


def _passes(family: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The two passes of a family; ValueError where there is none of the name."""
    names = [name for families in manual.FAMILIES.values() for name in families]
    if family not in names:
        raise ValueError(f"family is {family!r}, expected one of {', '.join(names)}")
    return getattr(manual, f"{family}_forward"), getattr(manual, f"{family}_backward")


def _tuple(out: Any) -> tuple[Any, ...]:
    return out if isinstance(out, tuple) else (out,)
