"""What a wrong array has to do with the right one, said without any catalogue
of mistakes.

A relation is told where it holds in every entry at every probe, to what floats
may be off. Those that say more come first: that an array is 0, a multiple of
the truth, its transpose, the truth and a multiple of the parameter (weight
decay), that of one example alone, that of another parameter, or the truth with
rows or columns left 0, copied or changed over.
"""

import itertools
from collections.abc import Callable, Sequence
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
MOST_LISTED = 4  # rows by their numbers


@dataclass
class Seen:
    """An array at a probe: the answer and what is right, and how far floats may
    be off; the parameter; what each example alone gives, in an axis in front,
    or None; and the right arrays of other parameters, by their labels."""

    answer: Array
    right: Array
    errors: Array
    u: float
    parameter: Array | None
    examples: Array | None
    others: Arrays

    def is_close(self, expected: Array, sizes: Array | None = None, errors: float = 1) -> bool:
        """Whether the answer is that; `sizes` are the numbers that were added
        up for it, and it may be off by `errors` times what the truth may."""
        sizes = abs(expected) if sizes is None else sizes
        slack = LOOSE * self.u * sizes + 4 * max(1, errors) * self.errors
        return bool((abs(self.answer - expected) <= slack).all())


def relation(array: Sequence[Seen]) -> str:
    """Say what an array, seen at several probes, is of the truth; nothing where
    it is nothing simple."""
    if not all(np.isfinite(seen.answer).all() for seen in array):
        return _not_finite(array)
    if not any(seen.right.any() for seen in array):
        return ""
    return next((text for describe in _RELATIONS if (text := describe(array))), "")


def _not_finite(array: Sequence[Seen]) -> str:
    count = max(np.count_nonzero(~np.isfinite(seen.answer)) for seen in array)
    which = "all" if count == array[0].answer.size else f"{count} of its {array[0].answer.size:,}"
    return f"{which} entries are not finite, at some of the numbers"


def _in_another_order(array: Sequence[Seen]) -> str:
    """The entries of the truth, each once, at other places."""

    def is_same(seen: Seen) -> bool:
        mine, right = np.sort(seen.answer, None), np.sort(seen.right, None)
        errors = seen.errors.reshape(-1)[np.argsort(seen.right, None)]
        return bool((abs(mine - right) <= LOOSE * seen.u * abs(right) + 4 * errors).all())

    many = any(len(np.unique(seen.right)) > array[0].right.ndim + 2 for seen in array)
    if not many or not all(map(is_same, array)):
        return ""
    shape = array[0].right.shape
    turned = [np.transpose(seen.right).reshape(shape) for seen in array]
    if all(seen.is_close(right) for seen, right in zip(array, turned, strict=True)):
        return "its entries are in the order of the transposed array"
    return "its entries are at one another's places"


def _moved(array: Sequence[Seen]) -> str:
    """The truth at places beside its own, along an axis or two."""
    shape = array[0].right.shape
    axes = [k for k, size in enumerate(shape) if size > 2]
    for along in (*((k,) for k in axes), *itertools.combinations(axes, 2)):
        for by in (1, -1, 2, -2):
            if all(_is_moved(seen, along, by) for seen in array):
                which = f"axis {along[0]}" if len(along) == 1 else f"axes {along[0]} and {along[1]}"
                return f"moved by {by} along {which}"
    return ""


def _is_moved(seen: Seen, along: Sequence[int], by: int) -> bool:
    here, there = [slice(None)] * seen.right.ndim, [slice(None)] * seen.right.ndim
    for k in along:
        ends = slice(max(by, 0), min(by, 0) or None), slice(max(-by, 0), min(-by, 0) or None)
        here[k], there[k] = ends
    mine, right, errors = (
        a[tuple(at)] for a, at in ((seen.answer, here), (seen.right, there), (seen.errors, there))
    )
    if np.ptp(right) == 0 or 3 * right.size <= seen.right.size:  # hardly anything is compared
        return False
    return bool((abs(mine - right) <= LOOSE * seen.u * abs(right) + 4 * errors).all())


def _few(array: Sequence[Seen]) -> str:
    """A factor of one entry alone, which may be another at other probes."""
    ratios, places = [], []
    for seen in array:
        slack = LOOSE * seen.u * abs(seen.right) + 4 * seen.errors
        off = np.argwhere(abs(seen.answer - seen.right) > slack)
        if len(off) > 1 or seen.right.size < 3:
            return ""
        if len(off):
            at = tuple(map(int, off[0]))
            places.append([*at])
            ratios.append(float(seen.answer[at] / seen.right[at]) if seen.right[at] else 0.0)
    if not ratios:
        return ""
    is_one = max(ratios) - min(ratios) <= LOOSE**2 * array[0].u * abs(ratios[0])
    if not is_one or not ratios[0]:
        return ""
    where = f"at {places[0]}" if all(place == places[0] for place in places) else "in one entry"
    factor = in_words(_simple(ratios[0], array[0].u))
    return f"{factor} times the truth {where}, and right everywhere else"


def _zero(array: Sequence[Seen]) -> str:
    return "" if any(seen.answer.any() for seen in array) else "0 everywhere"


def constant_factor(array: Sequence[Seen]) -> float | None:
    """Find the one number other than 0 and 1 that the truth is multiplied with
    at all probes, where there is one."""
    answer, right, errors = _at_all_probes(array)
    if np.count_nonzero(right) < 2 or not np.isfinite(answer).all():
        return None
    noise = errors + array[0].u * abs(right)
    at = (abs(right) / (noise + LEAST)).argmax()  # where it is sharpest
    factor = _simple(float(answer[at] / right[at]), array[0].u)
    if factor == 0 or not _shows((factor - 1) * right, noise):
        return None
    is_all = all(seen.is_close(factor * seen.right, errors=abs(factor)) for seen in array)
    return factor if is_all else None


def _multiple(array: Sequence[Seen]) -> str:
    if (factor := constant_factor(array)) is None:
        return ""
    words = in_words(factor)
    if words == "-1":
        return "everywhere the negative of the truth"
    return f"everywhere {words} times the truth"


def _at_all_probes(array: Sequence[Seen]) -> list[Array]:
    """The answers, what is right, and the errors, in one vector each."""
    fields = ([seen.answer, seen.right, seen.errors] for seen in array)
    return [np.concatenate([*map(np.ravel, arrays)]) for arrays in zip(*fields, strict=True)]


def _shows(change: Array, noise: Array) -> bool:
    """Whether a change is larger than all that floats do, in most of its entries."""
    at = change != 0
    return bool(at.any() and (abs(change) > CLEAR * noise)[at].mean() > 0.5)


def _simple(factor: float, u: float) -> float:
    """A factor, or the fraction of small numbers that it is to floats."""
    fraction = float(Fraction(factor).limit_denominator(MAX_DENOMINATOR))
    return fraction if abs(fraction - factor) <= LOOSE * u * abs(factor) else factor


def in_words(factor: float) -> str:
    """Write a factor, as a decimal and, if it is one, as a simple fraction."""
    fraction = Fraction(factor).limit_denominator(MAX_DENOMINATOR)
    near = abs(fraction - Fraction(factor)) <= 1e-12 * abs(factor)
    if near and fraction.denominator not in (1, 5, 10):
        return f"{fraction} = {factor:.6g}"
    return f"{factor:.6g}"


def _transposed(array: Sequence[Seen]) -> str:
    if array[0].right.ndim < 2 or len({*array[0].right.shape[-2:]}) > 1:
        return ""
    is_turned = all(seen.is_close(np.swapaxes(seen.right, -1, -2)) for seen in array)
    return "transposed" if is_turned else ""


def _flipped(array: Sequence[Seen]) -> str:
    axes = [k for k, size in enumerate(array[0].right.shape) if size > 1]
    turned = (
        axis for axis in axes if all(seen.is_close(np.flip(seen.right, axis)) for seen in array)
    )
    return next((f"in reverse along axis {axis}" for axis in turned), "")


def _decayed(array: Sequence[Seen]) -> str:
    """The truth and c times the parameter."""
    pairs = [(seen, seen.parameter) for seen in array if seen.parameter is not None]
    if len(pairs) < len(array) or any(seen.right.shape != p.shape for seen, p in pairs):
        return ""
    parameter = np.concatenate([np.ravel(p) for _, p in pairs])
    if not parameter.any():
        return ""
    answer, right, errors = _at_all_probes(array)
    noise = errors + array[0].u * (abs(right) + abs(parameter))
    at = (abs(parameter) / (noise + LEAST)).argmax()
    c = _simple(float((answer[at] - right[at]) / parameter[at]), array[0].u)
    if not _shows(c * parameter, noise):
        return ""
    if not all(
        seen.is_close(seen.right + c * p, abs(seen.right) + abs(c * p)) for seen, p in pairs
    ):
        return ""
    return f"everywhere the truth {'+' if c > 0 else '-'} {in_words(abs(c))} times the parameter"


def _of_one_example(array: Sequence[Seen]) -> str:
    """One example's, with or without the division by their number."""
    pairs = [(seen, seen.examples) for seen in array if seen.examples is not None]
    if len(pairs) < len(array) or any(len(examples) < 2 for _, examples in pairs):
        return ""
    for at, which in ((-1, "last"), (0, "first")):
        whole = all(seen.is_close(examples[at]) for seen, examples in pairs)
        if whole or all(seen.is_close(examples[at] / len(examples)) for seen, examples in pairs):
            return f"that of the {which} example alone, not summed over the batch"
    return ""


def _of_another(array: Sequence[Seen]) -> str:
    labels = array[0].others
    same = (label for label in labels if all(seen.is_close(seen.others[label]) for seen in array))
    return next((f"that is {label}" for label in same), "")


def _rows(array: Sequence[Seen]) -> str:
    """Some rows are 0, copies of others, or in another order; or columns; or
    entries, where there is one axis."""
    match array[0].right.ndim:
        case 1:
            return _lines(array, lambda a: a[:, None], "entry", "entries")
        case 2:
            rows = _lines(array, lambda a: a, "row", "rows")
            return rows or _lines(array, np.transpose, "column", "columns")
    return ""


def _lines(array: Sequence[Seen], turned: Callable[[Array], Array], one: str, many: str) -> str:
    """What happened to the rows of the turned arrays, all probes in a row."""
    fields = ([seen.answer, seen.right, seen.errors] for seen in array)
    answer, right, errors = (
        np.concatenate([*map(turned, arrays)], 1) for arrays in zip(*fields, strict=True)
    )
    slack = LOOSE * array[0].u * abs(right) + 4 * errors
    wrong = np.flatnonzero((abs(answer - right) > slack).any(1))
    if not len(wrong) or len(right) == 1 or len(wrong) * right.size > MOST_COMPARED:
        return ""
    which = _listed(wrong, len(right), one, many)
    if not answer[wrong].any():
        return f"{which} {'is' if len(wrong) == 1 else 'are'} left 0"
    sources = []
    for row in answer[wrong]:
        if (source := _source(row, right, slack)) is None:
            return ""
        sources.append(source)
    if {*sources} == {*wrong}:
        if len(wrong) == 2:
            return f"{many} {wrong[0]} and {wrong[1]} are changed over"
        order = "in reverse" if sources == list(wrong[::-1]) else "in another order"
        return f"the {many} are {order}"
    origin = f"other {many}" if len({*sources}) > 1 else f"{one} {sources[0]}"
    return f"{which} {'is a copy' if len(wrong) == 1 else 'are copies'} of {origin}"


def _source(row: Array, right: Array, slack: Array) -> int | None:
    """The true row that a row is; None where it is none."""
    same = np.flatnonzero((abs(right - row) <= slack).all(1) & (abs(right) > CLEAR * slack).any(1))
    return int(same[0]) if len(same) == 1 else None


def _listed(places: Array, count: int, one: str, many: str) -> str:
    """Some of so many rows, by their numbers while they are few."""
    if len(places) == 1:
        is_last = places[0] == count - 1
        return f"the last {one}, {places[0]}," if is_last else f"{one} {places[0]}"
    if len(places) > MOST_LISTED:
        return f"{len(places)} of {count} {many}"
    *most, last = map(str, places)
    return f"{many} {', '.join(most)} and {last}"


_RELATIONS = (
    _zero,
    _multiple,
    _transposed,
    _decayed,
    _of_one_example,
    _of_another,
    _rows,
    _flipped,
    _moved,
    _few,
    _in_another_order,
)
