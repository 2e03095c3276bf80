"""Judging what is handed in by a key: `gradsheet FOLDER --key KEYS`."""

import os
from dataclasses import replace

from gradsheet.claims.answers import answered, notice, questions
from gradsheet.claims.judgement import Judgement, Report
from gradsheet.claims.reader import problems_of, read_answers, read_problem
from gradsheet.claims.sheet import Sheet, SheetError
from gradsheet.commands.files import Tables, tried, with_text
from gradsheet.mistakes.judging import judge


def key_of(path: str, keys: str) -> str:
    """The key of a file: in a folder of keys the one of its name, else the key for all."""
    return os.path.join(keys, os.path.basename(path)) if os.path.isdir(keys) else keys


def judge_by_key(path: str, shown: str, keys: str) -> list[Report]:
    """Judge a file by its key, a problem of the key after the other.

    Where the file cannot be read all that its key asks is unread.
    """
    key_path = key_of(path, keys)
    read = with_text(key_path, key_path, lambda text: _problems(text, key_path))
    if isinstance(read, Report):
        return [Report.unreadable(shown, f"no key to judge it by: {key_path}: {read.error}")]
    handed_in = with_text(path, shown, lambda text: _handed_in(text, len(read)))

    def report(at: int, content: Tables, key: Sheet) -> Report:
        if isinstance(handed_in, Report):
            return unread(handed_in, key)
        text, number, mine = handed_in[at]

        def judged() -> Report:
            sheet = replace(read_answers(text, number, mine, key), path=shown)
            return replace(judge(answered(key, sheet)), notice=notice(content, mine))

        one = tried(shown, judged)
        return one if one.error is None else unread(one, key)

    return [report(at, *one) for at, one in enumerate(read)]


def unread(report: Report, key: Sheet) -> Report:
    """The report on what could not be read, with all that its key asks."""
    why = ["its sheet could not be read"]
    judgements = [Judgement(asked, None, None, "unread", why) for asked in questions(key)]
    return replace(report, judgements=judgements, problem=key.number)


def _problems(text: str, path: str) -> list[tuple[Tables, Sheet]]:
    """The problems of a key, each as its tables and as a sheet; raises SheetError."""
    problems = problems_of(text)
    sheets = [read_problem(text, number, content, path) for number, content in problems]
    for sheet in sheets:
        questions(sheet)
    return [(content, sheet) for (_, content), sheet in zip(problems, sheets, strict=True)]


def _handed_in(text: str, asked: int) -> list[tuple[str, int, Tables]]:
    """The problems of a text, as many as are asked: what is left out is empty."""
    problems = problems_of(text)
    if len(problems) > asked:
        raise SheetError(f"{len(problems)} problems, its key has {asked}")
    problems += [(0, {})] * (asked - len(problems))
    return [(text, *one) for one in problems]
