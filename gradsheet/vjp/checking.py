"""Checks the rule of one function: a vector-Jacobian product, or a
Jacobian-vector product, that somebody wrote."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradsheet.checking.result import require_right
from gradsheet.checking.telling import Telling
from gradsheet.vjp.result import VJPCheck
from gradsheet.vjp.trial import trial_of


def check_vjp(
    f: Callable[..., Any],
    *args: Any,
    backward: Callable[..., Any] | None = None,
    pair: tuple[Callable[..., Any], Callable[..., Any]] | None = None,
    torch_function: Any = None,
    jvp: Callable[..., Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    wrt: Sequence[int | str] | int | str | None = None,
    cotangents: Any = None,
    dtype: str | None = None,
    examples: Sequence[Sequence[Any]] = (),
    at_kinks: str | Mapping[str, str | float] = "any",
    intended: Callable[..., Any] | None = None,
) -> VJPCheck:
    """Whether the derivative rule of a function is right; if not, which arrays
    are wrong, and what they are of the right ones.

    f is any function of arrays, or trees of them, that JAX can trace, and the
    truth: f(*args) is called with arrays like args, whose shapes and types
    matter, and whose numbers are one of the probes; words, flags, whole numbers
    and functions among args are given as they are. One of these is judged:

    backward        backward(args, cotangent) returns a tuple, one gradient an
                    argument, None where there is none; only those asked for, a
                    dict by the arguments' names, an array where there is one
    pair            (forward, backward): forward(*args) returns (out, cache),
                    backward(cotangent, cache) the gradients
    torch_function  a class made of torch.autograd.Function; its `apply` is
                    called with tensors
    jvp             jvp(args, tangents) returns (out, tangent of out)

    or none of them where f is a `jax.custom_vjp` or `custom_jvp`, or has such in
    it: then these rules are, and what f computes is the truth.

    kwargs      settings, given to f and to a pair's forward pass as they are
    wrt         by which arguments to ask, places or names; None for all floats
    cotangents  cotangents of one's own for the numbers given, in the structure
                of f's result; the probes have others
    dtype       "float64", "float32", "float16" or "bfloat16", in which the rule
                is called; None for the type of the first floats in args
    examples    further arguments like args, to be tried as well: other sizes
    at_kinks    "any" gradient between those on both sides of a kink is right,
                or only "jax"'s own; or {place: one of them, or a slope}, where a
                place is a part of a line of f, or its file and number, and a
                slope, a number, that of max, min, abs or relu at its tie
    intended    a function with the values of f, whose derivative is meant in place
                of f's, as with `x + lax.stop_gradient(jnp.round(x) - x)` for
                jnp.round

    Numbers are compared exactly where floats round nothing, else to the forward
    error bound of their type. Raises TypeError or ValueError where an argument
    does not fit, JAX cannot trace f, or it draws random numbers, NotImplementedError where f has an
    operation without an exact rule here, and nothing that the rule raises.

        check_vjp(jnp.sin, x, backward=lambda args, g: g * np.cos(args[0]))
    """
    forms = {"backward": backward, "pair": pair, "torch_function": torch_function, "jvp": jvp}
    with Telling("gradsheet.check_vjp") as telling:
        telling.at("finds the truth, and calls the rule")
        sets = (args, *map(tuple, examples))
        trials = [
            trial_of(f, given, kwargs or {}, forms, wrt, dtype, at_kinks, intended)
            for given in sets
        ]
        probes = 0
        for trial in trials:
            trial.run(cotangents if trial is trials[0] else None, probes)
            probes += len(trial.seen)
        telling.at("compares, and looks for the mistake")
        check, *others = [trial.check() for trial in trials]
        for other in others:
            check.add(other)
        return check


def assert_vjp(f: Callable[..., Any], *args: Any, **options: Any) -> None:
    """Raise AssertionError with the report unless a rule is right. The
    arguments are those of `check_vjp`."""
    __tracebackhide__ = True
    check = check_vjp(f, *args, **options)
    require_right(check, f"the derivative rule {check.rule}")
