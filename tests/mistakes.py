"""Wrong backward passes: each is the right one, written once more in plain NumPy, with a single step replaced.

`Pass` is right (a test says so). A mistake overrides one of its steps and nothing else.
"""

from typing import Any

import numpy as np

import manual

Array = np.ndarray[Any, Any]


class Pass:
    """Half squared error, the mean over the N examples; every activation is relu or identity."""

    def gradients(self, params: Any, x: Array, y: Array, activations: tuple[str, ...]) -> dict[str, Array]:
        """dL by every W, b and by x, by name."""
        z, h = manual.forward(params, x, activations)
        found, d_h = {}, self.d_yhat(y, h[-1])
        for l in range(len(params), 0, -1):
            W, b = params[l - 1]
            d_z = self.d_z(d_h, z[l - 1], h[l]) if activations[l - 1] == "relu" else d_h
            found[f"W{l}"] = self.d_W(d_z, h[l - 1], z[l - 2] if l > 1 else x)
            if b is not None:
                found[f"b{l}"] = self.d_b(d_z)
            d_h = self.d_h(d_z, W, d_h)
        return {**found, "x": d_h}

    def d_yhat(self, y: Array, yhat: Array) -> Array:
        return (yhat - y) / len(y)

    def d_z(self, d_h: Array, z: Array, h: Array) -> Array:
        return d_h * (z > 0)

    def d_W(self, d_z: Array, h: Array, z: Array) -> Array:  # noqa: N802
        """`h` is the layer's input, `z` what that was before its activation."""
        return d_z.T @ h

    def d_b(self, d_z: Array) -> Array:
        return d_z.sum(0)

    def d_h(self, d_z: Array, W: Array, upstream: Array) -> Array:
        return d_z @ W


class FactorTwo(Pass):
    """The 2 of the square kept although the loss has a half."""

    def d_yhat(self, y: Array, yhat: Array) -> Array:
        return 2 * (yhat - y) / len(y)


class HalfTwice(Pass):
    """The half applied once more."""

    def d_yhat(self, y: Array, yhat: Array) -> Array:
        return (yhat - y) / 2 / len(y)


class Sign(Pass):
    """y - yhat for yhat - y."""

    def d_yhat(self, y: Array, yhat: Array) -> Array:
        return (y - yhat) / len(y)


class SumForMean(Pass):
    """1/N forgotten."""

    def d_yhat(self, y: Array, yhat: Array) -> Array:
        return yhat - y


class MeanTwice(Pass):
    """1/N in the loss and again in the gradient of W."""

    def d_W(self, d_z: Array, h: Array, z: Array) -> Array:  # noqa: N802
        return d_z.T @ h / len(h)


class NoMask(Pass):
    """relu' left out."""

    def d_z(self, d_h: Array, z: Array, h: Array) -> Array:
        return d_h


class MaskAtZero(Pass):
    """relu'(0) = 1: the mask of z >= 0."""

    def d_z(self, d_h: Array, z: Array, h: Array) -> Array:
        return d_h * (z >= 0)


class MaskTurned(Pass):
    """The dead units passed on, the live ones not."""

    def d_z(self, d_h: Array, z: Array, h: Array) -> Array:
        return d_h * (z <= 0)


class MaskOfUpstream(Pass):
    """The mask of the gradient for the mask of z."""

    def d_z(self, d_h: Array, z: Array, h: Array) -> Array:
        return d_h * (d_h > 0)


class ReluForItsDerivative(Pass):
    """relu(z) for relu'(z)."""

    def d_z(self, d_h: Array, z: Array, h: Array) -> Array:
        return d_h * h


class PreActivation(Pass):
    """z for h in the gradient of W."""

    def d_W(self, d_z: Array, h: Array, z: Array) -> Array:  # noqa: N802
        return d_z.T @ z


class NoInput(Pass):
    """h, or x, missing in the gradient of W."""

    def d_W(self, d_z: Array, h: Array, z: Array) -> Array:  # noqa: N802
        return d_z.T @ np.ones_like(h)


class OtherInput(Pass):
    """The input of another unit."""

    def d_W(self, d_z: Array, h: Array, z: Array) -> Array:  # noqa: N802
        return d_z.T @ np.roll(h, 1, 1)


class Transposed(Pass):
    """W for W^T on the way back: the right shape, the wrong order of the entries."""

    def d_h(self, d_z: Array, W: Array, upstream: Array) -> Array:
        return d_z @ W.T.reshape(W.shape)


class OneRow(Pass):
    """One path of several: only the first unit behind is followed."""

    def d_h(self, d_z: Array, W: Array, upstream: Array) -> Array:
        return d_z[:, :1] @ W[:1]


class SummedIndex(Pass):
    """A sum over an index that stays free."""

    def d_h(self, d_z: Array, W: Array, upstream: Array) -> Array:
        back = d_z @ W
        return np.broadcast_to(back.sum(1, keepdims=True), back.shape)


class UpstreamDropped(Pass):
    """The chain broken off: dh/dh without dL behind it."""

    def d_h(self, d_z: Array, W: Array, upstream: Array) -> Array:
        return np.ones_like(d_z) @ W


class MaskSkipped(Pass):
    """The gradient before the mask passed back: relu' enters dW, but not what lies before."""

    def d_h(self, d_z: Array, W: Array, upstream: Array) -> Array:
        return upstream @ W


class BiasNotSummed(Pass):
    """The bias' gradient of the first example for that of the batch."""

    def d_b(self, d_z: Array) -> Array:
        return d_z[0]


class BiasMean(Pass):
    """The mean over the batch once more in the bias' gradient."""

    def d_b(self, d_z: Array) -> Array:
        return d_z.mean(0)


class BiasShared(Pass):
    """One number for all biases of a layer."""

    def d_b(self, d_z: Array) -> Array:
        return np.full(d_z.shape[1], d_z.sum())


MISTAKES = Pass.__subclasses__()
