"""The witness in floats: JAX's automatic derivatives, held against exact numbers without a tolerance.

Where every number that can occur fits into a float without rounding, the two have to be equal. Elsewhere they may
differ by the rounding that the computation can accumulate and no more: gamma_k times the same pass on absolute values
(N. Higham, Accuracy and Stability of Numerical Algorithms, 3.1), where gamma_k = k u / (1 - k u) and k counts the
roundings on a path.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

import manual
import ref
from gradsheet.network import KINKED
from manual.activations import Array, split

_UNIT = 2.0**-53


@functools.lru_cache(maxsize=256)
def _program(activations: tuple[Any, ...], loss: str, reduction: str, of: tuple[str, ...]) -> Any:
    """The forward pass and the Jacobians of some nodes, compiled together, once for all sheets of a structure."""

    def run(params: Any, x: Any, y: Any) -> Any:
        rows = ref.stacked_jacobian(params, x, activations, of=of, y=y, loss=loss, reduction=reduction)
        return ref.forward(params, x, activations), rows

    return jax.jit(run)


def _floats(array: Array) -> Array:
    return np.asarray(array, float)


class Autodiff:
    """JAX's opinion at one point, and how far rounding can take it from the exact one.

    params, x (N, I) and y (N, O) or None are object arrays of Fractions; `of` names the nodes whose Jacobians will be
    asked for.
    """

    def __init__(
        self,
        params: Sequence[manual.Layer],
        x: Array,
        y: Array | None,
        activations: tuple[Any, ...],
        loss: str,
        reduction: str,
        of: tuple[str, ...],
    ):
        self.loss, self.reduction = loss, reduction
        self.activations = tuple(a if isinstance(a, str) else (a[0], float(a[1])) for a in activations)
        self.of = ("L", *(name for name in of if name != "L"))
        self.params = [manual.Layer(_floats(W), None if b is None else _floats(b)) for W, b in params]
        self.x, self.y = _floats(x), None if y is None else _floats(y)
        # The pass on absolute values: nothing is masked and nothing cancels. -|y| makes |yhat| + |y| of yhat - y.
        steepest = [max(1.0, abs(float(split(a)[1][0]))) if split(a)[1] else 1.0 for a in activations]
        absolute = [
            manual.Layer(abs(W) * s, None if b is None else np.asarray(abs(b) * s))
            for (W, b), s in zip(self.params, steepest, strict=True)
        ]
        self.absolute = absolute, abs(self.x), None if y is None else -abs(self.y)  # type: ignore[arg-type]
        self.plain = ("identity",) * len(activations)
        self.steepest = math.prod(steepest)
        # No node and no derivative of one by another is larger, and L and its gradients not than the square of it.
        sums = [float(W.sum()) + (0 if b is None else float(b.max())) for W, b in absolute]
        size = (1 + sum(float(abs(a).max()) for a in (self.x, self.y) if a is not None)) * math.prod(
            1 + s for s in sums
        )
        exact = [v for layer in params for a in layer if a is not None for v in a.flat]
        exact += [*x.flat] + ([] if y is None else [*y.flat])
        exact += [parameter for a in activations for parameter in split(a)[1]]
        degree = 4 * len(activations) + 3  # of the largest product of data and slopes that occurs
        smallest = min((v.numerator.bit_length() - v.denominator.bit_length() - 1 for v in exact if v), default=0)
        # Where a product may leave the range of floats, the bounds below hold no more.
        self.in_range = math.isfinite(size) and 2 * math.log2(size) < 1000 and degree * min(0, smallest) > -1000
        scale = max(value.denominator for value in exact) * len(x) * params[-1].W.shape[0]
        dyadic = all(v.denominator & (v.denominator - 1) == 0 for v in exact) and scale & (scale - 1) == 0
        # Every intermediate result is a whole multiple of scale^-degree, and smaller than size^2 times the outputs.
        bits = degree * (scale.bit_length() - 1) + math.log2(len(x) * params[-1].W.shape[0])
        self.exact = dyadic and self.in_range and 2 * math.log2(size) + bits < 53
        self.roundings = 2 * (sum(sum(layer.W.shape) + 4 for layer in params) + len(x) + 8)

    @functools.cached_property
    def _results(self) -> Any:
        with jax.enable_x64(True):
            found = _program(self.activations, self.loss, self.reduction, self.of)(self.params, self.x, self.y)
            return jax.tree.map(np.asarray, found)

    def _gamma(self) -> float:
        return self.roundings * _UNIT / (1 - self.roundings * _UNIT)

    def can_testify(self) -> bool:
        """Whether all is in the range of floats, and no rounding can have moved a z across a kink, to another net."""
        if self.exact or not self.in_range:
            return self.exact
        bounds = manual.forward(*self.absolute[:2], self.plain).z
        kinked = [split(a)[0] in KINKED for a in self.activations]
        return all(
            bool((abs(z) > self._gamma() * b).all())
            for z, b, k in zip(self._results[0].z, bounds, kinked, strict=True)
            if k
        )

    def _agree(self, mine: Array, exact: Array, magnitude: Array) -> bool:
        if self.exact:
            return bool((mine == _floats(exact)).all())
        return bool((abs(mine - _floats(exact)) <= self._gamma() * self.steepest * magnitude).all())

    def agrees_forward(self, exact: manual.Cache, L: Any) -> bool:
        """Whether every z and h, and the loss, is what `exact` and `L` say."""
        (z, h), (vector, _) = self._results
        bounds = manual.forward(*self.absolute[:2], self.plain)
        bound, _ = manual.gradients(*self.absolute, self.plain, loss=self.loss, reduction=self.reduction)
        mine, theirs, magnitudes = (
            (*z, *h, vector[0]),
            (*exact.z, *exact.h, np.asarray(L)),
            (*bounds.z, *bounds.h, np.asarray(bound)),
        )
        return all(self._agree(*triple) for triple in zip(mine, theirs, magnitudes, strict=True))

    def _rows(self, of: str) -> slice:
        """Where a node's entries stand in the stacked Jacobian."""
        (z, h), _ = self._results

        def size(name: str) -> Any:
            if name in ("L", "shares"):
                return 1 if name == "L" else h[-1].shape[1]
            return (h[int(name[1:])] if name[0] == "h" else z[int(name[1:]) - 1]).size

        start = sum(size(name) for name in self.of[: self.of.index(of)])
        return slice(start, start + size(of))

    def agrees_derivative(self, of: str, by: str, exact: Array) -> bool:
        """Whether d of / d by is what `exact` says, with all axes; `by` is "W1", "b1", "z1", "h0" and so on."""
        letter, layer = by[0], int(by[1:])
        _, (_, rows) = self._results
        stacked = (
            getattr(rows.params[layer - 1], letter)
            if letter in "Wb"
            else getattr(rows, letter)[layer - (letter == "z")]
        )
        magnitude = manual.jacobian(
            *self.absolute[:2], self.plain, of=of, by=by, y=self.absolute[2], loss=self.loss, reduction=self.reduction
        )
        return self._agree(stacked[self._rows(of)].reshape(exact.shape), exact, magnitude)
