"""Tiny networks in float64, and the dense matrices that the fast routes must equal."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.second_order import SecondOrderModel


@pytest.fixture
def float64():
    """Keras in double precision for one test."""
    for dtype in ("float64", "float32"):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        if dtype == "float64":
            yield


def tiny_network(outputs: int = 3, seed: int = 1, activation=None, **options) -> SecondOrderModel:
    """A smooth convolutional network of 56 + 7 `outputs` weights: (6, 6, 1) to `outputs` numbers."""
    initial = (keras.initializers.GlorotUniform(seed=seed + i) for i in range(3))
    inputs = keras.Input((6, 6, 1))
    h = keras.layers.Conv2D(2, 3, activation="tanh", kernel_initializer=next(initial))(inputs)
    h = keras.layers.AveragePooling2D(2)(h)
    h = keras.layers.Flatten()(h)
    h = keras.layers.Dense(6 - 2, activation="tanh", kernel_initializer=next(initial))(h)
    h = keras.layers.Dense(outputs, activation=activation, kernel_initializer=next(initial))(h)
    return SecondOrderModel(inputs, h, **options)


def tiny_data(samples: int = 12, outputs: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random inputs and real-valued targets."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, 6, 6, 1)), rng.normal(size=(samples, outputs))


def flat(blocks) -> np.ndarray:
    """All blocks as one vector."""
    return np.concatenate([np.ravel(np.asarray(block)) for block in blocks])


def dense_jacobian(model, x) -> np.ndarray:
    """dh/dw, (samples * outputs, weights)."""

    @tf.function
    def jacobian():
        with tf.GradientTape() as tape:
            h = tf.reshape(model(x), [-1])
        return tape.jacobian(h, [v.value for v in model.trainable_variables])

    return np.concatenate([np.reshape(j, (j.shape[0], -1)) for j in jacobian()], axis=1)
