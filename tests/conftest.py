"""What tests of several folders share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_survey import LINE, write_survey

from data_gen.survey.specification import SurveySpecification


@pytest.fixture(scope="session")
def plain_survey() -> Callable[..., Path]:
    """Writes a survey of `models` models into a folder."""

    def write(folder: Path, models: int = 20, train_models: int = 17, simulated: bool = False, **options) -> Path:
        return write_survey(folder, SurveySpecification(LINE, models, train_models, **options), simulated)

    return write
