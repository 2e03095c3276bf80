"""The digits printed are the claim."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradsheet.numbers.printed import (
    MAX_DIGITS,
    NumberError,
    as_float,
    decimal_text,
    exact_text,
    like_claim,
    plain,
    printed,
)
from gradsheet.numbers.real import Arithmetic


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


@pytest.mark.parametrize(
    ("text", "truth", "close"),
    [
        ("5", 4, True),  # off by a quarter
        ("3", 4, True),
        ("21/4", 4, False),
        ("6", 4, False),
        ("1", 0, False),
        ("0.02", 0, True),  # off by two units of the last digit
        ("-0.02", 0, True),
        ("0.03", 0, False),
        ("2.", 0, True),
        ("3.", 0, False),
        ("1.27", 1, True),  # both
        ("1.28", 1, False),
    ],
)
def test_close_is_a_quarter_off_or_two_units_of_the_last_digit(
    text: str, truth: int, close: bool
) -> None:
    assert printed(text).is_close(truth) is close


@pytest.mark.parametrize(
    ("text", "overlaps"),
    [
        ("0.9", False),
        ("0.95", False),
        ("1.0", True),
        ("1.5", True),
        ("2.0", True),
        ("2.1", False),
        ("1.", True),
    ],
)
def test_a_number_overlaps_what_lies_between_or_rounds_to_it(text: str, overlaps: bool) -> None:
    assert printed(text).overlaps(1, 2) is overlaps
    assert printed("0.9").overlaps(Fraction(95, 100), 2)
    assert printed("2.1").overlaps(1, Fraction(205, 100))


def test_the_longest_numbers_are_still_read() -> None:
    nines = "9" * 40
    assert printed(f"-{nines}/{nines}").value == -1
    assert printed(f"-{nines}/1").value == -int(nines)
    assert printed(nines).value == int(nines)
    assert printed("1e300").value == 10**300
    assert printed("1e-300").places == 300
    for text in ("1e301", "1e-301", nines + "9"):
        with pytest.raises(NumberError):
            printed(text)


def test_beyond_the_floats_is_infinity_with_the_sign() -> None:
    assert (as_float(Fraction(10**400)), as_float(Fraction(-(10**400)))) == (math.inf, -math.inf)


def test_exact_numbers_are_text_and_others_floats() -> None:
    e = Arithmetic(40)(1).exp()
    assert exact_text(e) == math.e
    assert exact_text(e - e) == "0"  # known by its mark
    assert exact_text(np.array([[Fraction(49, 8), e], [Fraction(3), e - e]])) == [
        ["49/8", math.e],
        ["3", "0"],
    ]
    assert exact_text(Fraction(2**9_999)) == str(2**9_999)
    assert exact_text(Fraction(2**10_000)) == "a fraction of 3000 digits"


def test_numbers_on_one_line() -> None:
    assert plain([1 / 3, ["49/8", 2.5]]) == "[0.3333333333, [49/8, 2.5]]"
    assert plain(1 / 3, 3) == "0.333"
    assert plain("9" * 40) == "9" * 40
    assert plain("9" * 41) == "about 1.00000e+41"
    assert plain(f"-{'1' * 30}/{'3' * 30}") == "about -0.333333"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(-1, 8), "-0.125"),
        (Fraction(1, 3), "1/3"),
        (Fraction(1, 10**12), "0.000000000001"),
        (Fraction(1, 10**13), "1/10000000000000"),
        (10**28 + Fraction(1, 2), f"1{'0' * 28}.5"),
        (10**29 + Fraction(1, 2), f"2{'0' * 28}1/2"),
    ],
)
def test_fractions_of_few_places_are_decimals(value: Fraction, text: str) -> None:
    assert decimal_text(value) == text


@pytest.mark.parametrize(
    ("truth", "claimed", "told"),
    [
        (["21"], "42", "21"),
        ([["21"]], "42", "21"),
        (["21"], ["42"], ["21"]),
        (["1", "2"], "3", ["1", "2"]),
        ("3/4", "0.6", "0.75"),
        ("3/4", "2/3", "3/4"),
        (["3/4", "1/2"], ["0.6", "1"], ["0.75", "0.5"]),
        ("1/3", "0.3", "1/3"),
        ("1234567/12345679", "0.3", "1234567/12345679"),  # 16 characters
        ("12345678/12345679", "0.3", "0.999999919"),  # 17
        ("2000000000000000001/2", "0.3", "1000000000000000000.5"),
    ],
)
def test_the_truth_is_told_as_the_claim_is_written(truth: Any, claimed: Any, told: Any) -> None:
    assert like_claim(truth, claimed) == told


def test_both_parts_of_a_ratio_may_be_forty_digits_long() -> None:
    long = "1" * MAX_DIGITS
    assert printed(f"{long}/{long}").value == 1
    for text in (f"{long}11/3", f"3/{long}11"):
        with pytest.raises(NumberError, match="too long"):
            printed(text)
