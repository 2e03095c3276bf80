"""What is timed: networks on whole numbers, at which floats round nothing, so
that agreement is ==, in every entry.

Most weights are 0, so that every sum of magnitudes stays below 2^24 and the
batches are powers of 2: no operation rounds, not in float32 either, in whatever
order it adds. A bound on rounding errors could not stand in for that. It grows
with the sums of |W| from layer to layer, at L to 10^10 times the gradients, and
knows nothing of units that rounding carries over their kink: it would accept
anything.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

SIZES = {  # widths, batch
    "H": ((2, 3, 3, 1), 1),
    "H1024": ((2, 3, 3, 1), 1024),
    "M": ((784, 256, 128, 10), 128),
    "L": ((784, 1024, 1024, 1024, 1024, 10), 512),
    "XL": ((784, 4096, 4096, 4096, 10), 256),
    "D": ((32,) * 257, 128),
}
DEEP = 7  # layers from which on drawn weights would kill every unit, or make sums pass 2^24


class Problem(NamedTuple):
    """A ReLU network with a linear last layer, its data, and in `expected` its
    loss and gradients by name, float64."""

    params: Sequence[Any]  # (W, b) a layer: W (O, I), b (O,)
    x: Any  # (N, I)
    y: Any  # (N, O)
    activations: tuple[str, ...]
    expected: dict[str, Any]

    @property
    def dtype(self) -> str:
        return str(self.x.dtype)

    def astype(self, dtype: str) -> Problem:
        """The same numbers, as they are put in; `expected` stays."""
        params = [layer._make(a.astype(dtype) for a in layer) for layer in self.params]
        return self._replace(params=params, x=self.x.astype(dtype), y=self.y.astype(dtype))


def named(loss: Any, grads: Sequence[Any]) -> dict[str, Any]:
    """The loss and the gradients, (dW, db) a layer, by name: L, dW1, db1, ..."""
    return {"L": loss} | {
        f"d{x}{l}": d for l, layer in enumerate(grads, 1) for x, d in zip("Wb", layer, strict=True)
    }


def work(widths: Sequence[int], batch: int) -> int:
    """Floating-point operations of the pass's 3 L - 1 matrix products: all but
    that for the gradient by x."""
    products = 3 * sum(I * O for I, O in itertools.pairwise(widths)) - widths[0] * widths[1]
    return 2 * batch * products


def _drawn(rng: Any, widths: Sequence[int]) -> tuple[list[Any], list[Any]]:
    """About 4 weights into each unit and 1 out of it: with fewer, units die,
    with more, sums pass 2^24."""
    import numpy as np

    weights = []
    for I, O in itertools.pairwise(widths):
        W, count = np.zeros((O, I)), max(4 * O, I)
        W.flat[rng.integers(W.size, size=count)] = rng.choice((-1.0, 1.0), count)
        weights.append(W)
    return weights, [rng.integers(-1, 2, len(W)) * 1.0 for W in weights]


def _passed_on(rng: Any, widths: Sequence[int]) -> tuple[list[Any], list[Any]]:
    """Every unit is passed on once, here and there one is taken off as well, or
    a bias: numbers stay small."""
    import numpy as np

    weights, biases = [], []
    for I, O in itertools.pairwise(widths):
        W, b, every = np.zeros((O, I)), np.zeros(O), np.arange(max(I, O))
        W[rng.permutation(every) % O, every % I] = 1
        if rng.random() < 16 / len(widths):
            W[rng.integers(O), rng.integers(I)] -= 1
        b[rng.integers(O)] = rng.choice((-1.0, 1.0))
        weights.append(W)
        biases.append(b)
    weights[-1] *= rng.choice((-1.0, 1.0), weights[-1].shape)
    return weights, biases


def make_problem(widths: Sequence[int], batch: int, *, quiet: bool = False) -> Problem:
    """That of the first seed with no tensor of the gradient all 0, and live and
    dead units in every hidden layer.

    A `quiet` one has small numbers throughout, for bfloat16, or for many
    layers: each delta of the last is -1, 0 or 1.
    """
    import numpy as np

    import manual

    quiet = quiet or len(widths) > DEEP
    activations = ("relu",) * (len(widths) - 2) + ("identity",)
    for seed in itertools.count():
        rng = np.random.default_rng(seed)
        params = [
            manual.Layer(W, b)
            for W, b in zip(*(_passed_on if quiet else _drawn)(rng, widths), strict=True)
        ]
        x, y = (rng.integers(-1, 2, (batch, width)) * 1.0 for width in (widths[0], widths[-1]))
        cache = manual.forward(params, x, activations)
        if not all((z > 0).any() and not (z > 0).all() for z in cache.z[:-1]):
            continue
        y = y + cache.h[-1] if quiet else y
        expected = named(*manual.value_and_grad(params, x, y, activations))
        if all(np.any(tensor) for tensor in expected.values()):
            return Problem(params, x, y, activations, expected)
    raise AssertionError("unreachable: the seeds do not end")


def disagreement(found: dict[str, Any], expected: dict[str, Any], dtype: str) -> str | None:
    """The first tensor that is not what was expected in every entry, and where."""
    import numpy as np

    if found.keys() != expected.keys():
        return f"found {', '.join(found)}, expected {', '.join(expected)}"
    for name, right in expected.items():
        tensor = np.asarray(found[name])
        if tensor.dtype != dtype or tensor.shape != right.shape:
            return (
                f"{name} is {tensor.dtype}{list(tensor.shape)}, expected {dtype}{list(right.shape)}"
            )
        if len(wrong := np.argwhere(tensor != right)):
            at = tuple(wrong[0].tolist())
            where = f" in {len(wrong)} of {right.size} entries, first at {list(at)}" if at else ""
            return (
                f"{name} differs{where}: found {float(tensor[at])!r}, expected {float(right[at])!r}"
            )
    return None
