"""What is ready for use in a folder: one network, or an ensemble."""

from __future__ import annotations

from pathlib import Path

from training.ensemble import Ensemble, is_ensemble, load_ensemble
from training.predictor import Predictor, load_predictor


def load(run: str | Path) -> Predictor | Ensemble:
    """The network of a finished run: its folder, or its `model.keras` alone; or the one that comes with tomo,
    `pretrained`; or the ensemble of a folder.

    Raises DataError where it is no such thing, damaged, or not finished.

    >>> from data_gen import Acquisition, Grid, random_model, simulate
    >>> import numpy as np, training
    >>> line = Acquisition(Grid(40, 40, 15.0), sources=3, receivers=32, samples=60, sample_interval=0.008)
    >>> models = [random_model(np.random.default_rng([0, i]), line).velocity for i in range(8)]
    >>> gathers = [simulate(model, line) for model in models]
    >>> trained = training.train(gathers, models, line, "my_run", epochs=1, batch_size=4)
    >>> predictor = training.load("my_run")
    >>> predictor.predict(gathers[0]).shape
    (1, 40, 40)
    """
    return load_ensemble(Path(run)) if is_ensemble(Path(run)) else load_predictor(run)
