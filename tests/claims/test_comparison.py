"""The two sides of a claim: what a wrong number has to do with the truth, and
what a line gives.
"""

from fractions import Fraction

import pytest

import gradsheet
from gradsheet.claims.comparison import _simple_multiple, has_own_kink, printed_value
from gradsheet.claims.messages import relation
from gradsheet.language.parsing import parse
from gradsheet.numbers.printed import (
    printed,
)
from gradsheet.numbers.real import Arithmetic
from tests.sheets import NUMBERS, TWO, judged


@pytest.mark.parametrize(
    ("claimed", "exact", "words"),
    [
        ("42", Fraction(21), "2 times the truth"),
        ("-21", Fraction(21), "the truth with the wrong sign"),
        ("10.5", Fraction(21), "1/2 of the truth"),
        ("-7", Fraction(21), "-1/3 of the truth"),
        ("252", Fraction(21), "12 times the truth"),
        ("231", Fraction(21), "11 times the truth"),
        ("21/11", Fraction(21), "1/11 of the truth"),
        ("273", Fraction(21), "off by 252"),
        ("0", Fraction(21), "off by -21"),
        ("21.5", Fraction(21), "off by 0.5"),
        ("62/3", Fraction(21), "off by -1/3"),
        ("5.44", None, "2 times the truth"),
        ("-2.72", None, "the truth with the wrong sign"),
        ("0.91", None, "1/3 of the truth"),
        ("2.8", None, "off by 0.0817"),
    ],
)
def test_how_a_wrong_number_relates_to_the_truth(
    claimed: str, exact: Fraction | None, words: str
) -> None:
    real = Arithmetic(40)
    assert relation(printed(claimed), real(1).exp() if exact is None else exact) == words


@pytest.mark.parametrize(
    ("line", "own"),
    [
        ("relu(z1)", False),
        ("drelu(h1[1])", False),
        ("z1", False),
        ("relu(z2)", True),
        ("step(x)", True),
        ("relu(W1[1,1])", True),
        ("relu(2*z1)", False),
        ("relu(-z1/3)", False),
        ("relu(z1 - z1)", True),
        ("relu(z1)*step(yhat)", True),
    ],
)
def test_a_kink_that_the_network_has_not_is_a_lines_own(line: str, own: bool) -> None:
    network = gradsheet.read(TWO + "[[claim]]\nquantity = 'L'\nvalue = 1\n").network
    assert has_own_kink(parse(line, network.names), network) is own


def test_simple_multiples() -> None:
    e = Arithmetic(40)(1).exp()
    assert _simple_multiple(Fraction(-6, 7), Fraction(2))
    assert _simple_multiple(Fraction(64), Fraction(1))
    assert _simple_multiple(2 * e / 3, e)
    assert _simple_multiple(0, 0)
    for v, unit in ((65, 1), (Fraction(1, 65), 1), (3, 0), (e, 1), (e, 3)):
        assert not _simple_multiple(v, Fraction(unit))


def test_a_line_of_numbers_has_their_digits() -> None:
    names = gradsheet.read(TWO + "[[claim]]\nquantity = 'L'\nvalue = 1\n").network.names
    assert printed_value(parse("2.50", names)) == printed("2.50")
    assert printed_value(parse("[1, -2.5]", names)) == (printed("1"), printed("-2.5"))
    assert printed_value(parse("[1, x]", names)) is None
    assert printed_value(parse("1 + 1", names)) is None


def test_a_line_of_several_numbers_says_what_it_gives() -> None:
    found = judged(NUMBERS, "z1", "W1 @ x", value="[-1, 2, 3]")
    assert (found.verdict, found.message) == (
        "lucky",
        "line 1, 'W1 @ x', gives [1, 3, 2]; its own last line gives [1, 3, 2], not [-1, 2, 3]",
    )
