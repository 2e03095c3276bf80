"""Sheets without claims, for the tests to claim things of: the homework's numbers, and its shapes."""

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
