"""The report of a check."""

import numpy as np
import pytest

import gradsheet
from tests.functions import RIGHT, faulty, written


def _sets_to_zero(params, x, y, grads):
    x[:] = 0
    return grads


def _raises(params, x, y, grads):
    raise ZeroDivisionError("no such thing")


def test_the_last_line_is_the_verdict():
    for fn, last in (
        (RIGHT, "right"),
        (faulty(_sets_to_zero), "wrong"),
        (faulty(_raises), "wrong"),
    ):
        assert repr(gradsheet.check(fn)).splitlines()[-1] == last


def test_the_report_fits_80_columns_and_acts_on_no_terminal():
    for fn in (
        RIGHT,
        written(d2=lambda s: s["d3"] @ s["W3"]),
        faulty(_raises),
        faulty(_sets_to_zero),
    ):
        text = str(gradsheet.check(fn))
        assert max(map(len, text.splitlines())) <= 80
    text = str(
        gradsheet.check(faulty(lambda *_: (_ for _ in ()).throw(ValueError("\x1b[31mred\n" * 100))))
    )
    assert "\x1b" not in text
    assert len(text) < 1_000


def test_what_is_within_the_error_bound_is_right():
    """The row tells that it is not equal; the report says yes, as that of a rule."""

    def logistic(params, x, y):
        ((W, b),) = params
        p = 1 / (1 + np.exp(-(x @ W.T + b)))
        return [((p - y).T @ x / len(x), (p - y).mean(0))]

    check = gradsheet.check(logistic, (3, 1), activations=("sigmoid",), loss="binary_cross_entropy")
    assert "rounded" in {row.exact for row in check.rows}
    rows = str(check).split("\n\n")[1].splitlines()
    assert [row.split(" | ")[1].strip() for row in rows] == ["right", "yes", "yes"]


def test_the_first_line_of_an_assertion_says_what_is_wrong():
    with pytest.raises(
        AssertionError, match=r"^the backward pass is wrong: dL/dW2, dL/db2, dL/dW1"
    ):
        gradsheet.assert_right(written(d2=lambda s: s["d3"] @ s["W3"]))
    with pytest.raises(
        AssertionError, match=r"^the backward pass is wrong: it raises ZeroDivision"
    ):
        gradsheet.assert_right(faulty(_raises))
