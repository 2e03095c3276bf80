"""All that the judge knows of a loss: one record each, which other files ask.

A new loss is a record here, one in `manual.losses` and a function in
`ref.losses`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from manual import losses as by_hand

Interval = tuple[float, float]


@dataclass(frozen=True)
class LossFacts:
    """What there is to know of a loss.

    It is a sum of shares, one for every output yhat with its target y. The
    values:

    factor         of a loss of squares, where dL/dyhat is (yhat - y) times
                   this, of the number of outputs
    averages       whether it is a mean over the outputs, not a sum
    probabilities  whether targets are probabilities, and logarithms are taken
                   of the outputs
    add_up         whether the targets of an example are to add up to 1
    both           whether 1 - y and 1 - yhat enter as y and yhat do
    domain         two numbers strictly between which all outputs have to lie
    behind         the activation in front of it against which it cancels, so
                   that dL/dz is yhat - y

    The texts, in the sheet's language, of the names of an output's yhat and y
    and the number of `outputs`:

    text           a share
    gradient       dL/dyhat
    by_target      dL/dy; "" where there is no target
    is_whole       whether these are read of whole vectors, too
    negated        a share without the minus sign that may stand in front of
                   their sum; "" where it has none
    words          the loss, as a tutor says it
    together       what is left of it and the activation that it cancels
                   against, likewise
    """

    name: str
    text: str
    gradient: str
    words: str
    by_target: str = ""
    factor: Callable[[int], Fraction] | None = None
    averages: bool = False
    probabilities: bool = False
    add_up: bool = False
    both: bool = False
    domain: Interval = (-math.inf, math.inf)
    behind: str = ""
    is_whole: bool = True
    negated: str = ""
    together: str = ""

    @property
    def is_square(self) -> bool:
        """Whether it is one of squares."""
        return self.factor is not None

    @property
    def rational(self) -> bool:
        """Whether it is a fraction of y and yhat, or unspecified."""
        return not self.name or by_hand.LOSSES[self.name].rational


UNSPECIFIED = LossFacts("", "", "", "")
_RECORDS = (
    LossFacts(
        "half_squared_error",
        text="({y} - {yhat})**2/2",
        gradient="({yhat} - {y})",
        by_target="({y} - {yhat})",
        factor=lambda _: Fraction(1),
        words="Half the square of how far the output is off the target",
    ),
    LossFacts(
        "squared_error",
        text="({y} - {yhat})**2",
        gradient="2*({yhat} - {y})",
        by_target="2*({y} - {yhat})",
        factor=lambda _: Fraction(2),
        words="The square of how far the output is off the target",
    ),
    LossFacts(
        "mean_squared_error",
        text="({y} - {yhat})**2/{outputs}",
        gradient="2/{outputs}*({yhat} - {y})",
        by_target="2/{outputs}*({y} - {yhat})",
        factor=lambda outputs: Fraction(2, outputs),
        averages=True,
        words="The square of how far the output is off the target, the mean over the outputs",
    ),
    LossFacts(
        "binary_cross_entropy",
        text="(-{y}*log({yhat}) - (1 - {y})*log(1 - {yhat}))",
        gradient="({yhat} - {y})/({yhat}*(1 - {yhat}))",
        by_target="(log(1 - {yhat}) - log({yhat}))",
        probabilities=True,
        both=True,
        domain=(0, 1),
        behind="sigmoid",
        is_whole=False,  # 1 - yhat is read of entries only
        words="The binary cross-entropy, with the natural logarithm",
        together="with the loss in front only ŷ − y is left",
    ),
    LossFacts(
        "cross_entropy",
        text="(-{y}*log({yhat}))",
        gradient="-{y}/{yhat}",
        by_target="-log({yhat})",
        probabilities=True,
        add_up=True,
        domain=(0, math.inf),
        behind="softmax",
        negated="{y}*log({yhat})",
        words="The cross-entropy, with the natural logarithm",
        together="with the loss in front, and targets that add up to 1, only ŷ − y is left",
    ),
    LossFacts(
        "output",
        text="{yhat}",
        gradient="1",
        is_whole=False,
        words="The loss is the output itself",
    ),
)
LOSSES = {record.name: record for record in _RECORDS}
SQUARES = tuple(name for name, record in LOSSES.items() if record.is_square)


def of(loss: str | None) -> LossFacts:
    """The record of a loss; where it is unspecified, one with nothing in it."""
    return UNSPECIFIED if loss is None else LOSSES[loss]
