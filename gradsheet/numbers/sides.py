"""Formal numbers that are equal where they are so on all sides that there are.

A bit of `formal` knows one law, and so not that a > b > c > a for no numbers,
by which max(a, max(b, c)) is max(max(a, b), c). Here a difference with symbols
in it is looked at on one side of each after the other, but for those that do
not go together: what is z > 0 by one symbol follows from others where for
fractions a, b, c of one sign, and p, q, r that are positive by them,

    z = c p q,  c p / q,  or c / (p q)                                       (1)
    z = a p + b q + c r                                                      (2)

The numbers in (2) are a short vector of a lattice, that of the whole numbers by
which four marks add up to 0 (A. Lenstra, H. Lenstra, L. Lovasz 1982). What
follows from more of them or in other ways is not seen; then what is equal may
not be shown to be.

The argument of a symbol has no symbols itself: max(a, b) > c is a > c on the
side of a > b, and b > c on the other. And whatever a logarithm is taken of is
positive, so that log(a b) is log(a) + log(b) wherever both of them are.
"""

import functools
import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from flint import fmpz_mat

from gradsheet.numbers.formal import MULTIPLES, NONE, Branched, Formal, FormalField, Number, Symbols
from gradsheet.numbers.marks import Mark, coordinates, key_of

TERMS = 256  # of a sum of products of symbols, at most
MAX_EXPANDED = 6  # symbols in an argument that is looked at on all sides
MAX_WAYS = 32  # of these
MAX_PATTERNS = 200  # of sides on which one difference is looked at
MAX_LINKED, MAX_SUMMED = 50, 14  # symbols that are looked at for what links them, and for sums
MAX_POSITIVE = 8  # numbers from which a sign may follow, the last ones
MAX_FACTORS = 4  # positive ones by which a number is multiplied or divided for a sum
MAX_TERMS = 3  # of them in a sum
# Whole numbers in (2), of four marks and of all together: of the former there are 2^48, of the
# latter 2^50, and one in 2^140 adds up to 0 by chance.
MAX_WHOLE, MAX_OF_ALL = 2**11, 2**4
CHANCE = 2.0**-76  # that in all that is looked for such a one is met
SCALE = 2**64  # by which what is not 0 makes a vector of the lattice long


_Part = tuple[int, dict[Symbols, Formal]]  # the terms of a sum, and all symbols in them


class Sides(FormalField):
    """The field of such numbers."""

    max_expanded = MAX_EXPANDED

    def __init__(self) -> None:
        super().__init__(TERMS)
        self._letters: list[Mark] = []  # that are positive
        self._positive: list[Mark] = [1]  # those, products of two, and others
        self._unsure = set[object]()  # what has a logarithm and is not known to be positive
        self._signs: dict[tuple[object, ...], int] = {}  # of marks, by what is positive
        self._patterns: dict[tuple[Symbols, ...], list[tuple[bool, ...]]] = {}

    def letter(self, *, positive: bool = False) -> Formal:
        """Something that may be any number, or any positive one."""
        letter = super().letter(positive=positive)
        if positive:
            products = [self.marks.reduced(letter.mark * m) for m in self._letters]
            self._letters.append(letter.mark)
            self._positive += [letter.mark, *products]
        return letter

    # What hangs on sides

    def bit(self, z: Number, *, jump: bool) -> Number:
        """1 where z is above 0, 0 where it is below, on either side of its symbols."""
        if isinstance(z, Branched):
            return z.through(lambda side: self.bit(side, jump=jump))
        if isinstance(z, Formal) and z.exact is None and z.mark:
            for sign in (1, -1):  # exp(u) - 1 is above 0 where u is
                power = self.marks.reduced(1 + sign * z.mark)
                if self.marks.has_log(power) and key_of(power) not in self._unsure:
                    return super().bit(self.log_of(power) * sign, jump=jump)
            if z.plain and not z.sign and z.mark not in self._bits:
                z.sign = self._following(z.mark, self._positive)
        return super().bit(z, jump=jump)

    def log(self, z: Formal) -> Formal:
        """The logarithm, as that of the absolute value."""
        m = z.mark
        if z.sign <= 0 and not self.marks.has_log(m):
            minus, square = (self.marks.reduced(n) for n in (-m, m * m))
            if self.marks.has_log(minus):
                return self.log_of(minus)
            if (share := self.marks.known_log(square)) is not None:
                twice = Formal(self, share.mark, power=share.power, logs=share.logs)
                return twice * Fraction(1, 2)
            self._unsure |= {key_of(m), key_of(self.marks.raised(m, -1))}
        return super().log(Formal(self, m, z.exact, sign=1))

    def root(self, z: Formal) -> Number:
        """The positive square root of a number that is no fraction."""
        if z.sign > 0 and z.mark not in self._roots:
            self._positive.append(z.mark)
        return super().root(z)

    def is_kept(self, m: Mark, times: Fraction) -> bool:
        """Whether a power is none of the marks' business: the number may be
        negative, or its root is one of two."""
        return key_of(m) in self._unsure or super().is_kept(m, times)

    def power_of(self, m: Mark, times: Fraction, *, plain: bool) -> Number:
        """Such a power, of the absolute value; None where it is not known."""
        if key_of(m) not in self._unsure:
            return super().power_of(m, times, plain=plain)
        size = self.absolute(Formal(self, m, plain=plain))
        return size.power(times) if times.denominator <= 2 else None

    # Which there are

    def _argument(self, symbol: int) -> Mark | None:
        """The number that a symbol, as a set of one, is the sign of."""
        return self._arguments[symbol.bit_length() - 1]

    def is_zero(self, z: Number) -> bool:
        """Whether a number is 0 on all sides: parts of it without a symbol in
        common are constants each, or with others whose symbols hang together."""
        if isinstance(z, Formal):
            return not z.mark
        total: Mark = 0
        parts = _joined(
            [(bits | signs, {(bits, signs): c}) for (bits, signs), c in z.terms.items()]
        )
        several = list[_Part]()
        for own, terms in parts:
            if (constant := self._constant_of(terms)) is None:
                several.append((own, terms))
            else:
                total += constant
        if several:
            links = self._links(functools.reduce(operator.or_, (own for own, _ in several)))
            joined = _joined([*several, *((link, {}) for link in links)])
            if len(joined) == len(several):
                return False
            for _, terms in joined:
                if terms:
                    if (constant := self._constant_of(terms)) is None:
                        return False
                    total += constant
        return not self.marks.reduced(total)

    def _constant_of(self, terms: dict[Symbols, Formal]) -> Mark | None:
        """What a sum is on all sides, None where that is not one number."""
        self._left = MAX_PATTERNS
        part = terms[NONE] if [*terms] == [NONE] else Branched(self, terms)
        return self._constant(part, self._positive)

    def _links(self, symbols: int) -> list[int]:
        """Which of some symbols hang together: one may follow from the others, by
        (1) or (2)."""
        every = (1 << k for k in range(symbols.bit_length()) if symbols >> k & 1)
        own = {symbol: m for symbol in every if (m := self._argument(symbol)) is not None}
        if len(own) > MAX_LINKED:
            return []
        known = [1, *self._positive[1:][-MAX_POSITIVE:]]
        marks = [*own.values(), *known]
        ways = [*own, *(0 for _ in known)]  # what is positive anyway links nothing
        links = []
        for whole in self._relations(marks, MAX_OF_ALL) if len(own) <= MAX_SUMMED else ():
            links.append(sum(way for way, times in zip(ways, whole, strict=True) if times))
        factors = [*zip(marks, ways, strict=True)]
        factors += [(self.marks.raised(m, -1), way) for m, way in factors]
        products = dict[object, int]()
        for (p, one), (q, other) in itertools.combinations(factors, 2):
            product = key_of(self.marks.reduced(p * q))
            products[product] = products.get(product, 0) | one | other
        for m, way in factors[: len(own)]:
            for times in (*MULTIPLES, *(-times for times in MULTIPLES)):
                multiple = key_of(self.marks.reduced(m * self.marks.of(times)))
                links.append(way | products.get(multiple, 0))
        return [link for link in links if link & (link - 1)]

    def _constant(self, z: Number, positive: list[Mark]) -> Mark | None:
        """What a number is on all sides that go with some numbers that are
        positive, None where that is not one number."""
        if isinstance(z, Formal):
            self._left -= 1
            return z.mark
        found: dict[object, Mark] = {}
        symbol = z.first_symbol
        for side, more in self._sides(symbol, positive):
            constant = None if self._left < 0 else self._constant(z.at(symbol, side), more)
            if constant is None:
                return None
            found[key_of(constant)] = constant
        return next(iter(found.values())) if len(found) == 1 else None

    def _sides(self, symbol: Symbols, positive: list[Mark]) -> Iterator[tuple[bool, list[Mark]]]:
        """The sides of a symbol, each with what is positive there."""
        m = self._argument(max(symbol))
        if m is None:
            yield from ((side, positive) for side in (True, False))
            return
        sign = self._following(m, positive)
        for side in (True, False):
            if not sign or side == (sign > 0):
                yield side, [*positive, m if side else self.marks.reduced(-m)]

    def patterns(self, symbols: Sequence[Symbols]) -> Iterable[tuple[bool, ...]]:
        """The sides of some symbols that go together, none where they are many."""
        key = tuple(symbols)
        if key not in self._patterns:
            ways: list[tuple[tuple[bool, ...], list[Mark]]] = [((), self._positive)]
            for symbol in symbols:
                ways = [
                    ((*way, side), more)
                    for way, positive in ways
                    for side, more in self._sides(symbol, positive)
                ]
                if len(ways) > MAX_WAYS:
                    ways = []
            self._patterns[key] = [way for way, _ in ways]
        return self._patterns[key]

    def _following(self, m: Mark, positive: list[Mark]) -> int:
        """The sign of a mark if it follows from what is positive, else 0."""
        if m in self._squared and self._squared[m].plain:
            return 1
        key = key_of(m), *map(key_of, positive), len(self.divisors)
        if key not in self._signs:
            self._signs[key] = self._found_sign(m, positive)
        return self._signs[key]

    def _found_sign(self, m: Mark, positive: list[Mark]) -> int:
        known = [1, *positive[1:][-MAX_POSITIVE:]]
        factors = [*dict.fromkeys([1, *self._letters, *self.divisors])][:MAX_FACTORS]
        for times in (*factors, *(self.marks.raised(p, -1) for p in factors[1:])):
            if sign := self._by_sum(self.marks.reduced(m * times), known):
                return sign
        known += [*self.divisors][-MAX_POSITIVE:]
        known += [z.mark for z in self._squared.values() if z.sign > 0][-MAX_POSITIVE:]
        return self._by_product(m, known)

    def _by_product(self, m: Mark, known: list[Mark]) -> int:
        """(1), where 1 is a p as well."""
        inverse = [self.marks.raised(p, -1) for p in known]
        multiples = dict[object, int]()
        for times in MULTIPLES:
            multiple = self.marks.reduced(m * self.marks.of(times))
            multiples |= {key_of(multiple): 1, key_of(self.marks.reduced(-multiple)): -1}
        for p, q in itertools.combinations([*known, *inverse], 2):
            if sign := multiples.get(key_of(self.marks.reduced(p * q))):
                return sign
        return 0

    def _by_sum(self, m: Mark, known: list[Mark]) -> int:
        """(2)"""
        relations = [*self._relations([m, *known], MAX_OF_ALL)]
        sign = _sign_by(relations)
        if sign or len(relations) < 2 or not any(whole for whole, *_ in relations):
            return sign
        there = [
            p for p, *times in zip(known, *(r[1:] for r in relations), strict=True) if any(times)
        ]
        for size in range(1, MAX_TERMS + 1):
            for some in itertools.combinations(there, size):
                if sign := _sign_by(self._relations([m, *some], MAX_WHOLE)):
                    return sign
        return 0

    def _relations(self, marks: Sequence[Mark], most: int) -> Iterator[list[int]]:
        """Small whole numbers by which some marks add up to 0."""
        columns = [coordinates(m) for m in marks]
        width = max(map(len, columns))
        rows = [
            [int(k == n) for n in range(len(marks))]
            + [SCALE * c for c in (*column, *(0,) * (width - len(column)))]
            for k, column in enumerate(columns)
        ]
        modulus = SCALE * self.marks.prime
        rows += [
            [0] * len(marks) + [modulus * (k == n) for n in range(width)] for k in range(width)
        ]
        for row in fmpz_mat(rows).lll().tolist():
            whole = [int(n) for n in row]
            if not any(whole[len(marks) :]) and max(map(abs, whole)) <= most:
                yield whole[: len(marks)]


def _sign_by(relations: Iterable[Sequence[int]]) -> int:
    """The sign of the first number by one of its relations with positive ones."""
    for whole, *others in relations:
        signs = {-times * whole > 0 for times in others if times}
        if whole and len(signs) == 1:
            return 1 if signs.pop() else -1
    return 0


def _joined(parts: Iterable[_Part]) -> list[_Part]:
    """Those that have a symbol in common as one."""
    joined = list[_Part]()
    for symbols, terms in parts:
        for part in [part for part in joined if part[0] & symbols]:
            joined.remove(part)
            symbols, terms = symbols | part[0], terms | part[1]
        joined.append((symbols, terms))
    return joined
