"""The functions of the formula language, and all that is known of activations.

An activation is a function of the language, but for the identity, and so is its
derivative. It has one record here, which every other file asks; a new one is a
record here, one in `manual.activations` and a function in `ref.activations`.
What a record leaves out is what holds of most: the function is called by its
name, its derivative by a `d` in front, it is curved, no steeper than the
identity, and every unit has it for itself.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from operator import methodcaller
from typing import Any

import numpy as np

from gradsheet.numbers.dual import Dual
from gradsheet.numbers.formal import side, step
from gradsheet.numbers.real import Real
from gradsheet.numbers.reasons import Undecided
from manual import activations as by_hand
from manual.activations import Array, split

Interval = tuple[float, float]


@dataclass(frozen=True)
class Function:
    """A function of the language: on one exact number, which may be a dual
    number or a ball, and on an array of floats.

    One that is `kinked` has a kink or a jump at 0, and is the same on every
    number; one that is `over_axis` takes an array of exact numbers at once, and
    goes over its last axis.
    """

    exact: Callable[..., Any]
    on_floats: Callable[[Array], Array] | None = None
    kinked: bool = False
    over_axis: bool = False
    arguments: int = 1


@dataclass(frozen=True)
class ActivationFacts:
    """What there is to know of an activation f, with h = f(z).

    The values:

    exact         f as the language has it, of an exact number: a `Real`, or
                  where there is a kink a Fraction
    textbook      f by the textbook's formula, of a formal number, which has no
                  side; None where there is a kink
    exact_prime   f' likewise; None where another function is f'
    from_h        f' from h and the number 1, where one computes it so: with a
                  rounded h
    between       two numbers strictly between which all h lie
    steepest      a bound of |f'|, but for a slope that is given; |f''| is to be
                  at most 1 and |f'''| at most 2
    exponentials  how many exponentials and logarithms f takes, of one that is
                  no fraction of z

    The kind:

    at_kink       what is taken for f' at a kink at 0; "" where there is none
    dead          whether h and f' are 0 where z is not positive
    mixes         whether every h of a layer depends on all its z
    usual         whether a sheet may have meant it where it names none

    The texts, in the sheet's language, of the names of a unit's z and h, and
    the `slope` that is given:

    text          f
    is_whole      whether that is read of a whole layer's z, too
    prime         the name of f'; "" is a d in front
    slope         f' as one writes it; "" is f' by its name
    slope_alone   f' of z alone; "" is `slope` with f(z) in the place of h
    words         f, as a tutor says it
    slope_words   f', likewise
    """

    name: str
    exact: Callable[..., Any] | None = None
    exact_prime: Callable[..., Any] | None = None
    textbook: Callable[[Any], Any] | None = None
    from_h: Callable[[Any, Any], Any] | None = None
    between: Interval = (-math.inf, math.inf)
    steepest: float = 1.0
    exponentials: int = 1
    at_kink: str = ""
    dead: bool = False
    mixes: bool = False
    usual: bool = False
    text: str = ""
    is_whole: bool = True
    prime: str = ""
    slope: str = ""
    slope_alone: str = ""
    words: str = ""
    slope_words: str = ""

    def __post_init__(self) -> None:
        defaults = {
            "text": f"{self.name}({{z}})",
            "prime": f"d{self.name}",
            "slope": f"{self.prime or f'd{self.name}'}({{z}})",
            "words": self.name,
            "slope_words": f"the slope of {self.name} is {self.name}′(z)",
        }
        for field, default in defaults.items():
            object.__setattr__(self, field, getattr(self, field) or default)
        alone = self.slope.replace("{h}", self.text)
        object.__setattr__(self, "slope_alone", self.slope_alone or alone)

    @property
    def kinked(self) -> bool:
        """Whether it has a kink at 0."""
        return bool(self.at_kink)

    @property
    def rational(self) -> bool:
        """Whether h is a fraction of z: piecewise linear, as the nudge takes it."""
        return by_hand.ACTIVATIONS[self.name].rational

    @property
    def parameters(self) -> int:
        """How many numbers come with it, as the slope of a leaky relu does."""
        return by_hand.ACTIVATIONS[self.name].parameters


def _step(v: Any) -> Fraction:
    return Fraction(int(v > 0))


def _sigmoid(v: Real) -> Real:
    return ((v - abs(v)) * Fraction(1, 2)).exp() / (1 + (-abs(v)).exp())


_RECORDS = (
    ActivationFacts("identity", text="{z}", slope="1"),
    ActivationFacts(
        "relu",
        exact=lambda v: v if v > 0 else Fraction(0),
        exact_prime=_step,
        at_kink="relu'(0) = 0",
        dead=True,
        usual=True,
        slope_alone="step({z})",
        words="relu, max(0, z)",
        slope_words="the slope is 1 for live units and 0 for dead ones",
    ),
    ActivationFacts(
        "leaky_relu",
        exact=lambda v, slope: v if v > 0 else slope * v,
        exact_prime=lambda v, slope: Fraction(1) if v > 0 else slope,
        at_kink="leaky_relu'(0) is its slope",
        text="relu({z}) - {slope}*relu(-{z})",
        slope="(drelu({z}) + {slope}*drelu(-{z}))",
        words="leaky relu, which lets some of a negative z through",
        slope_words="the slope is 1 for live units, and theirs for the others",
    ),
    ActivationFacts(
        "sigmoid",
        textbook=lambda v: 1 / (1 + (-v).exp()),
        exact=_sigmoid,
        exact_prime=lambda v: _sigmoid(v) * _sigmoid(-v),
        from_h=lambda h, one: h * (one - h),
        between=(0, 1),
        usual=True,
        slope="{h}*(1 - {h})",
        words="the sigmoid, 1/(1 + exp(−z))",
        slope_words="the slope of the sigmoid is h(1 − h)",
    ),
    ActivationFacts(
        "tanh",
        textbook=lambda v: 1 - 2 / (1 + (2 * v).exp()),
        exact=methodcaller("tanh"),
        exact_prime=lambda v: 4 * _sigmoid(2 * v) * _sigmoid(-2 * v),
        from_h=lambda h, one: one - h * h,
        between=(-1, 1),
        usual=True,
        slope="(1 - {h}**2)",
        slope_words="the slope of tanh is 1 − h²",
    ),
    ActivationFacts(
        "softplus",
        textbook=lambda v: (1 + v.exp()).log(),
        exact=lambda v: (v + abs(v)) * Fraction(1, 2) + (1 + (-abs(v)).exp()).log(),
        between=(0, math.inf),
        exponentials=3,
        text="log(1 + exp({z}))",
        is_whole=False,
        prime="sigmoid",
        words="softplus, ln(1 + exp(z))",
        slope_words="the slope of softplus is the sigmoid of z",
    ),
    ActivationFacts(
        "silu",
        textbook=lambda v: v / (1 + (-v).exp()),
        exact=lambda v: v * _sigmoid(v),
        exact_prime=lambda v: _sigmoid(v) * (1 + v * _sigmoid(-v)),
        steepest=1.1,
        slope="({h} + sigmoid({z})*(1 - {h}))",
        words="silu, z/(1 + exp(−z))",
        slope_words="the slope of silu is h + s(1 − h), with s the sigmoid of z",
    ),
    ActivationFacts(
        "softmax",
        exact=by_hand.softmax,
        between=(0, 1),
        mixes=True,
        words="softmax, every exp(z) over the sum of all",
        slope_words="every output of a softmax depends on every z",
    ),
)
ACTIVATIONS: dict[str, ActivationFacts] = {}
FUNCTIONS = {  # all that go entry by entry, or over an axis
    "step": Function(_step, kinked=True),
    "abs": Function(abs, np.abs, kinked=True),
    "exp": Function(methodcaller("exp"), np.exp),
    "log": Function(methodcaller("log"), np.log),
    "sqrt": Function(methodcaller("sqrt"), np.sqrt),
    "sin": Function(methodcaller("sin"), np.sin),
    "cos": Function(methodcaller("cos"), np.cos),
}
DERIVATIVES: dict[str, str] = {}  # f' of the functions that have a name for it


def add(facts: ActivationFacts) -> None:
    """Make an activation known, and with its derivative part of the language."""
    ACTIVATIONS[facts.name] = facts
    if facts.exact is None:
        return
    hand, arguments = by_hand.ACTIVATIONS[facts.name], 1 + facts.parameters
    FUNCTIONS[facts.name] = Function(facts.exact, hand.value, facts.kinked, facts.mixes, arguments)
    if facts.exact_prime is not None:
        on_floats = partial(by_hand.derivative, facts.name)
        FUNCTIONS[facts.prime] = Function(
            facts.exact_prime, on_floats, facts.kinked, arguments=arguments
        )
    if facts.prime in FUNCTIONS:
        DERIVATIVES[facts.name] = facts.prime


for _record in _RECORDS:
    add(_record)
DERIVATIVES |= {"exp": "exp", "sin": "cos"}


def facts_of(activation: by_hand.Activation) -> ActivationFacts:
    """The record of an activation, with its parameters or without."""
    return ACTIVATIONS[split(activation)[0]]


# Of formal numbers, for which a kink has two sides at once. A slope is 0 at a
# relu's kink wherever it is, also where its argument is 0 for a whole pattern.
_FORMAL: dict[str, Callable[..., Any]] = {
    "relu": lambda v: side(v) * v,
    "drelu": step,
    "leaky_relu": lambda v, slope: slope * v + (1 - slope) * side(v) * v,
    "dleaky_relu": lambda v, slope: slope + (1 - slope) * step(v),
    "step": step,
    "dstep": lambda v: Fraction(0),
    "ddrelu": lambda v: Fraction(0),
    "abs": lambda v: 2 * side(v) * v - v,
    "dabs": lambda v: step(v) - step(-v),
}


def on_formal(name: str) -> Callable[..., Any]:
    """A function of formal numbers, or with one more d in front its derivative;
    what is smooth by the textbook's formula, where saturation is no matter."""
    if name in _FORMAL:
        return _FORMAL[name]
    if name in ACTIVATIONS and (textbook := ACTIVATIONS[name].textbook) is not None:
        return textbook
    if name in FUNCTIONS and not FUNCTIONS[name].kinked and name[:1] != "d":
        return FUNCTIONS[name].exact
    if name[:1] != "d" or (name[1:] in ACTIVATIONS and ACTIVATIONS[name[1:]].kinked):
        raise Undecided(f"nothing here decides {name} for all values")
    value = on_formal(name[1:])

    def slope(v: Any, *slopes: Any) -> Any:
        moved = value(Dual(v, Fraction(1), getattr(v, "level", 0) + 1), *slopes)
        return moved.slope

    return slope
