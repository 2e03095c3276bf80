"""The digits of a solution: as many as the sheet has, and as many on the way as
it takes.
"""

import pytest

import gradsheet
import gradsheet.solution
from gradsheet.numbers.printed import printed
from gradsheet.solution.rounding_off import Digits
from tests.sheets import NET
from tests.solving import claims, solved, steps


def test_rounding_is_said_and_goes_by_the_digits_of_the_sheet():
    solution = solved(
        NET
        + "[[claim]]\nquantity = 'h1'\nvalue = 0.774\n"
        + "[[claim]]\nquantity = 'yhat'\nvalue = 2.3215\n"
    )
    found = steps(solution)
    assert found["h1"] == ["sigmoid(z1)", "sigmoid([1.23])", "[0.77382]"]
    assert found["dL/dyhat"] == ["yhat - y", "[2.3215] - [1]", "[1.3215]"]
    text = gradsheet.solution.text(solution)
    assert "h⁽¹⁾ = sigmoid(z⁽¹⁾) = sigmoid(1.23) ≈ 0.77382" in text
    assert "∂L/∂ŷ = ŷ − y ≈ 2.3215 − 1 ≈ 1.3215" in text
    assert "to 5 significant digits. Every result is computed from unrounded numbers" in " ".join(
        text.split()
    )


def test_without_decimals_exact_numbers_are_fractions():
    fractions = (
        NET.replace("1.23", '"3/2"').replace('"sigmoid"', '"identity"').replace("0.1", '"1/10"')
    )
    assert steps(solved(fractions + claims("L")))["L"][-2:] == ["(1 - 9/2)**2/2", '"49/8"']


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1/3", "1/3"),
        ("0.5", "0.5"),
        ("123456/1000000007", "0.000123456"),
        ("-2000000/3", "-666666.7"),
        ("1e-30", "1e-30"),
    ],
)
def test_numbers_as_they_are_written(value, text):
    digits = Digits(gradsheet.read(NET + claims("L")))
    number = printed(value).value
    found, rounded = digits.number(number)
    assert found.value == printed(text).value
    assert found.agrees(number)
    assert rounded == (found.value != number)


ONE = (
    "loss = 'half_squared_error'\nx = [{x}]\ny = 1\n[[layer]]\nW = [[{W}]]\nactivation = "
    "'{activation}'\n"
)


def test_as_many_digits_are_kept_on_the_way_as_it_takes():
    """ln(1 + exp(100000)) is 100000 but for exp(-100000)."""
    found = steps(solved(ONE.format(x="100000", W="1", activation="softplus") + claims("yhat")))
    assert found["yhat"][-1] == "[100000.0]"
