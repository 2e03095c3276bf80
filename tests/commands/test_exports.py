"""Reports for other programs: whole, valid, and free of anything that acts on a reader."""

import json
import xml.etree.ElementTree as ET
from fractions import Fraction

import pytest

from gradsheet.claims.judgement import Judgement, LineVerdict, Report
from gradsheet.claims.sheet import VERDICTS, Claim
from gradsheet.commands import judge
from gradsheet.commands.cli import main
from gradsheet.language.formula import List

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
    assert [t.get("status") for t in found["tests"]] == [
        "passed",
        "failed",
        None,
        "passed",
        "failed",
    ]
    assert [t["score"] for t in found["tests"]] == [1.0, 0.0, 0.0, 1.0, 0.0]
    assert [t["max_score"] for t in found["tests"]] == [1.0, 1.0, 0.0, 1.0, 1.0]
    assert [t["number"] for t in found["tests"]] == ["1", "2", "3", "4", "5"]
    assert {t["visibility"] for t in found["tests"]} == {"visible"}
    assert {t["output_format"] for t in found["tests"]} == {"text"}
    assert found["tests"][1]["output"].splitlines() == [
        "wrong: dL/dyhat = -3, true 3",
        "fits: the derivative of the loss has the wrong sign, as if y - yhat stood for yhat - y",
        "the truth with the wrong sign",
    ]
    assert found["tests"][4]["output"].startswith("This sheet could not be read: line 1: not TOML")


def made(verdict, expect=None, points=1, **more) -> Judgement:
    """A judgement on a claim of a sheet, as the judge would give it."""
    claim = Claim("", "yhat", List(()), None, (), expect, "", 22, Fraction(points))
    return Judgement(claim, "42", "21", verdict, messages=[f"why {verdict}"], **more)


UNREAD = [LineVerdict("foo", None, "unread", "unknown name foo")]


@pytest.fixture
def tests_of(folder, capsys, monkeypatch):
    """What a kind of report says of such judgements."""

    def tell(kind: str, *judgements: Judgement, options: tuple[str, ...] = ()) -> str:
        report = Report("a.toml", judgements=[*judgements])
        monkeypatch.setattr("gradsheet.commands.judge.judge", lambda _: report)
        main([kind, str(folder / "out"), *options, str(folder / "class" / "a.toml")])
        return (folder / "out").read_text()

    return tell


def scores(text: str) -> list[tuple[float, float, str | None]]:
    tests = json.loads(text)["tests"]
    return [(test["score"], test["max_score"], test.get("status")) for test in tests]


def test_gradescope_gives_a_verdict_its_share_of_the_points(tests_of):
    claims = [made(verdict, points=2) for verdict in VERDICTS]
    full, none = (2.0, 2.0, "passed"), (0.0, 2.0, "failed")
    by_default = dict.fromkeys(VERDICTS, none)
    by_default |= {
        "right": full,
        "rounded": full,
        "carried_forward": full,
        "cannot_tell": (0.0, 0.0, None),
    }
    assert scores(tests_of("--gradescope", *claims)) == list(by_default.values())
    options = (
        "--credit",
        "lucky=0.5",
        "--credit",
        "carried_forward=.25",
        "--credit",
        "cannot_tell=1",
        "--credit=open=0",
    )
    named = by_default | {
        "lucky": (1.0, 2.0, "failed"),
        "carried_forward": (0.5, 2.0, "failed"),
        "cannot_tell": full,
    }
    assert scores(tests_of("--gradescope", *claims, options=options)) == list(named.values())


def test_gradescope_gives_all_points_for_the_verdict_on_record_unless_shares_are_named(tests_of):
    claims = [
        made("wrong", "wrong"),
        made("lucky", "lucky"),
        made("carried_forward", "wrong"),
        made("wrong", "right"),
    ]
    found = scores(tests_of("--gradescope", *claims))
    assert found == [(1.0, 1.0, "passed")] * 3 + [(0.0, 1.0, "failed")]
    found = scores(tests_of("--gradescope", *claims, options=("--credit", "carried_forward=0.5")))
    assert [score for score, *_ in found] == [0.0, 0.0, 0.5, 0.0]


def test_gradescope_says_why_line_by_line(tests_of):
    claims = [made("unread"), made("right", working=UNREAD), made("wrong", "right")]
    text = tests_of("--gradescope", *claims)
    assert [test["output"].splitlines() for test in json.loads(text)["tests"]] == [
        ["unread: yhat = 42", "why unread"],
        ["right: yhat = 42 (1 line not read)", "why right"],
        ["wrong: yhat = 42, true 21", "why wrong", "the verdict on record is right"],
    ]


def test_a_claim_of_no_points_passes_where_it_is_right_alone(tests_of):
    claims = [made("right", points=0), made("wrong", points=0)]
    assert scores(tests_of("--gradescope", *claims)) == [(0.0, 0.0, "passed"), (0.0, 0.0, "failed")]


def test_junit_has_a_tag_for_each_verdict(tests_of):
    claims = [made(verdict) for verdict in VERDICTS]
    claims += [
        made("right", working=UNREAD),
        made("unread", "unread"),
        made("carried_forward", "wrong"),
    ]
    suite = ET.fromstring(tests_of("--junit", *claims)).find("testsuite")
    tags = [[child.tag for child in case] for case in suite.findall("testcase")]
    assert dict(zip(VERDICTS, tags, strict=False)) == {
        "right": [],
        "rounded": [],
        "lucky": ["failure"],
        "carried_forward": ["failure"],
        "wrong": ["failure"],
        "cannot_tell": ["skipped"],
        "open": ["skipped"],
        "unread": ["error"],
    }
    assert tags[len(VERDICTS) :] == [["system-out"], ["system-out"], []]
    counts = {"tests": "11", "failures": "3", "errors": "1", "skipped": "2"}
    assert counts.items() <= suite.attrib.items()
    assert suite[4][0].text.splitlines() == ["wrong: yhat = 42, true 21", "why wrong"]
    assert suite[8][0].text == "right: yhat = 42 (1 line not read)\nwhy right"
    assert suite[7][0].attrib == {"message": "unread"}


def test_json_has_the_digits_of_the_truth(tests_of, folder, capsys):
    tests_of("--junit", made("wrong", truth_digits="21.00"), made("right"), options=("--json",))
    first, second = json.loads(capsys.readouterr().out)["sheets"][0]["claims"]
    assert (first["truth_digits"], second["truth_digits"]) == ("21.00", None)
    assert first["message"] == "why wrong"


def test_junit(folder, capsys):
    assert main(["--junit", str(folder / "junit.xml"), str(folder / "class")]) == 2
    root = ET.parse(folder / "junit.xml").getroot()
    first, second = root.findall("testsuite")
    # Fmt: skip.
    assert first.attrib == {
        "name": str(folder / "class" / "a.toml"),
        "tests": "4",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }
    assert second.attrib["errors"] == "1"
    cases = first.findall("testcase")
    assert [[child.tag for child in case] for case in cases] == [[], ["failure"], ["skipped"], []]
    assert cases[0].attrib["name"] == '1 "<&>: yhat'
    assert "not TOML" in second.find("testcase/error").attrib["message"]


def test_json_is_one_object_whatever_happens(folder, capsys):
    assert main(["--json", str(folder / "class")]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == 2
    assert [sheet["error"] is None for sheet in found["sheets"]] == [True, False]
    assert main(["--json", str(folder / "nothing.toml")]) == 2
    assert len(json.loads(capsys.readouterr().out)["sheets"]) == 1


@pytest.mark.parametrize("kind", ["--gradescope", "--junit"])
def test_a_file_is_whole_even_where_the_judging_is_interrupted(folder, capsys, monkeypatch, kind):
    right = judge.with_problems

    def interrupted(path, shown, use):
        if path.endswith("b.toml"):
            raise KeyboardInterrupt
        return right(path, shown, use)

    monkeypatch.setattr(judge, "with_problems", interrupted)
    target = folder / "out"
    assert main([kind, str(target), str(folder / "class")]) == 130
    if kind == "--junit":
        assert len(ET.parse(target).getroot().findall("testsuite")) == 1
    else:
        found = json.loads(target.read_text())
        assert len(found["tests"]) == 4
        assert "ended early" in found["output"]
    # No half-written file stays.
    assert sorted(path.name for path in folder.iterdir()) == ["class", "out"]


@pytest.mark.parametrize("kind", ["--gradescope", "--junit"])
def test_a_file_that_cannot_be_written_is_one_clear_line(folder, capsys, kind):
    missing = str(folder / "no" / "folder" / "out")
    assert main([kind, missing, str(folder / "class" / "a.toml")]) == 2
    out, err = capsys.readouterr()
    assert err == f"gradsheet: {folder}/no/folder/out: No such file or directory\n"
    assert out == ""


def test_files_appear_with_the_usual_rights(folder, capsys):
    main(["--junit", str(folder / "junit.xml"), str(folder / "class" / "a.toml")])
    plain = folder / "plain"
    plain.touch()
    assert (folder / "junit.xml").stat().st_mode == plain.stat().st_mode


def test_several_sheets_are_told_apart_and_none_is_overwritten(tmp_path, capsys):
    sheet = (
        'loss = "output"\nx = 1\n[[layer]]\nW = [[2]]\n[[claim]]\nquantity = "L"\nvalue = '
        "2\npoints = 3\n"
    )
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(
            sheet.replace("value = 2", "value = 3") if name == "b" else sheet
        )
    options = ["--credit", "wrong=0.5"]
    assert main([str(tmp_path), "--gradescope", str(tmp_path / "r.json"), *options]) == 1
    out = capsys.readouterr().out
    assert f"{tmp_path}/a.toml: credit 3 of 3 points" in out
    assert f"{tmp_path}/b.toml: credit 1.5 of 3 points" in out
    assert out.endswith("credit 4.5 of 6 points\n")
    tests = json.loads((tmp_path / "r.json").read_text())["tests"]
    assert [(t["name"], t["score"]) for t in tests] == [
        (f"{tmp_path}/a.toml, L", 3.0),
        (f"{tmp_path}/b.toml, L", 1.5),
    ]
    main([str(tmp_path), "--json", *options])
    claims = [
        claim
        for found in json.loads(capsys.readouterr().out)["sheets"]
        for claim in found["claims"]
    ]
    assert [(claim["points"], claim["credit"]) for claim in claims] == [(3.0, 3.0), (3.0, 1.5)]
    for kind in ("--gradescope", "--junit"):
        with pytest.raises(SystemExit):
            main([str(tmp_path), kind, str(tmp_path / "b.toml")])
        assert "is a sheet itself: give the report another name" in capsys.readouterr().err
    assert "value = 3" in (tmp_path / "b.toml").read_text()
