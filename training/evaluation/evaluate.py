"""Evaluation: predictions of several runs on models of a survey, scored beside the mean model of the training set."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from data_gen.survey.reader import Survey
from training.evaluation.scores import Scores, mean_scores, score
from training.pipeline import in_order
from training.runs import Run, write_whole

MEAN_MODEL = "mean model"
TRUE_MODEL = "true model"
DATA_MISFIT = "data_misfit"
PREDICTION_BATCH = 8


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


def load_network(run: Run) -> keras.Model:
    """The final model of a run, raw gathers (batch, source, receiver, time, 1) to velocity (batch, depth, x)."""
    import training.loss
    import training.sqgn.model  # noqa: F401  (registers the classes that the file names)

    return keras.saving.load_model(run.model_file, compile=False)


def predict(network: keras.Model, survey: Survey, indices: np.ndarray) -> np.ndarray:
    """Velocity images (sample, depth, x) [m/s] of models of a survey."""
    return network.predict(in_order(survey, indices, PREDICTION_BATCH), verbose=0)


def mean_model(run: Run) -> np.ndarray:
    """The mean velocity model (depth, x) [m/s] of the models that a run was trained on."""
    survey = Survey.open(run.survey)
    return np.asarray(np.mean(survey.velocity(survey.train), axis=0, dtype=np.float64), np.float32)


def evaluate(runs: Sequence[Run], survey: Survey, indices: np.ndarray) -> Evaluation:
    """Score runs, and the mean model of the first one's training set, on models of a survey.

    Raises DataError where a run was trained on another geometry than the survey's.
    """
    for run in runs:
        run.check_geometry(survey)
    reference = survey.velocity(indices)
    predictions = {MEAN_MODEL: np.broadcast_to(mean_model(runs[0]), reference.shape)}
    for run in runs:
        predictions[run.name] = predict(load_network(run), survey, indices)
    acquisition = survey.specification.acquisition
    scores = {
        name: score(prediction, reference, acquisition.velocity_limits, acquisition.spacing)
        for name, prediction in predictions.items()
    }
    return Evaluation(survey, indices, reference, predictions, scores)


def without_nan(row: Mapping[str, float]) -> dict[str, float | None]:
    """A row of scores for JSON, which knows no NaN: None where there was nothing to compare."""
    return {name: None if math.isnan(value) else value for name, value in row.items()}


def write_scores(evaluations: Sequence[Evaluation], runs: Sequence[Run], folder: Path) -> None:
    """Write `scores.json`, means by survey and predictor, and `samples.csv`, a row per survey, predictor and sample.

    A score with nothing to compare is null in the one and empty in the other.
    """
    record = {
        "runs": {run.name: dataclasses.asdict(run.settings) for run in runs},
        "surveys": [
            {
                "survey": evaluation.survey.name,
                "samples": len(evaluation.indices),
                "scores": {name: without_nan(row) for name, row in evaluation.means().items()},
            }
            for evaluation in evaluations
        ],
    }
    write_whole(folder / "scores.json", json.dumps(record, indent=1) + "\n")
    names = [score.name for score in dataclasses.fields(Scores)]
    with (folder / "samples.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["survey", "predictor", "model", *names, DATA_MISFIT])
        for evaluation in evaluations:
            for predictor, rows in evaluation.scores.items():
                misfits = list(evaluation.misfits.get(predictor, ()))
                for number, (index, row) in enumerate(zip(evaluation.indices, rows, strict=True)):
                    values = [*dataclasses.astuple(row), *misfits[number : number + 1]]
                    cells = ["" if math.isnan(value) else value for value in values]
                    writer.writerow([evaluation.survey.name, predictor, int(index), *cells])
