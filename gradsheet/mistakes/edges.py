"""Every mistake that can be made on the way back through a network: at one step,
everywhere in a definition, at every step of a recurrence."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gradsheet.mistakes.catalogue import KINDS
from gradsheet.mistakes.operations import MOVES, Edge, Made, Use, nothing
from gradsheet.mistakes.wording import Words
from gradsheet.network.graph import Graph
from gradsheet.network.lowering import Program
from gradsheet.truth.sweep import Edit

HINTS = KINDS | {"input": "which factor enters", "weights": "whether a matrix is turned"}
MOST = 4_000  # that are tried one by one
MAX_HELD = 12  # names of which two at once are held constant


@dataclass(frozen=True, eq=False)
class StepMistake:
    """A mistake made in one place, or at every step of a recurrence: edits of
    the way back, or the `graph` that somebody has carried out instead, with so
    many `changes` to formulas."""

    code: str
    kind: str
    text: str
    hint: str
    edits: Mapping[Edge, Edit] = field(default_factory=dict)
    graph: Graph | None = None
    changes: int = 1

    layers = ()  # it belongs to none

    @property
    def mistake(self) -> "StepMistake":
        """What it is an instance of, which is itself."""
        return self

    @property
    def rarity(self) -> int:
        """0 where people make it, at one place or at two; more where hardly
        anybody does, or not in so many formulas at once."""
        return max(self.changes - 2, int(self.code in RARE))

    def excludes(self, other: "StepMistake") -> bool:
        """Whether the two cannot be made at once, or are one made twice in the same place."""
        if self.graph is not None or other.graph is not None:
            return True
        return not set(self.edits).isdisjoint(other.edits)


def step_mistakes(program: Program) -> list[StepMistake]:
    """Every mistake on the way back through a program, the likeliest first, and
    of one kind those nearest to what is given."""
    words, single = Words(program), list[tuple[str, str, StepMistake]]()
    for use in _uses(program, words):
        owner = words.owners.get(use.slot, "")
        for code, kind, text, edit in (*use.mistakes(), *_left_out(use, owner)):
            is_told = owner and use.slot not in words.shared
            at = f" on the way back from {owner}" if is_told else ""
            said = text if use.is_of_name or not at else f"{text},{at}"
            edits = {use.edge: edit}
            single.append((code, owner, StepMistake(code, kind, said, HINTS[kind] + at, edits)))
    made = _together(single) + _held(single)
    if len(single) <= MOST:
        made = [mistake for *_, mistake in single] + made
    return sorted(made, key=lambda mistake: LIKELY.index(mistake.code))


LIKELY = (
    "division-missing",
    "held-constant",
    "path-left-out",
    "slope-missing",
    "mask-missing",
    "sign-lost-back",
    "upstream-missing",
    "factor-missing",
    "exponent-missing",
    "sign-wrong-back",
    "counted-once",
    "operand-wrong",
    "argument-for-value",
    "value-for-slope",
    "slope-at-output",
    "slope-wrong",
    "softmax-diagonal",
    "softmax-sum-missing",
    "mask-inverted",
    "shared-equally",
    "transpose-missing",
    "division-twice",
    "mean-for-sum",
    "operand-other",
    "square-missing",
    "exponent-kept",
    "base-missing",
    "one-term",
)
RARE = LIKELY[LIKELY.index("mean-for-sum") :]


def _uses(program: Program, words: Words) -> Iterator[Use]:
    for slot, step in enumerate(program.steps):
        if step.is_derivative:
            continue
        for k, other in enumerate(step.inputs):
            if program.steps[other].operation != "constant":
                yield Use(program, words, slot, k)


def _left_out(use: Use, owner: str) -> Iterator[Made]:
    """A path left out, where there are others."""
    steps, words = use.program.steps, use.words
    step, to = steps[use.slot], steps[use.slot].inputs[use.k]
    if step.operation in ("name", *MOVES) or not owner:
        return
    others = [other for other in step.inputs if steps[other].operation != "constant"]
    if words.uses[to] > 1 or len(others) > 1:
        text = f"nothing comes back through {words.short(to)}"
        if to in words.names or words.uses[to] > 1:
            text = (
                f"what comes back to {words.short(to)} through {words.short(use.slot)} is left out"
            )
        yield "path-left-out", "chain", text, nothing


def _together(single: Sequence[tuple[str, str, StepMistake]]) -> list[StepMistake]:
    """The same mistake everywhere in a definition, and at every step of a recurrence."""
    alike: dict[tuple[str, str], list[tuple[str, StepMistake]]] = {}
    for code, owner, mistake in single:
        said = mistake.text
        if at := re.search(r"\[(\d+)\]$", owner):
            t = int(at[1])
            said = said.replace(f"[{t}]", "[t]").replace(f"[{t - 1}]", "[t-1]")
        alike.setdefault((code, said), []).append((owner, mistake))
    made = []
    for (code, said), several in alike.items():
        if len({edge for _, mistake in several for edge in mistake.edits}) < 2:
            continue
        first = several[0][1]
        text = said if said == first.text else f"{said}, at every step"
        edits = {edge: edit for _, mistake in several for edge, edit in mistake.edits.items()}
        hint = first.hint if said == first.text else re.sub(r"\[\d+\]$", "", first.hint)
        made.append(StepMistake(code, first.kind, text, hint, edits))
    return made


def _held(single: Sequence[tuple[str, str, StepMistake]]) -> list[StepMistake]:
    """Two names held constant at once."""
    held = [(owner, mistake) for code, owner, mistake in single if code == "held-constant"]
    made = []
    for (a, one), (b, two) in itertools.combinations(held[:MAX_HELD], 2):
        text = f"nothing comes back through {a} and {b}, as if they were constant"
        edits = {**one.edits, **two.edits}
        made.append(StepMistake(one.code, one.kind, text, HINTS[one.kind], edits))
    return made
