"""Mini-batches that are a partition of the training set, the same ones whenever an epoch is passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def without_autotuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset without tf.data's tuning thread: closing an iterator waits for that, up to as long as it was open."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


class Partition:
    """Mini-batches drawn anew each epoch from (seed, epoch), or from (seed, 0) for an optimizer with `fixed_batches`.

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
        """The partition of samples held in memory; x may be a structure of arrays."""
        pair = keras.tree.map_structure(tf.convert_to_tensor, (x, y))
        lengths = {len(array) for array in keras.tree.flatten(pair)}
        if len(lengths) != 1:
            raise ValueError(f"x and y must hold the same number of samples, not {sorted(lengths)}.")

        def read(indices: tf.Tensor, _seed: tf.Tensor) -> Any:
            return keras.tree.map_structure(lambda array: tf.gather(array, indices), pair)

        return cls(read, lengths.pop(), batch_size, seed)

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
