"""The cells of the example notebook run, and show what is stored in it."""

import ast
import json
from pathlib import Path

from gradsheet.commands.notebook import shown as markdown_of

DOCS = Path(__file__).parent.parent / "docs"


def shown_by(source: str, names: dict) -> object:
    """Run a cell; what its last line is worth, as a notebook shows it."""
    cell = ast.parse(source)
    last = cell.body.pop() if isinstance(cell.body[-1], ast.Expr) else None
    exec(compile(cell, "cell", "exec"), names)
    return (
        None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    )


def test_every_cell_shows_what_the_notebook_has_stored(monkeypatch):
    monkeypatch.chdir(DOCS)
    notebook = json.loads((DOCS / "worked-solutions.ipynb").read_text())
    assert notebook["nbformat"] == 4
    names: dict = {}
    formats = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        shown = shown_by("".join(cell["source"]), names)
        (output,) = cell["outputs"]
        markdown = output["data"].get("text/markdown")
        if markdown is None:
            assert "".join(output["data"]["text/plain"]) == repr(shown)
        else:
            assert "".join(markdown) == markdown_of(shown)
        formats.append(markdown is not None)
    assert formats == [True, True, False, True, False, True, True]
