"""Evaluation: predictions of several runs on a split of a survey, scored beside the mean model of the training set."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from data_gen.survey import Survey
from training.metrics import Scores, mean_scores, score
from training.pipeline import in_order
from training.runs import Run, RunError, write_whole

MEAN_MODEL = "mean model"
PREDICTION_BATCH = 8


@dataclass(frozen=True)
class Evaluation:
    """What several predictors make of some models of a survey.

    `indices` are the models; `reference` and each of `predictions` are (sample, depth, x) in m/s; `scores` holds
    one row per sample. Predictors are runs by name, and the mean model of the training set.
    """

    indices: np.ndarray
    reference: np.ndarray
    predictions: dict[str, np.ndarray]
    scores: dict[str, tuple[Scores, ...]]

    def means(self) -> dict[str, Scores]:
        """Mean scores of each predictor."""
        return {name: mean_scores(rows) for name, rows in self.scores.items()}


def load_network(run: Run) -> keras.Model:
    """The final model of a run, raw gathers (batch, source, receiver, time, 1) to velocity (batch, depth, x)."""
    import training.loss
    import training.second_order  # noqa: F401  (registers the classes that the file names)

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

    Raises RunError where a run was trained on another geometry than the survey's.
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
    return Evaluation(indices, reference, predictions, scores)


def write_scores(
    evaluation: Evaluation, folder: Path, about: Mapping[str, object], more: Mapping[str, Mapping[str, float]]
) -> None:
    """Write `scores.json`, means by predictor (`more` adds to them), and `samples.csv`, a row per sample of each."""
    means = {name: {**dataclasses.asdict(row), **more.get(name, {})} for name, row in evaluation.means().items()}
    write_whole(
        folder / "scores.json",
        json.dumps({**about, "samples": len(evaluation.indices), "scores": means}, indent=1) + "\n",
    )
    names = [field.name for field in dataclasses.fields(Scores)]
    with (folder / "samples.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["predictor", "model", *names])
        for predictor, rows in evaluation.scores.items():
            for index, row in zip(evaluation.indices, rows, strict=True):
                writer.writerow([predictor, int(index), *dataclasses.astuple(row)])


def predict_file(run: Run, gathers_file: Path, output: Path) -> np.ndarray:
    """Predict from `gathers` (model, source, receiver, time) of an HDF5 file; write and return `velocity` in m/s.

    Raises RunError where the file cannot be read, holds no such gathers, or holds non-finite samples.
    """
    shape = run.acquisition.gather_shape
    if output.exists():
        raise RunError(f"{output} already exists: choose another name")
    try:
        with h5py.File(gathers_file, "r") as file:
            gathers = np.asarray(file["gathers"], np.float32)
    except (OSError, KeyError) as error:
        raise RunError(f"{gathers_file} cannot be read as HDF5 with a dataset `gathers`: {error}") from None
    if gathers.shape[1:] != shape:
        raise RunError(f"{gathers_file} holds gathers of {gathers.shape[1:]}, the run was trained on {shape}")
    if not np.all(np.isfinite(gathers)):
        raise RunError(f"{gathers_file} holds samples that are not finite")
    velocity = load_network(run).predict(gathers[..., None], batch_size=PREDICTION_BATCH, verbose=0)
    with h5py.File(output, "w") as file:
        data = file.create_dataset("velocity", data=velocity)
        data.attrs["units"] = "m/s"
        for axis, name in enumerate(("model", "depth", "x")):
            data.dims[axis].label = name
    return velocity
