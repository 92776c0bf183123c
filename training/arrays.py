"""Training on somebody's own arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.survey.arrays import ArraySurvey
from models.registry import NETWORKS, PANELS
from training.fit import train as train_run
from training.predictor import Predictor, load_predictor
from training.recipes import CONVOLUTIONS, IMAGING
from training.runs import begin_run
from training.settings import choose


def train(
    gathers: Sequence[np.ndarray] | np.ndarray,
    velocity: Sequence[np.ndarray] | np.ndarray,
    acquisition: Acquisition,
    output: str | Path,
    *,
    optimizer: str = "adamw",
    network: str = "unet",
    **settings: Any,
) -> Predictor:
    """Train a network from gathers (model, source, receiver, time) to velocity models (model, depth, x) [m/s].

    The run is kept in the folder `output`, and continued from there if it was interrupted; `settings` are fields of
    `training.settings.Settings` that are to differ from the recipe's (`training.recipes`). Raises DataError for arrays
    that do not fit the acquisition, SettingError for settings that cannot be. An example stands in `training.load`.
    """
    survey = ArraySurvey(np.asarray(gathers), np.asarray(velocity), acquisition)
    choose("network", network, NETWORKS)
    recipe = IMAGING if NETWORKS[network].reads == PANELS else CONVOLUTIONS
    chosen = recipe.settings(optimizer, network, len(survey.train), **settings)
    run = begin_run(Path(output), chosen, survey)
    if not run.finished:
        train_run(run, survey)
    return load_predictor(run.folder)
