"""What a check finds, and how a person reads it."""

import itertools
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from gradsheet.checking.causes import BrokenStep, Naming
from gradsheet.checking.probes import Data
from gradsheet.claims.judgement import AND
from gradsheet.language.shown import clean, short

WIDTH = 80
_MOST_NAMES = 200  # characters of the names of what is wrong
_MOST_SHOWN = 4  # of mistakes that do equally well
VERDICTS = ("yes", "rounded", "untold", "no")


@dataclass
class Row:
    """An array of the answer: `exact` is "yes", "rounded" (no farther off than
    floats may be), "untold" or "no".

    `difference` is the largest, None where an array cannot be compared; `where`
    it is, at which `probe`, counted from 1, if there are several;
    `coarse` says that it is no farther off than coarser floats may be, `silent`
    that whatever is untold there is so because the numbers are too small.
    """

    name: str
    exact: str
    difference: float | None
    where: str = ""
    coarse: bool = False
    silent: bool = False
    probe: int | None = None

    @property
    def is_clear(self) -> bool:
        """Whether it is off by more than a numerical derivative would be."""
        return self.difference is None or not self.difference < 1e-4

    @property
    def is_right(self) -> bool:
        """Whether it is as right as floats are."""
        return self.exact in ("yes", "rounded")


@dataclass(repr=False)
class Check:
    """Tells what came out. It is true where the function is right, and its text
    is the report; `gradsheet.check` makes it, and says which errors that
    raises.

        result = gradsheet.check(backward)
        print(result)                   # the report
        result.right, result.verdict    # False, "wrong"
        result.first, result.mistakes   # "dL/dz2", [("slope-missing",)]

    `rows` has the arrays in the order of backpropagation, `kink` what was taken
    for f'(0), if it came to that; `faults` what the function does that it
    should not; `tried` and `assumed` at which numbers it was called, and how
    its answer was read; `loss` what is wrong with the loss that came along;
    `steps` those of backpropagation that break, `follows` what is wrong only
    because of them; `relations` what a wrong array is of the right one, by its
    name; `naming` the mistakes that give the whole answer; `remarks` what else
    there is to say. `probes` has the data: params, x and y of each. None of
    them raises anything.
    """

    title: str
    tried: str = ""
    assumed: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    kink: Row | None = None
    faults: list[str] = field(default_factory=list)
    steps: list[BrokenStep] = field(default_factory=list)
    follows: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    naming: Naming = field(default_factory=Naming)
    relations: dict[str, str] = field(default_factory=dict)
    loss: str = ""
    probes: list[Data] = field(default_factory=list)

    @property
    def lines(self) -> list[Row]:
        """The rows, and that for the kink if there is one."""
        return self.rows if self.kink is None else [*self.rows, self.kink]

    @property
    def wrong(self) -> list[str]:
        """The arrays that are not right, in the order of backpropagation."""
        return [row.name for row in self.rows if not row.is_right]

    @property
    def right(self) -> bool:
        """Whether every array is right and nothing is at fault."""
        return bool(self.rows) and not self.faults and all(row.is_right for row in self.lines)

    @property
    def verdict(self) -> str:
        """The answer in a word: "right", "wrong", or "untold" where floats are
        too coarse to tell."""
        if self.right:
            return "right"
        is_wrong = self.faults or not self.rows or any(row.exact == "no" for row in self.lines)
        return "wrong" if is_wrong else "untold"

    def __bool__(self) -> bool:
        return self.right

    @property
    def first(self) -> str | None:
        """What is wrong first in the order of backpropagation."""
        return next(iter([step.gives for step in self.steps] or self.wrong), None)

    @property
    def mistakes(self) -> list[tuple[str, ...]]:
        """The codes of those that give the whole answer together, several such
        where they do equally well."""
        codes = (tuple(made.code for made in together) for together in self.naming.equals)
        return list(dict.fromkeys(codes))

    def __repr__(self) -> str:
        return "\n".join(_report(self))


def require_right(result: Any, what: str) -> None:
    """Raise AssertionError with the report of a check that is not right; its
    first line, which is all that pytest's summary shows, says what is wrong."""
    __tracebackhide__ = True  # pytest shows the caller's line, not these
    if not result.right:
        verdict = "is wrong" if result.verdict == "wrong" else "cannot be told to be right"
        reason = short(", ".join(result.wrong), _MOST_NAMES) or "".join(result.faults[:1])
        head = f"{what} {verdict}" + (f": {reason}" if reason else "")
        raise AssertionError(f"{head}\n{result}")


# The report


def _report(check: Check) -> Iterator[str]:
    """The report line by line, no wider than WIDTH where it can be broken."""
    yield from laid_out("", check.title)
    yield from laid_out("tried on ", check.tried)
    yield from laid_out("read as  ", "; ".join(check.assumed))
    for fault in check.faults:
        yield from laid_out("fault    ", fault)
    if check.rows:
        yield ""
        # What is right to the error bound is so: the difference tells whether it is equal.
        yield from table([replace(r, exact="yes") if r.is_right else r for r in check.lines])
    yield ""
    yield from laid_out("loss     ", check.loss)
    for remark in check.remarks:
        yield from laid_out("remark   ", remark)
    yield from _where_it_breaks(check)
    yield from _mistakes(check)
    yield check.verdict


def laid_out(head: str, text: str) -> list[str]:
    """The lines of a paragraph; none where there is nothing to say."""
    indents: Any = {"initial_indent": head, "subsequent_indent": " " * len(head)}
    return textwrap.wrap(clean(text), WIDTH, break_long_words=False, **indents)


def table(rows: list[Row]) -> Iterator[str]:
    """The lines of a table of rows, with their heads."""
    columns = [("name", "right", "max difference", "where")]
    columns += [
        (row.name, row.exact, "" if row.difference is None else f"{row.difference:.4g}", row.where)
        for row in rows
    ]
    widths = [max(len(line[k]) for line in columns) for k in range(3)]
    for name, verdict, difference, where in columns:
        head = f"{name:{widths[0]}} | {verdict:{widths[1]}} | {difference:{widths[2]}} | "
        if where:
            yield from (line.rstrip() for line in laid_out(head, where))
        else:
            yield head.rstrip(" |")


def _where_it_breaks(check: Check) -> Iterator[str]:
    if check.steps:
        first, *others = check.steps
        then = f"; then at {', '.join(step.gives for step in others)}" if others else ""
        yield from laid_out("breaks   ", f"at the step to {first.gives}, {first.text}{then}")
        if check.follows:
            follows = f"{', '.join(check.follows)}: right if carried on from there"
            yield from laid_out("follows  ", follows)
    elif check.first is not None:
        yield from laid_out("wrong first ", check.first)


def _mistakes(check: Check) -> Iterator[str]:
    """What gives the whole answer, or else what each array is of the truth."""
    naming = check.naming
    codes = {}
    for together in naming.equals:
        text = AND.join(made.text for made in together)
        codes[text] = "+".join(made.code for made in together)
    for number, text in enumerate(itertools.islice(codes, _MOST_SHOWN)):
        yield from laid_out("or       " if number else "mistake  ", f"{codes[text]}: {text}")
    if len(codes) > _MOST_SHOWN:
        yield from laid_out("         ", f"and {len(codes) - _MOST_SHOWN} more that give the same")
    if codes and not naming.elsewhere:
        yield from laid_out("         ", "gives every number at every probe")
        return
    for text in dict.fromkeys(check.relations.values()):
        names = [name for name, relation in check.relations.items() if relation == text]
        yield from laid_out("mistake  ", f"{', '.join(names)}: {text}")
    is_open = any(not name.startswith("L") for name in {*check.wrong} - check.relations.keys())
    if is_open and not codes and naming.tried > 1:
        known = "no known mistake gives" if naming.complete else "none is found that gives"
        yield from laid_out("mistake  ", f"{known} this, of {naming.tried:,} combinations tried")
