"""What tests of commands share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _less_work(less_work):
    """For all tests here."""
