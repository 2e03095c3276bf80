"""`gradsheet solve` as it is called: what it prints and writes, and what it
leaves behind.
"""

import io
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from gradsheet.commands.cli import main
from tests.commanding import QUESTIONS, one_line, refused
from tests.sheets import HOMEWORKS

NUMBERS = HOMEWORKS / "numbers.toml"


@pytest.mark.parametrize(
    ("ending", "beginning"),
    [
        (".txt", "sheet.toml\n"),
        (".md", "# sheet.toml\n"),
        (".html", "<!DOCTYPE html>\n"),
        (".tex", r"\documentclass"),
        (".toml", 'title = "solution: sheet.toml"\n'),
    ],
)
def test_the_ending_of_a_file_tells_the_format(folder, capsys, ending, beginning):
    assert main(["solve", "sheet.toml", "-o", f"solution{ending}"]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path(f"solution{ending}").read_text().startswith(beginning)


def test_without_a_file_it_is_text_on_standard_output(folder, capsys):
    assert main(["solve", "sheet.toml"]) == 0
    assert "∂L/∂W⁽¹⁾ = δ⁽¹⁾ xᵀ = 1 · 2 = 2\n  → asked for\n" in capsys.readouterr().out
    assert main(["solve", "sheet.toml", "--format", "markdown"]) == 0
    assert r"\frac{\partial L}{\partial W^{(1)}}" in capsys.readouterr().out


def test_the_solution_as_a_sheet_is_judged_right(folder, capsys):
    assert main(["solve", str(NUMBERS), "-o", "solution.toml"]) == 0
    assert main(["solution.toml"]) == 0
    assert capsys.readouterr().out.endswith("21 claims: 21 right\n")


def test_standard_input(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(QUESTIONS.encode())))
    assert main(["solve", "-"]) == 0
    assert capsys.readouterr().out.startswith("-\nread as  loss output")


def test_a_solution_never_takes_the_place_of_its_sheet(folder, capsys):
    os.symlink("sheet.toml", "link.toml")
    for path in ("sheet.toml", "./sheet.toml", "link.toml"):
        assert "is the sheet itself" in refused(capsys, "solve", "sheet.toml", "-o", path)
    assert Path("sheet.toml").read_text() == QUESTIONS


def test_an_ending_of_no_format_is_refused(folder, capsys):
    assert "write --format text or markdown" in refused(
        capsys, "solve", "sheet.toml", "-o", "solution.pdf"
    )
    assert "invalid choice: 'htm'" in refused(capsys, "solve", "sheet.toml", "--format", "htm")


def test_a_sheet_that_cannot_be_read_is_one_line(folder, capsys):
    Path("bad.toml").write_text(QUESTIONS.replace("W = [[3]]", "W = [[3], [4, 5]]"))
    assert main(["solve", "bad.toml", "-o", "solution.md"]) == 2
    assert one_line(capsys).startswith("gradsheet: bad.toml:5: W has rows of unequal length")
    assert main(["solve", "nothing.toml"]) == 2
    assert one_line(capsys) == "gradsheet: nothing.toml: No such file or directory\n"
    assert sorted(os.listdir()) == ["bad.toml", "sheet.toml"]


@pytest.mark.parametrize("command", ["solve", "fill"])
def test_no_partial_file_is_left_behind(folder, capsys, monkeypatch, command):
    Path("old.md").write_text("as it was")
    monkeypatch.setattr(
        os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    assert main([command, "sheet.toml", "-o", "old.md"]) == 2
    assert one_line(capsys) == "gradsheet: old.md: No space left on device\n"
    assert Path("old.md").read_text() == "as it was"
    assert sorted(os.listdir()) == ["old.md", "sheet.toml"]


@pytest.mark.parametrize("path", ["nowhere/solution.md", ".", "a\0b.md", "x" * 300 + ".md"])
def test_a_file_that_cannot_be_written_is_one_line(folder, capsys, path):
    assert main(["solve", "sheet.toml", "--format", "text", "-o", path]) == 2
    assert one_line(capsys).startswith("gradsheet: ")
    assert os.listdir() == ["sheet.toml"]


def test_a_pipe_is_written_to_and_a_link_is_followed(folder, capsys):
    """As a shell's > does it: what is there is written, and nothing takes its place."""
    Path("real.md").write_text("old")
    os.symlink("real.md", "link.md")
    assert main(["solve", "sheet.toml", "-o", "link.md"]) == 0
    assert os.path.islink("link.md")
    assert Path("real.md").read_text().startswith("# sheet.toml")
    os.mkfifo("pipe.txt")
    with ThreadPoolExecutor() as others:
        read = others.submit(Path("pipe.txt").read_text)
        assert main(["solve", "sheet.toml", "-o", "pipe.txt"]) == 0
        assert read.result(10).startswith("sheet.toml\n")
    assert stat.S_ISFIFO(os.stat("pipe.txt").st_mode)
