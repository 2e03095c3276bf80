"""Floats, each with a bound on how far off it may be: what large functions are
carried out on, where balls of many digits take too long.

A float and its bound are the two parts of one complex number, so that whatever
moves numbers about moves both. What is computed gets a bound of its own, from
those of its operands and from the rounding of float64 and of the type that is
judged (N. Higham, Accuracy and Stability of Numerical Algorithms, 2002, sections
2.2 and 3.1):

    a + b      e_a + e_b + u |a + b|
    a b        |a| e_b + e_a |b| + e_a e_b + u |a b|
    f(a)       the larger of |f(a - e) - f(a)|, |f(a + e) - f(a)|, + 2 u |f(a)|
    a sum      the sum of the bounds + n u times that of the sizes
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradsheet.truth import primitives
from gradsheet.truth.autodiff import Arrays
from gradsheet.vjp.balls import FLUSHED, SLACK, Deciding, Outcomes, most_terms
from gradsheet.vjp.mutants import FLOATS
from manual.activations import Array

DOUBLE = 2.0**-53
_STEADY = ("sin", "cos")  # |f'| <= 1, and neither rising nor falling


def value(a: Array) -> Array:
    """The floats."""
    return np.asarray(a.real)


def error(a: Array) -> Array:
    """How far off they may be."""
    return np.asarray(abs(a.imag))


class Wide(Deciding):
    """Floats with their bounds, for a type with significands of so many `bits`.
    `unsure` counts comparisons that floats may decide otherwise."""

    def __init__(self, bits: int, tiny: float, held: Outcomes | None = None):
        super().__init__(held)
        self.bits, self.u = bits, SLACK * 2.0**-bits + DOUBLE
        self.tiny = tiny if tiny < FLUSHED else tiny * 2.0**-bits
        self.unsure = 0

    def exact(self, array: Array) -> Array:
        """An array of floats or whole numbers, off by what the type does not hold."""
        a = np.asarray(array, float)
        mantissa, _ = np.frexp(a)
        is_held = np.ldexp(mantissa, self.bits) % 1 == 0
        return np.asarray(a + 1j * np.where(is_held | ~np.isfinite(a), 0, abs(a) * self.u))

    def holds(self, a: Array) -> bool:
        """Whether an array is of floats with their bounds."""
        return getattr(a.dtype, "kind", "") == "c"  # keys of random numbers have none

    def order(self, a: Array, b: Array, *, locates: bool = False) -> Array:
        """The order of the floats."""
        apart, slack = abs(value(a) - value(b)), error(a) + error(b)
        self.unsure += int(np.count_nonzero((apart <= slack) & (slack > 0)))
        return self.decided(
            np.asarray((value(a) > value(b)).astype(np.int8) - (value(a) < value(b)))
        )

    def ranks(self, a: Array) -> Array:
        """The ranks of the floats."""
        return self.decided(np.unique(value(a), return_inverse=True)[1].reshape(a.shape))

    def whole(self, a: Array) -> Array:
        """The whole numbers towards 0."""
        return np.trunc(value(a)).astype(int)

    def applied(self, name: str, inputs: Arrays) -> Array | None:
        """A function of each number, whichever way it turns."""
        if name == "is_finite":
            return np.isfinite(value(inputs[0]))
        if (function := _ARRAYS.get(name)) is None or len(inputs) > 1:
            return None
        a, e = value(inputs[0]), error(inputs[0])
        at = function(a)
        if name in _STEADY:
            moved = e
        else:
            moved = np.maximum(abs(function(a - e) - at), abs(function(a + e) - at))
            moved = np.where(e > 0, np.nan_to_num(moved, nan=np.inf, posinf=np.inf), 0)
        return np.asarray(at + 1j * (moved + 2 * self.u * abs(at) + self.tiny))

    def product(self, a: Array, b: Array) -> Array:
        """The products of matrices, with the bounds of what is added up."""
        sizes = primitives.matrix_product(abs(value(a)), abs(value(b)))
        widest = primitives.matrix_product(abs(value(a)) + error(a), abs(value(b)) + error(b))
        off = widest - sizes + (a.shape[-1] + 2) * self.u * widest + self.tiny
        return np.asarray(primitives.matrix_product(value(a), value(b)) + 1j * off)

    def computed(self, name: str, inputs: Arrays, result: Array, params: Any) -> Array:
        """A result with its bound."""
        if name in primitives.SUMS_OF_PRODUCTS or name in _ARRAYS or name == "is_finite":
            return result
        if name in _BOUNDS:
            found, off = _BOUNDS[name](*inputs, self.u, **params)
        elif name in primitives.SUMS:
            rule = primitives.SUMS[name]
            arrays = [value(a) if self.holds(a) else a for a in inputs]
            found = rule(*arrays, **params)
            sizes = rule(*[abs(value(a)) if self.holds(a) else a for a in inputs], **params)
            errors = rule(*[error(a) if self.holds(a) else a for a in inputs], **params)
            off = errors + most_terms(name, inputs, result, params) * self.u * (sizes + errors)
        elif name in ("cumprod", "reduce_prod"):
            rule, a = primitives.PRODUCTS[name], inputs[0]
            found, widest = rule(value(a), **params), rule(abs(value(a)) + error(a), **params)
            off = widest - abs(found) + 2 * max(a.shape) * self.u * widest
        else:
            found, off = value(result), np.full(result.shape, np.inf)
        return np.asarray(found + 1j * (off + self.tiny))


def _sum(sign: int) -> Callable[..., Any]:
    def bound(a: Array, b: Array, u: float, **_: Any) -> tuple[Array, Array]:
        found = value(a) + sign * value(b)
        return found, error(a) + error(b) + u * abs(found)

    return bound


def _product(a: Array, b: Array, u: float, **_: Any) -> tuple[Array, Array]:
    widest = (abs(value(a)) + error(a)) * (abs(value(b)) + error(b))
    found = value(a) * value(b)
    return found, widest - abs(found) + 2 * u * widest


def _quotient(a: Array, b: Array, u: float, **_: Any) -> tuple[Array, Array]:
    found, least = value(a) / value(b), abs(value(b)) - error(b)
    off = np.where(least > 0, (error(a) + abs(found) * error(b)) / least, np.inf)
    return found, off + 2 * u * abs(found)


def _square(a: Array, u: float, **_: Any) -> tuple[Array, Array]:
    return _product(a, a, u)


def _one_minus_square(a: Array, u: float, **_: Any) -> tuple[Array, Array]:
    square, off = _product(a, a, u)
    return 1 - square, off + u * abs(1 - square)


def _power(a: Array, u: float, y: int, **_: Any) -> tuple[Array, Array]:
    found, size = value(a) ** float(y), abs(value(a))
    least = np.maximum(size - error(a), 0)
    off = np.maximum(
        abs((size + error(a)) ** float(y) - abs(found)), abs(least ** float(y) - abs(found))
    )
    return found, np.where(error(a) > 0, off, 0) + (abs(y) + 1) * u * abs(found)


_BOUNDS: Mapping[str, Callable[..., tuple[Array, Array]]] = {
    "add": _sum(1),
    "add_any": _sum(1),
    "sub": _sum(-1),
    "mul": _product,
    "div": _quotient,
    "square": _square,
    "one_minus_square": _one_minus_square,
    "integer_pow": _power,
}
_ARRAYS: Mapping[str, Callable[[Array], Array]] = {
    name: getattr(np, name, None) or np.vectorize(function, [float])
    for name, function in FLOATS.items()
    if name not in ("atan2", "pow", "rem", "is_finite")
}
