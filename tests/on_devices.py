"""Run by ref/test_mesh.py in a process of its own: gradients on 8 simulated
devices, printed as JSON.

The networks are of small whole numbers, on which floats are exact in whatever
order the devices add.
"""

import itertools
import json
import re
from typing import Any

import jax
import numpy as np

import manual
import ref

BATCH = 16
# 4 does not divide 10: on 2x4 the third layer is divided by its inputs, as the second is.
WIDTHS, ACTIVATIONS = (6, 8, 12, 10, 4), ("relu", ("leaky_relu", 0.25), "relu", "identity")
MESHES = {
    "8": ((8,), ("data",)),
    "4x2": ((4, 2), ("data", "model")),
    "2x4": ((2, 4), ("data", "model")),
}
ROUNDED_ON = "2x4"  # where all weights are divided, those of the last layer by their units
ROUNDED = {
    "activations": ("tanh", "softplus", "sigmoid", "softmax"),
    "loss": "cross_entropy",
    "reduction": "sum",
}


def problem() -> tuple[tuple[manual.Layer, ...], Any, Any]:
    rng = np.random.default_rng(1)

    def whole(*shape: int) -> Any:
        return rng.integers(-1, 2, shape).astype(np.float32)

    biases = (whole(8), whole(12), whole(), None)
    pairs = zip(itertools.pairwise(WIDTHS), biases, strict=True)
    params = tuple(manual.Layer(whole(units, inputs), b) for (inputs, units), b in pairs)
    return params, whole(BATCH, WIDTHS[0]), whole(BATCH, WIDTHS[-1])


def named(value: Any, grads: Any) -> dict[str, Any]:
    pairs = {
        f"d{x}{l}": d for l, layer in enumerate(grads, 1) for x, d in zip("Wb", layer, strict=True)
    }
    return {"L": value} | {name: d for name, d in pairs.items() if d is not None}


def numbers(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(tensor).tolist() for name, tensor in tensors.items()}


def shares(tensors: dict[str, Any]) -> dict[str, Any]:
    """The shape of the largest part that any device holds."""
    return {
        name: max(shard.data.shape for shard in tensor.addressable_shards)
        for name, tensor in tensors.items()
    }


def on_mesh(mesh: jax.sharding.Mesh) -> dict[str, Any]:
    params, x, y = ref.place(mesh, *problem())
    step = ref.sharded_value_and_grad(mesh, params, ACTIVATIONS)
    compiled = step.lower(params, x, y).compile()
    found, text = named(*compiled(params, x, y)), compiled.as_text()
    return {
        "found": numbers(found),
        "shares": shares(found),
        "placed": shares(named(x, params)),
        "sums": len(re.findall(r" all-reduce(?:-start)?\(", text)),
        "collected": len(re.findall(r" all-gather(?:-start)?\(", text)),
    }


def rounded(mesh: jax.sharding.Mesh) -> dict[str, Any]:
    params, x, y = ref.place(mesh, *problem())
    return numbers(named(*ref.sharded_value_and_grad(mesh, params, **ROUNDED)(params, x, y)))


def trap() -> dict[str, Any]:
    """What one writes by hand, and what is silently wrong: a gradient on each
    device, then the mean over them."""

    def local(params: Any, x: Any, y: Any) -> Any:
        return jax.lax.pmean(ref.value_and_grad(params, x, y, ACTIVATIONS), "data")

    mesh, P = jax.sharding.Mesh(np.array(jax.devices()), ("data",)), jax.sharding.PartitionSpec
    mapped = jax.shard_map(local, mesh=mesh, in_specs=(P(), P("data"), P("data")), out_specs=P())
    return numbers(named(*jax.jit(mapped)(*problem())))


def main() -> None:
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", 8)
    found = {name: on_mesh(jax.make_mesh(*mesh)) for name, mesh in MESHES.items()}
    of_rounded = rounded(jax.make_mesh(*MESHES[ROUNDED_ON]))
    print(json.dumps({"meshes": found, "rounded": of_rounded, "trap": trap()}))


if __name__ == "__main__":
    main()
