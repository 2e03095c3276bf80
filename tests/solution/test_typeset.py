"""Formulas as mathematics: what is set reads as the formula that it is, in
LaTeX and in characters."""

import pytest

import gradsheet
from gradsheet.language import formula as f
from gradsheet.language.parsing import parse
from gradsheet.language.text import formula_text
from gradsheet.solution.boxes import Boxes
from gradsheet.solution.mathml import MathML
from gradsheet.solution.pages import given
from gradsheet.solution.tex import Latex

SHEET = gradsheet.read("""
loss = "half_squared_error"
learning_rate = "1/10"
x = [3, 2]
y = 1
[[layer]]
W = [["1/3", 2], [1, -1]]
activation = "tanh"
[[layer]]
W = [[2, 1]]
[notation]
w5 = "W2[1,1]"
two = "2"
x_1 = "x[2]"
_ = "W1[1,1]"
[[claim]]
quantity = "L"
value = 1
""")


def set_as(setter: type, text: str) -> str:
    found = setter(SHEET).formula(parse(text, SHEET.network.names, SHEET.notation))
    return "\n".join(found.lines) if setter is Boxes else found


@pytest.mark.parametrize(
    ("text", "latex", "characters"),
    [
        # A product of numbers has a sign, of symbols none.
        ("[2] * 100 + 3", r"2\cdot 100+3", "2 · 100 + 3"),
        ("outer([2], [5])", r"2\cdot 5", "2 · 5"),
        ("2*x[1]", r"2\, x_{1}", "2 x₁"),
        ("x[1]*x[2]", None, "x₁ x_1"),
        # A sign behind a sign stands in parentheses.
        ("2 - -3*x[1]", r"2-\left(-3\, x_{1}\right)", "2 − (−3 x₁)"),
        ("x[1] - (y[1] - 1)", r"x_{1}-\left(y-1\right)", "x₁ − (y − 1)"),
        ("-(x[1] + y[1])", r"-\left(x_{1}+y\right)", "−(x₁ + y)"),
        # A power is that of all that stands before it.
        ("(x[1]/y[1])**2", r"{\left(\frac{x_{1}}{y}\right)}^{2}", "(x₁/y)²"),
        ("dL/dyhat**2", r"{\left(\frac{\partial L}{\partial \hat y}\right)}^{2}", "(∂L/∂ŷ)²"),
        ("h1[1]**2", r"{\left(h_{1}^{(1)}\right)}^{2}", "(h⁽¹⁾₁)²"),
        ("yhat[1]**2", r"{\hat y}^{2}", "ŷ²"),
        ("(2e-7)**2", r"{\left(2\cdot {10}^{-7}\right)}^{2}", "(2 · 10⁻⁷)²"),
        ("1/2e-7", r"\frac{1}{2\cdot {10}^{-7}}", "1/(2 · 10⁻⁷)"),
        # A slash on one line divides by what stands next to it, and by no more.
        ("1/dL/dyhat", r"\frac{1}{\frac{\partial L}{\partial \hat y}}", "1/(∂L/∂ŷ)"),
        ("x[1]/y[1]*yhat[1]", r"\frac{x_{1}}{y}\, \hat y", "x₁/y · ŷ"),
        ("x[1]/(y[1]*yhat[1])", r"\frac{x_{1}}{y\, \hat y}", "x₁/(y ŷ)"),
        # Two kinds of products are told apart.
        ("(W1*W1) @ x", r"\left(W^{(1)}\odot W^{(1)}\right)\, x", "(W⁽¹⁾ ⊙ W⁽¹⁾) x"),
        ("(W1 @ x)*h1", r"\left(W^{(1)}\, x\right)\odot h^{(1)}", "(W⁽¹⁾ x) ⊙ h⁽¹⁾"),
        ("[[1], [2]] @ [[3, 4]]", None, "⎡1⎤ [3  4]\n⎣2⎦       "),
        ("x @ W1", r"{x}^{\top}\, W^{(1)}", "xᵀ W⁽¹⁾"),
        ("W1 * outer(dL/dz1, x)", None, "W⁽¹⁾ ⊙ (δ⁽¹⁾ xᵀ)"),
        ("W1 / outer(dL/dz1, x)", None, "W⁽¹⁾/(δ⁽¹⁾ xᵀ)"),
        ("outer(dL/dz1, x)**2", r"{\left(\delta^{(1)}\, {x}^{\top}\right)}^{2}", "(δ⁽¹⁾ xᵀ)²"),
        ("outer(dL/dz1, x).T", r"{\left(\delta^{(1)}\, {x}^{\top}\right)}^{\top}", "(δ⁽¹⁾ xᵀ)ᵀ"),
        ("outer(dL/dz1, x)[1,2]", None, "(δ⁽¹⁾ xᵀ)₁,₂"),
        # What stands behind a fraction stands behind all of it.
        ("(dyhat/dx).T", r"{\left(\frac{\partial \hat y}{\partial x}\right)}^{\top}", "(∂ŷ/∂x)ᵀ"),
        ("(dyhat/dx)[1,2]", None, "(∂ŷ/∂x)₁,₂"),
        ("(x/h1).T @ x", r"{\left(\frac{x}{h^{(1)}}\right)}^{\top}\, x", "(x/h⁽¹⁾)ᵀ x"),
        # A sum over an index ends where a product begins.
        ("sum(k, h1[k])*x[1]", r"\left(\sum_{k} h_{k}^{(1)}\right)\, x_{1}", "(∑ₖ h⁽¹⁾ₖ) x₁"),
        ("x[1] - sum(k, h1[k])", r"x_{1}-\sum_{k} h_{k}^{(1)}", "x₁ − ∑ₖ h⁽¹⁾ₖ"),
        ("sum(k, h1[k] + 1)", r"\sum_{k} \left(h_{k}^{(1)}+1\right)", "∑ₖ (h⁽¹⁾ₖ + 1)"),
        # The sheet's own names, but not for numbers, and none that looks like one of the network's.
        ("w5*2", r"w_{5}\cdot 2", "w₅ · 2"),
        ("x_1", r"\mathit{x\_1}", "x_1"),
        ("_*3", r"\_\cdot 3", "_ · 3"),
        ("W1_new[1,2]", r"W_{12}^{(1)+}", "W⁽¹⁾⁺₁₂"),
        ("dL/dz1[1]", r"\delta_{1}^{(1)}", "δ⁽¹⁾₁"),
        ("log(yhat[1])", r"\mathrm{ln}\left(\hat y\right)", "ln(ŷ)"),
        ("drelu(z1)", r"\mathrm{relu}'\left(z^{(1)}\right)", "relu′(z⁽¹⁾)"),
        ("z1.T", r"{z^{(1)}}^{\top}", "z⁽¹⁾ᵀ"),
    ],
)
def test_what_is_set_reads_as_the_formula(text, latex, characters):
    assert set_as(Boxes, text) == characters
    assert latex is None or set_as(Latex, text) == latex
    assert set_as(MathML, text).count("<mrow>") == set_as(MathML, text).count("</mrow>")


@pytest.mark.parametrize(
    "text",
    [
        "a - (b - c)",
        "a - b - c",
        "a/(b*c)",
        "a/b*c",
        "(a + b)*c",
        "-(a*b)",
        "-a*b",
        "(-a)**2",
        "a*-b",
        "2**3",
        "(1/3)*a",
        "(dyhat/dx)[1]",
        "[a, b][1]",
    ],
)
def test_a_formula_written_and_read_again_is_the_same(text):
    names = {letter: f.Quantity("x", (k,)) for k, letter in enumerate("abc", 1)}
    tree = parse(text, SHEET.network.names, names)
    assert parse(formula_text(tree), SHEET.network.names) == tree


def test_negative_numbers_stand_in_parentheses():
    assert set_as(Boxes, "2*(-3) + (-4)") == "2 · (−3) + (−4)"


def test_rounded_data_are_said_to_be():
    sheet = gradsheet.read(
        "loss = 'output'\nx = [0.12345678901234567]\n[[layer]]\nW = [[2]]\n[[claim]]\nquantity = "
        "'L'\nvalue = 1\n"
    )
    assert [(name, sign, value) for name, sign, value in given(Latex(sheet), sheet)] == [
        ("x", "≈", "0.123457"),
        ("W^{(1)}", "=", "2"),
    ]
