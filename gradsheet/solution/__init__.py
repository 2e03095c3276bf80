"""The worked solution of a sheet: every step as a person writes it, checked by the judge, in several formats."""

from gradsheet.solution.pages import problem
from gradsheet.solution.solution import Solution
from gradsheet.solution.solving import solve

__all__ = ["Solution", "problem", "solve"]
