"""Operations, each with a right backward pass written by hand in NumPy, and the
mistakes that are made in it.

A backward pass takes the cotangent and the arguments, and returns the gradients
in their order, None where there is none. A mistake replaces a piece of its text
by another, so that it is planted in the very lines that are right; where there
are words that should name it, these stand third.
"""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np


class Draw:
    """Arguments of an operation, by chance. Sizes are uneven; `thin` ones may be 1."""

    def __init__(self, seed: int = 0, *, thin: bool = False):
        self.rng, self.thin = np.random.default_rng(seed), thin

    def sizes(self, count: int) -> list[int]:
        if self.thin:
            return [int(n) for n in self.rng.integers(1, 6, count)]
        return [int(n) for n in self.rng.permutation([2, 3, 4, 5])[:count]]

    def __call__(self, *shape: int) -> np.ndarray:
        return self.rng.normal(size=shape)

    def positive(self, *shape: int) -> np.ndarray:
        return self.rng.uniform(0.3, 2, shape)

    def parts(self, *shape: int) -> np.ndarray:
        return self.rng.uniform(0.1, 0.9, shape)

    def mask(self, *shape: int) -> np.ndarray:
        mask = self.rng.random(shape) < 0.6
        mask[..., 0] = True
        return mask

    def whole(self, below: int, *shape: int) -> np.ndarray:
        return self.rng.integers(0, below, shape)


@dataclass(frozen=True)
class Planted:
    """A wrong backward pass: what was done to a right one, and what should be said of it."""

    operation: str
    what: str
    backward: Callable[..., Any]
    words: str = ""


@dataclass(frozen=True)
class Operation:
    """f, its arguments, its backward pass, and the mistakes in it."""

    name: str
    f: Callable[..., Any]
    arguments: Callable[[Draw], Any]
    by_hand: Callable[..., Any]
    mistakes: tuple[tuple[str, ...], ...]

    def drawn(self, seed: int = 0, *, thin: bool = False) -> tuple[Any, ...]:
        arguments = self.arguments(Draw(seed, thin=thin))
        return arguments if isinstance(arguments, tuple) else (arguments,)

    def backward(self, args: Any, g: Any) -> Any:
        return as_tuple(self.by_hand(g, *args))

    def planted(self) -> list[Planted]:
        source = textwrap.dedent(inspect.getsource(self.by_hand))
        head, body = source[source.index("def ") :].split("\n", 1)
        return [self._planted(head, body, *mistake) for mistake in self.mistakes]

    def _planted(self, head: str, body: str, old: str, new: str, words: str = "") -> Planted:
        assert old in body, f"{self.name}: nothing is {old!r}"
        scope: dict[str, Any] = dict(inspect.getmodule(self.by_hand).__dict__)
        changed = head + "\n" + body.replace(old, new)
        exec(compile(changed, f"<{self.name}>", "exec"), scope)
        wrong = scope[self.by_hand.__name__]
        return Planted(
            self.name, f"{new} for {old}", lambda args, g: as_tuple(wrong(g, *args)), words
        )


OPERATIONS: dict[str, Operation] = {}


def backward_of(
    f: Callable[..., Any], arguments: Callable[[Draw], Any], *mistakes: tuple[str, ...]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a backward pass into the table."""

    def entered(by_hand: Callable[..., Any]) -> Callable[..., Any]:
        name = by_hand.__name__
        assert name not in OPERATIONS
        OPERATIONS[name] = Operation(name, f, arguments, by_hand, mistakes)
        return by_hand

    return entered


def as_tuple(returned: Any) -> tuple[Any, ...]:
    return returned if isinstance(returned, tuple) else (returned,)


def in_type(backward: Callable[..., Any], dtype: Any = np.float32) -> Callable[..., Any]:
    """The backward pass for what is stored in a type of few bits and computed in another."""

    def computed(args: Any, g: Any) -> Any:
        def wide(a: Any) -> Any:
            is_float = not hasattr(a, "dtype") or a.dtype.kind not in "iub"
            return np.asarray(a).astype(dtype) if is_float else np.asarray(a)

        first = next(a for a in jax.tree.leaves(args) if a.dtype.kind not in "iub")
        found = backward(jax.tree.map(wide, args), jax.tree.map(wide, g))
        return jax.tree.map(lambda a: np.asarray(a).astype(first.dtype), found)

    return computed


# Mistakes that anybody can make anywhere


def _negated(right: Any, args: Any, g: Any) -> Any:
    return jax.tree.map(np.negative, right(args, g))


def _doubled(right: Any, args: Any, g: Any) -> Any:
    return jax.tree.map(lambda a: 2 * a, right(args, g))


def _zeros(right: Any, args: Any, g: Any) -> Any:
    return jax.tree.map(np.zeros_like, right(args, g))


def _not_a_number(right: Any, args: Any, g: Any) -> Any:
    return jax.tree.map(lambda a: a * np.nan, right(args, g))


def _ones(right: Any, args: Any, g: Any) -> Any:
    return right(args, jax.tree.map(np.ones_like, g))


def _scalar(right: Any, args: Any, g: Any) -> Any:
    return right(args, jax.tree.map(lambda a: np.full_like(a, a.reshape(-1)[0]), g))


def _mean(right: Any, args: Any, g: Any) -> Any:
    return jax.tree.map(lambda a: a / 3, right(args, g))


def _last_row(right: Any, args: Any, g: Any) -> Any:
    def cut(a: Any) -> Any:
        a = np.array(a)
        a[-1:] = 0
        return a

    return jax.tree.map(lambda a: cut(a) if np.ndim(a) else a, right(args, g))


def _one_percent(right: Any, args: Any, g: Any) -> Any:
    def off(a: Any) -> Any:
        a = np.array(a, order="C")
        a.reshape(-1)[abs(a).argmax()] *= 1.01
        return a

    return jax.tree.map(off, right(args, g))


def _first_rows(right: Any, args: Any, g: Any) -> Any:
    return jax.tree.map(
        lambda a: np.array(np.broadcast_to(a[:1], a.shape)) if np.ndim(a) else a, right(args, g)
    )


def _order_of_memory(right: Any, args: Any, g: Any) -> Any:
    return jax.tree.map(lambda a: np.asarray(a).T.reshape(np.shape(a)), right(args, g))


def _lost(right: Any, args: Any, g: Any) -> Any:
    return (*[None for _ in right(args, g)],)


def _one_axis_more(right: Any, args: Any, g: Any) -> Any:
    return jax.tree.map(lambda a: a[None], right(args, g))


def _in_place(right: Any, args: Any, g: Any) -> Any:
    found = right(args, jax.tree.map(np.array, g))
    for a in jax.tree.leaves(g):
        a *= 2
    return found


ANYWHERE = {
    "negated": (_negated, "the negative of the truth"),
    "doubled": (_doubled, "2 times the truth"),
    "zeros": (_zeros, "0 everywhere"),
    "not a number": (_not_a_number, ""),
    "the cotangent taken as ones": (_ones, ""),
    "the cotangent taken as one number": (_scalar, ""),
    "divided by a number of examples": (_mean, "1/3"),
    "the last row left out": (_last_row, "left 0"),
    "one entry 1 % off": (_one_percent, ""),
    "the first row for all": (_first_rows, "copies of row 0"),
    "in the order of a transposed array": (_order_of_memory, ""),
    "nothing returned": (_lost, ""),
    "one axis more": (_one_axis_more, ""),
    "the cotangent overwritten": (_in_place, ""),
}


def planted_anywhere(operation: Operation) -> list[Planted]:
    """What may happen in any backward pass, where it changes the answer."""

    def wrong(change: Any) -> Callable[..., Any]:
        return lambda args, g: change(operation.backward, args, g)

    args = operation.drawn()
    g = cotangent_of(operation, args)
    right = jax.tree.leaves(operation.backward(args, g))

    def alters(planted: Planted) -> bool:
        mine = jax.tree.map(np.array, g)
        found = jax.tree.leaves(planted.backward(args, mine))
        if any(map(np.any, jax.tree.leaves(jax.tree.map(np.subtract, mine, g)))):
            return True
        return len(found) != len(right) or any(
            not np.array_equal(a, b) for a, b in zip(found, right, strict=True)
        )

    everything = [
        Planted(operation.name, what, wrong(change), words)
        for what, (change, words) in ANYWHERE.items()
    ]
    return [planted for planted in everything if alters(planted)]


def cotangent_of(operation: Operation, args: Any) -> Any:
    """An uneven cotangent of what an operation gives."""
    draw = np.random.default_rng(11)
    shapes = jax.eval_shape(operation.f, *args)
    return jax.tree.map(lambda s: np.asarray(draw.choice([-2.0, 1.0, 3.0, 5.0], s.shape)), shapes)


def all_operations() -> dict[str, Operation]:
    """The table, of all files."""
    from tests.vjp import elementwise, layers, linear, losses, networks  # noqa: F401

    return OPERATIONS
