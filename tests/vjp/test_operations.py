"""Many operations: their right backward passes are right, whatever the shapes and
the floats, and mistakes planted in them are found."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

import gradsheet
from gradsheet.vjp.trial import UNSEARCHED
from tests.rounds import every, in_turn
from tests.vjp.operations import Draw, Planted, all_operations, in_type, planted_anywhere

OPERATIONS = all_operations()
ALL = [*OPERATIONS.values()]
NOT_IN_FEW_BITS = ("cholesky",)  # of JAX's own, so that nothing says how far off it may be
RANDOM = 12  # calls of each operation


def check_of(operation, backward, seed: int = 0, *, thin: bool = False, dtype: str = "float64"):
    args = operation.drawn(seed, thin=thin)
    check = gradsheet.check_vjp(operation.f, *args, backward=backward, dtype=dtype)
    assert not any(UNSEARCHED in remark for remark in check.remarks), check
    return check


def test_the_corpus_is_large() -> None:
    assert len(ALL) >= 80
    assert sum(len(operation.mistakes) for operation in ALL) >= 300


@pytest.mark.parametrize("name", every(3, OPERATIONS))
def test_what_is_right_is_right(name: str) -> None:
    operation = OPERATIONS[name]
    check = check_of(operation, operation.backward)
    assert check.verdict == "right", check
    assert not check.mistakes


@pytest.mark.parametrize(("dtype", "name"), in_turn(["float32", "bfloat16"], [*OPERATIONS][::12]))
def test_what_is_right_in_few_bits_is_right(dtype: str, name: str) -> None:
    operation = OPERATIONS[name]
    check = check_of(operation, in_type(operation.backward), 1, dtype=dtype)
    assert check.right, check


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_no_right_call_is_called_wrong(dtype: str) -> None:
    """Of all operations, in shapes with and without ones."""
    calls, alarms = 0, []
    for operation in ALL:
        backward = in_type(operation.backward) if dtype.endswith("16") else operation.backward
        for seed in range(RANDOM if dtype == "float64" else 4):
            check = check_of(operation, backward, seed, thin=seed % 2 == 1, dtype=dtype)
            calls += 1
            is_open = check.verdict == "untold" and operation.name in NOT_IN_FEW_BITS
            if not check.right and not (is_open and dtype.endswith("16")):
                alarms.append(f"{operation.name} {seed}\n{check}")
    assert not alarms, "\n\n".join(alarms)
    assert calls >= (1000 if dtype == "float64" else 300)


@pytest.mark.exhaustive
def test_what_is_computed_in_few_bits_throughout_is_not_called_wrong() -> None:
    """bfloat16 in every step: right, or more than such floats can tell."""
    for operation in ALL[::3]:
        backward = in_type(operation.backward, ml_dtypes.bfloat16)
        try:
            check = check_of(operation, backward, dtype="bfloat16")
        except ValueError:
            continue
        assert check.verdict != "wrong" or check.faults, check


def own_mistakes() -> list[Planted]:
    return [planted for operation in ALL for planted in operation.planted()]


def missed(mistakes: Iterable[Planted]) -> tuple[list[str], dict[str, int]]:
    """The planted mistakes that are not found, and how many of them are named."""
    count = dict.fromkeys(["planted", "caught", "named", "with words", "named first right"], 0)
    uncaught = []
    for planted in mistakes:
        with np.errstate(all="ignore"):
            check = check_of(OPERATIONS[planted.operation], planted.backward)
        count["planted"] += 1
        count["caught"] += not check.right
        count["named"] += bool(check.mistakes)
        count["with words"] += bool(planted.words)
        is_first = bool(check.mistakes) and planted.words in check.mistakes[0]
        count["named first right"] += bool(planted.words) and is_first
        if check.right:
            uncaught.append(f"{planted.operation}: {planted.what}: {check.verdict}")
    return uncaught, count


@pytest.mark.parametrize(
    "name", every(2, ["relu", "mean", "affine", "embedding", "cross_entropy", "layer_norm"])
)
def test_a_mistake_is_found(name: str) -> None:
    mistakes = OPERATIONS[name].planted()
    uncaught, count = missed(mistakes[::2] if len(mistakes) < 4 else mistakes[:1])
    assert not uncaught
    assert count["caught"] == count["planted"]


@pytest.mark.exhaustive
def test_every_mistake_in_the_text_is_found(capsys) -> None:
    uncaught, count = missed(own_mistakes())
    with capsys.disabled():
        print("\nin the text:", ", ".join(f"{n} {what}" for what, n in count.items()))
    assert not uncaught
    assert count["planted"] >= 300


@pytest.mark.exhaustive
def test_every_mistake_that_anybody_may_make_is_found(capsys) -> None:
    mistakes = [
        planted
        for k, operation in enumerate(ALL)
        for planted in planted_anywhere(operation)[k % 4 :: 4]
    ]
    uncaught, count = missed(mistakes)
    with capsys.disabled():
        print("\nanywhere:", ", ".join(f"{n} {what}" for what, n in count.items()))
    assert not uncaught
    assert count["planted"] >= 200


@pytest.mark.exhaustive
def test_planted_mistakes_run() -> None:
    """They give other numbers, and are not found for a name that they misspell."""
    for operation in ALL:
        args = operation.drawn()
        shapes = jax.eval_shape(operation.f, *args)
        g = jax.tree.map(lambda s: np.full(s.shape, 2.0), shapes)
        for planted in operation.planted():
            with np.errstate(all="ignore"):
                try:
                    planted.backward(args, g)
                except (NameError, SyntaxError, AttributeError) as error:
                    pytest.fail(f"{planted.operation}: {planted.what}: {error}")
                except (ValueError, IndexError, TypeError):
                    continue  # shapes that do not fit, as in life


def test_another_constant_is_more_than_coarser_floats() -> None:
    """1e-5 beside a root and not in it: float32 would lose as much on the way."""
    for planted in OPERATIONS["layer_norm"].planted()[:1]:
        assert check_of(OPERATIONS["layer_norm"], planted.backward).verdict == "wrong"


OTHER_FORMULAS = {
    "softplus": lambda g, x: g * (1 - 1 / (1 + np.exp(x))),
    "sigmoid": lambda g, x: g * (1 - np.tanh(x / 2) ** 2) / 4,
    "tanh": lambda g, x: g / np.cosh(x) ** 2,
    "cube": lambda g, x: 3 * g * np.exp(2 * np.log(abs(x))),
    "logsumexp": lambda g, z: g[:, None] * np.exp(z - np.log(np.exp(z).sum(1, keepdims=True))),
}


@pytest.mark.parametrize(("dtype", "name"), in_turn(["float64", "float32"], OTHER_FORMULAS))
def test_other_formulas_are_not_called_wrong(dtype: str, name: str) -> None:
    """They cancel where JAX's do not, or round where its numbers are exact."""
    for seed in range(2):
        with np.errstate(divide="ignore"):
            check = check_of(
                OPERATIONS[name],
                lambda args, g: OTHER_FORMULAS[name](g, *args),
                seed,
                dtype=dtype,
            )
        assert check.right, check


def added_up(terms):
    """One after the other, as in a loop, whose error grows with their number."""
    return np.add.accumulate(terms)[-1]


@pytest.mark.parametrize(
    ("f", "backward", "dtype"),
    [
        (lambda x: x.sum() ** 2, lambda x: 2 * added_up(x) + 0 * x, "float64"),
        (lambda x: (x @ x) ** 2, lambda x: 4 * added_up(x * x) * x, "float32"),
    ],
    ids=["sum", "product"],
)
def test_who_adds_up_one_after_the_other_is_right(f, backward, dtype: str) -> None:
    x = np.full(5_000, 0.1, dtype)
    check = gradsheet.check_vjp(f, x, backward=lambda args, g: g * backward(args[0]))
    assert check.verdict == "right", check


def test_floats_of_few_bits_inside_of_a_function_are_its_own_affair() -> None:
    def f(x):
        few = x.astype(jnp.float32)
        return jax.nn.softmax(10 * few, -1).astype(x.dtype) * x

    def backward(args, g):
        x = args[0]
        e = np.exp(10 * (x - x.max(-1, keepdims=True)).astype(np.float32))
        s = e / e.sum(-1, keepdims=True)
        d = (g * x).astype(np.float32)
        return g * s + 10 * (s * (d - (d * s).sum(-1, keepdims=True))).astype(x.dtype)

    x = np.random.default_rng(0).normal(size=(4, 30))
    assert gradsheet.check_vjp(f, x, backward=backward).verdict == "rounded"


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_long_recurrences_are_judged(dtype: str) -> None:
    """Their bounds are wider than the gradients."""
    draw = Draw(2)
    args = draw(40, 2, 4), draw(2, 4), draw(2, 4), draw(16, 8)
    lstm = OPERATIONS["lstm"]
    check = gradsheet.check_vjp(lstm.f, *args, backward=lstm.backward, dtype=dtype)
    assert check.verdict == "right", check
    wrong = gradsheet.check_vjp(
        lstm.f, *args, backward=lambda a, g: [1.01 * d for d in lstm.backward(a, g)], dtype=dtype
    )
    assert not wrong.right
