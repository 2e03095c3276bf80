"""How sheets, reports and solutions show themselves in a notebook: as Markdown."""

from typing import Any

SHOWN = (
    ("gradsheet.claims.sheet", "Sheet"),
    ("gradsheet.claims.judgement", "Report"),
    ("gradsheet.solution.solution", "Solution"),
)


def shown(value: Any) -> str:
    """Write a value as Markdown: a sheet's problem, a report's table, a solution's pages."""
    from gradsheet.claims.judgement import Report
    from gradsheet.claims.sheet import Sheet
    from gradsheet.commands import report
    from gradsheet.solution import pages

    if isinstance(value, Sheet):
        return pages.problem(value)
    return report.markdown(value) if isinstance(value, Report) else pages.markdown(value)


def register(ipython: Any) -> None:
    """Have IPython, which calls it on `%load_ext gradsheet`, show them; nothing is imported yet."""
    markdown = ipython.display_formatter.formatters["text/markdown"]
    for module, name in SHOWN:
        markdown.for_type_by_name(module, name, shown)
