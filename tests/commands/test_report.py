"""A report as a person reads it: one line a claim, reasons below, the summary
last.
"""

from types import SimpleNamespace

import pytest

from gradsheet.claims.judgement import Cause, Explanation, LineVerdict
from gradsheet.claims.sheet import VERDICTS
from gradsheet.commands.cli import main
from tests.commanding import SMALL, made, on_terminal
from tests.rounds import every


def test_quiet_leaves_out_what_is_as_expected(sheet, capsys):
    wrong = sheet(SMALL.replace("value = 6", "value = 7"), "wrong.toml")
    assert main(["-q", sheet(SMALL), wrong]) == 1
    out = capsys.readouterr().out
    assert "sheet.toml" not in out
    assert "yhat = 7, true 6" in out
    assert out.splitlines()[-1] == "2 claims: 1 right, 1 wrong"


def test_quiet_shows_a_right_claim_with_a_line_that_could_not_be_read(told):
    unread = made("right", working=[LineVerdict("foo", None, "unread", "unknown name foo")])
    lines, _ = told(made("right", line=11), unread, options=("-q",))
    assert [line.split()[1] for line in lines if line.startswith("right")] == ["sheet.toml:22"]


def test_progress_is_shown_on_a_terminal_only(sheet, capsys, monkeypatch):
    paths = [sheet(SMALL)] * 30
    assert main(paths) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    clock = iter(range(10_000))
    monkeypatch.setattr(
        "gradsheet.commands.report.time", SimpleNamespace(monotonic=lambda: next(clock))
    )
    assert main(paths) == 0
    out, err = capsys.readouterr()
    assert "29 of 30 sheets, 1 s left" in err
    assert err.endswith("\r\x1b[K")
    assert "\x1b" not in out


def test_wrong_numbers_are_told_as_the_claim_is_written(sheet, capsys):
    text = SMALL.replace("x = [2]", "x = [0.25]")
    assert main([sheet(text.replace("value = 6", "value = 0.6"))]) == 1
    assert main([sheet(text.replace("value = 6", "value = '2/3'"))]) == 1
    text = text.replace("x = [0.25]", "x = [1e200]")
    assert main([sheet(text.replace("value = 6", "value = 7"))]) == 1
    out = capsys.readouterr().out
    lines = [line.strip() for line in out.splitlines()]
    for line, reason in (
        ("yhat = 0.6, true 0.75", "off by -0.15"),
        ("yhat = 2/3, true 3/4", "off by -1/12"),
        ("true about 3.00000e+200", "off by about -3.00000e+200"),
    ):
        assert any(found.endswith(line) for found in lines)
        assert reason in lines


def test_verbose_shows_the_working(capsys):
    assert main(["-v"]) == 0
    assert "    wrong        -2*(1.5 - 5) * 6 = 42: gives 42" in capsys.readouterr().out


def test_verbose_says_how_a_line_was_read(told):
    line = LineVerdict("softmax(z1)", "1", "right", read_as=("softmax goes over the last axis",))
    lines, _ = told(made("right", working=[line]), options=("-v",))
    at = lines.index("        right        softmax(z1) = 1")
    assert lines[at + 1] == f"{'':21}softmax goes over the last axis"
    assert "softmax" not in "".join(told(made("right", working=[line]))[0])


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


@pytest.mark.parametrize("columns", every(2, [30, 40, 300, 60, 80, 100]))
def test_on_a_terminal_lines_fit_its_width(capsys, monkeypatch, columns):
    on_terminal(monkeypatch, columns)
    assert main(["-v"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= min(columns, 100)
    assert sum(line.startswith("wrong  ") for line in lines) == 8  # the verdict is never cut
    assert not any("\x1b" in line for line in lines)


def test_colours_are_for_terminals_and_those_who_want_them(capsys, monkeypatch):
    on_terminal(monkeypatch, 80)
    monkeypatch.delenv("NO_COLOR")
    assert main([]) == 0
    out = capsys.readouterr().out
    claim = "...k/numbers.toml:62  2b  dL/dW3[1,2] = 42, true 21 (cause A)"
    assert f"\x1b[31mwrong          \x1b[0m  {claim}" in out


CAUSE = Explanation("factor", "the 2 is kept", "factor", "a factor")


def test_a_claim_is_a_line_and_each_reason_another(told):
    wrong = made(
        "wrong",
        expect="right",
        messages=["2 times the truth", "line 2, 'x', gives 42 " + 20 * "and so on "],
        explanations=[Explanation("sign", "a sign is lost", "sign", "a sign")],
        sure=True,
        readings=["the loss is read as squared_error"],
    )
    lines, status = told(wrong)
    at = lines.index("wrong            sheet.toml:22  2b  dL/dW3[1,2] = 42, true 21")
    assert lines[at + 1 : at + 3] == ["    mistake: a sign is lost", "    2 times the truth"]
    assert lines[at + 3].startswith("    line 2, 'x', gives 42 and so on")
    assert lines[at + 4].startswith("      ")  # it hangs
    rest = lines.index("    right if the loss is read as squared_error")
    assert lines[rest + 1] == "    the verdict on record is right"
    assert max(map(len, lines)) <= 100
    assert status == 1


def test_a_verdict_that_is_as_good_is_on_record(told):
    lines, status = told(made("rounded", "right"), made("carried_forward", "wrong"))
    assert not any("the verdict on record is" in line for line in lines)
    assert lines[-1] == "2 claims: 1 rounded, 1 carried forward; every verdict is the one on record"
    assert status == 0


def test_the_rest_of_a_mistake_is_told_where_the_cause_is_told_below(told):
    both = Explanation.together([CAUSE, Explanation("sign", "a sign is lost", "sign", "a sign")])
    claims = [
        made("wrong", explanations=[CAUSE], sure=True),
        made("lucky", explanations=[both], sure=True),
    ]
    carried = [made("carried_forward", line=line) for line in (30, 31)]
    lines, _ = told(*claims, *carried, causes=(Cause(CAUSE, [0, 1, 2, 3], True),))
    assert lines.count("    mistake: a sign is lost") == 1
    assert sum("(cause A)" in line for line in lines) == 4
    cause = "one cause explains 2 of 2 wrong or lucky claims, and 2 carried forward: the 2 is kept"
    assert lines[-3] == f"cause A: {cause}"


def test_what_is_long_is_cut_but_for_the_verdict_the_line_and_the_notes(told, monkeypatch):
    long = made(
        "carried_forward",
        line=1234,
        claimed=["123456789"] * 30,
        truth=["123456788"] * 30,
        witness="x = 1",
    )
    for columns in (100, 80):
        on_terminal(monkeypatch, columns)
        lines, _ = told(long, path="a/very/long/path/" * 5 + "sheet.toml")
        (line,) = (line for line in lines if line.startswith("carried_forward  "))
        assert len(line) <= columns
        assert "/sheet.toml:1234  2b  dL/dW3[1,2] = [1234" in line
        assert line.endswith("... (witness A)")
        assert any(line.startswith("    true: [123456788, ") for line in lines)  # on its own


def test_the_digits_of_the_truth_are_printed_as_they_are(told):
    for verdict in ("wrong", "rounded", "carried_forward"):
        digits = made(verdict, claimed="0.27", truth=0.26894142136999, told="0.26894")
        lines, _ = told(digits)
        assert any(line.endswith("dL/dW3[1,2] = 0.27, true 0.26894") for line in lines)
    assert "true" not in "".join(told(made("lucky"))[0])
    lines, _ = told(made("wrong", claimed=["0.27"], truth=[0.268941], told=["0.26894"]))
    assert any(line.endswith("= [0.27], true [0.26894]") for line in lines)


ONE_UNREAD = {"working": [LineVerdict("foo bar", None, "unread", "unknown name foo")]}

SECRETS = {
    "truth": 21.987654,
    "truth_digits": "21.9876",
    "messages": ["off by 5.4321"],
    "working": [
        LineVerdict("a*b", "77.77", "wrong", "gives 77.77", read_as=("is 66.66",)),
        LineVerdict("foo", None, "unread", "unknown name foo"),
    ],
}


def test_lines_that_could_not_be_read_are_said_in_the_own_line(told):
    for options in ((), ("--hint",)):
        lines, status = told(made("right", **ONE_UNREAD), options=options)
        assert any(line.endswith("2b  dL/dW3[1,2] = 42 (1 line not read)") for line in lines)
        assert lines[-1] == "1 claim: 1 right; 1 line not read"
        assert status == 2
    two = made("wrong", working=ONE_UNREAD["working"] * 2)
    assert any(line.endswith(" = 42, true 21 (2 lines not read)") for line in told(two)[0])


def test_hints_tell_where_and_no_number(told):
    earlier = [made("wrong", line=line).claim for line in (12, 15)]
    said = Explanation("carried-on", "given z1 = 21.987", "carried-on", "what it follows from")
    for options in (("--hint", "-v"), ("--hint", "--json")):
        carried = made("carried_forward", given=earlier, explanations=[said], **SECRETS)
        lines, _ = told(carried, made("wrong", **SECRETS), options=options)
        text = "\n".join(lines)
        assert "follows from line 12 and line 15" in text
        assert "what it follows from" not in text  # once is enough
        assert "line 2 of its working is not read: unknown name foo" in text
        for secret in ("21.98", "5.43", "77.77", "66.66"):
            assert secret not in text


def test_hints_say_why_a_claim_could_not_be_read(told):
    lines, _ = told(made("unread", truth=None, messages=["unknown name foo"]), options=("--hint",))
    assert "    unknown name foo" in lines


ALL = [made(verdict) for verdict in VERDICTS]


def test_the_summary_counts_each_verdict_and_speaks_of_the_record_where_there_is_one(told):
    counts = "8 claims: 1 right, 1 rounded, 1 wrong, 1 lucky, 1 carried forward, 1 cannot tell"
    assert told(*ALL)[0][-1] == f"{counts}, 1 open, 1 unread"
    on_record, off_record, wrong = made("wrong", "wrong"), made("wrong", "lucky"), made("wrong")
    for claims, end in (
        ((on_record,), "1 claim: 1 wrong; every verdict is the one on record"),
        ((off_record, wrong), "2 claims: 2 wrong; 1 not as on record"),
        ((on_record, wrong), "2 claims: 2 wrong; the verdicts on record agree"),
    ):
        assert told(*claims)[0][-1] == end


def test_the_summary_is_one_line_in_a_pipe_and_fits_a_terminal(told, monkeypatch):
    claims = [made(verdict, verdict) for verdict in VERDICTS]
    assert told(*claims)[0][-1].endswith("1 unread; every verdict is the one on record")
    on_terminal(monkeypatch, 60)
    assert told(*claims)[0][-1] == "  the one on record"


def test_credit_is_summed_up_where_somebody_speaks_of_points(told):
    assert not any("credit" in line for line in told(*ALL)[0])
    lines, _ = told(*ALL, options=("--credit", "lucky=0.5"))
    assert lines[-1] == "credit 3.5 of 7 points"  # what cannot be told does not count
    assert lines[-2].startswith("8 claims: ")
    lines, _ = told(*ALL, options=("--credit", "cannot_tell=1/4", "--credit", "carried_forward=0"))
    assert lines[-1] == "credit 2.25 of 8 points"
    assert told(made("right", points=3), made("wrong"))[0][-1] == "credit 3 of 4 points"
