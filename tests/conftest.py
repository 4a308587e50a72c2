"""What all rings share: nothing of the developer's own clouds, and examples that do not depend on the machine's speed."""

import os

import pytest
from hypothesis import settings

settings.register_profile("tinstack", deadline=None)
settings.load_profile("tinstack")


@pytest.fixture(autouse=True)
def _nothing_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OS_"):
            monkeypatch.delenv(name)
