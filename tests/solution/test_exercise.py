"""Fresh exercises: readable numbers at which every mistake shows, one for
everybody, the same one tomorrow."""

import itertools
import tomllib

import pytest

import gradsheet
from gradsheet.claims.reader import read
from gradsheet.mistakes.blind import blindness
from gradsheet.numbers.printed import printed_entries
from gradsheet.solution import exercise as module
from gradsheet.solution.exercise import ExerciseError, Outline, class_list, exercise, stems
from gradsheet.solution.filling import fill
from tests.rounds import every

HOMEWORK = Outline((2, 3, 3, 1), ("relu", "identity", "identity"))
SHORT = Outline((2, 3, 1), ("relu", "identity"))
NAMES = ("Ada Lovelace", "Emmy Noether", "Sofja Kowalewskaja", "José Díaz", "Zoë/../Müller", "李明")
NAMES += tuple(
    f"{first} {last}"
    for first in ("Ann", "Bo", "Cem", "Di")
    for last in ("Ito", "Li", "Roy", "Sy", "Ude", "Wu")
)


def entries(text: str):
    """All numbers of a key as they are printed."""
    return [entry for claim in read(text).claims for entry in printed_entries(claim.value)]


def data(text: str):
    """The numbers that an exercise gives."""
    found = tomllib.loads(text)
    return found["x"], found["y"], [(layer["W"], layer.get("b")) for layer in found["layer"]]


def without_values(text: str) -> str:
    return "".join(
        line for line in text.splitlines(keepends=True) if not line.startswith("value = ")
    )


def test_the_homework_again_with_other_numbers() -> None:
    """By hand: z1 = (2-4+1, 2+2-1, 1+2-1), z2 = W2 (0, 3, 2) + b2, yhat = -20 - 9 + 7 - 1 = -23."""
    found = exercise(HOMEWORK, 7)
    assert data(found.key) == (
        [-1, -2],
        [-27],
        [
            ([[-2, 2], [-2, -1], [-1, -1]], [1, -1, -1]),
            ([[3, 1, 2], [2, -2, -3], [-3, 1, 3]], [3, 3, -2]),
            ([[-2, 1, 1]], [-1]),
        ],
    )
    asked = {claim["quantity"]: claim["value"] for claim in tomllib.loads(found.key)["claim"]}
    assert (asked["z1"], asked["h1"], asked["z2"], asked["yhat"]) == (
        [-1, 3, 2],
        [0, 3, 2],
        [10, -9, 7],
        [-23],
    )
    assert (asked["L"], asked["dL/dz3"], asked["dL/dW3"], asked["dL/dz2"]) == (
        8,
        [4],
        [[40, -36, 28]],
        [-8, 4, 4],
    )


def test_a_seed_is_an_exercise() -> None:
    made = exercise(SHORT, 7)
    assert made == exercise(SHORT, "7")
    assert data(exercise(SHORT, 8).key) != data(made.key)
    titled = exercise(Outline(SHORT.widths, SHORT.activations, title="Sheet 3"), 7)
    assert data(titled.key) == data(made.key)
    assert read(titled.key).title == "Sheet 3"


def test_the_problem_is_the_key_without_its_answers() -> None:
    found = exercise(HOMEWORK, 7)
    assert found.problem == without_values(found.key)
    assert fill(found.problem) == found.key
    claims = read(found.problem).claims
    assert {j.verdict for j in gradsheet.judge(read(found.problem)).judgements} == {"open"}
    assert all(claim.value is None and claim.working == () for claim in claims)
    assert [f"{claim.question} {claim.quantity}" for claim in claims] == [
        *("1a z1", "1b h1", "1c z2", "1d yhat", "1e L"),
        *("2a dL/dz3", "2b dL/dW3", "2c dL/db3", "2d dL/dz2", "2e dL/dW2", "2f dL/db2"),
        *("2g dL/dz1", "2h dL/dW1", "2i dL/db1"),
    ]
    note = tomllib.loads(found.problem)["note"]
    assert "Write `value = ...` under each quantity" in note
    assert "`gradsheet --hint` on this file" in note  # alone it tells the truth
    half = found.problem.rstrip() + "\nvalue = '9/2'\n"  # as the note has it
    assert not any(claim.error for claim in read(half).claims)


def test_the_forward_pass_asks_for_z_and_h_where_they_differ() -> None:
    asked = tomllib.loads(
        exercise(Outline((2, 3, 1), ("tanh", "sigmoid"), biases=False), 1).problem
    )
    quantities = [claim["quantity"] for claim in asked["claim"]]
    assert quantities == ["z1", "h1", "z2", "yhat", "L", "dL/dz2", "dL/dW2", "dL/dz1", "dL/dW1"]
    assert all("b" not in layer for layer in asked["layer"])


def test_everybody_in_a_class_has_an_own_exercise_that_shows_every_mistake() -> None:
    names = NAMES[:3]
    found = list(class_list(HOMEWORK, names, 2024))
    assert len({repr(data(each.key)) for _, each in found}) == len(found) == 3
    for name, (_, each) in zip(names, found, strict=True):
        sheet = read(each.key)
        assert sheet.title == f"Backpropagation by hand: {name}"
        assert {judgement.verdict for judgement in gradsheet.judge(sheet).judgements} == {"right"}
        assert blindness(sheet).unseen == []
        whole = [
            entry.places is None and entry.value.denominator == 1 for entry in entries(each.key)
        ]
        assert whole.count(False) == (
            printed_entries(sheet.claims[4].value)[0].value.denominator == 2
        )
        assert sheet.claims[4].quantity == "L", "the only number that may be half a whole one"
        assert max(abs(entry.value) for entry in entries(each.key)) <= 80
        z1 = printed_entries(sheet.claims[0].value)
        assert sum(entry.value < 0 for entry in z1) == 1, "one unit of three is dead"
        assert sum(entry.value > 0 for entry in z1) == 2


def test_files_are_named_after_the_students_and_stay_in_their_folder() -> None:
    names = {
        "José Díaz": "jose-diaz-3",
        "Jose Diaz": "jose-diaz-2",
        "JOSE-DIAZ": "jose-diaz",
        "../etc/passwd": "etc-passwd",
        "李雷": "李雷",
        "Łukasz Žák": "łukasz-zak",
        "Андрей": "андрей",
        "अनिता": "अनिता",  # with its vowel signs
        "이지은": "이지은",
        "a\u202eb\x00c:d\\e\n": "a-b-c-d-e",
        "...": "student-2",
        "": "student",
        "jose diaz 2": "jose-diaz-2-2",
        "x" * 300: "x" * 60,
        "𠮷" * 300: "𠮷" * 45,  # of four bytes each
    }
    assert stems([*names]) == [*names.values()]
    assert stems([*reversed(names)]) == [*reversed(names.values())]
    assert [stem for stem, _ in class_list(SHORT, [*names][:2], 1)] == ["jose-diaz-2", "jose-diaz"]


def test_who_else_is_on_the_list_does_not_matter() -> None:
    one, other = (
        dict(class_list(SHORT, names, 5)) for names in (["Ada", "Bo", "Cem"], ["Cem", "Di", "Ada"])
    )
    assert (one["ada"], one["cem"]) == (other["ada"], other["cem"])
    assert dict(class_list(SHORT, ["Ada"], 6))["ada"] != one["ada"]


def test_two_of_one_name_have_exercises_of_their_own() -> None:
    (first, one), (second, other) = class_list(SHORT, ["Ada", "Ada"], 5)
    assert (first, second) == ("ada", "ada-2")
    assert data(one.key) != data(other.key)


def test_a_kind_with_few_exercises_is_told(monkeypatch) -> None:
    monkeypatch.setattr(module, "SMALL", (2,))
    monkeypatch.setattr(module, "ALONE", (4,))
    monkeypatch.setattr(module, "_hidden", lambda sheet, questions: set())
    monkeypatch.setattr(module, "unseen", lambda sheet: [])
    with pytest.raises(
        ExerciseError, match="only 2 different exercises of this kind were found: use wider layers"
    ):
        list(class_list(Outline((1, 1), ("identity",)), ["Ada", "Bo", "Cem"], 1))


@pytest.mark.parametrize(
    "outline",
    every(
        2,
        [
            Outline((2, 3, 1), ("tanh", "sigmoid"), "binary_cross_entropy"),
            Outline((2, 3, 1), ("softplus", "identity")),
            Outline((3, 4, 2), ("sigmoid", "softmax"), "cross_entropy"),
            Outline((2, 3, 1), ("silu", "identity")),
            Outline((2, 3, 1), ("sigmoid", "sigmoid"), examples=3),
        ],
    ),
)
def test_what_is_no_fraction_is_printed_with_digits_enough(outline: Outline) -> None:
    found = exercise(outline, 1)
    sheet = read(found.key)
    assert {judgement.verdict for judgement in gradsheet.judge(sheet).judgements} == {"right"}
    assert blindness(sheet).unseen == [], "as it is printed"
    assert any(entry.places for entry in entries(found.key))
    z = [e for c in sheet.claims if c.quantity in ("z1", "z2") for e in printed_entries(c.value)]
    assert all(0 < abs(entry.value) <= 4 for entry in z if outline.activations[-1] != "identity")


@pytest.mark.parametrize(
    "loss", every(2, ["half_squared_error", "squared_error", "mean_squared_error"])
)
def test_a_batch_has_whole_gradients_though_the_loss_is_a_mean(loss: str) -> None:
    found = exercise(Outline((2, 3, 2), ("relu", "identity"), loss, examples=4), 1)
    assert len(tomllib.loads(found.key)["x"]) == 4
    assert all(
        entry.places is None and entry.value.denominator == 1 for entry in entries(found.key)
    )
    assert blindness(read(found.key)).unseen == []


def test_a_leaky_relu_has_slope_one_half_unless_another_is_given() -> None:
    half = exercise(Outline((2, 3, 1), ("leaky_relu", "identity")), 1)
    assert tomllib.loads(half.key)["layer"][0]["slope"] == 0.5
    assert all((2 * entry.value).denominator == 1 for entry in entries(half.key))
    tenth = exercise(Outline((2, 3, 1), (("leaky_relu", 0.1), "identity")), 1)
    assert tomllib.loads(tenth.key)["layer"][0]["slope"] == 0.1
    assert all((100 * entry.value).denominator == 1 for entry in entries(tenth.key))


@pytest.mark.parametrize(
    ("outline", "message"),
    [
        ({"widths": (2,), "activations": ()}, "a network of 1 widths, expected at least two"),
        ({"widths": (2, 0)}, "a width of 0, expected 1 to 8"),
        ({"widths": (2, 9)}, "a width of 9, expected 1 to 8"),
        ({"widths": (2,) * 8}, "7 layers, expected at most 6"),
        ({"examples": 9}, "a batch of 9 examples, expected 1 to 8"),
        ({"examples": 0}, "a batch of 0 examples, expected 1 to 8"),
        ({"activations": ("relu",)}, "1 activations, expected 2, one a layer"),
        ({"activations": ("rleu", "identity")}, "unknown activation 'rleu': did you mean relu?"),
        (
            {"activations": ("?", "identity")},
            "unknown activation '?': expected one of identity, relu,",
        ),
        ({"activations": ("softmax", "identity")}, "softmax before the last layer"),
        (
            {"activations": (("relu", 0.1), "identity")},
            "relu with a slope, which only leaky_relu has",
        ),
        (
            {"activations": (("leaky_relu", 2), "identity")},
            "leaky_relu with slope 2, expected one between 0 and 1",
        ),
        ({"loss": "MSE"}, "unknown loss 'MSE': did you mean mean_squared_error?"),
        ({"loss": "squared_eror"}, "unknown loss 'squared_eror': did you mean squared_error?"),
        (
            {"loss": "cross_entropy"},
            "the loss cross_entropy behind identity, expected softmax on the last layer",
        ),
        (
            {"loss": "binary_cross_entropy"},
            "the loss binary_cross_entropy behind identity, expected sigmoid",
        ),
        (
            {"widths": (2, 1, 1)},
            "relu on layer 1 of 1 unit: one example cannot show both what a dead unit stops",
        ),
        (
            {"widths": (2, 3, 2, 1), "activations": ("relu", "relu", "identity")},
            "relu on layer 2 of 2 units: one",
        ),
        (
            {"widths": (2, 3, 2), "loss": "output"},
            'the loss "output" needs a single output, the last layer has 2',
        ),
    ],
)
def test_what_is_no_plan_is_one_clear_line(outline: dict, message: str) -> None:
    with pytest.raises(ExerciseError) as error:
        Outline(**{"widths": (2, 3, 1), "activations": ("relu", "identity"), **outline})
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_where_no_numbers_show_every_mistake_it_ends_and_says_so(monkeypatch) -> None:
    """Where L is the output, dL/dyhat = 1 is a factor nobody misses."""
    monkeypatch.setattr(module, "POOLS", 1)
    with monkeypatch.context() as always_another:
        numbers = itertools.count()
        always_another.setattr(module, "_hidden", lambda sheet, questions: {str(next(numbers))})
        with pytest.raises(
            ExerciseError, match=r"shows every mistake: use wider layers, more examples, other act"
        ):
            exercise(SHORT, 1)
    with pytest.raises(
        ExerciseError, match=r"none of those tried that dL/dz is missing .*: use wider layers"
    ):
        exercise(Outline((2, 3, 1), ("relu", "identity"), "output"), 1)
    with pytest.raises(
        ExerciseError, match="no small whole numbers fit this kind of exercise: use fewer examples"
    ):
        exercise(Outline((8, 8, 2), ("sigmoid", "softmax"), "cross_entropy", examples=8), 1)
    monkeypatch.setattr("gradsheet.numbers.budget.MAX_SECONDS", -1.0)
    with pytest.raises(
        ExerciseError, match=r"no exercise of this kind can be judged, .*: use smaller layers"
    ):
        exercise(SHORT, 1)


def test_the_search_has_an_end(monkeypatch) -> None:
    tried = []
    monkeypatch.setattr(module, "MAX_TRIES", 1)
    monkeypatch.setattr(
        module, "_hidden", lambda sheet, questions: tried.append(sheet) or {"nothing shows"}
    )
    with pytest.raises(ExerciseError, match="none of those tried that nothing shows"):
        exercise(SHORT, 1)
    assert len(tried) == 1


def test_the_key_as_it_is_printed_has_the_last_word(monkeypatch) -> None:
    """Were the first look blind itself, the key would still show every mistake."""
    monkeypatch.setattr(module, "_hidden", lambda sheet, questions: set())
    assert all(blindness(read(exercise(SHORT, seed).key)).unseen == [] for seed in range(2))
