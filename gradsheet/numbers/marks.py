"""Marks: the images of numbers in a prime field, which prove equality.

A fraction's mark is the fraction itself, and exp(a) gets a secret random
element, but for what the laws of powers say. Arithmetic on marks follows
arithmetic on numbers. Numbers of different marks may yet be equal; equal marks
of numbers that are not equal as expressions in their exponentials occur with a
probability of at most degree / 2^120 (Schwartz 1980, Zippel 1979), a degree that
every square root doubles.

The laws of powers hold by construction. The secret element of exp(a) is g^k, g
of prime order q, and the exponent k is a second image of a, in the numbers
modulo q: that of a fraction is the fraction itself, that of a sum the sum and
of a rational multiple the multiple of the others', and that of a product of two
numbers that are no fractions a secret function of its mark. So exp(a + b) =
exp(a) exp(b) and exp(p/q a)^q = exp(a)^p for all numbers, in any order in which
they are met. A logarithm log(m) has the factor m itself for its share in this,
and m^t for a share of t: p = 2q + 1, so that among the squares modulo p every
root but the square root is unique, and of ±r one is a square.

A number whose mark is no square has a mark of the square root all the same: i
times a root of minus its mark, for p = 3 modulo 4. So marks are elements of the
field of p^4 numbers, most of them ints. Roots of numbers, and of sums with such
roots in them, are there; of what has the latter in it half have none, and the
mark of their root is a secret one, which only knows that it is itself.

Which of ±r is the positive root is no matter as long as all roots are made of
independent ones. Those of fractions are products of the roots of their primes.
Other numbers are looked for as products of two, of known numbers, fractions and
what was squared, so that sqrt(x^2 y) is x sqrt(y). What is not seen is a square
that nobody squared, as 3 - 2 sqrt(2) is, and a product of many factors, or of
primes of `MAX_FACTORED` bits together. Its root may get the mark of minus
itself: then what is equal is not shown to be, and only numbers that agree in
all digits that are enclosed, and differ, could be taken for one on account of
it.

An angle is treated as an exponent is: exp(ia) has the mark t^k, t of order q,
and cos(a) and sin(a) the even and the odd half of that. Their squares add up to
1, and the theorems of addition hold for all angles.
"""

import copy
import functools
import itertools
import random
from fractions import Fraction
from typing import Any, NamedTuple

from flint import fmpz, fq_default, fq_default_ctx

# Exponentials and logarithms that are kept in one arithmetic; further ones prove less.
MAX_MARKS = 4_000
MAX_TRIPLES = 100  # of them up to which a logarithm is looked for as that of a product of three
MAX_FOURS = 40  # of four
MAX_SEARCH = 400  # and of two
MAX_POWER = 4  # log(m^4) is known to be 4 log(m)
MAX_DIVISORS = 100  # numbers that are looked for as factors of one whose root is taken
MAX_FRACTION = 2**32  # numerators and denominators that are told from other marks
MAX_FACTORED = 112  # bits of a whole number that is factored, in 10 ms at the most
EXTENSION = 4  # degree of the field of the marks over the prime field: for roots of roots
# Primes that are squares modulo the secret one, so that their roots are ints.
SMALL_PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)


@functools.cache
def _secret_primes() -> tuple[int, int]:
    """A prime p above 2^140 that no author of a sheet knows (what is 0 only
    modulo it would pass for 0), and (p - 1) / 2, which is prime, too.

    p = 7 modulo 8, so that -1 is no square and 2 is one. By the law of quadratic
    reciprocity another prime l is a square modulo p if p, or -p where l = 3
    modulo 4, is one modulo l.
    """
    secret = random.SystemRandom()
    residue, modulus = 7, 8
    for l in SMALL_PRIMES:
        square = 1
        while square == 1:  # then l would divide p - 1
            square = secret.randrange(1, l) ** 2 % l
            square = square if l % 4 == 1 else -square % l
        residue += modulus * ((square - residue) * pow(modulus, -1, l) % l)
        modulus *= l
    while True:
        prime = residue + modulus * secret.randrange(2**84, 2**85)
        order = prime // 2
        if all(fmpz(n).is_probable_prime() for n in (order, prime)) and all(
            fmpz(n).is_prime() for n in (order, prime)
        ):
            return prime, order


@functools.cache
def _roots_of_unity(prime: int) -> list[fq_default]:
    """-1 and its root i, the root of that, and so on to the last one among p^4 numbers."""
    roots = [fq_default_ctx(prime, EXTENSION)(-1)]
    while roots[-1].is_square():
        roots.append(roots[-1].sqrt())
    return roots


Mark = int | fq_default


def coordinates(mark: Mark) -> list[int]:
    """By what marks are sorted, and told from minus themselves."""
    return [mark] if isinstance(mark, int) else [*map(int, mark.to_list())]


# The marks of numbers whose logarithms are in a sum, each with its factor.
Logs = tuple[tuple[Mark, Fraction], ...]


class Share(NamedTuple):
    """A number as a sum in an exponent: its mark, the exponent of g, and the logarithms in it."""

    mark: Mark
    power: int
    logs: Logs = ()


class Marks:
    """The marks of exponentials and logarithms, which obey the laws of powers; see above."""

    def __init__(self) -> None:
        self.prime, self.order = _secret_primes()
        self._exp: dict[tuple[int, Logs], Mark] = {(0, ()): 1}
        self._log: dict[Mark, Share] = {1: Share(0, 0)}
        # Of what has a logarithm here, and with it the inverse.
        self._inverses: dict[Mark, Mark] = {1: 1}
        self._powers: dict[Mark, tuple[Mark, int]] = {}  # of the same
        self._fractions: dict[Mark, Fraction] = {}  # of those that are in a root or a logarithm
        self._squares: dict[Mark, Mark] = {}  # what was squared, by its square: both positive
        self._secret = random.SystemRandom()
        self._generator, self._turn = (
            pow(self._secret.randrange(2, self.prime - 1), 2, self.prime) for _ in range(2)
        )
        self._key = self._secret.randrange(1, self.prime)

    def __len__(self) -> int:
        return len(self._exp) + len(self._log)

    def copy(self) -> "Marks":
        """The same marks, to which others are added."""
        other = copy.copy(self)
        other._exp, other._log = dict(self._exp), dict(self._log)
        other._inverses, other._powers = dict(self._inverses), dict(self._powers)
        other._fractions, other._squares = dict(self._fractions), dict(self._squares)
        return other

    def reduced(self, mark: Mark) -> Mark:
        """What arithmetic gave, as the mark that it is: an int where that is possible."""
        if isinstance(mark, int):
            return mark % self.prime
        first, *others = mark.to_list()
        return mark if any(others) else int(first)

    def raised(self, mark: Mark, exponent: int) -> Mark:
        """A mark to a whole power."""
        if isinstance(mark, int):
            return pow(mark, exponent, self.prime)
        return self.reduced(mark**exponent)

    def of(self, value: Fraction) -> int:
        """The mark of a fraction."""
        return value.numerator * pow(value.denominator, -1, self.prime) % self.prime

    def power_of(self, value: Fraction) -> int:
        """The exponent of g in exp of a fraction."""
        return value.numerator * pow(value.denominator, -1, self.order) % self.order

    def power(self, mark: Mark) -> int:
        """That of a number that is neither a fraction nor a sum of what is
        known: secret, and odd in its mark."""
        minus = self.reduced(-mark)
        if coordinates(minus) < coordinates(mark):
            return -self.power(minus) % self.order
        number = 0
        for coordinate in coordinates(mark):
            number = number * self._key + coordinate
        return number**3 * self._key % self.prime % self.order

    def plus(self, one: Logs, other: Logs) -> Logs:
        """The logarithms in a sum."""
        if not one or not other:
            return one or other
        both = dict(one)
        for m, times in other:
            both[m] = both.get(m, Fraction(0)) + times
        order = sorted(both, key=coordinates)
        return tuple((m, both[m]) for m in order if both[m])

    def _pair(self, share: Share, m: Mark) -> None:
        """Take note that a number is exp of another."""
        if m not in self._log and len(self._log) <= MAX_MARKS:
            inverse = self.raised(m, -1)
            self._log |= {m: share, inverse: self._times(share, -1)}
            self._inverses |= {m: inverse, inverse: m}
            for n, times in itertools.product((m, inverse), range(2, MAX_POWER + 1)):
                self._powers[self.raised(n, times)] = n, times

    def exp(self, share: Share) -> Mark:
        """The mark of exp of a number."""
        key = share.power, share.logs
        if key not in self._exp:
            power = share.power
            factor: Mark = 1
            for m, times in share.logs:
                if (raised := self._raised(m, times)) is None:  # no root of m is known
                    power += self.power(m) * self.power_of(times)
                else:
                    factor = self.reduced(factor * raised)
            mark: Mark = pow(self._generator, power % self.order, self.prime)
            mark = self.reduced(mark * factor)
            if len(self._exp) > MAX_MARKS:
                return mark
            self._exp[key] = mark
            self._pair(share, mark)
        return self._exp[key]

    def _raised(self, m: Mark, times: Fraction) -> Mark | None:
        """m to a power, None where there is no such root."""
        if times.denominator == 1:
            return self.raised(m, int(times))
        if not isinstance(m, int):
            is_there = times.denominator == 2 and m.is_square()
            return self.raised(self.reduced(m.sqrt()), times.numerator) if is_there else None
        factors = _factors(self._fractions[m]) if m in self._fractions else [(m, 1)]
        power: Mark = 1
        for factor, e in factors:
            if (root := self._raised_int(factor, e * times)) is None:
                return None
            power = self.reduced(power * root)
        return power

    def _raised_int(self, m: int, times: Fraction) -> Mark | None:
        """An int to a power: as a square, or as -1 times a square. A power of -1
        is one of a root of unity, whose order is a power of 2."""
        root = pow(m, self.power_of(times), self.prime)
        if pow(m, self.order, self.prime) == 1:  # a square
            return root
        odd = times.denominator
        while odd % 2 == 0:
            odd //= 2
        halvings = (times.denominator // odd).bit_length() - 1
        roots = _roots_of_unity(self.prime)
        if halvings >= len(roots):
            return None
        root = pow(-m, self.power_of(times), self.prime)
        turn = times.numerator * pow(odd, -1, 2 << halvings) % (2 << halvings)
        return self.reduced(roots[halvings] ** turn * root)

    def root(self, m: Mark, times: Fraction) -> Mark | None:
        """A power of a mark, of square roots one of the two; None where it has none."""
        return self._raised(m, times)

    def is_fraction(self, m: Mark) -> bool:
        """Whether it is the mark of a fraction whose root or logarithm was taken."""
        return m in self._fractions

    def remember(self, value: Fraction) -> None:
        """Take note of a fraction whose root or logarithm is taken."""
        if len(self._fractions) <= MAX_MARKS:
            self._fractions[self.of(value)] = value

    def squared(self, m: Mark, square: Mark) -> None:
        """Take note of the square of a positive number."""
        if len(self._squares) <= MAX_MARKS:
            self._squares[square] = m

    def sqrt(self, m: Mark) -> Mark | None:
        """The mark of the square root of a positive number; see above for which
        of the two: that of exp(log(m) / 2)."""
        if m in self._squares:
            return self._squares[m]
        if m not in self._log and not self._is_fraction(m):
            self._look_for_factors(m)
        if (share := self.log(m)) is None:
            return None
        return self.exp(self._times(share, Fraction(1, 2)))

    def _look_for_factors(self, m: Mark) -> None:
        """Take note of the logarithm of a number that is a product, or a
        quotient, of two that are known."""
        squares, known = ([*marks][:MAX_DIVISORS] for marks in (self._squares, self._log))
        # Of what has a logarithm here the inverse has one, too.
        for n, times in (*itertools.product(squares, (1, -1)), *((n, 1) for n in known)):
            rest = self.reduced(m * self.raised(n, -times))
            if rest in self._squares or rest in self._log or self._is_fraction(rest):
                one, other = self._log_of_factor(n), self._log_of_factor(rest)
                if one is not None and other is not None:
                    self._pair(self._sum(self._times(one, times), other), m)
                return

    def _log_of_factor(self, m: Mark) -> Share | None:
        """The logarithm of a number, and twice that of what was squared."""
        if m in self._squares and m not in self._log:
            side = self.log(self._squares[m])
            return side and self._sum(side, side)
        return self.log(m)

    def _times(self, share: Share, times: Fraction | int) -> Share:
        """A multiple of a number."""
        times = Fraction(times)
        return Share(
            self.reduced(share.mark * self.of(times)),
            share.power * self.power_of(times) % self.order,
            tuple((m, t * times) for m, t in share.logs),
        )

    def _is_fraction(self, m: Mark) -> bool:
        """Whether it is the mark of a fraction of small numbers, which then is remembered."""
        if m in self._fractions:
            return True
        value = self.fraction(m)
        if value is None:
            return False
        self.remember(value)
        return True

    def fraction(self, m: Mark) -> Fraction | None:
        """The fraction of small numbers whose mark it is, None where there is none.

        By chance another's is, with a probability of 2^-80: the remainders of
        Euclid's algorithm are the numerators of what the mark stands for (P.
        Wang, A p-adic algorithm for univariate partial fractions, 1981).
        """
        if not isinstance(m, int):
            return None
        before, numerator, below, denominator = self.prime, m, 0, 1
        while numerator >= MAX_FRACTION:
            quotient = before // numerator
            before, numerator = numerator, before - quotient * numerator
            below, denominator = denominator, below - quotient * denominator
        if not 0 < abs(denominator) < MAX_FRACTION or not numerator:
            return None
        return Fraction(numerator, denominator)

    def circle(self, share: Share) -> tuple[Mark, Mark]:
        """The marks of cos and sin of an angle."""
        power = share.power
        for m, times in share.logs:
            power += self.power(m) * self.power_of(times)
        turned = pow(self._turn, power % self.order, self.prime)
        back, half = pow(turned, -1, self.prime), self.of(Fraction(1, 2))
        cos, sin = (turned + back) * half, (back - turned) * half  # the latter over i
        return cos % self.prime, self.reduced(_roots_of_unity(self.prime)[1] * (sin % self.prime))

    def log(self, m: Mark) -> Share | None:
        """The logarithm of a number with the mark `m`, None of what is 0 by its mark."""
        if m not in self._log:
            if m == 0 or len(self._log) > MAX_MARKS:
                return None
            new = Share(self._secret.randrange(self.prime), 0, ((m, Fraction(1)),))
            self._pair(self._known_log(m) or new, m)
        return self._log[m]

    def has_log(self, m: Mark) -> bool:
        """Whether the logarithm of a number was taken, or it is an exponential."""
        return m in self._log

    def known_log(self, m: Mark) -> Share | None:
        """The logarithm of a number if it follows from others, else None."""
        return self._log.get(m) or self._known_log(m)

    def _known_log(self, m: Mark) -> Share | None:
        """log(m) where m is a product or a small power of numbers whose logarithms have marks."""
        if len(self._log) > MAX_SEARCH:
            return None
        if m in self._powers:
            n, times = self._powers[m]
            return self._sum(*[self._log[n]] * times)
        # What flint's elements are hashed by takes longer than all the rest.
        logs = {key_of(n): share for n, share in self._log.items()}
        inverses = [(share, self._inverses[n]) for n, share in self._log.items()]
        backs = [(share, self.reduced(m * inverse)) for share, inverse in inverses]
        for share, rest in backs:
            if other := logs.get(key_of(rest)):
                return self._sum(share, other)
        rests, plain = [], all(isinstance(n, int) for n in (m, *self._log))
        if len(logs) <= MAX_TRIPLES:
            for k, (share, part) in enumerate(backs):
                for second, inverse in inverses[k + 1 :]:
                    product: Any = part * inverse
                    rest = product % self.prime if plain else key_of(self.reduced(product))
                    if third := logs.get(rest):
                        return self._sum(share, second, third)
                    rests.append((share, second, rest))
        if len(logs) <= MAX_FOURS:
            pairs = {
                key_of(self.reduced(n * o)): (share, other)
                for (n, share), (o, other) in itertools.combinations(self._log.items(), 2)
            }
            for share, second, rest in rests:
                if others := pairs.get(rest):
                    return self._sum(share, second, *others)
        return None

    def _sum(self, *shares: Share) -> Share:
        marks, powers, logs = zip(*shares, strict=True)
        together = functools.reduce(self.plus, logs)
        return Share(self.reduced(sum(marks)), sum(powers) % self.order, together)


def key_of(mark: Mark) -> Any:
    """What tells a mark from others, as a key of a dictionary."""
    return mark if isinstance(mark, int) else tuple(mark.to_list())


def _factors(value: Fraction) -> list[tuple[int, int]]:
    """The primes of a fraction, each with how often it stands in it. What is
    too long to be factored stands for a prime."""
    factors = []
    for number, sign in ((value.numerator, 1), (value.denominator, -1)):
        if number.bit_length() <= MAX_FACTORED:
            factors += [(int(l), sign * e) for l, e in fmpz(number).factor()]
        else:
            factors.append((number, sign))
    return factors
