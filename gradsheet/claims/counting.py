"""The operations that judging a whole sheet takes, from its shapes and formulas
alone: counted before any is done."""

import itertools
import math
from dataclasses import replace
from typing import Any

from gradsheet.claims.definitions import own_of
from gradsheet.claims.sheet import Claim, Sheet, SheetError, Stated
from gradsheet.language import formula as f
from gradsheet.language.evaluate import MAX_DOTS
from gradsheet.language.formula import NEW
from gradsheet.network.lowering import Program
from gradsheet.network.network import Network
from gradsheet.numbers.budget import DIGITS, MAX_OPERATIONS
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.truth.graph_point import Asked, length_of
from gradsheet.truth.graph_values import SweepWork
from gradsheet.truth.work import JAX, JAX_DERIVATIVE, JAX_STEP, FormulaWork, PassWork, formula_work

SMALL = 4  # bits of small whole numbers
HEARD = 8  # entries of a derivative for all values for which the nudge is heard
PER_LINE = 20  # operations of comparing a line, whatever it says


def derived(sheet: Sheet) -> set[str]:
    """The nodes whose derivatives a sheet speaks of, or that are updated on the
    way to what it speaks of."""
    jax_of: set[str] = set()
    if sheet.own is not None:
        return {part.of.name for part in sheet.distinct_parts if isinstance(part, f.Derivative)}
    for part in sheet.distinct_parts:
        if isinstance(part, f.Derivative):
            jax_of.add(part.of.name)
        elif isinstance(part, f.Quantity):
            if part.name == "L" and part.indices and sheet.network.loss is not None:
                jax_of.add("shares")
            if part.name == "L" or part.name.endswith(NEW):
                jax_of.add("L")
            if part.name == f"L{NEW}":
                jax_of.add(part.name)
    return jax_of


def asked_of(sheet: Sheet) -> Asked:
    """What a sheet asks the witnesses for."""
    network: Any = sheet.network if sheet.own is None else sheet.own.program
    names, of, by = set[str](), set[str](), set[str]()

    def canonical(quantity: f.Quantity) -> str:
        name: str = network.canonical(quantity.name)
        if quantity.indices and network.shares is not None and name in ("L", f"L{NEW}"):
            return "shares" + name[1:]
        return name

    for part in sheet.distinct_parts:
        if isinstance(part, f.Derivative):
            of.add(canonical(part.of))
            by.add(canonical(part.by))
        elif isinstance(part, f.Quantity):
            names.add(canonical(part))
    return Asked(frozenset(names), frozenset(of), frozenset(by))


def affordable(
    sheet: Sheet,
    most: int = MAX_OPERATIONS,
    what: str = "judging",
    session: Session = LIBRARY,
) -> int:
    """How many operations a sheet takes. Raises SheetError where they are more
    than are done for one."""
    needed = operations(sheet, session)
    if needed > most:
        shares = [
            (operations(replace(sheet, claims=(claim,)), session), claim) for claim in sheet.claims
        ]
        largest, claim = max(shares, key=lambda share: share[0], default=(0, None))
        least = operations(replace(sheet, claims=()), session)
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


def operations(sheet: Sheet, session: Session = LIBRARY) -> int:
    """How many operations judging a sheet takes, but for finding out how what
    is not true came about."""
    if (own := own_of(sheet, session)) is None:
        return _with_numbers(sheet, session)
    counted = _of_own_network if sheet.has_numbers else _over_all_values
    return counted(sheet, own, session)


def _of_own_network(sheet: Sheet, own: Stated, session: Session) -> int:
    """The operations of a sheet with a network of its own."""
    bits = bits_of(own)
    formulas = formula_work(own.program, bits, session)
    claims = sum(claim_work(claim, formulas, 2) for claim in sheet.readable.claims)
    return own_witness_work(sheet, own, bits) + claims


def _over_all_values(sheet: Sheet, own: Stated, session: Session) -> int:
    """The operations of a network of which something is given by its shape
    alone: at every size on formal numbers and on small ones, and at one point
    those of the witnesses."""
    work = own_witness_work(sheet, own, SMALL if own.program.is_rational else None, nudged=HEARD)
    claims, nodes = sheet.readable.claims, derived(sheet)
    for program in own.sized:
        for bits in (None, SMALL if program.is_rational else None):
            one, formulas = SweepWork(program, bits, DIGITS), formula_work(program, bits, session)
            work += one.forward + sum(map(one.jacobian, nodes))
            work += sum(claim_work(claim, formulas) for claim in claims)
    return work


def bits_of(own: Stated) -> int | None:
    """How long the numbers of such a network are, None where they are enclosed."""
    program = own.program
    numbers = (*own.arrays.values(), *program.constants)
    return length_of(numbers, program.depth) if program.is_rational else None


def own_witness_work(
    sheet: Sheet,
    own: Stated,
    bits: int | None,
    digits: int = DIGITS,
    nudged: int = MAX_OPERATIONS,
) -> int:
    """The operations of the witnesses at one point of such a network, where at
    most so many entries of a derivative are nudged."""
    one = SweepWork(own.program, bits, digits)
    asked = [part for part in sheet.distinct_parts if not isinstance(part, f.Quantity)]
    traced = JAX_STEP * len(own.program.steps) * (3 if asked else 1)
    work = 4 * one.forward + JAX + traced + _of_definitions(own.program, one.forward)
    swept: set[str] = set()
    for part in asked:
        if isinstance(part, f.Derivative):
            if part.of.name not in swept:
                work += one.jacobian(part.of.name)
            swept.add(part.of.name)
            work += 2 * one.forward * min(nudged, _open_entries(own.program, part.by))
        else:
            work += _of_formula(part, one, nudged)
    return work


def _of_definitions(program: Program, forward: int) -> int:
    """The operations of the derivatives in definitions, besides those of the sweep."""
    each, work = forward / max(1, program.work), 0
    for step in program.steps:
        if step.operation in ("jacobian", "slope"):
            of, *by = step.inputs
            entries = sum(math.prod(program.steps[slot].shape) for slot in by)
            nudges = entries * sum(map(program.work_of, program.between(by, of)))
            work += int(JAX_DERIVATIVE + len(program.steps) + 2 * each * nudges)
    return work


def _of_formula(part: f.DerivativeOf, one: SweepWork, nudged: int) -> int:
    """The operations of the derivative of a formula, in which there may be others."""
    program, each, entries = one.program, one.forward + JAX_STEP * len(one.program.steps), 1
    for inner in f.walk(part.term):
        if isinstance(inner, f.Derivative):
            entries *= _open_entries(program, inner.of) * _open_entries(program, inner.by)
            each += one.jacobian(inner.of.name)
        elif isinstance(inner, f.DerivativeOf):
            entries *= _open_entries(program, inner.by)
            each *= 3 * (1 + entries)
    return 3 * each * (entries + min(nudged, _open_entries(program, part.by)))


def _with_numbers(sheet: Sheet, session: Session) -> int:
    network = sheet.network
    bits = length_of([*sheet.arrays()], network.depth) if network.rational else None
    formulas = formula_work(network, bits, session)
    claims = sum(claim_work(claim, formulas, 2) for claim in sheet.readable.claims)
    return witness_work(sheet, bits) + claims


def _after_update(sheet: Sheet, bits: int | None) -> int:
    """What the pass after a step of gradient descent takes, whose fractions are longer."""
    names = [part.name for part in sheet.distinct_parts if isinstance(part, f.Quantity)]
    if all(name[0] in "Wb" or not name.endswith(NEW) for name in names):
        return 0
    network = sheet.network
    longer = None if bits is None else bits * (2 * network.depth + 3)
    return PassWork(network, network.examples or 1, longer).both


def claim_work(claim: Claim, formulas: FormulaWork, evaluated: int = 1) -> int:
    """The operations of the truth, and of every line, `evaluated` so many times;
    more often where a product has two meanings."""
    working = claim.working
    lines = [line.tree if line.text.isascii() else (line.tree, line.text) for line in working]
    return formulas.counted(
        (claim.tree, evaluated, *lines), lambda: _claim_work(claim, formulas, evaluated)
    )


def _claim_work(claim: Claim, formulas: FormulaWork, evaluated: int) -> int:
    work = evaluated * formulas.of(claim.tree) + PER_LINE
    ranges = formulas.ranges_of(claim.tree)
    further = {letter: ranges.get(letter, 1) for letter in claim.tree.letters}
    for line in claim.working:
        if line.tree is not None:
            dots = line.text.count("·") + line.text.count("×")
            times = 1 if line.text.isascii() else 1 + 2 ** min(MAX_DOTS, dots)
            work += times * (evaluated * formulas.of(line.tree, further) + PER_LINE)
    return work


def witness_work(sheet: Sheet, bits: int | None, digits: int = DIGITS) -> int:
    """The operations of the three witnesses at one point, on fractions of so
    many `bits` or on enclosures of so many `digits`."""
    network, examples = sheet.network, sheet.network.examples or 1
    one = PassWork(network, examples, bits, digits)
    rows = sum(map(one.jacobian, derived(sheet)))
    work: int = 3 * one.forward + JAX * network.depth + 2 * rows + 3 * _after_update(sheet, bits)
    nudged: dict[str, int] = {}
    for part in sheet.parts:
        if isinstance(part, f.Derivative):
            by, taken = part.by.name, _open_entries(network, part.by)
            nudged[by] = min(one.entries(by), nudged.get(by, 0) + taken)
            work += taken * _open_entries(network, part.of)
    steps = 1 if bits is None else 2  # an infinitesimal, or a step to either side
    return work + steps * one.forward * sum(nudged.values())


def _open_entries(network: Network | Program, quantity: f.Quantity) -> int:
    """The entries of a quantity along all axes that no number fixes."""
    shape = network.shapes.get(network.canonical(quantity.name), ())
    axes = itertools.zip_longest(shape, quantity.indices[: len(shape)])
    return math.prod(n for n, index in axes if not isinstance(index, int))
