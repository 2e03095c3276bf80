"""Worked solutions, taken apart: the steps of one by what they find."""

import gradsheet
import gradsheet.solution
from gradsheet.language.text import formula_text
from gradsheet.solution.rounding_off import value_text


def steps(solution):
    """Every step as its quantity, formulas and value."""
    found = {}
    for step in solution.steps():
        value = [] if step.value is None else [value_text(step.value)]
        found[formula_text(step.quantity)] = [
            *(formula_text(line.tree) for line in step.lines),
            *value,
        ]
    return found


def solved(text: str):
    return gradsheet.solve(gradsheet.read(text))


def claims(*quantities: str) -> str:
    return "".join(f"[[claim]]\nquantity = '{quantity}'\nvalue = 1\n" for quantity in quantities)
