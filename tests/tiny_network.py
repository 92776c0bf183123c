"""Tiny networks in float64, their training, and the dense matrices that the fast routes must equal."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from training.sqgn import Partition, SecondOrderModel

MSE = keras.losses.MeanSquaredError


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


class NumpyNetwork:
    """Loss, gradient and Gauss-Newton matrix of `tiny_network` at any weights, densely."""

    def __init__(self, model):
        self.model = model
        self.shapes = [v.shape for v in model.trainable_variables]

        @tf.function
        def output_and_jacobian(weights, x):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                h = tf.reshape(model.stateless_call(weights, [], x)[0], [-1])
            return h, tape.jacobian(h, weights)

        self.output_and_jacobian = output_and_jacobian

    def at(self, w, x, y):
        splits = np.cumsum([int(np.prod(s)) for s in self.shapes])[:-1]
        weights = [tf.constant(b.reshape(s)) for b, s in zip(np.split(w, splits), self.shapes, strict=True)]
        h, J = self.output_and_jacobian(weights, tf.constant(x))
        h, J = h.numpy(), np.concatenate([np.reshape(j, (j.shape[0], -1)) for j in J], axis=1)
        return 2.0 / h.size * J.T @ (h - y.ravel()), 2.0 / h.size * J.T @ J


def train(optimizer, epochs=3, micro_batch=None, data=None, loss=None, size=4, **fit):
    x, y = data or tiny_data()
    model = tiny_network(micro_batch=micro_batch)
    model.compile(optimizer=optimizer, loss=loss or MSE(dtype="float64"))
    history = model.fit(Partition.of_arrays(x, y, size), epochs=epochs, verbose=0, **fit)
    return model, history.history


def dense_output_hessian(loss, y, h):
    """The Hessian of the mean loss with respect to the network's output, by automatic differentiation."""

    @tf.function
    def hessian(h):
        with tf.GradientTape() as outer:
            outer.watch(h)
            with tf.GradientTape() as inner:
                inner.watch(h)
                value = loss(y, h)
            g = inner.gradient(value, h)
        return outer.jacobian(g, h)

    return np.reshape(hessian(tf.constant(h)), (h.size, h.size))
