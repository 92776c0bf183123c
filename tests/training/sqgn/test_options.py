"""SQGN among Keras's optimizers: schedules, weight decay, moving averages, its configuration, and what it refuses."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import MSE, flat, tiny_data, tiny_network, train

from training.sqgn import SQGN, Partition, SecondOrderModel
from training.sqgn.diagnostics import Diagnostics
from training.sqgn.keras_private import learning_rate_of


def test_every_hyper_parameter_is_in_the_configuration():
    changed = {
        "learning_rate": 0.2, "history": 7, "regularization": 0.3, "curvature_interval": 2, "curvature_fraction": 0.5,
        "variance_reduction": "storm", "full_gradient_interval": 3, "first_step": 1e-3, "max_step": 2.0,
        "scaling": "common", "safeguard": False, "batches_per_epoch": 5, "name": "other", "gradient_weight": 0.25,
        "scale": 0.2, "floor": 0.02, "window": 50, "explosion": 20.0, "growth": 1.1, "shrinkage": 0.4,
        "history_dtype": "bfloat16", "weight_decay": 0.01, "use_ema": True, "ema_momentum": 0.9,
    }  # fmt: skip
    optimizer = SQGN.from_config(SQGN(**changed).get_config())
    config = optimizer.get_config()
    assert set(config) == set(changed)
    for name, value in changed.items():
        assert config[name] == pytest.approx(value) if isinstance(value, float) else config[name] == value, name
    assert SQGN(**SQGN.reference().get_config()).get_config() == SQGN.reference().get_config()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("history", 2.5, "history=2.5"), ("curvature_interval", 1.5, "curvature_interval=1.5"),
        ("full_gradient_interval", 2.0, "full_gradient_interval=2.0"), ("history_dtype", "int8", "history_dtype"),
        ("explosion", 1.0, "explosion"), ("growth", 0.9, "growth"), ("shrinkage", 0.0, "shrinkage"),
        ("scale", 0.0, "scale"),
        ("weight_decay", -0.1, "weight_decay"), ("gradient_weight", 2.0, "gradient_weight"),
        ("clipnorm", 1.0, "does not support clipnorm: max_step"),
        ("clipvalue", 1.0, "does not support clipvalue: max_step"),
        ("global_clipnorm", 1.0, "does not support global_clipnorm: max_step"),
        ("gradient_accumulation_steps", 2, r"gradient_accumulation_steps: SecondOrderModel\(micro_batch"),
        ("loss_scale_factor", 2.0, "does not support loss_scale_factor"),
        ("ema_overwrite_frequency", 5, "does not support ema_overwrite_frequency"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_or_does_not_fit_is_named(option, value, message):
    with pytest.raises(ValueError, match=message):
        SQGN(**{option: value})
    SQGN(clipnorm=None)


def test_unknown_arguments_and_weights_of_estimators_without_one_are_refused():
    with pytest.raises(TypeError, match="no argument 'momentum'"):
        SQGN(momentum=0.9)
    with pytest.raises(ValueError, match="no gradient_weight"):
        SQGN(variance_reduction="svrg", gradient_weight=0.5)
    assert SQGN(gradient_weight=0.25).estimator.a == 0.25
    assert (SQGN().estimator.a, SQGN(variance_reduction="storm").estimator.a) == (0.5, 0.1)


def test_schedules_decay_the_steps_and_are_saved(tmp_path):
    """alpha of each iteration is the schedule's; a loaded model goes on at the iteration it was saved at."""
    x, y = (a.astype("float32") for a in tiny_data())
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 24)

    def sqgn():
        return SQGN(learning_rate=schedule, weight_decay=0.1, max_step=None)

    whole, _ = train(sqgn(), 8, data=(x, y), loss="mse")
    half, _ = train(sqgn(), 4, data=(x, y), loss="mse")
    half.save(tmp_path / "half.keras")
    loaded = keras.saving.load_model(tmp_path / "half.keras")
    assert isinstance(learning_rate_of(loaded.optimizer), keras.optimizers.schedules.CosineDecay)
    assert float(loaded.optimizer.learning_rate) == pytest.approx(0.05)
    loaded.fit(Partition.of_arrays(x, y, 4), epochs=4, verbose=0)
    np.testing.assert_array_equal(flat(loaded.trainable_variables), flat(whole.trainable_variables))
    end = flat(whole.trainable_variables)
    whole.fit(Partition.of_arrays(x, y, 4), epochs=2, verbose=0)
    np.testing.assert_array_equal(flat(whole.trainable_variables), end)  # after the schedule's end alpha is 0


def test_weight_decay_stands_beside_the_step(float64):
    """Twins, one with decay: after an iteration they differ by alpha decay w, and their pair is the same but for G's w.

    Of the bias, which is left out, they do not differ.
    """
    x, y = tiny_data()
    ends, pairs = [], []
    for decay in (None, 0.3):
        model = tiny_network()
        optimizer = SQGN(weight_decay=decay, max_step=None)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
        start = model.get_weights()
        model.fit(x, y, batch_size=12, epochs=1, verbose=0)
        ends.append(model.get_weights())
        pairs.append(np.array(optimizer.pairs.steps[0]))
    for variable, w, plain, decayed in zip(model.trainable_variables, start, *ends, strict=True):
        shrunk = 0.0 if variable.name == "bias" else 0.1 * 0.3
        np.testing.assert_allclose(plain - decayed, shrunk * w, atol=1e-12)
    np.testing.assert_array_equal(pairs[0], pairs[1])
    assert not optimizer.guard.is_elsewhere(model.trainable_variables)


def test_a_moving_average_of_the_weights_takes_their_place_at_the_end(float64):
    """That of the weights after each iteration, begun with the first; the next `fit` begins anew at it."""
    x, y = tiny_data()
    model = tiny_network()
    optimizer = SQGN(use_ema=True, ema_momentum=0.7)
    model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(flat(self.model.trainable_variables))

    model.fit(x, y, batch_size=4, epochs=3, verbose=0, callbacks=[Watch()])
    average = seen[0]
    for w in seen[1:]:
        average = 0.7 * average + 0.3 * w
    np.testing.assert_allclose(flat(model.trainable_variables), average, rtol=1e-12)
    model.fit(x, y, batch_size=4, epochs=1, verbose=0)
    assert int(optimizer.pairs.written) == 3


def test_averages_are_exchanged_for_each_validation(float64):
    """Keras's SwapEMAWeights: at an epoch's end the averages are scored, and the training goes on where it was."""
    x, y = tiny_data()
    model = tiny_network()
    model.compile(optimizer=SQGN(use_ema=True, ema_momentum=0.9), loss=MSE(dtype="float64"))
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    model.fit(x, y, batch_size=4, epochs=3, verbose=0, callbacks=[swap])
    assert int(model.optimizer.pairs.written) == 9


def test_a_model_is_compiled_by_name_or_configuration_and_cloned():
    x, y = (a.astype("float32") for a in tiny_data())
    for optimizer in ("sqgn", "SQGN", keras.optimizers.serialize(SQGN(history=3))):
        model = tiny_network()
        model.compile(optimizer=optimizer, loss="mse")
        assert isinstance(model.optimizer, SQGN)
        model.fit(x, y, verbose=0)
        clone = keras.models.clone_model(model)
        assert isinstance(clone, SecondOrderModel)
        clone.compile(optimizer=SQGN(), loss="mse")
        clone.fit(x, y, verbose=0)


def test_lambda_is_not_rounded(float64):
    """v = lambda s where there is no curvature: to the last digit of float64."""
    model = tiny_network()
    optimizer = SQGN(regularization=0.1)
    model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
    optimizer.build(model.trainable_variables)
    s = np.random.default_rng(0).normal(size=flat(model.trainable_variables).size)
    optimizer.learn_curvature(tf.constant(True), tf.constant(s), tf.zeros_like(s))
    np.testing.assert_array_equal(optimizer.pairs.products[0], 0.1 * s)


@pytest.mark.parametrize("interval", [1, 4, 1000])
def test_the_curvature_that_is_logged_is_that_of_the_pairs(float64, interval):
    """s'v / s's of each pair that was made, their mean, whatever M; 0 in an epoch without pairs."""
    x, y = tiny_data()
    pairs = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            history = self.model.optimizer.pairs
            if int(history.written) > len(pairs):
                s, v = (np.array(m[len(pairs)]) for m in (history.steps, history.products))
                pairs.append((s @ v) / (s @ s))

    optimizer = SQGN(curvature_interval=interval)
    _, history = train(optimizer, 2, data=(x, y), size=2, callbacks=[Watch()])
    first = -(-6 // interval)
    assert history["curvature"][0] == pytest.approx(np.mean(pairs[:first]), rel=1e-12)
    assert history["curvature"][1] == pytest.approx(np.mean(pairs[first:]) if pairs[first:] else 0.0, rel=1e-12)


def test_a_misspelled_diagnostic_is_an_error():
    diagnostics = Diagnostics(lambda shape, dtype, name: keras.Variable(np.zeros(shape), dtype=dtype))
    diagnostics.note(gamma=2.0)
    diagnostics.note(tf.constant(False), gamma=np.nan)
    diagnostics.note(gamma=4.0, rollbacks=True)
    assert diagnostics.report()["gamma"] == 3.0
    assert diagnostics.report()["rollbacks"] == 1.0
    with pytest.raises(TypeError, match="no diagnostic gama"):
        diagnostics.note(gama=1.0)
