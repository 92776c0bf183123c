"""What tests of trainings share."""

from __future__ import annotations

import keras
import pytest


@pytest.fixture
def float64():
    """Keras in double precision for one test."""
    for dtype in ("float64", "float32"):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        if dtype == "float64":
            yield


@pytest.fixture(scope="session", autouse=True)
def _less_work(less_work):
    """For all tests here."""
