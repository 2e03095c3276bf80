"""The worked solution of a sheet: every step as a person writes it, checked by
the judge.

    from gradsheet import load, solution

    worked = solution.solve(load("gradsheet/homework/numbers.toml"))
    print(solution.text(worked))  # or markdown, html, latex, answer_sheet

`exercise` sets fresh exercises and `filling` answers the questions of a sheet.
"""

from gradsheet.solution.judged import answer_sheet
from gradsheet.solution.pages import latex, markdown, problem, text
from gradsheet.solution.solution import Solution
from gradsheet.solution.solving import solve
from gradsheet.solution.webpage import html

__all__ = ["Solution", "answer_sheet", "html", "latex", "markdown", "problem", "solve", "text"]
