"""Who takes part: the floor and ours; others are in peers.py. Each is a
function from a problem to what is timed.

One more is three lines, and COMPETITORS keeps their order:

    @competitor("manual, my way", group="manual")
    def my_way(problem):
        arguments = problem.params, problem.x, problem.y, problem.activations
        return lambda: manual.my_value_and_grad(*arguments)

A call returns (loss, [(dW, db), ...]), whose entries NumPy can read. What is to
be made once (copies, buffers, compiled functions) is made before it is
returned; compiling may wait for the first call, whose time is noted. Packages
are imported inside, so that a fresh process loads no more than the one that it
asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

from problems import Problem, named

Call = Callable[[], Any]


class Unable(Exception):
    """It cannot take part on this machine, and why; the others are measured."""


class Competitor(NamedTuple):
    """One entry of the table."""

    make: Callable[[Problem], Call]
    group: str  # who is behind it: floor, manual, ref, or a peer
    sizes: Sequence[str] | None = None  # where it takes part, None for everywhere
    compiles: bool = False  # its first call does, and its compile time is reported
    package: str | None = None  # what has to be installed
    # The loss and gradients in what a call returns.
    read: Callable[[Any], tuple[Any, Any]] = lambda result: result
    dtype: str | None = None  # what it computes in, where it has no choice
    # What it reports, by its own definition.
    loss: Callable[[Problem], Any] = lambda problem: problem.expected["L"]
    note: str | None = None  # what a reader of its figures has to know

    @property
    def installed(self) -> bool:
        return self.package is None or find_spec(self.package) is not None

    def named(self, result: Any) -> dict[str, Any]:
        """What a call returned, by name."""
        return named(*self.read(result))

    def expected(self, problem: Problem) -> dict[str, Any]:
        return problem.expected | {"L": self.loss(problem)}


COMPETITORS: dict[str, Competitor] = {}


def entered(groups: Sequence[str] | None = None, size: str | None = None) -> list[str]:
    """Those that are installed, of these groups and at this size; the floor is
    always among them."""
    return [
        name
        for name, entry in COMPETITORS.items()
        if entry.installed
        and (groups is None or entry.group in (*groups, "floor"))
        and (size is None or entry.sizes is None or size in entry.sizes)
    ]


def competitor(
    name: str, group: str, **options: Any
) -> Callable[[Callable[[Problem], Call]], Callable[..., Call]]:
    """Enters the function below into COMPETITORS under this name; `options` are
    the further fields of Competitor."""

    def enter(make: Callable[[Problem], Call]) -> Callable[[Problem], Call]:
        COMPETITORS[name] = Competitor(make, group, **options)
        return make

    return enter


@competitor("floor", group="floor")
def floor(problem: Problem) -> Call:
    """The 3 L - 1 matrix products of the pass and nothing else, into buffers made beforehand."""
    import numpy as np

    import manual

    params, x, y, activations, _ = problem
    h = manual.forward(params, x, activations).h
    delta = manual.gradients(params, x, y, activations)[1].z
    products = []
    for l, (W, _) in enumerate(params):
        products += [(h[l], W.T), (delta[l].T, h[l])] + ([(delta[l], W)] if l else [])
    buffers = [np.empty((len(a), b.shape[1]), x.dtype) for a, b in products]

    def multiply() -> None:
        for (a, b), out in zip(products, buffers, strict=True):
            np.matmul(a, b, out=out)

    return multiply


@competitor("manual", group="manual")
def by_hand(problem: Problem) -> Call:
    """NumPy, the gradients derived by hand."""
    import manual

    params, x, y, activations, _ = problem
    return lambda: manual.value_and_grad(params, x, y, activations)


@competitor("manual, planned", group="manual")
def planned(problem: Problem) -> Call:
    """The same into buffers made once."""
    import manual

    params, x, y, activations, _ = problem
    plan = manual.Plan(params, len(x), activations)
    return lambda: plan.value_and_grad(x, y)


def on_device(problem: Problem) -> tuple[Any, Any, Any]:
    """Parameters and data as JAX has them: converting NumPy's on the way in
    would cost each call 2 µs an array."""
    import jax

    import ref

    params = tuple(ref.Layer(*layer) for layer in problem.params)
    return jax.device_put((params, problem.x, problem.y))


@competitor("ref, op by op", group="ref", sizes=("H", "H1024", "M"))
def op_by_op(problem: Problem) -> Call:
    """JAX without jit."""
    import jax

    import ref

    data = on_device(problem)
    return lambda: jax.block_until_ready(ref.value_and_grad(*data, problem.activations))


@competitor("ref, jit", group="ref", compiles=True)
def jit(problem: Problem) -> Call:
    """JAX, compiled for the shapes."""
    import jax

    import ref

    data = on_device(problem)
    compiled = jax.jit(partial(ref.value_and_grad, activations=problem.activations))

    def call() -> Any:
        result = compiled(*data)
        result[0].block_until_ready()  # what one program computes is there all at once
        return result

    return call


def unpacked(result: Any) -> tuple[Any, Any]:
    loss, gradient, plan = result
    return loss, plan.unpack(gradient)


@competitor("ref, planned", group="ref", compiles=True, read=unpacked)
def compiled_plan(problem: Problem) -> Call:
    """The same with the parameters packed as ref.Plan has it, each gradient in
    the memory of the one before."""
    import jax

    import ref

    plan = ref.Plan(problem.params, problem.activations)
    packed, x, y = jax.device_put((plan.pack(problem.params), problem.x, problem.y))
    gradient = jax.tree.map(jax.numpy.zeros_like, packed)

    def call() -> Any:
        nonlocal gradient
        L, gradient = plan.value_and_grad(packed, x, y, into=gradient)
        L.block_until_ready()
        return L, gradient, plan

    return call
