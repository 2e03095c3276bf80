"""What is handed in, on the terms of a key.

Of a key are the network, the data, the notation, the questions and their
points; of what is handed in, each claim's value and working alone. So nobody
can set himself another exercise, or leave out what he cannot answer.
"""

import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from operator import attrgetter
from typing import Any

from gradsheet.claims.reader import SHEET_KEYS, TEXT_KEYS
from gradsheet.claims.sheet import Claim, Sheet, SheetError

NOT_ASKED = "not asked"  # the question of a claim that answers none


def questions(key: Sheet) -> list[Claim]:
    """What a key asks, without answers and on no line of what is handed in.

    Raises SheetError where a question cannot be read.
    """
    for claim in key.claims:
        if claim.error:
            raise SheetError(claim.error, claim.line)
    return [replace(claim, value=None, working=(), expect=None, line=0) for claim in key.claims]


def answered(key: Sheet, handed_in: Sheet) -> Sheet:
    """Put what is claimed in one sheet below the questions of another, in their order.

    An answer is known by its quantity, however that is spelt; where one is
    asked or answered twice, by its place among these. What is not answered
    stays open. What is not asked comes last and counts no points: else somebody
    could claim a wrong x first, and have all the rest follow from it.
    """
    asks = questions(key)
    names = {_plain(asked): asked.tree for asked in asks}

    def subject(claim: Claim) -> object:
        """What a claim is about: its quantity as it was read, else the text of it."""
        return names.get(text := _plain(claim), text if claim.error else claim.tree)

    waiting = dict[object, deque[Claim]]()
    for answer in handed_in.claims:
        waiting.setdefault(subject(answer), deque()).append(answer)
    claims = list[Claim]()
    for asked in asks:
        if answers := waiting.get(asked.tree):
            answer = answers.popleft()
            claims.append(
                replace(answer, question=asked.question, points=asked.points, expect=None)
            )
        else:
            claims.append(asked)
    left = sorted(itertools.chain.from_iterable(waiting.values()), key=attrgetter("line"))
    claims += [replace(c, question=NOT_ASKED, points=Fraction(0), expect=None) for c in left]
    return replace(handed_in, claims=tuple(claims))


def _plain(claim: Claim) -> str:
    """A quantity as it is written, but for spaces."""
    return "".join(claim.quantity.split())


def notice(key: Mapping[str, Any], handed_in: Mapping[str, Any]) -> str:
    """Say what is handed in with another network or data than the key's; else the text is empty.

    Both are the tables of a text. What is left out is not another one.
    """
    other = [
        name
        for name in SHEET_KEYS
        if name in handed_in
        and name not in (*TEXT_KEYS, "claim")
        and handed_in[name] != key.get(name)
    ]
    if not other:
        return ""
    return f"not as in the key, by which all is judged: {', '.join(other)}"
