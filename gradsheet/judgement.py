"""What the judge has to say: of a line of working, of a claim, of a sheet."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from gradsheet.number import Text
from gradsheet.sheet import VERDICTS, Claim
from manual.activations import Array

AND = "; and "  # between mistakes made together
LOOK = "look at "  # what a hint begins with
EQUALS = 4  # explanations that are named beside each other; of more only the number is told


@dataclass
class LineVerdict:
    """A line of working: what it gives, where it has a single value, and whether that is the truth."""

    text: str
    value: Text
    verdict: str
    message: str = ""
    array: Array | None = None  # the value as numbers


@dataclass(frozen=True)
class Explanation:
    """What reproduces a claim that is not right: one mistake, or several together, whose codes stand with + between.

    `kind` and `hint` tell kind and place, and neither the truth nor a formula.
    """

    code: str
    text: str
    kind: str
    hint: str

    @classmethod
    def together(cls, parts: Sequence["Explanation"]) -> "Explanation":
        """The explanation that several make together."""
        kinds, hints = (dict.fromkeys(getattr(part, name) for part in parts) for name in ("kind", "hint"))
        codes, texts = (part.code for part in parts), (part.text for part in parts)
        return cls("+".join(codes), AND.join(texts), "+".join(kinds), AND.join(hint for hint in hints if hint))

    def hinted(self) -> "Explanation":
        """Its kind and place alone."""
        return Explanation(self.kind, self.hint, self.kind, self.hint)


@dataclass
class Cause:
    """An explanation that several claims of a sheet have in common; `claims` are their places among the judgements.

    It is `sure` where the claims have too many digits among them for chance.
    """

    explanation: Explanation
    claims: list[int]
    sure: bool
    hints: bool = False  # whether the explanation is a hint

    def sentence(self, judgements: Sequence["Judgement"]) -> str:
        """How many of the claims that are not right it explains."""
        off = [judgement.verdict for judgement in judgements if judgement.verdict in ("wrong", "lucky")]
        kind = "wrong" if "lucky" not in off else "wrong or lucky"
        verb = "explains" if self.sure else "fits"
        text = LOOK * self.hints + self.explanation.text
        return f"one cause {verb} {len(self.claims)} of {len(off)} {kind} claims: {text}"

    def hinted(self) -> "Cause":
        return replace(self, explanation=self.explanation.hinted(), hints=True)


@dataclass
class Judgement:
    """A claim's verdict.

    `witness` is data at which a claim over all weights fails; `readings` say how else the sheet would have to be read
    for a wrong claim to be right; `proof` says how sure an identity is. `own` says whether the claimed number is what
    the last line of its working gives, `given` are earlier wrong claims given which it is right.

    `explanations` are all that reproduce a wrong or lucky claim equally well, `sure` where chance would not; None where
    none has been looked for.
    """

    claim: Claim
    claimed: Text
    truth: Text
    verdict: str
    message: str = ""
    witness: str = ""
    working: list[LineVerdict] = field(default_factory=list)
    readings: list[str] = field(default_factory=list)
    proof: str = ""
    own: bool = True
    given: list[Claim] = field(default_factory=list)
    explanations: list[Explanation] | None = None
    sure: bool = False
    hints: bool = False  # whether the explanations are hints

    @property
    def mistakes(self) -> list[dict[str, str]]:
        """The explanations as reports for other programs name them."""
        return [{"code": found.code, "text": found.text} for found in self.explanations or []]

    def all_messages(self, told: Collection[str] = ()) -> str:
        """The message, the readings that would make the claim right, and the mistakes that explain it.

        Readings and explanations that are `told` elsewhere are left out.
        """
        words = [reading for reading in self.readings if reading not in told]
        readings = f"right if {' or if '.join(words)}" * bool(words)
        return "; ".join(part for part in (self.message, readings, self._explained(told)) if part)

    def is_explained_by(self, text: str) -> bool:
        """Whether an explanation is the only one, alone or with another mistake."""
        found = self.explanations or []
        return len(found) == 1 and (found[0].text == text or found[0].text.startswith(text + AND))

    def _explained(self, told: Collection[str]) -> str:
        if self.explanations is None:
            return ""
        for text in told:
            if self.is_explained_by(text):
                rest = self.explanations[0].text.removeprefix(text).removeprefix(AND)
                return rest and LOOK * self.hints + rest
        texts = [found.text for found in self.explanations if self.hints or found.code != "carried-on"]  # said already
        if self.explanations and not texts:
            return ""
        if not texts:
            return "no known mistake gives this" * (self.verdict == "wrong")
        if len(texts) > EQUALS:
            return f"{len(texts)} explanations fit equally, too many to tell"
        lead = LOOK if self.hints else "mistake: " if self.sure else "fits: "
        return lead + "; or equally: ".join(texts)

    def hinted(self) -> "Judgement":
        """The judgement without the truth and without anything that it could be worked out from."""
        parts = []
        broken = next((k for k, line in enumerate(self.working) if line.verdict == "wrong"), None)
        if broken is not None and (self.claim.value is not None or len(self.working) > 1):
            parts.append(f"line {broken + 1} of its working is the first that is not true")
        if not self.own:
            parts.append("its number is not what its own last line gives")
        hinted = [explanation.hinted() for explanation in self.explanations or []]
        hinted = list({explanation.text: explanation for explanation in hinted if explanation.text}.values())
        return replace(
            self,
            truth=None,
            message="; ".join(parts),
            witness="",
            working=[LineVerdict(line.text, None, line.verdict) for line in self.working],
            readings=[],
            explanations=None if self.explanations is None else hinted,
            hints=True,
        )

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
    causes: list[Cause] = field(default_factory=list)

    def hinted(self) -> "Report":
        """The report with hints in place of truths."""
        judgements, causes = [j.hinted() for j in self.judgements], [cause.hinted() for cause in self.causes]
        return replace(self, judgements=judgements, causes=causes)

    def _repr_markdown_(self) -> str:
        from gradsheet.report import markdown

        return markdown(self)

    @property
    def summary(self) -> dict[str, int]:
        """How many claims have which verdict."""
        counts = Counter(judgement.verdict for judgement in self.judgements)
        return {verdict: counts[verdict] for verdict in VERDICTS}
