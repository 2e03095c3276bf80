"""How far floats may be off: a forward error bound for the pass and whatever is
made of it, (1)-(4) and (R1)-(R4).

Every operation on floats errs by at most a factor 1 + d, |d| <= u, u the unit
roundoff (2^-53 in float64, 2^-24 in float32). A `BallArray` is an array with a
bound on the error of each entry, and the pass here carries it along: a sum of k
products errs by at most (k + 2) u sum |a| |b| in whatever order it is taken (N.
Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), on top of
what a and b err by. The constants are generous, so that other formulas than
these for the same quantities stay inside; f' in particular may come from h as
in 1 - tanh^2.

Where all numbers of an array are multiples of a unit 2^-s, and every sum of |a|
|b| on the way is below 2^(p - s), p the bits of a float, nothing is rounded at
all, and what is right is equal. So a ball keeps its unit as long as that holds:
a forward pass of whole numbers is exact, whatever the number of examples that
the loss is divided by. Formulas of another form may round there all the same,
so the bound stays, but for types of few bits, which it would say nothing about:
to be right in these is to be equal.

    N examples    I inputs of a layer    O units of a layer
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gradsheet.language.functions import facts_of
from gradsheet.network import losses
from gradsheet.network.network import Network
from manual import Layer
from manual.activations import ACTIVATIONS, Array, Elementwise, activate, split
from manual.fused import FUSED
from manual.jacobians import unit_arrays

BITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}  # of a float's significand
# Least with all of them.
TINY = {"bfloat16": 2.0**-126, "float16": 2.0**-14, "float32": 2.0**-126, "float64": 2.0**-1022}
FEW_BITS = ("bfloat16", "float16")  # types in which nothing can be told where anything is rounded
SLACK = 4  # times what one operation errs by, for formulas of another form
HARDLY = 1e9  # times the least number, so much as nothing but zeros may be off
# Times the largest sum, likewise.
MARGIN = {"bfloat16": 1, "float16": 2, "float32": 4, "float64": 4}
MAX_DENOMINATOR = 1024  # of a constant that is a fraction of a power of two


class Precision:
    """A type of floats: its unit roundoff u, the numbers below which it has
    none or not all digits, `tiny`, and how many units a sum may have for
    nothing to be rounded, in formulas of another form too."""

    def __init__(self, dtype: str, *, sharp: bool = False):
        self.sharp = sharp
        self.u, self.tiny, self.is_few_bits = unit_roundoff(dtype), TINY[dtype], dtype in FEW_BITS
        self.most_units = 2.0 ** BITS[dtype] / MARGIN[dtype]

    def off(self, sizes: Array, operations: float = 1) -> Array:
        """What some operations may err by, or are likely to, that give sums of
        such absolute values."""
        return (
            SLACK * (operations**0.5 if self.sharp else operations) * (self.u * sizes + self.tiny)
        )

    def together(self, one: Array, other: Array) -> Array:
        """Two errors, which may add up, and likely are independent."""
        return np.hypot(one, other) if self.sharp else one + other

    def product(self, a: Array, b: Array) -> Array:
        """The errors that come out of a product with these in one factor."""
        return np.sqrt((a * a) @ (b * b)) if self.sharp else a @ b

    def total(self, errors: Array, axis: int | tuple[int, ...] | None) -> Array:
        return np.asarray(np.sqrt((errors * errors).sum(axis)) if self.sharp else errors.sum(axis))

    def exactly(self, value: Any) -> "BallArray":
        """Numbers that are given, not computed; of fractions no unit is kept."""
        array = np.asarray(value, float)
        unit = 1.0 if (array == np.round(array)).all() else None
        return BallArray(array, np.zeros(array.shape), self, unit)


class BallArray:
    """An array, a bound on the error of each entry, and where nothing is
    rounded a `unit` that all are multiples of."""

    def __init__(self, value: Array, error: Array, precision: Precision, unit: float | None = None):
        self.value, self.error, self.precision, self.unit = value, error, precision, unit

    def _rounded(
        self, value: Array, error: Array, sizes: Array, unit: float | None, operations: int = 1
    ) -> "BallArray":
        """The result of operations in which sums of such absolute values come
        up; `unit` is that of exact ones."""
        if unit is not None and sizes.max(initial=0) >= unit * self.precision.most_units:
            unit = None
        off = (
            0 * sizes
            if unit is not None and self.precision.is_few_bits
            else self.precision.off(sizes, operations)
        )
        return BallArray(value, self.precision.together(error, off), self.precision, unit)

    @property
    def is_exact(self) -> bool:
        """Whether floats round nothing on the way here."""
        return self.unit is not None

    @property
    def size(self) -> Array:
        return abs(self.value) + self.error

    @property
    def T(self) -> "BallArray":  # noqa: N802
        return BallArray(self.value.T, self.error.T, self.precision, self.unit)

    def __getitem__(self, index: Any) -> "BallArray":
        return BallArray(self.value[index], self.error[index], self.precision, self.unit)

    def __neg__(self) -> "BallArray":
        return BallArray(-self.value, self.error, self.precision, self.unit)

    def __sub__(self, other: "BallArray") -> "BallArray":
        return self + -other

    def __add__(self, other: "BallArray") -> "BallArray":
        sizes = abs(self.value) + abs(other.value)
        unit = None if self.unit is None or other.unit is None else min(self.unit, other.unit)
        error = self.precision.together(self.error, other.error)
        return self._rounded(self.value + other.value, error, sizes, unit)

    def _unit_times(self, other: "BallArray") -> float | None:
        return None if self.unit is None or other.unit is None else self.unit * other.unit

    def __mul__(self, other: "BallArray") -> "BallArray":
        value = self.value * other.value
        error = self.precision.together(self.error * other.size, abs(self.value) * other.error)
        return self._rounded(value, error, abs(value), self._unit_times(other))

    def __matmul__(self, other: "BallArray") -> "BallArray":
        sizes = abs(self.value) @ abs(other.value)
        product = self.precision.product
        error = self.precision.together(
            product(self.error, other.size), product(abs(self.value), other.error)
        )
        return self._rounded(
            self.value @ other.value,
            error,
            sizes,
            self._unit_times(other),
            self.value.shape[-1] + 2,
        )

    def scaled(self, factor: float) -> "BallArray":
        """A few operations with a constant."""
        value = self.value * factor
        sizes = np.maximum(abs(self.value), abs(value))
        return self._rounded(value, self.error * abs(factor), sizes, self._unit_scaled(factor), 2)

    def _unit_scaled(self, factor: float) -> float | None:
        denominator = float(factor).as_integer_ratio()[1]
        return (
            None if self.unit is None or denominator > MAX_DENOMINATOR else self.unit / denominator
        )

    def where(self, mask: Array, otherwise: float) -> "BallArray":
        """Itself where the mask is true, and elsewhere a multiple of itself."""
        scaled = self.scaled(otherwise)
        unit = None if self.unit is None or scaled.unit is None else min(self.unit, scaled.unit)
        value, error = (
            np.where(mask, *pair)
            for pair in ((self.value, scaled.value), (self.error, scaled.error))
        )
        return BallArray(value, error, self.precision, unit)

    def sum(self, axis: int | tuple[int, ...] | None) -> "BallArray":
        count = self.value.size // max(1, np.size(self.value.sum(axis)))
        sizes = np.asarray(abs(self.value).sum(axis))
        value, error = np.asarray(self.value.sum(axis)), self.precision.total(self.error, axis)
        return self._rounded(value, error, sizes, self.unit, count + 1)


class Rounding:
    """The pass in floats at some parameters and data, with the errors that it
    may make.

    params are (W, b) in float64; x is (N, I), y (N, O) or None; `dtype` is the
    type of those who take the pass. A `sharp` bound is not one that nobody can
    exceed, but that whoever takes the right pass most likely keeps: errors are
    independent and grow as the root of their number (N. Higham and T. Mary,
    2019), and every unit is live that is so without errors.
    """

    def __init__(
        self,
        network: Network,
        params: Sequence[Layer],
        x: Array,
        y: Array | None,
        dtype: str,
        *,
        sharp: bool = False,
    ):
        self.network, self.precision = network, Precision(dtype, sharp=sharp)
        exactly = self.precision.exactly
        self.params = [(exactly(W), None if b is None else exactly(b)) for W, b in params]
        self.y = None if y is None else exactly(y)
        self.z: list[BallArray] = []
        self.h = [exactly(x)]
        for (W, b), activation in zip(self.params, network.activations, strict=True):
            z = self.h[-1] @ W.T
            self.z.append(z if b is None else z + b)
            self.h.append(self._activated(activation, self.z[-1]))

    # The steps

    def _activated(self, activation: Any, z: BallArray) -> BallArray:
        """h = f(z)"""
        (name, parameters), h = split(activation), activate(activation, z.value)
        facts = facts_of(activation)
        if facts.mixes:  # of each exponential the relative error is that of its argument
            spread = z.error + SLACK * self.precision.u * (
                1 + z.value.max(-1, keepdims=True) - z.value
            )
            error = h * (
                spread
                + (h * spread).sum(-1, keepdims=True)
                + SLACK * z.value.shape[-1] * self.precision.u
            )
            return BallArray(h, error, self.precision)
        if name == "identity":
            return z
        if facts.kinked and z.is_exact:
            return z.where(z.value > 0, float((*parameters, 0)[0]))
        if facts.dead:
            return BallArray(h, np.where(z.value < -z.error, 0, z.error), self.precision)
        error = z.error * max([facts.steepest, *map(abs, parameters)])
        if not facts.rational:
            error = error + self.precision.off(1 + abs(h))
        return BallArray(h, error, self.precision)

    def _derivative(self, l: int, order: int) -> BallArray:
        """f'(z_l) or f''(z_l): none changes faster than z, where it does not jump."""
        (name, parameters), z = split(self.network.activations[l - 1]), self.z[l - 1]
        facts, hand = facts_of(name), ACTIVATIONS[name]
        assert isinstance(hand, Elementwise)
        value = (hand.value, hand.d, hand.dd)[order](z.value, *parameters)
        if facts.rational:
            kinks = facts.kinked and order == 1 and not self.precision.sharp
            jump = (abs(z.value) <= z.error) & ~self._are_certain(z) & kinks
            slopes = self.precision.exactly(np.ones(())).scaled(float((*parameters, 1)[0]))
            return BallArray(value, 1.0 * jump, self.precision, None if jump.any() else slopes.unit)
        error = order * (z.error + self.h[l].error) + 2 * SLACK * self.precision.u
        return BallArray(value, error, self.precision)

    def _are_certain(self, z: BallArray) -> Array:
        """Where z has one sign for everybody: nothing was rounded, or there was
        nothing but zeros to add up."""
        return np.asarray(z.is_exact | ((z.value == 0) & (z.error <= HARDLY * self.precision.tiny)))

    def _pulled(self, l: int, d_h: BallArray) -> BallArray:
        """(2)"""
        if not facts_of(self.network.activations[l - 1]).mixes:
            return d_h * self._derivative(l, 1)
        h = self.h[l]
        return h * (d_h - (d_h * h).sum(-1)[..., None])

    def _mean(self, ball: BallArray) -> BallArray:
        return ball.scaled(1 / len(self.h[0].value)) if self.network.reduction == "mean" else ball

    def _shares(self, order: int) -> BallArray:
        """The share of every output and example in the loss, or its first or second derivative."""
        loss, exactly = losses.of(self.network.loss), self.precision.exactly
        yhat, y = self.h[-1], self.y
        if y is None:
            return (yhat, exactly(np.ones(yhat.value.shape)), exactly(np.zeros(yhat.value.shape)))[
                order
            ]
        if loss.factor is not None:
            factor = float(loss.factor(yhat.value.shape[-1]) / 2)
            off = yhat - y
            powers = (lambda: off * off, lambda: off.scaled(2), lambda: exactly(2 + 0 * off.value))
            return powers[order]().scaled(factor)
        assert loss.probabilities, f"no bound for the errors of {loss.name}"
        share = self._logarithm(order, y.value, yhat)
        if not loss.both:
            return share
        other = self._logarithm(order, 1 - y.value, exactly(np.ones(yhat.value.shape)) - yhat)
        return share - other if order == 1 else share + other

    def _logarithm(self, order: int, y: Array, p: BallArray) -> BallArray:
        """-y log(p), or a derivative."""
        base = np.where(y == 0, 1, p.value)
        value = (-y * np.log(base), -y / base, y / base**2)[order]
        rate = abs(y) / base ** (order + 1) * max(1, order)
        error = 2 * rate * p.error + self.precision.off(abs(value) + rate * base, 2)
        return BallArray(value, error, self.precision)

    # What comes of them

    def loss(self) -> BallArray:
        return self._mean(self._loss_shares().sum(None))

    def losses(self) -> BallArray:
        """Of every example, (N,)."""
        return self._loss_shares().sum(-1)

    @property
    def _is_fused(self) -> bool:
        """Whether loss and last activation are taken together, as whoever keeps
        the sharp bound most likely does."""
        return self.precision.sharp and self.network.cancels

    def _loss_shares(self) -> BallArray:
        if not self._is_fused or self.y is None:
            return self._shares(0)
        y, z = self.y.value, self.z[-1]
        value = FUSED[str(self.network.loss), split(self.network.activations[-1])[0]].value(
            y, z.value
        )
        error = (1 + abs(y)) * z.error.max(-1, keepdims=True)
        return BallArray(
            value, self.precision.together(error, self.precision.off(abs(value), 2)), self.precision
        )

    def _ending(self) -> tuple[BallArray, bool]:
        """dL/dyhat of every example's own loss, or dL/dz where that is taken at
        once, and whether it is the first."""
        if not self._is_fused or self.y is None:
            return self._shares(1), True
        y, h = self.y.value, self.h[-1]
        value = FUSED[str(self.network.loss), split(self.network.activations[-1])[0]].d(
            y, self.z[-1].value
        )
        times = np.maximum(1, abs(y).sum(-1, keepdims=True))
        off = self.precision.off(times * h.value + abs(y), 2)
        return BallArray(
            value, self.precision.together(times * h.error, off), self.precision
        ), False

    def _deltas(
        self, top: int, seed: BallArray, *, activated: bool = True
    ) -> Iterator[tuple[int, BallArray, BallArray]]:
        """The layers from the top with delta_l (N, O) and h_(l-1) (N, I)."""
        d_h = seed
        for l in range(top, 0, -1):
            delta = self._pulled(l, d_h) if activated or l < top else d_h
            yield l, delta, self.h[l - 1]
            d_h = delta @ self.params[l - 1][0]

    def _d_b(self, l: int, delta: BallArray) -> BallArray | None:
        b = self.params[l - 1][1]
        return None if b is None else delta.sum(0 if b.value.ndim else None)

    def _to_parameters(self, top: int, seed: BallArray, **options: bool) -> dict[str, BallArray]:
        """(3), by name."""
        found: dict[str, BallArray] = {}
        for l, delta, h in self._deltas(top, seed, **options):
            found[f"W{l}"] = delta.T @ h
            if (d_b := self._d_b(l, delta)) is not None:
                found[f"b{l}"] = d_b
        return found

    def gradients(self) -> dict[str, BallArray]:
        """dL by the parameters, by name."""
        seed, activated = self._ending()
        return self._to_parameters(len(self.z), self._mean(seed), activated=activated)

    def per_example_gradients(self) -> dict[str, BallArray]:
        found: dict[str, BallArray] = {}
        seed, activated = self._ending()
        for l, delta, h in self._deltas(len(self.z), seed, activated=activated):
            found[f"W{l}"] = delta[:, :, None] * h[:, None, :]
            if (b := self.params[l - 1][1]) is not None:
                found[f"b{l}"] = delta if b.value.ndim else delta.sum(-1)
        return found

    def jacobian(self, letter: str, top: int) -> dict[str, BallArray]:
        """The derivatives of z or h of layer `top`, of its shape in front."""
        node = (self.h[top] if letter == "h" else self.z[top - 1]).value
        seeds = map(self.precision.exactly, unit_arrays(node))
        rows = [self._to_parameters(top, seed, activated=letter == "h") for seed in seeds]
        found = {}
        for name in rows[0]:
            value, error = (
                np.stack([getattr(row[name], part) for row in rows]) for part in ("value", "error")
            )
            shape = node.shape + value.shape[1:]
            units = [unit for row in rows if (unit := row[name].unit) is not None]
            unit = min(units) if len(units) == len(rows) else None
            found[name] = BallArray(
                value.reshape(shape), error.reshape(shape), self.precision, unit
            )
        return found

    def hvp(self, direction: Sequence[Layer]) -> dict[str, BallArray]:
        """The Hessian times a direction, by name."""
        exactly = self.precision.exactly
        rates = [(exactly(V), None if c is None else exactly(c)) for V, c in direction]
        r_z, r_h = [], [exactly(0 * self.h[0].value)]
        for l, ((W, _), (V, c)) in enumerate(zip(self.params, rates, strict=True), 1):
            z = r_h[-1] @ W.T + self.h[l - 1] @ V.T
            r_z.append(z if c is None else z + c)
            r_h.append(self._pulled(l, r_z[-1]))
        d_h, r_d_h = self._mean(self._shares(1)), self._mean(self._shares(2)) * r_h[-1]
        found = {}
        for l in range(len(self.z), 0, -1):
            delta = self._pulled(l, d_h)
            r_delta = self._pulled(l, r_d_h) + self._bent(l, d_h, r_z[l - 1])
            found[f"W{l}"] = r_delta.T @ self.h[l - 1] + delta.T @ r_h[l - 1]
            if (r_b := self._d_b(l, r_delta)) is not None:
                found[f"b{l}"] = r_b
            W, V = self.params[l - 1][0], rates[l - 1][0]
            d_h, r_d_h = delta @ W, r_delta @ W + delta @ V
        return found

    def _bent(self, l: int, d_h: BallArray, r_z: BallArray) -> BallArray:
        if not facts_of(self.network.activations[l - 1]).mixes:
            return d_h * r_z * self._derivative(l, 2)
        h, r_h = self.h[l], self._pulled(l, r_z)
        return r_h * (d_h - (d_h * h).sum(-1)[..., None]) - h * (d_h * r_h).sum(-1)[..., None]


def within(a: Array, b: Array, allowed: Any) -> Array:
    """Where numbers are so close; an infinity is to its like, and NaN to NaN."""
    with np.errstate(invalid="ignore"):
        return np.asarray((abs(a - b) <= allowed) | (a == b) | (np.isnan(a) & np.isnan(b)))


def unit_roundoff(dtype: str) -> float:
    return 2.0 ** -BITS[dtype]


def float_type(name: str) -> Any:
    """NumPy's own type, or that of JAX for one that it does not have."""
    if name != "bfloat16":
        return np.dtype(name)
    import ml_dtypes  # which comes with JAX

    return np.dtype(ml_dtypes.bfloat16)
