"""Hints tell kind and place of a mistake, and neither the truth nor a formula."""

import json
import re
from pathlib import Path

import pytest

from gradsheet.commands.cli import main
from tests.rounds import every
from tests.sheets import GRADED, HOMEWORKS, NUMBERS, PUBLISHED, report_on

SHEETS = [
    *sorted(HOMEWORKS.glob("*.toml")),
    *sorted(PUBLISHED.glob("*.toml")),
    *sorted(GRADED.glob("*.toml")),
]


def test_the_first_homework(capsys) -> None:
    assert main(["--hint", str(SHEETS[0])]) == 0
    out = capsys.readouterr().out
    assert (
        "dL/dW3[1,2] = 42 (cause A)\n    line 2 of its working is the first that is not true\n"
        in out
    )
    cause = (
        "cause A: one cause explains 3 of 3 wrong or lucky claims: look at a factor in the "
        "derivative of the loss"
    )
    assert cause in " ".join(out.split())


@pytest.mark.parametrize("path", every(3, SHEETS), ids=lambda path: path.stem)
def test_a_hint_has_no_number_but_those_claimed(path: Path) -> None:
    """Whatever is said is the same for all data: it names quantities, layers and lines."""
    report = report_on(path).hinted()
    for judgement in report.judgements:
        assert judgement.truth is None
        assert judgement.witness == ""
        assert all(line.value is None for line in judgement.working)
        if judgement.verdict == "unread" or judgement.unread_lines:
            continue  # what cannot be read is told as it stands
        assert not any(line.message for line in judgement.working)
        said = re.sub(
            r"off in \d+ of \d+ entries: [][\d, .]+|"
            r"lines? \d+|\b(W|z|h|b|L|layer |example |unit )\d+|row|\(.*?\)",
            "",
            judgement.all_messages(),
        )
        assert not re.search(r"\d", said), said
    for cause in report.causes:
        assert not re.search(r"[=*/]|true", cause.explanation.text)


def test_json_and_verbose_keep_the_secret(tmp_path, capsys) -> None:
    sheet = tmp_path / "s.toml"
    claim = (
        "[[claim]]\nquantity = 'dL/dW3[1,2]'\nvalue = 42\nworking = ['(yhat - y)*z2[2]', "
        "'2*(yhat - y)*z2[2]']\n"
    )
    sheet.write_text(NUMBERS + claim)
    main(["--hint", "--json", str(sheet)])
    (found,) = json.loads(capsys.readouterr().out)["sheets"][0]["claims"]
    assert found["truth"] is None
    assert found["mistakes"] == [
        {"code": "factor", "text": "a factor in the derivative of the loss"}
    ]
    assert [line["value"] for line in found["working"]] == [None, None]
    main(["--hint", "-v", str(sheet)])
    assert "21" not in capsys.readouterr().out.replace(str(sheet), "")


def test_where_no_mistake_is_known_the_entries_are_told(tmp_path, capsys) -> None:
    sheet = tmp_path / "s.toml"
    wrong = "[[claim]]\nquantity = 'z2'\nvalue = [9, 6, 77]\n"
    more = "[[claim]]\nquantity = 'W2'\nvalue = [[77, 88, 99], [55, 66, 33], [22, 44, 222]]\n"
    sheet.write_text(NUMBERS + wrong + more)
    main(["--hint", str(sheet)])
    lines = capsys.readouterr().out.splitlines()
    at = next(k for k, line in enumerate(lines) if "z2 =" in line)
    assert lines[at + 1 : at + 3] == [
        "    no known mistake gives this",
        "    off in 1 of 3 entries: [3]",
    ]
    assert "    off in 9 of 9 entries: [1,1], [1,2], [1,3], ..." in lines
