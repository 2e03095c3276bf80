"""Calling commands: sheets to call them with, judgements made up, and what they
say on standard error.
"""

from fractions import Fraction

import pytest

from gradsheet.claims.judgement import Judgement
from gradsheet.claims.sheet import Claim
from gradsheet.commands.cli import main
from gradsheet.language.formula import List

SMALL = """\
title = "small"
loss = "output"
x = [2]
[[layer]]
W = [[3]]
[[claim]]
quantity = "yhat"
value = 6
"""


def made(verdict, expect=None, points=1, line=22, **more) -> Judgement:
    """A judgement on a claim of a sheet, as the judge would give it."""
    claim = Claim(
        "2b",
        more.pop("quantity", "dL/dW3[1,2]"),
        List(()),
        None,
        (),
        expect,
        "",
        line,
        Fraction(points),
    )
    return Judgement(claim, more.pop("claimed", "42"), more.pop("truth", "21"), verdict, **more)


def on_terminal(monkeypatch, columns: int) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")


QUESTIONS = """\
loss = "output"
x = [2]  # one input

[[layer]]
W = [[3]]

[[claim]]
quantity = "yhat"

[[claim]]
quantity = "dL/dW1"
"""


def one_line(capsys):
    """The one line on standard error."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return err


def refused(capsys, *arguments: str) -> str:
    """What argparse says of arguments that it does not take."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert caught.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]
