"""One check of one function: it is called, its answers are compared, and what is wrong is explained."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import manual
from gradsheet.checking.asked import Gradients, by_name
from gradsheet.checking.causes import LOOSE, Evidence, Search, Step, broken_steps
from gradsheet.checking.corner import at_once
from gradsheet.checking.prepared import Prepared
from gradsheet.checking.probes import Data
from gradsheet.checking.relations import Seen, constant_factor, relation
from gradsheet.checking.result import VERDICTS, Check, Row
from gradsheet.checking.returned import Returned, array_again, equal
from gradsheet.checking.rounding import BITS, FEW_BITS, unit_roundoff, within
from gradsheet.checking.subject import Misbehaved, Subject
from gradsheet.checking.truth import Bounds
from gradsheet.language.functions import facts_of
from manual.activations import Array

CANCELLED = 1e-30  # is 0, also of the largest number
COARSEST = 1 / 64  # of the largest entry may floats be off, where anything is told
MOST_SINGLE = 64  # examples that are tried one at a time


class Trial:
    """One check of one function in one layout."""

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        dtype: str,
        array: Callable[[Array], Any],
        ready: Prepared,
        at_zero: float | None,
        inputs_first: bool,
        reading: int = 0,
        words: str | None = None,
    ):
        self.fn, self.ready, self.asked, self.at_zero = fn, ready, ready.asked, at_zero
        self.subject = Subject(fn, ready.asked, dtype, array)
        self.subject.inputs_first, self.subject.reading, self.subject.words = (
            inputs_first,
            reading,
            words,
        )
        self.raised = False  # before it gave any answer
        self.answers: list[Returned | None] = []
        network = self.asked.network
        title = f"{'-'.join(map(str, network.widths))}; {network.reading(kinks=False)}"
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
        kept = [(leaf, array_again(leaf)) for leaf in first.originals]
        kept = [(leaf, None if array is None else array.copy()) for leaf, array in kept]
        again = self._answer(probes[0], ", when it is called a second time")
        self._same(first, again, "it returns other answers the second time")
        self.answers = [
            first,
            *(self._answer(data, f", at probe {k}") for k, data in enumerate(probes[1:], 2)),
        ]
        now = [(array_again(leaf), copy) for leaf, copy in kept]
        if any(array is None or copy is None for array, copy in now):
            self.subject.faults["what it returned cannot be read a second time"] = None
        elif any(not equal(array, copy) for array, copy in now):  # type: ignore[arg-type]
            self.check.assumed.append(
                "it returns the same arrays every time, and overwrites what it returned before"
            )
        if len(probes) > 1 and again is not None and not self.subject.faults:
            later = self._answer(probes[0], ", after other data")
            self._same(
                first,
                later,
                "it keeps something between calls, its answer changes after other data",
            )
        self._judge(first)
        self._judge_kinks()

    def _say_types(self, first: Returned) -> None:
        given = self.subject.given
        if given != self.subject.dtype:
            self.check.assumed.append(f"fn gets {given}, which array makes of {self.subject.dtype}")
        kinds: dict[str, list[str]] = {}
        for name, kind in first.types.items():
            if name != "L" and kind != given and name not in first.faults:
                kinds.setdefault(kind, []).append(self.asked.label(name))
        for kind, names in kinds.items():
            every = len(names) == len(self.asked.shapes)
            self.check.assumed.append(
                f"{'gradients' if every else ', '.join(names)} as {kind}, {given} is given"
            )

    def _same(self, one: Returned, two: Returned | None, words: str) -> None:
        """A fault where two answers at the first probe differ by more than rounding."""
        if two is None or any(words in fault for fault in self.subject.faults):
            return
        for name, a in one.arrays.items():
            b = two.arrays.get(name)
            if b is None:
                self.subject.faults[f"{words}: nothing for {self.asked.label(name)}"] = None
                return
            differ = ~within(a, b, 2 * self._errors(0, one, name)[0])
            if differ.any():
                at = tuple(map(int, np.argwhere(differ)[0]))
                pair = _numbers(a[at], b[at])
                text = f"{words}: {self.asked.label(name)}{_at(at)} is {pair[0]}, then {pair[1]}"
                if np.array_equal(b, 2 * a):
                    text += "; does it add to what it kept?"
                self.subject.faults[text] = None
                return

    # What is right

    def _type(self, answer: Returned, name: str) -> str:
        """The coarsest type of floats on the way that is known of; a loss has been on the way of the gradients."""
        kinds = [
            self.subject.given,
            *(answer.types.values() if name == "L" else [answer.types.get(name, "float64")]),
        ]
        return min(
            (kind for kind in kinds if kind in BITS), key=BITS.__getitem__, default="float64"
        )

    def _errors(self, probe: int, answer: Returned, name: str) -> tuple[Array, bool]:
        """How far an array may be off, and whether not at all."""
        errors, exact = self.ready.bound(probe, self._type(answer, name))
        return errors[name], name in exact

    @property
    def coarsest(self) -> str:
        """The coarsest type of floats that the answers came in, or the arguments were given in."""
        kinds = {
            self._type(answer, name) for answer in self.answers if answer for name in answer.types
        }
        return min(kinds, key=BITS.__getitem__, default="float64")

    def _judge(self, first: Returned) -> None:
        exact_everywhere = True
        for name in self.asked.order():
            if name not in first.types and name == "L":
                continue
            given = [
                (probe, answer) for probe, answer in enumerate(self.answers) if answer is not None
            ]
            missing = next((answer for _, answer in given if name not in answer.arrays), None)
            if missing is not None:
                row = Row(
                    self.asked.label(name), "no", None, missing.faults.get(name, "is missing")
                )
            else:
                row = self._worst(
                    [(self._compared(probe, name, answer), probe) for probe, answer in given]
                )
                exact_everywhere &= all(
                    self._errors(probe, answer, name)[1] or self.ready.is_extra(probe)
                    for probe, answer in given
                )
            if row.exact == "no" and (text := relation(self._seen(name))):
                row.where += f"; {text}"
                self.check.relations |= {row.name: text} if name != "L" else {}
            self.check.rows.append(row)
        if self.check.rows and self.check.rows[0].name == self.asked.label("L"):
            self._judge_loss(self.check.rows[0])
        self.check.tried = self._tried(exact_everywhere)

    def _worst(self, rows: Sequence[tuple[Row, int]]) -> Row:
        """What is told of an array by all probes, each with its number.

        Where numbers nearly cancel at one, others tell. What shows at small numbers is easier to follow there.
        """
        telling = [(row, probe) for row, probe in rows if not row.silent] or rows
        small = [row for row, probe in telling if not self.ready.is_extra(probe)]
        extra = [row for row, probe in telling if self.ready.is_extra(probe)]
        worst = max(
            small or extra, key=lambda row: (VERDICTS.index(row.exact), row.difference or 0)
        )
        return next((row for row in extra if not row.is_right), worst) if worst.is_right else worst

    def _compared(self, probe: int, name: str, answer: Returned) -> Row:
        """What there is to say of an array at one probe."""
        found, truth, kind = answer.arrays[name], self.ready.truths[probe], self._type(answer, name)
        right, (errors, exact) = truth.values[name], self._errors(probe, answer, name)
        with np.errstate(invalid="ignore"):
            off = np.where(found == right, 0, abs(found - right))
        label, largest = (
            self.asked.label(name),
            float(np.nan_to_num(off, nan=np.inf).max(initial=0)),
        )
        if exact and largest == 0:
            return Row(label, "yes", 0.0)
        if not np.isfinite(right).all():
            return Row(label, "untold", None, "the true number is beyond all floats here")
        given = self.subject.given if self.subject.given in BITS else "float64"
        size = self._size(probe, name)

        def tells(bound: Array) -> bool:
            """Whether a bound is so much smaller than the numbers that whoever keeps within it is right."""
            return bool(bound.max(initial=0) <= COARSEST * size)

        # Who rounds a right answer to coarser floats at the end errs by that alone.
        on_the_way = self._allowed(probe, given, name) + truth.errors[name]
        if tells(on_the_way) and (off <= on_the_way + 2 * unit_roundoff(kind) * abs(right)).all():
            return Row(label, "rounded", largest)
        wrong = ~(off <= errors + truth.errors[name])
        if not wrong.any():
            allowed = self._allowed(probe, kind, name)
            sharp = self.ready.bound(probe, kind, sharp=True)[0][name]
            for bound in (allowed, sharp):
                if tells(bound) and (off <= bound + truth.errors[name]).all():
                    return Row(label, "rounded", largest)
            finer = "" if kind == "float64" else ': dtype="float64" may tell'
            where = f"{kind} may be off by {errors.max():.3g} at worst, too coarse to tell{finer}"
            return Row(label, "untold", largest, where, silent=not tells(sharp))
        far = np.where(wrong, np.nan_to_num(off, nan=np.inf), -1)
        at = tuple(map(int, np.unravel_index(np.argmax(far), off.shape)))
        place = f" at probe {probe + 1}" * (len(self.ready.probes) > 1)
        mine, theirs = _numbers(found[at], right[at])
        where = f"{_at(at)}{place}: ".lstrip(": ") + f"{mine}, true {theirs}"
        coarse = False
        bound = self.ready.bound(probe, "float32")[0][name]
        if coarse := self.subject.given != "float32" and bool((off <= bound).all() and bound.any()):
            where += (
                "; as little off as by float32 on the way, a numerical derivative or an epsilon"
            )
        return Row(label, "no", float(off[at]), where.strip(), coarse)

    def _size(self, probe: int, name: str) -> float:
        """The largest entry of an array; where all that is added up for it cancels, that of all arrays.

        Behind a softmax over one output, which is 1 whatever comes in, all arrays are 0, and 1 stands for their size.
        """
        arrays = self.ready.truths[probe].values
        size, most = (
            float(max(abs(a).max(initial=0) for a in some))
            for some in ([arrays[name]], arrays.values())
        )
        most = most if most > CANCELLED else 1.0
        noise = float(self.ready.bound(probe, "float64", sharp=True)[0][name].max(initial=0))
        return most if size <= max(CANCELLED * most, noise) else size

    def _allowed(self, probe: int, kind: str, name: str) -> Array:
        """By how much a right answer may be off: where the usual formulas round nothing, by what others likely do."""
        errors, exact = self.ready.bound(probe, kind)
        return self.ready.bound(probe, kind, sharp=True)[0][name] if name in exact else errors[name]

    def _seen(self, name: str) -> list[Seen]:
        """An array at all probes, beside the right one; nothing where it is not at all of them."""
        seen = []
        for probe, (answer, truth) in enumerate(zip(self.answers, self.ready.truths, strict=True)):
            if answer is None or name not in answer.arrays:
                return []
            data, found, kind = (
                self.ready.probes[probe],
                answer.arrays[name],
                self._type(answer, name),
            )
            alike = [other for other in self.asked.shapes if other != name]
            others = {o: truth.values[o] for o in alike if truth.values[o].shape == found.shape}
            each = self.ready.each(probe)
            seen.append(
                Seen(
                    found,
                    truth.values[name],
                    self.ready.bound(probe, kind, sharp=True)[0][name] + truth.errors[name],
                    0.0 if kind in FEW_BITS else unit_roundoff(kind),
                    by_name(data.params).get(name),
                    None if each is None else each[name],
                    {self.asked.label(other): array for other, array in others.items()},
                )
            )
        return seen

    def _judge_loss(self, row: Row) -> None:
        """A loss that is another network's is said before any step is accused."""
        if row.exact == "no":
            self.check.loss = f"your loss is not this network's: {row.where}"

    @property
    def is_scaled(self) -> bool:
        """Whether the loss or the last layer's gradient is the truth but for a factor."""
        names = ("L", f"W{self.asked.network.depth}")
        seen = [self._seen(name) for name in names if name in self.asked.order()]
        return any(array and constant_factor(array) is not None for array in seen)

    def is_right_for(self, other: Gradients) -> bool:
        """Whether the answers are those to another question, at the same numbers and to what floats likely err by."""
        for answer, data in zip(self.answers, self.ready.probes, strict=True):
            if answer is None:
                return False
            right, bounds = other.by(manual, data), Bounds(other, data)
            for name, found in answer.arrays.items():
                errors, _ = bounds.of(self._type(answer, name), sharp=True)
                if not (abs(found - right[name]) <= 2 * errors[name]).all():
                    return False
        return bool(self.answers)

    def _tried(self, exact: bool) -> str:
        ready, count = self.ready, self.ready.whole
        own = not ready.simulations
        text = (
            f"data of your own, {len(ready.probes[0].x)} examples"
            if own
            else f"{count} probes of small numbers"
        )
        text += (
            ", at which floats round nothing"
            if exact
            else ", judged to the forward error bound of floats"
        )
        text += ", and one of fractions" * (not own and len(ready.probes) > count)
        text += f"; the truth {ready.truths[0].witnesses}; {self._coverage()}"
        if ready.shown:
            text += f"; {'all ' * (not ready.hidden)}{ready.shown} mistakes of the catalogue show"
            text += f", {ready.hidden} more change no gradient" * bool(ready.hidden)
        return text

    def _coverage(self) -> str:
        """Where the right answer is 0, nothing shows whoever leaves something out."""
        covered, every = self.ready.covered
        at_all = " at all of them" if len(self.ready.probes) > 1 else ""
        if covered == every:
            return f"none of the {every:,} entries of the true answer is 0{at_all}"
        few = f"{every - covered:,} of the {every:,} entries of the true answer are 0 to floats"
        return f"{few}{at_all}, where no omission shows"

    @property
    def rows_are_wrong(self) -> bool:
        return any(not row.is_right for row in self.check.rows)

    # At a kink

    def _judge_kinks(self) -> None:
        """What is taken for f'(0), where everything else is right."""
        if not self.ready.corners or self.rows_are_wrong:
            return
        taken: list[tuple[str, int, float]] = []
        for corner in self.ready.corners:
            answer = self._answer(corner.data, f", where z{corner.layer} is 0")
            if answer is None:
                return
            loose = LOOSE * self.roundoff
            value, words = None, f"{corner.f}'(0) in layer {corner.layer}"
            if self.asked.shapes.keys() <= answer.arrays.keys():
                errors, _ = corner.bounds.of(self.coarsest)
                value = corner.derivative(
                    {n: answer.arrays[n] for n in self.asked.shapes}, loose, errors
                )
            wrong = ""
            if value is None:
                wrong, value = f"no value of {words} gives this answer", 0.0
            elif not min(corner.below, 1) <= value <= max(corner.below, 1):
                wrong = f"{words} is {value:.6g}, beyond both slopes"
            elif self.at_zero is not None and facts_of(corner.f).dead and value != self.at_zero:
                wrong = f"{words} is {value:.6g}, expected {self.at_zero:.6g}"
            if wrong:
                self.check.kink = Row("at z = 0", "no", None, wrong)
                return
            taken.append((corner.f, corner.layer, value))
        self.check.kink = Row("at z = 0", "yes", None, at_once(taken))

    @property
    def roundoff(self) -> float:
        """The unit roundoff of the answers; float32's for fewer bits, in which probes are exact or say nothing."""
        return min(unit_roundoff(self.coarsest), unit_roundoff("float32"))

    # Why it is wrong

    def find_causes(self) -> None:
        rows = self.check.rows
        wrong = [row.name for row in rows if not row.is_right]
        if all(row.is_right or row.coarse for row in rows) or any(
            row.exact == "untold" for row in rows
        ):
            return
        if self.check.faults or any(not answer or answer.faults for answer in self.answers):
            return
        if self.asked.what == "gradients":
            self._find_steps(wrong)
        if any(self.ready.simulations):
            evidence = []
            for probe, (answer, simulations) in enumerate(
                zip(self.answers, self.ready.simulations, strict=True)
            ):
                assert answer is not None
                if not simulations:
                    continue
                errors = {name: self._errors(probe, answer, name)[0] for name in answer.arrays}
                evidence += [
                    Evidence(
                        simulation,
                        mistaken,
                        mistaken.part(answer.arrays),
                        mistaken.part(errors),
                        self.roundoff,
                    )
                    for simulation, mistaken in simulations
                ]
            self.check.naming = Search(evidence, self.asked.order()).result

    def _find_steps(self, wrong: list[str]) -> None:
        """From single examples; where these are right it is their sum that is wrong."""
        single = replace(self.asked.network, examples=1)
        alone = Subject(self.fn, Gradients(single), self.subject.dtype, self.subject.array)
        alone.inputs_first, alone.reading = self.subject.inputs_first, self.subject.reading
        found: dict[Step, None] = {}
        off: set[str] = set()  # what is wrong for a single example
        zs = [
            z
            for data in self.ready.probes
            for z in manual.forward(data.params, data.x, single.activations).z
        ]
        kinds = {
            self._type(answer, name) for answer in self.answers if answer for name in answer.types
        }
        accuracy = 1e-9 if kinds == {"float64"} else 1e-3
        examples = [(data, n) for data in self.ready.probes for n in range(len(data.x))]
        for data, n in examples[:MOST_SINGLE]:
            one = data.alone(n)
            bounds = Bounds(alone.asked, one)
            try:
                answer = alone(one)
            except Misbehaved:
                return
            if answer.faults or not all(np.isfinite(a).all() for a in answer.arrays.values()):
                return
            found |= dict.fromkeys(broken_steps(single, one, answer.arrays, accuracy))
            right = alone.asked.by(manual, one)
            for name in answer.arrays.keys() - {"L"}:
                errors, _ = bounds.of(self._type(answer, name), sharp=True)
                if not (abs(answer.arrays[name] - right[name]) <= errors[name]).all():
                    off.add(self.asked.label(name))
        check = self.check
        # What is right in the batch is right: its step may look broken where something is clipped, or nearly 0.
        steps = [step for step in found if step.gives[4] == "z" or step.gives in wrong]
        check.steps = sorted(
            steps, key=lambda step: (-int(step.gives[5:]), "zWb".index(step.gives[4]))
        )
        gradients = [name for name in wrong if name != "L"]
        check.follows = [
            name for name in gradients if name in off - {step.gives for step in check.steps}
        ]
        clear = {row.name for row in check.rows if row.is_clear}
        together = [name for name in gradients if name not in off and name in clear]
        every = len(examples) <= MOST_SINGLE and not any((z == 0).any() for z in zs)
        if together and every and (self.asked.network.examples or 1) > 1:
            many = len(together) > 1
            check.remarks.append(
                f"{', '.join(together)} {'are' if many else 'is'} right one example at a time: what is wrong is how "
                "examples are put together"
            )


def _at(index: Sequence[int]) -> str:
    return f"[{', '.join(map(str, index))}]" if len(index) else ""


def _numbers(one: Any, other: Any) -> tuple[str, str]:
    """Two numbers with ten digits, or with all where these are the same."""
    for digits in (10, 17):
        texts = f"{float(one):.{digits}g}", f"{float(other):.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts
