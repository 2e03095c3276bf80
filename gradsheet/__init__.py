"""The judge of hand-derived gradients: reads answer sheets and gives verdicts, exactly and without tolerances."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradsheet.checking import Check, assert_right, check
    from gradsheet.claims.judgement import Judgement, Report
    from gradsheet.claims.sheet import Sheet, SheetError, load, read
    from gradsheet.claims.verdict import judge
    from gradsheet.solution import Solution, solve

__all__ = [
    "Check",
    "Judgement",
    "Report",
    "Sheet",
    "SheetError",
    "Solution",
    "assert_right",
    "check",
    "judge",
    "load",
    "read",
    "solve",
]


def __getattr__(name: str) -> Any:
    # NumPy waits until somebody judges: `gradsheet --help` answers without it.
    if name not in __all__:
        raise AttributeError(f"module 'gradsheet' has no attribute {name!r}")
    import importlib

    homes = {
        "Judgement": "claims.judgement",
        "Report": "claims.judgement",
        "judge": "claims.verdict",
    }
    homes |= dict.fromkeys(("Check", "assert_right", "check"), "checking")
    homes |= dict.fromkeys(("Solution", "solve"), "solution")
    return getattr(importlib.import_module(f"gradsheet.{homes.get(name, 'claims.sheet')}"), name)
