"""Lines 3 to 6 of Algorithm 1: the gradient of the loss over the whole training set, and when it is due."""

from __future__ import annotations

import time
from typing import Any

import keras
import tensorflow as tf

from . import replicas
from .falling import falls_over_fit
from .keras_private import learning_rate_of
from .training_set import examples
from .vectors import vector_of


class FullGradient:
    """The full gradient at the current weights of a `SecondOrderModel`, traced once.

    ("cached" and "saga": over the mini-batches but the one under way, which the iteration adds.)
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._traced = tf.function(self._accumulate, jit_compile=False, autograph=False, reduce_retracing=True)

    def evaluate(self, dataset: tf.data.Dataset) -> None:
        """Give the estimator the gradient over all mini-batches of the dataset."""
        batches = iter(self.model.distribute_strategy.experimental_distribute_dataset(dataset))
        self._traced(batches, tf.constant(self.model.optimizer.batches_per_epoch, tf.int64))

    def _accumulate(self, batches: Any, count: tf.Tensor) -> None:
        optimizer, strategy = self.model.optimizer, self.model.distribute_strategy
        estimator = optimizer.estimator
        w = [tf.convert_to_tensor(v) for v in self.model.trainable_variables]
        estimator.begin_full_gradient(vector_of(w))

        def add(strategy: Any, batch: Any, samples: Any, g: Any) -> tf.Tensor:
            total = replicas.total(strategy, samples)
            estimator.add_to_full_gradient(replicas.first(strategy, batch), replicas.mean(strategy, samples, g), total)
            return total

        def local(data: Any, batch: tf.Tensor) -> Any:
            data = examples(data)
            g = self.model.passes.gradient(w, data)[2]
            return tf.distribute.get_replica_context().merge_call(add, (batch, tf.shape(data[1])[0], g))

        under_way = tf.convert_to_tensor(optimizer.iterations) % count if estimator.stores_batches else -1

        def add_one(batch: tf.Tensor, seen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            data = next(batches)

            def pass_over() -> tf.Tensor:
                return replicas.first(strategy, strategy.run(local, (data, batch)))

            return batch + 1, seen + tf.cond(batch == under_way, lambda: 0, pass_over)

        start = tf.zeros((), tf.int64), tf.zeros((), tf.int32)
        _, seen = tf.while_loop(lambda batch, _: batch < count, add_one, start, parallel_iterations=1)
        estimator.end_full_gradient(seen)


class Iterations(keras.callbacks.Callback):
    """What an iteration needs from outside the traced step: full gradients when due, how long alpha falls, and logs.

    `dataset` is the training set once, None where it is not passed over.
    """

    def __init__(self, dataset: tf.data.Dataset | None) -> None:
        super().__init__()
        self.dataset = dataset

    def on_train_begin(self, logs: Any = None) -> None:
        self.falls = falls_over_fit(self.model.optimizer)
        if self.falls and self.params["steps"] is None:
            raise ValueError(
                "SQGN.falling() must know how many iterations there will be: pass them, SQGN.falling(iterations), or "
                "steps_per_epoch to fit()."
            )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        self.epoch = epoch
        self.k = int(tf.convert_to_tensor(optimizer.iterations))
        if optimizer.estimator.stores_batches:
            # An epoch that was broken off is over: mini-batches are counted from 0 again.
            self.k = -(-self.k // optimizer.batches_per_epoch) * optimizer.batches_per_epoch
            with self.model.distribute_strategy.scope():
                optimizer.iterations.assign(self.k)
        self.interval = optimizer.full_gradient_interval or optimizer.batches_per_epoch
        optimizer.diagnostics.clear()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        if batch == 0:  # after what other callbacks do when an epoch begins, such as restoring a backup
            with self.model.distribute_strategy.scope():
                optimizer.begin_anew_if_elsewhere()
            if self.falls:
                steps = self.params["steps"]
                begun = int(tf.convert_to_tensor(optimizer.iterations)) - self.epoch * steps
                learning_rate_of(optimizer).begin(begun, self.params["epochs"] * steps)
                self.falls = False
        if self.interval and optimizer.estimator.full_gradient_due(self.k, self.interval):
            started = time.perf_counter()
            self.model.full_gradient.evaluate(self.dataset)
            seconds = time.perf_counter() - started
            optimizer.diagnostics.note(seconds_snapshot=tf.constant(seconds, tf.float64))
        self.k += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs.update(self.model.optimizer.diagnostics.report())
