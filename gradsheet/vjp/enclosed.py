"""An array of numbers, each known to lie between bounds: in balls of Arb where
the function is small, and as floats with their errors where it is large."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import arb

from gradsheet.vjp.balls import ball, balls, entries
from manual.activations import Array


class Enclosed(ABC):
    """An array of which each entry is enclosed."""

    @cached_property
    @abstractmethod
    def middle(self) -> Array:
        """The floats in the middle."""

    @cached_property
    @abstractmethod
    def radius(self) -> Array:
        """How far from the middle the numbers may be."""

    @abstractmethod
    def contains(self, array: Array) -> Array:
        """Which of some floats are among the numbers."""

    @abstractmethod
    def difference(self, array: Array) -> Array:
        """How far floats are from the middle."""

    @abstractmethod
    def stored(self, bits: int, tiny: float) -> "Enclosed":
        """The same, rounded once more to a significand of so many bits, below
        the least normal number to multiples of its last."""

    @property
    def is_exact(self) -> bool:
        """Whether there is one number for every entry."""
        return not self.radius.any()

    @property
    def is_finite(self) -> bool:
        """Whether all entries have bounds."""
        return bool(np.isfinite(self.middle).all() and np.isfinite(self.radius).all())


@dataclass(frozen=True, eq=False)
class InBalls(Enclosed):
    """An array of balls."""

    array: Array

    @cached_property
    def middle(self) -> Array:
        """The floats in the middle."""
        return _floats([float(v.mid()) for v in entries(self.array)], self.array)

    @cached_property
    def radius(self) -> Array:
        """How far from the middle the numbers may be."""
        return _floats([float(v.rad().upper()) for v in entries(self.array)], self.array)

    def contains(self, array: Array) -> Array:
        """Which of some floats are among the numbers."""

        def is_inside(a: float, v: arb) -> bool:
            return bool(np.isfinite(a)) and bool(ball(v).contains(arb(a)))

        return np.asarray(np.frompyfunc(is_inside, 2, 1)(array, self.array)).astype(bool)

    def difference(self, array: Array) -> Array:
        """How far floats are from the middle."""
        pairs = zip(array.flat, entries(self.array), strict=True)
        return _floats([abs(float((arb(float(a)) - v).mid())) for a, v in pairs], self.array)

    def stored(self, bits: int, tiny: float) -> "InBalls":
        """The same, rounded once more."""
        once, least = arb(1, 2.0**-bits), arb(0, tiny * 2.0**-bits)

        def kept(v: arb) -> arb:
            is_held = v.is_exact() and int(v.man_exp()[0]).bit_length() <= bits
            return v if is_held and (abs(v) >= tiny or not v) else v * once + least

        return InBalls(np.asarray(np.frompyfunc(kept, 1, 1)(balls(self.array)), object))


@dataclass(frozen=True, eq=False)
class BoundedFloats(Enclosed):
    """An array of floats, and how far off they may be."""

    floats: Array
    errors: Array

    @cached_property
    def middle(self) -> Array:
        """The floats."""
        return self.floats

    @cached_property
    def radius(self) -> Array:
        """How far off they may be."""
        return self.errors

    def contains(self, array: Array) -> Array:
        """Which of some floats are among the numbers."""
        return np.asarray(self.difference(array) <= self.errors)

    def difference(self, array: Array) -> Array:
        """How far floats are from these."""
        return np.asarray(abs(array - self.floats))

    def stored(self, bits: int, tiny: float) -> "BoundedFloats":
        """The same, rounded once more."""
        off = 2.0**-bits * (abs(self.floats) + self.errors + tiny)
        return BoundedFloats(self.floats, self.errors + off)


def overlap(one: Enclosed, two: Enclosed) -> Array:
    """Which entries of two arrays may be the same numbers, as far as floats tell."""
    apart = abs(one.middle - two.middle)
    rounded = 2.0**-52 * (abs(one.middle) + abs(two.middle))
    return np.asarray(~(apart > one.radius + two.radius + rounded))


def _floats(numbers: list[float], like: Array) -> Array:
    return np.array(numbers, float).reshape(like.shape)
