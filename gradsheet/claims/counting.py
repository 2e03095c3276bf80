"""The operations that judging a whole sheet takes, from its shapes and formulas
alone: counted before any is done."""

import math
from collections.abc import Iterator
from dataclasses import replace

from gradsheet.claims.comparison import has_own_kink
from gradsheet.claims.sheet import Claim, Sheet, SheetError
from gradsheet.language import formula as f
from gradsheet.language.evaluate import MAX_DOTS
from gradsheet.language.formula import NEW
from gradsheet.network.network import Network
from gradsheet.numbers.budget import DIGITS, MAX_OPERATIONS
from gradsheet.truth.point import length_of
from gradsheet.truth.probes import ALL_HEARD, LARGE, points_of
from gradsheet.truth.work import JAX, FormulaWork, PassWork

SMALL = 4  # bits of small whole numbers
DRAWN = 200  # operations of drawing a point, besides a pass or two through the network
PER_LINE = 20  # operations of comparing a line, whatever it says


def derived(sheet: Sheet) -> set[str]:
    """The nodes whose derivatives a sheet speaks of, or that are updated on the
    way to what it speaks of."""
    quantities = [
        part
        for tree in trees_of(sheet)
        for part in f.walk(tree)
        if isinstance(part, f.Derivative | f.Quantity)
    ]
    jax_of = {part.of.name for part in quantities if isinstance(part, f.Derivative)}
    named = [part.of if isinstance(part, f.Derivative) else part for part in quantities]
    jax_of |= {"shares" for part in named if part.name == "L" and part.indices}
    jax_of |= {"L" for part in named if part.name == "L" or part.name.endswith(NEW)}
    jax_of |= {part.name for part in named if part.name == f"L{NEW}"}
    return jax_of - {"shares"} if sheet.network.loss is None else jax_of


def trees_of(sheet: Sheet) -> Iterator[f.Node]:
    """Every formula of the claims that can be read."""
    for claim in sheet.readable.claims:
        yield claim.tree
        yield from (line.tree for line in claim.working if line.tree is not None)


def affordable(sheet: Sheet, most: int = MAX_OPERATIONS, what: str = "judging") -> int:
    """How many operations a sheet takes. Raises SheetError where they are more
    than are done for one."""
    needed = operations(sheet)
    if needed > most:
        shares = [(operations(replace(sheet, claims=(claim,))), claim) for claim in sheet.claims]
        largest, claim = max(shares, key=lambda share: share[0], default=(0, None))
        least = operations(replace(sheet, claims=()))
        where, line = "divide the claims among several sheets", 0
        if least > most:
            where = "take a smaller network, or fewer examples"
        elif claim is not None and largest > most / 2:
            where = (
                f"{largest:,} of them for {claim.quantity} alone, ask for less of it or take "
                "a smaller network"
            )
            line = claim.line
        raise SheetError(
            f"{what} this sheet takes {needed:,} operations, expected at most {most:,}: {where}",
            line,
        )
    return needed


def operations(sheet: Sheet) -> int:
    """How many operations judging a sheet takes, but for finding out how what
    is not true came about."""
    return _with_numbers(sheet) if sheet.params is not None else _over_all_weights(sheet)


def _with_numbers(sheet: Sheet) -> int:
    network = sheet.network
    arrays = [sheet.x, sheet.y, *(array for layer in sheet.params or () for array in layer)]
    bits = (
        length_of([a for a in arrays if a is not None], network.depth) if network.rational else None
    )
    formulas = FormulaWork(network, bits)
    return _witnesses(sheet, bits) + sum(
        _claim(claim, formulas, 2) for claim in sheet.readable.claims
    )


def _over_all_weights(sheet: Sheet) -> int:
    network = sheet.network
    examples, bits = network.examples or 1, LARGE.bit_length() if network.rational else None
    formulas = FormulaWork(network, bits)
    work, free = 0, False
    for claim in sheet.readable.claims:
        trees = (claim.tree, *(line.tree for line in claim.working if line.tree is not None))
        kinks = any(has_own_kink(tree, network) for tree in trees)
        free |= kinks
        work += points_of(network, free=kinks) * _claim(claim, formulas)
    one = PassWork(network, examples, bits)
    rows = sum(map(one.jacobian, derived(sheet)))
    work += points_of(network, free=free) * (
        DRAWN + 3 * one.forward + rows + _after_update(sheet, bits)
    )
    return int(work) + ALL_HEARD * _witnesses(sheet, None if bits is None else SMALL)


def _after_update(sheet: Sheet, bits: int | None) -> int:
    """What the pass after a step of gradient descent takes, whose fractions are longer."""
    names = [
        part.name
        for tree in trees_of(sheet)
        for part in f.walk(tree)
        if isinstance(part, f.Quantity)
    ]
    if all(name[0] in "Wb" or not name.endswith(NEW) for name in names):
        return 0
    network = sheet.network
    longer = None if bits is None else bits * (2 * network.depth + 3)
    return PassWork(network, network.examples or 1, longer).both


def _claim(claim: Claim, formulas: FormulaWork, evaluated: int = 1) -> int:
    """The truth, and every line, `evaluated` so many times; more often where a
    product has two meanings."""
    work = evaluated * formulas.of(claim.tree) + PER_LINE
    ranges = formulas.ranges_of(claim.tree)
    further = {letter: ranges.get(letter, 1) for letter in claim.tree.letters}
    for line in claim.working:
        if line.tree is not None:
            times = (
                1
                if line.text.isascii()
                else 1 + 2 ** min(MAX_DOTS, line.text.count("·") + line.text.count("×"))
            )
            work += times * (evaluated * formulas.of(line.tree, further) + PER_LINE)
    return work


def _witnesses(sheet: Sheet, bits: int | None, digits: int = DIGITS) -> int:
    """What the three witnesses take at one point."""
    network, examples = sheet.network, sheet.network.examples or 1
    one = PassWork(network, examples, bits, digits)
    rows = sum(map(one.jacobian, derived(sheet)))
    work: int = 3 * one.forward + JAX * network.depth + 2 * rows + 3 * _after_update(sheet, bits)
    nudged: dict[str, int] = {}
    for tree in trees_of(sheet):
        for part in f.walk(tree):
            if isinstance(part, f.Derivative):
                by = part.by.name
                whole = one.entries(by)
                taken = math.prod(_open(network, part.by))
                nudged[by] = min(whole, nudged.get(by, 0) + taken)
                work += taken * math.prod(_open(network, part.of))
    steps = 1 if bits is None else 2  # an infinitesimal, or a step to either side
    return work + steps * one.forward * sum(nudged.values())


def _open(network: Network, quantity: f.Quantity) -> list[int]:
    """The axes of a quantity that no number fixes."""
    shape = network.shapes.get(network.canonical(quantity.name), ())
    fixed = [isinstance(index, int) for index in quantity.indices]
    return [
        n
        for n, is_fixed in zip(shape, [*fixed, *[False] * len(shape)], strict=False)
        if not is_fixed
    ]


def claim_work(claim: Claim, network: Network, digits: int) -> int:
    """The operations of one claim on enclosures of so many digits."""
    return _claim(claim, FormulaWork(network, None, digits), 4)


def witness_work(sheet: Sheet, digits: int) -> int:
    """The operations of the witnesses on enclosures of so many digits."""
    return _witnesses(sheet, None, digits)
