"""The paper's MNIST network (section 6.1): exactly 1,962 weights."""

from __future__ import annotations

import keras


def mnist_network(model: type[keras.Model] = keras.Model, seed: int = 0) -> keras.Model:
    """Images (batch, 28, 28, 1) to logits (batch, 10).

    Three 4x4 "same" convolutions without bias with 2, 4 and 8 filters, each with 2x2 max pooling and ReLU (they
    commute); a dense layer from 128 features to 10 logits. Glorot uniform weights from the seed. `model` is the class
    of the result.
    """
    inputs = keras.Input((28, 28, 1))
    h = inputs
    initial = (keras.initializers.GlorotUniform(seed=seed * 10 + layer) for layer in range(4))
    for filters in (2, 4, 8):
        h = keras.layers.Conv2D(filters, 4, padding="same", use_bias=False, kernel_initializer=next(initial))(h)
        h = keras.layers.MaxPool2D(2, padding="same")(h)
        h = keras.layers.ReLU()(h)
    h = keras.layers.Flatten()(h)
    return model(inputs, keras.layers.Dense(10, kernel_initializer=next(initial))(h))
