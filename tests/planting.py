"""Mistakes planted in a whole worked solution, and what the diagnosis makes of it."""

import itertools
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

import gradsheet
from gradsheet.claims.history import History
from gradsheet.claims.judgement import AND, Judgement
from gradsheet.claims.sheet import Claim
from gradsheet.language.evaluate import Evaluator
from gradsheet.language.parsing import parse
from gradsheet.mistakes import layered
from gradsheet.mistakes.catalogue import edits_of
from gradsheet.mistakes.diagnosis import diagnose
from gradsheet.mistakes.layer_values import Carried
from gradsheet.mistakes.simulation import Combination, simulation_at
from gradsheet.numbers.printed import NumberError, Printed, printed, printed_entries
from gradsheet.numbers.real import apart
from gradsheet.truth.graph_point import GraphPoint
from tests.sheets import NUMBERS

HOMEWORK = "learning_rate = 0.5" + NUMBERS
# Unequal widths, a batch of 4, live and dead units in both layers, and no z that is 0.
BATCH = """
loss = "squared_error"
learning_rate = 0.5
x = [[1, 2, 3, 4], [-2, 1, 3, -1], [3, -1, 1, 2], [2, 3, -1, -2]]
y = [[1, -2], [2, 1], [-1, 3], [4, 2]]
[[layer]]
W = [[1, -2, 3, 1], [2, 1, -1, 3], [-3, 2, 1, -1], [1, 3, -2, -1], [2, -1, 1, -3]]
b = [1, -1, 3, -1, 7]
activation = "relu"
[[layer]]
W = [[1, -1, 2, 3, -2], [-2, 3, 1, -1, 1], [3, 2, -1, 1, -3]]
b = [-4, 2, 1]
activation = "relu"
[[layer]]
W = [[2, -1, 3], [1, 3, -2]]
b = [1, -1]
"""


def point_of(head: str) -> GraphPoint:
    sheet = gradsheet.read(head + "[[claim]]\nquantity = 'L'\nvalue = 1\n")
    return layered.point_of(sheet.problem, None)


class Solution:
    """A worked solution of everything that a network has: each node, L, every
    gradient, every new parameter."""

    def __init__(self, head: str):
        self.point = point_of(head)
        self.simulation = simulation_at(self.point)
        network = self.simulation.problem.network
        names = [f"{kind}{l}" for l in range(1, network.depth + 1) for kind in "zh"]
        names += [
            "L",
            *(f"dL/d{name}" for name in network.shapes if network.no_derivative("L", name) is None),
        ]
        names += [name for name in network.shapes if name[0] in "WbzL" and name.endswith("_new")]
        self.trees = {name: parse(name, network.names) for name in names}
        self.truth = self.values(())

    def values(self, chosen: Combination) -> dict[str, np.ndarray]:
        """Everything, as somebody gets it who makes some mistakes."""
        if not chosen:
            return {
                name: Evaluator(self.point).value(tree, {}) for name, tree in self.trees.items()
            }
        seen = Carried(self.point, None, edits_of(self.simulation.made(chosen)))
        found = {}
        for name, tree in self.trees.items():
            _, tensor, indices = self.simulation.target(tree)
            found[name] = np.array(seen.entries(tensor, indices), object).reshape(
                self.truth[name].shape
            )
        return found

    def judgements(self, values: dict[str, np.ndarray]) -> list[Judgement]:
        found = []
        for line, (name, tree) in enumerate(self.trees.items(), 1):
            value = _printed(values[name])
            claim = Claim("", name, tree, value, (), None, line, "")
            right = all(
                p.agrees(v)
                for p, v in zip(printed_entries(value), self.truth[name].flat, strict=True)
            )
            found.append(Judgement(claim, None, None, "right" if right else "wrong"))
        return found


def _printed(value):
    """Numbers as they are printed: fractions as they are, others with ten decimals."""
    if isinstance(value, np.ndarray):
        return _printed(value.item()) if not value.ndim else tuple(_printed(row) for row in value)
    if isinstance(value, Fraction):
        return Printed(str(value), value, None)
    return printed(f"{float(value):.10f}")


OUTCOMES = (
    "no numbers",
    "invisible",
    "named first",
    "named among equals",
    "not separable",
    "named otherwise",
    "not named",
)


def outcome(solution: Solution, chosen: Combination) -> str:
    """What becomes of mistakes planted in a solution.

    They may give no numbers, beyond all floats, or change nothing at all. Else
    some claim is wrong, and the mistakes are named first; or beside others that
    explain the same claims equally well; or others are named that give this
    very solution, so that nothing in it sets them apart; or others that give
    only the claims that they are named for; or for some claim none.
    """
    values = solution.values(chosen)
    try:
        judgements = solution.judgements(values)
    except NumberError:  # nobody prints it
        return "no numbers"
    if all(judgement.verdict == "right" for judgement in judgements):
        return "invisible"
    diagnose(judgements, solution.point, History(()))
    wrong = [judgement for judgement in judgements if judgement.verdict == "wrong"]
    for judgement in judgements:
        assert judgement.verdict == "wrong" or judgement.explanations is None, (
            "a right claim is never diagnosed"
        )
    if any(not judgement.explanations for judgement in wrong):
        return "not named"
    made = solution.simulation.instances

    def named(explanations) -> set[str]:
        return {text for e in explanations for text in e.text.split(AND)}

    planted = {made[number].text for number in chosen}
    first = named([judgement.explanations[0] for judgement in wrong])
    if first == planted:
        return "named first"
    if planted <= named([e for judgement in wrong for e in judgement.explanations]):
        return "named among equals"
    meant = [
        [k for k, instance in enumerate(made) if instance.text == text] for text in sorted(first)
    ]
    same = any(
        _same(solution.values(tuple(sorted(ways))), values) for ways in itertools.product(*meant)
    )
    return "not separable" if same else "named otherwise"


def _same(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> bool:
    return all(
        not apart(a, b) for name in one for a, b in zip(one[name].flat, two[name].flat, strict=True)
    )


def singles(solution: Solution) -> Iterator[Combination]:
    yield from solution.simulation.singles


def pairs(solution: Solution) -> Iterator[Combination]:
    yield from solution.simulation.combinations(2)


def count(solution: Solution, planted: Iterator[Combination]) -> Counter[str]:
    return Counter(outcome(solution, chosen) for chosen in planted)
