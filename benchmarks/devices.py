"""What more devices cost: loss and gradient by `ref` on 1, 2, 4 and 8 simulated
devices, and 1,000 on paper.

    .venv/bin/python benchmarks/devices.py [--json FILE]

The devices are simulated: they share one core. So the work of all is what one
device would have, and what the table shows is the overhead: the cost per
example on n devices over that on one, for a fixed batch and for a fixed batch
on each device. The cost is processor time, that of all threads, which other
programs on the core do not count in. Each number of devices is a process of its
own; numbers are medians of the steps, `x one` is the cost over that of one
device with the same batch. Part of it is the simulation: for more devices XLA
starts more threads, and these get in each other's way on one core. Nothing is
timed before every entry of the gradient was == that of `manual` in float64, on
the very numbers that are then timed. `sum` is what has to be added up over the
devices each step: the gradient, 4 bytes an entry.

On paper, n devices with the rate r of one (examples a second, as measured here,
or as 6 P - 2 P1 floating-point operations an example take, with P weights, P1
of them in the first layer) and links of bandwidth B and latency t add up G
bytes in

    ring    2 (n - 1)/n G/B + 2 (n - 1) t          every device passes n-ths of G around, twice
    tree    2 G/B + 2 ceil(log2 n) t               up and down a tree, in a stream (two trees that
                                                   share the links)

seconds (P. Patarasuk and X. Yuan, 2009; P. Sanders, J. Speck and J. Traeff,
2009). The faster one may take a tenth of the time that b examples a device
take, b/r, where nothing is hidden behind the computation: b = 10 r min(ring,
tree). The defaults, 25 GB/s and 10 microseconds, are those of a 200 Gbit/s
network card, the latency with its software.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import command
from command import number, some_of
from competitors import Call
from machine import cores, set_threads
from measuring import progress
from problems import SIZES, disagreement, make_problem, named, work
from results import Unreadable, check_writable, write

DEVICES = (1, 2, 4, 8)
BATCH = 512  # in all, or an eighth of it on each device


def weights(widths: Sequence[int]) -> list[int]:
    return [units * inputs for inputs, units in itertools.pairwise(widths)]


def gradient_bytes(widths: Sequence[int]) -> int:
    return 4 * (sum(weights(widths)) + sum(widths[1:]))


def ring(n: int, size: float, bandwidth: float, latency: float) -> float:
    return 2 * (n - 1) / n * size / bandwidth + 2 * (n - 1) * latency


def tree(n: int, size: float, bandwidth: float, latency: float) -> float:
    return (2 * size / bandwidth if n > 1 else 0) + 2 * math.ceil(math.log2(n)) * latency


def timed(call: Call) -> tuple[float, float]:
    """Seconds that went by, and seconds of the processor."""
    start = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def measure(name: str, devices: int, batch: int, steps: int) -> dict[str, Any]:
    """In a process with so many devices: agreement first."""
    import jax

    import ref

    problem = make_problem(SIZES[name][0], batch)
    params = tuple(ref.Layer(W.astype("float32"), b.astype("float32")) for W, b in problem.params)
    mesh = jax.make_mesh((devices,), ("data",))
    step = ref.sharded_value_and_grad(mesh, params, problem.activations)
    placed = ref.place(mesh, params, problem.x.astype("float32"), problem.y.astype("float32"))

    def call() -> Any:
        return jax.block_until_ready(step(*placed))

    _, first = timed(call)
    if difference := disagreement(named(*call()), problem.expected, "float32"):
        sys.exit(
            f"{name}: {devices} devices do not agree with manual in float64, nothing is timed: "
            f"{difference}"
        )
    step_s, cost = map(statistics.median, zip(*(timed(call) for _ in range(steps)), strict=True))
    return {
        "size": name,
        "devices": devices,
        "batch": batch,
        "step_s": step_s,
        "example_s": cost / batch,
        "compile_s": max(0.0, first - cost),
        "sum_bytes": gradient_bytes(SIZES[name][0]) if devices > 1 else 0,
    }


def worker(names: Sequence[str], devices: int, steps: int) -> None:
    set_threads(1)
    import jax

    jax.config.update("jax_num_cpu_devices", devices)
    batches = {
        BATCH // max(DEVICES) * number
        for number in (DEVICES if devices == 1 else (devices, max(DEVICES)))
    }
    print(
        json.dumps(
            [measure(name, devices, batch, steps) for name in names for batch in sorted(batches)]
        )
    )


def simulate(names: Sequence[str], steps: int) -> list[dict[str, Any]]:
    rows = []
    for devices in DEVICES:
        progress(
            f"{devices} simulated device{'s' if devices > 1 else ''}: agreement, then {steps} "
            "steps",
            line=True,
        )
        command = [
            sys.executable,
            __file__,
            "--sizes",
            ",".join(names),
            "--steps",
            str(steps),
            "--on",
            str(devices),
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        progress("")
        if done.returncode:
            sys.exit(
                f"the process with {devices} devices ended with status {done.returncode}, nothing "
                "to report"
            )
        rows += json.loads(done.stdout)
    return rows


def table(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    lines = []
    for name in names:
        lines += [
            f"\n{name}: {'-'.join(map(str, SIZES[name][0]))}",
            f"  {'':18}{'devices':>8}{'batch':>7}{'ms a step':>11}{'us an example':>15}{'x one':>7}"
            f"{'compile':>9}{'sum':>9}",
        ]
        for title, fixed in (("fixed batch", True), (f"{BATCH // max(DEVICES)} a device", False)):
            for row in rows:
                if row["size"] == name and (
                    row["batch"] == (BATCH if fixed else BATCH // max(DEVICES) * row["devices"])
                ):
                    sent = f"{row['sum_bytes'] / 1e6:.2f} MB" if row["sum_bytes"] else "-"
                    one = next(
                        r
                        for r in rows
                        if r["devices"] == 1 and all(r[k] == row[k] for k in ("size", "batch"))
                    )
                    lines.append(
                        f"  {title:18}{row['devices']:8}{row['batch']:7}{row['step_s'] * 1e3:11.2f}"
                        f"{row['example_s'] * 1e6:15.1f}{row['example_s'] / one['example_s']:7.2f}"
                        f"{row['compile_s']:7.2f} s{sent:>9}"
                    )
                    title = ""
    return "\n".join(lines)


def paper(
    name: str, rate: float, source: str, devices: int, bandwidth: float, latency: float
) -> tuple[str, dict[str, Any]]:
    """A line, and its numbers: the batch that n devices of this rate need."""
    size = gradient_bytes(SIZES[name][0])
    times = {
        "ring": ring(devices, size, bandwidth, latency),
        "tree": tree(devices, size, bandwidth, latency),
    }
    best = min(times, key=times.__getitem__)
    each = math.ceil(10 * rate * times[best])
    line = (
        f"  {name:2}{source:22}{rate:13,.0f}{times['ring'] * 1e3:9.2f}{times['tree'] * 1e3:9.2f}"
        f"{each:10,}{each * devices:13,}"
    )
    return line, {
        "size": name,
        "rate": rate,
        "source": source,
        **times,
        "batch": each,
        "devices": devices,
    }


def run(options: argparse.Namespace) -> None:
    start = time.monotonic()
    rows = simulate(options.sizes, options.steps)
    found = command.begin("devices")
    print(f"one of {cores()} cores for all devices, float32, {options.steps} steps")
    print("agreed by == on the loss and every entry of every gradient")
    print(table(rows, options.sizes))
    bandwidth, latency = options.bandwidth * 1e9, options.latency * 1e-6
    print(
        f"\n{options.devices:,} devices on paper, links of {options.bandwidth:g} GB/s and "
        f"{options.latency:g} us: "
        "the batch at which\nadding up the gradient takes a tenth of the time of computing it\n"
        f"  {'':24}{'examples/s':>13}{'ring ms':>9}{'tree ms':>9}{'a device':>10}{'in all':>13}"
    )
    papers = []
    for name in options.sizes:
        measured = next(
            row
            for row in rows
            if row["size"] == name and row["devices"] == 1 and row["batch"] == BATCH
        )
        flop = work(SIZES[name][0], 1)
        rate = 1 / measured["example_s"]
        for examples, source in (
            (rate, f"as here, {rate * flop / 1e9:.3g} GFLOP/s"),
            (options.tflops * 1e12 / flop, f"at {options.tflops:g} TFLOP/s"),
        ):
            line, numbers = paper(name, examples, source, options.devices, bandwidth, latency)
            print(line)
            papers.append(numbers)
    progress(f"took {time.monotonic() - start:.0f} s", line=True)
    if options.json:
        write(options.json, found | {"simulated": rows, "on_paper": papers})


def positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number above 0")
    return value


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes",
        type=partial(some_of, list(SIZES)),
        default=["M", "L"],
        help=f"some of {','.join(SIZES)}; default: M,L",
    )
    parser.add_argument(
        "--steps", type=number, default=10, help="that are timed; default: %(default)s"
    )
    parser.add_argument("--json", metavar="FILE", help="write all numbers to a file as well")
    parser.add_argument(
        "--devices", type=number, default=1000, help="on paper; default: %(default)s"
    )
    parser.add_argument(
        "--bandwidth", type=positive, default=25, help="GB/s of a link; default: %(default)s"
    )
    parser.add_argument(
        "--latency",
        type=positive,
        default=10,
        help="microseconds of a message; default: %(default)s",
    )
    parser.add_argument(
        "--tflops", type=positive, default=100, help="of a device on paper; default: %(default)s"
    )
    parser.add_argument("--on", type=number, help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        if options.json:
            check_writable(options.json)
    except Unreadable as error:
        parser.error(str(error))
    try:
        if options.on:
            worker(options.sizes, options.on, options.steps)
        else:
            run(options)
    except KeyboardInterrupt:
        progress("")
        sys.exit("interrupted, nothing to report")


if __name__ == "__main__":
    main()
