"""The gate to python-flint: what is a ball there is a Fraction, Decimal or
float here.

A ball [m ± r] of Arb encloses a real number (F. Johansson, Arb: efficient
arbitrary-precision midpoint-radius interval arithmetic, 2017). What to know:

- Of balls that overlap every comparison is False, `!=` too: only True is proof.
- log(-1) and 1 / [0 ± r] are no error but a ball without bounds.
- A ball to the power of an int is one without bounds as well where it holds 0.
- How many bits are kept is a global of the library. `at` alone sets it, and
  puts it back. Should another thread set it meanwhile, enclosures get wider or
  narrower, and stay true.
"""

from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
from flint import arb, arb_mat, ctx, fmpq
from numpy.typing import NDArray

T = TypeVar("T")

GUARD = 16  # bits beyond the digits: a ball's bounds grow faster than those of an interval
MAX_SHIFT = 100_000  # bits up to which the end of an enclosure is written out


def bits_of(digits: int) -> int:
    """How many bits balls of so many digits have."""
    return digits * 3322 // 1000 + GUARD


def at(bits: int, operation: Callable[..., T], *operands: Any) -> T:
    """What an operation gives where so many bits are kept."""
    before, ctx.prec = ctx.prec, bits
    try:
        return operation(*operands)
    finally:
        ctx.prec = before


def ball_of(value: Fraction, bits: int) -> arb:
    """A fraction, enclosed."""
    return at(bits, arb, fmpq(value.numerator, value.denominator))


def magnitude(ball: arb) -> int:
    """A number k so that all numbers of the ball are within ±2^k."""
    mantissa, exponent = ball.abs_upper().man_exp()
    return int(mantissa).bit_length() + int(exponent)


def ends(ball: arb, digits: int) -> tuple[Decimal, Decimal]:
    """The least and the largest number of a ball, rounded outwards to so many
    digits.

    What is beyond all decimals lies between the last one and infinity, or 0.
    """
    limits: Any = {"prec": digits, "Emax": MAX_EMAX, "Emin": MIN_EMIN, "traps": []}
    down, up = Context(rounding=ROUND_FLOOR, **limits), Context(rounding=ROUND_CEILING, **limits)
    low, high = (at(bits_of(digits), end, ball) for end in (arb.lower, arb.upper))
    return _end(low, down, Context.next_minus), _end(high, up, Context.next_plus)


def _end(end: arb, context: Context, next_out: Callable[[Context, Decimal], Decimal]) -> Decimal:
    """One end in a context that rounds outwards, the direction in which `next_out` goes."""
    mantissa, exponent = map(int, end.man_exp())
    if abs(exponent) <= MAX_SHIFT:
        top, bottom = max(exponent, 0), max(-exponent, 0)
        return context.divide(Decimal(mantissa << top), Decimal(1 << bottom))
    wide = Context(context.prec + GUARD, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
    rounded = wide.multiply(Decimal(mantissa), wide.power(Decimal(2), exponent))
    outwards = next_out(context, rounded)
    return outwards if (outwards < 0) == (mantissa < 0) else Decimal(0)


# Arrays of balls, which NumPy has as objects


def balls(floats: NDArray[Any]) -> NDArray[Any]:
    """Floats, exactly."""
    return np.asarray(np.frompyfunc(arb, 1, 1)(floats), object)


def matrix(array: NDArray[Any]) -> arb_mat:
    """Floats or balls, (O, I)."""
    rows, columns = array.shape
    return arb_mat(rows, columns, array.ravel().tolist())


def product(array: NDArray[Any], other: arb_mat) -> NDArray[Any]:
    """array @ other, (N, I) @ (I, O) -> (N, O)."""
    entries = np.array((matrix(array) * other).entries(), object)
    return entries.reshape(len(array), other.ncols())


def sign_is_known(ball: arb) -> bool:
    """Whether a ball is on one side of 0, or 0 itself."""
    return bool(ball > 0 or ball < 0 or ball.is_zero())
