"""The small change that makes a formula true."""

import pytest

import gradsheet
from gradsheet.language import formula as f
from gradsheet.language.parsing import parse
from gradsheet.language.text import formula_text
from gradsheet.mistakes.repair import repaired
from tests.sheets import NUMBERS

NETWORK = gradsheet.read(NUMBERS + "[[claim]]\nquantity = 'L'\nvalue = 1\n").network
NAMES = ("W1", "W2", "W3", "x", "L")


@pytest.mark.parametrize(
    ("line", "wanted", "code"),
    [
        ("W3 @ W2*W1 @ x", "W3 @ W2 @ W1 @ x", "product-wrong"),
        ("W3 @ W2 @ W1*x", "W3*W2 @ W1*x", "product-wrong"),
        ("W2 @ W3*W1 @ x", "W3 @ W2*W1 @ x", "order-wrong"),
        ("W3 @ W2 @ W1 @ x", "outer(W3 @ W2, W1) @ x", "product-wrong"),
        ("W3 @ x + W1 @ x", "W3 @ x + x @ W1", "order-wrong"),
        ("x - W3 @ x + x*2 - x", "x - W3.T @ x + x*2 - x", "transpose-missing"),
        ("dL/dW1 @ x", "dL/dW1.T @ x", "transpose-missing"),
        ("x + dL/dW1.T @ x", "x + dL/dW1 @ x", "transpose-added"),
    ],
)
def test_one_place_of_a_long_formula_is_changed(line: str, wanted: str, code: str) -> None:
    changes = repaired(
        parse(line, NAMES), parse("x", NAMES), NETWORK, lambda tree: formula_text(tree) == wanted
    )
    assert [change.code for (change,) in changes] == [code]


def test_what_a_formula_is_derived_by_stays_a_name() -> None:
    line, tried = parse("d(sum(W1 @ x))/dW1 @ x", NAMES), list[f.Node]()

    def is_true(tree: f.Node) -> bool:
        tried.extend(part for part in f.walk(tree) if isinstance(part, f.DerivativeOf))
        return False

    assert repaired(line, parse("x", NAMES), NETWORK, is_true) == []
    assert len({part.term for part in tried}) > 1
    assert {type(part.by) for part in tried} == {f.Quantity}  # type: ignore[attr-defined]
