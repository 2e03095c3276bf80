"""What `gradsheet check` is told to check: functions by the names of their
modules, and arrays by their shapes or files."""

import contextlib
import difflib
import importlib
import importlib.util
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradsheet.language.shown import short
from manual.activations import Array

MOST = 300  # characters of somebody else's message
MOST_ENTRIES = 10_000_000
_PACKAGE = str(Path(__file__).parents[1])
_LIBRARIES = (_PACKAGE, sysconfig.get_path("stdlib"), "site-packages", "<frozen")
_SHAPES = "a shape (3x4, 5, number; 5:int7 whole numbers below 7, 5:int7,-100 with some of -100, "
_SHAPES += "5:bool, 3:positive, 3:unit), "
_SHAPES += "or a file (x.npy, data.npz, data.npz:x,w)"


_KINDS: dict[str | None, Callable[[np.random.Generator, tuple[int, ...]], Any]] = {
    None: lambda draw, shape: draw.normal(size=shape),
    "positive": lambda draw, shape: draw.uniform(0.25, 2.25, shape),
    "unit": lambda draw, shape: draw.uniform(1 / 16, 15 / 16, shape),
    "bool": lambda draw, shape: draw.integers(0, 2, shape).astype(bool),
}


class TargetError(ValueError):
    """What is named cannot be used; the message says why, and what to write."""


def told(error: BaseException) -> str:
    """An exception on a line, with the line of somebody's own code behind it."""
    words = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    if isinstance(error, SyntaxError) and error.filename:
        text = f": `{error.text.strip()}`" if error.text else ""
        return f"{type(error).__name__}: {error.msg} ({_base(error.filename)}:{error.lineno}{text})"
    message = f": {short(words, MOST)}" if words else ""
    return f"{type(error).__name__}{message}{place_of(error)}"


def place_of(error: BaseException) -> str:
    """The last line of somebody's own code on the way to an exception."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not any(library in frame.filename for library in _LIBRARIES):
            text = f": `{frame.line}`" if frame.line else ""
            return f" ({_base(frame.filename)}:{frame.lineno}{text})"
    return ""


def _base(path: str) -> str:
    return Path(path).name


# Functions


@dataclass(eq=False)
class Modules:
    """Modules by their names or files, each loaded once."""

    loaded: dict[str, ModuleType] = field(default_factory=dict)

    @contextlib.contextmanager
    def importable(self) -> Iterator[None]:
        """Within it the modules of the working directory can be imported, as
        `python -m` has it, and those beside the files loaded."""
        before = [*sys.path]
        sys.path.insert(0, str(Path.cwd()))
        try:
            yield
        finally:
            sys.path[:] = before

    def get(self, name: str, beside: str = "") -> Any:
        """What MODULE:FUNCTION names; FUNCTION alone is in the module `beside`.

        Raises TargetError where there is none.
        """
        place, colon, path = name.rpartition(":")
        if not colon and beside and not name.endswith(".py"):
            place = beside.rpartition(":")[0]
        elif not place or not path:
            has = _functions(vars(self._module(name))) if name.endswith(".py") else []
            which = f": it has {short(', '.join(has), MOST)}" if has else ""
            raise TargetError(
                f"{name!a} names no function, expected MODULE:FUNCTION, as in model.py:norm{which}"
            )
        at: Any = self._module(place)
        for part in path.split("."):
            if not hasattr(at, part):
                raise TargetError(
                    f"{place} has no {path!a}{_near(path, vars(self._module(place)))}"
                )
            at = getattr(at, part)
        return at

    def _module(self, place: str) -> ModuleType:
        if place not in self.loaded:
            make = _of_file if place.endswith(".py") else _of_name
            self.loaded[place] = make(place)
        return self.loaded[place]


def _functions(names: Mapping[str, Any]) -> list[str]:
    return [n for n, value in names.items() if callable(value) and not n.startswith("_")]


def _near(name: str, names: Mapping[str, Any]) -> str:
    """What may have been meant, among the functions of a module."""
    known = _functions(names)
    if near := difflib.get_close_matches(name, known, 1):
        return f": did you mean {near[0]}?"
    return f", expected one of {short(', '.join(known), MOST)}" if known else ": it has no function"


def _of_name(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            files = [path.stem for path in Path.cwd().glob("*.py")]
            near = difflib.get_close_matches(name, files, 1)
            advice = f": did you mean {near[0]}?" if near else ""
            raise TargetError(
                f"there is no module {error.name!a}, expected one that can be imported from "
                f"{Path.cwd()}, or the path of a .py file{advice}"
            ) from None
        raise TargetError(f"{name} cannot be imported: {told(error)}") from None
    except BaseException as error:  # a module may even exit
        raise TargetError(f"{name} cannot be imported: {told(error)}") from None


def _of_file(path: str) -> ModuleType:
    file = Path(path)
    if not file.is_file():
        raise TargetError(f"there is no file {path!a}")
    name = file.stem if file.stem not in sys.modules else f"{file.stem}_of_gradsheet_check"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.resolve().parent))
    sys.modules[name] = module  # where dataclasses look for it
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may even exit
        del sys.modules[name]
        advice = ""
        if isinstance(error, ImportError) and "relative import" in str(error):
            advice = f": write {'.'.join(file.with_suffix('').parts)}:... for a part of a package"
        raise TargetError(f"{path} cannot be imported: {told(error)}{advice}") from None
    return module


# Arrays


def arrays_of(words: Sequence[str], names: Sequence[str]) -> list[Array]:
    """The arrays that words stand for; `names` are those of the function's
    arguments, by which the arrays of an .npz file are put in order.

    Raises TargetError where a word is neither a shape nor a file.
    """
    draw = np.random.default_rng(0)
    found: list[Array] = []
    for word in words:
        path, colon, keys = word.rpartition(":") if ".npz:" in word else (word, "", "")
        if path.endswith((".npy", ".npz")):
            found += _of_archive(path, keys.split(",") if colon else [], names)
        else:
            found.append(_drawn(word, draw))
    return found


def _of_archive(path: str, keys: Sequence[str], names: Sequence[str]) -> list[Array]:
    """The arrays of a file: those asked for, or all."""
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return [content]
        with content:
            if missing := [key for key in keys if key not in content.files]:
                has = ", ".join(content.files)
                raise TargetError(f"{path} has no array {missing[0]!a}, only {has}")
            in_order = [name for name in names if name in content.files]
            if not keys and len(in_order) == len(content.files):
                keys = in_order
            return [content[key] for key in keys or content.files]
    except TargetError:
        raise
    except FileNotFoundError:
        raise TargetError(f"there is no file {path!a}") from None
    except Exception as error:
        reason = short(" ".join(str(error).split()), MOST)
        raise TargetError(f"{path} cannot be read as an array of numbers: {reason}") from None


def _drawn(word: str, draw: np.random.Generator) -> Array:
    """An array of a shape, drawn; the same whenever it is asked for."""
    match = re.fullmatch(r"(number|\d+(?:x\d+)*)(?::(.*))?", word)
    sizes, kind = match.groups() if match else ("", None)
    whole = re.fullmatch(r"int([1-9]\d*)((?:,-?\d+)*)", kind or "")
    if not sizes or not (kind in _KINDS or whole):
        raise TargetError(f"{word!a} is no array, expected {_SHAPES}")
    shape = () if sizes == "number" else tuple(map(int, sizes.split("x")))
    entries = 1
    for size in shape:
        entries *= size
    if not 0 < entries <= MOST_ENTRIES:
        raise TargetError(f"{word!a} has {entries:,} entries, expected 1 to {MOST_ENTRIES:,}")
    if whole is None:
        return np.asarray(_KINDS[kind](draw, shape))
    above, others = int(whole[1]), [int(n) for n in whole[2].split(",") if n]
    if max(above, *map(abs, others), 0) >= 2**31:
        raise TargetError(f"{word!a} goes beyond {2**31 - 1:,}, expected less")
    found = draw.integers(0, above, shape)
    if len(others) > found.size:
        raise TargetError(f"{word!a} has more numbers than entries")
    # A quarter of the entries: each of them occurs, and so do others.
    places = draw.permutation(found.size)[: max(len(others), found.size // 4)]
    if others:
        found.flat[places] = np.resize(others, len(places))
    return np.asarray(found)
