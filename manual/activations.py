"""Activation functions, each directly above its first and second derivative.

Everything acts entry by entry on an array z of any shape, except softmax, which
acts on the last axis. The number type of z is kept: float32, float64, or exact
objects such as `fractions.Fraction`. On objects the transcendental functions
call the entries' own `exp` and `log`, so they need a type that has them.

The forms below are the ones that stay accurate in saturation. The textbook 1 -
tanh(z)^2 and s(z) (1 - s(z)) subtract nearly equal numbers: at z = 18 the first
has no correct digit left, at z = 40 the second is 0.

Right below its functions each has its record in `ACTIVATIONS`, and all that is
asked of an activation elsewhere in this package is asked of that: a new one is
written here, and in no other file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Activation = str | tuple[str, Any]  # a name, or ("leaky_relu", slope)
Activations = Sequence[Activation]  # one for every layer


@dataclass(frozen=True)
class Elementwise:
    """An activation f of every unit by itself: f, f' and f'', of z.

    `rational` says whether it is exact on Fractions, `parameters` how many
    numbers it may take besides z.
    """

    value: Callable[..., Array]
    d: Callable[..., Array]
    dd: Callable[..., Array]
    rational: bool = False
    parameters: int = 0

    def pull_back(self, z: Array, d_h: Array, *parameters: Any) -> Array:
        """dL/dz = f'(z) dL/dh"""
        return d_h * self.d(z, *parameters)

    def bend(self, z: Array, d_h: Array, r_z: Array, *parameters: Any) -> Array:
        """f''(z) r_z dL/dh: how that changes where z does at the rate r_z."""
        return d_h * r_z * self.dd(z, *parameters)


@dataclass(frozen=True)
class OverLayer:
    """An activation of a whole layer: f, its pull-back, and how that changes.

    The arguments are those of the methods of `Elementwise`.
    """

    value: Callable[[Array], Array]
    pull_back: Callable[[Array, Array], Array]
    bend: Callable[[Array, Array, Array], Array]
    rational: bool = False
    parameters: int = 0


ACTIVATIONS: dict[str, Elementwise | OverLayer] = {}  # by name


def number(like: Array, value: Any) -> Any:
    """`value` in the number type of `like`; exact on objects, where a bare int
    would turn `1 / 3` into a float. Beside integers, 0.5 is not cut off to 0."""
    if like.dtype == object:
        # 0.01 is meant as 1/100.
        exact = Fraction(str(value)) if isinstance(value, float) else Fraction(value)
        if not like.size or isinstance(like.flat[0], Fraction):
            return exact
        whole = 0 * like.flat[0] + exact.numerator  # not every type mixes with fractions
        return whole if exact.denominator == 1 else whole / exact.denominator
    if like.dtype.kind in "biu":
        return value if isinstance(value, int) else float(value)
    return like.dtype.type(value)


def identity(z: Array) -> Array:
    """z"""
    return z


def d_identity(z: Array) -> Array:
    """1"""
    return np.full(z.shape, number(z, 1), z.dtype)


def zero(z: Array, *_: Any) -> Array:
    """The second derivative of what is piecewise linear; at a kink there is
    none, and 0 is taken."""
    return np.full(z.shape, number(z, 0), z.dtype)


ACTIVATIONS["identity"] = Elementwise(identity, d_identity, zero, rational=True)


def relu(z: Array) -> Array:
    """max(z, 0)"""
    return np.maximum(number(z, 0), z)


def d_relu(z: Array) -> Array:
    """1 above 0, else 0: at the kink the derivative is 0 by convention."""
    return (z > 0) * number(z, 1)


ACTIVATIONS["relu"] = Elementwise(relu, d_relu, zero, rational=True)


def leaky_relu(z: Array, slope: Any = 0.01) -> Array:
    """z above 0, else slope z (A. Maas et al., 2013)."""
    return np.where(z > 0, z, number(z, slope) * z)


def d_leaky_relu(z: Array, slope: Any = 0.01) -> Array:
    """1 above 0, else the slope, at the kink too."""
    return np.where(z > 0, number(z, 1), number(z, slope))


ACTIVATIONS["leaky_relu"] = Elementwise(leaky_relu, d_leaky_relu, zero, rational=True, parameters=1)


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z), as e^min(z, 0) / (1 + e^-|z|), whose exponentials cannot overflow."""
    return np.exp((z - abs(z)) / 2) / (1 + np.exp(-abs(z)))


def d_sigmoid(z: Array) -> Array:
    """e^-|z| / (1 + e^-|z|)^2"""
    e = np.exp(-abs(z))
    return e / ((1 + e) * (1 + e))


def dd_sigmoid(z: Array) -> Array:
    """-s'(z) tanh(z/2), since s'' = s' (1 - 2 s) and 2 s(z) - 1 = tanh(z/2)"""
    return -d_sigmoid(z) * np.tanh(z / 2)


ACTIVATIONS["sigmoid"] = Elementwise(sigmoid, d_sigmoid, dd_sigmoid)


def tanh(z: Array) -> Array:
    """(e^z - e^-z) / (e^z + e^-z)"""
    return np.tanh(z)


def d_tanh(z: Array) -> Array:
    """4 e^-2|z| / (1 + e^-2|z|)^2"""
    e = np.exp(-2 * abs(z))
    return 4 * e / ((1 + e) * (1 + e))


def dd_tanh(z: Array) -> Array:
    """-2 tanh'(z) tanh(z)"""
    return -2 * d_tanh(z) * np.tanh(z)


ACTIVATIONS["tanh"] = Elementwise(tanh, d_tanh, dd_tanh)


def softplus(z: Array) -> Array:
    """log(1 + e^z), as max(z, 0) + log(1 + e^-|z|)"""
    return (z + abs(z)) / 2 + np.log1p(np.exp(-abs(z)))


ACTIVATIONS["softplus"] = Elementwise(softplus, sigmoid, d_sigmoid)  # softplus' is s


def silu(z: Array) -> Array:
    """z s(z)"""
    return z * sigmoid(z)


def d_silu(z: Array) -> Array:
    """s(z) (1 + z s(-z)), where z (1 - s(z)) would be off by up to z u, u = 2^-53."""
    return sigmoid(z) * (1 + z * sigmoid(-z))


def dd_silu(z: Array) -> Array:
    """s'(z) (2 - z tanh(z/2)), since (z s)'' = 2 s' + z s''"""
    return d_sigmoid(z) * (2 - z * np.tanh(z / 2))


ACTIVATIONS["silu"] = Elementwise(silu, d_silu, dd_silu)


def softmax(z: Array) -> Array:
    """e^z_i / sum_k e^z_k along the last axis"""
    e, _ = exponentials(z)
    return e / e.sum(-1, keepdims=True)


def exponentials(z: Array) -> tuple[Array, Array]:
    """e^(z - m) with m the largest entry along the last axis, so that nothing
    overflows, and the place of m, (..., 1).

    Floats round z - m, by up to some hundred units of the last digit of its
    exponential; what they round off is known exactly (O. Moller, 1965; D.
    Knuth) and put back. Exact numbers have nothing to put back.
    """
    place = z.astype(float).argmax(-1, keepdims=True)  # as floats see it: any shift gives the same
    m = np.take_along_axis(z, place, -1)
    d = z - m
    e = np.exp(d)
    if z.dtype == object:
        return e, place
    with np.errstate(invalid="ignore"):
        back = d - z
        lost = (z - (d - back)) - (m + back)  # z - m = d + lost
    # Where z - m is infinite, `lost` is no number and the 1 is taken: e is 0.
    return e + e * np.fmin(lost, number(z, 1)), place


def softmax_pullback(z: Array, d_h: Array) -> Array:
    """dL/dz_i = h_i (dL/dh_i - sum_k dL/dh_k h_k), since dh_k/dz_i = h_k ([i = k] - h_i)."""
    h = softmax(z)
    return h * (d_h - (d_h * h).sum(-1, keepdims=True))


def softmax_bend(z: Array, d_h: Array, r_z: Array) -> Array:
    """How `softmax_pullback` changes with z: r_h_i (dL/dh_i - sum_k dL/dh_k
    h_k) - h_i sum_k dL/dh_k r_h_k."""
    h, r_h = softmax(z), softmax_pullback(z, r_z)
    return r_h * (d_h - (d_h * h).sum(-1, keepdims=True)) - h * (d_h * r_h).sum(-1, keepdims=True)


ACTIVATIONS["softmax"] = OverLayer(softmax, softmax_pullback, softmax_bend)


def split(activation: Activation) -> tuple[str, tuple[Any, ...]]:
    """The name of an activation and its parameters: "relu" is ("relu", ()),
    ("leaky_relu", 0.2) is that, (0.2,)."""
    if isinstance(activation, str):
        return activation, ()
    return activation[0], tuple(activation[1:])


def activate(activation: Activation, z: Array) -> Array:
    """h = f(z), of z's shape."""
    name, parameters = split(activation)
    return ACTIVATIONS[name].value(z, *parameters)


def derivative(activation: Activation, z: Array) -> Array:
    """f'(z), of z's shape, of an activation of single units."""
    name, parameters = split(activation)
    record = ACTIVATIONS[name]
    assert isinstance(record, Elementwise), f"{name} has a Jacobian for a derivative"
    return record.d(z, *parameters)


def pull_back(activation: Activation, z: Array, d_h: Array) -> Array:
    """dL/dz from dL/dh, of z's shape: f'(z) dL/dh, and for softmax the product
    with its whole Jacobian."""
    name, parameters = split(activation)
    return ACTIVATIONS[name].pull_back(z, d_h, *parameters)


def bend(activation: Activation, z: Array, d_h: Array, r_z: Array) -> Array:
    """How dL/dz changes where z changes at the rate r_z and dL/dh does not, of z's shape."""
    name, parameters = split(activation)
    return ACTIVATIONS[name].bend(z, d_h, r_z, *parameters)
