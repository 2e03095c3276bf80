"""Worked examples as they are in print: every verdict on record is reached, and the homeworks' too."""

from pathlib import Path

import pytest

import gradsheet

PUBLISHED = sorted((Path(__file__).parent / "published").glob("*.toml"))


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_every_verdict_on_record_is_reached(path: Path) -> None:
    report = gradsheet.judge(gradsheet.load(path))
    for judgement in report.judgements:
        assert judgement.verdict == (judgement.claim.expect or "right"), (judgement.claim.quantity, judgement.message)


def test_there_are_examples() -> None:
    assert len(PUBLISHED) >= 10


def messages(name: str) -> dict[tuple[str, str], str]:
    path = next(path for path in PUBLISHED if path.stem.startswith(name))
    judgements = gradsheet.judge(gradsheet.load(path)).judgements
    return {(j.claim.quantity, str(j.claimed)): j.all_messages() for j in judgements if j.verdict != "right"}


def test_one_reading_makes_all_of_a_sheet_right() -> None:
    found = messages("whathowwhy")
    assert len(found) == 21
    assert all("right if the loss is read as half_squared_error" in message for message in found.values())


def test_what_follows_from_an_earlier_mistake_says_so() -> None:
    found = messages("lynch")
    assert "right given the earlier dL/dW2[1,1] = -0.02152276 (line 23)" in found["W2_new[1,1]", "0.152152"]
    assert found["dL/dW2[1,1]", "-0.02152276"].startswith("the truth with the wrong sign")
