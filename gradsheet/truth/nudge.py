"""The witness that knows no backward pass: how every node answers when one
number is nudged.

Where everything is piecewise linear or quadratic the nudge is a step s, and the
witness knows no chain rule either: on a stretch [-s, s] where no z changes its
sign the symmetric difference (f(s) - f(-s)) / 2s of a quadratic *is* its
derivative at 0. A crossing shows in the signs of z, and halving s ends it,
unless z is 0 at the start: then the two sides are quadratics of their own, and
there is a derivative only if their slopes agree.

Where exp or log enters, no step is small enough. There the nudge is an
infinitesimal, which is carried through the forward pass (`numbers.dual`). It is
positive, so that a z that is 0 at the start goes to the side to which it takes
it.

The forward pass here is one of its own, in plain Python and by the textbook's
formulas, so that the witnesses share no arithmetic. It runs on Fractions, on
`real.Real`, and several times faster on whole numbers: there is no division in
a rational net but of Fractions.
"""

import functools
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from gradsheet.language.functions import facts_of
from gradsheet.network import losses
from gradsheet.numbers.dual import Dual
from manual.activations import split

Number = Any  # an int, a Fraction, a Real or a Dual
Rows = list[list[Number]]


class Slopes(NamedTuple):
    """The derivatives from the left and from the right. `kink` says that a z
    leaves 0 on the way, on either side.

    At a kink there is a derivative only where the two are the same; the chain
    rule need not find it even then.
    """

    left: Number
    right: Number
    kink: bool


def _dot(a: list[Number], b: list[Number]) -> Number:
    return sum(p * q for p, q in zip(a, b, strict=True))


def _activate(activation: Any, z: list[Number]) -> list[Number]:
    facts, (_, parameters) = facts_of(activation), split(activation)
    if facts.mixes:
        return list(facts.textbook(z))
    return [facts.textbook(v, *parameters) for v in z]


def _shares(loss: str, y: Rows, yhat: Rows, reduction: str) -> list[Number]:
    over = Fraction(1, len(yhat) if reduction == "mean" else 1)
    outputs = len(yhat[0])
    targets = y or [[0] * outputs] * len(yhat)
    share = losses.of(loss).share
    return [
        over * sum(share(t[k], o[k], outputs) for t, o in zip(targets, yhat, strict=True))
        for k in range(outputs)
    ]


@dataclass(eq=False)
class Walk:
    """The network at one point, walked through again for every nudge.

    `layers` has (W, b, activation) with W and b as lists, b a number where it
    is shared, or None; x and y are rows. `rational`: the net is, and its
    numbers are ints and Fractions, so that a nudge may be a step.
    """

    layers: list[tuple[Rows, Any, Any]]
    x: Rows
    y: Rows
    loss: str
    reduction: str
    rational: bool
    _answers: dict[tuple[str, tuple[int, ...]], Any] = field(default_factory=dict)

    @functools.cached_property
    def nodes(self) -> dict[str, Any]:
        """Every node by its name, without a nudge."""
        return self._forward("", (), 0)[0]

    def _forward(
        self, by: str, entry: tuple[int, ...], step: Number
    ) -> tuple[dict[str, Any], list[Number]]:
        """Every node, and the z of all units with a kink that may move, after a
        nudge to one entry of anything; after one to y, which moves none of
        these, the shares of the outputs and the loss beside them."""

        def nudged(name: str, value: Any) -> Any:
            if name != by:
                return value
            if not entry:
                return value + step
            copy = [list(row) if isinstance(row, list) else row for row in value]
            target = copy
            for index in entry[:-1]:
                target = target[index]
            target[entry[-1]] += step
            return copy

        if by == "y":  # which no node depends on, only the loss
            return self._with_loss(self.nodes, nudged("y", self.y)), []
        # A nudge changes nothing before its own layer.
        start = int(by[1:]) + (by[0] == "h") if by else 1
        before = f"h{start - 1}"
        h = nudged(before, self.nodes[before] if by else self.x)
        nodes, kinked = {before: h}, []
        for l, (W, b, activation) in enumerate(self.layers[start - 1 :], start):
            W, b = nudged(f"W{l}", W), nudged(f"b{l}", b)
            bias = b if isinstance(b, list) else [0 if b is None else b] * len(W)
            z = nudged(
                f"z{l}", [[_dot(w, row) + c for w, c in zip(W, bias, strict=True)] for row in h]
            )
            h = nudged(f"h{l}", [_activate(activation, row) for row in z])
            nodes |= {f"z{l}": z, f"h{l}": h}
            if facts_of(activation).kinked:
                kinked += [value for row in z for value in row]
        return nodes, kinked

    def shares(self, nodes: dict[str, Any]) -> list[Number]:
        """The shares of the outputs in the loss, which is their sum. Raises as
        log does where that is infinite."""
        if "shares" not in nodes:
            nodes |= self._with_loss(nodes, self.y)
        shares: list[Number] = nodes["shares"]
        return shares

    def _with_loss(self, nodes: dict[str, Any], y: Rows) -> dict[str, Any]:
        shares = _shares(self.loss, y, nodes[f"h{len(self.layers)}"], self.reduction)
        return {**nodes, "shares": shares, "L": sum(shares)}

    def derivative(
        self, of: str, of_entry: tuple[int, ...], by: str, by_entry: tuple[int, ...]
    ) -> Slopes:
        """d of[of_entry] / d by[by_entry], from both sides."""
        if (by, by_entry) not in self._answers:
            nudge = self._steps if self.rational else self._infinitesimals
            self._answers[by, by_entry] = nudge(by, by_entry)

        def pick(nodes: dict[str, Any]) -> Number:
            if of in ("L", "shares"):
                self.shares(nodes)
            value = nodes[of]
            for index in of_entry:
                value = value[index]
            return value

        kink, left, right = self._answers[by, by_entry]
        if not self.rational:
            slopes = [Dual.of(pick(nodes)).slope for nodes in (left, right)]
            return Slopes(-slopes[0] if kink else slopes[0], slopes[1], kink)
        if not kink:
            slope = Fraction(pick(right[1]) - pick(left[1])) / (right[0] - left[0])
            return Slopes(slope, slope, kink)
        here = pick(self.nodes)
        # The slope at 0 of the quadratic through the values at 0, step/2 and step.
        sides = [
            Fraction(4 * pick(half) - 3 * here - pick(end)) / step
            for step, half, end in (left, right)
        ]
        return Slopes(sides[0], sides[1], kink)

    def _infinitesimals(self, by: str, by_entry: tuple[int, ...]) -> tuple[bool, Any, Any]:
        """Whether a z leaves 0, and all nodes for a nudge to the left and to
        the right; without a kink both are one."""
        right, kinked = self._forward(by, by_entry, Dual(0, 1))
        if not any(isinstance(z, Dual) and z.value == 0 and z.slope != 0 for z in kinked):
            return False, right, right
        return True, self._forward(by, by_entry, Dual(0, -1))[0], right

    def _steps(self, by: str, by_entry: tuple[int, ...]) -> tuple[bool, Any, Any]:
        """Whether a z leaves 0, and (step, nodes there) for both sides; at a
        kink the nodes half-way, too."""
        _, start = self._forward(by, by_entry, 0)
        step: Number = 1  # an int as long as it can be
        shrink = 2
        while True:
            (above, right), (below, left) = (self._forward(by, by_entry, s) for s in (step, -step))
            # A z that begins or ends at 0 does not change sides.
            ends = (*zip(start, right, strict=True), *zip(start, left, strict=True))
            if not any(a * b < 0 for a, b in ends):
                break
            step, shrink = Fraction(step) / shrink, shrink * shrink
        if not any(z == 0 and (r or l) for z, r, l in zip(start, right, left, strict=True)):
            return False, (-step, below), (step, above)
        half = Fraction(step) / 2
        halves = [self._forward(by, by_entry, s)[0] for s in (-half, half)]
        return True, (-step, halves[0], below), (step, halves[1], above)
