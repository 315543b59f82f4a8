"""What the tests of erasure share besides what all tests do: an empty folder to run in."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _nothing_set(nothing_set: None) -> None:
    pass
