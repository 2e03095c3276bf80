"""Judges backward passes written as code: is it right, where does it break, and
what was the mistake?"""

from gradsheet.checking.backward import assert_right, check
from gradsheet.checking.result import Check

__all__ = ["Check", "assert_right", "check"]
