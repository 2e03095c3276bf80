"""How far the letters of a formula run: as far as the axes that they index.

A letter that indexes an axis alone runs over that axis; all such axes have one
size. One that stands only in sums, as in x[i+a-1], runs from 1 as far as every
index stays inside. Bounds in a formula win over both.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gradsheet.language import formula as f
from gradsheet.language.text import show_index
from gradsheet.numbers.reasons import EvaluationError, NotRead

Range = tuple[int, int]  # the first and the last number
# A letter that is free in the formula, by its name; one of a sum, by the id of its node, too.
Key = str | tuple[str, int]
Scope = Mapping[str, Key]
Linear = tuple[dict[Key, int], int]  # coefficients of letters, and a constant
ShapeOf = Callable[[f.Node], tuple[int, ...]]


def linear(index: f.Index, scope: Scope) -> Linear | None:
    """An index as a sum of letters with whole coefficients; None where it is something else."""
    form = f.linear(index)
    if form is None:
        return None
    constant = form.pop("", 0)
    return {scope.get(name, name): times for name, times in form.items() if times}, constant


@dataclass(frozen=True)
class _Site:
    """An axis of a name with so many entries, and the index that stands there."""

    name: str
    index: f.Index
    form: Linear
    size: int


class Ranges:
    """The ranges of all letters in a formula.

    `known` are those of free letters that something else decides; `shape_of`
    tells the shape of a name or of what stands in a bracket.
    """

    def __init__(self, formula: f.Node, shape_of: ShapeOf, known: Mapping[Any, Range] = {}):
        self._shape_of = shape_of
        self._known: dict[Key, Range] = {**known}
        self._decided: set[Key] = {*known}  # by others, or by bounds: axes do not
        self._sites = list(self._collected(formula))
        for site in self._sites:
            self._alone(site)
        while self._in_sums():
            pass

    def __contains__(self, key: Key) -> bool:
        return key in self._known

    def __getitem__(self, key: Key) -> Range:
        if key not in self._known:
            letter = _letter(key)
            raise NotRead(
                f"nothing says how far {letter} runs, it indexes no axis alone: write bounds, "
                f"as in sum({letter}=1..3, ...)"
            )
        return self._known[key]

    def told(self) -> tuple[tuple[str, int, int], ...]:
        """Every letter with how far it runs."""
        runs = [(_letter(key), *run) for key, run in self._known.items()]
        return tuple(dict.fromkeys(runs))

    def _collected(self, formula: f.Node) -> Iterator[_Site]:
        for node, sums in f.walk_in_sums(formula):
            scope = {letter: (letter, id(around)) for letter, around in sums.items()}
            match node:
                case f.Sum(letter, _, (_, _) as bounds):
                    self._known[letter.name, id(node)] = bounds
                    self._decided.add((letter.name, id(node)))
                case f.Quantity(name, indices) if indices:
                    yield from _sites(name, self._shape_of(f.Quantity(name)), indices, scope)
                case f.Subscript(base, indices):
                    yield from _sites("the bracket", self._shape_of(base), indices, scope)

    def _alone(self, site: _Site) -> None:
        """Take the range of a letter from an axis that it indexes alone."""
        coefficients, constant = site.form
        if constant or [*coefficients.values()] != [1]:
            return
        (key,) = coefficients
        if key in self._decided:
            return
        if self._known.setdefault(key, (1, site.size)) != (1, site.size):
            first = next(s for s in self._sites if s.form == site.form)
            raise EvaluationError(
                f"the index {_letter(key)} runs over axes of different size: "
                f"{first.size} in {first.name}, {site.size} in {site.name}"
            )

    def _in_sums(self) -> bool:
        """Find letters that stand in sums with known ones alone; whether there were any."""
        limits: dict[Key, tuple[int, _Site]] = {}
        for site in self._sites:
            coefficients, least = site.form
            most = least
            unknown = [key for key in coefficients if key not in self._known]
            if len(unknown) != 1:
                continue
            (key,) = unknown
            for other, times in coefficients.items():
                if other != key:
                    ends = [times * end for end in self._known[other]]
                    least, most = least + min(ends), most + max(ends)
            step = coefficients[key]
            limit = (site.size - most) // step if step > 0 else (least - 1) // -step
            if key not in limits or limit < limits[key][0]:
                limits[key] = limit, site
        for key, (limit, site) in limits.items():
            if limit < 1:
                raise EvaluationError(
                    f"no {_letter(key)} from 1 keeps {site.name}{show_index((site.index,))} "
                    f"inside 1 to {site.size}"
                )
            self._known[key] = 1, limit
        return bool(limits)


def _sites(
    name: str, shape: tuple[int, ...], indices: tuple[f.Index, ...], scope: Scope
) -> Iterator[_Site]:
    for index, size in zip(indices, shape, strict=False):
        form = linear(index, scope)
        if form is not None and form[0]:
            yield _Site(name, index, form, size)


def _letter(key: Key) -> str:
    return key if isinstance(key, str) else key[0]
