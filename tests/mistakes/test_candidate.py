"""Which explanation of a claim wins: the table of `gradsheet.mistakes.candidate`, row by row."""

import itertools
import math
import re

import pytest

from gradsheet.claims.judgement import Explanation
from gradsheet.mistakes import candidate as table
from gradsheet.mistakes.candidate import HALF, RANKS, Candidate, Kind, are_sure, winners
from tests.sheets import NET, codes, judgements


def one(kind: Kind, text: str = "", **options) -> Candidate:
    return Candidate(kind, Explanation("", text or kind.value, "", ""), **options)


# From the first to the last each wins over all below it.
ORDER = [
    one(Kind.LEFT_OUT),
    one(Kind.SHARED, "one mistake that several claims share"),
    one(Kind.SHARED, "two that they share", size=2),
    one(Kind.CARRIED),
    one(Kind.DIFFERENCE),
    one(Kind.PASS, "a mistake that three claims need", reach=3),
    one(Kind.PASS, "a mistake that this one needs"),
    one(Kind.PASS, "a mistake that spoils a right claim", spoils=1),
    one(Kind.PASS, "a mistake that spoils two", spoils=2),
    one(Kind.ROUNDING, size=1 + HALF),
    one(Kind.PEN, "a slip after a mistake", size=2),
    one(Kind.PASS, "two mistakes that spoil a right claim", size=2, spoils=1),
    one(Kind.ROUNDING, "two mistakes and rounding", size=2 + HALF),
    one(Kind.PASS, "three mistakes", size=3),
    one(Kind.ARITHMETIC),
    one(Kind.FORM),
    one(Kind.REPAIR),
]


@pytest.mark.parametrize("place", range(len(ORDER) - 1), ids=lambda k: ORDER[k].explanation.text)
def test_a_row_wins_over_all_below_it_however_they_are_listed(place: int) -> None:
    below = ORDER[place + 1 :]
    assert winners([ORDER[place], *below]) == [ORDER[place]]
    assert winners([*below, ORDER[place]]) == [ORDER[place]]


@pytest.mark.parametrize(
    "equal",
    [
        (one(Kind.PASS, "a mistake"), one(Kind.PEN, "a slip")),
        (one(Kind.PASS, "two mistakes", size=2), one(Kind.PEN, "a slip after a mistake", size=2)),
        (one(Kind.LEFT_OUT, "a factor"), one(Kind.LEFT_OUT, "a term")),
    ],
)
def test_equals_are_told_beside_each_other_in_the_order_given(equal: tuple) -> None:
    further = one(Kind.ROUNDING, size=3 + HALF)
    for several in itertools.permutations(equal):
        assert winners([further, *several]) == list(several)


def test_a_slip_wins_over_a_mistake_that_would_spoil_what_is_right() -> None:
    slip, mistake = one(Kind.PEN), one(Kind.PASS, spoils=1)
    assert winners([mistake, slip]) == [slip]


def test_a_mistyped_digit_is_told_only_where_no_mistake_gives_the_number() -> None:
    digit = Candidate(Kind.PEN, Explanation("digit-mistyped", "", "", ""))
    assert winners([digit, one(Kind.PASS)]) == [one(Kind.PASS)]
    assert winners([digit, one(Kind.PASS, spoils=1)]) == [digit]
    assert winners([digit, one(Kind.PASS, size=2)]) == [digit]


def test_nothing_wins_where_nothing_explains() -> None:
    assert winners([]) == []
    assert not are_sure([])


def test_the_docstring_has_the_kinds_in_the_order_of_the_key() -> None:
    rows = re.findall(r"^    (\d| )   ([A-Z_]{3,})  ", table.__doc__ or "", re.MULTILINE)
    told, row = {}, 0
    for number, kind in rows:
        row = int(number) if number.strip() else row
        told[Kind[kind]] = row
    assert told == {kind: row for row, kinds in enumerate(RANKS, 1) for kind in kinds}
    assert set(told) == set(Kind)


@pytest.mark.parametrize(
    ("candidates", "sure"),
    [
        ([one(Kind.PASS, digits=2.0)], True),
        ([one(Kind.PASS, digits=1.9)], False),
        ([one(Kind.PASS, digits=math.inf, spoils=1)], False),  # a right claim speaks against it
        ([one(Kind.PASS, "one"), one(Kind.PASS, "another")], True),  # it is one of these
        ([one(Kind.PASS), one(Kind.PEN)], False),  # there is no telling of which kind it is
    ],
)
def test_what_is_sure(candidates: list[Candidate], sure: bool) -> None:
    assert are_sure(candidates) == sure


def test_a_slip_after_a_mistake_is_both() -> None:
    both = one(Kind.SHARED, "a mistake", size=2, cause=(3,)).then(one(Kind.PEN, "a slip"))
    assert (both.kind, both.size, both.cause) == (Kind.SHARED, 3, (3,))
    assert both.explanation.text == "a mistake; and a slip"


# The same on sheets: 3 sigmoid(1.23) - 1 is 1.32146, and with y - yhat it is -1.32146


def test_one_mistake_and_one_slip_are_told_beside_each_other() -> None:
    (found,) = judgements(NET, ("dL/dyhat", "-1.32146"))
    assert codes(found) == ["error-sign", "sign-lost"]
    assert "fits: " in found.all_messages()


def test_what_is_right_speaks_for_the_slip() -> None:
    found, _ = judgements(NET, ("dL/dyhat", "-1.32146"), ("dL/dz1", "0.693857"))
    assert codes(found) == ["sign-lost"]


def test_what_is_wrong_as_well_speaks_for_the_mistake() -> None:
    found, _ = judgements(NET, ("dL/dyhat", "-1.32146"), ("dL/dz1", "-0.693857"))
    assert codes(found) == ["error-sign"]


def test_a_factor_of_the_own_line_is_told_before_a_mistake_in_the_pass() -> None:
    """0.5251 is 3 sigmoid'(1.23), without dL/dyhat = 1.3215."""
    alone, of_line = (
        judgements(NET, ("dL/dz1", "0.5251", *line))[0] for line in ((), ("'3*1.3215*0.1750'",))
    )
    assert "upstream-missing" in codes(alone)
    assert codes(of_line) == ["factor-not-multiplied", *codes(alone)]


def test_rounding_is_likelier_than_a_slip_after_a_mistake() -> None:
    """3.963 lacks the slope, and was worked out with 1.321; no digit was mistyped for that."""
    found = judgements(NET, ("dL/dyhat", "1.321"), ("dL/dz1", "3.963"))
    assert codes(found[1]) == ["slope-missing+rounding"]
