"""The paper's tomography network: four 3-D convolutions and one dense layer, from gathers to a velocity image.

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

from models.conditioning import Conditioning
from models.units import KILOMETRE


@dataclass(frozen=True)
class Convolution:
    """A 3-D convolution and the max pooling after it; sizes along (source, receiver, time)."""

    filters: int
    kernel: tuple[int, int, int]
    pool: tuple[int, int, int]


DEMO = (
    Convolution(6, (3, 5, 9), (1, 4, 4)),
    Convolution(12, (3, 5, 7), (1, 2, 2)),
    Convolution(16, (3, 3, 5), (2, 2, 2)),
    Convolution(24, (1, 3, 3), (1, 1, 2)),
)
LAPTOP = (
    Convolution(8, (3, 5, 9), (1, 4, 4)),
    Convolution(16, (3, 5, 7), (2, 2, 2)),
    Convolution(24, (3, 5, 5), (2, 2, 2)),
    Convolution(32, (1, 3, 5), (2, 2, 2)),
)
PAPER = (
    Convolution(6, (3, 9, 9), (2, 4, 4)),
    Convolution(16, (3, 5, 9), (2, 4, 2)),
    Convolution(20, (3, 5, 9), (2, 4, 2)),
    Convolution(40, (3, 5, 7), (1, 4, 2)),
)
"""With these the network has exactly the paper's 10,951,700 weights; the paper does not say which it used."""


def pooled(gather_shape: tuple[int, int, int], convolutions: tuple[Convolution, ...]) -> tuple[int, int, int]:
    """What pooling leaves of gathers (source, receiver, time); a zero means that the gathers are too small."""
    source, receiver, time = gather_shape
    for convolution in convolutions:
        a, b, c = convolution.pool
        source, receiver, time = source // a, receiver // b, time // c
    return source, receiver, time


def cnn(
    convolutions: tuple[Convolution, ...],
    conditioning: Conditioning,
    model: Callable[..., keras.Model] = keras.Model,
    seed: int = 0,
    dtype: str = "float32",
) -> keras.Model:
    """The network from gathers (batch, source, receiver, time) to velocity (batch, depth, x) [m/s].

    `model(inputs, outputs)` makes the Keras model, initial weights follow from the seed; `dtype` is the Keras policy of
    its layers. Convolutions are "same", poolings "valid".
    """
    initial = (keras.initializers.GlorotUniform(seed=1000 * seed + layer) for layer in range(len(convolutions) + 1))
    mean_velocity = conditioning.mean_velocity / KILOMETRE
    inputs = keras.Input(conditioning.input_shape, name="gathers")
    h = keras.layers.Reshape((*conditioning.input_shape, 1))(conditioning.normalization()(inputs))
    for convolution in convolutions:
        h = keras.layers.Conv3D(
            convolution.filters, convolution.kernel, padding="same", kernel_initializer=next(initial), dtype=dtype
        )(h)
        h = keras.layers.ReLU(dtype=dtype)(keras.layers.MaxPool3D(convolution.pool, dtype=dtype)(h))
    dense = keras.layers.Dense(mean_velocity.size, kernel_initializer=next(initial), dtype=dtype, name="image")
    h = keras.layers.ReLU()(dense(keras.layers.Flatten()(h)))
    h = keras.layers.Reshape(mean_velocity.shape)(h)
    outputs = keras.layers.Rescaling(KILOMETRE, dtype="float32", name="velocity")(h)
    network = model(inputs, outputs)
    dense.bias.assign(mean_velocity.ravel())
    return network
