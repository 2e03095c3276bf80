"""What may explain a claim that is not right, and which explanation wins.

Every way of explaining a claim yields `Candidate`s. They are put in one list
and sorted by one `key`: by the row of their kind, then the fewest mistakes at
once, then the most claims that need them, then the fewest right claims that
they would spoil, and a digit mistyped last. All that are equal to the first are
told.

    row kind        explains a claim by          wins over all below, because
    --- ----------  ---------------------------  -----------------------------
    1   LEFT_OUT    something that its own last  the line stands beside the
                    line has, its number not     number: nothing is supposed
    2   SHARED      mistakes in the pass that    several claims agree by
                    explain several claims, or   chance far less often than
                    as many of these as it takes one does
    3   CARRIED     right steps from an earlier  it needs no mistake of its
                    wrong claim                  own
    4   DIFFERENCE  the finite difference in     nothing else is off the truth
                    place of the derivative      by so little in every entry
    5   PASS        mistakes in the pass, alone  they give the number, or the
                    or several at once           formula, as it stands; of the
        PEN         a slip of the pen, from the  three the fewest mistakes
                    truth or what shared         win, since one is likelier
                    mistakes lead to             than two, and rounding counts
        ROUNDING    a mistake in the pass, and   for half a mistake, since
                    rounding on the way          everybody rounds
    6   ARITHMETIC  a slip between its last line its line and its number are
                    and its number               known to differ
    7   FORM        the truth in another form,   it is the truth at least, and
                    or a quantity that is taken  nothing is changed in what is
                    for this one                 written
    8   REPAIR      small changes of a formula   of a formula without a value
                    that make it true            nothing else can be said
    9   BEHIND      a mistake in the pass, made  it takes a mistake and another
                    behind an earlier wrong one  one's number

Within row 5 a slip of the pen and a mistake in the pass are told beside each
other, unless the mistake would spoil what is right: who has printed that has
not made it; but a digit is missing, swapped or mistyped only where no mistake
gives the number. One that would, and has no more digits than chance may give, is
not told at all where a mistake with rounding explains the number. Of mistakes
in the pass the one that explains further claims wins, for the reason that row 2
stands where it does.

By its key nothing of a row wins over what is above, and so what is expensive
to look for is not looked for where something above explains the claim.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from gradsheet.claims.judgement import Explanation
from gradsheet.mistakes.simulation import Combination

SURE = 2.0  # digits beyond those that choosing a candidate took, from which on it is no chance
HALF = 0.5  # of a mistake, that rounding on the way counts for


class Kind(Enum):
    """Where an explanation comes from; see the table above."""

    LEFT_OUT = "left out"
    SHARED = "shared"
    CARRIED = "carried on"
    DIFFERENCE = "difference"
    PASS = "pass"
    PEN = "pen"
    ROUNDING = "rounding"
    ARITHMETIC = "arithmetic"
    FORM = "form"
    REPAIR = "repair"
    BEHIND = "behind a wrong number"


RANKS = (
    {Kind.LEFT_OUT},
    {Kind.SHARED},
    {Kind.CARRIED},
    {Kind.DIFFERENCE},
    {Kind.PASS, Kind.PEN, Kind.ROUNDING},
    {Kind.ARITHMETIC},
    {Kind.FORM},
    {Kind.REPAIR},
    {Kind.BEHIND},
)


@dataclass(frozen=True)
class Candidate:
    """One explanation of one claim.

    size      how many things went wrong at once
    reach     how many claims need so many mistakes and have them explained by these
    spoils    how many right claims would be wrong
    digits    that it explains beyond those that choosing it took
    cause     the mistakes in the pass behind it, () where there are none
    evidence  digits of this claim that speak for the cause
    """

    kind: Kind
    explanation: Explanation
    size: float = 1
    reach: int = 1
    spoils: int = 0
    digits: float = math.inf
    cause: Combination = ()
    evidence: float = 0.0

    def then(self, pen: "Candidate") -> "Candidate":
        """What explains a working, with a slip from there to the number."""
        both = Explanation.together([self.explanation, pen.explanation])
        return replace(self, explanation=both, size=self.size + pen.size)


def key(candidate: Candidate) -> tuple[float, ...]:
    """What comes first explains best: by the row of its kind in the table, and so on."""
    row = next(row for row, kinds in enumerate(RANKS) if candidate.kind in kinds)
    is_of_digits = candidate.explanation.code.startswith("digit-")
    return row, candidate.size, -candidate.reach, candidate.spoils, is_of_digits


def winners(candidates: Iterable[Candidate]) -> list[Candidate]:
    """All that explain best equally well, in the order given."""
    ordered = sorted(candidates, key=key)
    return [candidate for candidate in ordered if key(candidate) == key(ordered[0])]


def are_sure(winners: Iterable[Candidate]) -> bool:
    """Whether chance is ruled out: all are of one kind, and no right claim
    speaks against any."""
    several = list(winners)
    kinds = {candidate.kind for candidate in several}
    return len(kinds) == 1 and all(c.digits >= SURE and not c.spoils for c in several)
