"""Definitions carried out otherwise: one, and several in the same way."""

import pytest

import gradsheet
from gradsheet.language.text import formula_text
from gradsheet.mistakes.rewriting import forward_mistakes
from gradsheet.network.lowering import lowered
from tests.mistakes.test_steps import mistake_of, planted, printed, sheet_of, value_of
from tests.rounds import every

ADAM = """
L0 = (w0*x - y)**2/2
m1 = (1 - b1)*dL0/dw0
v1 = (1 - b2)*(dL0/dw0)**2
c1 = m1/(1 - b1)
s1 = v1/(1 - b2)
w1 = w0 - rate*c1/(sqrt(s1) + eps)
L1 = (w1*x - y)**2/2
m2 = b1*m1 + (1 - b1)*dL1/dw1
v2 = b2*v1 + (1 - b2)*(dL1/dw1)**2
c2 = m2/(1 - b1**2)
s2 = v2/(1 - b2**2)
w2 = w1 - rate*c2/(sqrt(s2) + eps)
"""
ADAM_GIVEN = 'w0 = 1\nx = 2\ny = 1\nb1 = 0.9\nb2 = 0.999\nrate = 0.1\neps = "1/100000000"'
FIRST, SECOND = ("m1/(1 - b1)", "m1"), ("m2/(1 - b1**2)", "m2")
OF_SQUARES = ("v1/(1 - b2)", "v1"), ("v2/(1 - b2**2)", "v2")
DIVISION = "the division by {} in the formula of {} was not made"


@pytest.mark.parametrize(
    ("changed", "quantity", "words"),
    every(
        6,
        [
            ([FIRST], "w2", DIVISION.format("1 - b1", "c1")),
            (
                [FIRST, SECOND],
                "w2",
                DIVISION.format("1 - b1", "c1") + ", and likewise in that of c2",
            ),
            (OF_SQUARES, "w2", DIVISION.format("1 - b2", "s1") + ", and likewise in that of s2"),
            (
                [FIRST, OF_SQUARES[0]],
                "w1",
                DIVISION.format("1 - b1", "c1") + ", and likewise in that of s1",
            ),
            (
                [SECOND, OF_SQUARES[1]],
                "w2",
                DIVISION.format("1 - b1**2", "c2") + ", and likewise in that of s2",
            ),
            (
                [FIRST, SECOND, *OF_SQUARES],
                "w2",
                DIVISION.format("1 - b1", "c1") + ", and likewise in those of s1, c2 and s2",
            ),
            (
                [("sqrt(s1)", "s1"), ("sqrt(s2)", "s2")],
                "w2",
                "sqrt(s1) is taken without sqrt, in the formula of w1, and likewise in that of w2",
            ),
            (
                [("1 - b1**2", "1 - b1")],
                "w2",
                "the power 2 of b1 in the formula of c2 was not taken",
            ),
        ],
    ),
)
def test_adam_over_two_steps(changed, quantity, words):
    otherwise = ADAM
    for right, wrong in changed:
        assert right in otherwise
        otherwise = otherwise.replace(right, wrong)
    sure, _, texts = planted(ADAM, otherwise, ADAM_GIVEN, quantity)
    assert (sure, texts) == (True, words)


def test_two_divisions_in_one_formula():
    network = "w1 = w0 - rate*m/(1 - b1)/(sqrt(v/(1 - b2)) + eps)"
    otherwise = "w1 = w0 - rate*m/(sqrt(v) + eps)"
    sure, _, texts = planted(network, otherwise, f"{ADAM_GIVEN}\nm = 0.3\nv = 0.02", "w1")
    assert sure
    assert texts == "; and ".join(DIVISION.format(f"1 - {b}", "w1") for b in ("b1", "b2"))


GRU = """
z1 = sigmoid(wz*x1 + uz*h0)
r1 = sigmoid(wr*x1 + ur*h0)
n1 = tanh(wn*x1 + un*(r1*h0))
h1 = (1 - z1)*n1 + z1*h0
z2 = sigmoid(wz*x2 + uz*h1)
r2 = sigmoid(wr*x2 + ur*h1)
n2 = tanh(wn*x2 + un*(r2*h1))
h2 = (1 - z2)*n2 + z2*h1
L = (h2 - y)**2/2
un_new = un - rate*dL/dun
"""
GRU_GIVEN = """
x1 = 1
x2 = -2
h0 = 0.5
wz = 0.3
uz = 0.2
wr = -0.4
ur = 0.6
wn = 0.7
un = 0.9
y = 1
rate = 0.1
"""


@pytest.mark.parametrize("quantity", every(3, ["h2", "dL/dun", "un_new"]))
@pytest.mark.parametrize(
    ("changed", "words"),
    every(
        2,
        [
            (
                {"r1*h0": "h0", "r2*h1": "h1"},
                "the factor r1 of the formula of n1 was not multiplied, and likewise in that of n2",
            ),
            ({"r2*h1": "h1"}, "the factor r2 of the formula of n2 was not multiplied"),
            (
                {
                    "(1 - z1)*n1 + z1*h0": "z1*n1 + (1 - z1)*h0",
                    "(1 - z2)*n2 + z2*h1": "z2*n2 + (1 - z2)*h1",
                },
                "z1 and 1 - z1 stand in each other's place, in the formula of h1, and likewise in "
                "that of h2",
            ),
            ({"(1 - z2)*n2": "n2"}, "the factor 1 - z2 of the formula of h2 was not multiplied"),
        ],
    ),
)
def test_gates_of_a_gru_over_two_steps(changed, words, quantity):
    otherwise = GRU
    for right, wrong in changed.items():
        assert right in otherwise
        otherwise = otherwise.replace(right, wrong)
    assert planted(GRU, otherwise, GRU_GIVEN, quantity)[2] == words


HUBER = """
r[n] = w*x[n] - y[n]
L = sum(n, where(abs(r[n]) <= c, r[n]**2/2, c*(abs(r[n]) - c/2)))
"""
HUBER_GIVEN = "x = [1, 2, 4]\ny = [0.5, 4.5, 1.5]\nw = 1\nc = 1.5"


@pytest.mark.parametrize("quantity", ["L", "dL/dw"])
@pytest.mark.parametrize(
    ("otherwise", "code"),
    [
        ("r[n]**2/2", "side-kept"),
        ("c*(abs(r[n]) - c/2)", "side-kept"),
        ("where(abs(r[n]) <= c, c*(abs(r[n]) - c/2), r[n]**2/2)", "sides-exchanged"),
    ],
)
def test_the_sides_of_the_huber_loss(otherwise, code, quantity):
    wrong = f"r[n] = w*x[n] - y[n]\nL = sum(n, {otherwise})"
    _, codes, _ = planted(HUBER, wrong, HUBER_GIVEN, quantity)
    assert {code, "mask-inverted" if code == "sides-exchanged" else code} & {*codes}


def test_a_formula_explains_a_number_before_a_mistyped_digit_does():
    given = 'x = [1, 2, 4]\ny = [1, 5, 2]\nw = 1\nb = "1/2"\nc = 1'
    network = HUBER.replace("w*x[n]", "w*x[n] + b")
    assert printed(value_of(network, given, "dL/dw")) == "2.5"
    assert mistake_of(network, given, "dL/dw", "5.500")[1] == ["side-kept"]


def test_the_larger_of_two_is_taken_for_one_of_them():
    network, given = "m = 1 - w*x\nL = max(0, m) + w**2", "w = 1.3\nx = 2.1"
    _, _, texts = planted(network, network.replace("max(0, m)", "m"), given, "dL/dw")
    assert "what comes back through max(0, m) is given whether or not this side was taken" in texts
    _, _, texts = planted(network, network.replace("max(0, m)", "m"), given, "L")
    assert texts == "m stands for max(0, m), in the formula of L"


LSTM = """
h[0,i] = 0
c[0,i] = 0
f[t,i] = sigmoid(x[t,i] + sum(k, U[i,k]*h[t-1,k]))
c[t,i] = f[t,i]*c[t-1,i] + (1 - f[t,i])*tanh(x[t,i] - h[t-1,i])
h[t,i] = f[t,i]*tanh(c[t,i])
L = sum(i, h[3,i]**2)
"""
LSTM_GIVEN = "x = [[1, -1], [0.5, 2], [-1, 1]]\nU = [[0.3, 0.1], [-0.2, 0.4]]"


@pytest.mark.parametrize("quantity", every(2, ["dL/dU", "h"]))
@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    every(
        3,
        [
            # then f is no part of the recurrence, or h
            ("h[t,i] = f[t,i]*tanh", "h[t,i] = tanh", "the factor f[t,i] of the formula of h"),
            ("f[t,i]*c[t-1,i]", "c[t-1,i]", "the factor f[t,i] of the formula of c"),
            ("(1 - f[t,i])*tanh", "tanh", "the factor 1 - f[t,i] of the formula of c"),
            (
                "f[t,i]*c[t-1,i] + ",
                "",
                "the term f[t,i]*c[t-1,i] of the formula of c was not added",
            ),
        ],
    ),
)
def test_gates_of_a_recurrence(right, wrong, words, quantity):
    otherwise = LSTM.replace(right, wrong)
    assert otherwise != LSTM
    sure, _, texts = planted(LSTM, otherwise, LSTM_GIVEN, quantity)
    assert sure
    assert texts.startswith(words)


def test_an_index_is_no_part_of_a_formula_that_is_left_out():
    graph = gradsheet.read(sheet_of(LSTM, LSTM_GIVEN, ("L", 0))).own.program.graph
    mistakes = forward_mistakes(graph)
    assert not [mistake.text for mistake in mistakes if "term t " in mistake.text]
    assert all(lowered(mistake.graph).steps for mistake in mistakes if mistake.changes == 1)


@pytest.mark.parametrize(
    ("network", "right", "wrong", "words"),
    [
        (
            "v = mean(n, (x[n] - m)**2)\nL = sum(n, (x[n] - m)**3)/v",
            "mean(n, (x[n] - m)**2)",
            "sum(n, (x[n] - m)**2)/3",
            "mean(n, (x[n] - m)**2) is divided by one less than the number of its terms",
        ),
        (
            "v = mean((x - m)**2)\nL = sum(n, (x[n] - m)**3)/v",
            "mean((x - m)**2)",
            "sum((x - m)**2)/3",
            "mean((x - m)**2) is divided by one less than the number of its terms",
        ),
        (
            "L = sum(n, u[n]*x[n]**2)/sum(n, u[n])",
            "/sum(n, u[n])",
            "/4",
            "the number of its terms stands for sum(n, u[n])",
        ),
        (
            "q[n] = (1 - m)*u[n] + m/4\nL = sum(n, q[n]*x[n]**2)",
            "(1 - m)*u[n] + m/4",
            "u[n]",
            "m is left out, as if it were 0",
        ),
        (
            "L = sum(n, x[n]**2/m + m*x[n]**3)",
            "x[n]**2/m + m*x[n]**3",
            "x[n]**2 + x[n]**3",
            "m is left out, as if it were 1",
        ),
        (
            "A = softmax(S)\nL = sum(A*G)",
            "softmax(S)",
            "softmax(S.T).T",
            "softmax(S) goes over the first axis, not the last",
        ),
    ],
)
def test_what_is_taken_for_something_else(network, right, wrong, words):
    given = "x = [1, 2.5, -1, 3]\nm = 0.7\nu = [1, 1, 0, 1]\n"
    given += "S = [[1, 2], [0.5, -1]]\nG = [[1, 0], [2, -1]]"
    assert right in network
    for quantity in ("L", "dL/dS" if "S" in network else "dL/dx"):
        _, _, texts = planted(network, network.replace(right, wrong), given, quantity)
        assert words in texts


def test_what_is_derived_by_is_not_left_out():
    network = "f = w**2*a\ng = df/dw\nL = g*a"
    graph = gradsheet.read(sheet_of(network, "w = 3\na = 2", ("L", 0))).own.program.graph
    texts = [mistake.text for mistake in forward_mistakes(graph)]
    assert "a is left out, as if it were 1" in texts
    assert not any(text.startswith("w is left out") for text in texts)


def test_every_sign_and_quotient_is_taken_otherwise_once() -> None:
    sheet = gradsheet.read(
        "network = 'L = a + b - c + a/b*c'\n[given]\na = 1\nb = 2\nc = 3\n"
        "[[claim]]\nquantity = 'L'\nvalue = 1\n"
    )
    assert sheet.own is not None
    made = forward_mistakes(sheet.own.program.graph)
    lines = {
        slip.text: formula_text(slip.graph.definitions[0].formula)
        for slip in made
        if slip.graph is not None and slip.code in ("sign-wrong", "quotient-turned")
    }
    assert lines == {
        "b is subtracted, not added, in the formula of L": "a - b - c + a/b*c",
        "a/b*c is subtracted, not added, in the formula of L": "a + b - c - a/b*c",
        "b/a stands for a/b, in the formula of L": "a + b - c + b/a*c",
    }
