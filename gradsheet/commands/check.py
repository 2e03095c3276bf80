"""`gradsheet check MODULE:FUNCTION`: whether the derivative rule of a function is right."""

import argparse
import contextlib
import inspect
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gradsheet.checking import Check
from gradsheet.commands.files import complain, put_out
from gradsheet.commands.targets import Modules, TargetError, arrays_of, place_of, told
from gradsheet.vjp import VJPCheck, check_vjp
from gradsheet.vjp.program import advice_on, names_of
from gradsheet.vjp.result import VERDICTS

Found = VJPCheck | Check
_OPTIONS = {"backward": "backward", "jvp": "jvp", "torch": "torch_function", "pair": "pair"}
MOST_ARGUMENTS = 100  # whose names are looked up
_RETURNS = "expected a check, a list of them, or a dict of the arguments of check_vjp"


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Check what is named, and print the report.

    Returns 0 where every rule is right, 1 where one is not, or cannot be told
    to be, 2 where there is nothing that can be checked:
    `gradsheet check model.py:norm 3x4 4 --backward model.py:norm_backward`.
    """
    checks: list[Found] = []
    error = ""
    # What modules print is no part of the report.
    with contextlib.redirect_stdout(sys.stderr), (modules := Modules()).importable():
        try:
            checks += _checked(modules, options)
        except TargetError as refusal:
            error = str(refusal)
    if error:
        complain(options.target, error)
    if options.json:
        text = json.dumps(_as_object(options.target, checks, error), indent=1) + "\n"
    else:
        text = _as_text(checks)
    status = put_out(text, None) if text else 0
    return 2 if error or status else int(not all(check.right for check in checks))


def _checked(modules: Modules, options: argparse.Namespace) -> Iterator[Found]:
    named = modules.get(options.target)
    rules = {key: getattr(options, name) for name, key in _OPTIONS.items()}
    if options.arrays or any(rules.values()):
        yield _of_arrays(modules, named, options, rules)
        return
    if given := [
        name for name in ("dtype", "wrt", "at_kinks", "intended") if getattr(options, name)
    ]:
        raise TargetError(
            f"--{given[0].replace('_', '-')} goes with arrays, as in {options.target} 3x4 4"
        )
    if not isinstance(named, Mapping | list | tuple | Found):
        named = _called(named)
    several = named if isinstance(named, list | tuple) or inspect.isgenerator(named) else [named]
    count = 0
    for one in several:
        count += 1
        if isinstance(one, Mapping):
            yield _of_arguments(one)
        elif isinstance(one, Found):
            yield one
        else:
            kind = "None" if one is None else f"a {type(one).__name__}"
            raise TargetError(f"it returns {kind}, {_RETURNS}: return gradsheet.check_vjp(...)")
    if not count:
        raise TargetError(f"it returns no check at all, {_RETURNS}")


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
        found = fn()
        return [*found] if inspect.isgenerator(found) else found


def _required(fn: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in kinds and p.default is p.empty]


def _takes(fn: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with so many arrays."""
    try:
        inspect.signature(fn).bind(*range(count))
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
    if not _takes(f, len(args)):
        names, count = ", ".join(inspect.signature(f).parameters), len(args)
        are = "array is" if count == 1 else "arrays are"
        raise TargetError(
            f"it takes ({names}), {count} {are} given: write a shape or a file for each argument"
        )
    found: dict[str, Any] = {}
    for key, name in rules.items():
        if name is not None:
            one = isinstance(name, str)
            many = [modules.get(n, options.target) for n in ([name] if one else name)]
            found[key] = many[0] if one else tuple(many)
    if not found and not hasattr(f, "defvjp") and not hasattr(f, "defjvp"):
        raise TargetError(
            "no rule is given: write --backward MODULE:FUNCTION, --pair FORWARD BACKWARD, --torch "
            "MODULE:CLASS or --jvp MODULE:FUNCTION; a jax.custom_vjp needs none"
        )
    if options.wrt:
        found["wrt"] = [int(w) if w.isdecimal() else w for w in options.wrt.split(",")]
    if options.intended:
        found["intended"] = modules.get(options.intended, options.target)
    if options.at_kinks:
        found["at_kinks"] = _at_kinks(options.at_kinks)
    with _complaints("it cannot be checked"):
        return check_vjp(f, *args, dtype=options.dtype, **found)


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
def _complaints(words: str) -> Iterator[None]:
    """Within it whatever is raised becomes a line."""
    try:
        yield
    except (KeyboardInterrupt, TargetError):
        raise
    except (TypeError, ValueError, NotImplementedError) as error:
        advice = advice_on(error)
        if not advice and not place_of(error):  # gradsheet's own, a whole sentence
            raise TargetError(f"{words}: {' '.join(str(error).split())}") from None
        raise TargetError(f"{words}: {told(error)}{f': {advice}' if advice else ''}") from None
    except BaseException as error:  # somebody's code may even exit
        where = "" if place_of(error) else ", which is a fault of gradsheet"
        raise TargetError(f"{words}: {told(error)}{where}") from None


# What is printed


def _as_text(checks: list[Found]) -> str:
    parts = [f"{check}\n" for check in checks]
    if len(checks) > 1:
        counts = Counter(check.verdict for check in checks)
        words = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
        parts.append(f"{len(checks)} checks: {words}\n")
    return "\n".join(parts)


def _as_object(target: str, checks: list[Found], error: str) -> dict[str, Any]:
    found = [
        _of_network(check) if isinstance(check, Check) else _of_rule(check) for check in checks
    ]
    return {"version": 1, "target": target, "error": error or None, "checks": found}


def _of_rule(check: VJPCheck) -> dict[str, Any]:
    return {
        "title": check.title,
        "verdict": check.verdict,
        "arguments": [
            {**_argument(j.name, j.verdict, j.difference, j.where), "units": _finite(j.units)}
            for j in check.arguments
        ],
        "mistakes": check.mistakes,
        "faults": check.faults,
        "coverage": check.coverage,
        "remarks": check.remarks,
    }


def _of_network(check: Check) -> dict[str, Any]:
    words = [*check.relations.items()]
    return {
        "title": check.title,
        "verdict": check.verdict,
        "arguments": [
            _argument(row.name, VERDICTS[row.exact], row.difference, row.where)
            for row in check.lines
        ],
        "mistakes": ["+".join(codes) for codes in check.mistakes]
        or [f"{name}: {text}" for name, text in words],
        "faults": check.faults,
        "coverage": check.tried,
        "remarks": [*filter(None, [check.loss]), *check.remarks],
    }


def _argument(name: str, verdict: str, difference: float | None, where: str) -> dict[str, Any]:
    return {"name": name, "verdict": verdict, "difference": _finite(difference), "where": where}


def _finite(number: float | None) -> float | None:
    """A number, but for those that JSON has no word for."""
    return number if number is not None and math.isfinite(number) else None
