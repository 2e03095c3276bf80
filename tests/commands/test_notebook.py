"""A report in a notebook: Markdown."""

from gradsheet.claims.judgement import Report
from gradsheet.commands.notebook import shown
from tests.commanding import made


def test_markdown_has_a_reason_a_line():
    report = Report(
        "s.toml",
        "made up",
        "a reading",
        judgements=[made("carried_forward", messages=["a < b", "c"])],
    )
    assert (
        "| carried\\_forward | 2b | dL/dW3\\[1,2\\] = 42, true 21<br>a \\< b<br>c |"
        in shown(report).splitlines()
    )
    assert shown(report).endswith("1 claim: 1 carried forward\n")
