"""Reports for other programs: the JSON object of the contract, Gradescope's results.json, and JUnit XML.

Each is written as the sheets are judged, so that nothing of a sheet is kept, and is whole even where the judging ends
in the middle.
"""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO
from xml.sax.saxutils import escape, quoteattr

from gradsheet import files
from gradsheet.judgement import Judgement, Report
from gradsheet.report import clean, sentence, short


class Export:
    """Something that is written report by report. A file of that name appears, whole, when the last one is in."""

    def __init__(self, stream: TextIO, path: Path | None = None):
        self.stream, self.path, self.first = stream, path, True

    @classmethod
    def to(cls, name: str) -> Self:
        """Write to a file; raises OSError where that cannot be."""
        path = Path(name)
        stream, temporary = files.temporary(path)
        export = cls(stream, path)
        export.temporary = temporary
        return export

    temporary: str | None = None

    def __enter__(self) -> Self:
        self.stream.write(self.opening())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, BrokenPipeError) and self.path is None:
            return
        self.stream.write(self.closing(error))
        if self.path is None or self.temporary is None:
            return
        self.stream.close()
        files.put_in_place(self.temporary, self.path)

    def item(self, text: str) -> None:
        """Write an item of a list, after the comma that sets it off."""
        self.stream.write(("" if self.first else ",") + "\n" + text)
        self.first = False

    def opening(self) -> str:
        raise NotImplementedError

    def closing(self, error: BaseException | None) -> str:
        raise NotImplementedError

    def add(self, report: Report) -> None:
        raise NotImplementedError


class Json(Export):
    """The object of the contract, version 1. Exact numbers are text."""

    def opening(self) -> str:
        return '{"version": 1, "sheets": ['

    def closing(self, error: BaseException | None) -> str:
        return "\n]}\n"

    def add(self, report: Report) -> None:
        self.item(json.dumps(_sheet(report), indent=1))


def _sheet(report: Report) -> dict[str, Any]:
    error = report.error
    if error is not None and report.error_line:
        error = f"line {report.error_line}: {error}"
    return {
        "path": report.path,
        "title": report.title,
        "reading": report.reading,
        "error": error,
        "claims": [_claim(judgement) for judgement in report.judgements],
        "summary": report.summary,
    }


def _claim(judgement: Judgement) -> dict[str, Any]:
    return {
        "question": judgement.claim.question,
        "quantity": judgement.claim.quantity,
        "claimed": judgement.claimed,
        "truth": judgement.truth,
        "verdict": judgement.verdict,
        "mistakes": judgement.mistakes,
        "message": judgement.all_messages() + (f", with {judgement.witness}" if judgement.witness else ""),
        "line": judgement.claim.line,
        "working": [{"text": line.text, "value": line.value, "verdict": line.verdict} for line in judgement.working],
    }


def _name(judgement: Judgement) -> str:
    question = f"{judgement.claim.question}: " if judgement.claim.question else ""
    return clean(short(question + judgement.claim.quantity, 200))


class Gradescope(Export):
    """results.json of a Gradescope autograder: a test a claim, a point for each that is as expected.

    What cannot be told gives and takes no point. Also a crash leaves a results.json, which says so.
    """

    number = 0

    def opening(self) -> str:
        return '{"tests": ['

    def closing(self, error: BaseException | None) -> str:
        output = "" if error is None else ', "output": "The judging ended early: not every sheet is among the tests."'
        return f"\n]{output}}}\n"

    def add(self, report: Report) -> None:
        if report.error is not None:
            where = f" (line {report.error_line})" if report.error_line else ""
            self.test(clean(report.path), "failed", f"This sheet could not be read{where}: {clean(report.error)}")
        for judgement in report.judgements:
            status = "passed" if judgement.as_expected else "failed"
            if judgement.verdict == "cannot_tell" and not judgement.as_expected:
                status = ""
            self.test(_name(judgement), status, f"{judgement.verdict}: {clean(sentence(judgement))}")

    def test(self, name: str, status: str, output: str) -> None:
        self.number += 1
        test: dict[str, Any] = {
            "name": name,
            "number": str(self.number),
            "score": float(status == "passed"),
            "max_score": float(status != ""),
            "output": output,
            "output_format": "text",
            "visibility": "visible",
        }
        self.item(json.dumps({**test, "status": status} if status else test))


class JUnit(Export):
    """JUnit XML: a suite a sheet, a case a claim; wrong is a failure, unreadable an error, undecided skipped."""

    def opening(self) -> str:
        return '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="gradsheet">\n'

    def closing(self, error: BaseException | None) -> str:
        return "</testsuites>\n"

    def add(self, report: Report) -> None:
        path = quoteattr(clean(report.path))
        cases = [self.case(judgement, path) for judgement in report.judgements]
        failures, skipped = (sum(tag in case for case in cases) for tag in ("<failure", "<skipped"))
        if report.error is not None:
            where = f"line {report.error_line}: " if report.error_line else ""
            message = quoteattr(where + clean(report.error))
            cases = [f"<testcase classname={path} name={path}><error message={message}/></testcase>"]
        unread = int(report.error is not None)
        counts = f'tests="{len(cases)}" failures="{failures}" errors="{unread}" skipped="{skipped}"'
        self.stream.write(f"<testsuite name={path} {counts}>\n" + "".join(f"{case}\n" for case in cases))
        self.stream.write("</testsuite>\n")

    @staticmethod
    def case(judgement: Judgement, path: str) -> str:
        head = f'<testcase classname={path} name={quoteattr(_name(judgement))} line="{judgement.claim.line}"'
        if judgement.as_expected:
            return head + "/>"
        tag = "skipped" if judgement.verdict == "cannot_tell" else "failure"
        text = clean(sentence(judgement))
        return f"{head}><{tag} message={quoteattr(judgement.verdict)}>{escape(text)}</{tag}></testcase>"
