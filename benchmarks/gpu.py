"""The benchmark on a GPU, where JAX sees one: in float32, in TF32 and in
bfloat16, up to 8192 units wide.

    .venv/bin/python benchmarks/gpu.py

    floor       the 3 L - 1 matrix products of the pass and nothing else, by JAX under jit
    ref, jit    loss and all gradients, by JAX under jit
    rate        floating-point operations a second of one large square product on this card, the
                best of several
    share       of that rate, which the pass reaches with the operations of its products alone

Nothing is timed before loss and gradients agree with manual in float64. The
numbers are small and whole: what goes into a product is exact in TF32's 11 bits
and bfloat16's 8, and products are added up in float32, so that float32 and TF32
agree by ==, in every entry. In bfloat16 each result is rounded to 8 bits, and
sums over the batch, where they are added up in bfloat16, more than once: there
the weights' gradients have to be the nearest bfloat16, and loss and the biases'
gradients within 2 % of the largest of their tensor.

Without a GPU it says so and exits with 2. `--device cpu` tries it out, at small
sizes: so far it has run nowhere else.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import command
from measuring import Case, Disagreement, calibrate, measure, progress, ratios, seconds
from problems import SIZES, Problem, disagreement, make_problem, named, work
from table import record, seconds_as, shape

GPU = {size: SIZES[size] for size in ("M", "L", "XL")} | {"W": ((784, 8192, 8192, 8192, 10), 8192)}
CPU = {"S": ((64, 128, 128, 10), 128), "M": SIZES["M"]}
KNOWN = GPU | CPU
SQUARE = {"gpu": 8192, "cpu": 1024}  # how wide the product is that measures the rate


class Precision(NamedTuple):
    dtype: str
    products: str  # as jax.default_matmul_precision has it


PRECISIONS = {
    "float32": Precision("float32", "highest"),
    "tf32": Precision("float32", "tensorfloat32"),
    "bf16": Precision("bfloat16", "default"),
}


def compiled(
    function: Callable[..., Any], arguments: Sequence[Any], products: str
) -> Callable[[], Any]:
    """The call for these arguments, compiled: the precision of products is one
    of the moment of compiling."""
    import jax

    with jax.default_matmul_precision(products):
        program = jax.jit(function).lower(*arguments).compile()
    return lambda: jax.block_until_ready(program(*arguments))


def make_calls(
    problem: Problem, precision: Precision, device: Any
) -> dict[str, Callable[[], Callable[[], Any]]]:
    """What makes each call; making it compiles it."""
    import jax
    import jax.numpy as jnp

    import manual
    import ref

    params, x, y, activations, _ = problem
    h = manual.forward(params, x, activations).h
    delta = manual.gradients(params, x, y, activations)[1].z

    def put(tree: Any) -> Any:
        return jax.device_put(jax.tree.map(lambda a: jnp.asarray(a, precision.dtype), tree), device)

    def products(W: Any, h: Any, delta: Any) -> Any:
        forward = [a @ w.T for a, w in zip(h, W, strict=True)]
        to_weights = [d.T @ a for d, a in zip(delta, h, strict=True)]
        return forward, to_weights, [d @ w for d, w in zip(delta[1:], W[1:], strict=True)]

    floor = put(([W for W, _ in params], list(h[:-1]), list(delta)))
    data = put((tuple(ref.Layer(*layer) for layer in params), x, y))
    pass_ = partial(ref.value_and_grad, activations=activations)
    return {
        "floor": lambda: compiled(products, floor, precision.products),
        "ref, jit": lambda: compiled(pass_, data, precision.products),
    }


def disagrees(result: Any, problem: Problem, precision: Precision) -> str | None:
    """Where loss or gradients are not what they have to be in this precision."""
    import numpy as np

    found = {name: np.asarray(tensor) for name, tensor in named(*result).items()}
    if precision.dtype != "bfloat16":
        return disagreement(found, problem.expected, precision.dtype)
    nearest = {
        name: np.asarray(right).astype(found[name].dtype)
        for name, right in problem.expected.items()
    }
    sums = {name for name in nearest if not name.startswith("dW")}
    for name in sums:
        off = (
            np.abs(found[name].astype(float) - problem.expected[name]).max()
            / np.abs(problem.expected[name]).max()
        )
        if off > 0.02:
            return f"{name} is off by {off:.1%} of its largest entry, expected 2 % at most"
    exact = nearest.keys() - sums
    return disagreement(
        {name: found[name] for name in exact}, {name: nearest[name] for name in exact}, "bfloat16"
    )


def prepare(name: str, problem: Problem, precision: Precision, device: Any) -> Case:
    """Compiles, compares, and finds how often each call is repeated. Raises Disagreement."""
    calls, first_s = {}, {}
    for competitor, make in make_calls(problem, precision, device).items():
        progress(f"{name}: compiling {competitor}")
        first_s[competitor] = seconds(lambda: calls.update({competitor: make()}))  # noqa: B023  called at once
    if difference := disagrees(calls["ref, jit"](), problem, precision):
        raise Disagreement(
            f"{name}: ref does not agree with manual in float64, nothing is timed: {difference}"
        )
    calibrated = {competitor: calibrate(call) for competitor, call in calls.items()}
    repeats = {competitor: times for competitor, (times, _) in calibrated.items()}
    return Case(name, problem, calls, first_s, repeats, sum(s for _, s in calibrated.values()))


def rate(precision: Precision, device: Any, width: int) -> float:
    """Floating-point operations a second of a square product of random numbers: the best of ten."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    a, b = (
        np.random.default_rng(seed).standard_normal((width, width), "float32") for seed in range(2)
    )
    arguments = [jax.device_put(jnp.asarray(matrix, precision.dtype), device) for matrix in (a, b)]
    call = compiled(jnp.matmul, arguments, precision.products)
    repeats, _ = calibrate(call)
    return 2 * width**3 / min(seconds(call, repeats) / repeats for _ in range(10))


def run(
    problems: dict[str, Problem], rounds: int, name: str, device: Any, square: int
) -> dict[str, Any]:
    """A precision: all sizes, measured and printed. Raises Disagreement."""
    precision = PRECISIONS[name]
    peak = rate(precision, device, square)
    print(f"{name}: {peak / 1e12:.3g} TFLOP/s in a square product of {square}")
    print(f"  {'':29}{'floor':>10}{'ref, jit':>11}{'to floor':>10}{'share':>7}{'compiling':>11}")
    table = {}
    for size, problem in problems.items():
        widths, batch = KNOWN[size]
        case = prepare(size, problem, precision, device)
        measure([case], rounds)
        table[size] = record(case, widths, batch, work(widths, batch))
        floor, passes = case.times["floor"], case.times["ref, jit"]
        share = work(widths, batch) / statistics.median(passes) / peak
        print(
            "  "
            f"{size:3}{f'{shape(widths)}, batch {batch}':26}"
            f"{seconds_as(statistics.median(floor)):>10}{seconds_as(statistics.median(passes)):>11}"
            f"{statistics.median(ratios(passes, floor)):>10.2f}"
            f"{share:>7.0%}{seconds_as(case.first_s['ref, jit']):>11}",
            flush=True,
        )
    print()
    return {"dtype": name, "rounds": rounds, "rate": peak, "sizes": table}


def parse() -> argparse.Namespace:
    parser = command.make_parser(__doc__)
    parser.add_argument(
        "--device", choices=("gpu", "cpu"), default="gpu", help="default: %(default)s"
    )
    parser.add_argument(
        "--sizes", type=partial(command.some_of, list(KNOWN)), help=f"some of {','.join(KNOWN)}"
    )
    parser.add_argument(
        "--precisions", type=partial(command.some_of, list(PRECISIONS)), help="default: all three"
    )
    parser.add_argument(
        "--rounds", type=command.number, help="of floor and pass in a new order; default: 30"
    )
    whole = {"rounds": 30, "precisions": list(PRECISIONS)}
    return command.parse(parser, "gpu", whole, whole | {"rounds": 5})


def main() -> None:
    options = parse()
    # Or the compile time would be that of reading a file.
    os.environ |= {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    if options.device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    try:
        device = jax.devices(options.device)[0]
    except RuntimeError:
        sys.stderr.write(
            f"JAX sees no GPU, only {', '.join(map(str, jax.devices()))}: nothing is measured.\n"
            "Install a JAX that does (pip install 'jax[cuda12]'), or try it out with --device "
            "cpu.\n"
        )
        sys.exit(2)
    found = command.begin("gpu")
    found["setting"]["machine"] = f"{device.device_kind}; {found['setting']['machine']}"
    print(f"{device.device_kind}\n")
    command.exit_on_interrupt()
    problems = {}
    for size in options.sizes or (GPU if options.device == "gpu" else CPU):
        progress(f"{size}: drawing its numbers, and the gradient to compare with")
        problems[size] = make_problem(*KNOWN[size], quiet=True).astype("float32")
    square = SQUARE[options.device]
    try:
        found["runs"] = [
            run(problems, options.rounds, name, device, square) for name in options.precisions
        ]
    except Disagreement as error:
        progress("")
        sys.exit(str(error))
    command.finish(options, found)


if __name__ == "__main__":
    main()
