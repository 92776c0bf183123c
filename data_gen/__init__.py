"""Surveys of random earth models: geology, acoustic simulation, and the files they are kept in.

    simulate(velocity, acquisition)        shot gathers of one velocity model
    random_model(rng, acquisition)         a velocity model with salt
    generate_survey(specification, folder) models and gathers by the thousand
    open_survey(folder)                    a survey on disk as an xarray.Dataset

Nothing is imported before it is used: Devito takes seconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, MachineError, SettingError, TomoError
from data_gen.grid import Grid

if TYPE_CHECKING:
    from data_gen.geology import EarthModel, random_model
    from data_gen.production.generate import generate_survey
    from data_gen.simulator.simulate import simulate
    from data_gen.survey.arrays import ArraySurvey
    from data_gen.survey.dataset import open_survey
    from data_gen.survey.reader import Survey
    from data_gen.survey.specification import SurveySpecification

__all__ = [
    "Acquisition",
    "ArraySurvey",
    "DataError",
    "EarthModel",
    "Grid",
    "MachineError",
    "SettingError",
    "Survey",
    "SurveySpecification",
    "TomoError",
    "generate_survey",
    "open_survey",
    "random_model",
    "simulate",
]

_HOMES = {
    "ArraySurvey": "survey.arrays",
    "EarthModel": "geology",
    "Survey": "survey.reader",
    "SurveySpecification": "survey.specification",
    "generate_survey": "production.generate",
    "open_survey": "survey.dataset",
    "random_model": "geology",
    "simulate": "simulator.simulate",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
