"""The worked solution of a sheet: every step as a person writes it, checked by the judge, in several formats."""

from gradsheet.solution.checking import answer_sheet
from gradsheet.solution.pages import latex, markdown, problem, text
from gradsheet.solution.solution import Solution
from gradsheet.solution.solving import solve
from gradsheet.solution.webpage import html

__all__ = ["Solution", "answer_sheet", "html", "latex", "markdown", "problem", "solve", "text"]
