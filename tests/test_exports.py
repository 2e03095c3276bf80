"""Reports for other programs: whole, valid, and free of anything that acts on a reader."""

import json
import xml.etree.ElementTree as ET

import pytest

from gradsheet import cli
from gradsheet.cli import main

SHEET = """\
title = "export \\u001b[31m <&> \\u0000"
loss = "half_squared_error"
x = [1, 1]
y = 0
[[layer]]
W = [[1, -1], [2, 1]]
activation = "relu"
[[layer]]
W = [[1, 1]]
[[claim]]
question = '1 "<&>'
quantity = "yhat"
value = 3
[[claim]]
quantity = "dL/dyhat"
value = -3
[[claim]]
quantity = "dL/dW1[1,1]"
value = 0
[[claim]]
quantity = "dL/dyhat"
value = -3
expect = "wrong"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "a.toml").write_text(SHEET)
    (tmp_path / "class" / "b.toml").write_text("x = [")
    return tmp_path


def test_gradescope(folder, capsys):
    assert main(["--gradescope", str(folder / "results.json"), str(folder / "class")]) == 2
    found = json.loads((folder / "results.json").read_text())
    assert set(found) == {"tests"}
    assert [t.get("status") for t in found["tests"]] == ["passed", "failed", None, "passed", "failed"]
    assert [t["score"] for t in found["tests"]] == [1.0, 0.0, 0.0, 1.0, 0.0]
    assert [t["max_score"] for t in found["tests"]] == [1.0, 1.0, 0.0, 1.0, 1.0]
    assert [t["number"] for t in found["tests"]] == ["1", "2", "3", "4", "5"]
    assert {t["visibility"] for t in found["tests"]} == {"visible"}
    assert {t["output_format"] for t in found["tests"]} == {"text"}
    output = "wrong: dL/dyhat = -3, true 3: the truth with the wrong sign; fits: the derivative of the loss has the "
    output += "wrong sign, as if y - yhat stood for yhat - y"
    assert found["tests"][1]["output"] == output
    assert found["tests"][4]["output"].startswith("This sheet could not be read (line 1): not TOML")


def test_junit(folder, capsys):
    assert main(["--junit", str(folder / "junit.xml"), str(folder / "class")]) == 2
    root = ET.parse(folder / "junit.xml").getroot()
    first, second = root.findall("testsuite")
    assert first.attrib == {
        "name": str(folder / "class" / "a.toml"), "tests": "4", "failures": "1", "errors": "0", "skipped": "1"
    }  # fmt: skip
    assert second.attrib["errors"] == "1"
    cases = first.findall("testcase")
    assert [[child.tag for child in case] for case in cases] == [[], ["failure"], ["skipped"], []]
    assert cases[0].attrib["name"] == '1 "<&>: yhat'
    assert "not TOML" in second.find("testcase/error").attrib["message"]


def test_json_is_one_object_whatever_happens(folder, capsys):
    assert main(["--json", str(folder / "class")]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == 1
    assert [sheet["error"] is None for sheet in found["sheets"]] == [True, False]
    assert main(["--json", str(folder / "nothing.toml")]) == 2
    assert len(json.loads(capsys.readouterr().out)["sheets"]) == 1


@pytest.mark.parametrize("kind", ["--gradescope", "--junit"])
def test_a_file_is_whole_even_where_the_judging_is_interrupted(folder, capsys, monkeypatch, kind):
    right = cli.with_sheet

    def interrupted(path, shown, use):
        if path.endswith("b.toml"):
            raise KeyboardInterrupt
        return right(path, shown, use)

    monkeypatch.setattr(cli, "with_sheet", interrupted)
    target = folder / "out"
    assert main([kind, str(target), str(folder / "class")]) == 130
    if kind == "--junit":
        assert len(ET.parse(target).getroot().findall("testsuite")) == 1
    else:
        found = json.loads(target.read_text())
        assert len(found["tests"]) == 4
        assert "ended early" in found["output"]
    assert sorted(path.name for path in folder.iterdir()) == ["class", "out"]  # no half-written file stays


@pytest.mark.parametrize("kind", ["--gradescope", "--junit"])
def test_a_file_that_cannot_be_written_is_one_clear_line(folder, capsys, kind):
    assert main([kind, str(folder / "no" / "folder" / "out"), str(folder / "class" / "a.toml")]) == 2
    out, err = capsys.readouterr()
    assert err == f"gradsheet: {folder}/no/folder/out: No such file or directory\n"
    assert out == ""


def test_files_appear_with_the_usual_rights(folder, capsys):
    main(["--junit", str(folder / "junit.xml"), str(folder / "class" / "a.toml")])
    plain = folder / "plain"
    plain.touch()
    assert (folder / "junit.xml").stat().st_mode == plain.stat().st_mode
