"""Judges backward passes written as code: is it right, where does it break, and what was the mistake?"""

from gradsheet.backward.checking import assert_right, check
from gradsheet.backward.result import Check

__all__ = ["Check", "assert_right", "check"]
