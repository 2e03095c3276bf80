"""The marks of real numbers: in a group of prime order, and equal wherever a
law of exp and log says so.
"""

from fractions import Fraction

from gradsheet.numbers.marks import Marks, Share
from gradsheet.numbers.real import Arithmetic


def test_the_marks_of_exponentials_of_fractions_are_in_a_group_of_prime_order() -> None:
    marks = Marks()
    assert 2**120 < marks.order < 2**121
    assert (marks.prime - 1) % marks.order == 0
    assert all(pow(3, n - 1, n) == 1 for n in (marks.prime, marks.order))  # as P. Fermat has it
    assert (marks.exp(Share(0, 0)), marks.log(1), marks.log(0)) == (1, Share(0, 0), None)
    real = Arithmetic(40)
    m = real(1).exp().mark
    assert m != 1
    assert pow(m, real.marks.order, real.marks.prime) == 1


def test_marks_know_all_laws_for_exponentials_of_fractions() -> None:
    real = Arithmetic(40)
    third, half = real(Fraction(1, 3)).exp(), real(Fraction(1, 2)).exp()
    assert third**3 == half**2 == real(1).exp()
    assert third * half == real(Fraction(5, 6)).exp()
    assert third / half == real(Fraction(-1, 6)).exp()
    assert real(Fraction(100, 7)).exp() == real(Fraction(1, 7)).exp() ** 100


def test_marks_know_multiples_powers_and_sums_of_three() -> None:
    real = Arithmetic(40)
    a, b, c = real(1).exp(), real(2).exp(), real(Fraction(1, 3)).exp()
    assert (a + b + c).exp() == a.exp() * b.exp() * c.exp()
    assert (64 * a).exp() == a.exp() ** 64
    m = 1 + b
    once = m.log()
    for power in (4, 3, 2):
        assert (m**power).log() == power * once


def test_marks_know_sums_however_many_exponentials_there_are() -> None:
    real = Arithmetic(40)
    a, b = (real(Fraction(1, k)).exp() for k in (2, 3))
    for k in range(4, 64):
        real(Fraction(1, k)).exp().exp()
    assert (a + b).exp() == a.exp() * b.exp()
