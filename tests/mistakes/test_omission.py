"""Something left out of a line of working: a factor, a term, a sign."""

import pytest

import gradsheet
from gradsheet.language.parsing import parse
from gradsheet.language.text import formula_text
from gradsheet.mistakes.omission import omissions
from tests.sheets import GRADED, NUMBERS, judged


def test_what_the_line_lacks_is_looked_for_first() -> None:
    report = gradsheet.judge(gradsheet.load(GRADED / "factor-of-the-line-not-multiplied.toml"))
    for judgement in report.judgements:
        assert judgement.explanations[0].text == "the factor 1.5 of its own line was not multiplied"
        assert judgement.sure


@pytest.mark.parametrize(
    ("line", "value", "code", "words"),
    [
        ("2*3.5*6/2", "42", "factor-not-multiplied", "the division by 2"),
        ("3.5*6 + 0", "21", None, ""),
        ("3.5*(5 + 1)*1", "17.5", "term-not-added", "the term 1"),
        ("-3.5*(-6)", "-21", "sign-not-taken", "the minus sign before 6"),
        ("3.5*6*(7 - 6)", "147", "term-not-added", "the term 6"),
        ("3.5*6", "3.5", "factor-not-multiplied", "the factor 6"),
        ("3.5*2**2*1.5", "10.5", "power-not-taken", "the power 2 of 2"),
        ("3.5*6", "20.5", None, ""),
    ],
)
def test_something_left_out_of_the_line(
    line: str, value: str, code: str | None, words: str
) -> None:
    """dL/dW3[1,2] = 3.5 * 6 = 21."""
    found = judged(NUMBERS, "dL/dW3[1,2]", line, value=value)
    of_the_line = [
        e for e in found.explanations or [] if e.kind == "figures" and "own line" in e.text
    ]
    assert [e.code for e in of_the_line][:1] == ([code] if code else [])
    assert any(words in e.text for e in of_the_line) == bool(code)


def test_every_omission_leaves_out_one_thing() -> None:
    assert [slip.text.split()[2] for slip, _ in omissions(parse("2*3*4", ()))] == ["4", "3", "2"]
    lines = {formula_text(line) for _, line in omissions(parse("x - y + 2/3*4", ("x", "y")))}
    assert lines == {
        "x - y",
        "x + y + 2/3*4",
        "x + 2/3*4",
        "-y + 2/3*4",
        "x - y + 2/3",
        "x - y + 2*4",
    }
    names = ("W1", "x", "b1")
    texts = {slip.text for slip, _ in omissions(parse("-W1 @ x + b1*2/3", names))}
    assert texts == {
        "the term b1*2/3 of its own line was not added",
        "the term -W1 @ x of its own line was not added",
        "the minus sign before W1 in its own line was lost",
        "the factor x of its own line was not multiplied",
        "the factor -W1 of its own line was not multiplied",
        "the division by 3 in its own line was not made",
        "the factor 2 of its own line was not multiplied",
        "the factor b1 of its own line was not multiplied",
    }
