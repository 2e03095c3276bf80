"""How much work a sweep in floats is, from its steps alone: where there are few
variants it is NumPy's calls that take the time, however small the arrays are."""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gradsheet.network.lowering import Program
from gradsheet.numbers.budget import FLOATS

FORWARD, BACK = 2, 6  # operations of a step on floats, besides those of its numbers
DUAL = 1 / 2  # of a dual number; one of the next level has three times as many parts


@dataclass(eq=False)
class FloatWork:
    """What the steps of a program cost in floats."""

    program: Program
    _of_steps: dict[tuple[int, bool, int, int], float] = field(default_factory=dict, init=False)

    @functools.cached_property
    def forward(self) -> float:
        """The operations of all steps, forward."""
        return self.through(range(len(self.program.steps)), back=False)

    @functools.cached_property
    def back(self) -> float:
        """The operations of all steps, back from one entry."""
        return self.through(range(len(self.program.steps)), back=True)

    def through(
        self, slots: Iterable[int], *, back: bool, level: int = 0, variants: int = 1
    ) -> float:
        """The operations of some steps, with so many infinitesimals: numbers that
        move do so one by one, in every variant."""
        return sum(self._of(slot, back, level, variants) for slot in slots)

    def _of(self, *key: Any) -> float:
        if key not in self._of_steps:
            self._of_steps[key] = self._find(*key)
        return self._of_steps[key]

    def _find(self, slot: int, back: bool, level: int, variants: int) -> float:
        program, step = self.program, self.program.steps[slot]
        numbers = variants * program.work_of(slot)
        work = BACK + numbers / FLOATS if back else FORWARD
        if level:
            work += DUAL * 3 ** (level - 1) * numbers
        if step.is_derivative:
            # It looks back itself, from every entry; back from there goes a sweep that moves.
            of, *by = step.inputs
            ways = [(True, level + back)] + [(False, level + 1)] * back
            within = program.between(by, of)
            each = (
                self.through(within, back=way, level=deep, variants=variants) for way, deep in ways
            )
            work += math.prod(program.steps[of].shape) * sum(each)
        return work
