from __future__ import annotations

import hypothesis
import pytest

# A busy machine is not a failure.
hypothesis.settings.register_profile("planspec", deadline=None)
hypothesis.settings.load_profile("planspec")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--documents", type=int, default=200, help="how many documents the differential tests make of each kind")
    parser.addoption("--documents-seed", type=int, default=20261128, help="the seed that these are made from")


@pytest.fixture(scope="session")
def documents_asked(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--documents"))


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--documents-seed"))
