"""Worked examples as they are in print, sheets that were once misjudged, and
sheets with networks of their own: every verdict on record is reached."""

from pathlib import Path

import pytest

import gradsheet
from tests.rounds import every
from tests.sheets import report_on

HERE = Path(__file__).parent
PUBLISHED, GRADED, GRAPHS = (
    sorted((HERE / folder).glob("*.toml")) for folder in ("published", "graded", "graphs")
)
# Of which a smaller one with the same steps is there.
LARGE = {"batch-norm-4x3", "gru-over-2-steps-of-2-units", "lstm-over-3-steps"}
SMALL = [path for path in GRAPHS if path.stem not in LARGE]


@pytest.mark.parametrize(
    "path",
    [
        *PUBLISHED,
        *GRADED,
        *every(2, reversed(SMALL)),  # which have every operation that the others have
        *(pytest.param(path, marks=pytest.mark.exhaustive) for path in GRAPHS if path not in SMALL),
    ],
    ids=lambda path: path.stem,
)
def test_every_verdict_on_record_is_reached(path: Path) -> None:
    for judgement in report_on(path).judgements:
        assert judgement.as_expected, (
            judgement.claim.quantity,
            judgement.verdict,
            judgement.message,
        )


def test_there_are_examples() -> None:
    assert len(PUBLISHED) >= 10
    assert len(GRADED) >= 15
    assert len(GRAPHS) >= 10
    for path in GRAPHS:
        claims = gradsheet.load(path).claims
        assert all(claim.expect or claim.is_open for claim in claims), path.stem


def off(name: str) -> dict:
    """The judgements that are not right, by what they claim."""
    path = next(path for path in PUBLISHED if path.stem.startswith(name))
    judgements = report_on(path).judgements
    return {(j.claim.quantity, str(j.claimed)): j for j in judgements if j.verdict != "right"}


def test_one_reading_makes_all_of_a_sheet_right() -> None:
    found = off("whathowwhy")
    assert len(found) == 21
    assert all(
        "right if the loss is read as half_squared_error" in j.reasons() for j in found.values()
    )
    assert [j.verdict for j in found.values()] == ["wrong"] + ["carried_forward"] * 20


def test_what_follows_from_an_earlier_mistake_says_so() -> None:
    found = off("lynch")
    earlier, later = found["dL/dW2[1,1]", "-0.02152276"], found["W2_new[1,1]", "0.152152"]
    assert (earlier.verdict, earlier.message) == ("wrong", "the truth with the wrong sign")
    assert later.verdict == "carried_forward"
    assert "right given the earlier dL/dW2[1,1] = -0.02152276 (line 23)" in later.messages
