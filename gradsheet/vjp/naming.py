"""What a wrong array is of the right one."""

from collections.abc import Sequence

from gradsheet.checking.relations import Seen as Pair
from gradsheet.checking.relations import relation
from gradsheet.vjp.balls import radii
from gradsheet.vjp.calling import Rule
from gradsheet.vjp.comparing import BITS, Seen


def named(rule: Rule, seen: Sequence[Seen], wrong: Sequence[int]) -> list[str]:
    """Say what the wrong arrays are."""
    texts = []
    for k in wrong:
        pairs = [pair for one in seen if (pair := _pair(rule, one, k)) is not None]
        if len(pairs) == len(seen) and (text := relation(pairs)):
            texts.append(f"{rule.wanted[k].name}: {text}")
    return texts


def _pair(rule: Rule, one: Seen, k: int) -> Pair | None:
    array = one.array(k)
    if array is None:
        return None
    errors = radii(one.bounds(one.dtype).asked[k])
    others = {
        leaf.name: right
        for j, (leaf, right) in enumerate(zip(rule.wanted, one.right, strict=True))
        if j != k and right.shape == array.shape
    }
    parameter = None if rule.is_forward else one.truth.probe.inputs[rule.program.asked[k]]
    return Pair(array, one.right[k], errors, 2.0 ** -BITS[one.dtype], parameter, None, others)
