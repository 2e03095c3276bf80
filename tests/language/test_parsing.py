"""What a network of its own may say: formulas read, written, and read again."""

from fractions import Fraction

import pytest

from gradsheet.language import formula as f
from gradsheet.language.parsing import FormulaError, parse
from gradsheet.language.text import formula_text

NAMES = ("x", "y", "t", "L", "K", "E", "v", "w", "w_new", "out", "dout", "dx", "ax", "N", "gamma")


def read(text: str) -> f.Node:
    return parse(text, NAMES, {}, functions=("g",), sizes=("N",), layers=False)


x, y, w, k = f.Quantity("x"), f.Quantity("y"), f.Quantity("w"), f.Letter("k")
i_and_a = f.Chain("+", (f.Letter("i"), f.Letter("a")))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        # indices
        ("x[0]", f.Quantity("x", (0,))),
        ("x[3-2]", f.Quantity("x", (1,))),
        ("x[2*(3+1), i]", f.Quantity("x", (8, f.Letter("i")))),
        ("x[k+2-2]", f.Quantity("x", (k,))),
        ("x[i+a]", f.Quantity("x", (i_and_a,))),
        ("E[w[k]]", f.Quantity("E", (f.Quantity("w", (k,)),))),
        # over letters
        ("max(k, x[k])", f.Largest(k, f.Quantity("x", (k,)))),
        ("min(k, x[k])", f.Smallest(k, f.Quantity("x", (k,)))),
        ("mean(k=0..2, x)", f.Mean(k, x, (0, 2))),
        ("sum(k=-1..1, x)", f.Sum(k, x, (-1, 1))),
        ("max(x, 0)", f.Call("max", (x, read("0")))),
        ("min((k), x)", f.Call("min", (k, x))),
        ("max(x)", f.Call("max", (x,))),
        # functions
        ("where(x >= y, x, 0)", f.Call("where", (f.Compare(">=", x, y), x, read("0")))),
        ("concat(x, y)", f.Call("concat", (x, y))),
        ("g(x)", f.Call("g", (x,))),
        ("g'(x)", f.Call("g'", (x,))),
        ("log'(x)", read("1/x")),
        ("sqrt'(x)", read("1/(2*sqrt(x))")),
        ("cos'(x)", read("-sin(x)")),
        ("sin'(x)", read("cos(x)")),
        ("abs'(x)", read("step(x) - step(-x)")),
        # powers
        ("x**(1/2)", f.Power(x, Fraction(1, 2))),
        ("x**(-3/2)", f.Power(x, Fraction(-3, 2))),
        ("x**-0.5", f.Power(x, Fraction(-1, 2))),
        ("x^½", f.Power(x, Fraction(1, 2))),
        ("x**(4/2)", f.Power(x, 2)),
        ("x**-1", f.Power(x, -1)),
        ("x**1/2", f.Chain("/", (f.Power(x, 1), read("2")))),
        # derivatives
        ("d(x*y)/dw", f.DerivativeOf(f.Chain("*", (x, y)), w)),
        ("d(dL/dw)/dv[k]", f.DerivativeOf(read("dL/dw"), f.Quantity("v", (k,)))),
        ("d(x)/dw", f.Derivative(x, w)),
        ("dout/dx", f.Derivative(f.Quantity("out"), x)),
        ("dout[1]/dx[k]", f.Derivative(f.Quantity("out", (1,)), f.Quantity("x", (k,)))),
        ("dL/dw_new", f.Derivative(f.Quantity("L"), f.Quantity("w_new"))),
        # and what is none
        ("dout*x", f.Chain("*", (f.Quantity("dout"), x))),
        ("(dout)/dx", f.Chain("/", (f.Quantity("dout"), f.Quantity("dx")))),
        ("dout/ax", f.Chain("/", (f.Quantity("dout"), f.Quantity("ax")))),
        ("dout/y", f.Chain("/", (f.Quantity("dout"), y))),
    ],
)
def test_the_tree_of_a_formula(text: str, tree: f.Node) -> None:
    assert read(text) == tree
    assert type(read(text)) is type(tree)
    assert read(formula_text(tree)) == tree


@pytest.mark.parametrize(
    "text",
    [
        "x[i+a-1,2*j]",
        "x[2*(i+1)-3,-i+4]",
        "x[i-(a-1)]",
        "E[w[2*k-1],3]",
        "(x + y)[i+1]",
        "sum(i, sum(j, x[i,j]))",
        "max(a=1..2, max(b=1..2, x[2*i+a-2,2*j+b-2]))",
        "max((k), x)",
        "where(x == 1, max(x, y), min(x))",
        "x**(-3/2)/y**2",
        "dout/(dx)",
        "x*dout/(dx**2)",
        "-dout/(dL/dx)",
        "d(x @ y)/dw[1,2]",
        "d(d(x*y)/dw)/dv",
        "concat(g(x), g'(y))*sum(k=1..2, x[k])",
        "kronecker(i, j + 1)",
        "(2).T",
        "x - y + -w - -t",
        "x - (y - w)*(t + 1)",
        "x*y/(w*t) @ v*(x/y)",
        "x*(y/dx)/(dout)*2",
    ],
)
def test_what_is_written_is_what_was_read(text: str) -> None:
    assert formula_text(read(text)) == text


def test_parentheses_that_change_nothing_are_not_written() -> None:
    tree = read("((x + y) - w) + (v*t)/2")
    assert formula_text(tree) == "x + y - w + v*t/2"
    assert read(formula_text(tree)) == tree


@pytest.mark.parametrize("operators", ["+", "-", "*", "/", "@", "·", "+-", "*/@·"])
def test_a_long_sum_or_product_is_one_flat_node(operators: str) -> None:
    tree = read("x" + "".join(f"{operators[k % len(operators)]}y" for k in range(200)))
    assert (type(tree), tree.levels, tree.size) == (f.Chain, 2, 401)
    assert read(formula_text(tree)) == tree
    assert len(set(f.parts(tree))) == 202  # x, y, and all that it begins with


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x[i*j]", r"the index i\*j is no sum of letters with whole coefficients"),
        ("x[i+0.5]", r"found '0.5' after 'x \[ i \+', expected an index: a whole number from 1"),
        ("x[1-3]", "the index -2 is negative: indices start at 1"),
        ("x[g]", "g is a function of this sheet, and cannot be an index as well"),
        ("sum(N, x[N])", "N is a size, and cannot be an index as well"),
        ("sum(k=2..1, x[k])", "k=2..1: expected the smaller bound first"),
        ("sum(k=1..N, x[k])", "found 'N' after 'k = 1 ..', expected whole numbers as the bounds"),
        ("sum(k=1, x[k])", "expected whole numbers as the bounds of k: k=1..3"),
        ("max(2, x, y)", r"found ',' after '\( 2 , x', expected '\)'"),
        ("x > y", "a comparison stands only at the beginning of where"),
        ("exp(x == y)", "a comparison stands only at the beginning of where"),
        ("where(x, 1, 0)", "where begins with a comparison: where.a > b, u, v."),
        ("where(x > 0, 1)", "where has 2 arguments, expected 3"),
        ("concat(x)", "concat has 1 argument, expected 2"),
        ("log'(x, y)", "log' has 2 arguments, expected 1"),
        ("softmax'(x)", "softmax' is not known, expected one of relu'"),
        ("g(x, y)", "g has 2 arguments, expected 1"),
        ("g + 1", r"g stands alone, expected g\(...\)"),
        ("x**(1/13)", r"the exponent of \*\* is '\(1/13\)', .* by one up to 12"),
        ("x**(17/2)", r"the exponent of \*\* is '\(17/2\)', expected a whole number up to 16"),
        ("x**(1/0)", r"the exponent of \*\* is a division by 0"),
        ("x**" + "(" * 60 + "1" + ")" * 60, "nested deeper"),
        ("E[" * 60 + "1" + "]" * 60, "nested deeper"),
        ("d(x*y)", r"a derivative is written d\(W1 @ x\)/dW1"),
        ("d(x*y)/y", r"a derivative is written d\(W1 @ x\)/dW1"),
        ("d(x*y)/dz", "unknown name dz"),
        ("x = 3", "found '=' after 'x': write one formula a line, without an equals sign"),
        ("√x", "write sqrt"),
        ("x ≥ y", "write >="),
        ("relux(x)", "unknown name relux: did you mean relu"),
        ("sigma*x", "unknown name sigma: it is neither given nor defined; did you mean sigmoid"),
        ("v_new", "unknown name v_new: it is neither given nor defined; did you mean w_new"),
        ("learning_rate*x", "unknown name learning_rate: it is neither given nor defined"),
    ],
)
def test_what_is_no_formula_is_refused_in_words_of_this_sheet(text: str, message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        read(text)


def test_no_single_letter_is_reserved() -> None:
    assert parse("X + Y", (), layers=False).letters == {"X", "Y"}
    with pytest.raises(FormulaError, match="did you mean x"):
        parse("X", ("x",))
