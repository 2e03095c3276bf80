"""Files: the sheets that a command names, and files that are written whole or not at all."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO, TypeVar

from gradsheet.claims.judgement import Report
from gradsheet.claims.reader import MAX_BYTES, read, text_of
from gradsheet.claims.sheet import Sheet, SheetError
from gradsheet.language.shown import clean
from gradsheet.numbers.reasons import Undecided

HOMEWORK = ("numbers.toml", "symbols.toml")

T = TypeVar("T")


def text_in(path: str, most: int) -> str:
    """The text of a file that may have so many bytes; - is standard input. Raises SheetError, or OSError."""
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
    """What comes of a file's text, or why nothing does: nothing that a file contains may end in a traceback."""
    if not path:
        return Report.unreadable(shown, "no sheet in this folder, expected files *.toml")
    if "\0" in path:
        return Report.unreadable(shown, "no file has a NUL byte in its name")
    try:
        return use(text_in(path, MAX_BYTES))
    except SheetError as error:
        return Report(shown, problems=error.problems)
    except OSError as error:
        return Report.unreadable(shown, error.strerror or str(error))
    except Undecided as error:
        return Report.unreadable(shown, str(error))
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
        return Report.unreadable(
            shown, f"the judge failed on this sheet, which is a fault of gradsheet: {fault}"
        )


def with_sheet(path: str, shown: str, use: Callable[[Sheet], T]) -> T | Report:
    """What comes of a sheet, or why nothing does."""
    return with_text(path, shown, lambda text: use(read(text, shown)))


def same_file(path: str | None, sheet: str) -> bool:
    """Whether a file to be written is a sheet that is read."""
    return (
        bool(path)
        and os.path.exists(str(path))
        and os.path.exists(sheet)
        and os.path.samefile(str(path), sheet)
    )


def found(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every file to judge, and what reports call it: those named, and in folders every *.toml.

    But for hidden folders, and the pyproject.toml of a project.
    """
    if not arguments:
        shipped = Path(__file__).parents[1] / "homework"
        yield from ((str(shipped / name), f"homework/{name}") for name in HOMEWORK)
    for argument in arguments:
        if argument == "-" or "\0" in argument or not os.path.isdir(argument):
            yield argument, argument
            continue
        any_here = False
        for folder, inner, names in os.walk(argument):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            for name in sorted(names):
                path = os.path.join(folder, name)
                is_sheet = name.endswith(".toml") and name != "pyproject.toml"
                if is_sheet and os.path.isfile(path):  # no pipe or device, which may never end
                    any_here = True
                    yield path, path
        if not any_here:
            yield "", argument


def temporary(path: Path) -> tuple[TextIO, str]:
    """A new file beside the one that a path leads to, open for writing, and its name.

    What is no file, a pipe or a device, is itself opened, and the name is empty. Raises OSError where nothing can be.
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
    """Give a finished temporary file its name."""
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
    """Write a file whole; where that fails there is no file, or the one that there was."""
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
    """Print a text, or write it to a file whole."""
    try:
        if path is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            write(Path(path), text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        print(f"gradsheet: {clean(path or 'standard output')}: {clean(reason)}", file=sys.stderr)
        return 2
    return 0
