"""Results as JSON, and what got slower since an earlier one.

A file has `format`, the `setting` (machine, versions), and `runs`, one for each
number type and number of threads. Each run has its `sizes`, and each of those
its `competitors` with the first call and the `times` of all rounds, in seconds.
Compared are ratios to the floor, round by round, so that a file from another
machine still tells something. How far apart rounds of the same thing can be is
measured, too: slower is what takes longer in every round than in any before.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

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
    """Before minutes of measuring, not after them, and without NumPy, which is to wait for
    its threads. Raises Unreadable."""
    file = Path(path)
    try:
        if file.is_dir():
            raise IsADirectoryError
        if file.is_file() or not file.exists():  # a pipe is opened once only
            tempfile.TemporaryFile(dir=file.resolve().parent).close()
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


class Spread(NamedTuple):
    """Of the ratios of all rounds."""

    least: float
    median: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


def spread(case: dict[str, Any], competitor: str) -> Spread:
    """Of the ratios to the floor."""
    times = (case["competitors"][who]["times"] for who in (competitor, "floor"))
    each = ratios(*times)
    return Spread(min(each), statistics.median(each), max(each))


def spreads(results: dict[str, Any]) -> dict[str, Spread]:
    """The spread of the ratios to the floor, by place and competitor ("M, float32, 1
    thread: manual"); of one round alone there is none."""
    found = {}
    for run in results["runs"]:
        for size, case in run["sizes"].items():
            threads = [count(run["threads"], "thread")] if "threads" in run else []
            place = ", ".join([size, run["dtype"], *threads])
            for competitor, entry in case["competitors"].items():
                if competitor != "floor" and len(entry["times"]) > 1:
                    found[f"{place}: {competitor}"] = spread(case, competitor)
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


def slower(earlier: dict[str, Any], now: dict[str, Any]) -> dict[str, tuple[Spread, Spread]]:
    """What got slower beyond the spread of the rounds, before and now."""
    before, after = spreads(earlier), spreads(now)
    return {
        key: (was, after[key])
        for key, was in before.items()
        if key in after and was.most < after[key].least
    }


def comparison(earlier: dict[str, Any], now: dict[str, Any], name: str) -> str:
    """What got slower since an earlier result, and what faster."""
    both = spreads(earlier).keys() & spreads(now).keys()
    lines = [f"Compared with {name} of {earlier['setting']['date']}, by ratios to the floor:"]
    for what in ("machine", "versions"):
        was, is_now = (setting(results, what) for results in (earlier, now))
        if was != is_now:
            lines.append(f"  other {what}: {was}, now {is_now}")
    worse, better = slower(earlier, now), slower(now, earlier)
    changes = {"slower": worse, "faster": {key: pair[::-1] for key, pair in better.items()}}
    for word, changed in changes.items():
        if changed:
            lines.append(f"  {word:46}{'before':>24}{'now':>24}")
        for key, (old, new) in changed.items():
            percent = (new.median / old.median - 1) * 100
            lines.append(f"    {key:44}{old!s:>24}{new!s:>24}{percent:>+6.0f} %")
    if not both:
        lines.append("  nothing was measured in both, in more than one round")
    elif not worse:
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
