import pytest

from gradsheet.checking import backward
from gradsheet.checking.trial import Trial


@pytest.fixture
def unexplained(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is called so and no more: why it is takes longer to find than
    that it is, and has no part in some tests."""
    monkeypatch.setattr(Trial, "find_causes", lambda trial: None)
    monkeypatch.setattr(backward, "_name_on_a_narrow_one", lambda *_: None)
