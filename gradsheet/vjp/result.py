"""What the check of a rule finds, and how a person reads it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from gradsheet.checking.result import Row, laid_out, table
from gradsheet.vjp.truth import Probe

VERDICTS = {"yes": "right", "rounded": "rounded", "untold": "untold", "no": "wrong"}


@dataclass(frozen=True)
class Judged:
    """One array that a rule gives: the verdict is "right", "rounded", "untold"
    or "wrong"; `difference` the largest from the truth, None where there is
    nothing to compare; `where` it is, at which `probe`, counted from 1 along all of
    the check's; `units` how many times as far off as one honest evaluation in its
    type, None where nobody knows."""

    name: str
    verdict: str
    difference: float | None
    where: str = ""
    units: float | None = None
    probe: int | None = None


@dataclass(repr=False)
class VJPCheck:
    """Tells what came out. It is true where the rule is right, and its text is
    the report; `gradsheet.check_vjp` makes it, and says which errors that
    raises.

        result = gradsheet.check_vjp(f, x, w, backward=backward)
        print(result)                    # the report
        result.right, result.verdict     # False, "wrong"
        result.mistakes                  # ["x: everywhere the negative of the truth"]

    `rule` is what the rule is called, and of which function it is; `arguments`
    has an entry for each array that was asked for; `faults` what the rule does
    that it should not; `mistakes` what the wrong arrays are, the likeliest
    first; `coverage` which entries were tested, and `probes` the numbers at
    which they were, "probe 1" first; `remarks` what else there is to say.
    """

    title: str
    rule: str = ""
    arguments: list[Judged] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    coverage: str = ""
    probes: list[Probe] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """The answer in a word: "right", "rounded" where the last digits are
        those of coarser floats, "wrong", or "untold" where floats are too
        coarse to tell."""
        verdicts = {judged.verdict for judged in self.arguments}
        if self.faults or not verdicts or "wrong" in verdicts:
            return "wrong"
        return next((v for v in ("untold", "rounded") if v in verdicts), "right")

    @property
    def wrong(self) -> list[str]:
        """The names of the arrays that are not right."""
        return [j.name for j in self.arguments if j.verdict not in ("right", "rounded")]

    @property
    def right(self) -> bool:
        """Whether every array is right, as far as floats go, and nothing is at fault."""
        return self.verdict in ("right", "rounded")

    def add(self, other: "VJPCheck") -> None:
        """Add what was found at arguments of other shapes, which counts where it
        is worse."""
        order = [*VERDICTS.values()]
        what = f"with {other.title.partition(': ')[2].rpartition('; ')[0]}"
        for k, (one, two) in enumerate(zip(self.arguments, other.arguments, strict=False)):
            if order.index(two.verdict) > order.index(one.verdict):
                self.arguments[k] = replace(two, where=f"{what}: {two.where}")
        self.faults += [fault for fault in other.faults if fault not in self.faults]
        self.remarks.append(f"tried {what}, too")
        self.remarks += [f"{what}: {text}" for text in other.remarks if text not in self.remarks]
        if not self.mistakes:
            self.mistakes = [f"{what}, {text}" for text in other.mistakes]
        self.probes += other.probes

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return "\n".join(_report(self))


def _report(check: VJPCheck) -> Iterator[str]:
    yield from laid_out("", check.title)
    yield from laid_out("tried on ", check.coverage)
    for fault in check.faults:
        yield from laid_out("fault    ", fault)
    if check.arguments:
        yield ""
        words = {verdict: exact for exact, verdict in VERDICTS.items()}
        yield from table(
            [Row(j.name, words[j.verdict], j.difference, j.where) for j in check.arguments]
        )
        yield ""
    for remark in check.remarks:
        yield from laid_out("remark   ", remark)
    for head, mistake in zip(_heads(check), check.mistakes, strict=True):
        yield from laid_out(f"{head:9}", mistake)
    are_off = any(j.verdict == "wrong" and j.difference is not None for j in check.arguments)
    if are_off and not check.mistakes and not check.faults:
        yield "no mistake was found that explains it"
    yield check.verdict


def _heads(check: VJPCheck) -> Iterator[str]:
    """What stands before the mistakes: "and" where it is one of further arrays."""
    known = {judged.name for judged in check.arguments}
    spoken = set[str]()  # the arrays that were spoken of; all, where no names stand in front
    for mistake in check.mistakes:
        names = {*mistake.partition(": ")[0].split(", ")}
        names = names if names <= known else known
        yield "or" if spoken & names else "and" if spoken else "mistake"
        spoken |= names
