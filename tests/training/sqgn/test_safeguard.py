"""The safeguard takes back what a step has ruined, and nothing else: rare samples, other weights, harder data."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import MSE, flat, tiny_data, tiny_network

from training.sqgn import SQGN, Partition, SecondOrderModel


def classifier(seed=0, **options):
    inputs = keras.Input((4,))
    initial = (keras.initializers.GlorotUniform(seed=seed + i) for i in range(2))
    h = keras.layers.Dense(8, activation="relu", kernel_initializer=next(initial))(inputs)
    h = keras.layers.Dense(1, activation="sigmoid", kernel_initializer=next(initial))(h)
    model = SecondOrderModel(inputs, h)
    model.compile(optimizer=SQGN(**options), loss="binary_crossentropy")
    return model


def advance(optimizer, g, loss, kept_loss=1.0):
    w = [tf.convert_to_tensor(v) for v in optimizer._trainable_variables]
    loss, kept_loss = (tf.constant(a, tf.float64) for a in (loss, kept_loss))
    return optimizer.advance(tf.constant(4), loss, w, g, None, kept_loss).numpy()


def rare_positives(samples=3000):
    """One sample of a hundred is positive, three deviations away from the others."""
    rng = np.random.default_rng(0)
    y = (np.arange(samples) % 100 == 0).astype("float32")
    return (rng.normal(size=(samples, 4)) + 3.0 * y[:, None]).astype("float32"), y


@pytest.mark.parametrize("batch_size", [16, 32])
def test_a_mini_batch_with_a_rare_sample_is_learned_from(batch_size):
    """Its loss is far above the usual one, and would be so at any weights: as well as without the safeguard."""
    x, y = rare_positives()
    recalls = []
    for safeguard in (True, False):
        model = classifier(safeguard=safeguard)
        history = model.fit(Partition.of_arrays(x, y, batch_size, seed=4), epochs=6, verbose=0).history
        recalls.append(np.mean(model.predict(x[y > 0.0], verbose=0) > 0.5))
        assert sum(history["rollbacks"]) == 0
    assert recalls[0] > 0.8
    assert recalls[0] > recalls[1] - 0.1


def test_weights_that_were_set_stay(float64):
    """Cross-validation: the next training begins at them, with nothing of the one before but its iteration count."""
    x, y = tiny_data(24)
    model = tiny_network()
    model.compile(optimizer=SQGN(), loss=MSE(dtype="float64"))
    start = model.get_weights()
    model.fit(x, y, batch_size=4, epochs=20, verbose=0)
    trained = flat(model.trainable_variables)
    model.set_weights(start)
    model.fit(x, y + 30.0, batch_size=24, epochs=1, verbose=0)
    moved = np.linalg.norm(flat(model.trainable_variables) - flat(start))
    assert 0.0 < moved <= 1.0 + 1e-9
    assert np.linalg.norm(flat(model.trainable_variables) - trained) > 1.0
    assert int(model.optimizer.pairs.written) == 1
    assert int(model.optimizer.pairs.initial.seen) == 1
    again = model.fit(x, y + 30.0, batch_size=4, epochs=20, verbose=0).history
    assert sum(again["rollbacks"]) == 0
    assert int(model.optimizer.pairs.written) == 121


@pytest.mark.parametrize("kind", ["none", "momentum", "svrg", "cached", "saga", "storm"])
def test_each_estimator_begins_anew_at_weights_that_were_set(float64, kind):
    """One mini-batch of everything: the first step from them is along the gradient there, whatever came before."""
    x, y = tiny_data()
    model = tiny_network()
    options = {"scaling": "common", "max_step": None, "learning_rate": 1e-3, "curvature_fraction": 1.0}
    model.compile(optimizer=SQGN(variance_reduction=kind, **options), loss=MSE(dtype="float64"))
    start = model.get_weights()
    model.fit(x, y, batch_size=12, epochs=10, verbose=0)
    model.set_weights(start)
    data = Partition.of_arrays(x, -y, 12)
    model.fit(data, epochs=1, verbose=0)
    fresh = tiny_network()
    fresh.compile(optimizer=SQGN(variance_reduction=kind, first_step=1e-3, **options), loss=MSE(dtype="float64"))
    fresh.fit(data, epochs=1, verbose=0)
    np.testing.assert_allclose(flat(model.trainable_variables), flat(fresh.trainable_variables), atol=1e-12)


def test_a_training_that_goes_on_does_not_begin_anew(float64, tmp_path):
    """Two epochs, a file, and two more: pairs and limit are those of four epochs."""
    x, y = tiny_data()
    model = tiny_network()
    model.compile(optimizer=SQGN(), loss=MSE(dtype="float64"))
    for _ in range(2):
        model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    assert int(model.optimizer.pairs.written) == 12
    model.save_weights(tmp_path / "w.weights.h5")
    model.load_weights(tmp_path / "w.weights.h5")
    model.fit(x, y, batch_size=4, epochs=1, verbose=0)
    assert int(model.optimizer.pairs.written) == 15


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "float64"])
def test_a_training_goes_on_in_any_precision_of_its_weights(precision):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        x, y = tiny_data()
        model = tiny_network()
        model.compile(optimizer=SQGN(), loss="mse")
        losses = [model.fit(x, y, batch_size=4, epochs=3, verbose=0).history["loss"][-1] for _ in range(2)]
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.trainable_variables[0].dtype == precision
    assert np.isfinite(losses).all()
    assert int(model.optimizer.iterations) == 18


def test_a_gradient_that_is_no_number_is_not_blamed_on_the_step(float64):
    """Its loss is a number, and a usual one: the limit is halved, whatever the step's length, and the pairs stay."""
    x, y = tiny_data(24)
    model = tiny_network()
    model.compile(optimizer=SQGN(), loss=MSE(dtype="float64"))
    model.fit(x, y, batch_size=4, epochs=5, verbose=0)
    optimizer, pairs = model.optimizer, int(model.optimizer.pairs.written)
    optimizer.guard.limit.assign(2.0)
    broken = tf.fill([flat(model.trainable_variables).size], tf.constant(np.nan, tf.float64))
    for limit in (1.0, 0.5):
        assert not advance(optimizer, broken, 0.1, 0.1).any()
        assert float(optimizer.guard.limit) == pytest.approx(limit)
    assert int(optimizer.pairs.written) == pairs > 0


def test_harder_data_are_learned():
    """A second `fit` on targets whose loss is hundreds of times the usual one: no step is taken back."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    inputs = keras.Input((4,))
    model = SecondOrderModel(inputs, keras.layers.Dense(1)(inputs))
    model.compile(optimizer=SQGN(), loss="mse")
    model.fit(x, x[:, :1], batch_size=16, epochs=30, verbose=0)
    history = model.fit(x, 10.0 * x[:, 1:2] - 20.0, batch_size=16, epochs=30, verbose=0).history
    assert sum(history["rollbacks"]) == 0
    assert history["loss"][-1] < 0.1 * history["loss"][0]


def test_weights_that_were_ruined_are_taken_back(float64):
    """A step thrown far off by a callback's limit: the next mini-batch says so, and the weights before return."""
    x, y = tiny_data(24)
    model = tiny_network()
    model.compile(optimizer=SQGN(max_step=None), loss=MSE(dtype="float64"))
    model.fit(x, y, batch_size=4, epochs=5, verbose=0)
    optimizer = model.optimizer
    optimizer.learning_rate = 1e4
    model.fit(x[:4], y[:4], batch_size=4, epochs=1, verbose=0)
    kept = flat(optimizer.guard.kept)
    ruined = flat(model.trainable_variables)
    optimizer.learning_rate = 0.1
    history = model.fit(x[4:8], y[4:8], batch_size=4, epochs=1, verbose=0).history
    assert history["rollbacks"] == [1.0]
    np.testing.assert_array_equal(flat(model.trainable_variables), kept)
    assert np.linalg.norm(ruined - kept) > 10.0
    assert int(optimizer.pairs.written) == 0


def test_after_a_ruin_the_next_step_is_half_as_long_and_the_pairs_stay(float64):
    """However far above it the limit was; where that cannot be, the pairs are no guide and are forgotten."""
    x, y = tiny_data(24)
    model = tiny_network()
    model.compile(optimizer=SQGN(max_step=1.0), loss=MSE(dtype="float64"))
    model.fit(x, y, batch_size=4, epochs=5, verbose=0)
    optimizer, pairs = model.optimizer, int(model.optimizer.pairs.written)
    assert pairs > 0
    g = tf.ones(flat(model.trainable_variables).size, tf.float64)
    optimizer.guard.limit.assign(0.2)
    kept = flat(model.trainable_variables)
    assert np.linalg.norm(advance(optimizer, 1e6 * g, 0.1)) == pytest.approx(0.2 * 1.05, rel=0.05)
    departed = np.linalg.norm(flat(model.trainable_variables) - kept)
    optimizer.guard.limit.assign(3.0)
    assert not advance(optimizer, g, 1e6).any()
    np.testing.assert_allclose(flat(model.trainable_variables), kept, atol=1e-12)
    assert float(optimizer.guard.limit) == pytest.approx(departed / 2)
    assert int(optimizer.pairs.written) == pairs

    optimizer.guard.limit.assign(1.0 / 30.0)
    advance(optimizer, 1e6 * g, 0.1)
    assert not advance(optimizer, g, 1e6).any()
    assert float(optimizer.guard.limit) == pytest.approx(1.0 / 30.0)
    assert int(optimizer.pairs.written) == 0


def test_a_slow_explosion_is_caught(float64):
    """A loss that grows by less than ten times an iteration is held against the last weights that were not doubted."""
    model = tiny_network()
    optimizer = SQGN()
    model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
    optimizer.build(model.trainable_variables)
    g = tf.ones(flat(model.trainable_variables).size, tf.float64)

    for _ in range(5):
        advance(optimizer, g, 1.0)
    advance(optimizer, g, 5.0, 1.0)
    advance(optimizer, g, 25.0, 5.0)
    advance(optimizer, g, 125.0, 5.0)
    assert optimizer.diagnostics.report()["rollbacks"] == 1.0
    np.testing.assert_array_equal(flat(model.trainable_variables), flat(optimizer.guard.kept))
