"""What tests of several folders share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_survey import LINE, write_survey

from data_gen.survey.specification import SurveySpecification


@pytest.fixture(autouse=True)
def _the_same_environment() -> Iterator[None]:
    """A command that runs in this process sets variables for its own; the next test finds none of them."""
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def plain_survey() -> Callable[..., Path]:
    """Writes a survey of `models` models into a folder."""

    def write(folder: Path, models: int = 20, train_models: int = 17, simulated: bool = False, **options) -> Path:
        return write_survey(folder, SurveySpecification(LINE, models, train_models, **options), simulated)

    return write


@pytest.fixture(scope="session")
def less_work() -> Iterator[None]:
    """The same answers from commands in this process: one compilation an acquisition, and pictures of few dots."""
    import data_gen.simulator.gradient  # noqa: F401 (derives from the class, before a function takes its place)
    import tomo.pictures
    from data_gen.simulator import acoustic

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acoustic, "Simulator", functools.lru_cache(maxsize=8)(acoustic.Simulator))
        patch.setattr(tomo.pictures, "DPI", 100)
        yield
