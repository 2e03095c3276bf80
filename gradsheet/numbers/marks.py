"""Marks: the images of numbers in a prime field, which prove equality.

A fraction's mark is the fraction itself, and exp(a) gets a secret random
element, but for what the laws of powers say. Arithmetic on marks follows
arithmetic on numbers. Numbers of different marks may yet be equal; equal marks
of numbers that are not equal as expressions in their exponentials occur with a
probability of at most degree / 2^120 (Schwartz 1980, Zippel 1979).

The laws of powers hold by construction. The secret element of exp(a) is g^k, g
of prime order q, and the exponent k is a second image of a, in the numbers
modulo q: that of a fraction is the fraction itself, that of a sum the sum and
of a rational multiple the multiple of the others', and that of a product of two
numbers that are no fractions a secret function of its mark. So exp(a + b) =
exp(a) exp(b) and exp(p/q a)^q = exp(a)^p for all numbers, in any order in which
they are met. A logarithm log(m) has the factor m itself for its share in this.
"""

import copy
import functools
import itertools
import random
from fractions import Fraction
from typing import NamedTuple

from flint import fmpz

# Exponentials and logarithms that are kept in one arithmetic; further ones prove less.
MAX_MARKS = 4_000
MAX_TRIPLES = 100  # of them up to which a logarithm is looked for as that of a product of three
MAX_SEARCH = 400  # and of two
MAX_POWER = 4  # log(m^4) is known to be 4 log(m)


@functools.cache
def _secret_primes() -> tuple[int, int]:
    """A prime above 2^126 that no author of a sheet knows (what is 0 only
    modulo it would pass for 0), and one that divides it less 1."""
    order = 0
    while not fmpz(order).is_prime():
        order = random.SystemRandom().randrange(2**120 + 1, 2**121, 2)
    cofactor = 2**7
    while not fmpz(cofactor * order + 1).is_prime():
        cofactor += 2
    return cofactor * order + 1, order


# The marks of numbers whose logarithms are in a sum, each with its factor.
Logs = tuple[tuple[int, Fraction], ...]


class Share(NamedTuple):
    """A number as a sum in an exponent: its mark, the exponent of g, and the logarithms in it."""

    mark: int
    power: int
    logs: Logs = ()


class Marks:
    """The marks of exponentials and logarithms, which obey the laws of powers; see above."""

    def __init__(self) -> None:
        self.prime, self.order = _secret_primes()
        self._exp: dict[tuple[int, Logs], int] = {(0, ()): 1}
        self._log = {1: Share(0, 0)}
        self._inverses = {1: 1}  # of what has a logarithm here, and with it the inverse
        self._powers: dict[int, tuple[int, int]] = {}  # of the same
        self._secret = random.SystemRandom()
        cofactor = (self.prime - 1) // self.order
        self._generator = pow(self._secret.randrange(2, self.prime), cofactor, self.prime)
        self._key = self._secret.randrange(1, self.prime)

    def __len__(self) -> int:
        return len(self._exp) + len(self._log)

    def copy(self) -> "Marks":
        """The same marks, to which others are added."""
        other = copy.copy(self)
        other._exp, other._log = dict(self._exp), dict(self._log)
        other._inverses, other._powers = dict(self._inverses), dict(self._powers)
        return other

    def of(self, value: Fraction) -> int:
        """The mark of a fraction."""
        return value.numerator * pow(value.denominator, -1, self.prime) % self.prime

    def power_of(self, value: Fraction) -> int:
        """The exponent of g in exp of a fraction."""
        return value.numerator * pow(value.denominator, -1, self.order) % self.order

    def power(self, mark: int) -> int:
        """That of a number that is neither a fraction nor a sum of what is
        known: secret, and odd in its mark."""
        if 2 * mark > self.prime:
            return -self.power(self.prime - mark) % self.order
        return mark * mark * mark * self._key % self.prime % self.order

    def plus(self, one: Logs, other: Logs) -> Logs:
        """The logarithms in a sum."""
        if not one or not other:
            return one or other
        both = dict(one)
        for m, times in other:
            both[m] = both.get(m, Fraction(0)) + times
        return tuple(sorted((m, times) for m, times in both.items() if times))

    def _pair(self, share: Share, m: int) -> None:
        """Take note that a number is exp of another."""
        if m not in self._log and len(self._log) <= MAX_MARKS:
            inverse = pow(m, -1, self.prime)
            logs = tuple((n, -times) for n, times in share.logs)
            minus = Share(-share.mark % self.prime, -share.power % self.order, logs)
            self._log |= {m: share, inverse: minus}
            self._inverses |= {m: inverse, inverse: m}
            for n, times in itertools.product((m, inverse), range(2, MAX_POWER + 1)):
                self._powers[pow(n, times, self.prime)] = n, times

    def exp(self, share: Share) -> int:
        """The mark of exp of a number."""
        key = share.power, share.logs
        if key not in self._exp:
            power, factor = share.power, 1
            for m, times in share.logs:
                if times.denominator == 1:
                    factor = factor * pow(m, int(times), self.prime) % self.prime
                else:  # no root of m is known
                    power += self.power(m) * self.power_of(times)
            mark = pow(self._generator, power % self.order, self.prime) * factor % self.prime
            if len(self._exp) > MAX_MARKS:
                return mark
            self._exp[key] = mark
            self._pair(share, mark)
        return self._exp[key]

    def log(self, m: int) -> Share | None:
        """The logarithm of a number with the mark `m`, None of what is 0 by its mark."""
        if m not in self._log:
            if m == 0 or len(self._log) > MAX_MARKS:
                return None
            new = Share(self._secret.randrange(self.prime), 0, ((m, Fraction(1)),))
            self._pair(self._known_log(m) or new, m)
        return self._log[m]

    def _known_log(self, m: int) -> Share | None:
        """log(m) where m is a product or a small power of numbers whose logarithms have marks."""
        if len(self._log) > MAX_SEARCH:
            return None
        if m in self._powers:
            n, times = self._powers[m]
            return self._sum(*[self._log[n]] * times)
        for n, a in self._log.items():
            if (rest := m * self._inverses[n] % self.prime) in self._log:
                return self._sum(a, self._log[rest])
        if len(self._log) <= MAX_TRIPLES:
            for n, q in itertools.combinations(self._log, 2):
                if (rest := m * self._inverses[n] * self._inverses[q] % self.prime) in self._log:
                    return self._sum(self._log[n], self._log[q], self._log[rest])
        return None

    def _sum(self, *shares: Share) -> Share:
        marks, powers, logs = zip(*shares, strict=True)
        together = functools.reduce(self.plus, logs)
        return Share(sum(marks) % self.prime, sum(powers) % self.order, together)
