"""The judge of hand-derived gradients: reads answer sheets and gives verdicts, exactly and without tolerances."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradsheet.sheet import Sheet, SheetError, load, read
    from gradsheet.verdict import Judgement, Report, judge

__all__ = ["Judgement", "Report", "Sheet", "SheetError", "judge", "load", "read"]


def __getattr__(name: str) -> Any:
    # NumPy waits until somebody judges: `gradsheet --help` answers without it.
    if name not in __all__:
        raise AttributeError(f"module 'gradsheet' has no attribute {name!r}")
    import importlib

    module = importlib.import_module(
        "gradsheet.verdict" if name in ("Judgement", "Report", "judge") else "gradsheet.sheet"
    )
    return getattr(module, name)
