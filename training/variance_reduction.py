"""Gradient estimators: what Algorithm 1 of Thiele et al. (2021) uses as `g_k` in line 8.

With `g(w)` the gradient of the loss over the mini-batch S_k and w~ the weights at the last full gradient mu:

    none     g_k = g(w_k)                                         one gradient
    svrg     g_k = g(w_k) - g(w~) + mu                            two, and a full gradient every K iterations
    cached   the same iterates; g(w~) is kept from the full pass  one, and the other mini-batches' every K iterations
    saga     g_k = g(w_k) - t_i + mean(t),  then t_i = g(w_k)     one, and a single full gradient at the start
    storm    g_k = g(w_k) + (1 - a) (g_{k-1} - g(w_{k-1}))        two, no full gradient

(svrg: Johnson and Zhang 2013; saga: Defazio, Bach and Lacoste-Julien 2014, on mini-batches; storm: Cutkosky and
Orabona 2019.) `cached` and `saga` store one gradient per mini-batch, so they must know which one they are given: train
them on a `Partition`. Estimators keep their state in the optimizer's variables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from training.lbfgs import AddVariable, norm, write_row


class Plain:
    """`none`: the mini-batch's own gradient.

    Weights and gradients are vectors (m,). The full gradient is begun, added to by each mini-batch of the training
    set, and ended. With `stores_batches` the mini-batch under way is not among them: its gradient at these weights is
    what the iteration evaluates next, and what `observe` adds.
    """

    stores_batches = False
    fixed_batches = False

    def __init__(self, add: AddVariable, weights: int, batches: int | None) -> None:
        pass

    def full_gradient_due(self, iteration: int, interval: int) -> bool:
        """Whether the full gradient is to be evaluated before this iteration."""
        return False

    def begin_full_gradient(self, w: tf.Tensor) -> None:
        """Start a full gradient at these weights."""

    def add_to_full_gradient(self, batch: tf.Tensor, g: tf.Tensor, samples: tf.Tensor) -> None:
        """Add mini-batch number `batch` of so many samples with gradient g."""

    def end_full_gradient(self, samples: tf.Tensor) -> None:
        """The full gradient is that over so many samples."""

    def observe(self, batch: tf.Tensor, g: tf.Tensor, samples: tf.Tensor) -> None:
        """Take note of the gradient g at w_k of mini-batch number `batch` of so many samples."""

    def second_point(self) -> tf.Tensor | None:
        """The weights at which a second gradient of the mini-batch is wanted, or None."""
        return None

    def estimate(
        self, iteration: tf.Tensor, batch: tf.Tensor, w: tf.Tensor, g: tf.Tensor, g2: tf.Tensor | None
    ) -> tf.Tensor:
        """Return g_k from the gradients of the mini-batch at w_k and at the second point."""
        return g


class SVRG(Plain):
    """`svrg`: lines 3 to 8 of Algorithm 1."""

    def __init__(self, add: AddVariable, weights: int, batches: int | None) -> None:
        self.snapshot = add((weights,), name="snapshot")
        self.mu = add((weights,), name="full_gradient")

    def full_gradient_due(self, iteration: int, interval: int) -> bool:
        return iteration % interval == 0

    def begin_full_gradient(self, w: tf.Tensor) -> None:
        self.snapshot.assign(w)
        self.mu.assign(tf.zeros_like(w))

    def add_to_full_gradient(self, batch: tf.Tensor, g: tf.Tensor, samples: tf.Tensor) -> None:
        self.mu.assign_add(tf.cast(samples, g.dtype) * g)

    def end_full_gradient(self, samples: tf.Tensor) -> None:
        self.mu.assign(self.mu / tf.cast(samples, self.mu.dtype))

    def second_point(self) -> tf.Tensor | None:
        return tf.convert_to_tensor(self.snapshot)

    def estimate(
        self, iteration: tf.Tensor, batch: tf.Tensor, w: tf.Tensor, g: tf.Tensor, g2: tf.Tensor | None
    ) -> tf.Tensor:
        return g - g2 + self.mu


class Cached(Plain):
    """`cached`: SVRG whose snapshot gradients are kept from the full pass over the same partition."""

    stores_batches = True

    def __init__(self, add: AddVariable, weights: int, batches: int | None) -> None:
        self.table = add((batches, weights), name="batch_gradients")
        self.samples = add((batches,), name="batch_samples")
        self.mu = add((weights,), name="full_gradient")

    def full_gradient_due(self, iteration: int, interval: int) -> bool:
        return iteration % interval == 0

    def begin_full_gradient(self, w: tf.Tensor) -> None:
        self.samples.assign(tf.zeros_like(self.samples))

    def add_to_full_gradient(self, batch: tf.Tensor, g: tf.Tensor, samples: tf.Tensor) -> None:
        write_row(self.table, batch, g)
        write_row(self.samples, batch, tf.cast(samples, g.dtype))

    def observe(self, batch: tf.Tensor, g: tf.Tensor, samples: tf.Tensor) -> None:
        missing = tf.convert_to_tensor(self.samples)[batch] == 0.0
        tf.cond(missing, lambda: self._complete(batch, g, samples), lambda: tf.no_op())

    def _complete(self, batch: tf.Tensor, g: tf.Tensor, samples: tf.Tensor) -> tf.Operation:
        """The full gradient, over all mini-batches but one whose gradient is not finite."""

        def add() -> tf.Operation:
            self.add_to_full_gradient(batch, g, samples)
            return tf.no_op()

        tf.cond(tf.math.is_finite(norm(g)), add, lambda: tf.no_op())
        shares = tf.math.divide_no_nan(self.samples, tf.reduce_sum(self.samples))
        self.mu.assign(tf.linalg.matvec(self.table, shares, transpose_a=True))
        return tf.no_op()

    def estimate(
        self, iteration: tf.Tensor, batch: tf.Tensor, w: tf.Tensor, g: tf.Tensor, g2: tf.Tensor | None
    ) -> tf.Tensor:
        return g - tf.convert_to_tensor(self.table)[batch] + self.mu


class SAGA(Cached):
    """`saga`: every mini-batch's latest gradient is kept, and mini-batches keep their samples."""

    fixed_batches = True

    def full_gradient_due(self, iteration: int, interval: int) -> bool:
        return iteration == 0

    def estimate(
        self, iteration: tf.Tensor, batch: tf.Tensor, w: tf.Tensor, g: tf.Tensor, g2: tf.Tensor | None
    ) -> tf.Tensor:
        change = g - tf.convert_to_tensor(self.table)[batch]
        g_k = change + self.mu
        share = tf.math.divide_no_nan(tf.convert_to_tensor(self.samples)[batch], tf.reduce_sum(self.samples))
        self.mu.assign_add(change * share)
        with tf.control_dependencies([change]):
            write_row(self.table, batch, g)
        return g_k


class STORM(Plain):
    """`storm`: momentum corrected by the mini-batch's own gradient at the previous weights."""

    decay = 0.1

    def __init__(self, add: AddVariable, weights: int, batches: int | None) -> None:
        self.previous = add((weights,), name="previous_weights")
        self.average = add((weights,), name="gradient_average")

    def second_point(self) -> tf.Tensor | None:
        return tf.convert_to_tensor(self.previous)

    def estimate(
        self, iteration: tf.Tensor, batch: tf.Tensor, w: tf.Tensor, g: tf.Tensor, g2: tf.Tensor | None
    ) -> tf.Tensor:
        keep = tf.where(iteration == 0, 0.0, 1.0 - self.decay)
        g_k = g + tf.cast(keep, g.dtype) * (self.average - g2)
        self.previous.assign(w)
        self.average.assign(g_k)
        return g_k


ESTIMATORS: dict[str, type[Plain]] = {
    "none": Plain,
    "svrg": SVRG,
    "cached": Cached,
    "saga": SAGA,
    "storm": STORM,
}


def without_autotuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset without tf.data's tuning thread: closing an iterator waits for that, up to as long as it was open."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


class Partition:
    """Mini-batches that are a partition of the training set, drawn anew each epoch from (seed, epoch).

    The epoch is read from the optimizer's iteration count when an epoch is begun, so that a second pass over the data
    within an epoch sees the same mini-batches, and a resumed training the ones it would have seen.

    `read(indices, seed) -> (x, y)` returns the samples with these numbers, int64 (batch,); the seed, int32 (2,), is for
    augmentation and depends on the seed, the epoch and the mini-batch. It is traced.
    """

    def __init__(
        self, read: Callable[[tf.Tensor, tf.Tensor], Any], samples: int, batch_size: int, seed: int = 0
    ) -> None:
        if not 0 < batch_size <= samples:
            raise ValueError(f"The batch size must be between 1 and the {samples} samples, not {batch_size}.")
        self.read = read
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    @classmethod
    def of_arrays(cls, x: Any, y: Any, batch_size: int, seed: int = 0) -> Partition:
        """The partition of samples held in memory."""
        x, y = tf.convert_to_tensor(x), tf.convert_to_tensor(y)

        def read(indices: tf.Tensor, _seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return tf.gather(x, indices), tf.gather(y, indices)

        return cls(read, len(x), batch_size, seed)

    def dataset(self, optimizer: Any) -> tf.data.Dataset:
        """The mini-batches as a dataset to be given to `fit`, in step with the optimizer's iterations."""
        fixed = getattr(optimizer, "fixed_batches", False)

        def batches() -> Any:
            epoch = 0 if fixed else int(tf.convert_to_tensor(optimizer.iterations)) // len(self)
            order = np.random.default_rng([self.seed, epoch]).permutation(self.samples)
            for number, start in enumerate(range(0, self.samples, self.batch_size)):
                yield order[start : start + self.batch_size], (self.seed, epoch * len(self) + number)

        even = self.samples % self.batch_size == 0  # a static shape spares the product a pass (see `gauss_newton`)
        signature = (tf.TensorSpec((self.batch_size if even else None,), tf.int64), tf.TensorSpec((2,), tf.int32))
        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        dataset = dataset.map(self.read, num_parallel_calls=1, deterministic=True)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(self))).prefetch(1)
        dataset = without_autotuning(dataset)
        dataset.partition = self
        return dataset
