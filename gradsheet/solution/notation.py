"""A sheet's own names: which of them a claim uses, and which are preferred where several stand for the same."""

import re
from collections import Counter
from collections.abc import Iterable

from gradsheet.claims.sheet import Claim, Sheet


class Notation:
    """The names of one sheet; `order` has all of them, first those that most claims use."""

    def __init__(self, sheet: Sheet):
        self._places = {name: place for place, name in enumerate(sheet.notation)}
        self._counts = Counter(name for claim in sheet.claims for name in self._used(claim))
        self.order = self._sorted(sheet.notation)

    def used_in(self, claim: Claim) -> tuple[str, ...]:
        """The names that a claim uses, also as that by which something is differentiated."""
        return self._sorted(self._used(claim))

    def _sorted(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(names, key=lambda name: (-self._counts[name], self._places[name])))

    def _used(self, claim: Claim) -> set[str]:
        texts = (claim.quantity, *(line.text for line in claim.working))
        words = {word for text in texts for word in re.findall(r"\w+", text)}
        return {
            name
            for word in words
            for name in (word, word.removeprefix("d"))
            if name in self._places
        }
