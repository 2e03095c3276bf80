"""A network with numbers in it: what a sheet states above its claims."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from gradsheet.network.network import Network
from manual import Layer
from manual.activations import Array


@dataclass(frozen=True, eq=False)
class Problem:
    """A network, its parameters, its data and the learning rate; the loss is
    the network's.

    N examples, I inputs and O units of a layer: params are (W, b) with W (O, I)
    and b (O,), () where it is shared, or None; x is (N, I), y (N, O) or None;
    d_yhat (O,) is dL/dyhat where the network leaves the loss unspecified. The
    numbers are of one type: Fractions as a sheet gives them, or whatever
    `converted` makes of them.
    """

    network: Network
    params: tuple[Layer, ...]
    x: Array
    y: Array | None = None
    d_yhat: Array | None = None
    rate: Any = None

    def arrays(self) -> Iterator[Array]:
        """Every array that there is."""
        yield from (array for array in self._given if array is not None)

    @property
    def _given(self) -> tuple[Array | None, ...]:
        return self.x, self.y, self.d_yhat, *(array for layer in self.params for array in layer)

    def converted(self, convert: Callable[[Array], Array]) -> "Problem":
        """The problem with every array converted; the learning rate stays as it is."""

        def one(array: Array | None) -> Any:
            return None if array is None else convert(array)

        params = tuple(Layer(one(W), one(b)) for W, b in self.params)
        data = {"x": one(self.x), "y": one(self.y), "d_yhat": one(self.d_yhat)}
        return replace(self, params=params, **data)

    @cached_property
    def key(self) -> Hashable:
        """What two problems have in common that are the same."""
        numbers = (None if array is None else tuple(array.flat) for array in self._given)
        return self.network, self.rate, *numbers


def stated(
    network: Network, params: Sequence[Layer], x: Array, y: Array | None, rate: Fraction | None
) -> Problem:
    """The problem of a sheet with numbers.

    Where it has no loss it has no claim on dL either, and any dL/dyhat will do.
    """
    any_d_yhat = np.array([Fraction(1)] * network.widths[-1], object)
    return Problem(network, tuple(params), x, y, any_d_yhat if network.loss is None else None, rate)
