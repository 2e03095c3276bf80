"""A report as a person reads it, and as the JSON object of the contract."""

import shutil
import sys
import textwrap
import unicodedata
from typing import Any

from gradsheet.number import plain
from gradsheet.verdict import Judgement, Report

_COLOURS = {"right": "32", "rounded": "32", "lucky": "33", "wrong": "31", "cannot_tell": "36"}
_ACTING = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # Unicode categories: control, format, line separators, ...
_WIDEST = max(map(len, _COLOURS))


def clean(text: str) -> str:
    """Text that cannot act on a terminal: control and format characters are shown by their numbers."""
    return "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) in _ACTING else c for c in text)


def short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _sentence(judgement: Judgement, point: str) -> str:
    """A claim and what is to be said of it, on one line; `point` names the witness, where there is one."""
    text = f"{short(judgement.claim.quantity)} = {short(plain(judgement.claimed))}"
    if judgement.verdict in ("wrong", "rounded") and judgement.truth is not None:
        text += f", true {short(plain(judgement.truth))}"
    if judgement.message:
        text += f": {judgement.message}"
    if point:
        text += f" ({point})"
    if judgement.claim.expect not in (None, judgement.verdict):
        text += f"; the verdict on record is {judgement.claim.expect}"
    return text


def _lay_out(head: str, text: str, width: int | None) -> str:
    """A head and a text, broken and indented behind the head where there is a width."""
    text = clean(text)
    if width is None:
        return head + text
    indent = " " * min(len(head), _WIDEST + 2)
    return (
        head
        + textwrap.fill(text, max(width, 40), initial_indent=" " * len(head), subsequent_indent=indent)[len(head) :]
    )


def summary_line(reports: list[Report]) -> str:
    """One line over all sheets: how many claims have which verdict, and whether those are the verdicts on record."""
    counts = {verdict: sum(report.summary[verdict] for report in reports) for verdict in _COLOURS}
    total = sum(counts.values())
    unexpected = sum(not judgement.as_expected for report in reports for judgement in report.judgements)
    unread = sum(report.error is not None for report in reports)
    text = f"{total} claim{'s' * (total != 1)}: " + (", ".join(f"{n} {v}" for v, n in counts.items() if n) or "none")
    if unread:
        text += f"; {unread} sheet{'s' * (unread != 1)} could not be read"
    if unexpected:
        return f"{text}; {unexpected} not as expected"
    if any(judgement.claim.expect for report in reports for judgement in report.judgements):
        text += "; every verdict is the one on record"
    return text


class Printer:
    """Prints reports to standard output, errors to standard error; on a terminal in its width."""

    def __init__(self, *, colour: bool, verbose: bool):
        terminal = sys.stdout.isatty()
        self.width = shutil.get_terminal_size().columns if terminal else None
        self.colour, self.verbose = colour and terminal, verbose

    def paint(self, verdict: str) -> str:
        word = f"{verdict:{_WIDEST}}"
        return f"\x1b[{_COLOURS[verdict]}m{word}\x1b[0m" if self.colour else word

    def sheet(self, report: Report) -> None:
        """The title, the reading, a line a claim, and the data of the witnesses."""
        if report.error is not None:
            where = f"{report.path}:{report.error_line}" if report.error_line else report.path
            print(f"gradsheet: {clean(where)}: {clean(report.error)}", file=sys.stderr)
            return
        print(_lay_out("", short(report.title, 200), self.width))
        print(_lay_out("read as   ", report.reading, self.width), end="\n\n")
        questions = [short(clean(j.claim.question), 20) for j in report.judgements]
        places = [f"{report.path}:{j.claim.line}" for j in report.judgements]
        points: dict[str, str] = {}
        for judgement, place, question in zip(report.judgements, places, questions, strict=True):
            point = ""
            if judgement.witness:
                point = points.setdefault(
                    judgement.witness, f"witness {chr(65 + len(points)) if len(points) < 26 else len(points) + 1}"
                )
            head = f"{'':{_WIDEST}}  {clean(place):{max(map(len, places))}}  "
            head += f"{question:{max(map(len, questions))}}  " if any(questions) else ""
            line = _lay_out(head, _sentence(judgement, point), self.width)
            print(self.paint(judgement.verdict) + line[_WIDEST:])
            if self.verbose:
                self.working(judgement)
        for witness, name in points.items():
            print(_lay_out(f"{name}: ", witness, self.width))
        print()

    def working(self, judgement: Judgement) -> None:
        """Every line of a claim's working, with what it gives."""
        for line in judgement.working:
            text = (
                line.text
                + (f" = {plain(line.value)}" if line.value is not None else "")
                + (f": {line.message}" if line.message else "")
            )
            print(_lay_out(f"{'':{_WIDEST}}    {line.verdict:{_WIDEST}}  ", text, self.width))


def as_json(reports: list[Report]) -> dict[str, Any]:
    """The reports as the object that `--json` prints; exact numbers are text."""
    return {"version": 1, "sheets": [_sheet_json(report) for report in reports]}


def _sheet_json(report: Report) -> dict[str, Any]:
    error = report.error
    if error is not None and report.error_line:
        error = f"line {report.error_line}: {error}"
    return {
        "path": report.path,
        "title": report.title,
        "reading": report.reading,
        "error": error,
        "claims": [
            {
                "question": judgement.claim.question,
                "quantity": judgement.claim.quantity,
                "claimed": judgement.claimed,
                "truth": judgement.truth,
                "verdict": judgement.verdict,
                "mistakes": judgement.mistakes,
                "message": judgement.message + (f", with {judgement.witness}" if judgement.witness else ""),
                "line": judgement.claim.line,
                "working": [
                    {"text": line.text, "value": line.value, "verdict": line.verdict} for line in judgement.working
                ],
            }
            for judgement in report.judgements
        ],
        "summary": report.summary,
    }
