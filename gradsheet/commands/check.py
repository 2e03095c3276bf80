"""`gradsheet check MODULE:FUNCTION`: whether the derivative rule of a function is right."""

import argparse
import ast
import contextlib
import inspect
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from gradsheet.checking import Check
from gradsheet.checking.result import Row
from gradsheet.commands.exports import JUnit
from gradsheet.commands.files import complain, put_out
from gradsheet.commands.targets import Modules, TargetError, arrays_of, place_of, told
from gradsheet.language.shown import clean
from gradsheet.vjp import VJPCheck, check_vjp
from gradsheet.vjp.calling import NoRule
from gradsheet.vjp.program import INDEXED, NOTE, function_name, names_of
from gradsheet.vjp.result import VERDICTS, Judged

Found = VJPCheck | Check
_OPTIONS = {"backward": "backward", "jvp": "jvp", "torch": "torch_function", "pair": "pair"}
MOST_ARGUMENTS = 100  # whose names are looked up
_RETURNS = "expected a check, a list of them, or a dict of the arguments of check_vjp"
_NO_RULE = (
    "no rule is given: write --backward MODULE:FUNCTION, --pair FORWARD BACKWARD, --torch "
    "MODULE:CLASS or --jvp MODULE:FUNCTION; a jax.custom_vjp needs none"
)
_WORST_FIRST = ("error", "wrong", "untold", "rounded", "right")  # the verdicts
_END = object()


@dataclass(frozen=True)
class Unchecked:
    """What cannot be checked, among others that can, and why."""

    title: str
    error: str
    verdict = "error"


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Check what is named, and print the report.

    Returns 0 where every rule is right, 1 where one is not, or cannot be told
    to be, 2 where one cannot be checked:
    `gradsheet check model.py:norm 3x4 4 --backward model.py:norm_backward`.
    """
    checks: list[Found | Unchecked] = []
    error = ""
    # What modules print is no part of the report.
    with contextlib.redirect_stdout(sys.stderr), (modules := Modules()).importable():
        try:
            checks += _checked(modules, options)
        except TargetError as refusal:
            error = str(refusal)
    if error:
        complain(options.target, error)
    for check in checks:
        if isinstance(check, Unchecked):
            complain(f"{options.target}: {check.title}", check.error)
    if options.json:
        text = json.dumps(_as_object(options.target, checks, error), indent=1) + "\n"
    else:
        text = _as_text(checks)
    status = put_out(text, None) if text else 0
    if options.junit:
        entries = checks or [Unchecked(options.target, error)]
        status = max(status, put_out(_as_junit(options.target, entries), options.junit))
    verdict = _worst(checks, error)
    return max(status, 2 if verdict == "error" else int(verdict in ("wrong", "untold")))


def _worst(checks: Sequence[Found | Unchecked], error: str) -> str:
    """The verdict on all together."""
    verdicts = {check.verdict for check in checks} | ({"error"} if error else set())
    return next(verdict for verdict in _WORST_FIRST if verdict in verdicts)


def _checked(modules: Modules, options: argparse.Namespace) -> Iterator[Found | Unchecked]:
    """The checks that are asked for; where it is several, one that cannot be made
    takes nothing from the others."""
    named = modules.get(options.target)
    rules = {key: getattr(options, name) for name, key in _OPTIONS.items()}
    if options.arrays or any(rules.values()):
        yield _of_arrays(modules, named, options, rules)
        return
    alone = ("dtype", "wrt", "kwarg", "at_kinks", "intended")
    if given := [name.replace("_", "-") for name in alone if getattr(options, name)]:
        raise TargetError(f"--{given[0]} goes with arrays, as in {options.target} 3x4 4")
    if not isinstance(named, Mapping | list | tuple | Found):
        named = _called(named)
    if not isinstance(named, list | tuple) and not inspect.isgenerator(named):
        yield _of_one(named)
        return
    found = [*_of_several(named)]
    if not found:
        raise TargetError(f"it returns no check at all, {_RETURNS}")
    yield from found


def _of_several(several: Iterable[Any]) -> Iterator[Found | Unchecked]:
    one, rest, number = None, iter(several), 0
    while one is not _END:
        number += 1
        what = f"check {number}"
        try:
            with _complaints("it raises"):  # a generator, which has no more then
                one = next(rest, _END)
            if one is _END:
                return
            if isinstance(one, Mapping) and "f" in one:
                what += f", {function_name(one['f'])}"
            yield _of_one(one)
        except TargetError as refusal:
            yield Unchecked(what, str(refusal))


def _of_one(one: Any) -> Found:
    if isinstance(one, Mapping):
        return _of_arguments(one)
    if isinstance(one, Found):
        return one
    kind = "None" if one is None else f"a {type(one).__name__}"
    raise TargetError(f"it returns {kind}, {_RETURNS}: return gradsheet.check_vjp(...)")


def _called(fn: Any) -> Any:
    """What a function without parameters returns."""
    if not callable(fn):
        raise TargetError(f"it is a {type(fn).__name__}, expected a function")
    if taken := _required(fn):
        words = " ".join("3x4" for _ in taken)
        raise TargetError(
            f"it takes {', '.join(taken)}: write a shape or a file for each, as in {words}, and "
            "the rule, as in --backward MODULE:FUNCTION"
        )
    with _complaints("it raises"):
        return fn()


def _required(fn: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in kinds and p.default is p.empty]


def _takes(fn: Callable[..., Any], count: int, settings: Mapping[str, Any]) -> bool:
    """Whether a function can be called with so many arrays, and with settings."""
    try:
        inspect.signature(fn).bind(*range(count), **settings)
    except TypeError:
        return False
    except ValueError:  # nobody knows what it takes
        return True
    return True


def _of_arrays(
    modules: Modules, f: Any, options: argparse.Namespace, rules: Mapping[str, Any]
) -> VJPCheck:
    """The check of a function at arrays of the command line."""
    if not callable(f):
        raise TargetError(f"it is a {type(f).__name__}, expected a function")
    args = arrays_of(options.arrays, names_of(f, MOST_ARGUMENTS))
    settings = _settings_of(options.kwarg)
    if not _takes(f, len(args), settings):
        names, count = ", ".join(inspect.signature(f).parameters), len(args)
        are = "array is" if count == 1 else "arrays are"
        and_settings = f", and --kwarg for {', '.join(settings)}" if settings else ""
        raise TargetError(
            f"it takes ({names}), {count} {are} given{and_settings}: write a shape or a file for "
            "each argument"
        )
    found: dict[str, Any] = {}
    for key, name in rules.items():
        if name is not None:
            one = isinstance(name, str)
            many = [modules.get(n, options.target) for n in ([name] if one else name)]
            found[key] = many[0] if one else tuple(many)
    if options.wrt:
        found["wrt"] = [int(w) if w.isdecimal() else w for w in options.wrt.split(",")]
    if options.intended:
        found["intended"] = modules.get(options.intended, options.target)
    if options.at_kinks:
        found["at_kinks"] = _at_kinks(options.at_kinks)
    with _complaints("it cannot be checked", of_index=": write 6:int10 (numbers from 0 to 9)"):
        return check_vjp(f, *args, dtype=options.dtype, kwargs=settings, **found)


def _settings_of(words: Sequence[str]) -> dict[str, Any]:
    """The settings that NAME=VALUE stand for."""
    found: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            found[name] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            raise TargetError(
                f"--kwarg {word!a} is no setting, expected NAME=VALUE, with a value of Python, as "
                "in axis=-1 or mode='\"same\"'"
            ) from None
    return found


def _at_kinks(words: list[str]) -> str | dict[str, str | float]:
    """What is asked at all kinks, or at each place."""
    if len(words) == 1 and "=" not in words[0]:
        return words[0]
    asked: dict[str, str | float] = {}
    for word in words:
        place, _, what = word.rpartition("=")
        if not place:
            raise TargetError(
                f"--at-kinks {word} stands alone, or as in 'jnp.maximum(x, 0)={word}'"
            )
        try:
            asked[place] = float(what)
        except ValueError:
            asked[place] = what
    return asked


def _of_arguments(arguments: Mapping[str, Any]) -> VJPCheck:
    """The check of a dict of arguments."""
    given = dict(arguments)
    if "f" not in given:
        raise TargetError(f"its dict has no 'f', {_RETURNS}: {{'f': norm, 'args': (x, w), ...}}")
    known = {*inspect.signature(check_vjp).parameters}
    if unknown := [str(key) for key in given if key not in known]:
        raise TargetError(f"its dict has {unknown[0]!a}, expected only {', '.join(sorted(known))}")
    args = given.pop("args", ())
    with _complaints("it cannot be checked"):
        return check_vjp(
            given.pop("f"), *(args if isinstance(args, tuple | list) else (args,)), **given
        )


@contextlib.contextmanager
def _complaints(words: str, of_index: str = "") -> Iterator[None]:
    """Within it whatever is raised becomes a line; `of_index` stands behind what
    is said of an index made of floats."""
    try:
        yield
    except (KeyboardInterrupt, TargetError):
        raise
    except NoRule:
        raise TargetError(_NO_RULE) from None
    except BaseException as error:  # somebody's code may even exit
        notes = [note for note in getattr(error, "__notes__", ()) if note.startswith(NOTE)]
        is_refused = isinstance(error, TypeError | ValueError | NotImplementedError)
        if is_refused and not notes and not place_of(error):  # gradsheet's own, a whole sentence
            raise TargetError(f"{words}: {' '.join(str(error).split())}") from None
        advice = "".join(f": {note.removeprefix(NOTE)}" for note in notes)
        advice += of_index if INDEXED in f"{type(error).__name__}: {error}" else ""
        where = "" if is_refused or place_of(error) else ", which is a fault of gradsheet"
        raise TargetError(f"{words}: {told(error)}{where}{advice}") from None


# What is printed


def _as_text(checks: Sequence[Found | Unchecked]) -> str:
    parts = [f"{check}\n" for check in checks if not isinstance(check, Unchecked)]
    if len(checks) > 1:
        words = [f"{n} {verdict}" for verdict, n in _counts(checks).items() if n]
        parts.append(f"{len(checks)} checks: {', '.join(words)}\n")
    return "\n".join(parts)


def _counts(checks: Sequence[Found | Unchecked]) -> dict[str, int]:
    counts = Counter(check.verdict for check in checks)
    return {verdict: counts[verdict] for verdict in reversed(_WORST_FIRST)}


def _as_object(target: str, checks: Sequence[Found | Unchecked], error: str) -> dict[str, Any]:
    return {
        "version": 1,
        "target": target,
        "error": error or None,
        "verdict": _worst(checks, error),
        "counts": _counts(checks),
        "checks": [*map(_entry, checks)],
    }


def _entry(check: Found | Unchecked) -> dict[str, Any]:
    found: dict[str, Any]
    match check:
        case Unchecked():
            found = {"arguments": [], "mistakes": [], "faults": [], "coverage": "", "remarks": []}
        case Check():
            found = _of_network(check)
        case VJPCheck():
            found = _of_rule(check)
    head = {"title": check.title, "verdict": check.verdict, "error": getattr(check, "error", None)}
    return head | found | {"places": [*map(_place, found["mistakes"])]}


def _place(mistake: str) -> dict[str, Any] | None:
    """The line of f that an explanation speaks of."""
    match = re.search(r"\(([^()\s]+\.py):(\d+)\)", mistake)
    return {"file": match[1], "line": int(match[2])} if match else None


def _of_rule(check: VJPCheck) -> dict[str, Any]:
    return {
        "arguments": [
            {**_argument(j, j.verdict), "units": _finite(j.units)} for j in check.arguments
        ],
        "mistakes": check.mistakes,
        "faults": check.faults,
        "coverage": check.coverage,
        "remarks": check.remarks,
    }


def _of_network(check: Check) -> dict[str, Any]:
    words = [*check.relations.items()]
    return {
        "arguments": [
            _argument(row, VERDICTS["yes" if row.is_right else row.exact]) for row in check.lines
        ],
        "mistakes": ["+".join(codes) for codes in check.mistakes]
        or [f"{name}: {text}" for name, text in words],
        "faults": check.faults,
        "coverage": check.tried,
        "remarks": [*filter(None, [check.loss]), *check.remarks],
    }


def _argument(of: Judged | Row, verdict: str) -> dict[str, Any]:
    return {
        "name": of.name,
        "verdict": verdict,
        "difference": _finite(of.difference),
        "where": of.where,
        "probe": of.probe,
    }


def _finite(number: float | None) -> float | None:
    """A number, but for those that JSON has no word for."""
    return number if number is not None and math.isfinite(number) else None


def _as_junit(target: str, checks: Sequence[Found | Unchecked]) -> str:
    """A suite with a case a check: a failure where it is not right, an error
    where it cannot be checked."""
    tags = dict.fromkeys(("right", "rounded"), "") | dict.fromkeys(("wrong", "untold"), "failure")
    found = [tags.get(check.verdict, "error") for check in checks]
    path = quoteattr(clean(target))
    counts = f'tests="{len(checks)}" failures="{found.count("failure")}"'
    lines = [f'<testsuite name={path} {counts} errors="{found.count("error")}" skipped="0">']
    for check, tag in zip(checks, found, strict=True):
        report = check.error if isinstance(check, Unchecked) else str(check)
        text = "\n".join(map(clean, report.splitlines()))
        inside = f"<{tag} message={quoteattr(check.verdict)}>{escape(text)}</{tag}>" if tag else ""
        name = quoteattr(clean(check.title))
        lines.append(f"<testcase classname={path} name={name}>{inside}</testcase>")
    return JUnit.opening + "\n".join(lines) + "\n</testsuite>\n" + JUnit.closing
