"""What is judged: a rule of a derivative, in whatever form it was written,
called with fresh arrays of its own kind, watched, and its answer read."""

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradsheet.checking.returned import equal, plain_array, type_name
from gradsheet.checking.rounding import float_type
from gradsheet.checking.subject import Misbehaved, in_one_line
from gradsheet.vjp.program import Leaf, Setting, Traced, exactly, function_name, without_marks
from gradsheet.vjp.truth import Probe
from manual.activations import Array

Answers = list[Array | None]
KINDS = ("backward", "pair", "torch_function", "jvp", "rules")
_CALLED = {
    "backward": "backward(args, cotangent)",
    "pair": "backward(cotangent, cache)",
    "jvp": "jvp(args, tangents)",
}


@dataclass
class Answer:
    """What came back at a probe: an array for each that was asked for, None
    where there is none, copied; the results of a forward pass that came along;
    by name what cannot be read."""

    asked: Answers
    outputs: Answers | None = None
    faults: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Rule:
    """A rule for f, of one of the `KINDS`; `like` are the arguments that the
    caller gave, whose kinds of array it gets, in floats of the type `dtype`. A
    call leaves behind `faults`, what it does that it should not."""

    kind: str
    fn: Any
    program: Traced
    like: Sequence[Any]
    dtype: str
    faults: dict[str, None] = field(default_factory=dict, init=False)

    @property
    def is_forward(self) -> bool:
        """Whether tangents are pushed forward."""
        return self.kind == "jvp"

    @property
    def wanted(self) -> list[Leaf]:
        """What it returns an array for."""
        program = self.program
        if self.is_forward:
            return [program.outputs[k] for k in program.moved]
        return [program.inputs[k] for k in program.asked]

    @property
    def given(self) -> list[Leaf]:
        """What it gets directions of: the outputs, or the inputs asked for."""
        program = self.program
        if self.is_forward:
            return [program.inputs[k] for k in program.asked]
        return [program.outputs[k] for k in program.moved]

    def accuse(self, fault: str) -> None:
        """Note what it does that it should not, once."""
        self.faults[fault] = None

    def __call__(self, probe: Probe) -> Answer:
        """Call it at a probe; raises Misbehaved where it gives no answer, which
        is among its faults."""
        try:
            return self._answer(probe)
        except Misbehaved as error:
            self.accuse(str(error))
            raise

    def _answer(self, probe: Probe) -> Answer:
        inputs = [self._made(a, k) for k, a in enumerate(probe.inputs)]
        directions = [self._like_first(a) for a in probe.directions]
        watched = dict(zip([leaf.name for leaf in self.program.inputs], inputs, strict=True))
        what = "tangent" if self.is_forward else "cotangent"
        for k, direction in enumerate(directions):
            watched[what if len(directions) == 1 else f"{what} {k}"] = direction
        before = {name: plain_array(array).copy() for name, array in watched.items()}
        try:
            answer: Answer = getattr(self, f"_by_{self.kind}")(inputs, directions)
        except (KeyboardInterrupt, Misbehaved):
            raise
        except BaseException as error:  # somebody's code may even exit
            raise Misbehaved(f"it raises {in_one_line(error)}{self._how_called}") from error
        changed = [
            name for name, old in before.items() if not equal(plain_array(watched[name]), old)
        ]
        if changed:
            self.accuse(f"it writes into {', '.join(changed)}, which it is given")
        return answer

    @property
    def _how_called(self) -> str:
        """What stands behind a fault that may come of another order of arguments."""
        if self.kind not in _CALLED:
            return ""
        first = "forward(*args), then " if self.kind == "pair" else ""
        return f"; it is called as {first}{_CALLED[self.kind]}"

    # The forms

    def _by_backward(self, arrays: list[Any], directions: list[Any]) -> Answer:
        returned = self.fn(self.program.arguments(arrays), self._result(directions))
        return self._read(returned, arrays)

    def _by_pair(self, arrays: list[Any], directions: list[Any]) -> Answer:
        forward, backward = self.fn
        returned = forward(*self.program.arguments(arrays), **self.program.kwargs)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise Misbehaved(
                f"its forward pass returns {_kind_of(returned)}, expected (out, cache)"
            )
        out, cache = returned
        answer = self._read(backward(self._result(directions), cache), arrays)
        answer.outputs = self._outputs(out)
        return answer

    def _by_torch_function(self, arrays: list[Any], directions: list[Any]) -> Answer:
        import torch  # type: ignore[import-not-found, unused-ignore]

        leaves = list(arrays)
        for k in self.program.asked:
            leaves[k] = leaves[k].detach().requires_grad_()
        again = self.program.arguments(leaves)
        out = self.fn.apply(*again, *self.program.kwargs.values())
        outs = [o for o in (out if isinstance(out, tuple) else (out,)) if o.is_floating_point()]
        found = torch.autograd.grad(
            outs, [leaves[k] for k in self.program.asked], directions, allow_unused=True
        )
        answer = self._filled(list(found))
        answer.outputs = self._outputs(out)
        return answer

    def _by_jvp(self, arrays: list[Any], directions: list[Any]) -> Answer:
        tangents: list[Any] = [None] * len(self.program.inputs)
        for k, direction in zip(self.program.asked, directions, strict=True):
            tangents[k] = direction
        tree = jax.tree.unflatten(self.program.arguments_tree, tangents)
        returned = self.fn(self.program.arguments(arrays), without_marks(tree, tangents=True))
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise Misbehaved(f"it returns {_kind_of(returned)}, expected (out, tangent of out)")
        out, tangent = returned
        leaves = jax.tree.leaves(tangent, is_leaf=_is_none)
        if len(leaves) == len(self.program.outputs):
            leaves = [leaves[k] for k in self.program.moved]
        if len(leaves) != len(self.wanted):
            raise Misbehaved(
                f"its tangent has {len(leaves)} arrays, expected {len(self.wanted)}, as the result"
            )
        answer = self._filled(leaves)
        answer.outputs = self._outputs(out)
        return answer

    def _by_rules(self, arrays: list[Any], directions: list[Any]) -> Answer:
        with exactly():

            def moved(*some: Any) -> tuple[list[Any], Any]:
                leaves = list(arrays)
                for k, array in zip(self.program.asked, some, strict=True):
                    leaves[k] = array
                out = self.fn(*self.program.arguments(leaves), **self.program.kwargs)
                of = jax.tree.leaves(out)
                return [of[k] for k in self.program.moved], out

            at = [arrays[k] for k in self.program.asked]
            outs, pull, out = jax.vjp(moved, *at, has_aux=True)
            cotangents = [jnp.asarray(d, o.dtype) for d, o in zip(directions, outs, strict=True)]
            answer = self._filled(list(pull(cotangents)))
            answer.outputs = self._outputs(out)
        return answer

    # Arrays in

    def _made(self, array: Array, place: int) -> Any:
        """An argument, of the kind that the caller gave."""
        leaf = self.program.inputs[place]
        typed = np.array(array, float_type(self.dtype) if leaf.is_float else leaf.dtype, order="C")
        return self._of_kind(typed, self.like[place])

    def _like_first(self, array: Array) -> Any:
        typed = np.array(array, float_type(self.dtype), order="C")
        return self._of_kind(typed, self.like[self.program.asked[0]])

    def _of_kind(self, array: Array, like: Any) -> Any:
        if self.kind == "torch_function" or hasattr(like, "detach"):
            import torch  # type: ignore[import-not-found, unused-ignore]

            if self.dtype == "bfloat16" and array.dtype.kind not in "iub":
                return torch.tensor(array.astype(np.float32)).to(torch.bfloat16)
            return torch.tensor(array)
        if self.kind == "rules" or isinstance(like, jax.Array):
            with exactly():
                return jax.device_put(array)  # jnp.asarray would compile for every shape
        return array

    def _result(self, directions: list[Any]) -> Any:
        """The cotangents as f gives its results; None for what has none."""
        leaves: list[Any] = [None] * len(self.program.outputs)
        for k, direction in zip(self.program.moved, directions, strict=True):
            leaves[k] = direction
        return jax.tree.unflatten(self.program.result_tree, leaves)

    # Arrays out

    def _read(self, returned: Any, arrays: list[Any]) -> Answer:
        """An answer with the gradients of the arguments."""
        arguments = jax.tree.unflatten(self.program.arguments_tree, arrays)
        found: list[Any] = [None] * len(arrays)
        for k, part in enumerate(self._parts(returned, arguments)):
            places = self._places_of(k)
            leaves = _gradients(part, arguments[k], len(places))
            if len(leaves) != len(places):
                raise Misbehaved(
                    f"the gradient of {self.program.names[k]} has {len(leaves)} arrays, expected "
                    f"{len(places)}, in the same structure"
                )
            for place, leaf in zip(places, leaves, strict=True):
                found[place] = leaf
        return self._filled([found[k] for k in self.program.asked])

    def _parts(self, returned: Any, arguments: Sequence[Any]) -> list[Any]:
        """What is returned, argument by argument: for all of them, those with
        floats, or those that are asked for, in this order or by their names;
        the gradient itself where it is one."""
        every = [*range(len(arguments))]
        floats = [k for k in every if any(leaf.is_float for leaf in self._leaves_of(k))]
        asked = [k for k in every if {*self._places_of(k)} & {*self.program.asked}]
        names = self.program.names
        if len(asked) == 1 and _are_alike(returned, arguments[asked[0]]):
            return [returned if k in asked else None for k in every]
        if isinstance(returned, dict) and {*returned} <= {*names}:
            return [returned.get(name) for name in names]
        parts = list(returned) if isinstance(returned, list | tuple) else [returned]
        for some in (every, floats, asked):
            if len(parts) != len(some) == 1:
                parts = [returned]  # a list that is the gradient of one argument
            if len(parts) == len(some):
                given = dict(zip(some, parts, strict=True))
                return [given.get(k) for k in every]
        raise Misbehaved(
            f"it returns {len(parts)} gradients, expected {len(arguments)}, one an argument, "
            f"None where there is none: {', '.join(names)}{self._how_called}"
        )

    def _places_of(self, argument: int) -> list[int]:
        counts = [child.num_leaves for child in self.program.arguments_tree.children()]
        start = sum(counts[:argument])
        return list(range(start, start + counts[argument]))

    def _leaves_of(self, argument: int) -> list[Leaf]:
        return [self.program.inputs[k] for k in self._places_of(argument)]

    def _filled(self, found: Sequence[Any]) -> Answer:
        answer = Answer([])
        for leaf, value in zip(self.wanted, found, strict=True):
            array, fault = self._array_of(value)
            if array is not None:
                answer.types[leaf.name] = type_name(value)
                if array.shape != leaf.shape:
                    fault = f"shape {array.shape}, expected {leaf.shape}"
            if fault:
                answer.faults[leaf.name] = fault
            answer.asked.append(array)
        return answer

    @staticmethod
    def _array_of(value: Any) -> tuple[Array | None, str]:
        if value is None:
            return None, ""
        if type(value).__name__ in ("Zero", "SymbolicZero"):
            return None, ""
        try:
            array = np.array(plain_array(value))
        except Exception as error:
            return None, f"cannot be read as an array: {in_one_line(error)}"
        if array.dtype == jax.dtypes.float0:
            return None, ""
        if array.dtype.kind in "iub" or jnp.issubdtype(array.dtype, np.floating):
            return array, ""
        return None, f"{_kind_of(value)} of {array.dtype}, expected an array of floats"

    def _outputs(self, out: Any) -> Answers | None:
        leaves = jax.tree.leaves(out)
        if len(leaves) != len(self.program.outputs):
            count = len(self.program.outputs)
            self.accuse(f"its forward pass returns {len(leaves)} arrays, f returns {count}")
            return None
        return [self._array_of(leaf)[0] for leaf in leaves]


def _is_none(leaf: Any) -> bool:
    return leaf is None


def _is_no_array(leaf: Any) -> bool:
    return leaf is None or isinstance(leaf, Setting)


def _are_alike(returned: Any, argument: Any) -> bool:
    """Whether a tree, and no array, has the structure of another."""
    is_tree = not jax.tree_util.all_leaves([argument])
    one: Any = jax.tree.structure(returned)
    return is_tree and bool(one == jax.tree.structure(argument))


def _gradients(part: Any, argument: Any, count: int) -> list[Any]:
    """The arrays of what is returned for an argument with so many; lists of
    numbers are arrays."""
    if part is None or not count:
        return [None] * count
    leaves = jax.tree.leaves(part, is_leaf=_is_none)
    given = jax.tree.leaves(argument, is_leaf=_is_no_array)
    if len(leaves) == len(given):  # where the argument has no array, nothing is asked for
        pairs = zip(leaves, given, strict=True)
        leaves = [leaf for leaf, of in pairs if not _is_no_array(of)]
    if len(leaves) == count:
        return leaves
    if count == 1 and isinstance(part, list | tuple):
        return [part]
    is_array = hasattr(part, "shape") and math.prod(part.shape) == count
    if is_array and all(np.ndim(of) == 0 for of in given):
        return [*plain_array(part).reshape(-1)]
    return leaves


def _require_arguments(kind: str, fn: Any, count: int, expected: str) -> None:
    """Raise TypeError where a function does not take so many arguments."""
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):  # not known
        return
    try:
        signature.bind(*[None] * count)
    except TypeError:
        name = function_name(fn)
        given = ", ".join(expected.partition("(")[2].rstrip(")").split(", "))
        hint = f": write lambda {given}: {name}(*args, cotangent)" if kind == "backward" else ""
        raise TypeError(f"{name} takes {signature}, expected {expected}{hint}") from None


def _kind_of(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}" if value is not None else "None"


class NoRule(TypeError):
    """There is nothing to judge."""


def rule_of(
    own: Traced,
    forms: Mapping[str, Any],
    program: Traced,
    like: Sequence[Any],
    dtype: str,
) -> Rule:
    """The one rule that the caller gives, or those that f, whose `own` program is
    traced, has in it; `program` has the derivative that is meant.

    Raises TypeError where it is none or several, or nothing that can be called.
    """
    chosen = {kind: fn for kind, fn in forms.items() if fn is not None}
    if not chosen and own.ruled:
        return Rule("rules", own.f, program, like, dtype)
    expected = "expected one of backward=, pair=, torch_function=, jvp="
    if not chosen:
        raise NoRule(f"no rule is given, {expected}; a jax.custom_vjp may stand alone")
    if len(chosen) != 1:
        raise TypeError(f"{' and '.join(f'{kind}=' for kind in chosen)} are given, {expected}")
    (kind, fn), *_ = chosen.items()
    if kind == "pair":
        is_pair = isinstance(fn, tuple | list) and len(fn) == 2 and all(map(callable, fn))
        if not is_pair:
            raise TypeError("pair is expected as (forward, backward), two functions")
    elif kind == "torch_function":
        if not (inspect.isclass(fn) and hasattr(fn, "apply")):
            raise TypeError("torch_function is expected as a class made of torch.autograd.Function")
    elif not callable(fn):
        raise TypeError(f"{kind} is {_kind_of(fn)}, expected a function")
    if kind in _CALLED:
        called = fn[1] if kind == "pair" else fn
        _require_arguments(kind, called, 2, _CALLED[kind])
    return Rule(kind, fn, program, like, dtype)
