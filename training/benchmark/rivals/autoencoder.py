"""The deep autoencoder of MNIST, the classic test of second-order methods (Hinton 2006; Martens 2010).

784-250-100-30 and back, logistic units but for the code, which is linear: the published network's last layers, with
the widest two left out, so that a processor trains it in a minute. The loss is theirs, the cross-entropy of the pixels
summed over an image; the score is the squared error of the reconstruction, as Martens and Grosse (2015) report it.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training.benchmark.problems import Problem, read_idx, unheld
from training.sqgn.model import SecondOrderModel
from training.sqgn.partition import Partition

WIDTHS = (250, 100, 30)


@keras.saving.register_keras_serializable(package="tomo")
class PixelCrossEntropy(keras.losses.Loss):
    """The cross-entropy of pixels (batch, pixel) in [0, 1] with the logistic function of h, summed over an image."""

    def call(self, y: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
        """Per image, (batch,) [nats]."""
        return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(y, h), -1)

    def hessian_product(self, y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """The Hessian of the mean over the batch with respect to h, times z."""
        p = tf.sigmoid(h)
        return p * (1.0 - p) * z / tf.cast(tf.shape(h)[0], z.dtype)


@keras.saving.register_keras_serializable(package="tomo")
def squared_error(y: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
    """The squared error of a reconstruction, summed over an image, (batch,)."""
    return tf.reduce_sum(tf.square(y - tf.sigmoid(h)), -1)


def autoencoder(widths: tuple[int, ...] = WIDTHS, seed: int = 0, pixels: int = 784) -> SecondOrderModel:
    """Images (batch, pixel) to the logits of their reconstruction; Glorot uniform weights from the seed."""
    inputs = keras.Input((pixels,))
    h = inputs
    outputs = (*widths, *widths[-2::-1], pixels)
    for number, width in enumerate(outputs):
        is_linear = number in (len(widths) - 1, len(outputs) - 1)
        h = keras.layers.Dense(
            width,
            None if is_linear else "sigmoid",
            kernel_initializer=keras.initializers.GlorotUniform(seed * len(outputs) + number),
        )(h)
    return SecondOrderModel(inputs, h)


def autoencoder_problem(
    data: Path, batch_size: int, validation: bool = False, widths: tuple[int, ...] = WIDTHS
) -> Problem:
    """MNIST's images, to be drawn again; `validation` as in `mnist_problem`. Raises DataError as `read_idx`."""

    def images(name: str) -> np.ndarray:
        pixels = read_idx(data / f"{name}-images-idx3-ubyte")
        return pixels.reshape(len(pixels), -1).astype(np.float32) / 255

    train = images("train")
    train, test = np.split(train, [unheld(len(train))]) if validation else (train, images("t10k"))
    train = tf.constant(train)

    def build(optimizer: keras.optimizers.Optimizer, seed: int) -> keras.Model:
        model = autoencoder(widths, seed, train.shape[1])
        metric = keras.metrics.MeanMetricWrapper(squared_error, name="squared_error")
        model.compile(optimizer=optimizer, loss=PixelCrossEntropy(), metrics=[metric], jit_compile=False)
        return model

    def read(indices: tf.Tensor, _seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        some = tf.gather(train, indices)
        return some, some

    return Problem(
        "autoencoder",
        build,
        lambda seed: Partition(read, len(train), batch_size, seed),
        lambda: ({"validation_data": (test, test), "validation_batch_size": 5000}, []),
        "val_squared_error",
        {},
    )
