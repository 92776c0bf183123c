"""Losses of velocity images (batch, depth, x) in m/s: summed over the pixels, averaged over the samples, in (km/s)².

The optimizer sees (km/s)², in which curvatures are 10 to 100 and a regularization of 0.1 means something; times 10⁶
they are the (m/s)² of the paper's tables.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from models.units import KILOMETRE


@keras.saving.register_keras_serializable(package="tomo")
class SquaredError(keras.losses.Loss):
    """The paper's loss, equation (9): the squared error."""

    def __init__(self, name: str = "squared_error", **options: Any) -> None:
        super().__init__(name=name, **options)

    def call(self, y: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
        """Per sample, (batch,)."""
        return tf.reduce_sum(tf.square((h - y) / KILOMETRE), range(1, len(h.shape)))

    def hessian_product(self, y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """The Hessian of the mean over the batch with respect to h, times z."""
        return 2.0 / KILOMETRE**2 * z / tf.cast(tf.shape(h)[0], z.dtype)


@keras.saving.register_keras_serializable(package="tomo")
class PseudoHuberError(keras.losses.Loss):
    """`2 d² (sqrt(1 + (e/d)²) - 1)`: the squared error of errors below d, and their absolute value times 2 d above.

    Salt that is missed by a few cells costs 2 km/s there whatever one does; squared, these cells decide the rest of the
    image. `delta` is d [m/s].
    """

    def __init__(self, delta: float = 100.0, name: str = "pseudo_huber_error", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.delta = delta

    def call(self, y: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
        """Per sample, (batch,)."""
        square = tf.square((h - y) / self.delta)
        rise = square / (tf.sqrt(1.0 + square) + 1.0)  # sqrt(1 + square) - 1 without cancellation
        return 2.0 * (self.delta / KILOMETRE) ** 2 * tf.reduce_sum(rise, range(1, len(h.shape)))

    def hessian_product(self, y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """The Hessian of the mean over the batch with respect to h, times z."""
        root = tf.sqrt(1.0 + tf.square((h - y) / self.delta))
        return 2.0 / KILOMETRE**2 * z / root**3 / tf.cast(tf.shape(h)[0], z.dtype)

    def get_config(self) -> dict[str, Any]:
        """With `delta`."""
        return {**super().get_config(), "delta": self.delta}


LOSSES = {"squared": SquaredError, "pseudo-huber": PseudoHuberError}
