"""Which entries of which tensor of the pass a claimed quantity speaks of."""

import math
from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from gradsheet.language import formula as f
from gradsheet.language.evaluate import Evaluator
from gradsheet.truth.values import Index, Tensor, Values


def core_of(tree: f.Node, rate: Any) -> tuple[Any, f.Quantity | f.Derivative] | None:
    """A quantity or derivative and its factor, where a formula is nothing else:
    -dL/dz1, learning_rate*dL/dW1[1,1]."""
    match tree:
        case f.Quantity("learning_rate"):  # it is given, and stands nowhere in the pass
            return None
        case f.Quantity() | f.Derivative():
            return Fraction(1), tree
        case f.Negative(operand):
            inner = core_of(operand, rate)
            return inner and (-inner[0], inner[1])
        case f.Chain(operators, operands) if {*operators} == {"*"}:
            constants = [_constant(part, rate) for part in operands]
            cores = [part for part, c in zip(operands, constants, strict=True) if c is None]
            scale = math.prod(c for c in constants if c is not None)
            if scale and len(cores) == 1 and (inner := core_of(cores[0], rate)):
                return scale * inner[0], inner[1]
    return None


def _constant(tree: f.Node, rate: Any) -> Any:
    match tree:
        case f.Number(printed):
            return printed.value
        case f.Quantity("learning_rate"):
            return rate
        case f.Negative(operand):
            inner = _constant(operand, rate)
            return None if inner is None else -inner
    return None


def entries_of(
    core: f.Quantity | f.Derivative, point: Values, binding: Mapping[str, int]
) -> tuple[Tensor, list[Index]]:
    """The tensor that a quantity speaks of, and its entries there in the order
    of the quantity's own."""
    question = "entries", core, *binding.items()
    return point.found(question, lambda: _entries_of(core, point, binding), lambda it: len(it[1]))


def _entries_of(
    core: f.Quantity | f.Derivative, point: Values, binding: Mapping[str, int]
) -> tuple[Tensor, list[Index]]:
    evaluator = Evaluator(point)

    def one(quantity: f.Quantity) -> tuple[str, list[Index]]:
        name, indices = evaluator.named(quantity, binding, ("L",))
        name = point.network.canonical(name)
        shares = point.network.shares if name == "shares" else None
        shape = point.network.shapes[name] if shares is None else (shares,)
        fixed = evaluator.positions(shape, indices, binding, name)
        return name, [fixed + index for index in np.ndindex(tuple(shape[len(fixed) :]))]

    if isinstance(core, f.Quantity):
        return one(core)
    (of, of_entries), (by, by_entries) = one(core.of), one(core.by)
    return (of, by), [a + b for a in of_entries for b in by_entries]


def _overlap(a: f.Quantity, b: f.Quantity, network: Any, same: Collection[str]) -> bool:
    """Whether two quantities may have an entry in common; L and its shares L[k] have none."""
    if network.canonical(a.name) != network.canonical(b.name) or (
        a.name == "L" and bool(a.indices) != bool(b.indices)
    ):
        return False
    return all(_may_meet(i, j, same) for i, j in zip(a.indices, b.indices, strict=False))


def _may_meet(i: f.Index, j: f.Index, same: Collection[str]) -> bool:
    """Whether two indices have a value in common, where some letters are the same in both."""
    if isinstance(i, int) and isinstance(j, int):
        return i == j
    if isinstance(i, int) or isinstance(j, int):
        return True
    one, two = f.linear(i), f.linear(j)
    if one is None or two is None or not {*one, *two} <= {"", *same}:
        return True
    apart = {name: one.get(name, 0) - two.get(name, 0) for name in (*one, *two)}
    return not apart.pop("", 0) or any(apart.values())


def mentions(line: f.Node, quantity: f.Node, network: Any) -> bool:
    """Whether a line of working names a quantity, or an entry that the quantity may have, too."""
    if not isinstance(quantity, f.Quantity | f.Number) and quantity in {*f.parts(line)}:
        return True
    while isinstance(quantity, f.Negative):
        quantity = quantity.operand
    # The ends of a derivative are quantities in the tree, too, but their values do not enter.
    ends = {
        id(end)
        for part in f.walk(line)
        if isinstance(part, f.Derivative)
        for end in (part.of, part.by)
    }
    derivatives = [part for part in f.walk(quantity) if isinstance(part, f.Derivative)]
    # h[t-1] is never h[t], but it may be where a sum in the line runs over a t of its own.
    bound = {part.letter.name for part in f.walk(line) if isinstance(part, f.Sum)}
    same = quantity.letters - bound
    for part in f.walk(line):
        if isinstance(part, f.Derivative):
            if any(
                _overlap(part.of, d.of, network, same) and _overlap(part.by, d.by, network, same)
                for d in derivatives
            ):
                return True
        elif (
            isinstance(part, f.Quantity)
            and isinstance(quantity, f.Quantity)
            and id(part) not in ends
            and _overlap(part, quantity, network, same)
        ):
            return True
    return False
