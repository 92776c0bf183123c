"""From samples to mini-batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from training.augmentation import Augmentation, augment
from training.samples import Samples
from training.sqgn.partition import Partition, without_autotuning

IN_MEMORY = 1e9
"""Inputs of fewer bytes than this are kept in memory; larger ones are read from the files batch by batch."""

PREDICTION_BATCH = 8
"""Models that pass through a network together where nothing is learned: enough for any core, few for any memory."""


def reader(samples: Samples, indices: np.ndarray) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """A traceable function from positions in `indices` to inputs (batch, ...) and velocity (batch, depth, x)."""
    image = samples.survey.acquisition.grid.shape
    if 4 * len(indices) * np.prod(samples.shape) < IN_MEMORY:
        inputs = tf.constant(samples.inputs(indices))
        velocity = tf.constant(samples.survey.velocity(indices))
        return lambda positions: (tf.gather(inputs, positions), tf.gather(velocity, positions))

    def load(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        models = indices[positions]
        return samples.inputs(models), samples.survey.velocity(models)

    def read(positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, velocity = tf.numpy_function(load, [positions], (tf.float32, tf.float32))
        return (
            tf.ensure_shape(inputs, (*positions.shape, *samples.shape)),
            tf.ensure_shape(velocity, (*positions.shape, *image)),
        )

    return read


def training_partition(
    samples: Samples, indices: np.ndarray, batch_size: int, seed: int, augmentation: Augmentation | None = None
) -> Partition:
    """The given models as mini-batches of (inputs, velocity), augmented if asked."""
    read = reader(samples, indices)
    interval = samples.survey.acquisition.sample_interval

    def augmented(positions: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, velocity = read(positions)
        return augment(inputs, velocity, seed, augmentation, interval) if augmentation else (inputs, velocity)

    return Partition(augmented, len(indices), batch_size, seed)


def in_order(samples: Samples, indices: np.ndarray, batch_size: int = PREDICTION_BATCH) -> tf.data.Dataset:
    """Mini-batches of (inputs, velocity) of the given models, in their order."""
    positions = tf.data.Dataset.range(len(indices)).batch(batch_size)
    return without_autotuning(positions.map(reader(samples, indices)).prefetch(1))
