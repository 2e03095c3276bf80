"""The value of every quantity of a network, under the sheet's names and shapes.

`GraphPoint` has the truth, on the word of three witnesses; `Carried` has what comes
of it where somebody carries on with other numbers, or takes other steps.
Formulas are evaluated on both alike.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import numpy as np

from gradsheet.language import formula as f
from gradsheet.language.text import formula_text
from gradsheet.numbers.budget import FLOAT_PASS, Budget
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.reasons import Missing, NotRead
from gradsheet.truth.work import FormulaWork
from manual.activations import Array

T = TypeVar("T")
Tensor = str | tuple[str, str]  # a node, "z1", or a derivative, ("L", "z1")
Index = tuple[int, ...]
Asked = tuple[str, Index, str, Index]  # d of[index] / d by[index]

MAX_FOUND = 500_000  # numbers that are kept of what was found at a point


class Values(ABC):
    """The values of a network: of nodes, parameters and derivatives.

    Quantities come and go under the sheet's names and shapes. `exact` says
    whether the numbers are Fractions, `bits` how long the given ones are; they
    are numbers of `arithmetic` otherwise, or floats where `floats` says so.
    """

    floats = False
    witnesses: Any = None

    def __init__(self, arithmetic: Any, budget: Budget, *, bits: int | None, exact: bool):
        self.arithmetic, self.budget = arithmetic, budget
        self.bits, self.exact = bits, exact
        self._found: LRUCache[Any] = LRUCache(MAX_FOUND)
        self.leaves: dict[tuple[Any, ...], Any] | None = {}

    @property
    @abstractmethod
    def network(self) -> Any:
        """What the names mean."""

    @property
    def rate(self) -> Any:
        """The learning rate, None where there is none."""
        return None

    def found(
        self,
        question: Hashable,
        find: Callable[[], T],
        cost: Callable[[Any], int] = np.size,
        *,
        marked: bool = True,
    ) -> T:
        """What was found here before, or is found now; `marked` where numbers of
        the pass are made on the way to it."""
        answer: T = self._found.get(question, find, cost)
        return answer

    def _of_network(
        self, question: Hashable, find: Callable[[], T], cost: Callable[[Any], int] = np.size
    ) -> T:
        """The same, of a question that is no sheet's own."""
        return self.found(question, find, cost)

    def decided(self, question: Hashable, find: Callable[[], bool]) -> bool:
        """Whether something is so, found here before or now. What that takes is
        spent either way, so that no verdict hangs on other sheets."""
        return find()

    def typed(self, number: Any) -> Any:
        """A number as the pass here has it: a fraction, or where exp or log enter a Real."""
        return number if self.exact else self.arithmetic(number)

    @abstractmethod
    def node(self, name: str) -> Array:
        """The value of a node or parameter, in the sheet's shape."""

    def derivative(
        self, of: str, of_index: tuple[int, ...], by: str, by_index: tuple[int, ...]
    ) -> Array:
        """d of[of_index] / d by[by_index]; indices count from 0, and axes that
        they leave open stay.

        Raises Missing where there is no such derivative, Undecided at a kink or
        where the witnesses disagree.
        """
        of, by = self.network.canonical(of), self.network.canonical(by)
        if reason := self.network.no_derivative(of, by):
            raise Missing(reason)
        asked = of, of_index, by, by_index
        return self._of_network(asked, lambda: self._picked(*asked))

    @abstractmethod
    def _picked(
        self, of: str, of_index: tuple[int, ...], by: str, by_index: tuple[int, ...]
    ) -> Array:
        """The same, of the one name that each has, where there is one."""

    # What only networks of their own have

    def differential(self, node: f.DerivativeOf, binding: Mapping[str, int]) -> Array:
        """The derivative of a formula."""
        raise NotRead(
            f"the derivative of a formula, {formula_text(node)}, cannot be taken yet: name it as a "
            "quantity"
        )

    def function(self, name: str) -> tuple[str, f.Node] | None:
        """A function of the sheet's own; a sheet of layers has none."""
        return None

    def own_slope(self, name: str, argument: Array) -> Array:
        """The derivative of such a function."""
        raise NotRead(f"{name} is no function of this sheet")

    # Kinks

    @abstractmethod
    def is_as_live_as(self, other: Any) -> bool:
        """Whether everything that has a kink stands on the side of it where it
        stands in other values."""

    def keep_kinks(self, other: "Values") -> None:
        """Take those of another point for what stands at its kink."""
        return

    # What it costs

    @property
    def float_pass(self) -> float:
        """The operations of a pass in floats, but for what comes back where it pays itself."""
        return FLOAT_PASS

    @functools.cached_property
    @abstractmethod
    def pass_work(self) -> Any:
        """What a pass costs here: `forward`, `both`, and a `jacobian` of a node."""

    @functools.cached_property
    def formulas_work(self) -> FormulaWork:
        """What formulas cost here."""
        return FormulaWork(self.network, self.bits)

    def formula_work(self, tree: f.Node) -> int:
        """The operations of the value of a formula here."""
        return self.formulas_work.of(tree)
