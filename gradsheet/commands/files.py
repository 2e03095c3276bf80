"""Files: the sheets that a command names, and files that are written whole or not at all."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO, TypeVar

from gradsheet.claims.judgement import Report
from gradsheet.claims.reader import MAX_BYTES, problems_of, read, read_problem, text_of
from gradsheet.claims.sheet import Sheet, SheetError
from gradsheet.language.shown import clean
from gradsheet.numbers.reasons import OutOfWork, Undecided

HOMEWORK = ("numbers.toml", "symbols.toml")

T = TypeVar("T")
Tables = dict[str, Any]  # of a sheet, or of one of its problems


def text_in(path: str, most: int) -> str:
    """Read the text of a file that may have `most` bytes; - is standard input.

    Raises SheetError where it is larger, no UTF-8, or a pipe; OSError where it
    cannot be read.
    """
    if path != "-":
        if not path.startswith("/dev/") and stat.S_ISFIFO(os.stat(path).st_mode):
            # Who opens one waits until somebody writes to it.
            raise SheetError("a pipe, expected a file: send it to standard input and write -")
        with open(path, "rb") as file:
            return text_of(file.read(most + 1), most)
    if sys.stdin is None:
        raise SheetError("standard input is closed")
    return text_of(sys.stdin.buffer.read(most + 1), most)


def with_text(path: str, shown: str, use: Callable[[str], T]) -> T | Report:
    """Return what `use` makes of a file's text, or a report of why it cannot.

    `shown` is what reports call the file. Nothing that a file contains may end
    in a traceback.
    """
    if not path:
        return Report.unreadable(shown, "no sheet in this folder, expected files *.toml")
    if "\0" in path:
        return Report.unreadable(shown, "no file has a NUL byte in its name")
    return tried(shown, lambda: use(text_in(path, MAX_BYTES)))


def tried(shown: str, make: Callable[[], T]) -> T | Report:
    """Return what can be made, or a report of why it cannot."""
    try:
        return make()
    except SheetError as error:
        return Report(shown, problems=error.problems)
    except (OSError, Undecided, OutOfWork) as error:
        reason = getattr(error, "strerror", None) or str(error)
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
        reason = f"the judge failed on this sheet, which is a fault of gradsheet: {fault}"
    return Report.unreadable(shown, reason)


def with_sheet(path: str, shown: str, use: Callable[[Sheet], T]) -> T | Report:
    """Return what `use` makes of a sheet, or a report of why it cannot."""
    return with_text(path, shown, lambda text: use(read(text, shown)))


def with_problems(
    path: str, shown: str, use: Callable[[Sheet], T], *, asks: bool = True
) -> list[T | Report]:
    """Return what `use` makes of every problem of a file, or reports of why it
    cannot; most files are one.

    Each `asks` something, or may have no claim.
    """
    several = with_text(path, shown, lambda text: [(text, *one) for one in problems_of(text)])
    if isinstance(several, Report):
        return [several]

    def made(text: str, number: int, content: Tables) -> T | Report:
        one = tried(shown, lambda: use(read_problem(text, number, content, shown, asks=asks)))
        return replace(one, problem=number) if isinstance(one, Report) else one

    return [made(*one) for one in several]


def same_file(path: str | None, sheet: str) -> bool:
    """Tell whether a file to be written is a sheet that is read."""
    if not path or not os.path.exists(path) or not os.path.exists(sheet):
        return False
    return os.path.samefile(path, sheet)


def sheet_files(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Find every file to judge, each with what reports call it.

    These are the files named and every *.toml of the folders named, but for
    hidden folders and the pyproject.toml of a project; without arguments the
    homeworks that come with gradsheet.
    """
    if not arguments:
        shipped = Path(__file__).parents[1] / "homework"
        yield from ((str(shipped / name), f"homework/{name}") for name in HOMEWORK)
    for argument in arguments:
        if argument == "-" or "\0" in argument or not os.path.isdir(argument):
            yield argument, argument
            continue
        below = _sheets_below(argument)
        yield next(((path, path) for path in below), ("", argument))
        yield from ((path, path) for path in below)


def _sheets_below(folder: str) -> Iterator[str]:
    for inner, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(inner, name)
            is_sheet = name.endswith(".toml") and name != "pyproject.toml"
            if is_sheet and os.path.isfile(path):  # no pipe or device, which may never end
                yield path


def temporary(path: Path) -> tuple[TextIO, str]:
    """Open a new file beside the one that a path leads to; also returns its name.

    What is no file, a pipe or a device, is itself opened, and the name is
    empty. Raises OSError where nothing can be written. Behind the last word,
    `put_in_place` gives the file its name.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        return open(path, "w", encoding="utf-8"), ""
    import tempfile  # with all that it imports it takes longer than --help

    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    return os.fdopen(handle, "w", encoding="utf-8"), name


def put_in_place(name: str, path: Path) -> None:
    """Give a finished temporary file its name; raises OSError where that cannot be."""
    if not name:
        return
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(name, 0o666 & ~mask)  # a temporary file is its owner's alone
    try:
        os.replace(name, os.path.realpath(path))
    except OSError:
        os.unlink(name)
        raise


def write(path: Path, text: str) -> None:
    """Write a file whole; where that raises there is no file, or the one that there was."""
    stream, name = temporary(path)
    try:
        with stream:
            stream.write(text)
    except BaseException:
        if name:
            os.unlink(name)
        raise
    put_in_place(name, path)


def put_out(text: str, path: str | None) -> int:
    """Print a text, or write it to a file whole; returns the exit status."""
    try:
        if path is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            write(Path(path), text)
    except BrokenPipeError:
        silence_stdout()
    except (OSError, ValueError) as error:
        complain(path or "standard output", getattr(error, "strerror", None) or str(error))
        return 2
    return 0


def silence_stdout() -> None:
    """Have standard output swallow everything, once nobody reads it any more.

    Else the interpreter would complain of what is still in the buffer.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(where: str, reason: str) -> None:
    """Say on standard error what is wrong with a file."""
    print(f"gradsheet: {clean(where)}: {clean(reason)}", file=sys.stderr)
