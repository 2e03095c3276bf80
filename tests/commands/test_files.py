"""Files and folders that a command is given: nothing waits for ever, and
nothing is lost.
"""

import os
from pathlib import Path

import pytest

from gradsheet.commands.cli import main
from tests.commanding import SMALL

SHEET = "x = [1, 2]\n[[layer]]\nW = [[1, 2]]\n[[claim]]\nquantity = 'z1'\nvalue = 5\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sheet.toml").write_text(SHEET)
    return tmp_path


@pytest.mark.parametrize("command", [[], ["solve"], ["fill"], ["blind"]])
def test_a_pipe_that_nobody_writes_to_is_refused(folder, capsys, command):
    os.mkfifo("pipe")
    assert main([*command, "pipe"]) == 2
    assert (
        capsys.readouterr().err
        == "gradsheet: pipe: a pipe, expected a file: send it to standard input and write -\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("option", ["--junit", "--gradescope"])
def test_a_report_that_cannot_be_written_is_named_and_takes_nothing_from_the_others(
    folder, capsys, option
):
    other = "--gradescope" if option == "--junit" else "--junit"
    assert main(["sheet.toml", option, "/dev/full", other, "other"]) == 2
    out, err = capsys.readouterr()
    assert err == "gradsheet: /dev/full: No space left on device\n"
    assert out.splitlines()[-1] == "1 claim: 1 right"
    assert "z1" in Path("other").read_text()
    assert sorted(os.listdir()) == ["other", "sheet.toml"]


def test_what_is_shown_need_ask_nothing(sheet, capsys):
    path = sheet('network = "z = x*w"\ngiven = { x = 2, w = [1, 3] }\n')
    assert main(["show", path]) == 0
    assert "z = x*w\n      a vector of 2" in capsys.readouterr().out
    assert main([path]) == 2
    assert "no [[claim]], expected at least one" in capsys.readouterr().err


def test_a_folder_is_judged_without_what_is_hidden(folder, capsys):
    for name in (".venv", ".git/hooks", "week"):
        Path(name).mkdir(parents=True)
        Path(name, "one.toml").write_text(SHEET)
    Path("pyproject.toml").write_text("[project]\nname = 'homework'\n")
    assert main(["."]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 claims: 2 right"
    assert main([".venv"]) == 0, "what is named is judged"


def test_a_folder_is_every_sheet_in_it(tmp_path, sheet, capsys):
    for name in ("b.toml", "a.toml", ".hidden.toml", "notes.txt"):
        sheet(SMALL, name)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "c.toml").write_text(SMALL.replace("value = 6", "value = 7"))
    (tmp_path / "d.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert main([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    claims = [line for line in out.splitlines() if line.startswith(("right", "wrong"))]
    assert [Path(line.split(":")[0]).name for line in claims] == [
        ".hidden.toml",
        "a.toml",
        "b.toml",
        "c.toml",
    ]
    assert out.splitlines()[-1] == "4 sheets, 4 claims: 3 right, 1 wrong"


def test_a_folder_without_sheets_is_told(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    error = f"gradsheet: {tmp_path}: no sheet in this folder, expected files *.toml\n"
    assert capsys.readouterr().err == error
