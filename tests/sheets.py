"""Sheets without claims, for the tests to claim things of: the homework's numbers, and its shapes."""

import gradsheet

NUMBERS = """
loss = "half_squared_error"
x = [2, 1]
y = 1.5
[[layer]]
W = [[0, 1], [1, 1], [1, 0]]
b = [-2, -1, 1]
activation = "relu"
[[layer]]
W = [[0, 1, 2], [1, 1, 1], [2, -1, -1]]
b = [1, 1, 1]
[[layer]]
W = [[-1, 1, -2]]
"""
SYMBOLS = """
[[layer]]
shape = [3, 4]
activation = "relu"
[[layer]]
shape = [2, 3]
[[layer]]
shape = [1, 2]
[notation]
delta = "dL/dyhat[1]"
"""


def judged(head: str, quantity: str, *working: str, value: str = ""):
    """The judgement on one claim added to a sheet."""
    lines = ", ".join(f"'{line}'" for line in working)
    claim = (
        f"[[claim]]\nquantity = '{quantity}'\n"
        + f"value = {value}\n" * bool(value)
        + f"working = [{lines}]\n" * bool(working)
    )
    return gradsheet.judge(gradsheet.read(head + claim)).judgements[0]


# z1 = 1.23, h1 = sigmoid(1.23) = 0.773819..., yhat = 3 h1 = 2.321457..., L = (yhat - 1)^2 / 2
NET = """
loss = "half_squared_error"
x = [1.23]
y = 1
learning_rate = 0.1
[[layer]]
W = [[1]]
activation = "sigmoid"
[[layer]]
W = [[3]]
"""


def judgements(head: str, *claims: tuple[str, str] | tuple[str, str, str]):
    """The judgements on claims added to a sheet, each (quantity, value) or (quantity, value, lines of working)."""
    text = "".join(
        f"[[claim]]\nquantity = '{claim[0]}'\n"
        + (f"value = {claim[1]}\n" if claim[1] else "")
        + (f"working = [{claim[2]}]\n" if len(claim) > 2 else "")
        for claim in claims
    )
    return gradsheet.judge(gradsheet.read(head + text)).judgements


def verdicts(head: str, *claims: tuple[str, str] | tuple[str, str, str]) -> list[str]:
    return [judgement.verdict for judgement in judgements(head, *claims)]
