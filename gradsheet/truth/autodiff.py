"""The witness JAX: its own derivative program, evaluated without rounding.

JAX writes the program of a derivative before it compiles it, a jaxpr: a list of
primitive operations on arrays. Here the list is not compiled for floats but
carried out on exact numbers, Fractions or `real.Real`. What JAX differentiated
is thereby held against the other witnesses with `==`, or to as many digits as
one likes, and nothing has to be granted to rounding.

What an operation does is in `primitives`; what the numbers are, `Numbers` says.
Whole numbers that count and truth values are NumPy's own.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cmp_to_key, partial
from operator import methodcaller
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradsheet.language.functions import FUNCTIONS
from gradsheet.numbers.real import Real
from gradsheet.truth import primitives as p
from gradsheet.truth.decompositions import cholesky, lu, of_each
from manual.activations import Array

MAX_PROGRAMS = 64  # of JAX's that a session has
MOST_STEPS = 1000  # of a loop that was changed, and may have no end

Arrays = Sequence[Array]
Function = Callable[..., Any]  # of one number, or of two

_OF_NUMBERS = {**p.SUMS_OF_PRODUCTS, **p.SUMS, **p.PRODUCTS}
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge", "eq_to", "lt_to", "le_to")
OF_JAX = ("exp_neg_sq",)  # functions that JAX writes out for floats: exp(-x^2), for erf
_WRAPPERS = ("jaxpr", "call_jaxpr", "fun_jaxpr")  # the parameters that hold what is called


class UnknownOperation(NotImplementedError):
    """JAX's program has an operation that has no rule here: a JAX newer than this witness."""


class Numbers(ABC):
    """The numbers that a program is carried out on. `changes` are what is done
    to the results of single equations, by their ids, of their inputs, too; `path`
    is the equation that is carried out, those that call it in front."""

    changes: Mapping[int, Callable[[Arrays, list[Array]], list[Array]]] = {}
    path: tuple[Any, ...] = ()

    @abstractmethod
    def exact(self, array: Array) -> Array:
        """An array of JAX's floats, or of whole numbers, as one of these numbers."""

    def function(self, name: str) -> Function | None:
        """A function of one number or of two, by the name of JAX's operation."""
        return None

    def product(self, a: Array, b: Array) -> Array:
        """The products of matrices, batch by batch."""
        return p.matrix_product(a, b)

    def applied(self, name: str, inputs: Arrays) -> Array | None:
        """A function of each number, or of each pair, by the name of JAX's
        operation; None where there is none."""
        if (function := self.function(name)) is None:
            return None
        found = np.frompyfunc(function, len(inputs), 1)(*inputs)
        return np.asarray(found, bool if name == "is_finite" else inputs[0].dtype)

    def order(self, a: Array, b: Array, *, locates: bool = False) -> Array:
        """For each pair -1, 0 or 1, as a < b, a = b or a > b; `locates` where it
        is asked for what is equal, which no kink hangs on."""
        return np.asarray(a > b).astype(np.int8) - np.asarray(a < b).astype(np.int8)

    def ranks(self, a: Array) -> Array:
        """Whole numbers in the order of the entries, equal where these are."""
        flat = a.reshape(-1)

        def order(i: int, j: int) -> int:
            return int(self.order(flat[i], flat[j]))

        places, ranks = sorted(range(a.size), key=cmp_to_key(order)), np.zeros(a.size, int)
        for before, place in itertools.pairwise(places):
            ranks[place] = ranks[before] + (order(before, place) != 0)
        return ranks.reshape(a.shape)

    def whole(self, a: Array) -> Array:
        """The whole numbers towards 0 from some numbers."""
        return np.asarray(np.vectorize(int, [int])(a))

    def holds(self, a: Array) -> bool:
        """Whether an array is of these numbers, and not of whole ones that count."""
        return a.dtype == object

    def let_through(self, a: Array) -> Array:
        """What is given on of an array through which no derivative is let."""
        return a

    def changed(self, a: Array) -> Array:
        """What is kept of a result that was changed."""
        return a

    def computed(self, name: str, inputs: Arrays, result: Array, params: Any) -> Array:
        """What is kept of a result of an operation that may round."""
        return result


class Reals(Numbers):
    """Fractions, and Reals where a function needs them."""

    def __init__(self, real: Callable[[Any], Real]):
        self.real = real

    def exact(self, array: Array) -> Array:
        """An array of JAX's floats, or of whole numbers, as Fractions."""
        return np.asarray(np.frompyfunc(Fraction, 1, 1)(array), object)

    def function(self, name: str) -> Function | None:
        """A function of a number, which is made a Real for it."""
        of_real = _OF_REALS.get(name)
        return None if of_real is None else lambda v: of_real(self.real(v))


_OF_REALS: dict[str, Callable[[Real], Any]] = {
    **{name: methodcaller(name) for name in ("exp", "log", "log1p", "tanh", "sqrt", "sin", "cos")},
    "rsqrt": lambda v: 1 / v.sqrt(),
    "logistic": FUNCTIONS["sigmoid"].exact,
}


def run_exactly(closed: Any, arguments: Arrays, numbers: Numbers) -> list[Array]:
    """What a jaxpr with its constants gives for arrays of exact numbers.

    Raises UnknownOperation where it has an operation without a rule.
    """
    jaxpr, consts = getattr(closed, "jaxpr", closed), getattr(closed, "consts", ())
    values: dict[Any, Any] = dict(
        zip(
            [*jaxpr.constvars, *jaxpr.invars],
            [*(_given(a, numbers) for a in consts), *arguments],
            strict=True,
        )
    )

    def read(variable: Any) -> Any:
        return _given(variable.val, numbers) if hasattr(variable, "val") else values[variable]

    outer = numbers.path
    for equation in jaxpr.eqns:
        numbers.path = (*outer, equation)
        inputs = [read(variable) for variable in equation.invars]
        result = carried_out(equation.primitive, inputs, equation.params, numbers)
        outputs = result if isinstance(result, list) else [result]
        if (change := numbers.changes.get(id(equation))) is not None:
            changed = change(inputs, outputs)
            arrays = [np.asarray(a, b.dtype) for a, b in zip(changed, outputs, strict=True)]
            outputs = [numbers.changed(a) for a in arrays]
        values.update(zip(equation.outvars, outputs, strict=True))
    numbers.path = outer
    return [read(variable) for variable in jaxpr.outvars]


def _given(array: Any, numbers: Numbers) -> Any:
    """A constant of JAX's: floats become numbers, all else stays."""
    dtype = getattr(array, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jax.dtypes.extended):
        return array  # keys of random numbers
    array = np.asarray(array)
    return numbers.exact(array) if jnp.issubdtype(array.dtype, np.inexact) else array


def carried_out(primitive: Any, inputs: Arrays, params: Any, numbers: Numbers) -> Any:
    """What one operation gives; a list where it gives several arrays."""
    name = primitive.name
    if name in _CONTROL:
        return _CONTROL[name](inputs, params, numbers)
    if (known := name_of(params)) in OF_JAX:
        return numbers.applied(known, inputs)
    inner = next((params[key] for key in _WRAPPERS if key in params), None)
    if inner is not None:
        return run_exactly(inner, inputs, numbers)
    if name == "stop_gradient":
        return numbers.let_through(inputs[0])
    are_numbers = [numbers.holds(a) for a in inputs]
    if name in _OF_NUMBERS and any(are_numbers):
        more = {"product": numbers.product} if name in p.SUMS_OF_PRODUCTS else {}
        result = np.asarray(_OF_NUMBERS[name](*inputs, **more, **params))
        return numbers.computed(name, inputs, _as_objects(result, inputs), params)
    if name in p.MOVES and all(isinstance(a, np.ndarray | np.generic) for a in inputs):
        result = p.MOVES[name](*inputs, **params)
        if name == "iota" and result.dtype.kind == "f":
            return numbers.exact(result)
        if isinstance(result, list):
            return [_as_objects(a, inputs) for a in result]
        return _as_objects(result, inputs)
    if name == "convert_element_type":
        return _converted(inputs[0], params["new_dtype"], numbers)
    if any(are_numbers):
        if name in ("cholesky", "lu"):
            return _factors(name, inputs[0], numbers)
        result = _of_order(name, inputs, params, numbers)
        if result is None and (found := numbers.applied(name, inputs)) is not None:
            result = numbers.computed(name, inputs, found, params)
        if result is None:
            version = f"JAX {jax.__version__}"
            raise UnknownOperation(f"{version} has an operation without a rule here: {name}")
        return result
    return _counted(primitive, inputs, params, numbers)


def _counted(primitive: Any, inputs: Arrays, params: Any, numbers: Numbers) -> Any:
    """What an operation gives of numbers that only count, by NumPy where it has the same,
    else by JAX itself."""
    if primitive.name in p.COUNTS and all(isinstance(a, np.ndarray) for a in inputs):
        return np.asarray(p.COUNTS[primitive.name](*inputs, **params))
    result = primitive.bind(*map(_for_jax, inputs), **params)
    if primitive.multiple_results:
        return [_given(array, numbers) for array in result]
    return _given(result, numbers)


def name_of(params: Any) -> str:
    """The name of the function that an operation calls, where it has one."""
    inner = params.get("call_jaxpr")
    return str(getattr(getattr(inner, "debug_info", None), "func_name", ""))


def _for_jax(a: Any) -> Any:
    # jnp.asarray would compile a program for every shape.
    return jax.device_put(a) if isinstance(a, np.ndarray | np.generic) else a


def _as_objects(result: Any, inputs: Arrays) -> Array:
    """An array of what NumPy gives alone where an array has no axes."""
    is_array = isinstance(result, np.ndarray | np.generic)
    return np.asarray(result, None if is_array else object)


def _converted(a: Array, new_dtype: Any, numbers: Numbers) -> Array:
    is_float = jnp.issubdtype(new_dtype, np.inexact)
    if numbers.holds(a):
        if is_float:
            return a
        if np.dtype(new_dtype) == bool:
            return np.asarray(_sign(a, numbers) != 0)
        return numbers.whole(a).astype(new_dtype)
    return numbers.exact(a) if is_float else np.asarray(a.astype(new_dtype))


def _factors(name: str, a: Array, numbers: Numbers) -> Any:
    """The triangular factors of matrices, by what these numbers can do."""

    def operate(name: str, *arrays: Array) -> Array:
        found = _OF_NUMBERS[name](*arrays) if name in _OF_NUMBERS else numbers.applied(name, arrays)
        return numbers.computed(name, arrays, np.asarray(found, a.dtype), {})

    def ranked(column: Array) -> Array:
        return numbers.ranks(np.where(_sign(column, numbers) < 0, -column, column))

    if name == "cholesky":
        return of_each(a, lambda matrix: cholesky(matrix, operate))[0]
    return of_each(a, lambda matrix: lu(matrix, operate, ranked))


def _of_order(name: str, inputs: Arrays, params: Any, numbers: Numbers) -> Any:
    """What an operation gives that compares numbers; None of any other."""
    a = inputs[0]
    if name in _COMPARISONS:
        return p.compared(name, numbers.order(*inputs, locates=name in ("eq", "ne", "eq_to")))
    if name in p.BY_RANKS:
        return _as_objects(p.BY_RANKS[name](a, numbers.ranks(a), **params), inputs)
    match name:
        case "max":
            return np.where(numbers.order(*inputs) >= 0, *inputs)
        case "min":
            return np.where(numbers.order(*inputs) <= 0, *inputs)
        case "abs":
            return np.where(_sign(a, numbers) < 0, -a, a)
        case "sign":
            return numbers.exact(_sign(a, numbers))
        case "clamp":
            low, a, high = inputs
            a = np.where(numbers.order(a, low) < 0, low, a)
            return np.where(numbers.order(a, high) > 0, high, a)
        case "sort":
            ranks = [numbers.ranks(b) if numbers.holds(b) else b for b in inputs]
            return p.sorted_by(ranks[: params["num_keys"]], inputs, params["dimension"])
        case "top_k":
            return p.top_k(a, numbers.ranks(a), **params)
        case "scatter-max" | "scatter-min" | "scatter_max" | "scatter_min":
            places, updates = inputs[1:]
            both = np.concatenate([a.reshape(-1), updates.reshape(-1)])
            best = np.maximum if name.endswith("max") else np.minimum
            return p.scatter_extreme(a, places, updates, numbers.ranks(both), best, **params)
        case "select_and_scatter_add":
            return p.select_and_scatter_add(a, inputs[1], numbers.ranks(inputs[1]), **params)
        case "select_and_gather_add":
            return p.select_and_gather_add(a, inputs[1], numbers.ranks(inputs[1]), **params)
    return None


def _sign(a: Array, numbers: Numbers) -> Array:
    return numbers.order(a, numbers.exact(np.zeros(())))


# Loops and branches


def _scan(inputs: Arrays, params: Any, numbers: Numbers) -> list[Array]:
    if "ft_in" in params:  # from JAX 0.12 on
        fixed, carried, _ = map(len, params["ft_in"].unpack())
    else:
        fixed, carried = params["num_consts"], params["num_carry"]
    consts, carry, steps = inputs[:fixed], list(inputs[fixed:][:carried]), inputs[fixed + carried :]
    order = range(params["length"])
    stacked: list[list[Array]] = [[] for _ in params["jaxpr"].jaxpr.outvars[carried:]]
    for k in reversed(order) if params["reverse"] else order:
        rows = [np.asarray(step[k], step.dtype) for step in steps]
        results = run_exactly(params["jaxpr"], [*consts, *carry, *rows], numbers)
        carry = results[:carried]
        for column, row in zip(stacked, results[carried:], strict=True):
            column.append(row)
    for column, aval in zip(stacked, params["jaxpr"].out_avals[carried:], strict=True):
        none = _given(np.zeros((0, *aval.shape), aval.dtype), numbers)
        rows = column[::-1] if params["reverse"] else column
        carry.append(np.stack(rows) if rows else none)
    return carry


def _while(inputs: Arrays, params: Any, numbers: Numbers) -> list[Array]:
    of_test, of_body = params["cond_nconsts"], params["body_nconsts"]
    test, body, values = inputs[:of_test], inputs[of_test:][:of_body], inputs[of_test + of_body :]
    steps = range(MOST_STEPS) if numbers.changes else itertools.count()
    for _ in steps:
        goes_on = run_exactly(params["cond_jaxpr"], [*test, *values], numbers)[0]
        if not goes_on.any():
            break
        after = run_exactly(params["body_jaxpr"], [*body, *values], numbers)
        if goes_on.ndim:  # of several at once some may have come to an end
            shapes = [(*goes_on.shape, *[1] * (a.ndim - goes_on.ndim)) for a in after]
            pairs = zip(shapes, after, values, strict=True)
            after = [np.where(goes_on.reshape(shape), new, old) for shape, new, old in pairs]
        values = after
    return list(values)


def _cond(inputs: Arrays, params: Any, numbers: Numbers) -> list[Array]:
    index, *operands = inputs
    branches = params["branches"]
    return run_exactly(branches[min(max(int(index), 0), len(branches) - 1)], operands, numbers)


def _linear_solve(inputs: Arrays, params: Any, numbers: Numbers) -> list[Array]:
    """By the program that solves, whatever the matrix is made of."""
    counts = params["const_lengths"]
    start = counts.matvec + counts.vecmat
    consts, b = inputs[start : start + counts.solve], inputs[sum(counts) :]
    return run_exactly(params["jaxprs"].solve, [*consts, *b], numbers)


def _expanded(inputs: Arrays, params: Any, numbers: Numbers) -> list[Array]:
    """What is no list of operations until it is asked for one."""
    given = [jax.ShapeDtypeStruct(a.shape, _type_of(a, numbers)) for a in inputs]  # type: ignore[no-untyped-call]
    return run_exactly(jax.make_jaxpr(params["_prim"].expand)(*given), inputs, numbers)


def _cumulative_logsumexp(inputs: Arrays, params: Any, numbers: Numbers) -> list[Array]:
    """By the sums of pairs of which JAX makes its derivative."""
    a = jax.ShapeDtypeStruct(inputs[0].shape, np.float64)  # type: ignore[no-untyped-call]
    program = jax.make_jaxpr(partial(jax.lax.associative_scan, jnp.logaddexp, **params))(a)
    return run_exactly(program, inputs, numbers)


def _type_of(a: Array, numbers: Numbers) -> Any:
    return np.float64 if numbers.holds(a) else a.dtype


_CONTROL = {
    "call_hi_primitive": _expanded,
    "scan": _scan,
    "while": _while,
    "cond": _cond,
    "custom_linear_solve": _linear_solve,
    "cumlogsumexp": _cumulative_logsumexp,
}
