"""The gradient at some entries to forty digits and more, on a whole data set: fixed point in whole numbers.

A number is a Python int times 2^-BITS, an array an object array of them. Their matrix products are taken by BLAS and
yet exact: the ints are cut into slices of so few bits that float64 rounds nothing, and the products of the slices are
put together again (K. Ozaki et al., 2012). What remains is one unit of 2^-BITS that every operation may err by.

    N examples    I inputs of a layer    O units of a layer
"""

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Any

import numpy as np

from gradsheet.network.network import CANCELLING, Network
from manual import Layer
from manual.activations import Array, split

BITS = 160
ONE = 1 << BITS
_CONTEXT = Context(prec=2 + BITS * 302 // 1000)
LN2 = int(_CONTEXT.multiply(_CONTEXT.ln(Decimal(2)), Decimal(ONE)))
HALVED = 8  # times, before the series of exp
TERMS = 18  # of it: (2^-8 ln 2)^18 / 18! is below 2^-200

Index = tuple[int, ...]


def fixed(array: Any) -> Array:
    """Floats in fixed point, exactly where they are multiples of 2^-BITS."""
    mantissas, exponents = np.frexp(np.asarray(array, float))
    ints = (mantissas * 2.0**53).astype(np.int64).astype(object)
    shifts = exponents.astype(object) - 53 + BITS
    return np.asarray(
        np.frompyfunc(lambda v, s: v << s if s >= 0 else v >> -s, 2, 1)(ints, shifts), object
    )


def floats(array: Array) -> Array:
    return np.asarray(np.frompyfunc(lambda v: v / ONE, 1, 1)(array), float)


def _slices(array: Array, width: int) -> list[Array]:
    """Floats whose sum, each shifted by `width` more than the one before, is the array; the last has the sign."""
    found, largest = [], max(map(abs, array.flat), default=0)
    while largest >> (width - 1):
        found.append((array & ((1 << width) - 1)).astype(float))
        array, largest = array >> width, largest >> width
    return [*found, array.astype(float)]


def product(a: Array, b: Array) -> Array:
    """a @ b in fixed point, (N, K) @ (K, O) -> (N, O)."""
    width = (
        53 - (64 * a.shape[1]).bit_length()
    ) // 2  # up to 64 products of slices are added up, each of K terms
    ones, others = _slices(a, width), _slices(b, width)
    total: Any = 0
    for place in range(len(ones) + len(others) - 1):
        pairs = [(i, place - i) for i in range(len(ones)) if 0 <= place - i < len(others)]
        part = sum(ones[i] @ others[j] for i, j in pairs)
        total = total + (np.asarray(part).astype(np.int64).astype(object) << (width * place))
    return np.asarray(total >> BITS, object)


def times(a: Any, b: Any) -> Any:
    return (a * b) >> BITS


def exp_of_minus(a: Array) -> Array:
    """e^-a for a >= 0."""
    powers = a // LN2
    r = (a - powers * LN2) >> HALVED
    series = ONE + 0 * r
    for n in range(TERMS, 0, -1):
        series = ONE - times(r, series) // n
    for _ in range(HALVED):
        series = times(series, series)
    return np.asarray(series >> powers, object)


def sigmoid(z: Array) -> Array:
    e = exp_of_minus(abs(z))
    return np.asarray((np.where(z >= 0, ONE, e) << BITS) // (ONE + e), object)


def log1p(e: Array) -> Array:
    """log(1 + e) for 0 <= e <= 1, by a step of Halley from the nearest float, which triples its digits."""
    start = fixed(np.log1p(floats(e)))
    inverse = exp_of_minus(start)
    scaled = times(ONE + e, inverse)
    return np.asarray(start + ((2 * (scaled - ONE)) << BITS) // (scaled + ONE), object)


def _positive(z: Array, otherwise: Any) -> Array:
    return np.where(z > 0, z, otherwise)


def _activated(activation: Any, z: Array) -> Array:
    name, parameters = split(activation)
    match name:
        case "relu":
            return _positive(z, 0)
        case "leaky_relu":
            return _positive(z, times(_slope(parameters), z))
        case "sigmoid":
            return sigmoid(z)
        case "tanh":
            return np.asarray(2 * sigmoid(2 * z) - ONE)
        case "softplus":
            return np.asarray(_positive(z, 0) + log1p(exp_of_minus(abs(z))))
        case "softmax":
            e = exp_of_minus(z.max(-1, keepdims=True) - z)
            return np.asarray((e << BITS) // e.sum(-1, keepdims=True))
    return z


def _slope(parameters: Sequence[Any]) -> int:
    return int(fixed(parameters[0]))


def _pulled(activation: Any, z: Array, h: Array, d_h: Array) -> Array:
    """dL/dz from dL/dh."""
    name, parameters = split(activation)
    match name:
        case "relu":
            return np.where(z > 0, d_h, 0)
        case "leaky_relu":
            return np.where(z > 0, d_h, times(_slope(parameters), d_h))
        case "sigmoid":
            return np.asarray(times(d_h, times(h, ONE - h)))
        case "tanh":
            return np.asarray(times(d_h, ONE - times(h, h)))
        case "softplus":
            return np.asarray(times(d_h, sigmoid(z)))
        case "softmax":
            return np.asarray(times(h, d_h - times(d_h, h).sum(-1, keepdims=True)))
    return d_h


def _d_loss(loss: str, y: Array | None, yhat: Array) -> Array:
    if y is None:
        return ONE + 0 * yhat
    match loss:
        case "half_squared_error":
            return np.asarray(yhat - y)
        case "squared_error":
            return np.asarray(2 * (yhat - y))
        case "mean_squared_error":
            return np.asarray(2 * (yhat - y) // yhat.shape[-1])
    d_log = -((y << BITS) // np.where(y == 0, ONE, yhat))
    if loss == "binary_cross_entropy":
        d_log = d_log + ((ONE - y) << BITS) // np.where(y == ONE, ONE, ONE - yhat)
    return np.asarray(d_log)


def _cancelled(y: Array, yhat: Array, *, softmax: bool) -> Array:
    """dL/dz of a cross-entropy behind its own activation, without dividing by what may be very small."""
    return np.asarray(times(yhat, y.sum(-1, keepdims=True)) - y if softmax else yhat - y)


def gradient_at(
    network: Network,
    params: Sequence[Layer],
    x: Array,
    y: Array | None,
    entries: dict[str, list[Index]],
) -> dict[str, list[float]]:
    """dL by some entries of the parameters, "W1", "b1", ..., as the nearest floats.

    Raises ZeroDivisionError where a logarithm of an output is taken that is 0 in so many bits.
    """
    assert network.loss is not None
    layers = [(fixed(W), None if b is None else fixed(b)) for W, b in params]
    zs, hs = [], [fixed(x)]
    for (W, b), activation in zip(layers, network.activations, strict=True):
        z = product(hs[-1], W.T)  # (1): (N, I) @ (I, O)
        zs.append(z if b is None else z + b)
        hs.append(_activated(activation, zs[-1]))
    cancels = (network.loss, network.activations[-1]) in CANCELLING
    d_h = hs[-1] if cancels else _d_loss(network.loss, None if y is None else fixed(y), hs[-1])
    over = len(x) if network.reduction == "mean" else 1
    found = {}
    for l in range(len(layers), 0, -1):
        activation = network.activations[l - 1]
        if l == len(layers) and cancels:
            delta = _cancelled(fixed(y), hs[l], softmax=activation == "softmax")
        else:
            delta = _pulled(activation, zs[l - 1], hs[l], d_h)  # (2)
        for name in (f"W{l}", f"b{l}"):  # (3)
            if name in entries:
                sums = [_at(delta, hs[l - 1], name, index) // over for index in entries[name]]
                found[name] = [value / ONE for value in sums]
        if l > 1:
            d_h = product(delta, layers[l - 1][0])  # (4): (N, O) @ (O, I)
    return found


def _at(delta: Array, h: Array, name: str, index: Index) -> int:
    """One entry of (3), added up over the examples."""
    if name[0] == "W":
        return int((delta[:, index[0]] * h[:, index[1]]).sum()) >> BITS
    return int(delta[:, index[0]].sum() if index else delta.sum())
