"""What a network is built around: statistics of its training set, which become part of the saved model."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True)
class Conditioning:
    """Statistics of the training set.

    `input_mean` and `input_deviation` have the shape of one input, or one that is broadcast to the `input_shape`;
    `mean_velocity` is (depth, x) in m/s.
    """

    input_shape: tuple[int, ...]
    input_mean: np.ndarray
    input_deviation: np.ndarray
    mean_velocity: np.ndarray

    def normalization(self) -> keras.layers.Layer:
        """The layer that subtracts the mean from inputs (batch, *input_shape) and divides by the deviation."""
        layer = keras.layers.Normalization(axis=tuple(range(1, len(self.input_shape) + 1)), name="normalization")
        layer.build((None, *self.input_shape))
        layer.adapt_mean.assign(np.broadcast_to(self.input_mean, self.input_shape))
        layer.adapt_variance.assign(np.broadcast_to(self.input_deviation**2, self.input_shape))
        layer.finalize_state()
        return layer


def training_rms(network: keras.Model) -> float:
    """Root mean square of the inputs that a network was built around: their mean and deviation are part of it."""
    layer = network.get_layer("normalization")
    mean, variance = (np.asarray(values, np.float64) for values in (layer.adapt_mean, layer.adapt_variance))
    return float(np.sqrt(np.mean(mean**2 + variance)))
