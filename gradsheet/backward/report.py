"""A check as a person reads it."""

import textwrap
from collections.abc import Iterator

from gradsheet.backward.result import Check, Row
from gradsheet.judgement import AND
from gradsheet.report import clean

WIDTH = 80
_SHOWN = 4  # of mistakes that do equally well


def told(check: Check) -> Iterator[str]:
    """The report line by line, at most WIDTH wide but for what cannot be broken."""
    yield from _laid_out("", check.title)
    yield from _laid_out("tried on  ", check.tried) if check.tried else ()
    yield from _laid_out("read as   ", "; ".join(check.assumed)) if check.assumed else ()
    for fault in check.faults:
        yield from _laid_out("fault     ", fault)
    if check.rows:
        yield ""
        yield from _table([*check.rows, *([check.kink] if check.kink else [])])
    findings = list(_findings(check))
    if findings:
        yield ""
        yield from findings


def _laid_out(head: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        clean(text), WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False
    )


def _table(rows: list[Row]) -> Iterator[str]:
    columns = [("name", "exact", "max difference", "where")]
    columns += [
        (row.name, row.exact, "" if row.difference is None else f"{row.difference:.4g}", row.where) for row in rows
    ]
    widths = [max(len(line[k]) for line in columns) for k in range(3)]
    for name, exact, difference, where in columns:
        head = f"{name:{widths[0]}} | {exact:{widths[1]}} | {difference:{widths[2]}} | "
        yield from (line.rstrip() for line in _laid_out(head, where)) if where else (head.rstrip(" |"),)


def _findings(check: Check) -> Iterator[str]:
    if check.right:
        yield "right"
        return
    wrong = [row for row in check.rows if not row.is_right]
    if check.steps:
        first, *others = check.steps
        text = f"the step to {first.gives}, {first.text}"
        if others:
            text += "; then " + "; ".join(f"that to {step.gives}, {step.text}" for step in others)
        yield from _laid_out("breaks at ", text)
        if check.follows:
            yield from _laid_out("follows   ", f"{', '.join(check.follows)}: right if carried on from there")
    elif wrong:
        yield from _laid_out("wrong first ", wrong[0].name)
    for remark in check.remarks:
        yield from _laid_out("remark    ", remark)
    equals = check.naming.equals
    texts = list(dict.fromkeys(AND.join(made.text for made in together) for together in equals))
    codes = {AND.join(made.text for made in together): "+".join(made.code for made in together) for together in equals}
    if texts:
        yield from _laid_out("mistake   ", f"{codes[texts[0]]}: {texts[0]}")
        for text in texts[1:_SHOWN]:
            yield from _laid_out("or        ", f"{codes[text]}: {text}")
        if len(texts) > _SHOWN:
            yield from _laid_out("          ", f"and {len(texts) - _SHOWN} more that give the same")
        yield from _laid_out("          ", "gives every number at every probe")
    elif wrong and check.naming.tried:
        known = "no known mistake gives this" if check.naming.complete else "no mistake was found in the time there was"
        yield from _laid_out("mistake   ", f"{known}, of {check.naming.tried:,} combinations tried")
