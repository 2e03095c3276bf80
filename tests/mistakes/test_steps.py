"""The mistakes named on networks of definitions: those of known sheets, and
planted ones, each worked out by another network or by hand."""

import json
import random
import warnings

import numpy as np
import pytest

import gradsheet
from gradsheet.claims.verdict import verdicts
from gradsheet.language.evaluate import Evaluator
from gradsheet.mistakes.diagnosis import diagnose
from gradsheet.mistakes.edges import LIKELY, step_mistakes
from gradsheet.mistakes.steps import steps_at
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.printed import as_float
from gradsheet.truth.graph_values import GraphCarried
from tests.rounds import every
from tests.sheets import judgements, side_by_side


def sheet_of(network, given, *claims):
    """A sheet of equations, and claims of a quantity and its value."""
    text = f'network = """\n{network}\n"""\n[given]\n{given}\n'
    for quantity, value in claims:
        text += f'[[claim]]\nquantity = "{quantity}"\nvalue = {json.dumps(value)}\n'
    return text


def judged(network, given, *claims):
    """The judgements of a sheet, in which the search for mistakes has not failed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return gradsheet.judge(gradsheet.read(sheet_of(network, given, *claims)))


def mistake_of(network, given, quantity, value):
    """Whether it is sure what has gone wrong with a single claim, the codes, and the texts."""
    (judgement,) = judged(network, given, (quantity, value)).judgements
    assert judgement.verdict == "wrong"
    explanations = judgement.explanations
    return judgement.sure, [e.code for e in explanations], " / ".join(e.text for e in explanations)


def value_of(network, given, quantity):
    """What a sheet's quantity is."""
    sheet, budget = gradsheet.read(sheet_of(network, given, (quantity, 0))), Budget()
    _, point, _ = verdicts(sheet, budget)
    return np.vectorize(as_float, [float])(Evaluator(point).value(sheet.claims[0].tree, {}))


def printed(value):
    """Numbers as a sheet prints them, with six digits."""
    return np.vectorize(lambda v: f"{v:.6g}", [object])(value).tolist()


def planted(network, otherwise, given, quantity, more=""):
    """The mistake named where somebody has another network."""
    value = printed(value_of(otherwise, f"{given}\n{more}", quantity))
    return mistake_of(network, given, quantity, value)


# Known sheets: the network, what is given, the wrong claims with the codes and the words that
# the mistake has to be told with.

CIRCUIT = """
z1 = x1 + b1
z2 = x2 + b2
z3 = sigmoid(z2)
z4 = z3
z5 = tanh(z4)
z6 = z5*c2
z7 = z1*z4
z8 = z7*c1
z9 = z3*z6
y = z8 + z9
"""
CIRCUIT_GIVEN = 'x1 = 2\nb1 = 3\nx2 = -1\nb2 = 2\nc1 = -3\nc2 = "1/2"'
NORM = """
mu = mean(n, x[n])
var = mean(n, (x[n] - mu)**2)
xhat[n] = (x[n] - mu)/sqrt(var)
out[n] = gamma*xhat[n] + beta
L = sum(n, dout[n]*out[n])
"""
NORM_GIVEN = "x = [0, 0, 4, 4]\ngamma = 2\nbeta = 1\ndout = [1, 0, 0, 2]"
RIDGE = "L = (w @ x - y)**2/2 + lam/2*(w @ w)"
RIDGE_GIVEN = 'w = [1, 2]\nx = [1, 1]\ny = 1\nlam = "1/10"'
ATTENTION = """
S = Q @ K.T / sqrt(2)
A[i,j] = exp(S[i,j])/sum(k, exp(S[i,k]))
O = A @ V
L = O[1,1] + 2*O[2,2]
"""
ATTENTION_GIVEN = """
Q = [[1, 0], [0, 1]]
K = [[1, 0], [0, 1], [1, 1]]
V = [[1, 0], [0, 1], ["1/2", "1/2"]]
"""
CONV = """
out[i,j] = sum(a, b, K[a,b]*x[i+a-1, j+b-1])
L = sum(i, j, (out[i,j] - t[i,j])**2)/2
"""
CONV_GIVEN = """
x = [[1, 2, 0], [0, 1, 3], [2, -1, 1]]
K = [[1, -1], [2, 0]]
t = [[0, 1], [2, 3]]
"""
LOOKUP = "s = sum(t, k, E[w[t], k])\nL = (s - 4)**2/2"
LOOKUP_GIVEN = "E = [[1, 2], [0, 1], [3, -1]]\nw = [1, 3, 1]"
MOMENTUM = """
step1 = -rate*d(w0**2)/dw0
w1 = w0 + step1
step2 = -rate*2*w1 + beta*step1
"""
MOMENTUM_GIVEN = 'w0 = 10\nrate = "4/5"\nbeta = "1/10"'


@pytest.mark.parametrize(
    ("network", "given", "quantity", "value", "code", "words"),
    [
        ("q = x + y\nf = q*z", "x = -2\ny = 5\nz = -4", "df/dz", -4, "operand-wrong", "factor q"),
        (CIRCUIT, CIRCUIT_GIVEN, "dy/dz5", "0.5", "upstream-missing", "z6 is missing"),
        (CIRCUIT, CIRCUIT_GIVEN, "dy/dz6", "1", "factor-missing", "the factor z3 of z3*z6"),
        (CIRCUIT, CIRCUIT_GIVEN, "dy/dc2", "0.624", "upstream-missing", "z6 is missing"),
        (NORM, NORM_GIVEN, "dL/dx", [1, 0, 0, 2], "held-constant", "mu and var"),
        (NORM, NORM_GIVEN, "dL/dx", ["1/4", "-3/4", "-3/4", "5/4"], "held-constant", "var"),
        (NORM, NORM_GIVEN, "dL/dx", ["5/4", "1/4", "-1/4", "7/4"], "held-constant", "mu"),
        (RIDGE, RIDGE_GIVEN, "dL/dw", [2.2, 2.4], "factor-missing", "the factor 1/2 of lam/2"),
        (
            RIDGE,
            RIDGE_GIVEN,
            "dL/dw",
            ["2", "2"],
            "path-left-out",
            "nothing comes back through w @ w",
        ),
        (
            ATTENTION,
            ATTENTION_GIVEN,
            "dL/dQ",
            [["0.11900", "-0.15978"], ["-0.31955", "0.23799"]],
            "division-missing",
            "the division by sqrt(2)",
        ),
        (CONV, CONV_GIVEN, "dL/dK", [[0, 12], [-22, -2]], "form-reversed", "180 degrees"),
        (
            LOOKUP,
            LOOKUP_GIVEN,
            "dL/dE",
            [[4, 4], [0, 0], [4, 4]],
            "counted-once",
            "an entry of E that is used several times",
        ),
        (MOMENTUM, MOMENTUM_GIVEN, "step2", "9.6", "term-not-added", "the term beta*step1"),
    ],
)
def test_what_known_sheets_have_wrong_is_named(network, given, quantity, value, code, words):
    _, codes, texts = mistake_of(network, given, quantity, value)
    assert code in codes
    assert words in texts


def test_one_factor_left_out_is_the_cause_of_three_claims_and_a_path_that_of_another():
    claims = [
        ("z5", "0.623"),
        ("dy/dc2", "0.623"),
        ("dy/dz5", "0.5"),
        ("dy/dz6", "1"),
        ("dy/dz3", "-14.6885"),
    ]
    report = judged(CIRCUIT, CIRCUIT_GIVEN, *claims)
    (cause,) = report.causes
    assert cause.claims == [1, 2, 3]
    assert cause.explanation.text == "the factor z3 of z3*z6 is missing, on the way back from z9"
    (path,) = report.judgements[4].explanations
    assert path.code == "held-constant+rounding"
    assert "nothing comes back through z5" in path.text


# Planted

LSTM = """
i = sigmoid(wi*x + ui*h0)
fg = sigmoid(wf*x + uf*h0)
o = sigmoid(wo*x + uo*h0)
g = tanh(wg*x + ug*h0)
c = fg*c0 + i*g
h = o*tanh(c)
L = (h - y)**2/2
"""
LSTM_GIVEN = """
x = 0.7
h0 = 0.3
c0 = -0.4
wi = 0.5
ui = 0.2
wf = -0.3
uf = 0.8
wo = 0.6
uo = -0.1
wg = 0.9
ug = 0.4
y = 1
"""


def test_a_slope_and_a_gate_missing_in_an_lstm_cell():
    at = {n: value_of(LSTM, LSTM_GIVEN, n).item() for n in ("i", "fg", "o", "g", "c", "h")}
    i, fg, o, g, c, h = at.values()
    without_slope = (h - 1) * o * g * i * (1 - i) * 0.7
    sure, codes, texts = mistake_of(LSTM, LSTM_GIVEN, "dL/dwi", printed(without_slope))
    assert (sure, codes) == (True, ["slope-missing"])
    assert texts == "the slope of tanh(c) is missing, on the way back from h"
    without_gate = (h - 1) * (1 - np.tanh(c) ** 2) * fg
    sure, codes, texts = mistake_of(LSTM, LSTM_GIVEN, "dL/dc0", printed(without_gate))
    assert (sure, codes) == (True, ["factor-missing"])
    assert texts == "the factor o of o*tanh(c) is missing, on the way back from h"
    cell_for_gate = (h - 1) * o * (1 - np.tanh(c) ** 2) * c
    sure, codes, texts = mistake_of(LSTM, LSTM_GIVEN, "dL/dc0", printed(cell_for_gate))
    assert (sure, codes) == (True, ["operand-other"])
    assert texts == "c stands for fg in fg*c0, on the way back from c"
    for_slope = (h - 1) * o * (1 - np.tanh(c) ** 2) * i * g * 0.7
    sure, codes, _ = mistake_of(LSTM, LSTM_GIVEN, "dL/dwg", printed(for_slope))
    assert (sure, codes) == (True, ["value-for-slope"])


LAYER_NORM = """
mu[i] = mean(j, x[i,j])
var[i] = mean(j, (x[i,j] - mu[i])**2)
xhat[i,j] = (x[i,j] - mu[i])/sqrt(var[i] + eps)
out[i,j] = gamma[j]*xhat[i,j] + beta[j]
L = sum(i, j, dout[i,j]*out[i,j])
"""
LAYER_NORM_GIVEN = """
x = [[1, 2, 4], [0, 3, 5]]
gamma = [1, 2, 3]
beta = [0, 1, 2]
eps = "1/1000"
dout = [[1, -1, 2], [2, 1, -3]]
"""


@pytest.mark.parametrize(
    ("line", "numbers", "name"),
    [
        ("mu[i] = mean(j, x[i,j])", '["7/3", "8/3"]', "mu"),
        ("var[i] = mean(j, (x[i,j] - mu[i])**2)", '["14/9", "38/9"]', "var"),
    ],
)
def test_a_moment_held_constant_in_layer_norm(line, numbers, name):
    otherwise = LAYER_NORM.replace(line, f"{name}[i] = m[i]")
    assert otherwise != LAYER_NORM
    told = planted(LAYER_NORM, otherwise, LAYER_NORM_GIVEN, "dL/dx", f"m = {numbers}")
    words = f"nothing comes back through {name}, as if it were constant"
    assert told == (True, ["held-constant"], words)


def test_a_gradient_that_is_not_added_up_over_the_rows():
    value = printed(
        value_of(LAYER_NORM, LAYER_NORM_GIVEN, "dout")
        * value_of(LAYER_NORM, LAYER_NORM_GIVEN, "xhat")
    )
    sure, codes, _ = mistake_of(LAYER_NORM, LAYER_NORM_GIVEN, "dL/dgamma", value)
    assert (sure, codes) == (True, ["not-summed"])


HINGE = """
s[n] = sum(k, w[k]*x[n,k]) + b
L = mean(n, max(0, 1 - y[n]*s[n])) + lam*sum(k, w[k]**2)
"""
HINGE_GIVEN = "x = [[1, 2], [0, 1], [2, -1]]\ny = [1, -1, 1]\nb = 0.05\nlam = 0.01\n"


@pytest.mark.parametrize(
    ("right", "wrong", "w", "code", "words"),
    [
        (
            "lam*sum",
            "0*sum",
            "[0.1, 0.3]",
            "path-left-out",
            "what comes back to w through w**2 is left out",
        ),
        ("mean(n", "sum(n", "[0.1, 0.3]", "division-missing", "the 1/3 of mean(max(0, 1 - y*s))"),
        ("1 - y", "1 + y", "[0.1, 0.3]", "sign-lost-back", "the minus sign of y*s in 1 - y*s"),
        ("max(0, 1 - y[n]*s[n])", "(1 - y[n]*s[n])", "[1, 1.2]", "mask-missing", "whether or not"),
    ],
)
def test_slips_in_the_hinge_loss(right, wrong, w, code, words):
    otherwise = HINGE.replace(right, wrong)
    assert otherwise != HINGE
    _, codes, texts = planted(HINGE, otherwise, f"{HINGE_GIVEN}w = {w}", "dL/dw")
    assert codes == [code]
    assert words in texts


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("mean(n, c, e[n,c])", "sum(n, c, e[n,c])", "the 1/12 of mean(e) is left out"),
        ("mean(n, c, e[n,c])", "mean(n, sum(c, e[n,c]))", "the 1/12 of mean(e) the 1/4 is left"),
        ("mean(n, c, e[n,c])", "mean(c, sum(n, e[n,c]))", "the 1/12 of mean(e) the 1/3 is left"),
        ("mean(n, c, e[n,c])", "mean(n, c, e[n,c])/12", "the 1/12 of mean(e) is put in twice"),
        ("mean(n, c, e[n,c])", "mean(n, c, e[n,c])/3", "the 1/12 of mean(e) the 1/3 is put in"),
        ("sum(n, c, e[n,c])/10", "sum(n, c, e[n,c])/100", "the division by 10 of sum(e)/10 is put"),
        ("1/(3*4)*sum(e)", "1/(3*4*4)*sum(e)", "the factor 1/4 of 1/(3*4)*sum(e) is put in twice"),
        ("mean(e)", "sum(e)", "the 1/12 of mean(e) is left out"),
    ],
)
def test_a_mean_over_two_letters_divided_too_often_or_too_seldom(right, wrong, words):
    network = "e[n,c] = (x[n,c] - y[n,c])**5\nL = {}"
    given = "x = [[1, 2, 4, 1], [3, 1, -1, 0], [2, 2, 5, 1]]\n"
    given += "y = [[0, 1, 1, 2], [1, 1, 1, 1], [1, 0, 0, 2]]"
    told = planted(network.format(right), network.format(wrong), given, "dL/dx")
    assert told[0]
    assert words in told[2]
    assert "; and" not in told[2]


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("-sum(n, y[n])/N", ["slope-missing"]),
        ("-sum(n, step(1 - y[n]*s[n])*y[n])", ["division-missing"]),
        ("-sum(n, y[n])", ["division-missing+slope-missing"]),
    ],
)
def test_a_formula_is_explained_for_all_values(line, codes):
    """At a point where everything is live a missing slope is none."""
    text = f"""
    network = "s[n] = w*x[n] + b\\nL = mean(n, relu(1 - y[n]*s[n]))"
    given = {{ x = {{ shape = ["N"] }}, y = {{ shape = ["N"] }}, w.shape = [], b.shape = [] }}
    claim = [{{ quantity = "dL/db", working = ["{line}"] }}]
    """
    (judgement,) = gradsheet.judge(gradsheet.read(text)).judgements
    assert judgement.sure
    assert [explanation.code for explanation in judgement.explanations] == codes


def test_where_all_is_live_the_mean_is_not_taken():
    network = "m[n] = 1 - y[n]*w*x[n]\nh = relu(m)\nL = mean(h)"
    given = "x = [1, 2, 4]\ny = [1, -1, 1]\nw = 0.1"
    _, codes, texts = planted(network, network.replace("mean", "sum"), given, "dL/dm")
    assert (codes, texts[:30]) == (["division-missing"], "the 1/3 of mean(h) is left out")


def test_what_two_definitions_share_is_not_told_as_part_of_one():
    network = "L = sum(n, (x[n] - y[n])**3)\nM = 2*sum(n, (x[n] - y[n])**3)"
    otherwise = "M = 2/3*sum(n, (x[n] - y[n])**3)"
    given = "x = [1, 2, 4]\ny = [1, -1, 1]"
    _, _, texts = planted(network, otherwise, given, "dM/dx")
    assert texts == "the factor 3 of the derivative of (x - y)**3 is missing"


def test_the_skip_path_of_a_residual_block_left_out():
    network = "a = relu(W1 @ x)\nr = x + W2 @ a\nL = sum((r - y)**2)/2"
    given = "x = [1, -2]\ny = [0, 1]\nW1 = [[1, 2], [3, 1], [-1, -2]]\nW2 = [[1, 0, 2], [-1, 1, 1]]"
    otherwise = network.replace("r = x", "r = fixed")
    told = planted(network, otherwise, given, "dL/dx", "fixed = [1, -2]")
    words = "what comes back to x through x + W2 @ a is left out, on the way back from r"
    assert told == (True, ["path-left-out"], words)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("m/(1 - b1**2)", "m", "the division by 1 - b1**2 in the formula of mhat was not made"),
        ("v/(1 - b2**2)", "v", "the division by 1 - b2**2 in the formula of vhat was not made"),
        ("sqrt(vhat)", "vhat", "sqrt(vhat) is taken without sqrt, in the formula of w_new"),
    ],
)
def test_adam_without_its_bias_correction_or_root(right, wrong, words):
    network = """
    g = 2*(w - 3)
    m = b1*m0 + (1 - b1)*g
    v = b2*v0 + (1 - b2)*g**2
    mhat = m/(1 - b1**2)
    vhat = v/(1 - b2**2)
    w_new = w - rate*mhat/(sqrt(vhat) + eps)
    """
    given = 'w = 1\nm0 = 0.5\nv0 = 0.25\nb1 = 0.9\nb2 = 0.999\nrate = 0.1\neps = "1/100000000"'
    sure, _, texts = planted(network, network.replace(right, wrong), given, "w_new")
    assert sure
    assert texts == words


@pytest.mark.parametrize(
    ("value", "code"),
    [
        # x[2,1] is the largest of two windows: 1 from the first, 3 from the second.
        ([[0, 0, 0], [3, 2, 0], [0, 0, -1]], "counted-once"),
        ([[0, 0, 0], [1, 2, 0], [0, 0, -1]], "counted-once"),
        # each window's gradient to all of its entries
        ([[1, 3, 2], [4, 5, 1], [3, 2, -1]], "mask-missing"),
    ],
)
def test_max_pooling_with_windows_that_overlap(value, code):
    network = "p[i,j] = max(a=1..2, max(b=1..2, x[i+a-1, j+b-1]))\nL = sum(i, j, u[i,j]*p[i,j])"
    given = "x = [[1, 2, 0], [4, 3, 1], [0, 1, 7]]\nu = [[1, 2], [3, -1]]"
    _, codes, _ = mistake_of(network, given, "dL/dx", value)
    assert codes == [code]


RNN = """
h[0] = 0
h[t] = tanh(Wxh*x[t] + Whh*h[t-1])
out[t] = Why*h[t]
L = sum(t, (out[t] - y[t])**2)/2
"""
RNN_GIVEN = 'x = [1, 2, 3]\ny = ["1/2", 1, "3/2"]\nWxh = "1/2"\nWhh = "1/10"\nWhy = 1'


def test_a_recurrence_followed_back_by_one_step_alone():
    h = value_of(RNN, RNN_GIVEN, "h")
    errors, before = h - np.array([0.5, 1, 1.5]), np.array([0, *h[:-1]])
    value = printed((errors * (1 - h**2) * before).sum())
    (judgement,) = judged(RNN, RNN_GIVEN, ("dL/dWhh", value)).judgements
    # h[1] does not move with Whh, since h[0] is 0: the path from h[3] is the only one.
    assert judgement.sure
    (explanation,) = judgement.explanations
    assert explanation.text == (
        "what comes back to h[2] through Whh*h[2] is left out, on the way back from h[3]"
    )
    value = printed((errors * (1 - h**2) * [1, 2, 3]).sum())
    _, codes, texts = mistake_of(RNN, RNN_GIVEN, "dL/dWxh", value)
    assert codes == ["path-left-out"]
    assert texts.endswith("Whh*h[t-1] is left out, on the way back from h[t], at every step")


# What is no mistake, and what may be chance


GATED = """h[0] = 0
c[0] = 0
f[t] = sigmoid(wf*x[t] + uf*h[t-1])
c[t] = f[t]*c[t-1] + tanh(wg*x[t])
h[t] = f[t]*tanh(c[t])
L = (h[2] - y)**2/2"""


MATRICES = """
R = [[5, 3, 0], [0, 1, 4]]
U = [[1, 0], ["1/2", 1]]
V = [[1, 1], [0, 2], [1, -1]]
"""


def test_a_claim_of_all_steps_that_reach_into_the_beginning():
    """dL/dc[t-1] is of c[0], which is given, at t = 1, and of the steps after it."""
    text = sheet_of(GATED, "x = [1, 0.5]\ny = 0.5\nwf = 0.7\nuf = 0.1\nwg = 0.45")
    text += '[[claim]]\nquantity = "dL/dc[t-1]"\nworking = ["0"]'
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (judgement,) = gradsheet.judge(gradsheet.read(text)).judgements
    assert judgement.verdict == "wrong"
    assert "t = 1" in judgement.working[0].message


def test_a_claim_that_quotes_itself_has_no_mistake():
    text = sheet_of(GATED, "x = [1, 2]\ny = 1\nwf = 1\nuf = 2\nwg = 1")
    text += '[[claim]]\nquantity = "dL/dc[t-1]"\nworking = ["dL/dc[t-1]"]'
    (judgement,) = gradsheet.judge(gradsheet.read(text)).judgements
    assert judgement.verdict == "wrong"
    assert not judgement.explanations


def test_a_true_line_that_quotes_itself_is_not_repaired():
    text = sheet_of("s[0] = 0\ns[t] = a*s[t-1] + x[t]", "a = 2\nx = [1, 2, 3]")
    text += '[[claim]]\nquantity = "s"\nworking = ["a*[0, s[1], s[2]] + x"]'
    (judgement,) = gradsheet.judge(gradsheet.read(text)).judgements
    assert (judgement.verdict, judgement.explanations) == ("wrong", None)


def test_a_factor_behind_a_minus_is_turned():
    text = sheet_of("e = R - U @ V.T\nL = sum(e**2)/2", MATRICES)
    text += '[[claim]]\nquantity = "dL/dV"\nworking = ["-e @ U"]'
    (judgement,) = gradsheet.judge(gradsheet.read(text)).judgements
    assert [e.text for e in judgement.explanations] == ["e stands for e.T"]


def test_right_claims_have_no_mistakes():
    claims = [("dL/dx", ["1/2", "-1/2", -1, 1]), ("var", 4), ("dL/dgamma", 1), ("mu", 3)]
    *right, wrong = judged(NORM, NORM_GIVEN, *claims).judgements
    assert [j.explanations for j in right] == [None] * 3
    assert wrong.verdict == "wrong"


def test_a_formula_that_two_names_share():
    network = "a = x*y*c\nb = x*y*c\nL = b**2"  # its steps are those of a, which L does not need
    given = "x = 1.3\ny = 0.7\nc = 2.1"
    sure, codes, _ = mistake_of(network, given, "dL/dx", printed(2 * 1.3 * 0.7 * 2.1 * 0.7))
    assert (sure, codes) == (True, ["factor-missing"])


def test_one_digit_is_never_sure():
    for value in ("3", "5", "7", "9"):
        sure, _, _ = mistake_of(CIRCUIT, CIRCUIT_GIVEN, "dy/dz1", value)
        assert not sure


def test_digits_that_nothing_gives_have_no_mistake():
    sure, codes, _ = mistake_of(CIRCUIT, CIRCUIT_GIVEN, "dy/db1", "-2.718281")
    assert (sure, codes) == (False, [])


@pytest.mark.parametrize(
    ("value", "code"),
    [("2.19318", "sign-lost"), ("-2.91318", "digits-swapped"), ("-0.219318", "point-moved")],
)
def test_slips_of_the_pen_are_known_there_too(value, code):
    truth = value_of(CIRCUIT, CIRCUIT_GIVEN, "dy/db1").item()
    assert printed(truth) == "-2.19318"
    _, codes, _ = mistake_of(CIRCUIT, CIRCUIT_GIVEN, "dy/db1", value)
    assert code in codes


def test_answers_swapped():
    claims = [("dy/dc1", "-2.193176"), ("dy/dz1", "3.655293")]
    report = judged(CIRCUIT, CIRCUIT_GIVEN, *claims)
    assert [[e.code for e in j.explanations] for j in report.judgements] == [
        ["answers-swapped"]
    ] * 2


def test_the_truth_times_something():
    network, given = "L = a**2*b", "a = 1.7\nb = 0.3\nc = 2.3"
    truth = value_of(network, given, "dL/da").item()
    _, codes, texts = mistake_of(network, given, "dL/da", printed(truth * 7 / 5))
    assert (codes, texts) == (["simple-factor"], "it is the truth times 7/5")
    _, codes, texts = mistake_of(network, given, "dL/da", printed(truth * 2.3))
    assert (codes, texts) == (["named-factor"], "it is the truth times c")


@pytest.mark.parametrize(
    ("network", "given"),
    every(
        4,
        [
            (CIRCUIT, CIRCUIT_GIVEN),
            (NORM, NORM_GIVEN),
            (ATTENTION, ATTENTION_GIVEN),
            (CONV, CONV_GIVEN),
            (LOOKUP, LOOKUP_GIVEN),
            (LAYER_NORM, LAYER_NORM_GIVEN),
            (LSTM, LSTM_GIVEN),
            (RNN, RNN_GIVEN),
        ],
    ),
)
def test_random_digits_are_no_mistake_for_sure(network, given):
    chance = random.Random(5)
    shapes = gradsheet.read(sheet_of(network, given, ("L", 0))).own.program.shapes
    names = [name for name in shapes if "[" not in name and name != "w"]
    for one, two in [(names[-1], names[-1]), *(chance.choices(names, k=2) for _ in range(5))]:
        shape = shapes[one] + shapes[two]
        value = np.reshape([chance.uniform(-3, 3) for _ in range(np.prod(shape, dtype=int))], shape)
        (judgement,) = judged(network, given, (f"d{one}/d{two}", printed(value))).judgements
        assert judgement.verdict in ("wrong", "unread")  # as where there is no such derivative
        assert not judgement.sure


def test_what_is_given_is_derived_by_itself():
    value = np.einsum("ik,jl->ijkl", np.eye(2), np.eye(2)).astype(int)
    (judgement,) = judged(CONV, CONV_GIVEN, ("dt/dt", (2 * value).tolist())).judgements
    assert judgement.verdict == "wrong"
    assert np.array(judgement.truth, float).tolist() == value.tolist()


def test_a_simple_multiple_of_few_digits_may_be_chance():
    given = "a = [1, 2]\nb = [4, 1]"
    sure, codes, texts = mistake_of("L = sum(k, a[k]*b[k]**2)", given, "dL/da", [112, 7])
    assert (sure, codes, texts) == (False, ["simple-factor"], "it is the truth times 7")


def test_what_hardly_anybody_does_is_told_only_where_nothing_else_gives_a_number():
    value = ["1/4", "-3/4", "-3/4", "5/4"]
    _, codes, _ = mistake_of(NORM, NORM_GIVEN, "dL/dx", value)  # or one of four equal terms alone
    assert codes == ["held-constant"]
    of_one = value_of(LAYER_NORM, LAYER_NORM_GIVEN, "dout")[1]
    assert mistake_of(LAYER_NORM, LAYER_NORM_GIVEN, "dL/dbeta", printed(of_one))[1] == ["one-term"]


# The mistakes themselves


def point_of(network, given):
    sheet = gradsheet.read(sheet_of(network, given, ("L", 0)))
    return verdicts(sheet, Budget()).points


@pytest.mark.parametrize(
    ("network", "given"),
    every(
        3, [(NORM, NORM_GIVEN), (ATTENTION, ATTENTION_GIVEN), (LSTM, LSTM_GIVEN), (RNN, RNN_GIVEN)]
    ),
)
def test_every_mistake_gives_alone_what_it_gives_beside_others(network, given):
    point = point_of(network, given)
    simulation = steps_at(point)
    names = [name for name, shape in point.program.shapes.items() if "[" not in name]
    several = simulation.passed([(), *simulation.singles])
    for name in names:
        index = (0,) * len(point.program.shapes[name])
        with np.errstate(all="ignore"):
            together = several.entries(("L", name), [index])[:, 0]
            for row in range(0, len(together), 7):
                chosen = simulation.singles[row - 1] if row else ()
                alone = simulation.passed([chosen]).entries(("L", name), [index])[0, 0]
                np.testing.assert_equal(together[row], alone)
    for row in range(0, len(simulation.instances), 11):
        values, edits = simulation.altered((row,))
        assert (values is point) == bool(edits) or simulation.instances[row].graph is not None


def test_a_formula_takes_one_pass_for_all_mistakes_on_the_way_back(monkeypatch):
    passes = []
    make = GraphCarried.__init__
    monkeypatch.setattr(
        GraphCarried, "__init__", lambda *a, **options: [passes.append(a), make(*a, **options)][1]
    )
    sheet = gradsheet.read(sheet_of(NORM, NORM_GIVEN, ("dL/dgamma*dL/dx[2] + L", 0)))
    simulation = steps_at(verdicts(sheet, Budget()).points)
    forward = sum(mistake.graph is not None for mistake in simulation.instances)
    assert forward < len(simulation.instances) / 2
    passes.clear()
    (tree,) = (claim.tree for claim in sheet.claims)
    together = simulation.run((*simulation.singles,)).values(tree)
    assert len(passes) <= 1 + forward
    for row in range(0, len(together), 5):
        alone = simulation.run((simulation.singles[row],)).values(tree)
        np.testing.assert_equal(together[row], alone[0])


def test_several_mistakes_at_once_are_made_in_different_places_on_the_way_back():
    simulation = steps_at(point_of(LSTM, LSTM_GIVEN))
    pairs = [simulation.made(chosen) for chosen in simulation.combinations(2)]
    assert 1_000 < len(pairs) <= simulation.number_of(2)
    for one, two in pairs:
        assert not set(one.edits) & set(two.edits)
        assert one.graph is two.graph is None


def test_every_mistake_has_a_likelihood_and_says_where_without_numbers_of_the_sheet():
    for mistake in step_mistakes(point_of(NORM, NORM_GIVEN).program):
        assert mistake.code in LIKELY
        assert "=" not in mistake.hint
        assert mistake.text[0].islower() or mistake.text[0].isdigit()


def test_hints_tell_kind_and_place_and_no_truth():
    report = judged(CIRCUIT, CIRCUIT_GIVEN, ("dy/dz6", "1")).hinted()
    (judgement,) = report.judgements
    assert judgement.all_messages().split("; or equally: ") == [
        "look at a factor on the way back from z9",
        "which factor enters on the way back from z9",
    ]
    assert judgement.truth is None


def test_with_few_operations_mistakes_on_the_way_back_are_looked_for():
    point = point_of(LSTM, LSTM_GIVEN)
    whole = steps_at(point)
    point.budget.start(200 * len(point.program.steps))
    some = steps_at(point)
    assert (whole.is_whole, some.is_whole) == (True, False)
    back = [mistake.text for mistake in whole.instances if mistake.graph is None]
    assert [mistake.text for mistake in some.instances][: len(back)] == back
    assert len(back) < len(some.instances) < len(whole.instances)


def test_a_search_without_operations_ends_quietly():
    sheet = gradsheet.read(sheet_of(NORM, NORM_GIVEN, ("dL/dx", [1, 0, 0, 2])))
    budget = Budget()
    judgements, point, history = verdicts(sheet, budget)
    budget.start(10)
    assert diagnose(judgements, point, history) == []


@pytest.mark.parametrize(
    ("network", "given", "quantity", "value", "words"),
    [
        # a function of the sheet's own, and its derivative, where something else is carried on
        (
            "f(u) = a*u**2 + u\nlook = w0 + beta*v0\nv1 = beta*v0 - rate*f'(look)",
            'a = 2\nw0 = 2\nv0 = -1\nbeta = "9/10"\nrate = "1/10"',
            "f'(look)",
            9,
            "the term beta*v0 of the formula of look was not added",
        ),
        # nothing comes back at the two sides of a comparison, so the third is the first
        (
            "r = w*x - y\nL = sum(n, where(abs(r[n]) <= 1, r[n]**2/2, abs(r[n]) - 1/2))",
            "x = [1, 2, 3]\ny = [1, 5, 2]\nw = 1",
            "dL/dr",
            [0, 1, 1],
            "the slope of abs(r) is missing, on the way back from L",
        ),
    ],
)
def test_own_functions_and_cases_are_followed_by_who_looks_for_mistakes(
    network, given, quantity, value, words
):
    _, _, text = mistake_of(network, given, quantity, value)
    assert words in text


def test_as_many_examples_as_units_make_a_weight_no_activation():
    """Matrices of one shape, of which one has an axis of its own for each example."""
    network = "h[n] = tanh(W @ x[n])\nu[n] = V @ h[n]\nL = sum(n, k, u[n,k]**2)"
    given = "x = [[1, 2], [0, 3]]\nW = [[1, -1], [0, 2]]\nV = [[2, 1], [1, 3]]"
    assert not mistake_of(network, given, "dL/dW[1,1]", "0.123")[1]


def test_a_truth_that_is_no_fraction_is_carried_on_among_fractions():
    """Without the root all is made of fractions; but who has y right has taken it."""
    network = "s = sqrt(a*a + 1)\ny = c*s\nu = y + a\nL = u*u + s"
    claims = ("y", "4.24264"), ("u", "7.1234"), ("L", "52.742828")
    *_, last = judged(network, "a = 1\nc = 3", *claims).judgements
    assert last.verdict == "wrong"
    assert not last.explanations


AUTOENCODER = """
network = '''
z = mu + exp(s/2)*ep
xh = w*z
L = sum((x - xh)**2)/2 - 1/2*sum(k, 1 + s[k] - mu[k]**2 - exp(s[k]))
'''
given = { w = { shape = [] }, mu = { shape = ["D"] }, s = { shape = ["D"] }, ep = { shape = ["D"] }, x = { shape = ["D"] } }
"""  # noqa: E501


def test_many_wrong_formulas_have_their_mistakes_named_as_few_have():
    found = judgements(
        AUTOENCODER,
        ("dL/ds", "", "'w*(xh - x)*ep*exp(s/2) + (exp(s) - 1)/2'"),
        ("dL/ds", "", "'(exp(s) - 1)/2'"),
        ("dL/ds", "", "'w*(xh - x)*exp(s/2)/2 + (exp(s) - 1)/2'"),
        ("dL/ds", "", "'w*(xh - x)*ep/2 + (exp(s) - 1)/2'"),
        ("dL/dmu", "", "'w*(xh - x) - mu'"),
        ("dL/dmu", "", "'(xh - x) + mu'"),
        ("dL/dmu", "", "'w*(x - xh) + mu'"),
        ("dL/dmu", "", "'w*(xh - x)'"),
    )
    assert [judgement.verdict for judgement in found] == ["wrong"] * 8
    assert all(judgement.explanations for judgement in found)


KINKS = """
L = max(0, 1 - y*s)
K = relu(y)
b = max(1, y)
i = max(0, min(y, 2) - 1/2)
u = y + 3/2 - i
H = where(abs(y) <= 1, y**2/2, abs(y) - 1/2)
S = max(0, abs(s) - eps)
M = max(0, 1 - y)**2
p = y*s
"""
KINKS_GIVEN = "y.shape = []\ns.shape = []\neps = { shape = [], positive = true }"
TAKEN = "where(abs(y) <= 1, y**2/2, abs(y) - 1/2), in the formula of H"
MASKED = "is given whether or not this side was taken, on the way back from"


ON_EITHER_SIDE = [
    ("dL/ds", "y*step(1 - y*s)", ["the minus sign of y*s in 1 - y*s is lost, on the way"]),
    ("dL/ds", "-y*max(0, 1 - y*s)", []),
    ("dK/dy", "where(y > 1/2, 1, 0)", []),
    ("du/dy", "1", ["nothing comes back through i, as if it were constant"]),
    ("dH/dy", "y", [f"y**2/2 is taken on both sides of {TAKEN}"]),
    ("dH/dy", "y/abs(y)", [f"abs(y) - 1/2 is taken on both sides of {TAKEN}"]),
    ("dH/dy", "where(abs(y) <= 1/2, y, y/abs(y))", []),
    ("dS/deps", "-1", [f"what comes back through max(0, abs(s) - eps) {MASKED} S"]),
    ("dM/dy", "-2*where(y < 0, 1 - y, 0)", []),
    ("dM/dy", "-2*where(y > 0, 1 - y, 0)", []),
    ("dM/dy", "-2*(1 - y)", ["1 - y stands for max(0, 1 - y), in the formula of M"]),
    ("dp/dy", "s*(step(y) + step(-y))", []),
    ("dp/dy", "outer(-2, s)", []),
]


def test_what_explains_a_formula_for_all_values_does_so_on_either_side_of_its_kinks():
    """At one point, where a mask is dead, whatever it hides would explain it."""
    head = sheet_of(KINKS, KINKS_GIVEN)
    cases = [(head, quantity, line) for quantity, line, _ in ON_EITHER_SIDE]
    for judgement, (*_, words) in zip(side_by_side(*cases), ON_EITHER_SIDE, strict=True):
        assert judgement.verdict == "wrong"
        texts = [explanation.text for explanation in judgement.explanations]
        assert len(texts) == len(words), texts
        assert all(text.startswith(said) for text, said in zip(texts, words, strict=True)), texts


def test_a_number_for_all_values_is_explained_at_all_of_them():
    texts = []
    for value in (1, 2):
        text = sheet_of("p = max(0, x)", "x.shape = []", ("dp/dx", value))
        (judgement,) = gradsheet.judge(gradsheet.read(text)).judgements
        texts.append([explanation.text[:36] for explanation in judgement.explanations])
    assert texts == [["what comes back through max(0, x) is"], []]


def test_a_formula_for_all_values_whose_shapes_do_not_fit_is_repaired():
    given = "R.shape = [2, 3]\nU.shape = [2, 2]\nV.shape = [3, 2]"
    text = sheet_of("e = R - U @ V.T\nL = sum(e**2)/2", given)
    text += '[[claim]]\nquantity = "dL/dV"\nworking = ["-e @ U"]'
    (judgement,) = gradsheet.judge(gradsheet.read(text)).judgements
    assert [e.text for e in judgement.explanations] == ["e stands for e.T"]
