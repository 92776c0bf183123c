"""Gradient estimators: what they average to, what they spend, and how they take a bad mini-batch."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import MSE, NumpyNetwork, flat, tiny_data, tiny_network, train

from training.sqgn import SQGN, Partition
from training.sqgn.estimators import ESTIMATORS, Cached, Momentum, Plain
from training.sqgn.vectors import vector_of


def test_an_estimator_is_one_class_and_its_name(float64, monkeypatch):
    """What it needs, costs and refuses is asked of it alone; this one wants a second gradient and leaves it."""

    class Twice(Plain):
        def gradients(self, batches, interval):
            return 2.0

        def check(self, batches, interval):
            if batches == 1:
                raise ValueError("one mini-batch is not enough")

        def build(self, add, weights, batches):
            self.last = add((weights,), name="last")

        def second_point(self):
            return tf.convert_to_tensor(self.last)

        def estimate(self, batch, w, g, g2):
            self.last.assign(w)
            return g

    monkeypatch.setitem(ESTIMATORS, "twice", Twice)
    twice, _ = train(SQGN(variance_reduction="twice"))
    plain, _ = train(SQGN(variance_reduction="none"))
    np.testing.assert_array_equal(flat(twice.trainable_variables), flat(plain.trainable_variables))
    assert twice.optimizer.gradients_per_iteration(3) == pytest.approx(2.0 + 5.0 / 12.0)
    with pytest.raises(ValueError, match="not enough"):
        train(SQGN(variance_reduction="twice"), size=12)


@pytest.mark.parametrize("interval", [None, 1])
def test_cached_gives_the_iterates_of_svrg(float64, interval):
    svrg, _ = train(SQGN(variance_reduction="svrg", full_gradient_interval=interval))
    cached, _ = train(SQGN(variance_reduction="cached", full_gradient_interval=interval))
    np.testing.assert_allclose(flat(cached.trainable_variables), flat(svrg.trainable_variables), atol=1e-9)


@pytest.mark.parametrize(("interval", "under_way"), [(None, [0, 0]), (1, [0, 1, 2, 0, 1, 2])])
def test_cached_leaves_the_mini_batch_under_way_out_of_the_full_pass(float64, monkeypatch, interval, under_way):
    """Two epochs of three mini-batches: each full pass adds two gradients, and the step's own is the third."""
    added = []
    add = Cached.add_to_full_gradient

    def counting(self, batch, g, samples):
        tf.py_function(lambda b: added.append(int(b)), [batch], [])
        add(self, batch, g, samples)

    monkeypatch.setattr(Cached, "add_to_full_gradient", counting)
    train(SQGN(variance_reduction="cached", full_gradient_interval=interval), epochs=2)
    assert added == [b for last in under_way for b in (*sorted({0, 1, 2} - {last}), last)]


def test_momentum_halves_what_a_gradient_counts_with_each_iteration():
    momentum = Momentum()
    momentum.build(lambda shape, name: tf.Variable(np.zeros(shape)), 1, None)
    gradients = (tf.constant([g], tf.float64) for g in (8.0, 16.0, 100.0))
    estimates = [float(momentum.estimate(tf.constant(0), tf.zeros(1), g, None)[0]) for g in gradients]
    assert estimates == [8.0, 4.0 + 8.0, 2.0 + 4.0 + 50.0]


def test_a_batch_of_everything_has_no_variance_to_reduce(float64):
    """With one mini-batch of all samples every estimator but momentum is the plain gradient."""
    x, y = tiny_data()
    ends = []
    for variance_reduction in ("none", "svrg", "cached", "saga", "storm"):
        model = tiny_network()
        optimizer = SQGN(variance_reduction=variance_reduction, curvature_fraction=1.0)
        model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
        model.fit(x, y, batch_size=12, epochs=5, verbose=0)
        ends.append(flat(model.trainable_variables))
    for end in ends[1:]:
        np.testing.assert_allclose(end, ends[0], atol=1e-9)


class StopAfter(keras.callbacks.Callback):
    """Ends a training in the middle of an epoch."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = batch + 1 == self.batches


@pytest.mark.parametrize("variance_reduction", ["saga", "cached", "svrg"])
def test_the_first_estimate_is_the_full_gradient(float64, variance_reduction):
    """Right after the full pass, all stored gradients are those of w_0: g_0 is mu, over all 12 samples."""
    x, y = tiny_data()
    model = tiny_network()
    w = flat(model.trainable_variables)
    optimizer = SQGN(variance_reduction=variance_reduction, first_step=1.0, max_step=None, scaling="common")
    model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
    model.fit(Partition.of_arrays(x, y, 5), epochs=1, verbose=0, callbacks=[StopAfter(1)])
    assert optimizer.iterations == 1
    full, _ = NumpyNetwork(model).at(w, x, y)
    np.testing.assert_allclose(flat(model.trainable_variables) - w, -full, atol=1e-9)


def test_after_an_epoch_that_was_broken_off_the_full_gradient_is_right(float64):
    """Two of three mini-batches, then a second `fit`: mini-batches are numbered from 0 again, and mu is over all."""
    x, y = tiny_data()
    model = tiny_network()
    optimizer = SQGN(variance_reduction="cached")
    model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
    model.fit(Partition.of_arrays(x, y, 5), epochs=1, verbose=0, callbacks=[StopAfter(2)])
    w = flat(model.trainable_variables)
    model.fit(Partition.of_arrays(x, y, 5), epochs=1, verbose=0, callbacks=[StopAfter(2)])
    assert optimizer.iterations == 5
    np.testing.assert_allclose(optimizer.estimator.mu, NumpyNetwork(model).at(w, x, y)[0], atol=1e-9)


def test_a_broken_mini_batch_is_left_out_of_the_full_gradient(float64):
    """One sample that is not a number: `saga` goes on with the mini-batches that are sound."""
    x, y = tiny_data()
    y[3, 0] = np.nan
    model, history = train(SQGN(variance_reduction="saga"), data=(x, y))
    assert np.all(np.isfinite(model.optimizer.estimator.mu))
    assert np.all(np.isfinite(flat(model.trainable_variables)))
    assert history["batches_skipped"] == [1.0] * 3
    assert history["rollbacks"] == [0.0] * 3


def test_partition_covers_every_sample_once_and_changes_with_the_epoch():
    optimizer = SQGN()
    partition = Partition.of_arrays(np.arange(10), np.arange(10), 4, seed=3)
    epochs = []
    for epoch in range(2):
        optimizer.iterations.assign(3 * epoch)
        batches = [tuple(x) for x, _ in partition.dataset(optimizer).as_numpy_iterator()]
        again = [tuple(x) for x, _ in partition.dataset(optimizer).as_numpy_iterator()]
        assert batches == again
        assert sorted(sum(batches, ())) == list(range(10))
        epochs.append(batches)
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("variance_reduction", list(ESTIMATORS))
@pytest.mark.parametrize(("broken", "kept"), [(0, np.nan), (3, np.nan), (3, 1.0)])
def test_one_broken_mini_batch_does_no_lasting_harm(float64, variance_reduction, broken, kept):
    """A gradient that is not a number, in the first iteration or a later one: weights stay finite and move on.

    It is the mini-batch's fault, or the last step's where the loss was finite at the weights before.
    """
    model = tiny_network()
    optimizer = SQGN(variance_reduction=variance_reduction, batches_per_epoch=3)
    model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
    optimizer.build(model.trainable_variables)
    start = flat(model.trainable_variables)
    optimizer.estimator.begin_full_gradient(tf.constant(start))
    rng = np.random.default_rng(0)
    for k in range(12):
        w = [tf.convert_to_tensor(v) for v in model.trainable_variables]
        g = tf.constant(rng.normal(size=start.size)) * (np.nan if k == broken else 1.0)
        loss = tf.constant(np.nan if k == broken else 1.0, tf.float64)
        s = optimizer.advance(tf.constant(4), loss, w, g, 0.5 * g, kept_loss=tf.constant(kept, tf.float64))
        if k == broken:
            np.testing.assert_array_equal(s, 0.0)
        optimizer.learn_curvature(tf.constant(True), s, s)
        assert np.all(np.isfinite(flat(model.trainable_variables)))
    assert all(np.all(np.isfinite(v)) for v in optimizer.variables)
    ruined = broken > 0 and np.isfinite(kept)
    assert optimizer.diagnostics.report()["rollbacks"] == ruined
    assert optimizer.diagnostics.report()["batches_skipped"] == 1 - ruined
    assert np.abs(flat(model.trainable_variables) - start).max() > 1e-3


@pytest.mark.parametrize("variance_reduction", list(ESTIMATORS))
def test_nothing_is_learned_from_an_exploded_loss(float64, variance_reduction):
    """Its gradient is finite, and enters neither the scaling, nor the estimator, nor the history."""
    model = tiny_network()
    optimizer = SQGN(variance_reduction=variance_reduction, batches_per_epoch=3)
    model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
    optimizer.build(model.trainable_variables)
    optimizer.estimator.begin_full_gradient(vector_of(model.trainable_variables))
    rng = np.random.default_rng(0)

    def iteration(loss):
        w = [tf.convert_to_tensor(v) for v in model.trainable_variables]
        g = tf.constant(rng.normal(size=flat(w).size))
        one = tf.constant(1.0, tf.float64)
        optimizer.advance(tf.constant(4), tf.constant(loss, tf.float64), w, g, 0.5 * g, kept_loss=one)

    for _ in range(5):
        iteration(1.0)
    before = [np.array(v) for v in optimizer.variables]
    iteration(1e3)
    changed = {
        v.name for v, value in zip(optimizer.variables, before, strict=True) if not np.array_equal(value, np.array(v))
    }
    if variance_reduction in ("svrg", "cached"):
        changed.remove("snapshot_is_valid")
    assert changed <= {"iteration", "departure", "step_limit", "diagnostics", "diagnostics_noted"}
    assert not np.any(optimizer.guard.departure)


def test_saga_keeps_the_mean_of_its_table(float64):
    """Mini-batches of 5, 5 and 2 samples: each counts by its samples, after the full pass and ever after."""
    model, _ = train(SQGN(variance_reduction="saga"), size=5)
    estimator = model.optimizer.estimator
    n, table = np.array(estimator.samples), np.array(estimator.table)
    np.testing.assert_array_equal(np.sort(n), [2, 5, 5])
    np.testing.assert_allclose(estimator.mu, n @ table / 12, atol=1e-12)
