"""Random networks for the tests: small whole numbers on which floats are exact,
or any numbers for all activations."""

import itertools
import os
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

import manual
from gradsheet.checking.probes import Data
from gradsheet.network import problem as stated
from gradsheet.network.network import Network
from manual.activations import ACTIVATIONS, Elementwise


def examples(number: int) -> settings:
    """How many networks a test draws; EXAMPLES=20 in the environment makes it
    twenty times as many."""
    return settings(max_examples=number * int(os.environ.get("EXAMPLES", "1")))


RATIONAL_LOSSES = ("half_squared_error", "squared_error", "mean_squared_error")


class Problem(NamedTuple):
    """A network with data: everything that `value_and_grad` takes."""

    params: tuple[manual.Layer, ...]
    x: Any
    y: Any
    activations: tuple[Any, ...]
    loss: str
    reduction: str

    @property
    def arguments(self) -> tuple[Any, ...]:
        return self.params, self.x, self.y, self.activations

    @property
    def options(self) -> dict[str, str]:
        return {"loss": self.loss, "reduction": self.reduction}

    def astype(self, dtype: Any) -> "Problem":
        params = tuple(
            manual.Layer(W.astype(dtype), None if b is None else b.astype(dtype))
            for W, b in self.params
        )
        return self._replace(
            params=params,
            x=self.x.astype(dtype),
            y=None if self.y is None else self.y.astype(dtype),
        )

    def exact(self) -> "Problem":
        """The same numbers as Fractions."""

        def exact(array: Any) -> Any:
            return None if array is None else np.vectorize(Fraction, otypes=[object])(array)

        params = tuple(manual.Layer(exact(W), exact(b)) for W, b in self.params)
        return self._replace(params=params, x=exact(self.x), y=exact(self.y))


# Chosen, not drawn: unequal widths, a batch of 4, live and dead units in each layer, and one z that
# is exactly 0: that of unit 5 of layer 1 in example 1.
KINKED = Problem(
    (
        manual.Layer(
            np.array(
                [[1, -2, 3, 1], [2, 1, -1, 3], [-3, 2, 1, -1], [1, 3, -2, -1], [2, -1, 1, -3]],
                float,
            ),
            np.array([1, -1, 3, -1, 9], float),
        ),
        manual.Layer(
            np.array([[1, -1, 2, 3, -2], [-2, 3, 1, -1, 1], [3, 2, -1, 1, -3]], float),
            np.array([-4, 2, 1], float),
        ),
        manual.Layer(np.array([[2, -1, 3], [1, 3, -2]], float), np.array([1, -1], float)),
    ),
    np.array([[1, 2, 3, 4], [-2, 1, 3, -1], [3, -1, 1, 2], [2, 3, -1, -2]], float),
    np.array([[1, -2], [2, 1], [-1, 3], [4, 2]], float),
    ("relu", "relu", "identity"),
    "half_squared_error",
    "mean",
)


def network_of(problem: Problem) -> Network:
    widths = (problem.x.shape[1], *(len(W) for W, _ in problem.params))
    biases = tuple(
        None if b is None else "units" if b.ndim else "shared" for _, b in problem.params
    )
    return Network(
        widths, biases, problem.activations, problem.loss, problem.reduction, len(problem.x)
    )


def stated_problem(problem: Problem) -> stated.Problem:
    """The same as the judge has it."""
    return stated.Problem(network_of(problem), problem.params, problem.x, problem.y)


def data_of(problem: Problem, dtype: str) -> Data:
    """The numbers as they are in floats of a type, all the same in float64."""
    typed = problem.astype(dtype).astype(float)
    return Data(typed.params, typed.x, typed.y, typed.params)


def named(L: Any, grads: Any) -> dict[str, Any]:
    """The loss and the gradients by name: L, W1, b1, ..."""
    tensors = {
        f"{c}{l}": a for l, layer in enumerate(grads, 1) for c, a in zip("Wb", layer, strict=True)
    }
    return {
        "L": np.asarray(L),
        **{name: np.asarray(a) for name, a in tensors.items() if a is not None},
    }


def arrays(
    draw: st.DrawFn, shape: tuple[int, ...], entries: st.SearchStrategy[Any]
) -> np.ndarray[Any, Any]:
    size = int(np.prod(shape))
    return np.array(draw(st.lists(entries, min_size=size, max_size=size)), float).reshape(shape)


@st.composite
def problems(
    draw: st.DrawFn,
    entries: st.SearchStrategy[Any],
    hidden: tuple[Any, ...],
    ends: tuple[tuple[Any, str], ...],
    batches: tuple[int, ...] = (1, 2, 3, 4),
) -> Problem:
    """Widths 1 to 6, depth 1 to 4, layers with biases, a shared one or none;
    `ends` are (last activation, loss)."""
    depth = draw(st.integers(1, 4))
    widths = draw(st.lists(st.integers(1, 6), min_size=depth + 1, max_size=depth + 1))
    last, loss = draw(st.sampled_from(ends))
    if loss == "output":
        widths[-1] = 1
    examples = draw(st.sampled_from(batches))
    params = []
    for inputs, units in itertools.pairwise(widths):
        bias = draw(st.sampled_from(["units", "shared", None]))
        b = None if bias is None else arrays(draw, (units,) if bias == "units" else (), entries)
        params.append(manual.Layer(arrays(draw, (units, inputs), entries), b))
    x = arrays(draw, (examples, widths[0]), entries)
    y = arrays(draw, (examples, widths[-1]), entries)
    if loss == "binary_cross_entropy":
        y = (y > 0).astype(float)
    if loss == "cross_entropy":
        y = np.eye(widths[-1])[
            draw(st.lists(st.integers(0, widths[-1] - 1), min_size=examples, max_size=examples))
        ]
    activations = (
        *draw(st.lists(st.sampled_from(hidden), min_size=depth - 1, max_size=depth - 1)),
        last,
    )
    reduction = draw(st.sampled_from(["mean", "sum"]))
    return Problem(tuple(params), x, None if loss == "output" else y, activations, loss, reduction)


_SMALL = st.integers(-2, 2)
_EXACT_HIDDEN = ("identity", "relu", ("leaky_relu", 0.25))
_ANY_HIDDEN = (
    *_EXACT_HIDDEN,
    *(
        name
        for name, record in ACTIVATIONS.items()
        if isinstance(record, Elementwise) and not record.rational
    ),
)
_REGRESSION = tuple((a, loss) for a in _ANY_HIDDEN for loss in (*RATIONAL_LOSSES, "output"))
_CLASSIFICATION = (
    ("sigmoid", "binary_cross_entropy"),
    ("softmax", "cross_entropy"),
    ("softmax", "half_squared_error"),
)

# Whole numbers and a batch that is a power of two: every float operation is exact. Zeros and
# kinks occur all the time.
exact_problems = problems(
    _SMALL,
    _EXACT_HIDDEN,
    tuple(
        (a, loss)
        for a in _EXACT_HIDDEN
        for loss in ("half_squared_error", "squared_error", "output")
    ),
    batches=(1, 2, 4),
)
# With any batch and the mean over the outputs, too, the numbers are exact on Fractions only.
rational_problems = problems(
    _SMALL,
    _EXACT_HIDDEN,
    tuple((a, loss) for a in _EXACT_HIDDEN for loss in (*RATIONAL_LOSSES, "output")),
)
all_problems = problems(st.floats(-2, 2, width=32), _ANY_HIDDEN, _REGRESSION + _CLASSIFICATION)
# The same with numbers that a sheet can print.
printable_problems = problems(
    st.integers(-128, 128).map(lambda k: k / 64), _ANY_HIDDEN, _REGRESSION + _CLASSIFICATION
)
