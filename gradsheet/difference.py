"""The exact difference: a witness that knows neither the chain rule nor a step size.

Along one entry of a parameter or node, z is piecewise linear in a net of piecewise linear activations, and a loss of
squares piecewise quadratic. On a stretch [-s, s] where no z changes its sign the symmetric difference (f(s) - f(-s))
/ 2s of a quadratic *is* its derivative at 0. A crossing shows in the signs of z, and halving s ends it, unless z is 0
at the start: then the two sides are quadratics of their own, and there is a derivative only if their slopes agree.

The forward pass here is a third one, in plain Python, so that the witnesses share no arithmetic. It runs on Fractions
and, several times faster, on whole numbers: there is no division in it but of Fractions.
"""

import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from gradsheet.network import KINKED
from manual.activations import split

Number = int | Fraction
Rows = list[list[Number]]


class Slopes(NamedTuple):
    """The derivatives from the left and from the right. `kink` says that a z leaves 0 on the way, on either side.

    At a kink there is a derivative only where the two are the same; the chain rule need not find it even then.
    """

    left: Fraction
    right: Fraction
    kink: bool


def _dot(a: list[Number], b: list[Number]) -> Number:
    return sum(p * q for p, q in zip(a, b, strict=True))


def _activate(activation: Any, z: Number) -> Number:
    name, parameters = split(activation)
    if name == "identity" or z > 0:
        return z
    return parameters[0] * z if name == "leaky_relu" else 0


def _shares(loss: str, y: Rows, yhat: Rows, reduction: str) -> list[Number]:
    outputs, examples = len(yhat[0]), len(yhat)
    factor = {
        "half_squared_error": Fraction(1, 2),
        "squared_error": Fraction(1),
        "mean_squared_error": Fraction(1, outputs),
    }
    over = Fraction(1, examples if reduction == "mean" else 1)
    if loss == "output":
        return [over * sum((row[k] for row in yhat), Fraction(0)) for k in range(outputs)]
    return [
        over * factor[loss] * sum(((t[k] - o[k]) ** 2 for t, o in zip(y, yhat, strict=True)), Fraction(0))
        for k in range(outputs)
    ]


class Walk:
    """The network at one point, walked through again for every nudge. Rational activations and losses only.

    `layers` has (W, b, activation) with W and b as lists, b a Fraction where it is shared, or None; x and y are rows.
    """

    def __init__(self, layers: list[tuple[Rows, Any, Any]], x: Rows, y: Rows, loss: str, reduction: str):
        self.layers, self.x, self.y, self.loss, self.reduction = layers, x, y, loss, reduction

    @functools.cached_property
    def nodes(self) -> dict[str, Any]:
        """Every node by its name, without a nudge."""
        return self._forward("", (), 0)[0]

    def _forward(self, by: str, entry: tuple[int, ...], step: Number) -> tuple[dict[str, Any], list[Number]]:
        """After `step` was added to one entry of `by`: every node from there on, and the z of every kinked unit."""

        def nudged(name: str, value: Any) -> Any:
            if name != by:
                return value
            if not entry:
                return value + step
            copy: list[Any] = [list(row) if isinstance(row, list) else row for row in value]
            target = copy
            for index in entry[:-1]:
                target = target[index]
            target[entry[-1]] += step
            return copy

        # A nudge changes nothing before its own layer.
        start = int(by[1:]) + (by[0] == "h") if by else 1
        before = f"h{start - 1}"
        h = nudged(before, self.nodes[before] if by else self.x)
        nodes, kinked = {before: h}, []
        for l, (W, b, activation) in enumerate(self.layers[start - 1 :], start):
            W, b = nudged(f"W{l}", W), nudged(f"b{l}", b)
            bias = b if isinstance(b, list) else [b or 0] * len(W)
            z = nudged(f"z{l}", [[_dot(w, row) + c for w, c in zip(W, bias, strict=True)] for row in h])
            h = nudged(f"h{l}", [[_activate(activation, value) for value in row] for row in z])
            nodes |= {f"z{l}": z, f"h{l}": h}
            if split(activation)[0] in KINKED:
                kinked += [value for row in z for value in row]
        shares = _shares(self.loss, self.y, h, self.reduction)
        return {**nodes, "shares": shares, "L": sum(shares, Fraction(0))}, kinked

    def derivative(self, of: str, of_entry: tuple[int, ...], by: str, by_entry: tuple[int, ...]) -> Slopes:
        """d of[of_entry] / d by[by_entry], from both sides."""

        def f(step: Number) -> tuple[Number, list[Number]]:
            nodes, kinked = self._forward(by, by_entry, step)
            value = nodes[of]
            for index in of_entry:
                value = value[index]
            return value, kinked

        here, start = f(0)
        step: Number = 1
        while True:
            (above, right), (below, left) = f(step), f(-step)
            if not any(_crosses(start, side) for side in (right, left)):
                break
            step = Fraction(step) / 2
        if not any(z == 0 and (r or l) for z, r, l in zip(start, right, left, strict=True)):
            slope = Fraction(above - below) / (2 * step)
            return Slopes(slope, slope, kink=False)
        return Slopes(_one_sided(f, here, below, -step), _one_sided(f, here, above, step), kink=True)


def _crosses(start: list[Number], end: list[Number]) -> bool:
    """Whether a z changes from one side of 0 to the other; one that begins or ends at 0 does not."""
    return any(a * b < 0 for a, b in zip(start, end, strict=True))


def _one_sided(f: Callable[[Number], tuple[Number, Any]], here: Number, end: Number, step: Number) -> Fraction:
    """The slope at 0 of the quadratic through f(0), f(step/2) and f(step)."""
    return Fraction(4 * f(Fraction(step) / 2)[0] - 3 * here - end) / step
