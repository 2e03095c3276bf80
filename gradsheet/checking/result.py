"""What a check finds, and how a person reads it."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field

from gradsheet.checking.causes import Naming, Step
from gradsheet.checking.probes import Data
from gradsheet.checking.relations import grouped
from gradsheet.claims.judgement import AND
from gradsheet.language.shown import clean

WIDTH = 80
_SHOWN = 4  # of mistakes that do equally well
VERDICTS = ("yes", "rounded", "untold", "no")


@dataclass
class Row:
    """An array of the answer: `exact` is "yes", "rounded" (no farther off than floats may be), "untold" or "no".

    `difference` is the largest, None where an array cannot be compared; `coarse` says that it is no farther off than
    coarser floats may be, `silent` that whatever is untold there is so because the numbers are too small.
    """

    name: str
    exact: str
    difference: float | None
    where: str = ""
    coarse: bool = False
    silent: bool = False

    @property
    def is_clear(self) -> bool:
        """Whether it is off by more than a numerical derivative would be."""
        return self.difference is None or not self.difference < 1e-4

    @property
    def is_right(self) -> bool:
        return self.exact in ("yes", "rounded")


@dataclass(repr=False)
class Check:
    """What came out. It is true where the function is right, and its text is the report.

    `rows` has the arrays in the order of backpropagation; `faults` what the function does that it should not;
    `assumed` how its answer was read; `loss` what is wrong with the loss that came along; `first` the step that breaks
    first, `follows` what is wrong only because of that; `relations` what a wrong array is of the right one, by its
    name; `mistakes` the codes of those that give the whole answer together, several such where they do equally well.
    `probes` has the data: params, x and y of each.
    """

    title: str
    tried: str = ""
    assumed: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    kink: Row | None = None
    faults: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
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
    def right(self) -> bool:
        return bool(self.rows) and not self.faults and all(row.is_right for row in self.lines)

    @property
    def verdict(self) -> str:
        if self.right:
            return "right"
        return (
            "wrong"
            if self.faults or not self.rows or any(row.exact == "no" for row in self.lines)
            else "untold"
        )

    def __bool__(self) -> bool:
        return self.right

    @property
    def first(self) -> str | None:
        """What is wrong first in the order of backpropagation."""
        if self.steps:
            return self.steps[0].gives
        return next((row.name for row in self.rows if not row.is_right), None)

    @property
    def mistakes(self) -> list[tuple[str, ...]]:
        return list(
            dict.fromkeys(tuple(made.code for made in together) for together in self.naming.equals)
        )

    def __repr__(self) -> str:
        return "\n".join(_told(self))


# The report


def _told(check: Check) -> Iterator[str]:
    """The report line by line, at most WIDTH wide but for what cannot be broken."""
    yield from _laid_out("", check.title)
    yield from _laid_out("tried on ", check.tried) if check.tried else ()
    yield from _laid_out("read as  ", "; ".join(check.assumed)) if check.assumed else ()
    for fault in check.faults:
        yield from _laid_out("fault    ", fault)
    if check.rows:
        yield ""
        yield from _table(check.lines)
    yield ""
    yield from _findings(check)
    yield check.verdict


def _laid_out(head: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        clean(text),
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
    )


def _table(rows: list[Row]) -> Iterator[str]:
    columns = [("name", "exact", "max difference", "where")]
    columns += [
        (row.name, row.exact, "" if row.difference is None else f"{row.difference:.4g}", row.where)
        for row in rows
    ]
    widths = [max(len(line[k]) for line in columns) for k in range(3)]
    for name, exact, difference, where in columns:
        head = f"{name:{widths[0]}} | {exact:{widths[1]}} | {difference:{widths[2]}} | "
        yield from (
            (line.rstrip() for line in _laid_out(head, where)) if where else (head.rstrip(" |"),)
        )


def _findings(check: Check) -> Iterator[str]:
    wrong = [row for row in check.rows if not row.is_right]
    if check.loss:
        yield from _laid_out("loss     ", check.loss)
    for remark in check.remarks:
        yield from _laid_out("remark   ", remark)
    if check.steps:
        first, *others = check.steps
        text = f"at the step to {first.gives}, {first.text}"
        if others:
            text += f"; then at {', '.join(step.gives for step in others)}"
        yield from _laid_out("breaks   ", text)
        if check.follows:
            yield from _laid_out(
                "follows  ", f"{', '.join(check.follows)}: right if carried on from there"
            )
    elif wrong:
        yield from _laid_out("wrong first ", wrong[0].name)
    named = {
        AND.join(made.text for made in together): "+".join(made.code for made in together)
        for together in check.naming.equals
    }
    if named:
        for head, (text, codes) in zip(
            ["mistake  "] + ["or       "] * (_SHOWN - 1), named.items(), strict=False
        ):
            yield from _laid_out(head, f"{codes}: {text}")
        if len(named) > _SHOWN:
            yield from _laid_out("         ", f"and {len(named) - _SHOWN} more that give the same")
        if not check.naming.elsewhere:
            yield from _laid_out("         ", "gives every number at every probe")
            return
    for names, text in grouped(check.relations):
        yield from _laid_out("mistake  ", f"{', '.join(names)}: {text}")
    if (
        wrong
        and not named
        and check.naming.tried > 1
        and any(row.name not in check.relations for row in wrong if not row.name.startswith("L"))
    ):
        known = (
            "no known mistake gives this"
            if check.naming.complete
            else "none is found that gives this"
        )
        yield from _laid_out("mistake  ", f"{known}, of {check.naming.tried:,} combinations tried")
