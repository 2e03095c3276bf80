"""How sheets, reports and solutions show themselves in a notebook: as Markdown."""

from typing import Any

SHOWN = (
    ("gradsheet.claims.sheet", "Sheet"),
    ("gradsheet.claims.judgement", "Report"),
    ("gradsheet.solution.solution", "Solution"),
)


def shown(value: Any) -> str:
    """The problem that a sheet states, the table of a report, the pages of a solution."""
    from gradsheet.claims.judgement import Report
    from gradsheet.claims.sheet import Sheet
    from gradsheet.commands import report
    from gradsheet.solution import pages

    if isinstance(value, Sheet):
        return pages.problem(value)
    return report.markdown(value) if isinstance(value, Report) else pages.markdown(value)


def register(ipython: Any) -> None:
    """Have a notebook show them; nothing is imported before there is something to show."""
    markdown = ipython.display_formatter.formatters["text/markdown"]
    for module, name in SHOWN:
        markdown.for_type_by_name(module, name, shown)
