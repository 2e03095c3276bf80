"""A network with numbers in it, and the truth there: of every quantity, on the word of three witnesses.

The hand-written pass on Fractions, the exact difference, and JAX have to agree; otherwise nobody is believed.
"""

import functools
import math
import time
from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

import manual
from gradsheet.difference import Slopes, Walk
from gradsheet.network import KINKED, Network
from gradsheet.number import exact_text, plain
from manual.activations import Array, split
from manual.losses import LOSSES

MAX_ENTRIES = 4_096
MAX_PRODUCTS = 5_000_000  # of fractions, in one Jacobian by hand


class Undecided(Exception):
    """No verdict is honest here; the message says why."""


class AtKink(Undecided):
    """There is no derivative here: a z is exactly 0."""


class OutOfTime(Undecided):
    """The sheet takes more time than it may."""


class Missing(ValueError):
    """A quantity that this network does not have; the message says why."""


def _entry(value: Any) -> Array:
    """A number as an array of no axes: NumPy hands out the bare object otherwise."""
    array = np.empty((), object)
    array[()] = value
    return array


def as_array(value: Any) -> Array:
    return value if isinstance(value, np.ndarray) else _entry(value)


class Point:
    """The network of a sheet with values for everything in it.

    params are manual.Layer of object arrays of Fractions; x is (N, I), y (N, O) or None; d_yhat (O,) is dL/dyhat where
    the loss is unspecified. `jax_of` names the nodes whose derivatives JAX will be asked for, None where the
    hand-written pass is alone (see `probe`). Quantities come and go under the sheet's names and shapes: one example has
    no example axis.
    """

    def __init__(
        self,
        network: Network,
        params: Sequence[manual.Layer],
        x: Array,
        y: Array | None,
        d_yhat: Array | None,
        jax_of: Collection[str] | None,
    ):
        self.network, self.params, self.x, self.y, self.d_yhat = network, tuple(params), x, y, d_yhat
        self.jax_of = (
            None if jax_of is None else tuple(sorted({self._inner(network.canonical(name)) for name in jax_of}))
        )
        self.deadline = math.inf
        self.free = False  # drawn for formulas with kinks of their own
        self._jacobians: dict[tuple[str, str], Array] = {}
        self._slopes: dict[tuple[str, tuple[int, ...], str, tuple[int, ...]], Slopes] = {}
        # An unspecified loss is the network's own output behind one more linear layer, whose weights are dL/dyhat.
        self.layers, self.activations, self.loss = self.params, network.activations, network.loss or "output"
        if d_yhat is not None:
            self.layers, self.activations = (
                (*self.params, manual.Layer(d_yhat[None, :])),
                (*network.activations, "identity"),
            )

    def check_time(self) -> None:
        """Raise OutOfTime where the time for the sheet is over."""
        if time.monotonic() > self.deadline:
            raise OutOfTime("the sheet takes more time than a worked example needs")

    @functools.cached_property
    def _walk(self) -> Walk:
        def numbers(array: Array | None) -> Any:
            whole = np.frompyfunc(lambda v: int(v) if v.denominator == 1 else v, 1, 1)
            return None if array is None else as_array(whole(array)).tolist()

        layers = zip(self.layers, self.activations, strict=True)
        rows = [(numbers(W), numbers(b), activation) for (W, b), activation in layers]
        return Walk(rows, numbers(self.x), numbers(self.y) or [], self.loss, self.network.reduction)

    @functools.cached_property
    def _autodiff(self) -> Any:
        if self.jax_of is None:
            return None
        from gradsheet.autodiff import Autodiff  # JAX takes a second to import: only where it is asked

        reduction = self.network.reduction
        try:
            witness = Autodiff(self.layers, self.x, self.y, self.activations, self.loss, reduction, self.jax_of)
        except OverflowError:  # a number that is no float
            return None
        return witness if witness.can_testify() else None

    @functools.cached_property
    def _forward(self) -> tuple[manual.Cache, Array]:
        """The forward pass and the shares of the loss by hand, and Undecided where a witness sees others."""
        cache = manual.forward(self.layers, self.x, self.activations)
        shares = LOSSES[self.loss][0](self.y, cache.h[-1]).sum(0)
        if self.network.reduction == "mean":
            shares = shares / len(self.x)
        if self.jax_of is None:
            return cache, shares
        nodes = self._walk.nodes
        mine = [*cache.z, *cache.h, shares]
        theirs = (
            [nodes[f"z{l + 1}"] for l in range(len(cache.z))]
            + [nodes[f"h{l}"] for l in range(len(cache.h))]
            + [nodes["shares"]]
        )
        others = ["plain Python"] if [array.tolist() for array in mine] != theirs else []
        if self._autodiff and not self._autodiff.agrees_forward(cache, shares.sum()):
            others.append("JAX")
        if others:
            raise Undecided(f"the witnesses disagree on the forward pass: NumPy by hand against {' and '.join(others)}")
        return cache, shares

    def _inner(self, name: str) -> str:
        return {"x": "h0", "yhat": f"h{self.network.depth}"}.get(name, name)

    def _own_axes(self, name: str, array: Array, first: int = 0) -> Array:
        """Without the example axis, which stands at `first`, where the sheet has a single example."""
        return array if self.network.examples is not None or name[0] not in "xyzh" else array.take(0, axis=first)

    def node(self, name: str) -> Array:
        """The value of a node or parameter, in the sheet's shape; "shares" gives the L[k]."""
        name = self.network.canonical(name)
        if name == "y" and self.y is not None:
            return self._own_axes(name, self.y)
        if name[0] in "Wb":
            return as_array(getattr(self.params[int(name[1:]) - 1], name[0]))
        if name in ("L", "shares"):
            if self.network.loss is None:
                raise Missing(
                    'L has no value, the sheet gives no loss: write loss = "half_squared_error" or another at its top'
                )
            shares = self._forward[1]
            return _entry(shares.sum()) if name == "L" else shares
        inner, (cache, _) = self._inner(name), self._forward
        l = int(inner[1:])
        return self._own_axes(name, cache.h[l] if inner[0] == "h" else cache.z[l - 1])

    def _derivative(self, of: str, by: str) -> Array:
        """By hand, with every example axis; JAX has been asked."""
        if (of, by) not in self._jacobians:
            _ = self._forward
            self.check_time()
            passes = 1 if of[0] in "Ls" else len(self.x) * self.layers[int(of[1:]) - 1].W.shape[0] if of != "h0" else 1
            if passes * len(self.x) * sum(W.size for W, _ in self.layers) > MAX_PRODUCTS:
                raise Undecided(f"d{of}/d{by} takes more work than a worked example needs")
            reduction = self.network.reduction
            hand = manual.jacobian(
                self.layers, self.x, self.activations, of=of, by=by, y=self.y, loss=self.loss, reduction=reduction
            )
            if self._autodiff and not self._autodiff.agrees_derivative(of, by, hand):
                raise Undecided(f"the witnesses disagree on d{of}/d{by}: NumPy by hand against JAX")
            self._jacobians[of, by] = hand
        return self._jacobians[of, by]

    def derivative(self, of: str, of_index: tuple[int, ...], by: str, by_index: tuple[int, ...]) -> Array:
        """d of[of_index] / d by[by_index]; indices count from 0, and axes that they leave open stay.

        Raises Missing where there is no such derivative, Undecided at a kink or where the witnesses disagree.
        """
        of, by = self.network.canonical(of), self.network.canonical(by)
        if reason := self.network.no_derivative(of, by):
            raise Missing(reason)
        hand = self._derivative(self._inner(of), self._inner(by))
        if of not in ("L", "shares"):
            hand = self._own_axes(of, hand)
        of_axes = 1 if of == "shares" else len(self.network.shapes[of])
        hand = self._own_axes(by, hand, of_axes)
        axes: Any = (*of_index, *[slice(None)] * (of_axes - len(of_index)), *by_index)
        picked = as_array(hand[axes])
        if self.jax_of is not None:
            self._ask_difference(of, of_index, of_axes, by, by_index, picked)
        elif self._on_kink:
            raise AtKink("a kink is in the way, a z is exactly 0")
        return picked

    def _ask_difference(
        self, of: str, of_index: tuple[int, ...], of_axes: int, by: str, by_index: tuple[int, ...], hand: Array
    ) -> None:
        if hand.size > MAX_ENTRIES:
            raise Undecided(
                f"d{of}/d{by} has {hand.size} entries, at most {MAX_ENTRIES} are judged: name some by their indices"
            )
        for rest in np.ndindex(hand.shape):
            split_at = of_axes - len(of_index)
            of_entry, by_entry = (*of_index, *rest[:split_at]), (*by_index, *rest[split_at:])
            self.check_time()
            left, right, kink = self._difference(of, of_entry, by, by_entry)
            if left == right == hand[rest]:
                continue
            if kink:
                sides = f"from the left d{of}/d{by} is {left}, from the right {right}"
                raise AtKink(f"a kink is in the way, a z is exactly 0: {sides}")
            raise Undecided(
                f"the witnesses disagree on d{of}/d{by}: by hand {hand[rest]}, by the exact difference {left}"
            )

    def _difference(self, of: str, of_entry: tuple[int, ...], by: str, by_entry: tuple[int, ...]) -> Slopes:
        def full(name: str, entry: tuple[int, ...]) -> tuple[int, ...]:
            single = self.network.examples is None and self._inner(name)[0] in "zh"
            return (0, *entry) if single else entry

        key = (of, of_entry, by, by_entry)
        if key not in self._slopes:
            self._slopes[key] = self._walk.derivative(
                self._inner(of), full(of, of_entry), self._inner(by), full(by, by_entry)
            )
        return self._slopes[key]

    @functools.cached_property
    def _on_kink(self) -> bool:
        zs = zip(self._forward[0].z, self.activations, strict=True)
        return any(split(activation)[0] in KINKED and (z == 0).any() for z, activation in zs)

    def signed_values(self) -> tuple[set[Fraction], set[Fraction]]:
        """What the probes give both signs: the z of every kinked unit; every other entry of x, z, y and dL/dyhat."""
        (zs, hs), _ = self._forward
        kinked = [split(activation)[0] in KINKED for activation in self.activations]
        others = [hs[0], *(array for array in (self.y, self.d_yhat) if array is not None)]
        others += [z for z, kink in zip(zs, kinked, strict=True) if not kink]
        units = [z for z, kink in zip(zs, kinked, strict=True) if kink]
        return {v for array in units for v in array.flat if v}, {v for array in others for v in array.flat if v}

    def data_text(self) -> str:
        """The parameters and data here, on one line."""
        names = [name for name in self.network.shapes if name[0] in "xyWb" and name != "yhat"]
        data = [f"{name} = {plain(exact_text(self.node(name)))}" for name in names]
        return ", ".join(data if self.d_yhat is None else [*data, f"dL/dyhat = {plain(exact_text(self.d_yhat))}"])
