"""What the tests compare of two rooms: every tensor by its name, forward, then
loss, then each gradient.

The functions take the room, `manual` or `ref` or a copy of `manual` with a
mistake planted in it, and give the tensors; `differences` says which are not
equal. A mistake that it does not see in such a copy, nobody would see in
`manual`.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import numpy as np

import manual
import ref
from tests.networks import Problem

Tensors = dict[str, Any]
Room = ModuleType


def by_name(tree: Any) -> Tensors:
    """Every array of a pass, or of what is like the parameters, by its name:
    z1, h1, W1, b1, ...
    """
    if hasattr(tree, "z"):
        names = {f"z{l}": z for l, z in enumerate(tree.z, 1)}
        names |= {f"h{l}": h for l, h in enumerate(tree.h)}
        return names | (by_name(tree.params) if hasattr(tree, "params") else {})
    names = {}
    for l, layer in enumerate(tree, 1):
        names |= {f"{c}{l}": a for c, a in zip("Wb", layer, strict=True) if a is not None}
    return names


def forward(room: Room, problem: Problem) -> Tensors:
    return by_name(room.forward(problem.params, problem.x, problem.activations))


def gradients(room: Room, problem: Problem) -> Tensors:
    """The loss, and its gradient by every parameter, z and h."""
    L, grads = room.gradients(*problem.arguments, **problem.options)
    return {"L": L} | {f"dL/d{name}": array for name, array in by_name(grads).items()}


def hessian(room: Room, problem: Problem, along: Any) -> Tensors:
    """The rate of every gradient where the parameters move along a direction."""
    rates = room.hvp(problem.params, along, *problem.arguments[1:], **problem.options)
    return {f"R{{dL/d{name}}}": array for name, array in by_name(rates).items()}


def each_example(room: Room, problem: Problem) -> Tensors:
    """The loss of every example, and its gradient."""
    losses, grads = room.per_example_gradients(*problem.arguments, loss=problem.loss)
    return {"L[n]": losses} | {f"dL[n]/d{name}": array for name, array in by_name(grads).items()}


def norms(room: Room, problem: Problem) -> Tensors:
    """The Euclidean norm of every example's gradient."""
    return {"|dL[n]|": room.per_example_norms(*problem.arguments, loss=problem.loss)[1]}


def jacobians(room: Room, problem: Problem) -> Tensors:
    """The Jacobians of the loss, its shares, the output and z1, by what lies
    far from them and next to them.
    """
    last = len(problem.params)
    pairs = [("L", "x"), ("L", "W1"), ("L", f"z{last}")]
    pairs += [(f"h{last}", "z1"), (f"h{last}", f"W{last}")]
    pairs += [(f"h{last}", "b1")] if problem.params[0].b is not None else []
    pairs += [("shares", "z1"), ("shares", f"h{last}"), ("z1", "x"), ("z1", "W1")]
    options = {"y": problem.y, **problem.options}
    return {
        f"d{of}/d{by}": room.jacobian(
            problem.params, problem.x, problem.activations, of=of, by=by, **options
        )
        for of, by in pairs
    }


def in_jax(problem: Problem, tensors: Callable[[Problem], Any]) -> Any:
    """Tensors of `ref`, compiled as a whole: op by op, every new shape costs a
    compilation for each op.
    """

    def of_arrays(params: Any, x: Any, y: Any) -> Any:
        return tensors(problem._replace(params=params, x=x, y=y))

    return jax.tree.map(np.asarray, jax.jit(of_arrays)(problem.params, problem.x, problem.y))


def compiled_pass(plan: ref.Plan) -> Callable[[Any, Any, Any], tuple[Any, Any]]:
    """The loss and gradient of parameters, x and y by a plan: to pack, to pass
    and to unpack are one program."""

    @jax.jit
    def whole(params: Any, x: Any, y: Any) -> tuple[Any, Any]:
        L, gradient = plan.value_and_grad(plan.pack(params), x, y)
        return L, plan.unpack(gradient)

    return whole


def direction(problem: Problem, seed: int = 5) -> tuple[manual.Layer, ...]:
    """A direction of whole numbers, like the parameters."""
    rng = np.random.default_rng(seed)

    def like(array: Any) -> Any:
        return None if array is None else rng.integers(-3, 4, array.shape).astype(float)

    return tuple(manual.Layer(like(W), like(b)) for W, b in problem.params)


def differences(
    mine: Tensors, theirs: Tensors, *, rtol: float = 0.0, atol: float = 0.0
) -> list[str]:
    """The tensors that are not equal, each with its first entry that is not;
    empty where the rooms agree.

    Equal is ==, on Fractions and floats alike, and within `rtol` and `atol`
    only where a test asks for these.
    """
    found = [f"{name} is in one room only" for name in mine.keys() ^ theirs.keys()]
    for name in [name for name in mine if name in theirs]:
        array, expected = np.asarray(mine[name]), np.asarray(theirs[name])
        if array.shape != expected.shape:
            found.append(f"{name} has shape {array.shape}, expected {expected.shape}")
            continue
        if rtol or atol:
            equal = np.isclose(array.astype(float), expected.astype(float), rtol, atol)
        else:
            equal = array == expected
        for entry in np.argwhere(np.logical_not(equal))[:1].tolist():
            value, right = array[tuple(entry)], expected[tuple(entry)]
            found.append(f"{name}{entry} is {value}, expected {right}")
    return found
