"""What is wrong with a number or a line of working, in words."""

import math
from fractions import Fraction
from typing import Any

from gradsheet.claims.comparison import Mismatch, like
from gradsheet.language.evaluate import Binding
from gradsheet.numbers.printed import (
    Printed,
    Value,
    as_float,
    decimal_text,
    exact_text,
    fractions,
    index_text,
    like_claim,
    plain,
    printed_entries,
    told_text,
)
from manual.activations import Array


def at(binding: Binding) -> str:
    """The index values, as they follow a value in a message."""
    values = ", ".join(f"{letter} = {number}" for letter, number in binding.items())
    return f" at {values}" if values else ""


_FACTORS = [
    (Fraction(sign * n, d), sign * n / d)
    for sign in (1, -1)
    for k in range(1, 13)
    for n, d in {(k, 1), (1, k)}
]

MOST_SHOWN = 3  # entries that are off
LONGEST = 16  # characters of a difference that are read at a glance


def relation(printed: Printed, truth: Any) -> str:
    """How a wrong number relates to the truth: by a simple factor, as far as
    its digits tell, or how far off it is."""
    claimed, exact = printed.value, getattr(truth, "exact", truth)
    close = as_float(claimed), as_float(truth)  # floats have a first look
    for factor, about in _FACTORS if claimed else ():
        if factor == 1 or not abs(close[0] - close[1] * about) <= 0.1 * abs(close[0]):
            continue
        if claimed == exact * factor if exact is not None else printed.agrees(truth * factor):
            if factor == -1:
                return "the truth with the wrong sign"
            return f"{factor} {'of' if factor.denominator > 1 else 'times'} the truth"
    if exact is None:
        apart = as_float(claimed - truth)
        return "off by more than 1e308" if math.isinf(apart) else f"off by {apart:.3g}"
    off = claimed - exact
    text = plain(exact_text(off) if printed.places is None else decimal_text(off))
    is_short = len(text) <= LONGEST or text.startswith("about")  # which is rounded already
    return f"off by {text if is_short else f'{as_float(off):.3g}'}"


def value_message(mismatch: Mismatch, value: Value) -> str:
    """What is wrong with a printed number or with which of several."""
    if mismatch.mine is None or mismatch.truth is None:
        return mismatch.reason
    entries, truth = printed_entries(value), mismatch.truth
    if truth.size == 1:
        return relation(entries[0], truth.item()) + at(mismatch.binding)
    shown = [
        f"[{place}] is {entries[k].text}, true {plain(told_text(truth.flat[k], [entries[k]]))}"
        for k, place in _places_off(mismatch, value)
    ]
    return f"{_entries_off(mismatch, shown)}{at(mismatch.binding)}"


def hint_of_value(mismatch: Mismatch, value: Value) -> str:
    """Which of several printed numbers are wrong, without any number; empty
    where there is one alone."""
    if mismatch.mine is None or mismatch.truth is None or mismatch.truth.size == 1:
        return ""
    shown = [f"[{place}]" for _, place in _places_off(mismatch, value)]
    return f"off in {_entries_off(mismatch, shown)}"


def _places_off(mismatch: Mismatch, value: Value) -> list[tuple[int, str]]:
    """The first entries that are off, each with its indices as it is claimed."""
    assert mismatch.truth is not None
    shape = like(mismatch.truth, fractions(value)).shape
    return [(k, index_text(k, shape)) for k in mismatch.off[:MOST_SHOWN]]


def _entries_off(mismatch: Mismatch, shown: list[str]) -> str:
    assert mismatch.truth is not None
    more = ["..."] if len(mismatch.off) > MOST_SHOWN else []
    return f"{len(mismatch.off)} of {mismatch.truth.size} entries: {', '.join(shown + more)}"


def line_message(mismatch: Mismatch, line: str, symbolic: bool) -> str:
    """What is wrong with a line of working, with numbers written as it writes them."""
    if mismatch.mine is None or mismatch.truth is None:
        return mismatch.reason

    def shown(array: Array) -> str:
        return plain(like_claim(exact_text(array.item() if array.size == 1 else array), line))

    text = f"gives {shown(like(mismatch.mine, mismatch.truth))}{at(mismatch.binding)}"
    if symbolic or mismatch.binding:
        text += f" where the truth is {shown(mismatch.truth)}"
    return text
