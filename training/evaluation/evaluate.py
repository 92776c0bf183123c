"""Evaluation: predictions of several runs on models of a survey, scored beside the mean model of the training set."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from data_gen.survey.reader import Survey
from training.evaluation.scores import Scores, mean_scores, score
from training.predictor import load
from training.runs import Run

MEAN_MODEL = "mean model"
TRUE_MODEL = "true model"
DATA_MISFIT = "data_misfit"
RESERVED_NAMES = (MEAN_MODEL, TRUE_MODEL, "reference")
"""Columns of tables and figures that no run may be called."""


@dataclass(frozen=True)
class Evaluation:
    """What several predictors make of some models of a survey.

    `indices` are the models; `reference` and each of `predictions` are (sample, depth, x) in m/s; `scores` holds
    one row per sample. Predictors are runs by name, and the mean model of the training set. `misfits`, where they were
    computed, are the data misfits of each predictor's, and of the true models', first samples.
    """

    survey: Survey
    indices: np.ndarray
    reference: np.ndarray
    predictions: dict[str, np.ndarray]
    scores: dict[str, tuple[Scores, ...]]
    misfits: dict[str, np.ndarray] = field(default_factory=dict)

    def means(self) -> dict[str, dict[str, float]]:
        """Mean of each score by predictor, `data_misfit` among them where it was computed."""
        means = {name: dataclasses.asdict(mean_scores(rows)) for name, rows in self.scores.items()}
        for name, values in self.misfits.items():
            means.setdefault(name, {})[DATA_MISFIT] = float(np.mean(values))
        return means


def untouched(survey: Survey, runs: Sequence[Run]) -> np.ndarray:
    """Indices of a survey's test models that none of the runs was trained on, by the content of the models."""
    trained_on = set().union(*(run.trained_on() for run in runs))
    return survey.test[np.array([survey.fingerprint(int(index)) not in trained_on for index in survey.test], bool)]


def evaluate(runs: Sequence[Run], mean: np.ndarray, survey: Survey, indices: np.ndarray) -> Evaluation:
    """Score runs, and a mean model (depth, x) [m/s], on models of a survey.

    Raises DataError where a run was trained on another geometry than the survey's.
    """
    for run in runs:
        run.check_geometry(survey)
    reference = survey.velocity(indices)
    predictions = {MEAN_MODEL: np.broadcast_to(mean, reference.shape)}
    for run in runs:
        predictions[run.name] = load(run.folder).predict_models(survey, indices)
    acquisition = survey.acquisition
    scores = {
        name: score(prediction, reference, acquisition.velocity_limits, acquisition.grid.spacing)
        for name, prediction in predictions.items()
    }
    return Evaluation(survey, indices, reference, predictions, scores)
