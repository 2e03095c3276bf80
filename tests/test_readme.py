"""What the README shows is what happens."""

import contextlib
import io
import re
from pathlib import Path

import gradsheet

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
ERRATA = README.split("## What is wrong in the two homeworks")[1].split("\n## ")[0]


def test_the_code_prints_what_its_comments_say():
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    expected = re.findall(r"print\(.*\)  # (.*)", code)
    assert printed.getvalue().splitlines() == expected
    assert len(expected) == 3


def test_the_sheet_is_judged_right():
    block = README.split("## Judge a sheet of your own\n\n")[1].split("\n\n`.venv")[0]
    report = gradsheet.judge(gradsheet.read("\n".join(line.removeprefix("    ") for line in block.splitlines())))
    assert [j.verdict for j in report.judgements] == ["right"]


def test_the_errata_are_all_and_only_what_the_judge_faults():
    rows = [re.split(r"\s*\|\s*", row) for row in ERRATA.splitlines() if row.startswith("| ") and "---" not in row]
    items = [row[2] for row in rows if row[2] != "item"]
    faults = []
    for name in ("numbers.toml", "symbols.toml"):
        report = gradsheet.judge(gradsheet.load(ROOT / "gradsheet" / "homework" / name))
        faults += [j.claim.question for j in report.judgements if j.verdict != "right"]
    assert items == faults
    right = 25 - len(faults)
    assert "The other sixteen claims are right" in README
    assert right == 16


def test_ci_runs_the_two_commands_of_the_readme():
    commands = [line for line in README.splitlines() if line.startswith("    python3 -m venv ")]
    assert len(commands) == 2
    assert "grep -E '^    python3 -m venv ' README.md" in (ROOT / ".ci" / "run").read_text()
