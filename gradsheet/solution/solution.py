"""A worked solution: its steps, each of which is a claim that the judge has found right."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gradsheet.claims.sheet import Sheet
from gradsheet.language import formula as f
from gradsheet.numbers.printed import Value


@dataclass(frozen=True)
class FormulaLine:
    """A formula that a step's quantity equals; `rounded` where a number in it is."""

    tree: f.Node
    rounded: bool = False


@dataclass(frozen=True)
class Remark:
    """What there is to say at a step on a claim; without a verdict the claim only asks."""

    question: str
    verdict: str = ""
    text: str = ""


@dataclass
class Step:
    """A quantity, the formulas that lead to it, and its value where it has one.

    `why` is the rule behind it; `missing` says why there is no value. Of the
    sheet's names for the same, those in `names` are preferred.
    """

    quantity: f.Node
    lines: list[FormulaLine] = field(default_factory=list)
    value: Value | None = None
    rounded: bool = False
    why: str = ""
    missing: str = ""
    remarks: list[Remark] = field(default_factory=list)
    names: tuple[str, ...] = ()

    @property
    def says_something(self) -> bool:
        """Whether the step has a formula or a value, which the judge can look at."""
        return bool(self.lines) or self.value is not None


@dataclass
class Section:
    """Steps under one title, as the forward pass or the loss."""

    title: str
    steps: list[Step] = field(default_factory=list)


@dataclass
class Solution:
    """The worked solution of a sheet.

    `unchecked` counts the steps that the judge had no verdict on; it has found
    right all others that say something. `digits` are those of rounded numbers.
    """

    sheet: Sheet
    reading: str
    sections: list[Section]
    causes: list[str] = field(default_factory=list)
    digits: int = 0
    unchecked: int = 0

    def steps(self) -> Iterator[Step]:
        """Return the steps of all sections, in their order."""
        for section in self.sections:
            yield from section.steps

    @property
    def rounds(self) -> bool:
        """Whether any number in it is rounded."""
        return any(s.rounded or any(line.rounded for line in s.lines) for s in self.steps())
