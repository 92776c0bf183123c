"""Keras models that SQGN can train: one `train_step` is one iteration of Algorithm 1.

    model = SecondOrderModel(inputs, outputs)
    model.compile(optimizer=SQGN(), loss=..., metrics=[...])
    model.fit(x, y, batch_size=100, epochs=100)

The step is traced once, without XLA. Forward passes take their weights as arguments (`stateless_call`), so that the
gradient at w_k, the one at the snapshot and the curvature at w_{k+1} are three calls of the same function, with the
same dropout masks. Under a `tf.distribute` strategy every replica passes over its part of the mini-batch; loss,
gradients and products are reduced over replicas explicitly, and the vector work is done once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import keras
import tensorflow as tf

from .gauss_newton import (
    blocks_of,
    check_is_mean,
    gauss_newton_product,
    gradient,
    loss_hessian,
    over_micro_batches,
    single_precision,
    vector_of,
)
from .optimizer import SECONDS, SQGN
from .partition import Partition


@keras.saving.register_keras_serializable(package="sqgn")
class SecondOrderModel(keras.Model):
    """A Keras model whose `train_step` is one iteration of Algorithm 1 when its optimizer is SQGN.

    With any other optimizer it trains as a `keras.Model` does, in micro-batches if asked (of layers' state their random
    seeds alone then move on).

    Args:
        micro_batch: samples per forward and backward pass; gradients and products are accumulated over the
            mini-batch, to the same result (dropout draws the same mask in each). None for the whole mini-batch at
            once. Not saved with the model.
    """

    def __init__(self, *args: Any, micro_batch: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.micro_batch = micro_batch

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, **kwargs: Any) -> None:
        """As `keras.Model.compile`; with SQGN the loss must have a known Hessian, and XLA is off.

        Raises ValueError where the Gauss-Newton matrix would not be the one of the loss: an unknown loss, weighted
        losses or losses that are no mean, several outputs, batch statistics, regularized layers, XLA, eager steps or
        several per execution. Micro-batches with another optimizer refuse what would not be the same training.
        """
        second_order = isinstance(optimizer, SQGN)
        if second_order or self.micro_batch is not None:
            self._check_step_of_our_own("SQGN" if second_order else "micro_batch", kwargs)
            chosen = keras.losses.get(loss) if isinstance(loss, str) else loss
            check_is_mean(chosen)
            self._sample_losses = getattr(chosen, "call", chosen)
            kwargs = {**kwargs, "jit_compile": False}
        if second_order:
            refused = {
                "steps_per_execution > 1": kwargs.get("steps_per_execution", 1) != 1,
                "run_eagerly (tied maxima are differentiated wrongly)": bool(kwargs.get("run_eagerly")),
            }
            _refuse("SQGN", refused)
            self._hessian = loss_hessian(loss)
            kwargs = {**kwargs, "auto_scale_loss": False}
            self._full_gradient = tf.function(
                self._accumulate_full_gradient, jit_compile=False, autograph=False, reduce_retracing=True
            )
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def _check_step_of_our_own(self, who: str, options: dict[str, Any]) -> None:
        refused = {
            "loss_weights": options.get("loss_weights") is not None,
            "jit_compile=True (XLA differentiates max pooling wrongly)": options.get("jit_compile") is True,
            "several outputs": self.built and len(self.outputs) != 1,
            "layers with regularizers": bool(self.losses),
        }
        _refuse(who, refused)
        for layer in self._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
                raise ValueError(
                    f"The layer {layer.name!r} computes statistics of the mini-batch, which are not those of its parts "
                    "and have no Gauss-Newton product: freeze it (layer.trainable = False) or use LayerNormalization."
                )
        if not self.trainable_variables:
            raise ValueError(f"The model has no trainable variables: {who} has nothing to train.")

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile a loaded model, and create the optimizer's state for the file's values."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if not (isinstance(self.optimizer, SQGN) and self.optimizer.lacks_batches):
            self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, y: Any = None, batch_size: int | None = None, **kwargs: Any) -> Any:
        """As `keras.Model.fit`. Arrays become a `Partition`; a dataset must hold the training set once."""
        if not isinstance(self.optimizer, SQGN):
            return super().fit(x, y, batch_size=batch_size, **kwargs)
        names = ("class_weight", "sample_weight", "steps_per_epoch")
        refused = {f"fit({name}=...)": kwargs.get(name) is not None for name in names}
        _refuse("SQGN", {**refused, "fit(validation_split=...)": bool(kwargs.get("validation_split"))})
        if y is not None:
            x = Partition.of_arrays(x, y, batch_size or min(32, len(y))).dataset(self.optimizer)
        if not isinstance(x, tf.data.Dataset):
            raise ValueError(f"SQGN trains on arrays x and y or on a tf.data.Dataset of pairs, not on {type(x)}.")
        self._prepare(x)
        callbacks = keras.tree.flatten(kwargs.pop("callbacks", None) or [])
        return super().fit(x, callbacks=[_Iterations(x), *callbacks], **{**kwargs, "shuffle": False})

    def _prepare(self, dataset: tf.data.Dataset) -> None:
        optimizer = self.optimizer
        batches = int(dataset.cardinality())
        if optimizer.stores_batches and not hasattr(dataset, "partition"):
            raise ValueError(
                f"Variance reduction {optimizer.variance_reduction!r} keeps a gradient per mini-batch and must see the "
                "same mini-batches again: pass arrays, or the dataset of a Partition, to fit()."
            )
        if batches < 0 and optimizer.full_gradients:
            raise ValueError(
                f"Variance reduction {optimizer.variance_reduction!r} needs a dataset of known, finite length."
            )
        if optimizer.batches_per_epoch not in (None, batches) and optimizer.stores_batches and optimizer.built:
            raise ValueError(f"SQGN was built for {optimizer.batches_per_epoch} mini-batches, not {batches}.")
        interval = optimizer.full_gradient_interval
        if optimizer.variance_reduction == "cached" and interval is not None and batches % interval:
            raise ValueError(f"full_gradient_interval={interval} must divide the {batches} mini-batches of an epoch.")
        with self.distribute_strategy.scope():
            if optimizer.built and optimizer.batches_per_epoch not in (None, batches):
                optimizer._estimator.forget()
            if batches > 0:
                optimizer.batches_per_epoch = batches
            optimizer.build(self.trainable_variables)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.train_on_batch`, for an SQGN that needs no full gradients."""
        if isinstance(self.optimizer, SQGN):
            if self.optimizer.full_gradients:
                raise ValueError(f"SQGN with {self.optimizer.variance_reduction!r} passes over all data: use fit().")
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
        return super().train_on_batch(*args, **kwargs)

    def train_step(self, data: Any) -> dict[str, Any]:
        """One iteration k of Algorithm 1."""
        if not isinstance(self.optimizer, SQGN):
            return super().train_step(data) if self.micro_batch is None else self._first_order_step(data)
        optimizer = self.optimizer
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if sample_weight is not None:
            raise ValueError("SQGN does not support sample weights.")
        across_replicas = tf.distribute.get_replica_context().merge_call
        samples = tf.shape(y)[0]
        k = tf.convert_to_tensor(optimizer.iterations)
        clock = [_after([samples])]

        w = [tf.convert_to_tensor(v) for v in self.trainable_variables]
        h, loss, g = self._gradient(w, x, y)
        clock.append(_after([g]))
        second = optimizer._estimator.second_point()
        g2 = None if second is None else self._gradient(blocks_of(second, w), x, y)[2]
        clock.append(_after([g if g2 is None else g2]))
        s = across_replicas(self._advance, (samples, loss, w, g, g2))
        clock.append(_after([s]))

        due = k % optimizer.curvature_interval == 0
        v = tf.cond(due, lambda: self._product(x, y, s), lambda: tf.zeros_like(s))
        across_replicas(self._learn_curvature, (tf.convert_to_tensor(self._curvature_samples(y)), due, s, v))
        clock.append(_after([v]))
        across_replicas(self._finish, (clock,))

        self._loss_tracker.update_state(tf.where(samples > 0, loss, tf.zeros_like(loss)), sample_weight=samples)
        return self.compute_metrics(x, y, h)

    def _first_order_step(self, data: Any) -> dict[str, Any]:
        """A step of any other optimizer, its gradient accumulated over micro-batches."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        refused = {
            "sample weights": sample_weight is not None,
            "loss scaling": isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer),
            "several devices, but with SQGN": self.distribute_strategy.num_replicas_in_sync > 1,
        }
        _refuse("micro_batch", refused)
        w = [tf.convert_to_tensor(v) for v in self.trainable_variables]
        h, loss, g = self._gradient(w, x, y)
        self.optimizer.apply(blocks_of(g, w), self.trainable_variables)
        self._next_random_state()
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(y)[0])
        return self.compute_metrics(x, y, h)

    def _forward(self, x: Any) -> Any:
        fixed = [tf.convert_to_tensor(v) for v in self.non_trainable_variables]
        options = {"training": True} if self._call_has_training_arg else {}

        def forward(weights: Any) -> tf.Tensor:
            h, _, losses = self.stateless_call(list(weights), fixed, x, return_losses=True, **options)
            self._refuse_here("losses of layers (activity regularizers, add_loss)", bool(losses))
            self._refuse_here("masked outputs", getattr(h, "_keras_mask", None) is not None)
            return h

        return forward

    def _refuse_here(self, what: str, found: bool) -> None:
        _refuse("SQGN" if isinstance(self.optimizer, SQGN) else "micro_batch", {what: found})

    def _gradient(self, weights: list[tf.Tensor], x: Any, y: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Network output, loss and gradient (m,) over a mini-batch."""

        def part(x: Any, y: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
            def loss(h: tf.Tensor) -> tf.Tensor:
                h = tf.cast(h, weights[0].dtype)
                values = self._sample_losses(tf.cast(y, h.dtype), h)
                in_parts = self.micro_batch is not None
                self._refuse_here("losses that are not one of each sample", in_parts and values.shape.rank == 0)
                self._refuse_here("masked losses", getattr(values, "_keras_mask", None) is not None)
                return tf.reduce_mean(values)

            h, value, g = gradient(self._forward(x), weights, loss)
            return h, [value, vector_of(g)]

        h, (loss, g) = over_micro_batches(part, x, y, self.micro_batch)
        return h, loss, g

    def _product(self, x: Any, y: Any, s: tf.Tensor) -> tf.Tensor:
        """Gauss-Newton product (m,) at the current weights over T_k, the first samples of the shuffled S_k."""
        if self.optimizer.curvature_fraction < 1.0:
            count = self._curvature_samples(y)
            x, y = keras.tree.map_structure(lambda a: a[:count], (x, y))
        weights = [tf.convert_to_tensor(v) for v in self.trainable_variables]

        def part(x: Any, y: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
            h, v = gauss_newton_product(
                self._forward(x), weights, lambda h, z: self._hessian(tf.cast(y, h.dtype), h, z), blocks_of(s, weights)
            )
            return h, [vector_of(v)]

        with single_precision(self):
            return over_micro_batches(part, x, y, self.micro_batch)[1][0]

    def _curvature_samples(self, y: Any) -> Any:
        """|T_k|, a number where |S_k| is static."""
        fraction = self.optimizer.curvature_fraction
        if y.shape[0] is None:
            return tf.cast(tf.math.ceil(fraction * tf.cast(tf.shape(y)[0], tf.float64)), tf.int32)
        return math.ceil(fraction * y.shape[0])

    def _advance(self, strategy: Any, samples: Any, loss: Any, w: Any, g: Any, g2: Any) -> Any:
        loss, g = (_mean_over_replicas(strategy, samples, value) for value in (loss, g))
        g2 = None if g2 is None else _mean_over_replicas(strategy, samples, g2)
        total = strategy.reduce("sum", samples, axis=None)
        return self.optimizer.advance(total, loss, [_first(strategy, block) for block in w], g, g2)

    def _learn_curvature(self, strategy: Any, samples: Any, due: Any, s: Any, v: Any) -> None:
        v = _mean_over_replicas(strategy, samples, v)
        self.optimizer.learn_curvature(_first(strategy, due), _first(strategy, s), v)

    def _finish(self, strategy: Any, clock: Any) -> None:
        """Note the seconds of each part, and give the layers' random generators their next state."""
        clock = [_first(strategy, time) for time in clock]
        spans = dict(zip(SECONDS, (b - a for a, b in pairwise(clock)), strict=True))
        self.optimizer._record(**spans)
        self._next_random_state()

    def _next_random_state(self) -> None:
        for variable in self.non_trainable_variables:
            if variable.name == "seed_generator_state":
                variable.assign_add([0, 1])

    def _accumulate_full_gradient(self, batches: Any, count: tf.Tensor) -> None:
        strategy, estimator = self.distribute_strategy, self.optimizer._estimator
        w = [tf.convert_to_tensor(v) for v in self.trainable_variables]
        estimator.begin_full_gradient(vector_of(w))

        def add(strategy: Any, batch: Any, samples: Any, g: Any) -> tf.Tensor:
            total = strategy.reduce("sum", samples, axis=None)
            estimator.add_to_full_gradient(_first(strategy, batch), _mean_over_replicas(strategy, samples, g), total)
            return total

        def local(data: Any, batch: tf.Tensor) -> Any:
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            g = self._gradient(w, x, y)[2]
            return tf.distribute.get_replica_context().merge_call(add, (batch, tf.shape(y)[0], g))

        under_way = tf.convert_to_tensor(self.optimizer.iterations) % count if estimator.stores_batches else -1

        def add_one(batch: tf.Tensor, seen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            data = next(batches)

            def pass_over() -> tf.Tensor:
                return _first(strategy, strategy.run(local, (data, batch)))

            return batch + 1, seen + tf.cond(batch == under_way, lambda: 0, pass_over)

        start = tf.zeros((), tf.int64), tf.zeros((), tf.int32)
        _, seen = tf.while_loop(lambda batch, _: batch < count, add_one, start, parallel_iterations=1)
        estimator.end_full_gradient(seen)

    def evaluate_full_gradient(self, dataset: tf.data.Dataset) -> None:
        """Lines 3 to 6: the gradient of the loss over the whole training set at the current weights.

        ("cached" and "saga": over the mini-batches but the one under way, which the iteration adds.)
        """
        batches = iter(self.distribute_strategy.experimental_distribute_dataset(dataset))
        self._full_gradient(batches, tf.constant(self.optimizer.batches_per_epoch, tf.int64))


def _refuse(who: str, refused: dict[str, bool]) -> None:
    for what, found in refused.items():
        if found:
            raise ValueError(f"{who} does not support {what}.")


def _after(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """The time [s] when these tensors are there; zero under deterministic operations, which have no clock."""
    try:
        with tf.init_scope():
            tf.timestamp()
    except tf.errors.FailedPreconditionError:
        return tf.zeros((), tf.float64)
    with tf.control_dependencies(list(tensors)):
        return tf.timestamp()


def _first(strategy: Any, value: Any) -> Any:
    return strategy.experimental_local_results(value)[0]


def _mean_over_replicas(strategy: Any, samples: Any, value: Any) -> tf.Tensor:
    """The mean over all replicas' samples, of means over each replica's own."""
    if strategy.num_replicas_in_sync == 1:
        return value
    counts = strategy.experimental_local_results(samples)
    total = tf.add_n(list(counts))
    return tf.add_n(
        [
            tf.math.multiply_no_nan(local, tf.cast(count / total, local.dtype))
            for local, count in zip(strategy.experimental_local_results(value), counts, strict=True)
        ]
    )


class _Iterations(keras.callbacks.Callback):
    """What an iteration needs from outside the traced step: full gradients when due, and logs."""

    def __init__(self, dataset: tf.data.Dataset) -> None:
        super().__init__()
        self.dataset = dataset

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        self.k = int(tf.convert_to_tensor(optimizer.iterations))
        if optimizer.stores_batches:  # an epoch that was broken off is over: mini-batches are counted from 0 again
            self.k = -(-self.k // optimizer.batches_per_epoch) * optimizer.batches_per_epoch
            with self.model.distribute_strategy.scope():
                optimizer.iterations.assign(self.k)
        self.interval = optimizer.full_gradient_interval or optimizer.batches_per_epoch
        optimizer.forget_diagnostics()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        if self.interval and optimizer._estimator.full_gradient_due(self.k, self.interval):
            started = time.perf_counter()
            self.model.evaluate_full_gradient(self.dataset)
            optimizer._record(seconds_snapshot=tf.constant(time.perf_counter() - started, tf.float64))
        self.k += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs.update(self.model.optimizer.report())
