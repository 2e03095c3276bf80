"""Reports for other programs: JSON of the contract, Gradescope's results.json, JUnit XML.

Each is written as the sheets are judged, so that nothing of a sheet is kept,
and is whole even where the judging ends in the middle.
"""

import json
import os
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self, TextIO
from xml.sax.saxutils import escape, quoteattr

from gradsheet.claims.judgement import Judgement, Report
from gradsheet.commands import files
from gradsheet.commands.report import claim_text, share
from gradsheet.language.shown import clean, short


class Export:
    """Writes report by report; its file appears, whole, when the last one is in.

        with JUnit.to("report.xml") as export:
            export.add(judge(sheet))

    `credit` has the shares of their points that verdicts earn, where a grader
    names them; `several` says that it is on more sheets than one. A file that
    cannot be written is `failed`, with the reason, and takes nothing from the
    other reports; standard output raises what it raises.
    """

    opening: ClassVar[str]
    closing: ClassVar[str]
    closing_early = ""  # in its place, where something has ended the judging
    failed: OSError | None = None
    credit: Mapping[str, Fraction] = MappingProxyType({})
    several = False

    def __init__(self, stream: TextIO, path: Path | None = None, temporary: str = ""):
        self.stream, self.path, self.temporary, self.first = stream, path, temporary, True

    @classmethod
    def to(cls, name: str) -> Self:
        """Open a file to write to; raises OSError where that cannot be."""
        path = Path(name)
        stream, temporary = files.temporary(path)
        return cls(stream, path, temporary)

    def __enter__(self) -> Self:
        self.write(self.opening)
        return self

    def write(self, text: str) -> None:
        """Write a text, unless something could not be written before."""
        if self.failed is None:
            self._try(lambda: self.stream.write(text))

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except OSError as error:
            if self.path is None:
                raise
            self.failed = error

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, BrokenPipeError) and self.path is None:
            return
        self.write(self.closing if error is None else self.closing_early or self.closing)
        path = self.path
        if path is None:
            return
        self._try(self.stream.close)
        if self.failed is None:
            self._try(lambda: files.put_in_place(self.temporary, path))
        elif self.temporary:
            os.unlink(self.temporary)

    def item(self, text: str) -> None:
        """Write an item of a list, after the comma that sets it off."""
        self.write(("" if self.first else ",") + "\n" + text)
        self.first = False

    def add(self, report: Report) -> None:
        """Write what there is to say of one sheet."""
        raise NotImplementedError


class Json(Export):
    """Writes the object of the contract, version 2; exact numbers are text."""

    opening, closing = '{"version": 2, "sheets": [', "\n]}\n"

    def add(self, report: Report) -> None:
        """Write a sheet as an object."""
        self.item(json.dumps(_sheet(report, self.credit), indent=1))


def _sheet(report: Report, credit: Mapping[str, Fraction]) -> dict[str, Any]:
    problem = {"problem": report.problem} if report.problem else {}
    notice = {"notice": report.notice} if report.notice else {}
    return {
        "path": report.path,
        **problem,
        "title": report.title,
        "reading": report.reading,
        **notice,
        "error": report.error,
        "claims": [_claim(judgement, credit) for judgement in report.judgements],
        "summary": report.summary,
    }


def _claim(judgement: Judgement, credit: Mapping[str, Fraction]) -> dict[str, Any]:
    message = judgement.all_messages()
    if judgement.witness:
        message += f", with {judgement.witness}"
    written = {
        "question": judgement.claim.question,
        "quantity": judgement.claim.quantity,
        "claimed": judgement.claimed,
        "truth": judgement.truth,
        "truth_digits": judgement.truth_digits,
        "verdict": judgement.verdict,
        "mistakes": judgement.mistakes,
        "message": message,
        "line": judgement.claim.line,
        "working": [
            {"text": line.text, "value": line.value, "verdict": line.verdict}
            for line in judgement.working
        ],
    }
    if credit:  # a grader has named shares
        earned, points = share(judgement, credit), judgement.claim.points
        worth = None if earned is None else float(earned * points)
        written |= {"points": float(points), "credit": worth}
    return written


def _name(judgement: Judgement) -> str:
    """What a claim is called: its question, where it has one, and its quantity."""
    question = f"{judgement.claim.question}: " if judgement.claim.question else ""
    return clean(short(question + judgement.claim.quantity, 200))


class Gradescope(Export):
    """Writes results.json of a Gradescope autograder: a test a claim, with the points it earns.

    What cannot be told gives and takes no point, unless a share is named. Also
    a crash leaves a results.json, which says so.
    """

    number = 0

    opening, closing = '{"tests": [', "\n]}\n"
    closing_early = (
        '\n], "output": "The judging ended early: not every sheet is among the tests."}\n'
    )

    def add(self, report: Report) -> None:
        """Write the claims of a sheet as tests."""
        if report.error is not None:
            # By a key every question stands below, unread, with its points.
            points = Fraction(0 if report.judgements else 1)
            unread = f"This sheet could not be read: {clean(report.error)}"
            self.test(clean(report.path), Fraction(0), points, unread)
        if report.notice:
            self.test(clean(report.path), None, Fraction(0), clean(report.notice))
        sheet = f"{clean(report.path)}, " if self.several else ""
        for judgement in report.judgements:
            earned, points = share(judgement, self.credit), judgement.claim.points
            self.test(sheet + _name(judgement), earned, points, claim_text(judgement))

    def test(self, name: str, earned: Fraction | None, points: Fraction, output: str) -> None:
        """Write a test that earns a share of its points, with None for one that does not count."""
        self.number += 1
        test: dict[str, Any] = {
            "name": name,
            "number": str(self.number),
            "score": float((earned or 0) * points),
            "max_score": 0.0 if earned is None else float(points),
            "output": output,
            "output_format": "text",
            "visibility": "visible",
        }
        if earned is not None:
            test["status"] = "passed" if earned == 1 else "failed"
        self.item(json.dumps(test))


class JUnit(Export):
    """Writes JUnit XML: a suite a sheet, a case a claim.

    What is not true is a failure, what is unreadable an error, what is
    undecided or open skipped.
    """

    TAGS = MappingProxyType({"unread": "error", "cannot_tell": "skipped", "open": "skipped"})

    opening = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="gradsheet">\n'
    closing = "</testsuites>\n"

    def add(self, report: Report) -> None:
        """Write the claims of a sheet as the cases of a suite."""
        path = quoteattr(clean(report.path))
        tags = [self.tag(judgement) for judgement in report.judgements]
        cases = [self.case(*case, path) for case in zip(report.judgements, tags, strict=True)]
        if report.error is not None:
            error = f"<error message={quoteattr(clean(report.error))}/>"
            tags = ["error"]
            cases = [f"<testcase classname={path} name={path}>{error}</testcase>"]
        counts = f'tests="{len(cases)}" failures="{tags.count("failure")}"'
        counts += f' errors="{tags.count("error")}" skipped="{tags.count("skipped")}"'
        self.write(f"<testsuite name={path} {counts}>\n")
        self.write("".join(f"{case}\n" for case in cases) + "</testsuite>\n")

    def tag(self, judgement: Judgement) -> str:
        """Name the element inside a claim's case: none where it is as expected and read."""
        if judgement.as_expected:
            return "" if judgement.is_read else "system-out"
        return self.TAGS.get(judgement.verdict, "failure")

    @staticmethod
    def case(judgement: Judgement, tag: str, path: str) -> str:
        """Write a claim as a case; `path` stands in quotes already."""
        name, line = quoteattr(_name(judgement)), judgement.claim.line
        head = f'<testcase classname={path} name={name} line="{line}"'
        if not tag:
            return head + "/>"
        message = "" if tag == "system-out" else f" message={quoteattr(judgement.verdict)}"
        return f"{head}><{tag}{message}>{escape(claim_text(judgement))}</{tag}></testcase>"
