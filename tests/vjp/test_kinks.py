"""At a kink whoever takes one of its sides is right, and nobody else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradsheet
from gradsheet.vjp.kinks import line_at
from gradsheet.vjp.program import program_of
from gradsheet.vjp.truth import Probe, truth_at
from tests.rounds import in_turn

X = np.random.default_rng(0).normal(size=90)


SIZES = ("small", "large")


@pytest.fixture(params=SIZES)
def size(request, monkeypatch):
    """Both ways in which functions are carried out."""
    if request.param == "large":
        monkeypatch.setattr("gradsheet.vjp.truth.MOST_IN_BALLS", 0)
    return request.param


def pooled(x):
    return x.reshape(-1, 3).max(-1)


def pooling(of_three):
    """The backward pass of it that gives all to one of the largest."""

    def backward(args, d):
        windows = args[0].reshape(-1, 3)
        found = np.zeros_like(windows)
        found[np.arange(len(windows)), of_three(windows)] = d
        return found.reshape(-1)

    return backward


first = pooling(lambda windows: windows.argmax(-1))
last = pooling(lambda windows: 2 - windows[:, ::-1].argmax(-1))


@pytest.mark.parametrize("backward", [first, last])
def test_one_of_the_largest_may_have_it_all(size, backward):
    check = gradsheet.check_vjp(pooled, X, backward=backward)
    assert check.right
    words = "is between the gradients" if size == "small" else "is not judged in "
    assert any(words in remark for remark in check.remarks)


def test_the_others_have_nothing(size):
    def wrong(args, d):
        found = first(args, d)
        found[7] += 1
        return found

    check = gradsheet.check_vjp(pooled, X, backward=wrong)
    assert check.verdict == "wrong"
    assert check.remarks[-1] == "x: 1 of its 90 entries is wrong: [7]"


@pytest.mark.parametrize(("size", "at_zero"), in_turn(SIZES, [0, 0.5, 1]), indirect=["size"])
def test_the_slope_of_relu_at_0(size, at_zero):
    def backward(args, d):
        return d * np.heaviside(args[0], at_zero)

    assert gradsheet.check_vjp(jax.nn.relu, X, backward=backward).right
    found = gradsheet.check_vjp(jax.nn.relu, X, backward=backward, at_kinks="jax")
    assert found.right == (at_zero == 0)


def test_equal_numbers_may_be_sorted_in_any_order(size):
    def backward(args, d):
        order = np.argsort(args[0][::-1], kind="stable")
        found = np.empty_like(d)
        found[order] = d
        return found[::-1]

    assert gradsheet.check_vjp(jnp.sort, X, backward=backward).right


# What is asked in single places

Y = X[::-1].copy()


def with_three(x, y):
    a = jnp.maximum(x, 0)
    b = jax.nn.relu(y)
    return a + b + jnp.abs(x)


def with_slopes(of_max, of_relu, of_abs):
    """The backward pass of it with these slopes where x or y is 0."""

    def backward(args, d):
        x, y = args
        signs = np.where(x == 0, of_abs, np.sign(x))
        return d * (np.heaviside(x, of_max) + signs), d * np.heaviside(y, of_relu)

    return backward


def checked(slopes, at_kinks):
    return gradsheet.check_vjp(with_three, X, Y, backward=with_slopes(*slopes), at_kinks=at_kinks)


MAX, ABS = "a = jnp.maximum(x, 0)", "return a + b + jnp.abs(x)"
ASKED = [
    ((0, 1, 0), "any", {}),
    ((0.5, 0, 1), "jax", {}),
    ((0.5, 0, 0), "jax", {"x"}),
    ((0.5, 1, 1), {"jnp.maximum(x, 0)": "jax", "jnp.abs": "jax"}, {}),
    ((0, 1, 1), {"jnp.maximum(x, 0)": "jax", "jnp.abs": "jax"}, {"x"}),
    ((0.5, 1, 1), {"jax.nn.relu": "jax", "jnp.maximum": "any"}, {"y"}),
    ((0, 0.25, -1), {"jax.nn.relu": 0.25}, {}),
    ((0, 0.5, -1), {"jax.nn.relu": 0.25}, {"y"}),
    ((0, 1, 0), {"jnp.maximum": 0, "jnp.abs": 0}, {}),
    ((1, 0, -1), {"jnp.maximum": 0, "jnp.abs": -1}, {"x"}),
]


@pytest.mark.parametrize(
    ("size", "slopes", "at_kinks", "wrong"), in_turn(SIZES[::-1], ASKED), indirect=["size"]
)
def test_what_is_asked_at_a_place(size, slopes, at_kinks, wrong):
    check = checked(slopes, at_kinks)
    assert {row.name for row in check.arguments if row.verdict != "right"} == {*wrong}


def test_a_place_may_be_a_number_of_a_line(size):
    line = with_three.__code__.co_firstlineno + 1
    assert checked((0, 0, 1), {f"test_kinks.py:{line}": "jax", "jnp.abs": "jax"}).verdict == "wrong"
    assert checked((0, 0, 1), {f"test_kinks.py:{line}": 0, "jnp.abs": "jax"}).verdict == "right"


def test_the_report_has_the_lines_of_the_kinks_that_decide(size):
    first, second = checked((0, 1, 0), "any").remarks
    assert first.startswith("at probe 4, at the kinks of")
    assert MAX in first
    assert ABS in first
    assert "at the kink of `b = jax.nn.relu(y)` (test_kinks.py:" in second
    first, second = checked((0, 1, 1), {ABS: "jax"}).remarks
    assert "at the kink of `a = jnp.maximum(x, 0)` (test_kinks.py:" in first


def test_what_jax_has_traced_before_stands_in_the_line_that_calls_it():
    def twice(x, y):
        a = jax.nn.relu(x)
        return a * jax.nn.relu(y)

    def backward(args, d):
        x, y = args
        return d * (x > 0) * np.maximum(y, 0), d * (y >= 0) * np.maximum(x, 0)

    (remark,) = gradsheet.check_vjp(twice, abs(X), Y, backward=backward).remarks
    assert "`return a * jax.nn.relu(y)`" in remark
    assert "relu(x)" not in remark
    few = [X[:7], Y[:7]]  # of a size of which JAX has traced none before
    program = program_of(twice, few, {})
    truth = truth_at(program, program.pullback, Probe(few, few[:1], ""))
    lines = [line_at(site).partition(" (")[0] for site in truth.numbers.sites]
    assert lines == ["`a = jax.nn.relu(x)`"] * 2 + ["`return a * jax.nn.relu(y)`"] * 2

    def clipped(x, y):
        a = jnp.clip(x, 0)
        return a + jnp.clip(y, 0)

    def clipped_backward(args, d):
        return d * np.heaviside(args[0], 0.25), d * np.heaviside(args[1], 0.75)

    for slopes in ((0.25, 0.75), (0.75, 0.25)):
        asked = dict(zip(("clip(x", "clip(y"), slopes, strict=True))
        check = gradsheet.check_vjp(clipped, X, Y, backward=clipped_backward, at_kinks=asked)
        assert check.right == (slopes == (0.25, 0.75))


OF_X = {
    "jnp.maximum(x, y)": (1, 1),
    "jnp.maximum(y, x)": (1, 0),
    "jnp.maximum(0, x)": (0.25, 0.25),
    "jnp.minimum(x, y)": (0.75, 0.75),
    "jnp.minimum(0, x)": (0, 0),
}


@pytest.mark.parametrize("text", OF_X)
def test_a_slope_is_by_the_first_that_is_no_constant(text):
    slope, of_x = OF_X[text]

    def backward(args, d):
        x, y = args if "y" in text else (args[0], 0)
        sign = -1 if "min" in text else 1
        return d * np.where(x == y, of_x, sign * (x - y) > 0), None

    f = eval(f"lambda x, y: {text}")
    check = gradsheet.check_vjp(f, X, Y, backward=backward, wrt="x", at_kinks={"<string>:1": slope})
    assert check.right
    assert not check.remarks


UNUSABLE = {
    "maximum(y, 0)": ("jax", "f has no kink at 'maximum(y, 0)', only at `a = jnp.maximum(x, 0)` "),
    "jnp.abs": (2, "the slope at `return a + b + jnp.abs(x)` (test_kinks.py:"),
    "jax.nn.relu": ("torch", "'jax.nn.relu' is 'torch', expected "),
}


@pytest.mark.parametrize("place", UNUSABLE)
def test_what_cannot_be_asked(place):
    asked, words = UNUSABLE[place]
    with pytest.raises(ValueError, match="at_kinks") as error:
        checked((0, 0, 0), {place: asked})
    assert words in str(error.value)


def test_a_slope_of_what_has_none_at_a_tie():
    with pytest.raises(ValueError, match=r"jnp.sort\(x\).* has no max, min, abs or relu"):
        gradsheet.check_vjp(
            lambda x: jnp.sort(x), X, backward=lambda a, d: d, at_kinks={"jnp.sort": 1}
        )


def test_what_is_wrong_at_kinks_alone_is_called_nothing_else() -> None:
    def backward(args, d):
        return d * np.where(args[0] == 0, 7.0, args[0] > 0)

    x = np.array([-1.0, 0.0, 2.0, 0.0, 1.5, -0.5])
    check = gradsheet.check_vjp(lambda x: jnp.maximum(x, 0), x, backward=backward)
    assert (check.verdict, check.mistakes) == ("wrong", ["x: right but at a kink"])

    def doubled(args, d):
        return 2 * d * (args[0] > 0)

    check = gradsheet.check_vjp(lambda x: jnp.maximum(x, 0), x, backward=doubled)
    assert check.mistakes[0] == "x: everywhere 2 times the truth"
