"""What a wrong answer is: what its arrays are of the right ones, or which part
of JAX's program somebody left out."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from gradsheet.checking.relations import LOOSE, relation
from gradsheet.checking.relations import Seen as Pair
from gradsheet.checking.rounding import BITS, TINY, unit_roundoff
from gradsheet.vjp.calling import Rule
from gradsheet.vjp.comparing import INSIDE, Observed
from gradsheet.vjp.enclosed import InBalls
from gradsheet.vjp.mutants import (
    Change,
    Mutant,
    TracedStep,
    affordable,
    bounds_of,
    constants,
    floats_of,
    mutants,
    steps_of,
    values,
    with_another_array,
    with_constant,
)
from gradsheet.vjp.slopes import with_other_slopes
from gradsheet.vjp.textbook import with_textbook_rules
from manual.activations import Array

MOST_NAMED = 4
AND = "; and "
NEAR = 1e-6  # of what a constant changes: so close is the right one
ROUGHLY = 1e-2  # of what is added up, as coarse types have it
AS_LONG = 20  # mutants, as tracing f once more

Found = list[list[Array]]  # the arrays that were asked for, probe by probe


def named(
    rule: Rule, seen: Sequence[Observed], wrong: Sequence[int], *, is_wrong: bool
) -> list[str]:
    """Say what the wrong arrays are, the likeliest first; where they are only
    rounded, which constant is."""
    words = _named(rule, seen, wrong, is_wrong=is_wrong)
    return [_pushed(text) for text in words] if rule.is_forward else words


def _pushed(text: str) -> str:
    """What is said of cotangents, of tangents."""
    for of_cotangents, of_tangents in (
        ("cotangent", "tangent"),
        ("flows back", "flows"),
        ("back through", "through"),
    ):
        text = text.replace(of_cotangents, of_tangents)
    return text


def _named(
    rule: Rule, seen: Sequence[Observed], wrong: Sequence[int], *, is_wrong: bool
) -> list[str]:
    if is_wrong and (at_kinks := {k: AT_KINKS for k in wrong if _is_of_kinks(seen, k)}):
        others = [k for k in wrong if k not in at_kinks]
        elsewhere = _named(rule, seen, others, is_wrong=True) if others else []
        return [*elsewhere, *_listed(rule, at_kinks)][:MOST_NAMED]
    search = _NameSearch(rule, list(seen), list(wrong))
    if not is_wrong:
        return search.explained(search.constants())[0][:1]
    relations = {k: text for k in wrong if (text := search.relation(k))}
    if {*relations} == {*wrong} and {*relations.values()} == {"0 everywhere"}:
        return _listed(rule, relations)
    whole, parts = search.explained(search.candidates())
    if len(relations) == len(wrong):
        return [*_listed(rule, relations), *whole][:MOST_NAMED]
    if not whole:
        whole = search.by_two()
    if not whole:
        for k, words in parts.items():
            relations.setdefault(k, words)
    return [*whole, *_listed(rule, relations)][:MOST_NAMED]


def _is_of_kinks(seen: Sequence[Observed], k: int) -> bool:
    """Whether an array is wrong at kinks alone: nothing that it is elsewhere
    explains that."""
    smooth = [one for one in seen if not one.truth.at_kink]
    return bool(smooth) and all(
        one.array(k) is not None and (one.verdicts(k) < 3).all() for one in smooth
    )


def _listed(rule: Rule, texts: Mapping[int, str]) -> list[str]:
    """What arrays are, those together that are the same."""
    listed = []
    for text in dict.fromkeys(texts.values()):
        names = ", ".join(rule.wanted[k].name for k in texts if texts[k] == text)
        listed.append(f"{names}: {text}")
    return listed


AT_KINKS = "right but at a kink"


@dataclass(eq=False)
class _NameSearch:
    """For what gives the arrays of an answer, at all probes but those at a kink,
    if there are others."""

    rule: Rule
    seen: list[Observed]
    wrong: list[int]
    floats: list[list[Array]] = field(init=False)
    closed: Any = field(init=False)
    is_explained: bool = field(default=False, init=False)
    tried: list[tuple[Mutant, list[Array]]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        smooth = [one for one in self.seen if not one.truth.at_kink]
        self.seen = smooth or self.seen
        self.closed = self.seen[0].truth.closed
        self.floats = [[*one.truth.probe.inputs, *one.truth.probe.directions] for one in self.seen]

    # What an array is of the right one

    def relation(self, k: int) -> str:
        """What an array is of the truth."""
        if not any(one.right[k].any() for one in self.seen):
            return ""
        shapes = {array.shape for one in self.seen if (array := one.answer.asked[k]) is not None}
        if shapes - {self.rule.wanted[k].shape}:
            return self._of_another_shape(k)
        return relation([self._pair(one, k) for one in self.seen]) or self._by_a_factor(k)

    def _by_a_factor(self, k: int) -> str:
        """The truth without a factor that f computes, or with one too many; or
        such a factor in place of the derivative."""
        shape = self.rule.wanted[k].shape
        is_alone = [leaf.shape for leaf in self.rule.given] == [shape]
        answers = [np.asarray(one.array(k)) for one in self.seen]
        rights = [one.right[k] for one in self.seen]
        for entries in zip(*map(self._values, self.floats), strict=False):
            line, factors = entries[0][0], [_broadcast(factor, shape) for _, factor in entries]
            arrays = [factor for factor in factors if factor is not None]
            if len(arrays) < len(factors) or all((factor == 1).all() for factor in arrays):
                continue
            is_mask = all(np.isin(factor, (0, 1)).all() for factor in arrays)
            what = "mask" if is_mask else "factor"
            with np.errstate(all="ignore"):
                cases = [
                    (f"a {what} is missing that {line} gives", _times(answers, arrays), rights),
                    (
                        f"a {what} too many is there that {line} gives",
                        answers,
                        _times(rights, arrays),
                    ),
                ]
                if is_alone:
                    cotangents = [one.truth.probe.directions[0] for one in self.seen]
                    products = _times(cotangents, arrays)
                    cases.append((f"the cotangent times what {line} gives", answers, products))
            for words, mine, expected in cases:
                triples = zip(mine, expected, self.seen, strict=True)
                if all(self._is_close(a, right, one, k) for a, right, one in triples):
                    return f"everywhere {words}"
        return ""

    def _values(self, given: Sequence[Array]) -> list[tuple[str, Array]]:
        """What f computes, by the lines that do, and what it is given and gives."""
        program = self.rule.program
        found = values(self.closed, self._steps, given)
        out = floats_of(program.forward, given[: len(program.inputs)], {})
        named = zip(program.outputs, out, strict=True)
        inputs = zip(program.inputs, given, strict=False)
        return [*found, *((leaf.name, a) for leaf, a in (*named, *inputs) if leaf.is_float)]

    def _pair(self, one: Observed, k: int) -> Pair:
        others = {
            f"the gradient of {leaf.name}": right
            for j, (leaf, right) in enumerate(zip(self.rule.wanted, one.right, strict=True))
            if j != k and right.shape == one.right[k].shape
        }
        errors, u = one.errors(k), unit_roundoff(one.dtype)
        place = self.rule.program.asked[k] if not self.rule.is_forward else None
        parameter = None if place is None else one.truth.probe.inputs[place]
        return Pair(np.asarray(one.array(k)), one.right[k], errors, u, parameter, None, others)

    def _of_another_shape(self, k: int) -> str:
        shape = self.rule.wanted[k].shape
        given = [np.asarray(one.answer.asked[k], float) for one in self.seen]
        axes = [
            axes
            for count in range(given[0].ndim + 1)
            for axes in itertools.combinations(range(given[0].ndim), count)
        ]
        likely: list[tuple[str, Callable[[Array], Array]]] = []
        if given[0].shape[::-1] == shape:
            likely.append(("transposed", np.transpose))
        likely += [(_unsummed(along), partial(np.sum, axis=along)) for along in axes]
        for words, change in likely:
            arrays = [change(array) for array in given]
            if arrays[0].size != math.prod(shape):
                continue
            pairs = zip(arrays, self.seen, strict=True)
            if all(self._is_close(a.reshape(shape), one.right[k], one, k) for a, one in pairs):
                return words
        return ""

    # What gives an array

    def explained(
        self, candidates: Iterable[tuple[str, Found]]
    ) -> tuple[list[str], dict[int, str]]:
        """What gives all wrong arrays, and leaves the others; and what gives
        single ones."""
        whole: dict[str, None] = {}
        parts: dict[int, str] = {}
        for words, found in candidates:
            given = [k for k in self.wrong if self._gives(found, k)]
            if len(given) == len(self.wrong) and self._leaves_the_others(found):
                whole[words] = None
                self.is_explained = True
            for k in given:
                parts.setdefault(k, words)
        return list(whole), parts

    def candidates(self) -> Iterator[tuple[str, Found]]:
        """What may have been done, and the arrays which that gives."""
        yield from self._without_directions()
        if not self.rule.is_forward:
            yield from self._of_cotangents()
            yield from self._of_inputs()
        yield from self._seen([*self._mutants, *self._of_constants()])
        if not self.is_explained:
            yield from self._by_the_books()
        if not self.is_explained:
            yield from self._of_slopes()
        if not self.is_explained:
            yield from self._seen([*with_another_array(self._steps)][: self._most])

    def constants(self) -> Iterator[tuple[str, Found]]:
        """Other numbers in place of constants, and the arrays which they give."""
        yield from self._seen(self._of_constants())

    def _seen(self, likely: Iterable[Mutant]) -> Iterator[tuple[str, Found]]:
        """Those mutants that give an array of the answer; what gives the same
        is told once."""
        known: list[Found] = []
        for mutant in likely:
            first = self._asked(self.floats[0], mutant.changes)
            self.tried.append((mutant, first))
            if not any(self._is_seen(first, k) for k in self.wrong):
                continue
            found = [first, *(self._asked(given, mutant.changes) for given in self.floats[1:])]
            if (
                any(self._gives(found, k) for k in self.wrong)
                and not any(self._are_the_same(found, other) for other in known)
                and self._confirmed(mutant.changes, found)
            ):
                known.append(found)
                yield mutant.words, found

    def _is_seen(self, arrays: list[Array], k: int) -> bool:
        """Whether an array is that of the answer, at the first probe."""
        one = self.seen[0]
        return (array := one.array(k)) is not None and self._is_close(array, arrays[k], one, k)

    def _are_the_same(self, one: Found, two: Found) -> bool:
        return all(
            self._is_close(a, b, self.seen[0], k)
            for k, (a, b) in enumerate(zip(one[0], two[0], strict=True))
        )

    def _of_constants(self) -> Iterator[Mutant]:
        """Other numbers in place of those that stand in f: those that give one
        entry of the answer, found by the secant method."""
        k, one = self.wrong[0], self.seen[0]
        if (array := one.array(k)) is None or not array.size:
            return
        at = np.unravel_index(int(abs(array - one.right[k]).argmax()), array.shape)
        for old, line in constants(steps_of(self.rule.program.forward, 0)).items():

            def off(new: float, old: float = old) -> float:
                arrays = self._asked(self.floats[0], with_constant(self._steps, old, new))
                return float(arrays[k][at] - array[at])

            new = next((c for c in _slips(old) if abs(off(c)) <= NEAR * abs(off(old))), None)
            new = _root(off, old) if new is None else new
            if new is None or abs(new) < abs(old) / 1000:  # as if it were left out
                continue
            coarse = float(np.float32(old))
            likely = [coarse, *(float(f"{new:.{digits}g}") for digits in range(1, 17))]
            new = next((v for v in likely if abs(v - new) <= abs(new - old) / 1000), new)
            words = f"{old:.12g} is taken to be {new:.12g}"
            words += ", as float32 has it" if new == coarse else ""
            yield Mutant(with_constant(self._steps, old, new), f"{words}, in {line}")

    @cached_property
    def _steps(self) -> list[TracedStep]:
        return steps_of(self.closed, len(self.seen[0].truth.probe.directions))

    @cached_property
    def _mutants(self) -> list[Mutant]:
        return mutants(self._steps)[: self._most]

    @cached_property
    def _most(self) -> int:
        return affordable(self.closed, len(self.seen))

    def _of_cotangents(self) -> Iterator[tuple[str, Found]]:
        """The pullbacks of other cotangents, such as a scalar loss has."""
        ways: dict[str, Callable[[Array], Array]] = {
            "the cotangent is taken to be 1 everywhere": np.ones_like,
            "of the cotangent only the first entry is used": lambda d: np.full_like(d, d.flat[0]),
            "the mean of the cotangent is used everywhere": lambda d: np.full_like(d, d.mean()),
            "the sum of the cotangent is used everywhere": lambda d: np.full_like(d, d.sum()),
            "of the cotangent only the first row is used": lambda d: _row(d, 0),
            "of the cotangent only the last row is used": lambda d: _row(d, -1),
            "of the cotangent only the last vector is used": _last_vector,
        }
        count = len(self.rule.program.inputs)
        for words, way in ways.items():
            changed = ([*g[:count], *(way(d) for d in g[count:])] for g in self.floats)
            yield words, [self._asked(given, {}) for given in changed]

    def _without_directions(self) -> Iterator[tuple[str, Found]]:
        """What gives an array, where one of several cotangents or tangents is 0."""
        count = len(self.rule.program.inputs)
        for k, leaf in enumerate(self.rule.given if len(self.rule.given) > 1 else ()):
            changed = (
                [0 * a if j == count + k else a for j, a in enumerate(g)] for g in self.floats
            )
            words = f"the cotangent of {leaf.name} is left out"
            yield words, [self._asked(given, {}) for given in changed]

    def _by_the_books(self) -> Iterator[tuple[str, Found]]:
        """What gives an array, where f has the derivative rules of the books."""
        program = with_textbook_rules(self.rule.program)
        if program is not None and not self.rule.is_forward:
            other = _NameSearch(self.rule, self.seen, self.wrong)
            other.closed = program.pullback
            yield from other._seen(other._mutants)

    def _of_slopes(self) -> Iterator[tuple[str, Found]]:
        """The gradients with another slope of one function in f."""
        for words, program in with_other_slopes(self.rule.program, self._most // AS_LONG):
            closed = program.pushforward if self.rule.is_forward else program.pullback
            first = self._given_by(closed, self.floats[0])
            if any(self._is_seen(first, k) for k in self.wrong):
                yield words, [first, *(self._given_by(closed, g) for g in self.floats[1:])]

    def _given_by(self, closed: Any, given: Sequence[Array]) -> list[Array]:
        return floats_of(closed, given, {})[len(self.rule.program.outputs) :]

    def _of_inputs(self) -> Iterator[tuple[str, Found]]:
        """The gradient at other numbers than those given: at what f gives, or at
        the negative."""
        program = self.rule.program
        for place in program.asked:
            leaf = program.inputs[place]
            results = [k for k in program.moved if program.outputs[k].shape == leaf.shape]
            ways: dict[str, Callable[[Sequence[Array]], Array]] = {
                f"-{leaf.name}": partial(_negative, k=place)
            }
            if len(leaf.shape) == 2 and leaf.shape[0] == leaf.shape[1]:
                ways[f"{leaf.name} transposed"] = partial(_transposed, k=place)
            for result in results:
                ways[program.outputs[result].name] = partial(self._result, k=result)
            for where, way in ways.items():
                found = []
                for given in self.floats:
                    moved = list(given)
                    moved[place] = way(given)
                    found.append(self._asked(moved, {}))
                yield f"the derivative is taken at {where} in place of {leaf.name}", found

    def _result(self, given: Sequence[Array], k: int) -> Array:
        program = self.rule.program
        return floats_of(program.forward, given[: len(program.inputs)], {})[k]

    def _asked(self, given: Sequence[Array], changes: Mapping[int, Change]) -> list[Array]:
        return floats_of(self.closed, given, changes)[len(self.rule.program.outputs) :]

    def _gives(self, found: Found, k: int) -> bool:
        """Whether arrays are those of the answer, at every probe, and not the truth."""
        if any(one.array(k) is None for one in self.seen):
            return False
        is_other = False
        for one, arrays in zip(self.seen, found, strict=True):
            array = one.array(k)
            assert array is not None
            if not self._is_close(array, arrays[k], one, k):
                return False
            is_other |= not self._is_close(arrays[k], one.right[k], one, k)
        return is_other

    def _leaves_the_others(self, found: Found) -> bool:
        return all(
            self._is_close(arrays[k], one.right[k], one, k)
            for one, arrays in zip(self.seen, found, strict=True)
            for k in range(len(self.rule.wanted))
            if k not in self.wrong
        )

    def _is_close(self, array: Array, expected: Array, one: Observed, k: int) -> bool:
        if not np.isfinite(array).all() or not np.isfinite(expected).all():
            return False
        size = max(abs(expected).max(initial=0), abs(one.right[k]).max(initial=0))
        errors = 4 * one.errors(k).max(initial=0)
        return bool(
            (abs(array - expected) <= LOOSE * unit_roundoff(one.dtype) * size + errors).all()
        )

    def _confirmed(self, changes: Mapping[int, Change], found: Found) -> bool:
        """Whether the answer lies within what floats of its type make of a mutant."""
        one = self.seen[0]
        if not one.truth.in_balls:
            return True
        dtype = INSIDE.get(one.dtype, one.dtype)
        wide = bounds_of(self.closed, one.truth.given, changes, BITS[dtype], TINY[dtype])
        wide = wide[len(self.rule.program.outputs) :]
        for k in self.wrong:
            array = one.array(k)
            if array is not None and self._gives([[*arrays] for arrays in found], k):
                balls = InBalls(wide[k])
                kept = (
                    balls.stored(BITS[one.dtype], TINY[one.dtype]) if one.dtype in INSIDE else balls
                )
                return bool(kept.contains(array).all())
        return False

    def by_two(self) -> list[str]:
        """Two mutants that give all wrong arrays together."""
        one, k = self.seen[0], self.wrong[0]
        if any(seen.array(j) is None for seen in self.seen for j in self.wrong):
            return []
        array, right = np.asarray(one.array(k)), one.right[k]
        likely, changes = [], []
        for mutant, arrays in self.tried:
            alone = arrays[k]
            if np.isfinite(alone).all() and not self._is_close(alone, right, one, k):
                likely.append(mutant)
                changes.append(alone - right)
        for i, j in _pairs(changes, array - right):
            if not self._is_close(array - changes[i], right + changes[j], one, k):
                continue
            both = {**likely[i].changes, **likely[j].changes}
            found = [self._asked(given, both) for given in self.floats]
            if all(self._gives(found, k) for k in self.wrong) and self._leaves_the_others(found):
                return [f"{likely[i].words}{AND}{likely[j].words}"]
        return []


def _pairs(changes: Sequence[Array], whole: Array) -> list[tuple[int, int]]:
    """Which two of the changes may make the whole: do so, about, where it is largest."""
    if len(changes) < 2:
        return []
    at = int(abs(whole).argmax())
    values = np.array([change.flat[at] for change in changes])
    sizes = abs(values)
    off = abs(values[:, None] + values - whole.flat[at])
    is_near = off <= ROUGHLY * (sizes[:, None] + sizes + abs(whole.flat[at]))
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(is_near, 1))]


def _negative(given: Sequence[Array], k: int) -> Array:
    return -given[k]


def _transposed(given: Sequence[Array], k: int) -> Array:
    return given[k].T


def _row(d: Array, k: int) -> Array:
    """An array with all rows but one left 0."""
    kept = np.zeros_like(d)
    if d.ndim:
        kept[k] = d[k]
    return kept


def _last_vector(d: Array) -> Array:
    """An array with all left 0 but the last vector along its last axis."""
    kept = np.zeros_like(d)
    if d.ndim > 2:
        kept[(-1,) * (d.ndim - 1)] = d[(-1,) * (d.ndim - 1)]
    return kept


def _broadcast(a: Array, shape: tuple[int, ...]) -> Array | None:
    fits = a.ndim <= len(shape) and all(
        n in (1, m) for n, m in zip(a.shape[::-1], shape[::-1], strict=False)
    )
    return np.broadcast_to(a, shape) if fits else None


def _times(arrays: Sequence[Array], factors: Sequence[Array]) -> list[Array]:
    return [np.asarray(a * factor) for a, factor in zip(arrays, factors, strict=True)]


def _slips(constant: float) -> list[float]:
    """What a constant is often mistaken for."""
    by = (10, 1 / 10, 2, 1 / 2, -1, math.pi, 1 / math.pi)
    others = 1 / constant, constant**2, abs(constant) ** 0.5, constant + 1, constant - 1
    return [*(constant * factor for factor in by), *others]


def _root(off: Callable[[float], float], start: float) -> float | None:
    """Where a function near a number is 0, by the secant method."""
    a, b = start, start * (1 + 2.0**-10)
    at_a = at_start = off(a)
    at_b = off(b)
    for _ in range(12):
        if at_a == at_b or not math.isfinite(at_b):
            break
        a, b, at_a = b, b - at_b * (b - a) / (at_b - at_a), at_b
        at_b = off(b)
    return b if math.isfinite(b) and abs(at_b) <= NEAR * abs(at_start) else None


def _unsummed(axes: tuple[int, ...]) -> str:
    if not axes:
        return "right, but for its shape"
    which = " and ".join(map(str, axes))
    name = "axis" if len(axes) == 1 else "axes"
    return f"not summed over {name} {which}, along which it was broadcast"
