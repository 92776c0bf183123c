"""Evaluation: predictions of runs and ensembles on models of a survey, scored beside the training
set's mean model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from data_gen.survey.reader import Survey
from training.ensemble import Ensemble
from training.evaluation.scores import Scores, mean_scores, score
from training.trained import Trained

MEAN_MODEL = "mean model"
TRUE_MODEL = "true model"
DATA_MISFIT = "data_misfit"
RESERVED_NAMES = (MEAN_MODEL, TRUE_MODEL, "reference")
"""Columns of tables and figures that no run may be called."""


@dataclass(frozen=True)
class Evaluation:
    """What several predictors make of some models of a survey.

    `indices` are the models; `reference` and each of `predictions` are (sample, depth, x) in m/s; `scores` holds
    one row per sample. Predictors are runs and ensembles by name, and the mean model of the training set. `misfits`,
    where they were computed, are the data misfits of each predictor's, and of the true models', first samples.
    `deviations` are the standard deviations (sample, depth, x) [m/s] that ensembles state.
    """

    survey: Survey
    indices: np.ndarray
    reference: np.ndarray
    predictions: dict[str, np.ndarray]
    scores: dict[str, tuple[Scores, ...]]
    misfits: dict[str, np.ndarray] = field(default_factory=dict)
    deviations: dict[str, np.ndarray] = field(default_factory=dict)

    def means(self) -> dict[str, dict[str, float]]:
        """Mean of each score by predictor, `data_misfit` among them where it was computed."""
        means = {name: dataclasses.asdict(mean_scores(rows)) for name, rows in self.scores.items()}
        for name, values in self.misfits.items():
            means.setdefault(name, {})[DATA_MISFIT] = float(np.mean(values))
        return means


def untouched(survey: Survey, trained: Sequence[Trained]) -> np.ndarray:
    """Indices of a survey's test models that nothing of this was trained on, by the content of the models."""
    seen = set().union(*(each.trained_on() for each in trained))
    return survey.test[np.array([survey.fingerprint(int(index)) not in seen for index in survey.test], bool)]


def evaluate(trained: Sequence[Trained], mean: np.ndarray, survey: Survey, indices: np.ndarray) -> Evaluation:
    """Score what was trained, and a mean model (depth, x) [m/s], on models of a survey.

    Raises DataError where it was trained on another geometry than the survey's.
    """
    for each in trained:
        each.check_geometry(survey)
    reference = survey.velocity(indices)
    predictions = {MEAN_MODEL: np.broadcast_to(mean, reference.shape)}
    deviations = {}
    for each in trained:
        predictor = each.load()
        if isinstance(predictor, Ensemble):
            predictions[each.name], deviations[each.name] = predictor.models_with_deviation(survey, indices)
        else:
            predictions[each.name] = predictor.predict_models(survey, indices)
    acquisition = survey.acquisition
    scores = {
        name: score(prediction, reference, acquisition.velocity_limits, acquisition.grid.spacing)
        for name, prediction in predictions.items()
    }
    return Evaluation(survey, indices, reference, predictions, scores, deviations=deviations)
