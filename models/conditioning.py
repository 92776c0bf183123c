"""What a network is built around: statistics of its training set, which become part of the saved model."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True)
class Conditioning:
    """Statistics of the training set.

    `input_mean` has the shape of one input, or 1 along axes that it does not depend on; `input_deviation` is broadcast
    to that; `mean_velocity` is (depth, x) in m/s.
    """

    input_shape: tuple[int, ...]
    input_mean: np.ndarray
    input_deviation: np.ndarray
    mean_velocity: np.ndarray

    @classmethod
    def of(cls, network: keras.Model, mean_velocity: np.ndarray) -> Conditioning:
        """The statistics that a network was built around; `mean_velocity` (depth, x) [m/s] is that of its training
        set, for networks that hold none apart from their weights."""
        layer = network.get_layer("normalization")
        inputs = tuple(network.input_shape[1:])
        shape = tuple(points if axis in layer.axis else 1 for axis, points in enumerate(inputs, 1))
        mean, variance = (np.reshape(np.asarray(each), shape) for each in (layer.adapt_mean, layer.adapt_variance))
        last = network.get_layer("velocity") if "velocity" in {each.name for each in network.layers} else None
        if isinstance(last, keras.layers.Rescaling):
            mean_velocity = np.broadcast_to(np.asarray(last.offset, np.float32), mean_velocity.shape)
        return cls(inputs, mean, np.sqrt(variance), mean_velocity)

    def normalization(self) -> keras.layers.Layer:
        """The layer that subtracts the mean from inputs (batch, *input_shape) and divides by the deviation."""
        axes = tuple(axis for axis, points in enumerate(self.input_mean.shape, 1) if points > 1)
        layer = keras.layers.Normalization(axis=axes, dtype="float32", name="normalization")
        layer.build((None, *self.input_shape))
        shape = layer.adapt_mean.shape
        layer.adapt_mean.assign(np.reshape(self.input_mean, shape))
        variance = np.broadcast_to(self.input_deviation**2, self.input_mean.shape)
        layer.adapt_variance.assign(np.reshape(variance, shape))
        layer.finalize_state()
        return layer


def training_rms(network: keras.Model) -> float:
    """Root mean square of the inputs that a network was built around: their mean and deviation are part of it."""
    layer = network.get_layer("normalization")
    mean, variance = (np.asarray(values, np.float64) for values in (layer.adapt_mean, layer.adapt_variance))
    return float(np.sqrt(np.mean(mean**2 + variance)))
