"""The clock: nothing is timed before all agree, and what is compared is timed
in turn, in one process.

Each round takes all competitors in a new order, and a ratio is one of two times
of the same round, so that a machine that grows slower for a while slows both.
Quoted are the median of the ratios over the rounds, the least and the most.
"""

from __future__ import annotations

import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from competitors import COMPETITORS, Call, Unable
from problems import Problem, disagreement

Clock = Callable[[], float]

SHORTEST = 5e-3  # seconds that a measurement lasts at least, by repeating the call


class Disagreement(Exception):
    """Somebody computes something else: there is nothing to time."""


@dataclass
class Case:
    """One problem, and what has been measured on it."""

    name: str
    problem: Problem
    calls: dict[str, Call]
    first_s: dict[str, float]  # the first call of each, which may compile
    repeats: dict[str, int]
    round_s: float  # how long a round is going to take
    # Seconds a call, one for each round.
    times: dict[str, list[float]] = field(default_factory=dict)
    clock: Clock = time.perf_counter  # one that stands still for others is for one thread alone
    unable: dict[str, str] = field(default_factory=dict)  # who cannot take part, and why


def seconds(call: Call, repeats: int = 1, clock: Clock = time.perf_counter) -> float:
    start = clock()
    for _ in range(repeats):
        call()
    return clock() - start


def calibrate(
    call: Call, shortest: float = SHORTEST, clock: Clock = time.perf_counter
) -> tuple[int, float]:
    """How often to repeat a call, and the seconds that takes: the best of
    three, lest an interruption pass for work."""
    repeats = 1
    while (best := min(seconds(call, repeats, clock) for _ in range(3))) < shortest:
        repeats *= max(2, min(100, math.ceil(shortest / best)))
    return repeats, best


def check(where: str, competitor: str, result: Any, problem: Problem) -> None:
    """Raises Disagreement unless the result is `expected` in every entry."""
    entry = COMPETITORS[competitor]
    if competitor == "floor":
        return
    found, expected = entry.named(result), entry.expected(problem)
    if difference := disagreement(found, expected, entry.dtype or problem.dtype):
        raise Disagreement(
            f"{where}: {competitor} does not agree with manual in float64, nothing is timed: "
            f"{difference}"
        )


def prepare(
    name: str, problem: Problem, competitors: Iterable[str], shortest: float = SHORTEST
) -> Case:
    """Everything before the clock: the agreement of all, and how often each call is repeated."""
    calls, first_s, calibrated, unable = {}, {}, {}, {}
    for competitor in competitors:
        progress(f"{name}: agreement of {competitor}")
        call = COMPETITORS[competitor].make(problem)
        start = time.perf_counter()
        try:
            result = call()
        except Unable as reason:
            unable[competitor] = str(reason)
            continue
        calls[competitor], first_s[competitor] = call, time.perf_counter() - start
        check(name, competitor, result, problem)
    for competitor, call in calls.items():
        progress(f"{name}: calibration of {competitor}")
        calibrated[competitor] = calibrate(call, shortest)
        # Once more: buffers that are used again may be right only once.
        check(name, competitor, call(), problem)
    repeats = {competitor: times for competitor, (times, _) in calibrated.items()}
    round_s = sum(s for _, s in calibrated.values())
    return Case(name, problem, calls, first_s, repeats, round_s, unable=unable)


def measure(cases: Sequence[Case], rounds: int, later_s: float = 0, later: int = 0) -> None:
    """Fills in the times of all cases. `later` runs as long as this one, and
    `later_s` besides, are still to come."""
    left, rng = rounds * sum(case.round_s for case in cases), random.Random(0)
    after = later_s + later * left
    for case in cases:
        progress(
            f"{case.name}: {rounds} rounds, about {duration(rounds * case.round_s)}", line=True
        )
        case.times = {competitor: [] for competitor in case.calls}
        for number in range(1, rounds + 1):
            progress(
                f"{case.name}: round {number} of {rounds}, about {duration(left + after)} left in "
                "all"
            )
            for competitor in rng.sample(list(case.calls), len(case.calls)):
                repeats = case.repeats[competitor]
                spent = seconds(case.calls[competitor], repeats, case.clock)
                case.times[competitor].append(spent / repeats)
            left -= case.round_s
    progress("")


def ratios(times: Sequence[float], to: Sequence[float]) -> list[float]:
    """Round by round."""
    return [s / other for s, other in zip(times, to, strict=True)]


def compile_s(first_s: float, times: Sequence[float]) -> float:
    """What the first call took longer than the others."""
    return max(0.0, first_s - statistics.median(times))


def duration(s: float) -> str:
    """About how long, for people who wait."""
    return f"{math.ceil(s)} s" if s < 100 else f"{round(s / 60)} min"


def progress(text: str, *, line: bool = False) -> None:
    """Over the same line of a terminal, "" clears it; elsewhere only what is
    worth a `line` of its own."""
    if sys.stderr.isatty():
        print(f"\r{text:<72}", end="" if text else "\r", file=sys.stderr, flush=True)
    elif line:
        print(text, file=sys.stderr, flush=True)
