"""The code of the project, read once for all tests of its habits."""

import ast
import functools

from tests.sheets import ROOT

SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for room in ("manual", "ref", "gradsheet")
    for path in sorted((ROOT / room).rglob("*.py"))
}


@functools.cache
def nodes(source: str) -> tuple[ast.AST, ...]:
    """All nodes of the tree of a source."""
    return tuple(ast.walk(ast.parse(source)))
