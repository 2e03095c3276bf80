"""The pass of `mlp`, planned: shapes, layout and buffers are decided once, then
loss and gradients allocate nothing.

    (1) z = h W^T + b    (2) d = f'(z) dL/dh    (3) dL/dW = d^T h    (4) dL/dh = d W

The products are those of `mlp`, with examples as rows, on arrays (N, units)
that lie in memory either way:

    rows       the examples one after the other, as NumPy has it
    columns    the units one after the other: what is added to all examples, or
               summed over them, is contiguous. A column of ones behind h makes
               b a column of (W b), so that b and dL/db cost no operation.

All parameters lie in one vector, and all gradients in another. A pass is a list
of steps; `inplace` has those of the activations and losses. Nothing of the size
of an activation is allocated, but for what is rare and has no form there
(softplus with cross-entropy, softmax with binary cross-entropy); to multiply by
a mask NumPy turns the bools into floats, 8,192 of them at a time.

    N examples    I inputs of a layer    O units of a layer    P parameters
"""

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from manual.activations import Activations, Array, split
from manual.door import check_data, check_loss, check_params
from manual.fused import fuse
from manual.inplace import Answers, Buffers, Step, in_place, loss_in_place
from manual.jacobians import gradient_norms
from manual.layers import Layer, Params

NARROW = 64  # units up to which columns are faster in float64 too, and x is worth a copy with ones
SMALL = 16384  # bytes of a product below which `dot`, which clears them first, beats `matmul`
COPIED = 1024  # bytes for which NumPy keeps memory at hand
MATRIX = 262144  # bytes of an outer product from which on one `dot` each beats all at once
LAYOUTS = ("rows", "columns")


def _product(a: Array, b: Array, out: Array) -> Step:
    """out = a b, by the faster of two functions. `dot` copies what is not
    contiguous; `matmul` does not give an outer product, of a single example, to
    BLAS."""
    copies = any(x.nbytes > COPIED and not x.flags.forc for x in (a, b))
    if a.shape[1] > 1 and (copies or out.nbytes >= SMALL):
        return partial(np.matmul, a, b, out)
    if not out.flags.c_contiguous:
        a, b, out = b.T, a.T, out.T
    return partial(a.dot, b, out)


def _outer_products(d: Array, h: Array, out: Array) -> None:
    """out[n] = d[n] h[n]^T. `dot` clears its output first, which brings the
    memory in faster than a product does."""
    if out[0].nbytes < MATRIX:
        np.einsum("no,ni->noi", d, h, out=out)
    else:
        for d_n, h_n, out_n in zip(d[:, :, None], h[:, None, :], out, strict=True):
            d_n.dot(h_n, out_n)


def _arrays(params: Sequence[Layer]) -> list[Array]:
    """W1, b1, W2, ..., without the biases that are none."""
    return [array for layer in params for array in layer if array is not None]


class _Place(NamedTuple):
    """Where a layer's parameters, or their gradient, lie in a vector; W_b is
    (O, I + 1), b behind W, if b is inside."""

    layer: Layer
    W_b: Array | None = None


def _places(vector: Array, params: Sequence[Layer], inside: Sequence[bool]) -> list[_Place]:
    places, start = [], 0
    for (W, b), b_is_inside in zip(params, inside, strict=True):
        middle = start + W.size
        stop = middle + (0 if b is None else b.size)
        if b_is_inside:
            W_b = vector[start:stop].reshape(len(W), -1)
            places.append(_Place(Layer(W_b[:, :-1], W_b[:, -1]), W_b))
        else:
            alone = None if b is None else vector[middle:stop].reshape(b.shape)
            places.append(_Place(Layer(vector[start:middle].reshape(W.shape), alone)))
        start = stop
    return places


class Plan:
    """The loss and gradients of a network for batches of one size, into buffers
    of its own.

        plan = manual.Plan(params, 128, ("relu", "identity"))
        L, grads = plan.value_and_grad(x, y)
        plan.vector -= 0.1 * plan.gradient

    The parameters are copied into `vector`, (P,); `params` are views of it, to
    be read and written to, and `load` copies others there. `gradient`, (P,),
    and `grads`, its views, hold what the last call found, until the next one.
    `layout` is "rows" or "columns", chosen by number type and widths unless it
    is given. A plan equals `manual.value_and_grad` but for the order of some
    sums: those of L and dL/db, and in columns those of the products.

    activations, loss and reduction are those of `manual.gradients`, and so are
    the errors. TypeError on Fractions: buffers are for floats. A plan is for
    one thread at a time, and x and y are not to lie in `gradient`.
    """

    def __init__(
        self,
        params: Params,
        examples: int,
        activations: Activations,
        *,
        loss: str = "half_squared_error",
        reduction: str = "mean",
        layout: str | None = None,
    ):
        layers = check_params(params, activations)
        # In this machine's byte order, and NumPy's own object.
        self.dtype = dtype = np.dtype(layers[0].W.dtype.name)
        if dtype.hasobject:
            raise TypeError(
                "W1 has dtype object, expected float32 or float64: exact numbers are for "
                "value_and_grad"
            )
        if not isinstance(examples, int | np.integer) or isinstance(examples, bool) or examples < 1:
            shape = np.shape(examples)
            given = f"an array of shape {shape}" if shape else repr(examples)
            raise ValueError(
                f"examples is {given}, expected the number of rows of x, from 1 on: write len(x)"
            )
        if layout not in (None, *LAYOUTS):
            raise ValueError(
                f"layout is {layout!r}, expected {' or '.join(LAYOUTS)}, or None to have it chosen"
            )
        examples = int(examples)
        self.examples, self.loss, self.reduction = examples, loss, reduction
        self.activations = tuple(activations)
        self.widths = (layers[0].W.shape[1], *(len(W) for W, _ in layers))
        self._x_shape = examples, self.widths[0]
        self._y_shape = None if loss == "output" else (examples, self.widths[-1])
        targets = None if self._y_shape is None else np.zeros(self._y_shape)
        check_loss(loss, reduction, targets, layers, rows=examples)
        self.layout = layout or LAYOUTS[dtype == np.float32 or max(self.widths) <= NARROW]
        inside = [
            self.layout == "columns"
            and b is not None
            and b.ndim == 1
            and (l > 0 or W.shape[1] <= NARROW)
            for l, (W, b) in enumerate(layers)
        ]
        size = sum(array.size for array in _arrays(layers))
        self._vector, self._gradient = np.empty(size, dtype), np.zeros(size, dtype)
        self._places = _places(self._vector, layers, inside)
        self._d_places = _places(self._gradient, layers, inside)
        self.params = tuple(place.layer for place in self._places)
        self.grads = tuple(place.layer for place in self._d_places)
        self.load(layers)
        self._x: Array  # that of the call
        to_loss, self._end, is_fused = fuse(activations, loss)
        self._make_buffers(to_loss)
        self._make_steps(to_loss)
        fused_with = split(activations[-1])[0] if is_fused else None
        self._loss = partial(loss_in_place(loss, fused_with, self._end), self._answers)
        divides = reduction == "mean" and examples > 1
        self._divisor = np.asarray(examples, dtype) if divides else None

    @property
    def vector(self) -> Array:
        """All parameters, (P,). What is assigned is copied: `plan.vector = v`
        does what `plan.vector[:] = v` does."""
        return self._vector

    @vector.setter
    def vector(self, value: Any) -> None:
        self._vector[:] = value

    @property
    def gradient(self) -> Array:
        """The gradient by all parameters, (P,), in their order."""
        return self._gradient

    @gradient.setter
    def gradient(self, value: Any) -> None:
        self._gradient[:] = value

    def load(self, params: Params) -> None:
        """Copies parameters of the same shapes into `vector`; raises as
        `manual.value_and_grad` does, or where a shape is another, and has
        copied nothing then."""
        layers = check_params(params, self.activations)
        for l, (mine, theirs) in enumerate(zip(self.params, layers, strict=True), 1):
            for name, to, array in zip("Wb", mine, theirs, strict=True):
                expected, given = (None if a is None else a.shape for a in (to, array))
                if given != expected:
                    raise ValueError(
                        f"{name}{l} has shape {given}, expected {expected}: a plan is for one set "
                        "of shapes"
                    )
        # The plan's own layers may come in another order: none is overwritten before it is read.
        arrays = [a.copy() if np.may_share_memory(a, self._vector) else a for a in _arrays(layers)]
        for to, array in zip(_arrays(self.params), arrays, strict=True):
            np.copyto(to, array)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, or one out of a pickle, is a plan made anew: its steps lead
        to buffers of its own."""
        anew = partial(Plan, loss=self.loss, reduction=self.reduction, layout=self.layout)
        return anew, (self.params, self.examples, self.activations)

    def _make_buffers(self, activations: Activations) -> None:
        """All are (N, units) and lie as the layout says; what lives no longer
        than a step is shared by the layers.

        `_ones[l]` is h_l with ones behind it, where the bias of the layer that
        follows is inside the product.
        """
        columns, N = self.layout == "columns", self.examples
        order: Any
        order, units = ("F", 0) if columns else ("C", 1)

        def in_memory(array: Array) -> Array:
            return array.T if columns else array

        self._ones: list[Array | None] = [
            None if place.W_b is None else np.ones((N, place.W_b.shape[1]), self.dtype, order)
            for place in self._places
        ]
        self._h = [
            np.empty((N, width), self.dtype, order) if ones is None else ones[:, :-1]
            for width, ones in zip(self.widths, (*self._ones, None), strict=True)
        ]
        self._d = [np.empty((N, width), self.dtype, order) for width in self.widths[1:]]
        self._answers = Answers(self._h[-1], self._d[-1])
        spare, mask = (np.empty(N * max(self.widths[1:]), kind) for kind in (self.dtype, bool))
        row = in_memory(np.empty((N, 1), self.dtype, order))
        self._z: list[Array] = []
        self._buffers: list[Buffers] = []
        for h, d, activation in zip(self._h[1:], self._d, activations, strict=True):
            self._z.append(np.empty_like(d) if in_place(split(activation)[0]).keeps_z else h)
            h_memory, d_memory = in_memory(h), in_memory(d)
            z_memory = h_memory if self._z[-1] is h else in_memory(self._z[-1])
            spare_l, mask_l = (buffer[: d.size].reshape(d_memory.shape) for buffer in (spare, mask))
            self._buffers.append(Buffers(z_memory, h_memory, d_memory, spare_l, mask_l, row, units))

    def _make_steps(self, activations: Activations) -> None:
        self._forward: list[Step] = []
        self._backward: list[Step] = []  # to all gradients
        self._inward: list[Step] = []  # to every d, and no gradient
        for l, activation in enumerate(activations):
            name, parameters = split(activation)
            function, pull_back, _ = in_place(name)
            self._forward += [*self._outward(l), *function(self._buffers[l], *parameters)]
            back = pull_back(self._buffers[l], *parameters)
            before = [_product(self._d[l], self.params[l].W, self._d[l - 1])] if l else []
            self._backward[:0] = [*back, *self._to_params(l), *before]
            self._inward[:0] = [*back, *before]

    def _outward(self, l: int) -> list[Step]:
        """z = h W^T + b"""
        (W, b), W_b = self._places[l]
        z, h, ones = self._z[l], self._h[l], self._ones[l]
        if W_b is not None and ones is not None:
            taken: list[Step] = [] if l else [lambda: h.__setitem__(..., self._x)]
            return [*taken, _product(ones, W_b.T, z)]
        product = _product(h, W.T, z) if l else lambda: _product(self._x, W.T, z)()
        return [product] if b is None else [product, partial(np.add, z, b, z)]

    def _to_params(self, l: int) -> list[Step]:
        """dL/dW = d^T h, and dL/db the sum of d over the examples"""
        (d_W, d_b), d_W_b = self._d_places[l]
        d, ones = self._d[l], self._ones[l]
        if d_W_b is not None and ones is not None:
            return [_product(d.T, ones, d_W_b)]
        product = _product(d.T, self._h[l], d_W) if l else lambda: _product(d.T, self._x, d_W)()
        if d_b is None:
            return [product]
        if d_b.ndim:
            return [product, partial(d.T.dot, np.ones(len(d), self.dtype), d_b)]
        return [product, partial(np.add.reduce, self._buffers[l].d, None, None, d_b)]

    def value_and_grad(self, x: Any, y: Any = None) -> tuple[Any, tuple[Layer, ...]]:
        """The loss and `grads`, which the next call overwrites.

        x (N, I) and y (N, O), or None where the loss is "output", are read
        where they are if they are arrays of the plan's number type, and
        converted first if not. Raises as `manual.value_and_grad` does.
        """
        self._see(x, y)
        for step in self._forward:
            step()
        L = self._loss()
        if self._divisor is not None:
            L = L / self._divisor
            np.divide(self._answers.flat, self._divisor, self._answers.flat)
        for step in self._backward:
            step()
        return L, self.grads

    def per_example_gradients(self, x: Any, y: Any = None) -> tuple[Array, tuple[Layer, ...]]:
        """The loss of every example, (N,), and its gradient: W (N, O, I), b (N,
        O), or (N,) where it is shared.

        What `manual.per_example_gradients` returns, in buffers that the next
        call overwrites.
        """
        losses = self._each(x, y)
        for l, ((d_W, d_b), d) in enumerate(zip(self._per_example, self._d, strict=True)):
            h, d = np.ascontiguousarray(self._h[l] if l else self._x), np.ascontiguousarray(d)
            _outer_products(d, h, d_W)  # (3), before anything is added up
            if d_b is not None:
                np.copyto(d_b, d if d_b.ndim == 2 else d.sum(1))
        return losses, self._per_example

    def per_example_norms(self, x: Any, y: Any = None) -> tuple[Array, Array]:
        """The loss of every example, and the Euclidean norm of its gradient by
        all parameters, (N,) each.

        No gradient is formed: |d h^T| is |d| |h|, and dL/db is d itself.
        """
        return self._each(x, y), gradient_norms(self.params, self._d, [self._x, *self._h[1:-1]])

    @cached_property
    def _per_example(self) -> tuple[Layer, ...]:
        """Made when first asked for: N times as large as the gradient."""

        def each(array: Array) -> Array:
            return np.empty((self.examples, *array.shape), self.dtype)

        return tuple(Layer(each(W), None if b is None else each(b)) for W, b in self.params)

    def _each(self, x: Any, y: Any) -> Array:
        """Runs to the d of every example's own loss, and returns these losses."""
        self._see(x, y)
        for step in self._forward:
            step()
        self._loss()
        for step in self._inward:
            step()
        return np.asarray(self._end.value(self._answers.y, self._answers.yhat).sum(-1))

    def _see(self, x: Any, y: Any) -> None:
        """Takes x and y as they are if they are as planned, and through the door if not."""
        if not (type(x) is np.ndarray and x.dtype is self.dtype and x.shape == self._x_shape):
            x = check_data("x", x, self.params)
            if len(x) != self.examples:
                raise ValueError(
                    f"x has {len(x)} rows, expected {self.examples}: a plan is for batches of one "
                    "size"
                )
        if not (type(y) is np.ndarray and y.dtype is self.dtype and y.shape == self._y_shape):
            y = check_loss(self.loss, self.reduction, y, self.params, rows=self.examples)
        self._x, self._answers.y = x, y

    def __repr__(self) -> str:
        shape = "-".join(map(str, self.widths))
        return (
            f"Plan({shape}, {self.examples} examples, {self.dtype}, {self.loss}, in {self.layout})"
        )
