"""The solutions of the two homeworks."""

import pytest

from tests.sheets import HOMEWORKS, solution_of


@pytest.fixture(scope="module")
def numbers():
    return solution_of(HOMEWORKS / "numbers.toml")


@pytest.fixture(scope="module")
def symbols():
    return solution_of(HOMEWORKS / "symbols.toml")
