"""The formula language: what a text means, and what is refused with which words."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradsheet
import gradsheet.solution
from gradsheet.language.evaluate import Evaluator
from gradsheet.language.parsing import FormulaError, parse
from gradsheet.mistakes.layered import point_of
from gradsheet.numbers.reasons import EvaluationError, Missing, Undecided
from gradsheet.truth.target import core_of, mentions
from tests.sheets import NUMBERS

SHEET = gradsheet.read(
    NUMBERS
    + """
[notation]
w = "W2[2,2]"
delta = "dL/dz3[1]"
[[claim]]
quantity = "L"
value = 6.125
"""
)

NAMES, NOTATION = (
    SHEET.network.names,
    {"w": parse("W2[2,2]", SHEET.network.names), "delta": parse("dL/dz3[1]", SHEET.network.names)},
)

POINT = point_of(SHEET.problem, None)


def value(text, **binding):
    return Evaluator(POINT).value(parse(text, NAMES, NOTATION), binding).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2*3", 7),
        ("-2**2", -4),
        ("(-2)**2", 4),
        ("2 - 3 - 4", -5),
        ("12/2/3", 2),
        ("1/3", Fraction(1, 3)),
        ("0.1 + 0.2", Fraction(3, 10)),
        ("--3", 3),
        ("2*-3", -6),
        ("1e-2", Fraction(1, 100)),
        ("z1", [-1, 2, 3]),
        ("z1[2]", 2),
        ("h0", [2, 1]),
        ("x", [2, 1]),
        ("y", [Fraction(3, 2)]),
        ("h3", [5]),
        ("yhat", [5]),
        ("W2[2]", [1, 1, 1]),
        ("W2[2,3]", 1),
        ("w", 1),
        ("W1 @ x + b1", [-1, 2, 3]),
        ("W1.T", [[0, 1, 1], [1, 1, 0]]),
        ("W3.T", [[-1], [1], [-2]]),
        ("(W1 @ x)[2]", 3),
        ("[1, 2, 3][j]", 2),
        ("relu(z1)[3]", 3),
        ("outer([1, 2], [3, 4])", [[3, 4], [6, 8]]),
        ("outer(delta, x)", [[7, Fraction(7, 2)]]),
        ("sum(k, W3[1,k]*z2[k])", 5),
        ("sum(k, sum(m, W2[m,k]))", 6),
        ("drelu(z1)", [0, 1, 1]),
        ("step(0)", 0),
        ("drelu(0)", 0),
        ("relu(-3)", 0),
        ("L", Fraction(49, 8)),
        ("L[1]", Fraction(49, 8)),
        ("dL/dyhat", [Fraction(7, 2)]),
        ("dL/dw", 7),
        ("dL/dW3[1,2]", 21),
        ("dL/dW3[1,2]/2", Fraction(21, 2)),
        ("dL/dx", [Fraction(21, 1) / 2, 7]),
        ("dz1[2]/dW1[2,1]", 2),
        ("dyhat/dz2", [[-1, 1, -2]]),
        ("dL[1]/dyhat[1]", Fraction(7, 2)),
        ("dz2/dz2", [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ("dL/dyhat @ dyhat/dz2", [Fraction(-7, 2), Fraction(7, 2), -7]),
        ("-2*(y - yhat)*z2[2]", [42]),
        ("dL/dyhat*z2", [Fraction(63, 2), 21, -14]),
        ("2*j", 4),
    ],
)
def test_what_a_formula_means(text, expected):
    assert value(text, j=2) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found the end"),
        ("1 +", "expected a number, a quantity or a bracket"),
        ("(1", r"expected '\)'"),
        ("1 2", "expected an operator or the end"),
        ("[]", "expected a number"),
        ("z1[0.5]", "expected an index"),
        ("z1[]", "expected an index"),
        ("z1[i+]", "expected an index"),
        ("relu", "relu stands alone, expected relu"),
        ("relux(1)", "did you mean relu"),
        ("dL/dW9", "unknown name dW9: expected one of dW1, dW2, dW3"),
        ("dL", "a derivative is written"),
        ("dL/W2", "a derivative is written"),
        ("d2L/dW2", "unknown name d2L"),
        ("x³½", "expected an operator or the end"),
        ("x**y", "the exponent of \\*\\* is 'y', expected a whole number"),
        ("x**(1", r"expected '\)'"),
        ("L = 3", "without an equals sign"),
        ("W1 @ X", "did you mean x"),
        ("sigma*x", "name it in .notation."),
        ("ddL/dW1", "unknown name ddL"),
        ("z4", "unknown name z4: expected one of z1, z2, z3$"),
        ("q[1]", "unknown name q"),
        ("sum(2, x)", "expected a letter"),
        ("sum(x, 1)", "x is a quantity, and cannot be an index as well: take another letter"),
        ("sum(w, 1)", "w is a name of .notation., and cannot be an index as well"),
        ("outer(1)", "outer has 1 argument, expected 2"),
        ("relu(1, 2)", "relu has 2 arguments, expected 1"),
        ("2**17", "whole number up to 16"),
        ("2**0.03", "whole number up to 16"),
        ("2**x", "whole number up to 16"),
        ("2**2**2", "write parentheses"),
        ("x.shape", "only .T"),
        ("__import__('os')", "unknown name __import__"),
        ("import os", "unknown name import"),
        ("W1 # W1", "character '#' at column 4"),
        ("x; y", "character ';' at column 2"),
        ("𝑥", "character"),
        ("9" * 41, "at most 40 digits"),
        ("1+" * 600 + "1", "at most 1000"),
        ("(" * 60 + "1" + ")" * 60, "nested deeper"),
        ("-" * 60 + "1", "nested deeper"),
        ("x" + ".T" * 60, "nested deeper"),
        ("w[1]", "expected an operator|has given its indices already"),
    ],
)
def test_what_is_no_formula_is_refused(text, message):
    with pytest.raises((FormulaError, EvaluationError), match=message + "|has 1 indices"):
        value(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("z1[4]", "index 1 is 4, outside 1 to 3"),
        ("z1[0]", "outside 1 to 3, indices start at 1"),
        ("z1[j]", "at j = 9, outside 1 to 3"),
        ("z1[1,1]", r"z1\[1,1\] has 2 indices, z1 has 1 axes$"),
        ("z1[k,j]", r"z1\[k,j\] has 2 indices, z1 has 1 axes: the sheet has one example"),
        ("z1[k]", "k is no quantity"),
        ("z1 + x", r"\+ between shapes \(3,\) and \(2,\), expected equal shapes or a number"),
        ("z1 * x", r"\* between shapes \(3,\) and \(2,\), expected equal shapes or a number"),
        ("W1 @ z1", "@ between shapes"),
        ("2 @ x", "@ with a number.*write \\*"),
        ("[1, [2]]", "unequal shapes"),
        ("1/0", "division by 0"),
        ("1/z1", None),
        ("sum(k, 1)", "k is no quantity, and as an index it stands at no axis"),
        ("sum(k, x[k]*z1[k])", "axes of different size"),
        ("outer(W1, x)", "expected two vectors"),
        ("((((9**16)**16)**16)**16)**16", "bits"),
        ("softmax(1)", "softmax of a number, expected a vector"),
        ("log(0)", "logarithm of a number that is not positive"),
        ("log(1 - 3)", "logarithm of a number that is not positive"),
        ("dz1/dh1", "h1 comes after z1"),
    ],
)
def test_what_has_no_value_is_refused(text, message):
    if message is None:
        assert value(text) == [-1, Fraction(1, 2), Fraction(1, 3)]
        return
    with pytest.raises((EvaluationError, Missing, Undecided), match=message):
        value(text, j=9)


def test_work_is_limited():
    """A sum is added up once for all indices that it does not depend on, but
    this one depends on all of them."""
    letters = "abcdefgijkmnopqr"
    term = "*".join(f"x[{letter}]" for letter in letters)
    with pytest.raises(Undecided, match="more work"):
        value("".join(f"sum({letter}, " for letter in letters) + term + ")" * len(letters))
    value("sum(a, x[a]*sum(b, x[b]*" * 12 + "1" + "))" * 12)


def test_a_long_sum_does_not_reach_the_end_of_the_stack():
    assert value("+".join(["1"] * 500)) == 500


@given(st.text(max_size=60) | st.text("dLWzhxy[]()+-*/@.,123ijk sum", max_size=80))
def test_any_text_is_a_formula_or_a_formula_error(text):
    try:
        tree = parse(text, NAMES, NOTATION)
    except FormulaError:
        return
    try:
        found = Evaluator(POINT).value(tree, dict.fromkeys("ijkdsumLWzhT", 1))
    except (EvaluationError, Missing, Undecided):
        return
    assert isinstance(found, np.ndarray)
    assert all(isinstance(v, Fraction) for v in found.flat)


@pytest.mark.parametrize(
    ("quantity", "line", "quoted"),
    [
        ("z1", "z1", True),
        ("z1", "W1 @ x + b1", False),
        ("z1", "z1[1]*x", True),
        ("z1[1]", "z1[2]", False),
        ("z1[i]", "z1[2]", True),
        ("z1[i]", "z1[i-1]", False),
        ("z1[i]", "z1[i+1-1]", True),
        ("z1[i]", "z1[2*i-1]", True),
        ("z1[i]", "z1[j-1]", True),
        ("z1[i]", "sum(i, z1[i-1])", True),
        ("dL/dz1[i]", "dL/dz1[i+1]", False),
        ("-z1", "2*z1", True),
        ("yhat", "h3", True),
        ("yhat", "z3", False),
        ("dL/dz3", "delta", True),
        ("dL/dW2", "dL/dW2[1,1]", True),
        ("dL/dW2[1,1]", "dL/dW2[2,2]", False),
        ("dL/dW2", "dL/dz2", False),
        ("L", "L[1]", False),
        ("z1", "dL/dz1", False),
        ("drelu(z1[i])", "step(z1[i])", False),
        ("drelu(z1[i])", "drelu(z1[i])", True),
        ("-dL/dz2[1]", "-1*dL/dz2[1]", True),
        ("2*z1[1]", "2*z1[1]*x[1]/x[1]", True),
        ("z1[1] - z1[2]", "x[1] + z1[1] - z1[2]", False),
    ],
)
def test_a_line_may_not_quote_its_own_quantity(quantity, line, quoted):
    tree = parse(quantity, NAMES, NOTATION)
    assert mentions(parse(line, NAMES, NOTATION), tree, SHEET.network) is quoted


@pytest.mark.parametrize(
    ("line", "factor"),
    [
        ("dL/dz1", 1),
        ("-dL/dz1*3", -3),
        ("2*3*dL/dz1*4*learning_rate", 12),
        ("-2*(3*dL/dz1)", -6),
        ("0*dL/dz1", None),
        ("2*dL/dz1*dL/dz1", None),
        ("2*dL/dz1/3", None),
        ("learning_rate*2", None),
    ],
)
def test_a_factor_of_one_quantity(line, factor):
    names = (*NAMES, "learning_rate")
    core = core_of(parse(line, names, NOTATION), Fraction(1, 2))
    assert core == (None if factor is None else (factor, parse("dL/dz1", NAMES, NOTATION)))


ONE_CLAIM = "x = [1, 2]\n[[layer]]\nW = [[1, 2]]\n[[claim]]\nquantity = 'z1'\nvalue = 5\n"


def test_a_sheet_of_sums_is_read_beside_deep_ones():
    """Sizes and depths are kept in the trees: what a notation stands for is gone through once."""
    names = "".join(f"a{k} = '{'-' * 40}(a{k - 1})'\n" if k else "a0 = 'x[1]'\n" for k in range(2))
    text = (
        ONE_CLAIM.replace("[[claim]]", f"[notation]\n{names}[[claim]]")
        + "working = ['a1 + a1', 'x[1]"
        + " + x[1]" * 120
        + "']\n"
    )
    (claim,) = gradsheet.read(text).claims
    deep, long = (line.tree for line in claim.working)
    assert deep is not None
    assert long is not None
    assert (long.size, long.levels) == (241, 2)
    assert deep.size == 2 * 41 + 1
    assert deep.levels == 42
