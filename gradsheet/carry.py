"""The hand-written pass with other numbers in it: those that a person carries on with, in place of those computed.

What a person prints is rounded, or wrong, and goes into everything computed from it. Here any value on the way can be
replaced: a node, a derivative of the loss, the derivative of an activation, a parameter after the update.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import manual
from gradsheet.network import NEW
from gradsheet.point import Point
from manual.activations import ELEMENTWISE, Array, activate, number, split
from manual.jacobians import unit_arrays
from manual.losses import LOSSES, d_reduce

Tensor = str | tuple[str, str]  # a node, "z1", or a derivative, ("L", "z1"), with the names of `Point`
Index = tuple[int, ...]
Change = Callable[[Any], Any]  # the value carried on, from the value computed
Changes = Mapping[Tensor, Mapping[Index, Change]]


class Carried(Point):
    """A point at which some values are not those computed but those that a person carries on with."""

    def __init__(self, point: Point, changes: Changes, *, floats: bool = False, suffix: str = ""):
        self.__dict__.update(
            network=point.network,
            arithmetic=point.arithmetic,
            rate=point.rate,
            budget=point.budget,
            truths={},
            loss=point.loss,
            activations=point.activations,
            exact=point.exact,
            jax_of=None,
            _nodes={},
            _jacobians={},
            _entries={},
        )
        self.changes, self.suffix, self.floats = changes, suffix, floats

        def typed(array: Array | None) -> Any:
            return array.astype(float) if floats and array is not None else array

        self.x, self.y, self.d_yhat = typed(point.x), typed(point.y), typed(point.d_yhat)
        self.params = tuple(manual.Layer(typed(W), typed(b)) for W, b in point.params)
        self.layers = tuple(manual.Layer(typed(W), typed(b)) for W, b in point.layers)

    def _changed(self, tensor: Tensor, array: Array) -> Array:
        """The array with those entries changed that the person carries on otherwise."""
        name = tensor + self.suffix if isinstance(tensor, str) else tensor
        if self.suffix and not isinstance(tensor, str):
            return array  # nobody asks for derivatives after the update
        if not (changes := self.changes.get(name)):
            return array
        array = array.copy()
        for index, change in changes.items():
            array[index] = change(array[index])
        return array

    @functools.cached_property
    def _forward(self) -> manual.Cache:
        zs, hs = [], [self.x]
        for l, ((W, b), activation) in enumerate(zip(self.layers, self.activations, strict=True), 1):
            z = hs[-1] @ W.T
            zs.append(self._changed(f"z{l}", z if b is None else z + b))
            hs.append(self._changed(f"h{l}", activate(activation, zs[-1])))
        return manual.Cache(tuple(zs), tuple(hs))

    @functools.cached_property
    def _shares(self) -> Array:
        shares = LOSSES[self.loss][0](self.y, self._forward.h[-1]).sum(0)
        if self.network.reduction == "mean":
            shares = shares / len(self.x)
        return self._changed("shares", np.asarray(shares))

    def _slopes(self, l: int) -> Array:
        """f'(z_l), from h_l where that is how one computes it, so that a rounded h enters."""
        (zs, hs), (name, parameters) = self._forward, split(self.activations[l - 1])
        z, h = zs[l - 1], hs[l]
        one = number(z, 1)
        slopes = {"sigmoid": lambda: h * (one - h), "tanh": lambda: one - h * h}
        array = slopes[name]() if name in slopes else ELEMENTWISE[name][1](z, *parameters)
        changes = self.changes.get((f"h{l}", f"z{l}"), {}) if not self.suffix else {}
        for (n, i, m, j), change in changes.items():
            if (n, i) == (m, j):
                array[n, i] = change(array[n, i])
        return np.asarray(array)

    def _through(self, l: int, d_h: Array) -> Array:
        h = self._forward.h[l]
        if split(self.activations[l - 1])[0] == "softmax":
            return np.asarray(h * (d_h - (d_h * h).sum(-1, keepdims=True)))
        return np.asarray(d_h * self._slopes(l))

    def _back(self, of: str, top: int, d_top: Array, *, activated: bool = True) -> dict[str, Array]:
        """The gradients of a scalar called `of` by everything before it, from that by h of layer `top`, or by its z."""
        grads: dict[str, Array] = {}

        def keep(name: str, array: Array) -> Array:
            grads[name] = self._changed((of, name), array)
            return grads[name]

        d_h = keep(f"h{top}", d_top) if activated else d_top
        for l in range(top, 0, -1):
            (W, b), h = self.layers[l - 1], self._forward.h[l - 1]
            delta = keep(f"z{l}", self._through(l, d_h) if activated or l < top else d_h)
            keep(f"W{l}", delta.T @ h)
            if b is not None:
                keep(f"b{l}", np.asarray(delta.sum(0 if b.ndim else None)))
            d_h = keep(f"h{l - 1}", delta @ W)
        return grads

    @functools.cached_property
    def _gradients(self) -> dict[str, Array]:
        yhat = self._forward.h[-1]
        d_yhat = d_reduce(LOSSES[self.loss][1](self.y, yhat), self.network.reduction)
        return self._back("L", len(self.layers), d_yhat)

    def _derivative(self, of: str, by: str) -> Array:
        if of == "L":
            return self._gradients[by]
        if of == "shares":
            # An output's share has that output's part of dL/dyhat, and of dL/dz where no softmax mixes them.
            top = len(self.layers)
            activated = by == f"h{top}" or split(self.activations[-1])[0] == "softmax"
            whole = self._gradients[f"h{top}" if activated else f"z{top}"]
            outputs = np.arange(whole.shape[1])
            seeds = [np.where(outputs == k, whole, whole * number(whole, 0)) for k in outputs]
            shape: tuple[int, ...] = outputs.shape
        else:
            top, activated = int(of[1:]), of[0] == "h"
            like = self._forward.h[top] if activated else self._forward.z[top - 1]
            seeds, shape = list(unit_arrays(like)), like.shape
        rows = [self._back("", top, seed, activated=activated)[by] for seed in seeds]
        return self._changed((of, by), np.stack(rows).reshape(shape + rows[0].shape))

    @functools.cached_property
    def updated(self) -> "Carried":
        params = []
        for l, (W, b) in enumerate(self.params, 1):
            rate = float(self.rate) if self.floats else self.rate
            W = self._changed(f"W{l}{NEW}", W - rate * self._gradients[f"W{l}"])
            if b is not None and self.network.update == "all":
                b = self._changed(f"b{l}{NEW}", np.asarray(b - rate * self._gradients[f"b{l}"]))
            params.append(manual.Layer(W, b))
        point = Carried(self, self.changes, suffix=NEW)
        point.params = tuple(params)
        point.layers = (*params, *self.layers[len(params) :])
        return point

    def everything(self) -> Iterator[Array]:
        """Every node, every slope of an activation, and where there is a loss yhat - y and its derivatives."""
        yield from (*self._forward.z, *self._forward.h)
        yield from (self._slopes(l) for l, a in enumerate(self.activations, 1) if split(a)[0] != "softmax")
        if self.network.loss is not None:
            yield from self._gradients.values()
        if self.y is not None:
            yield self._forward.h[-1] - self.y
