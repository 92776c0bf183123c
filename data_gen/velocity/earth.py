"""Where a survey's velocity models come from: model i of a specification, the same on every machine and
worker."""

from __future__ import annotations

import numpy as np

from data_gen.geology import EarthModel, random_model
from data_gen.salt import is_salt
from data_gen.survey.specification import SurveySpecification
from data_gen.velocity.files import VelocityWindows


class EarthModels:
    """The velocity models of a survey, by index: random geology, or windows of somebody else's files."""

    def __init__(self, specification: SurveySpecification) -> None:
        self._specification = specification
        files = specification.velocity_files
        self._windows = VelocityWindows(files, specification.acquisition) if files else None

    def __getitem__(self, index: int) -> EarthModel:
        """Model `index`; raises DataError where its velocities do not suit the survey."""
        specification = self._specification
        rng = np.random.default_rng([specification.seed, index])
        if self._windows is None:
            return random_model(rng, specification.acquisition, specification.geology)
        velocity, parameters = self._windows.cut(rng, index, specification.models)
        specification.acquisition.check_velocity(velocity, name=f"{parameters['file']}, window of model {index},")
        return EarthModel(velocity, is_salt(velocity), parameters)
