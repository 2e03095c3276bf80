"""`gradsheet FOLDER --key KEYS`: what is handed in is judged by its key."""

import json
from pathlib import Path

import pytest

from gradsheet.commands.cli import main
from tests.commanding import refused

KEY = """\
loss = "half_squared_error"
x = [2]
y = 1

[[layer]]
W = [[3]]

[notation]
delta = "dL/dyhat[1]"

[[claim]]
question = "1a"
quantity = "yhat"
value = 6
points = 2

[[claim]]
question = "1b"
quantity = "dL/dyhat"

[[claim]]
question = "1c"
quantity = "dL/dW1"
points = 3
"""
TOP = KEY[: KEY.index("[[claim]]")]


def claim(quantity: str, rest: str) -> str:
    return f'[[claim]]\nquantity = "{quantity}"\n{rest}\n'


ALL = claim("yhat", "value = 6") + claim("dL/dyhat", "value = 5") + claim("dL/dW1", "value = 10")


@pytest.fixture
def handed_in(tmp_path, monkeypatch, capsys):
    """Judge what is handed in by the key: claims by quantity, and what else is said."""
    monkeypatch.chdir(tmp_path)
    Path("key.toml").write_text(KEY)

    def judged(text: str, *options: str):
        Path("ada.toml").write_text(text)
        status = main(["ada.toml", "--key", "key.toml", "--json", *options])
        (sheet,) = json.loads(capsys.readouterr().out)["sheets"]
        told = [(c["quantity"], c["verdict"], c["points"], c["credit"]) for c in sheet["claims"]]
        return told, sheet, status

    return judged


def test_answers_are_put_into_the_key(handed_in):
    told, sheet, status = handed_in(TOP + ALL)
    assert told == [
        ("yhat", "right", 2, 2),
        ("dL/dyhat", "right", 1, 1),
        ("dL/dW1", "right", 3, 3),
    ]
    assert [c["question"] for c in sheet["claims"]] == ["1a", "1b", "1c"]
    assert [c["line"] for c in sheet["claims"]] == [11, 14, 17]
    assert "notice" not in sheet
    assert status == 0


def test_answers_alone_are_enough_in_any_order_and_spelling(handed_in):
    text = claim("∂L/∂W1", "value = 10") + claim("delta", "value = 4") + claim("yhat", "value = 6")
    told, *_ = handed_in(text)
    assert told == [
        ("yhat", "right", 2, 2),
        ("dL/dyhat", "open", 1, 0),
        ("∂L/∂W1", "right", 3, 3),
        ("delta", "wrong", 0, 0),  # an entry of what is asked
    ]


def test_the_same_quantity_twice_is_matched_in_order(handed_in):
    told, *_ = handed_in(TOP + ALL + claim("yhat", "value = 5"))
    assert told[0] == ("yhat", "right", 2, 2)
    assert told[3] == ("yhat", "wrong", 0, 0)


def test_nobody_sets_himself_another_exercise(handed_in):
    told, sheet, status = handed_in(
        "loss = 'output'\nx = [0]\n[[layer]]\nW = [[0]]\n"
        + claim("yhat", "value = 0\npoints = 100\nexpect = 'wrong'")
    )
    assert told[0] == ("yhat", "wrong", 2, 0)
    assert [verdict for _, verdict, *_ in told[1:]] == ["open", "open"]
    assert sheet["notice"] == "not as in the key, by which all is judged: x, loss, layer"
    assert status == 1


def test_no_verdict_on_record_is_taken(handed_in):
    *_, status = handed_in(ALL.replace("value = 10", "value = 20\nexpect = 'wrong'"))
    assert status == 1


def test_nothing_follows_from_what_is_not_asked(handed_in):
    """Else who claims another x first has all the rest follow from it."""
    text = claim("x", "value = 3") + claim("yhat", "value = 9")
    told, sheet, _ = handed_in(text + claim("dL/dyhat", "value = 8"))
    assert told[:2] == [("yhat", "wrong", 2, 0), ("dL/dyhat", "carried_forward", 1, 1)]
    assert told[3] == ("x", "wrong", 0, 0)
    assert sheet["claims"][3]["question"] == "not asked"


@pytest.mark.parametrize("text", ["x = [", claim("yhat", "valeu = 6"), claim("yhat", "value = {}")])
def test_a_file_that_cannot_be_read_has_all_questions_unread(handed_in, text, capsys):
    told, sheet, status = handed_in(text)
    assert [(verdict, points) for _, verdict, points, _ in told] == [
        ("unread", 2),
        ("unread", 1),
        ("unread", 3),
    ]
    assert sheet["error"]
    assert status == 2
    assert main(["ada.toml", "key.toml", "--key", "key.toml", "--gradescope", "out.json"]) == 2
    assert "ada.toml: credit 0 of 6 points\n" in capsys.readouterr().out
    tests = json.loads(Path("out.json").read_text())["tests"]
    assert [test["max_score"] for test in tests] == [0, 2, 1, 3, 2, 1, 3]
    assert "could not be read" in tests[0]["output"]


@pytest.mark.parametrize("option", [["--hint"], ["-v"], ["-q"], ["--credit", "open=0.5"]])
def test_with_other_options(handed_in, option):
    told, *_ = handed_in(claim("dL/dW1", "value = 20"), *option)
    earned = 0.5 if "--credit" in option else 0
    assert told == [
        ("yhat", "open", 2, 2 * earned),
        ("dL/dyhat", "open", 1, earned),
        ("dL/dW1", "wrong", 3, 0),
    ]


def test_printed_and_for_other_programs(handed_in, capsys):
    handed_in(f"x = [7]\n{claim('yhat', 'value = 6')}")
    options = ["--gradescope", "out.json", "--junit", "out.xml"]
    assert main(["-q", "ada.toml", "--key", "key.toml", *options]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "not as in the key, by which all is judged: x"
    assert [line.split() for line in lines[4:6]] == [
        ["open", "ada.toml", "1b", "dL/dyhat"],
        ["open", "ada.toml", "1c", "dL/dW1"],
    ]
    assert lines[-1] == "credit 2 of 6 points"
    notice, *tests = json.loads(Path("out.json").read_text())["tests"]
    assert notice["output"] == lines[2]
    assert notice["max_score"] == 0
    assert [(test["name"], test["score"]) for test in tests] == [
        ("1a: yhat", 2),
        ("1b: dL/dyhat", 0),
        ("1c: dL/dW1", 0),
    ]
    assert 'tests="3" failures="0" errors="0" skipped="2"' in Path("out.xml").read_text()


def test_a_folder_of_keys(handed_in, capsys):
    for name in ("keys", "in/more"):
        Path(name).mkdir(parents=True)
    Path("keys/ada.toml").write_text(KEY)
    Path("in/more/ada.toml").write_text(ALL)
    Path("in/bo.toml").write_text(ALL)
    assert main(["in", "--key", "keys"]) == 2
    out, err = capsys.readouterr()
    assert "in/more/ada.toml: credit 6 of 6 points" in out
    bo = "gradsheet: in/bo.toml: no key to judge it by: keys/bo.toml: No such file or directory\n"
    assert err == bo
    Path("keys/bo.toml").write_text(TOP + claim("zz", "value = 1"))
    assert main(["in/bo.toml", "--key", "keys"]) == 2
    assert "keys/bo.toml: line 11: the quantity cannot be read" in capsys.readouterr().err
    assert "no file or folder 'kyes'" in refused(capsys, "in", "--key", "kyes")
    assert "name them" in refused(capsys, "--key", "keys")
    assert "is a sheet itself" in refused(capsys, "in", "--key", "keys", "--junit", "keys/bo.toml")


def test_several_problems(handed_in, capsys):
    def problems(*texts: str) -> str:
        tables = ("layer", "notation", "claim")
        for table in tables:
            texts = tuple(text.replace(f"[{table}]", f"[problem.{table}]") for text in texts)
        return "".join(f"[[problem]]\n{text}\n" for text in texts)

    Path("key.toml").write_text(problems(KEY, KEY))
    for name, text in (("one", ALL), ("two", problems(TOP, ALL)), ("three", problems(*3 * [ALL]))):
        Path(f"{name}.toml").write_text(text)
    assert main(["one.toml", "two.toml", "three.toml", "--key", "key.toml", "--json"]) == 2
    sheets = json.loads(capsys.readouterr().out)["sheets"]
    earned = [sum(claim["credit"] for claim in sheet["claims"]) for sheet in sheets]
    assert earned == [6, 0, 0, 6, 0, 0]
    assert [sheet["problem"] for sheet in sheets] == [1, 2, 1, 2, 1, 2]
    assert sheets[4]["error"] == "3 problems, its key has 2"


def test_a_network_of_its_own(handed_in):
    Path("key.toml").write_text("""\
given = { x = { shape = [3] } }
network = "L = sum(i, x[i]**2)"
[[claim]]
quantity = "dL/dx[j]"
points = 2
""")
    told, *_ = handed_in(claim("dL/dx[j]", "working = ['2*x[j]']"))
    assert told == [("dL/dx[j]", "right", 2, 2)]
