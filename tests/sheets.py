"""Sheets without claims, for the tests to claim things of: the homework's
numbers, and its shapes."""

import functools
import json
import random
from collections.abc import Callable
from pathlib import Path

import gradsheet
import gradsheet.solution
from gradsheet.claims.judgement import Judgement

ROOT = Path(__file__).parents[1]
HOMEWORKS = ROOT / "gradsheet" / "homework"
PUBLISHED = ROOT / "tests" / "published"
GRADED = ROOT / "tests" / "graded"
GRAPHS = ROOT / "tests" / "graphs"
ATTACK = ROOT / "tests" / "attack"


@functools.cache
def report_on(path: Path) -> gradsheet.Report:
    """Judge a sheet on file, once for all tests that break nothing."""
    return gradsheet.judge(gradsheet.load(path))


@functools.cache
def solution_of(path: Path) -> gradsheet.Solution:
    """Solve a sheet on file, once for all tests that break nothing."""
    return gradsheet.solve(gradsheet.load(path))


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
    lines = ", ".join(json.dumps(line, ensure_ascii=False) for line in working)
    claim = (
        f"[[claim]]\nquantity = {json.dumps(quantity, ensure_ascii=False)}\n"
        + f"value = {value}\n" * bool(value)
        + f"working = [{lines}]\n" * bool(working)
    )
    return gradsheet.judge(gradsheet.read(head + claim)).judgements[0]


# z1 = 1.23, h1 = sigmoid(1.23) = 0.773819..., yhat = 3 h1 = 2.321457..., L = (yhat - 1)^2 / 2
ONE_OUTPUT = """
loss = "half_squared_error"
x = [2, 1]
y = 1
[[layer]]
W = [[1, -1], [0, 2]]
b = [0, -1]
activation = "relu"
[[layer]]
W = [[3, 1]]
"""
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
# What a sheet on this network may claim: most of it right, by its working or by rounding.
CLAIMS = """
[[claim]]
quantity = "h1[1]"
working  = ["sigmoid(W1[1,1]*x[1])"]
value    = 0.77
[[claim]]
quantity = "dL/dW2[1,1]"
working  = ["(yhat[1] - y[1])*h1[1]"]
value    = 1.01
[[claim]]
quantity = "yhat[1]"
working  = ["3*0.774"]
value    = 2.322
[[claim]]
quantity = "W1_new[1,1]"
value    = 0.92
[[claim]]
quantity = "L"
working  = ["(3*sigmoid(1.23) - 1)**2/2"]
value    = 0.878
[[claim]]
quantity = "dL/dz1[1]"
working  = ["(yhat[1] - y[1])*3*dsigmoid(z1[1])"]
value    = 0.496
"""

TWO = """
loss = "squared_error"
x = [1, -2]
y = [1, 0]
learning_rate = 0.1
[[layer]]
W = [[1, 2], [-1, 1], [0.5, 0]]
b = [1, -1, 2]
activation = "relu"
[[layer]]
W = [[1, -2, 3], [2, 1, -1]]
b = [0.5, -0.5]
"""
TWICE = TWO.replace("x = [1, -2]", "x = [[1, -2], [3, 1]]").replace(
    "y = [1, 0]", "y = [[1, 0], [0, 1]]"
)


def codes(judgement) -> list[str]:
    """The codes of the mistakes that explain a judgement."""
    return [mistake["code"] for mistake in judgement.mistakes]


def judgements(head: str, *claims: tuple[str, str] | tuple[str, str, str]):
    """The judgements on claims added to a sheet, each (quantity, value) or
    (quantity, value, lines of working)."""
    text = "".join(
        f"[[claim]]\nquantity = {json.dumps(claim[0], ensure_ascii=False)}\n"
        + (f"value = {claim[1]}\n" if claim[1] else "")
        + (f"working = [{claim[2]}]\n" if len(claim) > 2 else "")
        for claim in claims
    )
    return gradsheet.judge(gradsheet.read(head + text)).judgements


def side_by_side(*cases: tuple[str, str, str]) -> list[Judgement]:
    """The judgements on formulas, each (head, quantity, line), with a sheet for
    all on one head: a network is made ready once."""
    found = {}
    for head in dict.fromkeys(head for head, *_ in cases):
        mine = [case for case in dict.fromkeys(cases) if case[0] == head]
        claims = ((quantity, "", json.dumps(line)) for _, quantity, line in mine)
        found |= zip(mine, judgements(head, *claims), strict=True)
    return [found[case] for case in cases]


def verdicts(head: str, *claims: tuple[str, str] | tuple[str, str, str]) -> list[str]:
    return [judgement.verdict for judgement in judgements(head, *claims)]


LOSSES = (
    "half_squared_error",
    "squared_error",
    "mean_squared_error",
    "binary_cross_entropy",
    "cross_entropy",
    "output",
)
ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh", "softplus", "leaky_relu")
ENDS = {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax"}


def random_sheet(seed: int) -> str:
    """A sheet with or without numbers, of one example or several, that asks for
    this and that and answers 1."""
    draw = random.Random(seed)
    depth = draw.randint(1, 3)
    widths = [draw.randint(1, 4) for _ in range(depth + 1)]
    loss = draw.choice([*LOSSES, None])
    widths[-1] = 1 if loss == "output" else widths[-1]
    activations = [draw.choice(ACTIVATIONS) for _ in range(depth)]
    activations[-1] = ENDS.get(loss or "", activations[-1])
    numeric, decimals = draw.random() < 0.75, draw.random() < 0.5
    examples = draw.choice([None, None, 1, 2, 3]) if numeric else None
    rate = loss is not None and draw.random() < 0.4

    def number() -> str:
        return (
            f"{draw.uniform(-1.5, 1.5):.{draw.randint(1, 3)}f}"
            if decimals
            else str(draw.randint(-3, 3))
        )

    def row(size: int) -> str:
        return f"[{', '.join(number() for _ in range(size))}]"

    def rows(number: int, one: Callable[[], str]) -> str:
        return f"[{', '.join(one() for _ in range(number))}]"

    def target() -> str:
        if loss == "cross_entropy":
            one = draw.randrange(widths[-1])
            return str([int(k == one) for k in range(widths[-1])])
        if loss == "binary_cross_entropy":
            return str([draw.randint(0, 1) for _ in range(widths[-1])])
        return row(widths[-1])

    lines = [f'loss = "{loss}"'] * (loss is not None) + ['reduction = "sum"'] * (
        draw.random() < 0.4
    )
    lines += ["learning_rate = 0.1"] * rate + ['update = "weights"'] * (
        rate and draw.random() < 0.3
    )
    if numeric:
        lines.append(
            f"x = {row(widths[0]) if examples is None else rows(examples, lambda: row(widths[0]))}"
        )
        if loss not in (None, "output"):
            lines.append(f"y = {target() if examples is None else rows(examples, target)}")
    biases = []
    for inputs, units, activation in zip(widths, widths[1:], activations, strict=False):
        biases.append(bias := draw.choice(["none", "units", "units", "shared"]))
        lines.append("[[layer]]")
        lines.append(
            f"W = {rows(units, lambda n=inputs: row(n))}"
            if numeric
            else f"shape = [{units}, {inputs}]"
        )
        if bias == "units":
            lines.append(f"b = {row(units)}" if numeric else "bias = true")
        if bias == "shared":
            lines += [f"b = {number()}"] * numeric + ["shared_bias = true"]
        lines.append(
            f'activation = "{activation}"' + "\nslope = 0.1" * (activation == "leaky_relu")
        )
    asked = ["L"] * (loss is not None) + ["L[1]"] * (loss not in (None, "output"))
    asked += ["L_new"] * rate + ["dL/dx"] * (loss is not None or not numeric)
    for l in range(1, depth + 1):
        i, j = draw.randint(1, widths[l]), draw.randint(1, widths[l - 1])
        n = "" if examples is None else f"{draw.randint(1, examples)},"
        asked += [
            f"z{l}",
            f"z{l}[{n}{i}]",
            f"h{l}[{n}{i}]",
            f"h{l}" if examples else f"dyhat/dz{l}",
        ]
        asked += [f"dh{l}/dz{l}[{n}{i}]"]
        if loss is not None or not numeric:
            asked += [
                f"dL/dW{l}",
                f"dL/dW{l}[{i},{j}]",
                f"dL/dW{l}[{i}]",
                f"dL/dz{l}",
                f"dL/dz{l}[{n}{i}]",
            ]
            asked += [f"-dL/dh{l}", f"dL/dW{l}[i,j]", *[f"dL/db{l}"] * (biases[l - 1] != "none")]
        if rate:
            asked += [
                f"W{l}_new",
                f"W{l}_new[{i},{j}]",
                f"z{l}_new",
                f"learning_rate*dL/dW{l}[{i},{j}]",
            ]
    asked = [quantity for quantity in asked if numeric or not quantity.endswith("_new")]
    text = "\n".join(lines) + "\n"
    for quantity in draw.sample(asked, min(len(asked), draw.randint(1, 8))):
        answer = "value = 1" if numeric and "i,j" not in quantity else 'working = ["1"]'
        text += f"[[claim]]\nquantity = '{quantity}'\n{answer}\n"
    return text
