"""`gradsheet new` as it is called: exercises and their keys, for one and for a
class.
"""

import os
from pathlib import Path

import pytest

import gradsheet
import gradsheet.commands.new
import gradsheet.solution
from gradsheet.commands.cli import main
from tests.commanding import one_line


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
    assert "exercise-7.toml is there already" in one_line(capsys)
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
    assert one_line(capsys) == "gradsheet: no name in empty.txt, expected one a line\n"
    Path("long.txt").write_bytes(b"x" * 1_000_001)
    assert main(["new", "--widths", "2,3,1", "--class", "long.txt"]) == 2
    assert one_line(capsys) == "gradsheet: long.txt: larger than 1000000 bytes\n"
    Path("latin.txt").write_bytes("Jos\xe9".encode("latin-1"))
    assert main(["new", "--widths", "2,3,1", "--class", "latin.txt"]) == 2
    assert one_line(capsys) == "gradsheet: latin.txt: not UTF-8: byte 4 cannot be read\n"
    assert main(["new", "--widths", "2,3,1", "--class", "nobody.txt"]) == 2
    assert one_line(capsys) == "gradsheet: nobody.txt: No such file or directory\n"


CLASS = ["new", "--widths", "2,3,1", "--class", "names.txt", "-o", "out"]


def test_who_comes_late_gets_an_exercise_and_the_others_keep_theirs(folder, capsys):
    Path("names.txt").write_text("# the class of this year\n李雷\nBo\n")
    assert main([*CLASS, "--seed", "5"]) == 0
    before = {path: path.read_text() for path in Path().glob("out*/*.toml")}
    assert sorted(path.stem for path in before) == ["bo", "bo", "李雷", "李雷"]
    command = "gradsheet new --widths 2,3,1 --loss half_squared_error --seed 5 --class FILE"
    assert all(f'\nsource = "{command}"\n' in text for text in before.values())
    Path("names.txt").write_text("Ada\nBo\n李雷\n")
    Path("out-keys/bo.toml").unlink()
    capsys.readouterr()
    assert main([*CLASS, "--seed", "5"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "out/ada.toml",
        "out-keys/ada.toml",
        "out-keys/bo.toml",
        "1 of 3 exercises were there already",
    ]
    assert all(path.read_text() == text for path, text in before.items())


@pytest.mark.parametrize("seed", [["--seed", "6"], []])
def test_another_seed_writes_nothing_beside_what_is_there(folder, capsys, seed):
    Path("names.txt").write_text("Bo\n")
    assert main([*CLASS, "--seed", "5"]) == 0
    Path("names.txt").write_text("Ada\nBo\n")
    capsys.readouterr()
    assert main([*CLASS, *seed]) == 2
    assert "out/bo.toml is there already, with other content" in one_line(capsys)
    assert not Path("out/ada.toml").exists()


def test_what_was_changed_is_not_overwritten(folder, capsys):
    Path("names.txt").write_text("Bo\n")
    assert main([*CLASS, "--seed", "5"]) == 0
    text = Path("out/bo.toml").read_text() + "value = 1\n"
    Path("out/bo.toml").write_text(text)
    capsys.readouterr()
    assert main([*CLASS, "--seed", "5"]) == 2
    assert "out/bo.toml is there already, with other content" in one_line(capsys)
    assert Path("out/bo.toml").read_text() == text


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
    assert message in one_line(capsys)
    assert os.listdir() == ["sheet.toml"]


SHEET = "x = [1, 2]\n[[layer]]\nW = [[1, 2]]\n[[claim]]\nquantity = 'z1'\nvalue = 5\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sheet.toml").write_text(SHEET)
    return tmp_path


def test_what_a_class_has_when_it_is_stopped_is_kept(folder, capsys, monkeypatch):
    Path("names").write_text("Ada\nBo\nCem\n")
    write, written = gradsheet.commands.new.write, []

    def stopped(path, text):
        if len(written) == 4:
            raise KeyboardInterrupt
        written.append(path)
        write(path, text)

    monkeypatch.setattr("gradsheet.commands.new.write", stopped)
    arguments = ["new", "--widths", "2,2,1", "--class", "names", "--seed", "5"]
    assert main([*arguments, "-o", "out"]) == 130
    out, err = capsys.readouterr()
    assert out.splitlines()[::2] == ["out/ada.toml", "out/bo.toml"]
    assert err.startswith(
        "gradsheet: 2 of 3 exercises are written; --seed 5 gives the same ones again\n"
    )
    monkeypatch.undo()
    os.chdir(folder)
    assert main([*arguments, "-o", "again"]) == 0
    assert Path("again/bo.toml").read_text() == Path("out/bo.toml").read_text()
