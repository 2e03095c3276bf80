"""The solutions of the two homeworks."""

import pytest

import gradsheet
import gradsheet.solution
from tests.sheets import HOMEWORKS


@pytest.fixture(scope="module")
def numbers():
    return gradsheet.solve(gradsheet.load(HOMEWORKS / "numbers.toml"))


@pytest.fixture(scope="module")
def symbols():
    return gradsheet.solve(gradsheet.load(HOMEWORKS / "symbols.toml"))
