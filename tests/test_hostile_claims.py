"""Sheets with as many wrong claims as fit: every verdict is given, what is not
looked for is said, and the work grows with the claims and no faster.

Work is counted in calls of functions, which are the same on every machine.
"""

import cProfile
import functools
import pstats
import random
import re

import pytest

import gradsheet
from gradsheet.claims.judgement import UNSEARCHED
from tests.rounds import every

CLAIMS = 200


def drawn(rng, *shape, places=None):
    """Lists of whole numbers, or of decimals with so many places."""
    if shape:
        return f"[{', '.join(drawn(rng, *shape[1:], places=places) for _ in range(shape[0]))}]"
    return str(rng.randint(-9, 9)) if places is None else f"{rng.uniform(-2, 2):.{places}f}"


def layers(rng, size, depth, activation, places):
    data = "loss = 'half_squared_error'\nlearning_rate = 0.1\n"
    data += f"x = {drawn(rng, size, places=places)}\ny = {drawn(rng, size, places=places)}\n"
    for _ in range(depth):
        data += f"[[layer]]\nW = {drawn(rng, size, size, places=places)}\n"
        data += f"b = {drawn(rng, size, places=places)}\nactivation = '{activation}'\n"
    return data


def equations(rng, size, places):
    given = f"x = {drawn(rng, size, places=places)}\ny = {drawn(rng, size, places=places)}\n"
    given += f"W = {drawn(rng, size, size, places=places)}\n"
    return f'network = """\nz = W @ x\nL = sum(tanh(z)*y)\n"""\n[given]\n{given}'


def claims(rng, quantities, shape, places, count=CLAIMS):
    return "".join(
        f"[[claim]]\nquantity = '{quantities[k % len(quantities)]}'\n"
        f"value = {drawn(rng, *shape, places=places)}\n"
        for k in range(count)
    )


def rounded_input(head):
    """A claim that rounds the input, so that rounding may explain whatever follows."""
    numbers = re.search(r"x = \[(.*)\]", head)[1].split(", ")
    return f"[[claim]]\nquantity = 'x'\nvalue = [{', '.join(f'{float(v):.2f}' for v in numbers)}]\n"


MATRICES = ["dL/dW1", "dL/dW2", "W1_new", "W2_new"]
VECTORS = ["dL/dz1", "z1", "h1", "dL/db1"]
SYMBOLS = "loss = 'half_squared_error'\n" + "".join(
    f"[[layer]]\nshape = {shape}\n" for shape in ([3, 4], [2, 3], [2, 2])
)


def formulas():
    """Wrong formulas for one derivative, no two alike."""
    line = "*sum(k, dL/dz2[k]*W2[k,i])*x[j]"
    return "".join(
        f"[[claim]]\nquantity = 'dL/dW1[i,j]'\nworking = ['{k + 2}{line}']\n" for k in range(CLAIMS)
    )


def lines(rng):
    """Numbers each with six wrong lines."""
    text = layers(rng, 2, 2, "relu", None)
    for k in range(CLAIMS):
        working = ", ".join(f"'{j + k}*{j + 3} + {k}*x[1]'" for j in range(6))
        text += f"[[claim]]\nquantity = 'dL/dW1[{k % 2 + 1},{k // 2 % 2 + 1}]'\n"
        text += f"value = {k + 2}.5\nworking = [{working}]\n"
    return text


def sheet(kind):
    rng = random.Random(3)
    match kind:
        case "matrices of layers":
            head = layers(rng, 6, 2, "relu", None)
            return head + claims(rng, MATRICES, (6, 6), None)
        case "matrices of layers in decimals":
            return layers(rng, 6, 2, "sigmoid", 3) + claims(rng, MATRICES, (6, 6), 3)
        case "matrices of equations":
            return equations(rng, 6, 3) + claims(rng, ["dL/dW"], (6, 6), 3)
        case "vectors of a wide layer":
            return layers(rng, 30, 1, "relu", None) + claims(rng, VECTORS, (30,), None)
        case "vectors of a layer in decimals":
            head = layers(rng, 12, 1, "sigmoid", 3)
            return head + rounded_input(head) + claims(rng, VECTORS, (12,), 3, 400)
        case "lines of working":
            return lines(rng)
    return SYMBOLS + formulas()


# The most calls of functions, in millions: five of them are about a second.
KINDS = {
    "vectors of a wide layer": 5,
    "matrices of layers": 8,
    "matrices of layers in decimals": 8,
    "matrices of equations": 10,  # the mistakes behind half of them are looked for
    "vectors of a layer in decimals": 6,
    "formulas": 3,
    "lines of working": 5,
}


@functools.cache
def judged(kind):
    """The report on a sheet, and how many calls of functions it took."""
    gradsheet.judge(gradsheet.read(layers(random.Random(1), 1, 1, "sigmoid", 1) + EASY))  # imports
    profile = cProfile.Profile()
    profile.enable()
    report = gradsheet.judge(gradsheet.read(sheet(kind)))
    profile.disable()
    return report, pstats.Stats(profile).total_calls


@pytest.mark.parametrize(("kind", "millions"), every(7, KINDS.items()))
def test_many_wrong_claims_take_no_more_work_than_they_may(kind, millions):
    report, calls = judged(kind)
    assert calls < millions * 1_000_000
    wrong = [judgement for judgement in report.judgements if judgement.claim.quantity != "x"]
    assert {judgement.verdict for judgement in wrong} == {"wrong"}
    for judgement in wrong:
        assert (judgement.explanations is None) == (UNSEARCHED in judgement.message)


EASY = "[[claim]]\nquantity = 'z1'\nvalue = 1\n"


def test_what_is_not_searched_for_is_said():
    report, _ = judged("vectors of a wide layer")
    assert report.judgements[-1].messages[1:] == [
        f"whether it follows from a wrong claim before it {UNSEARCHED}",
        f"the mistake behind it {UNSEARCHED}",
    ]
