"""How scores fall as the data get worse: the same test models with noise, or with receivers missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from data_gen.survey.reader import Survey
from training.augmentation import add_noise, kill_receivers
from training.evaluation.scores import Scores, mean_scores, score
from training.pipeline import PREDICTION_BATCH
from training.trained import Trained

NOISE_BAND = (2.0, 30.0)
"""The noise's frequencies [Hz]: those of the signal, so that no filter takes it away."""

SEED = 7


@dataclass(frozen=True)
class Disturbance:
    """A way in which data get worse: `levels` in its `unit`, from little to much.

    `disturb(gathers, seed, level, sample_interval)` is of gathers (batch, source, receiver, time), the interval in s.
    """

    name: str
    unit: str
    levels: tuple[float, ...]
    disturb: Callable[[tf.Tensor, tf.Tensor, float, float], tf.Tensor]


DISTURBANCES = (
    Disturbance(
        "signal_to_noise_ratio",
        "dB",
        (30.0, 20.0, 10.0, 5.0, 0.0),
        lambda gathers, seed, level, interval: add_noise(gathers, seed, tf.constant(level), NOISE_BAND, interval),
    ),
    Disturbance(
        "missing_receivers",
        "%",
        (0.0, 10.0, 20.0, 30.0, 40.0, 50.0),
        lambda gathers, seed, level, interval: kill_receivers(gathers, seed, tf.constant(level / 100.0)),
    ),
)


@dataclass(frozen=True)
class Sweep:
    """Mean scores of what was trained, by its name, at every level of a disturbance."""

    disturbance: Disturbance
    scores: Mapping[str, Sequence[Scores]]


def sweep(trained: Sequence[Trained], survey: Survey, indices: np.ndarray, disturbance: Disturbance) -> Sweep:
    """Score what was trained on models of a survey at every level; all see the same data."""
    acquisition = survey.acquisition
    reference = survey.velocity(indices)
    predictors = {each.name: each.load() for each in trained}
    found: dict[str, list[Scores]] = {name: [] for name in predictors}
    for level in disturbance.levels:
        predictions: dict[str, list[np.ndarray]] = {name: [] for name in predictors}
        for number, start in enumerate(range(0, len(indices), PREDICTION_BATCH)):
            gathers = tf.constant(survey.gathers(indices[start : start + PREDICTION_BATCH]))
            seed = tf.constant([SEED, number])
            disturbed = disturbance.disturb(gathers, seed, level, acquisition.sample_interval).numpy()
            for name, predictor in predictors.items():
                predictions[name].append(predictor.predict(disturbed, acquisition))
        for name, images in predictions.items():
            rows = score(np.concatenate(images), reference, acquisition.velocity_limits, acquisition.grid.spacing)
            found[name].append(mean_scores(rows))
    return Sweep(disturbance, found)
