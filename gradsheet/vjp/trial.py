"""A rule at arguments of some shapes: called at the probes, and judged."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from gradsheet.checking.returned import plain_array, type_name
from gradsheet.checking.rounding import BITS, float_type
from gradsheet.checking.subject import Misbehaved, in_one_line
from gradsheet.vjp.calling import Answer, Rule, rule_of
from gradsheet.vjp.comparing import Observed, covered, forward_fault, judged
from gradsheet.vjp.kinks import Asked, AtKinks, at_kinks_of
from gradsheet.vjp.naming import named
from gradsheet.vjp.probes import probes, structure_of
from gradsheet.vjp.program import Leaf, Traced, function_name, program_of, with_marks
from gradsheet.vjp.result import Judged, VJPCheck
from gradsheet.vjp.truth import NoTruth, Probe, ProbeTruth, same_values, truth_at
from manual.activations import Array

_DRAWN = """f draws random numbers, and others in float64 than in float32: draw them before, and
give f what was drawn""".replace("\n", " ")
UNSEARCHED = "the mistake cannot be looked for"
_FORMS = {
    "backward": "backward pass",
    "pair": "forward and backward pass",
    "torch_function": "torch function",
    "jvp": "forward rule",
    "rules": "derivative rule",
}


@dataclass(eq=False)
class RuleTrial:
    """A rule, the numbers that the caller gave for its arguments, and what is
    asked at kinks; which of those asked for may be settings; f itself, `plain`,
    where another derivative is intended than its own; what was seen at the
    probes, and those that had to be left out."""

    rule: Rule
    example: list[Array]
    at_kinks: AtKinks
    optional: list[bool]
    plain: Traced | None = None
    seen: list[Observed] = field(default_factory=list, init=False)
    left_out: list[str] = field(default_factory=list, init=False)

    def run(self, cotangents: Any, before: int = 0) -> None:
        """Call the rule at the probes, and once more at the first; so many probes
        of the check were `before`.

        Raises ValueError where none of them has a truth, the cotangents do not
        fit, or what is intended has other values than f.
        """
        rule, program = self.rule, self.rule.program
        closed = program.pushforward if rule.is_forward else program.pullback
        own = None if cotangents is None else self._cotangents(cotangents)
        with contextlib.suppress(Misbehaved):  # which is among its faults
            for k, probe in enumerate(probes(program, [self.example], rule.given)):
                if own is not None and k == 0:
                    probe = Probe(probe.inputs, own, probe.words)
                if self.plain is not None and not same_values(self.plain, program, probe):
                    raise ValueError(f"intended gives other values than f at {probe.words}")
                try:
                    truth = truth_at(program, closed, probe, forward=rule.is_forward)
                except NoTruth:
                    self.left_out.append(probe.words)
                    continue
                self._call(truth, before + len(self.seen) + 1)
            if self.seen and not _are_same(rule(self.seen[0].truth.probe), self.seen[0].answer):
                rule.accuse("called again with the same numbers it gives another answer")
        if not self.seen and not rule.faults:
            raise ValueError("at no probe are all numbers finite: give numbers at which they are")

    def _call(self, truth: ProbeTruth, number: int) -> None:
        answer = self.rule(truth.probe)
        types = [name for name in answer.types.values() if name in BITS]
        coarsest = min([*types, self.rule.dtype], key=BITS.__getitem__)
        self.seen.append(Observed(truth, answer, coarsest, number))

    def _cotangents(self, tree: Any) -> list[Array]:
        expected = [leaf.shape for leaf in self.rule.given]
        arrays = [plain_array(leaf) for leaf in jax.tree.leaves(tree)]
        if [a.shape for a in arrays] != expected:
            found = ", ".join(str(a.shape) for a in arrays) or "none"
            raise ValueError(f"cotangents have the shapes {found}, expected {expected}")
        return [_in_type(a, self.rule.dtype) for a in arrays]

    def check(self) -> VJPCheck:
        """What was found. Raises ValueError where f draws other random numbers
        than the rule may."""
        rule, leaves = self.rule, self.rule.wanted
        name, shapes = self._name(), self._shapes()
        check = VJPCheck(
            f"{_FORMS[rule.kind]} {name}: {shapes}; {rule.dtype}",
            rule=name,
            probes=[one.truth.probe for one in self.seen],
        )
        if self.seen:
            check.coverage = self._coverage(leaves)
            for k, leaf in enumerate(leaves):
                if self._is_setting(k):
                    check.arguments.append(Judged(leaf.name, "right", None))
                    check.remarks.append(f"{leaf.name}: no gradient is given, as of a setting")
                    continue
                row, remarks = judged(self.seen, k, leaf.name, self.at_kinks)
                check.arguments.append(row)
                check.remarks += remarks
            forward_fault(rule, self.seen)
        check.remarks += self._not_judged()
        types = {name for one in self.seen for name in one.answer.types.values()} - {rule.dtype}
        for leaf, array in zip(rule.program.inputs, self.example, strict=True):
            if leaf.is_float and (structure := structure_of(array)):
                check.remarks.append(f"{leaf.name} is {structure} as given, and stays so")
        if types:
            returned = ", ".join(sorted(types))
            check.remarks.append(f"it is given {rule.dtype}, and returns {returned}")
        check.faults += rule.faults
        is_wrong = any(row.verdict == "wrong" for row in check.arguments)
        if is_wrong and rule.kind != "rules" and rule.program.draws_otherwise(self.example):
            raise ValueError(_DRAWN)
        off = [
            k
            for k, row in enumerate(check.arguments)
            if row.verdict in ("wrong", "rounded") and not self._is_unreadable(k)
        ]
        if off:
            try:
                check.mistakes = named(rule, self.seen, off, is_wrong=is_wrong)
            except Exception as error:  # the verdict stands
                check.remarks.append(f"{UNSEARCHED}: {in_one_line(error)}")
        return check

    def _not_judged(self) -> list[str]:
        """What is said of arguments without a derivative."""
        kinds: dict[str, list[str]] = {}
        for leaf in self.rule.program.inputs:
            if not leaf.is_float:
                words = "true or false" if leaf.dtype == bool else "whole numbers"
                kinds.setdefault(words, []).append(leaf.name)
        return [f"{', '.join(names)}: {words}, not judged" for words, names in kinds.items()]

    def _is_setting(self, k: int) -> bool:
        """Whether a number that is no array has no gradient at any probe."""
        answers = [one.answer for one in self.seen]
        is_none = all(a.asked[k] is None and not a.faults for a in answers)
        return not self.rule.is_forward and self.optional[k] and is_none

    def _is_unreadable(self, k: int) -> bool:
        """Whether there is something in place of an array."""
        name = self.rule.wanted[k].name
        return any(one.answer.asked[k] is None and name in one.answer.faults for one in self.seen)

    def _name(self) -> str:
        """What the rule is called, and the function that it belongs to."""
        rule, own = self.rule, self.plain or self.rule.program
        name, of = ", ".join(own.ruled), function_name(own.f)
        if rule.kind != "rules":
            name = function_name(rule.fn[1] if rule.kind == "pair" else rule.fn)
        return f"{name} of {of}" if name != of else name

    def _shapes(self) -> str:
        return ", ".join(
            f"{leaf.name} {'x'.join(map(str, leaf.shape)) or 'a number'}"
            for leaf in self.rule.program.inputs
        )

    def _coverage(self, leaves: Sequence[Leaf]) -> str:
        kinds = [one.truth.probe.words for one in self.seen]
        total, zeros = covered(self.seen, leaves)
        exact = sum(one.is_exact for one in self.seen)
        words = f"{len(kinds)} probes: {', '.join(kinds)}; {_rounding(exact, len(kinds))}; "
        some = f"{zeros:,} of the {total:,} entries" if zeros else "no entry"
        words += f"{some} of the true answer {'are' if zeros > 1 else 'is'} 0 at all of them"
        if self.left_out:
            words += f"; left out, since a number is not finite: {', '.join(self.left_out)}"
        return words


def _rounding(exact: int, count: int) -> str:
    """At how many of the probes floats are exact."""
    if not exact:
        return "floats round at each"
    return "floats round nothing" + (f" at {exact} of them" if exact < count else "")


def trial_of(
    f: Callable[..., Any],
    given: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    forms: Mapping[str, Any],
    wrt: Any,
    dtype: str | None,
    at_kinks: str | Asked,
    intended: Callable[..., Any] | None,
) -> RuleTrial:
    """A trial of the rule that the caller gives; see `checking.check_vjp`."""
    given = with_marks(f, given, floats=forms["torch_function"] is not None)
    plain = None if intended is None else program_of(f, given, kwargs, wrt)
    program, asked_there = at_kinks_of(program_of(intended or f, given, kwargs, wrt), at_kinks)
    if plain is not None and plain.outputs != program.outputs:
        raise ValueError("intended returns arrays of other names, shapes or types than f")
    like = jax.tree.leaves(given)
    names = [type_name(like[k]) for k in program.asked if hasattr(like[k], "dtype")]
    dtype = dtype or next((name for name in names if name in BITS), "float64")
    if dtype not in BITS:
        raise ValueError(f"dtype is {dtype!r}, expected one of {', '.join(BITS)}")
    example = []
    for value, leaf in zip(like, program.inputs, strict=True):
        array = plain_array(value)
        example.append(_in_type(array, dtype) if leaf.is_float else array.astype(leaf.dtype))
    rule = rule_of(plain or program, forms, program, like, dtype)
    numbers = [isinstance(like[k], float) and wrt is None for k in program.asked]
    return RuleTrial(rule, example, asked_there, numbers, plain)


def _in_type(array: Array, dtype: str) -> Array:
    """Numbers as a type holds them, in float64."""
    return np.asarray(array.astype(float_type(dtype)).astype(np.float64))


def _are_same(one: Answer, two: Answer) -> bool:
    return all(
        a is b if a is None or b is None else np.array_equal(a, b, equal_nan=True)
        for a, b in zip(one.asked, two.asked, strict=True)
    )
