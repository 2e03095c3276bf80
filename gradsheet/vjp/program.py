"""A function of arrays as JAX sees it: traced once, without the derivative
rules that somebody gave it, and the programs of its derivatives.

    out = f(x)          d_x = sum of d_out * d out / d x         (the pullback)

A function with a rule of its own, a `jax.custom_vjp` or `custom_jvp`, is taken
as what its forward pass computes: a rule is what is judged, and not what judges.
"""

import contextlib
import enum
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun
from jax.extend.core.primitives import closed_call_p

from gradsheet.truth.autodiff import OF_JAX, name_of
from manual.activations import Array

_RULED = ("custom_vjp_call", "custom_vjp_call_jaxpr", "custom_jvp_call")
_CALLED = ("jaxpr", "call_jaxpr", "fun_jaxpr", "cond_jaxpr", "body_jaxpr", "branches")
INDEXED = "TypeError: Indexer must have integer"  # JAX's, of floats as an index
NOTE = "gradsheet: "  # before what is added to an exception of JAX
_ADVICE = {  # by how the exception begins
    "TracerArrayConversionError": "write it with jax.numpy in place of numpy",
    "TracerBoolConversionError": "write jnp.where(...) in place of if",
    "ConcretizationTypeError": "numbers that decide a shape are settings: give them in kwargs",
    "TracerIntegerConversionError": "write jnp.take, or give a setting in kwargs",
    INDEXED: "an index is made of floats: give whole numbers",
}
_OTHER_ADVICE = "JAX traces f: write it with jax.numpy, and give what is no array in kwargs"
_LIBRARIES = ("jax/", "jax\\")  # whose own rules are kept: jax.nn.relu is 0 at 0
_SETTINGS = (bool, int, str, bytes, slice, type, np.dtype, enum.Enum)


@jax.tree_util.register_static
@dataclass(frozen=True, eq=False)
class Setting:
    """What f is called with as it is: a part of the structure of its arguments."""

    value: Any


@dataclass(frozen=True)
class Leaf:
    """An array among the arguments or the results: its name, shape and type."""

    name: str
    shape: tuple[int, ...]
    dtype: Any

    @property
    def is_float(self) -> bool:
        """Whether there are derivatives by it, or of it."""
        return bool(jnp.issubdtype(self.dtype, np.inexact))


@dataclass(frozen=True, eq=False)
class Traced:
    """f with its arguments' structure. `inputs` and `outputs` are the arrays;
    `asked` are the places of those inputs by which gradients are asked for, and
    `names` those of the arguments; `ruled` names the functions in f that had
    rules of their own."""

    f: Callable[..., Any]
    kwargs: Mapping[str, Any]
    inputs: tuple[Leaf, ...]
    outputs: tuple[Leaf, ...]
    asked: tuple[int, ...]
    names: tuple[str, ...]
    arguments_tree: Any
    result_tree: Any
    forward: ClosedJaxpr
    ruled: tuple[str, ...] = ()

    @cached_property
    def moved(self) -> tuple[int, ...]:
        """The places of the outputs that have a cotangent."""
        return tuple(k for k, leaf in enumerate(self.outputs) if leaf.is_float)

    def arguments(self, leaves: Sequence[Any]) -> Any:
        """What f is called with, made of the arrays among it."""
        return without_marks(jax.tree.unflatten(self.arguments_tree, leaves))

    def with_forward(self, forward: ClosedJaxpr) -> "Traced":
        """The same with another forward pass."""
        return replace(self, forward=forward)

    @cached_property
    def work(self) -> int:
        """How many operations the forward pass has, about: those of a product
        of matrices are cheap."""
        return work_of(self.forward.jaxpr)

    @cached_property
    def is_cast(self) -> bool:
        """Whether f itself computes something in floats of fewer bits."""
        text = str(self.forward.jaxpr)
        return any(f":{name}[" in text for name in ("f32", "bf16", "f16"))

    def draws_otherwise(self, inputs: Sequence[Array]) -> bool:
        """Whether f draws random numbers, and others in float64 than it does where
        somebody calls it."""
        text = str(self.forward.jaxpr)
        if "random_bits[" not in text and "threefry2x32[" not in text:
            return False

        def drawn() -> list[Array]:
            out = self.f(*self.arguments(inputs), **self.kwargs)
            return [np.asarray(a, float) for a in jax.tree.leaves(out)]

        with jax.numpy_dtype_promotion("standard"):
            here = drawn()
        with exactly():
            there = drawn()
        return not all(map(partial(np.allclose, rtol=1e-3, atol=1e-3), here, there))

    @cached_property
    def followed(self) -> ClosedJaxpr:
        """The forward pass, as it is moved. JAX stops the derivatives of what it
        factors to solve a system, and takes those of the system."""
        factored: set[int] = set()
        _note_factored(self.forward.jaxpr, factored)

        def through(equation: Any) -> ClosedJaxpr | None:
            is_stopped = equation.primitive.name == "stop_gradient"
            if not is_stopped or id(equation.outvars[0]) not in factored:
                return None
            return jax.make_jaxpr(lambda a: [a])(abstract(equation.invars[0].aval))

        with exactly():
            return rewritten(self.forward, through) if factored else self.forward

    @cached_property
    def pullback(self) -> ClosedJaxpr:
        """From all inputs and the cotangents to all outputs and the gradients
        by the inputs asked for."""

        def run(*arrays: jax.Array) -> Any:
            given, cotangents = arrays[: len(self.inputs)], arrays[len(self.inputs) :]

            def moved(*some: jax.Array) -> tuple[list[jax.Array], list[jax.Array]]:
                of = self._forward_of(given, some)
                return [of[k] for k in self.moved], of

            at = [given[k] for k in self.asked]
            _, pull, out = jax.vjp(moved, *at, has_aux=True)
            return [*out, *pull(list(cotangents))]

        return self._traced(run, [self.outputs[k] for k in self.moved])

    @cached_property
    def pushforward(self) -> ClosedJaxpr:
        """From all inputs and the tangents of those asked for to all outputs
        and the tangents of these."""

        def run(*arrays: jax.Array) -> Any:
            given, tangents = arrays[: len(self.inputs)], arrays[len(self.inputs) :]

            def moved(*some: jax.Array) -> list[jax.Array]:
                of = self._forward_of(given, some)
                return [of[k] for k in self.moved]

            at = [given[k] for k in self.asked]
            _, pushed = jax.jvp(moved, at, list(tangents))
            return [*jaxpr_as_fun(self.forward)(*given), *pushed]

        return self._traced(run, [self.inputs[k] for k in self.asked])

    def _forward_of(self, given: Sequence[jax.Array], some: Sequence[jax.Array]) -> list[jax.Array]:
        arrays = list(given)
        for k, array in zip(self.asked, some, strict=True):
            arrays[k] = array
        return list(jaxpr_as_fun(self.forward)(*arrays))

    def _traced(self, run: Callable[..., Any], more: Sequence[Leaf]) -> ClosedJaxpr:
        with exactly():
            return jax.make_jaxpr(run)(*[abstract(leaf) for leaf in (*self.inputs, *more)])


@contextlib.contextmanager
def exactly() -> Iterator[None]:
    """Within it constants are float64, as they are written."""
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        yield


def with_marks(f: Callable[..., Any], arguments: Sequence[Any], *, floats: bool) -> tuple[Any, ...]:
    """The arguments, with what are settings among them marked: words, functions,
    keys, whole numbers that are no arrays; where `floats`, such floats, too; and
    all that f, a `jax.custom_vjp`, does not differentiate by."""
    fixed = {*getattr(f, "nondiff_argnums", ())}  # places; others may be keywords
    kinds = (*_SETTINGS, float) if floats else _SETTINGS

    def marked(value: Any) -> Any:
        is_array = hasattr(value, "shape") and not _is_key(value)
        is_setting = isinstance(value, kinds) or callable(value) or _is_key(value)
        return Setting(value) if is_setting and not is_array else value

    return tuple(
        Setting(argument) if k in fixed else jax.tree.map(marked, argument)
        for k, argument in enumerate(arguments)
    )


def without_marks(tree: Any, *, tangents: bool = False) -> Any:
    """The arguments as f is called with them; tangents have None for settings."""

    def plain(value: Any) -> Any:
        if not isinstance(value, Setting):
            return value
        return None if tangents else value.value

    return jax.tree.map(plain, tree, is_leaf=lambda value: isinstance(value, Setting))


def _is_key(value: Any) -> bool:
    return isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.extended)


def program_of(
    f: Callable[..., Any],
    arguments: Sequence[Any],
    kwargs: Mapping[str, Any],
    wrt: Sequence[int | str] | None = None,
) -> Traced:
    """Trace a function at arguments like these, whose settings are marked.

    Raises TypeError where an argument is no array and no tree of arrays,
    ValueError where there is nothing to ask for, and whatever JAX raises where it
    cannot trace f, with a note of what to write where that is known.
    """
    paths, tree = jax.tree_util.tree_flatten_with_path(tuple(arguments))
    names = names_of(f, len(arguments))
    inputs = tuple(_leaf(_name(names, path), value) for path, value in paths)
    homes = [path[0].idx for path, _ in paths]
    chosen = _chosen(wrt, names)
    asked = tuple(k for k, leaf in enumerate(inputs) if leaf.is_float and homes[k] in chosen)
    if not asked:
        raise ValueError("none of the arguments has floats: there is nothing to differentiate by")

    def run(*arrays: jax.Array) -> Any:
        return f(*without_marks(jax.tree.unflatten(tree, arrays)), **kwargs)

    with exactly():
        try:
            traced, shapes = jax.make_jaxpr(run, return_shape=True)(*map(abstract, inputs))
        except (TypeError, AttributeError) as error:
            for advice in _advice_on(error, dict(zip(names, arguments, strict=True))):
                error.add_note(f"{NOTE}{advice}")
            raise
        closed, ruled = without_rules(traced), tuple(dict.fromkeys(_ruled_in(traced.jaxpr)))
    found, result_tree = jax.tree_util.tree_flatten_with_path(shapes)
    outputs = tuple(
        Leaf(f"out{jax.tree_util.keystr(path)}", tuple(s.shape), s.dtype) for path, s in found
    )
    if not any(leaf.is_float for leaf in outputs):
        raise ValueError(
            "the function returns no array of floats: there is nothing to differentiate"
        )
    trees = (tree, result_tree)
    return Traced(f, kwargs, inputs, outputs, asked, tuple(names), *trees, closed, ruled)


def _advice_on(error: Exception, arguments: Mapping[str, Any]) -> list[str]:
    """What to write in place of what JAX cannot trace; nothing where the error is
    another."""
    text = f"{type(error).__name__}: {error}"
    if known := [words for start, words in _ADVICE.items() if text.startswith(start)]:
        return known
    if lists := [name for name, value in arguments.items() if _is_of_numbers(value)]:
        return [f"{name} is a list of numbers: write np.asarray({name})" for name in lists]
    is_of_jax = isinstance(error, jax.errors.JAXTypeError) or "Tracer" in str(error)
    return [_OTHER_ADVICE] if is_of_jax else []


def _is_of_numbers(argument: Any) -> bool:
    leaves = jax.tree.leaves(without_marks(argument))
    is_full = isinstance(argument, list) and bool(leaves)
    return is_full and all(isinstance(leaf, int | float) for leaf in leaves)


def function_name(f: Any) -> str:
    """What a function is called, also with some arguments bound."""
    while isinstance(f, partial):
        f = f.func
    return str(getattr(f, "__name__", type(f).__name__))


def names_of(f: Callable[..., Any], count: int) -> list[str]:
    """The names of a function's arguments, as it declares them."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind in kinds][:count]
    return names + [f"argument {k}" for k in range(len(names), count)]


def _chosen(wrt: Sequence[int | str] | None, names: Sequence[str]) -> set[int]:
    if wrt is None:
        return {*range(len(names))}
    wrt = [wrt] if isinstance(wrt, int | str) else wrt
    places: dict[int | str, int] = {name: k for k, name in enumerate(names)}
    places |= {k: k for k in range(len(names))}
    for which in wrt:
        if which not in places:
            known = ", ".join(names)
            raise ValueError(f"wrt: there is no argument {which!r}, only {known}")
    return {places[which] for which in wrt}


def _name(names: Sequence[str], path: Sequence[Any]) -> str:
    return f"{names[path[0].idx]}{jax.tree_util.keystr(tuple(path[1:]))}"


def _leaf(name: str, value: Any) -> Leaf:
    if hasattr(value, "detach"):  # torch
        value = np.empty(
            tuple(value.shape), str(value.dtype).rpartition(".")[2].replace("bool", "?")
        )
    dtype = getattr(value, "dtype", None)
    if dtype is None or isinstance(value, np.ndarray | np.generic):
        dtype = np.asarray(value).dtype
    if dtype == np.dtype(object) or getattr(dtype, "kind", "f") in "OSU":
        found = type(value).__name__
        raise TypeError(
            f"{name} is {found}, expected arrays of numbers, or what JAX takes for a tree of them: "
            "settings go into kwargs={...}"
        )
    if jnp.issubdtype(dtype, np.complexfloating):
        raise TypeError(
            f"{name} is of {dtype}, expected real numbers: give parts, and join them in f"
        )
    return Leaf(name, tuple(np.shape(value)), dtype)


def abstract(array: Any) -> Any:
    """What JAX traces in place of an array: its shape and its type, floats as
    float64."""
    dtype = np.float64 if jnp.issubdtype(array.dtype, np.inexact) else array.dtype
    return jax.ShapeDtypeStruct(array.shape, dtype)  # type: ignore[no-untyped-call]


# Without the rules that somebody gave


def without_rules(closed: ClosedJaxpr) -> ClosedJaxpr:
    """A program in which such functions are replaced by calls of what they compute."""

    def without(equation: Any) -> Any:
        if not _is_ruled(equation):
            return None
        return without_rules(next(iter(_inner(equation))))

    return rewritten(closed, without)


def _ruled_in(jaxpr: Any) -> Iterator[str]:
    """The names of the functions with rules of somebody's that a program calls."""
    for equation in jaxpr.eqns:
        if _is_ruled(equation):
            yield name_of(equation.params) or equation.primitive.name
        else:
            for inner in called(equation):
                yield from _ruled_in(inner)


def rewritten(closed: ClosedJaxpr, called: Callable[[Any], ClosedJaxpr | None]) -> ClosedJaxpr:
    """A program in which equations are replaced by calls of what `called` gives
    for them; where it gives None they stay."""
    equations = [_rewritten(equation, called) for equation in closed.jaxpr.eqns]
    jaxpr = closed.jaxpr.replace(eqns=equations, debug_info=closed.jaxpr.debug_info)
    return ClosedJaxpr(jaxpr, closed.consts)


def _rewritten(equation: Any, called: Callable[[Any], ClosedJaxpr | None]) -> Any:
    if (inner := called(equation)) is not None:
        return equation.replace(primitive=closed_call_p, params={"call_jaxpr": inner})
    if equation.primitive.name in _RULED:
        return equation

    def inside(value: Any) -> Any:
        if isinstance(value, ClosedJaxpr):
            return rewritten(value, called)
        if isinstance(value, tuple) and any(isinstance(item, ClosedJaxpr) for item in value):
            items = map(inside, value)
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        return value

    params = {name: inside(value) for name, value in equation.params.items()}
    return equation.replace(params=params)


def _inner(equation: Any) -> Iterator[Any]:
    for value in equation.params.values():
        for item in value if isinstance(value, tuple) else (value,):
            if hasattr(item, "eqns") or hasattr(item, "jaxpr"):
                yield item


def _is_ruled(equation: Any) -> bool:
    if equation.primitive.name not in _RULED:
        return False
    if equation.primitive.name != "custom_jvp_call":
        return True
    return name_of(equation.params) not in OF_JAX and not calls_jax(equation)


def calls_jax(equation: Any) -> bool:
    """Whether a function that an equation calls is one of JAX's own."""
    for inner in _inner(equation):
        source = str(getattr(getattr(inner, "jaxpr", inner).debug_info, "func_filename", "") or "")
        if any(f"site-packages/{library}" in source for library in _LIBRARIES):
            return True
    return False


def called(equation: Any) -> list[Any]:
    """The programs that an equation calls."""
    values = [equation.params[key] for key in _CALLED if key in equation.params]
    listed = [v for value in values for v in (value if isinstance(value, tuple) else (value,))]
    return [getattr(item, "jaxpr", item) for item in listed]


def _note_factored(jaxpr: Any, factored: set[int]) -> None:
    """Note the variables that a program splits into triangular factors."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("lu", "cholesky"):
            factored.update(map(id, equation.invars))
        for inner in called(equation):
            _note_factored(inner, factored)


def work_of(jaxpr: Any) -> int:
    """How many operations on numbers a program has, about; a multiplication of
    a product of matrices counts for a tenth."""
    total = 0
    for equation in jaxpr.eqns:
        times = equation.params["length"] if equation.primitive.name == "scan" else 1
        total += times * sum(map(work_of, called(equation)))
        sizes = [math.prod(v.aval.shape) for v in (*equation.invars, *equation.outvars)]
        match equation.primitive.name:
            case "dot_general":
                (summed, _), _ = equation.params["dimension_numbers"]
                shape = equation.invars[0].aval.shape
                total += sizes[-1] * math.prod(shape[k] for k in summed) // 10
            case "conv_general_dilated":
                out = equation.params["dimension_numbers"].rhs_spec[0]
                total += sizes[-1] * sizes[1] // equation.invars[1].aval.shape[out] // 10
        total += max(sizes, default=0)
    return total
