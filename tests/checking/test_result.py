"""The report of a check."""

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
