"""The table that is printed, 80 columns wide, from the results as they are written to JSON."""

from __future__ import annotations

import itertools
import statistics
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

from competitors import COMPETITORS
from measuring import Case, compile_s, ratios


class Target(NamedTuple):
    """What is to be reached, with one thread: at most this, `to` a competitor, or in seconds."""

    who: str
    size: str
    dtypes: Sequence[str]
    to: str  # floor, ref, jit, torch eager; or seconds, compiling
    at_most: float


MANUAL, REF, JIT = "manual, planned", "ref, planned", "ref, jit"
F32, F64, BOTH = ("float32",), ("float64",), ("float32", "float64")
TARGETS = [
    Target(MANUAL, "H", BOTH, "floor", 1.2),
    Target(MANUAL, "H", BOTH, JIT, 0.4),
    Target(MANUAL, "H", BOTH, "torch eager", 0.06),
    Target(MANUAL, "H1024", F32, "floor", 0.8),
    Target(MANUAL, "H1024", F32, JIT, 0.22),
    Target(MANUAL, "H1024", F32, "torch eager", 0.13),
    Target(MANUAL, "M", F32, "floor", 1.06),
    Target(MANUAL, "M", F32, JIT, 1.0),
    Target(MANUAL, "M", F32, "torch eager", 0.92),
    *(
        Target(MANUAL, size, F64, to, at_most)
        for size in ("M", "L")
        for to, at_most in (("floor", 1.06), (JIT, 0.7), ("torch eager", 1.06))
    ),
    Target(MANUAL, "XL", F32, "floor", 1.08),
    Target(MANUAL, "XL", F32, JIT, 0.9),
    Target(MANUAL, "XL", F32, "torch eager", 1.0),
    Target(MANUAL, "D", F32, "floor", 1.5),
    Target(JIT, "H", BOTH, "seconds", 20e-6),
    Target(REF, "H", BOTH, "seconds", 10e-6),
    Target(REF, "H", BOTH, "torch eager", 0.15),
    Target(REF, "M", F32, "floor", 1.03),
    Target(REF, "M", F32, "torch eager", 0.9),
    Target(REF, "L", F32, "floor", 1.08),
    Target(REF, "XL", F32, "floor", 1.25),
    Target(REF, "D", F32, "floor", 2.0),
    Target(REF, "D", F32, "compiling", 0.6),
]


def record(case: Case, widths: Sequence[int], batch: int, flop: int) -> dict[str, Any]:
    """What has been measured, for the table and for JSON."""
    grads = [tensor for name, tensor in case.problem.expected.items() if name != "L"]
    return {
        "widths": list(widths),
        "batch": batch,
        "flop": flop,
        "entries": sum(d.size for d in grads),
        "live": sum(int((d != 0).sum()) for d in grads),
        **times_of(case),
    }


def times_of(case: Case) -> dict[str, Any]:
    """Everybody's times, and who is unable to take part."""
    competitors = {
        competitor: {"first_s": case.first_s[competitor], "times": times}
        for competitor, times in case.times.items()
    }
    return {"competitors": competitors, "unable": case.unable}


def seconds_as(s: float) -> str:
    scale, unit = (1e6, "µs") if s < 1e-3 else (1e3, "ms") if s < 1 else (1, "s")
    return f"{s * scale:.2f} {unit}"


def flop_as(flop: float) -> str:
    scale, unit = next(
        (scale, unit)
        for scale, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
        if flop >= scale
    )
    return f"{flop / scale:.3g} {unit}FLOP"


def shape(widths: Sequence[int]) -> str:
    """784-1024x4-10."""
    runs = [(width, len(list(run))) for width, run in itertools.groupby(widths)]
    return "-".join(
        f"{width}x{times}" if times > 2 else "-".join([str(width)] * times) for width, times in runs
    )


def median_ratio(entries: dict[str, Any], competitor: str, to: str) -> float | None:
    """None where one of the two does not take part."""
    if competitor not in entries or to not in entries:
        return None
    return statistics.median(ratios(entries[competitor]["times"], entries[to]["times"]))


def block(name: str, case: dict[str, Any]) -> str:
    """A size: what it is, everybody's times, and what was compared."""
    little = ": shows little, see H1024" if name == "H" else ""
    return "\n".join(
        [
            f"{name}: {shape(case['widths'])}, batch {case['batch']}, {flop_as(case['flop'])} in "
            "the products",
            *rows(case, [name for name, entry in COMPETITORS.items() if entry.compiles]),
            f"  agreed by ==: the loss, {case['entries']:,} entries, {case['live']:,} of them not "
            f"0{little}",
        ]
    )


def rows(case: dict[str, Any], compiling: Sequence[str]) -> list[str]:
    """Everybody's time, and its ratio to the floor, to jit and to torch; how long those
    that compile take for it; and who is unable to take part."""
    entries = case["competitors"]
    lines = [
        "  "
        f"{'':15}{'median':>11}{'to the floor':>15}{'min':>8}{'max':>8}{'to jit':>9}"
        f"{'to torch':>10}",
    ]
    for competitor, entry in entries.items():
        to_floor = ratios(entry["times"], entries["floor"]["times"])
        others = [
            "" if (ratio := median_ratio(entries, competitor, to)) is None else f"{ratio:.2f}"
            for to in (JIT, "torch eager")
        ]
        lines.append(
            "  "
            f"{competitor:15}{seconds_as(statistics.median(entry['times'])):>11}{statistics.median(to_floor):>15.2f}"
            f"{min(to_floor):>8.2f}{max(to_floor):>8.2f}"
            f"{others[0]:>9}{others[1]:>10}".rstrip()
        )
    if took := [
        f"{competitor} {seconds_as(compile_s(entry['first_s'], entry['times']))}"
        for competitor, entry in entries.items()
        if competitor in compiling
    ]:
        lines.append(f"  compile time: {'; '.join(took)}")
    for competitor, reason in case.get("unable", {}).items():
        lines += textwrap.wrap(f"  {competitor} is unable: {reason}", 80, subsequent_indent="    ")
    return lines


def notes(run: dict[str, Any]) -> list[str]:
    """What has to be known of those that took part."""
    took_part = {competitor for case in run["sizes"].values() for competitor in case["competitors"]}
    return [
        f"{name} {entry.note}."
        for name, entry in COMPETITORS.items()
        if entry.note and name in took_part
    ]


def measured(target: Target, entries: dict[str, Any]) -> float | None:
    """What it takes; None where nobody does, or nothing to compare it with."""
    if target.who not in entries:
        return None
    entry = entries[target.who]
    if target.to == "seconds":
        return statistics.median(entry["times"])
    if target.to == "compiling":
        return compile_s(entry["first_s"], entry["times"])
    return median_ratio(entries, target.who, target.to)


def targets(run: dict[str, Any]) -> str | None:
    """What was to be reached, of what this run has measured; None where that is nothing."""
    lines = []
    for target in TARGETS:
        if (
            run["threads"] != 1
            or run["dtype"] not in target.dtypes
            or target.size not in run["sizes"]
        ):
            continue
        if (value := measured(target, run["sizes"][target.size]["competitors"])) is None:
            continue
        absolute = target.to in ("seconds", "compiling")
        what = {"seconds": "a call", "compiling": "compile time"}.get(target.to, f"to {target.to}")
        numbers = [
            seconds_as(number) if absolute else f"{number:.2f}"
            for number in (target.at_most, value)
        ]
        verdict = "reached" if value <= target.at_most else "not reached"
        lines.append(
            f"  {target.who:17}{target.size:7}{what:15}{numbers[0]:>12}{numbers[1]:>12}  {verdict}"
        )
    if not lines:
        return None
    return "\n".join(
        [f"{'What to reach, one thread, ' + run['dtype']:41}{'at most':>12}{'median':>12}", *lines]
    )
