"""What the tests of the commands start from: files to judge, and a judge that
comes to given judgements.
"""

from pathlib import Path

import pytest

from gradsheet.claims.judgement import Report
from gradsheet.commands.cli import main
from tests.commanding import QUESTIONS, SMALL


@pytest.fixture
def sheet(tmp_path):
    """Write a sheet and give its path."""

    def write(text: str, name: str = "sheet.toml") -> str:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.fixture
def told(sheet, capsys, monkeypatch):
    """What the command says where the judge comes to such judgements, and its
    exit status.
    """

    def tell(*judgements, options=(), causes=(), path="sheet.toml") -> tuple[list[str], int]:
        report = Report(path, "made up", "a reading", judgements=[*judgements], causes=[*causes])
        monkeypatch.setattr("gradsheet.commands.judge.judge", lambda _: report)
        status = main([*options, sheet(SMALL)])
        return capsys.readouterr().out.splitlines(), status

    return tell


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An own folder to work in, with a sheet of questions in it."""
    monkeypatch.chdir(tmp_path)
    Path("sheet.toml").write_text(QUESTIONS)
    return tmp_path
