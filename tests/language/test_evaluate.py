"""The value of a formula at a point of a network of its own, by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from gradsheet.language import formula as f
from gradsheet.language.evaluate import Evaluator
from gradsheet.language.parsing import parse
from gradsheet.network.ranges import Ranges
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.reasons import DivisionByZero, EvaluationError, NotRead, Undecided
from manual.activations import Array


def exact(value: Any) -> Array:
    array = np.array(value, object)
    return np.frompyfunc(Fraction, 1, 1)(array) if array.ndim else as_array(Fraction(value))


GIVEN = {
    "x": [[1, 2, 0], [0, 1, 3], [2, -1, 1]],
    "K": [[1, -1], [2, 0]],
    "v": [3, -1, 2],
    "u": [0, 5],
    "row": [[10, 20, 30]],
    "column": [[1], [2], [3]],
    "one": [4],
    "w": [3, 1],
    "E": [[1, 2], [0, 1], [3, -1]],
    "half": Fraction(1, 2),
    "cube": [[[1, 2]], [[3, 4]]],
    "h": [5, 6, 7],
    "h0": 4,
    "s": [[1, 2], [3, 4]],
    "s0": [8, 9],
    "L": 7,
}
FUNCTIONS = {
    "g": ("a", "a**2 + max(a, 0)"),
    "k2": ("a", "a*v"),
    "p": ("a", "sum(i, v[i]*a)"),
    "q": ("b", "g(b)*b"),
}


@dataclass
class Network:
    """The shapes of what is given; h and s are recurrences, s along its second axis."""

    shares = None
    bases: Mapping[tuple[str, int, int], str] = field(
        default_factory=lambda: {("h", 0, 0): "h0", ("s", 1, 0): "s0"}
    )
    shapes: Mapping[str, tuple[int, ...]] = field(
        default_factory=lambda: {name: exact(value).shape for name, value in GIVEN.items()}
    )

    def canonical(self, name: str) -> str:
        return name

    def has_examples(self, name: str) -> bool | None:
        return False


class Point:
    """Their values."""

    floats, exact, leaves = False, True, None

    def __init__(self) -> None:
        self.budget, self.network, self.arithmetic = Budget(), Network(), Arithmetic(40)

    def node(self, name: str) -> Array:
        return exact(GIVEN[name])

    def derivative(self, *asked: Any) -> Array:
        return as_array(asked)

    def differential(self, node: f.DerivativeOf, binding: Mapping[str, int]) -> Array:
        return as_array((node.by.name, *binding.values()))

    def function(self, name: str) -> tuple[str, f.Node] | None:
        argument, formula = FUNCTIONS.get(name, ("", ""))
        return (
            (argument, parse(formula, [*GIVEN, argument], functions=FUNCTIONS, layers=False))
            if argument
            else None
        )

    def own_slope(self, name: str, argument: Array) -> Array:
        assert name == "g"
        return as_array(2 * argument)


def read(text: str) -> f.Node:
    return parse(text, GIVEN, {}, functions=FUNCTIONS, layers=False)


def value(text: str, **binding: int) -> Any:
    return Evaluator(Point()).value(read(text), binding).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # indices
        ("v[i+1]", 2),
        ("x[2*i-3, -i+4]", 2),
        ("E[w[1], 2]", -1),
        ("E[w[i]+1]", [0, 1]),
        ("(v*2)[i-1]", 6),
        ("sum(t, d, E[w[t], d])", 5),
        ("sum(t, E[w[t]])", [4, 1]),
        # over letters
        ("sum(a, b, K[a,b]*x[i+a-1, i+b-2])", -1 + 4),
        ("max(a=1..2, b=1..2, x[i+a-1, b])", 2),
        ("min(a=1..2, x[a])", [0, 1, 0]),
        ("max(k, v[k])", 3),
        ("min(k, v[k])", -1),
        ("mean(k=2..3, v[k])", Fraction(1, 2)),
        ("sum(k=0..1, k)", 1),
        ("sum(k=-1..1, v[k+2])", 4),
        ("max(k, x[k])", [2, 2, 3]),
        ("max(v)", 3),
        ("min(x)", -1),
        ("sum(k, v[k+1])", 1),
        ("sum(k, v[4-k])", 4),
        ("sum(k, sum(m=1..2, v[k+m-1]))", 2 + 1),
        ("sum(k, sum(k, v[k])*u[k])", 20),
        # a letter between sums has the range that the rest of the formula gives it
        ("sum(m, u[m]*sum(k, v[k+m-1]))", 5),
        ("u[i]*sum(k, v[k+i-1])", 5),
        # of two, and with a condition
        ("max(v, 0)", [3, 0, 2]),
        ("min(v, [1, 1, 1])", [1, -1, 1]),
        ("max(1, 2)", 2),
        ("max((i), 1)", 2),
        ("where(v > 0, v, -v)", [3, 1, 2]),
        ("where(v >= 2, 1, 0)", [1, 0, 1]),
        ("where(v < 2, 1, 0)", [0, 1, 0]),
        ("where(v <= 2, 1, 0)", [0, 1, 1]),
        ("where(v == 2, 1, 0)", [0, 0, 1]),
        ("where(1 < 2, v, 0)", [3, -1, 2]),
        ("concat(v, u)", [3, -1, 2, 0, 5]),
        ("concat(1, v)", [1, 3, -1, 2]),
        ("concat(K, E)[3]", [1, 2]),
        # powers
        ("8**(1/3)", 2),
        ("(1/4)**(3/2)", Fraction(1, 8)),
        ("8**(-2/3)", Fraction(1, 4)),
        ("[0, 1]**(1/3)", [0, 1]),
        ("(exp(1) - exp(1))**(1/3)", 0),
        ("exp(2)**(1/2)/exp(1)", 1),
        ("2**(-3/2)*2**(1/2)", Fraction(1, 2)),
        ("[[1, 2]]**-1", [[1, Fraction(1, 2)]]),
        # functions of one's own
        ("g(v)", [12, 1, 6]),
        ("g(i)", 6),
        ("g(g(1))", 6),
        ("q(2)", 12),
        ("g'(v)", [6, -2, 4]),
        ("abs(v)", [3, 1, 2]),
        ("abs'([-2, 0, 2])", [-1, 0, 1]),
        ("sqrt(x[3,1]*2)", 2),
        ("sqrt'(4)", Fraction(1, 4)),
        ("sin(0) + cos(0)", 1),
        ("p(u)", [0, 20]),
        # recurrences
        ("h[i-2]", 4),
        ("h[0] + h[1]", 9),
        ("s[1,0] + s[2,i]", 8 + 4),
        # derivatives
        ("dL/dh[0]", ("L", (), "h0", ())),
        ("ds[1,0]/ds[2,1]", ("s0", (0,), "s", (1, 0))),
        ("d(L**2)/dv", ("v", 2)),
        # shapes
        ("x + row", [[11, 22, 30], [10, 21, 33], [12, 19, 31]]),
        ("v + row", [[13, 19, 32]]),
        ("one*v", [12, -4, 8]),
        ("one @ u", [0, 20]),
        ("v.T", [[3, -1, 2]]),
    ],
)
def test_the_value_of_a_formula(text: str, expected: Any) -> None:
    assert value(text, i=2) == expected


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("v[i+2]", EvaluationError, r"v\[i\+2\]: index 1 is 4 at i = 2, outside 1 to 3"),
        ("v[0]", EvaluationError, "index 1 is 0, outside 1 to 3, indices start at 1"),
        ("s[0,1]", EvaluationError, "index 1 is 0, outside 1 to 2, indices start at 1"),
        ("h[i-3]", EvaluationError, "index 1 is -1 at i = 2, outside 1 to 3"),
        ("v[half[1]]", EvaluationError, r"half\[1\] has 1 indices, half has 0 axes"),
        ("v[half]", NotRead, "the index half is 1/2, expected a whole number"),
        ("x[one]", NotRead, "the index one is an array of 1, expected a whole number"),
        ("sum(k, x[k,1]*u[k])", EvaluationError, "the index k runs over axes of different size"),
        ("sum(k, 1)", NotRead, "k is no quantity, and as an index it stands at no axis"),
        ("max(k, 0)", NotRead, "k is no quantity, and as an index it stands at no axis"),
        ("sum(k, m, v[k+m])", NotRead, "nothing says how far . runs.*sum.(k|m)=1..3"),
        ("max(i, x[i+k-1])[2*k-1]", NotRead, "nothing says how far . runs"),
        ("sum(k, v[k+w[1]])", NotRead, "nothing says how far k runs, .*: give it bounds"),
        ("sum(k, v[k+3])", EvaluationError, r"the index k\+3 of v is inside for no k from 1"),
        ("sum(k=1..99999999, k)", Undecided, "more work"),
        ("max(half)", NotRead, "max of a single number: write max.k, ...."),
        ("max(v, u)", EvaluationError, r"max of shapes \(2,\) and \(3,\), expected equal shapes"),
        ("where(v > 0, u, 1)", EvaluationError, r"where of shapes \(2,\) and \(3,\), expected"),
        (
            "concat(K, v)",
            EvaluationError,
            r"concat of shapes \(2, 2\) and \(3,\), expected all but",
        ),
        ("v**(1/3)", EvaluationError, "the power 1/3 of a negative number"),
        ("u**(-1/3)", DivisionByZero, "a division by 0"),
        ("k2(v)", NotRead, "k2 gives an array of 3 for a number"),
        ("x + v", NotRead, r"write W \+ v.T for the same in every row"),
        (
            "x*v",
            NotRead,
            r"write W @ v for the product, W\*v.T to scale the columns",
        ),
        ("cube.T", NotRead, ".T of an array of 3 axes"),
        ("L[1]", EvaluationError, r"L\[1\] has 1 indices, L has 0 axes"),
    ],
)
def test_what_has_no_value(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        value(text, i=2)


def ranges(text: str, **sizes: int) -> dict[str, int]:
    """How far the free letters of a formula run, on which those who lower it have to agree."""
    evaluator, tree = Evaluator(Point(), sizes=sizes), read(text)
    letters = sorted(tree.letters)
    found = {letter: evaluator.range_of(letter, tree, {}) for letter in letters}
    known = {letter: (1, size) for letter, size in sizes.items()}
    lowered = Ranges(tree, lambda node: Network().shapes[node.name], known)  # type: ignore[attr-defined]
    assert {letter: lowered[letter] for letter in letters} == {l: (1, n) for l, n in found.items()}
    return found


def test_how_far_letters_run() -> None:
    """Alone as far as their axis; else as far as all stays inside, whatever the others are."""
    assert ranges("sum(a, b, K[a,b]*x[i+a-1, j+b-1])") == {"i": 2, "j": 2}
    assert ranges("max(a=1..2, b=1..2, x[2*i+a-2, j+2*b-3])") == {"i": 1, "j": 2}
    assert ranges("v[i+1]*x[i, 1]") == {"i": 3}
    assert ranges("x[i-j+2, 1]*u[j]") == {"i": 2, "j": 2}
    assert ranges("v[4-i]*u[3-j]") == {"i": 3, "j": 2}
    assert ranges("sum(k=0..1, v[i+k])") == {"i": 2}
    assert ranges("E[w[t], k]") == {"k": 2, "t": 2}
    assert ranges("E[w[t+1], k]") == {"k": 2, "t": 1}
    assert ranges("sum(k, v[k+i-1])", i=2) == {"i": 2}
    assert ranges("v[i]", i=2) == {"i": 2}
    bindings = Evaluator(Point(), sizes={"i": 2}).bindings(read("v[i]"))
    assert [binding["i"] for binding in bindings] == [1, 2]
    # Sizes are of free letters: a sum has its own of that name.
    assert Evaluator(Point(), sizes={"k": 1}).value(read("sum(k, v[k])"), {}).item() == 4
    assert Evaluator(Point(), sizes={"i": 2}).value(read("sum(k, v[k+i-1])"), {"i": 2}).item() == 1


def test_an_index_takes_no_work() -> None:
    """It is no array of fractions."""
    for index in ("i", "i+1-1", "2*i-i"):
        evaluator = Evaluator(Point())
        _ = evaluator.value(read(f"v[{index}]"), {"i": 1})
        assert evaluator.work == 1, index


def test_definitions_broadcast_rows_and_numbers_only() -> None:
    loose, strict = Evaluator(Point()), Evaluator(Point(), strict=True)
    for text in ("x + row", "2*x", "one*v"):
        assert strict.value(read(text), {}).tolist() == loose.value(read(text), {}).tolist()
    for text in ("x + column", "v + row", "column*row"):
        loose.value(read(text), {})
        with pytest.raises(EvaluationError, match=r"expected equal shapes|more than one meaning"):
            strict.value(read(text), {})


@pytest.mark.parametrize(
    ("text", "kinks"),
    [
        ("max(v, 2)", [-1, -3, 0]),
        ("min(k, v[k])", [4, 3]),
        ("where(v == 2, v, 0)", [1, -3, 0]),
        ("relu(v)", [3, -1, 2]),
        ("abs(v)", [3, -1, 2]),
    ],
)
def test_how_near_a_formula_is_to_its_kinks(text: str, kinks: list[int]) -> None:
    evaluator = Evaluator(Point())
    evaluator.value(read(text), {})
    assert evaluator.kinks == kinks
