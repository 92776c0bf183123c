"""Keras models that SQGN can train: one `train_step` is one iteration of Algorithm 1.

    model = SecondOrderModel(inputs, outputs)
    model.compile(optimizer=SQGN(), loss=..., metrics=[...])
    model.fit(x, y, batch_size=100, epochs=100)

The step is traced once, without XLA. Under a `tf.distribute` strategy every replica passes over its part of the
mini-batch; loss, gradients and products are reduced over replicas explicitly, and the vector work is done once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from . import replicas
from .falling import check_iterations
from .full_gradient import FullGradient, Iterations
from .keras_private import functional, is_functional, is_seed, note_loss
from .losses import check_is_mean, loss_hessian, the_loss
from .optimizer import SQGN
from .partition import Partition
from .passes import Data, Passes, any_state
from .refusals import check_model, refuse
from .stopwatch import Stopwatch
from .training_set import TrainingSet, examples, partition_of, split
from .vectors import blocks_of


@keras.saving.register_keras_serializable(package="sqgn")
class SecondOrderModel(keras.Model):
    """A Keras model whose `train_step` is one iteration of Algorithm 1 when its optimizer is SQGN.

    It is made of inputs and outputs, or subclassed with a `call` of one's own. With any other optimizer it trains as a
    `keras.Model` does, in micro-batches if asked.

    Args:
        micro_batch: samples per forward and backward pass; gradients and products are accumulated over the
            mini-batch, to the same result (dropout draws the same mask in each). None for the whole mini-batch at
            once. Not saved with the model.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> SecondOrderModel:
        return super().__new__(functional(cls) if is_functional(args, kwargs) else cls)

    def __init__(self, *args: Any, micro_batch: int | None = None, **kwargs: Any) -> None:
        if is_functional(args, kwargs):
            self.__class__ = functional(type(self))
        super().__init__(*args, **kwargs)
        self.micro_batch = micro_batch

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, loss_weights: Any = None, metrics: Any = None, **kwargs: Any
    ) -> None:
        """As `keras.Model.compile`; with SQGN the loss must have a known Hessian, and XLA is off.

        Raises ValueError where the Gauss-Newton matrix would not be the one of the loss: an unknown loss, weighted
        losses or losses that are no mean, several outputs, batch statistics, regularizers other than L2, XLA, eager
        steps or several per execution. Micro-batches with another optimizer refuse what would not be the same training.
        """
        if isinstance(optimizer, str) and optimizer.lower() == "sqgn":
            optimizer = SQGN()
        elif isinstance(optimizer, Mapping):
            optimizer = keras.optimizers.get(optimizer)
        second_order = isinstance(optimizer, SQGN)
        if second_order or self.micro_batch is not None:
            who = "SQGN" if second_order else "micro_batch"
            refused = {
                "loss_weights": loss_weights is not None,
                "jit_compile=True (XLA differentiates max pooling wrongly)": kwargs.get("jit_compile") is True,
            }
            refuse(who, refused)
            if self.built:
                check_model(who, self)
            chosen = the_loss(loss)
            check_is_mean(chosen)
            hessian = loss_hessian(chosen) if second_order else None
            by_sample = getattr(chosen, "call", chosen)
            self.passes = Passes(
                self, who, by_sample, hessian,
                squeezes=not _has_own_call(chosen),
                weighs=getattr(chosen, "reduction", None) != "mean_with_sample_weight",
            )  # fmt: skip
            kwargs = {**kwargs, "jit_compile": False}
        if second_order:
            refused = {
                "steps_per_execution > 1": kwargs.get("steps_per_execution", 1) != 1,
                "run_eagerly (tied maxima are differentiated wrongly)": bool(kwargs.get("run_eagerly")),
            }
            refuse("SQGN", refused)
            kwargs = {**kwargs, "auto_scale_loss": False}
            self.full_gradient = FullGradient(self)
        super().compile(optimizer=optimizer, loss=loss, loss_weights=loss_weights, metrics=metrics, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile a loaded model, and create the optimizer's state for the file's values."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built and not (isinstance(self.optimizer, SQGN) and self.optimizer.lacks_batches):
            self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        *rest: Any,
        **options: Any,
    ) -> Any:
        """As `keras.Model.fit`, also on a `Partition`, which arrays become; a dataset must hold the training set once.

        Raises ValueError where the gradient estimator passes over the training set, or keeps a gradient for each of its
        mini-batches, and x does not let it, and where alpha falls over a training whose length is not known.
        """
        if not isinstance(self.optimizer, SQGN):
            check_iterations(self.optimizer)
            if isinstance(x, Partition):
                x, shuffle = x.dataset(self.optimizer), False
            return super().fit(
                x, y, batch_size, epochs, verbose, callbacks, validation_split, validation_data, shuffle, class_weight,
                sample_weight, *rest, **options,
            )  # fmt: skip
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split((x, y, sample_weight), validation_split)
        if y is not None:
            x = partition_of(x, y, sample_weight, batch_size, shuffle)
        training_set = TrainingSet.of(x, self.optimizer, class_weight)
        training_set.check(self.optimizer)
        training_set = self._build(training_set)
        callbacks = [Iterations(training_set.dataset), *keras.tree.flatten(callbacks or [])]
        shuffle = shuffle and isinstance(training_set.mini_batches, keras.utils.PyDataset)
        return super().fit(
            training_set.mini_batches, None, None, epochs, verbose, callbacks, 0.0, validation_data, shuffle, None,
            None, *rest, **options,
        )  # fmt: skip

    def _build(self, training_set: TrainingSet) -> TrainingSet:
        optimizer, batches = self.optimizer, training_set.batches
        with self.distribute_strategy.scope():
            if not self.built:
                training_set, x = training_set.peek()
                self(x)
            check_model("SQGN", self)
            if optimizer.built and optimizer.batches_per_epoch not in (None, batches):
                optimizer.estimator.forget()
            if batches is not None:
                optimizer.batches_per_epoch = batches
            optimizer.build(self.trainable_variables)
        return training_set

    def train_on_batch(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.train_on_batch`, for an SQGN that needs no full gradients."""
        optimizer = self.optimizer
        if isinstance(optimizer, SQGN):
            if optimizer.estimator.full_gradients:
                raise ValueError(f"SQGN with {optimizer.variance_reduction!r} passes over all data: use fit().")
            check_iterations(optimizer)
            with self.distribute_strategy.scope():
                if not self.built:
                    self(x)
                check_model("SQGN", self)
                optimizer.build(self.trainable_variables)
                optimizer.begin_anew_if_elsewhere()
        return super().train_on_batch(x, *args, **kwargs)

    def train_step(self, data: Any) -> dict[str, Any]:
        """One iteration k of Algorithm 1."""
        if not isinstance(self.optimizer, SQGN):
            return super().train_step(data) if self.micro_batch is None else self._first_order_step(data)
        optimizer, passes, timed = self.optimizer, self.passes, Stopwatch()
        across_replicas = tf.distribute.get_replica_context().merge_call
        data = examples(data)
        samples = tf.shape(data[1])[0]
        k = tf.convert_to_tensor(optimizer.iterations)

        w = [tf.convert_to_tensor(v) for v in self.trainable_variables]
        h, loss, g, state = timed("seconds_gradient", passes.gradient, w, data)
        second = optimizer.estimator.second_point()
        g2 = None if second is None else timed("seconds_snapshot", passes.gradient, blocks_of(second, w), data)[2]
        kept_loss = timed("seconds_direction", self._loss_at_kept_weights, samples, loss, g, data)
        s = timed("seconds_direction", across_replicas, self._advance, (samples, loss, w, g, g2, kept_loss))

        due = (k % optimizer.curvature_interval == 0) & (optimizer.history > 0)
        T = self._curvature_samples(data)
        v = timed("seconds_product", self._product, due, T, s)
        across_replicas(self._learn_curvature, (tf.shape(T[1])[0], due, s, v))
        across_replicas(self._finish, (state, timed.spans))

        note_loss(self, tf.where(samples > 0, loss, tf.zeros_like(loss)), samples)
        return self._scores(data, h)

    def _first_order_step(self, data: Any) -> dict[str, Any]:
        """A step of any other optimizer, its gradient accumulated over micro-batches."""
        refused = {
            "loss scaling": isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer),
            "several devices, but with SQGN": self.distribute_strategy.num_replicas_in_sync > 1,
        }
        refuse("micro_batch", refused)
        data = examples(data)
        if not self.built:
            self(data[0])
        check_model("micro_batch", self)
        w = [tf.convert_to_tensor(v) for v in self.trainable_variables]
        h, loss, g, state = self.passes.gradient(w, data)
        self.optimizer.apply(blocks_of(g, w), self.trainable_variables)
        self._leave(state)
        note_loss(self, loss, tf.shape(data[1])[0])
        return self._scores(data, h)

    def _scores(self, data: Data, h: tf.Tensor) -> dict[str, Any]:
        return self.compute_metrics(*data[:2], h, sample_weight=data[2] if len(data) > 2 else None)

    def _curvature_samples(self, data: Data) -> Data:
        """T_k: the first samples of the shuffled S_k, as many as `curvature_fraction` says, rounded up."""
        fraction, samples = self.optimizer.curvature_fraction, data[1].shape[0]
        if fraction == 1.0:
            return data
        if samples is None:
            count = tf.cast(tf.math.ceil(fraction * tf.cast(tf.shape(data[1])[0], tf.float64)), tf.int32)
        else:
            count = math.ceil(fraction * samples)
        return keras.tree.map_structure(lambda a: a[:count], data)

    def _product(self, due: tf.Tensor, data: Data, s: tf.Tensor) -> tf.Tensor:
        """Gauss-Newton product (m,) at the current weights, where it is due."""

        def product() -> tf.Tensor:
            return self.passes.product([tf.convert_to_tensor(v) for v in self.trainable_variables], data, s)

        return tf.cond(due, product, lambda: tf.zeros_like(s))

    def _loss_at_kept_weights(self, samples: tf.Tensor, loss: tf.Tensor, g: tf.Tensor, data: Data) -> tf.Tensor | None:
        """The mini-batch's loss at the weights that the safeguard has kept, where it doubts the one at w_k."""
        guard = self.optimizer.guard
        if guard is None:
            return None

        def doubts(strategy: Any, samples: Any, loss: Any, g: Any) -> tf.Tensor:
            return guard.doubts(*(replicas.mean(strategy, samples, value) for value in (loss, g)))

        doubtful = tf.distribute.get_replica_context().merge_call(doubts, (samples, loss, g))
        kept = [tf.convert_to_tensor(v) for v in guard.kept]
        return tf.cond(doubtful, lambda: self.passes.loss_at(kept, data), lambda: loss)

    def _advance(self, strategy: Any, samples: Any, loss: Any, w: Any, g: Any, g2: Any, kept_loss: Any) -> Any:
        loss, g, g2, kept_loss = (
            None if value is None else replicas.mean(strategy, samples, value) for value in (loss, g, g2, kept_loss)
        )
        w = [replicas.first(strategy, block) for block in w]
        return self.optimizer.advance(replicas.total(strategy, samples), loss, w, g, g2, kept_loss)

    def _learn_curvature(self, strategy: Any, samples: Any, due: Any, s: Any, v: Any) -> None:
        v = replicas.mean(strategy, samples, v)
        self.optimizer.learn_curvature(replicas.first(strategy, due), replicas.first(strategy, s), v)

    def _finish(self, strategy: Any, state: Any, spans: Any) -> None:
        refuse(
            "SQGN on several devices",
            {"layers that keep state in call": strategy.num_replicas_in_sync > 1 and any_state(state)},
        )
        self.optimizer.diagnostics.note(**{name: replicas.first(strategy, span) for name, span in spans.items()})
        self._leave(state)

    def _leave(self, state: list[Any]) -> None:
        """Give what layers keep in `call` its next value, and their random generators their next state."""
        for variable, value in zip(self.non_trainable_variables, state, strict=True):
            if is_seed(variable):
                variable.assign_add([0, 1])
            elif value is not None:
                variable.assign(value)


def _has_own_call(loss: Any) -> bool:
    """Whether a loss is an object of a class of one's own, which takes y and h as they are."""
    return isinstance(loss, keras.losses.Loss) and not hasattr(loss, "fn")
