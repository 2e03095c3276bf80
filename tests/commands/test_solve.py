"""`gradsheet solve`, `fill` and `new` as they are called: what they print and write, and what they leave behind."""

import io
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

import gradsheet
from gradsheet.commands.cli import main

NUMBERS = Path(gradsheet.__file__).parent / "homework" / "numbers.toml"
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


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An own folder to work in, with a sheet of questions in it."""
    monkeypatch.chdir(tmp_path)
    Path("sheet.toml").write_text(QUESTIONS)
    return tmp_path


def told(capsys):
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


# solve


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
    assert told(capsys).startswith("gradsheet: bad.toml:5: W has rows of unequal length")
    assert main(["solve", "nothing.toml"]) == 2
    assert told(capsys) == "gradsheet: nothing.toml: No such file or directory\n"
    assert sorted(os.listdir()) == ["bad.toml", "sheet.toml"]


@pytest.mark.parametrize("command", ["solve", "fill"])
def test_no_partial_file_is_left_behind(folder, capsys, monkeypatch, command):
    Path("old.md").write_text("as it was")
    monkeypatch.setattr(
        os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    assert main([command, "sheet.toml", "-o", "old.md"]) == 2
    assert told(capsys) == "gradsheet: old.md: No space left on device\n"
    assert Path("old.md").read_text() == "as it was"
    assert sorted(os.listdir()) == ["old.md", "sheet.toml"]


@pytest.mark.parametrize("path", ["nowhere/solution.md", ".", "a\0b.md", "x" * 300 + ".md"])
def test_a_file_that_cannot_be_written_is_one_line(folder, capsys, path):
    assert main(["solve", "sheet.toml", "--format", "text", "-o", path]) == 2
    assert told(capsys).startswith("gradsheet: ")
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


# fill


def test_fill_answers_and_leaves_all_else(folder, capsys):
    assert main(["fill", "sheet.toml", "-o", "sheet.toml"]) == 0
    expected = QUESTIONS.replace('"yhat"\n', '"yhat"\nvalue = [6]\n').replace(
        '"dL/dW1"\n', '"dL/dW1"\nvalue = [[2]]\n'
    )
    assert Path("sheet.toml").read_text() == expected
    assert main(["-q", "sheet.toml"]) == 0
    assert capsys.readouterr().out == "2 claims: 2 right\n"


def test_a_sheet_without_numbers_has_no_values(folder, capsys):
    Path("symbols.toml").write_text("[[layer]]\nshape = [1, 1]\n[[claim]]\nquantity = 'z1'\n")
    assert main(["fill", "symbols.toml"]) == 2
    assert "its answers are formulas, which `gradsheet solve` writes" in told(capsys)


# new


def test_an_exercise_and_its_key(folder, capsys):
    arguments = ["new", "--widths", "2,3,1", "--activations", "relu,identity", "--seed", "7"]
    assert main([*arguments, "-o", "week"]) == 0
    assert capsys.readouterr().out == "week/exercise-7.toml\nweek-keys/exercise-7.toml\n"
    assert main(["fill", "week/exercise-7.toml"]) == 0
    assert capsys.readouterr().out == Path("week-keys/exercise-7.toml").read_text()
    assert main(["blind", "week-keys/exercise-7.toml"]) == 0
    assert main([*arguments, "-o", "again"]) == 0
    assert Path("again/exercise-7.toml").read_text() == Path("week/exercise-7.toml").read_text()


@pytest.mark.parametrize(
    ("where", "keys"),
    [([], "keys"), (["-o", "."], "keys"), (["-o", "a/b/"], "a/b-keys"), (["-o", "a"], "a-keys")],
)
def test_keys_stand_apart_from_what_is_handed_out(folder, capsys, where, keys):
    assert main(["new", "--widths", "2,3,1", "--seed", "7", *where]) == 0
    assert capsys.readouterr().out.splitlines()[1] == f"{keys}/exercise-7.toml"


def test_nothing_is_overwritten(folder, capsys):
    assert main(["new", "--widths", "2,3,1", "--seed", "7"]) == 0
    capsys.readouterr()
    Path("exercise-7.toml").write_text("somebody's answers")
    assert main(["new", "--widths", "2,3,1", "--seed", "7"]) == 2
    assert "exercise-7.toml is there already" in told(capsys)
    assert Path("exercise-7.toml").read_text() == "somebody's answers"


def test_a_class(folder, capsys):
    Path("names.txt").write_text("Ada Lovelace\n\n  Alan Turing\n")
    assert (
        main(["new", "--widths", "2,3,1", "--class", "names.txt", "--seed", "5", "-o", "out"]) == 0
    )
    assert capsys.readouterr().out.splitlines()[::2] == [
        "out/ada-lovelace.toml",
        "out/alan-turing.toml",
    ]
    assert "Ada Lovelace" in Path("out/ada-lovelace.toml").read_text()
    assert main(["out-keys", "-q"]) == 0
    Path("empty.txt").write_text("\n")
    capsys.readouterr()
    assert main(["new", "--widths", "2,3,1", "--class", "empty.txt"]) == 2
    assert told(capsys) == "gradsheet: no name in empty.txt, expected one a line\n"
    Path("long.txt").write_bytes(b"x" * 1_000_001)
    assert main(["new", "--widths", "2,3,1", "--class", "long.txt"]) == 2
    assert told(capsys) == "gradsheet: long.txt: larger than 1000000 bytes\n"
    Path("latin.txt").write_bytes("Jos\xe9".encode("latin-1"))
    assert main(["new", "--widths", "2,3,1", "--class", "latin.txt"]) == 2
    assert told(capsys) == "gradsheet: latin.txt: not UTF-8: byte 4 cannot be read\n"
    assert main(["new", "--widths", "2,3,1", "--class", "nobody.txt"]) == 2
    assert told(capsys) == "gradsheet: nobody.txt: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--widths", "2,3,x"], "--widths '2,3,x', expected whole numbers with commas: 2,3,3,1"),
        (["--widths", "2"], "a network of 1 widths"),
        (["--widths", "2,3,1", "--activations", "relu,sigmod"], "did you mean sigmoid?"),
        (["--widths", "2,3,1", "--activations", "relu"], "1 activations, expected 2, one a layer"),
        (
            ["--widths", "2,3,1", "--loss", "squared"],
            "unknown loss 'squared': did you mean squared_error?",
        ),
    ],
)
def test_what_cannot_be_set_is_one_line(folder, capsys, arguments, message):
    assert main(["new", *arguments]) == 2
    assert message in told(capsys)
    assert os.listdir() == ["sheet.toml"]


def test_help_tells_of_every_command(capsys):
    for command in ("solve", "fill", "new", "blind"):
        with pytest.raises(SystemExit) as caught:
            main([command, "--help"])
        assert caught.value.code == 0
        assert f"usage: gradsheet {command}" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert all(f"gradsheet {command}" in out for command in ("solve", "fill", "new", "blind"))


def test_a_command_that_is_misspelt_or_misplaced_is_told(folder, capsys):
    assert refused(capsys, "slove", "sheet.toml").endswith(
        "there is no file 'slove': did you mean solve?"
    )
    assert "the command comes first: gradsheet solve" in refused(capsys, "sheet.toml", "solve")
    Path("solv").write_text(
        QUESTIONS.replace('"yhat"', '"yhat"\nvalue = 6').replace('"dL/dW1"', '"dL/dW1"\nvalue = 2')
    )
    assert main(["-q", "solv"]) == 0, "a file of such a name is judged"
