"""Run by ref/test_mesh.py in two processes: python on_processes.py ADDRESS
PROCESSES INDEX.

Each has two simulated devices and half of the examples. The last line that it
prints is JSON.
"""

import json
import sys

import jax
import numpy as np
from on_devices import ACTIVATIONS, BATCH, named, problem

import manual
import ref


def refusal(*arguments: object) -> str:
    try:
        ref.place(*arguments)  # type: ignore[arg-type]
    except ValueError as error:
        return str(error)
    return "nothing was refused"


def main() -> None:
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", 2)
    address, processes, index = sys.argv[1:4]
    jax.distributed.initialize(address, int(processes), int(index), initialization_timeout=300)
    index, half = jax.process_index(), BATCH // 2
    params, x, y = problem()
    mine = slice(index * half, (index + 1) * half)
    one = named(*manual.value_and_grad(params, x, y, ACTIVATIONS))
    same = {}
    for shape, names in (
        ((2, 2), ("data", "model")),
        ((1, 4), ("data", "model")),
    ):
        mesh = jax.make_mesh(shape, names)
        rows = mine if shape[0] > 1 else slice(None)
        placed = ref.place(mesh, params, x[rows], y[rows])
        step = ref.sharded_value_and_grad(mesh, params, ACTIVATIONS)
        found = named(*step(*placed))
        for name, tensor in found.items():
            parts = [
                (np.asarray(part.data), one[name][part.index]) for part in tensor.addressable_shards
            ]
            same[f"{name} on {shape}"] = all((a == b).all() for a, b in parts)
    other = (ref.Layer(params[0].W + index, params[0].b), *params[1:])
    refused = [
        refusal(mesh, params, x[: half - 2 * index], y[: half - 2 * index]),
        refusal(mesh, other, x[mine], y[mine]),
        refusal(jax.make_mesh((4,), ("data",)), params, x[:7], y[:7]),
    ]
    print(json.dumps({"same": same, "refused": refused}))


if __name__ == "__main__":
    main()
