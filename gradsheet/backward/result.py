"""What a check finds."""

from dataclasses import dataclass, field

from gradsheet.backward.causes import Naming, Step
from gradsheet.backward.probes import Data


@dataclass
class Row:
    """An array of the answer: `exact` is "yes", "rounded" (no farther off than floats may be), or "no".

    `coarse` says that it is no farther off than coarser floats may be.
    """

    name: str
    exact: str
    difference: float | None
    where: str = ""
    coarse: bool = False

    @property
    def is_right(self) -> bool:
        return self.exact in ("yes", "rounded")


@dataclass
class Check:
    """What came out. It is true where the function is right, and its text is the report.

    `rows` has the arrays in the order of backpropagation; `faults` what the function does that it should not;
    `assumed` how its answer was read; `first` the step that breaks first, `follows` what is wrong only because of that,
    `mistakes` the codes of those that give the whole answer together, several such where they do equally well. `probes`
    has the data: params, x and y of each.
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
    probes: list[Data] = field(default_factory=list)

    @property
    def right(self) -> bool:
        rows = [*self.rows, *([self.kink] if self.kink else [])]
        return bool(self.rows) and not self.faults and all(row.is_right for row in rows)

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
        return list(dict.fromkeys(tuple(made.code for made in together) for together in self.naming.equals))

    def __str__(self) -> str:
        from gradsheet.backward.report import told

        return "\n".join(told(self))
