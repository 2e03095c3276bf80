"""The judge of hand-derived gradients: reads answer sheets and gives verdicts, exactly and without tolerances."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradsheet.judge import Judgement, Report, judge
    from gradsheet.sheet import Sheet, SheetError, load, read

__all__ = ["Judgement", "Report", "Sheet", "SheetError", "judge", "load", "read"]


def __getattr__(name: str) -> Any:
    # NumPy waits until somebody judges: `gradsheet --help` answers without it.
    if name not in __all__:
        raise AttributeError(f"module 'gradsheet' has no attribute {name!r}")
    import importlib

    module = importlib.import_module(
        "gradsheet.judge" if name in ("Judgement", "Report", "judge") else "gradsheet.sheet"
    )
    # The submodule of the same name would hide the function from now on.
    return globals().setdefault(name, getattr(module, name)) if name != "judge" else getattr(module, name)
