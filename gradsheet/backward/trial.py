"""One check of one function: it is called, its answers are compared, and what is wrong is explained."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import manual
from gradsheet.backward.asked import Arrays, Gradients, Mistaken
from gradsheet.backward.causes import LOOSE, Evidence, Naming, Search, Step, broken_steps, constant_factor, is_close
from gradsheet.backward.prepared import CORNER, Prepared
from gradsheet.backward.probes import Data
from gradsheet.backward.returned import Returned, plain_array
from gradsheet.backward.rounding import BITS, unit_roundoff
from gradsheet.backward.subject import Misbehaved, Subject
from gradsheet.backward.truth import Truth, errors_of
from manual.activations import Array, split

MOST_SINGLE = 8  # examples that are tried one at a time


@dataclass
class Row:
    """An array of the answer: `exact` is "yes", "rounded" (no farther off than floats may be), or "no".

    `coarse` says that it is no farther off than coarser floats may be.
    """

    name: str
    exact: str
    difference: float | None
    where: str = ""
    coarse: bool = False

    @property
    def is_right(self) -> bool:
        return self.exact in ("yes", "rounded")


@dataclass
class Check:
    """What came out. It is true where the function is right, and its text is the report.

    `rows` has the arrays in the order of backpropagation; `faults` what the function does that it should not;
    `assumed` how its answer was read; `first` the step that breaks first, `follows` what is wrong only because of that,
    `mistakes` the codes of those that give the whole answer together, several such where they do equally well. `probes`
    has the data: params, x and y of each.
    """

    title: str
    tried: str = ""
    assumed: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    kink: Row | None = None
    faults: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    follows: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    naming: Naming = field(default_factory=Naming)
    probes: list[Data] = field(default_factory=list)

    @property
    def right(self) -> bool:
        rows = [*self.rows, *([self.kink] if self.kink else [])]
        return bool(self.rows) and not self.faults and all(row.is_right for row in rows)

    def __bool__(self) -> bool:
        return self.right

    @property
    def first(self) -> str | None:
        """What is wrong first in the order of backpropagation."""
        if self.steps:
            return self.steps[0].gives
        return next((row.name for row in self.rows if not row.is_right), None)

    @property
    def mistakes(self) -> list[tuple[str, ...]]:
        return list(dict.fromkeys(tuple(made.code for made in together) for together in self.naming.equals))

    def __str__(self) -> str:
        from gradsheet.backward.report import told

        return "\n".join(told(self))


class Trial:
    """One check of one function in one layout."""

    def __init__(
        self,
        fn: Callable[..., Any],
        ready: Prepared,
        dtype: str,
        array: Callable[[Array], Any],
        at_zero: float | None,
        *,
        inputs_first: bool,
        reading: int,
    ):
        self.fn, self.ready, self.asked, self.at_zero = fn, ready, ready.asked, at_zero
        self.subject = Subject(fn, ready.asked, dtype, array)
        self.subject.inputs_first, self.subject.reading = inputs_first, reading
        self.raised = False  # before it gave any answer
        self.answers: list[Returned | None] = []
        network = self.asked.network
        title = f"{'-'.join(map(str, network.widths))}, {network.examples} examples; {network.reading()}"
        self.check = Check(title, probes=list(ready.probes))
        self._run()
        self.check.faults = [*self.subject.faults]

    # What it answers

    def _answer(self, data: Data, where: str) -> Returned | None:
        try:
            return self.subject(data)
        except Misbehaved as error:
            self.subject.faults[f"{error}{where}"] = None
            return None

    def _run(self) -> None:
        probes = self.ready.probes
        first = self._answer(probes[0], "")
        if first is None:
            self.raised = True
            return
        if self.subject.inputs_first:
            self.check.assumed.append("fn takes W as (inputs, units)")
        self.check.assumed += first.assumed
        self._say_types(first)
        kept = [(leaf, plain_array(leaf).copy()) for leaf in first.originals]
        again = self._answer(probes[0], ", when it is called a second time")
        self._same(first, again, "it returns other answers the second time")
        self.answers = [first, *(self._answer(data, f", at probe {k}") for k, data in enumerate(probes[1:], 2))]
        if any(not np.array_equal(plain_array(leaf), copy, equal_nan=True) for leaf, copy in kept):
            self.check.assumed.append("it returns the same arrays every time, and overwrites what it returned before")
        if len(probes) > 1 and again is not None:
            later = self._answer(probes[0], ", after other data")
            self._same(first, later, "it keeps something between calls, its answer changes after other data")
        self._judge(first)
        self._judge_kinks(first)

    def _say_types(self, first: Returned) -> None:
        given = self.subject.given
        kinds: dict[str, list[str]] = {}
        for name, kind in first.types.items():
            if name != "L" and kind != given and name not in first.faults:
                kinds.setdefault(kind, []).append(self.asked.label(name))
        for kind, names in kinds.items():
            every = len(names) == len(self.asked.shapes)
            self.check.assumed.append(f"{'gradients' if every else ', '.join(names)} as {kind}, {given} is given")

    def _same(self, one: Returned, two: Returned | None, words: str) -> None:
        """A fault where two answers at the first probe differ by more than rounding."""
        if two is None or any(words in fault for fault in self.subject.faults):
            return
        for name, a in one.arrays.items():
            b = two.arrays.get(name)
            errors, exact = self._errors(0, one, name)
            allowed = 0 * a if exact else 2 * errors
            if b is None or not ((abs(a - b) <= allowed) | (np.isnan(a) & np.isnan(b))).all():
                if b is None:
                    text = f"{words}: nothing for {self.asked.label(name)}"
                else:
                    at = tuple(map(int, np.unravel_index(np.argmax(np.nan_to_num(abs(a - b), nan=np.inf)), a.shape)))
                    text = f"{words}: {self.asked.label(name)}{_at(at)} is {a[at]:.6g}, then {b[at]:.6g}"
                    if np.array_equal(b, 2 * a):
                        text += "; does it add to what it kept?"
                self.subject.faults[text] = None
                return

    # What is right

    @functools.cached_property
    def _bounds(self) -> dict[tuple[int, str], tuple[Arrays, bool]]:
        return {}

    def _type(self, answer: Returned, name: str) -> str:
        """The coarsest type of floats on the way that is known of."""
        kinds = (self.subject.given, answer.types.get(name, "float64"))
        return min((kind for kind in kinds if kind in BITS), key=BITS.__getitem__, default="float64")

    def _errors(self, probe: int, answer: Returned, name: str) -> tuple[Array, bool]:
        """How far an array may be off, and whether not at all."""
        kind = self._type(answer, name)
        if (probe, kind) not in self._bounds:
            self._bounds[probe, kind] = errors_of(self.asked, self.ready.probes[probe], kind)
        errors, exact = self._bounds[probe, kind]
        return errors[name], exact

    def _judge(self, first: Returned) -> None:
        exact_everywhere = True
        for name in self.asked.order():
            if name not in first.types and name == "L":
                continue
            row = Row(self.asked.label(name), "yes", 0.0)
            for probe, (answer, truth) in enumerate(zip(self.answers, self.ready.truths, strict=True)):
                if answer is None:
                    continue
                if name not in answer.arrays:
                    row = Row(row.name, "no", None, answer.faults.get(name, "is missing"))
                    break
                errors, exact = self._errors(probe, answer, name)
                exact_everywhere &= exact
                row = self._compared(row, probe, answer.arrays[name], truth, name, errors, exact)
            if row.exact == "no" and (factor := self._factor(name)) is not None:
                row.where += f"; everywhere {factor:.6g} times the truth"
            self.check.rows.append(row)
        self.check.tried = self._tried(exact_everywhere)

    def _compared(self, row: Row, probe: int, found: Array, truth: Truth, name: str, errors: Array, exact: bool) -> Row:
        right = truth.values[name]
        with np.errstate(invalid="ignore"):
            off = abs(found - right)
            wrong = ~(off <= 0) if exact else ~(off <= errors + truth.errors[name])
        far = np.where(np.isnan(off), np.inf, off)
        at = tuple(map(int, np.unravel_index(np.argmax(np.where(wrong, far, -1)), off.shape))) if off.size else ()
        largest = float(off[at]) if wrong.any() else float(far.max(initial=0))
        place = f"at probe {probe + 1}" if len(self.ready.probes) > 1 else ""
        if not wrong.any():
            better = row.difference is not None and largest <= row.difference
            verdict = row.exact if row.exact == "no" else "rounded" if not exact or row.exact == "rounded" else "yes"
            return (
                replace(row, exact=verdict)
                if better or row.exact == "no"
                else replace(row, exact=verdict, difference=largest)
            )
        if row.exact == "no" and row.difference is not None and not largest > row.difference:
            return row
        coarse = False
        where = f"{_at(at)} {place}".strip() + f": {_number(found[at])} for {_number(right[at])}"
        if found.ndim > 1 and found.shape[-1] == found.shape[-2] and np.array_equal(found.swapaxes(-1, -2), right):
            where += ", transposed"
        elif coarse := not exact and bool((off <= self._as_float32(probe, name)).all()):
            where += "; float32 would explain it: is something float32 on the way?"
        return Row(row.name, "no", largest, where, coarse)

    def _factor(self, name: str) -> float | None:
        """The one number that the truth is multiplied with at all probes, where there is one."""
        pairs = [
            (answer.arrays[name], truth.values[name])
            for answer, truth in zip(self.answers, self.ready.truths, strict=True)
            if answer is not None and name in answer.arrays
        ]
        if not pairs:
            return None
        return constant_factor(
            *(np.concatenate([np.ravel(array) for array in arrays]) for arrays in zip(*pairs, strict=True))
        )

    def _as_float32(self, probe: int, name: str) -> Array:
        if self.subject.given == "float32":
            return np.zeros(())
        return errors_of(self.asked, self.ready.probes[probe], "float32")[0][name]

    def _tried(self, exact: bool) -> str:
        ready, count = self.ready, len(self.ready.probes)
        own = not ready.simulations
        text = f"data of your own, {len(ready.probes[0].x)} examples" if own else f"{count} probes of small numbers"
        text += ", at which floats round nothing" if exact else ", judged to the forward error bound of floats"
        text += f"; the truth {ready.truths[0].witnesses}"
        if ready.shown:
            text += f"; {'all ' * (not ready.hidden)}{ready.shown} mistakes of the catalogue show there"
            text += f", {ready.hidden} more change no gradient there" * bool(ready.hidden)
        return text

    @property
    def rows_are_wrong(self) -> bool:
        return any(not row.is_right for row in self.check.rows)

    # At a kink

    def _judge_kinks(self, first: Returned) -> None:
        if not self.ready.corners or self.rows_are_wrong:
            return
        taken: list[str] = []
        for data, sides in self.ready.corners:
            assert data.kink is not None
            activation = self.asked.network.activations[data.kink[0] - 1]
            f, layer = split(activation)[0], data.kink[0]
            answer = self._answer(data, f", where z{layer} is 0")
            if answer is None:
                return
            weight = self._weight(answer, sides)
            if weight is None or not 0 <= weight <= 1:
                where = (
                    f"no value of {f}'(0) in layer {layer} gives this answer"
                    if weight is None
                    else (f"{f}'(0) in layer {layer} is {weight:.6g}, beyond both slopes")
                )
                self.check.kink = Row("at z = 0", "no", None, where)
                return
            slope = float(split(activation)[1][0]) if f == "leaky_relu" else 0.0
            value = slope + weight * (1 - slope)
            taken.append(f"{f}'(0) = {value:.6g}")
            if self.at_zero is not None and f == "relu" and value != self.at_zero:
                where = f"relu'(0) in layer {layer} is {value:.6g}, expected {self.at_zero:.6g}"
                self.check.kink = Row("at z = 0", "no", abs(value - self.at_zero), where)
                return
        words = ", ".join(dict.fromkeys(taken))
        beyond = f"; 0 is the usual choice ({CORNER})" if any(text == "relu'(0) = 1" for text in taken) else ""
        self.check.kink = Row("at z = 0", "yes", None, words + beyond)

    def _weight(self, answer: Returned, sides: Sequence[tuple[Mistaken, Arrays, Arrays]]) -> float | None:
        """c of (1 - c) below + c above, which is what was answered; None where there is none."""
        weight: float | None = None
        loose = LOOSE * max(unit_roundoff(self._type(answer, name)) for name in answer.arrays)
        for mistaken, below, above in sides:
            part = mistaken.part(answer.arrays)
            if any(name not in part or not np.isfinite(part[name]).all() for name in self.asked.shapes):
                return None
            triples = [(found, below[name], above[name]) for name, found in part.items()]
            for found, low, high in triples:
                gap = high - low
                if gap.any() and weight is None:
                    at = np.unravel_index(abs(gap).argmax(), gap.shape)
                    weight = float((found[at] - low[at]) / gap[at])
                    doubt = loose * (1 + abs(found).max()) / abs(gap[at])
                    weight = next((nice for nice in (0.0, 0.5, 1.0) if abs(weight - nice) <= doubt), weight)
            for found, low, high in triples if weight is not None else ():
                right = low + weight * (high - low)
                if not (abs(found - right) <= loose * (1 + abs(found).max(initial=0))).all():
                    return None
        return weight

    # Why it is wrong

    def find_causes(self) -> None:
        wrong = [row.name for row in self.check.rows if not row.is_right]
        if all(row.is_right or row.coarse for row in self.check.rows):
            return
        if any(not answer or answer.faults for answer in self.answers) or self.check.faults:
            self.subject.faults.update(dict.fromkeys(self.check.faults))
            return
        if self.asked.what == "gradients":
            self._find_steps(wrong)
        if self.ready.simulations and self.ready.simulations[0]:
            evidence = []
            for probe, (answer, simulations) in enumerate(zip(self.answers, self.ready.simulations, strict=True)):
                assert answer is not None
                errors = {name: self._errors(probe, answer, name)[0] for name in answer.arrays}
                u = max(unit_roundoff(self._type(answer, name)) for name in answer.arrays)
                evidence += [
                    Evidence(simulation, mistaken, mistaken.part(answer.arrays), mistaken.part(errors), u)
                    for simulation, mistaken in simulations
                ]
            self.check.naming = Search(evidence, self.asked.order()).result

    def _find_steps(self, wrong: list[str]) -> None:
        """From single examples; where these are right it is their sum that is wrong."""
        network, data = self.asked.network, self.ready.probes[0]
        single = replace(network, examples=1)
        alone = Subject(self.fn, Gradients(single), self.subject.dtype, self.subject.array)
        alone.inputs_first, alone.reading = self.subject.inputs_first, self.subject.reading
        found: dict[Step, None] = {}
        off: set[str] = set()  # what is wrong for a single example
        accuracy = 1e-9 if self.subject.given == "float64" else 1e-3
        for n in range(min(len(data.x), MOST_SINGLE)):
            one = replace(data, x=data.x[[n]], y=None if data.y is None else data.y[[n]])
            try:
                answer = alone(one)
            except Misbehaved:
                return
            if answer.faults or not all(np.isfinite(a).all() for a in answer.arrays.values()):
                return
            found |= dict.fromkeys(broken_steps(single, one, answer.arrays, accuracy))
            right = alone.asked.by(manual, one)
            names = answer.arrays.keys() - {"L"}
            off |= {self.asked.label(k) for k in names if not is_close(answer.arrays[k], right[k], accuracy)}
        check = self.check
        check.steps = sorted(found, key=lambda step: (-int(step.gives[-1]), "zWb".index(step.gives[-2])))
        gradients = [name for name in wrong if name != "L"]
        check.follows = [name for name in gradients if name in off - {step.gives for step in check.steps}]
        if (together := [name for name in gradients if name not in off]) and len(data.x) > 1:
            many = len(together) > 1
            check.remarks.append(
                f"{', '.join(together)} {'are' if many else 'is'} right one example at a time: what is wrong is how "
                "examples are put together"
            )


def _at(index: Sequence[int]) -> str:
    return f"[{', '.join(map(str, index))}]" if len(index) else ""


def _number(value: Any) -> str:
    return f"{float(value):.10g}"
