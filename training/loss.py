"""The paper's loss, equation (9): the squared error summed over the pixels and averaged over the samples."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from models.units import KILOMETRE


@keras.saving.register_keras_serializable(package="tomo")
class SquaredError(keras.losses.Loss):
    """Equation (9) of velocity images (batch, depth, x) in m/s, in (km/s)².

    The optimizer sees (km/s)², in which curvatures are 10 to 100 and a regularization of 0.1 means something; times
    10⁶ it is the (m/s)² of the paper's tables.
    """

    def __init__(self, name: str = "squared_error", **options: Any) -> None:
        super().__init__(name=name, **options)

    def call(self, y: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
        """Per sample, (batch,)."""
        return tf.reduce_sum(tf.square((h - y) / KILOMETRE), range(1, len(h.shape)))

    def hessian_product(self, y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """The Hessian of the mean over the batch with respect to h, times z."""
        return 2.0 / KILOMETRE**2 * z / tf.cast(tf.shape(h)[0], z.dtype)
