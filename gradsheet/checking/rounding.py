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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradsheet.language.functions import facts_of
from gradsheet.network import losses
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from manual import Layer
from manual.activations import ACTIVATIONS, Array, Elementwise, activate, split
from manual.fused import fuse
from manual.jacobians import unit_arrays
from manual.losses import Loss

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
        times = operations**0.5 if self.sharp else operations
        return SLACK * times * (self.u * sizes + self.tiny)

    def together(self, one: Array, other: Array) -> Array:
        """Two errors, which may add up, and likely are independent."""
        return np.hypot(one, other) if self.sharp else one + other

    def product(self, a: Array, b: Array) -> Array:
        """The errors that come out of a product with these in one factor."""
        return np.sqrt((a * a) @ (b * b)) if self.sharp else a @ b

    def total(self, errors: Array, axis: int | tuple[int, ...] | None) -> Array:
        """The error of a sum of what errs by these."""
        return np.asarray(np.sqrt((errors * errors).sum(axis)) if self.sharp else errors.sum(axis))

    def exactly(self, value: Any) -> "BallArray":
        """Numbers that are given, not computed; of fractions no unit is kept."""
        array = np.asarray(value, float)
        unit = 1.0 if (array == np.round(array)).all() else 0.0
        return BallArray(array, np.zeros(array.shape), self, unit)


@dataclass(eq=False)
class BallArray:
    """An array, a bound on the error of each entry, and a `unit` that all are
    multiples of where nothing is rounded; else it is 0."""

    value: Array
    error: Array
    precision: Precision
    unit: float = 0.0

    def rounded(
        self, value: Array, error: Array, sizes: Array, unit: float = 0.0, operations: int = 1
    ) -> "BallArray":
        """Make the result of operations in which sums of such absolute values
        come up; `unit` is that of exact ones."""
        if sizes.max(initial=0) >= unit * self.precision.most_units:
            unit = 0.0
        nothing = unit and self.precision.is_few_bits
        off = 0 * sizes if nothing else self.precision.off(sizes, operations)
        return BallArray(value, self.precision.together(error, off), self.precision, unit)

    @property
    def is_exact(self) -> bool:
        """Whether floats round nothing on the way here."""
        return self.unit != 0

    @property
    def size(self) -> Array:
        """The largest absolute values that there may be."""
        return abs(self.value) + self.error

    @property
    def T(self) -> "BallArray":  # noqa: N802
        """The transpose."""
        return BallArray(self.value.T, self.error.T, self.precision, self.unit)

    def __getitem__(self, index: Any) -> "BallArray":
        return BallArray(self.value[index], self.error[index], self.precision, self.unit)

    def __neg__(self) -> "BallArray":
        return BallArray(-self.value, self.error, self.precision, self.unit)

    def __sub__(self, other: "BallArray") -> "BallArray":
        return self + -other

    def __add__(self, other: "BallArray") -> "BallArray":
        sizes, unit = abs(self.value) + abs(other.value), min(self.unit, other.unit)
        error = self.precision.together(self.error, other.error)
        return self.rounded(self.value + other.value, error, sizes, unit)

    def __mul__(self, other: "BallArray") -> "BallArray":
        value = self.value * other.value
        error = self.precision.together(self.error * other.size, abs(self.value) * other.error)
        return self.rounded(value, error, abs(value), self.unit * other.unit)

    def __matmul__(self, other: "BallArray") -> "BallArray":
        value, sizes = self.value @ other.value, abs(self.value) @ abs(other.value)
        product = self.precision.product
        error = self.precision.together(
            product(self.error, other.size), product(abs(self.value), other.error)
        )
        return self.rounded(value, error, sizes, self.unit * other.unit, self.value.shape[-1] + 2)

    def scaled(self, factor: float) -> "BallArray":
        """Multiply by a constant, in a few operations."""
        value = self.value * factor
        denominator = float(factor).as_integer_ratio()[1]
        unit = self.unit / denominator if denominator <= MAX_DENOMINATOR else 0.0
        sizes = np.maximum(abs(self.value), abs(value))
        return self.rounded(value, self.error * abs(factor), sizes, unit, 2)

    def where(self, mask: Array, otherwise: float) -> "BallArray":
        """Itself where the mask is true, and elsewhere a multiple of itself."""
        scaled = self.scaled(otherwise)
        value = np.where(mask, self.value, scaled.value)
        error = np.where(mask, self.error, scaled.error)
        return BallArray(value, error, self.precision, min(self.unit, scaled.unit))

    def sum(self, axis: int | tuple[int, ...] | None) -> "BallArray":
        """Add up along an axis, or along all."""
        value, sizes = np.asarray(self.value.sum(axis)), np.asarray(abs(self.value).sum(axis))
        count = self.value.size // max(1, value.size)
        return self.rounded(
            value, self.precision.total(self.error, axis), sizes, self.unit, count + 1
        )


Balls = dict[str, BallArray]


def rounding_of(problem: Problem, dtype: str, *, sharp: bool = False) -> "Rounding":
    """Take the pass of a network forward, on its float64 numbers, with the
    errors that floats of a type may make.

    A `sharp` bound is not one that nobody can exceed, but that whoever takes
    the right pass most likely keeps: errors are independent and grow as the
    root of their number (N. Higham and T. Mary, 2019), and every unit is live
    that is so without errors.
    """
    network, precision = problem.network, Precision(dtype, sharp=sharp)
    exactly = precision.exactly
    params = [(exactly(W), None if b is None else exactly(b)) for W, b in problem.params]
    zs, hs = [], [exactly(problem.x)]
    for (W, b), activation in zip(params, network.activations, strict=True):
        z = hs[-1] @ W.T
        zs.append(z if b is None else z + b)
        hs.append(_activated(activation, zs[-1]))
    y = None if problem.y is None else exactly(problem.y)
    return Rounding(network, precision, params, y, zs, hs)


def _activated(activation: Any, z: BallArray) -> BallArray:
    """h = f(z)"""
    (name, parameters), h = split(activation), activate(activation, z.value)
    facts, precision = facts_of(activation), z.precision
    if facts.mixes:  # of each exponential the relative error is that of its argument
        u = SLACK * precision.u
        spread = z.error + u * (1 + z.value.max(-1, keepdims=True) - z.value)
        error = h * (spread + (h * spread).sum(-1, keepdims=True) + u * z.value.shape[-1])
        return BallArray(h, error, precision)
    if name == "identity":
        return z
    if facts.kinked and z.is_exact:
        return z.where(z.value > 0, float((*parameters, 0)[0]))
    if facts.dead:
        return BallArray(h, np.where(z.value < -z.error, 0, z.error), precision)
    error = z.error * max([facts.steepest, *map(abs, parameters)])
    if not facts.rational:
        error = error + precision.off(1 + abs(h))
    return BallArray(h, error, precision)


@dataclass(eq=False)
class Rounding:
    """A pass in floats with the errors that it may make, as `rounding_of` takes
    it: z of every layer (N, O), h with the x (N, I) in front, y (N, O) or
    None."""

    network: Network
    precision: Precision
    params: list[tuple[BallArray, BallArray | None]]
    y: BallArray | None
    z: list[BallArray]
    h: list[BallArray]

    # The steps

    def _derivative(self, l: int, order: int) -> BallArray:
        """f'(z_l) or f''(z_l): none changes faster than z, where it does not jump."""
        (name, parameters), z = split(self.network.activations[l - 1]), self.z[l - 1]
        facts, hand = facts_of(name), ACTIVATIONS[name]
        assert isinstance(hand, Elementwise)
        value = (hand.d, hand.dd)[order - 1](z.value, *parameters)
        if facts.rational:
            kinks = facts.kinked and order == 1 and not self.precision.sharp
            # A z is 0 to everybody where there was nothing but zeros to add up.
            is_certain = z.is_exact | ((z.value == 0) & (z.error <= HARDLY * self.precision.tiny))
            jump = (abs(z.value) <= z.error) & ~np.asarray(is_certain) & kinks
            slopes = self.precision.exactly(np.ones(())).scaled(float((*parameters, 1)[0]))
            return BallArray(value, 1.0 * jump, self.precision, 0.0 if jump.any() else slopes.unit)
        error = order * (z.error + self.h[l].error) + 2 * SLACK * self.precision.u
        return BallArray(value, error, self.precision)

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
            return exactly(np.full(yhat.value.shape, 2.0 - order)) if order else yhat
        if loss.factor is not None:
            off = yhat - y
            if order == 2:
                power = exactly(2 + 0 * off.value)
            else:
                power = off.scaled(2) if order else off * off
            return power.scaled(float(loss.factor(yhat.value.shape[-1]) / 2))
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

    def _fused(self) -> tuple[Loss, Array] | None:
        """The loss with the last activation in it, and y, where they are taken
        together, as whoever keeps the sharp bound most likely does."""
        if self.y is None or not (self.precision.sharp and self.network.cancels):
            return None
        return fuse(self.network.activations, str(self.network.loss))[1], self.y.value

    # What comes of them

    def loss(self) -> BallArray:
        """The loss of all examples together."""
        return self._mean(self._loss_shares().sum(None))

    def losses(self) -> BallArray:
        """Of every example, (N,)."""
        return self._loss_shares().sum(-1)

    def _loss_shares(self) -> BallArray:
        if (fused := self._fused()) is None:
            return self._shares(0)
        (loss, y), z = fused, self.z[-1]
        value = loss.value(y, z.value)
        error = (1 + abs(y)) * z.error.max(-1, keepdims=True)
        return z.rounded(value, error, abs(value), operations=2)

    def _last_delta(self, *, alone: bool = False) -> BallArray:
        """dL/dz of the last layer, or that of the loss of every example alone."""

        def shared(ball: BallArray) -> BallArray:
            return ball if alone else self._mean(ball)

        if (fused := self._fused()) is None:
            return self._pulled(len(self.z), shared(self._shares(1)))
        (loss, y), h = fused, self.h[-1]
        times = np.maximum(1, abs(y).sum(-1, keepdims=True))
        sizes = times * h.value + abs(y)
        return shared(h.rounded(loss.d(y, self.z[-1].value), times * h.error, sizes, operations=2))

    def _d_b(self, l: int, delta: BallArray, *, alone: bool = False) -> BallArray | None:
        b = self.params[l - 1][1]
        if b is None:
            return None
        if alone:
            return delta if b.value.ndim else delta.sum(-1)
        return delta.sum(0 if b.value.ndim else None)

    def _to_parameters(self, top: int, delta: BallArray, *, alone: bool = False) -> Balls:
        """(3), by name, of all examples together or of every one `alone`."""
        gradients: Balls = {}
        for l in range(top, 0, -1):
            h = self.h[l - 1]
            gradients[f"W{l}"] = delta[:, :, None] * h[:, None, :] if alone else delta.T @ h
            if (d_b := self._d_b(l, delta, alone=alone)) is not None:
                gradients[f"b{l}"] = d_b
            if l > 1:
                delta = self._pulled(l - 1, delta @ self.params[l - 1][0])
        return gradients

    def gradients(self) -> Balls:
        """dL by the parameters, by name."""
        return self._to_parameters(len(self.z), self._last_delta())

    def per_example_gradients(self) -> Balls:
        """The same of every example's own loss, (N, ...) each."""
        return self._to_parameters(len(self.z), self._last_delta(alone=True), alone=True)

    def jacobian(self, letter: str, top: int) -> Balls:
        """The derivatives of z or h of layer `top`, of its shape in front."""
        node = (self.h[top] if letter == "h" else self.z[top - 1]).value
        rows = []
        for unit_array in unit_arrays(node):
            seed = self.precision.exactly(unit_array)
            rows.append(
                self._to_parameters(top, self._pulled(top, seed) if letter == "h" else seed)
            )
        jacobian = {}
        for name in rows[0]:
            balls = [row[name] for row in rows]
            shape = node.shape + balls[0].value.shape
            value = np.stack([ball.value for ball in balls]).reshape(shape)
            error = np.stack([ball.error for ball in balls]).reshape(shape)
            unit = min(ball.unit for ball in balls)
            jacobian[name] = BallArray(value, error, self.precision, unit)
        return jacobian

    def hvp(self, direction: Sequence[Layer]) -> Balls:
        """The Hessian times a direction, by name."""
        exactly = self.precision.exactly
        rates = [(exactly(V), None if c is None else exactly(c)) for V, c in direction]
        r_z, r_h = [], [exactly(0 * self.h[0].value)]
        for l, ((W, _), (V, c)) in enumerate(zip(self.params, rates, strict=True), 1):
            z = r_h[-1] @ W.T + self.h[l - 1] @ V.T
            r_z.append(z if c is None else z + c)
            r_h.append(self._pulled(l, r_z[-1]))
        d_h, r_d_h = self._mean(self._shares(1)), self._mean(self._shares(2)) * r_h[-1]
        product = {}
        for l in range(len(self.z), 0, -1):
            delta = self._pulled(l, d_h)
            r_delta = self._pulled(l, r_d_h) + self._bent(l, d_h, r_z[l - 1])
            product[f"W{l}"] = r_delta.T @ self.h[l - 1] + delta.T @ r_h[l - 1]
            if (r_b := self._d_b(l, r_delta)) is not None:
                product[f"b{l}"] = r_b
            W, V = self.params[l - 1][0], rates[l - 1][0]
            d_h, r_d_h = delta @ W, r_delta @ W + delta @ V
        return product

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
    """By what factor of 1 one operation in a type of floats may be off."""
    return 2.0 ** -BITS[dtype]


def float_type(name: str) -> Any:
    """NumPy's own type, or that of JAX for one that it does not have."""
    if name != "bfloat16":
        return np.dtype(name)
    import ml_dtypes  # which comes with JAX

    return np.dtype(ml_dtypes.bfloat16)
