"""Training on somebody's own arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.survey.arrays import ArraySurvey
from training.fit import train as train_run
from training.predictor import Predictor, load
from training.runs import begin_run
from training.settings import Settings


def train(
    gathers: Sequence[np.ndarray] | np.ndarray,
    velocity: Sequence[np.ndarray] | np.ndarray,
    acquisition: Acquisition,
    output: str | Path,
    *,
    optimizer: str = "sqgn",
    network: str = "unet",
    epochs: int = 60,
    batch_size: int = 32,
    **settings: Any,
) -> Predictor:
    """Train a network from gathers (model, source, receiver, time) to velocity models (model, depth, x) [m/s].

    The run is kept in the folder `output`, and continued from there if it was interrupted; `settings` are further
    fields of `training.settings.Settings`. Raises DataError for arrays that do not fit the acquisition, SettingError
    for settings that cannot be. An example stands in `load`.
    """
    survey = ArraySurvey(np.asarray(gathers), np.asarray(velocity), acquisition)
    chosen = Settings(optimizer, network, epochs, batch_size, **settings)
    run = begin_run(Path(output), chosen, survey)
    if not run.finished:
        train_run(run, survey)
    return load(run.folder)
