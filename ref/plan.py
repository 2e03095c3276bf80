"""The compiled pass, with the parameters packed as it runs fastest: chosen from
their shapes alone.

    layers    an array for each W and each b: for wide layers, where the products
              take all the time
    vector    all parameters in one vector (P,): for tiny networks, where a call
              spends more time on each array that goes in or comes out, about a
              microsecond, than on the arithmetic
    scan      a run of equal layers as one stack of W (layers, O, O) and one of b
              (layers, O), and one body for all: for deep and narrow networks,
              which compile in the same time however deep they are

The mathematics is that of `mlp`, and JAX differentiates it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.compilation_cache import compilation_cache as compilation_cache_of_jax

from ref.activations import Activations
from ref.door import check_loss, check_params, check_x
from ref.fused import fuse
from ref.layers import Layer, Params
from ref.mlp import Cache, batch_forward, loss_shares, zero_taps

TINY = 8192  # parameters up to which they are one vector, unless there is something to scan
DEEP, THIN = 32, 128  # layers from which on, and units up to which, a run of equal ones is scanned

Packed = Any  # parameters, or their gradient: an array or a tuple of them


class _Layers:
    """Packed as the arrays themselves, W1, b1, W2, .... Wherever a layer has no
    bias, there is none."""

    def __init__(self, like: Sequence[Layer], activations: Activations):
        self.like, self.activations = like, activations

    def pack(self, params: Params) -> Packed:
        return tuple(jax.tree.leaves(tuple(params)))

    def unpack(self, packed: Packed) -> tuple[Layer, ...]:
        arrays = iter(packed)
        return tuple(Layer(next(arrays), None if b is None else next(arrays)) for _, b in self.like)

    def last(self, packed: Packed, x: jax.Array) -> jax.Array:
        """The last h: yhat, or z where the last activation is computed with the loss."""
        return batch_forward(self.unpack(packed), x, self.activations).h[-1]


class _Vector(_Layers):
    """Packed as one vector."""

    def pack(self, params: Params) -> Packed:
        return jnp.concatenate([jnp.ravel(array) for array in super().pack(params)])

    def unpack(self, packed: Packed) -> tuple[Layer, ...]:
        arrays, start = [], 0
        for like in super().pack(self.like):
            arrays.append(packed[start : start + like.size].reshape(like.shape))
            start += like.size
        return super().unpack(arrays)


class _Scan(_Layers):
    """Packed as the layers before the run, the stacks of the run, and the layers after it."""

    def __init__(self, like: Sequence[Layer], activations: Activations):
        super().__init__(like, activations)
        self.run = longest_run(like, activations)
        start, stop = self.run.start, self.run.stop
        self.before = _Layers(like[:start], activations[:start])
        self.after = _Layers(like[stop:], activations[stop:])
        self.length, self.activation = stop - start, activations[start]

    def pack(self, params: Params) -> Packed:
        params, start, stop = tuple(params), self.run.start, self.run.stop
        stacks = jax.tree.map(lambda *layers: jnp.stack(layers), *params[start:stop])
        return self.before.pack(params[:start]), stacks, self.after.pack(params[stop:])

    def unpack(self, packed: Packed) -> tuple[Layer, ...]:
        before, stacks, after = packed
        run = [
            Layer(stacks.W[l], None if stacks.b is None else stacks.b[l])
            for l in range(self.length)
        ]
        return (*self.before.unpack(before), *run, *self.after.unpack(after))

    def last(self, packed: Packed, x: jax.Array) -> jax.Array:
        before, stacks, after = packed
        h, _ = jax.lax.scan(
            lambda h, layer: (batch_forward([layer], h, (self.activation,)).h[-1], None),
            self.before.last(before, x),
            stacks,
        )
        return self.after.last(after, h)


FORMULATIONS: dict[str, type[_Layers]] = {"layers": _Layers, "vector": _Vector, "scan": _Scan}


def longest_run(params: Sequence[Layer], activations: Activations) -> slice:
    """The longest run of layers that differ in numbers only, with as many units
    as inputs; empty if there is none."""
    kinds = [
        (W.shape, b if b is None else b.shape, a)
        for (W, b), a in zip(params, activations, strict=True)
    ]
    best, start = slice(0, 0), 0
    for ((units, inputs), _, _), group in groupby(kinds):
        stop = start + len(list(group))
        if units == inputs and stop - start > best.stop - best.start:
            best = slice(start, stop)
        start = stop
    return best


WRITE_PACK = "write plan.pack(params)"


def _check(name: str, given: Any, expected: Any, write: str) -> None:
    """ValueError unless the arrays have the expected shapes and number types,
    in a tree of the same form."""

    def kinds(tree: Any) -> list[str]:
        arrays = jax.tree.leaves(tree)
        return [f"{a.dtype}{list(a.shape)}" if hasattr(a, "dtype") else repr(a) for a in arrays]

    mine, theirs = kinds(given), kinds(expected)
    structure: Any = jax.tree.structure  # whose results have no type
    if mine == theirs and structure(given) == structure(expected):
        return
    differing = (pair for pair in zip(mine, theirs, strict=False) if pair[0] != pair[1])
    this, that = next(differing, (f"{len(mine)} arrays", f"{len(theirs)} in another form"))
    if "float64" in that and "float32" in this:
        write += ", inside `with jax.enable_x64(True):`"
    raise ValueError(f"{name} has {this}, expected {that}: {write}")


class Plan:
    """The loss and gradients of a network under `jit`, compiled anew for every
    batch size that comes.

        plan = ref.Plan(params, ("relu", "identity"))
        packed = plan.pack(params)
        L, gradient = plan.value_and_grad(packed, x, y)
        packed = jax.tree.map(lambda p, d: p - 0.1 * d, packed, gradient)
        params = plan.unpack(packed)

    `formulation` says how parameters are packed, "layers", "vector" or "scan",
    and is chosen from their shapes unless it is given. The gradient comes
    packed like the parameters. An earlier gradient that is given up,
    `into=gradient`, leaves its memory to the new one and cannot be read any
    more, which saves wide networks the time that fresh memory takes; with it
    the program is another one, compiled on its own. params and activations,
    loss and reduction are those of `ref.gradients`, and so are the errors.
    """

    def __init__(
        self,
        params: Params,
        activations: Activations,
        *,
        loss: str = "half_squared_error",
        reduction: str = "mean",
        formulation: str | None = None,
    ):
        activations = tuple(activations)

        def checked() -> tuple[Layer, ...]:
            layers = check_params(params, activations)
            y = None if loss == "output" else jnp.zeros((1, len(layers[-1].W)), layers[-1].W.dtype)
            check_loss(loss, reduction, y, layers, 1)
            return layers

        # Shapes: a plan holds on to no parameters, and to make it compiles nothing.
        self._like = layers = jax.eval_shape(checked)
        if len(kinds := {str(array.dtype) for array in jax.tree.leaves(layers)}) > 1:
            raise ValueError(
                f"params has the number types {', '.join(sorted(kinds))}, expected one for all"
            )
        run = longest_run(layers, activations)
        if formulation is None:
            deep = run.stop - run.start >= DEEP and layers[run.start].W.shape[0] <= THIN
            tiny = sum(array.size for array in jax.tree.leaves(layers)) <= TINY
            formulation = "scan" if deep else "vector" if tiny else "layers"
        if formulation not in FORMULATIONS:
            raise ValueError(
                f"formulation is {formulation!r}, expected one of {', '.join(FORMULATIONS)}, or "
                "None"
            )
        if formulation == "scan" and run.start == run.stop:
            raise ValueError(
                "formulation is 'scan', expected at least one layer with as many units as inputs"
            )
        self.formulation, self.activations, self.loss = formulation, activations, loss
        self.reduction = reduction
        self.widths = (layers[0].W.shape[1], *(W.shape[0] for W, _ in layers))
        self._to_loss, self._shares, _ = fuse(activations, loss)
        self._packing = FORMULATIONS[formulation](layers, self._to_loss)
        self._pack = jax.jit(self._packing.pack)
        self._packed = jax.eval_shape(self._pack, layers)
        # The plan's own attributes hide its methods, which they are compiled from: a call costs
        # no more. An argument that nothing is computed from is kept: its memory takes what is
        # computed.
        compiled = partial(jax.jit, donate_argnames="into", keep_unused=True)
        vars(self).update(
            value_and_grad=compiled(self.value_and_grad),
            per_example_gradients=compiled(self.per_example_gradients),
            per_example_norms=jax.jit(self.per_example_norms),
        )

    def pack(self, params: Params) -> Packed:
        """Parameters of the plan's shapes as `value_and_grad` takes them;
        ValueError where a shape is another."""
        packed = self._pack(check_params(params, self.activations))
        write = "a plan is for one set of shapes and one number type"
        _check("params", packed, self._packed, write)
        return packed

    def unpack(self, packed: Packed) -> tuple[Layer, ...]:
        """What was packed, parameters or their gradient, as a tuple of `Layer`."""
        _check("packed", packed, self._packed, WRITE_PACK)
        return self._packing.unpack(packed)

    def value_and_grad(
        self, packed: Packed, x: Any, y: Any = None, *, into: Packed = None
    ) -> tuple[jax.Array, Packed]:
        """The loss and its gradient, packed like the parameters.

        packed is what `pack` gives, x is (N, I), y (N, O), or None for "output".
        `into` is an earlier gradient that is given up. Raises as `ref.gradients` does.
        """
        x, y = self._data(packed, x, y)
        if into is not None:
            write = "write into=gradient, with one that an earlier call returned"
            _check("into", into, self._packed, write)

        def value(packed: Packed) -> jax.Array:
            return loss_shares(y, self._packing.last(packed, x), self._shares, self.reduction).sum()

        return jax.value_and_grad(value)(packed)

    def per_example_gradients(
        self, packed: Packed, x: Any, y: Any = None, *, into: tuple[Layer, ...] | None = None
    ) -> tuple[jax.Array, tuple[Layer, ...]]:
        """The loss of every example, (N,), and its gradient: W (N, O, I), b (N,
        O), or (N,) where it is shared.

        The outer products delta h^T, of which JAX gives delta, for all examples
        at once. Given the arrays of an earlier call they take half the time:
        fresh memory costs as much as the arithmetic.
        """
        losses, deltas, hs = self._deltas(packed, x, y)
        if into is not None:
            shape: Any = jax.ShapeDtypeStruct
            expected = jax.tree.map(lambda a: shape((len(losses), *a.shape), a.dtype), self._like)
            write = "write into=grads, with those that an earlier call returned"
            _check("into", into, expected, write)
        layers = []
        for like, delta, h in zip(self._like, deltas, hs, strict=True):
            d_b = None if like.b is None else delta if like.b.ndim else delta.sum(-1)
            layers.append(Layer(delta[:, :, None] * h[:, None, :], d_b))
        return losses, tuple(layers)

    def per_example_norms(
        self, packed: Packed, x: Any, y: Any = None
    ) -> tuple[jax.Array, jax.Array]:
        """The loss of every example and the Euclidean norm of its gradient by
        all parameters, (N,) each.

        No gradient is formed: |delta h^T| is |delta| |h|, and dL/db is delta.
        """
        losses, deltas, hs = self._deltas(packed, x, y)
        squares = jnp.zeros_like(losses)
        for like, delta, h in zip(self._like, deltas, hs, strict=True):
            squares += (delta**2).sum(-1) * (h**2).sum(-1)
            if like.b is not None:
                squares += (delta**2).sum(-1) if like.b.ndim else delta.sum(-1) ** 2
        return losses, jnp.sqrt(squares)

    def _deltas(
        self, packed: Packed, x: Any, y: Any
    ) -> tuple[jax.Array, tuple[jax.Array, ...], tuple[jax.Array, ...]]:
        """Every example's own loss, (N,), its gradient by every z, and what
        goes into every layer."""
        x, y = self._data(packed, x, y)
        params = self._packing.unpack(packed)

        def value(taps: tuple[jax.Array, ...]) -> tuple[jax.Array, tuple[jax.Array, Cache]]:
            nodes = batch_forward(params, x, self._to_loss, zeros._replace(z=taps))
            losses = jax.vmap(self._shares)(y, nodes.h[-1]).sum(-1)
            return losses.sum(), (losses, nodes)

        zeros = zero_taps(params, x, self._to_loss)
        deltas, (losses, nodes) = jax.grad(value, has_aux=True)(zeros.z)
        return losses, deltas, nodes.h[:-1]

    def _data(self, packed: Packed, x: Any, y: Any) -> tuple[jax.Array, jax.Array | None]:
        _check("packed", packed, self._packed, WRITE_PACK)
        x = check_x(x, self.widths[0], self._like[0].W.dtype)
        return x, check_loss(self.loss, self.reduction, y, self._like, len(x))

    def __repr__(self) -> str:
        layers = f"{len(self.widths) - 1} layers, at most {max(self.widths)} wide"
        return f"Plan({layers}, {self.loss}, packed as {self.formulation})"


@contextmanager
def compilation_cache(folder: str | Path) -> Iterator[None]:
    """Programs that are compiled inside are kept in the folder, or taken from
    there.

    JAX has these settings for the whole process, all its threads; they are put
    back at the end. JAX on its own keeps only what took a second to compile,
    which no network of a few layers does. The folder is made where there is
    none; OSError where that cannot be.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_enable_compilation_cache": True,
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    _configure(settings)
    try:
        yield
    finally:
        _configure(before)


def _configure(settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]
    compilation_cache_of_jax.reset_cache()  # which looks at its folder only once
