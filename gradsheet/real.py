"""Real numbers that are enclosed: between two decimals, as narrow as one likes, and with a mark that proves equality.

Where exp or log enters, no fraction holds the truth. A `Real` holds it all the same: exactly as a Fraction as long as
no transcendental function is applied, and from there on between two decimals that every operation rounds outwards
(interval arithmetic; R. Moore, Interval Analysis, 1966). Enclosures that are apart prove that two numbers differ, and
which is larger; more digits set apart what a few do not.

That two numbers are equal no enclosure proves. So each carries a mark, its image in a prime field: a fraction's is the
fraction itself, and exp(a) gets a secret random element, but for what the laws of powers say: exp(a + b) = exp(a)
exp(b), exp(-a) = 1/exp(a), log(exp(a)) = a. Arithmetic on marks follows arithmetic on numbers. Numbers of different
marks may yet be equal; equal marks of numbers that are not equal as expressions in their exponentials occur with a
probability of at most degree / 2^120 (Schwartz 1980, Zippel 1979).
"""

import copy
import functools
import itertools
import random
from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

MAX_EXPONENT = 100_000  # of exp: beyond it the result is enclosed by 0 or infinity
MAX_BITS = 4_096  # of a fraction that is kept; longer ones are enclosed, and known by their marks
MAX_MARKS = 4_000  # exponentials with marks in one arithmetic; further ones prove nothing
MAX_MULTIPLE = 64  # exp(64 a) is known to be exp(a)^64
MAX_TRIPLES = 100  # exponentials up to which sums of three are looked for
MAX_SEARCH = 400  # and sums of two, and products
MAX_POWER = 4  # log(m^4) is known to be 4 log(m)

_INFINITY = Decimal("Infinity")  # an upper bound that says nothing

Number = Any  # an int, a Fraction or a Real


class Undecided(Exception):
    """No verdict is honest here; the message says why."""


class TooClose(Undecided):
    """Two numbers that no number of digits tried sets apart, and that nothing shows to be equal."""


class Imprecise(Exception):
    """Two numbers that these digits do not set apart; more may."""


class OutsideDomain(ArithmeticError):
    """The logarithm of a number that is not positive."""


def _is_prime(n: int, secret: random.Random) -> bool:
    """Miller and Rabin's test for an odd n, wrong with a probability of at most 4^-30."""
    odd = n - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos
    for _ in range(30):
        power = pow(secret.randrange(2, n - 1), odd, n)
        if power in (1, n - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % n
            if power == n - 1:
                break
        else:
            return False
    return True


@functools.cache
def _secret_primes() -> tuple[int, int]:
    """A prime above 2^126 that no author of a sheet knows (what is 0 only modulo it would pass for 0), and one that
    divides it less 1."""
    secret = random.SystemRandom()
    while True:
        order = secret.randrange(2**120 + 1, 2**121, 2)
        if _is_prime(order, secret):
            break
    cofactor = 2**7
    while not _is_prime(cofactor * order + 1, secret):
        cofactor += 2
    return cofactor * order + 1, order


@functools.cache
def _inverses(prime: int) -> tuple[int, ...]:
    """1/1, 1/2, 1/3, ... in a prime field."""
    return tuple(pow(times, -1, prime) for times in range(1, MAX_MULTIPLE + 1))


class Marks:
    """The marks of exponentials: pairs (a, m) with m for exp(a), closed under the laws of powers as far as asked.

    Exponentials of fractions have marks in a group of prime order, in which every power and every root exists: g for
    exp(1), and g^(p/q) for exp(p/q). So all laws hold for them. Of other numbers the laws are found as they are asked
    for: sums of up to three and small multiples of numbers whose exponentials have marks.
    """

    def __init__(self) -> None:
        self.prime, self.order = _secret_primes()
        self._exp, self._log = {0: 1}, {1: 0}
        self._secret = random.SystemRandom()
        self._generator = pow(self._secret.randrange(2, self.prime), (self.prime - 1) // self.order, self.prime)

    def __len__(self) -> int:
        return len(self._exp) + len(self._log)

    def copy(self) -> "Marks":
        """The same marks, to which others are added."""
        other = copy.copy(self)
        other._exp, other._log = dict(self._exp), dict(self._log)
        return other

    def of(self, value: Fraction) -> int:
        return value.numerator * self._inverse(value.denominator) % self.prime

    def _inverse(self, m: int) -> int:
        return pow(m, -1, self.prime)

    def _pair(self, a: int, m: int) -> None:
        a, m = a % self.prime, m % self.prime
        inverse = self._inverse(m)
        self._exp |= {a: m, -a % self.prime: inverse}
        self._log |= {m: a, inverse: -a % self.prime}

    def exp(self, a: int, exact: Fraction | None) -> int | None:
        """The mark of exp of a number with the mark `a`, which is `exact` where it is a fraction."""
        if a not in self._exp:
            if len(self._exp) > MAX_MARKS:
                return None
            if exact is not None:
                power = exact.numerator * pow(exact.denominator, -1, self.order) % self.order
                self._pair(a, pow(self._generator, power, self.prime))
            elif (m := self._known_exp(a)) is not None:
                self._pair(a, m)
            else:  # the new mark is a square, so that exp(a/2) has one too
                root = self._secret.randrange(2, self.prime)
                self._pair(a * self._inverse(2), root)
                self._pair(a, root * root)
        return self._exp[a]

    def _known_exp(self, a: int) -> int | None:
        """exp(a) where a is a sum or a small multiple of numbers whose exponentials have marks."""
        if len(self._exp) > MAX_SEARCH:
            return None
        for b, m in self._exp.items():
            if (rest := (a - b) % self.prime) in self._exp:
                return m * self._exp[rest]
        parts = {a * inverse % self.prime: times for times, inverse in enumerate(_inverses(self.prime), 1)}
        if any(b in self._exp for b in parts):
            b = next(b for b in self._exp if b in parts)
            return pow(self._exp[b], parts[b], self.prime)
        if len(self._exp) <= MAX_TRIPLES:
            for (b, m), (c, n) in itertools.combinations(self._exp.items(), 2):
                if (rest := (a - b - c) % self.prime) in self._exp:
                    return m * n * self._exp[rest]
        return None

    def log(self, m: int) -> int | None:
        if m not in self._log:
            if m == 0 or len(self._log) > MAX_MARKS:
                return None
            a = self._known_log(m)
            self._pair(self._secret.randrange(self.prime) if a is None else a, m)
        return self._log[m]

    def _known_log(self, m: int) -> int | None:
        """log(m) where m is a product or a small power of numbers whose logarithms have marks."""
        if len(self._log) > MAX_SEARCH:
            return None
        inverses = {n: self._exp[-a % self.prime] for n, a in self._log.items()}
        for n, a in self._log.items():
            if (rest := m * inverses[n] % self.prime) in self._log:
                return a + self._log[rest]
            for times in range(2, MAX_POWER + 1):
                if pow(n, times, self.prime) == m:
                    return a * times
        if len(self._log) <= MAX_TRIPLES:
            for n, q in itertools.combinations(self._log, 2):
                if (rest := m * inverses[n] * inverses[q] % self.prime) in self._log:
                    return self._log[n] + self._log[q] + self._log[rest]
        return None


def apart(a: Number, b: Number) -> bool:
    """Whether two numbers are known to differ: by their values where they are exact, else by their enclosures."""
    if not isinstance(a, Real) and not isinstance(b, Real):
        return bool(a != b)
    home = a.home if isinstance(a, Real) else b.home
    one, two = home(a), home(b)
    if one.exact is not None and two.exact is not None:
        return one.exact != two.exact
    (low, high), (lowest, highest) = one.bounds(), two.bounds()
    return high < lowest or highest < low


class Arithmetic:
    """How many digits enclosures are rounded to, and the marks. `final`: more digits will not be tried."""

    def __init__(self, digits: int, final: bool = True):
        limits: Any = {"prec": digits, "Emax": MAX_EMAX, "Emin": MIN_EMIN, "traps": [InvalidOperation]}
        self.digits, self.final = digits, final
        self.down = Context(rounding=ROUND_FLOOR, **limits)
        self.up = Context(rounding=ROUND_CEILING, **limits)
        self.near = Context(rounding=ROUND_HALF_EVEN, **limits)
        self.marks = Marks()

    def __call__(self, value: Number) -> "Real":
        """An int or a Fraction as a Real."""
        return value if isinstance(value, Real) else Real(self, Fraction(value))

    def unsure(self, what: str) -> Exception:
        if self.final:
            return TooClose(f"{what} cannot be decided with {self.digits} digits")
        return Imprecise(what)


def _bounded(operation: Callable[["Real", Any], "Real"]) -> Callable[["Real", Any], "Real"]:
    """An operation that gives no verdict where its bounds are infinite."""

    @functools.wraps(operation)
    def bounded(self: "Real", other: Any) -> "Real":
        try:
            return operation(self, other)
        except InvalidOperation:
            raise TooClose("a number too large to be enclosed") from None

    return bounded


class Real:
    """A number of an `Arithmetic`: exact, or within [low, high]; the mark is None where none is known."""

    __slots__ = ("_mark", "exact", "high", "home", "low")

    def __init__(
        self,
        home: Arithmetic,
        exact: Fraction | None,
        low: Decimal | None = None,
        high: Decimal | None = None,
        mark: int | None = None,
    ):
        self.home, self.exact, self.low, self.high, self._mark = home, exact, low, high, mark

    def _exactly(self, value: Fraction) -> "Real":
        """A fraction, enclosed where it is too long to be kept."""
        found = Real(self.home, value)
        if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
            found = Real(self.home, None, *found.bounds(), found.mark)
        return found

    @property
    def mark(self) -> int | None:
        if self._mark is None and self.exact is not None:
            self._mark = self.home.marks.of(self.exact)
        return self._mark

    def bounds(self) -> tuple[Decimal, Decimal]:
        if self.low is None or self.high is None:
            assert self.exact is not None
            top, bottom = Decimal(self.exact.numerator), Decimal(self.exact.denominator)
            self.low, self.high = self.home.down.divide(top, bottom), self.home.up.divide(top, bottom)
        return self.low, self.high

    def _like(self, other: Any) -> "Real | None":
        if isinstance(other, Real):
            return other
        return Real(self.home, Fraction(other)) if isinstance(other, int | Fraction) else None

    @_bounded
    def __add__(self, other: Any) -> "Real":
        if (that := self._like(other)) is None:
            return NotImplemented
        if self.exact is not None:
            if that.exact is not None:
                return self._exactly(self.exact + that.exact)
            if not self.exact:
                return that
        elif that.exact is not None and not that.exact:
            return self
        (a, b), (c, d), home = self.bounds(), that.bounds(), self.home
        m, n = self.mark, that.mark
        mark = None if m is None or n is None else (m + n) % home.marks.prime
        return Real(home, None, home.down.add(a, c), home.up.add(b, d), mark)

    __radd__ = __add__

    def __neg__(self) -> "Real":
        if self.exact is not None:
            return Real(self.home, -self.exact)
        low, high = self.bounds()
        mark = None if self.mark is None else -self.mark % self.home.marks.prime
        return Real(self.home, None, high.copy_negate(), low.copy_negate(), mark)

    def __sub__(self, other: Any) -> "Real":
        return NotImplemented if (that := self._like(other)) is None else self + -that

    def __rsub__(self, other: Any) -> "Real":
        return (-self).__add__(other)

    @_bounded
    def __mul__(self, other: Any) -> "Real":
        if (that := self._like(other)) is None:
            return NotImplemented
        for one, two in ((self, that), (that, self)):
            if one.exact is not None:
                if two.exact is not None:
                    return self._exactly(one.exact * two.exact)
                if not one.exact:
                    return one
                if one.exact == 1:
                    return two
        (a, b), (c, d), home = self.bounds(), that.bounds(), self.home
        down, up = home.down.multiply, home.up.multiply
        if a >= 0 and c >= 0:
            low, high = down(a, c), up(b, d)
        elif b <= 0 and d <= 0:
            low, high = down(b, d), up(a, c)
        else:
            low = min(down(a, c), down(a, d), down(b, c), down(b, d))
            high = max(up(a, c), up(a, d), up(b, c), up(b, d))
        m, n = self.mark, that.mark
        mark = None if m is None or n is None else m * n % home.marks.prime
        return Real(home, None, low, high, mark)

    __rmul__ = __mul__

    def _reciprocal(self) -> "Real":
        if self.exact is not None:
            return Real(self.home, 1 / self.exact)  # ZeroDivisionError where it is 0
        low, high = self.bounds()
        if low <= 0 <= high:
            if self.mark == 0:
                raise ZeroDivisionError
            raise self.home.unsure("a division by a number near 0")
        one = Decimal(1)
        mark = pow(self.mark, -1, self.home.marks.prime) if self.mark else None
        return Real(self.home, None, self.home.down.divide(one, high), self.home.up.divide(one, low), mark)

    def __truediv__(self, other: Any) -> "Real":
        return NotImplemented if (that := self._like(other)) is None else self * that._reciprocal()

    def __rtruediv__(self, other: Any) -> "Real":
        return self._reciprocal().__mul__(other)

    def __pow__(self, exponent: int) -> "Real":
        if self.exact is not None:
            return self._exactly(self.exact**exponent)
        power = Real(self.home, Fraction(1))
        for _ in range(exponent):
            power = power * self
        if exponent % 2 == 0 and power.exact is None and power.bounds()[0] < 0:
            power.low = Decimal(0)
        return power

    def __abs__(self) -> "Real":
        if self.exact is not None:
            return Real(self.home, abs(self.exact))
        low, high = self.bounds()
        if low >= 0:
            return self
        return -self if high <= 0 or self < 0 else self

    def compare(self, other: Any) -> int:
        """-1, 0 or 1 as this number is smaller than the other, equal or larger; raises where that is open."""
        that = self._like(other)
        if that is None:
            raise TypeError(f"a Real cannot be compared with {type(other).__name__}")
        if self.exact is not None and that.exact is not None:
            return (self.exact > that.exact) - (self.exact < that.exact)
        (a, b), (c, d) = self.bounds(), that.bounds()
        if b < c or a > d:
            return -1 if b < c else 1
        if self.mark is not None and self.mark == that.mark:
            return 0
        raise self.home.unsure("which of two numbers is larger")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Real | int | Fraction) and self.compare(other) == 0

    def __lt__(self, other: Any) -> bool:
        return self.compare(other) < 0

    def __le__(self, other: Any) -> bool:
        return self.compare(other) <= 0

    def __gt__(self, other: Any) -> bool:
        return self.compare(other) > 0

    def __ge__(self, other: Any) -> bool:
        return self.compare(other) >= 0

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return self != 0

    def __float__(self) -> float:
        try:
            if self.exact is not None:
                return float(self.exact)
            low, high = self.bounds()
            return float(self.home.near.divide(self.home.near.add(low, high), Decimal(2)))
        except OverflowError:
            return float("inf") if self > 0 else float("-inf")

    def exp(self) -> "Real":
        if self.exact == 0:
            return Real(self.home, Fraction(1))
        low, high = self.bounds()
        near = self.home.near  # rounds correctly: the true value is between the neighbours
        least = Decimal(0) if low < -MAX_EXPONENT else near.next_minus(near.exp(min(low, Decimal(MAX_EXPONENT))))
        most = _INFINITY if high > MAX_EXPONENT else near.next_plus(near.exp(max(high, Decimal(-MAX_EXPONENT))))
        mark = None if self.mark is None else self.home.marks.exp(self.mark, self.exact)
        return Real(self.home, None, least, most, mark)

    def log(self) -> "Real":
        if self.exact == 1:
            return Real(self.home, Fraction(0))
        if self <= 0:
            raise OutsideDomain("the logarithm of a number that is not positive")
        near, (low, high) = self.home.near, self.bounds()
        mark = None if self.mark is None else self.home.marks.log(self.mark)
        return Real(self.home, None, near.next_minus(near.ln(low)), near.next_plus(near.ln(high)), mark)

    def log1p(self) -> "Real":
        return (self + 1).log()

    def tanh(self) -> "Real":
        squared = (self + self).exp()
        return (squared - 1) / (squared + 1)
