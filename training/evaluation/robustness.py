"""How scores fall as the data get worse: the same test models with noise, or with receivers missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from data_gen.survey.reader import Survey
from training.augmentation import add_noise, kill_receivers
from training.evaluation.evaluate import PREDICTION_BATCH, load_network
from training.evaluation.scores import Scores, mean_scores, score
from training.pipeline import in_order
from training.runs import Run

NOISE_LEVELS = (30.0, 20.0, 10.0, 5.0, 0.0)
"""Signal-to-noise ratios [dB]."""

MISSING_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of the receivers that are silent."""

NOISE_BAND = (2.0, 30.0)
"""The noise's frequencies [Hz]: those of the signal, so that no filter takes it away."""

SEED = 7

Disturbance = Callable[[tf.Tensor, tf.Tensor, float], tf.Tensor]


def noise(sample_interval: float) -> Disturbance:
    """Band-limited noise at a ratio [dB]."""
    return lambda gathers, seed, level: add_noise(gathers, seed, tf.constant(level), NOISE_BAND, sample_interval)


def missing(gathers: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """A share of the receivers silent, others for every model."""
    return kill_receivers(gathers, seed, tf.constant(share))


def sweep(
    runs: Sequence[Run], survey: Survey, indices: np.ndarray, disturb: Disturbance, levels: Sequence[float]
) -> dict[str, list[Scores]]:
    """Mean scores of each run at each level of a disturbance, on models of a survey; every run sees the same data."""
    acquisition = survey.specification.acquisition
    reference = survey.velocity(indices)
    networks = {run.name: load_network(run) for run in runs}
    found: dict[str, list[Scores]] = {name: [] for name in networks}
    for level in levels:
        batches = in_order(survey, indices, PREDICTION_BATCH).enumerate()
        disturbed = batches.map(
            lambda number, pair, level=level: disturb(pair[0], tf.stack([SEED, tf.cast(number, tf.int32)]), level)
        )
        for name, network in networks.items():
            prediction = network.predict(disturbed, verbose=0)
            rows = score(prediction, reference, acquisition.velocity_limits, acquisition.spacing)
            found[name].append(mean_scores(rows))
    return found
