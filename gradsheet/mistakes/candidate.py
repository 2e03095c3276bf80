"""What may explain a claim that is not right, and which explanation wins.

Every way of explaining a claim yields `Candidate`s. They are put in one list and sorted by one
`key`: by the rank of their kind, then the fewest mistakes at once, then the most claims that need
them, then the fewest right claims that they would spoil. All that are equal to the first are told.

    rank  kind         explains a claim by                        wins over what is below, because
    ----  -----------  -----------------------------------------  ---------------------------------
    1     LEFT_OUT     something that its own last line has and   the line stands beside the number:
                       its number has not                         nothing has to be supposed
    2     SHARED       mistakes in the pass that explain several  several claims agree on it by
                       claims, or part of them                    chance far less often than one
    3     CARRIED      right steps from an earlier wrong claim    it needs no mistake of its own
    4     DIFFERENCE   the finite difference in place of the      nothing else is off the truth by
                       derivative                                 just so little, in every entry
    5     PASS         mistakes in the pass, alone or together    among these three the fewest things
          PEN          slips of the pen, from the truth or from   gone wrong, since one is likelier
                       what shared mistakes lead to               than two; rounding counts for half
          ROUNDING     a mistake in the pass and rounding         a mistake, since everybody rounds
    6     ARITHMETIC   a slip from its last line to its number    it says that, and not which
    7     FORM         the truth in another form, or a quantity   it is the truth, and no mistake of
                       that is taken for this one                 the pass has to give it
    8     REPAIR       small changes of a formula that make it    of a formula without a value there
                       true                                       is nothing else to say

Within rank 5 a slip of the pen and a mistake in the pass of one size are told beside each other,
unless the mistake would spoil what is right: whoever has printed that has not made it. Of several
mistakes that explain a claim the one that explains further claims wins for the same reason that
shared ones stand above. A kind can win only where all above it have nothing to say, and so what
is expensive to look for is looked for last.
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


RANKS = (
    {Kind.LEFT_OUT},
    {Kind.SHARED},
    {Kind.CARRIED},
    {Kind.DIFFERENCE},
    {Kind.PASS, Kind.PEN, Kind.ROUNDING},
    {Kind.ARITHMETIC},
    {Kind.FORM},
    {Kind.REPAIR},
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

    @property
    def is_sure(self) -> bool:
        """Whether chance would not explain as many digits, and no right claim speaks against it."""
        return self.digits >= SURE and not self.spoils

    def then(self, pen: "Candidate") -> "Candidate":
        """The candidate, which explains a working, and a slip from there to the number."""
        both = Explanation.together([self.explanation, pen.explanation])
        return replace(self, explanation=both, size=self.size + pen.size)


def rank(kind: Kind) -> int:
    """The row of a kind in the table, from 1 on."""
    return next(row for row, kinds in enumerate(RANKS, 1) if kind in kinds)


def key(candidate: Candidate) -> tuple[float, ...]:
    """What comes first explains best."""
    return rank(candidate.kind), candidate.size, -candidate.reach, candidate.spoils


def winners(candidates: Iterable[Candidate]) -> list[Candidate]:
    """All that explain best equally well, in the order given."""
    ordered = sorted(candidates, key=key)
    return [candidate for candidate in ordered if key(candidate) == key(ordered[0])]


def are_sure(winners: Iterable[Candidate]) -> bool:
    """Whether chance is ruled out: all of one kind, and each of them sure."""
    several = list(winners)
    kinds = {candidate.kind for candidate in several}
    return len(kinds) == 1 and all(candidate.is_sure for candidate in several)
