"""The tomography network: four 3-D convolutions and one dense layer, from gathers to a velocity image.

The architecture is the paper's (section 6.2): each convolution has a bias, max pooling and a ReLU, which commutes with
the pooling and so sees the fewer numbers; the dense layer a ReLU; weights are Glorot uniform. What the paper is silent
about is the conditioning, and it is part of the model, which takes raw gathers and returns m/s: the mean gather of the
training set is subtracted, which removes the direct wave, and the rest divided by its deviation; inside, the network
works in km/s, and the dense layer's bias starts at the mean velocity model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from models.architecture import Convolution

METRES_PER_KILOMETRE = 1000.0


@dataclass(frozen=True)
class Conditioning:
    """Statistics of the training set that the network is built around.

    `mean_gather` and `gather_deviation` are (source, receiver, time), the latter broadcast from fewer numbers as one
    likes; `mean_velocity` is (depth, x) in m/s.
    """

    mean_gather: np.ndarray
    gather_deviation: np.ndarray
    mean_velocity: np.ndarray


def tomography_network(
    convolutions: tuple[Convolution, ...],
    conditioning: Conditioning,
    model: Callable[..., keras.Model] = keras.Model,
    seed: int = 0,
) -> keras.Model:
    """The network from gathers (batch, source, receiver, time, 1) to velocity (batch, depth, x) [m/s].

    `model(inputs, outputs)` makes the Keras model, initial weights follow from the seed. Convolutions are "same",
    poolings "valid".
    """
    initial = (keras.initializers.GlorotUniform(seed=1000 * seed + layer) for layer in range(len(convolutions) + 1))
    mean_velocity = conditioning.mean_velocity / METRES_PER_KILOMETRE
    inputs = keras.Input((*conditioning.mean_gather.shape, 1), name="gathers")
    h = _normalization(conditioning)(inputs)
    for convolution in convolutions:
        h = keras.layers.Conv3D(
            convolution.filters, convolution.kernel, padding="same", kernel_initializer=next(initial)
        )(h)
        h = keras.layers.ReLU()(keras.layers.MaxPool3D(convolution.pool)(h))
    dense = keras.layers.Dense(mean_velocity.size, kernel_initializer=next(initial), name="image")
    h = keras.layers.ReLU()(dense(keras.layers.Flatten()(h)))
    h = keras.layers.Reshape(mean_velocity.shape)(h)
    outputs = keras.layers.Rescaling(METRES_PER_KILOMETRE, dtype="float32", name="velocity")(h)
    network = model(inputs, outputs)
    dense.bias.assign(mean_velocity.ravel())
    return network


def training_rms(network: keras.Model) -> float:
    """Root mean square of the gathers that a network was built around: their mean and deviation are part of it."""
    layer = network.get_layer("normalization")
    mean, variance = (np.asarray(values, np.float64) for values in (layer.adapt_mean, layer.adapt_variance))
    return float(np.sqrt(np.mean(mean**2 + variance)))


def _normalization(conditioning: Conditioning) -> keras.layers.Layer:
    layer = keras.layers.Normalization(axis=(1, 2, 3), name="normalization")
    layer.build((None, *conditioning.mean_gather.shape, 1))
    layer.adapt_mean.assign(conditioning.mean_gather)
    layer.adapt_variance.assign(np.broadcast_to(conditioning.gather_deviation**2, conditioning.mean_gather.shape))
    layer.finalize_state()
    return layer
