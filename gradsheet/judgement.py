"""What the judge has to say: of a line of working, of a claim, of a sheet."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from gradsheet.number import Text
from gradsheet.sheet import VERDICTS, Claim
from manual.activations import Array


@dataclass
class LineVerdict:
    """A line of working: what it gives, where it has a single value, and whether that is the truth."""

    text: str
    value: Text
    verdict: str
    message: str = ""
    array: Array | None = None  # the value as numbers


@dataclass
class Judgement:
    """A claim's verdict.

    `witness` is data at which a claim over all weights fails; `mistakes` are {"code", "text"}; `readings` say how else
    the sheet would have to be read for a wrong claim to be right; `proof` says how sure an identity is.
    """

    claim: Claim
    claimed: Text
    truth: Text
    verdict: str
    message: str = ""
    witness: str = ""
    working: list[LineVerdict] = field(default_factory=list)
    mistakes: list[dict[str, str]] = field(default_factory=list)
    readings: list[str] = field(default_factory=list)
    proof: str = ""

    def all_messages(self, told: Collection[str] = ()) -> str:
        """The message, with the readings that would make the claim right but for those told elsewhere."""
        words = [reading for reading in self.readings if reading not in told]
        return "; ".join(part for part in (self.message, f"right if {' or if '.join(words)}" * bool(words)) if part)

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one on record, or without a record one that needs no explanation."""
        return self.verdict == self.claim.expect if self.claim.expect else self.verdict in ("right", "rounded")


@dataclass
class Report:
    """A sheet's judgements, or the error for which it could not be read and the line of that."""

    path: str
    title: str = ""
    reading: str = ""
    error: str | None = None
    error_line: int = 0
    judgements: list[Judgement] = field(default_factory=list)

    @property
    def summary(self) -> dict[str, int]:
        """How many claims have which verdict."""
        counts = Counter(judgement.verdict for judgement in self.judgements)
        return {verdict: counts[verdict] for verdict in VERDICTS}
