"""Claims for all values: what is true is proved, what is not has a witness, and
what holds for some values alone is never called right."""

import json

import pytest

import gradsheet
from gradsheet.claims import counting, identity
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.reasons import Undecided
from gradsheet.numbers.session import Session
from gradsheet.truth import identities
from manual import ops
from tests.rounds import every
from tests.sheets import judged, judgements, side_by_side

NORM = '''
network = """
mu = mean(n, x[n])
var = mean(n, (x[n] - mu)**2)
xhat[n] = (x[n] - mu)/sqrt(var + eps)
out[n] = gamma*xhat[n] + beta
L = sum(n, dout[n]*out[n])
"""
[given]
x = { shape = ["N"] }
dout = { shape = ["N"] }
gamma = { shape = [] }
beta = { shape = [] }
eps = { shape = [], positive = true }
'''
SOFTMAX = '''
network = """
p[i] = exp(z[i])/sum(k, exp(z[k]))
L = -sum(i, y[i]*log(p[i]))
"""
[given]
z = { shape = ["K"] }
y = { shape = ["K"], sums_to = 1 }
'''
UNSUMMED = SOFTMAX.replace(", sums_to = 1", "")
LOGISTIC = '''
network = """
z = w @ x + b
p = sigmoid(z)
L = -y*log(p) - (1 - y)*log(1 - p)
"""
[given]
w = { shape = [3] }
x = { shape = [3] }
b = { shape = [] }
y = { shape = [] }
'''
RIDGE = '''
network = """
L = sum(n, (X[n] @ w - y[n])**2)/2 + lam/2*(w @ w)
"""
[given]
X = { shape = ["N", "D"] }
w = { shape = ["D"] }
y = { shape = ["N"] }
lam = { shape = [] }
'''
RECURRENT = '''
network = """
h[0] = 0
h[t] = tanh(w*x[t] + u*h[t-1])
L = (h[3] - y)**2/2
"""
[given]
x = { shape = [3] }
w = { shape = [] }
u = { shape = [] }
y = { shape = [] }
'''
RELU = '''
network = """
z1 = W1 @ x + b1
h1 = relu(z1)
z2 = W2 @ h1
h2 = relu(z2)
yhat = W3 @ h2
L = (yhat - y)**2/2
"""
[given]
x = { shape = [3] }
W1 = { shape = [4, 3] }
b1 = { shape = [4] }
W2 = { shape = [2, 4] }
W3 = { shape = [2] }
y = { shape = [] }
'''
POOL = '''
network = """
m[i] = max(a=1..2, x[2*i+a-2])
L = sum(i, g[i]*m[i])
"""
[given]
x = { shape = [6] }
g = { shape = [3] }
'''
ATTENTION = '''
network = """
S = Q @ K.T / sqrt(2)
A = softmax(S)
O = A @ V
L = sum(i, j, G[i,j]*O[i,j])
"""
[given]
Q = { shape = [2, 2] }
K = { shape = ["M", 2] }
V = { shape = ["M", 3] }
G = { shape = [2, 3] }
'''
DESCENT = '''
network = """
w[0] = v
w[t] = w[t-1] - a*d((w[t-1] - x[t])**2)/dw[t-1]
"""
given = { v = { shape = [] }, a = { shape = [] }, x = { shape = [3] } }
'''
NUMBER = '''
network = """
L = f(x)*y
f(u) = u**2
q = sqrt(x**2)
"""
[given]
x = { shape = [] }
y = { shape = [] }
a = { shape = [], positive = true }
b = { shape = [], positive = true }
'''
OWN = '''
network = """
s(u) = 1/(1 + exp(-u))
r(u) = (1 + u)**(1/2)
y = s(w*x)
"""
given = { w = { shape = [] }, x = { shape = [] } }
'''
KINKS = '''
network = """
m = max(x, y)*a
k = min(x, y)*b
w = where(x > y, x*x, y)
l = max(i, v[i])
s = min(i, v[i])
"""
[given]
x = { shape = [] }
y = { shape = [] }
a = { shape = [] }
b = { shape = [] }
v = { shape = [3] }
'''
D_NORM = "gamma/(N*sqrt(var + eps))*(N*dout[n] - sum(m, dout[m]){}xhat[n]*sum(m, dout[m]*xhat[m]))"

CLIPPED = '''
network = """
L = where(abs(u) <= a, u**2/2, a*(abs(u) - a/2))
m = max(u, max(v, t))
d = sqrt(u**2 + v**2)
H = max(0, a - d)**2/2
"""
[given]
u = { shape = [] }
v = { shape = [] }
t = { shape = [] }
a = { shape = [], positive = true }
'''
POOLED = '''
network = """
z = W @ x
M = max(max(z[1], z[2]), max(z[3], z[4]))
k = exp(-a*(x @ x))
l = log(z[1]*z[2]*z[3]*z[4])
S = sum(j, where(abs(x[j]) < a, x[j]**2/(2*a), abs(x[j]) - a/2))
"""
[given]
x = { shape = [2] }
W = { shape = [4, 2] }
a = { shape = [], positive = true }
'''
CLAMPED = '''
network = """
h = min(max(z, 0), 6)
q = relu(z)**2
r = w*z - y
S = max(0, abs(r) - 1/10)
H = where(abs(z) <= 1, z**2/2, abs(z) - 1/2)
g = max(0, min(1, z/6 + 1/2))
p = w*z
"""
[given]
z = { shape = [] }
w = { shape = [] }
y = { shape = [] }
'''
RIGHT = {
    "norm, x": (NORM, "dL/dx[n]", D_NORM.format(" - ")),
    "norm, var": (NORM, "dL/dvar", "-1/2*sum(n, dout[n]*gamma*(x[n] - mu))*(var + eps)**(-3/2)"),
    "norm, gamma": (NORM, "dL/dgamma", "sum(n, dout[n]*xhat[n])"),
    "norm, mean": (NORM, "mean(n, xhat[n])", "0"),
    "softmax": (SOFTMAX, "dL/dz", "p - y"),
    "softmax, unsummed": (UNSUMMED, "dL/dz[i]", "p[i]*sum(k, y[k]) - y[i]"),
    "softmax, log-sum-exp": (SOFTMAX, "L", "log(sum(k, exp(z[k]))) - sum(i, y[i]*z[i])"),
    "softmax, function": (SOFTMAX, "p", "softmax(z)"),
    "softmax, Jacobian": (SOFTMAX, "dp[i]/dz[j]", "p[i]*(kronecker(i, j) - p[j])"),
    "logistic": (LOGISTIC, "dL/dw[i]", "(p - y)*x[i]"),
    "logistic, twice": (LOGISTIC, "d(dL/dw)/dw", "p*(1 - p)*outer(x, x)"),
    "logistic, softplus": (LOGISTIC, "L", "softplus(z) - y*z"),
    "logistic, slope": (LOGISTIC, "dp/dz", "dsigmoid(z)"),
    "logistic, tanh": (LOGISTIC, "p", "(1 + tanh(z/2))/2"),
    "ridge": (RIDGE, "dL/dw", "X.T @ (X @ w - y) + lam*w"),
    "ridge, twice": (RIDGE, "d(dL/dw)/dw", "X.T @ X + lam*diag(w/w)"),
    "recurrent": (
        RECURRENT,
        "dL/dw",
        "(h[3] - y)*(1 - h[3]**2)*(x[3] + u*(1 - h[2]**2)*(x[2] + u*(1 - h[1]**2)*x[1]))",
    ),
    "descent": (DESCENT, "w[t]", "w[t-1] - 2*a*(w[t-1] - x[t])"),
    "descent, from the base": (DESCENT, "dw[3]/dw[0]", "(1 - 2*a)**3"),
    "descent, in the claim": (DESCENT, "d((w[t-1] - x[t])**2)/dw[t-1]", "2*(w[t-1] - x[t])"),
    "relu": (
        RELU,
        "dL/dW1[i,j]",
        "sum(k, (yhat - y)*W3[k]*drelu(z2[k])*W2[k,i])*drelu(z1[i])*x[j]",
    ),
    "relu, arrays": (RELU, "dL/dW1", "outer((W2.T @ ((yhat - y)*W3*drelu(z2)))*drelu(z1), x)"),
    "relu, of h": (RELU, "dL/db1", "(W2.T @ ((yhat - y)*W3*drelu(h2)))*drelu(h1)"),
    "relu, h for a mask": (RELU, "dL/dW3[k]", "(yhat - y)*drelu(z2[k])*z2[k]"),
    "relu, where": (RELU, "h1", "where(z1 > 0, z1, 0)"),
    "relu, equal": (RELU, "drelu(z1[i])", "1 - where(h1[i] == 0, 1, 0)"),
    "relu, max": (RELU, "h1[i]", "max(z1[i], 0)"),
    "relu, abs": (RELU, "h1", "(z1 + abs(z1))/2"),
    "relu, difference": (RELU, "relu(z1) - relu(-z1)", "W1 @ x + b1"),
    "relu, squares": (RELU, "h1**2", "drelu(z1)*drelu(z1)*z1**2"),
    "relu, leaky": (RELU, "leaky_relu(z1, 1/10)", "relu(z1) - relu(-z1)/10"),
    "pool": (POOL, "dL/dx[1]", "g[1]*step(x[1] - x[2])"),
    "pool, other": (POOL, "dL/dx[4]", "g[2]*where(x[4] >= x[3], 1, 0)"),
    "pool, both": (POOL, "m[1]", "(x[1] + x[2] + abs(x[1] - x[2]))/2"),
    "attention": (ATTENTION, "dL/dV", "A.T @ G"),
    "attention, S": (
        ATTENTION,
        "dL/dS[i,j]",
        "A[i,j]*(sum(k, G[i,k]*V[j,k]) - sum(m, k, A[i,m]*G[i,k]*V[m,k]))",
    ),
    "attention, K": (ATTENTION, "dL/dK", "dL/dS.T @ Q/sqrt(2)"),
    "own function": (NUMBER, "dL/dx", "f'(x)*y"),
    "own function, put in": (NUMBER, "dL/dx", "2*x*y"),
    "own function, at a number": (OWN, "s'(0)", "1/4"),
    "own function, Taylor": (OWN, "r(0) + r'(0)*x", "1 + x/2"),
    "own function, its slope in a factor": (OWN, "dy/dx", "s'(w*x)*w*r'(3)*4"),
    "maximum": (KINKS, "dm/dx + dm/dy", "a"),
    "maximum, first": (KINKS, "dm/dx", "a*step(x - y)"),
    "maximum, second": (KINKS, "dm/dy", "where(y >= x, a, 0)"),
    "minimum, first": (KINKS, "dk/dx", "b*step(y - x)"),
    "minimum, second": (KINKS, "dk/dy", "where(y < x, b, 0)"),
    "where, first": (KINKS, "dw/dx", "2*x*step(x - y)"),
    "where, second": (KINKS, "dw/dy", "1 - step(x - y)"),
    "largest": (KINKS, "sum(dl/dv)", "1"),
    "largest, last": (KINKS, "dl/dv[3]", "step(v[3] - max(v[1], v[2]))"),
    "smallest, last": (KINKS, "ds/dv[3]", "step(min(v[1], v[2]) - v[3])"),
    "smallest, all": (KINKS, "s", "sum(i, v[i]*(ds/dv[i]))"),
    "root of a square": (NUMBER, "q", "abs(x)"),
    "root of a square, slope": (NUMBER, "dq/dx", "step(x) - step(-x)"),
    "roots": (NUMBER, "sqrt(a)*sqrt(b)", "sqrt(a*b)"),
    "logarithms": (NUMBER, "log(a*b)", "log(a) + log(b)"),
    "circle": (NUMBER, "sin(x)**2", "1 - cos(x)**2"),
    "powers": (NUMBER, "a**(1/3)*a**(2/3)", "a"),
    "largest of three": (CLIPPED, "max(u, max(v, t))", "max(max(t, v), u)"),
    "largest, slope": (CLIPPED, "dm/dv", "step(v - u)*step(v - t)"),
    "largest, equal": (CLIPPED, "dm/dt", "where(t == m, 1, 0)"),
    "largest of four, equal": (POOLED, "dM/dx[j]", "sum(i, where(z[i] == M, W[i,j], 0))"),
    "largest of four, at once": (POOLED, "M", "max(z)"),
    "kernel": (POOLED, "k", "exp(-a*x[1]**2)*exp(-a*x[2]**2)"),
    "logarithm of four": (POOLED, "l", "sum(i, log(z[i]))"),
    "smooth l1": (POOLED, "dS/dx[j]", "max(-1, min(1, x[j]/a))"),
    "product of sizes": (CLIPPED, "abs(u*v)", "abs(u)*abs(v)"),
    "clipped": (CLIPPED, "dL/du", "max(-a, min(u, a))"),
    "clipped by a quotient": (CLIPPED, "dL/du", "u/max(1, abs(u)/a)"),
    "distance": (CLIPPED, "dH/du", "where(d > a, 0, -(a - d)*u/d)"),
    "root of a product of squares": (CLIPPED, "sqrt(u**2*v**2)", "abs(u*v)"),
    "root of a quotient": (CLIPPED, "sqrt(d**2/(1 + d**2)**2)", "d/(1 + d**2)"),
}
SQUARED = "network = 'M = relu(x)**2'\n[given]\nx = { shape = [] }\n"
WRONG = {
    "smooth at a kink": (SQUARED, "dM/dx", "where(x == 0, 7, 2*relu(x))"),
    "clamped, at the top": (CLAMPED, "dh/dz", "step(z)"),
    "square of a relu, from a little below": (CLAMPED, "dq/dz", "2*where(z > -1, z, 0)"),
    "insensitive, but wider": (CLAMPED, "dS/dr", "where(abs(r) < 1/8, 0, abs(r)/r)"),
    "smooth l1, but narrower": (CLAMPED, "dH/dz", "where(abs(z) <= 1/2, z, z/abs(z))"),
    "hard sigmoid, but wider": (CLAMPED, "dg/dz", "where(abs(z) < 4, 1/6, 0)"),
    "product, as far as anybody looks": (CLAMPED, "dp/dz", "where(z > 1000, 0, w)"),
    "norm, sign": (NORM, "dL/dx[n]", D_NORM.format(" + ")),
    "clipped on one side": (CLIPPED, "dL/du", "min(u, a)"),
    "product of sizes, one forgotten": (CLIPPED, "abs(u*v)", "u*abs(v)"),
    "norm, held constant": (NORM, "dL/dx[n]", "gamma/sqrt(var + eps)*dout[n]"),
    "norm, at three": (NORM, "mu", "(x[1] + x[2] + sum(x) - x[1] - x[2])/3"),
    "softmax, sign": (SOFTMAX, "dL/dz", "y - p"),
    "softmax, unsummed": (UNSUMMED, "dL/dz", "p - y"),
    "softmax, diagonal": (SOFTMAX, "dp[i]/dz[j]", "p[i]*(1 - p[j])"),
    "logistic, slope left in": (LOGISTIC, "dL/dw[i]", "(p - y)*p*(1 - p)*x[i]"),
    "ridge, factor": (RIDGE, "dL/dw", "X.T @ (X @ w - y) + 2*lam*w"),
    "ridge, mean": (RIDGE, "dL/dw", "X.T @ (X @ w - y)/N + lam*w"),
    "recurrent, one step": (RECURRENT, "dL/dw", "(h[3] - y)*(1 - h[3]**2)*x[3]"),
    "descent, factor": (DESCENT, "w[t]", "w[t-1] - a*(w[t-1] - x[t])"),
    "own function, at a number": (OWN, "s'(0)", "1/2"),
    "relu, mask": (RELU, "dL/dW1", "outer((W2.T @ ((yhat - y)*W3*drelu(z2))), x)"),
    "relu, other mask": (RELU, "dL/dW1", "outer((W2.T @ ((yhat - y)*W3))*drelu(z1), x)"),
    "relu, identity": (RELU, "h1", "z1"),
    "relu, live": (RELU, "drelu(z1[i])", "1"),
    "relu, dead": (RELU, "drelu(z1[i])", "0"),
    "relu, two sides": (RELU, "step(h1[i]) + step(-h1[i])", "1"),
    "pool, first": (POOL, "dL/dx[1]", "g[1]"),
    "attention, scale": (ATTENTION, "dL/dK", "dL/dS.T @ Q"),
    "attention, transposed": (ATTENTION, "dL/dV", "A.T @ (G + 0*G) @ diag([1, 1, 2])"),
    "root of a square": (NUMBER, "q", "x"),
    "exponential of half a logarithm": (NUMBER, "exp(log(x**2)/2)", "x"),
    "fourth root": (NUMBER, "(x**4)**(1/4)", "x"),
    "root of a difference": (NUMBER, "sqrt((a - b)**2)", "a - b"),
    "multiplied out": (NUMBER, "sqrt(a**2 - 2*a*b + b**2)", "a - b"),
    "exponentials": (NUMBER, "exp(x*y)", "exp(x)*exp(y)"),
}


def test_true_formulas_are_proved() -> None:
    for name, judgement in zip(RIGHT, side_by_side(*RIGHT.values()), strict=True):
        assert (judgement.verdict, judgement.messages) == ("right", []), name
        assert "holds for all values but for a probability of error below" in judgement.proof, name


def test_what_is_not_true_for_all_values_has_a_witness() -> None:
    for name, judgement in zip(WRONG, side_by_side(*WRONG.values()), strict=True):
        assert judgement.verdict == "wrong", name
        assert judgement.witness, name


GIVEN = '''
network = """
z = sum(i, x[i])*b + 3*c
s = sum(n, P[n,1])
t = third*c
e = exp(third)
"""
[given]
x = { shape = [3], sums_to = 1 }
b = { shape = [] }
c = { shape = [] }
P = { shape = ["N", 2], sums_to = 2, positive = true }
third = "1/3"
'''
# Quantity, line or number, and the verdict.
CLAIMS = [
    ("z", ["b + 3*c"], "", "right"),
    ("dz/dc", [], "3", "right"),
    ("dz/dc", [], "2", "wrong"),
    ("dz/dc", ["2 + 1"], "3", "right"),
    ("dz/dc", ["2 + 2"], "3", "lucky"),
    ("dt/dc", [], "0.33", "right"),
    ("dt/dc", [], "0.34", "wrong"),
    ("e", ["exp(third)"], "1.396", "right"),
    ("e", [], "1.394", "wrong"),
    ("log(b)", ["log(b*c) - log(c)"], "", "right"),
    ("z + 1", ["z + relu(c)/relu(c)"], "", "wrong"),
    ("log(b)", ["log(b/2) + log(2)"], "", "right"),
    ("log(b)", ["log(b*c) + log(c)"], "", "wrong"),
    ("log(b**2)", ["2*log(abs(b))"], "", "right"),
    ("log(b**2)", ["2*log(b)"], "", "cannot_tell"),
    ("sum(k, P[n,k])", [], "2", "right"),
    ("sum(P)", ["2*N"], "", "right"),
    ("sum(P)", ["6"], "", "wrong"),
    ("s", ["N"], "", "wrong"),
    ("sqrt(P[n,1]**2)", ["P[n,1]"], "", "right"),
    ("dz/dx", ["[b, b, b]"], "", "right"),
    ("dz/dx", ["[b, b]"], "", "wrong"),
    ("dz/dx[4]", ["b"], "", "wrong"),
    ("dz/dx[i]", ["b*x[k]"], "", "wrong"),
    ("z", ["b + 3*c/0"], "", "wrong"),
    ("z", ["b + 3*c*q"], "", "unread"),
    ("where(b == c, 1, 0)", ["0"], "", "wrong"),
    ("where(b == c, where(c == P[1,1], where(P[1,1] == P[2,1], 1, 0), 0), 0)", ["0"], "", "wrong"),
    ("step(b - c)", ["1 - step(c - b)"], "", "wrong"),
]


def test_numbers_sums_and_sizes() -> None:
    claims = [(quantity, value, json.dumps(lines)[1:-1]) for quantity, lines, value, _ in CLAIMS]
    for judgement, (*claim, verdict) in zip(judgements(GIVEN, *claims), CLAIMS, strict=True):
        assert judgement.verdict == verdict, claim


@pytest.mark.parametrize(
    ("quantity", "line", "words"),
    [
        ("z + 1", "z + exp(log(c))/c", "is the truth where it has a value"),
        ("z + log(b**2)", "z + 2*log(b)", ""),
        ("z*sqrt(3 - 2*sqrt(2))", "z*(sqrt(2) - 1)", "nothing here proves it"),
    ],
)
def test_what_nothing_proves_is_not_called_right(quantity: str, line: str, words: str) -> None:
    judgement = judged(GIVEN, quantity, line)
    assert judgement.verdict == "cannot_tell"
    assert words in judgement.messages[0]


def test_sizes_that_are_letters_are_tried_unequal_and_said() -> None:
    claim = "[[claim]]\nquantity = 'L'\n"
    report = gradsheet.judge(gradsheet.read(RIDGE + claim))
    assert report.reading.endswith("; tried at N = 3 and 2 and 4, D = 2 and 4 and 5")
    judgement = judged(RIDGE, *RIGHT["ridge"][1:])
    assert judgement.proof.endswith(", at N = 3 and 2 and 4, D = 2 and 4 and 5")
    # A size that a network cannot have is not tried.
    long = RIDGE.replace("+ lam", "+ X[3,1]*lam")
    assert gradsheet.judge(gradsheet.read(long + claim)).reading.endswith(
        "N = 3 and 4, D = 2 and 5"
    )


def test_a_number_of_all_values_at_one_size_alone_is_wrong() -> None:
    assert judged(NORM, "sum(n, xhat[n]**2) + N*eps/(var + eps)", "3").verdict == "wrong"
    assert judged(NORM, "sum(n, xhat[n]**2) + N*eps/(var + eps)", "N").verdict == "right"


def _wrong(d_out, out, *arrays, **settings):
    """A backward rule that lets everything through, unchanged."""
    return tuple(d_out + 0 * array for array in arrays)


def test_a_mistake_in_the_sweep_is_seen_by_the_witnesses(monkeypatch) -> None:
    head, quantity, line = RIGHT["logistic"]
    operation = ops.OPERATIONS["function"]
    monkeypatch.setitem(ops.OPERATIONS, "function", operation._replace(backward=_wrong))
    judgement = judged(head, quantity, line)
    assert judgement.verdict == "cannot_tell"
    assert "the witnesses disagree on dL/dw" in judgement.messages[0]


def test_the_witnesses_are_heard_where_a_claim_is_wrong(monkeypatch) -> None:
    head, quantity, line = RIGHT["logistic"]
    sheet = gradsheet.read(head + f"[[claim]]\nquantity = '{quantity}'\nworking = ['{line}']\n")
    (claim,) = sheet.claims
    asked = counting.asked_of(sheet, sheet.own.program)
    points = identity.Everywhere(sheet.own, asked, Budget(), Session())
    comparison = identity.IdentityComparison(claim.tree, points)
    operation = ops.OPERATIONS["function"]
    monkeypatch.setitem(ops.OPERATIONS, "function", operation._replace(backward=_wrong))
    with pytest.raises(Undecided, match="the witnesses disagree on dL/dw"):
        comparison.mismatch_of_line(claim.working[0].tree)


def test_a_mistake_on_formal_numbers_proves_nothing_false(monkeypatch) -> None:
    rule = identities.RULES["function"]._replace(backward=_wrong)
    monkeypatch.setitem(identities.RULES, "function", rule)
    assert judged(RELU, "dh1[i]/dz1[j]", "kronecker(i, j)").verdict == "wrong"
    assert judged(RELU, "dh1[i]/dz1[j]", "drelu(z1[i])*kronecker(i, j)").verdict == "cannot_tell"


@pytest.mark.parametrize("width", every(2, [8, 16]))
def test_wide_and_deep_networks_are_decided(width: int) -> None:
    layers, delta = 3, "(z3 - y)"
    for layer in range(layers - 1, 0, -1):
        delta = f"((W{layer + 1}.T @ {delta})*drelu(z{layer}))"
    head = f'''
network = """
z1 = W1 @ x
z2 = W2 @ relu(z1)
z3 = W3 @ relu(z2)
L = (z3[1] - y)**2/2
"""
[given]
x = {{ shape = [2] }}
W1 = {{ shape = [{width}, 2] }}
W2 = {{ shape = [{width}, {width}] }}
W3 = {{ shape = [1, {width}] }}
y = {{ shape = [] }}
'''
    assert judged(head, "dL/dW1", f"outer({delta}, x)").verdict == "right"
    missing = delta.replace("*drelu(z1)", "")
    assert judged(head, "dL/dW1", f"outer({missing}, x)").verdict == "wrong"


def test_what_takes_too_long_is_refused_beforehand() -> None:
    large = "[[layer]]\nshape = [20, 20]\nactivation = 'tanh'\n" * 3
    with pytest.raises(gradsheet.SheetError, match="operations"):
        judged(large, "dz3/dW1", "0")


DEEP = "[[layer]]\nshape = [1, 1]\nbias = true\nactivation = 'relu'\n" * 8


def test_one_pattern_of_many_is_found_and_the_same_in_every_run() -> None:
    """Of 256 patterns one tells these apart: a draw alone would miss it."""
    found = [judged(DEEP, "dL/dz1", "dL/dh1") for _ in range(2)]
    assert [j.verdict for j in found] == ["wrong", "wrong"]
    assert found[0].witness == found[1].witness
    assert len(found[0].witness) < 300, "in small numbers"


LEAKY = """
[[layer]]
shape = [3, 2]
activation = "relu"
[[layer]]
shape = [1, 3]
bias = true
activation = "leaky_relu"
slope = 0.1
"""


def test_the_slope_of_a_leaky_relu_by_its_two_sides() -> None:
    """With a bias z2 is 0 for no pattern of live and dead units."""
    slope = "dL/dh2[1]*(drelu(z2[1]) + 0.1*drelu(-z2[1]))"
    assert judged(LEAKY, "dL/dz2[1]", slope).verdict == "right"
    assert judged(LEAKY, "drelu(z2[1])", "1 - drelu(-z2[1])").verdict == "wrong"
    no_bias = LEAKY.replace("bias = true\n", "")
    assert judged(no_bias, "drelu(z2[1])", "1 - drelu(-z2[1])").verdict == "wrong"


def test_sheets_on_one_network_share_what_was_found_and_pay_alike() -> None:
    claim = "[[claim]]\nquantity = 'sqrt(P[n,1]**2)'\nworking = ['P[n,1]']\n"
    sheet = gradsheet.read(GIVEN + claim)
    (claim,), session, spent = sheet.claims, Session(), []
    for _ in range(2):
        budget = Budget()
        budget.start(10**6)
        asked = counting.asked_of(sheet, sheet.own.program)
        points = identity.Everywhere(sheet.own, asked, budget, session)
        comparison = identity.IdentityComparison(claim.tree, points)
        spent.append((comparison.mismatch_of_line(claim.working[0].tree), budget.left))
    assert spent[0] == spent[1]
    assert spent[0][1] < 10**6
    assert spent[0][0].mismatch is None


HUBER = """
network = '''
L = where(abs(r) <= a, r**2/2, a*(abs(r) - a/2))
P = x*y
'''
[given]
r.shape = []
a = { shape = [], positive = true }
x.shape = []
y.shape = []
"""


TIES = [
    ("dL/dr", "where(abs(r) < a, r, a*r/abs(r))", "right"),
    ("dL/dr", "where(abs(r) < a, r, 0) + where(abs(r) > a, a*r/abs(r), 0)", "wrong"),
    ("dL/dr", "step(a - abs(r))*r + step(abs(r) - a)*a*r/abs(r)", "wrong"),
    ("dP/dx", "where(x == 17, 3, y)", "wrong"),
    ("dP/dx", "y*(step(x - 17) + step(17 - x))", "wrong"),
    ("dP/dx", "where(2*x == 3*a - y, 3, y)", "wrong"),
    ("dP/dx", "where(x == 17, y, y)", "right"),
]


def test_what_is_not_true_at_a_tie_alone_is_wrong() -> None:
    cases = [(HUBER, quantity, line) for quantity, line, _ in TIES]
    for judgement, (*claim, verdict) in zip(side_by_side(*cases), TIES, strict=True):
        assert judgement.verdict == verdict, (claim, judgement.message)
