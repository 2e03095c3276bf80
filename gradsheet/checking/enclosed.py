"""The gradient at some entries to forty digits and more, on a whole data set.

The equations of `manual.mlp` once more, and the activations and losses of
`manual`, on balls of 160 bits in place of floats. Products of matrices are
python-flint's own.

    N examples    I inputs of a layer    O units of a layer
"""

from fractions import Fraction
from typing import Any

from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.numbers.enclosures import at, balls, matrix, product, sign_is_known
from manual.activations import Activation, Array, activate, pull_back, split
from manual.fused import fuse
from manual.losses import LOSSES, Loss, d_reduce

BITS = 160

Index = tuple[int, ...]


def gradient_at(problem: Problem, entries: dict[str, list[Index]]) -> dict[str, list[float]] | None:
    """dL by some entries of the parameters, "W1", "b1", ..., as the nearest
    floats.

    None where so many bits do not tell them: a z may be on either side of its
    kink, or a logarithm of an output is taken that may be 0.
    """
    gradient = at(BITS, _gradient_at, problem, entries)
    if gradient is None or not all(b.is_finite() for sums in gradient.values() for b in sums):
        return None
    return {name: list(map(float, sums)) for name, sums in gradient.items()}


def _gradient_at(problem: Problem, entries: dict[str, list[Index]]) -> dict[str, list[Any]] | None:
    network, y = problem.network, problem.y
    activations, loss = _steps(network)
    layers = [(matrix(W), None if b is None else balls(b)) for W, b in problem.params]
    zs, hs = [], [problem.x]
    for l, ((W, b), activation) in enumerate(zip(layers, activations, strict=True), 1):
        z = product(hs[-1], W.transpose())  # (1): (N, I) @ (I, O)
        zs.append(z if b is None else z + b)
        if l in network.kinked and not all(map(sign_is_known, zs[-1].flat)):
            return None
        hs.append(activate(activation, zs[-1]))
    d_h = d_reduce(loss.d(None if y is None else balls(y), hs[-1]), network.reduction)
    gradient = {}
    for l in range(len(layers), 0, -1):
        delta = pull_back(activations[l - 1], zs[l - 1], d_h)  # (2)
        for name in (f"W{l}", f"b{l}"):  # (3)
            if name in entries:
                gradient[name] = [_at(delta, hs[l - 1], name, index) for index in entries[name]]
        if l > 1:
            d_h = product(delta, layers[l - 1][0])  # (4): (N, O) @ (O, I)
    return gradient


def _steps(network: Network) -> tuple[tuple[Activation, ...], Loss]:
    """The activations, with slopes exactly the floats that they are, and the loss behind them."""
    assert network.loss is not None
    activations: Any = tuple(
        (name, *(Fraction(float(parameter)) for parameter in parameters))
        for name, parameters in map(split, network.activations)
    )
    if network.cancels:
        return fuse(activations, network.loss)[:2]
    return activations, LOSSES[network.loss]


def _at(delta: Array, h: Array, name: str, index: Index) -> Any:
    """One entry of (3), added up over the examples."""
    if name[0] == "W":
        return (delta[:, index[0]] * h[:, index[1]]).sum()
    return delta[:, index[0]].sum() if index else delta.sum()
