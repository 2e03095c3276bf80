"""The digits printed are the claim."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradsheet.numbers.printed import NumberError, printed


@pytest.mark.parametrize(
    ("text", "value", "places"),
    [
        ("7", Fraction(7), None),
        ("-12", Fraction(-12), None),
        ("49/8", Fraction(49, 8), None),
        ("-1 / 3", Fraction(-1, 3), None),
        ("0.10", Fraction(1, 10), 2),
        (".12", Fraction(3, 25), 2),
        ("0.", Fraction(0), 0),
        ("-0.0", Fraction(0), 1),
        ("6.125", Fraction(49, 8), 3),
        ("1.5e-3", Fraction(3, 2000), 4),
        ("2.50e2", Fraction(250), 0),
        ("4e3", Fraction(4000), 0),
        ("1_000", Fraction(1000), None),
    ],
)
def test_a_number_keeps_its_value_and_its_digits(text, value, places):
    found = printed(text)
    assert (found.value, found.places) == (value, places)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "-",
        "e5",
        "1e",
        "1.2.3",
        "0x10",
        "nan",
        "inf",
        "1/0",
        "1/2/3",
        "1e5000000",
        "9" * 41,
        "1" * 10**6,
        "²",
        "١",
    ],
)
def test_what_is_no_number_is_refused_at_once(text):
    with pytest.raises(NumberError):
        printed(text)


@pytest.mark.parametrize(
    ("text", "truth", "agrees"),
    [
        ("6.125", Fraction(49, 8), True),
        (
            "6.13",
            Fraction(49, 8),
            True,
        ),  # exactly halfway: both neighbours are right in every digit printed
        ("6.12", Fraction(49, 8), True),
        ("6.11", Fraction(49, 8), False),
        ("6.1", Fraction(49, 8), True),
        ("6.", Fraction(49, 8), True),
        ("6", Fraction(49, 8), False),  # a whole number is exact
        ("0.333", Fraction(1, 3), True),
        ("0.3333", Fraction(1, 3), True),
        ("0.334", Fraction(1, 3), False),
        ("1/3", Fraction(1, 3), True),
        ("0.10", Fraction(1049, 10000), True),
        ("0.10", Fraction(1051, 10000), False),
        ("-0.10", Fraction(-1051, 10000), False),
    ],
)
def test_right_means_right_in_every_digit_printed(text, truth, agrees):
    assert printed(text).agrees(truth) is agrees


@given(st.fractions(-1000, 1000), st.integers(0, 12))
def test_a_correctly_rounded_number_is_right_and_its_neighbours_are_not(truth, places):
    scaled = round(truth * 10**places)  # half to even
    for off in (-2, -1, 0, 1, 2):
        size = abs(scaled + off)
        text = (
            f"{'-' if scaled + off < 0 else ''}{size // 10**places}.{size % 10**places:0{places}d}"
        )
        text = text if places else text.split(".", maxsplit=1)[0] + "."
        is_half = abs(Fraction(scaled + off, 10**places) - truth) * 2 * 10**places == 1
        assert printed(text).agrees(truth) is (off == 0 or is_half)
