"""The two sides of a claim: what a wrong number has to do with the truth, and
what a line gives.
"""

from fractions import Fraction

import pytest

import gradsheet
from gradsheet.claims.comparison import printed_value
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
