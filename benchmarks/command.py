"""What the commands share: options, results in and out, and what happens on Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from machine import cores, heading, setting
from measuring import progress
from results import Unreadable, check_writable, comparison, read, slower, write


def some_of(known: Sequence[str], text: str) -> list[str]:
    names = list(dict.fromkeys(text.split(",")))
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(
            f"found {', '.join(map(repr, unknown))}, expected some of {','.join(known)}"
        )
    return names


def number(text: str, most: int | None = None, least: int = 1) -> int:
    if not text.isdecimal() or int(text) < least or (most and int(text) > most):
        expected = (
            f"a whole number from {least} to {most}" if most else f"a whole number from {least} on"
        )
        raise argparse.ArgumentTypeError(f"found {text!r}, expected {expected}")
    return int(text)


threads = partial(number, most=cores())


def make_parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write everything that was measured to a file"
    )
    parser.add_argument(
        "--against",
        metavar="FILE",
        help="say what got slower since an earlier --json of this command; status 1 if something "
        "did",
    )
    return parser


def parse(
    parser: argparse.ArgumentParser, benchmark: str, whole: dict[str, Any], quick: dict[str, Any]
) -> argparse.Namespace:
    """The options, with the defaults of the whole benchmark, or of --quick.

    Files are tried before minutes of measuring, not after them. Exits with 2
    and says what is wrong.
    """
    parser.add_argument(
        "--quick", action="store_true", help="a small part of it, in less than a minute"
    )
    options = parser.parse_args()
    for name, default in (quick if options.quick else whole).items():
        if getattr(options, name, None) is None:
            setattr(options, name, default)
    try:
        if options.json:
            check_writable(options.json)
        options.earlier = read(options.against, benchmark) if options.against else None
    except Unreadable as error:
        parser.error(str(error))
    return options


class Output:
    """Standard output, into nothing as soon as nobody reads it any more:
    figures that took minutes are still to be written to a file."""

    def __init__(self, stream: Any):
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> None:
        self._unless_closed(self.stream.write, text)

    def flush(self) -> None:
        self._unless_closed(self.stream.flush)

    def _unless_closed(self, act: Any, *arguments: Any) -> None:
        try:
            act(*arguments)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())


def begin(benchmark: str, *, quiet: bool = False) -> dict[str, Any]:
    """The results, without any as yet; prints whose they are."""
    sys.stdout = Output(sys.stdout)
    found = {"benchmark": benchmark, "setting": setting(), "runs": []}
    if not quiet:
        print(heading(found["setting"]), end="\n\n", flush=True)
    return found


def finish(options: argparse.Namespace, found: dict[str, Any]) -> None:
    """Writes and compares, as far as the options say; exits with 1 where something got
    slower."""
    if options.json:
        write(options.json, found)
    if options.earlier:
        print(comparison(options.earlier, found, options.against), flush=True)
        if slower(options.earlier, found):
            sys.exit(1)


def interrupted(*_: Any) -> None:
    """Exits on the spot: a KeyboardInterrupt in the middle of an import comes
    out as an ImportError."""
    progress("")
    print("interrupted, nothing to report", file=sys.stderr, flush=True)
    os._exit(130)


def exit_on_interrupt() -> None:
    signal.signal(signal.SIGINT, interrupted)
