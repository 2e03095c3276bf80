"""One check of one function: it is called, its answers are compared, and what
is wrong is explained."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

import manual
from gradsheet.checking.asked import ParameterGradients, by_name
from gradsheet.checking.causes import LOOSE, BrokenStep, Evidence, MistakeSearch, broken_steps
from gradsheet.checking.comparing import TruthComparison, coarsest, distinct_digits, in_brackets
from gradsheet.checking.corner import Corner, at_once, is_between
from gradsheet.checking.prepared import Prepared
from gradsheet.checking.probes import Data
from gradsheet.checking.relations import Seen, constant_factor, relation
from gradsheet.checking.result import Check, Row
from gradsheet.checking.returned import Returned, array_again, equal
from gradsheet.checking.rounding import FEW_BITS, unit_roundoff, within
from gradsheet.checking.subject import Misbehaved, Subject
from gradsheet.checking.truth import ErrorBounds
from gradsheet.language.functions import facts_of
from manual.activations import Array

MOST_SINGLE = 64  # examples that are tried one at a time


def run_trial(subject: Subject, prepared: Prepared, at_zero: float | None) -> "Trial":
    """Check a function once, in one layout and one reading of its answers."""
    trial = Trial(subject, prepared, at_zero)
    trial.run()
    return trial


class Trial:
    """One check of one function in one layout.

    `run` calls it and judges what it answers; `find_causes` explains what is
    wrong. `check` is what came out; `answers` has one a probe, or is empty where
    the function did not answer the first time.
    """

    def __init__(self, subject: Subject, prepared: Prepared, at_zero: float | None):
        self.subject, self.prepared, self.asked = subject, prepared, prepared.asked
        self.at_zero = at_zero
        self.comparison = TruthComparison(prepared, subject.given)
        self.answers: list[Returned | None] = []
        network = self.asked.network
        title = f"{'-'.join(map(str, network.widths))}; {network.reading(kinks=False)}"
        self.check = Check(title, probes=list(prepared.probes))

    def run(self) -> None:
        """Call the function at all probes, and judge what it answers."""
        first = self._answer(self.prepared.probes[0], "")
        if first is not None:
            self._say_how_it_is_read(first)
            self._try_again(first)
            self._judge(first)
            self._judge_kinks()
        self.check.faults = [*self.subject.faults]

    # What it answers

    def _answer(self, data: Data, where: str) -> Returned | None:
        try:
            return self.subject(data)
        except Misbehaved as error:
            self.subject.accuse(f"{error}{where}")
            return None

    def _say_how_it_is_read(self, first: Returned) -> None:
        assumed, given = self.check.assumed, self.subject.given
        if self.subject.inputs_first:
            assumed.append("fn takes W as (inputs, units)")
        assumed += first.assumed
        if given != self.subject.dtype:
            assumed.append(f"fn gets {given}, which array makes of {self.subject.dtype}")
        labels: dict[str, list[str]] = {}
        for name, dtype in first.types.items():
            if name != "L" and dtype != given and name not in first.faults:
                labels.setdefault(dtype, []).append(self.asked.label(name))
        for dtype, arrays in labels.items():
            which = "gradients" if len(arrays) == len(self.asked.shapes) else ", ".join(arrays)
            assumed.append(f"{which} as {dtype}, {given} is given")

    def _try_again(self, first: Returned) -> None:
        """Answer at all probes, and again at the first: an answer that changes
        is a fault."""
        probes = self.prepared.probes
        copies = [
            None if (array := array_again(original)) is None else array.copy()
            for original in first.originals
        ]
        again = self._answer(probes[0], ", when it is called a second time")
        self._expect_same(first, again, "it returns other answers the second time")
        self.answers = [first]
        for number, data in enumerate(probes[1:], 2):
            self.answers.append(self._answer(data, f", at probe {number}"))
        self._expect_readable(first, copies)
        if len(probes) > 1 and again is not None and not self.subject.faults:
            later = self._answer(probes[0], ", after other data")
            words = "it keeps something between calls, its answer changes after other data"
            self._expect_same(first, later, words)

    def _expect_readable(self, first: Returned, copies: Sequence[Array | None]) -> None:
        """Whether what the function returned first is still there."""
        arrays = zip(map(array_again, first.originals), copies, strict=True)
        pairs = [(a, b) for a, b in arrays if a is not None and b is not None]
        if len(pairs) < len(copies):
            self.subject.accuse("what it returned cannot be read a second time")
        elif not all(itertools.starmap(equal, pairs)):
            self.check.assumed.append(
                "it returns the same arrays every time, and overwrites what it returned before"
            )

    def _expect_same(self, one: Returned, two: Returned | None, words: str) -> None:
        """A fault where two answers to the same differ by more than rounding."""
        if two is None or any(words in fault for fault in self.subject.faults):
            return
        for name, a in one.arrays.items():
            label, b = self.asked.label(name), two.arrays.get(name)
            if b is None:
                self.subject.accuse(f"{words}: nothing for {label}")
                return
            differ = ~within(a, b, 2 * self.comparison.errors(0, one, name)[0])
            if differ.any():
                at = tuple(map(int, np.argwhere(differ)[0]))
                before, after = distinct_digits(a[at], b[at])
                text = f"{words}: {label}{in_brackets(at)} is {before}, then {after}"
                if np.array_equal(b, 2 * a):
                    text += "; does it add to what it kept?"
                self.subject.accuse(text)
                return

    # What is right

    @property
    def coarsest(self) -> str:
        """The coarsest type of floats that the answers came in, or the
        arguments were given in."""
        answers = [answer for answer in self.answers if answer is not None]
        dtype = self.comparison.dtype
        return coarsest(dtype(answer, name) for answer in answers for name in answer.types)

    @property
    def roundoff(self) -> float:
        """The unit roundoff of the answers; float32's for fewer bits, in which
        probes are exact or say nothing."""
        return min(unit_roundoff(self.coarsest), unit_roundoff("float32"))

    def _judge(self, first: Returned) -> None:
        check, exact_everywhere = self.check, True
        answers = [(n, answer) for n, answer in enumerate(self.answers) if answer is not None]
        for name in self.asked.order():
            if name not in first.types and name == "L":
                continue
            missing = next((answer for _, answer in answers if name not in answer.arrays), None)
            if missing is not None:
                fault = missing.faults.get(name, "is missing")
                row = Row(self.asked.label(name), "no", None, fault)
            else:
                row = self.comparison.worst(name, answers)
                exact_everywhere &= all(
                    self.comparison.errors(probe, answer, name)[1] or self.prepared.is_extra(probe)
                    for probe, answer in answers
                )
            if row.exact == "no" and (text := relation(self._seen(name))):
                row.where += f"; {text}"
                if name != "L":
                    check.relations[row.name] = text
            check.rows.append(row)
            if name == "L" and row.exact == "no":
                # It is said before any step is accused.
                check.loss = f"your loss is not this network's: {row.where}"
        check.tried = self._tried(exact_everywhere)

    def _seen(self, name: str) -> list[Seen]:
        """An array at all probes, beside the right one; nothing where it is not
        at all of them."""
        seen = []
        for probe, answer in enumerate(self.answers):
            if answer is None or name not in answer.arrays:
                return []
            truth, array = self.prepared.truths[probe], answer.arrays[name]
            dtype = self.comparison.dtype(answer, name)
            examples = self.prepared.examples[probe]
            others = {}
            for other in self.asked.shapes:
                if other != name and truth.values[other].shape == array.shape:
                    others[self.asked.label(other)] = truth.values[other]
            seen.append(
                Seen(
                    array,
                    truth.values[name],
                    self.comparison.likely(probe, dtype, name) + truth.errors[name],
                    0.0 if dtype in FEW_BITS else unit_roundoff(dtype),
                    by_name(self.prepared.probes[probe].params).get(name),
                    None if examples is None else examples[name],
                    others,
                )
            )
        return seen

    @property
    def is_scaled(self) -> bool:
        """Whether the loss or the last layer's gradient is off by a factor."""
        names = ("L", f"W{self.asked.network.depth}")
        arrays = [self._seen(name) for name in names if name in self.asked.order()]
        return any(seen and constant_factor(seen) is not None for seen in arrays)

    def is_right_for(self, other: ParameterGradients) -> bool:
        """Whether the answers are those to another question, at the same
        numbers and to what floats likely err by."""
        pairs = zip(self.answers, self.prepared.probes, strict=True)
        return bool(self.answers) and all(
            answer is not None and not self._off(answer, other, data, 2) for answer, data in pairs
        )

    def _off(
        self, answer: Returned, asked: ParameterGradients, data: Data, factor: float
    ) -> list[str]:
        """The arrays that are off by more than floats likely err, times a factor."""
        right, bounds, names = asked.by(manual, data), ErrorBounds(asked, data), []
        for name, array in answer.arrays.items():
            errors, _ = bounds.of(self.comparison.dtype(answer, name), sharp=True)
            if not (abs(array - right[name]) <= factor * errors[name]).all():
                names.append(name)
        return names

    def _tried(self, exact: bool) -> str:
        prepared, probes, whole = self.prepared, self.prepared.probes, self.prepared.whole
        text = f"data of your own, {len(probes[0].x)} examples"
        if prepared.is_drawn:
            text = f"{whole} probes of small numbers"
        judged = "judged to the forward error bound of floats"
        text += f", {'at which floats round nothing' if exact else judged}"
        if prepared.is_drawn and len(probes) > whole:
            text += ", and one of fractions"
        text += f"; the truth {prepared.truths[0].witnesses}; {self._coverage()}"
        if prepared.shown:
            every = "" if prepared.hidden else "all "
            text += f"; {every}{prepared.shown} mistakes of the catalogue show"
            if prepared.hidden:
                text += f", {prepared.hidden} more change no gradient"
        return text

    def _coverage(self) -> str:
        """Where the right answer is 0, it does not show what is left out."""
        covered, every = self.prepared.covered
        at_all = " at all of them" if len(self.prepared.probes) > 1 else ""
        if covered == every:
            return f"none of the {every:,} entries of the true answer is 0{at_all}"
        few = f"{every - covered:,} of the {every:,} entries of the true answer are 0 to floats"
        return f"{few}{at_all}, where no omission shows"

    # At a kink

    def _judge_kinks(self) -> None:
        """What is taken for f'(0), where everything else is right."""
        if not self.prepared.corners or self.check.wrong:
            return
        taken: list[tuple[str, int, float]] = []
        for corner in self.prepared.corners:
            answer = self._answer(corner.data, f", where z{corner.layer} is 0")
            if answer is None:
                return
            value = self._derivative(corner, answer)
            if wrong := self._wrong_at(corner, value):
                self.check.kink = Row("at z = 0", "no", None, wrong)
                return
            assert value is not None
            taken.append((corner.f, corner.layer, value))
        self.check.kink = Row("at z = 0", "yes", None, at_once(taken))

    def _derivative(self, corner: Corner, answer: Returned) -> float | None:
        """What was taken for f'(0); None where no value gives the answer."""
        if not self.asked.shapes.keys() <= answer.arrays.keys():
            return None
        arrays = {name: answer.arrays[name] for name in self.asked.shapes}
        errors, _ = corner.bounds.of(self.coarsest)
        return corner.derivative(arrays, LOOSE * self.roundoff, errors)

    def _wrong_at(self, corner: Corner, value: float | None) -> str:
        words = f"{corner.f}'(0) in layer {corner.layer}"
        if value is None:
            return f"no value of {words} gives this answer"
        if not is_between(value, corner.below):
            return f"{words} is {value:.6g}, beyond both slopes"
        if self.at_zero is not None and facts_of(corner.f).dead and value != self.at_zero:
            return f"{words} is {value:.6g}, expected {self.at_zero:.6g}"
        return ""

    # Why it is wrong

    def find_causes(self) -> None:
        """Find the steps that break and the mistakes that give the answer,
        where it is told to be wrong by more than coarser floats err."""
        rows = self.check.rows
        untold = any(row.exact == "untold" for row in rows)
        if untold or self.check.faults or all(row.is_right or row.coarse for row in rows):
            return
        answers = [answer for answer in self.answers if answer is not None and not answer.faults]
        if len(answers) < len(self.answers):
            return
        if self.asked.what == "gradients":
            self._find_steps(self.check.wrong)
        if evidence := self._evidence(answers):
            self.check.naming = MistakeSearch(evidence, self.asked.order()).run()

    def _evidence(self, answers: Sequence[Returned]) -> list[Evidence]:
        evidence = []
        for probe, simulations in enumerate(self.prepared.simulations):
            arrays = answers[probe].arrays
            errors = {
                name: self.comparison.errors(probe, answers[probe], name)[0] for name in arrays
            }
            for simulation, mistaken in simulations:
                answer, off = mistaken.of_answer(arrays), mistaken.of_answer(errors)
                evidence.append(Evidence(simulation, mistaken, answer, off, self.roundoff))
        return evidence

    def _find_steps(self, wrong: list[str]) -> None:
        """From single examples; where these are right, their sum is wrong."""
        probes = self.prepared.probes
        examples = (data.alone(n) for data in probes for n in range(len(data.x)))
        if (singly := self._tried_singly(itertools.islice(examples, MOST_SINGLE))) is None:
            return
        check, (broken, off) = self.check, singly
        # What is right in the batch is right: its step may look broken where something is
        # clipped, or nearly 0.
        steps = [step for step in broken if step.gives[4] == "z" or step.gives in wrong]
        steps.sort(key=lambda step: (-int(step.gives[5:]), "zWb".index(step.gives[4])))
        check.steps = steps
        gradients = [name for name in wrong if name != "L"]
        given = {step.gives for step in steps}
        check.follows = [name for name in gradients if name in off - given]
        clear = {row.name for row in check.rows if row.is_clear}
        together = [name for name in gradients if name not in off and name in clear]
        if (
            together
            and (self.asked.network.examples or 1) > 1
            and sum(len(data.x) for data in probes) <= MOST_SINGLE
            and not self._is_at_kink()
        ):
            are = "are" if len(together) > 1 else "is"
            check.remarks.append(
                f"{', '.join(together)} {are} right one example at a time: what is wrong is "
                "how examples are put together"
            )

    def _tried_singly(self, examples: Iterable[Data]) -> tuple[list[BrokenStep], set[str]] | None:
        """The steps that break at examples of their own, and the arrays that
        are wrong there; None where the function does not answer at one."""
        single = replace(self.asked.network, examples=1)
        alone = replace(self.subject, asked=ParameterGradients(single), words=None)
        accuracy = 1e-9 if self.coarsest == "float64" else 1e-3
        broken: dict[BrokenStep, None] = {}
        off: set[str] = set()
        for data in examples:
            try:
                answer = alone(data)
            except Misbehaved:
                return None
            if answer.faults or not all(np.isfinite(a).all() for a in answer.arrays.values()):
                return None
            broken |= dict.fromkeys(broken_steps(single, data, answer.arrays, accuracy))
            off |= {self.asked.label(name) for name in self._off(answer, alone.asked, data, 1)}
        return list(broken), off

    def _is_at_kink(self) -> bool:
        """Whether a z is exactly 0 at some probe."""
        activations = self.asked.network.activations
        zs = (manual.forward(d.params, d.x, activations).z for d in self.prepared.probes)
        return any((z == 0).any() for z in itertools.chain.from_iterable(zs))
