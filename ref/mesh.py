"""More than one device: the network of `mlp` over a mesh. The caller makes the
mesh, JAX does the rest.

    jax.make_mesh((8,), ("data",))              the batch divided by 8
    jax.make_mesh((4, 2), ("data", "model"))    the batch by 4, the weights by 2

By the first every device has all parameters, by the second none has. Only where
the arrays lie is said here. `jit` divides the work by that, and writes the sums
over the devices: the gradient, which is a mean over the batch, is added up over
"data" without anybody asking for it.

Over "model" the layers take turns (M. Shoeybi et al., Megatron-LM, 2019). One
layer is divided by its units, so that its h comes out divided; the next is
divided by its inputs, takes that h as it is, and its z is a sum over the
devices:

    W_l (units/2, inputs), b_l (units/2)         W_(l+1) (units, inputs/2), b_(l+1) whole

Two layers cost one sum of z (N, units) forward and one of dL/dh (N, inputs)
backward. Were all divided by their units, each would have to collect h forward
as well as add up dL/dh backward: half as much again to send, in twice the
steps.
"""

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple
from zlib import crc32

import jax
import numpy as np
from jax.experimental.multihost_utils import process_allgather
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ref.activations import Activations
from ref.door import check_loss, check_network, check_params
from ref.layers import Layer, Params, layers_of
from ref.mlp import value_and_grad

P: Any = PartitionSpec  # JAX gives these two no types
from_local_rows: Any = jax.make_array_from_process_local_data


class Shardings(NamedTuple):
    """Where everything lies: a NamedSharding for each array of `params`, one
    for rows of x and y, one for the loss."""

    params: tuple[Layer, ...]
    rows: NamedSharding
    loss: NamedSharding


def _arrays(params: Sequence[Layer]) -> tuple[Layer, ...]:
    return tuple(Layer(_array(W), _array(b)) for W, b in layers_of(params))


def _array(a: Any) -> Any:
    """Plain lists become arrays, on the host: on a device there may not be room for a whole one."""
    return a if a is None or hasattr(a, "shape") else np.asarray(a)


def _checked(layers: tuple[Layer, ...], x: Any) -> tuple[Layer, ...]:
    """The shapes alone, after they have passed the door."""
    shapes: tuple[Layer, ...]
    check = partial(check_network, activations=("identity",) * len(layers))
    shapes, _ = jax.eval_shape(check, layers, x)
    return shapes


def shardings(mesh: Mesh, params: Sequence[Layer]) -> Shardings:
    """The shardings of a network on a mesh with the axis "data", or the axes
    "data" and "model".

    Of `params` only the shapes are looked at; they may be jax.ShapeDtypeStruct.
    A layer that "model" divides neither by its units nor by its inputs stays
    whole on every device: a network has few outputs, and any number of them.
    Raises ValueError where the axes have other names, or a shape does not fit.
    """
    if not {"data"} <= set(mesh.axis_names) <= {"data", "model"}:
        raise ValueError(
            f"mesh has the axes {mesh.axis_names}, expected ('data',) or ('data', 'model'): "
            f"write jax.make_mesh(({mesh.size},), ('data',))"
        )
    layers = _arrays(params)
    inputs = (np.shape(layers[0].W) or (1,))[-1] if layers else 1
    shapes = _checked(layers, np.zeros((1, inputs), np.float32))
    # The caller's devices. On axes that are explicit, as make_mesh makes them now, every product
    # that is a sum over devices would have to say where its result lies.
    at = partial(NamedSharding, Mesh(mesh.devices, mesh.axis_names))
    model, parts = ("model", mesh.shape["model"]) if "model" in mesh.axis_names else (None, 1)
    divided, h_is_divided = [], False
    for W, b in shapes:
        units, inputs = W.shape
        by_units = not h_is_divided and units % parts == 0
        by_inputs = not by_units and inputs % parts == 0
        of_W: Any = at(P(model if by_units else None, model if by_inputs else None))
        of_b: Any = None if b is None else at(P(model) if by_units and b.shape else P())
        divided.append(Layer(of_W, of_b))
        h_is_divided = by_units
    return Shardings(tuple(divided), at(P("data")), at(P()))


def place(
    mesh: Mesh, params: Sequence[Layer], x: Any, y: Any = None
) -> tuple[tuple[Layer, ...], jax.Array, Any]:
    """The parameters, x (N, I) and y (N, O) or None on the mesh, as `shardings`
    says.

    With several processes every one calls this, with the same parameters and
    with its own rows of x and y; the batch is all of them, in the order of the
    processes. Processes that have the same part of "data", since "model"
    divides them, bring the same rows. Raises ValueError where "data" does not
    divide the batch, or where the processes differ in their parameters or in
    the number of their rows; further errors are those of `shardings` and
    `value_and_grad`.
    """
    where, layers, x, y = shardings(mesh, params), _arrays(params), _array(x), _array(y)
    _checked(layers, x)
    examples, alone = len(x), jax.process_count() == 1
    if y is not None and (np.ndim(y) != 2 or len(y) != examples):
        raise ValueError(
            f"y has shape {np.shape(y)}, expected {examples} rows, one for each of x, and one "
            "column an output: y[:, None] makes a column of a vector"
        )
    if not alone:
        _compare(layers, examples)
    parts = where.rows.mesh.local_mesh.shape["data"]
    if examples % parts:
        fewer = examples - examples % parts
        fitting = f"{fewer} or {fewer + parts}" if fewer else f"{parts}"
        raise ValueError(
            f"x has {examples} examples{'' if alone else ' in each process'}, expected a multiple "
            f"of {parts}, the parts of the axis 'data': write a batch of {fitting}"
        )

    def put(array: Any, sharding: NamedSharding) -> Any:
        if alone or (isinstance(array, jax.Array) and not array.is_fully_addressable):
            return jax.device_put(array, sharding)
        host = np.asarray(array, jax.dtypes.canonicalize_dtype(array.dtype))
        if sharding == where.rows:
            return from_local_rows(sharding, host)
        return jax.make_array_from_callback(host.shape, sharding, lambda part: host[part])

    return (
        jax.tree.map(put, layers, where.params),
        put(x, where.rows),
        None if y is None else put(y, where.rows),
    )


def _compare(layers: tuple[Layer, ...], examples: int) -> None:
    """What comes from here, compared with what comes from the other processes, by a checksum."""
    hosted = (
        a for a in jax.tree.leaves(layers) if not isinstance(a, jax.Array) or a.is_fully_addressable
    )
    mark = reduce(lambda mark, a: crc32(np.ascontiguousarray(a).data, mark), hosted, 0)
    rows, marks = np.asarray(process_allgather(np.array([examples, mark], np.uint32))).T.tolist()
    if len(set(rows)) > 1:
        raise ValueError(
            f"the processes come with {rows} rows of x, expected the same number from each"
        )
    if len(set(marks)) > 1:
        raise ValueError(
            "the processes come with different parameters, expected the same: draw them with the "
            "same seed"
        )


def sharded_value_and_grad(
    mesh: Mesh,
    params: Params,
    activations: Activations,
    *,
    loss: str = "half_squared_error",
    reduction: str = "mean",
) -> Callable[[Sequence[Layer], Any, Any], tuple[jax.Array, tuple[Layer, ...]]]:
    """`value_and_grad(params, x, y)` compiled for the mesh; the gradient comes
    back divided like the parameters.

        params, x, y = ref.place(mesh, params, x, y)
        step = ref.sharded_value_and_grad(mesh, params, ("relu", "identity"))
        L, grads = step(params, x, y)

    Of `params` only the shapes are looked at. What lies elsewhere than `place`
    puts it is refused by JAX. Further arguments and errors are those of
    `value_and_grad`.
    """
    where, layers = shardings(mesh, params), _arrays(params)
    targets = None if loss == "output" else np.zeros((1, layers[-1].W.shape[0]), np.float32)
    jax.eval_shape(partial(check_params, activations=activations), layers)
    jax.eval_shape(lambda layers: check_loss(loss, reduction, targets, layers, 1), layers)

    def step(params: Sequence[Layer], x: Any, y: Any) -> tuple[jax.Array, tuple[Layer, ...]]:
        return value_and_grad(params, x, y, activations, loss=loss, reduction=reduction)

    return jax.jit(
        step,
        in_shardings=(where.params, where.rows, where.rows),
        out_shardings=(where.loss, where.params),
    )
