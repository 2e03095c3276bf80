"""How far floats may be off: a forward error bound for the pass and whatever is made of it, (1)-(4) and (R1)-(R4).

Every operation on floats errs by at most a factor 1 + d, |d| <= u, u the unit roundoff (2^-53 in float64, 2^-24 in
float32). A `Ball` is an array with a bound on the error of each entry, and the pass here carries it along: a sum of k
products errs by at most (k + 2) u sum |a| |b| in whatever order it is taken (N. Higham, Accuracy and Stability of
Numerical Algorithms, section 3.1), on top of what a and b err by. The constants are generous, so that other formulas
than these for the same quantities stay inside; f' in particular may come from h as in 1 - tanh^2.

On the way the largest sum of |a| |b| is kept: where all numbers are multiples of 2^-s and that is below 2^(p - s), p
the bits of a float, nothing is rounded at all, and what is right is equal.

    N examples    I inputs of a layer    O units of a layer
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gradsheet.network import KINKED, SQUARES, Network
from manual import Layer
from manual.activations import ELEMENTWISE, RATIONAL, Array, activate, split
from manual.jacobians import unit_arrays
from manual.losses import LOSSES

BITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}  # of a float's significand
TINY = {
    "bfloat16": 2.0**-126,
    "float16": 2.0**-14,
    "float32": 2.0**-126,
    "float64": 2.0**-1022,
}  # least with all of them
SLACK = 4  # times what one operation errs by, for formulas of another form
HARDLY = 1e9  # times the least number, so much as nothing but zeros may be off
MARGIN = 4  # times the largest sum, likewise


class Precision:
    """The unit roundoff u of a type of floats, the numbers below which it has none or not all digits, `tiny`, and the
    largest sum of absolute values that has come up."""

    def __init__(self, dtype: str):
        self.bits, self.u, self.tiny, self.largest = BITS[dtype], unit_roundoff(dtype), TINY[dtype], 0.0

    def off(self, sizes: Array, operations: float = 1) -> Array:
        """What some operations may err by that give sums of such absolute values."""
        return SLACK * operations * (self.u * self.saw(sizes) + self.tiny)

    def saw(self, sizes: Array) -> Array:
        if sizes.size:
            self.largest = max(self.largest, float(sizes.max()))
        return sizes

    def exactly(self, value: Any) -> "Ball":
        """Numbers that are given, not computed."""
        array = np.asarray(value, float)
        return Ball(array, np.zeros(array.shape), self)


class Ball:
    """An array and a bound on the error of each entry."""

    def __init__(self, value: Array, error: Array, precision: Precision):
        self.value, self.error, self.precision = value, error, precision

    def _rounded(self, value: Array, error: Array, sizes: Array, operations: int = 1) -> "Ball":
        return Ball(value, error + self.precision.off(sizes, operations), self.precision)

    @property
    def size(self) -> Array:
        return abs(self.value) + self.error

    @property
    def T(self) -> "Ball":  # noqa: N802
        return Ball(self.value.T, self.error.T, self.precision)

    def __getitem__(self, index: Any) -> "Ball":
        return Ball(self.value[index], self.error[index], self.precision)

    def __neg__(self) -> "Ball":
        return Ball(-self.value, self.error, self.precision)

    def __sub__(self, other: "Ball") -> "Ball":
        return self + -other

    def __add__(self, other: "Ball") -> "Ball":
        sizes = abs(self.value) + abs(other.value)
        return self._rounded(self.value + other.value, self.error + other.error, sizes)

    def __mul__(self, other: "Ball") -> "Ball":
        value = self.value * other.value
        error = self.error * other.size + abs(self.value) * other.error
        return self._rounded(value, error, abs(value))

    def __matmul__(self, other: "Ball") -> "Ball":
        sizes = abs(self.value) @ abs(other.value)
        error = self.error @ other.size + abs(self.value) @ other.error
        return self._rounded(self.value @ other.value, error, sizes, self.value.shape[-1] + 2)

    def scaled(self, factor: float) -> "Ball":
        """A few operations with a constant."""
        value = self.value * factor
        return self._rounded(value, self.error * abs(factor), np.maximum(abs(self.value), abs(value)), 2)

    def sum(self, axis: int | tuple[int, ...] | None) -> "Ball":
        count = self.value.size // max(1, np.size(self.value.sum(axis)))
        sizes = np.asarray(abs(self.value).sum(axis))
        return self._rounded(np.asarray(self.value.sum(axis)), np.asarray(self.error.sum(axis)), sizes, count + 1)


class Rounding:
    """The pass in floats at some parameters and data, with the errors that it may make.

    params are (W, b) in float64; x is (N, I), y (N, O) or None; `dtype` is the type of those who take the pass.
    """

    def __init__(self, network: Network, params: Sequence[Layer], x: Array, y: Array | None, dtype: str):
        self.network, self.precision = network, Precision(dtype)
        exactly = self.precision.exactly
        self.params = [(exactly(W), None if b is None else exactly(b)) for W, b in params]
        self.y = None if y is None else exactly(y)
        self.z: list[Ball] = []
        self.h = [exactly(x)]
        for (W, b), activation in zip(self.params, network.activations, strict=True):
            z = self.h[-1] @ W.T
            self.z.append(z if b is None else z + b)
            self.h.append(self._activated(activation, self.z[-1]))

    # The steps

    def _activated(self, activation: Any, z: Ball) -> Ball:
        """h = f(z): no slope is above 1 but one that is given."""
        (name, parameters), h = split(activation), activate(activation, z.value)
        if name == "softmax":  # of each exponential the relative error is that of its argument
            spread = z.error + SLACK * self.precision.u * (1 + z.value.max(-1, keepdims=True) - z.value)
            error = h * (spread + (h * spread).sum(-1, keepdims=True) + SLACK * z.value.shape[-1] * self.precision.u)
            return Ball(h, error, self.precision)
        if name == "relu":
            return Ball(h, np.where(z.value < -z.error, 0, z.error), self.precision)
        error = z.error * max([1, *map(abs, parameters)])
        return Ball(h, error if name in RATIONAL else error + self.precision.off(1 + abs(h)), self.precision)

    def _derivative(self, l: int, order: int) -> Ball:
        """f'(z_l) or f''(z_l): none changes faster than z, where it does not jump."""
        (name, parameters), z = split(self.network.activations[l - 1]), self.z[l - 1]
        value = ELEMENTWISE[name][order](z.value, *parameters)
        if name in RATIONAL:
            jump = (abs(z.value) <= z.error) & ~self._are_zero(z)
            return Ball(value, 1.0 * jump * (name in KINKED and order == 1), self.precision)
        return Ball(value, order * (z.error + self.h[l].error) + 2 * SLACK * self.precision.u, self.precision)

    def _are_zero(self, z: Ball) -> Array:
        """Where z is 0 for everybody: nothing was rounded, or there was nothing but zeros to add up."""
        return np.asarray((z.value == 0) & (self.is_exact | (z.error <= HARDLY * self.precision.tiny)))

    def _pulled(self, l: int, d_h: Ball) -> Ball:
        """(2)"""
        if split(self.network.activations[l - 1])[0] != "softmax":
            return d_h * self._derivative(l, 1)
        h = self.h[l]
        return h * (d_h - (d_h * h).sum(-1)[..., None])

    def _mean(self, ball: Ball) -> Ball:
        return ball.scaled(1 / len(self.h[0].value)) if self.network.reduction == "mean" else ball

    def _shares(self, order: int) -> Ball:
        """The share of every output and example in the loss, or its first or second derivative."""
        loss, yhat, y = self.network.loss, self.h[-1], self.y
        if y is None:
            return Ball(LOSSES["output"][order](None, yhat.value), yhat.error * (order == 0), self.precision)
        if loss in SQUARES:
            factor = {"half_squared_error": 0.5, "mean_squared_error": 1 / yhat.value.shape[-1]}.get(loss, 1.0)
            off = yhat - y
            powers = (lambda: off * off, lambda: off.scaled(2), lambda: self.precision.exactly(2 + 0 * off.value))
            return powers[order]().scaled(factor)
        share = self._logarithm(order, y.value, yhat)
        if loss == "cross_entropy":
            return share
        other = self._logarithm(order, 1 - y.value, self.precision.exactly(np.ones(yhat.value.shape)) - yhat)
        return share - other if order == 1 else share + other

    def _logarithm(self, order: int, y: Array, p: Ball) -> Ball:
        """-y log(p), or a derivative."""
        base = np.where(y == 0, 1, p.value)
        value = (-y * np.log(base), -y / base, y / base**2)[order]
        rate = abs(y) / base ** (order + 1) * max(1, order)
        error = 2 * rate * p.error + self.precision.off(abs(value) + rate * base, 2)
        return Ball(value, error, self.precision)

    # What comes of them

    def loss(self) -> Ball:
        return self._mean(self._shares(0).sum(None))

    def losses(self) -> Ball:
        """Of every example, (N,)."""
        return self._shares(0).sum(-1)

    def _deltas(self, top: int, seed: Ball, *, activated: bool = True) -> Iterator[tuple[int, Ball, Ball]]:
        """The layers from the top with delta_l (N, O) and h_(l-1) (N, I)."""
        d_h = seed
        for l in range(top, 0, -1):
            delta = self._pulled(l, d_h) if activated or l < top else d_h
            yield l, delta, self.h[l - 1]
            d_h = delta @ self.params[l - 1][0]

    def _d_b(self, l: int, delta: Ball) -> Ball | None:
        b = self.params[l - 1][1]
        return None if b is None else delta.sum(0 if b.value.ndim else None)

    def _to_parameters(self, top: int, seed: Ball, **options: bool) -> dict[str, Ball]:
        """(3), by name."""
        found: dict[str, Ball] = {}
        for l, delta, h in self._deltas(top, seed, **options):
            found[f"W{l}"] = delta.T @ h
            if (d_b := self._d_b(l, delta)) is not None:
                found[f"b{l}"] = d_b
        return found

    def gradients(self) -> dict[str, Ball]:
        """dL by the parameters, by name."""
        return self._to_parameters(len(self.z), self._mean(self._shares(1)))

    def per_example_gradients(self) -> dict[str, Ball]:
        found: dict[str, Ball] = {}
        for l, delta, h in self._deltas(len(self.z), self._shares(1)):
            found[f"W{l}"] = delta[:, :, None] * h[:, None, :]
            if (b := self.params[l - 1][1]) is not None:
                found[f"b{l}"] = delta if b.value.ndim else delta.sum(-1)
        return found

    def jacobian(self, letter: str, top: int) -> dict[str, Ball]:
        """The derivatives of z or h of layer `top`, of its shape in front."""
        node = (self.h[top] if letter == "h" else self.z[top - 1]).value
        seeds = map(self.precision.exactly, unit_arrays(node))
        rows = [self._to_parameters(top, seed, activated=letter == "h") for seed in seeds]
        found = {}
        for name in rows[0]:
            value, error = (np.stack([getattr(row[name], part) for row in rows]) for part in ("value", "error"))
            shape = node.shape + value.shape[1:]
            found[name] = Ball(value.reshape(shape), error.reshape(shape), self.precision)
        return found

    def hvp(self, direction: Sequence[Layer]) -> dict[str, Ball]:
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

    def _bent(self, l: int, d_h: Ball, r_z: Ball) -> Ball:
        if split(self.network.activations[l - 1])[0] != "softmax":
            return d_h * r_z * self._derivative(l, 2)
        h, r_h = self.h[l], self._pulled(l, r_z)
        return r_h * (d_h - (d_h * h).sum(-1)[..., None]) - h * (d_h * r_h).sum(-1)[..., None]

    # Whether anything is rounded

    @property
    def is_exact(self) -> bool:
        """Whether floats round nothing, as far as the pass has been taken.

        All numbers have to be whole, and whatever they are divided by or multiplied with a power of two.
        """
        return self._are_whole and self.precision.largest * MARGIN * 2.0 ** (self.shift or 0) < 2.0**self.precision.bits

    @functools.cached_property
    def _are_whole(self) -> bool:
        given = [self.h[0], *([self.y] if self.y is not None else []), *(p for pair in self.params for p in pair if p)]
        return self.shift is not None and all((ball.value == np.round(ball.value)).all() for ball in given)

    @property
    def shift(self) -> int | None:
        """The s of the least unit 2^-s that there is; None where there is none."""
        network, factors = self.network, [1.0]
        if not network.rational or network.loss is None:
            return None
        slopes = [split(a)[1][0] for a in network.activations if split(a)[0] == "leaky_relu"]
        factors += [float(slope) for slope in slopes for _ in range(2)]  # on the way there and back
        factors += [1 / len(self.h[0].value)] if network.reduction == "mean" else []
        factors += [1 / network.widths[-1]] if network.loss == "mean_squared_error" else []
        shift = 1  # the half of the loss
        for factor in factors:
            denominator = factor.as_integer_ratio()[1]
            if denominator > 1024:
                return None
            shift += denominator.bit_length() - 1
        return shift


def within(a: Array, b: Array, allowed: Any) -> Array:
    """Where numbers are so close; an infinity is to its like, and NaN to NaN."""
    with np.errstate(invalid="ignore"):
        return np.asarray((abs(a - b) <= allowed) | (a == b) | (np.isnan(a) & np.isnan(b)))


def unit_roundoff(dtype: str) -> float:
    return 2.0 ** -BITS[dtype]
