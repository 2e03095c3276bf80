"""A check tells what it is at, once it has taken longer than a moment."""

import threading

import pytest

import gradsheet
import gradsheet.solution


def test_a_check_that_takes_longer_than_a_moment_tells_what_it_is_at(capsys, monkeypatch):
    monkeypatch.setattr("gradsheet.checking.telling.MOMENT", 0.0)
    waited = threading.Event()

    def fn(params, x, y):
        waited.wait(0.2)
        return [(0 * W, 0 * b) for W, b in params]

    gradsheet.check(fn, widths=(3, 2))
    err = capsys.readouterr().err.splitlines()
    assert all(line.startswith("gradsheet.check: ") and line.endswith(" ...") for line in err)
    assert "gradsheet.check: looks for the mistake ..." in err


def test_a_check_is_silent_where_it_is_quick_and_states_its_bound(capsys):
    gradsheet.check(lambda params, x, y: None, widths=(3, 2))
    assert capsys.readouterr().err == ""
    with pytest.raises(ValueError, match=r"25,005,000 weights, expected at most 2,000,000"):
        gradsheet.check(lambda params, x, y: None, widths=(5000, 5000, 1))
