"""What people hand in beside arrays, and the ways in which they hand gradients
back: words, numbers, functions, keys; some of the gradients, or by their names."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradsheet

X = np.arange(6.0).reshape(2, 3) / 4 - 0.5
Y = X + 1


def scaled(factor):
    return lambda args, d: (factor(args) * d, *[None] * (len(args) - 1))


def mixed(x, options):
    return x * options["scale"] if options["mode"] == "scale" else x


SETTINGS = {  # f, what is given beside x, and the slope
    "a word": (lambda x, mode: 2 * x if mode == "double" else x, "double", lambda x, s: 2),
    "a flag": (lambda x, is_squared: x**2 if is_squared else x, True, lambda x, s: 2 * x),
    "an axis": (lambda x, axis: x * x.shape[axis], 1, lambda x, s: 3),
    "a shape": (lambda x, to: 3 * x.reshape(to).reshape(2, 3), (3, 2), lambda x, s: 3),
    "a function": (lambda x, g: g(x), jnp.negative, lambda x, s: -1),
    "a tree": (mixed, {"mode": "scale", "scale": np.array(3.0)}, lambda x, s: s["scale"]),
    "a key": (
        lambda x, key: x * jax.random.key_data(key).shape[0],
        jax.random.key(0),
        lambda x, key: 2,
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_among_the_arguments(name: str) -> None:
    f, setting, slope = SETTINGS[name]
    for extra, verdict in ((0.0, "right"), (0.5, "wrong")):
        backward = scaled(lambda args, extra=extra: slope(*args) + extra)
        check = gradsheet.check_vjp(f, X, setting, backward=backward, wrt="x")
        assert check.verdict == verdict, check


def test_a_number_without_a_gradient_is_a_setting_where_nobody_asks_for_it() -> None:
    backward = scaled(lambda args: 1 / args[1])
    check = gradsheet.check_vjp(lambda x, by: x / by, X, 0.5, backward=backward)
    assert check.remarks == ["by: no gradient is given, as of a setting"]
    asked = gradsheet.check_vjp(lambda x, by: x / by, X, 0.5, backward=backward, wrt=["x", "by"])
    assert asked.verdict == "wrong"
    array = gradsheet.check_vjp(lambda x, by: x / by, X, np.array(0.5), backward=backward)
    assert array.verdict == "wrong"


@pytest.mark.parametrize("is_right", [True, False])
def test_what_a_custom_vjp_does_not_differentiate_by(is_right: bool) -> None:
    @partial(jax.custom_vjp, nondiff_argnums=(0, 2))
    def power(kind, x, by):
        return x**by if kind == "power" else x

    power.defvjp(
        lambda kind, x, by: (power(kind, x, by), x),
        lambda kind, by, x, d: (by * x ** (by - is_right) * d,),
    )
    assert gradsheet.check_vjp(power, "power", X, 2.0).right == is_right


def test_numbers_that_a_torch_function_is_given() -> None:
    torch = pytest.importorskip("torch")

    class Leaky(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, slope, is_inplace):
            ctx.save_for_backward(x)
            ctx.slope = slope
            return torch.where(x > 0, x, slope * x)

        @staticmethod
        def backward(ctx, d):
            return torch.where(ctx.saved_tensors[0] > 0, d, ctx.slope * d), None, None

    def leaky(x, slope, is_inplace):
        return jnp.where(x > 0, x, slope * x)

    assert gradsheet.check_vjp(leaky, torch.tensor(X), 0.1, False, torch_function=Leaky)


def test_random_numbers_that_are_others_in_float64() -> None:
    def noisy(x, key):
        return x * jax.random.uniform(key, x.shape)

    match = "f draws random numbers, .*: draw them before"
    with jax.enable_x64(False), pytest.raises(ValueError, match=match):
        gradsheet.check_vjp(noisy, X.T, jax.random.key(0), backward=scaled(lambda args: 1))


# Gradients


def product(x, y):
    return x * y


def weighed(p, x):
    return x @ p["W"] + p["b"][None]


P = {"W": Y[:, :2].T, "b": np.array([1.0, 2])}


@pytest.mark.parametrize(
    ("backward", "wrt"),
    [
        (lambda args, d: {"y": d * args[0], "x": d * args[1]}, None),
        (lambda args, d: {"y": d * args[0]}, "y"),
        (lambda args, d: d * args[0], "y"),
        (lambda args, d: (d * args[0],), ["y"]),
        (lambda args, d: ((d * args[1]).tolist(), d * args[0]), None),
    ],
)
def test_gradients_by_name_and_some_of_them(backward, wrt) -> None:
    check = gradsheet.check_vjp(product, X, Y, backward=backward, wrt=wrt)
    assert check.verdict == "right", check


def test_the_gradients_of_one_tree() -> None:
    def backward(args, d):
        return {"W": args[1].T @ d, "b": d.sum(0)}

    assert gradsheet.check_vjp(weighed, P, X[:, :2], backward=backward, wrt="p")
    pair = gradsheet.check_vjp(
        lambda p, x: (x @ p[0]) @ p[1],
        [Y[:, :2], P["W"]],
        X[:, :2],
        backward=lambda args, d: [
            args[1].T @ d @ args[0][1].T,
            (args[1] @ args[0][0]).T @ d,
        ],
        wrt=0,
    )
    assert pair.verdict == "right", pair


def test_an_array_for_a_list_of_numbers() -> None:
    check = gradsheet.check_vjp(
        lambda x: jnp.asarray(x) * 2, X.tolist(), backward=lambda args, d: 2 * d
    )
    assert check.verdict == "right", check


# What is said


def test_a_rule_that_takes_other_arguments() -> None:
    def backward(x, y, d):
        return d * y, d * x

    with pytest.raises(TypeError, match=r"backward takes \(x, y, d\), expected backward\(args, c"):
        gradsheet.check_vjp(product, X, Y, backward=backward)
    with pytest.raises(TypeError, match=r"expected backward\(cotangent, cache\)"):
        gradsheet.check_vjp(product, X, Y, pair=(lambda x, y: (x * y, (x, y)), backward))
