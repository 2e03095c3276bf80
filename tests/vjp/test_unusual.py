"""What people hand in that is no answer, and what they are told."""

import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradsheet
from gradsheet.vjp.probes import redrawn, structure_of

X, W = np.arange(6.0).reshape(2, 3) / 4 + 0.5, np.arange(12.0).reshape(4, 3) / 8 - 0.5


def matmul(x, W):
    return x @ W.T


def right(args, g):
    return g @ args[1], g.T @ args[0]


def faults_of(backward, f=matmul, *args, **options):
    check = gradsheet.check_vjp(f, *(args or (X, W)), backward=backward, **options)
    assert check.verdict == "wrong"
    return check.faults


def where_of(backward, name: str) -> str:
    check = gradsheet.check_vjp(matmul, X, W, backward=backward)
    return next(row for row in check.arguments if row.name == name).where


# What comes back


@pytest.mark.parametrize(
    ("returned", "count"), [(lambda g: g, 1), (lambda g: (g, g, g), 3), (lambda g: (), 0)]
)
def test_another_number_of_gradients(returned, count: int) -> None:
    (fault,) = faults_of(lambda args, g: returned(right(args, g)[0]))
    assert fault == (
        f"it returns {count} gradients, expected 2, one an argument, None where there is none: "
        "x, W; it is called as backward(args, cotangent)"
    )


def test_none_where_it_counts() -> None:
    check = gradsheet.check_vjp(matmul, X, W, backward=lambda args, g: (right(args, g)[0], None))
    assert check.verdict == "wrong"
    assert [row.verdict for row in check.arguments] == ["right", "wrong"]
    assert check.arguments[1].where.startswith("None; [")


def test_none_alone() -> None:
    assert "it returns 1 gradients, expected 2" in faults_of(lambda args, g: None)[0]


def test_none_where_the_gradient_is_zero() -> None:
    def backward(args, g):
        return 2 * args[0] * g, None

    check = gradsheet.check_vjp(lambda x, unused: x * x, X, W, backward=backward)
    assert check.verdict == "right", check


def test_another_shape() -> None:
    assert where_of(lambda args, g: (right(args, g)[0], args[0].T @ g), "W") == (
        "shape (3, 4), expected (4, 3)"
    )
    assert where_of(lambda args, g: (1.0, right(args, g)[1]), "x") == "shape (), expected (2, 3)"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda a: a.astype(complex), "ndarray of complex128, expected an array of floats"),
        (lambda a: a.astype(str), "ndarray of <U32, expected an array of floats"),
        (lambda a: "text", "expected"),
        (lambda a: object(), ""),
    ],
    ids=["complex", "text", "a text", "an object"],
)
def test_another_type(made, words: str) -> None:
    assert words in where_of(lambda args, g: (made(right(args, g)[0]), right(args, g)[1]), "x")


def test_whole_numbers_are_read() -> None:
    check = gradsheet.check_vjp(
        lambda x: 3 * x,
        np.ones((2, 2)),
        backward=lambda args, g: (3 * g).astype(int),
    )
    assert check.verdict == "right", check
    assert check.remarks == ["it is given float64, and returns int64"]


def test_coarser_floats_than_it_is_given() -> None:
    check = gradsheet.check_vjp(
        jnp.sin, X, backward=lambda args, g: (g * np.cos(args[0])).astype(np.float32)
    )
    assert check.right
    assert check.remarks == ["it is given float64, and returns float32"]


def test_lists_and_arrays_stand_for_tuples() -> None:
    for made in (list, tuple, lambda pair: [jnp.asarray(a) for a in pair]):
        assert gradsheet.check_vjp(matmul, X, W, backward=lambda a, g, m=made: m(right(a, g)))


def test_nan_and_infinity() -> None:
    for bad in (np.nan, np.inf):
        check = gradsheet.check_vjp(jnp.sin, X, backward=lambda args, g, bad=bad: g * bad)
        assert check.verdict == "wrong"
        assert check.arguments[0].difference == np.inf


# What a rule does


def test_an_exception_has_the_line_of_the_rule() -> None:
    def backward(args, g):
        return g @ args[0]

    line = backward.__code__.co_firstlineno + 1
    (fault,) = faults_of(backward)
    assert fault.startswith("it raises ValueError: matmul: ")
    assert fault.endswith(f"(test_unusual.py:{line}); it is called as backward(args, cotangent)")


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (lambda: {}["W"], "it raises KeyError: 'W'"),
        (lambda: sys.exit(3), "it raises SystemExit: 3"),
        (lambda: X[5], "it raises IndexError: index 5 is out of bounds"),
    ],
    ids=["KeyError", "SystemExit", "IndexError"],
)
def test_whatever_is_raised_is_a_fault(raised, words: str) -> None:
    (fault,) = faults_of(lambda args, g: raised())
    assert fault.startswith(words)


def test_a_rule_in_the_form_of_another() -> None:
    """What a pair's backward pass takes is not what one alone does."""

    def of_pair(g, cache):
        x, W = cache
        return g @ W, g.T @ x

    def alone(args, g):
        x, W = args
        return g @ W, g.T @ x

    (fault,) = faults_of(of_pair)
    assert fault.endswith("; it is called as backward(args, cotangent)")
    pair = (lambda x, W: (x @ W.T, (x, W)), alone)
    (fault,) = gradsheet.check_vjp(matmul, X, W, pair=pair).faults
    assert fault.endswith("; it is called as forward(*args), then backward(cotangent, cache)")


def test_keys_of_the_keyboard_are_no_fault() -> None:
    def backward(args, g):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gradsheet.check_vjp(matmul, X, W, backward=backward)


def test_a_state() -> None:
    total = np.zeros_like(W)

    def backward(args, g):
        nonlocal total
        total = total + g.T @ args[0]
        return g @ args[1], total

    (fault,) = faults_of(backward)
    assert fault == "called again with the same numbers it gives another answer"


def test_chance() -> None:
    draw = np.random.default_rng(0)
    faults = faults_of(lambda args, g: g * draw.random(g.shape), jnp.sin, X)
    assert faults == ["called again with the same numbers it gives another answer"]


def test_writing_into_what_it_is_given() -> None:
    def backward(args, g):
        d_x, d_W = right(args, g)
        args[0][:] *= 2
        g[0] = 0
        return d_x, d_W

    (fault,) = faults_of(backward)
    assert fault == "it writes into x, cotangent, which it is given"


def test_a_forward_pass_that_gives_something_else() -> None:
    check = gradsheet.check_vjp(
        jnp.sin,
        X,
        pair=(lambda x: (np.sin(x) + 1, x), lambda g, x: g * np.cos(x)),
    )
    assert check.faults == ["its forward pass gives another out than f"]
    check = gradsheet.check_vjp(jnp.sin, X, pair=(lambda x: np.sin(x), lambda g, x: g * np.cos(x)))
    assert check.faults == ["its forward pass returns a ndarray, expected (out, cache)"]


# What is asked


def test_no_rule_and_several() -> None:
    with pytest.raises(TypeError, match="no rule is given, expected one of backward="):
        gradsheet.check_vjp(matmul, X, W)
    with pytest.raises(TypeError, match="backward= and jvp= are given, expected one of"):
        gradsheet.check_vjp(matmul, X, W, backward=right, jvp=right)
    with pytest.raises(TypeError, match=r"pair is expected as \(forward, backward\)"):
        gradsheet.check_vjp(matmul, X, W, pair=right)
    with pytest.raises(TypeError, match="backward is a int, expected a function"):
        gradsheet.check_vjp(matmul, X, W, backward=3)
    with pytest.raises(TypeError, match="torch_function is expected as a class"):
        gradsheet.check_vjp(matmul, X, W, torch_function=right)


def test_what_is_no_array_among_the_arguments() -> None:
    with pytest.raises(TypeError, match=r"mode is object, expected .* settings go into kwargs"):
        gradsheet.check_vjp(lambda x, mode: x, X, object(), backward=right)


def test_settings() -> None:
    def f(x, *, power):
        return x**power

    check = gradsheet.check_vjp(
        f, X, backward=lambda args, g: 3 * g * args[0] ** 2, kwargs={"power": 3}
    )
    assert check.verdict == "right"

    def forward(x, *, power):
        return x**power, (x, power)

    pair = (forward, lambda g, cache: g * cache[1] * cache[0] ** (cache[1] - 1))
    assert gradsheet.check_vjp(f, X, pair=pair, kwargs={"power": 3})


def test_nothing_to_differentiate() -> None:
    rows = np.array([1, 2])
    with pytest.raises(ValueError, match="there is nothing to differentiate by"):
        gradsheet.check_vjp(lambda rows: rows + 1, rows, backward=right)
    with pytest.raises(ValueError, match="the function returns no array of floats"):
        gradsheet.check_vjp(lambda x: x.argmax(), X, backward=right)


def test_what_jax_cannot_trace() -> None:
    with pytest.raises(jax.errors.TracerArrayConversionError):
        gradsheet.check_vjp(lambda x: np.sin(np.asarray(x)), X, backward=right)
    with pytest.raises(jax.errors.TracerBoolConversionError):
        gradsheet.check_vjp(lambda x: x if x.sum() > 0 else -x, X, backward=right)


def notes_of(f, *args) -> list[str]:
    with pytest.raises(Exception) as raised:  # noqa: PT011
        gradsheet.check_vjp(f, *args, backward=right)
    return [note for note in raised.value.__notes__ if note.startswith("gradsheet: ")]


def test_what_to_write_in_place_of_what_jax_cannot_trace() -> None:
    (note,) = notes_of(lambda x: x if x.sum() > 0 else -x, X)
    assert note == "gradsheet: write jnp.where(...) in place of if"
    (note,) = notes_of(lambda x, rows: x[rows], X, np.ones(2))
    assert note == "gradsheet: an index is made of floats: give whole numbers"
    for W in [[1.0], [2.0]], [1, 2]:
        (note,) = notes_of(lambda x, W: x @ W, X, W)
        assert note == "gradsheet: W is a list of numbers: write np.asarray(W)"
    (note,) = notes_of(np.sin, X)
    assert note == "gradsheet: write it with jax.numpy in place of numpy"
    (note,) = notes_of(lambda x, k: scaled(x, k), X, 3.0)
    assert note.endswith(" write it with jax.numpy, and give what is no array in kwargs")
    assert not notes_of(lambda x, w: x @ w, X, X)  # two shapes of which nobody knows more


def test_what_has_no_derivative_is_said() -> None:
    def f(x, rows, mask):
        return jnp.where(mask, x, 0)[rows]

    check = gradsheet.check_vjp(
        f, X[0], np.array([0, 2]), np.ones(3, bool), backward=lambda args, g: (g, None, None)
    )
    assert check.remarks[:2] == [
        "rows: whole numbers, not judged",
        "mask: true or false, not judged",
    ]


# Rules inside of a function


@jax.custom_vjp
def cube(x):
    return x**3


cube.defvjp(lambda x: (x**3, x), lambda x, g: (3 * g * x**2,))


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def scaled(x, k):
    return k * x


scaled.defvjp(lambda x, k: (k * x, None), lambda k, kept, g: (k * g,))


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (jax.jit(cube), "cube"),
        (functools.partial(cube), "cube"),
        (functools.partial(scaled, k=2.0), "scaled"),
        (lambda x: 2 * cube(scaled(x, 3.0)), "scaled, cube of <lambda>"),
    ],
    ids=["jit", "partial", "a setting", "two inside"],
)
def test_rules_inside_are_judged(f, name) -> None:
    check = gradsheet.check_vjp(f, X)
    assert check.verdict == "right", check
    assert check.title == f"derivative rule {name}: x 2x3; float64"


def test_a_setting_of_a_rule_is_an_argument_or_a_keyword() -> None:
    assert gradsheet.check_vjp(scaled, X, 3.0).verdict == "right"
    assert gradsheet.check_vjp(scaled, X, kwargs={"k": 3.0}).verdict == "right"


def test_a_wrong_rule_inside_shows() -> None:
    @jax.custom_vjp
    def square(x):
        return x * x

    square.defvjp(lambda x: (x * x, x), lambda x, g: (g * x,))
    for intended in (None, lambda x: 3 * (x * x).sum(0)):
        check = gradsheet.check_vjp(lambda x: 3 * square(x).sum(0), X, intended=intended)
        assert check.mistakes[0] == "x: everywhere 1/2 = 0.5 times the truth"
        assert check.title.startswith("derivative rule square of <lambda>: x")


def test_cotangents_of_ones_own() -> None:
    g = np.arange(8.0).reshape(2, 4)
    check = gradsheet.check_vjp(matmul, X, W, backward=right, cotangents=g)
    assert check.verdict == "right"
    assert (check.probes[0].directions[0] == g).all()
    with pytest.raises(ValueError, match=r"cotangents have the shapes \(2, 3\), expected \[\(2, 4"):
        gradsheet.check_vjp(matmul, X, W, backward=right, cotangents=X)


def test_an_unknown_type() -> None:
    with pytest.raises(ValueError, match="dtype is 'float8', expected one of bfloat16, float16"):
        gradsheet.check_vjp(matmul, X, W, backward=right, dtype="float8")
    with pytest.raises(ValueError, match="at_kinks is 'all', expected"):
        gradsheet.check_vjp(matmul, X, W, backward=right, at_kinks="all")


@pytest.mark.parametrize("wrt", ["W", 1, ["W"], [1]])
def test_some_of_the_arguments(wrt) -> None:
    check = gradsheet.check_vjp(
        matmul, X, W, backward=lambda args, g: (None, right(args, g)[1]), wrt=wrt
    )
    assert check.verdict == "right", check
    assert [row.name for row in check.arguments] == ["W"]


def test_no_such_argument() -> None:
    with pytest.raises(ValueError, match="wrt: there is no argument 'V', only x, W"):
        gradsheet.check_vjp(matmul, X, W, backward=right, wrt="V")


def test_examples_of_other_sizes() -> None:
    """A mistake that shows in a batch alone."""

    def backward(args, g):
        return g @ args[1], g[:1].T @ args[0][:1]

    one = X[:1]
    assert gradsheet.check_vjp(matmul, one, W, backward=backward)
    check = gradsheet.check_vjp(matmul, one, W, backward=backward, examples=[(X, W)])
    assert check.verdict == "wrong"
    assert "tried with x 2x3, W 4x3, too" in check.remarks


@pytest.mark.parametrize("ignored", [-100, 255])
def test_labels_to_be_ignored_are_at_every_probe(ignored: int) -> None:
    """A mean over all rows in place of those that count is off at each."""
    labels = np.array([2, ignored, 0, 1, 2, 0])

    def loss(x, labels):
        keep = labels != ignored
        rows = jnp.take_along_axis(x, jnp.where(keep, labels, 0)[:, None], 1)[:, 0]
        return jnp.where(keep, rows, 0.0).sum() / keep.sum()

    def backward(args, g):
        x, labels = args
        keep = labels != ignored
        d_x = np.zeros_like(x)
        d_x[keep, labels[keep]] = g / len(x)
        return d_x

    check = gradsheet.check_vjp(loss, np.ones((6, 3)), labels, backward=backward)
    assert check.verdict == "wrong"
    assert len(check.probes) == 4
    assert all(ignored in probe.inputs[1] for probe in check.probes)
    for seed in range(200):
        again = redrawn(labels.reshape(2, 3), np.random.default_rng(seed))
        assert ignored in again
        assert {*again.flat} <= {*labels}


# Arrays without entries, without axes, and trees


def test_arrays_without_entries() -> None:
    check = gradsheet.check_vjp(matmul, np.zeros((0, 3)), W, backward=right)
    assert check.verdict == "right", check


def test_numbers_without_axes() -> None:
    for x in (2.0, np.float64(2), np.array(2.0), jnp.array(2.0)):
        check = gradsheet.check_vjp(lambda x: x * x, x, backward=lambda args, g: 2 * args[0] * g)
        assert check.verdict == "right", check


def test_trees_with_holes() -> None:
    params = {"W": W, "b": None}

    def f(params, x):
        return x @ params["W"].T

    def backward(args, g):
        params, x = args
        return {"W": g.T @ x, "b": None}, g @ params["W"]

    check = gradsheet.check_vjp(f, params, X, backward=backward)
    assert check.verdict == "right", check
    assert [row.name for row in check.arguments] == ["params['W']", "x"]


def test_another_structure() -> None:
    def backward(args, g):
        return {"W": g.T @ args[1], "b": g.sum(0), "c": g}, g @ args[0]["W"]

    (fault,) = faults_of(
        backward, lambda p, x: x @ p["W"].T + p["b"][None], {"W": W, "b": np.ones(4)}, X
    )
    assert fault == "the gradient of p has 3 arrays, expected 2, in the same structure"


def test_a_list_of_parameters_alone() -> None:
    check = gradsheet.check_vjp(
        lambda params: params[0] * params[1],
        [X, X + 1],
        backward=lambda args, g: [g * args[0][1], g * args[0][0]],
    )
    assert check.verdict == "right", check


def test_whole_numbers_as_labels_may_be_passed_over() -> None:
    rows = np.array([1, 0, 1])

    def scattered(args, g):
        d = np.zeros_like(args[0])
        np.add.at(d, args[1], g)
        return d

    for backward in (scattered, lambda a, g: (scattered(a, g),), lambda a, g: (scattered(a, g), 0)):
        check = gradsheet.check_vjp(lambda x, rows: x[rows], X, rows, backward=backward)
        assert check.verdict == "right", check


def test_at_no_probe_is_there_a_truth() -> None:
    x = np.full((2, 2), np.nan)
    with pytest.raises(ValueError, match="at no probe are all numbers finite"):
        gradsheet.check_vjp(jnp.sin, x, backward=lambda args, g: g * np.cos(args[0]))


def test_assert_vjp() -> None:
    gradsheet.assert_vjp(matmul, X, W, backward=right)

    def backward(args, g):
        return right(args, -g)

    with pytest.raises(AssertionError) as raised:
        gradsheet.assert_vjp(matmul, X, W, backward=backward)
    head = "the derivative rule backward of matmul is wrong: x, W"
    assert str(raised.value).startswith(f"{head}\nbackward pass backward of matmul: ")
    with pytest.raises(AssertionError, match=r"^the derivative rule .* is wrong: it raises KeyErr"):
        gradsheet.assert_vjp(matmul, X, W, backward=lambda a, g: {}["W"])


def test_pytest_shows_no_frames_of_gradsheet() -> None:
    with pytest.raises(AssertionError) as raised:
        gradsheet.assert_vjp(matmul, X, W, backward=lambda a, g: None)
    shown = raised.traceback.filter(raised)
    assert [entry.path.name for entry in shown] == ["test_unusual.py"]


@pytest.mark.parametrize(
    ("example", "structure"),
    [
        ([[2, 1], [1, 2]], "positive definite"),
        ([[1, 2], [2, 1]], "symmetric"),
        ([[1, 0], [3, 2]], "lower triangular"),
        ([[1, 4], [0, 2]], "upper triangular"),
        ([[1, 4], [3, 2]], ""),
        ([[1, 0], [0, 1]], ""),  # where weights start from: a transposed gradient has to show
        ([[1, 1], [1, 1]], ""),
        ([1, 2], ""),
    ],
)
def test_a_matrix_keeps_its_structure(example, structure):
    array = np.array(example, float)
    check = gradsheet.check_vjp(lambda x: x * x, array, backward=lambda args, g: 2 * args[0] * g)
    said = [f"x is {structure} as given, and stays so"] if structure else []
    assert check.right
    assert check.remarks == said
    assert all(
        structure_of(probe.inputs[0]) in (structure, "positive definite")
        for probe in check.probes
        if structure
    )


def test_jax_itself_is_near_enough_in_few_bits():
    """Operation by operation in bfloat16, of which every bound is too wide."""

    @jax.custom_vjp
    def layer(x, w):
        return jnp.tanh(x @ w)

    def forward(x, w):
        h = layer(x, w)
        return h, (x, w, h)

    def backward(kept, d):
        x, w, h = kept
        d = d * (1 - h * h)
        return d @ w.T, x.T @ d

    draw = np.random.default_rng(0)
    args = [jnp.asarray(draw.normal(size=shape), jnp.bfloat16) for shape in ((3, 4), (4, 5))]
    layer.defvjp(forward, backward)
    assert gradsheet.check_vjp(layer, *args).verdict == "rounded"
    layer.defvjp(forward, lambda kept, d: tuple(1.2 * a for a in backward(kept, d)))
    assert not gradsheet.check_vjp(layer, *args).right
