"""A trained network ready for use: gathers in, velocity models out."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from training.archive import Card, load_network, read_card
from training.pipeline import PREDICTION_BATCH
from training.runs import open_run


class Predictor:
    """The network of a run, with what it was trained with; see `load`."""

    def __init__(self, network: keras.Model, card: Card) -> None:
        self.network, self.card = network, card

    @property
    def acquisition(self) -> Acquisition:
        """The acquisition that the network was trained for."""
        return self.card.acquisition

    def predict(self, gathers: np.ndarray) -> np.ndarray:
        """Velocity models (model, depth, x) [m/s] of gathers (model, source, receiver, time), or of one survey alone.

        Raises DataError for gathers of another shape than the acquisition's, or with samples that are not finite.
        """
        values = np.asarray(gathers, np.float32)
        values = values[None] if values.ndim == 3 else values
        if values.shape[1:] != self.acquisition.gather_shape:
            raise DataError(f"gathers of shape {np.shape(gathers)} are not those of {self.acquisition}")
        if not np.isfinite(values).all():
            raise DataError("gathers hold samples that are not finite")
        return self.network.predict(values, batch_size=PREDICTION_BATCH, verbose=0)


def load(run: str | Path) -> Predictor:
    """The network of a finished run: its folder, or its `model.keras` alone.

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
    path = Path(run)
    file = path if path.suffix == ".keras" else open_run(path).model_file
    return Predictor(load_network(file), read_card(file))
