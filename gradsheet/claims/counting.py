"""The operations that judging a whole sheet takes, from its shapes and formulas
alone: counted before any is done."""

import itertools
import math
from collections import Counter, defaultdict
from dataclasses import replace

from gradsheet.claims.definitions import stated_of
from gradsheet.claims.sheet import Claim, Sheet, SheetError, Stated
from gradsheet.language import formula as f
from gradsheet.language.evaluate import MAX_DOTS
from gradsheet.language.formula import NEW
from gradsheet.network.lowering import Program
from gradsheet.numbers.budget import DIGITS, MAX_OPERATIONS
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.truth.graph_point import Asked, bits_of
from gradsheet.truth.work import (
    JAX,
    JAX_DERIVATIVE,
    JAX_STEP,
    MAX_COUNTED,
    FormulaWork,
    SweepWork,
    formula_work,
    sweep_work,
)

SMALL = 4  # bits of small whole numbers
HEARD = 8  # entries of a derivative for all values for which the nudge is heard
PER_LINE = 20  # operations of comparing a line, whatever it says


def asked_of(sheet: Sheet, program: Program, session: Session = LIBRARY) -> Asked:
    """What a sheet asks the witnesses for, found once for all that ask the same."""
    known: LRUCache[Asked] = session.cache("asked", MAX_COUNTED)
    return known.get((program, sheet.distinct_parts), lambda: _asked_of(sheet, program))


def _asked_of(sheet: Sheet, program: Program) -> Asked:
    names, of, by = set[str](), set[str](), set[str]()

    for part in sheet.distinct_parts:
        if isinstance(part, f.Derivative):
            of.add(_canonical(part.of, program))
            by.add(_canonical(part.by, program))
        elif isinstance(part, f.Quantity):
            names.add(_canonical(part, program))
    return Asked(frozenset(names), frozenset(of), frozenset(by))


def _canonical(quantity: f.Quantity, program: Program) -> str:
    """The one name of what is asked for; the L[k] of layers are their shares."""
    name = program.canonical(quantity.name)
    if quantity.indices and program.shares is not None and name in ("L", f"L{NEW}"):
        return "shares" + name[1:]
    return name


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
    stated = stated_of(sheet, session)
    counted = _with_numbers if sheet.has_numbers else _over_all_values
    return counted(sheet, stated, session)


def _with_numbers(sheet: Sheet, stated: Stated, session: Session) -> int:
    asked = asked_of(sheet, stated.program, session)
    bits = bits_of(stated.program, stated.arrays, asked)
    formulas = formula_work(stated.program, bits, session)
    claims = sum(claim_work(claim, formulas, 2) for claim in sheet.readable.claims)
    return _witnesses(sheet, stated, bits, MAX_OPERATIONS, session) + claims


def _over_all_values(sheet: Sheet, stated: Stated, session: Session) -> int:
    """The operations of a network of which something is given by its shape
    alone: at every size on formal numbers and on small ones, and at one point
    those of the witnesses."""
    bits = SMALL if stated.program.is_rational else None
    work = _witnesses(sheet, stated, bits, HEARD, session)
    claims, derived = sheet.readable.claims, asked_of(sheet, stated.program, session).of
    for program in stated.sized:
        for bits in (None, SMALL if program.is_rational else None):
            one, formulas = sweep_work(program, bits, session), formula_work(program, bits, session)
            work += one.forward + sum(map(one.jacobian, derived))
            work += sum(claim_work(claim, formulas) for claim in claims)
    return work


def _witnesses(
    sheet: Sheet, stated: Stated, bits: int | None, nudged: int, session: Session
) -> int:
    """The operations of the witnesses, counted once for all sheets that ask for the same."""

    def count() -> int:
        asked = asked_of(sheet, stated.program, session)
        return witness_work(sheet, stated, asked, bits, nudged=nudged)

    counted: LRUCache[int] = session.cache("witnesses counted", MAX_COUNTED)
    return counted.get((stated.program, sheet.distinct_parts, bits, nudged), count)


def witness_work(
    sheet: Sheet,
    stated: Stated,
    asked: Asked,
    bits: int | None,
    digits: int = DIGITS,
    nudged: int = MAX_OPERATIONS,
) -> int:
    """The operations of the three witnesses at one point, on fractions of so
    many `bits` or on enclosures of so many `digits`, where at most so many
    entries of a derivative are nudged."""
    program, one = stated.program, SweepWork(stated.program, bits, digits)
    there = program.made_of(asked.names | asked.of)
    traced = JAX_STEP * len(there) * (3 if asked.of else 1)
    derived = sum(program.steps[slot].is_derivative for slot in there)
    work = 2 * one.swept(there) + one.walked(there) + JAX + traced + JAX_DERIVATIVE * derived
    work += sum(map(one.jacobian, asked.of))
    reached, nudges = defaultdict[str, set[int]](set), Counter[str]()
    for part in sheet.distinct_parts:
        if isinstance(part, f.DerivativeOf):
            work += _of_formula(part, one, nudged)
        elif isinstance(part, f.Derivative):
            by, of = (_canonical(quantity, program) for quantity in (part.by, part.of))
            nudges[by] += _open_entries(program, part.by)
            ends = sorted(program.places[by].all)
            for last in program.places[of].all:
                reached[by].update(program.between(ends, last))
    for by, entries in nudges.items():  # each once, whatever hangs on it
        most = min(nudged, entries, math.prod(program.shapes[by]))
        work += most * one.walked(reached[by])
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


def _open_entries(network: Program, quantity: f.Quantity) -> int:
    """The entries of a quantity along all axes that no number fixes."""
    shape = network.shapes.get(network.canonical(quantity.name), ())
    axes = itertools.zip_longest(shape, quantity.indices[: len(shape)])
    return math.prod(n for n, index in axes if not isinstance(index, int))
