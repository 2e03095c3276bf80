"""What the judge has to say: of a line of working, of a claim, of a sheet."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gradsheet.claims.sheet import VERDICTS, Claim
from gradsheet.numbers.printed import Text
from manual.activations import Array

# The verdict on record, and another that is as good.
COVERS = {"right": "rounded", "wrong": "carried_forward"}
AND = "; and "  # between mistakes made together
LOOK = "look at "  # what a hint begins with
EQUALS = 4  # explanations that are named beside each other; of more only the number is told
# What there is to say of what nobody pays for.
UNSEARCHED = "was not looked for: that takes more operations than are left for this sheet"
QUOTES = "quotes the quantity that it is claimed to equal"  # and says nothing by that


@dataclass
class LineVerdict:
    """A line of working: what it gives, where it has a single value, and
    whether that is the truth."""

    text: str
    value: Text
    verdict: str
    message: str = ""
    array: Array | None = None  # the value as numbers
    read_as: tuple[str, ...] = ()  # how it was read, where that is not plain

    def hinted(self) -> "LineVerdict":
        """The line without what it gives; why it could not be read tells nothing of the truth."""
        message = self.message if self.verdict == "unread" else ""
        return LineVerdict(self.text, None, self.verdict, message)


@dataclass(frozen=True)
class Explanation:
    """What reproduces a claim that is not right: one mistake, or several
    together, whose codes stand with + between.

    `kind` and `hint` tell kind and place, and neither the truth nor a formula.
    """

    code: str
    text: str
    kind: str
    hint: str

    @classmethod
    def together(cls, parts: Sequence["Explanation"]) -> "Explanation":
        """The explanation that several make together."""
        return cls(
            code="+".join(part.code for part in parts),
            text=AND.join(part.text for part in parts),
            kind="+".join(dict.fromkeys(part.kind for part in parts)),
            hint=AND.join(dict.fromkeys(part.hint for part in parts if part.hint)),
        )

    def hinted(self) -> "Explanation":
        """Its kind and place alone."""
        return Explanation(self.kind, self.hint, self.kind, self.hint)


@dataclass
class Cause:
    """An explanation that several claims of a sheet have in common; `claims`
    are their places among the judgements.

    It is `sure` where the claims have too many digits among them for chance.
    """

    explanation: Explanation
    claims: list[int]
    sure: bool
    hints: bool = False  # whether the explanation is a hint

    def sentence(self, judgements: Sequence["Judgement"]) -> str:
        """How many of the claims that are not right it explains, and how many follow from these."""
        off = [j.verdict for j in judgements if j.verdict in ("wrong", "lucky")]
        mine = [judgements[number].verdict for number in self.claims]
        carried = mine.count("carried_forward")
        kind = "wrong or lucky" if "lucky" in off else "wrong"
        verb = "explains" if self.sure else "fits"
        text = f"one cause {verb} {len(mine) - carried} of {len(off)} {kind} claims"
        if carried:
            text += f", and {carried} carried forward"
        return f"{text}: {LOOK if self.hints else ''}{self.explanation.text}"

    def hinted(self) -> "Cause":
        """The cause by kind and place alone."""
        return replace(self, explanation=self.explanation.hinted(), hints=True)


@dataclass
class Judgement:
    """A claim's verdict.

    `messages` are what there is to say of it, each by itself. `truth_digits`
    are digits of a truth that is no fraction, and `told` is the truth as a
    person is told it. `witness` is data at which a claim over all weights
    fails, which is seen at the points `fails_at`; `readings` say how else the
    sheet would have to be read for a wrong claim to be right; `proof` says how
    sure an identity is. `own` says whether the claimed number is what the last
    line of its working gives, `given` are earlier wrong claims given which it is
    right.

    `compared` says whether it could be compared with the truth, and is not it;
    `off` which of several numbers are not, without any of them.
    `explanations` are all that reproduce a wrong or lucky claim equally well,
    `sure` where chance would not; None where none has been looked for.
    """

    claim: Claim
    claimed: Text
    truth: Text
    verdict: str
    messages: list[str] = field(default_factory=list)
    truth_digits: Text = None
    told: Text = None
    witness: str = ""
    fails_at: Sequence[Any] = ()
    working: list[LineVerdict] = field(default_factory=list)
    readings: list[str] = field(default_factory=list)
    proof: str = ""
    own: bool = True
    given: list[Claim] = field(default_factory=list)
    explanations: list[Explanation] | None = None
    sure: bool = False
    compared: bool = False
    off: str = ""
    hints: bool = False  # whether the explanations are hints

    @property
    def mistakes(self) -> list[dict[str, str]]:
        """The explanations as reports for other programs name them."""
        return [{"code": e.code, "text": e.text} for e in self.explanations or []]

    @property
    def message(self) -> str:
        """All messages on one line."""
        return "; ".join(self.messages)

    def reasons(self, told: Collection[str] = ()) -> list[str]:
        """The mistakes that explain the claim, then its messages and the
        readings that would make it right.

        Readings and explanations that are `told` elsewhere are left out.
        """
        words = [reading for reading in self.readings if reading not in told]
        readings = f"right if {' or if '.join(words)}" if words else ""
        return [part for part in (self._explained(told), *self.messages, readings) if part]

    def all_messages(self) -> str:
        """All reasons on one line."""
        return "; ".join(self.reasons())

    def is_explained_by(self, text: str) -> bool:
        """Whether an explanation is the only one, alone or with another mistake."""
        explanations = self.explanations or []
        return len(explanations) == 1 and f"{explanations[0].text}{AND}".startswith(text + AND)

    def _explained(self, told: Collection[str]) -> str:
        if self.explanations is None:
            return ""
        lead = LOOK if self.hints else "mistake: " if self.sure else "fits: "
        for text in told:
            if self.is_explained_by(text):
                rest = self.explanations[0].text.removeprefix(text).removeprefix(AND)
                return lead + rest if rest else ""
        if not self.explanations:
            return "no known mistake gives this" if self.verdict == "wrong" else ""
        # What is carried on is said already.
        texts = [e.text for e in self.explanations if self.hints or e.code != "carried-on"]
        if not texts:
            return ""
        if len(texts) > EQUALS:
            return f"{len(texts)} explanations fit equally, too many to tell"
        return lead + "; or equally: ".join(texts)

    def hinted(self) -> "Judgement":
        """The judgement without the truth and without anything that it could be worked out from."""
        messages = [*self.messages] if self.verdict == "unread" else []  # they speak of the writing
        broken = next((k for k, line in enumerate(self.working) if line.verdict == "wrong"), None)
        if broken is not None and (self.claim.value is not None or len(self.working) > 1):
            messages.append(f"line {broken + 1} of its working is the first that is not true")
        if not self.own:
            messages.append("its number is not what its own last line gives")
        explanations = self.explanations or []
        if self.verdict == "carried_forward" and self.given:
            lines = " and ".join(f"line {claim.line}" for claim in self.given)
            messages.append(f"follows from {lines}")
            explanations = [e for e in explanations if e.code != "carried-on"]
        for number, line in enumerate(self.working, 1):
            if line.verdict == "unread" and self.verdict != "unread":
                messages.append(f"line {number} of its working is not read: {line.message}")
        hints = {e.hint: e.hinted() for e in explanations if e.hint}
        if self.verdict == "wrong" and not hints:  # nothing else says where to look
            messages += filter(None, [self.off])
        return replace(
            self,
            truth=None,
            truth_digits=None,
            told=None,
            messages=messages,
            witness="",
            working=[line.hinted() for line in self.working],
            readings=[],
            explanations=None if self.explanations is None else [*hints.values()],
            hints=True,
        )

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one on record, or without a record one
        that needs no explanation."""
        expected = self.claim.expect or "right"
        return self.verdict in (expected, COVERS.get(expected))

    @property
    def unread_lines(self) -> int:
        """How many lines of the working could not be read."""
        return sum(line.verdict == "unread" for line in self.working)

    @property
    def is_read(self) -> bool:
        """Whether all of the claim could be read."""
        return self.verdict != "unread" and not self.unread_lines


@dataclass
class Report:
    """A sheet's judgements, or the problems for which it could not be read,
    each with its line, 0 where it has none; `problem` is its number in a file
    of several, and `notice` says what is odd about the file."""

    path: str
    title: str = ""
    reading: str = ""
    problems: Sequence[tuple[int, str]] = ()
    judgements: list[Judgement] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    problem: int = 0
    notice: str = ""

    @classmethod
    def unreadable(cls, path: str, problem: str) -> "Report":
        """The report on what is no sheet."""
        return cls(path, problems=((0, problem),))

    @property
    def error(self) -> str | None:
        """Why the sheet could not be read, all of it; None where it could."""
        texts = [f"line {line}: {text}" if line else text for line, text in self.problems]
        return "; ".join(texts) or None

    def hinted(self) -> "Report":
        """The report with hints in place of truths."""
        judgements = [j.hinted() for j in self.judgements]
        causes = [cause.hinted() for cause in self.causes]
        return replace(self, judgements=judgements, causes=causes)

    @property
    def summary(self) -> dict[str, int]:
        """How many claims have which verdict."""
        counts = Counter(judgement.verdict for judgement in self.judgements)
        return {verdict: counts[verdict] for verdict in VERDICTS}
