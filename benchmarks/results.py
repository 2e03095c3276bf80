"""Results as JSON, and what got slower since an earlier one.

A file has `format`, the `setting` (machine, versions), and `runs`, one for each
number type and number of threads. Each run has its `sizes`, and each of those
its `competitors` with the first call and the `times` of all rounds, in seconds.
Compared are ratios to the floor, round by round, so that a file from another
machine still tells something.
"""

from __future__ import annotations

import json
import os
import statistics
from pathlib import Path
from typing import Any

from measuring import ratios

FORMAT = 1


class Unreadable(Exception):
    """The file is not one that --json wrote."""


def write(path: str, results: dict[str, Any]) -> None:
    """The whole file or none of it: an earlier one is not lost to an
    interruption. Raises OSError."""
    from gradsheet.commands import files  # and with it NumPy, which is to wait for its threads

    files.write(Path(path), json.dumps({"format": FORMAT} | results, indent=1) + "\n")


def check_writable(path: str) -> None:
    """Before minutes of measuring, not after them. Raises Unreadable."""
    from gradsheet.commands import files

    try:
        # a pipe is opened once only.
        if Path(path).is_dir() or not Path(path).exists() or Path(path).is_file():
            stream, name = files.temporary(Path(path))
            stream.close()
            os.unlink(name)
    except OSError:
        raise Unreadable(
            f"{path} cannot be written, expected the name of a file in a folder that exists"
        ) from None


def read(path: str, benchmark: str) -> dict[str, Any]:
    """The results of a benchmark in a file. Raises Unreadable, saying what was
    found and what was expected."""
    expected = f"expected a file that {benchmark}.py --json wrote"
    try:
        results = json.loads(Path(path).read_text())
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path} is not JSON ({error}), {expected}") from None
    kind = (results.get("benchmark"), results.get("format")) if isinstance(results, dict) else ()
    if kind != (benchmark, FORMAT):
        found = (
            "benchmark {!r}, format {!r}".format(*kind)
            if kind
            else f"no benchmark but a {type(results).__name__}"
        )
        raise Unreadable(f"{path} has {found}, {expected}, format {FORMAT}")
    try:
        comparison(results, results, path)
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise Unreadable(
            f"{path} is incomplete ({type(error).__name__}: {error}), {expected}"
        ) from None
    return results


def spread(numbers: list[float]) -> tuple[float, float, float]:
    """The median between the quartiles; what is outside them an interruption may explain."""
    if len(numbers) == 1:
        return numbers[0], numbers[0], numbers[0]
    low, middle, high = statistics.quantiles(numbers, n=4, method="inclusive")
    return low, middle, high


def spreads(results: dict[str, Any]) -> dict[tuple[str, str], tuple[float, float, float]]:
    """The spread of the ratios to the floor, by place ("M, float32, 1 thread") and competitor."""
    found = {}
    for run in results["runs"]:
        for size, case in run["sizes"].items():
            place = ", ".join(
                [
                    size,
                    run["dtype"],
                    *([count(run["threads"], "thread")] if "threads" in run else []),
                ]
            )
            floor = case["competitors"]["floor"]["times"]
            for competitor, entry in case["competitors"].items():
                found[place, competitor] = spread(ratios(entry["times"], floor))
    return found


def median_s(case: dict[str, Any], competitor: str) -> float:
    return statistics.median(case["competitors"][competitor]["times"])


def of_sweep(run: dict[str, Any], sweep: str) -> dict[int, dict[str, Any]]:
    """The sizes of a run that are called "batch 1" and so on, by their number."""
    return {
        int(name.split()[1]): case
        for name, case in run["sizes"].items()
        if name.split()[0] == sweep
    }


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def comparison(earlier: dict[str, Any], now: dict[str, Any], name: str) -> str:
    """What got slower since an earlier result, and what faster: the middle
    halves of the rounds do not overlap."""
    before, after = spreads(earlier), spreads(now)
    both = [key for key in after if key in before and key[1] != "floor"]
    lines = [f"Compared with {name} of {earlier['setting']['date']}, by ratios to the floor:"]
    for what in ("machine", "versions"):
        was, is_now = (setting(results, what) for results in (earlier, now))
        if was != is_now:
            lines.append(f"  other {what}: {was}, now {is_now}")
    changes = {"slower": [], "faster": []}
    for place, competitor in both:
        (low, old, high), (new_low, new, new_high) = (
            before[place, competitor],
            after[place, competitor],
        )
        if new_low > high or new_high < low:
            line = f"{place}: {competitor} {old:.2f} -> {new:.2f} ({(new / old - 1) * 100:+.0f} %)"
            changes["slower" if new > old else "faster"].append(line)
    for word, found in changes.items():
        lines += [f"  {word}  {line}" for line in found]
    if not both:
        lines.append("  nothing was measured in both")
    elif not changes["slower"]:
        lines.append(
            f"  nothing got slower beyond the spread of the rounds, of {len(both)} compared"
        )
    return "\n".join(lines)


def setting(results: dict[str, Any], what: str) -> str:
    found = results["setting"][what]
    return (
        found
        if isinstance(found, str)
        else ", ".join(f"{name} {number}" for name, number in found.items())
    )
