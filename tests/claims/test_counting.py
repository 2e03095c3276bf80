"""The operations of a sheet, counted before any is done."""

import pytest

import gradsheet
from gradsheet.claims.counting import operations
from gradsheet.truth import graph_point
from tests.sheets import ATTACK, NUMBERS


def too_much() -> gradsheet.Sheet:
    """A softmax regression that is judged at 8-16-10, nearly four times as wide."""
    text = (ATTACK / "cannot-softmax-8-16-10.toml").read_text()
    wide = text.replace("[16, 8]", "[60, 32]").replace("[10, 16]", "[30, 60]")
    assert wide != text
    return gradsheet.read(wide)


def test_what_is_too_much_is_refused_with_its_number():
    words = r"takes [\d,]{7,} operations, expected at most 500,000: [\d,]+ of them for dL/dW1"
    with pytest.raises(gradsheet.SheetError, match=words):
        gradsheet.judge(too_much())


def test_operations_are_counted_before_any_is_done(monkeypatch):
    def nothing(*_: object, **__: object) -> None:
        raise AssertionError("nothing is to be evaluated")

    monkeypatch.setattr(graph_point.GraphPoint, "__init__", nothing)
    sheet = too_much()
    needed = operations(sheet)
    with pytest.raises(gradsheet.SheetError, match=f"{needed:,} operations"):
        gradsheet.judge(sheet)


def test_more_of_everything_counts_more():
    def count(head: str, *claims: str) -> int:
        text = "".join(f"[[claim]]\nquantity = '{claim}'\nvalue = 1\n" for claim in claims)
        return operations(gradsheet.read(head + text))

    assert count(NUMBERS, "z1") < count(NUMBERS, "z1", "z2") < count(NUMBERS, "z1", "z2", "dL/dW1")
    assert count(NUMBERS, "dL/dW1[1,1]") < count(NUMBERS, "dL/dW1[1]") < count(NUMBERS, "dL/dW1")
    tanh = NUMBERS.replace("relu", "tanh")
    assert count(NUMBERS, "z1") < count(tanh, "z1")  # enclosures
    wide = "[[layer]]\nshape = [{0}, 2]\nactivation = 'relu'\n"
    assert (
        count(wide.format(2), "h1[1]")
        < count(wide.format(3), "h1[1]")
        < count(wide.format(7), "h1[1]")
    )
    line = "[[claim]]\nquantity = 'L'\nworking = ['{}1']\n"
    products = [
        operations(gradsheet.read(NUMBERS + line.format("sum(k, x[k])*" * n))) for n in (1, 5, 9)
    ]
    assert products == sorted(set(products))


def test_formulas_are_counted_with_what_their_notation_stands_for():
    notation = f"a = '{'+'.join(['x[1]'] * 100)}'\n" + f"b = 'a+a+{'+'.join(['x[1]'] * 100)}'\n"
    claim = "[[claim]]\nquantity = 'yhat[1]'\nworking = ['b+1', 'b+2']\n"
    head = f"x = [1, 2]\n[[layer]]\nW = [[1, 2]]\n[notation]\n{notation}"
    assert len(gradsheet.read(head + claim).claims) == 1
    with pytest.raises(gradsheet.SheetError, match="formulas of more than 20,000 parts in all"):
        gradsheet.read(head + claim * 40)
