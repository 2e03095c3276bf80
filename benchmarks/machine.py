"""The machine, its threads, and the versions of what runs on it."""

from __future__ import annotations

import datetime
import os
import platform
import textwrap
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("numpy", "jax", "jaxlib", "torch", "scikit-learn", "autograd", "micrograd")


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            return next(
                line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")
            )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(threads: int) -> None:
    """Has to come before NumPy, JAX and torch are imported: they read all this once."""
    os.environ |= dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads)
    )
    if threads == 1:
        os.environ["XLA_FLAGS"] = (
            f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"
        )
    # All run on the processor that has the floor, and a program out of a cache would make the
    # compile time a lie.
    os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_COMPILATION_CACHE": "false"}
    if hasattr(os, "sched_setaffinity"):
        # All that XLA's executor heeds.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def versions() -> dict[str, str]:
    """Of Python and of the packages that are installed."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def setting() -> dict[str, Any]:
    """What a table has to name, and what a later one is compared with."""
    return {
        "machine": f"{processor()}, {cores()} core{'s' if cores() > 1 else ''}",
        "system": platform.platform(terse=True),
        "date": datetime.date.today().isoformat(),
        "versions": versions(),
    }


def heading(setting: dict[str, Any]) -> str:
    software = ", ".join(f"{package} {number}" for package, number in setting["versions"].items())
    software = textwrap.fill(f"{software}; {setting['date']}", 80, break_on_hyphens=False)
    return f"{setting['machine']}, {setting['system']}\n{software}"


def busy(seconds: float = 0.5) -> float | None:
    """The share of the processors' time that others use just now, None where
    the system does not tell."""

    def times() -> tuple[int, int]:
        with open("/proc/stat") as file:
            numbers = [int(word) for word in file.readline().split()[1:9]]
        return sum(numbers[3:5]), sum(numbers)  # idle or waiting, and all

    try:
        (idle, total), _ = times(), time.sleep(seconds)
        later, of = times()
    except (OSError, ValueError):
        return None
    return 1 - (later - idle) / max(1, of - total)
