"""SQGN, the stochastic quasi-Gauss-Newton method of Thiele, Araya-Polo and Hohl (2021), for Keras models.

    model = SecondOrderModel(inputs, outputs)
    model.compile(optimizer=SQGN(), loss=..., metrics=[...])
    model.fit(x, y, batch_size=100, epochs=100)

Algorithm 1 in short: a gradient estimate g_k from a mini-batch S_k; the direction `d_k = -B g_k` with B the L-BFGS
inverse of the curvature pairs so far; a step `s_k = alpha d_k`; and a new pair `(s_k, v_k)` with the Gauss-Newton
product `v_k = (J'HJ + lambda I) s_k` on T_k, a part of S_k, at the new weights.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training.gauss_newton import (
    gauss_newton_product,
    gradient,
    loss_hessian,
    over_micro_batches,
    single_precision,
)
from training.lbfgs import History
from training.variance_reduction import ESTIMATORS, Partition, assign

Blocks = list[tf.Tensor]

DIAGNOSTICS = (
    "gradient_norm",
    "step_norm",
    "curvature",
    "gamma",
    "pairs_refused",
    "rollbacks",
    "seconds_gradient",
    "seconds_snapshot",
    "seconds_direction",
    "seconds_product",
)
_SUMS = slice(4, None)


@keras.saving.register_keras_serializable(package="sqgn")
class SQGN(keras.optimizers.Optimizer):
    """The optimizer of Algorithm 1; it needs a `SecondOrderModel`, which evaluates its curvature.

    Args:
        learning_rate: alpha, a float or a Keras schedule.
        history: L, the number of curvature pairs kept. Memory is `2 L m` floats for m weights.
        regularization: lambda, added to the Gauss-Newton matrix.
        curvature_interval: M; a curvature pair is made every M-th iteration.
        curvature_fraction: |T_k| / |S_k|, the part of the mini-batch that the product is taken over.
        variance_reduction: "none", "svrg", "cached", "saga" or "storm" (see `variance_reduction`).
        full_gradient_interval: K, iterations between full gradients; None for an epoch.
        first_step: the factor of the very first step.
        max_step: the largest Euclidean norm of a step; None for no limit.
        scaling: "variable" for one initial scaling gamma per variable, "common" for the paper's single one.
        safeguard: go back to the last sound weights, with an empty history, when the loss explodes.
        batches_per_epoch: known to `fit`; part of the configuration because the state of "cached" and "saga" has
            that many rows.

    Raises ValueError for a hyper-parameter out of its range.
    """

    explosion = 3.0
    smoothing = 0.9

    def __init__(
        self,
        learning_rate: Any = 0.1,
        history: int = 20,
        regularization: float = 0.1,
        curvature_interval: int = 1,
        curvature_fraction: float = 1.0,
        variance_reduction: str = "none",
        full_gradient_interval: int | None = None,
        first_step: float = 1e-7,
        max_step: float | None = 1.0,
        scaling: str = "variable",
        safeguard: bool = True,
        batches_per_epoch: int | None = None,
        name: str = "sqgn",
        **kwargs: Any,
    ) -> None:
        ranges = {
            "history": history >= 1,
            "regularization": regularization >= 0.0,
            "curvature_interval": curvature_interval >= 1,
            "curvature_fraction": 0.0 < curvature_fraction <= 1.0,
            "full_gradient_interval": full_gradient_interval is None or full_gradient_interval >= 1,
            "first_step": first_step > 0.0,
            "max_step": max_step is None or max_step > 0.0,
            "scaling": scaling in ("variable", "common"),
            "variance_reduction": variance_reduction in ESTIMATORS,
            "learning_rate": not isinstance(learning_rate, int | float) or learning_rate > 0.0,
        }
        values = locals()
        for parameter, sound in ranges.items():
            if not sound:
                raise ValueError(f"SQGN: {parameter}={values[parameter]!r} is out of range.")
        super().__init__(
            float(learning_rate) if isinstance(learning_rate, int) else learning_rate, name=name, **kwargs
        )
        self.history = history
        self.regularization = regularization
        self.curvature_interval = curvature_interval
        self.curvature_fraction = curvature_fraction
        self.variance_reduction = variance_reduction
        self.full_gradient_interval = full_gradient_interval
        self.first_step = first_step
        self.max_step = max_step
        self.scaling = scaling
        self.safeguard = safeguard
        self.batches_per_epoch = batches_per_epoch

    @classmethod
    def reference(cls, **changes: Any) -> SQGN:
        """Algorithm 1 with the paper's hyper-parameters, to the letter; `changes` replace some of them."""
        paper = {
            "learning_rate": 0.1, "history": 20, "regularization": 0.1, "curvature_interval": 1,
            "curvature_fraction": 1.0, "variance_reduction": "svrg", "full_gradient_interval": None,
            "first_step": 1e-7, "max_step": None, "scaling": "common", "safeguard": False,
        }  # fmt: skip
        return cls(**{**paper, **changes})

    @property
    def fixed_batches(self) -> bool:
        """Whether mini-batches must keep their samples from epoch to epoch."""
        return ESTIMATORS[self.variance_reduction].fixed_batches

    @property
    def stores_batches(self) -> bool:
        """Whether mini-batches must be known by their number."""
        return ESTIMATORS[self.variance_reduction].stores_batches

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the state for these trainable variables."""
        if self.built:
            return
        if not variables:
            raise ValueError("The model has no trainable variables: SQGN has nothing to train.")
        if self.stores_batches and self.batches_per_epoch is None:
            raise ValueError(
                f"Variance reduction {self.variance_reduction!r} must know the number of mini-batches: pass "
                "batches_per_epoch, or let fit() build the optimizer."
            )
        super().build(variables)
        self._shapes = [tuple(v.shape) for v in variables]
        sizes = [int(np.prod(shape)) for shape in self._shapes]
        add = self.add_variable
        self._pairs = History(add, sizes, self.history, self.scaling == "variable")
        self._estimator = ESTIMATORS[self.variance_reduction](add, variables, self.batches_per_epoch)
        self._sound = [add(shape, name="sound_weights") for shape in self._shapes] if self.safeguard else []
        self._usual_loss = add((), name="usual_loss")
        self._diagnostics = add((len(DIAGNOSTICS) + 1,), dtype="float64", name="diagnostics")

    def advance(self, loss: tf.Tensor, w: Blocks, g: Blocks, g2: Blocks | None) -> tuple[Blocks, Blocks]:
        """Lines 8 to 16: from the gradients of a mini-batch to the step, which is applied. Returns g_k and s_k.

        To be called once per iteration, across replicas, with the loss and the gradients at the weights w and,
        where the gradient estimator wants it, at its second point.
        """
        k = tf.convert_to_tensor(self.iterations)
        batch = k % (self.batches_per_epoch or 1)
        sound = self._watch(loss, w, g) if self.safeguard else tf.constant(True)
        g_k = self._estimator.estimate(k, batch, w, g, g2)
        B_g, scaling = self._pairs.inverse_times([tf.reshape(block, [-1]) for block in g_k])
        alpha = tf.where(k == 0, tf.constant(self.first_step, tf.float64), tf.cast(self.learning_rate, tf.float64))
        if self.max_step is not None:
            alpha = tf.minimum(alpha, self.max_step / tf.maximum(_norm(B_g), 1e-30))
        s = [
            tf.where(sound, tf.reshape(-tf.cast(alpha, block.dtype) * block, shape), tf.zeros(shape, block.dtype))
            for block, shape in zip(B_g, self._shapes, strict=True)
        ]
        start = [tf.where(sound, a, b) for a, b in zip(w, self._sound, strict=True)] if self.safeguard else w
        assign(self._trainable_variables, [a + b for a, b in zip(start, s, strict=True)])
        self.iterations.assign_add(1)
        self._record(1.0, gradient_norm=_norm(g_k), step_norm=_norm(s), gamma=scaling[0])
        return g_k, s

    def learn_curvature(self, due: tf.Tensor, s: Blocks, v: Blocks) -> None:
        """Lines 17 to 24: add the pair `(s, v + lambda s)` to the history, unless it is refused.

        A pair with `s'v <= 0` or a non-finite entry never enters.
        """
        v = [a + tf.cast(self.regularization, a.dtype) * b for a, b in zip(v, s, strict=True)]
        s, v = ([tf.reshape(block, [-1]) for block in blocks] for blocks in (s, v))
        sv, ss, vv = _dot(s, v), _dot(s, s), _dot(v, v)
        accepted = due & (sv > 0.0) & tf.math.is_finite(sv) & tf.math.is_finite(vv) & (ss > 0.0)
        tf.cond(accepted, lambda: _nothing(self._pairs.push(s, v)), lambda: tf.constant(0))
        self._record(
            0.0,
            curvature=tf.where(accepted, sv / ss, 0.0) * self.curvature_interval,
            pairs_refused=tf.cast(due & ~accepted, tf.float64),
        )

    def _watch(self, loss: tf.Tensor, w: Blocks, g: Blocks) -> tf.Tensor:
        """Whether loss and gradient are sound; if so keep the weights, if not forget the curvature."""
        usual = tf.convert_to_tensor(self._usual_loss)
        first = self.iterations == 0
        finite = tf.math.is_finite(loss) & tf.math.is_finite(tf.cast(_norm(g), loss.dtype))
        sound = finite & (first | (loss <= self.explosion * usual))
        smoothed = tf.where(first, loss, self.smoothing * usual + (1.0 - self.smoothing) * loss)
        self._usual_loss.assign(tf.where(finite, smoothed, usual))
        assign(self._sound, [tf.where(sound, a, b) for a, b in zip(w, self._sound, strict=True)])
        self._pairs.clear(~sound)
        self._record(0.0, rollbacks=tf.where(sound, 0.0, 1.0))
        return sound

    def _record(self, iterations: float, **values: tf.Tensor) -> None:
        row = [tf.cast(values.get(name, 0.0), tf.float64) for name in DIAGNOSTICS]
        self._diagnostics.assign_add(tf.stack([*row, tf.constant(iterations, tf.float64)]))

    def report(self) -> dict[str, float]:
        """Means (and, from `pairs_refused` on, sums) of the diagnostics since `forget_diagnostics`."""
        *values, iterations = np.asarray(self._diagnostics)
        values = np.asarray(values)
        values[: _SUMS.start] /= max(iterations, 1.0)
        return dict(zip(DIAGNOSTICS, map(float, values), strict=True))

    def forget_diagnostics(self) -> None:
        """Start the diagnostics of an epoch."""
        self._diagnostics.assign(tf.zeros_like(self._diagnostics))

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Refuse: a gradient alone is not enough."""
        raise ValueError("SQGN needs the network's curvature: train a SecondOrderModel with fit().")

    def get_config(self) -> dict[str, Any]:
        """The hyper-parameters."""
        names = (
            "history", "regularization", "curvature_interval", "curvature_fraction", "variance_reduction",
            "full_gradient_interval", "first_step", "max_step", "scaling", "safeguard", "batches_per_epoch",
        )  # fmt: skip
        base = {key: value for key, value in super().get_config().items() if key in ("name", "learning_rate")}
        return {**base, **{name: getattr(self, name) for name in names}}


def _dot(a: Blocks, b: Blocks) -> tf.Tensor:
    return tf.add_n([tf.cast(tf.reduce_sum(x * y), tf.float64) for x, y in zip(a, b, strict=True)])


def _norm(a: Blocks) -> tf.Tensor:
    return tf.sqrt(_dot(a, a))


def _nothing(_: None) -> tf.Tensor:
    return tf.constant(0)


@keras.saving.register_keras_serializable(package="sqgn")
class SecondOrderModel(keras.Model):
    """A Keras model whose `train_step` is one iteration of Algorithm 1 when its optimizer is SQGN.

    With any other optimizer it trains as a `keras.Model` does.

    Args:
        micro_batch: samples per forward and backward pass; gradients and products are accumulated over the
            mini-batch, to the same result. None for the whole mini-batch at once.
    """

    def __init__(self, *args: Any, micro_batch: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.micro_batch = micro_batch

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, **kwargs: Any) -> None:  # noqa: D417
        """As `keras.Model.compile`; with SQGN the loss must have a known Hessian, and XLA is off.

        Raises ValueError where the Gauss-Newton matrix would not be the one of the loss: an unknown loss, weighted
        losses, several outputs, batch statistics, regularized layers, XLA, several steps per execution.
        """
        if isinstance(optimizer, SQGN):
            refused = {
                "loss_weights": kwargs.get("loss_weights") is not None,
                "jit_compile=True (XLA differentiates max pooling wrongly)": kwargs.get("jit_compile") is True,
                "steps_per_execution > 1": kwargs.get("steps_per_execution", 1) != 1,
                "run_eagerly (tied maxima are differentiated wrongly)": bool(kwargs.get("run_eagerly")),
                "several outputs": self.built and len(self.outputs) != 1,
                "layers with regularizers": bool(self.losses),
            }
            for what, found in refused.items():
                if found:
                    raise ValueError(f"SQGN does not support {what}.")
            for layer in self._flatten_layers():
                if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
                    raise ValueError(
                        f"The layer {layer.name!r} computes statistics of the mini-batch, which has no Gauss-Newton "
                        "product per sample: freeze it (layer.trainable = False) or use LayerNormalization."
                    )
            if not self.trainable_variables:
                raise ValueError("The model has no trainable variables: SQGN has nothing to train.")
            self._hessian = loss_hessian(loss)
            chosen = keras.losses.get(loss) if isinstance(loss, str) else loss
            self._sample_losses = getattr(chosen, "call", chosen)
            kwargs = {**kwargs, "jit_compile": False, "auto_scale_loss": False}
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile a loaded model, and create the optimizer's state for the file's values."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, y: Any = None, batch_size: int | None = None, **kwargs: Any) -> Any:
        """As `keras.Model.fit`. Arrays become a `Partition`; a dataset must hold the training set once."""
        if not isinstance(self.optimizer, SQGN):
            return super().fit(x, y, batch_size=batch_size, **kwargs)
        for name in ("class_weight", "sample_weight", "validation_split", "steps_per_epoch"):
            if kwargs.get(name):
                raise ValueError(f"SQGN does not support fit({name}=...).")
        if y is not None:
            x = Partition.of_arrays(x, y, batch_size or 32).dataset(self.optimizer)
        self._prepare(x)
        callbacks = kwargs.pop("callbacks", None) or []
        return super().fit(x, callbacks=[_Iterations(x), *callbacks], **kwargs)

    def _prepare(self, dataset: tf.data.Dataset) -> None:
        optimizer = self.optimizer
        batches = int(dataset.cardinality())
        if optimizer.stores_batches and not hasattr(dataset, "partition"):
            raise ValueError(
                f"Variance reduction {optimizer.variance_reduction!r} keeps a gradient per mini-batch and must see the "
                "same mini-batches again: pass arrays, or the dataset of a Partition, to fit()."
            )
        if optimizer.batches_per_epoch not in (None, batches) and optimizer.stores_batches and optimizer.built:
            raise ValueError(f"SQGN was built for {optimizer.batches_per_epoch} mini-batches, not {batches}.")
        interval = optimizer.full_gradient_interval
        if optimizer.variance_reduction == "cached" and interval is not None and batches % interval:
            raise ValueError(f"full_gradient_interval={interval} must divide the {batches} mini-batches of an epoch.")
        if batches > 0:
            optimizer.batches_per_epoch = batches
        with self.distribute_strategy.scope():
            optimizer.build(self.trainable_variables)

    def train_step(self, data: Any) -> dict[str, Any]:
        """One iteration k of Algorithm 1."""
        if not isinstance(self.optimizer, SQGN):
            return super().train_step(data)
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
        clock.append(_after(g))
        second = optimizer._estimator.second_point()
        g2 = None if second is None else self._gradient([tf.convert_to_tensor(v) for v in second], x, y)[2]
        clock.append(_after(g2 or g))
        _, s = across_replicas(self._advance, (samples, loss, w, g, g2))
        clock.append(_after(s))

        due = k % optimizer.curvature_interval == 0
        v = tf.cond(due, lambda: self._product(x, y, s), lambda: [tf.zeros_like(block) for block in s])
        across_replicas(self._learn_curvature, (samples, due, s, v))
        clock.append(_after(v))
        across_replicas(self._finish, (clock,))

        self._loss_tracker.update_state(loss, sample_weight=samples)
        return self.compute_metrics(x, y, h)

    def _forward(self, x: Any) -> Any:
        fixed = [tf.convert_to_tensor(v) for v in self.non_trainable_variables]
        options = {"training": True} if self._call_has_training_arg else {}
        return lambda weights: self.stateless_call(list(weights), fixed, x, **options)[0]

    def _gradient(self, weights: Blocks, x: Any, y: Any) -> tuple[tf.Tensor, tf.Tensor, Blocks]:
        """Network output, loss and gradient over a mini-batch."""

        def part(x: Any, y: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
            def loss(h: tf.Tensor) -> tf.Tensor:
                return tf.reduce_mean(self._sample_losses(y, tf.cast(h, weights[0].dtype)))

            h, g = gradient(self._forward(x), weights, loss)
            return h, [loss(h), *g]

        h, (loss, *g) = over_micro_batches(part, x, y, self.micro_batch)
        return h, loss, g

    def _product(self, x: Any, y: Any, s: Blocks) -> Blocks:
        """Gauss-Newton product at the current weights over T_k, the first samples of the shuffled S_k."""
        count = tf.cast(tf.math.ceil(self.optimizer.curvature_fraction * tf.cast(tf.shape(y)[0], tf.float64)), tf.int32)
        x, y = keras.tree.map_structure(lambda a: a[:count], (x, y))
        weights = [tf.convert_to_tensor(v) for v in self.trainable_variables]

        def part(x: Any, y: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
            return gauss_newton_product(self._forward(x), weights, lambda h, z: self._hessian(y, h, z), s)

        with single_precision(self):
            return over_micro_batches(part, x, y, self.micro_batch)[1]

    def _advance(self, strategy: Any, samples: Any, loss: Any, w: Any, g: Any, g2: Any) -> Any:
        loss, *means = _mean_over_replicas(strategy, samples, [loss, *g, *(g2 or [])])
        g, g2 = means[: len(g)], means[len(g) :] or None
        return self.optimizer.advance(loss, [_first(strategy, block) for block in w], g, g2)

    def _learn_curvature(self, strategy: Any, samples: Any, due: Any, s: Any, v: Any) -> None:
        s = [_first(strategy, block) for block in s]
        self.optimizer.learn_curvature(_first(strategy, due), s, _mean_over_replicas(strategy, samples, v))

    def _finish(self, strategy: Any, clock: Any) -> None:
        """Note the seconds of each part, and give the layers' random generators their next state."""
        clock = [_first(strategy, time) for time in clock]
        spans = dict(zip(DIAGNOSTICS[6:], (b - a for a, b in zip(clock, clock[1:], strict=False)), strict=True))
        self.optimizer._record(0.0, **spans)
        for variable in self.non_trainable_variables:
            if variable.name == "seed_generator_state":
                variable.assign_add([0, 1])

    @tf.function(jit_compile=False, reduce_retracing=True)
    def _full_gradient_of(self, batch: tf.Tensor, seen: tf.Tensor, data: Any) -> tf.Tensor:
        """Add one mini-batch to the full gradient; returns the number of samples seen so far."""

        def local(data: Any) -> Any:
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            w = [tf.convert_to_tensor(v) for v in self.trainable_variables]
            samples = tf.shape(y)[0]
            g = self._gradient(w, x, y)[2]
            return tf.distribute.get_replica_context().merge_call(add, (samples, g))

        def add(strategy: Any, samples: Any, g: Any) -> tf.Tensor:
            total = strategy.reduce("sum", samples, axis=None)
            share = tf.cast(total, tf.float64) / tf.cast(seen + total, tf.float64)
            self.optimizer._estimator.add_to_full_gradient(batch, _mean_over_replicas(strategy, samples, g), share)
            return seen + total

        return _first(self.distribute_strategy, self.distribute_strategy.run(local, (data,)))

    def evaluate_full_gradient(self, dataset: tf.data.Dataset) -> None:
        """Lines 3 to 6: the gradient of the loss over the whole training set at the current weights."""
        self.optimizer._estimator.begin_full_gradient([tf.convert_to_tensor(v) for v in self.trainable_variables])
        seen = tf.constant(0)
        for number, data in enumerate(self.distribute_strategy.experimental_distribute_dataset(dataset)):
            seen = self._full_gradient_of(tf.constant(number, tf.int64), seen, data)


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


def _mean_over_replicas(strategy: Any, samples: Any, values: Sequence[Any]) -> list[tf.Tensor]:
    """Means over all replicas' samples, of means over each replica's own."""
    if strategy.num_replicas_in_sync == 1:
        return list(values)
    counts = strategy.experimental_local_results(samples)
    total = tf.add_n(list(counts))
    return [
        tf.add_n(
            [
                local * tf.cast(count / total, local.dtype)
                for local, count in zip(strategy.experimental_local_results(value), counts, strict=True)
            ]
        )
        for value in values
    ]


class _Iterations(keras.callbacks.Callback):
    """What an iteration needs from outside the traced step: full gradients when due, and logs."""

    def __init__(self, dataset: tf.data.Dataset) -> None:
        super().__init__()
        self.dataset = dataset

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        self.k = int(optimizer.iterations)
        self.interval = optimizer.full_gradient_interval or optimizer.batches_per_epoch
        optimizer.forget_diagnostics()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        if self.interval and optimizer._estimator.full_gradient_due(self.k, self.interval):
            started = time.perf_counter()
            self.model.evaluate_full_gradient(self.dataset)
            optimizer._record(0.0, seconds_snapshot=tf.constant(time.perf_counter() - started, tf.float64))
        self.k += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs.update(self.model.optimizer.report())
