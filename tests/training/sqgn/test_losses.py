"""Losses, weights and penalties: Hessians by automatic differentiation, gradients by Keras itself, in float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import dense_jacobian, dense_output_hessian, flat, tiny_data, tiny_network

from training.sqgn import SQGN, PseudoHuber, SecondOrderModel
from training.sqgn.losses import loss_hessian
from training.sqgn.vectors import vector_of

L2 = keras.regularizers.L2


@pytest.mark.parametrize(
    "loss",
    [PseudoHuber(dtype="float64"), PseudoHuber(0.1, dtype="float64"), keras.losses.Poisson(dtype="float64"),
     keras.losses.MeanSquaredError(dtype="float64")],
    ids=["pseudo-Huber", "pseudo-Huber 0.1", "Poisson", "mean square"],
)  # fmt: skip
def test_the_hessian_is_that_of_the_loss(float64, loss):
    """Images as outputs, (n, 3, 4); residuals small and large; positive as Poisson wants them."""
    rng = np.random.default_rng(0)
    y, h, z = (rng.exponential(size=(5, 3, 4)) for _ in range(3))
    h[0] = y[0] + 1e-6
    h[1] += 100.0
    expected = dense_output_hessian(loss, tf.constant(y), h) @ z.ravel()
    found = loss_hessian(loss)(tf.constant(y), tf.constant(h), tf.constant(z))
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-9, atol=1e-14)


def test_the_kl_divergence_of_a_softmax_has_the_hessian_of_its_logits(float64):
    """Labels that are probabilities: KL and cross-entropy differ by a constant, and share J'HJ."""
    rng = np.random.default_rng(0)
    labels = rng.dirichlet(np.ones(3), 12)
    products = []
    for activation, loss in (
        ("softmax", keras.losses.KLDivergence(dtype="float64")),
        (None, keras.losses.CategoricalCrossentropy(from_logits=True, dtype="float64")),
    ):
        model = tiny_network(activation=activation)
        products.append(product(model, loss, tiny_data()[0], labels))
    np.testing.assert_allclose(products[0], products[1], rtol=1e-8)


def product(model, loss, x, y, weight=None):
    model.compile(optimizer=SQGN(), loss=loss)
    s = vector_of([np.random.default_rng(1).normal(size=v.shape) for v in model.trainable_variables])

    @tf.function
    def run(*data):
        return model.passes.product([tf.convert_to_tensor(v) for v in model.trainable_variables], data, s)

    return run(*map(tf.constant, (x, y) if weight is None else (x, y, weight))).numpy()


def test_pseudo_huber_is_square_for_small_residuals_and_absolute_for_large_ones(tmp_path):
    """Also to float32's precision at residuals of 1e-4, where sqrt(1 + t) - 1 has no digit left."""
    loss = PseudoHuber(2.0)
    residual = np.float32(1e-4)
    of = lambda *residuals: float(loss(np.zeros((1, len(residuals))), np.array([residuals])))  # noqa: E731
    assert of(residual) == pytest.approx(residual**2 / 2.0, rel=1e-6)
    assert of(1e4) == pytest.approx(2.0 * 1e4, rel=1e-3)
    assert of(1.0, 2.0) == pytest.approx(4.0 * np.mean(np.sqrt([1.25, 2.0]) - 1.0))
    inputs = keras.Input((1,))
    model = SecondOrderModel(inputs, keras.layers.Dense(1)(inputs))
    model.compile(optimizer=SQGN(), loss=PseudoHuber(0.5))
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").loss.delta == 0.5
    with pytest.raises(ValueError, match="delta"):
        PseudoHuber(0.0)


def test_an_outlier_does_not_pull_a_robust_fit():
    """A line through points of which one is wild: the mean square error misses it, PseudoHuber does not."""
    x = np.linspace(-1.0, 1.0, 40, dtype="float32")[:, None]
    y = 2.0 * x
    y[5] = 60.0
    slopes = []
    for loss in ("mse", PseudoHuber(0.1)):
        inputs = keras.Input((1,))
        model = SecondOrderModel(inputs, keras.layers.Dense(1, kernel_initializer="ones")(inputs))
        model.compile(optimizer=SQGN(), loss=loss)
        model.fit(x, y, batch_size=20, epochs=150, verbose=0)
        slopes.append(float(model.trainable_variables[0][0, 0]))
    assert abs(slopes[0] - 2.0) > 0.5
    assert abs(slopes[1] - 2.0) < 0.05


def sequence_network(**options):
    inputs = keras.Input((4, 2))
    return SecondOrderModel(inputs, keras.layers.Dense(3)(inputs), **options)


CASES = {
    "weights": ({}, (12,)),
    "weights (n, 1)": ({}, (12, 1)),
    # Factors that float32 holds exactly: Keras casts them through it.
    "L2": ({"kernel_regularizer": L2(0.25), "bias_regularizer": keras.regularizers.L1L2(l2=0.125)}, None),
    "both": ({"kernel_regularizer": L2(0.5)}, (12,)),
}


@pytest.mark.parametrize("micro_batch", [None, 5])
@pytest.mark.parametrize("case", CASES)
def test_weights_and_penalties(float64, case, micro_batch):
    """Gradient: that of Keras's `compute_loss`. Product: `J'HJ s + 2 c s`, H of Keras's weighted loss."""
    layer, shape = CASES[case]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 4)), rng.normal(size=(12, 3))
    weight = None if shape is None else rng.exponential(size=shape)
    inputs = keras.Input((4,))
    h = keras.layers.Dense(3, activation="tanh", **layer)(inputs)
    model = SecondOrderModel(inputs, keras.layers.Dense(3)(h), micro_batch=micro_batch)
    agrees_with_keras(model, x, y, weight)


@pytest.mark.parametrize("shape", [(6, 1), (6, 4)])
def test_weights_of_time_steps(float64, shape):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4, 2)), rng.normal(size=(6, 4, 3))
    agrees_with_keras(sequence_network(), x, y, rng.exponential(size=shape))


def agrees_with_keras(model, x, y, weight):
    loss = keras.losses.MeanSquaredError(dtype="float64")
    v = product(model, loss, x, y, weight)
    data = [tf.constant(a) for a in (x, y, weight) if a is not None]

    @tf.function
    def ours():
        w = [tf.convert_to_tensor(v) for v in model.trainable_variables]
        return model.passes.gradient(w, tuple(data))[1:3]

    @tf.function
    def keras_s():
        with tf.GradientTape() as tape:
            value = model.compute_loss(data[0], data[1], model(data[0]), *data[2:])
        return value, tape.gradient(value, [v.value for v in model.trainable_variables])

    (value, g), (expected, gradient) = ours(), keras_s()
    assert float(value) == pytest.approx(float(expected), rel=1e-12)
    np.testing.assert_allclose(g, flat(gradient), atol=1e-12)
    J, h = dense_jacobian(model, data[0]), model(data[0]).numpy()
    H = dense_output_hessian(lambda y, h: loss(y, h, *data[2:]), data[1], h)
    s = np.concatenate([np.random.default_rng(1).normal(size=v.shape).ravel() for v in model.trainable_variables])
    c = [0.0 if v.regularizer is None else float(v.regularizer.l2) for v in model.trainable_variables]
    c = np.repeat(c, [int(np.prod(v.shape)) for v in model.trainable_variables])
    np.testing.assert_allclose(v, J.T @ (H @ (J @ s)) + 2.0 * c * s, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", ["binary_crossentropy", "mse", keras.losses.BinaryCrossentropy()], ids=str)
def test_targets_without_the_axis_of_the_output(loss):
    """y of shape (n,) for an output (n, 1), as Keras takes it, by name or as an object."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype("float32")
    y = (x[:, 0] > 0.0).astype("float32")
    ends = []
    for targets in (y, y[:, None]):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((3,))
        model = SecondOrderModel(inputs, keras.layers.Dense(1, activation="sigmoid")(inputs))
        model.compile(optimizer=SQGN(), loss=loss, metrics=["accuracy"])
        history = model.fit(x, targets, batch_size=10, epochs=10, verbose=0).history
        ends.append(np.append(flat(model.trainable_variables), history["accuracy"][-1]))
    np.testing.assert_array_equal(ends[0], ends[1])
    assert ends[0][-1] > 0.9


def test_what_has_no_plain_matrix_is_refused():
    inputs = keras.Input((3,))
    model = SecondOrderModel(inputs, keras.layers.Dense(1)(inputs))
    for loss in ("mae", "huber", "hinge", "log_cosh"):
        with pytest.raises(ValueError, match="Hessian of the loss"):
            model.compile(optimizer=SQGN(), loss=loss)
    model.compile(optimizer=SQGN(), loss=keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"))
    x, y = np.ones((4, 3)), np.ones((4, 1))
    model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="mean_with_sample_weight"):
        model.fit(x, y, sample_weight=np.ones(4), verbose=0)
    with pytest.raises(ValueError, match="one loss"):
        model.compile(optimizer=SQGN(), loss=["mse", "mse"])
