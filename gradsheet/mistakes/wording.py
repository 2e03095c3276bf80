"""The formulas that the steps of a program stand for, as mistakes are told in them."""

import math
from collections import Counter

from gradsheet.language.text import LEVELS, POSTFIX, POWER, SIGN, number_text, show_index
from gradsheet.network.lowering import LoweredStep, Program

MAX_WORDS = 40  # characters of a formula in a sentence
MAX_FORMULA = 1_000
SIGNS = {"add": " + ", "subtract": " - ", "multiply": "*", "divide": "/", "matmul": " @ "}


class Words:
    """The formulas that the steps of a program stand for."""

    def __init__(self, program: Program):
        self.program = program
        self._texts: dict[int, str] = {}
        self.uses = Counter(slot for step in program.steps for slot in step.inputs)
        self.names: dict[int, str] = {}  # of the slots that have one
        for name, place in program.places.items():
            self.names.setdefault(place.slot, name)
        for slot, step in enumerate(program.steps):
            if step.operation == "name":
                self.names[slot] = step.arguments["name"].split(" ")[0]
        self.owners: dict[int, str] = {}  # of every step the name whose definition it is part of
        self.shared: set[int] = set()  # the steps that are part of further definitions
        for slot, step in enumerate(program.steps):
            if step.operation == "name":
                self._own(slot, self.names[slot])

        self.beside: dict[str, set[int]] = {}  # the names in every definition, and its own
        for slot, owner in self.owners.items():
            slots = [i for i in (slot, *program.steps[slot].inputs) if i in self.names]
            self.beside.setdefault(owner, set()).update(slots)

    def _own(self, slot: int, name: str) -> None:
        waiting = [slot]
        while waiting:
            at = waiting.pop()
            if at in self.shared or (at != slot and at in self.names):
                continue
            if self.owners.get(at) == name:
                continue
            if at in self.owners:
                self.shared.add(at)
            self.owners.setdefault(at, name)
            waiting += self.program.steps[at].inputs

    def of(self, slot: int) -> str:
        """The formula of a step, or its name; of a very long one how it begins."""
        waiting = [] if slot in self._texts else [slot]
        while waiting:  # deeper than Python's stack
            at = waiting[-1]
            inputs = () if at in self.names else self.program.steps[at].inputs
            if unknown := [other for other in inputs if other not in self._texts]:
                waiting += unknown
                continue
            text = self.names.get(at) or self._formula(self.program.steps[at])
            self._texts[waiting.pop()] = text[:MAX_FORMULA]
        return self._texts[slot]

    def _formula(self, step: LoweredStep) -> str:
        parts = [self.of(other) for other in step.inputs]
        match step.operation:
            case "constant":
                return number_text(step.arguments["value"]) if not step.shape else "[...]"
            case "matmul":
                return " @ ".join(map(self._factor, step.inputs))
            case "add" | "subtract" | "multiply" | "divide":
                if terms := self.terms_of_mean(step):
                    return self._mean(step, len(terms))
                one, two = step.inputs
                sign = SIGNS[step.operation]
                least = LEVELS[sign.strip()]
                return self._part(one, least) + sign + self._part(two, least + 1)
            case "negative":
                return "-" + self._part(step.inputs[0], POWER)
            case "power":
                exponent = step.arguments["exponent"]
                power = str(exponent) if isinstance(exponent, int) else f"({exponent})"
                return f"{self._part(step.inputs[0], POSTFIX)}**{power}"
            case "function":
                return f"{step.arguments['name']}({parts[0]})"
            case "maximum" | "minimum":
                return f"{step.operation[:3]}({', '.join(parts)})"
            case "where":
                left, right, *rest = parts
                shown = f"{left} {step.arguments['relation']} {right}"
                return f"where({', '.join([shown, *rest])})"
            case "total" | "largest" | "smallest":
                (slot,) = step.inputs
                inner = self.program.steps[slot]
                if slot not in self.names and inner.operation == step.operation:
                    return parts[0]  # over several letters there is one behind the other
                name = {"total": "sum", "largest": "max", "smallest": "min"}[step.operation]
                return f"{name}({parts[0]})"
            case "take" if not step.shape and (index := step.arguments["index"]):
                return parts[0] + show_index(tuple(int(at) + 1 for at in index))
            case "transpose" | "reshape" | "stretch" | "take":
                return parts[0]
            case "jacobian":
                return f"d{parts[0]}/d{parts[1]}"
        return f"{step.operation}({', '.join(parts)})"

    def _mean(self, step: LoweredStep, letters: int) -> str:
        slot = step.inputs[0]
        for _ in range(letters):
            (slot,) = self.program.steps[slot].inputs
        return f"mean({self.of(slot)})"

    def terms_of_mean(self, step: LoweredStep) -> list[int]:
        """How many terms a mean has, over one letter after the other, the
        outermost first; none where a step is no mean."""
        if step.operation != "divide":
            return []
        steps, (slot, by) = self.program.steps, step.inputs
        if steps[by].operation == "reshape":
            (by,) = steps[by].inputs
        if steps[by].operation != "constant" or steps[by].shape:
            return []
        value, terms = steps[by].arguments["value"], list[int]()
        while steps[slot].operation == "total" and math.prod(terms) != value:
            (inner,) = steps[slot].inputs
            terms.append(math.prod(steps[inner].shape) // math.prod(steps[slot].shape))
            if (slot := inner) in self.names:
                break
        return terms if terms and math.prod(terms) == value else []

    def short(self, slot: int) -> str:
        """The same, as it stands in a sentence."""
        text = self.of(slot)
        return text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 3] + "..."

    def _factor(self, slot: int) -> str:
        """The formula as a factor of a matrix product, where a transpose is one
        that somebody has written."""
        text, steps = self._part(slot, LEVELS["@"] + 1), self.program.steps
        while slot not in self.names and steps[slot].operation == "reshape":
            (slot,) = steps[slot].inputs
        if slot not in self.names and steps[slot].operation == "transpose":
            return text + ".T"
        return text

    def _part(self, slot: int, least: int) -> str:
        """The formula as a part of another that holds together at least so tightly."""
        text = self.of(slot)
        while slot not in self.names:
            step = self.program.steps[slot]
            if step.operation not in ("transpose", "reshape", "stretch", "take"):
                holds = _holds(step)
                return text if holds >= least else f"({text})"
            (slot,) = step.inputs
        return text


def _holds(step: LoweredStep) -> int:
    """How tightly the formula of a step holds together."""
    if step.operation in SIGNS:
        return LEVELS[SIGNS[step.operation].strip()]
    return {"negative": SIGN, "power": POWER}.get(step.operation, POSTFIX)
