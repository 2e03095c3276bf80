"""Right rules in every form in which people write them: a forward and a backward
pass with a cache, torch's functions, JAX's own rules, tangents pushed forward."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

import gradsheet
import manual
from tests.rounds import every, in_turn
from tests.vjp.operations import Draw, all_operations, in_type

OPERATIONS = all_operations()
draw = Draw(3)


def _affine(x, W, b):
    return x @ W.T + b[None]


def _conv2d(x, w, b):
    out = jax.lax.conv_general_dilated(x, w, (1, 1), [(0, 0), (0, 0)])
    return out + b[None, :, None, None]


def _layer_norm(x, gamma, beta):
    centred = x - x.mean(-1, keepdims=True)
    scale = jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return centred / scale * gamma[None] + beta[None]


PAIRS = {
    "affine": (_affine, (draw(3, 2), draw(4, 2), draw(4)), {}),
    "conv2d": (_conv2d, (draw(2, 2, 4, 3), draw(3, 2, 2, 2), draw(3)), {}),
    "relu": (jax.nn.relu, (draw(3, 4),), {}),
    "sigmoid": (jax.nn.sigmoid, (draw(3, 4),), {}),
    "tanh": (jnp.tanh, (draw(3, 4),), {}),
    "silu": (jax.nn.silu, (draw(3, 4),), {}),
    "softplus": (jax.nn.softplus, (draw(3, 4),), {}),
    "softmax": (lambda x: jax.nn.softmax(x, -1), (draw(3, 4),), {}),
    "layer_norm": (_layer_norm, (draw(3, 4), draw(4), draw(4)), {}),
    "embedding": (
        lambda table, rows: table[rows],
        (draw(4, 3), np.array([[0, 2, 2], [3, 2, 0]])),
        {},
    ),
}


def pair_of(name: str):
    return getattr(manual, f"{name}_forward"), getattr(manual, f"{name}_backward")


@pytest.mark.parametrize("name", every(2, PAIRS))
def test_forward_and_backward_passes_of_manual(name: str) -> None:
    f, args, kwargs = PAIRS[name]
    forward, backward = pair_of(name)
    check = gradsheet.check_vjp(f, *args, pair=(forward, backward), kwargs=kwargs)
    assert check.verdict == "right", check


# torch


def torch_functions(torch):
    class Relu(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.clamp(min=0)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * (x > 0)

    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(out := x.exp())
            return out

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    class Affine(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, W, b):
            ctx.save_for_backward(x, W)
            return x @ W.T + b

        @staticmethod
        def backward(ctx, g):
            x, W = ctx.saved_tensors
            return g @ W, g.T @ x, g.sum(0)

    class Softmax(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(s := torch.softmax(x, -1))
            return s

        @staticmethod
        def backward(ctx, g):
            (s,) = ctx.saved_tensors
            return s * (g - (g * s).sum(-1, keepdim=True))

    class Embedding(torch.autograd.Function):
        @staticmethod
        def forward(ctx, table, rows):
            ctx.save_for_backward(rows)
            ctx.shape = table.shape
            return table[rows]

        @staticmethod
        def backward(ctx, g):
            (rows,) = ctx.saved_tensors
            return torch.zeros(ctx.shape, dtype=g.dtype).index_add(0, rows, g), None

    class Split(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x[:, :2] ** 2, x[:, 2:].clone()

        @staticmethod
        def backward(ctx, g, h):
            (x,) = ctx.saved_tensors
            return torch.cat([2 * x[:, :2] * g, h], 1)

    class CrossEntropy(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z, labels):
            ctx.save_for_backward(z, labels)
            return torch.nn.functional.cross_entropy(z, labels)

        @staticmethod
        def backward(ctx, g):
            z, labels = ctx.saved_tensors
            hot = torch.nn.functional.one_hot(labels, z.shape[1])
            return g * (torch.softmax(z, 1) - hot) / len(z), None

    return {
        "relu": Relu,
        "exp": Exp,
        "affine": Affine,
        "softmax": Softmax,
        "embedding_of_rows": Embedding,
        "split": Split,
        "cross_entropy": CrossEntropy,
    }


def _split(x):
    return x[:, :2] ** 2, x[:, 2:]


TORCH = {
    "relu": (jax.nn.relu, (draw(3, 4),)),
    "exp": (jnp.exp, (draw(3, 4),)),
    "affine": PAIRS["affine"][:2],
    "softmax": PAIRS["softmax"][:2],
    "embedding_of_rows": (lambda table, rows: table[rows], (draw(4, 3), np.array([0, 2, 2, 3]))),
    "split": (_split, (draw(3, 5),)),
    "cross_entropy": (OPERATIONS["cross_entropy"].f, OPERATIONS["cross_entropy"].drawn()),
}
WHY = "comes with the extra peers, which is not installed"


@pytest.mark.parametrize(
    "dtype", ["float64", "bfloat16", pytest.param("float32", marks=pytest.mark.exhaustive)]
)
@pytest.mark.parametrize("name", TORCH)
def test_functions_of_torch(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch", reason=WHY)
    f, args = TORCH[name]
    args = [
        torch.tensor(a).to(getattr(torch, dtype)) if a.dtype.kind == "f" else torch.tensor(a)
        for a in map(np.asarray, args)
    ]
    check = gradsheet.check_vjp(f, *args, torch_function=torch_functions(torch)[name])
    assert check.right or (dtype == "bfloat16" and check.verdict == "untold"), check
    assert dtype in check.title


def test_a_function_of_torch_that_forgets_a_factor() -> None:
    torch = pytest.importorskip("torch", reason=WHY)

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    check = gradsheet.check_vjp(lambda x: x * x, torch.ones(2, 3), torch_function=Square)
    assert check.verdict == "wrong"
    assert check.mistakes[0].startswith("x: everywhere 1/2")


# JAX's own rules


@jax.custom_vjp
def softplus(x):
    return jnp.log1p(jnp.exp(-jnp.abs(x))) + jnp.maximum(x, 0)


softplus.defvjp(lambda x: (softplus(x), x), lambda x, g: (g * jax.nn.sigmoid(x),))


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def scaled(x, by):
    return jnp.sin(x) * by


scaled.defvjp(lambda x, by: (scaled(x, by), x), lambda by, x, g: (g * by * jnp.cos(x),))


@jax.custom_vjp
def affine(params, x):
    return x @ params["W"].T + params["b"][None]


affine.defvjp(
    lambda params, x: (affine(params, x), (params, x)),
    lambda cache, g: ({"W": g.T @ cache[1], "b": g.sum(0)}, g @ cache[0]["W"]),
)


@jax.custom_jvp
def logistic(x):
    return 1 / (1 + jnp.exp(-x))


@logistic.defjvp
def _logistic_jvp(primals, tangents):
    s = logistic(*primals)
    return s, s * (1 - s) * tangents[0]


@jax.custom_vjp
def clipped(x):
    """Gradients are clipped: a rule that is meant to be wrong."""
    return x * 1


clipped.defvjp(lambda x: (x, None), lambda _, g: (jnp.clip(g, -1, 1),))


@pytest.mark.parametrize(
    ("f", "args", "kwargs"),
    [
        (softplus, (draw(3, 4),), {}),
        (affine, ({"W": draw(4, 2), "b": draw(4)}, draw(3, 2)), {}),
        (logistic, (draw(3, 4),), {}),
    ],
    ids=["softplus", "tree", "custom_jvp"],
)
@pytest.mark.parametrize(
    "dtype", ["float32", pytest.param("float64", marks=pytest.mark.exhaustive)]
)
def test_rules_of_jax(f, args, kwargs, dtype: str) -> None:
    check = gradsheet.check_vjp(f, *args, kwargs=kwargs, dtype=dtype)
    assert check.verdict == "right", check


def test_a_rule_of_jax_inside_of_a_function() -> None:
    """It is judged where it alone is given; inside of others it is no truth."""
    check = gradsheet.check_vjp(
        lambda x: scaled(x, 3.0) ** 2,
        draw(3, 2),
        backward=lambda args, g: g * 18 * np.sin(args[0]) * np.cos(args[0]),
    )
    assert check.verdict == "right", check


def test_a_rule_of_jax_that_is_meant_to_be_wrong() -> None:
    check = gradsheet.check_vjp(clipped, draw(3, 2))
    assert check.verdict == "wrong"


# Tangents


def _jvp_affine(args, tangents):
    (x, W, b), (d_x, d_W, d_b) = args, tangents
    return x @ W.T + b, d_x @ W.T + x @ d_W.T + d_b


@pytest.mark.parametrize(
    ("f", "args", "jvp"),
    [
        (jnp.sin, (draw(3, 2),), lambda a, t: (np.sin(a[0]), np.cos(a[0]) * t[0])),
        (PAIRS["affine"][0], PAIRS["affine"][1], _jvp_affine),
        (_split, (draw(3, 5),), lambda a, t: (_split(a[0]), (2 * a[0] * t[0])[:, :2])),
    ],
    ids=["sin", "affine", "one output is missing"],
)
def test_tangents(f, args, jvp) -> None:
    check = gradsheet.check_vjp(f, *args, jvp=jvp)
    if f is _split:
        assert check.faults == ["its tangent has 1 arrays, expected 2, as the result"]
    else:
        assert check.verdict == "right", check


def test_a_tangent_of_which_a_term_is_missing() -> None:
    def jvp(args, tangents):
        out, _ = _jvp_affine(args, tangents)
        return out, tangents[0] @ args[1].T + tangents[2]

    assert gradsheet.check_vjp(*_f_and_args(), jvp=jvp).verdict == "wrong"


def _f_and_args():
    return PAIRS["affine"][0], *PAIRS["affine"][1]


# Arrays of JAX, and floats of few bits


@pytest.mark.parametrize(
    "dtype",
    [
        jnp.bfloat16,
        *[
            pytest.param(dtype, marks=pytest.mark.exhaustive)
            for dtype in (jnp.float64, jnp.float32, jnp.float16)
        ],
    ],
)
@pytest.mark.parametrize("name", every(2, ["affine", "silu", "layer_norm", "attention"]))
def test_arrays_of_jax(name: str, dtype) -> None:
    operation = OPERATIONS[name]
    args = [jnp.asarray(a, dtype if a.dtype.kind == "f" else a.dtype) for a in operation.drawn()]
    inside = np.float64 if dtype == jnp.float64 else np.float32
    check = gradsheet.check_vjp(operation.f, *args, backward=in_type(operation.backward, inside))
    assert check.right, check


def test_a_constant_that_is_rounded_shows_in_float64_alone() -> None:
    """sqrt(2 / pi) to eight digits: enough for float32."""
    operation = OPERATIONS["gelu_tanh"]

    def backward(args, g):
        (x,) = args
        t = np.tanh(0.79788456 * (x + 0.044715 * x**3))
        inner = 0.79788456 * (1 + 0.134145 * x**2)
        return g * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * inner)

    args = operation.drawn()
    assert gradsheet.check_vjp(operation.f, *args, backward=backward).verdict == "rounded"
    few = [a.astype(np.float32) for a in args]
    assert gradsheet.check_vjp(operation.f, *few, backward=backward).verdict == "right"


def test_wrong_by_more_than_bfloat16_makes_of_it() -> None:
    operation = OPERATIONS["affine"]

    def backward(args, g):
        return [a * 1.05 for a in operation.backward(args, g)]

    check = gradsheet.check_vjp(
        operation.f, *operation.drawn(), backward=in_type(backward), dtype="bfloat16"
    )
    assert check.verdict == "wrong"
    assert ml_dtypes.finfo(ml_dtypes.bfloat16).eps < 0.05


# Rules that are meant to differ


def _rounded_through(x):
    return x + jax.lax.stop_gradient(jnp.round(x) - x)


@jax.custom_vjp
def straight_through(x):
    return jnp.round(x)


straight_through.defvjp(lambda x: (jnp.round(x), None), lambda _, g: (g,))


@jax.custom_vjp
def reversed_gradient(x):
    return x * 1


reversed_gradient.defvjp(lambda x: (x, None), lambda _, g: (-0.5 * g,))


def _reversed(x):
    return jax.lax.stop_gradient(1.5 * x) - 0.5 * x


def _through(args, g):
    return g


SIZES = ("small", "large")


@pytest.fixture(params=SIZES)
def size(request, monkeypatch):
    """Both ways in which functions are carried out."""
    if request.param == "large":
        monkeypatch.setattr("gradsheet.vjp.truth.MOST_IN_BALLS", 0)


@pytest.mark.parametrize(
    ("size", "dtype", "f", "rule", "intended"),
    in_turn(
        itertools.product(SIZES, ["float32", "float64"]),
        [
            (straight_through, {}, _rounded_through),
            (jnp.round, {"backward": _through}, _rounded_through),
            (
                jnp.round,
                {"pair": (lambda x: (np.round(x), None), lambda g, _: g)},
                _rounded_through,
            ),
            (jnp.round, {"jvp": lambda args, t: (np.round(args[0]), t[0])}, _rounded_through),
            (reversed_gradient, {}, _reversed),
            (lambda x: 1 * x, {"backward": lambda args, g: -g / 2}, _reversed),
        ],
    ),
    indirect=["size"],
)
def test_a_rule_that_is_meant_to_differ(size, dtype: str, f, rule, intended) -> None:
    x = 3 * draw(4, 3)
    assert gradsheet.check_vjp(f, x, **rule, intended=intended, dtype=dtype).verdict == "right"
    assert gradsheet.check_vjp(f, x, **rule, dtype=dtype).verdict == "wrong"


def test_a_function_of_torch_that_is_meant_to_differ() -> None:
    torch = pytest.importorskip("torch", reason=WHY)

    class Round(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, g):
            return g

    x = torch.tensor(3 * draw(4, 3))
    given = {"torch_function": Round, "intended": _rounded_through}
    assert gradsheet.check_vjp(jnp.round, x, **given).verdict == "right"
    assert gradsheet.check_vjp(jnp.round, x, torch_function=Round).verdict == "wrong"


@pytest.mark.usefixtures("size")
def test_what_is_intended_has_the_values_of_the_function() -> None:
    x = draw(4, 3)
    given = {"backward": _through}
    with pytest.raises(ValueError, match="intended gives other values than f at the numbers given"):
        gradsheet.check_vjp(jnp.round, x, **given, intended=lambda x: 1 * x)
    with pytest.raises(ValueError, match="intended returns arrays of other names, shapes or types"):
        gradsheet.check_vjp(jnp.round, x, **given, intended=lambda x: jnp.round(x).sum())


def test_a_mistake_in_a_rule_that_is_meant_to_differ() -> None:
    check = gradsheet.check_vjp(
        jnp.round, 3 * draw(4, 3), backward=lambda args, g: -g, intended=_rounded_through
    )
    assert check.title.startswith("backward pass <lambda> of round: x 4x3")
    assert check.mistakes[0] == "x: everywhere the negative of the truth"
