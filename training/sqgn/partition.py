"""Mini-batches that are a partition of the training set, the same ones whenever an epoch is passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .optimizer import SQGN


def without_autotuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset without tf.data's tuning thread: closing an iterator waits for that, up to as long as it was open."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


class Partition:
    """A training set in mini-batches, for `SecondOrderModel.fit(partition)`.

    They are drawn anew each epoch from (seed, epoch), or from (seed, 0) for an optimizer whose estimator has
    `fixed_batches`; without `shuffle` they are in order. The epoch is read from the optimizer's iteration count when an
    epoch is begun, so that a second pass over the data within an epoch sees the same mini-batches, and a resumed
    training the ones it would have seen.

    `read(indices, seed) -> (x, y)` or `(x, y, weight)` returns the samples with these numbers, int64 (batch,); the
    seed, int32 (2,), is for augmentation and depends on the seed, the epoch and the mini-batch. It is traced.

    Raises ValueError for a batch size below 1 or above the number of samples.
    """

    def __init__(
        self,
        read: Callable[[tf.Tensor, tf.Tensor], Any],
        samples: int,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
    ) -> None:
        if not 0 < batch_size <= samples:
            raise ValueError(f"The batch size must be between 1 and the {samples} samples, not {batch_size}.")
        self.read = read
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    @classmethod
    def of_arrays(
        cls, x: Any, y: Any, batch_size: int, seed: int = 0, sample_weight: Any = None, shuffle: bool = True
    ) -> Partition:
        """The partition of samples held in memory; x may be a structure of arrays.

        Numbers with a fraction take Keras's precision, `keras.config.floatx()`.

        Raises ValueError where the arrays differ in their number of samples.
        """
        parts = (x, y) if sample_weight is None else (x, y, sample_weight)
        parts = keras.tree.map_structure(_in_memory, keras.tree.lists_to_tuples(parts))
        lengths = {len(array) for array in keras.tree.flatten(parts)}
        if len(lengths) != 1:
            raise ValueError(f"x and y must hold the same number of samples, not {sorted(lengths)}.")

        def read(indices: tf.Tensor, _seed: tf.Tensor) -> Any:
            return keras.tree.map_structure(lambda array: tf.gather(array, indices), parts)

        return cls(read, lengths.pop(), batch_size, seed, shuffle)

    def map(self, function: Callable[..., Any]) -> Partition:
        """The partition with `function(x, y)` in place of each mini-batch, traced; it must keep the samples' number."""
        return Partition(
            lambda indices, seed: function(*self.read(indices, seed)),
            self.samples, self.batch_size, self.seed, self.shuffle,
        )  # fmt: skip

    def dataset(self, optimizer: keras.optimizers.Optimizer) -> tf.data.Dataset:
        """The mini-batches of an epoch as a dataset, in step with the optimizer's iterations."""
        fixed = isinstance(optimizer, SQGN) and optimizer.estimator.fixed_batches

        def batches() -> Any:
            epoch = 0 if fixed else int(tf.convert_to_tensor(optimizer.iterations)) // len(self)
            order = np.arange(self.samples)
            if self.shuffle:
                order = np.random.default_rng([self.seed, epoch]).permutation(self.samples)
            for number, start in enumerate(range(0, self.samples, self.batch_size)):
                yield order[start : start + self.batch_size], (self.seed, epoch * len(self) + number)

        even = self.samples % self.batch_size == 0  # a static shape spares the product a pass (see `gauss_newton`)
        signature = (tf.TensorSpec((self.batch_size if even else None,), tf.int64), tf.TensorSpec((2,), tf.int32))
        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        dataset = dataset.map(self.read, num_parallel_calls=1, deterministic=True)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(self))).prefetch(1)
        return without_autotuning(dataset)


def _in_memory(array: Any) -> tf.Tensor:
    tensor = tf.convert_to_tensor(array)
    return tf.cast(tensor, keras.config.floatx()) if tensor.dtype.is_floating else tensor
