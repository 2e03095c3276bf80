"""The numbers on which JAX's program of a derivative is carried out: balls of
Arb, so narrow that they may be taken for the numbers in them, or as wide as
what floats of a type may make of these.

A float is a ball without a radius, and sums and products of them keep none as
long as `BITS` suffice: what floats can hold exactly is exact here. Where two
balls overlap, the numbers agree to some seventy digits and are taken to be
equal.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from flint import arb, arb_mat, fmpz

from gradsheet.numbers.enclosures import at
from gradsheet.truth import primitives
from gradsheet.truth.autodiff import Arrays, Function, Numbers, run_exactly
from gradsheet.vjp.program import exactly
from manual.activations import Array

BITS = 256
CHANGED = 32  # roundings that a change of an equation may stand for
SLACK = 4  # times what an operation errs by, for formulas of another form
FLUSHED = 1e-30  # a least normal number below which programs may make numbers 0
LEAST_PRODUCT = 64  # multiplications from which a matrix is worth making


def _log(v: arb) -> arb:
    return arb.neg_inf() if v.is_zero() else v.log()


def _truncated(v: arb) -> int:
    return _int(v.ceil() if v < 0 else v.floor())


def _int(v: arb) -> int:
    """The whole number in a ball, 0 where it is not known."""
    return int(v.unique_fmpz() or fmpz(0))


def _rounded_half_even(v: arb) -> arb:
    low = v.floor()
    rest = v - low
    if rest > 0.5 or (rest.is_exact() and rest == 0.5 and _int(low) % 2):
        return low + 1
    return low


def _power(base: arb, exponent: arb) -> arb:
    if exponent.is_integer():
        return arb(primitives.whole_power(base, _int(exponent)))
    value: arb = arb(0) if base.is_zero() and exponent > 0 else base**exponent
    return value


def _polygamma(order: arb, v: arb) -> arb:
    m = _int(order)
    return (-1) ** (m + 1) * arb(math.factorial(m)) * arb(m + 1).zeta(v) if m else v.digamma()


FUNCTIONS: Mapping[str, Callable[..., arb]] = {
    **{
        name: getattr(arb, name)
        for name in ("exp", "log1p", "expm1", "tanh", "sinh", "cosh", "asinh", "acosh", "atanh")
    },
    **{name: getattr(arb, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2")},
    **{name: getattr(arb, name) for name in ("sqrt", "rsqrt", "erf", "erfc", "lgamma", "digamma")},
    "floor": arb.floor,
    "ceil": arb.ceil,
    "log": _log,
    "pow": _power,
    "exp2": lambda v: arb(2) ** v,
    "exp_neg_sq": lambda v: (-v * v).exp(),
    "cbrt": lambda v: v.root(3) if v >= 0 else -(-v).root(3),
    "erf_inv": arb.erfinv,
    "polygamma": _polygamma,
    "zeta": arb.zeta,
    "igamma": lambda a, v: v.gamma_lower(a, 1),
    "igammac": lambda a, v: v.gamma_upper(a, 1),
    "regularized_incomplete_beta": lambda a, b, v: v.beta_lower(a, b, 1),
    "bessel_i0e": lambda v: (-abs(v)).exp() * v.bessel_i(0),
    "bessel_i1e": lambda v: (-abs(v)).exp() * v.bessel_i(1),
    "logistic": lambda v: 1 / (1 + (-v).exp()),
    "round": _rounded_half_even,
    "rem": lambda a, b: a - b * arb(_truncated(a / b)),
}
STEPS = ("floor", "ceil", "round")  # whose values are whole
_JUMPS = (*STEPS, "rem", "bessel_i0e")  # what has no derivative where another whole number begins


def ball(value: Any) -> arb:
    """A number as a ball without a radius."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, arb) else arb(value)


balls: Callable[[Any], Any] = np.frompyfunc(ball, 1, 1)


_is_exact: Callable[[Any], Any] = np.frompyfunc(arb.is_exact, 1, 1)


Outcomes = Mapping[int, tuple[tuple[Any, ...], Array]]


class Deciding(Numbers):
    """Numbers that keep how comparisons came out, in `decisions`, for others to
    follow, and in which equations, in `sites`. Those that are `held`, each with
    its site, come out as is said there."""

    def __init__(self, held: Outcomes | None = None) -> None:
        self.decisions: list[Array] = []
        self.sites: list[tuple[Any, ...]] = []
        self._held = held or {}

    def decided(self, outcome: Array) -> Array:
        """How a comparison comes out, which is kept."""
        site, told = self._held.get(len(self.decisions), ((), outcome))
        outcome = told if site == self.path else outcome
        self.decisions.append(outcome)
        self.sites.append(self.path)
        return outcome


class Balls(Deciding):
    """Balls as narrow as may be."""

    def __init__(self, stopped: list[Array] | None = None, held: Outcomes | None = None) -> None:
        super().__init__(held)
        self.stopped: list[Array] = []  # what was let through with its derivative stopped
        self._follow = None if stopped is None else iter(stopped)

    def exact(self, array: Array) -> Array:
        """An array of floats or whole numbers, as balls."""
        return np.asarray(balls(np.asarray(array).astype(object)), object)

    def function(self, name: str) -> Function | None:
        """A function of balls."""
        if name == "is_finite":
            return lambda v: bool(ball(v).is_finite())
        function = FUNCTIONS.get(name)
        return None if function is None else lambda *values: function(*map(ball, values))

    def product(self, a: Array, b: Array) -> Array:
        """The products of matrices, batch by batch: Arb's own are the fastest."""
        rows, inner, columns = *a.shape[-2:], b.shape[-1]
        if rows * inner * columns < LEAST_PRODUCT:
            return super().product(a, b)
        found = [
            (
                arb_mat(rows, inner, one.ravel().tolist())
                * arb_mat(inner, columns, two.ravel().tolist())
            ).entries()
            for one, two in zip(
                a.reshape(-1, rows, inner), b.reshape(-1, inner, columns), strict=True
            )
        ]
        return np.array(found, object).reshape(*a.shape[:-2], rows, columns)

    def order(self, a: Array, b: Array, *, locates: bool = False) -> Array:
        """The order of pairs; of those that overlap, 0."""
        return self.decided(super().order(a, b))

    def ranks(self, a: Array) -> Array:
        """The ranks by the midpoints, equal where balls overlap."""
        flat, ranks = a.reshape(-1), np.zeros(a.size, int)
        places = sorted(range(a.size), key=lambda k: _Key(ball(flat[k])))
        for before, place in itertools.pairwise(places):
            ranks[place] = ranks[before] + bool(flat[before] < flat[place])
        return self.decided(ranks.reshape(a.shape))

    def computed(self, name: str, inputs: Arrays, result: Array, params: Any) -> Array:
        """A result; of one that jumps it is decided between which whole numbers."""
        if name in _JUMPS:
            self.decided(self._whole_part(name, inputs, result))
        return result

    def _whole_part(self, name: str, inputs: Arrays, result: Array) -> Array:
        if name == "bessel_i0e":  # exp(-|x|) I_0(x): on the one side of 0 or the other
            return Numbers.order(self, inputs[0], np.asarray(arb(0), object))
        return self.whole(balls(inputs[0]) / balls(inputs[1]) if name == "rem" else result)

    def whole(self, a: Array) -> Array:
        """The whole numbers towards 0 from balls."""
        return np.asarray(np.frompyfunc(lambda v: _truncated(ball(v)), 1, 1)(a)).astype(int)

    def let_through(self, a: Array) -> Array:
        """What lets no derivative through: as it was without a nudge, where
        that is known."""
        if self._follow is not None:
            return next(self._follow)
        self.stopped.append(a)
        return a


class _Key:
    """A ball as it is sorted: those that overlap are not told apart."""

    __slots__ = ("value",)

    def __init__(self, value: arb):
        self.value = value

    def __lt__(self, other: "_Key") -> bool:
        return bool(self.value < other.value)


class Decided(Balls):
    """Balls of which comparisons come out as they are told to, but those that find
    where something stands, which come out as they did."""

    def __init__(self, made: list[Array], told: list[Array]):
        super().__init__()
        self._made, self._told = iter(made), iter(told)

    def order(self, a: Array, b: Array, *, locates: bool = False) -> Array:
        """The order that is told."""
        made, told = next(self._made), next(self._told)
        return made if locates else told

    def ranks(self, a: Array) -> Array:
        """The ranks as they were."""
        next(self._told)
        return next(self._made)

    def computed(self, name: str, inputs: Arrays, result: Array, params: Any) -> Array:
        """A result."""
        if name in _JUMPS:
            next(self._made), next(self._told)
        return result


class RoundedBalls(Balls):
    """Balls that hold whatever floats of a type make of a program, in any order
    of its sums (N. Higham, Accuracy and Stability of Numerical Algorithms, 2002,
    sections 2.2 and 3.1).

    `bits` are those of a significand, `tiny` the least normal number. An
    operation errs by a factor 1 + d, |d| <= u, a function by twice that, a sum
    of n terms by n u times their sizes, unless floats hold whatever is on the way.
    The unit u is `SLACK` times that of the type, and what is given is off by as
    much, unless it is `held`: the same function has other formulas. Decisions are
    those of the narrow balls; `unsure` counts those that floats may take in
    another way.
    """

    def __init__(self, bits: int, tiny: float, decisions: list[Array]):
        super().__init__()
        u = SLACK * arb(2) ** -bits
        least = tiny if tiny < FLUSHED else u * tiny
        self.bits, self.tiny, self.unsure = bits, arb(0, least), 0
        self.u, self.once, self.twice = u, arb(1, u), arb(1, 2 * u)
        self._made = iter(decisions)
        self._hold = np.frompyfunc(self._fits, 1, 1)

    def given(self, a: Array, *, held: bool) -> Array:
        """What the program is given: as it is, or off by a rounding."""
        return a if held else np.asarray(balls(a) * self.once, object)

    def exact(self, array: Array) -> Array:
        """An array of floats as balls, rounded where the type does not hold them."""
        return self._rounded(super().exact(array), self.once)

    def order(self, a: Array, b: Array, *, locates: bool = False) -> Array:
        """The order that was found before."""
        order = next(self._made)
        mine = Numbers.order(self, a, b)
        self.unsure += int(np.count_nonzero(mine != order))
        return order

    def ranks(self, a: Array) -> Array:
        """The ranks that were found before."""
        ranks = next(self._made)
        flat = a.reshape(-1)[np.argsort(ranks, None, kind="stable")]
        apart = np.diff(np.sort(ranks, None)) > 0
        self.unsure += int(np.count_nonzero(apart & ~(flat[:-1] < flat[1:]).astype(bool)))
        return ranks

    def computed(self, name: str, inputs: Arrays, result: Array, params: Any) -> Array:
        """A result with what is rounded on the way to it."""
        if name in _JUMPS:
            mine = self._whole_part(name, inputs, result)
            self.unsure += int(np.count_nonzero(mine != next(self._made)))
        if name in ("add", "sub", "add_any", "mul", "square", "integer_pow", "one_minus_square"):
            return self._rounded(result, self.once)
        if name == "div":
            divisors = np.asarray(balls(np.broadcast_to(inputs[1], result.shape)), object)
            return np.asarray(np.frompyfunc(self._quotient, 2, 1)(result, divisors), object)
        if name in primitives.SUMS or name in primitives.SUMS_OF_PRODUCTS:
            return self._sum(name, inputs, result, params)
        if name in STEPS or name == "is_finite":
            return result
        if name == "triangular_solve":
            off = _solved_off(inputs[0], inputs[1], **params)
            wide = arb(0, self.u * 2)
            return np.asarray(np.asarray(balls(result), object) + off * wide + self.tiny, object)
        if name in ("cumprod", "reduce_prod"):
            wide = arb(1, self.u * 2 * max(inputs[0].shape))
            return self._each(lambda v: v * wide + self.tiny, result)
        return self._rounded(result, self.twice)

    @staticmethod
    def _each(function: Callable[[arb], Any], array: Array) -> Array:
        return np.asarray(np.frompyfunc(lambda v: function(ball(v)), 1, 1)(array), object)

    def _rounded(self, result: Array, factor: arb) -> Array:
        """A result times 1 + d, where floats do not hold it."""
        result = np.asarray(balls(result), object)
        wide = np.asarray(result * factor + self.tiny, object)
        is_exact = np.asarray(_is_exact(result), bool)
        if not is_exact.any():
            return wide
        return np.where(is_exact & np.asarray(self._hold(result), bool), result, wide)

    def _fits(self, v: arb) -> bool:
        return bool(v.is_exact()) and (
            not v.is_finite() or int(v.man_exp()[0]).bit_length() <= self.bits
        )

    def _quotient(self, v: arb, divisor: arb) -> arb:
        """A quotient; some multiply by the reciprocal, which is rounded."""
        if self._fits(v) and divisor.is_exact() and abs(int(divisor.man_exp()[0])) <= 1:
            return v
        return v * self.twice + self.tiny

    def changed(self, a: Array) -> Array:
        """A result that was changed, as if by some operations more."""
        if a.dtype != object or not a.size:
            return a
        most = max(float(abs(v).upper()) for v in entries(a))
        return np.asarray(a + arb(0, CHANGED * self.u * most), object)

    def _sum(self, name: str, inputs: Arrays, result: Array, params: Any) -> Array:
        """A sum of many terms, in whatever order they are added up."""
        of_products = name in primitives.SUMS_OF_PRODUCTS
        rule = (primitives.SUMS_OF_PRODUCTS if of_products else primitives.SUMS)[name]
        is_scatter = name.startswith("scatter")
        arrays = [
            a if is_scatter and k == 1 else np.asarray(balls(a), object)
            for k, a in enumerate(inputs)
        ]
        more = {"product": self.product} if of_products else {}
        absolute = [np.asarray(abs(a), object) if a.dtype == object else a for a in arrays]
        sizes = np.asarray(balls(rule(*absolute, **more, **params)), object)
        terms = [a for a in arrays if a.dtype == object]
        products = terms if of_products else terms[:1]
        grid = sum(_grid(a) for a in products) if not is_scatter else min(map(_grid, terms))
        most = 2.0 ** min(self.bits + grid, 1000) if grid > -math.inf else 0
        error = arb(0, self.u * (most_terms(name, arrays, result, params) + 1))

        result = np.asarray(balls(result), object)
        wide = np.asarray(result + sizes * error + self.tiny, object)
        if not most:
            return wide
        held = np.frompyfunc(lambda size: bool(size.is_exact() and size <= most), 1, 1)(sizes)
        return np.where(np.asarray(held, bool), result, wide)


def _solved_off(a: Array, b: Array, left_side: bool, **params: Any) -> Array:
    """How far a solution of a triangular system is off, in units of a rounding of
    one operation (Higham, section 8.2): 2 (n + 2) M^-1 D M^-1 |b|, where M has the
    sizes of the diagonal D of A, and those of all else with a minus."""
    a, b = abs(np.asarray(balls(a), object)), abs(np.asarray(balls(b), object))
    n = a.shape[-1]
    diagonal = a[..., range(n), range(n)]
    compared = -a
    compared[..., range(n), range(n)] = diagonal
    if params["unit_diagonal"]:
        diagonal = diagonal * 0 + 1
    solve = primitives.PRODUCTS["triangular_solve"]
    first = solve(compared, b, left_side=left_side, **params)
    weighed = first * (diagonal[..., :, None] if left_side else diagonal[..., None, :])
    second = solve(compared, weighed, left_side=left_side, **params)
    return np.asarray(abs(second) * 2 * (n + 2), object)


def _grid(a: Array) -> float:
    """The least power of two of which all entries are multiples; -inf where they are none."""
    if not np.asarray(_is_exact(a), bool).all():
        return -math.inf
    least = math.inf
    for v in a.flat:
        if v.is_finite() and not v.is_zero():
            least = min(least, int(v.man_exp()[1]))
    return 0 if least == math.inf else least


def most_terms(name: str, inputs: Arrays, result: Array, params: Any) -> int:
    """How many terms are added up for an entry, at most."""
    shape = inputs[0].shape
    match name:
        case "dot_general":
            (summed, _), _ = params["dimension_numbers"]
            return math.prod(int(shape[k]) for k in summed)
        case "conv_general_dilated":
            return inputs[1].size // len(inputs[1].transpose(params["dimension_numbers"].rhs_spec))
        case "cumsum":
            return int(shape[params["axis"]])
        case "reduce_window_sum":
            return math.prod(params["window_dimensions"])
        case "reduce_sum":
            return inputs[0].size // max(result.size, 1)
    return inputs[-1].size + 1


def run(program: Any, arrays: Arrays, numbers: Balls, bits: int = BITS) -> list[Array]:
    """What a program gives for arrays of balls."""
    with exactly():  # of random numbers the bits are whole numbers of 64
        return at(bits, run_exactly, program, arrays, numbers)


def entries(a: Array) -> Iterator[arb]:
    """The balls of an array, one by one."""
    return map(ball, a.flat)
