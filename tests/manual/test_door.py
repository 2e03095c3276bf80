"""What does not fit is refused at the door of both rooms, with what was found,
what was expected and what to write."""

import functools
from fractions import Fraction

import jax
import numpy as np
import pytest

import manual
import ref

W1, b1, W2 = np.ones((3, 2)), np.ones(3), np.ones((1, 3))
PARAMS, X, Y, ACTIVATIONS = (
    [(W1, b1), (W2, None)],
    np.ones((4, 2)),
    np.ones((4, 1)),
    ("relu", "identity"),
)


@pytest.mark.parametrize("room", [manual, ref])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params": []}, "params is empty"),
        ({"params": [(W1, b1), (W2.T, None)]}, r"W2 has shape \(3, 1\), expected \(\d, 3\).*W\.T"),
        (
            {"params": [(W1, np.ones((3, 1))), (W2, None)]},
            r"b1 has shape \(3, 1\), expected \(3,\)",
        ),
        ({"params": [(W1, np.ones(1)), (W2, None)]}, r"b1 has shape \(1,\), expected \(3,\)"),
        (
            {"params": [(W1.T, b1), (W2, None)]},
            r"W1 has shape \(2, 3\), expected 3 rows, as b1 has 3 entries: .*write W1\.T",
        ),
        ({"params": [(W1[0], b1), (W2, None)]}, r"W1 has shape \(2,\), expected \(units, inputs\)"),
        ({"x": np.ones(2)}, r"x has shape \(2,\), expected .*write x\[None, :\]"),
        ({"x": np.ones((0, 2))}, r"x has shape \(0, 2\), expected \(N, 2\).*N is 1 or more"),
        ({"y": np.ones(4)}, r"y has shape \(4,\), expected \(4, 1\).*y\[:, None\]"),
        ({"y": np.ones((1, 4))}, r"y has shape \(1, 4\), expected \(4, 1\)"),
        ({"y": np.ones((1, 1))}, r"y has shape \(1, 1\), expected \(4, 1\)"),
        ({"y": np.ones((3, 1))}, r"y has shape \(3, 1\), .*: x has 4 rows, y has 3"),
        ({"y": None}, "y is None, expected the targets"),
        ({"activations": "relu"}, "expected one name for each of the 2 layers"),
        ({"activations": ("relu",)}, "expected one name for each of the 2 layers"),
        (
            {"activations": ("relu", "swish")},
            "activation 2 is 'swish', expected one of identity, relu",
        ),
        (
            {"activations": (("leaky_relu", "a"), "identity")},
            r"activation 1 is \('leaky_relu', 'a'\), expected .*slope\): a slope is a number",
        ),
        ({"loss": "l2"}, "loss is 'l2', expected one of half_squared_error, .* output$"),
        ({"loss": "mse"}, r"loss is 'mse', .*: did you mean 'mean_squared_error'\?"),
        ({"loss": "BCE"}, r"loss is 'BCE', .*: did you mean 'binary_cross_entropy'\?"),
        ({"loss": "nll"}, r"loss is 'nll', .*: did you mean 'cross_entropy'\?"),
        ({"loss": "crossentropy"}, r"did you mean 'cross_entropy'\?"),
        (
            {"loss": "cross_entropy"},
            "last activation is identity, expected softmax .* logits needs softmax",
        ),
        (
            {"loss": "binary_cross_entropy"},
            "last activation is identity, expected sigmoid or softmax: ",
        ),
        ({"reduction": "max"}, "^reduction is 'max', expected one of mean, sum"),
        ({"loss": "output"}, "output"),
    ],
)
def test_what_does_not_fit_is_refused(room, change, message):
    arguments = {"params": PARAMS, "x": X, "y": Y, "activations": ACTIVATIONS, **change}
    with pytest.raises(ValueError, match=message):
        room.value_and_grad(**arguments)


@pytest.mark.parametrize("room", [manual, ref])
def test_the_names_that_people_give_a_loss_are_those_of_losses(room):
    assert {*room.losses.ALSO_CALLED.values()} < {*room.losses.LOSSES}
    assert not room.losses.ALSO_CALLED.keys() & room.losses.LOSSES.keys()
    assert manual.losses.ALSO_CALLED == ref.losses.ALSO_CALLED


@pytest.mark.parametrize("room", [manual, ref])
def test_a_vector_of_targets_never_broadcasts(room):
    """(N, 1) - (N,) is (N, N): NumPy and JAX would take it without a word."""
    assert (np.ones((4, 1)) - np.ones(4)).shape == (4, 4)
    with pytest.raises(ValueError, match="y has shape"):
        room.value_and_grad(PARAMS, X, np.ones(4), ACTIVATIONS)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([(W1.astype(int), None), (W2, None)], r"W1 has dtype int64.*write W1\.astype\(float\)"),
        (
            [(W1, b1), (W2.astype(np.float32), None)],
            "W2 has dtype float32, expected that of W1, float64",
        ),
        (
            [(W1, b1.astype(np.float32)), (W2, None)],
            "b1 has dtype float32, expected that of W1, float64",
        ),
    ],
)
def test_number_types_are_never_mixed(params, message):
    with pytest.raises(TypeError, match=message):
        manual.value_and_grad(params, X, Y, ACTIVATIONS)


def test_what_has_no_exact_value_is_refused_on_fractions():
    params = [manual.Layer(np.array([[Fraction(1)]], object))]
    with pytest.raises(TypeError, match="sigmoid has no exact value on Fractions: use float64"):
        manual.value_and_grad(params, [[1]], [[1]], ("sigmoid",))
    with pytest.raises(TypeError, match="binary_cross_entropy has no exact value"):
        manual.value_and_grad(params, [[1]], [[1]], ("identity",), loss="binary_cross_entropy")


def test_x_that_cannot_be_read_is_a_type_error():
    with pytest.raises(TypeError, match="x cannot be read as an array of float64"):
        manual.value_and_grad(PARAMS, [[1, 2], [3]], Y, ACTIVATIONS)


def jacobian(room, params, x, **options):
    """Ask for a Jacobian; JAX for its shape and type alone, so that nothing is compiled."""
    ask = functools.partial(room.jacobian, activations=ACTIVATIONS, **options)
    return jax.eval_shape(ask, params, x) if room is ref else ask(params, x)


@pytest.mark.parametrize(("of", "by"), [("q1", "x"), ("z9", "x"), ("z1", "h"), ("h1", "W0")])
def test_unknown_names_of_nodes_are_refused(of, by):
    for room in (manual, ref):
        with pytest.raises(ValueError, match=r"is nothing|names nothing"):
            jacobian(room, PARAMS, X, of=of, by=by)


def test_a_missing_bias_has_no_derivative():
    for room in (manual, ref):
        with pytest.raises(ValueError, match="layer 2 has no bias"):
            jacobian(room, PARAMS, X, of="yhat", by="b2")


def test_a_float_among_fractions_is_refused():
    params = [manual.Layer(np.array([[Fraction(1)]], object))]
    with pytest.raises(
        TypeError, match=r"found the float 0.1 among exact numbers.*Fraction\('0.1'\)"
    ):
        manual.value_and_grad(params, [[0.1]], [[1]], ("identity",))


@pytest.mark.parametrize("x", [5.0, [["1", "2"]], [[1j, 2]]])
def test_what_is_no_array_of_real_numbers_is_refused(x):
    with pytest.raises((TypeError, ValueError), match="x "):
        manual.forward(PARAMS, x, ACTIVATIONS)


def test_the_shares_keep_the_number_type():
    params, x, y = [(W.astype(np.float32), None) for W in (W1, W2)], np.float32(X), np.float32(Y)
    for room in (manual, ref):
        assert jacobian(room, params, x, of="shares", by="W1", y=y).dtype == np.float32


@pytest.mark.parametrize("of", ["L1", "S1", "shares2"])
def test_the_loss_has_no_layer(of):
    for room in (manual, ref):
        with pytest.raises(ValueError, match=r"is nothing|names nothing"):
            jacobian(room, PARAMS, X, of=of, by="x", y=Y)


def test_the_default_slope_is_a_hundredth_exactly():
    params = [manual.Layer(np.array([[-1]], object))]
    assert manual.forward(params, [[1]], ("leaky_relu",)).h[-1][0, 0] == Fraction(-1, 100)
