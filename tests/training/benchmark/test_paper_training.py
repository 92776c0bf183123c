"""Trainings for the paper's tables: they are followed, go on where they were killed, and end when they diverge."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from data_gen.errors import DataError
from training.benchmark import cost as cost_module
from training.benchmark import curve as curve_module
from training.benchmark.cost import TRACED, in_turn, period
from training.benchmark.curve import Follow, follow
from training.benchmark.paper import MNIST, TOMOGRAPHY
from training.benchmark.reproduction import predictions_file
from training.benchmark.trainings import time_on_mnist, train_on_mnist, train_on_survey
from training.optimizers import OPTIMIZERS, make_optimizer
from training.sqgn import SQGN, Partition, SecondOrderModel

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 3)).astype(np.float32), RNG.normal(size=(24, 1)).astype(np.float32)


def small(optimizer) -> tuple[SecondOrderModel, Partition]:
    """A network of 16 weights and six mini-batches, which an epoch of two iterations is a part of."""
    inputs = keras.Input((3,))
    layers = [keras.layers.Dense(n, a, kernel_initializer=keras.initializers.GlorotUniform(n)) for n, a in SIZES]
    model = SecondOrderModel(inputs, layers[1](layers[0](inputs)))
    model.compile(optimizer=optimizer, loss="mse")
    return model, Partition.of_arrays(X, Y, 4)


SIZES = ((3, "tanh"), (1, None))


def weights(model) -> np.ndarray:
    return np.concatenate([np.ravel(v) for v in model.trainable_variables])


def score(model) -> tuple[float, float]:
    return float(np.mean((model(X) - Y) ** 2)), 0.5


def followed(optimizer, folder, epochs=5, **options):
    model, partition = small(optimizer)
    return model, follow(model, partition, score, epochs, 2, folder / "training.npz", {"seed": 0}, **options)


def test_an_epoch_is_a_part_of_the_data_and_cached_still_gives_svrg_s_iterates(tmp_path):
    found = {}
    for kind in ("svrg", "cached"):
        optimizer = SQGN.reference(variance_reduction=kind, full_gradient_interval=3)
        found[kind], row = followed(optimizer, tmp_path)
        assert int(optimizer.iterations) == 10
        assert len(row["loss"]) == 5
        assert row["iterations"] == 2
        assert row["loss"][-1] == pytest.approx(score(found[kind])[0], rel=1e-5)
    np.testing.assert_allclose(weights(found["cached"]), weights(found["svrg"]), atol=1e-5)


def test_a_training_that_was_killed_goes_on(tmp_path, monkeypatch):
    whole, expected = followed(SQGN(), tmp_path, epochs=9)
    monkeypatch.setattr(curve_module, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    monkeypatch.setattr(curve_module, "SHARE_OF_CHECKPOINTS", np.inf)
    saved = []

    def killed(watch):
        save(watch)
        saved.append(len(watch.curve.loss))
        if len(saved) == 2:
            raise KeyboardInterrupt

    save = Follow.save
    monkeypatch.setattr(Follow, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        followed(SQGN(), tmp_path, epochs=9)
    monkeypatch.setattr(Follow, "save", save)
    model, row = followed(SQGN(), tmp_path, epochs=9)
    assert saved == [3, 6]
    np.testing.assert_allclose(weights(model), weights(whole), rtol=1e-5)
    np.testing.assert_allclose(row["loss"], expected["loss"], rtol=1e-5)
    with pytest.raises(DataError, match="of another training"):
        follow(*small(SQGN()), score, 9, 2, tmp_path / "training.npz", {"seed": 1})
    (tmp_path / "training.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="cannot be read"):
        followed(SQGN(), tmp_path)


def test_a_training_that_diverges_ends(tmp_path):
    model, partition = small(keras.optimizers.SGD(0.1))
    losses = iter([1.0, np.nan, 2.0])
    row = follow(model, partition, lambda model: (next(losses), 0.1), 9, 2, tmp_path / "c.npz", {})
    assert row["loss"] == [1.0, None]


@pytest.mark.parametrize("experiment", [MNIST, TOMOGRAPHY], ids=lambda experiment: experiment.name)
def test_every_training_can_be_made(experiment):
    for training in experiment.trainings.values():
        made = make_optimizer(training.optimizer, training.rate, **training.options)
        assert OPTIMIZERS[training.optimizer].second_order <= isinstance(made, SQGN)


def test_a_training_on_digits(digits, tmp_path):
    training = replace(MNIST.trainings["adam"], batch_size=20)
    found = train_on_mnist(training, 0, 2, 4, digits, False, tmp_path / "c.npz")
    assert len(found["loss"]) == 2
    assert 0 <= found["score"][-1] <= 1
    assert found["gradients_per_iteration"] == 1.0


def test_iterations_are_timed_in_turn(digits, monkeypatch):
    monkeypatch.setattr(cost_module, "ROUNDS", 2)
    trainings = {name: replace(MNIST.trainings[name], batch_size=20) for name in ("adam", "sqgn-reference")}
    found = time_on_mnist(trainings, digits, False)["seconds_per_iteration"]
    assert list(found) == list(trainings)
    assert all(len(seconds) == 2 for seconds in found.values())
    assert 0 < max(found["adam"]) < min(found["sqgn-reference"]) < 10


def test_a_turn_is_whole_intervals_of_at_least_a_second():
    asked = []

    def timer(iterations: int) -> float:
        asked.append(iterations)
        return 0.04

    found = in_turn([timer], [10], seconds=1.0)
    assert found == [[0.04] * cost_module.ROUNDS]
    assert asked == [TRACED, 2 * TRACED, *[30] * cost_module.ROUNDS]


def test_a_period_is_from_one_full_gradient_or_pair_to_the_next():
    assert period(keras.optimizers.Adam(), 60) == 1
    assert period(SQGN(curvature_interval=4), 60) == 4
    assert period(SQGN.reference(full_gradient_interval=10, curvature_interval=4), 60) == 20
    assert period(SQGN.reference(variance_reduction="cached"), 8) == 8


def test_a_training_on_a_survey_keeps_some_predictions(plain_survey, tmp_path):
    survey = plain_survey(tmp_path / "survey")
    training = replace(TOMOGRAPHY.trainings["adam-0.001"], batch_size=8)
    file = predictions_file(tmp_path / "paper.json", "adam")
    found = train_on_survey(training, 0, 1, None, survey, "cnn-demo", None, tmp_path / "c.npz", file)
    assert found["iterations"] == 3
    assert found["loss"][0] > 1e6, "in (m/s)^2"
    with np.load(file) as stored:
        assert stored["prediction"].shape == stored["reference"].shape == (len(stored["index"]), 24, 24)
