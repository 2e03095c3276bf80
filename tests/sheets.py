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
