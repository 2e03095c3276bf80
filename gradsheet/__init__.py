"""The judge of hand-derived gradients: reads answer sheets and gives verdicts,
exactly and without tolerances."""

import difflib
import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradsheet.checking import Check, assert_right, check
    from gradsheet.claims.judgement import Judgement, Report
    from gradsheet.claims.reader import load, read
    from gradsheet.claims.sheet import Sheet, SheetError
    from gradsheet.mistakes.judging import judge
    from gradsheet.numbers.session import Session
    from gradsheet.solution import Solution, solve
    from gradsheet.vjp import VJPCheck, assert_vjp, check_vjp

__version__ = "0.2.0"

_HOMES = {
    "Check": "checking",
    "Judgement": "claims.judgement",
    "Report": "claims.judgement",
    "Session": "numbers.session",
    "Sheet": "claims.sheet",
    "SheetError": "claims.sheet",
    "Solution": "solution",
    "VJPCheck": "vjp",
    "assert_right": "checking",
    "assert_vjp": "vjp",
    "check": "checking",
    "check_vjp": "vjp",
    "judge": "mistakes.judging",
    "load": "claims.reader",
    "read": "claims.reader",
    "solve": "solution",
}
__all__ = [
    "Check",
    "Judgement",
    "Report",
    "Session",
    "Sheet",
    "SheetError",
    "Solution",
    "VJPCheck",
    "assert_right",
    "assert_vjp",
    "check",
    "check_vjp",
    "judge",
    "load",
    "read",
    "solve",
]


if not TYPE_CHECKING:  # to which it would stand for any name

    def __getattr__(name: str) -> Any:
        # NumPy waits until somebody judges: `gradsheet --help` answers without it.
        if name == "solution":
            return importlib.import_module("gradsheet.solution")
        if name not in _HOMES:
            near = difflib.get_close_matches(name, __all__, 1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise AttributeError(f"module 'gradsheet' has no attribute {name!r}{hint}")
        return getattr(importlib.import_module(f"gradsheet.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ipython: Any) -> None:
    """Have a notebook show sheets, reports and solutions; an import within one does it, too."""
    from gradsheet.commands.notebook import register

    register(ipython)


if "IPython" in sys.modules and (_running := sys.modules["IPython"].get_ipython()) is not None:
    load_ipython_extension(_running)
