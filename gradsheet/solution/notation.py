"""A sheet's own names: which a claim uses, and which are preferred where several mean the same."""

import re
from collections import Counter
from collections.abc import Iterable

from gradsheet.claims.sheet import Claim, Sheet


class Notation:
    """The names that one sheet has given; `order` has all, first those that most claims use."""

    def __init__(self, sheet: Sheet):
        self._places = {name: place for place, name in enumerate(sheet.notation)}
        self._counts = Counter(name for claim in sheet.claims for name in self._used(claim))
        self.order = self._sorted(sheet.notation)

    def used_in(self, claim: Claim) -> tuple[str, ...]:
        """Return the names that a claim uses; `dw5` in dL/dw5 is a use of `w5`."""
        return self._sorted(self._used(claim))

    def _sorted(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(names, key=lambda name: (-self._counts[name], self._places[name])))

    def _used(self, claim: Claim) -> set[str]:
        texts = (claim.quantity, *(line.text for line in claim.working))
        words = {word for text in texts for word in re.findall(r"\w+", text)}
        return (words | {word.removeprefix("d") for word in words}) & self._places.keys()
