"""What the tests ask of families sees what it is to see."""

import flint
import numpy as np
import pytest

import manual
import ref
from tests.families.test_sheets import SHEETS
from tests.family import TRUTH, Case, drawn, off, on_digits, outs, wrong_examples
from tests.manual.test_planted import copy_of_manual


def test_no_number_is_seen_wherever_it_stands() -> None:
    true = np.array([flint.arb(k) for k in range(3)], object)
    true, ones = {"out": true}, {"out": np.ones(3)}
    assert off({"out": np.arange(3.0)}, true, ones) == {"out": 0}
    for k in range(3):
        array = np.arange(3.0)
        array[k] = np.nan
        assert np.isnan(off({"out": array}, true, ones)["out"])


def test_the_truth_is_not_that_of_a_copy_with_a_mistake(tmp_path) -> None:
    case = Case("affine", [(2, 3), (4, 3), None])
    arrays, seeds = [np.ones((2, 3)), np.ones((4, 3)), None], [np.ones((2, 4))]
    with copy_of_manual(tmp_path, "dense", "out = x @ W.T", "out = x @ W.T * 2") as copy:
        assert (copy.affine_forward(*arrays)[0] == 6).all()
        assert (on_digits(case, arrays, seeds)["out0"] == 3).all()
        assert copy.affine_forward is not TRUTH.affine_forward


def test_what_nobody_could_run_is_not_planted(tmp_path) -> None:
    with (
        pytest.raises(SyntaxError),
        copy_of_manual(tmp_path, "dense", "out = x @ W.T", "out = x @"),
    ):
        pass


@pytest.mark.parametrize("room", [manual, ref])
def test_no_family_has_the_name_of_a_file(room) -> None:
    """Which `room.name` would be, once it was read."""
    names = {name for families in room.FAMILIES.values() for name in families}
    assert not names & room.FAMILIES.keys()


FILES = sorted({*manual.FAMILIES, *manual.OTHERS, "shapes", "windows"})
# Whose examples in JAX compile many programs.
LONG = {
    "attention_heads",
    "convolution",
    "criteria",
    "elementwise",
    "lookup",
    "norm",
    "pooling",
    "recurrent",
}


@pytest.mark.parametrize(
    ("room", "file"),
    [("manual", file) for file in FILES]
    + [
        pytest.param("ref", file, marks=pytest.mark.exhaustive if file in LONG else ())
        for file in FILES
    ],
)
def test_examples_show_what_they_give(room: str, file: str) -> None:
    assert [*wrong_examples(room, file)] == []


@pytest.mark.parametrize("case", [sheet.case for sheet in SHEETS], ids=str)
def test_what_is_no_array_or_of_another_shape_is_refused(case: Case) -> None:
    """Lists as arrays in both rooms, and gradients that NumPy would stretch."""
    arrays, family = drawn(case, np.random.default_rng(1), whole=True), case.family
    lists = [None if a is None else a.tolist() for a in arrays]
    forward, backward = getattr(manual, f"{family}_forward"), getattr(manual, f"{family}_backward")
    for function in (forward, getattr(ref, family)):
        with pytest.raises(TypeError, match=r"(\w+) is a list, .*: write np\.asarray\(\1\)"):
            function(*lists, **case.settings)
    out, cache = forward(*arrays, **case.settings)
    douts = np.ones((2 if isinstance(out, tuple) else 1, *outs(out)[0].shape))
    for wrong in (douts[..., None], douts[..., :1, :] if douts.ndim > 2 else douts[None]):
        given = tuple(wrong) if isinstance(out, tuple) else wrong[0]
        if wrong.shape != douts.shape:
            with pytest.raises(ValueError, match=r"dout has the shape .*, expected .*, as out"):
                backward(given, cache)
