"""The command as it is called: its arguments, its streams, and its exit status."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import gradsheet
from gradsheet.claims.judgement import LineVerdict
from gradsheet.claims.sheet import VERDICTS
from gradsheet.commands.cli import COMMANDS, EPILOG, main
from tests.commanding import QUESTIONS, SMALL, made, refused
from tests.sheets import HOMEWORKS, ROOT

NUMBERS = (HOMEWORKS / "numbers.toml").read_text()


def test_without_argument_the_two_homeworks(capsys):
    assert main([]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("The two homeworks that come with gradsheet, judged")
    assert lines[2:4] == ["", "Backpropagation by hand, 17 April 2024"]
    assert lines[-1] == "25 claims: 16 right, 8 wrong, 1 lucky; every verdict is the one on record"
    assert sum(line.startswith(("right ", "wrong ", "lucky ")) for line in lines) == 25
    claim = "homework/numbers.toml:62  2b  dL/dW3[1,2] = 42, true 21 (cause A)"
    assert f"wrong            {claim}" in lines
    assert "    right if the loss is read as squared_error" in lines
    assert max(map(len, lines)) <= 100
    assert err == ""
    assert "\x1b" not in out


def test_json_is_the_object_of_the_contract(capsys):
    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == 2
    numbers, symbols = found["sheets"]
    assert set(numbers) == {"path", "title", "reading", "error", "claims", "summary"}
    assert numbers["error"] is None
    # Fmt: skip.
    assert list(numbers["summary"]) == [
        "right",
        "rounded",
        "lucky",
        "carried_forward",
        "wrong",
        "cannot_tell",
        "open",
        "unread",
    ]
    assert {k: n for k, n in numbers["summary"].items() if n} == {
        "right": 5,
        "lucky": 1,
        "wrong": 2,
    }
    assert {k: n for k, n in symbols["summary"].items() if n} == {"right": 11, "wrong": 6}
    claim = numbers["claims"][6]
    # Fmt: skip.
    assert list(claim) == [
        "question",
        "quantity",
        "claimed",
        "truth",
        "truth_digits",
        "verdict",
        "mistakes",
        "message",
        "line",
        "working",
    ]
    assert (claim["quantity"], claim["claimed"], claim["truth"], claim["verdict"]) == (
        "dL/dW2[2,2]",
        "28",
        "7",
        "wrong",
    )
    assert NUMBERS.splitlines()[claim["line"] - 1] == "[[claim]]"
    assert NUMBERS.splitlines()[claim["line"] + 1] == 'quantity = "dL/dW2[2,2]"'
    assert claim["working"][2] == {
        "text": "-2*(1.5 - 5) * [-1, 1, -2] @ [0, 2, 0]",
        "value": "14",
        "verdict": "wrong",
    }
    assert numbers["claims"][4]["truth"] == "49/8"
    assert "W1 = [[" in symbols["claims"][7]["message"]


def test_a_changed_digit_flips_the_verdict_and_the_status(sheet, capsys):
    assert main([sheet(NUMBERS.replace("value    = 6.125", "value    = 6.126"))]) == 1
    out = capsys.readouterr().out
    assert "wrong " in out.split("L = 6.126")[0].splitlines()[-1]
    assert "\n    the verdict on record is right\n" in out
    assert out.splitlines()[-1].endswith("; 1 not as on record")


def test_without_a_verdict_on_record_only_right_is_expected(sheet):
    assert main([sheet(SMALL)]) == 0
    assert main([sheet(SMALL.replace("value = 6", "value = 7"))]) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file|No such file"),
        (b"\xff\xfe\x00", "not UTF-8"),
        ("x = [", "not TOML"),
        (
            SMALL.replace("title", "tittle"),
            "1: unknown key 'tittle' in the sheet: did you mean title?",
        ),
        (b"a" * 300_000, "larger than 256000 bytes"),
        ("", "no [[layer]]"),
    ],
)
def test_what_is_no_sheet_is_one_clear_line_and_status_2(sheet, tmp_path, capsys, content, message):
    path = str(tmp_path / "missing.toml") if content is None else sheet(content)
    good = sheet(SMALL, "good.toml")
    assert main([path, good]) == 2
    out, err = capsys.readouterr()
    assert any(part in err for part in message.split("|"))
    assert len(err.splitlines()) == (2 if content == "" else 1)  # one for each that is missing
    assert all(line.startswith(f"gradsheet: {path}:") for line in err.splitlines())
    assert "good.toml" in out  # the others are judged all the same
    assert "1 claim: 1 right; 1 sheet could not be read" in out
    assert main(["--json", path]) == 2
    assert json.loads(capsys.readouterr().out)["sheets"][0]["error"]


def test_a_fault_of_the_judge_is_told_without_a_traceback(sheet, capsys, monkeypatch):
    def fail(_):
        raise RecursionError("planted")

    monkeypatch.setattr("gradsheet.commands.judge.judge", fail)
    assert main([sheet(SMALL)]) == 2
    err = capsys.readouterr().err
    assert "a fault of gradsheet: RecursionError: planted" in err
    assert "Traceback" not in err


def run(*arguments, stdin=b"", **environment: str) -> "subprocess.CompletedProcess[bytes]":
    env, command = {**os.environ, **environment}, [sys.executable, "-m", "gradsheet", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, env=env)


def test_standard_input_is_a_sheet_and_a_terminal_without_unicode_gets_the_report():
    done = run("-", stdin=SMALL.replace("small", "größer ≥").encode(), PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"right" in done.stdout
    assert b"gr\\xf6\\xdfer" in done.stdout


def test_closed_streams_are_no_traceback():
    for redirect in (">&-", "2>&-", "<&-"):
        command = f"{sys.executable} -m gradsheet - {redirect}"
        done = subprocess.run(["sh", "-c", command], input=b"no sheet", capture_output=True)
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr


def test_two_reports_cannot_share_a_file(sheet, tmp_path, capsys):
    file = str(tmp_path / "a")
    said = refused(capsys, "--junit", file, "--gradescope", file, sheet(SMALL))
    assert "cannot both write" in said


def test_a_folder_is_no_report(sheet, tmp_path, capsys):
    assert main(["--junit", str(tmp_path), sheet(SMALL)]) == 2
    assert capsys.readouterr().err.endswith("Is a directory\n")


def test_bad_usage_is_status_2():
    done = run("--jason")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_help_does_not_wait_for_numpy():
    code = "import sys; from gradsheet.commands.cli import main\n"
    code += "try: main(['--help'])\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "exit status" in done.stdout
    assert {"numpy", "jax"} & set(done.stdout.split()) == set()


ONE_UNREAD = {"working": [LineVerdict("foo bar", None, "unread", "unknown name foo")]}


@pytest.mark.parametrize(
    ("verdict", "status"),
    {**dict.fromkeys(VERDICTS, 1), "right": 0, "rounded": 0, "unread": 2}.items(),
)
def test_the_exit_status(told, verdict, status):
    assert told(made(verdict))[1] == status


def test_what_cannot_be_read_outweighs_what_is_wrong(told):
    assert told(made("wrong"), made("unread"))[1] == 2
    assert told(made("wrong", **ONE_UNREAD))[1] == 2
    assert told(made("unread", "unread"))[1] == 2


def test_help_explains_every_verdict_in_lines_that_fit():
    assert all(f"\n  {verdict} " in EPILOG for verdict in VERDICTS)
    assert max(map(len, EPILOG.splitlines())) <= 100


@pytest.mark.parametrize("credit", ["luky=1", "lucky", "lucky=1.01", "lucky=-1", "lucky=x", "=1"])
def test_credit_that_means_nothing_is_bad_usage(capsys, credit):
    with pytest.raises(SystemExit) as stopped:
        main(["--credit", credit])
    assert stopped.value.code == 2
    assert "write lucky=0.5 or another" in capsys.readouterr().err


def test_the_version_is_that_of_the_package_and_of_its_changes(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"gradsheet {version('gradsheet')}\n"
    assert gradsheet.__version__ == version("gradsheet")
    assert f"\n## {gradsheet.__version__}\n" in (ROOT / "CHANGELOG.md").read_text()


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


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_help_fits_a_terminal(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_command_that_is_misspelt_or_misplaced_is_told(folder, capsys):
    assert refused(capsys, "slove", "sheet.toml").endswith(
        "there is no file 'slove': did you mean solve?"
    )
    assert "the command comes first: gradsheet solve" in refused(capsys, "sheet.toml", "solve")
    Path("solv").write_text(
        QUESTIONS.replace('"yhat"', '"yhat"\nvalue = 6').replace('"dL/dW1"', '"dL/dW1"\nvalue = 2')
    )
    assert main(["-q", "solv"]) == 0, "a file of such a name is judged"


def test_a_process_ends_where_standard_output_is_full():
    if not Path("/dev/full").exists():
        pytest.skip("needs a device that is full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gradsheet", "-"],
            input=SMALL.encode(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 2
    assert b"standard output: No space left on device" in done.stderr
