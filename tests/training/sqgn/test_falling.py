"""An alpha that falls to zero: over a number of iterations, or over what `fit` does."""

from __future__ import annotations

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import MSE, flat, tiny_data, tiny_network

from training.sqgn import SQGN, Partition, SecondOrderModel
from training.sqgn.falling import FallingRate
from training.sqgn.keras_private import learning_rate_of


def compiled(optimizer: SQGN) -> SecondOrderModel:
    model = tiny_network()
    model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
    return model


def falls_to_nothing(model: SecondOrderModel) -> bool:
    """Whether alpha is zero now and was not in the iteration before."""
    schedule, k = learning_rate_of(model.optimizer), int(model.optimizer.iterations)
    return float(schedule(k)) == pytest.approx(0.0, abs=1e-6) and float(schedule(k - 1)) > 1e-4


class _Stop(keras.callbacks.Callback):
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        self.model.stop_training = epoch + 1 == self.epoch


class _Break(_Stop):
    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        if epoch == self.epoch:
            raise InterruptedError

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        pass


def test_alpha_falls_along_a_cosine():
    optimizer = SQGN.falling(40, curvature_interval=4)
    schedule, cosine = learning_rate_of(optimizer), keras.optimizers.schedules.CosineDecay(0.3, 40)
    steps = (0, 13, 20, 40, 50)
    assert [float(schedule(step)) for step in steps] == pytest.approx([float(cosine(step)) for step in steps], abs=1e-6)
    config, plain = optimizer.get_config(), SQGN().get_config()
    changed = {"learning_rate", "scale", "max_step", "shrinkage", "curvature_interval"}
    assert {name for name in plain if config[name] != plain[name]} == changed
    assert SQGN.falling(40, 0.1, scale=0.2).scale == 0.2
    assert SQGN.from_config(config).get_config() == optimizer.get_config()


def test_without_a_number_it_falls_over_the_fit(float64):
    """The same weights as with the number; a second fit falls anew."""
    x, y = tiny_data()
    model, told = compiled(SQGN.falling()), compiled(SQGN.falling(15))
    for each in (model, told):
        each.fit(x, y, batch_size=4, epochs=5, shuffle=False, verbose=0)
        assert falls_to_nothing(each)
    assert np.array_equal(flat(model.trainable_variables), flat(told.trainable_variables))
    model.fit(x, y, batch_size=6, epochs=5, verbose=0)
    assert falls_to_nothing(model)
    assert int(model.optimizer.iterations) == 25


def test_an_interrupted_training_goes_on_down_the_same_cosine(float64, tmp_path):
    x, y = tiny_data()
    options = {"batch_size": 4, "epochs": 6, "shuffle": False, "verbose": 0}
    whole, model = compiled(SQGN.falling()), compiled(SQGN.falling())
    whole.fit(x, y, **options)
    model.fit(x, y, callbacks=[_Stop(2)], **options)
    model.save(tmp_path / "m.keras")
    model = keras.models.load_model(tmp_path / "m.keras")
    assert learning_rate_of(model.optimizer).get_config() == {"rate": pytest.approx(0.3), "iterations": None}
    model.fit(x, y, initial_epoch=2, **options)
    assert np.array_equal(flat(model.trainable_variables), flat(whole.trainable_variables))


def test_every_kind_of_training_set_has_a_length():
    x, y = (part.astype("float32") for part in tiny_data())
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)

    class Pairs(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, number: int):
            return x[4 * number : 4 * number + 4], y[4 * number : 4 * number + 4]

    def endless():
        while True:
            yield x[:4], y[:4]

    def fitted(data, **options):
        model = tiny_network()
        model.compile(optimizer=SQGN.falling(), loss="mse")
        model.fit(data, epochs=4, verbose=0, **options)
        return model

    for data in (dataset, Pairs(), Partition.of_arrays(x, y, 4, 0)):
        model = fitted(data)
        assert falls_to_nothing(model)
        assert int(model.optimizer.iterations) == 12
    assert falls_to_nothing(fitted(endless(), steps_per_epoch=5))
    with pytest.raises(ValueError, match=r"SQGN.falling\(iterations\), or steps_per_epoch"):
        fitted((x[:4], y[:4]) for _ in range(3))


def test_a_backup_goes_on_down_the_same_cosine(float64, tmp_path):
    """What it restores it restores within `fit`, and says the epoch then."""
    x, y = tiny_data()
    options = {"batch_size": 4, "epochs": 6, "shuffle": False, "verbose": 0}
    whole = compiled(SQGN.falling())
    whole.fit(x, y, **options)
    for stop in ([_Break(2)], []):
        model = compiled(SQGN.falling())
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
        with contextlib.suppress(InterruptedError):
            model.fit(x, y, callbacks=[backup, *stop], **options)
    np.testing.assert_allclose(flat(model.trainable_variables), flat(whole.trainable_variables), atol=1e-12)


def test_an_epoch_that_was_broken_off_is_over_for_alpha_too(float64):
    """Estimators that know mini-batches by number count them from 0 again: the whole fall is still to come."""
    x, y = tiny_data()
    model = compiled(SQGN.falling(variance_reduction="saga"))
    model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    model.optimizer.iterations.assign(7)
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    assert int(model.optimizer.iterations) == 15
    assert falls_to_nothing(model)
    assert float(learning_rate_of(model.optimizer)(9)) == pytest.approx(0.3)


@pytest.mark.parametrize(("iterations", "rate"), [(0, 0.3), (-5, 0.3), (0.1, 0.3), (10, -0.3)])
def test_what_cannot_fall_is_refused(iterations, rate):
    with pytest.raises(ValueError, match="FallingRate"):
        SQGN.falling(iterations, rate)


def test_with_another_optimizer_the_number_must_be_given():
    x, y = tiny_data()
    model = tiny_network()
    model.compile(optimizer=keras.optimizers.Adam(FallingRate(0.1)), loss="mse")
    with pytest.raises(ValueError, match="pass them to FallingRate"):
        model.fit(x, y, verbose=0)


def test_outside_of_fit_the_number_must_be_given():
    x, y = tiny_data()
    model = tiny_network()
    model.compile(optimizer=SQGN.falling(), loss="mse")
    assert float(model.optimizer.learning_rate) == pytest.approx(0.3)
    with pytest.raises(ValueError, match=r"pass them to FallingRate"):
        model.train_on_batch(x, y)
    model.compile(optimizer=SQGN.falling(2), loss="mse")
    for _ in range(2):
        model.train_on_batch(x, y)
    assert falls_to_nothing(model)
