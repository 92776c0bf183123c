"""Kinds of Keras models: the gradient is Keras's own, and the product is `J'HJ s`, layer by layer, in float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf
from keras import layers
from tiny_network import dense_jacobian, flat

from training.sqgn import SQGN, SecondOrderModel


def embedding():
    inputs = keras.Input((5,), dtype="int32")
    h = layers.GlobalAveragePooling1D()(layers.Embedding(7, 3)(inputs))
    return inputs, layers.Dense(2)(h)


def masked_embedding():
    inputs = keras.Input((5,), dtype="int32")
    h = layers.GlobalAveragePooling1D()(layers.Embedding(7, 3, mask_zero=True)(inputs))
    return inputs, layers.Dense(2)(h)


def transformer():
    inputs = keras.Input((5,), dtype="int32")
    h = layers.Embedding(7, 4)(inputs)
    h = layers.LayerNormalization()(h + layers.MultiHeadAttention(2, 2)(h, h))
    h = layers.LayerNormalization()(h + layers.Dense(4)(layers.Dense(6, activation="gelu")(h)))
    return inputs, layers.Dense(2)(h)


def u_net(interpolation):
    inputs = keras.Input((8, 8, 2))
    a = layers.Conv2D(4, 3, padding="same", activation="tanh")(inputs)
    b = layers.Conv2D(4, 3, padding="same", activation="tanh")(layers.AveragePooling2D(2)(a))
    h = layers.Concatenate()([a, layers.UpSampling2D(interpolation=interpolation)(b)])
    return inputs, layers.Conv2D(1, 1)(h)


def transposed_u_net():
    inputs = keras.Input((8, 8, 2))
    a = layers.Conv2D(4, 3, padding="same", activation="tanh")(inputs)
    b = layers.Conv2DTranspose(4, 2, strides=2)(layers.Conv2D(4, 3, strides=2, padding="same")(a))
    return inputs, layers.Conv2D(1, 1)(layers.GroupNormalization(2)(layers.Concatenate()([a, b])))


def separable():
    inputs = keras.Input((6, 6, 2))
    h = layers.SeparableConv2D(4, 3, activation="swish")(inputs)
    h = layers.PReLU()(layers.DepthwiseConv2D(2)(h))
    return inputs, layers.Dense(2)(layers.GlobalMaxPooling2D()(h))


def recurrent(kind):
    inputs = keras.Input((4, 3))
    return inputs, layers.Dense(1)(kind(3)(inputs))


def two_inputs():
    a, b = keras.Input((3,)), keras.Input((2,))
    shared = layers.Dense(3, activation="tanh")
    return [a, b], layers.Dense(1)(layers.Concatenate()([shared(a), shared(layers.Dense(3)(b))]))


def nested():
    inner = keras.Sequential([layers.Dense(4, activation="tanh"), layers.RMSNormalization()])
    inputs = keras.Input((3,))
    return inputs, [layers.Dense(1)(inner(inputs))]


class Own(SecondOrderModel):
    """A model with a `call` of its own, a part of it never used."""

    def __init__(self, **options):
        super().__init__(**options)
        self.first = layers.Dense(4, activation="tanh")
        self.last = layers.Dense(2)

    def call(self, x, training=None):
        return self.last(self.first(x)) * (2.0 if training else 1.0)


KINDS = {
    "embedding": embedding,
    "masked embedding": masked_embedding,
    "transformer": transformer,
    "nearest U-Net": lambda: u_net("nearest"),
    "transposed U-Net": transposed_u_net,
    "separable": separable,
    "LSTM": lambda: recurrent(layers.LSTM),
    "GRU": lambda: recurrent(layers.GRU),
    "two inputs": two_inputs,
    "nested": nested,
}


def built(kind, **options):
    model = SecondOrderModel(*KINDS[kind](), **options)
    model.compile(optimizer=SQGN(), loss=keras.losses.MeanSquaredError(dtype="float64"))
    return model


def examples_for(model, samples=6):
    rng = np.random.default_rng(0)

    def draw(tensor):
        shape = (samples, *tensor.shape[1:])
        return rng.integers(0, 7, shape) if "int" in tensor.dtype else rng.normal(size=shape)

    x = keras.tree.map_structure(draw, model.inputs if len(model.inputs) > 1 else model.inputs[0])
    return x, rng.normal(size=(samples, *model.outputs[0].shape[1:]))


def by_definition(model, x, y, s):
    """Keras's own loss and gradient, and `J'HJ s` for the mean square error, with Js a difference quotient.

    Of fourth order, with steps of 2e-5 in float64: truncation and rounding are near 1e-11 each.
    """
    weights = [tf.convert_to_tensor(v) for v in model.trainable_variables]
    fixed = [tf.convert_to_tensor(v) for v in model.non_trainable_variables]

    @tf.function
    def reference(x, y):
        def output(step):
            moved = [w + step * b for w, b in zip(weights, s, strict=True)]
            return keras.tree.flatten(model.stateless_call(moved, fixed, x, training=True)[0])[0]

        with tf.GradientTape() as tape:
            h = keras.tree.flatten(model(x, training=True))[0]
            loss = model.compute_loss(x, y, h)
        with tf.GradientTape() as linear:
            linear.watch(weights)
            h = output(0.0)
        near, far = (output(step) - output(-step) for step in (2e-5, 4e-5))
        HJs = 2.0 * (8.0 * near - far) / 24e-5 / tf.cast(tf.size(h), h.dtype)
        dense = lambda blocks: [tf.convert_to_tensor(b) for b in blocks]  # noqa: E731
        gradient = tape.gradient(loss, [v.value for v in model.trainable_variables])
        return loss, dense(gradient), dense(linear.gradient(h, weights, HJs))

    return reference(x, y)


def ours(model, x, y, s):
    @tf.function
    def passes(x, y):
        w = [tf.convert_to_tensor(v) for v in model.trainable_variables]
        _, loss, g, _ = model.passes.gradient(w, (x, y))
        return loss, g, model.passes.product(w, (x, y), tf.concat([tf.reshape(b, [-1]) for b in s], 0))

    return passes(x, y)


@pytest.mark.parametrize("micro_batch", [None, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_and_product_are_those_of_the_definition(float64, kind, micro_batch):
    keras.utils.set_random_seed(1)
    model = built(kind, micro_batch=micro_batch)
    x, y = keras.tree.map_structure(tf.constant, examples_for(model))
    s = [tf.constant(np.random.default_rng(1).normal(size=v.shape)) for v in model.trainable_variables]
    loss, gradient, product = by_definition(model, x, y, s)
    found = ours(model, x, y, s)
    np.testing.assert_allclose(found[0], loss, rtol=1e-10)
    np.testing.assert_allclose(found[1], flat(gradient), atol=1e-10)
    np.testing.assert_allclose(found[2], flat(product), rtol=1e-8, atol=1e-8 * np.abs(flat(product)).max())
    model.fit(keras.tree.map_structure(np.asarray, x), np.asarray(y), batch_size=3, epochs=2, verbose=0)


@pytest.mark.parametrize("micro_batch", [None, 4])
def test_bilinear_upsampling_joined_with_a_skip_connection(micro_batch):
    """And read by a 1x1 convolution. TensorFlow resizes in float32 alone, so this is no better than 1e-5."""
    keras.utils.set_random_seed(1)
    model = SecondOrderModel(*u_net("bilinear"), micro_batch=micro_batch)
    model.compile(optimizer=SQGN(), loss="mse")
    x, y = (a.astype("float32") for a in examples_for(model))
    s = [np.random.default_rng(1).normal(size=v.shape).astype("float32") for v in model.trainable_variables]
    J = dense_jacobian(model, tf.constant(x))
    expected = 2.0 / y.size * J.T @ (J @ flat(s))
    found = ours(model, tf.constant(x), tf.constant(y), s)[2]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    history = model.fit(x, y, batch_size=3, epochs=10, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("built_before", [False, True])
def test_a_model_with_a_call_of_its_own_trains_and_is_saved(tmp_path, built_before):
    """Also after a model of inputs and outputs, for which Keras changes the bases of the class."""
    inputs = keras.Input((3,))
    SecondOrderModel(inputs, layers.Dense(1)(inputs))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 3)).astype("float32")
    y = (x @ rng.normal(size=(3, 2))).astype("float32")
    model = Own(micro_batch=4)
    if built_before:
        model(x[:1])
    model.compile(optimizer=SQGN(), loss="mse", metrics=["mae"])
    history = model.fit(x, y, batch_size=8, epochs=30, verbose=0).history
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    model.save_weights(tmp_path / "own.weights.h5")
    other = Own()
    other(x[:1])
    other.compile(optimizer=SQGN(), loss="mse")
    other.optimizer.build(other.trainable_variables)
    other.load_weights(tmp_path / "own.weights.h5")
    np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))


def test_an_embedding_learns(float64):
    """Every word's own number, mean square error to nothing: rows that a mini-batch has not do not move it back."""
    x = np.arange(7).repeat(4)[:, None]
    inputs = keras.Input((1,), dtype="int32")
    model = SecondOrderModel(inputs, layers.Flatten()(layers.Embedding(7, 1)(inputs)))
    model.compile(optimizer=SQGN(), loss=keras.losses.MeanSquaredError(dtype="float64"))
    history = model.fit(x, np.sin(x), batch_size=14, epochs=150, verbose=0).history
    assert history["loss"][-1] < 1e-3 * history["loss"][0]


def test_operations_without_second_derivatives_are_refused():
    """Bicubic resizing: TensorFlow has no derivative of its gradient, and says so itself."""
    model = SecondOrderModel(*u_net("bicubic"))
    model.compile(optimizer=SQGN(), loss="mse")
    with pytest.raises(ValueError, match=r"second derivatives.*ResizeBicubicGrad"):
        model.fit(np.zeros((4, 8, 8, 2)), np.zeros((4, 8, 8, 1)), verbose=0)


def test_several_outputs_are_refused():
    class Two(SecondOrderModel):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x), x

    model = Two()
    model.compile(optimizer=SQGN(), loss="mse")
    with pytest.raises(ValueError, match="several outputs"):
        model.fit(np.zeros((4, 1)), np.zeros((4, 1)), verbose=0)


class Counter(layers.Layer):
    """Counts its calls in training, and adds a share of the count to what it is given."""

    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, x, training=None):
        if training:
            self.count.assign_add(1.0)
        return x + 0.01 * self.count


def test_layers_that_keep_state_move_on_once_an_iteration():
    """Two gradients and a product an iteration: they see the same state, and leave the next one."""
    inputs = keras.Input((2,))
    counter = Counter()
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    model = SecondOrderModel(inputs, layers.Dense(1)(counter(inputs)))
    model.compile(optimizer=SQGN(variance_reduction="svrg"), loss="mse")
    model.fit(x, y, batch_size=4, epochs=3, verbose=0)
    assert float(counter.count) == 6.0
    parts = SecondOrderModel(inputs, layers.Dense(1)(Counter()(inputs)), micro_batch=2)
    parts.compile(optimizer=SQGN(), loss="mse")
    with pytest.raises(ValueError, match="keep state in call, in micro-batches"):
        parts.fit(x, y, batch_size=4, verbose=0)
    spectral = SecondOrderModel(inputs, layers.SpectralNormalization(layers.Dense(1))(inputs))
    with pytest.raises(ValueError, match="SpectralNormalization"):
        spectral.compile(optimizer=SQGN(), loss="mse")


def test_constraints_are_honoured():
    """Non-negative weights and a small bias, after every iteration.

    Where a step that is no gradient's is cut off at a bound, the minimum within the bounds is not quite a fixed point
    (Bertsekas 1982): the weights come near it, not to it.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 3)).astype("float32")
    y = (x @ np.array([[1.0], [-1.0], [2.0]])).astype("float32")
    inputs = keras.Input((3,))
    dense = layers.Dense(1, kernel_constraint="non_neg", bias_constraint=keras.constraints.MaxNorm(0.05, axis=0))
    model = SecondOrderModel(inputs, dense(inputs))
    model.compile(optimizer=SQGN(), loss="mse")

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert np.min(dense.kernel) >= 0.0
            assert np.linalg.norm(dense.bias) <= 0.05 + 1e-6

    model.fit(x, y, batch_size=32, epochs=150, verbose=0, callbacks=[Watch()])
    bounds = [0.0, 0.0, 0.0, -0.05], [np.inf, np.inf, np.inf, 0.05]
    best = scipy.optimize.lsq_linear(np.hstack([x, np.ones((32, 1))]), y.ravel(), bounds).x
    np.testing.assert_allclose(flat([dense.kernel, dense.bias]), best, atol=0.05)
