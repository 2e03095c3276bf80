"""Formal numbers: what is claimed for all values is computed once, with letters.

A letter, something that may be any number, is drawn as a secret element of the
prime field of `marks`, and a formal number is the mark of what is made of such
letters: a `Real` without its enclosure. Two of one mark are equal for all values
of the letters, wherever both are defined, but for a probability of at most
degree / 2^120 (Schwartz, Zippel). Two of different marks may yet be equal.

An identity has to hold on either side of every kink. So there are two kinds of
symbols besides, with a law each:

    s s = s     a bit, "the argument of this kink is above 0": relu(z) = s z (1)
    e e = 1     the sign by which a root of the field is the positive one:
                sqrt(a) = e r                                             (2)

A number with symbols in it is a sum of their products, `Branched`, on which the
laws are kept. Where a sum has more than some `terms` each symbol in it gets a
secret element, too, and the laws are forgotten: what is shown without them is
true with them. One term keeps them as long as there are only factors, and is
what the chain rule needs; the more terms, the more is multiplied out.

The bit of -z is 1 - s: z is 0 for few values of its letters. If z has bits
itself it may be 0 for whole patterns of them; where that matters, at a jump, -z
has a bit of its own.

What is not seen: squares that nobody squared, signs that no product or sum
shows, and sides that do not go together, which `sides` sees. Then what is equal
is not shown to be.
"""

import functools
import itertools
import operator
import random
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from gradsheet.numbers.budget import DIGITS, Budget
from gradsheet.numbers.marks import Logs, Mark, Marks, Share
from gradsheet.numbers.reasons import OutsideDomain
from manual.dual import Dual

TERMS = 64  # of a sum of products of symbols, at most
PER_TERM = 1 / 2  # operations of a term in a sum with symbols
MAX_EXPANDED = 3  # symbols in the argument of a function that is looked at on both sides of each
MAX_SIDES = 8  # kinks of which every side is looked at for a number that is 0 there
MAX_DIVISORS = 100  # numbers that are looked for as factors where a root or logarithm is taken
MAX_MULTIPLES = 200  # arguments of kinks that are looked for as multiples of each other
# A root serves those of such multiples, by the square of each.
MULTIPLES = [*dict.fromkeys(Fraction(n, d) for n in range(1, 7) for d in range(1, 7))]

Number = Any  # an int, a Fraction, a Formal, a Branched, or a Dual of these
Symbols = tuple[int, int]  # the bits and the signs in a product, each a set of binary digits
NONE: Symbols = (0, 0)


class FormalField:
    """The letters and symbols of formal numbers."""

    digits = DIGITS
    max_expanded = MAX_EXPANDED

    def __init__(self, terms: int = TERMS):
        self.budget = Budget()  # which pays for terms with symbols
        self.marks, self.terms = Marks(), terms
        self._secret = random.SystemRandom()
        self._symbols: list[Formal] = []
        self._arguments: list[Mark | None] = []  # what is positive by them
        self._products: dict[Symbols, Formal] = {NONE: self.fraction(Fraction(1))}
        # The bit of a kink by its argument, and whether that is of its sign.
        self._bits: dict[Mark, tuple[int, bool]] = {}
        self._jumps: dict[int, int] = {}  # the bits of -z that are not 1 - s
        self._squared: dict[Mark, Formal] = {}  # what was squared, by its square
        self._roots: dict[Mark, Formal | Branched] = {}
        self._rooted: list[Mark] = []  # those that are no multiples of each other
        self._logs: dict[Mark, Share] = {}  # of what is not known to be positive
        self.divisors: dict[Mark, None] = {}  # the positive ones
        self._powers: dict[Mark, int] = {}
        self._unknown: dict[Any, Formal] = {}
        self._shares: dict[tuple[tuple[Symbols, ...], tuple[bool, ...]], Number] = {}
        self.one = Formal(self, 1, plain=False)  # times what is not known to be positive

    def __call__(self, value: Number) -> Number:
        """An int or a Fraction as a Formal, also in a dual number; what is formal
        stays what it is."""
        if isinstance(value, Dual):
            return type(value)(self(value.value), value.slope, value.level)
        formal = isinstance(value, Formal | Branched)
        return value if formal else self.fraction(Fraction(value))

    def fraction(self, value: Fraction) -> "Formal":
        """A fraction as a Formal."""
        sign = (value > 0) - (value < 0)
        return Formal(self, self.marks.of(value), value, sign=sign)

    def letter(self, *, positive: bool = False) -> "Formal":
        """Something that may be any number, or any positive one."""
        if not positive:
            return Formal(self, self._random())
        root = Formal(self, self._random(), sign=1)  # a square, of which the root is known
        letter = Formal(self, self.marks.raised(root.mark, 2), sign=1)
        self._note_root(letter.mark, root)
        return letter

    def _random(self) -> Mark:
        return self._secret.randrange(1, self.marks.prime)

    def secret(self, of: Any, sign: int = 0) -> "Formal":
        """What is only known to be itself, made of something."""
        if of not in self._unknown:
            self._unknown[of] = Formal(self, self._random(), plain=False, sign=sign)
        return self._unknown[of]

    def power_at(self, m: Mark, power: int | None) -> int:
        """The exponent of g in exp of a number: that of a product is the product
        of theirs, so that exp(a (b + c)) is exp(a b) exp(a c); of the same mark
        it is the same, for sqrt(a) sqrt(a) is a."""
        if not isinstance(m, int):  # which takes long to look up
            return self.marks.power(m) if power is None else power
        if m not in self._powers:
            power = self.marks.power(m) if power is None else power
            self._powers |= {m: power, -m % self.marks.prime: -power % self.marks.order}
        return self._powers[m]

    # Symbols

    def share_of(self, symbols: tuple[Symbols, ...], sides: tuple[bool, ...]) -> Number:
        """1 where some symbols are on these sides, 0 elsewhere."""
        if not symbols:
            return self(1)
        if (symbols, sides) not in self._shares:
            (*_, (bit, sign)), (*_, side) = symbols, sides
            that = Branched(self, {(bit, sign): self(1)})
            if bit:
                half = that if side else 1 - that
            else:
                half = (1 + (that if side else -that)) * Fraction(1, 2)
            before = self.share_of(symbols[:-1], sides[:-1])
            self._shares[symbols, sides] = before * half
        return self._shares[symbols, sides]

    def _symbol(self, argument: Mark | None = None) -> int:
        """One more symbol, for the sign of a number that is 0 for few values;
        None of one that may be 0 on a side of other symbols."""
        self._symbols.append(Formal(self, self._random(), plain=False))
        self._arguments.append(argument)
        return len(self._symbols) - 1

    def patterns(self, symbols: Sequence[Symbols]) -> Iterable[tuple[bool, ...]]:
        """The sides of some symbols that go together: all of them, as far as is known here."""
        return itertools.product((True, False), repeat=len(symbols))

    def is_zero(self, z: Number) -> bool:
        """Whether a number is 0 on all sides, as far as the laws of its symbols show it."""
        return bool(z.flat.mark == 0)

    def product_of(self, symbols: Symbols) -> "Formal":
        """The product of some symbols, their laws forgotten."""
        if symbols not in self._products:
            product = Formal(self, 1, plain=False)
            for k in itertools.chain(*map(_digits, symbols)):
                product = product * self._symbols[k]
            self._products[symbols] = product
        return self._products[symbols]

    def bit(self, z: Number, *, jump: bool) -> Number:
        """1 where z is above 0, 0 where it is below; at 0 itself 0 if there is a
        `jump`, else no matter what."""
        if isinstance(z, Dual):
            return self.bit(z.value, jump=jump)
        z = whole = self(z)
        if isinstance(z, Branched):
            common = functools.reduce(operator.and_, (bits for bits, _ in z.terms))
            if common:  # above 0 where all of its bits are, and what they are a factor of
                terms = {(bits & ~common, signs): c for (bits, signs), c in z.terms.items()}
                rest = terms[NONE] if [*terms] == [NONE] else Branched(self, terms)
                return Branched(self, {(common, 0): self(1)}) * self.bit(rest, jump=jump)
            z = z.flat
        if not z.mark or z.sign:
            return Fraction(int(z.mark != 0 and z.sign > 0))
        if z.mark not in self._bits:
            self._bits[z.mark] = self._known_bit(z.mark) or (
                self._symbol(z.mark if z.plain else None),
                True,
            )
            k, is_same = self._bits[z.mark]
            self._bits[self.marks.reduced(-z.mark)] = k, not is_same
        k, is_same = self._bits[z.mark]
        if not is_same and jump and not z.plain and not self._never_0(whole):
            if k not in self._jumps:
                self._jumps[k] = self._symbol()
            k, is_same = self._jumps[k], True
        bit = Branched(self, {(1 << k, 0): self(1)})
        return bit if is_same else 1 - bit

    def _never_0(self, z: Number) -> bool:
        """Whether a number is 0 on no side of any kink, where these are few."""
        terms = z.terms if isinstance(z, Branched) else {}
        bits = [*_digits(functools.reduce(operator.or_, (own for own, _ in terms), 0))]
        if not terms or any(signs or not c.plain for (_, signs), c in terms.items()):
            return False
        if len(bits) > MAX_SIDES:
            return False
        for sides in itertools.product((0, 1), repeat=len(bits)):
            off = sum(1 << k for k, on in zip(bits, sides, strict=True) if not on)
            if not self.marks.reduced(
                sum(c.mark for (own, _), c in terms.items() if not own & off)
            ):
                return False
        return True

    def _known_bit(self, m: Mark) -> tuple[int, bool] | None:
        """The bit of a multiple, by a fraction, of what has one."""
        if len(self._bits) > MAX_MULTIPLES:
            return None
        inverse = self.marks.raised(m, -1)
        for other, (k, is_same) in self._bits.items():
            if times := self.marks.fraction(self.marks.reduced(other * inverse)):
                return k, is_same == (times > 0)
        return None

    def absolute(self, z: Number) -> Number:
        """The larger one of z and -z."""
        return 2 * self.bit(z, jump=False) * z - z

    def squared(self, z: "Formal", square: "Formal") -> None:
        """Take note of a square."""
        self._squared[square.mark] = z

    def root(self, z: "Formal") -> Number:
        """The positive square root of a number that is no fraction, by (2)."""
        if z.mark not in self._roots:
            if z.mark in self._squared:
                return self.absolute(self._squared[z.mark])
            for n in [*self._squared, *self._rooted][:MAX_DIVISORS]:
                quotient = self.marks.reduced(z.mark * self.marks.raised(n, -1))
                if quotient in self._squared or quotient in self._roots:
                    return self.root(Formal(self, quotient)) * self.root(Formal(self, n))
                product = self.marks.reduced(z.mark * n)
                if product in self._squared or product in self._roots:
                    return self.root(Formal(self, product)) / self.root(Formal(self, n))
            mark = self.marks.root(z.mark, Fraction(1, 2))
            if mark is None:
                return self.secret(("root", z.mark), z.sign)
            argument = mark if z.plain else None
            sign, root = (0, 1 << self._symbol(argument)), Formal(self, mark, plain=z.plain)
            self._note_root(z.mark, Branched(self, {sign: root}))
        return self._roots[z.mark]

    def _note_root(self, m: Mark, root: "Formal | Branched") -> None:
        """Take note of the positive root of a number, and of some multiples."""
        self._rooted.append(m)
        for times in MULTIPLES:
            multiple = self.marks.reduced(m * self.marks.of(times * times))
            self._roots[multiple] = root * times

    def log(self, z: "Formal") -> "Formal":
        """The logarithm of a number that is not known to be negative.

        That of a product is the sum only for positive factors: of others a
        logarithm just knows that it is itself.
        """
        root = self._squared.get(z.mark)
        if root is not None and root.sign:
            return 2 * self.log(root * root.sign)
        if z.sign > 0:
            share = self.marks.log(z.mark)
        elif (share := self._log_of_quotient(z.mark)) is None:
            new = Share(self._random(), 0, ((z.mark, Fraction(1)),))
            share = self._logs.setdefault(z.mark, new)
        if share is None:
            return self.secret(("log", z.mark))
        return Formal(self, share.mark, plain=z.plain, power=share.power, logs=share.logs)

    def log_of(self, m: Mark) -> "Formal":
        """The logarithm of a mark, which is known."""
        share = self._logs.get(m) or self.marks.log(m)
        assert share is not None
        return Formal(self, share.mark, power=share.power, logs=share.logs)

    def is_kept(self, m: Mark, times: Fraction) -> bool:
        """Whether a power of what has a logarithm is none of the marks' business:
        the number may be negative, or its root is one of two."""
        return m in self._logs or (times.denominator % 2 == 0 and not self.marks.is_fraction(m))

    def power_of(self, m: Mark, times: Fraction, *, plain: bool) -> Number:
        """Such a power, None where it is not known."""
        base = Formal(self, m, plain=plain)
        if times.denominator <= 2:
            return base.power(times)
        mark = self.marks.root(m, times) if times.denominator % 2 else None
        return None if mark is None else Formal(self, mark, plain=plain)

    def _log_of_quotient(self, m: Mark) -> Share | None:
        """The logarithm of a number if it is known to be made of positive ones."""
        for n in [*self.divisors][:MAX_DIVISORS]:
            if self.marks.has_log(self.marks.reduced(m * n)):
                self.marks.log(n)
        return self.marks.known_log(m)


class Formal:
    """A number without symbols: its mark, and the fraction that it is, if it is one.

    `plain` says that no symbol has been forgotten in it: if its mark is not 0,
    it is 0 for few values of its letters. `sign` is 1 if it is positive wherever
    it is defined, but for few values, -1 if it is negative, 0 where that is not
    known. `power_mark` and `logs` are its share in an exponent; see `marks`.
    """

    __slots__ = ("_power", "exact", "field", "logs", "mark", "plain", "sign")

    def __init__(
        self,
        field: FormalField,
        mark: Mark,
        exact: Fraction | None = None,
        *,
        plain: bool = True,
        sign: int = 0,
        power: int | None = None,
        logs: Logs = (),
    ):
        self.field, self.mark, self.exact = field, mark, exact
        self.plain, self.sign, self._power, self.logs = plain, sign, power, logs

    @property
    def power_mark(self) -> int:
        """What it adds to the exponent of g where it stands in one, but for logarithms."""
        if self._power is None:
            marks = self.field.marks
            if self.exact is not None:
                self._power = marks.power_of(self.exact)
            else:
                self._power = self.field.power_at(self.mark, None)
        return self._power

    @property
    def flat(self) -> "Formal":
        """Itself."""
        return self

    def _like(self, other: Any) -> "Formal | None":
        if isinstance(other, Formal):
            return other
        return self.field.fraction(Fraction(other)) if isinstance(other, int | Fraction) else None

    def __add__(self, other: Any) -> "Formal":
        if (that := self._like(other)) is None:
            return NotImplemented
        for one, two in ((self, that), (that, self)):
            if one.exact is not None:
                if two.exact is not None:
                    return self.field.fraction(one.exact + two.exact)
                if not one.exact:
                    return two
        mark, field = self.mark + that.mark, self.field
        mark = mark % field.marks.prime if type(mark) is int else field.marks.reduced(mark)
        total = Formal(field, mark, plain=self.plain and that.plain)
        if self.sign == that.sign:
            total.sign = self.sign
        total._power = (self.power_mark + that.power_mark) % field.marks.order
        total.logs = field.marks.plus(self.logs, that.logs)
        return total

    __radd__ = __add__

    def __neg__(self) -> "Formal":
        return self * Fraction(-1)

    def __sub__(self, other: Any) -> Number:
        return self + -other

    def __rsub__(self, other: Any) -> Number:
        return -self + other

    def __mul__(self, other: Any) -> "Formal":
        if (that := self._like(other)) is None:
            return NotImplemented
        field = self.field
        for one, two in ((self, that), (that, self)):
            if one.exact is not None:
                if two.exact is not None:
                    return field.fraction(one.exact * two.exact)
                if not one.exact:
                    return one
                if one.exact == 1:
                    return two
        mark = self.mark * that.mark
        mark = mark % field.marks.prime if type(mark) is int else field.marks.reduced(mark)
        product = Formal(field, mark, plain=self.plain and that.plain, sign=self.sign * that.sign)
        if not (self.logs or that.logs):
            power = self.power_mark * that.power_mark % field.marks.order
            product._power = field.power_at(mark, power)
        for one, two in ((self, that), (that, self)):
            if one.exact is not None:  # a multiple
                product._power = one.power_mark * two.power_mark % field.marks.order
                product.logs = tuple((m, times * one.exact) for m, times in two.logs)
        if self.mark == that.mark and mark:
            product.sign = product.sign or int(product.plain)
            field.squared(self, product)
        return product

    __rmul__ = __mul__

    def reciprocal(self) -> "Formal":
        """1 over it; ZeroDivisionError where it is 0 for all values."""
        if self.exact is not None:
            return self.field.fraction(1 / self.exact)
        if not self.mark:
            raise ZeroDivisionError
        if self.sign > 0:
            self.field.divisors[self.mark] = None
        marks, power = self.field.marks, None
        inverse = marks.raised(self.mark, -1)
        if not self.logs and self.power_mark:
            power = self.field.power_at(inverse, pow(self.power_mark, -1, marks.order))
        return Formal(self.field, inverse, plain=self.plain, sign=self.sign, power=power)

    def __truediv__(self, other: Any) -> "Formal":
        return NotImplemented if (that := self._like(other)) is None else self * that.reciprocal()

    def __rtruediv__(self, other: Any) -> Number:
        return self.reciprocal() * other

    def __pow__(self, exponent: int) -> "Formal":
        return _power(self, exponent)  # type: ignore[no-any-return]

    def __abs__(self) -> Number:
        return self.field.absolute(self)

    def __eq__(self, other: object) -> bool:
        return NotImplemented if (that := self._like(other)) is None else self.mark == that.mark

    __hash__ = None  # type: ignore[assignment]

    def __float__(self) -> float:
        """Any number: a softmax takes the entry off that floats see as the
        largest, and may take any."""
        return 0.0

    def exp(self) -> Number:
        """The exponential.

        That of a logarithm is the number itself, of which the marks are to hear
        nothing: only where it is positive there is a logarithm.
        """
        if self.exact == 0:
            return self.field(1)
        field, rest, factor = self.field, self, Fraction(1)
        for m, times in self.logs:
            if not field.is_kept(m, times):
                continue
            power = field.power_of(m, times, plain=self.plain)
            if power is None:
                return field.secret(("exp", self.power_mark, self.logs), 1)
            rest, factor = rest - field.log_of(m) * times, factor * power
        mark = field.marks.exp(Share(rest.mark, rest.power_mark, rest.logs))
        return Formal(field, mark, plain=self.plain, sign=1) * factor

    def log(self) -> "Formal":
        """The natural logarithm; OutsideDomain of what is never positive."""
        if self.exact == 1:
            return self.field.fraction(Fraction(0))
        self._not_negative("logarithm")
        if not self.mark:
            raise OutsideDomain("the logarithm of 0")
        return self.field.log(self)

    def sqrt(self) -> Number:
        """The square root; OutsideDomain of a negative number."""
        self._not_negative("square root")
        if not self.mark:
            return self
        if self.exact is None:
            return self.field.root(self)
        mark = self.field.marks.sqrt(self.mark)
        if mark is None:
            return self.field.secret(("root", self.mark), 1)
        return Formal(self.field, mark, sign=1)

    def _not_negative(self, what: str) -> None:
        if self.sign < 0:
            raise OutsideDomain(f"the {what} of a negative number")
        if self.exact is not None:
            self.field.marks.remember(self.exact)

    def power(self, exponent: Fraction) -> Number:
        """A power, of a number that is not negative where the exponent is not whole."""
        if exponent.denominator == 1:
            return self ** int(exponent)
        if exponent < 0:
            return 1 / self.power(-exponent)
        if exponent.denominator == 2:
            return self.sqrt() ** exponent.numerator
        if not self.mark:
            return self
        power = (self.log() * exponent).exp()
        # The logarithm is not there where it is 0, and the power is.
        return power if self.plain else power * self.field.one

    def sin(self) -> "Formal":
        """The sine."""
        return self._on_circle(1)

    def cos(self) -> "Formal":
        """The cosine."""
        return self._on_circle(0)

    def _on_circle(self, coordinate: int) -> "Formal":
        if self.exact == 0:
            return self.field.fraction(Fraction(1 - coordinate))
        marks = self.field.marks.circle(Share(self.mark, self.power_mark, self.logs))
        return Formal(self.field, marks[coordinate], plain=self.plain)


class Branched:
    """A sum of products of symbols, each with a factor without any; one at
    least, and some with symbols."""

    __slots__ = ("field", "terms")

    def __init__(self, field: FormalField, terms: dict[Symbols, Formal]):
        self.field, self.terms = field, terms

    exact = None

    @property
    def flat(self) -> Formal:
        """The number, the laws of its symbols forgotten."""
        total: Formal = self.field(0)
        for symbols, factor in self.terms.items():
            total = total + factor * self.field.product_of(symbols)
        return total

    def _terms_of(self, other: Any) -> dict[Symbols, Formal] | None:
        if isinstance(other, Branched):
            return other.terms
        if isinstance(other, int | Fraction):
            other = self.field(other)
        return {NONE: other} if isinstance(other, Formal) else None

    def _sum(self, terms: Iterable[tuple[Symbols, Formal]]) -> "Formal | Branched":
        """The sum of some terms, flat where there are too many."""
        total: dict[Symbols, Formal] = {}
        for symbols, factor in terms:
            total[symbols] = total[symbols] + factor if symbols in total else factor
        self.field.budget.spend(PER_TERM * len(total))
        total = {symbols: factor for symbols, factor in total.items() if factor.mark}
        if not total:
            return self.field.fraction(Fraction(0))
        if [*total] == [NONE]:
            return total[NONE]
        branched = Branched(self.field, total)
        return branched if len(total) <= self.field.terms else branched.flat

    def __add__(self, other: Any) -> "Formal | Branched":
        if (that := self._terms_of(other)) is None:
            return NotImplemented
        return self._sum((*self.terms.items(), *that.items()))

    __radd__ = __add__

    def __neg__(self) -> "Formal | Branched":
        return self * Fraction(-1)

    def __sub__(self, other: Any) -> Number:
        return self + -other

    def __rsub__(self, other: Any) -> Number:
        return -self + other

    def __mul__(self, other: Any) -> "Formal | Branched":
        if (that := self._terms_of(other)) is None:
            return NotImplemented
        if len(that) == 1 and NONE in that and that[NONE].exact == 1:
            return self
        if len(self.terms) * len(that) > self.field.terms:
            return self.flat * other.flat  # type: ignore[no-any-return]
        return self._sum(
            ((bits | more, signs ^ further), a * b)
            for (bits, signs), a in self.terms.items()
            for (more, further), b in that.items()
        )

    __rmul__ = __mul__

    def through(self, function: Callable[[Any], Number]) -> Number:
        """A function of it: on either side of a few symbols, or all of them forgotten."""
        bits, signs = 0, 0
        for more, further in self.terms:
            bits, signs = bits | more, signs | further
        symbols = [(1 << k, 0) for k in _digits(bits)] + [(0, 1 << k) for k in _digits(signs)]
        few = len(symbols) <= self.field.max_expanded
        if not (few and (patterns := [*self.field.patterns(symbols)])):
            return function(self.flat)
        total: Number = Fraction(0)
        for sides in patterns:
            value: Number = self
            for symbol, side in zip(symbols, sides, strict=True):
                value = value.at(symbol, side) if isinstance(value, Branched) else value
            if not (isinstance(result := function(value), Formal) and not result.mark):
                total = total + result * self.field.share_of(tuple(symbols), tuple(sides))
        return total

    @property
    def first_symbol(self) -> Symbols:
        """One of its symbols."""
        bits, signs = next(symbols for symbols in self.terms if symbols != NONE)
        return (bits & -bits, 0) if bits else (0, signs & -signs)

    def at(self, symbol: Symbols, side: bool) -> "Formal | Branched":
        """The number with one symbol on one side."""
        bit, sign = symbol
        terms = []
        for (bits, signs), factor in self.terms.items():
            if bits & bit and not side:
                continue
            negative = signs & sign and not side
            terms.append(((bits & ~bit, signs & ~sign), -factor if negative else factor))
        return self._sum(terms)

    def __truediv__(self, other: Any) -> Number:
        if (that := self._terms_of(other)) is None:
            return NotImplemented
        return self * (other.reciprocal() if isinstance(other, Branched) else 1 / that[NONE])

    def __rtruediv__(self, other: Any) -> Number:
        return self.reciprocal() * other

    def reciprocal(self) -> Number:
        """1 over it."""
        return self.through(lambda z: 1 / z)

    def __pow__(self, exponent: int) -> Number:
        return _power(self, exponent)

    def __abs__(self) -> Number:
        return self.field.absolute(self)

    def __eq__(self, other: object) -> bool:
        if self._terms_of(other) is None:
            return NotImplemented
        return self.field.is_zero(self - other)

    __hash__ = None  # type: ignore[assignment]

    def __float__(self) -> float:
        """Any number, as that of a Formal."""
        return 0.0

    def exp(self) -> Number:
        """The exponential."""
        return self.through(lambda z: z.exp())

    def log(self) -> Number:
        """The natural logarithm."""
        return self.through(lambda z: z.log())

    def sqrt(self) -> Number:
        """The square root."""
        return self.through(lambda z: z.sqrt())

    def power(self, exponent: Fraction) -> Number:
        """A power, of a number that is not negative where the exponent is not whole."""
        if exponent.denominator == 1:
            return self ** int(exponent)
        return self.through(lambda z: z.power(exponent))

    def sin(self) -> Number:
        """The sine."""
        return self.through(lambda z: z.sin())

    def cos(self) -> Number:
        """The cosine."""
        return self.through(lambda z: z.cos())


def _digits(binary: int) -> Iterable[int]:
    """The places of the ones in a set of binary digits."""
    return (k for k in range(binary.bit_length()) if binary >> k & 1)


def _power(z: Number, exponent: int) -> Number:
    """A whole power, by squares, which are never negative."""
    if exponent < 0:
        return z.reciprocal() ** -exponent
    if exponent < 2:
        return z if exponent else z.field(1)
    half = z ** (exponent // 2)
    return half * half * z if exponent % 2 else half * half


def _field_of(*numbers: Number) -> FormalField | None:
    for number in numbers:
        value = number
        while isinstance(value, Dual):
            value = value.value
        if isinstance(value, Formal | Branched):
            return value.field
    return None


def step(z: Number) -> Number:
    """1 where z is above 0, else 0."""
    field = _field_of(z)
    return Fraction(int(z > 0)) if field is None else field.bit(z, jump=True)


def side(z: Number) -> Number:
    """The same as a factor of what is 0 where z is."""
    field = _field_of(z)
    return Fraction(int(z > 0)) if field is None else field.bit(z, jump=False)


def larger(a: Number, b: Number) -> Number:
    """The larger of two numbers."""
    return b + side(a - b) * (a - b)


def holds(relation: str, a: Number, b: Number) -> Number:
    """1 where a relation holds between two numbers, else 0."""
    match relation:
        case ">":
            return step(a - b)
        case "<":
            return step(b - a)
        case ">=":
            return 1 - step(b - a)
        case "<=":
            return 1 - step(a - b)
    return 1 - step(a - b) - step(b - a)
