"""What a wrong array has to do with the right one, said without any catalogue of mistakes.

A relation is told where it holds in every entry at every probe, to what floats may be off. Those that say more come
first: that an array is 0, a multiple of the truth, its transpose, the truth and a multiple of the parameter (weight
decay), that of one example alone, that of another parameter, or the truth with rows or columns left 0, copied or
changed over.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gradsheet.checking.asked import Arrays
from manual.activations import Array

LEAST = 1e-300  # as good as 0
CLEAR = 10  # times the error, at least, is what is called a change
LOOSE = 64  # units of the last digit, in which what is computed in another way may differ
MAX_DENOMINATOR = 12  # of a factor that is told as a fraction, too
MOST_COMPARED = 100_000_000  # numbers, of rows against rows
MOST_TOLD = 4  # rows by their numbers


@dataclass
class Seen:
    """An array at a probe: as it was found and as it is right, and how far floats may be off; the parameter; what each
    example alone gives, in an axis in front, or None; and the right arrays of other parameters, by their labels."""

    found: Array
    right: Array
    errors: Array
    u: float
    parameter: Array | None
    each: Array | None
    others: Arrays

    def is_close(self, expected: Array, sizes: Array | None = None, errors: float = 1) -> bool:
        """Whether what was found is that; `sizes` are the numbers that were added up for it, and `errors` how many
        times as far as the truth it may be off."""
        slack = (
            LOOSE * self.u * (abs(expected) if sizes is None else sizes)
            + 4 * max(1, errors) * self.errors
        )
        return bool((abs(self.found - expected) <= slack).all())


def relation(array: Sequence[Seen]) -> str:
    """What an array, seen at several probes, is of the truth; empty where it is nothing simple."""
    if not all(np.isfinite(seen.found).all() for seen in array) or not any(
        seen.right.any() for seen in array
    ):
        return ""
    return next(filter(None, (told(array) for told in _RELATIONS)), "")


def _zero(array: Sequence[Seen]) -> str:
    return "" if any(seen.found.any() for seen in array) else "0 everywhere"


def constant_factor(array: Sequence[Seen]) -> float | None:
    """The one number other than 0 and 1 that the truth is multiplied with at all probes, where there is one."""
    found, right, errors = _at_all_probes(array)
    if np.count_nonzero(right) < 2 or not np.isfinite(found).all():
        return None
    at = (abs(right) / (errors + array[0].u * abs(right) + LEAST)).argmax()  # where it is sharpest
    factor = _simple(float(found[at] / right[at]), array[0].u)
    noise = errors + array[0].u * abs(right)
    if factor == 0 or not _shows((factor - 1) * right, noise):
        return None
    return (
        factor
        if all(seen.is_close(factor * seen.right, errors=abs(factor)) for seen in array)
        else None
    )


def _multiple(array: Sequence[Seen]) -> str:
    if (factor := constant_factor(array)) is None:
        return ""
    words = in_words(factor)
    return (
        "everywhere the negative of the truth"
        if words == "-1"
        else f"everywhere {words} times the truth"
    )


def _at_all_probes(array: Sequence[Seen]) -> tuple[Array, Array, Array]:
    """What was found, what is right, and the errors, in one vector each."""
    parts = (
        [np.ravel(getattr(seen, part)) for seen in array] for part in ("found", "right", "errors")
    )
    found, right, errors = map(np.concatenate, parts)
    return found, right, errors


def _shows(change: Array, noise: Array) -> bool:
    """Whether a change is larger than all that floats do, in most entries that it is in."""
    at = change != 0
    return bool(at.any() and (abs(change) > CLEAR * noise)[at].mean() > 0.5)


def _simple(factor: float, u: float) -> float:
    """A fraction of small numbers where a factor is as near to one as floats are."""
    fraction = float(Fraction(factor).limit_denominator(MAX_DENOMINATOR))
    return fraction if abs(fraction - factor) <= LOOSE * u * abs(factor) else factor


def in_words(factor: float) -> str:
    """A factor as a decimal, and as a fraction of small numbers, if it is one."""
    fraction = Fraction(factor).limit_denominator(MAX_DENOMINATOR)
    is_fraction = fraction.denominator not in (1, 5, 10) and abs(
        fraction - Fraction(factor)
    ) <= 1e-12 * abs(factor)
    return f"{fraction} = {factor:.6g}" if is_fraction else f"{factor:.6g}"


def _transposed(array: Sequence[Seen]) -> str:
    square = all(
        seen.right.ndim > 1 and seen.right.shape[-1] == seen.right.shape[-2] for seen in array
    )
    return (
        "transposed"
        if square and all(s.is_close(np.swapaxes(s.right, -1, -2)) for s in array)
        else ""
    )


def _decayed(array: Sequence[Seen]) -> str:
    """The truth and c times the parameter."""
    pairs = [(s.found - s.right, s.parameter) for s in array if s.parameter is not None]
    if len(pairs) < len(array) or any(off.shape != parameter.shape for off, parameter in pairs):
        return ""
    off, parameter = (
        np.concatenate([np.ravel(part) for part in parts]) for parts in zip(*pairs, strict=True)
    )
    if not parameter.any():
        return ""
    _, right, errors = _at_all_probes(array)
    noise = errors + array[0].u * (abs(right) + abs(parameter))
    at = (abs(parameter) / (noise + LEAST)).argmax()
    c = _simple(float(off[at] / parameter[at]), array[0].u)
    if not _shows(c * parameter, noise):
        return ""
    for s in array:
        assert s.parameter is not None
        if not s.is_close(s.right + c * s.parameter, abs(s.right) + abs(c * s.parameter)):
            return ""
    return (
        f"everywhere the truth {'+' if c > 0 else '-'} {in_words(abs(c))} times the parameter"
        if c
        else ""
    )


def _of_one_example(array: Sequence[Seen]) -> str:
    """One example's, with or without the division by their number."""
    if any(seen.each is None or len(seen.each) < 2 for seen in array):
        return ""
    for at, which in ((-1, "last"), (0, "first")):
        for divided in (False, True):
            expected = [
                (s, s.each[at] / (len(s.each) if divided else 1))
                for s in array
                if s.each is not None
            ]
            if all(seen.is_close(one) for seen, one in expected):
                return f"that of the {which} example alone, not summed over the batch"
    return ""


def _of_another(array: Sequence[Seen]) -> str:
    labels = [label for label in array[0].others if all(s.is_close(s.others[label]) for s in array)]
    return f"that is {labels[0]}" if labels else ""


def _rows(array: Sequence[Seen]) -> str:
    """Some rows are 0, copies of others, or in another order; or columns; or entries, where there is one axis."""
    if array[0].right.ndim == 1:
        return _lines(array, lambda a: a[:, None], "entry", "entries")
    if array[0].right.ndim != 2:
        return ""
    return _lines(array, lambda a: a, "row", "rows") or _lines(
        array, lambda a: a.T, "column", "columns"
    )


def _lines(array: Sequence[Seen], turned: Callable[[Array], Array], one: str, many: str) -> str:
    """What happened to the rows of the turned arrays, all probes side by side."""
    found, right, errors = (
        np.concatenate([turned(getattr(s, part)) for s in array], 1)
        for part in ("found", "right", "errors")
    )
    slack = LOOSE * array[0].u * abs(right) + 4 * errors
    wrong = np.flatnonzero((abs(found - right) > slack).any(1))
    if not len(wrong) or len(right) == 1 or len(wrong) * right.size > MOST_COMPARED:
        return ""
    if not found[wrong].any():
        return f"{_listed(wrong, len(right), one, many)} left 0"
    sources = [_source(row, right, slack) for row in found[wrong]]
    if None in sources:
        return ""
    if sorted(sources) == sorted(wrong):  # type: ignore[type-var]
        if len(wrong) == 2:
            return f"{many} {wrong[0]} and {wrong[1]} are changed over"
        return (
            f"the {many} are in reverse"
            if sources == list(wrong[::-1])
            else f"the {many} are in another order"
        )
    verb = "is a copy" if len(wrong) == 1 else "are copies"
    several = len(set(sources)) > 1
    return f"{_listed(wrong, len(right), one, many, verb)} of {f'other {many}' if several else f'{one} {sources[0]}'}"


def _source(row: Array, right: Array, slack: Array) -> int | None:
    """The true row that a row is; None where it is none."""
    same = np.flatnonzero((abs(right - row) <= slack).all(1) & (abs(right) > CLEAR * slack).any(1))
    return int(same[0]) if len(same) == 1 else None


def _listed(places: Array, count: int, one: str, many: str, verb: str = "") -> str:
    if not verb:
        verb = "is" if len(places) == 1 else "are"
    if len(places) == 1:
        which = f"the last {one}, {places[0]}," if places[0] == count - 1 else f"{one} {places[0]}"
        return f"{which} {verb}"
    if len(places) > MOST_TOLD:
        return f"{len(places)} of {count} {many} {verb}"
    *most, last = map(str, places)
    return f"{many} {', '.join(most)} and {last} {verb}"


_RELATIONS = (_zero, _multiple, _transposed, _decayed, _of_one_example, _of_another, _rows)


def grouped(relations: dict[str, str]) -> Iterator[tuple[list[str], str]]:
    """The same relation told once, with the names of all arrays that it holds for."""
    for text in dict.fromkeys(relations.values()):
        yield [name for name, other in relations.items() if other == text], text
