"""The command as it is called: what it prints, where, and its exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import gradsheet
from gradsheet.cli import main
from gradsheet.report import clean

NUMBERS = (Path(gradsheet.__file__).parent / "homework" / "numbers.toml").read_text()
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


@pytest.fixture
def sheet(tmp_path):
    """Write a sheet and give its path."""

    def write(text: str, name: str = "sheet.toml") -> str:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_without_argument_the_two_homeworks(capsys):
    assert main([]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[-1] == "25 claims: 16 right, 1 lucky, 8 wrong; every verdict is the one on record"
    assert sum(line.startswith(("right ", "wrong ", "lucky ")) for line in lines) == 25
    assert (
        "wrong        homework/numbers.toml:62  2b  dL/dW3[1,2] = 42, true 21: "
        "2 times the truth; line 2, '-2*(y - yhat) * dyhat/dW3[1,2]', gives 42; "
        "right if the loss is read as squared_error (cause A)"
    ) in lines
    assert err == ""
    assert "\x1b" not in out


def test_json_is_the_object_of_the_contract(capsys):
    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == 1
    numbers, symbols = found["sheets"]
    assert set(numbers) == {"path", "title", "reading", "error", "claims", "summary"}
    assert numbers["error"] is None
    assert numbers["summary"] == {"right": 5, "rounded": 0, "lucky": 1, "wrong": 2, "cannot_tell": 0}
    assert symbols["summary"] == {"right": 11, "rounded": 0, "lucky": 0, "wrong": 6, "cannot_tell": 0}
    claim = numbers["claims"][6]
    keys = {"question", "quantity", "claimed", "truth", "verdict", "mistakes", "message", "line", "working"}
    assert set(claim) == keys
    assert (claim["quantity"], claim["claimed"], claim["truth"], claim["verdict"]) == (
        "dL/dW2[2,2]",
        "28",
        "7",
        "wrong",
    )
    assert NUMBERS.splitlines()[claim["line"] - 1] == "[[claim]]"
    assert NUMBERS.splitlines()[claim["line"] + 1] == 'quantity = "dL/dW2[2,2]"'
    assert claim["working"][2] == {"text": "-2*(1.5 - 5) * [-1, 1, -2] @ [0, 2, 0]", "value": "14", "verdict": "wrong"}
    assert numbers["claims"][4]["truth"] == "49/8"
    assert "W1 = [[" in symbols["claims"][7]["message"]


def test_a_changed_digit_flips_the_verdict_and_the_status(sheet, capsys):
    assert main([sheet(NUMBERS.replace("value    = 6.125", "value    = 6.126"))]) == 1
    out = capsys.readouterr().out
    assert "wrong " in out.split("L = 6.126")[0].splitlines()[-1]
    assert "the verdict on record is right" in out
    assert out.splitlines()[-1].endswith("1 not as expected")


def test_without_a_verdict_on_record_only_right_is_expected(sheet):
    assert main([sheet(SMALL)]) == 0
    assert main([sheet(SMALL.replace("value = 6", "value = 7"))]) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file|No such file"),
        (b"\xff\xfe\x00", "not UTF-8"),
        ("x = [", "not TOML"),
        (SMALL.replace("title", "tittle"), "1: unknown key 'tittle' in the sheet: did you mean title?"),
        (b"a" * 300_000, "larger than 256000 bytes"),
        ("", "no [[layer]]"),
    ],
)
def test_what_is_no_sheet_is_one_clear_line_and_status_2(sheet, tmp_path, capsys, content, message):
    path = str(tmp_path / "missing.toml") if content is None else sheet(content)
    good = sheet(SMALL, "good.toml")
    assert main([path, good]) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"gradsheet: {path}:")
    assert any(part in err for part in message.split("|"))
    assert err.count("\n") == 1
    assert "good.toml" in out  # the others are judged all the same
    assert "1 claim: 1 right; 1 sheet could not be read" in out
    assert main(["--json", path]) == 2
    assert json.loads(capsys.readouterr().out)["sheets"][0]["error"]


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
    assert [Path(line.split(":")[0]).name for line in claims] == [".hidden.toml", "a.toml", "b.toml", "c.toml"]
    assert out.splitlines()[-1] == "4 sheets, 4 claims: 3 right, 1 wrong; 1 not as expected"


def test_a_folder_without_sheets_is_told(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"gradsheet: {tmp_path}: no sheet in this folder, expected files *.toml\n"


def test_quiet_prints_what_is_not_as_expected(sheet, capsys):
    wrong = sheet(SMALL.replace("value = 6", "value = 7"), "wrong.toml")
    assert main(["-q", sheet(SMALL), wrong]) == 1
    out = capsys.readouterr().out
    assert "sheet.toml" not in out
    assert "yhat = 7, true 6" in out
    assert out.splitlines()[-1] == "2 claims: 1 right, 1 wrong; 1 not as expected"


def test_progress_is_shown_on_a_terminal_only(sheet, capsys, monkeypatch):
    paths = [sheet(SMALL)] * 30
    assert main(paths) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    clock = iter(range(10_000))
    monkeypatch.setattr("gradsheet.report.time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert main(paths) == 0
    out, err = capsys.readouterr()
    assert "29 of 30 sheets, 1 s left" in err
    assert err.endswith("\r\x1b[K")
    assert "\x1b" not in out


def test_wrong_numbers_are_told_as_the_claim_is_written(sheet, capsys):
    text = SMALL.replace("x = [2]", "x = [0.25]")
    assert main([sheet(text.replace("value = 6", "value = 0.6"))]) == 1
    assert main([sheet(text.replace("value = 6", "value = '2/3'"))]) == 1
    assert main([sheet(text.replace("x = [0.25]", "x = [1e200]").replace("value = 6", "value = 7"))]) == 1
    out = capsys.readouterr().out
    assert "yhat = 0.6, true 0.75: off by -0.15" in out
    assert "yhat = 2/3, true 3/4: off by -1/12" in out
    assert "true about 3.00000e+200: off by about -3.00000e+200" in out


def test_a_fault_of_the_judge_is_told_without_a_traceback(sheet, capsys, monkeypatch):
    def fail(_):
        raise RecursionError("planted")

    monkeypatch.setattr("gradsheet.verdict.judge", fail)
    assert main([sheet(SMALL)]) == 2
    err = capsys.readouterr().err
    assert "a fault of gradsheet: RecursionError: planted" in err
    assert "Traceback" not in err


def test_verbose_shows_the_working(capsys):
    assert main(["-v"]) == 0
    assert "wrong        -2*(1.5 - 5) * 6 = 42: gives 42" in capsys.readouterr().out


def run(*arguments: str, stdin: bytes = b"", **environment: str) -> "subprocess.CompletedProcess[bytes]":
    env = {**os.environ, **environment}
    return subprocess.run([sys.executable, "-m", "gradsheet", *arguments], input=stdin, capture_output=True, env=env)


def test_standard_input_is_a_sheet():
    done = run("-", stdin=SMALL.encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"right" in done.stdout


def test_a_terminal_without_unicode_gets_the_report_all_the_same():
    done = run("-", stdin=SMALL.replace("small", "größer ≥").encode(), PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert b"gr\\xf6\\xdfer" in done.stdout


def test_closed_streams_are_no_traceback():
    for redirect in (">&-", "2>&-", "<&-"):
        command = f"{sys.executable} -m gradsheet - {redirect}"
        done = subprocess.run(["sh", "-c", command], input=SMALL.encode(), capture_output=True)
        assert done.returncode in (0, 2)
        assert b"Traceback" not in done.stderr


def test_two_reports_cannot_share_a_file(sheet, tmp_path):
    done = run("--junit", str(tmp_path / "a"), "--gradescope", str(tmp_path / "a"), sheet(SMALL))
    assert done.returncode == 2
    assert b"cannot both write" in done.stderr


def test_a_folder_is_no_report(sheet, tmp_path):
    done = run("--junit", str(tmp_path), sheet(SMALL))
    assert done.returncode == 2
    assert done.stderr.endswith(b"Is a directory\n")


def test_bad_usage_is_status_2():
    done = run("--jason")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_help_does_not_wait_for_numpy():
    code = "import sys; from gradsheet.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "exit status" in done.stdout
    assert {"numpy", "jax"} & set(done.stdout.split()) == set()


def test_nothing_from_a_sheet_acts_on_the_terminal(sheet, capsys):
    text = SMALL.replace('"small"', r'"\u001b[31mred\u0007\u202e"').replace(
        "value = 6", 'value = 6\nquestion = "\\r\\u001b[2J"'
    )
    assert main([sheet(text)]) == 0
    assert main([sheet(text.replace("x =", '"\\u001b[2J" ='))]) == 2
    out, err = capsys.readouterr()
    for stream in (out, err):
        assert all(c.isprintable() or c == "\n" for c in stream)
    assert "\\x1b[31mred\\x07\\x202e" in out


def test_clean_leaves_letters_and_formulas_alone():
    assert clean("δ = ∂L/∂ŷ, 𝑥, 漢字") == "δ = ∂L/∂ŷ, 𝑥, 漢字"
    assert clean("a\nb\x9b") == "a\\x0ab\\x9b"


def test_on_a_terminal_lines_fit_its_width(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    assert main([]) == 0
    plain = capsys.readouterr().out
    assert max(map(len, plain.splitlines())) <= 80
    assert "\x1b" not in plain
    monkeypatch.delenv("NO_COLOR")
    assert main([]) == 0
    assert "\x1b[31mwrong" in capsys.readouterr().out
