"""Why there is no verdict: every reason, from a sum that fits no matrix to work
that nobody pays for.

    Undecided           no verdict is honest here
      TooClose            no number of digits tried sets two numbers apart
      AtKink              a z is exactly 0, and there is no derivative
    Imprecise           these digits do not decide; more may
    OutsideDomain       the logarithm of a number that is not positive
    EvaluationError     a formula has no value here
      DivisionByZero      at this point, though it may have one at others
      OtherEntry          or an entry beside the one that is meant has none
      NotRead             its notation has no meaning here, or more than one
    Missing             the network has no such quantity
    OutOfWork           the operations or the time of a sheet are spent

The message of each says what was found and what it should be.
"""


class Undecided(Exception):
    """No verdict is honest here; the message says why."""


class TooClose(Undecided):
    """Two numbers that no number of digits tried sets apart, and that nothing shows to be equal."""


class AtKink(Undecided):
    """There is no derivative here: a z is exactly 0."""


class OutOfWork(Exception):
    """Something takes more operations than there are for it; or more time than anything should."""


class Imprecise(Exception):
    """Two numbers that these digits do not set apart; more may."""


class OutsideDomain(ArithmeticError):
    """The logarithm of a number that is not positive."""


class EvaluationError(ValueError):
    """A formula that has no value here: a shape, an index, a division by 0. The
    message says why."""


class DivisionByZero(EvaluationError):
    """A formula that has no value at this point, though it may have one at others."""


class OtherEntry(EvaluationError):
    """An array of which some entry has no value here, maybe not the one that is
    meant: nothing is known to be false."""


class NotRead(EvaluationError):
    """A notation with no meaning here, or with more than one: what it says is
    not known, not false."""


class Missing(ValueError):
    """A quantity that this network does not have; the message says why."""


# Whatever keeps a formula from having a value that can be told.
NO_VALUE = (EvaluationError, Missing, Undecided, Imprecise, ArithmeticError)
# The same, or what nobody pays for.
NO_ANSWER = (*NO_VALUE, OutOfWork)
